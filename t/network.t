# SPDX-License-Identifier: Apache-2.0
#
# via=balancer under load while machines go away: a web server and two machines with their own
# PHP-FPM, each in a network namespace, joined by cables that can be pulled. Beside the
# balancer of the module two that are written by hand: one as manuals show it, one with the same
# parameters. FPMT_FIGURES=1 prints the table of docs/balancer.md.
use strict;
use warnings;
use FPMT;
use FPMT::Apart;
use FPMT::Apps;
use FPMT::Process;
use FPMT::Server;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_RCVTIMEO);
use Test::More;
use Time::HiRes qw(time sleep);

apart(qw(--net --mount));

my $HC = 2; # hcinterval=
my $TIMEOUT = 3;
my @machines = ({ name => 'app1', web => '10.77.1.1', address => '10.77.1.2' }, { name => 'app2', web => '10.77.2.1', address => '10.77.2.2' });

sh(qw(ip link set lo up));
sh(qw(mount -t tmpfs none /run/netns)) if -d '/run/netns';
for my $m (@machines) {
    my $n = $m->{name};
    sh(qw(ip netns add), $n);
    sh('ip', 'link', 'add', "to_$n", 'type', 'veth', 'peer', 'name', 'eth0', 'netns', $n);
    sh('ip', 'addr', 'add', "$m->{web}/24", 'dev', "to_$n");
    sh('ip', 'link', 'set', "to_$n", 'up');
    sh('ip', '-n', $n, 'addr', 'add', "$m->{address}/24", 'dev', 'eth0');
    sh('ip', '-n', $n, 'link', 'set', $_, 'up') for qw(lo eth0);
}
sub link_of { my ($m, $way) = @_; sh('ip', '-n', $m->{name}, 'link', 'set', 'eth0', $way) }

# ---- the servers ----
my $server = FPMT::Server->new('network', no_fpm => 1);
my $dir = $server->{dir};
my $export = "$dir/export";
for my $name (qw(anna bert)) {
    mkdir "$dir/$name";
    # Which machine, and in the log of scripts each run with its number and what it got.
    user_file($name, "$dir/$name/load.php", <<'PHP' =~ s/RAN/$dir\/ran/r);
<?php
$id = $_GET['id'];
$got = strlen(file_get_contents('php://input'));
file_put_contents('RAN', "$id $got\n", FILE_APPEND);
usleep(150000);
foreach (net_get_interfaces() as $i) {
    foreach ($i['unicast'] as $u) {
        if (str_starts_with($u['address'] ?? '', '10.77.')) { echo $u['address'], ' ', ini_get('memory_limit'), "\n"; }
    }
}
PHP
}
put("$dir/ran", '');
chmod 0666, "$dir/ran";
my $allow = join ',', map { $_->{web} } @machines;
sub site {
    my ($more) = @_;
    my $members = sub { my ($port, $p) = @_; join '', map { "BalancerMember fcgi://$_->{address}:$port $p\n" } @machines };
    return "FPMHosts apps @{[ map { $_->{address} } @machines ]} allow=$allow export=$export hcinterval=$HC timeout=$TIMEOUT\n"
        . "<Proxy balancer://plain>\n" . $members->(9000, '') . "</Proxy>\n"
        . "<Proxy balancer://tuned>\n" . $members->(9001, "connectiontimeout=1 hcmethod=TCP hcinterval=$HC timeout=$TIMEOUT") . "</Proxy>\n"
        . "<Location /balancer-manager>\nSetHandler balancer-manager\n</Location>\n"
        . $server->host('module', "DocumentRoot $dir/anna", "FPMUser fpmt_anna hosts=apps$more")
        . join '', map { $server->host($_, "DocumentRoot $dir/bert", "<FilesMatch \\.php\$>", "SetHandler proxy:balancer://$_", '</FilesMatch>') } qw(plain tuned);
}
$server->configure(site(''), master => '');
FPMT::Apps::add($server);
ok $server->start, 'the server starts' or BAIL_OUT($server->{said} . $server->log);
for my $m (@machines) {
    $m->{app} = FPMT::Apps->new($export, $m->{address}, "$dir/$m->{name}", in => "ip netns exec $m->{name}");
    my $port = 9000;
    for my $name (qw(plain tuned)) {
        put("$dir/$m->{name}/pool.d/$name.conf", "[$name]\nuser = fpmt_bert\nlisten = $m->{address}:$port\nlisten.allowed_clients = $allow\n"
            . "pm = ondemand\npm.max_children = 10\n");
        $port++;
    }
    $m->{app}->start;
}
my ($app1, $app2) = @machines;

# ---- load ----
my @hosts = qw(module tuned plain);
my @clients;
my $log = "$dir/load";

