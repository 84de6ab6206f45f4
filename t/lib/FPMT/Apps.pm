# SPDX-License-Identifier: Apache-2.0
#
# Machines with PHP-FPM for via=balancer: each is a php-fpm of its own that reads what was
# exported for its address, on this machine (127.0.0.2, ...) or in a network namespace.
package FPMT::Apps;

use strict;
use warnings;
use FPMT qw($TDIR setting put slurp wait_for);
use FPMT::Fpm;
use FPMT::Process;

my @made;

# Has a configured server load what via=balancer needs and a test server has not.
sub add {
    my ($server, %without) = @_;
    my $file = "$server->{dir}/httpd.conf";
    my $lines = join '', map { "LoadModule ${_}_module " . setting('libexec') . "/mod_$_.so\n" }
        grep { !$without{$_} && -e setting('libexec') . "/mod_$_.so" }
        qw(slotmem_shm watchdog proxy_balancer proxy_hcheck lbmethod_byrequests lbmethod_bybusyness);
    put($file, slurp($file) =~ s/^ServerRoot /${lines}ServerRoot /mr);
}

# A machine: new(DIR of export=, ADDRESS, where its files go, in => what its php-fpm is started by)
sub new {
    my ($class, $export, $address, $dir, %o) = @_;
    my $fpm = FPMT::Fpm->make($dir);
    put("$dir/php-fpm.conf", slurp("$dir/php-fpm.conf") . "include=$export/$address/*.conf\n");
    push @made, my $self = bless { fpm => $fpm, address => $address, in => $o{in}, owner => $$ }, $class;
    return $self;
}

sub start {
    my ($self) = @_;
    my $fpm = $self->{fpm};
    local $fpm->{binary} = "$self->{in} $fpm->{binary}" if $self->{in};
    $fpm->start;
}

# What an administrator does after he has shipped the files.
sub reload {
    my ($self) = @_;
    my $ready = sub { scalar(() = $self->{fpm}->log =~ /ready to handle connections/g) };
    my $before = $ready->();
    kill USR2 => $self->{fpm}->pid or die "no php-fpm at $self->{address}\n";
    return wait_for(20, sub { $ready->() > $before });
}

sub stop { $_[0]{fpm}->stop }

# As a machine that loses its power: nobody says goodbye.
sub kill {
    my ($self) = @_;
    my $pid = $self->{fpm}->pid;
    my @all = ($pid, map { split ' ', slurp($_) // '' } glob "/proc/$pid/task/*/children");
    CORE::kill KILL => @all;
    return wait_for(5, sub { !grep { FPMT::Process::alive($_) } @all });
}

# Not DESTROY: at the end of the program the objects that stop() needs may go first.
END { local $?; $_->stop for grep { $$ == $_->{owner} } @made }

1;
