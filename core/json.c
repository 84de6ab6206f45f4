/* SPDX-License-Identifier: Apache-2.0
 *
 * Text as JSON has it, for report_json.c and status_json.c; the test of UTF-8 is the HTML
 * page's too. APR has no writer of JSON where it is 1.6.
 */
#include "status.h"

#include <string.h>

int fpmp_utf8_bytes(const unsigned char *text)
{
    static const struct {
        unsigned char low, high;   /* of the first byte */
        unsigned char low2, high2; /* of the second */
        int bytes;
    } forms[] = {
        { 0x20, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 },
        { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
        { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
        { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    apr_size_t i;
    int k;

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (text[0] < forms[i].low || text[0] > forms[i].high) {
            continue;
        }
        if (forms[i].bytes > 1 && (text[1] < forms[i].low2 || text[1] > forms[i].high2)) {
            return 0;
        }
        for (k = 2; k < forms[i].bytes; k++) {
            if ((text[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return forms[i].bytes;
    }
    return 0;
}

const char *fpmp_json_string(apr_pool_t *p, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    char *out, *to;

    if (!text) {
        return "null";
    }
    to = out = apr_palloc(p, 6 * strlen(text) + 3);
    *to++ = '"';
    while (*at) {
        int bytes = fpmp_utf8_bytes(at);

        if (*at == '"' || *at == '\\' || *at == '\n') {
            *to++ = '\\';
            *to++ = *at == '\n' ? 'n' : *at;
            at++;
        }
        else if (bytes) {
            memcpy(to, at, bytes);
            to += bytes;
            at += bytes;
        }
        else {
            to += apr_snprintf(to, 7, "\\u%04x", *at < 0x20 ? *at : 0xfffd);
            at++;
        }
    }
    *to++ = '"';
    *to = '\0';
    return out;
}
