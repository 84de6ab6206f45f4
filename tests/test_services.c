/* SPDX-License-Identifier: Apache-2.0
 *
 * "We could not look" told apart from "he is not there" with a name service that fails as
 * told (tests/nss/fpmtest.c), the time that all look-ups may take together, and the files
 * that are read once instead. Needs root: nsswitch.conf is another one for this process only.
 */
/* links: host/facts_user.c host/entries.c host/services.c host/facts.c host/files.c host/fpm_master.c core/ini.c */
#include "../host/host.h"
#include "scratch.h"

#include <dlfcn.h>

typedef struct {
    apr_pool_t *p;
    char *dir;
} bench_t;

static void *systemd; /* the library that stands for its service */

static int set_up(void **state)
{
    bench_t *bench = calloc(1, sizeof(*bench));

    apr_pool_create(&bench->p, NULL);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    bench_t *bench = *state;

    apr_pool_destroy(bench->p);
    free(bench);
    return 0;
}

/* Loaded once by its path, the library is found by its name, as an installed one is. */
static int make_service(void **state)
{
    bench_t *bench = calloc(1, sizeof(*bench));
    const char *why;

    apr_pool_create(&bench->p, NULL);
    bench->dir = scratch_make(bench->p);
    *state = bench;
    systemd = dlopen("build/nss/libnss_systemd.so.2", RTLD_NOW);
    if (!systemd || !dlopen("build/nss/libnss_fpmtest.so.2", RTLD_NOW)) {
        print_error("%s\n", dlerror());
        return 1;
    }
    own_mounts();
    why = add_users(bench->p, bench->dir,
                    "fpmt_here:x:64001:64001::/nonexistent:/bin/false\n"
                    "fpmt_far:x:64002:64666::/nonexistent:/bin/false\n"
                    "fpmt_joined:x:64003:64001::/nonexistent:/bin/false\n"
                    "fpmt_listed:x:64004:64001::/nonexistent:/bin/false\n"
                    "fpmt_prime:x:64006:64007::/nonexistent:/bin/false\n"
                    "fpmt_here:x:64005:64007::/nonexistent:/bin/false\n",
                    "fpmt_here:x:64001:\n"
                    "fpmt_web:x:64007:root\n"
                    "fpmt_web2:x:64007:fpmt_listed\n"
                    "fpmt_web:x:64008:\n");
    if (why) {
        print_error("%s\n", why);
    }
    return why != NULL;
}

static int drop_service(void **state)
{
    bench_t *bench = *state;

    remove_users(bench->dir);
    scratch_remove(bench->dir);
    return tear_down(state);
}

static void switch_to(bench_t *bench, const char *services)
{
    put_text("/etc/nsswitch.conf", apr_psprintf(bench->p, "passwd: %s\ngroup:\t%s # x\n",
                                                services, services));
}

static void a_service_that_cannot_answer_is_no_proof(void **state)
{
    static const struct {
        const char *title, *services, *user;
        fpmp_lookup_e wanted;
        const char *why;
    } cases[] = {
        { "files only", "files", "fpmt_away", FPMP_LOOKUP_MISSING, NULL },
        { "a service that knows nobody", "fpmtest files", "fpmt_none", FPMP_LOOKUP_MISSING,
          NULL },
        { "found behind it", "fpmtest files", "fpmt_here", FPMP_LOOKUP_FOUND, NULL },
        { "away, before files", "fpmtest files", "fpmt_away", FPMP_LOOKUP_FAILED,
          "service 'fpmtest' of /etc/nsswitch.conf does not answer "
          "(No such file or directory)" },
        { "away, after files", "files fpmtest", "fpmt_away", FPMP_LOOKUP_FAILED, "fpmtest" },
        { "away, alone", "fpmtest", "fpmt_away", FPMP_LOOKUP_FAILED, "fpmtest" },
        { "refused", "fpmtest files", "fpmt_refused", FPMP_LOOKUP_FAILED,
          "(Connection refused)" },
        { "try again", "fpmtest files", "fpmt_again", FPMP_LOOKUP_FAILED,
          "(Resource temporarily unavailable)" },
        { "what Debian lists", "files systemd", "fpmt_none", FPMP_LOOKUP_MISSING, NULL },
        { "listed, not installed", "nosuch files", "fpmt_none", FPMP_LOOKUP_MISSING, NULL },
        { "not installed beside away", "nosuch files fpmtest", "fpmt_away",
          FPMP_LOOKUP_FAILED, "fpmtest" },
        { "the search ends before it", "files [NOTFOUND=return] fpmtest", "fpmt_away",
          FPMP_LOOKUP_MISSING, NULL },
        { "the same, turned round", "files [!unavail=Return] fpmtest", "fpmt_away",
          FPMP_LOOKUP_MISSING, NULL },
        { "it does not end there", "files [UNAVAIL=return] fpmtest", "fpmt_away",
          FPMP_LOOKUP_FAILED, "fpmtest" },
        { "nor there", "files [!NOTFOUND=return] fpmtest", "fpmt_away", FPMP_LOOKUP_FAILED,
          "fpmtest" },
        { "brackets without a blank", "fpmtest[SUCCESS=return UNAVAIL=continue] files",
          "fpmt_away", FPMP_LOOKUP_FAILED, "fpmtest" },
    };
    bench_t *bench = *state;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fpmp_user_facts_t f;

        switch_to(bench, cases[i].services);
        fpmp_facts_user(bench->p, cases[i].user, NULL, 1, &f);
        if (f.user_lookup != cases[i].wanted
            || (cases[i].why && (!f.why || !strstr(f.why, cases[i].why)))) {
            fail_msg("%s: %d, %s", cases[i].title, f.user_lookup, f.why ? f.why : "-");
        }
        if (cases[i].wanted == FPMP_LOOKUP_FOUND) {
            continue;
        }
        fpmp_facts_user(bench->p, "root", cases[i].user, 1, &f);
        if (f.group_lookup != cases[i].wanted) {
            fail_msg("%s, as a group: %d, %s", cases[i].title, f.group_lookup,
                     f.why ? f.why : "-");
        }
    }
}

