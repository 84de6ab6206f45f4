/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a line: which one it has, what via=fastcgi cannot keep, and the directives that it
 * stands for. t/fastcgi.t has them in force.
 */
/* links: core */
#include "plan.h"

#include "../core/via.h"

static fpmp_plan_t *derived(apr_pool_t *p, const char *defaults, const char *first,
                            const char *second)
{
    static const fpmp_httpd_t with_timeout = {
        .user = "www-data", .group = "www-data", .uid = 33, .gid = 33, .server_id = SERVER,
        .timeout_sec = 60
    };
    fpmp_plan_t *plan = plan_of(p, first, second, NULL);

    plan->defaults = defaults ? line_read(p, defaults, 0, 5) : NULL;
    plan->httpd = &with_timeout;
    fpmp_chains_derive(plan, plan->httpd);
    return plan;
}

static void the_line_comes_before_the_defaults(void **state)
{
    static const struct {
        const char *title, *defaults, *line;
        fpmp_via_e via;
    } table[] = {
        { "neither", NULL, "david", FPMP_VIA_NATIVE },
        { "other defaults", "owner=any", "david", FPMP_VIA_NATIVE },
        { "the line", NULL, "david via=fastcgi", FPMP_VIA_FASTCGI },
        { "the defaults", "via=fastcgi", "david", FPMP_VIA_FASTCGI },
        { "the line over them", "via=fastcgi", "david via=native", FPMP_VIA_NATIVE },
        { "also what counts for native", "via=fastcgi", "david via=native timeout=9",
          FPMP_VIA_NATIVE },
        { "the other way round", "via=native", "david via=fastcgi", FPMP_VIA_FASTCGI },
        { "defaults that native alone keeps", "timeout=9 buffer=1M", "david via=fastcgi",
          FPMP_VIA_FASTCGI },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = derived(*state, table[i].defaults, table[i].line, NULL);

        expect_findings(table[i].title, plan, "");
        if (line_at(plan, 0)->via != table[i].via) {
            fail_msg("%s: via is %d", table[i].title, line_at(plan, 0)->via);
        }
    }
}

#define LOST(key) \
    "BROKEN FPMP0671: directive: '" key "=' of user 'david' has no effect with via=fastcgi; " \
    "remove it, or write via=native; timeout= on FPMDefaults counts for all pools" AT_10

static void what_it_cannot_keep_is_refused_at_the_line(void **state)
{
    static const struct {
        const char *title, *defaults, *line, *finding;
    } table[] = {
        { "a time", NULL, "david via=fastcgi timeout=9", LOST("timeout") },
        { "a buffer", NULL, "david via=fastcgi buffer=1M", LOST("buffer") },
        { "no buffer", NULL, "david buffer=0 via=fastcgi", LOST("buffer") },
        { "via of the defaults", "via=fastcgi timeout=7", "david timeout=9", LOST("timeout") },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = derived(*state, table[i].defaults, table[i].line, "anna");

        expect_findings(table[i].title, plan, table[i].finding);
        assert_non_null(line_at(plan, 0)->refused);
        assert_null(line_at(plan, 1)->refused);
        assert_null(chain_at(plan, 0)->broken); /* the pool stays */
    }
}

static void without_its_module_a_line_is_refused(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david via=fastcgi", "david", NULL);

    plan->ends.fastcgi_missing = "mod_fastcgi";
    fpmp_chains_derive(plan, &httpd);
    expect_findings("no module", plan,
                    "BROKEN FPMP0672: handler: via=fastcgi of user 'david' needs mod_fastcgi, "
                    "which is not loaded; load it, or write via=native" AT_10);
    assert_non_null(line_at(plan, 0)->refused);
    assert_null(line_at(plan, 1)->refused);
    assert_int_equal(plan->chains->nelts, 1);
    assert_null(fpmp_links_in_force(*state, plan, chain_at(plan, 0)));
}

#define PLACE \
    "Action fpmpool:8.2:david /fpmpool:8.2:david\n" \
    "Alias /fpmpool:8.2:david /fpmpool:8.2:david\n" \
    "<Location /fpmpool:8.2:david>\n" \
    "    SetHandler fastcgi-script\n" \
    "    Require env REDIRECT_STATUS\n" \
    "</Location>\n"
#define EXTERNAL "FastCgiExternalServer /fpmpool:8.2:david -socket /run/php/fpmpool-8.2-david.sock "

static void the_links_are_directives(void **state)
{
    static const struct {
        const char *title, *defaults, *first, *second, *links;
    } table[] = {
        { "a line", NULL, "david via=fastcgi", NULL, PLACE EXTERNAL "-idle-timeout 60\n" },
        { "the time of the defaults", "timeout=7", "david via=fastcgi", NULL,
          PLACE EXTERNAL "-idle-timeout 7\n" },
        { "two lines of one user", NULL, "david", "david via=fastcgi",
          PLACE EXTERNAL "-idle-timeout 60\n" },
        { "a native one", NULL, "david", NULL, NULL },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan =
            derived(*state, table[i].defaults, table[i].first, table[i].second);
        const char *links = fpmp_links_in_force(*state, plan, chain_at(plan, 0));

        expect_text(table[i].title, links ? links : "none",
                    table[i].links ? table[i].links : "none");
    }
}

/* Names of masters and of users may both have a '-'. */
static void two_pools_never_have_one_name(void **state)
{
    fpmp_plan_t *plan = fpmp_plan_make(*state);

    plan_master(plan, "a")->socket_dir = "/run/one";
    plan_master(plan, "a-b")->socket_dir = "/run/two";
    plan_line(plan, "b-c php=a");
    plan_line(plan, "c php=a-b");
    fpmp_chains_derive(plan, &httpd);
    assert_string_equal(chain_at(plan, 0)->fastcgi_url, "/fpmpool:a:b-c");
    assert_string_equal(chain_at(plan, 1)->fastcgi_url, "/fpmpool:a-b:c");
}

/* PHP-FPM answers with its figures, or with "pong", where SCRIPT_NAME is such a path; at this
 * end SCRIPT_NAME is the name of the pool. */
static void no_pool_has_its_name_for_a_status_path(void **state)
{
    fpmp_line_t line = { 0 };
    char status[] = "pm.status_path=/fpmpool:8.2:david", ping[] = "ping.path=/fpmpool:8.2:david";
    char user[] = "david", *words[] = { user, NULL };

    words[1] = status;
    assert_non_null(fpmp_line_parse(*state, &line, 1, 2, words));
    memset(&line, 0, sizeof(line));
    words[1] = ping;
    assert_non_null(fpmp_line_parse(*state, &line, 1, 2, words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(the_line_comes_before_the_defaults),
        plan_test(what_it_cannot_keep_is_refused_at_the_line),
        plan_test(without_its_module_a_line_is_refused),
        plan_test(the_links_are_directives),
        plan_test(two_pools_never_have_one_name),
        plan_test(no_pool_has_its_name_for_a_status_path),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
