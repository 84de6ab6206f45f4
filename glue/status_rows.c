/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of the status page: what the configuration says of each pool, what httpd's
 * processes know together, what host/ sees and hears. Served by a child, who is httpd's
 * user. Entry point: fpmp_status_gather.
 */
#include "glue.h"

#include "http_main.h"

#include <apr_atomic.h>
#include <stdlib.h>

/* ---- from the configuration ---------------------------------------------------------- */

static void add_host(apr_array_header_t *hosts, const char *host)
{
    int last = hosts->nelts - 1;

    /* A name may have two virtual hosts, :80 and :443, mostly one behind the other. */
    if (last < 0 || strcmp(APR_ARRAY_IDX(hosts, last, const char *), host) != 0) {
        APR_ARRAY_PUSH(hosts, const char *) = host;
    }
}

static fpmp_status_row_t *row_of_line(const fpmp_plan_t *plan, fpmp_status_t *status,
                                      const fpmp_line_t *line, apr_hash_t *refused)
{
    void *at = line->chain ? NULL : apr_hash_get(refused, &line, sizeof(line));

    if (line->chain && line->chain->state) {
        return &APR_ARRAY_IDX(status->rows, line->chain->state - plan->states->chains,
                              fpmp_status_row_t);
    }
    return at ? &APR_ARRAY_IDX(status->rows, (apr_uintptr_t)at - 1, fpmp_status_row_t)
              : NULL;
}

/* One row for each chain, in the order of plan->chains, then one for each refused line. */
static void make_rows(apr_pool_t *p, const fpmp_plan_t *plan, fpmp_status_t *status,
                      apr_hash_t *refused)
{
    int i;

    for (i = 0; i < plan->chains->nelts; i++) {
        const fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, const fpmp_chain_t *);
        fpmp_status_row_t *row = apr_array_push(status->rows);
        const char *most = fpmp_chain_setting(chain, "pm.max_children");

        row->user = chain->user;
        row->chain = chain;
        row->where = chain->where;
        row->hosts = apr_array_make(p, 2, sizeof(const char *));
        row->pm = fpmp_chain_setting(chain, "pm");
        row->children_max = most ? atoi(most) : 0;
    }
    for (i = 0; i < plan->lines->nelts; i++) {
        const fpmp_line_t *const *line =
            &APR_ARRAY_IDX(plan->lines, i, const fpmp_line_t *);
        fpmp_status_row_t *row;

        if (!(*line)->refused || (*line)->chain) {
            continue;
        }
        row = apr_array_push(status->rows);
        row->user = (*line)->user;
        row->hosts = apr_array_make(p, 2, sizeof(const char *));
        row->phase = FPMP_PHASE_BROKEN;
        row->code = (*line)->refused->code;
        row->where = (*line)->where;
        row->start_wrong = (*line)->refused->seen;
        row->start_mend = (*line)->refused->mend;
        apr_hash_set(refused, line, sizeof(*line),
                     (void *)(apr_uintptr_t)status->rows->nelts);
    }
}

static void turn_round(apr_array_header_t *hosts)
{
    int i, k;

    for (i = 0, k = hosts->nelts - 1; i < k; i++, k--) {
        const char *host = APR_ARRAY_IDX(hosts, i, const char *);

        APR_ARRAY_IDX(hosts, i, const char *) = APR_ARRAY_IDX(hosts, k, const char *);
        APR_ARRAY_IDX(hosts, k, const char *) = host;
    }
}

/* httpd lists the virtual hosts last one first.
 * A line of a section is in force for files only; it counts for the host it stands in. */
static void name_hosts(const fpmp_plan_t *plan, server_rec *s, fpmp_status_t *status,
                       apr_hash_t *refused)
{
    fpmp_status_row_t *row;
    int i;

    for (; s; s = s->next) {
        const fpmp_dir_t *dir = ap_get_module_config(s->lookup_defaults, &fpmpool_module);

        row = dir && dir->line ? row_of_line(plan, status, dir->line, refused) : NULL;
        if (row && s->server_hostname) {
            add_host(row->hosts, s->server_hostname);
        }
    }
    for (i = 0; i < status->rows->nelts; i++) {
        turn_round(APR_ARRAY_IDX(status->rows, i, fpmp_status_row_t).hosts);
    }
    for (i = 0; i < plan->lines->nelts; i++) {
        const fpmp_line_t *line = APR_ARRAY_IDX(plan->lines, i, const fpmp_line_t *);

        row = row_of_line(plan, status, line, refused);
        if (row && row->hosts->nelts == 0) {
            add_host(row->hosts, line->host ? line->host : "(main server)");
        }
    }
}

/* ---- what httpd's processes know ----------------------------------------------------- */

