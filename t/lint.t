# SPDX-License-Identifier: Apache-2.0
#
# -D FPMPOOL_LINT: the line that it prints for a chain written by hand does what the chain
# did, and the long form that DUMP_FPMPOOL prints for a line leads back to that line.
use strict;
use warnings;
use FPMT;
use FPMT::Fpm;
use FPMT::Server;
use Test::More;

# The one FPMUser line of a report.
sub line_of { return $_[0] =~ /^  write +(FPMUser .*)$/m ? $1 : '' }

# ---- a chain by hand, then the line in its place ----
my $server = FPMT::Server->new('lint', no_fpm => 1);
my $dir    = $server->{dir};
my $fpm    = $server->{fpm};
put("$dir/www/what.php", <<'PHP');
<?php
foreach (['memory_limit', 'sendmail_path', 'display_errors', 'log_errors', 'upload_tmp_dir'] as $key) {
    echo "$key=", var_export(ini_get($key), true), "\n";
}
ini_set('memory_limit', '33M');
ini_set('display_errors', '0');
echo ini_get('memory_limit'), ' ', ini_get('display_errors'), "\n";
echo posix_getpwuid(posix_geteuid())['name'], ' ', posix_getgrgid(posix_getegid())['name'], ' ', getcwd(), "\n";
echo getenv('APP_ENV'), '|', getenv('FPMT_ALL'), '|', $_SERVER['SCRIPT_FILENAME'], "\n";
PHP
put("$dir/www/what.phtml", '<?php echo "phtml as ", posix_getpwuid(posix_geteuid())["name"], "\n";');
put("$dir/www/what.txt", 'text');
$fpm->pool_by_hand('site', 'fpmt_anna', setting('user'));
put("$fpm->{dir}/pool.d/site.conf", slurp("$fpm->{dir}/pool.d/site.conf") . <<"FPM");
group = fpmt_bert
security.limit_extensions = .php .phtml
request_terminate_timeout = 2m
clear_env = no
chdir = $dir
env[APP_ENV] = prod
php_admin_value[memory_limit] = 77M
php_admin_value[sendmail_path] = "/usr/sbin/sendmail -t -i -f a\@a.test"
php_flag[display_errors] = on
php_admin_flag[log_errors] = off
php_value[upload_tmp_dir] = $dir/www
FPM
my @by_hand = ('<FilesMatch "\.ph(p|tml)$">',
    qq(    SetHandler "proxy:unix:$fpm->{dir}/run/site.sock|fcgi://site"), '</FilesMatch>');
$ENV{FPMT_ALL} = 'of the master';
$fpm->start;
$server->configure($server->host('a.test', "DocumentRoot $dir/www", @by_hand));
ok $server->start, 'the server with the chain by hand starts' or diag $server->{said};

sub answers { return map { join ' ', @{ $server->get('a.test', $_) }{qw(status body)} } qw(/what.php /what.phtml /what.txt /none.php) }
my @before = answers();
like $before[0], qr/fpmt_anna fpmt_bert \Q$dir\E\/www\nprod\|of the master\|/, 'the chain by hand serves as its user';
is scalar $server->said(qr/AH01071/), 1, 'but hands PHP-FPM a script that is missing';
$server->stop;

my ($code, $said) = $server->run('-t', '-D', 'FPMPOOL_LINT');
is $code, 0, 'the lint finds it whole' or diag $said;
my $line = line_of($said);
like $line, qr/^FPMUser fpmt_anna:fpmt_bert ext=php,phtml /, 'and prints a line' or diag $said;
like $said, qr/^  instead of +\Q$fpm->{dir}\E\/pool\.d\/site\.conf, the whole file: \[site\]$/m, 'it names the pool file';
my ($section) = $said =~ /^  instead of +\S+site\.conf:(\d+) <FilesMatch/m;
like((split /\n/, slurp("$dir/site.conf"))[ $section - 1 ], qr/FilesMatch/, 'and the section');

unlink "$fpm->{dir}/pool.d/site.conf";
$server->configure($server->host('a.test', "DocumentRoot $dir/www", $line));
ok $server->start, 'the server with that line starts' or diag $server->{said};
my @after = answers();
is $after[$_], $before[$_], "answer $_ is the same" for 0 .. 2;
is substr($after[3], 0, 3), '404', 'a script that is missing is not found by httpd';
is scalar(grep { /fpmt_anna/ } @after), 2, 'as the same user';
$server->said(qr/FPMP0512/);
$server->stop;

