/* SPDX-License-Identifier: Apache-2.0
 *
 * What a start would do to the files of one master, change by change and in order. What it
 * leaves alone counts as much: files of others, files of users that nobody could look up.
 */
/* links: core */
#include "plan.h"

#define DAVID_FILE POOL_DIR "/fpmpool-david.conf"
#define ANNA_FILE POOL_DIR "/fpmpool-anna.conf"

/* "WRITE /path\n" for each change. Text and chain go with the kinds that write only. */
static const char *changes_text(apr_pool_t *p, const fpmp_plan_t *plan,
                                const fpmp_master_facts_t *facts)
{
    static const char *const kinds[] = {
        [FPMP_CHANGE_NONE] = "NONE", [FPMP_CHANGE_WRITE] = "WRITE",
        [FPMP_CHANGE_WRITE_ASIDE] = "WRITE_ASIDE", [FPMP_CHANGE_REMOVE] = "REMOVE",
        [FPMP_CHANGE_REMOVE_ASIDE] = "REMOVE_ASIDE", [FPMP_CHANGE_LAST_POOL] = "LAST_POOL",
        [FPMP_CHANGE_LOAD] = "LOAD",
    };
    const apr_array_header_t *changes =
        fpmp_changes_find(p, plan, master_at(plan, 0), facts, &httpd);
    const char *text = "";

    for (int i = 0; i < changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(changes, i, fpmp_change_t);

        text = apr_psprintf(p, "%s%s %s\n", text, kinds[change->kind], change->path);
        if (change->kind == FPMP_CHANGE_WRITE || change->kind == FPMP_CHANGE_WRITE_ASIDE) {
            assert_non_null(change->chain);
            assert_string_equal(change->path, change->chain->pool_file_path);
            assert_string_equal(change->text, fpmp_pool_text_render(p, change->chain,
                                                                    SERVER));
        }
        else {
            assert_true((change->chain != NULL) == (change->kind == FPMP_CHANGE_LOAD));
            assert_null(change->text);
        }
    }
    return text;
}

static void expect_changes(const char *title, const fpmp_plan_t *plan,
                           const fpmp_master_facts_t *facts, const char *want)
{
    expect_text(title, changes_text(plan->pool, plan, facts), want);
}

/* How a pool file stands at its place. */
typedef enum {
    ABSENT,
    CURRENT,    /* as this server writes it now */
    OLD,        /* ours, whole, other settings */
    EDITED,     /* ours, a line added by hand */
    FOREIGN,    /* without marker */
    OTHER_SAME, /* another server's, the same text */
    OTHER_ELSE, /* another server's, other settings */
    A_LINK,     /* a symbolic link to a current file */
    UNREAD
} how_e;

static void put_file(apr_pool_t *p, fpmp_master_facts_t *facts, const char *user, how_e how)
{
    const char *line = apr_pstrcat(p, user, how == OLD || how == OTHER_ELSE ? " pm=static"
                                   : "",
                                   NULL);
    fpmp_plan_t *plan = plan_of(p, line, NULL, NULL);
    const fpmp_chain_t *chain;
    fpmp_file_t *file;

    plan_derive(plan);
    chain = chain_at(plan, 0);
    if (how == ABSENT) {
        return;
    }
    file = add_own_file(p, facts, chain,
                        how == OTHER_SAME || how == OTHER_ELSE ? OTHER_SERVER : SERVER);
    if (how == EDITED) {
        edit_file(p, file);
    }
    else if (how == FOREIGN) {
        file->text = "[david]\nuser = david\n";
        file->len = strlen(file->text);
    }
    else if (how == A_LINK) {
        file->node.kind = FPMP_NODE_LINK;
    }
    else if (how == UNREAD) {
        file->text = NULL;
    }
}

