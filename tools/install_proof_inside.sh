#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What install_proof.sh runs in its tree: install, one line, upgrade, a2dismod, both orders of
# a start, remove, purge, beside the distribution's own way. Each "ok" is something seen; "$" lines are what was typed.
# Never run it anywhere else: it takes over /etc/apache2 and /etc/php.
set -u
deb=$1
number=0 failed=0 out=''
site=/etc/apache2/sites-available/david.conf
[ -d /proof ] || { echo "only install_proof.sh starts this" >&2; exit 1; }

part() {
    printf '\n== %s\n' "$*"
}

indented() { # indented LINES
    printf '    %s\n' "${1//$'\n'/$'\n    '}"
}

typed() { # typed COMMAND...: shown with its output, exit code kept; the output is in $out
    local code
    echo "\$ $*"
    out=$("$@" 2>&1)
    code=$?
    [ -z "$out" ] || indented "$out"
    return "$code"
}

quietly() { # quietly COMMAND...: shown, its output only where it fails
    echo "\$ $*"
    out=$("$@" 2>&1) && return
    indented "$out"
    return 1
}

see() { # see TITLE COMMAND...
    local title=$1 end=$((SECONDS + 60))
    shift
    number=$((number + 1))
    until "$@"; do # all here becomes true by itself, or never
        if [ "$SECONDS" -ge "$end" ]; then
            failed=$((failed + 1))
            echo "not ok $number - $title"
            return
        fi
        sleep 0.2
    done
    echo "ok $number - $title"
}

once() { # once COMMAND...: what it says now counts, not what it says later
    end=0 # of see
    "$@"
}
says() { # says TEXT: the last output has it
    end=0
    [[ $out == *"$1"* ]]
}

fails() { ! "$@" >/dev/null 2>&1; }
enabled() { a2query -q -m fpmpool; }
installed() { dpkg-query -W "$@" >/dev/null; }
is_file() { [ -f "$1" ]; }
no_file() { ! compgen -G "$1" >/dev/null; }
body() { curl -sS -m 60 -H 'Host: david.example' "http://127.0.0.1/${1:-}"; }
answers() { [ "$(body 2>&1)" = "PHP runs as $1" ]; }
status() { # status CODE: and never the source
    [ "$(curl -s -o /tmp/body -w '%{http_code}' -H 'Host: david.example' http://127.0.0.1/)" = "$1" ] &&
        ! grep -q 'posix' /tmp/body
}
httpd_pid() { cat /run/apache2/apache2.pid 2>/dev/null; }
same_httpd() { [ -n "$1" ] && [ "$(httpd_pid)" = "$1" ] && kill -0 "$1"; }
fpm_test() { "$fpm" -t -F -O >/dev/null 2>&1; }
line() { # line on|off: the one line of the site
    sed -i '/FPMUser/d' "$site"
    [ "$1" = off ] || sed -i 's/^<.VirtualHost>/    FPMUser david\n&/' "$site"
}

