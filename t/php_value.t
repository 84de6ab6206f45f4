# SPDX-License-Identifier: Apache-2.0
#
# Sites that come from mod_php have php_value and php_flag in their .htaccess. httpd answers 500
# as if nobody knew them; with FPMIgnorePHPValue they have no effect and one line of the log says
# it, except that "engine off" still keeps PHP from running. .user.ini does what they did.
use strict;
use warnings;
use FPMT;
use FPMT::Server;
use Test::More;

my $s   = FPMT::Server->new('php-value');
my $dir = $s->{dir};
my $www = "$dir/www";
for my $name ('', qw(/app /app/in /up /up/run /files)) {
    mkdir "$www$name";
    put("$www$name/memory.php", "<?php echo ini_get('memory_limit'), \"\\n\";\n");
    put("$www$name/plain.txt", "plain\n");
}
my $hosts = "<Directory $www>\n    AllowOverride All\n</Directory>\n" . $s->host('a.test', 'FPMUser fpmt_anna "php_value[memory_limit]=33M"')
    . $s->host('b.test', 'FPMUser fpmt_bert') . $s->host('static.test', "DocumentRoot $www")
    . $s->host('nonfatal.test', "Alias /n $www/app", "<Directory $www/app>", 'AllowOverride All Nonfatal=Unknown', '</Directory>', 'FPMUser fpmt_anna');
my $app = "<IfModule mod_php.c>\nphp_value memory_limit 1M\n</IfModule>\n\nphp_value memory_limit 64M\nphp_flag display_errors on\n";
put("$www/app/.htaccess", $app);
put("$www/app/in/.htaccess", "php_value upload_max_filesize 9M\n");
put("$www/app/in/.user.ini", "memory_limit = 77M\n");
put("$www/up/.htaccess", "php_flag engine off\n");
put("$www/up/run/.htaccess", "php_flag engine on\n");
put("$www/files/.htaccess", "<Files memory.php>\nphp_value engine 0\n</Files>\n");

sub status_of { my ($target, $host) = @_; return $s->get($host || 'a.test', $target)->{status} }
sub shown { my ($target, $host) = @_; return $s->get($host || 'a.test', $target)->{body} }

subtest 'without FPMIgnorePHPValue' => sub {
    $s->configure($hosts);
    ok $s->start, 'the server starts' or BAIL_OUT($s->{said} . $s->log);
    $s->said(qr/FPMP0512/);
    is status_of($_), 500, "$_: 500, as httpd answers to what nobody knows" for qw(/app/memory.php /app/plain.txt /up/memory.php);
    my @said = $s->said(qr/Invalid command/);
    is scalar(@said), 3, 'each is said';
    like $said[0], qr{\Q$www\E/app/\.htaccess: Invalid command 'php_value', perhaps misspelled or defined by a module not included in the server configuration; FPMIgnorePHPValue on},
        'in httpd\'s words, with the mend';
    is shown('/memory.php'), "33M\n", 'a setting on FPMUser counts';
    is shown('/n/memory.php', 'nonfatal.test'), "33M\n", 'AllowOverride Nonfatal=Unknown takes it, as what nobody knows';
};

subtest 'with FPMIgnorePHPValue' => sub {
    $s->configure("FPMIgnorePHPValue on\n$hosts");
    ok $s->graceful, 'a reload';
    $s->said(qr/FPMP0/);
    is shown('/app/memory.php'), "33M\n", 'the script runs, the line has no effect' for 1 .. 3;
    is shown('/app/plain.txt'), "plain\n", 'a file that is no PHP is sent';
    is shown('/app/in/memory.php'), "77M\n", 'and .user.ini counts';
    is status_of('/app/plain.txt', 'static.test'), 200, 'in a host without FPMUser too';
    my @said = $s->said(qr/FPMP0|AH0/);
    is scalar(@said), 1, 'one line says so' or diag join "\n", @said;
    like $said[0], qr{FPMP0631: handler: 'php_flag display_errors' at \Q$www\E/app/\.htaccess:6 has no effect under PHP-FPM; write it into \.user\.ini}, 'with the last line of the file';
    like shown('/app/memory.php', 'b.test'), qr/^-?\d/, 'another pool';
    is scalar $s->said(qr/FPMP0631/), 1, 'has a line of its own';
};

subtest 'php_flag engine off' => sub {
    my $r = $s->get('a.test', '/up/memory.php');
    is $r->{status}, 403, 'PHP is refused';
    unlike $r->{body}, qr/ini_get/, 'and not shown';
    is shown('/up/plain.txt'), "plain\n", 'other files are sent';
    is shown('/up/run/memory.php'), "33M\n", 'on turns it on again below';
    is status_of('/files/memory.php'), 403, 'in <Files>, as php_value';
    is status_of('/files/plain.txt'), 200, '... of these files only';
    my @said = $s->said(qr/FPMP0/);
    is scalar(@said), 2, 'each is said' or diag join "\n", @said;
    like $said[0], qr{FPMP0632: handler: '\Q$www\E/up/memory\.php' is a PHP file where PHP is turned off at \Q$www\E/up/\.htaccess:1; take that line out}, 'with its place';
};

subtest 'php_admin_value' => sub {
    put("$www/files/.htaccess", "php_admin_value memory_limit 1G\n");
    is status_of('/files/plain.txt'), 500, 'is not allowed in .htaccess, as with mod_php';
    like(($s->said(qr/php_admin_value/))[0], qr/php_admin_value not allowed here/, 'says httpd');
    for my $word (qw(php_value php_flag php_admin_value php_admin_flag)) {
        $s->configure("FPMIgnorePHPValue on\n$hosts" . $s->host('c.test', "$word memory_limit 64M"));
        my ($code, $said) = $s->configtest;
        is $code, 1, "$word in a host is refused";
        like $said, qr/FPMP0141: $word: mod_php is not loaded; under PHP-FPM write "$word\[memory_limit\]=64M" on the FPMUser line/, 'with the mend';
    }
    $s->configure("FPMIgnorePHPValue on\nFPMIgnorePHPValue off\n$hosts");
    like +($s->configtest)[1], qr/FPMP0110: FPMIgnorePHPValue: it was already given at/, 'FPMIgnorePHPValue stands once';
};

done_testing;
