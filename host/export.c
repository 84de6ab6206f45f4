/* SPDX-License-Identifier: Apache-2.0
 *
 * Pool files for other machines: the folder of each below the directory of export=, and the
 * way to a pool over TCP. pool_writer.c puts the files there; ask.c asks the pools.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int fpmp_subdir_open(apr_pool_t *p, int dir_fd, const char *name, int *fd, const char **why)
{
    char words[200];
    struct stat st;
    int err = 0;

    if (mkdirat(dir_fd, name, 0755) != 0 && errno != EEXIST) {
        err = errno;
    }
    *fd = err ? -1 : openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    err = err || *fd >= 0 ? err : errno;
    if (!err && fstat(*fd, &st) == 0 && (st.st_uid != geteuid() || st.st_mode & 022)) {
        close(*fd);
        *fd = -1;
        *why = apr_psprintf(p, "its folder '%s' belongs to somebody else, or others may write "
                               "it", name);
        return EPERM;
    }
    if (err) {
        *why = apr_psprintf(p, "its folder '%s' cannot be made or opened (%s)", name,
                            apr_strerror(err, words, sizeof(words)));
    }
    return err;
}

apr_array_header_t *fpmp_subdir_pools(apr_pool_t *p, const char *dir)
{
    apr_array_header_t *names = apr_array_make(p, 16, sizeof(const char *));
    glob_t found;
    size_t i;

    /* fpmp_rule_path and fpmp_address_kind leave no character that glob(3) takes for more. */
    if (glob(apr_pstrcat(p, dir, "/" FPMP_FILE_PREFIX "*.conf", NULL), 0, NULL, &found) != 0) {
        return names;
    }
    for (i = 0; i < found.gl_pathc; i++) {
        APR_ARRAY_PUSH(names, const char *) =
            apr_pstrdup(p, strrchr(found.gl_pathv[i], '/') + 1);
    }
    globfree(&found);
    return names;
}

static int connect_to(fpmp_conn_t *conn, const struct addrinfo *to)
{
    conn->fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (conn->fd < 0) {
        return errno;
    }
    if (connect(conn->fd, to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS) {
        int err = errno;

        close(conn->fd);
        conn->fd = -1;
        return err;
    }
    return 0;
}

int fpmp_tcp_open(fpmp_conn_t *conn, const char *address, int wait_sec)
{
    const struct addrinfo wanted = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    const char *colon = strrchr(address, ':');
    struct addrinfo *to = NULL;
    char host[80];
    int err;

    (void)wait_sec;
    conn->fd = -1;
    if (!colon || (size_t)(colon - address) >= sizeof(host)) {
        return EINVAL;
    }
    if (*address == '[') {
        apr_cpystrn(host, address + 1, (apr_size_t)(colon - address) - 1);
    }
    else {
        apr_cpystrn(host, address, (apr_size_t)(colon - address) + 1);
    }
    if (getaddrinfo(host, colon + 1, &wanted, &to) != 0) {
        return EADDRNOTAVAIL;
    }
    err = connect_to(conn, to);
    freeaddrinfo(to);
    return err;
}
