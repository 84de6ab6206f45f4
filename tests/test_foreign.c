/* SPDX-License-Identifier: Apache-2.0
 *
 * One pool that is not ours, by PHP-FPM's rules: what is asked of the machine about it, and
 * each rule with a row where it fires and one just outside its edge. The machine is that of
 * plan.h.
 */
/* links: core */
#include "plan.h"

#include "../core/foreign.h"

#define ZZ POOL_DIR "/zz.conf"

/* ---- what is read from a pool -------------------------------------------------------- */

/* The first pool of a main file. */
static const fpmp_pool_t *pool_of(apr_pool_t *p, const char *text)
{
    fpmp_plan_t *plan = plan_of(p, NULL, NULL, NULL);
    fpmp_master_facts_t *facts = facts_of(p, master_at(plan, 0));
    const fpmp_view_t *view;

    facts->main.text = text;
    facts->main.len = strlen(text);
    view = fpmp_view_read(p, facts, NULL);
    return view->pools->nelts ? APR_ARRAY_IDX(view->pools, 0, fpmp_pool_t *) : view->global;
}

static void a_listen_address_is_a_path_or_a_port(void **state)
{
    static const struct {
        const char *title, *text;
        fpmp_listen_e kind;
        const char *path, *dir, *port;
    } table[] = {
        { "none", "user = x", FPMP_LISTEN_NONE, NULL, NULL, NULL },
        { "empty", "listen =", FPMP_LISTEN_NONE, NULL, NULL, NULL },
        { "a path", "listen = /run/x.sock", FPMP_LISTEN_PATH, "/run/x.sock", "/run", NULL },
        { "in the root", "listen = /x", FPMP_LISTEN_PATH, "/x", "/", NULL },
        { "relative", "listen = x.sock", FPMP_LISTEN_PREFIX, NULL, NULL, NULL },
        { "relative to a prefix", "listen = run/x\nprefix = /srv", FPMP_LISTEN_PATH,
          "/srv/run/x", "/srv/run", NULL },
        { "relative to a prefix that is relative", "listen = x\nprefix = srv",
          FPMP_LISTEN_PREFIX, NULL, NULL, NULL },
        { "a path, and a prefix", "listen = /run/x\nprefix = /srv", FPMP_LISTEN_PATH,
          "/run/x", "/run", NULL },
        { "a port", "listen = 9000", FPMP_LISTEN_TCP, NULL, NULL, "9000" },
        { "an address", "listen = 127.0.0.1:9000", FPMP_LISTEN_TCP, NULL, NULL, "9000" },
        { "an address of IPv6", "listen = [::1]:9000", FPMP_LISTEN_TCP, NULL, NULL, "9000" },
        { "a path with a colon", "listen = /run/a:b", FPMP_LISTEN_TCP, NULL, NULL, "b" },
        { "digits and a letter", "listen = 9000x", FPMP_LISTEN_PREFIX, NULL, NULL, NULL },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_listen_t listen = fpmp_listen_read(
            *state, pool_of(*state, apr_pstrcat(*state, "[zz]\n", table[i].text, NULL)));

        if (listen.kind != table[i].kind) {
            fail_msg("%s: kind %d, wanted %d", table[i].title, listen.kind, table[i].kind);
        }
        expect_text(table[i].title, listen.path ? listen.path : "-",
                    table[i].path ? table[i].path : "-");
        expect_text(table[i].title, listen.dir ? listen.dir : "-",
                    table[i].dir ? table[i].dir : "-");
        expect_text(table[i].title, listen.port ? listen.port : "-",
                    table[i].port ? table[i].port : "-");
    }
}

/* "chroot=/srv access.log=/var/log", in the order of the table. */
static const char *dirs_of(apr_pool_t *p, const fpmp_pool_t *pool)
{
    const char *text = "", *key, *file;
    int i = 0;

    do {
        const char *dir = fpmp_foreign_dir(p, pool, i++, &key, &file);

        if (dir) {
            text = apr_pstrcat(p, text, *text ? " " : "", key, "=", dir, NULL);
        }
        if (file) {
            text = apr_pstrcat(p, text, "(", file, ")", NULL);
        }
    } while (key);
    return text;
}

