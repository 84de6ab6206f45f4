# SPDX-License-Identifier: Apache-2.0
#
# What a client and the log see when the pool cannot answer: each cause has its own status,
# and exactly one coded line in the log of its host. slow.test waits one second at most.
use strict;
use warnings;
use FPMT;
use FPMT::Peer;
use File::Path qw(make_path remove_tree);
use Test::More;

my $socket = $FPM->socket('fpmt_bert');
my %code;    # FPMP code -> title of the first test that saw it

# One request while something is wrong: status, one log line, and what the line must say.
sub fails {
    my ($title, $status, $says, %o) = @_;
    my $r;
    # httpd's own scanner of CGI headers says what is malformed; the coded line follows it.
    my @lines = grep { /FPMP\d{4}/ } logs_during('slow', qr/FPMP\d{4}|header from script|status line from script/, 1, sub {
        $r = http('slow.test', $o{method} || 'GET', $o{target} || '/answer.php?do=small', %o);
    });
    is $r->{status}, $status, "$title: $status";
    is scalar(@lines), 1, "$title: one coded line" or diag join "\n", @lines;
    like $lines[0] // '', $says, "$title: which says why";
    my ($fpmp) = ($lines[0] // '') =~ /(FPMP06\d\d): /;
    ok $fpmp, "$title: its code is of the request" or diag $lines[0] // 'no line';
    $code{$fpmp} //= $title if $fpmp;
    return $r;
}

subtest 'the pool works before' => sub { is body_of('slow.test', '/answer.php?do=small'), 'hello', 'it answers' };

subtest 'the socket is not there' => sub {
    my $aside = FPMT::Peer->aside($socket);
    my $r = fails('no socket', 503, qr/\Q$socket\E.*No such file or directory/);
    unlike $r->{body}, qr/\Q$SCRATCH\E/, 'the client does not learn the path';
    is get('slow.test', '/plain.txt')->{status}, 200, 'a file that is not PHP is served all the same';
    is get('slow.test', '/missing.php')->{status}, 404, 'a missing script is 404 all the same';
};

subtest 'nobody listens' => sub {
    my $peer = FPMT::Peer->aside($socket)->listen;
    close $peer->{fh};
    fails('stale socket', 503, qr/\Q$socket\E.*Connection refused/);
};

subtest 'httpd may not connect' => sub {
    my ($uid, $gid, $mode) = (stat $socket)[4, 5, 2];
    chown 0, 0, $socket;
    chmod 0600, $socket;
    fails('no permission', 503, qr/\Q$socket\E.*Permission denied/);
    chown $uid, $gid, $socket;
    chmod $mode & 07777, $socket;
    is body_of('slow.test', '/answer.php?do=small'), 'hello', 'with the right owner it answers again';
};

subtest 'the pool is full' => sub {
    my $peer = FPMT::Peer->aside($socket)->full;
    my $r = fails('full queue', 503, qr/full/i);
    like $r->{'h:retry-after'} // '', qr/^\d+$/, 'Retry-After tells the client when to come again';
    $r = fails('full queue, POST', 503, qr/full/i, method => 'POST', body => 'a=1');
    like $r->{'h:retry-after'} // '', qr/^\d+$/, 'for a POST too';
};

subtest 'the script takes too long' => sub {
    my $flag = "$SCRATCH/www/bert/hold.flag";
    fails('timeout', 504, qr/1 s|1 second/, target => '/answer.php?do=hold&file=hold.flag');
    put($flag, '');
    is body_of('bert.test', '/answer.php?do=small'), 'hello', 'the pool answers again when the script is over';
    unlink $flag;
    my $peer = FPMT::Peer->aside($socket)->answer(1, FPMT::Peer::out("Content-Type: text/pl"));
    fails('timeout within the headers', 504, qr/1 s|1 second/);
};

subtest 'a script that httpd finds and its user may not read' => sub {
    my $dir = "$SCRATCH/www/bert/closed";
    make_path($dir);
    put("$_/closed.php", '<?php echo "read";') for "$SCRATCH/www/bert", $dir;
    chmod 0600, "$SCRATCH/www/bert/closed.php";
    chown 0, scalar getgrnam(setting('group')), $dir;
    chmod 0750, $dir;
    my $mend = qr{let user 'fpmt_bert' read '\Q$SCRATCH\E/www/bert/\S*closed\.php' and pass every directory};
    fails('a closed file', 403, qr/FPMP0620.*Unable to open primary script.*$mend/, target => '/closed.php');
    fails('a closed directory', 404, qr/FPMP0620.*Primary script unknown.*$mend/, target => '/closed/closed.php');
    remove_tree($dir, "$SCRATCH/www/bert/closed.php");
};

my $html = "Content-Type: text/html\r\n\r\n";
my @broken = (
    [ 'garbage',                  "HTTP/1.1 200 OK\r\n\r\nnot FastCGI at all" ],
    [ 'an early end',             () ],
    [ 'half a record header',     "\1\6\0" ],
    [ 'headers without end',      FPMT::Peer::out("Content-Type: text/html\r\nX-More: 1\r\n") ],
    [ 'headers without end, then END_REQUEST', FPMT::Peer::out("Content-Type: text/html\r\n") . FPMT::Peer::finish() ],
    [ 'no headers, only END_REQUEST', FPMT::Peer::finish() ],
    [ 'a header without colon',   FPMT::Peer::out("this is no header\r\n\r\nbody") . FPMT::Peer::finish() ],
    [ 'a status that is no number', FPMT::Peer::out("Status: never\r\n\r\n") . FPMT::Peer::finish() ],
    [ 'a status that is none of HTTP', FPMT::Peer::out("Status: 999 Odd\r\n\r\n") . FPMT::Peer::finish() ],
    [ 'an interim status', FPMT::Peer::out("Status: 103 Early Hints\r\n\r\n") . FPMT::Peer::finish() ],
    [ 'headers of a megabyte',    map { FPMT::Peer::out("X-Long-$_: " . 'v' x 8000 . "\r\n") } 1 .. 130 ],
);
for my $row (@broken) {
    my ($title, @bytes) = @$row;
    subtest "broken answer: $title" => sub {
        my $peer = FPMT::Peer->aside($socket)->answer(0, @bytes);
        fails($title, 502, qr/./);
    };
}

subtest 'the pool refuses as overloaded' => sub {
    my $peer = FPMT::Peer->aside($socket)->answer(0, FPMT::Peer::finish(0, 2));
    my $r = fails('overloaded', 503, qr/./);
    like $r->{'h:retry-after'} // '', qr/^\d+$/, 'with Retry-After';
};

# The status is sent already: what is left is to make the end of the answer visible as wrong.
my $long = FPMT::Peer::out($html . 'y' x 50_000);
for my $row (
    [ 'closed between two records',   0, $long ],
    [ 'closed within a record',       0, substr $long, 0, 40_000 ],
    [ 'closed within a short record', 0, substr $long, 0, 40 ],
    [ 'silent',                       1, $long ],
    [ 'no longer FastCGI',            1, $long . 'HTTP/1.1 200 OK' ],
    )
{
    my ($how, $stay, $bytes) = @$row;
    subtest "in the middle of the body the peer is $how" => sub {
        my $peer = FPMT::Peer->aside($socket)->answer($stay, $bytes);
        my $r;
        my @lines = logs_during('slow', qr/FPMP\d{4}/, 1, sub { $r = get('slow.test', '/answer.php?do=small') });
        is scalar(@lines), 1, 'one coded line' or diag join "\n", @lines;
        like $lines[0] // '', qr/FPMP06\d\d/, 'of the request';
        ok $r->{cut} || $r->{status} >= 500, 'the client sees that the answer is not whole' or diag $r->{line};
    };
}

subtest "PHP's stderr is kept when the answer is broken" => sub {
    my $peer = FPMT::Peer->aside($socket)->answer(0, FPMT::Peer::err("PHP Fatal error: out of luck"), FPMT::Peer::finish());
    my @said;
    my @lines = logs_during('slow', qr/FPMP\d{4}|out of luck/, 2, sub {
        is get('slow.test', '/answer.php?do=small')->{status}, 502, 'it is 502';
    });
    is scalar(grep { /out of luck/ } @lines), 1, 'the line of PHP is in the log';
    is scalar(grep { !/out of luck/ } @lines), 1, 'beside one line of ours';
};

subtest 'an ErrorDocument is shown for 503' => sub {
    my $aside = FPMT::Peer->aside($FPM->socket('fpmt_anna'));
    my $r;
    logs_during('anna', qr/FPMP06/, 1, sub { $r = get('anna.test', '/answer.php?do=small') });
    is "$r->{status} $r->{body}", "503 busy page\n", 'the host\'s own page';
};

subtest 'odd but right answers pass' => sub {
    my $tail = FPMT::Peer::finish();
    for my $row (
        [ 'headers that end in LF',         FPMT::Peer::out("Content-Type: text/plain\nX-A: 1\n\nfine") . $tail ],
        [ 'one byte per record',            join('', map { FPMT::Peer::out($_) } split //, "${html}fine") . $tail ],
        [ 'one byte per write',             split //, FPMT::Peer::out("${html}fine") . $tail ],
        [ 'an empty STDERR before the end', FPMT::Peer::out("${html}fine") . FPMT::Peer::record(7, '') . $tail ],
        [ 'bytes after END_REQUEST',        FPMT::Peer::out("${html}fine") . $tail . 'left over' ],
        )
    {
        my ($title, @bytes) = @$row;
        my $peer = FPMT::Peer->aside($socket)->answer(0, @bytes);
        my $r = get('slow.test', '/answer.php?do=small');
        is "$r->{status} $r->{body}", '200 fine', $title;
    }
    my $peer = FPMT::Peer->aside($socket)->answer(1, FPMT::Peer::out("${html}fine") . $tail);
    is body_of('slow.test', '/answer.php?do=small'), 'fine', 'a peer that does not close after END_REQUEST';
};

subtest 'the pool works after' => sub { is body_of('slow.test', '/answer.php?do=small'), 'hello', 'it answers' };

cmp_ok scalar(keys %code), '>=', 5, 'the causes have codes of their own: '
    . join ', ', map { "$_ ($code{$_})" } sort keys %code;
done_testing;
