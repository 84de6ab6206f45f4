/* SPDX-License-Identifier: Apache-2.0
 *
 * A name service that fails as told, for tests: libnss_fpmtest.so.2, "fpmtest" in
 * nsswitch.conf. The name that is asked for says how it fails; it never finds anybody. It
 * knows one membership: fpmt_joined is in the group 64007. Asked for that group it does not
 * say so, but where it stands for systemd's: built with FPMTEST_SYSTEMD, in its place.
 */
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef FPMTEST_SYSTEMD
#define FUNCTION(name) _nss_systemd_##name
#define NAMES_MEMBERS 1
#else
#define FUNCTION(name) _nss_fpmtest_##name
#define NAMES_MEMBERS 0
#endif

static const struct {
    const char *prefix;
    enum nss_status status;
    int err, slow;
} answers[] = {
    { "fpmt_away", NSS_STATUS_UNAVAIL, ENOENT, 0 }, /* as libnss_sss without sssd */
    { "fpmt_refused", NSS_STATUS_UNAVAIL, ECONNREFUSED, 0 },
    { "fpmt_again", NSS_STATUS_TRYAGAIN, EAGAIN, 0 },
    { "fpmt_slow", NSS_STATUS_NOTFOUND, ENOENT, 1 },
};

/* FPMTEST_SLOW_MS, 5000 if unset. */
static void wait_long(void)
{
    const char *given = getenv("FPMTEST_SLOW_MS");
    long ms = given ? atol(given) : 5000;
    struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static enum nss_status answer(const char *name, int *err)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (strncmp(name, answers[i].prefix, strlen(answers[i].prefix)) == 0) {
            if (answers[i].slow) {
                wait_long();
            }
            *err = errno = answers[i].err;
            return answers[i].status;
        }
    }
    *err = errno = ENOENT;
    return NSS_STATUS_NOTFOUND;
}

enum nss_status FUNCTION(getpwnam_r)(const char *name, struct passwd *entry, char *buf,
                                     size_t size, int *err);
enum nss_status FUNCTION(getpwnam_r)(const char *name, struct passwd *entry, char *buf,
                                     size_t size, int *err)
{
    (void)entry;
    (void)buf;
    (void)size;
    return answer(name, err);
}

enum nss_status FUNCTION(getgrnam_r)(const char *name, struct group *entry, char *buf,
                                     size_t size, int *err);
enum nss_status FUNCTION(getgrnam_r)(const char *name, struct group *entry, char *buf,
                                     size_t size, int *err)
{
    (void)entry;
    (void)buf;
    (void)size;
    return answer(name, err);
}

/* The group 64666 is one that nobody can be asked for. */
enum nss_status FUNCTION(getgrgid_r)(gid_t gid, struct group *entry, char *buf, size_t size,
                                     int *err);
enum nss_status FUNCTION(getgrgid_r)(gid_t gid, struct group *entry, char *buf, size_t size,
                                     int *err)
{
    static char joined[] = "fpmt_joined";
    char **members = (char **)buf;

    if (!NAMES_MEMBERS || gid != 64007) {
        return answer(gid == 64666 ? "fpmt_away" : "", err);
    }
    if (getenv("FPMTEST_MEMBERS_AWAY")) {
        return answer("fpmt_away", err);
    }
    if (size < 5000) { /* the first buffer of whoever asks is too small */
        *err = errno = ERANGE;
        return NSS_STATUS_TRYAGAIN;
    }
    members[0] = joined;
    members[1] = NULL;
    *entry = (struct group){ .gr_name = joined, .gr_gid = gid, .gr_mem = members };
    return NSS_STATUS_SUCCESS;
}

int FUNCTION(asked); /* how often it was asked for the groups of a user */

enum nss_status FUNCTION(initgroups_dyn)(const char *name, gid_t primary, long *count,
                                         long *room, gid_t **groups, long limit, int *err);
enum nss_status FUNCTION(initgroups_dyn)(const char *name, gid_t primary, long *count,
                                         long *room, gid_t **groups, long limit, int *err)
{
    (void)primary;
    (void)limit;
    FUNCTION(asked)++;
    if (strcmp(name, "fpmt_joined") != 0) {
        return answer(name, err);
    }
    if (*count == *room) {
        *groups = realloc(*groups, (size_t)(*room *= 2) * sizeof(**groups));
    }
    (*groups)[(*count)++] = 64007;
    return NSS_STATUS_SUCCESS;
}
