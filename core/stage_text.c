/* SPDX-License-Identifier: Apache-2.0
 *
 * The main file of PHP-FPM with its include patterns written out, so that FPM can test a
 * staged set of pool files beside the real one. Lines are judged one by one by the strict
 * reader; what is no include stays as it is, byte for byte. Entry: fpmp_stage_text.
 */
#include "core.h"

#include <ctype.h>
#include <string.h>

#define NO_MATCH_LINE "; no file matches the include pattern of this line\n"

/* The pattern if this line is an include; NULL if not, or if it is not plain. */
static const char *include_of(apr_pool_t *p, const char *line, apr_size_t len)
{
    const fpmp_ini_t *ini = fpmp_ini_read(p, line, len);
    const fpmp_ini_entry_t *entry;

    if (ini->entries->nelts != 1) {
        return NULL;
    }
    entry = &APR_ARRAY_IDX(ini->entries, 0, fpmp_ini_entry_t);
    if (!entry->name || entry->subkey || strcmp(entry->name, "include") != 0) {
        return NULL;
    }
    return *entry->value ? entry->value : NULL;
}

/*
 * FPM reads the value as a pattern again. A byte that glob or PHP's quotes would take apart
 * gets its backslash; a control character cannot be written at all, and '?' stands for it.
 */
static const char *include_line(apr_pool_t *p, const char *path)
{
    char *quoted = apr_palloc(p, strlen(path) * 4 + 1), *out = quoted;
    int plain = *path == '/';

    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;

        plain = plain && (isalnum(c) || strchr("/._-+@%,:", c));
        if (c < 0x20 || c == 0x7f) {
            *out++ = '?';
            continue;
        }
        if (strchr("*?[]", c)) {
            *out++ = '\\';
            *out++ = '\\';
        }
        else if (c == '\\') {
            memcpy(out, "\\\\\\", 3);
            out += 3;
        }
        else if (c == '"' || c == '$') {
            *out++ = '\\';
        }
        *out++ = *path;
    }
    *out = '\0';
    return apr_psprintf(p, plain ? "include=%s\n" : "include=\"%s\"\n", quoted);
}

const char *fpmp_stage_text(apr_pool_t *p, const char *text,
                            apr_array_header_t *(*expand)(void *baton, const char *pattern),
                            void *baton)
{
    apr_array_header_t *pieces = apr_array_make(p, 16, sizeof(const char *));
    const char *kept = text, *next;
    int i;

    for (; *text; text = next) {
        apr_size_t len = strcspn(text, "\n");
        const char *pattern = include_of(p, text, len);
        const apr_array_header_t *paths;

        next = text + len + (text[len] == '\n');
        if (!pattern) {
            continue;
        }
        APR_ARRAY_PUSH(pieces, const char *) = apr_pstrmemdup(p, kept, text - kept);
        kept = next;
        paths = expand(baton, pattern);
        if (paths->nelts == 0) {
            APR_ARRAY_PUSH(pieces, const char *) = NO_MATCH_LINE;
        }
        for (i = 0; i < paths->nelts; i++) {
            APR_ARRAY_PUSH(pieces, const char *) =
                include_line(p, APR_ARRAY_IDX(paths, i, const char *));
        }
    }
    APR_ARRAY_PUSH(pieces, const char *) = kept;
    return apr_array_pstrcat(p, pieces, 0);
}
