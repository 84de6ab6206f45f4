<?php echo "index ", $_SERVER["SCRIPT_NAME"], " ", $_SERVER["REQUEST_URI"], "\n";
