/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding PHP-FPM: a scratch directory stands for "/" and gets the files of one or more
 * distributions; the expectation is the list of masters, in order.
 */
/* links: host/masters.c host/facts.c host/files.c host/facts_user.c host/entries.c host/services.c host/fpm_master.c core/masters.c core/ini.c */
#include "../host/host.h"
#include "scratch.h"

#define MAIN(pid) "[global]\n" pid "include=/etc/pools/*.conf\n"
#define WITH_PID(path) MAIN("pid = " path "\n")

typedef struct {
    apr_pool_t *p;
    char *root;
} bench_t;

static int set_up(void **state)
{
    bench_t *bench = calloc(1, sizeof(*bench));

    apr_pool_create(&bench->p, NULL);
    bench->root = scratch_make(bench->p);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    bench_t *bench = *state;

    scratch_remove(bench->root);
    apr_pool_destroy(bench->p);
    free(bench);
    return 0;
}

/* Put a file at an absolute path below root; its directories are made. */
static void plant(bench_t *bench, const char *root, const char *path, const char *text,
                  mode_t mode)
{
    char *full = apr_pstrcat(bench->p, root, path, NULL), *slash;

    for (slash = full + strlen(bench->root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(full, 0755);
        *slash = '/';
    }
    put_text(full, text);
    assert_int_equal(chmod(full, mode), 0);
}

/* "NAME CONFIG BINARY PID POOL_DIR SOCKET_DIR VERSION" of each, one per line. */
static char *list_masters(bench_t *bench, const char *root)
{
    const apr_array_header_t *masters = fpmp_masters_find(bench->p, root);
    char *list = "";
    int i;

    for (i = 0; i < masters->nelts; i++) {
        const fpmp_master_t *m = APR_ARRAY_IDX(masters, i, fpmp_master_t *);

        list = apr_psprintf(bench->p, "%s%s %s %s %s %s %s %d\n", list, m->name,
                            m->config_path, m->binary_path, m->pid_path ? m->pid_path : "-",
                            m->pool_dir ? m->pool_dir : "-",
                            m->socket_dir ? m->socket_dir : "-", m->version);
        assert_null(m->where.file);
        if (m->trouble) {
            list = apr_pstrcat(bench->p, list, "trouble: ", m->trouble, "\n", NULL);
        }
    }
    return list;
}

static void each_layout_is_found(void **state)
{
    static const struct {
        const char *title, *config, *binary, *text, *expected;
    } cases[] = {
        { "Debian", "/etc/php/8.2/fpm/php-fpm.conf", "/usr/sbin/php-fpm8.2",
          WITH_PID("/run/php/x.pid"),
          "8.2 /etc/php/8.2/fpm/php-fpm.conf /usr/sbin/php-fpm8.2 /run/php/x.pid "
          "/etc/pools "
          "/run/php 802\n" },
        { "Remi", "/etc/opt/remi/php83/php-fpm.conf",
          "/opt/remi/php83/root/usr/sbin/php-fpm", MAIN(""),
          "8.3 /etc/opt/remi/php83/php-fpm.conf /opt/remi/php83/root/usr/sbin/php-fpm - "
          "/etc/pools /var/opt/remi/php83/run/php-fpm 803\n" },
        { "Fedora", "/etc/php-fpm.conf", "/usr/sbin/php-fpm",
          WITH_PID("/run/php-fpm/f.pid"),
          "php /etc/php-fpm.conf /usr/sbin/php-fpm /run/php-fpm/f.pid /etc/pools "
          "/run/php-fpm "
          "0\n" },
        { "Alpine", "/etc/php84/php-fpm.conf", "/usr/sbin/php-fpm84", MAIN(""),
          "8.4 /etc/php84/php-fpm.conf /usr/sbin/php-fpm84 - /etc/pools /run/php-fpm84 "
          "804\n" },
        { "no program", "/etc/php/8.2/fpm/php-fpm.conf", "/usr/sbin/php-fpm8.3",
          WITH_PID("/run/php/x.pid"), "" },
        { "no main file", "/etc/php/8.2/fpm/php-fpm.conf.dpkg-old", "/usr/sbin/php-fpm8.2",
          MAIN(""), "" },
        { "no include", "/etc/php-fpm.conf", "/usr/sbin/php-fpm",
          "[global]\npid=/run/a.pid\n",
          "php /etc/php-fpm.conf /usr/sbin/php-fpm /run/a.pid - /run 0\n"
          "trouble: no include line of '/etc/php-fpm.conf'" },
    };
    bench_t *bench = *state;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *root = apr_psprintf(bench->p, "%s/%lu", bench->root, (unsigned long)i);
        char *seen;

        plant(bench, root, cases[i].config, cases[i].text, 0644);
        plant(bench, root, cases[i].binary, "", 0755);
        seen = list_masters(bench, root);
        if (strncmp(seen, cases[i].expected, strlen(cases[i].expected)) != 0
            || (!*cases[i].expected && *seen)) {
            fail_msg("%s: found\n%swanted\n%s", cases[i].title, seen, cases[i].expected);
        }
    }
}

