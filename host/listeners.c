/* SPDX-License-Identifier: Apache-2.0
 *
 * The Unix sockets that somebody listens on, as the kernel lists them (sock_diag): on which
 * file, how many wait in the queue, how many connections there are. Nobody is connected to.
 * Entry points: fpmp_listeners, then fpmp_listeners_at.
 */
#include "host.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

/* States of a Unix socket, named as those of TCP. */
#define ESTABLISHED 1
#define LISTENING 10
#define DIAG_BYTES 32768

/* What one message says. */
typedef struct {
    const char *name; /* inside the message, name_len bytes, no NUL */
    apr_size_t name_len;
    unsigned int file_inode;
    unsigned int queue, queue_max; /* of a listener */
} told_t;

static void read_told(const struct nlmsghdr *head, told_t *told)
{
    const struct unix_diag_msg *msg = NLMSG_DATA(head);
    const struct rtattr *attr = (const struct rtattr *)(msg + 1);
    int left = (int)(head->nlmsg_len - NLMSG_LENGTH(sizeof(*msg)));

    memset(told, 0, sizeof(*told));
    for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
        const void *data = RTA_DATA(attr);

        if (attr->rta_type == UNIX_DIAG_NAME) {
            told->name = data;
            told->name_len = strnlen(data, RTA_PAYLOAD(attr));
        }
        else if (attr->rta_type == UNIX_DIAG_VFS) {
            told->file_inode = ((const struct unix_diag_vfs *)data)->udiag_vfs_ino;
        }
        else if (attr->rta_type == UNIX_DIAG_RQLEN) {
            told->queue = ((const struct unix_diag_rqlen *)data)->udiag_rqueue;
            told->queue_max = ((const struct unix_diag_rqlen *)data)->udiag_wqueue;
        }
    }
}

/* The listener of this name and file, made at first use: a connection may be listed before
 * it. Inode numbers repeat on other file systems, so each has a table of names. */
static fpmp_listener_t *listener_of(apr_pool_t *p, const told_t *told, apr_hash_t *found)
{
    apr_hash_t *names = apr_hash_get(found, &told->file_inode, sizeof(told->file_inode));
    fpmp_listener_t *listener;

    if (!names) {
        names = apr_hash_make(p);
        apr_hash_set(found, apr_pmemdup(p, &told->file_inode, sizeof(told->file_inode)),
                     sizeof(told->file_inode), names);
    }
    listener = apr_hash_get(names, told->name, told->name_len);
    if (!listener) {
        listener = apr_pcalloc(p, sizeof(*listener));
        listener->name = apr_pstrmemdup(p, told->name, told->name_len);
        apr_hash_set(names, listener->name, told->name_len, listener);
    }
    return listener;
}

/* A connection has, at the end of who listens, the name and the file of the listener. */
static void take_socket(apr_pool_t *p, const struct nlmsghdr *head, apr_hash_t *found)
{
    const struct unix_diag_msg *msg = NLMSG_DATA(head);
    fpmp_listener_t *listener;
    told_t told;

    read_told(head, &told);
    if (!told.file_inode || !told.name) {
        return;
    }
    listener = listener_of(p, &told, found);
    if (msg->udiag_state == LISTENING) {
        listener->inode = msg->udiag_ino;
        listener->queue = (int)told.queue;
        listener->queue_max = (int)told.queue_max;
    }
    else {
        listener->connections++;
    }
}

/* 1: all came; 0: go on; -1: errno is set. */
static int take_messages(apr_pool_t *p, const char *bytes, unsigned int len,
                         apr_hash_t *found)
{
    const struct nlmsghdr *head = (const struct nlmsghdr *)bytes;

    for (; NLMSG_OK(head, len); head = NLMSG_NEXT(head, len)) {
        if (head->nlmsg_type == NLMSG_DONE) {
            return 1;
        }
        if (head->nlmsg_type == NLMSG_ERROR) {
            errno = -((const struct nlmsgerr *)NLMSG_DATA(head))->error;
            return -1;
        }
        take_socket(p, head, found);
    }
    return 0;
}

apr_hash_t *fpmp_listeners(apr_pool_t *p)
{
    struct {
        struct nlmsghdr head;
        struct unix_diag_req diag;
    } ask = { .head = { .nlmsg_len = sizeof(ask),
                        .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                        .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
              .diag = { .sdiag_family = AF_UNIX,
                        .udiag_states = 1u << LISTENING | 1u << ESTABLISHED,
                        .udiag_show =
                            UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_RQLEN } };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), done = 0, err;
    apr_hash_t *found = apr_hash_make(p);
    char *bytes = apr_palloc(p, DIAG_BYTES);

    if (fd < 0) {
        return NULL;
    }
    if (send(fd, &ask, sizeof(ask), 0) < 0) {
        done = -1;
    }
    while (done == 0) {
        ssize_t got = recv(fd, bytes, DIAG_BYTES, 0);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        done = got < 0    ? -1
               : got == 0 ? 1
                          : take_messages(p, bytes, (unsigned int)got, found);
    }
    err = errno;
    close(fd);
    errno = err;
    return done < 0 ? NULL : found;
}
#else
apr_hash_t *fpmp_listeners(apr_pool_t *p)
{
    (void)p;
    errno = ENOSYS;
    return NULL;
}
#endif

apr_array_header_t *fpmp_listeners_at(apr_pool_t *p, apr_hash_t *all,
                                      const fpmp_node_t *node)
{
    apr_array_header_t *found = apr_array_make(p, 1, sizeof(fpmp_listener_t *));
    unsigned int low = (unsigned int)node->inode;
    apr_hash_t *names = apr_hash_get(all, &low, sizeof(low));
    const char *base = strrchr(node->path, '/');
    apr_hash_index_t *at;

    for (at = names ? apr_hash_first(p, names) : NULL; at; at = apr_hash_next(at)) {
        fpmp_listener_t *listener = apr_hash_this_val(at);
        const char *name = strrchr(listener->name, '/');

        if (listener->inode &&
            strcmp(name ? name + 1 : listener->name, base ? base + 1 : node->path) == 0) {
            APR_ARRAY_PUSH(found, fpmp_listener_t *) = listener;
        }
    }
    return found;
}
