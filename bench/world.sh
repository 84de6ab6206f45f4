# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the measurements of bench/ share, to source: one php-fpm, one user, one folder of
# scripts, and a function for each contestant that starts it. All contestants stand at once
# on 127.0.0.1 and wait; who is not measured does nothing.
#
# They share the pool that the module derives, so the children are the very same; only what
# keeps its connections has a pool of its own, a copy, for it would hold the children.
: "${CHILDREN:=8}" # of each pool, and of mod_fcgid

# shellcheck source=tools/private.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/private.sh"

user=fpmt_bench
www='' pool_socket='' # known once there is a scratch folder
plain_frame="KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 30
<Directory />
    AllowOverride None
</Directory>"

# One child with many threads: with several, mod_proxy's kept connections would be more than
# the pool has children. Prefork has a child for each client, and some more.
frame_of() { # frame_of MPM
    case $1 in
        prefork) printf '%s\n' "$plain_frame" 'StartServers 16' 'MinSpareServers 1' \
            'MaxSpareServers 16' 'ServerLimit 16' 'MaxRequestWorkers 16' ;;
        *) printf '%s\n' "$plain_frame" 'StartServers 1' 'ServerLimit 1' \
            'MinSpareThreads 1' "MaxSpareThreads ${THREADS:=32}" "ThreadLimit $THREADS" \
            "ThreadsPerChild $THREADS" "MaxRequestWorkers $THREADS" ;;
    esac
}

# sweep: what runs of this script left that were killed, found by their folders.
sweep() {
    local old pid
    for old in /tmp/"fpmt_$me".*; do
        if [ ! -e "$old/pids" ] || [ "$old" = "$scratch" ]; then continue; fi
        read -r pid <"$old/pids"
        ! grep -qsz "$me" "/proc/$pid/cmdline" || continue # it is still running
        while read -r pid; do
            ! grep -qsaF "$old" "/proc/$pid/cmdline" || kill "$pid" 2>/dev/null || true
        done <"$old/pids"
        echo "$me: '$old' of a run that was killed is removed"
        rm -rf "$old"
    done
}

# started NAME PID: it will be ended, and is written down for the sweep of another run.
started() {
    httpd_pids="$httpd_pids $2"
    echo "$2" >>"$scratch/pids"
    until_true 20 is_up "$port" || die "$1 does not listen on port $port after 20 s"
}