static void a_group_is_asked_for_by_its_number_too(void **state)
{
    bench_t *bench = *state;
    fpmp_user_facts_t f;

    switch_to(bench, "files fpmtest");
    fpmp_facts_user(bench->p, "fpmt_far", NULL, 1, &f);
    assert_int_equal(f.user_lookup, FPMP_LOOKUP_FOUND);
    assert_int_equal(f.group_lookup, FPMP_LOOKUP_FAILED);
    assert_non_null(strstr(f.why, "fpmtest"));
    switch_to(bench, "files");
    fpmp_facts_user(bench->p, "fpmt_far", NULL, 1, &f);
    assert_int_equal(f.group_lookup, FPMP_LOOKUP_MISSING);
}

static void without_a_list_of_services_the_files_decide(void **state)
{
    bench_t *bench = *state;
    fpmp_user_facts_t f;

    put_text("/etc/nsswitch.conf", "hosts: fpmtest\npasswd_compat: fpmtest\n# passwd: fpmtest\n");
    fpmp_facts_user(bench->p, "fpmt_away", NULL, 1, &f);
    assert_int_equal(f.user_lookup, FPMP_LOOKUP_MISSING);
    assert_int_equal(unlink("/etc/nsswitch.conf"), 0);
    fpmp_facts_user(bench->p, "fpmt_away", NULL, 1, &f);
    assert_int_equal(f.user_lookup, FPMP_LOOKUP_MISSING);
    assert_int_equal(mkdir("/etc/nsswitch.conf", 0755), 0);
    fpmp_facts_user(bench->p, "fpmt_away", NULL, 1, &f);
    assert_int_equal(rmdir("/etc/nsswitch.conf"), 0);
    assert_int_equal(f.user_lookup, FPMP_LOOKUP_FAILED);
    assert_string_equal(f.why,
                        "'/etc/nsswitch.conf' could not be read: not a regular file");
}

/* A slow service of 300 ms, asked twice for a user who is not there. */
static void look_ups_end_when_their_time_is_over(void **state)
{
    bench_t *bench = *state;
    fpmp_lookup_time_t time = { .limit_sec = 1 };
    fpmp_user_facts_t f;
    double start = now_sec();
    int i, failed = 0;

    setenv("FPMTEST_SLOW_MS", "300", 1);
    switch_to(bench, "files fpmtest");
    for (i = 0; i < 20; i++) {
        fpmp_facts_user_within(bench->p, "fpmt_slow", NULL, 1, &time, &f);
        failed += f.user_lookup == FPMP_LOOKUP_FAILED;
        assert_true(f.user_lookup == FPMP_LOOKUP_FAILED || !failed);
    }
    assert_int_equal(time.asked, 2);
    assert_int_equal(failed, 18);
    assert_string_equal(f.why,
                        "the name service took 1 s for 2 names, the rest was not asked");
    assert_int_equal(f.uid, (uid_t)-1);
    assert_int_equal(f.group_lookup, FPMP_LOOKUP_UNASKED);
    fpmp_facts_group_within(bench->p, "fpmt_slow", &time, &f);
    assert_int_equal(f.group_lookup, FPMP_LOOKUP_FAILED);
    if (now_sec() - start > 2.5) {
        fail_msg("20 users took %.2f s", now_sec() - start);
    }
}

#define WEB_GID 64007

static void look(bench_t *bench, const char *user, const char *group,
                 const fpmp_entries_t *entries, fpmp_user_facts_t *f)
{
    fpmp_lookup_time_t time = { .limit_sec = 60, .entries = entries };

    fpmp_facts_user_within(bench->p, user, group, WEB_GID, &time, f);
}

