/* SPDX-License-Identifier: Apache-2.0
 *
 * One request and its answer over one connection to the pool: connect, send, receive,
 * close. A GET is one connect, one write and as many reads as the answer has pieces. The
 * connection is closed as soon as the answer is complete, since the worker stays taken
 * until then.
 */
#include "glue.h"

#include <apr_portable.h>
#include <errno.h>
#include <limits.h>

APLOG_USE_MODULE(fpmpool);

#define PAUSE_MS 2 /* a pool that is silent so long pauses: the client gets what is there */
#define READ_BYTES (64 * 1024)
#define SHARE_BYTES 4096 /* below it a copy is cheaper than to keep the whole buffer */
#define RECORDS 16              /* of a request body in one call */
#define VECS (1 + 2 * (RECORDS + 1)) /* the head, the records and the one that ends them */

typedef struct {
    request_rec *r;
    const fpmp_line_t *line;
    const fpmp_end_t *end;
    fpmp_conn_t conn;
    fpmp_answer_t answer;
    char *buf; /* to receive into; NULL: it went to the answer */
    int deaf;  /* the pool takes no more of the body; listen to what it says */
    int client_fd;     /* -1: it cannot be watched, as with HTTP/2 */
    int paused;        /* the pool paused, and the client is getting what waits for it */
    int timeout_sec;   /* for each byte of the pool */
    apr_time_t heard;  /* when the pool gave or took something last */
    apr_time_t moved;  /* when the client took something last, since paused */
} exchange_t;

/* ---- what can go wrong ----------------------------------------------------------- */

static int timed_out(exchange_t *x)
{
    return fpmp_request_refuse(x->r, x->line, HTTP_GATEWAY_TIME_OUT, "FPMP0615",
                               FPMP_LINK_POOL,
                               apr_psprintf(x->r->pool, "[%s] was silent for %d s",
                                            x->line->chain->pool, x->timeout_sec),
                               "find what keeps the script, or raise timeout= on FPMUser");
}

static int hung_up(exchange_t *x, int err)
{
    apr_status_t rv = APR_FROM_OS_ERROR(err);

    return fpmp_request_refuse(
        x->r, x->line, HTTP_BAD_GATEWAY, "FPMP0616", FPMP_LINK_POOL,
        apr_psprintf(x->r->pool,
                     "[%s] closed the connection before its answer was "
                     "complete%s%s",
                     x->line->chain->pool, err ? ": " : "",
                     err ? apr_psprintf(x->r->pool, "%pm", &rv) : ""),
        "read PHP-FPM's own error log: the child crashed, or was ended by "
        "request_terminate_timeout or a reload");
}

/* ---- receiving ------------------------------------------------------------------- */

/* Receive what is there and give it to the answer. OK, or the HTTP status of a fault that was
 * said. */
static int receive(exchange_t *x)
{
    apr_bucket_alloc_t *alloc = x->r->connection->bucket_alloc;
    apr_bucket *bucket = NULL;
    char *data;
    apr_size_t got = 0;
    int err, status;

    if (!x->buf) {
        x->buf = apr_bucket_alloc(READ_BYTES, alloc);
    }
    err = x->end->receive(&x->conn, x->buf, READ_BYTES, &got);
    if (err == EAGAIN) {
        return OK;
    }
    if (err || got == 0) {
        return hung_up(x, err);
    }
    x->heard = apr_time_now();
    data = x->buf;
    if (got >= SHARE_BYTES) {
        bucket = apr_bucket_heap_create(data, got, apr_bucket_free, alloc);
        x->buf = NULL;
    }
    status = fpmp_answer_take(&x->answer, bucket, data, got);
    if (bucket) {
        apr_bucket_destroy(bucket);
    }
    return status;
}

/* Until a limit that began at since, rounded up. */
static int left_ms(apr_time_t since, int sec, apr_time_t now)
{
    apr_time_t left = (since + apr_time_from_sec(sec) - now + 999) / 1000;

    return left > INT_MAX ? INT_MAX : left > 0 ? (int)left : 0;
}

static int client_left_ms(const exchange_t *x, apr_time_t now)
{
    return left_ms(x->moved, (int)apr_time_sec(x->r->server->timeout), now);
}

/* From now on the client gets what waits for it, as fast as it takes it. */
static void turn_to_client(exchange_t *x)
{
    if (x->client_fd < 0) {
        fpmp_answer_force(&x->answer);
        return;
    }
    x->paused = 1;
    x->moved = apr_time_now();
}

