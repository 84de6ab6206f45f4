/* SPDX-License-Identifier: Apache-2.0
 *
 * The real php-fpm8.2 with a configuration of its own in a scratch directory: is it
 * recognised, what does it say to staged changes, and does one signal make sockets come
 * and go. Runs as root; its two users exist for this process and its children only.
 */
/* links: host/fpm_master.c host/stage.c host/run.c host/facts.c host/files.c host/facts_user.c host/entries.c host/services.c core/stage_text.c core/complaint.c core/ini.c */
#include "../host/host.h"
#include "scratch.h"

#include <dirent.h>
#include <signal.h>

#define BINARY "/usr/sbin/php-fpm8.2"

typedef struct {
    apr_pool_t *p;
    char *dir;
    char *temp; /* TMPDIR: nothing may stay in it */
    fpmp_master_t master;
    pid_t fpm; /* 0: none of our children */
} bench_t;

static const char *pool_text(bench_t *bench, const char *user, const char *more)
{
    return apr_psprintf(bench->p,
                        "[%s]\nuser = \"%s\"\nlisten = \"%s/run/%s.sock\"\npm = ondemand\n"
                        "pm.max_children = 2\n%s",
                        user, user, bench->dir, user, more);
}

static char *pool_path(bench_t *bench, const char *name)
{
    return apr_psprintf(bench->p, "%s/%s", bench->master.pool_dir, name);
}

static int set_up(void **state)
{
    bench_t *bench = calloc(1, sizeof(*bench));
    char *dir;

    apr_pool_create(&bench->p, NULL);
    dir = bench->dir = scratch_make(bench->p);
    bench->temp = in(bench->p, dir, "temp");
    bench->master.name = "8.2";
    bench->master.binary_path = BINARY;
    bench->master.config_path = in(bench->p, dir, "main.conf");
    bench->master.pid_path = in(bench->p, dir, "fpm.pid");
    bench->master.pool_dir = in(bench->p, dir, "pool.d");
    bench->master.socket_dir = in(bench->p, dir, "run");
    put_text(bench->master.config_path,
             apr_psprintf(bench->p,
                          "[global]\npid = %s/fpm.pid\nerror_log = %s/fpm.log\n"
                          "include=%s/pool.d/*.conf\n",
                          dir, dir, dir));
    assert_int_equal(mkdir(bench->temp, 0755), 0);
    assert_int_equal(mkdir(bench->master.pool_dir, 0755), 0);
    assert_int_equal(mkdir(bench->master.socket_dir, 0755), 0);
    put_text(pool_path(bench, "a.conf"), pool_text(bench, "fpmt_w1", ""));
    assert_int_equal(setenv("TMPDIR", bench->temp, 1), 0);
    *state = bench;
    return 0;
}

/* FPM loses a SIGTERM that comes during a reload, so it is sent until it counts. */
static int has_ended(bench_t *bench)
{
    kill(bench->fpm, SIGCONT);
    kill(bench->fpm, SIGTERM);
    return waitpid(bench->fpm, NULL, WNOHANG) == bench->fpm;
}

static int tear_down(void **state)
{
    bench_t *bench = *state;

    if (bench->fpm) {
        WAIT_FOR(20, has_ended(bench));
    }
    scratch_remove(bench->dir);
    apr_pool_destroy(bench->p);
    free(bench);
    return 0;
}

static int has_pid(bench_t *bench)
{
    const char *text = get_text(bench->p, bench->master.pid_path);

    return text && *text;
}

/* Ready, or ended before that: then the test fails with what it said. */
static int has_started(bench_t *bench, const char *said)
{
    int status;

    if (waitpid(bench->fpm, &status, WNOHANG) == bench->fpm) {
        bench->fpm = 0;
        fail_msg("php-fpm ended with status 0x%x: %s", status, get_text(bench->p, said));
    }
    return has_pid(bench);
}

/* Start a master in the foreground; on return it is ready. */
static void start_fpm(bench_t *bench, const char *binary, const char *config,
                      char *const env[])
{
    char *argv[] = { (char *)binary, "-F", "-y", (char *)config, NULL };
    char *said = in(bench->p, bench->dir, "said");

    put_text(said, "");
    unlink(bench->master.pid_path);
    bench->fpm = fork();
    if (bench->fpm == 0) {
        dup2(open("/dev/null", O_RDONLY), 0);
        dup2(open(said, O_WRONLY | O_APPEND), 1);
        dup2(1, 2);
        execve(binary, argv, env);
        _exit(125);
    }
    WAIT_FOR(20, has_started(bench, said));
}