static void the_newest_is_first_and_without_version_last(void **state)
{
    bench_t *bench = *state;
    static const char *const versions[] = { "7.4", "8.10", "8.2" };
    size_t i;

    plant(bench, bench->root, "/etc/php-fpm.conf", WITH_PID("/run/f/f.pid"), 0644);
    plant(bench, bench->root, "/usr/sbin/php-fpm", "", 0755);
    for (i = 0; i < 3; i++) {
        plant(bench, bench->root,
              apr_psprintf(bench->p, "/etc/php/%s/fpm/php-fpm.conf", versions[i]),
              WITH_PID("/run/php/x.pid"), 0644);
        plant(bench, bench->root,
              apr_psprintf(bench->p, "/usr/sbin/php-fpm%s", versions[i]), "", 0755);
    }
    assert_string_equal(list_masters(bench, bench->root),
                        "8.10 /etc/php/8.10/fpm/php-fpm.conf /usr/sbin/php-fpm8.10 "
                        "/run/php/x.pid /etc/pools /run/php 810\n"
                        "8.2 /etc/php/8.2/fpm/php-fpm.conf /usr/sbin/php-fpm8.2 "
                        "/run/php/x.pid /etc/pools /run/php 802\n"
                        "7.4 /etc/php/7.4/fpm/php-fpm.conf /usr/sbin/php-fpm7.4 "
                        "/run/php/x.pid /etc/pools /run/php 704\n"
                        "php /etc/php-fpm.conf /usr/sbin/php-fpm /run/f/f.pid /etc/pools "
                        "/run/f 0\n");
}

static void a_name_belongs_to_the_first_row_that_has_it(void **state)
{
    bench_t *bench = *state;

    plant(bench, bench->root, "/etc/php/8.4/fpm/php-fpm.conf", WITH_PID("/run/a/a.pid"),
          0644);
    plant(bench, bench->root, "/usr/sbin/php-fpm8.4", "", 0755);
    plant(bench, bench->root, "/etc/php84/php-fpm.conf", WITH_PID("/run/b/b.pid"), 0644);
    plant(bench, bench->root, "/usr/sbin/php-fpm84", "", 0755);
    assert_string_equal(
        list_masters(bench, bench->root),
        "8.4 /etc/php/8.4/fpm/php-fpm.conf /usr/sbin/php-fpm8.4 /run/a/a.pid "
        "/etc/pools /run/a 804\n");
}

static void a_program_must_be_an_executable_file(void **state)
{
    bench_t *bench = *state;

    plant(bench, bench->root, "/etc/php/8.2/fpm/php-fpm.conf", MAIN(""), 0644);
    plant(bench, bench->root, "/usr/sbin/php-fpm8.2", "", 0644);
    assert_string_equal(list_masters(bench, bench->root), "");
    assert_int_equal(
        unlink(apr_pstrcat(bench->p, bench->root, "/usr/sbin/php-fpm8.2", NULL)), 0);
    assert_int_equal(
        mkdir(apr_pstrcat(bench->p, bench->root, "/usr/sbin/php-fpm8.2", NULL), 0755), 0);
    assert_string_equal(list_masters(bench, bench->root), "");
}

static void a_root_with_pattern_letters_is_taken_as_it_is(void **state)
{
    bench_t *bench = *state;
    char *root = in(bench->p, bench->root, "a[b]*?");

    plant(bench, root, "/etc/php-fpm.conf", WITH_PID("/run/f/f.pid"), 0644);
    plant(bench, root, "/usr/sbin/php-fpm", "", 0755);
    assert_string_equal(list_masters(bench, root),
                        "php /etc/php-fpm.conf /usr/sbin/php-fpm /run/f/f.pid /etc/pools "
                        "/run/f 0\n");
}

static void this_machine_has_its_php(void **state)
{
    bench_t *bench = *state;

    if (!strstr(list_masters(bench, ""),
                "8.2 /etc/php/8.2/fpm/php-fpm.conf /usr/sbin/php-fpm8.2 ")) {
        fail_msg("php-fpm 8.2 is not found on this machine, only:\n%s",
                 list_masters(bench, ""));
    }
}

/* ---- FPMMaster ------------------------------------------------------------------------
 */

