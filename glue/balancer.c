/* SPDX-License-Identifier: Apache-2.0
 *
 * via=balancer, an end of the chain that mod_proxy serves: the pools are on other machines.
 * links.c puts the balancer in force as directives. A request that may run is handed to
 * mod_proxy with its variables stripped; any other one that gets to the balancer of a pool is
 * refused, since whoever gets there becomes the pool's user. So is the second sending of a
 * request that a script may have run already.
 */
#include "glue.h"

#include "../core/hosts.h"

#include "mod_proxy.h" /* types only: a symbol of it could not be linked, see registrar() */
#include "util_script.h"

#include <apr_dso.h>
#include <string.h>
#include <strings.h>

APLOG_USE_MODULE(fpmpool);

/* ---- mod_proxy's hook ---------------------------------------------------------------------- */

/* proxy_hook_pre_request() */
typedef void hook_adder_t(proxy_HOOK_pre_request_t *hook, const char *const *before,
                        const char *const *behind, int order);

/* Looked up, not linked: a server that loads mod_proxy later, or never, could not load us. */
static hook_adder_t *registrar(void)
{
    const module *proxy = ap_find_linked_module("mod_proxy.c");
    apr_dso_handle_sym_t sym = NULL;

    if (!proxy || !proxy->dynamic_load_handle ||
        apr_dso_sym(&sym, proxy->dynamic_load_handle, "proxy_hook_pre_request") != APR_SUCCESS) {
        return NULL;
    }
    return (hook_adder_t *)sym;
}

/* ---- the links ------------------------------------------------------------------------- */

/* The first module that is not loaded and without which this group has no balancer. */
static const char *missing(apr_pool_t *p, const fpmp_hosts_t *hosts)
{
    const char *method = apr_pstrcat(p, "mod_lbmethod_", fpmp_balancer_method(hosts), NULL);
    const char *const names[] = { "mod_proxy", "mod_proxy_fcgi", "mod_proxy_balancer",
                                  "mod_slotmem_shm", "mod_watchdog", "mod_proxy_hcheck",
                                  method };
    apr_size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!ap_find_linked_module(apr_pstrcat(p, names[i], ".c", NULL))) {
            return names[i];
        }
    }
    return registrar() ? NULL : "mod_proxy by LoadModule";
}

/* Of the host, or of the main server where the host has no directive of mod_proxy. */
static proxy_server_conf *proxy_conf(const server_rec *s)
{
    return ap_get_module_config(s->module_config, ap_find_linked_module("mod_proxy.c"));
}

/* By the size that mod_proxy has: a later one may have more behind what we know of. */
static proxy_balancer *balancer_at(const apr_array_header_t *all, int i)
{
    return (proxy_balancer *)(void *)(all->elts +
                                      (apr_size_t)i * (apr_size_t)all->elt_size);
}

/* Out of the main server until the hosts are made: one with a directive of mod_proxy would
 * copy each user's (or none, by BalancerInherit), with shared memory for it: hosts times
 * users. */
static void set_aside(const cmd_parms *cmd, fpmp_chain_t *chain)
{
    apr_array_header_t *all = proxy_conf(cmd->server)->balancers;

    if (strcmp(balancer_at(all, all->nelts - 1)->s->name, chain->balancer) == 0) {
        chain->made = apr_pmemdup(cmd->pool, apr_array_pop(all), (apr_size_t)all->elt_size);
    }
}

/* A balancer in the configuration of a server. */
typedef struct {
    const proxy_server_conf *conf;
    const proxy_balancer *balancer;
} place_t;

/* given: the places that have theirs */
static void give(apr_hash_t *given, proxy_server_conf *conf, const proxy_balancer *balancer)
{
    apr_array_header_t *all = conf->balancers;
    place_t *place = apr_palloc(apr_hash_pool_get(given), sizeof(*place));

    *place = (place_t){ conf, balancer };
    if (!apr_hash_get(given, place, sizeof(*place))) {
        apr_hash_set(given, place, sizeof(*place), place);
        memcpy(apr_array_push(all), balancer, (apr_size_t)all->elt_size);
    }
}

/* The main server has all, as has each host without a directive of mod_proxy. Another one
 * has those that its lines, or lines of the main server, name: as httpd would have copied
 * them, so that the members are the same, and are checked for it too (mod_proxy_hcheck does
 * so in the main server alone). */
