/* SPDX-License-Identifier: Apache-2.0
 *
 * What a start, a restart or FPMPOOL_SYNC does to the machine, master by master: lock,
 * look, judge, mend sockets, stage and test, write, reload once, wait. Runs in the parent, as
 * root where pool files belong to root. Nothing differs = nothing is written and nobody is
 * signalled. Pools that the old children of a graceful restart may still need go when those
 * have ended. Entry points: fpmp_sync_all, fpmp_sync_apart, fpmp_sync_later.
 */
#include "sync.h"

#include "ap_listen.h"
#include "ap_mpm.h"
#include "mpm_common.h"
#include "scoreboard.h"

#include <apr_signal.h>

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

APLOG_USE_MODULE(fpmpool);

#define LOCK_WAIT_SEC 30

int fpmp_sync_touches(const fpmp_change_t *change)
{
    return change->kind == FPMP_CHANGE_WRITE || change->kind == FPMP_CHANGE_WRITE_ASIDE ||
           change->kind == FPMP_CHANGE_REMOVE || change->kind == FPMP_CHANGE_REMOVE_ASIDE;
}

int fpmp_sync_had(const fpmp_sync_run_t *run, const fpmp_chain_t *chain)
{
    return apr_hash_get(run->facts->by_path, chain->pool_file_path, APR_HASH_KEY_STRING) !=
           NULL;
}

fpmp_finding_t *fpmp_sync_say(fpmp_sync_run_t *run, const fpmp_chain_t *chain,
                              const char *code, fpmp_link_e link, fpmp_weight_e weight,
                              const char *seen, const char *mend)
{
    return fpmp_finding_add(run->plan->findings, code, link, weight,
                            chain ? chain->where : run->master->where, seen, mend);
}

void fpmp_sync_failed(fpmp_sync_run_t *run, const char *code, fpmp_link_e link,
                      const char *seen, const char *mend)
{
    fpmp_finding_t *finding = NULL;
    int i;

    for (i = 0; i < run->changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(run->changes, i, fpmp_change_t);

        if (!finding && change->kind != FPMP_CHANGE_LAST_POOL) {
            finding = fpmp_sync_say(run, change->chain, code, link, FPMP_BROKEN, seen, mend);
        }
        if (change->chain && !fpmp_sync_had(run, change->chain)) {
            change->chain->broken = finding;
        }
    }
}

/* Something that is not ours would end PHP-FPM at a reload, and has been said: it is left
 * alone with what it has read, and hosts that wait for a new pool cannot serve. */
static void leave_waiting(fpmp_sync_run_t *run)
{
    const fpmp_finding_t *why = NULL;
    int i;

    for (i = 0; i < run->plan->findings->nelts; i++) {
        const fpmp_finding_t *finding =
            APR_ARRAY_IDX(run->plan->findings, i, fpmp_finding_t *);

        if (finding->master == run->master && finding->weight == FPMP_BROKEN) {
            why = finding;
        }
    }
    for (i = 0; i < run->changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(run->changes, i, fpmp_change_t);

        if (change->chain && !change->chain->broken && !fpmp_sync_had(run, change->chain)) {
            change->chain->broken = why;
        }
    }
}

/* ---- writing ------------------------------------------------------------------------- */

int fpmp_sync_put(fpmp_sync_run_t *run, const char *path, const char *text, const char **why)
{
    const char *name = strrchr(path, '/') + 1;

    return text ? fpmp_pool_write(run->plan->pool, run->dir_fd, name, text, why)
                : fpmp_pool_remove(run->plan->pool, run->dir_fd, name, why);
}

