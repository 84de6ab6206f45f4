/* SPDX-License-Identifier: Apache-2.0
 *
 * The running master: is the process of the pid file this PHP-FPM, and the one signal
 * that makes it read its files again. No process is signalled that was not verified
 * right before. What FPM would say to the files is asked in stage.c first.
 * Entry points: fpmp_master_probe, fpmp_master_reload.
 */
#include "host.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TITLE "php-fpm: master process ("
#define TITLE_SURE 9 /* bytes: "php-fpm: " still fits a worker, the next letter tells */
#define POLL_NS 3000000L
#define SETTLE_SEC 1 /* so long a master that starts or reloads may have no title yet */

/* ---- time ------------------------------------------------------------------------- */

static int is_past(const struct timespec *end)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > end->tv_sec
           || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

static struct timespec after_sec(int sec)
{
    struct timespec end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += sec;
    return end;
}

static void pause_shortly(void)
{
    const struct timespec pause = { .tv_nsec = POLL_NS };

    nanosleep(&pause, NULL);
}

/* ---- /proc ------------------------------------------------------------------------ */

/* The bytes of /proc/PID/NAME, NUL-terminated; -1 if it cannot be read. */
static ssize_t read_proc(apr_pool_t *p, pid_t pid, const char *name, char *buf, size_t size)
{
    int fd = open(apr_psprintf(p, "/proc/%ld/%s", (long)pid, name), O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0) {
        return -1;
    }
    n = read(fd, buf, size - 1);
    close(fd);
    buf[n > 0 ? n : 0] = '\0';
    return n;
}

/* A zombie still answers kill(2), yet it serves nobody. */
static int is_alive(apr_pool_t *p, pid_t pid)
{
    char stat[512], *state;

    if (kill(pid, 0) != 0 && errno != EPERM) {
        return 0;
    }
    if (read_proc(p, pid, "stat", stat, sizeof(stat)) <= 0) {
        return kill(pid, 0) == 0 || errno == EPERM; /* gone just now, or no /proc */
    }
    state = strrchr(stat, ')'); /* the name before it may hold anything */
    return !state || strlen(state) < 3 || (state[2] != 'Z' && state[2] != 'X');
}

static const char *real_path(apr_pool_t *p, const char *path)
{
    char *real = realpath(path, NULL);
    const char *copy = real ? apr_pstrdup(p, real) : NULL;

    free(real);
    return copy;
}

/* The program a process runs; an upgrade replaces the file under it. NULL: not for us to
 * see. */
static const char *program_of(apr_pool_t *p, pid_t pid)
{
    static const char deleted[] = " (deleted)";
    char exe[PATH_MAX];
    ssize_t n = readlink(apr_psprintf(p, "/proc/%ld/exe", (long)pid), exe, sizeof(exe) - 1);
    size_t tail = sizeof(deleted) - 1;

    if (n <= 0) {
        return NULL;
    }
    exe[n] = '\0';
    if ((size_t)n > tail && strcmp(exe + n - tail, deleted) == 0) {
        exe[n - (ssize_t)tail] = '\0';
    }
    return apr_pstrdup(p, exe);
}

static int is_same_path(apr_pool_t *p, const char *a, const char *b)
{
    const char *real_a = real_path(p, a), *real_b = real_path(p, b);

    return strcmp(a, b) == 0 || (real_a && real_b && strcmp(real_a, real_b) == 0);
}

/* FPM cuts its title to the room of argv and environment, so a prefix of it will do. */
static int title_fits(apr_pool_t *p, const char *title, const char *config)
{
    const char *full = apr_pstrcat(p, TITLE, config, ")", NULL);
    size_t len = strlen(title), head = strlen(TITLE);

    if (len > TITLE_SURE && strncmp(full, title, len) == 0) {
        return 1;
    }
    if (len <= head + 1 || strncmp(title, TITLE, head) != 0 || title[len - 1] != ')') {
        return 0;
    }
    return is_same_path(p, apr_pstrmemdup(p, title + head, len - head - 1), config);
}

/* ---- probe ------------------------------------------------------------------------ */

/* The number in the pid file; 0 and why. */
static pid_t read_pid(apr_pool_t *p, const char *path, fpmp_run_e *run, const char **why)
{
    fpmp_file_t file;
    char *end;
    long pid;

    fpmp_facts_file(p, path, &file);
    *run = FPMP_RUN_UNKNOWN;
    if (file.node.lookup == FPMP_LOOKUP_MISSING) {
        *run = FPMP_RUN_NO;
        *why = apr_psprintf(p, "pid file '%s' does not exist", path);
        return 0;
    }
    if (!file.text) {
        *why = apr_psprintf(p, "pid file '%s' cannot be read: %s", path, file.node.why);
        return 0;
    }
    errno = 0;
    pid = strtol(file.text, &end, 10);
    while (isspace((unsigned char)*end)) {
        end++;
    }
    if (end == file.text || *end || errno != 0 || pid <= 0 || pid > INT_MAX) {
        *why = apr_psprintf(p, "pid file '%s' holds no process number", path);
        return 0;
    }
    return (pid_t)pid;
}

