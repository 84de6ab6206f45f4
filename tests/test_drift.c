/* SPDX-License-Identifier: Apache-2.0
 *
 * A master against what was seen of it: main file, program, directories, process. Each row
 * breaks one thing of a machine on which nothing is wrong; the row beside it stands just on
 * the other side of the edge.
 */
/* links: core */
#include "plan.h"

static void judge(fpmp_plan_t *plan, const fpmp_master_facts_t *facts)
{
    judge_master(plan, master_at(plan, 0), facts, 0);
}

static void lose_main(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    facts->main.text = NULL;
    facts->main.node.lookup = FPMP_LOOKUP_MISSING;
}

static void hide_main(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    facts->main.text = NULL;
    facts->main.node.lookup = FPMP_LOOKUP_FAILED;
    facts->main.node.why = "Permission denied";
}

static void lock_main(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    hide_main(master, facts);
    facts->main.node.lookup = FPMP_LOOKUP_FOUND;
}

static void leave_incomplete(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)facts;
    master->trouble = "no include line reads our files; add include=" POOL_DIR "/*.conf";
}

static void lose_binary(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    facts->binary.lookup = FPMP_LOOKUP_MISSING;
}

static void name_no_binary(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    master->binary_path = NULL;
    facts->binary.lookup = FPMP_LOOKUP_UNASKED;
}

static void hide_binary(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    facts->binary.lookup = FPMP_LOOKUP_FAILED;
}

static void lose_pool_dir(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    last_node(facts->pool_dir)->lookup = FPMP_LOOKUP_MISSING;
}

static void lose_parent_of_pool_dir(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    facts->pool_dir->nelts = 3;
    last_node(facts->pool_dir)->lookup = FPMP_LOOKUP_MISSING;
}

static void open_pool_dir(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    last_node(facts->pool_dir)->mode = 0775;
}

static void give_pool_dir_to_httpd(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    last_node(facts->pool_dir)->uid = 33;
}

static void give_socket_dir_to_httpd(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    last_node(facts->socket_dir)->uid = httpd.uid;
}

static apr_array_header_t *way_of_user(apr_pool_t *p, const char *path)
{
    apr_array_header_t *way = apr_array_make(p, 1, sizeof(fpmp_node_t));
    const fpmp_node_t node = { .path = path, .lookup = FPMP_LOOKUP_FOUND,
                               .kind = FPMP_NODE_FILE, .uid = 7, .mode = 0755 };

    APR_ARRAY_PUSH(way, fpmp_node_t) = node;
    return way;
}

static void give_program_away(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    facts->binary_way = way_of_user(facts->files->pool, master->binary_path);
}

static void give_main_file_away(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    facts->main_way = way_of_user(facts->files->pool, MAIN_FILE);
}

static void lose_socket_dir(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    last_node(facts->socket_dir)->lookup = FPMP_LOOKUP_MISSING;
}

static void lose_run_dir(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    apr_array_pop(facts->socket_dir);
    lose_socket_dir(master, facts);
}

static void give_socket_dir_to_david(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    last_node(facts->socket_dir)->uid = 1001;
}

static void give_socket_dir_to_root(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    last_node(facts->socket_dir)->uid = 0;
}

static void open_socket_dir(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    last_node(facts->socket_dir)->mode = 01777;
}

static void stop_master(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    facts->run = FPMP_RUN_NO;
    facts->run_why = "pid file '/run/php/php8.2-fpm.pid' does not exist";
}

static void run_another(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    facts->run = FPMP_RUN_OTHER;
    facts->run_why = "process 12 runs '/bin/sleep', not '/usr/sbin/php-fpm8.2'";
}

static void name_no_pid(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    facts->run = FPMP_RUN_UNKNOWN;
    facts->run_why = "'" MAIN_FILE "' names no pid file";
}

static void say_no_reason(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    stop_master(master, facts);
    facts->run_why = NULL;
}

static void leave_whole(fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    (void)master;
    (void)facts;
}

typedef void (*breaker_t)(fpmp_master_t *master, fpmp_master_facts_t *facts);

