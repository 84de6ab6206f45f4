/* SPDX-License-Identifier: Apache-2.0
 *
 * The status in Prometheus' text format, version 0.0.4: each metric as a whole, since its
 * lines have to stand together. What is not known has no line.
 * Source: prometheus.io/docs/instrumenting/exposition_formats, "Text format details".
 */
#include "status.h"

#include <string.h>

/* The value of a label: '\', '"' and newline are escaped, the rest is UTF-8 as it is. */
static const char *label(apr_pool_t *p, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    char *out = apr_palloc(p, 3 * strlen(text) + 1), *to = out;

    while (*at) {
        int bytes = fpmp_utf8_bytes(at);

        if (*at == '\\' || *at == '"' || *at == '\n') {
            *to++ = '\\';
            *to++ = *at == '\n' ? 'n' : (char)*at;
        }
        else if (bytes) {
            memcpy(to, at, bytes);
            to += bytes;
        }
        else {
            memcpy(to, "\xef\xbf\xbd", 3); /* U+FFFD */
            to += 3;
        }
        at += bytes ? bytes : 1;
    }
    *to = '\0';
    return out;
}

static void put_head(apr_pool_t *p, const char *metric, const char *type, const char *help,
                     fpmp_put_t put, void *baton)
{
    put(baton, apr_psprintf(p, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric, type));
}

/* Lines that name no chain would all have the same labels: they are in fpmpool_pools only.
 */
static void put_metric(apr_pool_t *p, const fpmp_status_t *status,
                       const fpmp_status_field_t *field, fpmp_put_t put, void *baton)
{
    int i;

    put_head(p, field->metric, field->type, field->help, put, baton);
    for (i = 0; i < status->rows->nelts; i++) {
        const fpmp_status_row_t *row = &APR_ARRAY_IDX(status->rows, i, fpmp_status_row_t);
        apr_int64_t n = field->number(status, row);

        if (n >= 0 && row->chain) {
            put(baton,
                apr_psprintf(p, "%s{pool=\"%s\",master=\"%s\"} %" APR_INT64_T_FMT "\n",
                             field->metric, label(p, row->chain->pool),
                             label(p, row->chain->master->name), n));
        }
        apr_pool_clear(p);
    }
}

void fpmp_status_prom(apr_pool_t *p, const fpmp_status_t *status, fpmp_put_t put,
                      void *baton)
{
    const fpmp_status_field_t *field;
    apr_pool_t *sub;
    int i;

    apr_pool_create(&sub, p);
    put_head(p, "fpmpool_pools", "gauge", "Pools in each state", put, baton);
    for (i = 0; i < FPMP_HEALTH_COUNT; i++) {
        put(baton, apr_psprintf(p, "fpmpool_pools{state=\"%s\"} %d\n",
                                fpmp_health_name((fpmp_health_e)i), status->counts[i]));
    }
    for (field = fpmp_status_fields; field->text || field->number; field++) {
        if (field->metric) {
            put_metric(sub, status, field, put, baton);
        }
    }
    put_head(p, "fpmpool_status_duration_seconds", "gauge",
             "Time that looking at all pools took", put, baton);
    put(baton, apr_psprintf(p, "fpmpool_status_duration_seconds %.6f\n",
                            status->took_us / 1000000.0));
}
