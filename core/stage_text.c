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

/* The key of a plain line if it names a file that FPM opens for writing, else NULL. */
static const char *log_key(const fpmp_ini_t *ini)
{
    static const char *const keys[] = { "access.log", "slowlog", "error_log" };
    const fpmp_ini_entry_t *entry =
        ini->entries->nelts == 1 ? &APR_ARRAY_IDX(ini->entries, 0, fpmp_ini_entry_t) : NULL;
    apr_size_t i;

    for (i = 0; entry && entry->name && !entry->subkey && *entry->value &&
                i < sizeof(keys) / sizeof(keys[0]);
         i++) {
        if (strcasecmp(entry->name, keys[i]) == 0) {
            return keys[i];
        }
    }
    return NULL;
}

/* What cannot be read for sure may name a log file: a key that FPM does not know stops it
 * there, while a line that it refuses anyway is refused for its own reason. */
static const char *garbled(apr_pool_t *p, const char *line)
{
    char *copy = apr_pstrdup(p, line), *at = copy;

    while ((at = strcasestr(at, "log")) != NULL) {
        memcpy(at, FPMP_STAGE_GARBLED, strlen(FPMP_STAGE_GARBLED));
    }
    return copy;
}

const char *fpmp_stage_silent(apr_pool_t *p, const char *text)
{
    apr_array_header_t *pieces = apr_array_make(p, 4, sizeof(const char *));
    const char *kept = text, *next;

    for (; *text; text = next) {
        apr_size_t len = strcspn(text, "\n");
        const char *line = apr_pstrmemdup(p, text, len), *key;
        const fpmp_ini_t *ini;

        next = text + len + (text[len] == '\n');
        if (!strcasestr(line, "log")) {
            continue;
        }
        ini = fpmp_ini_read(p, text, len);
        key = log_key(ini);
        if (key || ini->opaque_line) {
            APR_ARRAY_PUSH(pieces, const char *) = apr_pstrmemdup(p, kept, text - kept);
            APR_ARRAY_PUSH(pieces, const char *) =
                key ? apr_psprintf(p, "%s = /dev/null\n", key)
                    : apr_pstrcat(p, garbled(p, line), "\n", NULL);
            kept = next;
        }
    }
    APR_ARRAY_PUSH(pieces, const char *) = kept;
    return apr_array_pstrcat(p, pieces, 0);
}

const char *fpmp_stage_heard(apr_pool_t *p, const char *complaint)
{
    static const char *const ours[] = { "'access." FPMP_STAGE_GARBLED "'",
                                        "'slow" FPMP_STAGE_GARBLED "'",
                                        "'error_" FPMP_STAGE_GARBLED "'" };
    char *copy = apr_pstrdup(p, complaint), *at = copy;
    apr_size_t i;

    for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (strcasestr(complaint, ours[i])) {
            return NULL;
        }
    }
    while ((at = strstr(at, FPMP_STAGE_GARBLED)) != NULL) {
        memcpy(at, "log", strlen("log"));
    }
    return copy;
}
