/* SPDX-License-Identifier: Apache-2.0
 *
 * The one line that users see of a broken link, and the words for the links in it.
 */
/* links: core */
#include "plan.h"

static void each_link_has_its_word(void **state)
{
    static const struct {
        fpmp_link_e link;
        const char *name;
    } table[] = {
        { FPMP_LINK_NONE, "chain" },       { FPMP_LINK_DIRECTIVE, "directive" },
        { FPMP_LINK_USER, "user" },        { FPMP_LINK_EXTENSION, "extension" },
        { FPMP_LINK_HANDLER, "handler" },  { FPMP_LINK_SOCKET, "socket" },
        { FPMP_LINK_POOL, "pool" },        { FPMP_LINK_POOL_FILE, "pool file" },
        { FPMP_LINK_MASTER, "master" },
    };

    (void)state;
    assert_int_equal(COUNT(table), FPMP_LINK_MASTER + 1);
    for (size_t i = 0; i < COUNT(table); i++) {
        expect_text(table[i].name, fpmp_link_name(table[i].link), table[i].name);
    }
}

static void a_finding_is_one_line_with_its_place(void **state)
{
    static const struct {
        const char *title;
        fpmp_where_t where;
        const char *want;
    } table[] = {
        { "without a line", { NULL, 0, NULL }, "FPMP0302: socket: 'a' is gone; make 'a'" },
        { "a line of FPMUser", { SITE, 14, "FPMUser" },
          "FPMP0302: socket: 'a' is gone; make 'a' (FPMUser at " SITE ":14)" },
        { "a line of another directive", { "/etc/x.conf", 1, "FPMMaster" },
          "FPMP0302: socket: 'a' is gone; make 'a' (FPMMaster at /etc/x.conf:1)" },
        { "a line whose directive nobody named", { SITE, 14, NULL },
          "FPMP0302: socket: 'a' is gone; make 'a' (FPMUser at " SITE ":14)" },
    };
    apr_array_header_t *findings = apr_array_make(*state, 1, sizeof(fpmp_finding_t *));

    for (size_t i = 0; i < COUNT(table); i++) {
        const fpmp_finding_t *finding =
            fpmp_finding_add(findings, "FPMP0302", FPMP_LINK_SOCKET, FPMP_NOTICE,
                             table[i].where, "'a' is gone", "make 'a'");

        expect_text(table[i].title, fpmp_finding_text(*state, finding), table[i].want);
    }
}

static void a_finding_keeps_its_place_in_memory(void **state)
{
    const fpmp_where_t where = { SITE, 10, "FPMUser" };
    apr_array_header_t *findings = apr_array_make(*state, 1, sizeof(fpmp_finding_t *));
    fpmp_finding_t *first = fpmp_finding_add(findings, "FPMP0201", FPMP_LINK_USER,
                                             FPMP_BROKEN,
                                             where, "seen", "mend");

    for (int i = 0; i < 100; i++) {
        fpmp_finding_add(findings, "FPMP0508", FPMP_LINK_MASTER, FPMP_PENDING, where, "s",
                         "m");
    }
    assert_int_equal(findings->nelts, 101);
    assert_ptr_equal(APR_ARRAY_IDX(findings, 0, fpmp_finding_t *), first);
    assert_string_equal(first->code, "FPMP0201");
    assert_int_equal(first->link, FPMP_LINK_USER);
    assert_int_equal(first->weight, FPMP_BROKEN);
    assert_int_equal(first->where.line, 10);
    assert_null(first->chain);
}

static void a_finding_about_a_chain_stands_at_its_first_line(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", "david", NULL);
    fpmp_chain_t *chain;

    plan_derive(plan);
    chain = chain_at(plan, 0);
    fpmp_chain_find(plan, chain, "FPMP0407", FPMP_LINK_POOL_FILE, FPMP_PENDING, "seen",
                    "mend");
    assert_null(chain->broken);
    fpmp_chain_find(plan, chain, "FPMP0409", FPMP_LINK_POOL_FILE, FPMP_BROKEN, "seen",
                    "mend");
    assert_ptr_equal(chain->broken, APR_ARRAY_IDX(plan->findings, 1, fpmp_finding_t *));
    assert_ptr_equal(chain->broken->chain, chain);
    expect_findings("both", plan,
                    "PENDING FPMP0407: pool file: seen; mend" AT_10
                    "BROKEN FPMP0409: pool file: seen; mend" AT_10);
}

static void findings_are_said_in_the_order_of_the_lines_what_is_broken_last(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", "anna", "bert");
    static const struct {
        int line;
        fpmp_weight_e weight;
    } found[] = {
        { 2, FPMP_BROKEN },  { 0, FPMP_BROKEN }, { -1, FPMP_BROKEN },
        { 1, FPMP_BROKEN },  { 0, FPMP_BROKEN }, { 2, FPMP_PENDING },
        { -1, FPMP_NOTICE }, { 1, FPMP_UNKNOWN },
    };
    const char *order = "";

    for (size_t i = 0; i < COUNT(found); i++) {
        fpmp_where_t where = { 0 };

        if (found[i].line >= 0) {
            where = line_at(plan, found[i].line)->where;
        }
        fpmp_finding_add(plan->findings, apr_psprintf(*state, "%d", (int)i), FPMP_LINK_USER,
                         found[i].weight, where, "seen", "mend");
    }
    fpmp_findings_sort(plan);
    for (int i = 0; i < plan->findings->nelts; i++) {
        order = apr_pstrcat(*state, order,
                            APR_ARRAY_IDX(plan->findings, i, fpmp_finding_t *)->code, NULL);
    }
    assert_string_equal(order, "67521430");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_link_has_its_word),
        plan_test(a_finding_is_one_line_with_its_place),
        plan_test(findings_are_said_in_the_order_of_the_lines_what_is_broken_last),
        plan_test(a_finding_keeps_its_place_in_memory),
        plan_test(a_finding_about_a_chain_stands_at_its_first_line),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