static void a_line_is_completed_from_its_main_file(void **state)
{
    bench_t *bench = *state;
    char *config = in(bench->p, bench->root, "mine.conf");
    const struct {
        const char *title, *text;
        fpmp_master_t line;
        const char *binary, *pid, *pool_dir, *socket_dir, *trouble;
    } cases[] = {
        { "program by name",
          WITH_PID("/run/m/m.pid"),
          { .name = "8.2", .config_path = config },
          "/usr/sbin/php-fpm8.2",
          "/run/m/m.pid",
          "/etc/pools",
          "/run/m",
          NULL },
        { "what is given stays",
          WITH_PID("/run/m/m.pid"),
          { .name = "8.2",
            .config_path = config,
            .binary_path = "/bin/own",
            .pid_path = "/run/o.pid",
            .pool_dir = "/etc/pools",
            .socket_dir = "/run/own" },
          "/bin/own",
          "/run/o.pid",
          "/etc/pools",
          "/run/own",
          NULL },
        { "program unknown",
          WITH_PID("/run/m/m.pid"),
          { .name = "mine", .config_path = config },
          NULL,
          "/run/m/m.pid",
          "/etc/pools",
          "/run/m",
          "give binary= on the FPMMaster line" },
        { "no pid",
          MAIN(""),
          { .name = "8.2", .config_path = config },
          "/usr/sbin/php-fpm8.2",
          NULL,
          "/etc/pools",
          NULL,
          "socket_dir=" },
        { "no main file",
          NULL,
          { .name = "8.2", .config_path = config },
          "/usr/sbin/php-fpm8.2",
          NULL,
          NULL,
          NULL,
          "cannot be read: No such file" },
        { "nothing of that name",
          NULL,
          { .name = "nophp" },
          NULL,
          NULL,
          NULL,
          NULL,
          "no PHP-FPM named 'nophp' is found on this machine" },
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fpmp_master_t m = cases[i].line;

        m.where.file = "site.conf";
        m.where.line = 3;
        unlink(config);
        if (cases[i].text) {
            put_text(config, cases[i].text);
        }
        fpmp_master_complete(bench->p, &m);
#define SAME(a, b) ((a) == (b) || ((a) && (b) && strcmp((a), (b)) == 0))
        if (!SAME(m.binary_path, cases[i].binary) || !SAME(m.pid_path, cases[i].pid)
            || !SAME(m.pool_dir, cases[i].pool_dir)
            || !SAME(m.socket_dir, cases[i].socket_dir)) {
            fail_msg("%s: binary '%s' pid '%s' pool_dir '%s' socket_dir '%s'",
                     cases[i].title, m.binary_path ? m.binary_path : "-",
                     m.pid_path ? m.pid_path : "-", m.pool_dir ? m.pool_dir : "-",
                     m.socket_dir ? m.socket_dir : "-");
        }
        if (!m.trouble != !cases[i].trouble
            || (m.trouble && !strstr(m.trouble, cases[i].trouble))) {
            fail_msg("%s: trouble is '%s'", cases[i].title,
                     m.trouble ? m.trouble : "(none)");
        }
    }
}

static void a_line_at_the_usual_place_gets_the_usual_program(void **state)
{
    bench_t *bench = *state;
    fpmp_master_t by_config = { .name = "shop",
                                .config_path = "/etc/php/8.2/fpm/php-fpm.conf" };
    fpmp_master_t by_name = { .name = "8.2", .socket_dir = "/run/own" };

    by_config.where.file = by_name.where.file = "site.conf";
    fpmp_master_complete(bench->p, &by_config);
    assert_string_equal(by_config.binary_path, "/usr/sbin/php-fpm8.2");
    assert_null(by_config.trouble);
    fpmp_master_complete(bench->p, &by_name);
    assert_string_equal(by_name.config_path, "/etc/php/8.2/fpm/php-fpm.conf");
    assert_string_equal(by_name.binary_path, "/usr/sbin/php-fpm8.2");
    assert_string_equal(by_name.socket_dir, "/run/own");
    assert_string_equal(by_name.start_hint, "service php8.2-fpm start");
    assert_null(by_name.trouble);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        ROW(each_layout_is_found),
        ROW(the_newest_is_first_and_without_version_last),
        ROW(a_name_belongs_to_the_first_row_that_has_it),
        ROW(a_program_must_be_an_executable_file),
        ROW(a_root_with_pattern_letters_is_taken_as_it_is),
        ROW(this_machine_has_its_php),
        ROW(a_line_is_completed_from_its_main_file),
        ROW(a_line_at_the_usual_place_gets_the_usual_program),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
