/* SPDX-License-Identifier: Apache-2.0
 *
 * A request on its way: is it ours, may it run, then body, variables, exchange. The pool
 * comes from the FPMUser line in force for the final file name and from nothing else: no
 * content type, no handler text, no note, no environment.
 */
#include "glue.h"

#include <string.h>

APLOG_USE_MODULE(fpmpool);

static const fpmp_dir_t *dir_of(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &fpmpool_module);
}

static const fpmp_line_t *line_of(const request_rec *r)
{
    return dir_of(r)->line;
}

const fpmp_way_t *fpmp_way_of(const request_rec *r)
{
    static const fpmp_way_t none = { 0 };
    const fpmp_way_t *way = ap_get_module_config(r->request_config, &fpmpool_module);

    return way ? way : &none;
}

void fpmp_request_say(request_rec *r, const fpmp_line_t *line, const char *code,
                      fpmp_link_e link, const char *seen, const char *mend)
{
    fpmp_finding_t finding = { .code = code, .link = link, .seen = seen, .mend = mend };

    if (line) {
        finding.where = line->where;
    }
    if (line && line->chain && line->chain->state) {
        fpmp_state_error(line->chain->state, code);
    }
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "%s", fpmp_finding_text(r->pool, &finding));
}

int fpmp_request_claim(request_rec *r)
{
    const fpmp_line_t *line = line_of(r);

    /* What is no regular file stays httpd's: its own 404, DirectoryIndex, FallbackResource.
     * "redirect:/x.php" is what mod_rewrite of a .htaccess made of one. */
    if (line && *r->filename == '/' && !r->proxyreq &&
        (r->finfo.filetype == APR_REG
             ? fpmp_rule_claim(r->filename, line->ext) != FPMP_CLAIM_NONE
             : line->root == FPMP_ROOT_REMOTE && fpmp_balancer_remote(r, line))) {
        r->handler = FPMP_HANDLER;
    }
    return fpmp_wall_check(r, line);
}

/* Log why a PHP file is refused, and refuse it: it is never sent as source. */
int fpmp_request_refuse(request_rec *r, const fpmp_line_t *line, int status,
                        const char *code, fpmp_link_e link, const char *seen,
                        const char *mend)
{
    fpmp_request_say(r, line, code, link, seen, mend);
    return status;
}

/* "php_flag engine off" in a .htaccess, mostly of a folder for uploads. mod_php would send
 * the source. */
static int check_engine(request_rec *r, const fpmp_line_t *line)
{
    const char *where = dir_of(r)->php_off;

    return !where || !*where
               ? OK
               : fpmp_request_refuse(
                     r, line, HTTP_FORBIDDEN, "FPMP0632", FPMP_LINK_HANDLER,
                     apr_psprintf(r->pool,
                                  "'%s' is a PHP file where PHP is turned off at %s",
                                  r->filename, where),
                     "take that line out if it is to run");
}

/* The chain of this line, or the status that answers instead. */
static int check_chain(request_rec *r, const fpmp_line_t *line)
{
    const fpmp_finding_t *why = line->refused;
    const fpmp_state_t *state = line->chain ? line->chain->state : NULL;
    int broken = state && fpmp_state_phase(line->chain->state) == FPMP_PHASE_BROKEN;

    if (line->off) {
        return fpmp_request_refuse(
            r, line, HTTP_FORBIDDEN, "FPMP0601", FPMP_LINK_DIRECTIVE,
            apr_psprintf(r->pool, "'%s' is a PHP file where FPMUser is off", r->filename),
            "name a user with FPMUser if it is to run");
    }
    if (why || !state || broken || !(line->chain->socket_path || line->chain->port)) {
        return fpmp_request_refuse(
            r, line, HTTP_SERVICE_UNAVAILABLE, "FPMP0602",
            why      ? why->link
            : broken ? state->link
                     : FPMP_LINK_DIRECTIVE,
            apr_psprintf(r->pool,
                         "the chain of user '%s' is broken, see %s at the last "
                         "start",
                         line->user,
                         why      ? why->code
                         : broken ? state->code
                                  : "the log"),
            "run apachectl configtest, mend what it names, reload httpd");
    }
    return OK;
}

