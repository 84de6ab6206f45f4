/* SPDX-License-Identifier: Apache-2.0
 *
 * One pool that is not ours, by PHP-FPM's rules. Any pool can stop all of them: FPM ends at
 * its next reload, and `php-fpm -t` does not see half of the reasons. One rule, one
 * function, one row of the table. Entry point: fpmp_foreign_judge.
 */
#include "foreign.h"

#include <stdlib.h>
#include <string.h>

#define SOCKET_PATH_MAX 107 /* sun_path in unix(7), without its NUL */
#define ENDS "PHP-FPM would end at its next reload"

/* What is wrong, and where: the phrase follows "pool [NAME] at FILE:LINE". */
typedef struct {
    apr_pool_t *p;
    const fpmp_look_t *look;
    const fpmp_asked_t *asked;
    const fpmp_pool_t *pool;
    const fpmp_key_t *key; /* the key to blame; NULL: the pool as a whole */
} trial_t;

/* The value of a key, which is to blame from here on; NULL if it is not set. */
static const char *blame(trial_t *trial, const char *name)
{
    trial->key = fpmp_pool_key(trial->pool, name);
    return trial->key ? trial->key->value : NULL;
}

static const fpmp_user_facts_t *answer(apr_hash_t *hash, const char *name)
{
    return apr_hash_get(hash, name, APR_HASH_KEY_STRING);
}

static int is_digits(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* The gid that FPM would end with; -1: not known. */
static long gid_of(trial_t *trial)
{
    const char *user = fpmp_pool_value(trial->pool, "user");
    const char *group = fpmp_pool_value(trial->pool, "group");
    const fpmp_user_facts_t *facts;

    if (group && *group) {
        facts = answer(trial->asked->groups, group);
        return is_digits(group)                                    ? atol(group)
               : facts && facts->group_lookup == FPMP_LOOKUP_FOUND ? (long)facts->gid
                                                                   : -1;
    }
    facts = user ? answer(trial->asked->users, user) : NULL;
    if (facts && facts->user_lookup == FPMP_LOOKUP_MISSING && is_digits(user)) {
        return 0; /* digits without an entry have no primary group */
    }
    return facts && facts->user_lookup == FPMP_LOOKUP_FOUND ? (long)facts->primary_gid : -1;
}

/* May a key that is not there stand in what could not be read? */
static int may_hide(const trial_t *trial)
{
    return trial->pool->partial ||
           (trial->look->view->opaque->nelts > 0 && !trial->look->view->printed);
}

static const char *check_user(trial_t *trial)
{
    const char *user = blame(trial, "user");
    const fpmp_user_facts_t *facts = user ? answer(trial->asked->users, user) : NULL;

    if (!user) {
        return may_hide(trial) ? NULL : "names no user";
    }
    if (!*user) {
        return "has an empty user (outside quotes none, no and off are empty)";
    }
    if (facts && facts->user_lookup == FPMP_LOOKUP_MISSING && !is_digits(user)) {
        return apr_psprintf(trial->p, "names user '%s', who does not exist",
                            fpmp_value_shown(trial->p, user));
    }
    if (facts && facts->uid == 0 && facts->user_lookup == FPMP_LOOKUP_FOUND) {
        return apr_psprintf(trial->p, "names user '%s', who is root", user);
    }
    return NULL;
}

static const char *check_group(trial_t *trial)
{
    const char *group = blame(trial, "group");
    const fpmp_user_facts_t *facts = group ? answer(trial->asked->groups, group) : NULL;

    if (facts && facts->group_lookup == FPMP_LOOKUP_MISSING && !is_digits(group)) {
        return apr_psprintf(trial->p, "names group '%s', which does not exist",
                            fpmp_value_shown(trial->p, group));
    }
    return gid_of(trial) == 0 ? "would run with group 0, which is root's" : NULL;
}

static const char *check_socket_owner(trial_t *trial)
{
    static const struct {
        const char *key;
        int group, list;
    } rows[] = { { "listen.owner", 0, 0 },
                 { "listen.group", 1, 0 },
                 { "listen.acl_users", 0, 1 },
                 { "listen.acl_groups", 1, 1 } };
    apr_size_t i;
    int k;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *value = blame(trial, rows[i].key);
        apr_hash_t *hash = rows[i].group ? trial->asked->groups : trial->asked->users;
        const apr_array_header_t *names =
            fpmp_foreign_names(trial->p, value ? value : "", rows[i].list);

        for (k = 0; k < names->nelts; k++) {
            const char *name = APR_ARRAY_IDX(names, k, const char *);
            const fpmp_user_facts_t *facts = answer(hash, name);
            fpmp_lookup_e lookup = !*name          ? FPMP_LOOKUP_MISSING
                                   : !facts        ? FPMP_LOOKUP_UNASKED
                                   : rows[i].group ? facts->group_lookup
                                                   : facts->user_lookup;

            if (lookup == FPMP_LOOKUP_MISSING && (rows[i].list || !is_digits(name))) {
                return apr_psprintf(trial->p, "names %s '%s', who does not exist",
                                    rows[i].key, fpmp_value_shown(trial->p, name));
            }
        }
    }
    return NULL;
}

