<?php echo "front ", $_SERVER["REQUEST_URI"], " path_info=", $_SERVER["PATH_INFO"] ?? "", "\n";
