/* SPDX-License-Identifier: Apache-2.0
 *
 * What the state of a pool comes to: which pools are asked, which rule has the word, what is
 * read of PHP-FPM's own status, and what an address or a code means.
 */
/* links: core */
#include "../core/status.h"

#include "plan.h"

#include <errno.h>

/* ---- a pool on which nothing is wrong ------------------------------------------------ */

static const fpmp_master_t fpm = { .name = "8.2" };
static fpmp_status_master_t no_master_seen(void)
{
    return (fpmp_status_master_t){ .master = &fpm, .runs = FPMP_SEEN_YES, .pid = 77,
                                   .loaded_ns = 2000 };
}

#define SOCKET "/run/php/fpmpool-8.2-david.sock"
#define POOL_FILE POOL_DIR "/fpmpool-david.conf"

/* One case: the pool above with some things otherwise. */
typedef struct {
    const char *title;
    void (*otherwise)(fpmp_status_row_t *row);
    int asked;
    const char *verdict; /* "HEALTH: wrong; mend" */
} case_t;

#define SEEN(name, change)                                                                 \
    static void name(fpmp_status_row_t *row)                                               \
    {                                                                                      \
        fpmp_status_seen_t *seen = row->seen;                                              \
                                                                                           \
        (void)seen;                                                                        \
        change;                                                                            \
    }

SEEN(nothing, (void)0)
SEEN(no_child, seen->children = 0)
SEEN(all_busy, seen->connections = seen->children = 3; seen->queue = 4)
SEEN(one_child_of_one, row->children_max = seen->connections = seen->children = 1)
SEEN(all_of_some_busy, seen->connections = seen->children = 2)
SEEN(more_connections, seen->connections = 9; seen->children = 3)
SEEN(queue_of_ondemand, seen->connections = seen->children = 1; seen->queue = 2)
SEEN(queue_of_dynamic, seen->connections = seen->children = 1; seen->queue = 1;
     row->pm = "dynamic")
SEEN(broken, row->phase = FPMP_PHASE_BROKEN; row->start_wrong = "'david' is gone";
     row->start_mend = "create it")
SEEN(broken_unsaid, row->phase = FPMP_PHASE_BROKEN; row->start_wrong = "";
     row->start_mend = "")
SEEN(pending, row->phase = FPMP_PHASE_PENDING)
SEEN(pending_gone, row->phase = FPMP_PHASE_PENDING;
     seen->socket.lookup = FPMP_LOOKUP_MISSING)
SEEN(dead, seen->master->runs = FPMP_SEEN_NO; seen->children = 0)
SEEN(dead_pending, seen->master->runs = FPMP_SEEN_NO; seen->children = 0;
     row->phase = FPMP_PHASE_PENDING)
SEEN(one_orphan, seen->master->runs = FPMP_SEEN_NO; seen->children = 0; seen->orphans = 1)
SEEN(orphans, seen->master->runs = FPMP_SEEN_NO; seen->children = 0; seen->orphans = 2)
SEEN(stopped, seen->master->stopped = 1)
SEEN(no_socket, seen->socket.lookup = FPMP_LOOKUP_MISSING)
SEEN(nobody_listens, seen->listens = FPMP_SEEN_NO)
SEEN(who_listens_unknown, seen->listens = FPMP_SEEN_UNKNOWN;
     seen->queue = seen->connections = -1)
SEEN(refused, row->ask = FPMP_ASK_REFUSED; row->err = EACCES)
SEEN(may_not, seen->children = 0; seen->socket_err = EACCES)
SEEN(silent, row->ask = FPMP_ASK_SILENT)
SEEN(no_status, row->ask = FPMP_ASK_NO_STATUS)
SEEN(late, row->ask = FPMP_ASK_LATE)
SEEN(no_file, seen->file.lookup = FPMP_LOOKUP_MISSING)
SEEN(edited, seen->mark = FPMP_MARK_EDITED)
SEEN(of_others, seen->mark = FPMP_MARK_NONE)
SEEN(not_read, seen->file_read = 0; seen->mark = FPMP_MARK_NONE)
SEEN(newer, seen->file.mtime_ns = 2001)
SEEN(same_time, seen->file.mtime_ns = 2000)
SEEN(error_now, row->error = 613; row->error_at_sec = 1000)
SEEN(error_before, row->error = 613; row->error_at_sec = 700)
SEEN(error_long_ago, row->error = 613; row->error_at_sec = 699)
SEEN(error_tomorrow, row->error = 613; row->error_at_sec = 1005)
SEEN(unseen, seen->children = -1)
SEEN(unseen_static, seen->children = -1; row->pm = "static")
SEEN(unseen_told, seen->children = -1; row->ask = FPMP_ASK_ANSWERED)

