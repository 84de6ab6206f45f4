/* SPDX-License-Identifier: Apache-2.0
 *
 * The status as one HTML page: no script, no picture, nothing from elsewhere. Every text
 * goes through escape(), whoever it came from.
 */
#include "status.h"

#include <string.h>

#define HOSTS_OPEN 3             /* shown at once; more fold away */
#define HOSTS_MAX 200            /* of one pool; ?json has all */
#define NOT_KNOWN "\xe2\x80\x93" /* U+2013 */

/* Text for an element or a quoted attribute. Control characters, and bytes that are no
 * UTF-8, are shown as U+FFFD. */
static const char *escape(apr_pool_t *p, const char *text)
{
    static const struct {
        unsigned char byte;
        const char *entity;
    } special[] = {
        { '&', "&amp;" },  { '<', "&lt;" },   { '>', "&gt;" },
        { '"', "&quot;" }, { '\'', "&#39;" }, { 0x7f, "\xef\xbf\xbd" },
    };
    const unsigned char *at = (const unsigned char *)text;
    char *out = apr_palloc(p, 6 * strlen(text) + 1), *to = out;

    while (*at) {
        int bytes = fpmp_utf8_bytes(at);
        const char *from = bytes ? (const char *)at : "\xef\xbf\xbd";
        apr_size_t i, len = bytes ? (apr_size_t)bytes : 3;

        for (i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
            if (*at == special[i].byte) {
                from = special[i].entity;
                len = strlen(from);
            }
        }
        memcpy(to, from, len);
        to += len;
        at += bytes ? bytes : 1;
    }
    *to = '\0';
    return out;
}

/* ---- what one field shows ------------------------------------------------------------ */

static const char *hosts(apr_pool_t *p, const fpmp_status_row_t *row)
{
    apr_array_header_t *parts = apr_array_make(p, 8, sizeof(const char *));
    int i, count = row->hosts->nelts;

    for (i = 0; i < count && i < HOSTS_MAX; i++) {
        if (i == HOSTS_OPEN) {
            APR_ARRAY_PUSH(parts, const char *) = apr_psprintf(
                p, " <details><summary>and %d more</summary>", count - HOSTS_OPEN);
        }
        APR_ARRAY_PUSH(parts, const char *) =
            apr_pstrcat(p, i && i != HOSTS_OPEN ? ", " : "",
                        escape(p, APR_ARRAY_IDX(row->hosts, i, const char *)), NULL);
    }
    if (count > HOSTS_MAX) {
        APR_ARRAY_PUSH(parts, const char *) =
            apr_psprintf(p, ", and %d more in JSON", count - HOSTS_MAX);
    }
    if (count > HOSTS_OPEN) {
        APR_ARRAY_PUSH(parts, const char *) = "</details>";
    }
    return count ? apr_array_pstrcat(p, parts, 0) : NULL;
}

/* NULL: nothing to show. */
static const char *value(apr_pool_t *p, const fpmp_status_t *status,
                         const fpmp_status_row_t *row, const fpmp_status_field_t *field)
{
    const char *text;
    apr_int64_t n;

    if (field->kind == FPMP_FIELD_LIST) {
        return hosts(p, row);
    }
    if (field->kind == FPMP_FIELD_TEXT) {
        text = field->text(p, status, row);
        return text ? escape(p, text) : NULL;
    }
    n = field->number(status, row);
    return n < 0 ? NULL : apr_psprintf(p, "%" APR_INT64_T_FMT, n);
}

/* ---- the parts of the page ----------------------------------------------------------- */

static void put_refresh_links(apr_pool_t *p, const fpmp_status_t *status, fpmp_put_t put,
                              void *baton)
{
    static const int choices[] = { 0, 5, 30 };
    apr_size_t i;

    put(baton, "<nav>Refresh: ");
    for (i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        const char *name = choices[i] ? apr_psprintf(p, "%d s", choices[i]) : "off";

        put(baton,
            choices[i] == status->refresh_sec
                ? apr_psprintf(p, "<b>%s</b>", name)
                : apr_psprintf(p, "<a href=\"?%s\">%s</a>",
                               choices[i] ? apr_psprintf(p, "refresh=%d", choices[i]) : "",
                               name));
    }
    put(baton, "<a href=\"?json\">JSON</a><a href=\"?prometheus\">Prometheus</a></nav>\n");
}

static void put_head(apr_pool_t *p, const fpmp_status_t *status, fpmp_put_t put,
                     void *baton)
{
    int i, urgent = status->counts[FPMP_HEALTH_BROKEN] + status->counts[FPMP_HEALTH_FULL] +
                    status->counts[FPMP_HEALTH_SILENT];

    put(baton, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
               "<meta name=\"color-scheme\" content=\"light dark\">\n");
    if (status->refresh_sec > 0) {
        put(baton, apr_psprintf(p, "<meta http-equiv=\"refresh\" content=\"%d\">\n",
                                status->refresh_sec));
    }
    put(baton, urgent ? apr_psprintf(p, "<title>(%d) PHP-FPM pools</title>\n", urgent)
                      : "<title>PHP-FPM pools</title>\n");
    put(baton, apr_pstrcat(p, "<style>", fpmp_status_css,
                           "</style></head>\n<body><h1>PHP-FPM "
                           "pools</h1>\n<p class=\"sum\">",
                           NULL));
    for (i = 0; i < FPMP_HEALTH_COUNT; i++) {
        if (status->counts[i]) {
            const char *name = fpmp_health_name((fpmp_health_e)i);

            put(baton, apr_psprintf(p, "<span class=\"s %s\">%d %s</span>", name,
                                    status->counts[i], name));
        }
    }
    put(baton, status->rows->nelts ? "</p>\n" : "There is no FPMUser line.</p>\n");
    put_refresh_links(p, status, put, baton);
}

