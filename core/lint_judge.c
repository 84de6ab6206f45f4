/* SPDX-License-Identifier: Apache-2.0
 *
 * The links of a chain written by hand, in its order, up to the pool. One rule, one
 * function, one row of the table; the first that speaks is the broken link. What only the
 * pool can have wrong stands in lint_judge_pool.c. Entry point: fpmp_lint_judge.
 */
#include "lint_judge.h"

#include <string.h>
#include <strings.h>

#define SHOWN_BYTES 60

const char *fpmp_lint_at(const fpmp_trial_t *trial, const fpmp_conf_t *conf)
{
    return apr_psprintf(trial->p, "%s:%d", conf->where.file, conf->where.line);
}

/* Paths differ at their ends. */
const char *fpmp_lint_shown(const fpmp_trial_t *trial, const char *text)
{
    apr_size_t len = strlen(text);

    return *text != '/' || len <= SHOWN_BYTES
               ? fpmp_text_shown(trial->p, text, SHOWN_BYTES)
               : apr_pstrcat(
                     trial->p, "...",
                     fpmp_text_shown(trial->p, text + len - SHOWN_BYTES, SHOWN_BYTES),
                     NULL);
}

const fpmp_place_t *fpmp_lint_place(const fpmp_trial_t *trial, const char *path)
{
    const fpmp_place_t *place =
        apr_hash_get(trial->lint->places, path, APR_HASH_KEY_STRING);

    return place && place->node.lookup == FPMP_LOOKUP_FOUND ? place : NULL;
}

static const char *first_ext(const fpmp_hand_t *hand)
{
    return hand->ext->nelts ? APR_ARRAY_IDX(hand->ext, 0, const char *) : "php";
}

/* ---- extension, type, URL -------------------------------------------------------------
 */

static const char *see_unread(fpmp_trial_t *trial)
{
    trial->mend = "look at the links behind it yourself";
    return trial->hand->unread;
}

static const char *see_type(fpmp_trial_t *trial)
{
    const fpmp_hand_t *hand = trial->hand;
    const fpmp_conf_t *other;

    if (hand->lines[FPMP_HAND_PROXY] ||
        (hand->lines[FPMP_HAND_ACTION] && hand->ext->nelts)) {
        return NULL;
    }
    if (!hand->lines[FPMP_HAND_ACTION]) {
        trial->mend = apr_psprintf(
            trial->p, "write 'Action %s URL', or httpd sends the source of PHP",
            fpmp_lint_shown(trial, hand->type));
        return apr_psprintf(trial->p, "'%s' is the type of .php, but no Action names it",
                            fpmp_lint_shown(trial, hand->type));
    }
    other = fpmp_lint_type(trial->lint, hand->host, hand->root, "php");
    trial->mend = "write the same type in both, or httpd sends the source of PHP";
    return other
               ? apr_psprintf(trial->p,
                              "Action is for type '%s', but .php has type '%s' by %s at %s",
                              fpmp_lint_shown(trial, hand->type),
                              fpmp_lint_shown(trial, fpmp_conf_word(other, 0)), other->name,
                              fpmp_lint_at(trial, other))
               : apr_psprintf(trial->p,
                              "Action is for type '%s', which no AddType gives to any "
                              "extension",
                              fpmp_lint_shown(trial, hand->type));
}

/* Which words say what a line of mod_proxy takes: a section around it, or its own pattern.
 */
static const char *pattern_of(const fpmp_trial_t *trial)
{
    const fpmp_conf_t *at;

    for (at = trial->conf->parent; at; at = at->parent) {
        if (strncasecmp(at->name, "<Files", 6) == 0) {
            return apr_psprintf(trial->p, "%s %s>", at->name, at->args);
        }
    }
    return fpmp_conf_word(trial->conf, 0);
}

