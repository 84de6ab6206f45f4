/* SPDX-License-Identifier: Apache-2.0
 *
 * What else in httpd's configuration wants the files of a FPMUser, and what lets a user
 * reach around it. Handlers and types lose to FPMUser (it has the last word in fixups), so
 * they are notices; what proxies a URL before it becomes a file goes to another pool.
 * Entry point: fpmp_compete.
 */
#include "reach.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define LINES_MAX 10 /* of one kind; more of them are counted */

/* ---- does a directive claim it? ---- */

static int claims_handler(const fpmp_claim_t *claim)
{
    const char *handler = fpmp_conf_word(claim->conf, 0);

    return strcasecmp(handler, "none") != 0 && strcmp(handler, "default-handler") != 0 &&
           strncmp(handler, FPMP_HANDLER, strlen(FPMP_HANDLER)) != 0;
}

static int claims_type(const fpmp_claim_t *claim)
{
    return fpmp_conf_is_php(fpmp_conf_word(claim->conf, 0));
}

static int claims_extension(const fpmp_claim_t *claim)
{
    int i;

    for (i = 1; i < claim->conf->words->nelts; i++) {
        const char *ext = fpmp_conf_word(claim->conf, i);

        if (strcasecmp(*ext == '.' ? ext + 1 : ext, claim->ext) == 0) {
            return 1;
        }
    }
    return 0;
}

/* With the line that gives its type it is one cause, and that line is named. */
static int claims_action(const fpmp_claim_t *claim)
{
    const char *type = fpmp_conf_word(claim->conf, 0);

    return fpmp_conf_is_php(type) &&
           !apr_hash_get(claim->mapped, fpmp_lower(claim->p, type), APR_HASH_KEY_STRING);
}

static int is_fcgi(const char *target)
{
    return strstr(target, "fcgi://") != NULL;
}

/* ProxyPass [URL] TARGET: in a <Location the URL is the section's. */
static int claims_prefix(const fpmp_claim_t *claim)
{
    const char *url = fpmp_conf_word(claim->conf, 0);

    return *url != '/' ? strcmp(url, "!") != 0
                       : strcmp(fpmp_conf_word(claim->conf, 1), "!") != 0 &&
                             fpmp_claim_prefix(claim, url);
}

static int claims_pattern(const fpmp_claim_t *claim)
{
    const char *regex = fpmp_conf_word(claim->conf, 0),
               *target = fpmp_conf_word(claim->conf, 1);

    /* One word: the pattern is that of the <LocationMatch around it. */
    return strcmp(target, "!") != 0 && strcmp(regex, "!") != 0 &&
           (claim->conf->words->nelts < 2 ||
            fpmp_claim_matches(claim, regex, fpmp_claim_url(claim)));
}

static int is_proxy_flag(const char *flags)
{
    const char *at;

    for (at = flags; *at; at++) {
        if ((at == flags || strchr("[, ", at[-1])) &&
            ((toupper((unsigned char)*at) == 'P' && strchr("],", at[1])) ||
             strncasecmp(at, "proxy", 5) == 0)) {
            return 1;
        }
    }
    return 0;
}

static int claims_rewrite(const fpmp_claim_t *claim)
{
    const char *regex = fpmp_conf_word(claim->conf, 0);

    return is_proxy_flag(fpmp_conf_word(claim->conf, 2)) &&
           is_fcgi(fpmp_conf_word(claim->conf, 1)) &&
           (fpmp_claim_matches(claim, regex, fpmp_claim_url(claim)) ||
            fpmp_claim_matches(claim, regex, fpmp_claim_file(claim)));
}

