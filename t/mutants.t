# SPDX-License-Identifier: Apache-2.0
#
# 100 random edits (tests/mutate.pl) of pool files of others, of our own, of PHP-FPM's main file
# and of the site's configuration, each held against the real PHP-FPM:
#   1. configtest on the edited machine: exit 0 or 1, every line of the module well formed;
#   2. `httpd -t -D FPMPOOL_SYNC`: what the coming start makes of it (FPMSync auto). A file of
#      ours that was edited is put right here, so configtest need not call it broken;
#   3. the state after 2: `php-fpm -t`, and a real start of php-fpm in the foreground.
# Where 2 or 3 fails, 1 has to have said exit 1, and of an edited file of PHP-FPM a line has
# named the file (or one that it includes, or that the same pool is made of). Nothing runs before 2: a
# running master would only add notices. Not drawn: edits whose log file or socket would be
# made outside of the scratch folder.
# FPMT_SEED=N takes other edits, FPMT_MUTANT=N one of them, FPMT_MUTANTS=N more or fewer,
# FPMT_VERBOSE=1 shows what was said.
use strict;
use warnings;
use FPMT;
use FPMT::Server;
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes ();
require(setting('t') . '/../tests/mutate.pl');

my $seed    = $ENV{FPMT_SEED} // 20;
my $count   = $ENV{FPMT_MUTANTS} // 100;
my @mutants = defined $ENV{FPMT_MUTANT} ? $ENV{FPMT_MUTANT} : 1 .. $count;
my $begin   = time;
diag "seed $seed (FPMT_SEED)";

my $server  = FPMT::Server->new('mutants', no_fpm => 1);
my $fpm     = $server->{fpm};
my $dir     = $fpm->{dir};
my $user    = setting('user');
my $port    = free_port();
my %valid   = files();
my $problem = qr/^(?:AH\d+|FPMP\d{4}):/;

# The words of this machine that an edit may put in the place of a value.
my @words = ('fpmt_anna', 'fpmt_bert', $user, "$dir/run", "$dir/run/hand.sock", "$dir/run//hand.sock",
    $fpm->socket('fpmt_anna'), "$dir/run/" . 'x' x 120, "$dir/none/x.sock", "$dir/run/a,b.sock", "$dir/pool.d/*.conf",
    $port, "127.0.0.1:$port", "$dir/www", '/bin/false');
my @lines = ("listen = $dir/run/hand.sock", 'listen = ' . $fpm->socket('fpmt_anna'), "include = $dir/pool.d/*.conf",
    "include = $dir/none.conf", "pid = $dir/other.pid", "chdir = $dir");

# ---- the valid machine ---------------------------------------------------------------

# Without its own FPMMaster line a site would go to the machine's PHP-FPM: these take its names.
my $shadow = FPMT::Fpm->make("$server->{dir}/shadow");
$server->configure($server->host('a.test', 'FPMUser fpmt_anna php=fpmt_none'), master => $fpm->directive('one'));
my ($found) = ($server->configtest)[1] =~ /there is no master 'fpmt_none', only ([^;]*);/;
my $shadows = join '', map { $shadow->directive($_) } grep { $_ ne 'one' } split /, /, $found // BAIL_OUT('no names of masters');

restore();
my ($code, $said) = $server->run('-t', '-D', 'FPMPOOL_SYNC');
is $code, 0, 'the valid files: a start writes ours' or BAIL_OUT($said);
$valid{$_} = slurp($_) for $fpm->pool_files;
cmp_ok scalar(grep { /fpmpool-/ } keys %valid), '==', 2, 'two files of ours' or BAIL_OUT($said);
($code, $said) = $server->configtest;
is $code, 0, 'configtest is content';
unlike $said, qr/^FPMP(?!0508|0434)/m, 'and says only that nothing runs and that [www] is httpd\'s own user' or diag $said;
my $why = refused();
is $why, '', 'php-fpm takes and runs them';

my @subjects = (
    map({ [ "$dir/pool.d/$_", 'ini' ] } qw(docker.conf www.conf zz-docker.conf hand.conf debian.conf)),
    [ $fpm->pool_file('fpmt_anna'), 'ini' ],
    [ "$dir/php-fpm.conf", 'ini' ],
    [ "$server->{dir}/site.conf", 'httpd' ],
    [ "$dir/pool.d/hand.conf", 'ini' ],
    [ "$server->{dir}/one.conf", 'httpd' ],
);
# Each names the others where it is the one that lacks something.
my %parts = map { ("$dir/pool.d/$_" => [ map { "$dir/pool.d/$_" } qw(docker.conf www.conf zz-docker.conf) ]) }
    qw(docker.conf www.conf zz-docker.conf);

# ---- the edits -----------------------------------------------------------------------

