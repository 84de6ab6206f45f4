/* SPDX-License-Identifier: Apache-2.0
 *
 * The links of a chain written by hand that hang on its pool: whose socket it is, who may
 * connect, what it runs, as whom. Entry point: fpmp_lint_judge_pool.
 */
#include "drift.h"
#include "foreign.h"
#include "lint_judge.h"

#include <stdlib.h>
#include <string.h>

#define MODE_DEFAULT 0660        /* of listen.mode */
#define EXT_DEFAULT ".php .phar" /* of security.limit_extensions */

/* Source of both: fpm_conf.c and fpm_unix.c, 8.2.32. */

static const char *pool_at(const fpmp_trial_t *trial, const fpmp_pool_t *pool)
{
    return apr_psprintf(trial->p, "%s:%d", pool->file, pool->line);
}

static const char *see_listen_twice(fpmp_trial_t *trial)
{
    const fpmp_hand_t *hand = trial->hand;

    trial->mend = "give each pool a socket of its own";
    return hand->pool_too
               ? apr_psprintf(trial->p,
                              "two pools listen on '%s': [%s] at %s and [%s] at %s",
                              fpmp_lint_shown(trial, hand->address), hand->pool->name,
                              pool_at(trial, hand->pool), hand->pool_too->name,
                              pool_at(trial, hand->pool_too))
               : NULL;
}

/* ---- users ----------------------------------------------------------------------------
 */

/* The document root of this host, where it belongs to a user other than root. */
static const fpmp_place_t *owned_root(const fpmp_trial_t *trial, const char *root)
{
    const fpmp_place_t *place = fpmp_lint_place(trial, root);

    return place && place->node.uid != 0 ? place : NULL;
}

/* The first host of the chain whose files are not those of the pool's user. */
static const char *wrong_root(const fpmp_trial_t *trial)
{
    const fpmp_hand_t *hand = trial->hand;
    const fpmp_user_facts_t *user = fpmp_hand_user(hand);
    int i;

    if (!user || user->user_lookup != FPMP_LOOKUP_FOUND) {
        return NULL;
    }
    for (i = -1; i < hand->hosts->nelts; i++) {
        const char *root =
            i < 0 ? hand->root : APR_ARRAY_IDX(hand->hosts, i, fpmp_hand_host_t *)->root;
        const fpmp_place_t *place = owned_root(trial, root);

        if (place && place->node.uid != user->uid) {
            return root;
        }
    }
    return NULL;
}

static const char not_his_files[] = "its pool does not run as the owner of the files";

