/* SPDX-License-Identifier: Apache-2.0
 *
 * Which pool files fpmpool-orphans renames, and which it leaves: real directories, users of
 * this process only, and a name service that fails as told. Runs as root.
 */
/* links: service/orphans.c pool_writer.c host core */
#include "../service/orphans.h"
#include "scratch.h"

#include <dlfcn.h>
#include <sys/file.h>

#define OURS "fpmpool-david.conf"
#define OTHER "[www]\nuser = daemon\n" /* of www.conf, so that a pool is left */

typedef struct {
    apr_pool_t *p;
    char *dir;
    fpmp_orphans_t sweep;
    const char *said; /* all lines */
} bench_t;

static void hear(void *baton, const char *line)
{
    bench_t *bench = baton;

    bench->said = apr_pstrcat(bench->p, bench->said, line, "\n", NULL);
}

static int set_up(void **state)
{
    bench_t *bench = calloc(1, sizeof(*bench));

    apr_pool_create(&bench->p, NULL);
    bench->dir = scratch_make(bench->p);
    bench->said = "";
    bench->sweep.time.limit_sec = 60;
    bench->sweep.say = hear;
    bench->sweep.baton = bench;
    put_text(in(bench->p, bench->dir, "www.conf"), OTHER);
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

static int make_users(void **state)
{
    bench_t *bench;
    const char *why;

    set_up(state);
    bench = *state;
    if (!dlopen("build/nss/libnss_fpmtest.so.2", RTLD_NOW)) {
        print_error("%s\n", dlerror());
        return 1;
    }
    own_mounts();
    why = add_users(bench->p, bench->dir,
                    "fpmt_here:x:64001:64001::/nonexistent:/bin/false\n",
                    "fpmt_here:x:64001:\n");
    if (why) {
        print_error("%s\n", why);
        return 1;
    }
    put_text("/etc/nsswitch.conf", "passwd: files fpmtest\ngroup: files fpmtest\n");
    return 0;
}

static int drop_users(void **state)
{
    remove_users(((bench_t *)*state)->dir);
    return tear_down(state);
}

/* A pool file as the module writes it. */
static const char *render(apr_pool_t *p, const char *user, const char *group)
{
    fpmp_master_t master = { .name = "8.2" };
    fpmp_chain_t chain = { .master = &master,
                           .user = user,
                           .group = group,
                           .pool = user,
                           .socket_path = "/run/php/x.sock",
                           .socket_owner = "www-data",
                           .socket_group = "www-data",
                           .ext = apr_array_make(p, 1, sizeof(const char *)),
                           .settings = apr_array_make(p, 1, sizeof(fpmp_setting_t)) };

    return fpmp_pool_text_render(p, &chain, "/run/apache2.pid");
}

static void only_files_of_users_who_are_gone_are_renamed(void **state)
{
    static const struct {
        const char *title, *user, *group;
        const char *edit; /* lines added by hand */
        int moved, trouble;
        const char *says; /* NULL: nothing */
    } cases[] = {
        { "healthy", "fpmt_here", "fpmt_here", NULL, 0, 0, NULL },
        { "its user is gone", "fpmt_gone", "fpmt_here", NULL, 1, 0,
          "FPMP0450: pool file: '" },
        { "its group is gone", "fpmt_here", "fpmt_gone", NULL, 1, 0,
          "FPMP0451: pool file: '" },
        { "its user is in doubt", "fpmt_away", "fpmt_here", NULL, 0, 1,
          "FPMP0452: user: user 'fpmt_away' could not be looked up: service 'fpmtest'" },
        { "its group is in doubt", "fpmt_here", "fpmt_away", NULL, 0, 1,
          "FPMP0452: user: group 'fpmt_away' could not be looked up: service 'fpmtest'" },
        { "user gone, group in doubt", "fpmt_gone", "fpmt_away", NULL, 1, 0, "FPMP0450: " },
        { "user in doubt, group gone", "fpmt_away", "fpmt_gone", NULL, 1, 0, "FPMP0451: " },
        { "edited, user gone", "fpmt_gone", "fpmt_here", "pm = static\n", 1, 0,
          "FPMP0450: " },
        { "edited, the last user counts", "fpmt_here", "fpmt_here", "USER = fpmt_gone\n", 1,
          0, "names user 'fpmt_gone'" },
        { "edited, the first user does not", "fpmt_gone", "fpmt_here", "user = fpmt_here\n",
          0, 0, NULL },
        { "edited, a number", "fpmt_here", "fpmt_here", "user = 64777\ngroup = 64777\n", 0,
          0, NULL },
        { "edited, nobody", "fpmt_here", "fpmt_here", "user =\n", 0, 0, NULL },
        { "edited, the pool's name", "fpmt_gone", "fpmt_here", "user = $pool\n", 1, 0,
          "FPMP0450: " },
        { "edited, part of it the pool's name", "fpmt_here", "fpmt_here",
          "user = \"x$pool\"\n", 0, 0, NULL },
        { "edited, a second pool", "fpmt_here", "fpmt_here", "[b]\nuser = fpmt_gone\n", 1, 0,
          "FPMP0450: " },
        { "edited, a line nobody understands", "fpmt_gone", "fpmt_here", "# x\n", 0, 1,
          "FPMP0454: pool file: line 14 of '" },
    };
    bench_t *bench = *state;
    const char *path = in(bench->p, bench->dir, OURS);
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = render(bench->p, cases[i].user, cases[i].group);
        const char *kept;
        int trouble;

        text = apr_pstrcat(bench->p, text, cases[i].edit, NULL);
        put_text(path, text);
        bench->said = "";
        trouble = fpmp_orphans_sweep(bench->p, bench->dir, &bench->sweep);
        kept = get_text(bench->p, cases[i].moved ? in(bench->p, bench->dir, OURS ".orphan")
                                                 : path);
        if (trouble != cases[i].trouble || !kept || strcmp(kept, text) != 0
            || cases[i].moved != (access(path, F_OK) != 0)
            || (cases[i].says ? !strstr(bench->said, cases[i].says) : *bench->said)
            || strlen(bench->said) >= 300) {
            fail_msg("%s: exit %d, %s: %s", cases[i].title, trouble,
                     kept ? "its text is kept" : "it is not there", bench->said);
        }
        unlink(in(bench->p, bench->dir, OURS ".orphan"));
    }
}

