# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154  # soak.sh and soak_world.sh set them
#
# Does anything grow? For soak.sh to source. First mixed load without a reload, where children
# live long; then mixed load with a reload every SOAK_EVERY_SEC, each adding, changing and
# removing pools, where children are measured right before the next reload, so that all are of
# one age. The medians of the first and the last third are compared.

# What may differ between two medians: pages that happen to be touched, connections that
# happen to be open. A leak of 1 KB or of one descriptor per reload or request is far above.
SLACK_KB=1024 SLACK_FDS=2

memory_kb() { # memory_kb PID NAME: Rss or Pss
    awk -v name="$2:" '$1 == name {print $2}' "/proc/$1/smaps_rollup" 2>/dev/null
}

descriptors() { # descriptors PID
    find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l
}

# sample PHASE: a line per figure, the greatest of all children.
sample() {
    local pid what
    {
        echo "parent $httpd_pid"
        echo "php-fpm ${master_pid[one]}"
        for pid in $(children); do echo "child $pid"; done
    } | while read -r what pid; do
        echo "$what Rss $(memory_kb "$pid" Rss)"
        echo "$what Pss $(memory_kb "$pid" Pss)"
        echo "$what fds $(descriptors "$pid")"
    done | awk -v phase="$1" 'NF == 3 {key = $1 " " $2; if (!(key in most) || $3 > most[key]) most[key] = $3}
        END {for (key in most) print phase, key, most[key]}' >>"$dir/samples"
}

median() {
    sort -n | awk '{v[NR] = $1} END {print NR ? v[int((NR + 1) / 2)] : 0}'
}

# compare PHASE: a test per figure.
compare() {
    local what figure all third first last slack
    for what in parent child php-fpm; do
        for figure in Rss Pss fds; do
            all=$(awk -v key="$1 $what $figure" '$1 " " $2 " " $3 == key {print $4}' "$dir/samples")
            third=$(($(wc -l <<<"$all") / 3))
            [ "$third" -gt 0 ] || die "fewer than three samples of $what $figure"
            first=$(head -n "$third" <<<"$all" | median)
            last=$(tail -n "$third" <<<"$all" | median)
            [ "$figure" = fds ] && slack=$SLACK_FDS || slack=$SLACK_KB
            count=$((count + 1))
            [ "$last" -le $((first + slack)) ] || { grown=1 && printf 'not '; }
            printf 'ok %d - %-8s %-8s %-4s %8d %8d   %+d\n' "$count" "$1" "$what" "$figure" "$first" "$last" $((last - first))
        done
    done
}

past() {
    [ "$SECONDS" -ge "$1" ]
}

growth() {
    local i due end count=0 grown=0 calm_sec=$((SOAK_MINUTES * 10))
    [ "$SOAK_MINUTES" -ge 3 ] || die "SOAK_MINUTES=$SOAK_MINUTES: 3 or more, for thirds to compare"
    twenty growth module 8550
    echo "# $SOAK_RATE requests/s and more; $calm_sec s without a reload, then $SOAK_MINUTES minutes with one every $SOAK_EVERY_SEC s"
    end=$((SECONDS + calm_sec)) due=$SECONDS
    while ! past "$end"; do
        due=$((due + 10))
        until_true 60 past "$due"
        sample calm
    done
    end=$((SECONDS + 60 * SOAK_MINUTES)) due=$SECONDS
    for ((i = 0; ; i++)); do
        change "$i"
        due=$((due + SOAK_EVERY_SEC))
        past "$due" && due=$SECONDS
        until_true "$SOAK_EVERY_SEC" past "$due"
        ! past "$end" || break
        sample reloads
    done
    load finish
    echo "# $i reloads; requests, failed, longest GET in ms, sent again: $answer"
    printf '# %-4s %-8s %-8s %-4s %8s %8s   %s\n' '' phase process '' first last 'thirds, kB'
    compare calm
    compare reloads
    count=$((count + 1))
    [ "$(cut -d' ' -f2 <<<"$answer")" -eq 0 ] || { grown=1 && printf 'not '; }
    echo "ok $count - no request failed"
    sed 's/^/# /' "$dir/load.log" | head -20
    echo "1..$count"
    return "$grown"
}
