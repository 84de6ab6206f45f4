# SPDX-License-Identifier: Apache-2.0
#
# docs/examples/wordpress.conf as it stands, with other names: configtest has no remark, one
# index.php answers every URL that is no file, what is uploaded never runs, and what is not for
# visitors is not sent.
use strict;
use warnings;
use FPMT;
use FPMT::Server;
use Test::More;

my $s    = FPMT::Server->new('example');
my $dir  = $s->{dir};
my $home = "$dir/home/david";
my %file = (
    'index.php'                     => "<?php echo 'front ', \$_SERVER['REQUEST_URI'], ' ', get_current_user(), ' ', ini_get('memory_limit'), ' ', ini_get('upload_tmp_dir');",
    'wp-login.php'                  => '<?php echo "login\n";',
    'wp-admin/index.php'            => '<?php echo "admin\n";',
    'wp-config.php'                 => '<?php // password: secret',
    'wp-config.php.bak'             => '<?php // password: secret',
    'wp-content/dump.sql'           => 'password: secret',
    'wp-content/theme.css'          => "a { }\n",
    'wp-content/uploads/photo.jpg'  => "a photo\n",
    'wp-content/uploads/evil.php'   => '<?php echo "secret"; ?>password: secret',
    'wp-content/uploads/evil.phtml' => '<?php echo "secret"; ?>password: secret',
    'wp-content/uploads/.htaccess'  => "AddHandler x .jpg\nFPMUser fpmt_anna\n",
    '.user.ini'                     => "password = secret\n",
    '.git/config'                   => 'password: secret',
    '.well-known/acme'              => "token\n",
    '.htaccess'                     => <<'RULES',
RewriteEngine On
RewriteBase /
RewriteRule ^index\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /index.php [L]
RULES
);

# The commands of docs/wordpress.md.
sub shell { system(@_) == 0 or die "@_: exit $?\n" }
shell(qw(install -d -m 0711), "$dir/home", $home);
shell(qw(install -d -o fpmt_anna -g fpmt_anna -m 0755), map { "$home/www$_" } '', qw(/wp-admin /wp-content /wp-content/uploads /.git /.well-known));
shell(qw(install -d -o fpmt_anna -g fpmt_anna -m 0700), "$home/tmp");
put("$home/www/$_", $file{$_}) for sort keys %file;
shell('chown', '-R', 'fpmt_anna:fpmt_anna', "$home/www");

my $conf = slurp(setting('t') . '/../docs/examples/wordpress.conf') or BAIL_OUT('the example is not there');
$conf =~ s/\*:80\b/*:$s->{port}/;
$conf =~ s/FPMUser david\b/FPMUser fpmt_anna/g;
$conf =~ s{/home/david\b}{$home}g;
$s->configure($conf);

sub seen { my ($target) = @_; my $r = $s->get('david.example', $target); return $r->{status} == 200 ? $r->{body} : $r->{status} }

subtest 'configtest' => sub {
    my ($code, $said) = $s->configtest;
    is $code, 0, 'passes';
    # FPMP0407: it will be written. FPMP0649: the frame of these tests loads mod_proxy_fcgi.
    my @said = grep { /^FPMP/ && !/^FPMP(?:0407|0649)/ } split /\n/, $said;
    is_deeply \@said, [], 'and remarks nothing but the pool file that it will write';
    ok $s->start, 'the server starts' or BAIL_OUT($s->{said} . $s->log);
    $s->said(qr/FPMP05/);
};

subtest 'the application' => sub {
    is seen('/'), "front / fpmt_anna 256M $home/tmp", 'the front page, as its user, with its settings';
    is seen('/2026/11/a-title/?p=1'), "front /2026/11/a-title/?p=1 fpmt_anna 256M $home/tmp", 'a permanent link';
    is seen('/wp-login.php'), "login\n", 'a script';
    is seen('/wp-admin/'), "admin\n", 'a directory with an index.php';
    is seen('/wp-content/theme.css'), "a { }\n", 'a file';
    like seen('/missing.php'), qr/^front \/missing\.php/, 'a script that does not exist is the application\'s 404';
};

subtest 'uploads' => sub {
    is seen('/wp-content/uploads/photo.jpg'), "a photo\n", 'a picture is sent';
    is seen("/wp-content/uploads/$_"), 403, "$_ is refused" for qw(evil.php evil.phtml evil.php/x);
    cmp_ok scalar $s->said(qr/FPMP0601/), '>=', 3, 'and the log says why';
};

subtest 'not for visitors' => sub {
    is seen("/$_"), 403, $_ for qw(wp-config.php wp-config.php.bak wp-content/dump.sql .user.ini .htaccess .git/config);
    is seen('/.well-known/acme'), "token\n", 'but .well-known is';
    $s->said(qr/AH01630/);
};

done_testing;
