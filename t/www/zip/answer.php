<?php
// One kind of answer for each ?do=...
function wait_for_file($path)
{
    $deadline = microtime(true) + 20;
    do {
        clearstatcache();
        if (file_exists($path)) {
            return true;
        }
        usleep(5000);
    } while (microtime(true) < $deadline);
    return false;
}

switch ($_GET['do'] ?? '') {
case 'small':
    echo 'hello';
    break;
case 'status':
    header('Status: ' . $_GET['line']);
    if (!isset($_GET['empty'])) {
        echo 'body of ', $_GET['line'];
    }
    break;
case 'protocol-status':
    header($_SERVER['SERVER_PROTOCOL'] . ' 418 I am a teapot');
    echo 'short and stout';
    break;
case 'none':
    http_response_code(204);
    break;
case 'etag':
    header('ETag: "abc"');
    if (($_SERVER['HTTP_IF_NONE_MATCH'] ?? '') === '"abc"') {
        http_response_code(304);
        exit;
    }
    echo 'fresh';
    break;
case 'range':
    $all = '0123456789';
    if (preg_match('/^bytes=(\d+)-(\d+)$/', $_SERVER['HTTP_RANGE'] ?? '', $m)) {
        http_response_code(206);
        header("Content-Range: bytes $m[1]-$m[2]/10");
        $all = substr($all, (int) $m[1], $m[2] - $m[1] + 1);
    }
    echo $all;
    break;
case 'headers':
    for ($i = 1; $i <= 40; $i++) {
        header("X-Many-$i: value $i");
    }
    header('X-With-Long-Value: ' . str_repeat('v', 6000) . 'END');
    header('Set-Cookie: a=1', false);
    header('Set-Cookie: b=2', false);
    header('WWW-Authenticate: Basic realm="one"', false);
    header('WWW-Authenticate: Digest realm="two"', false);
    echo 'many';
    break;
case 'location':
    header('Location: http://elsewhere.test/x');
    break;
case 'big':
    // Pseudo random, so that nothing of it repeats at a buffer's distance.
    $left = (int) $_GET['bytes'];
    for ($i = 0; $left > 0; $i++) {
        $piece = substr(str_repeat(md5("$i", true), 4096), 0, $left);
        $left -= strlen($piece);
        echo $piece;
    }
    break;
case 'zeros':
    header('Content-Length: ' . (1 << 20));
    echo str_repeat('0', 1 << 20);
    break;
case 'flush':
    echo "first\n";
    flush();
    echo wait_for_file(__DIR__ . '/' . basename($_GET['file'])) ? "second\n" : "nobody came\n";
    break;
case 'hold':
    // Says nothing until the test lets it go.
    wait_for_file(__DIR__ . '/' . basename($_GET['file']));
    echo "held\n";
    break;
case 'stream':
    // Endless until the client is gone.
    ignore_user_abort(false);
    header('Content-Type: text/plain');
    for ($i = 0; $i < 200000; $i++) {
        echo str_repeat('s', 8192);
        flush();
    }
    break;
case 'stderr':
    error_log('a line for the log of this host');
    echo 'logged';
    break;
case 'pid':
    echo getmypid();
    break;
case 'session':
    echo connection_status();
    break;
case 'include':
    echo (@include $_GET['path']) ? 'included' : 'refused';
    break;
case 'read':
    echo @file_get_contents($_GET['path']) === false ? 'refused' : 'read';
    break;
default:
    echo 'nothing to do';
}
