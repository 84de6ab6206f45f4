# SPDX-License-Identifier: Apache-2.0
#
# configtest only looks: beside a running httpd and a running php-fpm, healthy and broken in
# several ways, as root and as an ordinary user, every file (name, inode, mode, owner, size,
# times, content), every process and the number of connections that a pool has taken are the
# same afterwards. An ordinary user is told what root is told, or what could not be looked at.
# At the end strace says the same of every system call: only a private directory in $TMPDIR is
# ever written, and it is gone afterwards.
use strict;
use warnings;
use FPMT;
use FPMT::Peer;
use FPMT::Server;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM);
use Test::More;

my $s     = FPMT::Server->new('untouched');
my $fpm   = $s->{fpm};
my $dir   = $s->{dir};
my $pools = "$fpm->{dir}/pool.d";
my $temp  = "$SCRATCH/untouched.tmp";
my $asked = 0;
mkdir $temp or die "$temp: $!\n";
chmod 01777, $temp;
mkdir "$dir/new" or die "$dir/new: $!\n";

# An ordinary user has to be able to load the module, wherever the checkout is.
put("$dir/mod_fpmpool.so", slurp(setting('module')));
my $sites = $s->host('a.test', 'FPMUser fpmt_anna pm=static pm.max_children=1 pm.status_path=/status')
    . $s->host('b.test', 'FPMUser fpmt_bert');
configure($sites);
ok $s->start, 'httpd and php-fpm run' or BAIL_OUT($s->{said} . $s->log);
$s->said(qr/FPMP0512/);
is $s->get('a.test')->{body}, "fpmt_anna\n", 'and answer';
my $master = $fpm->pid;    # only now: a daemon that reloads goes on in a new process
my %valid = map { $_ => slurp($_) } glob("$pools/*"), "$fpm->{dir}/php-fpm.conf", "$fpm->{dir}/php-fpm.pid";

# ---- the watch can fail: each of these is seen ------------------------------------------

for my $row (
    [ 'nothing' => sub { } ],
    [ 'a new file' => sub { put("$pools/new", ''); unlink "$pools/new" } ],
    [ 'a mode that was changed and changed back' => sub { chmod $_, "$fpm->{dir}/php-fpm.conf" for 0600, 0644 } ],
    [ 'the same bytes written again' => sub { put("$fpm->{dir}/php-fpm.conf", $valid{"$fpm->{dir}/php-fpm.conf"}) } ],
    [ 'a connection to a pool' => sub { IO::Socket::UNIX->new(Peer => $fpm->socket('fpmt_anna')) or die "connect: $!\n" } ],
) {
    my ($name, $act) = @$row;
    my $before = state_of();
    $act->();
    my $seen = state_of() ne $before;
    is $seen, $name ne 'nothing', "the watch sees $name";
}

# ---- what configtest says and does not do -----------------------------------------------

# exit: of both; make: what is done to the valid machine; hidden: only root can look at it.
my @states = (
    { name => 'healthy', exit => 0, make => sub { } },
    { name => 'a pool file is missing', exit => 0, make => sub { unlink $fpm->pool_file('fpmt_bert') } },
    { name => 'a pool file was edited', exit => 0, make => sub { add("$pools/fpmpool-fpmt_bert.conf", "; x\n") } },
    { name => 'a user does not exist', exit => 1, make => sub { configure($sites . $s->host('c.test', 'FPMUser fpmt_none')) } },
    { name => 'FPMSync check and a missing file', exit => 1,
        make => sub { configure("FPMSync check\n$sites"); unlink $fpm->pool_file('fpmt_bert') } },
    { name => 'a left-over pool file', exit => 0, make => sub { configure($s->host('a.test', 'FPMUser fpmt_anna')) } },
    { name => 'a pool of others names nobody', exit => 1, make => sub { pool('user = fpmt_none') } },
    { name => 'a pool of others has new log files', exit => 0,
        make => sub { pool('user = fpmt_carl', logs("$dir/new/slow.log", "$dir/new/\$pool.log")) } },
    { name => 'log files in lines that are not plain', exit => 0,
        make => sub { pool('user = fpmt_carl', logs("\"$dir/new/\${FPMT_NONE}slow.log\"", "'$dir/new/'\"a.log\"")) } },
    { name => 'a log file after a carriage return', exit => 0, make => sub { pool("user = fpmt_carl\raccess.log = $dir/new/a.log") } },
    { name => 'a log file on the line of a section', exit => 0,
        make => sub { put("$pools/zz.conf", "[zz] access.log = $dir/new/a.log\nuser = fpmt_carl\n") } },
    { name => 'another error log', exit => 0, make => sub { put("$pools/zz.conf", "[global]\nerror_log = $dir/new/error.log\n") } },
    { name => 'a FIFO among the pool files', exit => 1,
        make => sub { system('mkfifo', "$pools/zz.conf") == 0 or die "mkfifo: exit $?\n" } },
    { name => 'a link to nowhere among the pool files', exit => 1,
        make => sub { symlink "$dir/nowhere", "$pools/zz.conf" or die "symlink: $!\n" } },
    { name => 'the pid file names somebody else', exit => 0, make => sub { put("$fpm->{dir}/php-fpm.pid", "$$\n") } },
    { name => 'the main file is for root alone', exit => 0, hidden => "$fpm->{dir}/php-fpm.conf",
        make => sub { chmod 0600, "$fpm->{dir}/php-fpm.conf" } },
    { name => 'a pool file of others is for root alone', exit => 0, hidden => "$pools/zz.conf",
        make => sub { pool('user = fpmt_carl'); chmod 0600, "$pools/zz.conf" } },
    { name => 'a pool file of ours is for root alone', exit => 0, hidden => $fpm->pool_file('fpmt_bert'),
        make => sub { chmod 0600, $fpm->pool_file('fpmt_bert') } },
    { name => 'the pool directory is for root alone', exit => 0, hidden => "$fpm->{dir}/php-fpm.conf:",
        make => sub { chmod 0700, $pools } },
);
my $not_looked = qr/could not be|cannot be|not checked|was not asked/;

