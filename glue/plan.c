/* SPDX-License-Identifier: Apache-2.0
 *
 * One plan per reading of the configuration: the lines and what follows from them. Here
 * host/'s facts and core/'s judgement meet, and this is the one place where findings are
 * logged.
 */
#include "glue.h"

#include "ap_mpm.h"
#include "mpm_common.h"
#include "unixd.h"

#include <unistd.h>

APLOG_USE_MODULE(fpmpool);

#define PLAN_KEY "fpmpool plan"
#define TIME_KEY "fpmpool lookup time"
#define LOOKUP_LIMIT_SEC 10 /* of one start for all look-ups together */

fpmp_plan_t *fpmp_plan_of(apr_pool_t *pconf)
{
    void *plan = NULL;

    apr_pool_userdata_get(&plan, PLAN_KEY, pconf);
    if (!plan) {
        plan = fpmp_plan_make(pconf);
        apr_pool_userdata_setn(plan, PLAN_KEY, NULL, pconf);
    }
    return plan;
}

/* An ordinary user who cannot write the pid file only looks at the server of root. */
static int is_own_server(apr_pool_t *p, const char *pid_path)
{
    return !pid_path || access(ap_make_dirstr_parent(p, pid_path), W_OK) == 0;
}

static const fpmp_httpd_t *know_httpd(apr_pool_t *p, const server_rec *s)
{
    fpmp_httpd_t *httpd = apr_pcalloc(p, sizeof(*httpd));
    const char *pid_path = ap_pid_fname ? ap_runtime_dir_relative(p, ap_pid_fname) : NULL;

    httpd->unprivileged = geteuid() != 0 && is_own_server(p, pid_path);
    /* A server that root did not start keeps its own uid, whatever User says. */
    httpd->uid = httpd->unprivileged ? geteuid() : ap_unixd_config.user_id;
    httpd->gid = httpd->unprivileged ? getegid() : ap_unixd_config.group_id;
    httpd->user = fpmp_facts_uid_name(p, httpd->uid);
    httpd->group = fpmp_facts_gid_name(p, httpd->gid);
    httpd->groups = fpmp_facts_groups(p, httpd->user, httpd->gid);
    httpd->server_id = pid_path ? pid_path : "-";
    httpd->timeout_sec = (int)apr_time_sec(s->timeout);
    return httpd;
}

/* The FPMMaster lines first, then what was found on the machine under other names. */
static void list_masters(fpmp_plan_t *plan)
{
    apr_array_header_t *found;
    int i, k;

    for (i = 0; i < plan->masters_given->nelts; i++) {
        fpmp_master_t *master = APR_ARRAY_IDX(plan->masters_given, i, fpmp_master_t *);

        master->socket_dir = master->socket_dir ? master->socket_dir : plan->socket_dir;
        fpmp_master_complete(plan->pool, master);
        APR_ARRAY_PUSH(plan->masters, fpmp_master_t *) = master;
    }
    found = fpmp_masters_find(plan->pool, "");
    for (i = 0; i < found->nelts; i++) {
        fpmp_master_t *master = APR_ARRAY_IDX(found, i, fpmp_master_t *);

        for (k = 0; k < plan->masters_given->nelts; k++) {
            const fpmp_master_t *given =
                APR_ARRAY_IDX(plan->masters_given, k, fpmp_master_t *);

            if (strcmp(given->name, master->name) == 0 ||
                (given->config_path &&
                 strcmp(given->config_path, master->config_path) == 0)) {
                break;
            }
        }
        if (k == plan->masters_given->nelts) {
            master->socket_dir = plan->socket_dir ? plan->socket_dir : master->socket_dir;
            APR_ARRAY_PUSH(plan->masters, fpmp_master_t *) = master;
        }
    }
}

/* Which virtual hosts a line is in force for: known only now that all ServerName lines are
 * read. */
static void name_hosts(server_rec *s)
{
    for (; s; s = s->next) {
        fpmp_dir_t *dir = ap_get_module_config(s->lookup_defaults, &fpmpool_module);

        if (dir && dir->line && !dir->line->host) {
            dir->line->host = s->server_hostname;
        }
    }
}

/* The first start reads its configuration twice. */
static int is_read_twice(void)
{
    return ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_NORMAL &&
           ap_state_query(AP_SQ_CONFIG_GEN) <= 1;
}

