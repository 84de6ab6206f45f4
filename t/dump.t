# SPDX-License-Identifier: Apache-2.0
#
# -D DUMP_FPMPOOL: what it shows is what the server does. The long form it prints is put in
# the place of FPMUser in a server without the module, and must run PHP as the same users.
use strict;
use warnings;
use FPMT;
use FPMT::Server;
use JSON::PP;
use Test::More;

my %user = ('a.test' => 'fpmt_anna', 'b.test' => 'fpmt_bert');
my $server = FPMT::Server->new('dump');
my $dir    = $server->{dir};

sub site { return join '', map { $server->host($_, $_[0]->($_)) } sort keys %user }

$server->configure(site(sub { "FPMUser $user{$_[0]} ext=php,phtml" }));
ok $server->start, 'the server starts' or diag $server->{said};
for my $host (sort keys %user) {
    is $server->get($host)->{body}, "$user{$host}\n", "$host runs as $user{$host}";
}
is scalar $server->said(qr/FPMP0512/), 1, 'and reloads PHP-FPM once';
$server->stop;

# Standard output and error come together here: the object is all between the outer braces.
sub object {
    my ($said) = @_;
    return eval { JSON::PP->new->utf8->decode($said =~ /^(\{\n.*^\}\n)/ms ? $1 : $said) };
}

# ---- text ----
my ($code, $text) = $server->run('-t', '-D', 'DUMP_FPMPOOL');
is $code, 0, 'DUMP_FPMPOOL exits 0';
like $text, qr/^fpmt_anna\n  line +FPMUser fpmt_anna at \S+site\.conf:\d+\n  host +a\.test, document root \S+\n/m,
    'a host stands under its pool';
unlike $text, qr/FPMP\d/, 'nothing is found';
my %long;
while ($text =~ /^(fpmt_\w+)\n.*?with mod_proxy_fcgi:\n(.*?)^  or with mod_fastcgi/gms) {
    $long{$1} = $2;
}
is_deeply [ sort keys %long ], [ sort values %user ], 'each pool has its long form';

# ---- JSON ----
my $json;
($code, $text) = $server->run('-t', '-D', 'DUMP_FPMPOOL=json');
is $code, 0, 'DUMP_FPMPOOL=json exits 0';
$json = object($text);
ok $json, 'it is JSON' or diag "$@\n$text";
is_deeply [ map { [ $_->{user}, map { $_->{host} } @{ $_->{hosts} } ] } @{ $json->{chains} } ],
    [ [ 'fpmt_anna', 'a.test' ], [ 'fpmt_bert', 'b.test' ] ], 'JSON has each host at its user';
is_deeply [ map { $_->{state} } map { @{ $_->{links} } } @{ $json->{chains} } ], [ ('ok') x 14 ],
    'every link is ok';
is_deeply $json->{findings}, [], 'and nothing is found';
is $json->{chains}[1]{socket} =~ s/.*-//r, 'fpmt_bert.sock', 'the socket is a member';

# ---- a broken chain ----
$server->configure(site(sub { $_[0] eq 'a.test' ? 'FPMUser fpmt_nobody_here' : "FPMUser $user{$_[0]}" })
    . "FPMUser off\n");
($code, $text) = $server->run('-t', '-D', 'DUMP_FPMPOOL=json');
is $code, 1, 'a broken chain exits 1, and is shown';
$json = object($text);
ok $json, 'it is JSON too' or diag "$@\n$text";
is $json->{chains}[0]{links}[0]{code}, 'FPMP0201', 'with the code at its link';
is $json->{chains}[0]{links}[3]{state}, undef, 'what follows is not judged';
is scalar @{ $json->{off} }, 1, 'FPMUser off is listed';

# ---- words that would be passed over ----
for my $case ([ 'DUMP_FPMPOOL', 113 ], [ 'DUMP_FPMPOOL=json', 113 ], [ 'FPMPOOL_SYNC', 113 ],
    [ 'FPMPOOL_LINT', 113 ], [ 'DUMP_FPMPOOL=xml', 114, '-t' ], [ 'DUMP_FPMPOOL=', 0, '-t' ],
    [ 'DUMP_FPMPOOL_2', 0, '-t' ]) {
    my ($word, $want, @t) = @$case;
    $server->configure(site(sub { "FPMUser $user{$_[0]} ext=php,phtml" }));
    ($code, $text) = $server->run(@t, '-D', $word);
    my ($said) = $text =~ /^FPMP0?(\d+)/m;
    is $said // 0, $want, join(' ', 'httpd', @t, '-D', $word) . ($want ? ' is refused' : ' is not');
    is $code != 0, $want != 0, '... by its exit code too';
    is $server->pid, 0, '... and starts nothing';
}

# ---- the long form does the same ----
$server->configure(site(sub { $long{ $user{ $_[0] } } }), master => '');
my $conf = slurp("$dir/httpd.conf");
$conf =~ s/^LoadModule fpmpool_module .*\n//m or die "no LoadModule of ours\n";
put("$dir/httpd.conf", $conf);
ok $server->start, 'httpd starts with the long form and without the module' or diag $server->{said};
for my $host (sort keys %user) {
    is $server->get($host)->{body}, "$user{$host}\n", "$host runs as $user{$host} again";
    is $server->get($host, '/none.php')->{status}, 404, '... and has its 404';
}

done_testing;
