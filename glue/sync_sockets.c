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

/* One pool on its way to another socket and back: PHP-FPM closes the socket that lost its
 * file, and makes it anew when the pool comes back to it. Back come the bytes of before, so
 * that what is to change is judged and written as always afterwards. */
typedef struct {
    fpmp_change_t away, back;
} move_t;

static const char *moved_path(apr_pool_t *p, const char *path)
{
    return apr_pstrcat(p, apr_pstrmemdup(p, path, strrchr(path, '.') - path),
                       strlen(path) < 105 ? MOVED : ".mv", NULL);
}

/* 1: there is a way. Without a file of before it is that of the chain; a start that was killed
 * on the way may have left it with the other socket. */
static int make_move(fpmp_sync_run_t *run, fpmp_chain_t *chain, move_t *move)
{
    apr_pool_t *p = run->plan->pool;
    const fpmp_file_t *file =
        apr_hash_get(run->facts->by_path, chain->pool_file_path, APR_HASH_KEY_STRING);
    fpmp_chain_t *moved = apr_pmemdup(p, chain, sizeof(*chain));
    const char *text, *home;

    moved->socket_path = moved_path(p, chain->socket_path);
    move->away.kind = move->back.kind = FPMP_CHANGE_WRITE;
    move->away.path = move->back.path = chain->pool_file_path;
    move->away.chain = moved;
    move->back.chain = chain;
    text = file ? file->text : fpmp_pool_text_render(p, chain, run->httpd->server_id);
    home = text ? fpmp_pool_text_moved(p, text, moved->socket_path, chain->socket_path)
                : NULL;
    move->back.text = home ? home : text;
    move->away.text = move->back.text
                          ? fpmp_pool_text_moved(p, move->back.text, chain->socket_path,
                                                 moved->socket_path)
                          : NULL;
    return move->away.text != NULL;
}

/* What PHP-FPM is to read as it is now, or what is to change: no file of another server's. */
static apr_array_header_t *our_chains(const fpmp_sync_run_t *run, apr_hash_t *changed)
{
    apr_array_header_t *ours = apr_array_make(run->plan->pool, 16, sizeof(fpmp_chain_t *));
    int i;

    for (i = 0; i < run->changes->nelts; i++) {
        const char *path = APR_ARRAY_IDX(run->changes, i, fpmp_change_t).path;

        apr_hash_set(changed, path, APR_HASH_KEY_STRING, path);
    }
    for (i = 0; i < run->plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(run->plan->chains, i, fpmp_chain_t *);

        if (chain->master == run->master && !chain->broken && chain->pool_file_path &&
            chain->socket_path &&
            (apr_hash_get(run->view->own, chain->pool_file_path, APR_HASH_KEY_STRING) ||
             apr_hash_get(changed, chain->pool_file_path, APR_HASH_KEY_STRING))) {
            APR_ARRAY_PUSH(ours, fpmp_chain_t *) = chain;
        }
    }
    return ours;
}

/* Owner and mode are given back at once; the moves that are needed. */
static apr_array_header_t *find_moves(fpmp_sync_run_t *run)
{
    apr_pool_t *p = run->plan->pool;
    apr_array_header_t *moves = apr_array_make(p, 4, sizeof(move_t)), *paths;
    apr_hash_t *changed = apr_hash_make(p);
    const apr_array_header_t *chains = our_chains(run, changed);
    const fpmp_live_t *live;
    int i;

    paths = apr_array_make(p, chains->nelts + 1, sizeof(const char *));
    for (i = 0; i < chains->nelts; i++) {
        APR_ARRAY_PUSH(paths, const char *) =
            APR_ARRAY_IDX(chains, i, const fpmp_chain_t *)->socket_path;
    }
    live = fpmp_live_sockets(p, run->facts->pid, paths);
    for (i = 0; i < chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(chains, i, fpmp_chain_t *);
        const fpmp_live_socket_t *socket =
            apr_hash_get(live->sockets, chain->socket_path, APR_HASH_KEY_STRING);
        int unread =
            apr_hash_get(changed, chain->pool_file_path, APR_HASH_KEY_STRING) != NULL;
        move_t move = { 0 };

        /* A pool that PHP-FPM has not read yet has no socket, and that is no loss. */
        if (is_lost(socket) && (socket->named || !unread)) {
            if (make_move(run, chain, &move)) {
                APR_ARRAY_PUSH(moves, move_t) = move;
            }
        }
        else if (!unread && socket->node.kind == FPMP_NODE_SOCKET &&
                 socket->holder == FPMP_HOLDER_MASTER) {
            mend_owner(run, chain, socket);
        }
    }
    return moves;
}

