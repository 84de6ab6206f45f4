/* SPDX-License-Identifier: Apache-2.0
 *
 * What one FPMUser line stands for, in the directives of the modules that can do the same:
 * each name as it would have to be repeated by the next link. The pool file is the same for
 * both.
 */
#include "report.h"

static int timeout_of(const fpmp_chain_t *chain)
{
    return chain->lines->nelts ? APR_ARRAY_IDX(chain->lines, 0, fpmp_line_t *)->timeout_sec
                               : 0;
}

/* The name that all links of a pool share: unique over all masters. */
static const char *pool_id(apr_pool_t *p, const fpmp_chain_t *chain)
{
    return apr_pstrcat(p, FPMP_FILE_PREFIX, chain->master->name, "-", chain->pool, NULL);
}

/* "php", or "(?:php|phtml)" */
static const char *one_of(apr_pool_t *p, const apr_array_header_t *ext)
{
    const char *words = apr_array_pstrcat(p, ext, '|');

    return ext->nelts > 1 ? apr_pstrcat(p, "(?:", words, ")", NULL) : words;
}

const char *fpmp_long_proxy_fcgi(apr_pool_t *p, const fpmp_chain_t *chain)
{
    const char *target, *text;

    if (!chain->socket_path) {
        return "";
    }
    target = apr_psprintf(p, "unix:%s|fcgi://%s", chain->socket_path, pool_id(p, chain));
    text = apr_psprintf(p,
                        "<FilesMatch \"\\.%s$\">\n"
                        "    <If \"-f %%{REQUEST_FILENAME}\">\n"
                        "        SetHandler \"proxy:%s\"\n"
                        "    </If>\n"
                        "</FilesMatch>\n",
                        one_of(p, chain->ext), target);
    return timeout_of(chain)
               ? apr_psprintf(p, "%s<Proxy \"%s\">\n    ProxySet timeout=%d\n</Proxy>\n",
                              text, target, timeout_of(chain))
               : text;
}

const char *fpmp_long_fastcgi(apr_pool_t *p, const fpmp_chain_t *chain)
{
    const char *id = pool_id(p, chain);

    if (!chain->socket_path) {
        return "";
    }
    return apr_psprintf(
        p,
        "AddType application/x-%s %s\n"
        "Action application/x-%s /%s\n"
        "Alias /%s /usr/lib/cgi-bin/%s\n"
        "FastCgiExternalServer /usr/lib/cgi-bin/%s -socket %s%s -pass-header "
        "Authorization\n"
        "<Location /%s>\n"
        "    SetHandler fastcgi-script\n"
        "    Require env REDIRECT_STATUS\n"
        "</Location>\n",
        id, fpmp_pool_text_ext(p, chain->ext), id, id, id, id, id, chain->socket_path,
        timeout_of(chain) ? apr_psprintf(p, " -idle-timeout %d", timeout_of(chain)) : "",
        id);
}
