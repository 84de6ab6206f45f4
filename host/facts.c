/* SPDX-License-Identifier: Apache-2.0
 *
 * What the machine says: files and directories, and one look at a whole master. Tells "it
 * is not there" apart from "we could not look"; what either means is core's. Nothing is
 * changed, and nothing here blocks on a FIFO. Users: facts_user.c; the files that a main
 * file includes: files.c. Entry point: fpmp_facts_master.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_FILE_BYTES (1024 * 1024)
#define LINKS_MAX 40 /* on one way */

static const char not_regular[] = "not a regular file";

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
           : S_ISFIFO(mode) ? FPMP_NODE_FIFO
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
    out->inode = st.st_ino;
}

void fpmp_facts_node(apr_pool_t *p, const char *path, fpmp_node_t *out)
{
    look_at_node(p, path, 0, out);
}

void fpmp_facts_target(apr_pool_t *p, const char *path, fpmp_node_t *out)
{
    look_at_node(p, path, 1, out);
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

/* Where a link leads; NULL: it could not be read. */
static const char *link_text(apr_pool_t *p, const char *path)
{
    char text[PATH_MAX];
    ssize_t len = readlink(path, text, sizeof(text));

    return len > 0 && len < (ssize_t)sizeof(text) ? apr_pstrmemdup(p, text, len) : NULL;
}

apr_array_header_t *fpmp_facts_way(apr_pool_t *p, const char *path)
{
    apr_array_header_t *nodes = apr_array_make(p, 8, sizeof(fpmp_node_t));
    const char *dir = "/", *rest = path, *name;
    fpmp_node_t *node = apr_array_push(nodes);
    int links = 0;

    look_at_node(p, dir, 0, node);
    while (*(rest += strspn(rest, "/")) && node->lookup == FPMP_LOOKUP_FOUND) {
        name = apr_pstrmemdup(p, rest, strcspn(rest, "/"));
        rest += strlen(name);
        if (strcmp(name, ".") == 0) {
            continue;
        }
        if (strcmp(name, "..") == 0) {
            dir = strrchr(dir, '/') == dir ? "/" : apr_pstrndup(p, dir, strrchr(dir, '/') - dir);
            look_at_node(p, dir, 0, node = apr_array_push(nodes));
            continue;
        }
        name = apr_pstrcat(p, dir[1] ? dir : "", "/", name, NULL);
        look_at_node(p, name, 0, node = apr_array_push(nodes));
        if (node->lookup == FPMP_LOOKUP_FOUND && node->kind == FPMP_NODE_LINK) {
            const char *to = ++links <= LINKS_MAX ? link_text(p, name) : NULL;

            if (!to) {
                node->lookup = FPMP_LOOKUP_FAILED;
                node->why = words(p, ELOOP);
                break;
            }
            rest = apr_pstrcat(p, to, "/", rest, NULL);
            dir = *to == '/' ? "/" : dir;
            look_at_node(p, dir, 0, node = apr_array_push(nodes));
        }
        else {
            dir = name;
        }
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
    if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) {
        *len = 0;
        return apr_pstrdup(p, ""); /* a link to /dev/null masks a file; FPM reads it so */
    }
    if (!S_ISREG(st.st_mode)) {
        *why = not_regular;
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
        out->node.why = not_regular; /* opening a device may already do something */
        out->node.irregular = 1;
        return;
    }
    see_target_time(path, &out->node);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        if (out->node.kind == FPMP_NODE_LINK && (errno == ENOENT || errno == ELOOP)) {
            out->node.lookup = FPMP_LOOKUP_MISSING;
        }
        out->node.irregular = errno == ENXIO; /* a link to a socket */
        out->node.why = words(p, errno);
        return;
    }
    out->text = read_all(p, fd, &out->len, &out->node.why);
    out->node.irregular = !out->text && out->node.why == not_regular;
    close(fd);
}

/* ---- one look at a master ---------------------------------------------------------- */

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

apr_array_header_t *fpmp_facts_real_way(apr_pool_t *p, const char *path)
{
    char *real = realpath(path, NULL);
    apr_array_header_t *way = real ? fpmp_facts_path(p, real) : NULL;

    free(real);
    return way;
}

fpmp_master_facts_t *fpmp_facts_master(apr_pool_t *p, const fpmp_master_t *master)
{
    fpmp_master_facts_t *facts = apr_pcalloc(p, sizeof(*facts));

    facts->pool_dir = path_or_none(p, master->pool_dir);
    facts->socket_dir = path_or_none(p, master->socket_dir);
    facts->may_write = may_write(facts->pool_dir);
    if (master->binary_path) {
        look_at_node(p, master->binary_path, 1, &facts->binary); /* often a link */
        facts->binary_way = fpmp_facts_real_way(p, master->binary_path);
    }
    if (master->config_path) {
        fpmp_facts_file(p, master->config_path, &facts->main);
        facts->main_way = fpmp_facts_real_way(p, master->config_path);
    }
    if (master->start_command) {
        facts->start_way = fpmp_facts_real_way(p, apr_pstrndup(p, master->start_command,
                                                    strcspn(master->start_command, " ")));
    }
    fpmp_facts_includes(p, master, facts);
    fpmp_master_probe(p, master, facts);
    return facts;
}
