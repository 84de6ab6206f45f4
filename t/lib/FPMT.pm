# SPDX-License-Identifier: Apache-2.0
#
# What every test here uses: the scratch folder's paths, a small HTTP client that lets a test
# see and send every byte, log lines claimed by the test that caused them, and waiting.
package FPMT;

use strict;
use warnings;
use Exporter 'import';
use Digest::SHA qw(sha1_hex);
use Fcntl qw(:flock);
use FPMT::Fpm;
use FPMT::Process;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw($SCRATCH $TDIR $MPM $FPM wait_for slurp put setting define port
    http get body_of connect_to send_request read_head read_answer head_values
    logs_during claim claims_file log_files user_file children peak_kb reset_peak);

our $SCRATCH = $ENV{FPMT_SCRATCH} or die "FPMT_SCRATCH is unset: start the tests by t/run\n";
our $MPM     = $ENV{FPMT_MPM} || 'event';
our $TDIR    = "$SCRATCH/$MPM/t";
our $FPM     = bless { dir => "$SCRATCH/fpm", binary => FPMT::Fpm::binary() }, 'FPMT::Fpm';

*wait_for = \&FPMT::Process::wait_for;
*slurp    = \&FPMT::Process::slurp;
*put      = \&FPMT::Process::put;

# ---- where things are ---------------------------------------------------------------

# One line of what t/run found: httpd, apxs, user, group, libexec, module, t.
sub setting {
    my ($name) = @_;
    return slurp("$SCRATCH/settings") =~ /^\Q$name\E=(.*)$/m ? $1 : die "no setting '$name'\n";
}

sub define {
    my ($name) = @_;
    return slurp("$TDIR/conf/httpd.conf") =~ /^Define \Q$name\E (.*)$/m ? $1 : die "no '$name'\n";
}

sub port { return define('PORT') }

# Puts a file into a user's site, as that user would.
sub user_file {
    my ($user, $path, $text, $mode) = @_;
    put($path, $text);
    my ($uid, $gid) = (getpwnam "fpmt_$user")[2, 3];
    chown $uid, $gid, $path or die "chown $path: $!\n";
    chmod $mode // 0644, $path or die "chmod $path: $!\n";
    return $path;
}

# ---- HTTP ---------------------------------------------------------------------------

sub connect_to {
    my (%o) = @_;
    my $fh = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $o{port} || port(),
        Proto => 'tcp', Timeout => 10) or die "connect: $!\n";
    binmode $fh;
    return $fh;
}

