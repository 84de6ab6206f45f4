/* SPDX-License-Identifier: Apache-2.0
 *
 * core/: values in, values out. Every rule about PHP-FPM lives in this room, and
 * nothing here touches files, users, sockets, the clock or the log. Facts come
 * in as filled structs, so each rule is tested without a server.
 * "borrowed" = the caller keeps it alive as long as the result.
 */
#ifndef FPMP_CORE_H
#define FPMP_CORE_H

#include "../mod_fpmpool.h"

#if defined(__GNUC__)
#define FPMP_NONNULL(...) __attribute__((nonnull(__VA_ARGS__)))
#define FPMP_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define FPMP_NONNULL(...)
#define FPMP_PRINTF(a, b)
#endif

#include "conf.h"
#include "fcgi.h"
#include "live.h"
#include "target.h"
#include "timeout.h"
#include "tree.h"
#include "view.h"

/* ---- rules.c: one value, one rule. NULL = fine, else the reason as a phrase that
 * follows the quoted value. The phrase is a constant or from pool p. ------------- */

/**
 * Can this user name be the name of a pool, of a file and of a socket?
 * @param name  borrowed
 * Source: FPM reads section names without regard to case and cuts them to 31 bytes in
 * its scoreboard; "[global]" is its main section (fpm_conf.c, 8.2). All-digit names
 * would be read as a uid.
 */
const char *fpmp_rule_user_name(const char *name) FPMP_NONNULL(1);

/** Can this group name stand in a pool file? Same alphabet as a user name. */
const char *fpmp_rule_group_name(const char *name) FPMP_NONNULL(1);

/** Can this be the name of a master (FPMMaster NAME, php=NAME)? It becomes part of the
 * socket's name. */
const char *fpmp_rule_master_name(const char *name) FPMP_NONNULL(1);

/**
 * Is this a file extension that httpd and FPM will compare in the same way?
 * @param ext  without the dot
 * Source: security.limit_extensions is a list separated by blanks, compared with case.
 */
const char *fpmp_rule_extension(const char *ext) FPMP_NONNULL(1);

/**
 * Is this a socket path that FPM and httpd will both reach? The phrase carries no mend.
 * @param p     pool for the returned phrase
 * @param path  absolute path, borrowed
 * Source: sun_path in unix(7), 107 bytes + NUL; php-fpm 8.2 cuts a longer path in
 * silence. ',' and '=' break FPM_SOCKETS at the first reload, ':' makes it TCP, '//' hides
 * that two pools share a socket (runs by us on 8.2.36).
 */
const char *fpmp_rule_socket_path(apr_pool_t *p, const char *path) FPMP_NONNULL(1, 2);

/** Is this an absolute path of plain characters, without '//', '/./' or '/../'? */
const char *fpmp_rule_path(apr_pool_t *p, const char *path) FPMP_NONNULL(1, 2);

/**
 * May this text stand between double quotes in a pool file and mean itself?
 * @return phrase naming the first byte that may not; bytes >= 0x80 may
 * Source: zend_ini_scanner.l: in double quotes only '"', '\' and '$' are special; FPM's
 * fpm_conf.c splits at LF and replaces "$pool".
 */
const char *fpmp_rule_value(apr_pool_t *p, const char *value) FPMP_NONNULL(1, 2);

/**
 * May this decoded PATH_INFO be sent to PHP-FPM? No control character may; no site needs
 * one there. The phrase does not repeat the text.
 * Source: CVE-2019-11043: PHP-FPM before 7.1.33, 7.2.24 and 7.3.11 wrote past its buffer
 * where a newline in the URL had left PATH_INFO empty.
 */
const char *fpmp_rule_path_info(apr_pool_t *p, const char *path_info) FPMP_NONNULL(1, 2);

/**
 * Is every component of this directory safe to write into as root?
 * @param nodes  fpmp_node_t, "/" first, as fpmp_facts_path fills it
 * @param euid   whom we run as: that user's directories are as safe as root's
 * @return NULL if safe, else a phrase with the component, its owner and mode
 * A component is unsafe if it is no directory, belongs to neither root nor euid, or if
 * group or others may write to it without the sticky bit. The last component may not even
 * be writable with the sticky bit.
 */
