<?php // 50 KB in rows, as a page with a table is made
for ($i = 0; $i < 512; $i++) {
    printf("<tr><td>%05d</td><td>%s</td></tr>\n", $i, str_repeat('x', 66));
}
