# SPDX-License-Identifier: Apache-2.0
#
# Crash safety: httpd is killed at each system call by which a start or a reload changes
# something, or that call fails as on a full disk; and two servers share one pool directory. No
# pool file is ever half there, and the next start or reload is right without hand work. A sample
# of the steps; FPMT_STEPS=all takes them all.
use strict;
use warnings;
use FPMT;
use FPMT::Names;
use FPMT::Numbered;
use FPMT::Steps;
use Test::More;

my ($kills, $faults) = (0, 0);

sub server {
    my ($name, $n, %o) = @_;
    my $s = FPMT::Numbered->new($name, %o)->site($n, @{ $o{users} || [] });
    ok $s->start, "$name: the server starts" or diag $s->{said} . $s->log;
    return $s;
}

# Is killed by $kill at a step, with the site of the next number; then comes the next start or
# reload: with the same site, that of before, or after a loss of power.
my @how = ('', ' with the site of before', ' after a loss of power');

sub killed {
    my ($s, $title, $step, $turn, $kill) = @_;
    my $now = $s->{number};
    $s->site($now + 1);
    my $hit = $kill->($s, $step, 'signal=KILL');
    $kills++ if $hit;
    is $hit, $step->{text}, "$title: killed at $step->{text}";
    is $s->half, '', 'every pool file is whole';
    $s->site($now) if $turn % 3 == 1;
}

sub next_start {
    my ($s, $turn) = @_;
    $s->cut_power if $turn % 3 == 2;
    is $s->start ? $s->wrong : "no start: $s->{said}" . $s->log, '', 'the next start is right' . $how[ $turn % 3 ];
    $s->said(qr/./);
}

sub next_reload {
    my ($s, $turn) = @_;
    is $s->graceful ? $s->wrong : $s->log, '', 'the next reload is right' . ($turn % 3 == 1 ? $how[1] : '');
    $s->said(qr/./);
}

# ---- killed in a start --------------------------------------------------------------------------
sub kill_start {
    my ($s, $title, $step, $turn, $then) = @_;
    killed($s, $title, $step, $turn, sub { my $hit = FPMT::Steps::start_with(@_); FPMT::Steps::end($s); return $hit });
    $then->() if $then;
    next_start($s, $turn);
    $s->stop;
}

