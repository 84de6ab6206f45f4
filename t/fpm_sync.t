# SPDX-License-Identifier: Apache-2.0
#
# What starts and reloads of httpd do to pool files and to PHP-FPM, each on a private pair of
# both: one write per change, one signal per reload, nothing when nothing changed, and whole
# pool files whatever kills httpd on the way.
use strict;
use warnings;
use FPMT;
use FPMT::Server;
use Test::More;

# inode, size and change time of each pool file
sub stamps { my ($fpm) = @_; return join '', map { my @s = stat; "$_ $s[1] $s[7] $s[9] $s[10]\n" } glob "$fpm->{dir}/pool.d/*" }

sub names { my ($fpm) = @_; return join ' ', map { s{.*/}{}r } $fpm->pool_files }

sub listens { my ($path) = @_; require IO::Socket::UNIX; return defined IO::Socket::UNIX->new(Peer => $path) }

sub in_dir { opendir my $dir, $_[0] or die "$_[0]: $!\n"; return grep { !/^\.\.?$/ } readdir $dir }

subtest 'without any FPMUser nothing is made' => sub {
    my $s = FPMT::Server->new('idle');
    my $fpm = $s->{fpm};
    my $made = sub { return join ' ', sort map { in_dir("$fpm->{dir}/$_") } qw(pool.d run) };
    my $before = $made->();
    $s->configure('');
    is_deeply [ $s->configtest ], [ 0, "Syntax OK\n" ], 'configtest has nothing to say';
    ok $s->start, 'the server starts' or diag $s->{said};
    ok $s->graceful, 'a reload';
    is $made->(), $before, 'no file, no lock and no socket is made';
    is $fpm->reloads, 0, 'and PHP-FPM is not told';
    $s->said(qr/FPMP0528/);
};

subtest 'a pool comes and goes with its line' => sub {
    my $s = FPMT::Server->new('life');
    my $fpm = $s->{fpm};
    my ($anna, $bert) = ($s->host('a.test', 'FPMUser fpmt_anna'), $s->host('b.test', 'FPMUser fpmt_bert'));
    $s->configure($anna . $bert);
    ok $s->start, 'the server starts' or diag $s->{said};
    is names($fpm), 'fpmpool-fpmt_anna.conf fpmpool-fpmt_bert.conf', 'both pool files are written, and nothing beside them';
    is $fpm->reloads, 1, 'both passes of a start and two new pools: one signal';
    is $s->get('a.test')->{body} . $s->get('b.test')->{body}, "fpmt_anna\nfpmt_bert\n", 'both answer from the first request';
    is sprintf('%o %s', (stat $fpm->pool_file('fpmt_anna'))[2] & 07777, (stat _)[4]), '644 0', 'a pool file is root\'s, mode 0644';

    my $before = stamps($fpm);
    ok $s->graceful, 'a reload without change' or diag $s->log;
    is stamps($fpm), $before, 'writes nothing';
    is $fpm->reloads, 1, 'and signals nothing';

    $s->configure($s->host('a.test', 'FPMUser fpmt_anna pm.max_children=3') . $bert);
    my ($inode_a, $inode_b) = map { (stat $fpm->pool_file("fpmt_$_"))[1] } qw(anna bert);
    ok $s->graceful, 'a reload with one setting changed';
    isnt +(stat $fpm->pool_file('fpmt_anna'))[1], $inode_a, 'writes that pool file anew';
    is +(stat $fpm->pool_file('fpmt_bert'))[1], $inode_b, 'and not the other';
    like slurp($fpm->pool_file('fpmt_anna')), qr/^pm\.max_children = 3$/m, 'with the setting';
    is $fpm->reloads, 2, 'one signal';

    $s->configure($anna);
    ok -S $fpm->socket('fpmt_bert'), 'before: the socket of bert is there';
    ok $s->graceful, 'a reload without the line of bert';
    ok wait_for(10, sub { names($fpm) eq 'fpmpool-fpmt_anna.conf' }), 'removes his pool file';
    ok wait_for(10, sub { !-e $fpm->socket('fpmt_bert') }), 'and his socket';
    is $fpm->reloads, 4, 'one signal for the change of anna, and one for the removal, once the old children have ended';
    is $s->get('a.test')->{body}, "fpmt_anna\n", 'anna answers';

    $s->configure('');
    ok $s->graceful, 'a reload without any FPMUser';
    ok wait_for(10, sub { names($fpm) eq '' }), 'removes the last pool file';
    $s->stop;
    $s->configure($anna);
    ok $s->start, 'a new start';
    is $s->get('a.test')->{body}, "fpmt_anna\n", 'and it answers';
    $s->said(qr/FPMP05/);
};