# One request: status and body; 0: no answer.
sub request {
    my ($host, $method, $id) = @_;
    my $fh = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->{port}) or return (0, '');
    setsockopt $fh, SOL_SOCKET, SO_RCVTIMEO, pack 'l!l!', 10, 0;
    my $body = $method eq 'POST' ? 'x' x 100 : '';
    print $fh "$method /load.php?id=$id HTTP/1.1\r\nHost: $host\r\nConnection: close\r\n", $body ? 'Content-Length: ' . length($body) . "\r\n" : '', "\r\n$body";
    my $text = do { local $/; <$fh> } // '';
    return $text =~ /^HTTP\S+ (\d+).*?\r\n\r\n(?:[0-9a-f]+\r\n)?(.*)/s ? ($1, $2) : (0, '');
}

sub client {
    my ($host, $method, $number) = @_;
    my $stop = 0;
    $SIG{TERM} = sub { $stop = 1 };
    open my $out, '>>', $log or die $!;
    $out->autoflush(1);
    for (my $n = 0; !$stop; $n++) {
        my ($id, $began) = ("$host.$method.$number.$n", time);
        my ($status, $body) = request($host, $method, $id);
        printf $out "%s %s %s %.3f %.3f %d %s\n", $host, $method, $id, $began, time, $status, $body =~ /^(10\.77\S+ \S+)/ ? $1 : '- -';
        sleep 0.02;
    }
    close $out;
    require POSIX;
    POSIX::_exit(0);
}

sub load_begin {
    for my $host (@hosts) {
        for my $method (qw(GET GET GET POST POST POST)) {
            my $pid = fork // die "fork: $!";
            client($host, $method, scalar @clients) if !$pid;
            push @clients, $pid;
        }
    }
}

sub load_end { kill TERM => @clients; waitpid $_, 0 for @clients; @clients = () }

