/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs one program to its end, with a time limit, and keeps what it says. Its input is
 * /dev/null, its environment a plain PATH, and of httpd's descriptors and signals it has
 * none; httpd's own children and SIGCHLD are left alone.
 * Entry point: fpmp_run_program.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#define POLL_MS 5

/* What the parent has open goes to nobody: a program that stays would keep the pipes of
 * httpd's logs open, and a log program would never see their end. */
static void close_others(int last_kept)
{
    long most = sysconf(_SC_OPEN_MAX);
    int fd;

#ifdef SYS_close_range /* Linux 5.9 */
    if (syscall(SYS_close_range, (unsigned int)last_kept + 1, ~0U, 0) == 0) {
        return;
    }
#endif
    for (fd = last_kept + 1; fd < most; fd++) {
        close(fd);
    }
}

/* In the new process: input, output, signals and group of its own, then the program. What
 * fails is told through fail, which a program that starts closes. */
static void become(char *const argv[], int leashed, pid_t parent, int out, int fail)
{
    char *env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    NULL };
    int err, i, null;
    sigset_t none;

    setpgid(0, 0); /* so that nothing of it survives a kill */
#ifdef PR_SET_PDEATHSIG
    if (leashed && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)) {
        _exit(127);
    }
#endif
    out = fcntl(out, F_DUPFD, 4); /* above those that are given away below */
    fail = fcntl(fail, F_DUPFD, 4);
    null = open("/dev/null", O_RDONLY);
    for (i = 1; i < NSIG; i++) {
        signal(i, SIG_DFL); /* httpd ignores some */
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (null >= 0 && dup2(null, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2 &&
        dup2(fail, 3) == 3 && fcntl(3, F_SETFD, FD_CLOEXEC) == 0) {
        fail = 3;
        close_others(3);
        execve(argv[0], argv, env);
    }
    err = errno;
    _exit(write(fail, &err, sizeof(err)) == sizeof(err) ? 127 : 126);
}

static int make_pipes(int out[2], int fail[2])
{
    if (pipe2(out, O_CLOEXEC) != 0) {
        return errno;
    }
    if (pipe2(fail, O_CLOEXEC) != 0) {
        close(out[0]);
        close(out[1]);
        return errno;
    }
    return 0;
}

static int start_run(char *const argv[], int leashed, fpmp_run_t *run)
{
    int out[2], fail[2], err = access(argv[0], X_OK) == 0 ? make_pipes(out, fail) : errno;
    pid_t self = getpid();
    ssize_t n;

    if (err != 0) {
        return err;
    }
    run->pid = fork();
    if (run->pid == 0) {
        become(argv, leashed, self, out[1], fail[1]);
    }
    err = run->pid < 0 ? errno : 0;
    close(out[1]);
    close(fail[1]);
    do {
        n = run->pid > 0 ? read(fail[0], &err, sizeof(err)) : 0;
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        waitpid(run->pid, NULL, 0);
    }
    close(fail[0]);
    if (err != 0) {
        close(out[0]);
        return err;
    }
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    run->out = out[0];
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

int fpmp_run_program(apr_pool_t *p, char *const argv[], int leashed, int limit_sec,
                     size_t max, fpmp_run_t *run)
{
    int err;

    memset(run, 0, sizeof(*run));
    run->max = max;
    run->text = apr_palloc(p, max + 1);
    err = start_run(argv, leashed, run);
    if (err != 0) {
        return err;
    }
    err = finish_run(run, limit_sec);
    close(run->out);
    return err;
}
