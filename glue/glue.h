/* SPDX-License-Identifier: Apache-2.0
 *
 * glue/ and mod_fpmpool.c speak httpd: directives in, hooks called, findings logged,
 * requests served. No rule about PHP-FPM stands here; core/ has those.
 */
#ifndef FPMP_GLUE_H
#define FPMP_GLUE_H

#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"

#include "../core/lint.h"
#include "../host/host.h"

extern module AP_MODULE_DECLARE_DATA fpmpool_module;

/* What SetHandler says in a section of the server's configuration. */
typedef enum {
    FPMP_PAGE_UNSET,
    FPMP_PAGE_NONE,  /* another handler */
    FPMP_PAGE_LOCAL, /* fpmpool-status, and no Require beside it */
    FPMP_PAGE_OPEN   /* fpmpool-status with a Require, which httpd itself holds */
} fpmp_page_e;

/* What a directory section says. The line is NULL where no FPMUser stands. */
typedef struct {
    fpmp_line_t *line;
    fpmp_page_e page;
    /* What a .htaccess says in the words of mod_php. */
    const char *php_value; /* a setting without effect, and where; NULL: none */
    const char *php_off;   /* where PHP is turned off; "": it is turned on; NULL: neither */
} fpmp_dir_t;

/* ---- directives.c ----------------------------------------------------------------------
 */

void *fpmp_dir_create(apr_pool_t *p, char *path);
void *fpmp_dir_merge(apr_pool_t *p, void *base, void *add);

/* The handlers of the directive table. Each returns NULL or the message for its own line.
 */
