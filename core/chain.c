/* SPDX-License-Identifier: Apache-2.0
 *
 * Every link of every chain, derived from the FPMUser lines: which master, which pool,
 * which file, which socket, which settings. Lines that name the same user on the same
 * master share one chain; where they disagree the later line is refused. Entry point:
 * fpmp_chains_derive().
 */
#include "hosts.h"
#include "via.h"

#include <string.h>

/* What every pool starts from; docs/directives.md gives the reason of each. */
static const char *const built_in[] = {
    "pm=ondemand",
    "pm.max_children=10",
    "pm.max_requests=1000",
    ("pm.status_path=" FPMP_STATUS_PATH), /* in parentheses: one string, no comma is missing */
};

fpmp_plan_t *fpmp_plan_make(apr_pool_t *p)
{
    fpmp_plan_t *plan = apr_pcalloc(p, sizeof(*plan));

    plan->pool = p;
    plan->lines = apr_array_make(p, 16, sizeof(fpmp_line_t *));
    plan->masters_given = apr_array_make(p, 2, sizeof(fpmp_master_t *));
    plan->masters = apr_array_make(p, 2, sizeof(fpmp_master_t *));
    plan->chains = apr_array_make(p, 16, sizeof(fpmp_chain_t *));
    plan->findings = apr_array_make(p, 4, sizeof(fpmp_finding_t *));
    plan->ends.hosts = apr_array_make(p, 2, sizeof(fpmp_hosts_t *));
    return plan;
}

static const char *place(apr_pool_t *p, fpmp_where_t where)
{
    return where.file ? apr_psprintf(p, "%s:%d", where.file, where.line)
                      : "the built-in settings";
}

void fpmp_line_refuse(fpmp_plan_t *plan, fpmp_line_t *line, const char *code,
                      fpmp_link_e link, const char *seen, const char *mend)
{
    line->refused =
        fpmp_finding_add(plan->findings, code, link, FPMP_BROKEN, line->where, seen, mend);
}

static const char *master_names(const fpmp_plan_t *plan)
{
    const char *names = NULL;
    int i;

    for (i = 0; i < plan->masters->nelts; i++) {
        const char *name = APR_ARRAY_IDX(plan->masters, i, fpmp_master_t *)->name;

        names = names ? apr_pstrcat(plan->pool, names, ", ", name, NULL) : name;
    }
    return names;
}

/* The master a line chooses, or NULL with a finding. */
static fpmp_master_t *choose_master(fpmp_plan_t *plan, fpmp_line_t *line)
{
    const char *php = line->php ? line->php : plan->defaults ? plan->defaults->php : NULL;
    int i;

    if (plan->masters->nelts == 0) {
        fpmp_line_refuse(
            plan, line, "FPMP0501", FPMP_LINK_MASTER,
            "no PHP-FPM was found in any place where a distribution puts it",
            "install it (Debian: apt-get install php-fpm), or name its main file with "
            "'FPMMaster NAME config=/path/php-fpm.conf'");
        return NULL;
    }
    for (i = 0; i < plan->masters->nelts; i++) {
        fpmp_master_t *master = APR_ARRAY_IDX(plan->masters, i, fpmp_master_t *);

        if (!php || strcmp(php, master->name) == 0) {
            return master;
        }
    }
    fpmp_line_refuse(
        plan, line, "FPMP0502", FPMP_LINK_MASTER,
        apr_psprintf(plan->pool, "there is no master '%s', only %s", php, master_names(plan)),
        apr_psprintf(plan->pool, "write php= with one of these, or install PHP-FPM %s", php));
    return NULL;
}

static fpmp_setting_t *find_setting(apr_array_header_t *settings,
                                    const fpmp_setting_t *wanted)
{
    int i;

    for (i = 0; i < settings->nelts; i++) {
        fpmp_setting_t *setting = &APR_ARRAY_IDX(settings, i, fpmp_setting_t);

        if (fpmp_setting_same(setting, wanted)) {
            return setting;
        }
    }
    return NULL;
}

static const char *ext_text(apr_pool_t *p, const apr_array_header_t *ext)
{
    return apr_array_pstrcat(p, ext, ',');
}

/* The finding for two lines that share a pool and disagree. */
static int disagree(fpmp_plan_t *plan, fpmp_line_t *line, const char *key,
                    const char *first, fpmp_where_t first_where, const char *second)
{
    apr_pool_t *p = plan->pool;

    fpmp_line_refuse(
        plan, line, "FPMP0101", FPMP_LINK_DIRECTIVE,
        apr_psprintf(p,
                     "'%s' of user '%s' is '%s' at %s and '%s' here, but both share "
                     "one pool",
                     key, line->user, fpmp_value_shown(p, first), place(p, first_where),
                     fpmp_value_shown(p, second)),
        "write the same in both lines, or in only one of them");
    return 0;
}

