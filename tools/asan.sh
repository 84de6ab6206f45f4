#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The tests of t/ with the module built for AddressSanitizer and UndefinedBehaviorSanitizer, in
# httpd as it is: the sanitizer's library is loaded before httpd's own, and taken out of the
# environment again, since PHP-FPM refuses to run with it. Fails on any report.
# Usage: asan.sh [file.t ...]; without names those of requests and attacks.
set -u
cd "$(dirname "$0")/.." || exit 1
: "${GCC:=gcc}" "${APXS:=$(command -v apxs || command -v apxs2)}"

dir=$(mktemp -d /tmp/fpmt_asan.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
chmod 1777 "$dir" # httpd's children write their reports here
flags="$("$APXS" -q CFLAGS) $("$("$APXS" -q APR_CONFIG)" --includes --cppflags) -I$("$APXS" -q INCLUDEDIR)"
# shellcheck disable=SC2086  # a list of flags
$GCC $flags -std=gnu11 -g -O1 -fno-omit-frame-pointer -fPIC -shared -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined -o "$dir/mod_fpmpool.so" mod_fpmpool.c pool_writer.c core/*.c host/*.c glue/*.c ||
    exit 1
echo '#include <stdlib.h>
__attribute__((constructor)) static void leave_no_trace(void) { unsetenv("LD_PRELOAD"); }' |
    $GCC -shared -fPIC -x c -o "$dir/unset.so" - || exit 1
httpd=$("$APXS" -q SBINDIR)/$("$APXS" -q PROGNAME)
cat >"$dir/httpd" <<SH
#!/bin/sh
ASAN_OPTIONS=detect_leaks=0:log_path=$dir/report UBSAN_OPTIONS=log_path=$dir/report:print_stacktrace=1 \\
    LD_PRELOAD=$($GCC -print-file-name=libasan.so):$dir/unset.so exec $httpd "\$@"
SH
chmod 755 "$dir/httpd"

[ $# -gt 0 ] || set -- request.t php_value.t failure.t hostile.t users.t env.t wall.t lint.t dump.t status.t status_access.t
FPMT_MODULE=$dir/mod_fpmpool.so FPMT_HTTPD=$dir/httpd FPMT_MPM=event t/run "$@"
status=$?
for report in "$dir"/report*; do
    [ -e "$report" ] || continue
    echo "ERROR: the sanitizer said in $report:" >&2
    head -n 40 "$report" >&2
    status=1
done
exit "$status"