static const struct {
    const char *title;
    how_e how;
    const char *named, *unnamed; /* with FPMUser david, and without any line */
} rows[] = {
    { "no file", ABSENT, "WRITE " DAVID_FILE "\n", "" },
    { "current", CURRENT, "", "REMOVE " DAVID_FILE "\n" },
    { "old", OLD, "WRITE " DAVID_FILE "\n", "REMOVE " DAVID_FILE "\n" },
    { "edited by hand", EDITED, "WRITE_ASIDE " DAVID_FILE "\n", "REMOVE_ASIDE "
    DAVID_FILE "\n" },
    { "somebody else's of the same name", FOREIGN, "", "" },
    { "another server's with the same text", OTHER_SAME, "", "" },
    { "another server's with another text", OTHER_ELSE, "", "" },
    { "a link", A_LINK, "", "" },
    { "a file that could not be read", UNREAD, "", "" },
};

static void a_file_is_written_or_removed_only_if_it_is_ours(void **state)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
        fpmp_plan_t *bare = plan_of(*state, "off", NULL, NULL);
        fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

        plan_derive(plan);
        plan_derive(bare);
        put_file(*state, facts, "david", rows[i].how);
        expect_changes(rows[i].title, plan, facts, rows[i].named);
        expect_changes(rows[i].title, bare, facts, rows[i].unnamed);
    }
}

static void writes_stand_in_the_order_of_the_lines_before_removals(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "zoe", "bert", "david");
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

    plan_derive(plan);
    put_file(*state, facts, "anna", CURRENT);
    put_file(*state, facts, "carl", EDITED);
    put_file(*state, facts, "david", OLD);
    put_file(*state, facts, "emil", OTHER_SAME);
    expect_changes("all", plan, facts,
                   "WRITE " POOL_DIR "/fpmpool-zoe.conf\nWRITE "
                   POOL_DIR "/fpmpool-bert.conf\n"
                   "WRITE " DAVID_FILE "\nREMOVE " ANNA_FILE "\nREMOVE_ASIDE " POOL_DIR
                   "/fpmpool-carl.conf\n");
}

static void what_was_written_is_no_change_any_more(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david ext=php,phtml", "anna \"env[A]=x y\"", NULL);
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));
    const apr_array_header_t *changes;

    plan_derive(plan);
    changes = fpmp_changes_find(*state, plan, master_at(plan, 0), facts, &httpd);
    assert_int_equal(changes->nelts, 2);
    for (int i = 0; i < changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(changes, i, fpmp_change_t);

        add_file(*state, facts, change->path, change->text);
    }
    expect_changes("second look", plan, facts, "");
    facts->own = fpmp_own_files(plan, master_at(plan, 0), facts, &httpd);
    assert_int_equal(apr_hash_count(facts->own), 2);
    expect_changes("compared before", plan, facts, "");
}