const char *fpmp_rule_safe_dir(apr_pool_t *p, const apr_array_header_t *nodes, uid_t euid)
    FPMP_NONNULL(1, 2);

/**
 * May root make this directory: is only its last component missing, in a directory that is
 * safe as fpmp_rule_safe_dir says?
 * @param nodes  as fpmp_facts_path fills it for dir
 */
int fpmp_rule_makes_dir(apr_pool_t *p, const apr_array_header_t *nodes, const char *dir,
                        uid_t euid) FPMP_NONNULL(1, 2, 3);

/**
 * May a process of this user use what is there?
 * @param gid, groups  its group and further ones; (gid_t)-1, NULL: none
 * @param bits         of the mode: 01 pass or run, 02 write and connect, 04 read
 * Source: path_resolution(7); unix(7) for sockets.
 */
int fpmp_rule_may(uid_t uid, gid_t gid, const apr_array_header_t *groups,
                  const fpmp_node_t *node, unsigned int bits) FPMP_NONNULL(4);

/**
 * Can nobody but root (and euid) change this file, or put another one in its place?
 * @param nodes  as above, of the path with links resolved; NULL: nobody looked
 * @return NULL if so, or if it could not be looked at; else a phrase as above
 */
const char *fpmp_rule_safe_file(apr_pool_t *p, const apr_array_header_t *nodes, uid_t euid)
    FPMP_NONNULL(1);

/**
 * Can somebody but this user and root lead the way to a script elsewhere?
 * @param way  fpmp_node_t, as fpmp_facts_way fills it
 * @param all  1: each directory counts. 0: only those in which a link or the script lies
 * @return NULL if not, else the first node that lets him: a directory of his, one that group
 * or others may write (the sticky bit mends it where a directory follows), or one not FOUND
 * Source: rename(2), unlink(2): who may write a directory replaces what lies in it.
 */
const fpmp_node_t *fpmp_rule_own_way(const apr_array_header_t *way, uid_t uid, int all)
    FPMP_NONNULL(1);

/**
 * What our handler does with a file of this name where FPMUser is in force.
 * @param name  file name or path; only the text after the last '/' counts
 * @param ext   const char * without dots, the pool's extensions; NULL: FPMUser off
 * @return FPMP_CLAIM_NONE: not PHP, somebody else's. _RUN: execute it. _REFUSE: it is a
 * PHP file by its name, yet the pool must not run it: 403, never its source.
 */
typedef enum { FPMP_CLAIM_NONE, FPMP_CLAIM_RUN, FPMP_CLAIM_REFUSE } fpmp_claim_e;
fpmp_claim_e fpmp_rule_claim(const char *name, const apr_array_header_t *ext)
    FPMP_NONNULL(1);

/* ---- settings.c: the table of PHP-FPM's pool directives; agree.c: several of them -- */

/**
 * Check one KEY=VALUE by FPM's own type and range.
 * @param p    pool for copies and for the phrase
 * @param arg  "pm.max_children=20", "php_admin_value[memory_limit]=256M"; borrowed
 * @param out  filled on success, except where
 * @return NULL if fine, else one phrase that names the key or value, the rule, and where
 *         there is one the nearest known key
 * Source: fpm_conf.c of 8.2.32 and 8.4.24 (ini_fpm_pool_options, value parsers).
 */
const char *fpmp_setting_parse(apr_pool_t *p, const char *arg, fpmp_setting_t *out)
    FPMP_NONNULL(1, 2, 3);

/**
 * Check settings that belong together, as FPM does after reading a pool.
 * @param settings  fpmp_setting_t, defaults merged in
 * @return NULL if fine, else a phrase in FPM's own words for the rule, e.g. spare servers
 * of pm=dynamic against pm.max_children Source: fpm_conf_process_all_pools, 8.2.32.
 */
const char *fpmp_settings_agree(apr_pool_t *p, const apr_array_header_t *settings)
    FPMP_NONNULL(1, 2);

