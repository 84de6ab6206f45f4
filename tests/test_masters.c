/* SPDX-License-Identifier: Apache-2.0
 *
 * Where distributions keep PHP-FPM, names and versions of masters, and what a main file
 * says about pid file, pool directory and socket directory, or why it does not.
 */
/* links: core/masters.c core/ini.c */
#include "../core/masters.h"

#include <apr_general.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static int setup(void **state)
{
    return apr_pool_create((apr_pool_t **)state, NULL) != APR_SUCCESS;
}

static int teardown(void **state)
{
    apr_pool_destroy(*state);
    return 0;
}

static int same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static const char *shown(const char *text)
{
    return text ? text : "(none)";
}

/* ---- versions with known holes ------------------------------------------- */

static void a_version_with_known_holes_names_the_first_good_release(void **state)
{
#define ROOT(where) "a worker can become root " where " (CVE-2021-21703)"
#define CODE(where) " and a request can run code " where " (CVE-2019-11043)"
    static const struct {
        int version;
        const char *want;
    } table[] = {
        { 0, NULL },
        { 506, ROOT("in every release") CODE("in every release") },
        { 700, ROOT("in every release") CODE("in every release") },
        { 701, ROOT("in every release") CODE("before 7.1.33") },
        { 702, ROOT("in every release") CODE("before 7.2.24") },
        { 703, ROOT("before 7.3.32") CODE("before 7.3.11") },
        { 704, ROOT("before 7.4.25") },
        { 800, ROOT("before 8.0.12") },
        { 801, NULL },
        { 802, NULL },
        { 900, NULL },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        const char *got = fpmp_rule_version(*state, table[i].version);

        if (!same(got, table[i].want)) {
            fail_msg("%d: '%s', wanted '%s'", table[i].version, shown(got),
                     shown(table[i].want));
        }
    }
}

/* ---- the table of layouts -------------------------------------------------- */

static int stars(const char *text)
{
    int count = 0;

    for (; *text; text++) {
        count += *text == '*';
    }
    return count;
}

static void every_layout_has_absolute_paths_and_one_star_at_most(void **state)
{
    const fpmp_layout_t *row;
    int rows = 0;

    (void)state;
    for (row = fpmp_layouts; row->system; row++, rows++) {
        if (*row->config != '/' || *row->binary != '/' || *row->runtime_dir != '/') {
            fail_msg("%s: a path is not absolute", row->system);
        }
        if (stars(row->config) > 1 || stars(row->binary) > stars(row->config)
            || stars(row->runtime_dir) > stars(row->config)
            || (row->start && stars(row->start) > stars(row->config))) {
            fail_msg("%s: a star that the main file does not fill", row->system);
        }
    }
    assert_int_equal(rows, 7);
}

static const struct {
    const char *system, *config, *binary, *runtime_dir, *start;
} layouts[] = {
    { "Debian", "/etc/php/*/fpm/php-fpm.conf", "/usr/sbin/php-fpm*", "/run/php",
      "service php*-fpm start" },
    { "Fedora", "/etc/php-fpm.conf", "/usr/sbin/php-fpm", "/run/php-fpm",
      "systemctl start php-fpm" },
    { "Alpine", "/etc/php*/php-fpm.conf", "/usr/sbin/php-fpm*", "/run/php-fpm*",
      "rc-service php-fpm* start" },
    { "Arch", "/etc/php/php-fpm.conf", "/usr/bin/php-fpm", "/run/php-fpm",
      "systemctl start php-fpm" },
};

static const fpmp_layout_t *find_layout(const char *system)
{
    const fpmp_layout_t *row = fpmp_layouts;

    while (row->system && strcmp(row->system, system) != 0) {
        row++;
    }
    if (!row->system) {
        fail_msg("no row for %s", system);
    }
    return row;
}

