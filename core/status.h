/* SPDX-License-Identifier: Apache-2.0
 *
 * The status of all pools: what was seen of each (facts), what it means (status.c), and the
 * three texts made of it (status_html.c, status_json.c, status_prom.c), all from the one
 * table in status_fields.c.
 */
#ifndef FPMP_STATUS_H
#define FPMP_STATUS_H

#include "core.h"

/* ---- what was seen ----------------------------------------------------------------- */

typedef enum {
    FPMP_ASK_NONE, /* not asked: it would start a child or wait for one, or there is nobody
                    */
    FPMP_ASK_ANSWERED,
    FPMP_ASK_SILENT,    /* no answer in time */
    FPMP_ASK_REFUSED,   /* could not be connected to: err */
    FPMP_ASK_NO_STATUS, /* what came is no status of PHP-FPM */
    FPMP_ASK_OTHER,     /* it is that of another pool */
    FPMP_ASK_LATE       /* the time was over before its turn came */
} fpmp_ask_e;

/* What PHP-FPM says of a pool. -1: it did not say. The child that answers runs as the user,
 * so these are numbers and nothing else. */
typedef struct {
    apr_int64_t since_sec; /* the pool's start */
    apr_int64_t requests;
    apr_int64_t idle;
    apr_int64_t active;      /* the child that answers is one of them */
    apr_int64_t max_reached; /* how often pm.max_children was reached */
    apr_int64_t slow;
} fpmp_figures_t;

typedef enum { FPMP_SEEN_UNKNOWN, FPMP_SEEN_NO, FPMP_SEEN_YES } fpmp_seen_e;

/* One master, as its process shows. */
typedef struct {
    const fpmp_master_t *master;
    fpmp_seen_e runs;      /* UNKNOWN: its process cannot be seen */
    pid_t pid;             /* for YES */
    int stopped;           /* 1: by a signal, as SIGSTOP */
    apr_int64_t loaded_ns; /* when it read its files, mtime of the pid file; 0: not known */
} fpmp_status_master_t;

/* What can be seen of a pool without asking it. -1: not known. */
typedef struct {
    fpmp_status_master_t *master;
    const char *pool;
    const char *socket_path;
    const char *file_path;
    fpmp_node_t socket; /* links followed */
    int socket_err;     /* errno: why this process may not connect to it; 0: it may */
    fpmp_node_t file;
    fpmp_mark_e mark; /* of the pool file, valid if file_read */
    int file_read;
    fpmp_seen_e listens;
    int children;
    int orphans; /* children whose master is gone */
    int queue;   /* connections that no child has taken yet */
    int queue_max;
    int connections; /* one for each child that is busy */
} fpmp_status_seen_t;

/* ---- one pool ------------------------------------------------------------------------ */

/* What it comes to; also the order of the rows. */
typedef enum {
    FPMP_HEALTH_BROKEN,
    FPMP_HEALTH_FULL,
    FPMP_HEALTH_SILENT,
    FPMP_HEALTH_NOTICE,
    FPMP_HEALTH_PENDING,
    FPMP_HEALTH_UNKNOWN,
    FPMP_HEALTH_OK,
    FPMP_HEALTH_IDLE,
    FPMP_HEALTH_COUNT
} fpmp_health_e;

typedef struct {
    /* from the configuration */
    const char *user;
    fpmp_where_t where;        /* its first line */
    const fpmp_chain_t *chain; /* NULL: the line has none */
    apr_array_header_t *hosts; /* const char * */
    const char *pm;
    int children_max;
    /* what httpd's processes know together */
    fpmp_phase_e phase;
    const char *code;                     /* for BROKEN: the finding of the last start */
    const char *start_wrong, *start_mend; /* of that finding; empty: not known */
    int error;                /* number of the last code of a request; 0: none */
    apr_int64_t error_at_sec; /* of the clock */
    apr_int64_t errors;       /* since httpd's last start or reload */
    /* what was seen, and what the pool said */
    fpmp_status_seen_t *seen; /* NULL: nobody looked */
    fpmp_ask_e ask;
    int err; /* for REFUSED */
    fpmp_figures_t figures;
    /* judged by fpmp_status_judge */
    fpmp_health_e health;
    const char *wrong; /* a phrase; NULL: nothing */
    const char *mend;  /* NULL: nothing to do */
    apr_int64_t busy, idle, children, queue;
} fpmp_status_row_t;