subtest 'five reloads do not grow anything' => sub {
    my $s = FPMT::Server->new('growth');
    my $fpm = $s->{fpm};
    $s->configure(join '', map { $s->host("$_.test", "FPMUser fpmt_$_") } qw(anna bert carl));
    ok $s->start, 'the server starts' or diag $s->{said};
    my $files = names($fpm);
    my $fds = sub { return scalar(() = glob '/proc/' . $s->pid . '/fd/*') };
    $s->graceful;
    my $open = $fds->();
    for my $i (1 .. 5) { $s->graceful or fail("reload $i") }
    is names($fpm), $files, 'the same pool files';
    is scalar(() = glob "$fpm->{dir}/run/*.sock"), 4, 'the same sockets';
    is $fpm->reloads, 1, 'PHP-FPM was told once, at the start';
    is $fds->(), $open, 'no descriptor more in the parent';
    is $s->get("$_.test")->{body}, "fpmt_$_\n", "$_ answers" for qw(anna bert carl);
    $s->said(qr/FPMP05/);
};

subtest 'a pool file edited by hand is kept aside' => sub {
    my $s = FPMT::Server->new('edited');
    my $fpm = $s->{fpm};
    $s->configure($s->host('a.test', 'FPMUser fpmt_anna'));
    ok $s->start, 'the server starts' or diag $s->{said};
    my $file = $fpm->pool_file('fpmt_anna');
    my $own  = slurp($file);
    put($file, my $edited = $own =~ s/^pm\.max_children.*/pm.max_children = 77/mr);
    ok $s->graceful, 'a reload';
    is slurp($file), $own, 'puts the own file back';
    is slurp("$file.edited"), $edited, 'and keeps the edited one beside it';
    put($file, $own . "; two\n");
    ok $s->graceful, 'a second edit, a second reload';
    is slurp("$file.edited"), $edited, 'the first copy stays';
    is slurp("$file.edited.2"), $own . "; two\n", 'the second has the next name';
    is $s->get('a.test')->{body}, "fpmt_anna\n", 'the host answers';
    cmp_ok scalar($s->said(qr/FPMP04|FPMP05/)), '>=', 2, 'the log says so';

    my $foreign = "; of the administrator\n[other]\nuser = fpmt_bert\nlisten = $fpm->{dir}/run/o.sock\npm = static\npm.max_children = 1\n";
    $s->stop;
    $fpm->stop;
    put($file, $foreign);
    $fpm->start;
    $s->start;
    is slurp($file), $foreign, 'a file without our marker is never overwritten';
    is $s->get('a.test')->{status}, 503, 'that host answers 503';
    $s->said(qr/FPMP/);
};

subtest 'two masters' => sub {
    my $s = FPMT::Server->new('two');
    my $two = FPMT::Fpm->make("$s->{dir}/fpm2");
    $two->start;
    $s->configure($s->host('a.test', 'FPMUser fpmt_anna') . $s->host('b.test', 'FPMUser fpmt_bert php=two')
            . $s->host('c.test', 'FPMUser fpmt_anna php=two'),
        master => $s->{fpm}->directive('one') . $two->directive('two'));
    ok $s->start, 'the server starts' or diag $s->{said};
    is names($s->{fpm}), 'fpmpool-fpmt_anna.conf', 'the first master has its pools';
    is names($two), 'fpmpool-fpmt_anna.conf fpmpool-fpmt_bert.conf', 'the second has its own';
    ok listens($two->socket('fpmt_bert', 'two')), 'whose sockets carry its name';
    is $s->get('a.test')->{body}, "fpmt_anna\n", 'the first answers';
    is $s->get('b.test')->{body}, "fpmt_bert\n", 'the second answers';
    is $s->get('c.test')->{body}, "fpmt_anna\n", 'one user may have a pool in both';
    $s->configure($s->host('a.test', 'FPMUser fpmt_anna') . $s->host('b.test', 'FPMUser fpmt_bert php=two pm.max_children=2')
            . $s->host('c.test', 'FPMUser fpmt_anna php=two'),
        master => $s->{fpm}->directive('one') . $two->directive('two'));
    $s->graceful;
    is join(' ', $s->{fpm}->reloads, $two->reloads), '1 2', 'a change of one master signals only that one';
    $s->said(qr/FPMP05/);
    $s->stop;
    $two->stop;
};

