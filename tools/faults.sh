#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Breaks a working setup in every way that configtest knows, one at a time, and prints what
# it says: fault, exit code and code of configtest, what `php-fpm -t` says of the same files,
# and what configtest of httpd says of a chain written by hand (SetHandler, mod_proxy_fcgi)
# with the same fault. TAP, so that `prove` counts it. Needs root and the built module;
# FAULTS=REGEX breaks those only.

# shellcheck source=tools/private.sh
. "$(dirname "$0")/private.sh"
begin

# ---- two working setups: ours with a running PHP-FPM, and the same by hand ------------------
for who in anna bert; do
    site "fpmt_$who" <<<'<?php echo "hello\n";'
    chmod 755 "$scratch/sites/fpmt_$who"
    chmod 644 "$scratch/sites/fpmt_$who/index.php"
done
web_group=$(id -gn "$web_user")
mkdir -p "$scratch"/{ours,hand}/{pool.d,run}

world() { # world DIR: main file, a pool that is nobody's
    cat >"$1/php-fpm.conf" <<FPM
[global]
pid = $1/run/php-fpm.pid
error_log = $1/run/php-fpm.log
daemonize = no
process_control_timeout = 10s
include = $1/pool.d/*.conf
FPM
    cat >"$1/pool.d/other.conf" <<FPM
[other]
user = nobody
group = nogroup
listen = $1/run/other.sock
listen.owner = root
pm = dynamic
pm.max_children = 4
pm.start_servers = 1
pm.min_spare_servers = 1
pm.max_spare_servers = 2
FPM
}

frame() { # frame DIR MODULE...: DIR/httpd.conf, which includes DIR/site.conf
    local dir=$1 module
    shift
    for module in mpm_event unixd authz_core dir mime alias actions proxy proxy_fcgi rewrite; do
        "$httpd" -l | grep -qx " *mod_$module.c" ||
            echo "LoadModule ${module}_module $modules/mod_$module.so"
    done >"$dir/httpd.conf"
    cat >>"$dir/httpd.conf" <<HTTPD
ServerName localhost
ServerRoot $dir
DefaultRuntimeDir $dir/run
PidFile $dir/run/httpd.pid
ErrorLog $dir/run/httpd.log
TypesConfig /dev/null
User $web_user
Group $web_group
Listen 127.0.0.1:8080
DocumentRoot $scratch/sites
<Directory />
    Options SymLinksIfOwnerMatch
</Directory>
Include $dir/site.conf
HTTPD
}

host() { # host NAME LINE...
    local name=$1
    shift
    echo "<VirtualHost *:8080>"
    printf '    %s\n' "ServerName $name.test" "DocumentRoot $scratch/sites/fpmt_$name" "$@"
    echo "</VirtualHost>"
}

pool_by_hand() { # pool_by_hand NAME
    cat <<FPM
[fpmt_$1]
user = fpmt_$1
listen = $scratch/hand/run/$1.sock
listen.owner = $web_user
listen.mode = 0600
pm = ondemand
pm.max_children = 5
FPM
}

ours=$scratch/ours
world "$ours"
frame "$ours"
{
    echo "LoadModule fpmpool_module $PWD/.libs/mod_fpmpool.so"
    echo "FPMMaster one config=$ours/php-fpm.conf binary=$php_fpm socket_dir=$ours/run"
    host anna "FPMUser fpmt_anna"
    host bert "FPMUser fpmt_bert"
} >"$ours/site.conf"

hand=$scratch/hand
world "$hand"
frame "$hand"
for who in anna bert; do
    pool_by_hand "$who" >"$hand/pool.d/fpmpool-fpmt_$who.conf"
    host "$who" '<FilesMatch "\.php$">' \
        "    SetHandler \"proxy:unix:$hand/run/$who.sock|fcgi://$who\"" '</FilesMatch>'
done >"$hand/site.conf"

# The same two users over mod_fastcgi, which is not loaded: the lint reads the file by name.
chain_by_fastcgi() { # chain_by_fastcgi NAME
    host "$1" "AddType application/x-php-$1 .php" "Action application/x-php-$1 /php-$1" \
        "Alias /php-$1 $scratch/cgi/php-$1" \
        "FastCgiExternalServer $scratch/cgi/php-$1 -socket $hand/run/$1.sock"
}
mkdir "$scratch/cgi"
for who in anna bert; do
    chain_by_fastcgi "$who"
done >"$hand/fastcgi.conf"
mkdir "$scratch/lint"
frame "$scratch/lint"
mkdir "$scratch/lint/run"
{
    echo "LoadModule fpmpool_module $PWD/.libs/mod_fpmpool.so"
    echo "FPMMaster one config=$hand/php-fpm.conf binary=$php_fpm socket_dir=$hand/run"
} >"$scratch/lint/site.conf"

fpm_up() {
    rm -rf "$ours/run"
    install -d -m 755 "$ours/run"
    "$php_fpm" -y "$ours/php-fpm.conf" >"$scratch/log/php-fpm.out.log" 2>&1 &
    fpm_pid=$!
    until_true 10 test -s "$ours/run/php-fpm.pid" || die "$php_fpm did not start within 10 s"
}

fpm_down() {
    kill "$fpm_pid" 2>/dev/null || true
    wait "$fpm_pid" 2>/dev/null || true
    fpm_pid=''
}

fpm_up
"$httpd" -t -D FPMPOOL_SYNC -f "$ours/httpd.conf" >"$scratch/log/sync.log" 2>&1 ||
    die "the pool files could not be written"
mkdir "$scratch/ok"
cp -a "$scratch/ours" "$scratch/hand" "$scratch/ok"

# Files as they were, with their times; a fault in run/ ends with PHP-FPM started anew.
restore() {
    local w
    for w in ours hand; do
        rm -rf "${scratch:?}/$w/pool.d"
        (cd "$scratch/ok/$w" && cp -a pool.d ./*.conf "$scratch/$w/")
    done
    [ -z "$undo" ] || eval "$undo"
    undo=''
}
undo=''

# ---- one fault ---------------------------------------------------------------------------------

count=0 failed=0
printf '# %-51s %-4s %-9s %-12s %s\n' fault exit code 'php-fpm -t' 'by hand: configtest'

# fault NAME EXIT CODE OURS [HAND]: OURS and HAND are commands that break the world $W with
# its site.conf $S, foreign pool file $F and anna's pool file $A. No HAND: as OURS; "-": a
# chain by hand has no such link.
# shellcheck disable=SC2034  # the commands use them
fault() {
    local name=$1 want_exit=$2 want=$3 said status fpm=0 by_hand=-
    [[ $name =~ ${FAULTS:-} ]] || return 0
    W=$ours S=$ours/site.conf F=$ours/pool.d/other.conf A=$ours/pool.d/fpmpool-fpmt_anna.conf
    eval "$4" || die "$name: could not be made"
    said=$("$httpd" -t -f "$ours/httpd.conf" 2>&1) && status=0 || status=$?
    fpm_says "$ours"
    if [ "${5-$4}" != - ]; then
        W=$hand S=$hand/site.conf F=$hand/pool.d/other.conf A=$hand/pool.d/fpmpool-fpmt_anna.conf
        eval "${5-$4}" || die "$name: could not be made by hand"
        "$httpd" -t -f "$hand/httpd.conf" >"$scratch/log/hand.log" 2>&1 &&
            by_hand=passes || by_hand=fails
    fi
    restore
    verdict
}

fpm_says() { # fpm_says DIR: sets fpm
    timeout 5 "$php_fpm" -t -F -O -y "$1/php-fpm.conf" >"$scratch/log/fpm-t.log" 2>&1 || fpm=$?
    case $fpm in 0) fpm=passes ;; 124) fpm=hangs ;; *) fpm=fails ;; esac
}

# Prints the row of the fault that was just made, from what said, status, fpm and by_hand hold.
verdict() {
    local lines got verdict=ok
    lines=$(grep -E '^FPMP[0-9]{4}: ' <<<"$said") || true
    got=$(grep -oE '^FPMP[0-9]{4}' <<<"$lines" | paste -sd,)
    if [ "$status" != "$want_exit" ] || [ "${got:--}" != "$want" ]; then
        verdict='not ok'
    elif [ "$want" != - ] && ! grep -qE ":[0-9]+[):; ']|on line [0-9]+ of|FPMP0413: pool file: '/" <<<"$said"; then
        verdict='not ok'
    fi
    count=$((count + 1))
    printf '%s %d - %-44s %-4s %-9s %-12s %s\n' "$verdict" "$count" "$name" "$status" \
        "${got:--}" "$fpm" "$by_hand"
    if [ "$verdict" != ok ]; then
        failed=$((failed + 1))
        printf '# wanted: exit %s, %s, one line with file and line; said:\n' "$want_exit" "$want"
        printf '#   %s\n' "${said//$'\n'/$'\n#   '}"
    fi
}

# lint NAME EXIT CODE BREAK: the chain over mod_fastcgi, broken by BREAK in its file $S, in
# anna's pool file $A or on the machine; what configtest of httpd says of it is the same for
# all, as it does not know the directives of a module that is not loaded.
# shellcheck disable=SC2034  # the commands use them
lint() {
    local name="lint: $1" want_exit=$2 want=$3 said status fpm=0 by_hand=-
    [[ $name =~ ${FAULTS:-} ]] || return 0
    S=$hand/fastcgi.conf A=$hand/pool.d/fpmpool-fpmt_anna.conf
    eval "$4" || die "$name: could not be made"
    said=$("$httpd" -t -f "$scratch/lint/httpd.conf" -D "FPMPOOL_LINT=$S" 2>&1) && status=0 || status=$?
    said=$(grep -v '^  ' <<<"$said") # the report repeats the line
    fpm_says "$hand"
    restore
    verdict
}

set_user() { echo "sed -i 's/FPMUser fpmt_anna.*/FPMUser $1/' \$S"; }
set_hand() { echo "sed -i 's/^$1 = .*/$1 = $2/' \$A"; }
add_host() { echo "sed -i '/ServerName anna/a $1' \$S"; }
set_other() { echo "sed -i 's|^$1 = .*|$1 = $2|' \$F"; }
add_other() { echo "echo '$1' >>\$F"; }
drop_other() { echo "sed -i '/^$1 = /d' \$F"; }

long=$(printf '%0100d' 0)

# ---- the table ---------------------------------------------------------------------------------

fault 'healthy' 0 - ':'

# FPMUser and what it names
fault 'user does not exist' 1 FPMP0201 \
    "host carl 'FPMUser fpmt_none' >>\$S" \
    "pool_by_hand carl | sed 's/^user = .*/user = fpmt_none/' >\$W/pool.d/carl.conf"
fault 'user is root' 1 FPMP0204 \
    "host carl 'FPMUser root' >>\$S" \
    "pool_by_hand carl | sed 's/^user = .*/user = root/' >\$W/pool.d/carl.conf"
fault "user is httpd's" 1 FPMP0205 \
    "host carl 'FPMUser $web_user' >>\$S" \
    "pool_by_hand carl | sed 's/^user = .*/user = $web_user/' >\$W/pool.d/carl.conf"
fault "user is in httpd's group" 1 FPMP0207 \
    "gpasswd -a fpmt_anna $web_group >/dev/null; undo='gpasswd -d fpmt_anna $web_group >/dev/null'" :
fault 'group does not exist' 1 FPMP0203 "$(set_user fpmt_anna:fpmt_none)" "sed -i '2a group = fpmt_none' \$A"
fault 'group is root' 1 FPMP0206 "$(set_user fpmt_anna:root)" "sed -i '2a group = root' \$A"
fault 'name of the user has capitals' 1 FPMP0106 "$(set_user Fpmt_Anna)" "$(set_hand user Fpmt_Anna)"
fault 'key is unknown' 1 FPMP0106 "$(set_user 'fpmt_anna max_children=5')" "sed -i '2a max_children = 5' \$A"
fault 'value has the wrong type' 1 FPMP0106 "$(set_user 'fpmt_anna pm.max_children=many')" \
    "$(set_hand pm.max_children many)"
fault 'value is out of range' 1 FPMP0106 "$(set_user 'fpmt_anna process.priority=40')" \
    "sed -i '2a process.priority = 40' \$A"
fault 'settings contradict each other' 1 FPMP0102 "$(set_user 'fpmt_anna pm=dynamic')" "$(set_hand pm dynamic)"
fault 'two hosts disagree about one pool' 1 FPMP0101 \
    "$(set_user 'fpmt_anna pm.max_children=10'); host carl 'FPMUser fpmt_anna pm.max_children=7' >>\$S" \
    "printf '[fpmt_anna]\npm.max_children = 7\n' >\$W/pool.d/z.conf"
fault 'FPMUser twice in one host' 1 FPMP0105 "$(add_host 'FPMUser fpmt_bert')" -
fault 'chdir does not exist' 1 FPMP0438 "$(set_user 'fpmt_anna chdir=\/none')" "sed -i '2a chdir = /none' \$A"

# extension and handler: what else claims the files
fault 'SetHandler for the whole server' 0 FPMP0640 \
    "printf '<FilesMatch \"\\\\\\\\.php\$\">\nSetHandler \"proxy:unix:/run/php/php-fpm.sock|fcgi://localhost\"\n</FilesMatch>\n' >>\$S"
fault 'SetHandler in the host' 0 FPMP0640 "$(add_host 'SetHandler application\/x-httpd-php')"
fault 'ForceType in the host' 0 FPMP0641 "$(add_host 'ForceType application\/x-httpd-php')"
fault 'AddHandler in the host' 0 FPMP0642 "$(add_host 'AddHandler php-script .php')"
fault 'AddType and Action in the host' 0 FPMP0643 \
    "$(add_host 'AddType application\/x-httpd-php .php\n    Action application\/x-httpd-php \/php')"
fault 'Action in the host' 0 FPMP0644 "$(add_host 'Action application\/x-httpd-php \/php')"
fault 'ProxyPass to another pool' 1 FPMP0645 "$(add_host 'ProxyPass \/ fcgi:\/\/127.0.0.1:9000\/srv\/')"
# shellcheck disable=SC2016  # $1 is httpd's
fault 'ProxyPassMatch to another pool' 1 FPMP0646 \
    "$(add_host 'ProxyPassMatch \^\/(.*\\.php)$ fcgi:\/\/127.0.0.1:9000\/srv\/$1')"
# shellcheck disable=SC2016  # $1 is httpd's
fault 'RewriteRule [P] to another pool' 1 FPMP0647 \
    "$(add_host 'RewriteEngine On\n    RewriteRule \^\/(.*\\.php)$ fcgi:\/\/127.0.0.1:9000\/srv\/$1 [P]')"
fault '.htaccess may set handlers' 0 FPMP0649 \
    "printf '<Directory $scratch/sites/fpmt_anna>\nAllowOverride FileInfo\n</Directory>\n' >>\$S"
fault 'FollowSymLinks between two users' 0 FPMP0650 \
    "printf '<Directory $scratch/sites/fpmt_anna>\nOptions FollowSymLinks\n</Directory>\n' >>\$S"

# socket
fault 'socket path is too long' 1 FPMP0301 \
    "install -d -m 755 $ours/run/$long; sed -i 's|socket_dir=.*|&/$long|' \$S; undo='rmdir $ours/run/$long'" \
    "$(set_hand listen "\/run\/$long")"
fault 'socket directory does not exist' 1 FPMP0302 "sed -i 's|socket_dir=.*|&/none/run|' \$S" \
    "$(set_hand listen '\/none\/a.sock')"
fault 'socket directory is open to all' 1 FPMP0303 \
    "chmod 777 \$W/run; undo='chmod 755 $ours/run $hand/run'"
fault 'socket directory with a comma' 1 FPMP0108 "sed -i 's|socket_dir=.*|&/a,b|' \$S" \
    "$(set_hand listen '\/run\/a,b.sock')"

# pool file
fault 'pool directory does not exist' 1 FPMP0401 "rm -r \$W/pool.d"
fault 'pool directory is open to all' 1 FPMP0402 "chmod 777 \$W/pool.d"
fault 'pool file is missing' 0 FPMP0407 "rm \$A"
fault 'pool file is older than the directive' 0 FPMP0412 "$(set_user 'fpmt_anna pm.max_children=7')" -
fault 'pool file was edited by hand' 0 FPMP0411 "echo 'pm.max_requests = 5' >>\$A" -
fault 'pool file is somebody else'"'"'s' 1 FPMP0409 "sed -i 1,2d \$A" -
fault 'pool file is left over' 0 FPMP0413 "sed -i '/FPMUser fpmt_bert/d' \$S" -
fault 'pool file is not loaded' 0 FPMP0420 "touch \$A" -
fault 'pool file is missing, FPMSync check' 1 FPMP0407 "rm \$A; echo 'FPMSync check' >>\$S" -

# master
fault 'main file does not exist' 1 FPMP0504 "rm \$W/php-fpm.conf"
fault 'program does not exist' 1 FPMP0507 "sed -i 's|binary=[^ ]*|binary=/none/php-fpm|' \$S" -
fault 'no such master' 1 FPMP0502 "host carl 'FPMUser fpmt_anna php=9.9' >>\$S" -
fault 'PHP-FPM does not run' 0 FPMP0508 "fpm_down; undo=fpm_up" :

# other files of the pool directory: each ends PHP-FPM at its next start or reload
fault 'other: user does not exist' 1 FPMP0427 "$(set_other user fpmt_none)"
fault 'other: no user' 1 FPMP0427 "$(drop_other user)"
fault 'other: user = none' 1 FPMP0427 "$(set_other user none); $(drop_other group)"
fault 'other: user is root' 1 FPMP0427 "$(set_other user root); $(drop_other group)"
fault 'other: group is root' 1 FPMP0428 "$(set_other group root)"
fault 'other: uid without name, no group' 1 FPMP0428 "$(set_other user 64999); $(drop_other group)"
fault 'other: uid without name, a group' 0 - "$(set_other user 64999)"
fault 'other: group does not exist' 1 FPMP0428 "$(set_other group fpmt_none)"
fault 'other: listen.owner does not exist' 1 FPMP0429 "$(set_other listen.owner fpmt_none)"
fault 'other: listen.acl_users does not exist' 1 FPMP0429 "$(add_other 'listen.acl_users = fpmt_none')"
fault 'other: listen.mode is no number' 0 FPMP0433 "$(add_other 'listen.mode = rw')"
fault 'other: no listen' 1 FPMP0430 "$(drop_other listen)"
fault 'other: socket directory is missing' 1 FPMP0430 "$(set_other listen /none/o.sock)"
fault 'other: socket path is a directory' 1 FPMP0430 "$(set_other listen "$scratch/sites")"
fault 'other: socket path of 108 bytes' 0 FPMP0431 "$(set_other listen "/run/$(printf '%0103d' 0)")"
fault 'other: our socket' 1 FPMP0304 "$(set_other listen "$ours/run/fpmpool-one-fpmt_anna.sock")" \
    "$(set_other listen "$hand/run/anna.sock")"
fault 'other: our socket by another path' 1 FPMP0304 "$(set_other listen "$ours/run//fpmpool-one-fpmt_anna.sock")" \
    "$(set_other listen "$hand/run//anna.sock")"
fault 'other: socket path with a comma' 1 FPMP0430 "$(set_other listen "$ours/run/a,b.sock")"
fault 'other: port 70000' 1 FPMP0430 "$(set_other listen 127.0.0.1:70000)"
fault 'other: pm is missing' 1 FPMP0520 "$(drop_other pm)"
fault 'other: pm.max_children is missing' 1 FPMP0520 "$(drop_other pm.max_children)"
fault 'other: pm.max_children is absurd' 1 FPMP0517 "$(set_other pm.max_children 99999999)"
fault 'other: spare servers contradict' 1 FPMP0520 "$(set_other pm.min_spare_servers 3)"
fault 'other: prefix does not exist' 1 FPMP0432 "$(add_other 'prefix = /none')"
fault 'other: chroot does not exist' 1 FPMP0432 "$(add_other 'chroot = /none')"
fault 'other: chdir does not exist' 1 FPMP0432 "$(add_other 'chdir = /none')"
fault 'other: slowlog directory is missing' 1 FPMP0432 \
    "$(add_other 'slowlog = /none/slow.log'); $(add_other 'request_slowlog_timeout = 5s')"
fault 'other: slowlog that is not used' 0 - "$(add_other 'slowlog = /none/slow.log')"
fault 'other: access.log directory is missing' 1 FPMP0432 "$(add_other 'access.log = /none/access.log')"
fault 'other: access.format is unknown' 1 FPMP0520 \
    "$(add_other "access.log = $ours/run/a.log"); $(add_other 'access.format = "%z"')"
fault 'other: unknown directive' 1 FPMP0520 "$(add_other 'max_children = 5')"
fault 'other: comment with #' 1 FPMP0520 "$(add_other '# a comment')"
fault 'other: syntax error' 1 FPMP0520 "$(add_other 'env[X] = "')"
fault "other: runs as httpd's user" 0 FPMP0434 "$(set_other user "$web_user")"
fault 'a second section in capitals' 1 FPMP0404 "printf '[FPMT_ANNA]\nuser = nobody\n' >\$W/pool.d/z.conf"
fault 'a file without section' 1 FPMP0436 "printf 'user = nobody\n' >\$W/pool.d/g.conf"
fault 'a file with [global] in between' 0 FPMP0515 \
    "printf '[global]\nprocess_control_timeout = 0\n' >\$W/pool.d/g.conf"
fault 'a file that nobody can understand' 0 - "printf '[odd]\nuser = \"no\${FPMT_NONE}body\"\nlisten = $scratch/odd.sock\npm = static\npm.max_children = 1\n' >\$W/pool.d/z.conf"
fault 'a FIFO' 1 FPMP0426 "mkfifo \$W/pool.d/z.conf"
fault 'a dangling link' 1 FPMP0425 "ln -s /none \$W/pool.d/z.conf"
fault 'an include of a missing directory' 1 FPMP0422 "echo 'include = /none/*.conf' >>\$W/php-fpm.conf"
fault 'includes that go too deep' 1 FPMP0421 \
    "for i in 1 2 3 4 5; do echo \"include = \$W/deep\$((i + 1)).conf\" >\$W/deep\$i.conf; done; : >\$W/deep6.conf
     echo \"include = \$W/deep1.conf\" >>\$W/php-fpm.conf"
fault 'too few open files for the pools' 1 FPMP0516 "sed -i '/^\[global\]/a rlimit_files = 6' \$W/php-fpm.conf"

# The document root, shared by both worlds; a chain by hand has nobody who looks.
root=$scratch/sites/fpmt_anna
keep() { echo "undo='chown fpmt_anna: $root; chmod $(stat -c %a "$root") $root; rm -f $root/x.png'"; }
fault 'docroot: belongs to another user' 0 FPMP0662 "$(keep); chown fpmt_bert $root"
fault 'docroot: closed to httpd' 0 FPMP0664 "$(keep); chmod 0700 $root"
fault 'docroot: writable by everybody' 0 FPMP0665 "$(keep); chmod 0757 $root"
fault 'docroot: writable by its group' 0 FPMP0666 "$(keep); chmod 0775 $root"
fault 'docroot: a file that everybody may write' 0 FPMP0665 \
    "$(keep); : >$root/x.png; chown fpmt_anna: $root/x.png; chmod 0666 $root/x.png"
fault 'docroot: a file of another user' 0 FPMP0667 "$(keep); : >$root/x.png; chown fpmt_bert: $root/x.png"
fault 'docroot: a file of another user, scan=off' 0 - \
    "$(keep); : >$root/x.png; chown fpmt_bert: $root/x.png; sed -i 's/FPMUser fpmt_anna/& scan=off/' \$S" -
fault 'docroot: does not exist' 0 FPMP0660 "undo='mv $root.away $root'; [ -e $root.away ] || mv $root $root.away"

# What lives: php-fpm is started anew after each.
anew='undo="fpm_down; fpm_up"'
socket=$ours/run/fpmpool-one-fpmt_anna.sock
fault 'live: the socket is gone' 0 FPMP0311 "$anew; rm $socket" -
fault 'live: a file in place of the socket' 1 FPMP0312 "$anew; rm $socket; : >$socket" -
fault 'live: everybody may use the socket' 0 FPMP0315 "$anew; chmod 0666 $socket" -
fault 'live: the socket directory is closed' 1 FPMP0307 "undo='chmod 0755 $ours/run'; chmod 0700 $ours/run" -
fault 'live: the socket belongs to another user' 0 FPMP0315 "$anew; chown fpmt_bert $socket" -

# Chains over mod_fastcgi, by the ten rules: each of these leaves httpd starting.
of_anna() { echo "sed -i '/ServerName anna/,/<.VirtualHost/{$1}' \$S"; }
lint 'healthy' 0 - ':'
lint 'AddType and Action differ' 1 FPMP0120 "$(of_anna 's|AddType [^ ]*|AddType application/x-php|')"
lint 'Action is missing' 1 FPMP0120 "$(of_anna '/Action/d')"
lint 'AddType is missing' 1 FPMP0120 "$(of_anna '/AddType/d')"
lint 'extension is misspelt' 1 FPMP0121 "$(of_anna 's/ [.]php$/ .hpp/')"
lint 'Action and Alias differ' 1 FPMP0123 "$(of_anna 's|Alias /php-anna|Alias /php-ana|')"
lint 'Alias is missing' 1 FPMP0123 "$(of_anna '/Alias/d')"
lint "Action's URL is that of a file" 1 FPMP0124 \
    "undo='rm -f $scratch/sites/fpmt_anna/php-anna'; : >$scratch/sites/fpmt_anna/php-anna"
lint 'Alias and FastCgiExternalServer differ' 1 FPMP0125 "$(of_anna 's|^\( *Alias.*\)anna$|\1ana|')"
lint 'FastCgiExternalServer has no socket' 1 FPMP0125 "$(of_anna 's| -socket .*||')"
lint 'FastCgiExternalServer is given twice' 1 FPMP0126 "sed -i 's|cgi/php-bert|cgi/php-anna|' \$S"
lint "the Alias is the other user's" 1 FPMP0131 "$(of_anna 's|^\( *Alias.*\)anna$|\1bert|')"
lint 'its name is that of a file' 1 FPMP0127 "undo='rm -f $scratch/cgi/php-anna'; : >$scratch/cgi/php-anna"
lint 'socket and listen differ' 1 FPMP0129 "$(of_anna 's|/anna.sock|/ana.sock|')"
lint 'two pools listen on the socket' 1 FPMP0130 \
    "sed 's/^\[.*/[again]/' \$A >$hand/pool.d/z.conf"
lint "the socket is the other user's" 1 FPMP0131 "$(of_anna 's|/anna.sock|/bert.sock|')"
lint 'socket directory is missing' 1 FPMP0132 \
    "$(of_anna "s|$hand/run/|/none/|"); sed -i 's|$hand/run/|/none/|' \$A"
lint 'the pool runs as another user' 1 FPMP0135 "sed -i 's/^user = .*/user = fpmt_bert/' \$A"
lint 'the pool runs as nobody that exists' 1 FPMP0427 "sed -i 's/^user = .*/user = fpmt_none/' \$A"
lint 'the pool does not take .php' 1 FPMP0133 "echo 'security.limit_extensions = .phtml' >>\$A"
lint "the socket is closed to httpd" 1 FPMP0134 "sed -i '/listen.owner/d' \$A"
lint 'the document root is open to all' 0 FPMP0665 \
    "undo='chmod 755 $scratch/sites/fpmt_anna'; chmod 777 $scratch/sites/fpmt_anna"
lint "a file of another user's" 0 FPMP0667 \
    "undo='chown fpmt_anna: $scratch/sites/fpmt_anna/index.php'; chown fpmt_bert: $scratch/sites/fpmt_anna/index.php"

echo "1..$count"
[ "$failed" -eq 0 ]
