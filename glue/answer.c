/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer of a pool: FastCGI records in, header and body to httpd's filters, PHP's error
 * text to the error log of the host. The pool is not trusted: every length has a bound.
 */
#include "glue.h"

#include "mod_core.h"
#include "util_filter.h"
#include "util_script.h"

#include <string.h>

APLOG_USE_MODULE(fpmpool);

#define HEAD_MAX_BYTES (256 * 1024)
#define ERR_LINE_BYTES 2048         /* a longer line of error text is logged in parts */
#define ERR_TOTAL_BYTES (64 * 1024) /* of one request; the rest is left out */
#define MEMORY_BYTES (128 * 1024)   /* of a body that the client has not taken */
/* Passed on in one piece: httpd's core filter waits for the client once it holds 64 KB, and
 * this with a header of 8 KB is less. */
#define PIECE_BYTES (56 * 1024)
#define SURE_BYTES (16 * 1024) /* a socket that can be written to takes them without a wait */

void fpmp_answer_start(fpmp_answer_t *answer, request_rec *r, const fpmp_line_t *line)
{
    memset(answer, 0, sizeof(*answer));
    answer->r = r;
    answer->line = line;
    answer->length_left = -1;
    fpmp_store_open(&answer->store, r, MEMORY_BYTES, line->buffer_bytes);
    answer->out = apr_brigade_create(r->pool, r->connection->bucket_alloc);
}

static int broken(fpmp_answer_t *answer, const char *code, const char *seen,
                  const char *mend)
{
    return fpmp_request_refuse(answer->r, answer->line, HTTP_BAD_GATEWAY, code,
                               FPMP_LINK_POOL, seen, mend);
}

/* ---- error text -------------------------------------------------------------------------
 */

/* What PHP says of a script that is there, for httpd found it: its words name no mend. */
static const char *mend_of(const fpmp_answer_t *answer, const char *said)
{
    if (!strstr(said, "Primary script unknown") &&
        !strstr(said, "Unable to open primary script")) {
        return "";
    }
    return apr_psprintf(answer->r->pool,
                        "; let user '%s' read '%s' and pass every directory above it, "
                        "configtest names one that is closed",
                        answer->line->user, answer->r->filename);
}

static void log_err_line(fpmp_answer_t *answer)
{
    const char *said;

    if (answer->err_len == 0) {
        return;
    }
    said = apr_pstrmemdup(answer->r->pool, answer->err, answer->err_len);
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, answer->r, "FPMP0620: pool: [%s] said: %s%s",
                  answer->line->chain->pool, said, mend_of(answer, said));
    answer->err_len = 0;
}

static void take_err(fpmp_answer_t *answer, const char *piece, apr_size_t len)
{
    apr_size_t i;

    if (!answer->err) {
        answer->err = apr_palloc(answer->r->pool, ERR_LINE_BYTES);
    }
    for (i = 0; i < len && answer->err_total <= ERR_TOTAL_BYTES; i++) {
        if (piece[i] == '\n' || answer->err_len == ERR_LINE_BYTES) {
            log_err_line(answer);
        }
        if (piece[i] != '\n' && piece[i] != '\r') {
            answer->err[answer->err_len++] = piece[i];
        }
        if (++answer->err_total > ERR_TOTAL_BYTES) {
            log_err_line(answer);
            ap_log_rerror(
                APLOG_MARK, APLOG_ERR, 0, answer->r,
                "FPMP0621: pool: [%s] said more than %d bytes of error text in one "
                "request; the rest is left out",
                answer->line->chain->pool, ERR_TOTAL_BYTES);
        }
    }
}

/* ---- header -----------------------------------------------------------------------------
 */

/* What PHP may not say about the connection to the client. */
static void drop_hop_by_hop(apr_table_t *headers)
{
    static const char *const names[] = { "Connection", "Keep-Alive", "Trailer",
                                         "Transfer-Encoding", "Upgrade" };
    apr_size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        apr_table_unset(headers, names[i]);
    }
}

static void settle_length(fpmp_answer_t *answer)
{
    request_rec *r = answer->r;
    const char *length = apr_table_get(r->headers_out, "Content-Length");
    char *rest = NULL;

    /* 1*DIGIT; apr_strtoff() takes a sign and blanks too, and the text goes out as it is. */
    if (length && (*length < '0' || *length > '9' ||
                   apr_strtoff(&answer->length_left, length, &rest, 10) != APR_SUCCESS ||
                   *rest)) {
        answer->length_left = -1;
        apr_table_unset(r->headers_out, "Content-Length");
    }
    if (r->header_only) {
        answer->length_left = -1; /* it describes the body that a GET would get */
    }
}

