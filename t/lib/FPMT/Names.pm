# SPDX-License-Identifier: Apache-2.0
#
# Users that come and go within a test, and a name service that fails as told: the library
# that tests/nss/fpmtest.c becomes, listed in a nsswitch.conf of one command only.
package FPMT::Names;

use strict;
use warnings;
use File::Basename qw(dirname);
use FPMT qw($TDIR setting put);

our $TOP = dirname(setting('t'));
my $library = "$TOP/build/nss";
my %made;

# Makes these users, each with a group of its own. All are removed at the end of the test.
sub make {
    for my $name (@_) {
        unmake($name) if defined getpwnam $name; # of a run that crashed
        system('useradd', '-M', '-U', '-s', '/usr/sbin/nologin', '-c', 'mod_fpmpool test user', $name) == 0
            or die "useradd $name: exit $?\n";
        $made{$name} = $$;
    }
}

sub unmake {
    for my $name (@_) {
        $name =~ /^fpmt_/ or die "$name is no user of the tests\n";
        system('userdel', $name) == 0 or die "userdel $name: exit $?\n";
        delete $made{$name};
    }
}

# The command with these services for users and groups.
sub with_services {
    my ($services, @command) = @_;
    -e "$library/libnss_fpmtest.so.2" or die "libnss_fpmtest.so.2 is missing: run make -f Makefile.apxs $library/libnss_fpmtest.so.2\n";
    put("$TDIR/nsswitch.conf", "passwd: $services\ngroup: $services\n");
    put("$TDIR/with-services", "mount --bind $TDIR/nsswitch.conf /etc/nsswitch.conf && exec env LD_LIBRARY_PATH=$library \"\$@\"\n");
    return ('unshare', '-m', 'sh', "$TDIR/with-services", @command);
}

END { local $?; unmake(grep { $made{$_} == $$ } keys %made) }

1;
