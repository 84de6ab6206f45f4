/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of a start share about one master: sync.c is the way through, sync_choose.c
 * lets PHP-FPM test the changes, sync_reload.c tells it and brings it back if it ends,
 * sync_sockets.c mends sockets that a reload does not.
 */
#ifndef FPMP_SYNC_H
#define FPMP_SYNC_H

#include "glue.h"

typedef struct {
    fpmp_plan_t *plan;
    fpmp_master_t *master;
    const fpmp_httpd_t *httpd;
    server_rec *s;
    fpmp_master_facts_t *facts;
    fpmp_view_t *view;
    apr_array_header_t *changes; /* fpmp_change_t: what is to be done, what is left of it */
    int dir_fd;                  /* the pool directory, locked */
    int written, removed;
    apr_array_header_t *stale; /* const char *, sockets of pools that no file names */
} fpmp_sync_run_t;

/** 1: this change writes or removes a file. */
int fpmp_sync_touches(const fpmp_change_t *change);

/** 1: PHP-FPM would end at the file that this change removes, for its user is gone or it was
 * refused: it can neither wait nor come back. */
int fpmp_sync_must_go(fpmp_sync_run_t *run, const fpmp_change_t *change);

/** 1: the pool of this chain was there before, so it goes on whatever happens now. */
int fpmp_sync_had(const fpmp_sync_run_t *run, const fpmp_chain_t *chain);

/** Add a finding of this master, at the line of chain, or where there is none of the master. */
fpmp_finding_t *fpmp_sync_say(fpmp_sync_run_t *run, const fpmp_chain_t *chain,
                              const char *code, fpmp_link_e link, fpmp_weight_e weight,
                              const char *seen, const char *mend);

/** Something went wrong with the whole change. Sites whose pool was there before go on with
 * it; those that wait for a new pool cannot serve. */
void fpmp_sync_failed(fpmp_sync_run_t *run, const char *code, fpmp_link_e link,
                      const char *seen, const char *mend);

/** Put these bytes, or none, at the path of a pool file. 0, or errno and why. */
int fpmp_sync_put(fpmp_sync_run_t *run, const char *path, const char *text,
                  const char **why);

/**
 * Which changes does PHP-FPM take? All of them; or, if it refuses, those that it takes
 * together, and the rest is said and dropped from run->changes.
 * @return 0: what is left in run->changes may be made; else nothing may, and it was said
 */
int fpmp_sync_choose(fpmp_sync_run_t *run);

/** Make run->changes, then tell PHP-FPM. */
void fpmp_sync_make(fpmp_sync_run_t *run);

/** Tell PHP-FPM once and wait until the sockets are as the changes want them. If it ends, the
 * old files come back and it is started again. Says what happened. */
void fpmp_sync_reload(fpmp_sync_run_t *run);

/**
 * Before the changes are made: sockets that are lost, or no longer httpd's. Owner and mode
 * are given back; a pool whose socket is gone moves to another one for a moment, so that the
 * way back makes its socket anew.
 * @return 1: pool files were moved, so the master has to be looked at again
 */
int fpmp_sync_sockets(fpmp_sync_run_t *run);

/** @return const char *, the paths of the sockets of this master's pools that lie there. */
apr_array_header_t *fpmp_sync_sockets_there(const fpmp_sync_run_t *run);

/** Fill run->stale. Such sockets that nobody listens on are removed. */
void fpmp_sync_stale(fpmp_sync_run_t *run);

/** Make the socket directory where only its last component is missing. */
void fpmp_sync_socket_dir(fpmp_sync_run_t *run);

#endif
