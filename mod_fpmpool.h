/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabulary that all rooms share: what a configuration line, a master, a
 * chain, a fact and a finding are. Types only, no behaviour: core/core.h,
 * host/host.h and glue/glue.h say what each room does with them.
 * No httpd header may be included here.
 */
#ifndef MOD_FPMPOOL_H
#define MOD_FPMPOOL_H

#include <apr.h>
#include <apr_hash.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include <sys/types.h>

#define FPMP_VERSION "0.1.0"

/* Name of the httpd handler, and prefix of every file and socket we make. */
#define FPMP_HANDLER "fpmpool"
#define FPMP_FILE_PREFIX "fpmpool-"

/* The handler of the status page, and where a pool answers with its figures. A script has a
 * file name with an extension, so that no URL of a site has this name by chance. */
#define FPMP_STATUS_HANDLER "fpmpool-status"
#define FPMP_STATUS_PATH "/fpmpool-status"

/* The handler of mod_fastcgi, and what the name of a link to it begins with. */
#define FPMP_FASTCGI_HANDLER "fastcgi-script"
#define FPMP_FASTCGI_PREFIX "fpmpool:"

/* ---- 1. Configuration ------------------------------------------------------- */

/* Where a line of the configuration stands. file == NULL: not from a line. */
typedef struct {
    const char *file;
    int line;
    const char *directive; /* "FPMUser" */
} fpmp_where_t;

/* One pool directive of PHP-FPM as the administrator wrote it, already checked. */
typedef struct {
    const char
        *name; /* FPM's own spelling, "pm.max_children"; arrays without [..]: "env" */
    const char *subkey; /* what stands in the brackets; NULL for a scalar */
    const char *value;  /* as it goes into the pool file, without quotes */
    int rank;           /* row in the table of settings: the order in the pool file */
    int quoted;         /* 1: the pool file wants it in double quotes */
    int since;          /* FPM version that brought it, 802 = 8.2; 0 = older than 7.2 */
    fpmp_where_t where;
} fpmp_setting_t;

/* To whom may a script belong? */
typedef enum {
    FPMP_OWNER_UNSET,
    FPMP_OWNER_STRICT, /* the user or root */
    FPMP_OWNER_ANY,
    FPMP_OWNER_STRICT_DIR /* as STRICT, and its directory too */
} fpmp_owner_e;

/* May configtest walk the document root? */
typedef enum { FPMP_SCAN_UNSET, FPMP_SCAN_ON, FPMP_SCAN_OFF } fpmp_scan_e;

/* How a request that may run gets to its pool. */
typedef enum {
    FPMP_VIA_UNSET,
    FPMP_VIA_NATIVE, /* the module's own FastCGI */
    FPMP_VIA_FASTCGI, /* mod_fastcgi, by directives that the module makes */
    FPMP_VIA_BALANCER /* mod_proxy_balancer, likewise: the pools are on other machines */
} fpmp_via_e;

/* Where the files of a site lie whose pools are on other machines. */
typedef enum {
    FPMP_ROOT_UNSET,
    FPMP_ROOT_LOCAL, /* here too, under the same path: httpd sees the script itself */
    FPMP_ROOT_REMOTE /* only there */
} fpmp_root_e;

typedef struct fpmp_chain_t fpmp_chain_t;
typedef struct fpmp_finding_t fpmp_finding_t;
typedef struct fpmp_hosts_t fpmp_hosts_t;
typedef struct fpmp_master_t fpmp_master_t;
typedef struct fpmp_state_t fpmp_state_t;

/* So much of one request body, and of one answer, is kept for a slow client. */
#define FPMP_BUFFER_BYTES (64 * 1024 * 1024)

/* One FPMUser line. */
typedef struct {
    int off; /* FPMUser off: the rest is empty */
    const char *user;
    const char *group;       /* NULL: the user's primary group */
    const char *php;         /* php=NAME, NULL: the default master */
    const char *hosts;       /* hosts=NAME, NULL: not given */
    apr_array_header_t *ext; /* const char *, without dot; NULL: not given. After
                                fpmp_chains_derive: those in force */
    fpmp_owner_e owner;
    fpmp_scan_e scan;
    fpmp_via_e via; /* never UNSET after fpmp_chains_derive */
    fpmp_root_e root;
    int timeout_sec;              /* 0: the server's Timeout */
    apr_off_t buffer_bytes; /* of one body kept in a file; -1: none; 0: not given, so
                               FPMP_BUFFER_BYTES after fpmp_chains_derive */
    apr_array_header_t *settings; /* fpmp_setting_t, in the order written */
    const char *host; /* ServerName of the virtual host it stands in; NULL: server */
    void *server;     /* that host as httpd has it, for glue/ */
    fpmp_where_t where;
    /* filled by fpmp_chains_derive */
    fpmp_chain_t *chain;           /* NULL if off or refused, unless only its end is */
    const fpmp_finding_t *refused; /* why it cannot serve; NULL: it can, or is off */
} fpmp_line_t;

