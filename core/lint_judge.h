/* SPDX-License-Identifier: Apache-2.0
 *
 * Between lint_judge.c and lint_judge_pool.c only: one chain on trial.
 */
#ifndef FPMP_LINT_JUDGE_H
#define FPMP_LINT_JUDGE_H

#include "lint_find.h"

typedef struct {
    apr_pool_t *p;
    fpmp_plan_t *plan;
    fpmp_lint_t *lint;
    apr_hash_t *twins; /* const fpmp_conf_t * -> its finding: FastCgiExternalServer that is
                          given twice, said already */
    fpmp_hand_t *hand;
    const fpmp_conf_t *conf; /* the line to blame */
    const char *mend;        /* set by the rule that speaks */
} fpmp_trial_t;

/** "FILE:LINE" */
const char *fpmp_lint_at(const fpmp_trial_t *trial, const fpmp_conf_t *conf);

/** A path, URL or name inside a message. */
const char *fpmp_lint_shown(const fpmp_trial_t *trial, const char *text);

/** What is there, links followed; NULL: nothing, or nobody could look. */
const fpmp_place_t *fpmp_lint_place(const fpmp_trial_t *trial, const char *path);

/** Make the finding; sets hand->broken. */
void fpmp_lint_say(fpmp_trial_t *trial, const char *code, fpmp_link_e link,
                   fpmp_weight_e weight, const char *seen);

/** The links from the pool on; hand->pool is set. */
void fpmp_lint_judge_pool(fpmp_trial_t *trial);

#endif