static int on_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                          server_rec *main_server)
{
    const apr_array_header_t *lines = fpmp_plan_of(pconf)->lines;
    apr_hash_t *given = apr_hash_make(ptemp);
    const server_rec *s;
    int i;

    (void)plog;
    for (i = 0; i < lines->nelts; i++) {
        const fpmp_line_t *line = APR_ARRAY_IDX(lines, i, const fpmp_line_t *);
        const proxy_balancer *made = line->chain ? line->chain->made : NULL;
        int everywhere = line->server == main_server;

        if (!made) {
            continue;
        }
        give(given, proxy_conf(main_server), made);
        for (s = line->server; s; s = everywhere ? s->next : NULL) {
            give(given, proxy_conf(s), made);
        }
    }
    return OK;
}

void fpmp_balancer_link(const cmd_parms *cmd, fpmp_plan_t *plan, fpmp_line_t *line,
                        apr_hash_t *made)
{
    apr_pool_t *p = plan->pool;
    fpmp_chain_t *chain = line->chain;
    const char *lacks, *err;

    if (chain->broken || !chain->port || apr_hash_get(made, &line->chain, sizeof(chain))) {
        return;
    }
    apr_hash_set(made, &line->chain, sizeof(chain), chain);
    lacks = missing(p, chain->hosts);
    if (lacks) {
        fpmp_chain_find(
            plan, chain, "FPMP0682", FPMP_LINK_HANDLER, FPMP_BROKEN,
            apr_psprintf(p, "via=balancer of user '%s' needs %s, which is not loaded",
                         chain->user, lacks),
            apr_psprintf(p,
                         "load it (on Debian all of them: a2enmod proxy_fcgi "
                         "proxy_balancer proxy_hcheck lbmethod_%s), or remove hosts=",
                         fpmp_balancer_method(chain->hosts)));
        return;
    }
    /* In the main server: hosts share one balancer, with one state of its members. */
    err = fpmp_links_run(cmd, cmd->server, fpmp_balancer_text(cmd->pool, chain), chain->where);
    if (err) {
        fpmp_chain_find(plan, chain, "FPMP0683", FPMP_LINK_HANDLER, FPMP_BROKEN,
                        apr_psprintf(p, "the balancer of user '%s' is refused: %s", chain->user,
                                     fpmp_text_shown(p, err, FPMP_WHY_MAX_BYTES)),
                        apr_psprintf(p, "mend FPMHosts %s", chain->hosts->name));
        return;
    }
    set_aside(cmd, chain);
}

/* ---- a request -------------------------------------------------------------------------- */

int fpmp_balancer_remote(request_rec *r, const fpmp_line_t *line)
{
    const char *rest, *path = apr_pstrcat(r->pool, r->filename, r->path_info, NULL), *script;

    if (r->finfo.filetype != APR_NOFILE) {
        return 0;
    }
    script = fpmp_remote_script(r->pool, path, ap_document_root(r), line->ext, &rest);
    if (!script) {
        return 0;
    }
    r->filename = apr_pstrdup(r->pool, script);
    r->path_info = apr_pstrdup(r->pool, rest);
    return 1;
}

/* SCRIPT_NAME, as httpd computes it. */
static const char *script_name(const request_rec *r)
{
    return !r->path_info || !*r->path_info
               ? r->uri
               : apr_pstrndup(r->pool, r->uri, ap_find_path_info(r->uri, r->path_info));
}

static int has_body(const request_rec *r)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");

    return (length && strcmp(length, "0") != 0) ||
           apr_table_get(r->headers_in, "Transfer-Encoding");
}

/* mod_proxy_fcgi has variables set by ProxyFCGISetEnvIf, which a .htaccess may write, after all
 * others: PHP_ADMIN_VALUE too. For this request those of the host alone count. */
static void leave_htaccess(request_rec *r)
{
    const module *fcgi = ap_find_linked_module("mod_proxy_fcgi.c");

    r->per_dir_config = ap_merge_per_dir_configs(r->pool, r->per_dir_config,
                                                 ap_create_request_config(r->pool));
    ap_set_module_config(r->per_dir_config, fcgi,
                         ap_get_module_config(r->server->lookup_defaults, fcgi));
}

