/* SPDX-License-Identifier: Apache-2.0
 *
 * FastCGI records: the request byte by byte, the answer at every way of cutting it. The
 * numbers are those of the FastCGI 1.0 specification, written out here a second time.
 */
/* links: core/fcgi.c */
#include "../core/core.h"

#include <apr_general.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define BEGIN_BYTES 16

static int setup(void **state)
{
    return apr_pool_create((apr_pool_t **)state, NULL) != APR_SUCCESS;
}

static int teardown(void **state)
{
    apr_pool_destroy(*state);
    return 0;
}

/* ---- the request ----------------------------------------------------------- */

static char *repeat(apr_pool_t *p, char c, apr_size_t count)
{
    char *text = apr_palloc(p, count + 1);

    memset(text, c, count);
    text[count] = '\0';
    return text;
}

static unsigned int number(const unsigned char *at, int bytes)
{
    unsigned int n = 0;

    while (bytes--) {
        n = n << 8 | *at++;
    }
    return n;
}

static unsigned int read_length(const unsigned char **at)
{
    unsigned int len = **at & 0x80 ? number(*at, 4) & 0x7fffffff : **at;

    *at += **at & 0x80 ? 4 : 1;
    return len;
}

/* Reads the PARAMS records as PHP does, whole pairs per record; the number of records. */
static int read_params(apr_pool_t *p, const unsigned char **at, apr_table_t *env)
{
    int records = 0;

    for (;;) {
        unsigned int content = number(*at + 4, 2);
        const unsigned char *pair = *at + 8, *end = pair + content;

        assert_memory_equal(*at, "\1\4\0\1", 4);
        assert_int_equal((*at)[7], 0);
        *at = end + (*at)[6];
        if (content == 0) {
            return records;
        }
        records++;
        while (pair < end) {
            unsigned int name_len = read_length(&pair), value_len = read_length(&pair);

            assert_true(name_len + value_len <= (apr_size_t)(end - pair));
            apr_table_addn(env, apr_pstrmemdup(p, (const char *)pair, name_len),
                           apr_pstrmemdup(p, (const char *)pair + name_len, value_len));
            pair += name_len + value_len;
        }
    }
}

static void a_small_request_is_known_byte_by_byte(void **state)
{
    static const char expected[] = "\1\1\0\1\0\10\0\0"
                                   "\0\1\0\0\0\0\0\0"
                                   "\1\4\0\1\0\13\0\0"
                                   "\1\3" "A123" "\3\0" "BCD"
                                   "\1\4\0\1\0\0\0\0"
                                   "\1\5\0\1\0\0\0\0";
    apr_table_t *env = apr_table_make(*state, 2);
    const char *too_long;
    apr_size_t len;
    char *request;

    apr_table_set(env, "A", "123");
    apr_table_set(env, "BCD", "");
    request = fpmp_fcgi_request(*state, env, 1, &len, &too_long);
    assert_null(too_long);
    assert_int_equal(len, sizeof(expected) - 1);
    assert_memory_equal(request, expected, len);
}

static void without_end_the_empty_stdin_is_left_out(void **state)
{
    apr_table_t *env = apr_table_make(*state, 2);
    const char *too_long;
    apr_size_t with, without;
    char *request;

    assert_non_null(fpmp_fcgi_request(*state, env, 1, &with, &too_long));
    request = fpmp_fcgi_request(*state, env, 0, &without, &too_long);
    assert_int_equal(with, BEGIN_BYTES + 8 + 8);
    assert_int_equal(without, with - 8);
    assert_memory_equal(request + BEGIN_BYTES, "\1\4\0\1\0\0\0\0", 8);
}

/* Two pairs: names of one byte, values of these lengths. A value of 127 bytes makes a pair
 * of 1+1+1+127, one of 128 a pair of 1+4+1+128. */
