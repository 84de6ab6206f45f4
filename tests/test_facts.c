/* SPDX-License-Identifier: Apache-2.0
 *
 * What facts.c sees of this machine: users made for the test, nodes of every kind in a
 * scratch directory, and whole masters with many files. Runs as root.
 */
/* links: host/facts.c host/files.c host/facts_user.c host/entries.c host/services.c host/fpm_master.c core/ini.c */
#include "../host/host.h"
#include "scratch.h"

#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef struct {
    apr_pool_t *p;
    char *dir;
} bench_t;

static int set_up(void **state)
{
    bench_t *bench = calloc(1, sizeof(*bench));

    apr_pool_create(&bench->p, NULL);
    bench->dir = scratch_make(bench->p);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    bench_t *bench = *state;

    scratch_remove(bench->dir);
    apr_pool_destroy(bench->p);
    free(bench);
    return 0;
}

/* fpmt_f1 is a plain user, in fpmt_fg besides his own group; fpmt_f2 has fpmt_fg as his
 * own; fpmt_f3's group has no name. 2000 members make fpmt_big far larger than the first
 * buffer. */
static int make_users(void **state)
{
    bench_t *bench = calloc(1, sizeof(*bench));
    const char *why;
    char *members = "";
    int i;

    apr_pool_create(&bench->p, NULL);
    bench->dir = scratch_make(bench->p);
    *state = bench;
    for (i = 0; i < 2000; i++) {
        members = apr_psprintf(bench->p, "%s%sfpmt_m%04d", members, i ? "," : "", i);
    }
    own_mounts();
    why = add_users(bench->p, bench->dir,
                    "fpmt_f1:x:64001:64001::/nonexistent:/bin/false\n"
                    "fpmt_f2:x:64002:64003::/nonexistent:/bin/false\n"
                    "fpmt_f3:x:64004:64004::/nonexistent:/bin/false\n",
                    apr_psprintf(bench->p,
                                 "fpmt_f1:x:64001:\nfpmt_fg:x:64003:fpmt_f1\n"
                                 "fpmt_big:x:64999:%s\n",
                                 members));
    if (why) {
        print_error("%s\n", why);
    }
    return why != NULL;
}

static int drop_users(void **state)
{
    bench_t *bench = *state;

    remove_users(bench->dir);
    return tear_down(state);
}

/* ---- users ------------------------------------------------------------------------ */

static void users_and_groups_are_looked_up(void **state)
{
    static const struct {
        const char *title, *user, *group;
        const char *httpd_group;
        fpmp_lookup_e user_lookup, group_lookup;
        const char *seen_group;
        int in_httpd_group;
    } cases[] = {
        { "primary group", "fpmt_f1", NULL, "daemon", FPMP_LOOKUP_FOUND, FPMP_LOOKUP_FOUND,
          "fpmt_f1", 0 },
        { "a named group", "fpmt_f1", "daemon", "bin", FPMP_LOOKUP_FOUND, FPMP_LOOKUP_FOUND,
          "daemon", 0 },
        { "httpd's by the named group", "fpmt_f1", "daemon", "daemon", FPMP_LOOKUP_FOUND,
          FPMP_LOOKUP_FOUND, "daemon", 1 },
        { "httpd's by a supplementary group", "fpmt_f1", NULL, "fpmt_fg", FPMP_LOOKUP_FOUND,
          FPMP_LOOKUP_FOUND, "fpmt_f1", 1 },
        { "httpd's by the primary group", "fpmt_f2", "daemon", "fpmt_fg", FPMP_LOOKUP_FOUND,
          FPMP_LOOKUP_FOUND, "daemon", 1 },
        { "no such user", "fpmt_none", NULL, "daemon", FPMP_LOOKUP_MISSING,
          FPMP_LOOKUP_UNASKED, NULL, 0 },
        { "no such user, a group", "fpmt_none", "daemon", "bin", FPMP_LOOKUP_MISSING,
          FPMP_LOOKUP_FOUND, "daemon", 0 },
        { "no such group", "fpmt_f1", "fpmt_nogroup", "daemon", FPMP_LOOKUP_FOUND,
          FPMP_LOOKUP_MISSING, "fpmt_nogroup", 0 },
        { "empty name", "", NULL, "daemon", FPMP_LOOKUP_MISSING, FPMP_LOOKUP_UNASKED, NULL,
          0 },
        { "root", "root", NULL, "daemon", FPMP_LOOKUP_FOUND, FPMP_LOOKUP_FOUND, "root", 0 },
    };
    bench_t *bench = *state;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct group *httpd = getgrnam(cases[i].httpd_group);
        fpmp_user_facts_t f;

        assert_non_null(httpd);
        fpmp_facts_user(bench->p, cases[i].user, cases[i].group, httpd->gr_gid, &f);
        if (f.user_lookup != cases[i].user_lookup || f.group_lookup != cases[i].group_lookup
            || f.in_httpd_group != cases[i].in_httpd_group
            || (cases[i].seen_group
                && (!f.group || strcmp(f.group, cases[i].seen_group) != 0))) {
            fail_msg("%s: user %d group %d '%s' in_httpd_group %d", cases[i].title,
                     f.user_lookup, f.group_lookup, f.group ? f.group : "-",
                     f.in_httpd_group);
        }
        if (f.user_lookup == FPMP_LOOKUP_FOUND) {
            assert_int_equal(f.uid, getpwnam(cases[i].user)->pw_uid);
            assert_int_equal(f.primary_gid, getpwnam(cases[i].user)->pw_gid);
        }
        if (f.group_lookup == FPMP_LOOKUP_FOUND) {
            assert_int_equal(f.gid, getgrnam(cases[i].seen_group)->gr_gid);
        }
    }
}

