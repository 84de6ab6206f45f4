# SPDX-License-Identifier: Apache-2.0
#
# via=balancer: machines with IPv6 addresses, a second web server that has a copy of what the first
# one has written, and a machine that is away beside one with many pools.
use strict;
use warnings;
use FPMT;
use FPMT::Apart;
use FPMT::Apps;
use FPMT::Peer;
use FPMT::Server;
use IO::Socket::IP;
use Test::More;

my @machines = qw(fd77::2 fd77::3);
own_network(@machines, 'fd77::99');
put('/proc/sys/net/ipv4/ip_unprivileged_port_start', 30000); # as docs/balancer.md has it

my ($first, $second) = map { FPMT::Server->new("web-$_", no_fpm => 1) } 1, 2;
my $root = "$first->{dir}/sites";
mkdir $root;
for my $name (qw(anna bert carl)) {
    mkdir "$root/$name";
    user_file($name, "$root/$name/who.php", '<?php echo posix_getpwuid(posix_geteuid())["name"], " ", posix_getppid();');
}

# A connection within the machine has the same address at both ends: those are the web servers.
sub configure {
    my ($server, $sync, @users) = @_;
    $server->configure("FPMSync $sync\nFPMHosts apps @machines allow=" . join(',', @machines) . " export=$server->{dir}/export\n"
        . join('', map { $server->host("$_.test", "DocumentRoot $root/$_", "FPMUser fpmt_$_ hosts=apps") } @users), master => '');
    FPMT::Apps::add($server);
}

# What the administrator does between the two.
sub copy { sh(qw(rm -rf), "$second->{dir}/export"); sh(qw(cp -a), "$first->{dir}/export", "$second->{dir}/export") }

# What configtest found: exit code and the codes.
sub found {
    my ($server) = @_;
    my ($code, $said) = $server->configtest;
    return join ' ', $code, sort map { /^(FPMP\d+)/ && $1 ne 'FPMP0649' ? $1 : () } split /\n/, $said;
}

# ---- IPv6 ----
configure($first, 'auto', qw(anna bert));
ok $first->start, 'a web server of IPv6 machines starts' or BAIL_OUT($first->{said} . $first->log);
like slurp("$first->{dir}/export/fd77::3/fpmpool-fpmt_bert.conf"),
    qr/^listen = "\[fd77::3\]:20001"\nlisten\.allowed_clients = "fd77::2,fd77::3"$/m, 'a pool file has the address in brackets, and who may connect without';
my @apps = map { FPMT::Apps->new("$first->{dir}/export", $_, "$first->{dir}/app" . substr $_, -1) } @machines;
$_->start for @apps;
sub who { my ($server, $name) = @_; return (split / /, $server->get("$name.test")->{body})[0] }
for my $name (qw(anna bert)) {
    ok wait_for(20, sub { who($first, $name) eq "fpmt_$name" }), "$name is served as $name";
    my %by = map { $first->get("$name.test")->{body} =~ / (\d+)$/ ? ($1 => 1) : () } 1 .. 10;
    is_deeply [ sort keys %by ], [ sort map { $_->{fpm}->pid } @apps ], '... by both machines';
}
is found($first), '0', 'configtest asks both, and finds nothing';

# A user's PHP that listened on the port of the next user would stop PHP-FPM at its reload.
user_file('bert', "$root/bert/listen.php", '<?php echo @stream_socket_server("tcp://[fd77::2]:20002") ? "listens" : "cannot";');
is $first->get('bert.test', '/listen.php')->{body}, 'cannot', 'a script cannot take a port of ports=';

# Does a pool answer who connects from there? It closes at once on others.
sub answers {
    my ($from) = @_;
    my $s = IO::Socket::IP->new(PeerHost => $machines[0], PeerPort => 20000, LocalHost => $from, Timeout => 5) or return "no connection: $@";
    local $SIG{PIPE} = 'IGNORE';
    syswrite $s, FPMT::Peer::request(REQUEST_METHOD => 'GET', SCRIPT_FILENAME => '/none.php');
    return sysread($s, my $answer, 1) ? 'answers' : 'closes';
}
is answers('fd77::3'), 'answers', 'a pool answers who is in allow=';
is answers('fd77::99'), 'closes', '... and nobody else, though only the last figures differ';

# ---- a second web server ----
copy();
configure($second, 'check', qw(anna bert));
is found($second), '0', 'a second web server with a copy: configtest finds nothing';
ok $second->start, '... and it starts' or diag $second->{said};
is who($second, $_), "fpmt_$_", "... and serves $_ by the same pools" for qw(anna bert);
configure($first, 'auto', qw(anna bert carl));
ok $first->graceful, 'the first one has a new user';
ok $_->reload, '... and a machine has his pool' for @apps;
ok wait_for(20, sub { who($first, 'carl') eq 'fpmt_carl' }), '... which serves';
configure($second, 'check', qw(carl bert anna));
like found($second), qr/^1 .*FPMP0697/, 'the second one without a new copy: configtest exits 1 and says what is not there';
ok $second->graceful, '... a reload goes on';
is $second->get('carl.test')->{status}, 503, '... 503 for the new user';
is who($second, $_), "fpmt_$_", "... and $_ is still $_" for qw(anna bert);
ok scalar($second->said(qr/FPMP/)), '... the log says so';
copy();
is found($second), '0', 'with the copy configtest finds nothing';
ok $second->graceful, '... after a reload';
is who($second, $_), "fpmt_$_", "... $_ is served" for qw(anna bert carl);
$_->said(qr/./) for $first, $second;