static void the_common_systems_are_where_they_are(void **state)
{
    apr_size_t i;

    (void)state;
    for (i = 0; i < COUNT(layouts); i++) {
        const fpmp_layout_t *row = find_layout(layouts[i].system);

        assert_string_equal(row->config, layouts[i].config);
        assert_string_equal(row->binary, layouts[i].binary);
        assert_string_equal(row->runtime_dir, layouts[i].runtime_dir);
        assert_string_equal(row->start, layouts[i].start);
    }
}

static void what_starts_a_master_is_what_was_given_or_its_systems(void **state)
{
    fpmp_master_t master = { .name = "8.2" };

    assert_string_equal(fpmp_master_how(*state, &master), "");
    master.start_hint = "service php8.2-fpm start";
    assert_string_equal(fpmp_master_how(*state, &master),
                        " with 'service php8.2-fpm start'");
    master.start_command = "/opt/start php";
    assert_string_equal(fpmp_master_how(*state, &master), " with '/opt/start php'");
}

/* Alpine's star would also match nothing, which is Arch's directory. */
static void the_row_without_a_star_comes_first(void **state)
{
    (void)state;
    assert_true(find_layout("Arch") < find_layout("Alpine"));
}

/* ---- names and versions ---------------------------------------------------- */

static const struct {
    const char *star, *name;
} names[] = {
    { "8.2", "8.2" },     { "82", "8.2" },      { "php82", "8.2" },   { "php8.2", "8.2" },
    { "810", "8.10" },    { "8.10", "8.10" },   { "8", "8" },         { "php8", "8" },
    { "", "php" },        { "php", "php" },     { "82.bak", "82.bak" }, { "8234", "8234" },
    { "zts", "zts" },     { "-x", "-x" },
};

static void a_star_gives_the_name_of_a_master(void **state)
{
    apr_size_t i;

    for (i = 0; i < COUNT(names); i++) {
        const char *name = fpmp_layout_name(*state, names[i].star);

        if (strcmp(name, names[i].name) != 0) {
            fail_msg("'%s' gives '%s', expected '%s'", names[i].star, name, names[i].name);
        }
    }
}

static const struct {
    const char *name;
    int version;
} versions[] = {
    { "8.2", 802 }, { "7.0", 700 },  { "8.10", 810 }, { "8.99", 899 }, { "10.0", 1000 },
    { "php", 0 },   { "82x", 0 },    { "82", 0 },     { "8.2x", 0 },   { "8.", 0 },
    { "", 0 },      { ".2", 0 },     { "8.2.1", 0 },  { "8.100", 0 },  { "8.02", 0 },
    { "0.2", 0 },   { "08.2", 0 },   { "-8.2", 0 },   { " 8.2", 0 },   { "8.-2", 0 },
};

static void a_name_may_be_a_version(void **state)
{
    apr_size_t i;

    for (i = 0; i < COUNT(versions); i++) {
        int version = fpmp_version_number(versions[i].name);

        if (version != versions[i].version) {
            fail_msg("'%s' is %d, expected %d", versions[i].name, version,
                     versions[i].version);
        }
        if (version) {
            assert_string_equal(fpmp_version_text(*state, version), versions[i].name);
        }
    }
    assert_string_equal(fpmp_version_text(*state, 0), "unknown");
}

/* ---- what a main file says ------------------------------------------------- */

#define CONF "/etc/php/8.2/fpm/php-fpm.conf"
#define INCLUDE "include=/etc/php/8.2/fpm/pool.d/*.conf\n"
#define DIR "/etc/php/8.2/fpm/pool.d"
#define PID "pid=" RUN_PID "\n"

#define RUN_PID "/run/php/php8.2-fpm.pid"
#define OTHER_DIR "give another pool_dir= on the FPMMaster line"
#define ALL_THREE "give pid=, pool_dir= and socket_dir= on FPMMaster"

/* given_*: set beforehand, by an FPMMaster line if line is not 0, else by the layout.
 * trouble: part of it, NULL: none; mend: its end. */
