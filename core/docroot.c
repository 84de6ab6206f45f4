/* SPDX-License-Identifier: Apache-2.0
 *
 * The document root against its user: there, his or root's, reachable by him and by httpd,
 * writable by nobody else. The user can cause all of this alone, so it is a notice, or he
 * could block every reload of the server. One line per root: the first thing to mend.
 * Entry point: fpmp_docroot_judge.
 */
#include "core.h"

#include <string.h>

#define LINES_MAX 20
#define PATH_SHOWN_BYTES 80
#define ENTRY_SHOWN_BYTES 30
#define COMMAND_PATH_BYTES 40 /* a longer path is not repeated in the mend */

typedef struct {
    apr_pool_t *p;
    const fpmp_site_t *site;
    const fpmp_chain_t *chain;
    const fpmp_tree_t *tree;
    const fpmp_httpd_t *httpd;
    const char *root; /* as it is printed */
    const char *mend; /* set by the test that speaks */
} root_t;

static const char *shown(const root_t *at, const char *path)
{
    return fpmp_text_shown(at->p, path, PATH_SHOWN_BYTES);
}

/* The first directory on the way that is closed; NULL: none. */
static const fpmp_node_t *closed_on_way(const root_t *at, uid_t uid,
                                        const apr_array_header_t *groups)
{
    const apr_array_header_t *way = at->tree->way;
    int i;

    for (i = 0; i < way->nelts; i++) {
        const fpmp_node_t *node = &APR_ARRAY_IDX(way, i, fpmp_node_t);

        if (node->lookup == FPMP_LOOKUP_FOUND &&
            !fpmp_rule_may(uid, (gid_t)-1, groups, node, 01)) {
            return node;
        }
    }
    return NULL;
}

/* An entry of the tree, by its path below the root. */
static const char *entry(const root_t *at, const fpmp_tree_fact_t *fact)
{
    apr_size_t len = strlen(at->site->root);
    const char *path = fact->path + len;

    return strncmp(fact->path, at->site->root, len) == 0 && *path == '/'
               ? fpmp_text_shown(at->p, path + 1, ENTRY_SHOWN_BYTES)
               : ".";
}

/* Commands for one directory, the second of them may be NULL. */
static const char *commands(const root_t *at, const char *path, const char *first,
                            const char *second)
{
    int fits = strlen(path) <= COMMAND_PATH_BYTES;
    const char *behind = fits ? apr_pstrcat(at->p, " ", path, "'", NULL) : "'";

    return apr_pstrcat(at->p, "write '", first, behind, second ? " and '" : "",
                       second ? second : "", second ? behind : "",
                       fits ? "" : " for it", NULL);
}

static const char *command(const root_t *at, const char *words)
{
    return commands(at, at->root, words, NULL);
}

static const char *more(const root_t *at, const fpmp_tree_fact_t *fact)
{
    return fact->count > 1 ? apr_psprintf(at->p, ", %d more like it", fact->count - 1) : "";
}

static const char *see_missing(root_t *at)
{
    at->mend = apr_psprintf(at->p, "create it with 'install -d -o %s -g %s -m 0755 %s'",
                            at->chain->user, at->chain->group,
                            strlen(at->root) <= COMMAND_PATH_BYTES ? at->root : "DIR");
    return at->tree->root.lookup == FPMP_LOOKUP_MISSING
               ? apr_psprintf(at->p, "document root '%s' does not exist", at->root)
               : NULL;
}

static const char *see_unseen(root_t *at)
{
    const fpmp_tree_fact_t *closed = &at->tree->facts[FPMP_TREE_CLOSED];

    at->mend = closed->why && strcmp(closed->why, FPMP_TREE_DEEP) == 0
                   ? "remove it, or write scan=off on FPMUser"
                   : "run this command as root to have it checked";
    if (at->tree->root.lookup == FPMP_LOOKUP_FAILED) {
        return apr_psprintf(at->p, "document root '%s' could not be looked at: %s",
                            at->root,
                            at->tree->root.why ? at->tree->root.why : "no reason given");
    }
    return closed->count
               ? apr_psprintf(at->p,
                              "'%s' in document root '%s' could not be looked "
                              "into: %s%s",
                              entry(at, closed), at->root, closed->why, more(at, closed))
               : NULL;
}

static const char *see_no_dir(root_t *at)
{
    at->mend = "name a directory with DocumentRoot";
    return at->tree->root.lookup == FPMP_LOOKUP_FOUND &&
                   at->tree->root.kind != FPMP_NODE_DIR
               ? apr_psprintf(at->p, "document root '%s' is no directory", at->root)
               : NULL;
}

static const char *see_owner(root_t *at)
{
    at->mend = command(at, apr_psprintf(at->p, "chown %s:", at->chain->user));
    return at->tree->root.uid != at->chain->uid && at->tree->root.uid != 0
               ? apr_psprintf(at->p, "document root '%s' belongs to '%s', wanted is '%s'",
                              at->root, at->tree->root_owner, at->chain->user)
               : NULL;
}

