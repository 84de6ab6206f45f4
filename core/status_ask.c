/* SPDX-License-Identifier: Apache-2.0
 *
 * What is sent to a pool to learn its figures, and how its answer is read. The child that
 * answers runs as the pool's user and may say what it likes: only numbers are taken from
 * it, and only those that are written as PHP-FPM writes them.
 */
#include "status.h"

#include <stddef.h>
#include <string.h>

#define DIGITS_MAX 18 /* of a number: fits 63 bits */

static const struct {
    const char *name;
    size_t at; /* in fpmp_figures_t */
} figures[] = {
    { "start since", offsetof(fpmp_figures_t, since_sec) },
    { "accepted conn", offsetof(fpmp_figures_t, requests) },
    { "idle processes", offsetof(fpmp_figures_t, idle) },
    { "active processes", offsetof(fpmp_figures_t, active) },
    { "max children reached", offsetof(fpmp_figures_t, max_reached) },
    { "slow requests", offsetof(fpmp_figures_t, slow) },
};
#define FIGURES (sizeof(figures) / sizeof(figures[0]))

char *fpmp_status_request(apr_pool_t *p, const char *status_path, apr_size_t *len)
{
    apr_table_t *env = apr_table_make(p, 8);
    const char *too_long;

    apr_table_setn(env, "REQUEST_METHOD", "GET");
    apr_table_setn(env, "SCRIPT_NAME", status_path);
    apr_table_setn(env, "SCRIPT_FILENAME", status_path);
    apr_table_setn(env, "REQUEST_URI", status_path);
    apr_table_setn(env, "QUERY_STRING", "");
    apr_table_setn(env, "SERVER_PROTOCOL", "HTTP/1.1");
    return fpmp_fcgi_request(p, env, 1, len, &too_long);
}

/* Where the value behind "name:" begins, at the start of a line; 0: another name is there.
 */
static apr_size_t value_at(const char *line, apr_size_t len, const char *name)
{
    apr_size_t at = strlen(name);

    if (len <= at || memcmp(line, name, at) != 0 || line[at] != ':') {
        return 0;
    }
    for (at++; at < len && line[at] == ' '; at++) {
    }
    return at;
}

/* The number behind "name:"; -1: it is none. */
static apr_int64_t number_at(const char *line, apr_size_t len, const char *name)
{
    apr_size_t at = value_at(line, len, name), digits = 0;
    apr_int64_t n = 0;

    for (; at > 0 && at < len && line[at] >= '0' && line[at] <= '9'; at++, digits++) {
        if (digits == DIGITS_MAX) {
            return -1;
        }
        n = 10 * n + (line[at] - '0');
    }
    return digits > 0 && (at == len || line[at] == '\r') ? n : -1;
}

int fpmp_status_read(const char *text, apr_size_t len, fpmp_figures_t *out)
{
    apr_size_t at = fpmp_head_end(text, len), i;
    int found = 0;

    memset(out, 0xff, sizeof(*out)); /* -1 */
    while (at > 0 && at < len) {
        const char *line = text + at, *end = memchr(line, '\n', len - at);
        apr_size_t line_len = end ? (apr_size_t)(end - line) : len - at;

        for (i = 0; i < FIGURES; i++) {
            apr_int64_t n = number_at(line, line_len, figures[i].name);
            apr_int64_t *figure = (apr_int64_t *)(void *)((char *)out + figures[i].at);

            if (n >= 0 && *figure < 0) {
                *figure = n;
                found++;
            }
        }
        at += line_len + 1;
    }
    return found == FIGURES;
}

int fpmp_status_names(const char *text, apr_size_t len, const char *pool)
{
    apr_size_t head = fpmp_head_end(text, len), pool_len = strlen(pool);
    const char *line = text + head;
    apr_size_t line_len = len - head, at = head > 0 ? value_at(line, line_len, "pool") : 0;

    return at > 0 && line_len - at > pool_len && memcmp(line + at, pool, pool_len) == 0 &&
           line[at + pool_len] == '\n';
}
