<?php
echo posix_getpwuid(posix_geteuid())['name'], ' ', posix_getgrgid(posix_getegid())['name'], "\n";
