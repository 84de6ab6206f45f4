/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool files that we write: missing, edited, old, not ours after all, and left-overs of
 * ours that nobody names; and of every file, who may write it. What stands beside ours:
 * drift_view.c. Entry point: fpmp_drift_files.
 */
#include "drift.h"

#include <errno.h>
#include <string.h>

/* ---- our own files --------------------------------------------------------------- */

/* What the next start mends is PENDING, unless FPMSync check forbids it to. */
static void find_file(fpmp_look_t *look, fpmp_chain_t *chain, const char *code,
                      int mends_itself, const char *seen, const char *mend)
{
    int check = look->plan->sync == FPMP_SYNC_CHECK;
    int pending = mends_itself && fpmp_look_writes(look);

    fpmp_chain_find(
        look->plan, chain, code, FPMP_LINK_POOL_FILE, pending ? FPMP_PENDING : FPMP_BROKEN,
        seen,
        !mends_itself || pending ? mend
        : check ? "FPMSync check: have your own tool write it, or set FPMSync auto"
                : "start httpd as root, or as a user who owns the pool directory");
}

/* Our file is there and says something else: the pool in it goes on serving. */
static void find_difference(fpmp_look_t *look, fpmp_chain_t *chain, const char *code,
                            const char *seen, const char *mend)
{
    find_file(look, chain, code, 1, seen, mend);
    chain->broken = NULL;
}

/* 0: a directory could not be listed (that is said), so a file that is not seen may be there. */
static int saw_all(const fpmp_look_t *look)
{
    int i;

    for (i = 0; i < look->facts->includes->nelts; i++) {
        int err = APR_ARRAY_IDX(look->facts->includes, i, fpmp_include_t *)->dir_errno;

        if (err != 0 && err != ENOENT && err != ENOTDIR) {
            return 0;
        }
    }
    return 1;
}

static void judge_missing(fpmp_look_t *look, fpmp_chain_t *chain)
{
    if (saw_all(look)) {
        find_file(look, chain, "FPMP0407", 1,
                  apr_psprintf(look->plan->pool, "'%s' does not exist yet",
                               chain->pool_file_path),
                  "the next start or reload of httpd writes it");
    }
}

