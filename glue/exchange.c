/* SPDX-License-Identifier: Apache-2.0
 *
 * One request and its answer over one connection to the pool: connect, send, receive,
 * close. A GET is one connect, one write and as many reads as the answer has pieces. The
 * connection is closed as soon as the answer is complete, since the worker stays taken
 * until then.
 */
#include "glue.h"

#include <apr_atomic.h>
#include <errno.h>
#include <string.h>

APLOG_USE_MODULE(fpmpool);

#define AWAY_MS 5000 /* so long a request waits for a pool that nobody can connect to */
#define PAUSE_MIN_MS 5
#define PAUSE_MAX_MS 100
#define READ_BYTES (64 * 1024)
#define SHARE_BYTES 4096 /* below it a copy is cheaper than to keep the whole buffer */
#define PASS_BYTES (128 * 1024) /* so much is gathered at most before it is passed on */
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
} exchange_t;

/* ---- what can go wrong ----------------------------------------------------------- */

static const struct {
    int err;
    const char *code;
    const char *seen; /* behind the path of the socket */
    const char *mend;
    int retry;
} open_faults[] = {
    { ENOENT, "FPMP0610", "does not exist", "start PHP-FPM, or reload httpd", 0 },
    { ECONNREFUSED, "FPMP0611", "is there, but nobody listens", "start PHP-FPM", 0 },
    { EACCES, "FPMP0612", "may not be connected to by the user that httpd runs as",
      "restart PHP-FPM, which sets owner and mode anew", 0 },
    { EAGAIN, "FPMP0613",
      "has a full queue: all children are busy and no place came free in time",
      "raise pm.max_children on FPMUser, or find what keeps the scripts", 1 },
    { 0, "FPMP0614", "cannot be connected to", "see the reason", 0 },
};

/* PHP-FPM is away for a moment while it starts: no socket yet, nobody listens yet, or its
 * owner is not set yet. A full queue waits in connect(2) itself. */
static int is_passing(int err)
{
    return err == ENOENT || err == ECONNREFUSED || err == EACCES || err == EAGAIN;
}

static apr_uint32_t now_ms(void)
{
    apr_uint32_t ms = (apr_uint32_t)apr_time_as_msec(apr_time_now());

    return ms ? ms : 1;
}

/* For how long has nobody been able to connect? All requests count, so that an outage holds
 * threads of httpd for AWAY_MS once, not once for each request. AWAY_MS without a failure end
 * it, as an answer does. */
static apr_uint32_t away_ms(fpmp_state_t *state)
{
    apr_uint32_t since = apr_atomic_read32(&state->away_since), now = now_ms();

    return since == 0 || now - apr_atomic_read32(&state->away_seen) > AWAY_MS ? 0
                                                                              : now - since;
}

static void note_away(fpmp_state_t *state, apr_uint32_t began)
{
    if (away_ms(state) == 0) {
        apr_atomic_set32(&state->away_since, began);
    }
    apr_atomic_set32(&state->away_seen, now_ms());
}

/* Connect, and ride over a moment in which the pool is away. Nothing was sent yet, so trying
 * again sends no request twice. */
static int open_pool(exchange_t *x, int timeout_sec)
{
    const fpmp_chain_t *chain = x->line->chain;
    fpmp_state_t *state = chain->state;
    apr_uint32_t began = now_ms();
    int err, pause_ms = PAUSE_MIN_MS;

    for (;;) {
        apr_uint32_t away = away_ms(state);
        int wait_sec = away < AWAY_MS ? (int)(AWAY_MS - away + 999) / 1000 : 0;

        err = x->end->open(&x->conn, chain->socket_path, wait_sec, timeout_sec);
        if (!err && apr_atomic_read32(&state->away_since)) {
            apr_atomic_set32(&state->away_since, 0);
        }
        if (!err || !is_passing(err)) {
            return err;
        }
        note_away(state, began);
        if (fpmp_state_phase(state) == FPMP_PHASE_BROKEN ||
            away_ms(state) >=
                (fpmp_state_phase(state) == FPMP_PHASE_PENDING ? FPMP_PENDING_MS : AWAY_MS)) {
            return err;
        }
        apr_sleep(apr_time_from_msec(pause_ms));
        pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    }
}

static int open_failed(exchange_t *x, int err)
{
    apr_pool_t *p = x->r->pool;
    apr_status_t rv = APR_FROM_OS_ERROR(err);
    int i = 0;

    while (open_faults[i].err && open_faults[i].err != err) {
        i++;
    }
    fpmp_request_say(x->r, x->line, open_faults[i].code, FPMP_LINK_SOCKET,
                     apr_psprintf(p, "'%s' %s (%pm)", x->line->chain->socket_path,
                                  open_faults[i].seen, &rv),
                     open_faults[i].mend);
    if (open_faults[i].retry) {
        apr_table_setn(x->r->err_headers_out, "Retry-After", FPMP_RETRY_AFTER_SEC);
    }
    return HTTP_SERVICE_UNAVAILABLE;
}

