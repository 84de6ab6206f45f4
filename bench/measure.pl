#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# One measurement: runs a load and writes one line of JSON: requests, latency, the processor
# time and memory that the server took meanwhile, and the processor time of PHP.
# Usage: measure.pl server=PID php=NAME fpm=PID [KEY=VALUE]... -- LOAD...
# server=0: the load says itself what it took, as cpu_us. Servers.pm says what php may be; -:
# no PHP runs.
# The load prints requests=N duration_us=N errors=N p50_us=N p99_us=N. Other keys are
# written as they are.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use JSON::PP;
use Servers;
use Time::HiRes qw(clock_gettime);

my $SAMPLE_SEC = 0.25; # between two looks at the memory

my ($given, @load) = arguments(@ARGV);
my ($server, $php, $fpm) = delete @$given{qw(server php fpm)};

# The processor clock of each process: all its threads, also those that ended. Source:
# MAKE_PROCESS_CPUCLOCK of the kernel, which clock_getcpuclockid(3) gives.
sub cpu_us { return { map { $_ => clock_gettime(-8 * ($_ + 1) + 2) * 1e6 } @_ } }

# What all took since before. One that is new counts from its start, one that ended is lost.
sub taken_us {
    my ($before, $after, $what) = @_;
    for my $pid (grep { !exists $after->{$_} } keys %$before) {
        warn "measure.pl: process $pid of $what ended, its processor time is not counted\n";
    }
    my $sum = 0;
    $sum += $after->{$_} - ($before->{$_} // 0) for keys %$after;
    return $sum;
}

# Memory without the pages of files, which other servers of this run may share. What several
# processes share is counted once.
sub pss_kb {
    my $sum = 0;
    for my $pid (@_) {
        $sum += $_ for slurp("/proc/$pid/smaps_rollup") =~ /^Pss_(?:Anon|Shmem):\s+(\d+)/mg;
    }
    return $sum;
}

# What the load said, and the most memory that was seen.
sub run_load {
    my ($servers) = @_;
    my ($said, $ready, $peak) = ('', '', 0);
    open(my $out, '-|', @load) or die "measure.pl: @load: $!\n";
    while (1) {
        vec($ready = '', fileno $out, 1) = 1;
        if (select $ready, undef, undef, $SAMPLE_SEC) {
            last if !sysread $out, $said, 65536, length $said;
        }
        else {
            my $now = pss_kb(@$servers);
            $peak = $now if $now > $peak;
        }
    }
    close $out or die "measure.pl: @load: exit $?: $said\n";
    my %seen = $said =~ /(\w+)=(\d+)/g;
    $seen{requests} or die "measure.pl: @load: no request was answered: $said\n";
    !$seen{errors} or die "measure.pl: @load: $seen{errors} requests failed: $said\n";
    return (\%seen, $peak);
}

my ($servers, $phps) = processes($server, $php, $fpm);
@$phps || $php eq '-' or die "measure.pl: no process of '$php' is there\n";
my ($server_before, $php_before) = (cpu_us(@$servers), cpu_us(@$phps));
my ($seen, $peak) = run_load($servers);
($servers, $phps) = processes($server, $php, $fpm);
my $server_us = $server
    ? taken_us($server_before, cpu_us(@$servers), 'the server')
    : $seen->{cpu_us};
my $php_us = taken_us($php_before, cpu_us(@$phps), $php);

my $n = $seen->{requests};
print JSON::PP->new->canonical->encode({
    %$given,
    rate      => $n / ($seen->{duration_us} / 1e6),
    server_us => $server_us / $n,
    php_us    => $php_us / $n,
    p50_us    => $seen->{p50_us} + 0,
    p99_us    => $seen->{p99_us} + 0,
    $server ? (memory_kb => $peak) : (),
}), "\n";
