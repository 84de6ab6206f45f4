# SPDX-License-Identifier: Apache-2.0
#
# Who PHP runs as: three hosts, three users, and no way from one to the other's files, not
# through the opcache they share and not through .htaccess.
use strict;
use warnings;
use FPMT;
use Test::More;

my $www = "$SCRATCH/www";

subtest 'each host runs as its user' => sub {
    for my $name (qw(anna bert carl)) {
        is body_of("$name.test", '/who.php'), "fpmt_$name fpmt_$name\n", "$name.test runs as fpmt_$name";
    }
    is body_of('www.carl.test', '/who.php'), "fpmt_carl fpmt_carl\n", 'an alias of the host too';
    is body_of('carl2.test', '/who.php'), "fpmt_carl fpmt_carl\n", 'a second host of the same user';
    my %pid = map { $_ => 1 } map { body_of($_, '/answer.php?do=pid') } ('carl.test', 'carl2.test') x 10;
    my @sections = grep { /^\[fpmt_carl\]/m } map { slurp($_) } $FPM->pool_files;
    is scalar(@sections), 1, 'and the two share one pool';
};

subtest 'a file of mode 0600 is its owner\'s' => sub {
    my $secret = user_file('anna', "$www/anna/secret.php", "<?php return 1;\n", 0600);
    my %seen;
    for my $do (qw(read include)) {
        is body_of('anna.test', "/answer.php?do=$do&path=$secret"), $do eq 'read' ? 'read' : 'included', "anna may $do it";
        for my $other (qw(bert carl)) {
            is body_of("$other.test", "/answer.php?do=$do&path=$secret"), 'refused', "$other may not $do it";
        }
    }
    # Warm: in the opcache that all pools of one master share, whoever's process fills it.
    body_of('anna.test', "/answer.php?do=include&path=$secret") for 1 .. 20;
    is body_of('bert.test', "/answer.php?do=include&path=$secret"), 'refused', 'nor when it is in the opcache';
    is get('anna.test', '/secret.php')->{status}, 200, 'anna\'s host runs it';
};

subtest 'FPMUser off' => sub {
    my $r;
    my @lines = logs_during('off', qr/FPMP\d{4}/, 1, sub { $r = get('off.test', '/who.php') });
    is $r->{status}, 403, 'PHP is refused';
    unlike $r->{body}, qr/posix/, 'and its source is not shown';
    is scalar(@lines), 1, 'one line says why' or diag join "\n", @lines;
    is body_of('off.test', '/plain.txt'), "plain text\n", 'other files are served';
    logs_during('carl2', qr/FPMP\d{4}/, 1, sub { $r = get('carl2.test', '/uploads/who.php') });
    is $r->{status}, 403, 'in a folder too';
    is body_of('carl2.test', '/uploads/plain.txt'), "plain text\n", 'where other files are served';
    is get('off.test', '/missing.php')->{status}, 404, 'a missing script is 404';
};

# Nothing here may run a pool of somebody else's choice or show the source.
sub tries {
    my ($title, $htaccess, $target, $check) = @_;
    my $dir = "$www/carl/try";
    mkdir $dir;
    chmod 0755, $dir;
    user_file('carl', "$dir/$_", slurp("$www/carl/who.php")) for qw(who.php who.php.txt who.PHP who.phtml);
    user_file('carl', "$dir/.htaccess", $htaccess);
    my $r;
    logs_during('carl', qr/FPMP\d{4}|\[(?:\w+):(?:error|crit|alert)\]/, 0, sub { $r = get('carl.test', "/try/$target") });
    unlike $r->{body}, qr/fpmt_(?:anna|bert)|posix_/, "$title: neither another user nor the source";
    $check->($r, $title);
    unlink "$dir/.htaccess";
}

