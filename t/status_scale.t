# SPDX-License-Identifier: Apache-2.0
#
# The status page of 1,000 pools: in time however many are full or say nothing, and httpd grows
# by no more than the page is worth. The users stand in files that are mounted over /etc/passwd
# and /etc/group in a mount namespace of this test, so the machine never sees them.
use strict;
use warnings;
use FPMT;
use FPMT::Apart;
use FPMT::Server;
use FPMT::Status;
use Test::More;
use Time::HiRes qw(time);

apart('--mount');

my $users = $ENV{FPMT_USERS} || 1000;
my ($awake, $full, $silent) = map { int $users * $_ } 0.2, 0.05, 0.005;
my $s    = FPMT::Server->new('status-scale', no_fpm => 1);
my ($dir, $fpm) = @$s{qw(dir fpm)};
my @names = map { sprintf 'fpmt_s%05d', $_ } 1 .. $users;

put("$dir/passwd", slurp('/etc/passwd') . join '', map { "$names[$_]:x:@{[ 70000 + $_ ]}:@{[ 70000 + $_ ]}::/nonexistent:/bin/false\n" } 0 .. $#names);
put("$dir/group", slurp('/etc/group') . join '', map { "$names[$_]:x:@{[ 70000 + $_ ]}:\n" } 0 .. $#names);
for my $file (qw(passwd group)) {
    system('mount', '--bind', "$dir/$file", "/etc/$file") == 0 or die "mount: exit $?\n";
}
my $held = "$dir/held";
mkdir $held;
chmod 0777, $held;
put("$dir/www/hold.php", "<?php touch('$held/'.getmypid()); while (!file_exists('$held/go')) { usleep(20000); }");

# PHP-FPM holds one descriptor for each pool.
put("$fpm->{dir}/php-fpm.conf", slurp("$fpm->{dir}/php-fpm.conf") =~ s/^\[global\]\n/[global]\nrlimit_files = 8192\n/r);
$fpm->start;
$s->configure("<Location /server-status>\n    SetHandler server-status\n</Location>\n<Location /st>\n    SetHandler fpmpool-status\n</Location>\n" . $s->host('a.test', 'FPMUser fpmt_anna')
    . join '', map { $s->host("$_.test", "FPMUser $_ pm.max_children=1 pm.process_idle_timeout=600s") } @names);
put("$dir/httpd.conf", 'LoadModule status_module ' . setting('libexec') . "/mod_status.so\n" . slurp("$dir/httpd.conf"));
ok $s->start, 'the server starts' or BAIL_OUT($s->{said} . $s->log);
$s->said(qr/FPMP/);

sub timed {
    my ($title, $target) = @_;
    my $began = time;
    my $r  = $s->get('a.test', $target);
    my $ms = (time - $began) * 1000;
    is $r->{status}, 200, "$title: the page comes";
    return ($ms, $r->{body});
}

# Three pages of each form; the middle time.
sub page_times {
    my ($title) = @_;
    my %ms;
    for my $form ('', 'json', 'prometheus') {
        my @all = sort { $a <=> $b } map { (timed($title, "/st?$form"))[0] } 1 .. 3;
        $ms{ $form || 'html' } = sprintf '%.0f', $all[1];
    }
    diag sprintf '%s: %s ms', $title, join ', ', map { "$_ $ms{$_}" } sort keys %ms;
    return \%ms;
}

my $ms = page_times("$users idle pools");
cmp_ok $ms->{$_}, '<', 1000, "$_ of idle pools" for sort keys %$ms;
is page($s)->{counts}{idle}, $users + 1, 'no page starts a child';

is $s->get("$_.test")->{body}, "$_\n", "$_ has a child" for @names[ 0 .. $awake - 1 ];
$ms = page_times("$awake of them have a child");
cmp_ok $ms->{$_}, '<', 1000, "$_ with children to ask" for sort keys %$ms;
ok rested($s), 'all are at rest';
is page($s)->{counts}{ok}, $awake, 'each of which answers';
ok rested($s), 'and is at rest';
is scalar(grep { $_->{state} eq 'ok' && defined $_->{requests} } @{ page($s)->{pools} }), $awake, 'with its figures';

my @open;
for my $name (@names[ 0 .. $full - 1 ]) {
    push @open, connect_to(port => $s->{port});
    send_request($open[-1], "$name.test", 'GET', '/hold.php');
}
ok wait_for(60, sub { (my @files = glob "$held/*") == $full }), "$full are full";
$ms = page_times("$full of these are full");
cmp_ok $ms->{$_}, '<', 1000, "$_ with full pools" for sort keys %$ms;
ok rested($s, $full), 'the others are at rest';
is page($s)->{counts}{full}, $full, 'which are told without a question';

my $pid = $fpm->pid;
my %of;
for my $child (map { m{(\d+)$} } glob '/proc/[0-9]*') {
    my ($pool) = (slurp("/proc/$child/cmdline") // '') =~ /^php-fpm: pool (\S+?)\s*\0/ or next;
    $of{$pool} = $child if (slurp("/proc/$child/stat") // '') =~ /\) \w $pid /;
}
rested($s, $full);
my @mute = @of{ @names[ $full .. $full + $silent - 1 ] };
kill STOP => @mute;
ok wait_for(10, sub { !grep { (slurp("/proc/$_/stat") // '') !~ /\) T / } @mute }), "$silent children are stopped";
$ms = page_times("$silent say nothing");
cmp_ok $ms->{$_}, '<', 1500, "$_ with silent pools: one limit for all" for sort keys %$ms;
rested($s, $full);
my $page = page($s);
is $page->{counts}{silent}, $silent, 'which are told';
is $page->{counts}{ok}, $awake - $full - $silent, 'the others answer all the same';
kill CONT => @mute;

# The memory of a page is given back with its request: what pages at a time take.
my ($child) = grep { (slurp("/proc/$_/comm") // '') =~ /apache2|httpd/ } split ' ', slurp("/proc/@{[ $s->pid ]}/task/@{[ $s->pid ]}/children");
my $rss = sub { (slurp("/proc/$child/status") =~ /^VmRSS:\s+(\d+)/m)[0] };
timed('warm', '/st') for 1 .. 5;
my $before = $rss->();
timed('again', '/st') for 1 .. 30;
my $after = $rss->();
diag sprintf 'a page of %d pools has %d KB; httpd has %d KB, after 30 pages %d KB', $users, length((timed('size', '/st'))[1]) / 1024, $before, $after;
cmp_ok $after - $before, '<', 4096, 'thirty more pages take no more memory';

put("$held/go", '');
close $_ for @open;
$s->said(qr/FPMP/);

done_testing;
