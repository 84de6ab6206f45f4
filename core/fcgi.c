/* SPDX-License-Identifier: Apache-2.0
 *
 * FastCGI 1.0 for one request on one connection: the bytes that open it, and the reader of
 * what comes back. Every request passes here: the request is built in one piece, the reader
 * makes none and points into the received bytes. It knows no socket.
 */
#include "core.h"

#include <string.h>

#define REQUEST_ID 1
#define BODY_BYTES 8      /* of BEGIN_REQUEST and END_REQUEST */
#define CONTENT_MAX 65535 /* bytes, what the 16-bit length can say */
#define ROLE_RESPONDER 1
#define USUAL_BYTES 2048 /* of a request; a longer one is copied as it grows */

enum {
    TYPE_BEGIN = 1,
    TYPE_END = 3,
    TYPE_PARAMS = 4,
    TYPE_STDIN = 5,
    TYPE_STDOUT = 6,
    TYPE_STDERR = 7
};

static unsigned char *put_header(unsigned char *out, int type, apr_size_t len)
{
    out[0] = 1; /* version */
    out[1] = (unsigned char)type;
    out[2] = 0;
    out[3] = REQUEST_ID;
    out[4] = (unsigned char)(len >> 8);
    out[5] = (unsigned char)len;
    out[6] = 0; /* padding */
    out[7] = 0;
    return out + FPMP_FCGI_HEADER_BYTES;
}

/* The request as far as it is written. */
typedef struct {
    apr_pool_t *pool;
    unsigned char *data;
    apr_size_t len, room; /* bytes */
    apr_size_t record;    /* where the open PARAMS record begins; 0: none is open */
} request_t;

/* Have room for so many bytes more. */
static void reserve(request_t *request, apr_size_t bytes)
{
    unsigned char *had = request->data;

    if (request->len + bytes > request->room) {
        request->room = 2 * (request->len + bytes);
        request->data = apr_palloc(request->pool, request->room);
        memcpy(request->data, had, request->len);
    }
}

static apr_size_t length_bytes(apr_size_t len)
{
    return len < 128 ? 1 : 4;
}

static unsigned char *put_length(unsigned char *out, apr_size_t len)
{
    if (len >= 128) {
        *out++ = (unsigned char)(0x80 | len >> 24);
        *out++ = (unsigned char)(len >> 16);
        *out++ = (unsigned char)(len >> 8);
    }
    *out++ = (unsigned char)len;
    return out;
}

/* Now that its length is known. */
static void close_record(request_t *request)
{
    if (request->record) {
        put_header(request->data + request->record, TYPE_PARAMS,
                   request->len - request->record - FPMP_FCGI_HEADER_BYTES);
    }
}

/* Add a pair to the open record, or to the next one, so that each has whole pairs.
 * @return 0: it fits into no record */
static int put_pair(request_t *request, const apr_table_entry_t *pair)
{
    apr_size_t name = strlen(pair->key), value = pair->val ? strlen(pair->val) : 0;
    apr_size_t len = length_bytes(name) + length_bytes(value) + name + value;
    unsigned char *out;

    if (len > CONTENT_MAX) {
        return 0;
    }
    reserve(request, FPMP_FCGI_HEADER_BYTES + len);
    if (!request->record ||
        request->len + len - request->record > FPMP_FCGI_HEADER_BYTES + CONTENT_MAX) {
        close_record(request);
        request->record = request->len;
        request->len += FPMP_FCGI_HEADER_BYTES;
    }
    out = put_length(put_length(request->data + request->len, name), value);
    memcpy(out, pair->key, name);
    if (value) { /* it may be NULL */
        memcpy(out + name, pair->val, value);
    }
    request->len += len;
    return 1;
}