/* A look-up that cannot open its files is no proof that the user is gone. glibc's own
 * answer is the wrong one as soon as all its services are loaded, so a first look-up loads
 * them. */
static void not_being_able_to_look_is_not_missing(void **state)
{
    bench_t *bench = *state;
    struct rlimit old, none;
    fpmp_user_facts_t f;

    fpmp_facts_user(bench->p, "fpmt_none", "fpmt_none", 1, &f);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    fpmp_facts_user(bench->p, "fpmt_f1", "daemon", 1, &f);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(f.user_lookup, FPMP_LOOKUP_FAILED);
    assert_int_equal(f.group_lookup, FPMP_LOOKUP_FAILED);
    assert_string_equal(f.why, "Too many open files");
}

static void a_large_group_entry_is_read_whole(void **state)
{
    bench_t *bench = *state;
    fpmp_user_facts_t f;

    fpmp_facts_user(bench->p, "fpmt_f1", "fpmt_big", 1, &f);
    assert_int_equal(f.group_lookup, FPMP_LOOKUP_FOUND);
    assert_int_equal(f.gid, 64999);
    assert_string_equal(fpmp_facts_gid_name(bench->p, 64999), "fpmt_big");
}

static void a_primary_group_without_name_is_digits(void **state)
{
    bench_t *bench = *state;
    fpmp_user_facts_t f;

    fpmp_facts_user(bench->p, "fpmt_f3", NULL, 64004, &f);
    assert_int_equal(f.group_lookup, FPMP_LOOKUP_MISSING);
    assert_int_equal(f.gid, 64004);
    assert_string_equal(f.group, "64004");
    assert_int_equal(f.in_httpd_group, 1);
}

static void ids_have_names_or_digits(void **state)
{
    bench_t *bench = *state;

    assert_string_equal(fpmp_facts_uid_name(bench->p, 0), "root");
    assert_string_equal(fpmp_facts_gid_name(bench->p, 0), "root");
    assert_string_equal(fpmp_facts_uid_name(bench->p, getpwnam("fpmt_f1")->pw_uid),
                        "fpmt_f1");
    assert_string_equal(fpmp_facts_uid_name(bench->p, 64998), "64998");
    assert_string_equal(fpmp_facts_gid_name(bench->p, 64998), "64998");
}

/* ---- nodes -------------------------------------------------------------------------- */