/* The way back of all that went away. */
static void turn_back(fpmp_sync_run_t *run, const apr_array_header_t *moves)
{
    apr_array_header_t *backs =
        apr_array_make(run->plan->pool, moves->nelts + 1, sizeof(fpmp_change_t));
    int i, k;

    for (i = 0; i < run->changes->nelts; i++) {
        const char *path = APR_ARRAY_IDX(run->changes, i, fpmp_change_t).path;

        for (k = 0; k < moves->nelts; k++) {
            const move_t *move = &APR_ARRAY_IDX(moves, k, move_t);

            if (strcmp(move->back.path, path) == 0) {
                APR_ARRAY_PUSH(backs, fpmp_change_t) = move->back;
            }
        }
    }
    run->changes = backs;
}

int fpmp_sync_sockets(fpmp_sync_run_t *run)
{
    apr_pool_t *p = run->plan->pool;
    const apr_array_header_t *moves;
    apr_array_header_t *changes = run->changes, *away;
    const fpmp_chain_t *first;
    int i;

    if (run->facts->run != FPMP_RUN_YES || run->plan->sync == FPMP_SYNC_WRITE) {
        return 0;
    }
    moves = find_moves(run);
    if (moves->nelts == 0) {
        return 0;
    }
    first = APR_ARRAY_IDX(moves, 0, move_t).back.chain;
    fpmp_sync_say(
        run, first, "FPMP0319", FPMP_LINK_SOCKET, FPMP_NOTICE,
        apr_psprintf(p,
                     "'%s'%s gone though PHP-FPM has read its pool file; two reloads "
                     "make it again",
                     first->socket_path,
                     moves->nelts == 1
                         ? " was"
                         : apr_psprintf(p, " and %d more were", moves->nelts - 1)),
        "see who removed it");
    away = apr_array_make(p, moves->nelts, sizeof(fpmp_change_t));
    for (i = 0; i < moves->nelts; i++) {
        APR_ARRAY_PUSH(away, fpmp_change_t) = APR_ARRAY_IDX(moves, i, move_t).away;
    }
    run->changes = away;
    if (fpmp_sync_choose(run) != 0) {
        run->changes = changes;
        return 0;
    }
    fpmp_sync_make(run);
    turn_back(run, moves);
    fpmp_master_probe(p, run->master, run->facts); /* a daemon has another pid now */
    fpmp_sync_make(run);
    return 1;
}

/* ---- sockets of pools that are gone ------------------------------------------------------- */

static apr_hash_t *chain_sockets(const fpmp_plan_t *plan)
{
    apr_hash_t *sockets = apr_hash_make(plan->pool);
    int i;

    for (i = 0; i < plan->chains->nelts; i++) {
        const char *path = APR_ARRAY_IDX(plan->chains, i, const fpmp_chain_t *)->socket_path;

        if (path) {
            apr_hash_set(sockets, path, APR_HASH_KEY_STRING, path);
        }
    }
    return sockets;
}

static int is_in_a_file(const fpmp_sync_run_t *run, const char *path)
{
    int i;

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

apr_array_header_t *fpmp_sync_sockets_there(const fpmp_sync_run_t *run)
{
    apr_pool_t *p = run->plan->pool;

    if (!run->master->socket_dir || !is_name_alone(run)) {
        return apr_array_make(p, 1, sizeof(const char *));
    }
    return fpmp_socket_list(p, run->master->socket_dir,
                            apr_pstrcat(p, FPMP_FILE_PREFIX, run->master->name, "-", NULL));
}

void fpmp_sync_stale(fpmp_sync_run_t *run)
{
    const apr_array_header_t *there = fpmp_sync_sockets_there(run);
    apr_hash_t *named = chain_sockets(run->plan);
    int i;

    run->stale = apr_array_make(run->plan->pool, 1, sizeof(const char *));
    for (i = 0; i < there->nelts; i++) {
        const char *path = APR_ARRAY_IDX(there, i, const char *);

        if (!apr_hash_get(named, path, APR_HASH_KEY_STRING) && !is_in_a_file(run, path) &&
            !fpmp_socket_clear(path)) {
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
