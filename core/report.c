/* SPDX-License-Identifier: Apache-2.0
 *
 * The chain of one pool in words, link by link, with the state of each: what
 * `apachectl -t -D DUMP_FPMPOOL` prints.
 */
#include "core.h"

#include <string.h>

/* Does this finding speak of this chain? */
static int is_about(const fpmp_finding_t *finding, const fpmp_chain_t *chain)
{
    return finding->chain == chain || finding == chain->broken ||
           (finding->master && finding->master == chain->master);
}

/* The finding of this chain at this link, or NULL. */
static const fpmp_finding_t *finding_at(const fpmp_plan_t *plan, const fpmp_chain_t *chain,
                                        fpmp_link_e link)
{
    int i;

    for (i = 0; i < plan->findings->nelts; i++) {
        const fpmp_finding_t *finding = APR_ARRAY_IDX(plan->findings, i, fpmp_finding_t *);

        if (finding->link == link && is_about(finding, chain)) {
            return finding;
        }
    }
    return NULL;
}

/* The findings of this chain in full, or that there are none. */
static const char *verdict(apr_pool_t *p, const fpmp_plan_t *plan,
                           const fpmp_chain_t *chain)
{
    const char *text = "";
    int i;

    for (i = 0; i < plan->findings->nelts; i++) {
        const fpmp_finding_t *finding = APR_ARRAY_IDX(plan->findings, i, fpmp_finding_t *);

        if (is_about(finding, chain)) {
            text = apr_psprintf(p, "%s  state        %s\n", text,
                                fpmp_finding_text(p, finding));
        }
    }
    return *text ? text : "  state        every link holds\n";
}

static const char *state(apr_pool_t *p, const fpmp_finding_t *finding)
{
    static const char *const words[] = {
        [FPMP_WEIGHT_NONE] = "",  [FPMP_BROKEN] = "broken",   [FPMP_PENDING] = "pending",
        [FPMP_NOTICE] = "notice", [FPMP_UNKNOWN] = "unknown",
    };

    return finding ? apr_psprintf(p, "  <- %s, %s", words[finding->weight], finding->code)
                   : "";
}

static const char *hosts_of(apr_pool_t *p, const fpmp_chain_t *chain)
{
    const char *text = "";
    int i;

    for (i = 0; i < chain->lines->nelts; i++) {
        const fpmp_line_t *line = APR_ARRAY_IDX(chain->lines, i, fpmp_line_t *);

        text = apr_psprintf(p, "%s  line         FPMUser %s at %s:%d%s%s\n", text,
                            line->user, line->where.file, line->where.line,
                            line->host ? ", host " : "", line->host ? line->host : "");
    }
    return text;
}

static const char *ext_text(apr_pool_t *p, const apr_array_header_t *ext)
{
    const char *text = "";
    int i;

    for (i = 0; i < ext->nelts; i++) {
        text =
            apr_pstrcat(p, text, i ? " ." : ".", APR_ARRAY_IDX(ext, i, const char *), NULL);
    }
    return text;
}

const char *fpmp_report_chain(apr_pool_t *p, const fpmp_plan_t *plan,
                              const fpmp_chain_t *chain)
{
    const struct {
        fpmp_link_e link;
        const char *value;
    } rows[] = {
        { FPMP_LINK_USER, apr_psprintf(p, "%s, group %s", chain->user,
                                       chain->group ? chain->group : "(not known)") },
        { FPMP_LINK_EXTENSION, ext_text(p, chain->ext) },
        { FPMP_LINK_HANDLER, FPMP_HANDLER },
        { FPMP_LINK_SOCKET, apr_psprintf(p, "%s, owner %s, group %s, mode 0600",
                                         chain->socket_path ? chain->socket_path : "(none)",
                                         chain->socket_owner, chain->socket_group) },
        { FPMP_LINK_POOL, apr_psprintf(p, "[%s]", chain->pool) },
        { FPMP_LINK_POOL_FILE, chain->pool_file_path ? chain->pool_file_path : "(none)" },
        { FPMP_LINK_MASTER,
          apr_psprintf(
              p, "%s: %s -y %s", chain->master->name,
              chain->master->binary_path ? chain->master->binary_path : "(no program)",
              chain->master->config_path ? chain->master->config_path : "(no main file)") },
    };
    const char *text = hosts_of(p, chain);
    apr_size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        text = apr_psprintf(p, "%s  %-12s %s%s\n", text, fpmp_link_name(rows[i].link),
                            rows[i].value, state(p, finding_at(plan, chain, rows[i].link)));
    }
    return apr_pstrcat(p, text, verdict(p, plan, chain), NULL);
}
