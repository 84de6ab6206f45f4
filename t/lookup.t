# SPDX-License-Identifier: Apache-2.0
#
# A name service that is slow, or does not answer, takes no site down: pools that are there go
# on, and a start of httpd ends its look-ups after 10 s.
use strict;
use warnings;
use FPMT;
use FPMT::Names;
use FPMT::Server;
use Test::More;
use Time::HiRes qw(time);

my @slow = map { "fpmt_slow$_" } 1 .. 3;
FPMT::Names::make(@slow, 'fpmt_away');

# A server that sees other name services than the machine does.
package Elsewhere {
    our @ISA = ('FPMT::Server');
    sub command { my ($self, @more) = @_; my @c = $self->SUPER::command(@more); return $self->{services} ? FPMT::Names::with_services($self->{services}, @c) : @c }
}

my $s   = Elsewhere->new('lookup');
my $fpm = $s->{fpm};
my $site = join '', map { $s->host("$_.test", "FPMUser $_") } @slow, 'fpmt_away';
$s->configure($site);
ok $s->start, 'the server starts' or diag $s->{said};
is $s->get("$_.test")->{body}, "$_\n", "$_ is served" for @slow, 'fpmt_away';
$s->said(qr/FPMP05/);
$s->stop;
my $before = stamps();

subtest 'slow' => sub {
    $s->{services} = 'fpmtest files';
    local $ENV{FPMTEST_SLOW_MS} = 3000;
    my $begin = time;
    ok $s->start, 'the server starts' or diag $s->{said};
    # It reads its configuration twice: two times two look-ups of 3 s each.
    cmp_ok time - $begin, '<', 18, 'although three users take 3 s each, twice';
    my @lines = $s->said(qr/FPMP\d{4}/);
    ok scalar(@lines), 'it says that not everybody was asked';
    like $_, qr/FPMP0202: .*the name service took \d+ s for \d+ names, the rest was not asked/, 'why' for @lines;
    is $s->get("$_.test")->{body}, "$_\n", "$_ is served by the pool that is there" for @slow;
    is stamps(), $before, 'and no pool file is changed or gone';
    $s->said(qr/FPMP/);
    $s->stop;
};

subtest 'away, and the user is known to nobody else' => sub {
    $s->{services} = 'fpmtest files';
    FPMT::Names::unmake('fpmt_away');
    local $ENV{FPMTEST_SLOW_MS} = 0;
    ok $s->start, 'the server starts' or diag $s->{said};
    my @lines = $s->said(qr/FPMP\d{4}/);
    is scalar(@lines), 1, 'one line' or diag join "\n", @lines;
    like $lines[0] // '', qr/FPMP0202: user: 'fpmt_away' could not be looked up: service 'fpmtest' of/, 'names the service';
    is stamps(), $before, 'no pool file is changed or gone';
    is $s->get('fpmt_away.test')->{status}, 200, 'the host is served';
    $s->stop;
};

subtest 'the service answers again' => sub {
    $s->{services} = undef;
    ok $s->start, 'the server starts' or diag $s->{said};
    my @lines = $s->said(qr/FPMP\d{4}/);
    is scalar(grep { /FPMP0201: user: 'fpmt_away'/ } @lines), 1, 'he is gone';
    ok !-e $fpm->pool_file('fpmt_away'), 'and so is his pool file';
    $s->stop;
};
done_testing;

sub stamps { return join '', map { my @s = stat; "$_ $s[1] $s[7] $s[9] $s[10]\n" } glob "$fpm->{dir}/pool.d/*" }
