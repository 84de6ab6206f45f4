#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# From one host to ten thousand: what a configtest, a start, a graceful restart and a request
# to the last host cost, and the memory, with the module, with mod_proxy_fcgi by hand, with
# the same by mod_macro, and with no PHP at all, which is what httpd itself costs. All run
# PHP by the same pools, one for each user. The contestants take turns in each round.
# The users stand in files that are mounted over /etc/passwd and /etc/group in a mount
# namespace of this script. Writes scale.txt (each figure) and scale.table (medians).
# Settings: SIZES, USERS, ROUNDS, REQUEST_SEC, OUT, CONTESTANTS (names, with commas).
: "${SIZES:=1 100 1000 10000}" "${USERS:=1000}" "${ROUNDS:=5}" "${REQUEST_SEC:=2}"
: "${OUT:=build/bench}" "${CONTESTANTS:=none,by_hand,macro,module}"

[ -n "${FPMT_APART:-}" ] ||
    exec env FPMT_APART=1 unshare --mount --propagation private "$0" "$@"
# shellcheck source=bench/world.sh
. "$(dirname "$0")/world.sh"
ulimit -n "$(ulimit -Hn)" # PHP-FPM has a listening socket for each pool
open_world
mkdir -p "$OUT"
: >"$OUT/scale.txt"

for file in passwd group; do
    cp "/etc/$file" "$scratch/$file"
    [ "$file" = passwd ] && rest=::/nonexistent:/bin/false || rest=:
    awk -v count="$USERS" -v file="$file" -v rest="$rest" 'BEGIN {
        for (i = 1; i <= count; i++) {
            id = 70000 + i
            printf "fpmt_s%05d:x:%d%s%s\n", i, id, file == "passwd" ? ":" id : "", rest
        }
    }' >>"$scratch/$file"
    mount --bind "$scratch/$file" "/etc/$file"
done
# The site of each user is his own.
echo 'as httpd sends it' >"$www/plain.html"
for ((i = 1; i <= USERS; i++)); do
    printf -v name 'fpmt_s%05d' "$i"
    cp -r "$www" "$scratch/sites/$name"
    chown -R "$((70000 + i)):$((70000 + i))" "$scratch/sites/$name"
done
chmod -R a+rX "$scratch/sites"
hosts=$scratch/hosts
mkdir "$hosts"

# ---- the configurations ------------------------------------------------------------------

by_hand='SetHandler "proxy:unix:@RUN@/fpmpool-bench-@USER@.sock|fcgi://localhost"'
# name     in each virtual host; @USER@ is its user
declare -A inside=(
    [none]=''
    [by_hand]="<FilesMatch \"\\.php\$\">\n$by_hand\n</FilesMatch>"
    [macro]="<FilesMatch \"\\.php\$\">\n${by_hand//@USER@/\$user}\n</FilesMatch>"
    [module]='FPMUser @USER@ pm=ondemand pm.max_children=4 scan=off'
)
declare -A loaded=([none]='' [by_hand]='proxy proxy_fcgi' [macro]='macro proxy proxy_fcgi'
    [module]='')

