/* SPDX-License-Identifier: Apache-2.0
 *
 * What a start has to do to the files of one master: write what is missing or old, put
 * aside what was edited by hand, remove what nobody names. No change = no write and no
 * signal.
 */
#include "core.h"

#include <string.h>

static void push(apr_array_header_t *changes, fpmp_change_e kind, const char *path,
                 const char *text, fpmp_chain_t *chain)
{
    fpmp_change_t change = { kind, path, text, chain, 0 };

    APR_ARRAY_PUSH(changes, fpmp_change_t) = change;
}

/* 1: the file carries the marker of this very server. */
static int is_ours(apr_pool_t *p, const fpmp_file_t *file, const fpmp_httpd_t *httpd,
                   fpmp_mark_e *mark)
{
    const char *server = NULL;

    *mark = file->text && file->node.kind == FPMP_NODE_FILE
                ? fpmp_pool_text_mark(p, file->text, file->len, &server)
                : FPMP_MARK_NONE;
    return *mark != FPMP_MARK_NONE && strcmp(server, httpd->server_id) == 0;
}

static int same_bytes(const fpmp_file_t *file, const char *want)
{
    return file->text && file->len == strlen(want) && memcmp(file->text, want, file->len) == 0;
}

/* PHP-FPM writes its pid file at the end of each start and reload, so a newer pool file is
 * one that it has not read: a start that was killed between writing and signalling leaves
 * such. */
static int is_unread(const fpmp_file_t *file, const fpmp_master_facts_t *facts)
{
    return facts->run == FPMP_RUN_YES && facts->pid_file.lookup == FPMP_LOOKUP_FOUND &&
           file->node.mtime_ns > facts->pid_file.mtime_ns;
}

static void load_if_unread(apr_array_header_t *changes, fpmp_chain_t *chain,
                           const fpmp_file_t *file, const fpmp_master_facts_t *facts)
{
    if (is_unread(file, facts)) {
        push(changes, FPMP_CHANGE_LOAD, chain->pool_file_path, NULL, chain);
    }
}

/* Mostly the file is right, which was seen before, and what is rendered is not kept: scratch
 * is cleared. */
static void change_for_chain(apr_pool_t *p, apr_pool_t *scratch,
                             apr_array_header_t *changes, fpmp_chain_t *chain,
                             const fpmp_master_facts_t *facts, const fpmp_httpd_t *httpd)
{
    const char *path = chain->pool_file_path, *want;
    const fpmp_file_t *file = apr_hash_get(facts->by_path, path, APR_HASH_KEY_STRING);
    fpmp_mark_e mark;

    if (facts->own && apr_hash_get(facts->own, path, APR_HASH_KEY_STRING) == chain) {
        load_if_unread(changes, chain, file, facts);
        return;
    }
    want = fpmp_pool_text_render(scratch, chain, httpd->server_id);
    if (!file) {
        push(changes, FPMP_CHANGE_WRITE, path, apr_pstrdup(p, want), chain);
    }
    else if (same_bytes(file, want)) {
        load_if_unread(changes, chain, file, facts);
    }
    else if (is_ours(scratch, file, httpd, &mark)) {
        push(changes,
             mark == FPMP_MARK_EDITED ? FPMP_CHANGE_WRITE_ASIDE : FPMP_CHANGE_WRITE, path,
             apr_pstrdup(p, want), chain);
    }
}

/* The files that must stay: a line names their user, even if that user cannot be looked up
 * just now or another link is broken. A user that is gone or forbidden keeps no file:
 * PHP-FPM would stop at it. Of all masters, for two of them may read one directory. */
static apr_hash_t *files_to_keep(apr_pool_t *p, const fpmp_plan_t *plan)
{
    apr_hash_t *keep = apr_hash_make(p);
    int i;

    for (i = 0; i < plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, fpmp_chain_t *);

        if (chain->pool_file_path && !chain->user_unfit) {
            apr_hash_set(keep, chain->pool_file_path, APR_HASH_KEY_STRING, chain);
        }
    }
    return keep;
}

static int defines_pool(apr_pool_t *p, const fpmp_file_t *file)
{
    const fpmp_ini_t *ini;
    int i;

    if (!file->text) {
        return 0;
    }
    ini = fpmp_ini_read(p, file->text, file->len);
    for (i = 0; i < ini->entries->nelts; i++) {
        const char *section = APR_ARRAY_IDX(ini->entries, i, fpmp_ini_entry_t).section;

        if (section && strcasecmp(section, "global") != 0) {
            return 1;
        }
    }
    return ini->opaque_line != 0;
}