for my $state (@states) {
    restore();
    $state->{make}->();
    my %said;
    for my $who ('root', 'fpmt_carl') {
        my $name = "$state->{name}, as $who";
        my $before = state_of();
        my ($code, $text) = configtest($who);
        my $after = state_of();
        is $after, $before, "$name: nothing is touched";
        is join(' ', leftovers()), '', "$name: nothing is left in the directory for temporary files";
        is $code, $state->{exit}, "$name: exit $state->{exit}" or diag $text;
        $said{$who} = [ grep { /^FPMP/ } split /\n/, $text ];
    }
    my %root = map { substr($_, 0, 8) => 1 } @{ $said{root} };
    is_deeply [ grep { !$root{ substr $_, 0, 8 } && !/$not_looked/ } @{ $said{fpmt_carl} } ], [],
        "$state->{name}: an ordinary user is told nothing that root is not, but what he could not look at";
    next if !$state->{hidden};
    ok scalar(grep { index($_, $state->{hidden}) >= 0 && /$not_looked/ } @{ $said{fpmt_carl} }),
        "$state->{name}: he is told so, and which" or diag join "\n", @{ $said{fpmt_carl} };
    ok !scalar(grep { /$not_looked/ } @{ $said{root} }), "$state->{name}: root could look at all";
}

# ---- every system call ------------------------------------------------------------------

restore();
pool('user = fpmt_carl', logs("$dir/new/slow.log", "\"$dir/new/\${FPMT_NONE}a.log\""));
for my $who ('root', 'fpmt_carl') {
    is_deeply [ acts($who, '-t') ], [], "configtest as $who: no system call that changes anything outside of its private directory";
    is_deeply [ acts($who, '-t', '-D', 'FPMPOOL_LINT') ], [], "the lint as $who: no such call either";
}
unlink $fpm->pool_file('fpmt_bert');
cmp_ok scalar(acts('root', '-t', '-D', 'FPMPOOL_SYNC')), '>', 3, 'and a start has some';
$s->said(qr/FPMP/);
done_testing;

# ---- the machine ------------------------------------------------------------------------

sub configure {
    my ($site) = @_;
    $s->configure($site);
    my $conf = slurp("$dir/httpd.conf");
    $conf =~ s/^(LoadModule fpmpool_module) .*/$1 $dir\/mod_fpmpool.so/m or die "no LoadModule line\n";
    put("$dir/httpd.conf", $conf);
}

sub pool { put("$pools/zz.conf", join("\n", '[zz]', "listen = $dir/zz.sock", "pm = ondemand\npm.max_children = 1", @_) . "\n") }

sub logs { my ($slow, $access) = @_; return ("slowlog = $slow", 'request_slowlog_timeout = 5', "access.log = $access") }

sub add { my ($file, $text) = @_; put($file, slurp($file) . $text) }

