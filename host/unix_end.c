/* SPDX-License-Identifier: Apache-2.0
 *
 * One end of the chain: bytes reach a pool through a Unix socket on this machine.
 * The socket blocks with time limits set once, so that a plain request costs socket,
 * two setsockopt, connect, sendmsg, recv and close, and nothing else.
 * Entry point: fpmp_unix_end. Knows nothing about FastCGI.
 */
#include "host.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* The kernel reads a zero time as "for ever", so 0 s becomes the shortest time there is. */
static int set_limit(int fd, int option, int sec)
{
    struct timeval limit = { .tv_sec = sec > 0 ? sec : 0, .tv_usec = sec > 0 ? 0 : 1 };

    return setsockopt(fd, SOL_SOCKET, option, &limit, sizeof(limit)) == 0 ? 0 : errno;
}

static int connect_path(int fd, const struct sockaddr_un *name)
{
    while (connect(fd, (const struct sockaddr *)name, sizeof(*name)) != 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

static void close_unix(fpmp_conn_t *conn)
{
    if (conn->fd >= 0) {
        close(conn->fd);
        conn->fd = -1;
    }
}

/* SO_SNDTIMEO bounds connect(2) on a full queue; a non-blocking connect would say EAGAIN at
 * once and nothing can be polled for (unix(7)). */
static int open_unix(fpmp_conn_t *conn, const char *address, int wait_sec, int timeout_sec)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int err;

    conn->fd = -1;
    conn->timeout_sec = timeout_sec;
    if (strlen(address) >= sizeof(name.sun_path)) {
        return ENAMETOOLONG;
    }
    strcpy(name.sun_path, address);
    conn->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0) {
        return errno;
    }
    err = set_limit(conn->fd, SO_SNDTIMEO, wait_sec);
    if (err == 0) {
        err = set_limit(conn->fd, SO_RCVTIMEO, timeout_sec);
    }
    if (err == 0) {
        err = connect_path(conn->fd, &name);
    }
    if (err != 0) {
        close_unix(conn);
    }
    return err;
}

static int send_unix(fpmp_conn_t *conn, const struct iovec *vec, int count,
                     apr_size_t *sent)
{
    struct msghdr msg = { .msg_iov = (struct iovec *)vec, .msg_iovlen = (size_t)count };
    ssize_t n;

    *sent = 0;
    do {
        n = sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno;
    }
    *sent = (apr_size_t)n;
    return 0;
}

static int receive_unix(fpmp_conn_t *conn, char *buf, apr_size_t size, apr_size_t *got,
                        int block)
{
    ssize_t n;

    *got = 0;
    do {
        n = recv(conn->fd, buf, size, block ? 0 : MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return block && errno == EAGAIN ? ETIMEDOUT
                                        : errno; /* SO_RCVTIMEO ends in EAGAIN */
    }
    *got = (apr_size_t)n;
    return 0;
}

static int wait_unix(fpmp_conn_t *conn, int *readable)
{
    struct pollfd pfd = { .fd = conn->fd, .events = POLLIN | POLLOUT };
    int limit_ms = conn->timeout_sec > INT_MAX / 1000 ? INT_MAX : conn->timeout_sec * 1000;
    int n;

    do {
        n = poll(&pfd, 1, limit_ms);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno;
    }
    if (n == 0) {
        return ETIMEDOUT;
    }
    *readable = (pfd.revents & ~POLLOUT) != 0; /* a closed peer too: recv(2) says which */
    return 0;
}

const fpmp_end_t fpmp_unix_end = {
    .name = "unix",
    .open = open_unix,
    .send = send_unix,
    .receive = receive_unix,
    .wait = wait_unix,
    .close = close_unix,
};
