/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts given bytes at a path, whole or not at all. Every step works relative to one open
 * directory, locked for its master, so nobody can move it away between two steps, and no
 * name is ever followed. Entry points: fpmp_dir_lock, fpmp_pool_write, fpmp_dir_unlock.
 * Knows nothing about what it writes; the contract is in host/host.h.
 */
#include "host/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The leading dot keeps FPM's "*.conf" away (glob(3) skips such names), and the last
 * part does so for a pattern that starts with a dot. */
#define TEMP_PREFIX "." FPMP_FILE_PREFIX
#define TEMP_SUFFIX ".tmp"
#define LOCK_NAME TEMP_PREFIX "lock"
#define TEMP_TRIES 100
#define ASIDE_TRIES 99
#define LOCK_POLL_NS 10000000L /* 10 ms */

/* ---- phrases ---------------------------------------------------------------------- */

/* The directory's path for phrases only; where the system cannot tell, the bare name. */
static const char *path_of(apr_pool_t *p, int dir_fd, const char *name)
{
    char dir[4096];
    ssize_t n = readlink(apr_psprintf(p, "/proc/self/fd/%d", dir_fd), dir, sizeof(dir) - 1);

    if (n <= 0 || dir[0] != '/') {
        return name;
    }
    dir[n] = '\0';
    return apr_pstrcat(p, dir, strcmp(dir, "/") == 0 ? "" : "/", name, NULL);
}

/* "'PATH': no space left on device while writing" */
static const char *step_phrase(apr_pool_t *p, const char *path, int err, const char *step)
{
    char words[200];

    apr_strerror(err, words, sizeof(words));
    if (words[0] >= 'A' && words[0] <= 'Z') {
        words[0] += 'a' - 'A';
    }
    return apr_psprintf(p, "'%s': %s while %s", path, words, step);
}

static int refuse_step(apr_pool_t *p, int dir_fd, const char *name, int err,
                       const char *step, const char **why)
{
    *why = step_phrase(p, path_of(p, dir_fd, name), err, step);
    return err;
}

/* ---- what may be at the target ---------------------------------------------------- */

static int is_plain_name(const char *name)
{
    return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0
           && strcmp(name, "..") != 0;
}

static const char *node_word(mode_t mode)
{
    return S_ISLNK(mode)    ? "a symbolic link"
           : S_ISDIR(mode)  ? "a directory"
           : S_ISSOCK(mode) ? "a socket"
           : S_ISFIFO(mode) ? "a FIFO"
                            : "a device";
}

/* The name holds a regular file or nothing. rename(2) would replace a link or a FIFO, yet
 * somebody put it there on purpose: it is not ours to remove. */
static int check_target(apr_pool_t *p, int dir_fd, const char *name, const char **why)
{
    struct stat st;

    if (!is_plain_name(name)) {
        *why = apr_psprintf(p, "'%s' is no plain file name", name);
        return EINVAL;
    }
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? 0
                               : refuse_step(p, dir_fd, name, errno, "looking at it", why);
    }
    if (S_ISREG(st.st_mode)) {
        return 0;
    }
    *why = apr_psprintf(p, "'%s' is %s, not a regular file", path_of(p, dir_fd, name),
                        node_word(st.st_mode));
    return S_ISDIR(st.st_mode) ? EISDIR : S_ISLNK(st.st_mode) ? ELOOP : EINVAL;
}

/* ---- the steps of a write --------------------------------------------------------- */

/* Open a temporary file that did not exist; *temp is its name. -1 and errno. */
static int open_temp(apr_pool_t *p, int dir_fd, const char **temp)
{
    int i, fd;

    for (i = 0; i < TEMP_TRIES; i++) {
        *temp = apr_psprintf(p, TEMP_PREFIX "%ld-%d" TEMP_SUFFIX, (long)getpid(), i);
        fd = openat(dir_fd, *temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    0600);
        if (fd >= 0 || errno != EEXIST) {
            return fd;
        }
    }
    errno = EEXIST;
    return -1;
}

static int write_full(int fd, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t n = write(fd, text, left);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno;
        }
        text += n;
        left -= (size_t)n;
    }
    return 0;
}