static void start(bench_t *bench)
{
    start_fpm(bench, BINARY, bench->master.config_path, environ);
}

static void expect_phrase(const char *title, const char *why, const char *part)
{
    if (!why || !strstr(why, part)) {
        fail_msg("%s: the phrase is '%s', wanted '%s' in it", title, why ? why : "(none)",
                 part);
    }
}

static void expect_probe(bench_t *bench, const char *title, fpmp_run_e run,
                         const char *phrase)
{
    fpmp_master_facts_t facts;

    memset(&facts, 0xff, sizeof(facts)); /* what was there before is overwritten */
    fpmp_master_probe(bench->p, &bench->master, &facts);
    if (facts.run != run) {
        fail_msg("%s: run is %d (%s), wanted %d", title, facts.run,
                 facts.run_why ? facts.run_why : "no reason", run);
    }
    if (run == FPMP_RUN_YES) {
        assert_null(facts.run_why);
        assert_int_equal(facts.pid, atoi(get_text(bench->p, bench->master.pid_path)));
        assert_int_equal(facts.pid_file.kind, FPMP_NODE_FILE);
        return;
    }
    assert_int_equal(facts.pid, 0);
    expect_phrase(title, facts.run_why, phrase);
}

static fpmp_run_e probe_run(bench_t *bench)
{
    fpmp_master_facts_t facts;

    fpmp_master_probe(bench->p, &bench->master, &facts);
    return facts.run;
}

static void put_pid(bench_t *bench, pid_t pid)
{
    put_text(bench->master.pid_path, apr_psprintf(bench->p, "%ld", (long)pid));
}

/* ---- probe ------------------------------------------------------------------------ */

static void a_pid_file_without_a_master_is_told_apart(void **state)
{
    bench_t *bench = *state;
    const char *pid_path = bench->master.pid_path;
    pid_t pid;

    bench->master.pid_path = NULL;
    expect_probe(bench, "none named", FPMP_RUN_UNKNOWN, "names no pid file");
    bench->master.pid_path = pid_path;
    expect_probe(bench, "not there", FPMP_RUN_NO, "does not exist");
    put_text(pid_path, "");
    expect_probe(bench, "empty", FPMP_RUN_UNKNOWN, "holds no process number");
    put_text(pid_path, "12x");
    expect_probe(bench, "letters", FPMP_RUN_UNKNOWN, "holds no process number");
    put_text(pid_path, "0");
    expect_probe(bench, "zero", FPMP_RUN_UNKNOWN, "holds no process number");
    put_text(pid_path, "-1");
    expect_probe(bench, "minus", FPMP_RUN_UNKNOWN, "holds no process number");
    put_text(pid_path, "4294967297");
    expect_probe(bench, "too large", FPMP_RUN_UNKNOWN, "holds no process number");
    assert_int_equal(unlink(pid_path), 0);
    assert_int_equal(mkfifo(pid_path, 0600), 0);
    expect_probe(bench, "FIFO", FPMP_RUN_UNKNOWN, "cannot be read: not a regular file");
    assert_int_equal(unlink(pid_path), 0);
    pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    put_pid(bench, pid);
    {
        siginfo_t info;

        assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    }
    expect_probe(bench, "zombie", FPMP_RUN_NO, "is gone");
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    expect_probe(bench, "gone", FPMP_RUN_NO, "is gone");
    put_pid(bench, getpid());
    expect_probe(bench, "somebody else", FPMP_RUN_OTHER, "not '" BINARY "'");
}

static void a_running_master_is_recognised(void **state)
{
    bench_t *bench = *state;
    const char *config = bench->master.config_path;

    start(bench);
    expect_probe(bench, "itself", FPMP_RUN_YES, NULL);
    assert_int_equal(bench->fpm, atoi(get_text(bench->p, bench->master.pid_path)));
    bench->master.config_path = in(bench->p, bench->dir, "alias.conf");
    assert_int_equal(symlink("main.conf", bench->master.config_path), 0);
    expect_probe(bench, "main file by a link", FPMP_RUN_YES, NULL);
    bench->master.config_path = in(bench->p, bench->dir, "other.conf");
    put_text(bench->master.config_path, "");
    expect_probe(bench, "another main file", FPMP_RUN_OTHER,
                 "calls itself 'php-fpm: master");
    bench->master.config_path = apr_pstrcat(bench->p, config, "x", NULL);
    expect_probe(bench, "a longer name", FPMP_RUN_OTHER, "calls itself");
    bench->master.config_path = config;
    bench->master.binary_path = "/usr/sbin/php-fpm8.1";
    expect_probe(bench, "another version", FPMP_RUN_OTHER, "runs '" BINARY "'");
    bench->master.binary_path = NULL;
    expect_probe(bench, "program unknown", FPMP_RUN_YES, NULL);
    kill(bench->fpm, SIGKILL);
    waitpid(bench->fpm, NULL, 0);
    bench->fpm = 0;
    expect_probe(bench, "killed", FPMP_RUN_NO, "is gone");
}