/* The place of the first line of this chain that names a group, or an ext. */
static fpmp_where_t first_with(const fpmp_chain_t *chain, int group)
{
    int i;

    for (i = 0; i < chain->lines->nelts; i++) {
        const fpmp_line_t *line = APR_ARRAY_IDX(chain->lines, i, fpmp_line_t *);

        if (group ? line->group != NULL : line->ext != NULL) {
            return line->where;
        }
    }
    return chain->where;
}

/* Does the line agree with what earlier lines said of the same pool? A key that only one of
 * them mentions is no disagreement. */
static int line_agrees(fpmp_plan_t *plan, fpmp_chain_t *chain, fpmp_line_t *line)
{
    apr_pool_t *p = plan->pool;
    int i;

    if (chain->group && line->group && strcmp(chain->group, line->group) != 0) {
        return disagree(plan, line, "group", chain->group, first_with(chain, 1),
                        line->group);
    }
    if (chain->ext && line->ext &&
        strcmp(ext_text(p, chain->ext), ext_text(p, line->ext)) != 0) {
        return disagree(plan, line, "ext", ext_text(p, chain->ext), first_with(chain, 0),
                        ext_text(p, line->ext));
    }
    for (i = 0; i < line->settings->nelts; i++) {
        fpmp_setting_t *setting = &APR_ARRAY_IDX(line->settings, i, fpmp_setting_t);
        fpmp_setting_t *first = find_setting(chain->settings, setting);

        if (first && strcmp(first->value, setting->value) != 0) {
            return disagree(plan, line, fpmp_setting_key(p, setting), first->value,
                            first->where, setting->value);
        }
    }
    return 1;
}

static void add_line(fpmp_chain_t *chain, fpmp_line_t *line)
{
    int i;

    chain->group = chain->group ? chain->group : line->group;
    chain->ext = chain->ext ? chain->ext : line->ext;
    for (i = 0; i < line->settings->nelts; i++) {
        fpmp_setting_t *setting = &APR_ARRAY_IDX(line->settings, i, fpmp_setting_t);

        if (!find_setting(chain->settings, setting)) {
            APR_ARRAY_PUSH(chain->settings, fpmp_setting_t) = *setting;
        }
    }
    APR_ARRAY_PUSH(chain->lines, fpmp_line_t *) = line;
    line->chain = chain;
}

/* Its pool is on other machines, all with the same port. */
static void set_hosts(apr_pool_t *p, fpmp_chain_t *chain, const fpmp_hosts_t *hosts)
{
    chain->hosts = hosts;
    chain->balancer = apr_pstrcat(p, FPMP_BALANCER_PREFIX, chain->pool, NULL);
    chain->allowed = apr_array_pstrcat(p, hosts->allow, ',');
    chain->socket_owner = chain->socket_group = NULL;
}

static fpmp_chain_t *make_chain(fpmp_plan_t *plan, const fpmp_line_t *line,
                                const fpmp_master_t *master, const fpmp_httpd_t *httpd)
{
    apr_pool_t *p = plan->pool;
    fpmp_chain_t *chain = apr_pcalloc(p, sizeof(*chain));

    chain->user = chain->pool = line->user;
    chain->master = master;
    chain->socket_owner = httpd->user;
    chain->socket_group = httpd->group;
    chain->settings = apr_array_make(p, 8, sizeof(fpmp_setting_t));
    chain->lines = apr_array_make(p, 2, sizeof(fpmp_line_t *));
    chain->where = line->where;
    chain->uid = (uid_t)-1;
    chain->fastcgi_url = fpmp_fastcgi_url(p, chain);
    if (master->pool_dir) {
        chain->pool_file_path = apr_pstrcat(p, master->pool_dir, "/", FPMP_FILE_PREFIX,
                                            chain->pool, ".conf", NULL);
    }
    if (master->socket_dir) {
        chain->socket_path = apr_pstrcat(p, master->socket_dir, "/", FPMP_FILE_PREFIX,
                                         master->name, "-", chain->pool, ".sock", NULL);
    }
    APR_ARRAY_PUSH(plan->chains, fpmp_chain_t *) = chain;
    return chain;
}

const char *fpmp_chain_setting(const fpmp_chain_t *chain, const char *name)
{
    int i;

    for (i = 0; i < chain->settings->nelts; i++) {
        const fpmp_setting_t *setting = &APR_ARRAY_IDX(chain->settings, i, fpmp_setting_t);

        if (!setting->subkey && strcmp(setting->name, name) == 0) {
            return setting->value;
        }
    }
    return NULL;
}