/** "pm.max_children" or "env[APP_ENV]", as the administrator writes it. From pool p. */
const char *fpmp_setting_key(apr_pool_t *p, const fpmp_setting_t *setting)
    FPMP_NONNULL(1, 2);

/** 1: both name the same key. A key with [] may stand several times with different values.
 */
int fpmp_setting_same(const fpmp_setting_t *a, const fpmp_setting_t *b) FPMP_NONNULL(1, 2);

/** Sort settings into the order of the pool file: rank, then subkey (bytewise). */
void fpmp_settings_sort(apr_array_header_t *settings) FPMP_NONNULL(1);

/* ---- value.c: one value of one pool directive ------------------------------------ */

/* How PHP-FPM reads a value. From QUOTED_FROM on it stands in double quotes. */
typedef enum {
    FPMP_VALUE_NONE, /* the module derives it: no value is taken */
    FPMP_VALUE_INT,
    FPMP_VALUE_TIME,
    FPMP_VALUE_BOOL,
    FPMP_VALUE_FLAG, /* php_flag[NAME]: a switch of php.ini */
    FPMP_VALUE_PM,
    FPMP_VALUE_CORE, /* a number or "unlimited" */
    FPMP_VALUE_URI,  /* what SCRIPT_NAME is compared with */
    FPMP_VALUE_FILE,
    FPMP_VALUE_DIR, /* "/" too */
    FPMP_VALUE_TEXT,
    FPMP_VALUE_FORMAT, /* access.format */
    FPMP_VALUE_LIST,   /* access.suppress_path[] */
    FPMP_VALUE_ENV,    /* env[NAME] */
    FPMP_VALUE_INI,    /* php_value[NAME] */
    FPMP_VALUE_NUMBER  /* php_value[error_reporting] */
} fpmp_value_e;
#define FPMP_VALUE_QUOTED_FROM FPMP_VALUE_URI

typedef struct {
    fpmp_value_e type;
    int min; /* of INT and CORE */
    int max;
} fpmp_value_rule_t;

/**
 * Check one value by its rule.
 * @param stored  set to what goes into the pool file: value itself, or FPM's one spelling
 * of a word ("yes" for "On"); borrowed or constant
 * @return NULL if fine, else a phrase that follows the quoted value
 * Source: the parsers of fpm_conf.c, 8.2.32, each row tried by us on 8.2.36.
 */
const char *fpmp_value_check(apr_pool_t *p, const fpmp_value_rule_t *rule,
                             const char *value, const char **stored)
    FPMP_NONNULL(1, 2, 3, 4);

/** The administrator's own text inside a message: at most 60 bytes, control characters as
 * '?'. */
const char *fpmp_value_shown(apr_pool_t *p, const char *text) FPMP_NONNULL(1, 2);

/** The same with at most max bytes: a path. */
const char *fpmp_text_shown(apr_pool_t *p, const char *text, apr_size_t max)
    FPMP_NONNULL(1, 2);

/* ---- line.c: the arguments of FPMUser, FPMDefaults, FPMMaster ------------------- */

/**
 * Read the arguments of FPMUser or FPMDefaults.
 * @param line      pcalloc'ed by the caller, where already set; filled
 * @param with_user 1: argv[0] is USER[:GROUP] or "off" (FPMUser); 0: FPMDefaults
 * @return NULL if fine, else the whole message without code and place
 */
const char *fpmp_line_parse(apr_pool_t *p, fpmp_line_t *line, int with_user, int argc,
                            char *const argv[]) FPMP_NONNULL(1, 2);

/** Read the arguments of FPMMaster: NAME [config= binary= pid= pool_dir= socket_dir=]. */
const char *fpmp_master_parse(apr_pool_t *p, fpmp_master_t *master, int argc,
                              char *const argv[]) FPMP_NONNULL(1, 2);

/* ---- ini.c: the strict reader of FPM's files ------------------------------------- */

