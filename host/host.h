/* SPDX-License-Identifier: Apache-2.0
 *
 * host/ asks and moves the machine: users, files, processes, sockets. It decides
 * nothing about right or wrong (core/ does), logs nothing, knows no httpd header.
 */
#ifndef FPMP_HOST_H
#define FPMP_HOST_H

#include "../core/masters.h"
#include "../core/status.h"

#include <sys/uio.h>

/* ---- pool_writer.c (top level) ----------------------------------------------------- */

/**
 * Put text at path, whole or not at all: temporary file in the same directory (no name that
 * FPM's "*.conf" reads), fsync, rename, fsync of the directory. Mode 0644, our owner.
 * Nothing at path is followed or opened; a directory, socket or FIFO there is refused.
 * @param dir_fd  the directory, opened with fpmp_dir_lock: the writer works relative to it
 * only
 * @param name    file name without '/'
 * @param why     on failure set to a phrase: which step on which path, errno in words
 * @return 0 or errno of the first failure; the old file is intact and no temporary file
 * left
 */
int fpmp_pool_write(apr_pool_t *p, int dir_fd, const char *name, const char *text,
                    const char **why) FPMP_NONNULL(1, 3, 4, 5);

/** Remove a pool file: unlink and fsync of the directory. ENOENT is success. Same return as
 * fpmp_pool_write. */
int fpmp_pool_remove(apr_pool_t *p, int dir_fd, const char *name, const char **why)
    FPMP_NONNULL(1, 3, 4);

/**
 * Keep a hand-edited pool file under a name that FPM does not read: NAME.edited, or
 * NAME.edited.2 to .99 if taken; never over a file that exists.
 * @param kept  set to the new name
 */
int fpmp_pool_keep_aside(apr_pool_t *p, int dir_fd, const char *name, const char **kept,
                         const char **why) FPMP_NONNULL(1, 3, 4, 5);

/**
 * Move a pool file out of FPM's sight: it becomes NAME.orphan, or .orphan.2 to .99 if taken;
 * never over a file that exists.
 * @param kept  set to the new name
 * @return as fpmp_pool_write
 */
int fpmp_pool_quarantine(apr_pool_t *p, int dir_fd, const char *name, const char **kept,
                         const char **why) FPMP_NONNULL(1, 3, 4, 5);

/* A pool directory, held by one process alone. */
typedef struct {
    int dir_fd;
    int lock_fd;
} fpmp_lock_t;

/**
 * Open a pool directory (no symlink as last component) and take the one lock of its master:
 * flock(2) on the file .fpmpool-lock in it, mode 0600, which stays there. The directory itself
 * would not do: whoever can open it could hold its lock. Where the file system is read-only
 * nobody can write, and the directory is locked.
 * @param wait_sec  deadline for the lock
 * @param lock      set; fpmp_dir_unlock it
 * @return 0, ETIMEDOUT if somebody else holds it for that long, or errno; why as above
 */
int fpmp_dir_lock(apr_pool_t *p, const char *dir, int wait_sec, fpmp_lock_t *lock,
                  const char **why) FPMP_NONNULL(1, 2, 4, 5);

/** Give the lock back and close both. */
void fpmp_dir_unlock(fpmp_lock_t *lock) FPMP_NONNULL(1);

/* ---- masters.c ----------------------------------------------------------------------- */

/**
 * Every PHP-FPM installation found by the table of layouts: main file and executable exist.
 * @param root  "" for the machine, else a directory that stands for "/" (tests); the paths
 * in the result carry no root
 * @return fpmp_master_t *, newest version first, complete as fpmp_master_derive leaves them
 */
apr_array_header_t *fpmp_masters_find(apr_pool_t *p, const char *root) FPMP_NONNULL(1, 2);

/** Read the main file of an FPMMaster line and derive what it left out. binary_path NULL is
 * searched for by the table. */
void fpmp_master_complete(apr_pool_t *p, fpmp_master_t *master) FPMP_NONNULL(1, 2);

/* ---- services.c ---------------------------------------------------------------------- */