/* Bytes, mode and disk; the descriptor is closed in every case. */
static int fill_temp(int fd, const char *text, const char **step)
{
    int err;

    *step = "setting its mode to 0644"; /* open(2) took the umask off */
    err = fchmod(fd, 0644) == 0 ? 0 : errno;
    if (err == 0) {
        *step = "writing";
        err = write_full(fd, text);
    }
    if (err == 0) {
        *step = "bringing it to disk";
        err = fsync(fd) == 0 ? 0 : errno;
    }
    if (close(fd) != 0 && err == 0) {
        *step = "closing";
        err = errno;
    }
    return err;
}

/* A rename is only safe from a power cut when its directory is on disk. EINVAL: this file
 * system has no sync for directories, there is nothing to wait for. */
static int sync_dir(int dir_fd)
{
    return fsync(dir_fd) == 0 || errno == EINVAL ? 0 : errno;
}

int fpmp_pool_write(apr_pool_t *p, int dir_fd, const char *name, const char *text,
                    const char **why)
{
    const char *temp, *step = "making a temporary file";
    int err, fd;

    err = check_target(p, dir_fd, name, why);
    if (err != 0) {
        return err;
    }
    fd = open_temp(p, dir_fd, &temp);
    if (fd < 0) {
        return refuse_step(p, dir_fd, name, errno, step, why);
    }
    err = fill_temp(fd, text, &step);
    if (err == 0 && renameat(dir_fd, temp, dir_fd, name) != 0) {
        step = "renaming the temporary file to it";
        err = errno;
    }
    if (err != 0) {
        unlinkat(dir_fd, temp, 0);
        return refuse_step(p, dir_fd, name, err, step, why);
    }
    err = sync_dir(dir_fd);
    return err == 0
               ? 0
               : refuse_step(p, dir_fd, name, err, "bringing its directory to disk", why);
}

int fpmp_pool_remove(apr_pool_t *p, int dir_fd, const char *name, const char **why)
{
    int err;

    if (!is_plain_name(name)) {
        *why = apr_psprintf(p, "'%s' is no plain file name", name);
        return EINVAL;
    }
    if (unlinkat(dir_fd, name, 0) != 0) {
        return errno == ENOENT ? 0 : refuse_step(p, dir_fd, name, errno, "removing", why);
    }
    err = sync_dir(dir_fd);
    return err == 0
               ? 0
               : refuse_step(p, dir_fd, name, err, "bringing its directory to disk", why);
}

/* ---- keeping a file under another name ---------------------------------------------- */

static int is_same_file(int dir_fd, const char *a, const char *b)
{
    struct stat sa, sb;

    return fstatat(dir_fd, a, &sa, AT_SYMLINK_NOFOLLOW) == 0
           && fstatat(dir_fd, b, &sb, AT_SYMLINK_NOFOLLOW) == 0 && sa.st_dev == sb.st_dev
           && sa.st_ino == sb.st_ino;
}

/* A second name, not a move: linkat(2) never replaces. */
static int keep_as(apr_pool_t *p, int dir_fd, const char *name, const char *suffix,
                   const char **kept, const char **why)
{
    int i, err = check_target(p, dir_fd, name, why);

    if (err != 0) {
        return err;
    }
    for (i = 1; i <= ASIDE_TRIES; i++) {
        const char *to = i == 1 ? apr_pstrcat(p, name, suffix, NULL)
                                : apr_psprintf(p, "%s%s.%d", name, suffix, i);

        if (linkat(dir_fd, name, dir_fd, to, 0) != 0 && errno != EEXIST) {
            return refuse_step(p, dir_fd, name, errno,
                               apr_psprintf(p, "keeping it as '%s'", to), why);
        }
        /* Also true for the name that a killed run made for this very file. */
        if (is_same_file(dir_fd, name, to)) {
            *kept = to;
            err = sync_dir(dir_fd);
            return err == 0 ? 0
                            : refuse_step(p, dir_fd, to, err,
                                          "bringing its directory to disk", why);
        }
    }
    *why = apr_psprintf(p, "'%s': the names %s to %s.%d beside it are all taken",
                        path_of(p, dir_fd, name), suffix, suffix, ASIDE_TRIES);
    return EEXIST;
}