/* NULL if the living process is this master, else what it is instead. *untitled: it runs the
 * right program and has no title of PHP-FPM's, as before the end of a start. */
static const char *other_than(apr_pool_t *p, const fpmp_master_t *master, pid_t pid,
                              int *untitled)
{
    const char *exe = program_of(p, pid);
    char title[PATH_MAX + 64], *end;

    if (!exe && access("/proc/self/exe", F_OK) != 0) {
        return NULL; /* no /proc on this system: that it lives must do */
    }
    if (exe && master->binary_path && !is_same_path(p, exe, master->binary_path)) {
        return apr_psprintf(p, "process %ld runs '%s', not '%s'", (long)pid, exe,
                            master->binary_path);
    }
    if (read_proc(p, pid, "cmdline", title, sizeof(title)) < 0) {
        return apr_psprintf(p, "the command line of process %ld cannot be read", (long)pid);
    }
    for (end = title + strlen(title); end > title && end[-1] == ' '; end--) {
        end[-1] = '\0';
    }
    *untitled = strncmp(title, TITLE, TITLE_SURE) != 0;
    return title_fits(p, title, master->config_path)
               ? NULL
               : apr_psprintf(p, "process %ld calls itself '%s', not '" TITLE "%s)'",
                              (long)pid, title, master->config_path);
}

/* One look; 1: the process has no title, and may have one in a moment. */
static int look_at(apr_pool_t *p, const fpmp_master_t *master, fpmp_master_facts_t *facts)
{
    int untitled = 0;
    pid_t pid;

    facts->run = FPMP_RUN_UNKNOWN;
    facts->pid = 0;
    facts->run_why = NULL;
    memset(&facts->pid_file, 0, sizeof(facts->pid_file));
    if (!master->pid_path || !master->config_path) {
        facts->run_why =
            apr_psprintf(p, "'%s' names no pid file",
                         master->config_path ? master->config_path : master->name);
        return 0;
    }
    fpmp_facts_node(p, master->pid_path, &facts->pid_file);
    pid = read_pid(p, master->pid_path, &facts->run, &facts->run_why);
    if (pid == 0) {
        return 0;
    }
    if (!is_alive(p, pid)) {
        facts->run = FPMP_RUN_NO;
        facts->run_why = apr_psprintf(p, "process %ld of pid file '%s' is gone", (long)pid,
                                      master->pid_path);
        return 0;
    }
    facts->run_why = other_than(p, master, pid, &untitled);
    facts->run = facts->run_why ? FPMP_RUN_OTHER : FPMP_RUN_YES;
    facts->pid = facts->run_why ? 0 : pid;
    return untitled;
}

void fpmp_master_probe(apr_pool_t *p, const fpmp_master_t *master,
                       fpmp_master_facts_t *facts)
{
    struct timespec end = after_sec(SETTLE_SEC);
    apr_pool_t *round; /* stays: what was seen last is in it */
    int waits;

    apr_pool_create(&round, p);
    waits = look_at(round, master, facts);
    while (waits && facts->run != FPMP_RUN_YES && !is_past(&end)) {
        pause_shortly();
        apr_pool_clear(round);
        look_at(round, master, facts); /* the pid file may be gone or empty, too */
    }
}

/* ---- reload ----------------------------------------------------------------------- */

/* FPM unlinks and rewrites its pid file at the end of each successful start, also when it
 * keeps its pid. A clock that was set back cannot hide that. */
typedef struct {
    struct timespec mtime;
    ino_t ino;
    int there;
} stamp_t;

static stamp_t stamp_of(const char *path)
{
    struct stat st;
    stamp_t stamp = { .there = lstat(path, &st) == 0 };

    if (stamp.there) {
        stamp.mtime = st.st_mtim;
        stamp.ino = st.st_ino;
    }
    return stamp;
}

static int is_rewritten(const stamp_t *old, const stamp_t *now)
{
    return now->there
           && (now->ino != old->ino || now->mtime.tv_sec != old->mtime.tv_sec
               || now->mtime.tv_nsec != old->mtime.tv_nsec);
}

