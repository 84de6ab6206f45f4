/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers what core asks about pools that are not ours: do their users, groups and places
 * exist, and what may the master take from the machine. Entry point: fpmp_facts_answer.
 */
#include "host.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

static int is_digits(const char *text)
{
    return strspn(text, "0123456789") == strlen(text);
}

/* FPM takes digits as a uid and asks for the entry only to know the primary group. */
static fpmp_user_facts_t *answer_user(apr_pool_t *p, fpmp_lookup_time_t *time,
                                      const char *name)
{
    fpmp_user_facts_t *facts = apr_pcalloc(p, sizeof(*facts));
    const char *real = name;

    if (is_digits(name)) {
        real = fpmp_facts_uid_name(p, (uid_t)strtoul(name, NULL, 10));
    }
    fpmp_facts_user_within(p, real, NULL, (gid_t)-1, time, facts);
    if (is_digits(name)) {
        facts->uid = (uid_t)strtoul(name, NULL, 10);
    }
    return facts;
}

static fpmp_user_facts_t *answer_group(apr_pool_t *p, fpmp_lookup_time_t *time,
                                       const char *name)
{
    fpmp_user_facts_t *facts = apr_pcalloc(p, sizeof(*facts));

    fpmp_facts_group_within(p, name, time, facts);
    return facts;
}

static fpmp_place_t *answer_place(apr_pool_t *p, fpmp_lookup_time_t *time, const char *path)
{
    fpmp_place_t *place = apr_pcalloc(p, sizeof(*place));
    char *real = realpath(path, NULL);

    (void)time;
    place->real = real ? apr_pstrdup(p, real) : NULL;
    free(real);
    fpmp_facts_target(p, path, &place->node);
    place->owner = fpmp_facts_uid_name(p, place->node.uid);
    return place;
}

/* Each value of the hash is still its own key: the question. */
#define ANSWER(p, hash, time, answer)                                                      \
    do {                                                                                   \
        for (at = apr_hash_first(p, hash); at; at = apr_hash_next(at)) {                   \
            const char *question = apr_hash_this_key(at);                                  \
            apr_hash_set(hash, question, APR_HASH_KEY_STRING,                              \
                         answer(p, time, question));                                       \
        }                                                                                  \
    } while (0)

/* The soft limit of open files; 0: nobody may look, or there is none. */
static int descriptors_of(apr_pool_t *p, pid_t pid)
{
    FILE *file = fopen(apr_psprintf(p, "/proc/%ld/limits", (long)pid), "re");
    char line[256];
    int limit = 0;

    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "Max open files %d", &limit) == 1) {
            break;
        }
    }
    if (file) {
        fclose(file);
    }
    return limit;
}

/* fs.nr_open; 0: nobody may look. */
static int descriptors_most(void)
{
    FILE *file = fopen("/proc/sys/fs/nr_open", "re");
    int most = 0;

    if (file) {
        if (fscanf(file, "%d", &most) != 1) {
            most = 0;
        }
        fclose(file);
    }
    return most;
}

void fpmp_facts_answer(apr_pool_t *p, const fpmp_master_facts_t *facts,
                       fpmp_lookup_time_t *time, fpmp_asked_t *asked)
{
    apr_hash_index_t *at;
    struct sysinfo machine;

    ANSWER(p, asked->users, time, answer_user);
    ANSWER(p, asked->groups, time, answer_group);
    ANSWER(p, asked->places, time, answer_place);
    if (sysinfo(&machine) == 0) {
        asked->memory_bytes =
            ((apr_uint64_t)machine.totalram + machine.totalswap) * machine.mem_unit;
    }
    asked->descriptors_most = descriptors_most();
    asked->descriptors = facts->run == FPMP_RUN_YES ? descriptors_of(p, facts->pid) : 0;
}
