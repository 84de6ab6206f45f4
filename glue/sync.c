/* SPDX-License-Identifier: Apache-2.0
 *
 * What a start, a restart or FPMPOOL_SYNC does to the machine, master by master: lock,
 * look, judge, stage and test, write, reload once, wait. Runs in the parent, as root where
 * pool files belong to root. Nothing differs = nothing is written and nobody is signalled.
 */
#include "glue.h"

#include <string.h>
#include <unistd.h>

APLOG_USE_MODULE(fpmpool);

#define LOCK_WAIT_SEC 30
#define TEST_LIMIT_SEC 60
#define RELOAD_MARGIN_SEC 10 /* on top of process_control_timeout */

typedef struct {
    fpmp_plan_t *plan;
    fpmp_master_t *master;
    const fpmp_httpd_t *httpd;
    server_rec *s;
    fpmp_master_facts_t *facts;
    fpmp_view_t *view;
    const apr_array_header_t *changes;
    int dir_fd;
    int written, removed;
} sync_t;

static int touches_file(const fpmp_change_t *change)
{
    return change->kind != FPMP_CHANGE_NONE && change->kind != FPMP_CHANGE_LAST_POOL &&
           change->kind != FPMP_CHANGE_LOAD;
}

/* Something went wrong with the whole change of this master. Sites whose pool was there
 * before go on with it; those that wait for a new pool cannot serve. */
static void say_failed(sync_t *sync, const char *code, fpmp_link_e link, const char *seen,
                       const char *mend)
{
    fpmp_finding_t *finding = NULL;
    int i;

    for (i = 0; i < sync->changes->nelts; i++) {
        fpmp_change_t *change = &APR_ARRAY_IDX(sync->changes, i, fpmp_change_t);

        if (!finding && change->kind != FPMP_CHANGE_LAST_POOL) {
            finding = fpmp_finding_add(
                sync->plan->findings, code, link, FPMP_BROKEN,
                change->chain ? change->chain->where : sync->master->where, seen, mend);
        }
        if (change->chain &&
            !apr_hash_get(sync->facts->by_path, change->path, APR_HASH_KEY_STRING)) {
            change->chain->broken = finding;
        }
    }
}

/* Something that is not ours would end PHP-FPM at a reload, and has been said: it is left
 * alone with what it has read, and hosts that wait for a new pool cannot serve. */
static void leave_waiting(sync_t *sync)
{
    const fpmp_finding_t *why = NULL;
    int i;

    for (i = 0; i < sync->plan->findings->nelts; i++) {
        const fpmp_finding_t *finding =
            APR_ARRAY_IDX(sync->plan->findings, i, fpmp_finding_t *);

        if (finding->master == sync->master && finding->weight == FPMP_BROKEN) {
            why = finding;
        }
    }
    for (i = 0; i < sync->changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(sync->changes, i, fpmp_change_t);

        if (change->chain && !change->chain->broken &&
            !apr_hash_get(sync->facts->by_path, change->path, APR_HASH_KEY_STRING)) {
            change->chain->broken = why;
        }
    }
}

