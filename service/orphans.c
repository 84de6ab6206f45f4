/* SPDX-License-Identifier: Apache-2.0
 *
 * Which pool files of ours would end PHP-FPM because their user is gone, and putting them
 * under a name that it does not read. The module does the same at httpd's start; this is
 * for a PHP-FPM that starts first. Entry point: fpmp_orphans_sweep.
 */
#include "orphans.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POOL_FILE_SUFFIX ".conf"

/* One file that PHP-FPM's "*.conf" matches. */
typedef struct {
    const char *name;
    fpmp_file_t file;
    const fpmp_ini_t *ini; /* NULL: not readable */
    int moved;
} entry_t;

/* One look at one directory. */
typedef struct {
    apr_pool_t *p;
    const char *dir;
    fpmp_lock_t lock; /* descriptors -1 where nothing is moved */
    fpmp_orphans_t *sweep;
    apr_array_header_t *entries; /* entry_t, in PHP-FPM's order */
    int trouble, moved;
} look_t;

static void say(look_t *look, const char *code, fpmp_link_e link, const char *seen,
                const char *mend)
{
    fpmp_finding_t finding = { .code = code, .link = link, .seen = seen, .mend = mend };

    look->sweep->say(look->sweep->baton, fpmp_finding_text(look->p, &finding));
}

static void say_trouble(look_t *look, const char *code, fpmp_link_e link, const char *seen,
                        const char *mend)
{
    look->trouble = 1;
    say(look, code, link, seen, mend);
}

/* ---- what the directory has -------------------------------------------------------- */

static int has_suffix(const char *name)
{
    size_t len = strlen(name), tail = strlen(POOL_FILE_SUFFIX);

    return len > tail && strcmp(name + len - tail, POOL_FILE_SUFFIX) == 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const entry_t *)a)->name, ((const entry_t *)b)->name);
}

/* 0 or errno. */
static int read_dir(look_t *look)
{
    DIR *dir = opendir(look->dir);
    struct dirent *found;
    int i, err;

    look->entries = apr_array_make(look->p, 32, sizeof(entry_t));
    if (!dir) {
        return errno;
    }
    for (errno = 0; (found = readdir(dir)) != NULL; errno = 0) {
        if (found->d_name[0] != '.' && has_suffix(found->d_name)) {
            entry_t *entry = apr_array_push(look->entries);

            memset(entry, 0, sizeof(*entry));
            entry->name = apr_pstrdup(look->p, found->d_name);
        }
    }
    err = errno;
    closedir(dir);
    qsort(look->entries->elts, (size_t)look->entries->nelts, sizeof(entry_t),
          compare_names);
    for (i = 0; i < look->entries->nelts; i++) {
        entry_t *entry = &APR_ARRAY_IDX(look->entries, i, entry_t);

        fpmp_facts_file(look->p, apr_pstrcat(look->p, look->dir, "/", entry->name, NULL),
                        &entry->file);
        entry->ini = entry->file.text
                         ? fpmp_ini_read(look->p, entry->file.text, entry->file.len)
                         : NULL;
    }
    return err;
}

/* The value that PHP-FPM has for a key of a pool after all files: the last one wins, a
 * section goes on in the next file, and letter case does not count. NULL unless it stands
 * in this very entry: what others name is not ours to judge. */
static const char *value_in(const look_t *look, const entry_t *entry, const char *section,
                            const char *key)
{
    const char *value = NULL, *current = NULL;
    const entry_t *owner = NULL;
    int i, k;

    for (i = 0; i < look->entries->nelts; i++) {
        const entry_t *other = &APR_ARRAY_IDX(look->entries, i, entry_t);

        for (k = 0; other->ini && k < other->ini->entries->nelts; k++) {
            const fpmp_ini_entry_t *line =
                &APR_ARRAY_IDX(other->ini->entries, k, fpmp_ini_entry_t);

            current = line->section ? line->section : current;
            if (current && line->name && !line->subkey &&
                strcasecmp(current, section) == 0 && strcasecmp(line->name, key) == 0) {
                value = line->value;
                owner = other;
            }
        }
    }
    return owner == entry ? value : NULL;
}

