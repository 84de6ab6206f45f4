# SPDX-License-Identifier: Apache-2.0
#
# userdel, then a restart of PHP-FPM alone: with fpmpool-orphans before it PHP-FPM starts, and
# the commands of the drop-in for its unit leave a running PHP-FPM alone where a file is bad.
use strict;
use warnings;
use FPMT;
use FPMT::Names;
use FPMT::Process;
use FPMT::Server;
use Test::More;

my $command = "$FPMT::Names::TOP/build/fpmpool-orphans";
-x $command or BAIL_OUT("$command is missing: run make -f Makefile.apxs all");
FPMT::Names::make(qw(fpmt_gone fpmt_away));

my $s   = FPMT::Server->new('orphans');
my $fpm = $s->{fpm};
my $out = "$s->{dir}/command.out";
$s->configure(join '', map { $s->host("$_.test", "FPMUser $_") } qw(fpmt_anna fpmt_gone fpmt_away));
ok $s->start, 'the server starts' or diag $s->{said};
is $s->get("$_.test")->{body}, "$_\n", "$_ is served" for qw(fpmt_anna fpmt_gone fpmt_away);
$s->said(qr/FPMP05/);
my $of_others = "$fpm->{dir}/pool.d/parked.conf";

subtest 'nothing to do' => sub {
    my ($code, $said) = run($command, "$fpm->{dir}/pool.d");
    is "$code $said", '0 ', 'says nothing, exit 0';
};

subtest 'a user is gone' => sub {
    $s->stop;
    $fpm->stop;
    FPMT::Names::unmake('fpmt_gone');
    ok !eval { $fpm->start; 1 }, 'PHP-FPM alone does not start any more';
    like $@, qr/cannot get uid for user 'fpmt_gone'/, 'because of his file';

    my $file = $fpm->pool_file('fpmt_gone');
    my $text = slurp($file);
    my ($code, $said) = run($command, '-n', "$fpm->{dir}/pool.d");
    is $code, 0, '-n: exit 0';
    like $said, qr/^FPMP0450: pool file: '\Q$file\E' names user 'fpmt_gone', who does not exist; run this command without -n/, 'it says which';
    ok -e $file, 'and moves nothing';

    ($code, $said) = run($command, "$fpm->{dir}/pool.d");
    is $code, 0, 'without -n: exit 0';
    like $said, qr/^FPMP0450: pool file: '\Q$file\E' names user 'fpmt_gone', who does not exist, so it was renamed to 'fpmpool-fpmt_gone\.conf\.orphan'; [^\n]+\n\z/, 'one line';
    ok !-e $file, 'the file is gone';
    is slurp("$file.orphan"), $text, 'and kept';
    ok eval { $fpm->start; 1 }, 'PHP-FPM starts' or diag $@;
    ok -S $fpm->socket($_), "the socket of $_ is there" for qw(fpmt_anna fpmt_away);

    ok $s->start, 'httpd starts' or diag $s->{said};
    is $s->get("$_.test")->{body}, "$_\n", "$_ is served" for qw(fpmt_anna fpmt_away);
    is $s->get('fpmt_gone.test')->{status}, 503, 'fpmt_gone is not';
    $s->said(qr/FPMP0201|FPMP0602/);
    is slurp("$file.orphan"), $text, 'the kept file stays';
    $s->stop;
};

subtest 'the name service does not answer' => sub {
    $fpm->stop;
    FPMT::Names::unmake('fpmt_away');
    my $file = $fpm->pool_file('fpmt_away');
    my ($code, $said) = run(FPMT::Names::with_services('fpmtest files', $command, "$fpm->{dir}/pool.d"));
    is $code, 1, 'exit 1';
    like $said, qr/^FPMP0452: user: user 'fpmt_away' could not be looked up: service 'fpmtest' of [^\n]+\n\z/, 'it says which service';
    ok -e $file, 'and moves nothing';
    ($code, $said) = run($command, "$fpm->{dir}/pool.d");
    is $code, 0, 'when it answers again: exit 0';
    ok !-e $file && -e "$file.orphan", 'and the file is renamed';
    ok -e $of_others, 'files of others are there';
};

# The lines of the drop-in, with this PHP-FPM in place of Debian's.
sub commands {
    my ($key) = @_;
    my $text = slurp("$FPMT::Names::TOP/service/php-fpm.service.d/fpmpool.conf");
    my @lines = $text =~ /^\Q$key\E=(.*)$/mg;
    @lines = grep { length } @lines;
    s{/usr/sbin/fpmpool-orphans}{$command}, s{/usr/sbin/php-fpm8\.2}{$fpm->{binary}},
        s{/etc/php/8\.2/fpm/php-fpm\.conf}{$fpm->{dir}/php-fpm.conf}, s{/etc/php/8\.2/fpm/pool\.d}{$fpm->{dir}/pool.d} for @lines;
    return @lines;
}

# As systemd does: one after the other, up to the first that fails and has no '-'.
sub run_commands {
    my ($key) = @_;
    local $ENV{MAINPID} = $fpm->pid;
    for my $line (commands($key)) {
        my $may_fail = $line =~ s/^-//;
        my $code = system("$line >>$out 2>&1") >> 8;
        return $code if $code && !$may_fail;
    }
    return 0;
}

subtest 'the drop-in' => sub {
    is scalar(my @start = commands('ExecStartPre')), 1, 'one command before a start';
    is scalar(my @reload = commands('ExecReload')), 3, 'three for a reload';
    put($fpm->pool_file('fpmt_gone'), slurp($fpm->pool_file('fpmt_gone') . '.orphan'));
    is run_commands('ExecStartPre'), 0, 'before a start';
    ok eval { $fpm->start; 1 }, 'PHP-FPM starts' or diag $@;
    ok -e $fpm->pool_file('fpmt_gone') . '.orphan.2', 'the file that came back is renamed beside the older one';

    my ($pid, $log, $reloads) = ($fpm->pid, $fpm->log, $fpm->reloads);
    put("$fpm->{dir}/pool.d/bad.conf", "# a comment of another language\n");
    isnt run_commands('ExecReload'), 0, 'a reload with a bad file fails';
    is $fpm->pid, $pid, 'the same PHP-FPM runs';
    ok FPMT::Process::alive($pid), 'it lives';
    is $fpm->log, $log, 'its log is not written to';
    is $fpm->reloads, $reloads, 'it was not told';
    unlink "$fpm->{dir}/pool.d/bad.conf";

    put($fpm->pool_file('fpmt_gone'), slurp($fpm->pool_file('fpmt_gone') . '.orphan'));
    is run_commands('ExecReload'), 0, 'a reload with a file of a user who is gone';
    ok wait_for(10, sub { $fpm->reloads == $reloads + 1 && $fpm->log =~ /ready to handle connections(?!.*Reloading)/s }), 'is done' or diag $fpm->log;
    ok $fpm->running, 'and PHP-FPM runs';
    ok !-e $fpm->pool_file('fpmt_gone'), 'the file was renamed first';
};
done_testing;

# Exit code and what a command said.
sub run {
    my (@command) = @_;
    my $status = system(join(' ', (map { "'$_'" } @command), ">$out 2>&1"));
    return ($status >> 8, slurp($out));
}
