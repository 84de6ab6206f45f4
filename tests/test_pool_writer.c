/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool writer against a real file system: full, read-only, strange things at the
 * target, errors and SIGKILL injected at each system call by strace. Runs as root.
 */
/* links: pool_writer.c */
#include "../host/host.h"
#include "scratch.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NAME "fpmpool-david.conf"
#define OLD "; old\n[david]\nuser = \"david\"\n"
#define NEW "; new\n[david]\nuser = \"david\"\npm = ondemand\n"

typedef struct {
    apr_pool_t *p;
    char *dir;
    char *target;
    int fd;
} bench_t;

static int set_up(void **state)
{
    bench_t *bench = calloc(1, sizeof(*bench));

    apr_pool_create(&bench->p, NULL);
    bench->dir = scratch_make(bench->p);
    bench->target = in(bench->p, bench->dir, NAME);
    bench->fd = open(bench->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = bench;
    return bench->fd < 0;
}

static int tear_down(void **state)
{
    bench_t *bench = *state;

    close(bench->fd);
    umount2(bench->dir,
            MNT_DETACH); /* only some tests mount; else it fails and that is fine */
    scratch_remove(bench->dir);
    apr_pool_destroy(bench->p);
    free(bench);
    return 0;
}

/* How many temporary files lie in the directory. */
static int count_temps(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        count += strncmp(entry->d_name, ".fpmpool-", 9) == 0 &&
                 strcmp(entry->d_name, ".fpmpool-lock") != 0;
    }
    closedir(dir);
    return count;
}

static void expect_text(bench_t *bench, const char *title, const char *name,
                        const char *text)
{
    const char *seen = get_text(bench->p, in(bench->p, bench->dir, name));

    if (!seen || strcmp(seen, text) != 0) {
        fail_msg("%s: '%s' holds '%s', wanted '%s'", title, name, seen ? seen : "(no file)",
                 text);
    }
}

static void expect_phrase(const char *title, const char *why, const char *part)
{
    if (!why || !strstr(why, part)) {
        fail_msg("%s: the phrase is '%s', wanted '%s' in it", title, why ? why : "(none)",
                 part);
    }
}

/* ---- writing ---------------------------------------------------------------------- */