/* PHP-FPM takes digits as a number and asks nobody; an empty name is another fault. It puts
 * the pool's name where "$pool" stands. */
static const char *name_in(const look_t *look, const entry_t *entry, const char *section,
                           const char *key)
{
    const char *value = value_in(look, entry, section, key);

    if (!value || value[strspn(value, "0123456789")] == '\0') {
        return NULL;
    }
    if (strcmp(value, "$pool") == 0) {
        return section;
    }
    return strstr(value, "$pool") ? NULL : value;
}

/* ---- what is done about a file ------------------------------------------------------- */

static void move_aside(look_t *look, entry_t *entry, const char *code, const char *seen)
{
    const char *kept = NULL, *why = NULL;

    entry->moved = 1;
    look->moved++;
    if (look->sweep->only_say) {
        say(look, code, FPMP_LINK_POOL_FILE, seen,
            "run this command without -n, which renames the file");
        return;
    }
    if (fpmp_pool_quarantine(look->p, look->lock.dir_fd, entry->name, &kept, &why) != 0) {
        entry->moved = 0;
        look->moved--;
        say_trouble(look, "FPMP0453", FPMP_LINK_POOL_FILE,
                    apr_psprintf(look->p,
                                 "PHP-FPM would not start with '%s', and it could not be "
                                 "renamed: %s",
                                 entry->name, why),
                    "mend that, or move the file away by hand");
        return;
    }
    say(look, code, FPMP_LINK_POOL_FILE,
        apr_psprintf(look->p, "%s, so it was renamed to '%s'", seen, kept),
        "create what is missing or remove the FPMUser line, then reload httpd");
}

/* 1: the file names somebody who does not exist. */
static int judge_names(look_t *look, entry_t *entry, const char *user, const char *group)
{
    apr_pool_t *p = look->p;
    const char *path = entry->file.node.path;
    fpmp_user_facts_t facts = { 0 };

    if (user) {
        fpmp_facts_user_within(p, user, group, (gid_t)-1, &look->sweep->time, &facts);
    }
    else if (group) {
        fpmp_facts_group(p, group, &facts);
    }
    if (facts.user_lookup == FPMP_LOOKUP_MISSING) {
        move_aside(look, entry, "FPMP0450",
                   apr_psprintf(p, "'%s' names user '%s', who does not exist", path, user));
        return 1;
    }
    if (group && facts.group_lookup == FPMP_LOOKUP_MISSING) {
        move_aside(look, entry, "FPMP0451",
                   apr_psprintf(p, "'%s' names group '%s', which does not exist", path,
                                group));
        return 1;
    }
    if (facts.user_lookup == FPMP_LOOKUP_FAILED ||
        (group && facts.group_lookup == FPMP_LOOKUP_FAILED)) {
        say_trouble(
            look, "FPMP0452", FPMP_LINK_USER,
            apr_psprintf(p, "%s '%s' could not be looked up: %s",
                         facts.user_lookup == FPMP_LOOKUP_FAILED ? "user" : "group",
                         facts.user_lookup == FPMP_LOOKUP_FAILED ? user : group,
                         facts.why ? facts.why : "no reason given"),
            apr_psprintf(p, "see to the name service; '%s' stays until then", path));
    }
    return 0;
}

static void judge_pools(look_t *look, entry_t *entry)
{
    int i;

    for (i = 0; i < entry->ini->entries->nelts; i++) {
        const fpmp_ini_entry_t *line =
            &APR_ARRAY_IDX(entry->ini->entries, i, fpmp_ini_entry_t);
        const char *user, *group;

        if (line->name || !line->section || strcasecmp(line->section, "global") == 0) {
            continue;
        }
        user = name_in(look, entry, line->section, "user");
        group = name_in(look, entry, line->section, "group");
        if (judge_names(look, entry, user, group)) {
            return;
        }
    }
}

