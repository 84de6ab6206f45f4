/* SPDX-License-Identifier: Apache-2.0
 *
 * What the machine says of users and groups. Tells "he is not there" apart from "we could
 * not look"; what either means is core's. Entry point: fpmp_facts_user.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_ENTRY_BYTES (1024 * 1024) /* of one passwd or group entry */
#define MAX_GROUPS 65536              /* NGROUPS_MAX of Linux */

static const char *words(apr_pool_t *p, int err)
{
    apr_status_t status = err;

    return apr_psprintf(p, "%pm", &status);
}

/* glibc asks the next service of nsswitch.conf when one cannot look, and forgets that it
 * could not: out of descriptors, "files systemd" says that root does not exist
 * (glibc 2.36). So "missing" only counts where the file itself can be opened, and where no
 * service, asked alone, fails to answer. */
static int can_look(const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 || errno == ENOENT; /* a system without that file has other services */
}

/* Nothing was found, with this errno. POSIX: 0 means missing; glibc's services also say so
 * with these two.
 * @param name  NULL: the group of this gid */
static fpmp_lookup_e judge_missing(apr_pool_t *p, int err, const char *database,
                                   const char *name, gid_t gid, const char **why)
{
    const char *doubt;

    if (err != 0 && err != ENOENT && err != ESRCH) {
        *why = words(p, err);
        return FPMP_LOOKUP_FAILED;
    }
    if (!can_look(apr_pstrcat(p, "/etc/", database, NULL))) {
        *why = words(p, errno);
        return FPMP_LOOKUP_FAILED;
    }
    doubt = fpmp_services_doubt(p, database, name, gid);
    if (doubt) {
        *why = doubt;
        return FPMP_LOOKUP_FAILED;
    }
    return FPMP_LOOKUP_MISSING;
}

/* Call ask with a buffer that grows until the entry fits. 'ask' uses buf and size and sets
 * found; keep takes what is wanted of the entry, for the buffer goes: one of each of 1,000
 * users would be kept as long as the configuration. */
#define ASK_GROWING(p, err, ask, found, keep)                                              \
    do {                                                                                   \
        apr_pool_t *scratch;                                                               \
        size_t size = 1024;                                                                \
        char *buf = NULL;                                                                  \
        apr_pool_create(&scratch, p);                                                      \
        do {                                                                               \
            if (!buf || err == ERANGE) {                                                   \
                size *= 4;                                                                 \
                buf = apr_palloc(scratch, size);                                           \
            }                                                                              \
            err = (ask);                                                                   \
        } while (err == EINTR || (err == ERANGE && size < MAX_ENTRY_BYTES));               \
        if (found) {                                                                       \
            keep;                                                                          \
        }                                                                                  \
        apr_pool_destroy(scratch);                                                         \
    } while (0)

static fpmp_lookup_e find_user(apr_pool_t *p, const char *name, uid_t *uid, gid_t *gid,
                               const char **why)
{
    struct passwd entry, *found = NULL;
    int err = 0;

    ASK_GROWING(p, err, getpwnam_r(name, &entry, buf, size, &found), found,
                (*uid = entry.pw_uid, *gid = entry.pw_gid));
    return found ? FPMP_LOOKUP_FOUND : judge_missing(p, err, "passwd", name, 0, why);
}

static fpmp_lookup_e find_group(apr_pool_t *p, const char *name, gid_t *gid,
                                const char **why)
{
    struct group entry, *found = NULL;
    int err = 0;

    ASK_GROWING(p, err, getgrnam_r(name, &entry, buf, size, &found), found,
                *gid = entry.gr_gid);
    return found ? FPMP_LOOKUP_FOUND : judge_missing(p, err, "group", name, 0, why);
}

static fpmp_lookup_e find_gid(apr_pool_t *p, gid_t gid, const char **name,
                              const char **why)
{
    struct group entry, *found = NULL;
    int err = 0;

    ASK_GROWING(p, err, getgrgid_r(gid, &entry, buf, size, &found), found,
                *name = apr_pstrdup(p, entry.gr_name));
    return found ? FPMP_LOOKUP_FOUND : judge_missing(p, err, "group", NULL, gid, why);
}

const char *fpmp_facts_uid_name(apr_pool_t *p, uid_t uid)
{
    struct passwd entry, *found = NULL;
    const char *name = NULL;
    int err = 0;

    ASK_GROWING(p, err, getpwuid_r(uid, &entry, buf, size, &found), found,
                name = apr_pstrdup(p, entry.pw_name));
    return name ? name : apr_psprintf(p, "%lu", (unsigned long)uid);
}

const char *fpmp_facts_gid_name(apr_pool_t *p, gid_t gid)
{
    const char *name, *why;

    return find_gid(p, gid, &name, &why) == FPMP_LOOKUP_FOUND
               ? name
               : apr_psprintf(p, "%lu", (unsigned long)gid);
}

