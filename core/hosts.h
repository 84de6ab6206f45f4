/* SPDX-License-Identifier: Apache-2.0
 *
 * via=balancer: pools on other machines. hosts.c reads FPMHosts and judges addresses;
 * balancer.c has the directives and the pool files that follow from it; ports.c the registry of
 * ports. glue/balancer.c puts it in force, glue/export.c writes it.
 */
#ifndef FPMP_HOSTS_H
#define FPMP_HOSTS_H

#include "core.h"

#define FPMP_BALANCER_PREFIX "balancer://" FPMP_FILE_PREFIX
#define FPMP_PORTS_NAME "ports" /* in the directory of export= */

/* ---- hosts.c ---------------------------------------------------------------------------- */

typedef enum {
    FPMP_ADDRESS_NONE, /* neither an address nor a name of a machine */
    FPMP_ADDRESS_NAME,
    FPMP_ADDRESS_PRIVATE, /* of no use outside: RFC 1918, RFC 6598, RFC 4193, link, loopback */
    FPMP_ADDRESS_PUBLIC
} fpmp_address_e;

/** What kind of address is this? IPv6 stands without brackets. */
fpmp_address_e fpmp_address_kind(const char *text) FPMP_NONNULL(1);

/** "10.0.0.1:20000", "[fd00::1]:20000" */
const char *fpmp_address_port(apr_pool_t *p, const char *machine, int port)
    FPMP_NONNULL(1, 2);

/**
 * Read the arguments of FPMHosts: NAME ADDRESS... KEY=VALUE...
 * @param hosts  pcalloc'ed by the caller, where already set; filled
 * @return NULL if fine, else the whole message without code and place
 */
const char *fpmp_hosts_parse(apr_pool_t *p, fpmp_hosts_t *hosts, int argc,
                             char *const argv[]) FPMP_NONNULL(1, 2);

/** Why a group cannot stand beside those before it (fpmp_hosts_t *); NULL: it can. */
const char *fpmp_hosts_beside(apr_pool_t *p, const fpmp_hosts_t *hosts,
                              const apr_array_header_t *before) FPMP_NONNULL(1, 2, 3);

/* ---- balancer.c ------------------------------------------------------------------------- */

/** The group that a line chooses, or NULL with a finding. */
const fpmp_hosts_t *fpmp_hosts_choose(fpmp_plan_t *plan, fpmp_line_t *line)
    FPMP_NONNULL(1, 2);

/** Say where an address of a group is public, and where users' PHP can connect to its
 * pools. */
void fpmp_hosts_judge(fpmp_plan_t *plan, const fpmp_hosts_t *hosts) FPMP_NONNULL(1, 2);

/**
 * The script in a path that exists only on other machines: up to the first component with an
 * extension of PHP.
 * @param root  document root; the script lies below it
 * @param rest  set to what follows it
 * @return NULL: none
 */
const char *fpmp_remote_script(apr_pool_t *p, const char *path, const char *root,
                               const apr_array_header_t *ext, const char **rest)
    FPMP_NONNULL(1, 2, 3, 5);

/** The balancer of a chain with a port, as it is put in force: directives, several lines. */
const char *fpmp_balancer_text(apr_pool_t *p, const fpmp_chain_t *chain)
    FPMP_NONNULL(1, 2);

/** "10.0.0.1:20000, 10.0.0.2:20000" */
const char *fpmp_balancer_members(apr_pool_t *p, const fpmp_chain_t *chain)
    FPMP_NONNULL(1, 2);

/** The balancer's method, whose module is mod_lbmethod_METHOD. */
const char *fpmp_balancer_method(const fpmp_hosts_t *hosts) FPMP_NONNULL(1);

/** The chain as it is on one of its machines, for fpmp_pool_text_render. */
const fpmp_chain_t *fpmp_chain_there(apr_pool_t *p, const fpmp_chain_t *chain,
                                     const char *machine) FPMP_NONNULL(1, 2, 3);

/** fpmp_chain_check for a chain with hosts: adds at most one finding. */
void fpmp_balancer_check(fpmp_plan_t *plan, fpmp_chain_t *chain, apr_hash_t *taken)
    FPMP_NONNULL(1, 2, 3);

/** Chains with a port of a machine that another one has: adds a finding and takes it from
 * them. */
void fpmp_balancer_check_ports(fpmp_plan_t *plan) FPMP_NONNULL(1);

/** 1: each line of the chain says root=remote, so the user need not exist here. */
int fpmp_chain_remote(const fpmp_chain_t *chain) FPMP_NONNULL(1);

/**
 * What a start does with an exported pool file.
 * @param text    what stands there; NULL: nothing
 * @param wanted  what fpmp_pool_text_render gives; NULL: no line names it any more
 * @return NONE, WRITE, WRITE_ASIDE, REMOVE or REMOVE_ASIDE
 */
fpmp_change_e fpmp_export_change(apr_pool_t *p, const char *text, const char *wanted,
                                 const char *server_id) FPMP_NONNULL(1, 4);

/** 1: a file of somebody else, or of another httpd, stands where one of ours is to go, and says
 * something else. */
int fpmp_export_foreign(apr_pool_t *p, const char *text, const char *wanted,
                        const char *server_id) FPMP_NONNULL(1, 4);

/* ---- ports.c ---------------------------------------------------------------------------- */

/**
 * Read a registry.
 * @param ports  user -> (void *)(apr_uintptr_t)port; filled
 * @return NULL, or a phrase: why nothing of it may be used
 */
const char *fpmp_ports_read(apr_pool_t *p, const char *text, apr_size_t len,
                            apr_hash_t *ports) FPMP_NONNULL(1, 2, 4);

/** The port of a user: the one he has, else the lowest free one, which is his from now on.
 * @return 0: none is free */
int fpmp_ports_take(apr_pool_t *p, apr_hash_t *ports, const char *user, int from, int to)
    FPMP_NONNULL(1, 2, 3);

/** The bytes of the registry, by port. */
const char *fpmp_ports_text(apr_pool_t *p, apr_hash_t *ports) FPMP_NONNULL(1, 2);

/* ---- pool_text.c, for ports.c ------------------------------------------------------------ */

/** SHA-1 as 40 hex digits. */
const char *fpmp_hash_text(apr_pool_t *p, const char *text, apr_size_t len)
    FPMP_NONNULL(1, 2);

#endif
