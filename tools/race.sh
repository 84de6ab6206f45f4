#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The request path under helgrind: httpd on event with its threads, several clients at once, small
# and large answers, bodies, scripts that are missing, a pool that is gone. Prints what
# helgrind says of the module's own data; the rest is counted only. TAP. Needs root, valgrind
# and the built module; MODULE=FILE tries another one.

# shellcheck source=tools/private.sh
. "$(dirname "$0")/private.sh"
begin
command -v valgrind >/dev/null || die "valgrind is missing; run: make -f Makefile.apxs deps"

site fpmt_anna <<'PHP'
<?php
$size = (int) ($_GET['size'] ?? 0);
echo strlen(file_get_contents('php://input')), ' ', str_repeat('x', $size), "\n";
if ($size > 100000) { flush(); usleep(20000); echo str_repeat('y', 1000); }
PHP
start_fpm
free_port 8080
# helgrind does not know APR's atomics, and stops at 1000 reports: what is not the module's is
# left out, also where a function of libc was called from there.
for object in "*/$(basename "$httpd")" '*libapr*' '*libc.so*' '*libc-*' '*mod_mpm_event.so' '*mod_dir.so' \
    '*mod_authz_core.so' '*mod_unixd.so' '*ld-linux*'; do
    printf '{\n   not ours\n   Helgrind:Race\n   obj:%s\n}\n' "$object"
    printf '{\n   not ours\n   Helgrind:Race\n   obj:*vgpreload*\n   obj:%s\n}\n' "$object"
    printf '{\n   not ours\n   Helgrind:Misc\n   obj:*vgpreload*\n   obj:%s\n}\n' "$object"
done >"$scratch/suppressions"
real=$httpd
cat >"$scratch/httpd.sh" <<SH
#!/bin/sh
[ "\$1" != -l ] || exec $real -l
exec valgrind --tool=helgrind --history-level=approx --suppressions=$scratch/suppressions --log-file=$scratch/log/helgrind.%p.txt $real "\$@"
SH
chmod 755 "$scratch/httpd.sh"
httpd=$scratch/httpd.sh
chmod 1777 "$scratch/log"
start_httpd httpd <<HTTPD
LoadModule fpmpool_module ${MODULE:-$PWD/.libs/mod_fpmpool.so}
FPMMaster demo config=$scratch/php-fpm.conf binary=$php_fpm socket_dir=$scratch/run
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MaxRequestWorkers 8
<VirtualHost 127.0.0.1:$port>
    DocumentRoot $scratch/sites/fpmt_anna
    FPMUser fpmt_anna pm.max_children=8
</VirtualHost>
HTTPD

head -c 300000 /dev/zero >"$scratch/body"
url=http://127.0.0.1:$port/index.php
ask() { # ask TIMES ARGUMENT...: that many requests one after the other, statuses on stdout
    local times=$1
    shift
    for _ in $(seq "$times"); do
        curl -sS -m 60 -o /dev/null -w '%{http_code}\n' "$@"
    done
}
load() {
    local jobs=()
    ask 25 "$url" & jobs+=($!)
    ask 25 "$url?size=300000" & jobs+=($!)
    ask 25 --data-binary "@$scratch/body" "$url" & jobs+=($!)
    ask 25 --data-binary "@$scratch/body" -H 'Transfer-Encoding: chunked' "$url" & jobs+=($!)
    ask 25 "http://127.0.0.1:$port/none.php" & jobs+=($!)
    ask 25 "$url/path?x=1" & jobs+=($!)
    wait "${jobs[@]}"
}
load | sort | uniq -c | awk '{print $2 " " $1}' >"$scratch/served"
mv "$scratch/run/fpmpool-demo-fpmt_anna.sock" "$scratch/run/away"
load | sort | uniq -c | awk '{print $2 " " $1}' >"$scratch/refused"
kill "${httpd_pids# }"
wait "${httpd_pids# }" || true
httpd_pids=''

count=0 failed=0
is() { # is GOT WANTED NAME
    count=$((count + 1))
    if [ "$1" = "$2" ]; then
        echo "ok $count - $3"
    else
        echo "not ok $count - $3: got '$1', wanted '$2'"
        failed=1
    fi
}
is "$(paste -sd, "$scratch/served")" '200 125,404 25' 'every request is answered'
is "$(paste -sd, "$scratch/refused")" '404 25,503 125' 'and refused while the pool is gone'
is "$(grep -l 'ERROR SUMMARY' "$scratch"/log/helgrind.*.txt | wc -l | awk '{print ($1 >= 2)}')" 1 'helgrind saw parent and child to their ends'
# APR gives memory of a request that is over to the next one, in a way that helgrind cannot
# see: what counts is memory that outlives requests, the variables of the module.
sed -E 's/^==[0-9]+== ?//' "$scratch"/log/helgrind.*.txt |
    awk 'BEGIN {RS = "\n\n+"} /fpmp_|mod_fpmpool/ && /(global var|data symbol|(BSS|Data) segment|unlocks? |exiting thread)/' \
        >"$scratch/found"
is "$(grep -c . "$scratch/found")" 0 'it has nothing to say of the module'
head -40 "$scratch/found" | sed 's/^/# /'
grep -h 'ERROR SUMMARY' "$scratch"/log/helgrind.*.txt | sed 's/^==[0-9]*==/# all of httpd:/'
echo "1..$count"
exit "$failed"
