/* SPDX-License-Identifier: Apache-2.0
 *
 * Every link as it follows from the FPMUser lines, and what cannot follow: lines that share
 * a pool and disagree, masters that are not there, settings and sockets beside their rules.
 */
/* links: core */
#include "plan.h"

static const char *settings_text(apr_pool_t *p, const fpmp_chain_t *chain)
{
    const char *text = "";

    for (int i = 0; i < chain->settings->nelts; i++) {
        const fpmp_setting_t *s = &APR_ARRAY_IDX(chain->settings, i, fpmp_setting_t);

        text = apr_psprintf(p, "%s %s%s%s%s=%s", text, s->name, s->subkey ? "[" : "",
                            s->subkey ? s->subkey : "", s->subkey ? "]" : "", s->value);
    }
    return text;
}

/* The links that lines can change, one chain a line. */
static const char *chains_text(apr_pool_t *p, const fpmp_plan_t *plan)
{
    const char *text = "";

    for (int i = 0; i < plan->chains->nelts; i++) {
        const fpmp_chain_t *chain = chain_at(plan, i);

        text = apr_psprintf(p, "%s%s:%s on %s ext=%s lines=%d%s\n", text, chain->user,
                            chain->group ? chain->group : "-", chain->master->name,
                            apr_array_pstrcat(p, chain->ext, ','), chain->lines->nelts,
                            settings_text(p, chain));
    }
    return text;
}

#define STATUS " pm.status_path=/fpmpool-status"
#define BUILT_IN " pm=ondemand pm.max_children=10 pm.max_requests=1000" STATUS "\n"

static void every_link_follows_from_one_line(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    const fpmp_chain_t *chain;

    fpmp_chains_derive(plan, &httpd);
    expect_findings("one line", plan, "");
    expect_text("chains", chains_text(*state, plan), "david:- on 8.2 ext=php lines=1"
                BUILT_IN);
    chain = chain_at(plan, 0);
    assert_string_equal(chain->pool, "david");
    assert_string_equal(chain->pool_file_path, POOL_DIR "/fpmpool-david.conf");
    assert_string_equal(chain->socket_path, "/run/php/fpmpool-8.2-david.sock");
    assert_string_equal(chain->socket_owner, "www-data");
    assert_string_equal(chain->socket_group, "www-data");
    assert_ptr_equal(chain->master, master_at(plan, 0));
    assert_int_equal(chain->uid, (uid_t)-1);
    assert_string_equal(chain->where.file, SITE);
    assert_int_equal(chain->where.line, 10);
    assert_null(chain->broken);
    assert_ptr_equal(line_at(plan, 0)->chain, chain);
    assert_null(line_at(plan, 0)->refused);
}

