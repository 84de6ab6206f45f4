/* SPDX-License-Identifier: Apache-2.0
 *
 * What must be known before pools that are not ours can be judged: the users, groups and
 * places that they name. host/answers.c answers. Entry point: fpmp_foreign_ask.
 */
#include "foreign.h"

#include <ctype.h>
#include <string.h>

static int is_digits(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* The directory of an absolute path. */
static const char *dir_of(apr_pool_t *p, const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == path ? "/" : apr_pstrmemdup(p, path, slash - path);
}

/* A path with the pool's own prefix; NULL: relative to one that nobody can ask for. */
static const char *absolute(apr_pool_t *p, const fpmp_pool_t *pool, const char *path)
{
    const char *prefix = fpmp_pool_value(pool, "prefix");

    if (*path == '/') {
        return path;
    }
    return prefix && *prefix == '/' ? apr_pstrcat(p, prefix, "/", path, NULL) : NULL;
}

fpmp_listen_t fpmp_listen_read(apr_pool_t *p, const fpmp_pool_t *pool)
{
    fpmp_listen_t listen = { .kind = FPMP_LISTEN_NONE };
    const char *value = fpmp_pool_value(pool, "listen"), *colon;

    if (!value || !*value) {
        return listen;
    }
    colon = strrchr(value, ':');
    if (colon || is_digits(value)) {
        listen.kind = FPMP_LISTEN_TCP;
        listen.port = colon ? colon + 1 : value;
        return listen;
    }
    listen.path = absolute(p, pool, value);
    listen.kind = listen.path ? FPMP_LISTEN_PATH : FPMP_LISTEN_PREFIX;
    listen.dir = listen.path ? dir_of(p, listen.path) : NULL;
    return listen;
}

const char *fpmp_foreign_dir(apr_pool_t *p, const fpmp_pool_t *pool, int at,
                             const char **key, const char **file)
{
    static const struct {
        const char *key;
        int parent;       /* 1: the directory of the file that the key names */
        const char *with; /* only where this key is a time above 0 */
    } rows[] = {
        { "prefix", 0, NULL },     { "chroot", 0, NULL },
        { "chdir", 0, NULL },      { "slowlog", 1, "request_slowlog_timeout" },
        { "access.log", 1, NULL }, { "pm.status_listen", 1, NULL },
        { "error_log", 1, NULL },  { "pid", 1, NULL }, /* of the global section */
    };
    const char *value, *with, *root;

    *file = NULL;
    *key = at < (int)(sizeof(rows) / sizeof(rows[0])) ? rows[at].key : NULL;
    value = *key ? fpmp_pool_value(pool, *key) : NULL;
    if (!value || !*value) {
        return NULL;
    }
    with = rows[at].with ? fpmp_pool_value(pool, rows[at].with) : NULL;
    if (rows[at].with && (!with || fpmp_ini_time_sec(with) <= 0)) {
        return NULL;
    }
    root = fpmp_pool_value(pool, "chroot");
    if (strcmp(*key, "chdir") == 0 && root && *root) {
        return *root == '/' ? apr_pstrcat(p, root, value, NULL) : NULL;
    }
    if (rows[at].parent) {
        value = absolute(p, pool, value);
    }
    if (!value || *value != '/') {
        return NULL;
    }
    *file = rows[at].parent ? value : NULL;
    return rows[at].parent ? dir_of(p, value) : value;
}

apr_array_header_t *fpmp_foreign_names(apr_pool_t *p, const char *value, int list)
{
    apr_array_header_t *names = apr_array_make(p, 2, sizeof(const char *));
    const char *comma;

    while (*value && list && (comma = strchr(value, ',')) != NULL) {
        APR_ARRAY_PUSH(names, const char *) = apr_pstrmemdup(p, value, comma - value);
        value = comma + 1;
    }
    if (*value || names->nelts > 0) {
        APR_ARRAY_PUSH(names, const char *) = value;
    }
    return names;
}

const char *fpmp_foreign_real(apr_pool_t *p, const fpmp_asked_t *asked, const char *path)
{
    const fpmp_place_t *place =
        asked ? apr_hash_get(asked->places, dir_of(p, path), APR_HASH_KEY_STRING) : NULL;

    return place && place->real
               ? apr_pstrcat(p, strcmp(place->real, "/") == 0 ? "" : place->real,
                             strrchr(path, '/'), NULL)
               : path;
}

/* A question is a key whose value is still its own name. */
static void ask(apr_hash_t *hash, const char *question)
{
    if (question && *question) {
        apr_hash_set(hash, question, APR_HASH_KEY_STRING, question);
    }
}

static void ask_names(apr_pool_t *p, apr_hash_t *hash, const char *list)
{
    const apr_array_header_t *names = fpmp_foreign_names(p, list ? list : "", 1);
    int i;

    for (i = 0; i < names->nelts; i++) {
        ask(hash, APR_ARRAY_IDX(names, i, const char *));
    }
}

static void ask_pool(apr_pool_t *p, fpmp_asked_t *asked, const fpmp_pool_t *pool)
{
    fpmp_listen_t listen = fpmp_listen_read(p, pool);
    const char *key, *file;
    int i;

    ask(asked->users, fpmp_pool_value(pool, "user"));
    ask(asked->groups, fpmp_pool_value(pool, "group"));
    ask(asked->users, fpmp_pool_value(pool, "listen.owner"));
    ask(asked->groups, fpmp_pool_value(pool, "listen.group"));
    ask_names(p, asked->users, fpmp_pool_value(pool, "listen.acl_users"));
    ask_names(p, asked->groups, fpmp_pool_value(pool, "listen.acl_groups"));
    ask(asked->places, listen.path);
    ask(asked->places, listen.dir);
    i = 0;
    do {
        ask(asked->places, fpmp_foreign_dir(p, pool, i++, &key, &file));
        ask(asked->places, file);
    } while (key);
}

fpmp_asked_t *fpmp_foreign_ask(apr_pool_t *p, const fpmp_view_t *view,
                               const apr_array_header_t *sockets)
{
    fpmp_asked_t *asked = apr_pcalloc(p, sizeof(*asked));
    int i;

    asked->users = apr_hash_make(p);
    asked->groups = apr_hash_make(p);
    asked->places = apr_hash_make(p);
    for (i = 0; i < view->pools->nelts; i++) {
        const fpmp_pool_t *pool = APR_ARRAY_IDX(view->pools, i, const fpmp_pool_t *);

        if (!pool->chain) {
            ask_pool(p, asked, pool);
        }
    }
    for (i = 0; view->printed && i < view->printed->nelts; i++) {
        ask_pool(p, asked, APR_ARRAY_IDX(view->printed, i, const fpmp_pool_t *));
    }
    ask_pool(p, asked, view->global);
    for (i = 0; i < sockets->nelts; i++) {
        ask(asked->places, dir_of(p, APR_ARRAY_IDX(sockets, i, const char *)));
    }
    return asked;
}
