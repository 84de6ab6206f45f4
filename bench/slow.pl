#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The latency of one normal client, alone and beside slow ones. Called by slow.sh:
# slow.pl rounds=N seconds=N slow=N log=FILE NAME=PORT...
use strict;
use warnings;
use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Socket qw(SOL_SOCKET SO_RCVBUF inet_aton pack_sockaddr_in);
use Time::HiRes qw(time sleep);

my $TICK_SEC   = 0.1;
my $READ_BYTES = 4096;    # per tick and client: 16 MB take seven minutes
my $SEND_BYTES = 1024;    # per tick and client: 2 MB take more than three
my $BODY_BYTES = 2 << 20;
my $SETTLE_SEC = 10;      # for all slow clients to get their first byte
my $GIVE_UP_SEC = 5;      # the normal client waits no longer for one answer

my %set = map { /^(\w+)=(.+)$/ ? ($1 => $2) : die "slow.pl: '$_' is no KEY=VALUE\n" } @ARGV;
my ($rounds, $seconds, $slow, $log) = delete @set{qw(rounds seconds slow log)};
my @names = grep { $set{$_} } map { /^(\w+)/ } @ARGV;

sub connect_to {
    my ($port, %o) = @_;
    my $fh = IO::Socket::INET->new(Proto => 'tcp') or die "slow.pl: socket: $!\n";
    setsockopt $fh, SOL_SOCKET, SO_RCVBUF, 65536 if $o{small}; # before the connection
    connect $fh, pack_sockaddr_in($port, inet_aton('127.0.0.1'))
        or die "slow.pl: connect: $!\n";
    return $fh;
}

# ---- slow clients: a process of their own, until it is killed ----------------------------
my %kinds = (
    read => {
        request => "GET /slow.php HTTP/1.1\r\nHost: localhost\r\n\r\n",
        tick    => sub { sysread $_[0], my $buf, $READ_BYTES },
        settled => sub { my ($select, $all) = @_; $all == (() = $select->can_read(0)) },
    },
    send => {
        request => "POST /upload.php HTTP/1.1\r\nHost: localhost\r\n"
            . "Content-Length: $BODY_BYTES\r\n\r\n",
        tick    => sub { syswrite $_[0], 'u' x $SEND_BYTES },
        settled => sub { return 0 },
    },
);

# Returns the process; it says on the pipe when its clients are at their slow work.
sub start_slow {
    my ($kind, $port) = @_;
    pipe my $told, my $tell or die "slow.pl: pipe: $!\n";
    my $pid = fork // die "slow.pl: fork: $!\n";
    if ($pid) {
        close $tell;
        sysread $told, my $word, 1;
        return $pid;
    }
    $SIG{PIPE} = 'IGNORE';
    my @clients = map { connect_to($port, small => 1) } 1 .. $slow;
    $_->blocking(0), syswrite $_, $kind->{request} for @clients;
    my $select = IO::Select->new(@clients);
    my $until  = time + ($kind == $kinds{read} ? $SETTLE_SEC : 1);
    while (1) {
        if ($tell && (time > $until || $kind->{settled}->($select, scalar @clients))) {
            close $tell;
            undef $tell;
        }
        $kind->{tick}->($_) for @clients;
        sleep $TICK_SEC;
    }
}

sub end_slow {
    my ($pid) = @_;
    kill KILL => $pid;
    waitpid $pid, 0;
}

# ---- the normal client -------------------------------------------------------------------

# One request on a kept connection: was it answered in time?
sub ask {
    my ($fh) = @_;
    syswrite $fh, "GET /small.php HTTP/1.1\r\nHost: localhost\r\n\r\n";
    my ($answer, $until) = ('', time + $GIVE_UP_SEC);
    while ($answer !~ m{hello from /small\.php\n}) {
        my $left = $until - time;
        return 0 if $left <= 0 || !IO::Select->new($fh)->can_read($left);
        sysread $fh, $answer, 65536, length $answer or return 0;
    }
    $answer =~ m{^HTTP/1\.1 200 } or die "slow.pl: $answer\n";
    # the end of the chunks, if it has any
    while ($answer =~ /^Transfer-Encoding: chunked/mi && $answer !~ /\r\n0\r\n\r\n$/) {
        sysread $fh, $answer, 65536, length $answer or return 0;
    }
    return 1;
}

# { p50_ms, p99_ms, asked, unanswered }; what was not answered counts as long as was waited.
sub measure {
    my ($port) = @_;
    my ($fh, @ms, $unanswered) = (connect_to($port));
    for (my $until = time + $seconds; time < $until || !@ms;) {
        my $start = time;
        if (!ask($fh)) {
            $unanswered++;
            $fh = connect_to($port);
        }
        push @ms, 1000 * (time - $start);
        sleep 0.001;
    }
    @ms = sort { $a <=> $b } @ms;
    return { p50_ms => $ms[ @ms * 0.5 ], p99_ms => $ms[ @ms * 0.99 ], asked => scalar @ms,
        unanswered => $unanswered // 0 };
}

# Nobody holds the pool any more.
sub wait_until_free {
    my ($port) = @_;
    for (my $until = time + 60; time < $until;) {
        return if ask(connect_to($port));
    }
    die "slow.pl: port $port does not answer 60 s after the slow clients went away\n";
}

# ---- rounds ------------------------------------------------------------------------------
my %seen;
open my $out, '>>', $log or die "slow.pl: $log: $!\n";
$out->autoflush;

sub note {
    my ($round, $name, $load, $port) = @_;
    my $v = measure($port);
    push @{ $seen{$name}{$load}{$_} }, $v->{$_} for keys %$v;
    print $out JSON::PP->new->canonical->encode(
        { %$v, round => $round, contestant => $name, load => $load }), "\n";
}

for my $round (1 .. $rounds) {
    for my $name ($round % 2 ? @names : reverse @names) {
        my $port = $set{$name};
        wait_until_free($port);
        note($round, $name, 'none', $port);
        for my $load (qw(read send)) {
            my $pid = start_slow($kinds{$load}, $port);
            note($round, $name, $load, $port);
            end_slow($pid);
            wait_until_free($port);
        }
    }
}

sub median { my @v = sort { $a <=> $b } @_; return $v[ @v / 2 ] }

my %words = (none => 'alone', read => 'that read slowly', send => 'that send slowly');
printf "%-10s %-24s %9s %9s %13s %11s\n", 'server', "beside $slow slow clients", 'p50 ms',
    'p99 ms', 'p99 to alone', 'unanswered';
for my $name (@names) {
    my $alone = median(@{ $seen{$name}{none}{p99_ms} });
    for my $load (qw(none read send)) {
        my $v = $seen{$name}{$load};
        my $unanswered = 0;
        $unanswered += $_ for @{ $v->{unanswered} };
        my $p99 = median(@{ $v->{p99_ms} });
        printf "%-10s %-24s %9.2f %9.2f %13.2f %11d\n", $name, $words{$load},
            median(@{ $v->{p50_ms} }), $p99, $p99 / $alone, $unanswered;
    }
}
