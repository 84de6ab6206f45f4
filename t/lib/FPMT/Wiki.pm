# SPDX-License-Identifier: Apache-2.0
#
# DokuWiki as Debian ships it, downloaded, unpacked and set up in a folder, for app.t and for
# bench/. It needs no test environment. FPMT_CACHE keeps the downloaded packages.
package FPMT::Wiki;

use strict;
use warnings;
use File::Path qw(make_path);
use FPMT::Process;

my @packages = qw(dokuwiki php-geshi php-phpseclib libphp-simplepie);
my $cache = $ENV{FPMT_CACHE} || '/var/cache/mod_fpmpool_tests';

*slurp = \&FPMT::Process::slurp;
*put   = \&FPMT::Process::put;

# Where the wiki's own files are below the folder.
sub share { return "$_[0]/usr/share/dokuwiki" }
sub data  { return "$_[0]/var/lib/dokuwiki/data" }

# Unpacks the packages into the folder. Returns what went wrong, or undef.
sub unpack_into {
    my ($root) = @_;
    make_path($cache, $root);
    my $missing = sub { return grep { my $p = $_; !(() = glob "$cache/${p}_*.deb") } @packages };
    for my $before ('true', 'apt-get update') {
        last if !$missing->();
        system("$before >$cache/log 2>&1; cd $cache && apt-get download @{[$missing->()]} >>$cache/log 2>&1");
    }
    my @left = $missing->();
    return "no package of @left: " . slurp("$cache/log") if @left;
    for my $package (@packages) {
        my ($deb) = sort glob "$cache/${package}_*.deb";
        system('dpkg', '-x', $deb, $root) == 0 or return "dpkg -x $deb: exit $?";
    }
    return;
}

# The package expects to lie at /: its two absolute links and its configuration are told where it
# lies instead; no file of it is changed. Its data belong to owner.
sub set_up {
    my ($root, $owner) = @_;
    my $share = share($root);
    for my $link (qw(plugins tpl)) {
        unlink "$share/lib/$link";
        symlink "$root/var/lib/dokuwiki/lib/$link", "$share/lib/$link" or die "$link: $!\n";
    }
    put("$root/prepend.php", <<"PHP");
<?php
define('DOKU_MAIN_CONF', '$root/etc/dokuwiki/');
define('DOKU_CONF', '$root/etc/dokuwiki/');
\$GLOBALS['__composer_autoload_files']['decc78cc4436b1292c6c0d151b19445c'] = true; // phpseclib's bootstrap in /usr
spl_autoload_register(function (\$class) {
    \$at = ['GeSHi' => 'php-geshi/geshi.php', 'SimplePie' => 'php/simplepie/simplepie.inc'];
    \$file = '$root/usr/share/' . (\$at[\$class] ?? 'php/' . strtr(\$class, '\\\\', '/') . '.php');
    if (is_file(\$file)) {
        require \$file;
    }
});
PHP
    put("$share/.user.ini", "auto_prepend_file=$root/prepend.php\n");
    put("$root/etc/dokuwiki/local.php", <<"PHP");
<?php
\$conf['savedir'] = '@{[data($root)]}';
\$conf['title'] = 'A wiki of carl';
\$conf['useacl'] = 0;
\$conf['updatecheck'] = 0;
PHP
    chmod 0755, "$root/etc/dokuwiki";
    system('chown', '-R', "$owner:$owner", data($root), "$root/var/lib/dokuwiki/acl") == 0
        or die "chown: exit $?\n";
}

1;
