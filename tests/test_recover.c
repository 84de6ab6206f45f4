/* SPDX-License-Identifier: Apache-2.0
 *
 * What brings a PHP-FPM back that ended, as far as it can be tried without one: its unit, its
 * log, its sockets, and their directory.
 */
/* links: host pool_writer.c core */
#include "scratch.h"

#include "../host/host.h"

#include <sys/socket.h>
#include <sys/un.h>

static void the_unit_is_the_service_in_the_path(void **state)
{
    static const struct {
        const char *cgroup, *unit;
    } table[] = {
        { "0::/system.slice/php8.2-fpm.service\n", "php8.2-fpm.service" },
        { "12:pids:/system.slice/php-fpm.service\n0::/x\n", "php-fpm.service" },
        { "0::/system.slice/php-fpm.service/child\n", "php-fpm.service" },
        { "0::/user.slice/session-2.scope\n", NULL },
        { "0::/.service\n", NULL },
        { "0::/a.serviced\n", NULL },
        { "", NULL },
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *unit = fpmp_unit_name(*state, table[i].cgroup);

        if (!unit != !table[i].unit || (unit && strcmp(unit, table[i].unit) != 0)) {
            fail_msg("'%s' gives '%s'", table[i].cgroup, unit ? unit : "nothing");
        }
    }
}

static int listen_at(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(name.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

static void only_a_dead_socket_is_removed(void **state)
{
    const char *dir = scratch_make(*state), *path = apr_pstrcat(*state, dir, "/s.sock", NULL);
    int fd = listen_at(path);
    struct stat st;

    assert_int_equal(fpmp_socket_clear(path), 0);
    assert_int_equal(lstat(path, &st), 0);
    close(fd);
    assert_int_equal(fpmp_socket_clear(path), 1);
    assert_int_not_equal(lstat(path, &st), 0);
    put_text(path, "a file");
    assert_int_equal(fpmp_socket_clear(path), 0);
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(fpmp_socket_mend(path, getuid(), getgid(), 0600), EINVAL);
    scratch_remove(dir);
}

static void a_socket_gets_its_mode_back(void **state)
{
    const char *dir = scratch_make(*state), *path = apr_pstrcat(*state, dir, "/s.sock", NULL);
    int fd = listen_at(path);
    const apr_array_header_t *list;
    struct stat st;

    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(fpmp_socket_mend(path, getuid(), getgid(), 0600), 0);
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    put_text(apr_pstrcat(*state, dir, "/s.file", NULL), "");
    list = fpmp_socket_list(*state, dir, "s.");
    assert_int_equal(list->nelts, 1);
    assert_string_equal(APR_ARRAY_IDX(list, 0, const char *), path);
    close(fd);
    scratch_remove(dir);
}

static void the_log_is_read_from_the_mark(void **state)
{
    const char *dir = scratch_make(*state), *path = apr_pstrcat(*state, dir, "/log", NULL);
    apr_off_t mark;

    assert_int_equal(fpmp_log_mark(path), 0);
    put_text(path, "before\n");
    mark = fpmp_log_mark(path);
    put_text(path, "before\nERROR: behind\n");
    assert_string_equal(fpmp_log_since(*state, path, mark), "ERROR: behind\n");
    put_text(path, "new\n"); /* it was rotated */
    assert_string_equal(fpmp_log_since(*state, path, mark), "new\n");
    assert_string_equal(fpmp_log_since(*state, dir, 0), "");
    scratch_remove(dir);
}

static void only_the_last_component_is_made(void **state)
{
    static const fpmp_node_t root = { .path = "/", .lookup = FPMP_LOOKUP_FOUND,
                                      .kind = FPMP_NODE_DIR, .mode = 0755 };
    static const struct {
        const char *title;
        uid_t owner;
        unsigned int mode;
        fpmp_lookup_e last;
        const char *dir;
        int makes;
    } table[] = {
        { "missing", 0, 0755, FPMP_LOOKUP_MISSING, "/run/x", 1 },
        { "there", 0, 0755, FPMP_LOOKUP_FOUND, "/run/x", 0 },
        { "not to be looked at", 0, 0755, FPMP_LOOKUP_FAILED, "/run/x", 0 },
        { "two are missing", 0, 0755, FPMP_LOOKUP_MISSING, "/run/x/y", 0 },
        { "in a directory of a user's", 1000, 0755, FPMP_LOOKUP_MISSING, "/run/x", 0 },
        { "in one that all may write", 0, 0777, FPMP_LOOKUP_MISSING, "/run/x", 0 },
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        apr_array_header_t *nodes = apr_array_make(*state, 3, sizeof(fpmp_node_t));
        fpmp_node_t run = root, last = root;

        run.path = "/run";
        run.uid = table[i].owner;
        run.mode = table[i].mode;
        last.path = "/run/x";
        last.lookup = table[i].last;
        APR_ARRAY_PUSH(nodes, fpmp_node_t) = root;
        APR_ARRAY_PUSH(nodes, fpmp_node_t) = run;
        APR_ARRAY_PUSH(nodes, fpmp_node_t) = last;
        if (fpmp_rule_makes_dir(*state, nodes, table[i].dir, 0) != table[i].makes) {
            fail_msg("%s", table[i].title);
        }
    }
}

static int set_up(void **state)
{
    return apr_pool_create((apr_pool_t **)state, NULL) != APR_SUCCESS;
}

static int tear_down(void **state)
{
    apr_pool_destroy(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        ROW(the_unit_is_the_service_in_the_path),
        ROW(only_a_dead_socket_is_removed),
        ROW(a_socket_gets_its_mode_back),
        ROW(the_log_is_read_from_the_mark),
        ROW(only_the_last_component_is_made),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