static void make_socket(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(name.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    close(fd);
}

static void make_nodes(bench_t *bench)
{
    const char *d = bench->dir;

    put_text(in(bench->p, d, "file"), "text");
    put_text(in(bench->p, d, "empty"), "");
    assert_int_equal(mkdir(in(bench->p, d, "dir"), 0755), 0);
    assert_int_equal(mkfifo(in(bench->p, d, "fifo"), 0600), 0);
    make_socket(in(bench->p, d, "sock"));
    assert_int_equal(symlink("file", in(bench->p, d, "link")), 0);
    assert_int_equal(symlink("fifo", in(bench->p, d, "to-fifo")), 0);
    assert_int_equal(symlink("nowhere", in(bench->p, d, "dangling")), 0);
    assert_int_equal(mkdir(in(bench->p, d, "shut"), 0700), 0);
    put_text(in(bench->p, d, "shut/file"), "secret");
    put_text(in(bench->p, d, "private"), "secret");
    assert_int_equal(chmod(in(bench->p, d, "private"), 0600), 0);
    assert_int_equal(truncate(in(bench->p, d, "empty"), 0), 0);
    put_text(in(bench->p, d, "limit"), "");
    assert_int_equal(truncate(in(bench->p, d, "limit"), 1048576), 0);
    put_text(in(bench->p, d, "beyond"), "");
    assert_int_equal(truncate(in(bench->p, d, "beyond"), 1048577), 0);
}

static void each_kind_of_file_has_its_facts(void **state)
{
    static const struct {
        const char *title, *name;
        uid_t as;
        fpmp_lookup_e lookup;
        fpmp_node_e kind;
        int len; /* -1: no text */
        const char *why;
    } cases[] = {
        { "file", "file", 0, FPMP_LOOKUP_FOUND, FPMP_NODE_FILE, 4, NULL },
        { "empty", "empty", 0, FPMP_LOOKUP_FOUND, FPMP_NODE_FILE, 0, NULL },
        { "1 MiB", "limit", 0, FPMP_LOOKUP_FOUND, FPMP_NODE_FILE, 1048576, NULL },
        { "1 MiB + 1", "beyond", 0, FPMP_LOOKUP_FOUND, FPMP_NODE_FILE, -1,
          "larger than 1048576 bytes" },
        { "directory", "dir", 0, FPMP_LOOKUP_FOUND, FPMP_NODE_DIR, -1,
          "not a regular file" },
        { "FIFO", "fifo", 0, FPMP_LOOKUP_FOUND, FPMP_NODE_FIFO, -1, "not a regular file" },
        { "socket", "sock", 0, FPMP_LOOKUP_FOUND, FPMP_NODE_SOCKET, -1,
          "not a regular file" },
        { "link", "link", 0, FPMP_LOOKUP_FOUND, FPMP_NODE_LINK, 4, NULL },
        { "link to a FIFO", "to-fifo", 0, FPMP_LOOKUP_FOUND, FPMP_NODE_LINK, -1,
          "not a regular file" },
        { "dangling link", "dangling", 0, FPMP_LOOKUP_MISSING, FPMP_NODE_LINK, -1,
          "No such file or directory" },
        { "missing", "none", 0, FPMP_LOOKUP_MISSING, FPMP_NODE_NONE, -1,
          "No such file or directory" },
        { "below a file", "file/x", 0, FPMP_LOOKUP_MISSING, FPMP_NODE_NONE, -1,
          "Not a directory" },
        { "no way to it", "shut/file", 65534, FPMP_LOOKUP_FAILED, FPMP_NODE_NONE, -1,
          "Permission denied" },
        { "not readable", "private", 65534, FPMP_LOOKUP_FOUND, FPMP_NODE_FILE, -1,
          "Permission denied" },
    };
    bench_t *bench = *state;
    size_t i;

    make_nodes(bench);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *path = in(bench->p, bench->dir, cases[i].name);
        fpmp_file_t f;

        assert_int_equal(seteuid(cases[i].as), 0);
        fpmp_facts_file(bench->p, path, &f);
        assert_int_equal(seteuid(0), 0);
        assert_string_equal(f.node.path, path);
        if (f.node.lookup != cases[i].lookup || f.node.kind != cases[i].kind
            || !f.text != (cases[i].len < 0)
            || (f.text && (f.len != (apr_size_t)cases[i].len || f.text[f.len] != '\0'))) {
            fail_msg("%s: lookup %d kind %d text %s len %lu", cases[i].title, f.node.lookup,
                     f.node.kind, f.text ? "yes" : "no", (unsigned long)f.len);
        }
        if (!cases[i].why != !f.node.why
            || (f.node.why && strcmp(f.node.why, cases[i].why) != 0)) {
            fail_msg("%s: why is '%s'", cases[i].title, f.node.why ? f.node.why : "(none)");
        }
    }
}