/* Lines that share a pool, or not, and FPMDefaults under them. */
static const struct {
    const char *title, *defaults, *lines[3], *chains;
} plans[] = {
    { "no line", NULL, { NULL }, "" },
    { "off alone", NULL, { "off" }, "" },
    { "two users", NULL, { "david", "anna" },
      "david:- on 8.2 ext=php lines=1" BUILT_IN "anna:- on 8.2 ext=php lines=1" BUILT_IN },
    { "the same line three times", NULL,
      { "david:staff pm=static ext=php,phtml", "david:staff pm=static ext=php,phtml",
        "david:staff pm=static ext=php,phtml" },
      "david:staff on 8.2 ext=php,phtml lines=3 pm=static pm.max_children=10 "
      "pm.max_requests=1000" STATUS "\n" },
    { "keys that only a later line has", NULL,
      { "david", "david:staff ext=phtml", "david pm.max_children=3" },
      "david:staff on 8.2 ext=phtml lines=3 pm=ondemand pm.max_children=3 "
      "pm.max_requests=1000" STATUS "\n" },
    { "keys that only the first line has", NULL,
      { "david:staff ext=phtml env[A]=1", "david" },
      "david:staff on 8.2 ext=phtml lines=2 pm=ondemand pm.max_children=10 "
      "pm.max_requests=1000" STATUS " env[A]=1\n" },
    { "two names of one directive", NULL, { "david env[B]=1", "david env[A]=2" },
      "david:- on 8.2 ext=php lines=2 pm=ondemand pm.max_children=10 pm.max_requests=1000" STATUS " "
      "env[A]=2 env[B]=1\n" },
    { "keys that belong to each line, not to the pool", NULL,
      { "david owner=any timeout=5 buffer=0", "david owner=strict timeout=6 buffer=1G" },
      "david:- on 8.2 ext=php lines=2" BUILT_IN },
    { "defaults under the lines", "pm.max_children=7 ext=phtml env[A]=1",
      { "david", "anna pm.max_children=8 ext=php" },
      "david:- on 8.2 ext=phtml lines=1 pm=ondemand pm.max_children=7 pm.max_requests=1000" STATUS " "
      "env[A]=1\nanna:- on 8.2 ext=php lines=1 pm=ondemand pm.max_children=8 "
      "pm.max_requests=1000" STATUS " env[A]=1\n" },
    { "defaults over the built-in settings", "pm=static pm.max_requests=0", { "david" },
      "david:- on 8.2 ext=php lines=1 pm=static pm.max_children=10 pm.max_requests=0" STATUS "\n" },
    { "a line agrees with another, whatever the defaults say", "pm=static",
      { "david", "david pm=ondemand" }, "david:- on 8.2 ext=php lines=2" BUILT_IN },
    { "defaults that hold ext alone", "ext=php,phtml", { "david" },
      "david:- on 8.2 ext=php,phtml lines=1" BUILT_IN },
};

static void lines_of_one_user_share_a_pool(void **state)
{
    for (size_t i = 0; i < COUNT(plans); i++) {
        fpmp_plan_t *plan =
            plan_of(*state, plans[i].lines[0], plans[i].lines[1], plans[i].lines[2]);

        plan->defaults = plans[i].defaults ? line_read(*state, plans[i].defaults, 0,
                                                       3) : NULL;
        fpmp_chains_derive(plan, &httpd);
        expect_findings(plans[i].title, plan, "");
        expect_text(plans[i].title, chains_text(*state, plan), plans[i].chains);
        for (int k = 0; k < plan->lines->nelts; k++) {
            const fpmp_line_t *line = line_at(plan, k);

            if ((line->chain == NULL) != line->off) {
                fail_msg("%s: line %d has %s chain", plans[i].title, k,
                         line->chain ? "a" : "no");
            }
        }
    }
}