static const char *see_extension(fpmp_trial_t *trial)
{
    const fpmp_hand_t *hand = trial->hand;

    if (hand->php_elsewhere) {
        return NULL;
    }
    trial->mend = "name .php there, or httpd sends the source of PHP";
    return hand->ext->nelts
               ? apr_psprintf(trial->p, "%s claims .%s, and nothing claims .php",
                              trial->conf->name, fpmp_lint_shown(trial, first_ext(hand)))
               : apr_psprintf(trial->p, "%s is for '%s', which takes no .php file",
                              trial->conf->name, fpmp_lint_shown(trial, pattern_of(trial)));
}

static const char *see_all(fpmp_trial_t *trial)
{
    trial->mend = "put it into a <FilesMatch for .php: PHP-FPM refuses other names";
    return trial->hand->takes_all
               ? apr_psprintf(trial->p, "%s sends pictures and pages to PHP-FPM too",
                              trial->conf->name)
               : NULL;
}

static const char *see_alias(fpmp_trial_t *trial)
{
    const fpmp_hand_t *hand = trial->hand;
    const apr_array_header_t *lines = fpmp_lint_own(trial->lint, hand->host->conf, "Alias");
    const fpmp_conf_t *near = NULL;
    int i;

    if (!hand->url || hand->lines[FPMP_HAND_ALIAS] || hand->lines[FPMP_HAND_SERVER]) {
        return NULL;
    }
    for (i = 0; i < lines->nelts && !near; i++) {
        const fpmp_conf_t *alias = APR_ARRAY_IDX(lines, i, const fpmp_conf_t *);

        near = fpmp_lint_server(trial->lint,
                                fpmp_lint_path(trial->lint, fpmp_conf_word(alias, 1)), NULL)
                   ? alias
                   : NULL;
    }
    trial->mend = "write the same URL in both";
    return near
               ? apr_psprintf(trial->p, "Action leads to '%s', but Alias is for '%s' at %s",
                              fpmp_lint_shown(trial, hand->url),
                              fpmp_lint_shown(trial, fpmp_conf_word(near, 0)),
                              fpmp_lint_at(trial, near))
               : apr_psprintf(trial->p, "Action leads to '%s', which no Alias names",
                              fpmp_lint_shown(trial, hand->url));
}

static const char *see_url_file(fpmp_trial_t *trial)
{
    const char *path = trial->hand->url ? apr_pstrcat(trial->p, trial->hand->host->root,
                                                      trial->hand->url, NULL)
                                        : "";

    trial->mend = "choose a URL that no file has";
    return trial->hand->lines[FPMP_HAND_ALIAS] && fpmp_lint_place(trial, path)
               ? apr_psprintf(trial->p, "Action's URL '%s' is that of a file: '%s' exists",
                              fpmp_lint_shown(trial, trial->hand->url),
                              fpmp_lint_shown(trial, path))
               : NULL;
}

/* ---- file, socket ---------------------------------------------------------------------
 */

static const char *see_server(fpmp_trial_t *trial)
{
    const fpmp_hand_t *hand = trial->hand;

    if (!hand->url || (hand->lines[FPMP_HAND_SERVER] && hand->address)) {
        return NULL;
    }
    if (hand->lines[FPMP_HAND_SERVER]) {
        trial->conf = hand->lines[FPMP_HAND_SERVER];
        trial->mend = "write '-socket PATH' behind it";
        return apr_psprintf(trial->p, "FastCgiExternalServer '%s' names no socket",
                            fpmp_lint_shown(trial, hand->file));
    }
    trial->conf = hand->lines[FPMP_HAND_ALIAS];
    trial->mend = "write the same file in both";
    return apr_psprintf(trial->p,
                        "Alias leads to '%s', which no FastCgiExternalServer names",
                        fpmp_lint_shown(trial, hand->file));
}

