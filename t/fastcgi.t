# SPDX-License-Identifier: Apache-2.0
#
# via=fastcgi: the chain goes through directives that the module makes for mod_fastcgi, here for
# the stand-in of it. wall.t has the attacks of .htaccess against this end.
use strict;
use warnings;
use FPMT;
use FPMT::Server;
use FPMT::Sites;
use FPMT::Standin;
use Test::More;

my $server = FPMT::Server->new('fastcgi');
my ($dir, $fpm) = @$server{qw(dir fpm)};
my $id = 'fpmpool:one:';

my $sites = FPMT::Sites->new($server,
    'body.php' => '<?php echo $_SERVER["REQUEST_METHOD"], " ", strlen(file_get_contents("php://input"));',
    'ssi.php'  => '<?php echo "it is <!--#include virtual=\"/plain.txt\" -->";');
my $user_of = $sites->{user}; # host -> user

sub site { return $sites->conf(@_) }

sub configure {
    my ($site, %o) = @_;
    $server->configure($site, %o);
    FPMT::Standin::add($server);
}

sub ask { return $sites->ask(@_) }
sub body { return $sites->body(@_) }

# ---- it serves ----
my @more = ('a.test' => [
    'SetEnv APP_ENV prod',
    'RewriteEngine On', 'RewriteRule ^/nice$ /front.php [PT]',
    "<Location /private>", 'AuthType Basic', 'AuthName x', "AuthUserFile $dir/passwords", 'Require valid-user', '</Location>',
    "Alias /private $dir/anna", "<Location /strict>", 'FPMUser fpmt_anna via=fastcgi owner=strict', '</Location>', "Alias /strict $dir/bert",
    "Alias /aliased $dir/anna/sub",
    "Alias /fpmpool-status $dir/anna/who.php", 'RewriteRule ^/fpmpool-status/a/b /front.php/x/b',
]);
configure(site(' via=fastcgi', @more));
my ($code, $said) = $server->configtest;
is $code, 0, 'configtest exits 0' or diag $said;
ok $server->start, 'the server starts' or BAIL_OUT($server->{said} . $server->log);
is scalar $server->said(qr/FPMP0512/), 1, 'and reloads PHP-FPM once';
sub all_serve {
    my ($when) = @_;
    is body($_, '/who.php'), "$user_of->{$_}\n", "$_ runs as $user_of->{$_}$when" for sort keys %$user_of;
}
all_serve('');

# ---- as the native end does ----
my $env = body('a.test', '/env.php/more/x?q=1&r=%20', headers => [ 'Authorization: Basic Z3Vlc3Q6c2VjcmV0', 'Proxy: http://evil.test/' ]);
my %native = (SCRIPT_NAME => '/env.php', SCRIPT_FILENAME => "$dir/anna/env.php", PATH_INFO => '/more/x',
    QUERY_STRING => 'q=1&r=%20', REQUEST_URI => '/env.php/more/x?q=1&r=%20', DOCUMENT_ROOT => "$dir/anna",
    PHP_SELF => '/env.php/more/x', APP_ENV => 'prod', SERVER_NAME => 'a.test', PHP_AUTH_USER => 'guest');
is_deeply { map { $_ => $env =~ /^\Q$_\E=(.*)$/m ? $1 : undef } keys %native }, \%native, 'PHP sees what it sees natively';
unlike $env, qr/^HTTP_PROXY=/m, 'and no HTTP_PROXY';
like body('a.test', '/private/env.php', headers => [ 'Authorization: Basic Z3Vlc3Q6c2VjcmV0' ]), qr/^REMOTE_USER=guest$/m,
    'REMOTE_USER is there where httpd authenticates';