static const struct {
    const char *title;
    breaker_t damage;
    const char *want;
} master_rows[] = {
    { "nothing is wrong", leave_whole, "" },
    { "no main file", lose_main,
      "BROKEN FPMP0504: master: main file '" MAIN_FILE "' of master '8.2' does not exist; "
                                                       "install "
      "that PHP-FPM, or mend config= on FPMMaster" AT_10 },
    { "a main file behind a locked directory", hide_main,
      "UNKNOWN FPMP0505: master: main file '" MAIN_FILE "' of master '8.2' could not be "
                                                        "read: "
      "Permission denied; run this command as root to have it checked" AT_10 },
    { "a main file that may not be read", lock_main,
      "UNKNOWN FPMP0505: master: main file '" MAIN_FILE "' of master '8.2' could not be "
                                                        "read: "
      "Permission denied; run this command as root to have it checked" AT_10 },
    { "a main file that does not say all", leave_incomplete,
      "BROKEN FPMP0506: master: '8.2': no include line reads our "
      "files; "
      "add include=" POOL_DIR "/*.conf; then check again" AT_10 },
    { "no program", lose_binary,
      "BROKEN FPMP0507: master: program '/usr/sbin/php-fpm8.2' of master '8.2' does not "
      "exist; "
      "install that PHP-FPM, or name its program with binary= on FPMMaster" AT_10 },
    { "a program that nobody named", name_no_binary,
      "BROKEN FPMP0507: master: program '(none found)' of master '8.2' does not exist; "
      "install "
      "that PHP-FPM, or name its program with binary= on FPMMaster" AT_10 },
    { "a program behind a locked directory", hide_binary, "" },
    { "no pool directory", lose_pool_dir,
      "BROKEN FPMP0401: pool file: pool directory '" POOL_DIR "' of master '8.2' does not "
                                                              "exist; "
      "create it as root, mode 0755, or mend the include of '/etc/php/8.2/fpm/php-fpm.conf'" AT_10 },
    { "no parent of it either", lose_parent_of_pool_dir,
      "BROKEN FPMP0401: pool file: pool directory '" POOL_DIR "' of master '8.2' does not "
                                                              "exist; "
      "create it as root, mode 0755, or mend the include of '/etc/php/8.2/fpm/php-fpm.conf'" AT_10 },
    { "a pool directory that a group may write to", open_pool_dir,
      "BROKEN FPMP0402: pool file: pool directory '" POOL_DIR "' is not safe: '" POOL_DIR
      "' (uid 0) is mode 0775, group or others may write; give it to root and take write "
      "permission from group and others" AT_10 },
    { "a pool directory of httpd's", give_pool_dir_to_httpd,
      "BROKEN FPMP0402: pool file: pool directory '" POOL_DIR "' is not safe: '" POOL_DIR
      "' belongs to uid 33 (mode 0755), wanted is uid 0; give it to root and take write "
      "permission from group and others" AT_10 },
    { "a socket directory of httpd's", give_socket_dir_to_httpd,
      "NOTICE FPMP0317: socket: socket directory '/run/php' of master '8.2' belongs to uid 33, "
      "wanted is root; name a directory of root's, mode 0755, with FPMSocketDir" AT_10 },
    { "a program that a user may change", give_program_away,
      "BROKEN FPMP0540: master: program '/usr/sbin/php-fpm8.2' is not safe to run as root: "
      "'/usr/sbin/php-fpm8.2' belongs to uid 7 (mode 0755), wanted is uid 0; give it and the "
      "directories above it to root, mode 0755 or stricter" AT_10 },
    { "a main file that a user may change", give_main_file_away,
      "BROKEN FPMP0541: master: main file '" MAIN_FILE "' is not safe to read as root: '" MAIN_FILE
      "' belongs to uid 7 (mode 0755), wanted is uid 0; give it and the directories above it to "
      "root, mode 0755 or stricter" AT_10 },
    { "no socket directory", lose_socket_dir,
      "PENDING FPMP0321: socket: socket directory '/run/php' of master '8.2' does not "
      "exist; the next start or reload of httpd makes it; have it made at each boot, before "
      "PHP-FPM starts (tmpfiles.d)" AT_10 },
    { "no socket directory, nor the one above", lose_run_dir,
      "BROKEN FPMP0302: socket: socket directory '/run/php' of master '8.2' does not "
      "exist; create it with 'install -d -m 0755 /run/php', at "
      "each boot "
      "if it is under /run" AT_10 },
    { "a socket directory of a user's", give_socket_dir_to_david,
      "BROKEN FPMP0303: socket: socket directory '/run/php' is not safe: '/run/php' "
      "belongs to "
      "uid 1001 (mode 0755), wanted is uid 0 or 33; give it to root and take write "
      "permission "
      "from group and others" AT_10 },
    { "a socket directory of root's", give_socket_dir_to_root, "" },
    { "a socket directory that all may write to", open_socket_dir,
      "BROKEN FPMP0303: socket: socket directory '/run/php' is not safe: '/run/php' (uid "
      "0) is "
      "mode 1777, group or others may write; give it to root and take write permission "
      "from "
      "group and others" AT_10 },
    { "a master that does not run", stop_master,
      "NOTICE FPMP0508: master: PHP-FPM of master '8.2' does not run: pid file "
      "'/run/php/php8.2-fpm.pid' does not exist; start it; it reads the pool files then"
      AT_10 },
    { "a master that does not run, and no reason", say_no_reason,
      "NOTICE FPMP0508: master: PHP-FPM of master '8.2' does not run: no reason given; "
      "start "
      "it; it reads the pool files then" AT_10 },
    { "another process", run_another,
      "NOTICE FPMP0509: master: pid file '/run/php/php8.2-fpm.pid' of master '8.2' names "
      "another "
      "process: process 12 runs '/bin/sleep', not '/usr/sbin/php-fpm8.2'; start PHP-FPM, "
      "or mend "
      "pid=, binary= or config= on FPMMaster; that process is never signalled" AT_10 },
    { "no pid file named", name_no_pid,
      "NOTICE FPMP0510: master: nobody can say whether master '8.2' runs: '"
      MAIN_FILE "' names "
      "no pid file; see to the pid line of its main file, or reload PHP-FPM by hand after "
      "each change" AT_10 },
};