int fpmp_balancer_run(request_rec *r, const fpmp_line_t *line)
{
    fpmp_way_t *way;
    int status = fpmp_request_check_name(r, line, script_name(r));

    if (status != OK) {
        return status;
    }
    if (strchr(r->filename, '?')) {
        return fpmp_request_refuse(
            r, line, HTTP_FORBIDDEN, "FPMP0687", FPMP_LINK_HANDLER,
            apr_psprintf(r->pool,
                         "'%s' has a '?' in its name, where PHP-FPM cuts it "
                         "off behind a balancer",
                         fpmp_value_shown(r->pool, r->filename)),
            "rename it");
    }
    /* 1 the variables: httpd computes its own when the request is sent */
    fpmp_params_clean(r);
    fpmp_params_authorize(r, r->subprocess_env);
    if (has_body(r)) {
        apr_table_setn(r->subprocess_env, "proxy-sendcl", "1"); /* PHP needs its length */
    }
    apr_table_unset(r->subprocess_env, "proxy-fcgi-pathinfo"); /* would change PATH_INFO */
    leave_htaccess(r);
    /* 2 to mod_proxy, which must know it again */
    way = apr_pcalloc(r->pool, sizeof(*way));
    way->sent = line;
    way->script = apr_pstrcat(r->pool, FPMP_SCRIPT_PREFIX, r->filename, NULL);
    ap_set_module_config(r->request_config, &fpmpool_module, way);
    /* A path of the file system, as mod_proxy has it of a SetHandler: it escapes nothing then. */
    apr_table_setn(r->notes, "proxy-nocanon", "1");
    r->filename = apr_pstrcat(r->pool, "proxy:", line->chain->balancer, r->filename, NULL);
    r->proxyreq = PROXYREQ_REVERSE;
    r->handler = "proxy-server";
    return DECLINED;
}

/* ---- inside mod_proxy --------------------------------------------------------------------- */

static int names_pool(const char *url)
{
    return strncasecmp(url, FPMP_BALANCER_PREFIX, strlen(FPMP_BALANCER_PREFIX)) == 0;
}

/* What httpd computes when it sends a request to a member is there already: one has got it, and
 * a script may have run. mod_proxy would send it again, and the body is gone by then. */
static int was_sent(const request_rec *r)
{
    return apr_table_get(r->subprocess_env, "GATEWAY_INTERFACE") != NULL;
}

/* Before a member is chosen, each time. */
static int on_pre_request(proxy_worker **worker, proxy_balancer **balancer, request_rec *r,
                          proxy_server_conf *conf, char **url)
{
    const fpmp_way_t *way = fpmp_way_of(r);

    (void)worker;
    (void)balancer;
    (void)conf;
    if (!way->sent && names_pool(*url)) {
        return fpmp_request_refuse(
            r, NULL, HTTP_FORBIDDEN, "FPMP0688", FPMP_LINK_HANDLER,
            apr_psprintf(r->pool,
                         "'%s' would be reached through mod_proxy at '%s', the "
                         "balancer of a pool, past FPMUser",
                         fpmp_value_shown(r->pool, r->uri),
                         fpmp_value_shown(r->pool, *url)),
            "remove the ProxyPass, RewriteRule or other line that names it");
    }
    if (!way->sent) {
        return DECLINED;
    }
    if (was_sent(r) && (r->method_number != M_GET || has_body(r))) {
        return fpmp_request_refuse(
            r, way->sent, HTTP_BAD_GATEWAY, "FPMP0689", FPMP_LINK_HANDLER,
            apr_psprintf(r->pool,
                         "a machine broke off %s '%s', and its script may have "
                         "run: it is not sent to another one",
                         r->method, fpmp_value_shown(r->pool, r->uri)),
            "see why that machine went away");
    }
    /* Where httpd makes this name itself, it does so after this hook. */
    r->filename = apr_pstrdup(r->pool, way->script);
    return DECLINED;
}

/* What mod_proxy left is refused: there is no other handler for it. */
static int on_handler(request_rec *r)
{
    const fpmp_line_t *line = fpmp_way_of(r)->sent;

    return line
               ? fpmp_request_refuse(
                     r, line, HTTP_SERVICE_UNAVAILABLE, "FPMP0690", FPMP_LINK_HANDLER,
                     apr_psprintf(r->pool, "mod_proxy did not take '%s' for '%s'",
                                  fpmp_value_shown(r->pool, r->uri), line->chain->balancer),
                     "report it with the list of modules (apachectl -M)")
               : DECLINED;
}

void fpmp_balancer_hooks(void)
{
    hook_adder_t *hook_pre_request = registrar();

    if (hook_pre_request) {
        hook_pre_request(on_pre_request, NULL, NULL, APR_HOOK_REALLY_FIRST);
        /* Before mod_proxy_balancer makes the shared memory. */
        ap_hook_post_config(on_post_config, NULL, NULL, APR_HOOK_REALLY_FIRST);
    }
    ap_hook_handler(on_handler, NULL, NULL, APR_HOOK_LAST);
}
