/* SPDX-License-Identifier: Apache-2.0
 *
 * One chain's user against the account as it was looked up: is it there, and may PHP run as
 * it? Entry point: fpmp_drift_user.
 */
#include "hosts.h"

/* An earlier broken link was said already, but that the user is unfit must be known: no
 * pool file may name him. */
static void find_user(fpmp_plan_t *plan, fpmp_chain_t *chain, const char *code,
                      fpmp_weight_e weight, const char *seen, const char *mend)
{
    chain->user_unfit = weight == FPMP_BROKEN;
    if (!chain->broken) {
        fpmp_chain_find(plan, chain, code, FPMP_LINK_USER, weight, seen, mend);
    }
}

/* How to get the user out of httpd's group. */
static const char *leave_group(apr_pool_t *p, const fpmp_chain_t *chain,
                               const fpmp_user_facts_t *facts, const fpmp_httpd_t *httpd)
{
    if (facts->primary_gid == httpd->gid) {
        return apr_psprintf(p,
                            "give it a primary group of its own with 'usermod -g GROUP %s'",
                            chain->user);
    }
    if (facts->gid == httpd->gid) {
        return "write another group behind the ':' on FPMUser, or none";
    }
    return apr_psprintf(p, "take it out with 'gpasswd -d %s %s'", chain->user,
                        httpd->group);
}

/* The account is there: may PHP run as it? */
static void judge_account(fpmp_plan_t *plan, fpmp_chain_t *chain,
                          const fpmp_user_facts_t *facts, const fpmp_httpd_t *httpd)
{
    apr_pool_t *p = plan->pool;

    if (facts->uid == 0) {
        find_user(plan, chain, "FPMP0204", FPMP_BROKEN,
                  apr_psprintf(p, "'%s' has uid 0, and PHP-FPM runs no pool as root",
                               chain->user),
                  "name the user whose site it is");
    }
    else if (facts->uid == httpd->uid) {
        find_user(
            plan, chain, "FPMP0205", FPMP_BROKEN,
            apr_psprintf(p,
                         "'%s' is the user that httpd runs as, who may connect to every "
                         "pool and so become every other user",
                         chain->user),
            "name a user of the site's own");
    }
    else if (facts->gid == 0) {
        find_user(
            plan, chain, "FPMP0206", FPMP_BROKEN,
            apr_psprintf(p, "group '%s' of '%s' has gid 0, and PHP-FPM runs no pool in it",
                         facts->group, chain->user),
            "write another group with FPMUser USER:GROUP");
    }
    else if (facts->in_httpd_group) {
        find_user(
            plan, chain, "FPMP0207", FPMP_BROKEN,
            apr_psprintf(p,
                         "'%s' is in group '%s', which httpd runs as and which owns the "
                         "sockets of all pools",
                         chain->user, httpd->group),
            leave_group(p, chain, facts, httpd));
    }
}

void fpmp_drift_user(fpmp_plan_t *plan, fpmp_chain_t *chain, const fpmp_user_facts_t *facts,
                     const fpmp_httpd_t *httpd)
{
    apr_pool_t *p = plan->pool;

    if (fpmp_chain_remote(chain) && (facts->user_lookup == FPMP_LOOKUP_MISSING ||
                                     facts->group_lookup == FPMP_LOOKUP_MISSING)) {
        return; /* PHP-FPM over there says whether they exist */
    }
    if (facts->user_lookup == FPMP_LOOKUP_MISSING) {
        find_user(plan, chain, "FPMP0201", FPMP_BROKEN,
                  apr_psprintf(p, "'%s' does not exist on this machine", chain->user),
                  apr_psprintf(p, "create it with 'useradd %s', or mend or remove the line",
                               chain->user));
        return;
    }
    if (facts->user_lookup == FPMP_LOOKUP_FOUND &&
        facts->group_lookup == FPMP_LOOKUP_MISSING) {
        find_user(
            plan, chain, "FPMP0203", FPMP_BROKEN,
            chain->group
                ? apr_psprintf(p, "group '%s' does not exist on this machine", chain->group)
                : apr_psprintf(p,
                               "the primary group %s of '%s' has no name on this machine",
                               facts->group, chain->user),
            "create it with 'groupadd', or name another with FPMUser USER:GROUP");
        return;
    }
    if (facts->user_lookup != FPMP_LOOKUP_FOUND ||
        facts->group_lookup != FPMP_LOOKUP_FOUND) {
        find_user(plan, chain, "FPMP0202", FPMP_UNKNOWN,
                  apr_psprintf(
                      p, "%s could not be looked up: %s",
                      facts->user_lookup == FPMP_LOOKUP_FOUND && chain->group
                          ? apr_psprintf(p, "group '%s' of '%s'", chain->group, chain->user)
                          : apr_psprintf(p, "'%s'", chain->user),
                      facts->why ? facts->why : "no reason given"),
                  "see to the name service; the pool stays as it is until then");
        return;
    }
    chain->uid = facts->uid;
    chain->gid = facts->gid;
    chain->group = facts->group;
    judge_account(plan, chain, facts, httpd);
}