# open_world: the folder, the scripts, php-fpm.
open_world() {
    begin
    echo $$ >"$scratch/pids"
    sweep
    www=$scratch/sites/$user
    pool_socket=$scratch/run/fpmpool-bench-$user.sock
    mkdir -m 1777 "$scratch/sessions" "$scratch/run/fcgid"
    site "$user" </dev/null
    cp bench/www/*.php "$www/"
    head -c $((2 * 1024 * 1024)) /dev/zero | tr '\0' 'u' >"$scratch/upload"
    chmod 755 "$scratch/run"
    start_fpm
    echo "$fpm_pid" >>"$scratch/pids"
}

# add_wiki: a real application with one page. PHP as httpd's user (mod_fcgid) may write too.
add_wiki() {
    local at=$www/wiki
    perl -It/lib -MFPMT::Wiki -e '
        my ($root, $owner) = @ARGV;
        my $trouble = FPMT::Wiki::unpack_into($root);
        die "$trouble\n" if $trouble;
        FPMT::Wiki::set_up($root, $owner);
        my $line = "The **quick** brown fox jumps over the [[lazy]] //dog//.\n\n";
        FPMT::Wiki::put(FPMT::Wiki::data($root) . "/pages/start.txt",
            join "", map { "===== Part $_ =====\n" . $line x 10 } 1 .. 8);
    ' "$at" "$user" || die "the wiki cannot be set up"
    echo "\$conf['dmode'] = 0777; \$conf['fmode'] = 0666;" >>"$at/etc/dokuwiki/local.php"
    chmod -R a+rwX "$at/var/lib/dokuwiki"
}

# ---- the contestants: start_NAME MPM, sets port ------------------------------------------

# bench_httpd NAME MPM MODULE...: as start_httpd, in the common frame.
bench_httpd() {
    local name=$1 mpm=$2 frame
    shift 2
    frame=$(frame_of "$mpm")
    free_port 8480
    start_httpd "$name-$mpm" "$@" < <(echo "$frame"; echo "DocumentRoot $www"; cat)
    echo "${httpd_pids##* }" >>"$scratch/pids"
}

start_module() {
    bench_httpd module "$1" <<HTTPD
LoadModule fpmpool_module $PWD/.libs/mod_fpmpool.so
FPMMaster bench config=$scratch/php-fpm.conf binary=$php_fpm socket_dir=$scratch/run
FPMUser $user pm=static pm.max_children=$CHILDREN pm.max_requests=0 \\
    "php_admin_value[session.save_path]=$scratch/sessions" "php_admin_flag[log_errors]=off"
HTTPD
}

start_by_hand() {
    bench_httpd by_hand "$1" proxy proxy_fcgi <<HTTPD
<FilesMatch "\.php$">
    SetHandler "proxy:unix:$pool_socket|fcgi://localhost"
</FilesMatch>
HTTPD
}

# The copy of the pool is loaded here, once the module has made the first.
start_by_hand_reuse() {
    local socket=$scratch/run/reuse.sock
    sed -e "s|^\[$user\]|[reuse]|" -e "s|^listen = .*|listen = $socket|" \
        "$scratch/pool.d/fpmpool-$user.conf" >"$scratch/pool.d/reuse.conf"
    kill -USR2 "$fpm_pid"
    until_true 20 test -S "$socket" || die "php-fpm does not open $socket within 20 s"
    bench_httpd by_hand_reuse "$1" proxy proxy_fcgi <<HTTPD
<Proxy "fcgi://localhost">
    ProxySet enablereuse=on max=$CHILDREN
</Proxy>
<FilesMatch "\.php$">
    SetHandler "proxy:unix:$socket|fcgi://localhost"
</FilesMatch>
HTTPD
}

start_fcgid() {
    local ini
    ini=$(dirname "$("$php_fpm" -i | sed -n 's/^Loaded Configuration File => //p')")
    cat >"$scratch/php-cgi.sh" <<SH
#!/bin/sh
export PHP_FCGI_CHILDREN=0 PHP_FCGI_MAX_REQUESTS=0
exec php-cgi -c "$ini" -d opcache.validate_permission=1 -d log_errors=0 \\
    -d session.save_path=$scratch/sessions
SH
    chmod 755 "$scratch/php-cgi.sh"
    bench_httpd fcgid "$1" fcgid <<HTTPD
FcgidIPCDir $scratch/run/fcgid
FcgidProcessTableFile $scratch/run/fcgid/table
FcgidMaxProcesses $CHILDREN
FcgidMaxProcessesPerClass $CHILDREN
FcgidMinProcessesPerClass $CHILDREN
FcgidMaxRequestLen 16777216
<FilesMatch "\.php$">
    SetHandler fcgid-script
    Options +ExecCGI
    FcgidWrapper $scratch/php-cgi.sh .php
</FilesMatch>
HTTPD
}

start_nginx() {
    local kind temp=''
    for kind in client_body fastcgi proxy scgi uwsgi; do
        temp="$temp${kind}_temp_path $scratch/run/$kind; "
    done
    free_port 8480
    cat >"$scratch/nginx.conf" <<NGINX
user $web_user;
daemon off;
worker_processes 2;
pid $scratch/run/nginx.pid;
error_log $scratch/log/nginx.log;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_max_body_size 16m;
    $temp
    server {
        listen 127.0.0.1:$port;
        root $www;
        location ~ \.php$ { # as Debian's snippets/fastcgi-php.conf and fastcgi.conf
            fastcgi_split_path_info ^(.+?\.php)(/.*)$;
            try_files \$fastcgi_script_name =404;
            set \$path_info \$fastcgi_path_info;
            fastcgi_pass unix:$pool_socket;
            fastcgi_param PATH_INFO \$path_info;
            fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
            fastcgi_param QUERY_STRING \$query_string;
            fastcgi_param REQUEST_METHOD \$request_method;
            fastcgi_param CONTENT_TYPE \$content_type;
            fastcgi_param CONTENT_LENGTH \$content_length;
            fastcgi_param SCRIPT_NAME \$fastcgi_script_name;
            fastcgi_param REQUEST_URI \$request_uri;
            fastcgi_param DOCUMENT_URI \$document_uri;
            fastcgi_param DOCUMENT_ROOT \$document_root;
            fastcgi_param SERVER_PROTOCOL \$server_protocol;
            fastcgi_param REQUEST_SCHEME \$scheme;
            fastcgi_param HTTPS \$https if_not_empty;
            fastcgi_param GATEWAY_INTERFACE CGI/1.1;
            fastcgi_param SERVER_SOFTWARE nginx/\$nginx_version;
            fastcgi_param REMOTE_ADDR \$remote_addr;
            fastcgi_param REMOTE_PORT \$remote_port;
            fastcgi_param REMOTE_USER \$remote_user;
            fastcgi_param SERVER_ADDR \$server_addr;
            fastcgi_param SERVER_PORT \$server_port;
            fastcgi_param SERVER_NAME \$server_name;
            fastcgi_param REDIRECT_STATUS 200;
        }
    }
}
NGINX
    nginx -e "$scratch/log/nginx.log" -p "$scratch" -c "$scratch/nginx.conf" \
        >"$scratch/log/nginx.out.log" 2>&1 &
    started nginx $!
}

start_caddy() {
    free_port 8480
    cat >"$scratch/Caddyfile" <<CADDY
{
    admin off
    auto_https off
    storage file_system $scratch/caddy
}
http://127.0.0.1:$port {
    root * $www
    php_fastcgi unix/$pool_socket
}
CADDY
    mkdir "$scratch/caddy"
    HOME=$scratch/caddy XDG_CONFIG_HOME=$scratch/caddy XDG_DATA_HOME=$scratch/caddy \
        caddy run --config "$scratch/Caddyfile" --adapter caddyfile \
        >"$scratch/log/caddy.log" 2>&1 &
    started caddy $!
}
