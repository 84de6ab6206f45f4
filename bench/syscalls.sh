#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The system calls of one warm small GET: by the module, and by mod_proxy_fcgi written by
# hand, on a pool of the same settings. Prints each call between opening the socket of the
# pool and closing it, then the counts. Needs root, strace, and the built module.

# shellcheck source=tools/private.sh
. "$(dirname "$0")/../tools/private.sh"
begin
command -v strace >/dev/null || die "strace is missing; run: make -f Makefile.apxs deps"

site fpmt_anna <<<'<?php echo "hello\n";'
cat >"$scratch/pool.d/byhand.conf" <<FPM
[byhand]
user = fpmt_anna
listen = $scratch/run/byhand.sock
listen.owner = $web_user
listen.mode = 0600
pm = ondemand
pm.max_children = 10
FPM
start_fpm
free_port 8080
start_httpd httpd proxy proxy_fcgi <<HTTPD
LoadModule fpmpool_module $PWD/.libs/mod_fpmpool.so
FPMMaster demo config=$scratch/php-fpm.conf binary=$php_fpm socket_dir=$scratch/run
StartServers 1
ServerLimit 1
ThreadsPerChild 4
MaxRequestWorkers 4
<VirtualHost 127.0.0.1:$port>
    ServerName module.localhost
    DocumentRoot $scratch/sites/fpmt_anna
    FPMUser fpmt_anna
</VirtualHost>
<VirtualHost 127.0.0.1:$port>
    ServerName byhand.localhost
    DocumentRoot $scratch/sites/fpmt_anna
    <FilesMatch "\.php$">
        SetHandler "proxy:unix:$scratch/run/byhand.sock|fcgi://anna"
    </FilesMatch>
</VirtualHost>
HTTPD

get() {
    curl -sS -m 20 -H "Host: $1.localhost" "http://127.0.0.1:$port/index.php"
}

# calls HOST: the calls of one request, from connecting to the pool to closing.
calls() {
    local child tracer
    for _ in 1 2 3; do get "$1" >/dev/null; done
    child=$(pgrep -P "${httpd_pids# }" | tail -n 1)
    strace -f -p "$child" -o "$scratch/trace" 2>"$scratch/trace.err" &
    tracer=$!
    until_true 10 grep -q attached "$scratch/trace.err" || die "strace does not attach"
    [ "$(get "$1")" = hello ] || die "$1 does not answer hello"
    kill -INT "$tracer"
    wait "$tracer" || true
    # one thread serves the request; an unfinished call counts once, by its first half
    awk '/<\.\.\. .* resumed>/ { next }
         !tid && /socket\(AF_UNIX/ { tid = $1 }
         tid && $1 == tid {
             print
             if (match($0, /connect\([0-9]+/)) fd = substr($0, RSTART + 8, RLENGTH - 8)
             if (fd != "" && index($0, "close(" fd ")")) exit
         }' "$scratch/trace" | cut -d' ' -f2- | sed 's/^ *//' | cut -c1-100
}

for host in module byhand; do
    calls "$host" >"$scratch/calls.$host"
    [ -s "$scratch/calls.$host" ] || die "no call of $host was seen"
    echo "== $host: $(wc -l <"$scratch/calls.$host") calls"
    cat "$scratch/calls.$host"
    echo "-- counted"
    sed 's/(.*//' "$scratch/calls.$host" | sort | uniq -c | sort -rn
done
