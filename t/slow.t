# SPDX-License-Identifier: Apache-2.0
#
# Slow clients hold no PHP: clients that do not read their answers, or do not send the end of
# their bodies, on a pool of two workers, and one that is in no such hurry to be slow. The
# same with buffer=0, where they do hold it, shows that they are slow enough.
use strict;
use warnings;
use Compress::Zlib qw(inflateInit WANT_GZIP);
use Digest::SHA qw(sha1_hex);
use FPMT;
use FPMT::Server;
use Test::More;
use Time::HiRes qw(time);

my $CLIENTS = 6;
my $BYTES   = 16 << 20;
my $POOL    = 'pm=static pm.max_children=2';

my $s   = FPMT::Server->new('slow');
my $www = "$s->{dir}/www";
put("$www/answer.php", slurp(setting('t') . '/www/answer.php'));
put("$www/body.php", "<?php echo sha1(file_get_contents('php://input'));\n");
put("$www/drip.php", <<'PHP');
<?php // Each line when the test asks for it; the first one is long.
while (ob_get_level()) ob_end_clean();
echo str_repeat('x', (int) $_GET['first']), "\n";
flush();
for ($i = 1; $i <= 3; $i++) {
    $end = microtime(true) + 20;
    while (!file_exists(__DIR__ . "/drip.$i") && microtime(true) < $end) { usleep(2000); clearstatcache(); }
    echo "line $i\n";
    flush();
}
PHP
my $tmp = "$s->{dir}/tmp";
mkdir $tmp;
chmod 01777, $tmp;
$ENV{TMPDIR} = $tmp;

# The first site may keep little, so that the others wait for their clients in the end.
$s->configure(join '', "Protocols h2c http/1.1\n",
    $s->host('kept.test',  "FPMUser fpmt_anna $POOL"),
    $s->host('none.test',  "FPMUser fpmt_bert $POOL buffer=0 timeout=30", 'Timeout 3'),
    $s->host('two.test',   "FPMUser fpmt_bert $POOL buffer=0 timeout=30"),
    $s->host('packed.test', "FPMUser fpmt_carl $POOL", 'SetOutputFilter DEFLATE'),
    $s->host('small.test', "FPMUser fpmt_carl $POOL buffer=1M", 'Timeout 3'));
ok $s->start, 'the server starts' or BAIL_OUT($s->{said} . $s->log);
$s->said(qr/FPMP0512/);

sub ask {
    my ($fh, $host, $method, $target, %o) = @_;
    send_request($fh, $host, $method, $target, %o);
    return $fh;
}

sub slow_client { my ($host, @request) = @_; return ask(connect_to(port => $s->{port}), $host, @request) }

# A request of somebody else, answered within that many seconds? Else undef.
sub answered {
    my ($host, $within) = @_;
    my $fh = slow_client($host, 'GET', '/who.php');
    my $ready = '';
    vec($ready, fileno $fh, 1) = 1;
    return select($ready, undef, undef, $within) ? read_answer($fh, 'GET')->{body} : undef;
}

my $sum = sha1_hex(FPMT::get('kept.test', "/answer.php?do=big&bytes=$BYTES", port => $s->{port})->{body});

