#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The module beside every peer: requests per second, processor time per request of the
# server and of PHP, latency, memory, system calls. In each round all contestants take
# turns, for a shared machine drifts; a ratio to mod_proxy_fcgi by hand is made within each
# round. Writes rounds.jsonl (each measurement), rounds.json (medians, spreads, ratios) and
# rounds.svg.
# Settings: ROUNDS, ROUND_SEC (whole seconds), CLIENTS, CHILDREN, OUT, and names of the two
# tables, with commas: CONTESTANTS, MPMS, SCRIPTS. Unasked it takes about 15 minutes.
: "${ROUNDS:=5}" "${ROUND_SEC:=2}" "${CLIENTS:=8}" "${CALLS:=50}" "${OUT:=build/bench}"

# name           MPMs                    who runs PHP   (started from top to bottom)
contestants='
module           event,worker,prefork    fpmt_bench
by_hand          event,worker,prefork    fpmt_bench
by_hand_reuse    event                   reuse
fcgid            event                   php-cgi
nginx            -                       fpmt_bench
caddy            -                       fpmt_bench
raw              -                       fpmt_bench
static           event,worker,prefork    fpmt_bench
'

# name     what is asked for                         clients  body    in the answer
scripts='
small      small.php                                 all      -       hello from /small.php
serial     small.php                                 1        -       hello from /small.php
page50k    page50k.php                               all      -       <td>00511</td>
page1m     page1m.php                                all      -       <td>10485</td>
upload2m   upload.php                                all      upload  2097152
wiki       wiki/usr/share/dokuwiki/doku.php?id=start all      -       quick</strong> brown
'

# shellcheck source=bench/world.sh
. "$(dirname "$0")/world.sh"

chosen() { # chosen NAME LIST: an empty list has every name
    [ -z "$2" ] || [[ ,$2, == *,"$1",* ]]
}

# ---- 1. all contestants stand ------------------------------------------------------------
declare -A port_of pid_of
runs=()

# stand NAME MPM PHP: start it, or say what stands for it.
stand() {
    local key="$1 $2" hand="by_hand $2"
    case $1 in
        raw) port_of[$key]=0 pid_of[$key]=0 ;;
        static) port_of[$key]=${port_of[$hand]} pid_of[$key]=${pid_of[$hand]} ;; # the floor
        *)
            "start_$1" "$2"
            port_of[$key]=$port pid_of[$key]=${httpd_pids##* }
            ;;
    esac
    runs+=("$1 $2 $3")
}

# The ratios and the floor need the chain by hand, and the pool comes from the module: they
# always stand.
stand_all() {
    local name mpms php mpm
    while read -r name mpms php; do
        for mpm in ${mpms//,/ }; do
            case $name-$mpm in
                module-event|by_hand-event|by_hand-worker|by_hand-prefork) ;;
                *)
                    chosen "$name" "${CONTESTANTS:-}" || continue
                    chosen "$mpm" "${MPMS:+$MPMS,-}" || continue
                    ;;
            esac
            stand "$name" "$mpm" "$php"
        done
    done <<<"$contestants"
}

# ---- 2. everyone with every script -------------------------------------------------------
# each DO: calls DO for all pairs, script after script. DO finds the pair in name, mpm, php,
# script, url_path, clients, body and expected.
each() {
    local script target url_path clients body expected name mpm php run
    while read -r script target clients body expected; do
        if [ -z "$script" ] || ! chosen "$script" "${SCRIPTS:-}"; then continue; fi
        [ "$clients" != all ] || clients=$CLIENTS
        for run in "${runs[@]}"; do
            read -r name mpm php <<<"$run"
            url_path=$target
            if [ "$name" = static ]; then
                url_path=${target%.php}.html
                [ -e "$www/$url_path" ] || continue # no file stands for this script
            fi
            "$1" || die "$name on $mpm, $script: $1 failed"
        done
    done <<<"$scripts"
}

url() {
    echo "http://127.0.0.1:${port_of[$name $mpm]}/$url_path"
}

# load_for SECONDS CLIENTS: sets load.
load_for() {
    local file=() query=''
    [ "$body" = - ] || file=("$scratch/$body")
    [[ $url_path != *\?* ]] || query=${url_path#*\?}
    if [ "$name" = raw ]; then
        load=(build/bench/raw "$pool_socket" "$www" "/${url_path%%\?*}" "$2" "$1" "$query"
            "${file[@]}")
    else
        load=(wrk -t 1 -c "$2" -d "$1s" --timeout 20s -s bench/load.lua "$(url)"
            ${file:+-- "${file[@]}"})
    fi
}

# get [CURL-ARGUMENT...]: the request of this pair, by curl.
get() {
    local sent=()
    [ "$body" = - ] ||
        sent=(-H 'Content-Type: application/octet-stream' --data-binary "@$scratch/$body")
    curl -sS -f -m 60 "${sent[@]}" "$@"
}

# Each gives the wanted answer; then a second of load, so that no round sees a first time.
warm_up() {
    local once=(get "$(url)")
    load_for 1 0
    [ "$name" != raw ] || once=("${load[@]}")
    "${once[@]}" | grep -aF "$expected" >/dev/null || return 1
    load_for 1 "$clients"
    "${load[@]}" >/dev/null
}

about() {
    printf '%s\n' server="${pid_of[$name $mpm]}" php="$php" fpm="$fpm_pid" \
        contestant="$name" mpm="$mpm" script="$script"
}

measure() {
    local words
    load_for "$ROUND_SEC" "$clients"
    mapfile -t words < <(about)
    bench/measure.pl "${words[@]}" round="$round" -- "${load[@]}" >>"$OUT/rounds.jsonl"
}

# The address with [1-N] is asked for N times by curl, on one connection.
count_calls() {
    local words address joint=\?
    [ "$name" != raw ] || return 0
    mapfile -t words < <(about)
    [[ $url_path != *\?* ]] || joint='&'
    address="$(url)${joint}n=[1-$CALLS]"
    bench/calls.pl "${words[@]}" requests="$CALLS" trace="$scratch/calls" -- \
        bash -c "$(declare -f get); body=$body scratch=$scratch
            get -o /dev/null '$address'" >>"$OUT/rounds.jsonl"
}

open_world
add_wiki
stand_all
for script in small page50k page1m; do
    curl -sS -f -m 20 -o "$www/$script.html" \
        "http://127.0.0.1:${port_of[module event]}/$script.php"
done
mkdir -p "$OUT"
: >"$OUT/rounds.jsonl"
each warm_up
for ((round = 1; round <= ROUNDS; round++)); do
    each measure
    mapfile -t runs < <(printf '%s\n' "${runs[@]}" | tac) # nobody is always the first
    echo "round $round of $ROUNDS is over"
done
each count_calls
bench/report.pl "$OUT/rounds.jsonl" \
    rounds="$ROUNDS" round_sec="$ROUND_SEC" clients="$CLIENTS" \
    children="$CHILDREN" cores="$(nproc)" kernel="$(uname -r)" \
    httpd="$("$httpd" -v | sed -n 's/^Server version: //p')" \
    php_fpm="$("$php_fpm" -v | sed -n 1p)" nginx="$(nginx -v 2>&1)" caddy="$(caddy version)"
