/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of what is shown of a pool: one row is a column of the HTML page, a member of
 * the JSON object and a metric of Prometheus. A new figure is a new row here.
 */
#include "status.h"

/* ---- texts -------------------------------------------------------------------------- */

const char *fpmp_status_code(const fpmp_status_row_t *row)
{
    return row->phase == FPMP_PHASE_BROKEN ? row->code : NULL;
}

#define TEXT(name, value)                                                                  \
    static const char *name(apr_pool_t *p, const fpmp_status_t *status,                    \
                            const fpmp_status_row_t *row)                                  \
    {                                                                                      \
        (void)p, (void)status;                                                             \
        return value;                                                                      \
    }

TEXT(state, fpmp_health_name(row->health))
TEXT(wrong, row->wrong)
TEXT(mend, row->mend)
TEXT(user, row->user)
TEXT(pool, row->chain ? row->chain->pool : NULL)
TEXT(master, row->chain ? row->chain->master->name : NULL)
TEXT(socket_path, row->chain ? row->chain->socket_path : NULL)
TEXT(file, row->chain ? row->chain->pool_file_path : NULL)
TEXT(pm, row->pm)
TEXT(place,
     row->where.file ? apr_psprintf(p, "%s:%d", row->where.file, row->where.line) : NULL)
TEXT(start_code, fpmp_status_code(row))
TEXT(error_code, row->error ? apr_psprintf(p, "FPMP%04d", row->error) : NULL)
TEXT(error_words, row->error ? fpmp_status_error_words(row->error) : NULL)

static const char *file_state(apr_pool_t *p, const fpmp_status_t *status,
                              const fpmp_status_row_t *row)
{
    static const char *const marks[] = {
        [FPMP_MARK_NONE] = "of somebody else",
        [FPMP_MARK_WHOLE] = "in place",
        [FPMP_MARK_EDITED] = "edited by hand",
    };
    const fpmp_status_seen_t *seen = row->seen;

    (void)p, (void)status;
    if (!seen || !seen->file_path) {
        return NULL;
    }
    return seen->file.lookup == FPMP_LOOKUP_MISSING ? "missing"
           : seen->file.lookup != FPMP_LOOKUP_FOUND ? "cannot be looked at"
           : seen->file_read                        ? marks[seen->mark]
                                                    : "there, cannot be read";
}

/* "12 s", "3 min", "2 h", "5 d": one unit is enough to see how fresh it is. */
static const char *span(apr_pool_t *p, apr_int64_t sec)
{
    static const struct {
        apr_int64_t from_sec, unit_sec;
        const char *name;
    } units[] = {
        { 172800, 86400, "d" },
        { 7200, 3600, "h" },
        { 120, 60, "min" },
        { 0, 1, "s" },
    };
    int i = 0;

    sec = sec < 0 ? 0 : sec;
    while (sec < units[i].from_sec) {
        i++;
    }
    return apr_psprintf(p, "%" APR_INT64_T_FMT " %s", sec / units[i].unit_sec,
                        units[i].name);
}

static const char *last_error(apr_pool_t *p, const fpmp_status_t *status,
                              const fpmp_status_row_t *row)
{
    return !row->error ? NULL
                       : apr_psprintf(p, "FPMP%04d, %s ago: %s", row->error,
                                      span(p, status->now_sec - row->error_at_sec),
                                      fpmp_status_error_words(row->error));
}

/* ---- numbers, -1: not known ---------------------------------------------------------- */

#define NUMBER(name, value)                                                                \
    static apr_int64_t name(const fpmp_status_t *status, const fpmp_status_row_t *row)     \
    {                                                                                      \
        (void)status;                                                                      \
        return value;                                                                      \
    }
#define SAID(figure) (row->ask == FPMP_ASK_ANSWERED ? row->figures.figure : -1)

NUMBER(up, row->health != FPMP_HEALTH_BROKEN && row->health != FPMP_HEALTH_FULL &&
               row->health != FPMP_HEALTH_SILENT)
NUMBER(busy, row->busy)
NUMBER(idle, row->idle)
NUMBER(children, row->children)
NUMBER(children_max, row->children_max > 0 ? row->children_max : -1)
NUMBER(queue, row->queue)
NUMBER(queue_max, row->seen ? row->seen->queue_max : -1)
NUMBER(slow, SAID(slow))
NUMBER(requests, SAID(requests))
NUMBER(since, SAID(since_sec))
NUMBER(max_reached, SAID(max_reached))
NUMBER(errors, row->chain ? row->errors : -1)
NUMBER(error_at, row->error ? row->error_at_sec : -1)

