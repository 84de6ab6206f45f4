/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that a master reads: foreign ones that take the name or the socket of a chain,
 * our own (missing, edited, old, not ours after all), and left-overs of ours that nobody
 * names. Entry point: fpmp_drift_files.
 */
#include "drift.h"

#include <ctype.h>
#include <string.h>

/* ---- foreign files ----------------------------------------------------------------- */

static const char *lower(apr_pool_t *p, const char *text)
{
    char *copy = apr_pstrdup(p, text), *c;

    for (c = copy; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return copy;
}

typedef struct {
    apr_hash_t *by_pool;   /* section name in lower case -> chain */
    apr_hash_t *by_socket; /* socket path -> chain */
    apr_hash_t *by_file;   /* pool file path -> chain */
} index_t;

static index_t index_chains(fpmp_look_t *look)
{
    apr_pool_t *p = look->plan->pool;
    index_t index = { apr_hash_make(p), apr_hash_make(p), apr_hash_make(p) };
    int i;

    for (i = 0; i < look->plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(look->plan->chains, i, fpmp_chain_t *);

        if (chain->master == look->master && chain->pool_file_path && chain->socket_path) {
            apr_hash_set(index.by_pool, chain->pool, APR_HASH_KEY_STRING, chain);
            apr_hash_set(index.by_socket, chain->socket_path, APR_HASH_KEY_STRING, chain);
            apr_hash_set(index.by_file, chain->pool_file_path, APR_HASH_KEY_STRING, chain);
        }
    }
    return index;
}

/* FPM puts the section's name where a value says $pool. */
static const char *with_pool_name(apr_pool_t *p, const fpmp_ini_entry_t *entry)
{
    const char *at = strstr(entry->value, "$pool");

    if (!at || !entry->section) {
        return entry->value;
    }
    return apr_psprintf(p, "%.*s%s%s", (int)(at - entry->value), entry->value,
                        entry->section, at + strlen("$pool"));
}

static void judge_entry(fpmp_look_t *look, const index_t *index, const char *path,
                        const fpmp_ini_entry_t *entry)
{
    apr_pool_t *p = look->plan->pool;
    fpmp_chain_t *chain;

    if (!entry->name && entry->section) {
        chain = apr_hash_get(index->by_pool, lower(p, entry->section), APR_HASH_KEY_STRING);
        if (chain && !chain->broken) {
            fpmp_chain_find(
                look->plan, chain, "FPMP0404", FPMP_LINK_POOL, FPMP_BROKEN,
                apr_psprintf(p,
                             "pool name '%s' is taken by section [%s] at %s:%d, "
                             "which is not ours, and PHP-FPM would merge the two",
                             chain->pool, entry->section, path, entry->line),
                "rename or remove that section");
        }
        return;
    }
    if (entry->name && strcasecmp(entry->name, "listen") == 0) {
        chain =
            apr_hash_get(index->by_socket, with_pool_name(p, entry), APR_HASH_KEY_STRING);
        if (chain && !chain->broken) {
            fpmp_chain_find(
                look->plan, chain, "FPMP0304", FPMP_LINK_SOCKET, FPMP_BROKEN,
                apr_psprintf(p,
                             "'%s' is taken by pool [%s] at %s:%d, which is not "
                             "ours",
                             chain->socket_path, entry->section ? entry->section : "global",
                             path, entry->line),
                "change listen there");
        }
    }
}

static void judge_foreign(fpmp_look_t *look, const index_t *index, const fpmp_file_t *file)
{
    apr_pool_t *p = look->plan->pool;
    fpmp_ini_t *ini;
    int i;

    if (!file->text) {
        fpmp_look_find(
            look, "FPMP0405", FPMP_LINK_POOL_FILE, FPMP_UNKNOWN,
            apr_psprintf(p, "'%s' could not be read: %s", file->node.path,
                         file->node.why ? file->node.why : "it is no regular file"),
            "see whether it defines a pool of the same name or socket");
        return;
    }
    ini = fpmp_ini_read(p, file->text, file->len);
    for (i = 0; i < ini->entries->nelts; i++) {
        judge_entry(look, index, file->node.path,
                    &APR_ARRAY_IDX(ini->entries, i, fpmp_ini_entry_t));
    }
    if (ini->opaque_line) {
        fpmp_look_find(look, "FPMP0406", FPMP_LINK_POOL_FILE, FPMP_UNKNOWN,
                       apr_psprintf(p, "'%s' is not understood from line %d on: %s",
                                    file->node.path, ini->opaque_line, ini->opaque_why),
                       "see whether it defines a pool of the same name or socket");
    }
}

/* ---- our own files --------------------------------------------------------------- */

/* What the next start mends is PENDING, unless FPMSync check forbids it to. */
static void find_file(fpmp_look_t *look, fpmp_chain_t *chain, const char *code,
                      int mends_itself, const char *seen, const char *mend)
{
    int pending = mends_itself && look->plan->sync != FPMP_SYNC_CHECK;

    fpmp_chain_find(look->plan, chain, code, FPMP_LINK_POOL_FILE,
                    pending ? FPMP_PENDING : FPMP_BROKEN, seen,
                    mends_itself && !pending
                        ? "FPMSync check: have your own tool write it, or set FPMSync auto"
                        : mend);
}

/* Our file is there and says something else: the pool in it goes on serving. */
static void find_difference(fpmp_look_t *look, fpmp_chain_t *chain, const char *code,
                            const char *seen, const char *mend)
{
    find_file(look, chain, code, 1, seen, mend);
    chain->broken = NULL;
}

static void judge_own_file(fpmp_look_t *look, fpmp_chain_t *chain)
{
    apr_pool_t *p = look->plan->pool;
    const fpmp_file_t *file =
        apr_hash_get(look->facts->by_path, chain->pool_file_path, APR_HASH_KEY_STRING);
    const char *path = chain->pool_file_path, *server = NULL, *want;
    fpmp_mark_e mark;

    if (!file) {
        find_file(look, chain, "FPMP0407", 1,
                  apr_psprintf(p, "'%s' does not exist yet", path),
                  "the next start or reload of httpd writes it");
        return;
    }
    if (!file->text && file->node.kind == FPMP_NODE_FILE) {
        fpmp_chain_find(look->plan, chain, "FPMP0418", FPMP_LINK_POOL_FILE, FPMP_UNKNOWN,
                        apr_psprintf(p, "'%s' could not be read: %s", path,
                                     file->node.why ? file->node.why : "no reason given"),
                        "run this command as root to have it checked");
        return;
    }
    if (!file->text || file->node.kind != FPMP_NODE_FILE) {
        find_file(look, chain, "FPMP0408", 0,
                  apr_psprintf(p, "'%s' is no regular file that could be read", path),
                  "move it out of the pool directory");
        return;
    }
    mark = fpmp_pool_text_mark(p, file->text, file->len, &server);
    want = fpmp_pool_text_render(p, chain, look->httpd->server_id);
    if (mark == FPMP_MARK_NONE) {
        find_file(
            look, chain, "FPMP0409", 0,
            apr_psprintf(p, "'%s' was not written by mod_fpmpool and is never overwritten",
                         path),
            "move it out of the pool directory");
    }
    else if (strcmp(server, look->httpd->server_id) != 0 &&
             !fpmp_pool_text_same(file->text, want)) {
        find_file(
            look, chain, "FPMP0410", 0,
            apr_psprintf(p,
                         "'%s' belongs to the httpd with pid file '%s' and says something "
                         "else",
                         path, server),
            "write the same FPMUser settings in both servers; if that one is gone, remove "
            "the file");
    }
    else if (mark == FPMP_MARK_EDITED) {
        find_difference(
            look, chain, "FPMP0411", apr_psprintf(p, "'%s' was edited by hand", path),
            "put the change on FPMUser; the next start or reload of httpd keeps the "
            "edited file as '.edited' beside it and writes its own");
    }
    else if (strcmp(file->text, want) != 0 && strcmp(server, look->httpd->server_id) == 0) {
        find_difference(look, chain, "FPMP0412",
                        apr_psprintf(p, "'%s' is older than the configuration", path),
                        "the next start or reload of httpd writes it anew");
    }
}

/* Files that carry our marker although no line wants them, and files that nobody has read.
 */
static void judge_change(fpmp_look_t *look, const fpmp_change_t *change)
{
    apr_pool_t *p = look->plan->pool;
    fpmp_sync_e sync = look->plan->sync;

    if (change->kind == FPMP_CHANGE_LAST_POOL) {
        fpmp_finding_add(
            look->plan->findings, "FPMP0414", FPMP_LINK_POOL_FILE, FPMP_NOTICE,
            look->master->where,
            apr_psprintf(
                p,
                "no FPMUser names the user of '%s' any more, but master '%s' has no "
                "other pool and does not start without one, so it stays",
                change->path, look->master->name),
            "stop PHP-FPM and remove the file, or give the master another pool");
    }
    else if (change->kind == FPMP_CHANGE_LOAD) {
        int mends_itself = sync != FPMP_SYNC_CHECK && sync != FPMP_SYNC_WRITE;

        fpmp_chain_find(
            look->plan, change->chain, "FPMP0420", FPMP_LINK_POOL_FILE,
            mends_itself ? FPMP_PENDING : FPMP_NOTICE,
            apr_psprintf(p,
                         "'%s' is newer than the running PHP-FPM, which has not "
                         "read it",
                         change->path),
            mends_itself ? "the next start or reload of httpd reloads PHP-FPM"
                         : "reload PHP-FPM");
    }
    else if (!change->chain) {
        fpmp_finding_add(
            look->plan->findings, "FPMP0413", FPMP_LINK_POOL_FILE,
            sync == FPMP_SYNC_CHECK ? FPMP_BROKEN : FPMP_PENDING, look->plan->sync_where,
            apr_psprintf(p, "'%s' is ours, but no FPMUser that can serve names its user",
                         change->path),
            sync == FPMP_SYNC_CHECK ? "remove it"
                                    : "the next start or reload of httpd removes it");
    }
}

void fpmp_drift_files(fpmp_look_t *look)
{
    const fpmp_plan_t *plan = look->plan;
    index_t index = index_chains(look);
    const apr_array_header_t *changes;
    int i;

    judge_foreign(look, &index, &look->facts->main);
    for (i = 0; i < look->facts->files->nelts; i++) {
        const fpmp_file_t *file = APR_ARRAY_IDX(look->facts->files, i, fpmp_file_t *);

        if (!apr_hash_get(index.by_file, file->node.path, APR_HASH_KEY_STRING)) {
            judge_foreign(look, &index, file);
        }
    }
    for (i = 0; i < plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, fpmp_chain_t *);

        if (chain->master == look->master && !chain->broken && chain->group &&
            chain->uid != (uid_t)-1) {
            judge_own_file(look, chain);
        }
    }
    changes = fpmp_changes_find(plan->pool, plan, look->master, look->facts, look->httpd);
    for (i = 0; i < changes->nelts; i++) {
        judge_change(look, &APR_ARRAY_IDX(changes, i, fpmp_change_t));
    }
}