subtest '.htaccess cannot choose' => sub {
    my $sock = $FPM->socket('fpmt_anna');
    my $as_carl = sub { is $_[0]{body}, "fpmt_carl fpmt_carl\n", "$_[1]: PHP runs, as carl" };
    tries('FPMUser', "FPMUser fpmt_anna\n", 'who.php', sub { is $_[0]{status}, 500, 'FPMUser in .htaccess is refused' });
    tries('the handler of mod_proxy', qq(SetHandler "proxy:unix:$sock|fcgi://localhost"\n), 'who.php', $as_carl);
    # Needs mod_proxy_fcgi in the server, as here: decision 11 holds with it too.
    tries('RewriteRule [P]', qq(RewriteEngine On\nRewriteRule ^who\\.php\$ "unix:$sock|fcgi://x$www/carl/try/who.php" [P]\n),
        'who.php', sub { isnt $_[0]{body}, "fpmt_anna fpmt_anna\n", 'RewriteRule [P] does not run it as anna' });
    symlink $sock, "$www/carl/link.sock";
    tries('RewriteRule [P] through a link', qq(RewriteEngine On\nRewriteRule ^who\\.php\$ "unix:$www/carl/link.sock|fcgi://x$www/carl/try/who.php" [P]\n),
        'who.php', sub { is $_[0]{status}, 403, 'a link to the socket is refused' });
    unlink "$www/carl/link.sock";
    tries('a handler for another file', qq(SetHandler "proxy:unix:$sock|fcgi://x"\nProxyFCGISetEnvIf true SCRIPT_FILENAME "$www/carl/try/who.php"\n),
        'who.php.txt', sub { is $_[0]{status}, 403, 'a handler that names the socket is refused' });
    tries('SetHandler none', "SetHandler none\n", 'who.php', $as_carl);
    tries('SetHandler default-handler', "SetHandler default-handler\n", 'who.php', $as_carl);
    tries('RemoveHandler', "RemoveHandler .php\nForceType text/plain\n", 'who.php', $as_carl);
    tries('AddHandler', "AddHandler server-info .php\n", 'who.php', $as_carl);
};

subtest 'our handler does not run what is not PHP' => sub {
    user_file('carl', "$www/carl/try/.htaccess", "SetHandler fpmpool\n");
    my $r;
    logs_during('carl', qr/FPMP\d{4}/, 0, sub { $r = get('carl.test', '/try/who.php.txt') });
    unlike $r->{body}, qr/^fpmt_carl/, 'SetHandler fpmpool on a .txt runs nothing';
    unlink "$www/carl/try/.htaccess";
    for my $name (qw(who.PHP who.phtml)) {
        logs_during('carl', qr/FPMP\d{4}/, 0, sub { $r = get('carl.test', "/try/$name") });
        unlike $r->{body}, qr/^fpmt_carl/, "$name is not in ext and does not run";
        unlike $r->{body}, qr/posix/, "$name is PHP by its name: its source is not shown";
    }
};