const fpmp_status_field_t fpmp_status_fields[] = {
    { .label = "State", .key = "state", .text = state },
    { .kind = FPMP_FIELD_NUMBER,
      .number = up,
      .metric = "fpmpool_pool_up",
      .type = "gauge",
      .help = "1: the pool can take a request now" },
    { .key = "wrong", .text = wrong },
    { .key = "mend", .text = mend },
    { .key = "code", .text = start_code },
    { .label = "User", .key = "user", .text = user },
    { .label = "Hosts",
      .under = FPMP_UNDER,
      .key = "hosts",
      .kind = FPMP_FIELD_LIST,
      .text = user },
    { .label = "Line", .under = FPMP_UNDER, .key = "line", .text = place },
    { .key = "pool", .text = pool },
    { .label = "PHP-FPM", .key = "master", .text = master },
    { .label = "Socket", .under = FPMP_UNDER, .key = "socket", .text = socket_path },
    { .key = "pool_file", .text = file },
    { .label = "Pool file",
      .under = FPMP_UNDER_NAMED,
      .key = "pool_file_state",
      .text = file_state },
    { .label = "pm", .under = FPMP_UNDER_NAMED, .key = "pm", .text = pm },
    { .label = "Busy",
      .key = "busy",
      .kind = FPMP_FIELD_NUMBER,
      .number = busy,
      .metric = "fpmpool_pool_children_busy",
      .type = "gauge",
      .help = "Children that serve a request" },
    { .label = "Idle",
      .key = "idle",
      .kind = FPMP_FIELD_NUMBER,
      .number = idle,
      .metric = "fpmpool_pool_children_idle",
      .type = "gauge",
      .help = "Children that wait for a request" },
    { .key = "children",
      .kind = FPMP_FIELD_NUMBER,
      .number = children,
      .metric = "fpmpool_pool_children",
      .type = "gauge",
      .help = "Children of the pool" },
    { .label = "Max",
      .key = "max_children",
      .kind = FPMP_FIELD_NUMBER,
      .number = children_max,
      .metric = "fpmpool_pool_children_limit",
      .type = "gauge",
      .help = "pm.max_children of the pool" },
    { .label = "Queue",
      .key = "queue",
      .kind = FPMP_FIELD_NUMBER,
      .number = queue,
      .metric = "fpmpool_pool_queue_length",
      .type = "gauge",
      .help = "Requests that no child has taken yet" },
    { .key = "queue_max",
      .kind = FPMP_FIELD_NUMBER,
      .number = queue_max,
      .metric = "fpmpool_pool_queue_limit",
      .type = "gauge",
      .help = "Requests that the queue can hold" },
    { .label = "Slow",
      .key = "slow",
      .kind = FPMP_FIELD_NUMBER,
      .number = slow,
      .metric = "fpmpool_pool_slow_requests_total",
      .type = "counter",
      .help = "Requests over request_slowlog_timeout since the pool began" },
    { .label = "Requests",
      .key = "requests",
      .kind = FPMP_FIELD_NUMBER,
      .number = requests,
      .metric = "fpmpool_pool_requests_total",
      .type = "counter",
      .help = "Connections taken since the pool began, those of this page among them" },
    { .key = "since_sec",
      .kind = FPMP_FIELD_NUMBER,
      .number = since,
      .metric = "fpmpool_pool_age_seconds",
      .type = "gauge",
      .help = "Time since the pool began" },
    { .key = "max_children_reached",
      .kind = FPMP_FIELD_NUMBER,
      .number = max_reached,
      .metric = "fpmpool_pool_children_limit_reached_total",
      .type = "counter",
      .help = "How often pm.max_children was reached since the pool began" },
    { .label = "Last error", .text = last_error },
    { .key = "last_error", .text = error_code },
    { .key = "last_error_words", .text = error_words },
    { .key = "last_error_time",
      .kind = FPMP_FIELD_NUMBER,
      .number = error_at,
      .metric = "fpmpool_pool_last_error_timestamp_seconds",
      .type = "gauge",
      .help = "When a request of this pool was last answered with an error of the module" },
    { .key = "errors",
      .kind = FPMP_FIELD_NUMBER,
      .number = errors,
      .metric = "fpmpool_pool_errors_total",
      .type = "counter",
      .help = "Errors of the module since httpd's last start or reload" },
    { .text = NULL, .number = NULL },
};

const fpmp_status_form_t fpmp_status_forms[] = {
    { .name = "", .content_type = "text/html; charset=utf-8", .write = fpmp_status_html },
    { .name = "json", .content_type = "application/json", .write = fpmp_status_json },
    { .name = "prometheus",
      .content_type = "text/plain; version=0.0.4; charset=utf-8",
      .write = fpmp_status_prom },
    { .name = NULL },
};
