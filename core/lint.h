/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains that were written by hand: the directives of httpd that lead from an extension to
 * a socket, link by link, and the pool that listens there. lint_find.c finds them,
 * lint_pool.c follows them to their pool, lint_judge.c judges each link, lint_line.c says
 * which FPMUser line does the same, lint_print.c prints it all. glue/lint.c calls them in
 * this order.
 */
#ifndef FPMP_LINT_H
#define FPMP_LINT_H

#include "core.h"

/* The lines of one chain, in its order. PROXY stands for all four before it. */
typedef enum {
    FPMP_HAND_TYPE,   /* AddType, AddHandler, ForceType, SetHandler NAME */
    FPMP_HAND_ACTION, /* Action NAME URL */
    FPMP_HAND_ALIAS,  /* Alias URL FILE; none where FILE lies in the document root */
    FPMP_HAND_SERVER, /* FastCgiExternalServer FILE -socket or -host */
    FPMP_HAND_PROXY,  /* SetHandler "proxy:...fcgi://", ProxyPass, ProxyPassMatch */
    FPMP_HAND_LINES
} fpmp_hand_e;

/* A virtual host, or the main server. */
typedef struct {
    const fpmp_conf_t *conf; /* its <VirtualHost; NULL: the main server */
    const char *name;        /* ServerName */
    const char *root;        /* DocumentRoot, no trailing slash; "": none is said */
    int ours;                /* 1: FPMUser stands in it, or for the whole server */
} fpmp_hand_host_t;

/* One chain. */
typedef struct {
    const fpmp_hand_host_t *host;
    const char *root; /* the directory that it serves: a <Directory's, or the host's */
    apr_array_header_t
        *hosts; /* const fpmp_hand_host_t *: the further ones that inherit it */
    const fpmp_conf_t *lines[FPMP_HAND_LINES];
    apr_array_header_t *ext; /* const char *: what it claims, php first; may be empty */
    int takes_all;           /* 1: files of every other name too */
    int php_elsewhere;       /* 1: .php has another way in the same host */
    const char *type;        /* MIME type or handler name */
    const char *url;         /* Action's target */
    const char *file; /* what it maps to; PROXY: the directory sent to PHP-FPM, or NULL */
    const char *address; /* path of the socket, or HOST:PORT; NULL: none */
    const char *unread;  /* why it cannot be followed, as a phrase; NULL: it can */
    int timeout_sec;     /* 0: httpd's Timeout */
    /* lint_pool.c */
    const fpmp_pool_t *pool, *pool_too; /* who listens; a second one that does */
    const fpmp_master_t *master;
    const fpmp_view_t *view; /* of the master */
    /* lint_judge.c */
    const fpmp_finding_t *broken; /* the first link that does not hold */
    /* lint_line.c */
    const char *text;         /* "FPMUser david pm.max_children=5"; NULL: none */
    fpmp_line_t *line;        /* the same, parsed; NULL: none */
    const char *why_not;      /* why none, as a phrase */
    apr_array_header_t *lost; /* const char *: what would change with it */
} fpmp_hand_t;

/* A master as it was looked at. */
typedef struct {
    const fpmp_master_t *master;
    const fpmp_master_facts_t *facts;
    fpmp_view_t *view; /* asked is set */
} fpmp_lint_master_t;

typedef struct {
    apr_pool_t *p;
    const fpmp_beside_t *beside;
    const fpmp_httpd_t *httpd;
    const char *server_root;   /* relative paths of httpd start here */
    uid_t euid;                /* whom we run as */
    apr_array_header_t *hosts; /* fpmp_hand_host_t *, the main server first */
    apr_array_header_t *hands; /* fpmp_hand_t * */
    apr_hash_t *index;         /* of beside->conf; lint_index.c only */
    apr_hash_t
        *servers;      /* name -> const fpmp_conf_t * of FastCgiExternalServer, an array */
    apr_hash_t *alone; /* pool file -> the one pool in it, or ""; lint_pool.c */
    apr_hash_t *answers; /* of httpd's regular expressions */
    apr_array_header_t
        *extensions;             /* const char *: that a line of the configuration names */
    apr_array_header_t *masters; /* fpmp_lint_master_t */
    apr_hash_t *places;          /* absolute path -> fpmp_place_t *: the answers to what
                                    fpmp_lint_find asks */
} fpmp_lint_t;

/**
 * Find every chain in the hosts without FPMUser.
 * @param lint  p, beside, httpd, server_root and euid are set; hosts and hands are filled,
 *              and places gets its questions: each key with itself as value
 */
void fpmp_lint_find(fpmp_lint_t *lint) FPMP_NONNULL(1);

/** The directives NAME that this host has itself (conf NULL: the main server), in the order
 * read: const fpmp_conf_t *. Never NULL. */
const apr_array_header_t *fpmp_lint_own(const fpmp_lint_t *lint, const fpmp_conf_t *host,
                                        const char *name) FPMP_NONNULL(1, 3);

/** All directives of this host. */
const apr_array_header_t *fpmp_lint_all_of(const fpmp_lint_t *lint, const fpmp_conf_t *host)
    FPMP_NONNULL(1);

/** lint_proxy.c: chains over mod_proxy_fcgi of one host, added to lint->hands. */
void fpmp_lint_proxies(fpmp_lint_t *lint, const fpmp_hand_host_t *host) FPMP_NONNULL(1, 2);

/** What both kinds share: a chain of this host that begins at 'entry'. */
fpmp_hand_t *fpmp_lint_add(fpmp_lint_t *lint, const fpmp_hand_host_t *host,
                           const fpmp_conf_t *entry) FPMP_NONNULL(1, 2);

/** The number behind a word that ends at '=' or stands before it; 0: there is none. */
int fpmp_lint_seconds(const fpmp_conf_t *conf, const char *word) FPMP_NONNULL(1, 2);

/** Follow each chain to its pool. Needs masters, with view->asked answered, and places. */
void fpmp_lint_follow(fpmp_lint_t *lint) FPMP_NONNULL(1);

/** Judge each chain: one finding for the first link that does not hold. */
void fpmp_lint_judge(fpmp_plan_t *plan, fpmp_lint_t *lint) FPMP_NONNULL(1, 2);

/**
 * Write the FPMUser line of each chain that reached a pool: text, line, lost, why_not.
 * @param plan  for its masters: php= is left out for the first
 */
void fpmp_lint_lines(const fpmp_plan_t *plan, fpmp_lint_t *lint) FPMP_NONNULL(1, 2);

/** Say of each whole chain where no FPMUser line, or not all of it, does the same. */
void fpmp_lint_say_lines(fpmp_plan_t *plan, const fpmp_lint_t *lint) FPMP_NONNULL(1, 2);

/** Everything for standard output. */
const char *fpmp_lint_text(const fpmp_lint_t *lint) FPMP_NONNULL(1);

/** The line where a chain begins. */
const fpmp_conf_t *fpmp_hand_entry(const fpmp_hand_t *hand) FPMP_NONNULL(1);

/** The user of the chain's pool as it was looked up; NULL: no pool, or it names none. */
const fpmp_user_facts_t *fpmp_hand_user(const fpmp_hand_t *hand) FPMP_NONNULL(1);

#endif
