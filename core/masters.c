/* SPDX-License-Identifier: Apache-2.0
 *
 * Where distributions keep PHP-FPM, and what a main file says about its installation. The
 * table only finds main files; pid file and pool directory always come from the main file
 * itself, because administrators move them. Entry: fpmp_master_derive.
 */
#include "masters.h"

#include <apr_fnmatch.h>
#include <ctype.h>
#include <string.h>

/* A name as our pool files have it, to try include patterns on. */
#define SAMPLE_FILE FPMP_FILE_PREFIX "x.conf"

/*
 * The first row that matches a main file owns it, so a row without a star stands before the
 * row whose star would match nothing ("/etc/php/" before "/etc/php<*>/").
 * runtime_dir: Docker's image names no pid file and has /var/run as a link, hence /run; the
 * FreeBSD port names its pid file. openSUSE makes no directory of its own. start: Debian's
 * service(8) works with and without systemd; the last row is two systems, so none.
 */
const fpmp_layout_t fpmp_layouts[] = {
    { "Debian", "/etc/php/*/fpm/php-fpm.conf", "/usr/sbin/php-fpm*", "/run/php",
      "service php*-fpm start" },
    { "Remi", "/etc/opt/remi/php*/php-fpm.conf", "/opt/remi/php*/root/usr/sbin/php-fpm",
      "/var/opt/remi/php*/run/php-fpm", "systemctl start php*-php-fpm" },
    { "Fedora", "/etc/php-fpm.conf", "/usr/sbin/php-fpm", "/run/php-fpm",
      "systemctl start php-fpm" },
    { "Arch", "/etc/php/php-fpm.conf", "/usr/bin/php-fpm", "/run/php-fpm",
      "systemctl start php-fpm" },
    { "Alpine", "/etc/php*/php-fpm.conf", "/usr/sbin/php-fpm*", "/run/php-fpm*",
      "rc-service php-fpm* start" },
    { "openSUSE", "/etc/php*/fpm/php-fpm.conf", "/usr/sbin/php-fpm", "/run",
      "systemctl start php-fpm" },
    { "FreeBSD, Docker", "/usr/local/etc/php-fpm.conf", "/usr/local/sbin/php-fpm", "/run",
      NULL },
    { NULL, NULL, NULL, NULL, NULL }
};

const char *fpmp_layout_name(apr_pool_t *p, const char *star)
{
    const char *digits = strncmp(star, "php", 3) == 0 ? star + 3 : star;
    apr_size_t count = strspn(digits, "0123456789");

    if (!*star) {
        return "php";
    }
    if (count == 0) {
        return apr_pstrdup(p, star);
    }
    if (digits[count] || count == 1 || count > 3) {
        return apr_pstrdup(p, digits);
    }
    return apr_psprintf(p, "%c.%s", digits[0], digits + 1);
}

/* One or two digits without a leading zero (a lone 0 is fine); -1 if there are none. */
static int take_number(const char **at)
{
    const char *start = *at;
    int number = 0;

    while (isdigit((unsigned char)**at) && *at - start < 2) {
        number = number * 10 + (*(*at)++ - '0');
    }
    return *at == start || (*start == '0' && *at - start > 1) ? -1 : number;
}

int fpmp_version_number(const char *name)
{
    int major = take_number(&name), minor;

    if (major < 1 || *name++ != '.') {
        return 0;
    }
    minor = take_number(&name);
    return minor < 0 || *name ? 0 : major * 100 + minor;
}

const char *fpmp_version_text(apr_pool_t *p, int version)
{
    return version ? apr_psprintf(p, "%d.%d", version / 100, version % 100) : "unknown";
}

/* The versions that anybody may still run with one of two known holes; those before the
 * first row never got the mend of either. */