/* The whole page. */
typedef struct {
    apr_array_header_t *rows; /* fpmp_status_row_t, sorted */
    apr_int64_t now_sec;
    const char *date; /* the same, as people read it */
    int limit_ms; /* for the answers of all pools */
    apr_int64_t took_us;
    int counts[FPMP_HEALTH_COUNT];
    int refresh_sec; /* 0: the page does not load itself again */
    int local_only;  /* 1: no Require stands beside SetHandler */
} fpmp_status_t;

/** Should this pool be asked? Not one whose answer would need a child that is not there or
 * not free. */
int fpmp_status_asks(const fpmp_status_row_t *row) FPMP_NONNULL(1);

/** Judge every row, sort them (what needs somebody first, then by user), count. */
void fpmp_status_judge(apr_pool_t *p, fpmp_status_t *status) FPMP_NONNULL(1, 2);

/**
 * Read what a pool said, a CGI answer with the plain text of its status.
 * @return 1; 0: it is none
 * Source: fpm_status.c, 8.2.32: "accepted conn:        12" and so on.
 */
int fpmp_status_read(const char *text, apr_size_t len, fpmp_figures_t *out)
    FPMP_NONNULL(1, 3);

/** Is it what the pool of this name said? It says so itself, and may lie. */
int fpmp_status_names(const char *text, apr_size_t len, const char *pool)
    FPMP_NONNULL(1, 3);

/** The records of a request for the status of a pool. From pool p. */
char *fpmp_status_request(apr_pool_t *p, const char *status_path, apr_size_t *len)
    FPMP_NONNULL(1, 2, 3);

/** "broken", "full", ... */
const char *fpmp_health_name(fpmp_health_e health);

/** What this code of a request means, in a few words. */
const char *fpmp_status_error_words(int code);

/** Is this the address of the machine itself, 127.0.0.0/8 or ::1? In the text form of APR.
 */
int fpmp_rule_loopback(const char *ip) FPMP_NONNULL(1);

/* ---- the table of fields ------------------------------------------------------------- */

typedef enum {
    FPMP_FIELD_TEXT,  /* text */
    FPMP_FIELD_LIST,  /* hosts */
    FPMP_FIELD_NUMBER /* -1: not known */
} fpmp_field_e;

#define FPMP_UNDER 1
#define FPMP_UNDER_NAMED 2 /* with its label */

typedef struct {
    const char *label; /* heading in HTML; NULL: not shown there */
    int under;         /* in HTML below the field before it, in small letters: UNDER */
    const char *key;   /* in JSON; NULL: not there */
    fpmp_field_e kind;
    const char *(*text)(apr_pool_t *p, const fpmp_status_t *status,
                        const fpmp_status_row_t *row);
    apr_int64_t (*number)(const fpmp_status_t *status, const fpmp_status_row_t *row);
    const char *metric; /* of Prometheus; NULL: none */
    const char *type;   /* "gauge" or "counter" */
    const char *help;
} fpmp_status_field_t;

extern const fpmp_status_field_t fpmp_status_fields[]; /* ends with text and number NULL */

/** The code of what broke the chain at the start, "FPMP0201"; NULL: it was not broken then. */
const char *fpmp_status_code(const fpmp_status_row_t *row) FPMP_NONNULL(1);

/* ---- the three texts ----------------------------------------------------------------- */

/** Takes a piece of the page. */
typedef void (*fpmp_put_t)(void *baton, const char *text);

typedef struct {
    const char *name; /* the word in the query string; "" for HTML */
    const char *content_type;
    void (*write)(apr_pool_t *p, const fpmp_status_t *status, fpmp_put_t put, void *baton);
} fpmp_status_form_t;

extern const fpmp_status_form_t fpmp_status_forms[]; /* ends with name NULL */

void fpmp_status_html(apr_pool_t *p, const fpmp_status_t *status, fpmp_put_t put,
                      void *baton);
void fpmp_status_json(apr_pool_t *p, const fpmp_status_t *status, fpmp_put_t put,
                      void *baton);
void fpmp_status_prom(apr_pool_t *p, const fpmp_status_t *status, fpmp_put_t put,
                      void *baton);

/** The style of the page. */
extern const char fpmp_status_css[];

/** What a browser may do with the page: nothing but to show it with its own style. */
extern const char fpmp_status_csp[];

/* ---- json.c -------------------------------------------------------------------------- */

/** Bytes of the UTF-8 character at text, 0 if it is none. Source: RFC 3629, section 4. */
int fpmp_utf8_bytes(const unsigned char *text) FPMP_NONNULL(1);

/** A JSON string, quotes included; null for NULL. Each byte that is no UTF-8 is U+FFFD. */
const char *fpmp_json_string(apr_pool_t *p, const char *text) FPMP_NONNULL(1);

#endif
