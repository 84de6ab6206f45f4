#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Does a child of httpd grow with the requests that it serves? One child serves REQUESTS small
# pages, and after each tenth its memory and its descriptors are printed. The first tenth warms
# it up; the last one may leave SLACK_KB more than that, and no descriptor.
# Settings: REQUESTS, SLACK_KB, CLIENTS, MPM (event or worker; prefork has many children).
: "${REQUESTS:=1000000}" "${SLACK_KB:=512}" "${CLIENTS:=8}" "${MPM:=event}"

# shellcheck source=bench/world.sh
. "$(dirname "$0")/world.sh"
open_world
start_module "$MPM"
curl -sS -f -m 60 "http://127.0.0.1:$port/small.php" | grep -q hello || die "no PHP answers"
child=$(pgrep -P "${httpd_pids##* }" -u "$web_user")
[[ $child =~ ^[0-9]+$ ]] || die "httpd has not one child, but: $child"

descriptors() {
    find "/proc/$child/fd" -mindepth 1 | wc -l
}

# Between two loads nobody is connected, so they are those of a child that has served one.
at_rest() {
    [ "$(descriptors)" -le "$fds" ]
}

printf '%10s %10s %6s\n' requests 'memory KB' fds
served=0 first_kb='' fds=$(descriptors)
while [ "$served" -lt "$REQUESTS" ]; do
    tenth=0
    while [ "$tenth" -lt $((REQUESTS / 10)) ]; do
        said=$(wrk -t 1 -c "$CLIENTS" -d 2s --timeout 20s -s bench/load.lua \
            "http://127.0.0.1:$port/small.php" | grep '^requests=')
        [[ $said == *' errors=0 '* ]] || die "a request failed: $said"
        said=${said#requests=}
        tenth=$((tenth + ${said%% *}))
    done
    served=$((served + tenth))
    until_true 20 at_rest || die "more descriptors than $fds are left after $served requests"
    kb=$(awk '$1 == "Pss_Anon:" { print $2 }' "/proc/$child/smaps_rollup")
    [ -n "$first_kb" ] || first_kb=$kb
    printf '%10d %10d %6d\n' "$served" "$kb" "$(descriptors)"
done
[ "$kb" -le $((first_kb + SLACK_KB)) ] ||
    die "the child grew from $first_kb KB to $kb KB in $served requests"