is ask('a.test', '/private/env.php')->{status}, 401, '... and 401 without a password';
is FPMT::http('a.test', 'POST', '/body.php', port => $server->{port}, body => 'x' x 300_000)->{body}, 'POST 300000', 'a body arrives';
is ask('a.test', '/status.php')->{status}, 418, 'a status of the script is kept';
is ask('a.test', '/status.php')->{'h:x-mine'}, 'yes', 'and its headers';
is ask('b.test', '/location.php')->{'h:location'}, '/who.php', 'a Location of the script goes to the client';
is body('a.test', '/sub/'), "index of fpmt_anna\n", 'DirectoryIndex';
is body('a.test', '/aliased/index.php'), "index of fpmt_anna\n", 'Alias';
is body('a.test', '/nice'), 'front /nice', 'a RewriteRule of the host to a script';
is body('b.test', '/page.shtml'), "fpmt_bert\n", 'SSI';
is ask('a.test', '/none.php')->{status}, 404, 'a missing script stays 404';
is body('a.test', '/plain.txt'), 'plain', 'what is no PHP stays httpd\'s';
is FPMT::http('a.test', 'POST', '/body.php', port => $server->{port}, body => 'x', chunked => 1)->{status}, 411,
    'a chunked body is mod_fastcgi\'s 411';

