#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The load of soak.sh: one process, all connections in one select loop. Short GETs at a
# steady rate, scripts of 3 seconds and slow uploads always under way, round robin over the
# live hosts; each answer is checked for status, length and user. Which hosts are live is
# said on standard input, one command per line, each answered by one line:
#
#   live HOST UID   new requests go there, and PHP there must run as UID
#   drop HOST       no new requests there; answers when httpd has accepted those that were
#                   sent, which must still end well
#   busy HOST...    a script and an upload more on each host; answers when both are under way
#   sleep HOST SEC  a script of that long, which may fail; answers when it is under way
#   fill PATH       fills the queue of a socket, and keeps it full, with silent connections
#   figures         requests, failed, longest GET in ms, GETs sent again, so far
#   finish          starts nothing new, waits for what is under way, then as figures, and ends
#
# Usage: soak.pl PORT GETS-PER-SECOND LOG
use strict;
use warnings;
use Errno qw(EAGAIN EINPROGRESS EINTR);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use IO::Handle;
use Socket;
use Time::HiRes qw(time);

use constant {
    SLOW_SEC    => 3,      # a script
    UPLOAD      => 200_000, # bytes
    PIECE       => 10_000, # bytes, one each
    PIECE_SEC   => 0.1,
    UNDER_WAY   => 3,      # scripts, and uploads, at any time
    STAGGER_SEC => 0.4,    # between the starts of two of them
    LIMIT_SEC   => 60,     # for one request
    MOST        => 400,    # connections
};

my ($port, $rate, $log_path) = @ARGV;
my $address = pack_sockaddr_in($port, INADDR_LOOPBACK);
open my $log, '>', $log_path or die "$log_path: $!\n";
$log->autoflush(1);
STDOUT->autoflush(1);
unblock(\*STDIN);
$SIG{PIPE} = 'IGNORE';

my (%uid_of, @live, %next_of, %idle);   # %idle: host => connections kept alive
my (%flying, $number);                  # requests under way, by descriptor; how many so far
my %under_way = (slow => 0, upload => 0, sleep => 0);
my %figures = (requests => 0, failed => 0, longest_ms => 0, again => 0);
my ($waiting, $silent, $finishing);     # $waiting: the requests that a command waits for
my $begin = time;
my %due = (get => $begin, slow => $begin, upload => $begin + STAGGER_SEC / 2);
my $commands = '';

sub unblock { my ($fh) = @_; fcntl $fh, F_SETFL, fcntl($fh, F_GETFL, 0) | O_NONBLOCK }

# ---- one request ------------------------------------------------------------------------

sub text_of {
    my ($r) = @_;
    my $query = "n=$r->{number}" . ($r->{sec} ? "&slow=$r->{sec}" : '');
    my $end = $r->{keep} ? 'keep-alive' : 'close';
    return "GET /index.php?$query HTTP/1.1\r\nHost: $r->{host}.test\r\nConnection: $end\r\n\r\n"
        if $r->{kind} ne 'upload';
    return "POST /index.php?$query HTTP/1.1\r\nHost: $r->{host}.test\r\nConnection: close\r\n"
        . "Content-Type: application/octet-stream\r\nContent-Length: " . UPLOAD . "\r\n\r\n";
}

# A connection that the server has not closed meanwhile, or none.
sub kept {
    my ($host) = @_;
    while (my $fh = pop @{ $idle{$host} }) {
        return $fh if !defined sysread($fh, my $none, 1) && $! == EAGAIN;
    }
    return;
}

# start KIND HOST [more]: since => the client waits since then; sec => the script runs so long.
sub start {
    my ($kind, $host, %more) = @_;
    my $r = { kind => $kind, host => $host, uid => $uid_of{$host}, number => ++$number, begin => $more{since} || time, in => '' };
    $r->{keep} = $kind eq 'get' && !$more{since} && rand() < 0.5;
    $r->{sec} = $more{sec} || ($kind eq 'slow' ? SLOW_SEC : 0);
    $r->{out} = text_of($r);
    $r->{left} = $kind eq 'upload' ? UPLOAD : 0;
    $r->{next} = time;                  # the next piece of an upload
    $figures{requests}++ if !$more{since} && $kind ne 'sleep';
    $under_way{$kind}++ if $kind ne 'get';
    if ($r->{keep} && ($r->{fh} = kept($host))) {
        $r->{reused} = 1;
    }
    else {
        socket $r->{fh}, PF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
        unblock($r->{fh});
        connect $r->{fh}, $address or $! == EINPROGRESS or return over($r, "connect: $!");
    }
    $flying{ fileno $r->{fh} } = $r;
    return $r;
}

