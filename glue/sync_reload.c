/* SPDX-License-Identifier: Apache-2.0
 *
 * PHP-FPM is told once, and waited for. If it ends all the same (what it refuses only when it
 * really starts, no test of its own can say), the files of before come back and it is started
 * again: a change may fail, but not the sites beside it. Entry point: fpmp_sync_reload.
 */
#include "sync.h"

#include <signal.h>
#include <string.h>

APLOG_USE_MODULE(fpmpool);

#define MARGIN_SEC 10      /* on top of process_control_timeout */
#define POOLS_PER_SEC 200  /* a reload reads at least so many (2,200 on 2 cores, 8.2.36) */
#define START_WAIT_SEC 20

/* The socket in a pool file of ours, for the wait after a removal. */
static const char *socket_in(fpmp_sync_run_t *run, const char *path)
{
    const fpmp_file_t *file = apr_hash_get(run->facts->by_path, path, APR_HASH_KEY_STRING);

    return file && file->text
               ? fpmp_pool_text_value(run->plan->pool, file->text, file->len, "listen")
               : NULL;
}

/* Which sockets have to come with these changes, and which have to go? */
static void list_sockets(fpmp_sync_run_t *run, apr_array_header_t *appear,
                         apr_array_header_t *vanish)
{
    int i;

    for (i = 0; i < run->changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(run->changes, i, fpmp_change_t);
        const char *path;

        if (change->chain && !change->chain->broken) {
            APR_ARRAY_PUSH(appear, const char *) = change->chain->socket_path;
        }
        else if (fpmp_sync_touches(change) &&
                 (path = socket_in(run, change->path)) != NULL) {
            APR_ARRAY_PUSH(vanish, const char *) = path;
        }
    }
    apr_array_cat(vanish, run->stale);
}

static int wait_of(const fpmp_sync_run_t *run)
{
    int timeout = run->view->control_timeout_sec > run->master->control_timeout_sec
                      ? run->view->control_timeout_sec
                      : run->master->control_timeout_sec;

    return timeout + MARGIN_SEC + run->facts->files->nelts / POOLS_PER_SEC;
}

/* The bytes of before at every path that was changed; a file whose user is gone stays away,
 * or PHP-FPM would end at it again. */
static void restore_files(fpmp_sync_run_t *run)
{
    int i;

    for (i = 0; i < run->changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(run->changes, i, fpmp_change_t);
        const fpmp_file_t *file =
            apr_hash_get(run->facts->by_path, change->path, APR_HASH_KEY_STRING);
        const char *why = NULL;

        if (fpmp_sync_touches(change) && (change->text || !fpmp_sync_must_go(run, change)) &&
            fpmp_sync_put(run, change->path, file ? file->text : NULL, &why) != 0) {
            fpmp_sync_say(run, change->chain, "FPMP0524", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
                          apr_psprintf(run->plan->pool,
                                       "the old file could not be put back: %s", why),
                          "mend that and reload httpd");
        }
    }
}

/* A dead master leaves its sockets, and the next one does not start where a process that it
 * started still holds one (php-fpm 8.2): a worker that goes on, or what a script left running.
 * All that is named as ours goes, and of the rest what nobody listens on. Whoever supervises
 * it may have started it already. */
static void clear_sockets(fpmp_sync_run_t *run, const apr_array_header_t *ours)
{
    fpmp_master_facts_t now = { 0 };
    const char *prefix =
        apr_pstrcat(run->plan->pool, run->master->socket_dir, "/" FPMP_FILE_PREFIX, NULL);
    int i;

    fpmp_master_probe(run->plan->pool, run->master, &now);
    if (now.run == FPMP_RUN_YES) {
        return;
    }
    for (i = 0; i < ours->nelts; i++) {
        fpmp_socket_drop(APR_ARRAY_IDX(ours, i, const char *));
    }
    for (i = 0; i < run->view->pools->nelts; i++) {
        const char *path = fpmp_pool_value(
            APR_ARRAY_IDX(run->view->pools, i, const fpmp_pool_t *), "listen");

        if (path && strncmp(path, prefix, strlen(prefix)) == 0) {
            fpmp_socket_drop(path);
        }
        else if (path && *path == '/') {
            fpmp_socket_clear(path);
        }
    }
}