/* As ap_remove_output_filter_byhandle() does, which looks the name up first. */
static void drop_byterange(request_rec *r)
{
    ap_filter_t *f = r->output_filters;

    while (f && f->frec != ap_byterange_filter_handle) {
        f = f->next;
    }
    if (f) {
        ap_remove_output_filter(f);
    }
}

typedef struct {
    const char *at, *end;
} lines_t;

/* For ap_scan_script_header_err_core_ex(): the next line without its end, cut at size.
 * @return 1, or 0 when there is none or it is too long for size */
static int next_line(char *line, int size, void *data)
{
    lines_t *lines = data;
    apr_size_t room = (apr_size_t)size - 1, left = (apr_size_t)(lines->end - lines->at);
    const char *eol = memchr(lines->at, '\n', left);
    apr_size_t len = eol ? (apr_size_t)(eol - lines->at) : left;

    if (eol && len > 0 && eol[-1] == '\r') {
        len--;
    }
    if (!eol || len > room) {
        lines->at = lines->end;
        *line = '\0';
        return 0;
    }
    memcpy(line, lines->at, len);
    line[len] = '\0';
    lines->at = eol + 1;
    return 1;
}

static int parse_head(fpmp_answer_t *answer, const char *head, apr_size_t len)
{
    request_rec *r = answer->r;
    int odd = fpmp_head_odd_byte(head, len);
    lines_t lines = { head, head + len };
    int status;

    if (odd >= 0) {
        return broken(answer, "FPMP0629",
                      apr_psprintf(r->pool,
                                   "the header of the answer has a line with byte 0x%02x",
                                   odd),
                      "mend the script's header() calls");
    }
    /* httpd drops a script's Content-Length unless told that it is watched, as it is here.
     */
    apr_table_setn(r->subprocess_env, AP_TRUST_CGILIKE_CL_ENVVAR, "1");
    status =
        ap_scan_script_header_err_core_ex(r, NULL, next_line, &lines, APLOG_MODULE_INDEX);
    if (status == HTTP_NOT_MODIFIED || status == HTTP_PRECONDITION_FAILED) {
        r->status = status; /* the client's own copy is still good */
    }
    else if (status != OK) {
        return broken(answer, "FPMP0622",
                      "the header of the answer has a line that is no header, "
                      "or one longer than 8 KB (the line above names it)",
                      "mend the script's header() calls");
    }
    else if (r->status < 200 ||
             r->status > 599) { /* 1xx is no last answer: the client waits on */
        return broken(answer, "FPMP0628",
                      apr_psprintf(r->pool,
                                   "the answer has status %d, wanted is 200 to 599",
                                   r->status),
                      "mend the script's header() or http_response_code() call");
    }
    drop_hop_by_hop(r->headers_out);
    drop_hop_by_hop(r->err_headers_out);
    settle_length(answer);
    /* PHP sees the Range header itself; httpd must not cut its answer a second time. */
    drop_byterange(r);
    answer->state = r->status == HTTP_NO_CONTENT || r->status == HTTP_NOT_MODIFIED ||
                            status == HTTP_PRECONDITION_FAILED || r->header_only
                        ? FPMP_ANSWER_NO_BODY
                        : FPMP_ANSWER_BODY;
    return OK;
}

/* ---- body ------------------------------------------------------------------------ */

static void add_body(fpmp_answer_t *answer, apr_bucket *bucket, const char *data,
                     const char *piece, apr_size_t len)
{
    apr_status_t rv;

    if (answer->state == FPMP_ANSWER_NO_BODY || len == 0) {
        return;
    }
    rv = fpmp_store_add(&answer->store, bucket, data, piece, len);
    if (rv != APR_SUCCESS && !answer->told) {
        answer->told = 1;
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, answer->r,
                      "FPMP0630: handler: an answer that the client takes slowly could not be "
                      "kept in a temporary file (%pm), so [%s] waits for the client; see to "
                      "the space and rights of the temporary directory",
                      &rv, answer->line->chain->pool);
    }
}