# The request is over: $why it failed, or undef.
sub over {
    my ($r, $why) = @_;
    delete $flying{ fileno $r->{fh} };
    $under_way{ $r->{kind} }-- if $r->{kind} ne 'get';
    $r->{over} = 1;
    # A server may close an idle connection at any time; a client then asks anew (RFC 9112, 9.3.1).
    if ($why && $r->{reused} && $r->{in} eq '' && $why !~ /no answer/) {
        $figures{again}++;
        return start('get', $r->{host}, since => $r->{begin});
    }
    return if $r->{kind} eq 'sleep';
    my $now = time;
    my $ms = int(1000 * ($now - $r->{begin}));
    $figures{longest_ms} = $ms if $r->{kind} eq 'get' && $ms > $figures{longest_ms};
    if ($why) {
        $figures{failed}++;
        printf $log "%s.%03d %s %s after %d ms: %s\n", join(':', map { sprintf '%02d', $_ } (localtime $now)[2, 1, 0]),
            1000 * ($now - int $now), $r->{kind}, $r->{host}, $ms, $why;
    }
    elsif ($r->{keep} && $r->{in} !~ /^Connection: close/mi && grep { $_ eq $r->{host} } @live) {
        push @{ $idle{ $r->{host} } }, $r->{fh};
    }
}

# True if all chunks are there; the text is then what they hold.
sub unchunk {
    my ($text) = @_;
    my ($body, $size) = ('', 0);
    while ($$text =~ /\G([0-9a-f]+)\r\n/gci) {
        $size = hex $1;
        last if $size == 0;
        $body .= substr $$text, pos $$text, $size;
        pos($$text) += $size + 2;
        return 0 if pos $$text > length $$text;
    }
    return 0 if $size != 0 || $$text !~ /0\r\n\r\n\z/;
    $$text = $body;
    return 1;
}

# What is wrong with the answer so far; '' if it is whole and right, undef if it is not whole.
sub judge {
    my ($r, $closed) = @_;
    my ($head, $body) = $r->{in} =~ /^(.*?)\r\n\r\n(.*)$/s
        or return $closed ? ($r->{in} eq '' ? 'closed without an answer' : 'closed within the header') : undef;
    return "answered $1" if $head =~ m{^HTTP/1.1 (?!200)([^\r]*)};
    return 'no HTTP' if $head !~ m{^HTTP/1.1 200 };
    my $whole = $head =~ /^Transfer-Encoding: chunked/mi ? unchunk(\$body)
        : $head =~ /^Content-Length: (\d+)/mi ? length $body >= $1 : $closed;
    return $closed ? 'closed within the body' : undef if !$whole;
    my $bytes = $r->{kind} eq 'upload' ? UPLOAD : 0;
    chomp $body;
    return $body eq "$r->{uid} $bytes $r->{number}" ? '' : "said '$body', wanted '$r->{uid} $bytes $r->{number}'";
}

sub take {
    my ($r) = @_;
    my $n = sysread $r->{fh}, $r->{in}, 65536, length $r->{in};
    return if !defined $n && ($! == EAGAIN || $! == EINTR);
    my $why = defined $n ? judge($r, $n == 0) : "read: $!";
    over($r, $why || undef) if defined $why;
}

sub give {
    my ($r) = @_;
    my $n = syswrite $r->{fh}, $r->{out};
    return if !defined $n && ($! == EAGAIN || $! == EINTR);
    return over($r, "write: $!") if !defined $n;
    substr $r->{out}, 0, $n, '';
    $r->{sent} ||= time if $r->{out} eq '';
}

sub next_piece {
    my ($r, $now) = @_;
    my $size = $r->{left} < PIECE ? $r->{left} : PIECE;
    $r->{out} = 'x' x $size;
    $r->{left} -= $size;
    $r->{next} = $now + PIECE_SEC;
}

# ---- commands ------------------------------------------------------------------------------

