# SPDX-License-Identifier: Apache-2.0
#
# via=balancer: pools on two machines, here two php-fpm at addresses of the loopback network,
# through mod_proxy_balancer. network.t has machines that die.
use strict;
use warnings;
use FPMT;
use FPMT::Apps;
use FPMT::Server;
use FPMT::Sites;
use Test::More;

my @machines = qw(127.0.0.2 127.0.0.3);
my $server = FPMT::Server->new('balancer', no_fpm => 1);
my $dir = $server->{dir};
my $export = "$dir/export";

my $sites = FPMT::Sites->new($server,
    'where.php'      => '<?php echo $_SERVER["SERVER_ADDR"], " ", getmypid(), " ", php_ini_loaded_file(), "\n", posix_getppid();',
    'who.php.txt'    => "text\n",
    'body.php'       => '<?php echo $_SERVER["REQUEST_METHOD"], " ", $_SERVER["CONTENT_LENGTH"] ?? "-", " ", strlen(file_get_contents("php://input"));',
    'with blank.php' => '<?php echo "blank ", basename(__FILE__);',
    'a#b.php'        => '<?php echo "hash ", basename(__FILE__);',
    'a%20b.php'      => '<?php echo "percent ", basename(__FILE__);');
my $user_of = $sites->{user}; # host -> user
user_file('anna', "$dir/anna/odd?name.php", '<?php echo "source\n";');

