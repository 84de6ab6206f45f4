# SPDX-License-Identifier: Apache-2.0
#
# Our module is in the running server. This fails, and never skips, when it is missing:
# without it every other test would talk to another module.
use strict;
use warnings;
use FPMT;
use Test::More;

my $httpd   = setting('httpd');
my $modules = qx($httpd -d $TDIR -f $TDIR/conf/httpd.conf -M 2>&1);
is $? >> 8, 0, 'the configuration of the tests loads' or diag $modules;
like $modules, qr/^ fpmpool_module \(shared\)/m, 'httpd lists fpmpool_module';
like $modules, qr/^ mpm_\Q$MPM\E_module/m, "this run is on $MPM";
like slurp("$TDIR/conf/httpd.conf"), qr/LoadModule fpmpool_module "?\Q@{[setting('module')]}\E/,
    'it is the module that was just built';

# Claims the notice of the first start in this scratch folder; a second server finds the files.
my @written = grep { /FPMP0512/ } split /\n/, slurp("$TDIR/logs/error_log");
cmp_ok scalar(@written), '<=', 1, 'pool files were written once at most' or diag join "\n", @written;
claim("$TDIR/logs/error_log", $_) for @written;

my $who = get('anna.test', '/who.php');
is $who->{status}, 200, 'a PHP file is answered';
is $who->{body}, "fpmt_anna fpmt_anna\n", 'PHP runs as the user that the host names';

my ($parent) = slurp("$SCRATCH/httpd.pid") =~ /(\d+)/;
like slurp("/proc/$parent/status"), qr/^Uid:\s+0\s+0/m, 'the parent is root';
my $uid = getpwnam setting('user');
for my $pid (children()) {
    like slurp("/proc/$pid/status"), qr/^Uid:\s+$uid\s+$uid/m, "child $pid is an ordinary user";
}
done_testing;