# A boot without systemd: nothing runs, /run is empty, then what the boot makes.
stop_all() {
    service apache2 stop >/dev/null 2>&1
    service "$unit" stop >/dev/null 2>&1
    find /run -mindepth 1 -maxdepth 1 ! -name lock -exec rm -rf {} +
    rm -rf /run/lock/*
}
boot() {
    stop_all
    systemd-tmpfiles --create --remove --boot >/dev/null 2>&1
    return 0
}

# One request after the other until /tmp/stop is there; those that are not answered as wanted
# are in /tmp/lost, the number of all in /tmp/asked.
ask_on() { # ask_on WHO
    local asked=0
    until [ -e /tmp/stop ]; do
        asked=$((asked + 1))
        echo "$asked" >/tmp/asked
        answers "$1" || echo "request $asked" >>/tmp/lost
    done
}
asked_more() { [ "$(cat /tmp/asked)" -gt "$1" ]; }
# All that PHP-FPM reads, when it last read it, and the sockets.
fpm_state() {
    find "$pools" /run/fpmpool -printf '%p %U %m %t\n' | sort
    stat -c %y "/run/php/$unit.pid" # each reload writes it anew
}

part 'install: one package, what it recommends comes with it'
quietly apt-get install -y "$deb" || exit 1
fpm=$(find /usr/sbin -name 'php-fpm[0-9]*')
version=${fpm#/usr/sbin/php-fpm}
unit=php$version-fpm
pools=/etc/php/$version/fpm/pool.d
ours=$pools/fpmpool-david.conf
typed dpkg-query -W libapache2-mod-fpmpool apache2 "$unit"
see 'with apache2 and PHP-FPM of the distribution' installed apache2 "$unit"
typed a2query -m fpmpool
see 'the module is enabled' says enabled
typed stat -c '%n %U:%G %a' /run/fpmpool
see 'the socket directory is there, of root' says 'root:root 755'
typed apachectl configtest
see 'without a FPMUser line httpd is content' says 'Syntax OK'
see 'and the module has nothing to say' fails grep -q FPMP <<<"$out"
see 'httpd runs' is_file /run/apache2/apache2.pid
see 'PHP-FPM runs' is_file "/run/php/$unit.pid"
[ "$failed" -eq 0 ] || { echo "install proof: not installed, nothing more was tried"; exit 1; }

part 'one line'
quietly useradd -m david
mkdir -p /srv/david
# shellcheck disable=SC2016  # PHP's own variables
echo '<?php if (isset($_GET["wait"])) { sleep(5); }
echo "PHP runs as ", posix_getpwuid(posix_geteuid())["name"];' >/srv/david/index.php
cat >"$site" <<'SITE'
<VirtualHost *:80>
    ServerName david.example
    DocumentRoot /srv/david
    DirectoryIndex index.php
    <Directory /srv/david>
        Require all granted
    </Directory>
    FPMUser david
</VirtualHost>
SITE
typed cat "$site"
quietly a2ensite -q david
typed apachectl configtest
see 'configtest says what the next start will write' says "FPMP0407: pool file: '$ours'"
see 'and is content' says 'Syntax OK'
typed service apache2 reload
see 'PHP answers as david' answers david
typed curl -sS -H 'Host: david.example' http://127.0.0.1/
typed ls -l /run/fpmpool "$ours"
typed apachectl -t
see 'now all of the chain is there' says 'Syntax OK'
see 'of it nothing is left to say' fails grep -qE 'FPMP(0317|0407)' <<<"$out"
quietly service apache2 reload
see 'a reload that changes nothing leaves it' answers david

part 'the autopkgtests of the package'
see 'debian/tests/one-line passes' once typed /proof/one-line
see 'debian/tests/disabled passes' once typed /proof/disabled
see 'david is untouched by them' answers david

part 'upgrade, with requests on their way'
dpkg-deb -R "$deb" /tmp/next
sed -i 's/^Version: .*/&+next/' /tmp/next/DEBIAN/control
dpkg-deb -b /tmp/next /tmp/next.deb >/dev/null
before=$(httpd_pid)
body '?wait' >/tmp/slow &
slow=$!
rm -f /tmp/stop /tmp/lost
echo 0 >/tmp/asked
ask_on david &
asking=$!
see 'requests are answered before' asked_more 5
quietly dpkg -i /tmp/next.deb
asked=$(cat /tmp/asked)
see 'and asked after' asked_more $((asked + 20))
touch /tmp/stop
wait "$slow" "$asking"
see "not one of $(cat /tmp/asked) requests was lost" no_file /tmp/lost
out=$(cat /tmp/slow)
see 'the request of before the upgrade is answered' says 'PHP runs as david'
see 'httpd was reloaded, not restarted' same_httpd "$before"
see 'the new module answers' answers david
see 'and it is the new file' grep -q '/mod_fpmpool\.so$' "/proc/$before/maps"
see 'the old one is gone' fails grep -q 'mod_fpmpool.so (deleted)' "/proc/$before/maps"

part 'a2dismod while the line is left'
quietly a2dismod -q fpmpool
typed apachectl configtest
see 'configtest fails loudly' says "Invalid command 'FPMUser'"
typed service apache2 reload
see 'the running server is not touched' same_httpd "$before"
see 'and answers as before, as david' answers david
typed apachectl graceful
see 'apachectl graceful refuses as well' says "Invalid command 'FPMUser'"
see 'david still' answers david
quietly dpkg -i /tmp/next.deb
see 'an upgrade does not enable again what was disabled by hand' fails enabled
see 'david still' answers david
service apache2 stop >/dev/null 2>&1
typed apachectl start
see 'a start refuses too: nothing is served, no source' fails body
quietly a2enmod -q fpmpool
quietly service apache2 start
see 'with the module again, david' answers david

part 'PHP-FPM first, then httpd'
quietly boot
quietly service "$unit" start
see 'PHP-FPM makes the socket' test -S "/run/fpmpool/fpmpool-$version-david.sock"
before=$(stat -c %y "/run/php/$unit.pid") # each reload writes it anew
quietly service apache2 start
see 'david' answers david
out=$(stat -c %y "/run/php/$unit.pid")
see 'without a reload of PHP-FPM' says "$before"

part 'httpd first, then PHP-FPM'
quietly boot
quietly service apache2 start
see 'without PHP-FPM: 503, never the source' status 503
quietly service "$unit" start
see 'david' answers david

part 'httpd first, and no tmpfiles.d at all'
quietly stop_all
mkdir -p /run/php
see 'httpd starts' quietly service apache2 start
typed stat -c '%n %U:%G %a' /run/fpmpool
see 'it made the socket directory' says 'root:root 755'
quietly service "$unit" start
see 'david' answers david

part 'a user is gone, and PHP-FPM starts first'
quietly useradd -m anna
sed 's/david/anna/g' "$site" >"${site/david/anna}"
quietly a2ensite -q anna
quietly service apache2 reload
see 'anna has a pool' test -S "/run/fpmpool/fpmpool-$version-anna.sock"
quietly userdel -r anna
quietly a2dissite -q anna
quietly boot
service "$unit" start >/dev/null 2>&1 # says nothing of it
see 'PHP-FPM does not start' no_file "/run/php/$unit.pid"
typed fpmpool-orphans "$pools"
see 'the command renames her file' says FPMP0450
see 'PHP-FPM starts' quietly service "$unit" start
quietly service apache2 start
see 'and david answers' answers david

part 'the drop-in for systemd (not running here)'
quietly /usr/lib/systemd/system-generators/fpmpool-generator /tmp/generated /tmp /tmp
typed cat "/tmp/generated/$unit.service.d/fpmpool.conf"
see 'it tests before each reload' says "$fpm -t -F -O"
if command -v systemd-analyze >/dev/null; then
    typed systemd-analyze verify --generators=yes "$unit.service"
    see 'systemd-analyze has no word against it' fails grep -q fpmpool <<<"$out"
fi

# Without the line PHP of the host is nobody's, and httpd would send its source: so it is
# closed in the same edit.
part 'the line goes'
line off
sed -i 's/Require all granted/Require all denied/' "$site"
quietly service apache2 reload
see 'the pool file is gone' no_file "$ours"
see 'the host, closed by hand with it, answers 403' status 403
line on
sed -i 's/Require all denied/Require all granted/' "$site"
quietly service apache2 reload
see 'and back with it' answers david

part 'remove, while the line is left'
before=$(httpd_pid)
typed apt-get remove -y -qq -o Dpkg::Use-Pty=0 libapache2-mod-fpmpool
see 'apt says why httpd is not reloaded' says "Invalid command 'FPMUser'"
see 'the running server goes on' same_httpd "$before"
see 'and david' answers david
see 'the pool file stays, PHP-FPM runs on' is_file "$ours"
see 'and so does the line that makes its directory at boot' is_file /etc/tmpfiles.d/fpmpool.conf
quietly boot
see 'after a boot PHP-FPM starts' quietly service "$unit" start
typed apachectl start
see 'httpd does not, and says why' says "Invalid command 'FPMUser'"
quietly apt-get install -y "$deb"
quietly service apache2 start
see 'installed again: david' answers david

part 'purge, the line gone before'
line off
quietly service apache2 reload
see 'the pool file is gone' no_file "$ours"
before=$(httpd_pid)
typed apt-get purge -y -qq -o Dpkg::Use-Pty=0 libapache2-mod-fpmpool
see 'httpd goes on' same_httpd "$before"
typed apachectl configtest
see 'its configuration holds' says 'Syntax OK'
see 'no file of ours in the pool directory' no_file "$pools/*fpmpool*"
typed ls -A "$pools"
see 'none in /etc' no_file '/etc/*/*/*fpmpool*'
see 'nor in /etc/tmpfiles.d' no_file '/etc/tmpfiles.d/fpmpool*'
see 'PHP-FPM would start' fpm_test

part "beside the distribution's own way, before there is any line"
quietly a2enmod -q proxy_fcgi setenvif
quietly a2enconf -q "$unit"
quietly service apache2 restart
see 'PHP runs as www-data, by mod_proxy_fcgi' answers www-data
install -d /run/fpmpool # compared too; the package makes it
fpm_state >/tmp/before
quietly apt-get install -y "$deb"
see 'the module is enabled' enabled
see 'PHP runs as www-data as before' answers www-data
quietly service apache2 reload
see 'also after a reload' answers www-data
typed apachectl configtest
see 'the module has nothing to say' fails grep -q FPMP <<<"$out"
fpm_state >/tmp/after
see 'no file and no socket was made, PHP-FPM was not reloaded' once typed diff /tmp/before /tmp/after
line on
quietly service apache2 reload
see 'with one line, david' answers david
quietly a2disconf -q "$unit"
quietly a2dismod -q proxy_fcgi

part 'purge, the line left and no other pool'
mv "$pools/www.conf" "$pools/www.conf.off"
quietly service apache2 reload
see 'david' answers david
# Another httpd's, by the PidFile in its marker, and one of nobody's.
sed 's,server=.*,server=/usr/local/apache2/logs/httpd.pid,; s/david/daemon/g' "$ours" \
    >"$pools/fpmpool-daemon.conf.orphan"
echo '; by hand' >"$pools/fpmpool-hand.conf.off"
before=$(httpd_pid)
typed apt-get purge -y -qq -o Dpkg::Use-Pty=0 libapache2-mod-fpmpool
see 'httpd goes on' same_httpd "$before"
see 'and david, until PHP-FPM reloads' answers david
typed ls -A "$pools"
see 'our pool file is gone' no_file "$ours"
see 'the other files stay' is_file "$pools/fpmpool-daemon.conf.orphan"
see 'all of them' is_file "$pools/fpmpool-hand.conf.off"
typed cat "$pools/no-site.conf"
see 'PHP-FPM would start, with a pool that does nothing' fpm_test
see 'and does' quietly service "$unit" restart
see 'whose socket is there' test -S "/run/php/php$version-no-site.sock"
see 'nobody runs PHP as david, nobody is sent source' status 503

service apache2 stop >/dev/null 2>&1
service "$unit" stop >/dev/null 2>&1
printf '\ninstall proof: %s seen, %s failed\n' "$((number - failed))" "$failed"
[ "$failed" -eq 0 ]