typedef enum {
    FPMP_SYNC_UNSET,
    FPMP_SYNC_AUTO,  /* write, test, reload, wait */
    FPMP_SYNC_WRITE, /* write only */
    FPMP_SYNC_CHECK  /* touch nothing, a difference is an error */
} fpmp_sync_e;

/* One PHP-FPM installation. */
struct fpmp_master_t {
    const char *name;        /* "8.2", or as FPMMaster names it */
    const char *config_path; /* main file */
    const char *binary_path;
    const char *pid_path;   /* NULL: the main file names none */
    const char *pool_dir;   /* the directory its include pattern reads; NULL: none found */
    const char *socket_dir; /* NULL: unknown, FPMSocketDir is needed */
    const char *start_command; /* how it is started again, with arguments; NULL: as it was */
    const char *start_hint; /* what its distribution's administrator types; NULL: not known */
    const char *trouble;    /* why a path above is missing, as a phrase; NULL: complete */
    int version;            /* 802 = 8.2; 0 = unknown */
    int control_timeout_sec; /* the process_control_timeout that our pool files set; 0: none,
                                somebody else does, or nobody has looked yet */
    fpmp_where_t where;     /* its FPMMaster line; file == NULL: detected */
};

/* A group of machines with the same pools: one FPMHosts line. */
struct fpmp_hosts_t {
    const char *name;
    apr_array_header_t *machines; /* const char *, addresses or names, in lower case */
    apr_array_header_t *allow;    /* const char *, addresses of the web servers */
    const char *export_dir;       /* DIR/MACHINE/fpmpool-USER.conf, and DIR/ports */
    int port_from, port_to;
    apr_array_header_t *member, *balancer; /* const char *, "retry=5": KEY=VALUE of mod_proxy */
    fpmp_master_t *master; /* stands for PHP-FPM there: it has a name and no path */
    const fpmp_finding_t *broken; /* why none of its pools can be reached; NULL: they can */
    fpmp_where_t where;
};

/* What the ends of the chain need that are not the module's own. */
typedef struct {
    int expected; /* 1 << fpmp_via_e, ored: those that lines say */
    const char *fastcgi_missing; /* a module that via=fastcgi needs; NULL: none is missing */
    apr_array_header_t *hosts; /* fpmp_hosts_t *, in the order read */
} fpmp_ends_t;

/* Whom httpd's children run as, and which server this is. */
typedef struct {
    const char *user; /* name, or digits where the uid has no name */
    const char *group;
    uid_t uid;
    gid_t gid;
    apr_array_header_t *groups; /* gid_t, the further groups of its children; NULL: none */
    const char *server_id; /* absolute path of the PidFile: tells two servers on one machine
                              apart */
    int timeout_sec;  /* Timeout of the main server */
    int unprivileged; /* 1: an ordinary user starts it, and it stays that user */
} fpmp_httpd_t;

/* ---- 2. Chain ---------------------------------------------------------------- */

typedef enum {
    FPMP_LINK_NONE,
    FPMP_LINK_DIRECTIVE,
    FPMP_LINK_USER,
    FPMP_LINK_EXTENSION,
    FPMP_LINK_HANDLER,
    FPMP_LINK_SOCKET,
    FPMP_LINK_POOL,
    FPMP_LINK_POOL_FILE,
    FPMP_LINK_MASTER
} fpmp_link_e;

typedef enum {
    FPMP_WEIGHT_NONE,
    FPMP_BROKEN, /* the coming start would be wrong: exit 1 of configtest, 503 at request */
    FPMP_PENDING, /* the next start mends it by itself; a start does not say it */
    FPMP_NOTICE,  /* worth knowing, stops nothing */
    FPMP_UNKNOWN  /* we could not look: what, and as whom */
} fpmp_weight_e;

