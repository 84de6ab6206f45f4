/* SPDX-License-Identifier: Apache-2.0
 *
 * Follows a chain from its socket to the pool that listens there. Entry point:
 * fpmp_lint_follow.
 */
#include "foreign.h"
#include "lint.h"

#include <string.h>

const fpmp_user_facts_t *fpmp_hand_user(const fpmp_hand_t *hand)
{
    const char *user = hand->pool ? fpmp_pool_value(hand->pool, "user") : NULL;

    return user ? apr_hash_get(hand->view->asked->users, user, APR_HASH_KEY_STRING) : NULL;
}

/* "127.0.0.1" of "127.0.0.1:9000"; "" of "9000". */
static const char *host_of(apr_pool_t *p, const char *address)
{
    const char *colon = strrchr(address, ':');

    return colon ? apr_pstrmemdup(p, address, colon - address) : "";
}

/* Does a pool that listens on one host take what is sent to the other? */
static int is_same_host(const char *listens, const char *sent)
{
    static const char *const any[] = { "", "*", "0.0.0.0", "[::]" };
    static const char *const local[] = { "127.0.0.1", "[::1]", "localhost" };
    apr_size_t i, k;

    for (i = 0; i < sizeof(any) / sizeof(any[0]); i++) {
        if (strcmp(listens, any[i]) == 0) {
            return 1;
        }
    }
    for (i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        for (k = 0; k < sizeof(local) / sizeof(local[0]); k++) {
            /* one of them by its name, or both the same */
            if (strcmp(listens, local[i]) == 0 && strcmp(sent, local[k]) == 0 &&
                (i == k || i == 2 || k == 2)) {
                return 1;
            }
        }
    }
    return strcmp(listens, sent) == 0;
}

/* The path with links of its directory resolved. */
static const char *real_of(apr_pool_t *p, apr_hash_t *places, const char *path)
{
    const fpmp_asked_t asked = { .places = places };

    return fpmp_foreign_real(p, &asked, path);
}

/* A pool and whose it is. */
typedef struct {
    const fpmp_pool_t *pool;
    const fpmp_lint_master_t *at;
} listener_t;

/* "unix:REAL PATH", or "tcp:PORT"; NULL: it listens nowhere that is known. */
static const char *key_of(apr_pool_t *p, const listener_t *listener)
{
    fpmp_listen_t listen = fpmp_listen_read(p, listener->pool);

    return listen.kind == FPMP_LISTEN_PATH
               ? apr_pstrcat(
                     p, "unix:", real_of(p, listener->at->view->asked->places, listen.path),
                     NULL)
           : listen.kind == FPMP_LISTEN_TCP ? apr_pstrcat(p, "tcp:", listen.port, NULL)
                                            : NULL;
}

static void add_listener(fpmp_lint_t *lint, apr_hash_t *listeners, listener_t listener)
{
    const char *key = key_of(lint->p, &listener), *file = listener.pool->file;
    apr_array_header_t *list =
        key ? apr_hash_get(listeners, key, APR_HASH_KEY_STRING) : NULL;

    if (key && !list) {
        list = apr_array_make(lint->p, 1, sizeof(listener_t));
        apr_hash_set(listeners, key, APR_HASH_KEY_STRING, list);
    }
    if (key) {
        APR_ARRAY_PUSH(list, listener_t) = listener;
    }
    apr_hash_set(
        lint->alone, file, APR_HASH_KEY_STRING,
        apr_hash_get(lint->alone, file, APR_HASH_KEY_STRING) ? "" : listener.pool->name);
}

static apr_hash_t *find_listeners(fpmp_lint_t *lint)
{
    apr_hash_t *listeners = apr_hash_make(lint->p);
    int i, k;

    lint->alone = apr_hash_make(lint->p);
    for (i = 0; i < lint->masters->nelts; i++) {
        const fpmp_lint_master_t *at = &APR_ARRAY_IDX(lint->masters, i, fpmp_lint_master_t);

        for (k = 0; k < at->view->pools->nelts; k++) {
            listener_t listener = { APR_ARRAY_IDX(at->view->pools, k, const fpmp_pool_t *),
                                    at };

            add_listener(lint, listeners, listener);
        }
    }
    return listeners;
}

static int takes(apr_pool_t *p, const listener_t *listener, const char *address)
{
    return *address == '/' ||
           is_same_host(host_of(p, fpmp_pool_value(listener->pool, "listen")),
                        host_of(p, address));
}

static void follow(const fpmp_lint_t *lint, apr_hash_t *listeners, fpmp_hand_t *hand)
{
    apr_pool_t *p = lint->p;
    const char *port = strrchr(hand->address, ':');
    const char *key =
        *hand->address == '/'
            ? apr_pstrcat(p, "unix:", real_of(p, lint->places, hand->address), NULL)
            : apr_pstrcat(p, "tcp:", port ? port + 1 : "", NULL);
    const apr_array_header_t *list = apr_hash_get(listeners, key, APR_HASH_KEY_STRING);
    int i;

    for (i = 0; list && i < list->nelts; i++) {
        const listener_t *listener = &APR_ARRAY_IDX(list, i, listener_t);

        if (!takes(p, listener, hand->address)) {
            continue;
        }
        if (hand->pool) {
            hand->pool_too = hand->pool_too ? hand->pool_too : listener->pool;
            continue;
        }
        hand->pool = listener->pool;
        hand->master = listener->at->master;
        hand->view = listener->at->view;
    }
}

void fpmp_lint_follow(fpmp_lint_t *lint)
{
    apr_hash_t *listeners = find_listeners(lint);
    int i;

    for (i = 0; i < lint->hands->nelts; i++) {
        fpmp_hand_t *hand = APR_ARRAY_IDX(lint->hands, i, fpmp_hand_t *);

        if (hand->address && !hand->unread) {
            follow(lint, listeners, hand);
        }
    }
}
