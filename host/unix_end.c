/* SPDX-License-Identifier: Apache-2.0
 *
 * One end of the chain: bytes reach a pool through a Unix socket on this machine.
 * No call blocks but connecting to a full queue and waiting, both with a time limit, so
 * that a plain request costs socket, connect, sendmsg, poll, recv and close, and nothing
 * else.
 * Entry point: fpmp_unix_end. Knows nothing about FastCGI.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

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

/* A full queue: only a blocking connect(2) waits for a place in it, in the order of those who
 * wait; nothing can be polled for (unix(7)). SO_SNDTIMEO bounds it. */
static int wait_in_queue(int fd, const struct sockaddr_un *name, int wait_sec)
{
    struct timeval limit = { .tv_sec = wait_sec };
    int err;

    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
        fcntl(fd, F_SETFL, 0) != 0) {
        return errno;
    }
    err = connect_path(fd, name);
    return err == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ? errno : err;
}

static int open_unix(fpmp_conn_t *conn, const char *address, int wait_sec)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int err;

    conn->fd = -1;
    if (strlen(address) >= sizeof(name.sun_path)) {
        return ENAMETOOLONG;
    }
    strcpy(name.sun_path, address);
    conn->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (conn->fd < 0) {
        return errno;
    }
    err = connect_path(conn->fd, &name);
    if (err == EAGAIN && wait_sec > 0) {
        err = wait_in_queue(conn->fd, &name, wait_sec);
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
        n = sendmsg(conn->fd, &msg, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno;
    }
    *sent = (apr_size_t)n;
    return 0;
}

static int receive_unix(fpmp_conn_t *conn, char *buf, apr_size_t size, apr_size_t *got)
{
    ssize_t n;

    *got = 0;
    do {
        n = recv(conn->fd, buf, size, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno;
    }
    *got = (apr_size_t)n;
    return 0;
}

static int wait_unix(fpmp_conn_t *conn, fpmp_watch_t *watch)
{
    struct pollfd fds[2] = { { .fd = conn->fd }, { .fd = watch->client_fd } };
    int n;

    fds[0].events = (short)((watch->want & FPMP_WATCH_POOL ? POLLIN : 0) |
                            (watch->want & FPMP_WATCH_SEND ? POLLOUT : 0));
    fds[1].events = POLLOUT;
    if (!fds[0].events) {
        fds[0].fd = -1; /* else poll(2) tells of its end */
    }
    do {
        n = poll(fds, watch->want & FPMP_WATCH_CLIENT ? 2 : 1, watch->limit_ms);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno;
    }
    /* Beyond POLLIN and POLLOUT: closed or broken. recv(2) and the write say which. */
    watch->ready = watch->want & ((fds[0].revents & ~POLLOUT ? FPMP_WATCH_POOL : 0) |
                                  (fds[0].revents & ~POLLIN ? FPMP_WATCH_SEND : 0) |
                                  (fds[1].revents ? FPMP_WATCH_CLIENT : 0));
    return n == 0 ? ETIMEDOUT : 0;
}

const fpmp_end_t fpmp_unix_end = {
    .name = "unix",
    .open = open_unix,
    .send = send_unix,
    .receive = receive_unix,
    .wait = wait_unix,
    .close = close_unix,
};