subtest '200 hosts' => sub {
    my $s = FPMT::Server->new('many');
    my @users = qw(anna bert carl);
    $s->configure(join '', map { $s->host("h$_.test", "FPMUser fpmt_$users[$_ % 3]") } 1 .. 200);
    my $begin = time;
    ok $s->start, 'the server starts' or diag $s->{said};
    cmp_ok time - $begin, '<', 15, 'within seconds';
    is $s->{fpm}->reloads, 1, 'one signal for all';
    is scalar(my @files = $s->{fpm}->pool_files), 3, 'three pool files';
    my @wrong = grep { $s->get("h$_.test")->{body} ne "fpmt_$users[$_ % 3]\n" } 1 .. 200;
    is "@wrong", '', 'each host answers as its user';
    $s->said(qr/FPMP05/);
};

subtest 'PHP-FPM does not run when httpd starts' => sub {
    my $s = FPMT::Server->new('stopped', no_fpm => 1);
    $s->configure($s->host('a.test', 'FPMUser fpmt_anna'));
    my ($code, $said) = $s->configtest;
    is $code, 0, 'configtest: exit 0';
    like $said, qr/^FPMP05\d\d: master: .*does not run.*start it/m, 'and a notice';
    ok $s->start, 'the server starts all the same' or diag $s->{said};
    is names($s->{fpm}), 'fpmpool-fpmt_anna.conf', 'the pool file is written';
    ok scalar($s->said(qr/FPMP05\d\d/)), 'the log says that PHP-FPM has to be started';
    is $s->get('a.test')->{status}, 503, 'until then the host answers 503';
    $s->said(qr/FPMP06/);
    $s->{fpm}->start;
    is $s->get('a.test')->{body}, "fpmt_anna\n", 'PHP-FPM reads the file when it starts';
    # A pid file that names somebody else: never signalled.
    $s->{fpm}->stop;
    my $pid = fork // die;
    if (!$pid) { $SIG{USR2} = sub { exit 42 }; select undef, undef, undef, 30; exit 0 }
    put("$s->{fpm}{dir}/php-fpm.pid", "$pid\n");
    $s->configure($s->host('a.test', 'FPMUser fpmt_anna pm.max_children=2'));
    $s->graceful;
    ok kill(0, $pid) && FPMT::Process::alive($pid), 'a process of somebody else in the pid file is not signalled';
    kill KILL => $pid;
    waitpid $pid, 0;
    $s->said(qr/FPMP/);
};

subtest 'FPMStrict' => sub {
    my $s = FPMT::Server->new('strict');
    my @hosts = ($s->host('a.test', 'FPMUser fpmt_anna'), $s->host('b.test', 'FPMUser fpmt_no_such_user'));
    $s->configure(join '', 'FPMStrict on', "\n", @hosts);
    ok !$s->start, 'on: a start with one broken chain fails';
    like $s->{said} . $s->log, qr/FPMP0201: user: 'fpmt_no_such_user'/, 'and says why';
    $s->said(qr/FPMP/);
    $s->configure(join '', 'FPMStrict off', "\n", @hosts);
    is +($s->configtest)[0], 1, 'off: configtest is strict all the same';
    ok $s->start, 'off: the server starts' or diag $s->{said};
    cmp_ok scalar($s->said(qr/FPMP0201/)), '>=', 1, 'the log says why one host is broken';
    is $s->get('a.test')->{body}, "fpmt_anna\n", 'the other host answers';
    my $r = $s->get('b.test');
    is $r->{status}, 503, 'the broken one answers 503';
    unlike $r->{body}, qr/posix/, 'not its source';
    is scalar($s->said(qr/FPMP06/)), 1, 'with one line in the log';
    $s->configure(join '', 'FPMStrict on', "\n", @hosts);
    ok $s->graceful, 'on: a reload never takes the server down';
    is $s->get('a.test')->{body}, "fpmt_anna\n", 'it answers';
    $s->said(qr/FPMP/);
};

