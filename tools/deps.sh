#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing to build, show and test the module, and nothing else. What is
# there is found by looking for the thing itself, not for a package, so a php-fpm or httpd of
# another origin counts. Usage: deps.sh [demo|tests|bench|deb|rpm|lint|proof]; unasked it is tests.
set -eu

# kind:thing  debian package  fedora package  who needs it: all, or those named
table='
cmd:gcc              gcc                   gcc                    all
cmd:make             make                  make                   all
cmd:nm               binutils              binutils               all
cmd:curl             curl                  curl                   demo,tests,bench
cmd:useradd          passwd                shadow-utils           demo,tests,bench
httpd:               apache2               httpd                  demo,tests,bench
apxs:                apache2-dev           httpd-devel            all
specs:               -                     redhat-rpm-config      all
fpm:                 php-fpm               php-fpm                demo,tests,bench,deb
cmd:clang            clang                 clang                  tests
fuzzer:              libclang-rt-dev       compiler-rt            tests
cmd:valgrind         valgrind              valgrind               tests,bench
cmd:strace           strace                strace                 tests,bench,deb
cmd:openssl          openssl               openssl                tests
cmd:ip               iproute2              iproute                tests
cmd:unshare          util-linux            util-linux             tests
cmd:perl             perl                  perl                   tests,bench,deb
cmd:prove            perl                  perl-Test-Harness      tests,deb
perl:JSON::PP        perl                  perl(JSON::PP)         tests,bench
perl:Apache::Test    libapache2-mod-perl2  perl(Apache::Test)     tests
perl:LWP             libwww-perl           perl(LWP)              tests
file:cmocka.h        libcmocka-dev         libcmocka-devel        tests,deb
cmd:wrk              wrk                   wrk                    bench
cmd:/usr/bin/time   time                  time                   bench
cmd:nginx            nginx                 nginx                  bench
cmd:caddy            caddy                 caddy                  bench
cmd:php-cgi          php-cgi               php-cli                bench
module:mod_fcgid.so  libapache2-mod-fcgid  mod_fcgid              bench
cmd:gnuplot          gnuplot-nox           gnuplot                bench
cmd:dh               debhelper             debhelper              deb
cmd:dh_apache2       dh-apache2            -                      deb
cmd:dpkg-source      dpkg-dev              dpkg-dev               deb
deb:build-essential  build-essential       -                      deb
cmd:lintian          lintian               -                      deb
cmd:rpmbuild         rpm                   rpm-build              rpm
cmd:rpmlint          rpmlint               rpmlint                rpm
cmd:shellcheck       shellcheck            ShellCheck             lint
cmd:mandoc           mandoc                mandoc                 lint
cmd:man              man-db                man-db                 lint
cmd:debootstrap      debootstrap           debootstrap            proof
'

there() { # there kind:thing
    local thing=${1#*:}
    case $1 in
        cmd:*) command -v "$thing" >/dev/null ;;
        httpd:*) command -v apache2 >/dev/null || command -v httpd >/dev/null ;;
        apxs:*) command -v apxs >/dev/null || command -v apxs2 >/dev/null ;;
        fpm:*) compgen -G '/usr/sbin/php-fpm*' >/dev/null || command -v php-fpm >/dev/null ;;
        deb:*) dpkg-query -s "$thing" >/dev/null 2>&1 ;; # dpkg-buildpackage asks for the package
        module:*) [ -e "$("$(command -v apxs || command -v apxs2)" -q LIBEXECDIR)/$thing" ] ;;
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
who=${1:-tests}
column=2
command -v apt-get >/dev/null || column=3
missing() { # missing WHO
    while read -r what debian fedora needed_by; do
        [ -n "$what" ] || continue
        case ,$needed_by, in
            *,all,*|*,"$1",*) ;;
            *) continue ;;
        esac
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

mapfile -t wanted < <(missing "$who")
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

mapfile -t wanted < <(missing "$who")
if [ ${#wanted[@]} -ne 0 ]; then
    echo "deps: installed, yet still not found: ${wanted[*]}" >&2
    exit 1
fi
echo "deps: all is there; no service that came with it was started"