static int take_out(fpmp_answer_t *answer, apr_bucket *bucket, const char *data,
                    const char *piece, apr_size_t len)
{
    apr_size_t end, had = answer->head_len;
    int status;

    if (answer->state != FPMP_ANSWER_HEAD) {
        add_body(answer, bucket, data, piece, len);
        return OK;
    }
    if (had == 0 && (end = fpmp_head_end(piece, len)) > 0) {
        status = parse_head(answer, piece, end); /* nearly always: in one piece, no copy */
    }
    else {
        if (had + len > HEAD_MAX_BYTES) {
            return broken(answer, "FPMP0623",
                          "the header of the answer is longer than 256 KB",
                          "mend the script's header() calls");
        }
        if (!answer->head) {
            answer->head = apr_palloc(answer->r->pool, HEAD_MAX_BYTES);
        }
        memcpy(answer->head + had, piece, len);
        answer->head_len += len;
        end = fpmp_head_end(answer->head, answer->head_len);
        if (end == 0) {
            return OK;
        }
        status = parse_head(answer, answer->head, end);
        end -= had;
    }
    if (status == OK) {
        add_body(answer, bucket, data, piece + end, len - end);
    }
    return status;
}

int fpmp_answer_take(fpmp_answer_t *answer, apr_bucket *bucket, const char *data,
                     apr_size_t len)
{
    const char *at = data, *piece;
    apr_size_t piece_len;
    int status = OK;

    while (status == OK && !answer->over) {
        switch (fpmp_fcgi_next(&answer->reader, &at, &len, &piece, &piece_len)) {
        case FPMP_FCGI_MORE:
            return OK;
        case FPMP_FCGI_STDOUT:
            status = take_out(answer, bucket, data, piece, piece_len);
            break;
        case FPMP_FCGI_STDERR:
            take_err(answer, piece, piece_len);
            break;
        case FPMP_FCGI_END:
            answer->over = 1;
            break;
        case FPMP_FCGI_BROKEN:
            return broken(answer, "FPMP0624",
                          apr_psprintf(answer->r->pool,
                                       "what listens on '%s' does not speak "
                                       "FastCGI: %s",
                                       answer->line->chain->socket_path,
                                       answer->reader.why),
                          "see which program listens there");
        }
    }
    return status;
}

/* ---- to the client --------------------------------------------------------------- */

static int is_held_back(const fpmp_answer_t *answer)
{
    return answer->r->connection->data_in_output_filters;
}

int fpmp_answer_waits(const fpmp_answer_t *answer)
{
    return answer->state != FPMP_ANSWER_HEAD && !answer->gone &&
           (answer->store.length > 0 || !answer->passed || answer->unflushed ||
            is_held_back(answer));
}

static void pass(fpmp_answer_t *answer, int flush)
{
    request_rec *r = answer->r;

    if (flush) {
        APR_BRIGADE_INSERT_TAIL(answer->out,
                                apr_bucket_flush_create(answer->out->bucket_alloc));
    }
    answer->passed = 1;
    answer->unflushed = !flush;
    if (ap_pass_brigade(r->output_filters, answer->out) != APR_SUCCESS ||
        r->connection->aborted) {
        answer->gone = 1;
    }
    apr_brigade_cleanup(answer->out);
}

/* Move max bytes at most to what is passed next, and never more than the script's own
 * Content-Length. */
static void take(fpmp_answer_t *answer, apr_off_t max)
{
    apr_off_t had = answer->store.length;

    if (answer->length_left >= 0 && max > answer->length_left) {
        max = answer->length_left;
    }
    if (had > 0 && max > 0 &&
        fpmp_store_take(&answer->store, answer->out, max) != APR_SUCCESS) {
        /* A temporary file that cannot be read: the client is to see that it is not whole. */
        answer->gone = answer->r->connection->aborted = 1;
    }
    if (answer->length_left >= 0) {
        answer->length_left -= had - answer->store.length;
    }
    if (answer->length_left == 0) {
        fpmp_store_drop(&answer->store);
        answer->state = FPMP_ANSWER_NO_BODY;
    }
}

/* What the core filter could not send at once waits there; the MPMs send it on in this way. */
static void push(fpmp_answer_t *answer)
{
    ap_filter_t *f = answer->r->connection->output_filters;

    while (f->next) {
        f = f->next;
    }
    if (f->frec->filter_func.out_func(f, NULL) != APR_SUCCESS ||
        answer->r->connection->aborted) {
        answer->gone = 1;
    }
}