static int timed_out(exchange_t *x)
{
    fpmp_request_say(x->r, x->line, "FPMP0615", FPMP_LINK_POOL,
                     apr_psprintf(x->r->pool, "[%s] was silent for %d s",
                                  x->line->chain->pool, x->conn.timeout_sec),
                     "find what keeps the script, or raise timeout= on FPMUser");
    return HTTP_GATEWAY_TIME_OUT;
}

static int hung_up(exchange_t *x, int err)
{
    apr_status_t rv = APR_FROM_OS_ERROR(err);

    fpmp_request_say(x->r, x->line, "FPMP0616", FPMP_LINK_POOL,
                     apr_psprintf(x->r->pool,
                                  "[%s] closed the connection before its answer was "
                                  "complete%s%s",
                                  x->line->chain->pool, err ? ": " : "",
                                  err ? apr_psprintf(x->r->pool, "%pm", &rv) : ""),
                     "read PHP-FPM's own error log: the child crashed, or was ended by "
                     "request_terminate_timeout or a reload");
    return HTTP_BAD_GATEWAY;
}

/* ---- receiving ------------------------------------------------------------------- */

/* Receive once and give it to the answer. OK; DECLINED: nothing there (only without block);
 * DONE: the pool closed; or the HTTP status of a fault that was said. */
static int receive(exchange_t *x, int block)
{
    apr_bucket_alloc_t *alloc = x->r->connection->bucket_alloc;
    apr_bucket *bucket = NULL;
    char *data;
    apr_size_t got = 0;
    int err, status;

    if (!x->buf) {
        x->buf = apr_bucket_alloc(READ_BYTES, alloc);
    }
    err = x->end->receive(&x->conn, x->buf, READ_BYTES, &got, block);
    if (err == EAGAIN) {
        return DECLINED;
    }
    if (err == ETIMEDOUT) {
        return timed_out(x);
    }
    if (err || got == 0) {
        return x->answer.over ? DONE : hung_up(x, err);
    }
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

/* Take what the pool has ready; pass it on when the pool pauses or enough has gathered. */
static int receive_all(exchange_t *x)
{
    fpmp_answer_t *answer = &x->answer;
    int status = OK;

    while (!answer->over && !answer->gone) {
        status = receive(x, 1);
        while (status == OK && !answer->over && answer->waiting < PASS_BYTES) {
            status = receive(x, 0);
        }
        if (answer->over || (status != OK && status != DECLINED)) {
            break;
        }
        fpmp_answer_pass(answer, status == DECLINED);
    }
    return status == DECLINED ? OK : status;
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
        int readable = 0, status, err = x->end->send(&x->conn, vec, count, &sent);

        advance(&vec, &count, sent);
        if (err == EPIPE || err == ECONNRESET) {
            x->deaf = 1;
            return OK;
        }
        if (count == 0) {
            return OK;
        }
        if (err && err != EAGAIN) {
            return hung_up(x, err);
        }
        err = x->end->wait(&x->conn, &readable);
        if (err) {
            return err == ETIMEDOUT ? timed_out(x) : hung_up(x, err);
        }
        if (readable) {
            status = receive(x, 0);
            if (status != OK && status != DECLINED) {
                return status;
            }
            fpmp_answer_pass(&x->answer, 1);
            x->deaf = x->answer.over || x->answer.gone;
        }
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
        if (status == OK && batch->records >= RECORDS / 2) {
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

int fpmp_exchange_run(request_rec *r, const fpmp_line_t *line, fpmp_body_t *body,
                      char *head, apr_size_t head_len)
{
    exchange_t x = { .r = r, .line = line, .end = &fpmp_unix_end };
    int timeout_sec =
        line->timeout_sec ? line->timeout_sec : (int)apr_time_sec(r->server->timeout);
    int status, err;

    err = open_pool(&x, timeout_sec);
    if (err) {
        return open_failed(&x, err);
    }
    fpmp_answer_start(&x.answer, r, line);
    status = send_request(&x, body, head, head_len);
    if (status == OK) {
        status = receive_all(&x);
    }
    /* Before the last piece goes to the client, who may be slow. */
    x.end->close(&x.conn);
    if (x.buf) {
        apr_bucket_free(x.buf);
    }
    return fpmp_answer_finish(&x.answer, status);
}
