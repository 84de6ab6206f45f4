# SPDX-License-Identifier: Apache-2.0
#
# Every kind of request that PHP applications use, through the real PHP-FPM: methods, bodies,
# paths, the other modules on the way, and answers of all shapes.
use strict;
use warnings;
use Digest::SHA qw(sha1_hex);
use Digest::MD5 qw(md5);
use FPMT;
use JSON::PP qw(decode_json);
use Test::More;

my $www = "$SCRATCH/www/anna";
my $tls = define('TLS_PORT');

sub json { my ($r) = @_; return eval { decode_json($r->{body}) } || { broken => "$r->{line}: $r->{body}" } }

# env.php's view of one request.
sub env_of { return json(get('anna.test', @_))->{server} || {} }

# The bytes of answer.php?do=big.
sub big { my ($bytes) = @_; my ($all, $i) = ('', 0); $all .= md5($i++) x 4096 while length $all < $bytes; return substr $all, 0, $bytes }

subtest 'methods' => sub {
    is body_of('anna.test', '/answer.php?do=small'), 'hello', 'GET';
    my $head = http('anna.test', 'HEAD', '/answer.php?do=small');
    is $head->{status}, 200, 'HEAD is answered';
    is $head->{body}, '', 'HEAD has no body';
    my $post = json(http('anna.test', 'POST', '/body.php', body => 'a=1&b=two+words',
        headers => ['Content-Type: application/x-www-form-urlencoded']));
    is_deeply $post->{post}, { a => 1, b => 'two words' }, 'POST of a form fills $_POST';
    for my $method (qw(PUT PATCH DELETE)) {
        my $r = json(http('anna.test', $method, '/body.php', body => "for $method"));
        is "$r->{method} $r->{sha1}", "$method " . sha1_hex("for $method"), "$method with a body";
    }
    is json(http('anna.test', 'DELETE', '/body.php'))->{size}, 0, 'DELETE without a body';
    is json(http('anna.test', 'OPTIONS', '/body.php'))->{method}, 'OPTIONS', 'OPTIONS reaches the script';
    is json(http('anna.test', 'REPORT', '/body.php'))->{method}, 'REPORT', 'so does a method of WebDAV';
    is json(http('anna.test', 'POST', '/body.php', body => ''))->{length}, '0', 'POST with an empty body';
};

sub multipart {
    my ($file) = @_;
    return join "\r\n", '--xyz', 'Content-Disposition: form-data; name="title"', '', 'holiday',
        '--xyz', 'Content-Disposition: form-data; name="photo"; filename="p h.bin"',
        'Content-Type: application/octet-stream', '', $file, '--xyz--', '';
}

subtest 'request bodies' => sub {
    my $file = big(70_000);
    my $r = json(http('anna.test', 'POST', '/body.php', body => multipart($file),
        headers => ['Content-Type: multipart/form-data; boundary=xyz']));
    is $r->{files}{photo}{sha1}, sha1_hex($file), 'a multipart upload arrives whole';
    is $r->{files}{photo}{name}, 'p h.bin', 'with its name';
    is $r->{post}{title}, 'holiday', 'and the other fields';

    for my $size (1, 65_535, 65_536, 200_001) {
        my $body = big($size);
        is json(http('anna.test', 'PUT', '/body.php', body => $body))->{sha1}, sha1_hex($body), "a body of $size bytes";
    }
    is json(http('anna.test', 'POST', '/body.php', chunked => 1, body => 'small'))->{sha1},
        sha1_hex('small'), 'a small chunked body arrives';
    my $big = big(5_000_000);
    my @pieces = unpack '(a70001)*', $big;
    $r = json(http('anna.test', 'POST', '/body.php', chunked => 1, body => sub { shift @pieces }));
    is $r->{sha1}, sha1_hex($big), 'a chunked body of 5 MB arrives whole';
    @pieces = ('a=1', '&b=2');
    $r = json(http('anna.test', 'POST', '/body.php', chunked => 1, body => sub { shift @pieces },
        headers => ['Content-Type: application/x-www-form-urlencoded']));
    is_deeply $r->{post}, { a => 1, b => 2 }, 'a chunked form fills $_POST';
    $r = http('anna.test', 'POST', '/answer.php?do=small', body => big(3_000_000));
    is $r->{body}, 'hello', 'a script that never reads its body still answers';
    $r = http('anna.test', 'POST', '/body.php', body => 'late', headers => ['Expect: 100-continue']);
    is json($r)->{sha1}, sha1_hex('late'), 'Expect: 100-continue is served';
};

