/* SPDX-License-Identifier: Apache-2.0
 *
 * What parent, children and the process that syncs know of each chain together, in shared
 * memory: children are forked before a restart's changes are made, and have to learn how
 * they went, and the status page, served by one child, what the others have seen. Entry
 * points: fpmp_states_make, then fpmp_state_of; writers are fpmp_states_users,
 * fpmp_states_settle, fpmp_states_give_up and fpmp_state_error.
 */
#include "glue.h"

#include <apr_atomic.h>
#include <apr_shm.h>

#include <stdlib.h>
#include <string.h>

#define PAUSE_MS 10

apr_status_t fpmp_states_make(fpmp_plan_t *plan)
{
    apr_size_t size =
        sizeof(fpmp_states_t) + (apr_size_t)plan->chains->nelts * sizeof(fpmp_state_t);
    apr_shm_t *shm;
    apr_status_t rv = apr_shm_create(&shm, size, NULL, plan->pool); /* goes with pconf */
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    plan->states = apr_shm_baseaddr_get(shm);
    memset(plan->states, 0, size);
    for (i = 0; i < plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, fpmp_chain_t *);

        chain->state = &plan->states->chains[i];
        chain->state->uid = (apr_uint32_t)-1;
    }
    return APR_SUCCESS;
}

/* Who could not be asked now keeps the uid of before. */
static void tell_user(const fpmp_chain_t *chain)
{
    if (chain->uid != (uid_t)-1) {
        apr_atomic_set32(&chain->state->uid, chain->uid);
    }
}

void fpmp_states_users(fpmp_plan_t *plan)
{
    int i;

    for (i = 0; plan->states && i < plan->chains->nelts; i++) {
        tell_user(APR_ARRAY_IDX(plan->chains, i, const fpmp_chain_t *));
    }
}

void fpmp_states_settle(fpmp_plan_t *plan, const fpmp_master_t *master)
{
    int i;

    for (i = 0; plan->states && i < plan->chains->nelts; i++) {
        const fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, fpmp_chain_t *);
        fpmp_state_t *state = chain->state;

        if (chain->master != master) {
            continue;
        }
        tell_user(chain);
        if (chain->broken) {
            state->link = chain->broken->link;
            apr_cpystrn(state->code, chain->broken->code, sizeof(state->code));
            apr_cpystrn(state->wrong, chain->broken->seen, sizeof(state->wrong));
            apr_cpystrn(state->mend, chain->broken->mend, sizeof(state->mend));
        }
        /* Last: whoever sees it may read the rest. */
        apr_atomic_set32(&state->phase, chain->broken ? FPMP_PHASE_BROKEN : FPMP_PHASE_READY);
    }
}

void fpmp_states_give_up(fpmp_states_t *states, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        apr_atomic_cas32(&states->chains[i].phase, FPMP_PHASE_READY, FPMP_PHASE_PENDING);
    }
}

apr_uint32_t fpmp_state_phase(fpmp_state_t *state)
{
    return apr_atomic_read32(&state->phase);
}

static apr_uint32_t known_uid(fpmp_state_t *state)
{
    return apr_atomic_read32(&state->uid);
}

uid_t fpmp_state_uid(fpmp_state_t *state)
{
    apr_time_t end = apr_time_now() + apr_time_from_msec(FPMP_PENDING_MS);

    while (known_uid(state) == (apr_uint32_t)-1 &&
           fpmp_state_phase(state) == FPMP_PHASE_PENDING && apr_time_now() < end) {
        apr_sleep(apr_time_from_msec(PAUSE_MS));
    }
    return known_uid(state);
}

void fpmp_state_error(fpmp_state_t *state, const char *code)
{
    apr_atomic_set32(&state->error_at, (apr_uint32_t)apr_time_sec(apr_time_now()));
    apr_atomic_set32(&state->error, (apr_uint32_t)atoi(code + strlen("FPMP")));
    apr_atomic_inc32(&state->errors);
}
