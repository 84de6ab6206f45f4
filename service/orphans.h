/* SPDX-License-Identifier: Apache-2.0
 *
 * service/: the command fpmpool-orphans, which the service manager runs before PHP-FPM
 * starts. It shares core/ and host/ with the module and knows no httpd.
 */
#ifndef FPMP_ORPHANS_H
#define FPMP_ORPHANS_H

#include "../host/host.h"

/* How to sweep, and for how long. */
typedef struct {
    int only_say;            /* 1: nothing is moved, and no lock is taken */
    int lock_wait_sec;       /* deadline for the lock of one directory */
    fpmp_lookup_time_t time; /* for the look-ups of all directories */
    void (*say)(void *baton, const char *line); /* one message, without its line end */
    void *baton;
} fpmp_orphans_t;

/**
 * Move aside each pool file of ours in dir that names a user or a group who does not exist,
 * for sure: PHP-FPM would not start. Whatever cannot be looked at stays as it is.
 * @param dir  absolute path of a pool directory
 * @return 0: nothing to do, or all of it done; 1: something could not be looked at or moved
 * Source: php-fpm 8.2.36 ends at "cannot get uid for user" and "cannot get gid for group"
 * of any pool (run by us).
 */
int fpmp_orphans_sweep(apr_pool_t *p, const char *dir, fpmp_orphans_t *sweep)
    FPMP_NONNULL(1, 2, 3);

#endif