subtest 'FPMSync' => sub {
    my $s = FPMT::Server->new('sync');
    my $fpm = $s->{fpm};
    $s->configure("FPMSync check\n" . $s->host('a.test', 'FPMUser fpmt_anna'));
    $s->start;
    is names($fpm), '', 'check: a start writes nothing';
    is $fpm->reloads, 0, 'and signals nothing';
    $s->said(qr/FPMP/);
    $s->stop;
    $s->configure("FPMSync write\n" . $s->host('a.test', 'FPMUser fpmt_anna'));
    ok $s->start, 'write: the server starts' or diag $s->{said};
    is names($fpm), 'fpmpool-fpmt_anna.conf', 'the pool file is written';
    is $fpm->reloads, 0, 'PHP-FPM is not told';
    $s->said(qr/FPMP/);
    $s->stop;
    unlink $fpm->pool_file('fpmt_anna');
    $s->configure($s->host('a.test', 'FPMUser fpmt_anna'));
    my ($code, $said) = $s->run('-t', '-D', 'FPMPOOL_SYNC');
    is $code, 0, '-t -D FPMPOOL_SYNC: exit 0' or diag $said;
    is names($fpm), 'fpmpool-fpmt_anna.conf', 'writes what a start would';
    is $fpm->reloads, 1, 'and tells PHP-FPM';
    ok !$s->pid || !FPMT::Process::alive($s->pid), 'without starting a server';
};

subtest 'a pool that PHP-FPM refuses is never loaded' => sub {
    my $s = FPMT::Server->new('refused');
    my $fpm = $s->{fpm};
    $s->configure($s->host('a.test', 'FPMUser fpmt_anna'));
    ok $s->start, 'the server starts' or diag $s->{said};
    # Somebody else's file that PHP-FPM cannot load: a reload now would end every pool.
    put("$fpm->{dir}/pool.d/zz.conf", "[zz]\nuser = fpmt_anna\nlisten = $fpm->{dir}/run/zz.sock\npm = nonsense\n");
    $s->configure($s->host('a.test', 'FPMUser fpmt_anna') . $s->host('b.test', 'FPMUser fpmt_bert'));
    $s->graceful;
    is $fpm->reloads, 1, 'it is not signalled';
    ok $fpm->running, 'it lives';
    is $s->get('a.test')->{body}, "fpmt_anna\n", 'the old host answers';
    ok scalar($s->said(qr/FPMP05/)), 'the log says why';
    is $s->get('b.test')->{status}, 503, 'the new one answers 503';
    unlink "$fpm->{dir}/pool.d/zz.conf";
    $s->graceful;
    is $s->get('b.test')->{body}, "fpmt_bert\n", 'mended: a reload brings it';
    $s->said(qr/FPMP/);
};

# Every pool file in the directory is whole: it ends with our last line, and PHP-FPM takes it all.
sub whole {
    my ($fpm, $title) = @_;
    my @cut = grep { slurp($_) !~ /^\[fpmt_\w+\]\n.*^; end of fpmpool file\n\z/ms } glob "$fpm->{dir}/pool.d/fpmpool-*.conf";
    is "@cut", '', "$title: every pool file is whole";
    my $out = qx($fpm->{binary} -t -F -O -y $fpm->{dir}/php-fpm.conf 2>&1);
    is $? >> 8, 0, "$title: PHP-FPM takes the folder" or diag $out;
}

