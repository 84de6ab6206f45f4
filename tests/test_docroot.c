/* SPDX-License-Identifier: Apache-2.0
 *
 * A document root against its user: each row changes one thing of a root on which all is
 * well. Nothing here may be BROKEN: a user alone could block every reload with it.
 */
/* links: core */
#include "plan.h"

#define ROOT "/home/david/www"

static fpmp_tree_t *tree_of(apr_pool_t *p, const fpmp_chain_t *chain)
{
    fpmp_tree_t *tree = apr_pcalloc(p, sizeof(*tree));
    int i;

    tree->way = dir_nodes(p, ROOT);
    for (i = 0; i < tree->way->nelts; i++) {
        APR_ARRAY_IDX(tree->way, i, fpmp_node_t).mode = 0711;
    }
    last_node(tree->way)->uid = chain->uid;
    last_node(tree->way)->mode = 0755;
    tree->root = *last_node(tree->way);
    tree->root_owner = "david";
    tree->groups = apr_array_make(p, 1, sizeof(gid_t));
    APR_ARRAY_PUSH(tree->groups, gid_t) = 1001;
    return tree;
}

static void all_well(fpmp_tree_t *tree)
{
    (void)tree;
}
static void lose(fpmp_tree_t *tree)
{
    tree->root.lookup = FPMP_LOOKUP_MISSING;
}
static void be_file(fpmp_tree_t *tree)
{
    tree->root.kind = FPMP_NODE_FILE;
}
static void be_roots(fpmp_tree_t *tree)
{
    tree->root.uid = 0;
}

static void hide(fpmp_tree_t *tree)
{
    tree->root.lookup = FPMP_LOOKUP_FAILED;
    tree->root.why = "Permission denied";
}

static void be_annas(fpmp_tree_t *tree)
{
    tree->root.uid++;
    tree->root_owner = "anna";
}

/* The directory above the root: root's, closed to all others. */
static fpmp_node_t *above(fpmp_tree_t *tree)
{
    return &APR_ARRAY_IDX(tree->way, tree->way->nelts - 2, fpmp_node_t);
}

static void close_above(fpmp_tree_t *tree)
{
    above(tree)->mode = 0700;
}

static void close_to_httpd(fpmp_tree_t *tree)
{
    above(tree)->mode = 0710;
    above(tree)->gid = 1001;
}

static void close_to_user(fpmp_tree_t *tree)
{
    above(tree)->mode = 0701;
    above(tree)->gid = 1001;
}

static void put(fpmp_tree_t *tree, fpmp_tree_e kind, int count, unsigned int mode, int dir)
{
    tree->facts[kind] = (fpmp_tree_fact_t){ count,  ROOT "/img/x.png",  dir, mode,
                                            "anna", "Permission denied" };
}

static void open_file(fpmp_tree_t *tree)
{
    put(tree, FPMP_TREE_OPEN, 1, 0646, 0);
}
static void open_dirs(fpmp_tree_t *tree)
{
    put(tree, FPMP_TREE_OPEN, 3, 0757, 1);
}
static void group_file(fpmp_tree_t *tree)
{
    put(tree, FPMP_TREE_GROUP, 1, 0664, 0);
}
static void annas_file(fpmp_tree_t *tree)
{
    put(tree, FPMP_TREE_OWNER, 2, 0644, 0);
}
static void closed_dir(fpmp_tree_t *tree)
{
    put(tree, FPMP_TREE_CLOSED, 1, 0700, 1);
}

static void deep_dir(fpmp_tree_t *tree)
{
    closed_dir(tree);
    tree->facts[FPMP_TREE_CLOSED].why = FPMP_TREE_DEEP;
}

static void open_and_annas(fpmp_tree_t *tree)
{
    open_file(tree);
    annas_file(tree);
}

