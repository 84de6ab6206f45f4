/* SPDX-License-Identifier: Apache-2.0
 *
 * What the state of a pool comes to, in plain words with the mend. What was seen is given;
 * the first rule that holds decides, so the rules stand in the order of the chain: what
 * comes later hangs on what comes before. Entry points: fpmp_status_asks, then
 * fpmp_status_judge.
 */
#include "status.h"
#include "masters.h"

#include <stdlib.h>
#include <string.h>

#define RECENT_SEC 300 /* an error of a request is worth a look for so long */

/* ---- figures ------------------------------------------------------------------------- */

/* All children, those of a master that is gone among them. -1: not known. */
static int total(const fpmp_status_seen_t *seen)
{
    return seen->children < 0 ? -1 : seen->children + seen->orphans;
}

/* Children that serve, as the kernel's list of connections says. -1: not known. */
static int serving(const fpmp_status_seen_t *seen)
{
    int most = total(seen);

    return seen->connections < 0 || most < 0 ? -1
           : seen->connections > most        ? most
                                             : seen->connections;
}

static int is_full(const fpmp_status_row_t *row)
{
    return row->seen && row->children_max > 0 && total(row->seen) >= row->children_max &&
           serving(row->seen) >= row->children_max;
}

/* A question to a pool without an idle child would wait for one or, with pm=ondemand, have
 * one started: a page that is loaded again and again must do neither. */
int fpmp_status_asks(const fpmp_status_row_t *row)
{
    const fpmp_status_seen_t *seen = row->seen;

    if (!seen || row->phase == FPMP_PHASE_BROKEN || seen->listens == FPMP_SEEN_NO ||
        seen->socket.lookup != FPMP_LOOKUP_FOUND) {
        return 0;
    }
    if (total(seen) < 0) {
        return row->pm && strcmp(row->pm, "ondemand") != 0;
    }
    return total(seen) > 0 && serving(seen) < total(seen);
}

/* The children as PHP-FPM says, else as the kernel does. */
static void count_children(fpmp_status_row_t *row)
{
    const fpmp_status_seen_t *seen = row->seen;
    int serves = seen ? serving(seen) : -1;

    row->busy = row->idle = row->children = row->queue = -1;
    if (!seen) {
        return;
    }
    row->children = total(seen);
    row->queue = seen->queue;
    if (row->ask == FPMP_ASK_ANSWERED && row->figures.active > 0 &&
        row->figures.idle >= 0) {
        row->busy = row->figures.active - 1; /* the one that answered us is idle again */
        row->idle = row->figures.idle + 1;
        row->children = row->busy + row->idle;
    }
    else if (serves >= 0) {
        row->busy = serves;
        row->idle = row->children - serves;
    }
}

/* ---- the rules ----------------------------------------------------------------------- */

typedef struct {
    apr_pool_t *p;
    const fpmp_status_t *status;
    fpmp_status_row_t *row;
} look_t;

static const char *plural(int n)
{
    return n == 1 ? "" : "s";
}

/* Each rule returns NULL, or what is wrong; it may set the mend. */

static const char *last_start(const look_t *look)
{
    fpmp_status_row_t *row = look->row;

    if (row->phase != FPMP_PHASE_BROKEN) {
        return NULL;
    }
    row->mend =
        row->start_mend && *row->start_mend ? row->start_mend : "run apachectl configtest";
    return row->start_wrong && *row->start_wrong
               ? row->start_wrong
               : "the chain is broken since the last start of httpd";
}

static const char *no_master(const look_t *look)
{
    fpmp_status_row_t *row = look->row;
    const fpmp_status_master_t *seen = row->seen->master;
    const char *orphans = "";

    if (seen->runs != FPMP_SEEN_NO) {
        return NULL;
    }
    row->mend = apr_psprintf(look->p, "start it%s, and read its error log for why it ended",
                             fpmp_master_how(look->p, seen->master));
    if (row->seen->orphans > 0) {
        orphans = apr_psprintf(look->p,
                               "; %d child%s of it still serve%s, and cannot be replaced",
                               row->seen->orphans, row->seen->orphans == 1 ? "" : "ren",
                               row->seen->orphans == 1 ? "s" : "");
    }
    return apr_psprintf(look->p, "PHP-FPM %s does not run%s", seen->master->name, orphans);
}

static const char *stopped_master(const look_t *look)
{
    const fpmp_status_master_t *seen = look->row->seen->master;

    if (seen->runs != FPMP_SEEN_YES || !seen->stopped) {
        return NULL;
    }
    look->row->mend = apr_psprintf(look->p, "kill -CONT %ld", (long)seen->pid);
    return apr_psprintf(look->p,
                        "the master process %ld of PHP-FPM %s is stopped by a signal: no "
                        "child is started or replaced",
                        (long)seen->pid, seen->master->name);
}