static const struct {
    const char *title, *text;
    int line;
    const char *given_pid, *given_pool_dir, *given_socket_dir;
    const char *pid, *pool_dir, *socket_dir, *trouble, *mend;
} masters[] = {
    { .title = "Debian's main file",
      .text = "[global]\n" PID INCLUDE,
      .given_socket_dir = "/run/php",
      .pid = RUN_PID, .pool_dir = DIR, .socket_dir = "/run/php" },
    { .title = "the pid's directory wins over the layout's",
      .text = "pid=/srv/run/x.pid\n" INCLUDE,
      .given_socket_dir = "/run/php",
      .pid = "/srv/run/x.pid", .pool_dir = DIR, .socket_dir = "/srv/run" },
    { .title = "what FPMMaster gives stays",
      .text = PID INCLUDE,
      .line = 1, .given_pid = "/a/b.pid", .given_pool_dir = DIR, .given_socket_dir = "/c",
      .pid = "/a/b.pid", .pool_dir = DIR, .socket_dir = "/c" },
    { .title = "FPMMaster's pid gives the socket directory",
      .text = PID INCLUDE,
      .line = 1, .given_pid = "/a/b.pid",
      .pid = "/a/b.pid", .pool_dir = DIR, .socket_dir = "/a" },
    { .title = "a pid file in /",
      .text = "pid=/x.pid\n" INCLUDE,
      .pid = "/x.pid", .pool_dir = DIR, .socket_dir = "/" },
    { .title = "doubled slashes",
      .text = "pid=/run//php//x.pid\ninclude=/etc//p//*.conf\n",
      .pid = "/run//php//x.pid", .pool_dir = "/etc/p", .socket_dir = "/run/php" },
    { .title = "no pid: the layout's directory",
      .text = INCLUDE,
      .given_socket_dir = "/run/php",
      .pool_dir = DIR, .socket_dir = "/run/php" },
    { .title = "no pid, no directory",
      .text = INCLUDE,
      .line = 1,
      .pool_dir = DIR,
      .trouble = "'" CONF "' names no pid file",
      .mend = "give FPMSocketDir, or socket_dir= on an FPMMaster line" },
    { .title = "a relative pid",
      .text = "pid=run/x.pid\n" INCLUDE,
      .given_socket_dir = "/run",
      .pool_dir = DIR, .socket_dir = "/run",
      .trouble = "the pid file 'run/x.pid' in '" CONF "' is not an absolute path",
      .mend = "give pid= on an FPMMaster line" },
    { .title = "a relative pid, one given",
      .text = "pid=run/x.pid\n" INCLUDE,
      .line = 1, .given_pid = "/r/x.pid",
      .pid = "/r/x.pid", .pool_dir = DIR, .socket_dir = "/r" },

    { .title = "the first pattern that takes our names",
      .text = PID "include=/a/www.conf\ninclude=/b/*.conf\ninclude=/c/*.conf\n",
      .pid = RUN_PID, .pool_dir = "/b", .socket_dir = "/run/php" },
    { .title = "a pattern for our names only",
      .text = PID "include=/b/fpmpool-*.conf\n",
      .pid = RUN_PID, .pool_dir = "/b", .socket_dir = "/run/php" },
    { .title = "a pattern with a set",
      .text = PID "include=\"/b/[!a-e]*\"\n",
      .pid = RUN_PID, .pool_dir = "/b", .socket_dir = "/run/php" },
    { .title = "an include within a pool",
      .text = PID "[p]\ninclude=/b/*.conf\n",
      .pid = RUN_PID, .pool_dir = "/b", .socket_dir = "/run/php" },
    { .title = "a relative pattern, then a full one",
      .text = PID "include=etc/*.conf\ninclude=/b/*.conf\n",
      .pid = RUN_PID, .pool_dir = "/b", .socket_dir = "/run/php" },
    { .title = "no include",
      .text = PID,
      .pid = RUN_PID, .socket_dir = "/run/php",
      .trouble = "no include line of '" CONF "' reads files named 'fpmpool-NAME.conf'",
      .mend = "add include=/etc/php/8.2/fpm/pool.d/*.conf to the file" },
    { .title = "no include for our names",
      .text = PID "include=/a/www.conf\ninclude=/a/x*.conf\ninclude=/a/*.ini\n",
      .pid = RUN_PID, .socket_dir = "/run/php",
      .trouble = "no include line of '" CONF "' reads files named 'fpmpool-NAME.conf'",
      .mend = "add include=/etc/php/8.2/fpm/pool.d/*.conf to the file" },
    { .title = "a relative pattern alone",
      .text = PID "include=etc/x.d/*.conf\n",
      .pid = RUN_PID, .socket_dir = "/run/php",
      .trouble = "pattern 'etc/x.d/*.conf' of '" CONF "' does not name one directory",
      .mend = "give pool_dir= on an FPMMaster line" },
    { .title = "a directory with a wildcard",
      .text = PID "include=/a/*/*.conf\n",
      .pid = RUN_PID, .socket_dir = "/run/php",
      .trouble = "pattern '/a/*/*.conf' of '" CONF "' does not name one directory",
      .mend = "give pool_dir= on an FPMMaster line" },

    { .title = "pool_dir= that an include reads",
      .text = PID "include=/a/*.conf\ninclude=/b/*.conf\n",
      .line = 1, .given_pool_dir = "/b",
      .pid = RUN_PID, .pool_dir = "/b", .socket_dir = "/run/php" },
    { .title = "pool_dir= under a wildcard",
      .text = PID "include=/a/*/*.conf\n",
      .line = 1, .given_pool_dir = "/a/b",
      .pid = RUN_PID, .pool_dir = "/a/b", .socket_dir = "/run/php" },
    { .title = "pool_dir= a level too deep",
      .text = PID "include=/a/*/*.conf\n",
      .line = 1, .given_pool_dir = "/a/b/c",
      .pid = RUN_PID, .pool_dir = "/a/b/c", .socket_dir = "/run/php",
      .trouble = "no include line of '" CONF "' reads '/a/b/c/fpmpool-NAME.conf'",
      .mend = "add include=/a/b/c/*.conf to the file or " OTHER_DIR },
    { .title = "pool_dir= that no include reads",
      .text = PID INCLUDE,
      .line = 1, .given_pool_dir = "/elsewhere",
      .pid = RUN_PID, .pool_dir = "/elsewhere", .socket_dir = "/run/php",
      .trouble = "reads '/elsewhere/fpmpool-NAME.conf'",
      .mend = OTHER_DIR },
    { .title = "pool_dir= of a pattern without our names",
      .text = PID "include=/b/www.conf\n",
      .line = 1, .given_pool_dir = "/b",
      .pid = RUN_PID, .pool_dir = "/b", .socket_dir = "/run/php",
      .trouble = "reads '/b/fpmpool-NAME.conf'",
      .mend = OTHER_DIR },
    { .title = "pool_dir= at the end of a relative pattern",
      .text = PID "include=etc/x.d/*.conf\n",
      .line = 1, .given_pool_dir = "/usr/local/etc/x.d",
      .pid = RUN_PID, .pool_dir = "/usr/local/etc/x.d", .socket_dir = "/run/php" },
    { .title = "pool_dir= not at its end",
      .text = PID "include=etc/x.d/*.conf\n",
      .line = 1, .given_pool_dir = "/usr/my/x.d",
      .pid = RUN_PID, .pool_dir = "/usr/my/x.d", .socket_dir = "/run/php",
      .trouble = "reads '/usr/my/x.d/fpmpool-NAME.conf'",
      .mend = OTHER_DIR },
    { .title = "pool_dir= shorter than a relative pattern",
      .text = PID "include=a/b/c/*.conf\n",
      .line = 1, .given_pool_dir = "/c",
      .pid = RUN_PID, .pool_dir = "/c", .socket_dir = "/run/php",
      .trouble = "reads '/c/fpmpool-NAME.conf'",
      .mend = OTHER_DIR },

    { .title = "a line that is not plain",
      .text = "[global]\n" PID "daemonize\n" INCLUDE,
      .given_socket_dir = "/run/php",
      .socket_dir = "/run/php",
      .trouble = "line 3 of '" CONF "' is not plain: no '=' follows the key 'daemonize'",
      .mend = ALL_THREE },
    { .title = "not plain, two of three given",
      .text = "daemonize\n",
      .line = 1, .given_pid = "/a.pid", .given_pool_dir = "/b",
      .pid = "/a.pid", .pool_dir = "/b",
      .trouble = "line 1 of '" CONF "'",
      .mend = ALL_THREE },
    { .title = "not plain, all three given",
      .text = "daemonize\n",
      .line = 1, .given_pid = "/a.pid", .given_pool_dir = "/b", .given_socket_dir = "/c",
      .pid = "/a.pid", .pool_dir = "/b", .socket_dir = "/c" },
    { .title = "two troubles: the first link is named",
      .text = "pid=x\n",
      .trouble = "the pid file 'x'",
      .mend = "give pid= on an FPMMaster line" },
};

