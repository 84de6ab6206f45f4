#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Two users, two hosts, one line each: a private httpd and php-fpm show that each host's PHP
# runs as its own user. Everything lives in one scratch folder and ends with this script
# (Ctrl-C). DEMO_ONCE=1 ends after showing. Needs root and the built module.

# shellcheck source=tools/private.sh
. "$(dirname "$0")/private.sh"
begin

# ---- 1. two users, each with a site --------------------------------------------------------
people='anna david'
for who in $people; do
    site "fpmt_$who" <<'PHP'
<?php
$user = function_exists('posix_geteuid') ? posix_getpwuid(posix_geteuid())['name'] : exec('id -un');
echo 'Hello from ', $_SERVER['SERVER_NAME'], ': PHP ', PHP_VERSION, " runs as $user\n";
PHP
done

# ---- 2. php-fpm first, then httpd: its start writes the pool files and reloads php-fpm --------
start_fpm
free_port 8080
{
    cat <<HTTPD
LoadModule fpmpool_module $PWD/.libs/mod_fpmpool.so
FPMMaster demo config=$scratch/php-fpm.conf binary=$php_fpm socket_dir=$scratch/run
HTTPD
    for who in $people; do
        cat <<HTTPD

<VirtualHost 127.0.0.1:$port>
    ServerName $who.localhost
    DocumentRoot $scratch/sites/fpmt_$who
    FPMUser fpmt_$who
</VirtualHost>
HTTPD
    done
} >"$scratch/hosts"
start_httpd httpd <"$scratch/hosts"

# ---- 3. show it -------------------------------------------------------------------------------
echo "== the configuration: one line per host"
cat "$scratch/hosts"
echo
echo "== the answers"
for who in $people; do
    answer=$(curl -sS -m 20 -H "Host: $who.localhost" "http://127.0.0.1:$port/") ||
        die "$who.localhost gives no answer"
    echo "$answer"
    [[ $answer == *" runs as fpmt_$who" ]] ||
        die "$who.localhost should run as 'fpmt_$who', the answer is above"
done
echo
echo "== the chain: httpd -t -D DUMP_FPMPOOL"
"$httpd" -t -D DUMP_FPMPOOL -f "$scratch/httpd.conf" 2>&1 || die "the chains could not be shown"
echo
echo "== a pool file that the module wrote: $scratch/pool.d/fpmpool-fpmt_anna.conf"
cat "$scratch/pool.d/fpmpool-fpmt_anna.conf"
[ -z "${DEMO_ONCE:-}" ] || exit 0

echo
echo "== open"
for who in $people; do
    echo "http://$who.localhost:$port/   or: curl -H 'Host: $who.localhost' http://127.0.0.1:$port/"
done
echo "All files are in $scratch. Ctrl-C ends it and removes everything."
# shellcheck disable=SC2086  # one pid
wait $httpd_pids || true
httpd_pids=''
die "httpd has ended by itself"
