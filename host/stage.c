/* SPDX-License-Identifier: Apache-2.0
 *
 * Lets PHP-FPM itself judge a set of changes before any file of its own is touched: a
 * private directory gets the changed files and a main file that names them among the
 * unchanged ones, and "php-fpm -t" reads that. The directory is gone afterwards, or at
 * the next fpmp_stage_sweep. Entry points: fpmp_master_test before a change,
 * fpmp_master_print for configtest, where every file is a copy whose log files are
 * /dev/null. The real directories are only read.
 */
#include "host.h"

#include <apr_file_io.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAGE_PREFIX "fpmpool-test."
#define PRINT_MAX_BYTES (8 * 1024 * 1024) /* 3.5 KB a pool (8.2.36) */

typedef struct {
    apr_pool_t *p;
    const fpmp_master_t *master;
    const fpmp_master_facts_t *facts;
    apr_hash_t *known; /* real path: left out of the copy; NULL: none */
    int silent;        /* 1: nothing that FPM opens for writing may be the real file */
    const char *dir;
    const char *main_path;     /* the staged main file */
    apr_array_header_t *names; /* pairs of const char *: staged path, real path */
    apr_hash_t *changes;       /* real path -> fpmp_change_t */
    apr_hash_t *staged;        /* real path -> staged path */
} stage_t;

static int is_write(const fpmp_change_t *change)
{
    return change->kind == FPMP_CHANGE_WRITE || change->kind == FPMP_CHANGE_WRITE_ASIDE;
}

static int is_removal(const fpmp_change_t *change)
{
    return change->kind == FPMP_CHANGE_REMOVE || change->kind == FPMP_CHANGE_REMOVE_ASIDE;
}

/* ---- the private directory -------------------------------------------------------- */

/* Remove a directory of our own that holds files only, by what was opened: no link counts. */
static void empty(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct stat st;

    if (dir && fstat(fd, &st) == 0 && st.st_uid == geteuid()) {
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
            if (entry->d_type != DT_DIR) { /* "." and ".." */
                unlinkat(fd, entry->d_name, 0);
            }
        }
        rmdir(path);
    }
    if (dir) {
        closedir(dir);
    }
}

const char *fpmp_stage_sweep(apr_pool_t *p)
{
    const char *temp_dir;
    glob_t old = { 0 };

    if (apr_temp_dir_get(&temp_dir, p) != APR_SUCCESS) {
        return NULL;
    }
    glob(apr_pstrcat(p, temp_dir, "/" STAGE_PREFIX "*", NULL), GLOB_NOSORT, NULL, &old);
    for (size_t i = 0; i < old.gl_pathc; i++) {
        pid_t pid = atoi(old.gl_pathv[i] + strlen(temp_dir) + strlen("/" STAGE_PREFIX));

        if (pid > 0 && kill(pid, 0) != 0 && errno == ESRCH) {
            empty(old.gl_pathv[i]);
        }
    }
    globfree(&old);
    return temp_dir;
}

static int open_stage(stage_t *stage, const char **why)
{
    const char *temp_dir = fpmp_stage_sweep(stage->p);
    apr_status_t status;
    char *dir;

    if (!temp_dir) {
        *why = "no directory for temporary files is found";
        return ENOENT;
    }
    dir = apr_psprintf(stage->p, "%s/" STAGE_PREFIX "%d.XXXXXX", temp_dir, (int)getpid());
    if (!mkdtemp(dir)) { /* mode 0700 */
        status = errno;
        *why = apr_psprintf(stage->p, "a directory for the test in '%s' cannot be made: %pm",
                            temp_dir, &status);
        return status;
    }
    stage->dir = dir;
    return 0;
}

/* The name in the stage that will hold the bytes of path. */
static const char *name_file(stage_t *stage, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *to = apr_psprintf(stage->p, "%s/%d-%s", stage->dir, stage->names->nelts / 2,
                                  slash ? slash + 1 : path);

    APR_ARRAY_PUSH(stage->names, const char *) = to;
    APR_ARRAY_PUSH(stage->names, const char *) = path;
    apr_hash_set(stage->staged, path, APR_HASH_KEY_STRING, to);
    return to;
}

