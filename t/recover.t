# SPDX-License-Identifier: Apache-2.0
#
# What the owner of one site does to his own files keeps nobody else's change waiting, and
# does not keep a PHP-FPM down that ended.
use strict;
use warnings;
use FPMT;
use FPMT::Names;
use FPMT::Process;
use FPMT::Server;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

sub site { my ($s, @lines) = @_; return join '', map { my ($name) = /fpmt_(\w+)/; $s->host("$name.test", "FPMUser $_") } @lines }

sub bodies { my ($s, @names) = @_; return join '', map { $s->get("$_.test")->{body} } @names }

# A directory as it is in a home: his own, and he may do what he likes there.
sub home {
    my ($s) = @_;
    my $home = "$s->{dir}/home";
    mkdir $home;
    chown scalar getpwnam('fpmt_anna'), -1, $home or die $!;
    return $home;
}

sub started {
    my ($name, $lines) = @_;
    my $s = FPMT::Server->new($name);
    $s->configure(site($s, $lines->($s)));
    ok $s->start, "$name: the server starts" or diag $s->{said} . $s->log;
    return $s;
}

# The reload of a change to carl's site while anna's files are as her owner left them.
sub others_go_on {
    my ($s, $anna, $why) = @_;
    my $before = time;
    $s->configure(site($s, $anna, 'fpmt_bert', 'fpmt_carl'));
    ok $s->graceful, 'a reload that adds a site';
    cmp_ok time - $before, '<', 20, 'takes no time limit';
    is bodies($s, qw(bert carl)), "fpmt_bert\nfpmt_carl\n", 'the new site and the other one answer' or diag $s->log;
    is $s->get('anna.test')->{status}, 503, 'hers answers 503';
    my @said = grep { !/FPMP(?:0512|0528|0602)/ } $s->said(qr/FPMP/);
    is scalar(@said), 1, 'one line' or diag join "\n", @said;
    like $said[0] // '', qr/FPMP0529: .*fpmpool-fpmt_anna\.conf.*$why.*\(FPMUser at \S+:\d+\)/, 'names file and reason';
    ok !-e $s->{fpm}->pool_file('fpmt_anna'), 'her file is out of the way';
    ok -S $s->{fpm}->socket('fpmt_carl'), 'PHP-FPM has read the others';
}

sub she_mends_it {
    my ($s, $anna) = @_;
    $s->configure(site($s, $anna, 'fpmt_bert', 'fpmt_carl'));
    ok $s->graceful, 'mended, a reload';
    is bodies($s, qw(anna bert carl)), "fpmt_anna\nfpmt_bert\nfpmt_carl\n", 'and all answer';
    $s->said(qr/FPMP/);
}

subtest 'she removes the directory of her chdir' => sub {
    my $anna;
    my $s = started('chdir', sub { my ($s) = @_; mkdir home($s) . '/app'; ($anna = 'fpmt_anna chdir=' . home($s) . '/app', 'fpmt_bert') });
    rmdir home($s) . '/app' or die $!;
    others_go_on($s, $anna, qr/chdir path/);
    mkdir home($s) . '/app';
    she_mends_it($s, $anna);
};

subtest 'she puts a FIFO where her slow log is' => sub {
    my $anna;
    my $s = started('fifo', sub { my ($s) = @_; ($anna = 'fpmt_anna request_slowlog_timeout=5s slowlog=' . home($s) . '/slow.log', 'fpmt_bert') });
    unlink home($s) . '/slow.log' or die $!;
    POSIX::mkfifo(home($s) . '/slow.log', 0600) or die $!;
    others_go_on($s, $anna, qr/slowlog = '\S+' is a FIFO/);
    # And as the file of a change.
    $s->configure(site($s, "$anna pm.max_children=3", 'fpmt_bert pm.max_children=3'));
    ok $s->graceful, 'a reload that changes her pool, too';
    like join("\n", grep { /FPMP0523/ } $s->said(qr/FPMP/)), qr/slowlog = '\S+' is a FIFO/, 'is refused for the same reason';
    like slurp($s->{fpm}->pool_file('fpmt_bert')), qr/max_children = 3/, 'and bert has his change';
    unlink home($s) . '/slow.log';
    she_mends_it($s, $anna);
};

