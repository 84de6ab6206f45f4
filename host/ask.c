/* SPDX-License-Identifier: Apache-2.0
 *
 * Ask many pools for their status at once, with one deadline for all. No call waits but
 * poll(2), so a pool that does not answer costs the others nothing. At most WINDOW
 * connections are open at a time, since httpd's children have few descriptors to spare.
 * Entry point: fpmp_pools_ask.
 */
#include "host.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#define WINDOW 64
/* Nobody is asked in this last part of the time: whoever is asked has it to answer. */
#define GRACE_PART 4
#define ANSWER_BYTES 8192 /* FPM's plain status has some 600 */

/* One connection of the window. */
typedef struct {
    fpmp_ask_t *ask; /* NULL: free */
    fpmp_conn_t conn;
    fpmp_fcgi_reader_t reader;
    apr_size_t sent;
    char text[ANSWER_BYTES];
    apr_size_t len;
} talk_t;

static apr_int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void finish(talk_t *talk, fpmp_ask_e how)
{
    talk->ask->how = how;
    if (how == FPMP_ASK_ANSWERED &&
        !fpmp_status_read(talk->text, talk->len, &talk->ask->figures)) {
        talk->ask->how = FPMP_ASK_NO_STATUS;
    }
    if (talk->ask->how == FPMP_ASK_ANSWERED && talk->ask->pool &&
        !fpmp_status_names(talk->text, talk->len, talk->ask->pool)) {
        talk->ask->how = FPMP_ASK_OTHER;
    }
    fpmp_unix_end.close(&talk->conn);
    talk->ask = NULL;
}

static void open_talk(talk_t *talk, fpmp_ask_t *ask)
{
    int err;

    talk->ask = ask;
    talk->sent = talk->len = 0;
    memset(&talk->reader, 0, sizeof(talk->reader));
    err = (ask->open ? ask->open : fpmp_unix_end.open)(&talk->conn, ask->socket_path, 0);
    if (err) {
        ask->err = err;
        /* EAGAIN: its queue has no place, which is no fault of the socket. */
        finish(talk, err == EAGAIN ? FPMP_ASK_SILENT : FPMP_ASK_REFUSED);
    }
}

static void send_some(talk_t *talk)
{
    struct iovec vec = { .iov_base = talk->ask->request + talk->sent,
                         .iov_len = talk->ask->request_len - talk->sent };
    apr_size_t sent = 0;
    int err = fpmp_unix_end.send(&talk->conn, &vec, 1, &sent);

    talk->sent += sent;
    if (err && err != EAGAIN) {
        int closed = err == EPIPE || err == ECONNRESET;

        talk->ask->err = err; /* over TCP, that of connect(2) too */
        finish(talk, closed || talk->sent ? FPMP_ASK_NO_STATUS : FPMP_ASK_REFUSED);
    }
}

/* Keep what is of the answer; 1: go on. */
static int take(talk_t *talk, const char *data, apr_size_t len)
{
    for (;;) {
        const char *piece;
        apr_size_t piece_len;

        switch (fpmp_fcgi_next(&talk->reader, &data, &len, &piece, &piece_len)) {
        case FPMP_FCGI_MORE:
            return 1;
        case FPMP_FCGI_STDOUT:
            if (piece_len > ANSWER_BYTES - talk->len) {
                finish(talk, FPMP_ASK_NO_STATUS);
                return 0;
            }
            memcpy(talk->text + talk->len, piece, piece_len);
            talk->len += piece_len;
            break;
        case FPMP_FCGI_STDERR:
            break;
        case FPMP_FCGI_END:
            finish(talk, FPMP_ASK_ANSWERED);
            return 0;
        default:
            finish(talk, FPMP_ASK_NO_STATUS);
            return 0;
        }
    }
}

static void receive_some(talk_t *talk)
{
    char data[ANSWER_BYTES];
    apr_size_t got = 0;
    int err = fpmp_unix_end.receive(&talk->conn, data, sizeof(data), &got);

    if (err == EAGAIN) {
        return;
    }
    if (err || got == 0) {
        finish(talk, FPMP_ASK_NO_STATUS);
        return;
    }
    take(talk, data, got);
}

/* Fill the free places with asks up to that one. Returns how many connections are open. */
static int fill(talk_t *talks, apr_array_header_t *asks, int *next, int upto)
{
    int i, open = 0;

    for (i = 0; i < WINDOW; i++) {
        while (!talks[i].ask && *next < upto) {
            open_talk(&talks[i], APR_ARRAY_IDX(asks, (*next)++, fpmp_ask_t *));
        }
        open += talks[i].ask != NULL;
    }
    return open;
}

/* Wait once for all open connections and do what came true. */
static void turn(talk_t *talks, int wait_ms)
{
    struct pollfd fds[WINDOW];
    int i;

    for (i = 0; i < WINDOW; i++) {
        fds[i].fd = talks[i].ask ? talks[i].conn.fd : -1;
        fds[i].events = POLLIN;
        if (talks[i].ask && talks[i].sent < talks[i].ask->request_len) {
            fds[i].events |= POLLOUT;
        }
        fds[i].revents = 0;
    }
    if (poll(fds, WINDOW, wait_ms) <= 0) {
        return;
    }
    for (i = 0; i < WINDOW; i++) {
        if (fds[i].revents & POLLOUT) {
            send_some(&talks[i]);
        }
        if (talks[i].ask && fds[i].revents & ~POLLOUT) {
            receive_some(&talks[i]);
        }
    }
}

void fpmp_pools_ask(apr_pool_t *p, apr_array_header_t *asks, int limit_ms)
{
    apr_int64_t now = now_ms(), end = now + limit_ms, last = end - limit_ms / GRACE_PART;
    talk_t *talks = apr_pcalloc(p, sizeof(*talks) * WINDOW);
    int i, next = 0;

    while (now < end && fill(talks, asks, &next, now < last ? asks->nelts : next) > 0) {
        turn(talks, (int)(end - now));
        now = now_ms();
    }
    for (i = 0; i < WINDOW; i++) {
        if (talks[i].ask) {
            finish(&talks[i], FPMP_ASK_SILENT);
        }
    }
    for (; next < asks->nelts; next++) {
        APR_ARRAY_IDX(asks, next, fpmp_ask_t *)->how = FPMP_ASK_LATE;
    }
}