static void judge_own_file(fpmp_look_t *look, fpmp_chain_t *chain)
{
    apr_pool_t *p = look->plan->pool;
    const fpmp_file_t *file =
        apr_hash_get(look->facts->by_path, chain->pool_file_path, APR_HASH_KEY_STRING);
    const char *path = chain->pool_file_path, *server = NULL, *want;
    fpmp_mark_e mark;

    if (!file) {
        judge_missing(look, chain);
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
    if (apr_hash_get(look->view->own, path, APR_HASH_KEY_STRING) == chain) {
        return; /* byte for byte what we write */
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

/* The file of a chain that is broken goes with it: that is said already. */
static int is_of_broken(const fpmp_plan_t *plan, const char *path)
{
    int i;

    for (i = 0; i < plan->chains->nelts; i++) {
        const fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, const fpmp_chain_t *);

        if (chain->broken && chain->pool_file_path &&
            strcmp(chain->pool_file_path, path) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Files that carry our marker although no line wants them, and files that nobody has read.
 */
static void judge_change(fpmp_look_t *look, const fpmp_change_t *change)
{
    apr_pool_t *p = look->plan->pool;
    fpmp_sync_e sync = look->plan->sync;

    if (change->kind == FPMP_CHANGE_LOAD) {
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
    else if (change->kind != FPMP_CHANGE_LAST_POOL && !change->chain &&
             !is_of_broken(look->plan, change->path)) {
        fpmp_finding_add(
            look->plan->findings, "FPMP0413", FPMP_LINK_POOL_FILE,
            sync == FPMP_SYNC_CHECK ? FPMP_BROKEN : FPMP_PENDING, look->plan->sync_where,
            apr_psprintf(p, "'%s' is ours, but no FPMUser that can serve names its user",
                         change->path),
            sync == FPMP_SYNC_CHECK ? "remove it"
                                    : "the next start or reload of httpd removes it, and "
                                      "a host that lost its line sends PHP files as source");
    }
}

/* All pools of a master go at once: said once. */
static void judge_last(fpmp_look_t *look, const apr_array_header_t *changes)
{
    apr_pool_t *p = look->plan->pool;
    const char *first = NULL;
    int i, n = 0;

    for (i = 0; i < changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(changes, i, fpmp_change_t);

        if (change->kind == FPMP_CHANGE_LAST_POOL) {
            first = n++ ? first : change->path;
        }
    }
    if (n > 0) {
        fpmp_finding_add(
            look->plan->findings, "FPMP0414", FPMP_LINK_POOL_FILE, FPMP_NOTICE,
            look->master->where,
            apr_psprintf(
                p,
                "no FPMUser names the user of '%s'%s any more, but master '%s' has no "
                "other pool and does not start without one, so it stays",
                first, n > 1 ? apr_psprintf(p, " and %d more", n - 1) : "",
                look->master->name),
            "stop PHP-FPM and remove the file, or give the master another pool");
    }
}

/* ---- who may write them ---------------------------------------------------------- */

/* Does the coming start put a new file of root's in its place, or remove it? */
static int is_replaced(const fpmp_look_t *look, const apr_array_header_t *changes,
                       const char *path)
{
    int helpless = look->httpd->unprivileged && !look->facts->may_write;
    int i;

    for (i = 0; look->plan->sync != FPMP_SYNC_CHECK && !helpless && i < changes->nelts;
         i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(changes, i, fpmp_change_t);

        if (change->kind != FPMP_CHANGE_LAST_POOL && change->kind != FPMP_CHANGE_LOAD &&
            strcmp(change->path, path) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Root reads each of these files and obeys it. In a directory of root's no user of a site
 * can make one his own. */
static void judge_writers(fpmp_look_t *look, const apr_array_header_t *changes)
{
    apr_pool_t *p = look->plan->pool;
    int i;

    for (i = 0; i < look->facts->files->nelts; i++) {
        const fpmp_file_t *file = APR_ARRAY_IDX(look->facts->files, i, fpmp_file_t *);
        apr_array_header_t *way = file->way;
        const char *why;

        if (!way) {
            way = apr_array_make(p, 1, sizeof(fpmp_node_t));
            APR_ARRAY_PUSH(way, fpmp_node_t) = file->node;
        }
        /* What is no regular file is said elsewhere; a link to /dev/null is fine. */
        if (APR_ARRAY_IDX(way, way->nelts - 1, fpmp_node_t).kind != FPMP_NODE_FILE) {
            continue;
        }
        why = fpmp_rule_safe_file(p, way, look->euid);
        if (why && !is_replaced(look, changes, file->node.path)) {
            fpmp_look_say(look, "FPMP0442", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
                          apr_psprintf(p, "%s, and PHP-FPM reads %s as root", why,
                                       file->way ? apr_psprintf(p, "'%s'", file->node.path)
                                                 : "it"),
                          "give it to root and take write permission from group and "
                          "others");
        }
    }
}

static int has_text(const fpmp_chain_t *chain, const fpmp_master_t *master)
{
    return chain->master == master && !chain->broken && chain->group &&
           chain->uid != (uid_t)-1;
}

apr_hash_t *fpmp_own_files(const fpmp_plan_t *plan, const fpmp_master_t *master,
                           const fpmp_master_facts_t *facts, const fpmp_httpd_t *httpd)
{
    apr_hash_t *own = apr_hash_make(plan->pool);
    apr_pool_t *scratch;
    int i;

    apr_pool_create(&scratch, plan->pool);
    for (i = 0; i < plan->chains->nelts; i++) {
        const fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, fpmp_chain_t *);
        const fpmp_file_t *file;

        if (!has_text(chain, master) || !chain->pool_file_path) {
            continue;
        }
        file = apr_hash_get(facts->by_path, chain->pool_file_path, APR_HASH_KEY_STRING);
        if (file && file->text && file->node.kind == FPMP_NODE_FILE &&
            strcmp(file->text, fpmp_pool_text_render(scratch, chain, httpd->server_id)) ==
                0) {
            apr_hash_set(own, chain->pool_file_path, APR_HASH_KEY_STRING, chain);
        }
        apr_pool_clear(scratch);
    }
    apr_pool_destroy(scratch);
    return own;
}

void fpmp_drift_files(fpmp_look_t *look)
{
    const fpmp_plan_t *plan = look->plan;
    const apr_array_header_t *changes;
    int i;

    for (i = 0; i < plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, fpmp_chain_t *);

        if (has_text(chain, look->master)) {
            judge_own_file(look, chain);
        }
    }
    changes = fpmp_changes_find(plan->pool, plan, look->master, look->facts, look->httpd);
    for (i = 0; i < changes->nelts; i++) {
        judge_change(look, &APR_ARRAY_IDX(changes, i, fpmp_change_t));
    }
    judge_last(look, changes);
    if (fpmp_look_used(look)) {
        judge_writers(look, changes);
    }
}