sub hosts { my ($more) = @_; return "FPMHosts apps @machines allow=127.0.0.1 export=$export ports=20100-20199 " . ($more // '') . "\n" }

sub site { return $sites->conf(@_) }

sub configure {
    my ($site, %o) = @_;
    $server->configure($site, master => '', %o);
    FPMT::Apps::add($server);
}

sub ask { return $sites->ask(@_) }
sub body { return $sites->body(@_) }

my $manager = "<Location /balancer-manager>\nSetHandler balancer-manager\n</Location>\n<Location /pools>\nSetHandler fpmpool-status\n</Location>\n";
my @more = ('a.test' => [
    'SetEnv APP_ENV prod',
    'RewriteEngine On', 'RewriteRule ^/nice$ /front.php [PT]',
    "<Location /private>", 'AuthType Basic', 'AuthName x', "AuthUserFile $dir/passwords", 'Require valid-user', '</Location>',
    "Alias /private $dir/anna", "<Location /strict>", 'FPMUser fpmt_anna hosts=apps owner=strict', '</Location>', "Alias /strict $dir/bert",
    "Alias /aliased $dir/anna/sub",
], 'b.test' => ['ProxyPass /away http://127.0.0.1:9/']);

# ---- what configtest says before anything is there, and what a start writes ----
configure(hosts() . $manager . site(' hosts=apps', @more));
my ($code, $said) = $server->configtest;
is $code, 0, 'configtest exits 0' or diag $said;
like $said, qr/^FPMP0697: pool file: group 'apps': pool files that are not what FPMUser says: 4, first '\Q$export\E\/127\.0\.0\.2\/fpmpool-fpmt_anna\.conf'/m, 'names what a start writes';
is scalar(() = $said =~ /^FPMP0698: /mg), 2, '... and the machines that do not answer' or diag $said;
ok !-e $export, '... and changes nothing';
ok $server->start, 'the server starts' or BAIL_OUT($server->{said} . $server->log);
is scalar $server->said(qr/FPMP0696/), 1, 'and says once that pool files were written';
is slurp("$export/ports") =~ s/^;.*\n//mgr, "fpmt_anna 20100\nfpmt_bert 20101\n", 'the registry has a port for each user';
like slurp("$export/127.0.0.3/fpmpool-fpmt_bert.conf"), qr/^listen = "127\.0\.0\.3:20101"\nlisten\.allowed_clients = "127\.0\.0\.1"$/m,
    'a pool file has the address of its machine, and who may connect';
my @apps = map { FPMT::Apps->new($export, $machines[$_], "$dir/app$_") } 0 .. 1;
$_->start for @apps;
ok wait_for(20, sub { ask('a.test', '/who.php')->{status} == 200 }), 'the pools serve';
sub all_serve {
    my ($when) = @_;
    is body($_, '/who.php'), "$user_of->{$_}\n", "$_ runs as $user_of->{$_}$when" for sort keys %$user_of;
}
all_serve('');
$server->said(qr/FPMP|AH/);
my %from;
$from{ body('a.test', '/where.php') =~ /(\d+)$/ ? $1 : '?' }++ for 1 .. 20;
is_deeply [ map { $_->{fpm}->pid } @apps ], [ grep { ($from{$_} // 0) >= 8 } map { $_->{fpm}->pid } @apps ],
    'requests are spread over both' or diag explain \%from;
($code, $said) = $server->configtest;
is_deeply [ $code, grep { /^FPMP/ && !/FPMP0649/ } split /\n/, $said ], [0], 'now configtest finds nothing';
sub balancers { my ($host) = @_; my %seen = map { $_ => 1 } body($host, '/balancer-manager') =~ /balancer:\/\/fpmpool-(\w+)/g; return join ' ', sort keys %seen }
is balancers('a.test'), 'fpmt_anna fpmt_bert', 'balancer-manager shows the pools';
is balancers('b.test'), 'fpmt_bert', '... a host with ProxyPass has its own only: else they were hosts times users';

my $pools = body('b.test', '/pools?json');
is scalar(() = $pools =~ /"state": "unknown", "wrong": "it is on the machines of 'apps': balancer-manager and configtest look at them"/g), 2,
    'the status page says that it does not look at them' or diag $pools;
$server->said(qr/AH10187/);

# ---- as the native end does ----
my $env = body('a.test', '/env.php/more/x?q=1&r=%20', headers => [ 'Authorization: Basic Z3Vlc3Q6c2VjcmV0', 'Proxy: http://evil.test/' ]);
my %native = (SCRIPT_NAME => '/env.php', SCRIPT_FILENAME => "$dir/anna/env.php", PATH_INFO => '/more/x',
    QUERY_STRING => 'q=1&r=%20', REQUEST_URI => '/env.php/more/x?q=1&r=%20', DOCUMENT_ROOT => "$dir/anna",
    PHP_SELF => '/env.php/more/x', APP_ENV => 'prod', SERVER_NAME => 'a.test', PHP_AUTH_USER => 'guest');
is_deeply { map { $_ => $env =~ /^\Q$_\E=(.*)$/m ? $1 : undef } keys %native }, \%native, 'PHP sees what it sees natively' or diag $env;
unlike $env, qr/^HTTP_PROXY=/m, 'and no HTTP_PROXY';
like body('a.test', '/private/env.php', headers => [ 'Authorization: Basic Z3Vlc3Q6c2VjcmV0' ]), qr/^REMOTE_USER=guest$/m,
    'REMOTE_USER is there where httpd authenticates';
is ask('a.test', '/private/env.php')->{status}, 401, '... and 401 without a password';
for my $case ([ 'a short body', 'x' x 7 ], [ 'a long body', 'x' x 300_000 ], [ 'chunked', 'x' x 9, chunked => 1 ], [ 'long and chunked', 'x' x 300_000, chunked => 1 ]) {
    my ($what, $text, @o) = @$case;
    my $len = length $text;
    is FPMT::http('a.test', 'POST', '/body.php', port => $server->{port}, body => $text, @o)->{body}, "POST $len $len", "$what arrives";
}
is ask('a.test', '/status.php')->{status}, 418, 'a status of the script is kept';
is ask('a.test', '/status.php')->{'h:x-mine'}, 'yes', 'and its headers';
is ask('b.test', '/location.php')->{'h:location'}, '/who.php', 'a Location of the script goes to the client';
is body('a.test', '/sub/'), "index of fpmt_anna\n", 'DirectoryIndex';
is body('a.test', '/aliased/index.php'), "index of fpmt_anna\n", 'Alias';
is body('a.test', '/nice'), 'front /nice', 'a RewriteRule of the host to a script';
is body('b.test', '/page.shtml'), "fpmt_bert\n", 'SSI';
is body('a.test', '/with%20blank.php'), 'blank with blank.php', 'a blank in the name';
is body('a.test', '/a%2520b.php'), 'percent a%20b.php', 'a percent sign in the name';
is body('a.test', '/a%23b.php'), 'hash a#b.php', 'a # in the name';
is ask('a.test', '/none.php')->{status}, 404, 'a missing script stays 404';
is body('a.test', '/plain.txt'), 'plain', 'what is no PHP stays httpd\'s';
is body('a.test', '/who.php.txt'), "text\n", '... whatever it was called before';

# ---- fail closed ----
for my $case ([ '/who.phtml', 403, 'FPMP0603', 'another PHP extension' ], [ '/off/who.php', 403, 'FPMP0601', 'FPMUser off' ],
    [ '/strict/who.php', 403, 'FPMP0604', 'owner=strict' ], [ '/odd%3Fname.php', 403, 'FPMP0687', 'a question mark in the name' ]) {
    my ($url, $status, $code, $what) = @$case;
    my $r = ask('a.test', $url);
    is $r->{status}, $status, "$what: $status";
    unlike $r->{body}, qr/source\n|fpmt_/, '... and nothing of a script';
    ok scalar($server->said(qr/$code/)), "... $code in the log";
}
my $own = 'balancer://fpmpool-fpmt_anna';
for my $case (
    [ 'SetHandler to the balancer of another user', "SetHandler proxy:$own\n", '/who.txt', 'FPMP0688' ],
    [ 'the same in capitals', "SetHandler PROXY:BALANCER://FPMPOOL-FPMT_ANNA/\n", '/plain.txt', 'FPMP06' ],
    [ 'with a user and a port', "SetHandler proxy:balancer://x\@fpmpool-fpmt_anna:1/\n", '/plain.txt', '.' ],
    [ 'RewriteRule [P] to it', "RewriteEngine On\nRewriteRule ^go $own$dir/anna/who.php [P]\n", '/go', 'FPMP0688' ],
    [ 'RewriteRule [P] to a member', "RewriteEngine On\nRewriteRule ^go fcgi://127.0.0.2:20100$dir/anna/who.php [P]\n", '/go', 'FPMP0609' ],
    [ 'SetHandler to a member', "SetHandler proxy:fcgi://127.0.0.2:20100\n", '/plain.txt', 'FPMP0609' ],
    [ 'RewriteRule [H=]', "RewriteEngine On\nRewriteRule . - [H=proxy:$own]\n", '/plain.txt', 'FPMP0688' ],
    [ 'SetHandler proxy-server', "SetHandler proxy-server\n", '/plain.txt', '.' ],
    [ 'a PHP file by SetHandler', "<Files who.php>\nSetHandler proxy:$own\n</Files>\n", '/who.php', '' ],
) {
    my ($what, $htaccess, $url, $code) = @$case;
    user_file('bert', "$dir/bert/.htaccess", $htaccess);
    my $r = ask('b.test', $url);
    unlike $r->{body}, qr/fpmt_anna\n/, "$what runs nothing as her";
    my @lines = $server->said(qr/FPMP|AH/);
    ok scalar(grep { /$code/ } @lines), "... $code" or diag "$r->{status} $r->{body}", @lines if $code && $code ne '.';
}
unlink "$dir/bert/.htaccess";
user_file('anna', "$dir/anna/.htaccess", <<'HT');
SetEnv PHP_ADMIN_VALUE memory_limit=99M
SetEnv FROM_HTACCESS yes
SetEnv REMOTE_USER admin
ProxyFCGISetEnvIf true PHP_ADMIN_VALUE memory_limit=98M
ProxyFCGISetEnvIf true SCRIPT_FILENAME /etc/passwd
ProxyFCGISetEnvIf true REMOTE_USER admin
ProxyFCGIBackendType GENERIC
HT
$env = body('a.test', '/env.php');
like $env, qr/^FROM_HTACCESS=yes$/m, 'SetEnv of a .htaccess arrives';
unlike $env, qr/9[89]M|^REMOTE_USER=/m, 'PHP_ADMIN_VALUE and REMOTE_USER do not, by SetEnv or ProxyFCGISetEnvIf' or diag $env;
unlink "$dir/anna/.htaccess";

# ---- a machine that breaks off ----
user_file('anna', "$dir/anna/dies.php", '<?php file_put_contents("' . $dir . '/ran", "x", FILE_APPEND); posix_kill(getmypid(), 9);');
put("$dir/ran", '');
chmod 0666, "$dir/ran";
is ask('a.test', '/dies.php')->{status}, 503, 'a GET that kills its worker is 503';
is slurp("$dir/ran"), 'xx', '... after the other machine has tried it too';
$server->said(qr/AH|FPMP/);
sub both_usable { my ($host) = @_; return wait_for(15, sub { my %seen; $seen{ body($host // 'a.test', '/where.php') =~ /(\d+)$/ ? $1 : '?' }++ for 1 .. 6; return keys %seen == 2 && !$seen{'?'} }) }
ok both_usable(), 'both machines are used again';
for my $case ([ 'POST with a body', 'POST', body => 'a=b' ], [ 'POST without one', 'POST' ], [ 'PUT', 'PUT', body => 'x' ]) {
    my ($what, $method, @o) = @$case;
    put("$dir/ran", '');
    is FPMT::http('a.test', $method, '/dies.php', port => $server->{port}, @o)->{status}, 502, "a $what that kills its worker is 502";
    is slurp("$dir/ran"), 'x', '... and ran once';
    ok scalar(grep { /FPMP0689/ } $server->said(qr/AH|FPMP/)), '... FPMP0689';
    ok both_usable(), '... both machines are used again';
}
like body('b.test', '/pools?json'), qr/FPMP0689[^\n]*broken off by a machine, and not sent to another one/, '... which the status page has in words';
$apps[0]->stop;
for my $n (1 .. 3) {
    is FPMT::http('a.test', 'POST', '/body.php', port => $server->{port}, body => 'x' x 90_000)->{body}, 'POST 90000 90000', 'a POST whose machine takes no connection goes to the other one';
}
($code, $said) = $server->configtest;
like $said, qr/^FPMP0698: pool file: machine '127\.0\.0\.2' of group 'apps': pools that do not answer: 2 of 2, first that at 127\.0\.0\.2:20100: Connection refused;/m, 'configtest names the machine that is down';
is $code, 0, '... as a notice';
is body('b.test', '/who.php'), "fpmt_bert\n", 'a host with ProxyPass goes to the other one too' for 1 .. 2;
$apps[0]->start;
ok both_usable('b.test'), '... and after the health check to both again, long before retry=';
$server->said(qr/AH|FPMP/);

# ---- restarts, new users, users that go ----
for my $round (1 .. 2) {
    ok $server->graceful, "graceful restart $round";
    all_serve(" after graceful restart $round");
}
my $ports = slurp("$export/ports");
put("$dir/site.conf", hosts() . site(' hosts=apps', 'a2.test' => [ 'ProxyPassInherit Off', 'BalancerInherit Off' ]) . $server->host('c.test', "DocumentRoot $dir/www", 'FPMUser fpmt_carl hosts=apps pm.max_children=3'));
ok $server->graceful, 'a graceful restart with a new user';
like slurp("$export/127.0.0.2/fpmpool-fpmt_carl.conf"), qr/^listen = "127\.0\.0\.2:20102"$/m, 'he has a port and a pool file';
$_->reload for @apps;
ok wait_for(10, sub { body('c.test', '/who.php') eq "fpmt_carl\n" }), '... and serves once it was shipped';
is body('a2.test', '/who.php'), "fpmt_anna\n", '... as does a host that inherits no balancer';
$server->said(qr/./);
delete @$user_of{qw(a.test a2.test)};
put("$dir/site.conf", hosts() . site(' hosts=apps'));
ok $server->graceful, 'a graceful restart with two users less';
is_deeply [ map { s/.*\///r } glob "$export/127.0.0.2/*.conf" ], ['fpmpool-fpmt_bert.conf'], 'whose pool files are gone';
is slurp("$export/ports") =~ s/^;.*\n//mgr, "fpmt_anna 20100\nfpmt_bert 20101\nfpmt_carl 20102\n", '... their ports stay theirs';
$server->said(qr/./);
$server->stop;

# ---- the registry ----
my $whole = slurp("$export/ports");
for my $case ([ 'cut short', substr($whole, 0, -3), qr/was cut short or edited/ ], [ 'empty', '', qr/does not begin/ ],
    [ 'edited', $whole =~ s/20100/20105/r, qr/was cut short or edited/ ],
    [ 'with one port twice', $whole =~ s/sha1=\w+/sha1=-/r =~ s/20102/20100/r, qr/gives port 20100 to 'fpmt_anna' and to 'fpmt_carl'/ ],
    [ 'gone', undef, qr/is missing, but pool files are there/ ]) {
    my ($what, $text, $like) = @$case;
    defined $text ? put("$export/ports", $text) : unlink "$export/ports";
    my ($code, $said) = $server->configtest;
    is $code, 1, "a registry $what: configtest exits 1";
    my @lines = grep { /^FPMP06/ && !/FPMP0649/ } split /\n/, $said;
    is scalar(@lines), 1, '... with one line' or diag $said;
    like $lines[0], qr/^FPMP0685: .*$like.*\(FPMHosts at \S+:1\)$/, '... that says so';
    ok $server->start, '... the server starts' or diag $server->{said};
    is ask('b.test', '/who.php')->{status}, 503, '... and answers 503';
    is slurp("$export/ports"), $text, '... nothing is written over it';
    $server->said(qr/./);
    $server->stop;
}
put("$export/ports", $whole =~ s/sha1=\w+/sha1=-/r);
ok $server->start, 'one that was mended by hand, and says so, is taken';
is body('b.test', '/who.php'), "fpmt_bert\n", '... and serves';
$server->said(qr/./);
$server->stop;

# ---- document roots that are only there ----
mkdir "$dir/there";
$server->configure(hosts() . $server->host('r.test', "DocumentRoot $dir/there/bert", 'FPMUser fpmt_bert hosts=apps root=remote', '<Location /off>', 'FPMUser off', '</Location>')
    . $server->host('n.test', "DocumentRoot $dir/bert", 'FPMUser fpmt_bert hosts=apps')
    . $server->host('g.test', "DocumentRoot $dir/there/bert", 'FPMUser fpmt_gone hosts=apps root=remote'), master => '');
FPMT::Apps::add($server);
($code, $said) = $server->configtest;
is $code, 0, 'configtest of a document root and a user that are not here exits 0' or diag $said;
ok $server->start, 'a server with them starts' or diag $server->{said};
unlike slurp("$export/127.0.0.2/fpmpool-fpmt_gone.conf"), qr/^group/m, 'the group of that user is left to PHP-FPM';
unlink glob "$export/*/fpmpool-fpmt_gone.conf"; # it does not exist over there either
$_->stop for @apps;
@apps = map { FPMT::Apps->new($export, $machines[$_], "$dir/there$_", in => "unshare -m sh -c 'mount --bind $dir $dir/there && exec \"\$\@\"' sh") } 0 .. 1;
$_->start for @apps;
is body('r.test', '/sub/index.php/x?y'), "index of fpmt_bert\n", 'a script that only the machines have runs';
like body('r.test', '/env.php/x/y'), qr{^PATH_INFO=/x/y\n(?:.*\n)*SCRIPT_FILENAME=\Q$dir\E/there/bert/env\.php\n}m, '... with its path and path info' or diag body('r.test', '/env.php/x/y');
is ask('r.test', '/none.php')->{status}, 404, 'one that is nowhere is PHP-FPM\'s 404';
is body('r.test', '/none.php'), "File not found.\n", '... in its own words';
is ask('r.test', $_)->{status}, 404, "$_ is httpd's 404" for qw(/plain.txt /sub/ /who.php.txt /..%2fanna/who.php);
is ask('r.test', '/who.phtml')->{status}, 403, 'another PHP extension is 403';
is ask('r.test', '/off/who.php')->{status}, 404, '... and 404 where a Location says FPMUser off';
is body('n.test', '/who.php'), "fpmt_bert\n", 'the same pool serves a site that is here';
is ask('n.test', '/none.php')->{status}, 404, '... where a missing script is httpd\'s 404';
unlike body('n.test', '/none.php'), qr/File not found/, '... in httpd\'s words';
$server->said(qr/./);
$server->stop;
$_->stop for @apps;

# ---- what is refused at the line ----
sub found {
    my ($site, %without) = @_;
    $server->configure($site, master => '');
    FPMT::Apps::add($server, %without);
    my ($code, $said) = $server->configtest;
    return ($code, grep { /^FPMP/ && !/FPMP0(?:649|69[78])/ } split /\n/, $said);
}
my $one = $server->host('a.test', "DocumentRoot $dir/anna", 'FPMUser fpmt_anna hosts=apps') . $server->host('a2.test', "DocumentRoot $dir/anna", 'FPMUser fpmt_anna hosts=apps');
for my $case (
    [ 'mod_proxy_balancer is not loaded', hosts() . $one, [ proxy_balancer => 1, proxy_hcheck => 1 ], qr/FPMP0682: .*needs mod_proxy_balancer, which is not loaded/ ],
    [ 'mod_proxy_hcheck is not loaded', hosts() . $one, [ proxy_hcheck => 1 ], qr/FPMP0682: .*needs mod_proxy_hcheck/ ],
    [ 'the method is not loaded', hosts('lbmethod=bytraffic') . $one, [], qr/FPMP0682: .*needs mod_lbmethod_bytraffic/ ],
    [ 'mod_proxy refuses a value', hosts('flushpackets=maybe') . $one, [], qr/FPMP0683: .*flushpackets/i ],
) {
    my ($what, $site, $without, $like) = @$case;
    my ($code, @lines) = found($site, @$without);
    is $code, 1, "$what: configtest exits 1";
    is scalar(@lines), 1, '... with one line' or diag join "\n", @lines;
    like $lines[0], $like, '... that names it';
    like $lines[0], qr/\(FPMUser at \S+site\.conf:\d+\)$/, '... at FPMUser';
    cmp_ok length $lines[0], '<', 300, '... in less than 300 bytes';
    ok $server->start, '... the server starts' or diag $server->{said};
    is ask($_, '/who.php')->{status}, 503, "... $_ answers 503" for qw(a.test a2.test);
    $server->said(qr/./);
    $server->stop;
}
done_testing;