/**
 * The name service as a whole said "missing": is there a service in /etc/nsswitch.conf that,
 * asked alone, cannot answer? One that is listed but not installed counts for nothing.
 * @param database  "passwd" or "group"
 * @param name      borrowed; NULL: the group of gid
 * @return NULL: none; else a phrase that names it and says why
 * Source: nsswitch.conf(5); <nss.h>; glibc 2.36, where getpwnam_r(3) of one such service
 * alone returns 0 or ENOENT too (libnss_sss 2.8.2 without sssd), so its own status is asked.
 */
const char *fpmp_services_doubt(apr_pool_t *p, const char *database, const char *name,
                                gid_t gid) FPMP_NONNULL(1, 2);

/** 1: nsswitch.conf asks "files" first for this database, and then the next service as usual,
 * so that what the file says is the answer. Source: nsswitch.conf(5). */
int fpmp_services_files_first(apr_pool_t *p, const char *database) FPMP_NONNULL(1, 2);

/**
 * How the services behind "files" are asked for the groups of a user.
 * @return functions for fpmp_services_member; NULL: one of them cannot be asked alone
 */
apr_array_header_t *fpmp_services_group_calls(apr_pool_t *p) FPMP_NONNULL(1);

/** 1: one of these services says that user is in the group wanted. One that cannot answer is
 * passed over, as getgrouplist(3) does. */
int fpmp_services_member(const apr_array_header_t *calls, const char *user, gid_t primary,
                         gid_t wanted) FPMP_NONNULL(1, 2);

/* ---- entries.c ------------------------------------------------------------------------ */

/* What /etc/passwd and /etc/group said when they were read. */
typedef struct fpmp_entries_t fpmp_entries_t;

/** Read both files; of a database that asks another service first nothing is known. */
fpmp_entries_t *fpmp_entries_read(apr_pool_t *p) FPMP_NONNULL(1);

/** 1: the file knows the name; its numbers. 0: the name service has to be asked. */
int fpmp_entries_user(const fpmp_entries_t *entries, const char *name, uid_t *uid,
                      gid_t *gid) FPMP_NONNULL(1, 2, 3, 4);
int fpmp_entries_group(const fpmp_entries_t *entries, const char *name, gid_t *gid)
    FPMP_NONNULL(1, 2, 3);

/** NULL: the file does not know the number. */
const char *fpmp_entries_gid_name(const fpmp_entries_t *entries, gid_t gid)
    FPMP_NONNULL(1);

/** 1: user is in the group wanted, 0: he is not, -1: the name service has to be asked. */
int fpmp_entries_member(apr_pool_t *p, const fpmp_entries_t *entries, const char *user,
                        gid_t primary, gid_t wanted) FPMP_NONNULL(1, 2, 3);

/* ---- facts.c, facts_user.c ---------------------------------------------------------- */

/** Look up a user and a group (NULL: the primary group). */
void fpmp_facts_user(apr_pool_t *p, const char *user, const char *group, gid_t httpd_gid,
                     fpmp_user_facts_t *out) FPMP_NONNULL(1, 2, 5);

/** Look up a group: fills group, group_lookup, gid and why. */
void fpmp_facts_group(apr_pool_t *p, const char *group, fpmp_user_facts_t *out)
    FPMP_NONNULL(1, 2, 3);

/* What all look-ups of one start have taken together. Zero but for limit_sec = fresh. */
typedef struct {
    int limit_sec;
    int asked;
    apr_int64_t used_us;
    const fpmp_entries_t *entries; /* asked first; NULL: the name service is, for each name */
} fpmp_lookup_time_t;

/**
 * The same, but nobody is asked any more once the time is used up: FAILED, why says so. A
 * look-up that has begun is never cut short.
 * @param time  NULL: no limit
 */
void fpmp_facts_user_within(apr_pool_t *p, const char *user, const char *group,
                            gid_t httpd_gid, fpmp_lookup_time_t *time,
                            fpmp_user_facts_t *out) FPMP_NONNULL(1, 2, 6);
void fpmp_facts_group_within(apr_pool_t *p, const char *group, fpmp_lookup_time_t *time,
                             fpmp_user_facts_t *out) FPMP_NONNULL(1, 2, 4);