/* Write or remove one file. Returns 0 or the errno that was said. */
static int apply_change(sync_t *sync, const fpmp_change_t *change)
{
    apr_pool_t *p = sync->plan->pool;
    const char *name = strrchr(change->path, '/') + 1, *why = NULL, *kept = NULL;
    int err = 0;

    if (change->kind == FPMP_CHANGE_WRITE_ASIDE ||
        change->kind == FPMP_CHANGE_REMOVE_ASIDE) {
        err = fpmp_pool_keep_aside(p, sync->dir_fd, name, &kept, &why);
        if (!err) {
            fpmp_finding_add(
                sync->plan->findings, "FPMP0415", FPMP_LINK_POOL_FILE, FPMP_NOTICE,
                change->chain ? change->chain->where : sync->master->where,
                apr_psprintf(p,
                             "'%s' was edited by hand; the edited file is kept as "
                             "'%s/%s'",
                             change->path, sync->master->pool_dir, kept),
                "put the change on FPMUser, then remove the kept file");
        }
    }
    if (!err) {
        err = change->text ? fpmp_pool_write(p, sync->dir_fd, name, change->text, &why)
                           : fpmp_pool_remove(p, sync->dir_fd, name, &why);
    }
    if (err) {
        fpmp_finding_t *finding = fpmp_finding_add(
            sync->plan->findings, "FPMP0416", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
            change->chain ? change->chain->where : sync->master->where,
            apr_psprintf(p, "'%s' could not be %s: %s", change->path,
                         change->text ? "written" : "removed", why),
            "mend that and reload httpd; the old file is intact");

        if (change->chain &&
            !apr_hash_get(sync->facts->by_path, change->path, APR_HASH_KEY_STRING)) {
            change->chain->broken = finding;
        }
    }
    return err;
}

static void apply_all(sync_t *sync)
{
    int i;

    for (i = 0; i < sync->changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(sync->changes, i, fpmp_change_t);

        if (touches_file(change) && apply_change(sync, change) == 0) {
            sync->written += change->text != NULL;
            sync->removed += change->text == NULL;
        }
    }
}

/* Would PHP-FPM take all of it? */
static int test_changes(sync_t *sync)
{
    apr_pool_t *p = sync->plan->pool;
    const char *why = NULL;
    int err =
        fpmp_master_test(p, sync->master, sync->facts, sync->changes, TEST_LIMIT_SEC, &why);

    if (err) {
        say_failed(
            sync, "FPMP0511", FPMP_LINK_MASTER,
            apr_psprintf(p, "PHP-FPM of master '%s' would not take the change: %s",
                         sync->master->name, why),
            "mend that and reload httpd; nothing was written and PHP-FPM was not told");
    }
    return err;
}

/* The socket in a pool file of ours, for the wait after a removal. */
static const char *socket_in(sync_t *sync, const char *path)
{
    const fpmp_file_t *file = apr_hash_get(sync->facts->by_path, path, APR_HASH_KEY_STRING);
    const fpmp_ini_t *ini;
    int i;

    if (!file || !file->text) {
        return NULL;
    }
    ini = fpmp_ini_read(sync->plan->pool, file->text, file->len);
    for (i = 0; i < ini->entries->nelts; i++) {
        const fpmp_ini_entry_t *entry = &APR_ARRAY_IDX(ini->entries, i, fpmp_ini_entry_t);

        if (entry->name && strcmp(entry->name, "listen") == 0) {
            return entry->value;
        }
    }
    return NULL;
}

/* Tell PHP-FPM once and wait until the new pools are there. Not running is no fault. */
static void reload(sync_t *sync)
{
    apr_pool_t *p = sync->plan->pool;
    apr_array_header_t *appear = apr_array_make(p, 8, sizeof(const char *));
    apr_array_header_t *vanish = apr_array_make(p, 8, sizeof(const char *));
    int i, err, wait_sec = sync->view->control_timeout_sec + RELOAD_MARGIN_SEC;
    const char *why = NULL;

    for (i = 0; i < sync->changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(sync->changes, i, fpmp_change_t);
        const char *path;

        if (change->chain && !change->chain->broken) {
            APR_ARRAY_PUSH(appear, const char *) = change->chain->socket_path;
        }
        else if (touches_file(change) && (path = socket_in(sync, change->path)) != NULL) {
            APR_ARRAY_PUSH(vanish, const char *) = path;
        }
    }
    err = fpmp_master_reload(p, sync->master, appear, vanish, wait_sec, &why);
    if (err == 0) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, sync->s,
                     "FPMP0512: master: '%s' reloaded; pool files written: %d, removed: %d",
                     sync->master->name, sync->written, sync->removed);
    }
    else if (err != ESRCH) { /* not running was said by fpmp_drift_master */
        fpmp_finding_add(
            sync->plan->findings, "FPMP0513", FPMP_LINK_MASTER, FPMP_BROKEN,
            sync->master->where,
            apr_psprintf(p,
                         "master '%s' did not come back from its reload within %d "
                         "s: %s",
                         sync->master->name, wait_sec, why),
            "read PHP-FPM's own error log, then restart it");
    }
}