typedef struct {
    const char *section; /* as written, without brackets; NULL: before any section */
    const char *name;    /* key; NULL for the entry that only opens a section */
    const char *subkey;  /* NULL: no brackets; "" for [] */
    const char *value;   /* unquoted, magic words applied ("1" or ""); "" if empty */
    int line;            /* 1 = first line of the file */
} fpmp_ini_entry_t;

typedef struct {
    apr_array_header_t *entries; /* fpmp_ini_entry_t */
    int opaque_line; /* 0: understood wholly; else the first line that is not plain */
    const char *opaque_why; /* phrase */
} fpmp_ini_t;

/**
 * Read a main file or pool file of PHP-FPM. What cannot be understood for sure makes the
 * result opaque from that line on; nothing is guessed.
 * @param text  NUL-terminated, len bytes
 * @return never NULL, from pool p
 * Source: fpm_conf_load_ini_file and zend_ini_scanner.l, 8.2.32: lines end at LF only, ';'
 * comments, section at column 0, values as in the grammar beside the code.
 */
fpmp_ini_t *fpmp_ini_read(apr_pool_t *p, const char *text, apr_size_t len)
    FPMP_NONNULL(1, 2);

/* What the main file says about the whole installation. */
typedef struct {
    const char *pid;              /* as written; NULL: none */
    apr_array_header_t *includes; /* const char *, as written, in order */
    int control_timeout_sec;      /* process_control_timeout; 0: unset */
} fpmp_main_t;

/** Pick pid, include and process_control_timeout out of a main file (global section only;
 * include anywhere). */
fpmp_main_t *fpmp_main_pick(apr_pool_t *p, const fpmp_ini_t *ini) FPMP_NONNULL(1, 2);

/** FPM's time value in seconds: digits with s, m, h, d or none. -1: not a time. */
int fpmp_ini_time_sec(const char *value) FPMP_NONNULL(1);

/**
 * The main file with each include line replaced by one include line per file, so that a
 * staged copy can be tested beside the real one.
 * @param text     the main file, NUL-terminated
 * @param expand   called for each include pattern; returns an array of const char * paths
 * in FPM's order (may be empty, not NULL)
 * @param baton    handed to expand
 * @return the new text, from pool p
 */
const char *fpmp_stage_text(apr_pool_t *p, const char *text,
                            apr_array_header_t *(*expand)(void *baton, const char *pattern),
                            void *baton) FPMP_NONNULL(1, 2, 3);

#define FPMP_STAGE_GARBLED "l0g"
/* Settings of extensions that are gone, whose value PHP-FPM makes absolute and prints as it
 * does with a log file, but opens for nobody. Source: fpm_conf.c 8.2.32; run by us, 8.2.36. */
#define FPMP_STAGE_ACCESS_LOG "php_admin_value[mime_magic.magicfile]"
#define FPMP_STAGE_SLOWLOG "php_admin_value[xmms.path]"
/* The same for error_log of the global section: pid, which only a start writes. */
#define FPMP_STAGE_ERROR_LOG "pid"
/**
 * The same text with every file that PHP-FPM opens for writing replaced by /dev/null; line
 * numbers stay. The value of a log goes to one of the names above. Where such a key
 * stands otherwise in a line that is not plain, its "log" becomes FPMP_STAGE_GARBLED.
 */
const char *fpmp_stage_silent(apr_pool_t *p, const char *text) FPMP_NONNULL(1, 2);

/** The text of a file without what PHP-FPM passes over: from a NUL byte to the line end. */
const char *fpmp_stage_whole(apr_pool_t *p, const char *text, apr_size_t len)
    FPMP_NONNULL(1, 2);

/** PHP-FPM's complaint of a silent text in the words of the real one; NULL: it complains of
 * what was garbled only. */
const char *fpmp_stage_heard(apr_pool_t *p, const char *complaint) FPMP_NONNULL(1, 2);

/* ---- complaint.c ----------------------------------------------------------------- */

/**
 * Why PHP-FPM refuses, in its own words: one line without time stamp and control
 * characters.
 * @param output  its stderr
 * @param names   const char * pairs: path of a copy, real path
 * @return NULL if it said nothing
 */
