#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What the pages of the manual name exists: links and their anchors, codes, directives, keys,
# metrics, words of the environment. And what users can write stands on docs/directives.md. One
# line on standard output for each fault; guards.sh says it. Runs in the tree that it looks at.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Spec;

my @pages = ('README.md', sort glob 'docs/*.md');
my @code  = (glob('core/*.c'), glob('host/*.c'), glob('glue/*.c'), glob('service/*.c'), glob('*.[ch]'));

sub slurp {
    my ($file) = @_;
    open my $fh, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    local $/;
    return scalar <$fh>;
}

sub fault { my ($page, $line, $what) = @_; print "$page:$line: $what\n" }

# Lines of a page outside of code blocks: [ number, text ].
sub prose {
    my ($text) = @_;
    my ($number, $fence, @lines) = (0, 0);
    for (split /\n/, $text) {
        $number++;
        if (/^\s*```/) { $fence = !$fence; next }
        push @lines, [ $number, $_ ] if !$fence;
    }
    return @lines;
}

# The anchors of a page, as GitHub makes them of its headings.
my %anchors;

sub anchors {
    my ($page) = @_;
    return $anchors{$page} ||= do {
        my (%seen, %all);
        for my $line (prose(slurp($page))) {
            my ($title) = $line->[1] =~ /^#+ +(.*?) *$/ or next;
            $title =~ s/\[([^]]*)\]\([^)]*\)/$1/g;
            my $name = lc $title;
            $name =~ s/[^\w\- ]//g;
            $name =~ tr/ /-/;
            $all{ $seen{$name}++ ? "$name-" . ($seen{$name} - 1) : $name } = 1;
        }
        \%all;
    };
}

sub link_fault {
    my ($page, $target) = @_;
    my ($file, $anchor) = $target =~ /^([^#]*)(?:#(.*))?$/ or return "link '$target'";
    my $to = $file eq '' ? $page : File::Spec->canonpath(dirname($page) . "/$file");
    1 while $to =~ s{(?:^|/)(?!\.\.)[^/]+/\.\.(?=/|$)}{};
    $to =~ s{^/}{};
    return "link to '$target', which is no file" if !-e $to;
    return "link to '$target', where no heading has that name" if defined $anchor && !anchors($to)->{$anchor};
    return undef, $to;
}

# ---- what the code has -------------------------------------------------------------------
my $word = qr/(FPMP\d{4}|FPMPOOL_[A-Z]+|FPM[A-Z][A-Za-z]+|fpmpool_(?:pools?|status)[a-z_]*)/;
my %known;    # such words in strings of C files
for my $file (@code) {
    my $text = slurp($file);
    $text =~ s{("(?:\\.|[^"\\])*")|/\*.*?\*/}{$1 // ' '}gse;    # without comments
    $known{$_} = 1 for map { /$word/g } $text =~ /"((?:\\.|[^"\\])*)"/g;
}
my %directives = map { $_ => 1 } slurp('mod_fpmpool.c') =~ /AP_INIT_\w+\(\s*"(FPM[A-Za-z]+)"/g;
my $settings   = slurp('core/settings.c');
my %keys       = (rule => {}, why => {}, own => {});
$keys{$2}{$1}  = 1 while $settings =~ /\{\s*\.name = "([^"]+)",\s*\.(rule|why)\b/g;
$keys{own}     = { map { $_ => 1 } ($settings =~ /own_keys\[\] = \{([^}]*)\}/ ? $1 : '') =~ /"([a-z]+)"/g };

# ---- what the pages name -----------------------------------------------------------------
my %linked = ('README.md' => 1);
for my $page (@pages) {
    my $text = slurp($page);
    for my $line (prose($text)) {
        my ($number, $words) = @$line;
        $words =~ s/`[^`]*`//g;
        while ($words =~ /\]\(([^)\s]+)\)/g) {
            next if $1 =~ /^[a-z]+:/;
            my ($why, $to) = link_fault($page, $1);
            $why ? fault($page, $number, $why) : $linked{$to}++;
        }
    }
    my $number = 0;
    for my $words (split /\n/, $text) {
        $number++;
        $known{$_} or fault($page, $number, "'$_', which is not in the code") for grep { !/^FPMPnnnn$/ } $words =~ /\b$word\b/g;
    }
}
$linked{$_} or fault($_, 1, 'page that no other page links to') for @pages;

# ---- what docs/directives.md has to name ----------------------------------------------------
# The names in the first column of the tables of one section.
sub column {
    my ($text, $title) = @_;
    my ($section) = $text =~ /^#+ \Q$title\E\n(.*?)(?=^#|\z)/ms or return { "(no section '$title')" => 1 };
    my %names;
    for my $cell ($section =~ /^\| ?([^|]+?) ?\|/mg) {
        $names{ $_ =~ s/(?:=|\[[A-Z]*\])$//r } = 1 for $cell =~ /`([^`]+)`/g;
    }
    return \%names;
}

sub same {
    my ($what, $code, $docs) = @_;
    %$code or fault('docs/directives.md', 1, "$what: the code has none, nothing was checked");
    $docs->{$_} or fault('docs/directives.md', 1, "$what '$_' is not there") for sort keys %$code;
    $code->{$_} or fault('docs/directives.md', 1, "$what '$_' is not in the code") for sort keys %$docs;
}

my $page = slurp('docs/directives.md');
same('heading of directive', \%directives, { map { $_ => 1 } $page =~ /^## (FPM[A-Za-z]+)$/mg });
same('row of directive',     \%directives, { map { $_ => 1 } $page =~ /^\| \[(FPM[A-Za-z]+)\]/mg });
same('own key',              $keys{own},   column($page, 'The module\'s own keys'));
same('pool directive',       $keys{rule},  column($page, 'Pool directives of PHP-FPM'));
my $refused = column($page, 'Keys that are refused');
delete $refused->{'opcache.validate_permission'};    # a setting of php.ini, not of a pool
same('refused key', $keys{why}, $refused);
