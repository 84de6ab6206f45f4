/* SPDX-License-Identifier: Apache-2.0
 *
 * A broken link as a value, and the one line that users see of it. Everything that
 * finds something wrong adds to one array; glue prints that array in one place.
 */
#include "core.h"

#include <stdlib.h>

const char *fpmp_link_name(fpmp_link_e link)
{
    static const char *const names[] = {
        [FPMP_LINK_NONE] = "chain",      [FPMP_LINK_DIRECTIVE] = "directive",
        [FPMP_LINK_USER] = "user",       [FPMP_LINK_EXTENSION] = "extension",
        [FPMP_LINK_HANDLER] = "handler", [FPMP_LINK_SOCKET] = "socket",
        [FPMP_LINK_POOL] = "pool",       [FPMP_LINK_POOL_FILE] = "pool file",
        [FPMP_LINK_MASTER] = "master",
    };

    return names[link];
}

fpmp_finding_t *fpmp_finding_add(apr_array_header_t *findings, const char *code,
                                 fpmp_link_e link, fpmp_weight_e weight, fpmp_where_t where,
                                 const char *seen, const char *mend)
{
    fpmp_finding_t *finding = apr_pcalloc(findings->pool, sizeof(*finding));

    finding->code = code;
    finding->link = link;
    finding->weight = weight;
    finding->where = where;
    finding->seen = seen;
    finding->mend = mend;
    APR_ARRAY_PUSH(findings, fpmp_finding_t *) = finding;
    return finding;
}

const char *fpmp_finding_text(apr_pool_t *p, const fpmp_finding_t *finding)
{
    const char *place = "";

    if (finding->where.file) {
        place =
            apr_psprintf(p, " (%s at %s:%d)",
                         finding->where.directive ? finding->where.directive : "FPMUser",
                         finding->where.file, finding->where.line);
    }
    return apr_psprintf(p, "%s: %s: %s; %s%s", finding->code, fpmp_link_name(finding->link),
                        finding->seen, finding->mend, place);
}

/* Where the line of this finding stands among all FPMUser lines; 0: it comes from none. */
static int order_of(const fpmp_finding_t *finding, apr_hash_t *order, apr_pool_t *p)
{
    const char *key;

    if (!finding->where.file) {
        return 0;
    }
    key = apr_psprintf(p, "%s:%d", finding->where.file, finding->where.line);
    return (int)(apr_uintptr_t)apr_hash_get(order, key, APR_HASH_KEY_STRING);
}

/* Where one finding is said. */
typedef struct {
    const fpmp_finding_t *finding;
    int broken; /* after all others: right above httpd's "Configuration check failed" */
    int line;   /* among the FPMUser lines; 0: it comes from none */
    int found;  /* of one line: as they were found */
} rank_t;

static int compare_ranks(const void *a, const void *b)
{
    const rank_t *x = a, *y = b;

    if (x->broken != y->broken) {
        return x->broken - y->broken;
    }
    return x->line != y->line ? x->line - y->line : x->found - y->found;
}

void fpmp_findings_sort(fpmp_plan_t *plan)
{
    apr_pool_t *p = plan->pool;
    apr_hash_t *order = apr_hash_make(p);
    const apr_array_header_t *findings = plan->findings;
    apr_array_header_t *sorted = apr_array_make(p, findings->nelts, findings->elt_size);
    rank_t *ranks = apr_palloc(p, sizeof(*ranks) * (findings->nelts + 1));
    int i;

    for (i = 0; i < plan->lines->nelts; i++) {
        const fpmp_where_t *where = &APR_ARRAY_IDX(plan->lines, i, fpmp_line_t *)->where;

        apr_hash_set(order, apr_psprintf(p, "%s:%d", where->file, where->line),
                     APR_HASH_KEY_STRING, (void *)(apr_uintptr_t)(i + 1));
    }
    for (i = 0; i < findings->nelts; i++) {
        fpmp_finding_t *finding = APR_ARRAY_IDX(findings, i, fpmp_finding_t *);

        ranks[i] = (rank_t){ .finding = finding,
                             .broken = finding->weight == FPMP_BROKEN,
                             .line = order_of(finding, order, p),
                             .found = i };
    }
    qsort(ranks, findings->nelts, sizeof(*ranks), compare_ranks);
    for (i = 0; i < findings->nelts; i++) {
        APR_ARRAY_PUSH(sorted, const fpmp_finding_t *) = ranks[i].finding;
    }
    plan->findings = sorted;
}
