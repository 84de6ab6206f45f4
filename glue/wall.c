/* SPDX-License-Identifier: Apache-2.0
 *
 * Whoever connects to a pool runs scripts as its user, and httpd may connect to every pool.
 * mod_proxy connects to whatever a handler or a rewritten name gives, also from .htaccess;
 * here a request that would go to FastCGI is refused before any handler runs, unless the
 * server configuration itself names that target.
 */
#include "glue.h"

#include <stdlib.h>
#include <string.h>

APLOG_USE_MODULE(fpmpool);

/* What httpd takes for the handler (ap_invoke_handler): without one, the content type,
 * which AddType, ForceType and RewriteRule [T=] set from a .htaccess too. NULL: neither. */
static const char *handler_of(request_rec *r)
{
    if (r->handler || !r->content_type) {
        return r->handler;
    }
    return ap_field_noparam(r->pool, r->content_type);
}

/* Where mod_proxy would connect for this request; 0: nowhere that could be a pool. */
static int target_of(request_rec *r, fpmp_target_t *target)
{
    const char *socket = r->proxyreq ? apr_table_get(r->notes, "uds_path") : NULL;
    const char *text = r->proxyreq ? r->filename : handler_of(r);
    int found = text && (r->proxyreq || strncasecmp(text, "proxy:", 6) == 0) &&
                fpmp_target_read(r->pool, text, target);

    if (socket) {
        target->socket = socket; /* ProxyPass: the name has lost its "unix:" already */
        found = 1;
    }
    return found;
}

/* Is this, all links followed, a socket in the directory of a master, with a name of ours?
 */
static int is_ours(request_rec *r, const char *path)
{
    const fpmp_plan_t *plan = fpmp_plan_of(r->server->process->pconf);
    char *real = realpath(path, NULL), *name;
    int i, ours = 0;

    if (!real) {
        return 0; /* nothing there to connect to */
    }
    name = strrchr(real, '/');
    *name++ = '\0';
    for (i = 0; i < plan->masters->nelts && !ours; i++) {
        const char *dir = APR_ARRAY_IDX(plan->masters, i, fpmp_master_t *)->socket_dir;
        char *real_dir = dir ? realpath(dir, NULL) : NULL;

        ours = real_dir && strcmp(real_dir, real) == 0 &&
               strncmp(name, FPMP_FILE_PREFIX, strlen(FPMP_FILE_PREFIX)) == 0;
        free(real_dir);
    }
    free(real);
    return ours;
}

static int names_our_socket(request_rec *r, const fpmp_target_t *target)
{
    return target->socket && is_ours(r, ap_runtime_dir_relative(r->pool, target->socket));
}

/* A host where FPMUser is in force has its pools from it: what the main server names for
 * other hosts, a distribution's www pool, is not for its files. */
static int is_configured(request_rec *r, const fpmp_target_t *target, int in_force)
{
    const fpmp_targets_t *targets = fpmp_plan_of(r->server->process->pconf)->targets;
    const char *dir = ap_runtime_dir_relative(r->pool, "");
    const char *host =
        fpmp_target_host(r->pool, r->server->defn_name, r->server->defn_line_number);
    apr_size_t len = strlen(dir);
    fpmp_target_t bare = *target;

    /* mod_proxy makes the socket absolute; it may be written relative. */
    if (target->socket && strncmp(target->socket, dir, len) == 0) {
        bare.socket = target->socket + len + (target->socket[len] == '/');
    }
    return !targets || !fpmp_targets_fcgi(targets, target) ||
           fpmp_targets_has(targets, host, !in_force, target) ||
           fpmp_targets_has(targets, host, !in_force, &bare);
}

int fpmp_wall_check(request_rec *r, const fpmp_line_t *line)
{
    fpmp_target_t target = { 0 };

    if (!target_of(r, &target)) {
        return OK;
    }
    if (names_our_socket(r, &target)) {
        return fpmp_request_refuse(
            r, NULL, HTTP_FORBIDDEN, "FPMP0608", FPMP_LINK_HANDLER,
            apr_psprintf(r->pool,
                         "'%s' would be reached through mod_proxy at socket '%s' "
                         "of a pool, past FPMUser",
                         r->uri, target.socket),
            "remove the handler, content type or RewriteRule that names the socket");
    }
    if (is_configured(r, &target, line != NULL)) {
        return OK;
    }
    return fpmp_request_refuse(
        r, line, HTTP_FORBIDDEN, "FPMP0609", FPMP_LINK_HANDLER,
        apr_psprintf(r->pool,
                     "'%s' would be reached through mod_proxy at '%s%s%s', which "
                     "the configuration of host '%s' does not name",
                     r->uri, target.socket ? target.socket : "", target.socket ? "|" : "",
                     target.name, r->server->server_hostname),
        "remove the line of a .htaccess that does, or name it in the host");
}
