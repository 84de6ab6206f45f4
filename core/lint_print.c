/* SPDX-License-Identifier: Apache-2.0
 *
 * What the lint found, chain by chain: its lines, its state, the FPMUser line that does the
 * same, and what that line replaces. Entry point: fpmp_lint_text.
 */
#include "lint.h"
#include "lint_find.h"

#include <string.h>
#include <strings.h>

#define ROW "  %-22s %s\n"

static void put(apr_array_header_t *out, const char *head, const char *text)
{
    APR_ARRAY_PUSH(out, const char *) = apr_psprintf(out->pool, ROW, head, text);
}

static const char *place(apr_pool_t *p, const fpmp_conf_t *conf)
{
    return apr_psprintf(p, "%s:%d", conf->where.file, conf->where.line);
}

static const char *line_text(apr_pool_t *p, const fpmp_conf_t *conf)
{
    return apr_psprintf(p, "%s (%s)", fpmp_text_shown(p, conf->args, 200), place(p, conf));
}

static const char *hosts_text(apr_pool_t *p, const fpmp_hand_t *hand)
{
    const char *text = *hand->root
                           ? apr_psprintf(p, "%s, %s", hand->host->name, hand->root)
                           : hand->host->name;

    return hand->hosts->nelts ? apr_psprintf(p, "%s, and %d more that inherit it", text,
                                             hand->hosts->nelts)
                              : text;
}

/* ---- what goes ------------------------------------------------------------------------
 */

static int is_of_chain(const fpmp_hand_t *hand, const fpmp_conf_t *conf)
{
    int i;

    for (i = 0; i < FPMP_HAND_LINES; i++) {
        if (hand->lines[i] == conf) {
            return 1;
        }
    }
    return 0;
}

static int is_in(const fpmp_conf_t *conf, const fpmp_conf_t *section)
{
    for (; conf && conf != section; conf = conf->parent) {
    }
    return conf != NULL;
}

/* The outermost section around a line of the chain that holds nothing else. */
static const fpmp_conf_t *whole_section(const fpmp_lint_t *lint, const fpmp_hand_t *hand,
                                        const fpmp_conf_t *line)
{
    const apr_array_header_t *all = fpmp_lint_all_of(lint, line->host);
    const fpmp_conf_t *best = line, *at;
    int i;

    for (at = line->parent;
         at && at != line->host && strcasecmp(at->name, "<Directory") != 0;
         at = at->parent) {
        for (i = 0; i < all->nelts; i++) {
            const fpmp_conf_t *other = APR_ARRAY_IDX(all, i, const fpmp_conf_t *);

            if (*other->name != '<' && is_in(other, at) && !is_of_chain(hand, other)) {
                return best;
            }
        }
        best = at;
    }
    return best;
}

static void put_removed(apr_array_header_t *out, const char *text)
{
    put(out, "instead of", text);
}

static const char *section_text(apr_pool_t *p, const fpmp_conf_t *conf)
{
    return *conf->name == '<' ? apr_psprintf(p, "%s %s %s>, all of it", place(p, conf),
                                             conf->name, conf->args)
                              : apr_psprintf(p, "%s %s", place(p, conf), conf->name);
}

/* Sections that are about this chain only: <Location URL>, <Proxy TARGET>. */
static void put_sections(const fpmp_lint_t *lint, const fpmp_hand_t *hand,
                         apr_array_header_t *out)
{
    const fpmp_conf_t *proxy = hand->lines[FPMP_HAND_PROXY];
    const char *target = proxy ? fpmp_conf_word(proxy, 0) : hand->url;
    const apr_array_header_t *sections =
        fpmp_lint_own(lint, hand->host->conf, proxy ? "<Proxy" : "<Location");
    int i;

    target = target && strncmp(target, "proxy:", 6) == 0 ? target + 6 : target;
    for (i = 0; target && i < sections->nelts; i++) {
        const fpmp_conf_t *at = APR_ARRAY_IDX(sections, i, const fpmp_conf_t *);

        if (strcmp(fpmp_conf_word(at, 0), target) == 0) {
            put_removed(out, section_text(out->pool, at));
        }
    }
}

/* A pool file with one section goes as a whole. */
static const char *pool_text(apr_pool_t *p, const fpmp_lint_t *lint,
                             const fpmp_hand_t *hand)
{
    const char *alone = apr_hash_get(lint->alone, hand->pool->file, APR_HASH_KEY_STRING);

    return apr_psprintf(p, "%s, %s [%s]", hand->pool->file,
                        alone && *alone ? "the whole file:" : "the section",
                        hand->pool->name);
}

static void put_replaced(const fpmp_lint_t *lint, const fpmp_hand_t *hand,
                         apr_array_header_t *out)
{
    apr_pool_t *p = out->pool;
    int i;

    put(out, "write", hand->text);
    for (i = 0; i < FPMP_HAND_LINES; i++) {
        if (hand->lines[i]) {
            put_removed(out, section_text(p, whole_section(lint, hand, hand->lines[i])));
        }
    }
    put_sections(lint, hand, out);
    put_removed(out, pool_text(p, lint, hand));
    for (i = 0; i < hand->lost->nelts; i++) {
        put(out, "would change", APR_ARRAY_IDX(hand->lost, i, const char *));
    }
}

/* ---- one chain ------------------------------------------------------------------------
 */

static void put_chain(const fpmp_lint_t *lint, const fpmp_hand_t *hand,
                      apr_array_header_t *out)
{
    apr_pool_t *p = out->pool;
    int i;

    APR_ARRAY_PUSH(out, const char *) = apr_psprintf(p, "%s\n", hosts_text(p, hand));
    for (i = 0; i < FPMP_HAND_LINES; i++) {
        if (hand->lines[i]) {
            put(out, hand->lines[i]->name, line_text(p, hand->lines[i]));
        }
    }
    if (hand->pool) {
        put(out, "pool",
            apr_psprintf(p, "[%s] of master %s (%s:%d)", hand->pool->name,
                         hand->master->name, hand->pool->file, hand->pool->line));
    }
    put(out, "state",
        hand->broken ? fpmp_finding_text(p, hand->broken) : "every link holds");
    if (hand->text) {
        put_replaced(lint, hand, out);
    }
    else if (hand->why_not) {
        put(out, "no FPMUser line", hand->why_not);
    }
}

const char *fpmp_lint_text(const fpmp_lint_t *lint)
{
    apr_array_header_t *out = apr_array_make(lint->p, 64, sizeof(const char *));
    int i;

    for (i = 0; i < lint->hands->nelts; i++) {
        put_chain(lint, APR_ARRAY_IDX(lint->hands, i, const fpmp_hand_t *), out);
    }
    return lint->hands->nelts ? apr_array_pstrcat(lint->p, out, 0)
                              : "there is no chain written by hand\n";
}
