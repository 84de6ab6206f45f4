/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be seen of all pools without asking one of them, by an ordinary user: the
 * processes in /proc, the sockets as the kernel lists them, the pool files. One walk over
 * /proc for all pools together. Entry point: fpmp_pools_look.
 */
#include "host.h"
#include "../core/status.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MASTER_TITLE "php-fpm: master process ("
#define POOL_TITLE "php-fpm: pool "
#define POOL_FILE_BYTES 65536

/* Children of one pool of one parent. */
typedef struct {
    long parent;
    const char *pool;
    int count;
} brood_t;

typedef struct {
    apr_pool_t *p;
    apr_array_header_t *masters; /* fpmp_status_master_t * */
    apr_array_header_t *pids;    /* long, of all masters, also of those that are not ours */
    apr_hash_t *broods;          /* "PARENT POOL" -> brood_t * */
    apr_hash_t *by_pool;         /* pool -> apr_array_header_t * of brood_t * */
} walk_t;

/* At most size - 1 bytes of /proc/PID/NAME; 0 if it cannot be read. */
static ssize_t read_proc(int proc, const char *pid, const char *name, char *text,
                         size_t size)
{
    char path[64];
    ssize_t len;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", pid, name);
    fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    len = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[len > 0 ? len : 0] = '\0';
    return len > 0 ? len : 0;
}

static void take_child(walk_t *walk, long parent, const char *pool)
{
    const char *key = apr_psprintf(walk->p, "%ld %s", parent, pool);
    brood_t *brood = apr_hash_get(walk->broods, key, APR_HASH_KEY_STRING);
    apr_array_header_t *all;

    if (!brood) {
        brood = apr_pcalloc(walk->p, sizeof(*brood));
        brood->parent = parent;
        brood->pool = apr_pstrdup(walk->p, pool);
        apr_hash_set(walk->broods, key, APR_HASH_KEY_STRING, brood);
        all = apr_hash_get(walk->by_pool, pool, APR_HASH_KEY_STRING);
        if (!all) {
            all = apr_array_make(walk->p, 1, sizeof(brood_t *));
            apr_hash_set(walk->by_pool, brood->pool, APR_HASH_KEY_STRING, all);
        }
        APR_ARRAY_PUSH(all, brood_t *) = brood;
    }
    brood->count++;
}

/* "php-fpm: master process (CONFIG)": the title is cut to the room there is for it. */
static int is_title_of(const char *title, const fpmp_master_t *master)
{
    const char *config = title + strlen(MASTER_TITLE), *end = strrchr(config, ')');

    return !master->config_path ? 0
           : end                ? strlen(master->config_path) == (size_t)(end - config) &&
                       strncmp(config, master->config_path, end - config) == 0
                 : strncmp(config, master->config_path, strlen(config)) == 0;
}

/* The one of the pid file; where there is none, one with the main file in its title. */
static void take_master(walk_t *walk, long pid, char state, const char *title)
{
    int i;

    if (strncmp(title, MASTER_TITLE, strlen(MASTER_TITLE)) != 0) {
        return;
    }
    APR_ARRAY_PUSH(walk->pids, long) = pid;
    for (i = 0; i < walk->masters->nelts; i++) {
        fpmp_status_master_t *seen =
            APR_ARRAY_IDX(walk->masters, i, fpmp_status_master_t *);

        if (seen->pid ? seen->pid == (pid_t)pid : is_title_of(title, seen->master)) {
            seen->pid = (pid_t)pid;
            seen->runs = FPMP_SEEN_YES;
            seen->stopped = state == 'T' || state == 't';
        }
    }
}

static void take_process(walk_t *walk, int proc, const char *pid)
{
    char stat[512], title[512], *end, state;
    long parent;

    /* The name before the last ')' may hold anything. A zombie has no title. */
    if (!read_proc(proc, pid, "stat", stat, sizeof(stat)) || !(end = strrchr(stat, ')')) ||
        sscanf(end, ") %c %ld", &state, &parent) != 2 || state == 'Z' ||
        !read_proc(proc, pid, "cmdline", title, sizeof(title))) {
        return;
    }
    if (strncmp(title, POOL_TITLE, strlen(POOL_TITLE)) == 0) {
        char *pool = title + strlen(POOL_TITLE);

        for (end = pool + strlen(pool); end > pool && end[-1] == ' '; *--end = '\0') {
        }
        take_child(walk, parent, pool);
    }
    else {
        take_master(walk, atol(pid), state, title);
    }
}

/* 0: /proc does not show the processes of others (hidepid, ProtectProc), or there is none.
 */
static int walk_proc(walk_t *walk)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    int shows = dir && faccessat(dirfd(dir), "1/stat", R_OK, 0) == 0;

    while (shows && (entry = readdir(dir)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0])) {
            take_process(walk, dirfd(dir), entry->d_name);
        }
    }
    if (dir) {
        closedir(dir);
    }
    return shows;
}

/* The pid that the master wrote, and when: then it had read its files. */
static void read_pid_file(apr_pool_t *p, fpmp_status_master_t *seen)
{
    fpmp_node_t node;
    fpmp_file_t file = { .text = NULL };

    if (!seen->master->pid_path) {
        return;
    }
    fpmp_facts_target(p, seen->master->pid_path, &node);
    if (node.lookup != FPMP_LOOKUP_FOUND) {
        return;
    }
    seen->loaded_ns = node.mtime_ns;
    fpmp_facts_file(p, seen->master->pid_path, &file);
    seen->pid = file.text ? (pid_t)atol(file.text) : 0;
}

static int is_master(const walk_t *walk, long pid)
{
    int i;

    for (i = 0; i < walk->pids->nelts; i++) {
        if (APR_ARRAY_IDX(walk->pids, i, long) == pid) {
            return 1;
        }
    }
    return 0;
}

