/* SPDX-License-Identifier: Apache-2.0
 *
 * What lives of a master: its sockets, who listens on them, its workers. host/live.c looks,
 * drift_live.c judges. Nobody connects to a socket for this: that would take a worker.
 */
#ifndef FPMP_LIVE_H
#define FPMP_LIVE_H

#include "../mod_fpmpool.h"

typedef enum {
    FPMP_HOLDER_UNKNOWN, /* nobody could look; live->why says why */
    FPMP_HOLDER_NONE,    /* no process listens on this file */
    FPMP_HOLDER_MASTER,
    FPMP_HOLDER_OTHER /* somebody else listens */
} fpmp_holder_e;

typedef struct {
    fpmp_node_t node;  /* lstat */
    const char *owner; /* names of node.uid and node.gid; digits where there are none */
    const char *group;
    fpmp_holder_e holder;
    int named; /* 1: the master listens on a socket of this name, whatever is there now */
} fpmp_live_socket_t;

typedef struct {
    pid_t pid;
    const char *pool; /* as its title says */
    uid_t uid;        /* effective */
    const char *user; /* name of uid */
} fpmp_live_worker_t;

typedef struct {
    apr_hash_t *sockets; /* path -> fpmp_live_socket_t * */
    apr_hash_t *workers; /* pool name -> fpmp_live_worker_t *: one of the pool that does not
                            run as the others of the pool do, else the first */
    const char *why;     /* why sockets or workers could not be looked at; NULL: they were */
    int euid_known;
    uid_t euid; /* of the master */
    const char *user;
    int replaced; /* 1: the file of the program that runs was replaced since */
} fpmp_live_t;

#endif