static int same_text(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* Another chain with the same FILE or socket, whose files belong to somebody else. */
static const fpmp_hand_t *shared_with(const fpmp_trial_t *trial, const fpmp_place_t *mine,
                                      int *by_file)
{
    int i;

    for (i = 0; i < trial->lint->hands->nelts; i++) {
        const fpmp_hand_t *other = APR_ARRAY_IDX(trial->lint->hands, i, fpmp_hand_t *);
        const fpmp_place_t *root = owned_root(trial, other->root);

        if (other == trial->hand || !root || root->node.uid == mine->node.uid) {
            continue;
        }
        *by_file = other->lines[FPMP_HAND_SERVER] &&
                   other->lines[FPMP_HAND_SERVER] == trial->hand->lines[FPMP_HAND_SERVER];
        if (*by_file || same_text(other->address, trial->hand->address)) {
            return other;
        }
    }
    return NULL;
}

static const char *see_shared(fpmp_trial_t *trial)
{
    const char *root = wrong_root(trial);
    const fpmp_place_t *mine = root ? fpmp_lint_place(trial, root) : NULL;
    int by_file = 0;
    const fpmp_hand_t *other = mine ? shared_with(trial, mine, &by_file) : NULL;

    if (!other) {
        return NULL;
    }
    trial->hand->why_not = not_his_files;
    trial->mend = "give each user a FastCGI server, a pool and a socket of its own";
    return apr_psprintf(
        trial->p,
        "%s '%s' is that of host '%s' too, whose files belong to '%s', and "
        "those of '%s' belong to '%s'",
        by_file ? "FastCgiExternalServer" : "socket",
        fpmp_lint_shown(trial, by_file ? trial->hand->file : trial->hand->address),
        fpmp_lint_shown(trial, other->host->name),
        fpmp_lint_place(trial, other->root)->owner,
        fpmp_lint_shown(trial, trial->hand->host->name), mine->owner);
}

static const char *see_owner(fpmp_trial_t *trial)
{
    const char *root = wrong_root(trial);

    trial->hand->why_not = root ? not_his_files : NULL;
    trial->mend = "lead each host to the pool of its own user";
    return root ? apr_psprintf(
                      trial->p,
                      "pool [%s] at %s runs as '%s', but document root '%s' belongs "
                      "to '%s'",
                      trial->hand->pool->name, pool_at(trial, trial->hand->pool),
                      fpmp_pool_value(trial->hand->pool, "user"),
                      fpmp_lint_shown(trial, root), fpmp_lint_place(trial, root)->owner)
                : NULL;
}

/* ---- socket ---------------------------------------------------------------------------
 */

static const char *see_socket_dir(fpmp_trial_t *trial)
{
    fpmp_listen_t listen = fpmp_listen_read(trial->p, trial->hand->pool);
    const fpmp_place_t *dir = listen.kind == FPMP_LISTEN_PATH
                                  ? apr_hash_get(trial->hand->view->asked->places,
                                                 listen.dir, APR_HASH_KEY_STRING)
                                  : NULL;
    uid_t euid = trial->lint->euid;

    if (!dir || dir->node.lookup == FPMP_LOOKUP_FAILED) {
        return NULL;
    }
    trial->mend = "create it with 'install -d -m 0755 DIR', or choose another one";
    if (dir->node.lookup == FPMP_LOOKUP_MISSING || dir->node.kind != FPMP_NODE_DIR) {
        return apr_psprintf(trial->p, "directory '%s' of the socket of pool [%s] at %s %s",
                            fpmp_lint_shown(trial, listen.dir), trial->hand->pool->name,
                            pool_at(trial, trial->hand->pool),
                            dir->node.lookup == FPMP_LOOKUP_MISSING ? "does not exist"
                                                                    : "is no directory");
    }
    trial->mend = "let PHP-FPM's user write there, or start it as root";
    return fpmp_rule_may(euid, (gid_t)-1, NULL, &dir->node, 03)
               ? NULL
               : apr_psprintf(trial->p,
                              "PHP-FPM cannot make the socket of pool [%s] at %s: '%s' is "
                              "mode %04o",
                              trial->hand->pool->name, pool_at(trial, trial->hand->pool),
                              fpmp_lint_shown(trial, listen.dir), dir->node.mode);
}

/* The uid or gid of listen.owner or listen.group; that of the master where it is not set.
 */
static unsigned int id_of(const fpmp_trial_t *trial, const char *key, int group)
{
    const char *name = fpmp_pool_value(trial->hand->pool, key);
    const fpmp_asked_t *asked = trial->hand->view->asked;
    const fpmp_user_facts_t *facts =
        name ? apr_hash_get(group ? asked->groups : asked->users, name, APR_HASH_KEY_STRING)
             : NULL;

    if (!name || !*name) {
        return group ? 0 : trial->lint->euid;
    }
    if (strspn(name, "0123456789") == strlen(name)) {
        return (unsigned int)strtoul(name, NULL, 10);
    }
    return !facts ? (unsigned int)-1 : group ? facts->gid : facts->uid;
}

/* The first directory on the way that httpd cannot pass; NULL: none. */
static const fpmp_place_t *closed_dir(const fpmp_trial_t *trial, const char *socket)
{
    const fpmp_httpd_t *httpd = trial->lint->httpd;
    const char *at = socket;

    while ((at = strchr(at + 1, '/')) != NULL) {
        const fpmp_place_t *dir =
            fpmp_lint_place(trial, apr_pstrmemdup(trial->p, socket, at - socket));

        if (dir && !fpmp_rule_may(httpd->uid, httpd->gid, httpd->groups, &dir->node, 01)) {
            return dir;
        }
    }
    return NULL;
}

static const char *see_closed(fpmp_trial_t *trial)
{
    const fpmp_hand_t *hand = trial->hand;
    const fpmp_httpd_t *httpd = trial->lint->httpd;
    const fpmp_pool_t *pool = hand->pool;
    const char *text = fpmp_pool_value(pool, "listen.mode");
    const fpmp_node_t socket = { .uid = id_of(trial, "listen.owner", 0),
                                 .gid = id_of(trial, "listen.group", 1),
                                 .mode = text && *text
                                             ? (unsigned int)strtoul(text, NULL, 8)
                                             : MODE_DEFAULT };
    const fpmp_place_t *dir;

    if (*hand->address != '/') {
        return NULL;
    }
    dir = closed_dir(trial, hand->address);
    if (dir) {
        trial->mend = "write 'chmod o+x' for that directory";
        return apr_psprintf(trial->p,
                            "httpd's user '%s' cannot reach '%s': '%s' is mode %04o",
                            httpd->user, fpmp_lint_shown(trial, hand->address),
                            fpmp_lint_shown(trial, dir->node.path), dir->node.mode);
    }
    if (fpmp_pool_value(pool, "listen.acl_users") ||
        fpmp_pool_value(pool, "listen.acl_groups") ||
        fpmp_rule_may(httpd->uid, httpd->gid, httpd->groups, &socket, 02)) {
        return NULL;
    }
    trial->mend = apr_psprintf(trial->p, "write listen.owner = %s there", httpd->user);
    return apr_psprintf(
        trial->p, "httpd's user '%s' may not connect to the socket of pool [%s] at %s",
        httpd->user, pool->name, pool_at(trial, pool));
}

/* ---- what it runs ---------------------------------------------------------------------
 */

static int has_word(const char *list, const char *word)
{
    apr_size_t len = strlen(word);
    const char *at;

    for (at = list; *at; at += strspn(at, " ")) {
        apr_size_t n = strcspn(at, " ");

        if (n == len && strncmp(at, word, len) == 0) {
            return 1;
        }
        at += n;
    }
    return 0;
}

static const char *see_limit(fpmp_trial_t *trial)
{
    const fpmp_hand_t *hand = trial->hand;
    const char *list = fpmp_pool_value(hand->pool, "security.limit_extensions");
    int i;

    list = list ? list : EXT_DEFAULT;
    trial->mend = "write the same extensions here and in security.limit_extensions";
    for (i = 0; *list && i < hand->ext->nelts; i++) {
        const char *ext =
            apr_pstrcat(trial->p, ".", APR_ARRAY_IDX(hand->ext, i, const char *), NULL);

        if (!has_word(list, ext)) {
            return apr_psprintf(
                trial->p, "%s leads to pool [%s] at %s, which runs '%s' only", ext,
                hand->pool->name, pool_at(trial, hand->pool), fpmp_lint_shown(trial, list));
        }
    }
    return NULL;
}

/* The rules for any pool that is not ours; its line names the pool file. */
static int judge_as_foreign(fpmp_trial_t *trial)
{
    fpmp_look_t look = { .plan = trial->plan,
                         .master = trial->hand->master,
                         .httpd = trial->lint->httpd,
                         .view = trial->hand->view };
    int before = trial->plan->findings->nelts;

    fpmp_foreign_judge(&look, trial->hand->pool);
    if (trial->plan->findings->nelts > before) {
        fpmp_finding_t *said =
            APR_ARRAY_IDX(trial->plan->findings, before, fpmp_finding_t *);

        said->where = fpmp_hand_entry(trial->hand)->where;
        trial->hand->broken = said->weight == FPMP_BROKEN ? said : NULL;
    }
    return trial->hand->broken != NULL;
}

static const struct {
    const char *code;
    fpmp_link_e link;
    const char *(*see)(fpmp_trial_t *trial);
} rules[] = {
    { "FPMP0130", FPMP_LINK_SOCKET, see_listen_twice },
    { "FPMP0131", FPMP_LINK_SOCKET, see_shared },
    { "FPMP0132", FPMP_LINK_SOCKET, see_socket_dir },
    { NULL, FPMP_LINK_POOL, NULL }, /* any pool's rules */
    { "FPMP0133", FPMP_LINK_EXTENSION, see_limit },
    { "FPMP0134", FPMP_LINK_SOCKET, see_closed },
    { "FPMP0135", FPMP_LINK_USER, see_owner },
};

void fpmp_lint_judge_pool(fpmp_trial_t *trial)
{
    apr_size_t i;

    trial->conf = trial->hand->lines[FPMP_HAND_SERVER];
    for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const char *seen;

        if (!rules[i].see) {
            if (judge_as_foreign(trial)) {
                return;
            }
            continue;
        }
        seen = rules[i].see(trial);
        if (seen) {
            fpmp_lint_say(trial, rules[i].code, rules[i].link, FPMP_BROKEN, seen);
            return;
        }
    }
}
