/* SPDX-License-Identifier: Apache-2.0
 *
 * The header of a CGI answer as bytes: where it ends, and whether it can be one. What its
 * lines mean is httpd's to say (ap_scan_script_header_err_brigade_ex).
 */
#include "core.h"

#include <string.h>

apr_size_t fpmp_head_end(const char *data, apr_size_t len)
{
    const char *at = data, *end = data + len;

    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        if (at < end && *at == '\n') {
            return (apr_size_t)(at + 1 - data);
        }
        if (at + 1 < end && at[0] == '\r' && at[1] == '\n') {
            return (apr_size_t)(at + 2 - data);
        }
    }
    return 0;
}

/* What a byte may be part of. Source: RFC 9110 sections 5.5 and 5.6.2. */
enum { NOTHING = 1, TOKEN = 2 };

static const unsigned char kind_of[256] = {
    [0 ... 0x08] = NOTHING, [0x0a ... 0x1f] = NOTHING,
    [0x7f] = NOTHING,       ['0' ... '9'] = TOKEN,
    ['A' ... 'Z'] = TOKEN,  ['a' ... 'z'] = TOKEN,
    ['!'] = TOKEN,          ['#' ... '\''] = TOKEN,
    ['*'] = TOKEN,          ['+'] = TOKEN,
    ['-'] = TOKEN,          ['.'] = TOKEN,
    ['^' ... '`'] = TOKEN,  ['|'] = TOKEN,
    ['~'] = TOKEN,
};

/* The first byte of a line's name that no name has; -1: none, or the line has no name. */
static int odd_in_name(const char *line, apr_size_t len)
{
    apr_size_t i;

    if (!memchr(line, ':', len) || (len >= 5 && memcmp(line, "HTTP/", 5) == 0)) {
        return -1;
    }
    for (i = 0; kind_of[(unsigned char)line[i]] == TOKEN; i++) {
    }
    return line[i] == ':' && i > 0 ? -1 : (unsigned char)line[i];
}

static int odd_in_line(const char *line, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (kind_of[(unsigned char)line[i]] == NOTHING) {
            return (unsigned char)line[i];
        }
    }
    return odd_in_name(line, len);
}

int fpmp_head_odd_byte(const char *head, apr_size_t len)
{
    const char *at = head, *end = head + len;
    int odd = -1;

    while (at < end && odd < 0) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        apr_size_t line = (apr_size_t)((eol ? eol : end) - at);

        odd = odd_in_line(at, line && at[line - 1] == '\r' ? line - 1 : line);
        at += line + 1;
    }
    return odd;
}