const char *fpmp_set_user(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *fpmp_set_defaults(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *fpmp_set_hosts(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *fpmp_set_master(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *fpmp_set_socket_dir(cmd_parms *cmd, void *dir, const char *arg);
const char *fpmp_set_sync(cmd_parms *cmd, void *dir, const char *arg);
const char *fpmp_set_strict(cmd_parms *cmd, void *dir, int on);
const char *fpmp_set_ignore_php_value(cmd_parms *cmd, void *dir, int on);

/** "FPMP0105: FPMUser: why" for the directive that is being read; NULL if why is NULL. */
const char *fpmp_refusal(const cmd_parms *cmd, const char *code, const char *why);

/* ---- plan.c ---------------------------------------------------------------------- */

/** The plan of the configuration that is being read, made at first use; lives as long as
 * pconf. */
fpmp_plan_t *fpmp_plan_of(apr_pool_t *pconf);

/**
 * Derive every chain and look up every user. Needs httpd's User and Group, so not before
 * check_config.
 * @return who httpd is, from pconf
 */
const fpmp_httpd_t *fpmp_plan_complete(fpmp_plan_t *plan, server_rec *s);

/** Look at a master: its facts, and all its files as PHP-FPM reads them. From plan->pool.
 */
fpmp_view_t *fpmp_plan_look(fpmp_plan_t *plan, fpmp_master_t *master,
                            const fpmp_httpd_t *httpd, fpmp_master_facts_t **facts);

/** 1: a FPMUser has its pool under this master. */
int fpmp_plan_names(const fpmp_plan_t *plan, const fpmp_master_t *master);

/** The sockets of a master's chains: const char *. */
apr_array_header_t *fpmp_plan_sockets(const fpmp_plan_t *plan, const fpmp_master_t *master);

/** Look up what the view names, then judge the master.
 * @return as fpmp_drift_master */
int fpmp_plan_judge(fpmp_plan_t *plan, const fpmp_master_t *master,
                    const fpmp_master_facts_t *facts, fpmp_view_t *view,
                    const fpmp_httpd_t *httpd);

/**
 * Log the findings, one line each.
 * @param bare  1: as configtest prints them, without time stamp; 0: into s's error log
 * @return the number of BROKEN ones
 */
int fpmp_plan_say(fpmp_plan_t *plan, server_rec *s, int bare);

/** The first half of it: all but the look-ups of users, so quick. A second call names the
 * hosts only. */
const fpmp_httpd_t *fpmp_plan_derive(fpmp_plan_t *plan, server_rec *s);

/** The second half. */
void fpmp_plan_users(fpmp_plan_t *plan);

/* ---- state.c --------------------------------------------------------------------- */

/** Make the states of all chains, PENDING. Once the chains are derived. */
apr_status_t fpmp_states_make(fpmp_plan_t *plan);

/** The users are looked up: tell the children, who need not wait for more than that. */
void fpmp_states_users(fpmp_plan_t *plan);

/** The sync of this master is over: tell the children how it went. NULL: of the chains that
 * have none. */
void fpmp_states_settle(fpmp_plan_t *plan, const fpmp_master_t *master);

/** The process that syncs ended before it was done: what is PENDING is tried as it is. */
void fpmp_states_give_up(fpmp_states_t *states, int count);

#define FPMP_PENDING_MS 30000 /* so long a request waits for a change that is under way */

/** fpmp_phase_e of a chain, now. */
apr_uint32_t fpmp_state_phase(fpmp_state_t *state);

/** A request went wrong with this code, "FPMPnnnn": for the status page. */
void fpmp_state_error(fpmp_state_t *state, const char *code);

/** The uid of a chain's user. Waits for it while the chain is PENDING, for FPMP_PENDING_MS at
 * most; (uid_t)-1: nobody knows it. */
uid_t fpmp_state_uid(fpmp_state_t *state);

/* ---- check.c --------------------------------------------------------------------- */

/** All that configtest looks at. Changes nothing; adds findings to the plan. */
void fpmp_check_all(fpmp_plan_t *plan, const fpmp_httpd_t *httpd, server_rec *s);

/** Does text match this regular expression of httpd's? One that does not compile: no. */
int fpmp_regex_matches(apr_pool_t *p, const char *regex, const char *text);

/* ---- lint.c, lint_file.c --------------------------------------------------------- */

/** Follow the chains written by hand, in httpd's configuration or in the file that
 * FPMPOOL_LINT names. Changes nothing; adds findings to the plan. */
fpmp_lint_t *fpmp_lint_all(fpmp_plan_t *plan, const fpmp_httpd_t *httpd);

/** Print them on standard output. */
void fpmp_lint_show(const fpmp_lint_t *lint);

/**
 * Read a configuration file with all that it includes, whatever modules it is for. What
 * cannot be read is a finding.
 * @param server_root  where relative names start; set to the file's own ServerRoot
 * @param mod_php      set if the file loads it
 * @return const fpmp_conf_t *, in the order read
 */
apr_array_header_t *fpmp_lint_read(fpmp_plan_t *plan, const char *file,
                                   const char **server_root, const char **mod_php);

/* ---- dump.c ---------------------------------------------------------------------- */

/** The text after '=' of -D NAME=TEXT; "" for -D NAME; NULL: not given. */
const char *fpmp_define_value(const char *name);

/**
 * Refuse words of ours that would be passed over in silence.
 * @param testing  1: run with -t
 * @return OK, or HTTP_INTERNAL_SERVER_ERROR, already said
 */
int fpmp_define_check(apr_pool_t *p, int testing);

/** If DUMP_FPMPOOL is given, print every chain on standard output. */
void fpmp_dump_print(const fpmp_plan_t *plan, apr_pool_t *p, server_rec *s);

/* ---- tree.c ---------------------------------------------------------------------- */

/** All directives of httpd's configuration tree, in the order read: const fpmp_conf_t *.
 * What httpd runs while it reads (LoadModule, Include, Define, IfModule) is not in it.
 * @param part  what the arguments of a line must contain; "": every line. Sections come all */
apr_array_header_t *fpmp_tree_read(apr_pool_t *p, const char *part);

/** Add one directive as it was written; a section's args without its '>'. */
const fpmp_conf_t *fpmp_conf_add(apr_array_header_t *out, const char *name,
                                 const char *args, fpmp_where_t where,
                                 const fpmp_conf_t *parent);

/** Every place where PHP runs by a FPMUser that has a chain: const fpmp_site_t *, the main
 * server first. A place of two hosts with one line is listed once.
 * @param bare  the document roots of virtual hosts without any FPMUser: const fpmp_site_t *
 */
apr_array_header_t *fpmp_tree_sites(apr_pool_t *p, server_rec *s,
                                    const apr_array_header_t **bare);

/* ---- sync.c ---------------------------------------------------------------------- */

/**
 * What a start does: for each master write what differs, test it, reload once, wait. Adds a
 * finding for what went wrong; chains that cannot serve are marked broken. What was PENDING
 * is done then and no finding any more.
 */
void fpmp_sync_all(fpmp_plan_t *plan, const fpmp_httpd_t *httpd, server_rec *s);

/**
 * 1: a child of an older configuration lives, as after a graceful restart.
 * @param ended_gen  a generation that has ended, though its last child is still listed; -1:
 * none
 */
int fpmp_sync_old_children(int ended_gen);

/**
 * The same in a process of its own, which tells the children by the states and logs what it
 * finds: httpd serves nobody between the end of its old children and the start of the new
 * ones, so a restart waits for nothing.
 * @param again  1: what follows from lines and users has been said already
 * @return APR_SUCCESS, or why no process could be made
 */
apr_status_t fpmp_sync_apart(fpmp_plan_t *plan, server_rec *s, int again);

/** Once the old children have ended: remove the pools that were kept for them, in a process
 * of its own. Nothing if there is nothing to do. */
void fpmp_sync_later(fpmp_plan_t *plan, server_rec *s, int ended_gen);

/* ---- request.c and what it calls ------------------------------------------------- */

/**
 * Fixups: would mod_proxy connect to a pool? To ours only a FPMUser line leads, to another
 * one only the configuration of the host; a handler text or rewritten name from .htaccess
 * would run scripts as another user.
 * @param line  the FPMUser line in force; NULL: none
 * @return OK, or HTTP_FORBIDDEN, logged
 */
int fpmp_wall_check(request_rec *r, const fpmp_line_t *line);

/** Fixups: a PHP file where FPMUser is in force is ours, whoever else claims it. */
int fpmp_request_claim(request_rec *r);

/** The handler "fpmpool". */
int fpmp_request_handle(request_rec *r);

/** PHP-FPM compares SCRIPT_NAME with pm.status_path, and with nothing else, before it looks for
 * a file. A script of another name gets there by an Alias or a RewriteRule of the server.
 * @return OK, or HTTP_FORBIDDEN, logged */
int fpmp_request_check_name(request_rec *r, const fpmp_line_t *line, const char *name);

/** What the access log can have of a request to a pool: %{FPMPOOL_USER}n and so on. Notes,
 * since no .htaccess writes them. */
void fpmp_request_note(request_rec *r, const fpmp_chain_t *chain);

/* What of a request is known that no .htaccess can write. */
typedef struct {
    const fpmp_line_t *goes; /* it may run, and mod_actions takes it on */
    const fpmp_line_t *came; /* it is what that one has become */
    const fpmp_line_t *sent; /* it may run, and mod_proxy takes it on */
    const char *script;      /* SCRIPT_FILENAME of that one */
} fpmp_way_t;

/** Never NULL. */
const fpmp_way_t *fpmp_way_of(const request_rec *r);

/* ---- links.c ---------------------------------------------------------------------------- */

/* Runs behind the last line of the configuration; nobody writes it. */
#define FPMP_LINKS "fpmpool-links"
#define FPMP_WHY_MAX_BYTES 110 /* of another module's words in a message */

/** A line has been read: if its end is not the native one, have fpmp_links_make called when all
 * lines are read. The first one of an end brings its hooks, so that a server without it runs
 * none of them. */
void fpmp_links_expect(const cmd_parms *cmd, const fpmp_line_t *line);

/** That directive: put the links of all lines in force, as directives. What is refused of them
 * is a finding, and the line's PHP answers 503. */
const char *fpmp_links_make(cmd_parms *cmd, void *dir);

/** Read directives and run them as if they stood at the end of this host.
 * @return NULL, or why not */
const char *fpmp_links_run(const cmd_parms *cmd, server_rec *s, const char *text,
                           fpmp_where_t where);

/* ---- fastcgi.c -------------------------------------------------------------------------- */

void fpmp_fastcgi_hooks(void);

/** The first module that via=fastcgi needs and that is not loaded; NULL: none. */
const char *fpmp_fastcgi_missing(void);

/** Put the links of one line in force.
 * @param made  what was made for lines before it; kept there */
void fpmp_fastcgi_link(const cmd_parms *cmd, fpmp_plan_t *plan, fpmp_line_t *line,
                       apr_hash_t *made);

/** An end of the chain: hand a request that may run to mod_actions. DECLINED, or the HTTP
 * status of a fault that was said. */
int fpmp_fastcgi_run(request_rec *r, const fpmp_line_t *line);

/* ---- balancer.c -------------------------------------------------------------------------- */

void fpmp_balancer_hooks(void);

/** Put the balancer of a line's chain in force, once. */
void fpmp_balancer_link(const cmd_parms *cmd, fpmp_plan_t *plan, fpmp_line_t *line,
                        apr_hash_t *made);

/** An end of the chain: hand a request that may run to mod_proxy. DECLINED, or the HTTP status
 * of a fault that was said. */
int fpmp_balancer_run(request_rec *r, const fpmp_line_t *line);

/** Fixups, of a file that is not here: is it a script where root=remote is in force? Its name
 * and path info are settled then. */
int fpmp_balancer_remote(request_rec *r, const fpmp_line_t *line);

/* ---- export.c ---------------------------------------------------------------------------- */

/** Give each chain with hosts its port, by the registry of its group. Writes nothing. */
void fpmp_export_ports(fpmp_plan_t *plan);

/** Write the registries and the pool files of all groups, for a start. */
void fpmp_export_write(fpmp_plan_t *plan, const fpmp_httpd_t *httpd);

/** fpmp_states_settle for all groups. */
void fpmp_export_settle(fpmp_plan_t *plan);

/** Compare them, and ask the pools on their machines. Writes nothing. */
void fpmp_export_check(fpmp_plan_t *plan, const fpmp_httpd_t *httpd);

/* ---- php_value.c -------------------------------------------------------------------- */

/** The name of mod_php if it is loaded, else NULL. */
const char *fpmp_mod_php(void);

/** php_value, php_flag, php_admin_value and php_admin_flag of mod_php. */
const char *fpmp_see_php_value(cmd_parms *cmd, void *dir, const char *name,
                               const char *value);

/** Say once of each pool that a php_value of its .htaccess has no effect. */
void fpmp_php_value_say(request_rec *r, const fpmp_dir_t *dir);

/* ---- status_page.c, status_rows.c ------------------------------------------------- */

/** Core's directive SetHandler, seen a second time: where does the server's own configuration
 * set the handler of the status page? Never refuses. */
const char *fpmp_see_handler(cmd_parms *cmd, void *dir, const char *handler);

/** The handler "fpmpool-status". */
int fpmp_status_handle(request_rec *r);

/** The lines of mod_status: how many pools in which state. */
int fpmp_status_extend(request_rec *r, int flags);

/**
 * See all pools and judge them.
 * @param limit_ms  for the answers of the pools; 0: none is asked
 */
fpmp_status_t *fpmp_status_gather(apr_pool_t *p, server_rec *s, int limit_ms);

/* ---- store.c --------------------------------------------------------------------- */

/* Bytes kept until they are wanted, taken in the order they came: head, file, tail. */
typedef struct {
    request_rec *r;
    apr_off_t memory_max, file_max; /* bytes */
    apr_bucket_brigade *head;
    apr_file_t *file; /* its name is gone; NULL: none was needed */
    apr_off_t from, to; /* of the file: bytes not taken yet */
    apr_off_t at;       /* of the file: where its next read or write is; -1: unknown */
    apr_bucket_brigade *tail; /* for the file, or what it could not hold */
    apr_off_t tail_length;    /* bytes */
    apr_off_t length;         /* bytes not taken yet, of all three */
    int full;         /* add no more before it is empty */
} fpmp_store_t;

void fpmp_store_open(fpmp_store_t *store, request_rec *r, apr_off_t memory_max,
                     apr_off_t file_max);

/**
 * Keep a piece of data. It is kept in any case; see store->full.
 * @param bucket  heap bucket that owns data, so that the piece can be shared; NULL: copy it
 * @return APR_SUCCESS, or why the temporary file could not be written
 */
apr_status_t fpmp_store_add(fpmp_store_t *store, apr_bucket *bucket, const char *data,
                            const char *piece, apr_size_t len);

/** Move 1 to max bytes, as memory, to the end of out; nothing if the store is empty.
 * @return APR_SUCCESS, or why the temporary file could not be read */
apr_status_t fpmp_store_take(fpmp_store_t *store, apr_bucket_brigade *out, apr_off_t max);

/** Move everything to the end of out, the file as a file bucket. Nothing can be added after
 * it. */
void fpmp_store_take_all(fpmp_store_t *store, apr_bucket_brigade *out);

/** Forget everything. */
void fpmp_store_drop(fpmp_store_t *store);

/* ---- body.c ---------------------------------------------------------------------- */

/* The body of a request, as it is read from the client. */
typedef struct {
    apr_bucket_brigade *bb; /* the next piece; NULL: the request has no body */
    apr_off_t length;       /* bytes of the whole body; 0: none */
    int eos;                /* bb holds the end */
} fpmp_body_t;

/**
 * Open the body: it is read, to memory and then to a temporary file, before a worker of the
 * pool is taken.
 * @param limit  bytes kept at most; the rest of a longer one is read by fpmp_body_next. One
 * of unknown length, or that an input filter changes, is kept wholly, since PHP needs
 * CONTENT_LENGTH
 * @return OK, or the HTTP status that answers the request
 */
int fpmp_body_open(request_rec *r, apr_off_t limit, fpmp_body_t *body);

/** Read the next piece into body->bb. Returns OK or an HTTP status. */
int fpmp_body_next(request_rec *r, fpmp_body_t *body);

/* ---- params.c -------------------------------------------------------------------- */

/* FPM takes the path behind this prefix as the script itself and leaves PATH_INFO alone, also
 * after an internal redirect (init_request_info in fpm_main.c, where it is made for httpd). */
#define FPMP_SCRIPT_PREFIX "proxy:fcgi://localhost"

/** Drop what a .htaccess can set and the server computes, or what may never reach PHP-FPM. */
void fpmp_params_clean(request_rec *r);

/** Add HTTP_AUTHORIZATION to env, unless httpd itself checked the header. */
void fpmp_params_authorize(request_rec *r, apr_table_t *env);

/** The CGI variables for this request; see docs/variables.md for each. From r->pool. */
apr_table_t *fpmp_params_make(request_rec *r, const fpmp_body_t *body);

#define FPMP_RETRY_AFTER_SEC "5" /* what a client is told whose pool is full */

/* The answer of a pool on its way to the client. Zero it, then fpmp_answer_start. */
typedef enum { FPMP_ANSWER_HEAD, FPMP_ANSWER_BODY, FPMP_ANSWER_NO_BODY } fpmp_answer_e;
typedef struct {
    request_rec *r;
    const fpmp_line_t *line;
    fpmp_fcgi_reader_t reader;
    fpmp_answer_e state;
    char *head; /* header bytes while their end is not there yet */
    apr_size_t head_len;
    fpmp_store_t store;      /* the body, as far as it was not passed on */
    apr_bucket_brigade *out; /* empty between two calls */
    apr_off_t length_left;   /* of PHP's own Content-Length, not passed on; -1: it gave none */
    int over;                /* END_REQUEST came */
    int passed;    /* the client may have got something: the status cannot change */
    int unflushed; /* a content filter may hold something back */
    int gone;      /* the client went away */
    int told;      /* that nothing can be kept */
    char *err;  /* last line of PHP's error text, unfinished */
    apr_size_t err_len;
    apr_size_t err_total;
} fpmp_answer_t;

void fpmp_answer_start(fpmp_answer_t *answer, request_rec *r, const fpmp_line_t *line);

/**
 * Take received bytes.
 * @param bucket  heap bucket that owns data, so that pieces can be shared; NULL: copy them
 * @return OK, or the HTTP status of a broken answer, already logged
 */
int fpmp_answer_take(fpmp_answer_t *answer, apr_bucket *bucket, const char *data,
                     apr_size_t len);

/** Is there anything that the client has not got yet? Not before the header is complete. */
int fpmp_answer_waits(const fpmp_answer_t *answer);

/**
 * Pass on what the client takes without a wait: whole pieces.
 * @param sure  1: its socket can be written to just now; then the last bytes too, up to the
 * client
 */
void fpmp_answer_offer(fpmp_answer_t *answer, int sure);

/** Pass on everything, however long the client takes. */
void fpmp_answer_force(fpmp_answer_t *answer);

/**
 * The exchange is over.
 * @param status  OK: END_REQUEST came; else why it failed, as HTTP status, already logged
 * @return what the handler returns to httpd: the status if it can still be told, else the
 * answer is cut off so that the client can see it is not whole
 */
int fpmp_answer_finish(fpmp_answer_t *answer, int status);

/* ---- connect.c, exchange.c ------------------------------------------------------- */

/**
 * Connect to the pool; a moment in which nobody can is waited for.
 * @return OK, or the HTTP status to answer with, already logged
 */
int fpmp_pool_open(request_rec *r, const fpmp_line_t *line, const fpmp_end_t *end,
                   fpmp_conn_t *conn);

/**
 * Send the request and pass the answer on.
 * @param head  FastCGI records up to the body
 * @return OK, or the HTTP status for httpd to answer with
 */
int fpmp_exchange_run(request_rec *r, const fpmp_line_t *line, fpmp_body_t *body,
                      char *head, apr_size_t head_len);

/** Log one coded line about this request: link, what was seen, the mend, the FPMUser line.
 */
void fpmp_request_say(request_rec *r, const fpmp_line_t *line, const char *code,
                      fpmp_link_e link, const char *seen, const char *mend);

/** The same, of a request that is answered with this status. @return status */
int fpmp_request_refuse(request_rec *r, const fpmp_line_t *line, int status,
                        const char *code, fpmp_link_e link, const char *seen,
                        const char *mend);

#endif