static void directories_that_a_pool_needs(void **state)
{
    static const struct {
        const char *title, *text, *want;
    } table[] = {
        { "none", "", "" },
        { "each", "prefix = /a\nchroot = /b\nslowlog = /c/x\nrequest_slowlog_timeout = 1\n"
                  "access.log = /d/x\npm.status_listen = /e/x\n",
          "prefix=/a chroot=/b slowlog=/c(/c/x) access.log=/d(/d/x) "
          "pm.status_listen=/e(/e/x)" },
        { "chdir", "chdir = /a\n", "chdir=/a" },
        { "chdir is within chroot", "chroot = /b\nchdir = /a\n", "chroot=/b chdir=/b/a" },
        { "chroot is relative to nobody knows what", "chroot = $prefix/b\nchdir = /a\n", "" },
        { "an empty chroot is none", "chroot =\nchdir = /a\n", "chdir=/a" },
        { "a slow log without a time", "slowlog = /c/x\n", "" },
        { "a slow log with no time", "slowlog = /c/x\nrequest_slowlog_timeout = 0\n", "" },
        { "a slow log with a time that is none",
          "slowlog = /c/x\nrequest_slowlog_timeout = soon\n", "" },
        { "a slow log with an empty time", "slowlog = /c/x\nrequest_slowlog_timeout =\n",
          "" },
        { "a slow log with a time", "slowlog = /c/x\nrequest_slowlog_timeout = 1s\n",
          "slowlog=/c(/c/x)" },
        { "relative", "access.log = log/x\nchdir = a\n", "" },
        { "relative to a prefix", "prefix = /p\naccess.log = log/$pool\n",
          "prefix=/p access.log=/p/log(/p/log/zz)" },
        { "in the root", "access.log = /x\n", "access.log=/(/x)" },
        { "empty", "access.log =\nprefix =\nchdir = \"\"\n", "" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        const fpmp_pool_t *pool =
            pool_of(*state, apr_pstrcat(*state, "[zz]\n", table[i].text, NULL));

        expect_text(table[i].title, dirs_of(*state, pool), table[i].want);
    }
    expect_text("global",
                dirs_of(*state, pool_of(*state, "pid = /a/x\nerror_log = /b/x\n")),
                "error_log=/b(/b/x) pid=/a(/a/x)");
    expect_text("global, relative",
                dirs_of(*state, pool_of(*state, "pid = a/x\nerror_log = syslog\n")), "");
}

static void names_of_a_list(void **state)
{
    static const struct {
        const char *value;
        int list;
        const char *want;
    } table[] = {
        { "", 1, "" },          { "a", 1, "<a>" },       { "a,b", 1, "<a><b>" },
        { "a, b", 1, "<a>< b>" }, { "a,", 1, "<a><>" },  { ",a", 1, "<><a>" },
        { "a,,b", 1, "<a><><b>" }, { ",", 1, "<><>" },   { "", 0, "" },
        { "a,b", 0, "<a,b>" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        const apr_array_header_t *names =
            fpmp_foreign_names(*state, table[i].value, table[i].list);
        const char *got = "";

        for (int k = 0; k < names->nelts; k++) {
            got = apr_pstrcat(*state, got, "<", APR_ARRAY_IDX(names, k, const char *), ">",
                              NULL);
        }
        expect_text(table[i].value, got, table[i].want);
    }
}

static void links_of_a_socket_directory_are_resolved(void **state)
{
    static const struct {
        const char *path, *want;
    } table[] = {
        { "/run/php/x.sock", "/run/php/x.sock" },
        { "/var/run/php/x.sock", "/run/php/x.sock" },
        { "/run/php//x.sock", "/run/php/x.sock" },
        { "/x.sock", "/x.sock" },
        { "/gone/x.sock", "/gone/x.sock" },
        { "/never/asked/x.sock", "/never/asked/x.sock" },
    };
    fpmp_asked_t asked = { .places = apr_hash_make(*state) };

    for (size_t i = 0; i < COUNT(known_places); i++) {
        apr_hash_set(asked.places, known_places[i].path, APR_HASH_KEY_STRING,
                     known_place(*state, known_places[i].path));
    }
    apr_hash_set(asked.places, "/gone", APR_HASH_KEY_STRING, known_place(*state, "/gone"));
    for (size_t i = 0; i < COUNT(table); i++) {
        expect_text(table[i].path, fpmp_foreign_real(*state, &asked, table[i].path),
                    table[i].want);
    }
    expect_text("nothing asked", fpmp_foreign_real(*state, NULL, "/var/run/php/x"),
                "/var/run/php/x");
}

/* ---- the questions --------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *questions(apr_pool_t *p, apr_hash_t *hash)
{
    apr_array_header_t *keys = apr_array_make(p, 8, sizeof(const char *));
    apr_hash_index_t *at;

    for (at = apr_hash_first(p, hash); at; at = apr_hash_next(at)) {
        APR_ARRAY_PUSH(keys, const char *) = apr_hash_this_key(at);
    }
    qsort(keys->elts, (size_t)keys->nelts, sizeof(const char *), compare_texts);
    return apr_array_pstrcat(p, keys, ' ');
}

static void what_pools_of_others_name_is_asked(void **state)
{
    calm_t scene = calm_make(*state, "david");
    fpmp_asked_t *asked;
    apr_array_header_t *sockets = apr_array_make(*state, 1, sizeof(const char *));

    APR_ARRAY_PUSH(sockets, const char *) = "/var/run/php/fpmpool-8.2-david.sock";
    add_file(*state, scene.facts, ZZ,
             "[zz]\nuser = u\ngroup = g\nlisten = /l/x\nlisten.owner = o\n"
             "listen.group = og\nlisten.acl_users = a,,b\nlisten.acl_groups = c, d\n"
             "chdir = /cd\naccess.log = /al/x\n[empty]\nuser =\n"
             "[global]\nerror_log = /el/x\n");
    calm_look(&scene);
    asked = fpmp_foreign_ask(*state, scene.view, sockets);
    expect_text("users", questions(*state, asked->users), "a b o u zz");
    expect_text("groups", questions(*state, asked->groups), " d c g og");
    expect_text("places", questions(*state, asked->places),
                "/al /al/x /cd /el /el/x /l /l/x /run/php /run/php/php8.2-fpm.pid "
                "/run/php/www.sock /var/run/php");
}

/* ---- the rules --------------------------------------------------------------------------- */

#define ENDS "PHP-FPM would end at its next reload"
#define USER "; name another user there; " ENDS AT_10
#define GROUP "; name another group there; " ENDS AT_10
#define OWNER "; mend it there; " ENDS AT_10
#define LISTEN "; change listen there; " ENDS AT_10
#define DIRS "; create it or change the key; " ENDS AT_10
#define MODE "; write an octal number such as 0660 there" AT_10
#define HTTPD                                                                              \
    ", as httpd does, so its scripts may connect to the sockets of all users and become "  \
    "them; give that pool a user of its own, or remove it" AT_10
#define DUMP                                                                               \
    ", so a debugger, or another process of its user, reads its memory with the opcache "  \
    "that all pools share; remove the key there" AT_10
#define AT(line) " pool file: pool [zz] at " ZZ ":" line " "
#define SOCKET "listen = /run/php/zz.sock\n"
#define X10 "xxxxxxxxxx"
#define X90 X10 X10 X10 X10 X10 X10 X10 X10 X10

/* text: behind "[zz]" of zz.conf. */
static const struct {
    const char *title, *text, *want;
} rows[] = {
    { "nothing is wrong", "user = zz\n" SOCKET, "" },
    /* user */
    { "no user", SOCKET, "BROKEN FPMP0427:" AT("1") "names no user" USER },
    { "an empty user", "user =\n" SOCKET,
      "BROKEN FPMP0427:" AT("2") "has an empty user (outside quotes none, no and off are "
                                 "empty)" USER },
    { "a user that is empty by magic", "user = None\n" SOCKET,
      "BROKEN FPMP0427:" AT("2") "has an empty user (outside quotes none, no and off are "
                                 "empty)" USER },
    { "no such user", "user = ghost\n" SOCKET,
      "BROKEN FPMP0427:" AT("2") "names user 'ghost', who does not exist" USER },
    { "the last user counts", "user = ghost\n" SOCKET "user = zz\n", "" },
    { "a user that could not be looked up", "user = hidden\n" SOCKET, "" },
    { "root", "user = root\n" SOCKET,
      "BROKEN FPMP0427:" AT("2") "names user 'root', who is root" USER },
    { "root by number", "user = 0\n" SOCKET,
      "BROKEN FPMP0427:" AT("2") "names user '0', who is root" USER },
    { "root by another name", "user = toor\n" SOCKET,
      "BROKEN FPMP0427:" AT("2") "names user 'toor', who is root" USER },
    { "the number of a user", "user = 1005\n" SOCKET, "" },
    { "a number of nobody's", "user = 4242\n" SOCKET,
      "BROKEN FPMP0428:" AT("1") "would run with group 0, which is root's" GROUP },
    { "a number of nobody's, with a group", "user = 4242\ngroup = staff\n" SOCKET, "" },
    { "a number of nobody's, with the number of a group",
      "user = 4242\ngroup = 4242\n" SOCKET, "" },
    /* group */
    { "no such group", "user = zz\ngroup = ghosts\n" SOCKET,
      "BROKEN FPMP0428:" AT("3") "names group 'ghosts', which does not exist" GROUP },
    { "a group that could not be looked up", "user = zz\ngroup = hidden\n" SOCKET, "" },
    { "the number of no group", "user = zz\ngroup = 4242\n" SOCKET, "" },
    { "an empty group is the user's", "user = zz\ngroup =\n" SOCKET, "" },
    { "an empty group, and the user's is root's", "user = wheel\ngroup =\n" SOCKET,
      "BROKEN FPMP0428:" AT("3") "would run with group 0, which is root's" GROUP },
    { "the user's group is root's", "user = wheel\n" SOCKET,
      "BROKEN FPMP0428:" AT("1") "would run with group 0, which is root's" GROUP },
    { "the user's group is root's, another is given", "user = wheel\ngroup = staff\n" SOCKET,
      "" },
    { "root's group", "user = zz\ngroup = root\n" SOCKET,
      "BROKEN FPMP0428:" AT("3") "would run with group 0, which is root's" GROUP },
    { "group 0", "user = zz\ngroup = 00\n" SOCKET,
      "BROKEN FPMP0428:" AT("3") "would run with group 0, which is root's" GROUP },
    { "user before group", "user = ghost\ngroup = ghosts\n" SOCKET,
      "BROKEN FPMP0427:" AT("2") "names user 'ghost', who does not exist" USER },
    /* owner of the socket */
    { "the socket's owner", "user = zz\nlisten.owner = www-data\nlisten.group = staff\n"
                            "listen.acl_users = root,zz\nlisten.acl_groups = staff\n" SOCKET,
      "" },
    { "no such owner", "user = zz\nlisten.owner = ghost\n" SOCKET,
      "BROKEN FPMP0429:" AT("3") "names listen.owner 'ghost', who does not exist" OWNER },
    { "an owner by number", "user = zz\nlisten.owner = 4242\nlisten.group = 4242\n" SOCKET,
      "" },
    { "an empty owner", "user = zz\nlisten.owner =\nlisten.group =\nlisten.acl_users =\n"
      SOCKET, "" },
    { "two owners are one name", "user = zz\nlisten.owner = \"zz,root\"\n" SOCKET,
      "BROKEN FPMP0429:" AT("3") "names listen.owner 'zz,root', who does not exist" OWNER },
    { "no such group of the socket", "user = zz\nlisten.group = ghosts\n" SOCKET,
      "BROKEN FPMP0429:" AT("3") "names listen.group 'ghosts', who does not exist" OWNER },
    { "the second name of a list", "user = zz\nlisten.acl_users = zz,ghost,root\n" SOCKET,
      "BROKEN FPMP0429:" AT("3") "names listen.acl_users 'ghost', who does not exist" OWNER },
    { "a number in a list", "user = zz\nlisten.acl_users = 4242\n" SOCKET,
      "BROKEN FPMP0429:" AT("3") "names listen.acl_users '4242', who does not exist" OWNER },
    { "a blank in a list", "user = zz\nlisten.acl_users = zz, root\n" SOCKET,
      "BROKEN FPMP0429:" AT("3") "names listen.acl_users ' root', who does not exist" OWNER },
    { "a comma too many", "user = zz\nlisten.acl_users = zz,\n" SOCKET,
      "BROKEN FPMP0429:" AT("3") "names listen.acl_users '', who does not exist" OWNER },
    { "groups in a list", "user = zz\nlisten.acl_groups = staff,ghosts\n" SOCKET,
      "BROKEN FPMP0429:" AT("3") "names listen.acl_groups 'ghosts', who does not "
                                 "exist" OWNER },
    { "a name of a list that could not be looked up",
      "user = zz\nlisten.acl_users = hidden\n" SOCKET, "" },
    /* listen */
    { "no address", "user = zz\n", "BROKEN FPMP0430:" AT("1") "has no listen address" LISTEN },
    { "an empty address", "user = zz\nlisten =\n",
      "BROKEN FPMP0430:" AT("3") "has no listen address" LISTEN },
    { "port 0", "user = zz\nlisten = 0\n",
      "BROKEN FPMP0430:" AT("3") "listens on port '0', wanted is 1 to 65535" LISTEN },
    { "port 1", "user = zz\nlisten = 1\n", "" },
    { "port 65535", "user = zz\nlisten = 127.0.0.1:65535\n", "" },
    { "port 65536", "user = zz\nlisten = 127.0.0.1:65536\n",
      "BROKEN FPMP0430:" AT("3") "listens on port '65536', wanted is 1 to 65535" LISTEN },
    { "a port in letters", "user = zz\nlisten = 127.0.0.1:http\n",
      "BROKEN FPMP0430:" AT("3") "listens on port 'http', wanted is 1 to 65535" LISTEN },
    { "a port with a letter behind", "user = zz\nlisten = 127.0.0.1:9000x\n",
      "BROKEN FPMP0430:" AT("3") "listens on port '9000x', wanted is 1 to 65535" LISTEN },
    { "a path with a colon", "user = zz\nlisten = /run/php/a:b\n",
      "BROKEN FPMP0430:" AT("3") "listens on port 'b', wanted is 1 to 65535" LISTEN },
    { "a path with a comma", "user = zz\nlisten = /run/php/a,b\n",
      "BROKEN FPMP0430:" AT("3") "listens on '/run/php/a,b', whose ',' or '=' PHP-FPM loses "
                                 "at a reload" LISTEN },
    { "a path with =", "user = zz\nlisten = \"/run/php/a=b\"\n",
      "BROKEN FPMP0430:" AT("3") "listens on '/run/php/a=b', whose ',' or '=' PHP-FPM loses "
                                 "at a reload" LISTEN },
    { "no directory", "user = zz\nlisten = /gone/zz.sock\n",
      "BROKEN FPMP0430:" AT("3") "listens in directory '/gone', which does not exist" LISTEN },
    { "a directory that could not be looked at", "user = zz\nlisten = /locked/zz.sock\n", "" },
    { "a directory in its place", "user = zz\nlisten = /run/php/dir.sock\n",
      "BROKEN FPMP0430:" AT("3") "listens on '/run/php/dir.sock', which is a "
                                 "directory" LISTEN },
    { "an old socket in its place", "user = zz\nlisten = /run/php/old.sock\n", "" },
    { "relative to what nobody knows", "user = zz\nlisten = gone/zz.sock\n", "" },
    { "relative to a prefix", "user = zz\nprefix = /srv\nlisten = gone/zz.sock\n",
      "BROKEN FPMP0430:" AT("4") "listens in directory '/srv/gone', which does not "
                                 "exist" LISTEN },
    { "107 bytes", "user = zz\nlisten = /run/php/" X90 "xxxxxxxx\n", "" },
    { "108 bytes", "user = zz\nlisten = /run/php/" X90 "xxxxxxxxx\n",
      "NOTICE FPMP0431:" AT("3") "listens on a path of 108 bytes, of which a Unix socket "
                                 "holds 107; choose a shorter path there" AT_10 },
    /* directories */
    { "directories that are there", "user = zz\nprefix = /srv\nchroot = /srv\nchdir = /www\n"
                                    "access.log = /srv/www/x\nslowlog = /srv/x\n"
                                    "request_slowlog_timeout = 1\n"
                                    "pm.status_listen = /run/php/s\n" SOCKET, "" },
    { "no prefix", "user = zz\nprefix = /gone\n" SOCKET,
      "BROKEN FPMP0432:" AT("3") "needs directory '/gone' for prefix, which does not "
                                 "exist" DIRS },
    { "a prefix that is a file", "user = zz\nprefix = /srv/file\n" SOCKET,
      "BROKEN FPMP0432:" AT("3") "needs directory '/srv/file' for prefix, which does not "
                                 "exist" DIRS },
    { "a prefix that could not be looked at", "user = zz\nprefix = /locked\n" SOCKET, "" },
    { "no chroot", "user = zz\nchroot = /gone\n" SOCKET,
      "BROKEN FPMP0432:" AT("3") "needs directory '/gone' for chroot, which does not "
                                 "exist" DIRS },
    { "no chdir", "user = zz\nchdir = /gone\n" SOCKET,
      "BROKEN FPMP0432:" AT("3") "needs directory '/gone' for chdir, which does not "
                                 "exist" DIRS },
    { "no chdir in the chroot", "user = zz\nchroot = /srv\nchdir = /srv\n" SOCKET,
      "BROKEN FPMP0432:" AT("4") "needs directory '/srv/srv' for chdir, which does not "
                                 "exist" DIRS },
    { "no directory of the access log", "user = zz\naccess.log = /gone/x\n" SOCKET,
      "BROKEN FPMP0432:" AT("3") "needs directory '/gone' for access.log, which does not "
                                 "exist" DIRS },
    { "no directory of the slow log",
      "user = zz\nslowlog = /gone/x\nrequest_slowlog_timeout = 1m\n" SOCKET,
      "BROKEN FPMP0432:" AT("3") "needs directory '/gone' for slowlog, which does not "
                                 "exist" DIRS },
    { "no directory of a slow log that is not used", "user = zz\nslowlog = /gone/x\n" SOCKET,
      "" },
    { "no directory of the status socket", "user = zz\npm.status_listen = /gone/x\n" SOCKET,
      "BROKEN FPMP0432:" AT("3") "needs directory '/gone' for pm.status_listen, which does "
                                 "not exist" DIRS },
    { "a directory as access log", "user = zz\naccess.log = /srv/www\n" SOCKET,
      "BROKEN FPMP0432:" AT("3") "names '/srv/www' as access.log, which is a "
                                 "directory" DIRS },
    { "a file as access log", "user = zz\naccess.log = /srv/file\n" SOCKET, "" },
    { "a status page at a port", "user = zz\npm.status_listen = 127.0.0.1:9001\n" SOCKET,
      "" },
    /* mode */
    { "a mode", "user = zz\nlisten.mode = 0660\n" SOCKET, "" },
    { "a mode without zero", "user = zz\nlisten.mode = 7\n" SOCKET, "" },
    { "a mode in letters", "user = zz\nlisten.mode = rw\n" SOCKET,
      "NOTICE FPMP0433:" AT("3") "has listen.mode 'rw', which PHP-FPM takes as 0" MODE },
    { "a mode of no octal digit", "user = zz\nlisten.mode = 0888\n" SOCKET,
      "NOTICE FPMP0433:" AT("3") "has listen.mode '0888', which PHP-FPM takes as 0" MODE },
    { "mode 0", "user = zz\nlisten.mode = 0\n" SOCKET,
      "NOTICE FPMP0433:" AT("3") "has listen.mode '0', which PHP-FPM takes as 0" MODE },
    { "an empty mode is the default", "user = zz\nlisten.mode =\n" SOCKET, "" },
    /* httpd's user */
    { "httpd's user", "user = www-data\n" SOCKET,
      "NOTICE FPMP0434:" AT("2") "runs as 'www-data'" HTTPD },
    { "httpd's user by number", "user = 33\n" SOCKET,
      "NOTICE FPMP0434:" AT("2") "runs as 'www-data'" HTTPD },
    { "httpd's group", "user = zz\ngroup = www-data\n" SOCKET, "" },
    { "what ends PHP-FPM is said, what is unsafe is not",
      "user = www-data\nlisten.mode = rw\naccess.log = /gone/x\n" SOCKET,
      "BROKEN FPMP0432:" AT("4") "needs directory '/gone' for access.log, which does not "
                                 "exist" DIRS },
    /* memory */
    { "dumpable", "user = zz\nprocess.dumpable = yes\n" SOCKET,
      "NOTICE FPMP0440:" AT("3") "has process.dumpable on" DUMP },
    { "dumpable in quotes", "user = zz\nProcess.Dumpable = \"true\"\n" SOCKET,
      "NOTICE FPMP0440:" AT("3") "has process.dumpable on" DUMP },
    { "not dumpable", "user = zz\nprocess.dumpable = no\n" SOCKET, "" },
    { "not dumpable, empty", "user = zz\nprocess.dumpable =\n" SOCKET, "" },
    { "dumpable, and then not",
      "user = zz\nprocess.dumpable = 1\nprocess.dumpable = 0\n" SOCKET, "" },
    { "httpd's user weighs more", "user = www-data\nprocess.dumpable = 1\n" SOCKET,
      "NOTICE FPMP0434:" AT("2") "runs as 'www-data'" HTTPD },
    /* what could not be read */
    { "a user behind a line that is not plain", SOCKET "env[A] = a&b\n",
      "UNKNOWN FPMP0406: pool file: '" ZZ "' is not understood from line 3 on: the value "
      "has a & outside quotes, which PHP-FPM refuses or computes with; see whether it "
      "defines a pool of the same name or socket" AT_10 },
    { "a root before a line that is not plain", "user = root\nenv[A] = a&b\n",
      "UNKNOWN FPMP0406: pool file: '" ZZ "' is not understood from line 3 on: the value "
      "has a & outside quotes, which PHP-FPM refuses or computes with; see whether it "
      "defines a pool of the same name or socket" AT_10
      "BROKEN FPMP0427:" AT("2") "names user 'root', who is root" USER },
};

static void each_rule_has_two_sides(void **state)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        calm_t scene = calm_make(*state, "david");

        add_file(*state, scene.facts, ZZ,
                 apr_pstrcat(*state, "[zz]\n", rows[i].text, NULL));
        calm_look(&scene);
        calm_judge(&scene);
        expect_findings(rows[i].title, scene.plan, rows[i].want);
        if (scene.ends != (strstr(rows[i].want, "BROKEN") != NULL)) {
            fail_msg("%s: fpmp_drift_master returns %d", rows[i].title, scene.ends);
        }
        assert_null(chain_at(scene.plan, 0)->broken); /* it goes on with what it has read */
    }
}