static void owner_mode_and_time_are_those_of_the_node(void **state)
{
    bench_t *bench = *state;
    const struct timespec times[2] = { { 1000, 0 }, { 1500000001, 123456789 } };
    const struct timespec older[2] = { { 1000, 0 }, { 1400000000, 0 } };
    char *path = in(bench->p, bench->dir, "file"), *link = in(bench->p, bench->dir, "link");
    fpmp_node_t node;
    fpmp_file_t file;

    make_nodes(bench);
    assert_int_equal(chown(path, 7, 8), 0);
    assert_int_equal(chmod(path, 04751), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, link, older, AT_SYMLINK_NOFOLLOW), 0);
    fpmp_facts_node(bench->p, path, &node);
    assert_int_equal(node.uid, 7);
    assert_int_equal(node.gid, 8);
    assert_int_equal(node.mode, 04751);
    assert_true(node.mtime_ns == APR_INT64_C(1500000001123456789));
    fpmp_facts_node(bench->p, link, &node);
    assert_int_equal(node.uid, 0);
    assert_true(node.mtime_ns == APR_INT64_C(1400000000000000000));
    fpmp_facts_file(bench->p, link, &file); /* its text changed with the target */
    assert_true(file.node.mtime_ns == APR_INT64_C(1500000001123456789));
}

static char *list_path(bench_t *bench, const char *path)
{
    const apr_array_header_t *nodes = fpmp_facts_path(bench->p, path);
    char *list = "";
    int i;

    for (i = 0; i < nodes->nelts; i++) {
        const fpmp_node_t *node = &APR_ARRAY_IDX(nodes, i, fpmp_node_t);

        list = apr_psprintf(bench->p, "%s%s%s:%d%s", list, i ? " " : "", node->path,
                            node->kind, node->lookup == FPMP_LOOKUP_FOUND ? "" : "!");
    }
    return list;
}

static void a_path_is_seen_component_by_component(void **state)
{
    static const struct {
        const char *title, *path, *expected; /* D is the scratch directory */
    } cases[] = {
        { "root", "/", "/:2" },
        { "a file", "D/file", "/:2 /tmp:2 D:2 D/file:1" },
        { "slash at the end", "D/dir/", "/:2 /tmp:2 D:2 D/dir:2" },
        { "doubled slashes", "//tmp/", "/:2 //tmp:2" },
        { "missing in the middle", "D/none/deeper", "/:2 /tmp:2 D:2 D/none:0!" },
        { "missing at the end", "D/none", "/:2 /tmp:2 D:2 D/none:0!" },
        { "a link in the middle is followed", "D/dirlink/x",
          "/:2 /tmp:2 D:2 D/dirlink:2 "
          "D/dirlink/x:0!" },
        { "a link at the end is not", "D/dirlink", "/:2 /tmp:2 D:2 D/dirlink:3" },
        { "nor before a last slash", "D/dirlink/", "/:2 /tmp:2 D:2 D/dirlink:3" },
    };
    bench_t *bench = *state;
    size_t i;

    make_nodes(bench);
    assert_int_equal(symlink("dir", in(bench->p, bench->dir, "dirlink")), 0);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *path = cases[i].path, *at;
        char *want = "", *seen;

        if (*path == 'D') {
            path = apr_pstrcat(bench->p, bench->dir, path + 1, NULL);
        }
        for (at = cases[i].expected; *at; at++) {
            want = *at == 'D' ? apr_pstrcat(bench->p, want, bench->dir, NULL)
                              : apr_psprintf(bench->p, "%s%c", want, *at);
        }
        seen = list_path(bench, path);
        if (strcmp(seen, want) != 0) {
            fail_msg("%s: '%s', wanted '%s'", cases[i].title, seen, want);
        }
    }
}

/* ---- masters ------------------------------------------------------------------------ */

