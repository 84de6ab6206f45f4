/* SPDX-License-Identifier: Apache-2.0
 *
 * All files of a master as one list of pools. PHP-FPM reads files one after the other into
 * one state: the section that is open at the end of a file is still open at the beginning
 * of the next, sections of one name become one pool, and nobody but this reading can say
 * which file gave a pool its user. Entry point: fpmp_view_read.
 */
#include "core.h"

#include <ctype.h>
#include <string.h>

#define POOL_WORD "$pool"

/* The state that survives the end of a file. */
typedef struct {
    apr_pool_t *p;
    fpmp_view_t *view;
    const fpmp_master_facts_t *facts;
    apr_hash_t *includes;  /* "FILE:LINE" -> fpmp_include_t */
    fpmp_pool_t *current;  /* NULL: an opaque file may have opened another section */
    const char *unsure_of; /* that opaque file */
    fpmp_pool_t *meant;    /* what the file that is read has open by its own lines, or
                              stands in as an include does */
    int depth;             /* of the include that is followed */
    int over;              /* 1: PHP-FPM would end here */
} reading_t;

const char *fpmp_lower(apr_pool_t *p, const char *text)
{
    char *copy = apr_pstrdup(p, text), *c;

    for (c = copy; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return copy;
}

static fpmp_pool_t *make_pool(apr_pool_t *p, const char *name, const char *file, int line)
{
    fpmp_pool_t *pool = apr_pcalloc(p, sizeof(*pool));

    pool->name = name;
    pool->file = file;
    pool->line = line;
    pool->keys = apr_array_make(p, 16, sizeof(fpmp_key_t));
    return pool;
}

static fpmp_pool_t *open_section(reading_t *reading, const char *name, const char *file,
                                 int line)
{
    const char *key = fpmp_lower(reading->p, name);
    fpmp_pool_t *pool = strcmp(key, "global") == 0 ? reading->view->global
                                                   : apr_hash_get(reading->view->by_name,
                                                                  key, APR_HASH_KEY_STRING);

    if (!pool) {
        pool = make_pool(reading->p, name, file, line);
        APR_ARRAY_PUSH(reading->view->pools, fpmp_pool_t *) = pool;
        apr_hash_set(reading->view->by_name, key, APR_HASH_KEY_STRING, pool);
    }
    else if (!pool->again_file && strcmp(pool->file, file) != 0) {
        pool->again_name = name;
        pool->again_file = file;
        pool->again_line = line;
    }
    return pool;
}

/* FPM puts the section's name where a value says $pool. */
static const char *with_pool_name(apr_pool_t *p, const char *value, const char *name)
{
    const char *at, *done = "";

    while ((at = strstr(value, POOL_WORD)) != NULL) {
        done = apr_pstrcat(p, done, apr_pstrmemdup(p, value, at - value), name, NULL);
        value = at + strlen(POOL_WORD);
    }
    return *done ? apr_pstrcat(p, done, value, NULL) : value;
}

static int is_same_key(const fpmp_key_t *key, const fpmp_ini_entry_t *entry)
{
    if (!key->subkey || !entry->subkey) {
        return !key->subkey && !entry->subkey && strcasecmp(key->name, entry->name) == 0;
    }
    return *key->subkey && strcmp(key->subkey, entry->subkey) == 0 &&
           strcmp(key->name, entry->name) == 0;
}

/* Of a scalar the last one counts, of an array the first. */
static void put_key(reading_t *reading, fpmp_pool_t *pool, const fpmp_ini_entry_t *entry,
                    const char *file)
{
    fpmp_key_t *key = NULL;
    int i;

    for (i = 0; i < pool->keys->nelts; i++) {
        key = &APR_ARRAY_IDX(pool->keys, i, fpmp_key_t);
        if (is_same_key(key, entry)) {
            break;
        }
    }
    if (i < pool->keys->nelts && entry->subkey) {
        return;
    }
    if (i == pool->keys->nelts) {
        key = apr_array_push(pool->keys);
    }
    key->name = entry->name;
    key->subkey = entry->subkey;
    key->value = pool == reading->view->global
                     ? entry->value
                     : with_pool_name(reading->p, entry->value, pool->name);
    key->file = file;
    key->line = entry->line;
}

static void note_opaque(reading_t *reading, const char *file, int line, const char *why)
{
    fpmp_opaque_t *opaque = apr_array_push(reading->view->opaque);

    opaque->file = file;
    opaque->line = line;
    opaque->why = why;
    if (reading->current) {
        reading->current->partial = 1;
    }
    reading->current = NULL;
    reading->unsure_of = file;
}

/* A line before the first section of its file belongs to whatever was open: wanted where an
 * include stands within that section, a stray one else. */
static void note_stray(reading_t *reading, const char *file, const fpmp_ini_entry_t *entry)
{
    fpmp_stray_t *stray = apr_array_push(reading->view->strays);

    stray->file = file;
    stray->line = entry->line;
    stray->key = entry->subkey
                     ? apr_psprintf(reading->p, "%s[%s]", entry->name, entry->subkey)
                     : entry->name;
    stray->pool = reading->current == reading->view->global ? NULL : reading->current;
}

static void read_file(reading_t *reading, const fpmp_file_t *file);

static void read_include(reading_t *reading, const char *file, int line)
{
    const char *key = apr_psprintf(reading->p, "%s:%d", file, line);
    const fpmp_include_t *include =
        apr_hash_get(reading->includes, key, APR_HASH_KEY_STRING);
    int i;

    reading->over |= reading->depth == FPMP_INCLUDE_DEPTH_MAX;
    reading->depth++;
    for (i = 0; include && !reading->over && i < include->files->nelts; i++) {
        read_file(reading, APR_ARRAY_IDX(include->files, i, const fpmp_file_t *));
    }
    reading->depth--;
}

static void read_entry(reading_t *reading, const char *file, const fpmp_ini_entry_t *entry)
{
    if (!entry->name) {
        reading->current = open_section(reading, entry->section, file, entry->line);
        reading->meant = reading->current;
        return;
    }
    if (!entry->subkey && strcmp(entry->name, "include") == 0) {
        read_include(reading, file, entry->line);
        return;
    }
    if (!reading->current && reading->unsure_of == file) {
        return; /* said at its first line */
    }
    if (!reading->current) {
        note_opaque(reading, file, entry->line,
                    apr_psprintf(reading->p, "it belongs to a section that '%s' left open",
                                 reading->unsure_of));
        return;
    }
    if (reading->current != reading->meant && reading->current != reading->view->global) {
        note_stray(reading, file, entry);
    }
    put_key(reading, reading->current, entry, file);
}

/* A file of ours is what we write: one section, and before it perhaps the time that a reload
 * waits. */
static int read_own_file(reading_t *reading, const char *path)
{
    const fpmp_chain_t *chain =
        reading->view->own ? apr_hash_get(reading->view->own, path, APR_HASH_KEY_STRING)
                           : NULL;

    if (!chain) {
        return 0;
    }
    if (chain->master->control_timeout_sec) {
        const fpmp_ini_entry_t entry = {
            .name = "process_control_timeout",
            .value = apr_itoa(reading->p, chain->master->control_timeout_sec), .line = 4
        };

        put_key(reading, reading->view->global, &entry, path);
    }
    reading->current = open_section(reading, chain->pool, path, 1);
    if (!reading->current->chain) {
        reading->current->chain = chain;
    }
    return 1;
}

static void read_file(reading_t *reading, const fpmp_file_t *file)
{
    const char *path = file->node.path;
    fpmp_pool_t *meant = reading->meant;
    const fpmp_ini_t *ini;
    int i;

    if (read_own_file(reading, path)) {
        return;
    }
    if (!file->text) {
        note_opaque(reading, path, 0,
                    file->node.why ? file->node.why : "it is no regular file");
        return;
    }
    ini = fpmp_ini_read(reading->p, file->text, file->len);
    for (i = 0; !reading->over && i < ini->entries->nelts; i++) {
        read_entry(reading, path, &APR_ARRAY_IDX(ini->entries, i, fpmp_ini_entry_t));
    }
    if (ini->opaque_line && !reading->over) {
        note_opaque(reading, path, ini->opaque_line, ini->opaque_why);
    }
    reading->meant = meant;
}

static apr_hash_t *index_includes(apr_pool_t *p, const fpmp_master_facts_t *facts)
{
    apr_hash_t *index = apr_hash_make(p);
    int i;

    for (i = 0; i < facts->includes->nelts; i++) {
        const fpmp_include_t *include =
            APR_ARRAY_IDX(facts->includes, i, const fpmp_include_t *);

        apr_hash_set(index, apr_psprintf(p, "%s:%d", include->file, include->line),
                     APR_HASH_KEY_STRING, include);
    }
    return index;
}

fpmp_view_t *fpmp_view_read(apr_pool_t *p, const fpmp_master_facts_t *facts,
                            apr_hash_t *own)
{
    fpmp_view_t *view = apr_pcalloc(p, sizeof(*view));
    reading_t reading = { .p = p, .view = view, .facts = facts };
    const char *timeout;

    view->pools = apr_array_make(p, 16, sizeof(fpmp_pool_t *));
    view->by_name = apr_hash_make(p);
    view->strays = apr_array_make(p, 1, sizeof(fpmp_stray_t));
    view->opaque = apr_array_make(p, 1, sizeof(fpmp_opaque_t));
    view->global = make_pool(p, "global", facts->main.node.path, 1);
    view->own = own;
    reading.includes = index_includes(p, facts);
    reading.current = reading.meant = view->global;
    if (facts->main.text) {
        read_file(&reading, &facts->main);
    }
    timeout = fpmp_pool_value(view->global, "process_control_timeout");
    view->control_timeout_sec = timeout ? fpmp_ini_time_sec(timeout) : 0;
    if (view->control_timeout_sec < 0) {
        view->control_timeout_sec = 0;
    }
    return view;
}

const fpmp_key_t *fpmp_pool_key(const fpmp_pool_t *pool, const char *name)
{
    int i;

    for (i = 0; i < pool->keys->nelts; i++) {
        const fpmp_key_t *key = &APR_ARRAY_IDX(pool->keys, i, fpmp_key_t);

        if (!key->subkey && strcasecmp(key->name, name) == 0) {
            return key;
        }
    }
    return NULL;
}

const char *fpmp_pool_value(const fpmp_pool_t *pool, const char *name)
{
    const fpmp_key_t *key = fpmp_pool_key(pool, name);

    return key ? key->value : NULL;
}

/* A setting whose rightness depends on the machine. */
static int names_place(const fpmp_chain_t *chain)
{
    static const char *const names[] = { "chdir", "slowlog", "access.log" };
    apr_size_t k;
    int i;

    for (i = 0; i < chain->settings->nelts; i++) {
        const fpmp_setting_t *setting = &APR_ARRAY_IDX(chain->settings, i, fpmp_setting_t);

        for (k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            if (strcmp(setting->name, names[k]) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

apr_hash_t *fpmp_view_known(apr_pool_t *p, const fpmp_view_t *view,
                            const fpmp_master_facts_t *facts)
{
    apr_hash_t *known = apr_hash_make(p);
    const char *last = NULL; /* the file before this one, if it may be left out */
    int i, first = 1;

    for (i = 0; i < facts->files->nelts; i++) {
        const char *path = APR_ARRAY_IDX(facts->files, i, fpmp_file_t *)->node.path;
        const fpmp_chain_t *chain =
            view->own ? apr_hash_get(view->own, path, APR_HASH_KEY_STRING) : NULL;

        if (chain && last) {
            apr_hash_set(known, last, APR_HASH_KEY_STRING, last);
        }
        last = chain && !first && !names_place(chain) ? path : NULL;
        first = first && !chain;
    }
    if (last) {
        apr_hash_set(known, last, APR_HASH_KEY_STRING, last);
    }
    return known;
}
