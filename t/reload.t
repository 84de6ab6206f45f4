# SPDX-License-Identifier: Apache-2.0
#
# Changes while requests run: what is in flight finishes, the hosts beside a mistake stay, and
# what went wrong behind httpd's back heals at the next reload.
use strict;
use warnings;
use Fcntl qw(:DEFAULT :flock);
use FPMT;
use FPMT::Server;
use POSIX ();
use Test::More;

# A script that works for $_GET['s'] seconds: a reload's signal ends a sleep, not a loop.
my $busy = q(<?php $end = microtime(true) + $_GET['s']; if (isset($_GET['f'])) touch($_GET['f']);
while (microtime(true) < $end) usleep(10000); echo posix_getpwuid(posix_geteuid())['name'], "\n";);

sub server {
    my ($name, $site, %o) = @_;
    my $s = FPMT::Server->new($name, %o);
    put("$s->{dir}/www/busy.php", $busy);
    mkdir "$s->{dir}/www/flags";
    chmod 0777, "$s->{dir}/www/flags";
    $s->configure($site->($s), %o);
    ok $s->start, "$name: the server starts" or diag $s->{said} . $s->log;
    return $s;
}

# Sends a request in a process of its own; the code gives its answer. Waits until it runs.
sub in_flight {
    my ($s, $host, $target, $flag) = @_;
    my $file = "$s->{dir}/www/flags/answer" . ++$s->{flights};
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        my $r = $s->get($host, $target);
        put($file, "$r->{status} $r->{body}");
        POSIX::_exit(0);
    }
    wait_for(10, sub { -e $flag }) or diag "the request to $host did not begin" if $flag;
    return sub { waitpid $pid, 0; return slurp($file) // 'no answer' };
}

sub site_of { my @rows = @_; return sub { my ($s) = @_; return join '', map { $s->host("$_->[0].test", "FPMUser fpmt_$_->[0] $_->[1]") } @rows } }

