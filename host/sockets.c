/* SPDX-License-Identifier: Apache-2.0
 *
 * The sockets of the pools as files: gives one back to whom it belongs, and makes their
 * directory where only its last component is missing, as under /run after a boot. Entry
 * points: fpmp_socket_mend, fpmp_socket_dir_make.
 */
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* httpd's user may own the directory (Debian's /run/php), and put a link or a file of root's
 * in the socket's place between two looks: all is done to the one inode that was opened. */
#ifdef O_PATH
int fpmp_socket_mend(const char *path, uid_t uid, gid_t gid, unsigned int mode)
{
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), err;
    char self[40];
    struct stat st;

    if (fd < 0) {
        return errno;
    }
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    err = fstat(fd, &st) != 0                                ? errno
          : !S_ISSOCK(st.st_mode)                            ? EINVAL
          : fchownat(fd, "", uid, gid, AT_EMPTY_PATH) != 0   ? errno
          : chmod(self, mode) != 0                           ? errno
                                                             : 0;
    close(fd);
    return err;
}
#else
int fpmp_socket_mend(const char *path, uid_t uid, gid_t gid, unsigned int mode)
{
    (void)path, (void)uid, (void)gid, (void)mode;
    return ENOSYS; /* no way here to do it safely */
}
#endif

int fpmp_socket_dir_make(const char *path)
{
    if (mkdir(path, 0755) != 0) {
        return errno;
    }
    return chmod(path, 0755) == 0 ? 0 : errno; /* mkdir(2) took the umask off */
}

apr_array_header_t *fpmp_socket_list(apr_pool_t *p, const char *dir, const char *prefix)
{
    apr_array_header_t *paths = apr_array_make(p, 8, sizeof(const char *));
    DIR *open = opendir(dir);
    struct dirent *entry;
    struct stat st;

    while (open && (entry = readdir(open)) != NULL) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
            fstatat(dirfd(open), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISSOCK(st.st_mode)) {
            APR_ARRAY_PUSH(paths, const char *) =
                apr_pstrcat(p, dir, "/", entry->d_name, NULL);
        }
    }
    if (open) {
        closedir(open);
    }
    return paths;
}
