/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may use a file, and who could put something else there: rules for any user, for the
 * directories that root writes into, and for the files that root reads or runs.
 */
#include "core.h"

/* What root reads or writes may be anybody's who can write it or a directory above it. */
static const char *unsafe_node(apr_pool_t *p, const fpmp_node_t *node, fpmp_node_e kind,
                               int last, uid_t euid)
{
    unsigned int mode = node->mode & 07777;

    if (node->lookup == FPMP_LOOKUP_MISSING) {
        return apr_psprintf(p, "'%s' does not exist", node->path);
    }
    if (node->lookup != FPMP_LOOKUP_FOUND) {
        return apr_psprintf(p, "'%s' could not be looked at (%s)", node->path,
                            node->why ? node->why : "nobody asked");
    }
    if (node->kind != kind) {
        return apr_psprintf(p, "'%s' (uid %lu, mode %04o) is no %s%s", node->path,
                            (unsigned long)node->uid, mode,
                            kind == FPMP_NODE_DIR ? "directory" : "regular file",
                            node->kind == FPMP_NODE_LINK ? " but a symbolic link" : "");
    }
    if (node->uid != 0 && node->uid != euid) {
        return apr_psprintf(p, "'%s' belongs to uid %lu (mode %04o), wanted is uid 0%s",
                            node->path, (unsigned long)node->uid, mode,
                            euid == 0 ? ""
                                      : apr_psprintf(p, " or %lu", (unsigned long)euid));
    }
    if ((mode & 022) != 0 && (last || (mode & 01000) == 0)) {
        return apr_psprintf(p, "'%s' (uid %lu) is mode %04o, group or others may write",
                            node->path, (unsigned long)node->uid, mode);
    }
    return NULL;
}

const char *fpmp_rule_safe_dir(apr_pool_t *p, const apr_array_header_t *nodes, uid_t euid)
{
    if (nodes->nelts == 0) {
        return "nobody looked at it, for it is no absolute path";
    }
    for (int i = 0; i < nodes->nelts; i++) {
        const fpmp_node_t *node = &APR_ARRAY_IDX(nodes, i, fpmp_node_t);
        const char *why = unsafe_node(p, node, FPMP_NODE_DIR, i == nodes->nelts - 1, euid);

        if (why) {
            return why;
        }
    }
    return NULL;
}

const char *fpmp_rule_safe_file(apr_pool_t *p, const apr_array_header_t *nodes, uid_t euid)
{
    for (int i = 0; nodes && i < nodes->nelts; i++) {
        const fpmp_node_t *node = &APR_ARRAY_IDX(nodes, i, fpmp_node_t);
        int last = i == nodes->nelts - 1;
        const char *why;

        if (node->lookup != FPMP_LOOKUP_FOUND) {
            return NULL; /* another rule says that it is not there, or could not be seen */
        }
        why = unsafe_node(p, node, last ? FPMP_NODE_FILE : FPMP_NODE_DIR, last, euid);
        if (why) {
            return why;
        }
    }
    return NULL;
}

const fpmp_node_t *fpmp_rule_own_way(const apr_array_header_t *way, uid_t uid, int all)
{
    for (int i = 0; i < way->nelts; i++) {
        const fpmp_node_t *node = &APR_ARRAY_IDX(way, i, fpmp_node_t);
        int leads_to_dir = i + 1 < way->nelts &&
                           APR_ARRAY_IDX(way, i + 1, fpmp_node_t).kind == FPMP_NODE_DIR;

        if (node->lookup != FPMP_LOOKUP_FOUND) {
            return node;
        }
        if (node->kind != FPMP_NODE_DIR || (leads_to_dir && !all)) {
            continue;
        }
        if ((node->uid != 0 && node->uid != uid) ||
            ((node->mode & 022) && !(leads_to_dir && (node->mode & 01000)))) {
            return node;
        }
    }
    return NULL;
}

static int is_member(gid_t gid, const apr_array_header_t *groups, gid_t group)
{
    int i;

    for (i = 0; gid != group && groups && i < groups->nelts; i++) {
        gid = APR_ARRAY_IDX(groups, i, gid_t);
    }
    return gid == group;
}

int fpmp_rule_may(uid_t uid, gid_t gid, const apr_array_header_t *groups,
                  const fpmp_node_t *node, unsigned int bits)
{
    int shift = node->uid == uid ? 6 : is_member(gid, groups, node->gid) ? 3 : 0;

    return uid == 0 || ((node->mode >> shift) & bits) == bits;
}

int fpmp_rule_makes_dir(apr_pool_t *p, const apr_array_header_t *nodes, const char *dir,
                        uid_t euid)
{
    const fpmp_node_t *last =
        nodes->nelts > 1 ? &APR_ARRAY_IDX(nodes, nodes->nelts - 1, fpmp_node_t) : NULL;
    apr_array_header_t *above;

    if (!last || last->lookup != FPMP_LOOKUP_MISSING || strcmp(last->path, dir) != 0) {
        return 0;
    }
    above = apr_array_copy(p, nodes);
    apr_array_pop(above);
    return fpmp_rule_safe_dir(p, above, euid) == NULL;
}
