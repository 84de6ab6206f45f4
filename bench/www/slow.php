<?php // 16 MB, for clients that read it slowly
for ($i = 0; $i < 256; $i++) {
    echo str_repeat('x', 65536);
}
