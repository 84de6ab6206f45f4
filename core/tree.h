/* SPDX-License-Identifier: Apache-2.0
 *
 * A document root as host/docroot.c saw it; docroot.c judges it. A site's user alone can
 * make any of this, so nothing here stops a start.
 */
#ifndef FPMP_TREE_H
#define FPMP_TREE_H

#include "../mod_fpmpool.h"

/* Why a directory is CLOSED that nobody may be kept out of. */
#define FPMP_TREE_DEEP "it lies too deep"

/* What the walk counts, in the order in which it is said. */
typedef enum {
    FPMP_TREE_OPEN,   /* writable by everybody */
    FPMP_TREE_GROUP,  /* writable by its group */
    FPMP_TREE_OWNER,  /* belongs neither to the user nor to root */
    FPMP_TREE_CLOSED, /* could not be looked into */
    FPMP_TREE_KINDS
} fpmp_tree_e;

typedef struct {
    int count;
    const char *path; /* the first one seen */
    int is_dir;
    unsigned int mode;
    const char *owner; /* its name; digits where it has none */
    const char *why;   /* of CLOSED: errno in words */
} fpmp_tree_fact_t;

typedef struct {
    fpmp_node_t root;        /* links followed */
    const char *root_owner;  /* name of root.uid */
    apr_array_header_t *way; /* fpmp_node_t, "/" first, the root last, links followed */
    apr_array_header_t
        *groups; /* gid_t: of the user's workers; NULL: all may pass anyway */
    fpmp_tree_fact_t facts[FPMP_TREE_KINDS];
    int entries;         /* looked at */
    const char *stopped; /* why the walk ended early, as a phrase; NULL: it saw all */
} fpmp_tree_t;

/* What one configtest may look at in all document roots together. */
typedef struct {
    int entries;          /* left */
    apr_int64_t until_us; /* monotonic; 0: set at the first walk */
} fpmp_budget_t;

#endif
