/* SPDX-License-Identifier: Apache-2.0
 *
 * All files of a master together. Any of them can stop every site or change one of ours:
 * includes that PHP-FPM cannot follow, files that it cannot read, lines that fall into a
 * pool of ours, names and sockets that are taken, pools that FPM refuses.
 * Entry point: fpmp_drift_view.
 */
#include "foreign.h"

#include <apr_fnmatch.h>
#include <errno.h>
#include <string.h>

typedef struct {
    apr_hash_t *by_file;   /* pool file path -> fpmp_chain_t * */
    apr_hash_t *by_socket; /* socket path, links resolved -> fpmp_chain_t * */
    apr_hash_t *taken;     /* the same of pools that are not ours -> fpmp_pool_t * */
} index_t;

static index_t index_chains(fpmp_look_t *look)
{
    apr_pool_t *p = look->plan->pool;
    index_t index = { apr_hash_make(p), apr_hash_make(p), apr_hash_make(p) };
    int i;

    for (i = 0; i < look->plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(look->plan->chains, i, fpmp_chain_t *);

        if (chain->master == look->master && chain->pool_file_path && chain->socket_path) {
            apr_hash_set(index.by_file, chain->pool_file_path, APR_HASH_KEY_STRING, chain);
            apr_hash_set(index.by_socket,
                         fpmp_foreign_real(p, look->view->asked, chain->socket_path),
                         APR_HASH_KEY_STRING, chain);
        }
    }
    return index;
}

/* ---- files that cannot be followed or read ------------------------------------------- */

static int reads_itself(const fpmp_include_t *include)
{
    return include->resolved &&
           apr_fnmatch(include->resolved, include->file,
                       APR_FNM_PATHNAME | APR_FNM_PERIOD) == APR_SUCCESS;
}

static void judge_include(fpmp_look_t *look, const fpmp_include_t *include)
{
    apr_pool_t *p = look->plan->pool;
    apr_status_t status = include->dir_errno;
    const char *seen =
        apr_psprintf(p, "the include at %s:%d", include->file, include->line);

    if (include->depth > FPMP_INCLUDE_DEPTH_MAX || reads_itself(include)) {
        fpmp_look_say(look, "FPMP0421", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
                      apr_psprintf(p,
                                   "%s %s, and PHP-FPM ends at more than four levels of "
                                   "includes",
                                   seen,
                                   include->depth > FPMP_INCLUDE_DEPTH_MAX
                                       ? "is the fifth level"
                                       : "reads its own file again"),
                      "include the files from a higher one");
    }
    else if (status == ENOENT || status == ENOTDIR) {
        fpmp_look_say(look, "FPMP0422", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
                      apr_psprintf(p,
                                   "%s names a directory that does not exist, and "
                                   "PHP-FPM ends there",
                                   seen),
                      "create it or remove the line");
    }
    else if (status != 0) {
        fpmp_look_say(look, "FPMP0423", FPMP_LINK_POOL_FILE, FPMP_UNKNOWN,
                      apr_psprintf(p, "%s could not be followed: %pm", seen, &status),
                      "run this command as root to have it checked");
    }
    else if (!include->resolved) {
        fpmp_look_say(look, "FPMP0424", FPMP_LINK_POOL_FILE, FPMP_UNKNOWN,
                      apr_psprintf(p,
                                   "%s is relative to a prefix that is not known here, so "
                                   "its files are not checked",
                                   seen),
                      "write an absolute path there");
    }
}

static void judge_unread(fpmp_look_t *look, const fpmp_file_t *file)
{
    apr_pool_t *p = look->plan->pool;
    const fpmp_node_t *node = &file->node;
    const char *why = node->why ? node->why : "it is no regular file";

    if (file->text) {
        return;
    }
    if (node->kind == FPMP_NODE_LINK && node->lookup == FPMP_LOOKUP_MISSING) {
        fpmp_look_say(look, "FPMP0425", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
                      apr_psprintf(p,
                                   "'%s' is a link to a file that does not exist, and "
                                   "PHP-FPM ends there",
                                   node->path),
                      "remove the link");
    }
    else if (node->lookup == FPMP_LOOKUP_FOUND && node->irregular) {
        fpmp_look_say(look, "FPMP0426", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
                      apr_psprintf(p,
                                   "'%s' is no regular file; PHP-FPM would end there, or "
                                   "wait for ever",
                                   node->path),
                      "move it out of the pool directory");
    }
    else {
        fpmp_look_say(look, "FPMP0405", FPMP_LINK_POOL_FILE, FPMP_UNKNOWN,
                      apr_psprintf(p, "'%s' could not be read: %s", node->path, why),
                      "see whether it defines a pool of the same name or socket");
    }
}