static const char *outside(root_t *at, const char *who, const fpmp_node_t *closed)
{
    return apr_psprintf(at->p, "%s cannot reach document root '%s': '%s' is mode %04o", who,
                        at->root, shown(at, closed->path), closed->mode);
}

static const char *see_user_outside(root_t *at)
{
    const fpmp_node_t *closed = closed_on_way(at, at->chain->uid, at->tree->groups);

    if (!closed) {
        return NULL;
    }
    at->mend = commands(at, closed->path, "chmod o+x", NULL);
    return outside(at, apr_psprintf(at->p, "'%s'", at->chain->user), closed);
}

static const char *see_httpd_outside(root_t *at)
{
    const fpmp_node_t *closed = closed_on_way(at, at->httpd->uid, at->httpd->groups);

    if (!closed) {
        return NULL;
    }
    at->mend = commands(at, closed->path,
                        apr_pstrcat(at->p, "chgrp ", at->httpd->group, NULL), "chmod g+x");
    return outside(at, apr_psprintf(at->p, "httpd's user '%s'", at->httpd->user), closed);
}

static const char *see_writable(root_t *at, fpmp_tree_e kind)
{
    const fpmp_tree_fact_t *fact = &at->tree->facts[kind];

    return fact->count
               ? apr_psprintf(at->p,
                              "'%s' in document root '%s' is mode %04o, wanted is %s or "
                              "stricter%s",
                              entry(at, fact), at->root, fact->mode,
                              fact->is_dir ? "0755" : "0644", more(at, fact))
               : NULL;
}

static const char *see_open(root_t *at)
{
    at->mend = command(at, "chmod -R go-w");
    return see_writable(at, FPMP_TREE_OPEN);
}

static const char *see_group(root_t *at)
{
    at->mend = command(at, "chmod -R go-w");
    return see_writable(at, FPMP_TREE_GROUP);
}

static const char *see_foreign(root_t *at)
{
    const fpmp_tree_fact_t *fact = &at->tree->facts[FPMP_TREE_OWNER];

    at->mend = command(at, apr_psprintf(at->p, "chown -R %s:", at->chain->user));
    return fact->count ? apr_psprintf(at->p,
                                      "'%s' in document root '%s' belongs to '%s', wanted "
                                      "is '%s'%s",
                                      entry(at, fact), at->root, fact->owner,
                                      at->chain->user, more(at, fact))
                       : NULL;
}

static const struct {
    const char *code;
    fpmp_weight_e weight;
    const char *(*see)(root_t *at);
} tests[] = {
    { "FPMP0660", FPMP_NOTICE, see_missing },
    { "FPMP0661", FPMP_NOTICE, see_no_dir },
    { "FPMP0662", FPMP_NOTICE, see_owner },
    { "FPMP0663", FPMP_NOTICE, see_user_outside },
    { "FPMP0664", FPMP_NOTICE, see_httpd_outside },
    { "FPMP0665", FPMP_NOTICE, see_open },
    { "FPMP0666", FPMP_NOTICE, see_group },
    { "FPMP0667", FPMP_NOTICE, see_foreign },
    { "FPMP0668", FPMP_UNKNOWN, see_unseen },
};

int fpmp_docroot_judge(fpmp_plan_t *plan, const fpmp_site_t *site, const fpmp_tree_t *tree,
                       const fpmp_httpd_t *httpd, int said)
{
    root_t at = {
        plan->pool, site,  site->line->chain,
        tree,       httpd, fpmp_text_shown(plan->pool, site->root, PATH_SHOWN_BYTES),
        NULL
    };
    apr_size_t i;

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        const char *seen = tests[i].see(&at);

        if (!seen) {
            continue;
        }
        if (said < LINES_MAX) {
            fpmp_finding_add(plan->findings, tests[i].code, FPMP_LINK_USER, tests[i].weight,
                             site->line->where, seen, at.mend)
                ->chain = at.chain;
        }
        return 1;
    }
    return 0;
}

void fpmp_docroot_end(fpmp_plan_t *plan, int said, const fpmp_site_t *last,
                      const fpmp_tree_t *tree)
{
    const fpmp_where_t nowhere = { NULL, 0, NULL };

    if (said > LINES_MAX) {
        fpmp_finding_add(plan->findings, "FPMP0669", FPMP_LINK_USER, FPMP_NOTICE, nowhere,
                         apr_psprintf(plan->pool,
                                      "%d more document roots are not as they should be",
                                      said - LINES_MAX),
                         "mend these and run this check again");
    }
    if (last) {
        fpmp_finding_add(
            plan->findings, "FPMP0670", FPMP_LINK_USER, FPMP_UNKNOWN, last->line->where,
            apr_psprintf(plan->pool,
                         "files of document root '%s' and of those after it "
                         "were not looked at: %s",
                         fpmp_text_shown(plan->pool, last->root, PATH_SHOWN_BYTES),
                         tree->stopped),
            "scan=off on FPMUser or FPMDefaults leaves the files out");
    }
}
