/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of FastCGI records, and the header in what they carry: any bytes, in pieces of
 * any size, mean the same as in one piece.
 */
#include "fuzz.h"

typedef struct {
    char *out; /* all of STDOUT */
    size_t out_len, err_len;
    int end; /* the event that ended it; MORE: none did */
    int status;
} heard_t;

/* step: bytes of one piece. */
static heard_t hear(const char *data, size_t size, size_t step)
{
    heard_t heard = { .out = malloc(size + 1), .end = FPMP_FCGI_MORE };
    fpmp_fcgi_reader_t reader = { 0 };

    for (size_t at = 0; at < size && heard.end == FPMP_FCGI_MORE;) {
        size_t take = size - at < step ? size - at : step;
        char *piece_of_input =
            malloc(take); /* just that much, so that no byte more is read */
        const char *left = piece_of_input, *piece;
        apr_size_t len = take, piece_len;
        fpmp_fcgi_event_e event;

        memcpy(piece_of_input, data + at, take);
        do {
            event = fpmp_fcgi_next(&reader, &left, &len, &piece, &piece_len);
            HOLDS(left + len == piece_of_input + take);
            if (event == FPMP_FCGI_STDOUT || event == FPMP_FCGI_STDERR) {
                HOLDS(piece_len > 0 && piece >= piece_of_input &&
                      piece + piece_len <= left);
            }
            if (event == FPMP_FCGI_STDOUT) {
                memcpy(heard.out + heard.out_len, piece, piece_len);
                heard.out_len += piece_len;
            }
            if (event == FPMP_FCGI_STDERR) {
                heard.err_len += piece_len;
            }
        } while (event == FPMP_FCGI_STDOUT || event == FPMP_FCGI_STDERR);
        HOLDS(event != FPMP_FCGI_BROKEN || reader.why);
        heard.end = event;
        heard.status = reader.protocol_status;
        free(piece_of_input);
        at += take;
    }
    return heard;
}

static void hold_head(const char *out, size_t len)
{
    char *exact = malloc(len ? len : 1); /* just that much */
    apr_size_t end;

    memcpy(exact, out, len);
    end = fpmp_head_end(exact, len);
    HOLDS(end <= len && (!end || exact[end - 1] == '\n'));
    if (end) {
        int odd;

        exact = realloc(exact, end);
        odd = fpmp_head_odd_byte(exact, end);
        HOLDS(odd >= -1 && odd <= 255);
        HOLDS(odd != -1 || !memchr(exact, 0, end));
    }
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    heard_t whole, parts;

    if (size < 1) {
        return 0;
    }
    whole = hear((const char *)data + 1, size - 1, size);
    parts = hear((const char *)data + 1, size - 1, 1 + data[0] % 32);
    HOLDS(whole.end == parts.end && whole.status == parts.status);
    HOLDS(whole.out_len == parts.out_len && whole.err_len == parts.err_len);
    HOLDS(memcmp(whole.out, parts.out, whole.out_len) == 0);
    hold_head(whole.out, whole.out_len);
    free(whole.out);
    free(parts.out);
    return 0;
}