static const struct kind_t {
    const char *name, *code;
    int (*claims)(const fpmp_claim_t *claim);
    int proxies;   /* 1: it takes the URL before it becomes a file */
    int inherited; /* 1: written for the whole server it reaches each virtual host */
} kinds[] = {
    { "SetHandler", "FPMP0640", claims_handler, 0, 1 },
    { "ForceType", "FPMP0641", claims_type, 0, 1 },
    { "AddHandler", "FPMP0642", claims_extension, 0, 1 },
    { "AddType", "FPMP0643", claims_extension, 0, 1 },
    { "Action", "FPMP0644", claims_action, 0, 1 },
    { "ProxyPass", "FPMP0645", claims_prefix, 1, 1 },
    { "ProxyPassMatch", "FPMP0646", claims_pattern, 1, 1 },
    { "RewriteRule", "FPMP0647", claims_rewrite, 1, 0 },
};
#define KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

/* ---- one directive against all sites ---- */

/* The main server's sites have the key "". */
static const char *host_key(apr_pool_t *p, const char *file, int line)
{
    return file ? apr_psprintf(p, "%s:%d", file, line) : "";
}

static int claims_site(fpmp_claim_t *claim, const struct kind_t *kind)
{
    const apr_array_header_t *ext = claim->site->line->ext;
    int i;

    for (i = 0; i < ext->nelts; i++) {
        claim->ext = APR_ARRAY_IDX(ext, i, const char *);
        if (kind->claims(claim) && fpmp_claim_reaches(claim)) {
            return 1;
        }
    }
    return 0;
}

static void say_claim(fpmp_plan_t *plan, const struct kind_t *kind,
                      const fpmp_claim_t *claim, int more)
{
    apr_pool_t *p = plan->pool;
    const fpmp_conf_t *conf = claim->conf;
    fpmp_chain_t *chain = claim->site->line->chain;
    const char *seen =
        apr_psprintf(p, "%s '%s' at %s:%d claims .%s of host '%s'%s", kind->name,
                     fpmp_value_shown(p, apr_array_pstrcat(p, conf->words, ' ')),
                     conf->where.file, conf->where.line, claim->ext,
                     claim->site->host ? claim->site->host : claim->site->root,
                     more ? apr_psprintf(p, " and %d more", more) : "");
    int wrong = kind->proxies && is_fcgi(conf->args);
    fpmp_finding_t *finding;

    if (wrong && chain->broken) {
        return; /* one line per chain: the first broken link */
    }
    finding = fpmp_finding_add(
        plan->findings, kind->code, FPMP_LINK_HANDLER, wrong ? FPMP_BROKEN : FPMP_NOTICE,
        claim->site->line->where, seen,
        wrong ? "these requests go to another pool: take that line out"
        : kind->proxies
            ? "these requests never reach PHP here: take out that line or FPMUser"
        : conf->host ? "FPMUser wins, so take that line out"
            : "FPMUser wins; take that line out when each host with PHP has FPMUser");
    finding->chain = chain;
    if (wrong) {
        chain->broken = finding;
    }
}

/* Returns 1 if it claims a file of some site. */
static int judge_directive(fpmp_plan_t *plan, fpmp_claim_t *claim,
                           const struct kind_t *kind, const apr_array_header_t *sites,
                           int say)
{
    fpmp_claim_t first = { 0 };
    int i, hit = 0;

    for (i = 0; sites && i < sites->nelts; i++) {
        claim->site = APR_ARRAY_IDX(sites, i, const fpmp_site_t *);
        if (claims_site(claim, kind)) {
            first = hit ? first : *claim;
            hit++;
        }
    }
    if (hit && say) {
        say_claim(plan, kind, &first, hit - 1);
    }
    return hit > 0;
}

static apr_hash_t *sites_by_host(apr_pool_t *p, const apr_array_header_t *sites)
{
    apr_hash_t *by_host = apr_hash_make(p);
    int i;

    for (i = 0; i < sites->nelts; i++) {
        const fpmp_site_t *site = APR_ARRAY_IDX(sites, i, const fpmp_site_t *);
        const char *key = host_key(p, site->host_file, site->host_line);
        apr_array_header_t *list = apr_hash_get(by_host, key, APR_HASH_KEY_STRING);

        if (!list) {
            list = apr_array_make(p, 1, sizeof(const fpmp_site_t *));
            apr_hash_set(by_host, key, APR_HASH_KEY_STRING, list);
        }
        APR_ARRAY_PUSH(list, const fpmp_site_t *) = site;
    }
    return by_host;
}

