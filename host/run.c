/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs one program to its end, with a time limit, and keeps what it says. Its input is
 * /dev/null, its environment a plain PATH; httpd's own children and SIGCHLD are left alone.
 * Entry point: fpmp_run_program.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 5

static int start_run(char *const argv[], fpmp_run_t *run)
{
    char *env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    int err, fds[2];

    if (access(argv[0], X_OK) != 0 || pipe2(fds, O_CLOEXEC) != 0) {
        return errno;
    }
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, fds[1], 1);
    posix_spawn_file_actions_adddup2(&files, fds[1], 2);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attr, 0); /* its own group, so that nothing of it survives */
    posix_spawnattr_setsigmask(&attr, &none);
    err = posix_spawn(&run->pid, argv[0], &files, &attr, argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    close(fds[1]);
    if (err != 0) {
        close(fds[0]);
        return err;
    }
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    run->out = fds[0];
    return 0;
}

/* Take what is there; beyond the limit it is read and dropped, so that the writer can go
 * on. */
static void take_output(fpmp_run_t *run)
{
    char rest[1024];
    ssize_t n;

    do {
        size_t room = run->max - run->len;

        n = room > 0 ? read(run->out, run->text + run->len, room)
                     : read(run->out, rest, sizeof(rest));
        if (n > 0 && room > 0) {
            run->len += (size_t)n;
        }
    } while (n > 0 || (n < 0 && errno == EINTR));
    run->text[run->len] = '\0';
}

/* waitpid(2) names this one child: SIGCHLD and httpd's other children are left alone. */
static void reap(fpmp_run_t *run, int flags)
{
    pid_t pid;

    do {
        pid = waitpid(run->pid, &run->status, flags);
    } while (pid < 0 && errno == EINTR);
    run->reaped = pid == run->pid ? 1 : pid < 0 ? -1 : 0;
}

static int finish_run(fpmp_run_t *run, int limit_sec)
{
    struct pollfd pfd = { .fd = run->out, .events = POLLIN };
    struct timespec now, end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += limit_sec;
    for (;;) {
        reap(run, WNOHANG);
        take_output(run);
        if (run->reaped) {
            return 0;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > end.tv_sec ||
            (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec)) {
            kill(-run->pid, SIGKILL);
            reap(run, 0);
            return ETIMEDOUT;
        }
        pfd.revents = 0;
        poll(&pfd, 1, POLL_MS);
        if (pfd.revents & POLLHUP) {
            pfd.fd = -1; /* its output is closed: only wait, do not spin */
        }
    }
}

int fpmp_run_program(apr_pool_t *p, char *const argv[], int limit_sec, size_t max,
                     fpmp_run_t *run)
{
    int err;

    memset(run, 0, sizeof(*run));
    run->max = max;
    run->text = apr_palloc(p, max + 1);
    err = start_run(argv, run);
    if (err != 0) {
        return err;
    }
    err = finish_run(run, limit_sec);
    close(run->out);
    return err;
}
