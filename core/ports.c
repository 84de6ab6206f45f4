/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry of a group's ports: which user has which, so that a port stays his whoever comes
 * or goes. Line 2 has a hash of all that follows, so that a file cut short or changed is
 * known and not used. Entry points: fpmp_ports_read, fpmp_ports_take, fpmp_ports_text.
 */
#include "hosts.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_LINE                                                                          \
    "; Written by mod_fpmpool: the port of each user. After a change by hand write sha1=- "   \
    "in the next line.\n"
#define MARK_START "; fpmpool ports 1 sha1="
#define HEX_BYTES 40
#define BY_HAND "-\n"

/* What follows the marker; NULL and why not. */
static const char *body_of(apr_pool_t *p, const char *text, apr_size_t len, const char **why)
{
    const char *hash = text + strlen(HEAD_LINE MARK_START), *body;

    if (strlen(text) != len) {
        *why = "has a NUL byte";
        return NULL;
    }
    if (strncmp(text, HEAD_LINE MARK_START, strlen(HEAD_LINE MARK_START)) != 0) {
        *why = "does not begin with the two lines of mod_fpmpool";
        return NULL;
    }
    if (strncmp(hash, BY_HAND, strlen(BY_HAND)) == 0) {
        return hash + strlen(BY_HAND);
    }
    body = strchr(hash, '\n');
    if (!body || body - hash != HEX_BYTES ||
        strncmp(fpmp_hash_text(p, body + 1, strlen(body + 1)), hash, HEX_BYTES) != 0) {
        *why = "was cut short or edited: its hash does not fit";
        return NULL;
    }
    return body + 1;
}

/* "david 20000" into ports; NULL, or why not. */
static const char *read_line(apr_pool_t *p, char *line, apr_hash_t *ports, apr_hash_t *users)
{
    char *blank = strchr(line, ' ');
    const char *digits = blank ? blank + 1 : "";
    apr_uintptr_t port = (apr_uintptr_t)atol(digits);
    const char *shown = fpmp_value_shown(p, line), *key, *other;

    if (!blank || !*digits || strspn(digits, "0123456789") != strlen(digits) ||
        strlen(digits) > 5 || port < 1 || port > 65535) {
        return apr_psprintf(p, "has the line '%s', wanted is 'USER PORT'", shown);
    }
    *blank = '\0';
    key = apr_psprintf(p, "%d", (int)port);
    other = apr_hash_get(users, key, APR_HASH_KEY_STRING);
    if (fpmp_rule_user_name(line)) {
        return apr_psprintf(p, "has the line '%s', whose user name cannot be one", shown);
    }
    if (other || apr_hash_get(ports, line, APR_HASH_KEY_STRING)) {
        return other ? apr_psprintf(p, "gives port %s to '%s' and to '%s'", key, other, line)
                     : apr_psprintf(p, "names '%s' twice", line);
    }
    apr_hash_set(users, key, APR_HASH_KEY_STRING, line);
    apr_hash_set(ports, line, APR_HASH_KEY_STRING, (void *)port);
    return NULL;
}

const char *fpmp_ports_read(apr_pool_t *p, const char *text, apr_size_t len,
                            apr_hash_t *ports)
{
    apr_hash_t *users = apr_hash_make(p);
    const char *why = NULL, *body = body_of(p, text, len, &why);
    char *rest = body ? apr_pstrdup(p, body) : NULL, *line;

    while (rest && !why && (line = apr_strtok(rest, "\n", &rest)) != NULL) {
        why = read_line(p, line, ports, users);
    }
    return why;
}

static apr_uintptr_t port_of(apr_hash_t *ports, const char *user)
{
    return (apr_uintptr_t)apr_hash_get(ports, user, APR_HASH_KEY_STRING);
}

int fpmp_ports_take(apr_pool_t *p, apr_hash_t *ports, const char *user, int from, int to)
{
    char *taken = apr_pcalloc(p, (apr_size_t)(to - from) + 1);
    apr_hash_index_t *at;
    int port = (int)port_of(ports, user);

    if (port) {
        return port; /* also one that ports= no longer has: it stays his */
    }
    for (at = apr_hash_first(p, ports); at; at = apr_hash_next(at)) {
        void *value;

        apr_hash_this(at, NULL, NULL, &value);
        port = (int)(apr_uintptr_t)value;
        if (port >= from && port <= to) {
            taken[port - from] = 1;
        }
    }
    for (port = from; port <= to && taken[port - from]; port++) {
    }
    if (port > to) {
        return 0;
    }
    apr_hash_set(ports, user, APR_HASH_KEY_STRING, (void *)(apr_uintptr_t)port);
    return port;
}

/* One line of the registry. */
typedef struct {
    const char *user;
    int port;
} entry_t;

static int by_port(const void *a, const void *b)
{
    return ((const entry_t *)a)->port - ((const entry_t *)b)->port;
}

const char *fpmp_ports_text(apr_pool_t *p, apr_hash_t *ports)
{
    apr_array_header_t *entries = apr_array_make(p, 16, sizeof(entry_t));
    apr_array_header_t *lines = apr_array_make(p, 16, sizeof(const char *));
    apr_hash_index_t *at;
    const char *body;
    int i;

    for (at = apr_hash_first(p, ports); at; at = apr_hash_next(at)) {
        entry_t *entry = apr_array_push(entries);
        const void *user;
        void *port;

        apr_hash_this(at, &user, NULL, &port);
        entry->user = user;
        entry->port = (int)(apr_uintptr_t)port;
    }
    qsort(entries->elts, (size_t)entries->nelts, sizeof(entry_t), by_port);
    for (i = 0; i < entries->nelts; i++) {
        const entry_t *entry = &APR_ARRAY_IDX(entries, i, entry_t);

        APR_ARRAY_PUSH(lines, const char *) =
            apr_psprintf(p, "%s %d\n", entry->user, entry->port);
    }
    body = apr_array_pstrcat(p, lines, 0);
    return apr_pstrcat(p, HEAD_LINE MARK_START, fpmp_hash_text(p, body, strlen(body)), "\n",
                       body, NULL);
}
