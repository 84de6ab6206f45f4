/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd's directives by host and name, and the hosts, for lint_find.c and its steps.
 */
#include "lint_find.h"

#include <string.h>
#include <strings.h>

/* ---- directives by host and name ---------------------------------------------------- */

static const char *index_key(apr_pool_t *p, const fpmp_conf_t *host, const char *name)
{
    return apr_psprintf(p, "%pp %s", (const void *)host, fpmp_lower(p, name));
}

static void add_to(apr_pool_t *p, apr_hash_t *hash, const char *key,
                   const fpmp_conf_t *conf)
{
    apr_array_header_t *list = apr_hash_get(hash, key, APR_HASH_KEY_STRING);

    if (!list) {
        list = apr_array_make(p, 2, sizeof(const fpmp_conf_t *));
        apr_hash_set(hash, key, APR_HASH_KEY_STRING, list);
    }
    APR_ARRAY_PUSH(list, const fpmp_conf_t *) = conf;
}

const apr_array_header_t *fpmp_lint_own(const fpmp_lint_t *lint, const fpmp_conf_t *host,
                                        const char *name)
{
    const apr_array_header_t *list =
        apr_hash_get(lint->index, index_key(lint->p, host, name), APR_HASH_KEY_STRING);

    return list ? list : apr_array_make(lint->p, 0, sizeof(const fpmp_conf_t *));
}

const apr_array_header_t *fpmp_lint_all_of(const fpmp_lint_t *lint, const fpmp_conf_t *host)
{
    return fpmp_lint_own(lint, host, "");
}

/* Also: the extensions that are named anywhere. */
void fpmp_lint_index(fpmp_lint_t *lint)
{
    static const char *const usual[] = { "php",  "phtml", "phar", "php3",
                                         "php4", "php5",  "php7", "php8" };
    const apr_array_header_t *conf = lint->beside->conf;
    apr_hash_t *known = apr_hash_make(lint->p);
    apr_size_t k;
    int i, w;

    lint->index = apr_hash_make(lint->p);
    lint->servers = apr_hash_make(lint->p);
    lint->answers = apr_hash_make(lint->p);
    lint->extensions = apr_array_make(lint->p, 16, sizeof(const char *));
    for (k = 0; k < sizeof(usual) / sizeof(usual[0]); k++) {
        APR_ARRAY_PUSH(lint->extensions, const char *) = usual[k];
        apr_hash_set(known, usual[k], APR_HASH_KEY_STRING, usual[k]);
    }
    for (i = 0; i < conf->nelts; i++) {
        const fpmp_conf_t *at = APR_ARRAY_IDX(conf, i, const fpmp_conf_t *);
        int maps =
            strcasecmp(at->name, "AddType") == 0 || strcasecmp(at->name, "AddHandler") == 0;

        add_to(lint->p, lint->index, index_key(lint->p, at->host, at->name), at);
        add_to(lint->p, lint->index, index_key(lint->p, at->host, ""), at);
        if (strcasecmp(at->name, "FastCgiExternalServer") == 0) {
            add_to(lint->p, lint->servers, fpmp_lint_path(lint, fpmp_conf_word(at, 0)), at);
        }
        for (w = 1; maps && w < at->words->nelts; w++) {
            const char *word = fpmp_conf_word(at, w);
            const char *ext = fpmp_lower(lint->p, *word == '.' ? word + 1 : word);

            if (!apr_hash_get(known, ext, APR_HASH_KEY_STRING)) {
                apr_hash_set(known, ext, APR_HASH_KEY_STRING, ext);
                APR_ARRAY_PUSH(lint->extensions, const char *) = ext;
            }
        }
    }
}

/* ---- hosts --------------------------------------------------------------------------- */

const char *fpmp_lint_word(const fpmp_lint_t *lint, const fpmp_conf_t *host,
                           const char *name)
{
    const apr_array_header_t *lines = fpmp_lint_own(lint, host, name);

    return lines->nelts
               ? fpmp_conf_word(APR_ARRAY_IDX(lines, lines->nelts - 1, const fpmp_conf_t *),
                                0)
               : "";
}

const char *fpmp_lint_path(const fpmp_lint_t *lint, const char *path)
{
    char *full = *path == '/' || !*path
                     ? apr_pstrdup(lint->p, path)
                     : apr_pstrcat(lint->p, lint->server_root, "/", path, NULL);
    apr_size_t len = strlen(full);

    while (len > 1 && full[len - 1] == '/') {
        full[--len] = '\0';
    }
    return full;
}