/* The same for the global section: only directories. */
static void the_global_section_needs_its_directories(void **state)
{
    static const struct {
        const char *title, *text, *want;
    } table[] = {
        { "there", "error_log = /srv/x.log\n", "" },
        { "syslog", "error_log = syslog\n", "" },
        { "relative to what nobody knows", "error_log = log/x\n", "" },
        { "no directory", "error_log = /gone/x.log\n",
          "BROKEN FPMP0432: pool file: section [global] at " MAIN_FILE ":4 needs directory "
          "'/gone' for error_log, which does not exist" DIRS },
        { "empty", "error_log =\n",
          "BROKEN FPMP0432: pool file: section [global] at " MAIN_FILE ":4 has an empty "
          "error_log, which PHP-FPM takes for a directory" DIRS },
        { "no pid", "pid = none\n",
          "BROKEN FPMP0432: pool file: section [global] at " MAIN_FILE ":4 has an empty pid, "
          "which PHP-FPM takes for a directory" DIRS },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_make(*state, "david");

        scene.facts->main.text = apr_psprintf(
            *state, "[global]\npid = /run/php/php8.2-fpm.pid\nprocess_control_timeout = 5s\n"
                    "%sinclude=" POOL_DIR "/*.conf\n", table[i].text);
        scene.facts->main.len = strlen(scene.facts->main.text);
        APR_ARRAY_IDX(scene.facts->includes, 0, fpmp_include_t *)->line = 5;
        calm_look(&scene);
        calm_judge(&scene);
        expect_findings(table[i].title, scene.plan, table[i].want);
    }
}