static const case_t cases[] = {
    { "nothing is wrong", nothing, 1, "ok" },
    { "no child: a question would start one", no_child, 0, "idle" },
    { "full: a question would wait", all_busy, 0,
      "full: all 3 children are busy, 4 requests in the queue; find what keeps the scripts "
      "(request_slowlog_timeout), or raise pm.max_children=3 on FPMUser" },
    { "full with one child", one_child_of_one, 0,
      "full: all 1 child is busy, 0 requests in the queue; find what keeps the scripts "
      "(request_slowlog_timeout), or raise pm.max_children=1 on FPMUser" },
    { "all of some are busy: a question would start one", all_of_some_busy, 0, "ok" },
    { "a child closes late: no more are busy than there are", more_connections, 0,
      "full: all 3 children are busy, 0 requests in the queue; find what keeps the scripts "
      "(request_slowlog_timeout), or raise pm.max_children=3 on FPMUser" },
    { "requests wait, pm=ondemand", queue_of_ondemand, 0,
      "notice: 2 requests in the queue, with 1 of 3 children; if this stays, write pm=dynamic "
      "on FPMUser: pm=ondemand starts one child for requests that come at once" },
    { "requests wait, pm=dynamic", queue_of_dynamic, 0,
      "notice: 1 request in the queue, with 1 of 3 children" },
    { "broken since the start", broken, 0, "broken: 'david' is gone; create it" },
    { "broken, and nobody said why", broken_unsaid, 0,
      "broken: the chain is broken since the last start of httpd; run apachectl configtest" },
    { "under way", pending, 1,
      "pending: its change since the last start or reload of httpd is under way" },
    { "under way, no socket yet", pending_gone, 0,
      "pending: its change since the last start or reload of httpd is under way" },
    { "no master", dead, 0,
      "broken: PHP-FPM 8.2 does not run; start it, and read its error log for why it ended" },
    { "no master, and a change under way", dead_pending, 0,
      "broken: PHP-FPM 8.2 does not run; start it, and read its error log for why it ended" },
    { "no master, one child", one_orphan, 1,
      "broken: PHP-FPM 8.2 does not run; 1 child of it still serves, and cannot be replaced; "
      "start it, and read its error log for why it ended" },
    { "no master, two children", orphans, 1,
      "broken: PHP-FPM 8.2 does not run; 2 children of it still serve, and cannot be "
      "replaced; start it, and read its error log for why it ended" },
    { "a stopped master", stopped, 1,
      "broken: the master process 77 of PHP-FPM 8.2 is stopped by a signal: no child is "
      "started or replaced; kill -CONT 77" },
    { "no socket", no_socket, 0,
      "broken: socket '" SOCKET "' does not exist; reload httpd, which has PHP-FPM make it" },
    { "nobody listens", nobody_listens, 0,
      "broken: socket '" SOCKET "' is there, but nobody listens; remove the socket and reload "
      "httpd" },
    { "who listens is not known", who_listens_unknown, 1, "ok" },
    { "no connection", refused, 1,
      "broken: httpd cannot connect to '" SOCKET "' (Permission denied); restart PHP-FPM, "
      "which sets owner and mode of the socket anew" },
    { "no child, and httpd may not connect", may_not, 0,
      "broken: httpd cannot connect to '" SOCKET "' (Permission denied); restart PHP-FPM, "
      "which sets owner and mode of the socket anew" },
    { "silent", silent, 1,
      "silent: no child answered within 900 ms; find what keeps the scripts, read PHP-FPM's "
      "error log" },
    { "not a status", no_status, 1,
      "broken: what answered at pm.status_path is no status of PHP-FPM; reload httpd, which "
      "mends the pool file, or see what listens on the socket" },
    { "late", late, 1, "unknown: not asked: the 900 ms of this page were over" },
    { "no pool file", no_file, 1,
      "notice: pool file '" POOL_FILE "' is missing: the pool ends with the next reload of "
      "PHP-FPM; reload httpd, which writes it" },
    { "edited", edited, 1,
      "notice: pool file '" POOL_FILE "' was edited by hand; write the change into the "
      "FPMUser line and reload httpd" },
    { "of somebody else", of_others, 1,
      "notice: pool file '" POOL_FILE "' is not of this module; move it away and reload "
      "httpd" },
    { "a file that cannot be read is not judged", not_read, 1, "ok" },
    { "newer", newer, 1,
      "notice: pool file '" POOL_FILE "' is newer than what PHP-FPM has read; reload "
      "PHP-FPM" },
    { "as old as the pid file", same_time, 1, "ok" },
    { "an error just now", error_now, 1,
      "notice: a request 0 s ago: the queue was full; look for FPMP0613 in the error log of "
      "the host" },
    { "an error five minutes ago", error_before, 1,
      "notice: a request 300 s ago: the queue was full; look for FPMP0613 in the error log of "
      "the host" },
    { "an error before that", error_long_ago, 1, "ok" },
    { "a clock that was put back", error_tomorrow, 1,
      "notice: a request 0 s ago: the queue was full; look for FPMP0613 in the error log of "
      "the host" },
    { "no look at /proc, pm=ondemand: it may have no child", unseen, 0,
      "unknown: httpd's user cannot see PHP-FPM's processes in /proc" },
    { "no look at /proc, pm=static", unseen_static, 1,
      "unknown: httpd's user cannot see PHP-FPM's processes in /proc" },
    { "no look at /proc, but an answer", unseen_told, 0, "ok" },
};