# ---- a registry of a new directory, while the machines have the pools of the former one ----
configure($first, 'auto', qw(bert anna));
put("$first->{dir}/site.conf", slurp("$first->{dir}/site.conf") =~ s/export=\S+/export=$first->{dir}\/moved/r);
like +($first->configtest)[1], qr/^FPMP0698: .*machine 'fd77::3' .*: 2 of 2, first that at \[fd77::3\]:20000: the pool of another user, who would run what is for 'fpmt_bert';/m, 'pools of other users are found by configtest';

# ---- a machine that joins a second group: the users of both keep their ports ----
sub groups {
    my ($ports, @more) = @_;
    $first->configure("FPMHosts apps $machines[0] allow=$machines[0] export=$first->{dir}/export ports=$ports\nFPMHosts more @more allow=$machines[0] export=$first->{dir}/more\n"
        . join('', map { $first->host("$_->[0].test", "DocumentRoot $root/$_->[0]", "FPMUser fpmt_$_->[0] hosts=$_->[1]") } [ 'anna', 'apps' ], [ 'bert', 'more' ]), master => '');
    FPMT::Apps::add($first);
}
groups('20000-29999', $machines[1]);
ok $first->graceful, 'two groups, each on its machine';
groups('19000-19999', reverse @machines);
my $found = ($first->configtest)[1];
like $found, qr/^FPMP0679: socket: '\[fd77::2\]:20000' of user 'fpmt_bert' in group 'more' is that of 'fpmt_anna' in group 'apps'; .*'\Q$first->{dir}\E\/more\/ports'.* \(FPMUser at \S+\)$/m,
    'a machine of both, where two users have one port, is found' or diag $found;
is found($first), '1 FPMP0679', '... by configtest, which exits 1';
ok $first->graceful, '... a reload goes on';
is who($first, 'anna'), 'fpmt_anna', '... serves the first one';
is $first->get('bert.test')->{status}, 503, '... and does not run the second one as the first';
ok !-e "$first->{dir}/more/$machines[0]/fpmpool-fpmt_bert.conf", '... who has no pool file there';
put("$first->{dir}/more/ports", slurp("$first->{dir}/more/ports") =~ s/sha1=\w+/sha1=-/r =~ s/20000/20001/r);
ok $first->graceful, 'with another port, written by hand';
is who($first, 'bert'), 'fpmt_bert', '... he is served as himself';
$first->said(qr/./);
$_->stop for $first, $second;

# ---- a machine that is away ----
# Its neighbour takes what is sent to it, and says nothing.
sh(qw(ip link add here type veth peer name there));
sh(qw(ip link set), $_, 'up') for qw(here there);
sh(qw(ip addr add 10.77.0.1/24 dev here));
sh(qw(ip neigh add 10.77.0.2 lladdr 02:00:00:00:00:01 dev here));
my $many = 100; # more than are asked at a time
my $server = FPMT::Server->new('web-many', no_fpm => 1);
my $dir = $server->{dir};
$server->configure("FPMHosts apps 10.77.0.2 127.0.0.2 allow=127.0.0.1 export=$dir/export\n"
    . join('', map { $server->host("u$_.test", "DocumentRoot /srv/none", "FPMUser fpmt_u$_ hosts=apps root=remote pm=static pm.max_children=1") } 1 .. $many), master => '');
FPMT::Apps::add($server);
my ($code, $said) = $server->run('-t', '-D', 'FPMPOOL_SYNC');
is $code, 0, 'pool files of users that only the machines have' or diag $said;
sh(qw(cp -a), "$dir/export", "$dir/shipped");
for my $file (glob "$dir/shipped/127.0.0.2/*.conf") { put($file, slurp($file) =~ s/^user = .*/user = nobody/mr) }
my $app = FPMT::Apps->new("$dir/shipped", '127.0.0.2', "$dir/app");
$app->start;
my $begin = time;
($code, $said) = $server->configtest;
cmp_ok time - $begin, '<', 10, 'configtest waits no longer than it may';
my @lines = grep { /^FPMP/ && !/FPMP0649/ } split /\n/, $said;
is scalar(@lines), 1, '... and names one machine' or diag $said;
like $lines[0], qr/^FPMP0698: pool file: machine '10\.77\.0\.2' of group 'apps': pools that do not answer: 64 of 64 that were asked, first that at 10\.77\.0\.2:20000: no answer in time;/,
    '... the one that is away';
$app->stop;
($code, $said) = $server->configtest;
like $said, qr/^FPMP0698: pool file: machine '127\.0\.0\.2' of group 'apps': pools that do not answer: $many of $many, first that at 127\.0\.0\.2:20000: Connection refused;/m,
    'once the other one is stopped its pools are named, all of them';
done_testing;
