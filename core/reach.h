/* SPDX-License-Identifier: Apache-2.0
 *
 * Between reach.c, compete.c, bare.c and lint_*.c only: one directive of httpd's, tried
 * at one place where FPMUser is in force.
 */
#ifndef FPMP_REACH_H
#define FPMP_REACH_H

#include "core.h"

typedef struct {
    apr_pool_t *p;
    const fpmp_beside_t *beside;
    apr_hash_t *mapped;  /* MIME type or handler in lower case that AddType, AddHandler,
                            SetHandler or ForceType gives */
    apr_hash_t *answers; /* of httpd's regular expressions: "REGEX\nTEXT" -> "1" or "0" */
    const fpmp_conf_t *conf; /* the directive */
    const fpmp_site_t *site;
    const char *ext;  /* the extension of the site that is tried */
    const char *base; /* URL path before the file that is tried; NULL: none */
} fpmp_claim_t;

/** Word 'at' of a directive's arguments; "" where it has fewer. */
const char *fpmp_conf_word(const fpmp_conf_t *conf, int at);

/** Does this MIME type, handler or extension have "php" in it? */
int fpmp_conf_is_php(const char *type);

/** "index.EXT" and "/index.EXT": the file and the URL that are tried. */
const char *fpmp_claim_file(const fpmp_claim_t *claim);
const char *fpmp_claim_url(const fpmp_claim_t *claim);

/** Does this one section hold the file, the URL or the directory tried? */
int fpmp_claim_section(const fpmp_claim_t *claim, const fpmp_conf_t *section);

/** Does text match this regular expression? Each pair is asked once. */
int fpmp_claim_matches(const fpmp_claim_t *claim, const char *regex, const char *text);

/** Does a URL prefix, or one with wildcards, hold the URL that is tried? */
int fpmp_claim_prefix(const fpmp_claim_t *claim, const char *prefix);

/** Do all sections around the directive hold the file, the URL and the directory tried? */
int fpmp_claim_reaches(const fpmp_claim_t *claim);

/** Judge the hosts without FPMUser that show the files of one that has it: one line. */
void fpmp_bare_judge(fpmp_plan_t *plan, const fpmp_beside_t *beside) FPMP_NONNULL(1, 2);

#endif
