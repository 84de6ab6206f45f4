/* SPDX-License-Identifier: Apache-2.0
 *
 * What PHP-FPM itself says of its files: its complaint, with the file and line that our
 * reading knows, and the values that it would run our pools with. Entry point:
 * fpmp_drift_print.
 */
#include "foreign.h"

#include <string.h>

static int is_said_broken(const fpmp_look_t *look)
{
    int i;

    for (i = 0; i < look->plan->findings->nelts; i++) {
        const fpmp_finding_t *finding =
            APR_ARRAY_IDX(look->plan->findings, i, const fpmp_finding_t *);

        if (finding->weight == FPMP_BROKEN &&
            (finding->master == look->master ||
             (finding->chain && finding->chain->master == look->master))) {
            return 1;
        }
    }
    return 0;
}

/* "... [pool NAME] ..." -> "NAME"; NULL: none is named. */
static const char *pool_named(apr_pool_t *p, const char *complaint)
{
    static const char mark[] = "[pool ";
    const char *at = strstr(complaint, mark), *end = at ? strchr(at, ']') : NULL;

    return end ? apr_pstrmemdup(p, at + sizeof(mark) - 1, end - at - sizeof(mark) + 1)
               : NULL;
}

static apr_hash_t *chains_by_pool(fpmp_look_t *look)
{
    apr_hash_t *chains = apr_hash_make(look->plan->pool);
    int i;

    for (i = 0; i < look->plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(look->plan->chains, i, fpmp_chain_t *);

        if (chain->master == look->master) {
            apr_hash_set(chains, chain->pool, APR_HASH_KEY_STRING, chain);
        }
    }
    return chains;
}

/* "ERROR: x" -> "x": the weight is ours to say. */
static const char *without_weight(const char *said)
{
    static const char *const words[] = { "ERROR: ", "ALERT: ", "PHP:  " };
    apr_size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strncmp(said, words[i], strlen(words[i])) == 0) {
            return said + strlen(words[i]);
        }
    }
    return said;
}

