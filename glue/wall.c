/* SPDX-License-Identifier: Apache-2.0
 *
 * The sockets of the pools are open to httpd, and so to every module of it. mod_proxy
 * connects to whatever path a handler or a rewritten name gives, also from .htaccess; here
 * such a request is refused before any handler runs, if the path leads to a socket of ours.
 */
#include "glue.h"

#include <stdlib.h>
#include <string.h>

APLOG_USE_MODULE(fpmpool);

/* The path between "proxy:unix:" (or "unix:") and "|", or NULL. */
static const char *unix_target(request_rec *r, const char *text)
{
    const char *at, *end;

    if (!text) {
        return NULL;
    }
    at = strncasecmp(text, "proxy:", 6) == 0 ? text + 6 : text;
    if (strncasecmp(at, "unix:", 5) != 0 || !(end = strchr(at, '|'))) {
        return NULL;
    }
    return ap_runtime_dir_relative(r->pool, apr_pstrmemdup(r->pool, at + 5, end - at - 5));
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

int fpmp_wall_check(request_rec *r)
{
    const char *path = r->proxyreq ? apr_table_get(r->notes, "uds_path") : NULL;

    if (!path) {
        path = unix_target(r, r->proxyreq ? r->filename : r->handler);
    }
    if (!path || !is_ours(r, path)) {
        return OK;
    }
    fpmp_request_say(
        r, NULL, "FPMP0608", FPMP_LINK_HANDLER,
        apr_psprintf(r->pool,
                     "'%s' would be reached through mod_proxy at socket '%s' "
                     "of a pool, past FPMUser",
                     r->uri, path),
        "remove the SetHandler, AddHandler or RewriteRule that names the socket");
    return HTTP_FORBIDDEN;
}