/* Write or remove one file. Returns 0 or the errno that was said. */
static int apply_change(fpmp_sync_run_t *run, const fpmp_change_t *change)
{
    apr_pool_t *p = run->plan->pool;
    const char *name = strrchr(change->path, '/') + 1, *why = NULL, *kept = NULL;
    int err = 0;

    if (change->kind == FPMP_CHANGE_WRITE_ASIDE ||
        change->kind == FPMP_CHANGE_REMOVE_ASIDE) {
        err = fpmp_pool_keep_aside(p, run->dir_fd, name, &kept, &why);
        if (!err) {
            fpmp_sync_say(run, change->chain, "FPMP0415", FPMP_LINK_POOL_FILE, FPMP_NOTICE,
                          apr_psprintf(p,
                                       "'%s' was edited by hand; the edited file is kept as "
                                       "'%s/%s'",
                                       change->path, run->master->pool_dir, kept),
                          "put the change on FPMUser, then remove the kept file");
        }
    }
    if (!err) {
        err = fpmp_sync_put(run, change->path, change->text, &why);
    }
    if (err) {
        fpmp_finding_t *finding = fpmp_sync_say(
            run, change->chain, "FPMP0416", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
            apr_psprintf(p, "'%s' could not be %s: %s", change->path,
                         change->text ? "written" : "removed", why),
            "mend that and reload httpd; the old file is intact");

        if (change->chain && !fpmp_sync_had(run, change->chain)) {
            change->chain->broken = finding;
        }
    }
    return err;
}

/* What could not be made is dropped: no socket comes or goes with it. */
static void apply_all(fpmp_sync_run_t *run)
{
    apr_array_header_t *made =
        apr_array_make(run->plan->pool, run->changes->nelts + 1, sizeof(fpmp_change_t));
    int i;

    for (i = 0; i < run->changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(run->changes, i, fpmp_change_t);
        int touches = fpmp_sync_touches(change);

        if (touches && apply_change(run, change) != 0) {
            continue;
        }
        run->written += touches && change->text != NULL;
        run->removed += touches && change->text == NULL;
        APR_ARRAY_PUSH(made, fpmp_change_t) = *change;
    }
    run->changes = made;
}

/* ---- what the old children still need ------------------------------------------------- */

int fpmp_sync_old_children(int ended_gen)
{
    int i, most = 0, gen = -1;

    if (!ap_exists_scoreboard_image() ||
        ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &most) != APR_SUCCESS) {
        return 0;
    }
    ap_mpm_query(AP_MPMQ_GENERATION, &gen);
    for (i = 0; i < most; i++) {
        const process_score *child = ap_get_scoreboard_process(i);

        if (child && child->pid != 0 && child->generation != gen &&
            child->generation != ended_gen) {
            return 1;
        }
    }
    return 0;
}

int fpmp_sync_must_go(fpmp_sync_run_t *run, const fpmp_change_t *change)
{
    apr_pool_t *p = run->plan->pool;
    const fpmp_file_t *file =
        apr_hash_get(run->facts->by_path, change->path, APR_HASH_KEY_STRING);
    const char *user;
    fpmp_user_facts_t facts = { 0 };

    user = file && file->text ? fpmp_pool_text_value(p, file->text, file->len, "user") : NULL;
    if (change->refused || !user) {
        return 1;
    }
    fpmp_facts_user(p, user, fpmp_pool_text_value(p, file->text, file->len, "group"),
                    (gid_t)-1, &facts);
    return facts.user_lookup == FPMP_LOOKUP_MISSING ||
           facts.group_lookup == FPMP_LOOKUP_MISSING;
}

/* Requests of the old children may still be on their way to pools that nobody names now. */
static void put_off_removals(fpmp_sync_run_t *run)
{
    apr_array_header_t *now =
        apr_array_make(run->plan->pool, run->changes->nelts + 1, sizeof(fpmp_change_t));
    int i, later = 0;

    for (i = 0; i < run->changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(run->changes, i, fpmp_change_t);

        if (fpmp_sync_touches(change) && !change->text && !fpmp_sync_must_go(run, change)) {
            later++;
        }
        else {
            APR_ARRAY_PUSH(now, fpmp_change_t) = *change;
        }
    }
    if (later > 0) {
        run->changes = now;
        if (run->plan->states) {
            run->plan->states->later = 1;
        }
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, run->s,
                     "FPMP0522: master: '%s' keeps the pools that no FPMUser names any more "
                     "(%d) until the children of the old configuration have ended",
                     run->master->name, later);
    }
}

/* ---- one master ------------------------------------------------------------------------ */

/* Look under the lock, so that two servers see each other's files whole. */
static void look(fpmp_sync_run_t *run)
{
    run->view = fpmp_plan_look(run->plan, run->master, run->httpd, &run->facts);
    run->changes = fpmp_changes_find(run->plan->pool, run->plan, run->master, run->facts,
                                     run->httpd);
}

