/* SPDX-License-Identifier: Apache-2.0
 *
 * Where mod_proxy would connect, as handlers, rewritten names and its own directives write
 * it; and which of these the server configuration itself names. target.c.
 */
#ifndef FPMP_TARGET_H
#define FPMP_TARGET_H

#include "conf.h"

typedef struct {
    const char *socket; /* as written behind "unix:"; NULL: TCP */
    const char *name;   /* "fcgi://localhost", "fcgi://127.0.0.1:9000", "balancer://php", in
                           lower case; NULL: another scheme */
} fpmp_target_t;

/**
 * Read "unix:PATH|fcgi://NAME/...", "fcgi://NAME/...", "balancer://NAME/...", each also
 * behind "proxy:".
 * @param text  borrowed
 * @return 1: it is FastCGI, a balancer, or leads to a Unix socket; 0: none of these
 * Source: mod_proxy compares schemes and "unix:" without case, and takes the text before
 * the first '|' as the socket (fix_uds_filename, httpd 2.4).
 */
int fpmp_target_read(apr_pool_t *p, const char *text, fpmp_target_t *out);

/* What the server configuration names. */
typedef struct {
    apr_hash_t *by_host;   /* host key -> apr_array_header_t of fpmp_target_t */
    apr_hash_t *balancers; /* "balancer://NAME" -> itself: those with a member over fcgi */
} fpmp_targets_t;

/** The key of a host: "" for the main server (file NULL). */
const char *fpmp_target_host(apr_pool_t *p, const char *file, int line);

/**
 * All targets that directives of the server configuration name, by host.
 * @param conf  const fpmp_conf_t *
 */
fpmp_targets_t *fpmp_targets_find(apr_pool_t *p, const apr_array_header_t *conf);

/** 1: FastCGI; 0: a socket of something else, or a balancer without member over fcgi. */
int fpmp_targets_fcgi(const fpmp_targets_t *targets, const fpmp_target_t *target);

/**
 * Does the configuration of this host (or, with inherited 1, of the main server) name this
 * target? A variable in the configuration stands for any text.
 */
int fpmp_targets_has(const fpmp_targets_t *targets, const char *host, int inherited,
                     const fpmp_target_t *target);

#endif
