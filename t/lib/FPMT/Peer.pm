# SPDX-License-Identifier: Apache-2.0
#
# A stand-in for a pool: a listener put at the pool's socket path that answers each request
# with given bytes, or never. The real socket waits beside it and is put back at the end.
package FPMT::Peer;

use strict;
use warnings;
use FPMT;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM SOMAXCONN);

# One FastCGI record: type 6 = STDOUT, 7 = STDERR, 3 = END_REQUEST.
sub record { my ($type, $text) = @_; return pack('CCnnCC', 1, $type, 1, length $text, 0, 0) . $text }
sub out { return join '', map { record(6, $_) } unpack '(a60000)*', $_[0] }
sub err { return record(7, $_[0]) }
sub finish { return record(6, '') . record(3, pack 'NCx3', $_[0] // 0, $_[1] // 0) }

# The records of a request with these variables and no body, as httpd sends them to a pool.
sub request {
    my (%env) = @_;
    my $pairs = join '', map { pack('CC', length $_, length $env{$_}) . $_ . $env{$_} } sort keys %env;
    return record(1, pack 'nCx5', 1, 0) . record(4, $pairs) . record(4, '') . record(5, '');
}

# Moves the real socket aside; the object puts it back when it goes out of scope.
sub aside {
    my ($class, $path) = @_;
    rename $path, "$path.real" or die "$path: $!\n";
    return bless { path => $path, owner => $$ }, $class;
}

sub listen {
    my ($self, $backlog) = @_;
    $self->{fh} = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $self->{path},
        Listen => $backlog // SOMAXCONN) or die "$self->{path}: $!\n";
    my ($uid, $gid) = (getpwnam setting('user'))[2, 3];
    chown $uid, $gid, $self->{path};
    chmod 0600, $self->{path};
    return $self;
}

# Serves in a process of its own: reads what comes first, sends the pieces, then closes (or
# stays open until the other side closes, if $stay).
sub answer {
    my ($self, $stay, @pieces) = @_;
    $self->listen;
    $self->{pid} = fork // die "fork: $!\n";
    return $self if $self->{pid};
    $SIG{PIPE} = 'IGNORE';
    $SIG{TERM} = sub { require POSIX; POSIX::_exit(0) };
    while (my $conn = $self->{fh}->accept) {
        sysread $conn, my $request, 1 << 20;
        syswrite $conn, $_ for @pieces;
        if ($stay) { 1 while sysread $conn, $request, 65536 }
        close $conn;
    }
    require POSIX;
    POSIX::_exit(0);
}

# Serves in a process of its own: $code gets each connection, after a request came in, and its
# number, 0 for the first.
sub serve {
    my ($self, $code) = @_;
    $self->listen;
    $self->{pid} = fork // die "fork: $!\n";
    return $self if $self->{pid};
    $SIG{PIPE} = 'IGNORE';
    $SIG{TERM} = sub { require POSIX; POSIX::_exit(0) };
    for (my $n = 0; my $conn = $self->{fh}->accept; $n++) {
        sysread $conn, my $request, 1 << 20;
        $code->($conn, $n);
        close $conn;
    }
    require POSIX;
    POSIX::_exit(0);
}

# Writes all of a text, whatever one write takes; false when the other side is gone.
sub put_all {
    my ($conn, $text) = @_;
    for (my $at = 0; $at < length $text;) {
        my $sent = syswrite $conn, $text, length($text) - $at, $at or return 0;
        $at += $sent;
    }
    return 1;
}

# A queue with room for nobody.
sub full {
    my ($self) = @_;
    $self->listen(1);
    $self->{queue} = [];
    while (1) {
        my $conn = IO::Socket::UNIX->new(Type => SOCK_STREAM) or die "socket: $!\n";
        $conn->blocking(0);
        connect $conn, Socket::pack_sockaddr_un($self->{path}) or last;
        push @{ $self->{queue} }, $conn;
    }
    return $self;
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner};
    if ($self->{pid}) { kill TERM => $self->{pid}; waitpid $self->{pid}, 0 }
    unlink $self->{path};
    rename "$self->{path}.real", $self->{path};
}

1;