/* What PHP-FPM itself wrote into its log since then; NULL: nothing to be read. */
static const char *last_words(fpmp_sync_run_t *run, const char *log, apr_off_t mark)
{
    apr_pool_t *p = run->plan->pool;
    const char *text = log ? fpmp_log_since(p, log, mark) : "";

    return *text ? fpmp_complaint(p, text, apr_array_make(p, 1, sizeof(const char *)))
                 : NULL;
}

static void bring_back(fpmp_sync_run_t *run, const fpmp_keeper_t *keeper,
                       const apr_array_header_t *appear, const char *reason)
{
    apr_pool_t *p = run->plan->pool;
    const char *how = NULL, *why = NULL, *seen;
    sigset_t stops, before;
    int err;

    /* A stop of httpd in between would leave it dead. */
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    sigprocmask(SIG_BLOCK, &stops, &before);
    restore_files(run);
    clear_sockets(run, apr_array_append(p, appear, fpmp_plan_sockets(run->plan, run->master)));
    err = fpmp_master_start(p, run->master, keeper, START_WAIT_SEC, &how, &why);
    sigprocmask(SIG_SETMASK, &before, NULL);
    seen = apr_psprintf(p, "master '%s' ended at its reload: %s; the old pool files are back",
                        run->master->name, reason);
    if (err) {
        fpmp_sync_failed(
            run, "FPMP0526", FPMP_LINK_MASTER,
            apr_psprintf(p, "%s, but it was not started again by %s: %s", seen, how, why),
            "start PHP-FPM, mend what it says, reload httpd");
        return;
    }
    fpmp_sync_failed(run, "FPMP0525", FPMP_LINK_MASTER,
                     apr_psprintf(p, "%s, and it runs again by %s", seen, how),
                     "mend what it says and reload httpd");
}

void fpmp_sync_reload(fpmp_sync_run_t *run)
{
    apr_pool_t *p = run->plan->pool;
    apr_array_header_t *appear = apr_array_make(p, 8, sizeof(const char *));
    apr_array_header_t *vanish = apr_array_make(p, 8, sizeof(const char *));
    const char *log = fpmp_pool_value(run->view->global, "error_log"), *why = NULL, *said;
    fpmp_keeper_t keeper = fpmp_master_keeper(p, run->facts->pid);
    int err, wait_sec = wait_of(run);
    apr_off_t mark;

    if (run->plan->untold) {
        return; /* the first pass of this start waited in vain, and said so */
    }
    log = log && *log == '/' ? log : NULL;
    mark = log ? fpmp_log_mark(log) : 0;
    list_sockets(run, appear, vanish);
    err = fpmp_master_reload(p, run->master, appear, vanish, wait_sec, &why);
    if (err == 0) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, run->s,
                     "FPMP0512: master: '%s' reloaded; pool files written: %d, removed: %d",
                     run->master->name, run->written, run->removed);
    }
    else if (err == ECHILD) {
        said = last_words(run, log, mark);
        bring_back(run, &keeper, appear, said ? said : why);
    }
    else if (err != ESRCH) { /* not running was said by fpmp_drift_master */
        run->plan->untold = 1;
        fpmp_sync_say(run, NULL, "FPMP0513", FPMP_LINK_MASTER, FPMP_BROKEN,
                      apr_psprintf(p,
                                   "master '%s' did not come back from its reload within "
                                   "%d s: %s",
                                   run->master->name, wait_sec, why),
                      "read PHP-FPM's own error log, then restart it");
    }
}
