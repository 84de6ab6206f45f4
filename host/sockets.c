/* SPDX-License-Identifier: Apache-2.0
 *
 * The sockets of the pools as files: gives one back to whom it belongs, and makes their
 * directory where only its last component is missing, as under /run after a boot. Entry
 * points: fpmp_socket_mend, fpmp_socket_dir_make.
 */
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directory is safe (fpmp_rule_safe_dir), and no link is followed in it: what is mended
 * is the socket that was looked at, or one that PHP-FPM has just put in its place. */
int fpmp_socket_mend(const char *path, uid_t uid, gid_t gid, unsigned int mode)
{
    struct stat st;

    if (lstat(path, &st) != 0) {
        return errno;
    }
    if (!S_ISSOCK(st.st_mode)) {
        return EINVAL;
    }
    if (lchown(path, uid, gid) != 0 || chmod(path, mode) != 0) {
        return errno;
    }
    return 0;
}

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
