# SPDX-License-Identifier: Apache-2.0
#
# Each folder of t/configtest is a case: site.conf goes into a minimal httpd.conf beside a private
# php-fpm, setup (a shell script) makes the situation, then `httpd -t` runs. expect has the
# exit code in its first line, then the lines of the module, all of them and nothing else.
# A file args has further arguments of httpd, and lint.conf is put beside httpd.conf for them.
# @DIR@ is the case's folder, @USER@ and @GROUP@ are httpd's own, @FPM@ is the program of PHP-FPM,
# @PID@ a process number, @UID@ a user's number, @LIBEXEC@ the folder of httpd's modules, @FOUND@ the names of the masters
# that this machine has, @MEMORY@ what it has of it, @N@ the length of a path in the scratch folder.
# FPMT_ACCEPT=1 writes what was seen into t/configtest of the checkout, to be read by eye.
use strict;
use warnings;
use File::Basename qw(basename);
use FPMT;
use FPMT::Apart;
use FPMT::Server;
use Test::More;

# From a network with nothing but lo no public address can be reached, wherever the tests run.
own_network();

# What httpd says itself on every run, or only counts.
my $noise = qr/^(?:Syntax OK|AH00558:.*|AH00014: Configuration check failed|Action '-t' failed\.|The Apache error log may have more information\.)$/;

# FPMT_CASE=REGEX runs those cases only; the first check fails then.
my $wanted = $ENV{FPMT_CASE} // "";
my @cases = grep { -d && basename($_) =~ $wanted } sort glob "$TDIR/configtest/*";
cmp_ok scalar(@cases), '>=', 20, 'there are cases to run';
for my $case (@cases) {
    my $name   = basename($case);
    my $server = FPMT::Server->new("case-$name");
    my $dir    = $server->{dir};
    my %fill   = (DIR => $dir, USER => setting('user'), GROUP => setting('group'),
        FPM => $server->{fpm}{binary}, LIBEXEC => setting('libexec'));
    my ($site, $args, $lint) = map { filled("$case/$_", \%fill) } qw(site.conf args lint.conf);
    put("$dir/lint.conf", $lint) if -e "$case/lint.conf";
    $server->configure($site, $site =~ /^FPMMaster/m ? (master => '') : ());
    if (-e "$case/setup") {
        local $ENV{DIR}  = $dir;
        local $ENV{SYNC} = join ' ', $server->command('-t', '-D', 'FPMPOOL_SYNC');
        system("cd $dir && timeout 60 sh -eu $case/setup >setup.log 2>&1") == 0
            or do { fail("$name: setup"); diag slurp("$dir/setup.log"); next };
    }
    my $before = listing($dir);
    my ($code, $said) = $server->run('-t', split ' ', $args);
    my @lines = grep { !/$noise/ } split /\n/, $said;
    is listing($dir), $before, "$name: configtest changed nothing";
    my $seen = join '', map { "$_\n" } $code, @lines;
    $seen =~ s/\Q$dir\E/\@DIR\@/g;
    $seen =~ s{\.\.\.([^'\s]+)}{whole($1, $dir)}ge;
    $seen =~ s/' is \d+ bytes, a Unix socket/' is \@N\@ bytes, a Unix socket/;
    $seen =~ s/(there is no master '[^']*', only one)(?:, [\d.]+)*/$1\@FOUND\@/g;
    $seen =~ s/((?:PHP-FPM|worker)) \d+ (?=of|listens|runs)/$1 \@PID\@ /g;
    $seen =~ s/by the number [1-9]\d*/by the number \@UID\@/g;
    $seen =~ s/belongs to uid [1-9]\d*/belongs to uid \@UID\@/g;
    $seen =~ s/the machine has \d+ MB/the machine has \@MEMORY\@ MB/g;
    # Quoted, or behind gpasswd or chgrp: a bare www-data elsewhere would be a finding of its own.
    $seen =~ s/(gpasswd -d \S+|chgrp) \Q$fill{GROUP}\E/$1 \@USER\@/;
    $seen =~ s/'\Q$fill{$_}\E'/'\@$_\@'/g for qw(USER FPM);
    put(setting('t') . "/configtest/$name/expect", $seen) if $ENV{FPMT_ACCEPT};
    my $expect = slurp("$case/expect") // 'no file expect';
    is $seen, $expect, $name;
    for my $line (grep { /^FPMP/ } split /\n/, $seen) {
        cmp_ok length($line), '<=', 300, "$name: a line is at most 300 bytes" or diag $line;
    }
}
done_testing;

# A path of which a message shows the end only: whatever is left of the folder's own path.
sub whole {
    my ($end, $dir) = @_;
    for my $from (0 .. length($dir) - 1) {
        my $rest = substr $dir, $from;
        return "...\@DIR\@" . substr $end, length $rest if index($end, $rest) == 0;
    }
    return "...$end";
}

# A file of the case with this machine's values in it; "" if there is none.
sub filled {
    my ($file, $fill) = @_;
    my $text = slurp($file) // '';
    $text =~ s/\@(DIR|USER|GROUP|FPM|LIBEXEC)\@/$fill->{$1}/g;
    return $text;
}

# Every file that configtest must not touch: name, inode, size, change time, content.
sub listing {
    my ($dir) = @_;
    return join '', map { my @s = lstat; "$_ $s[1] $s[2] $s[7] $s[10]\n" }
        sort glob("$dir/fpm/* $dir/fpm/*/* $dir/fpm/*/.* $dir/other/*/*");
}