/* Until the new text is renamed over the first name, FPM finds the old file there. */
int fpmp_pool_keep_aside(apr_pool_t *p, int dir_fd, const char *name, const char **kept,
                         const char **why)
{
    return keep_as(p, dir_fd, name, ".edited", kept, why);
}

/* Killed between the two steps, it leaves both names, and the next run finds that. */
int fpmp_pool_quarantine(apr_pool_t *p, int dir_fd, const char *name, const char **kept,
                         const char **why)
{
    int err = keep_as(p, dir_fd, name, ".orphan", kept, why);

    return err == 0 ? fpmp_pool_remove(p, dir_fd, name, why) : err;
}

/* ---- the directory and its lock --------------------------------------------------- */

static int is_temp_name(const char *name)
{
    size_t len = strlen(name), head = strlen(TEMP_PREFIX), tail = strlen(TEMP_SUFFIX);

    return len > head + tail && strncmp(name, TEMP_PREFIX, head) == 0
           && strcmp(name + len - tail, TEMP_SUFFIX) == 0;
}

/* Remove what killed writers left. Under the lock nobody else is writing. What cannot be
 * removed does no harm, FPM never reads it: no failure. */
static void remove_stale_temps(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    struct stat st;

    if (!dir) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (is_temp_name(entry->d_name)
            && fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISREG(st.st_mode) && st.st_uid == geteuid()) {
            unlinkat(dir_fd, entry->d_name, 0);
        }
    }
    closedir(dir);
}

/* flock(2) has no time limit of its own, and an alarm would be httpd's. */
static int lock_until(int fd, int wait_sec)
{
    const struct timespec pause = { .tv_nsec = LOCK_POLL_NS };
    struct timespec now, end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += wait_sec;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return errno;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > end.tv_sec
            || (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec)) {
            return ETIMEDOUT;
        }
        nanosleep(&pause, NULL);
    }
    return 0;
}

/* The file that is locked: only we can open it. -1 and errno. */
static int open_lock(int dir_fd)
{
    int fd = openat(dir_fd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                    0600);
    struct stat st;

    if (fd < 0 && errno == EROFS) {
        return openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
                    ((st.st_mode & 07777) != 0600 && fchmod(fd, 0600) != 0))) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

/* 0 or errno and why. */
static int open_dir(apr_pool_t *p, const char *dir, int *fd, const char **why)
{
    struct stat st;
    int err;

    *fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd >= 0) {
        return 0;
    }
    err = errno;
    *why = lstat(dir, &st) == 0 && !S_ISDIR(st.st_mode)
               ? apr_psprintf(p, "'%s' is %s, not a directory", dir,
                              S_ISREG(st.st_mode) ? "a regular file"
                                                  : node_word(st.st_mode))
               : step_phrase(p, dir, err, "opening the directory");
    return err;
}

int fpmp_dir_lock(apr_pool_t *p, const char *dir, int wait_sec, fpmp_lock_t *lock,
                  const char **why)
{
    int err = open_dir(p, dir, &lock->dir_fd, why);

    lock->lock_fd = -1;
    if (err != 0) {
        return err;
    }
    lock->lock_fd = open_lock(lock->dir_fd);
    err = lock->lock_fd < 0 ? errno : lock_until(lock->lock_fd, wait_sec);
    if (err == 0) {
        remove_stale_temps(lock->dir_fd);
        return 0;
    }
    *why = err == ETIMEDOUT
               ? apr_psprintf(p, "'%s/" LOCK_NAME "': another process has held it for %d s",
                              dir, wait_sec)
               : step_phrase(p, apr_pstrcat(p, dir, "/" LOCK_NAME, NULL), err, "locking it");
    fpmp_dir_unlock(lock);
    return err;
}

void fpmp_dir_unlock(fpmp_lock_t *lock)
{
    if (lock->lock_fd >= 0) {
        close(lock->lock_fd);
    }
    if (lock->dir_fd >= 0) {
        close(lock->dir_fd);
    }
    lock->dir_fd = lock->lock_fd = -1;
}