/* What is known of the user decides: gone for sure, or not to be looked up just now. */
static void the_file_of_a_user_that_is_gone_is_removed(void **state)
{
    static const struct {
        const char *title, *line;
        fpmp_user_facts_t facts;
        how_e how;
        const char *want;
    } table[] = {
        { "gone", "david", { .user_lookup = FPMP_LOOKUP_MISSING }, CURRENT,
          "REMOVE " DAVID_FILE "\n" },
        { "gone, file edited", "david", { .user_lookup = FPMP_LOOKUP_MISSING }, EDITED,
          "REMOVE_ASIDE " DAVID_FILE "\n" },
        { "gone, no file", "david", { .user_lookup = FPMP_LOOKUP_MISSING }, ABSENT, "" },
        { "gone, another server's file", "david", { .user_lookup = FPMP_LOOKUP_MISSING },
          OTHER_SAME, "" },
        { "gone, and the settings do not agree", "david pm=dynamic",
          { .user_lookup = FPMP_LOOKUP_MISSING }, CURRENT, "REMOVE " DAVID_FILE "\n" },
        { "its group gone", "david:staff",
          { .user_lookup = FPMP_LOOKUP_FOUND, .group_lookup = FPMP_LOOKUP_MISSING,
            .group = "staff" }, CURRENT, "REMOVE " DAVID_FILE "\n" },
        { "now uid 0", "david",
          { .user_lookup = FPMP_LOOKUP_FOUND, .group_lookup = FPMP_LOOKUP_FOUND,
          .gid = 1001,
            .group = "david" }, CURRENT, "REMOVE " DAVID_FILE "\n" },
        { "now in httpd's group", "david",
          { .user_lookup = FPMP_LOOKUP_FOUND, .group_lookup = FPMP_LOOKUP_FOUND,
          .uid = 1001,
            .gid = 1001, .group = "david", .in_httpd_group = 1 }, CURRENT,
          "REMOVE " DAVID_FILE "\n" },
        { "not looked up: current", "david", { .user_lookup = FPMP_LOOKUP_FAILED },
        CURRENT, "" },
        { "not looked up: old", "david", { .user_lookup = FPMP_LOOKUP_FAILED }, OLD, "" },
        { "not looked up: edited", "david", { .user_lookup = FPMP_LOOKUP_FAILED }, EDITED,
        "" },
        { "not looked up: no file", "david", { .user_lookup = FPMP_LOOKUP_FAILED }, ABSENT,
        "" },
        { "not looked up, group on the line: no file", "david:staff",
          { .user_lookup = FPMP_LOOKUP_FAILED }, ABSENT, "" },
        { "group not looked up: old", "david:staff",
          { .user_lookup = FPMP_LOOKUP_FOUND, .group_lookup = FPMP_LOOKUP_FAILED,
          .uid = 1001,
            .group = "staff" }, OLD, "" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, table[i].line, NULL, NULL);
        fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

        fpmp_chains_derive(plan, &httpd);
        fpmp_drift_user(plan, chain_at(plan, 0), &table[i].facts, &httpd);
        put_file(*state, facts, "david", table[i].how);
        expect_changes(table[i].title, plan, facts, table[i].want);
    }
}

static void a_chain_that_is_broken_elsewhere_keeps_its_file(void **state)
{
    static const struct {
        const char *title;
        how_e how;
    } table[] = { { "old", OLD }, { "edited", EDITED }, { "no file", ABSENT } };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, "david pm=dynamic", NULL, NULL);
        fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

        plan_derive(plan);
        put_file(*state, facts, "david", table[i].how);
        expect_changes(table[i].title, plan, facts, "");
    }
}

static void a_line_that_is_refused_takes_no_file_from_the_others(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", "david:staff pm=static", "david:users");
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

    plan_derive(plan);
    assert_int_equal(plan->findings->nelts, 1);
    put_file(*state, facts, "david", CURRENT);
    expect_changes("refused", plan, facts, "WRITE " DAVID_FILE "\n");
}

static void a_master_is_changed_for_its_own_chains_only(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david php=8.4", NULL, NULL);
    fpmp_master_facts_t *facts;

    plan_master(plan, "8.4");
    plan_derive(plan);
    facts = facts_of(*state, master_at(plan, 0));
    expect_changes("another master's chain", plan, facts, "");
    put_file(*state, facts, "david", CURRENT);
    expect_changes("the file it left here", plan, facts, "REMOVE " DAVID_FILE "\n");
}

/* Where two masters read one directory, neither takes the other's files for leftovers. */
static void a_file_of_another_masters_chain_is_no_leftover(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", "anna php=8.4", NULL);
    fpmp_master_facts_t *facts;

    plan_master(plan, "8.4")->pool_dir = POOL_DIR;
    plan_derive(plan);
    facts = facts_of(*state, master_at(plan, 0));
    add_own_file(*state, facts, chain_at(plan, 0), SERVER);
    add_own_file(*state, facts, chain_at(plan, 1), SERVER);
    expect_changes("shared directory", plan, facts, "");
}

static void a_master_without_directories_is_not_changed(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

    master_at(plan, 0)->socket_dir = NULL;
    plan_derive(plan);
    expect_changes("no socket directory", plan, facts, "");
    put_file(*state, facts, "david", CURRENT);
    expect_changes("no socket directory, a file", plan, facts, "");

    plan = plan_of(*state, "david", NULL, NULL);
    master_at(plan, 0)->pool_dir = NULL;
    plan_derive(plan);
    facts->files->nelts = 0;
    expect_changes("no pool directory", plan, facts, "");
}