static void set_limit(const exchange_t *x, fpmp_watch_t *watch)
{
    apr_time_t now = apr_time_now();

    watch->limit_ms = INT_MAX;
    if (watch->want & (FPMP_WATCH_POOL | FPMP_WATCH_SEND)) {
        watch->limit_ms = left_ms(x->heard, x->timeout_sec, now);
    }
    if (watch->want & FPMP_WATCH_CLIENT) {
        int client_ms = client_left_ms(x, now);

        watch->limit_ms = client_ms < watch->limit_ms ? client_ms : watch->limit_ms;
    }
    else if (fpmp_answer_waits(&x->answer) && watch->limit_ms > PAUSE_MS) {
        watch->limit_ms = PAUSE_MS;
    }
}

static int waited_out(exchange_t *x, const fpmp_watch_t *watch)
{
    apr_time_t now = apr_time_now();

    if (!x->paused && fpmp_answer_waits(&x->answer)) {
        turn_to_client(x);
    }
    else if (x->paused && client_left_ms(x, now) == 0) {
        x->r->connection->aborted = x->answer.gone = 1; /* as httpd does after its Timeout */
    }
    else if (watch->want & (FPMP_WATCH_POOL | FPMP_WATCH_SEND) &&
             left_ms(x->heard, x->timeout_sec, now) == 0) {
        return timed_out(x);
    }
    return OK;
}

/* Wait once for the pool, and for the client if it is to get something, and do what came true.
 * The pool waits for the client only when no more can be kept.
 * @param want  0, or FPMP_WATCH_SEND
 * @return OK, or the HTTP status of a fault that was said */
static int turn(exchange_t *x, int want)
{
    fpmp_answer_t *answer = &x->answer;
    fpmp_watch_t watch = { .want = want, .client_fd = x->client_fd };
    int err, status = OK;

    if (answer->store.full && !x->paused) {
        turn_to_client(x);
        if (answer->gone) {
            return OK; /* what it did not take stays: there is nothing to wait for */
        }
    }
    if (answer->store.full) {
        x->heard = apr_time_now(); /* it is not silent, it is not listened to */
    }
    else {
        watch.want |= FPMP_WATCH_POOL;
    }
    watch.want |= x->paused ? FPMP_WATCH_CLIENT : 0;
    set_limit(x, &watch);
    err = x->end->wait(&x->conn, &watch);
    if (err) {
        return err == ETIMEDOUT ? waited_out(x, &watch) : hung_up(x, err);
    }
    if (watch.ready & FPMP_WATCH_CLIENT) {
        x->moved = apr_time_now();
        fpmp_answer_offer(answer, 1);
        x->paused = fpmp_answer_waits(answer);
    }
    if (watch.ready & FPMP_WATCH_POOL) {
        status = receive(x);
        if (status == OK && x->client_fd >= 0 && !answer->over) {
            fpmp_answer_offer(answer, 0);
        }
    }
    return status;
}

static int receive_all(exchange_t *x)
{
    int status = OK;

    while (status == OK && !x->answer.over && !x->answer.gone) {
        status = turn(x, 0);
    }
    return status;
}

/* ---- sending --------------------------------------------------------------------- */

/* Move past sent bytes. */
static void advance(struct iovec **vec, int *count, apr_size_t sent)
{
    while (*count > 0 && sent >= (*vec)->iov_len) {
        sent -= (*vec)->iov_len;
        (*vec)++;
        (*count)--;
    }
    if (*count > 0) {
        (*vec)->iov_base = (char *)(*vec)->iov_base + sent;
        (*vec)->iov_len -= sent;
    }
}

/* Send all of vec. A pool that answers before it has read everything is listened to
 * meanwhile, or both sides would wait for each other. */
static int send_vec(exchange_t *x, struct iovec *vec, int count)
{
    while (count > 0 && !x->deaf) {
        apr_size_t sent = 0;
        int status, err = x->end->send(&x->conn, vec, count, &sent);

        advance(&vec, &count, sent);
        if (err == EPIPE || err == ECONNRESET) {
            x->deaf = 1;
            return OK;
        }
        if (err && err != EAGAIN) {
            return hung_up(x, err);
        }
        if (count == 0) {
            return OK;
        }
        x->heard = sent ? apr_time_now() : x->heard;
        status = turn(x, FPMP_WATCH_SEND);
        if (status != OK) {
            return status;
        }
        x->deaf = x->answer.over || x->answer.gone;
    }
    return OK;
}

typedef struct {
    struct iovec vec[VECS];
    unsigned char headers[RECORDS + 1][FPMP_FCGI_HEADER_BYTES];
    int count;
    int records;
} batch_t;

