/* SPDX-License-Identifier: Apache-2.0
 *
 * The chain of one pool in words: its hosts, each link with its state, what was found, and
 * the long form that the one line stands for. What `apachectl -t -D DUMP_FPMPOOL` prints;
 * report_json.c has the same for programs.
 */
#include "hosts.h"
#include "report.h"
#include "via.h"

#include <string.h>

/* Does this finding speak of this chain? */
static int is_about(const fpmp_finding_t *finding, const fpmp_chain_t *chain)
{
    return finding->chain == chain || finding == chain->broken ||
           (finding->master && finding->master == chain->master);
}

apr_array_header_t *fpmp_report_findings(apr_pool_t *p, const fpmp_plan_t *plan,
                                         const fpmp_chain_t *chain)
{
    apr_array_header_t *found = apr_array_make(p, 2, sizeof(const fpmp_finding_t *));
    int i;

    for (i = 0; i < plan->findings->nelts; i++) {
        const fpmp_finding_t *finding = APR_ARRAY_IDX(plan->findings, i, fpmp_finding_t *);

        if (is_about(finding, chain)) {
            APR_ARRAY_PUSH(found, const fpmp_finding_t *) = finding;
        }
    }
    return found;
}

const char *fpmp_weight_name(fpmp_weight_e weight)
{
    static const char *const words[] = {
        [FPMP_WEIGHT_NONE] = "ok", [FPMP_BROKEN] = "broken",   [FPMP_PENDING] = "pending",
        [FPMP_NOTICE] = "notice",  [FPMP_UNKNOWN] = "unknown",
    };

    return words[weight];
}

/* The heaviest finding at this link, or NULL. */
static const fpmp_finding_t *finding_at(const apr_array_header_t *found, fpmp_link_e link)
{
    const fpmp_finding_t *heaviest = NULL;
    int i;

    for (i = 0; i < found->nelts; i++) {
        const fpmp_finding_t *finding = APR_ARRAY_IDX(found, i, const fpmp_finding_t *);

        if (finding->link == link && (!heaviest || finding->weight < heaviest->weight)) {
            heaviest = finding;
        }
    }
    return heaviest;
}

static void judge_rows(const apr_array_header_t *found, const fpmp_chain_t *chain,
                       fpmp_report_row_t rows[FPMP_REPORT_ROWS])
{
    fpmp_link_e broken = chain->broken ? chain->broken->link : FPMP_LINK_NONE;
    int after = broken == FPMP_LINK_DIRECTIVE, i;

    for (i = 0; i < FPMP_REPORT_ROWS; i++) {
        rows[i].finding = finding_at(found, rows[i].link);
        rows[i].state = rows[i].finding ? fpmp_weight_name(rows[i].finding->weight)
                        : after         ? "-"
                                        : "ok";
        after = after || rows[i].link == broken;
    }
}

static const char *handler_text(apr_pool_t *p, const fpmp_chain_t *chain)
{
    if (chain->hosts) {
        return apr_psprintf(p, "%s, then %s", FPMP_HANDLER, chain->balancer);
    }
    return fpmp_chain_via(chain, FPMP_VIA_FASTCGI)
               ? apr_psprintf(p, "%s, with via=fastcgi then %s and " FPMP_FASTCGI_HANDLER,
                              FPMP_HANDLER, chain->fastcgi_url + 1)
               : FPMP_HANDLER;
}

static const char *socket_text(apr_pool_t *p, const fpmp_chain_t *chain)
{
    if (chain->hosts) {
        return apr_psprintf(p, "%s, clients allowed %s",
                            chain->port ? fpmp_balancer_members(p, chain) : "(no port)",
                            chain->allowed);
    }
    return apr_psprintf(p, "%s, owner %s, group %s, mode 0600",
                        chain->socket_path ? chain->socket_path : "(none)",
                        chain->socket_owner, chain->socket_group);
}

static const char *pool_file_text(apr_pool_t *p, const fpmp_chain_t *chain)
{
    if (chain->hosts) {
        return apr_psprintf(p, "%s/MACHINE/" FPMP_FILE_PREFIX "%s.conf",
                            chain->hosts->export_dir, chain->pool);
    }
    return chain->pool_file_path ? chain->pool_file_path : "(none)";
}

static const char *master_text(apr_pool_t *p, const fpmp_chain_t *chain)
{
    if (chain->hosts) {
        return apr_psprintf(p, "PHP-FPM of %s: %s", chain->hosts->name,
                            apr_array_pstrcat(p, chain->hosts->machines, ','));
    }
    return apr_psprintf(
        p, "%s: %s -y %s", chain->master->name,
        chain->master->binary_path ? chain->master->binary_path : "(no program)",
        chain->master->config_path ? chain->master->config_path : "(no main file)");
}

void fpmp_report_rows(apr_pool_t *p, const fpmp_plan_t *plan, const fpmp_chain_t *chain,
                      fpmp_report_row_t rows[FPMP_REPORT_ROWS])
{
    const fpmp_report_row_t values[FPMP_REPORT_ROWS] = {
        { .link = FPMP_LINK_USER,
          .value = apr_psprintf(p, "%s, group %s", chain->user,
                                chain->group ? chain->group : "(not known)") },
        { .link = FPMP_LINK_EXTENSION, .value = fpmp_pool_text_ext(p, chain->ext) },
        { .link = FPMP_LINK_HANDLER, .value = handler_text(p, chain) },
        { .link = FPMP_LINK_SOCKET, .value = socket_text(p, chain) },
        { .link = FPMP_LINK_POOL, .value = apr_psprintf(p, "[%s]", chain->pool) },
        { .link = FPMP_LINK_POOL_FILE, .value = pool_file_text(p, chain) },
        { .link = FPMP_LINK_MASTER, .value = master_text(p, chain) },
    };

    memcpy(rows, values, sizeof(values));
    judge_rows(fpmp_report_findings(p, plan, chain), chain, rows);
}