/** Name of a uid / gid; digits if it has none. */
const char *fpmp_facts_uid_name(apr_pool_t *p, uid_t uid) FPMP_NONNULL(1);
const char *fpmp_facts_gid_name(apr_pool_t *p, gid_t gid) FPMP_NONNULL(1);

/** The groups of a process of this user, gid among them, as initgroups(3) gives them: gid_t.
 */
apr_array_header_t *fpmp_facts_groups(apr_pool_t *p, const char *user, gid_t gid)
    FPMP_NONNULL(1, 2);

/** lstat one path. */
void fpmp_facts_node(apr_pool_t *p, const char *path, fpmp_node_t *out)
    FPMP_NONNULL(1, 2, 3);

/** stat one path: a link is followed. */
void fpmp_facts_target(apr_pool_t *p, const char *path, fpmp_node_t *out)
    FPMP_NONNULL(1, 2, 3);

/** stat each component of an absolute path, "/" first, symlinks followed (the last one
 * not); ends at the first that is missing. */
apr_array_header_t *fpmp_facts_path(apr_pool_t *p, const char *path) FPMP_NONNULL(1, 2);

/** The same of its real path, links resolved; NULL: it is not there. */
apr_array_header_t *fpmp_facts_real_way(apr_pool_t *p, const char *path)
    FPMP_NONNULL(1, 2);

/**
 * lstat all that the kernel looks at on its way to an absolute path, links followed one by
 * one: each directory, then what is looked up in it. Behind a link or '..' the directory
 * where the way goes on stands again. Ends with the file, or with what is not FOUND.
 * Source: path_resolution(7); 40 links are followed, as there.
 */
apr_array_header_t *fpmp_facts_way(apr_pool_t *p, const char *path) FPMP_NONNULL(1, 2);

/** Read one regular file up to max_bytes (1 MiB), never blocking on a FIFO. */
void fpmp_facts_file(apr_pool_t *p, const char *path, fpmp_file_t *out)
    FPMP_NONNULL(1, 2, 3);

/**
 * The files that an include pattern of this master's main file matches, directories left
 * out.
 * @param resolved  set to the absolute pattern; NULL if it is relative to a prefix unknown
 * to us
 * @param err  set to 0, or the errno of a directory of the pattern that could not be read
 * @return const char * paths in FPM's order (bytewise), may be empty
 */
apr_array_header_t *fpmp_facts_include(apr_pool_t *p, const fpmp_master_t *master,
                                       const char *pattern, const char **resolved,
                                       int *err) FPMP_NONNULL(1, 2, 3, 4, 5);

/** Fill files, by_path and includes of facts from facts->main. */
void fpmp_facts_includes(apr_pool_t *p, const fpmp_master_t *master,
                         fpmp_master_facts_t *facts) FPMP_NONNULL(1, 2, 3);

/** One look at a master: main file, binary, directories, all files its includes match, pid.
 */
fpmp_master_facts_t *fpmp_facts_master(apr_pool_t *p, const fpmp_master_t *master)
    FPMP_NONNULL(1, 2);

/* ---- listeners.c ----------------------------------------------------------------------- */

/* A Unix socket that somebody listens on. */
typedef struct {
    const char *name;    /* as it was bound */
    unsigned long inode; /* of the socket, as in /proc/PID/fd; 0: it listens no more */
    int queue;           /* connections that nobody has accepted yet */
    int queue_max;
    int connections; /* that were accepted and are open */
} fpmp_listener_t;

/**
 * All of this network namespace.
 * @return inode number of the file (low 32 bits) -> apr_hash_t *: name -> fpmp_listener_t *;
 * NULL: errno is set
 * Source: sock_diag(7); an ordinary user may ask. A connection that nobody has accepted has no
 * inode yet, and is not listed (sk_diag_dump in net/unix/diag.c).
 */
apr_hash_t *fpmp_listeners(apr_pool_t *p) FPMP_NONNULL(1);

/** Those on this file: fpmp_listener_t *. Its directory may go by another name. */
apr_array_header_t *fpmp_listeners_at(apr_pool_t *p, apr_hash_t *all,
                                      const fpmp_node_t *node) FPMP_NONNULL(1, 2, 3);