static void take_state(fpmp_status_row_t *row)
{
    fpmp_state_t *state = row->chain->state;

    row->phase = (fpmp_phase_e)fpmp_state_phase(state);
    row->code = state->code;
    row->start_wrong = state->wrong;
    row->start_mend = state->mend;
    row->error = (int)apr_atomic_read32(&state->error);
    row->error_at_sec = apr_atomic_read32(&state->error_at);
    row->errors = apr_atomic_read32(&state->errors);
}

/* ---- what host/ sees and hears ------------------------------------------------------- */

static fpmp_status_master_t *master_of(apr_array_header_t *masters,
                                       const fpmp_master_t *master)
{
    fpmp_status_master_t *seen;
    int i;

    for (i = 0; i < masters->nelts; i++) {
        seen = APR_ARRAY_IDX(masters, i, fpmp_status_master_t *);
        if (seen->master == master) {
            return seen;
        }
    }
    seen = apr_pcalloc(masters->pool, sizeof(*seen));
    seen->master = master;
    APR_ARRAY_PUSH(masters, fpmp_status_master_t *) = seen;
    return seen;
}

static void see_pools(apr_pool_t *p, fpmp_status_t *status)
{
    apr_array_header_t *masters = apr_array_make(p, 2, sizeof(fpmp_status_master_t *));
    apr_array_header_t *pools =
        apr_array_make(p, status->rows->nelts + 1, sizeof(fpmp_status_seen_t *));
    int i;

    for (i = 0; i < status->rows->nelts; i++) {
        fpmp_status_row_t *row = &APR_ARRAY_IDX(status->rows, i, fpmp_status_row_t);

        if (row->chain && row->chain->socket_path) {
            row->seen = apr_pcalloc(p, sizeof(*row->seen));
            row->seen->master = master_of(masters, row->chain->master);
            row->seen->pool = row->chain->pool;
            row->seen->socket_path = row->chain->socket_path;
            row->seen->file_path = row->chain->pool_file_path;
            APR_ARRAY_PUSH(pools, fpmp_status_seen_t *) = row->seen;
        }
    }
    fpmp_pools_look(p, masters, pools);
}

static void ask_pools(apr_pool_t *p, fpmp_status_t *status)
{
    apr_array_header_t *asks = apr_array_make(p, 16, sizeof(fpmp_ask_t *));
    apr_array_header_t *asked = apr_array_make(p, 16, sizeof(fpmp_status_row_t *));
    const char *path = NULL;
    char *request = NULL;
    apr_size_t len = 0;
    int i;

    for (i = 0; i < status->rows->nelts; i++) {
        fpmp_status_row_t *row = &APR_ARRAY_IDX(status->rows, i, fpmp_status_row_t);
        fpmp_ask_t *ask;

        if (!fpmp_status_asks(row) || !row->chain->status_path) {
            continue;
        }
        ask = apr_pcalloc(p, sizeof(*ask));
        ask->socket_path = row->chain->socket_path;
        if (!path || strcmp(path, row->chain->status_path) != 0) { /* mostly all the same */
            path = row->chain->status_path;
            request = fpmp_status_request(p, path, &len);
        }
        ask->request = request;
        ask->request_len = len;
        APR_ARRAY_PUSH(asks, fpmp_ask_t *) = ask;
        APR_ARRAY_PUSH(asked, fpmp_status_row_t *) = row;
    }
    fpmp_pools_ask(p, asks, status->limit_ms);
    for (i = 0; i < asks->nelts; i++) {
        const fpmp_ask_t *ask = APR_ARRAY_IDX(asks, i, const fpmp_ask_t *);
        fpmp_status_row_t *row = APR_ARRAY_IDX(asked, i, fpmp_status_row_t *);

        row->ask = ask->how;
        row->err = ask->err;
        row->figures = ask->figures;
    }
}

fpmp_status_t *fpmp_status_gather(apr_pool_t *p, server_rec *s, int limit_ms)
{
    const fpmp_plan_t *plan = fpmp_plan_of(s->process->pconf);
    fpmp_status_t *status = apr_pcalloc(p, sizeof(*status));
    apr_hash_t *refused = apr_hash_make(p);
    apr_time_t began = apr_time_now();
    int i;

    status->limit_ms = limit_ms;
    status->now_sec = apr_time_sec(began);
    status->date = ap_ht_time(p, began, "%Y-%m-%d %H:%M:%S %Z", 0);
    status->rows = apr_array_make(p, plan->chains->nelts + 1, sizeof(fpmp_status_row_t));
    if (plan->states) {
        make_rows(p, plan, status, refused);
        name_hosts(plan, ap_server_conf, status, refused);
    }
    for (i = 0; i < status->rows->nelts; i++) {
        fpmp_status_row_t *row = &APR_ARRAY_IDX(status->rows, i, fpmp_status_row_t);

        if (row->chain) {
            take_state(row);
        }
    }
    see_pools(p, status);
    if (limit_ms > 0) {
        ask_pools(p, status);
    }
    fpmp_status_judge(p, status);
    status->took_us = apr_time_now() - began;
    return status;
}
