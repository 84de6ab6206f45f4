# SPDX-License-Identifier: Apache-2.0
#
# The machine that t/run makes for the tests and takes down after them: scratch folder,
# users, document roots, certificate, the private php-fpm, and one Apache::Test run per MPM.
package FPMT::Machine;

use strict;
use warnings;
use Config;
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use FPMT::Fpm;
use FPMT::Process;

our @USERS = qw(fpmt_anna fpmt_bert fpmt_carl);
# Written into the user's comment field, so that leftovers of a crashed run are known as ours.
my $GECOS = 'mod_fpmpool test user';

# What the tests load, in Debian's order; ours among them, before proxy.
my @MODULES = qw(alias auth_basic authn_core authn_file authz_core authz_host authz_user deflate dir
    env filter FPMPOOL headers http2 include mime proxy proxy_fcgi reqtimeout rewrite setenvif
    socache_shmcb ssl userdir);

sub new {
    my ($class, %self) = @_;
    return bless { owner => $$, %self }, $class;
}

# A crashed run leaves its folder, and maybe its servers: both are known by the folder's name.
# The caller holds the lock, so no live run has such a folder.
sub sweep {
    for my $left (grep { -d } glob '/tmp/fpmt_t.??????') {
        FPMT::Process::end_all($left);
        remove_tree($left);
    }
}

sub build {
    my ($self) = @_;
    # In small letters, as paths of sockets mostly are: mod_rewrite turns a handler's name into
    # them, so that an attack would fail here by its path alone.
    my $scratch;
    do { $scratch = '/tmp/fpmt_t.' . join '', map { ('a' .. 'z', 0 .. 9)[ rand 36 ] } 1 .. 6 } until mkdir $scratch, 0700;
    $self->{scratch} = $scratch;
    chmod 0755, $scratch;
    print "t/run: scratch folder $scratch\n";
    for my $user (@USERS) {
        next if defined getpwnam $user;
        system('useradd', '-M', '-U', '-s', '/usr/sbin/nologin', '-c', $GECOS, $user) == 0
            or die "useradd $user: exit $?\n";
    }
    ($self->{httpd}) = grep { -x } $ENV{FPMT_HTTPD} || (), qw(/usr/sbin/apache2 /usr/sbin/httpd);
    ($self->{apxs})  = grep { -x } qw(/usr/bin/apxs /usr/bin/apxs2);
    ($self->{user})  = grep { defined getpwnam $_ } qw(www-data apache nobody);
    $self->{group}   = getgrgid((getpwnam $self->{user})[3]);
    chomp($self->{libexec} = qx($self->{apxs} -q LIBEXECDIR));
    $self->_sites;
    $self->_certificate;
    $self->{fpm} = FPMT::Fpm->make("$scratch/fpm");
    $self->{fpm}->pool_by_hand('hand', 'fpmt_anna', $self->{user});
    $self->{fpm}->start;
    FPMT::Process::put("$scratch/fpm/master.conf", $self->{fpm}->directive('one'));
    FPMT::Process::put("$scratch/settings", join '', map { "$_=$self->{$_}\n" }
        qw(httpd apxs user group libexec module t));
}

# Each user's document root gets the same scripts, owned by that user.
sub _sites {
    my ($self) = @_;
    my $www = "$self->{scratch}/www";
    my %site = (anna => 'fpmt_anna', bert => 'fpmt_bert', carl => 'fpmt_carl',
        anna_alias => 'fpmt_anna', 'home/fpmt_carl/public_html' => 'fpmt_carl');
    make_path("$www/none", "$self->{scratch}/wiki/usr/share/dokuwiki");
    for my $name (sort keys %site) {
        make_path("$www/$name");
        system('cp', '-R', "$self->{t}/www/.", "$www/$name") == 0 or die "cp: exit $?\n";
        system('chown', '-R', "$site{$name}:$site{$name}", "$www/$name") == 0 or die "chown: exit $?\n";
    }
    # user 'guest', password 'secret'
    FPMT::Process::put("$www/passwords", "guest:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
}

sub _certificate {
    my ($self) = @_;
    my $dir = "$self->{scratch}/tls";
    make_path($dir);
    system("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=anna.test -days 2 "
        . "-keyout $dir/key.pem -out $dir/cert.pem 2>$dir/log") == 0
        or die "openssl: see $dir/log\n";
}

# One Apache::Test run: its own folder, so that each MPM has its own logs and claims.
sub apache_test {
    my ($self, $mpm, @tests) = @_;
    my $dir = "$self->{scratch}/$mpm";
    make_path("$dir/t");
    system('cp', '-R', "$self->{t}/.", "$dir/t") == 0 or die "cp: exit $?\n";
    my $in = FPMT::Process::slurp("$dir/t/conf/httpd.conf.in");
    $in =~ s/\@SCRATCH\@/$self->{scratch}/g;
    FPMT::Process::put("$dir/t/conf/httpd.conf.in", $in);
    FPMT::Process::put("$dir/base.conf", $self->load_lines($mpm));
    make_path("$dir/t/logs");

    local $ENV{APACHE_TEST_ULIMIT_SET} = 1;
    local $ENV{FPMT_SCRATCH} = $self->{scratch};
    local $ENV{FPMT_MPM}     = $mpm;
    local $ENV{PERL5LIB}     = "$dir/t/lib";
    # One PidFile for all MPMs: to the module it is one server that was started again.
    return system($^X, "$dir/t/TEST", '-httpd', $self->{httpd}, '-apxs', $self->{apxs},
        '-httpd_conf', "$dir/base.conf", '-user', $self->{user}, '-group', $self->{group},
        '-t_pid_file', "$self->{scratch}/httpd.pid", '-port', 'select',
        ($ENV{FPMT_VERBOSE} ? '-verbose' : ()), @tests);
}

sub load_lines {
    my ($self, $mpm) = @_;
    my $lines = '';
    for my $name ("mpm_$mpm", @MODULES) {
        # mod_http2 refuses to work on prefork (AH10034).
        next if $name eq 'http2' && $mpm eq 'prefork';
        my $file = $name eq 'FPMPOOL' ? $self->{module} : "$self->{libexec}/mod_$name.so";
        my $id = lc $name;
        $lines .= "LoadModule ${id}_module $file\n" if -e $file;
    }
    return $lines;
}

# Takes down whatever is left, in every case; a failed run keeps its logs beside.
sub end {
    my ($self, $status) = @_;
    my $scratch = $self->{scratch} or return;
    FPMT::Process::end_all($scratch);
    for my $user (@USERS) {
        my @entry = getpwnam $user or next;
        system('userdel', $user) == 0 or warn "userdel $user: exit $?\n" if $entry[6] eq $GECOS;
    }
    if ($ENV{FPMT_KEEP}) {
        print "t/run: kept $scratch\n";
    }
    else {
        if ($status) {
            print "t/run: logs of the failed run are in /tmp/fpmt_failed\n";
            system('rm', '-rf', '/tmp/fpmt_failed');
            system("cd $scratch && mkdir /tmp/fpmt_failed && find . -type f -size -4096k "
                . "'(' -name '*.log' -o -name '*_log' -o -name '*.conf' ')' "
                . '-exec cp --parents -t /tmp/fpmt_failed {} +');
        }
        remove_tree($scratch);
    }
}

1;
