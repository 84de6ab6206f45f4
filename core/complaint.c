/* SPDX-License-Identifier: Apache-2.0
 *
 * The one line of PHP-FPM's output that says why it refuses its files, with the names of
 * the copies that it read turned back into the real ones. Entry point: fpmp_complaint.
 */
#include "core.h"

#include <string.h>

/* Each 'from' once, from left to right: 'to' may contain it. */
static const char *replace(apr_pool_t *p, const char *text, const char *from,
                           const char *to)
{
    const char *done = "", *at;

    while ((at = strstr(text, from)) != NULL) {
        done = apr_pstrcat(p, done, apr_pstrmemdup(p, text, at - text), to, NULL);
        text = at + strlen(from);
    }
    return apr_pstrcat(p, done, text, NULL);
}

/* "[22-Nov-2026 23:25:56] ERROR: x" -> "ERROR: x" */
static const char *without_time(const char *line)
{
    const char *end =
        *line == '[' && line[1] >= '0' && line[1] <= '9' ? strchr(line, ']') : NULL;

    return end && end[1] == ' ' ? end + 2 : line;
}

static const char *first_complaint(apr_pool_t *p, const char *output)
{
    static const char *const marks[] = { "ERROR", "ALERT", "syntax error" };
    const char *first = NULL;
    size_t i, len;

    for (; *output; output += len + (output[len] == '\n')) {
        const char *line;

        len = strcspn(output, "\n");
        line = apr_pstrmemdup(p, output, len);
        for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
            if (strstr(line, marks[i])) {
                return line;
            }
        }
        first = !first && len > 0 ? line : first;
    }
    return first;
}

/* PHP's syntax errors say "in Unknown"; the file stands in the line after. */
static const char *name_the_file(apr_pool_t *p, const char *line, const char *output)
{
    const char *at = strstr(output, "Unable to include "), *end;

    if (!strstr(line, "syntax error") || !at) {
        return line;
    }
    at += strlen("Unable to include ");
    end = strstr(at, " from ");
    return end ? replace(p, line, " in Unknown ",
                         apr_psprintf(p, " in %s ", apr_pstrmemdup(p, at, end - at)))
               : line;
}

/* "0::/system.slice/php8.2-fpm.service" -> "php8.2-fpm.service" */
const char *fpmp_unit_name(apr_pool_t *p, const char *cgroup)
{
    static const char tail[] = ".service";
    const char *end = strstr(cgroup, tail), *start;

    if (!end) {
        return NULL;
    }
    for (start = end; start > cgroup && start[-1] != '/' && start[-1] != ':'; start--) {
    }
    end += strlen(tail);
    return (*end == '\0' || *end == '\n' || *end == '/') && start + strlen(tail) < end
               ? apr_pstrmemdup(p, start, end - start)
               : NULL;
}

/* One line without control characters: it goes into httpd's log. */
const char *fpmp_complaint(apr_pool_t *p, const char *output,
                           const apr_array_header_t *names)
{
    const char *line = first_complaint(p, output);
    char *c, *text;
    int i;

    if (!line) {
        return NULL;
    }
    line = name_the_file(p, without_time(line), output);
    for (i = 0; i + 1 < names->nelts; i += 2) {
        line = replace(p, line, APR_ARRAY_IDX(names, i, const char *),
                       APR_ARRAY_IDX(names, i + 1, const char *));
    }
    text = apr_pstrdup(p, line);
    for (c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = ' ';
        }
    }
    return text;
}