/* The last line disagrees and is refused; the pool stays as the lines before it made it. */
static void a_line_that_disagrees_is_refused(void **state)
{
    static const struct {
        const char *title, *lines[3], *finding, *chain;
    } table[] = {
        { "group", { "david:staff", "david:users pm=static" },
          "BROKEN FPMP0101: directive: 'group' of user 'david' is 'staff' at "
          SITE ":10 and "
          "'users' here, but both share one pool; write the same in both lines, or in "
          "only one "
          "of them" AT_20,
          "david:staff on 8.2 ext=php lines=1" BUILT_IN },
        { "ext", { "david ext=php", "david ext=php,phtml" },
          "BROKEN FPMP0101: directive: 'ext' of user 'david' is 'php' at " SITE ":10 and "
          "'php,phtml' here, but both share one pool; write the same in both lines, or in "
          "only "
          "one of them" AT_20,
          "david:- on 8.2 ext=php lines=1" BUILT_IN },
        { "a setting", { "david pm.max_children=3", "david pm.max_children=4 env[A]=1" },
          "BROKEN FPMP0101: directive: 'pm.max_children' of user 'david' is '3' at " SITE
          ":10 and '4' here, but both share one pool; write the same in both lines, or in "
          "only "
          "one of them" AT_20,
          "david:- on 8.2 ext=php lines=1 pm=ondemand pm.max_children=3 "
          "pm.max_requests=1000" STATUS "\n" },
        { "a setting with a name", { "david env[A]=1", "david env[A]=2" },
          "BROKEN FPMP0101: directive: 'env[A]' of user 'david' is '1' at " SITE ":10 and "
                                                                                 "'2' "
          "here, but both share one pool; write the same in both lines, or in only one of "
          "them" AT_20,
          "david:- on 8.2 ext=php lines=1 pm=ondemand pm.max_children=10 "
          "pm.max_requests=1000" STATUS " "
          "env[A]=1\n" },
        { "one key is enough", { "david:staff ext=php", "david:users ext=phtml" },
          "BROKEN FPMP0101: directive: 'group' of user 'david' is 'staff' at "
          SITE ":10 and "
          "'users' here, but both share one pool; write the same in both lines, or in "
          "only one "
          "of them" AT_20,
          "david:staff on 8.2 ext=php lines=1" BUILT_IN },
        { "a setting of the second line", { "david", "david env[A]=1", "david env[A]=2" },
          "BROKEN FPMP0101: directive: 'env[A]' of user 'david' is '1' at " SITE ":20 and "
                                                                                 "'2' "
          "here, but both share one pool; write the same in both lines, or in only one of "
          "them" AT_30,
          "david:- on 8.2 ext=php lines=2 pm=ondemand pm.max_children=10 "
          "pm.max_requests=1000" STATUS " "
          "env[A]=1\n" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan =
            plan_of(*state, table[i].lines[0], table[i].lines[1], table[i].lines[2]);
        const fpmp_line_t *last = line_at(plan, plan->lines->nelts - 1);

        fpmp_chains_derive(plan, &httpd);
        expect_findings(table[i].title, plan, table[i].finding);
        expect_text(table[i].title, chains_text(*state, plan), table[i].chain);
        assert_null(last->chain);
        assert_ptr_equal(last->refused, APR_ARRAY_IDX(plan->findings, 0, fpmp_finding_t *));
        assert_null(chain_at(plan, 0)->broken);
    }
}

/* Whoever mends it looks at the line that is named. */
static void a_disagreement_names_the_line_that_said_it(void **state)
{
    static const struct {
        const char *title, *lines[3], *seen;
    } table[] = {
        { "group", { "david", "david:staff", "david:users" },
          "'group' of user 'david' is 'staff' at " SITE ":20 and 'users' here, but both "
                                                        "share "
          "one pool" },
        { "ext", { "david", "david ext=phtml", "david ext=php" },
          "'ext' of user 'david' is 'phtml' at " SITE ":20 and 'php' here, but both share "
                                                      "one "
          "pool" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan =
            plan_of(*state, table[i].lines[0], table[i].lines[1], table[i].lines[2]);

        fpmp_chains_derive(plan, &httpd);
        assert_int_equal(plan->findings->nelts, 1);
        expect_text(table[i].title, APR_ARRAY_IDX(plan->findings, 0,
                                                  fpmp_finding_t *)->seen,
                    table[i].seen);
    }
}

static void a_refused_line_leaves_the_next_one_alone(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david pm=static", "david pm=ondemand",
                                "david env[A]=1");

    fpmp_chains_derive(plan, &httpd);
    assert_int_equal(plan->findings->nelts, 1);
    assert_null(line_at(plan, 1)->chain);
    assert_ptr_equal(line_at(plan, 2)->chain, chain_at(plan, 0));
    assert_int_equal(chain_at(plan, 0)->lines->nelts, 2);
}

static void long_values_that_disagree_are_cut_in_the_message(void **state)
{
    const char *digits = "";
    fpmp_plan_t *plan;

    for (int i = 0; i < 20; i++) {
        digits = apr_pstrcat(*state, digits, "0123456789", NULL);
    }
    plan = plan_of(*state, apr_pstrcat(*state, "david env[A]=", digits, "a", NULL),
                   apr_pstrcat(*state, "david env[A]=", digits, "b", NULL), NULL);
    fpmp_chains_derive(plan, &httpd);
    assert_int_equal(plan->findings->nelts, 1);
    if (strstr(APR_ARRAY_IDX(plan->findings, 0, fpmp_finding_t *)->seen, digits)) {
        fail_msg("200 bytes of a value stand in the message");
    }
}

static void a_line_goes_to_the_master_it_names(void **state)
{
    static const struct {
        const char *title, *defaults, *line, *master;
    } table[] = {
        { "none named: the first", NULL, "david", "8.2" },
        { "the first", NULL, "david php=8.2", "8.2" },
        { "the second", NULL, "david php=8.4", "8.4" },
        { "named by the defaults", "php=8.4", "david", "8.4" },
        { "the line over the defaults", "php=8.4", "david php=8.2", "8.2" },
        { "defaults without master", "pm=static", "david", "8.2" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, table[i].line, NULL, NULL);

        plan_master(plan, "8.4");
        plan->defaults = table[i].defaults ? line_read(*state, table[i].defaults, 0,
                                                       3) : NULL;
        fpmp_chains_derive(plan, &httpd);
        expect_findings(table[i].title, plan, "");
        expect_text(table[i].title, chain_at(plan, 0)->master->name, table[i].master);
    }
}

static void without_its_master_a_line_is_refused(void **state)
{
    fpmp_plan_t *plan = fpmp_plan_make(*state);

    plan_line(plan, "david");
    plan_line(plan, "off");
    fpmp_chains_derive(plan, &httpd);
    expect_findings("no master at all", plan,
                    "BROKEN FPMP0501: master: no PHP-FPM was found in any place where a "
                    "distribution puts it; install it (Debian: apt-get install php-fpm), "
                    "or "
                    "name its main file with 'FPMMaster NAME config=/path/php-fpm.conf'"
                    AT_10);
    assert_int_equal(plan->chains->nelts, 0);
    assert_non_null(line_at(plan, 0)->refused);
    assert_null(line_at(plan, 1)->refused);

    plan = plan_of(*state, "david php=8.3", NULL, NULL);
    plan_master(plan, "8.4");
    fpmp_chains_derive(plan, &httpd);
    expect_findings("no such master", plan,
                    "BROKEN FPMP0502: master: there is no master '8.3', only 8.2, 8.4; "
                    "write "
                    "php= with one of these, or install PHP-FPM 8.3" AT_10);
    assert_int_equal(plan->chains->nelts, 0);
    assert_non_null(line_at(plan, 0)->refused);
}

static void one_user_may_have_a_pool_on_each_master(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david pm=static", "david php=8.4 pm=ondemand",
                                NULL);

    plan_master(plan, "8.4");
    fpmp_chains_derive(plan, &httpd);
    expect_findings("two masters", plan, "");
    assert_int_equal(plan->chains->nelts, 2);
    assert_string_equal(chain_at(plan, 0)->socket_path, "/run/php/fpmpool-8.2-david.sock");
    assert_string_equal(chain_at(plan, 1)->socket_path, "/run/php/fpmpool-8.4-david.sock");
    assert_string_equal(chain_at(plan, 1)->pool_file_path,
                        "/etc/php/8.4/fpm/pool.d/fpmpool-david.conf");
}