const char *fpmp_complaint(apr_pool_t *p, const char *output,
                           const apr_array_header_t *names) FPMP_NONNULL(1, 2, 3);

/**
 * The service of systemd that a process belongs to.
 * @param cgroup  /proc/PID/cgroup
 * @return NULL: it belongs to none
 */
const char *fpmp_unit_name(apr_pool_t *p, const char *cgroup) FPMP_NONNULL(1, 2);

/* ---- findings.c ------------------------------------------------------------------- */

/** Add a finding; seen and mend are formatted by the caller (apr_psprintf). Returns its
 * place, which stays valid (array of pointers). */
fpmp_finding_t *fpmp_finding_add(apr_array_header_t *findings, const char *code,
                                 fpmp_link_e link, fpmp_weight_e weight, fpmp_where_t where,
                                 const char *seen, const char *mend) FPMP_NONNULL(1, 2);

/** The one line that users see. */
const char *fpmp_finding_text(apr_pool_t *p, const fpmp_finding_t *finding)
    FPMP_NONNULL(1, 2);

/** "socket", "pool file", ...: the word used everywhere. */
const char *fpmp_link_name(fpmp_link_e link);

/* ---- chain.c ------------------------------------------------------------------------ */

/* The states of all chains, in shared memory. */
typedef struct {
    apr_uint32_t later; /* 1: pools are to be removed when the old children have ended */
    apr_uint32_t busy;  /* 1: a process works at the changes */
    fpmp_state_t chains[]; /* as in plan->chains */
} fpmp_states_t;

/* Everything one reading of the configuration said, and what was derived from it. */
typedef struct {
    apr_pool_t *pool;
    apr_array_header_t *lines;         /* fpmp_line_t *, FPMUser, in the order read */
    fpmp_line_t *defaults;             /* FPMDefaults; NULL: none */
    apr_array_header_t *masters_given; /* fpmp_master_t *, FPMMaster, in the order read */
    const char *socket_dir;            /* FPMSocketDir; NULL: none */
    fpmp_sync_e sync;                  /* FPMSync; UNSET = auto */
    int strict;                        /* FPMStrict */
    int ignore_php_value;              /* FPMIgnorePHPValue */
    fpmp_where_t socket_dir_where, sync_where, strict_where, ignore_php_value_where;
    const fpmp_targets_t *targets; /* of mod_proxy; NULL: not looked at */
    const fpmp_httpd_t *httpd;     /* set with the derived part */
    fpmp_ends_t ends;              /* other than the native one */
    fpmp_states_t *states; /* NULL: this run serves nobody */
    int graceful; /* 1: children of the configuration before still serve */
    int untold;   /* 1: the first pass of this start waited for PHP-FPM in vain */
    long parent;  /* pid of the httpd for which a process apart syncs; 0: it is httpd itself */
    /* derived */
    apr_array_header_t *masters;  /* fpmp_master_t *, the default first */
    apr_array_header_t *chains;   /* fpmp_chain_t * */
    apr_array_header_t *findings; /* fpmp_finding_t * */
} fpmp_plan_t;

/** An empty plan from pool p. */
fpmp_plan_t *fpmp_plan_make(apr_pool_t *p) FPMP_NONNULL(1);

/**
 * Derive every chain. Needs plan->masters; fills plan->chains and each line's chain, and
 * adds findings for what cannot be derived (no master, settings that disagree, socket path
 * too long).
 */
void fpmp_chains_derive(fpmp_plan_t *plan, const fpmp_httpd_t *httpd) FPMP_NONNULL(1, 2);

/** The value of a scalar setting of a chain; NULL: it has none. */
const char *fpmp_chain_setting(const fpmp_chain_t *chain, const char *name);

/** Into the order of the FPMUser lines, those of no line first; what is broken comes last. */
void fpmp_findings_sort(fpmp_plan_t *plan) FPMP_NONNULL(1);

/**
 * The rules that need the whole chain, called by fpmp_chains_derive: adds at most one
 * finding.
 * @param taken  pool directories and socket paths of the chains before it; this one is
 * added
 */