/* ---- live.c ---------------------------------------------------------------------------
 */

/**
 * Look at a running master: its sockets, who listens on them, its workers. Connects to
 * nothing.
 * @param pid    of the master
 * @param paths  const char *, the sockets of our chains; borrowed
 * @return from pool p, never NULL
 */
fpmp_live_t *fpmp_live_look(apr_pool_t *p, pid_t pid, const apr_array_header_t *paths)
    FPMP_NONNULL(1, 3);

/** The sockets only: who listens on them, their owner and mode. */
fpmp_live_t *fpmp_live_sockets(apr_pool_t *p, pid_t pid, const apr_array_header_t *paths)
    FPMP_NONNULL(1, 3);

/* A connection to a pool. */
typedef struct {
    int fd;
} fpmp_conn_t;

/* ---- export.c --------------------------------------------------------------------------- */

/** Open the folder of one machine below dir_fd, made if it is not there.
 * @return 0, or errno and a phrase in why: it is not ours alone, or the system refuses */
int fpmp_subdir_open(apr_pool_t *p, int dir_fd, const char *name, int *fd, const char **why)
    FPMP_NONNULL(1, 3, 4, 5);

/** The names of the pool files in a folder: const char *, by name. */
apr_array_header_t *fpmp_subdir_pools(apr_pool_t *p, const char *dir) FPMP_NONNULL(1, 2);

/**
 * Begin to connect to "ADDRESS:PORT" without a wait; a name is looked up. The first send fails
 * where nobody listens. send, receive and close are those of fpmp_unix_end.
 * @return 0 or errno
 */
int fpmp_tcp_open(fpmp_conn_t *conn, const char *address, int wait_sec) FPMP_NONNULL(1, 2);

/* ---- pools.c, ask.c --------------------------------------------------------------------- */

/**
 * See all pools without asking one, as an ordinary user can.
 * @param masters  fpmp_status_master_t *, master set; filled
 * @param pools    fpmp_status_seen_t *, master, pool and paths set; filled
 */
void fpmp_pools_look(apr_pool_t *p, apr_array_header_t *masters, apr_array_header_t *pools)
    FPMP_NONNULL(1, 2, 3);

/* One pool to ask. */
typedef struct {
    const char *socket_path; /* or the address, for open */
    int (*open)(fpmp_conn_t *conn, const char *address, int wait_sec); /* NULL: a Unix socket */
    char *request; /* fpmp_status_request; not changed */
    apr_size_t request_len;
    const char *pool; /* whose it should be; NULL: nobody is in question */
    fpmp_ask_e how; /* set, as all below */
    int err;
    fpmp_figures_t figures;
} fpmp_ask_t;

/**
 * Ask all of them at once.
 * @param asks      fpmp_ask_t *
 * @param limit_ms  for all together. Whoever is asked has a quarter of it to answer, or is
 *                  SILENT; who was not asked by then is LATE
 */
void fpmp_pools_ask(apr_pool_t *p, apr_array_header_t *asks, int limit_ms)
    FPMP_NONNULL(1, 2);

/* ---- docroot.c --------------------------------------------------------------------- */

/**
 * Look at a document root, and walk it as far as the budget goes.
 * @param root       absolute path; links in it are followed, links below are not
 * @param user, uid, gid  as whom the pool runs
 * @param scan       0: only the root itself and the way to it
 * @param limit_sec  for all walks of this budget together
 * @param budget     what is left of it is kept there
 * @return from pool p, never NULL
 */
fpmp_tree_t *fpmp_docroot_look(apr_pool_t *p, const char *root, const char *user, uid_t uid,
                               gid_t gid, int scan, int limit_sec, fpmp_budget_t *budget)
    FPMP_NONNULL(1, 2, 3, 8);

/* ---- answers.c -------------------------------------------------------------------- */

/**
 * Fill the values of asked, and what the machine and the running master can carry.
 * @param time  for its look-ups; NULL: no limit
 */
void fpmp_facts_answer(apr_pool_t *p, const fpmp_master_facts_t *facts,
                       fpmp_lookup_time_t *time, fpmp_asked_t *asked)
    FPMP_NONNULL(1, 2, 4);

