/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds the chains that mod_actions, mod_alias and mod_fastcgi make: an extension's type,
 * the Action for that type, the Alias for its URL, the FastCgiExternalServer of that name.
 * Each step takes the line that httpd would take (lint_step.c), and a chain ends where no
 * line fits. Entry point: fpmp_lint_find.
 */
#include "lint_find.h"

#include <string.h>
#include <strings.h>

/* ---- one host -------------------------------------------------------------------------
 */

static int gives_type(const fpmp_conf_t *conf, const char *type)
{
    return conf && strcasecmp(fpmp_conf_word(conf, 0), type) == 0;
}

static void claim_extensions(const fpmp_lint_t *lint, fpmp_hand_t *hand)
{
    fpmp_claim_t all = fpmp_lint_claim(lint, hand->root, NULL, "html");
    int i;

    for (i = 0; i < lint->extensions->nelts; i++) {
        const char *ext = APR_ARRAY_IDX(lint->extensions, i, const char *);
        const fpmp_conf_t *type = fpmp_lint_type(lint, hand->host, hand->root, ext);

        if (gives_type(type, hand->type)) {
            hand->lines[FPMP_HAND_TYPE] =
                hand->lines[FPMP_HAND_TYPE] ? hand->lines[FPMP_HAND_TYPE] : type;
            APR_ARRAY_PUSH(hand->ext, const char *) = ext;
        }
    }
    hand->takes_all =
        gives_type(fpmp_lint_type(lint, hand->host, hand->root, all.ext), hand->type) &&
        !fpmp_lint_names(hand->lines[FPMP_HAND_TYPE], 1, all.ext);
}

/* The directories of this host in which a type is given: a chain may begin in one of them.
 */
static void try_directories(const fpmp_lint_t *lint, fpmp_hand_t *hand)
{
    static const char *const givers[] = { "AddType", "ForceType", "AddHandler",
                                          "SetHandler" };
    apr_size_t k;
    int i;

    claim_extensions(lint, hand);
    for (k = 0; k < sizeof(givers) / sizeof(givers[0]); k++) {
        const apr_array_header_t *lines = fpmp_lint_own(lint, hand->host->conf, givers[k]);

        for (i = 0; hand->ext->nelts == 0 && i < lines->nelts; i++) {
            const fpmp_conf_t *conf = APR_ARRAY_IDX(lines, i, const fpmp_conf_t *);
            const fpmp_conf_t *directory = fpmp_lint_directory(conf);
            const char *root = hand->root;

            if (directory && gives_type(conf, hand->type)) {
                hand->root = fpmp_lint_path(lint, fpmp_conf_word(directory, 0));
                claim_extensions(lint, hand);
                hand->root = hand->ext->nelts ? hand->root : root;
            }
        }
    }
}

static void find_action(fpmp_lint_t *lint, const fpmp_hand_host_t *host,
                        const fpmp_conf_t *action)
{
    fpmp_hand_t *hand = fpmp_lint_add(lint, host, action);

    hand->lines[FPMP_HAND_ACTION] = action;
    hand->type = fpmp_conf_word(action, 0);
    hand->url = fpmp_conf_word(action, 1);
    try_directories(lint, hand);
    fpmp_lint_alias(lint, hand);
    if (hand->file && !hand->unread) {
        fpmp_lint_socket(lint, hand);
    }
    if (!hand->lines[FPMP_HAND_SERVER] && !fpmp_conf_is_php(hand->type) &&
        !(hand->ext->nelts &&
          fpmp_conf_is_php(APR_ARRAY_IDX(hand->ext, 0, const char *)))) {
        apr_array_pop(lint->hands); /* a CGI program of some other kind */
    }
}

/* The Action in force for a type: the host's last one, else the server's. */
static int is_in_force(const fpmp_lint_t *lint, const fpmp_hand_host_t *host,
                       const fpmp_conf_t *action)
{
    const apr_array_header_t *lines = fpmp_lint_own(lint, host->conf, "Action");
    const fpmp_conf_t *last = NULL;
    int i;

    for (i = 0; i < lines->nelts; i++) {
        const fpmp_conf_t *conf = APR_ARRAY_IDX(lines, i, const fpmp_conf_t *);

        last = gives_type(conf, fpmp_conf_word(action, 0)) ? conf : last;
    }
    return !last || last == action;
}

/* .php has a type of PHP's in this host, and no Action takes it. */
static void find_type_alone(fpmp_lint_t *lint, const fpmp_hand_host_t *host)
{
    const fpmp_conf_t *type = fpmp_lint_type(lint, host, host->root, "php");
    fpmp_hand_t *hand;

    if (!type || type->host != host->conf || lint->beside->mod_php ||
        strncasecmp(fpmp_conf_word(type, 0), "proxy:", 6) == 0 ||
        !fpmp_conf_is_php(fpmp_conf_word(type, 0))) {
        return;
    }
    hand = fpmp_lint_add(lint, host, type);
    hand->lines[FPMP_HAND_TYPE] = type;
    hand->type = fpmp_conf_word(type, 0);
}

