# SPDX-License-Identifier: Apache-2.0
#
# Who gets the status page: nobody but this machine where no Require stands beside SetHandler,
# whatever Require is inherited; whom Require lets in where one does; and never by a .htaccess,
# a type or a rewrite, nor where a .htaccess could let others in. The test has a network of its own, in which requests come from elsewhere.
use strict;
use warnings;
use FPMT;
use FPMT::Apart;
use FPMT::Server;
use FPMT::Status;
use IO::Socket::INET;
use Test::More;

own_network($ELSEWHERE);

my $s   = FPMT::Server->new('status-access');
my $dir = $s->{dir};
for my $name (qw(page under)) {
    mkdir "$dir/www/$name";
    put("$dir/www/$name/index.html", "a file\n");
    put("$dir/www/$name/x.fpmpool-status", "a file\n");
    put("$dir/www/$name/x.txt", "a file\n");
}
my @more = map { "LoadModule ${_}_module " . setting('libexec') . "/mod_$_.so\n" } qw(remoteip actions headers access_compat);

# Frame's own <Directory /> has Require all granted, as a distribution has for its document root.
my $site = <<"CONF" . $s->host('a.test', 'FPMUser fpmt_anna', 'RewriteEngine On', 'RewriteRule ^/by-server-rule$ - [H=fpmpool-status]') . $s->host('proxied.test', 'RemoteIPHeader X-Forwarded-For', 'RemoteIPInternalProxy 127.0.0.1');
Listen $ELSEWHERE:$s->{port}
<Location /bare>
    SetHandler fpmpool-status
</Location>
<Location /granted>
    SetHandler fpmpool-status
    Require all granted
</Location>
<Location /local>
    Require ip 127.0.0.0/8
    SetHandler fpmpool-status
</Location>
<Location /any>
    SetHandler fpmpool-status
    <RequireAny>
        Require ip $ELSEWHERE
    </RequireAny>
</Location>
<Location /inside>
    <IfModule fpmpool_module>
        SetHandler fpmpool-status
        Require ip $ELSEWHERE
    </IfModule>
</Location>
<Location /outer>
    Require all granted
</Location>
<Location /outer/page>
    SetHandler fpmpool-status
</Location>
<Location /bare/off>
    SetHandler none
</Location>
<Location /under/pools>
    SetHandler fpmpool-status
    Require ip 192.0.2.99
</Location>
<Location /under/local>
    SetHandler fpmpool-status
</Location>
<Location /under/apart>
    SetHandler fpmpool-status
    Require ip $ELSEWHERE
</Location>
Alias /under/apart $dir/apart
<Directory $dir/www/under>
    AllowOverride All
</Directory>
<Directory $dir/www/page>
    AllowOverride All
    SetHandler fpmpool-status
</Directory>
CONF
$s->configure($site);
put("$dir/httpd.conf", join('', @more) . slurp("$dir/httpd.conf"));
ok $s->start, 'the server starts' or BAIL_OUT($s->{said} . $s->log);
$s->said(qr/FPMP0512/);

# Our lines since the last call that have this code; httpd's own refusals are claimed beside.
sub said { my ($code) = @_; return grep { /$code/ } $s->said(qr/FPMP070[123]|AH01630|AH00036|AH00124/) }

# The status of one request from here or from elsewhere; "page" where it was the page.
sub answer {
    my ($target, %o) = @_;
    my $to = $o{from} || '127.0.0.1';
    my $fh = IO::Socket::INET->new(PeerAddr => $to, LocalAddr => $to, PeerPort => $s->{port}, Timeout => 10) or die "connect $to: $!\n";
    binmode $fh;
    send_request($fh, $o{host} || 'a.test', 'GET', $target, headers => $o{headers});
    my $r = read_answer($fh, 'GET');
    return $r->{body} =~ /"version": |PHP-FPM pools/ ? 'page' : $r->{status};
}

subtest 'by address' => sub {
    for my $row (
        [ '/bare',       'page', 403, 'without Require only this machine, though all is granted above' ],
        [ '/outer/page', 'page', 403, 'a Require of another section opens nothing' ],
        [ '/granted',    'page', 'page', 'Require all granted beside it opens it' ],
        [ '/local',      'page', 403, 'Require before SetHandler' ],
        [ '/any',        403, 'page', 'Require in a section of them' ],
        [ '/inside',     403, 'page', 'both in <IfModule>' ],
        [ '/bare/off',   404, 404, 'SetHandler none takes it away' ],
        [ '/page/',      'page', 403, 'in <Directory>' ],
        )
    {
        my ($target, $here, $there, $title) = @$row;
        is answer("$target?json"), $here, "$title: from here $here";
        is answer("$target?json", from => $ELSEWHERE), $there, "$title: from elsewhere $there";
    }
    my @said = said('FPMP0702');
    is scalar(@said), 3, 'each refusal of ours is said once' or diag join "\n", @said;
    like $said[0], qr/FPMP0702: handler: '\Q$ELSEWHERE\E' asks for the status of all pools, which only this machine gets/, 'with the address';
};

