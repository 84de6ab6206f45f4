# SPDX-License-Identifier: Apache-2.0
#
# $_SERVER key by key against mod_proxy_fcgi, on the same pool and the same files; each
# difference is in a table here with its reason. And what .htaccess cannot change of it.
use strict;
use warnings;
use FPMT;
use JSON::PP qw(decode_json);
use Test::More;

my $www = "$SCRATCH/www/anna";

sub server { my ($host, $target, @o) = @_; return (eval { decode_json(body_of($host, $target, @o)) } || {})->{server} || {} }

# Differences on every request, and those of one shape: key => reason. A reason without a
# difference fails too, so the table stays as short as it can be.
my %everywhere = ('proxy-nokeepalive' => 'a note of mod_proxy to itself that reaches PHP');
my %passed = (
    HTTP_AUTHORIZATION => 'ours passes it unless httpd itself authenticates',
    PHP_AUTH_USER      => 'PHP makes it from HTTP_AUTHORIZATION',
    PHP_AUTH_PW        => 'PHP makes it from HTTP_AUTHORIZATION',
);

# shape => [ target, options, allowed differences: key => reason ]
my @shapes = (
    [ 'a plain script',       '/env.php',               [], {} ],
    [ 'a query',              '/env.php?a=1&b=%20x',    [], {} ],
    [ 'PATH_INFO',            '/env.php/more/path?a=1', [], {} ],
    [ 'encoded PATH_INFO',    '/env.php/m%C3%BC/a%20b', [], {} ],
    [ 'rewritten',            '/rewritten/abc?q=1',     [], {} ],
    [ 'rewritten to a path',  '/rewritten-path/one/two', [], {} ],
    [ 'rewritten in .htaccess', '/ht/nice-bob?q=1',     [], {} ],
    [ 'rewritten in .htaccess to a path', '/ht/info/one/two', [], {} ],
    [ 'Alias',                '/alias/env.php/p',       [], {} ],
    [ 'Authorization',        '/env.php', [ headers => ['Authorization: Basic Z3Vlc3Q6c2VjcmV0', 'X-Real: 1'] ], \%passed ],
    [ 'a name with a space',  '/a%20b.php/x%20y?a=1',   [], {} ],
    [ 'DirectoryIndex',       '/envdir/?a=1',           [], {} ],
);
mkdir "$www/envdir";
chmod 0755, "$www/envdir";
user_file('anna', "$www/a b.php", slurp("$www/env.php"));
user_file('anna', "$www/envdir/index.php", slurp("$www/env.php"));

