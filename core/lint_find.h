/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the lint_*.c files only: one step of a chain at a time.
 */
#ifndef FPMP_LINT_FIND_H
#define FPMP_LINT_FIND_H

#include "lint.h"
#include "reach.h"

/* ---- lint_index.c */

/** Fill index, answers and extensions from lint->beside->conf. */
void fpmp_lint_index(fpmp_lint_t *lint);

/** Fill lint->hosts. */
void fpmp_lint_hosts(fpmp_lint_t *lint);

/** A trial of the file index.EXT below root. */
fpmp_claim_t fpmp_lint_claim(const fpmp_lint_t *lint, const char *root,
                             const fpmp_conf_t *conf, const char *ext);

/** An absolute path without slash at its end; "" stays "". */
const char *fpmp_lint_path(const fpmp_lint_t *lint, const char *path);

/** The first word of the last directive NAME of a host; "": it has none. */
const char *fpmp_lint_word(const fpmp_lint_t *lint, const fpmp_conf_t *host,
                           const char *name);

/** The plain <Directory around a line; NULL: none. */
const fpmp_conf_t *fpmp_lint_directory(const fpmp_conf_t *conf);

/* ---- lint_step.c */

/** The line that gives index.EXT below root its handler or type; NULL: none. */
const fpmp_conf_t *fpmp_lint_type(const fpmp_lint_t *lint, const fpmp_hand_host_t *host,
                                  const char *root, const char *ext);

/** Does one of the words from 'from' on name this extension? from 0: the line names files
 * of every name. */
int fpmp_lint_names(const fpmp_conf_t *conf, int from, const char *ext);

/** Set file and the line ALIAS of a chain whose url is known. */
void fpmp_lint_alias(const fpmp_lint_t *lint, fpmp_hand_t *hand);

/** Set address, timeout_sec and the line SERVER of a chain whose file is known. */
void fpmp_lint_socket(const fpmp_lint_t *lint, fpmp_hand_t *hand);

/** The first FastCgiExternalServer of that name in any host, but not this one; NULL: none.
 * Source: mod_fastcgi keeps one list for all hosts and refuses a name given twice. */
const fpmp_conf_t *fpmp_lint_server(const fpmp_lint_t *lint, const char *file,
                                    const fpmp_conf_t *but);

/* ---- lint_proxy.c */

/** "fcgi://NAME" that a line of mod_proxy leads to, from pool p; NULL: elsewhere. */
const char *fpmp_proxy_name(apr_pool_t *p, const fpmp_conf_t *conf);

/**
 * The line whose worker mod_proxy takes for this chain, if it leads to another socket: a
 * <Proxy, ProxyPass or ProxyPassMatch of the same fcgi://NAME; NULL: none.
 * Source: ap_proxy_get_worker compares the URL behind unix:PATH| only, the server's workers
 * before those of the host (run by us on httpd 2.4.71).
 */
const fpmp_conf_t *fpmp_proxy_worker(const fpmp_lint_t *lint, const fpmp_hand_t *hand);

#endif