static void judge_opaque(fpmp_look_t *look, const fpmp_opaque_t *opaque)
{
    if (opaque->line == 0 || look->view->printed || look->view->complaint) {
        return; /* said as unread; or PHP-FPM itself says what it makes of the file */
    }
    fpmp_look_say(look, "FPMP0406", FPMP_LINK_POOL_FILE, FPMP_UNKNOWN,
                  apr_psprintf(look->plan->pool,
                               "'%s' is not understood from line %d on: %s", opaque->file,
                               opaque->line, opaque->why),
                  "see whether it defines a pool of the same name or socket");
}

/* ---- what others do to our pools ------------------------------------------------------
 */

/* One line per file: the first stray line stands for those after it. */
static void judge_stray(fpmp_look_t *look, const index_t *index, const fpmp_stray_t *stray,
                        const fpmp_stray_t *before)
{
    apr_pool_t *p = look->plan->pool;
    fpmp_chain_t *chain =
        stray->pool ? apr_hash_get(index->by_file, stray->pool->file, APR_HASH_KEY_STRING)
                    : NULL;
    const char *seen;

    if (!stray->pool || (before && strcmp(before->file, stray->file) == 0) ||
        apr_hash_get(index->by_file, stray->file, APR_HASH_KEY_STRING)) {
        return;
    }
    seen = apr_psprintf(p,
                        "'%s' at %s:%d stands before any section, so PHP-FPM gives it to "
                        "pool [%s] of '%s'",
                        stray->key, stray->file, stray->line, stray->pool->name,
                        stray->pool->file);
    if (!chain) {
        fpmp_look_say(look, "FPMP0435", FPMP_LINK_POOL_FILE, FPMP_NOTICE, seen,
                      "write its [section] above it");
    }
    else if (!chain->broken) {
        fpmp_chain_find(look->plan, chain, "FPMP0436", FPMP_LINK_POOL, FPMP_BROKEN, seen,
                        "write its [section] above it, or remove it");
    }
}

/* Is the name of this chain's pool taken by another file? */
static void judge_name(fpmp_look_t *look, fpmp_chain_t *chain)
{
    apr_pool_t *p = look->plan->pool;
    const fpmp_pool_t *pool =
        apr_hash_get(look->view->by_name, chain->pool, APR_HASH_KEY_STRING);
    int first = pool && strcmp(pool->file, chain->pool_file_path) != 0;

    if (!pool || chain->broken || (!first && !pool->again_file)) {
        return;
    }
    fpmp_chain_find(look->plan, chain, "FPMP0404", FPMP_LINK_POOL, FPMP_BROKEN,
                    apr_psprintf(p,
                                 "pool name '%s' is taken by section [%s] at %s:%d, which "
                                 "is not ours, and PHP-FPM would merge the two",
                                 chain->pool, first ? pool->name : pool->again_name,
                                 first ? pool->file : pool->again_file,
                                 first ? pool->line : pool->again_line),
                    "rename or remove that section");
}

/* "9000" and "0.0.0.0:9000" -> "*:9000": that port of all IPv4 addresses. */
static const char *tcp_name(apr_pool_t *p, const char *value, const char *port)
{
    int all =
        port == value || strncmp(value, "0.0.0.0:", 8) == 0 || strncmp(value, "*:", 2) == 0;

    return all ? apr_pstrcat(p, "*:", port, NULL) : value;
}

/* The pool that has this port, on the same address or where one of the two takes all; it is
 * noted for the next. "[::]" takes IPv4 too, "*" and "[::1]" do not meet (8.2.36). */
static const fpmp_pool_t *take_port(apr_pool_t *p, apr_hash_t *taken, const char *name,
                                    const char *port, const fpmp_pool_t *pool)
{
    const char *any = apr_pstrcat(p, "any:", port, NULL);
    const char *any_four = apr_pstrcat(p, "any4:", port, NULL);
    const char *all = apr_pstrcat(p, "[::]:", port, NULL);
    const char *all_four = apr_pstrcat(p, "*:", port, NULL);
    int six = *name == '[' && strcmp(name, all) != 0;
    const char *keys[] = { strcmp(name, all) == 0        ? any
                           : strcmp(name, all_four) == 0 ? any_four
                                                         : name,
                           all, six ? name : all_four };
    const fpmp_pool_t *other = NULL;
    apr_size_t i;

    for (i = 0; !other && i < sizeof(keys) / sizeof(keys[0]); i++) {
        other = apr_hash_get(taken, keys[i], APR_HASH_KEY_STRING);
    }
    apr_hash_set(taken, any, APR_HASH_KEY_STRING, pool);
    if (!six) {
        apr_hash_set(taken, any_four, APR_HASH_KEY_STRING, pool);
    }
    return other;
}

