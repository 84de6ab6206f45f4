/* SPDX-License-Identifier: Apache-2.0
 *
 * process_control_timeout: how long a reload of PHP-FPM waits for the requests that run, and
 * who gives it that time.
 */
#ifndef FPMP_TIMEOUT_H
#define FPMP_TIMEOUT_H

#include "../mod_fpmpool.h"

/* What our pool files give PHP-FPM where nobody else gives it a time: most requests end
 * within it, and a reload serves nobody for so long at most. */
#define FPMP_CONTROL_TIMEOUT_SEC 10

typedef struct {
    int sec;          /* as the files say that are not ours; 0: a reload kills requests */
    const char *file; /* the last of them to say so; NULL: none does */
    int line;
    int ours_sec; /* what our pool files have to set; 0: nothing, or it would not count */
} fpmp_timeout_t;

/**
 * Who gives PHP-FPM its process_control_timeout?
 * Source: [global] in a pool file counts, of several lines the last (fpm_conf.c 8.2.32; run
 * by us on 8.2.36).
 */
fpmp_timeout_t fpmp_timeout_choose(apr_pool_t *p, const fpmp_master_t *master,
                                   const fpmp_master_facts_t *facts);

#endif
