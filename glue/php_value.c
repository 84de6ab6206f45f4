/* SPDX-License-Identifier: Apache-2.0
 *
 * The directives of mod_php (php_value, php_flag, php_admin_value, php_admin_flag), which
 * sites that came from it have in their configuration. PHP-FPM reads none of them. Where
 * mod_php is loaded they are its own; where it is not, httpd must go on as if nobody knew
 * them, unless FPMIgnorePHPValue says otherwise. Entry point: fpmp_see_php_value.
 */
#include "glue.h"

#include <apr_atomic.h>
#include <strings.h>

APLOG_USE_MODULE(fpmpool);

const char *fpmp_mod_php(void)
{
    return ap_find_linked_module("mod_php.c")    ? "mod_php"
           : ap_find_linked_module("mod_php7.c") ? "mod_php7"
                                                 : NULL;
}

/* In the server's configuration: nobody's but mod_php's, with the mend at its own line. */
static const char *in_server(const cmd_parms *cmd, const char *name, const char *value)
{
    return fpmp_mod_php()
               ? NULL
               : fpmp_refusal(cmd, "FPMP0141",
                              apr_psprintf(cmd->pool,
                                           "mod_php is not loaded; under PHP-FPM write "
                                           "\"%s[%s]=%s\" on the FPMUser line",
                                           cmd->cmd->name, fpmp_value_shown(cmd->pool, name),
                                           fpmp_value_shown(cmd->pool, value)));
}

const char *fpmp_see_php_value(cmd_parms *cmd, void *dir_conf, const char *name,
                               const char *value)
{
    fpmp_dir_t *dir = dir_conf;
    const char *place;

    if (!ap_check_cmd_context(cmd, NOT_IN_HTACCESS)) {
        return in_server(cmd, name, value);
    }
    if (!fpmp_plan_of(cmd->server->process->pconf)->ignore_php_value && !fpmp_mod_php() &&
        !(cmd->override & NONFATAL_UNKNOWN)) {
        return apr_psprintf(cmd->pool,
                            "Invalid command '%s', perhaps misspelled or defined by a module "
                            "not included in the server configuration; FPMIgnorePHPValue on "
                            "has such lines ignored, and PHP-FPM reads .user.ini instead",
                            cmd->cmd->name);
    }
    place = apr_psprintf(cmd->pool, "%s:%d", cmd->directive->filename,
                         cmd->directive->line_num);
    if (strcasecmp(name, "engine") == 0) { /* on as mod_php reads it */
        dir->php_off = strcasecmp(value, "on") == 0 || strcmp(value, "1") == 0 ? "" : place;
    }
    else {
        dir->php_value = apr_psprintf(cmd->pool, "'%s %s' at %s", cmd->cmd->name,
                                      fpmp_value_shown(cmd->pool, name), place);
    }
    return NULL;
}

void fpmp_php_value_say(request_rec *r, const fpmp_dir_t *dir)
{
    fpmp_finding_t finding = { .code = "FPMP0631", .link = FPMP_LINK_HANDLER };

    if (!dir->php_value || apr_atomic_cas32(&dir->line->chain->state->php_said, 1, 0) != 0) {
        return;
    }
    finding.where = dir->line->where;
    finding.seen = apr_psprintf(r->pool, "%s has no effect under PHP-FPM", dir->php_value);
    finding.mend = "write it into .user.ini of that directory, or on FPMUser";
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "%s",
                  fpmp_finding_text(r->pool, &finding));
}