static void sync_locked(sync_t *sync)
{
    apr_pool_t *p = sync->plan->pool;
    int i, ends, alive, work = 0, unread = 0;

    /* 2 look and judge under the lock, so that two servers see each other's files whole */
    sync->view = fpmp_plan_look(sync->plan, sync->master, sync->httpd, &sync->facts);
    ends = fpmp_plan_judge(sync->plan, sync->master, sync->facts, sync->view, sync->httpd);
    sync->changes =
        fpmp_changes_find(p, sync->plan, sync->master, sync->facts, sync->httpd);
    for (i = 0; i < sync->changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(sync->changes, i, fpmp_change_t);

        work += touches_file(change);
        unread += change->kind == FPMP_CHANGE_LOAD;
    }
    if (sync->plan->sync == FPMP_SYNC_WRITE) {
        unread = 0;
    }
    /* 3 test, 4 write, 5 reload; without any pool left PHP-FPM cannot be told */
    alive = fpmp_changes_leave_pool(p, sync->facts, sync->changes);
    if (ends) {
        leave_waiting(sync);
        return;
    }
    if (work + unread == 0 || (alive && test_changes(sync) != 0)) {
        return;
    }
    apply_all(sync);
    if (alive && sync->plan->sync != FPMP_SYNC_WRITE &&
        sync->written + sync->removed + unread > 0) {
        reload(sync);
    }
}

static void sync_master(fpmp_plan_t *plan, fpmp_master_t *master,
                        const fpmp_httpd_t *httpd, server_rec *s)
{
    sync_t sync = { .plan = plan, .master = master, .httpd = httpd, .s = s, .dir_fd = -1 };
    const char *why = NULL;
    int err = 0;

    /* 1 one lock per master; without a pool directory there is only something to say */
    if (master->pool_dir) {
        err =
            fpmp_dir_lock(plan->pool, master->pool_dir, LOCK_WAIT_SEC, &sync.dir_fd, &why);
    }
    if (!master->pool_dir || err) {
        sync.view = fpmp_plan_look(plan, master, httpd, &sync.facts);
        fpmp_plan_judge(plan, master, sync.facts, sync.view, httpd);
        if (err == ETIMEDOUT) {
            fpmp_finding_add(plan->findings, "FPMP0417", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
                             master->where, why,
                             "see which process holds it, then reload httpd");
        }
        return;
    }
    sync_locked(&sync);
    close(sync.dir_fd);
}

/* What was PENDING is done now; where it could not be done, another finding says so. */
static void drop_done(fpmp_plan_t *plan)
{
    apr_array_header_t *left = apr_array_make(plan->pool, 4, sizeof(fpmp_finding_t *));
    int i;

    for (i = 0; i < plan->findings->nelts; i++) {
        fpmp_finding_t *finding = APR_ARRAY_IDX(plan->findings, i, fpmp_finding_t *);

        if (finding->weight != FPMP_PENDING) {
            APR_ARRAY_PUSH(left, fpmp_finding_t *) = finding;
        }
    }
    plan->findings = left;
}

void fpmp_sync_all(fpmp_plan_t *plan, const fpmp_httpd_t *httpd, server_rec *s)
{
    int i;

    if (plan->sync == FPMP_SYNC_CHECK) {
        fpmp_check_all(plan, httpd, s);
        return;
    }
    for (i = 0; i < plan->masters->nelts; i++) {
        sync_master(plan, APR_ARRAY_IDX(plan->masters, i, fpmp_master_t *), httpd, s);
    }
    drop_done(plan);
}