# What was asked since, of these: began => time
sub asked {
    my (%o) = @_;
    my @all;
    for (split /\n/, slurp($log) // '') {
        my %r;
        @r{qw(host method id began ended status address limit)} = split / /;
        push @all, \%r if (!$o{host} || $r{host} eq $o{host}) && (!$o{method} || $r{method} eq $o{method})
            && $r{began} >= ($o{since} // 0) && $r{began} < ($o{before} // 9e9);
    }
    return @all;
}

sub failed { return grep { $_->{status} != 200 } @_ }
# Requests that were begun and ended in this time from the machine.
sub answers { my ($m, %o) = @_; return scalar grep { $_->{address} eq $m->{address} } asked(%o) }

sub come_back {
    my ($m, $host) = @_;
    my $from = time;
    return wait_for(20, sub { answers($m, host => $host, since => $from) >= 3 }) ? time - $from : 99;
}

# The figures of one fault: what was under way when it began, or was begun until its end.
my @table;
sub figures {
    my ($what, $from, $to) = @_;
    for my $host (@hosts) {
        for my $method (qw(GET POST)) {
            my @all = grep { $_->{ended} > $from } asked(host => $host, method => $method, before => $to);
            my @bad = failed(@all);
            my $known = $from + $HC + 1; # a check and its connectiontimeout
            my @late = grep { $_->{began} > $known } @bad;
            my @slow = grep { $_->{began} > $known && $_->{ended} - $_->{began} > 0.9 } @all;
            my ($last) = map { $_->{began} - $from } sort { $b->{began} <=> $a->{began} } @bad;
            my ($slow) = sort { $b <=> $a } map { $_->{ended} - $_->{began} } @all;
            push @table, { what => $what, host => $host, method => $method, all => scalar @all, bad => scalar @bad, late => scalar @late, waits => scalar @slow, last => $last // 0, slow => $slow // 0 };
        }
    }
}
sub late { my ($what, $host, $method, $key) = @_; return (map { $_->{ $key // 'late' } } grep { $_->{what} eq $what && $_->{host} eq $host && $_->{method} eq $method } @table)[0] }

# ---- spread ----
ok wait_for(20, sub { @hosts == grep { (request($_, 'GET', "$_.FIRST"))[0] == 200 } @hosts }), 'all three serve';
$server->said(qr/./);
load_begin();
my $began = time;
ok wait_for(20, sub { answers($app1, host => 'module') >= 60 && answers($app2, host => 'module') >= 60 }), 'requests are spread over both machines';
my $spread = answers($app1, host => 'module') / (answers($app1, host => 'module') + answers($app2, host => 'module'));
cmp_ok abs($spread - 0.5), '<', 0.1, '... evenly' or diag $spread;
is scalar(failed(asked(since => $began))), 0, '... and none fails';

# ---- one is killed, and once more ----
# All three begin anew: a restart forgets what a balancer knows of its members.
sub whole {
    $server->graceful;
    come_back($app1, $_) for @hosts;
}

my ($fault, %back);
for my $what ('killed', 'killed again') {
    whole();
    $fault = time;
    $app1->{app}->kill;
    sleep 2 * $HC + 1; # the load goes on
    figures($what, $fault, time);
    is late($what, 'module', $_), 0, "$what: after the interval of the health check no $_ fails" for qw(GET POST);
    is answers($app1, host => 'module', since => $fault + 1), 0, '... and none goes there';
    $app1->{app}->start;
    $back{$what} = come_back($app1, 'module');
    cmp_ok $back{$what}, '<', $HC + 3, 'it comes back';
}

# ---- a cable is pulled ----
whole();
$fault = time;
link_of($app1, 'down');
sleep 2 * $HC + 1 + $TIMEOUT;
figures('link down', $fault, time);
is late('link down', 'module', $_), 0, "link down: after the interval of the health check no $_ fails" for qw(GET POST);
is late('link down', 'module', $_, 'waits'), 0, "... and no $_ waits for it" for qw(GET POST);
link_of($app1, 'up');
$back{'link down'} = come_back($app1, 'module');
cmp_ok $back{'link down'}, '<', $HC + 3, 'it comes back';
come_back($app1, 'tuned');

# ---- drained ----
sub manage {
    my ($set) = @_;
    my $page = FPMT::http('module', 'GET', '/balancer-manager', port => $server->{port})->{body};
    my ($worker, $nonce) = $page =~ /w=(fcgi:\/\/\Q$app1->{address}\E:20000)&(?:amp;)?nonce=([0-9a-f-]+)/ or return 0;
    my $form = "b=fpmpool-fpmt_anna&w=$worker&nonce=$nonce&$set";
    return FPMT::http('module', 'POST', '/balancer-manager', port => $server->{port}, body => $form,
        headers => [ 'Referer: http://module/balancer-manager', 'Content-Type: application/x-www-form-urlencoded' ])->{status};
}
$fault = time;
is manage('w_status_N=1'), 200, 'balancer-manager drains it';
my $quiet = wait_for(10, sub { my $from = time - 1; !answers($app1, host => 'module', since => $from) });
ok $quiet, '... until nothing goes there';
my $alone = time;
$app1->{app}->stop;
$app1->{app}->start;
is answers($app1, host => 'module', since => $alone), 0, '... and its PHP-FPM can be restarted';
is manage('w_status_N=0'), 200, 'and takes it back';
cmp_ok come_back($app1, 'module'), '<', 10, '... it serves again';
figures('drained', $fault, time);
is scalar(failed(asked(host => 'module', since => $fault))), 0, '... and no request failed';

# ---- new settings ----
$fault = time;
put("$dir/site.conf", site(' "php_admin_value[memory_limit]=77M"'));
ok $server->graceful, 'new settings are exported';
for my $m (@machines) {
    like slurp("$export/$m->{address}/fpmpool-fpmt_anna.conf"), qr/77M/, "... for $m->{name}";
    ok $m->{app}->reload, '... which reloads';
}
ok wait_for(20, sub { my $from = time - 1; my @new = asked(host => 'module', since => $from); @new && !grep { $_->{limit} ne '77M' } @new }), '... and has them';
wait_for(20, sub { asked(host => 'module', since => $fault) >= 60 });
figures('new settings', $fault, time);
is scalar(failed(asked(host => 'module', method => $_, since => $fault))), 0, "... and no $_ failed" for qw(GET POST);
load_end();

# ---- what ran ----
my (%ran, %twice, %empty);
for (split /\n/, slurp("$dir/ran")) {
    my ($id, $got) = split / /;
    my ($host, $method) = split /\./, $id;
    $twice{"$host $method"}++ if $ran{$id}++;
    $empty{"$host $method"}++ if $method eq 'POST' && $got != 100;
}
is $twice{'module POST'} // 0, 0, 'no POST ran twice';
is $empty{'module POST'} // 0, 0, 'no POST ran without its body';

# ---- what was said ----
my @said = $server->said(qr/./);
my @codes = grep { /FPMP/ && !/FPMP0(?:528|689|696)/ } @said;
is scalar(@codes), 0, 'the module says nothing but broken off POSTs and written files' or diag @codes;
$server->stop;
$server->said(qr/./);
if ($ENV{FPMT_FIGURES}) {
    diag sprintf '%-13s %-7s %-5s %6s %6s %10s %9s %9s %9s', qw(fault host verb asked failed after-hc waits last-s slowest-s);
    diag sprintf '%-13s %-7s %-5s %6d %6d %10d %9d %9.2f %9.2f', @$_{qw(what host method all bad late waits last slow)} for @table;
    diag sprintf 'back after %s: %.2f s', $_, $back{$_} for sort keys %back;
    diag sprintf 'share of app1 before: %.3f', $spread;
    diag join ' ', 'ran twice:', map { "$_=$twice{$_}" } sort keys %twice;
    diag join ' ', 'POST without its body:', map { "$_=$empty{$_}" } sort keys %empty;
}
done_testing;
