#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The source archive of this tree, for the packages: what make and t/run made is left out, and
# so is debian/. The same tree gives the same bytes.
# Usage: dist.sh NAME-VERSION FILE.tar.gz
set -eu
cd "$(dirname "$0")/.."
since=$(sed -n 's/^ -- .*>  //p' debian/changelog | head -n 1)
tar --sort=name --owner=0 --group=0 --numeric-owner --mode=go-w --mtime="$since" \
    --exclude-vcs --exclude=./build --exclude=./.libs --exclude=./debian --exclude=./t/logs \
    --exclude=./t/conf/apache_test_config.pm --transform="s,^\.,$1," \
    --use-compress-program='gzip -9n' -cf "$2" .