subtest 'nor one in a directory of somebody else, where that is asked' => sub {
    my $dir = "$www/carl/closed";
    mkdir $dir;
    my ($carl, $bert) = map { scalar getpwnam "fpmt_$_" } qw(carl bert);
    user_file('carl', "$dir/who.php", slurp("$www/carl/who.php"));
    for my $row ([ carl => $carl, 200 ], [ root => 0, 200 ], [ bert => $bert, 403 ]) {
        my ($name, $uid, $status) = @$row;
        chown $uid, -1, $dir;
        my $r;
        my @lines = logs_during('carl2', qr/FPMP\d{4}/, $status == 403, sub { $r = get('carl2.test', '/closed/who.php') });
        is $r->{status}, $status, "a directory of $name\'s: $status";
        is scalar(grep { m{FPMP0604.*/closed' belongs to 'fpmt_bert'} } @lines), $status == 403 ? 1 : 0, '... and the log says so or nothing';
    }
    chown $carl, -1, $dir;
    user_file('bert', "$dir/berts.php", slurp("$www/carl/who.php"));
    my $r;
    logs_during('carl2', qr/FPMP0604/, 1, sub { $r = get('carl2.test', '/closed/berts.php') });
    is $r->{status}, 403, 'a script of bert\'s in it';
    unlink "$dir/who.php", "$dir/berts.php";
    rmdir $dir;
};

# PHP-FPM opens the script when the body has come, so whoever may write where it lies, or where
# a link to it lies, has the time that his client takes.
subtest 'a script that is exchanged while the body is on its way' => sub {
    my ($uid, $gid) = (getpwnam 'fpmt_carl')[2, 3];
    user_file('bert', "$www/bert/evil.php", q(<?php echo 'exchanged';));
    # Title, mode of the folder "open", where the script lies, which links lead there, what the
    # client asks for, what bert exchanges; then the answers with owner=strict and with strict-dir.
    my @rows = (
        [ 'nobody else may write', 0755, 'open/a.php', {}, 'open/a.php', undef, 200, 200 ],
        [ 'others may', 0777, 'open/a.php', {}, 'open/a.php', 'open/a.php', 403, 403 ],
        [ 'a group may', 0775, 'open/a.php', {}, 'open/a.php', 'open/a.php', 403, 403 ],
        [ 'with the sticky bit', 01777, 'open/a.php', {}, 'open/a.php', 'open/a.php', 403, 403 ],
        [ 'the script of a link', 0777, 'open/a.php', { 'safe/l.php' => 'open/a.php' }, 'safe/l.php', 'open/a.php', 403, 403 ],
        [ 'a link', 0777, 'safe/a.php', { 'open/l.php' => 'safe/a.php' }, 'open/l.php', 'open/l.php', 403, 403 ],
        [ 'a link between', 0777, 'safe/a.php', { 'open/m.php' => 'safe/a.php', 'safe/l.php' => 'open/m.php' }, 'safe/l.php', 'open/m.php', 403, 403 ],
        [ 'a link to the folder', 0777, 'safe/a.php', { 'open/d' => 'safe' }, 'open/d/a.php', undef, 403, 403 ],
        [ 'above the script', 0777, 'open/sub/a.php', {}, 'open/sub/a.php', undef, 200, 403 ],
        [ 'above, with the sticky bit', 01777, 'open/sub/a.php', {}, 'open/sub/a.php', undef, 200, 200 ],
    );
    for my $row (@rows) {
        my ($title, $mode, $script, $links, $url, $exchange, @want) = @$row;
        for my $base ('race', 'closed') {
            my $want = shift @want;
            my $top  = "$www/carl/$base";
            for my $dir ($top, map { "$top/$_" } qw(open open/sub safe)) {
                mkdir $dir;
                chown $uid, $gid, $dir;
                chmod 0755, $dir;
            }
            chmod $mode, "$top/open";
            user_file('carl', "$top/$script", q(<?php echo 'own';));
            for my $link (keys %$links) {
                symlink "$top/$links->{$link}", "$top/$link";
                system('chown', '-h', "$uid:$gid", "$top/$link");
            }
            my $r;
            logs_during('carl2', qr/FPMP0604/, $want == 403, sub {
                my $fh = connect_to();
                print $fh "POST /$base/$url HTTP/1.1\r\nHost: carl2.test\r\nContent-Length: 4\r\n",
                    "Expect: 100-continue\r\nConnection: close\r\n\r\n";
                $fh->flush;
                $r = read_head($fh);
                if ($r->{status} == 100) { # httpd has made up its mind, PHP-FPM has not the body
                    if ($exchange) {
                        unlink "$top/$exchange";
                        symlink "$www/bert/evil.php", "$top/$exchange";
                    }
                    print $fh 'body';
                    $fh->flush;
                    $r = read_answer($fh, 'POST');
                }
            });
            my $word = $base eq 'race' ? 'strict' : 'strict-dir';
            is "$r->{status} " . ($r->{status} == 200 ? $r->{body} : ''), $want == 200 ? '200 own' : '403 ', "$title, $word: $want";
            system('rm', '-rf', $top);
        }
    }
    unlink "$www/bert/evil.php";
};

subtest 'a script of somebody else is not run' => sub {
    # carl2.test has owner=strict: a script belongs to the user or to root. carl.test has not.
    user_file('bert', "$www/carl/berts.php", slurp("$www/carl/who.php"));
    my $r;
    my @lines = logs_during('carl2', qr/FPMP\d{4}/, 1, sub { $r = get('carl2.test', '/berts.php') });
    is $r->{status}, 403, "bert's file in carl's host is refused with owner=strict";
    is scalar(@lines), 1, 'one line says why' or diag join "\n", @lines;
    is body_of('carl.test', '/berts.php'), "fpmt_carl fpmt_carl\n", 'and run, as carl, without';
    unlink "$www/carl/berts.php";
    put("$www/carl/roots.php", slurp("$www/carl/who.php"));
    is body_of('carl2.test', '/roots.php'), "fpmt_carl fpmt_carl\n", "root's file is run, as carl";
    unlink "$www/carl/roots.php";
};

subtest 'the sockets' => sub {
    for my $user (qw(fpmt_anna fpmt_bert fpmt_carl)) {
        my ($mode, $uid, $gid) = (lstat $FPM->socket($user))[2, 4, 5];
        is sprintf('%o', $mode & 07777), '600', "$user: mode 0600";
        is getpwuid($uid), setting('user'), "$user: owned by httpd's user";
    }
};
done_testing;