static const char *no_socket(const look_t *look)
{
    const fpmp_node_t *socket = &look->row->seen->socket;

    if (socket->lookup != FPMP_LOOKUP_MISSING) {
        return NULL;
    }
    look->row->mend = "reload httpd, which has PHP-FPM make it";
    return apr_psprintf(look->p, "socket '%s' does not exist", socket->path);
}

static const char *no_listener(const look_t *look)
{
    const fpmp_status_row_t *row = look->row;

    if (row->seen->listens != FPMP_SEEN_NO) {
        return NULL;
    }
    look->row->mend = "remove the socket and reload httpd";
    return apr_psprintf(look->p, "socket '%s' is there, but nobody listens",
                        row->seen->socket_path);
}

static const char *no_connection(const look_t *look)
{
    fpmp_status_row_t *row = look->row;
    apr_status_t err = row->ask == FPMP_ASK_REFUSED ? row->err : row->seen->socket_err;

    if (!err) {
        return NULL;
    }
    row->mend = "restart PHP-FPM, which sets owner and mode of the socket anew";
    return apr_psprintf(look->p, "httpd cannot connect to '%s' (%pm)",
                        row->seen->socket_path, &err);
}

static const char *full(const look_t *look)
{
    fpmp_status_row_t *row = look->row;
    int n = row->children_max, queue = row->seen->queue;

    if (!is_full(row)) {
        return NULL;
    }
    row->mend =
        apr_psprintf(look->p,
                     "find what keeps the scripts (request_slowlog_timeout), or raise "
                     "pm.max_children=%d on FPMUser",
                     n);
    return apr_psprintf(look->p, "all %d child%s busy, %d request%s in the queue", n,
                        n == 1 ? " is" : "ren are", queue, plural(queue));
}

static const char *silent(const look_t *look)
{
    fpmp_status_row_t *row = look->row;

    if (row->ask != FPMP_ASK_SILENT) {
        return NULL;
    }
    row->mend = "find what keeps the scripts, read PHP-FPM's error log";
    return apr_psprintf(look->p, "no child answered within %d ms", look->status->limit_ms);
}

static const char *no_status(const look_t *look)
{
    fpmp_status_row_t *row = look->row;

    if (row->ask != FPMP_ASK_NO_STATUS) {
        return NULL;
    }
    row->mend =
        "reload httpd, which mends the pool file, or see what listens on the socket";
    return "what answered at pm.status_path is no status of PHP-FPM";
}

static const char *no_file(const look_t *look)
{
    const fpmp_node_t *file = &look->row->seen->file;

    if (!look->row->seen->file_path || file->lookup != FPMP_LOOKUP_MISSING) {
        return NULL;
    }
    look->row->mend = "reload httpd, which writes it";
    return apr_psprintf(look->p,
                        "pool file '%s' is missing: the pool ends with the next reload of "
                        "PHP-FPM",
                        file->path);
}

static const char *edited_file(const look_t *look)
{
    const fpmp_status_seen_t *seen = look->row->seen;

    if (!seen->file_read || seen->mark == FPMP_MARK_WHOLE) {
        return NULL;
    }
    look->row->mend = seen->mark == FPMP_MARK_EDITED
                          ? "write the change into the FPMUser line and reload httpd"
                          : "move it away and reload httpd";
    return apr_psprintf(look->p, "pool file '%s' %s", seen->file_path,
                        seen->mark == FPMP_MARK_EDITED ? "was edited by hand"
                                                       : "is not of this module");
}

static int is_newer(const fpmp_status_seen_t *seen)
{
    return seen->file.lookup == FPMP_LOOKUP_FOUND && seen->master->loaded_ns &&
           seen->file.mtime_ns > seen->master->loaded_ns;
}

static const char *newer_file(const look_t *look)
{
    const fpmp_status_seen_t *seen = look->row->seen;

    if (!is_newer(seen)) {
        return NULL;
    }
    look->row->mend = "reload PHP-FPM";
    return apr_psprintf(look->p, "pool file '%s' is newer than what PHP-FPM has read",
                        seen->file_path);
}

static const char *waiting(const look_t *look)
{
    int queue = look->row->seen->queue;

    if (queue <= 0 || look->row->seen->children < 0) {
        return NULL;
    }
    look->row->mend =
        look->row->pm && strcmp(look->row->pm, "ondemand") == 0
            ? "if this stays, write pm=dynamic on FPMUser: pm=ondemand starts one "
              "child for requests that come at once"
            : NULL;
    return apr_psprintf(look->p, "%d request%s in the queue, with %d of %d children", queue,
                        plural(queue), look->row->seen->children, look->row->children_max);
}

static const char *recent_error(const look_t *look)
{
    const fpmp_status_row_t *row = look->row;
    apr_int64_t age = look->status->now_sec - row->error_at_sec;

    if (!row->error || age > RECENT_SEC) {
        return NULL;
    }
    look->row->mend =
        apr_psprintf(look->p, "look for FPMP%04d in the error log of the host", row->error);
    return apr_psprintf(look->p, "a request %" APR_INT64_T_FMT " s ago: %s",
                        age < 0 ? 0 : age, fpmp_status_error_words(row->error));
}

