/* SPDX-License-Identifier: Apache-2.0
 *
 * A master as a whole: its pid file and its patience at a reload, and whether open files and
 * memory last for all of its pools. Each sum is tried just inside and just outside its edge.
 */
/* links: core */
#include "plan.h"

#define ZZ POOL_DIR "/zz.conf"

/* [www] of the scene, and our own pool: two pools, and 16 open files of the master's own. */
#define OPEN_FILES 18

/* main: behind the include line of the main file, which leaves [www] open. */
static calm_t calm_of(apr_pool_t *p, const char *line, const char *text, const char *main)
{
    calm_t scene = calm_make(p, line);

    if (text) {
        add_file(p, scene.facts, ZZ, text);
    }
    if (main) {
        scene.facts->main.text = main;
        scene.facts->main.len = strlen(main);
    }
    calm_look(&scene);
    return scene;
}

#define INCLUDE "\ninclude=" POOL_DIR "/*.conf\n" /* at line 4 behind [global] */
#define PID "pid = /run/php/php8.2-fpm.pid\n"

static void the_pid_file_is_the_one_that_we_look_at(void **state)
{
#define SAYS(path, place)                                                                  \
    "BROKEN FPMP0519: master: master '8.2' writes pid file '" path "' (" place "), not "   \
    "'/run/php/php8.2-fpm.pid'; write one of the two only, or name it with pid= on "       \
    "FPMMaster" AT_10
    static const struct {
        const char *title, *text;
        int no_path;
        const char *want;
    } table[] = {
        { "the same", "[global]\n" PID, 0, "" },
        { "another", "; x\n[GLOBAL]\npid = /run/php/x.pid\n", 0,
          SAYS("/run/php/x.pid", ZZ ":3") },
        { "another, in capitals", "[global]\nPID = /run/php/x.pid\n", 0,
          SAYS("/run/php/x.pid", ZZ ":2") },
        { "another, and then the same", "[global]\npid = /run/php/x.pid\n" PID, 0, "" },
        { "relative to what nobody knows", "[global]\npid = run/x.pid\n", 0, "" },
        { "another, and FPMMaster named none", "[global]\npid = /run/php/x.pid\n", 1, "" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_of(*state, "david", table[i].text, NULL);

        if (table[i].no_path) {
            scene.master->pid_path = NULL;
        }
        calm_judge(&scene);
        expect_findings(table[i].title, scene.plan, table[i].want);
    }
}

/* Elsewhere the pool files of ours give the time, so that there is nothing to say. */
static void a_timeout_of_0_behind_our_files_is_a_notice(void **state)
{
    static const struct {
        const char *title, *text, *says;
    } table[] = {
        { "not set", NULL, "" },
        { "0 behind ours", "[global]\nprocess_control_timeout = 0\n",
          "NOTICE FPMP0515: master: process_control_timeout of master '8.2' is 0 by "
          "/etc/php/8.2/fpm/pool.d/zz.conf:2, which PHP-FPM reads behind the module's pool "
          "files, so each reload ends the requests that run; remove that line, or give it a "
          "time such as 10s" AT_10 },
        { "a time behind ours", "[Global]\nprocess_control_timeout = 5s\n", "" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_of(*state, "david", table[i].text, "[global]\n" PID INCLUDE);

        scene.master->control_timeout_sec =
            fpmp_timeout_choose(*state, scene.master, scene.facts).ours_sec;
        calm_judge(&scene);
        expect_findings(table[i].title, scene.plan, table[i].says);
    }
}

static void a_version_with_holes_is_a_notice(void **state)
{
    static const struct {
        int version;
        const char *want;
    } table[] = {
        { 0, "" },
        { 703, "NOTICE FPMP0543: master: '8.2' is PHP 7.3 by its name, where a worker can "
               "become root before 7.3.32 (CVE-2021-21703) and a request can run code "
               "before 7.3.11 (CVE-2019-11043); choose a PHP that is maintained, or see "
               "that its package has the mend" AT_10 },
        { 800, "NOTICE FPMP0543: master: '8.2' is PHP 8.0 by its name, where a worker can "
               "become root before 8.0.12 (CVE-2021-21703); choose a PHP that is "
               "maintained, or see that its package has the mend" AT_10 },
        { 801, "" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_of(*state, "david", NULL, NULL);

        scene.master->version = table[i].version;
        calm_judge(&scene);
        expect_findings(apr_itoa(*state, table[i].version), scene.plan, table[i].want);
    }
}

/* ---- open files ------------------------------------------------------------------------- */

static void each_pool_and_each_log_takes_an_open_file(void **state)
{
    static const struct {
        const char *title, *line, *text;
        int need, pools;
    } table[] = {
        { "two pools", "david", NULL, OPEN_FILES, 2 },
        { "three pools", "david", "[zz]\nuser = zz\nlisten = /run/php/z\n", OPEN_FILES + 1,
          3 },
        { "an access log", "david",
          "[zz]\nuser = zz\nlisten = /run/php/z\naccess.log = /srv/x\n", OPEN_FILES + 2, 3 },
        { "an access log that is none", "david",
          "[zz]\nuser = zz\nlisten = /run/php/z\naccess.log = none\n", OPEN_FILES + 1, 3 },
        { "an access log of ours", "david access.log=/srv/x", NULL, OPEN_FILES + 1, 2 },
        { "a pool in two files is one", "david", "[WWW]\npm.max_requests = 5\n", OPEN_FILES,
          2 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        for (int less = 0; less < 2; less++) {
            for (int by_key = 0; by_key < 2; by_key++) {
                int limit = table[i].need - less;
                const char *main = apr_psprintf(
                    *state, "[global]\n%s%sprocess_control_timeout = 5s\ninclude=" POOL_DIR
                            "/*.conf\n", by_key ? "" : PID,
                    by_key ? apr_psprintf(*state, "rlimit_files = %d\n", limit) : "");
                calm_t scene = calm_of(*state, table[i].line, table[i].text, main);
                const char *want =
                    less ? apr_psprintf(*state,
                                        "BROKEN FPMP0516: master: the %d pools of master "
                                        "'8.2' need about %d open files, it may have %d and "
                                        "ends at its next reload; write rlimit_files = %d "
                                        "into the [global] section of '" MAIN_FILE "'" AT_10,
                                        table[i].pools, table[i].need, limit,
                                        2 * table[i].need)
                         : "";

                scene.asked->descriptors = by_key ? 5 : limit; /* the key counts */
                calm_judge(&scene);
                expect_findings(table[i].title, scene.plan, want);
                assert_int_equal(scene.ends, less);
            }
        }
    }
}

static void a_limit_above_that_of_the_kernel_is_refused(void **state)
{
    static const struct {
        const char *value;
        int most, says;
    } table[] = {
        { "1000", 1000, 0 }, { "1001", 1000, 1 }, { "1001", 0, 0 }, { "0", 1000, 0 },
        { "-1", 1000, 1 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_of(
            *state, "david", NULL,
            apr_pstrcat(*state, "[global]\nprocess_control_timeout = 5s\nrlimit_files = ",
                        table[i].value, "\ninclude=" POOL_DIR "/*.conf\n", NULL));
        const char *want = apr_psprintf(
            *state, "BROKEN FPMP0560: master: rlimit_files = %s at " MAIN_FILE ":3 is more "
                    "than the 1000 open files that the kernel gives, and PHP-FPM does not "
                    "start; write a lower number there, or raise fs.nr_open" AT_10,
            table[i].value);

        scene.asked->descriptors_most = table[i].most;
        calm_judge(&scene);
        expect_findings(table[i].value, scene.plan, table[i].says ? want : "");
    }
}

/* ---- memory ------------------------------------------------------------------------------- */

/* 128 bytes a pool and 1168 a child; [www] has 5, ours 10 (the default). */
#define SHARED_BYTES (2 * 128 + 15 * 1168)
#define CHILD_BYTES (8 * 1024 * 1024)

static void children_take_shared_memory(void **state)
{
    static const struct {
        const char *title, *line, *text;
        apr_uint64_t need;
    } table[] = {
        { "two pools", "david", NULL, SHARED_BYTES },
        { "more of ours", "david pm.max_children=1000", NULL,
          SHARED_BYTES + 990 * 1168 },
        { "more of others", "david",
          "[zz]\nuser = zz\nlisten = /run/php/z\npm = ondemand\npm.max_children = 7\n",
          SHARED_BYTES + 128 + 7 * 1168 },
        { "a thousand million", "david",
          "[zz]\nuser = zz\nlisten = /run/php/z\npm = ondemand\n"
          "pm.max_children = 1000000000\n",
          SHARED_BYTES + 128 + APR_UINT64_C(1168000000000) },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        for (int less = 0; less < 2; less++) {
            calm_t scene = calm_of(*state, table[i].line, table[i].text, NULL);
            const char *want =
                less ? apr_psprintf(*state,
                                    "BROKEN FPMP0517: master: pm.max_children of all pools "
                                    "of master '8.2' asks for %.0f MB of shared memory, the "
                                    "machine has %.0f MB; lower pm.max_children; PHP-FPM "
                                    "ends at its next reload" AT_10,
                                    table[i].need / 1e6, (table[i].need - 1) / 1e6)
                     : "";
            const char *got;

            scene.asked->memory_bytes = table[i].need - less;
            calm_judge(&scene);
            got = plan_findings(scene.plan, table[i].title);
            expect_text(table[i].title, got, want);
        }
    }
}

static void children_that_start_at_once_take_memory(void **state)
{
#define POOL_OF(keys) "[zz]\nuser = zz\nlisten = /run/php/z\n" keys
    static const struct {
        const char *title, *line, *text;
        int children;
    } table[] = {
        { "static", "david", POOL_OF("pm = static\npm.max_children = 100\n"), 100 },
        { "static, in capitals", "david", POOL_OF("PM = \"STATIC\"\npm.max_children = 100\n"),
          100 },
        { "dynamic", "david",
          POOL_OF("pm = dynamic\npm.max_children = 100\npm.max_spare_servers = 20\n"), 20 },
        { "dynamic, more to spare than there are", "david",
          POOL_OF("pm = dynamic\npm.max_children = 10\npm.max_spare_servers = 20\n"), 10 },
        { "ours", "david pm=static pm.max_children=100", NULL, 100 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        for (int less = 0; less < 2; less++) {
            calm_t scene = calm_of(*state, table[i].line, table[i].text, NULL);
            apr_uint64_t need = (apr_uint64_t)table[i].children * CHILD_BYTES;
            const char *want =
                less ? apr_psprintf(*state,
                                    "NOTICE FPMP0518: master: the pools of master '8.2' "
                                    "start children at once that need %.0f MB or more, the "
                                    "machine has %.0f MB; use pm=ondemand, or lower "
                                    "pm.max_children" AT_10,
                                    need / 1e6, (need - 1) / 1e6)
                     : "";

            scene.asked->memory_bytes = need - less;
            calm_judge(&scene);
            expect_findings(table[i].title, scene.plan, want);
            assert_int_equal(scene.ends, 0);
        }
    }
}

static void a_reload_that_takes_long_is_said(void **state)
{
    static const struct {
        const char *title, *children, *says;
    } table[] = {
        { "5.0 s", "294", "" },
        { "5.1 s", "300",
          "NOTICE FPMP0544: master: a reload of master '8.2' with its 2 pools and 300 children "
          "at once takes about 5 s, and its sites wait so long; use pm=ondemand, or spread the "
          "hosts over several masters with php=" AT_10 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_of(*state, "david",
                               apr_pstrcat(*state, "[www]\npm = static\npm.max_children = ",
                                           table[i].children, "\n", NULL),
                               NULL);

        scene.asked->memory_bytes = 1024ULL * 1024 * 1024 * 1024;
        calm_judge(&scene);
        expect_findings(table[i].title, scene.plan, table[i].says);
    }
}

static void children_on_demand_take_none_at_once(void **state)
{
    calm_t scene = calm_of(
        *state, "david", POOL_OF("pm = OnDemand\npm.max_children = 10000\n"), NULL);

    scene.asked->memory_bytes = 64 * 1024 * 1024;
    calm_judge(&scene);
    expect_findings("ondemand", scene.plan, "");
}

static void without_answers_nothing_is_summed(void **state)
{
    calm_t scene = calm_of(
        *state, "david", POOL_OF("pm = static\npm.max_children = 1000000000\n"), NULL);

    calm_judge(&scene); /* nobody knows the machine: limits and memory are 0 */
    expect_findings("not known", scene.plan, "");
    scene.view->asked = NULL;
    calm_judge(&scene);
    expect_findings("not asked", scene.plan, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(the_pid_file_is_the_one_that_we_look_at),
        plan_test(a_timeout_of_0_behind_our_files_is_a_notice),
        plan_test(a_version_with_holes_is_a_notice),
        plan_test(each_pool_and_each_log_takes_an_open_file),
        plan_test(a_limit_above_that_of_the_kernel_is_refused),
        plan_test(children_take_shared_memory),
        plan_test(children_that_start_at_once_take_memory),
        plan_test(a_reload_that_takes_long_is_said),
        plan_test(children_on_demand_take_none_at_once),
        plan_test(without_answers_nothing_is_summed),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
