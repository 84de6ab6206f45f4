#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Constant load while everything changes: reloads that add, change and remove pools, hosts
# that go from one PHP-FPM to another, and what hangs (`php-fpm -t`, a stopped master, a full
# queue). Each row once by FPMUser and once by hand on mod_proxy_fcgi with the distribution's
# defaults, under the same load. TAP, so that `prove` counts it: by FPMUser no request may
# fail; by hand is printed only. Needs root and the built module.
#
#   tools/soak.sh                   about 80 s, all rows at the same time
#   SOAK_RELOADS=50 tools/soak.sh   the figures, one row after the other
#   SOAK_MINUTES=30 tools/soak.sh growth
#                                   35 minutes: memory and descriptors over many reloads
#   SOAK_ROWS=REGEX                 those rows only: reloads, switch, test, stopped, full
: "${SOAK_RELOADS:=5}" "${SOAK_ROWS:=.}" "${SOAK_RATE:=25}" "${SOAK_MINUTES:=30}" "${SOAK_EVERY_SEC:=20}"

# shellcheck source=tools/private.sh
. "$(dirname "$0")/private.sh"
# shellcheck source=tools/soak_world.sh
. tools/soak_world.sh
begin
long=$((SOAK_RELOADS >= 20))
HOSTS=20 SPARE=4 # live at a time; and to be added

make_users() {
    local i
    # two runs would remove each other's users
    exec 9>/run/fpmt_soak.lock
    flock -n 9 || die "another soak.sh runs on this machine"
    for ((i = 0; i < HOSTS + SPARE; i++)); do
        site "$(printf 'fpmt_s%02d' "$i")" <<'PHP'
<?php
$end = microtime(true) + (float) ($_GET['slow'] ?? 0);
while (microtime(true) < $end) {
    usleep(20000); // one long sleep would be cut short by the signal of a reload
}
$bytes = strlen(file_get_contents('php://input'));
$text = posix_geteuid() . " $bytes " . ($_GET['n'] ?? 0) . "\n";
header('Content-Length: ' . strlen($text));
echo $text;
PHP
    done
}

h() { printf 'h%02d' "$1"; }

# ---- what a row says; the frame prints it at the end -----------------------------------------

# row WHAT FIGURES TOOK [PAUSE]: counts as a test by FPMUser; no GET may take PAUSE seconds.
row() {
    local most=$((1000 * ${4:-60})) requests failed longest again verdict='#'
    read -r requests failed longest again <<<"$2"
    if [ "$way" = module ]; then
        verdict=ok
        [ "$failed" -eq 0 ] && [ "$requests" -gt 0 ] && [ "$longest" -lt "$most" ] || verdict='not ok'
    fi
    printf '%s\t%-59s %-9s %8s %7s %7.1f s %6s %8s\n' "$verdict" "$1" "${way/hand/by hand}" \
        "$requests" "$failed" "$(awk "BEGIN {print $longest / 1000}")" "$again" "$3" >>"$dir/rows"
    reasons
}

# Up to three of each reason, with what the module says at that time.
reasons() {
    [ -s "$dir/load.log" ] || return 0
    awk '{why = $0; sub(/^.* ms: /, "", why); gsub(/[0-9]+/, "N", why)
          if (++n[why] <= 3) print}
         END {for (why in n) print n[why] " times: " why}' "$dir/load.log" | sed 's/^/#\t    /' >>"$dir/rows"
    [ "$way" = hand ] || grep -oE 'FPMP(05|06)[0-9]{2}: .*' "$httpd_log" | sed -E 's/([^P0-9])[0-9]+/\1N/g' |
        cut -c1-200 | sort | uniq -c | sort -rn | head -8 | sed 's/^/#\t    error log: /' >>"$dir/rows"
}

# is WHAT SECONDS COMMAND...: a test by FPMUser, a line by hand.
is() {
    local what=$1 took=$2 verdict=ok
    shift 2
    "$@" || verdict='not ok'
    if [ "$way" = hand ]; then
        [ "$verdict" = ok ] || took="$took (no)"
        verdict='#'
    fi
    printf '%s\t%-59s %-9s %s\n' "$verdict" "$what" "${way/hand/by hand}" "$took" >>"$dir/rows"
}

# ---- 20 pools, and reloads that add, change and remove some ------------------------------------

twenty() { # twenty NAME WAY PORT: a running world of 20 hosts under load
    local i
    world "$@"
    master one "$php_fpm"
    master two "$php_fpm"
    both="one=$php_fpm two=$php_fpm"
    for ((i = 0; i < HOSTS; i++)); do host "$(h "$i")" one ondemand 10; done
    # shellcheck disable=SC2086  # two words
    configure $both
    start
    load_starts "$SOAK_RATE"
    load_live "${!user_of[@]}"
}

