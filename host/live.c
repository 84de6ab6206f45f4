/* SPDX-License-Identifier: Apache-2.0
 *
 * What lives of a running master: its sockets, who listens on each, the uid of its workers.
 * The kernel is asked (sock_diag, /proc), no socket is connected to: a connection would
 * take a worker and stand in PHP-FPM's log. Entry point: fpmp_live_look.
 */
#include "host.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POOL_TITLE "php-fpm: pool "

/* ---- what does the master hold? ---- */

/* Inodes of the sockets among a process's descriptors, as keys. NULL: errno is set. */
static apr_hash_t *sockets_of(apr_pool_t *p, pid_t pid)
{
    const char *path = apr_psprintf(p, "/proc/%ld/fd", (long)pid);
    apr_hash_t *held = apr_hash_make(p);
    DIR *dir = opendir(path);
    struct dirent *entry;

    if (!dir) {
        return NULL;
    }
    while ((entry = readdir(dir)) != NULL) {
        char link[64];
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
        unsigned long inode;

        if (n <= 0) {
            continue;
        }
        link[n] = '\0';
        if (sscanf(link, "socket:[%lu]", &inode) == 1) {
            unsigned long *key = apr_pmemdup(p, &inode, sizeof(inode));

            apr_hash_set(held, key, sizeof(*key), key);
        }
    }
    closedir(dir);
    return held;
}

/* The path names the file of this listener, or its directory goes by another name. */
static fpmp_holder_e holder_of(apr_pool_t *p, const fpmp_node_t *node, apr_hash_t *all,
                               apr_hash_t *held)
{
    const apr_array_header_t *found = fpmp_listeners_at(p, all, node);
    fpmp_holder_e holder = FPMP_HOLDER_NONE;
    int i;

    for (i = 0; i < found->nelts; i++) {
        const fpmp_listener_t *listener = APR_ARRAY_IDX(found, i, fpmp_listener_t *);

        if (apr_hash_get(held, &listener->inode, sizeof(listener->inode))) {
            return FPMP_HOLDER_MASTER;
        }
        holder = FPMP_HOLDER_OTHER;
    }
    return holder;
}

/* The names of all sockets that the master listens on: a socket keeps its name when its file
 * is gone. */
static apr_hash_t *names_held(apr_pool_t *p, apr_hash_t *all, apr_hash_t *held)
{
    apr_hash_t *found = apr_hash_make(p);
    apr_hash_index_t *at, *in;

    for (at = apr_hash_first(p, all); at; at = apr_hash_next(at)) {
        for (in = apr_hash_first(p, apr_hash_this_val(at)); in; in = apr_hash_next(in)) {
            const fpmp_listener_t *listener = apr_hash_this_val(in);

            if (apr_hash_get(held, &listener->inode, sizeof(listener->inode))) {
                apr_hash_set(found, listener->name, APR_HASH_KEY_STRING, listener);
            }
        }
    }
    return found;
}

/* The kernel lists the sockets of our own network namespace only. */
static int is_elsewhere(apr_pool_t *p, pid_t pid)
{
    struct stat ours, theirs;

    return stat("/proc/self/ns/net", &ours) == 0 &&
           stat(apr_psprintf(p, "/proc/%ld/ns/net", (long)pid), &theirs) == 0 &&
           ours.st_ino != theirs.st_ino;
}

static void look_at_sockets(apr_pool_t *p, pid_t pid, const apr_array_header_t *paths,
                            fpmp_live_t *live)
{
    apr_hash_t *held = sockets_of(p, pid), *all = held ? fpmp_listeners(p) : NULL;
    const fpmp_live_socket_t *last = NULL; /* mostly all are of one owner */
    apr_hash_t *names;
    int i;

    if (!all) {
        live->why = apr_psprintf(p, "who listens on its sockets: %s", strerror(errno));
    }
    else if (is_elsewhere(p, pid)) {
        live->why = "who listens on its sockets: it runs in another network namespace";
        all = NULL; /* not listed is not closed */
    }
    names = all ? names_held(p, all, held) : NULL;
    for (i = 0; i < paths->nelts; i++) {
        const char *path = APR_ARRAY_IDX(paths, i, const char *);
        fpmp_live_socket_t *socket = apr_pcalloc(p, sizeof(*socket));

        fpmp_facts_node(p, path, &socket->node);
        socket->named = names && apr_hash_get(names, path, APR_HASH_KEY_STRING);
        if (socket->node.lookup == FPMP_LOOKUP_FOUND) {
            socket->owner = last && last->node.uid == socket->node.uid
                                ? last->owner
                                : fpmp_facts_uid_name(p, socket->node.uid);
            socket->group = last && last->node.gid == socket->node.gid
                                ? last->group
                                : fpmp_facts_gid_name(p, socket->node.gid);
            last = socket;
            socket->holder =
                all ? holder_of(p, &socket->node, all, held) : FPMP_HOLDER_UNKNOWN;
        }
        apr_hash_set(live->sockets, path, APR_HASH_KEY_STRING, socket);
    }
}