static int look_and_judge(fpmp_sync_run_t *run)
{
    int ends;

    look(run);
    ends = fpmp_plan_judge(run->plan, run->master, run->facts, run->view, run->httpd);
    run->changes = fpmp_changes_find(run->plan->pool, run->plan, run->master, run->facts,
                                     run->httpd); /* without the chains that are broken */
    return ends;
}

/* How many changes of files are there to make? */
static int count_changes(const fpmp_sync_run_t *run)
{
    int i, count = 0;

    for (i = 0; i < run->changes->nelts; i++) {
        count += fpmp_sync_touches(&APR_ARRAY_IDX(run->changes, i, fpmp_change_t));
    }
    return count;
}

/* What is there that PHP-FPM has not read yet, or should have dropped? */
static int count_unread(const fpmp_sync_run_t *run)
{
    int i, count = run->stale->nelts;

    for (i = 0; i < run->changes->nelts; i++) {
        count += APR_ARRAY_IDX(run->changes, i, fpmp_change_t).kind == FPMP_CHANGE_LOAD;
    }
    return run->facts->run == FPMP_RUN_YES ? count : 0;
}

void fpmp_sync_make(fpmp_sync_run_t *run)
{
    run->written = run->removed = 0;
    apply_all(run);
    if (run->plan->sync != FPMP_SYNC_WRITE &&
        run->written + run->removed + count_unread(run) > 0 &&
        fpmp_changes_leave_pool(run->plan->pool, run->facts, run->changes)) {
        fpmp_sync_reload(run);
    }
}

static void sync_locked(fpmp_sync_run_t *run)
{
    /* 2 look and judge */
    int ends = look_and_judge(run);

    if (ends) {
        leave_waiting(run);
        return;
    }
    /* 3 sockets that a reload does not mend; a killed mend left one that the next one needs */
    if (fpmp_sync_sockets(run)) {
        look(run);
    }
    fpmp_sync_stale(run);
    if (run->plan->graceful) {
        put_off_removals(run);
    }
    /* 4 test; without any pool left there is nothing that PHP-FPM could be asked */
    if (count_changes(run) > 0 &&
        fpmp_changes_leave_pool(run->plan->pool, run->facts, run->changes) &&
        fpmp_sync_choose(run) != 0) {
        return;
    }
    /* 5 write, 6 reload */
    fpmp_sync_make(run);
}

/* Where no FPMUser names this master and nothing of ours is left, nothing at all is made:
 * not even the lock. */
static int has_work(fpmp_sync_run_t *run)
{
    if (fpmp_plan_names(run->plan, run->master)) {
        return 1;
    }
    look(run);
    return run->changes->nelts > 0 || fpmp_sync_sockets_there(run)->nelts > 0;
}

static void sync_master(fpmp_plan_t *plan, fpmp_master_t *master,
                        const fpmp_httpd_t *httpd, server_rec *s)
{
    fpmp_sync_run_t run = {
        .plan = plan, .master = master, .httpd = httpd, .s = s, .dir_fd = -1
    };
    fpmp_lock_t lock = { -1, -1 };
    const char *why = NULL;
    int err = 0, locks;

    run.stale = apr_array_make(plan->pool, 1, sizeof(const char *));
    fpmp_sync_socket_dir(&run);
    /* 1 one lock per master; without a pool directory there is only something to say */
    locks = master->pool_dir && has_work(&run);
    if (locks) {
        err = fpmp_dir_lock(plan->pool, master->pool_dir, LOCK_WAIT_SEC, &lock, &why);
    }
    if (!locks || err) {
        run.view = fpmp_plan_look(plan, master, httpd, &run.facts);
        fpmp_plan_judge(plan, master, run.facts, run.view, httpd);
        if (err && err != ENOENT && err != ENOTDIR && err != EACCES) { /* judged above */
            fpmp_finding_add(plan->findings, "FPMP0417", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
                             master->where, why,
                             err == ETIMEDOUT
                                 ? "see which process holds it, then reload httpd"
                                 : "mend that and reload httpd");
        }
        return;
    }
    if (plan->parent && getppid() != plan->parent) {
        _exit(0); /* httpd was killed: the next one may be there, with another configuration */
    }
    run.dir_fd = lock.dir_fd;
    sync_locked(&run);
    fpmp_dir_unlock(&lock);
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
    }
    else {
        fpmp_stage_sweep(plan->pool); /* without changes nothing is tested */
    }
    for (i = 0; i < plan->masters->nelts; i++) {
        fpmp_master_t *master = APR_ARRAY_IDX(plan->masters, i, fpmp_master_t *);

        if (plan->sync != FPMP_SYNC_CHECK) {
            sync_master(plan, master, httpd, s);
        }
        fpmp_states_settle(plan, master);
    }
    if (plan->sync != FPMP_SYNC_CHECK) {
        fpmp_export_write(plan, httpd);
    }
    fpmp_export_settle(plan);
    fpmp_states_settle(plan, NULL);
    if (plan->sync != FPMP_SYNC_CHECK) {
        drop_done(plan);
    }
}

