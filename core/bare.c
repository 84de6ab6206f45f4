/* SPDX-License-Identifier: Apache-2.0
 *
 * A host without FPMUser on the files of one that has it: httpd sends the source of the PHP
 * files there, passwords and all, or another handler runs them as somebody else. A notice,
 * since what the host answers instead may be more than is read here.
 * Entry point: fpmp_bare_judge.
 */
#include "reach.h"

#include <string.h>
#include <strings.h>

#define ROOT_SHOWN_BYTES 80

/* ---- does the host answer every URL with something else? ---- */

static int speaks_of_all(const fpmp_conf_t *conf)
{
    int i, urls = 0;

    for (i = 0; i < conf->words->nelts; i++) {
        const char *word = fpmp_conf_word(conf, i);

        if (strcmp(word, "/") == 0) {
            return 1;
        }
        urls += *word == '/';
    }
    return urls == 0; /* in a <Location it has no URL */
}

static int leaves_host(const fpmp_conf_t *conf)
{
    const char *target = fpmp_conf_word(conf, 1);

    return strncasecmp(target, "http://", 7) == 0 ||
           strncasecmp(target, "https://", 8) == 0;
}

static int always(const fpmp_conf_t *conf)
{
    (void)conf;
    return 1;
}

static int is_closed(const fpmp_conf_t *conf)
{
    return strcasecmp(conf->args, "all denied") == 0;
}

static const struct {
    const char *name;
    int (*answers)(const fpmp_conf_t *conf);
} answers[] = {
    { "FPMUser", always },
    { "Redirect", speaks_of_all },
    { "RedirectPermanent", speaks_of_all },
    { "RedirectTemp", speaks_of_all },
    { "RedirectMatch", always },
    { "RewriteRule", leaves_host },
    { "ProxyPass", speaks_of_all },
    { "Require", is_closed },
};

static const char *host_key(apr_pool_t *p, const char *file, int line)
{
    return apr_psprintf(p, "%s:%d", file, line);
}

/* The hosts in which such a directive stands. */
static apr_hash_t *hosts_that_answer(apr_pool_t *p, const apr_array_header_t *confs)
{
    apr_hash_t *hosts = apr_hash_make(p);
    apr_size_t k;
    int i;

    for (i = 0; i < confs->nelts; i++) {
        const fpmp_conf_t *conf = APR_ARRAY_IDX(confs, i, const fpmp_conf_t *);

        for (k = 0; conf->host && k < sizeof(answers) / sizeof(answers[0]); k++) {
            if (strcasecmp(conf->name, answers[k].name) == 0 && answers[k].answers(conf)) {
                apr_hash_set(hosts,
                             host_key(p, conf->host->where.file, conf->host->where.line),
                             APR_HASH_KEY_STRING, conf);
            }
        }
    }
    return hosts;
}

/* ---- whose files are they? ---- */

/* Directory -> a site whose document root it is, or holds. */
typedef struct {
    apr_hash_t *roots;
    apr_hash_t *above;
} places_t;

/* The directory above; NULL: none. */
static char *parent_of(apr_pool_t *p, const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash > path
                                   ? apr_pstrmemdup(p, path, (apr_size_t)(slash - path))
                                   : apr_pstrdup(p, "/")
                             : NULL;
}

static void note_above(apr_pool_t *p, places_t *places, const fpmp_site_t *site)
{
    const char *at = parent_of(p, site->root);

    while (at && !apr_hash_get(places->above, at, APR_HASH_KEY_STRING)) {
        apr_hash_set(places->above, at, APR_HASH_KEY_STRING, site);
        at = parent_of(p, at);
    }
}

static places_t places_of(apr_pool_t *p, const apr_array_header_t *sites)
{
    places_t places = { apr_hash_make(p), apr_hash_make(p) };
    int i;

    for (i = 0; i < sites->nelts; i++) {
        const fpmp_site_t *site = APR_ARRAY_IDX(sites, i, const fpmp_site_t *);

        apr_hash_set(places.roots, site->root, APR_HASH_KEY_STRING, site);
        note_above(p, &places, site);
    }
    return places;
}

/* A site whose files this directory shows; NULL: none. */
static const fpmp_site_t *site_shown(apr_pool_t *p, const places_t *places,
                                     const char *root)
{
    const fpmp_site_t *site = apr_hash_get(places->above, root, APR_HASH_KEY_STRING);
    const char *at;

    for (at = root; at && !site; at = parent_of(p, at)) {
        site = apr_hash_get(places->roots, at, APR_HASH_KEY_STRING);
    }
    return site;
}

void fpmp_bare_judge(fpmp_plan_t *plan, const fpmp_beside_t *beside)
{
    apr_pool_t *p = plan->pool;
    apr_hash_t *answer = hosts_that_answer(p, beside->conf);
    places_t places = places_of(p, beside->sites);
    const fpmp_site_t *first = NULL, *shown = NULL;
    int i, hit = 0;

    for (i = 0; i < beside->bare->nelts; i++) {
        const fpmp_site_t *bare = APR_ARRAY_IDX(beside->bare, i, const fpmp_site_t *);
        const fpmp_site_t *site = site_shown(p, &places, bare->root);

        if (site && !apr_hash_get(answer, host_key(p, bare->host_file, bare->host_line),
                                  APR_HASH_KEY_STRING)) {
            shown = first ? shown : site;
            first = first ? first : bare;
            hit++;
        }
    }
    if (first) {
        fpmp_where_t where = { first->host_file, first->host_line, "VirtualHost" };

        fpmp_finding_add(
            plan->findings, "FPMP0654", FPMP_LINK_HANDLER, FPMP_NOTICE, where,
            apr_psprintf(p,
                         "host '%s'%s has no FPMUser and shows '%s': PHP there is sent as "
                         "source or run by another handler",
                         first->host ? first->host : "-",
                         hit > 1 ? apr_psprintf(p, " and %d more", hit - 1) : "",
                         fpmp_text_shown(p, shown->root, ROOT_SHOWN_BYTES)),
            "write FPMUser there too, with a user or with 'off'");
    }
}
