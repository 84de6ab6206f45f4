# SPDX-License-Identifier: Apache-2.0
#
# Two users with every right that .htaccess can give (AllowOverride All); bert attacks anna, the
# www pool that runs as httpd's own user, and the server. Each attack is tried against the
# module, against the module beside mod_proxy_fcgi, against via=fastcgi, and against a chain
# written by hand. The
# module has to stop all; what the chain by hand lets through is the table of docs/security.md.
use strict;
use warnings;
use FPMT;
use FPMT::Server;
use FPMT::Standin;
use IO::Socket::INET;
use Test::More;

my $code = q(<?php echo 'ran as ', posix_getpwuid(posix_geteuid())['name'], "\n");
my $web  = setting('user');

# ---- three servers ----
sub server_of {
    my ($kind) = @_;
    my $s = FPMT::Server->new("wall-$kind", no_fpm => 1);
    my ($dir, $fpm) = @$s{qw(dir fpm)};
    for my $name (qw(anna bert)) {
        mkdir "$dir/$name";
        chmod 0755, "$dir/$name";
        chown((getpwnam "fpmt_$name")[2, 3], "$dir/$name");
        user_file($name, "$dir/$name/who.php", "$code;");
        user_file($name, "$dir/$name/secret.php", "<?php \$password = '$name-secret';\n", 0600);
        user_file($name, "$dir/$name/open.php", "<?php \$password = '$name-open';\n");
        $fpm->pool_by_hand($name, "fpmt_$name", $web) if $kind eq 'hand';
    }
    $fpm->pool_by_hand('www', $web, $web);
    put("$fpm->{dir}/pool.d/www.conf", slurp("$fpm->{dir}/pool.d/www.conf") . "security.limit_extensions =\n");
    $fpm->pool_by_hand('port', $web, $web);
    my $free = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "no free port: $!\n";
    $s->{pool_port} = $free->sockport;
    close $free;
    put("$fpm->{dir}/pool.d/port.conf", slurp("$fpm->{dir}/pool.d/port.conf") =~ s/^listen = .*/listen = 127.0.0.1:$s->{pool_port}/mr);
    # What a distribution has for the whole server.
    my $site = qq(<FilesMatch "\\.ph(?:ar|p|tml)\$">\n    SetHandler "proxy:unix:$fpm->{dir}/run/www.sock|fcgi://localhost"\n</FilesMatch>\n);
    # And what an administrator may have for other hosts.
    $site .= qq(<Proxy "unix:$fpm->{dir}/run/www.sock|fcgi://shared">\n    ProxySet timeout=9\n</Proxy>\n)
        . qq(<Proxy "balancer://pools">\n    BalancerMember "fcgi://127.0.0.1:$s->{pool_port}"\n</Proxy>\n);
    $site = "SetHandler none\n" if $kind eq 'alone';
    for my $name (qw(anna bert)) {
        my $via = $kind eq 'fastcgi' ? ' via=fastcgi' : '';
        my @php = $kind eq 'hand'
            ? ('<FilesMatch "\.php$">', qq(SetHandler "proxy:unix:$fpm->{dir}/run/$name.sock|fcgi://$name"), '</FilesMatch>')
            : ("FPMUser fpmt_$name$via php_admin_value[memory_limit]=77M owner=strict");
        $site .= $s->host("$name.test", "DocumentRoot $dir/$name", @php, "<Directory $dir/$name>",
            'AllowOverride All', '</Directory>');
    }
    $fpm->start;
    $s->configure($site);
    my $more = join '', map { -e setting('libexec') . "/mod_$_.so" ? "LoadModule ${_}_module " . setting('libexec') . "/mod_$_.so\n" : '' }
        qw(negotiation actions slotmem_shm proxy_balancer lbmethod_byrequests);
    put("$dir/httpd.conf", slurp("$dir/httpd.conf") =~ s/^ServerRoot /${more}ServerRoot /mr);
    put("$dir/httpd.conf", slurp("$dir/httpd.conf") =~ s/^LoadModule (?:proxy|lbmethod)\w* .*\n//mgr) if $kind eq 'alone';
    FPMT::Standin::add($s, FPMT::Standin::load_lines() =~ s/.*actions_module.*\n//r) if $kind eq 'fastcgi';
    ok $s->start, "$kind: the server starts" or BAIL_OUT($s->{said} . $s->log);
    $s->{kind} = $kind;
    $s->{sock} = $kind eq 'hand' ? "$fpm->{dir}/run/anna.sock" : $fpm->socket('fpmt_anna');
    $s->{www}  = "$fpm->{dir}/run/www.sock";
    return $s;
}

# ---- the attacks ----
# name, .htaccess of bert (with @SOCK@ anna's socket, @WWW@ the www pool's, @DIR@ bert's folder),
# URL, what shows that it succeeded. "files" are bert's files beside it.
my $other = qr/ran as (?:fpmt_anna|\Q$web\E)/;
my $source = qr/posix_geteuid/;
my $target = '"proxy:unix:@SOCK@|fcgi://localhost"';
my $named = "<IfModule mod_proxy_fcgi.c>\nProxyFCGISetEnvIf true SCRIPT_FILENAME \"\@DIR@/x.php\"\n</IfModule>\n";
my $ran = qr/ran as \w/;
sub handler { return qq(<FilesMatch "\\.ph">\n    SetHandler $_[0]\n</FilesMatch>\n) }
my @attacks = (
    [ 'SetHandler to another\'s socket', handler($target), '/who.php', $other ],
    [ 'SetHandler to another\'s socket, .phar', handler($target), '/x.phar', $other ],
    [ 'the same in capitals', handler('"proxy:UNIX:@SOCK@|FCGI://localhost"'), '/x.phar', $other ],
    [ 'the same by //', handler('"proxy:unix:/@SOCK@|fcgi://localhost"'), '/x.phar', $other ],
    [ 'the same by a link', handler('"proxy:unix:@DIR@/link.sock|fcgi://localhost"'), '/x.phar', $other ],
    [ 'the same for a file of another name', "SetHandler $target\n", '/x.txt', $other ],
    [ 'AddHandler to another\'s socket', "AddHandler $target .phar\n", '/x.phar', $other ],
    [ 'AddType with another\'s socket', "AddType $target .phar\n", '/x.phar', $other ],
    [ 'AddType with another\'s socket, .txt', "AddType $target .txt\n$named", '/x.txt', $other ],
    [ 'ForceType with another\'s socket', "ForceType $target\n$named", '/x.txt', $other ],
    [ 'the same with a parameter', qq(ForceType "proxy:unix:\@SOCK@|fcgi://localhost ; a=b"\n$named), '/x.txt', $other ],
    [ 'the same by MultiViews', "Options +MultiViews\nAddType $target .txt\n$named", '/pick', $other,
        files => { 'pick.txt' => '' } ],
    [ 'the same by DirectoryIndex', "DirectoryIndex x.txt\nForceType $target\n$named", '/', $other ],
    [ 'RewriteRule [T=] to another\'s socket',
        "RewriteEngine On\nRewriteRule ^x - \"[T=proxy:unix:\@SOCK@|fcgi://localhost]\"\n$named", '/x.txt', $other ],
    [ 'ForceType with the www pool', qq(ForceType "proxy:unix:\@WWW@|fcgi://localhost"\n), '/x.txt', $other ],
    [ 'RewriteRule [P] to another\'s socket',
        "RewriteEngine On\nRewriteRule ^who \"unix:\@SOCK@|fcgi://x\@DIR@/who.php\" [P]\n", '/who.php', $other ],
    [ 'RewriteRule [H=] to another\'s socket',
        "RewriteEngine On\nRewriteRule ^x - \"[H=proxy:unix:\@SOCK@|fcgi://localhost]\"\n", '/x.phar', $other ],
    [ 'SetHandler by an expression', "<If \"true\">\nSetHandler $target\n</If>\n", '/x.phar', $other ],
    [ 'SetHandler to the www pool', handler('"proxy:unix:@WWW@|fcgi://localhost"'), '/who.php', $other ],
    [ 'the same, .phar', handler('"proxy:unix:@WWW@|fcgi://localhost"'), '/x.phar', $other ],
    [ 'the same, a file of another name', "SetHandler \"proxy:unix:\@WWW@|fcgi://localhost\"\n", '/x.txt', $other ],
    [ 'RewriteRule [P] to the www pool',
        "RewriteEngine On\nRewriteRule ^who \"unix:\@WWW@|fcgi://localhost\@DIR@/who.php\" [P]\n", '/who.php', $other ],
    [ 'SetHandler to a pool on a port', handler('"proxy:fcgi://127.0.0.1:@PORT@"'), '/who.php', $other ],
    [ 'SetHandler to a worker by its name', handler('"proxy:unix:/none|fcgi://shared"'), '/who.php', $other ],
    [ 'SetHandler to a balancer', handler('"proxy:balancer://pools"'), '/who.php', $other ],
    [ 'SetHandler to a balancer by user@', "SetHandler proxy:balancer://u\@pools\n$named", '/x.txt', $other ],
    [ 'SetHandler to a balancer by a@b@', "SetHandler proxy:balancer://a\@b\@pools\n$named", '/x.txt', $other ],
    [ 'SetHandler to a balancer by a port', "SetHandler proxy:balancer://pools:80\n$named", '/x.txt', $other ],
    [ 'a handler inherited from the server', '', '/x.phtml', $other ],
    [ 'ErrorDocument to the handler', "ErrorDocument 404 /x.phar\n" . handler($target), '/none', $other ],
    [ 'DirectoryIndex to the handler', "DirectoryIndex x.phar\n" . handler($target), '/', $other ],
    [ 'FallbackResource to the handler', "FallbackResource /x.phar\n" . handler($target), '/none', $other ],
    [ 'ProxyFCGISetEnvIf names the script',
        "SetHandler $target\nProxyFCGISetEnvIf true SCRIPT_FILENAME \"\@DIR@/x.php\"\n", '/x.txt', $other ],
    [ 'FPMUser in .htaccess', "FPMUser fpmt_anna\n", '/who.php', $other ],
    [ 'a script\'s Location to the handler', "<Files x.phar>\nSetHandler $target\n</Files>\n", '/location.php', $other,
        files => { 'location.php' => '<?php header("Location: /x.phar");' } ],
    [ 'a script\'s Content-Type and Location', '', '/type.php', $other,
        files => { 'type.php' => '<?php header("Content-Type: proxy:unix:@SOCK@|fcgi://localhost@DIR@/x.phar"); header("Location: /x.phar");' } ],

    [ 'SetEnv PHP_ADMIN_VALUE', "SetEnv PHP_ADMIN_VALUE \"memory_limit=99M\"\n", '/limit.php', qr/limit 99M/ ],
    [ 'SetEnv PHP_VALUE', "SetEnv PHP_VALUE \"auto_prepend_file=\@DIR@/x.txt\"\n", '/limit.php', $ran ],
    [ 'SetEnvIf PHP_ADMIN_VALUE', "SetEnvIf Request_URI . PHP_ADMIN_VALUE=memory_limit=99M\n", '/limit.php', qr/limit 99M/ ],
    [ 'RewriteRule [E=PHP_ADMIN_VALUE]',
        "RewriteEngine On\nRewriteRule . - [E=PHP_ADMIN_VALUE:memory_limit=99M]\n", '/limit.php', qr/limit 99M/ ],
    # Each with a limit of its own, since a child of PHP-FPM keeps the one before.
    [ 'SetEnv PHP-ADMIN-VALUE', "SetEnv PHP-ADMIN-VALUE memory_limit=98M\n", '/limit.php', qr/limit 98M/ ],
    [ 'SetEnv with a name that has =', "SetEnv PHP_ADMIN_VALUE=memory_limit=97M; x\n", '/limit.php', qr/limit 97M/ ],
    [ 'the same before an internal redirect',
        "RewriteEngine On\nRewriteRule ^go\$ /limit.php [E=PHP_ADMIN_VALUE:memory_limit=96M]\n", '/go', qr/limit 96M/ ],
    [ 'SetEnv SCRIPT_FILENAME', "SetEnv SCRIPT_FILENAME \@DIR@/env.php\n", '/limit.php?OTHER', qr/OTHER=/ ],
    [ 'SetEnv REMOTE_USER', "SetEnv REMOTE_USER admin\n", '/env.php?REMOTE_USER', qr/=admin/ ],
    [ 'SetEnv REMOTE.USER', "SetEnv REMOTE.USER admin\n", '/env.php?REMOTE_USER', qr/=admin/ ],
    [ 'SetEnv with a blank before REMOTE_USER', "SetEnv \" REMOTE_USER\" admin\n", '/env.php?REMOTE_USER', qr/=admin/ ],
    [ 'SetEnv REMOTE_USER[]', "SetEnv REMOTE_USER[] admin\n", '/env.php?REMOTE_USER', qr/=Array/ ],
    [ 'SetEnv DOCUMENT_ROOT', "SetEnv DOCUMENT_ROOT /etc\n", '/env.php?DOCUMENT_ROOT', qr/=\/etc$/m ],
    [ 'SetEnv REMOTE_ADDR', "SetEnv REMOTE_ADDR 10.9.9.9\n", '/env.php?REMOTE_ADDR', qr/=10\.9/ ],
    [ 'SetEnv HTTPS', "SetEnv HTTPS on\n", '/env.php?HTTPS', qr/=on/, border => 1 ],
    [ 'the header Proxy', '', '/env.php?HTTP_PROXY', qr/=http:/, headers => [ 'Proxy: http://evil.test/' ] ],
    [ 'RequestHeader Proxy', "RequestHeader set Proxy http://evil.test/\n", '/env.php?HTTP_PROXY', qr/=http:/ ],

    [ 'source by RemoveHandler', "RemoveHandler .php\nRemoveType .php\n", '/who.php', $source ],
    [ 'source by SetHandler default-handler', "SetHandler default-handler\n", '/who.php', $source ],
    [ 'source by SetHandler none', "SetHandler none\n", '/who.php', $source ],
    [ 'source by ForceType', "ForceType text/plain\n", '/who.php', $source ],
    [ 'source by RewriteRule [H=]', "RewriteEngine On\nRewriteRule ^who - [H=default-handler]\n", '/who.php', $source ],
    [ 'source by RewriteRule [T=]', "RewriteEngine On\nRewriteRule ^who - [T=text/plain]\n", '/who.php', $source ],
    [ 'source by a range', '', '/who.php', $source, headers => [ 'Range: bytes=0-200' ] ],
    [ 'source of .PHP', '', '/x.PHP', $source ],
    [ 'source of .phtml', '', '/x.phtml', $source ],
    [ 'source by //', '', '//who.php', $source ],
    [ 'source by a dot behind', '', '/who.php.', $source ],
    [ 'source by a slash behind', '', '/who.php/', $source ],
    [ 'source by a blank behind', '', '/who.php%20', $source ],
    [ 'source by a newline behind', '', '/who.php%0a', $source ],
    [ 'source by a NUL behind', '', '/who.php%00', $source ],
    [ 'source by a question mark', '', '/who.php%3f', $source ],
    [ 'source of the name .php', '', '/.php', $source ],
    [ 'source by MultiViews', "Options +MultiViews\n", '/who', $source ],
    [ 'source by SSI', "Options +Includes\nAddOutputFilter INCLUDES .shtml\n", '/inc.shtml', $source,
        files => { 'inc.shtml' => '<!--#include virtual="/who.php" -->' } ],
    [ 'source by PROPFIND', '', '/who.php', $source, method => 'PROPFIND' ],
    [ 'a picture runs behind its path', '', '/x.txt/y.php', $ran ],
    [ 'x.php.jpg runs', "AddHandler php-script .php\n", '/x.php.jpg', $ran ],
    [ 'a newline name runs', '', '/x.php%0a', $ran ],
    [ 'PATH_INFO with a newline', '', '/env.php/a%0ab?PATH_INFO', qr{=/a\nb} ],
    [ 'PATH_INFO with an escape character', '', '/env.php/a%1bb?PATH_INFO', qr{=/a\x1bb} ],
    [ 'PATH_INFO with a newline by RewriteRule',
        "RewriteEngine On\nRewriteRule (?s)^go/(.*) /env.php/\$1\n", '/go/a%0ab?PATH_INFO', qr{=/a\nb} ],
    [ 'another\'s script through a link', "Options FollowSymLinks\n", '/link.php', $ran ],
    [ 'another\'s file of mode 0600 through a link', "Options FollowSymLinks\n", '/closed.txt', qr/anna-secret/ ],
    [ 'another\'s file of mode 0644 through a link', "Options FollowSymLinks\n", '/open.txt', qr/anna-open/, border => 1 ],
);

my $evil = "$code;";
my %always = (
    'x.txt' => $evil, 'x.phar' => $evil, 'x.phtml' => $evil, 'x.PHP' => $evil, 'x.php.jpg' => $evil, 'x.php' => $evil,
    '.php' => $evil, "x.php\n" => $evil, 'who.php' => $evil,
    'limit.php' => '<?php echo "limit ", ini_get("memory_limit"), "\n";',
    'env.php' => '<?php $n = $_SERVER["QUERY_STRING"]; echo $n, "=", $_SERVER[$n] ?? "", "\n";',
);

sub attempt {
    my ($s, $attack) = @_;
    my ($name, $htaccess, $url, $success, %o) = @$attack;
    my $dir = "$s->{dir}/bert";
    my %fill = (SOCK => $s->{sock}, WWW => $s->{www}, DIR => $dir, PORT => $s->{pool_port});
    my %files = (%always, %{ $o{files} // {} }, '.htaccess' => $htaccess);
    for my $file (sort keys %files) {
        my $text = $files{$file} =~ s/\@(SOCK|WWW|DIR|PORT)@/$fill{$1}/gr;
        user_file('bert', "$dir/$file", $text);
    }
    my %links = ('link.sock' => $s->{sock}, 'link.php' => "$s->{dir}/anna/who.php",
        'closed.txt' => "$s->{dir}/anna/secret.php", 'open.txt' => "$s->{dir}/anna/open.php");
    symlink $links{$_}, "$dir/$_" for keys %links;
    my $r = FPMT::http('bert.test', $o{method} // 'GET', $url, port => $s->{port}, headers => $o{headers} // []);
    $s->said(qr/./);
    unlink map { "$dir/$_" } keys %files, keys %links;
    return ($r->{body} // '') =~ $success ? 'succeeds' : 'stopped';
}

my %result;
for my $kind (qw(alone beside fastcgi hand)) {
    my $s = server_of($kind);
    for my $attack (@attacks) {
        my $seen = $result{ $attack->[0] }{$kind} = attempt($s, $attack);
        next if $kind eq 'hand';
        my %o = @$attack[ 4 .. $#$attack ];
        is $seen, $o{border} ? 'succeeds' : 'stopped', "$kind: $attack->[0]";
    }
    is $s->get('anna.test')->{body}, "ran as fpmt_anna\n", "$kind: anna's own site serves";
    $s->said(qr/./);
    $s->stop;
    $s->{fpm}->stop;
}

# ---- the table of the manual ----
my $table = "| Attack | mod_fpmpool | by hand |\n|---|---|---|\n" . join '',
    map { "| $_->[0] | $result{$_->[0]}{beside} | $result{$_->[0]}{hand} |\n" } @attacks;
cmp_ok scalar(grep { $_->{hand} eq 'succeeds' } values %result), '>=', 10, 'the attacks are real: a chain by hand lets them through';
my $page = setting('t') . '/../docs/security.md';
my $text = slurp($page) // '';
put($page, $text =~ s/(<!-- wall\.t -->\n).*?(<!-- end -->)/$1$table$2/sr) if $ENV{FPMT_ACCEPT};
is $text =~ /<!-- wall\.t -->\n(.*?)<!-- end -->/s ? $1 : '', $table, 'docs/security.md says what was seen';
done_testing;