my @start_steps;
subtest 'killed in a start' => sub {
    my $s = server('start', 1);
    $s->stop;
    @start_steps = FPMT::Steps::of_start($s->site(2));
    is scalar(grep { $_->{text} =~ /^renameat\(.*fpmpool-fpmt_(?:anna|OTHER)\.conf"/ } @start_steps), 2, 'one pool changes, one comes';
    is scalar(grep { $_->{text} =~ /^unlinkat\(<DIR.fpm.pool\.d>, "fpmpool-fpmt_OTHER\.conf"/ } @start_steps), 1, 'and one goes';
    my $turn = 0;
    kill_start($s, 'a start', $_, $turn++) for FPMT::Steps::sample(12, @start_steps);
    # The first one of all: there are no files of before.
    my $nothing = sub { $s->site(2, 'nobody'); $s->start; $s->stop };
    $nothing->();
    my @first = FPMT::Steps::of_start($s->site(3));
    for my $step (FPMT::Steps::sample(4, @first)) {
        $nothing->();
        kill_start($s, 'the first start', $step, 2 * ($turn++ % 2));
    }
    $s->said(qr/./);
};

# ---- the order of the calls --------------------------------------------------------------------
# What a loss of power leaves is what fsync(2) brought to disk, and any of the changes since. So
# every name in the pool directory has to be brought there before the next one changes, and
# a file before it gets its name: then it leaves what a kill at one of the steps leaves.
subtest 'the order of the calls, for a loss of power' => sub {
    my ($dir, $open, @bad, %synced, %seen) = ('<DIR/fpm/pool.d>', '');
    for (map { $_->{text} } @start_steps) {
        my $told = /^kill\(PID, SIGUSR2/;
        next if !m{^(\w+)\([^<]*<DIR/fpm/pool\.d(/[^>]*)?>} && !$told;
        my ($call, $file) = ($told ? 'told' : $1, $2 // '');
        my $names = $call =~ /^(?:rename|unlink|link)/;
        push @bad, "$_ while '$open' is not on disk" if $open && ($names || $told);
        push @bad, "$_ opens a pool file itself" if $call eq 'openat' && !/"\.fpmpool-PID-\d+\.tmp", O_WRONLY\|O_CREAT\|O_EXCL/;
        $synced{$file} = $call eq 'fsync' if $file;
        push @bad, "$_ of what is not on disk" if /^renameat\($dir, "([^"]+)"/ && !delete $synced{"/$1"};
        $open = $names ? $_ : $call eq 'fsync' && !$file ? '' : $open;
        $seen{$call}++;
    }
    is join('; ', @bad), '', 'each file is on disk before it has its name, and each name before the next one changes';
    is join(' ', map { $seen{$_} // 0 } qw(openat write renameat unlinkat fsync told)), '2 2 2 1 5 1', 'two files written, one removed, PHP-FPM told once';
};

# ---- killed in a reload -------------------------------------------------------------------------
# The process that makes the changes is killed, and the reload after that is right; or all of httpd
# goes with it, as systemd ends what is left of a service.
subtest 'killed in a reload' => sub {
    my $s = server('reload', 1);
    my @steps = FPMT::Steps::of_reload($s->site(2));
    is $s->wrong, '', scalar(@steps) . ' steps';
    my $turn = 0;
    for my $step (FPMT::Steps::sample(8, @steps)) {
        killed($s, 'a reload', $step, $turn, \&FPMT::Steps::reload_with);
        $s->kill_but if $turn % 2;
        $turn % 2 ? next_start($s, $turn) : next_reload($s, $turn);
        $turn++;
    }
    @steps = FPMT::Steps::of_parent($s->site($s->{number} + 1));
    is $s->wrong, '', scalar(@steps) . ' steps of the parent';
    for my $step (FPMT::Steps::sample(4, @steps)) {
        killed($s, 'the parent', $step, $turn, \&FPMT::Steps::parent_with);
        # The children keep the port; the process that makes the changes goes on beside the next start.
        $s->kill_but(FPMT::Steps::worker_at($s));
        next_start($s, $turn++);
    }
};

subtest 'a process that outlives its httpd' => sub {
    my $s = server('outlives', 1);
    my $lock = FPMT::Steps::lock_of($s->{fpm});
    my $worker = FPMT::Steps::reload_to_lock($s->site(2));
    kill STOP => $worker;
    $s->kill_but($worker);
    close $lock;
    $s->site(3);
    is $s->start ? $s->wrong : $s->{said}, '', 'the next start, with a newer configuration, is right';
    kill CONT => $worker;
    ok wait_for(20, sub { !FPMT::Process::alive($worker) }), 'the process ends';
    is $s->wrong, '', 'it has not brought the older one back';
    $s->said(qr/./);
};

# A request of the old configuration runs until the lock is held: what nobody names any more
# is removed after that, by a process that waits for the lock.
subtest 'killed while a pool is removed after a reload' => sub {
    my $s = server('removal', 1, users => [qw(anna bert)]);
    my $reload = sub {
        my ($do) = @_;
        my $flag = "$s->{dir}/flags/" . ++$s->{flags};
        my $pid = fork // die "fork: $!\n";
        if (!$pid) { $s->get('bert.test', "/wait.php?f=$flag"); require POSIX; POSIX::_exit(0) }
        wait_for(10, sub { -e $flag }) or die "the request did not begin\n";
        $s->site($s->{number}, 'anna')->graceful or die 'no reload: ' . $s->log;
        my $lock = FPMT::Steps::lock_of($s->{fpm});
        put("$flag.go", '');
        waitpid $pid, 0;
        return $do->($lock);
    };
    my @steps = $reload->(sub { FPMT::Steps::of_process($s, @_) });
    is $s->wrong, '', scalar(@steps) . ' steps';
    like join(' ', map { $_->{text} } @steps), qr/unlinkat.*fsync.*SIGUSR2/s, 'of a removal';
    for my $step (FPMT::Steps::sample(3, @steps)) {
        $s->site($s->{number}, qw(anna bert))->graceful;
        is join('; ', $s->wrong_hosts), '', 'both hosts serve';
        my $hit = $reload->(sub { FPMT::Steps::process_with($s, $step, 'signal=KILL', @_) });
        is $hit, $step->{text}, "killed at $step->{text}";
        $kills++ if $hit;
        is $s->half, '', 'every pool file is whole';
        next_reload($s, 0);
    }
    $s->said(qr/./);
};

subtest 'killed while an edited file is kept aside' => sub {
    my $s = server('aside', 1, users => ['anna']);
    my $file = $s->{fpm}->pool_file('fpmt_anna');
    my $edited;
    my $edit = sub {
        $s->stop;
        unlink "$file.edited";
        put($file, $edited = slurp($file) =~ s/^pm\.max_children = .*/pm.max_children = 77/mr);
    };
    $edit->();
    my @steps = grep { $_->{text} =~ m{<DIR/fpm/pool\.d>} && $_->{call} ne 'flock' } FPMT::Steps::of_start($s);
    like $steps[0]{text}, qr/^linkat\(/, 'a second name comes first';
    for my $step (FPMT::Steps::sample(3, @steps)) {
        $edit->();
        my $hit = FPMT::Steps::start_with($s, $step, 'signal=KILL');
        FPMT::Steps::end($s);
        $kills++ if $hit;
        is $hit, $step->{text}, "killed at $step->{text}";
        ok scalar(grep { (slurp($_) // '') eq $edited } $file, "$file.edited"), 'the edited file is there';
        is $s->start ? $s->wrong(more => ['fpmpool-fpmt_anna.conf.edited']) : $s->{said}, '', 'the next start is right';
        is slurp("$file.edited"), $edited, 'and has kept it';
    }
    $s->said(qr/./);
};

# Its pool goes to another socket and back, with two reloads, before the changes are made. How
# often files are opened and PHP-FPM is looked for on the way depends on how long a reload takes.
subtest 'killed while a lost socket is made again' => sub {
    my $s = server('lost', 1);
    my $lose = sub { $s->stop; unlink $s->{fpm}->socket('fpmt_anna') or die "no socket: $!\n" };
    $lose->();
    my @steps = grep { $_->{text} =~ /^(?!openat|flock)\w+\((?:<DIR.fpm.pool\.d|PID, SIGUSR2)/ } FPMT::Steps::of_start($s->site(2));
    my @told = grep { $steps[$_]{text} =~ /SIGUSR2/ } 0 .. $#steps;
    is scalar @told, 3, 'PHP-FPM is told three times';
    my $turn = 0;
    for my $step (FPMT::Steps::sample(4, @steps[ 0 .. $told[1] - 1 ])) {
        $lose->();
        kill_start($s, 'a start', $step, $turn++);
    }
    # The file is back, and PHP-FPM has yet to be told. To the file system's clock, which may tick
    # once in 4 ms, the file is no newer than what PHP-FPM has read.
    my $tick = sub { system('touch', '-r', "$s->{fpm}{dir}/php-fpm.pid", $s->{fpm}->pool_file('fpmt_anna')) == 0 or die "touch: $?\n" };
    $lose->();
    kill_start($s, 'in a tick', $steps[ $told[1] - 1 ], 1, $tick);
    $s->said(qr/./);
};

# ---- calls that fail ----------------------------------------------------------------------------
my %error = (map({ $_ => 'ENOSPC' } qw(openat mkdir write renameat linkat)), map({ $_ => 'EIO' } qw(fsync fchmod unlink unlinkat rmdir)),
    kill => 'EPERM', flock => 'ENOLCK', clone3 => 'EAGAIN', clone => 'EAGAIN', vfork => 'EAGAIN');

# Hosts of before go on, a new one serves or answers 503, and the log says what is not right.
sub bore {
    my ($s, $mute, @wrong) = @_;
    my @bad = $s->half || ();
    my ($old, $new) = ($s->{number} - 1, $s->{number});
    for (@{ $s->{users} }) {
        my $r = $s->get("$_.test");
        push @bad, "$_: $r->{status} $r->{body}"
            if $r->{body} !~ /^fpmt_$_ (?:$new|$old)$/ && ($_ eq 'anna' || $r->{status} != 503);
    }
    my @said = grep { /FPMP(?!06)\d{4}/ && /:error\]/ } $s->said(qr/./);
    push @bad, "not said: @wrong" if @wrong && !@said && !$mute;
    push @bad, grep { /FPMP0513.*socket '/ } @said; # waited for in vain
    return join '; ', @bad;
}

subtest 'a call fails in a start' => sub {
    my $s = server('fault', 1);
    $s->stop;
    my @steps = grep { $error{ $_->{call} } && $_->{text} !~ m{LOG LINE|DIR/httpd\.pid|new process.*\z} || $_->{call} eq 'clone3' } @start_steps;
    for my $step (FPMT::Steps::of_each_call(@steps)) {
        $s->site($s->{number} + 1);
        my $hit = FPMT::Steps::start_with($s, $step, "error=$error{ $step->{call} }");
        $faults++ if $hit;
        is $hit, $step->{text}, "$error{ $step->{call} } at $step->{text}";
        is bore($s, 0, $s->wrong_names(sec => 0)), '', 'the old state stays, or the new one is there, and what is not right is said';
        FPMT::Steps::end($s);
        next_start($s, 0);
        $s->stop;
    }
};

# From one call on all of its kind fail, as on a disk that stays full.
subtest 'calls fail in a reload' => sub {
    my $s = server('faults', 1);
    my @steps = grep { $error{ $_->{call} } && $_->{text} !~ /LOG LINE/ } FPMT::Steps::of_reload($s->site(2));
    is $s->wrong, '', scalar(@steps) . ' steps';
    for my $step (FPMT::Steps::of_each_call(@steps)) {
        $s->site($s->{number} + 1);
        my $error = $error{ $step->{call} };
        my $hit = FPMT::Steps::reload_with($s, { %$step, n => "$step->{n}+" }, "error=$error");
        $faults++ if $hit;
        is $hit, $step->{text}, "$error from $step->{text} on";
        is bore($s, $step->{call} eq 'write', $s->wrong_hosts), '', 'the old state stays, or the new one is there, and what is not right is said';
        next_reload($s, 0);
    }
};

# ---- two servers, one pool directory --------------------------------------------------------
FPMT::Names::make('fpmt_dora');

sub pair {
    my ($name) = @_;
    my $one = server("$name-one", 1, users => ['anna']);
    my $two = server("$name-two", 1, users => ['bert'], fpm => $one->{fpm});
    return ($one, $two);
}

# Both are as they should be, and nothing else is there.
sub both_wrong { my ($one, $two) = @_; return join '; ', grep { $_ } $one->wrong(beside => $two), $two->wrong(beside => $one) }

# Both at once: each code runs in a process of its own.
sub at_once {
    my @pids = map { my $code = $_; my $pid = fork // die "fork: $!\n"; if (!$pid) { require POSIX; POSIX::_exit($code->() ? 0 : 1) } $pid } @_;
    return scalar grep { waitpid $_, 0; $? == 0 } @pids;
}

subtest 'two servers at once' => sub {
    my ($one, $two) = pair('two');
    is both_wrong($one, $two), '', 'each has its pool';
    for my $n (2 .. 5) {
        # Each changes a pool, and one pool comes or goes with each.
        $one->site($n, 'anna', $n % 2 ? 'carl' : ());
        $two->site($n, 'bert', $n % 2 ? () : 'dora');
        my $restart = sub { my ($s) = @_; return sub { $s->stop; $s->start } };
        my $reload = sub { my ($s) = @_; return sub { $s->graceful } };
        my ($do_one, $do_two) = map { $n >> $_ & 1 ? $restart : $reload } 1, 2;
        is at_once($do_one->($one), $do_two->($two)), 2, "round $n: both at once";
        is both_wrong($one, $two), '', 'each has its pools';
        is $one->half, '', 'and every file is whole';
    }
    $one->stop;
    is $two->graceful ? $two->wrong(beside => $one) : $two->log, '', 'one is stopped: its pools stay at a reload of the other';
    $two->site(6, 'nobody');
    ok $two->graceful, 'the other names nobody any more';
    is $one->start ? both_wrong($one, $two) : $one->{said}, '', 'its pools go, and the pools of the first are there';
    $_->said(qr/./) for $one, $two;
};

subtest 'one server is stopped or killed on its way, and the other comes' => sub {
    my ($one, $two) = pair('way');
    my @steps = FPMT::Steps::of_reload($one->site(2, qw(anna carl)));
    is both_wrong($one, $two), '', scalar(@steps) . ' steps';
    my $turn = 0;
    for my $step (FPMT::Steps::sample(5, grep { $_->{text} !~ /^openat|LOG LINE/ } @steps)) {
        my $n = $one->{number} + 1;
        $one->site($n, 'anna')->graceful;
        both_wrong($one, $two);
        $one->site($n + 1, qw(anna carl));
        $two->site($n, qw(bert dora));
        my ($worker, $hit) = FPMT::Steps::stop_reload($one, $step);
        is $hit, $step->{text}, "one is stopped at $step->{text}";
        my $files = FPMT::Numbered::in_dir("$one->{fpm}{dir}/pool.d");
        my $bert = slurp($one->{fpm}->pool_file('fpmt_bert'));
        my $made = $two->made;
        FPMT::Steps::reload_to_lock($two);
        is FPMT::Numbered::in_dir("$one->{fpm}{dir}/pool.d") . slurp($one->{fpm}->pool_file('fpmt_bert')), $files . $bert, 'the other waits';
        kill $turn++ % 2 ? 'KILL' : 'CONT', $worker;
        ok wait_for(30, sub { $two->made > $made && !FPMT::Process::alive($worker) }), 'until it goes on, or is killed';
        is $two->wrong(beside => $one), '', 'then the other has its pools' if $turn % 2;
        ok $one->graceful, 'a reload of the first' if $turn % 2 == 0;
        is both_wrong($one, $two), '', 'both have theirs';
    }
    $_->said(qr/./) for $one, $two;
};

subtest 'a user of both servers' => sub {
    my ($one, $two) = pair('user');
    my $file = $one->{fpm}->pool_file('fpmt_anna');
    my $text = slurp($file);
    $two->site(1, qw(anna bert));
    ok $two->graceful, 'the other names the same user, with the same settings';
    is slurp($file), $text, 'the file of the first stays';
    is join('; ', map { $_->wrong_hosts } $one, $two), '', 'and both use the pool';
    $_->said(qr/./) for $one, $two;
    $two->site(2, qw(anna bert));
    is +($two->configtest)[0], 1, 'with other settings: configtest says no';
    ok $two->graceful, 'a reload all the same';
    like join("\n", $two->said(qr/FPMP/)), qr/FPMP0410: pool file: '\Q$file\E' belongs to the httpd with pid file '\Q$one->{dir}\E\/httpd\.pid'/, 'the log says whose it is';
    is slurp($file), $text, 'it stays';
    ok wait_for(5, sub { $two->get('anna.test')->{status} == 503 }), 'that host of the other answers 503';
    is join(' ', map { $_->{status} } $one->get('anna.test'), $two->get('bert.test')), '200 200', 'and no other';
    ok $one->site(2, 'carl')->graceful, 'the first gives its line up';
    ok wait_for(10, sub { !-e $file }), 'its file goes';
    ok $two->graceful, 'a reload of the other';
    is both_wrong($one, $two), '', 'brings its own';
    $_->said(qr/./) for $one, $two;
};
note "killed at $kills steps, faults at $faults";
done_testing;
