# SPDX-License-Identifier: Apache-2.0
#
# A test in namespaces of its own: what it starts is in there too, and nothing of the machine's
# network or mounts changes.
package FPMT::Apart;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(apart own_network sh);

# Runs this test once more, in namespaces of these kinds, named as unshare(1) names them.
sub apart {
    my (@kinds) = @_;
    if (!$ENV{FPMT_APART}) {
        $ENV{FPMT_APART} = 1;
        exec 'unshare', @kinds, $^X, (map { "-I$_" } @INC), $0, @ARGV or die "unshare: $!\n";
    }
    delete $ENV{FPMT_APART};
}

sub sh { my (@command) = @_; system(@command) == 0 or die "@command: exit ", $? >> 8, "\n" }

# A network with nothing but lo, which has these addresses too.
sub own_network {
    my (@addresses) = @_;
    apart('--net');
    sh(qw(ip link set lo up));
    sh(qw(ip addr add), $_ . (/:/ ? '/128' : '/32'), qw(dev lo), /:/ ? 'nodad' : ()) for @addresses;
}

1;
