# SPDX-License-Identifier: Apache-2.0
#
# A private httpd with a private php-fpm, for tests that start, reload and kill servers.
# Everything is in $TDIR/private/NAME; t/run ends what a failed test leaves.
package FPMT::Server;

use strict;
use warnings;
use File::Path qw(make_path);
use FPMT qw($TDIR setting put slurp claim wait_for);
use FPMT::Fpm;
use FPMT::Process;
use IO::Socket::INET;

sub new {
    my ($class, $name, %o) = @_;
    my $dir = "$TDIR/private/$name";
    make_path("$dir/www");
    put("$dir/www/who.php", "<?php echo posix_getpwuid(posix_geteuid())['name'], \"\\n\";\n");
    my $free = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "no free port: $!\n";
    my $self = bless { dir => $dir, port => $free->sockport, owner => $$ }, $class;
    close $free;
    $self->{fpm} = FPMT::Fpm->make("$dir/fpm");
    $self->{fpm}->start unless $o{no_fpm};
    return $self;
}

# Writes httpd.conf: the frame, the master, then $site. master => '' leaves the master out.
sub configure {
    my ($self, $site, %o) = @_;
    my $dir = $self->{dir};
    my $load = slurp("$TDIR/../base.conf");
    my ($user, $group) = (setting('user'), setting('group'));
    my $master = $o{master} // $self->{fpm}->directive('one');
    put("$dir/httpd.conf", <<"CONF");
${load}ServerRoot $dir
ServerName localhost
PidFile $dir/httpd.pid
DefaultRuntimeDir $dir
Listen 127.0.0.1:$self->{port}
User $user
Group $group
ErrorLog $dir/error_log
LogLevel warn
<IfModule fpmpool_module>
    LogLevel warn fpmpool:info
</IfModule>
TypesConfig /dev/null
<IfModule !mpm_prefork_module>
    StartServers 1
    ServerLimit 3
    ThreadsPerChild 20
    MinSpareThreads 1
    MaxSpareThreads 60
    MaxRequestWorkers 60
</IfModule>
DocumentRoot $dir/www
<Directory />
    Require all granted
    Options SymLinksIfOwnerMatch
</Directory>
Include $dir/master.conf
Include $dir/site.conf
CONF
    put("$dir/master.conf", $master);
    put("$dir/site.conf", $site);
}

# The text of one virtual host.
sub host {
    my ($self, $name, @lines) = @_;
    return join "\n", "<VirtualHost *:$self->{port}>", "ServerName $name", @lines, "</VirtualHost>", '';
}

sub command { my ($self, @more) = @_; return (setting('httpd'), '-f', "$self->{dir}/httpd.conf", @more) }

# Runs httpd with these arguments: exit code and what it said.
sub run {
    my ($self, @args) = @_;
    my $out = "$self->{dir}/httpd.out";
    my $code = system(join(' ', (map { "'$_'" } $self->command(@args)), ">$out 2>&1"));
    return ($code >> 8, slurp($out));
}

sub configtest { my ($self) = @_; return $self->run('-t') }

sub log_file { my ($self) = @_; return "$self->{dir}/error_log" }
sub log { my ($self) = @_; return slurp($self->log_file) // '' }
sub generations { my ($self) = @_; return scalar(() = $self->log =~ /resuming normal operations/g) }

sub pid {
    my ($self) = @_;
    return (slurp("$self->{dir}/httpd.pid") // '') =~ /(\d+)/ ? $1 : 0;
}

# Starts; true when it serves. Otherwise what it said is in {said}.
sub start {
    my ($self) = @_;
    my $before = $self->generations;
    my ($code, $said) = $self->run('-k', 'start');
    $self->{said} = $said;
    return 0 if $code;
    return wait_for(20, sub { $self->generations > $before });
}

# How often the changes of a restart, or removals after it, were made.
sub made { my ($self) = @_; return scalar(() = $self->log =~ /FPMP0528/g) }

# Graceful restart, waited for: it serves, and all changes are made.
sub graceful {
    my ($self) = @_;
    my ($before, $made) = ($self->generations, $self->made);
    kill USR1 => $self->pid or die "no httpd to restart\n";
    return wait_for(60, sub { $self->generations > $before && $self->made > $made });
}

sub sockets { my ($pid) = @_; return scalar grep { (readlink($_) // '') =~ /^socket:/ } glob "/proc/$pid/fd/*" }

# Does a child hold more sockets than the listener's and one that event makes? Event looks at a
# connection that a worker closes, just while it is told to end, after that was freed, and ends
# by SIGSEGV (2.4.71, without our module too). The kernel's list says TIME_WAIT before the close.
sub connected {
    my ($self, $pid) = @_;
    my $idle = sockets($pid) + 1;
    return scalar grep { sockets($_) > $idle } map { split ' ', slurp($_) // '' } glob "/proc/$pid/task/*/children";
}

# httpd ends its own children. A SIGTERM that hits parent and child at once makes a child of
# event free its memory under its own threads, and it may end by SIGSEGV.
sub stop {
    my ($self) = @_;
    my $pid = $self->pid;
    wait_for(1, sub { !$self->connected($pid) });
    if (grep { $_ == $pid } FPMT::Process::of_folder("$self->{dir}/httpd.conf")) {
        kill TERM => $pid;
        wait_for(10, sub { !FPMT::Process::alive($pid) });
    }
    FPMT::Process::end_pids(FPMT::Process::of_folder("$self->{dir}/httpd.conf"));
}

sub get { my ($self, $host, $target) = @_; return FPMT::get($host, $target // '/who.php', port => $self->{port}) }

# The log lines of the module since the last call that match; claimed.
sub said {
    my ($self, $like) = @_;
    my $text = $self->log;
    my @lines = grep { /$like/ } split /\n/, substr $text, $self->{seen} || 0;
    $self->{seen} = length $text;
    claim($self->log_file, $_) for @lines;
    return @lines;
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner};
    local $?;
    $self->stop;
    $self->{fpm}->stop if $self->{fpm}; # at the end of the program either may go first
}

1;
