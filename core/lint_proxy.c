/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds the chains that mod_proxy_fcgi makes: SetHandler "proxy:...", ProxyPass and
 * ProxyPassMatch whose target is fcgi. Entry point: fpmp_lint_proxies.
 */
#include "lint_find.h"

#include <string.h>
#include <strings.h>

#define FCGI "fcgi://"
#define FCGI_PORT "8000" /* mod_proxy's, where the URL has none */

/* ---- the target -----------------------------------------------------------------------
 */

static const char *name_of(apr_pool_t *p, const char *target)
{
    fpmp_target_t read;

    fpmp_target_read(p, target, &read);
    return read.name && strncmp(read.name, FCGI, strlen(FCGI)) == 0 ? read.name : NULL;
}

/* unix:PATH|fcgi://NAME/DIR, or fcgi://HOST:PORT/DIR */
static void read_target(const fpmp_lint_t *lint, fpmp_hand_t *hand, const char *target)
{
    const char *name = name_of(lint->p, target), *host, *url;
    fpmp_target_t read;

    if (!name) {
        hand->unread = apr_psprintf(lint->p, "what '%s' leads to is not followed",
                                    fpmp_value_shown(lint->p, target));
        return;
    }
    fpmp_target_read(lint->p, target, &read);
    host = name + strlen(FCGI);
    url = read.socket ? strchr(target, '|') + 1 : target;
    hand->file = strchr(url + strlen(FCGI), '/');
    hand->address = read.socket ? read.socket
                    : strrchr(host, ':') > strrchr(host, ']')
                        ? host
                        : apr_pstrcat(lint->p, host, ":" FCGI_PORT, NULL);
    if (read.socket && *read.socket != '/') {
        hand->unread = "its socket is relative to httpd's runtime directory";
    }
}

/* ---- which files ----------------------------------------------------------------------
 */

/* The plain <Location around a line, as httpd compares it; NULL: none. */
static const char *base_of(const fpmp_conf_t *conf)
{
    const fpmp_conf_t *at;

    for (at = conf->parent; at; at = at->parent) {
        const char *url = fpmp_conf_word(at, 0);

        if (strcasecmp(at->name, "<Location") == 0 && *url == '/' && url[1] &&
            !strpbrk(url, "*?[")) {
            return url;
        }
    }
    return NULL;
}

typedef enum { BY_SECTION, BY_PREFIX, BY_PATTERN } by_e;

static int takes(const fpmp_lint_t *lint, const fpmp_hand_t *hand, by_e by, const char *ext)
{
    const fpmp_conf_t *conf = hand->lines[FPMP_HAND_PROXY];
    fpmp_claim_t claim = fpmp_lint_claim(lint, hand->root, conf, ext);
    const char *first = fpmp_conf_word(conf, 0);

    claim.base = base_of(conf);
    if (!fpmp_claim_reaches(&claim)) {
        return 0;
    }
    if (by == BY_SECTION || conf->words->nelts < 2 || *first == 'u' || *first == 'f') {
        return 1;
    }
    if (by == BY_PREFIX) {
        claim.base = NULL;
        return fpmp_claim_prefix(&claim, first);
    }
    return fpmp_claim_matches(&claim, first, fpmp_claim_url(&claim));
}

/* A <LocationMatch that names files by their extension, though none of those tried. */
static int is_pattern_around(const fpmp_conf_t *conf)
{
    const fpmp_conf_t *at;

    for (at = conf->parent; at; at = at->parent) {
        if (strcasecmp(at->name, "<LocationMatch") == 0 &&
            strstr(fpmp_conf_word(at, 0), "\\.")) {
            return 1;
        }
    }
    return 0;
}

/* Does the line itself mean certain files, so that to reach none of PHP's is a slip? */
static int means_files(const fpmp_conf_t *conf, by_e by)
{
    const fpmp_conf_t *at;

    if (by == BY_PATTERN && strstr(fpmp_conf_word(conf, 0), "\\.")) {
        return 1;
    }
    for (at = conf->parent; at; at = at->parent) {
        if (strncasecmp(at->name, "<Files", 6) == 0) {
            return 1;
        }
    }
    return 0;
}

