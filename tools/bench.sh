#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Requests per second of one small PHP script, through FPMUser and through mod_proxy_fcgi
# written by hand, on the same pool of the same php-fpm. Both ways take turns, for a shared
# machine drifts; the medians are compared. The numbers say nothing about another machine.
: "${ROUNDS:=5}" "${ROUND_SEC:=4}" "${CLIENTS:=8}"

# shellcheck source=tools/private.sh
. "$(dirname "$0")/private.sh"
begin
if ! command -v wrk >/dev/null && command -v apt-get >/dev/null; then
    apt-get install -y --no-install-recommends wrk >/dev/null 2>&1 || true # ab does it too
fi
tool=$(command -v wrk || command -v ab) || die "neither wrk nor ab is here; install one of them"

# ---- 1. one pool, two httpd on it -------------------------------------------------------------
user=fpmt_bench
site "$user" <<'PHP'
<?php echo 'hello from ', $_SERVER['SCRIPT_FILENAME'], "\n";
PHP
start_fpm
check() { # check NAME: the script is run, not sent as source
    local answer
    answer=$(curl -sS -m 20 "http://127.0.0.1:$port/index.php") || die "$1 gives no answer"
    [ "$answer" = "hello from $scratch/sites/$user/index.php" ] || die "$1 does not run index.php: '$answer'"
}
free_port 8480
start_httpd fpmpool <<HTTPD
LoadModule fpmpool_module $PWD/.libs/mod_fpmpool.so
DocumentRoot $scratch/sites/$user
FPMMaster bench config=$scratch/php-fpm.conf binary=$php_fpm socket_dir=$scratch/run
FPMUser $user pm=static pm.max_children=4
HTTPD
check FPMUser
fpmpool_port=$port
free_port 8480
start_httpd by_hand proxy proxy_fcgi <<HTTPD
DocumentRoot $scratch/sites/$user
<FilesMatch "\.php$">
    SetHandler "proxy:unix:$scratch/run/fpmpool-bench-$user.sock|fcgi://localhost"
</FilesMatch>
HTTPD
check mod_proxy_fcgi
by_hand_port=$port

# ---- 2. rounds in turn, medians ---------------------------------------------------------------
rate() { # rate PORT: requests per second
    case $tool in
        */wrk) wrk -t 1 -c "$CLIENTS" -d "${ROUND_SEC}s" "http://127.0.0.1:$1/index.php" ;;
        *) ab -q -k -t "$ROUND_SEC" -n 1000000 -c "$CLIENTS" "http://127.0.0.1:$1/index.php" 2>/dev/null ;;
    esac >"$scratch/last"
    if grep -E 'Non-2xx|Socket errors|Failed requests: *[1-9]' "$scratch/last" >&2; then
        die "not every answer was a good one, so the rate means nothing"
    fi
    awk '/^Requests(\/sec| per second):/ {for (i = 2; i <= NF; i++) if ($i ~ /^[0-9.]+$/) {print $i; exit}}' "$scratch/last"
}
median() {
    sort -n "$1" | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'
}
for ((round = 1; round <= ROUNDS; round++)); do
    rate "$fpmpool_port" >>"$scratch/fpmpool.rates"
    rate "$by_hand_port" >>"$scratch/by_hand.rates"
    echo "round $round: FPMUser $(tail -n 1 "$scratch/fpmpool.rates"), mod_proxy_fcgi" \
        "$(tail -n 1 "$scratch/by_hand.rates") requests/s"
done
ours=$(median "$scratch/fpmpool.rates")
hand=$(median "$scratch/by_hand.rates")
echo "median of $ROUNDS rounds (${tool##*/}, $CLIENTS clients): FPMUser $ours, mod_proxy_fcgi $hand" \
    "requests/s, ratio $(awk "BEGIN {printf \"%.2f\", $ours / $hand}")"
