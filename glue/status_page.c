/* SPDX-License-Identifier: Apache-2.0
 *
 * SetHandler fpmpool-status: who may see the page, which form of it, and its way to the
 * client; and the lines in mod_status. status_rows.c gathers, core/ makes the text. Entry
 * points: fpmp_status_handle, fpmp_status_extend, and fpmp_see_handler at configuration.
 */
#include "glue.h"

#include "mod_status.h"

#include <stdlib.h>
#include <strings.h>

APLOG_USE_MODULE(fpmpool);

#define LIMIT_MS 1000 /* so long all pools together may take to answer */
#define REFRESH_MAX_SEC 3600

/* ---- where the page is --------------------------------------------------------------- */

/* Is there a Require, or a section of them, in the section that this directive stands in?
 */
static int has_require(const ap_directive_t *directive)
{
    static const char *const names[] = { "Require", "<RequireAll", "<RequireAny",
                                         "<RequireNone" };
    const ap_directive_t *at = directive->parent ? directive->parent->first_child : NULL;
    apr_size_t i;

    for (; at; at = at->next) {
        for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (strcasecmp(at->directive, names[i]) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

const char *fpmp_see_handler(cmd_parms *cmd, void *dir_conf, const char *handler)
{
    fpmp_dir_t *dir = dir_conf;

    /* In a .htaccess it says nothing: what is in force for its place stays. */
    if (!ap_check_cmd_context(cmd, NOT_IN_HTACCESS)) {
        dir->page = strcasecmp(handler, FPMP_STATUS_HANDLER) != 0 ? FPMP_PAGE_NONE
                    : has_require(cmd->directive)                 ? FPMP_PAGE_OPEN
                                                                  : FPMP_PAGE_LOCAL;
    }
    return NULL;
}

/* ---- who may see it ------------------------------------------------------------------ */

/* What tells of a proxy; NULL: nothing does. Through a proxy no request is local: it may run
 * here and serve the whole world, so that client_addr is local; or it may name any address as
 * its client's, so that useragent_addr is, by mod_remoteip, which puts another object there. */
static const char *proxy_of(const request_rec *r)
{
    static const char *const headers[] = { "Forwarded", "X-Forwarded-For", "X-Real-IP",
                                           "Via" };
    apr_size_t i;

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (apr_table_get(r->headers_in, headers[i])) {
            return headers[i];
        }
    }
    return r->useragent_addr != r->connection->client_addr ? "mod_remoteip" : NULL;
}

static int refuse(request_rec *r, const char *code, const char *seen, const char *mend)
{
    return fpmp_request_refuse(r, NULL, HTTP_FORBIDDEN, code, FPMP_LINK_HANDLER, seen,
                               mend);
}

/* The directory of a .htaccess that had its say in this request; NULL: there is none. It may
 * let in anybody (Satisfy Any, Require in <If>), and take away the headers of a proxy. */
static const char *htaccess_of(const request_rec *r)
{
    const struct htaccess_result *at = r->htaccess;

    while (at && !at->htaccess) {
        at = at->next;
    }
    return at ? at->dir : NULL;
}

/* A .htaccess, AddHandler, a content type or a RewriteRule can name the handler too, so the
 * name alone opens nothing. */
static int may_see(request_rec *r, fpmp_page_e page)
{
    const char *dir = htaccess_of(r), *proxy = proxy_of(r);

    if (page != FPMP_PAGE_LOCAL && page != FPMP_PAGE_OPEN) {
        return refuse(r, "FPMP0701",
                      apr_psprintf(r->pool,
                                   "'%s' would show the status of all pools by a "
                                   ".htaccess, a type or a rewrite",
                                   r->uri),
                      "write SetHandler fpmpool-status in the server's configuration, or "
                      "remove the line that names it");
    }
    if (dir) {
        return refuse(r, "FPMP0703",
                      apr_psprintf(r->pool,
                                   "the .htaccess in '%s' could let others see the status "
                                   "of all pools at '%s'",
                                   dir, r->uri),
                      "give that URL a directory of its own, without .htaccess, by Alias");
    }
    if (page == FPMP_PAGE_LOCAL &&
        (proxy || !fpmp_rule_loopback(r->connection->client_ip))) {
        return refuse(r, "FPMP0702",
                      apr_psprintf(r->pool,
                                   "'%s'%s asks for the status of all pools, which "
                                   "only this machine gets where no Require stands "
                                   "beside SetHandler",
                                   r->useragent_ip,
                                   proxy ? apr_pstrcat(r->pool, " behind a proxy (", proxy,
                                                       ")", NULL)
                                         : ""),
                      "write a Require beside it, such as Require ip 192.0.2.0/24");
    }
    return OK;
}

/* ---- which page ---------------------------------------------------------------------- */

/* The value of a word in the query string, "" if it has none; NULL: it is not there. */
static const char *query(request_rec *r, const char *name)
{
    const char *rest = r->args ? r->args : "";
    apr_size_t len = strlen(name);

    while (*rest) {
        const char *word = ap_getword(r->pool, &rest, '&');

        if (strncmp(word, name, len) == 0 && (!word[len] || word[len] == '=')) {
            return word[len] ? word + len + 1 : "";
        }
    }
    return NULL;
}

static const fpmp_status_form_t *form_of(request_rec *r)
{
    const fpmp_status_form_t *form = fpmp_status_forms + 1;

    while (form->name && !query(r, form->name)) {
        form++;
    }
    return form->name ? form : fpmp_status_forms;
}

static int refresh_of(request_rec *r)
{
    const char *text = query(r, "refresh");
    int sec = text ? atoi(text) : 0;

    return sec < 0 ? 0 : sec > REFRESH_MAX_SEC ? REFRESH_MAX_SEC : sec;
}

static void put(void *baton, const char *text)
{
    ap_rputs(text, baton);
}

static void set_headers(request_rec *r, const fpmp_status_form_t *form)
{
    ap_set_content_type(r, form->content_type);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "Content-Security-Policy", fpmp_status_csp);
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    apr_table_setn(r->headers_out, "Referrer-Policy", "no-referrer");
}

int fpmp_status_handle(request_rec *r)
{
    const fpmp_dir_t *dir;
    const fpmp_status_form_t *form;
    fpmp_status_t *status;
    int answer;

    if (strcmp(r->handler, FPMP_STATUS_HANDLER) != 0) {
        return DECLINED;
    }
    dir = ap_get_module_config(r->per_dir_config, &fpmpool_module);
    answer = may_see(r, dir ? dir->page : FPMP_PAGE_UNSET);
    if (answer != OK) {
        return answer;
    }
    r->allowed |= AP_METHOD_BIT << M_GET;
    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    form = form_of(r);
    set_headers(r, form);
    if (r->header_only) {
        return OK;
    }
    status = fpmp_status_gather(r->pool, r->server, LIMIT_MS);
    status->refresh_sec = refresh_of(r);
    status->local_only = dir->page == FPMP_PAGE_LOCAL;
    form->write(r->pool, status, put, r);
    return OK;
}

/* ---- mod_status ---------------------------------------------------------------------- */

/* Who may see mod_status need not see ours, so it tells numbers and no name. No pool is
 * asked. */
int fpmp_status_extend(request_rec *r, int flags)
{
    const fpmp_status_t *status = fpmp_status_gather(r->pool, r->server, 0);
    int i, plain = flags & AP_STATUS_SHORT;

    ap_rprintf(r, plain ? "FPMPools: %d\n" : "<hr />\n<h1>PHP-FPM pools: %d</h1>\n<p>",
               status->rows->nelts);
    for (i = 0; i < FPMP_HEALTH_COUNT; i++) {
        ap_rprintf(r, plain ? "FPMPools-%s: %d\n" : "%s: %d &nbsp; ",
                   fpmp_health_name((fpmp_health_e)i), status->counts[i]);
    }
    ap_rputs(plain ? "" : "</p>\n", r);
    return OK;
}