static const char *see_server_twice(fpmp_trial_t *trial)
{
    const fpmp_conf_t *server = trial->hand->lines[FPMP_HAND_SERVER];
    const fpmp_conf_t *twin =
        server ? fpmp_lint_server(trial->lint, trial->hand->file, server) : NULL;

    trial->conf = server;
    trial->mend = "choose a name of its own for each user";
    return twin ? apr_psprintf(
                      trial->p, "FastCgiExternalServer '%s' is given twice, here and at %s",
                      fpmp_lint_shown(trial, trial->hand->file), fpmp_lint_at(trial, twin))
                : NULL;
}

static const char *see_name_file(fpmp_trial_t *trial)
{
    const char *file = trial->hand->lines[FPMP_HAND_SERVER] ? trial->hand->file : "";

    trial->conf = trial->hand->lines[FPMP_HAND_SERVER];
    trial->mend = "choose a name that no file has";
    return fpmp_lint_place(trial, file)
               ? apr_psprintf(trial->p,
                              "FastCgiExternalServer is to be a name only, but '%s' exists",
                              fpmp_lint_shown(trial, file))
               : NULL;
}

/* ProxyPassMatch names the directory once more, and nothing compares the two. */
static const char *see_proxy_path(fpmp_trial_t *trial)
{
    const fpmp_hand_t *hand = trial->hand;
    const char *dir = hand->lines[FPMP_HAND_PROXY] ? hand->file : NULL;
    apr_size_t len = dir ? strcspn(dir, "$") : 0;

    while (len > 1 && dir[len - 1] == '/') {
        len--;
    }
    if (len <= 1 || (strncmp(dir, hand->root, len) == 0 && hand->root[len] == '\0')) {
        return NULL;
    }
    trial->mend = "write the document root there, or PHP-FPM answers 'File not found.'";
    return apr_psprintf(trial->p, "%s sends files of '%s', the document root is '%s'",
                        trial->conf->name,
                        fpmp_lint_shown(trial, apr_pstrmemdup(trial->p, dir, len)),
                        fpmp_lint_shown(trial, hand->root));
}

static const char *see_worker(fpmp_trial_t *trial)
{
    const fpmp_conf_t *worker = fpmp_proxy_worker(trial->lint, trial->hand);

    trial->mend = "choose another name behind 'fcgi://' for each socket";
    return worker
               ? apr_psprintf(trial->p,
                              "'%s' is the name of %s at %s too, so mod_proxy goes to the "
                              "socket that stands there",
                              fpmp_proxy_name(trial->p, trial->conf), worker->name,
                              fpmp_lint_at(trial, worker))
               : NULL;
}

static const fpmp_opaque_t *any_opaque(const fpmp_lint_t *lint)
{
    int i;

    for (i = 0; i < lint->masters->nelts; i++) {
        const fpmp_view_t *view =
            APR_ARRAY_IDX(lint->masters, i, const fpmp_lint_master_t).view;

        if (view->opaque->nelts) {
            return &APR_ARRAY_IDX(view->opaque, 0, const fpmp_opaque_t);
        }
    }
    return NULL;
}

static const char *see_opaque(fpmp_trial_t *trial)
{
    const fpmp_opaque_t *opaque = trial->hand->pool ? NULL : any_opaque(trial->lint);
    const char *address = trial->hand->address ? trial->hand->address : "";

    if (!opaque) {
        return NULL;
    }
    trial->mend = opaque->line ? "look there yourself" : "run this command as root";
    return apr_psprintf(
        trial->p, "a pool that listens on '%s' may stand in '%s'%s: %s",
        fpmp_lint_shown(trial, address), opaque->file,
        opaque->line ? apr_psprintf(trial->p, " from line %d on, which is not understood",
                                    opaque->line)
                     : ", which could not be read",
        opaque->why);
}

static const char *see_pool(fpmp_trial_t *trial)
{
    trial->mend = trial->lint->masters->nelts
                      ? "write the same socket here and in the pool's listen"
                      : "name it with FPMMaster";
    return trial->hand->pool ? NULL
           : trial->lint->masters->nelts
               ? apr_psprintf(trial->p, "no pool of PHP-FPM listens on '%s'",
                              fpmp_lint_shown(trial, trial->hand->address))
               : "no PHP-FPM was found on this machine";
}

