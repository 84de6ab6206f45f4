# SPDX-License-Identifier: Apache-2.0
#
# Pictures of the status page in a real browser, and the JSON of the same moments: pools that
# are healthy, full and broken, and a PHP-FPM that is stopped. docs/status/ has some of them.
#
# Not part of check: it needs Chromium and playwright-core of npm. To run it:
#   cp t/by-hand/status_pictures.* t/
#   NODE_PATH=DIR/node_modules FPMT_PICTURES=OUT t/run status_pictures.t
use strict;
use warnings;
use FPMT;
use FPMT::Server;
use FPMT::Status;
use FindBin;
use File::Path qw(make_path remove_tree);
use Test::More;

my $out = $ENV{FPMT_PICTURES} or die "FPMT_PICTURES=DIR says where the pictures go\n";
my $s   = FPMT::Server->new('pictures');
my ($dir, $fpm) = @$s{qw(dir fpm)};
my $run  = '/run/fpmt_pictures'; # paths as short as those of a real server
my $held = "$dir/held";
make_path($out, $run, $held);
chmod 0777, $held;
END { remove_tree($run) if $run }
put("$dir/www/hold.php", "<?php touch('$held/'.getmypid()); while (!file_exists('$held/go')) { usleep(5000); }");
put("$dir/www/die.php", '<?php posix_kill(getmypid(), 9);');

my $site = "<Location /st>\n    SetHandler fpmpool-status\n</Location>\n"
    . $s->host('a.test', 'FPMUser fpmt_anna pm.max_children=2')
    . $s->host('shop.bert.example', 'FPMUser fpmt_bert pm=static pm.max_children=3')
    . join '', map { $s->host("$_.carl-has-a-long-name.example", 'FPMUser fpmt_carl') } qw(www shop blog wiki mail);

sub configure {
    put("$run/sites.conf", $_[0]);
    $s->configure("Include $run/sites.conf\n", master => $fpm->directive('8.2') =~ s{socket_dir=\S+}{socket_dir=$run}r);
}

sub socket_of { return "$run/fpmpool-8.2-$_[0].sock" }

sub take {
    my ($name) = @_;
    put("$out/$name.json", $s->get('a.test', '/st?json')->{body});
    my $said = qx(node $FindBin::Bin/status_pictures.js http://a.test:$s->{port}/st $name $out 2>&1);
    is $?, 0, "$name: the pictures are taken, with nothing to remark" or diag $said;
}

sub hold {
    my ($n) = @_;
    my @open;
    for (1 .. $n) {
        push @open, connect_to(port => $s->{port});
        send_request($open[-1], 'a.test', 'GET', '/hold.php');
        wait_for(10, sub { (my @busy = glob "$held/*") == @open }) if @open <= 2;
    }
    return @open;
}

configure($site);
ok $s->start, 'the server starts' or BAIL_OUT($s->{said} . $s->log);
$s->get('a.test') for 1 .. 3;
$s->get('shop.bert.example') for 1 .. 5;
ok wait_for(5, sub { !grep { $_->{busy} } @{ page($s)->{pools} } }), 'all are at rest';
take('healthy');

my @open = hold(6);
ok wait_for(10, sub { pool_of($s, 'fpmt_anna')->{queue} == 4 }), 'anna is full, four wait';
take('full');
put("$held/go", '');
read_answer($_, 'GET') for @open;

configure($site . $s->host('gone.example', 'FPMUser fpmt_nobody') . $s->host('www.<b>anna</b>.example', 'FPMUser fpmt_anna pm.max_children=9'));
ok $s->graceful, 'a reload with a user who does not exist, and lines that disagree';
$s->get('shop.bert.example', '/die.php');
rename socket_of('fpmt_carl'), socket_of('aside');
take('broken');
rename socket_of('aside'), socket_of('fpmt_carl');

kill STOP => $fpm->pid;
ok wait_for(5, sub { pool_of($s, 'fpmt_carl')->{state} eq 'broken' }), 'PHP-FPM is stopped';
take('stopped');
kill CONT => $fpm->pid;
$s->said(qr/./);

done_testing;