subtest 'the only pool stays' => sub {
    my $anna;
    my $s = started('only', sub { my ($s) = @_; mkdir home($s) . '/app'; ($anna = 'fpmt_anna chdir=' . home($s) . '/app') });
    unlink "$s->{fpm}{dir}/pool.d/parked.conf" or die $!;
    rmdir home($s) . '/app' or die $!;
    $s->configure(site($s, "$anna pm.max_children=3"));
    ok $s->graceful, 'a reload after which PHP-FPM would take no pool at all' or diag $s->log;
    my @said = grep { /FPMP05(?!12|28)/ } $s->said(qr/FPMP/);
    is scalar(@said), 1, 'one line' or diag join "\n", @said;
    like $said[0] // '', qr/FPMP0511: .*nothing was changed/, 'says that nothing was changed';
    ok -e $s->{fpm}->pool_file('fpmt_anna'), 'the file is still there';
};

# ---- a PHP-FPM that ended ----

# A directory where a new pool's socket has to come: PHP-FPM tests well and then ends.
sub trap { my ($s, $user) = @_; my $trap = $s->{fpm}->socket($user); mkdir $trap or die $!; return $trap }

sub fds { my ($pid) = @_; return grep { defined } map { readlink } glob "/proc/$pid/fd/*" }

subtest 'it comes back, whatever users left' => sub {
    FPMT::Names::make('fpmt_gone');
    my $s = FPMT::Server->new('back');
    my $pipe = $s->host('pipe.test', qq(ErrorLog "|/bin/cat"));
    my $fpm = $s->{fpm};
    put("$s->{dir}/www/stay.php", '<?php exec("sleep 1000 <&0 >/dev/null 2>&1 & echo $!", $o); echo $o[0];');
    $s->configure($pipe . site($s, 'fpmt_anna', 'fpmt_bert', 'fpmt_gone'));
    ok $s->start, 'the server starts' or diag $s->{said};
    is bodies($s, qw(anna bert)), "fpmt_anna\nfpmt_bert\n", 'sites answer';
    my $stays = $s->get('anna.test', '/stay.php')->{body};
    ok scalar(grep { /^socket:/ } fds($stays)), 'a process of anna holds the socket of her pool';
    FPMT::Names::unmake('fpmt_gone');
    my $trap = trap($s, 'fpmt_carl');
    my $was = $fpm->pid;
    $s->configure($pipe . site($s, 'fpmt_anna', 'fpmt_bert', 'fpmt_gone', 'fpmt_carl'));
    ok $s->graceful, 'a reload at which PHP-FPM ends, and whose old files name a user who is gone';
    my @said = grep { /FPMP052[56]/ } $s->said(qr/FPMP/);
    is scalar(@said), 1, 'one line says so' or diag $s->log;
    like $said[0] // '', qr/FPMP0525: /, 'and that it runs again';
    isnt $fpm->pid, $was, 'it is another process';
    is bodies($s, qw(anna bert)), "fpmt_anna\nfpmt_bert\n", 'the sites of before answer';
    ok !-e $fpm->pool_file('fpmt_gone'), 'the file of the user who is gone stays away';
    my %pipes = map { $_ => 1 } grep { /^pipe:/ } fds($s->pid);
    ok scalar(keys %pipes), 'httpd has pipes to its logs';
    is join(' ', grep { $pipes{$_} } fds($fpm->pid)), '', 'of which PHP-FPM holds none';
    unlike slurp('/proc/' . $fpm->pid . '/status'), qr/^SigIgn:.*[13579bdf]$/m, 'and it does not ignore SIGHUP as httpd does';
    kill KILL => $stays;
    rmdir $trap;
};

subtest 'a test that hangs ends with httpd' => sub {
    my $s = started('hung', sub { ('fpmt_anna') });
    my $binary = $s->{fpm}{binary};
    # A test that opens a FIFO waits there; the directory of a main file is root's.
    my $fifo = "$s->{fpm}{dir}/pool.d/wait.fifo";
    POSIX::mkfifo($fifo, 0600) or die $!;
    my $conf = "$s->{fpm}{dir}/php-fpm.conf";
    put($conf, slurp($conf) =~ s/^error_log.*/error_log = $fifo/mr);
    $s->configure(site($s, 'fpmt_anna', 'fpmt_bert'));
    kill USR1 => $s->pid;
    my @hung;
    ok wait_for(20, sub { @hung = grep { /fpmpool-test/ } map { s/\0/ /gr } map { slurp($_) // '' } glob '/proc/[0-9]*/cmdline' }),
        'a test hangs';
    $s->stop;
    ok wait_for(5, sub { !grep { /fpmpool-test/ } map { s/\0/ /gr } grep { !/perl/ } map { slurp($_) // '' } glob '/proc/[0-9]*/cmdline' }),
        'and is gone when httpd is stopped' or diag @hung;
    $s->said(qr/FPMP/);
    unlink $fifo;
};

done_testing;