static void a_main_file_says_where_things_are_or_why_not(void **state)
{
    apr_size_t i;

    for (i = 0; i < COUNT(masters); i++) {
        fpmp_master_t master = { .name = "8.2",
                                 .config_path = CONF,
                                 .pid_path = masters[i].given_pid,
                                 .pool_dir = masters[i].given_pool_dir,
                                 .socket_dir = masters[i].given_socket_dir,
                                 .where.line = masters[i].line };

        master.where.file = masters[i].line ? "site.conf" : NULL;
        fpmp_master_derive(*state, &master,
                           fpmp_ini_read(*state, masters[i].text, strlen(masters[i].text)));
        if (!same(master.pid_path, masters[i].pid)
            || !same(master.pool_dir, masters[i].pool_dir)
            || !same(master.socket_dir, masters[i].socket_dir)) {
            fail_msg("%s: pid %s, pool_dir %s, socket_dir %s", masters[i].title,
                     shown(master.pid_path), shown(master.pool_dir),
                     shown(master.socket_dir));
        }
        if (!masters[i].trouble != !master.trouble
            || (master.trouble && !strstr(master.trouble, masters[i].trouble))) {
            fail_msg("%s: trouble is '%s', expected '%s'", masters[i].title,
                     shown(master.trouble), shown(masters[i].trouble));
        }
        if (master.trouble) {
            apr_size_t len = strlen(master.trouble), mend_len = strlen(masters[i].mend);

            if (len < mend_len
                || strcmp(master.trouble + len - mend_len, masters[i].mend) != 0) {
                fail_msg("%s: '%s' does not end with '%s'", masters[i].title,
                         master.trouble, masters[i].mend);
            }
        }
        assert_int_equal(master.version, 802);
    }
}

