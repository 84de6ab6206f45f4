# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # private.sh sets httpd, modules, php_fpm, web_user, scratch; soak.sh uses took, answer
#
# One httpd with its hosts on two masters, for soak.sh to source: the same hosts by FPMUser
# (way=module), and by pool files and SetHandler written by hand (way=hand) with the
# distribution's defaults. A world lives in a subshell of its own and ends with it.

declare -A user_of php_of pm_of children_of master_pid changed

# world NAME WAY PORT [HTTPD-MODULE...]: an empty one. Sets way, dir, port.
world() {
    world=$1-$2 way=$2 dir=$scratch/$world
    free_port "$3"
    mkdir -p "$dir/run"
    chmod 755 "$dir"
    httpd_pid='' httpd_log=$scratch/log/$world.httpd.log
    : >"$httpd_log"
    # what the frame made is the frame's to end
    users_made='' httpd_pids='' fpm_pid=''
    exec 9>&- # the lock is the frame's too
    # shellcheck disable=SC2064  # of now
    trap "scratch='' clean_up" EXIT
    trap 'exit 143' TERM INT HUP
}

# master NAME BINARY: its main file, a pool that is nobody's, and its process.
master() {
    local base=$dir/$1 timeout=''
    [ "$way" = hand ] || timeout='process_control_timeout = 10s' # README, Limits
    mkdir -p "$base"/{pool.d,run}
    cat >"$base/php-fpm.conf" <<FPM
[global]
pid = $base/run/php-fpm.pid
error_log = $scratch/log/$world.$1.fpm.log
daemonize = no
$timeout
include = $base/pool.d/*.conf
FPM
    cat >"$base/pool.d/parked.conf" <<FPM
[parked]
user = nobody
listen = $base/run/parked.sock
pm = ondemand
pm.max_children = 1
FPM
    "$2" -y "$base/php-fpm.conf" >"$scratch/log/$world.$1.out.log" 2>&1 &
    master_pid[$1]=$!
    fpm_pid="$fpm_pid $!"
    until_true 10 test -s "$base/run/php-fpm.pid" || die "$2 did not start within 10 s"
}

# host NAME PHP PM CHILDREN: hNN runs as fpmt_sNN.
host() {
    user_of[$1]=fpmt_s${1#h} php_of[$1]=$2 pm_of[$1]=$3 children_of[$1]=$4
}

no_host() {
    unset "user_of[$1]" "php_of[$1]"
}

pool_by_hand() { # pool_by_hand HOST
    cat <<FPM
[${user_of[$1]}]
user = ${user_of[$1]}
listen = $dir/${php_of[$1]}/run/${user_of[$1]}.sock
listen.owner = $web_user
listen.mode = 0600
pm = ${pm_of[$1]}
pm.max_children = ${children_of[$1]}
FPM
}

chain_of() { # chain_of HOST: the lines that lead PHP to its pool
    if [ "$way" = module ]; then
        echo "FPMUser ${user_of[$1]} php=${php_of[$1]} pm=${pm_of[$1]} pm.max_children=${children_of[$1]}"
    else
        echo '<FilesMatch "\.php$">'
        echo "    SetHandler \"proxy:unix:$dir/${php_of[$1]}/run/${user_of[$1]}.sock|fcgi://${user_of[$1]}\""
        echo '</FilesMatch>'
    fi
}

# By hand, the pool files too; sets changed: the masters whose files are others now.
write_pools() {
    local name php
    for php in "${!master_pid[@]}"; do
        rm -rf "$dir/$php/new"
        mkdir "$dir/$php/new"
        cp "$dir/$php/pool.d/parked.conf" "$dir/$php/new/"
        for name in "${!user_of[@]}"; do
            [ "${php_of[$name]}" != "$php" ] || pool_by_hand "$name" >"$dir/$php/new/$name.conf"
        done
        diff -rq "$dir/$php/new" "$dir/$php/pool.d" >/dev/null && continue
        changed[$php]=1
        rm -f "$dir/$php"/pool.d/*
        cp "$dir/$php"/new/* "$dir/$php/pool.d/"
    done
}

# configure MASTER=BINARY...: httpd.conf and what it includes, from the hosts as they are.
configure() {
    local module name
    {
        for module in mpm_event unixd authz_core dir; do load_module "$module"; done
        if [ "$way" = hand ]; then
            load_module proxy
            load_module proxy_fcgi
        else
            echo "LoadModule fpmpool_module ${MODULE:-$PWD/.libs/mod_fpmpool.so}"
            for name in "$@"; do
                echo "FPMMaster ${name%%=*} config=$dir/${name%%=*}/php-fpm.conf binary=${name#*=}" \
                    "socket_dir=$dir/${name%%=*}/run"
            done
        fi
        cat <<HTTPD
ServerName localhost
ServerRoot $dir
DefaultRuntimeDir $dir/run
PidFile $dir/run/httpd.pid
ErrorLog $httpd_log
LogLevel notice
User $web_user
Group $(id -gn "$web_user")
Listen 127.0.0.1:$port
DirectoryIndex index.php
StartServers 2
MinSpareThreads 25
MaxSpareThreads 75
MaxRequestWorkers 150
HTTPD
        for name in $(printf '%s\n' "${!user_of[@]}" | sort); do
            echo "<VirtualHost 127.0.0.1:$port>"
            echo "ServerName $name.test"
            echo "DocumentRoot $scratch/sites/${user_of[$name]}"
            chain_of "$name"
            echo '</VirtualHost>'
        done
    } >"$dir/httpd.conf"
    [ "$way" = module ] || write_pools
}

load_module() {
    "$httpd" -l | grep -qx " *mod_$1.c" || echo "LoadModule ${1}_module $modules/mod_$1.so"
}

tell_masters() { # by hand: what a panel does after it wrote pool files
    local php
    for php in "${!changed[@]}"; do
        kill -USR2 "${master_pid[$php]}"
    done
    changed=()
}

# ---- httpd: each ends when it is done, and sets took: seconds ------------------------------

LIMIT_SEC=180

seconds_since() { # seconds_since EPOCHREALTIME
    awk "BEGIN {printf \"%.1f\", $EPOCHREALTIME - $1}"
}

resumed() {
    grep -c 'resuming normal operations' "$httpd_log" || true
}

resumed_after() {
    [ "$(resumed)" -gt "$1" ]
}

start() {
    local begin=$EPOCHREALTIME before
    before=$(resumed)
    tell_masters
    "$httpd" -DFOREGROUND -f "$dir/httpd.conf" >"$scratch/log/$world.httpd.out.log" 2>&1 &
    httpd_pid=$! httpd_pids=$!
    until_true "$LIMIT_SEC" resumed_after "$before" || die "httpd of $dir does not start within $LIMIT_SEC s"
    took=$(seconds_since "$begin")
}

graceful() {
    local begin=$EPOCHREALTIME before
    before=$(resumed)
    tell_masters
    "$httpd" -f "$dir/httpd.conf" -k graceful || die "-k graceful of $dir"
    until_true "$LIMIT_SEC" resumed_after "$before" || die "httpd of $dir does not resume within $LIMIT_SEC s"
    took=$(seconds_since "$begin")
}

stop() {
    local begin=$EPOCHREALTIME
    "$httpd" -f "$dir/httpd.conf" -k stop || die "-k stop of $dir"
    until_true "$LIMIT_SEC" is_gone "$httpd_pid" || die "httpd of $dir does not stop within $LIMIT_SEC s"
    wait "$httpd_pid" || true
    httpd_pids=''
    took=$(seconds_since "$begin")
}

is_gone() { # is_gone PID...: none of them lives; a zombie does not
    local pid
    for pid in "$@"; do
        if grep -q '^State:[[:space:]]*[^ZX]' "/proc/$pid/status" 2>/dev/null; then return 1; fi
    done
}

is_deaf() { # is_deaf PID...: none of them listens any more
    local inode pid
    inode=$(awk -v port="$(printf ':%04X' "$port")" 'substr($2, 9) == port && $4 == "0A" {print $10}' /proc/net/tcp)
    [ -n "$inode" ] || die "nobody listens on port $port"
    for pid in "$@"; do
        [ -z "$(find "/proc/$pid/fd" -lname "socket:\[$inode\]" 2>/dev/null)" ] || return 1
    done
}

children() {
    pgrep -P "$httpd_pid" | paste -sd' '
}

# ---- the load -------------------------------------------------------------------------------

load_starts() { # load_starts GETS-PER-SECOND
    coproc LOAD { exec perl tools/soak.pl "$port" "$1" "$dir/load.log"; }
    load_in=${LOAD[1]} load_out=${LOAD[0]}
    httpd_pids="$LOAD_PID $httpd_pids" # ended first when interrupted
}

load() { # load COMMAND...: see soak.pl; sets answer
    echo "$*" >&"$load_in"
    # no IFS= here: the trap of a signal would run with it, and split no list
    read -r -t 100 -u "$load_out" answer || die "the load does not answer '$*'"
}

load_live() { # load_live HOST...
    local name
    for name in "$@"; do
        load live "$name" "$(id -u "${user_of[$name]}")"
    done
}