/* Which state of /proc/PID/stat: 'S' sleeps. */
static char state_of(pid_t pid)
{
    char path[64], state = '?';
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    f = fopen(path, "r");
    if (f) {
        if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1) {
            state = '?';
        }
        fclose(f);
    }
    return state;
}

static int runs_fpm(bench_t *bench)
{
    char exe[200] = "";

    return readlink(apr_psprintf(bench->p, "/proc/%ld/exe", (long)bench->fpm), exe,
                    sizeof(exe) - 1) > 0 &&
           strcmp(exe, BINARY) == 0;
}

/* As in the middle of a start or reload: it waits for its main file, which is a FIFO here. */
static void a_master_gets_a_moment_for_its_title(void **state)
{
    bench_t *bench = *state;
    char *fifo = in(bench->p, bench->dir, "fifo.conf");
    pid_t test = getpid(), writer;

    assert_int_equal(mkfifo(fifo, 0600), 0);
    bench->master.config_path = fifo;
    bench->fpm = fork();
    if (bench->fpm == 0) {
        execl(BINARY, BINARY, "-F", "-y", fifo, NULL);
        _exit(125);
    }
    put_pid(bench, bench->fpm);
    WAIT_FOR(20, runs_fpm(bench));
    expect_probe(bench, "not in time", FPMP_RUN_OTHER, "calls itself '" BINARY "'");
    writer = fork();
    if (writer == 0) {
        while (state_of(test) != 'S') { /* until it waits for the title */
        }
        put_text(fifo, apr_psprintf(bench->p,
                                    "[global]\nerror_log = %s/fpm.log\n"
                                    "include=%s/pool.d/*.conf\n",
                                    bench->dir, bench->dir));
        _exit(0);
    }
    expect_probe(bench, "in time", FPMP_RUN_YES, NULL);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
}

static void a_worker_is_no_master(void **state)
{
    bench_t *bench = *state;
    char *children;

    put_text(pool_path(bench, "a.conf"),
             pool_text(bench, "fpmt_w1", "pm = static\npm.max_children = 1\n"));
    start(bench);
    children = apr_psprintf(
        bench->p, "cat /proc/%ld/task/%ld/children > %s.new && test -s %s.new && mv %s.new %s",
        (long)bench->fpm, (long)bench->fpm, bench->master.pid_path, bench->master.pid_path,
        bench->master.pid_path, bench->master.pid_path);
    WAIT_FOR(20, system(children) == 0); /* it writes its pid file before it forks */
    WAIT_FOR(20,
             probe_run(bench) != FPMP_RUN_YES); /* a fresh child has its parent's title */
    expect_probe(bench, "worker", FPMP_RUN_OTHER, "calls itself 'php-fpm: pool fpmt_w1'");
}

/* The title has the room of argv and environment: here that ends inside the path. */
static void a_title_that_is_cut_is_enough(void **state)
{
    bench_t *bench = *state;
    char *env[] = { NULL }, title[200] = "";
    FILE *f;

    start_fpm(bench, BINARY, bench->master.config_path, env);
    f = fopen(apr_psprintf(bench->p, "/proc/%ld/cmdline", (long)bench->fpm), "r");
    assert_non_null(f);
    assert_non_null(fgets(title, sizeof(title), f));
    fclose(f);
    assert_null(strchr(title, ')')); /* else this tests nothing */
    expect_probe(bench, "cut", FPMP_RUN_YES, NULL);
}

