/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets that a reload does not mend: PHP-FPM keeps them over it as they are, with the owner
 * of before, or without their file. And sockets of pools that no file names any more, which a
 * start left that was killed before it could tell PHP-FPM. Entry points: fpmp_sync_sockets,
 * fpmp_sync_stale, fpmp_sync_socket_dir.
 */
#include "sync.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

APLOG_USE_MODULE(fpmpool);

#define SOCKET_MODE 0600
#define MOVED ".moved" /* takes the place of ".sock": never longer than the path is allowed */

/* ---- owner and mode ------------------------------------------------------------------- */

static void mend_owner(fpmp_sync_run_t *run, const fpmp_chain_t *chain,
                       const fpmp_live_socket_t *socket)
{
    apr_pool_t *p = run->plan->pool;
    const fpmp_httpd_t *httpd = run->httpd;
    const fpmp_node_t *node = &socket->node;
    apr_status_t err;

    if (node->uid == httpd->uid && node->gid == httpd->gid && node->mode == SOCKET_MODE) {
        return;
    }
    err = fpmp_socket_mend(chain->socket_path, httpd->uid, httpd->gid, SOCKET_MODE);
    fpmp_sync_say(run, chain, err ? "FPMP0322" : "FPMP0318", FPMP_LINK_SOCKET,
                  err ? FPMP_BROKEN : FPMP_NOTICE,
                  apr_psprintf(p, "'%s' was mode %04o owner '%s' group '%s'%s",
                               chain->socket_path, node->mode, socket->owner, socket->group,
                               err ? apr_psprintf(p, " and could not be given back: %pm",
                                                  &err)
                                   : "; it is httpd's again"),
                  err ? "restart PHP-FPM" : "see who changed it");
}

/* ---- a socket that is gone ------------------------------------------------------------- */

static int is_lost(const fpmp_live_socket_t *socket)
{
    return socket->node.lookup == FPMP_LOOKUP_MISSING ||
           (socket->node.lookup == FPMP_LOOKUP_FOUND &&
            socket->node.kind != FPMP_NODE_DIR && socket->holder == FPMP_HOLDER_NONE);
}

/* The chain with another socket, for one reload: PHP-FPM closes the one that lost its file,
 * and makes it anew when the pool comes back to it. */
static fpmp_chain_t *moved_chain(apr_pool_t *p, const fpmp_chain_t *chain)
{
    fpmp_chain_t *moved = apr_pmemdup(p, chain, sizeof(*chain));
    const char *dot = strrchr(chain->socket_path, '.');

    moved->socket_path =
        apr_pstrcat(p, apr_pstrmemdup(p, chain->socket_path, dot - chain->socket_path),
                    strlen(chain->socket_path) < 105 ? MOVED : ".mv", NULL);
    return moved;
}

static void add_move(fpmp_sync_run_t *run, apr_array_header_t *moves, fpmp_chain_t *chain)
{
    fpmp_chain_t *moved = moved_chain(run->plan->pool, chain);
    fpmp_change_t change = { .kind = FPMP_CHANGE_WRITE, .path = chain->pool_file_path,
                             .chain = moved };

    change.text = fpmp_pool_text_render(run->plan->pool, moved, run->httpd->server_id);
    APR_ARRAY_PUSH(moves, fpmp_change_t) = change;
}

/* The sockets of pools that PHP-FPM has read as they are now. */
static apr_array_header_t *loaded_chains(const fpmp_sync_run_t *run)
{
    apr_array_header_t *loaded = apr_array_make(run->plan->pool, 16, sizeof(fpmp_chain_t *));
    apr_hash_t *unread = apr_hash_make(run->plan->pool);
    int i;

    for (i = 0; i < run->changes->nelts; i++) {
        const char *path = APR_ARRAY_IDX(run->changes, i, fpmp_change_t).path;

        apr_hash_set(unread, path, APR_HASH_KEY_STRING, path);
    }
    for (i = 0; i < run->plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(run->plan->chains, i, fpmp_chain_t *);

        if (chain->master == run->master && !chain->broken && chain->pool_file_path &&
            chain->socket_path && fpmp_sync_had(run, chain) &&
            apr_hash_get(run->view->own, chain->pool_file_path, APR_HASH_KEY_STRING) &&
            !apr_hash_get(unread, chain->pool_file_path, APR_HASH_KEY_STRING)) {
            APR_ARRAY_PUSH(loaded, fpmp_chain_t *) = chain;
        }
    }
    return loaded;
}

