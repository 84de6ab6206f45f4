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

/* Of one pair; each string is measured once. */
typedef struct {
    apr_size_t name, value; /* bytes */
} lengths_t;

static apr_size_t length_bytes(apr_size_t len)
{
    return len < 128 ? 1 : 4;
}

static apr_size_t pair_bytes(const lengths_t *of)
{
    return length_bytes(of->name) + length_bytes(of->value) + of->name + of->value;
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

static unsigned char *put_pair(unsigned char *out, const apr_table_entry_t *pair,
                               const lengths_t *of)
{
    out = put_length(out, of->name);
    out = put_length(out, of->value);
    memcpy(out, pair->key, of->name);
    if (of->value) { /* a value may be NULL */
        memcpy(out + of->name, pair->val, of->value);
    }
    return out + of->name + of->value;
}

/* The bytes of all PARAMS records, each filled with whole pairs, and the lengths of the
 * pairs. too_long: the name of a pair that fits into no record. */
static apr_size_t measure(const apr_array_header_t *env, lengths_t *lengths,
                          const char **too_long)
{
    const apr_table_entry_t *pairs = (const apr_table_entry_t *)env->elts;
    apr_size_t size = 0, content = CONTENT_MAX; /* full: the first pair opens a record */
    int i;

    for (i = 0; i < env->nelts; i++) {
        apr_size_t len;

        lengths[i].name = strlen(pairs[i].key);
        lengths[i].value = pairs[i].val ? strlen(pairs[i].val) : 0;
        len = pair_bytes(&lengths[i]);
        if (len > CONTENT_MAX) {
            *too_long = pairs[i].key;
            return 0;
        }
        if (content + len > CONTENT_MAX) {
            size += FPMP_FCGI_HEADER_BYTES;
            content = 0;
        }
        content += len;
        size += len;
    }
    return size;
}

/* All PARAMS records; the header of each is written when its end is known. */
static unsigned char *put_params(const apr_array_header_t *env, const lengths_t *lengths,
                                 unsigned char *out)
{
    const apr_table_entry_t *pairs = (const apr_table_entry_t *)env->elts;
    unsigned char *record = out;
    apr_size_t content = CONTENT_MAX;
    int i;

    for (i = 0; i < env->nelts; i++) {
        apr_size_t len = pair_bytes(&lengths[i]);

        if (content + len > CONTENT_MAX) {
            if (i > 0) {
                put_header(record, TYPE_PARAMS, content);
            }
            record = out;
            out += FPMP_FCGI_HEADER_BYTES;
            content = 0;
        }
        content += len;
        out = put_pair(out, &pairs[i], &lengths[i]);
    }
    if (i > 0) {
        put_header(record, TYPE_PARAMS, content);
    }
    return out;
}

char *fpmp_fcgi_request(apr_pool_t *p, const apr_table_t *env, int end, apr_size_t *len,
                        const char **too_long)
{
    static const unsigned char begin[BODY_BYTES] = { 0, ROLE_RESPONDER };
    const apr_array_header_t *pairs = apr_table_elts(env);
    lengths_t *lengths = apr_palloc(p, ((apr_size_t)pairs->nelts + 1) * sizeof(*lengths));
    unsigned char *request, *out;
    apr_size_t params_len;

    *len = 0;
    *too_long = NULL;
    params_len = measure(pairs, lengths, too_long);
    if (*too_long) {
        return NULL;
    }
    *len = FPMP_FCGI_HEADER_BYTES + BODY_BYTES + params_len + FPMP_FCGI_HEADER_BYTES +
           (end ? FPMP_FCGI_HEADER_BYTES : 0);
    request = apr_palloc(p, *len);
    out = put_header(request, TYPE_BEGIN, BODY_BYTES);
    memcpy(out, begin, BODY_BYTES); /* flags 0: PHP-FPM closes after the answer */
    out += BODY_BYTES;
    out = put_header(put_params(pairs, lengths, out), TYPE_PARAMS, 0);
    if (end) {
        put_header(out, TYPE_STDIN, 0);
    }
    return (char *)request;
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