static void a_path_that_is_too_long_ends_newer_versions(void **state)
{
    static const struct {
        int version;
        const char *want;
    } table[] = {
        { 0, "NOTICE FPMP0431" },   { 704, "NOTICE FPMP0431" }, { 802, "NOTICE FPMP0431" },
        { 803, "BROKEN FPMP0431" }, { 804, "BROKEN FPMP0431" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_make(*state, "david");
        const char *text;

        scene.master->version = table[i].version;
        add_file(*state, scene.facts, ZZ,
                 "[zz]\nuser = zz\nlisten = /run/php/" X90 "xxxxxxxxx\n");
        calm_look(&scene);
        calm_judge(&scene);
        text = plan_findings(scene.plan, "long");
        if (strncmp(text, table[i].want, strlen(table[i].want)) != 0) {
            fail_msg("version %d: got '%s', wanted '%s'", table[i].version, text,
                     table[i].want);
        }
    }
}

/* A key that is not there may stand in any file that is not understood, as long as PHP-FPM
 * did not print what it makes of it. */
static void a_key_that_may_be_hidden_is_not_missed(void **state)
{
    static const struct {
        const char *title, *opaque, *print;
        int says_user;
    } table[] = {
        { "all understood", "; nothing\n", NULL, 1 },
        { "another file is opaque", "[b]\nuser = zz\nlisten = /run/php/b\nenv[A] = a&b\n",
          NULL, 0 },
        { "another file is opaque, and PHP-FPM prints it",
          "[b]\nuser = zz\nlisten = /run/php/b\nenv[A] = a&b\n",
          "[22-Nov-2026 23:25:56] NOTICE: [zz]\n"
          "[22-Nov-2026 23:25:56] NOTICE: \tuser = undefined\n", 1 },
        { "PHP-FPM prints the user", "[b]\nuser = zz\nlisten = /run/php/b\nenv[A] = a&b\n",
          "[22-Nov-2026 23:25:56] NOTICE: [zz]\n"
          "[22-Nov-2026 23:25:56] NOTICE: \tuser = zz\n", 0 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_make(*state, "david");
        const char *text;

        add_file(*state, scene.facts, POOL_DIR "/b.conf", table[i].opaque);
        add_file(*state, scene.facts, ZZ, "[zz]\n" SOCKET);
        calm_look(&scene);
        if (table[i].print) {
            fpmp_view_add_print(*state, scene.view, table[i].print);
            scene.view->asked = scene.asked =
                answers_of(scene.plan, scene.master, scene.view);
        }
        calm_judge(&scene);
        text = plan_findings(scene.plan, table[i].title);
        if ((strstr(text, "FPMP0427") != NULL) != table[i].says_user) {
            fail_msg("%s: got '%s'", table[i].title, text);
        }
    }
}

static void a_dumpable_pool_behind_a_line_that_is_not_plain_is_found(void **state)
{
    for (int on = 0; on < 2; on++) {
        calm_t scene = calm_make(*state, "david");
        const char *text;

        add_file(*state, scene.facts, ZZ, "[zz]\nuser = zz\n" SOCKET "env[A] = a&b\n");
        calm_look(&scene);
        fpmp_view_add_print(*state, scene.view,
                            apr_psprintf(*state,
                                         "[22-Nov-2026 23:25:56] NOTICE: [zz]\n"
                                         "[22-Nov-2026 23:25:56] NOTICE: \t"
                                         "process.dumpable = %s\n",
                                         on ? "yes" : "no"));
        calm_judge(&scene);
        text = plan_findings(scene.plan, "printed");
        if ((strstr(text, "FPMP0440") != NULL) != on) {
            fail_msg("printed as %s: got '%s'", on ? "yes" : "no", text);
        }
    }
}

/* Nobody answered: nothing is claimed. */
static void without_answers_no_pool_is_judged(void **state)
{
    calm_t scene = calm_make(*state, "david");

    add_file(*state, scene.facts, ZZ, "[zz]\nuser = ghost\nlisten = /gone/x\n");
    calm_look(&scene);
    scene.view->asked = NULL;
    calm_judge(&scene);
    expect_findings("not asked", scene.plan, "");
}

/* Their text goes into a message of limited length. */
static void long_values_are_cut(void **state)
{
    static const char *const keys[] = { "user = ", "user = zz\ngroup = ",
                                        "user = zz\nlisten.owner = ",
                                        "user = zz\nlisten.mode = x",
                                        "user = zz\nlisten = 1:" };

    for (size_t i = 0; i < COUNT(keys); i++) {
        calm_t scene = calm_make(*state, "david");

        add_file(*state, scene.facts, ZZ,
                 apr_pstrcat(*state, "[zz]\n", SOCKET, keys[i], X90, X90, X90, "\n", NULL));
        calm_look(&scene);
        calm_judge(&scene);
        plan_findings(scene.plan, keys[i]); /* holds the rules for messages */
        assert_int_equal(scene.plan->findings->nelts, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(a_listen_address_is_a_path_or_a_port),
        plan_test(directories_that_a_pool_needs),
        plan_test(names_of_a_list),
        plan_test(links_of_a_socket_directory_are_resolved),
        plan_test(what_pools_of_others_name_is_asked),
        plan_test(each_rule_has_two_sides),
        plan_test(the_global_section_needs_its_directories),
        plan_test(a_path_that_is_too_long_ends_newer_versions),
        plan_test(a_key_that_may_be_hidden_is_not_missed),
        plan_test(a_dumpable_pool_behind_a_line_that_is_not_plain_is_found),
        plan_test(without_answers_no_pool_is_judged),
        plan_test(long_values_are_cut),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