my ($refused, $warned) = (0, 0);
for my $number (@mutants) {
    srand $seed * 100_000 + $number;
    my ($path, $language) = @{ $subjects[ ($number - 1) % @subjects ] };
    my ($text, $what);
    do {
        ($text, $what) = FPMT::Mutate::mutate($valid{$path}, language => $language, values => \@words, lines => \@lines);
    } while (leaves_trace($text));
    try_one("seed $seed, mutant $number: " . ($path =~ s{.*/}{}r) . ": $what", $path, $language, $text);
}
diag sprintf '%d edits in %d s: PHP-FPM refused %d, configtest said exit 1 to %d', scalar @mutants, time - $begin, $refused, $warned;
if (@mutants >= 100) {
    cmp_ok $refused, '>=', @mutants / 10, 'enough of the edits were bad';
    cmp_ok @mutants - $refused, '>=', @mutants / 10, 'and enough were not';
}
undef $server;
done_testing;

sub try_one {
    my ($title, $path, $language, $text) = @_;
    restore();
    put($path, $text);
    my ($exit, $signal, $lines) = run_httpd('-t');
    my @faults = form_faults($exit, $signal, $lines);
    my ($sync_exit, $sync_signal, $sync_lines) = run_httpd('-t', '-D', 'FPMPOOL_SYNC');
    push @faults, map { "as a start: $_" } form_faults($sync_exit, $sync_signal, $sync_lines);
    push @faults, "configtest says exit $exit, a start would fail: $sync_lines" if $sync_exit && !$exit;
    my $refusal = refused();
    $warned  += $exit != 0;
    $refused += $refusal ne '';
    if ($refusal ne '') {
        my ($names) = map { qr/^FPMP.*(?:$_)/m } join '|', map { quotemeta } '/etc/hostname', @{ $parts{$path} || [$path] };
        push @faults, "configtest says exit $exit" if $exit != 1;
        push @faults, "no line names $path" if $exit == 1 && $language eq 'ini' && $lines !~ $names;
    }
    is join("\n", @faults), '', $title;
    my $report = "$title\n  exit $exit\n  configtest: " . join("\n              ", grep { /$problem/ } split /\n/, $lines)
        . "\n  PHP-FPM:    " . ($refusal eq '' ? 'runs' : $refusal =~ s/\n/\n              /gr);
    if (@faults) { diag $report }
    elsif ($ENV{FPMT_VERBOSE}) { note $report }
}