/* Its pool file is current, so that the master alone is wrong. */
static void a_master_is_judged_once(void **state)
{
    for (size_t i = 0; i < COUNT(master_rows); i++) {
        fpmp_plan_t *plan = plan_of(*state, "david", "anna", NULL);
        fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));
        int broken = strncmp(master_rows[i].want, "BROKEN", 6) == 0;

        plan_derive(plan);
        add_own_file(*state, facts, chain_at(plan, 0), SERVER);
        add_own_file(*state, facts, chain_at(plan, 1), SERVER);
        master_rows[i].damage(master_at(plan, 0), facts);
        judge(plan, facts);
        expect_findings(master_rows[i].title, plan, master_rows[i].want);
        for (int k = 0; k < 2; k++) {
            if ((chain_at(plan, k)->broken != NULL) != broken) {
                fail_msg("%s: chain %d is %sbroken", master_rows[i].title, k,
                         broken ? "not " : "");
            }
        }
    }
}

static void a_master_that_no_line_uses_is_not_judged(void **state)
{
    for (size_t i = 0; i < COUNT(master_rows); i++) {
        fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
        fpmp_master_t *other = plan_master(plan, "8.4");
        fpmp_master_facts_t *facts = facts_of(*state, other);

        plan_derive(plan);
        master_rows[i].damage(other, facts);
        judge_master(plan, other, facts, 0);
        expect_findings(master_rows[i].title, plan, "");
        assert_null(chain_at(plan, 0)->broken);
    }
}

static void a_master_given_by_hand_is_said_at_its_own_line(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    const fpmp_where_t where = { "/etc/apache2/apache2.conf", 5, "FPMMaster" };
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

    master_at(plan, 0)->where = where;
    plan_derive(plan);
    lose_main(master_at(plan, 0), facts);
    judge(plan, facts);
    expect_findings("given", plan,
                    "BROKEN FPMP0504: master: main file '" MAIN_FILE "' of master '8.2' "
                                                                     "does not "
                    "exist; install that PHP-FPM, or mend config= on FPMMaster (FPMMaster "
                    "at "
                    "/etc/apache2/apache2.conf:5)\n");
}

