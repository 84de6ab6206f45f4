/* SPDX-License-Identifier: Apache-2.0
 *
 * Where distributions keep PHP-FPM, and what is known of an installation by its name and its
 * main file. Nothing here looks at the machine; host/masters.c does.
 */
#ifndef FPMP_MASTERS_H
#define FPMP_MASTERS_H

#include "core.h"

/* A row of the table of layouts. '*' stands for the version in all of it. */
typedef struct {
    const char *system;
    const char *config;      /* "/etc/php/<*>/fpm/php-fpm.conf" with a bare star */
    const char *binary;      /* the same star is filled in */
    const char *runtime_dir; /* where sockets go if the main file names no pid file */
    const char *start;       /* what an administrator types to start it; NULL: not known */
} fpmp_layout_t;
extern const fpmp_layout_t fpmp_layouts[]; /* ends with system == NULL */

/** "8.2" for "8.2", "82" or "php82"; "php" if star is empty. From pool p. */
const char *fpmp_layout_name(apr_pool_t *p, const char *star) FPMP_NONNULL(1, 2);

/** 802 for "8.2"; 0 if the name is no version. */
int fpmp_version_number(const char *name) FPMP_NONNULL(1);

/** Has this version known holes that end what keeps users apart? NULL: none. The phrase
 * names the first good release. Source: records of CVE-2021-21703 and CVE-2019-11043. */
const char *fpmp_rule_version(apr_pool_t *p, int version) FPMP_NONNULL(1);

/** "8.2" for 802. From pool p. */
const char *fpmp_version_text(apr_pool_t *p, int version) FPMP_NONNULL(1);

/**
 * Fill in what the main file says: pid_path, pool_dir, socket_dir, version; what FPMMaster
 * gave stays. What is missing is said in master->trouble.
 */
void fpmp_master_derive(apr_pool_t *p, fpmp_master_t *master, const fpmp_ini_t *ini)
    FPMP_NONNULL(1, 2, 3);

/** How it is started, to stand behind "start it": " with 'service php8.2-fpm start'", or "". */
const char *fpmp_master_how(apr_pool_t *p, const fpmp_master_t *master) FPMP_NONNULL(1, 2);

#endif
