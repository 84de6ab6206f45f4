# SPDX-License-Identifier: Apache-2.0
#
# The pool as an enemy: whatever comes back on the socket, the client gets an answer that is
# whole or can be seen not to be, httpd keeps its memory and its children, and the next request
# is fine. FPMT_FLOOD_MB is how much error text the flood sends.
use strict;
use warnings;
use FPMT;
use FPMT::Peer;
use Test::More;

my $socket = $FPM->socket('fpmt_bert');
my $head   = "Content-Type: text/html\r\n\r\n";
my $end    = FPMT::Peer::finish();
my $claims = qr/FPMP\d{4}|header from script|status line from script|\[(?:\w+):(?:error|crit|emerg)\]/;

# One record with any header: version, type, request id, length, padding, body.
sub record { my ($version, $type, $id, $len, $pad, $text) = @_; return pack('CCnnCC', $version, $type, $id, $len, $pad, 0) . $text }

# One request to a peer that answers so; the log lines are claimed.
sub ask {
    my ($code, %o) = @_;
    my $peer = FPMT::Peer->aside($socket)->serve($code);
    my $r;
    logs_during('slow', $claims, 0, sub { $r = http('slow.test', $o{method} // 'GET', '/answer.php?do=small', %o) });
    return $r;
}

sub is_fine_after { is body_of('slow.test', '/answer.php?do=small'), 'hello', "$_[0]: the next request is fine" }

my %children = map { $_ => 1 } children();

# ---- records that are none ----
for my $row (
    [ 'version 0',                     record(0, 6, 1, 4, 0, 'body') ],
    [ 'version 2',                     record(2, 6, 1, 4, 0, 'body') ],
    [ 'version 255',                   "\xff" x 64 ],
    [ 'type 0',                        record(1, 0, 1, 4, 0, 'body') ],
    [ 'type of a request',             record(1, 1, 1, 8, 0, "\0\1\0\0\0\0\0\0") ],
    [ 'type 255',                      record(1, 255, 1, 4, 0, 'body') ],
    [ 'another request',               record(1, 6, 2, length($head) + 4, 0, "${head}body") . record(1, 3, 2, 8, 0, "\0" x 8) ],
    [ 'END_REQUEST without body',      record(1, 3, 1, 0, 0, '') ],
    [ 'END_REQUEST cut short',         record(1, 3, 1, 4, 0, "\0\0\0\0") ],
    [ 'a length that never comes',     record(1, 6, 1, 65535, 255, $head) ],
    [ 'padding that never comes',      record(1, 6, 1, length $head, 255, $head) ],
    [ 'only padding',                  record(1, 6, 1, 0, 200, "\0" x 200) . record(1, 3, 1, 8, 0, "\0" x 8) ],
    [ 'only error text, then the end', FPMT::Peer::err('oops') . $end ],
    [ 'empty records for ever',        FPMT::Peer::record(6, '') x 20_000 ],
    )
{
    my ($title, $bytes) = @$row;
    my $r = ask(sub { FPMT::Peer::put_all($_[0], $bytes) });
    ok $r->{status} =~ /^50[24]$/ || $r->{cut}, "$title: " . ($r->{cut} ? 'cut off' : $r->{status});
    is_fine_after($title);
}

# ---- headers that are none ----
for my $row (
    [ 'NUL in a header',       "Content-Type: text/html\r\nX-A: a\0b\r\n\r\n" ],
    [ 'NUL in a name',         "Content-Type: text/html\r\nX\0-A: ab\r\n\r\n" ],
    [ 'CR in a header',        "Content-Type: text/html\r\nX-A: a\rX-Evil: 1\r\n\r\n" ],
    [ 'a bell in a header',    "Content-Type: text/html\r\nX-A: a\ab\r\n\r\n" ],
    [ 'DEL in a header',       "Content-Type: text/html\r\nX-A: a\x7fb\r\n\r\n" ],
    [ 'a line of a megabyte',  'X-Long: ' . 'v' x 1_000_000 . "\r\n\r\n" ],
    [ 'no name',               ": value\r\n\r\n" ],
    [ 'a blank in a name',     "X A: value\r\n\r\n" ],
    [ 'a folded line',         "X-A: a\r\n X-Evil: 1\r\n\r\n" ],
    [ 'endless lines',         "X-A: 1\r\n" x 100_000 ],
    )
{
    my ($title, $header) = @$row;
    my $r = ask(sub { FPMT::Peer::put_all($_[0], FPMT::Peer::out("${header}body") . $end) });
    is $r->{status}, 502, "$title: 502";
    ok !defined $r->{'h:x-evil'}, "$title: no header of its own";
    is_fine_after($title);
}

# ---- odd but not wrong: the client sees one whole answer ----
for my $row (
    [ 'two Status lines',       "Status: 201 A\r\nStatus: 202 B\r\n$head",                      qr/^20[12]$/, 'body' ],
    [ 'Location to a host',     "Location: http://other.test/x\r\n$head",                        qr/^(?:200|302)$/, undef ],
    [ 'Connection and Upgrade', "Connection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n$head", qr/^200$/, 'body' ],
    [ 'two lengths',            "Content-Length: 4\r\nContent-Length: 400\r\n$head",             qr/^(?:200|502)$/, undef ],
    [ 'a negative length',      "Content-Length: -4\r\n$head",                                   qr/^200$/,    'body' ],
    [ 'a length beyond 64 bit', "Content-Length: 99999999999999999999\r\n$head",                 qr/^200$/,    'body' ],
    [ 'high bytes',             "X-A: \xff\xfe\r\n$head",                                        qr/^200$/,    'body' ],
    )
{
    my ($title, $header, $status, $body) = @$row;
    my $r = ask(sub { FPMT::Peer::put_all($_[0], FPMT::Peer::out("${header}body") . $end) });
    like $r->{status}, $status, "$title: $r->{status}";
    is $r->{body}, $body, "$title: the body" if defined $body;
    is $r->{'h:upgrade'}, undef, "$title: no word about the connection" if $title =~ /Upgrade/;
    is_fine_after($title);
}

# ---- a length that is none goes no further: another reader may count by it ----
for my $length ('+4', ' +4', '-0', '0x4', '4 ', '') {
    my $r = ask(sub { FPMT::Peer::put_all($_[0], FPMT::Peer::out("Content-Length: $length\r\n$head") . $end) }, method => 'HEAD');
    like $r->{'h:content-length'} // '', qr/^(?:\d+|)$/, "'$length': the client sees no such length";
    is_fine_after("Content-Length '$length'");
}

# ---- closed at every byte ----
my $answer = FPMT::Peer::out("Content-Type: text/plain\r\nX-A: 1\r\n\r\nsome text") . FPMT::Peer::err('a line') . $end;
subtest 'closed at every byte' => sub {
    my $peer = FPMT::Peer->aside($socket)->serve(sub { FPMT::Peer::put_all($_[0], substr $answer, 0, $_[1]) });
    my (%seen, @wrong);
    logs_during('slow', $claims, 0, sub {
        for my $n (0 .. length $answer) {
            my $r = get('slow.test', '/answer.php?do=small');
            my $whole = $r->{status} == 200 && !$r->{cut};
            $seen{ $whole ? 'whole' : 'not whole' }++;
            # All that counts has come when the last record is there, whatever its padding.
            push @wrong, $n if $whole != ($n >= length $answer) || ($whole && $r->{body} ne 'some text');
        }
    });
    is_deeply \@wrong, [], 'an answer is whole only if all of it came';
    is $seen{'not whole'}, length $answer, 'each shorter one can be seen to be';
};
is_fine_after('closed at every byte');

subtest 'a byte at a time' => sub {
    my $r = ask(sub { my ($conn) = @_; for my $byte (split //, $answer) { syswrite $conn, $byte; select undef, undef, undef, 0.005 } });
    is "$r->{status} $r->{body}", '200 some text', 'is whole in the end';
};

# ---- floods ----
my $mb = $ENV{FPMT_FLOOD_MB} || 300;
subtest "$mb MB of error text" => sub {
    my $line = 'e' x 99 . "\n";
    my $block = FPMT::Peer::err($line x 600) x 17; # 1 MB
    my $before = reset_peak();
    my $log = "$TDIR/logs/slow_error_log";
    my $size = -s $log || 0;
    my $r = ask(sub {
        my ($conn) = @_;
        for (1 .. $mb) { FPMT::Peer::put_all($conn, $block) or return }
        FPMT::Peer::put_all($conn, FPMT::Peer::out("${head}fine") . $end);
    });
    is "$r->{status} $r->{body}", '200 fine', 'the answer behind it arrives';
    cmp_ok peak_kb() - $before, '<', 8192, 'httpd did not keep it';
    cmp_ok +(-s $log) - $size, '<', 512 * 1024, 'and did not log it all';
};
is_fine_after('error text');

subtest 'a body without end to a client that goes away' => sub {
    my $piece = FPMT::Peer::out('y' x 60_000);
    my $before = reset_peak();
    my $peer = FPMT::Peer->aside($socket)->serve(sub {
        my ($conn) = @_;
        FPMT::Peer::put_all($conn, FPMT::Peer::out($head)) or return;
        while (FPMT::Peer::put_all($conn, $piece)) { }
    });
    logs_during('slow', $claims, 0, sub {
        my $fh = connect_to();
        send_request($fh, 'slow.test', 'GET', '/answer.php?do=small');
        read_head($fh);
        read $fh, my $some, 20_000_000;
        close $fh;
    });
    cmp_ok peak_kb() - $before, '<', 16384, 'httpd did not keep it';
};
is_fine_after('a body without end');

is_deeply [ grep { !$children{$_} } children() ], [], 'no child of httpd ended on the way' if $MPM ne 'prefork';
unlike slurp("$TDIR/logs/error_log"), qr/exit signal/, 'and none crashed';
done_testing;
