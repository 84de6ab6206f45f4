# SPDX-License-Identifier: Apache-2.0
#
# SetHandler fpmpool-status: what the page says of pools that are healthy, idle, full, silent
# and broken, with a real PHP-FPM in each of these states; that it is right JSON, right
# Prometheus text and harmless HTML; and that no URL of a site reaches what it asks.
use strict;
use warnings;
use Digest::SHA qw(sha256_base64);
use FPMT;
use FPMT::Server;
use FPMT::Status;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM);
use Test::More;
use Time::HiRes qw(time);

my $s = FPMT::Server->new('status');
my ($dir, $fpm) = @$s{qw(dir fpm)};
my $held = "$dir/held";
put("$dir/www/hold.php", "<?php touch('$held/'.getmypid()); while (!file_exists('$held/go')) { usleep(5000); } echo 'held';");
put("$dir/www/sleep.php", '<?php usleep(200000); echo "slept\n";');
put("$dir/www/die.php", '<?php posix_kill(getmypid(), 9);');
put("$dir/www/mine.php", '<?php echo "mine\n";');
put("$dir/www/plain.txt", "plain\n");
mkdir $held;
chmod 0777, $held;

my @more = map { "LoadModule ${_}_module " . setting('libexec') . "/mod_$_.so\n" } qw(status negotiation);
my $site = "<Location /st>\n    SetHandler fpmpool-status\n</Location>\n"
    . "<Location /server-status>\n    SetHandler server-status\n</Location>\n"
    . "LogFormat \"%U %{FPMPOOL_USER}n %{FPMPOOL_POOL}n %{FPMPOOL_MASTER}n %{FPMPOOL_USEC}n %<{FPMPOOL_USER}n\" php\nCustomLog $dir/php_log php\n"
    . $s->host('a.test', 'ErrorDocument 502 /plain.txt', 'FPMUser fpmt_anna pm.max_children=2')
    . $s->host('b.test', 'FPMUser fpmt_bert', "Alias /fpmpool-status $dir/www/who.php")
    . $s->host('c.test', 'FPMUser fpmt_carl pm=static pm.max_children=1 pm.status_path=/mine.php');

sub configure {
    my ($text) = @_;
    $s->configure($text);
    put("$dir/httpd.conf", join('', @more) . slurp("$dir/httpd.conf"));
}
configure($site);
ok $s->start, 'the server starts' or BAIL_OUT($s->{said} . $s->log);
$s->said(qr/FPMP0512/);