sub files_open {
    return scalar grep { (readlink // '') =~ m{^\Q$tmp\E/fpmpool\.\w+ \(deleted\)} }
        map { glob "/proc/$_/fd/*" } FPMT::Process::of_folder("$s->{dir}/httpd.conf");
}

subtest 'clients that do not read' => sub {
    my @slow = map { slow_client('kept.test', 'GET', "/answer.php?do=big&bytes=$BYTES") } 1 .. $CLIENTS;
    ok wait_for(20, sub { files_open() == $CLIENTS }), 'their answers are kept in files without a name';
    is_deeply [ glob "$tmp/*" ], [], 'that nobody finds in the directory';
    is answered('kept.test', 10), "fpmt_anna\n", 'the pool of two answers somebody else';
    my @sums = map { sha1_hex(read_answer($_, 'GET')->{body}) } @slow;
    is_deeply \@sums, [ ($sum) x $CLIENTS ], 'each of them gets the whole answer in the end';
    close $_ for @slow;
    ok wait_for(20, sub { files_open() == 0 }), 'then the files are gone';
};

subtest 'clients that do not send' => sub {
    my $body = 'b' x 3_000_000;
    my @slow = map { slow_client('kept.test', 'POST', '/body.php', body => substr($body, 0, 2_000_000), length => length $body) } 1 .. $CLIENTS;
    ok wait_for(20, sub { files_open() == $CLIENTS }), 'what they sent is kept';
    is answered('kept.test', 10), "fpmt_anna\n", 'the pool of two answers somebody else';
    print $_ substr $body, 2_000_000 for @slow;
    $_->flush for @slow;
    is_deeply [ map { read_answer($_, 'POST')->{body} } @slow ], [ (sha1_hex $body) x $CLIENTS ], 'each body arrives whole';
};

subtest 'buffer=0 keeps nothing' => sub {
    my @slow = map { slow_client('none.test', 'GET', "/answer.php?do=big&bytes=$BYTES") } 1 .. $CLIENTS;
    is answered('none.test', 1), undef, 'clients that do not read hold the pool';
    ok wait_for(30, sub { answered('none.test', 1) }), 'until httpd is tired of them, after its Timeout';
    is files_open(), 0, 'there is no file';
    close $_ for @slow;
    @slow = map { slow_client('none.test', 'POST', '/body.php', body => 'half', length => 8) } 1 .. $CLIENTS;
    is answered('none.test', 1), undef, 'so do clients that do not send';
    print $_ 'more' for @slow;
    $_->flush for @slow;
    is_deeply [ map { read_answer($_, 'POST')->{body} } @slow ], [ (sha1_hex 'halfmore') x $CLIENTS ], 'each body arrives whole';
    is sha1_hex(FPMT::get('none.test', "/answer.php?do=big&bytes=$BYTES", port => $s->{port})->{body}), $sum, 'a long answer is whole';
};

subtest 'more than may be kept' => sub {
    my $fh = slow_client('small.test', 'GET', "/answer.php?do=big&bytes=$BYTES");
    ok wait_for(20, sub { files_open() == 1 }), 'the first of it is in a file';
    is sha1_hex(read_answer($fh, 'GET')->{body}), $sum, 'a client that is late gets all of it';
    my $body = 'u' x 5_000_000;
    is FPMT::http('small.test', 'POST', '/body.php', body => $body, port => $s->{port})->{body}, sha1_hex($body), 'so does PHP of a long body';
    my @slow = map { slow_client('small.test', 'GET', "/answer.php?do=big&bytes=$BYTES") } 1 .. 2;
    ok wait_for(20, sub { files_open() == 2 }), 'clients that never read';
    ok wait_for(30, sub { files_open() == 0 }), 'are left after httpd\'s Timeout';
    is answered('small.test', 10), "fpmt_carl\n", 'and the pool is free';
};

subtest 'a client over HTTP/2 that goes away' => sub {
    my @curl = (qw(curl -sS --http2-prior-knowledge --limit-rate 1k --max-time 2 -o /dev/null -w %{http_version}),
        "http://127.0.0.1:$s->{port}/answer.php?do=big&bytes=$BYTES", '-H', 'Host: two.test');
    for my $client (1 .. 2) {
        local $?;
        is qx(@{[ join ' ', map { "'$_'" } @curl ]} 2>/dev/null), '2', 'a client that is slow, and leaves';
        is $? >> 8, 28, 'before its answer ends';
    }
    ok wait_for(20, sub { answered('two.test', 1) }), 'the pool is free again';
};

subtest 'what a script flushes' => sub {
    for my $first (0, 3000, 60_000, 200_000) {
        unlink glob "$www/drip.*[0-9]";
        my $fh = slow_client('kept.test', 'GET', "/drip.php?first=$first", version => 'HTTP/1.0');
        read_head($fh);
        is length(my $line = <$fh>), $first + 1, "$first bytes come while it runs";
        for my $i (1 .. 3) {
            put("$www/drip.$i", '');
            is $line = <$fh>, "line $i\n", "then line $i";
        }
    }
};

subtest 'what a script flushes, packed' => sub {
    for my $first (0, 20_000, 200_000) {
        unlink glob "$www/drip.*[0-9]";
        my $fh = slow_client('packed.test', 'GET', "/drip.php?first=$first", version => 'HTTP/1.0', headers => ['Accept-Encoding: gzip']);
        is read_head($fh)->{'h:content-encoding'}, 'gzip', 'mod_deflate packs it';
        my ($gzip, $all) = (scalar inflateInit(-WindowBits => WANT_GZIP), '');
        my $comes = sub {
            my ($line) = @_;
            local $SIG{ALRM} = sub { die "'$line' did not come within 10 s\n" };
            alarm 10;
            while ($all !~ /\Q$line\E\n/ && defined(my $byte = getc $fh)) { $all .= $gzip->inflate($byte) }
            alarm 0;
            return 1;
        };
        ok eval { $comes->('x' x $first) }, "$first bytes come while it runs" or diag $@;
        for my $i (1 .. 3) {
            put("$www/drip.$i", '');
            ok eval { $comes->("line $i") }, "then line $i" or diag $@;
        }
    }
};

subtest 'a full disk' => sub {
    $s->stop;
    my @limited = ('bash', '-c', 'ulimit -f 1024; exec "$@"', '-', $s->command('-k', 'start')); # 1 MB a file
    is system(@limited), 0, 'the server starts where no file is longer than 1 MB';
    ok wait_for(20, sub { answered('kept.test', 5) }), 'it serves';
    my $fh = slow_client('kept.test', 'GET', "/answer.php?do=big&bytes=$BYTES");
    my @said;
    ok wait_for(20, sub { push @said, $s->said('FPMP0630'); @said }), 'an answer that cannot be kept is logged';
    like $said[0], qr/FPMP0630: handler: an answer .*File too large.*, so \[fpmt_anna\] waits for the client; see to the space/, 'with the reason';
    is sha1_hex(read_answer($fh, 'GET')->{body}), $sum, 'it arrives whole';
    my $body = 'd' x 5_000_000;
    is FPMT::http('kept.test', 'POST', '/body.php', body => $body, port => $s->{port})->{body}, sha1_hex($body), 'so does a body of known length';
    my @pieces = unpack '(a70001)*', $body;
    is FPMT::http('kept.test', 'POST', '/body.php', chunked => 1, body => sub { shift @pieces }, port => $s->{port})->{status}, 500,
        'one of unknown length is refused';
    is scalar(() = $s->said('FPMP0606')), 1, 'and the log says why';
    is scalar(@said), 1, 'one line for the answer';
};

done_testing;