static const struct {
    const char *code;
    fpmp_link_e link;
    fpmp_weight_e weight;
    const char *(*see)(fpmp_trial_t *trial);
} rules[] = {
    { "FPMP0136", FPMP_LINK_HANDLER, FPMP_UNKNOWN, see_unread },
    { "FPMP0120", FPMP_LINK_EXTENSION, FPMP_BROKEN, see_type },
    { "FPMP0121", FPMP_LINK_EXTENSION, FPMP_BROKEN, see_extension },
    { "FPMP0122", FPMP_LINK_EXTENSION, FPMP_BROKEN, see_all },
    { "FPMP0123", FPMP_LINK_HANDLER, FPMP_BROKEN, see_alias },
    { "FPMP0124", FPMP_LINK_HANDLER, FPMP_BROKEN, see_url_file },
    { "FPMP0125", FPMP_LINK_HANDLER, FPMP_BROKEN, see_server },
    { "FPMP0126", FPMP_LINK_HANDLER, FPMP_BROKEN, see_server_twice },
    { "FPMP0127", FPMP_LINK_HANDLER, FPMP_BROKEN, see_name_file },
    { "FPMP0128", FPMP_LINK_HANDLER, FPMP_BROKEN, see_proxy_path },
    { "FPMP0140", FPMP_LINK_SOCKET, FPMP_BROKEN, see_worker },
    { "FPMP0137", FPMP_LINK_SOCKET, FPMP_UNKNOWN, see_opaque },
    { "FPMP0129", FPMP_LINK_SOCKET, FPMP_BROKEN, see_pool },
};

void fpmp_lint_say(fpmp_trial_t *trial, const char *code, fpmp_link_e link,
                   fpmp_weight_e weight, const char *seen)
{
    const fpmp_conf_t *conf = trial->conf ? trial->conf : fpmp_hand_entry(trial->hand);

    trial->hand->broken = fpmp_finding_add(trial->plan->findings, code, link, weight,
                                           conf->where, seen, trial->mend);
}

static void judge(fpmp_trial_t *trial)
{
    const fpmp_conf_t *const *lines = trial->hand->lines;
    apr_size_t i;

    /* A name given twice is one fault, whichever chains lead to it. */
    if (lines[FPMP_HAND_SERVER]) {
        trial->hand->broken =
            apr_hash_get(trial->twins, &lines[FPMP_HAND_SERVER], sizeof(lines[0]));
    }
    if (trial->hand->broken) {
        return;
    }
    for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const char *seen;

        /* A rule may choose another line to blame. */
        trial->conf = rules[i].see == see_pool || rules[i].see == see_opaque
                          ? lines[FPMP_HAND_SERVER]
                          : lines[FPMP_HAND_ACTION];
        trial->conf = trial->conf ? trial->conf : fpmp_hand_entry(trial->hand);
        seen = rules[i].see(trial);
        if (seen) {
            fpmp_lint_say(trial, rules[i].code, rules[i].link, rules[i].weight, seen);
            if (rules[i].see == see_server_twice) {
                apr_hash_set(trial->twins, &lines[FPMP_HAND_SERVER], sizeof(lines[0]),
                             trial->hand->broken);
            }
            return;
        }
    }
    fpmp_lint_judge_pool(trial);
}

void fpmp_lint_judge(fpmp_plan_t *plan, fpmp_lint_t *lint)
{
    apr_hash_t *twins = apr_hash_make(plan->pool);
    int i;

    for (i = 0; i < lint->hands->nelts; i++) {
        fpmp_trial_t trial = { .p = plan->pool,
                               .plan = plan,
                               .lint = lint,
                               .twins = twins,
                               .hand = APR_ARRAY_IDX(lint->hands, i, fpmp_hand_t *) };

        judge(&trial);
    }
}
