/* SPDX-License-Identifier: Apache-2.0
 *
 * -t -D FPMPOOL_LINT: chains written by hand, in httpd's own configuration or in a file
 * that is given by its name, followed to their pools. Changes nothing. Entry points:
 * fpmp_lint_all, fpmp_lint_show.
 */
#include "glue.h"

#define SCAN_LIMIT_SEC 2
#define SCAN_LIMIT_ENTRIES 100000

static void look_at_masters(const fpmp_plan_t *plan, fpmp_lint_t *lint)
{
    apr_pool_t *p = plan->pool;
    int i;

    lint->masters = apr_array_make(p, 2, sizeof(fpmp_lint_master_t));
    for (i = 0; i < plan->masters->nelts; i++) {
        fpmp_lint_master_t *at = apr_array_push(lint->masters);
        fpmp_asked_t *asked;

        at->master = APR_ARRAY_IDX(plan->masters, i, const fpmp_master_t *);
        at->facts = fpmp_facts_master(p, at->master);
        at->view = fpmp_view_read(p, at->facts, NULL);
        asked = fpmp_foreign_ask(p, at->view, apr_array_make(p, 1, sizeof(const char *)));
        fpmp_facts_answer(p, at->facts, NULL, asked);
        at->view->asked = asked;
    }
}

static void look_at_places(const fpmp_plan_t *plan, fpmp_lint_t *lint)
{
    const fpmp_master_facts_t nobody = { .run = FPMP_RUN_UNKNOWN };
    fpmp_asked_t asked = { .users = apr_hash_make(plan->pool),
                           .groups = apr_hash_make(plan->pool),
                           .places = lint->places };

    fpmp_facts_answer(plan->pool, &nobody, NULL, &asked);
}

/* The FPMUser lines that are to be shown, as if they stood in the configuration: what is
 * refused then is not shown. */
static void try_lines(const fpmp_plan_t *plan, fpmp_lint_t *lint)
{
    fpmp_plan_t *would = fpmp_plan_make(plan->pool);
    int i;

    would->masters = plan->masters;
    would->socket_dir = plan->socket_dir;
    would->defaults = plan->defaults;
    for (i = 0; i < lint->hands->nelts; i++) {
        const fpmp_hand_t *hand = APR_ARRAY_IDX(lint->hands, i, const fpmp_hand_t *);

        if (hand->line) {
            APR_ARRAY_PUSH(would->lines, fpmp_line_t *) = hand->line;
        }
    }
    fpmp_chains_derive(would, lint->httpd);
    for (i = 0; i < would->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(would->chains, i, fpmp_chain_t *);
        fpmp_user_facts_t facts = { 0 };

        fpmp_facts_user(plan->pool, chain->user, chain->group, lint->httpd->gid, &facts);
        fpmp_drift_user(would, chain, &facts, lint->httpd);
    }
    for (i = 0; i < lint->hands->nelts; i++) {
        fpmp_hand_t *hand = APR_ARRAY_IDX(lint->hands, i, fpmp_hand_t *);
        const fpmp_finding_t *wrong = !hand->line         ? NULL
                                      : hand->line->chain ? hand->line->chain->broken
                                                          : hand->line->refused;

        if (wrong) {
            hand->why_not = wrong->seen;
            hand->text = NULL;
        }
    }
}

static void look_at_docroots(fpmp_plan_t *plan, fpmp_lint_t *lint)
{
    fpmp_budget_t budget = { SCAN_LIMIT_ENTRIES, 0 };
    int i, said = 0;

    for (i = 0; i < lint->hands->nelts; i++) {
        const fpmp_hand_t *hand = APR_ARRAY_IDX(lint->hands, i, const fpmp_hand_t *);
        const fpmp_chain_t *chain = hand->text ? hand->line->chain : NULL;
        fpmp_site_t site = { .host = hand->host->name, .root = hand->root };

        if (hand->broken || !chain || *hand->root != '/') {
            continue;
        }
        site.line = hand->line;
        said += fpmp_docroot_judge(plan, &site,
                                   fpmp_docroot_look(plan->pool, hand->root, chain->user,
                                                     chain->uid, chain->gid, 1,
                                                     SCAN_LIMIT_SEC, &budget),
                                   lint->httpd, said);
    }
    fpmp_docroot_end(plan, said, NULL, NULL);
}

fpmp_lint_t *fpmp_lint_all(fpmp_plan_t *plan, const fpmp_httpd_t *httpd)
{
    apr_pool_t *p = plan->pool;
    const char *file = fpmp_define_value("FPMPOOL_LINT");
    fpmp_beside_t *beside = apr_pcalloc(p, sizeof(*beside));
    fpmp_lint_t *lint = apr_pcalloc(p, sizeof(*lint));

    beside->matches = fpmp_regex_matches;
    beside->mod_php = *file ? NULL : fpmp_mod_php();
    lint->server_root = ap_server_root_relative(p, ".");
    beside->conf = *file ? fpmp_lint_read(plan, file, &lint->server_root, &beside->mod_php)
                         : fpmp_tree_read(p, "");
    lint->p = p;
    lint->beside = beside;
    lint->httpd = httpd;
    lint->euid = geteuid();
    fpmp_lint_find(lint);
    look_at_masters(plan, lint);
    look_at_places(plan, lint);
    fpmp_lint_follow(lint);
    fpmp_lint_judge(plan, lint);
    fpmp_lint_lines(plan, lint);
    try_lines(plan, lint);
    fpmp_lint_say_lines(plan, lint);
    look_at_docroots(plan, lint);
    return lint;
}

void fpmp_lint_show(const fpmp_lint_t *lint)
{
    apr_file_t *out = NULL;

    if (apr_file_open_stdout(&out, lint->p) == APR_SUCCESS) {
        apr_file_puts(fpmp_lint_text(lint), out);
    }
}
