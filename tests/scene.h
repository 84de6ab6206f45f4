/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd's configuration around two FPMUser lines, filled in by hand: what the tests of
 * compete.c and bare.c share.
 */
#ifndef FPMP_TESTS_SCENE_H
#define FPMP_TESTS_SCENE_H

#include "plan.h"

#define OTHER "/etc/apache2/conf.d/other.conf"

typedef struct {
    fpmp_plan_t *plan;
    fpmp_beside_t beside;
    apr_array_header_t *conf;
    apr_array_header_t *sites;
    apr_array_header_t *bare;
} scene_t;

static scene_t scene_of(apr_pool_t *p, const char *first, const char *second)
{
    scene_t scene = { .plan = plan_of(p, first, second, NULL) };

    plan_derive(scene.plan);
    scene.conf = apr_array_make(p, 4, sizeof(const fpmp_conf_t *));
    scene.sites = apr_array_make(p, 4, sizeof(const fpmp_site_t *));
    scene.bare = apr_array_make(p, 4, sizeof(const fpmp_site_t *));
    scene.beside.matches = posix_matches;
    return scene;
}

static fpmp_site_t *add_site(scene_t *scene, int line, const char *host, const char *root)
{
    fpmp_site_t *site = apr_pcalloc(scene->plan->pool, sizeof(*site));

    site->line = line_at(scene->plan, line);
    site->host = host;
    site->root = root;
    site->host_file = host ? SITE : NULL;
    site->host_line = host ? site->line->where.line - 5 : 0;
    APR_ARRAY_PUSH(scene->sites, const fpmp_site_t *) = site;
    return site;
}

/* "<Files *.php" or "SetHandler x", as httpd's tree has them. */
static const fpmp_conf_t *add_conf(scene_t *scene, const char *text, int line,
                                   const fpmp_conf_t *parent)
{
    apr_pool_t *p = scene->plan->pool;
    fpmp_conf_t *conf = apr_pcalloc(p, sizeof(*conf));
    char *rest = apr_pstrdup(p, text), *word;

    conf->name = apr_strtok(rest, " ", &rest);
    conf->args = apr_pstrdup(p, rest ? rest : "");
    conf->words = apr_array_make(p, 4, sizeof(const char *));
    while ((word = apr_strtok(NULL, " ", &rest)) != NULL) {
        APR_ARRAY_PUSH(conf->words, const char *) = word;
    }
    conf->where.file = parent && parent->host ? SITE : OTHER;
    conf->where.line = line;
    conf->parent = parent;
    conf->host = strcmp(conf->name, "<VirtualHost") == 0 ? conf
                 : parent                                ? parent->host
                                                         : NULL;
    if (conf->host == conf) {
        conf->where.file = SITE;
    }
    APR_ARRAY_PUSH(scene->conf, const fpmp_conf_t *) = conf;
    return conf;
}

static const char *judged(scene_t *scene, const char *title)
{
    scene->beside.conf = scene->conf;
    scene->beside.sites = scene->sites;
    scene->beside.bare = scene->bare;
    fpmp_compete(scene->plan, &scene->beside, &httpd);
    return plan_findings(scene->plan, title);
}

#endif