static void add_host(fpmp_lint_t *lint, const fpmp_conf_t *conf)
{
    fpmp_hand_host_t *host = apr_pcalloc(lint->p, sizeof(*host));
    const char *name = fpmp_lint_word(lint, conf, "ServerName"),
               *root = fpmp_lint_word(lint, conf, "DocumentRoot");

    host->conf = conf;
    host->name = *name ? name : conf ? fpmp_conf_word(conf, 0) : "the main server";
    host->root =
        fpmp_lint_path(lint, *root ? root : fpmp_lint_word(lint, NULL, "DocumentRoot"));
    host->ours = fpmp_lint_own(lint, conf, "FPMUser")->nelts > 0 ||
                 fpmp_lint_own(lint, NULL, "FPMUser")->nelts > 0;
    APR_ARRAY_PUSH(lint->hosts, const fpmp_hand_host_t *) = host;
}

void fpmp_lint_hosts(fpmp_lint_t *lint)
{
    const apr_array_header_t *conf = lint->beside->conf;
    int i;

    lint->hosts = apr_array_make(lint->p, 16, sizeof(const fpmp_hand_host_t *));
    add_host(lint, NULL);
    for (i = 0; i < conf->nelts; i++) {
        const fpmp_conf_t *at = APR_ARRAY_IDX(conf, i, const fpmp_conf_t *);

        if (at->host == at) {
            add_host(lint, at);
        }
    }
}

/* ---- where a chain begins ------------------------------------------------------------ */

/* The plain <Directory around a line; NULL: none. */
const fpmp_conf_t *fpmp_lint_directory(const fpmp_conf_t *conf)
{
    const fpmp_conf_t *at;

    for (at = conf->parent; at; at = at->parent) {
        const char *path = fpmp_conf_word(at, 0);

        if (strcasecmp(at->name, "<Directory") == 0 && *path == '/' &&
            !strpbrk(path, "*?[")) {
            return at;
        }
    }
    return NULL;
}

fpmp_hand_t *fpmp_lint_add(fpmp_lint_t *lint, const fpmp_hand_host_t *host,
                           const fpmp_conf_t *entry)
{
    fpmp_hand_t *hand = apr_pcalloc(lint->p, sizeof(*hand));
    const fpmp_conf_t *directory = fpmp_lint_directory(entry);

    hand->host = host;
    hand->root = host->root;
    if (directory && strcmp(fpmp_conf_word(directory, 0), "/") != 0) {
        hand->root = fpmp_lint_path(lint, fpmp_conf_word(directory, 0));
    }
    hand->hosts = apr_array_make(lint->p, 1, sizeof(const fpmp_hand_host_t *));
    hand->ext = apr_array_make(lint->p, 2, sizeof(const char *));
    hand->lost = apr_array_make(lint->p, 2, sizeof(const char *));
    APR_ARRAY_PUSH(lint->hands, fpmp_hand_t *) = hand;
    return hand;
}

fpmp_claim_t fpmp_lint_claim(const fpmp_lint_t *lint, const char *root,
                             const fpmp_conf_t *conf, const char *ext)
{
    fpmp_site_t *site = apr_pcalloc(lint->p, sizeof(*site));
    fpmp_claim_t claim = { .p = lint->p,
                           .beside = lint->beside,
                           .answers = lint->answers,
                           .conf = conf,
                           .site = site,
                           .ext = ext };

    site->root = strcmp(root, "/") == 0 ? "" : root;
    return claim;
}

const fpmp_conf_t *fpmp_hand_entry(const fpmp_hand_t *hand)
{
    int i;

    for (i = 0; i < FPMP_HAND_LINES - 1 && !hand->lines[i]; i++) {
    }
    return hand->lines[i];
}

int fpmp_lint_seconds(const fpmp_conf_t *conf, const char *word)
{
    apr_size_t len = strlen(word);
    int i;

    for (i = 0; i < conf->words->nelts; i++) {
        const char *at = fpmp_conf_word(conf, i);

        if (strncasecmp(at, word, len) == 0 && (at[len] == '=' || at[len] == '\0')) {
            const char *digits = at[len] ? at + len + 1 : fpmp_conf_word(conf, i + 1);
            apr_int64_t seconds = apr_atoi64(digits);

            return seconds > 0 && seconds <= 86400 ? (int)seconds : 0;
        }
    }
    return 0;
}
