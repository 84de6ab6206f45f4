# SPDX-License-Identifier: Apache-2.0
#
# What a mistake costs the other sites when it is reloaded. Each row brings one fault into a
# setup of three sites, reloads as an administrator does, and counts those of the two others
# that do not answer as their user: once with the module, once with pools written by hand and
# PHP-FPM's own defaults, where the reload is `kill -USR2`. The module may lose none; what the
# chain by hand loses is the table of docs/reload.md.
use strict;
use warnings;
use FPMT;
use FPMT::Server;
use Test::More;

my $web   = setting('user');
my @others = qw(anna bert);

# ---- the faults ----
# name, FPMUser line of the third site (undef: as it was), lines of its pool by hand, file of
# somebody else's (both sides). Of the lines, user= and listen= take the place of the right ones.
my @faults = (
    [ 'user does not exist', 'fpmt_nosuch', "user = fpmt_nosuch\n" ],
    [ 'user is root', 'root', "user = root\ngroup = root\n" ],
    [ 'group does not exist', 'fpmt_carl:fpmt_nosuch', "group = fpmt_nosuch\n" ],
    [ 'group is root', 'fpmt_carl:root', "group = root\n" ],
    [ 'slowlog directory is missing', 'fpmt_carl slowlog=/nonexistent/s.log request_slowlog_timeout=5s',
        "slowlog = /nonexistent/s.log\nrequest_slowlog_timeout = 5s\n" ],
    [ 'access.log directory is missing', 'fpmt_carl access.log=/nonexistent/a.log', "access.log = /nonexistent/a.log\n" ],
    [ 'access.format is unknown', 'fpmt_carl access.log=@DIR@/a.log access.format=%z', "access.log = \@DIR\@/a.log\naccess.format = \"%z\"\n" ],
    [ 'chdir does not exist', 'fpmt_carl chdir=/nonexistent', "chdir = /nonexistent\n" ],
    [ 'pm.max_children is absurd', 'fpmt_carl pm.max_children=99999999', "pm.max_children = 99999999\n" ],
    [ 'spare servers contradict', 'fpmt_carl pm=dynamic pm.max_children=2 pm.min_spare_servers=3 pm.max_spare_servers=1',
        "pm = dynamic\npm.min_spare_servers = 3\npm.max_spare_servers = 1\n" ],
    [ 'process.priority is out of range', 'fpmt_carl process.priority=99', "process.priority = 99\n" ],
    [ 'a directive that does not exist', 'fpmt_carl max_children=5', "max_children = 5\n" ],
    [ 'socket path is a directory', 'fpmt_dora', "listen = \@DIR\@/trap.sock\n", trap => 1 ],
    [ 'a file: syntax error', undef, '', file => "[zz]\nuser = \"\n" ],
    [ 'a file: comment with #', undef, '', file => "# a comment\n" ],
    [ 'a file: user does not exist', undef, '', file => "[zz]\nuser = fpmt_nosuch\nlisten = \@DIR\@/zz.sock\npm = ondemand\npm.max_children = 1\n" ],
    [ 'a file: no user', undef, '', file => "[zz]\nlisten = \@DIR\@/zz.sock\npm = ondemand\npm.max_children = 1\n" ],
    [ 'a file: user = none', undef, '', file => "[zz]\nuser = none\nlisten = \@DIR\@/zz.sock\npm = ondemand\npm.max_children = 1\n" ],
    [ 'a file: a socket that is taken', undef, '', file => "[zz]\nuser = nobody\nlisten = \@DIR\@/parked.sock\npm = ondemand\npm.max_children = 1\n" ],
    [ 'a file: socket directory is missing', undef, '', file => "[zz]\nuser = nobody\nlisten = /nonexistent/zz.sock\npm = ondemand\npm.max_children = 1\n" ],
    [ 'a file: port 70000', undef, '', file => "[zz]\nuser = nobody\nlisten = 127.0.0.1:70000\npm = ondemand\npm.max_children = 1\n" ],
    [ 'a file: pm is missing', undef, '', file => "[zz]\nuser = nobody\nlisten = \@DIR\@/zz.sock\n" ],
    [ 'a file: listen.owner does not exist', undef, '', file => "[zz]\nuser = nobody\nlisten = \@DIR\@/zz.sock\nlisten.owner = fpmt_nosuch\npm = ondemand\npm.max_children = 1\n" ],
    [ 'a file: a link that leads nowhere', undef, '', link => '/nonexistent/zz.conf' ],
);

