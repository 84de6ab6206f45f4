<?php
echo 'error page ', $_SERVER['REDIRECT_STATUS'] ?? '?', ' for ', $_SERVER['REDIRECT_URL'] ?? '?', "\n";
