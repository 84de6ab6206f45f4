<?php
echo ini_get('memory_limit'), ' ', $_SERVER['SCRIPT_FILENAME'], "\n";
