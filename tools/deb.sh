#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The Debian package, from this tree, in build/deb/: source and binary, then what lintian says
# of them. The tree itself is not written to. Arguments go to dpkg-buildpackage; no signature.
set -eu
cd "$(dirname "$0")/.."
out=$PWD/build/deb
name=$(dpkg-parsechangelog -S Source)
version=$(dpkg-parsechangelog -S Version)
upstream=${version%-*}

header=$(sed -n 's/^#define FPMP_VERSION "\(.*\)"/\1/p' mod_fpmpool.h)
if [ "$header" != "$upstream" ]; then
    echo "deb: debian/changelog says $upstream, mod_fpmpool.h says $header" >&2
    exit 1
fi

rm -rf "$out"
mkdir -p "$out"
tools/dist.sh "$name-$upstream" "$out/${name}_$upstream.orig.tar.gz"
tar -xf "$out/${name}_$upstream.orig.tar.gz" -C "$out"
cp -R debian "$out/$name-$upstream/"

# A make that calls this hands on nothing: jobserver, V=, CC=.
cd "$out/$name-$upstream"
env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc "$@"
cd "$out"
rm -r "${out:?}/$name-$upstream"
# With --show-overrides an overridden tag would count as a failure.
lintian --allow-root --display-info --pedantic --tag-display-limit 0 \
    --fail-on error,warning,info ./*.changes
ls -l "$out"