# Of our own PHP-FPM: other tests have one with pools of these names.
sub children_of {
    my ($user) = @_;
    my $pid = $fpm->pid;
    return grep { (slurp("/proc/$_/cmdline") // '') =~ /^php-fpm: pool \Q$user\E\s*\0/ && (slurp("/proc/$_/stat") // '') =~ /\) \w $pid / }
        map { m{(\d+)$} } glob '/proc/[0-9]*';
}

# Signals take a moment. A child is busy until it has seen that httpd closed the connection, which
# is a moment after the answer.
sub stop {
    my ($pid) = @_;
    kill STOP => $pid;
    ok wait_for(5, sub { (slurp("/proc/$pid/stat") // '') =~ /\) T / }), "process $pid is stopped";
}

sub at_rest { my ($user) = @_; return ok wait_for(5, sub { (pool_of($s, $user)->{busy} // 1) == 0 }), "$user is at rest" }

# A page, and that it came in time.
sub quick {
    my ($title, $full) = @_;
    rested($s, $full);
    my $began = time;
    my $page  = page($s);
    cmp_ok time - $began, '<', 1.5, "$title: the page comes in time";
    return { map { $_->{user} => $_ } @{ $page->{pools} } };
}

subtest 'healthy and idle pools' => sub {
    is $s->get('a.test')->{body}, "fpmt_anna\n", 'anna has a child';
    my $page;
    ok wait_for(5, sub { $page = page($s); !grep { $_->{busy} } @{ $page->{pools} } }), 'all are at rest';
    is_deeply [ map { $_->{user} } @{ $page->{pools} } ], [qw(fpmt_anna fpmt_carl fpmt_bert)], 'three pools, idle ones last';
    my ($anna, $carl, $bert) = @{ $page->{pools} };
    is_deeply [ @$anna{qw(state busy idle max_children queue slow)} ], [ 'ok', 0, 1, 2, 0, 0 ], 'anna has an idle child';
    cmp_ok $anna->{requests}, '>=', 1, 'and her requests are PHP-FPM\'s own figure';
    is_deeply $anna->{hosts}, ['a.test'], 'her host is named';
    is_deeply [ @$anna{qw(pool master pm socket pool_file_state)} ], [ 'fpmt_anna', 'one', 'ondemand', $fpm->socket('fpmt_anna'), 'in place' ], 'her chain is';
    is_deeply [ @$anna{qw(wrong mend last_error errors)} ], [ undef, undef, undef, 0 ], 'nothing is wrong';
    is_deeply [ @$carl{qw(state idle max_children)} ], [ 'ok', 1, 1 ], 'carl\'s pool is static';
    ok defined $carl->{requests}, 'a pm.status_path of the administrator is asked';
    is_deeply [ @$bert{qw(state children busy requests)} ], [ 'idle', 0, 0, undef ], 'bert has no child, so nobody can be asked';
    page($s) for 1 .. 5;
    is scalar(my @none = children_of('fpmt_bert')), 0, 'and the page starts none';
    is $page->{counts}{ok} + $page->{counts}{idle}, 3, 'the counts say so';
    my $socket = $fpm->socket('fpmt_bert');
    chmod 0, $socket;
    is_deeply [ @{ pool_of($s, 'fpmt_bert') }{qw(state wrong children)} ],
        [ 'broken', "httpd cannot connect to '$socket' (Permission denied)", 0 ], 'a mode that keeps httpd out is seen without asking';
    chmod 0600, $socket;
};

subtest 'the three forms' => sub {
    my $html = $s->get('a.test', '/st');
    is $html->{'h:content-type'}, 'text/html; charset=utf-8', 'HTML';
    is $html->{'h:cache-control'}, 'no-store', 'is not kept';
    my ($style) = $html->{body} =~ m{<style>(.*?)</style>}s;
    my $sum = sha256_base64($style);
    like $html->{'h:content-security-policy'}, qr/default-src 'none'; style-src 'sha256-\Q$sum\E=+';/, 'its own style is allowed, nothing else';
    unlike $html->{body}, qr/<script|\son\w+=|src=|http-equiv/i, 'it needs no script, no picture and no reload';
    like $s->get('a.test', '/st?refresh=7')->{body}, qr/<meta http-equiv="refresh" content="7">/, '?refresh=7 loads it again';
    unlike $s->get('a.test', "/st?refresh=$_")->{body}, qr/http-equiv/, "?refresh=$_ does not" for qw(0 -3 x);
    like $s->get('a.test', '/st?refresh=99999999999')->{body}, qr/content="3600"/, 'an hour at most';
    is $s->get('a.test', '/st?json')->{'h:content-type'}, 'application/json', 'JSON';
    my $text = $s->get('a.test', '/st?prometheus');
    is $text->{'h:content-type'}, 'text/plain; version=0.0.4; charset=utf-8', 'Prometheus';
    my $metric = eval { prometheus($text->{body}) };
    ok $metric, 'a strict reader takes it' or diag $@;
    is $metric->{fpmpool_pool_up}{'pool="fpmt_anna",master="one"'}, 1, 'anna is up';
    is $metric->{fpmpool_pool_children_limit}{'pool="fpmt_carl",master="one"'}, 1, 'carl has one child';
    is $metric->{fpmpool_pools}{'state="broken"'}, 0, 'none is broken';
    my ($promtool) = grep { -x } map { "$_/promtool" } split /:/, "$ENV{PATH}:" . ($ENV{FPMT_TOOLS} || '');
    if ($promtool) {
        put("$dir/metrics", $text->{body});
        is qx($promtool check metrics <$dir/metrics 2>&1), '', 'promtool takes it, and has nothing to remark';
    }
    is http('a.test', 'HEAD', '/st', port => $s->{port})->{status}, 200, 'HEAD';
    my $r = http('a.test', 'POST', '/st', port => $s->{port}, body => 'a=1');
    is $r->{status}, 405, 'POST is not answered';
};

subtest 'mod_status' => sub {
    like $s->get('a.test', '/server-status')->{body}, qr/PHP-FPM pools: 3/, 'its page has a line of ours';
    my $auto = $s->get('a.test', '/server-status?auto')->{body};
    like $auto, qr/^FPMPools: 3\nFPMPools-broken: 0\n.*^FPMPools-idle: 1\n/ms, 'and its text';
    unlike $auto, qr/fpmt_/, 'which names nobody';
};

subtest 'the access log' => sub {
    is $s->get('a.test', '/sleep.php')->{body}, "slept\n", 'a script of 200 ms';
    $s->get('a.test', '/plain.txt');
    wait_for(5, sub { (slurp("$dir/php_log") // '') =~ m{plain} });
    my $log = slurp("$dir/php_log");
    my ($usec) = $log =~ m{^/sleep\.php fpmt_anna fpmt_anna one (\d+) fpmt_anna$}m;
    ok $usec && $usec >= 200_000 && $usec < 2_000_000, 'has user, pool, master and the time in PHP' or diag $log;
    like $log, qr{^/plain\.txt - - - - -$}m, 'and nothing of a file that is not PHP';
};

subtest 'no URL of a site reaches pm.status_path' => sub {
    my $told = qr/accepted conn|process manager/;
    for my $host (qw(a.test b.test c.test)) {
        for my $target (qw(/fpmpool-status /fpmpool-status?json /fpmpool-status/ /fpmpool-status/who.php
            //fpmpool-status /who.php/fpmpool-status /who.php/../fpmpool-status /fpmpool-status%00.php /mine.php /mine.php/x
            /fpmpool-status.php /%66pmpool-status)) {
            my $r;
            $r = $s->get($host, $target);
            unlike $r->{body}, $told, "$host $target: no figures";
        }
    }
    is $s->get('a.test', '/fpmpool-status')->{status}, 404, 'it is no file';
    is $s->get('b.test', '/fpmpool-status')->{status}, 403, 'a script that an Alias gives this name is refused';
    is $s->get('c.test', '/mine.php')->{status}, 403, 'so is one that has the name which pm.status_path was given';
    is $s->get('a.test', '/mine.php')->{body}, "mine\n", 'for another pool it is a script like any other';
    is $s->get('c.test', '/mine.php/x')->{status}, 403, 'PATH_INFO does not hide it';
    my @said = $s->said(qr/FPMP0700/);
    cmp_ok scalar(@said), '>=', 4, 'each is said';
    like $said[0], qr/FPMP0700: pool: '\/fpmpool-status' is pm\.status_path of pool \[fpmt_bert\]/, 'with the pool';
    rested($s);
    is pool_of($s, 'fpmt_carl')->{state}, 'notice', 'and the page shows it as the last error';
    $s->said(qr/FPMP0617|AH10244|AH00127|AH01071/);
};

subtest 'a full pool' => sub {
    my @open;
    my $hold = sub { push @open, connect_to(port => $s->{port}); send_request($open[-1], 'a.test', 'GET', '/hold.php') };
    # One after the other: pm=ondemand starts one child for requests that come at once.
    for my $n (1, 2) {
        $hold->();
        ok wait_for(10, sub { (my @files = glob "$held/*") == $n }), "$n busy";
    }
    my $anna = quick('full', 1)->{fpmt_anna};
    is_deeply [ @$anna{qw(state busy idle max_children queue)} ], [ 'full', 2, 0, 2, 0 ], 'it is full' or diag explain $anna;
    like $anna->{wrong}, qr/^all 2 children are busy, 0 requests in the queue$/, 'in plain words';
    like $anna->{mend}, qr/pm\.max_children=2 on FPMUser/, 'with the mend';
    $hold->() for 1 .. 3;
    ok wait_for(10, sub { (pool_of($s, 'fpmt_anna')->{queue} // 0) == 3 }), 'and has three in the queue';
    ok rested($s, 1), 'the others are not';
    my $page = page($s);
    is $page->{pools}[0]{user}, 'fpmt_anna', 'it stands first';
    ok rested($s, 1), 'nor after that page';
    like $s->get('a.test', '/st')->{body}, qr{<title>\(1\) PHP-FPM pools</title>.*all 2 children are busy, 3 requests in the queue}s, 'the page says so';
    is prometheus($s->get('a.test', '/st?prometheus')->{body})->{fpmpool_pool_up}{'pool="fpmt_anna",master="one"'}, 0, 'and for Prometheus it is down';
    put("$held/go", '');
    is read_answer($_, 'GET')->{body}, 'held', 'each request is answered' for @open;
    unlink glob "$held/*";
    at_rest('fpmt_anna');
    is pool_of($s, 'fpmt_anna')->{state}, 'ok', 'then it is well again';
};

subtest 'a child that answers nobody' => sub {
    my ($child) = children_of('fpmt_carl');
    ok rested($s), 'carl is at rest';
    stop($child);
    my $carl = quick('stopped child')->{fpmt_carl};
    is $carl->{state}, 'silent', 'it looks idle and says nothing' or diag explain $carl;
    like $carl->{wrong}, qr/^no child answered within 1000 ms$/, 'in plain words';
    is pool_of($s, 'fpmt_anna')->{state}, 'ok', 'the others are asked all the same';
    kill CONT => $child;
    ok wait_for(10, sub { pool_of($s, 'fpmt_carl')->{state} =~ /ok|notice/ }), 'and it is well again';
};

subtest 'a child that dies' => sub {
    is $s->get('a.test', '/die.php')->{status}, 502, 'a request that kills its child';
    my $anna = pool_of($s, 'fpmt_anna');
    is_deeply [ @$anna{qw(last_error errors)} ], [ 'FPMP0616', 1 ], 'is the last error of its pool';
    is $anna->{state}, 'notice', 'and worth a look';
    like $anna->{wrong}, qr/^a request \d+ s ago: the child ended in the middle of its answer$/, 'in plain words';
    ok abs($anna->{last_error_time} - time) < 20, 'with its time';
    is scalar $s->said(qr/FPMP0616/), 1, 'the log has it';
    wait_for(5, sub { (slurp("$dir/php_log") // '') =~ m{die} });
    like slurp("$dir/php_log"), qr{^/die\.php - - - - fpmt_anna$}m, 'and the access log where an ErrorDocument answers';
};

subtest 'pool files' => sub {
    my $file = $fpm->pool_file('fpmt_bert');
    my $text = slurp($file);
    put($file, "$text; by hand\n");
    like pool_of($s, 'fpmt_bert')->{wrong}, qr/was edited by hand$/, 'one that was edited';
    is pool_of($s, 'fpmt_bert')->{pool_file_state}, 'edited by hand', 'its state says it';
    put($file, $text);
    like pool_of($s, 'fpmt_bert')->{wrong}, qr/is newer than what PHP-FPM has read$/, 'one that is newer';
    rename $file, "$file.aside";
    like pool_of($s, 'fpmt_bert')->{wrong}, qr/is missing: the pool ends with the next reload/, 'one that is gone';
    put($file, "[x]\n");
    like pool_of($s, 'fpmt_bert')->{wrong}, qr/is not of this module$/, 'one of somebody else';
    chmod 0600, $file;
    is pool_of($s, 'fpmt_bert')->{pool_file_state}, 'there, cannot be read', 'one that httpd\'s user cannot read';
    rename "$file.aside", $file;
};

subtest 'sockets' => sub {
    my $socket = $fpm->socket('fpmt_bert');
    rename $socket, "$socket.aside";
    my $bert = quick('no socket')->{fpmt_bert};
    is_deeply [ @$bert{qw(state wrong)} ], [ 'broken', "socket '$socket' does not exist" ], 'one that is gone';
    my $stale = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $socket) or die "$socket: $!\n";
    close $stale;
    $bert = quick('stale socket')->{fpmt_bert};
    is_deeply [ @$bert{qw(state wrong)} ], [ 'broken', "socket '$socket' is there, but nobody listens" ], 'one that nobody listens on';
    rename "$socket.aside", $socket;
    $socket = $fpm->socket('fpmt_carl');
    my ($uid, $gid) = (stat $socket)[4, 5];
    chown 0, 0, $socket;
    like quick('owner of the socket')->{fpmt_carl}{wrong}, qr/^httpd cannot connect to '\Q$socket\E' \(Permission denied\)$/, 'one that httpd may not connect to';
    chown $uid, $gid, $socket;
};

subtest 'chains that are broken, and names that attack' => sub {
    my $evil = q(x<img/src=x&onerror='alert(1)'>);
    configure($site . $s->host('gone.test', 'FPMUser fpmt_nobody_here') . $s->host("\"$evil\"", 'FPMUser fpmt_bert')
        . $s->host("\"y\xff\xe2\x80z\"", 'FPMUser fpmt_bert') . $s->host('two.test', 'FPMUser fpmt_anna pm.max_children=9'));
    ok $s->graceful, 'a reload';
    cmp_ok scalar $s->said(qr/FPMP0201|FPMP0101|FPMP0512|FPMP0411|FPMP0405|FPMP05\d\d/), '>=', 2, 'which says what is wrong';
    my $page = page($s);
    my %is = map { ("$_->{user} " . ($_->{code} // '-')) => $_ } @{ $page->{pools} };
    my $gone = $is{'fpmt_nobody_here FPMP0201'};
    is $gone->{state}, 'broken', 'a user who does not exist' or diag explain $page;
    is $gone->{wrong}, "'fpmt_nobody_here' does not exist on this machine", 'with the words of the last start';
    like $gone->{mend}, qr/^create it with 'useradd fpmt_nobody_here'/, 'and its mend';
    like $gone->{line}, qr/site\.conf:\d+$/, 'and its line';
    is_deeply $gone->{hosts}, ['gone.test'], 'and its host';
    is $is{'fpmt_anna FPMP0101'}{state}, 'broken', 'a line that disagrees has a row of its own';
    is_deeply $is{'fpmt_anna FPMP0101'}{hosts}, ['two.test'], 'with its host';
    is_deeply $is{'fpmt_bert -'}{hosts}, [ 'b.test', $evil, "y\x{fffd}\x{fffd}\x{fffd}z" ], 'any name is right in JSON' or diag explain $is{'fpmt_bert -'};
    my $html = $s->get('a.test', '/st')->{body};
    like $html, qr/x&lt;img\/src=x&amp;onerror=&#39;alert\(1\)&#39;&gt;/, 'and harmless in HTML';
    unlike $html, qr/<img|\xff/, 'as is what is no UTF-8';
    ok eval { prometheus($s->get('a.test', '/st?prometheus')->{body}) }, 'Prometheus takes it' or diag $@;
    configure($site);
    ok $s->graceful, 'and back';
    $s->said(qr/FPMP0\d\d\d/);
};

subtest 'a master that is stopped, and one that is gone' => sub {
    is $s->get('a.test')->{body}, "fpmt_anna\n", 'anna has a child';
    my $pid = $fpm->pid;
    stop($pid);
    my $is = quick('stopped master');
    is_deeply [ @{ $is->{$_} }{qw(state mend)} ], [ 'broken', "kill -CONT $pid" ], "$_: the mend is there" for qw(fpmt_anna fpmt_bert);
    like $is->{fpmt_bert}{wrong}, qr/^the master process $pid of PHP-FPM one is stopped by a signal/, 'in plain words';
    system($is->{fpmt_bert}{mend});
    ok wait_for(5, sub { pool_of($s, 'fpmt_bert')->{state} eq 'idle' }), 'which helps';
    my @orphans = map { children_of($_) } qw(fpmt_anna fpmt_bert fpmt_carl);
    kill KILL => $pid;
    ok wait_for(5, sub { !FPMT::Process::alive($pid) }), 'the master is killed';
    $is = quick('no master');
    like $is->{fpmt_anna}{wrong}, qr/^PHP-FPM one does not run; \d+ child(?:ren)? of it still serve/, 'its children still serve' or diag explain $is->{fpmt_anna};
    is $is->{fpmt_bert}{wrong}, 'PHP-FPM one does not run', 'who has none is told so';
    like $is->{fpmt_bert}{mend}, qr/^start it/, 'with the mend';
    kill KILL => @orphans;
    ok wait_for(5, sub { !grep { FPMT::Process::alive($_) } @orphans }), 'the children too';
    is quick('nobody')->{fpmt_anna}{wrong}, 'PHP-FPM one does not run', 'then nobody serves';
    unlink glob "$fpm->{dir}/run/*.sock";
    $fpm->start;
    ok wait_for(10, sub { pool_of($s, 'fpmt_anna')->{state} =~ /idle|notice/ }), 'and it comes back';
};
$s->said(qr/FPMP0\d\d\d/);

done_testing;
