#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Instructions in user space per request, by callgrind: what the module and mod_proxy_fcgi
# by hand run below ap_invoke_handler, and what the whole process runs. They do not depend
# on the load of the machine. Per request: the count for MANY requests less that for FEW,
# divided by the difference, so start and end cancel out. One process, prefork MPM.
# The profiles stay in OUT, as instructions.NAME.SCRIPT.MANY; callgrind_annotate reads them.
# Settings: FEW, MANY, SCRIPTS (names, with commas), OUT.
: "${FEW:=50}" "${MANY:=450}" "${SCRIPTS:=small,page50k,upload64k}" "${OUT:=build/bench}"

# shellcheck source=bench/world.sh
. "$(dirname "$0")/world.sh"
open_world
mkdir -p "$OUT"
mkdir -m 777 "$scratch/profiles"
head -c 65536 /dev/zero | tr '\0' 'u' >"$scratch/upload64k"

# name       what is asked for, what is sent
declare -A target_of=([small]=small.php [page50k]=page50k.php [upload64k]=upload.php)
declare -A body_of=([upload64k]="$scratch/upload64k")

# A single httpd that gets the signal just before it waits for a connection goes on waiting,
# so it gets it again.
told_to_end() { # told_to_end PID: has it ended?
    none_left "$1" && return
    kill "$1" 2>/dev/null
    return 1
}

# end_last: ends what was started last, and waits for it.
end_last() {
    local pid=${httpd_pids##* }
    until_true 60 told_to_end "$pid" || die "process $pid does not end within 60 s"
    wait "$pid" || true
    httpd_pids=${httpd_pids% *}
}

# collected NAME SCRIPT COUNT [ARGUMENT-OF-CALLGRIND...]: sets count.
collected() {
    local name=$1 script=$2 requests=$3 file=$scratch/profiles/$1.$2.$3 sent=()
    shift 3
    [ -z "${body_of[$script]:-}" ] ||
        sent=(-H 'Content-Type: application/octet-stream'
            --data-binary "@${body_of[$script]}")
    setsid valgrind --tool=callgrind --callgrind-out-file="$file" --log-file="$file.log" \
        "$@" "$httpd" -X -f "$scratch/$name-prefork.conf" \
        >"$scratch/log/valgrind.log" 2>&1 &
    httpd_pids="$httpd_pids $!"
    echo $! >>"$scratch/pids"
    until_true 60 is_up "$port" || die "httpd does not listen under valgrind"
    chmod -f 666 "$file" || true # callgrind makes it as root, and writes it as httpd's user
    curl -sS -f -m 300 -o /dev/null "${sent[@]}" \
        "http://127.0.0.1:$port/${target_of[$script]}?n=[1-$requests]" ||
        die "$name does not answer every request for $script"
    end_last
    count=$(sed -n 's/^==[0-9]*== Collected : //p' "$file.log")
    [ "${count:-0}" -gt 0 ] || die "callgrind counted nothing: $(cat "$file.log")"
}

# per_request NAME SCRIPT [ARGUMENT-OF-CALLGRIND...]: sets each.
per_request() {
    local name=$1 script=$2 few
    shift 2
    collected "$name" "$script" "$FEW" "$@"
    few=$count
    collected "$name" "$script" "$MANY" "$@"
    each=$(((count - few) / (MANY - FEW)))
}

# An ordinary start first: the module writes the pool, and both are known to serve.
for name in module by_hand; do
    "start_$name" prefork
    eval "port_$name=$port"
    end_last
done
: >"$OUT/instructions.jsonl"
for script in ${SCRIPTS//,/ }; do
    for name in module by_hand; do
        port_name=port_$name
        port=${!port_name}
        per_request "$name" "$script" --toggle-collect=ap_invoke_handler
        below=$each
        cp "$scratch/profiles/$name.$script.$MANY" "$OUT/instructions.$name.$script.$MANY"
        per_request "$name" "$script"
        echo "{\"script\": \"$script\", \"contestant\": \"$name\"," \
            "\"below_handler\": $below, \"process\": $each}" >>"$OUT/instructions.jsonl"
    done
done
perl -MJSON::PP -ne '
    $v = decode_json($_); $by{$v->{script}}{$v->{contestant}} = $v;
    push @scripts, $v->{script} if $v->{contestant} eq "module";
    END {
        print "instructions per request, in user space\n";
        for my $what (qw(below_handler process)) {
            printf "\n%-16s %10s %10s %8s\n", $what, "module", "by_hand", "ratio";
            for (@scripts) {
                my ($ours, $peer) = map { $_->{$what} } @{ $by{$_} }{qw(module by_hand)};
                printf "%-16s %10d %10d %8.2f\n", $_, $ours, $peer, $ours / $peer;
            }
        }
    }' "$OUT/instructions.jsonl"