static void two_masters_may_not_read_one_pool_directory(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", "david php=8.4", NULL);

    plan_master(plan, "8.4")->pool_dir = POOL_DIR;
    fpmp_chains_derive(plan, &httpd);
    expect_findings("one file for two pools", plan,
                    "BROKEN FPMP0503: master: masters '8.2' and '8.4' both read the pool "
                    "directory '" POOL_DIR "', so each would open the sockets of the "
                    "other; give each master its own directory, with pool_dir= on "
                    "FPMMaster" AT_20);
    assert_null(chain_at(plan, 0)->broken);
    assert_non_null(chain_at(plan, 1)->broken);
}

/* Each of the two would remove the file of the other's user as a leftover. */
static void nor_if_their_users_differ(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", "anna php=8.4", NULL);

    plan_master(plan, "8.4")->pool_dir = POOL_DIR;
    fpmp_chains_derive(plan, &httpd);
    if (!chain_at(plan, 0)->broken && !chain_at(plan, 1)->broken) {
        fail_msg("masters 8.2 and 8.4 share '%s' and nobody says so", POOL_DIR);
    }
}

/* "8.2-x" with "david" and "8.2" with "x-david": one path, so one user's requests
 * would reach the other one's pool. */
static void two_pools_never_share_a_socket(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "x-david", "david php=8.2-x", NULL);

    plan_master(plan, "8.2-x");
    fpmp_chains_derive(plan, &httpd);
    if (strcmp(chain_at(plan, 0)->socket_path, chain_at(plan, 1)->socket_path) == 0
        && !chain_at(plan, 0)->broken && !chain_at(plan, 1)->broken) {
        fail_msg("users x-david and david share '%s'", chain_at(plan, 0)->socket_path);
    }
}