static void a_version_that_is_known_stays(void **state)
{
    fpmp_master_t known = { .name = "8.2", .config_path = CONF, .version = 704 };
    fpmp_master_t unknown = { .name = "old", .config_path = CONF };
    const fpmp_ini_t *ini = fpmp_ini_read(*state, PID INCLUDE, strlen(PID INCLUDE));

    fpmp_master_derive(*state, &known, ini);
    assert_int_equal(known.version, 704);
    fpmp_master_derive(*state, &unknown, ini);
    assert_int_equal(unknown.version, 0);
    assert_null(unknown.trouble);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_version_with_known_holes_names_the_first_good_release, setup, teardown),
        cmocka_unit_test(every_layout_has_absolute_paths_and_one_star_at_most),
        cmocka_unit_test(the_common_systems_are_where_they_are),
        cmocka_unit_test(the_row_without_a_star_comes_first),
        cmocka_unit_test_setup_teardown(
            what_starts_a_master_is_what_was_given_or_its_systems, setup, teardown),
        cmocka_unit_test_setup_teardown(a_star_gives_the_name_of_a_master, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_may_be_a_version, setup, teardown),
        cmocka_unit_test_setup_teardown(a_main_file_says_where_things_are_or_why_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_version_that_is_known_stays, setup, teardown),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