/* Names or text that make a file somebody else's. */
static void files_of_others_stay(void **state)
{
    bench_t *bench = *state;
    apr_pool_t *p = bench->p;
    const char *ours = render(p, "fpmt_gone", "fpmt_gone");
    const char *other = render(p, "fpmt_none2", "fpmt_none2");
    const char *hand = "[hand]\nuser = fpmt_none\n";

    put_text(in(p, bench->dir, "david.conf"), other);
    put_text(in(p, bench->dir, "fpmpool-david.conf.bak"), ours);
    put_text(in(p, bench->dir, "fpmpool-hand.conf"), hand);
    assert_int_equal(symlink("fpmpool-david.conf.bak", in(p, bench->dir, "fpmpool-link.conf")), 0);
    assert_int_equal(mkdir(in(p, bench->dir, "fpmpool-dir.conf"), 0755), 0);
    assert_int_equal(mkfifo(in(p, bench->dir, "fpmpool-fifo.conf"), 0600), 0);
    assert_int_equal(fpmp_orphans_sweep(p, bench->dir, &bench->sweep), 0);
    assert_string_equal(bench->said, "");
    assert_string_equal(get_text(p, in(p, bench->dir, "david.conf")), other);
    assert_string_equal(get_text(p, in(p, bench->dir, "fpmpool-hand.conf")), hand);
    assert_int_equal(access(in(p, bench->dir, "fpmpool-link.conf"), F_OK), 0);
    assert_int_equal(access(in(p, bench->dir, "fpmpool-fifo.conf"), F_OK), 0);
}