# ---- the long forms lead back to the line ----
my $settings = 'ext=php,phtml timeout=40 pm=dynamic pm.max_children=9 pm.start_servers=2 '
    . 'pm.min_spare_servers=1 pm.max_spare_servers=3 pm.max_requests=70 request_terminate_timeout=30s '
    . 'rlimit_files=500 clear_env=no env[A]=b "php_value[date.timezone]=Europe/Zurich" '
    . 'php_flag[short_open_tag]=yes "php_admin_value[sendmail_path]=/usr/sbin/sendmail -t" '
    . 'php_admin_flag[log_errors]=no';
my $wanted = "FPMUser fpmt_bert $settings";
$wanted =~ s/"(php_value\[date.timezone\]=\S+)"/$1/;
$server->configure($server->host('b.test', "DocumentRoot $dir/www", "FPMUser fpmt_bert $settings"));
($code, $said) = $server->run('-t', '-D', 'DUMP_FPMPOOL');
is $code, 0, 'DUMP_FPMPOOL prints the long forms' or diag $said;
my %form;
@form{qw(proxy fastcgi pool)} = $said =~ /with mod_proxy_fcgi:\n(.*?)^  or with mod_fastcgi[^\n]*\n(.*?)^  and in a pool[^\n]*\n(.*?)(?=^\S|\z)/ms;
$form{pool} =~ s/^ {6}//mg;
my $owner = (getpwnam 'fpmt_bert')[2];
chown $owner, -1, "$dir/www";
unlink glob "$fpm->{dir}/pool.d/fpmpool-*";
put("$fpm->{dir}/pool.d/long.conf", $form{pool});
for my $kind (qw(proxy fastcgi)) {
    put("$dir/lint.conf", $server->host('b.test', "DocumentRoot $dir/www", $form{$kind}));
    $server->configure($server->host('c.test', "DocumentRoot $dir/www"));
    ($code, $said) = $server->run('-t', '-D', "FPMPOOL_LINT=$dir/lint.conf");
    is $code, 0, "the long form over $kind is whole" or diag $said;
    is line_of($said), $wanted, "and leads back to the line it was made of" or diag $said;
    is scalar(() = $said =~ /^  instead of/mg), scalar(() = $form{$kind} =~ /^ {6}[A-Z]|^ {6}<\w/mg) + 1,
        'it takes out each line of it';
}

# ---- several masters: php= is written where it is needed ----
my $second = FPMT::Fpm->make("$dir/second");
$second->pool_by_hand('site', 'fpmt_bert', setting('user'));
put("$dir/lint.conf", $server->host('b.test', "DocumentRoot $dir/www", '<FilesMatch "\.php$">',
    qq(    SetHandler "proxy:unix:$second->{dir}/run/site.sock|fcgi://b"), '</FilesMatch>'));
$server->configure('', master => $fpm->directive('one') . $second->directive('two'));
($code, $said) = $server->run('-t', '-D', "FPMPOOL_LINT=$dir/lint.conf");
like line_of($said), qr/^FPMUser fpmt_bert php=two /, 'the second master is named' or diag $said;

# ---- an ordinary user may lint what he may read ----
my $out = "$dir/as_user.out";
chmod 0755, $dir;
system(join ' ', 'su -s /bin/sh fpmt_anna -c "', (map { "'$_'" } $server->command('-t', '-D', "FPMPOOL_LINT=$dir/lint.conf")),
    qq(" >$out 2>&1));
like slurp($out), qr/^  write +FPMUser fpmt_bert php=two /m, 'an ordinary user gets the line too' or diag slurp($out);

# ---- and is told what he could not look at ----
chmod 0600, "$second->{dir}/pool.d/site.conf";
system(join ' ', 'su -s /bin/sh fpmt_anna -c "', (map { "'$_'" } $server->command('-t', '-D', "FPMPOOL_LINT=$dir/lint.conf")),
    qq(" >$out 2>&1));
like slurp($out), qr/^FPMP0137: .*\Q$second->{dir}\E\/pool\.d\/site\.conf', which could not be read: Permission denied; run this command as root /m,
    'and which file he may not read' or diag slurp($out);

done_testing;