static fpmp_master_t make_master(bench_t *bench, const char *main_text)
{
    fpmp_master_t master = { .name = "t" };

    master.config_path = in(bench->p, bench->dir, "main.conf");
    master.binary_path = "/usr/sbin/php-fpm8.2";
    master.pid_path = in(bench->p, bench->dir, "pid");
    master.pool_dir = in(bench->p, bench->dir, "pool.d");
    master.socket_dir = in(bench->p, bench->dir, "none");
    put_text(master.config_path, main_text);
    assert_int_equal(mkdir(master.pool_dir, 0755), 0);
    return master;
}

static char *list_files(bench_t *bench, const fpmp_master_facts_t *facts)
{
    char *list = "";
    int i;

    for (i = 0; i < facts->files->nelts; i++) {
        const fpmp_file_t *file = APR_ARRAY_IDX(facts->files, i, fpmp_file_t *);

        assert_ptr_equal(apr_hash_get(facts->by_path, file->node.path, APR_HASH_KEY_STRING),
                         file);
        list = apr_pstrcat(bench->p, list, i ? " " : "", strrchr(file->node.path, '/') + 1,
                           file->text ? "" : "!", NULL);
    }
    return list;
}

static void included_files_come_in_fpm_s_order(void **state)
{
    static const char *const names[] = { "b.conf",  "B.conf",  "10.conf", "_i.conf",
                                         ".x.conf", "x.conf~", "x.txt",   "\303\251.conf" };
    bench_t *bench = *state;
    fpmp_master_t master = make_master(
        bench, apr_psprintf(bench->p,
                            "[global]\ninclude=%s//pool.d/*.conf\n"
                            "include = \"%s/late/*.conf\"\ninclude=rel/*.conf\n",
                            bench->dir, bench->dir));
    const fpmp_master_facts_t *facts;
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        put_text(in(bench->p, master.pool_dir, names[i]), "[a]\n");
    }
    assert_int_equal(mkdir(in(bench->p, master.pool_dir, "dir.conf"), 0755), 0);
    assert_int_equal(mkfifo(in(bench->p, master.pool_dir, "fifo.conf"), 0600), 0);
    assert_int_equal(symlink("nowhere", in(bench->p, master.pool_dir, "gone.conf")), 0);
    assert_int_equal(mkdir(in(bench->p, bench->dir, "late"), 0755), 0);
    put_text(in(bench->p, bench->dir, "late/a.conf"), "[a]\n");
    facts = fpmp_facts_master(bench->p, &master);
    assert_string_equal(list_files(bench, facts),
                        "10.conf B.conf _i.conf b.conf fifo.conf! "
                        "gone.conf! \303\251.conf a.conf");
    assert_non_null(apr_hash_get(facts->by_path, in(bench->p, master.pool_dir, "b.conf"),
                                 APR_HASH_KEY_STRING));
    assert_int_equal(facts->run, FPMP_RUN_NO);
    assert_int_equal(facts->may_write, 1);
    assert_int_equal(facts->pool_dir->nelts, 4);
    assert_int_equal(facts->socket_dir->nelts, 4);
    assert_int_equal(facts->binary.kind, FPMP_NODE_FILE);
    assert_non_null(facts->main.text);
}

static void a_relative_pattern_is_found_by_the_pool_directory(void **state)
{
    bench_t *bench = *state;
    fpmp_master_t master = make_master(bench, "include=pool.d/*.conf\n");
    const char *resolved;
    int err;

    put_text(in(bench->p, master.pool_dir, "a.conf"), "[a]\n");
    assert_string_equal(list_files(bench, fpmp_facts_master(bench->p, &master)), "a.conf");
    fpmp_facts_include(bench->p, &master, "ool.d/*.conf", &resolved, &err);
    assert_null(resolved);
    fpmp_facts_include(bench->p, &master, "*.conf", &resolved, &err);
    assert_null(resolved);
    master.pool_dir = NULL;
    assert_string_equal(list_files(bench, fpmp_facts_master(bench->p, &master)), "");
}

static void a_file_that_includes_others_is_followed_once(void **state)
{
    bench_t *bench = *state;
    fpmp_master_t master = make_master(
        bench, apr_psprintf(bench->p, "include=%s/pool.d/*.conf\n", bench->dir));
    char *more = in(bench->p, bench->dir, "more");

    assert_int_equal(mkdir(more, 0755), 0);
    put_text(in(bench->p, more, "x.conf"),
             apr_psprintf(bench->p, "include=%s/*.conf\n", master.pool_dir)); /* a circle */
    put_text(in(bench->p, master.pool_dir, "a.conf"),
             apr_psprintf(bench->p, "[a]\ninclude=%s/*.conf\n", more));
    put_text(in(bench->p, master.pool_dir, "b.conf"), "[b]\n");
    assert_string_equal(list_files(bench, fpmp_facts_master(bench->p, &master)),
                        "a.conf x.conf b.conf");
}