for my $row (@shapes) {
    my ($title, $target, $options, $here) = @$row;
    my $allowed = { %everywhere, %$here };
    subtest "$title ($target)" => sub {
        my $ours   = server('anna.test', $target, @$options);
        my $theirs = server('hand.test', $target, @$options);
        s/\bhand\.test\b/anna.test/g for grep { defined } values %$theirs;
        cmp_ok scalar(keys %$ours), '>', 20, 'ours answered';
        cmp_ok scalar(keys %$theirs), '>', 20, 'mod_proxy_fcgi answered';
        my (%all, @differ);
        @all{ keys %$ours, keys %$theirs } = ();
        for my $key (sort keys %all) {
            my ($o, $t) = map { $_->{$key} // '(unset)' } $ours, $theirs;
            next if $o eq $t || $allowed->{$key};
            push @differ, "$key: ours '$o', mod_proxy_fcgi '$t'";
        }
        is scalar(@differ), 0, 'every key is the same but those of the table' or diag join "\n", @differ;
        for my $key (sort keys %$allowed) {
            isnt $ours->{$key} // '(unset)', $theirs->{$key} // '(unset)', "$key differs as the table says: $allowed->{$key}";
        }
    };
}

subtest 'a question mark in the name is ours alone' => sub {
    # mod_proxy_fcgi answers 403: it takes '?' in a file name for the start of the query.
    user_file('anna', "$www/q?x=1.php", slurp("$www/env.php"));
    my $e = server('anna.test', '/q%3Fx=1.php/p?a=1');
    is $e->{SCRIPT_FILENAME}, "$www/q?x=1.php", 'SCRIPT_FILENAME';
    is $e->{SCRIPT_NAME}, '/q?x=1.php', 'SCRIPT_NAME';
    is $e->{PATH_INFO}, '/p', 'PATH_INFO';
    is $e->{QUERY_STRING}, 'a=1', 'QUERY_STRING';
    is $e->{PHP_SELF}, '/q?x=1.php/p', 'PHP_SELF';
};

subtest 'PATH_INFO is sent only with something in it' => sub {
    for my $target ('/env.php', '/env.php?a=1', '/envdir/', '/rewritten/abc') {
        my $e = server('anna.test', $target);
        cmp_ok scalar(keys %$e), '>', 20, "$target answers";
        ok !exists $e->{$_}, "$target: no $_" for qw(PATH_INFO PATH_TRANSLATED);
    }
    is server('anna.test', '/env.php/')->{PATH_INFO}, '/', 'a slash is something';
};

subtest 'a control character in PATH_INFO never reaches PHP-FPM' => sub {
    for my $byte (qw(01 09 0a 0d 1b 1f 7f)) {
        my $r;
        my @lines = logs_during('anna', qr/FPMP0617: handler: what follows '\S+env\.php' in the URL path has the control character 0x$byte at byte 3;/,
            1, sub { $r = get('anna.test', "/env.php/a%${byte}b") });
        is $r->{status}, 403, "%$byte is refused";
        is scalar(@lines), 1, "%$byte: one line says so";
        unlike $r->{body}, qr/SCRIPT_FILENAME/, "%$byte: no script ran";
    }
    is server('anna.test', "/env.php/a%20b%7e")->{PATH_INFO}, '/a b~', 'blank and tilde pass';
    is get('anna.test', '/env.php/a%c3%bcb')->{status}, 200, 'UTF-8 passes';
    is get('anna.test', '/nopathinfo/env.php/a%0ab')->{status}, 404, 'AcceptPathInfo Off comes first';
};

subtest 'SetEnv in .htaccess cannot change what the server computes' => sub {
    my @computed = qw(SCRIPT_FILENAME SCRIPT_NAME PATH_INFO PATH_TRANSLATED DOCUMENT_ROOT REQUEST_METHOD
        REQUEST_SCHEME REQUEST_URI QUERY_STRING CONTENT_LENGTH CONTENT_TYPE GATEWAY_INTERFACE REMOTE_ADDR
        REMOTE_USER AUTH_TYPE SERVER_ADDR SERVER_ADMIN SERVER_NAME SERVER_PORT SERVER_PROTOCOL
        SERVER_SOFTWARE HTTP_HOST HTTP_X_REAL PHP_SELF PHP_VALUE PHP_ADMIN_VALUE
        CONTEXT_PREFIX CONTEXT_DOCUMENT_ROOT);
    for my $row ([ 'GET', '?a=1' ], [ 'GET', '/path/info?a=1' ], [ 'POST', '?b=2' ]) {
        my ($method, $tail) = @$row;
        my %o = (headers => [ 'X-Real: mine', $method eq 'POST' ? 'Content-Type: text/plain' : () ],
            $method eq 'POST' ? (body => 'twelve bytes') : ());
        my $plain = (eval { decode_json(http('anna.test', $method, "/ht/env.php$tail", %o)->{body}) } || {})->{server};
        my $set   = (eval { decode_json(http('anna.test', $method, "/setenv/env.php$tail", %o)->{body}) } || {})->{server};
        is $set->{APP_ENV}, 'kept', "$method $tail: SetEnv itself works";
        for my $key (@computed) {
            my $want = $plain->{$key};
            s{/ht/env\.php}{/setenv/env.php} for grep { defined } $want;
            is $set->{$key}, $want, "$method $tail: $key";
        }
    }
};

subtest 'PHP_VALUE and PHP_ADMIN_VALUE never reach PHP-FPM' => sub {
    my $limit = body_of('anna.test', '/ini.php') =~ /^(\S+)/ ? $1 : '';
    like $limit, qr/^\d+M$/, "memory_limit is $limit";
    unlike $limit, qr/^7[78]M$/, 'and none of what the tests above tried';
    is body_of('anna.test', '/setenv/ini.php'), "$limit $www/setenv/ini.php\n", 'by SetEnv in .htaccess';
    is body_of('anna.test', '/ini_setenvif.php'), "$limit $www/ini_setenvif.php\n", 'by SetEnvIf';
    is body_of('anna.test', '/evil'), "$limit $www/ini.php\n", 'by the [E=] of a RewriteRule, SCRIPT_FILENAME neither';
    is body_of('anna.test', '/ini.php', headers => [ 'PHP-VALUE: memory_limit=77M', 'PHP_VALUE: memory_limit=77M' ]),
        "$limit $www/ini.php\n", 'by a header';
    is body_of('anna.test', '/ini.php', headers => ['Proxy: x']), "$limit $www/ini.php\n", 'and nothing of it sticks to the worker';
};
done_testing;