static void judge_file(look_t *look, entry_t *entry)
{
    apr_pool_t *p = look->p;
    const fpmp_file_t *file = &entry->file;
    const char *why = NULL;

    if (strncmp(entry->name, FPMP_FILE_PREFIX, strlen(FPMP_FILE_PREFIX)) != 0 ||
        file->node.lookup == FPMP_LOOKUP_MISSING ||
        (file->node.lookup == FPMP_LOOKUP_FOUND && file->node.kind != FPMP_NODE_FILE)) {
        return; /* somebody else's, or gone by now */
    }
    if (!file->text) {
        why = apr_psprintf(p, "'%s' could not be read: %s", file->node.path,
                           file->node.why);
    }
    else if (fpmp_pool_text_mark(p, file->text, file->len, NULL) == FPMP_MARK_NONE) {
        return;
    }
    else if (entry->ini->opaque_line) {
        why = apr_psprintf(p, "line %d of '%s' is not plain: %s", entry->ini->opaque_line,
                           file->node.path, entry->ini->opaque_why);
    }
    if (why) {
        say_trouble(look, "FPMP0454", FPMP_LINK_POOL_FILE, why,
                    "mend the file; nobody knows whom it names, so it stays");
        return;
    }
    judge_pools(look, entry);
}

/* PHP-FPM does not start without any pool either, but then a new one is all it needs. */
static void say_if_empty(look_t *look)
{
    int i, k;

    for (i = 0; i < look->entries->nelts; i++) {
        const entry_t *entry = &APR_ARRAY_IDX(look->entries, i, entry_t);

        for (k = 0; !entry->moved && entry->ini && k < entry->ini->entries->nelts; k++) {
            const char *section =
                APR_ARRAY_IDX(entry->ini->entries, k, fpmp_ini_entry_t).section;

            if (section && strcasecmp(section, "global") != 0) {
                return;
            }
        }
        if (!entry->moved && (!entry->ini || entry->ini->opaque_line)) {
            return; /* nobody knows */
        }
    }
    say(look, "FPMP0457", FPMP_LINK_POOL,
        apr_psprintf(look->p,
                     "'%s' has no pool but those that name nobody, and PHP-FPM does not "
                     "start without one",
                     look->dir),
        "reload httpd with a FPMUser line whose user exists, or put the distribution's "
        "pool back");
}

/* ---- one directory ------------------------------------------------------------------- */

static int open_dir(look_t *look)
{
    apr_pool_t *p = look->p;
    const char *why = *look->dir == '/'
                          ? fpmp_rule_safe_dir(p, fpmp_facts_path(p, look->dir), geteuid())
                          : apr_psprintf(p, "'%s' is no absolute path", look->dir);

    if (why) {
        say_trouble(look, "FPMP0455", FPMP_LINK_POOL_FILE,
                    apr_psprintf(p, "no file is moved as root in this directory: %s", why),
                    "name a pool directory that belongs to root, mode 0755");
        return 0;
    }
    if (!look->sweep->only_say &&
        fpmp_dir_lock(p, look->dir, look->sweep->lock_wait_sec, &look->lock, &why) != 0) {
        say_trouble(look, "FPMP0456", FPMP_LINK_POOL_FILE, why,
                    "see which process holds it; the files stay as they are");
        return 0;
    }
    return 1;
}

int fpmp_orphans_sweep(apr_pool_t *p, const char *dir, fpmp_orphans_t *sweep)
{
    look_t look = { .p = p, .dir = dir, .lock = { -1, -1 }, .sweep = sweep };
    apr_status_t err;
    int i;

    if (!open_dir(&look)) {
        return 1;
    }
    err = read_dir(&look);
    if (err) {
        say_trouble(&look, "FPMP0459", FPMP_LINK_POOL_FILE,
                    apr_psprintf(p, "'%s' could not be listed: %pm", dir, &err),
                    "run this command as root");
    }
    for (i = 0; !err && i < look.entries->nelts; i++) {
        judge_file(&look, &APR_ARRAY_IDX(look.entries, i, entry_t));
    }
    if (look.moved) {
        say_if_empty(&look);
    }
    fpmp_dir_unlock(&look.lock);
    return look.trouble;
}