static int says_word(const char *said, const char *word)
{
    static const char inside[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";
    const char *at = said;
    size_t len = strlen(word);

    for (; (at = strstr(at, word)) != NULL; at += len) {
        if ((at == said || !strchr(inside, at[-1])) && (!at[len] || !strchr(inside, at[len]))) {
            return 1;
        }
    }
    return 0;
}

/* The key that the complaint is about, of a pool or the global section; NULL: it names none. */
static const fpmp_key_t *key_named(const fpmp_pool_t *pool, const char *said)
{
    const fpmp_key_t *named = NULL;
    int i;

    for (i = 0; pool && i < pool->keys->nelts; i++) {
        const fpmp_key_t *key = &APR_ARRAY_IDX(pool->keys, i, fpmp_key_t);

        if (key->file && says_word(said, key->name) &&
            (!named || strlen(key->name) > strlen(named->name))) {
            named = key;
        }
    }
    return named;
}

/* Where to look, if the complaint does not say so itself. */
static const char *place_of(fpmp_look_t *look, const fpmp_pool_t *pool, const char *said)
{
    apr_pool_t *p = look->plan->pool;
    const fpmp_view_t *view = look->view;
    const fpmp_key_t *key = key_named(pool, said);
    int i;

    key = key ? key : key_named(view->global, said);
    for (i = 0; i < look->facts->files->nelts; i++) {
        if (strstr(said, APR_ARRAY_IDX(look->facts->files, i, fpmp_file_t *)->node.path)) {
            return "";
        }
    }
    if (strstr(said, look->master->config_path)) {
        return "";
    }
    if (key) {
        return apr_psprintf(p, " (at %s:%d)", key->file, key->line);
    }
    if (pool) {
        return apr_psprintf(p, " (pool at %s)", fpmp_look_place(look, pool, NULL));
    }
    for (i = 0; i < view->opaque->nelts; i++) {
        const fpmp_opaque_t *opaque = &APR_ARRAY_IDX(view->opaque, i, fpmp_opaque_t);

        if (opaque->line > 0) {
            return apr_psprintf(p, " (see %s:%d, which is not plain)", opaque->file,
                                opaque->line);
        }
    }
    return apr_psprintf(p, " (main file %s)", look->master->config_path);
}

static void judge_complaint(fpmp_look_t *look, apr_hash_t *chains)
{
    apr_pool_t *p = look->plan->pool;
    const char *said = without_weight(look->view->complaint), *name = pool_named(p, said);
    fpmp_chain_t *chain = name ? apr_hash_get(chains, name, APR_HASH_KEY_STRING) : NULL;
    const fpmp_pool_t *pool =
        name ? apr_hash_get(look->view->by_name, fpmp_lower(p, name), APR_HASH_KEY_STRING)
             : NULL;

    if (is_said_broken(look)) {
        return; /* most likely of the same */
    }
    if (chain) {
        fpmp_chain_find(look->plan, chain, "FPMP0438", FPMP_LINK_POOL, FPMP_BROKEN,
                        apr_psprintf(p, "PHP-FPM refuses it: %s%s", said,
                                     (pool && !pool->chain) ||
                                             key_named(look->view->global, said)
                                         ? place_of(look, pool, said)
                                         : ""),
                        "mend what it names");
        return;
    }
    fpmp_look_say(look, "FPMP0520", FPMP_LINK_MASTER, FPMP_BROKEN,
                  apr_psprintf(p, "'%s' refuses its files: %s%s",
                               look->master->name, said, place_of(look, pool, said)),
                  "mend that; PHP-FPM would end at its next reload");
}

/* A file of ours that FPMSync check leaves as it is says the old thing itself. */
static const char *mend_effect(const fpmp_look_t *look, const fpmp_chain_t *chain)
{
    const char *path = chain->pool_file_path;
    int stays = look->plan->sync == FPMP_SYNC_CHECK &&
                apr_hash_get(look->view->own, path, APR_HASH_KEY_STRING) != chain;

    return apr_psprintf(look->plan->pool,
                        stays ? "FPMSync check: have your own tool write '%s'"
                              : "find the file beside '%s' that changes it",
                        path);
}

/* The links that PHP-FPM must read as we write them. */
static void judge_effect(fpmp_look_t *look, fpmp_chain_t *chain, const fpmp_pool_t *printed)
{
    const struct {
        const char *key, *want;
    } rows[] = {
        { "user", chain->user },
        { "group", chain->group },
        { "listen", chain->socket_path },
        { "listen.owner", chain->socket_owner },
        { "listen.group", chain->socket_group },
        { "listen.mode", "0600" },
    };
    apr_pool_t *p = look->plan->pool;
    apr_size_t i;

    for (i = 0; !chain->broken && i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *value = fpmp_pool_value(printed, rows[i].key);

        if (rows[i].want && (!value || strcmp(value, rows[i].want) != 0)) {
            fpmp_chain_find(
                look->plan, chain, "FPMP0439", FPMP_LINK_POOL, FPMP_BROKEN,
                apr_psprintf(p, "PHP-FPM reads %s = '%s' for pool [%s], wanted is '%s'",
                             rows[i].key, value ? value : "", chain->pool, rows[i].want),
                mend_effect(look, chain));
        }
    }
}

/* The copies that PHP-FPM was shown had no log files, so it could not miss their place. */
static void judge_places(fpmp_look_t *look, fpmp_chain_t *chain, const fpmp_pool_t *printed)
{
    const char *why = chain->broken ? NULL : fpmp_foreign_place(look, printed);

    if (why) {
        fpmp_chain_find(
            look->plan, chain, "FPMP0461", FPMP_LINK_POOL, FPMP_BROKEN,
            apr_psprintf(look->plan->pool, "pool [%s] %s", chain->pool, why),
            "create it or change the setting; PHP-FPM does not take the pool without");
    }
    why = chain->broken || look->httpd->unprivileged ? NULL : fpmp_foreign_log(look, printed);
    if (why) {
        fpmp_chain_find(look->plan, chain, "FPMP0462", FPMP_LINK_POOL, FPMP_NOTICE,
                        apr_psprintf(look->plan->pool,
                                     "%s, and PHP-FPM opens it as root, wherever a link "
                                     "there leads",
                                     why),
                        "put it into a directory of root");
    }
}

void fpmp_drift_print(fpmp_look_t *look)
{
    const fpmp_view_t *view = look->view;
    apr_hash_t *chains = chains_by_pool(look);
    int i;

    if (view->complaint) {
        judge_complaint(look, chains);
    }
    else if (view->unasked) {
        fpmp_look_say(look, "FPMP0521", FPMP_LINK_MASTER, FPMP_UNKNOWN,
                      apr_psprintf(look->plan->pool,
                                   "PHP-FPM of master '%s' was not asked what it makes of "
                                   "its files: %s",
                                   look->master->name, view->unasked),
                      "run 'php-fpm -t' by hand");
    }
    for (i = 0; view->printed && i < view->printed->nelts; i++) {
        const fpmp_pool_t *printed = APR_ARRAY_IDX(view->printed, i, const fpmp_pool_t *);
        fpmp_chain_t *chain = apr_hash_get(chains, printed->name, APR_HASH_KEY_STRING);

        if (chain) {
            judge_effect(look, chain, printed);
            judge_places(look, chain, printed);
        }
    }
}