void fpmp_answer_offer(fpmp_answer_t *answer, int sure)
{
    int bulk = 0;

    if (sure && is_held_back(answer)) {
        push(answer);
    }
    while (answer->store.length >= PIECE_BYTES && !answer->gone && !is_held_back(answer)) {
        take(answer, PIECE_BYTES);
        pass(answer, 0);
        bulk = 1;
    }
    if (sure && !bulk && !answer->gone && !is_held_back(answer)) {
        int flush = answer->store.length <= SURE_BYTES;

        take(answer, PIECE_BYTES);
        pass(answer, flush);
    }
}

void fpmp_answer_force(fpmp_answer_t *answer)
{
    while (answer->store.length > 0 && !answer->gone) {
        take(answer, PIECE_BYTES);
        pass(answer, 0);
    }
    if (!answer->gone) {
        pass(answer, 1);
    }
}

/* All that is left, as one brigade: a file in it holds no thread of the event MPM. */
static void take_rest(fpmp_answer_t *answer)
{
    apr_off_t length = answer->store.length;
    apr_bucket *rest;

    fpmp_store_take_all(&answer->store, answer->out);
    if (answer->length_left >= 0 && length > answer->length_left &&
        apr_brigade_partition(answer->out, answer->length_left, &rest) == APR_SUCCESS) {
        apr_brigade_cleanup(apr_brigade_split_ex(answer->out, rest, NULL));
    }
}

/* Too late for a status: an error bucket keeps the last chunk back and closes the
 * connection. */
static void cut_off(fpmp_answer_t *answer)
{
    request_rec *r = answer->r;
    apr_bucket_alloc_t *alloc = answer->out->bucket_alloc;

    r->connection->keepalive = AP_CONN_CLOSE;
    take_rest(answer);
    APR_BRIGADE_INSERT_TAIL(answer->out,
                            ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, alloc));
    APR_BRIGADE_INSERT_TAIL(answer->out, apr_bucket_eos_create(alloc));
    pass(answer, 0);
}

int fpmp_answer_finish(fpmp_answer_t *answer, int status)
{
    log_err_line(answer);
    if (answer->gone) {
        return OK;
    }
    if (status == OK && answer->reader.protocol_status != 0) {
        fpmp_request_say(answer->r, answer->line, "FPMP0625", FPMP_LINK_POOL,
                         apr_psprintf(answer->r->pool,
                                      "[%s] refused the request with FastCGI "
                                      "status %d",
                                      answer->line->chain->pool,
                                      answer->reader.protocol_status),
                         "read PHP-FPM's own error log");
        apr_table_setn(answer->r->err_headers_out, "Retry-After", FPMP_RETRY_AFTER_SEC);
        status = HTTP_SERVICE_UNAVAILABLE;
    }
    else if (status == OK && answer->state == FPMP_ANSWER_HEAD) {
        status = broken(answer, "FPMP0626", "the answer ended before its header did",
                        "read PHP-FPM's own error log");
    }
    else if (status == OK && answer->passed &&
             answer->length_left > answer->store.length &&
             answer->state == FPMP_ANSWER_BODY) {
        status = broken(answer, "FPMP0627",
                        apr_psprintf(answer->r->pool,
                                     "the answer ended %" APR_OFF_T_FMT " bytes "
                                     "before the Content-Length that the script "
                                     "gave",
                                     answer->length_left - answer->store.length),
                        "mend the script");
    }
    if (status == OK) {
        if (!answer->passed && !answer->r->header_only) {
            /* The whole answer is at hand: httpd counts it, whatever the script said. */
            apr_table_unset(answer->r->headers_out, "Content-Length");
            answer->length_left = -1;
        }
        take_rest(answer);
        APR_BRIGADE_INSERT_TAIL(answer->out,
                                apr_bucket_eos_create(answer->out->bucket_alloc));
        pass(answer, 0);
    }
    else if (answer->passed) {
        cut_off(answer);
        return OK;
    }
    else if (status != AP_FILTER_ERROR) { /* that one was answered by an input filter */
        apr_table_clear(answer->r->headers_out);
        answer->r->status = HTTP_OK;
        answer->r->status_line = NULL;
    }
    return status;
}
