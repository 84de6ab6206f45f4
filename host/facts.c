/* SPDX-License-Identifier: Apache-2.0
 *
 * What the machine says: files and directories, and one look at a whole master. Tells "it
 * is not there" apart from "we could not look"; what either means is core's. Nothing is
 * changed, and nothing here blocks on a FIFO. Users: facts_user.c. Entry point:
 * fpmp_facts_master.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE_BYTES (1024 * 1024)
#define MAX_INCLUDE_DEPTH 5 /* FPM refuses deeper ones */

static const char *words(apr_pool_t *p, int err)
{
    apr_status_t status = err;

    return apr_psprintf(p, "%pm", &status);
}

/* ---- files and directories -------------------------------------------------------- */

static fpmp_node_e kind_of(mode_t mode)
{
    return S_ISREG(mode)    ? FPMP_NODE_FILE
           : S_ISDIR(mode)  ? FPMP_NODE_DIR
           : S_ISLNK(mode)  ? FPMP_NODE_LINK
           : S_ISSOCK(mode) ? FPMP_NODE_SOCKET
                            : FPMP_NODE_OTHER;
}

static apr_int64_t mtime_ns(const struct stat *st)
{
    return (apr_int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static void look_at_node(apr_pool_t *p, const char *path, int follow, fpmp_node_t *out)
{
    struct stat st;

    memset(out, 0, sizeof(*out));
    out->path = apr_pstrdup(p, path);
    if ((follow ? stat(path, &st) : lstat(path, &st)) != 0) {
        out->lookup =
            errno == ENOENT || errno == ENOTDIR ? FPMP_LOOKUP_MISSING : FPMP_LOOKUP_FAILED;
        out->why = words(p, errno);
        return;
    }
    out->lookup = FPMP_LOOKUP_FOUND;
    out->kind = kind_of(st.st_mode);
    out->uid = st.st_uid;
    out->gid = st.st_gid;
    out->mode = st.st_mode & 07777;
    out->mtime_ns = mtime_ns(&st);
}

void fpmp_facts_node(apr_pool_t *p, const char *path, fpmp_node_t *out)
{
    look_at_node(p, path, 0, out);
}

apr_array_header_t *fpmp_facts_path(apr_pool_t *p, const char *path)
{
    apr_array_header_t *nodes = apr_array_make(p, 6, sizeof(fpmp_node_t));
    const char *end = path + strspn(path, "/"), *next;
    fpmp_node_t *node = apr_array_push(nodes);

    look_at_node(p, "/", 1, node);
    while (*end && node->lookup == FPMP_LOOKUP_FOUND) {
        end += strcspn(end, "/");
        next = end + strspn(end, "/");
        node = apr_array_push(nodes);
        look_at_node(p, apr_pstrmemdup(p, path, end - path), *next != '\0', node);
        end = next;
    }
    return nodes;
}

/* The bytes of an open regular file; NULL and *why. */
static char *read_all(apr_pool_t *p, int fd, apr_size_t *len, const char **why)
{
    struct stat st;
    char *text;
    ssize_t n = 1;

    if (fstat(fd, &st) != 0) {
        *why = words(p, errno);
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        *why = "not a regular file";
        return NULL;
    }
    if (st.st_size > MAX_FILE_BYTES) {
        *why = apr_psprintf(p, "larger than %d bytes", MAX_FILE_BYTES);
        return NULL;
    }
    text = apr_palloc(p, (apr_size_t)st.st_size + 1);
    *len = 0;
    while (*len < (apr_size_t)st.st_size && n > 0) {
        n = read(fd, text + *len, (apr_size_t)st.st_size - *len);
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        if (n < 0) {
            *why = words(p, errno);
            return NULL;
        }
        *len += (apr_size_t)n;
    }
    text[*len] = '\0';
    return text;
}

/* A link is followed for its text, as FPM follows it, and stays a LINK in kind. Its time is
 * the later of the two: both say when FPM's view last changed. */
static void see_target_time(const char *path, fpmp_node_t *node)
{
    struct stat st;

    if (node->kind == FPMP_NODE_LINK && stat(path, &st) == 0 &&
        mtime_ns(&st) > node->mtime_ns) {
        node->mtime_ns = mtime_ns(&st);
    }
}

void fpmp_facts_file(apr_pool_t *p, const char *path, fpmp_file_t *out)
{
    int fd;

    memset(out, 0, sizeof(*out));
    look_at_node(p, path, 0, &out->node);
    if (out->node.lookup != FPMP_LOOKUP_FOUND) {
        return;
    }
    if (out->node.kind != FPMP_NODE_FILE && out->node.kind != FPMP_NODE_LINK) {
        out->node.why =
            "not a regular file"; /* opening a device may already do something */
        return;
    }
    see_target_time(path, &out->node);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        out->node.why = words(p, errno);
        return;
    }
    out->text = read_all(p, fd, &out->len, &out->node.why);
    close(fd);
}

/* ---- the files of a master -------------------------------------------------------- */

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

apr_array_header_t *fpmp_facts_include(apr_pool_t *p, const fpmp_master_t *master,
                                       const char *pattern, const char **resolved)
{
    apr_array_header_t *paths = apr_array_make(p, 16, sizeof(const char *));
    glob_t found;
    size_t i;

    *resolved = resolve_pattern(p, master, pattern);
    if (!*resolved || glob(*resolved, GLOB_MARK | GLOB_NOSORT, NULL, &found) != 0) {
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

static void take_timeout(const fpmp_ini_t *ini, int *timeout_sec)
{
    int i, sec;

    for (i = 0; i < ini->entries->nelts; i++) {
        const fpmp_ini_entry_t *entry = &APR_ARRAY_IDX(ini->entries, i, fpmp_ini_entry_t);

        if (entry->name && entry->section && strcasecmp(entry->section, "global") == 0 &&
            strcasecmp(entry->name, "process_control_timeout") == 0) {
            sec = fpmp_ini_time_sec(entry->value);
            *timeout_sec = sec > 0 ? sec : 0;
        }
    }
}

static void add_files(apr_pool_t *p, const fpmp_master_t *master,
                      fpmp_master_facts_t *facts, const apr_array_header_t *patterns,
                      int depth);

/* Most files hold one pool and are not parsed here: a thousand of them stay quick. */
static void add_file(apr_pool_t *p, const fpmp_master_t *master, fpmp_master_facts_t *facts,
                     const char *path, int depth)
{
    fpmp_file_t *file = apr_palloc(p, sizeof(*file));
    int has_global, has_include;

    fpmp_facts_file(p, path, file);
    APR_ARRAY_PUSH(facts->files, fpmp_file_t *) = file;
    apr_hash_set(facts->by_path, file->node.path, APR_HASH_KEY_STRING, file);
    has_global = file->text && strcasestr(file->text, "[global");
    has_include = file->text && strstr(file->text, "include");
    if (has_global || has_include) {
        const fpmp_ini_t *ini = fpmp_ini_read(p, file->text, file->len);

        take_timeout(ini, &facts->control_timeout_sec);
        add_files(p, master, facts, fpmp_main_pick(p, ini)->includes, depth + 1);
    }
}

/* A file that is matched twice is read once: FPM merges the second reading into the first.
 */
static void add_files(apr_pool_t *p, const fpmp_master_t *master,
                      fpmp_master_facts_t *facts, const apr_array_header_t *patterns,
                      int depth)
{
    int i, k;

    for (i = 0; i < patterns->nelts && depth <= MAX_INCLUDE_DEPTH; i++) {
        const char *pattern = APR_ARRAY_IDX(patterns, i, const char *), *resolved;
        const apr_array_header_t *paths = fpmp_facts_include(p, master, pattern, &resolved);

        for (k = 0; k < paths->nelts; k++) {
            const char *path = APR_ARRAY_IDX(paths, k, const char *);

            if (!apr_hash_get(facts->by_path, path, APR_HASH_KEY_STRING)) {
                add_file(p, master, facts, path, depth);
            }
        }
    }
}

static int may_write(const apr_array_header_t *pool_dir)
{
    const fpmp_node_t *last;

    if (geteuid() == 0 || pool_dir->nelts == 0) {
        return geteuid() == 0;
    }
    last = &APR_ARRAY_IDX(pool_dir, pool_dir->nelts - 1, fpmp_node_t);
    return last->lookup == FPMP_LOOKUP_FOUND && last->uid == geteuid();
}

static apr_array_header_t *path_or_none(apr_pool_t *p, const char *path)
{
    return path ? fpmp_facts_path(p, path) : apr_array_make(p, 1, sizeof(fpmp_node_t));
}

fpmp_master_facts_t *fpmp_facts_master(apr_pool_t *p, const fpmp_master_t *master)
{
    fpmp_master_facts_t *facts = apr_pcalloc(p, sizeof(*facts));
    const fpmp_main_t *main;

    facts->files = apr_array_make(p, 16, sizeof(fpmp_file_t *));
    facts->by_path = apr_hash_make(p);
    facts->pool_dir = path_or_none(p, master->pool_dir);
    facts->socket_dir = path_or_none(p, master->socket_dir);
    facts->may_write = may_write(facts->pool_dir);
    if (master->binary_path) {
        look_at_node(p, master->binary_path, 1, &facts->binary); /* often a link */
    }
    if (master->config_path) {
        fpmp_facts_file(p, master->config_path, &facts->main);
    }
    if (facts->main.text) {
        main = fpmp_main_pick(p, fpmp_ini_read(p, facts->main.text, facts->main.len));
        facts->control_timeout_sec = main->control_timeout_sec;
        add_files(p, master, facts, main->includes, 1);
    }
    fpmp_master_probe(p, master, facts);
    return facts;
}