static const char *check_listen(trial_t *trial)
{
    fpmp_listen_t listen = fpmp_listen_read(trial->p, trial->pool);
    const fpmp_place_t *dir, *self;
    int port;

    blame(trial, "listen");
    if (listen.kind == FPMP_LISTEN_NONE) {
        return may_hide(trial) ? NULL : "has no listen address";
    }
    if (listen.kind == FPMP_LISTEN_TCP) {
        port = atoi(listen.port);
        return port < 1 || port > 65535 || !is_digits(listen.port)
                   ? apr_psprintf(trial->p, "listens on port '%s', wanted is 1 to 65535",
                                  fpmp_value_shown(trial->p, listen.port))
                   : NULL;
    }
    if (listen.kind != FPMP_LISTEN_PATH) {
        return NULL;
    }
    if (strpbrk(listen.path, ",=")) {
        return apr_psprintf(trial->p,
                            "listens on '%s', whose ',' or '=' PHP-FPM loses at "
                            "a reload",
                            listen.path);
    }
    dir = apr_hash_get(trial->asked->places, listen.dir, APR_HASH_KEY_STRING);
    if (dir && dir->node.lookup == FPMP_LOOKUP_MISSING &&
        !fpmp_look_makes(trial->look, listen.dir)) {
        return apr_psprintf(trial->p, "listens in directory '%s', which does not exist",
                            listen.dir);
    }
    self = apr_hash_get(trial->asked->places, listen.path, APR_HASH_KEY_STRING);
    if (self && self->node.lookup == FPMP_LOOKUP_FOUND &&
        self->node.kind == FPMP_NODE_DIR) {
        return apr_psprintf(trial->p, "listens on '%s', which is a directory", listen.path);
    }
    return NULL;
}

static const char *check_length(trial_t *trial)
{
    fpmp_listen_t listen = fpmp_listen_read(trial->p, trial->pool);

    blame(trial, "listen");
    if (listen.kind == FPMP_LISTEN_PATH && strlen(listen.path) > SOCKET_PATH_MAX) {
        return apr_psprintf(trial->p,
                            "listens on a path of %d bytes, of which a Unix "
                            "socket holds %d",
                            (int)strlen(listen.path), SOCKET_PATH_MAX);
    }
    return NULL;
}

static int is_dir(const trial_t *trial, const char *path)
{
    const fpmp_place_t *place =
        apr_hash_get(trial->asked->places, path, APR_HASH_KEY_STRING);

    return place && place->node.lookup == FPMP_LOOKUP_FOUND &&
           place->node.kind == FPMP_NODE_DIR;
}

static const char *check_dirs(trial_t *trial)
{
    const char *key, *dir, *file, *value;
    int i = 0;

    do {
        dir = fpmp_foreign_dir(trial->p, trial->pool, i++, &key, &file);
        value = key && trial->pool == trial->look->view->global ? blame(trial, key) : NULL;
        if (value && !*value) {
            return apr_psprintf(trial->p, "has an empty %s, which PHP-FPM takes for a "
                                "directory", key);
        }
        if (file && is_dir(trial, file)) {
            blame(trial, key);
            return apr_psprintf(trial->p, "names '%s' as %s, which is a directory", file, key);
        }
        if (dir) {
            const fpmp_place_t *place =
                apr_hash_get(trial->asked->places, dir, APR_HASH_KEY_STRING);

            blame(trial, key);
            if (place && (place->node.lookup == FPMP_LOOKUP_MISSING ||
                          (place->node.lookup == FPMP_LOOKUP_FOUND &&
                           place->node.kind != FPMP_NODE_DIR))) {
                return apr_psprintf(trial->p,
                                    "needs directory '%s' for %s, which does not "
                                    "exist",
                                    dir, key);
            }
        }
    } while (key);
    return NULL;
}

/* strtoul(3) of what is no octal number gives 0: nobody may connect. */
static const char *check_mode(trial_t *trial)
{
    const char *mode = blame(trial, "listen.mode");

    if (mode && *mode && strtoul(mode, NULL, 8) == 0) {
        return apr_psprintf(trial->p, "has listen.mode '%s', which PHP-FPM takes as 0",
                            fpmp_value_shown(trial->p, mode));
    }
    return NULL;
}