static void batch_add(batch_t *batch, const void *data, apr_size_t len)
{
    batch->vec[batch->count].iov_base = (void *)(apr_uintptr_t)data;
    batch->vec[batch->count++].iov_len = len;
}

static void batch_add_record(batch_t *batch, const char *data, apr_size_t len)
{
    unsigned char *header = batch->headers[batch->records++];

    fpmp_fcgi_stdin_header(header, len);
    batch_add(batch, header, FPMP_FCGI_HEADER_BYTES);
    if (len > 0) {
        batch_add(batch, data, len);
    }
}

static int batch_send(exchange_t *x, batch_t *batch)
{
    int status = send_vec(x, batch->vec, batch->count);

    batch->count = batch->records = 0;
    return status;
}

/* Add one piece of data as records, sending whenever the batch is full. */
static int add_data(exchange_t *x, batch_t *batch, const char *data, apr_size_t len)
{
    int status = OK;

    while (len > 0 && status == OK) {
        apr_size_t part = len > FPMP_FCGI_RECORD_MAX ? FPMP_FCGI_RECORD_MAX : len;

        if (batch->records == RECORDS) {
            status = batch_send(x, batch);
        }
        batch_add_record(batch, data, part);
        data += part;
        len -= part;
    }
    return status;
}

/* Send a brigade as records; last: with the empty one that ends the body. What is sent is
 * deleted on the way, so that a long file is never in memory as a whole. */
static int send_brigade(exchange_t *x, batch_t *batch, apr_bucket_brigade *bb, int last)
{
    apr_bucket *b = APR_BRIGADE_FIRST(bb);
    int status = OK;

    while (status == OK && !x->deaf && b != APR_BRIGADE_SENTINEL(bb)) {
        const char *data = NULL;
        apr_size_t len = 0;
        apr_status_t rv = APR_BUCKET_IS_METADATA(b)
                              ? APR_SUCCESS
                              : apr_bucket_read(b, &data, &len, APR_BLOCK_READ);

        if (rv != APR_SUCCESS) {
            return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
        }
        status = add_data(x, batch, data, len);
        b = APR_BUCKET_NEXT(b);
        if (status == OK && (batch->records >= RECORDS / 2 || len > FPMP_FCGI_RECORD_MAX)) {
            status = batch_send(x, batch);
            while (APR_BRIGADE_FIRST(bb) != b) {
                apr_bucket_delete(APR_BRIGADE_FIRST(bb));
            }
        }
    }
    if (last) {
        batch_add_record(batch, NULL, 0);
    }
    if (status == OK) {
        status = batch_send(x, batch);
    }
    apr_brigade_cleanup(bb);
    return status;
}

static int send_request(exchange_t *x, fpmp_body_t *body, char *head, apr_size_t head_len)
{
    batch_t batch = { .count = 0 };
    int status = OK, last = 0;

    batch_add(&batch, head, head_len);
    if (!body->bb) {
        return batch_send(x, &batch);
    }
    while (status == OK && !last && !x->deaf) {
        last = body->eos || body->length == 0;
        status = send_brigade(x, &batch, body->bb, last);
        if (status == OK && !last && !x->deaf) {
            status = fpmp_body_next(x->r, body);
        }
    }
    return status;
}

/* ---- the whole ------------------------------------------------------------------- */

static int client_fd(conn_rec *c)
{
    int fd = -1;

    if (!c->master) {
        apr_os_sock_get(&fd, ap_get_conn_socket(c));
    }
    return fd;
}

int fpmp_exchange_run(request_rec *r, const fpmp_line_t *line, fpmp_body_t *body,
                      char *head, apr_size_t head_len)
{
    exchange_t x = { .r = r, .line = line, .end = &fpmp_unix_end };
    int status = fpmp_pool_open(r, line, x.end, &x.conn);
    apr_time_t began;

    if (status != OK) {
        return status;
    }
    x.client_fd = client_fd(r->connection);
    x.timeout_sec =
        line->timeout_sec ? line->timeout_sec : (int)apr_time_sec(r->server->timeout);
    x.heard = began = apr_time_now();
    fpmp_answer_start(&x.answer, r, line);
    status = send_request(&x, body, head, head_len);
    if (status == OK) {
        status = receive_all(&x);
    }
    /* Before the rest goes to the client, who may be slow. */
    x.end->close(&x.conn);
    /* The clock was read when the last byte came. */
    apr_table_addn(r->notes, "FPMPOOL_USEC",
                   apr_off_t_toa(r->pool,
                                 (status == OK ? x.heard : apr_time_now()) - began));
    if (x.buf) {
        apr_bucket_free(x.buf);
    }
    return fpmp_answer_finish(&x.answer, status);
}