/* FPMDefaults, then the built-in settings, for what the lines leave open. */
static void add_defaults(fpmp_chain_t *chain, const apr_array_header_t *defaults)
{
    int i;

    for (i = 0; i < defaults->nelts; i++) {
        fpmp_setting_t *setting = &APR_ARRAY_IDX(defaults, i, fpmp_setting_t);

        if (!find_setting(chain->settings, setting)) {
            APR_ARRAY_PUSH(chain->settings, fpmp_setting_t) = *setting;
        }
    }
    fpmp_settings_sort(chain->settings);
    chain->status_path = fpmp_chain_setting(chain, "pm.status_path");
}

static apr_array_header_t *all_defaults(fpmp_plan_t *plan)
{
    apr_array_header_t *all = apr_array_make(plan->pool, 8, sizeof(fpmp_setting_t));
    apr_size_t i;

    if (plan->defaults) {
        apr_array_cat(all, plan->defaults->settings);
    }
    for (i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++) {
        fpmp_setting_t setting = { 0 };

        fpmp_setting_parse(plan->pool, built_in[i], &setting);
        if (!find_setting(all, &setting)) {
            APR_ARRAY_PUSH(all, fpmp_setting_t) = setting;
        }
    }
    return all;
}

/* What the handler compares file names with: also where FPMUser is off or refused, so that
 * a file which PHP would run elsewhere is never sent as source. */
static void settle_ext(fpmp_plan_t *plan, fpmp_line_t *line)
{
    if (line->chain) {
        line->ext = line->chain->ext;
    }
    if (!line->ext && plan->defaults) {
        line->ext = plan->defaults->ext;
    }
    if (!line->ext) {
        line->ext = apr_array_make(plan->pool, 1, sizeof(const char *));
        APR_ARRAY_PUSH(line->ext, const char *) = "php";
    }
}

static void derive_line(fpmp_plan_t *plan, fpmp_line_t *line, const fpmp_httpd_t *httpd,
                        apr_hash_t *by_key)
{
    const fpmp_hosts_t *hosts =
        line->via == FPMP_VIA_BALANCER ? fpmp_hosts_choose(plan, line) : NULL;
    const fpmp_master_t *master = hosts           ? hosts->master
                                  : line->refused ? NULL
                                                  : choose_master(plan, line);
    fpmp_chain_t *chain;
    const char *key;

    if (!master) {
        return;
    }
    key = apr_pstrcat(plan->pool, hosts ? "hosts " : "", master->name, "/", line->user, NULL);
    chain = apr_hash_get(by_key, key, APR_HASH_KEY_STRING);
    if (!chain) {
        chain = make_chain(plan, line, master, httpd);
        if (hosts) {
            set_hosts(plan->pool, chain, hosts);
        }
        apr_hash_set(by_key, key, APR_HASH_KEY_STRING, chain);
    }
    if (line_agrees(plan, chain, line)) {
        add_line(chain, line);
    }
}

void fpmp_chains_derive(fpmp_plan_t *plan, const fpmp_httpd_t *httpd)
{
    apr_hash_t *by_key = apr_hash_make(plan->pool), *taken = apr_hash_make(plan->pool);
    const apr_array_header_t *defaults = all_defaults(plan);
    int i;

    for (i = 0; i < plan->lines->nelts; i++) {
        fpmp_line_t *line = APR_ARRAY_IDX(plan->lines, i, fpmp_line_t *);
        const char *lost_key = fpmp_via_settle(plan, line);

        if (plan->defaults) {
            line->owner = line->owner ? line->owner : plan->defaults->owner;
            line->scan = line->scan ? line->scan : plan->defaults->scan;
            line->timeout_sec =
                line->timeout_sec ? line->timeout_sec : plan->defaults->timeout_sec;
            line->buffer_bytes =
                line->buffer_bytes ? line->buffer_bytes : plan->defaults->buffer_bytes;
        }
        line->buffer_bytes = line->buffer_bytes ? line->buffer_bytes : FPMP_BUFFER_BYTES;
        if (!line->off) {
            derive_line(plan, line, httpd, by_key);
            fpmp_via_judge(plan, line, lost_key);
        }
    }
    for (i = 0; i < plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, fpmp_chain_t *);

        add_defaults(chain, defaults);
        if (!chain->ext) {
            settle_ext(plan, APR_ARRAY_IDX(chain->lines, 0, fpmp_line_t *));
            chain->ext = APR_ARRAY_IDX(chain->lines, 0, fpmp_line_t *)->ext;
        }
        fpmp_chain_check(plan, chain, taken);
    }
    for (i = 0; i < plan->lines->nelts; i++) {
        settle_ext(plan, APR_ARRAY_IDX(plan->lines, i, fpmp_line_t *));
    }
}
