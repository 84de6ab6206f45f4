# SPDX-License-Identifier: Apache-2.0
#
# Runs last: every line of the module and every error in any log of this run was claimed by
# the test that caused it, and no process crashed.
use strict;
use warnings;
use FPMT;
use Test::More;

# Lines of httpd itself that no test causes on purpose, each with its reason.
my @harmless = (
    # Apache::Test has its ping before the log is there.
    qr/AH00558|AH00112/,
    # The event MPM, when a child ends while a closed connection still lingers in it.
    qr/AH03092/,
    # The changes of a restart are made: the tests wait for this line.
    qr/FPMP0528: /,
);

my %claimed;
$claimed{$_}++ for split /\n/, slurp(claims_file()) // '';

my @logs = log_files();
cmp_ok scalar(@logs), '>', 5, 'there are logs to look at';
for my $log (@logs) {
    my (@open, @crashed);
    for my $line (split /\n/, slurp($log)) {
        push @crashed, $line if $line =~ /exit signal (?!Killed|Terminated)|Segmentation|core dump|assertion|AddressSanitizer|double free/i;
        next if $line !~ /FPMP\d{4}|\[[\w-]*:(?:error|crit|alert|emerg)\]/;
        next if grep { $line =~ $_ } @harmless;
        ($claimed{"$log\t$line"} // 0) > 0 ? $claimed{"$log\t$line"}-- : push @open, $line;
    }
    my $name = substr $log, length "$TDIR/";
    is_deeply \@crashed, [], "$name: no crash";
    is_deeply \@open, [], "$name: every line was claimed by a test";
}
done_testing;
