#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The system calls of a server for a fixed number of requests: attaches strace to all of its
# processes, runs the command that sends them, and writes one line of JSON.
# Usage: calls.pl server=PID php=NAME fpm=PID requests=N trace=FILE [KEY=VALUE]...
# -- COMMAND...
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use JSON::PP;
use Servers;
use Time::HiRes qw(time sleep);

my ($given, @command) = arguments(@ARGV);
my ($server, $php, $fpm) = delete @$given{qw(server php fpm)};
my ($requests, $trace) = delete @$given{qw(requests trace)};
my ($servers) = processes($server, $php, $fpm);

my $tracer = fork // die "calls.pl: $!\n";
if (!$tracer) {
    open STDERR, '>', "$trace.err" or die "calls.pl: $trace.err: $!\n";
    exec 'strace', '-f', '-c', '-o', $trace, map { ('-p', $_) } @$servers;
    exit 127;
}
my $until = time + 20;
while ((() = slurp("$trace.err") =~ /attached/g) < @$servers) {
    time < $until or die "calls.pl: strace does not attach: ", slurp("$trace.err");
    sleep 0.02;
}
my $status = system @command;
kill INT => $tracer;
waitpid $tracer, 0;
$status == 0 or die "calls.pl: @command: exit $status\n";

# The last line of strace -c: % time, seconds, usecs/call, calls, perhaps errors, total
my ($calls) = slurp($trace) =~ /^\s*100\.00\s+\S+\s+\S+\s+(\d+)\s.*total$/m
    or die "calls.pl: strace counted nothing: " . slurp($trace);
print JSON::PP->new->canonical->encode({ %$given, calls => $calls / $requests }), "\n";
