# SPDX-License-Identifier: Apache-2.0
#
# The status page as a test reads it: JSON by JSON::PP, Prometheus' text by a strict reader of
# its own; and an address that a request can come from, in a network of the test's own.
package FPMT::Status;

use strict;
use warnings;
use Exporter 'import';
use FPMT;
use IO::Socket::INET;
use JSON::PP;

our @EXPORT = qw(page pools pool_of prometheus rested $ELSEWHERE);

our $ELSEWHERE = '192.0.2.7'; # RFC 5737: nobody's

# One page as JSON, from 127.0.0.1; the status stands for one that is none.
sub page {
    my ($server, $target) = @_;
    my $r = $server->get('a.test', $target || '/st?json');
    my $json = $r->{status} == 200 ? eval { JSON::PP->new->utf8->decode($r->{body}) } : undef;
    return $json || { status => $r->{status}, body => $r->{body}, pools => [] };
}

sub pools { return { map { $_->{user} => $_ } @{ page(@_)->{pools} } } }

sub pool_of { my ($server, $user) = @_; return pools($server)->{$user} || {} }

# Waits until as many pools are full as should be. A child that a page has asked is busy until it
# has seen that httpd closed the connection, and a pool of one child is full so long. mod_status's
# page asks nobody, so the next page of ours finds what is seen here.
sub rested {
    my ($server, $full) = @_;
    $full ||= 0;
    return wait_for(10, sub { $server->get('a.test', '/server-status?auto')->{body} =~ /^FPMPools-full: $full$/m });
}

# Reads the text format 0.0.4 and dies at the first line that is not right; returns
# { metric => { labels => value } }. Each metric has HELP, then TYPE, then its lines together.
sub prometheus {
    my ($text) = @_;
    my (%seen, %type, $now, %lines);
    $text =~ /\n\z/ or die "the last line has no end\n";
    for my $line (split /\n/, $text) {
        if ($line =~ /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (\S.*)$/) {
            die "$1 stands twice\n" if $seen{$1}++;
            $now = $1;
        }
        elsif ($line =~ /^# TYPE (\S+) (gauge|counter)$/) {
            die "TYPE $1 behind HELP $now\n" if $1 ne $now || $type{$1};
            $type{$1} = $2;
            die "$1: a counter ends in _total, nothing else does\n" if ($2 eq 'counter') != ($1 =~ /_total$/ ? 1 : 0);
        }
        elsif ($line =~ /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?\d+(?:\.\d+)?)$/) {
            my ($name, $labels, $value) = ($1, $2 // '', $3);
            die "$name stands apart from its TYPE\n" if $name ne $now || !$type{$name};
            $labels =~ /^(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,(?=[a-z])|$))*$/ or die "labels: $labels\n";
            die "$name\{$labels} stands twice\n" if exists $lines{$name}{$labels};
            $lines{$name}{$labels} = $value;
        }
        else { die "no line of the format: $line\n" }
    }
    return \%lines;
}

1;