static apr_hash_t *mapped_names(apr_pool_t *p, const apr_array_header_t *conf)
{
    static const char *const mappers[] = { "AddType", "AddHandler", "SetHandler",
                                           "ForceType" };
    apr_hash_t *mapped = apr_hash_make(p);
    apr_size_t k;
    int i;

    for (i = 0; i < conf->nelts; i++) {
        const fpmp_conf_t *at = APR_ARRAY_IDX(conf, i, const fpmp_conf_t *);

        for (k = 0; k < sizeof(mappers) / sizeof(mappers[0]); k++) {
            if (strcasecmp(at->name, mappers[k]) == 0) {
                apr_hash_set(mapped, fpmp_lower(p, fpmp_conf_word(at, 0)),
                             APR_HASH_KEY_STRING, at);
            }
        }
    }
    return mapped;
}

/* Which sites may a directive of this kind reach? NULL: none. */
static const apr_array_header_t *sites_of(apr_pool_t *p, const fpmp_beside_t *beside,
                                          apr_hash_t *by_host, const fpmp_conf_t *conf,
                                          const struct kind_t *kind)
{
    if (!conf->host && kind->inherited) {
        return beside->sites;
    }
    return apr_hash_get(
        by_host,
        conf->host ? host_key(p, conf->host->where.file, conf->host->where.line) : "",
        APR_HASH_KEY_STRING);
}

static void judge_directives(fpmp_plan_t *plan, const fpmp_beside_t *beside)
{
    const fpmp_where_t nowhere = { NULL, 0, NULL };
    apr_pool_t *p = plan->pool;
    apr_hash_t *by_host = sites_by_host(p, beside->sites);
    fpmp_claim_t claim = { .p = p,
                           .beside = beside,
                           .mapped = mapped_names(p, beside->conf),
                           .answers = apr_hash_make(p) };
    int said[KINDS] = { 0 }, i, k;

    for (i = 0; i < beside->conf->nelts; i++) {
        claim.conf = APR_ARRAY_IDX(beside->conf, i, const fpmp_conf_t *);
        for (k = 0; k < KINDS && strcasecmp(claim.conf->name, kinds[k].name) != 0; k++) {
        }
        if (k < KINDS) {
            said[k] += judge_directive(plan, &claim, &kinds[k],
                                       sites_of(p, beside, by_host, claim.conf, &kinds[k]),
                                       said[k] < LINES_MAX);
        }
    }
    for (k = 0; k < KINDS; k++) {
        if (said[k] > LINES_MAX) {
            fpmp_finding_add(plan->findings, "FPMP0651", FPMP_LINK_HANDLER, FPMP_NOTICE,
                             nowhere,
                             apr_psprintf(p, "%d more lines %s claim files of a FPMUser",
                                          said[k] - LINES_MAX, kinds[k].name),
                             "take them out too");
        }
    }
}

/* ---- ways around FPMUser ---- */

/* One line for all sites of which holds() is true. */
static void judge_sites(fpmp_plan_t *plan, const fpmp_beside_t *beside,
                        int (*holds)(const fpmp_beside_t *beside, const fpmp_site_t *site),
                        const char *code, const char *what, const char *mend)
{
    const fpmp_site_t *first = NULL;
    int i, hit = 0;

    for (i = 0; i < beside->sites->nelts; i++) {
        const fpmp_site_t *site = APR_ARRAY_IDX(beside->sites, i, const fpmp_site_t *);

        if (holds(beside, site)) {
            first = first ? first : site;
            hit++;
        }
    }
    if (first) {
        fpmp_finding_add(
            plan->findings, code, FPMP_LINK_HANDLER, FPMP_NOTICE, first->line->where,
            apr_psprintf(plan->pool, "%s in '%s'%s", what, first->root,
                         hit > 1 ? apr_psprintf(plan->pool, " and %d more", hit - 1) : ""),
            mend);
    }
}

