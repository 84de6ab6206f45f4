<?php // 1 MB in rows
for ($i = 0; $i < 10486; $i++) {
    printf("<tr><td>%05d</td><td>%s</td></tr>\n", $i, str_repeat('x', 66));
}