static void put_headings(apr_pool_t *p, fpmp_put_t put, void *baton)
{
    const fpmp_status_field_t *field;

    put(baton, "<table><thead><tr>");
    for (field = fpmp_status_fields; field->text || field->number; field++) {
        if (field->label && !field->under) {
            put(baton, apr_psprintf(p, "<th scope=\"col\"%s>%s</th>",
                                    field->kind == FPMP_FIELD_NUMBER ? " class=\"n\"" : "",
                                    field->label));
        }
    }
    put(baton, "</tr></thead>\n");
}

/* One cell: the field, and those that stand below it in small letters. Returns the last. */
static const fpmp_status_field_t *put_cell(apr_pool_t *p, const fpmp_status_t *status,
                                           const fpmp_status_row_t *row,
                                           const fpmp_status_field_t *field, fpmp_put_t put,
                                           void *baton)
{
    const char *text = value(p, status, row, field);
    int is_state = field == fpmp_status_fields;

    put(baton,
        apr_psprintf(p, "<td data-label=\"%s\" class=\"%s%s\"><div>", field->label,
                     field->kind == FPMP_FIELD_NUMBER ? "n" : "", text ? "" : " none"));
    put(baton, is_state ? apr_psprintf(p, "<span class=\"s\">%s</span>", text)
               : text   ? text
                        : NOT_KNOWN);
    for (; field[1].text || field[1].number; field++) {
        if (field[1].label && !field[1].under) {
            break;
        }
        text = field[1].label ? value(p, status, row, &field[1]) : NULL;
        if (text) {
            put(baton, apr_pstrcat(p, "<small>",
                                   field[1].under == FPMP_UNDER_NAMED ? field[1].label : "",
                                   field[1].under == FPMP_UNDER_NAMED ? ": " : "", text,
                                   "</small>", NULL));
        }
    }
    put(baton, "</div></td>");
    return field;
}

/* What is wrong, with its code where it has one, and below it what to do. */
static void put_why(apr_pool_t *p, const fpmp_status_row_t *row, int columns,
                    fpmp_put_t put, void *baton)
{
    const char *code = fpmp_status_code(row);

    put(baton,
        apr_psprintf(p, "<tr class=\"why\"><td colspan=\"%d\">%s%s%s", columns,
                     code ? code : "", code ? ": " : "", escape(p, row->wrong)));
    if (row->mend) {
        put(baton,
            apr_psprintf(p, "<div><b>What to do:</b> %s</div>", escape(p, row->mend)));
    }
    put(baton, "</td></tr>\n");
}

static void put_row(apr_pool_t *p, const fpmp_status_t *status,
                    const fpmp_status_row_t *row, fpmp_put_t put, void *baton)
{
    const fpmp_status_field_t *field;
    int columns = 0;

    put(baton, apr_psprintf(p, "<tbody class=\"%s\"><tr>", fpmp_health_name(row->health)));
    for (field = fpmp_status_fields; field->text || field->number; field++) {
        if (field->label) {
            field = put_cell(p, status, row, field, put, baton);
            columns++;
        }
    }
    put(baton, "</tr>\n");
    if (row->wrong) {
        put_why(p, row, columns, put, baton);
    }
    put(baton, "</tbody>\n");
}

void fpmp_status_html(apr_pool_t *p, const fpmp_status_t *status, fpmp_put_t put,
                      void *baton)
{
    apr_pool_t *sub;
    int i;

    apr_pool_create(&sub, p);
    put_head(p, status, put, baton);
    if (status->rows->nelts) {
        put_headings(p, put, baton);
    }
    for (i = 0; i < status->rows->nelts; i++) {
        put_row(sub, status, &APR_ARRAY_IDX(status->rows, i, fpmp_status_row_t), put,
                baton);
        apr_pool_clear(sub);
    }
    put(baton,
        apr_psprintf(
            p,
            "%s<footer><p>%d pool%s, looked at in %.1f ms on %s. Pools with an idle child "
            "were asked; of the others the kernel says what is shown.</p>%s</footer>\n"
            "</body></html>\n",
            status->rows->nelts ? "</table>\n" : "", status->rows->nelts,
            status->rows->nelts == 1 ? "" : "s", status->took_us / 1000.0, status->date,
            status->local_only ? "<p>Only this machine gets this page: no Require "
                                 "stands beside SetHandler.</p>"
                               : ""));
}