static int allows_handler(const fpmp_beside_t *beside, const fpmp_site_t *site)
{
    (void)beside;
    return site->allow_handler;
}

/* A line of this name in the host, or in the main server, from which a host inherits it. */
static int has_line(const fpmp_beside_t *beside, const fpmp_site_t *site, const char *name)
{
    for (int i = 0; i < beside->conf->nelts; i++) {
        const fpmp_conf_t *conf = APR_ARRAY_IDX(beside->conf, i, const fpmp_conf_t *);

        if (strcasecmp(conf->name, name) == 0 && strcasecmp(conf->args, "Off") != 0 &&
            (!conf->host || (site->host_file && conf->host->where.line == site->host_line &&
                             strcmp(conf->host->where.file, site->host_file) == 0))) {
            return 1;
        }
    }
    return 0;
}

static int allows_cgi(const fpmp_beside_t *beside, const fpmp_site_t *site)
{
    /* mod_fastcgi asks for suexec by a line of its own. */
    int suexec = beside->suexec && has_line(beside, site, "SuexecUserGroup") &&
                 (strcmp(beside->mod_cgi, "mod_fastcgi") != 0 ||
                  has_line(beside, site, "FastCgiWrapper"));

    return site->allow_handler && site->allow_exec && !suexec;
}

static int follows_links(const fpmp_beside_t *beside, const fpmp_site_t *site)
{
    (void)beside;
    return site->follow_links;
}

static int has_two_users(const fpmp_beside_t *beside)
{
    for (int i = 1; i < beside->sites->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(beside->sites, i, const fpmp_site_t *)->line->user,
                   APR_ARRAY_IDX(beside->sites, 0, const fpmp_site_t *)->line->user) != 0) {
            return 1;
        }
    }
    return 0;
}

void fpmp_compete(fpmp_plan_t *plan, const fpmp_beside_t *beside, const fpmp_httpd_t *httpd)
{
    apr_pool_t *p = plan->pool;

    judge_directives(plan, beside);
    fpmp_bare_judge(plan, beside);
    if (beside->mod_php) {
        judge_sites(plan, beside, allows_handler, "FPMP0648",
                    apr_psprintf(p,
                                 "%s is loaded: a .htaccess can name its handler for files "
                                 "that FPMUser does not claim, and they run as '%s',",
                                 beside->mod_php, httpd->user),
                    "do not load it, or take FileInfo out of AllowOverride");
    }
    if (beside->proxy_fcgi) {
        judge_sites(plan, beside, allows_handler, "FPMP0649",
                    "mod_proxy_fcgi is loaded and AllowOverride has FileInfo: a .htaccess "
                    "can name the socket of any pool that FPMUser did not make,",
                    "do not load it, or take FileInfo out of AllowOverride");
    }
    if (beside->mod_cgi) {
        judge_sites(plan, beside, allows_cgi, "FPMP0652",
                    apr_psprintf(p,
                                 "%s without suexec: a .htaccess can run programs as '%s', "
                                 "who may connect to every pool,",
                                 beside->mod_cgi, httpd->user),
                    "do not load it, or take Options out of AllowOverride and write 'Options -ExecCGI -Includes'");
    }
    if (beside->mod_lua) {
        judge_sites(plan, beside, allows_handler, "FPMP0653",
                    apr_psprintf(p,
                                 "mod_lua is loaded: a .htaccess can run scripts as '%s', "
                                 "who may connect to every pool,",
                                 httpd->user),
                    "do not load it, or take FileInfo out of AllowOverride");
    }
    if (has_two_users(beside)) {
        judge_sites(
            plan, beside, follows_links, "FPMP0650",
            "Options FollowSymLinks: httpd shows a user the files of others through "
            "a link,",
            "write 'Options -FollowSymLinks +SymLinksIfOwnerMatch' there");
    }
}