# What is wrong with the way that configtest ended and spoke.
sub form_faults {
    my ($exit, $signal, $lines) = @_;
    my @faults;
    push @faults, "ended by signal $signal" if $signal;
    push @faults, "exit $exit" if !$signal && $exit != 0 && $exit != 1;
    # The paths of this folder are longer than those of a machine.
    $lines =~ s/x{100,}/x/g;
    $lines =~ s/\Q$dir\E/\/etc\/php\/8.2\/fpm/g;
    $lines =~ s/\Q$server->{dir}\E/\/etc\/apache2/g;
    # The same where the edit hit the path.
    $lines =~ s/tmp[^'"\n]{0,12}t[^'"\n]{20,30}private[^'"\n]*?(?=\/|')/x/g;
    for my $line (grep { /FPMP\d{4}/ } split /\n/, $lines) {
        push @faults, "not of the form 'FPMPnnnn: link: seen; mend': $line" if $line !~ /^FPMP\d{4}: (?:[a-z ]+: \S.*; |FPM\w+: )\S.*\S$/;
        push @faults, length($line) . " bytes: $line" if length $line >= 300;
        push @faults, "a control character: $line" if $line =~ /[\x00-\x1f\x7f]/;
    }
    return @faults;
}

# ---- the machine ---------------------------------------------------------------------

sub run_httpd {
    my (@args) = @_;
    my $out = "$server->{dir}/httpd.out";
    my $status = system(join(' ', (map { "'$_'" } $server->command(@args)), ">$out 2>&1"));
    # The shell says 128 + n of a child that was ended by signal n.
    my $exit = $status >> 8;
    return ($exit > 128 ? (0, $exit - 128) : ($exit, $status & 127), slurp($out));
}

# Why PHP-FPM does not take its files or does not start; '' if it does both.
sub refused {
    my @command = ($fpm->{binary}, qw(-n -F -O -y), "$dir/php-fpm.conf");
    my ($end, $text) = run_fpm(@command, '-t');
    my $why = $end eq 'exit 0' ? '' : "-t: $end: $text";
    ($end, $text) = run_fpm(@command);
    return $end eq 'ready' ? $why : $why . "start: $end: $text";
}

# Runs php-fpm until it serves, ends, or 5 s are over: how it went and what it said of it.
sub run_fpm {
    my (@command) = @_;
    pipe my $in, my $out or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        setpgrp;
        open STDIN, '<', '/dev/null';
        open $_, '>&', $out for *STDOUT, *STDERR;
        # As a service manager starts it: what ${HOME} gives is not the caller's.
        %ENV = (PATH => '/usr/sbin:/usr/bin:/sbin:/bin');
        exec @command or POSIX::_exit(127);
    }
    close $out;
    my ($text, $end) = ('', '');
    my $deadline = Time::HiRes::time() + 5;
    while ($end eq '') {
        vec(my $bits = '', fileno $in, 1) = 1;
        my $left = $deadline - Time::HiRes::time();
        if ($left <= 0 || !select $bits, undef, undef, $left) { $end = 'no end within 5 s' }
        elsif (!sysread $in, $text, 65536, length $text) { $end = 'closed' }
        elsif ($text =~ /ready to handle connections/) { $end = 'ready' }
    }
    kill TERM => $pid if $end ne 'closed';
    my $gone = wait_for(5, sub { waitpid($pid, 1) == $pid });
    my $status = $?;
    kill KILL => -$pid;
    waitpid $pid, 0 if !$gone;
    $end = 'exit ' . ($status >> 8) if $end eq 'closed';
    return ($end, join '', map { s/^\[.*?\] (?=[A-Z]+:)//r . "\n" } grep { /ERROR|ALERT|syntax/ } split /\n/, $text);
}

sub restore {
    unlink glob "$dir/pool.d/* $dir/run/* $dir/*.pid $dir/*.log";
    $server->configure($valid{"$server->{dir}/site.conf"}, master => "Include $server->{dir}/one.conf\n$shadows");
    put($_, $valid{$_}) for keys %valid;
}

# Would PHP-FPM make a file or socket outside of the scratch folder? Such an edit is drawn anew.
sub leaves_trace {
    my ($text) = @_;
    while ($text =~ /(listen|log|pid|dir|config)[ \t"']*=([^\n\r\0;]*)/gi) {
        my ($key, $value) = (lc $1, $2 =~ s/["'\s]//gr);
        next if $value eq '' || $value =~ m{^(?:syslog|/proc/self/fd/2)$} || index($value, "$SCRATCH/") == 0;
        next if $key eq 'listen' && $value =~ /^\d*$|:/;
        my ($parent) = $value =~ m{^(.*)/};
        return 1 if !defined $parent || grep { -d "$_$parent/" } '', '/usr/', '/var/';
    }
    return 0;
}

sub free_port {
    my $free = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "no free port: $!\n";
    return $free->sockport;
}

# ---- the files -----------------------------------------------------------------------

sub files {
    my $main = slurp("$dir/php-fpm.conf");
    my %file = ("$dir/php-fpm.conf" => "; the main file\n\n$main");
    $file{"$server->{dir}/one.conf"} = $fpm->directive('one');
    $file{"$server->{dir}/site.conf"} = join '',
        "FPMDefaults pm.max_children=4 request_terminate_timeout=60s\n",
        $server->host('a.test', 'FPMUser fpmt_anna "php_admin_value[memory_limit]=256M" pm=static pm.max_children=2'),
        $server->host('b.test', 'FPMUser fpmt_bert ext=php,phtml env[APP_ENV]=prod'),
        $server->host('c.test', '<Location "/closed">', '    FPMUser off', '</Location>');
    # Three files that make one pool, as the images of PHP for containers have them.
    $file{"$dir/pool.d/docker.conf"} = <<"CONF";
[global]
error_log = /proc/self/fd/2
log_limit = 8192

[www]
; stdout is closed when a pool starts
access.log = /proc/self/fd/2
clear_env = no
catch_workers_output = yes
decorate_workers_output = no
CONF
    $file{"$dir/pool.d/www.conf"} = <<"CONF";
[www]
user = $user
group = $user
listen = 127.0.0.1:$port
pm = dynamic
pm.max_children = 5
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
CONF
    $file{"$dir/pool.d/zz-docker.conf"} = <<"CONF";
[global]
daemonize = no

[www]
listen = $port
CONF
    # As Debian ships it, with a user of its own.
    $file{"$dir/pool.d/debian.conf"} = <<"CONF";
; Start a new pool named 'debian'.
; the variable \$pool can be used in any directive and will be replaced by the
; pool name ('debian' here)
[debian]

; Unix user/group of the child processes.
user = fpmt_carl
group = fpmt_carl

listen = $dir/run/\$pool.sock
;listen.backlog = 511
listen.owner = $user
listen.group = $user
;listen.mode = 0660

pm = dynamic
pm.max_children = 5
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
;pm.max_requests = 500

;php_admin_value[sendmail_path] = /usr/sbin/sendmail -t -i -f www\@my.domain.com
;php_flag[display_errors] = off
CONF
    # By hand, with all that a site may need.
    $file{"$dir/pool.d/hand.conf"} = <<"CONF";
[hand]
user = fpmt_carl
listen = $dir/run/hand.sock
listen.owner = $user
listen.mode = 0600
pm = ondemand
pm.max_children = 8
pm.process_idle_timeout = 20s
pm.status_path = /status
chdir = $dir
access.log = $dir/hand.access.log
access.format = "%R - %u %t \\"%m %r\\" %s"
slowlog = $dir/hand.slow.log
request_slowlog_timeout = 10s
request_terminate_timeout = 60
rlimit_files = 1024
security.limit_extensions = .php .phtml
env[TMPDIR] = /tmp
php_admin_value[error_log] = $dir/hand.error.log
php_admin_flag[log_errors] = on
php_value[date.timezone] = Europe/Berlin
CONF
    return %file;
}