/* ---- run.c ----------------------------------------------------------------------- */

#define FPMP_RUN_TEXT_BYTES 65536

/* What came of a program. */
typedef struct {
    pid_t pid;
    int out;    /* reading end of its stdout and stderr, closed at the end */
    char *text; /* the first max bytes of what it said, NUL-terminated */
    size_t len;
    size_t max;
    int status; /* of waitpid(2); valid if reaped is 1 */
    int reaped; /* 1: ended; -1: somebody else took its status */
} fpmp_run_t;

/**
 * Run argv[0] (absolute path) and wait for its end.
 * @param leashed    1: it is killed when this process ends (Linux)
 * @param limit_sec  it is killed after this time, with all of its process group
 * @param max        bytes of what it says that are kept; FPMP_RUN_TEXT_BYTES for a message
 * @param run        filled; text from pool p
 * @return 0: it ended, run->status says how. ETIMEDOUT: killed. Else errno: it did not
 * start.
 */
int fpmp_run_program(apr_pool_t *p, char *const argv[], int leashed, int limit_sec,
                     size_t max, fpmp_run_t *run) FPMP_NONNULL(1, 2, 6);

/* ---- fpm_master.c ---------------------------------------------------------------- */

/**
 * Is the process of the pid file this master? Fills run, pid, run_why, pid_file.
 * Verified by /proc/PID/exe and the title "php-fpm: master process (CONFIG)"; without /proc
 * only that the process lives. A start or reload by somebody else that is just under way
 * shows as the right program without the title: that is waited for, at most 1 s.
 */
void fpmp_master_probe(apr_pool_t *p, const fpmp_master_t *master,
                       fpmp_master_facts_t *facts) FPMP_NONNULL(1, 2, 3);

/**
 * Test the changes as a whole: a private directory gets copies of what would change and a
 * main file that includes them among the unchanged ones; then BINARY -t -F -O -y COPY.
 * @param changes   fpmp_change_t
 * @param limit_sec the test is killed after this time
 * @param why       set on failure: FPM's own first line, or which step failed
 * @return 0: FPM takes it. EINVAL: FPM refuses it. ETIMEDOUT. Else errno of a step.
 */
int fpmp_master_test(apr_pool_t *p, const fpmp_master_t *master,
                     const fpmp_master_facts_t *facts, const apr_array_header_t *changes,
                     int limit_sec, const char **why) FPMP_NONNULL(1, 2, 3, 4, 6);

/**
 * Remove the private directories of tests whose process was killed.
 * @return the directory for temporary files, in which they are; NULL: there is none
 */
const char *fpmp_stage_sweep(apr_pool_t *p) FPMP_NONNULL(1);

/**
 * What would PHP-FPM run after these changes? BINARY -tt -F -O on copies of all files whose
 * log files are /dev/null, so that nothing is created or written.
 * @param known  paths of files that are left out; NULL: none
 * @param print  set to what it printed, from pool p
 * @return as fpmp_master_test; EACCES: a file could not be read; EFBIG: print is cut
 */
int fpmp_master_print(apr_pool_t *p, const fpmp_master_t *master,
                      const fpmp_master_facts_t *facts, const apr_array_header_t *changes,
                      apr_hash_t *known, int limit_sec, const char **print,
                      const char **why) FPMP_NONNULL(1, 2, 3, 4, 7, 8);

/**
 * Reload once and wait: verify the process again, SIGUSR2, then until the pid file is newer
 * than the signal (or, without pid file, the sockets are there) and every socket in appear
 * exists and every socket in vanish does not.
 * @param appear, vanish  const char * paths
 * @param wait_sec  deadline
 * @return 0 done; ESRCH: not running, nothing was sent; ETIMEDOUT; ECHILD: the master died
 */
int fpmp_master_reload(apr_pool_t *p, const fpmp_master_t *master,
                       const apr_array_header_t *appear, const apr_array_header_t *vanish,
                       int wait_sec, const char **why) FPMP_NONNULL(1, 2, 3, 4, 6);

/** Wait until the pid file names this master and it lives. 0, or ETIMEDOUT and why. */
int fpmp_master_await(apr_pool_t *p, const fpmp_master_t *master, int wait_sec,
                      const char **why) FPMP_NONNULL(1, 2, 4);