static void a_new_file_is_written_with_mode_0644(void **state)
{
    bench_t *bench = *state;
    const char *why = NULL;
    struct stat st;
    mode_t mask = umask(0077);
    int err = fpmp_pool_write(bench->p, bench->fd, NAME, NEW, &why);

    umask(mask);
    assert_int_equal(err, 0);
    assert_null(why);
    expect_text(bench, "new", NAME, NEW);
    assert_int_equal(stat(bench->target, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(count_temps(bench->dir), 0);
}

static void an_old_file_is_replaced_not_rewritten(void **state)
{
    bench_t *bench = *state;
    const char *why = NULL;
    struct stat before, after;

    put_text(bench->target, OLD);
    assert_int_equal(stat(bench->target, &before), 0);
    assert_int_equal(fpmp_pool_write(bench->p, bench->fd, NAME, NEW, &why), 0);
    assert_int_equal(stat(bench->target, &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
    expect_text(bench, "replaced", NAME, NEW);
}

static void an_empty_and_a_long_text_are_whole(void **state)
{
    bench_t *bench = *state;
    const char *why = NULL;
    char *text = apr_palloc(bench->p, 3 * 1024 * 1024 + 1);

    memset(text, ';', 3 * 1024 * 1024);
    text[3 * 1024 * 1024] = '\0';
    assert_int_equal(fpmp_pool_write(bench->p, bench->fd, NAME, text, &why), 0);
    assert_string_equal(get_text(bench->p, bench->target), text);
    assert_int_equal(fpmp_pool_write(bench->p, bench->fd, NAME, "", &why), 0);
    expect_text(bench, "empty", NAME, "");
}

static void a_temporary_name_that_is_taken_is_left_alone(void **state)
{
    bench_t *bench = *state;
    const char *why = NULL;
    char *taken = apr_psprintf(bench->p, ".fpmpool-%ld-0.tmp", (long)getpid());

    put_text(in(bench->p, bench->dir, "victim"), "untouched");
    assert_int_equal(symlinkat("victim", bench->fd, taken), 0);
    assert_int_equal(fpmp_pool_write(bench->p, bench->fd, NAME, NEW, &why), 0);
    expect_text(bench, "taken", NAME, NEW);
    expect_text(bench, "taken", "victim", "untouched");
    assert_int_equal(count_temps(bench->dir), 1);
}

static void make_link(bench_t *bench)
{
    put_text(in(bench->p, bench->dir, "victim"), "untouched");
    assert_int_equal(symlink("victim", bench->target), 0);
}

static void make_dangling(bench_t *bench)
{
    assert_int_equal(symlink("nowhere", bench->target), 0);
}

static void make_directory(bench_t *bench)
{
    assert_int_equal(mkdir(bench->target, 0755), 0);
}

static void make_fifo(bench_t *bench)
{
    assert_int_equal(mkfifo(bench->target, 0644), 0);
}

static void make_socket(bench_t *bench)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(name.sun_path, bench->target);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    close(fd);
}

static void what_is_no_regular_file_is_refused(void **state)
{
    static const struct {
        const char *title;
        void (*make)(bench_t *);
        int err;
        const char *phrase;
    } cases[] = {
        { "link to a file", make_link, ELOOP, "is a symbolic link, not a regular file" },
        { "dangling link", make_dangling, ELOOP, "is a symbolic link, not a regular file" },
        { "directory", make_directory, EISDIR, "is a directory, not a regular file" },
        { "FIFO", make_fifo, EINVAL, "is a FIFO, not a regular file" },
        { "socket", make_socket, EINVAL, "is a socket, not a regular file" },
    };
    bench_t *bench = *state;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *why = NULL, *kept = NULL;
        struct stat before, after;
        int err;

        cases[i].make(bench);
        assert_int_equal(lstat(bench->target, &before), 0);
        err = fpmp_pool_write(bench->p, bench->fd, NAME, NEW, &why);
        if (err != cases[i].err) {
            fail_msg("%s: write gave %d, wanted %d", cases[i].title, err, cases[i].err);
        }
        expect_phrase(cases[i].title, why, cases[i].phrase);
        expect_phrase(cases[i].title, why, bench->target);
        err = fpmp_pool_keep_aside(bench->p, bench->fd, NAME, &kept, &why);
        if (err != cases[i].err) {
            fail_msg("%s: aside gave %d, wanted %d", cases[i].title, err, cases[i].err);
        }
        assert_int_equal(lstat(bench->target, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_int_equal(count_temps(bench->dir), 0);
        assert_int_equal(remove(bench->target), 0);
    }
    expect_text(bench, "link", "victim", "untouched");
    assert_int_not_equal(access(in(bench->p, bench->dir, "nowhere"), F_OK), 0);
}

/* The name is a second one of a file elsewhere, as link(2) makes it. */
static void make_hard_link(bench_t *bench, const char *secret, struct stat *st)
{
    put_text(secret, "secret");
    assert_int_equal(chmod(secret, 0600), 0);
    assert_int_equal(link(secret, bench->target), 0);
    assert_int_equal(stat(secret, st), 0);
    assert_int_equal(st->st_nlink, 2);
}

static void expect_secret(bench_t *bench, const char *title, const char *secret,
                          const struct stat *before, nlink_t links)
{
    struct stat after;

    assert_int_equal(stat(secret, &after), 0);
    if (after.st_ino != before->st_ino || after.st_mode != before->st_mode ||
        after.st_nlink != links || strcmp(get_text(bench->p, secret), "secret") != 0) {
        fail_msg("%s: the other file is mode %o with %d names and holds '%s'", title,
                 after.st_mode, (int)after.st_nlink, get_text(bench->p, secret));
    }
}

static void a_hard_link_is_replaced_and_its_file_untouched(void **state)
{
    bench_t *bench = *state;
    const char *secret = in(bench->p, bench->dir, "secret"), *why = NULL, *kept = NULL;
    struct stat before;

    make_hard_link(bench, secret, &before);
    assert_int_equal(fpmp_pool_write(bench->p, bench->fd, NAME, NEW, &why), 0);
    expect_text(bench, "written", NAME, NEW);
    expect_secret(bench, "written", secret, &before, 1);

    assert_int_equal(unlink(bench->target), 0);
    make_hard_link(bench, secret, &before);
    assert_int_equal(fpmp_pool_keep_aside(bench->p, bench->fd, NAME, &kept, &why), 0);
    assert_string_equal(kept, NAME ".edited");
    expect_secret(bench, "kept", secret, &before, 3); /* one name more, no copy to read */
    assert_int_equal(fpmp_pool_write(bench->p, bench->fd, NAME, NEW, &why), 0);
    expect_text(bench, "kept and written", NAME, NEW);
    expect_text(bench, "kept and written", NAME ".edited", "secret");
    expect_secret(bench, "kept and written", secret, &before, 2);

    assert_int_equal(unlink(in(bench->p, bench->dir, NAME ".edited")), 0);
    assert_int_equal(unlink(bench->target), 0);
    make_hard_link(bench, secret, &before);
    assert_int_equal(fpmp_pool_remove(bench->p, bench->fd, NAME, &why), 0);
    assert_int_not_equal(access(bench->target, F_OK), 0);
    expect_secret(bench, "removed", secret, &before, 1);
}

static void only_plain_names_are_taken(void **state)
{
    static const char *const names[] = { "", ".", "..", "a/b", "/etc/fpmt_x", "../x" };
    bench_t *bench = *state;
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *why = NULL;

        if (fpmp_pool_write(bench->p, bench->fd, names[i], NEW, &why) != EINVAL) {
            fail_msg("'%s' was taken for writing", names[i]);
        }
        expect_phrase(names[i], why, "is no plain file name");
        if (fpmp_pool_remove(bench->p, bench->fd, names[i], &why) != EINVAL) {
            fail_msg("'%s' was taken for removing", names[i]);
        }
    }
}

/* ---- a file system that says no ---------------------------------------------------- */

static void mount_small(bench_t *bench)
{
    if (mount("fpmt", bench->dir, "tmpfs", 0, "size=64k,mode=755") != 0) {
        fail_msg("no tmpfs can be mounted at '%s': %s; run as root with CAP_SYS_ADMIN",
                 bench->dir, strerror(errno));
    }
    close(bench->fd);
    bench->fd = open(bench->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(bench->fd >= 0);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    bench_t *bench = *state;
    const char *why = NULL;
    char *text = apr_palloc(bench->p, 128 * 1024 + 1);

    mount_small(bench);
    put_text(bench->target, OLD);
    memset(text, ';', 128 * 1024);
    text[128 * 1024] = '\0';
    assert_int_equal(fpmp_pool_write(bench->p, bench->fd, NAME, text, &why), ENOSPC);
    assert_string_equal(why, apr_psprintf(bench->p,
                                          "'%s': no space left on device while writing",
                                          bench->target));
    expect_text(bench, "full", NAME, OLD);
    assert_int_equal(count_temps(bench->dir), 0);
    assert_int_equal(fpmp_pool_write(bench->p, bench->fd, NAME, NEW, &why),
                     0); /* room again */
    expect_text(bench, "room again", NAME, NEW);
}

static void a_read_only_disk_leaves_the_old_file(void **state)
{
    bench_t *bench = *state;
    const char *why = NULL, *kept = NULL;

    mount_small(bench);
    put_text(bench->target, OLD);
    assert_int_equal(mount("fpmt", bench->dir, "tmpfs", MS_REMOUNT | MS_RDONLY, ""), 0);
    assert_int_equal(fpmp_pool_write(bench->p, bench->fd, NAME, NEW, &why), EROFS);
    expect_phrase("write", why, "read-only file system while making a temporary file");
    assert_int_equal(fpmp_pool_remove(bench->p, bench->fd, NAME, &why), EROFS);
    expect_phrase("remove", why, "read-only file system while removing");
    assert_int_equal(fpmp_pool_keep_aside(bench->p, bench->fd, NAME, &kept, &why), EROFS);
    expect_phrase("aside", why, "while keeping it as '" NAME ".edited'");
    expect_text(bench, "read-only", NAME, OLD);
}

static void another_user_may_not_write(void **state)
{
    bench_t *bench = *state;
    const char *why = NULL;
    int err;

    put_text(bench->target, OLD);
    assert_int_equal(seteuid(65534), 0);
    err = fpmp_pool_write(bench->p, bench->fd, NAME, NEW, &why);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(err, EACCES);
    expect_phrase("nobody", why, "permission denied while making a temporary file");
    expect_text(bench, "nobody", NAME, OLD);
}

static void a_directory_that_went_away_is_said(void **state)
{
    bench_t *bench = *state;
    const char *why = NULL;

    assert_int_equal(rmdir(bench->dir), 0);
    assert_int_equal(fpmp_pool_write(bench->p, bench->fd, NAME, NEW, &why), ENOENT);
    expect_phrase("gone", why, "no such file or directory while making a temporary file");
}

/* ---- faults and death at each system call ------------------------------------------ */

/* Run "--write" in a program of its own under strace with one injected fault. */
static int write_under(bench_t *bench, const char *call, const char *fault, int when,
                       const char **said)
{
    char *out = in(bench->p, bench->dir, "said");
    char *argv[] = { "strace",
                     "-qq",
                     "-o",
                     "/dev/null",
                     "-e",
                     apr_psprintf(bench->p, "trace=%s", call),
                     "-e",
                     apr_psprintf(bench->p, "inject=%s:%s:when=%d", call, fault, when),
                     self_path(bench->p),
                     "--write",
                     bench->dir,
                     NAME,
                     NEW,
                     NULL };
    int status = run_program(argv, out);

    *said = get_text(bench->p, out);
    assert_int_equal(unlink(out), 0);
    return status;
}

static void a_fault_at_any_step_is_the_one_reported(void **state)
{
    static const struct {
        const char *title, *call, *fault;
        int when, err;
        const char *phrase, *left;
    } cases[] = {
        { "mode", "fchmod", "error=EPERM", 1, EPERM, "while setting its mode to 0644",
          OLD },
        { "bytes", "write", "error=EDQUOT", 1, EDQUOT, "disk quota exceeded while writing",
          OLD },
        { "interrupted", "write", "error=EINTR", 1, 0, "", NEW },
        { "to disk", "fsync", "error=EIO", 1, EIO, "while bringing it to disk", OLD },
        { "rename", "renameat", "error=EACCES", 1, EACCES, "while renaming", OLD },
        { "directory", "fsync", "error=EIO", 2, EIO, "while bringing its directory to disk",
          NEW },
        { "no such sync", "fsync", "error=EINVAL", 2, 0, "", NEW },
    };
    bench_t *bench = *state;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *said;
        int status;

        put_text(bench->target, OLD);
        status = write_under(bench, cases[i].call, cases[i].fault, cases[i].when, &said);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != cases[i].err) {
            fail_msg("%s: status 0x%x, wanted errno %d; said '%s'", cases[i].title, status,
                     cases[i].err, said);
        }
        expect_phrase(cases[i].title, said, cases[i].phrase);
        expect_text(bench, cases[i].title, NAME, cases[i].left);
        assert_int_equal(count_temps(bench->dir), 0);
    }
}

/* The loader closes files too, and ignores the fault; the writer's own close does not. */
static void a_fault_at_close_is_reported(void **state)
{
    bench_t *bench = *state;
    const char *said = "";
    int when;

    for (when = 1; when < 60 && !strstr(said, "while closing"); when++) {
        put_text(bench->target, OLD);
        write_under(bench, "close", "error=EIO", when, &said);
    }
    expect_phrase("close", said, "input/output error while closing");
    expect_text(bench, "close", NAME, OLD);
    assert_int_equal(count_temps(bench->dir), 0);
}

/* The writer whose temporary file lies in the directory; 0: none. */
static pid_t find_writer(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    long pid = 0;

    while (dir && pid == 0 && (entry = readdir(dir)) != NULL) {
        if (sscanf(entry->d_name, ".fpmpool-%ld-", &pid) != 1) {
            pid = 0;
        }
    }
    if (dir) {
        closedir(dir);
    }
    return (pid_t)pid;
}

/* A process that puts something at the target as soon as the writer has its temporary file,
 * and only then lets the writer go on from where strace stops it. */
static pid_t disturb(bench_t *bench, void (*make)(bench_t *))
{
    const struct timespec pause = { .tv_nsec = 1000000 };
    double end = now_sec() + 20;
    pid_t pid = fork(), writer = 0;

    if (pid != 0) {
        return pid;
    }
    while (writer == 0 && now_sec() < end) {
        writer = find_writer(bench->dir);
    }
    if (writer != 0) {
        make(bench);
    }
    while (writer != 0 && find_writer(bench->dir) == writer && now_sec() < end) {
        kill(writer, SIGCONT); /* again, should it come before the stop */
        nanosleep(&pause, NULL);
    }
    _exit(writer == 0 || now_sec() >= end);
}

static void what_comes_between_two_steps_does_no_harm(void **state)
{
    static const struct {
        const char *title;
        void (*make)(bench_t *);
        int err; /* 0: it is replaced */
    } cases[] = {
        { "link to a file", make_link, 0 }, { "dangling link", make_dangling, 0 },
        { "FIFO", make_fifo, 0 },           { "socket", make_socket, 0 },
        { "directory", make_directory, EISDIR },
    };
    bench_t *bench = *state;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pid_t other = disturb(bench, cases[i].make);
        int other_status, status;
        const char *said;
        struct stat st;

        status = write_under(bench, "fsync", "signal=STOP", 1, &said);
        assert_int_equal(waitpid(other, &other_status, 0), other);
        if (other_status != 0) {
            fail_msg("%s: it was not put there in time", cases[i].title);
        }
        if (!WIFEXITED(status) || WEXITSTATUS(status) != cases[i].err) {
            fail_msg("%s: status 0x%x, wanted errno %d; said '%s'", cases[i].title, status,
                     cases[i].err, said);
        }
        assert_int_equal(lstat(bench->target, &st), 0);
        if (cases[i].err == 0 && !S_ISREG(st.st_mode)) {
            fail_msg("%s: it is still there", cases[i].title);
        }
        if (cases[i].err == 0) {
            expect_text(bench, cases[i].title, NAME, NEW);
        }
        else {
            expect_phrase(cases[i].title, said, "while renaming the temporary file to it");
        }
        assert_int_equal(count_temps(bench->dir), 0);
        assert_int_equal(remove(bench->target), 0);
    }
    expect_text(bench, "link", "victim", "untouched");
    assert_int_not_equal(access(in(bench->p, bench->dir, "nowhere"), F_OK), 0);
}

static void expect_whole_after_kill(bench_t *bench, const char *call, int when)
{
    const char *seen = get_text(bench->p, bench->target), *why;
    fpmp_lock_t lock;

    if (!seen || (strcmp(seen, OLD) != 0 && strcmp(seen, NEW) != 0)) {
        fail_msg("killed at %s %d: the file holds '%s'", call, when,
                 seen ? seen : "(none)");
    }
    assert_int_equal(fpmp_dir_lock(bench->p, bench->dir, 0, &lock, &why), 0);
    fpmp_dir_unlock(&lock);
    if (count_temps(bench->dir) != 0) {
        fail_msg("killed at %s %d: the next lock left a temporary file", call, when);
    }
}

static void a_kill_at_any_step_leaves_a_whole_file(void **state)
{
    static const struct {
        const char *call;
        int at_least; /* so many calls must have been killed, else nothing was tested */
    } cases[] = {
        { "flock", 1 }, { "fchmod", 1 },   { "write", 1 },
        { "fsync", 2 }, { "renameat", 1 }, { "openat", 4 },
    };
    bench_t *bench = *state;
    const char *said;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int when = 0, status;

        do {
            put_text(bench->target, OLD);
            status = write_under(bench, cases[i].call, "signal=KILL", ++when, &said);
            expect_whole_after_kill(bench, cases[i].call, when);
        } while (WIFSIGNALED(status) && when < 60);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        if (when - 1 < cases[i].at_least) {
            fail_msg("%s: killed %d times, wanted %d", cases[i].call, when - 1,
                     cases[i].at_least);
        }
    }
}

