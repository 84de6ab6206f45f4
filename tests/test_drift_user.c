/* SPDX-License-Identifier: Apache-2.0
 *
 * A user against the rules for pools: there, unknown for now, or forbidden. Each row holds
 * what the name service said, and the whole line that follows from it.
 */
/* links: core */
#include "plan.h"

static void a_user_is_judged_by_the_rules(void **state)
{
    static const struct {
        const char *title, *line;
        fpmp_user_facts_t facts;
        const char *want;
    } table[] = {
        { "an ordinary user", "david",
          { FPMP_LOOKUP_FOUND, FPMP_LOOKUP_FOUND, NULL, 1001, 1001, 1001, "david", 0 }, ""
          },
        { "uid and gid beside root's and httpd's", "david",
          { FPMP_LOOKUP_FOUND, FPMP_LOOKUP_FOUND, NULL, 1, 1, 1, "daemon", 0 }, "" },
        { "uid beside httpd's", "david",
          { FPMP_LOOKUP_FOUND, FPMP_LOOKUP_FOUND, NULL, 34, 34, 34, "backup", 0 }, "" },
        { "no such user", "david",
          { FPMP_LOOKUP_MISSING, FPMP_LOOKUP_UNASKED, NULL, -1, -1, -1, NULL, 0 },
          "BROKEN FPMP0201: user: 'david' does not exist on this machine; create it with "
          "'useradd david', or mend or remove the line" AT_10 },
        { "no such user, a group that is there", "david:staff",
          { FPMP_LOOKUP_MISSING, FPMP_LOOKUP_FOUND, NULL, -1, 50, -1, "staff", 0 },
          "BROKEN FPMP0201: user: 'david' does not exist on this machine; create it with "
          "'useradd david', or mend or remove the line" AT_10 },
        { "nobody can say", "david",
          { FPMP_LOOKUP_FAILED, FPMP_LOOKUP_UNASKED, "Connection refused", -1, -1, -1,
          NULL, 0 },
          "UNKNOWN FPMP0202: user: 'david' could not be looked up: Connection refused; "
          "see to "
          "the name service; the pool stays as it is until then" AT_10 },
        { "nobody can say, nor why", "david",
          { FPMP_LOOKUP_FAILED, FPMP_LOOKUP_UNASKED, NULL, -1, -1, -1, NULL, 0 },
          "UNKNOWN FPMP0202: user: 'david' could not be looked up: no reason given; see "
          "to the "
          "name service; the pool stays as it is until then" AT_10 },
        { "nobody can say, and the group is not there", "david:staff",
          { FPMP_LOOKUP_FAILED, FPMP_LOOKUP_MISSING, "Connection refused", -1, -1, -1,
          "staff",
            0 },
          "UNKNOWN FPMP0202: user: 'david' could not be looked up: Connection refused; "
          "see to "
          "the name service; the pool stays as it is until then" AT_10 },
        { "no such group", "david:staff",
          { FPMP_LOOKUP_FOUND, FPMP_LOOKUP_MISSING, NULL, 1001, -1, 1001, "staff", 0 },
          "BROKEN FPMP0203: user: group 'staff' does not exist on this machine; create it "
          "with "
          "'groupadd', or name another with FPMUser USER:GROUP" AT_10 },
        { "a primary group without name", "david",
          { FPMP_LOOKUP_FOUND, FPMP_LOOKUP_MISSING, NULL, 1001, 1001, 1001, "1001", 0 },
          "BROKEN FPMP0203: user: the primary group 1001 of 'david' has no name on this "
          "machine; create it with 'groupadd', or name another with FPMUser USER:GROUP"
          AT_10 },
        { "root by another name", "david",
          { FPMP_LOOKUP_FOUND, FPMP_LOOKUP_FOUND, NULL, 0, 0, 0, "root", 0 },
          "BROKEN FPMP0204: user: 'david' has uid 0, and PHP-FPM runs no pool as root; "
          "name the "
          "user whose site it is" AT_10 },
        { "httpd's own user", "david",
          { FPMP_LOOKUP_FOUND, FPMP_LOOKUP_FOUND, NULL, 33, 33, 33, "www-data", 1 },
          "BROKEN FPMP0205: user: 'david' is the user that httpd runs as, who may connect "
          "to "
          "every pool and so become every other user; name a user of the site's own"
          AT_10 },
        { "root's group", "david",
          { FPMP_LOOKUP_FOUND, FPMP_LOOKUP_FOUND, NULL, 1001, 0, 0, "root", 0 },
          "BROKEN FPMP0206: user: group 'root' of 'david' has gid 0, and PHP-FPM runs no "
          "pool "
          "in it; write another group with FPMUser USER:GROUP" AT_10 },
        { "httpd's group", "david",
          { FPMP_LOOKUP_FOUND, FPMP_LOOKUP_FOUND, NULL, 1001, 1001, 1001, "david", 1 },
          "BROKEN FPMP0207: user: 'david' is in group 'www-data', which httpd runs as and "
          "which "
          "owns the sockets of all pools; take it out with 'gpasswd -d david www-data'" AT_10 },
        { "httpd's group as the primary one", "david",
          { FPMP_LOOKUP_FOUND, FPMP_LOOKUP_FOUND, NULL, 1001, 33, 33, "www-data", 1 },
          "BROKEN FPMP0207: user: 'david' is in group 'www-data', which httpd runs as and "
          "which "
          "owns the sockets of all pools; give it a primary group of its own with 'usermod -g "
          "GROUP david'" AT_10 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, table[i].line, NULL, NULL);
        const fpmp_chain_t *chain;

        fpmp_chains_derive(plan, &httpd);
        chain = chain_at(plan, 0);
        fpmp_drift_user(plan, chain_at(plan, 0), &table[i].facts, &httpd);
        expect_findings(table[i].title, plan, table[i].want);
        assert_int_equal(chain->broken != NULL, strncmp(table[i].want, "BROKEN", 6) == 0);
        if (!*table[i].want) {
            assert_int_equal(chain->uid, table[i].facts.uid);
            assert_string_equal(chain->group, table[i].facts.group);
        }
    }
}