static void find_one(fpmp_lint_t *lint, const fpmp_hand_host_t *host,
                     const fpmp_conf_t *conf, by_e by, const char *target)
{
    fpmp_hand_t *hand = fpmp_lint_add(lint, host, conf);
    int i;

    hand->lines[FPMP_HAND_PROXY] = conf;
    for (i = 0; i < lint->extensions->nelts; i++) {
        const char *ext = APR_ARRAY_IDX(lint->extensions, i, const char *);

        if (takes(lint, hand, by, ext)) {
            APR_ARRAY_PUSH(hand->ext, const char *) = ext;
        }
    }
    hand->takes_all = takes(lint, hand, by, "html");
    if (hand->takes_all) {
        hand->ext->nelts = 0;
        APR_ARRAY_PUSH(hand->ext, const char *) = "php";
    }
    if ((hand->ext->nelts == 0 && !means_files(conf, by) && !is_pattern_around(conf)) ||
        (hand->takes_all && by == BY_SECTION && base_of(conf))) {
        apr_array_pop(lint->hands); /* a status page, or an application that is not PHP */
        return;
    }
    read_target(lint, hand, target);
    hand->file = by == BY_SECTION || !hand->file ? NULL : hand->file;
    hand->timeout_sec = fpmp_lint_seconds(conf, "timeout");
    if (hand->ext->nelts == 0 && is_pattern_around(conf)) {
        hand->unread = "which files the <LocationMatch around it takes is not followed";
    }
}

/* ---- one host -------------------------------------------------------------------------
 */

/* <Proxy "TARGET"> with a ProxySet in it; the same target is the same worker. */
static void add_timeout(const fpmp_lint_t *lint, fpmp_hand_t *hand, const char *target)
{
    int own, i;

    for (own = 0; own <= 1; own++) {
        const fpmp_conf_t *of = own ? hand->host->conf : NULL;
        const apr_array_header_t *sets = fpmp_lint_own(lint, of, "ProxySet");
        const apr_array_header_t *all = fpmp_lint_own(lint, of, "ProxyTimeout");

        if (all->nelts && !hand->timeout_sec) {
            hand->timeout_sec = (int)apr_atoi64(
                fpmp_conf_word(APR_ARRAY_IDX(all, all->nelts - 1, const fpmp_conf_t *), 0));
        }
        for (i = 0; i < sets->nelts; i++) {
            const fpmp_conf_t *set = APR_ARRAY_IDX(sets, i, const fpmp_conf_t *);
            int seconds = fpmp_lint_seconds(set, "timeout");

            if (seconds && set->parent && strcasecmp(set->parent->name, "<Proxy") == 0 &&
                strncmp(fpmp_conf_word(set->parent, 0), target, strlen(target)) == 0) {
                hand->timeout_sec = seconds;
            }
        }
    }
}

/* Of SetHandler TARGET, ProxyPass [URL] TARGET, ProxyPassMatch and <Proxy TARGET; "":
 * another directive. */
static const char *target_of(const fpmp_conf_t *conf)
{
    const char *first = fpmp_conf_word(conf, 0);

    if (strcasecmp(conf->name, "<Proxy") == 0 ||
        strcasecmp(conf->name, "SetHandler") == 0) {
        return first;
    }
    if (strcasecmp(conf->name, "ProxyPass") != 0 &&
        strcasecmp(conf->name, "ProxyPassMatch") != 0) {
        return "";
    }
    return strncmp(first, "unix:", 5) == 0 || strncmp(first, "fcgi:", 5) == 0
               ? first
               : fpmp_conf_word(conf, 1);
}

const char *fpmp_proxy_name(apr_pool_t *p, const fpmp_conf_t *conf)
{
    return name_of(p, target_of(conf));
}

