# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A private httpd and php-fpm in one scratch folder, for the scripts of tools/ and bench/ to source.
# Nothing of the machine's own httpd or PHP setup is read or changed. All that was started
# is ended by its process id when the script ends, also when it is interrupted.

set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:/usr/sbin:/sbin
me=$(basename "$0" .sh)
scratch='' world='' httpd_pids='' fpm_pid='' users_made=''

die() {
    local log
    echo "$me: $*" >&2
    for log in "$scratch/log/$world"*.log; do
        [ -s "$log" ] && echo "-- $log" >&2 && tail -n 15 "$log" >&2
    done
    exit 1
}

# shellcheck disable=SC2317  # called by clean_up
none_left() { # none_left PID...: all have ended, but for zombies
    local pid
    for pid; do
        ! grep -qs '^State:[[:space:]][^Z]' "/proc/$pid/status" || return 1
    done
}

# shellcheck disable=SC2317  # the trap calls it
clean_up() {
    local status=$? pid who
    trap - EXIT
    trap '' INT TERM HUP
    for pid in $httpd_pids $fpm_pid; do
        kill "$pid" 2>/dev/null || true
        kill -CONT "$pid" 2>/dev/null || true # a stopped process does not end
    done
    # PHP-FPM loses a SIGTERM that comes while it reloads.
    # shellcheck disable=SC2086  # a list of numbers
    until_true 10 none_left $httpd_pids $fpm_pid || kill -KILL $httpd_pids $fpm_pid 2>/dev/null || true
    for pid in $httpd_pids $fpm_pid; do
        wait "$pid" 2>/dev/null || true
    done
    for who in $users_made; do
        userdel "$who" 2>/dev/null || true
    done
    [ -z "$scratch" ] || rm -rf "$scratch"
    exit "$status"
}

# until_true SECONDS COMMAND...: wait for a condition, with a deadline.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

is_up() { # is_up PORT
    (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# begin: what is on this machine, and the scratch folder. Sets httpd, modules, php_fpm,
# web_user and scratch.
begin() {
    local apxs
    [ "$(id -u)" -eq 0 ] || die "run it as root: PHP-FPM changes to the users, only root can"
    [ -e .libs/mod_fpmpool.so ] || die "the module is not built; run: make -f Makefile.apxs all"
    apxs=$(command -v apxs || command -v apxs2) || die "apxs is missing; run: make -f Makefile.apxs deps"
    httpd=$("$apxs" -q SBINDIR)/$("$apxs" -q PROGNAME)
    modules=$("$apxs" -q LIBEXECDIR)
    # shellcheck disable=SC2012  # names of this glob hold no odd characters; -v puts 8.10 after 8.9
    php_fpm=$(ls -v /usr/sbin/php-fpm* 2>/dev/null | tail -n 1)
    [ -n "$php_fpm" ] || php_fpm=$(command -v php-fpm) ||
        die "php-fpm is missing; run: make -f Makefile.apxs deps"
    for web_user in www-data apache nobody; do
        if id -u "$web_user" >/dev/null 2>&1; then break; fi
    done
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    scratch=$(mktemp -d "/tmp/fpmt_$me.XXXXXX")
    chmod 755 "$scratch"
    mkdir "$scratch"/{pool.d,run,log,sites}
}

# site USER: the user, and sites/USER with the index.php that standard input holds. A user
# that a crashed run left behind is used again and removed; somebody else's stays.
site() {
    local mark="mod_fpmpool $me"
    id -u "$1" >/dev/null 2>&1 || useradd -M -U -c "$mark" -d /nonexistent -s /usr/sbin/nologin "$1"
    [ "$(getent passwd "$1" | cut -d: -f5)" != "$mark" ] || users_made="$users_made $1"
    mkdir "$scratch/sites/$1"
    cat >"$scratch/sites/$1/index.php"
    chown -R "$1:" "$scratch/sites/$1"
}

# start_fpm: one parked pool, for php-fpm does not start without any.
start_fpm() {
    cat >"$scratch/php-fpm.conf" <<FPM
[global]
pid = $scratch/run/php-fpm.pid
error_log = $scratch/log/php-fpm.log
daemonize = no
process_control_timeout = 10s
include = $scratch/pool.d/*.conf
FPM
    cat >"$scratch/pool.d/parked.conf" <<FPM
[parked]
user = nobody
listen = $scratch/run/parked.sock
pm = ondemand
pm.max_children = 1
FPM
    "$php_fpm" -y "$scratch/php-fpm.conf" >"$scratch/log/php-fpm.out.log" 2>&1 &
    fpm_pid=$!
    until_true 10 test -s "$scratch/run/php-fpm.pid" || die "$php_fpm did not start within 10 s"
}

# free_port FROM: sets port.
free_port() {
    port=$1
    while is_up "$port"; do port=$((port + 1)); done
}

# start_httpd NAME MODULE...: listens on port, on the MPM that mpm names (event if it is unset);
# standard input ends the configuration NAME.conf.
start_httpd() {
    local name=$1 module
    shift
    {
        for module in "mpm_${mpm:-event}" unixd authz_core dir "$@"; do
            "$httpd" -l | grep -qx " *mod_$module.c" || # compiled in
                echo "LoadModule ${module}_module $modules/mod_$module.so"
        done
        cat <<HTTPD
ServerName localhost
ServerRoot $scratch
DefaultRuntimeDir $scratch/run
PidFile $scratch/run/$name.pid
ErrorLog $scratch/log/$name.log
LogLevel notice
User $web_user
Group $(id -gn "$web_user")
Listen 127.0.0.1:$port
DirectoryIndex index.php

HTTPD
        cat
    } >"$scratch/$name.conf"
    # A group of its own: httpd on prefork ends by a signal to its whole group.
    setsid "$httpd" -DFOREGROUND -f "$scratch/$name.conf" >"$scratch/log/$name.out.log" 2>&1 &
    httpd_pids="$httpd_pids $!"
    until_true 20 is_up "$port" || die "$httpd does not listen on port $port after 20 s"
}