int fpmp_changes_leave_pool(apr_pool_t *p, const fpmp_master_facts_t *facts,
                            const apr_array_header_t *changes)
{
    apr_hash_t *removed = apr_hash_make(p);
    int i;

    for (i = 0; i < changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(changes, i, fpmp_change_t);

        if (change->chain) {
            return 1;
        }
        if (change->kind != FPMP_CHANGE_LAST_POOL) {
            apr_hash_set(removed, change->path, APR_HASH_KEY_STRING, change);
        }
    }
    if (defines_pool(p, &facts->main)) {
        return 1;
    }
    for (i = 0; i < facts->files->nelts; i++) {
        const fpmp_file_t *file = APR_ARRAY_IDX(facts->files, i, fpmp_file_t *);

        if (!apr_hash_get(removed, file->node.path, APR_HASH_KEY_STRING) &&
            defines_pool(p, file)) {
            return 1;
        }
    }
    return 0;
}

/* 1: this file names a user who is gone or forbidden, at whom PHP-FPM stops. */
static int names_unfit_user(const fpmp_plan_t *plan, const char *path)
{
    int i;

    for (i = 0; i < plan->chains->nelts; i++) {
        const fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, fpmp_chain_t *);

        if (chain->user_unfit && chain->pool_file_path &&
            strcmp(chain->pool_file_path, path) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The removal of a file, if it is ours. */
static void push_removal(apr_pool_t *p, apr_array_header_t *changes, const fpmp_file_t *file,
                         const fpmp_httpd_t *httpd, int refused)
{
    fpmp_change_t change = { .path = file->node.path, .refused = refused };
    fpmp_mark_e mark;

    if (is_ours(p, file, httpd, &mark)) {
        change.kind = mark == FPMP_MARK_EDITED ? FPMP_CHANGE_REMOVE_ASIDE : FPMP_CHANGE_REMOVE;
        APR_ARRAY_PUSH(changes, fpmp_change_t) = change;
    }
}

static void add_removals(apr_pool_t *p, apr_array_header_t *changes,
                         const fpmp_plan_t *plan, const fpmp_master_facts_t *facts,
                         const fpmp_httpd_t *httpd)
{
    apr_hash_t *keep = files_to_keep(p, plan);
    int i, before = changes->nelts;

    for (i = 0; i < facts->files->nelts; i++) {
        const fpmp_file_t *file = APR_ARRAY_IDX(facts->files, i, fpmp_file_t *);

        if (!apr_hash_get(keep, file->node.path, APR_HASH_KEY_STRING)) {
            push_removal(p, changes, file, httpd, 0);
        }
    }
    if (changes->nelts == before || fpmp_changes_leave_pool(p, facts, changes)) {
        return;
    }
    for (i = before; i < changes->nelts; i++) {
        fpmp_change_t *change = &APR_ARRAY_IDX(changes, i, fpmp_change_t);

        if (!names_unfit_user(plan, change->path)) {
            change->kind = FPMP_CHANGE_LAST_POOL;
        }
    }
}

apr_array_header_t *fpmp_changes_find(apr_pool_t *p, const fpmp_plan_t *plan,
                                      const fpmp_master_t *master,
                                      const fpmp_master_facts_t *facts,
                                      const fpmp_httpd_t *httpd)
{
    apr_array_header_t *changes = apr_array_make(p, 8, sizeof(fpmp_change_t));
    apr_pool_t *scratch;
    int i;

    apr_pool_create(&scratch, p);
    for (i = 0; i < plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, fpmp_chain_t *);

        if (chain->master == master && chain->pool_file_path && chain->socket_path &&
            !chain->broken && chain->group && chain->uid != (uid_t)-1) {
            change_for_chain(p, scratch, changes, chain, facts, httpd);
            apr_pool_clear(scratch);
        }
    }
    apr_pool_destroy(scratch);
    add_removals(p, changes, plan, facts, httpd);
    return changes;
}

apr_array_header_t *fpmp_changes_standing(apr_pool_t *p, const fpmp_master_facts_t *facts,
                                          const fpmp_httpd_t *httpd,
                                          const apr_array_header_t *changes)
{
    apr_array_header_t *removals = apr_array_make(p, 16, sizeof(fpmp_change_t));
    apr_hash_t *removed = apr_hash_make(p);
    int i;

    for (i = 0; i < changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(changes, i, fpmp_change_t);

        if (change->kind == FPMP_CHANGE_REMOVE || change->kind == FPMP_CHANGE_REMOVE_ASIDE) {
            apr_hash_set(removed, change->path, APR_HASH_KEY_STRING, change);
        }
    }
    for (i = 0; i < facts->files->nelts; i++) {
        const fpmp_file_t *file = APR_ARRAY_IDX(facts->files, i, fpmp_file_t *);

        if (!apr_hash_get(removed, file->node.path, APR_HASH_KEY_STRING)) {
            push_removal(p, removals, file, httpd, 1);
        }
    }
    return removals;
}