# change I: the window of 20 hosts moves on by one; scripts and uploads are under way on the
# host that goes and on the one that changes.
change() {
    local total=$((HOSTS + SPARE)) goes comes other
    goes=$(h $(($1 % total))) comes=$(h $((($1 + HOSTS) % total))) other=$(h $((($1 + HOSTS / 2) % total)))
    load busy "$goes" "$other"
    load drop "$goes"
    no_host "$goes"
    host "$comes" one ondemand 10
    children_of[$other]=$((${children_of[$other]} == 10 ? 12 : 10))
    old_children=$(children)
    # shellcheck disable=SC2086  # two words
    configure $both
    graceful
    # an old child that still listens knows no such host, and would take it for its first one
    # shellcheck disable=SC2086  # a list
    until_true 10 is_deaf $old_children || die "old children listen 10 s after the reload"
    load_live "$comes"
}

reloads() { # reloads WAY PORT
    local i begin=$EPOCHREALTIME
    twenty reloads "$@"
    for ((i = 0; i < SOAK_RELOADS; i++)); do
        change "$i"
        # every other one comes while children of the generation before are still there
        # shellcheck disable=SC2086  # a list
        ((i % 2)) || until_true 60 is_gone $old_children || die "children of the old generation stay for 60 s"
    done
    load finish
    row "$SOAK_RELOADS reloads, each adds, changes, removes" "$answer" "$(seconds_since "$begin") s"
}

# ---- hosts that go from one PHP-FPM to another -------------------------------------------------

pool_gone() { # pool_gone MASTER HOST...: no pool file and no socket
    local php=$1 name
    shift
    for name in "$@"; do
        [ -z "$(find "$dir/$php/pool.d" "$dir/$php/run" -name "*${user_of[$name]}.*" -o -name "$name.conf")" ] || return 1
    done
}

# sockets_outlive MASTER HOST...: ends with the last child of the old generation; false if a
# socket went while there was one.
sockets_outlive() {
    local php=$1 name lost=0 end=$((SECONDS + 60))
    shift
    # shellcheck disable=SC2086  # a list
    until is_gone $old_children; do
        [ "$SECONDS" -lt "$end" ] || die "children of the old generation stay for 60 s"
        for name in "$@"; do
            [ -n "$(find "$dir/$php/run" -name "*${user_of[$name]}.sock")" ] || is_gone $old_children || lost=1
        done
        sleep 0.1
    done
    [ "$lost" -eq 0 ]
}

switch() { # switch WAY PORT
    local round rounds=$((long ? 10 : 2)) from=one to=two name since later kept=0 went=0 watch begin=$EPOCHREALTIME some=(h00 h01 h02 h03 h04)
    twenty switch "$@"
    for ((round = 1; round <= rounds; round++)); do
        load busy "${some[@]}"
        for name in "${some[@]}"; do php_of[$name]=$to; done
        old_children=$(children)
        # shellcheck disable=SC2086  # two words
        configure $both
        sockets_outlive "$from" "${some[@]}" &
        watch=$!
        graceful
        if wait "$watch"; then kept=$((kept + 1)); fi
        since=$EPOCHREALTIME
        if until_true 30 pool_gone "$from" "${some[@]}"; then went=$((went + 1)); fi
        later=$(seconds_since "$since")
        name=$from from=$to to=$name
    done
    is "php=one to php=two and back: old children keep the pools" "$kept of $rounds" [ "$kept" -eq "$rounds" ]
    is "php=one to php=two and back: then these go" "$went of $rounds, last after $later s" [ "$went" -eq "$rounds" ]
    load finish
    row "5 hosts go from one PHP-FPM to another" "$answer" "$(seconds_since "$begin") s"
}

# ---- what hangs ----------------------------------------------------------------------------------

# Hosts on two masters: h00 and h01 on one, with children that are always there; h02 and h03
# on two. The first master has a binary of its own, for a hanging one to take its place.
four() { # four NAME WAY PORT
    world "$@"
    cp "$php_fpm" "$dir/php-fpm"
    master one "$dir/php-fpm"
    master two "$php_fpm"
    both="one=$dir/php-fpm two=$php_fpm"
    host h00 one static 2
    host h01 one static 2
    host h02 two ondemand 10
    host h03 two ondemand 10
}

up() { # up: as configured now, under load
    # shellcheck disable=SC2086  # two words
    configure $both
    start
    load_starts 10
}

