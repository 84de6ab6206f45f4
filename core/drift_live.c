/* SPDX-License-Identifier: Apache-2.0
 *
 * The running master against its chains: only those whose pool file is current and loaded,
 * for the others it is said already what they hang on. A reload of PHP-FPM makes no lost
 * socket again and mends no owner or mode (run by us, 8.2.36). The next start of httpd does,
 * so these are pending, or broken where FPMSync forbids it: a configtest that fails would
 * keep apachectl from the reload. One line per cause; the chains after the first are
 * counted. Entry point: fpmp_drift_live.
 */
#include "drift.h"
#include "live.h"

#include <string.h>

#define SOCKET_MODE 0600u

typedef struct {
    fpmp_look_t *look;
    const fpmp_live_t *live;
    const fpmp_chain_t *chain;
    const fpmp_live_socket_t *socket;
} alive_t;

/* Each test returns what is seen, or NULL. The first that speaks is the broken link. */

static const char *see_unreadable(const alive_t *at)
{
    return at->socket->node.lookup == FPMP_LOOKUP_FAILED
               ? apr_psprintf(at->look->plan->pool, "'%s' could not be looked at: %s",
                              at->chain->socket_path,
                              at->socket->node.why ? at->socket->node.why
                                                   : "no reason given")
               : NULL;
}

static const char *see_missing(const alive_t *at)
{
    return at->socket->node.lookup == FPMP_LOOKUP_MISSING
               ? apr_psprintf(at->look->plan->pool,
                              "'%s' does not exist, though PHP-FPM has read its pool file",
                              at->chain->socket_path)
               : NULL;
}

static const char *see_other_kind(const alive_t *at)
{
    return at->socket->node.kind != FPMP_NODE_SOCKET
               ? apr_psprintf(at->look->plan->pool, "'%s' is no socket",
                              at->chain->socket_path)
               : NULL;
}

static const char *see_nobody(const alive_t *at)
{
    return at->socket->holder == FPMP_HOLDER_NONE
               ? apr_psprintf(at->look->plan->pool, "no process listens on '%s'",
                              at->chain->socket_path)
               : NULL;
}

static const char *see_somebody_else(const alive_t *at)
{
    return at->socket->holder == FPMP_HOLDER_OTHER
               ? apr_psprintf(at->look->plan->pool,
                              "another process than PHP-FPM %ld listens on '%s'",
                              (long)at->look->facts->pid, at->chain->socket_path)
               : NULL;
}

static const char *see_mode(const alive_t *at)
{
    const fpmp_node_t *node = &at->socket->node;
    const fpmp_httpd_t *httpd = at->look->httpd;

    return node->uid != httpd->uid || node->gid != httpd->gid || node->mode != SOCKET_MODE
               ? apr_psprintf(at->look->plan->pool,
                              "'%s' is mode %04o owner '%s' group '%s', wanted is %04o "
                              "'%s' '%s': %s",
                              at->chain->socket_path, node->mode, at->socket->owner,
                              at->socket->group, SOCKET_MODE, httpd->user, httpd->group,
                              node->uid != httpd->uid ? "httpd cannot connect"
                              : (node->mode & SOCKET_MODE) != SOCKET_MODE
                                  ? "httpd cannot connect"
                                  : "others may run PHP as its user")
               : NULL;
}

static const char *see_worker(const alive_t *at)
{
    const fpmp_live_worker_t *worker =
        apr_hash_get(at->live->workers, at->chain->pool, APR_HASH_KEY_STRING);

    return worker && worker->uid != at->chain->uid
               ? apr_psprintf(at->look->plan->pool,
                              "worker %ld of pool [%s] runs as '%s', wanted is '%s'",
                              (long)worker->pid, at->chain->pool, worker->user,
                              at->chain->user)
               : NULL;
}

static const char again[] = "restart PHP-FPM (a reload does not mend it)";
static const char itself[] = "the next start or reload of httpd mends it";

static const struct {
    const char *code;
    fpmp_link_e link;
    fpmp_weight_e weight;
    const char *(*see)(const alive_t *at);
    const char *mend, *itself; /* itself: where a start may mend it; NULL: it cannot */
} tests[] = {
    { "FPMP0310", FPMP_LINK_SOCKET, FPMP_UNKNOWN, see_unreadable,
      "run this command as root to have it checked", NULL },
    { "FPMP0311", FPMP_LINK_SOCKET, FPMP_BROKEN, see_missing, again, itself },
    { "FPMP0312", FPMP_LINK_SOCKET, FPMP_BROKEN, see_other_kind,
      "remove it and restart PHP-FPM", NULL },
    { "FPMP0313", FPMP_LINK_SOCKET, FPMP_BROKEN, see_nobody, again, itself },
    { "FPMP0314", FPMP_LINK_SOCKET, FPMP_BROKEN, see_somebody_else,
      "find it with 'ss -xlp', end it, and restart PHP-FPM", NULL },
    { "FPMP0315", FPMP_LINK_SOCKET, FPMP_BROKEN, see_mode, again, itself },
    { "FPMP0316", FPMP_LINK_USER, FPMP_BROKEN, see_worker,
      "restart PHP-FPM, which forks its workers anew", NULL },
};
#define TESTS (sizeof(tests) / sizeof(tests[0]))

