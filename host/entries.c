/* SPDX-License-Identifier: Apache-2.0
 *
 * /etc/passwd and /etc/group, read once. The library reads a file from its beginning for
 * each name that it is asked for, so that 5,000 users took 3.5 s of each configtest. Only
 * where nsswitch.conf asks the files first: what they say is the answer then. Whom they do
 * not know, the whole name service is asked for. Entry point: fpmp_entries_read.
 */
#include "host.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

struct fpmp_entries_t {
    apr_hash_t *users;   /* name -> ids_t */
    apr_hash_t *groups;  /* name -> gid_t */
    apr_hash_t *names;   /* gid_t -> name */
    apr_hash_t *members; /* "GID NAME" -> itself */
    const apr_array_header_t
        *calls; /* of the other services; NULL: nobody asks them alone */
};

typedef struct {
    uid_t uid;
    gid_t gid;
} ids_t;

/* The first of two lines with one name counts. */
static void put_first(apr_hash_t *hash, const void *key, apr_ssize_t len, const void *value)
{
    if (!apr_hash_get(hash, key, len)) {
        apr_hash_set(hash, key, len, value);
    }
}

static const char *member_key(apr_pool_t *p, gid_t gid, const char *name)
{
    return apr_psprintf(p, "%lu %s", (unsigned long)gid, name);
}

static apr_hash_t *read_users(apr_pool_t *p)
{
    apr_hash_t *users = apr_hash_make(p);
    FILE *in = fopen("/etc/passwd", "re");
    struct passwd *entry;

    while (in && (entry = fgetpwent(in)) != NULL) {
        ids_t ids = { entry->pw_uid, entry->pw_gid };

        put_first(users, apr_pstrdup(p, entry->pw_name), APR_HASH_KEY_STRING,
                  apr_pmemdup(p, &ids, sizeof(ids)));
    }
    if (in) {
        fclose(in);
    }
    return users;
}

static void read_groups(apr_pool_t *p, fpmp_entries_t *entries)
{
    FILE *in = fopen("/etc/group", "re");
    struct group *entry;
    char **member;

    while (in && (entry = fgetgrent(in)) != NULL) {
        const char *name = apr_pstrdup(p, entry->gr_name);
        gid_t *gid = apr_pmemdup(p, &entry->gr_gid, sizeof(entry->gr_gid));

        put_first(entries->groups, name, APR_HASH_KEY_STRING, gid);
        put_first(entries->names, gid, sizeof(*gid), name);
        for (member = entry->gr_mem; *member; member++) {
            const char *key = member_key(p, *gid, *member);

            apr_hash_set(entries->members, key, APR_HASH_KEY_STRING, key);
        }
    }
    if (in) {
        fclose(in);
    }
}

fpmp_entries_t *fpmp_entries_read(apr_pool_t *p)
{
    fpmp_entries_t *entries = apr_pcalloc(p, sizeof(*entries));

    entries->users =
        fpmp_services_files_first(p, "passwd") ? read_users(p) : apr_hash_make(p);
    entries->groups = apr_hash_make(p);
    entries->names = apr_hash_make(p);
    entries->members = apr_hash_make(p);
    if (fpmp_services_files_first(p, "group")) {
        read_groups(p, entries);
        entries->calls = fpmp_services_group_calls(p);
    }
    return entries;
}

int fpmp_entries_user(const fpmp_entries_t *entries, const char *name, uid_t *uid,
                      gid_t *gid)
{
    const ids_t *ids = apr_hash_get(entries->users, name, APR_HASH_KEY_STRING);

    if (ids) {
        *uid = ids->uid;
        *gid = ids->gid;
    }
    return ids != NULL;
}

int fpmp_entries_group(const fpmp_entries_t *entries, const char *name, gid_t *gid)
{
    const gid_t *found = apr_hash_get(entries->groups, name, APR_HASH_KEY_STRING);

    if (found) {
        *gid = *found;
    }
    return found != NULL;
}

const char *fpmp_entries_gid_name(const fpmp_entries_t *entries, gid_t gid)
{
    return apr_hash_get(entries->names, &gid, sizeof(gid));
}

int fpmp_entries_member(apr_pool_t *p, const fpmp_entries_t *entries, const char *user,
                        gid_t primary, gid_t wanted)
{
    if (!entries->calls) {
        return -1;
    }
    return primary == wanted ||
           apr_hash_get(entries->members, member_key(p, wanted, user),
                        APR_HASH_KEY_STRING) ||
           fpmp_services_member(entries->calls, user, primary, wanted);
}
