/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files a master reads: each include line of the main file, and of the files that it
 * reads, followed as PHP-FPM follows it. Entry point: fpmp_facts_includes.
 */
#include "host.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Without doubled slashes: the pool directory is spelled so too, and paths are compared. */
static const char *squeeze(apr_pool_t *p, const char *path)
{
    char *copy = apr_pstrdup(p, path), *out = copy;

    for (; *path; path++) {
        if (*path != '/' || out == copy || out[-1] != '/') {
            *out++ = *path;
        }
    }
    *out = '\0';
    return copy;
}

/* FPM puts its compiled-in prefix before a relative pattern, which nobody can ask it for.
 * Where the pattern's directory is the tail of pool_dir, the rest of pool_dir is that
 * prefix. */
static const char *resolve_pattern(apr_pool_t *p, const fpmp_master_t *master,
                                   const char *pattern)
{
    const char *slash = strrchr(pattern, '/');
    size_t tail = slash ? (size_t)(slash - pattern) : 0;
    size_t len = master->pool_dir ? strlen(master->pool_dir) : 0;

    if (*pattern == '/') {
        return squeeze(p, pattern);
    }
    if (tail == 0 || len <= tail || master->pool_dir[len - tail - 1] != '/' ||
        strncmp(master->pool_dir + len - tail, pattern, tail) != 0) {
        return NULL;
    }
    return apr_pstrcat(p, master->pool_dir, slash, NULL);
}

/* glob(3) hands no baton to its callback, and says no reason of its own. */
static int keep_errno(const char *path, int err)
{
    (void)path;
    errno = err;
    return 1;
}

apr_array_header_t *fpmp_facts_include(apr_pool_t *p, const fpmp_master_t *master,
                                       const char *pattern, const char **resolved, int *err)
{
    apr_array_header_t *paths = apr_array_make(p, 16, sizeof(const char *));
    glob_t found;
    size_t i;
    int status;

    *err = 0;
    *resolved = resolve_pattern(p, master, pattern);
    if (!*resolved) {
        return paths;
    }
    status = glob(*resolved, GLOB_ERR | GLOB_MARK | GLOB_NOSORT, keep_errno, &found);
    if (status != 0) {
        *err = status == GLOB_ABORTED ? errno : 0;
        return paths;
    }
    for (i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i];

        if (*path && path[strlen(path) - 1] != '/') {
            APR_ARRAY_PUSH(paths, const char *) = apr_pstrdup(p, path);
        }
    }
    globfree(&found);
    qsort(paths->elts, (size_t)paths->nelts, sizeof(const char *), compare_paths);
    return paths;
}

static void follow(apr_pool_t *p, const fpmp_master_t *master, fpmp_master_facts_t *facts,
                   const fpmp_file_t *file, int depth);

/* The pool directory is looked at for itself; whatever lies elsewhere has its own way. */
static int is_in_pool_dir(const fpmp_master_t *master, const char *path)
{
    size_t len = master->pool_dir ? strlen(master->pool_dir) : 0;

    return len > 0 && strncmp(path, master->pool_dir, len) == 0 && path[len] == '/' &&
           !strchr(path + len + 1, '/');
}

/* A file that is matched twice is looked at once, and FPM reads it at both places. */
static void take_file(apr_pool_t *p, const fpmp_master_t *master,
                      fpmp_master_facts_t *facts, fpmp_include_t *include, const char *path)
{
    fpmp_file_t *file = apr_hash_get(facts->by_path, path, APR_HASH_KEY_STRING);

    if (file) {
        APR_ARRAY_PUSH(include->files, fpmp_file_t *) = file;
        return;
    }
    file = apr_palloc(p, sizeof(*file));
    fpmp_facts_file(p, path, file);
    if (file->node.kind == FPMP_NODE_LINK || !is_in_pool_dir(master, path)) {
        file->way = fpmp_facts_real_way(p, path);
    }
    APR_ARRAY_PUSH(facts->files, fpmp_file_t *) = file;
    APR_ARRAY_PUSH(include->files, fpmp_file_t *) = file;
    apr_hash_set(facts->by_path, file->node.path, APR_HASH_KEY_STRING, file);
    /* Most files hold one pool and are not parsed here: a thousand of them stay quick. */
    if (file->text && strstr(file->text, "include")) {
        follow(p, master, facts, file, include->depth + 1);
    }
}

/* FPM takes includes in any section, and compares only this key with case. */
static void follow(apr_pool_t *p, const fpmp_master_t *master, fpmp_master_facts_t *facts,
                   const fpmp_file_t *file, int depth)
{
    const fpmp_ini_t *ini = fpmp_ini_read(p, file->text, file->len);
    int i, k;

    for (i = 0; i < ini->entries->nelts; i++) {
        const fpmp_ini_entry_t *entry = &APR_ARRAY_IDX(ini->entries, i, fpmp_ini_entry_t);
        const apr_array_header_t *paths;
        fpmp_include_t *include;

        if (!entry->name || entry->subkey || strcmp(entry->name, "include") != 0 ||
            !*entry->value) {
            continue;
        }
        include = apr_pcalloc(p, sizeof(*include));
        include->file = file->node.path;
        include->line = entry->line;
        include->pattern = entry->value;
        include->depth = depth;
        include->files = apr_array_make(p, 16, sizeof(fpmp_file_t *));
        APR_ARRAY_PUSH(facts->includes, fpmp_include_t *) = include;
        if (depth > FPMP_INCLUDE_DEPTH_MAX) {
            continue;
        }
        paths = fpmp_facts_include(p, master, entry->value, &include->resolved,
                                   &include->dir_errno);
        for (k = 0; k < paths->nelts; k++) {
            take_file(p, master, facts, include, APR_ARRAY_IDX(paths, k, const char *));
        }
    }
}

void fpmp_facts_includes(apr_pool_t *p, const fpmp_master_t *master,
                         fpmp_master_facts_t *facts)
{
    facts->files = apr_array_make(p, 16, sizeof(fpmp_file_t *));
    facts->by_path = apr_hash_make(p);
    facts->includes = apr_array_make(p, 2, sizeof(fpmp_include_t *));
    if (facts->main.text) {
        follow(p, master, facts, &facts->main, 1);
    }
}