static const struct {
    int version;
    const char *root; /* first release in which a worker cannot become root; NULL: none */
    const char *code; /* first in which a request cannot run code; NULL: all of them */
} holes[] = {
    { 701, NULL, "7.1.33" },     { 702, NULL, "7.2.24" }, { 703, "7.3.32", "7.3.11" },
    { 704, "7.4.25", NULL },     { 800, "8.0.12", NULL },
};

static const char *before(apr_pool_t *p, const char *release)
{
    return release ? apr_pstrcat(p, "before ", release, NULL) : "in every release";
}

const char *fpmp_rule_version(apr_pool_t *p, int version)
{
    const apr_size_t rows = sizeof(holes) / sizeof(holes[0]);
    const char *why = "a worker can become root ";
    apr_size_t i = 0;

    if (version == 0 || version > holes[rows - 1].version) {
        return NULL;
    }
    while (i < rows && holes[i].version != version) {
        i++;
    }
    why = apr_pstrcat(p, why, before(p, i < rows ? holes[i].root : NULL),
                      " (CVE-2021-21703)", NULL);
    if (i == rows || holes[i].code) {
        why = apr_pstrcat(p, why, " and a request can run code ",
                          before(p, i < rows ? holes[i].code : NULL), " (CVE-2019-11043)",
                          NULL);
    }
    return why;
}

/* Without doubled slashes and without one at the end. */
static char *tidy_path(apr_pool_t *p, const char *path)
{
    char *tidy = apr_pstrdup(p, path), *out = tidy;

    for (; *path; path++) {
        if (*path != '/' || out == tidy || out[-1] != '/') {
            *out++ = *path;
        }
    }
    if (out > tidy + 1 && out[-1] == '/') {
        out--;
    }
    *out = '\0';
    return tidy;
}

static char *parent_of(apr_pool_t *p, const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == path ? apr_pstrdup(p, "/") : apr_pstrmemdup(p, path, slash - path);
}

/* Would a file of ours have a name that the last part of this include pattern takes? */
static int takes_our_name(const char *pattern)
{
    const char *slash = strrchr(pattern, '/'), *last = slash ? slash + 1 : pattern;

    return apr_fnmatch(last, SAMPLE_FILE, APR_FNM_PERIOD) == APR_SUCCESS;
}

/* The one directory that a pattern names; NULL if it is relative or has wildcards there. */
static const char *dir_of_pattern(apr_pool_t *p, const char *pattern)
{
    const char *tidy = tidy_path(p, pattern), *dir;

    if (*tidy != '/') {
        return NULL; /* FPM sets its compiled-in prefix before it */
    }
    dir = parent_of(p, tidy);
    return strpbrk(dir, "*?[\\") ? NULL : dir;
}

/* The end of path that has as many components as pattern. */
static const char *tail_like(const char *path, const char *pattern)
{
    const char *at = path + strlen(path);
    int parts = 1;

    for (; *pattern; pattern++) {
        parts += *pattern == '/';
    }
    while (at > path && !(at[-1] == '/' && --parts == 0)) {
        at--;
    }
    return at;
}

/* Does this include pattern read our files in dir? A relative one tells only the end. */
static int pattern_reads(apr_pool_t *p, const char *pattern, const char *dir)
{
    const char *tidy = tidy_path(p, pattern);
    const char *path = tidy_path(p, apr_pstrcat(p, dir, "/" SAMPLE_FILE, NULL));

    if (*tidy != '/') {
        path = tail_like(path, tidy);
    }
    return apr_fnmatch(tidy, path, APR_FNM_PATHNAME | APR_FNM_PERIOD) == APR_SUCCESS;
}

static const char *derive_pid(apr_pool_t *p, fpmp_master_t *master, const fpmp_main_t *main)
{
    if (master->pid_path || !main->pid) {
        return NULL; /* given, or FPM keeps none: then nobody can say whether it runs */
    }
    if (*main->pid != '/') {
        return apr_psprintf(p, "the pid file '%s' in '%s' is not an absolute path; write "
                            "it in full there or give pid= on an FPMMaster line", main->pid,
                            master->config_path);
    }
    master->pid_path = main->pid;
    return NULL;
}