/* PHP-FPM does not start without any pool. */
static void the_last_pool_stays(void **state)
{
    static const struct {
        const char *title;
        const char *line;     /* NULL: none */
        const char *main;     /* NULL: as on Debian, without a pool */
        const char *beside;   /* another file; NULL: none */
        how_e how;
        const char *want;
    } table[] = {
        { "alone", NULL, NULL, NULL, CURRENT, "LAST_POOL " DAVID_FILE "\n" },
        { "alone and edited", NULL, NULL, NULL, EDITED, "LAST_POOL " DAVID_FILE "\n" },
        { "beside a pool", NULL, NULL, "[www]\nuser = x\n", CURRENT, "REMOVE "
        DAVID_FILE "\n" },
        { "beside a file without pool", NULL, NULL, "; nothing\n[Global]\npid = x\n",
        CURRENT,
          "LAST_POOL " DAVID_FILE "\n" },
        { "beside a file that is not plain", NULL, NULL, "what is this\n[www]\n", CURRENT,
          "REMOVE " DAVID_FILE "\n" },
        { "a pool in the main file", NULL, "[global]\n[www]\nuser = x\n", NULL, CURRENT,
          "REMOVE " DAVID_FILE "\n" },
        { "a main file with [global] alone", NULL, "[global]\npid = /run/x\n", NULL,
        CURRENT,
          "LAST_POOL " DAVID_FILE "\n" },
        { "another pool is written", "anna", NULL, NULL, CURRENT,
          "WRITE " ANNA_FILE "\nREMOVE " DAVID_FILE "\n" },
        { "nothing to remove", NULL, NULL, NULL, ABSENT, "" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, table[i].line, NULL, NULL);
        fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

        facts->files->nelts = 0;
        facts->by_path = apr_hash_make(*state);
        if (table[i].main) {
            facts->main.text = table[i].main;
            facts->main.len = strlen(table[i].main);
        }
        plan_derive(plan);
        put_file(*state, facts, "david", table[i].how);
        if (table[i].beside) {
            add_file(*state, facts, POOL_DIR "/zz.conf", table[i].beside);
        }
        expect_changes(table[i].title, plan, facts, table[i].want);
    }
}

static void a_pool_that_is_current_lets_the_other_one_go(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

    facts->files->nelts = 0;
    facts->by_path = apr_hash_make(*state);
    plan_derive(plan);
    put_file(*state, facts, "david", CURRENT);
    put_file(*state, facts, "anna", CURRENT);
    expect_changes("one of two", plan, facts, "REMOVE " ANNA_FILE "\n");
}

/* A file with a user that is gone stops PHP-FPM as surely as no pool at all does. */
static void the_last_pool_goes_if_its_user_is_gone(void **state)
{
    const fpmp_user_facts_t gone = { .user_lookup = FPMP_LOOKUP_MISSING };
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

    facts->files->nelts = 0;
    facts->by_path = apr_hash_make(*state);
    fpmp_chains_derive(plan, &httpd);
    fpmp_drift_user(plan, chain_at(plan, 0), &gone, &httpd);
    put_file(*state, facts, "david", CURRENT);
    expect_changes("gone", plan, facts, "REMOVE " DAVID_FILE "\n");
}

/* Bytes behind a NUL are an edit too: what drift calls mended by the next start must be. */
static void bytes_behind_a_nul_are_an_edit(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));
    fpmp_file_t *file;
    char *text;

    plan_derive(plan);
    file = add_own_file(*state, facts, chain_at(plan, 0), SERVER);
    text = apr_pcalloc(*state, file->len + 3);
    memcpy(text, file->text, file->len);
    text[file->len + 1] = '\n';
    file->text = text;
    file->len += 2;
    expect_changes("NUL", plan, facts, "WRITE_ASIDE " DAVID_FILE "\n");
}

