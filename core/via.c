/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a line, and what it cannot keep. Of via=fastcgi also the text of the chain's last
 * links, which is both put in force and shown; balancer.c has that of via=balancer.
 */
#include "hosts.h"
#include "via.h"

#include <string.h>

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
    if (chain->hosts) {
        return chain->port ? fpmp_balancer_text(p, chain) : NULL;
    }
    return chain->socket_path && fpmp_chain_via(chain, FPMP_VIA_FASTCGI)
               ? apr_pstrcat(p, fpmp_fastcgi_place(p, chain),
                             fpmp_fastcgi_server(p, plan, chain), NULL)
               : NULL;
}

const char *fpmp_via_name(fpmp_via_e via)
{
    static const char *const names[] = {
        [FPMP_VIA_UNSET] = "native",
        [FPMP_VIA_NATIVE] = "native",
        [FPMP_VIA_FASTCGI] = "fastcgi",
        [FPMP_VIA_BALANCER] = "balancer",
    };

    return names[via];
}

/* What stands on the line itself and belongs to another end. */
static const char *key_of_another(const fpmp_line_t *line)
{
    int balancer = line->via == FPMP_VIA_BALANCER, native = line->via == FPMP_VIA_NATIVE;

    return !native && line->timeout_sec    ? "timeout"
           : !native && line->buffer_bytes ? "buffer"
           : balancer && line->php         ? "php"
           : !balancer && line->hosts      ? "hosts"
           : !balancer && line->root       ? "root"
                                           : NULL;
}

const char *fpmp_via_settle(const fpmp_plan_t *plan, fpmp_line_t *line)
{
    const fpmp_line_t *defaults = plan->defaults;
    const char *key;

    if (line->hosts && !line->via) {
        line->via = FPMP_VIA_BALANCER;
    }
    if (!line->via && defaults) {
        line->via = defaults->via;
    }
    if (!line->via) {
        line->via = defaults && defaults->hosts ? FPMP_VIA_BALANCER : FPMP_VIA_NATIVE;
    }
    key = key_of_another(line);
    if (line->via == FPMP_VIA_BALANCER && defaults) {
        line->hosts = line->hosts ? line->hosts : defaults->hosts;
        line->root = line->root ? line->root : defaults->root;
    }
    return key;
}

void fpmp_via_judge(fpmp_plan_t *plan, fpmp_line_t *line, const char *key)
{
    static const char *const mends[] = {
        [FPMP_VIA_NATIVE] = "remove it, or write via=balancer",
        [FPMP_VIA_FASTCGI] = "remove it, or write via=native; timeout= on FPMDefaults counts "
                             "for all pools",
        [FPMP_VIA_BALANCER] = "remove it; timeouts of mod_proxy stand on FPMHosts",
    };
    apr_pool_t *p = plan->pool;

    if (line->refused) {
        return;
    }
    if (key) {
        fpmp_line_refuse(plan, line, "FPMP0671", FPMP_LINK_DIRECTIVE,
                         apr_psprintf(p, "'%s=' of user '%s' has no effect with via=%s", key,
                                      line->user, fpmp_via_name(line->via)),
                         mends[line->via]);
    }
    else if (line->via == FPMP_VIA_FASTCGI && plan->ends.fastcgi_missing) {
        fpmp_line_refuse(plan, line, "FPMP0672", FPMP_LINK_HANDLER,
                         apr_psprintf(p, "via=fastcgi of user '%s' needs %s, which is not loaded",
                                      line->user, plan->ends.fastcgi_missing),
                         "load it, or write via=native");
    }
}
