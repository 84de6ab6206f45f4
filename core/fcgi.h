/* SPDX-License-Identifier: Apache-2.0
 *
 * FastCGI as a pool speaks it: the records of a request and of its answer (fcgi.c), and the
 * header in the answer (head.c). Included by core.h.
 */
#ifndef FPMP_FCGI_H
#define FPMP_FCGI_H

#include "../mod_fpmpool.h"

/* ---- fcgi.c: FastCGI 1.0, the records of one request ----------------------------- */

#define FPMP_FCGI_HEADER_BYTES 8
#define FPMP_FCGI_RECORD_MAX                                                               \
    65528 /* the largest multiple of 8 that fits the 16-bit length */

/**
 * BEGIN_REQUEST, all PARAMS, the empty PARAMS that ends them, in one piece.
 * @param env      name -> value
 * @param end      1: add the empty STDIN too (a request without body)
 * @param len      set to the number of bytes
 * @param too_long set to the name of a pair that no record can carry, with return NULL
 * @return the bytes, from pool p; NULL if too_long
 * Source: FastCGI 1.0 section 3; PHP-FPM takes no pair that spans two records (run by
 * us, 8.2.36).
 */
char *fpmp_fcgi_request(apr_pool_t *p, const apr_table_t *env, int end, apr_size_t *len,
                        const char **too_long) FPMP_NONNULL(1, 2, 4, 5);

/** Fill the 8 bytes before a piece of the request body (len 0 ends it). */
void fpmp_fcgi_stdin_header(unsigned char *header, apr_size_t len) FPMP_NONNULL(1);

typedef enum {
    FPMP_FCGI_MORE,   /* all bytes taken, more are needed */
    FPMP_FCGI_STDOUT, /* piece of the answer */
    FPMP_FCGI_STDERR, /* piece of the error text */
    FPMP_FCGI_END,    /* the request is over; reader->protocol_status is set */
    FPMP_FCGI_BROKEN  /* not FastCGI: reader->why says what */
} fpmp_fcgi_event_e;

typedef struct {
    unsigned char header[FPMP_FCGI_HEADER_BYTES];
    unsigned int have; /* bytes of header, 0 to 8 */
    unsigned int content_left;
    unsigned int padding_left;
    unsigned char end[8];
    unsigned int end_have;
    int protocol_status; /* 0 complete, 2 overloaded */
    const char *why;
} fpmp_fcgi_reader_t; /* zero = fresh */

/**
 * Take the next event from received bytes.
 * @param data, len  moved past what was taken
 * @param piece, piece_len  for STDOUT and STDERR: the piece, inside data; never empty
 */
fpmp_fcgi_event_e fpmp_fcgi_next(fpmp_fcgi_reader_t *reader, const char **data,
                                 apr_size_t *len, const char **piece, apr_size_t *piece_len)
    FPMP_NONNULL(1, 2, 3, 4, 5);

/* ---- head.c: the header of an answer --------------------------------------------- */

/** Bytes up to and with the empty line that ends a CGI header; 0: it is not there. */
apr_size_t fpmp_head_end(const char *data, apr_size_t len) FPMP_NONNULL(1);

/**
 * The first byte that no header may have: a control character (a CR that ends no line is
 * one: another reader could see an end there), or one that a name cannot have. Lines
 * without a colon are not judged.
 * @param head  as far as fpmp_head_end says
 * @return 0 to 255, or -1: none
 */
int fpmp_head_odd_byte(const char *head, apr_size_t len) FPMP_NONNULL(1);

#endif