static const struct {
    const char *title;
    unsigned int first, second;
    int records;
} packings[] = {
    { "one byte of length ends at 127", 127, 128, 1 },
    { "empty values", 0, 0, 1 },
    { "both fill a record to the last byte", 65535 - 6 - 130, 127, 1 },
    { "one byte more opens a second record", 65535 - 6 - 129, 127, 2 },
    { "a pair that fills a record alone", 65535 - 6, 0, 2 },
    { "both fill their record", 65535 - 6, 65535 - 6, 2 },
};

static void pairs_are_packed_whole_and_read_back(void **state)
{
    apr_size_t i, len;

    for (i = 0; i < COUNT(packings); i++) {
        apr_table_t *env = apr_table_make(*state, 2), *back = apr_table_make(*state, 2);
        const unsigned char *at;
        const char *too_long;
        char *request;
        int records;

        apr_table_setn(env, "A", repeat(*state, 'a', packings[i].first));
        apr_table_setn(env, "B", repeat(*state, 'b', packings[i].second));
        request = fpmp_fcgi_request(*state, env, 0, &len, &too_long);
        if (!request) {
            fail_msg("%s: '%s' is too long", packings[i].title, too_long);
        }
        at = (const unsigned char *)request + BEGIN_BYTES;
        records = read_params(*state, &at, back);
        if (records != packings[i].records) {
            fail_msg("%s: %d records, expected %d", packings[i].title, records,
                     packings[i].records);
        }
        if (at != (const unsigned char *)request + len
            || strcmp(apr_table_get(back, "A"), apr_table_get(env, "A")) != 0
            || strcmp(apr_table_get(back, "B"), apr_table_get(env, "B")) != 0) {
            fail_msg("%s: not the same when read back", packings[i].title);
        }
    }
}

static void a_pair_that_no_record_can_carry_is_named(void **state)
{
    apr_table_t *env = apr_table_make(*state, 2);
    const char *too_long;
    apr_size_t len;

    apr_table_setn(env, "A", "1");
    apr_table_setn(env, "HTTP_COOKIE", repeat(*state, 'x', 65535 - 5 - 11 + 1));
    assert_null(fpmp_fcgi_request(*state, env, 1, &len, &too_long));
    assert_string_equal(too_long, "HTTP_COOKIE");
    assert_int_equal(len, 0);
    apr_table_setn(env, "HTTP_COOKIE", repeat(*state, 'x', 65535 - 5 - 11));
    assert_non_null(fpmp_fcgi_request(*state, env, 1, &len, &too_long));
    assert_null(too_long);
}

static void a_long_name_has_four_bytes_of_length(void **state)
{
    apr_table_t *env = apr_table_make(*state, 2), *back = apr_table_make(*state, 2);
    char *name = repeat(*state, 'N', 128), *request;
    const unsigned char *at;
    const char *too_long;
    apr_size_t len;

    apr_table_setn(env, name, "v");
    request = fpmp_fcgi_request(*state, env, 0, &len, &too_long);
    assert_memory_equal(request + BEGIN_BYTES + 8, "\200\0\0\200\1N", 6);
    at = (const unsigned char *)request + BEGIN_BYTES;
    assert_int_equal(read_params(*state, &at, back), 1);
    assert_string_equal(apr_table_get(back, name), "v");
}

static void a_stdin_header_says_its_length(void **state)
{
    unsigned char header[FPMP_FCGI_HEADER_BYTES];

    (void)state;
    fpmp_fcgi_stdin_header(header, 0);
    assert_memory_equal(header, "\1\5\0\1\0\0\0\0", 8);
    fpmp_fcgi_stdin_header(header, FPMP_FCGI_RECORD_MAX);
    assert_memory_equal(header, "\1\5\0\1\377\370\0\0", 8);
}

/* ---- the answer ------------------------------------------------------------ */

#define HEAD(type, len, pad) "\1" type "\0\1\0" len pad "\0"
#define OUT "\6"
#define ERR "\7"
#define END HEAD("\3", "\10", "\0") "\0\0\0\7\0\0\0\0"
#define BYTES(text) .bytes = text, .len = sizeof(text) - 1

