/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk through a document root, on a real folder of this process's own user: what is
 * counted, what is not followed, where it stops.
 */
/* links: host core */
#include "scratch.h"

#include "../host/host.h"

#define UID_NOBODY 65534u

typedef struct {
    apr_pool_t *pool;
    char *dir;
    fpmp_budget_t budget;
} state_t;

static int set_up(void **state)
{
    apr_pool_t *p = NULL;
    state_t *s;

    apr_pool_create(&p, NULL);
    s = apr_pcalloc(p, sizeof(*s));
    s->pool = p;
    s->dir = scratch_make(p);
    s->budget.entries = 1000;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    state_t *s = *state;

    scratch_remove(s->dir);
    apr_pool_destroy(s->pool);
    return 0;
}

static void file(state_t *s, const char *name, mode_t mode)
{
    put_text(in(s->pool, s->dir, name), "x");
    assert_int_equal(chmod(in(s->pool, s->dir, name), mode), 0);
}

static void folder(state_t *s, const char *name, mode_t mode)
{
    assert_int_equal(mkdir(in(s->pool, s->dir, name), 0755), 0);
    assert_int_equal(chmod(in(s->pool, s->dir, name), mode), 0);
}

static fpmp_tree_t *look(state_t *s, uid_t uid)
{
    return fpmp_docroot_look(s->pool, s->dir, "nobody", uid, 65534, 1, 60, &s->budget);
}

static void expect(const fpmp_tree_t *tree, int open, int group, int owner, int closed)
{
    assert_int_equal(tree->facts[FPMP_TREE_OPEN].count, open);
    assert_int_equal(tree->facts[FPMP_TREE_GROUP].count, group);
    assert_int_equal(tree->facts[FPMP_TREE_OWNER].count, owner);
    assert_int_equal(tree->facts[FPMP_TREE_CLOSED].count, closed);
}

static void a_strict_tree_has_nothing_to_count(void **state)
{
    state_t *s = *state;
    fpmp_tree_t *tree;

    folder(s, "a", 0755);
    file(s, "a/x", 0644);
    file(s, "a/run", 0755);
    file(s, "a/own", 0600);
    tree = look(s, geteuid());
    expect(tree, 0, 0, 0, 0);
    assert_int_equal(tree->entries, 4);
    assert_null(tree->stopped);
    assert_int_equal(s->budget.entries, 996);
    assert_int_equal(tree->root.kind, FPMP_NODE_DIR);
}

static void each_right_to_write_is_counted_once(void **state)
{
    state_t *s = *state;
    fpmp_tree_t *tree;

    folder(s, "a", 0775);
    folder(s, "b", 0757);
    file(s, "a/x", 0664);
    file(s, "b/y", 0666);
    tree = look(s, geteuid());
    expect(tree, 2, 2, 0, 0);
    assert_non_null(tree->facts[FPMP_TREE_OPEN].path);
}

/* Files of root are fine, so a look for nobody's files counts none of root's. */
static void an_owner_is_the_user_or_root(void **state)
{
    state_t *s = *state;

    file(s, "x", 0644);
    expect(look(s, UID_NOBODY), 0, 0, geteuid() == 0 ? 0 : 2, 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(in(s->pool, s->dir, "x"), 1, 1), 0);
        expect(look(s, UID_NOBODY), 0, 0, 1, 0);
    }
}

static void links_are_neither_followed_nor_judged_by_mode(void **state)
{
    state_t *s = *state;
    fpmp_tree_t *tree;

    assert_int_equal(symlink("/", in(s->pool, s->dir, "root")), 0);
    assert_int_equal(symlink(".", in(s->pool, s->dir, "loop")), 0);
    assert_int_equal(symlink("/none", in(s->pool, s->dir, "gone")), 0);
    assert_int_equal(mkfifo(in(s->pool, s->dir, "pipe"), 0644), 0);
    tree = look(s, geteuid());
    expect(tree, 0, 0, 0, 0);
    assert_int_equal(tree->entries, 4);
}

static void the_number_of_entries_is_bounded(void **state)
{
    static const struct {
        int budget, entries, stopped;
    } table[] = { { 3, 3, 0 }, { 2, 2, 1 } };
    state_t *s = *state;

    folder(s, "a", 0755);
    file(s, "a/x", 0644);
    file(s, "a/y", 0644);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        fpmp_tree_t *tree;

        /* One more than its entries: the end of a directory is seen with what is left. */
        s->budget.entries = table[i].budget + !table[i].stopped;
        tree = look(s, geteuid());
        assert_int_equal(tree->entries, table[i].entries);
        assert_int_equal(tree->stopped != NULL, table[i].stopped);
    }
}

static void the_time_is_bounded(void **state)
{
    state_t *s = *state;
    fpmp_tree_t *tree;

    file(s, "x", 0644);
    s->budget.until_us = 1; /* long past */
    tree = look(s, geteuid());
    assert_non_null(tree->stopped);
    assert_int_equal(tree->entries, 0);
    assert_int_equal(s->budget.entries, 0); /* and none of the roots after it is walked */
}

static void folders_too_deep_are_said(void **state)
{
    state_t *s = *state;
    const char *name = "d";
    fpmp_tree_t *tree;

    for (int i = 1; i <= 65; i++, name = apr_pstrcat(s->pool, name, "/d", NULL)) {
        folder(s, name, 0755);
        tree = look(s, geteuid());
        assert_int_equal(tree->facts[FPMP_TREE_CLOSED].count, i > 64);
        s->budget.entries = 1000;
    }
    assert_string_equal(tree->facts[FPMP_TREE_CLOSED].why, FPMP_TREE_DEEP);
}

static void without_scan_only_the_root_is_looked_at(void **state)
{
    state_t *s = *state;
    fpmp_tree_t *tree;

    file(s, "x", 0666);
    tree = fpmp_docroot_look(s->pool, s->dir, "nobody", geteuid(), 0, 0, 60, &s->budget);
    expect(tree, 0, 0, 0, 0);
    assert_int_equal(tree->entries, 0);
    assert_int_equal(tree->root.lookup, FPMP_LOOKUP_FOUND);
    assert_true(tree->way->nelts >= 3);
}

static void a_root_that_is_not_there_is_missing(void **state)
{
    state_t *s = *state;
    fpmp_tree_t *tree = fpmp_docroot_look(s->pool, in(s->pool, s->dir, "none"), "nobody",
                                          geteuid(), 0, 1, 60, &s->budget);

    assert_int_equal(tree->root.lookup, FPMP_LOOKUP_MISSING);
    assert_int_equal(tree->entries, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        ROW(a_strict_tree_has_nothing_to_count),
        ROW(each_right_to_write_is_counted_once),
        ROW(an_owner_is_the_user_or_root),
        ROW(links_are_neither_followed_nor_judged_by_mode),
        ROW(the_number_of_entries_is_bounded),
        ROW(the_time_is_bounded),
        ROW(folders_too_deep_are_said),
        ROW(without_scan_only_the_root_is_looked_at),
        ROW(a_root_that_is_not_there_is_missing),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