void fpmp_chain_check(fpmp_plan_t *plan, fpmp_chain_t *chain, apr_hash_t *taken)
    FPMP_NONNULL(1, 2, 3);

/** Add a finding about one chain, at its first line. FPMP_BROKEN sets chain->broken. */
void fpmp_chain_find(fpmp_plan_t *plan, fpmp_chain_t *chain, const char *code,
                     fpmp_link_e link, fpmp_weight_e weight, const char *seen,
                     const char *mend) FPMP_NONNULL(1, 2, 3, 6, 7);

/* ---- pool_text.c ----------------------------------------------------------------------- */

/**
 * The bytes of a pool file. The same chain gives the same bytes: no date, no order of
 * reading.
 * @param chain  group is known; settings sorted
 * @return NUL-terminated, from pool p
 */
const char *fpmp_pool_text_render(apr_pool_t *p, const fpmp_chain_t *chain,
                                  const char *server_id) FPMP_NONNULL(1, 2, 3);

/** The same without the two lines of the marker. Before "[david]" stands [global] where the
 * master's control_timeout_sec asks for it: before a section of its own, such lines change
 * nothing for the files before and behind. */
const char *fpmp_pool_text_body(apr_pool_t *p, const fpmp_chain_t *chain)
    FPMP_NONNULL(1, 2);

/** ".php .phtml" */
const char *fpmp_pool_text_ext(apr_pool_t *p, const apr_array_header_t *ext)
    FPMP_NONNULL(1, 2);

typedef enum {
    FPMP_MARK_NONE,  /* no marker of ours: never touched */
    FPMP_MARK_WHOLE, /* ours, the hash matches */
    FPMP_MARK_EDITED /* ours, and changed since */
} fpmp_mark_e;

/**
 * Whose file is this?
 * @param server_id  if not NULL, set to the PidFile in the marker, from pool p; NULL for
 * MARK_NONE
 */
fpmp_mark_e fpmp_pool_text_mark(apr_pool_t *p, const char *text, apr_size_t len,
                                const char **server_id) FPMP_NONNULL(1, 2);

/** The last value of a scalar in a pool file, NULL: it has none. From pool p. */
const char *fpmp_pool_text_value(apr_pool_t *p, const char *text, apr_size_t len,
                                 const char *name) FPMP_NONNULL(1, 2, 4);

/**
 * The bytes of a pool file of ours with another socket. A hash that fits does so again; of a
 * file that was edited it stays wrong.
 * @param text  ends with a NUL
 * @return from pool p; NULL: it is not ours, or has no such socket
 */
const char *fpmp_pool_text_moved(apr_pool_t *p, const char *text, const char *from,
                                 const char *to) FPMP_NONNULL(1, 2, 3, 4);

/** Do two pool files of ours say the same to FPM (all but the marker lines)? */
int fpmp_pool_text_same(const char *a, const char *b) FPMP_NONNULL(1, 2);

/* ---- drift.c, changes.c ----------------------------------------------------------------
 */

/**
 * Judge one user against the rules. Sets chain->group, chain->uid, and chain->broken on a
 * finding.
 */
void fpmp_drift_user(fpmp_plan_t *plan, fpmp_chain_t *chain, const fpmp_user_facts_t *facts,
                     const fpmp_httpd_t *httpd) FPMP_NONNULL(1, 2, 3, 4);

/**
 * Which pool files are already what a start would write?
 * @return path -> fpmp_chain_t *, from plan->pool
 */
apr_hash_t *fpmp_own_files(const fpmp_plan_t *plan, const fpmp_master_t *master,
                           const fpmp_master_facts_t *facts, const fpmp_httpd_t *httpd)
    FPMP_NONNULL(1, 2, 3, 4);

/**
 * Judge a master: main file, binary, directories, all files that it reads, its process.
 * @param view  of the same facts
 * @return 1: PHP-FPM would not live through a reload, so it must not be told to; else 0
 */
int fpmp_drift_master(fpmp_plan_t *plan, const fpmp_master_t *master,
                      const fpmp_master_facts_t *facts, const fpmp_view_t *view,
                      const fpmp_httpd_t *httpd, uid_t euid) FPMP_NONNULL(1, 2, 3, 4, 5);