/* events: O and E with their text, '.' at the end, '!' broken, '-' wants more. left: bytes
 * that are not taken. */
static const struct {
    const char *title, *bytes, *events, *why;
    apr_size_t len, left;
    int status;
} answers[] = {
    { .title = "nothing", BYTES(""), .events = "-" },
    { .title = "a piece and the end",
      BYTES(HEAD(OUT, "\2", "\0") "hi" END), .events = "Ohi." },
    { .title = "padding is dropped",
      BYTES(HEAD(OUT, "\2", "\6") "hi......" END), .events = "Ohi." },
    { .title = "a NUL and a newline pass",
      BYTES(HEAD(OUT, "\3", "\0") "a\nb" END), .events = "Oa\nb." },
    { .title = "both streams in turn",
      BYTES(HEAD(OUT, "\1", "\0") "a" HEAD(ERR, "\2", "\1") "bbX"
            HEAD(OUT, "\1", "\0") "c" END), .events = "OaEbbOc." },
    { .title = "empty pieces are dropped",
      BYTES(HEAD(ERR, "\0", "\0") HEAD(OUT, "\0", "\3") "XXX"
            HEAD(OUT, "\1", "\0") "a" HEAD(OUT, "\0", "\0") END), .events = "Oa." },
    { .title = "overloaded",
      BYTES(HEAD("\3", "\10", "\0") "\0\0\0\0\2\0\0\0"), .events = ".", .status = 2 },
    { .title = "what follows the end stays", BYTES(END "rest"), .events = ".", .left = 4 },
    { .title = "padding of the end stays",
      BYTES(HEAD("\3", "\10", "\2") "\0\0\0\0\0\0\0\0XX"), .events = ".", .left = 2 },
    { .title = "cut in a header",
      BYTES(HEAD(OUT, "\1", "\0") "a\1\6\0"), .events = "Oa-" },
    { .title = "cut in a piece", BYTES(HEAD(OUT, "\5", "\0") "abc"), .events = "Oabc-" },
    { .title = "cut in the padding", BYTES(HEAD(OUT, "\1", "\5") "aXX"), .events = "Oa-" },
    { .title = "cut in the end", BYTES(HEAD("\3", "\10", "\0") "\0\0\0"), .events = "-" },
    { .title = "another version",
      BYTES("\2\6\0\1\0\1\0\0a"), .events = "!", .left = 1, .why = "version" },
    { .title = "version 0",
      BYTES("\0\6\0\1\0\1\0\0a"), .events = "!", .left = 1, .why = "version" },
    { .title = "plain text",
      BYTES("HTTP/1.1 200 OK"), .events = "!", .left = 7, .why = "version" },
    { .title = "an id of 2",
      BYTES("\1\6\0\2\0\1\0\0a"), .events = "!", .left = 1, .why = "request id" },
    { .title = "an id of 257",
      BYTES("\1\6\1\1\0\1\0\0a"), .events = "!", .left = 1, .why = "request id" },
    { .title = "a management record",
      BYTES("\1\6\0\0\0\1\0\0a"), .events = "!", .left = 1, .why = "request id" },
    { .title = "UNKNOWN_TYPE",
      BYTES("\1\13\0\0\0\10\0\0\0\0\0\0\0\0\0\0"), .events = "!", .left = 8,
      .why = "type" },
    { .title = "a record of the request",
      BYTES("\1\5\0\1\0\0\0\0"), .events = "!", .why = "type" },
    { .title = "type 0", BYTES("\1\0\0\1\0\0\0\0"), .events = "!", .why = "type" },
    { .title = "type 8", BYTES("\1\10\0\1\0\0\0\0"), .events = "!", .why = "type" },
    { .title = "broken after a piece",
      BYTES(HEAD(OUT, "\1", "\0") "a\1\1\0\1\0\0\0\0"), .events = "Oa!", .why = "type" },
    { .title = "an end of 7 bytes",
      BYTES("\1\3\0\1\0\7\0\0\0\0\0\0\0\0\0"), .events = "!", .left = 7, .why = "8 bytes" },
    { .title = "an end of 9 bytes",
      BYTES("\1\3\0\1\0\11\0\0\0\0\0\0\0\0\0\0\0"), .events = "!", .left = 9,
      .why = "8 bytes" },
    { .title = "an empty end", BYTES("\1\3\0\1\0\0\0\0"), .events = "!", .why = "8 bytes" },
};

