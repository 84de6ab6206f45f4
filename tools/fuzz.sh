#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs each fuzzer of build/fuzz FUZZ_RUNS times (-1: until it finds something) from the seeds of
# tests/fuzz/seeds. What it learns stays in build/fuzz/corpus; an input that breaks
# something is left as build/fuzz/NAME-crash-*. TAP, one line for each.
set -u
cd "$(dirname "$0")/.." || exit 1
: "${FUZZ_RUNS:=50000}"

programs=(build/fuzz/fuzz_*)
failed=0 count=0 jobs=()
one() { # one NAME: run it, all that it says into its log
    mkdir -p "build/fuzz/corpus/$1"
    "build/fuzz/fuzz_$1" -runs="$FUZZ_RUNS" -seed=1 -max_len=2048 -timeout=10 \
        -artifact_prefix="build/fuzz/$1-" "build/fuzz/corpus/$1" "tests/fuzz/seeds/$1" \
        >"build/fuzz/$1.log" 2>&1
}
for program in "${programs[@]}"; do
    if [ ! -x "$program" ] || [ ! -f "$program" ]; then
        continue
    fi
    one "${program#build/fuzz/fuzz_}" &
    jobs+=("$! ${program#build/fuzz/fuzz_}")
done
for job in "${jobs[@]}"; do
    count=$((count + 1))
    name=${job#* }
    if wait "${job% *}" && runs=$(sed -nE 's/^Done ([0-9]+) runs.*/\1/p' "build/fuzz/$name.log") && [ -n "$runs" ]; then
        echo "ok $count - $name: $runs executions, nothing found"
    else
        echo "not ok $count - $name: see build/fuzz/$name.log"
        tail -n 30 "build/fuzz/$name.log" | sed 's/^/# /'
        failed=1
    fi
done
echo "1..$count"
[ "$count" -gt 0 ] && [ "$failed" -eq 0 ]