/* Those of its master; those of nobody count for a pool whose master is gone. */
static void count_children(const walk_t *walk, fpmp_status_seen_t *seen)
{
    const apr_array_header_t *all =
        apr_hash_get(walk->by_pool, seen->pool, APR_HASH_KEY_STRING);
    int i;

    seen->children = seen->orphans = 0;
    for (i = 0; all && i < all->nelts; i++) {
        const brood_t *brood = APR_ARRAY_IDX(all, i, brood_t *);

        if (seen->master->runs == FPMP_SEEN_YES &&
            brood->parent == (long)seen->master->pid) {
            seen->children += brood->count;
        }
        else if (seen->master->runs == FPMP_SEEN_NO && !is_master(walk, brood->parent)) {
            seen->orphans += brood->count;
        }
    }
}

/* Of one answer of the kernel; the names of the directories in which somebody listens. */
static apr_hash_t *dirs_of(apr_pool_t *p, apr_hash_t *all)
{
    apr_hash_t *dirs = apr_hash_make(p);
    apr_hash_index_t *at, *in;

    for (at = apr_hash_first(p, all); at; at = apr_hash_next(at)) {
        for (in = apr_hash_first(p, apr_hash_this_val(at)); in; in = apr_hash_next(in)) {
            const fpmp_listener_t *listener = apr_hash_this_val(in);
            const char *end = strrchr(listener->name, '/');

            if (end && listener->inode) {
                apr_hash_set(dirs, apr_pstrmemdup(p, listener->name, end - listener->name),
                             end - listener->name, "");
            }
        }
    }
    return dirs;
}

/* The one that was bound by this path, before one whose directory goes by another name. */
static const fpmp_listener_t *listener_of(apr_pool_t *p, apr_hash_t *all,
                                          const fpmp_status_seen_t *seen)
{
    const apr_array_header_t *found = fpmp_listeners_at(p, all, &seen->socket);
    int i;

    for (i = 0; i < found->nelts; i++) {
        const fpmp_listener_t *listener = APR_ARRAY_IDX(found, i, fpmp_listener_t *);

        if (strcmp(listener->name, seen->socket_path) == 0) {
            return listener;
        }
    }
    return found->nelts ? APR_ARRAY_IDX(found, 0, fpmp_listener_t *) : NULL;
}

static void look_at_socket(apr_pool_t *p, apr_hash_t *all, apr_hash_t *dirs,
                           fpmp_status_seen_t *seen)
{
    const fpmp_listener_t *listener;
    const char *end = strrchr(seen->socket_path, '/');

    seen->queue = seen->queue_max = seen->connections = -1;
    fpmp_facts_target(p, seen->socket_path, &seen->socket);
    seen->socket_err =
        faccessat(AT_FDCWD, seen->socket_path, W_OK, AT_EACCESS) == 0 ? 0 : errno;
    if (!all || seen->socket.lookup != FPMP_LOOKUP_FOUND) {
        return;
    }
    listener = listener_of(p, all, seen);
    if (listener) {
        seen->listens = FPMP_SEEN_YES;
        seen->queue = listener->queue;
        seen->queue_max = listener->queue_max;
        seen->connections = listener->connections;
    }
    /* The kernel lists those of our own network namespace only. Where it lists none of this
     * directory, PHP-FPM may run in another one. */
    else if (seen->master->runs == FPMP_SEEN_NO ||
             apr_hash_get(dirs, seen->socket_path, end - seen->socket_path)) {
        seen->listens = FPMP_SEEN_NO;
    }
}

static void look_at_file(apr_pool_t *p, fpmp_status_seen_t *seen)
{
    fpmp_file_t file;

    if (!seen->file_path) {
        return;
    }
    fpmp_facts_node(p, seen->file_path, &seen->file);
    if (seen->file.lookup != FPMP_LOOKUP_FOUND || seen->file.kind != FPMP_NODE_FILE) {
        return;
    }
    fpmp_facts_file(p, seen->file_path, &file);
    seen->file_read = file.text != NULL;
    seen->mark =
        file.text ? fpmp_pool_text_mark(p, file.text, file.len, NULL) : FPMP_MARK_NONE;
}

void fpmp_pools_look(apr_pool_t *p, apr_array_header_t *masters, apr_array_header_t *pools)
{
    walk_t walk = { .p = p,
                    .masters = masters,
                    .pids = apr_array_make(p, 4, sizeof(long)),
                    .broods = apr_hash_make(p),
                    .by_pool = apr_hash_make(p) };
    apr_hash_t *all = fpmp_listeners(p), *dirs = all ? dirs_of(p, all) : NULL;
    apr_pool_t *sub;
    int i, shows;

    apr_pool_create(&sub, p);
    for (i = 0; i < masters->nelts; i++) {
        read_pid_file(p, APR_ARRAY_IDX(masters, i, fpmp_status_master_t *));
    }
    shows = walk_proc(&walk);
    for (i = 0; shows && i < masters->nelts; i++) {
        fpmp_status_master_t *seen = APR_ARRAY_IDX(masters, i, fpmp_status_master_t *);

        seen->runs = seen->runs == FPMP_SEEN_YES ? FPMP_SEEN_YES : FPMP_SEEN_NO;
    }
    for (i = 0; i < pools->nelts; i++) {
        fpmp_status_seen_t *seen = APR_ARRAY_IDX(pools, i, fpmp_status_seen_t *);

        seen->children = -1;
        if (shows) {
            count_children(&walk, seen);
        }
        look_at_socket(p, all, dirs, seen);
        look_at_file(sub, seen);
        seen->file.path = seen->file_path;
        seen->file.why = NULL;
        apr_pool_clear(sub);
    }
}