/* What the reader said of all pieces handed over so far. */
typedef struct {
    fpmp_fcgi_reader_t reader;
    char events[64];
    apr_size_t len;
    char last;
    apr_size_t left; /* bytes that were not taken */
} said_t;

static void say(said_t *said, char what, const char *text, apr_size_t len)
{
    if (what != said->last) { /* pieces of one stream join */
        said->events[said->len++] = what;
    }
    said->last = what;
    assert_true(said->len + len < sizeof(said->events) - 1);
    if (len) {
        memcpy(said->events + said->len, text, len);
    }
    said->len += len;
}

/* Hand over one piece, in memory of its own size so that ASan sees a step over its end. */
static void feed(said_t *said, const char *bytes, apr_size_t count)
{
    char *copy = malloc(count ? count : 1);
    const char *data = copy, *piece;
    apr_size_t len = count, piece_len, before;
    fpmp_fcgi_event_e event = FPMP_FCGI_MORE;

    memcpy(copy, bytes, count);
    while (said->last != '.' && said->last != '!') {
        before = len;
        event = fpmp_fcgi_next(&said->reader, &data, &len, &piece, &piece_len);
        assert_true(data == copy + (count - len));
        if (event == FPMP_FCGI_MORE) {
            assert_int_equal(len, 0);
            break;
        }
        if (event == FPMP_FCGI_STDOUT || event == FPMP_FCGI_STDERR) {
            assert_true(len < before && piece_len > 0);
            assert_true(piece >= copy && piece + piece_len == data);
            say(said, event == FPMP_FCGI_STDOUT ? 'O' : 'E', piece, piece_len);
            continue;
        }
        say(said, event == FPMP_FCGI_END ? '.' : '!', NULL, 0);
    }
    said->left += len;
    free(copy);
}

static void compare(apr_size_t row, said_t *said, const char *how, apr_size_t cut)
{
    if (said->last != '.' && said->last != '!') {
        say(said, '-', NULL, 0);
    }
    said->events[said->len] = '\0';
    if (strcmp(said->events, answers[row].events) != 0) {
        fail_msg("%s, %s %d: '%s', expected '%s'", answers[row].title, how, (int)cut,
                 said->events, answers[row].events);
    }
    if (said->left != answers[row].left) {
        fail_msg("%s, %s %d: %d bytes left, expected %d", answers[row].title, how, (int)cut,
                 (int)said->left, (int)answers[row].left);
    }
    if (said->reader.protocol_status != answers[row].status) {
        fail_msg("%s, %s %d: status %d, expected %d", answers[row].title, how, (int)cut,
                 said->reader.protocol_status, answers[row].status);
    }
    if (!answers[row].why != !said->reader.why
        || (answers[row].why && !strstr(said->reader.why, answers[row].why))) {
        fail_msg("%s, %s %d: why is '%s'", answers[row].title, how, (int)cut,
                 said->reader.why ? said->reader.why : "(none)");
    }
}

