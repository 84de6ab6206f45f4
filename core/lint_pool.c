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

static int listens_on(const fpmp_lint_t *lint, const fpmp_view_t *view,
                      const fpmp_pool_t *pool, const char *address)
{
    apr_pool_t *p = lint->p;
    fpmp_listen_t listen = fpmp_listen_read(p, pool);
    const char *value = fpmp_pool_value(pool, "listen"), *port;

    if (listen.kind == FPMP_LISTEN_PATH) {
        return *address == '/' && strcmp(real_of(p, view->asked->places, listen.path),
                                         real_of(p, lint->places, address)) == 0;
    }
    port = strrchr(address, ':');
    return listen.kind == FPMP_LISTEN_TCP && *address != '/' && port &&
           strcmp(port + 1, listen.port) == 0 &&
           is_same_host(host_of(p, value), host_of(p, address));
}

static void follow(const fpmp_lint_t *lint, fpmp_hand_t *hand)
{
    int i, k;

    for (i = 0; i < lint->masters->nelts; i++) {
        const fpmp_lint_master_t *at = &APR_ARRAY_IDX(lint->masters, i, fpmp_lint_master_t);

        for (k = 0; k < at->view->pools->nelts; k++) {
            const fpmp_pool_t *pool =
                APR_ARRAY_IDX(at->view->pools, k, const fpmp_pool_t *);

            if (!listens_on(lint, at->view, pool, hand->address)) {
                continue;
            }
            if (hand->pool) {
                hand->pool_too = hand->pool_too ? hand->pool_too : pool;
                continue;
            }
            hand->pool = pool;
            hand->master = at->master;
            hand->view = at->view;
        }
    }
}

void fpmp_lint_follow(fpmp_lint_t *lint)
{
    int i;

    for (i = 0; i < lint->hands->nelts; i++) {
        fpmp_hand_t *hand = APR_ARRAY_IDX(lint->hands, i, fpmp_hand_t *);

        if (hand->address && !hand->unread) {
            follow(lint, hand);
        }
    }
}