# through NAME PAUSE deadline|none: a change on the first master, graceful under load, then stop,
# and start with the cause still there. The other hosts may wait PAUSE seconds at most. deadline: something is
# waited for that does not come, and the log says so before the stop.
through() {
    host h04 one ondemand 5
    # shellcheck disable=SC2086  # two words
    configure $both
    graceful
    local graceful_sec=$took
    load figures
    load_more "$((${answer%% *} + 50))"
    load finish
    row "$1: graceful" "$answer" "$graceful_sec s" "$2"
    [ "$way$3" != moduledeadline ] || is "$1: the log names the deadline" '' until_true 45 says_deadline
    stop
    is "$1: stop" "$took s" true
    [ "$long$1" != "0hung php-fpm -t" ] || return 0 # takes a minute more
    start
    is "$1: start, other hosts answer" "$took s" answers h02
}

load_more() { # load_more REQUESTS: goes on until that many were sent
    until_true 60 load_has "$1" || die "the load does not go on"
}

load_has() {
    load figures
    [ "${answer%% *}" -ge "$1" ]
}

# A wait that ended by its deadline says so: how long, and for what.
says_deadline() {
    grep -qE 'FPMP05[0-9]{2}: .* within [0-9]+ s' "$httpd_log"
}

answers() { # answers HOST [STATUS]
    local status
    status=$(curl -sS -m 10 -o /dev/null -w '%{http_code}' -H "Host: $1.test" "http://127.0.0.1:$port/index.php") || true
    [ "$status" = "${2:-200}" ]
}

hung_test() { # hung_test WAY PORT
    four test "$@"
    up
    load_live h00 h01 h02 h03
    cat >"$dir/hangs" <<HANGS
#!/bin/sh
case " \$* " in *' -t '* | *' -tt '*) exec sleep 3600 ;; esac
exec $php_fpm "\$@"
HANGS
    chmod 755 "$dir/hangs"
    mv "$dir/hangs" "$dir/php-fpm" # to the running master, as an upgrade would
    through 'hung php-fpm -t' 3 deadline
}

stopped_master() { # stopped_master WAY PORT
    four stopped "$@"
    up
    load_live h00 h01 h02 h03
    kill -STOP "${master_pid[one]}"
    through 'stopped master' 3 deadline
    kill -CONT "${master_pid[one]}"
}

full_queue() { # full_queue WAY PORT
    local begin status=true
    four full "$@"
    host h05 one static 1
    up
    load_live h00 h01 h02 h03
    load live h05 "$(id -u fpmt_s05)"
    load drop h05
    load sleep h05 60
    load fill "$(find "$dir/one/run" -name '*fpmt_s05.sock')"
    [ "${answer% *}" = ok ] || die "the queue could not be filled: $answer"
    begin=$EPOCHREALTIME
    answers h05 503 || status=false
    is "full queue (${answer#ok }): 503 for its own host" "$(seconds_since "$begin") s" "$status"
    # PHP-FPM lets a script go on for process_control_timeout before it reads its files
    through 'full queue' 13 none
}

# ---- memory and descriptors over many reloads ------------------------------------------------------

# shellcheck source=tools/soak_growth.sh
. tools/soak_growth.sh

# ---- the frame -----------------------------------------------------------------------------------------

jobs=()
job() { # job NAME FUNCTION PORT
    [[ $1 =~ $SOAK_ROWS ]] || return 0
    both_ways "$@" >"$scratch/log/$1.job" 2>&1 &
    jobs+=("$1")
    httpd_pids="$httpd_pids $!"
    [ "$long" -eq 0 ] || wait "$!" || true
}

both_ways() { # as job; each way in a subshell that ends what it started
    local way inner
    for way in module hand; do
        ("$2" "$way" "$(($3 + (${#way} < 5) * 5))") &
        inner=$!
        # shellcheck disable=SC2064  # of now
        trap "kill $inner; wait $inner; exit 143" TERM INT HUP
        wait "$inner" || printf 'not ok\t%s by %s ended early\n' "$1" "$way" >>"$scratch/$1-$way/rows"
    done
}

report() {
    local name way file
    printf '#           %-59s %-9s %8s %7s %9s %6s %8s\n' what way requests failed longest again took
    for name in "${jobs[@]}"; do
        for way in module hand; do
            file=$scratch/$name-$way/rows
            [ ! -e "$file" ] || cat "$file"
            [ -e "$file" ] || printf 'not ok\t%s by %s said nothing\n' "$name" "$way"
        done
        head -n 20 "$scratch/log/$name.job" | sed 's/^/#\t    /'
    done | awk -F'\t' '/^ok|^not ok/ {printf "%-12s%s\n", $1 " " ++n " -", $2; bad += $1 != "ok"; next}
                       {printf "%-12s%s\n", "#", $2}
                       END {printf "1..%d\n", n; exit bad > 0}'
}

make_users
if [ "${1:-}" = growth ]; then
    growth & # in a subshell, as every world
    httpd_pids=$!
    wait "$!"
    exit
fi
job reloads reloads 8500
job switch switch 8510
job test hung_test 8520
job stopped stopped_master 8530
job full full_queue 8540
wait || true
report
