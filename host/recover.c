/* SPDX-License-Identifier: Apache-2.0
 *
 * Brings a PHP-FPM back that ended: what its log said meanwhile, sockets that nobody listens
 * on, and its start by whoever starts it on this machine. Entry points: fpmp_log_mark before
 * a signal; fpmp_log_since, fpmp_socket_drop and fpmp_master_start after it.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOG_MAX_BYTES 65536
#define TITLE_MAX_BYTES 4096

apr_off_t fpmp_log_mark(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;
}

const char *fpmp_log_since(apr_pool_t *p, const char *path, apr_off_t mark)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text = apr_palloc(p, LOG_MAX_BYTES + 1);
    ssize_t n = 0;
    struct stat st;

    if (fd >= 0) {
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
            n = pread(fd, text, LOG_MAX_BYTES, st.st_size < mark ? 0 : mark);
        }
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* Nothing is sent, and the connection of a listener that is alive is closed at once. */
static int is_dead(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd, dead;

    if (strlen(path) >= sizeof(name.sun_path)) {
        return 0;
    }
    strcpy(name.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return 0;
    }
    dead = connect(fd, (const struct sockaddr *)&name, sizeof(name)) != 0 &&
           errno == ECONNREFUSED;
    close(fd);
    return dead;
}

int fpmp_socket_clear(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && is_dead(path) &&
           unlink(path) == 0;
}

void fpmp_socket_drop(const char *path)
{
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        unlink(path);
    }
}

/* ---- who starts it? ----------------------------------------------------------------- */

static const char *read_text(apr_pool_t *p, const char *path)
{
    char *text = apr_palloc(p, TITLE_MAX_BYTES + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, TITLE_MAX_BYTES) : -1;

    if (fd >= 0) {
        close(fd);
    }
    if (n <= 0) {
        return NULL;
    }
    text[n] = '\0';
    return text;
}

/* The number behind ") S " in /proc/PID/stat: its parent. */
static long parent_of(apr_pool_t *p, pid_t pid)
{
    const char *text = read_text(p, apr_psprintf(p, "/proc/%ld/stat", (long)pid));
    const char *end = text ? strrchr(text, ')') : NULL;

    return end && strlen(end) > 4 ? strtol(end + 4, NULL, 10) : 0;
}

fpmp_keeper_t fpmp_master_keeper(apr_pool_t *p, pid_t pid)
{
    const char *cgroup = read_text(p, apr_psprintf(p, "/proc/%ld/cgroup", (long)pid));
    fpmp_keeper_t keeper = { 0 };

    if (cgroup && access("/run/systemd/system", F_OK) == 0) {
        keeper.unit = fpmp_unit_name(p, cgroup);
    }
    keeper.supervised = !keeper.unit && parent_of(p, pid) > 1;
    return keeper;
}

/* The program that starts PHP-FPM again, with its arguments; NULL: somebody else does. */
static char **start_command(apr_pool_t *p, const fpmp_master_t *master,
                            const fpmp_keeper_t *keeper)
{
    char **argv = NULL, *direct[] = { (char *)master->binary_path, "-D", "-y",
                                      (char *)master->config_path, NULL };
    char *unit[] = { "/usr/bin/systemctl", "start", (char *)keeper->unit, NULL };

    if (master->start_command) {
        apr_tokenize_to_argv(master->start_command, &argv, p);
        return argv;
    }
    if (keeper->unit) {
        return apr_pmemdup(p, unit, sizeof(unit));
    }
    return keeper->supervised ? NULL : apr_pmemdup(p, direct, sizeof(direct));
}

static const char *words_of(apr_pool_t *p, char *const *argv)
{
    const char *text = *argv;

    while (*++argv) {
        text = apr_pstrcat(p, text, " ", *argv, NULL);
    }
    return text;
}

int fpmp_master_start(apr_pool_t *p, const fpmp_master_t *master,
                      const fpmp_keeper_t *keeper, int wait_sec, const char **how,
                      const char **why)
{
    char **argv = start_command(p, master, keeper);
    const apr_array_header_t *none = apr_array_make(p, 1, sizeof(const char *));
    apr_status_t status;
    fpmp_run_t run;

    *how = argv ? words_of(p, argv) : "whoever supervises it";
    if (argv) {
        status = fpmp_run_program(p, argv, 0, wait_sec, FPMP_RUN_TEXT_BYTES, &run);
        if (status != 0 || run.status != 0) {
            const char *said = status == 0 ? fpmp_complaint(p, run.text, none) : NULL;

            *why = said          ? said
                   : status != 0 ? apr_psprintf(p, "%pm", &status)
                                 : "it failed and said nothing";
            return status ? status : EINVAL;
        }
    }
    return fpmp_master_await(p, master, wait_sec, why);
}
