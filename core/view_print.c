/* SPDX-License-Identifier: Apache-2.0
 *
 * PHP-FPM's own print of what it would run (php-fpm -tt), put beside our reading of its
 * files. It knows what stands in files that the strict reader does not understand, but not
 * where. Entry point: fpmp_view_add_print.
 */
#include "core.h"

#include <string.h>

#define LINE_LIMIT 1000 /* FPM cuts its lines at log_limit, 1024 by default */

/* Only what the rules look at is taken over. */
static const char *const keys_of_use[] = {
    "user",         "group",       "listen",           "listen.owner",
    "listen.group", "listen.mode", "listen.acl_users", "listen.acl_groups",
    "prefix",       "pm",          "pm.max_children",  "pm.max_spare_servers",
    "chroot",       "chdir",       "pm.status_listen", "request_slowlog_timeout",
    "process.dumpable", FPMP_STAGE_ERROR_LOG,
};

/* The key that a printed name stands for; NULL: no rule looks at it. */
static const char *key_of_use(const char *name)
{
    apr_size_t i;

    for (i = 0; i < sizeof(keys_of_use) / sizeof(keys_of_use[0]); i++) {
        if (strcmp(name, keys_of_use[i]) == 0) {
            return keys_of_use[i];
        }
    }
    return strcmp(name, FPMP_STAGE_ACCESS_LOG) == 0 ? "access.log"
           : strcmp(name, FPMP_STAGE_SLOWLOG) == 0  ? "slowlog"
                                                    : NULL;
}

/* What follows "[22-Nov-2026 23:25:56] NOTICE: "; NULL: another line. */
static char *notice_of(char *line)
{
    static const char mark[] = "] NOTICE: ";
    char *at = *line == '[' ? strstr(line, mark) : NULL;

    return at ? at + sizeof(mark) - 1 : NULL;
}

/* "[david]" -> "david"; NULL: no section. */
static const char *section_of(char *text)
{
    size_t len = strlen(text);

    if (*text != '[' || text[len - 1] != ']') {
        return NULL;
    }
    text[len - 1] = '\0';
    return text + 1;
}

static void add_key(fpmp_pool_t *pool, char *text)
{
    char *equals = strstr(text, " = ");
    const char *name;
    fpmp_key_t *key;

    if (*text != '\t' || !equals || strlen(text) > LINE_LIMIT) {
        return;
    }
    *equals = '\0';
    name = key_of_use(text + 1);
    if (!name || strcmp(equals + 3, "undefined") == 0) {
        return;
    }
    key = apr_array_push(pool->keys);
    memset(key, 0, sizeof(*key));
    key->name = name;
    key->value = equals + 3;
}

apr_array_header_t *fpmp_view_parse_print(apr_pool_t *p, const char *text)
{
    apr_array_header_t *pools = apr_array_make(p, 16, sizeof(fpmp_pool_t *));
    char *rest = apr_pstrdup(p, text), *line;
    fpmp_pool_t *pool = NULL;

    while ((line = apr_strtok(rest, "\n", &rest)) != NULL) {
        char *said = notice_of(line);
        const char *section = said && *said ? section_of(said) : NULL;

        if (section) {
            pool = apr_pcalloc(p, sizeof(*pool));
            pool->name = section;
            pool->keys = apr_array_make(p, 8, sizeof(fpmp_key_t));
            APR_ARRAY_PUSH(pools, fpmp_pool_t *) = pool;
        }
        else if (said && *said && pool) {
            add_key(pool, said);
        }
    }
    return pools;
}

/* A pool that only an opaque file defines: its place is that file. */
static void add_hidden(apr_pool_t *p, fpmp_view_t *view, fpmp_pool_t *pool)
{
    if (view->opaque->nelts > 0) {
        pool->file = APR_ARRAY_IDX(view->opaque, 0, fpmp_opaque_t).file;
        pool->line = APR_ARRAY_IDX(view->opaque, 0, fpmp_opaque_t).line;
    }
    APR_ARRAY_PUSH(view->pools, fpmp_pool_t *) = pool;
    apr_hash_set(view->by_name, fpmp_lower(p, pool->name), APR_HASH_KEY_STRING, pool);
}

/* FPM's word counts; where both say the same, our reading knows the place. */
static void correct(fpmp_pool_t *pool, const fpmp_pool_t *printed)
{
    int i;

    pool->partial = 0;
    for (i = 0; i < printed->keys->nelts; i++) {
        const fpmp_key_t *said = &APR_ARRAY_IDX(printed->keys, i, fpmp_key_t);
        fpmp_key_t *key = (fpmp_key_t *)fpmp_pool_key(pool, said->name);

        if (fpmp_pool_key(printed, said->name) != said) {
            continue; /* arrays are printed last one first */
        }
        if (!key) {
            APR_ARRAY_PUSH(pool->keys, fpmp_key_t) = *said;
        }
        else if (strcmp(key->value, said->value) != 0) {
            key->value = said->value;
        }
    }
}

/* Where PHP-FPM would write a log that is named without a path in full. */
static void correct_global(fpmp_view_t *view, const fpmp_pool_t *printed)
{
    const char *path = fpmp_pool_value(printed, FPMP_STAGE_ERROR_LOG);
    fpmp_key_t *key = (fpmp_key_t *)fpmp_pool_key(view->global, "error_log");

    if (path && key && *key->value && *key->value != '/' &&
        strcmp(key->value, "syslog") != 0) {
        key->value = path;
    }
}

void fpmp_view_add_print(apr_pool_t *p, fpmp_view_t *view, const char *text)
{
    apr_array_header_t *pools = fpmp_view_parse_print(p, text);
    int i;

    for (i = 0; i < pools->nelts; i++) {
        fpmp_pool_t *printed = APR_ARRAY_IDX(pools, i, fpmp_pool_t *);
        fpmp_pool_t *pool =
            apr_hash_get(view->by_name, fpmp_lower(p, printed->name), APR_HASH_KEY_STRING);

        if (strcmp(printed->name, "global") == 0) {
            correct_global(view, printed);
            continue;
        }
        if (!pool && view->opaque->nelts > 0) {
            add_hidden(p, view, printed);
        }
        else if (pool && !pool->chain) {
            correct(pool, printed);
        }
    }
    view->printed = pools;
}