/* Chains of which something is said already: its file is not loaded, or it is broken. */
static apr_hash_t *said_chains(const fpmp_plan_t *plan)
{
    apr_hash_t *said = apr_hash_make(plan->pool);
    int i;

    for (i = 0; i < plan->findings->nelts; i++) {
        const fpmp_finding_t *finding = APR_ARRAY_IDX(plan->findings, i, fpmp_finding_t *);

        if (finding->chain &&
            (finding->weight == FPMP_BROKEN || finding->weight == FPMP_PENDING ||
             finding->link == FPMP_LINK_POOL_FILE)) {
            apr_hash_set(said, &finding->chain, sizeof(finding->chain), finding);
        }
    }
    return said;
}

/* 1: a start of httpd mends what this row names. */
static int is_pending(const fpmp_look_t *look, apr_size_t row)
{
    return tests[row].itself && fpmp_look_writes(look) &&
           look->plan->sync != FPMP_SYNC_WRITE;
}

/* Returns the row that speaks, or TESTS. */
static apr_size_t judge_chain(alive_t *at, fpmp_chain_t *chain,
                              fpmp_finding_t *first[TESTS])
{
    fpmp_plan_t *plan = at->look->plan;
    apr_size_t i;

    for (i = 0; i < TESTS; i++) {
        const char *seen = tests[i].see(at);
        int pending = is_pending(at->look, i);

        if (!seen) {
            continue;
        }
        if (!first[i]) {
            first[i] = fpmp_finding_add(plan->findings, tests[i].code, tests[i].link,
                                        pending ? FPMP_PENDING : tests[i].weight,
                                        chain->where, seen,
                                        pending ? tests[i].itself : tests[i].mend);
            first[i]->chain = chain;
        }
        if (tests[i].weight == FPMP_BROKEN && !pending) {
            chain->broken = first[i];
        }
        break;
    }
    return i;
}

static void judge_chains(fpmp_look_t *look, const fpmp_live_t *live)
{
    fpmp_plan_t *plan = look->plan;
    apr_hash_t *said = said_chains(plan);
    fpmp_finding_t *first[TESTS + 1] = { NULL };
    int hits[TESTS + 1] = { 0 }, i;
    apr_size_t k;

    for (i = 0; i < plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, fpmp_chain_t *);
        alive_t at = { look, live, chain, NULL };

        if (chain->master != look->master || chain->broken || !chain->socket_path ||
            apr_hash_get(said, &chain, sizeof(chain))) {
            continue;
        }
        at.socket = apr_hash_get(live->sockets, chain->socket_path, APR_HASH_KEY_STRING);
        if (at.socket) {
            hits[judge_chain(&at, chain, first)]++;
        }
    }
    for (k = 0; k < TESTS; k++) {
        if (hits[k] > 1) {
            first[k]->seen = apr_psprintf(plan->pool, "%s, and %d more like it",
                                          first[k]->seen, hits[k] - 1);
        }
    }
}

/* 1: the master can run its pools as their users. */
static int judge_master(fpmp_look_t *look, const fpmp_live_t *live)
{
    fpmp_plan_t *plan = look->plan;
    int i;

    if (live->replaced) {
        fpmp_look_find(look, "FPMP0531", FPMP_LINK_MASTER, FPMP_NOTICE,
                       apr_psprintf(plan->pool,
                                    "the program '%s' of the running master '%s' was "
                                    "replaced since it started",
                                    look->master->binary_path, look->master->name),
                       "restart PHP-FPM, so that the new one runs");
    }
    for (i = 0; live->euid_known && live->euid != 0 && i < plan->chains->nelts; i++) {
        const fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, const fpmp_chain_t *);

        if (chain->master == look->master && !chain->broken && chain->uid != live->euid) {
            fpmp_look_find(look, "FPMP0530", FPMP_LINK_MASTER, FPMP_BROKEN,
                           apr_psprintf(plan->pool,
                                        "PHP-FPM %ld of master '%s' runs as '%s', so it "
                                        "cannot run a pool as '%s'",
                                        (long)look->facts->pid, look->master->name,
                                        live->user, chain->user),
                           "start PHP-FPM as root");
            return 0;
        }
    }
    return 1;
}

void fpmp_drift_live(fpmp_plan_t *plan, const fpmp_master_t *master,
                     const fpmp_master_facts_t *facts, const fpmp_live_t *live,
                     const fpmp_httpd_t *httpd)
{
    fpmp_look_t look = { .plan = plan, .master = master, .facts = facts, .httpd = httpd };

    if (!judge_master(&look, live)) {
        return;
    }
    if (live->why) {
        fpmp_look_find(&look, "FPMP0532", FPMP_LINK_MASTER, FPMP_UNKNOWN,
                       apr_psprintf(plan->pool, "of master '%s' could not be looked at %s",
                                    master->name, live->why),
                       "run this command as root to have it checked");
    }
    judge_chains(&look, live);
}