static void a_program_that_was_upgraded_is_still_it(void **state)
{
    bench_t *bench = *state;
    char *binary = in(bench->p, bench->dir, "php-fpm");
    const char *copy = apr_psprintf(bench->p, "cp " BINARY " %s", binary);

    assert_int_equal(system(copy), 0);
    bench->master.binary_path = binary;
    start_fpm(bench, binary, bench->master.config_path, environ);
    expect_probe(bench, "before", FPMP_RUN_YES, NULL);
    assert_int_equal(unlink(binary), 0);
    expect_probe(bench, "removed", FPMP_RUN_YES, NULL);
    assert_int_equal(system(copy), 0);
    expect_probe(bench, "replaced", FPMP_RUN_YES, NULL);
}

/* ---- test ---------------------------------------------------------------------------- */

static int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    int count = -2; /* "." and ".." */

    assert_non_null(dir);
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count;
}

static int judge(bench_t *bench, const apr_array_header_t *changes, int limit_sec,
                 const char **why)
{
    fpmp_master_facts_t facts;

    memset(&facts, 0, sizeof(facts));
    fpmp_facts_file(bench->p, bench->master.config_path, &facts.main);
    *why = NULL;
    return fpmp_master_test(bench->p, &bench->master, &facts, changes, limit_sec, why);
}

static int ask_fpm(bench_t *bench, const apr_array_header_t *changes, int limit_sec,
                   const char **why)
{
    int err = judge(bench, changes, limit_sec, why);

    assert_int_equal(count_entries(bench->temp), 0);
    return err;
}

static apr_array_header_t *one_change(bench_t *bench, fpmp_change_e kind, const char *name,
                                      const char *text)
{
    apr_array_header_t *changes = apr_array_make(bench->p, 1, sizeof(fpmp_change_t));
    fpmp_change_t change = { .kind = kind, .path = pool_path(bench, name), .text = text };

    if (kind != FPMP_CHANGE_NONE) {
        APR_ARRAY_PUSH(changes, fpmp_change_t) = change;
    }
    return changes;
}

static void fpm_judges_the_files_as_they_will_be(void **state)
{
    bench_t *bench = *state;
    const char *good1 = pool_text(bench, "fpmt_w1", ""),
               *good2 = pool_text(bench, "fpmt_w2", "");
    const char *bad = "[x]\nnonsense = 1\n";
    const struct {
        const char *title;
        const char *a,
            *b; /* what a.conf and fpmpool-b.conf hold on disk; NULL: no such file */
        fpmp_change_e kind; /* of fpmpool-b.conf */
        const char *text;
        int err;
        const char *why;
    } cases[] = {
        { "nothing changes", good1, NULL, FPMP_CHANGE_NONE, NULL, 0, NULL },
        { "a new pool", good1, NULL, FPMP_CHANGE_WRITE, good2, 0, NULL },
        { "the only pool", NULL, NULL, FPMP_CHANGE_WRITE, good2, 0, NULL },
        { "unknown directive", good1, NULL, FPMP_CHANGE_WRITE, bad, EINVAL,
          "ERROR: [D/pool.d/fpmpool-b.conf:2] unknown entry 'nonsense'" },
        { "syntax error", good1, NULL, FPMP_CHANGE_WRITE, "[x]\nuser=(x\n", EINVAL,
          "PHP:  syntax error, unexpected END_OF_LINE, expecting '^' or '|' or '&' or ')' "
          "in "
          "D/pool.d/fpmpool-b.conf on line 2" },
        { "no such user", good1, NULL, FPMP_CHANGE_WRITE,
          apr_pstrcat(bench->p, good2, "user = fpmt_none\n", NULL), EINVAL,
          "ERROR: [pool fpmt_w2] cannot get uid for user 'fpmt_none'" },
        { "socket of an unchanged file", good1, NULL, FPMP_CHANGE_WRITE,
          apr_psprintf(bench->p, "%slisten = %s/run/fpmt_w1.sock\n", good2, bench->dir),
          EINVAL,
          "ERROR: [pool fpmt_w2] unable to set listen address as it's already used in "
          "another "
          "pool 'fpmt_w1'" },
        { "an unchanged file is bad", bad, NULL, FPMP_CHANGE_WRITE, good2, EINVAL,
          "ERROR: [D/pool.d/a.conf:2] unknown entry 'nonsense'" },
        { "a bad file is written anew", good1, bad, FPMP_CHANGE_WRITE, good2, 0, NULL },
        { "an edited file is written anew", good1, bad, FPMP_CHANGE_WRITE_ASIDE, good2, 0,
          NULL },
        { "a bad file goes", good1, bad, FPMP_CHANGE_REMOVE, NULL, 0, NULL },
        { "an edited bad file goes", good1, bad, FPMP_CHANGE_REMOVE_ASIDE, NULL, 0, NULL },
        { "the last pool goes", NULL, good2, FPMP_CHANGE_REMOVE, NULL, EINVAL,
          "ERROR: No pool defined. at least one pool section must be specified in config "
          "file" },
        { "the last pool stays", NULL, good2, FPMP_CHANGE_LAST_POOL, NULL, 0, NULL },
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *why, *want = cases[i].why;
        int err;

        unlink(pool_path(bench, "a.conf"));
        unlink(pool_path(bench, "fpmpool-b.conf"));
        if (cases[i].a) {
            put_text(pool_path(bench, "a.conf"), cases[i].a);
        }
        if (cases[i].b) {
            put_text(pool_path(bench, "fpmpool-b.conf"), cases[i].b);
        }
        err = ask_fpm(bench,
                      one_change(bench, cases[i].kind, "fpmpool-b.conf", cases[i].text), 30,
                      &why);
        if (err != cases[i].err) {
            fail_msg("%s: gave %d (%s), wanted %d", cases[i].title, err, why ? why : "-",
                     cases[i].err);
        }
        if (want && strstr(want, "D/")) {
            const char *at = strstr(want, "D/");

            want = apr_pstrcat(bench->p, apr_pstrmemdup(bench->p, want, at - want),
                               bench->dir, at + 1, NULL);
        }
        if (want && (!why || strcmp(why, want) != 0)) {
            fail_msg("%s: said '%s', wanted '%s'", cases[i].title, why ? why : "-", want);
        }
    }
    assert_int_equal(access(bench->master.pid_path, F_OK), -1);
    assert_int_equal(count_entries(bench->master.socket_dir), 0);
}

