#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What shellcheck says of every shell script of this tree, and what mandoc and man say of its
# manual pages. Silent but for the last line when there is nothing to say; lintian and rpmlint
# belong to the packages (deb.sh, rpm.sh).
set -u
cd "$(dirname "$0")/.." || exit 1
status=0

mapfile -t scripts < <(find . -path ./build -prune -o -path ./.git -prune -o -type f -print |
    sort | xargs -d '\n' awk 'FNR == 1 && (/^#!.*sh$/ || FILENAME ~ /\.sh$/) {print FILENAME}
        {nextfile}')
pages=(docs/man/*.[1-9])
if [ ${#scripts[@]} -eq 0 ] || [ ! -e "${pages[0]}" ]; then
    echo "ERROR: no scripts or no manual pages found, nothing was checked" >&2
    exit 1
fi

shellcheck -x "${scripts[@]}" || status=1
mandoc -T lint "${pages[@]}" || status=1
for page in "${pages[@]}"; do
    said=$(MANWIDTH=80 LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
    [ -z "$said" ] || { echo "$page: $said" >&2; status=1; }
done
[ "$status" -eq 0 ] && echo "lint: ${#scripts[@]} scripts, ${#pages[@]} manual pages, nothing to say"
exit "$status"
