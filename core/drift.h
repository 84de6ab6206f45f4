/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the drift_*.c files only: one look at one master, and how a finding about it is
 * made.
 */
#ifndef FPMP_DRIFT_H
#define FPMP_DRIFT_H

#include "masters.h"

typedef struct {
    fpmp_plan_t *plan;
    const fpmp_master_t *master;
    const fpmp_master_facts_t *facts;
    const fpmp_httpd_t *httpd;
    uid_t euid;              /* whom we run as */
    const fpmp_view_t *view; /* all files as PHP-FPM reads them */
    int ends;                /* set to 1: PHP-FPM would not live through a reload */
} fpmp_look_t;

/** A finding about the whole master, once. FPMP_BROKEN breaks each of its chains. */
void fpmp_look_find(fpmp_look_t *look, const char *code, fpmp_link_e link,
                    fpmp_weight_e weight, const char *seen, const char *mend);

/** The same for what is not in our hands: FPMP_BROKEN sets look->ends and leaves the chains
 * alone, since PHP-FPM serves them with what it has read. */
void fpmp_look_say(fpmp_look_t *look, const char *code, fpmp_link_e link,
                   fpmp_weight_e weight, const char *seen, const char *mend);

/** "FILE:LINE" of a key, or of the pool where key is NULL. */
const char *fpmp_look_place(fpmp_look_t *look, const fpmp_pool_t *pool,
                            const fpmp_key_t *key);

/** Does any chain need this master? */
int fpmp_look_used(const fpmp_look_t *look);

/** Judge our own files and left-overs, and who may write any file. */
void fpmp_drift_files(fpmp_look_t *look);

/** Judge all files together: what is not ours, and what it does to ours. */
void fpmp_drift_view(fpmp_look_t *look);

/** Judge the global section, open files and memory. */
void fpmp_drift_limits(fpmp_look_t *look);

/** Judge what PHP-FPM printed or complained of. */
void fpmp_drift_print(fpmp_look_t *look);

/** 1: a start of httpd may write pool files: FPMSync and its own user let it. */
int fpmp_look_writes(const fpmp_look_t *look);

/** 1: this is the socket directory, which is missing, and the next start makes it. */
int fpmp_look_makes(const fpmp_look_t *look, const char *dir);

#endif