subtest 'an upload of 64 MB is streamed' => sub {
    my $piece  = big(1 << 20);
    my $digest = Digest::SHA->new(1);
    $digest->add($piece) for 1 .. 64;
    my $sum    = $digest->hexdigest;
    my $before = reset_peak();
    my $left   = 64;
    my $r = json(http('anna.test', 'PUT', '/body.php', length => 64 << 20, body => sub { $left-- > 0 ? $piece : undef }));
    is $r->{sha1}, $sum, 'all 64 MB arrive at php://input';
    my $grown = peak_kb() - $before;
    cmp_ok $grown, '<', 16 * 1024, "httpd's child grows by less than 16 MB ($grown kB)";

    my ($head, $tail) = split /BODY/, multipart('BODY');
    my @parts = ($head, ($piece) x 64, $tail);
    $before = reset_peak();
    $r = json(http('anna.test', 'POST', '/body.php', body => sub { shift @parts },
        length => length($head) + length($tail) + (64 << 20),
        headers => ['Content-Type: multipart/form-data; boundary=xyz']));
    is $r->{files}{photo}{sha1}, $sum, 'so does a form with a file of 64 MB';
    $grown = peak_kb() - $before;
    cmp_ok $grown, '<', 16 * 1024, "with no more memory ($grown kB)";
};

subtest 'paths' => sub {
    my $e = env_of('/env.php/extra/path%20x?q=1');
    is $e->{PATH_INFO}, '/extra/path x', 'PATH_INFO is what follows the script';
    is $e->{SCRIPT_NAME}, '/env.php', 'SCRIPT_NAME is without it';
    is $e->{SCRIPT_FILENAME}, "$www/env.php", 'SCRIPT_FILENAME is the file';
    is $e->{REQUEST_URI}, '/env.php/extra/path%20x?q=1', 'REQUEST_URI is what the client sent';
    is get('anna.test', '/nopathinfo/env.php')->{status}, 200, 'AcceptPathInfo Off: the script itself is served';
    is get('anna.test', '/nopathinfo/env.php/extra')->{status}, 404, 'and a path behind it is 404';
    is body_of('anna.test', '/'), "index /index.php /\n", 'DirectoryIndex at the root';
    is body_of('anna.test', '/sub/?a=1'), "index /sub/index.php /sub/?a=1\n", 'DirectoryIndex in a folder';
    is get('anna.test', '/sub')->{status}, 301, 'a folder without slash is redirected by httpd';
    is body_of('anna.test', '/front/some/page?x=1'), "front /front/some/page?x=1 path_info=\n", 'FallbackResource';
    is env_of('/alias/env.php/p')->{SCRIPT_FILENAME}, "$SCRATCH/www/anna_alias/env.php", 'Alias';
    is env_of('/alias/env.php/p')->{PATH_INFO}, '/p', 'Alias with PATH_INFO';
    is body_of('anna.test', '/~fpmt_carl/who.php'), "fpmt_carl fpmt_carl\n", "mod_userdir: PHP in carl's home runs as carl";
    is body_of('anna.test', '/plain.txt'), "plain text\n", 'a file that is not PHP stays httpd\'s';
};

subtest 'errors that belong to httpd' => sub {
    my $r = get('anna.test', '/missing.php');
    is $r->{status}, 404, 'a missing script is 404';
    is $r->{body}, "error page 404 for /missing.php\n", 'shown by a PHP ErrorDocument';
    $r = http('anna.test', 'POST', '/missing.php', body => 'a=1');
    is $r->{status}, 404, 'after a POST too';
    like $r->{body}, qr/^error page 404/, 'and the page is PHP again';
    is get('bert.test', '/missing.php/x')->{status}, 404, 'a missing script with a path behind it is 404';
    $r = get('anna.test', '/answer.php?do=status&line=404+Gone+fishing');
    is "$r->{line} | $r->{body}", 'HTTP/1.1 404 Gone fishing | body of 404 Gone fishing', "PHP's own 404 keeps PHP's body";
    my $dir = "$www/folder.php";
    mkdir $dir;
    isnt get('anna.test', '/folder.php/')->{status}, 200, 'a folder called *.php is not run';
};