/* ---- processes ---- */

/* The text of /proc/PID/NAME, at most size - 1 bytes; 0 if it cannot be read. */
static int read_proc(apr_pool_t *p, const char *pid, const char *name, char *text,
                     size_t size)
{
    FILE *file = fopen(apr_psprintf(p, "/proc/%s/%s", pid, name), "re");
    size_t len = file ? fread(text, 1, size - 1, file) : 0;

    if (file) {
        fclose(file);
    }
    text[len] = '\0';
    return len > 0;
}

/* The effective uid in /proc/PID/status: the owner of the folder is root's for a process
 * that changed its user. */
static int euid_of(apr_pool_t *p, const char *pid, uid_t *euid)
{
    char text[2048], *line;
    unsigned long real, effective;

    if (!read_proc(p, pid, "status", text, sizeof(text)) ||
        !(line = strstr(text, "\nUid:")) ||
        sscanf(line, "\nUid: %lu %lu", &real, &effective) != 2) {
        return 0;
    }
    *euid = (uid_t)effective;
    return 1;
}

static pid_t parent_of(apr_pool_t *p, const char *pid)
{
    char text[512], *end;
    long parent;

    /* The name before the last ')' may hold anything. */
    if (!read_proc(p, pid, "stat", text, sizeof(text)) || !(end = strrchr(text, ')')) ||
        sscanf(end, ") %*c %ld", &parent) != 1) {
        return 0;
    }
    return (pid_t)parent;
}

static void take_worker(apr_pool_t *p, const char *pid, fpmp_live_t *live)
{
    fpmp_live_worker_t *worker = apr_pcalloc(p, sizeof(*worker)), *first;
    char title[512];

    if (!read_proc(p, pid, "cmdline", title, sizeof(title)) ||
        strncmp(title, POOL_TITLE, strlen(POOL_TITLE)) != 0 ||
        !euid_of(p, pid, &worker->uid)) {
        return;
    }
    worker->pid = (pid_t)atol(pid);
    worker->pool = apr_pstrdup(p, title + strlen(POOL_TITLE));
    first = apr_hash_get(live->workers, worker->pool, APR_HASH_KEY_STRING);
    /* A worker that was forked just now is still root: it takes no request yet. */
    if (worker->uid != live->euid && (!first || first->uid != worker->uid)) {
        worker->user = fpmp_facts_uid_name(p, worker->uid);
        apr_hash_set(live->workers, worker->pool, APR_HASH_KEY_STRING, worker);
    }
}

static void look_at_workers(apr_pool_t *p, pid_t master, fpmp_live_t *live)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;

    if (!dir) {
        live->why = apr_psprintf(p, "its workers in /proc: %s", strerror(errno));
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]) &&
            parent_of(p, entry->d_name) == master) {
            take_worker(p, entry->d_name, live);
        }
    }
    closedir(dir);
}

fpmp_live_t *fpmp_live_sockets(apr_pool_t *p, pid_t pid, const apr_array_header_t *paths)
{
    fpmp_live_t *live = apr_pcalloc(p, sizeof(*live));

    live->sockets = apr_hash_make(p);
    live->workers = apr_hash_make(p);
    look_at_sockets(p, pid, paths, live);
    return live;
}

fpmp_live_t *fpmp_live_look(apr_pool_t *p, pid_t pid, const apr_array_header_t *paths)
{
    static const char deleted[] = " (deleted)";
    fpmp_live_t *live = fpmp_live_sockets(p, pid, paths);
    const char *number = apr_psprintf(p, "%ld", (long)pid);
    char exe[PATH_MAX];
    ssize_t n = readlink(apr_psprintf(p, "/proc/%s/exe", number), exe, sizeof(exe) - 1);

    live->euid_known = euid_of(p, number, &live->euid);
    live->user = live->euid_known ? fpmp_facts_uid_name(p, live->euid) : NULL;
    live->replaced =
        n > (ssize_t)sizeof(deleted) &&
        memcmp(exe + n - (sizeof(deleted) - 1), deleted, sizeof(deleted) - 1) == 0;
    look_at_workers(p, pid, live);
    return live;
}