/* One broken link. Made in core, printed in one place. */
struct fpmp_finding_t {
    const char *code; /* "FPMPnnnn", one per call site; docs/errors.md */
    fpmp_link_e link; /* the first link that is broken */
    fpmp_weight_e weight;
    const char *seen;          /* what is wrong, with the value seen and the value wanted */
    const char *mend;          /* the next action, as an order */
    fpmp_where_t where;        /* the line it came from */
    const fpmp_chain_t *chain; /* whose link; NULL: of more than one chain, or of none */
    const fpmp_master_t
        *master; /* all of its chains are meant; NULL: not of a whole master */
};

/* All links of one pool, derived from its FPMUser lines. One per (master, user). */
struct fpmp_chain_t {
    const char *user;
    const char *group; /* NULL until the user's facts are known: primary group */
    const fpmp_master_t *master;
    const char *pool; /* section name, equal to user */
    const char *pool_file_path;
    const char *socket_path;
    const char *socket_owner; /* httpd's User */
    const char *socket_group; /* httpd's Group */
    apr_array_header_t *ext;  /* const char *, without dot */
    apr_array_header_t
        *settings; /* fpmp_setting_t, defaults merged in, sorted by rank and subkey */
    apr_array_header_t *lines;    /* fpmp_line_t *, the first one names the place */
    uid_t uid;                    /* of user; valid where broken == NULL */
    gid_t gid;                    /* of group; as uid */
    fpmp_where_t where;           /* the first FPMUser line */
    const fpmp_finding_t *broken; /* why it cannot serve; NULL: it can */
    int user_unfit; /* 1: the user is gone or forbidden, so no pool file may name it */
    const char *status_path; /* pm.status_path */
    const fpmp_hosts_t *hosts; /* the machines its pools are on; NULL: on this one */
    const char *balancer;      /* "balancer://fpmpool-david"; NULL without hosts */
    const char *allowed;       /* listen.allowed_clients; NULL without hosts */
    int port;                  /* on all of them; 0: none yet */
    void *made; /* the balancer as mod_proxy has it, for glue/; NULL: not made */
    const char *fastcgi_url; /* of via=fastcgi: also the path and, without its '/', the Action */
    fpmp_state_t *state; /* shared with the children; NULL: this run serves nobody */
};

/* How far is a chain since this start of httpd? */
typedef enum {
    FPMP_PHASE_PENDING, /* its change is under way: a new pool may still come */
    FPMP_PHASE_READY,
    FPMP_PHASE_BROKEN /* code and link say why */
} fpmp_phase_e;

#define FPMP_STATE_TEXT_BYTES 240 /* of a message that has 300 as a whole */

/* What the processes of one httpd know of a chain together. The numbers are read and written
 * as atomics only; link and code stand before phase leaves PENDING. */
struct fpmp_state_t {
    apr_uint32_t phase;
    apr_uint32_t away_since; /* ms of the clock: nobody could connect from then on; 0: one could */
    apr_uint32_t away_seen;  /* and the last one who could not */
    apr_uint32_t uid;        /* of the user; -1: not known (yet) */
    apr_uint32_t errors;     /* of requests, said in the log */
    apr_uint32_t error;      /* number of the last code; 0: none */
    apr_uint32_t error_at;   /* seconds of the clock */
    apr_uint32_t php_said;   /* 1: a php_value without effect was said */
    fpmp_link_e link;        /* for BROKEN */
    char code[12];
    char wrong[FPMP_STATE_TEXT_BYTES]; /* as in the finding */
    char mend[FPMP_STATE_TEXT_BYTES];
};

/* ---- 3. Facts: what host/ saw ------------------------------------------------- */

typedef enum {
    FPMP_LOOKUP_UNASKED,
    FPMP_LOOKUP_FOUND,
    FPMP_LOOKUP_MISSING, /* it is not there, for sure */
    FPMP_LOOKUP_FAILED   /* we could not look; why says so */
} fpmp_lookup_e;

typedef struct {
    fpmp_lookup_e user_lookup;
    fpmp_lookup_e group_lookup; /* of the group asked for, or of the primary group */
    const char *why;            /* for FAILED: errno in words */
    uid_t uid;
    gid_t gid; /* of that group */
    gid_t primary_gid;
    const char *group;  /* name of gid; digits if it has none */
    int in_httpd_group; /* 1: primary gid, gid or a supplementary group is httpd's */
} fpmp_user_facts_t;