/* NULL if all sockets are as wanted, else the first that is not, as a phrase. */
static const char *wrong_socket(apr_pool_t *p, const apr_array_header_t *appear,
                                const apr_array_header_t *vanish)
{
    struct stat st;
    int i;

    for (i = 0; i < appear->nelts; i++) {
        const char *path = APR_ARRAY_IDX(appear, i, const char *);

        if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
            return apr_psprintf(p, "socket '%s' has not appeared", path);
        }
    }
    for (i = 0; i < vanish->nelts; i++) {
        const char *path = APR_ARRAY_IDX(vanish, i, const char *);

        if (lstat(path, &st) == 0) {
            return apr_psprintf(p, "socket '%s' is still there", path);
        }
    }
    return NULL;
}

/* One look: 0 done, ECHILD the master died, EAGAIN not yet (*why says for what it waits).
 */
static int look_once(apr_pool_t *p, const fpmp_master_t *master, pid_t pid,
                     const stamp_t *before, const apr_array_header_t *appear,
                     const apr_array_header_t *vanish, const char **why)
{
    fpmp_master_facts_t facts = { .run = FPMP_RUN_UNKNOWN };
    int alive =
        is_alive(p, pid); /* asked first: a daemon writes the file, then its parent ends */
    stamp_t now = stamp_of(master->pid_path);

    if (!is_rewritten(before, &now)) {
        *why = alive ? apr_psprintf(p, "process %ld has not written '%s' anew", (long)pid,
                                    master->pid_path)
                     : apr_psprintf(p, "process %ld ended", (long)pid);
        return alive ? EAGAIN : ECHILD;
    }
    fpmp_master_probe(p, master, &facts);
    if (facts.run != FPMP_RUN_YES) {
        *why = facts.run_why;
        return facts.run == FPMP_RUN_NO && facts.pid_file.lookup == FPMP_LOOKUP_FOUND
                   ? ECHILD
                   : EAGAIN;
    }
    *why = wrong_socket(p, appear, vanish);
    return *why ? EAGAIN : 0;
}

static int wait_for_reload(apr_pool_t *p, const fpmp_master_t *master, pid_t pid,
                           const stamp_t *before, const apr_array_header_t *appear,
                           const apr_array_header_t *vanish, int wait_sec, const char **why)
{
    struct timespec end = after_sec(wait_sec);
    apr_pool_t *round;
    int err;

    apr_pool_create(&round, p);
    while ((err = look_once(round, master, pid, before, appear, vanish, why)) == EAGAIN
           && !is_past(&end)) {
        pause_shortly();
        apr_pool_clear(round);
    }
    if (err == ECHILD) {
        *why = apr_psprintf(
            p, "the master ended during the reload: %s; its error log says why", *why);
    }
    else if (err == EAGAIN) {
        *why = apr_psprintf(p, "%s within %d s after SIGUSR2", *why, wait_sec);
        err = ETIMEDOUT;
    }
    apr_pool_destroy(round);
    return err;
}

int fpmp_master_await(apr_pool_t *p, const fpmp_master_t *master, int wait_sec,
                      const char **why)
{
    fpmp_master_facts_t facts = { .run = FPMP_RUN_UNKNOWN };
    struct timespec end = after_sec(wait_sec);
    apr_pool_t *round;

    apr_pool_create(&round, p);
    fpmp_master_probe(round, master, &facts);
    while (facts.run != FPMP_RUN_YES && !is_past(&end)) {
        pause_shortly();
        apr_pool_clear(round);
        fpmp_master_probe(round, master, &facts);
    }
    *why = facts.run == FPMP_RUN_YES
               ? NULL
               : apr_psprintf(p, "%s after %d s", facts.run_why, wait_sec);
    apr_pool_destroy(round);
    return facts.run == FPMP_RUN_YES ? 0 : ETIMEDOUT;
}

int fpmp_master_reload(apr_pool_t *p, const fpmp_master_t *master,
                       const apr_array_header_t *appear, const apr_array_header_t *vanish,
                       int wait_sec, const char **why)
{
    fpmp_master_facts_t facts = { .run = FPMP_RUN_UNKNOWN };
    apr_status_t status;
    stamp_t before;

    fpmp_master_probe(p, master, &facts); /* verified for this signal */
    if (facts.run != FPMP_RUN_YES) {
        *why = facts.run_why;
        return ESRCH;
    }
    before = stamp_of(master->pid_path);
    if (kill(facts.pid, SIGUSR2) != 0) {
        status = errno;
        *why = apr_psprintf(p, "SIGUSR2 to process %ld: %pm", (long)facts.pid, &status);
        return status;
    }
    return wait_for_reload(p, master, facts.pid, &before, appear, vanish, wait_sec, why);
}
