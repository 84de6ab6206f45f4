/* SPDX-License-Identifier: Apache-2.0
 *
 * The header of a CGI answer as bytes: where it ends, and whether it can be one. What its
 * lines mean is httpd's to say (ap_scan_script_header_err_brigade_ex).
 */
#include "core.h"

#include <ctype.h>
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

/* Source: RFC 9110 section 5.6.2. */
static int is_token(unsigned char c)
{
    return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* The first byte of a line's name that no name has; -1: none, or the line has no name. */
static int odd_in_name(const char *line, apr_size_t len)
{
    apr_size_t i;

    if (!memchr(line, ':', len) || (len >= 5 && memcmp(line, "HTTP/", 5) == 0)) {
        return -1;
    }
    for (i = 0; is_token((unsigned char)line[i]); i++) {
    }
    return line[i] == ':' && i > 0 ? -1 : (unsigned char)line[i];
}

static int odd_in_line(const char *line, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return c;
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