/* What this reading has left for look-ups: a slow name service must not hold up the start. */
static fpmp_lookup_time_t *lookup_time(const fpmp_plan_t *plan)
{
    void *known = NULL;
    fpmp_lookup_time_t *time;

    apr_pool_userdata_get(&known, TIME_KEY, plan->pool);
    if (known) {
        return known;
    }
    time = apr_pcalloc(plan->pool, sizeof(*time));
    time->limit_sec = LOOKUP_LIMIT_SEC / (is_read_twice() ? 2 : 1);
    time->entries = fpmp_entries_read(plan->pool);
    apr_pool_userdata_setn(time, TIME_KEY, NULL, plan->pool);
    return time;
}

/* Who is not asked in time keeps the pool that is there. Each start begins at another user,
 * so that a new one is asked some day. */
void fpmp_plan_users(fpmp_plan_t *plan)
{
    int i, count = plan->chains->nelts;
    int first = count ? (int)(apr_time_sec(apr_time_now()) % count) : 0;

    for (i = 0; i < count; i++) {
        fpmp_chain_t *chain =
            APR_ARRAY_IDX(plan->chains, (first + i) % count, fpmp_chain_t *);
        fpmp_user_facts_t facts = { 0 };

        fpmp_facts_user_within(plan->pool, chain->user, chain->group, plan->httpd->gid,
                               lookup_time(plan), &facts);
        fpmp_drift_user(plan, chain, &facts, plan->httpd);
    }
}

const fpmp_httpd_t *fpmp_plan_derive(fpmp_plan_t *plan, server_rec *s)
{
    if (!plan->httpd) {
        plan->httpd = know_httpd(plan->pool, s);
        /* Also without any line: the file of a line that was removed has to go. */
        list_masters(plan);
        fpmp_chains_derive(plan, plan->httpd);
    }
    name_hosts(s);
    return plan->httpd;
}

const fpmp_httpd_t *fpmp_plan_complete(fpmp_plan_t *plan, server_rec *s)
{
    fpmp_plan_derive(plan, s);
    fpmp_plan_users(plan);
    return plan->httpd;
}

fpmp_view_t *fpmp_plan_look(fpmp_plan_t *plan, fpmp_master_t *master,
                            const fpmp_httpd_t *httpd, fpmp_master_facts_t **facts)
{
    *facts = fpmp_facts_master(plan->pool, master);
    master->control_timeout_sec = fpmp_timeout_choose(plan->pool, master, *facts).ours_sec;
    (*facts)->own = fpmp_own_files(plan, master, *facts, httpd);
    return fpmp_view_read(plan->pool, *facts, (*facts)->own);
}

int fpmp_plan_names(const fpmp_plan_t *plan, const fpmp_master_t *master)
{
    int i;

    for (i = 0; i < plan->chains->nelts; i++) {
        if (APR_ARRAY_IDX(plan->chains, i, const fpmp_chain_t *)->master == master) {
            return 1;
        }
    }
    return 0;
}

apr_array_header_t *fpmp_plan_sockets(const fpmp_plan_t *plan, const fpmp_master_t *master)
{
    apr_array_header_t *sockets = apr_array_make(plan->pool, 16, sizeof(const char *));
    int i;

    for (i = 0; i < plan->chains->nelts; i++) {
        const fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, const fpmp_chain_t *);

        if (chain->master == master && chain->socket_path) {
            APR_ARRAY_PUSH(sockets, const char *) = chain->socket_path;
        }
    }
    return sockets;
}

int fpmp_plan_judge(fpmp_plan_t *plan, const fpmp_master_t *master,
                    const fpmp_master_facts_t *facts, fpmp_view_t *view,
                    const fpmp_httpd_t *httpd)
{
    fpmp_asked_t *asked =
        fpmp_foreign_ask(plan->pool, view, fpmp_plan_sockets(plan, master));

    fpmp_facts_answer(plan->pool, facts, lookup_time(plan), asked);
    view->asked = asked;
    return fpmp_drift_master(plan, master, facts, view, httpd, geteuid());
}

int fpmp_plan_say(fpmp_plan_t *plan, server_rec *s, int bare)
{
    int i, broken = 0;

    fpmp_findings_sort(plan);
    for (i = 0; i < plan->findings->nelts; i++) {
        const fpmp_finding_t *finding = APR_ARRAY_IDX(plan->findings, i, fpmp_finding_t *);
        int level = finding->weight == FPMP_BROKEN ? APLOG_ERR : APLOG_NOTICE;

        broken += finding->weight == FPMP_BROKEN;
        ap_log_error(APLOG_MARK, bare ? APLOG_STARTUP | level : level, 0, bare ? NULL : s,
                     "%s", fpmp_finding_text(plan->pool, finding));
    }
    return broken;
}