static void settings_must_fit_together(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david pm=dynamic", NULL, NULL);

    fpmp_chains_derive(plan, &httpd);
    expect_findings("FPM's own rule", plan,
                    "BROKEN FPMP0102: directive: the settings of user 'david' do not fit "
                    "together: pm.min_spare_servers(0) must be a positive value with "
                    "pm=dynamic; change them on FPMUser or FPMDefaults" AT_10);
    assert_ptr_equal(chain_at(plan, 0)->broken,
                     APR_ARRAY_IDX(plan->findings, 0, fpmp_finding_t *));

    plan = plan_of(*state, "david pm=dynamic", "david pm.min_spare_servers=1",
                   "david pm.max_spare_servers=2");
    fpmp_chains_derive(plan, &httpd);
    expect_findings("three lines make it whole", plan, "");
}

static void a_pool_whose_memory_can_be_read_is_a_notice(void **state)
{
#define SAYS                                                                               \
    "NOTICE FPMP0441: pool: [david] has process.dumpable on, so a debugger, or another "   \
    "process of 'david', reads its memory with the opcache that all pools share; remove "  \
    "the key"
    static const struct {
        const char *title, *line, *defaults, *want;
    } table[] = {
        { "on", "david process.dumpable=yes", NULL, SAYS AT_10 },
        { "on, another word", "david process.dumpable=On", NULL, SAYS AT_10 },
        { "off", "david process.dumpable=no", NULL, "" },
        { "by default", "david", "process.dumpable=1",
          SAYS " (FPMDefaults at " SITE ":5)\n" },
        { "off against the default", "david process.dumpable=0", "process.dumpable=1", "" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, table[i].line, NULL, NULL);

        if (table[i].defaults) {
            plan->defaults = line_read(*state, table[i].defaults, 0, 5);
        }
        fpmp_chains_derive(plan, &httpd);
        expect_findings(table[i].title, plan, table[i].want);
        assert_null(chain_at(plan, 0)->broken);
    }
#undef SAYS
}

static void a_setting_newer_than_the_master_is_refused(void **state)
{
    static const struct {
        const char *title;
        int version;
        const char *want;
    } table[] = {
        { "older", 800,
          "BROKEN FPMP0103: directive: 'pm.max_spawn_rate' came with PHP-FPM 8.1, but "
          "master "
          "'8.2' is older; remove it, or choose a newer master with php=" AT_10 },
        { "the version that brought it", 801, "" },
        { "newer", 802, "" },
        { "nobody knows the version", 0, "" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, "david pm.max_spawn_rate=5", NULL, NULL);

        master_at(plan, 0)->version = table[i].version;
        fpmp_chains_derive(plan, &httpd);
        expect_findings(table[i].title, plan, table[i].want);
        assert_int_equal(!chain_at(plan, 0)->broken, !*table[i].want);
    }
}

static void a_newer_setting_with_a_name_is_named_whole(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david access.suppress_path[]=/ping", NULL, NULL);

    master_at(plan, 0)->version = 801;
    fpmp_chains_derive(plan, &httpd);
    expect_findings("a list", plan,
                    "BROKEN FPMP0103: directive: 'access.suppress_path[]' came with "
                    "PHP-FPM "
                    "8.2, but master '8.2' is older; remove it, or choose a newer master "
                    "with "
                    "php=" AT_10);
}