static const char *hosts_text(apr_pool_t *p, const fpmp_chain_t *chain,
                              const apr_array_header_t *sites)
{
    apr_array_header_t *parts = apr_array_make(p, 4, sizeof(const char *));
    int i;

    for (i = 0; i < chain->lines->nelts; i++) {
        const fpmp_line_t *line = APR_ARRAY_IDX(chain->lines, i, fpmp_line_t *);

        APR_ARRAY_PUSH(parts, const char *) =
            apr_psprintf(p, "  line         FPMUser %s%s at %s:%d\n", line->user,
                         line->via == FPMP_VIA_FASTCGI ? " via=fastcgi"
                         : line->via == FPMP_VIA_BALANCER
                             ? apr_pstrcat(p, " hosts=", line->hosts, NULL)
                             : "",
                         line->where.file, line->where.line);
    }
    for (i = 0; i < sites->nelts; i++) {
        const fpmp_site_t *site = APR_ARRAY_IDX(sites, i, const fpmp_site_t *);

        if (site->line->chain == chain) {
            APR_ARRAY_PUSH(parts, const char *) =
                apr_psprintf(p, "  host         %s, document root %s\n",
                             site->host ? site->host : "(main server)", site->root);
        }
    }
    return apr_array_pstrcat(p, parts, 0);
}

/* Each line of text four blanks further in than its heading. */
static const char *block(apr_pool_t *p, const char *heading, const char *text)
{
    const char *out = apr_psprintf(p, "  %s:\n", heading), *end;

    for (; *text; text = *end ? end + 1 : end) {
        end = strchr(text, '\n');
        end = end ? end : text + strlen(text);
        out = apr_psprintf(p, "%s      %.*s\n", out, (int)(end - text), text);
    }
    return out;
}

const char *fpmp_report_chain(apr_pool_t *p, const fpmp_plan_t *plan,
                              const fpmp_chain_t *chain, const apr_array_header_t *sites)
{
    const apr_array_header_t *found = fpmp_report_findings(p, plan, chain);
    apr_array_header_t *parts = apr_array_make(p, 16, sizeof(const char *));
    const char *in_force = fpmp_links_in_force(p, plan, chain);
    fpmp_report_row_t rows[FPMP_REPORT_ROWS];
    int i;

    fpmp_report_rows(p, plan, chain, rows);
    APR_ARRAY_PUSH(parts, const char *) = hosts_text(p, chain, sites);
    for (i = 0; i < FPMP_REPORT_ROWS; i++) {
        APR_ARRAY_PUSH(parts, const char *) = apr_psprintf(
            p, "  %-12s %-16s %s\n", fpmp_link_name(rows[i].link),
            rows[i].finding ? apr_psprintf(p, "%s %s", rows[i].state, rows[i].finding->code)
                            : rows[i].state,
            rows[i].value);
    }
    for (i = 0; i < found->nelts; i++) {
        APR_ARRAY_PUSH(parts, const char *) = apr_psprintf(
            p, "  state        %s\n",
            fpmp_finding_text(p, APR_ARRAY_IDX(found, i, const fpmp_finding_t *)));
    }
    if (!found->nelts) {
        APR_ARRAY_PUSH(parts, const char *) = "  state        every link holds\n";
    }
    if (in_force) {
        APR_ARRAY_PUSH(parts, const char *) =
            block(p,
                  chain->hosts ? "in force by via=balancer, as directives of mod_proxy and "
                                 "mod_proxy_balancer"
                               : "in force by via=fastcgi, as directives of mod_fastcgi, "
                                 "mod_actions and mod_alias",
                  in_force);
    }
    if (chain->hosts && chain->port) {
        const char *machine = APR_ARRAY_IDX(chain->hosts->machines, 0, const char *);

        APR_ARRAY_PUSH(parts, const char *) =
            block(p, apr_psprintf(p, "and in a pool file of PHP-FPM on each machine, here %s",
                                  machine),
                  fpmp_pool_text_body(p, fpmp_chain_there(p, chain, machine)));
    }
    if (chain->socket_path && chain->group) {
        APR_ARRAY_PUSH(parts, const char *) = block(
            p, "instead of that line, with mod_proxy_fcgi", fpmp_long_proxy_fcgi(p, chain));
        APR_ARRAY_PUSH(parts, const char *) =
            block(p, "or with mod_fastcgi, mod_actions, mod_alias and mod_mime",
                  fpmp_long_fastcgi(p, chain));
        APR_ARRAY_PUSH(parts, const char *) =
            block(p, "and in a pool file of PHP-FPM", fpmp_pool_text_body(p, chain));
    }
    return apr_array_pstrcat(p, parts, 0);
}

const char *fpmp_report_rest(apr_pool_t *p, const fpmp_plan_t *plan)
{
    apr_array_header_t *parts = apr_array_make(p, 4, sizeof(const char *));
    int i;

    for (i = 0; i < plan->lines->nelts; i++) {
        const fpmp_line_t *line = APR_ARRAY_IDX(plan->lines, i, fpmp_line_t *);

        if (line->off) {
            APR_ARRAY_PUSH(parts, const char *) =
                apr_psprintf(p, "off\n  line         FPMUser off at %s:%d\n",
                             line->where.file, line->where.line);
        }
        else if (line->refused) {
            APR_ARRAY_PUSH(parts, const char *) =
                apr_psprintf(p, "%s\n  state        %s\n", line->user,
                             fpmp_finding_text(p, line->refused));
        }
    }
    return plan->lines->nelts ? apr_array_pstrcat(p, parts, 0)
                              : "there is no FPMUser line\n";
}