subtest 'mod_rewrite' => sub {
    my $r = json(get('anna.test', '/rewritten/abc?more=1'));
    is_deeply $r->{get}, { from => 'abc', more => 1 }, 'per server, with query';
    my $e = env_of('/rewritten-path/one/two');
    is $e->{PATH_INFO}, '/one/two', 'per server, with PATH_INFO';
    is $e->{SCRIPT_FILENAME}, "$www/env.php", 'and the file that the rule names';
    is json(get('anna.test', '/ht/nice-bob'))->{get}{name}, 'bob', 'in .htaccess, with query';
    is json(get('anna.test', '/ht/old.php'))->{get}{name}, 'old', 'in .htaccess, from one script to another';
    $e = env_of('/ht/info/one/two');
    is $e->{PATH_INFO}, '/one/two', 'in .htaccess, with PATH_INFO';
    is $e->{REQUEST_URI}, '/ht/info/one/two', 'REQUEST_URI stays what the client sent';
    is $e->{SCRIPT_FILENAME}, "$www/ht/env.php", 'SCRIPT_FILENAME is the file';
};

subtest 'file names' => sub {
    my @names = (
        [ 'a b.php',        'a%20b.php',         'a space' ],
        [ "\xc3\xbcml.php", '%C3%BCml.php',      'UTF-8' ],
        [ 'q?x=1.php',      'q%3Fx=1.php',       'a question mark' ],
        [ 'a+b.php',        'a+b.php',           'a plus' ],
        [ q{it's "q".php},  'it%27s%20%22q%22.php', 'quotes' ],
        [ 'h#h.php',        'h%23h.php',         'a hash' ],
        [ 'p%20p.php',      'p%2520p.php',       'a percent sign' ],
        [ 'semi;a&b=c.php', 'semi;a&b=c.php',    'semicolon, ampersand, equals sign' ],
        [ '[x]{y}$z.php',   '%5Bx%5D%7By%7D$z.php', 'brackets and a dollar' ],
    );
    my $code = slurp("$www/env.php");
    for my $row (@names) {
        my ($name, $url, $title) = @$row;
        user_file('anna', "$www/$name", $code);
        my $r = get('anna.test', "/$url?v=1");
        is $r->{status}, 200, "$title: it is found";
        my $seen = json($r);
        utf8::encode(my $file = $seen->{file} // '');
        is $file, "$www/$name", "$title: and it is this file that runs";
        is_deeply $seen->{get}, { v => 1 }, "$title: the query is the query";
        $r = json(get('anna.test', "/$url/in%3Ffo?v=1"));
        is $r->{server}{PATH_INFO}, '/in?fo', "$title: PATH_INFO";
    }
};

subtest 'HTTPS' => sub {
    my $out = qx(curl -sS --http1.1 --cacert $SCRATCH/tls/cert.pem --resolve anna.test:$tls:127.0.0.1 https://anna.test:$tls/env.php/p?a=1 2>&1);
    my $e = (eval { decode_json($out) } || {})->{server} || {};
    is $e->{HTTPS}, 'on', 'HTTPS is on' or diag $out;
    is $e->{REQUEST_SCHEME}, 'https', 'REQUEST_SCHEME is https';
    is $e->{SERVER_PORT}, $tls, 'SERVER_PORT is the port of TLS';
    is $e->{PATH_INFO}, '/p', 'the rest is as without TLS';
    like $e->{SSL_PROTOCOL} // '', qr/^TLS/, 'variables of mod_ssl are there when asked for';
    ok !exists env_of('/env.php')->{HTTPS}, 'without TLS there is no HTTPS';
};

subtest 'Authorization' => sub {
    my @basic = ('Authorization: Basic Z3Vlc3Q6c2VjcmV0');
    my $e = env_of('/env.php', headers => \@basic);
    is $e->{PHP_AUTH_USER}, 'guest', 'Basic reaches PHP where httpd does not authenticate';
    is $e->{PHP_AUTH_PW}, 'secret', 'with the password';
    $e = env_of('/env.php', headers => ['Authorization: Bearer abc.def']);
    is $e->{HTTP_AUTHORIZATION}, 'Bearer abc.def', 'so does Bearer';
    is get('anna.test', '/private/env.php')->{status}, 401, 'where httpd authenticates, no credentials are 401';
    $e = env_of('/private/env.php', headers => \@basic);
    is $e->{REMOTE_USER}, 'guest', 'REMOTE_USER is the user whom httpd checked';
    is $e->{AUTH_TYPE}, 'Basic', 'AUTH_TYPE is his method';
    ok !exists $e->{HTTP_AUTHORIZATION}, 'the header stays with httpd';
    ok !exists $e->{PHP_AUTH_PW}, 'and so does the password';
    $e = env_of('/private_pass/env.php', headers => \@basic);
    is $e->{HTTP_AUTHORIZATION}, 'Basic Z3Vlc3Q6c2VjcmV0', 'CGIPassAuth On passes it all the same';
    $e = env_of('/env.php', headers => ['Proxy: http://wrong.test']);
    ok !exists $e->{HTTP_PROXY}, 'a header Proxy never becomes HTTP_PROXY';
};

subtest 'an answer of 100 MB in constant memory' => sub {
    my $bytes  = 100 << 20;
    my $before = reset_peak();
    my ($digest, $got) = (Digest::SHA->new(1), 0);
    my $r = get('anna.test', "/answer.php?do=big&bytes=$bytes", sink => sub { $digest->add($_[0]); $got += length $_[0] });
    my $grown = peak_kb() - $before;
    is $got, $bytes, 'every byte arrives';
    my ($want, $i, $left) = (Digest::SHA->new(1), 0, $bytes);
    while ($left > 0) { my $p = substr md5($i++) x 4096, 0, $left; $want->add($p); $left -= length $p }
    is $digest->hexdigest, $want->hexdigest, 'and is the right one';
    cmp_ok $grown, '<', 16 * 1024, "httpd's child grows by less than 16 MB ($grown kB)";

    # A client that reads late: the answer waits in PHP-FPM, not in httpd.
    $before = reset_peak();
    my $fh = connect_to();
    send_request($fh, 'anna.test', 'GET', "/answer.php?do=big&bytes=$bytes");
    read_head($fh);
    my $cpu = sub { join ' ', map { join ',', (split ' ', slurp("/proc/$_/stat") // '')[13, 14] } children() };
    my ($last, $same) = ('', 0);
    wait_for(5, sub { my $now = $cpu->(); $same = $now eq $last ? $same + 1 : 0; $last = $now; $same > 20 });
    $grown = peak_kb() - $before;
    cmp_ok $grown, '<', 16 * 1024, "nor does it grow when the client does not read ($grown kB)";
    close $fh;
};

subtest 'flush reaches the client while the script runs' => sub {
    my $flag = "$www/flush.flag";
    unlink $flag;
    my $fh = connect_to();
    send_request($fh, 'anna.test', 'GET', '/answer.php?do=flush&file=flush.flag', version => 'HTTP/1.0');
    my $r = read_head($fh);
    is $r->{status}, 200, 'the head is there before the script ends';
    is scalar(<$fh>), "first\n", 'so is what it flushed';
    put($flag, '');
    is scalar(<$fh>), "second\n", 'the rest follows when the script goes on';
    unlink $flag;

    $fh = connect_to();
    send_request($fh, 'anna.test', 'GET', '/answer.php?do=flush&file=flush.flag');
    $r = read_head($fh);
    is $r->{'h:transfer-encoding'}, 'chunked', 'with HTTP/1.1 it comes in chunks';
    is join('', map { scalar <$fh> } 1, 2), "6\r\nfirst\n", 'the first of them at once';
    put($flag, '');
    like join('', <$fh>), qr/second\n/, 'the other when it is written';
    unlink $flag;
};

subtest 'answers' => sub {
    my $r = get('anna.test', '/answer.php?do=small');
    is $r->{'h:content-length'}, 5, 'a small answer has a Content-Length';
    ok !defined $r->{'h:transfer-encoding'}, 'and is not chunked';
    $r = get('anna.test', '/answer.php?do=zeros');
    is "$r->{'h:content-length'} " . length $r->{body}, '1048576 1048576', "PHP's own Content-Length is kept";
    $r = get('anna.test', '/answer.php?do=big&bytes=300000');
    is length $r->{body}, 300_000, 'a longer one without length arrives whole';
    $r = get('anna.test', '/answer.php?do=none');
    is "$r->{status} " . ($r->{'h:content-length'} // '-'), '204 -', '204 has no body and no length';
    $r = get('anna.test', '/answer.php?do=etag');
    is "$r->{status} $r->{body} $r->{'h:etag'}", '200 fresh "abc"', 'an ETag of PHP is kept';
    $r = get('anna.test', '/answer.php?do=etag', headers => ['If-None-Match: "abc"']);
    is "$r->{status} [$r->{body}]", '304 []', '304 by PHP';
    is $r->{'h:etag'}, '"abc"', 'with its ETag';
    $r = get('anna.test', '/answer.php?do=range', headers => ['Range: bytes=2-4']);
    is "$r->{status} $r->{body} $r->{'h:content-range'}", '206 234 bytes 2-4/10', 'a script that knows Range gives 206';
    $r = get('anna.test', '/answer.php?do=small', headers => ['Range: bytes=1-2']);
    is "$r->{status} $r->{body}", '200 hello', 'one that does not gives all of it';
    $r = get('anna.test', '/answer.php?do=status&line=299+Odd+but+fine');
    is $r->{line}, 'HTTP/1.1 299 Odd but fine', 'Status with its own words';
    $r = get('anna.test', '/answer.php?do=status&line=500+Own+page');
    is "$r->{status} $r->{body}", '500 body of 500 Own page', "a 500 of PHP keeps PHP's body";
    $r = get('anna.test', '/answer.php?do=status&line=500+Empty&empty=1');
    is $r->{status}, 500, 'a 500 without body';
    $r = get('anna.test', '/answer.php?do=protocol-status');
    is $r->{line}, "HTTP/1.1 418 I am a teapot", "a status line by header()";
    $r = get('anna.test', '/answer.php?do=location');
    is "$r->{status} $r->{'h:location'}", '302 http://elsewhere.test/x', 'Location makes it 302';
    $r = get('anna.test', '/answer.php?do=headers');
    is_deeply [ head_values($r, 'Set-Cookie') ], [ 'a=1', 'b=2' ], 'two cookies stay two';
    # httpd joins what a script repeats, but for cookies; RFC 9110 5.3 calls that the same.
    is join(', ', head_values($r, 'WWW-Authenticate')), 'Basic realm="one", Digest realm="two"', 'both WWW-Authenticate arrive';
    is scalar(grep { $_->[0] =~ /^x-many-/ } @{ $r->{headers} }), 40, 'many headers arrive';
    like $r->{'h:x-with-long-value'}, qr/^v{6000}END$/, 'a header of 6 KB arrives';
    is scalar(head_values($r, 'Status')), 0, 'the header Status itself does not';
    my $head = http('anna.test', 'HEAD', '/answer.php?do=zeros');
    is "$head->{'h:content-length'} [$head->{body}]", '1048576 []', 'HEAD keeps the length that GET would have';
};

subtest 'what PHP writes to stderr is in the log of its host' => sub {
    my @lines = logs_during('anna', qr/a line for the log of this host/, 1, sub {
        is body_of('anna.test', '/answer.php?do=stderr'), 'logged', 'the answer is not disturbed';
    });
    is scalar(@lines), 1, 'one line';
    unlike slurp("$TDIR/logs/error_log"), qr/a line for the log/, 'and none in the main log';
};

subtest 'connections' => sub {
    my $r = http('anna.test', 'GET', '/answer.php?do=small', version => 'HTTP/1.0');
    is "$r->{status} $r->{body}", '200 hello', 'HTTP/1.0';
    ok !defined $r->{'h:transfer-encoding'}, 'without chunks';

    my $fh = connect_to();
    my @seen;
    for my $i (1 .. 5) {
        send_request($fh, 'anna.test', 'POST', '/body.php', body => "n=$i", keep => 1,
            headers => ['Content-Type: application/x-www-form-urlencoded']);
        push @seen, json(read_answer($fh, 'POST'))->{post}{n};
    }
    send_request($fh, 'anna.test', 'GET', '/answer.php?do=big&bytes=100000', keep => 1);
    push @seen, length read_answer($fh, 'GET')->{body};
    send_request($fh, 'anna.test', 'GET', '/answer.php?do=none', keep => 1);
    push @seen, read_answer($fh, 'GET')->{status};
    send_request($fh, 'anna.test', 'GET', '/answer.php?do=small');
    push @seen, read_answer($fh, 'GET')->{body};
    is_deeply \@seen, [ 1 .. 5, 100_000, 204, 'hello' ], 'keep-alive: eight requests on one connection';

    # A wrong Content-Length of a script must not move the next answer on the connection.
    for my $length (3, 100) {
        $fh = connect_to();
        send_request($fh, 'anna.test', 'GET', "/answer.php?do=lying&length=$length", keep => 1);
        like read_answer($fh, 'GET')->{body}, qr/^hel/, "a script that says $length and sends 5 is answered";
        send_request($fh, 'anna.test', 'GET', '/answer.php?do=small');
        is read_answer($fh, 'GET')->{body}, 'hello', 'and the next request on the connection too';
    }

    $fh = connect_to();
    send_request($fh, 'anna.test', 'GET', "/env.php?n=$_", keep => 1) for 1 .. 3;
    send_request($fh, 'anna.test', 'POST', '/body.php', body => 'pipe', keep => 1);
    send_request($fh, 'anna.test', 'GET', '/answer.php?do=small');
    @seen = map { json(read_answer($fh, 'GET'))->{get}{n} } 1 .. 3;
    push @seen, json(read_answer($fh, 'POST'))->{sha1}, read_answer($fh, 'GET')->{body};
    is_deeply \@seen, [ 1, 2, 3, sha1_hex('pipe'), 'hello' ], 'pipelined requests are answered in order';
};

subtest 'a client that hangs up frees the worker' => sub {
    # bert's pool has one child: as long as it serves somebody else, nobody is answered.
    is body_of('bert.test', '/answer.php?do=small'), 'hello', 'the one child answers';
    my $fh = connect_to();
    send_request($fh, 'bert.test', 'GET', '/answer.php?do=stream');
    is read_head($fh)->{status}, 200, 'an endless answer begins';
    read $fh, my $some, 1000;
    close $fh;
    my $start = time;
    is body_of('bert.test', '/answer.php?do=small'), 'hello', 'after the client is gone the next one is served';
    cmp_ok time - $start, '<', 10, 'soon';

    $fh = connect_to();
    send_request($fh, 'bert.test', 'POST', '/body.php', body => 'only a part', length => 1_000_000);
    close $fh;
    is body_of('bert.test', '/answer.php?do=small'), 'hello', 'so it is after half an upload';
};

SKIP: {
    # mod_http2 refuses to work on prefork (AH10034): there is nothing to test there.
    last SKIP if $MPM eq 'prefork';
    subtest 'mod_http2' => sub {
        my $base = 'http://anna.test:' . port();
        my $curl = 'curl -sS --http2-prior-knowledge --resolve anna.test:' . port() . ':127.0.0.1';
        my $e = (eval { decode_json(scalar qx($curl "$base/env.php/p?a=1" 2>&1)) } || {})->{server} || {};
        is $e->{SERVER_PROTOCOL}, 'HTTP/2.0', 'a PHP file over HTTP/2';
        is $e->{PATH_INFO}, '/p', 'with PATH_INFO';
        my $body = big(3_000_000);
        put("$SCRATCH/upload.bin", $body);
        my $r = eval { decode_json(scalar qx($curl -T $SCRATCH/upload.bin "$base/body.php" 2>&1)) } || {};
        is $r->{sha1}, sha1_hex($body), 'an upload of 3 MB';
        is sha1_hex(scalar qx($curl "$base/answer.php?do=big&bytes=3000000")), sha1_hex($body), 'an answer of 3 MB';
        my $secure = "curl -sS --no-progress-meter --http2 --cacert $SCRATCH/tls/cert.pem --resolve anna.test:$tls:127.0.0.1";
        is scalar qx($secure -w ' %{http_version}' "https://anna.test:$tls/answer.php?do=small" 2>&1),
            'hello 2', 'HTTP/2 over TLS';
        # Over TLS, because curl 7.88 cannot reuse a connection of --http2-prior-knowledge.
        is scalar qx($secure --parallel --parallel-max 6 "https://anna.test:$tls/answer.php?do=small&n=[1-12]" 2>&1),
            'hello' x 12, 'twelve requests side by side on one connection';
    };
}

subtest 'filters of other modules' => sub {
    my $r = get('anna.test', '/zip/answer.php?do=big&bytes=200000', headers => ['Accept-Encoding: gzip']);
    is $r->{'h:content-encoding'}, 'gzip', 'mod_deflate packs the answer';
    my $plain = '';
    require IO::Uncompress::Gunzip;
    IO::Uncompress::Gunzip::gunzip(\$r->{body}, \$plain);
    is sha1_hex($plain), sha1_hex(big(200_000)), 'and it unpacks to the same';
    is body_of('anna.test', '/page.shtml'), "before [fpmt_anna fpmt_anna\n] after\n", 'an SSI page includes a PHP file';
};

subtest 'sixty requests at once' => sub {
    # More than the pool's eight children: the rest waits in the socket's queue.
    my @open = map { my $fh = connect_to(); send_request($fh, 'anna.test', 'GET', "/env.php?n=$_"); $fh } 1 .. 60;
    my @seen = map { json(read_answer($_, 'GET'))->{get}{n} // '?' } @open;
    is "@seen", join(' ', 1 .. 60), 'all are answered, each with its own answer';
};

done_testing;
