/* SPDX-License-Identifier: Apache-2.0
 *
 * Targets of mod_proxy that may be PHP-FPM: a Unix socket, or fcgi over TCP. Whoever
 * connects to a pool runs scripts as its user, so a target counts only if the server
 * configuration names it. Entry points: fpmp_target_read, fpmp_targets_has.
 */
#include "target.h"
#include "view.h"

#include <apr_fnmatch.h>

#include <string.h>
#include <strings.h>

#define BALANCER "balancer://"

/* httpd finds a balancer by its host alone (proxy_balancer_canon): "u@NAME:80" is NAME. */
static const char *balancer_host(apr_pool_t *p, const char *authority)
{
    const char *at = strrchr(authority, '@'), *host = at ? at + 1 : authority;

    return apr_pstrmemdup(p, host, strcspn(host, ":"));
}

/* "fcgi://NAME" of "fcgi://NAME/...", in lower case; NULL: another scheme. */
static const char *name_of(apr_pool_t *p, const char *url)
{
    static const char *const schemes[] = { "fcgi://", BALANCER };
    apr_size_t i;

    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        apr_size_t len = strlen(schemes[i]);

        if (strncasecmp(url, schemes[i], len) == 0) {
            const char *name = apr_pstrmemdup(p, url + len, strcspn(url + len, "/"));

            if (strcmp(schemes[i], BALANCER) == 0) {
                name = balancer_host(p, name);
            }
            return fpmp_lower(p, apr_pstrcat(p, schemes[i], name, NULL));
        }
    }
    return NULL;
}

int fpmp_target_read(apr_pool_t *p, const char *text, fpmp_target_t *out)
{
    const char *at = strncasecmp(text, "proxy:", 6) == 0 ? text + 6 : text;
    const char *bar = strncasecmp(at, "unix:", 5) == 0 ? strchr(at, '|') : NULL;

    out->socket = bar ? apr_pstrmemdup(p, at + 5, bar - at - 5) : NULL;
    out->name = name_of(p, bar ? bar + 1 : at);
    return out->socket != NULL || out->name != NULL;
}

const char *fpmp_target_host(apr_pool_t *p, const char *file, int line)
{
    return file ? apr_psprintf(p, "%s:%d", file, line) : "";
}

/* "${X}", "%{X}", "$1" and "%1" as a pattern: "*". What fnmatch itself would take for a
 * pattern is a "?" then. */
static const char *pattern_of(apr_pool_t *p, const char *text)
{
    char *out, *to;

    if (!text) {
        return NULL;
    }
    out = to = apr_palloc(p, strlen(text) + 1);
    while (*text) {
        if ((*text == '$' || *text == '%') && text[1]) {
            const char *close = text[1] == '{' ? strchr(text, '}') : text + 1;

            *to++ = '*';
            text = close ? close + 1 : text + strlen(text);
        }
        else {
            *to++ = strchr("*?[\\", *text) ? '?' : *text;
            text++;
        }
    }
    *to = '\0';
    return out;
}

static void add_target(fpmp_targets_t *targets, apr_pool_t *p, const fpmp_conf_t *conf,
                       const fpmp_target_t *target)
{
    const char *host =
        conf->host ? fpmp_target_host(p, conf->host->where.file, conf->host->where.line)
                   : "";
    apr_array_header_t *list = apr_hash_get(targets->by_host, host, APR_HASH_KEY_STRING);
    fpmp_target_t *add;

    if (!list) {
        list = apr_array_make(p, 2, sizeof(fpmp_target_t));
        apr_hash_set(targets->by_host, host, APR_HASH_KEY_STRING, list);
    }
    add = apr_array_push(list);
    add->socket = pattern_of(p, target->socket);
    add->name = pattern_of(p, target->name);
}

/* BalancerMember [balancer://NAME] fcgi://...: the name may be that of the section. */
static void note_balancer(fpmp_targets_t *targets, apr_pool_t *p, const fpmp_conf_t *conf,
                          const fpmp_target_t *target)
{
    const char *own = name_of(p, APR_ARRAY_IDX(conf->words, 0, const char *)), *name = own;

    if (strcasecmp(conf->name, "BalancerMember") != 0 || !target->name ||
        strncmp(target->name, "fcgi", 4) != 0) {
        return;
    }
    if ((!own || strncmp(own, BALANCER, strlen(BALANCER)) != 0) && conf->parent &&
        conf->parent->words->nelts) {
        name = name_of(p, APR_ARRAY_IDX(conf->parent->words, 0, const char *));
    }
    if (name) {
        apr_hash_set(targets->balancers, name, APR_HASH_KEY_STRING, name);
    }
}

/* The target in a word: all of it, or a flag of RewriteRule, [L,H=proxy:...]. */
static const char *target_in(apr_pool_t *p, const char *word)
{
    const char *at = *word == '[' ? strstr(word, "proxy:") : NULL;

    return at ? apr_pstrmemdup(p, at, strcspn(at, ",]")) : word;
}

fpmp_targets_t *fpmp_targets_find(apr_pool_t *p, const apr_array_header_t *conf)
{
    fpmp_targets_t *targets = apr_pcalloc(p, sizeof(*targets));
    int i, k;

    targets->by_host = apr_hash_make(p);
    targets->balancers = apr_hash_make(p);
    for (i = 0; i < conf->nelts; i++) {
        const fpmp_conf_t *at = APR_ARRAY_IDX(conf, i, const fpmp_conf_t *);

        for (k = 0; k < at->words->nelts; k++) {
            const char *word = APR_ARRAY_IDX(at->words, k, const char *);
            fpmp_target_t target;

            if (fpmp_target_read(p, target_in(p, word), &target)) {
                add_target(targets, p, at, &target);
                note_balancer(targets, p, at, &target);
            }
        }
    }
    return targets;
}

static int is_like(const char *pattern, const char *text)
{
    return pattern && text ? apr_fnmatch(pattern, text, 0) == APR_SUCCESS : pattern == text;
}

static int has(const fpmp_targets_t *targets, const char *host, const fpmp_target_t *target)
{
    const apr_array_header_t *list =
        apr_hash_get(targets->by_host, host, APR_HASH_KEY_STRING);
    int i;

    for (i = 0; list && i < list->nelts; i++) {
        const fpmp_target_t *at = &APR_ARRAY_IDX(list, i, fpmp_target_t);

        if (is_like(at->socket, target->socket) && is_like(at->name, target->name)) {
            return 1;
        }
    }
    return 0;
}

int fpmp_targets_fcgi(const fpmp_targets_t *targets, const fpmp_target_t *target)
{
    return target->name &&
           (strncmp(target->name, BALANCER, strlen(BALANCER)) != 0 ||
            apr_hash_get(targets->balancers, target->name, APR_HASH_KEY_STRING));
}

int fpmp_targets_has(const fpmp_targets_t *targets, const char *host, int inherited,
                     const fpmp_target_t *target)
{
    return has(targets, host, target) || (inherited && *host && has(targets, "", target));
}
