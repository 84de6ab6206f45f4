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

#define PID_INSTEAD "SYSLOG.ident" /* spelled so to be told from the real one */

/* What names a file that FPM opens for writing, and what takes its value instead. */
static const struct {
    const char *key, *first, *instead;
} log_keys[] = {
    { "access.log", "access.log = /dev/null\r", FPMP_STAGE_ACCESS_LOG },
    { "slowlog", "slowlog = /dev/null\r", FPMP_STAGE_SLOWLOG },
    { "error_log", "error_log = /dev/null\r", FPMP_STAGE_ERROR_LOG },
    { FPMP_STAGE_ERROR_LOG, "", PID_INSTEAD }, /* makes room for the one before */
};

/* The rest of a line that begins with this key, from behind its '='; NULL: it does not. */
static const char *value_after(const char *line, const char *key)
{
    line += strspn(line, " \t");
    if (strncasecmp(line, key, strlen(key)) != 0) {
        return NULL;
    }
    line += strlen(key);
    line += strspn(line, " \t");
    return *line == '=' ? line + 1 : NULL;
}

/* Does the line set its key to nothing? Then FPM opens nothing. */
static int is_empty(apr_pool_t *p, const char *line)
{
    const fpmp_ini_t *ini = fpmp_ini_read(p, line, strlen(line));

    return ini->entries->nelts == 1 &&
           !*APR_ARRAY_IDX(ini->entries, 0, fpmp_ini_entry_t).value;
}

/* A line whose log file is /dev/null. To FPM a CR ends a statement but no line, so a second
 * one has it read and print the value, without opening anything. NULL: no such line. */
static const char *silenced(apr_pool_t *p, const char *line)
{
    const char *value = NULL;
    apr_size_t i, len;

    line += strncmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    for (i = 0; !value && i < sizeof(log_keys) / sizeof(log_keys[0]); i++) {
        value = value_after(line, log_keys[i].key);
    }
    len = value ? strcspn(value, "\r") : 0;
    if (!value || value[len + (value[len] == '\r')] || is_empty(p, line)) {
        return NULL;
    }
    return apr_psprintf(p, "%s%s = %.*s\n", log_keys[i - 1].first,
                        log_keys[i - 1].instead, (int)len, value);
}

/* What cannot be read for sure may name a log file: a key that FPM does not know stops it
 * there, while a line that it refuses anyway is refused for its own reason. NULL: it names
 * none. */
static const char *garbled(apr_pool_t *p, const char *line)
{
    char *copy = apr_pstrdup(p, line), *at = copy;
    apr_size_t i, len;
    int found = 0;

    for (; (at = strcasestr(at, "log")) != NULL; at += strlen("log")) {
        for (i = 0; i < sizeof(log_keys) / sizeof(log_keys[0]); i++) {
            len = strlen(log_keys[i].key) - strlen("log");
            if (len <= (apr_size_t)(at - copy) && value_after(at - len, log_keys[i].key)) {
                memcpy(at, FPMP_STAGE_GARBLED, strlen(FPMP_STAGE_GARBLED));
                found = 1;
            }
        }
    }
    return found ? copy : NULL;
}

const char *fpmp_stage_silent(apr_pool_t *p, const char *text)
{
    apr_array_header_t *pieces = apr_array_make(p, 4, sizeof(const char *));
    const char *kept = text, *next;

    for (; *text; text = next) {
        apr_size_t len = strcspn(text, "\n");
        const char *line = apr_pstrmemdup(p, text, len), *silent;

        next = text + len + (text[len] == '\n');
        if (!strcasestr(line, "log") && !strcasestr(line, FPMP_STAGE_ERROR_LOG)) {
            continue;
        }
        silent = silenced(p, line);
        if (!silent && fpmp_ini_read(p, text, len)->opaque_line) {
            silent = garbled(p, line);
            silent = silent ? apr_pstrcat(p, silent, "\n", NULL) : NULL;
        }
        if (silent) {
            APR_ARRAY_PUSH(pieces, const char *) = apr_pstrmemdup(p, kept, text - kept);
            APR_ARRAY_PUSH(pieces, const char *) = silent;
            kept = next;
        }
    }
    APR_ARRAY_PUSH(pieces, const char *) = kept;
    return apr_array_pstrcat(p, pieces, 0);
}

const char *fpmp_stage_whole(apr_pool_t *p, const char *text, apr_size_t len)
{
    const char *end = text + len;
    char *copy = apr_palloc(p, len + 1), *out = copy;

    while (text < end) {
        const char *stop = memchr(text, '\n', end - text);
        apr_size_t line = (stop ? stop : end) - text, seen = strnlen(text, line);

        memcpy(out, text, seen);
        out += seen;
        if (stop) {
            *out++ = '\n';
        }
        text += line + (stop != NULL);
    }
    *out = '\0';
    return copy;
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
    at = strstr(copy, "'" PID_INSTEAD "'");
    return at ? apr_pstrcat(p, apr_pstrmemdup(p, copy, at - copy), "'pid'",
                            at + strlen("'" PID_INSTEAD "'"), NULL)
              : copy;
}