# Writes one request. headers is a list of "Name: value"; body a string or a callback that
# returns the next piece and undef at the end; chunked sends the body in chunks.
sub send_request {
    my ($fh, $host, $method, $target, %o) = @_;
    my @head = ("$method $target " . ($o{version} || 'HTTP/1.1'), "Host: $host", @{ $o{headers} || [] });
    my $body = $o{body};
    push @head, 'Transfer-Encoding: chunked' if $o{chunked};
    push @head, 'Content-Length: ' . ($o{length} // length $body) if defined $body && !$o{chunked};
    push @head, 'Connection: close' unless $o{keep};
    local $SIG{PIPE} = 'IGNORE';
    print $fh join("\r\n", @head), "\r\n\r\n";
    if (defined $body) {
        my $once = 0;
        my $next = ref $body ? $body : sub { $once++ ? undef : $body };
        while (defined(my $piece = $next->())) {
            next if $piece eq '';
            print $fh $o{chunked} ? sprintf("%x\r\n%s\r\n", length $piece, $piece) : $piece or last;
        }
        print $fh "0\r\n\r\n" if $o{chunked};
    }
    $fh->flush;
}

# Reads the status line and the headers: { status, line, headers => [ [name, value], ... ] }.
sub read_head {
    my ($fh) = @_;
    local $SIG{ALRM} = sub { die "no answer within 60 s\n" };
    alarm 60;
    my $line = <$fh>;
    defined $line or do { alarm 0; return };
    $line =~ s/\r\n//;
    my %r = (line => $line, status => ($line =~ /^HTTP\S+ (\d+)/)[0], headers => []);
    while (defined(my $h = <$fh>)) {
        $h =~ s/\r\n//;
        last if $h eq '';
        my ($name, $value) = split /:\s*/, $h, 2;
        push @{ $r{headers} }, [ lc $name, $value ];
    }
    alarm 0;
    $r{"h:$_->[0]"} //= $_->[1] for @{ $r{headers} };
    return \%r;
}

sub head_values { my ($r, $name) = @_; return map { $_->[1] } grep { $_->[0] eq lc $name } @{ $r->{headers} } }

# Reads a whole answer. sink, if given, gets the pieces of the body instead of {body}.
sub read_answer {
    my ($fh, $method, $sink) = @_;
    my $r;
    do { $r = read_head($fh) or return } while $r->{status} == 100;
    my $body = '';
    $sink ||= sub { $body .= $_[0] };
    local $SIG{ALRM} = sub { die "the answer stopped for 60 s\n" };
    my $take = sub {
        my ($want) = @_;
        while (!defined $want || $want > 0) {
            alarm 60;
            my $got = read $fh, my $buf, defined $want && $want < 65536 ? $want : 65536;
            alarm 0;
            return $want if !$got;
            $sink->($buf);
            $want -= $got if defined $want;
        }
        return 0;
    };
    my $left = 0;
    if ($method eq 'HEAD' || $r->{status} =~ /^(?:1..|204|304)$/) { }
    elsif (($r->{'h:transfer-encoding'} || '') eq 'chunked') {
        while (1) {
            my $size = <$fh>;
            defined $size or do { $left = 1; last };
            $size = hex(($size =~ /^([0-9a-fA-F]+)/)[0] // do { $left = 1; last });
            last if $size && ($left = $take->($size));
            my $end = <$fh>;
            last if !$size;
        }
    }
    elsif (defined $r->{'h:content-length'}) { $left = $take->($r->{'h:content-length'}) }
    else { $take->(undef) }
    $r->{cut}  = $left ? 1 : 0;
    $r->{body} = $body;
    return $r;
}

sub http {
    my ($host, $method, $target, %o) = @_;
    my $fh = connect_to(%o);
    send_request($fh, $host, $method, $target, %o);
    return read_answer($fh, $method, $o{sink}) || { status => 0, line => '(closed)', headers => [], body => '' };
}

sub get { my ($host, $target, @o) = @_; return http($host, 'GET', $target, @o) }

sub body_of { return get(@_)->{body} }

# ---- logs ---------------------------------------------------------------------------

# Every log of a server that a test started.
sub log_files { return sort glob("$TDIR/logs/*error_log"), glob("$TDIR/private/*/error_log") }

sub claims_file { return "$TDIR/logs/claims" }

# The line was expected: 99-error-log.t accepts each claimed line once.
sub claim {
    my ($file, $line) = @_;
    open my $out, '>>', claims_file() or die 'claims: ', $!;
    flock $out, LOCK_EX;
    print $out "$file\t$line\n";
    close $out;
}

# Runs $code and returns the lines that a host's log got meanwhile and that match $like, after
# waiting until there are $count of them; claims them. Lines that do not match stay unclaimed.
sub logs_during {
    my ($host, $like, $count, $code) = @_;
    my $file = $host =~ m{/} ? $host : "$TDIR/logs/" . ($host ? "${host}_" : '') . 'error_log';
    my $start = -s $file || 0;
    $code->();
    my @lines;
    wait_for(5, sub {
        @lines = grep { /$like/ } split /\n/, substr(slurp($file) // '', $start);
        return @lines >= $count;
    });
    claim($file, $_) for @lines;
    return @lines;
}

# ---- httpd's children ---------------------------------------------------------------

sub children {
    my $parent = slurp("$SCRATCH/httpd.pid") =~ /(\d+)/ ? $1 : die "no httpd.pid\n";
    my $list = '';
    $list .= slurp($_) // '' for glob "/proc/$parent/task/*/children";
    return split ' ', $list;
}

# Makes the high-water mark of each child start again from what it uses now, and returns the
# largest of these.
sub reset_peak {
    for my $pid (children()) { open my $out, '>', "/proc/$pid/clear_refs" or next; print $out "5\n" }
    return peak_kb();
}

sub peak_kb {
    my ($most) = sort { $b <=> $a } map { (slurp("/proc/$_/status") // '') =~ /^VmHWM:\s+(\d+)/m ? $1 : 0 } children();
    return $most || die "httpd has no child to look at\n";
}

1;
