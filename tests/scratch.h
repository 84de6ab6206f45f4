/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of host/ and pool_writer.c share: a scratch directory of their own,
 * small files in it, a second program run to its end, and waiting with a deadline.
 * All functions fail the running test by themselves.
 */
#ifndef FPMP_TESTS_SCRATCH_H
#define FPMP_TESTS_SCRATCH_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_strings.h>

#define UNUSED __attribute__((unused))

UNUSED static char *scratch_make(apr_pool_t *p)
{
    char *dir = apr_pstrdup(p, "/tmp/fpmt.XXXXXX");

    if (!mkdtemp(dir) || chmod(dir, 0755) != 0) {
        fail_msg("no scratch directory: %s", strerror(errno));
    }
    return dir;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

UNUSED static void scratch_remove(const char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

UNUSED static void put_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
        fail_msg("'%s' cannot be written: %s", path, strerror(errno));
    }
}

/* NULL if there is no such file. */
UNUSED static char *get_text(apr_pool_t *p, const char *path)
{
    struct stat st;
    char *text;
    FILE *f = fopen(path, "r");

    if (!f) {
        return NULL;
    }
    assert_int_equal(fstat(fileno(f), &st), 0);
    text = apr_pcalloc(p, (apr_size_t)st.st_size + 1);
    assert_int_equal(fread(text, 1, (size_t)st.st_size, f), st.st_size);
    fclose(f);
    return text;
}

UNUSED static char *in(apr_pool_t *p, const char *dir, const char *name)
{
    return apr_pstrcat(p, dir, "/", name, NULL);
}

/* Mounts made from here on are seen by this process and its children only, and end with
 * them. Where that is refused the mount itself says so. */
UNUSED static void own_mounts(void)
{
    if (unshare(CLONE_NEWNS) == 0) {
        mount("none", "/", "none", MS_REC | MS_PRIVATE, "");
    }
}

/* More lines for /etc/passwd and /etc/group, for this process and its children only: no
 * user is made on the machine and none is left behind. After own_mounts. Returns NULL or
 * why not. A mount on the file itself would vanish as soon as somebody else's useradd
 * replaces it. */
UNUSED static const char *add_users(apr_pool_t *p, const char *dir, const char *passwd,
                                    const char *group)
{
    const char *upper = in(p, dir, "upper"), *work = in(p, dir, "work");

    if (mount("fpmt", dir, "tmpfs", 0, "size=1m,mode=755") != 0 || mkdir(upper, 0755) != 0
        || mkdir(work, 0755) != 0
        || mount("overlay", "/etc", "overlay", 0,
                 apr_psprintf(p, "lowerdir=/etc,upperdir=%s,workdir=%s", upper, work))
               != 0) {
        return apr_psprintf(p,
                            "no layer for test users can be mounted over /etc: %s; run as "
                            "root with CAP_SYS_ADMIN",
                            strerror(errno));
    }
    put_text("/etc/passwd", apr_pstrcat(p, get_text(p, "/etc/passwd"), passwd, NULL));
    put_text("/etc/group", apr_pstrcat(p, get_text(p, "/etc/group"), group, NULL));
    return NULL;
}

UNUSED static void remove_users(const char *dir)
{
    umount2("/etc", MNT_DETACH);
    umount2(dir, MNT_DETACH);
}

/* This program, to be run again: by its path, or where that does not hold, as in a chroot
 * after unshare(2), by a link, which valgrind does not follow. */
UNUSED static char *self_path(apr_pool_t *p)
{
    char *path = apr_pcalloc(p, PATH_MAX);

    return readlink("/proc/self/exe", path, PATH_MAX - 1) > 0 && access(path, X_OK) == 0
               ? path
               : apr_psprintf(p, "/proc/%d/exe", (int)getpid());
}

/* Run a program to its end; what it says goes to out_path (NULL: dropped). 125 tells that
 * it could not be run: the loader of a program has 127 for itself. */
UNUSED static int run_program(char *const argv[], const char *out_path)
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        int fd =
            open(out_path ? out_path : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600);

        dup2(fd, 1);
        dup2(fd, 2);
        execvp(argv[0], argv);
        _exit(125);
    }
    assert_true(pid > 0);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 125) {
        fail_msg("'%s' cannot be run; is it installed?", argv[0]);
    }
    return status;
}

UNUSED static double now_sec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Wait for a condition, at most sec seconds; the test fails if it never comes. */
#define WAIT_FOR(sec, condition)                                                           \
    do {                                                                                   \
        double wait_end = now_sec() + (sec);                                               \
        while (!(condition)) {                                                             \
            const struct timespec wait_pause = { .tv_nsec = 2000000 };                     \
            if (now_sec() > wait_end) {                                                    \
                fail_msg("not within %d s: %s", (int)(sec), #condition);                   \
            }                                                                              \
            nanosleep(&wait_pause, NULL);                                                  \
        }                                                                                  \
    } while (0)

#endif
