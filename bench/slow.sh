#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Slow clients beside a normal one, on a pool of five children: fifty that read an answer of
# 16 MB at a trickle, then fifty that send a body at a trickle. The latency of the normal
# client, alone and beside them: the module, mod_proxy_fcgi by hand, nginx. They take turns.
# Prints medians and writes slow.jsonl (each measurement).
# Settings: ROUNDS, ROUND_SEC, SLOW (clients), CHILDREN, OUT. Unasked it takes four minutes.
: "${ROUNDS:=3}" "${ROUND_SEC:=4}" "${SLOW:=50}" "${CHILDREN:=5}" "${OUT:=build/bench}"
# shellcheck disable=SC2034  # world.sh takes it: a slow client holds a thread of httpd
THREADS=128

# shellcheck source=bench/world.sh
. "$(dirname "$0")/world.sh"
open_world
mkdir -p "$OUT"
: >"$OUT/slow.jsonl"

ports=()
for name in module by_hand nginx; do
    "start_$name" event
    ports+=("$name=$port")
done
bench/slow.pl rounds="$ROUNDS" seconds="$ROUND_SEC" slow="$SLOW" log="$OUT/slow.jsonl" \
    "${ports[@]}" || die "no measurement"
