#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing to build, show and test the module, and nothing else. What is
# there is found by looking for the thing itself, not for a package, so a php-fpm or httpd of
# another origin counts. `deps.sh demo` looks only for what the demo needs.
set -eu

# kind:thing  debian package  fedora package  (demo: the demo needs it too)
table='
cmd:gcc              gcc                   gcc                    demo
cmd:make             make                  make                   demo
cmd:nm               binutils              binutils               demo
cmd:curl             curl                  curl                   demo
cmd:useradd          passwd                shadow-utils           demo
httpd:               apache2               httpd                  demo
apxs:                apache2-dev           httpd-devel            demo
specs:               -                     redhat-rpm-config      demo
fpm:                 php-fpm               php-fpm                demo
cmd:clang            clang                 clang                  -
fuzzer:              libclang-rt-dev       compiler-rt            -
cmd:valgrind         valgrind              valgrind               -
cmd:strace           strace                strace                 -
cmd:openssl          openssl               openssl                -
cmd:perl             perl                  perl                   -
cmd:prove            perl                  perl-Test-Harness      -
perl:JSON::PP        perl                  perl(JSON::PP)         -
perl:Apache::Test    libapache2-mod-perl2  perl(Apache::Test)     -
perl:LWP             libwww-perl           perl(LWP)              -
file:cmocka.h        libcmocka-dev         libcmocka-devel        -
'

there() { # there kind:thing
    local thing=${1#*:}
    case $1 in
        cmd:*) command -v "$thing" >/dev/null ;;
        httpd:*) command -v apache2 >/dev/null || command -v httpd >/dev/null ;;
        apxs:*) command -v apxs >/dev/null || command -v apxs2 >/dev/null ;;
        fpm:*) compgen -G '/usr/sbin/php-fpm*' >/dev/null || command -v php-fpm >/dev/null ;;
        perl:*) perl -M"$thing" -e 1 2>/dev/null ;;
        file:*) echo "#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <$thing>" | gcc -E - >/dev/null 2>&1 ;;
        fuzzer:*) command -v clang >/dev/null && compgen -G "$(clang -print-resource-dir)/lib/*/libclang_rt.fuzzer*.a" >/dev/null ;;
        # Fedora's apxs hands out flags that name a file of this package.
        specs:*) [ ! -e /etc/fedora-release ] || [ -d /usr/lib/rpm/redhat ] ;;
    esac
}

PATH=$PATH:/usr/sbin:/sbin
column=2
command -v apt-get >/dev/null || column=3
missing() {
    while read -r what debian fedora demo; do
        [ -n "$what" ] || continue
        [ "${1:-}" != demo ] || [ "$demo" = demo ] || continue
        there "$what" && continue
        [ "$column" = 2 ] && echo "$debian" || echo "$fedora"
    done <<<"$table" | sort -u | grep -vx -- -
}

# A package that starts a service when it is installed would start the distribution's own
# httpd and php-fpm on this machine; the tests and the demo bring their own.
no_services() {
    local policy=/usr/sbin/policy-rc.d
    [ ! -e "$policy" ] && [ ! -L "$policy" ] || return 0
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

mapfile -t wanted < <(missing "${1:-}")
if [ ${#wanted[@]} -eq 0 ]; then
    echo "deps: nothing is missing"
    exit 0
fi
echo "deps: missing: ${wanted[*]}"
if [ "$(id -u)" -ne 0 ]; then
    echo "deps: installing needs root; run this as root, or install the packages above" >&2
    exit 1
fi

if [ "$column" = 2 ]; then
    no_services
    export DEBIAN_FRONTEND=noninteractive
    # The lists may be absent (a fresh image) or name files that are gone: update, then again.
    apt-get install -y --no-install-recommends "${wanted[@]}" ||
        { apt-get update && apt-get install -y --no-install-recommends "${wanted[@]}"; }
elif command -v dnf >/dev/null; then
    dnf install -y "${wanted[@]}"
else
    echo "deps: neither apt-get nor dnf is here; install by hand: ${wanted[*]}" >&2
    exit 1
fi

mapfile -t wanted < <(missing "${1:-}")
if [ ${#wanted[@]} -ne 0 ]; then
    echo "deps: installed, yet still not found: ${wanted[*]}" >&2
    exit 1
fi
echo "deps: all is there"