static void a_file_elsewhere_or_behind_a_link_has_its_way(void **state)
{
    bench_t *bench = *state;
    fpmp_master_t master = make_master(
        bench, apr_psprintf(bench->p, "include=%s/pool.d/*.conf\ninclude=%s/more/*.conf\n",
                            bench->dir, bench->dir));
    char *more = in(bench->p, bench->dir, "more"), *x = in(bench->p, more, "x.conf");
    const char *dir = apr_pstrcat(bench->p, master.pool_dir, "/", NULL);
    const struct {
        const char *title, *path, *end;
    } cases[] = {
        { "in the pool directory", apr_pstrcat(bench->p, dir, "a.conf", NULL), NULL },
        { "a link", apr_pstrcat(bench->p, dir, "b.conf", NULL), x },
        { "a link to nothing", apr_pstrcat(bench->p, dir, "c.conf", NULL), NULL },
        { "elsewhere", x, x },
    };
    fpmp_master_facts_t *facts;

    assert_int_equal(mkdir(more, 0755), 0);
    put_text(x, "[x]\n");
    put_text(cases[0].path, "[a]\n");
    assert_int_equal(symlink(x, cases[1].path), 0);
    assert_int_equal(symlink("nowhere", cases[2].path), 0);
    facts = fpmp_facts_master(bench->p, &master);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const fpmp_file_t *file =
            apr_hash_get(facts->by_path, cases[i].path, APR_HASH_KEY_STRING);
        const fpmp_node_t *last =
            file && file->way && file->way->nelts
                ? &APR_ARRAY_IDX(file->way, file->way->nelts - 1, fpmp_node_t)
                : NULL;

        if (!file || (cases[i].end == NULL) != (last == NULL) ||
            (last && (strcmp(last->path, cases[i].end) != 0 ||
                      last->kind != FPMP_NODE_FILE))) {
            fail_msg("%s: the way ends at '%s'", cases[i].title,
                     last ? last->path : "(no way)");
        }
    }
}

static void who_may_write_is_root_or_the_owner(void **state)
{
    bench_t *bench = *state;
    fpmp_master_t master = make_master(bench, "");
    int owner, other, nowhere;

    assert_int_equal(chown(master.pool_dir, 65534, 0), 0);
    assert_int_equal(seteuid(65534), 0);
    owner = fpmp_facts_master(bench->p, &master)->may_write;
    master.pool_dir = bench->dir;
    other = fpmp_facts_master(bench->p, &master)->may_write;
    master.pool_dir = NULL;
    nowhere = fpmp_facts_master(bench->p, &master)->may_write;
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(owner, 1);
    assert_int_equal(other, 0);
    assert_int_equal(nowhere, 0);
    assert_int_equal(fpmp_facts_master(bench->p, &master)->may_write, 1);
}

static void a_master_of_which_nothing_is_known_is_no_trouble(void **state)
{
    bench_t *bench = *state;
    const fpmp_master_t master = { .name = "empty" };
    const fpmp_master_facts_t *facts = fpmp_facts_master(bench->p, &master);

    assert_int_equal(facts->files->nelts, 0);
    assert_int_equal(facts->pool_dir->nelts, 0);
    assert_int_equal(facts->run, FPMP_RUN_UNKNOWN);
    assert_non_null(facts->run_why);
    assert_null(facts->main.text);
}

/* Each node as its path below the scratch folder, "@" behind a link. */
static const char *way_text(bench_t *bench, const char *path)
{
    apr_array_header_t *way = fpmp_facts_way(bench->p, path);
    apr_size_t len = strlen(bench->dir);
    const char *out = "";
    int i;

    for (i = 0; i < way->nelts; i++) {
        const fpmp_node_t *node = &APR_ARRAY_IDX(way, i, fpmp_node_t);

        if (strncmp(node->path, bench->dir, len) == 0 && node->path[len]) {
            out = apr_pstrcat(bench->p, out, *out ? " " : "", node->path + len + 1,
                              node->kind == FPMP_NODE_LINK ? "@" : "",
                              node->lookup == FPMP_LOOKUP_FOUND     ? ""
                              : node->lookup == FPMP_LOOKUP_MISSING ? "?"
                                                                    : "!", NULL);
        }
    }
    return out;
}

