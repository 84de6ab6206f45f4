/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a request on its way from the client. A body of known length is streamed
 * piece by piece; one whose length is not known before its end is read wholly first, to
 * memory and then to a temporary file, because PHP reads no more than CONTENT_LENGTH says.
 */
#include "glue.h"

#include "util_filter.h"

APLOG_USE_MODULE(fpmpool);

#define PIECE_BYTES (64 * 1024)
#define MEMORY_BYTES (64 * 1024) /* more than this of a spooled body goes to a file */

static int read_piece(request_rec *r, apr_bucket_brigade *bb)
{
    apr_status_t rv = ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES,
                                     APR_BLOCK_READ, PIECE_BYTES);

    return rv == APR_SUCCESS ? OK : ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
}

static int ends(const apr_bucket_brigade *bb)
{
    return !APR_BRIGADE_EMPTY(bb) && APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(bb));
}

/* Bytes kept so far of a body that is read wholly. */
typedef struct {
    request_rec *r;
    apr_bucket_brigade *memory;
    apr_file_t *file; /* NULL: all is in memory */
    apr_off_t length;
} spool_t;

static apr_status_t open_file(spool_t *spool)
{
    const char *dir = NULL;
    apr_status_t rv = apr_temp_dir_get(&dir, spool->r->pool);
    char *name;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* Removed when the request ends, also by a crash of nothing but this process: the name
     * goes at once, the open file stays. */
    name = apr_pstrcat(spool->r->pool, dir, "/fpmpool-body.XXXXXX", NULL);
    rv = apr_file_mktemp(&spool->file, name,
                         APR_FOPEN_CREATE | APR_FOPEN_EXCL | APR_FOPEN_READ |
                             APR_FOPEN_WRITE | APR_FOPEN_BINARY,
                         spool->r->pool);
    if (rv == APR_SUCCESS) {
        rv = apr_file_remove(name, spool->r->pool);
    }
    return rv;
}

static apr_status_t keep(spool_t *spool, const char *data, apr_size_t len)
{
    apr_bucket *b;
    apr_status_t rv = APR_SUCCESS;

    spool->length += len;
    if (!spool->file && spool->length <= MEMORY_BYTES) {
        return apr_brigade_write(spool->memory, NULL, NULL, data, len);
    }
    if (!spool->file) {
        rv = open_file(spool);
        for (b = APR_BRIGADE_FIRST(spool->memory);
             rv == APR_SUCCESS && b != APR_BRIGADE_SENTINEL(spool->memory);
             b = APR_BUCKET_NEXT(b)) {
            const char *old;
            apr_size_t old_len;

            rv = apr_bucket_read(b, &old, &old_len, APR_BLOCK_READ);
            if (rv == APR_SUCCESS) {
                rv = apr_file_write_full(spool->file, old, old_len, NULL);
            }
        }
        apr_brigade_cleanup(spool->memory);
    }
    return rv == APR_SUCCESS ? apr_file_write_full(spool->file, data, len, NULL) : rv;
}

static apr_status_t keep_piece(spool_t *spool, apr_bucket_brigade *bb)
{
    apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb); b = APR_BUCKET_NEXT(b)) {
        const char *data;
        apr_size_t len;
        apr_status_t rv;

        if (APR_BUCKET_IS_METADATA(b)) {
            continue;
        }
        rv = apr_bucket_read(b, &data, &len, APR_BLOCK_READ);
        if (rv == APR_SUCCESS) {
            rv = keep(spool, data, len);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

static int spool_all(request_rec *r, fpmp_body_t *body)
{
    spool_t spool = { .r = r };
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    int status;

    spool.memory = body->bb;
    for (;;) {
        apr_status_t rv;
        int last;

        status = read_piece(r, bb);
        if (status != OK) {
            return status;
        }
        rv = keep_piece(&spool, bb);
        if (rv != APR_SUCCESS) {
            const fpmp_dir_t *dir =
                ap_get_module_config(r->per_dir_config, &fpmpool_module);

            fpmp_request_say(r, dir->line, "FPMP0606", FPMP_LINK_HANDLER,
                             apr_psprintf(r->pool,
                                          "%" APR_OFF_T_FMT " bytes of a request body of "
                                          "unknown length could not be kept in a "
                                          "temporary file: %pm",
                                          spool.length, &rv),
                             "see to the space and rights of the temporary directory");
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        last = ends(bb);
        apr_brigade_cleanup(bb);
        if (last) {
            break;
        }
    }
    if (spool.file) {
        apr_brigade_insert_file(body->bb, spool.file, 0, spool.length, r->pool);
    }
    body->length = spool.length;
    body->eos = body->spooled = 1;
    return OK;
}

int fpmp_body_open(request_rec *r, fpmp_body_t *body)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    int unknown = apr_table_get(r->headers_in, "Transfer-Encoding") != NULL
                  /* an input filter (inflate, charset) changes the length on the way */
                  || (length && r->input_filters != r->proto_input_filters);

    memset(body, 0, sizeof(*body));
    if (r->main || (!unknown && !length)) {
        return OK;
    }
    body->bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    if (unknown) {
        return spool_all(r, body);
    }
    body->length = apr_atoi64(length);
    return body->length > 0 ? fpmp_body_next(r, body) : OK;
}

int fpmp_body_next(request_rec *r, fpmp_body_t *body)
{
    int status;

    apr_brigade_cleanup(body->bb);
    status = read_piece(r, body->bb);
    body->eos = status == OK && ends(body->bb);
    return status;
}
