/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd's own configuration as values: every directive with its place, and every host with
 * what is in force in its document root. glue/ fills them; compete.c, docroot.c and lint*.c
 * judge them.
 */
#ifndef FPMP_CONF_H
#define FPMP_CONF_H

#include "view.h"

/* One directive of httpd's configuration tree. */
typedef struct fpmp_conf_t {
    const char *name;          /* "SetHandler"; a section as "<VirtualHost" */
    const char *args;          /* as written; of a section without the closing '>' */
    apr_array_header_t *words; /* const char *: args as httpd splits and unquotes them */
    fpmp_where_t where;        /* where.directive = name */
    const struct fpmp_conf_t *parent; /* the section around it; NULL: none */
    const struct fpmp_conf_t *host;   /* the <VirtualHost around it (or itself); NULL: the
                                         main server */
} fpmp_conf_t;

/* A place where PHP runs as somebody: a host with FPMUser, or a directory section. */
typedef struct {
    const fpmp_line_t *line; /* the FPMUser in force; not off, with a chain. NULL only in
                                fpmp_beside_t.bare */
    const char *host;        /* ServerName; NULL: unknown */
    const char *root;        /* absolute document root or directory, no trailing slash */
    const char *host_file;   /* place of the <VirtualHost; NULL: the main server */
    int host_line;
    int follow_links;  /* 1: FollowSymLinks in force there (SymLinksIfOwnerMatch: 0) */
    int allow_handler; /* 1: AllowOverride lets a .htaccess there set handlers */
    int allow_exec;    /* 1: ExecCGI is in force there, or a .htaccess may set it; also
                          "exec" of mod_include, where that is loaded */
} fpmp_site_t;

/* What stands beside FPMUser in httpd. */
typedef struct {
    const apr_array_header_t *conf;  /* const fpmp_conf_t *, in the order read */
    const apr_array_header_t *sites; /* const fpmp_site_t * */
    const apr_array_header_t *bare;  /* const fpmp_site_t *: hosts without FPMUser */
    const char *mod_php;             /* the module's name; NULL: not loaded */
    int proxy_fcgi;                  /* 1: mod_proxy_fcgi is loaded */
    const char *mod_cgi;             /* the module's name; NULL: not loaded */
    int mod_lua;                     /* 1: it is loaded */
    int suexec;                      /* 1: httpd can use suexec for CGI */
    /* 1: text matches this regular expression of httpd's */
    int (*matches)(apr_pool_t *p, const char *regex, const char *text);
} fpmp_beside_t;

#endif
