/* SPDX-License-Identifier: Apache-2.0
 *
 * All that configtest looks at, in the order of the chain: each master with its files, then
 * what PHP-FPM itself says of them, then what lives (sockets, processes), then what stands
 * beside FPMUser in httpd's configuration and in the document roots. Changes nothing.
 * Entry point: fpmp_check_all.
 */
#include "glue.h"

#include "unixd.h"

#include <errno.h>

#define PRINT_LIMIT_SEC 10
#define SCAN_LIMIT_SEC 2
#define SCAN_LIMIT_ENTRIES 100000

/* May PHP-FPM be asked? A file that nobody can read has its own finding, and PHP-FPM could
 * wait at it for ever; a program or main file of somebody's is not for root. */
static int all_read(apr_pool_t *p, const fpmp_master_facts_t *facts)
{
    int i;

    for (i = 0; i < facts->files->nelts; i++) {
        if (!APR_ARRAY_IDX(facts->files, i, fpmp_file_t *)->text) {
            return 0;
        }
    }
    return facts->main.text != NULL && facts->binary.lookup == FPMP_LOOKUP_FOUND &&
           !fpmp_rule_safe_file(p, facts->binary_way, geteuid()) &&
           !fpmp_rule_safe_file(p, facts->main_way, geteuid());
}

/* What would PHP-FPM run after the coming start? */
static void ask_fpm(fpmp_plan_t *plan, const fpmp_master_t *master,
                    const fpmp_master_facts_t *facts, fpmp_view_t *view,
                    const fpmp_httpd_t *httpd)
{
    apr_pool_t *p = plan->pool;
    const apr_array_header_t *changes =
        plan->sync == FPMP_SYNC_CHECK ? apr_array_make(p, 1, sizeof(fpmp_change_t))
                                      : fpmp_changes_find(p, plan, master, facts, httpd);
    const char *print = NULL, *why = NULL;
    int err;

    if (!all_read(p, facts) || !fpmp_changes_leave_pool(p, facts, changes)) {
        return;
    }
    err = fpmp_master_print(p, master, facts, changes, fpmp_view_known(p, view, facts),
                            PRINT_LIMIT_SEC, &print, &why);
    if (err == 0) {
        fpmp_view_add_print(p, view, print);
    }
    else {
        view->complaint = err == EINVAL ? fpmp_stage_heard(p, why) : NULL;
        view->unasked = view->complaint ? NULL
                        : err == EINVAL ? "a line that is not plain may name a log file"
                                        : why;
    }
}

static void check_master(fpmp_plan_t *plan, fpmp_master_t *master,
                         const fpmp_httpd_t *httpd)
{
    fpmp_master_facts_t *facts;
    fpmp_view_t *view = fpmp_plan_look(plan, master, httpd, &facts);

    if (fpmp_plan_names(plan, master)) {
        ask_fpm(plan, master, facts, view, httpd);
    }
    fpmp_plan_judge(plan, master, facts, view, httpd);
    if (fpmp_plan_names(plan, master) && facts->run == FPMP_RUN_YES) {
        fpmp_drift_live(
            plan, master, facts,
            fpmp_live_look(plan->pool, facts->pid, fpmp_plan_sockets(plan, master)), httpd);
    }
}

int fpmp_regex_matches(apr_pool_t *p, const char *regex, const char *text)
{
    ap_regex_t *compiled = ap_pregcomp(p, regex, 0);

    return compiled && ap_regexec(compiled, text, 0, NULL, 0) == 0;
}

/* The first module that runs a program because a .htaccess names its handler, with ExecCGI. */
static const char *runner(apr_pool_t *p)
{
    static const char *const names[] = { "mod_fastcgi", "mod_cgid", "mod_cgi", "mod_fcgid" };
    apr_size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ap_find_linked_module(apr_pstrcat(p, names[i], ".c", NULL))) {
            return names[i];
        }
    }
    return NULL;
}

/* What else in httpd's configuration wants the same files? */
static void check_beside(fpmp_plan_t *plan, const fpmp_httpd_t *httpd,
                         const apr_array_header_t *sites, const apr_array_header_t *bare)
{
    fpmp_beside_t beside = { .conf = fpmp_tree_read(plan->pool, ""),
                             .sites = sites,
                             .bare = bare,
                             .matches = fpmp_regex_matches };

    beside.mod_php = fpmp_mod_php();
    beside.proxy_fcgi = ap_find_linked_module("mod_proxy_fcgi.c") != NULL;
    beside.mod_cgi = runner(plan->pool);
    beside.mod_lua = ap_find_linked_module("mod_lua.c") != NULL;
    beside.suexec = ap_unixd_config.suexec_enabled && ap_find_linked_module("mod_suexec.c");
    fpmp_compete(plan, &beside, httpd);
}

/* Was this root, or one that holds it, looked at for the same user? */
static int is_covered(apr_pool_t *p, apr_hash_t *seen, const fpmp_site_t *site)
{
    char *path = apr_pstrdup(p, site->root), *slash = path + strlen(path);

    for (; slash; slash = strrchr(path, '/')) {
        *slash = '\0';
        if (apr_hash_get(seen, apr_psprintf(p, "%s %s", site->line->user, path),
                         APR_HASH_KEY_STRING)) {
            return 1;
        }
    }
    return 0;
}

static void check_docroots(fpmp_plan_t *plan, const fpmp_httpd_t *httpd,
                           const apr_array_header_t *sites)
{
    fpmp_budget_t budget = { SCAN_LIMIT_ENTRIES, 0 };
    const fpmp_site_t *last = NULL;
    const fpmp_tree_t *last_tree = NULL;
    apr_hash_t *seen = apr_hash_make(plan->pool);
    int i, said = 0;

    for (i = 0; i < sites->nelts; i++) {
        const fpmp_site_t *site = APR_ARRAY_IDX(sites, i, const fpmp_site_t *);
        const fpmp_chain_t *chain = site->line->chain;
        const fpmp_tree_t *tree;

        if (chain->broken || !chain->group || chain->uid == (uid_t)-1 ||
            site->line->root == FPMP_ROOT_REMOTE ||
            is_covered(plan->pool, seen, site)) {
            continue;
        }
        apr_hash_set(seen, apr_psprintf(plan->pool, "%s %s", site->line->user, site->root),
                     APR_HASH_KEY_STRING, site);
        tree =
            fpmp_docroot_look(plan->pool, site->root, chain->user, chain->uid, chain->gid,
                              site->line->scan != FPMP_SCAN_OFF, SCAN_LIMIT_SEC, &budget);
        said += fpmp_docroot_judge(plan, site, tree, httpd, said);
        if (tree->stopped && !last) {
            last = site;
            last_tree = tree;
        }
    }
    fpmp_docroot_end(plan, said, last, last_tree);
}

void fpmp_check_all(fpmp_plan_t *plan, const fpmp_httpd_t *httpd, server_rec *s)
{
    const apr_array_header_t *bare, *sites = fpmp_tree_sites(plan->pool, s, &bare);
    int i;

    for (i = 0; i < plan->masters->nelts; i++) {
        check_master(plan, APR_ARRAY_IDX(plan->masters, i, fpmp_master_t *), httpd);
    }
    fpmp_export_check(plan, httpd);
    check_beside(plan, httpd, sites, bare);
    check_docroots(plan, httpd, sites);
}