/* The name service failed for the group, the user was found. */
static void a_group_that_could_not_be_looked_up_is_named(void **state)
{
    const fpmp_user_facts_t facts = { FPMP_LOOKUP_FOUND, FPMP_LOOKUP_FAILED,
                                      "Connection refused", 1001, -1, 1001, "staff", 0 };
    fpmp_plan_t *plan = plan_of(*state, "david:staff", NULL, NULL);
    const fpmp_finding_t *finding;

    fpmp_chains_derive(plan, &httpd);
    fpmp_drift_user(plan, chain_at(plan, 0), &facts, &httpd);
    plan_findings(plan, "group");
    finding = APR_ARRAY_IDX(plan->findings, 0, fpmp_finding_t *);
    assert_int_equal(finding->weight, FPMP_UNKNOWN);
    if (!strstr(finding->seen, "group 'staff'")) {
        fail_msg("the group is not named in '%s'", finding->seen);
    }
}

/* david is no member of www-data: the line asks for that group. */
static void httpds_group_on_the_line_is_no_membership(void **state)
{
    const fpmp_user_facts_t facts = { FPMP_LOOKUP_FOUND, FPMP_LOOKUP_FOUND, NULL, 1001, 33,
                                      1001, "www-data", 1 };
    fpmp_plan_t *plan = plan_of(*state, "david:www-data", NULL, NULL);

    fpmp_chains_derive(plan, &httpd);
    fpmp_drift_user(plan, chain_at(plan, 0), &facts, &httpd);
    plan_findings(plan, "group");
    assert_non_null(chain_at(plan, 0)->broken);
    if (strstr(chain_at(plan, 0)->broken->mend, "gpasswd")) {
        fail_msg("the mend does not help: '%s'", chain_at(plan, 0)->broken->mend);
    }
}

static void a_broken_chain_is_not_judged_for_its_account(void **state)
{
    const fpmp_user_facts_t root = { FPMP_LOOKUP_FOUND, FPMP_LOOKUP_FOUND, NULL, 0, 0, 0,
                                     "root", 0 };
    fpmp_plan_t *plan = plan_of(*state, "david pm=dynamic", NULL, NULL);

    fpmp_chains_derive(plan, &httpd);
    fpmp_drift_user(plan, chain_at(plan, 0), &root, &httpd);
    assert_int_equal(plan->findings->nelts, 1);
    assert_string_equal(chain_at(plan, 0)->broken->code, "FPMP0102");
}

static void only_the_first_broken_link_is_said_of_a_user_that_is_gone(void **state)
{
    const fpmp_user_facts_t gone = { .user_lookup = FPMP_LOOKUP_MISSING };
    fpmp_plan_t *plan = plan_of(*state, "david pm=dynamic", NULL, NULL);

    fpmp_chains_derive(plan, &httpd);
    fpmp_drift_user(plan, chain_at(plan, 0), &gone, &httpd);
    if (plan->findings->nelts != 1) {
        fail_msg("%d findings for one chain: %s", plan->findings->nelts,
                 plan_findings(plan, "gone"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(a_user_is_judged_by_the_rules),
        plan_test(a_group_that_could_not_be_looked_up_is_named),
        plan_test(httpds_group_on_the_line_is_no_membership),
        plan_test(a_broken_chain_is_not_judged_for_its_account),
        plan_test(only_the_first_broken_link_is_said_of_a_user_that_is_gone),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
