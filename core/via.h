/* SPDX-License-Identifier: Apache-2.0
 *
 * The ends of the chain, by via= on FPMUser: which one a line has, and the directives that
 * via=fastcgi stands for (hosts.h has those of via=balancer). glue/links.c puts them in force,
 * report.c shows them.
 */
#ifndef FPMP_VIA_H
#define FPMP_VIA_H

#include "core.h"

/** Settle line->via, before anything else is taken over from FPMDefaults.
 * @return the key of the line that its end cannot keep; NULL: none */
const char *fpmp_via_settle(const fpmp_plan_t *plan, fpmp_line_t *line) FPMP_NONNULL(1, 2);

/** Refuse the line if its end is not to be had, or cannot keep this key of it (NULL: none). */
void fpmp_via_judge(fpmp_plan_t *plan, fpmp_line_t *line, const char *key)
    FPMP_NONNULL(1, 2);

/** "native", "fastcgi" or "balancer". */
const char *fpmp_via_name(fpmp_via_e via);

/** 1: a line of this chain reaches its pool so. */
int fpmp_chain_via(const fpmp_chain_t *chain, fpmp_via_e via) FPMP_NONNULL(1);

/** chain->fastcgi_url: a URL, and a path, that nothing else has. Unique over all masters. */
const char *fpmp_fastcgi_url(apr_pool_t *p, const fpmp_chain_t *chain) FPMP_NONNULL(1, 2);

/** The links from the handler to the path, for each host: directives, several lines. */
const char *fpmp_fastcgi_place(apr_pool_t *p, const fpmp_chain_t *chain) FPMP_NONNULL(1, 2);

/**
 * The link from the path to the socket, once for the whole server: one line.
 * @param chain  has a socket
 * Source: mod_fastcgi has one list for all hosts and refuses to have a path, or a path below
 * one, twice (fcgi_config_new_external_server, fcgi_util_fs_get_by_id).
 */
const char *fpmp_fastcgi_server(apr_pool_t *p, const fpmp_plan_t *plan,
                                const fpmp_chain_t *chain) FPMP_NONNULL(1, 2, 3);

/** All directives of the chain's end, as they are in force; NULL: it has none. */
const char *fpmp_links_in_force(apr_pool_t *p, const fpmp_plan_t *plan,
                                const fpmp_chain_t *chain) FPMP_NONNULL(1, 2, 3);

/* ---- chain.c, for via.c ---------------------------------------------------------------- */

/** Refuse a line, so that its PHP answers 503: adds the finding. */
void fpmp_line_refuse(fpmp_plan_t *plan, fpmp_line_t *line, const char *code,
                      fpmp_link_e link, const char *seen, const char *mend)
    FPMP_NONNULL(1, 2, 3, 5, 6);

#endif