apr_array_header_t *fpmp_facts_groups(apr_pool_t *p, const char *user, gid_t gid)
{
    apr_array_header_t *all = apr_array_make(p, 8, sizeof(gid_t));
    int count = 64, room, i;
    gid_t *groups;

    do {
        room = count;
        groups = apr_palloc(p, (apr_size_t)room * sizeof(*groups));
        if (getgrouplist(user, gid, groups, &count) >= 0) {
            break;
        }
        count = count > room ? count : room * 2;
    } while (count <= MAX_GROUPS);
    for (i = 0; i < count && i < room; i++) {
        APR_ARRAY_PUSH(all, gid_t) = groups[i];
    }
    return all;
}

/* Supplementary groups count: FPM's workers get them all through initgroups(3). */
static int is_member(apr_pool_t *p, const fpmp_entries_t *entries, const char *user,
                     gid_t primary, gid_t wanted)
{
    int i, known = entries ? fpmp_entries_member(p, entries, user, primary, wanted) : -1;
    const apr_array_header_t *groups;

    if (known >= 0) {
        return known;
    }
    groups = fpmp_facts_groups(p, user, primary);
    for (i = 0; i < groups->nelts; i++) {
        if (APR_ARRAY_IDX(groups, i, gid_t) == wanted) {
            return 1;
        }
    }
    return 0;
}

static void look_at_group(apr_pool_t *p, const fpmp_entries_t *entries, const char *group,
                          fpmp_user_facts_t *out)
{
    if (group) {
        out->group = group;
        out->gid = (gid_t)-1;
        out->group_lookup = entries && fpmp_entries_group(entries, group, &out->gid)
                                ? FPMP_LOOKUP_FOUND
                                : find_group(p, group, &out->gid, &out->why);
        return;
    }
    if (out->user_lookup != FPMP_LOOKUP_FOUND) {
        return; /* no user, no primary group to ask for */
    }
    out->gid = out->primary_gid;
    out->group = entries ? fpmp_entries_gid_name(entries, out->gid) : NULL;
    out->group_lookup = out->group ? FPMP_LOOKUP_FOUND
                                   : find_gid(p, out->gid, &out->group, &out->why);
    if (out->group_lookup != FPMP_LOOKUP_FOUND) {
        out->group = apr_psprintf(p, "%lu", (unsigned long)out->gid);
    }
}

static void look_at_user(apr_pool_t *p, const fpmp_entries_t *entries, const char *user,
                         const char *group, gid_t httpd_gid, fpmp_user_facts_t *out)
{
    memset(out, 0, sizeof(*out));
    out->uid = (uid_t)-1;
    out->gid = out->primary_gid = (gid_t)-1;
    out->user_lookup =
        entries && fpmp_entries_user(entries, user, &out->uid, &out->primary_gid)
            ? FPMP_LOOKUP_FOUND
            : find_user(p, user, &out->uid, &out->primary_gid, &out->why);
    if (out->user_lookup == FPMP_LOOKUP_FOUND && httpd_gid != (gid_t)-1) {
        out->in_httpd_group = is_member(p, entries, user, out->primary_gid, httpd_gid);
    }
    look_at_group(p, entries, group, out);
    if (out->group_lookup == FPMP_LOOKUP_FOUND && out->gid == httpd_gid) {
        out->in_httpd_group = 1;
    }
}

void fpmp_facts_group(apr_pool_t *p, const char *group, fpmp_user_facts_t *out)
{
    memset(out, 0, sizeof(*out));
    look_at_group(p, NULL, group, out);
}

void fpmp_facts_user(apr_pool_t *p, const char *user, const char *group, gid_t httpd_gid,
                     fpmp_user_facts_t *out)
{
    look_at_user(p, NULL, user, group, httpd_gid, out);
}

static apr_int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* 1: nobody is asked any more, and *why says so. */
static int is_over(apr_pool_t *p, const fpmp_lookup_time_t *time, const char **why)
{
    if (!time || time->used_us < (apr_int64_t)time->limit_sec * 1000000) {
        return 0;
    }
    *why = apr_psprintf(p,
                        "the name service took %d s for %d names, the rest was not asked",
                        (int)(time->used_us / 1000000), time->asked);
    return 1;
}

static void take_time(fpmp_lookup_time_t *time, apr_int64_t start_us)
{
    if (time) {
        time->used_us += now_us() - start_us;
        time->asked++;
    }
}

void fpmp_facts_user_within(apr_pool_t *p, const char *user, const char *group,
                            gid_t httpd_gid, fpmp_lookup_time_t *time,
                            fpmp_user_facts_t *out)
{
    apr_int64_t start_us = now_us();

    memset(out, 0, sizeof(*out));
    out->uid = (uid_t)-1;
    out->gid = out->primary_gid = (gid_t)-1;
    if (is_over(p, time, &out->why)) {
        out->user_lookup = FPMP_LOOKUP_FAILED;
        return;
    }
    look_at_user(p, time ? time->entries : NULL, user, group, httpd_gid, out);
    take_time(time, start_us);
}

void fpmp_facts_group_within(apr_pool_t *p, const char *group, fpmp_lookup_time_t *time,
                             fpmp_user_facts_t *out)
{
    apr_int64_t start_us = now_us();

    memset(out, 0, sizeof(*out));
    if (is_over(p, time, &out->why)) {
        out->group_lookup = FPMP_LOOKUP_FAILED;
        return;
    }
    look_at_group(p, time ? time->entries : NULL, group, out);
    take_time(time, start_us);
}
