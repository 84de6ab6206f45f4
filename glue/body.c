/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a request on its way from the client. It is kept until its end is there, so
 * that a client who sends slowly holds no worker of the pool. What of it is longer than
 * buffer= is streamed; what has no known length is kept wholly, because PHP reads no more
 * than CONTENT_LENGTH says.
 */
#include "glue.h"

#include "util_filter.h"

#include <string.h>

APLOG_USE_MODULE(fpmpool);

#define PIECE_BYTES (64 * 1024)
#define MEMORY_BYTES (64 * 1024) /* more than this is kept in a file */

static int ends(const apr_bucket_brigade *bb)
{
    return !APR_BRIGADE_EMPTY(bb) && APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(bb));
}

static apr_status_t keep_piece(fpmp_store_t *store, apr_bucket_brigade *bb)
{
    apr_status_t rv = APR_SUCCESS;
    apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb); b = APR_BUCKET_NEXT(b)) {
        const char *data;
        apr_size_t len;
        apr_status_t kept;

        if (APR_BUCKET_IS_METADATA(b)) {
            continue;
        }
        kept = apr_bucket_read(b, &data, &len, APR_BLOCK_READ);
        if (kept == APR_SUCCESS) {
            kept = fpmp_store_add(store, APR_BUCKET_IS_HEAP(b) ? b : NULL, data, data, len);
        }
        rv = rv == APR_SUCCESS ? kept : rv;
    }
    return rv;
}

static int not_kept(request_rec *r, apr_off_t length, apr_status_t rv)
{
    const fpmp_dir_t *dir = ap_get_module_config(r->per_dir_config, &fpmpool_module);

    return fpmp_request_refuse(r, dir->line, HTTP_INTERNAL_SERVER_ERROR, "FPMP0606",
                               FPMP_LINK_HANDLER,
                               apr_psprintf(r->pool,
                                            "%" APR_OFF_T_FMT " bytes of a request body of "
                                            "unknown length could not be kept in a "
                                            "temporary file: %pm",
                                            length, &rv),
                               "see to the space and rights of the temporary directory");
}

/* Keep the first piece, in body->bb, and those after it, to the end of the body or as much as
 * may be kept. */
static int keep_all(request_rec *r, fpmp_body_t *body, int unknown, apr_off_t limit)
{
    fpmp_store_t store;

    fpmp_store_open(&store, r, limit < MEMORY_BYTES ? limit : MEMORY_BYTES, limit);
    for (;;) {
        apr_status_t rv = keep_piece(&store, body->bb);
        int status;

        if (rv != APR_SUCCESS && unknown) {
            return not_kept(r, store.length, rv);
        }
        if (body->eos || store.full) {
            break;
        }
        status = fpmp_body_next(r, body);
        if (status != OK) {
            return status;
        }
    }
    apr_brigade_cleanup(body->bb);
    if (unknown) {
        body->length = store.length;
    }
    fpmp_store_take_all(&store, body->bb);
    return OK;
}

int fpmp_body_open(request_rec *r, apr_off_t limit, fpmp_body_t *body)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    int unknown = apr_table_get(r->headers_in, "Transfer-Encoding") != NULL
                  /* an input filter (inflate, charset) changes the length on the way */
                  || (length && r->input_filters != r->proto_input_filters);
    int status;

    memset(body, 0, sizeof(*body));
    if (r->main || (!unknown && !length)) {
        return OK;
    }
    body->bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    body->length = unknown ? 0 : apr_atoi64(length);
    if (!unknown && body->length <= 0) {
        body->length = 0;
        return OK;
    }
    status = fpmp_body_next(r, body);
    if (status != OK || (body->eos && !unknown)) {
        return status; /* mostly: it came in one piece */
    }
    return keep_all(r, body, unknown, unknown ? APR_INT64_MAX : limit);
}

int fpmp_body_next(request_rec *r, fpmp_body_t *body)
{
    apr_status_t rv;

    apr_brigade_cleanup(body->bb);
    rv = ap_get_brigade(r->input_filters, body->bb, AP_MODE_READBYTES, APR_BLOCK_READ,
                        PIECE_BYTES);
    body->eos = rv == APR_SUCCESS && ends(body->bb);
    return rv == APR_SUCCESS ? OK : ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
}