# ---- two servers ----
sub sites {
    my ($s, $third) = @_;
    return join '', (map { $s->host("$_.test", "FPMUser fpmt_$_") } @others), $s->host('carl.test', 'FPMUser ' . ($third // 'fpmt_carl'));
}

sub hand_pool {
    my ($fpm, $name, $lines) = @_;
    put("$fpm->{dir}/pool.d/$name.conf", "[$name]\nuser = fpmt_$name\nlisten = $fpm->{dir}/run/$name.sock\nlisten.owner = $web\n"
            . "listen.mode = 0600\npm = ondemand\npm.max_children = 5\n" . ($lines // ''));
}

my $ours = FPMT::Server->new('losses-ours');
$ours->configure(sites($ours));
ok $ours->start, 'the module: the server starts' or BAIL_OUT($ours->{said} . $ours->log);
my $hand = FPMT::Server->new('losses-hand', no_fpm => 1);
my $conf = "$hand->{fpm}{dir}/php-fpm.conf";
put($conf, slurp($conf) =~ s/^process_control_timeout.*\n//mr);
hand_pool($hand->{fpm}, $_) for @others, 'carl';
$hand->{fpm}->start;
$hand->configure(join '', map { $hand->host("$_.test", '<FilesMatch "\.php$">',
    qq(SetHandler "proxy:unix:$hand->{fpm}{dir}/run/$_.sock|fcgi://$_"), '</FilesMatch>') } @others, 'carl');
ok $hand->start, 'by hand: the server starts' or BAIL_OUT($hand->{said} . $hand->log);

# How many of the other sites do not answer as their user?
sub lost {
    my ($s) = @_;
    return scalar grep {
        my $name = $_;
        my $body = eval { local $SIG{ALRM} = sub { die "late\n" }; alarm 8; my $r = $s->get("$name.test"); alarm 0; $r->{body} } // '';
        alarm 0;
        $body ne "fpmt_$name\n";
    } @others;
}

sub filled { my ($s, $text) = @_; return $text =~ s/\@DIR\@/$s->{fpm}{dir}\/run/gr }

# Puts the fault's file of somebody else's there, or takes it away.
sub foreign {
    my ($s, $o, $there) = @_;
    my $path = "$s->{fpm}{dir}/pool.d/zz.conf";
    unlink $path;
    return if !$there;
    put($path, filled($s, $o->{file})) if $o->{file};
    symlink $o->{link}, $path if $o->{link};
}

# As apachectl does: a configuration that httpd cannot read is not loaded.
sub reload_ours {
    my (undef, $said) = $ours->configtest;
    return 'refused' if $said =~ /Syntax error/;
    return $ours->graceful ? 'reloaded' : 'late';
}

sub stamp { my @s = stat "$hand->{fpm}{dir}/php-fpm.pid"; return "@s[1, 9, 10]" . ($hand->{fpm}->running ? '' : ' gone') }

sub reload_hand {
    my $fpm = $hand->{fpm};
    my $pid = $fpm->pid;
    my $before = slurp("$fpm->{dir}/php-fpm.log") // '';
    kill USR2 => $pid;
    wait_for(8, sub { my $log = substr $fpm->log, length $before; !FPMT::Process::alive($pid) || $log =~ /ready to handle/ });
    # A daemon leaves the old process for the new one.
    wait_for(2, sub { $fpm->running });
}

sub heal_hand {
    my $fpm = $hand->{fpm};
    $fpm->stop;
    FPMT::Process::end_pids(FPMT::Process::of_folder($conf));
    unlink glob("$fpm->{dir}/run/*.sock"), "$fpm->{dir}/php-fpm.pid";
    $fpm->start;
}

my %table;
for my $fault (@faults) {
    my ($name, $line, $lines, %o) = @$fault;
    # the module
    my $trap = $ours->{fpm}->socket('fpmt_carl');
    $line = filled($ours, $line) if $line;
    if ($o{trap}) {
        # The pool is new, and a directory stands where its socket has to come.
        $ours->configure(join '', map { $ours->host("$_.test", "FPMUser fpmt_$_") } @others);
        $ours->graceful;
        wait_for(10, sub { !-e $trap });
        mkdir $trap;
        $line = undef;
    }
    foreign($ours, \%o, 1);
    $ours->configure(sites($ours, $line));
    my $how = reload_ours();
    my $carl = $ours->get('carl.test')->{status};
    my $lost = $table{$name}{ours} = lost($ours);
    is $lost, 0, "$name: the module loses none";
    my @said = grep { /\bFPMP(?!0512|0522|0528|06)\d{4}/ } $ours->said(qr/./);
    ok $how eq 'refused' || @said || $carl == 200, "$name: the log says what is wrong";
    ok $carl == 200 || $carl == 503, "$name: the site itself goes on, or answers 503" or diag $carl;
    foreign($ours, \%o, 0);
    rmdir $trap if $o{trap};
    $ours->configure(sites($ours));
    $ours->graceful;
    is $ours->get('carl.test')->{status}, 200, "$name: mended, it answers";
    $ours->said(qr/./);
    # by hand
    mkdir filled($hand, '@DIR@/trap.sock') if $o{trap};
    foreign($hand, \%o, 1);
    hand_pool($hand->{fpm}, 'carl', filled($hand, $lines));
    reload_hand();
    $table{$name}{hand} = lost($hand);
    foreign($hand, \%o, 0);
    rmdir filled($hand, '@DIR@/trap.sock') if $o{trap};
    hand_pool($hand->{fpm}, 'carl');
    heal_hand();
    is lost($hand), 0, "$name: by hand, mended";
    $hand->said(qr/./);
}

my $rows = "| Fault | mod_fpmpool: other sites lost | by hand |\n|---|---|---|\n"
    . join '', map { "| $_->[0] | $table{ $_->[0] }{ours} of 2 | $table{ $_->[0] }{hand} of 2 |\n" } @faults;
my $page = setting('t') . '/../docs/reload.md';
my $text = slurp($page) // '';
put($page, $text =~ s/(<!-- losses\.t -->\n).*?(<!-- end -->)/$1$rows$2/sr) if $ENV{FPMT_ACCEPT};
my ($said) = $text =~ /<!-- losses\.t -->\n(.*?)<!-- end -->/s;
is $said // 'no table', $rows, 'docs/reload.md has this table';
done_testing;
