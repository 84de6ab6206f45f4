/* SPDX-License-Identifier: Apache-2.0
 *
 * via=fastcgi, an end of the chain that other modules serve. links.c puts its directives in
 * force, so that mod_fastcgi reads its own; no symbol of it is used. A request that may run
 * goes on by mod_actions to a URL that no file has, and mod_fastcgi finds the socket by that
 * name. Any request that has such a name and did not come this way is refused: whoever gets
 * there becomes the pool's user.
 */
#include "glue.h"

#include "../core/via.h"

#include <string.h>
#include <strings.h>

APLOG_USE_MODULE(fpmpool);

/* ---- the links ------------------------------------------------------------------------- */

const char *fpmp_fastcgi_missing(void)
{
    static const struct {
        const char *directive, *name;
    } modules[] = {
        { "FastCgiExternalServer", "mod_fastcgi" },
        { "Action", "mod_actions" },
        { "Alias", "mod_alias" },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
        module *first = ap_top_module;

        if (!ap_find_command_in_modules(modules[i].directive, &first)) {
            return modules[i].name;
        }
    }
    return NULL;
}

static const char *exists(apr_pool_t *p, const char *path)
{
    apr_finfo_t finfo;

    return apr_stat(&finfo, path, APR_FINFO_LINK | APR_FINFO_TYPE, p) == APR_SUCCESS
               ? apr_psprintf(p, "'%s' is a file, and none may have this name", path)
               : NULL;
}

/* With one mod_fastcgi keeps a server for each user, and finds for a request those of the host's
 * SuexecUserGroup only: none. It takes the line in the main server alone. */
static const char *wrapper(void)
{
    const ap_directive_t *line;

    for (line = ap_conftree; line; line = line->next) {
        if ((strcasecmp(line->directive, "FastCgiWrapper") == 0 ||
             strcasecmp(line->directive, "FastCgiSuexec") == 0) &&
            strcasecmp(line->args, "Off") != 0) {
            return "FastCgiWrapper is on, with which mod_fastcgi finds no external server";
        }
    }
    return NULL;
}

static const char *make_server(const cmd_parms *cmd, const fpmp_plan_t *plan,
                               const fpmp_line_t *line)
{
    const char *err = wrapper();

    err = err ? err : exists(cmd->temp_pool, line->chain->fastcgi_url);
    return err ? err
               : fpmp_links_run(cmd, cmd->server,
                                fpmp_fastcgi_server(cmd->pool, plan, line->chain),
                                line->where);
}

/* Make the links of this line's chain in this host (NULL: the one for all hosts), if no line
 * before it has. NULL, or why that was refused. */
static const char *make_once(const cmd_parms *cmd, const fpmp_plan_t *plan,
                             const fpmp_line_t *line, server_rec *s, apr_hash_t *made)
{
    const char *key = apr_psprintf(cmd->temp_pool, "%pp %pp", (void *)s, (void *)line->chain);
    const char *err = apr_hash_get(made, key, APR_HASH_KEY_STRING);

    if (!err) {
        err = s ? fpmp_links_run(cmd, s, fpmp_fastcgi_place(cmd->pool, line->chain), line->where)
                : make_server(cmd, plan, line);
        err = err ? err : "";
        apr_hash_set(made, key, APR_HASH_KEY_STRING, err);
    }
    return *err ? err : NULL;
}

static const char *put_links(const cmd_parms *cmd, const fpmp_plan_t *plan,
                             const fpmp_line_t *line, apr_hash_t *made)
{
    const char *err = make_once(cmd, plan, line, NULL, made);

    return err ? err : make_once(cmd, plan, line, line->server, made);
}

void fpmp_fastcgi_link(const cmd_parms *cmd, fpmp_plan_t *plan, fpmp_line_t *line,
                       apr_hash_t *made)
{
    const char *err = line->chain->socket_path ? put_links(cmd, plan, line, made) : NULL;

    if (err) {
        fpmp_line_refuse(plan, line, "FPMP0673", FPMP_LINK_HANDLER,
                         apr_psprintf(plan->pool,
                                      "a link of via=fastcgi for user '%s' is refused: %s",
                                      line->user,
                                      fpmp_text_shown(plan->pool, err, FPMP_WHY_MAX_BYTES)),
                         "mend what it names, or write via=native");
    }
}

/* ---- a request -------------------------------------------------------------------------- */

/* Only what comes by an internal redirect has a way behind it: most requests have none. */
static const fpmp_line_t *came_from(const request_rec *r)
{
    return r->prev ? fpmp_way_of(r)->came : NULL;
}

static void set_way(request_rec *r, const fpmp_line_t *goes, const fpmp_line_t *came)
{
    fpmp_way_t *way = apr_pcalloc(r->pool, sizeof(*way));

    way->goes = goes;
    way->came = came;
    ap_set_module_config(r->request_config, &fpmpool_module, way);
}

/* PHP-FPM takes REDIRECT_URL, which is this URL, for SCRIPT_NAME. Where it finds the file it cuts
 * from it as many bytes as that has PATH_INFO, be they the same or not (init_request_info in
 * fpm_main.c). */
static int check_name(request_rec *r, const fpmp_line_t *line)
{
    apr_size_t len = strlen(r->uri), cut = r->path_info ? strlen(r->path_info) : 0;
    int status = fpmp_request_check_name(r, line, r->uri);

    return status != OK || cut >= len
               ? status
               : fpmp_request_check_name(r, line, apr_pstrmemdup(r->pool, r->uri, len - cut));
}