/* A directory that makes the socket's path of david this long. */
static const char *socket_dir_for(apr_pool_t *p, size_t path_bytes)
{
    size_t len = path_bytes - strlen("/fpmpool-8.2-david.sock");
    char *dir = apr_palloc(p, len + 1);

    memset(dir, 'a', len);
    dir[0] = '/';
    dir[len] = '\0';
    return dir;
}

static void a_socket_path_has_at_most_107_bytes(void **state)
{
    static const struct {
        size_t bytes;
        int broken;
    } table[] = { { 107, 0 }, { 108, 1 } };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
        const char *title = table[i].broken ? "108 bytes" : "107 bytes", *want;

        master_at(plan, 0)->socket_dir = socket_dir_for(*state, table[i].bytes);
        fpmp_chains_derive(plan, &httpd);
        assert_int_equal(strlen(chain_at(plan, 0)->socket_path), table[i].bytes);
        if (!table[i].broken) {
            expect_findings(title, plan, "");
            continue;
        }
        assert_int_equal(plan->findings->nelts, 1);
        assert_string_equal(chain_at(plan, 0)->broken->code, "FPMP0301");
        want = apr_psprintf(*state, "'%s' is 108 bytes, a Unix socket may have 107",
                            chain_at(plan, 0)->socket_path);
        expect_text(title, apr_pstrndup(*state, chain_at(plan, 0)->broken->seen,
                                        strlen(want)),
                    want);
    }
}

static void a_socket_directory_that_fpm_misreads_is_refused(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);

    master_at(plan, 0)->socket_dir = "/run/a:b";
    fpmp_chains_derive(plan, &httpd);
    expect_findings("a colon", plan,
                    "BROKEN FPMP0301: socket: '/run/a:b/fpmpool-8.2-david.sock' has ':', "
                    "and PHP-FPM listens on TCP then; choose another directory with "
                    "FPMSocketDir" AT_10);
    assert_non_null(chain_at(plan, 0)->broken);
}

static void one_socket_directory_is_one_cause(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", "anna", NULL);

    master_at(plan, 0)->socket_dir = "/run/a:b";
    fpmp_chains_derive(plan, &httpd);
    assert_int_equal(plan->findings->nelts, 1);
    assert_non_null(chain_at(plan, 1)->broken);
    assert_ptr_equal(chain_at(plan, 0)->broken, chain_at(plan, 1)->broken);
}

/* drift.c says once per master what is missing; the chain only has no such link. */
static void a_master_without_directories_makes_a_chain_without_links(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);

    master_at(plan, 0)->pool_dir = NULL;
    master_at(plan, 0)->socket_dir = NULL;
    fpmp_chains_derive(plan, &httpd);
    expect_findings("none", plan, "");
    assert_null(chain_at(plan, 0)->pool_file_path);
    assert_null(chain_at(plan, 0)->socket_path);
}

static void only_the_first_rule_of_a_chain_is_said(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david pm=dynamic pm.max_spawn_rate=5", NULL, NULL);

    master_at(plan, 0)->version = 800;
    master_at(plan, 0)->socket_dir = socket_dir_for(*state, 108);
    fpmp_chains_derive(plan, &httpd);
    assert_int_equal(plan->findings->nelts, 1);
    assert_string_equal(chain_at(plan, 0)->broken->code, "FPMP0102");

    plan = plan_of(*state, "david pm.max_spawn_rate=5", NULL, NULL);
    master_at(plan, 0)->version = 800;
    master_at(plan, 0)->socket_dir = socket_dir_for(*state, 108);
    fpmp_chains_derive(plan, &httpd);
    assert_int_equal(plan->findings->nelts, 1);
    assert_string_equal(chain_at(plan, 0)->broken->code, "FPMP0103");
}