# Connections to a socket that say nothing, until its queue takes no more.
sub fill {
    my ($self) = @_;
    while (1) {
        socket my $fh, PF_UNIX, SOCK_STREAM, 0 or last;
        unblock($fh);
        connect $fh, pack_sockaddr_un($self->{path}) or return $! == EAGAIN;
        push @{ $self->{held} }, $fh;
    }
    return 0;
}

sub figures { return join ' ', @figures{qw(requests failed longest_ms again)} }

sub obey {
    my ($verb, @words) = split ' ', $_[0];
    if ($verb eq 'live') {
        $uid_of{ $words[0] } = $words[1];
        @live = ((grep { $_ ne $words[0] } @live), $words[0]);
    }
    elsif ($verb eq 'drop') {
        @live = grep { $_ ne $words[0] } @live;
        delete $idle{ $words[0] };
        return $waiting = [ grep { $_->{host} eq $words[0] } values %flying ];
    }
    elsif ($verb eq 'busy') {
        return $waiting = [ map { my $host = $_; map { start($_, $host) } qw(slow upload) } @words ];
    }
    elsif ($verb eq 'sleep') {
        return $waiting = [ start('sleep', $words[0], sec => $words[1]) ];
    }
    elsif ($verb eq 'fill') {
        $silent = { path => $words[0], held => [] };
        return print fill($silent) ? 'ok ' . @{ $silent->{held} } . "\n" : "no: $!\n";
    }
    elsif ($verb eq 'figures') {
        return print figures(), "\n";
    }
    elsif ($verb eq 'finish') {
        $finishing = 1;
        return;
    }
    print "ok\n";
}

# The client ports whose connections httpd has accepted: before that, the kernel shows no inode.
sub accepted {
    my %client;
    open my $table, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!\n";
    <$table>;   # the heading
    while (<$table>) {
        my ($local, $remote, $inode) = (split)[1, 2, 9];
        $client{ hex substr $remote, 9 } = 1 if $inode && hex(substr $local, 9) == $port;
    }
    return \%client;
}

# A request is under way when it was sent some time ago and httpd has accepted it. Were it
# still in the queue of the kernel, a new child could get it, which knows the host no more.
sub look_at_waiting {
    my ($now) = @_;
    my @open = grep { !$_->{over} } @{ $waiting || return };
    return if grep { !$_->{sent} || $now - $_->{sent} < 0.3 } @open;
    my $accepted = @open ? accepted() : {};
    return if grep { !$accepted->{ (unpack_sockaddr_in(getsockname $_->{fh}))[0] } } @open;
    undef $waiting;
    print "ok\n";
}

# ---- the loop ------------------------------------------------------------------------------

sub next_host {
    my ($kind) = @_;
    return $live[ $next_of{$kind}++ % @live ];
}

sub start_due {
    my ($now) = @_;
    return if !@live || $finishing;
    for my $kind (qw(slow upload)) {
        next if $now < $due{$kind} || $under_way{$kind} >= UNDER_WAY;
        start($kind, next_host($kind));
        $due{$kind} = $now + STAGGER_SEC;
    }
    for (; $due{get} <= $now; $due{get} += 1 / $rate) {
        start('get', next_host('get')) if keys(%flying) < MOST;
    }
}

until ($finishing && keys(%flying) == $under_way{sleep}) {
    my $now = time;
    start_due($now);
    look_at_waiting($now);
    fill($silent) if $silent;
    my ($in, $out) = ('', '');
    vec($in, 0, 1) = 1;
    for my $r (values %flying) {
        if ($now - $r->{begin} > LIMIT_SEC) { over($r, 'no answer'); next }
        next_piece($r, $now) if $r->{left} && $r->{out} eq '' && $now >= $r->{next};
        vec($in, fileno $r->{fh}, 1) = 1;
        vec($out, fileno $r->{fh}, 1) = 1 if $r->{out} ne '';
    }
    select $in, $out, undef, 0.01;
    for my $fd (grep { $_ } keys %flying) {
        my $r = $flying{$fd} or next;
        give($r) if vec($out, $fd, 1);
        take($r) if vec($in, $fd, 1) && !$r->{over};
    }
    if (vec($in, 0, 1)) {
        sysread(STDIN, $commands, 4096, length $commands) or last;
        obey($1) while $commands =~ s/^(.*)\n//;
    }
}
print figures(), "\n" if $finishing;