/* Whatever is asked, the files that were read once say what the name service says. */
static void files_read_once_say_the_same(void **state)
{
    static const char *const services[] = {
        "files", "files fpmtest", "fpmtest files", "files nosuch fpmtest",
        "files [NOTFOUND=return] fpmtest", "fpmtest", "nosuch",
        "files systemd", "files systemd fpmtest", "systemd files",
    };
    static const char *const users[] = { "root", "fpmt_here", "fpmt_far", "fpmt_joined",
                                         "fpmt_prime", "fpmt_listed", "fpmt_none", "fpmt_away" };
    static const char *const groups[] = { NULL, "fpmt_web", "fpmt_web2", "fpmt_none",
                                          "fpmt_away" };
    bench_t *bench = *state;

    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        const fpmp_entries_t *entries;

        switch_to(bench, services[i]);
        entries = fpmp_entries_read(bench->p);
        for (size_t k = 0; k < sizeof(users) / sizeof(users[0]); k++) {
            for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
                fpmp_user_facts_t with, without;

                look(bench, users[k], groups[g], entries, &with);
                look(bench, users[k], groups[g], NULL, &without);
                if (with.user_lookup != without.user_lookup || with.uid != without.uid ||
                    with.primary_gid != without.primary_gid ||
                    with.group_lookup != without.group_lookup || with.gid != without.gid ||
                    with.in_httpd_group != without.in_httpd_group ||
                    strcmp(with.group ? with.group : "-",
                           without.group ? without.group : "-") != 0) {
                    fail_msg("%s, user %s, group %s: uid %u and %u, in httpd's group %d "
                             "and %d",
                             services[i], users[k], groups[g] ? groups[g] : "-", with.uid,
                             without.uid, with.in_httpd_group, without.in_httpd_group);
                }
            }
        }
    }
}

static void members_are_found_wherever_they_stand(void **state)
{
    static const struct {
        const char *user;
        int alone, both; /* in httpd's group: with "files", with "files fpmtest" */
    } table[] = {
        { "root", 1, 1 },          { "fpmt_listed", 1, 1 }, { "fpmt_joined", 0, 1 },
        { "fpmt_prime", 1, 1 },    { "fpmt_here", 0, 0 },   { "fpmt_far", 0, 0 },
    };
    bench_t *bench = *state;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        for (int both = 0; both < 2; both++) {
            fpmp_user_facts_t f;

            switch_to(bench, both ? "files fpmtest" : "files");
            look(bench, table[i].user, NULL, fpmp_entries_read(bench->p), &f);
            if (f.in_httpd_group != (both ? table[i].both : table[i].alone)) {
                fail_msg("%s, both %d: %d", table[i].user, both, f.in_httpd_group);
            }
        }
    }
}

/* One that names all members of a group is asked once, or, where it cannot say, for each. */
static void a_service_that_names_all_members_is_asked_once(void **state)
{
    bench_t *bench = *state;
    int *asked = dlsym(systemd, "_nss_systemd_asked");

    assert_non_null(asked);
    switch_to(bench, "files systemd");
    for (int away = 0; away < 2; away++) {
        const fpmp_entries_t *entries = fpmp_entries_read(bench->p);
        fpmp_user_facts_t f;

        *asked = 0;
        if (away) {
            setenv("FPMTEST_MEMBERS_AWAY", "1", 1);
        }
        look(bench, "fpmt_joined", NULL, entries, &f);
        assert_int_equal(f.in_httpd_group, 1);
        look(bench, "fpmt_far", NULL, entries, &f);
        assert_int_equal(f.in_httpd_group, 0);
        unsetenv("FPMTEST_MEMBERS_AWAY");
        assert_int_equal(*asked, away ? 2 : 0);
    }
}

/* Only then: a service before them may know better. */
static void files_are_read_once_where_they_come_first(void **state)
{
    static const struct {
        const char *services;
        fpmp_lookup_e wanted;
    } table[] = {
        { "files", FPMP_LOOKUP_FOUND },
        { "files fpmtest", FPMP_LOOKUP_FOUND },
        { "fpmtest files", FPMP_LOOKUP_MISSING },
        { "files [SUCCESS=continue] fpmtest", FPMP_LOOKUP_MISSING },
        { "files2", FPMP_LOOKUP_MISSING },
    };
    bench_t *bench = *state;
    const char *passwd = get_text(bench->p, "/etc/passwd");

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const fpmp_entries_t *entries;
        fpmp_user_facts_t f;

        switch_to(bench, table[i].services);
        entries = fpmp_entries_read(bench->p);
        put_text("/etc/passwd", "root:x:0:0::/:/bin/sh\n");
        look(bench, "fpmt_here", NULL, entries, &f);
        put_text("/etc/passwd", passwd);
        if (f.user_lookup != table[i].wanted) {
            fail_msg("%s: %d", table[i].services, f.user_lookup);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        ROW(a_service_that_cannot_answer_is_no_proof),
        ROW(a_group_is_asked_for_by_its_number_too),
        ROW(without_a_list_of_services_the_files_decide),
        ROW(look_ups_end_when_their_time_is_over),
        ROW(files_read_once_say_the_same),
        ROW(members_are_found_wherever_they_stand),
        ROW(a_service_that_names_all_members_is_asked_once),
        ROW(files_are_read_once_where_they_come_first),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, make_service, drop_service);
}
