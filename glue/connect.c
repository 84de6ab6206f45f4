/* SPDX-License-Identifier: Apache-2.0
 *
 * Connect to the pool, and ride over a moment in which it is away. Entry point:
 * fpmp_pool_open.
 */
#include "glue.h"

#include <apr_atomic.h>
#include <errno.h>

APLOG_USE_MODULE(fpmpool);

#define AWAY_MS 5000 /* so long a request waits for a pool that nobody can connect to */
#define PAUSE_MIN_MS 5
#define PAUSE_MAX_MS 100

static const struct {
    int err;
    const char *code;
    const char *seen; /* behind the path of the socket */
    const char *mend;
    int starts; /* 1: the mend is to start PHP-FPM, and this behind it */
    int retry;
} open_faults[] = {
    { ENOENT, "FPMP0610", "does not exist", ", or reload httpd", 1, 0 },
    { ECONNREFUSED, "FPMP0611", "is there, but nobody listens", "", 1, 0 },
    { EACCES, "FPMP0612", "may not be connected to by the user that httpd runs as",
      "restart PHP-FPM, which sets owner and mode anew", 0, 0 },
    { EAGAIN, "FPMP0613",
      "has a full queue: all children are busy and no place came free in time",
      "raise pm.max_children on FPMUser, or find what keeps the scripts", 0, 1 },
    { 0, "FPMP0614", "cannot be connected to", "see the reason", 0, 0 },
};

/* PHP-FPM is away for a moment while it starts: no socket yet, nobody listens yet, or its
 * owner is not set yet. A full queue waits in connect(2) itself. */
static int is_passing(int err)
{
    return err == ENOENT || err == ECONNREFUSED || err == EACCES || err == EAGAIN;
}

static apr_uint32_t now_ms(void)
{
    apr_uint32_t ms = (apr_uint32_t)apr_time_as_msec(apr_time_now());

    return ms ? ms : 1;
}

/* For how long has nobody been able to connect? All requests count, so that an outage holds
 * threads of httpd for AWAY_MS once, not once for each request. AWAY_MS without a failure end
 * it, as an answer does. */
static apr_uint32_t away_ms(fpmp_state_t *state)
{
    apr_uint32_t since = apr_atomic_read32(&state->away_since), now = now_ms();

    return since == 0 || now - apr_atomic_read32(&state->away_seen) > AWAY_MS ? 0
                                                                              : now - since;
}

static void note_away(fpmp_state_t *state, apr_uint32_t began)
{
    if (away_ms(state) == 0) {
        apr_atomic_set32(&state->away_since, began);
    }
    apr_atomic_set32(&state->away_seen, now_ms());
}

/* Connect, and ride over a moment in which the pool is away. Nothing was sent yet, so trying
 * again sends no request twice. */
static int open_pool(const fpmp_chain_t *chain, const fpmp_end_t *end, fpmp_conn_t *conn)
{
    fpmp_state_t *state = chain->state;
    apr_uint32_t began = now_ms();
    int err, pause_ms = PAUSE_MIN_MS;

    for (;;) {
        apr_uint32_t away = away_ms(state);
        int wait_sec = away < AWAY_MS ? (int)(AWAY_MS - away + 999) / 1000 : 0;

        err = end->open(conn, chain->socket_path, wait_sec);
        if (!err && apr_atomic_read32(&state->away_since)) {
            apr_atomic_set32(&state->away_since, 0);
        }
        if (!err || !is_passing(err)) {
            return err;
        }
        note_away(state, began);
        if (fpmp_state_phase(state) == FPMP_PHASE_BROKEN ||
            away_ms(state) >=
                (fpmp_state_phase(state) == FPMP_PHASE_PENDING ? FPMP_PENDING_MS : AWAY_MS)) {
            return err;
        }
        apr_sleep(apr_time_from_msec(pause_ms));
        pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    }
}

static int open_failed(request_rec *r, const fpmp_line_t *line, int err)
{
    apr_pool_t *p = r->pool;
    apr_status_t rv = APR_FROM_OS_ERROR(err);
    int i = 0;

    while (open_faults[i].err && open_faults[i].err != err) {
        i++;
    }
    fpmp_request_say(r, line, open_faults[i].code, FPMP_LINK_SOCKET,
                     apr_psprintf(p, "'%s' %s (%pm)", line->chain->socket_path,
                                  open_faults[i].seen, &rv),
                     open_faults[i].starts
                         ? apr_pstrcat(p, "start PHP-FPM",
                                       fpmp_master_how(p, line->chain->master),
                                       open_faults[i].mend, NULL)
                         : open_faults[i].mend);
    if (open_faults[i].retry) {
        apr_table_setn(r->err_headers_out, "Retry-After", FPMP_RETRY_AFTER_SEC);
    }
    return HTTP_SERVICE_UNAVAILABLE;
}

int fpmp_pool_open(request_rec *r, const fpmp_line_t *line, const fpmp_end_t *end,
                   fpmp_conn_t *conn)
{
    int err = open_pool(line->chain, end, conn);

    return err ? open_failed(r, line, err) : OK;
}
