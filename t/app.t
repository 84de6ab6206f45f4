# SPDX-License-Identifier: Apache-2.0
#
# An application that nobody here wrote: DokuWiki as Debian ships it, unpacked and not changed,
# run as fpmt_carl and used over HTTP.
use strict;
use warnings;
use FPMT;
use FPMT::Wiki;
use Test::More;

my $root  = "$SCRATCH/wiki";
my $text  = 'The **quick** brown fox; ' . join ' ', map { chr(97 + $_ % 26) x 5 } 1 .. 500;

my %cookie;

sub wiki {
    my ($method, $target, %o) = @_;
    my $jar = join '; ', map { "$_=$cookie{$_}" } sort keys %cookie;
    my $r = http('wiki.test', $method, $target, %o, headers => [ @{ $o{headers} || [] }, $jar ? "Cookie: $jar" : () ]);
    /^([^=]+)=([^;]*)/ and $cookie{$1} = $2 for head_values($r, 'Set-Cookie');
    return $r;
}

# The hidden fields of the page's form, and more.
sub form {
    my ($html, %more) = @_;
    my %field;
    while ($html =~ /<input type="hidden" ([^>]*)>/g) {
        my $in = $1;
        $field{$1} = ($in =~ /value="([^"]*)"/)[0] // '' if $in =~ /name="([^"]+)"/;
    }
    my %all = (%field, %more);
    return join '&', map { my ($k, $v) = ($_, $all{$_}); s/([^\w.-])/sprintf '%%%02X', ord $1/ge for $k, $v; "$k=$v" } sort keys %all;
}

my @noise;    # what PHP 8.2 says of this old code
my $trouble = FPMT::Wiki::unpack_into($root);
is $trouble // '', '', 'the packages are here and unpacked';
if (!$trouble) {
    FPMT::Wiki::set_up($root, 'fpmt_carl');
    # Its code predates PHP 8.2, and it looks for a library in /usr: notices, told to the log.
    @noise = logs_during('wiki', qr/FPMP0620/, 0, \&use_it);
    is scalar(grep { /Fatal|Uncaught/ } @noise), 0, 'PHP had no fatal error' or diag join "\n", @noise;
}
done_testing;

sub use_it {
    my $r = wiki('GET', '/');
    is $r->{status}, 302, 'the front page leads to the wiki' or diag $r->{body};
    like $r->{'h:location'}, qr{/doku\.php}, 'by a redirect of PHP';
    $r = wiki('GET', '/doku.php');
    is $r->{status}, 200, 'the start page';
    like $r->{body}, qr/A wiki of carl/, 'is the wiki that was set up';
    like $r->{body}, qr/does not exist yet/, 'and has nothing written yet';

    $r = wiki('GET', '/doku.php?id=test:page&do=edit');
    like $r->{body}, qr/<textarea[^>]*name="wikitext"/, 'the editor opens';
    my $body = form($r->{body}, id => 'test:page', wikitext => $text, 'do[save]' => 1, summary => 'first');
    $r = wiki('POST', '/doku.php?id=test:page', body => $body, headers => ['Content-Type: application/x-www-form-urlencoded']);
    is $r->{status}, 302, 'saving leads back to the page' or diag substr $r->{body}, 0, 2000;
    $r = wiki('GET', '/doku.php?id=test:page');
    like $r->{body}, qr{<strong>quick</strong> brown fox}, 'which shows what was written';
    my $file = "$root/var/lib/dokuwiki/data/pages/test/page.txt";
    is slurp($file), $text, 'it is in the data folder';
    is getpwuid((stat $file)[4] // 0), 'fpmt_carl', 'in a file of fpmt_carl';
    $r = wiki('GET', '/doku.php?id=test:page&do=revisions');
    like $r->{body}, qr/first/, 'the list of versions has it';
    wiki('GET', '/lib/exe/taskrunner.php?id=test:page');    # the indexer, as a browser asks for it
    $r = wiki('GET', '/doku.php?do=search&q=quick&id=start');
    like $r->{body}, qr/test:page/, 'the search finds it';

    $r = wiki('GET', '/lib/exe/css.php?t=dokuwiki');
    is "$r->{status} " . ($r->{'h:content-type'} =~ s/;.*//r), '200 text/css', 'the style sheet is made by PHP';
    cmp_ok length $r->{body}, '>', 10_000, 'all of it';
    # The tag is the second in which DokuWiki made the file, or began to make it anew: as long as a file
    # that it is made of is of the same second, the next request has another one.
    ok wait_for(10, sub {
        my $tag = wiki('GET', '/lib/exe/css.php?t=dokuwiki')->{'h:etag'} // '-';
        wiki('GET', '/lib/exe/css.php?t=dokuwiki', headers => [ "If-None-Match: $tag" ])->{status} == 304;
    }), 'and not sent twice';
    $r = wiki('GET', '/lib/exe/fetch.php?media=wiki:dokuwiki-128.png');
    is $r->{'h:content-type'}, 'image/png', 'a picture through PHP';
    ok $r->{body} eq slurp("$root/var/lib/dokuwiki/data/media/wiki/dokuwiki-128.png"), 'byte by byte';
    $r = wiki('GET', '/lib/images/throbber.gif');
    is $r->{'h:content-type'} // '', 'image/gif', 'a picture that is a file comes from httpd' if -e "$root/usr/share/dokuwiki/lib/images/throbber.gif";
    logs_during('wiki', qr/AH01630: client denied/, 1, sub {
        is wiki('GET', '/inc/init.php')->{status}, 403, 'what the host denies stays denied';
    });

    my $picture = slurp("$root/var/lib/dokuwiki/data/media/wiki/dokuwiki-128.png");
    $r = wiki('GET', '/lib/exe/mediamanager.php?ns=test&tab_files=upload');
    my ($token) = $r->{body} =~ /name="sectok" value="([^"]*)"/;
    my $part = sub { "--cut\r\nContent-Disposition: form-data; name=\"$_[0]\"$_[2]\r\n\r\n$_[1]\r\n" };
    $r = wiki('POST', '/lib/exe/mediamanager.php?ns=test', headers => ['Content-Type: multipart/form-data; boundary=cut'],
        body => join '', $part->('sectok', $token // '', ''), $part->('ns', 'test', ''), $part->('mediaid', 'mine.png', ''),
            $part->('upload', $picture, "; filename=\"mine.png\"\r\nContent-Type: image/png"), "--cut--\r\n");
    is $r->{status}, 200, 'an upload';
    ok((slurp("$root/var/lib/dokuwiki/data/media/test/mine.png") // '') eq $picture, 'arrives in the data folder');
    $r = wiki('GET', '/lib/exe/fetch.php?media=test:mine.png');
    ok $r->{body} eq $picture, 'and comes back';
}
