#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The RPM from this tree, in build/rpm/, and what rpmlint says of the spec and of it. Where
# rpm's macros for httpd are missing (Debian), this machine's httpd answers in their place and
# the packages that the build needs are not asked for: such an RPM shows that the spec builds,
# it is not one to install. Arguments go to rpmbuild.
set -eu
cd "$(dirname "$0")/.."
out=$PWD/build/rpm
spec=packaging/mod_fpmpool.spec
version=$(sed -n 's/^Version: *//p' "$spec")

header=$(sed -n 's/^#define FPMP_VERSION "\(.*\)"/\1/p' mod_fpmpool.h)
if [ "$header" != "$version" ]; then
    echo "rpm: $spec says $version, mod_fpmpool.h says $header" >&2
    exit 1
fi

rm -rf "$out"
mkdir -p "$out/SOURCES" "$out/home"
tools/dist.sh "mod_fpmpool-$version" "$out/SOURCES/mod_fpmpool-$version.tar.gz"

if [ -z "$(rpm --eval '%{?_httpd_mmn}')" ]; then
    apxs=$(command -v apxs || command -v apxs2)
    magic=$(sed -n 's/^#define MODULE_MAGIC_NUMBER_MAJOR *//p' "$("$apxs" -q INCLUDEDIR)/ap_mmn.h")
    cat >"$out/home/.rpmmacros" <<MACROS
%_httpd_apxs $apxs
%_httpd_mmn $magic
%_httpd_moddir $("$apxs" -q LIBEXECDIR)
%_httpd_modconfdir /etc/httpd/conf.modules.d
%_unitdir /usr/lib/systemd/system
%_pkgdocdir %{_docdir}/%{name}
MACROS
    export HOME=$out/home
    set -- --nodeps "$@"
fi
unset MAKEFLAGS MFLAGS MAKELEVEL # a make that calls this hands on nothing
rpmbuild -ba --define "_topdir $out" "$@" "$spec" >"$out/build.log" 2>&1 ||
    { cat "$out/build.log" >&2; exit 1; }
find "$out" -name '*.rpm' -exec rpmlint --strict -c packaging/rpmlint.toml "$spec" {} +