static void an_answer_is_the_same_however_it_is_cut(void **state)
{
    apr_size_t i, a, b;

    (void)state;
    for (i = 0; i < COUNT(answers); i++) {
        const char *bytes = answers[i].bytes;
        apr_size_t len = answers[i].len;
        said_t single = { .len = 0 };

        for (a = 0; a < len; a++) {
            feed(&single, bytes + a, 1);
        }
        compare(i, &single, "byte by byte", 0);
        for (a = 0; a <= len; a++) {
            said_t said = { .len = 0 };

            feed(&said, bytes, a);
            feed(&said, bytes + a, len - a);
            compare(i, &said, "cut at", a);
            for (b = a; b <= len; b++) {
                said_t thrice = { .len = 0 };

                feed(&thrice, bytes, a);
                feed(&thrice, bytes + a, b - a);
                feed(&thrice, bytes + b, len - b);
                compare(i, &thrice, "cut twice, second at", b);
            }
        }
    }
}

static void the_largest_record_passes(void **state)
{
    fpmp_fcgi_reader_t reader = { .have = 0 };
    char *answer = repeat(*state, 'x', 8 + 65535 + 255 + 16);
    const char *data = answer, *piece;
    apr_size_t len = 8 + 65535 + 255 + 16, piece_len;

    memcpy(answer, "\1\6\0\1\377\377\377\0", 8);
    memcpy(answer + 8 + 65535 + 255, END, 16);
    assert_int_equal(fpmp_fcgi_next(&reader, &data, &len, &piece, &piece_len),
                     FPMP_FCGI_STDOUT);
    assert_ptr_equal(piece, answer + 8);
    assert_int_equal(piece_len, 65535);
    assert_int_equal(fpmp_fcgi_next(&reader, &data, &len, &piece, &piece_len),
                     FPMP_FCGI_END);
    assert_int_equal(len, 0);
}

static void a_broken_answer_stays_broken(void **state)
{
    fpmp_fcgi_reader_t reader = { .have = 0 };
    const char *data = "\1\6\0\2\0\0\0\0" END, *piece;
    apr_size_t len = 24, piece_len;

    (void)state;
    assert_int_equal(fpmp_fcgi_next(&reader, &data, &len, &piece, &piece_len),
                     FPMP_FCGI_BROKEN);
    assert_int_equal(len, 16);
    assert_int_equal(fpmp_fcgi_next(&reader, &data, &len, &piece, &piece_len),
                     FPMP_FCGI_BROKEN);
    assert_int_equal(len, 16);
}

/* Rows of the table with bytes changed, fed in pieces of chance; the seed is fixed. */
static void no_bytes_upset_the_reader(void **state)
{
    unsigned int seed = 20241, round;

    (void)state;
    for (round = 0; round < 20000; round++) {
        apr_size_t row = (unsigned int)rand_r(&seed) % COUNT(answers),
                   len = answers[row].len;
        char bytes[128];
        apr_size_t at = 0;
        said_t said = { .len = 0 };
        int changes = rand_r(&seed) % 3;

        assert_true(len <= sizeof(bytes));
        memcpy(bytes, answers[row].bytes, len);
        while (len && changes--) {
            bytes[(unsigned int)rand_r(&seed) % len] = (char)rand_r(&seed);
        }
        while (at < len) {
            apr_size_t n = 1 + (unsigned int)rand_r(&seed) % (len - at);

            feed(&said, bytes + at, n);
            at += n;
        }
        assert_true((said.last == '!') == (said.reader.why != NULL));
        assert_true(said.left == 0 || said.last == '.' || said.last == '!');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_small_request_is_known_byte_by_byte, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_end_the_empty_stdin_is_left_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(pairs_are_packed_whole_and_read_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_pair_that_no_record_can_carry_is_named, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_long_name_has_four_bytes_of_length, setup,
                                        teardown),
        cmocka_unit_test(a_stdin_header_says_its_length),
        cmocka_unit_test(an_answer_is_the_same_however_it_is_cut),
        cmocka_unit_test_setup_teardown(the_largest_record_passes, setup, teardown),
        cmocka_unit_test(a_broken_answer_stays_broken),
        cmocka_unit_test(no_bytes_upset_the_reader),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