# No process is started or told anything here, so the running php-fpm still has the old files.
sub restore {
    chmod 0755, $pools;
    unlink "$pools/zz.conf";
    for my $file (keys %valid) {
        chmod 0644, $file;
        put($file, $valid{$file}) if (slurp($file) // '') ne $valid{$file};
    }
    utime time, time, "$fpm->{dir}/php-fpm.pid";    # php-fpm has read them all
    configure($sites);
}

sub command_as {
    my ($who, @args) = @_;
    my ($uid, $gid) = (getpwnam $who)[2, 3];
    return ('env', "TMPDIR=$temp", 'setpriv', "--reuid=$uid", "--regid=$gid", '--clear-groups', @args);
}

sub configtest {
    my ($who) = @_;
    my $code = system(join ' ', 'cd / &&', command_as($who, $s->command('-t')), ">$SCRATCH/untouched.out 2>&1");
    return ($code >> 8, slurp("$SCRATCH/untouched.out"));
}

sub leftovers { opendir my $in, $temp or die "$temp: $!\n"; return grep { !/^\.\.?$/ } readdir $in }

# ---- the watch --------------------------------------------------------------------------

# One line per file, process and count.
sub state_of {
    my $files = qx(cd $dir && find . -printf '%p %i %m %U:%G %s %T\@ %C\@ %y %l\\n' | sort && find . -type f -exec sha256sum {} + | sort);
    my @pids = ($master, $s->pid);
    push @pids, map { split ' ', slurp("/proc/$_/task/$_/children") // '' } @pids;
    my $running = join '', map { (slurp("/proc/$_/stat") // 'gone') =~ /^(\d+ \(.*\)) \S+ (?:\S+ ){18}(\d+)/ ? "process $1 since $2\n" : "process $_ is gone\n" } @pids;
    return $files . $running . 'connections ' . connections() . "\n";
}

# How many connections anna's pool has taken from others than this question.
sub connections {
    my $conn = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $fpm->socket('fpmt_anna')) or die "connect: $!\n";
    $conn->print(FPMT::Peer::request(REQUEST_METHOD => 'GET', SCRIPT_NAME => '/status', SCRIPT_FILENAME => '/status', QUERY_STRING => ''));
    $conn->flush;
    my $answer = do { local $/; <$conn> };
    $answer =~ /accepted conn:\s+(\d+)/ or die "no status page of the pool: $answer\n";
    return $1 - ++$asked;
}

# What a run does that changes something, other than in its private directory: fpmpool-test.*
# holds the copies that php-fpm -tt reads and opcache's lock file, apr-tmp.* is how APR tries whether it can write there.
sub acts {
    my ($who, @args) = @_;
    my $trace = "$SCRATCH/untouched.trace";
    system(join ' ', 'cd / && strace -f -qq -s 300 -o', $trace,
        '-e trace=%file,%network,kill,tkill,tgkill,fchmod,fchown,ftruncate,fallocate,flock,fsetxattr',
        command_as($who, $s->command(@args)), ">$SCRATCH/untouched.out 2>&1");
    my @lines = split /\n/, slurp($trace) // '';
    cmp_ok scalar(@lines), '>', 100, 'strace saw the run';
    my $looks = join '|', qw(execve access faccessat2? readlink(?:at)? stat newfstatat statx? lstat fstat statfs getcwd chdir fchdir
        socket socketpair getsockname getpeername setsockopt getsockopt umask inotify_\w+ exit_group);
    my $own = qr{^(?:AT_FDCWD, )?"\Q$temp\E/(?:fpmpool-test|apr-tmp)\.[^"]*"(?!, ")};
    my (@acts, %private);
    for my $line (@lines) {
        my ($call, $rest) = $line =~ /^\d+\s+(\w+)\((.*)/ or next;    # else: a signal, an exit, the end of a call
        next if $call =~ /^(?:$looks)$/;
        # What is done to an open file is told by its number.
        my ($fd) = $call =~ /^open(?:at)?$/ ? $rest =~ /= (\d+)$/ : $rest =~ /^(\d+)/;
        $private{$fd} = $rest =~ $own if defined $fd && $call =~ /^open/;
        next if $call =~ /^f/ && defined $fd && $private{$fd};
        next if $call eq 'unlinkat' && $private{$fd} && $rest =~ m{^\d+, "[^/"]+"};    # in that directory
        next if $call =~ /^open(?:at)?$/ && $rest !~ /O_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND)/;
        next if $call =~ /^open(?:at)?$/ && $rest =~ m{"/dev/(?:null|zero|tty)"};
        next if $call =~ /^t?g?kill$/ && $rest =~ /, 0\)/;            # is that process there?
        # Services of nsswitch.conf and of name lookups, not ours.
        next if $call eq 'connect' && $rest =~ m{"/(?:var/)?run/(?:nscd|systemd)/|AF_INET|AF_UNSPEC};
        next if $call =~ /^(?:bind|sendto|sendmsg|recvfrom|recvmsg)$/ && $rest =~ /AF_(?:NETLINK|INET)|^\d+, .*(?:NETLINK|nlmsg)/;
        next if $rest =~ $own;
        push @acts, $line;
    }
    return @acts;
}