/* Put text into the stage; 0, or errno and *why if it cannot be. */
static int put_file(stage_t *stage, const char *to, const char *text, const char **why)
{
    size_t left = strlen(text);
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    apr_status_t err = fd >= 0 ? 0 : errno;
    ssize_t n = 0;

    for (; err == 0 && left > 0; text += n, left -= (size_t)n) {
        n = write(fd, text, left);
        if (n < 0) {
            err = errno == EINTR ? 0 : errno;
            n = 0;
        }
    }
    if (fd >= 0 && close(fd) != 0 && err == 0) {
        err = errno;
    }
    if (err != 0) {
        *why = apr_psprintf(stage->p, "the copy '%s' for the test cannot be written: %pm",
                            to, &err);
    }
    return err;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int is_known(const stage_t *stage, const char *path)
{
    return stage->known && apr_hash_get(stage->known, path, APR_HASH_KEY_STRING);
}

/* The files a pattern would match after the changes, in FPM's order by their real paths,
 * each by the path where the test finds its bytes. */
static apr_array_header_t *expand(void *baton, const char *pattern)
{
    stage_t *stage = baton;
    const char *resolved;
    int err;
    apr_array_header_t *paths =
        fpmp_facts_include(stage->p, stage->master, pattern, &resolved, &err);
    apr_array_header_t *out =
        apr_array_make(stage->p, paths->nelts + 4, sizeof(const char *));
    apr_hash_t *listed = apr_hash_make(stage->p);
    apr_hash_index_t *at;
    int i;

    for (i = 0; i < paths->nelts; i++) {
        const char *path = APR_ARRAY_IDX(paths, i, const char *);
        const fpmp_change_t *change =
            apr_hash_get(stage->changes, path, APR_HASH_KEY_STRING);

        apr_hash_set(listed, path, APR_HASH_KEY_STRING, path);
        if ((!change || !is_removal(change)) && !is_known(stage, path)) {
            APR_ARRAY_PUSH(out, const char *) = path;
        }
    }
    for (at = apr_hash_first(stage->p, stage->staged); at; at = apr_hash_next(at)) {
        const char *path = apr_hash_this_key(at);

        if (resolved && !apr_hash_get(listed, path, APR_HASH_KEY_STRING) &&
            fnmatch(resolved, path, FNM_PATHNAME | FNM_PERIOD) == 0) {
            APR_ARRAY_PUSH(out, const char *) = path;
        }
    }
    qsort(out->elts, (size_t)out->nelts, sizeof(const char *), compare_paths);
    for (i = 0; i < out->nelts; i++) {
        const char **path = &APR_ARRAY_IDX(out, i, const char *);
        const char *staged = apr_hash_get(stage->staged, *path, APR_HASH_KEY_STRING);

        *path = staged ? staged : *path;
    }
    return out;
}

/* What goes into the copy of a file: for a silent test its log files become /dev/null. */
static const char *copy_text(stage_t *stage, const char *text)
{
    return stage->silent ? fpmp_stage_text(stage->p, fpmp_stage_silent(stage->p, text),
                                           expand, stage)
                         : text;
}

/* In a silent test every file is a copy, else only those that change. */
static int put_unchanged(stage_t *stage, const char **why)
{
    int i, err = 0;

    for (i = 0; stage->silent && !err && i < stage->facts->files->nelts; i++) {
        const fpmp_file_t *file = APR_ARRAY_IDX(stage->facts->files, i, fpmp_file_t *);
        const char *path = file->node.path;

        if (apr_hash_get(stage->changes, path, APR_HASH_KEY_STRING) ||
            is_known(stage, path)) {
            continue;
        }
        if (!file->text) {
            *why = apr_psprintf(stage->p, "'%s' could not be read", path);
            return EACCES;
        }
        err = put_file(stage, apr_hash_get(stage->staged, path, APR_HASH_KEY_STRING),
                       copy_text(stage, fpmp_stage_whole(stage->p, file->text, file->len)), why);
    }
    return err;
}

static int put_changed(stage_t *stage, const apr_array_header_t *changes, const char **why)
{
    int i, err = 0;

    for (i = 0; !err && i < changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(changes, i, fpmp_change_t);

        if (is_write(change)) {
            err = put_file(stage,
                           apr_hash_get(stage->staged, change->path, APR_HASH_KEY_STRING),
                           copy_text(stage, change->text), why);
        }
    }
    return err;
}

/* All names first: a copy that includes others has to know theirs. */
static void name_files(stage_t *stage, const apr_array_header_t *changes)
{
    for (int i = 0; i < changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(changes, i, fpmp_change_t);

        if (is_write(change)) {
            name_file(stage, change->path);
        }
        if (is_write(change) || is_removal(change)) {
            apr_hash_set(stage->changes, change->path, APR_HASH_KEY_STRING, change);
        }
    }
    for (int i = 0; stage->silent && i < stage->facts->files->nelts; i++) {
        const char *path = APR_ARRAY_IDX(stage->facts->files, i, fpmp_file_t *)->node.path;

        if (!is_known(stage, path) &&
            !apr_hash_get(stage->changes, path, APR_HASH_KEY_STRING)) {
            name_file(stage, path);
        }
    }
}

/* FPM opens its error log after it has read everything, so the last word counts. */
static int put_main(stage_t *stage, const char **why)
{
    static const char silence[] = "\n[global]\nerror_log = /dev/null\n";
    const char *text = fpmp_stage_whole(stage->p, stage->facts->main.text,
                                        stage->facts->main.len);

    stage->main_path = name_file(stage, stage->master->config_path);
    text = stage->silent
               ? apr_pstrcat(stage->p, copy_text(stage, text), silence, NULL)
               : fpmp_stage_text(stage->p, text, expand, stage);
    return put_file(stage, stage->main_path, text, why);
}

static int fill_stage(stage_t *stage, const apr_array_header_t *changes, const char **why)
{
    int err;

    name_files(stage, changes);
    err = put_changed(stage, changes, why);
    err = err ? err : put_unchanged(stage, why);
    return err ? err : put_main(stage, why);
}

/* ---- the run -------------------------------------------------------------------------- */

static int judge_run(stage_t *stage, const fpmp_run_t *run, const char **why)
{
    const char *binary = stage->master->binary_path;

    /* Without a status (SIGCHLD ignored) FPM's own last word decides. */
    if (run->reaped > 0 ? WIFEXITED(run->status) && WEXITSTATUS(run->status) == 0
                        : strstr(run->text, "test is successful") != NULL) {
        return 0;
    }
    *why = fpmp_complaint(stage->p, run->text, stage->names);
    if (!*why && run->reaped > 0 && WIFSIGNALED(run->status)) {
        *why = apr_psprintf(stage->p, "'%s -t' was ended by signal %d", binary,
                            WTERMSIG(run->status));
    }
    else if (!*why) {
        *why = apr_psprintf(stage->p, "'%s -t' ended with status %d and said nothing",
                            binary, run->reaped > 0 ? WEXITSTATUS(run->status) : -1);
    }
    return EINVAL;
}

static int run_test(stage_t *stage, int limit_sec, const char **print, const char **why)
{
    const char *binary = stage->master->binary_path;
    /* opcache would make its lock file in /tmp. */
    char *lock = apr_pstrcat(stage->p, "opcache.lockfile_path=", stage->dir, NULL);
    char *argv[] = { (char *)binary, print ? "-tt" : "-t", "-F", "-O", "-y",
                     (char *)stage->main_path, print ? "-d" : NULL, lock, NULL };
    fpmp_run_t run;
    apr_status_t status = fpmp_run_program(stage->p, argv, 1, limit_sec,
                                           print ? PRINT_MAX_BYTES : FPMP_RUN_TEXT_BYTES,
                                           &run);
    int err;

    if (status == ETIMEDOUT) {
        *why = apr_psprintf(stage->p, "'%s -t' did not end within %d s and was killed",
                            binary, limit_sec);
        return status;
    }
    if (status != 0) {
        *why = apr_psprintf(stage->p, "'%s' cannot be started: %pm", binary, &status);
        return status;
    }
    err = judge_run(stage, &run, why);
    if (print && err == 0 && run.len == PRINT_MAX_BYTES) {
        *why = apr_psprintf(stage->p, "'%s -tt' prints more than %d bytes", binary,
                            PRINT_MAX_BYTES);
        return EFBIG;
    }
    if (print && err == 0) {
        *print = run.text;
    }
    return err;
}

/* ---- the whole test --------------------------------------------------------------- */

static int run_stage(stage_t *stage, const apr_array_header_t *changes, int limit_sec,
                     const char **print, const char **why)
{
    apr_pool_t *p = stage->p;
    int err;

    if (!stage->master->binary_path || !stage->master->config_path ||
        !stage->facts->main.text) {
        *why = "the program or the main file is not known, so nothing can be tested";
        return ENOENT;
    }
    stage->names = apr_array_make(p, changes->nelts * 2 + 2, sizeof(const char *));
    stage->changes = apr_hash_make(p);
    stage->staged = apr_hash_make(p);
    err = open_stage(stage, why);
    if (err != 0) {
        return err;
    }
    err = fill_stage(stage, changes, why);
    err = err ? err : run_test(stage, limit_sec, print, why);
    empty(stage->dir);
    return err;
}

int fpmp_master_test(apr_pool_t *p, const fpmp_master_t *master,
                     const fpmp_master_facts_t *facts, const apr_array_header_t *changes,
                     int limit_sec, const char **why)
{
    stage_t stage = { .p = p, .master = master, .facts = facts };

    return run_stage(&stage, changes, limit_sec, NULL, why);
}

int fpmp_master_print(apr_pool_t *p, const fpmp_master_t *master,
                      const fpmp_master_facts_t *facts, const apr_array_header_t *changes,
                      apr_hash_t *known, int limit_sec, const char **print,
                      const char **why)
{
    stage_t stage = { .p = p, .master = master, .facts = facts, .known = known,
                      .silent = 1 };

    return run_stage(&stage, changes, limit_sec, print, why);
}