static const char *pending(const look_t *look)
{
    return look->row->phase == FPMP_PHASE_PENDING
               ? "its change since the last start or reload of httpd is under way"
               : NULL;
}

static const char *late(const look_t *look)
{
    return look->row->ask == FPMP_ASK_LATE
               ? apr_psprintf(look->p, "not asked: the %d ms of this page were over",
                              look->status->limit_ms)
               : NULL;
}

static const char *unseen(const look_t *look)
{
    const fpmp_status_seen_t *seen = look->row->seen;

    return seen->children < 0 && look->row->ask != FPMP_ASK_ANSWERED
               ? "httpd's user cannot see PHP-FPM's processes in /proc"
               : NULL;
}

static const char *elsewhere(const look_t *look)
{
    const fpmp_chain_t *chain = look->row->chain;

    return chain && chain->hosts
               ? apr_psprintf(look->p, "it is on the machines of '%s': balancer-manager and "
                                       "configtest look at them", chain->hosts->name)
               : NULL;
}

static const struct {
    const char *(*wrong)(const look_t *look);
    fpmp_health_e health;
    int looks; /* 1: needs row->seen */
} rules[] = {
    { last_start, FPMP_HEALTH_BROKEN, 0 },    { stopped_master, FPMP_HEALTH_BROKEN, 1 },
    { no_master, FPMP_HEALTH_BROKEN, 1 },     { pending, FPMP_HEALTH_PENDING, 0 },
    { no_socket, FPMP_HEALTH_BROKEN, 1 },     { no_listener, FPMP_HEALTH_BROKEN, 1 },
    { no_connection, FPMP_HEALTH_BROKEN, 1 }, { full, FPMP_HEALTH_FULL, 1 },
    { silent, FPMP_HEALTH_SILENT, 1 },        { no_status, FPMP_HEALTH_BROKEN, 1 },
    { no_file, FPMP_HEALTH_NOTICE, 1 },       { edited_file, FPMP_HEALTH_NOTICE, 1 },
    { newer_file, FPMP_HEALTH_NOTICE, 1 },    { waiting, FPMP_HEALTH_NOTICE, 1 },
    { recent_error, FPMP_HEALTH_NOTICE, 0 },  { late, FPMP_HEALTH_UNKNOWN, 0 },
    { unseen, FPMP_HEALTH_UNKNOWN, 1 },       { elsewhere, FPMP_HEALTH_UNKNOWN, 0 },
};

static void judge(apr_pool_t *p, const fpmp_status_t *status, fpmp_status_row_t *row)
{
    const look_t look = { .p = p, .status = status, .row = row };
    apr_size_t i;

    count_children(row);
    row->wrong = row->mend = NULL;
    for (i = 0; i < sizeof(rules) / sizeof(rules[0]) && !row->wrong; i++) {
        if (!rules[i].looks || row->seen) {
            row->wrong = rules[i].wrong(&look);
            row->health = rules[i].health;
        }
    }
    if (!row->wrong) {
        row->health = row->children == 0 ? FPMP_HEALTH_IDLE : FPMP_HEALTH_OK;
    }
}

static int compare_rows(const void *a, const void *b)
{
    const fpmp_status_row_t *x = a, *y = b;
    int users = strcmp(x->user, y->user);

    return x->health != y->health ? (int)x->health - (int)y->health
           : users                ? users
           : !x->chain || !y->chain
               ? (x->chain != NULL) - (y->chain != NULL)
               : strcmp(x->chain->master->name, y->chain->master->name);
}

void fpmp_status_judge(apr_pool_t *p, fpmp_status_t *status)
{
    int i;

    memset(status->counts, 0, sizeof(status->counts));
    for (i = 0; i < status->rows->nelts; i++) {
        fpmp_status_row_t *row = &APR_ARRAY_IDX(status->rows, i, fpmp_status_row_t);

        judge(p, status, row);
        status->counts[row->health]++;
    }
    qsort(status->rows->elts, status->rows->nelts, sizeof(fpmp_status_row_t), compare_rows);
}

const char *fpmp_health_name(fpmp_health_e health)
{
    static const char *const names[] = {
        [FPMP_HEALTH_BROKEN] = "broken",   [FPMP_HEALTH_FULL] = "full",
        [FPMP_HEALTH_SILENT] = "silent",   [FPMP_HEALTH_NOTICE] = "notice",
        [FPMP_HEALTH_PENDING] = "pending", [FPMP_HEALTH_UNKNOWN] = "unknown",
        [FPMP_HEALTH_OK] = "ok",           [FPMP_HEALTH_IDLE] = "idle",
    };

    return names[health];
}