int fpmp_fastcgi_run(request_rec *r, const fpmp_line_t *line)
{
    int status = check_name(r, line);

    if (status != OK) {
        return status;
    }
    /* A new pool is waited for here; mod_fastcgi would not. */
    if (fpmp_state_phase(line->chain->state) == FPMP_PHASE_PENDING) {
        fpmp_conn_t conn;

        status = fpmp_pool_open(r, line, &fpmp_unix_end, &conn);
        if (status != OK) {
            return status;
        }
        fpmp_unix_end.close(&conn);
    }
    set_way(r, line, NULL);
    r->handler = line->chain->fastcgi_url + 1;
    return DECLINED;
}

/* Is this what mod_actions made of the request before it? */
static int is_next(const request_rec *r, const fpmp_line_t *line)
{
    const char *url = line->chain->fastcgi_url;
    apr_size_t len = strlen(url);

    return strncmp(r->uri, url, len) == 0 && strcmp(r->uri + len, r->prev->uri) == 0;
}

/* mod_fastcgi has PATH_TRANSLATED, by which PHP-FPM knows the script, computed by a look-up of
 * the URL. It is to be the file that was checked, whatever a rewrite makes of the URL now. */
static int is_script_lookup(const request_rec *r)
{
    return r->main && came_from(r->main) && strcmp(r->uri, r->main->prev->uri) == 0;
}

static void set_script(request_rec *r)
{
    r->filename = apr_pstrdup(r->pool, r->main->prev->filename);
    r->path_info = apr_pstrdup(r->pool, r->main->prev->path_info);
}

/* Know the request that mod_actions makes of one that may run, lead it where the Alias would,
 * since a RewriteRule, Alias or ProxyPass of the host may take every URL, and have the script
 * of it looked up as the file that was checked. */
static int on_translate_name(request_rec *r)
{
    const fpmp_line_t *line = r->prev ? fpmp_way_of(r->prev)->goes : NULL;

    if (line && is_next(r, line)) {
        set_way(r, NULL, line);
        r->filename = apr_pstrdup(r->pool, r->uri);
        return OK;
    }
    if (is_script_lookup(r)) {
        set_script(r);
        return OK;
    }
    return DECLINED;
}

/* What the script sees, and what is done with its answer, is as for the request that was
 * checked. */
static void complete(request_rec *r, const fpmp_line_t *line)
{
    apr_table_t *env = apr_table_copy(r->pool, r->prev->subprocess_env);

    r->per_dir_config = r->prev->per_dir_config; /* Header, filters, limits, ErrorDocument */
    r->user = r->prev->user;
    r->ap_auth_type = r->prev->ap_auth_type;
    ap_set_context_info(r, ap_context_prefix(r->prev), ap_context_document_root(r->prev));
    apr_table_overlap(r->subprocess_env, env, APR_OVERLAP_TABLES_SET);
    fpmp_params_clean(r);
    fpmp_params_authorize(r, r->subprocess_env);
    fpmp_request_note(r, line->chain);
}

static int names_pool(const char *name)
{
    while (name && *name == '/') { /* mod_fastcgi takes several as one */
        name++;
    }
    return name && strncmp(name, FPMP_FASTCGI_PREFIX, strlen(FPMP_FASTCGI_PREFIX)) == 0;
}

/* Complete such a request; refuse any other one that would get to the name of a pool. */
static int on_fixups(request_rec *r)
{
    const fpmp_line_t *line = came_from(r);

    if (is_script_lookup(r)) {
        set_script(r);
        return OK; /* it may also be what an SSI of the answer includes */
    }
    if (!line && names_pool(r->filename)) {
        return fpmp_request_refuse(
            r, NULL, HTTP_FORBIDDEN, "FPMP0674", FPMP_LINK_HANDLER,
            apr_psprintf(r->pool,
                         "'%s' leads to a pool of via=fastcgi and comes from no "
                         "script that FPMUser lets run",
                         fpmp_value_shown(r->pool, r->uri)),
            "remove the Action, RewriteRule or other line that names it");
    }
    if (!line) {
        return DECLINED;
    }
    if (!r->filename || strcmp(r->filename, line->chain->fastcgi_url) != 0 || !r->handler ||
        strcmp(r->handler, FPMP_FASTCGI_HANDLER) != 0) {
        return fpmp_request_refuse(
            r, line, HTTP_SERVICE_UNAVAILABLE, "FPMP0675", FPMP_LINK_HANDLER,
            apr_psprintf(r->pool, "'%s' was led to '%s', wanted is '%s'",
                         fpmp_value_shown(r->pool, r->uri),
                         fpmp_value_shown(r->pool, r->filename), line->chain->fastcgi_url),
            "have the RewriteRule of <Directory /> or <Location> leave that URL alone");
    }
    complete(r, line);
    return OK;
}

/* What mod_actions left is refused, not sent as source. */
static int on_handler(request_rec *r)
{
    const fpmp_line_t *line = fpmp_way_of(r)->goes;

    return line ? fpmp_request_refuse(
                      r, line, HTTP_SERVICE_UNAVAILABLE, "FPMP0676", FPMP_LINK_HANDLER,
                      apr_psprintf(r->pool, "no Action took '%s' of handler '%s'",
                                   fpmp_value_shown(r->pool, r->uri), r->handler),
                      "load mod_actions, or write via=native")
                : DECLINED;
}

void fpmp_fastcgi_hooks(void)
{
    static const char *const actions[] = { "mod_actions.c", NULL };

    /* Before a rewrite; before our own last word on the handler; behind mod_actions, which is
     * LAST too. */
    ap_hook_translate_name(on_translate_name, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(on_fixups, NULL, NULL, APR_HOOK_REALLY_LAST - 1);
    ap_hook_handler(on_handler, actions, NULL, APR_HOOK_LAST);
}
