/* SPDX-License-Identifier: Apache-2.0
 *
 * process_control_timeout: at PHP-FPM's default, 0, a reload kills the requests that run.
 * Where nobody else gives it a time, our pool files do; what an administrator wrote is
 * never overridden. Entry point: fpmp_timeout_choose.
 */
#include "core.h"

#include <string.h>

#define KEY "process_control_timeout"

/* A line of a file that is not ours. The section does not matter: PHP-FPM does not start
 * with this key in a pool. */
static void take_file(apr_pool_t *p, const fpmp_file_t *file, fpmp_timeout_t *found)
{
    const fpmp_ini_t *ini;
    int i;

    if (!file->text || !strcasestr(file->text, KEY) ||
        fpmp_pool_text_mark(p, file->text, file->len, NULL) != FPMP_MARK_NONE) {
        return;
    }
    ini = fpmp_ini_read(p, file->text, file->len);
    for (i = 0; i < ini->entries->nelts; i++) {
        const fpmp_ini_entry_t *entry = &APR_ARRAY_IDX(ini->entries, i, fpmp_ini_entry_t);

        if (entry->name && !entry->subkey && strcasecmp(entry->name, KEY) == 0) {
            int sec = fpmp_ini_time_sec(entry->value);

            found->sec = sec > 0 ? sec : 0;
            found->file = file->node.path;
            found->line = entry->line;
        }
    }
}

/* Does PHP-FPM read this file behind the pool files of ours? Then its word is the last. */
static int is_behind_ours(apr_pool_t *p, const fpmp_master_t *master, const char *path)
{
    return master->pool_dir &&
           strcmp(path, apr_pstrcat(p, master->pool_dir, "/" FPMP_FILE_PREFIX, NULL)) > 0;
}

fpmp_timeout_t fpmp_timeout_choose(apr_pool_t *p, const fpmp_master_t *master,
                                   const fpmp_master_facts_t *facts)
{
    fpmp_timeout_t found = { 0 };
    int i;

    take_file(p, &facts->main, &found);
    for (i = 0; i < facts->files->nelts; i++) {
        take_file(p, APR_ARRAY_IDX(facts->files, i, const fpmp_file_t *), &found);
    }
    if (found.sec == 0 && !(found.file && found.file != facts->main.node.path &&
                            is_behind_ours(p, master, found.file))) {
        found.ours_sec = FPMP_CONTROL_TIMEOUT_SEC;
    }
    return found;
}
