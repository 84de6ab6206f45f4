/* SPDX-License-Identifier: Apache-2.0
 *
 * Lets PHP-FPM itself judge a set of changes before any file of its own is touched: a
 * private directory gets the changed files and a main file that names them among the
 * unchanged ones, and "php-fpm -t" reads that. The directory is gone afterwards.
 * Entry point: fpmp_master_test. The real directories are only read.
 */
#include "host.h"

#include <apr_file_io.h>
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

typedef struct {
    apr_pool_t *p;
    const fpmp_master_t *master;
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

/* Remove a directory that holds files only. */
static void empty(apr_pool_t *p, const char *dir)
{
    glob_t files = { 0 };

    if (glob(apr_pstrcat(p, dir, "/*", NULL), GLOB_NOSORT, NULL, &files) == 0) {
        for (size_t i = 0; i < files.gl_pathc; i++) {
            unlink(files.gl_pathv[i]);
        }
    }
    globfree(&files);
    rmdir(dir);
}

/* Remove what a killed run left: a directory of ours whose process is gone. */
static void sweep(apr_pool_t *p, const char *temp_dir)
{
    const char *pattern = apr_pstrcat(p, temp_dir, "/" STAGE_PREFIX "*", NULL);
    glob_t old = { 0 };
    struct stat st;

    if (glob(pattern, GLOB_NOSORT, NULL, &old) == 0) {
        for (size_t i = 0; i < old.gl_pathc; i++) {
            pid_t pid = atoi(old.gl_pathv[i] + strlen(temp_dir) + strlen("/" STAGE_PREFIX));

            if (pid > 0 && kill(pid, 0) != 0 && errno == ESRCH &&
                lstat(old.gl_pathv[i], &st) == 0 && S_ISDIR(st.st_mode) &&
                st.st_uid == geteuid()) {
                empty(p, old.gl_pathv[i]);
            }
        }
    }
    globfree(&old);
}

static int open_stage(stage_t *stage, const char **why)
{
    const char *temp_dir;
    apr_status_t status = apr_temp_dir_get(&temp_dir, stage->p);
    char *dir;

    if (status != APR_SUCCESS) {
        *why = "no directory for temporary files is found";
        return ENOENT;
    }
    sweep(stage->p, temp_dir);
    dir = apr_psprintf(stage->p, "%s/" STAGE_PREFIX "%d.XXXXXX", temp_dir, (int)getpid());
    if (!mkdtemp(dir)) { /* mode 0700 */
        status = errno;
        *why =
            apr_psprintf(stage->p, "a directory for the test in '%s' cannot be made: %pm",
                         temp_dir, &status);
        return status;
    }
    stage->dir = dir;
    return 0;
}

/* Put text into the stage under the base name of path; NULL and *why if it cannot be. */
static const char *put_file(stage_t *stage, const char *path, const char *text, int *err,
                            const char **why)
{
    const char *slash = strrchr(path, '/');
    const char *to = apr_pstrcat(stage->p, stage->dir, "/", slash ? slash + 1 : path, NULL);
    size_t left = strlen(text);
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n = 0;

    *err = fd >= 0 ? 0 : errno;
    for (; *err == 0 && left > 0; text += n, left -= (size_t)n) {
        n = write(fd, text, left);
        if (n < 0) {
            *err = errno == EINTR ? 0 : errno;
            n = 0;
        }
    }
    if (fd >= 0 && close(fd) != 0 && *err == 0) {
        *err = errno;
    }
    if (*err != 0) {
        apr_status_t status = *err;

        *why = apr_psprintf(stage->p, "the copy '%s' for the test cannot be written: %pm",
                            to, &status);
        return NULL;
    }
    APR_ARRAY_PUSH(stage->names, const char *) = to;
    APR_ARRAY_PUSH(stage->names, const char *) = path;
    return to;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The files a pattern would match after the changes, in FPM's order by their real paths,
 * each by the path where the test finds its bytes. */
static apr_array_header_t *expand(void *baton, const char *pattern)
{
    stage_t *stage = baton;
    const char *resolved;
    apr_array_header_t *paths =
        fpmp_facts_include(stage->p, stage->master, pattern, &resolved);
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
        if (!change || !is_removal(change)) {
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

static int fill_stage(stage_t *stage, const char *main_text,
                      const apr_array_header_t *changes, const char **why)
{
    const char *staged;
    int i, err = 0;

    for (i = 0; i < changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(changes, i, fpmp_change_t);

        apr_hash_set(stage->changes, change->path, APR_HASH_KEY_STRING, change);
        if (!is_write(change)) {
            continue;
        }
        staged = put_file(stage, change->path, change->text, &err, why);
        if (!staged) {
            return err;
        }
        apr_hash_set(stage->staged, change->path, APR_HASH_KEY_STRING, staged);
    }
    stage->main_path =
        put_file(stage, stage->master->config_path,
                 fpmp_stage_text(stage->p, main_text, expand, stage), &err, why);
    return err;
}

/* ---- FPM's own words -------------------------------------------------------------- */

/* Each 'from' once, from left to right: 'to' may contain it. */
static const char *replace(apr_pool_t *p, const char *text, const char *from,
                           const char *to)
{
    const char *done = "", *at;

    while ((at = strstr(text, from)) != NULL) {
        done = apr_pstrcat(p, done, apr_pstrmemdup(p, text, at - text), to, NULL);
        text = at + strlen(from);
    }
    return apr_pstrcat(p, done, text, NULL);
}

/* "[22-Nov-2026 23:25:56] ERROR: x" -> "ERROR: x" */
static const char *without_time(const char *line)
{
    const char *end =
        *line == '[' && line[1] >= '0' && line[1] <= '9' ? strchr(line, ']') : NULL;

    return end && end[1] == ' ' ? end + 2 : line;
}

static const char *first_complaint(apr_pool_t *p, const char *output)
{
    static const char *const marks[] = { "ERROR", "ALERT", "syntax error" };
    const char *first = NULL;
    size_t i, len;

    for (; *output; output += len + (output[len] == '\n')) {
        const char *line;

        len = strcspn(output, "\n");
        line = apr_pstrmemdup(p, output, len);
        for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
            if (strstr(line, marks[i])) {
                return line;
            }
        }
        first = !first && len > 0 ? line : first;
    }
    return first;
}

/* PHP's syntax errors say "in Unknown"; the file stands in the line after. */
static const char *name_the_file(apr_pool_t *p, const char *line, const char *output)
{
    const char *at = strstr(output, "Unable to include "), *end;

    if (!strstr(line, "syntax error") || !at) {
        return line;
    }
    at += strlen("Unable to include ");
    end = strstr(at, " from ");
    return end ? replace(p, line, " in Unknown ",
                         apr_psprintf(p, " in %s ", apr_pstrmemdup(p, at, end - at)))
               : line;
}

/* One line without control characters: it goes into httpd's log. */
static const char *complaint(stage_t *stage, const char *output)
{
    const char *line = first_complaint(stage->p, output);
    char *c, *text;
    int i;

    if (!line) {
        return NULL;
    }
    line = name_the_file(stage->p, without_time(line), output);
    for (i = 0; i + 1 < stage->names->nelts; i += 2) {
        line = replace(stage->p, line, APR_ARRAY_IDX(stage->names, i, const char *),
                       APR_ARRAY_IDX(stage->names, i + 1, const char *));
    }
    text = apr_pstrdup(stage->p, line);
    for (c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = ' ';
        }
    }
    return text;
}

static int judge_run(stage_t *stage, const fpmp_run_t *run, const char **why)
{
    const char *binary = stage->master->binary_path;

    /* Without a status (SIGCHLD ignored) FPM's own last word decides. */
    if (run->reaped > 0 ? WIFEXITED(run->status) && WEXITSTATUS(run->status) == 0
                        : strstr(run->text, "test is successful") != NULL) {
        return 0;
    }
    *why = complaint(stage, run->text);
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

static int run_test(stage_t *stage, int limit_sec, const char **why)
{
    const char *binary = stage->master->binary_path;
    char *argv[] = {
        (char *)binary, "-t", "-F", "-O", "-y", (char *)stage->main_path, NULL
    };
    fpmp_run_t run;
    apr_status_t status = fpmp_run_program(stage->p, argv, limit_sec, &run);

    if (status == ETIMEDOUT) {
        *why = apr_psprintf(stage->p, "'%s -t' did not end within %d s and was killed",
                            binary, limit_sec);
        return status;
    }
    if (status != 0) {
        *why = apr_psprintf(stage->p, "'%s' cannot be started: %pm", binary, &status);
        return status;
    }
    return judge_run(stage, &run, why);
}

/* ---- the whole test --------------------------------------------------------------- */

int fpmp_master_test(apr_pool_t *p, const fpmp_master_t *master,
                     const fpmp_master_facts_t *facts, const apr_array_header_t *changes,
                     int limit_sec, const char **why)
{
    stage_t stage = { .p = p, .master = master };
    int err;

    if (!master->binary_path || !master->config_path || !facts->main.text) {
        *why = "the program or the main file is not known, so nothing can be tested";
        return ENOENT;
    }
    stage.names = apr_array_make(p, changes->nelts * 2 + 2, sizeof(const char *));
    stage.changes = apr_hash_make(p);
    stage.staged = apr_hash_make(p);
    err = open_stage(&stage, why);
    if (err != 0) {
        return err;
    }
    err = fill_stage(&stage, facts->main.text, changes, why);
    if (err == 0) {
        err = run_test(&stage, limit_sec, why);
    }
    empty(p, stage.dir);
    return err;
}
