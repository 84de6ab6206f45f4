/* SPDX-License-Identifier: Apache-2.0
 *
 * The chain in words, as DUMP_FPMPOOL prints it: each link with its value, and behind it
 * what was found about it.
 */
/* links: core */
#include "plan.h"

#define POOL_FILE POOL_DIR "/fpmpool-david.conf"
#define SOCKET "/run/php/fpmpool-8.2-david.sock"

#define WHOLE "  state        every link holds\n"

/* The report of david down to its states; each argument is the state of a row. */
static const char *report(apr_pool_t *p, const char *user, const char *socket,
                          const char *pool, const char *file, const char *master,
                          const char *states)
{
    return apr_psprintf(p,
                        "  line         FPMUser david at " SITE ":10\n"
                        "  user         %-16s david, group david\n"
                        "  extension    ok               .php\n"
                        "  handler      ok               fpmpool\n"
                        "  socket       %-16s " SOCKET
                        ", owner www-data, group www-data, mode 0600\n"
                        "  pool         %-16s [david]\n"
                        "  pool file    %-16s " POOL_FILE "\n"
                        "  master       %-16s 8.2: /usr/sbin/php-fpm8.2 -y " MAIN_FILE "\n"
                        "%s",
                        user, socket, pool, file, master, states);
}

/* Without the long form, which has its own test. */
static const char *rows_of(apr_pool_t *p, const fpmp_plan_t *plan, int chain)
{
    const char *text = fpmp_report_chain(p, plan, chain_at(plan, chain),
                                         apr_array_make(p, 1, sizeof(fpmp_site_t *)));
    const char *end = strstr(text, "  instead of that line");

    return end ? apr_pstrmemdup(p, text, end - text) : text;
}

static void lose_socket_dir(fpmp_master_facts_t *facts)
{
    apr_array_pop(facts->socket_dir); /* /run is missing, too: no start makes both */
    last_node(facts->socket_dir)->lookup = FPMP_LOOKUP_MISSING;
}

static void lose_main(fpmp_master_facts_t *facts)
{
    facts->main.text = NULL;
    facts->main.node.lookup = FPMP_LOOKUP_MISSING;
}

static void lose_file(fpmp_master_facts_t *facts)
{
    facts->by_path = apr_hash_make(apr_hash_pool_get(facts->by_path));
}

static void stop_master(fpmp_master_facts_t *facts)
{
    facts->run = FPMP_RUN_NO;
    facts->run_why = "pid file '/run/php/php8.2-fpm.pid' does not exist";
}

static void hide_main(fpmp_master_facts_t *facts)
{
    facts->main.text = NULL;
    facts->main.node.lookup = FPMP_LOOKUP_FAILED;
    facts->main.node.why = "Permission denied";
}

static void leave_whole(fpmp_master_facts_t *facts)
{
    (void)facts;
}

/* Each finding of the plan in full, as the last rows have it. */
static const char *states_of(apr_pool_t *p, const fpmp_plan_t *plan)
{
    const char *text = "";

    for (int i = 0; i < plan->findings->nelts; i++) {
        text = apr_pstrcat(
            p, text, "  state        ",
            fpmp_finding_text(p, APR_ARRAY_IDX(plan->findings, i, fpmp_finding_t *)), "\n",
            NULL);
    }
    return *text ? text : WHOLE;
}

typedef struct {
    const char *title;
    void (*damage)(fpmp_master_facts_t *facts);
    const char *socket, *pool, *file, *master; /* the states of its rows */
} report_row_t;

static void hold_row(apr_pool_t *p, const report_row_t *row)
{
    fpmp_plan_t *plan = plan_of(p, "david", NULL, NULL);
    fpmp_master_facts_t *facts = facts_of(p, master_at(plan, 0));

    plan_derive(plan);
    add_own_file(p, facts, chain_at(plan, 0), SERVER);
    row->damage(facts);
    judge_master(plan, master_at(plan, 0), facts, 0);
    expect_text(row->title, rows_of(p, plan, 0),
                report(p, "ok", row->socket, row->pool, row->file, row->master,
                       states_of(p, plan)));
}

