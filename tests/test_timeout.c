/* SPDX-License-Identifier: Apache-2.0
 *
 * Who gives PHP-FPM its process_control_timeout: whoever wrote a time; else our pool files,
 * unless a line that PHP-FPM reads behind them would take it back.
 */
/* links: core */
#include "plan.h"

#define TIME "process_control_timeout = "

static void our_files_set_it_where_nobody_else_does(void **state)
{
    static const struct {
        const char *title, *main, *path, *text;
        int sec, ours_sec;
    } table[] = {
        { "nobody", "", NULL, NULL, 0, 10 },
        { "0 in the main file", TIME "0\n", NULL, NULL, 0, 10 },
        { "1 s in the main file", TIME "1\n", NULL, NULL, 1, 0 },
        { "minutes", TIME "2m\n", NULL, NULL, 120, 0 },
        { "in capitals", "Process_Control_Timeout = 5s\n", NULL, NULL, 5, 0 },
        { "no time", TIME "soon\n", NULL, NULL, 0, 10 },
        { "the last one counts", TIME "5s\n" TIME "0\n", NULL, NULL, 0, 10 },
        { "a file before ours", "", POOL_DIR "/a.conf", "[global]\n" TIME "7s\n", 7, 0 },
        { "0 in a file before ours", TIME "5s\n", POOL_DIR "/a.conf", "[global]\n" TIME "0\n",
          0, 10 },
        { "a file behind ours", "", POOL_DIR "/zz.conf", "[global]\n" TIME "7s\n", 7, 0 },
        { "0 in a file behind ours", "", POOL_DIR "/zz.conf", "[global]\n" TIME "0\n", 0, 0 },
        { "a comment", "", POOL_DIR "/zz.conf", "; " TIME "7s\n", 0, 10 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
        fpmp_master_t *master = APR_ARRAY_IDX(plan->masters, 0, fpmp_master_t *);
        fpmp_master_facts_t *facts = facts_of(*state, master);
        fpmp_timeout_t got;

        facts->main.text = apr_pstrcat(*state, "[global]\n", table[i].main, NULL);
        facts->main.len = strlen(facts->main.text);
        if (table[i].path) {
            add_file(*state, facts, table[i].path, table[i].text);
        }
        got = fpmp_timeout_choose(*state, master, facts);
        if (got.sec != table[i].sec || got.ours_sec != table[i].ours_sec) {
            fail_msg("%s: %d s, ours %d s", table[i].title, got.sec, got.ours_sec);
        }
    }
}

/* Else they would stop to set it at the next start, since they have set it. */
static void what_our_own_files_say_does_not_count(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    fpmp_master_t *master = APR_ARRAY_IDX(plan->masters, 0, fpmp_master_t *);
    fpmp_master_facts_t *facts = facts_of(*state, master);
    const fpmp_file_t *file;

    plan_derive(plan);
    facts->main.text = "[global]\n";
    facts->main.len = strlen(facts->main.text);
    master->control_timeout_sec = 10;
    file = add_own_file(*state, facts, chain_at(plan, 0), "/run/other.pid");
    assert_non_null(strstr(file->text, TIME "10\n"));
    assert_int_equal(fpmp_timeout_choose(*state, master, facts).ours_sec, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(our_files_set_it_where_nobody_else_does),
        plan_test(what_our_own_files_say_does_not_count),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