/* ---- recover.c ------------------------------------------------------------------- */

/** Bytes that a log file has now; 0: it is none, or not there. */
apr_off_t fpmp_log_mark(const char *path) FPMP_NONNULL(1);

/** What a log file got behind that mark, at most 64 KB; "" where it cannot be read. */
const char *fpmp_log_since(apr_pool_t *p, const char *path, apr_off_t mark)
    FPMP_NONNULL(1, 2);

/** Remove a socket that nobody listens on any more. 1: it was removed. */
int fpmp_socket_clear(const char *path) FPMP_NONNULL(1);

/** Remove a socket, whoever listens on it: a script's own process keeps that of a pool that
 * ended, and PHP-FPM does not start at it. */
void fpmp_socket_drop(const char *path) FPMP_NONNULL(1);

/* Who starts a master again. */
typedef struct {
    const char *unit; /* of systemd; NULL: it is not of one */
    int supervised;   /* 1: its parent does */
} fpmp_keeper_t;

/** Who keeps this master? Ask while it lives. */
fpmp_keeper_t fpmp_master_keeper(apr_pool_t *p, pid_t pid) FPMP_NONNULL(1);

/**
 * Start a master that ended: by its start_command, by systemd if it was of a unit, by its own
 * program if it was nobody's child; else wait for whoever supervises it.
 * @param wait_sec  for the program, and once more for the pid file
 * @param how       set to the command, for messages
 * @return 0: it runs; else errno and why
 */
int fpmp_master_start(apr_pool_t *p, const fpmp_master_t *master,
                      const fpmp_keeper_t *keeper, int wait_sec, const char **how,
                      const char **why) FPMP_NONNULL(1, 2, 3, 5, 6);

/* ---- sockets.c ------------------------------------------------------------------- */

/** Give a socket its owner, group and mode back. 0 or errno; EINVAL: it is no socket. */
int fpmp_socket_mend(const char *path, uid_t uid, gid_t gid, unsigned int mode)
    FPMP_NONNULL(1);

/** The sockets in a directory whose names begin so: const char *, absolute. */
apr_array_header_t *fpmp_socket_list(apr_pool_t *p, const char *dir, const char *prefix)
    FPMP_NONNULL(1, 2, 3);

/** Make the directory of the sockets, mode 0755, in a directory that is there. 0 or errno. */
int fpmp_socket_dir_make(const char *path) FPMP_NONNULL(1);

/* ---- the ends: how bytes reach a pool -------------------------------------------- */

#define FPMP_WATCH_POOL 1   /* the pool said something, or closed */
#define FPMP_WATCH_SEND 2   /* the pool takes more */
#define FPMP_WATCH_CLIENT 4 /* client_fd takes more, or is gone */

typedef struct {
    int want; /* FPMP_WATCH_*, ored */
    int client_fd;
    int limit_ms;
    int ready; /* set: those of want that came true */
} fpmp_watch_t;

/* One way to reach a pool. All calls return 0 or an errno; only open and wait take time. */
typedef struct {
    const char *name;
    /* Connect within wait_sec. ENOENT, ECONNREFUSED, EACCES; EAGAIN: the pool's queue is
     * full. */
    int (*open)(fpmp_conn_t *conn, const char *address, int wait_sec);
    /* Send what fits now; *sent may be short. EAGAIN: nothing fits. EPIPE, ECONNRESET:
     * closed. */
    int (*send)(fpmp_conn_t *conn, const struct iovec *vec, int count, apr_size_t *sent);
    /* Receive what is there; *got == 0 at the end. EAGAIN: nothing is there. */
    int (*receive)(fpmp_conn_t *conn, char *buf, apr_size_t size, apr_size_t *got);
    /* Wait until one of watch->want is true. ETIMEDOUT after limit_ms. */
    int (*wait)(fpmp_conn_t *conn, fpmp_watch_t *watch);
    void (*close)(fpmp_conn_t *conn);
} fpmp_end_t;

/** A Unix socket on this machine. address = its path. */
extern const fpmp_end_t fpmp_unix_end;

#endif
