/* SPDX-License-Identifier: Apache-2.0
 *
 * Does a section of httpd's configuration reach a PHP file of a site? One file, index.EXT
 * in the document root, is tried. Entry point: fpmp_claim_reaches.
 */
#include "reach.h"

#include <apr_fnmatch.h>

#include <string.h>
#include <strings.h>

const char *fpmp_conf_word(const fpmp_conf_t *conf, int at)
{
    return at < conf->words->nelts ? APR_ARRAY_IDX(conf->words, at, const char *) : "";
}

int fpmp_conf_is_php(const char *type)
{
    for (; *type; type++) {
        if (strncasecmp(type, "php", 3) == 0) {
            return 1;
        }
    }
    return 0;
}

const char *fpmp_claim_file(const fpmp_claim_t *claim)
{
    return apr_pstrcat(claim->p, "index.", claim->ext, NULL);
}

const char *fpmp_claim_url(const fpmp_claim_t *claim)
{
    return apr_pstrcat(claim->p, claim->base ? claim->base : "", "/index.", claim->ext,
                       NULL);
}

static const char *dir_of(const fpmp_claim_t *claim)
{
    return apr_pstrcat(claim->p, claim->site->root, "/", NULL);
}

int fpmp_claim_matches(const fpmp_claim_t *claim, const char *regex, const char *text)
{
    const char *key = apr_pstrcat(claim->p, regex, "\n", text, NULL);
    const char *answer = apr_hash_get(claim->answers, key, APR_HASH_KEY_STRING);

    if (!answer) {
        answer = claim->beside->matches(claim->p, regex, text) ? "1" : "0";
        apr_hash_set(claim->answers, key, APR_HASH_KEY_STRING, answer);
    }
    return *answer == '1';
}

static int path_covers(const char *dir, const char *path)
{
    apr_size_t len = strlen(dir);

    while (len > 0 && dir[len - 1] == '/') {
        len--;
    }
    return strncmp(dir, path, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static int matches_file(const fpmp_claim_t *claim, const char *pattern)
{
    return apr_fnmatch(pattern, fpmp_claim_file(claim), 0) == APR_SUCCESS;
}

int fpmp_claim_prefix(const fpmp_claim_t *claim, const char *pattern)
{
    const char *url = fpmp_claim_url(claim);

    return path_covers(pattern, url) ||
           apr_fnmatch(pattern, url, APR_FNM_PATHNAME) == APR_SUCCESS;
}

static int matches_dir(const fpmp_claim_t *claim, const char *pattern)
{
    return path_covers(pattern, claim->site->root) ||
           apr_fnmatch(pattern, claim->site->root, APR_FNM_PATHNAME) == APR_SUCCESS;
}

/* A section that is not here (<Proxy, <Macro, another module's) is not understood: what
 * stands in it is passed over. */
static const struct {
    const char *name, *regex_name;
    int (*plain)(const fpmp_claim_t *claim, const char *pattern);
    const char *(*text)(const fpmp_claim_t *claim);
} sections[] = {
    { "<Files", "<FilesMatch", matches_file, fpmp_claim_file },
    { "<Location", "<LocationMatch", fpmp_claim_prefix, fpmp_claim_url },
    { "<Directory", "<DirectoryMatch", matches_dir, dir_of },
    { "<If", "<ElseIf", NULL, NULL }, /* may hold for the file */
    { "<Else", "<VirtualHost", NULL, NULL },
    { "<Limit", "<LimitExcept", NULL, NULL },
};

int fpmp_claim_section(const fpmp_claim_t *claim, const fpmp_conf_t *section)
{
    int regex, i;

    for (i = 0; i < (int)(sizeof(sections) / sizeof(sections[0])); i++) {
        regex = strcasecmp(section->name, sections[i].regex_name) == 0;
        if (!regex && strcasecmp(section->name, sections[i].name) != 0) {
            continue;
        }
        if (!sections[i].plain) {
            return 1;
        }
        if (!regex && strcmp(fpmp_conf_word(section, 0), "~") != 0) {
            return sections[i].plain(claim, fpmp_conf_word(section, 0));
        }
        return fpmp_claim_matches(claim, fpmp_conf_word(section, regex ? 0 : 1),
                                  sections[i].text(claim));
    }
    return 0;
}

int fpmp_claim_reaches(const fpmp_claim_t *claim)
{
    const fpmp_conf_t *at;

    for (at = claim->conf->parent; at; at = at->parent) {
        if (!fpmp_claim_section(claim, at)) {
            return 0;
        }
    }
    return 1;
}