# hosts_of NAME SIZE: the virtual hosts, the users in turn.
hosts_of() {
    local name=$1 size=$2 host='<VirtualHost 127.0.0.1:@PORT@>\nServerName @NAME@\n'
    local text=${inside[$name]//@RUN@/$scratch/run} user=@USER@
    [ "$name" != macro ] || user=\$user
    text="${host}DocumentRoot $scratch/sites/$user\n$text\n</VirtualHost>\n"
    text=${text//@PORT@/$port}
    if [ "$name" = macro ]; then
        printf '%b' "<Macro Site \$name \$user>\n${text//@NAME@/\$name}</Macro>\n"
        text='Use Site @NAME@ @USER@\n'
    fi
    awk -v size="$size" -v users="$USERS" -v text="$text" 'BEGIN {
        for (i = 1; i <= size; i++) {
            one = text
            gsub(/@NAME@/, "h" i ".test", one)
            gsub(/@USER@/, sprintf("fpmt_s%05d", (i - 1) % users + 1), one)
            printf "%s", one
        }
    }'
}

# configure NAME SIZE: the file $conf.
configure() {
    local name=$1 size=$2 module
    conf=$scratch/$name-$size.conf
    hosts_of "$name" "$size" >"$hosts/$name-$size"
    {
        # shellcheck disable=SC2086  # a list of names
        for module in mpm_event unixd authz_core dir ${loaded[$name]}; do
            "$httpd" -l | grep -qx " *mod_$module.c" ||
                echo "LoadModule ${module}_module $modules/mod_$module.so"
        done
        cat <<HTTPD
ServerName localhost
ServerRoot $scratch
DefaultRuntimeDir $scratch/run
PidFile $scratch/run/$name.pid
ErrorLog $scratch/log/$name-$size.log
LogLevel notice
User $web_user
Group $(id -gn "$web_user")
Listen 127.0.0.1:$port
DocumentRoot $www
HTTPD
        frame_of event | sed "s|^ServerLimit .*|ServerLimit 4|" # one child, and room for an old one
        [ "$name" != module ] || cat <<HTTPD
LoadModule fpmpool_module $PWD/.libs/mod_fpmpool.so
FPMMaster bench config=$scratch/php-fpm.conf binary=$php_fpm socket_dir=$scratch/run
HTTPD
        echo "Include $hosts/$name-$size"
    } >"$conf"
}

# ---- the measurements --------------------------------------------------------------------

record() { # record WHAT VALUE
    echo "$size $name $1 $2" >>"$OUT/scale.txt"
}

since() { # since TIME: seconds
    awk -v now="$EPOCHREALTIME" -v then="$1" 'BEGIN { printf "%.4f", now - then }'
}

ask() { # ask HOST PATH: the answer
    curl -s -f -m 60 -H "Host: $1" "http://127.0.0.1:$port/$2"
}

kb() { # kb PID FIELD: of its memory
    awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/smaps_rollup"
}

configtest() {
    local said
    said=$(/usr/bin/time -f '%e %M' "$httpd" -f "$conf" -t 2>&1) || die "configtest: $said"
    read -r seconds memory < <(tail -n 1 <<<"$said")
    record configtest_s "$seconds"
    record configtest_mb "$(awk -v kb="$memory" 'BEGIN { printf "%.1f", kb / 1024 }')"
}

# start TIME: until a page comes from the last host.
start() {
    setsid "$httpd" -DFOREGROUND -f "$conf" >"$scratch/log/$name.out.log" 2>&1 &
    httpd_pid=$!
    httpd_pids="$httpd_pids $httpd_pid"
    echo "$httpd_pid" >>"$scratch/pids"
    until_served "$1" || die "$name with $size hosts does not serve within 60 s"
}

until_served() { # until_served TIME
    until ask "h$size.test" plain.html >/dev/null; do
        awk -v now="$EPOCHREALTIME" -v then="$1" 'BEGIN { exit now - then > 60 }' || return 1
    done
}

restarts() {
    grep -c 'resuming normal operations' "$scratch/log/$name-$size.log" || true
}

graceful() {
    local at=$EPOCHREALTIME had
    had=$(restarts)
    kill -USR1 "$httpd_pid"
    until [ "$(restarts)" -gt "$had" ]; do
        awk -v now="$EPOCHREALTIME" -v then="$at" 'BEGIN { exit now - then > 60 }' ||
            die "$name with $size hosts does not come back from a graceful restart"
    done
    record graceful_s "$(since "$at")"
    until_true 20 is_alone || die "$name with $size hosts keeps an old child"
}

is_alone() { # the old child has ended
    [ "$(pgrep -c -P "$httpd_pid" -u "$web_user")" = 1 ]
}

memory() {
    local child
    child=$(pgrep -P "$httpd_pid" -u "$web_user" | head -n 1)
    record parent_mb "$(awk -v kb="$(kb "$httpd_pid" Rss)" 'BEGIN { printf "%.1f", kb / 1024 }')"
    record child_private_mb \
        "$(awk -v kb="$(kb "$child" Private_Dirty)" 'BEGIN { printf "%.1f", kb / 1024 }')"
}

# Processor time of the server for a request to the last host.
request() {
    local path=small.php
    [ "$name" != none ] || path=plain.html
    [ "$name" = none ] || ask "h$size.test" small.php | grep -q hello || die "$name: no PHP"
    bench/measure.pl server="$httpd_pid" php=- fpm="$fpm_pid" -- \
        wrk -t 1 -c 4 -d "${REQUEST_SEC}s" --timeout 20s -H "Host: h$size.test" \
        -s bench/load.lua "http://127.0.0.1:$port/$path" >"$scratch/measured"
    record request_us "$(perl -MJSON::PP -ne 'printf "%.1f", decode_json($_)->{server_us}' "$scratch/measured")"
}

stop() {
    kill "$httpd_pid"
    until_true 60 none_left "$httpd_pid" || die "$name with $size hosts does not end"
    wait "$httpd_pid" || true
    httpd_pids=${httpd_pids% *}
}

free_port 8480
for size in $SIZES; do
    # The pools of these users, written and loaded: from here on there is nothing to write.
    name=module
    configure "$name" "$size"
    start "$EPOCHREALTIME"
    stop
    for ((round = 1; round <= ROUNDS; round++)); do
        for name in ${CONTESTANTS//,/ }; do
            configure "$name" "$size"
            configtest
            at=$EPOCHREALTIME
            start "$at"
            record start_s "$(since "$at")"
            memory
            graceful
            request
            stop
        done
    done
done

# The median of each figure, and its ratio to the chain by hand.
report() {
    sort -k1,1n -k2,3 -k4,4g "$OUT/scale.txt" | awk -v names="${CONTESTANTS//,/ }" '
        { key = $1 " " $3 " " $2; if (!(key in n)) { row = $1 " " $3 }
          if (!(row in seen)) { seen[row] = 1; rows[++count] = row }
          value[key, ++n[key]] = $4 }
        function median(key) { return value[key, int((n[key] + 1) / 2)] }
        END {
            columns = split(names, column, " ")
            printf "%6s %-18s", "hosts", ""
            for (c = 1; c <= columns; c++) printf " %18s", column[c]
            print ""
            for (r = 1; r <= count; r++) {
                split(rows[r], part, " ")
                printf "%6d %-18s", part[1], part[2]
                hand = median(rows[r] " by_hand")
                for (c = 1; c <= columns; c++) {
                    mine = median(rows[r] " " column[c])
                    printf " %10s (%5.2f)", mine, hand ? mine / hand : 0
                }
                print ""
            }
        }'
}
report | tee "$OUT/scale.table"