# Starts httpd so that it is killed at the N-th such call; false when it was not reached.
sub killed_at {
    my ($s, $call, $when) = @_;
    my $before = $s->generations;
    my $pid = fork // die;
    if (!$pid) {
        open STDOUT, '>', "$s->{dir}/strace.out";
        open STDERR, '>&', \*STDOUT;
        exec '/usr/bin/strace', qw(-qq -o /dev/null), ($call eq 'openat' ? ('-P', "$s->{fpm}{dir}/pool.d") : ()),
            '-e', "trace=$call", '-e', "inject=$call:signal=KILL:when=$when", $s->command('-X');
    }
    my $gone = 0;
    wait_for(20, sub { $gone = waitpid($pid, 1) == $pid; return $gone || $s->generations > $before });
    $s->stop;
    waitpid $pid, 0 if !$gone;
    return $gone;
}

subtest 'a start that was killed is finished by the next' => sub {
    # The files are written, PHP-FPM was not told: to the next start they are current, yet not loaded.
    my $s = FPMT::Server->new('unfinished');
    my $fpm = $s->{fpm};
    for my $row ([ renameat => 1 ], [ fsync => 6 ], [ kill => 1 ], [ kill => 2 ]) {
        my ($call, $when) = @$row;
        $s->configure(join '', map { $s->host("$_.test", "FPMUser fpmt_$_") } qw(anna bert carl));
        killed_at($s, $call, $when);
        ok $s->start, "killed at $call $when: the next start succeeds" or diag $s->{said} . $s->log;
        is join('', map { $s->get("$_.test")->{body} } qw(anna bert carl)), "fpmt_anna\nfpmt_bert\nfpmt_carl\n",
            "killed at $call $when: and every host answers";
        $s->configure('');
        $s->graceful;
        $s->stop;
        $s->said(qr/FPMP/);
    }
};

subtest 'kill -9 of httpd in a start' => sub {
    my $s = FPMT::Server->new('killed');
    my $fpm = $s->{fpm};
    my @site = map { my $n = $_; join '', map { $s->host("$_.test", "FPMUser fpmt_$_ pm.max_children=$n") } qw(anna bert carl) } 3, 4;
    my $turn = 0;
    ok -x '/usr/bin/strace', 'strace is here';
    # At each of the calls that a start makes on pool files and PHP-FPM. -X keeps it one process
    # that stays in the foreground; where the call does not come so often, the server serves.
    my $died = 0;
    for my $row ([ openat => 1 .. 4 ], [ fchmod => 1, 2 ], [ fsync => 1 .. 4 ], [ renameat => 1, 2, 3 ],
        [ rename => 1, 2 ], [ flock => 1, 2 ], [ unlinkat => 1, 2 ], [ kill => 1, 2, 3 ])
    {
        my ($call, @when) = @$row;
        for my $when (@when) {
            $s->configure($site[ $turn++ % 2 ]);
            my $gone = killed_at($s, $call, $when);
            $died += $gone;
            whole($fpm, "killed at $call $when" . ($gone ? '' : ' (not reached)'));
        }
    }
    cmp_ok $died, '>=', 12, "it was killed on the way $died times";
    # At a point in time: twenty delays spread over a start.
    srand 20;
    for my $delay (map { rand 0.25 } 1 .. 20) {
        $s->configure($site[ $turn++ % 2 ]);
        my $pid = fork // die;
        if (!$pid) { open STDERR, '>', '/dev/null'; exec $s->command('-X') }
        select undef, undef, undef, $delay;
        kill KILL => $pid;
        waitpid $pid, 0;
        $s->stop;
    }
    whole($fpm, 'killed at twenty points in time');
    $s->stop;
    $s->configure($site[0]);
    ok $s->start, 'the next start succeeds' or diag $s->{said} . $s->log;
    is $s->get("$_.test")->{body}, "fpmt_$_\n", "$_ answers" for qw(anna bert carl);
    is_deeply [ grep { !/parked\.conf$|fpmpool-fpmt_\w+\.conf$|\.fpmpool-lock$/ } in_dir("$fpm->{dir}/pool.d") ], [],
        'nothing else is left in the pool directory';
    $s->said(qr/FPMP|:(?:error|crit|alert|emerg)\]/);
};
done_testing;
