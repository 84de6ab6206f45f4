/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks for PHP-FPM where the table of layouts says distributions keep it, and reads
 * the main files found. What a main file means is core's: fpmp_master_derive.
 * Entry points: fpmp_masters_find (nothing is configured), fpmp_master_complete (an
 * FPMMaster line).
 */
#include "host.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- patterns with one star ------------------------------------------------------- */

/* What the star stands for if path fits pattern; NULL if it does not. "" without a star. */
static const char *take_star(apr_pool_t *p, const char *pattern, const char *path)
{
    const char *star = strchr(pattern, '*'), *found;
    size_t head, tail, len = strlen(path);

    if (!star) {
        return strcmp(pattern, path) == 0 ? "" : NULL;
    }
    head = (size_t)(star - pattern);
    tail = strlen(star + 1);
    if (len < head + tail || strncmp(pattern, path, head) != 0
        || strcmp(path + len - tail, star + 1) != 0) {
        return NULL;
    }
    found = apr_pstrmemdup(p, path + head, len - head - tail);
    return strchr(found, '/') ? NULL : found;
}

static const char *fill_star(apr_pool_t *p, const char *pattern, const char *star)
{
    const char *at = strchr(pattern, '*');

    return at ? apr_pstrcat(p, apr_pstrmemdup(p, pattern, at - pattern), star, at + 1, NULL)
              : pattern;
}

/* The paths under root that fit pattern, without root. */
static apr_array_header_t *find_paths(apr_pool_t *p, const char *root, const char *pattern)
{
    apr_array_header_t *paths = apr_array_make(p, 4, sizeof(const char *));
    char *full = apr_palloc(p, strlen(root) * 2 + strlen(pattern) + 1), *out = full;
    const char *at;
    glob_t found;
    size_t i;

    for (at = root; *at; at++) {
        if (strchr("*?[\\", *at)) {
            *out++ = '\\';
        }
        *out++ = *at;
    }
    strcpy(out, pattern);
    if (glob(full, 0, NULL, &found) != 0) {
        return paths;
    }
    for (i = 0; i < found.gl_pathc; i++) {
        APR_ARRAY_PUSH(paths, const char *) =
            apr_pstrdup(p, found.gl_pathv[i] + strlen(root));
    }
    globfree(&found);
    return paths;
}

/* By mode bits, not access(2): whoever looks, the answer is about the machine. */
static int is_program(apr_pool_t *p, const char *root, const char *path)
{
    struct stat st;

    return stat(apr_pstrcat(p, root, path, NULL), &st) == 0 && S_ISREG(st.st_mode)
           && (st.st_mode & 0111);
}

/* ---- all masters of the machine --------------------------------------------------- */

static void read_main(apr_pool_t *p, const char *root, fpmp_master_t *master)
{
    fpmp_file_t file;

    fpmp_facts_file(p, apr_pstrcat(p, root, master->config_path, NULL), &file);
    if (file.text) {
        fpmp_master_derive(p, master, fpmp_ini_read(p, file.text, file.len));
        return;
    }
    master->trouble = apr_psprintf(p,
                                   "main file '%s' cannot be read: %s; mend config= on the "
                                   "FPMMaster line, or the file",
                                   master->config_path, file.node.why);
}