static const char *belongs_to(request_rec *r, const fpmp_chain_t *chain, const char *what,
                              uid_t owner)
{
    return apr_psprintf(r->pool, "'%s' belongs to '%s', not to '%s' or root", what,
                        fpmp_facts_uid_name(r->pool, owner), chain->user);
}

/* Why this script may become somebody else's; NULL: it cannot. The owner is that of what
 * httpd itself looked at for this request, links followed. PHP-FPM opens the name again, as
 * late as the client ends its body, so nobody else may be able to lead it elsewhere. */
static const char *stranger(request_rec *r, const fpmp_line_t *line, const char **mend)
{
    const fpmp_chain_t *chain = line->chain;
    const fpmp_node_t *node;
    uid_t uid = fpmp_state_uid(chain->state);

    *mend = uid == (uid_t)-1 ? "reload httpd when the name service answers"
                             : "chown it, or write owner=any on FPMUser";
    if (r->finfo.user != uid && r->finfo.user != 0) {
        return uid == (uid_t)-1
                   ? apr_psprintf(r->pool, "'%s' belongs to '%s', and who '%s' is could not "
                                           "be looked up at the last start",
                                  r->filename, fpmp_facts_uid_name(r->pool, r->finfo.user),
                                  chain->user)
                   : belongs_to(r, chain, r->filename, r->finfo.user);
    }
    node = fpmp_rule_own_way(fpmp_facts_way(r->pool, r->filename), uid,
                             line->owner == FPMP_OWNER_STRICT_DIR);
    if (!node) {
        return NULL;
    }
    if (node->lookup != FPMP_LOOKUP_FOUND) {
        return apr_psprintf(r->pool, "'%s' could not be looked at (%s)", node->path, node->why);
    }
    if (node->uid != uid && node->uid != 0) {
        return belongs_to(r, chain, node->path, node->uid);
    }
    *mend = "write 'chmod go-w' for it, or owner=any on FPMUser";
    return apr_psprintf(r->pool,
                        "'%s' is mode %04o, so others than '%s' and root may put another "
                        "script there",
                        node->path, (unsigned int)node->mode, chain->user);
}

static int check_owner(request_rec *r, const fpmp_line_t *line)
{
    const char *mend, *why = stranger(r, line, &mend);

    return why ? fpmp_request_refuse(r, line, HTTP_FORBIDDEN, "FPMP0604", FPMP_LINK_USER,
                                     why, mend)
               : OK;
}

static int check_script(request_rec *r, const fpmp_line_t *line)
{
    const fpmp_chain_t *chain = line->chain;
    const char *path_info = r->path_info ? r->path_info : "", *why;

    if (fpmp_rule_claim(r->filename, line->ext) != FPMP_CLAIM_RUN) {
        return fpmp_request_refuse(
            r, line, HTTP_FORBIDDEN, "FPMP0603", FPMP_LINK_EXTENSION,
            apr_psprintf(r->pool, "'%s' has none of the extensions of pool [%s]: %s",
                         r->filename, chain->pool,
                         apr_array_pstrcat(r->pool, chain->ext, ',')),
            "add it with ext= on FPMUser if it is to run");
    }
    if (*path_info && r->used_path_info == AP_REQ_REJECT_PATH_INFO) {
        return HTTP_NOT_FOUND; /* AcceptPathInfo Off; httpd logs it for files alike */
    }
    why = fpmp_rule_path_info(r->pool, path_info);
    if (why) {
        return fpmp_request_refuse(
            r, line, HTTP_FORBIDDEN, "FPMP0617", FPMP_LINK_HANDLER,
            apr_psprintf(r->pool, "what follows '%s' in the URL path %s", r->filename, why),
            "leave it out of the URL");
    }
    if ((line->owner != FPMP_OWNER_STRICT && line->owner != FPMP_OWNER_STRICT_DIR) ||
        r->finfo.filetype != APR_REG) {
        return OK;
    }
    return check_owner(r, line);
}

