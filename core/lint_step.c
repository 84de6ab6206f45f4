/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of a chain over mod_fastcgi, each as httpd takes it: which line gives an
 * extension its type, which Alias takes a URL, which FastCgiExternalServer has a name.
 */
#include "lint_find.h"

#include <string.h>
#include <strings.h>

/* ---- extension -> type ----------------------------------------------------------------
 */

/* A handler beats a type, a section beats what stands outside, the host beats the server.
 */
static const struct {
    const char *name;
    int rank;
    int first_ext; /* word from which the extensions stand; 0: a section says which files */
} types[] = { { "AddType", 0, 1 },
              { "ForceType", 16, 0 },
              { "AddHandler", 32, 1 },
              { "SetHandler", 48, 0 } };

/* httpd applies <Directory, then <Files, those in a <Directory last, then <Location. */
static int section_rank(const fpmp_conf_t *conf)
{
    const fpmp_conf_t *at;
    int files = 0, dir = 0;

    for (at = conf->parent; at; at = at->parent) {
        if (strncasecmp(at->name, "<Location", 9) == 0) {
            return 5;
        }
        files |= strncasecmp(at->name, "<Files", 6) == 0;
        dir |= strncasecmp(at->name, "<Directory", 10) == 0;
    }
    return 2 * files + (dir ? 1 : 0);
}

int fpmp_lint_names(const fpmp_conf_t *conf, int from, const char *ext)
{
    int i;

    for (i = from; i < conf->words->nelts; i++) {
        const char *word = fpmp_conf_word(conf, i);

        if (strcasecmp(*word == '.' ? word + 1 : word, ext) == 0) {
            return 1;
        }
    }
    return from == 0;
}

const fpmp_conf_t *fpmp_lint_type(const fpmp_lint_t *lint, const fpmp_hand_host_t *host,
                                  const char *root, const char *ext)
{
    const fpmp_conf_t *best = NULL;
    int best_rank = -1, own, i;
    apr_size_t k;

    for (k = 0; k < sizeof(types) / sizeof(types[0]); k++) {
        for (own = 0; own <= (host->conf ? 1 : 0); own++) {
            const apr_array_header_t *lines =
                fpmp_lint_own(lint, own ? host->conf : NULL, types[k].name);

            for (i = 0; i < lines->nelts; i++) {
                const fpmp_conf_t *conf = APR_ARRAY_IDX(lines, i, const fpmp_conf_t *);
                fpmp_claim_t claim = fpmp_lint_claim(lint, root, conf, ext);
                int rank = types[k].rank + 2 * section_rank(conf) + own;

                if (rank >= best_rank && fpmp_lint_names(conf, types[k].first_ext, ext) &&
                    fpmp_claim_reaches(&claim)) {
                    best = conf;
                    best_rank = rank;
                }
            }
        }
    }
    return best && (strcasecmp(fpmp_conf_word(best, 0), "none") == 0 ||
                    strcmp(fpmp_conf_word(best, 0), "default-handler") == 0)
               ? NULL
               : best;
}

/* ---- URL -> file ----------------------------------------------------------------------
 */

/* "/x" of "Alias /x FILE", or of the <Location around "Alias FILE". */
static const char *alias_url(const fpmp_conf_t *conf, const char **target)
{
    int short_form = conf->words->nelts < 2 && conf->parent &&
                     strcasecmp(conf->parent->name, "<Location") == 0;

    *target = fpmp_conf_word(conf, short_form ? 0 : 1);
    return fpmp_conf_word(short_form ? conf->parent : conf, 0);
}

/* What comes after the alias in the URL; NULL: the alias does not hold it. */
static const char *behind(const char *alias, const char *url)
{
    apr_size_t len = strlen(alias);

    return strncmp(alias, url, len) == 0 &&
                   (len == 0 || alias[len - 1] == '/' || url[len] == '/' || !url[len])
               ? url + len
               : NULL;
}