static void a_kill_before_the_rename_is_cleaned_by_the_next_lock(void **state)
{
    bench_t *bench = *state;
    const char *said;
    int status;

    put_text(bench->target, OLD);
    status = write_under(bench, "renameat", "signal=KILL", 1, &said);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    expect_text(bench, "killed", NAME, OLD);
    assert_int_equal(count_temps(bench->dir), 1);
    expect_whole_after_kill(bench, "renameat", 1);
}

/* ---- removing and keeping ------------------------------------------------------------ */

static void a_removed_file_is_gone_and_a_missing_one_is_fine(void **state)
{
    bench_t *bench = *state;
    const char *why = NULL;

    put_text(bench->target, OLD);
    assert_int_equal(fpmp_pool_remove(bench->p, bench->fd, NAME, &why), 0);
    assert_int_not_equal(access(bench->target, F_OK), 0);
    assert_int_equal(fpmp_pool_remove(bench->p, bench->fd, NAME, &why), 0);
    make_directory(bench);
    assert_int_equal(fpmp_pool_remove(bench->p, bench->fd, NAME, &why), EISDIR);
    expect_phrase("directory", why, "while removing");
}

static void an_edited_file_is_kept_under_a_free_name(void **state)
{
    bench_t *bench = *state;
    const char *why = NULL, *kept = NULL;

    put_text(bench->target, "first");
    assert_int_equal(fpmp_pool_keep_aside(bench->p, bench->fd, NAME, &kept, &why), 0);
    assert_string_equal(kept, NAME ".edited");
    expect_text(bench, "not moved", NAME,
                "first"); /* FPM finds it until the new one is there */
    kept = NULL;
    assert_int_equal(fpmp_pool_keep_aside(bench->p, bench->fd, NAME, &kept, &why), 0);
    assert_string_equal(kept, NAME ".edited"); /* a killed run's copy of this very file */
    assert_int_equal(fpmp_pool_write(bench->p, bench->fd, NAME, "second", &why), 0);
    assert_int_equal(fpmp_pool_keep_aside(bench->p, bench->fd, NAME, &kept, &why), 0);
    assert_string_equal(kept, NAME ".edited.2");
    expect_text(bench, "first", NAME ".edited", "first");
    expect_text(bench, "second", NAME ".edited.2", "second");
}

