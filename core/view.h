/* SPDX-License-Identifier: Apache-2.0
 *
 * What PHP-FPM makes of all its files together: one list of pools, each key with the file
 * and line that it came from. view.c builds it, foreign.c judges the pools that are not
 * ours, view_dump.c reads PHP-FPM's own print of the same (php-fpm -tt).
 */
#ifndef FPMP_VIEW_H
#define FPMP_VIEW_H

#include "../mod_fpmpool.h"

/* One key of a pool as PHP-FPM ends up with it. */
typedef struct {
    const char *name;   /* as written; PHP-FPM compares scalars without case */
    const char *subkey; /* NULL: a scalar; "" for [] */
    const char *value;  /* unquoted, magic words and $pool applied */
    const char *file;   /* NULL: from PHP-FPM's print, nobody knows which file */
    int line;
} fpmp_key_t;

/* One pool, or the global section, merged over all files. */
typedef struct {
    const char *name; /* as first written */
    const char *file; /* of the first header of this section */
    int line;
    const char *again_name; /* the first header of it in another file; NULL: none */
    const char *again_file;
    int again_line;
    apr_array_header_t *keys;  /* fpmp_key_t: of a scalar the last one written, of an array
                                  the first */
    const fpmp_chain_t *chain; /* whose pool file defines it, alone or with others; NULL: not
                                  ours */
    int partial; /* 1: its file is opaque from some line on, so keys may be missing */
} fpmp_pool_t;

/* A line that stands in a file before any section, so that it belongs to the section that
 * the file before left open. */
typedef struct {
    const char *file;
    int line;
    const char *key;         /* "user", "env[X]" */
    const fpmp_pool_t *pool; /* whom it hits; NULL: the global section */
} fpmp_stray_t;

typedef struct {
    const char *file;
    int line; /* 0: the file could not be read at all */
    const char *why;
} fpmp_opaque_t;

/* What has to be looked up before pools that are not ours can be judged, and the answers:
 * the keys are the questions, the values are filled by host/. */
typedef struct {
    apr_hash_t *users;  /* name or digits -> fpmp_user_facts_t *, of the user itself */
    apr_hash_t *groups; /* name or digits -> fpmp_user_facts_t *, group_lookup and gid */
    apr_hash_t *places; /* absolute path -> fpmp_place_t * */
    apr_uint64_t memory_bytes; /* RAM and swap of the machine; 0: unknown */
    int descriptors;           /* open files that the running master may have; 0: unknown */
    int descriptors_most;      /* that the kernel gives to anybody; 0: unknown */
} fpmp_asked_t;

typedef struct {
    fpmp_node_t node; /* links followed */
    const char *owner; /* name of node.uid; digits where it has none */
    const char *real;  /* realpath(3); NULL: it is not there */
} fpmp_place_t;

typedef struct {
    apr_array_header_t *pools;  /* fpmp_pool_t *, in PHP-FPM's order */
    apr_hash_t *by_name;        /* section name in lower case -> fpmp_pool_t * */
    fpmp_pool_t *global;        /* name "global"; never NULL */
    apr_array_header_t *strays; /* fpmp_stray_t */
    apr_array_header_t *opaque; /* fpmp_opaque_t: not understood from that line on */
    apr_hash_t *own; /* pool file path -> fpmp_chain_t * whose file is exactly what we
                        write; NULL: none */
    apr_array_header_t *printed; /* fpmp_pool_t *: PHP-FPM's own print; NULL: it was not
                                    asked, or refused */
    const char *complaint; /* why PHP-FPM refuses its files, in its own words; NULL: it does
                              not, or was not asked */
    const char *unasked;   /* why it was not asked; NULL: it was */
    const fpmp_asked_t *asked; /* what host/ says to fpmp_foreign_ask's questions */
    int control_timeout_sec;   /* process_control_timeout of the global section; 0: unset */
} fpmp_view_t;

/** A copy in lower case, from pool p: PHP-FPM compares names of sections and scalars so. */
const char *fpmp_lower(apr_pool_t *p, const char *text);

/**
 * Read all files of a master as PHP-FPM does: the current section survives the end of a
 * file, includes are read where they stand, sections of one name are merged without regard
 * to case.
 * @param own  as in the view: such a file is not parsed, its pool has the chain's name and
 *             no keys but those that other files add
 * @return from pool p, never NULL
 * Source: fpm_conf.c 8.2.32; runs by us on 8.2.36.
 */
fpmp_view_t *fpmp_view_read(apr_pool_t *p, const fpmp_master_facts_t *facts,
                            apr_hash_t *own);

/** The key of a pool, or NULL. Without subkey; name is compared without case. */
const fpmp_key_t *fpmp_pool_key(const fpmp_pool_t *pool, const char *name);

/** The value of a key, or NULL where the pool does not set it. */
const char *fpmp_pool_value(const fpmp_pool_t *pool, const char *name);

/**
 * Which users, groups and places the pools that are not ours name, and the directories of
 * our sockets.
 * @param sockets  const char * socket paths of our chains
 * @return hashes with every value NULL, from pool p
 */
fpmp_asked_t *fpmp_foreign_ask(apr_pool_t *p, const fpmp_view_t *view,
                               const apr_array_header_t *sockets);

/**
 * Add what PHP-FPM prints of its own reading: pools and values of opaque files. Sets
 * view->printed.
 * @param text  stderr of php-fpm -tt -F -O
 */
void fpmp_view_add_print(apr_pool_t *p, fpmp_view_t *view, const char *text);

/** The pools of such a print, with the keys that the rules look at. */
apr_array_header_t *fpmp_view_parse_print(apr_pool_t *p, const char *text);

/**
 * Which files need not be shown to PHP-FPM to learn what it makes of all others: files of
 * ours that are byte for byte what we write, name no place, and do not stand right before
 * a file that could add to them.
 * @return path -> path, from pool p; the first file of ours is never left out
 */
apr_hash_t *fpmp_view_known(apr_pool_t *p, const fpmp_view_t *view,
                            const fpmp_master_facts_t *facts);

#endif