/**
 * Judge the running master: its sockets, who holds them, its workers. Only chains of which
 * nothing was found that hangs on the pool file or before it.
 */
void fpmp_drift_live(fpmp_plan_t *plan, const fpmp_master_t *master,
                     const fpmp_master_facts_t *facts, const fpmp_live_t *live,
                     const fpmp_httpd_t *httpd) FPMP_NONNULL(1, 2, 3, 4, 5);

/** What a start has to write and remove for this master: fpmp_change_t, in a fixed order.
 */
apr_array_header_t *
fpmp_changes_find(apr_pool_t *p, const fpmp_plan_t *plan, const fpmp_master_t *master,
                  const fpmp_master_facts_t *facts, const fpmp_httpd_t *httpd)
    FPMP_NONNULL(1, 2, 3, 4, 5);

/** The files of ours that changes do not remove, each as the removal that takes it out if
 * PHP-FPM refuses it as it stands: fpmp_change_t. */
apr_array_header_t *fpmp_changes_standing(apr_pool_t *p, const fpmp_master_facts_t *facts,
                                          const fpmp_httpd_t *httpd,
                                          const apr_array_header_t *changes)
    FPMP_NONNULL(1, 2, 3, 4);

/** 1: with these changes the master still has a pool; without one it does not start. */
int fpmp_changes_leave_pool(apr_pool_t *p, const fpmp_master_facts_t *facts,
                            const apr_array_header_t *changes) FPMP_NONNULL(1, 2, 3);

/* ---- compete.c ------------------------------------------------------------------------ */

/** Judge what else in httpd's configuration claims the files of a FPMUser, or lets a user
 * reach around it: one line per directive, at most ten per kind. */
void fpmp_compete(fpmp_plan_t *plan, const fpmp_beside_t *beside, const fpmp_httpd_t *httpd)
    FPMP_NONNULL(1, 2, 3);

/* ---- docroot.c ------------------------------------------------------------------------ */

/**
 * Judge one document root: at most one line.
 * @param said  lines of this kind so far; from 20 on they are only counted
 * @return 1: something is wrong with it
 */
int fpmp_docroot_judge(fpmp_plan_t *plan, const fpmp_site_t *site, const fpmp_tree_t *tree,
                       const fpmp_httpd_t *httpd, int said) FPMP_NONNULL(1, 2, 3, 4);

/**
 * After the last one: say how many were only counted, and where the walk stopped.
 * @param last  the site whose tree was not walked to its end; NULL: all were
 * @param tree  of last
 */
void fpmp_docroot_end(fpmp_plan_t *plan, int said, const fpmp_site_t *last,
                      const fpmp_tree_t *tree) FPMP_NONNULL(1);

/* ---- report.c, report_json.c ----------------------------------------------------- */

/**
 * The chain link by link with the state of each, then the long form that its line stands
 * for, for DUMP_FPMPOOL: several lines.
 * @param sites  const fpmp_site_t *, all of them
 */
const char *fpmp_report_chain(apr_pool_t *p, const fpmp_plan_t *plan,
                              const fpmp_chain_t *chain, const apr_array_header_t *sites)
    FPMP_NONNULL(1, 2, 3, 4);

/** The lines that have no chain: off, or refused. */
const char *fpmp_report_rest(apr_pool_t *p, const fpmp_plan_t *plan) FPMP_NONNULL(1, 2);

/**
 * One chain as a JSON object, for DUMP_FPMPOOL=json. Text that is no UTF-8 has U+FFFD for
 * each byte that is not.
 */
const char *fpmp_json_chain(apr_pool_t *p, const fpmp_plan_t *plan,
                            const fpmp_chain_t *chain, const apr_array_header_t *sites)
    FPMP_NONNULL(1, 2, 3, 4);

/** What has no chain, as members of the object around the chains: "off", "refused",
 * "findings". */
const char *fpmp_json_rest(apr_pool_t *p, const fpmp_plan_t *plan) FPMP_NONNULL(1, 2);

#endif
