/* SPDX-License-Identifier: Apache-2.0
 *
 * Between report.c, report_json.c and long_form.c only: a chain as rows, and the long form
 * that its one line stands for.
 */
#ifndef FPMP_REPORT_H
#define FPMP_REPORT_H

#include "core.h"

#define FPMP_REPORT_ROWS 7

/* One link of a chain. */
typedef struct {
    fpmp_link_e link;
    const char *value;
    const char *state;             /* "ok", "broken", "pending", "notice", "unknown"; "-":
                                      not judged, since an earlier link is broken */
    const fpmp_finding_t *finding; /* NULL: ok or - */
} fpmp_report_row_t;

/** Fill the rows of a chain, in its order. */
void fpmp_report_rows(apr_pool_t *p, const fpmp_plan_t *plan, const fpmp_chain_t *chain,
                      fpmp_report_row_t rows[FPMP_REPORT_ROWS]);

/** The findings that speak of this chain: const fpmp_finding_t *. */
apr_array_header_t *fpmp_report_findings(apr_pool_t *p, const fpmp_plan_t *plan,
                                         const fpmp_chain_t *chain);

/** "broken", "pending", "notice" or "unknown". */
const char *fpmp_weight_name(fpmp_weight_e weight);

/**
 * The directives of mod_proxy_fcgi that do the same in a virtual host.
 * @return text of several lines; "" if the chain has no socket
 * Source: mod_proxy's worker is chosen by the host behind fcgi:// alone, so it is unique
 * per pool (run by us on httpd 2.4.71).
 */
const char *fpmp_long_proxy_fcgi(apr_pool_t *p, const fpmp_chain_t *chain);

/** The same in the directives of mod_fastcgi, mod_actions, mod_alias and mod_mime. */
const char *fpmp_long_fastcgi(apr_pool_t *p, const fpmp_chain_t *chain);

#endif