static void the_first_thing_to_mend_is_said(void **state)
{
    static const struct {
        const char *title;
        void (*change)(fpmp_tree_t *tree);
        const char *want;
    } table[] = {
        { "all is well", all_well, "" },
        { "root's own root", be_roots, "" },
        { "missing", lose,
          "NOTICE FPMP0660: user: document root '" ROOT "' does not exist; create it with "
          "'install -d -o david -g david -m 0755 " ROOT "'" AT_10 },
        { "a file", be_file,
          "NOTICE FPMP0661: user: document root '" ROOT "' is no directory; name a "
          "directory with DocumentRoot" AT_10 },
        { "another's", be_annas,
          "NOTICE FPMP0662: user: document root '" ROOT "' belongs to 'anna', wanted is "
          "'david'; write 'chown david: " ROOT "'" AT_10 },
        { "closed to both", close_above,
          "NOTICE FPMP0663: user: 'david' cannot reach document root '" ROOT
          "': '/home/david' is mode 0700; write 'chmod o+x /home/david'" AT_10 },
        { "closed to the group that he is in", close_to_user,
          "NOTICE FPMP0663: user: 'david' cannot reach document root '" ROOT
          "': '/home/david' is mode 0701; write 'chmod o+x /home/david'" AT_10 },
        { "open to his group only", close_to_httpd,
          "NOTICE FPMP0664: user: httpd's user 'www-data' cannot reach document root '" ROOT
          "': '/home/david' is mode 0710; write 'chgrp www-data /home/david' and 'chmod g+x "
          "/home/david'" AT_10 },
        { "a file that all may write", open_file,
          "NOTICE FPMP0665: user: 'img/x.png' in document root '" ROOT "' is mode 0646, "
          "wanted is 0644 or stricter; write 'chmod -R go-w " ROOT "'" AT_10 },
        { "directories that all may write", open_dirs,
          "NOTICE FPMP0665: user: 'img/x.png' in document root '" ROOT "' is mode 0757, "
          "wanted is 0755 or stricter, 2 more like it; write "
          "'chmod -R go-w " ROOT "'" AT_10 },
        { "a file that its group may write", group_file,
          "NOTICE FPMP0666: user: 'img/x.png' in document root '" ROOT "' is mode 0664, "
          "wanted is 0644 or stricter; write 'chmod -R go-w " ROOT "'" AT_10 },
        { "files of another", annas_file,
          "NOTICE FPMP0667: user: 'img/x.png' in document root '" ROOT "' belongs to "
          "'anna', wanted is 'david', 1 more like it; write 'chown -R david: " ROOT
          "'" AT_10 },
        { "two causes", open_and_annas,
          "NOTICE FPMP0665: user: 'img/x.png' in document root '" ROOT "' is mode 0646, "
          "wanted is 0644 or stricter; write 'chmod -R go-w " ROOT "'" AT_10 },
        { "nobody could look", hide,
          "UNKNOWN FPMP0668: user: document root '" ROOT "' could not be looked at: "
          "Permission denied; run this command as root to have it checked" AT_10 },
        { "nobody could look into a part", closed_dir,
          "UNKNOWN FPMP0668: user: 'img/x.png' in document root '" ROOT "' could not be "
          "looked into: Permission denied; run this command as root to have it checked" AT_10 },
        { "a part is too deep", deep_dir,
          "UNKNOWN FPMP0668: user: 'img/x.png' in document root '" ROOT "' could not be "
          "looked into: it lies too deep; remove it, or write scan=off on FPMUser" AT_10 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
        fpmp_site_t site = { .line = line_at(plan, 0), .host = "a.test", .root = ROOT };
        fpmp_tree_t *tree;
        int said;

        plan_derive(plan);
        tree = tree_of(*state, chain_at(plan, 0));
        table[i].change(tree);
        said = fpmp_docroot_judge(plan, &site, tree, &httpd, 0);
        assert_int_equal(said, *table[i].want != '\0');
        expect_findings(table[i].title, plan, table[i].want);
        assert_null(chain_at(plan, 0)->broken);
    }
}

static void a_long_path_stays_one_short_line(void **state)
{
    char root[300];
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    fpmp_site_t site = { .line = line_at(plan, 0), .root = root };
    fpmp_tree_t *tree;

    plan_derive(plan);
    memset(root, 'x', sizeof(root));
    root[0] = '/';
    root[sizeof(root) - 1] = '\0';
    tree = tree_of(*state, chain_at(plan, 0));
    put(tree, FPMP_TREE_OPEN, 9999, 0666, 0);
    tree->facts[FPMP_TREE_OPEN].path = apr_pstrcat(*state, root, root, NULL);
    assert_int_equal(fpmp_docroot_judge(plan, &site, tree, &httpd, 0), 1);
    plan_findings(plan, "a long path"); /* holds the rules for messages */
}

static void twenty_roots_are_named_and_the_rest_counted(void **state)
{
    for (int many = 20; many <= 21; many++) {
        fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
        fpmp_site_t site = { .line = line_at(plan, 0), .root = ROOT };
        fpmp_tree_t *tree;
        int said = 0;

        plan_derive(plan);
        tree = tree_of(*state, chain_at(plan, 0));
        lose(tree);
        for (int i = 0; i < many; i++) {
            said += fpmp_docroot_judge(plan, &site, tree, &httpd, said);
        }
        fpmp_docroot_end(plan, said, NULL, NULL);
        assert_int_equal(said, many);
        assert_int_equal(plan->findings->nelts, many == 20 ? 20 : 21);
    }
}

static void a_walk_that_stopped_is_said_once(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    fpmp_site_t site = { .line = line_at(plan, 0), .root = ROOT };
    fpmp_tree_t tree = { .stopped = "the time for one check is used up" };

    plan_derive(plan);
    fpmp_docroot_end(plan, 0, &site, &tree);
    expect_findings("stopped", plan,
                    "UNKNOWN FPMP0670: user: files of document root '" ROOT
                    "' and of those "
                    "after it were not looked at: the time for one check is used up; "
                    "scan=off on FPMUser or FPMDefaults leaves the files out" AT_10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(the_first_thing_to_mend_is_said),
        plan_test(a_long_path_stays_one_short_line),
        plan_test(twenty_roots_are_named_and_the_rest_counted),
        plan_test(a_walk_that_stopped_is_said_once),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
