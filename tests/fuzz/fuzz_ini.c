/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of PHP-FPM's files, and what copies a file for a test: any bytes.
 */
#include "fuzz.h"

static size_t lines_of(const char *text)
{
    size_t lines = 0;

    for (; *text; text++) {
        lines += *text == '\n';
    }
    return lines;
}

static void hold_entries(const fpmp_ini_t *ini, int lines)
{
    int last = 0;

    HOLDS(ini->opaque_line >= 0 && ini->opaque_line <= lines + 1);
    HOLDS(!ini->opaque_line == !ini->opaque_why);
    for (int i = 0; i < ini->entries->nelts; i++) {
        const fpmp_ini_entry_t *entry = &APR_ARRAY_IDX(ini->entries, i, fpmp_ini_entry_t);

        HOLDS(entry->line >= last && entry->line <= lines + 1);
        HOLDS(!ini->opaque_line || entry->line <= ini->opaque_line);
        HOLDS(entry->name ? entry->value != NULL : entry->section != NULL);
        last = entry->line;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = text_of(data, size);
    const char *server, *copy;
    apr_pool_t *p;

    apr_pool_create(&p, NULL);
    hold_entries(fpmp_ini_read(p, text, size), (int)lines_of(text) + (int)size);
    HOLDS(fpmp_pool_text_mark(p, text, size, &server) == FPMP_MARK_NONE || server);
    copy = fpmp_stage_silent(p, text);
    /* A last line that ends with the file may get its end. */
    HOLDS(lines_of(copy) == lines_of(text) ||
          (lines_of(copy) == lines_of(text) + 1 && text[strlen(text) - 1] != '\n'));
    fpmp_stage_whole(p, text, size);
    fpmp_stage_heard(p, text);
    fpmp_view_parse_print(p, text);
    fpmp_complaint(p, text, apr_array_make(p, 1, sizeof(const char *)));
    apr_pool_destroy(p);
    free(text);
    return 0;
}
