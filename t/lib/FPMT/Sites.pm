# SPDX-License-Identifier: Apache-2.0
#
# The sites of three hosts and two users, for the ends of the chain that other modules serve:
# each site has a script for each thing that has to be as it is with the native end.
package FPMT::Sites;

use strict;
use warnings;
use FPMT qw($SCRATCH get put slurp user_file);

my $who = 'posix_getpwuid(posix_geteuid())["name"]';
my %text = (
    'who.php'       => "<?php echo $who, \"\\n\";",
    'who.phtml'     => '<?php echo "source\n";',
    'off/who.php'   => '<?php echo "source\n";',
    'sub/index.php' => "<?php echo \"index of \", $who, \"\\n\";",
    'env.php'       => '<?php foreach ($_SERVER as $k => $v) { if (is_string($v)) { echo "$k=$v\n"; } } echo "limit=", ini_get("memory_limit"), "\n";',
    'status.php'    => '<?php header("X-Mine: yes"); http_response_code(418);',
    'location.php'  => '<?php header("Location: /who.php");',
    'front.php'     => '<?php echo "front ", $_SERVER["REQUEST_URI"];',
    'page.shtml'    => '<!--#include virtual="/who.php" -->',
    'plain.txt'     => 'plain',
);

# Make the sites of a server: new(SERVER, FILE => TEXT...), with further files in each.
sub new {
    my ($class, $server, %more) = @_;
    my $dir = $server->{dir};
    my %user = ('a.test' => 'fpmt_anna', 'a2.test' => 'fpmt_anna', 'b.test' => 'fpmt_bert');
    for my $user (sort keys %{ { reverse %user } }) {
        my $name = $user =~ s/fpmt_//r;
        mkdir "$dir/$name";
        mkdir "$dir/$name/$_" for qw(sub off);
        my %all = (%text, %more);
        user_file($name, "$dir/$name/$_", $all{$_}) for keys %all;
        chown((getpwnam $user)[2, 3], "$dir/$name/sub", "$dir/$name/off");
    }
    put("$dir/passwords", slurp("$SCRATCH/www/passwords"));
    return bless { server => $server, user => \%user }, $class;
}

# Those hosts that $self->{user} names, with KEY behind the user; HOST => [lines behind it].
sub conf {
    my ($self, $key, %of) = @_;
    my ($server, $user) = @$self{qw(server user)};
    my $dir = $server->{dir};
    my $conf = "AddType text/html .shtml\nAddOutputFilter INCLUDES .shtml\nDirectoryIndex index.php\n";
    for my $host (sort keys %$user) {
        my $root = "$dir/" . ($user->{$host} =~ s/fpmt_//r);
        $conf .= $server->host($host, "DocumentRoot $root", "FPMUser $user->{$host}$key", @{ $of{$host} // [] },
            # As a distribution has it: what no section allows is denied.
            '<Directory />', 'Require all denied', '</Directory>', "<Directory $dir>", 'Require all granted', '</Directory>',
            "<Directory $root>", 'AllowOverride All', 'Options +Includes', '</Directory>',
            "<Directory $root/off>", 'FPMUser off', '</Directory>');
    }
    return $conf;
}

sub ask { my ($self, $host, $target, @o) = @_; return get($host, $target, port => $self->{server}{port}, @o) }
sub body { return ask(@_)->{body} }

1;