subtest 'through a proxy' => sub {
    is answer('/bare', headers => ["$_: 127.0.0.1"]), 403, "$_: a proxy on this machine serves the world" for qw(X-Forwarded-For Forwarded X-Real-IP Via);
    is answer('/bare', host => 'proxied.test'), 'page', 'with mod_remoteip and no proxy';
    is answer('/bare', host => 'proxied.test', headers => ["X-Forwarded-For: $_"]), 403, "mod_remoteip takes $_" for $ELSEWHERE, '127.0.0.1', '::1';
    my @said = said('FPMP0702');
    is scalar(@said), 7, 'each is said';
    like $said[0], qr/'127\.0\.0\.1' behind a proxy \(X-Forwarded-For\) asks/, 'with the header';
    like $said[-1], qr/'::1' behind a proxy \(mod_remoteip\) asks/, 'or the module';
};

# A site owner with AllowOverride All tries to show the page, also to this machine: the scripts
# of every user run here.
subtest '.htaccess' => sub {
    my @tries = (
        [ 'SetHandler', "SetHandler fpmpool-status\n", '/under/x.txt' ],
        [ 'SetHandler in <Files>', "<Files x.txt>\nSetHandler fpmpool-status\n</Files>\n", '/under/x.txt' ],
        [ 'SetHandler in capitals', "SetHandler FPMPOOL-STATUS\n", '/under/x.txt' ],
        [ 'SetHandler by an expression', qq(SetHandler "expr=fpmpool-status"\n), '/under/x.txt' ],
        [ 'with Require all granted', "SetHandler fpmpool-status\nRequire all granted\n", '/under/x.txt' ],
        [ 'in <If>', "<If \"true\">\nSetHandler fpmpool-status\n</If>\n", '/under/x.txt' ],
        [ 'on a directory', "SetHandler fpmpool-status\n", '/under/' ],
        [ 'on a name that is none', "SetHandler fpmpool-status\n", '/under/none' ],
        [ 'AddHandler', "AddHandler fpmpool-status .txt\n", '/under/x.txt' ],
        [ 'ForceType', "ForceType fpmpool-status\n", '/under/x.txt' ],
        [ 'AddType', "AddType fpmpool-status .txt\n", '/under/x.txt' ],
        [ 'Action', "Action text/plain /under/x.fpmpool-status\nAddHandler fpmpool-status .fpmpool-status\n", '/under/x.txt' ],
        [ 'RewriteRule [H=]', "RewriteEngine On\nRewriteRule x.txt - [H=fpmpool-status]\n", '/under/x.txt' ],
        [ 'RewriteRule [T=]', "RewriteEngine On\nRewriteRule x.txt - [T=fpmpool-status]\n", '/under/x.txt' ],
        [ 'FallbackResource', "FallbackResource /under/x.txt\nSetHandler fpmpool-status\n", '/under/none' ],
        [ 'ErrorDocument', "ErrorDocument 404 /under/x.txt\nSetHandler fpmpool-status\n", '/under/none' ],
    );
    for my $try (@tries) {
        my ($title, $text, $target) = @$try;
        put("$dir/www/under/.htaccess", $text);
        for my $from ('127.0.0.1', $ELSEWHERE) {
            my $got = answer($target, from => $from);
            isnt $got, 'page', "$title: $got from $from";
        }
    }
    cmp_ok scalar said('FPMP0701'), '>=', 20, 'most reach the handler, and are refused by it';
    # The page in a place that has a .htaccess of somebody else.
    my @places = (
        [ 'Require in its directory', "Require all granted\n", '/page/' ],
        [ 'Require and SetHandler in its directory', "SetHandler FPMPOOL-status\n<RequireAny>\nRequire all granted\n</RequireAny>\n", '/page/' ],
        [ 'Satisfy', "Satisfy Any\nAllow from all\n", '/under/pools' ],
        [ 'Require in <If>', "<If \"true\">\nRequire all granted\n</If>\n", '/under/pools' ],
        [ 'a header of a proxy taken away', "RequestHeader unset X-Forwarded-For\n", '/under/local' ],
    );
    for my $place (@places) {
        my ($title, $text, $target) = @$place;
        put("$dir/www/$_/.htaccess", $text) for qw(page under);
        is answer($target, from => $_, headers => ['X-Forwarded-For: 127.0.0.1']), 403, "$title: not for $_" for '127.0.0.1', $ELSEWHERE;
    }
    my @said = said('FPMP0703');
    is scalar(@said), 2 * @places, 'each is said';
    like $said[0], qr{FPMP0703: handler: the \.htaccess in '\Q$dir\E/www/page/?' could let others see the status of all pools at '/page/}, 'with its directory';
    is answer('/under/apart', from => $ELSEWHERE), 'page', 'a place of its own by Alias has none';
    unlink "$dir/www/page/.htaccess", "$dir/www/under/.htaccess";
    is answer('/under/pools', from => $ELSEWHERE), 403, 'without .htaccess Require holds';
    is answer('/under/local'), 'page', 'and who is let in gets the page';
    # From elsewhere to a page that is local, by an internal redirect.
    for my $text ("ErrorDocument 404 /bare\n", "RewriteEngine On\nRewriteRule . /bare\n", "FallbackResource /bare\n", "DirectoryIndex /bare\n") {
        put("$dir/www/under/.htaccess", $text);
        isnt answer($_, from => $ELSEWHERE), 'page', "$_ with " . $text =~ s/\n/ /gr for '/under/none', '/under/';
    }
    said('FPMP070');
    unlink "$dir/www/under/.htaccess";
};

subtest 'the server\'s own [H=]' => sub {
    is answer('/by-server-rule'), 403, 'is refused too: only SetHandler sets the page';
    is scalar said('FPMP0701'), 1, 'and said';
};

done_testing;