char *fpmp_fcgi_request(apr_pool_t *p, const apr_table_t *env, int end, apr_size_t *len,
                        const char **too_long)
{
    static const unsigned char begin[BODY_BYTES] = { 0, ROLE_RESPONDER };
    const apr_array_header_t *elts = apr_table_elts(env);
    const apr_table_entry_t *pairs = (const apr_table_entry_t *)elts->elts;
    request_t request = { .pool = p, .room = USUAL_BYTES };
    unsigned char *out;
    int i;

    *len = 0;
    *too_long = NULL;
    request.data = apr_palloc(p, request.room);
    out = put_header(request.data, TYPE_BEGIN, BODY_BYTES);
    memcpy(out, begin, BODY_BYTES); /* flags 0: PHP-FPM closes after the answer */
    request.len = FPMP_FCGI_HEADER_BYTES + BODY_BYTES;
    for (i = 0; i < elts->nelts; i++) {
        if (!put_pair(&request, &pairs[i])) {
            *too_long = pairs[i].key;
            return NULL;
        }
    }
    close_record(&request);
    reserve(&request, 2 * FPMP_FCGI_HEADER_BYTES);
    out = put_header(request.data + request.len, TYPE_PARAMS, 0);
    if (end) {
        out = put_header(out, TYPE_STDIN, 0);
    }
    *len = (apr_size_t)(out - request.data);
    return (char *)request.data;
}

void fpmp_fcgi_stdin_header(unsigned char *header, apr_size_t len)
{
    put_header(header, TYPE_STDIN, len);
}

/* Collect want bytes over as many calls as it takes; 1 once they are there. */
static int collect(unsigned char *into, unsigned int *have, unsigned int want,
                   const char **data, apr_size_t *len)
{
    apr_size_t n = want - *have < *len ? want - *have : *len;

    memcpy(into + *have, *data, n);
    *have += (unsigned int)n;
    *data += n;
    *len -= n;
    return *have == want;
}

/* Judge a complete header; NULL if it is one that a responder may send. */
static const char *open_record(fpmp_fcgi_reader_t *reader)
{
    const unsigned char *header = reader->header;

    reader->content_left = (unsigned int)header[4] << 8 | header[5];
    reader->padding_left = header[6];
    reader->end_have = 0;
    if (header[0] != 1) {
        return "a record has another version than FastCGI's 1";
    }
    if (header[1] != TYPE_STDOUT && header[1] != TYPE_STDERR && header[1] != TYPE_END) {
        return "a record has another type than STDOUT, STDERR and END_REQUEST";
    }
    if (header[2] != 0 || header[3] != REQUEST_ID) {
        return "a record has another request id than our 1";
    }
    if (header[1] == TYPE_END && reader->content_left != BODY_BYTES) {
        return "the END_REQUEST record has another length than 8 bytes";
    }
    return NULL;
}

/* Some content has arrived. */
static fpmp_fcgi_event_e take_content(fpmp_fcgi_reader_t *reader, const char **data,
                                      apr_size_t *len, const char **piece,
                                      apr_size_t *piece_len)
{
    apr_size_t n = reader->content_left < *len ? reader->content_left : *len;

    if (reader->header[1] == TYPE_END) {
        if (!collect(reader->end, &reader->end_have, BODY_BYTES, data, len)) {
            return FPMP_FCGI_MORE;
        }
        reader->content_left = 0;
        reader->protocol_status = reader->end[4];
        return FPMP_FCGI_END;
    }
    *piece = *data;
    *piece_len = n;
    *data += n;
    *len -= n;
    reader->content_left -= (unsigned int)n;
    return reader->header[1] == TYPE_STDOUT ? FPMP_FCGI_STDOUT : FPMP_FCGI_STDERR;
}

fpmp_fcgi_event_e fpmp_fcgi_next(fpmp_fcgi_reader_t *reader, const char **data,
                                 apr_size_t *len, const char **piece, apr_size_t *piece_len)
{
    *piece = NULL;
    *piece_len = 0;
    while (!reader->why) {
        apr_size_t n;

        if (*len == 0) {
            return FPMP_FCGI_MORE;
        }
        if (reader->have < FPMP_FCGI_HEADER_BYTES) {
            if (collect(reader->header, &reader->have, FPMP_FCGI_HEADER_BYTES, data, len)) {
                reader->why = open_record(reader);
            }
            continue;
        }
        if (reader->content_left) {
            return take_content(reader, data, len, piece, piece_len);
        }
        n = reader->padding_left < *len ? reader->padding_left : *len;
        *data += n;
        *len -= n;
        reader->padding_left -= (unsigned int)n;
        if (reader->padding_left == 0) {
            reader->have = 0;
        }
    }
    return FPMP_FCGI_BROKEN;
}
