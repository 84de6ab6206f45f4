#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What rounds.sh measured, as tables on standard output, as rounds.json and as rounds.svg,
# both beside the file. A ratio is to mod_proxy_fcgi by hand, on the same MPM where it ran
# there, else on event; it is made within each round, and the median of these is what is
# printed, with how far a round was from it.
# Usage: report.pl ROUNDS.JSONL [KEY=VALUE]...   the pairs go into the JSON as they are
use strict;
use warnings;
use utf8;
use FindBin;
use JSON::PP;

my ($file, @about) = @ARGV;
binmode STDOUT, ':utf8';
my $PEER = 'by_hand';
# key, title, by what it is divided for people, digits
my @metrics = (
    [ 'rate',      'requests/s',    1,    0 ],
    [ 'server_us', 'server CPU us', 1,    1 ],
    [ 'php_us',    'PHP CPU us',    1,    1 ],
    [ 'p50_us',    'p50 ms',        1000, 2 ],
    [ 'p99_us',    'p99 ms',        1000, 2 ],
    [ 'calls',     'system calls',  1,    1 ],
    [ 'memory_kb', 'memory MB',     1024, 1 ],
);

# ---- 1. read: {script}{who}{metric}{round} = value, names in the order of the file -------
my (%seen, @scripts, %whos);
open my $in, '<', $file or die "report.pl: $file: $!\n";
while (<$in>) {
    my $line = decode_json($_);
    my ($script, $who) = ($line->{script}, "$line->{contestant} $line->{mpm}" =~ s/ -$//r);
    push @scripts, $script if !$whos{$script};
    push @{ $whos{$script} }, $who if !grep { $_ eq $who } @{ $whos{$script} };
    for my $metric (map { $_->[0] } @metrics) {
        next if !defined $line->{$metric};
        $seen{$script}{$who}{$metric}{ $line->{round} // 0 } = $line->{$metric};
    }
}
@scripts or die "report.pl: $file has no measurement\n";

# ---- 2. medians, spreads, ratios ---------------------------------------------------------
sub spread {
    my @sorted = sort { $a <=> $b } @_;
    my ($low, $high) = @sorted[ (@sorted - 1) / 2, @sorted / 2 ];
    return { lowest => $sorted[0], highest => $sorted[-1], median => ($low + $high) / 2 };
}

sub off {
    my ($v) = @_;
    my ($below, $above) = ($v->{median} - $v->{lowest}, $v->{highest} - $v->{median});
    return $below > $above ? $below : $above;
}

# The values of one contestant, and those of the chain by hand that it is compared with.
sub judge {
    my ($script, $who, $metric) = @_;
    my $own = $seen{$script}{$who}{$metric} or return;
    my ($mpm) = $who =~ / (.*)/;
    my ($all, $same_mpm) = ($seen{$script}, $PEER . ' ' . ($mpm // 'event'));
    my $peer = ($all->{$same_mpm} || $all->{"$PEER event"} || {})->{$metric} || {};
    my @ratios = map { $own->{$_} / $peer->{$_} } grep { $peer->{$_} } keys %$own;
    return { %{ spread(values %$own) }, @ratios ? (ratio => spread(@ratios)) : () };
}

my %result;
for my $script (@scripts) {
    for my $who (@{ $whos{$script} }) {
        for my $metric (map { $_->[0] } @metrics) {
            my $verdict = judge($script, $who, $metric) or next;
            $result{$script}{$who}{$metric} = $verdict;
        }
    }
}

# ---- 3. say it ---------------------------------------------------------------------------
for my $metric (@metrics) {
    my ($key, $title, $unit, $digits) = @$metric;
    printf "\n%-19s", $title;
    printf ' %21s', $_ for @scripts;
    print "\n";
    my %known;
    for my $who (grep { !$known{$_}++ } map { @{ $whos{$_} } } @scripts) {
        my $line = sprintf '%-19s', $who;
        my $any  = 0;
        for my $script (@scripts) {
            my $v = $result{$script}{$who}{$key};
            my $r = $v && $v->{ratio};
            my $number = $v ? sprintf("%.${digits}f", $v->{median} / $unit) : '-';
            my $beside = $r ? sprintf('%4.2f ±%.2f', $r->{median}, off($r)) : '';
            $line .= sprintf ' %9s %11s', $number, $beside;
            $any ||= $v;
        }
        print "$line\n" if $any;
    }
}
print "\neach: median of the rounds, its ratio to $PEER, ± how far a round was from that\n";

my $stem = $file =~ s/\.jsonl$//r;
open my $json, '>', "$stem.json" or die "report.pl: $stem.json: $!\n";
print $json JSON::PP->new->canonical->pretty->encode({
    about => { map { split /=/, $_, 2 } @about },
    peer => $PEER, scripts => \%result });
close $json or die "report.pl: $stem.json: $!\n";

# ---- 4. draw it: a block of lines for each metric, three columns for each contestant -----
my @panels = ([ rate => 'requests/s' ], [ server_us => 'server_CPU' ],
    [ p99_us => 'p99_latency' ], [ memory_kb => 'memory' ]);
my $TOP = 3; # a ratio above it is cut off, or the rest could not be told apart
my %known;
my @columns = grep { !/ (?:worker|prefork)$/ && !$known{$_}++ } map { @{ $whos{$_} } }
    @scripts;
open my $data, '>', "$stem.dat" or die "report.pl: $stem.dat: $!\n";
for my $key (map { $_->[0] } @panels) {
    print $data 'script', (map { (sprintf ' "%s"', s/ event$//r) x 3 } @columns), "\n";
    for my $script (@scripts) {
        my $none = { median => 0, lowest => 0, highest => 0 };
        print $data $script;
        for my $who (@columns) {
            my $ratio = ($result{$script}{$who}{$key} || {})->{ratio} || $none;
            printf $data ' %.3f %.3f %.3f', @$ratio{qw(median lowest highest)};
        }
        print $data "\n";
    }
    print $data "\n\n";
}
close $data or die "report.pl: $stem.dat: $!\n";
my $set = "data='$stem.dat'; picture='$stem.svg'; panels='@{[ map { $_->[1] } @panels ]}';"
    . " top=$TOP; columns=" . @columns;
system('gnuplot', '-e', $set, "$FindBin::Bin/rounds.gp") == 0
    or die "report.pl: gnuplot: exit $?\n";
print "written: $stem.json, $stem.svg\n";