/* Each case has memory of its own: sanitizers see a read behind it. */
static fpmp_status_row_t *row_make(apr_pool_t *p)
{
    static const fpmp_chain_t chain = { .user = "david", .pool = "david", .master = &fpm,
                                        .socket_path = SOCKET, .pool_file_path = POOL_FILE };
    fpmp_status_row_t *row = apr_pcalloc(p, sizeof(*row));
    fpmp_status_master_t master = no_master_seen();

    row->user = "david";
    row->chain = &chain;
    row->hosts = apr_array_make(p, 1, sizeof(const char *));
    row->pm = "ondemand";
    row->children_max = 3;
    row->phase = FPMP_PHASE_READY;
    row->seen = apr_pcalloc(p, sizeof(*row->seen));
    row->seen->master = apr_pmemdup(p, &master, sizeof(master));
    row->seen->pool = "david";
    row->seen->socket_path = row->seen->socket.path = SOCKET;
    row->seen->file_path = row->seen->file.path = POOL_FILE;
    row->seen->socket.lookup = row->seen->file.lookup = FPMP_LOOKUP_FOUND;
    row->seen->file.mtime_ns = 1000;
    row->seen->file_read = 1;
    row->seen->mark = FPMP_MARK_WHOLE;
    row->seen->listens = FPMP_SEEN_YES;
    row->seen->children = 2;
    row->seen->queue_max = 4096;
    memset(&row->figures, 0xff, sizeof(row->figures));
    return row;
}

static fpmp_status_t *status_make(apr_pool_t *p)
{
    fpmp_status_t *status = apr_pcalloc(p, sizeof(*status));

    status->rows = apr_array_make(p, 4, sizeof(fpmp_status_row_t));
    status->now_sec = 1000;
    status->limit_ms = 900;
    return status;
}

static const fpmp_status_row_t *row_at(const fpmp_status_t *status, int i)
{
    return &APR_ARRAY_IDX(status->rows, i, fpmp_status_row_t);
}

