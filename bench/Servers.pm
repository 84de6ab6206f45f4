# SPDX-License-Identifier: Apache-2.0
#
# The processes of a server under measurement, for measure.pl and calls.pl: what the command
# line says, who belongs to the server and who runs PHP for it.
package Servers;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(arguments slurp processes);

# KEY=VALUE... -- COMMAND...: the pairs as a hash, then the command.
sub arguments {
    my %given;
    while (@_ && (my $word = shift) ne '--') {
        $word =~ /^(\w+)=(.*)$/s or die "$0: '$word' is no KEY=VALUE\n";
        $given{$1} = $2;
    }
    @_ or die "$0: there is no command after --\n";
    return (\%given, @_);
}

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or return '';
    local $/;
    return scalar(<$in>) // '';
}

# The process and all that descend from it.
sub tree {
    my ($root) = @_;
    my %children;
    for my $dir (glob '/proc/[0-9]*') {
        my ($pid) = $dir =~ /(\d+)/;
        push @{ $children{$1} }, $pid if slurp("$dir/stat") =~ /.*\) \w (\d+)/s;
    }
    my @all = ($root);
    for (my $i = 0; $i < @all; $i++) {
        push @all, @{ $children{ $all[$i] } || [] };
    }
    return @all;
}

# Two lists: the processes of the server (none if it is 0), and those that run PHP for it,
# which are a pool of the php-fpm fpm, or, for the name php-cgi, children of the server.
sub processes {
    my ($server, $php, $fpm) = @_;
    my (@servers, @php);
    for my $pid ($server ? tree($server) : ()) {
        push @{ slurp("/proc/$pid/comm") =~ /^php-cgi/ ? \@php : \@servers }, $pid;
    }
    if ($php ne 'php-cgi') {
        my $title = qr/^php-fpm: pool \Q$php\E[\0 ]*$/;
        @php = grep { slurp("/proc/$_/cmdline") =~ $title } tree($fpm);
    }
    return (\@servers, \@php);
}

1;