static void with_all_names_taken_nothing_is_overwritten(void **state)
{
    bench_t *bench = *state;
    const char *why = NULL, *kept = NULL;
    int i;

    put_text(bench->target, "edited");
    put_text(in(bench->p, bench->dir, NAME ".edited"), "taken");
    for (i = 2; i <= 98; i++) {
        put_text(apr_psprintf(bench->p, "%s.edited.%d", bench->target, i), "taken");
    }
    assert_int_equal(fpmp_pool_keep_aside(bench->p, bench->fd, NAME, &kept, &why), 0);
    assert_string_equal(kept, NAME ".edited.99");
    put_text(bench->target, "x");
    assert_int_equal(unlink(bench->target), 0);
    put_text(bench->target, "edited again");
    assert_int_equal(fpmp_pool_keep_aside(bench->p, bench->fd, NAME, &kept, &why), EEXIST);
    expect_phrase("full", why, "are all taken");
    expect_text(bench, "full", NAME ".edited", "taken");
    expect_text(bench, "full", NAME, "edited again");
}

static void what_is_missing_cannot_be_kept(void **state)
{
    bench_t *bench = *state;
    const char *why = NULL, *kept = NULL;

    assert_int_equal(fpmp_pool_keep_aside(bench->p, bench->fd, NAME, &kept, &why), ENOENT);
    expect_phrase("missing", why, "no such file or directory while keeping it");
}