static void the_first_rule_that_holds_has_the_word(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        fpmp_status_t *status = status_make(*state);
        fpmp_status_row_t *row = row_make(*state);
        const fpmp_status_row_t *judged;

        cases[i].otherwise(row);
        if (fpmp_status_asks(row) != cases[i].asked) {
            fail_msg("%s: it is %sasked", cases[i].title, cases[i].asked ? "not " : "");
        }
        APR_ARRAY_PUSH(status->rows, fpmp_status_row_t) = *row;
        fpmp_status_judge(*state, status);
        judged = row_at(status, 0);
        expect_text(cases[i].title,
                    apr_pstrcat(*state, fpmp_health_name(judged->health),
                                judged->wrong ? ": " : "", judged->wrong ? judged->wrong : "",
                                judged->mend ? "; " : "", judged->mend, NULL),
                    cases[i].verdict);
        assert_int_equal(status->counts[judged->health], 1);
    }
}

static void a_line_without_a_pool_is_broken(void **state)
{
    fpmp_status_t *status = status_make(*state);
    fpmp_status_row_t *row = row_make(*state);

    row->chain = NULL;
    row->seen = NULL;
    row->phase = FPMP_PHASE_BROKEN;
    row->start_wrong = "it disagrees";
    row->start_mend = "write the same";
    assert_false(fpmp_status_asks(row));
    APR_ARRAY_PUSH(status->rows, fpmp_status_row_t) = *row;
    fpmp_status_judge(*state, status);
    assert_string_equal(row_at(status, 0)->wrong, "it disagrees");
    assert_int_equal(row_at(status, 0)->children, -1);
}

