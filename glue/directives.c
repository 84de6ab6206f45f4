/* SPDX-License-Identifier: Apache-2.0
 *
 * Directives in, plan out. core/line.c reads the arguments; here only the place of the line
 * is noted and httpd's own contexts are checked. httpd prints file and line around what is
 * returned.
 */
#include "glue.h"

#include "../core/hosts.h"

#include <strings.h>

APLOG_USE_MODULE(fpmpool);

void *fpmp_dir_create(apr_pool_t *p, char *path)
{
    (void)path;
    return apr_pcalloc(p, sizeof(fpmp_dir_t));
}

void *fpmp_dir_merge(apr_pool_t *p, void *base_conf, void *add_conf)
{
    fpmp_dir_t *base = base_conf, *add = add_conf, *both;

    if (!add->line && !add->page && !add->php_value && !add->php_off) {
        return base;
    }
    both = apr_pmemdup(p, base, sizeof(*base));
    both->line = add->line ? add->line : base->line;
    both->page = add->page ? add->page : base->page;
    both->php_value = add->php_value ? add->php_value : base->php_value;
    both->php_off = add->php_off ? add->php_off : base->php_off;
    return both;
}

static fpmp_where_t where_of(const cmd_parms *cmd)
{
    fpmp_where_t where = { cmd->directive->filename, cmd->directive->line_num,
                           cmd->cmd->name };

    return where;
}

const char *fpmp_refusal(const cmd_parms *cmd, const char *code, const char *why)
{
    return why ? apr_psprintf(cmd->pool, "%s: %s: %s", code, cmd->cmd->name, why) : NULL;
}

const char *fpmp_set_user(cmd_parms *cmd, void *dir_conf, int argc, char *const argv[])
{
    fpmp_dir_t *dir = dir_conf;
    fpmp_line_t *line = apr_pcalloc(cmd->pool, sizeof(*line));
    const char *err = ap_check_cmd_context(cmd, NOT_IN_LIMIT);

    if (err) {
        return err;
    }
    if (dir->line) {
        return fpmp_refusal(cmd, "FPMP0105",
                       apr_psprintf(cmd->pool,
                                    "'%s' was already given here at %s:%d; keep one of "
                                    "the two",
                                    dir->line->off ? "off" : dir->line->user,
                                    dir->line->where.file, dir->line->where.line));
    }
    line->where = where_of(cmd);
    err = fpmp_refusal(cmd, "FPMP0106", fpmp_line_parse(cmd->pool, line, 1, argc, argv));
    if (err) {
        return err;
    }
    line->server = cmd->server;
    fpmp_links_expect(cmd, line);
    dir->line = line;
    APR_ARRAY_PUSH(fpmp_plan_of(cmd->pool)->lines, fpmp_line_t *) = line;
    return NULL;
}

const char *fpmp_set_defaults(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    fpmp_plan_t *plan = fpmp_plan_of(cmd->pool);
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    if (err) {
        return err;
    }
    if (!plan->defaults) {
        plan->defaults = apr_pcalloc(cmd->pool, sizeof(*plan->defaults));
    }
    plan->defaults->where = where_of(cmd);
    err = fpmp_refusal(cmd, "FPMP0107",
                       fpmp_line_parse(cmd->pool, plan->defaults, 0, argc, argv));
    fpmp_links_expect(cmd, plan->defaults);
    return err;
}

const char *fpmp_set_hosts(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    fpmp_plan_t *plan = fpmp_plan_of(cmd->pool);
    fpmp_hosts_t *hosts = apr_pcalloc(cmd->pool, sizeof(*hosts));
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    if (err) {
        return err;
    }
    hosts->where = where_of(cmd);
    err = fpmp_hosts_parse(cmd->pool, hosts, argc, argv);
    err = err ? err : fpmp_hosts_beside(cmd->pool, hosts, plan->ends.hosts);
    APR_ARRAY_PUSH(plan->ends.hosts, fpmp_hosts_t *) = hosts;
    return fpmp_refusal(cmd, "FPMP0699", err);
}

const char *fpmp_set_master(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    fpmp_plan_t *plan = fpmp_plan_of(cmd->pool);
    fpmp_master_t *master = apr_pcalloc(cmd->pool, sizeof(*master));
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    int i;

    (void)dir;
    if (err) {
        return err;
    }
    master->where = where_of(cmd);
    err = fpmp_refusal(cmd, "FPMP0108", fpmp_master_parse(cmd->pool, master, argc, argv));
    if (err) {
        return err;
    }
    for (i = 0; i < plan->masters_given->nelts; i++) {
        const fpmp_master_t *old = APR_ARRAY_IDX(plan->masters_given, i, fpmp_master_t *);

        if (strcmp(old->name, master->name) == 0) {
            return fpmp_refusal(cmd, "FPMP0109",
                           apr_psprintf(cmd->pool,
                                        "master '%s' was already given at %s:%d; keep "
                                        "one of the two, or give them different names",
                                        old->name, old->where.file, old->where.line));
        }
    }
    APR_ARRAY_PUSH(plan->masters_given, fpmp_master_t *) = master;
    return NULL;
}

/* A directive of the whole server that may stand once: NULL, or why not. */
static const char *once(cmd_parms *cmd, fpmp_where_t *where)
{
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    if (!err && where->file) {
        err = fpmp_refusal(cmd, "FPMP0110",
                      apr_psprintf(cmd->pool,
                                   "it was already given at %s:%d; "
                                   "keep one of the two",
                                   where->file, where->line));
    }
    *where = where_of(cmd);
    return err;
}

const char *fpmp_set_socket_dir(cmd_parms *cmd, void *dir, const char *arg)
{
    fpmp_plan_t *plan = fpmp_plan_of(cmd->pool);
    const char *err = once(cmd, &plan->socket_dir_where),
               *why = fpmp_rule_path(cmd->pool, arg);

    (void)dir;
    plan->socket_dir = arg;
    return err || !why ? err
                       : fpmp_refusal(cmd, "FPMP0111",
                                 apr_psprintf(cmd->pool, "directory '%s' %s",
                                              fpmp_value_shown(cmd->pool, arg), why));
}

const char *fpmp_set_sync(cmd_parms *cmd, void *dir, const char *arg)
{
    static const struct {
        const char *word;
        fpmp_sync_e sync;
    } words[] = {
        { "auto", FPMP_SYNC_AUTO },
        { "write", FPMP_SYNC_WRITE },
        { "check", FPMP_SYNC_CHECK },
    };
    fpmp_plan_t *plan = fpmp_plan_of(cmd->pool);
    const char *err = once(cmd, &plan->sync_where);
    apr_size_t i;

    (void)dir;
    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(arg, words[i].word) == 0) {
            plan->sync = words[i].sync;
            return err;
        }
    }
    return err ? err
               : fpmp_refusal(cmd, "FPMP0112",
                         apr_psprintf(cmd->pool,
                                      "'%s' is none of auto, write and check; write one "
                                      "of the three",
                                      fpmp_value_shown(cmd->pool, arg)));
}

const char *fpmp_set_strict(cmd_parms *cmd, void *dir, int on)
{
    fpmp_plan_t *plan = fpmp_plan_of(cmd->pool);

    (void)dir;
    plan->strict = on;
    return once(cmd, &plan->strict_where);
}

const char *fpmp_set_ignore_php_value(cmd_parms *cmd, void *dir, int on)
{
    fpmp_plan_t *plan = fpmp_plan_of(cmd->pool);

    (void)dir;
    plan->ignore_php_value = on;
    return once(cmd, &plan->ignore_php_value_where);
}