/* May this request run, and by which line? */
static int choose(request_rec *r, const fpmp_line_t *line)
{
    int status;

    if (r->finfo.filetype == APR_DIR) {
        return DECLINED; /* SetHandler fpmpool on a directory: index and listing stay
                            httpd's */
    }
    if (r->finfo.filetype != APR_REG && !(line && line->root == FPMP_ROOT_REMOTE)) {
        return HTTP_NOT_FOUND;
    }
    if (!line) {
        return fpmp_request_refuse(
            r, NULL, HTTP_FORBIDDEN, "FPMP0605", FPMP_LINK_HANDLER,
            apr_psprintf(r->pool,
                         "handler 'fpmpool' is set for '%s', but no FPMUser is "
                         "in force there",
                         r->filename),
            "write FPMUser in that host or directory, or remove the SetHandler or "
            "AddHandler line");
    }
    status = check_chain(r, line);
    status = status == OK ? check_engine(r, line) : status;
    return status == OK ? check_script(r, line) : status;
}

int fpmp_request_check_name(request_rec *r, const fpmp_line_t *line, const char *name)
{
    const char *path = line->chain->status_path;

    return !name || !path || strcmp(name, path) != 0
               ? OK
               : fpmp_request_refuse(
                     r, line, HTTP_FORBIDDEN, "FPMP0700", FPMP_LINK_POOL,
                     apr_psprintf(r->pool,
                                  "'%s' is pm.status_path of pool [%s], which no "
                                  "site shows",
                                  name, line->chain->pool),
                     "read the figures with SetHandler fpmpool-status, or give "
                     "pm.status_path another name on FPMUser");
}

void fpmp_request_note(request_rec *r, const fpmp_chain_t *chain)
{
    /* addn, which looks for no other of the name: each request has notes of its own. */
    apr_table_addn(r->notes, "FPMPOOL_USER", chain->user);
    apr_table_addn(r->notes, "FPMPOOL_POOL", chain->pool);
    apr_table_addn(r->notes, "FPMPOOL_MASTER", chain->master->name);
}

/* The module itself speaks FastCGI to the pool. */
static int run_native(request_rec *r, const fpmp_line_t *line)
{
    const char *too_long = NULL;
    apr_table_t *env;
    fpmp_body_t body;
    apr_size_t len;
    char *head;
    /* 1 the body, before a worker is taken */
    int status = fpmp_body_open(r, line->buffer_bytes, &body);

    if (status != OK) {
        return status;
    }
    /* 2 the variables, in one piece */
    env = fpmp_params_make(r, &body);
    status = fpmp_request_check_name(r, line, apr_table_get(env, "SCRIPT_NAME"));
    if (status != OK) {
        return status;
    }
    head = fpmp_fcgi_request(r->pool, env, body.bb == NULL, &len, &too_long);
    if (!head) {
        return fpmp_request_refuse(
            r, line, HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "FPMP0607", FPMP_LINK_HANDLER,
            apr_psprintf(r->pool,
                         "variable '%s' is longer than the 65535 bytes that a "
                         "FastCGI record holds",
                         too_long),
            "shorten it");
    }
    /* 3 to the pool and back */
    return fpmp_exchange_run(r, line, &body, head, len);
}

/* The ends of the chain, by line->via: each takes a request that may run to its answer. */
static int (*const ends[])(request_rec *r, const fpmp_line_t *line) = {
    [FPMP_VIA_NATIVE] = run_native,
    [FPMP_VIA_FASTCGI] = fpmp_fastcgi_run,
    [FPMP_VIA_BALANCER] = fpmp_balancer_run,
};

int fpmp_request_handle(request_rec *r)
{
    const fpmp_line_t *line;
    int status;

    if (strcmp(r->handler, FPMP_HANDLER) != 0) {
        return DECLINED;
    }
    line = line_of(r);
    status = choose(r, line);
    if (status != OK) {
        return status;
    }
    fpmp_request_note(r, line->chain);
    fpmp_php_value_say(r, dir_of(r));
    return ends[line->via](r, line);
}
