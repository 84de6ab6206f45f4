# SPDX-License-Identifier: Apache-2.0
#
# A private httpd whose configuration has a number: it is in the environment of the scripts, so
# that an answer says which pool file PHP-FPM has read. And what is looked at after a start or
# a reload: whole pool files, and that all is as the configuration wants it.
package FPMT::Numbered;

use strict;
use warnings;
use parent -norequire, 'FPMT::Server';
use Digest::SHA qw(sha1_hex);
use FPMT qw(wait_for slurp put);
use FPMT::Server;
use FPMT::Process;

# o: fpm => the PHP-FPM of another one.
sub new {
    my ($class, $name, %o) = @_;
    my $self = $class->SUPER::new($name, no_fpm => !!$o{fpm});
    $self->{fpm} = $o{fpm} if $o{fpm};
    put("$self->{dir}/www/who.php", "<?php echo posix_getpwuid(posix_geteuid())['name'], ' ', getenv('STEP'), \"\\n\";\n");
    put("$self->{dir}/www/wait.php", "<?php touch(\$_GET['f']); while (!file_exists(\$_GET['f'] . '.go')) usleep(10000);\n");
    mkdir "$self->{dir}/$_" for qw(tmp flags);
    chmod 0777, "$self->{dir}/flags";
    return $self;
}

# Each number has other settings, and from one to the next, if no users are named, one pool is
# changed, one comes and one goes.
sub site {
    my ($self, $n, @users) = @_;
    @users = ('anna', $n % 2 ? 'bert' : 'carl') if !@users;
    $self->{users} = [ grep { $_ ne 'nobody' } @users ];
    $self->{number} = $n;
    $self->configure(join '', map { $self->host("$_.test", "FPMUser fpmt_$_ env[STEP]=$n") } @{ $self->{users} });
    return $self;
}

# A child of event that is told to end before it is ready may end by SIGSEGV: a request waits for it.
sub start {
    my ($self) = @_;
    my $serves = $self->SUPER::start;
    $self->get('localhost', '/none') if $serves;
    return $serves;
}

# Where the module's copies for PHP-FPM's test are: a folder of its own.
sub command {
    my ($self, @more) = @_;
    return ('env', "TMPDIR=$self->{dir}/tmp", $self->SUPER::command(@more));
}

sub in_dir { opendir my $dir, $_[0] or die "$_[0]: $!\n"; return join ' ', sort grep { !/^\.\.?$/ } readdir $dir }

# Pool files that are not whole by their own marker, and what PHP-FPM says of the folder.
sub half {
    my ($self) = @_;
    my ($fpm, @bad) = ($self->{fpm});
    for my $path (glob "$fpm->{dir}/pool.d/fpmpool-*.conf") {
        my ($hash, $rest) = slurp($path) =~ /\A; Written by mod_fpmpool[^\n]*\n; fpmpool 1 sha1=(\w+) server=[^\n]*\n(.*)\z/s;
        push @bad, $path if !$hash || sha1_hex($rest) ne $hash || $rest !~ /^; end of fpmpool file\n\z/m;
    }
    # A file that is removed while it looks is no fault: a second look does not miss it.
    my $said;
    wait_for(1, sub { $said = qx($fpm->{binary} -t -F -O -y $fpm->{dir}/php-fpm.conf 2>&1); return $? == 0 })
        or push @bad, "php-fpm -t: $said";
    return join ' ', @bad;
}

# The hosts that do not answer as the configuration wants it. After a reload an old child may
# take one more connection.
sub wrong_hosts {
    my ($self) = @_;
    my @bad;
    for my $user (@{ $self->{users} }) {
        my $r;
        wait_for(1, sub { $r = $self->get("$user.test"); return $r->{body} eq "fpmt_$user $self->{number}\n" })
            or push @bad, "$user: $r->{status} $r->{body}";
    }
    return @bad;
}

# The same with pool files and sockets, which are those of the configuration and no others. o:
# beside => another server of the same PHP-FPM, more => names in the pool directory.
sub wrong_names {
    my ($self, %o) = @_;
    my ($fpm, @bad) = ($self->{fpm});
    my @users = (@{ $self->{users} }, $o{beside} ? @{ $o{beside}{users} } : ());
    my %want = ("$fpm->{dir}/pool.d" => [ qw(.fpmpool-lock parked.conf), @{ $o{more} || [] }, map { "fpmpool-fpmt_$_.conf" } @users ],
        "$fpm->{dir}/run" => [ 'parked.sock', map { "fpmpool-one-fpmt_$_.sock" } @users ]);
    for my $dir (sort keys %want) {
        my $names = join ' ', sort @{ $want{$dir} };
        # A reload removes what nobody names when the old children have ended.
        wait_for($o{sec} // 10, sub { in_dir($dir) eq $names }) or push @bad, "$dir: " . in_dir($dir);
    }
    return (@bad, $self->wrong_hosts);
}

# '' if all is as it should be.
sub wrong {
    my ($self, %o) = @_;
    my @bad = $self->wrong_names(%o);
    # apr_temp_dir_get(3) of APR tries a folder with a file of that name.
    my $left = join ' ', grep { !/^apr-tmp\./ } split / /, in_dir("$self->{dir}/tmp");
    push @bad, "temporary files: $left" if $left;
    return join '; ', @bad;
}

# Takes the power away: what was in memory only is gone, and /run is empty. Of a file that was
# not brought to disk nothing is there. Then PHP-FPM starts.
sub cut_power {
    my ($self) = @_;
    my ($fpm, $seen) = ($self->{fpm}, '');
    $self->kill_but;
    # First they stand still: a process that one of them makes meanwhile would live on.
    my @pids = FPMT::Process::of_folder($fpm->{dir});
    while ($seen ne join ' ', sort @pids) {
        kill STOP => @pids;
        $seen = join ' ', sort @pids;
        @pids = FPMT::Process::of_folder($fpm->{dir});
    }
    kill KILL => @pids;
    wait_for(10, sub { !FPMT::Process::of_folder($fpm->{dir}) });
    unlink glob("$fpm->{dir}/run/*"), "$fpm->{dir}/php-fpm.pid";
    truncate $_, 0 for glob "$fpm->{dir}/pool.d/.fpmpool-*.tmp";
    $fpm->start;
}

# All of httpd but these, at once.
sub kill_but {
    my ($self, @but) = @_;
    my %but = map { $_ => 1 } @but;
    my @pids = grep { !$but{$_} } FPMT::Process::of_folder("$self->{dir}/httpd.conf");
    kill KILL => @pids;
    # To the next httpd a zombie still runs, also one that was killed before.
    wait_for(10, sub { FPMT::Process::reap(); !grep { -e "/proc/$_" } @pids, $self->pid });
}

1;