typedef enum {
    FPMP_NODE_NONE,
    FPMP_NODE_FILE,
    FPMP_NODE_DIR,
    FPMP_NODE_LINK,
    FPMP_NODE_SOCKET,
    FPMP_NODE_FIFO,
    FPMP_NODE_OTHER
} fpmp_node_e;

/* One lstat(2). */
typedef struct {
    const char *path;
    fpmp_lookup_e lookup;
    const char *why;
    fpmp_node_e kind;
    uid_t uid;
    gid_t gid;
    unsigned int mode; /* permission bits, 07777 */
    apr_int64_t mtime_ns;
    apr_uint64_t inode;
    int irregular; /* 1: it, or what a link leads to, is no file to read */
} fpmp_node_t;

/* One file that FPM's include patterns match, with its bytes. */
typedef struct {
    fpmp_node_t node;
    const char *text; /* NUL-terminated; NULL: could not be read, node.why says so */
    apr_size_t len;
    apr_array_header_t *way; /* fpmp_node_t of its real path, "/" first, where it is a link
                                or lies outside the pool directory; NULL: node is all */
} fpmp_file_t;

/* A fifth level of includes ends PHP-FPM (8.2.36). */
#define FPMP_INCLUDE_DEPTH_MAX 4

/* One include line as PHP-FPM follows it. */
typedef struct {
    const char *file; /* where it stands */
    int line;
    const char *pattern;  /* as written */
    const char *resolved; /* absolute; NULL: relative to a prefix that nobody can ask for,
                             or not followed */
    int depth;            /* 1: in the main file; beyond the most it is not followed */
    int dir_errno;        /* 0, or why a directory of it could not be read */
    apr_array_header_t *files; /* fpmp_file_t *, in PHP-FPM's order */
} fpmp_include_t;

typedef enum {
    FPMP_RUN_UNKNOWN, /* no pid file named: nobody can say */
    FPMP_RUN_NO,      /* no pid file, or its process is gone */
    FPMP_RUN_YES,     /* pid lives and is this binary with this main file */
    FPMP_RUN_OTHER    /* pid lives and is somebody else: never signalled */
} fpmp_run_e;

/* What one look at a master saw. */
typedef struct {
    fpmp_file_t main; /* the main file */
    fpmp_node_t binary;
    /* fpmp_node_t, one per component of the real path, "/" first; NULL: not there */
    apr_array_header_t *binary_way, *main_way, *start_way;
    apr_array_header_t *pool_dir; /* fpmp_node_t, one per component, "/" first; stops at the
                                     first missing */
    apr_array_header_t *socket_dir; /* the same */
    apr_array_header_t *includes;   /* fpmp_include_t *, in the order followed */
    apr_array_header_t *files;      /* fpmp_file_t *, FPM's include order, each only once */
    apr_hash_t *by_path;            /* path -> fpmp_file_t * of files */
    apr_hash_t *own; /* path -> fpmp_chain_t *: those of files that are byte for byte what a
                        start writes; NULL: not compared yet */
    fpmp_node_t pid_file;
    fpmp_run_e run;
    pid_t pid;               /* valid for RUN_YES */
    const char *run_why;     /* for NO, OTHER and UNKNOWN: a phrase */
    int may_write;           /* 1: we run as root or own the pool directory */
} fpmp_master_facts_t;

/* ---- 4. Changes: what a start does -------------------------------------------- */

typedef enum {
    FPMP_CHANGE_NONE,
    FPMP_CHANGE_WRITE,        /* text goes to path */
    FPMP_CHANGE_WRITE_ASIDE,  /* the file at path was edited by hand: keep a copy, then as
                                 WRITE */
    FPMP_CHANGE_REMOVE,       /* a file of ours that no FPMUser names any more */
    FPMP_CHANGE_REMOVE_ASIDE, /* the same, edited by hand: keep a copy, then remove */
    FPMP_CHANGE_LAST_POOL,   /* as REMOVE, but PHP-FPM would have no pool left: it stays */
    FPMP_CHANGE_LOAD         /* the file is right, but newer than the running PHP-FPM */
} fpmp_change_e;

typedef struct {
    fpmp_change_e kind;
    const char *path;
    const char *text;    /* for WRITE, NUL-terminated */
    fpmp_chain_t *chain; /* for WRITE and LOAD, else NULL */
    int refused; /* 1: REMOVE because PHP-FPM would end at it: it can neither wait nor come
                    back */
} fpmp_change_t;

#endif