static void find_in_host(fpmp_lint_t *lint, const fpmp_hand_host_t *host)
{
    int before = lint->hands->nelts, own, i;

    for (own = 0; own <= (host->conf ? 1 : 0); own++) {
        const apr_array_header_t *lines =
            fpmp_lint_own(lint, own ? host->conf : NULL, "Action");

        for (i = 0; i < lines->nelts; i++) {
            const fpmp_conf_t *action = APR_ARRAY_IDX(lines, i, const fpmp_conf_t *);

            if (action->words->nelts >= 2 && is_in_force(lint, host, action)) {
                find_action(lint, host, action);
            }
        }
    }
    fpmp_lint_proxies(lint, host);
    if (lint->hands->nelts == before) {
        find_type_alone(lint, host);
    }
}

/* ---- what one chain is for several hosts ------------------------------------------------
 */

static int is_inherited(const fpmp_hand_t *hand)
{
    int i;

    for (i = 0; i < FPMP_HAND_LINES; i++) {
        if (hand->lines[i] && hand->lines[i]->host) {
            return 0;
        }
    }
    return hand->host->conf != NULL;
}

static int shares_line(const fpmp_hand_t *a, const fpmp_hand_t *b)
{
    int i;

    for (i = 0; i < FPMP_HAND_LINES; i++) {
        if (a->lines[i] && a->lines[i] == b->lines[i]) {
            return 1;
        }
    }
    return 0;
}

static int is_whole(const fpmp_hand_t *hand)
{
    return hand->lines[FPMP_HAND_SERVER] || hand->lines[FPMP_HAND_PROXY];
}

/* A host that has the server's chain and nothing of its own joins it. What the server began
 * and hosts complete is theirs. */
static void join_hands(fpmp_lint_t *lint)
{
    apr_array_header_t *all = lint->hands;
    apr_array_header_t *kept = apr_array_make(lint->p, all->nelts, sizeof(fpmp_hand_t *));
    int servers = 0, i, k;

    while (servers < all->nelts &&
           !APR_ARRAY_IDX(all, servers, const fpmp_hand_t *)->host->conf) {
        servers++;
    }
    for (i = 0; i < all->nelts; i++) {
        fpmp_hand_t *hand = APR_ARRAY_IDX(all, i, fpmp_hand_t *);
        int drop = 0;

        for (k = 0; i < servers && !is_whole(hand) && k < all->nelts; k++) {
            const fpmp_hand_t *other = APR_ARRAY_IDX(all, k, const fpmp_hand_t *);

            drop |= k >= servers && !is_inherited(other) && shares_line(hand, other);
        }
        for (k = 0; i >= servers && is_inherited(hand) && k < servers; k++) {
            fpmp_hand_t *server = APR_ARRAY_IDX(all, k, fpmp_hand_t *);

            if (shares_line(hand, server)) {
                APR_ARRAY_PUSH(server->hosts, const fpmp_hand_host_t *) = hand->host;
                drop = 1;
            }
        }
        if (!drop) {
            APR_ARRAY_PUSH(kept, fpmp_hand_t *) = hand;
        }
    }
    lint->hands = kept;
}

static int claims_php(const fpmp_hand_t *hand)
{
    return hand->ext->nelts &&
           strcmp(APR_ARRAY_IDX(hand->ext, 0, const char *), "php") == 0;
}

/* ---- what must be looked at ------------------------------------------------------------
 */

static void ask(fpmp_lint_t *lint, const char *path)
{
    if (path && *path == '/') {
        apr_hash_set(lint->places, path, APR_HASH_KEY_STRING, path);
    }
}

/* A socket's directory, and all on the way to it. */
static void ask_way(fpmp_lint_t *lint, const char *socket)
{
    char *dir = apr_pstrdup(lint->p, socket), *slash;

    while ((slash = strrchr(dir, '/')) != NULL && slash != dir) {
        *slash = '\0';
        ask(lint, apr_pstrdup(lint->p, dir));
    }
    ask(lint, "/");
}

static void ask_places(fpmp_lint_t *lint)
{
    int i, k;

    lint->places = apr_hash_make(lint->p);
    for (i = 0; i < lint->hands->nelts; i++) {
        const fpmp_hand_t *hand = APR_ARRAY_IDX(lint->hands, i, const fpmp_hand_t *);

        ask(lint, hand->root);
        for (k = 0; k < hand->hosts->nelts; k++) {
            ask(lint, APR_ARRAY_IDX(hand->hosts, k, const fpmp_hand_host_t *)->root);
        }
        if (hand->url) {
            ask(lint, apr_pstrcat(lint->p, hand->host->root, hand->url, NULL));
            ask(lint, hand->file);
        }
        if (hand->address && *hand->address == '/') {
            ask_way(lint, hand->address);
        }
    }
}

void fpmp_lint_find(fpmp_lint_t *lint)
{
    int i, k;

    lint->hands = apr_array_make(lint->p, 16, sizeof(fpmp_hand_t *));
    fpmp_lint_index(lint);
    fpmp_lint_hosts(lint);
    for (i = 0; i < lint->hosts->nelts; i++) {
        const fpmp_hand_host_t *host =
            APR_ARRAY_IDX(lint->hosts, i, const fpmp_hand_host_t *);
        int first = lint->hands->nelts, php = lint->beside->mod_php != NULL;

        if (!host->ours) {
            find_in_host(lint, host);
        }
        for (k = first; k < lint->hands->nelts; k++) {
            php |= claims_php(APR_ARRAY_IDX(lint->hands, k, const fpmp_hand_t *));
        }
        for (k = first; k < lint->hands->nelts; k++) {
            APR_ARRAY_IDX(lint->hands, k, fpmp_hand_t *)->php_elsewhere = php;
        }
    }
    join_hands(lint);
    ask_places(lint);
}