static const char *check_httpd_user(trial_t *trial)
{
    const char *user = blame(trial, "user");
    const fpmp_user_facts_t *facts = user ? answer(trial->asked->users, user) : NULL;

    if (facts && facts->user_lookup == FPMP_LOOKUP_FOUND &&
        facts->uid == trial->look->httpd->uid) {
        return apr_psprintf(trial->p,
                            "runs as '%s', as httpd does, so its scripts may "
                            "connect to the sockets of all users and become them",
                            trial->look->httpd->user);
    }
    return NULL;
}

/* The words that PHP-FPM takes as on, in quotes too, with case (8.2.36). */
static const char *check_dumpable(trial_t *trial)
{
    static const char *const words[] = { "1", "yes", "true", "on" };
    const char *value = blame(trial, "process.dumpable");
    apr_size_t i;

    for (i = 0; value && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(value, words[i]) == 0) {
            return "has process.dumpable on, so a debugger, or another process of its "
                   "user, reads its memory with the opcache that all pools share";
        }
    }
    return NULL;
}

static const struct {
    const char *code;
    fpmp_weight_e weight;
    int ends_since; /* FPM version from which it is BROKEN; 0: the weight holds for all */
    const char *(*check)(trial_t *trial);
    const char *mend;
} rules[] = {
    { "FPMP0427", FPMP_BROKEN, 0, check_user, "name another user there; " ENDS },
    { "FPMP0428", FPMP_BROKEN, 0, check_group, "name another group there; " ENDS },
    { "FPMP0429", FPMP_BROKEN, 0, check_socket_owner, "mend it there; " ENDS },
    { "FPMP0430", FPMP_BROKEN, 0, check_listen, "change listen there; " ENDS },
    { "FPMP0431", FPMP_NOTICE, 803, check_length, "choose a shorter path there" },
    { "FPMP0432", FPMP_BROKEN, 0, check_dirs, "create it or change the key; " ENDS },
    { "FPMP0433", FPMP_NOTICE, 0, check_mode, "write an octal number such as 0660 there" },
    { "FPMP0434", FPMP_NOTICE, 0, check_httpd_user,
      "give that pool a user of its own, or remove it" },
    { "FPMP0440", FPMP_NOTICE, 0, check_dumpable, "remove the key there" },
};

const char *fpmp_foreign_place(fpmp_look_t *look, const fpmp_pool_t *pool)
{
    trial_t trial = { .p = look->plan->pool, .look = look, .pool = pool };

    trial.asked = look->view->asked;
    return trial.asked ? check_dirs(&trial) : NULL;
}

const char *fpmp_foreign_log(fpmp_look_t *look, const fpmp_pool_t *pool)
{
    apr_pool_t *p = look->plan->pool;
    const char *key, *dir, *file;
    int i = 0;

    do {
        const fpmp_place_t *place;

        dir = fpmp_foreign_dir(p, pool, i++, &key, &file);
        place = dir && file && look->view->asked
                    ? apr_hash_get(look->view->asked->places, dir, APR_HASH_KEY_STRING)
                    : NULL;
        if (place && place->node.lookup == FPMP_LOOKUP_FOUND &&
            (place->node.uid != 0 || place->node.mode & 022)) {
            return apr_psprintf(p, "%s '%s' lies in a directory that %s may write", key, file,
                                place->node.uid != 0 ? apr_psprintf(p, "'%s'", place->owner)
                                                     : "others than root");
        }
    } while (key);
    return NULL;
}

void fpmp_foreign_judge(fpmp_look_t *look, const fpmp_pool_t *pool)
{
    trial_t trial = { .p = look->plan->pool, .look = look, .pool = pool };
    int global = pool == look->view->global;
    apr_size_t i;

    trial.asked = look->view->asked;
    for (i = 0; trial.asked && i < sizeof(rules) / sizeof(rules[0]); i++) {
        const char *why = !global || rules[i].check == check_dirs ? rules[i].check(&trial)
                                                                  : NULL;

        if (why) {
            int ends = rules[i].ends_since && look->master->version >= rules[i].ends_since;

            fpmp_look_say(look, rules[i].code, FPMP_LINK_POOL_FILE,
                          ends ? FPMP_BROKEN : rules[i].weight,
                          apr_psprintf(trial.p, "%s [%s] at %s %s",
                                       global ? "section" : "pool",
                                       fpmp_value_shown(trial.p, pool->name),
                                       fpmp_look_place(look, pool, trial.key), why),
                          rules[i].mend);
            return;
        }
    }
}