static void a_finding_stands_behind_its_link(void **state)
{
    static const report_row_t table[] = {
        { "nothing is wrong", leave_whole, "ok", "ok", "ok", "ok" },
        { "a broken socket: what follows is not judged", lose_socket_dir, "broken FPMP0302",
          "-", "-", "-" },
        { "a file to be written", lose_file, "ok", "ok", "pending FPMP0407", "ok" },
        { "a broken master", lose_main, "ok", "ok", "ok", "broken FPMP0504" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        hold_row(*state, &table[i]);
    }
}

/* Findings of a whole master belong to each of its chains, also where they break none. */
static void what_a_master_lacks_stands_behind_the_master(void **state)
{
    static const report_row_t table[] = {
        { "a master that does not run", stop_master, "ok", "ok", "ok", "notice FPMP0508" },
        { "a main file that could not be read", hide_main, "ok", "ok", "ok",
          "unknown FPMP0505" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        hold_row(*state, &table[i]);
    }
}

static void a_finding_of_another_chain_is_not_shown(void **state)
{
    const fpmp_user_facts_t gone = { .user_lookup = FPMP_LOOKUP_MISSING };
    fpmp_plan_t *plan = plan_of(*state, "david", "anna", NULL);
    fpmp_user_facts_t found;

    fpmp_chains_derive(plan, &httpd);
    found = user_found(chain_at(plan, 0));
    fpmp_drift_user(plan, chain_at(plan, 0), &found, &httpd);
    fpmp_drift_user(plan, chain_at(plan, 1), &gone, &httpd);
    assert_int_equal(plan->findings->nelts, 1);
    expect_text("david", rows_of(*state, plan, 0),
                report(*state, "ok", "ok", "ok", "ok", "ok", WHOLE));
}

/* The reader must not have to guess which of the two words has the dot. */
static void every_extension_has_its_dot(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david ext=php,phtml", NULL, NULL);
    const char *text;

    plan_derive(plan);
    text = rows_of(*state, plan, 0);
    if (!strstr(text, "  extension    ok               .php .phtml\n")) {
        fail_msg("got '%s'", text);
    }
}

static void every_line_of_a_pool_is_named_with_its_host(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", "david:staff", "anna");
    const char *want = "  line         FPMUser david at " SITE ":10\n"
                       "  line         FPMUser david at " SITE ":20\n"
                       "  host         a.example, document root /home/david/www\n"
                       "  host         (main server), document root /srv\n"
                       "  user         ok               david, group staff\n";
    const fpmp_site_t sites[] = {
        { .line = line_at(plan, 0), .host = "a.example", .root = "/home/david/www" },
        { .line = line_at(plan, 1), .root = "/srv" },
        { .line = line_at(plan, 2), .host = "c.example", .root = "/home/anna/www" },
    };
    apr_array_header_t *list = apr_array_make(*state, 3, sizeof(const fpmp_site_t *));
    const char *text;

    plan_derive(plan);
    for (size_t i = 0; i < COUNT(sites); i++) {
        APR_ARRAY_PUSH(list, const fpmp_site_t *) = &sites[i];
    }
    text = fpmp_report_chain(*state, plan, chain_at(plan, 0), list);
    expect_text("two lines", apr_pstrndup(*state, text, strlen(want)), want);
}

static void what_is_not_known_is_said_in_words(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    fpmp_master_t *master = master_at(plan, 0);
    const fpmp_user_facts_t gone = { .user_lookup = FPMP_LOOKUP_MISSING };

    master->pool_dir = master->socket_dir = master->binary_path = NULL;
    fpmp_chains_derive(plan, &httpd);
    fpmp_drift_user(plan, chain_at(plan, 0), &gone, &httpd);
    expect_text("nothing known", rows_of(*state, plan, 0),
                "  line         FPMUser david at " SITE ":10\n"
                "  user         broken FPMP0201  david, group (not known)\n"
                "  extension    -                .php\n"
                "  handler      -                fpmpool\n"
                "  socket       -                (none), owner www-data, group www-data, "
                "mode 0600\n"
                "  pool         -                [david]\n"
                "  pool file    -                (none)\n"
                "  master       -                8.2: (no program) -y " MAIN_FILE "\n"
                "  state        FPMP0201: user: 'david' does not exist on this machine; "
                "create it "
                "with 'useradd david', or mend or remove the line" AT_10);
}

static void a_master_without_main_file_has_no_null_in_its_row(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    const char *text;

    master_at(plan, 0)->config_path = NULL;
    plan_derive(plan);
    text = rows_of(*state, plan, 0);
    if (strstr(text, "(null)")) {
        fail_msg("got '%s'", text);
    }
}

/* A broken directive is a link of the chain as well as every other. */
static void a_broken_directive_is_shown(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david pm=dynamic", NULL, NULL);
    const char *text;

    plan_derive(plan);
    text = rows_of(*state, plan, 0);
    if (!strstr(text, "FPMP0102")) {
        fail_msg("the chain is broken by FPMP0102 and its report does not say so:\n%s",
                 text);
    }
}

/* Both forms repeat one name, unique over masters and pools. */
static void the_long_form_repeats_each_name(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david ext=php,phtml timeout=30", NULL, NULL);
    const char *want =
        "  instead of that line, with mod_proxy_fcgi:\n"
        "      <FilesMatch \"\\.(?:php|phtml)$\">\n"
        "          <If \"-f %{REQUEST_FILENAME}\">\n"
        "              SetHandler \"proxy:unix:" SOCKET "|fcgi://fpmpool-8.2-david\"\n"
        "          </If>\n"
        "      </FilesMatch>\n"
        "      <Proxy \"unix:" SOCKET "|fcgi://fpmpool-8.2-david\">\n"
        "          ProxySet timeout=30\n"
        "      </Proxy>\n"
        "  or with mod_fastcgi, mod_actions, mod_alias and mod_mime:\n"
        "      AddType application/x-fpmpool-8.2-david .php .phtml\n"
        "      Action application/x-fpmpool-8.2-david /fpmpool-8.2-david\n"
        "      Alias /fpmpool-8.2-david /usr/lib/cgi-bin/fpmpool-8.2-david\n"
        "      FastCgiExternalServer /usr/lib/cgi-bin/fpmpool-8.2-david -socket " SOCKET
        " -idle-timeout 30 -pass-header Authorization\n"
        "      <Location /fpmpool-8.2-david>\n"
        "          SetHandler fastcgi-script\n"
        "          Require env REDIRECT_STATUS\n"
        "      </Location>\n"
        "  and in a pool file of PHP-FPM:\n"
        "      [david]\n"
        "      user = \"david\"\n";
    const char *text;

    plan_derive(plan);
    text = fpmp_report_chain(*state, plan, chain_at(plan, 0),
                             apr_array_make(*state, 1, sizeof(fpmp_site_t *)));
    text = strstr(text, "  instead of");
    expect_text("long form", apr_pstrndup(*state, text ? text : "", strlen(want)), want);
}

static void lines_without_chain_are_shown_too(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "off", "david php=9.9", NULL);

    plan_derive(plan);
    expect_text("off and refused", fpmp_report_rest(*state, plan),
                apr_psprintf(*state,
                             "off\n  line         FPMUser off at " SITE ":10\n"
                             "david\n  state        %s\n",
                             fpmp_finding_text(*state, line_at(plan, 1)->refused)));
    expect_text("none", fpmp_report_rest(*state, fpmp_plan_make(*state)),
                "there is no FPMUser line\n");
}

static void json_has_the_same_rows(void **state)
{
    static const char *const wanted[] = {
        "\"pool\": \"david\"",
        "\"group\": \"david\"",
        "\"broken\": true",
        "{ \"link\": \"user\", \"value\": \"david, group david\", \"state\": \"ok\", "
        "\"code\": null }",
        "\"state\": \"broken\", \"code\": \"FPMP0302\" }",
        "{ \"link\": \"master\", \"value\": \"8.2: /usr/sbin/php-fpm8.2 -y " MAIN_FILE
        "\", \"state\": null, \"code\": null }",
        "{ \"host\": \"a\\u0001\\ufffd\\\"\\\\\xc3\xa9\", \"root\": \"/www\", \"file\": \"" SITE
        "\", \"line\": 10 }",
        "\"weight\": \"broken\"",
        "\"mod_fastcgi\": \"AddType application/x-fpmpool-8.2-david .php\\nAction ",
    };
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));
    const fpmp_site_t site = { .line = line_at(plan, 0),
                               .host = "a\x01\xff\"\\\xc3\xa9",
                               .root = "/www" };
    apr_array_header_t *list = apr_array_make(*state, 1, sizeof(const fpmp_site_t *));
    const char *text;

    plan_derive(plan);
    APR_ARRAY_PUSH(list, const fpmp_site_t *) = &site;
    lose_socket_dir(facts);
    judge_master(plan, master_at(plan, 0), facts, 0);
    text = fpmp_json_chain(*state, plan, chain_at(plan, 0), list);
    for (size_t i = 0; i < COUNT(wanted); i++) {
        if (!strstr(text, wanted[i])) {
            fail_msg("'%s' is not in %s", wanted[i], text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(a_finding_stands_behind_its_link),
        plan_test(what_a_master_lacks_stands_behind_the_master),
        plan_test(a_finding_of_another_chain_is_not_shown),
        plan_test(every_extension_has_its_dot),
        plan_test(every_line_of_a_pool_is_named_with_its_host),
        plan_test(what_is_not_known_is_said_in_words),
        plan_test(a_master_without_main_file_has_no_null_in_its_row),
        plan_test(a_broken_directive_is_shown),
        plan_test(the_long_form_repeats_each_name),
        plan_test(lines_without_chain_are_shown_too),
        plan_test(json_has_the_same_rows),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