static void the_child_that_answers_counts_as_idle(void **state)
{
    static const struct {
        const char *title;
        fpmp_ask_e ask;
        int idle, active; /* as PHP-FPM says */
        int children, connections; /* as the kernel says */
        int want_busy, want_idle, want_children;
    } table[] = {
        { "one child, which answers", FPMP_ASK_ANSWERED, 0, 1, 1, 0, 0, 1, 1 },
        { "two of five serve", FPMP_ASK_ANSWERED, 2, 3, 5, 2, 2, 3, 5 },
        { "PHP-FPM knows better", FPMP_ASK_ANSWERED, 3, 1, 5, 4, 0, 4, 4 },
        { "none that answers is none of its", FPMP_ASK_ANSWERED, 3, 0, 5, 1, 1, 4, 5 },
        { "not asked", FPMP_ASK_NONE, -1, -1, 5, 2, 2, 3, 5 },
        { "nothing is known", FPMP_ASK_NONE, -1, -1, -1, -1, -1, -1, -1 },
        { "only the children are", FPMP_ASK_NONE, -1, -1, 3, -1, -1, -1, 3 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_status_t *status = status_make(*state);
        fpmp_status_row_t *row = row_make(*state);
        const fpmp_status_row_t *got;

        row->ask = table[i].ask;
        row->figures.idle = table[i].idle;
        row->figures.active = table[i].active;
        row->seen->children = table[i].children;
        row->seen->connections = table[i].connections;
        APR_ARRAY_PUSH(status->rows, fpmp_status_row_t) = *row;
        fpmp_status_judge(*state, status);
        got = row_at(status, 0);
        if (got->busy != table[i].want_busy || got->idle != table[i].want_idle ||
            got->children != table[i].want_children) {
            fail_msg("%s: busy %d, idle %d, children %d", table[i].title, (int)got->busy,
                     (int)got->idle, (int)got->children);
        }
    }
}

static void what_needs_somebody_stands_first(void **state)
{
    static const fpmp_master_t newer = { .name = "8.3" };
    static const fpmp_chain_t of_newer = { .user = "bert", .pool = "bert", .master = &newer };
    static const struct {
        const char *user;
        void (*otherwise)(fpmp_status_row_t *row);
        const fpmp_chain_t *chain;
    } rows[] = {
        { "zoe", nothing, NULL },   { "anna", no_child, NULL }, { "carl", late, NULL },
        { "dora", edited, NULL },   { "emil", broken, NULL },   { "bert", nothing, &of_newer },
        { "bert", nothing, NULL },  { "fritz", silent, NULL },  { "gerd", all_busy, NULL },
        { "hans", pending, NULL },  { "adam", broken, NULL },
    };
    fpmp_status_t *status = status_make(*state);
    const char *order = "";

    for (size_t i = 0; i < COUNT(rows); i++) {
        fpmp_status_row_t *row = row_make(*state);

        row->user = rows[i].user;
        row->chain = rows[i].chain ? rows[i].chain : row->chain;
        rows[i].otherwise(row);
        APR_ARRAY_PUSH(status->rows, fpmp_status_row_t) = *row;
    }
    fpmp_status_judge(*state, status);
    for (int i = 0; i < status->rows->nelts; i++) {
        order = apr_pstrcat(*state, order, row_at(status, i)->user, "/",
                            row_at(status, i)->chain->master->name, " ", NULL);
    }
    expect_text("order", order,
                "adam/8.2 emil/8.2 gerd/8.2 fritz/8.2 dora/8.2 hans/8.2 carl/8.2 bert/8.2 "
                "bert/8.3 zoe/8.2 anna/8.2 ");
}

/* ---- PHP-FPM's own status ---------------------------------------------------------------- */

#define HEAD "Content-Type: text/plain;charset=UTF-8\r\n\r\n"
#define REST                                                                               \
    "listen queue:         0\nmax listen queue:     0\nlisten queue len:     0\n"          \
    "idle processes:       1\nactive processes:     2\ntotal processes:      3\n"          \
    "max active processes: 2\nmax children reached: 4\nslow requests:        5\n"
#define WHOLE                                                                              \
    HEAD "pool:                 david\nprocess manager:      dynamic\n"                    \
         "start time:           27/Nov/2026:10:52:40 +0000\nstart since:          61\n"    \
         "accepted conn:        12\n" REST

static void figures_are_digits_and_nothing_else(void **state)
{
    static const struct {
        const char *title, *text, *want; /* NULL: it is none */
    } table[] = {
        { "as 8.2 writes it", WHOLE, "61 12 1 2 4 5" },
        { "with another line behind", WHOLE "memory peak: 7\n", "61 12 1 2 4 5" },
        { "with CR LF", HEAD "start since: 1\r\naccepted conn: 2\r\nidle processes: 3\r\nactive "
          "processes: 4\r\nmax children reached: 5\r\nslow requests: 6", "1 2 3 4 5 6" },
        { "no header", "pool: david\nstart since: 61\n" REST, NULL },
        { "a header without end", "Content-Type: text/plain\r\n", NULL },
        { "nothing", "", NULL },
        { "one figure is missing", HEAD "start since: 1\n" REST, NULL },
        { "a negative one", HEAD "start since: -1\naccepted conn: 12\n" REST, NULL },
        { "one with more behind", HEAD "start since: 1 s\naccepted conn: 12\n" REST, NULL },
        { "an empty one", HEAD "start since:\naccepted conn: 12\n" REST, NULL },
        { "one of 18 digits", HEAD "start since: 1\naccepted conn: 999999999999999999\n" REST,
          "1 999999999999999999 1 2 4 5" },
        { "one of 19 digits", HEAD "start since: 1\naccepted conn: 1000000000000000000\n" REST,
          NULL },
        { "markup", HEAD "start since: <b>1</b>\naccepted conn: 12\n" REST, NULL },
        { "the first of two counts", HEAD "start since: 1\naccepted conn: 2\naccepted conn: 3\n"
          REST, "1 2 1 2 4 5" },
        { "names within a line", HEAD "x start since: 1\naccepted conn: 12\n" REST, NULL },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        size_t len = strlen(table[i].text);
        char *exact = malloc(len + !len); /* no NUL behind it */
        fpmp_figures_t f;
        int ok;

        memcpy(exact, table[i].text, len);
        ok = fpmp_status_read(exact, len, &f);
        free(exact);
        expect_text(table[i].title,
                    ok ? apr_psprintf(*state,
                                      "%" APR_INT64_T_FMT " %" APR_INT64_T_FMT
                                      " %" APR_INT64_T_FMT " %" APR_INT64_T_FMT
                                      " %" APR_INT64_T_FMT " %" APR_INT64_T_FMT,
                                      f.since_sec, f.requests, f.idle, f.active,
                                      f.max_reached, f.slow)
                       : "none",
                    table[i].want ? table[i].want : "none");
    }
}

static void a_pool_says_its_name(void **state)
{
    static const struct {
        const char *title, *text;
        int is_david;
    } table[] = {
        { "his", "X: y\r\n\r\npool:                 david\nprocess manager: static\n", 1 },
        { "another", "X: y\r\n\r\npool:                 anna\n", 0 },
        { "one as long", "X: y\r\n\r\npool: henry\n", 0 },
        { "a longer name", "X: y\r\n\r\npool: david2\n", 0 },
        { "a shorter name", "X: y\r\n\r\npool: davi\n", 0 },
        { "cut short", "X: y\r\n\r\npool: david", 0 },
        { "in another line", "X: y\r\n\r\nx: 1\npool: david\n", 0 },
        { "in the head", "pool: david\r\n\r\n", 0 },
        { "none", "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        size_t len = strlen(table[i].text);
        char *exact = malloc(len + !len); /* no NUL behind it */
        int is_david;

        memcpy(exact, table[i].text, len);
        is_david = fpmp_status_names(exact, len, "david");
        free(exact);
        if (is_david != table[i].is_david) {
            fail_msg("%s: %d", table[i].title, is_david);
        }
    }
}

static void the_request_names_the_path_and_no_file(void **state)
{
    apr_size_t len;
    const char *request = fpmp_status_request(*state, "/mine", &len);

    assert_non_null(memmem(request, len, "\013\005SCRIPT_NAME/mine", 18));
    assert_non_null(memmem(request, len, "\016\003REQUEST_METHODGET", 19));
    assert_non_null(memmem(request, len, "\014\000QUERY_STRING", 14));
    assert_null(memmem(request, len, "PHP_", 4));
}

/* ---- addresses and codes ------------------------------------------------------------------ */

static void loopback_is_this_machine(void **state)
{
    static const struct {
        const char *ip;
        int is;
    } table[] = {
        { "127.0.0.1", 1 },        { "127.255.0.9", 1 },     { "::1", 1 },
        { "::ffff:127.0.0.1", 1 }, { "::FFFF:127.0.0.1", 1 }, { "128.0.0.1", 0 },
        { "12.7.0.1", 0 },         { "1.127.0.1", 0 },       { "::2", 0 },
        { "::", 0 },               { "0.0.0.0", 0 },         { "fe80::1", 0 },
        { "::ffff:10.0.0.1", 0 },  { "2001:db8::127", 0 },   { "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        if (fpmp_rule_loopback(table[i].ip) != table[i].is) {
            fail_msg("'%s' is %sthis machine", table[i].ip, table[i].is ? "not " : "");
        }
    }
}

static void every_code_of_a_request_has_words(void **state)
{
    static const int codes[] = { 602, 603, 604, 606, 607, 609, 610, 611, 612, 613, 614, 615,
                                 616, 617, 622, 623, 624, 625, 626, 627, 628, 629, 700 };

    (void)state;
    for (size_t i = 0; i < COUNT(codes); i++) {
        if (strcmp(fpmp_status_error_words(codes[i]), fpmp_status_error_words(0)) == 0) {
            fail_msg("FPMP%04d has no words", codes[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(the_first_rule_that_holds_has_the_word),
        plan_test(a_line_without_a_pool_is_broken),
        plan_test(the_child_that_answers_counts_as_idle),
        plan_test(what_needs_somebody_stands_first),
        plan_test(figures_are_digits_and_nothing_else),
        plan_test(a_pool_says_its_name),
        plan_test(the_request_names_the_path_and_no_file),
        plan_test(loopback_is_this_machine),
        plan_test(every_code_of_a_request_has_words),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