# ---- fail closed ----
for my $case ([ '/who.phtml', 403, 'FPMP0603', 'another PHP extension' ], [ '/off/who.php', 403, 'FPMP0601', 'FPMUser off' ],
    [ '/strict/who.php', 403, 'FPMP0604', 'owner=strict' ],
    (map { [ "/fpmpool-status$_", 403, 'FPMP0700', "pm.status_path$_" ] } '', '/x', '/a/b'),
    [ "/${id}fpmt_anna/who.php", 403, '', 'the made-up URL' ], [ "/${id}fpmt_anna", 403, '', 'its root' ],
    [ "/${id}fpmt_bert/who.php", 404, '', 'the URL of another host' ]) {
    my ($url, $status, $code, $what) = @$case;
    my $r = ask('a.test', $url);
    is $r->{status}, $status, "$what: $status";
    unlike $r->{body}, qr/source\n|fpmt_/, '... and nothing of a script';
    my @lines = $server->said($code ? qr/$code/ : qr/FPMP|AH01630/);
    ok scalar(@lines), "... $code in the log" if $code;
}
my $own = "/${id}fpmt_anna";
for my $case (
    [ 'Action to the URL itself', "AddHandler x .txt\nAction x $own\n", '/plain.txt', 'FPMP0674' ],
    [ 'RewriteRule to it', "RewriteEngine On\nRewriteRule ^go $own/who.php\n", '/go', 'FPMP0674' ],
    [ 'ErrorDocument to it', "ErrorDocument 404 $own/who.php\n", '/none', 'FPMP0674' ],
    [ 'DirectoryIndex to it', "DirectoryIndex $own/who.php\n", '/', 'AH01630' ],
    [ 'FallbackResource to it', "FallbackResource $own/who.php\n", '/none', 'AH01630' ],
    [ 'SSI to it', '', '/evil.shtml', 'AH01630' ],
    [ 'SetEnvIf REDIRECT_STATUS', "SetEnvIf Request_URI . REDIRECT_STATUS=200\n", "$own/who.php", 'AH01630' ],
    [ 'SetHandler by the name of the Action', "SetHandler ${id}fpmt_anna\n", '/plain.txt', 'FPMP0674' ],
) {
    my ($what, $htaccess, $url, $code) = @$case;
    user_file('anna', "$dir/anna/.htaccess", $htaccess);
    user_file('anna', "$dir/anna/evil.shtml", qq(<!--#include virtual="$own/who.php" -->));
    my $r = ask('a.test', $url);
    unlike $r->{body}, qr/fpmt_anna\n/, "$what runs nothing";
    my @lines = $server->said(qr/FPMP|AH|unable to include/);
    ok scalar(grep { /$code/ } @lines), "... $code" or diag "$r->{status} $r->{body}", @lines;
}
user_file('anna', "$dir/anna/.htaccess", "SetEnv PHP_ADMIN_VALUE memory_limit=99M\nSetEnv FROM_HTACCESS yes\nSetEnv REMOTE_USER admin\n");
$env = body('a.test', '/env.php');
like $env, qr/^FROM_HTACCESS=yes$/m, 'SetEnv of a .htaccess arrives';
unlike $env, qr/99M|^REMOTE_USER=/m, 'PHP_ADMIN_VALUE and REMOTE_USER do not';
user_file('anna', "$dir/anna/.htaccess", "Header set X-Site anna\nSetOutputFilter INCLUDES\nLimitRequestBody 9000\nErrorDocument 413 \"too much\"\n");
is_deeply [ @{ ask('a.test', '/ssi.php') }{qw(h:x-site body)} ], [ 'anna', 'it is plain' ],
    'Header and SetOutputFilter of a .htaccess are in force for what a script answers';
is_deeply [ @{ FPMT::http('a.test', 'POST', '/body.php', port => $server->{port}, body => 'x' x 10_000) }{qw(status body)} ], [ 413, 'too much' ],
    'so are LimitRequestBody and ErrorDocument';
unlink "$dir/anna/.htaccess", "$dir/anna/evil.shtml";

# ---- two users in one host ----
$server->stop;
configure($server->host('two.test', "DocumentRoot $dir/anna", 'FPMUser fpmt_anna via=fastcgi', "Alias /bert $dir/bert",
    "<Directory $dir/bert>", 'FPMUser fpmt_bert via=fastcgi', 'AllowOverride All', '</Directory>'));
ok $server->start, 'a host with two users starts' or diag $server->{said};
is body('two.test', '/who.php'), "fpmt_anna\n", 'one runs at its root';
is body('two.test', '/bert/who.php'), "fpmt_bert\n", 'the other one in his directory';
for my $case ([ 'Action', "Action ${id}fpmt_bert ${own}\n", '/bert/who.php' ], [ 'Action to a script', "Action ${id}fpmt_bert $own/bert/who.php\n", '/bert/plain.txt' ],
    [ 'RewriteRule', "RewriteEngine On\nRewriteRule ^who $own/bert/who.php\n", '/bert/who.php' ],
    [ 'SetHandler', "SetHandler ${id}fpmt_anna\n", '/bert/plain.txt' ],
    [ 'SetHandler fastcgi-script', "SetHandler fastcgi-script\n", '/bert/plain.txt' ],
    [ 'ErrorDocument', "ErrorDocument 404 $own/bert/who.php\n", '/bert/none' ]) {
    my ($what, $htaccess, $url) = @$case;
    user_file('bert', "$dir/bert/.htaccess", $htaccess);
    unlike body('two.test', $url), qr/fpmt_anna\n/, "$what of the one does not run as the other";
    $server->said(qr/FPMP0674|AH|FastCGI: invalid/);
}
unlink "$dir/bert/.htaccess";

# ---- the host's rules for URLs do not take a request that has come so far ----
my $rewrites = sub { $server->stop; configure(site(' via=fastcgi', 'a.test' => [ 'RewriteEngine On', @_ ])); return $server->start };
ok $rewrites->('MergeSlashes Off', 'RewriteCond %{IS_SUBREQ} true', 'RewriteRule who\.php$ /env.php [PT]'), 'a host that rewrites sub-requests starts'
    or diag $server->{said};
is body('a.test', $_), "fpmt_anna\n", "and runs the script that was checked: $_" for '/who.php', '//who.php';
for my $case ([ 'rewrites every URL', 'RewriteRule . /front.php' ], [ 'has a front controller', "RewriteCond $dir/anna%{REQUEST_FILENAME} !-f", 'RewriteRule . /front.php' ],
    [ 'has an Alias for every URL', "AliasMatch ^ $dir/anna/front.php" ]) {
    my ($what, @lines) = @$case;
    ok $rewrites->(@lines), "a host that $what starts" or diag $server->{said};
    is body('a.test', '/x'), 'front /x', 'and serves';
}
for my $section (qw(Directory Location)) {
    my ($open, @rules) = ("<$section />", 'RewriteEngine On', 'RewriteRule ^fpm /front.php', "</$section>");
    ok $rewrites->($open, @rules), "a host with a RewriteRule in <$section /> starts" or diag $server->{said};
    is ask('a.test', '/who.php')->{status}, 503, 'its PHP is refused';
    is scalar(grep { /FPMP0675/ } $server->said(qr/FPMP/)), 1, '... with a line that names the rewrite';
    ok $rewrites->($open, 'RewriteRule ^fpmpool: - [L]', @rules), 'it starts with the rule of docs/errors.md' or diag $server->{said};
    is body('a.test', '/who.php'), "fpmt_anna\n", 'and serves';
}
$server->stop;

# ---- restarts ----
configure(site(' via=fastcgi'));
ok $server->start, 'the server starts once more' or diag $server->{said};
for my $round (1 .. 3) {
    ok $server->graceful, "graceful restart $round";
    all_serve(" after graceful restart $round");
}
put("$dir/site.conf", site(' via=fastcgi') . $server->host('c.test', "DocumentRoot $dir/www", 'FPMUser fpmt_carl via=fastcgi')
    . $server->host('n.test', "DocumentRoot $dir/bert", 'FPMUser fpmt_bert via=native'));
my ($before, $made) = ($server->generations, $server->made);
kill USR1 => $server->pid;
ok wait_for(20, sub { $server->generations > $before }), 'a graceful restart with a new host';
is body('c.test', '/who.php'), "fpmt_carl\n", 'which waits for its pool and serves';
ok wait_for(20, sub { $server->made > $made }), '... and the changes are made';
is body('n.test', '/who.php'), "fpmt_bert\n", 'as does a native host of the same user';
my %seen;
for my $host (qw(b.test n.test)) {
    my $text = FPMT::http($host, 'POST', '/env.php/more/x?q=1', port => $server->{port}, body => 'x',
        headers => [ 'Content-Type: text/plain', 'Authorization: Basic Z3Vlc3Q6c2VjcmV0' ])->{body};
    $seen{$host} = { map { /^(\w+)=(.*)/ ? ($1 => $2) : () } grep { !/^(?:HTTP_HOST|SERVER_NAME|REQUEST_TIME|REMOTE_PORT|UNIQUE_ID)/ } split /\n/, $text };
}
my %all = map { %$_ } values %seen;
is_deeply [ sort grep { ($seen{'b.test'}{$_} // '-') ne ($seen{'n.test'}{$_} // '-') } keys %all ],
    [ qw(HANDLER ORIG_PATH_INFO ORIG_PATH_TRANSLATED ORIG_SCRIPT_FILENAME ORIG_SCRIPT_NAME
        REDIRECT_HANDLER REDIRECT_QUERY_STRING REDIRECT_STATUS REDIRECT_URL) ],
    'what PHP sees differs from what it sees natively as docs/variables.md says';
$server->said(qr/./);
$server->stop;

# ---- what is shown ----
($code, $said) = $server->run('-t', '-D', 'DUMP_FPMPOOL');
is $code, 0, 'DUMP_FPMPOOL exits 0' or diag $said;
for my $user (qw(fpmt_anna fpmt_bert)) {
    my $links = <<"LINKS" =~ s/^/      /mgr;
Action $id$user /$id$user
Alias /$id$user /$id$user
<Location /$id$user>
    SetHandler fastcgi-script
    Require env REDIRECT_STATUS
</Location>
FastCgiExternalServer /$id$user -socket @{[ $fpm->socket($user) ]} -idle-timeout 60
LINKS
    my ($chain) = $said =~ /^(\Q$user\E\n(?:  .*\n)*)/m;
    like $chain, qr/^  in force by via=fastcgi.*:\n\Q$links\E/m, "the dump has the links of $user";
    like $chain, qr/^  line +FPMUser \Q$user\E via=fastcgi at /m, '... and via=fastcgi at its line';
}
is_deeply [ $said =~ /(FPMP\d+: \w+: mod_\w+)/g ], [ 'FPMP0649: handler: mod_proxy_fcgi', 'FPMP0652: handler: mod_fastcgi' ],
    'nothing is found but what the modules allow a .htaccess';

# ---- what is shown is what is in force: by hand, without the module, it is the same ----
my %links;
while ($said =~ /^(fpmt_(?:anna|bert))\n.*?in force by via=fastcgi[^\n]*\n((?:      [^\n]*\n)*)/gms) {
    my ($user, $text) = ($1, $2);
    $links{$user} = $text =~ s/^      //mgr;
}
my $by_hand = '';
for my $user (sort keys %links) {
    my $name = $user =~ s/fpmt_//r;
    $links{$user} =~ s/^(FastCgiExternalServer .*\n)//m and $by_hand .= $1;
    $by_hand .= $server->host("$name.hand", "DocumentRoot $dir/$name", "AddHandler $id$user .php", $links{$user});
}
configure($by_hand, master => '');
put("$dir/httpd.conf", slurp("$dir/httpd.conf") =~ s/^LoadModule fpmpool_module .*\n//mr);
ok $server->start, 'httpd starts with the links by hand and without the module' or diag $server->{said};
is body("$_.hand", '/who.php'), "fpmt_$_\n", "... and runs PHP as fpmt_$_" for qw(anna bert);
$server->stop;

# ---- what is refused at the line ----
sub found {
    my ($site, %o) = @_;
    $server->configure($site);
    FPMT::Standin::add($server, $o{load}) if !exists $o{load} || $o{load};
    my ($code, $said) = $server->configtest;
    return ($code, grep { /^FPMP/ } split /\n/, $said);
}
my $actions = FPMT::Standin::load_lines() =~ s/.*fastcgi_module.*\n//r;
my $one = $server->host('a.test', "DocumentRoot $dir/anna", 'FPMUser fpmt_anna via=fastcgi') . $server->host('b.test', "DocumentRoot $dir/bert", 'FPMUser fpmt_bert');
my $at = qr/\(FPMUser at \S+site\.conf:\d+\)$/;
for my $case (
    [ 'mod_fastcgi is not loaded', $one, $actions, qr/FPMP0672: .*needs mod_fastcgi, which is not loaded.*$at/ ],
    [ 'mod_actions is not loaded', $one, FPMT::Standin::load_lines() =~ s/.*actions_module.*\n//r, qr/FPMP0672: .*mod_actions.*$at/ ],
    [ 'its path is taken', "FastCgiExternalServer /${id}fpmt_anna -socket /none\n$one", undef,
        qr/FPMP0673: .*FastCgiExternalServer: redefinition of previously defined class.*$at/ ],
    [ 'a wrapper', "<IfModule fastcgi_module>\nFastCgiWrapper On\n</IfModule>\n$one", undef, qr/FPMP0673: .*: FastCgiWrapper is on.*$at/ ],
    [ 'timeout= on the line', $one =~ s/via=fastcgi/via=fastcgi timeout=9/r, undef, qr/FPMP0671: .*'timeout='.*$at/ ],
    [ 'buffer= on the line', "FPMDefaults via=fastcgi\n" . $one =~ s/via=fastcgi/buffer=9M/r, undef, qr/FPMP0671: .*'buffer='.*$at/ ],
) {
    my ($what, $site, $load, $like) = @$case;
    my ($code, @lines) = found($site, $load ? (load => $load) : ());
    is $code, 1, "$what: configtest exits 1";
    @lines = grep { !/^FPMP04(?:07|13)/ } @lines; # the pool of the case before
    is scalar(@lines), 1, '... with one line' or diag join "\n", @lines;
    like $lines[0], $like, '... at FPMUser';
    cmp_ok length $lines[0], '<', 300, '... in less than 300 bytes';
    ok $server->start, '... the server starts' or diag $server->{said};
    is ask('a.test', '/who.php')->{status}, 503, '... that host answers 503';
    is body('b.test', '/who.php'), "fpmt_bert\n", '... the other one serves';
    $server->said(qr/./);
    $server->stop;
}
$one .= $server->host('a2.test', "DocumentRoot $dir/anna", 'FPMUser fpmt_anna via=fastcgi');
($code, my @lines) = found("FastCgiExternalServer /${id}fpmt_anna -socket /none\n$one");
is scalar(grep { /FPMP0673/ } @lines), 2, 'what is refused is so for each host of the user' or diag join "\n", @lines;
ok $server->start, '... the server starts' or diag $server->{said};
is ask($_, '/who.php')->{status}, 503, "... $_ answers 503" for qw(a.test a2.test);
$server->said(qr/./);
$server->stop;
($code, @lines) = found("fpmpool-links\n$one");
isnt $code, 0, 'the directive of the module itself cannot be written';

# ---- for all hosts, and after it ----
$server->configure($one =~ s/ via=fastcgi//gr . "FPMDefaults via=fastcgi timeout=7\n");
FPMT::Standin::add($server);
ok $server->start, 'the server with FPMDefaults via=fastcgi starts' or diag $server->{said};
all_serve(' by FPMDefaults');
($code, $said) = $server->run('-t', '-D', 'DUMP_FPMPOOL');
is scalar(() = $said =~ /-idle-timeout 7$/mg), 2, 'whose timeout= is -idle-timeout of each pool';
done_testing;