/* PHP-FPM takes the last user of a pool, in whatever file it stands. */
static void a_later_file_may_name_another_user(void **state)
{
    static const struct {
        const char *title, *user, *file, *text;
        int moved;
    } cases[] = {
        { "the same section later", "fpmt_gone", "x.conf", "[FPMT_gone]\nuser=daemon\n", 0 },
        { "the same section earlier", "fpmt_gone", "a.conf", "[fpmt_gone]\nuser=daemon\n",
          1 },
        { "lines without a section", "fpmt_gone", "fpmpool-e.conf", "user=daemon\n", 0 },
        { "another section", "fpmt_gone", "x.conf", "[fpmt_gone2]\nuser=daemon\n", 1 },
        { "a later one names who is gone", "fpmt_here", "x.conf",
          "[fpmt_here]\nuser=fpmt_gone\n", 0 },
    };
    bench_t *bench = *state;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_text(in(bench->p, bench->dir, OURS), render(bench->p, cases[i].user, "daemon"));
        put_text(in(bench->p, bench->dir, cases[i].file), cases[i].text);
        assert_int_equal(fpmp_orphans_sweep(bench->p, bench->dir, &bench->sweep), 0);
        if (cases[i].moved != (access(in(bench->p, bench->dir, OURS), F_OK) != 0)) {
            fail_msg("%s: %s", cases[i].title, bench->said);
        }
        unlink(in(bench->p, bench->dir, cases[i].file));
    }
}

static void a_kept_file_is_never_replaced(void **state)
{
    bench_t *bench = *state;
    const char *text = render(bench->p, "fpmt_gone", "daemon");

    put_text(in(bench->p, bench->dir, OURS), text);
    put_text(in(bench->p, bench->dir, OURS ".orphan"), "older");
    assert_int_equal(fpmp_orphans_sweep(bench->p, bench->dir, &bench->sweep), 0);
    assert_string_equal(get_text(bench->p, in(bench->p, bench->dir, OURS ".orphan")),
                        "older");
    assert_string_equal(get_text(bench->p, in(bench->p, bench->dir, OURS ".orphan.2")),
                        text);
    assert_non_null(strstr(bench->said, "renamed to '" OURS ".orphan.2'"));
}

/* A run that was killed between link and unlink leaves both names. */
static void a_killed_run_is_finished(void **state)
{
    bench_t *bench = *state;
    const char *from = in(bench->p, bench->dir, OURS);

    put_text(from, render(bench->p, "fpmt_gone", "daemon"));
    assert_int_equal(link(from, in(bench->p, bench->dir, OURS ".orphan")), 0);
    assert_int_equal(fpmp_orphans_sweep(bench->p, bench->dir, &bench->sweep), 0);
    assert_int_not_equal(access(from, F_OK), 0);
    assert_int_not_equal(access(in(bench->p, bench->dir, OURS ".orphan.2"), F_OK), 0);
}