/* A start that was killed between writing and signalling leaves files that FPM has not read. */
static void a_file_that_fpm_has_not_read_is_loaded(void **state)
{
    static const struct {
        const char *title;
        how_e how;
        fpmp_run_e run;
        apr_int64_t file_ns; /* the pid file is of 1000 */
        const char *want;
    } table[] = {
        { "older", CURRENT, FPMP_RUN_YES, 999, "" },
        { "of the same moment", CURRENT, FPMP_RUN_YES, 1000, "" },
        { "newer", CURRENT, FPMP_RUN_YES, 1001, "LOAD " DAVID_FILE "\n" },
        { "newer and old in text", OLD, FPMP_RUN_YES, 1001, "WRITE " DAVID_FILE "\n" },
        { "newer, FPM is down", CURRENT, FPMP_RUN_NO, 1001, "" },
        { "newer, somebody else's", FOREIGN, FPMP_RUN_YES, 1001, "" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
        fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

        plan_derive(plan);
        put_file(*state, facts, "david", table[i].how);
        facts->run = table[i].run;
        facts->pid_file.lookup = FPMP_LOOKUP_FOUND;
        facts->pid_file.mtime_ns = 1000;
        APR_ARRAY_IDX(facts->files, facts->files->nelts - 1, fpmp_file_t *)->node.mtime_ns =
            table[i].file_ns;
        expect_changes(table[i].title, plan, facts, table[i].want);
    }
}

/* ---- what stays -------------------------------------------------------------------------- */

static void what_stays_is_ours_and_not_removed(void **state)
{
    static const struct {
        const char *title;
        how_e david, anna; /* a line names david only */
        const char *want;
    } cases[] = {
        { "current", CURRENT, ABSENT, "REMOVE " DAVID_FILE "\n" },
        { "to be rewritten", OLD, ABSENT, "REMOVE " DAVID_FILE "\n" },
        { "edited by hand", EDITED, ABSENT, "REMOVE_ASIDE " DAVID_FILE "\n" },
        { "of others", FOREIGN, OTHER_SAME, "" },
        { "unread", UNREAD, ABSENT, "" },
        { "to be removed", CURRENT, CURRENT, "REMOVE " DAVID_FILE "\n" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
        fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));
        const apr_array_header_t *changes, *stay;
        const char *text = "";

        plan_derive(plan);
        put_file(*state, facts, "david", cases[i].david);
        put_file(*state, facts, "anna", cases[i].anna);
        changes = fpmp_changes_find(*state, plan, master_at(plan, 0), facts, &httpd);
        stay = fpmp_changes_standing(*state, facts, &httpd, changes);
        for (int k = 0; k < stay->nelts; k++) {
            const fpmp_change_t *change = &APR_ARRAY_IDX(stay, k, fpmp_change_t);

            assert_true(change->refused);
            text = apr_psprintf(*state, "%s%s %s\n", text,
                                change->kind == FPMP_CHANGE_REMOVE ? "REMOVE" : "REMOVE_ASIDE",
                                change->path);
        }
        expect_text(cases[i].title, text, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(a_file_that_fpm_has_not_read_is_loaded),
        plan_test(a_file_is_written_or_removed_only_if_it_is_ours),
        plan_test(writes_stand_in_the_order_of_the_lines_before_removals),
        plan_test(what_was_written_is_no_change_any_more),
        plan_test(the_file_of_a_user_that_is_gone_is_removed),
        plan_test(a_chain_that_is_broken_elsewhere_keeps_its_file),
        plan_test(a_line_that_is_refused_takes_no_file_from_the_others),
        plan_test(a_master_is_changed_for_its_own_chains_only),
        plan_test(a_file_of_another_masters_chain_is_no_leftover),
        plan_test(a_master_without_directories_is_not_changed),
        plan_test(the_last_pool_stays),
        plan_test(a_pool_that_is_current_lets_the_other_one_go),
        plan_test(the_last_pool_goes_if_its_user_is_gone),
        plan_test(bytes_behind_a_nul_are_an_edit),
        plan_test(what_stays_is_ours_and_not_removed),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