sub effective {
    my ($fpm) = @_;
    return sort map { s/^\[.*?\] NOTICE:\s*//r } qx($fpm->{binary} -tt -F -O -y $fpm->{dir}/php-fpm.conf 2>&1);
}

subtest 'PHP-FPM gets a time for its reload, and nothing else changes by it' => sub {
    my $s = FPMT::Server->new('time', no_fpm => 1);
    my $fpm = $s->{fpm};
    my $conf = "$fpm->{dir}/php-fpm.conf";
    put($conf, slurp($conf) =~ s/^process_control_timeout.*\n//mr);
    $fpm->start;
    $s->configure($s->host('a.test', 'FPMUser fpmt_anna'));
    ok $s->start, 'the server starts' or diag $s->{said} . $s->log;
    # A file without section behind ours: its line falls to whatever pool is open there.
    put("$fpm->{dir}/pool.d/g.conf", "pm.max_requests = 77\n");
    my @with = effective($fpm);
    my $file = $fpm->pool_file('fpmt_anna');
    my $text = slurp($file);
    like $text, qr/\n\[global\]\nprocess_control_timeout = 10\n\[fpmt_anna\]\n/, 'the pool file begins with the time';
    put($file, $text =~ s/\[global\]\nprocess_control_timeout = 10\n//r);
    my @without = effective($fpm);
    my %seen = map { $_ => 1 } @with;
    my @gone = grep { !$seen{$_} } @without;
    %seen = map { $_ => 1 } @without;
    my @came = grep { !$seen{$_} } @with;
    is_deeply [ map { s/\s+/ /gr =~ s/^ | $//gr } @gone, @came ],
        [ 'process_control_timeout = 0s', 'process_control_timeout = 10s' ], 'php-fpm -tt: that one line differs';
    put($file, $text);
    unlink "$fpm->{dir}/pool.d/g.conf";
    put($conf, slurp($conf) =~ s/^pid/process_control_timeout = 3s\npid/mr);
    ok $s->graceful, 'a time of the administrator\'s own';
    unlike slurp($file), qr/global/, 'takes its place';
    $s->said(qr/FPMP/);
};

subtest 'requests in flight survive the change of their own pool' => sub {
    my $s = server('flight', site_of([ anna => '' ], [ bert => '' ]));
    my $flag = "$s->{dir}/www/flags/a";
    my $answer = in_flight($s, 'anna.test', "/busy.php?s=2&f=$flag", $flag);
    $s->configure(site_of([ anna => 'pm.max_children=4' ], [ bert => '' ], [ carl => '' ])->($s));
    ok $s->graceful, 'a reload that changes one pool and adds another';
    is $answer->(), "200 fpmt_anna\n", 'the request that ran finished';
    is $s->get("$_.test")->{body}, "fpmt_$_\n", "$_ answers" for qw(anna bert carl);
    $s->said(qr/FPMP05/);
};

subtest 'a pool stays until the old children have ended' => sub {
    my $s = server('old', site_of([ anna => '' ], [ bert => '' ]));
    my $fpm = $s->{fpm};
    my $flag = "$s->{dir}/www/flags/b";
    my $answer = in_flight($s, 'bert.test', "/busy.php?s=2&f=$flag", $flag);
    my $before = (stat $fpm->pool_file('fpmt_anna'))[1];
    put("$s->{dir}/www/own.php", '<?php echo posix_getpwuid(posix_geteuid())["name"], "\n";');
    chown scalar getpwnam('fpmt_anna'), -1, "$s->{dir}/www/own.php" or die $!;
    $s->configure(site_of([ anna => 'owner=strict' ], [ nosuch => '' ])->($s));
    ok $s->graceful, 'a reload without the line of bert, while a request of his runs';
    ok -e $fpm->pool_file('fpmt_bert'), 'his pool is still there';
    is scalar(grep { /FPMP0522/ } $s->said(qr/FPMP/)), 1, 'the log says so';
    is $answer->(), "200 fpmt_bert\n", 'his request finished';
    ok wait_for(10, sub { !-e $fpm->pool_file('fpmt_bert') && !-e $fpm->socket('fpmt_bert') }),
        'then pool file and socket go' or diag $s->log;
    ok wait_for(10, sub { $s->log =~ /pool files written: 0, removed: 1/ }), 'the log says it' or diag $s->log;
    is $s->get('anna.test')->{body}, "fpmt_anna\n", 'anna answers';
    is $s->get('anna.test', '/own.php')->{body}, "fpmt_anna\n", 'and whose script is hers is still known';
    is +(stat $fpm->pool_file('fpmt_anna'))[1], $before, 'her pool file is the one of before';
    is scalar(my @files = $fpm->pool_files), 1, 'one pool file is left';
    is scalar(() = $s->log =~ /FPMP0201: user: 'fpmt_nosuch'/g), 1, 'what was said before is not said again';
    unlike $s->log, qr/long lost child/, 'httpd knows the process that did it';
    $s->said(qr/FPMP05/);
};

subtest 'who waits for whom' => sub {
    my $s = server('lock', site_of([ anna => 'owner=strict' ]));
    my $fpm = $s->{fpm};
    put("$s->{dir}/www/own.php", '<?php echo "hers\n";');
    chown scalar getpwnam('fpmt_anna'), -1, "$s->{dir}/www/own.php" or die $!;
    my $pool_dir = $fpm->pool_file('fpmt_anna') =~ s{/[^/]+\z}{}r;
    # Whoever lives on this machine can open the directory, and lock what he opened.
    pipe(my $ready, my $told) or die $!;
    my $outsider = fork // die $!;
    if (!$outsider) {
        POSIX::setuid(scalar getpwnam 'fpmt_carl');
        sysopen my $dir, $pool_dir, O_RDONLY;
        my $held = flock $dir, LOCK_EX | LOCK_NB;
        my $more = sysopen my $file, "$pool_dir/.fpmpool-lock", O_RDONLY;
        syswrite $told, $more ? 'the file' : $held ? 'the directory' : 'nothing';
        close $told;
        sleep 60;
        POSIX::_exit(0);
    }
    close $told;
    sysread $ready, my $held, 20;
    is $held, 'the directory', 'is what another user can open and lock';
    my $before = time;
    $s->configure(site_of([ anna => 'owner=strict pm.max_children=4' ])->($s));
    ok $s->graceful, 'a reload';
    cmp_ok time - $before, '<', 15, 'does not wait for him';
    like slurp($fpm->pool_file('fpmt_anna')), qr/max_children = 4/, 'and makes its change';
    kill KILL => $outsider;
    waitpid $outsider, 0;
    # Another server of root: it is waited for, but not by a request whose user is known.
    open my $lock, '+<', "$pool_dir/.fpmpool-lock" or die $!;
    ok flock($lock, LOCK_EX | LOCK_NB), 'another server is at work';
    $s->configure(site_of([ anna => 'owner=strict pm.max_children=3' ])->($s));
    my ($generations, $made) = ($s->generations, $s->made);
    kill USR1 => $s->pid;
    ok wait_for(10, sub { $s->generations > $generations }), 'a reload meanwhile';
    $before = time;
    is $s->get('anna.test', '/own.php')->{body}, "hers\n", 'her own script runs';
    cmp_ok time - $before, '<', 10, 'at once';
    is $s->made, $made, 'while the change waits';
    close $lock;
    ok wait_for(20, sub { $s->made > $made }), 'then it is made';
    like slurp($fpm->pool_file('fpmt_anna')), qr/max_children = 3/, 'in her pool file';
    $s->said(qr/FPMP05/);
};

subtest 'another PHP for a host' => sub {
    my $s = FPMT::Server->new('version');
    my $two = FPMT::Fpm->make("$s->{dir}/fpm2");
    $two->start;
    my $master = $s->{fpm}->directive('one') . $two->directive('two');
    put("$s->{dir}/www/busy.php", $busy);
    mkdir "$s->{dir}/www/flags"; chmod 0777, "$s->{dir}/www/flags";
    $s->configure($s->host('anna.test', 'FPMUser fpmt_anna php=one'), master => $master);
    ok $s->start, 'the server starts' or diag $s->{said} . $s->log;
    my $flag = "$s->{dir}/www/flags/v";
    my $answer = in_flight($s, 'anna.test', "/busy.php?s=2&f=$flag", $flag);
    $s->configure($s->host('anna.test', 'FPMUser fpmt_anna php=two'), master => $master);
    ok $s->graceful, 'php=one becomes php=two';
    is $s->get('anna.test')->{body}, "fpmt_anna\n", 'new requests are answered';
    ok -S $two->socket('fpmt_anna', 'two'), 'by the other master';
    is $answer->(), "200 fpmt_anna\n", 'the request of before finished';
    ok wait_for(10, sub { !-e $s->{fpm}->pool_file('fpmt_anna') }), 'then the old pool goes';
    ok wait_for(10, sub { $s->log =~ /'one' reloaded; pool files written: 0, removed: 1/ }), 'and its master knows';
    $s->said(qr/FPMP05/);
    $s->stop;
    $two->stop;
};

subtest 'one bad pool keeps no other waiting' => sub {
    my $s = server('bad', site_of([ anna => '' ]));
    my $fpm = $s->{fpm};
    $s->configure(site_of([ anna => 'pm.max_children=3' ], [ bert => 'slowlog=/nonexistent/x.log request_slowlog_timeout=5s' ], [ carl => '' ])->($s));
    ok $s->graceful, 'a reload with one pool that PHP-FPM refuses';
    my @said = grep { /FPMP0523/ } $s->said(qr/FPMP/);
    is scalar(@said), 1, 'one line';
    like $said[0] // '', qr/fpmpool-fpmt_bert\.conf.*slowlog.*\(FPMUser at \S+:\d+\)/, 'names file and reason';
    is $fpm->reloads, 2, 'PHP-FPM was told of the others';
    is $s->get('anna.test')->{body} . $s->get('carl.test')->{body}, "fpmt_anna\nfpmt_carl\n", 'which answer';
    like slurp($fpm->pool_file('fpmt_anna')), qr/max_children = 3/, 'with the change';
    is $s->get('bert.test')->{status}, 503, 'the bad one answers 503';
    ok !-e $fpm->pool_file('fpmt_bert'), 'and has no file';
    $s->configure(site_of([ anna => 'slowlog=/nonexistent/x.log request_slowlog_timeout=5s' ], [ bert => '' ], [ carl => '' ])->($s));
    ok $s->graceful, 'a bad change of a pool that runs';
    is $s->get('anna.test')->{body} . $s->get('bert.test')->{body}, "fpmt_anna\nfpmt_bert\n", 'its old pool goes on, the mended one came';
    $s->said(qr/FPMP/);
};

subtest 'PHP-FPM ends at a reload all the same' => sub {
    my $s = server('ends', site_of([ anna => '' ]));
    my $fpm = $s->{fpm};
    # Nobody can see it before: the path is a directory only for the program that starts.
    my $trap = $fpm->socket('fpmt_bert');
    mkdir $trap;
    $s->configure(site_of([ anna => 'pm.max_children=3' ], [ bert => '' ])->($s));
    ok $s->graceful, 'a reload that ends PHP-FPM' or diag $s->log;
    my @said = $s->said(qr/FPMP05/);
    is scalar(grep { /FPMP0525: master: .*ended at its reload.*Address already in use/ } @said), 1,
        'the log carries PHP-FPM\'s own line' or diag join "\n", @said;
    ok $fpm->running, 'it runs again';
    unlike slurp($fpm->pool_file('fpmt_anna')), qr/max_children = 3/, 'the old file is back';
    is $s->get('anna.test')->{body}, "fpmt_anna\n", 'the old host answers';
    is $s->get('bert.test')->{status}, 503, 'the new one answers 503';
    rmdir $trap;
    ok $s->graceful, 'mended';
    is $s->get('bert.test')->{body}, "fpmt_bert\n", 'it answers';
    $s->said(qr/FPMP/);
};

subtest 'PHP-FPM is away for a moment' => sub {
    my $s = server('away', site_of([ anna => '' ]));
    my $fpm = $s->{fpm};
    $fpm->stop;
    my $answer = in_flight($s, 'anna.test', '/who.php');
    select undef, undef, undef, 1;
    $fpm->start;
    is $answer->(), "200 fpmt_anna\n", 'a request rides over a restart';
    $fpm->stop;
    is $s->get('anna.test')->{status}, 503, 'a longer outage is 503';
    my $begin = time;
    is $s->get('anna.test')->{status}, 503, 'and again';
    cmp_ok time - $begin, '<=', 6, 'within the time that a request waits';
    $fpm->start;
    ok wait_for(10, sub { $s->get('anna.test')->{status} == 200 }), 'it answers again by itself';
    $s->said(qr/FPMP/);
};

subtest 'both start at once' => sub {
    for my $turn (1 .. 3) {
        my $s = FPMT::Server->new("both$turn", no_fpm => 1);
        $s->configure(site_of([ anna => '' ], [ bert => '' ])->($s));
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            require POSIX;
            POSIX::_exit(system("$s->{fpm}{binary} -D -y $s->{fpm}{dir}/php-fpm.conf >/dev/null 2>&1") >> 8);
        }
        ok $s->start, "turn $turn: httpd starts" or diag $s->{said} . $s->log;
        waitpid $pid, 0;
        ok wait_for(10, sub { $s->{fpm}->running }), 'PHP-FPM starts';
        # Whichever read the files first: a reload at the latest makes it right.
        $s->graceful if $s->get('bert.test')->{status} != 200;
        is join('', map { $s->get("$_.test")->{body} } qw(anna bert)), "fpmt_anna\nfpmt_bert\n", 'both hosts answer';
        $s->said(qr/FPMP/);
    }
};

subtest 'PHP-FPM is upgraded under way' => sub {
    my $s = FPMT::Server->new('upgrade', no_fpm => 1);
    my $fpm = $s->{fpm};
    my ($real, $copy) = ($fpm->{binary}, "$fpm->{dir}/php-fpm");
    system('cp', $real, $copy) == 0 or die "cp: exit $?\n";
    $fpm->{binary} = $copy;
    $fpm->start;
    $s->configure(site_of([ anna => '' ])->($s));
    ok $s->start, 'the server starts' or diag $s->{said} . $s->log;
    system("cp $real $copy.new && mv $copy.new $copy") == 0 or die "cp: exit $?\n";
    like readlink('/proc/' . $fpm->pid . '/exe'), qr/ \(deleted\)$/, 'the program of the running PHP-FPM is replaced';
    $s->configure(site_of([ anna => '' ], [ bert => '' ])->($s));
    ok $s->graceful, 'a reload that adds a pool';
    is $s->get('bert.test')->{body}, "fpmt_bert\n", 'it answers';
    is readlink('/proc/' . $fpm->pid . '/exe'), $copy, 'by the new program';
    $s->said(qr/FPMP/);
};

subtest 'behind httpd\'s back' => sub {
    my $s = server('back', site_of([ anna => '' ], [ bert => '' ]));
    my $fpm = $s->{fpm};
    my $sock = $fpm->socket('fpmt_anna');
    unlink $sock;
    is $s->get('anna.test')->{status}, 503, 'a socket deleted by hand: 503';
    is +($s->run('-t'))[0], 0, 'configtest lets apachectl do';
    ok $s->graceful, 'a reload';
    is $s->get('anna.test')->{body}, "fpmt_anna\n", 'makes it again';
    is scalar(grep { /FPMP0319/ } $s->said(qr/FPMP/)), 1, 'and says so';
    my ($uid, $gid) = (stat $sock)[4, 5];
    chown 0, 0, $sock;
    chmod 0666, $sock;
    ok $s->graceful, 'owner and mode changed by hand, a reload';
    is sprintf('%d %d %o', (stat $sock)[4, 5, 2]), sprintf('%d %d %o', $uid, $gid, 0140600), 'gives them back';
    is scalar(grep { /FPMP0318/ } $s->said(qr/FPMP/)), 1, 'and says so';
    my $dir = "$fpm->{dir}/run";
    $fpm->stop;
    system 'rm', '-rf', $dir;
    $s->graceful;
    ok -d $dir, 'the socket directory is gone: a reload makes it';
    is sprintf('%o %d', (stat $dir)[2, 4]), '40755 0', 'as root\'s, mode 0755';
    is scalar(grep { /FPMP0320/ } $s->said(qr/FPMP/)), 1, 'and says so';
    $fpm->start;
    ok wait_for(10, sub { $s->get('anna.test')->{status} == 200 }), 'PHP-FPM starts with it';
    unlink $fpm->pool_file('fpmt_bert');
    ok $s->graceful, 'a pool file deleted by hand';
    is $s->get('bert.test')->{body}, "fpmt_bert\n", 'its host answers';
    ok -e $fpm->pool_file('fpmt_bert'), 'and the file is back';
    # A removal that was killed before PHP-FPM was told.
    $s->configure(site_of([ anna => '' ])->($s));
    unlink $fpm->pool_file('fpmt_bert');
    ok -S $fpm->socket('fpmt_bert'), 'a pool whose file was removed is still loaded';
    ok $s->graceful, 'a reload';
    ok !-e $fpm->socket('fpmt_bert'), 'has PHP-FPM drop it';
    $s->said(qr/FPMP/);
};

subtest 'a socket is lost, and its pool file changes too' => sub {
    my $s = server('both-lost', site_of([ anna => '' ], [ bert => '' ]));
    my $fpm = $s->{fpm};
    my ($sock, $file) = ($fpm->socket('fpmt_anna'), $fpm->pool_file('fpmt_anna'));
    my @rows = (
        [ 'the line changes', 'pm.max_children=3', sub { }, 'max_children = 3' ],
        [ 'the file is gone too', 'pm.max_children=3', sub { unlink $file }, 'max_children = 3' ],
        [ 'the file was edited', 'pm.max_children=3', sub { put($file, slurp($file) . "; edited\n") }, 'max_children = 3' ],
        [ 'the change is refused', 'slowlog=/nonexistent/x.log request_slowlog_timeout=5s', sub { }, 'max_children = 3', 'FPMP0523' ],
    );
    for my $row (@rows) {
        my ($title, $line, $do, $want, $code) = @$row;
        unlink $sock;
        $do->();
        $s->configure(site_of([ anna => $line ], [ bert => '' ])->($s));
        ok $s->graceful, "$title: a reload" or diag $s->log;
        is $s->get('anna.test')->{body}, "fpmt_anna\n", "$title: the socket is there again";
        like slurp($file), qr/\Q$want\E/, "$title: and the right file";
        my @said = $s->said(qr/FPMP/);
        is scalar(grep { /FPMP0319/ } @said), 1, "$title: the log says so";
        is join("\n", grep { /:error\]/ && !($code && /$code/) } @said), '', "$title: and nothing else is wrong";
        is scalar(my @more = glob "$fpm->{dir}/run/*anna*"), 1, "$title: no other socket is left";
    }
    is slurp("$file.edited") =~ /; edited\n\z/, 1, 'the edited file is kept, as it was';
};

subtest 'who listens on the sockets cannot be asked' => sub {
    my $s = FPMT::Server->new('elsewhere', no_fpm => 1);
    my $fpm = $s->{fpm};
    { local $fpm->{binary} = "unshare -n $fpm->{binary}"; $fpm->start }
    $s->configure(site_of([ anna => '' ])->($s));
    ok $s->start, 'PHP-FPM has a network of its own: the server starts' or diag $s->{said} . $s->log;
    my $reloads = $fpm->reloads;
    $s->graceful for 1, 2;
    is $fpm->reloads, $reloads, 'reloads without change tell it nothing';
    is $s->get('anna.test')->{body}, "fpmt_anna\n", 'its pool answers';
    is join("\n", grep { /FPMP03/ } $s->said(qr/FPMP/)), '', 'no socket is said to be lost';
    my $status = system(join ' ', qw(strace -qq -o /dev/null -e trace=sendto -e inject=sendto:error=EOPNOTSUPP),
        $s->command('-t'), ">$s->{dir}/out 2>&1");
    cmp_ok $status >> 8, '<', 128, 'a system that does not say who listens: configtest comes to its end';
    like slurp("$s->{dir}/out"), qr/who listens on its sockets/, 'and says what it does not know';
};
done_testing;