/* FPMMaster NAME that fits no installation: host/ leaves the main file unasked and says so
 * in trouble. */
static void a_master_without_main_file_is_broken(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    fpmp_master_t *master = master_at(plan, 0);
    fpmp_master_facts_t *facts = facts_of(*state, master);

    memset(&facts->main, 0, sizeof(facts->main));
    facts->binary.lookup = FPMP_LOOKUP_UNASKED;
    facts->pool_dir->nelts = facts->socket_dir->nelts = 0;
    master->config_path = master->binary_path = NULL;
    master->pool_dir = master->socket_dir = NULL;
    master->trouble = "no PHP-FPM named '8.2' is found on this machine; give config= on "
                      "the "
                      "FPMMaster line";
    plan_derive(plan);
    judge(plan, facts);
    plan_findings(plan, "no main file");
    if (!chain_at(plan, 0)->broken) {
        fail_msg("nothing is broken without a main file: %s", plan_findings(plan, "none"));
    }
}

/* "It does not exist" is another sentence than "we could not look". */
static void a_directory_that_could_not_be_looked_at_is_not_called_missing(void **state)
{
    for (int sockets = 0; sockets < 2; sockets++) {
        fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
        fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));
        fpmp_node_t *node = last_node(sockets ? facts->socket_dir : facts->pool_dir);
        const char *text;

        node->lookup = FPMP_LOOKUP_FAILED;
        node->why = "Permission denied";
        plan_derive(plan);
        judge(plan, facts);
        text = plan_findings(plan, "directory");
        if (strstr(text, "does not exist") && !strstr(text, "FPMP0407")) {
            fail_msg("got '%s'", text);
        }
        assert_non_null(strstr(text, "Permission denied"));
    }
}

static void a_directory_of_our_own_is_safe_where_root_did_not_start_us(void **state)
{
    static const struct {
        uid_t euid;
        const char *code;
    } table[] = { { 1001, NULL }, { 1002, "FPMP0402" } };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
        fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));
        const fpmp_finding_t *broken;

        last_node(facts->pool_dir)->uid = 1001;
        plan_derive(plan);
        judge_master(plan, master_at(plan, 0), facts, table[i].euid);
        plan_findings(plan, "own directory");
        broken = chain_at(plan, 0)->broken;
        assert_string_equal(broken ? broken->code : "none",
                            table[i].code ? table[i].code : "none");
    }
}

/* The long phrases of fpmp_master_derive must leave the line under its limit. */
static void what_a_main_file_lacks_fits_into_one_line(void **state)
{
    static const char *const mains[] = {
        "[global]\npid = /run/php/php8.2-fpm.pid\n",
        "[global]\npid = run/php8.2-fpm.pid\ninclude=" POOL_DIR "/*.conf\n",
        "[global]\ninclude=" POOL_DIR "/*.conf\n",
        "[global]\npid = /run/php/php8.2-fpm.pid\ninclude=/etc/php/*/fpm/pool.d/*.conf\n",
        "[global]\npid = /run/php/php8.2-fpm.pid\n# a comment of another language\n",
    };

    for (size_t i = 0; i < COUNT(mains); i++) {
        fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
        fpmp_master_t *master = master_at(plan, 0);
        fpmp_master_facts_t *facts = facts_of(*state, master);

        master->pid_path = master->pool_dir = master->socket_dir = NULL;
        fpmp_master_derive(*state, master, fpmp_ini_read(*state, mains[i],
                                                         strlen(mains[i])));
        assert_non_null(master->trouble);
        plan_derive(plan);
        judge(plan, facts);
        assert_string_equal(chain_at(plan, 0)->broken->code, "FPMP0506");
        plan_findings(plan, mains[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(a_master_is_judged_once),
        plan_test(a_master_that_no_line_uses_is_not_judged),
        plan_test(a_master_given_by_hand_is_said_at_its_own_line),
        plan_test(a_master_without_main_file_is_broken),
        plan_test(a_directory_that_could_not_be_looked_at_is_not_called_missing),
        plan_test(a_directory_of_our_own_is_safe_where_root_did_not_start_us),
        plan_test(what_a_main_file_lacks_fits_into_one_line),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