/* Lines without a section go to the pool that was read before them, so the order counts. */
static void a_new_file_is_read_at_its_place(void **state)
{
    bench_t *bench = *state;
    const char *why;

    put_text(pool_path(bench, "g.conf"), "user = fpmt_none\n");
    assert_int_equal(ask_fpm(bench,
                             one_change(bench, FPMP_CHANGE_WRITE, "fpmpool-b.conf",
                                        pool_text(bench, "fpmt_w2", "")),
                             30, &why),
                     EINVAL);
    assert_string_equal(why, "ERROR: [pool fpmt_w2] cannot get uid for user 'fpmt_none'");
}

static void what_a_killed_test_left_is_removed_by_the_next(void **state)
{
    bench_t *bench = *state;
    const char *why;
    pid_t child = fork();
    char *dir, *link, *kept;

    if (child == 0) {
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    dir = apr_psprintf(bench->p, "%s/fpmpool-test.%d.abc", bench->temp, (int)child);
    link = apr_pstrcat(bench->p, dir, ".link", NULL);
    kept = in(bench->p, bench->dir, "kept");
    assert_int_equal(mkdir(dir, 0700), 0);
    put_text(in(bench->p, dir, "fpmpool-b.conf"), "x");
    put_text(in(bench->p, dir, ".hidden"), "x");
    /* A link of such a name leads into no other directory. */
    assert_int_equal(mkdir(kept, 0700), 0);
    put_text(in(bench->p, kept, "file"), "x");
    assert_int_equal(symlink(kept, link), 0);
    assert_int_equal(judge(bench, one_change(bench, FPMP_CHANGE_NONE, "", NULL), 30, &why), 0);
    assert_int_equal(access(dir, F_OK), -1);
    assert_int_equal(access(in(bench->p, kept, "file"), F_OK), 0);
    assert_int_equal(unlink(link), 0);
}

static void a_test_that_hangs_is_ended(void **state)
{
    bench_t *bench = *state;
    const char *why;
    double began = now_sec();

    assert_int_equal(mkfifo(pool_path(bench, "x.conf"), 0600), 0);
    assert_int_equal(ask_fpm(bench, one_change(bench, FPMP_CHANGE_NONE, "", NULL), 1, &why),
                     ETIMEDOUT);
    assert_true(now_sec() - began >= 1.0 && now_sec() - began < 10.0);
    assert_string_equal(why, "'" BINARY " -t' did not end within 1 s and was killed");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
}

static void put_script(bench_t *bench, const char *body)
{
    char *path = in(bench->p, bench->dir, "script");

    put_text(path, apr_pstrcat(bench->p, "#!/bin/sh\n", body, NULL));
    assert_int_equal(chmod(path, 0755), 0);
    bench->master.binary_path = path;
}

static void what_a_program_says_becomes_the_reason(void **state)
{
    bench_t *bench = *state;
    const struct {
        const char *title, *body;
        int err;
        const char *why;
    } cases[] = {
        { "says nothing", "exit 3\n", EINVAL, "ended with status 3 and said nothing" },
        { "is killed", "kill -9 $$\n", EINVAL, "was ended by signal 9" },
        { "no ERROR in it", "echo; echo what now; exit 1\n", EINVAL, "what now" },
        { "first ERROR counts",
          "echo NOTICE: x; echo '[1-Jan-2026 00:00:00] ERROR: a'; "
          "echo ERROR: b >&2; exit 1\n",
          EINVAL, "ERROR: a" },
        { "no control characters", "printf 'ERROR: a\\tb\\033c\\n'; exit 1\n", EINVAL,
          "ERROR: a b c" },
        { "more than is kept", "head -c 3000000 /dev/zero | tr '\\0' x; exit 0\n", 0,
          NULL },
        { "closes its output", "exec >&- 2>&-; exit 4\n", EINVAL, "ended with status 4" },
        { "a grandchild keeps it", "sleep 5 & exit 5\n", EINVAL, "ended with status 5" },
        { "private, by its arguments",
          "echo \"ERROR: $1 $2 $3 $4 $(basename $5) $(stat -c %a $(dirname $5))\"; exit "
          "1\n",
          EINVAL, "ERROR: -t -F -O -y 0-main.conf 700" },
        { "little environment", "echo \"ERROR: ${TMPDIR:-none} ${PATH}\"; exit 1\n", EINVAL,
          "ERROR: none /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *why;
        double began = now_sec();
        int err;

        put_script(bench, cases[i].body);
        err = ask_fpm(bench, one_change(bench, FPMP_CHANGE_NONE, "", NULL), 20, &why);
        if (err != cases[i].err || now_sec() - began > 4.0) {
            fail_msg("%s: gave %d (%s) after %.1f s", cases[i].title, err, why ? why : "-",
                     now_sec() - began);
        }
        if (cases[i].why) {
            expect_phrase(cases[i].title, why, cases[i].why);
        }
    }
}

static void a_test_that_cannot_begin_says_why(void **state)
{
    bench_t *bench = *state;
    apr_array_header_t *none = one_change(bench, FPMP_CHANGE_NONE, "", NULL);
    const char *why, *config = bench->master.config_path;

    bench->master.binary_path = in(bench->p, bench->dir, "nothing");
    assert_int_equal(ask_fpm(bench, none, 5, &why), ENOENT);
    expect_phrase("program", why, "cannot be started: No such file or directory");
    bench->master.binary_path = config;
    assert_int_equal(ask_fpm(bench, none, 5, &why), EACCES);
    bench->master.binary_path = BINARY;
    bench->master.config_path = in(bench->p, bench->dir, "nothing");
    assert_int_equal(ask_fpm(bench, none, 5, &why), ENOENT);
    expect_phrase("main file", why, "the main file is not known");
    bench->master.config_path = config;
    if (mount("fpmt", bench->temp, "tmpfs", 0, "size=64k,mode=755") != 0) {
        fail_msg("no tmpfs can be mounted: %s; run as root", strerror(errno));
    }
    {
        char *text = apr_palloc(bench->p, 128 * 1024 + 1);
        int err;

        memset(text, ';', 128 * 1024);
        text[128 * 1024] = '\0';
        err = ask_fpm(bench, one_change(bench, FPMP_CHANGE_WRITE, "fpmpool-b.conf", text),
                      5, &why);
        umount2(bench->temp, MNT_DETACH);
        assert_int_equal(err, ENOSPC);
        expect_phrase("full", why,
                      "for the test cannot be written: No space left on device");
    }
}

static void count_child(int signo)
{
    (void)signo;
}

/* httpd's own way with SIGCHLD, and its other children, are not the test's business. */
static void sigchld_and_other_children_are_left_alone(void **state)
{
    bench_t *bench = *state;
    apr_array_header_t *none = one_change(bench, FPMP_CHANGE_NONE, "", NULL);
    const struct sigaction mine = { .sa_handler = count_child, .sa_flags = SA_RESTART };
    struct sigaction old, seen;
    const char *why;
    int status;
    pid_t pid;

    assert_int_equal(sigaction(SIGCHLD, &mine, &old), 0);
    pid = fork();
    if (pid == 0) {
        _exit(7);
    }
    assert_int_equal(ask_fpm(bench, none, 30, &why), 0);
    assert_int_equal(sigaction(SIGCHLD, NULL, &seen), 0);
    assert_ptr_equal(seen.sa_handler, count_child);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 7);
    signal(SIGCHLD, SIG_IGN); /* then nobody gets a status: FPM's last word counts */
    assert_int_equal(ask_fpm(bench, none, 30, &why), 0);
    put_text(pool_path(bench, "b.conf"), "[x]\nnonsense = 1\n");
    assert_int_equal(ask_fpm(bench, none, 30, &why), EINVAL);
    expect_phrase("ignored", why, "unknown entry 'nonsense'");
    assert_int_equal(sigaction(SIGCHLD, &old, NULL), 0);
}

/* ---- reload ----------------------------------------------------------------------------
 */

static apr_array_header_t *sockets(bench_t *bench, const char *user)
{
    apr_array_header_t *paths = apr_array_make(bench->p, 1, sizeof(const char *));

    if (user) {
        APR_ARRAY_PUSH(paths, const char *) =
            apr_psprintf(bench->p, "%s/run/%s.sock", bench->dir, user);
    }
    return paths;
}

static int reload(bench_t *bench, const char *appear, const char *vanish, int wait_sec,
                  const char **why)
{
    *why = NULL;
    return fpmp_master_reload(bench->p, &bench->master, sockets(bench, appear),
                              sockets(bench, vanish), wait_sec, why);
}

static int has_socket(bench_t *bench, const char *user)
{
    return access(APR_ARRAY_IDX(sockets(bench, user), 0, const char *), F_OK) == 0;
}

static void sockets_come_and_go_with_one_reload(void **state)
{
    bench_t *bench = *state;
    const char *why;

    start(bench);
    put_text(pool_path(bench, "b.conf"), pool_text(bench, "fpmt_w2", ""));
    if (reload(bench, "fpmt_w2", NULL, 20, &why) != 0) {
        fail_msg("not reloaded: %s", why);
    }
    assert_true(has_socket(bench, "fpmt_w1") && has_socket(bench, "fpmt_w2"));
    assert_int_equal(unlink(pool_path(bench, "a.conf")), 0);
    if (reload(bench, NULL, "fpmt_w1", 20, &why) != 0) {
        fail_msg("not reloaded: %s", why);
    }
    assert_true(!has_socket(bench, "fpmt_w1") && has_socket(bench, "fpmt_w2"));
    expect_probe(bench, "afterwards", FPMP_RUN_YES, NULL);
}

static void a_daemon_that_changes_its_pid_is_followed(void **state)
{
    bench_t *bench = *state;
    char *argv[] = { BINARY, "-D", "-y", (char *)bench->master.config_path, NULL };
    const char *why;
    pid_t first, second;

    assert_int_equal(run_program(argv, NULL), 0);
    WAIT_FOR(20, has_pid(bench));
    first = atoi(get_text(bench->p, bench->master.pid_path));
    put_text(pool_path(bench, "b.conf"), pool_text(bench, "fpmt_w2", ""));
    assert_int_equal(reload(bench, "fpmt_w2", NULL, 20, &why), 0);
    second = atoi(get_text(bench->p, bench->master.pid_path));
    assert_int_not_equal(first, second);
    expect_probe(bench, "afterwards", FPMP_RUN_YES, NULL);
    put_text(pool_path(bench, "b.conf"), "[x]\nnonsense = 1\n");
    assert_int_equal(reload(bench, NULL, NULL, 20, &why), ECHILD);
    expect_phrase("died", why, "the master ended during the reload");
    expect_probe(bench, "died", FPMP_RUN_NO, "is gone");
}

static void what_does_not_run_gets_no_signal(void **state)
{
    bench_t *bench = *state;
    const char *why, *pid_path = bench->master.pid_path;
    pid_t other;
    int status;

    assert_int_equal(reload(bench, NULL, NULL, 5, &why), ESRCH);
    expect_phrase("no pid file", why, "does not exist");
    bench->master.pid_path = NULL;
    assert_int_equal(reload(bench, NULL, NULL, 5, &why), ESRCH);
    expect_phrase("none named", why, "names no pid file");
    bench->master.pid_path = pid_path;
    other = fork(); /* SIGUSR2 would end it */
    if (other == 0) {
        pause();
        _exit(0);
    }
    put_pid(bench, other);
    assert_int_equal(reload(bench, NULL, NULL, 5, &why), ESRCH);
    expect_phrase("somebody else", why, "not '" BINARY "'");
    assert_int_equal(kill(other, SIGKILL), 0);
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void a_master_that_hangs_ends_the_wait_in_time(void **state)
{
    bench_t *bench = *state;
    const char *why;
    double began;

    start(bench);
    assert_int_equal(kill(bench->fpm, SIGSTOP), 0);
    began = now_sec();
    assert_int_equal(reload(bench, NULL, NULL, 1, &why), ETIMEDOUT);
    assert_true(now_sec() - began >= 1.0 && now_sec() - began < 6.0);
    assert_string_equal(why, apr_psprintf(bench->p,
                                          "process %ld has not written '%s' anew "
                                          "within 1 s after SIGUSR2",
                                          (long)bench->fpm, bench->master.pid_path));
    assert_int_equal(kill(bench->fpm, SIGCONT), 0);
}

static void a_socket_that_does_not_come_is_named(void **state)
{
    bench_t *bench = *state;
    const char *why;

    start(bench);
    assert_int_equal(reload(bench, "fpmt_w2", NULL, 1, &why), ETIMEDOUT);
    expect_phrase("appear", why, "/run/fpmt_w2.sock' has not appeared within 1 s");
    put_text(in(bench->p, bench->dir, "run/fpmt_w2.sock"), "");
    assert_int_equal(reload(bench, "fpmt_w2", NULL, 1, &why), ETIMEDOUT);
    expect_phrase("a file is no socket", why, "has not appeared");
    assert_int_equal(reload(bench, NULL, "fpmt_w1", 1, &why), ETIMEDOUT);
    expect_phrase("vanish", why, "/run/fpmt_w1.sock' is still there within 1 s");
}

static void a_master_that_dies_is_said_at_once(void **state)
{
    bench_t *bench = *state;
    const char *why;
    double began;

    start(bench);
    put_text(pool_path(bench, "b.conf"), "[x]\nnonsense = 1\n");
    began = now_sec();
    assert_int_equal(reload(bench, NULL, NULL, 30, &why), ECHILD);
    assert_true(now_sec() - began < 10.0);
    expect_phrase("died", why, "its error log says why");
}

/* ---- users
 * ------------------------------------------------------------------------------- */

static int make_users(void **state)
{
    bench_t *bench = calloc(1, sizeof(*bench));
    const char *why;

    apr_pool_create(&bench->p, NULL);
    bench->dir = scratch_make(bench->p);
    *state = bench;
    own_mounts();
    why = add_users(bench->p, bench->dir,
                    "fpmt_w1:x:64011:64011::/nonexistent:/bin/false\n"
                    "fpmt_w2:x:64012:64012::/nonexistent:/bin/false\n",
                    "fpmt_w1:x:64011:\nfpmt_w2:x:64012:\n");
    if (why) {
        print_error("%s\n", why);
    }
    return why != NULL;
}

static int drop_users(void **state)
{
    bench_t *bench = *state;

    remove_users(bench->dir);
    scratch_remove(bench->dir);
    apr_pool_destroy(bench->p);
    free(bench);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        ROW(a_pid_file_without_a_master_is_told_apart),
        ROW(a_running_master_is_recognised),
        ROW(a_master_gets_a_moment_for_its_title),
        ROW(a_worker_is_no_master),
        ROW(a_title_that_is_cut_is_enough),
        ROW(a_program_that_was_upgraded_is_still_it),
        ROW(fpm_judges_the_files_as_they_will_be),
        ROW(a_new_file_is_read_at_its_place),
        ROW(what_a_killed_test_left_is_removed_by_the_next),
        ROW(a_test_that_hangs_is_ended),
        ROW(what_a_program_says_becomes_the_reason),
        ROW(a_test_that_cannot_begin_says_why),
        ROW(sigchld_and_other_children_are_left_alone),
        ROW(sockets_come_and_go_with_one_reload),
        ROW(a_daemon_that_changes_its_pid_is_followed),
        ROW(what_does_not_run_gets_no_signal),
        ROW(a_master_that_hangs_ends_the_wait_in_time),
        ROW(a_socket_that_does_not_come_is_named),
        ROW(a_master_that_dies_is_said_at_once),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, make_users, drop_users);
}
