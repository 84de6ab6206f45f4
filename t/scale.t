# SPDX-License-Identifier: Apache-2.0
#
# configtest stays quick: for 1,000 hosts of 1,000 users the module adds less time to it than
# `php-fpm -t` takes for the same pools, and 10,000 hosts of these users cost it no more than in
# proportion. Times are medians of runs in turn; the system calls are counted, for they are the
# same on every run. The users stand in files that are mounted over /etc/passwd and /etc/group
# in a mount namespace of each command, so the machine never sees them.
use strict;
use warnings;
use FPMT;
use FPMT::Server;
use Test::More;
use Time::HiRes ();

my $users = $ENV{FPMT_USERS} || 1000;
my $s     = FPMT::Server->new('scale', no_fpm => 1);
my $fpm   = $s->{fpm};
my $dir   = $s->{dir};
my @names = map { sprintf 'fpmt_s%05d', $_ } 1 .. $users;

put("$dir/passwd", slurp('/etc/passwd') . join '', map { "$names[$_]:x:@{[ 70000 + $_ ]}:@{[ 70000 + $_ ]}::/nonexistent:/bin/false\n" } 0 .. $#names);
put("$dir/group", slurp('/etc/group') . join '', map { "$names[$_]:x:@{[ 70000 + $_ ]}:\n" } 0 .. $#names);
put("$dir/with-users", "mount --bind $dir/passwd /etc/passwd && mount --bind $dir/group /etc/group && exec \"\$@\"\n");

my ($code, $said);
sites($users, 'FPMUser %s pm.max_children=3');
($code, $said) = run($s->command('-t', '-D', 'FPMPOOL_SYNC'));
is $code, 0, 'the pool files are written' or BAIL_OUT($said);
is scalar(my @files = $fpm->pool_files), $users, 'one for each user';
($code, $said) = run($s->command('-t'));
is $code, 0, 'configtest is content' or BAIL_OUT($said);
unlike $said, qr/^FPMP(?!0508)/m, 'and says only that PHP-FPM does not run' or diag substr $said, 0, 1000;
($code, $said) = run($fpm->{binary}, qw(-t -F -O -y), "$fpm->{dir}/php-fpm.conf");
is $code, 0, 'php-fpm takes them' or diag substr $said, 0, 1000;
ok !defined getpwnam $names[0], 'the machine does not know these users';

my @php_fpm = ($fpm->{binary}, qw(-t -F -O -y), "$fpm->{dir}/php-fpm.conf");
# Under strace the look-ups of all users would reach the time that they may take together, and the
# count would be one of seconds: calls are counted with a tenth of the users.
my $counted = $users / 10;
my %hosts   = (few => $users, many => 10 * $users, 'counted-few' => $counted, 'counted-many' => 10 * $counted);
my (%time, %calls);
for my $size (keys %hosts) {
    my $of = $size =~ /^counted/ ? $counted : $users;
    sites($hosts{$size}, 'FPMUser %s pm.max_children=3', $of);
    put("$dir/$size-with.conf", slurp("$dir/httpd.conf") =~ s/site\.conf/$size-with.site/r);
    rename "$dir/site.conf", "$dir/$size-with.site" or die "rename: $!\n";
    # The same hosts for an httpd without the module.
    sites($hosts{$size}, '# %s', $of);
    put("$dir/$size-without.conf", slurp("$dir/httpd.conf") =~ s/site\.conf/$size-without.site/r
        =~ s/^(?:LoadModule fpmpool_module|Include \S*master\.conf).*\n//mgr);
    rename "$dir/site.conf", "$dir/$size-without.site" or die "rename: $!\n";
}
for my $turn (1 .. 5) {
    for my $size ('few', 'many') {
        for my $kind ('with', 'without') {
            my @configtest = (setting('httpd'), '-f', "$dir/$size-$kind.conf", '-t');
            push @{ $time{"$size $kind"} }, seconds(@configtest) if $turn <= 3 || $size eq 'few';
        }
    }
    push @{ $time{php_fpm} }, seconds(@php_fpm);
}
($code, $said) = run(setting('httpd'), '-f', "$dir/counted-few-with.conf", '-t', '-D', 'FPMPOOL_SYNC');
is scalar(@files = $fpm->pool_files), $counted, 'the pool files of the other users are gone' or diag substr $said, 0, 1000;
for my $size ('few', 'many') {
    $calls{"$size $_"} = calls(setting('httpd'), '-f', "$dir/counted-$size-$_.conf", '-t') for 'with', 'without';
}
my %median = map { $_ => median(@{ $time{$_} }) } keys %time;
my ($few, $many) = map { $median{"$_ with"} - $median{"$_ without"} } qw(few many);
my ($few_calls, $many_calls) = map { $calls{"$_ with"} - $calls{"$_ without"} } qw(few many);

diag sprintf '%d hosts: configtest %.3f s, without FPMUser %.3f s, so the module adds %.3f s; php-fpm -t takes %.3f s',
    $users, $median{'few with'}, $median{'few without'}, $few, $median{php_fpm};
diag sprintf '%d hosts: %.3f s, %.3f s, the module adds %.3f s', 10 * $users, $median{'many with'}, $median{'many without'}, $many;
diag "system calls that it adds: $few_calls and $many_calls";

cmp_ok $few, '<', $median{php_fpm}, 'the module adds less time than php-fpm -t takes';
cmp_ok $many, '<=', 15 * $few, 'ten times the hosts: not more than in proportion';
# PHP-FPM, which configtest asks, reads the two files from their beginning for each user.
cmp_ok $few_calls, '<', 300 * $counted, 'few system calls for a user';
cmp_ok $many_calls, '<', $few_calls + 11 * $counted, 'and hardly one for a host';
# httpd itself reads them once, with the masters, the sockets' owners and the like.
run('strace', '-e', 'trace=openat', '-o', "$dir/opens", setting('httpd'), '-f', "$dir/counted-few-with.conf", '-t');
my $opens = () = slurp("$dir/opens") =~ m{"/etc/passwd"}g;
cmp_ok $opens, '>', 0, '/etc/passwd is read';
cmp_ok $opens, '<', 20, '... but not for each user' or diag $opens;
done_testing;

# Writes site.conf with so many hosts, spread over the users.
sub sites {
    my ($count, $line, $of) = @_;
    my $text = join '', map { $s->host("h$_.test", sprintf $line, $names[ $_ % ($of || $users) ]) } 0 .. $count - 1;
    $s->configure($text);
}

sub with_users { return ('unshare', '-m', 'sh', "$dir/with-users", @_) }

sub run {
    my (@command) = @_;
    my $status = system(join(' ', with_users(@command), ">$dir/run.out 2>&1"));
    return ($status >> 8, slurp("$dir/run.out"));
}

sub seconds {
    my (@command) = @_;
    my $begin = Time::HiRes::time();
    my ($code, $said) = run(@command);
    my $end = Time::HiRes::time();
    $code == 0 or BAIL_OUT("@command: $said");
    return $end - $begin;
}

# System calls of a command and all that it starts.
sub calls {
    my (@command) = @_;
    run('strace', '-f', '-c', '-o', "$dir/strace.out", @command);
    my ($count) = slurp("$dir/strace.out") =~ /^\s*100\.00\s+\S+\s+(?:\d+\s+)?(\d+)(?:\s+\d+)?\s+total$/m or BAIL_OUT(slurp("$dir/strace.out"));
    # What depends on the machine's load or on the allocator is left out: while php-fpm is waited
    # for, each 5 ms cost a wait4, a read and a poll; and memory comes by mmap in pieces of any size.
    my %calls = map { reverse /^\s*\S+\s+\S+\s+\S+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/ ? ($1, $2) : () } split /\n/, slurp("$dir/strace.out");
    return $count - 3 * ($calls{poll} // 0) - ($calls{mmap} // 0) - ($calls{munmap} // 0);
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[ $#sorted / 2 ] }
