/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules that need a whole chain: do its settings fit together, does the master know
 * them, is its socket reachable and its own. The first broken link is said, later ones
 * would be noise. Entry point: fpmp_chain_check.
 */
#include "hosts.h"
#include "masters.h"

void fpmp_chain_find(fpmp_plan_t *plan, fpmp_chain_t *chain, const char *code,
                     fpmp_link_e link, fpmp_weight_e weight, const char *seen,
                     const char *mend)
{
    fpmp_finding_t *finding =
        fpmp_finding_add(plan->findings, code, link, weight, chain->where, seen, mend);

    finding->chain = chain;
    if (weight == FPMP_BROKEN) {
        chain->broken = finding;
    }
}

/* A setting that the master's version of FPM does not know would stop the whole master. */
static void check_versions(fpmp_plan_t *plan, fpmp_chain_t *chain)
{
    apr_pool_t *p = plan->pool;
    int i;

    for (i = 0; chain->master->version && i < chain->settings->nelts; i++) {
        const fpmp_setting_t *setting = &APR_ARRAY_IDX(chain->settings, i, fpmp_setting_t);

        if (setting->since > chain->master->version) {
            fpmp_chain_find(
                plan, chain, "FPMP0103", FPMP_LINK_DIRECTIVE, FPMP_BROKEN,
                apr_psprintf(p, "'%s' came with PHP-FPM %s, but master '%s' is older",
                             fpmp_setting_key(p, setting),
                             fpmp_version_text(p, setting->since), chain->master->name),
                "remove it, or choose a newer master with php=");
            return;
        }
    }
}

/* Two masters may share neither a pool directory nor a socket. */
static void check_taken(fpmp_plan_t *plan, fpmp_chain_t *chain, apr_hash_t *taken)
{
    apr_pool_t *p = plan->pool;
    const char *dir = chain->master->pool_dir;
    fpmp_chain_t *other = apr_hash_get(taken, dir, APR_HASH_KEY_STRING);

    if (other && other->master != chain->master) {
        fpmp_chain_find(
            plan, chain, "FPMP0503", FPMP_LINK_MASTER, FPMP_BROKEN,
            apr_psprintf(p,
                         "masters '%s' and '%s' both read the pool directory '%s', "
                         "so each would open the sockets of the other",
                         other->master->name, chain->master->name, dir),
            "give each master its own directory, with pool_dir= on FPMMaster");
        return;
    }
    apr_hash_set(taken, dir, APR_HASH_KEY_STRING, other ? other : chain);
    other = apr_hash_get(taken, chain->socket_path, APR_HASH_KEY_STRING);
    if (other) {
        fpmp_chain_find(plan, chain, "FPMP0305", FPMP_LINK_SOCKET, FPMP_BROKEN,
                        apr_psprintf(p,
                                     "'%s' is also the socket of user '%s' on master '%s'",
                                     chain->socket_path, other->user, other->master->name),
                        "give one of the masters another name");
        return;
    }
    apr_hash_set(taken, chain->socket_path, APR_HASH_KEY_STRING, chain);
}

/* The directory is to blame, so it is said once for all chains in it. */
static void say_socket_path(fpmp_plan_t *plan, fpmp_chain_t *chain, apr_hash_t *taken,
                            const char *why)
{
    const char *key = apr_pstrcat(plan->pool, "dir ", chain->master->socket_dir, NULL);

    chain->broken = apr_hash_get(taken, key, APR_HASH_KEY_STRING);
    if (!chain->broken) {
        fpmp_chain_find(plan, chain, "FPMP0301", FPMP_LINK_SOCKET, FPMP_BROKEN,
                        apr_psprintf(plan->pool, "'%s' %s", chain->socket_path, why),
                        "choose another directory with FPMSocketDir");
        apr_hash_set(taken, key, APR_HASH_KEY_STRING, chain->broken);
    }
}

/* The setting is allowed, and it opens more than the pool's own memory. */
static void check_dumpable(fpmp_plan_t *plan, fpmp_chain_t *chain)
{
    int i;

    for (i = 0; !chain->broken && i < chain->settings->nelts; i++) {
        const fpmp_setting_t *setting = &APR_ARRAY_IDX(chain->settings, i, fpmp_setting_t);

        if (strcmp(setting->name, "process.dumpable") == 0 &&
            strcmp(setting->value, "yes") == 0) {
            fpmp_finding_add(
                plan->findings, "FPMP0441", FPMP_LINK_POOL, FPMP_NOTICE, setting->where,
                apr_psprintf(plan->pool,
                             "[%s] has process.dumpable on, so a debugger, or another "
                             "process of '%s', reads its memory with the opcache that all "
                             "pools share",
                             chain->pool, chain->user),
                "remove the key")
                ->chain = chain;
        }
    }
}

/* Rules that need the whole chain. The first broken link is said, later ones would be
 * noise. */
void fpmp_chain_check(fpmp_plan_t *plan, fpmp_chain_t *chain, apr_hash_t *taken)
{
    apr_pool_t *p = plan->pool;
    const char *why = fpmp_settings_agree(p, chain->settings);

    if (why) {
        fpmp_chain_find(plan, chain, "FPMP0102", FPMP_LINK_DIRECTIVE, FPMP_BROKEN,
                        apr_psprintf(p, "the settings of user '%s' do not fit together: %s",
                                     chain->user, why),
                        "change them on FPMUser or FPMDefaults");
        return;
    }
    if (chain->hosts) {
        fpmp_balancer_check(plan, chain, taken);
        return; /* its PHP-FPM is not of this machine */
    }
    check_versions(plan, chain);
    if (chain->broken || !chain->socket_path || !chain->pool_file_path) {
        return; /* a master without these directories is said once, by fpmp_drift_master */
    }
    why = fpmp_rule_socket_path(p, chain->socket_path);
    if (why) {
        say_socket_path(plan, chain, taken, why);
        return;
    }
    check_taken(plan, chain, taken);
    check_dumpable(plan, chain);
}