static void only_saying_moves_and_locks_nothing(void **state)
{
    bench_t *bench = *state;
    int fd = open(in(bench->p, bench->dir, ".fpmpool-lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    put_text(in(bench->p, bench->dir, OURS), render(bench->p, "fpmt_gone", "daemon"));
    put_text(in(bench->p, bench->dir, ".fpmpool-1-0.tmp"), "of a writer");
    assert_int_equal(flock(fd, LOCK_EX), 0);
    bench->sweep.only_say = 1;
    assert_int_equal(fpmp_orphans_sweep(bench->p, bench->dir, &bench->sweep), 0);
    assert_non_null(strstr(bench->said, "FPMP0450: "));
    assert_int_equal(access(in(bench->p, bench->dir, OURS), F_OK), 0);
    assert_int_equal(access(in(bench->p, bench->dir, ".fpmpool-1-0.tmp"), F_OK), 0);
    /* And where it is to move, the lock of another one is a reason not to. */
    bench->sweep.only_say = 0;
    assert_int_equal(fpmp_orphans_sweep(bench->p, bench->dir, &bench->sweep), 1);
    assert_non_null(strstr(bench->said, "FPMP0456: pool file: '"));
    assert_int_equal(access(in(bench->p, bench->dir, OURS), F_OK), 0);
    close(fd);
}

static void a_directory_of_others_is_refused(void **state)
{
    bench_t *bench = *state;

    put_text(in(bench->p, bench->dir, OURS), render(bench->p, "fpmt_gone", "daemon"));
    assert_int_equal(chmod(bench->dir, 0775), 0);
    assert_int_equal(fpmp_orphans_sweep(bench->p, bench->dir, &bench->sweep), 1);
    assert_non_null(strstr(bench->said, "FPMP0455: pool file: "));
    assert_int_equal(chmod(bench->dir, 0755), 0);
    assert_int_equal(chown(bench->dir, 64001, 0), 0);
    assert_int_equal(fpmp_orphans_sweep(bench->p, bench->dir, &bench->sweep), 1);
    assert_int_equal(fpmp_orphans_sweep(bench->p, "pool.d", &bench->sweep), 1);
    assert_non_null(strstr(bench->said, "'pool.d' is no absolute path"));
    assert_int_equal(access(in(bench->p, bench->dir, OURS), F_OK), 0);
}

static void what_cannot_be_renamed_is_said(void **state)
{
    bench_t *bench = *state;
    int trouble;

    put_text(in(bench->p, bench->dir, OURS), render(bench->p, "fpmt_gone", "daemon"));
    assert_int_equal(mount(bench->dir, bench->dir, "none", MS_BIND, ""), 0);
    assert_int_equal(mount("none", bench->dir, "none", MS_BIND | MS_REMOUNT | MS_RDONLY, ""),
                     0);
    trouble = fpmp_orphans_sweep(bench->p, bench->dir, &bench->sweep);
    umount2(bench->dir, MNT_DETACH);
    assert_int_equal(trouble, 1);
    assert_non_null(strstr(bench->said, "FPMP0453: pool file: "));
    assert_non_null(strstr(bench->said, "read-only file system"));
    assert_null(strstr(bench->said, "FPMP0457"));
}

static void the_last_pool_is_renamed_too_and_it_is_said(void **state)
{
    bench_t *bench = *state;

    put_text(in(bench->p, bench->dir, OURS), render(bench->p, "fpmt_gone", "daemon"));
    put_text(in(bench->p, bench->dir, "www.conf"), "[global]\nlog_limit = 4096\n");
    assert_int_equal(fpmp_orphans_sweep(bench->p, bench->dir, &bench->sweep), 0);
    assert_int_not_equal(access(in(bench->p, bench->dir, OURS), F_OK), 0);
    assert_non_null(strstr(bench->said, "FPMP0457: pool: '"));
}

static void after_its_time_nobody_is_asked(void **state)
{
    bench_t *bench = *state;

    bench->sweep.time.limit_sec = 0;
    put_text(in(bench->p, bench->dir, OURS), render(bench->p, "fpmt_gone", "daemon"));
    assert_int_equal(fpmp_orphans_sweep(bench->p, bench->dir, &bench->sweep), 1);
    assert_non_null(strstr(bench->said, "FPMP0452: "));
    assert_non_null(strstr(bench->said, "the rest was not asked"));
    assert_int_equal(access(in(bench->p, bench->dir, OURS), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        ROW(only_files_of_users_who_are_gone_are_renamed),
        ROW(files_of_others_stay),
        ROW(a_later_file_may_name_another_user),
        ROW(a_kept_file_is_never_replaced),
        ROW(a_killed_run_is_finished),
        ROW(only_saying_moves_and_locks_nothing),
        ROW(a_directory_of_others_is_refused),
        ROW(what_cannot_be_renamed_is_said),
        ROW(the_last_pool_is_renamed_too_and_it_is_said),
        ROW(after_its_time_nobody_is_asked),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, make_users, drop_users);
}