/* ---- apart from the parent -------------------------------------------------------------- */

/* The process that syncs, as the parent knows it. */
typedef struct {
    apr_proc_t proc;
    fpmp_plan_t *plan;
    server_rec *s;
} helper_t;

/* It ends with its configuration: what it leaves undone the next start does. */
static void on_helper(int reason, void *data, apr_wait_t status)
{
    helper_t *helper = data;

    (void)status;
    if (reason == APR_OC_REASON_UNREGISTER && helper->proc.pid > 0) {
        kill(helper->proc.pid, SIGTERM);
        while (waitpid(helper->proc.pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    if (reason == APR_OC_REASON_DEATH || reason == APR_OC_REASON_LOST) {
        helper->proc.pid = 0;
        helper->plan->states->busy = 0;
        fpmp_states_give_up(helper->plan->states, helper->plan->chains->nelts);
        apr_proc_other_child_unregister(data);
        /* The old children may have ended before it had put anything off. */
        fpmp_sync_later(helper->plan, helper->s, -1);
    }
}

/* In the new process: nothing of httpd's is kept busy by it, and a stop ends it. */
static void work(fpmp_plan_t *plan, server_rec *s, int again)
{
    apr_signal(SIGTERM, SIG_DFL);
    apr_signal(SIGINT, SIG_DFL);
    apr_signal(SIGHUP, SIG_IGN);
    apr_signal(AP_SIG_GRACEFUL, SIG_IGN);
    ap_close_listeners();
    fpmp_plan_users(plan);
    fpmp_states_users(plan);
    if (again) { /* what lines and users are has been said */
        plan->findings = apr_array_make(plan->pool, 4, sizeof(fpmp_finding_t *));
    }
    fpmp_sync_all(plan, plan->httpd, s);
    fpmp_plan_say(plan, s, 0);
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, s,
                 "FPMP0528: master: the changes of this configuration are made");
    _exit(0);
}

apr_status_t fpmp_sync_apart(fpmp_plan_t *plan, server_rec *s, int again)
{
    helper_t *helper = apr_pcalloc(plan->pool, sizeof(*helper));
    pid_t parent = getpid();
    apr_status_t rv = apr_proc_fork(&helper->proc, plan->pool);

    if (rv == APR_INCHILD) {
        plan->parent = parent;
        work(plan, s, again);
    }
    if (rv != APR_INPARENT) {
        return rv;
    }
    helper->plan = plan;
    helper->s = s;
    plan->states->busy = 1;
    apr_proc_other_child_register(&helper->proc, on_helper, helper, NULL, plan->pool);
    return APR_SUCCESS;
}

void fpmp_sync_later(fpmp_plan_t *plan, server_rec *s, int ended_gen)
{
    apr_status_t rv;

    if (!plan->states || !plan->states->later || plan->states->busy ||
        fpmp_sync_old_children(ended_gen)) {
        return;
    }
    plan->states->later = 0;
    plan->graceful = 0;
    rv = fpmp_sync_apart(plan, s, 1);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "FPMP0527: master: no process could be made to remove pools that "
                     "nobody names any more; the next reload of httpd does it");
    }
}
