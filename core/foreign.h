/* SPDX-License-Identifier: Apache-2.0
 *
 * Between foreign_ask.c, foreign.c and drift_view.c only: how PHP-FPM reads listen, and
 * which keys name a directory.
 */
#ifndef FPMP_FOREIGN_H
#define FPMP_FOREIGN_H

#include "drift.h"

typedef enum {
    FPMP_LISTEN_NONE,
    FPMP_LISTEN_PATH,
    FPMP_LISTEN_TCP,
    FPMP_LISTEN_PREFIX /* relative to a prefix that nobody can ask for */
} fpmp_listen_e;

typedef struct {
    fpmp_listen_e kind;
    const char *path; /* absolute, as FPM would bind it */
    const char *dir;  /* of path, "/" for a file in the root */
    const char *port; /* text after the last ':'; all of it if there is none */
} fpmp_listen_t;

/** Source: fpm_sockets.c 8.2.32: ':' or digits only is TCP, a relative path gets the
 * prefix. */
fpmp_listen_t fpmp_listen_read(apr_pool_t *p, const fpmp_pool_t *pool);

/**
 * The directory that must be there for key 'at' of the table, or NULL: the pool does not
 * need it, or it is relative to what nobody can ask for.
 * @param key  set to the key's name; NULL: the table has no row 'at'
 * @param file  set to the file in it that PHP-FPM opens; NULL: the key names the directory
 */
const char *fpmp_foreign_dir(apr_pool_t *p, const fpmp_pool_t *pool, int at,
                             const char **key, const char **file);

/**
 * The names in a value: const char *, from pool p. Nothing is trimmed, so "a,,b" has an
 * empty one, for which PHP-FPM finds nobody (8.2.36).
 * @param list  1: separated by commas, as in listen.acl_users; 0: the value is one name
 */
apr_array_header_t *fpmp_foreign_names(apr_pool_t *p, const char *value, int list);

/** dir/name with links of the directory resolved; the path itself if that is unknown. */
const char *fpmp_foreign_real(apr_pool_t *p, const fpmp_asked_t *asked, const char *path);

/** Which directory that a key of this pool needs is not there? NULL: none, else a phrase. */
const char *fpmp_foreign_place(fpmp_look_t *look, const fpmp_pool_t *pool);

/** Which log of this pool would PHP-FPM, as root, open where somebody else can put a link in its
 * place? NULL: none, else a phrase. */
const char *fpmp_foreign_log(fpmp_look_t *look, const fpmp_pool_t *pool);

/** Judge one pool that is not ours, or the global section: adds at most one finding. */
void fpmp_foreign_judge(fpmp_look_t *look, const fpmp_pool_t *pool);

#endif