static const char *check_pool_dir(apr_pool_t *p, const fpmp_master_t *master,
                                  const fpmp_main_t *main)
{
    const char *dir = tidy_path(p, master->pool_dir);
    int i;

    for (i = 0; i < main->includes->nelts; i++) {
        if (pattern_reads(p, APR_ARRAY_IDX(main->includes, i, const char *), dir)) {
            return NULL;
        }
    }
    return apr_psprintf(p, "no include line of '%s' reads '%s/" FPMP_FILE_PREFIX
                        "NAME.conf'; add include=%s/*.conf to the file or give another "
                        "pool_dir= on the FPMMaster line", master->config_path, dir, dir);
}

/* The first include pattern that takes our names must say where; then pool_dir is set. */
static const char *derive_pool_dir(apr_pool_t *p, fpmp_master_t *master,
                                   const fpmp_main_t *main)
{
    const char *vague = NULL, *beside;
    int i;

    if (master->pool_dir) {
        return check_pool_dir(p, master, main);
    }
    for (i = 0; i < main->includes->nelts && !master->pool_dir; i++) {
        const char *pattern = APR_ARRAY_IDX(main->includes, i, const char *);

        if (takes_our_name(pattern)) {
            master->pool_dir = dir_of_pattern(p, pattern);
            vague = vague ? vague : pattern;
        }
    }
    if (master->pool_dir) {
        return NULL;
    }
    if (vague) {
        return apr_psprintf(p, "the include pattern '%s' of '%s' does not name one "
                            "directory in full; give pool_dir= on an FPMMaster line", vague,
                            master->config_path);
    }
    beside = parent_of(p, master->config_path);
    return apr_psprintf(p, "no include line of '%s' reads files named '" FPMP_FILE_PREFIX
                        "NAME.conf'; make the directory '%s/pool.d' and add "
                        "include=%s/pool.d/*.conf to the file", master->config_path, beside,
                        beside);
}

/*
 * The directory of the pid file is made before FPM starts, so the sockets go there. What
 * the table of layouts set beforehand is only for a main file without pid.
 */
static const char *derive_socket_dir(apr_pool_t *p, fpmp_master_t *master)
{
    int given = master->socket_dir && master->where.file;

    if (master->pid_path && !given) {
        master->socket_dir = parent_of(p, tidy_path(p, master->pid_path));
    }
    if (master->socket_dir) {
        return NULL;
    }
    return apr_psprintf(p, "'%s' names no pid file, in whose directory the sockets would "
                        "go; give FPMSocketDir, or socket_dir= on an FPMMaster line",
                        master->config_path);
}

void fpmp_master_derive(apr_pool_t *p, fpmp_master_t *master, const fpmp_ini_t *ini)
{
    const fpmp_main_t *main = fpmp_main_pick(p, ini);
    const char *pid_why, *pool_why, *socket_why;

    if (!master->version) {
        master->version = fpmp_version_number(master->name);
    }
    if (ini->opaque_line) {
        /* A later line may change each of them: what stands before is no answer either. */
        if (!master->pid_path || !master->pool_dir || !master->socket_dir) {
            master->trouble = apr_psprintf(
                p, "line %d of '%s' is not plain: %s; write it plainly or give pid=, "
                "pool_dir= and socket_dir= on FPMMaster", ini->opaque_line,
                master->config_path, ini->opaque_why);
        }
        return;
    }
    pid_why = derive_pid(p, master, main);
    pool_why = derive_pool_dir(p, master, main);
    socket_why = derive_socket_dir(p, master);
    master->trouble = pid_why ? pid_why : pool_why ? pool_why : socket_why;
}

const char *fpmp_master_how(apr_pool_t *p, const fpmp_master_t *master)
{
    const char *typed = master->start_command ? master->start_command : master->start_hint;

    return typed ? apr_psprintf(p, " with '%s'", typed) : "";
}
