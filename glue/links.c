/* SPDX-License-Identifier: Apache-2.0
 *
 * The ends of the chain that other modules serve: when the last line of the configuration is
 * read, their links are put in force as directives, so that each module reads its own. Here is
 * how; what they are stands in core/, what is refused is a finding of fastcgi.c or balancer.c.
 */
#include "glue.h"

#include <string.h>

static apr_status_t next_char(char *ch, void *rest)
{
    const char **at = rest;

    if (!**at) {
        return APR_EOF;
    }
    *ch = *(*at)++;
    return APR_SUCCESS;
}

/* What they say of themselves in an error is the line that they stand for. */
static void place_at(ap_directive_t *directive, fpmp_where_t where)
{
    for (; directive; directive = directive->next) {
        directive->filename = where.file;
        directive->line_num = where.line;
        place_at(directive->first_child, where);
    }
}

const char *fpmp_links_run(const cmd_parms *cmd, server_rec *s, const char *text,
                           fpmp_where_t where)
{
    cmd_parms parms = *cmd;
    ap_directive_t *tree = NULL;
    const char *err;

    parms.server = s;
    parms.config_file =
        ap_pcfg_open_custom(cmd->pool, where.file, &text, next_char, NULL, NULL);
    err = ap_build_config(&parms, cmd->pool, cmd->temp_pool, &tree);
    place_at(tree, where);
    return err ? err : ap_walk_config(tree, &parms, s->lookup_defaults);
}

/* The ends, by line->via; the native one needs nothing. */
static const struct {
    void (*hooks)(void); /* come with the first line that has this end */
    void (*link)(const cmd_parms *cmd, fpmp_plan_t *plan, fpmp_line_t *line, apr_hash_t *made);
} ends[] = {
    [FPMP_VIA_FASTCGI] = { .hooks = fpmp_fastcgi_hooks, .link = fpmp_fastcgi_link },
    [FPMP_VIA_BALANCER] = { .hooks = fpmp_balancer_hooks, .link = fpmp_balancer_link },
};

const char *fpmp_links_make(cmd_parms *cmd, void *dir)
{
    fpmp_plan_t *plan = fpmp_plan_of(cmd->pool);
    apr_hash_t *made = apr_hash_make(cmd->temp_pool);
    int i;

    (void)dir;
    if (cmd->directive->data != plan) {
        return FPMP_LINKS " is made by the module itself; write via= on FPMUser";
    }
    plan->ends.fastcgi_missing = fpmp_fastcgi_missing();
    fpmp_plan_derive(plan, cmd->server);
    fpmp_export_ports(plan);
    for (i = 0; i < plan->lines->nelts; i++) {
        fpmp_line_t *line = APR_ARRAY_IDX(plan->lines, i, fpmp_line_t *);

        if (ends[line->via].link && line->chain && !line->refused) {
            ends[line->via].link(cmd, plan, line, made);
        }
    }
    return NULL;
}

/* Have the directive above stand behind the last line. */
static void append(const cmd_parms *cmd, fpmp_plan_t *plan)
{
    ap_directive_t *last = ap_conftree, *link = apr_pcalloc(cmd->pool, sizeof(*link));

    while (last->next) {
        last = last->next;
    }
    link->directive = FPMP_LINKS;
    link->args = "";
    link->filename = cmd->directive->filename;
    link->line_num = cmd->directive->line_num;
    link->data = plan;
    last->next = link;
}

void fpmp_links_expect(const cmd_parms *cmd, const fpmp_line_t *line)
{
    fpmp_plan_t *plan = fpmp_plan_of(cmd->pool);
    fpmp_via_e via = line->hosts ? FPMP_VIA_BALANCER : line->via;

    if (via >= sizeof(ends) / sizeof(ends[0]) || !ends[via].hooks ||
        plan->ends.expected & 1 << via) {
        return;
    }
    if (!plan->ends.expected) {
        append(cmd, plan);
    }
    plan->ends.expected |= 1 << via;
    ends[via].hooks();
}
