# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# One site with one FPMUser line on the installed package, for the tests beside this file, which
# read it. Works with and without systemd; all of it is taken away at the end.
user=fpmt_one
site=/etc/apache2/sites-available/$user.conf
docroot=/srv/$user
answer=

# shellcheck disable=SC2317  # the trap calls it
clean_up() {
    status=$?
    a2enmod -q fpmpool >/dev/null 2>&1 || true
    a2dissite -q "$user" >/dev/null 2>&1 || true
    rm -rf "$site" "$docroot"
    service apache2 reload >/dev/null 2>&1 || true
    wait_until gone /etc/php/*/fpm/pool.d/fpmpool-"$user".conf || true
    userdel "$user" 2>/dev/null || true
    exit "$status"
}

# shellcheck disable=SC2317  # called by wait_until
gone() { # gone FILE: also where a pattern found none
    [ ! -e "$1" ]
}

# shellcheck disable=SC2317  # called by wait_until
answers() { # answers TEXT
    answer=$(curl -sS -m 40 -H 'Host: one.example' http://127.0.0.1/who.php) &&
        [ "$answer" = "$1" ]
}

wait_until() { # wait_until COMMAND...: 60 s at most
    end=$(($(date +%s) + 60))
    until "$@"; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        sleep 0.2
    done
}

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

is_up() { # is_up SERVICE
    service "$1" status >/dev/null 2>&1 || service "$1" start
}

trap clean_up EXIT
a2query -m fpmpool || die "the package did not enable its module"
useradd -M -U -d /nonexistent -s /usr/sbin/nologin "$user"
mkdir "$docroot"
echo '<?php echo posix_getpwuid(posix_geteuid())["name"];' >"$docroot/who.php"
cat >"$site" <<SITE
<VirtualHost *:80>
    ServerName one.example
    DocumentRoot $docroot
    <Directory $docroot>
        Require all granted
    </Directory>
    FPMUser $user
</VirtualHost>
SITE
a2ensite -q "$user"

apachectl configtest 2>&1 || die "configtest refuses one line"
version=$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
is_up "php$version-fpm"
is_up apache2
service apache2 reload
wait_until answers "$user" || die "'$user' was wanted, the answer was '$answer'"
echo "PHP of that host runs as $answer"