/* ---- the lock --------------------------------------------------------------------------
 */

static void a_held_lock_ends_in_time_and_says_so(void **state)
{
    bench_t *bench = *state;
    const char *why = NULL;
    fpmp_lock_t first, second;
    struct stat st;
    double start;

    assert_int_equal(fpmp_dir_lock(bench->p, bench->dir, 0, &first, &why), 0);
    start = now_sec();
    assert_int_equal(fpmp_dir_lock(bench->p, bench->dir, 1, &second, &why), ETIMEDOUT);
    assert_true(now_sec() - start >= 1.0 && now_sec() - start < 5.0);
    assert_int_equal(second.dir_fd, -1);
    assert_int_equal(second.lock_fd, -1);
    expect_phrase("held", why, "/.fpmpool-lock': another process has held it for 1 s");
    fpmp_dir_unlock(&first);
    assert_int_equal(fpmp_dir_lock(bench->p, bench->dir, 0, &second, &why), 0);
    assert_int_equal(fcntl(second.dir_fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(second.lock_fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fstat(second.lock_fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    fpmp_dir_unlock(&second);
}

/* What anybody may open, anybody may lock. */
static void whoever_may_only_read_the_directory_cannot_hold_it(void **state)
{
    bench_t *bench = *state;
    const char *path = in(bench->p, bench->dir, ".fpmpool-lock"), *why = NULL;
    int fd = open(bench->dir, O_RDONLY | O_DIRECTORY);
    fpmp_lock_t lock;
    struct stat st;

    assert_int_equal(flock(fd, LOCK_EX), 0);
    put_text(path, ""); /* left by somebody with a mode that others can open */
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(fpmp_dir_lock(bench->p, bench->dir, 0, &lock, &why), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    fpmp_dir_unlock(&lock);
    close(fd);
}

static void a_lock_that_is_no_file_is_refused(void **state)
{
    bench_t *bench = *state;
    const char *path = in(bench->p, bench->dir, ".fpmpool-lock"), *why = NULL;
    fpmp_lock_t lock;

    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(fpmp_dir_lock(bench->p, bench->dir, 0, &lock, &why), ELOOP);
    expect_phrase("link", why, "/.fpmpool-lock': too many levels of symbolic links while locking it");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(fpmp_dir_lock(bench->p, bench->dir, 0, &lock, &why), EINVAL);
    assert_int_equal(lock.dir_fd, -1);
}

static void a_lock_is_taken_as_soon_as_its_holder_dies(void **state)
{
    bench_t *bench = *state;
    const char *why = NULL;
    int ready[2], status;
    fpmp_lock_t lock;
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        const struct timespec held = { .tv_nsec = 100000000 }; /* so that the other waits */

        status = fpmp_dir_lock(bench->p, bench->dir, 0, &lock, &why);
        status |= write(ready[1], "x", 1) != 1;
        nanosleep(&held, NULL);
        _exit(status != 0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(fpmp_dir_lock(bench->p, bench->dir, 20, &lock, &why), 0);
    fpmp_dir_unlock(&lock);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(ready[0]);
    close(ready[1]);
}

static void only_a_real_directory_is_locked(void **state)
{
    bench_t *bench = *state;
    const struct {
        const char *title, *path;
        int err;
        const char *phrase;
    } cases[] = {
        { "missing", in(bench->p, bench->dir, "none"), ENOENT,
          "no such file or directory while opening the directory" },
        { "link", in(bench->p, bench->dir, "link"), ENOTDIR,
          "is a symbolic link, not a directory" },
        { "file", in(bench->p, bench->dir, "file"), ENOTDIR,
          "is a regular file, not a directory" },
        { "FIFO", in(bench->p, bench->dir, "fifo"), ENOTDIR, "is a FIFO, not a directory" },
    };
    size_t i;

    assert_int_equal(symlink(bench->dir, cases[1].path), 0);
    put_text(cases[2].path, "");
    assert_int_equal(mkfifo(cases[3].path, 0600), 0);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *why = NULL;
        fpmp_lock_t lock;
        int err = fpmp_dir_lock(bench->p, cases[i].path, 0, &lock, &why);

        if (err != cases[i].err || lock.dir_fd != -1) {
            fail_msg("%s: gave %d, wanted %d", cases[i].title, err, cases[i].err);
        }
        expect_phrase(cases[i].title, why, cases[i].phrase);
    }
}

static void the_lock_removes_only_what_killed_writers_left(void **state)
{
    static const struct {
        const char *title, *name;
        char kind; /* f file, d directory, l link, o file of another user */
        int stays;
    } cases[] = {
        { "ours", ".fpmpool-123-0.tmp", 'f', 0 },
        { "directory", ".fpmpool-123-1.tmp", 'd', 1 },
        { "link", ".fpmpool-123-2.tmp", 'l', 1 },
        { "another user's", ".fpmpool-123-3.tmp", 'o', 1 },
        { "nothing between", ".fpmpool-.tmp", 'f', 1 },
        { "another ending", ".fpmpool-123-4.tmp2", 'f', 1 },
        { "no dot", "fpmpool-123-5.tmp", 'f', 1 },
        { "a pool file", NAME, 'f', 1 },
    };
    bench_t *bench = *state;
    const char *why;
    struct stat st;
    size_t i;
    fpmp_lock_t lock;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *path = in(bench->p, bench->dir, cases[i].name);

        if (cases[i].kind == 'd') {
            assert_int_equal(mkdir(path, 0755), 0);
        }
        else if (cases[i].kind == 'l') {
            assert_int_equal(symlink(NAME, path), 0);
        }
        else {
            put_text(path, OLD);
            assert_int_equal(chown(path, cases[i].kind == 'o' ? 65534 : 0, 0), 0);
        }
    }
    assert_int_equal(fpmp_dir_lock(bench->p, bench->dir, 0, &lock, &why), 0);
    fpmp_dir_unlock(&lock);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if ((lstat(in(bench->p, bench->dir, cases[i].name), &st) == 0) != cases[i].stays) {
            fail_msg("%s: '%s' should %s", cases[i].title, cases[i].name,
                     cases[i].stays ? "stay" : "be removed");
        }
    }
}

/* The helper mode: lock, write, say why on failure; the exit code is the errno. _exit: the
 * leak checker of a sanitizer build cannot run under strace. */
static int write_only(const char *dir, const char *name, const char *text)
{
    const char *why = NULL;
    apr_pool_t *p;
    fpmp_lock_t lock;
    int err;

    apr_pool_create(&p, NULL);
    err = fpmp_dir_lock(p, dir, 0, &lock, &why);
    if (err == 0) {
        err = fpmp_pool_write(p, lock.dir_fd, name, text, &why);
    }
    if (err != 0) {
        printf("%s", why);
        fflush(stdout);
    }
    _exit(err);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        ROW(a_new_file_is_written_with_mode_0644),
        ROW(an_old_file_is_replaced_not_rewritten),
        ROW(an_empty_and_a_long_text_are_whole),
        ROW(a_temporary_name_that_is_taken_is_left_alone),
        ROW(what_is_no_regular_file_is_refused),
        ROW(a_hard_link_is_replaced_and_its_file_untouched),
        ROW(only_plain_names_are_taken),
        ROW(a_full_disk_leaves_the_old_file),
        ROW(a_read_only_disk_leaves_the_old_file),
        ROW(another_user_may_not_write),
        ROW(a_directory_that_went_away_is_said),
        ROW(a_fault_at_any_step_is_the_one_reported),
        ROW(a_fault_at_close_is_reported),
        ROW(what_comes_between_two_steps_does_no_harm),
        ROW(a_kill_at_any_step_leaves_a_whole_file),
        ROW(a_kill_before_the_rename_is_cleaned_by_the_next_lock),
        ROW(a_removed_file_is_gone_and_a_missing_one_is_fine),
        ROW(an_edited_file_is_kept_under_a_free_name),
        ROW(with_all_names_taken_nothing_is_overwritten),
        ROW(what_is_missing_cannot_be_kept),
        ROW(a_held_lock_ends_in_time_and_says_so),
        ROW(a_lock_is_taken_as_soon_as_its_holder_dies),
        ROW(whoever_may_only_read_the_directory_cannot_hold_it),
        ROW(a_lock_that_is_no_file_is_refused),
        ROW(only_a_real_directory_is_locked),
        ROW(the_lock_removes_only_what_killed_writers_left),
    };

    apr_initialize();
    atexit(apr_terminate);
    if (argc == 5 && strcmp(argv[1], "--write") == 0) {
        return write_only(argv[2], argv[3], argv[4]);
    }
    own_mounts();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
