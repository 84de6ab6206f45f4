/* SPDX-License-Identifier: Apache-2.0
 *
 * The status as JSON: one object, "pools" with one object of the same members for each.
 * What is not known is null.
 */
#include "status.h"

static const char *hosts(apr_pool_t *p, const fpmp_status_row_t *row)
{
    apr_array_header_t *parts = apr_array_make(p, 4, sizeof(const char *));
    int i;

    for (i = 0; i < row->hosts->nelts; i++) {
        APR_ARRAY_PUSH(parts, const char *) =
            fpmp_json_string(p, APR_ARRAY_IDX(row->hosts, i, const char *));
    }
    return apr_psprintf(p, "[%s]", apr_array_pstrcat(p, parts, ','));
}

static const char *value(apr_pool_t *p, const fpmp_status_t *status,
                         const fpmp_status_row_t *row, const fpmp_status_field_t *field)
{
    apr_int64_t n;

    if (field->kind == FPMP_FIELD_LIST) {
        return hosts(p, row);
    }
    if (field->kind == FPMP_FIELD_TEXT) {
        return fpmp_json_string(p, field->text(p, status, row));
    }
    n = field->number(status, row);
    return n < 0 ? "null" : apr_psprintf(p, "%" APR_INT64_T_FMT, n);
}

static void put_row(apr_pool_t *p, const fpmp_status_t *status,
                    const fpmp_status_row_t *row, fpmp_put_t put, void *baton)
{
    const fpmp_status_field_t *field;
    const char *sep = "\n    { ";

    for (field = fpmp_status_fields; field->text || field->number; field++) {
        if (field->key) {
            put(baton, apr_psprintf(p, "%s\"%s\": %s", sep, field->key,
                                    value(p, status, row, field)));
            sep = ", ";
        }
    }
    put(baton, " }");
}

void fpmp_status_json(apr_pool_t *p, const fpmp_status_t *status, fpmp_put_t put,
                      void *baton)
{
    apr_pool_t *sub;
    int i;

    apr_pool_create(&sub, p);
    put(baton, apr_psprintf(p,
                            "{\n  \"version\": \"%s\",\n  \"time\": %" APR_INT64_T_FMT ",\n"
                            "  \"took_ms\": %.1f,\n  \"limit_ms\": %d,\n  \"counts\": {",
                            FPMP_VERSION, status->now_sec, status->took_us / 1000.0,
                            status->limit_ms));
    for (i = 0; i < FPMP_HEALTH_COUNT; i++) {
        put(baton, apr_psprintf(p, "%s \"%s\": %d", i ? "," : "",
                                fpmp_health_name((fpmp_health_e)i), status->counts[i]));
    }
    put(baton, " },\n  \"pools\": [");
    for (i = 0; i < status->rows->nelts; i++) {
        put(baton, i ? "," : "");
        put_row(sub, status, &APR_ARRAY_IDX(status->rows, i, fpmp_status_row_t), put,
                baton);
        apr_pool_clear(sub);
    }
    put(baton, status->rows->nelts ? "\n  ]\n}\n" : "]\n}\n");
}
