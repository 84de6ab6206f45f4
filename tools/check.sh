#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What `make -f Makefile.apxs check` does: the stages in order, then one count of all tests.
# A stage that the next ones stand on (deps, builds) ends the run; test stages all
# run, so that one look shows everything. The count is what prove said, taken from its logs.
# What failed is said once more at the end; the last line is always "N passed, M failed".
set -u
cd "$(dirname "$0")/.." || exit 1
mkdir -p build
: "${MAKE:=make}" "${JOBS:=2}"

rm -f build/failed.log
ran=0
passed=0
failed=0

sum() {
    awk '{n += $1} END {print n + 0}'
}

# count LOG STATUS: add what prove said in LOG. A stage that failed without a failed test
# (a program that crashed, prove itself) counts as one failure.
count() {
    local tests bad
    [ -e "$1" ] || : >"$1"
    tests=$(sed -n 's/^Files=[0-9]*, Tests=\([0-9]*\),.*/\1/p' "$1" | sum)
    bad=$(sed -n 's/.*Tests: [0-9]* Failed: \([0-9]*\)).*/\1/p' "$1" | sum)
    passed=$((passed + tests - bad))
    if [ "$tests" -eq 0 ] && [ "$2" -eq 0 ]; then
        echo "ERROR: $1 names no test that ran" >&2
        bad=1
    fi
    if grep -iq 'skipped' "$1"; then
        echo "ERROR: $1 names a skipped test; here nothing may be skipped" >&2
        bad=$((bad + 1))
    fi
    if [ "$2" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    fi
    ran=$((ran + tests))
    failed=$((failed + bad))
}

# Each failed test with what it saw, as the test said it on either output.
say_failed() {
    awk '/Failed test |^ERROR|Dubious|[*][*][*] |==[0-9]+==/ {left = 12} left-- > 0' "$1" |
        head -n 80
}

finish() {
    [ "$ran" -gt 0 ] || [ "$failed" -gt 0 ] || failed=1
    [ ! -s build/failed.log ] || cat build/failed.log
    echo "mod_fpmpool: $ran tests, $failed failed"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

stage() { # stage TARGET: no test in it, the next stages stand on it
    echo "== $1"
    $MAKE --no-print-directory -f Makefile.apxs -j"$JOBS" "$1" && return
    echo "ERROR: $1 did not pass, the stages after it were not run" >&2
    failed=$((failed + 1))
    finish
}

tests() { # tests TARGET LOG
    local status
    echo "== $1"
    rm -f "$2"
    $MAKE --no-print-directory -f Makefile.apxs -j"$JOBS" "$1" 2>&1 | tee build/stage.log
    status=${PIPESTATUS[0]}
    if [ "$status" -ne 0 ]; then
        { echo "== $1 failed:" && say_failed build/stage.log; } >>build/failed.log
    fi
    count "$2" "$status"
}

stage deps
tests guards build/guards.log
stage build-gcc
stage build-clang
stage all
tests check-unit build/unit.log
tests check-valgrind build/valgrind.log
tests check-fuzz build/fuzz.log
tests check-faults build/faults.log
tests check-race build/race.log
tests check-asan build/asan.log
tests check-soak build/soak.log
tests check-t build/t.log
finish