static int is_name_taken(const apr_array_header_t *masters, const char *name)
{
    int i;

    for (i = 0; i < masters->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(masters, i, fpmp_master_t *)->name, name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* One main file and its program make a master; a left-over configuration has no program. */
static void add_found(apr_pool_t *p, const char *root, const fpmp_layout_t *layout,
                      const char *config, apr_array_header_t *masters)
{
    const char *star = take_star(p, layout->config, config);
    fpmp_master_t *master = apr_pcalloc(p, sizeof(*master));

    if (!star) {
        return;
    }
    master->name = fpmp_layout_name(p, star);
    master->config_path = config;
    master->binary_path = fill_star(p, layout->binary, star);
    master->socket_dir = fill_star(p, layout->runtime_dir, star);
    master->start_hint = layout->start ? fill_star(p, layout->start, star) : NULL;
    if (is_name_taken(masters, master->name) || !is_program(p, root, master->binary_path)) {
        return;
    }
    read_main(p, root, master);
    APR_ARRAY_PUSH(masters, fpmp_master_t *) = master;
}

/* Newest first; those without a version last, by name. */
static int compare_masters(const void *a, const void *b)
{
    const fpmp_master_t *left = *(fpmp_master_t *const *)a;
    const fpmp_master_t *right = *(fpmp_master_t *const *)b;

    if (left->version != right->version) {
        return left->version > right->version ? -1 : 1;
    }
    return strcmp(left->name, right->name);
}

apr_array_header_t *fpmp_masters_find(apr_pool_t *p, const char *root)
{
    apr_array_header_t *masters = apr_array_make(p, 4, sizeof(fpmp_master_t *));
    const fpmp_layout_t *layout;
    int i;

    for (layout = fpmp_layouts; layout->system; layout++) {
        const apr_array_header_t *configs = find_paths(p, root, layout->config);

        for (i = 0; i < configs->nelts; i++) {
            add_found(p, root, layout, APR_ARRAY_IDX(configs, i, const char *), masters);
        }
    }
    qsort(masters->elts, (size_t)masters->nelts, sizeof(fpmp_master_t *), compare_masters);
    return masters;
}

/* ---- an FPMMaster line ------------------------------------------------------------ */

/* The program of a main file that stands where the table says. */
static const char *binary_by_config(apr_pool_t *p, const char *config)
{
    const fpmp_layout_t *layout;

    for (layout = fpmp_layouts; layout->system; layout++) {
        const char *star = take_star(p, layout->config, config);
        const char *binary = star ? fill_star(p, layout->binary, star) : NULL;

        if (binary && is_program(p, "", binary)) {
            return binary;
        }
    }
    return NULL;
}

/* The program whose version is the master's name: FPMMaster 8.2 config=/srv/fpm.conf. */
static const char *binary_by_name(apr_pool_t *p, const char *name)
{
    const fpmp_layout_t *layout;
    int i;

    for (layout = fpmp_layouts; layout->system; layout++) {
        const apr_array_header_t *paths = find_paths(p, "", layout->binary);

        for (i = 0; i < paths->nelts; i++) {
            const char *binary = APR_ARRAY_IDX(paths, i, const char *);
            const char *star = take_star(p, layout->binary, binary);

            if (star && strcmp(fpmp_layout_name(p, star), name) == 0
                && is_program(p, "", binary)) {
                return binary;
            }
        }
    }
    return NULL;
}

/* FPMMaster 8.2 without config=: the line only adds to the installation of that name. */
static void take_detected(apr_pool_t *p, fpmp_master_t *master)
{
    const apr_array_header_t *masters = fpmp_masters_find(p, "");
    int i;

    for (i = 0; i < masters->nelts; i++) {
        const fpmp_master_t *found = APR_ARRAY_IDX(masters, i, fpmp_master_t *);

        if (strcmp(found->name, master->name) == 0) {
            master->config_path = found->config_path;
            master->start_hint = found->start_hint;
            master->binary_path =
                master->binary_path ? master->binary_path : found->binary_path;
        }
    }
}

void fpmp_master_complete(apr_pool_t *p, fpmp_master_t *master)
{
    if (!master->config_path) {
        take_detected(p, master);
    }
    if (!master->config_path) {
        master->trouble =
            apr_psprintf(p,
                         "no PHP-FPM named '%s' is found on this machine; give "
                         "config= on the FPMMaster line",
                         master->name);
        return;
    }
    if (!master->binary_path) {
        master->binary_path = binary_by_config(p, master->config_path);
    }
    if (!master->binary_path) {
        master->binary_path = binary_by_name(p, master->name);
    }
    read_main(p, "", master);
    if (!master->binary_path && !master->trouble) {
        master->trouble =
            apr_psprintf(p,
                         "the program that belongs to '%s' is not known; give "
                         "binary= on the FPMMaster line",
                         master->config_path);
    }
}
