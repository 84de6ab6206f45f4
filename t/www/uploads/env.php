<?php
// Everything PHP was told about the request, as JSON with sorted keys.
header('Content-Type: application/json');
$all = $_SERVER;
unset($all['REQUEST_TIME'], $all['REQUEST_TIME_FLOAT'], $all['REMOTE_PORT'], $all['UNIQUE_ID']);
ksort($all);
echo json_encode(['server' => $all, 'get' => $_GET, 'file' => __FILE__],
    JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE), "\n";
