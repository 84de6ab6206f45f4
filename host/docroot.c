/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks a document root and counts whose its entries are and who may write to them. Users
 * own what is walked and may change it meanwhile: each directory is opened from the one
 * above and links are never followed, so the walk cannot be led elsewhere. It opens no file
 * and decides nothing. Entry point: fpmp_docroot_look.
 */
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 64    /* one descriptor each */
#define CLOCK_EVERY 256 /* entries between two looks at the clock */

typedef struct {
    apr_pool_t *p;
    fpmp_tree_t *tree;
    fpmp_budget_t *budget;
    uid_t uid;
    dev_t device;
} walk_t;

/* A directory on the way down; the path is built only where it is needed. */
typedef struct level_t {
    const struct level_t *up;
    const char *name;
    int depth;
} level_t;

static apr_int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static const char *path_of(apr_pool_t *p, const level_t *level, const char *name)
{
    const char *dir = level->up ? path_of(p, level->up, level->name) : level->name;

    return apr_pstrcat(p, dir, "/", name, NULL);
}

static fpmp_tree_fact_t *note(walk_t *walk, fpmp_tree_e kind, const level_t *level,
                              const char *name, const struct stat *st)
{
    fpmp_tree_fact_t *fact = &walk->tree->facts[kind];

    if (fact->count++ == 0) {
        fact->path = *name ? path_of(walk->p, level, name) : level->name;
        fact->is_dir = S_ISDIR(st->st_mode);
        fact->mode = st->st_mode & 07777;
        fact->owner = fpmp_facts_uid_name(walk->p, st->st_uid);
    }
    return fact;
}

/* A link has no mode of its own. */
static void judge(walk_t *walk, const level_t *level, const char *name,
                  const struct stat *st)
{
    if (st->st_uid != walk->uid && st->st_uid != 0) {
        note(walk, FPMP_TREE_OWNER, level, name, st);
    }
    if (S_ISLNK(st->st_mode)) {
        return;
    }
    if (st->st_mode & S_IWOTH) {
        note(walk, FPMP_TREE_OPEN, level, name, st);
    }
    else if (st->st_mode & S_IWGRP) {
        note(walk, FPMP_TREE_GROUP, level, name, st);
    }
}

/* 0: the budget is used up. */
static int may_go_on(walk_t *walk)
{
    fpmp_tree_t *tree = walk->tree;

    if (walk->budget->entries <= 0) {
        tree->stopped = "the number of entries for one check is used up";
    }
    else if (tree->entries % CLOCK_EVERY == 0 && now_us() > walk->budget->until_us) {
        walk->budget->entries = 0;
        tree->stopped = "the time for one check is used up";
    }
    return !tree->stopped;
}

static void walk_dir(walk_t *walk, const level_t *level, int fd);

static void enter(walk_t *walk, const level_t *level, int dir_fd, const char *name,
                  const struct stat *st)
{
    level_t below = { level, name, level->depth + 1 };
    int fd;

    if (st->st_dev != walk->device) {
        return; /* another file system, which may not even answer */
    }
    if (below.depth > DEPTH_MAX) {
        note(walk, FPMP_TREE_CLOSED, level, name, st)->why = FPMP_TREE_DEEP;
        return;
    }
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) {
        walk_dir(walk, &below, fd);
    }
    else if (errno != ENOENT && errno != ENOTDIR &&
             errno != ELOOP) { /* changed meanwhile */
        note(walk, FPMP_TREE_CLOSED, level, name, st)->why =
            apr_pstrdup(walk->p, strerror(errno));
    }
}

/* Takes fd. */
static void walk_dir(walk_t *walk, const level_t *level, int fd)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    struct stat st;

    if (!dir) {
        close(fd);
        return;
    }
    while (may_go_on(walk) && (entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        walk->tree->entries++;
        walk->budget->entries--;
        judge(walk, level, name, &st);
        if (S_ISDIR(st.st_mode)) {
            enter(walk, level, fd, name, &st);
        }
    }
    closedir(dir);
}

/* Each directory on the way; the last one is the root itself, links followed. */
static apr_array_header_t *way_to(apr_pool_t *p, const fpmp_node_t *root)
{
    apr_array_header_t *way = fpmp_facts_path(p, root->path);

    if (way->nelts) {
        APR_ARRAY_IDX(way, way->nelts - 1, fpmp_node_t) = *root;
    }
    return way;
}

/* Groups decide only where a directory is not open to all, and asking for them is dear. */
static int groups_decide(const apr_array_header_t *way)
{
    int i;

    for (i = 0; i < way->nelts; i++) {
        if ((APR_ARRAY_IDX(way, i, fpmp_node_t).mode & 0011) != 0011) {
            return 1;
        }
    }
    return 0;
}

fpmp_tree_t *fpmp_docroot_look(apr_pool_t *p, const char *root, const char *user, uid_t uid,
                               gid_t gid, int scan, int limit_sec, fpmp_budget_t *budget)
{
    fpmp_tree_t *tree = apr_pcalloc(p, sizeof(*tree));
    walk_t walk = { p, tree, budget, uid, 0 };
    level_t top = { NULL, root, 0 };
    struct stat st;
    int fd;

    fpmp_facts_target(p, root, &tree->root);
    tree->way = way_to(p, &tree->root);
    tree->root_owner =
        tree->root.uid == uid ? user
        : tree->root.uid == 0 ? "root"
                              : fpmp_facts_uid_name(p, tree->root.uid);
    tree->groups = groups_decide(tree->way) ? fpmp_facts_groups(p, user, gid) : NULL;
    if (tree->root.lookup != FPMP_LOOKUP_FOUND || tree->root.kind != FPMP_NODE_DIR ||
        !scan) {
        return tree;
    }
    if (!budget->until_us) {
        budget->until_us = now_us() + (apr_int64_t)limit_sec * 1000000;
    }
    fd = open(root, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        tree->facts[FPMP_TREE_CLOSED].count = 1;
        tree->facts[FPMP_TREE_CLOSED].path = root;
        tree->facts[FPMP_TREE_CLOSED].why = apr_pstrdup(p, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return tree;
    }
    walk.device = st.st_dev;
    judge(&walk, &top, "", &st);
    walk_dir(&walk, &top, fd);
    return tree;
}