/* The handler keeps PHP files from being sent as source also where nothing runs them. */
static void off_and_refused_lines_know_their_extensions(void **state)
{
    static const struct {
        const char *title, *defaults, *lines[2], *ext[2];
    } table[] = {
        { "off alone", NULL, { "off" }, { "php" } },
        { "off with defaults", "ext=phtml,php5", { "off" }, { "phtml,php5" } },
        { "off with other defaults", "pm=static", { "off" }, { "php" } },
        { "refused with ext", NULL, { "david ext=php", "david ext=phtml" }, { "php",
        "phtml" } },
        { "refused without ext", NULL, { "david pm=static", "david pm=ondemand" },
          { "php", "php" } },
        { "refused without ext, with defaults", "ext=phtml",
          { "david pm=static", "david pm=ondemand" }, { "phtml", "phtml" } },
        { "refused for its master", "ext=php5", { "david php=9.9", "anna php=9.9 ext=phtml"
        },
          { "php5", "phtml" } },
        { "served: the pool's, also where another line said it", NULL,
          { "david", "david ext=phtml" }, { "phtml", "phtml" } },
        { "served: the pool's over the defaults", "ext=php5", { "david", "david ext=phtml"
        },
          { "phtml", "phtml" } },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, table[i].lines[0], table[i].lines[1], NULL);

        plan->defaults = table[i].defaults ? line_read(*state, table[i].defaults, 0,
                                                       3) : NULL;
        fpmp_chains_derive(plan, &httpd);
        for (int k = 0; k < plan->lines->nelts; k++) {
            expect_text(table[i].title, apr_array_pstrcat(*state, line_at(plan, k)->ext,
                                                          ','),
                        table[i].ext[k]);
        }
    }
}

static void keys_of_a_line_come_from_the_defaults_where_it_is_silent(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david",
                                "david owner=strict timeout=7 buffer=0", "off");

    plan->defaults = line_read(*state, "owner=any timeout=5 buffer=2K", 0, 3);
    fpmp_chains_derive(plan, &httpd);
    assert_int_equal(line_at(plan, 0)->owner, FPMP_OWNER_ANY);
    assert_int_equal(line_at(plan, 0)->timeout_sec, 5);
    assert_int_equal(line_at(plan, 1)->owner, FPMP_OWNER_STRICT);
    assert_int_equal(line_at(plan, 0)->buffer_bytes, 2048);
    assert_int_equal(line_at(plan, 1)->timeout_sec, 7);
    assert_int_equal(line_at(plan, 1)->buffer_bytes, -1);

    plan = plan_of(*state, "david", NULL, NULL);
    fpmp_chains_derive(plan, &httpd);
    assert_int_equal(line_at(plan, 0)->owner, FPMP_OWNER_UNSET);
    assert_int_equal(line_at(plan, 0)->timeout_sec, 0);
    assert_int_equal(line_at(plan, 0)->buffer_bytes, FPMP_BUFFER_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(every_link_follows_from_one_line),
        plan_test(lines_of_one_user_share_a_pool),
        plan_test(a_line_that_disagrees_is_refused),
        plan_test(a_disagreement_names_the_line_that_said_it),
        plan_test(a_refused_line_leaves_the_next_one_alone),
        plan_test(long_values_that_disagree_are_cut_in_the_message),
        plan_test(a_line_goes_to_the_master_it_names),
        plan_test(without_its_master_a_line_is_refused),
        plan_test(one_user_may_have_a_pool_on_each_master),
        plan_test(two_masters_may_not_read_one_pool_directory),
        plan_test(nor_if_their_users_differ),
        plan_test(two_pools_never_share_a_socket),
        plan_test(settings_must_fit_together),
        plan_test(a_pool_whose_memory_can_be_read_is_a_notice),
        plan_test(a_setting_newer_than_the_master_is_refused),
        plan_test(a_newer_setting_with_a_name_is_named_whole),
        plan_test(a_socket_path_has_at_most_107_bytes),
        plan_test(a_socket_directory_that_fpm_misreads_is_refused),
        plan_test(one_socket_directory_is_one_cause),
        plan_test(a_master_without_directories_makes_a_chain_without_links),
        plan_test(only_the_first_rule_of_a_chain_is_said),
        plan_test(off_and_refused_lines_know_their_extensions),
        plan_test(keys_of_a_line_come_from_the_defaults_where_it_is_silent),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