int fpmp_sync_sockets(fpmp_sync_run_t *run)
{
    apr_pool_t *p = run->plan->pool;
    apr_array_header_t *moves = apr_array_make(p, 4, sizeof(fpmp_change_t));
    apr_array_header_t *paths = apr_array_make(p, 16, sizeof(const char *)), *chains;
    const fpmp_chain_t *first = NULL;
    const fpmp_live_t *live;
    int i;

    if (run->facts->run != FPMP_RUN_YES || run->plan->sync == FPMP_SYNC_WRITE) {
        return 0;
    }
    chains = loaded_chains(run);
    for (i = 0; i < chains->nelts; i++) {
        APR_ARRAY_PUSH(paths, const char *) =
            APR_ARRAY_IDX(chains, i, const fpmp_chain_t *)->socket_path;
    }
    live = fpmp_live_sockets(p, run->facts->pid, paths);
    for (i = 0; i < chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(chains, i, fpmp_chain_t *);
        const fpmp_live_socket_t *socket =
            apr_hash_get(live->sockets, chain->socket_path, APR_HASH_KEY_STRING);

        if (is_lost(socket)) {
            add_move(run, moves, chain);
            first = first ? first : chain;
        }
        else if (socket->node.kind == FPMP_NODE_SOCKET &&
                 socket->holder == FPMP_HOLDER_MASTER) {
            mend_owner(run, chain, socket);
        }
    }
    if (!first) {
        return 0;
    }
    fpmp_sync_say(run, first, "FPMP0319", FPMP_LINK_SOCKET, FPMP_NOTICE,
                  apr_psprintf(p,
                               "'%s' was gone though PHP-FPM has read its pool file, as were "
                               "%d more; two reloads make them again",
                               first->socket_path, moves->nelts - 1),
                  "see who removed them");
    run->changes = moves;
    fpmp_sync_make(run);
    return 1;
}

/* ---- sockets of pools that are gone ------------------------------------------------------- */

static int is_named(const fpmp_sync_run_t *run, const char *path)
{
    int i;

    for (i = 0; i < run->plan->chains->nelts; i++) {
        const char *ours =
            APR_ARRAY_IDX(run->plan->chains, i, const fpmp_chain_t *)->socket_path;

        if (ours && strcmp(ours, path) == 0) {
            return 1;
        }
    }
    for (i = 0; i < run->facts->files->nelts; i++) {
        const fpmp_file_t *file = APR_ARRAY_IDX(run->facts->files, i, const fpmp_file_t *);

        if (!file->text || strstr(file->text, path)) {
            return 1; /* a file that nobody could read may name it */
        }
    }
    return 0;
}

/* Another master whose name begins with this one's has sockets that look like ours. */
static int is_name_alone(const fpmp_sync_run_t *run)
{
    apr_size_t len = strlen(run->master->name);
    int i;

    for (i = 0; i < run->plan->masters->nelts; i++) {
        const char *name = APR_ARRAY_IDX(run->plan->masters, i, fpmp_master_t *)->name;

        if (strncmp(name, run->master->name, len) == 0 && name[len] == '-') {
            return 0;
        }
    }
    return 1;
}

void fpmp_sync_stale(fpmp_sync_run_t *run)
{
    apr_pool_t *p = run->plan->pool;
    const apr_array_header_t *there;
    int i;

    run->stale = apr_array_make(p, 1, sizeof(const char *));
    if (!run->master->socket_dir || !is_name_alone(run)) {
        return;
    }
    there = fpmp_socket_list(
        p, run->master->socket_dir,
        apr_pstrcat(p, FPMP_FILE_PREFIX, run->master->name, "-", NULL));
    for (i = 0; i < there->nelts; i++) {
        const char *path = APR_ARRAY_IDX(there, i, const char *);

        if (!is_named(run, path) && !fpmp_socket_clear(path)) {
            APR_ARRAY_PUSH(run->stale, const char *) = path;
        }
    }
}

/* ---- the directory ---------------------------------------------------------------------- */

void fpmp_sync_socket_dir(fpmp_sync_run_t *run)
{
    apr_pool_t *p = run->plan->pool;
    const char *dir = run->master->socket_dir;
    fpmp_node_t node;
    apr_status_t err;

    if (!dir || fpmp_plan_sockets(run->plan, run->master)->nelts == 0) {
        return;
    }
    fpmp_facts_node(p, dir, &node);
    if (node.lookup != FPMP_LOOKUP_MISSING ||
        !fpmp_rule_makes_dir(p, fpmp_facts_path(p, dir), dir, geteuid())) {
        return;
    }
    err = fpmp_socket_dir_make(dir);
    if (!err) {
        fpmp_sync_say(run, NULL, "FPMP0320", FPMP_LINK_SOCKET, FPMP_NOTICE,
                      apr_psprintf(p,
                                   "socket directory '%s' of master '%s' did not exist and "
                                   "was made",
                                   dir, run->master->name),
                      "have it made at each boot, before PHP-FPM starts (tmpfiles.d)");
    }
    /* Else it is still missing, which is said when the master is looked at. */
}