/* The socket or HOST:PORT of a target. */
static int leads_to(const fpmp_lint_t *lint, const char *target, const char *address)
{
    fpmp_hand_t other = { 0 };

    read_target(lint, &other, target);
    return other.address && strcmp(other.address, address) == 0;
}

const fpmp_conf_t *fpmp_proxy_worker(const fpmp_lint_t *lint, const fpmp_hand_t *hand)
{
    const fpmp_conf_t *conf = hand->lines[FPMP_HAND_PROXY];
    const char *mine, *name;
    int own, i;

    if (!conf || !hand->address) {
        return NULL;
    }
    mine = fpmp_proxy_name(lint->p, conf);
    for (own = 0; own <= (hand->host->conf ? 1 : 0); own++) {
        const apr_array_header_t *all =
            fpmp_lint_all_of(lint, own ? hand->host->conf : NULL);

        for (i = 0; i < all->nelts; i++) {
            const fpmp_conf_t *at = APR_ARRAY_IDX(all, i, const fpmp_conf_t *);
            int makes = strcasecmp(at->name, "SetHandler") != 0;

            name = makes ? fpmp_proxy_name(lint->p, at) : NULL;
            if (name && mine && strcmp(name, mine) == 0) {
                return leads_to(lint, target_of(at), hand->address) ? NULL : at;
            }
        }
    }
    return NULL;
}

static void find_kind(fpmp_lint_t *lint, const fpmp_hand_host_t *host, const char *name,
                      by_e by)
{
    int own, i;

    for (own = 0; own <= (host->conf ? 1 : 0); own++) {
        const apr_array_header_t *lines =
            fpmp_lint_own(lint, own ? host->conf : NULL, name);

        for (i = 0; i < lines->nelts; i++) {
            const fpmp_conf_t *conf = APR_ARRAY_IDX(lines, i, const fpmp_conf_t *);
            const char *first = fpmp_conf_word(conf, 0), *target = first;
            int before = lint->hands->nelts;

            if (by == BY_SECTION) {
                target = strncasecmp(first, "proxy:", 6) == 0 ? first + 6 : "";
            }
            else {
                target = target_of(conf);
            }
            if (name_of(lint->p, target) ||
                (by == BY_SECTION && strncmp(target, "balancer:", 9) == 0)) {
                find_one(lint, host, conf, by, target);
            }
            if (lint->hands->nelts > before) {
                add_timeout(lint, APR_ARRAY_IDX(lint->hands, before, fpmp_hand_t *),
                            target);
            }
        }
    }
}

/* A SetHandler that another one of the same host overrides for each of its extensions. */
static int is_overridden(const fpmp_lint_t *lint, const fpmp_hand_t *hand)
{
    const fpmp_conf_t *conf = hand->lines[FPMP_HAND_PROXY];
    int i, kept = 0;

    if (!conf || strcasecmp(conf->name, "SetHandler") != 0 || base_of(conf) ||
        hand->ext->nelts == 0) {
        return 0;
    }
    for (i = 0; i < hand->ext->nelts; i++) {
        const char *ext = APR_ARRAY_IDX(hand->ext, i, const char *);

        if (fpmp_lint_type(lint, hand->host, hand->root, ext) == conf) {
            APR_ARRAY_IDX(hand->ext, kept++, const char *) = ext;
        }
    }
    hand->ext->nelts = kept;
    return kept == 0;
}

void fpmp_lint_proxies(fpmp_lint_t *lint, const fpmp_hand_host_t *host)
{
    int before = lint->hands->nelts, i, kept = before;

    find_kind(lint, host, "SetHandler", BY_SECTION);
    find_kind(lint, host, "ProxyPass", BY_PREFIX);
    find_kind(lint, host, "ProxyPassMatch", BY_PATTERN);
    for (i = before; i < lint->hands->nelts; i++) {
        fpmp_hand_t *hand = APR_ARRAY_IDX(lint->hands, i, fpmp_hand_t *);

        if (!is_overridden(lint, hand)) {
            APR_ARRAY_IDX(lint->hands, kept++, fpmp_hand_t *) = hand;
        }
    }
    lint->hands->nelts = kept;
}
