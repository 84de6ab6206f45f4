/* SPDX-License-Identifier: Apache-2.0
 *
 * via=fastcgi: the chain's last links are directives of mod_fastcgi, mod_actions and mod_alias.
 * Here is their text, which is both put in force and shown, and what this end cannot keep.
 */
#include "via.h"

#include <string.h>

/* With ':', which no pm.status_path and no ping.path can have: what PHP-FPM gets as SCRIPT_NAME
 * at this end is never one of these. */
const char *fpmp_fastcgi_url(apr_pool_t *p, const fpmp_chain_t *chain)
{
    return apr_pstrcat(p, "/", FPMP_FASTCGI_PREFIX, chain->master->name, ":", chain->pool,
                       NULL);
}

const char *fpmp_fastcgi_place(apr_pool_t *p, const fpmp_chain_t *chain)
{
    const char *url = chain->fastcgi_url;

    return apr_psprintf(p,
                        "Action %s %s\n"
                        "Alias %s %s\n"
                        "<Location %s>\n"
                        "    SetHandler " FPMP_FASTCGI_HANDLER "\n"
                        "    Require env REDIRECT_STATUS\n"
                        "</Location>\n",
                        url + 1, url, url, url, url);
}

const char *fpmp_fastcgi_server(apr_pool_t *p, const fpmp_plan_t *plan,
                                const fpmp_chain_t *chain)
{
    int given = plan->defaults ? plan->defaults->timeout_sec : 0;

    return apr_psprintf(p, "FastCgiExternalServer %s -socket %s -idle-timeout %d\n",
                        chain->fastcgi_url, chain->socket_path,
                        given ? given : plan->httpd->timeout_sec);
}

int fpmp_chain_via(const fpmp_chain_t *chain, fpmp_via_e via)
{
    int i;

    for (i = 0; i < chain->lines->nelts; i++) {
        const fpmp_line_t *line = APR_ARRAY_IDX(chain->lines, i, const fpmp_line_t *);

        if (line->via == via && !line->refused) {
            return 1;
        }
    }
    return 0;
}

const char *fpmp_links_in_force(apr_pool_t *p, const fpmp_plan_t *plan,
                                const fpmp_chain_t *chain)
{
    return chain->socket_path && fpmp_chain_via(chain, FPMP_VIA_FASTCGI)
               ? apr_pstrcat(p, fpmp_fastcgi_place(p, chain),
                             fpmp_fastcgi_server(p, plan, chain), NULL)
               : NULL;
}

/* What stands on the line itself and belongs to the native end. */
static const char *key_of_native(const fpmp_line_t *line)
{
    return line->timeout_sec ? "timeout" : line->buffer_bytes ? "buffer" : NULL;
}

const char *fpmp_via_settle(const fpmp_plan_t *plan, fpmp_line_t *line)
{
    if (!line->via && plan->defaults) {
        line->via = plan->defaults->via;
    }
    if (!line->via) {
        line->via = FPMP_VIA_NATIVE;
    }
    return line->via == FPMP_VIA_FASTCGI ? key_of_native(line) : NULL;
}

void fpmp_via_judge(fpmp_plan_t *plan, fpmp_line_t *line, const char *key)
{
    apr_pool_t *p = plan->pool;

    if (line->refused || line->via != FPMP_VIA_FASTCGI) {
        return;
    }
    if (key) {
        fpmp_line_refuse(plan, line, "FPMP0671", FPMP_LINK_DIRECTIVE,
                         apr_psprintf(p, "'%s=' of user '%s' has no effect with via=fastcgi",
                                      key, line->user),
                         "remove it, or write via=native; timeout= on FPMDefaults counts for "
                         "all pools");
    }
    else if (plan->fastcgi_missing) {
        fpmp_line_refuse(plan, line, "FPMP0672", FPMP_LINK_HANDLER,
                         apr_psprintf(p, "via=fastcgi of user '%s' needs %s, which is not loaded",
                                      line->user, plan->fastcgi_missing),
                         "load it, or write via=native");
    }
}
