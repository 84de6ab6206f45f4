/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the drift_*.c files only: one look at one master, and how a finding about it is
 * made.
 */
#ifndef FPMP_DRIFT_H
#define FPMP_DRIFT_H

#include "core.h"

typedef struct {
    fpmp_plan_t *plan;
    const fpmp_master_t *master;
    const fpmp_master_facts_t *facts;
    const fpmp_httpd_t *httpd;
    uid_t euid; /* whom we run as */
} fpmp_look_t;

/** A finding about the whole master, once. FPMP_BROKEN breaks each of its chains. */
void fpmp_look_find(fpmp_look_t *look, const char *code, fpmp_link_e link,
                    fpmp_weight_e weight, const char *seen, const char *mend);

/** Judge every file that the master reads: foreign ones, our own, and left-overs. */
void fpmp_drift_files(fpmp_look_t *look);

#endif