static void judge_socket(fpmp_look_t *look, const index_t *index, const fpmp_pool_t *pool)
{
    apr_pool_t *p = look->plan->pool;
    fpmp_listen_t listen = fpmp_listen_read(p, pool);
    const fpmp_key_t *key = fpmp_pool_key(pool, "listen");
    const char *real;
    const fpmp_pool_t *other;
    fpmp_chain_t *chain;

    if (!key || listen.kind == FPMP_LISTEN_NONE) {
        return;
    }
    real = listen.path   ? fpmp_foreign_real(p, look->view->asked, listen.path)
           : listen.port ? tcp_name(p, key->value, listen.port)
                         : key->value;
    chain = apr_hash_get(index->by_socket, real, APR_HASH_KEY_STRING);
    other = listen.port ? take_port(p, index->taken, real, listen.port, pool)
                        : apr_hash_get(index->taken, real, APR_HASH_KEY_STRING);
    if (chain && !chain->broken) {
        fpmp_chain_find(
            look->plan, chain, "FPMP0304", FPMP_LINK_SOCKET, FPMP_BROKEN,
            apr_psprintf(p, "'%s' is taken by pool [%s] at %s, which is not ours",
                         chain->socket_path, pool->name, fpmp_look_place(look, pool, key)),
            "change listen there");
    }
    else if (!chain && other) {
        fpmp_look_say(
            look, "FPMP0437", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
            apr_psprintf(p,
                         "pool [%s] at %s and pool [%s] at %s listen on the same "
                         "'%s'",
                         other->name,
                         fpmp_look_place(look, other, fpmp_pool_key(other, "listen")),
                         pool->name, fpmp_look_place(look, pool, key), real),
            "change one of them; PHP-FPM ends at its next reload");
    }
    apr_hash_set(index->taken, real, APR_HASH_KEY_STRING, pool);
}

/* ---- the way through -------------------------------------------------------------------
 */

/* Files with our own marker are ours to mend, whatever stands in them. */
static int is_foreign(fpmp_look_t *look, const index_t *index, const fpmp_pool_t *pool)
{
    const fpmp_file_t *file;
    const char *server = NULL;

    if (pool->chain ||
        (pool->file && apr_hash_get(index->by_file, pool->file, APR_HASH_KEY_STRING))) {
        return 0;
    }
    file = pool->file ? apr_hash_get(look->facts->by_path, pool->file, APR_HASH_KEY_STRING)
                      : NULL;
    return !file || !file->text ||
           fpmp_pool_text_mark(look->plan->pool, file->text, file->len, &server) ==
               FPMP_MARK_NONE ||
           strcmp(server, look->httpd->server_id) != 0;
}

int fpmp_look_used(const fpmp_look_t *look)
{
    int i;

    for (i = 0; i < look->plan->chains->nelts; i++) {
        if (APR_ARRAY_IDX(look->plan->chains, i, fpmp_chain_t *)->master == look->master) {
            return 1;
        }
    }
    return 0;
}

void fpmp_drift_view(fpmp_look_t *look)
{
    const fpmp_view_t *view = look->view;
    index_t index = index_chains(look);
    int i;

    if (!fpmp_look_used(look)) {
        return;
    }
    for (i = 0; i < look->facts->includes->nelts; i++) {
        judge_include(look, APR_ARRAY_IDX(look->facts->includes, i, fpmp_include_t *));
    }
    for (i = 0; i < look->facts->files->nelts; i++) {
        const fpmp_file_t *file = APR_ARRAY_IDX(look->facts->files, i, fpmp_file_t *);

        if (!apr_hash_get(index.by_file, file->node.path, APR_HASH_KEY_STRING)) {
            judge_unread(look, file);
        }
    }
    for (i = 0; i < view->opaque->nelts; i++) {
        judge_opaque(look, &APR_ARRAY_IDX(view->opaque, i, fpmp_opaque_t));
    }
    for (i = 0; i < look->plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(look->plan->chains, i, fpmp_chain_t *);

        if (chain->master == look->master && chain->pool_file_path) {
            judge_name(look, chain);
        }
    }
    for (i = 0; i < view->strays->nelts; i++) {
        judge_stray(look, &index, &APR_ARRAY_IDX(view->strays, i, fpmp_stray_t),
                    i > 0 ? &APR_ARRAY_IDX(view->strays, i - 1, fpmp_stray_t) : NULL);
    }
    for (i = 0; i < view->pools->nelts; i++) {
        const fpmp_pool_t *pool = APR_ARRAY_IDX(view->pools, i, const fpmp_pool_t *);

        if (is_foreign(look, &index, pool)) {
            judge_socket(look, &index, pool);
            fpmp_foreign_judge(look, pool);
        }
    }
    fpmp_foreign_judge(look, view->global);
    fpmp_drift_limits(look);
    fpmp_drift_print(look);
}
