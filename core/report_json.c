/* SPDX-License-Identifier: Apache-2.0
 *
 * The chains as JSON, for programs: the same rows as report.c. json.c has the strings.
 */
#include "hosts.h"
#include "report.h"
#include "status.h"
#include "via.h"

#include <string.h>

static const char *string(apr_pool_t *p, const char *text)
{
    return fpmp_json_string(p, text);
}

/* "[a, b]" of ready texts, each on its own line below depth blanks. */
static const char *list(apr_pool_t *p, const apr_array_header_t *items, int depth)
{
    apr_array_header_t *parts = apr_array_make(p, 8, sizeof(const char *));
    int i;

    for (i = 0; i < items->nelts; i++) {
        APR_ARRAY_PUSH(parts, const char *) = apr_psprintf(
            p, "%s\n%*s%s", i ? "," : "", depth, "", APR_ARRAY_IDX(items, i, const char *));
    }
    return items->nelts
               ? apr_psprintf(p, "[%s\n%*s]", apr_array_pstrcat(p, parts, 0), depth - 2, "")
               : "[]";
}

static const char *place(apr_pool_t *p, const fpmp_where_t *where)
{
    return apr_psprintf(p, "\"file\": %s, \"line\": %d", string(p, where->file),
                        where->line);
}

static const char *finding_object(apr_pool_t *p, const fpmp_finding_t *finding)
{
    return apr_psprintf(
        p, "{ \"code\": %s, \"link\": %s, \"weight\": %s, \"seen\": %s, \"mend\": %s, %s }",
        string(p, finding->code), string(p, fpmp_link_name(finding->link)),
        string(p, fpmp_weight_name(finding->weight)), string(p, finding->seen),
        string(p, finding->mend), place(p, &finding->where));
}

static const char *findings_list(apr_pool_t *p, const apr_array_header_t *found, int depth)
{
    apr_array_header_t *items = apr_array_make(p, 4, sizeof(const char *));
    int i;

    for (i = 0; i < found->nelts; i++) {
        APR_ARRAY_PUSH(items, const char *) =
            finding_object(p, APR_ARRAY_IDX(found, i, const fpmp_finding_t *));
    }
    return list(p, items, depth);
}

static const char *lines_list(apr_pool_t *p, const fpmp_chain_t *chain)
{
    apr_array_header_t *items = apr_array_make(p, 4, sizeof(const char *));
    int i;

    for (i = 0; i < chain->lines->nelts; i++) {
        APR_ARRAY_PUSH(items, const char *) = apr_psprintf(
            p, "{ %s }", place(p, &APR_ARRAY_IDX(chain->lines, i, fpmp_line_t *)->where));
    }
    return list(p, items, 8);
}

static const char *hosts_list(apr_pool_t *p, const fpmp_chain_t *chain,
                              const apr_array_header_t *sites)
{
    apr_array_header_t *items = apr_array_make(p, 4, sizeof(const char *));
    int i;

    for (i = 0; i < sites->nelts; i++) {
        const fpmp_site_t *site = APR_ARRAY_IDX(sites, i, const fpmp_site_t *);

        if (site->line->chain == chain) {
            APR_ARRAY_PUSH(items, const char *) =
                apr_psprintf(p, "{ \"host\": %s, \"root\": %s, %s }", string(p, site->host),
                             string(p, site->root), place(p, &site->line->where));
        }
    }
    return list(p, items, 8);
}

static const char *links_list(apr_pool_t *p, const fpmp_plan_t *plan,
                              const fpmp_chain_t *chain)
{
    apr_array_header_t *items = apr_array_make(p, FPMP_REPORT_ROWS, sizeof(const char *));
    fpmp_report_row_t rows[FPMP_REPORT_ROWS];
    int i;

    fpmp_report_rows(p, plan, chain, rows);
    for (i = 0; i < FPMP_REPORT_ROWS; i++) {
        APR_ARRAY_PUSH(items, const char *) =
            apr_psprintf(p, "{ \"link\": %s, \"value\": %s, \"state\": %s, \"code\": %s }",
                         string(p, fpmp_link_name(rows[i].link)), string(p, rows[i].value),
                         string(p, strcmp(rows[i].state, "-") == 0 ? NULL : rows[i].state),
                         string(p, rows[i].finding ? rows[i].finding->code : NULL));
    }
    return list(p, items, 8);
}

const char *fpmp_json_chain(apr_pool_t *p, const fpmp_plan_t *plan,
                            const fpmp_chain_t *chain, const apr_array_header_t *sites)
{
    const apr_array_header_t *found = fpmp_report_findings(p, plan, chain);
    const fpmp_chain_t *there =
        chain->hosts ? fpmp_chain_there(
                           p, chain, APR_ARRAY_IDX(chain->hosts->machines, 0, const char *))
                     : chain;

    return apr_psprintf(
        p,
        "{\n"
        "      \"pool\": %s,\n      \"master\": %s,\n      \"user\": %s,\n"
        "      \"group\": %s,\n      \"socket\": %s,\n      \"pool_file\": %s,\n"
        "      \"broken\": %s,\n      \"lines\": %s,\n      \"hosts\": %s,\n"
        "      \"links\": %s,\n      \"findings\": %s,\n"
        "      \"in_force\": %s,\n"
        "      \"long_form\": {\n        \"mod_proxy_fcgi\": %s,\n"
        "        \"mod_fastcgi\": %s,\n        \"pool_file\": %s\n      }\n    }",
        string(p, chain->pool), string(p, chain->master->name), string(p, chain->user),
        string(p, chain->group), string(p, chain->socket_path),
        string(p, chain->pool_file_path), chain->broken ? "true" : "false",
        lines_list(p, chain), hosts_list(p, chain, sites), links_list(p, plan, chain),
        findings_list(p, found, 8), string(p, fpmp_links_in_force(p, plan, chain)),
        string(p, fpmp_long_proxy_fcgi(p, chain)),
        string(p, fpmp_long_fastcgi(p, chain)), string(p, fpmp_pool_text_body(p, there)));
}

const char *fpmp_json_rest(apr_pool_t *p, const fpmp_plan_t *plan)
{
    apr_array_header_t *off = apr_array_make(p, 4, sizeof(const char *));
    apr_array_header_t *refused = apr_array_make(p, 4, sizeof(const char *));
    int i;

    for (i = 0; i < plan->lines->nelts; i++) {
        const fpmp_line_t *line = APR_ARRAY_IDX(plan->lines, i, fpmp_line_t *);

        if (line->off) {
            APR_ARRAY_PUSH(off, const char *) =
                apr_psprintf(p, "{ %s }", place(p, &line->where));
        }
        else if (line->refused) {
            APR_ARRAY_PUSH(refused, const char *) =
                apr_psprintf(p, "{ \"user\": %s, \"code\": %s, %s }", string(p, line->user),
                             string(p, line->refused->code), place(p, &line->where));
        }
    }
    return apr_psprintf(p, "\"off\": %s,\n  \"refused\": %s,\n  \"findings\": %s",
                        list(p, off, 4), list(p, refused, 4),
                        findings_list(p, plan->findings, 4));
}