/* mod_alias takes the first one that fits, those of the host first. The URL is tried with
 * what mod_actions sets behind it. */
void fpmp_lint_alias(const fpmp_lint_t *lint, fpmp_hand_t *hand)
{
    static const char *const names[] = { "Alias", "ScriptAlias", "AliasMatch",
                                         "ScriptAliasMatch" };
    const char *url = apr_pstrcat(lint->p, hand->url, "/index.php", NULL), *rest, *target;
    int own, i;
    apr_size_t k;

    for (own = hand->host->conf ? 1 : 0; own >= 0; own--) {
        for (k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            const apr_array_header_t *lines =
                fpmp_lint_own(lint, own ? hand->host->conf : NULL, names[k]);

            for (i = 0; i < lines->nelts; i++) {
                const fpmp_conf_t *conf = APR_ARRAY_IDX(lines, i, const fpmp_conf_t *);
                fpmp_claim_t claim = fpmp_lint_claim(lint, hand->root, conf, "php");
                const char *from = alias_url(conf, &target);

                if (k >= 2 && fpmp_claim_matches(&claim, from, url)) {
                    hand->lines[FPMP_HAND_ALIAS] = conf;
                    hand->unread = "where a regular expression leads is not followed";
                    return;
                }
                rest = k < 2 ? behind(from, url) : NULL;
                if (rest) {
                    char *file = apr_pstrcat(lint->p, fpmp_lint_path(lint, target),
                                             *rest && *rest != '/' ? "/" : "", rest, NULL);

                    file[strlen(file) - strlen("/index.php")] = '\0';
                    hand->lines[FPMP_HAND_ALIAS] = conf;
                    hand->file = file;
                    return;
                }
            }
        }
    }
    hand->file =
        *hand->root ? apr_pstrcat(lint->p, hand->host->root, hand->url, NULL) : NULL;
}

/* ---- file -> socket -------------------------------------------------------------------
 */

const fpmp_conf_t *fpmp_lint_server(const fpmp_lint_t *lint, const char *file,
                                    const fpmp_conf_t *but)
{
    const apr_array_header_t *lines =
        apr_hash_get(lint->servers, file, APR_HASH_KEY_STRING);
    int i;

    for (i = 0; lines && i < lines->nelts; i++) {
        const fpmp_conf_t *conf = APR_ARRAY_IDX(lines, i, const fpmp_conf_t *);

        if (conf != but) {
            return conf;
        }
    }
    return NULL;
}

#define IDLE_TIMEOUT_SEC 30 /* mod_fastcgi's, where -idle-timeout is not given */

void fpmp_lint_socket(const fpmp_lint_t *lint, fpmp_hand_t *hand)
{
    const fpmp_conf_t *conf = fpmp_lint_server(lint, hand->file, NULL);
    int i;

    hand->lines[FPMP_HAND_SERVER] = conf;
    for (i = 1; conf && i < conf->words->nelts; i++) {
        const char *word = fpmp_conf_word(conf, i), *next = fpmp_conf_word(conf, i + 1);

        if (strcasecmp(word, "-host") == 0) {
            hand->address = next;
        }
        else if (strcasecmp(word, "-socket") == 0) {
            const char *dir = fpmp_lint_word(lint, NULL, "FastCgiIpcDir");

            hand->address =
                *next == '/' ? next
                : *dir ? apr_pstrcat(lint->p, fpmp_lint_path(lint, dir), "/", next, NULL)
                       : NULL;
            hand->unread = hand->address
                               ? NULL
                               : "its socket lies in mod_fastcgi's own directory, "
                                 "which no FastCgiIpcDir names";
        }
    }
    if (conf) {
        hand->timeout_sec = fpmp_lint_seconds(conf, "-idle-timeout");
        hand->timeout_sec = hand->timeout_sec ? hand->timeout_sec : IDLE_TIMEOUT_SEC;
    }
}