static void a_way_has_each_directory_and_each_link(void **state)
{
    bench_t *bench = *state;
    const struct {
        const char *path, *want;
    } rows[] = {
        { "a/f", "a a/f" },
        { "/a//./f", "a a/f" },
        { "a/near", "a a/near@ a a/f" },
        { "a/far", "a a/far@ b b/mid@ b a a/f" },
        { "b/dir/f", "b b/dir@ b a a/f" },
        { "b/../a/f", "b a a/f" },
        { "a/none", "a a/none?" },
        { "a/f/x", "a a/f a/f/x?" },
        { "a/dangling", "a a/dangling@ a a/none?" },
        { "c/loop", NULL },
    };

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            mkdir(in(bench->p, bench->dir, (const char *[]){ "a", "b", "c" }[i]), 0755), 0);
    }
    put_text(in(bench->p, bench->dir, "a/f"), "");
    assert_int_equal(symlink("f", in(bench->p, bench->dir, "a/near")), 0);
    assert_int_equal(symlink(in(bench->p, bench->dir, "b/mid"), in(bench->p, bench->dir, "a/far")), 0);
    assert_int_equal(symlink("../a/f", in(bench->p, bench->dir, "b/mid")), 0);
    assert_int_equal(symlink("../a/", in(bench->p, bench->dir, "b/dir")), 0);
    assert_int_equal(symlink("none", in(bench->p, bench->dir, "a/dangling")), 0);
    assert_int_equal(symlink("loop", in(bench->p, bench->dir, "c/loop")), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *seen = way_text(bench, in(bench->p, bench->dir, rows[i].path));

        if (rows[i].want ? strcmp(seen, rows[i].want) != 0 : seen[strlen(seen) - 1] != '!') {
            fail_msg("%s: '%s'", rows[i].path, seen);
        }
    }
}

static void a_thousand_files_are_quick(void **state)
{
    bench_t *bench = *state;
    fpmp_master_t master = make_master(
        bench, apr_psprintf(bench->p, "include=%s/pool.d/*.conf\n", bench->dir));
    const fpmp_master_facts_t *facts;
    double start;
    int i;

    for (i = 0; i < 1000; i++) {
        put_text(apr_psprintf(bench->p, "%s/u%04d.conf", master.pool_dir, i),
                 "[u]\nuser = \"u\"\npm = ondemand\npm.max_children = 5\n");
    }
    start = now_sec();
    facts = fpmp_facts_master(bench->p, &master);
    assert_int_equal(facts->files->nelts, 1000);
    assert_string_equal(APR_ARRAY_IDX(facts->files, 999, fpmp_file_t *)->node.path,
                        in(bench->p, master.pool_dir, "u0999.conf"));
    if (now_sec() - start > 2.0) { /* some 10 ms; the room is for valgrind */
        fail_msg("1000 files took %.2f s", now_sec() - start);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        ROW(users_and_groups_are_looked_up),
        ROW(not_being_able_to_look_is_not_missing),
        ROW(a_large_group_entry_is_read_whole),
        ROW(a_primary_group_without_name_is_digits),
        ROW(ids_have_names_or_digits),
        ROW(each_kind_of_file_has_its_facts),
        ROW(owner_mode_and_time_are_those_of_the_node),
        ROW(a_path_is_seen_component_by_component),
        ROW(included_files_come_in_fpm_s_order),
        ROW(a_relative_pattern_is_found_by_the_pool_directory),
        ROW(a_file_that_includes_others_is_followed_once),
        ROW(a_file_elsewhere_or_behind_a_link_has_its_way),
        ROW(who_may_write_is_root_or_the_owner),
        ROW(a_master_of_which_nothing_is_known_is_no_trouble),
        ROW(a_way_has_each_directory_and_each_link),
        ROW(a_thousand_files_are_quick),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, make_users, drop_users);
}
