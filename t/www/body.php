<?php
// What arrived of the request's body; php://input is read piece by piece.
$hash = hash_init('sha1');
$size = 0;
$in = fopen('php://input', 'rb');
while (!feof($in)) {
    $piece = fread($in, 65536);
    $size += strlen($piece);
    hash_update($hash, $piece);
}
$files = [];
foreach ($_FILES as $name => $file) {
    $files[$name] = ['name' => $file['name'], 'size' => $file['size'], 'error' => $file['error'],
        'sha1' => $file['error'] ? '' : sha1_file($file['tmp_name'])];
}
echo json_encode(['method' => $_SERVER['REQUEST_METHOD'], 'size' => $size,
    'sha1' => hash_final($hash), 'type' => $_SERVER['CONTENT_TYPE'] ?? '',
    'length' => $_SERVER['CONTENT_LENGTH'] ?? '', 'post' => $_POST, 'files' => $files]), "\n";
