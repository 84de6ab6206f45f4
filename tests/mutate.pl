#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Random edits of a configuration, as a tired hand or a broken tool makes them, the same for the
# same seed on every machine. t/mutants.t requires this file; by hand it prints one edit:
#     perl tests/mutate.pl SEED [httpd] < FILE
package FPMT::Mutate;

use strict;
use warnings;

# Values that PHP-FPM or httpd read in another way than a human does. The caller adds names of
# the machine: users, sockets, directories.
my @VALUES = (
    '', q(''), '""', '0', '-1', '1', '99999999999', 'none', 'no', 'yes', 'On', 'null', 'static', 'dynamic',
    'ondemand', 'E_ALL', 'PHP_VERSION', 'root', '0', '4294967295', 'fpmt_no_such_user', '#', '# x', ';', '"x', q('x), 'x"',
    'a b', 'a=b', 'a&b', '!x', '~', '(x)', '$pool', '${HOME}', '"${NONE}"', '\\', '"\\"', "a\0b", "a\rb", "\xff", "\t",
    '/fpmt_none/x', '/', '127.0.0.1:70000', '256.0.0.1:9', 'x:y', '5x', '10s', '1d', '0999', 'rw', '*', '%{x}e',
);

my @LINES = (
    '', '# a comment of another program', '; a comment', 'word', '=', 'user =', 'user = root', 'group = root',
    'user = fpmt_no_such_user', 'listen.owner = fpmt_no_such_user', 'listen.mode = rw', 'listen.acl_users = fpmt_no_such_user',
    'pm = static', 'pm = nonsense', 'pm.max_children = 0', 'pm.max_requests = x', 'chroot = /fpmt_none', 'chdir = /fpmt_none',
    'prefix = /fpmt_none', 'access.log = /fpmt_none/log', 'access.format = %Z', 'slowlog = /fpmt_none/log',
    'request_slowlog_timeout = 5', 'request_terminate_timeout = 5x', 'process.priority = 30', 'rlimit_files = 99999999999',
    'rlimit_core = -1', 'pm.status_path = status', 'ping.path = /', 'pm.status_listen = /fpmt_none/s', 'daemonize = maybe',
    'error_log = /fpmt_none/log', 'pid = /fpmt_none/pid', 'log_level = loud', 'log_limit = 1', 'events.mechanism = wheel',
    'events.mechanism = select', 'process_control_timeout = x', 'process.max = -1', 'syslog.facility = x', 'rlimit_files = 10',
    'emergency_restart_interval = 1x', 'include = /fpmt_none/*.conf', 'include = /etc/hostname', 'include = x.conf', 'Include = x',
    '[global]', '[GLOBAL]', '[www]', '[WWW]', '[fpmt_anna]', '[FPMT_ANNA]', ' [x]', '[]', '[a b]', '[$pool]', '["x"]', '[x', 'x]',
    '[x] ; comment', '[x] user = root', 'env[A] = $HOME', 'env[A] =', 'env[] = x', 'php_value[x] = y', 'php_admin_flag[x] = maybe',
    'php_admin_value[] = x', 'security.limit_extensions =', "user = root\r", "\xef\xbb\xbfuser = root", 'listen = 0', 'listen = 70000',
);

my @HTTPD_LINES = (
    '', '# a comment', 'word', 'FPMUser', 'FPMUser off', 'FPMUser root', 'FPMUser fpmt_bert', 'FPMUser fpmt_bert:root',
    'FPMUser fpmt_anna pm.max_children=3', 'FPMUser fpmt_no_such_user', 'FPMUser fpmt_bert "pm = static"', 'FPMUser fpmt_bert pm=static',
    'FPMUser fpmt_bert php=9.9', 'FPMUser fpmt_bert ext=', 'FPMUser fpmt_bert "php_admin_value[x]=a\"b"', 'FPMDefaults pm=dynamic',
    'FPMDefaults pm.max_children=99999', 'FPMDefaults chdir=/fpmt_none', 'FPMDefaults access.log=/fpmt_none/log',
    'FPMDefaults env[A]=$HOME', 'FPMDefaults request_slowlog_timeout=5', 'FPMDefaults user=root', 'FPMDefaults process.priority=30',
    'FPMSync check', 'FPMSync write', 'FPMSync x', 'FPMStrict on', 'FPMSocketDir /fpmt_none', 'FPMSocketDir x', 'FPMMaster one',
    'FPMMaster two config=/fpmt_none', 'FPMMaster', '<VirtualHost *>', '</VirtualHost>', '<Directory />', '</Directory>',
    '<Location "/">', '<IfModule x>', 'User fpmt_anna', 'Group root', 'User root', 'PidFile /fpmt_none/pid', 'SetHandler fpmpool',
    'DocumentRoot /fpmt_none', 'Include /fpmt_none', 'AddType text/html .php', 'Define A', '${A}', '\\',
);

my @BYTES = ("\0", "\r", "\n", "\xff", "\t", ' ', '"', q('), '#', ';', '=', '[', ']', '$', '{', '\\', '/', '.', ',', ':', '0', '9', '-', 'x');

sub pick { return $_[ int rand @_ ] }
sub spot { return int rand(length($_[0]) + 1) }    # between two bytes
sub lines { return split /(?<=\n)/, $_[0] }
sub shown { my $s = $_[0]; $s =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge; return length $s > 60 ? substr($s, 0, 60) . '...' : $s }

# Each gets the bytes and the words of its language, and returns the new bytes and what it did.
my %EDIT = (
    drop_line => sub {
        my @l = lines($_[0]);
        my $i = int rand @l;
        return (join('', @l[ grep { $_ != $i } 0 .. $#l ]), 'drop "' . shown($l[$i]) . '"');
    },
    double_line => sub {
        my @l = lines($_[0]);
        my ($from, $to) = (int rand @l, int rand(@l + 1));
        my $line = $l[$from];
        splice @l, $to, 0, $line;
        return (join('', @l), 'copy "' . shown($line) . "\" to line " . ($to + 1));
    },
    swap_lines => sub {
        my @l = lines($_[0]);
        my ($i, $k) = (int rand @l, int rand @l);
        @l[ $i, $k ] = @l[ $k, $i ];
        return (join('', @l), 'swap "' . shown($l[$k]) . '" and "' . shown($l[$i]) . '"');
    },
    drop_byte => sub {
        my ($text, $at) = ($_[0], int rand length $_[0]);
        my $byte = substr $text, $at, 1, '';
        return ($text, 'drop byte "' . shown($byte) . '" of ' . around($text, $at));
    },
    put_byte => sub {
        my ($text, $at, $byte) = ($_[0], spot($_[0]), pick(@BYTES));
        substr $text, $at, 0, $byte;
        return ($text, 'put byte "' . shown($byte) . '" into ' . around($text, $at));
    },
    set_value => sub {
        my ($text, $words) = @_;
        my @spots;
        while ($text =~ /$words->{value}/g) { push @spots, [ $-[1], $+[1] - $-[1] ] }
        @spots or return ($text, '');
        my ($at, $len) = @{ pick(@spots) };
        my $value = pick(@{ $words->{values} });
        substr $text, $at, $len, $value;
        return ($text, 'value "' . shown($value) . '" in ' . around($text, $at));
    },
    put_line => sub {
        my ($text, $words) = @_;
        my @l = lines($text);
        my ($at, $line) = (int rand(@l + 1), pick(@{ $words->{lines} }));
        splice @l, $at, 0, "$line\n";
        return (join('', @l), 'line "' . shown($line) . '" as line ' . ($at + 1));
    },
    cut => sub {
        my $at = spot($_[0]);
        return (substr($_[0], 0, $at), "cut after $at bytes, at " . around($_[0], $at));
    },
    append => sub {
        my $garbage = join '', map { chr int rand 256 } 1 .. 1 + int rand 40;
        return ($_[0] . $garbage, 'append "' . shown($garbage) . '"');
    },
);

# The likelier ones are those of a hand with an editor.
my @OFTEN = (sort(keys %EDIT), qw(set_value set_value set_value put_line put_line drop_byte drop_line put_byte));

# The line around an offset, for the report.
sub around {
    my ($text, $at) = @_;
    my $start = rindex($text, "\n", $at - 1) + 1;
    my $end = index $text, "\n", $at;
    return '"' . shown(substr $text, $start, ($end < 0 ? length $text : $end) - $start) . '"';
}

# One edit of $text: the new bytes and what was done. language is 'ini' or 'httpd'; values
# are added to the known ones. Uses Perl's rand, which is the same on every machine.
sub mutate {
    my ($text, %o) = @_;
    my $httpd = ($o{language} // 'ini') eq 'httpd';
    my %words = (
        values => [ @VALUES, map { ($_) x 4 } @{ $o{values} || [] } ],
        lines  => $httpd ? \@HTTPD_LINES : [ @LINES, @{ $o{lines} || [] } ],
        value  => $httpd ? qr/(?<=[ =:])("[^"\n]*"|[^ =:"\n]+)/ : qr/^[^;\n=]+=[ ]?(.*)$/m,
    );
    while (1) {
        my ($new, $what) = $EDIT{ pick(@OFTEN) }->($text, \%words);
        return ($new, $what) if $new ne $text;
    }
}

if (!caller) {
    my ($seed, $language) = @ARGV;
    defined $seed or die "usage: mutate.pl SEED [httpd] < FILE\n";
    srand $seed;
    binmode $_ for *STDIN, *STDOUT;
    my ($new, $what) = mutate(do { local $/; <STDIN> }, language => $language);
    print STDERR "$what\n";
    print $new;
}

1;
