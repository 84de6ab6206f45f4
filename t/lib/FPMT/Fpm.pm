# SPDX-License-Identifier: Apache-2.0
#
# A private php-fpm: its main file, pool directory, socket directory and log in one folder.
package FPMT::Fpm;

use strict;
use warnings;
use File::Path qw(make_path);
use FPMT::Process;

# The newest php-fpm of this machine.
sub binary {
    my ($newest) = sort { version($b) <=> version($a) } grep { -x }
        glob('/usr/sbin/php-fpm*'), glob('/usr/bin/php-fpm*');
    return $newest || die "no php-fpm on this machine: run make -f Makefile.apxs deps\n";
}

sub version { my ($major, $minor) = $_[0] =~ /(\d+)\.(\d+)$/; return ($major || 0) * 100 + ($minor || 0) }

sub make {
    my ($class, $dir) = @_;
    make_path("$dir/pool.d", "$dir/run");
    chmod 0755, $dir, "$dir/pool.d", "$dir/run";
    # php-fpm starts with no fewer than one pool; this one is nobody's and never used.
    FPMT::Process::put("$dir/php-fpm.conf", <<"CONF");
[global]
pid = $dir/php-fpm.pid
error_log = $dir/php-fpm.log
process_control_timeout = 5s
include=$dir/pool.d/*.conf
CONF
    FPMT::Process::put("$dir/pool.d/parked.conf", <<"CONF");
[parked]
user = nobody
listen = $dir/run/parked.sock
pm = ondemand
pm.max_children = 1
CONF
    return bless { dir => $dir, binary => binary() }, $class;
}

# A pool written by hand, as an administrator would without the module.
sub pool_by_hand {
    my ($self, $name, $user, $httpd_user) = @_;
    FPMT::Process::put("$self->{dir}/pool.d/$name.conf", <<"CONF");
[$name]
user = $user
listen = $self->{dir}/run/$name.sock
listen.owner = $httpd_user
listen.mode = 0600
pm = ondemand
pm.max_children = 8
CONF
}

sub directive {
    my ($self, $name) = @_;
    return "FPMMaster $name config=$self->{dir}/php-fpm.conf binary=$self->{binary} "
        . "socket_dir=$self->{dir}/run\n";
}

sub pid {
    my ($self) = @_;
    my $text = FPMT::Process::slurp("$self->{dir}/php-fpm.pid") // return 0;
    return $text =~ /^(\d+)/ ? $1 : 0;
}

sub running { my ($self) = @_; my $pid = $self->pid; return $pid && FPMT::Process::alive($pid) }

sub start {
    my ($self) = @_;
    my $dir = $self->{dir};
    my $before = $self->log;
    system("$self->{binary} -D -y $dir/php-fpm.conf >$dir/start.log 2>&1") == 0
        or die "php-fpm does not start: " . FPMT::Process::slurp("$dir/start.log");
    FPMT::Process::wait_for(10, sub { $self->running }) or die "php-fpm wrote no pid file in $dir\n";
    # It writes a line or two more once it is ready: nothing came since the look before.
    my $seen = '';
    FPMT::Process::wait_for(10, sub {
        (my $had, $seen) = ($seen, substr $self->log, length $before);
        return $seen =~ /ready to handle connections/ && $seen eq $had;
    }) or die "php-fpm is not ready in $dir: $seen\n";
}

sub stop {
    my ($self) = @_;
    my $pid = $self->pid;
    FPMT::Process::end_pids($pid) if $pid && FPMT::Process::alive($pid);
}

sub log { my ($self) = @_; return FPMT::Process::slurp("$self->{dir}/php-fpm.log") // '' }

# How often it was told to reload since it started.
sub reloads { my ($self) = @_; my $log = $self->log; return scalar(() = $log =~ /Reloading in progress/g) }

sub socket { my ($self, $user, $name) = @_; return "$self->{dir}/run/fpmpool-" . ($name || 'one') . "-$user.sock" }

sub pool_file { my ($self, $user) = @_; return "$self->{dir}/pool.d/fpmpool-$user.conf" }

sub pool_files { my ($self) = @_; return sort glob "$self->{dir}/pool.d/fpmpool-*" }

1;
