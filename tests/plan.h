/* SPDX-License-Identifier: Apache-2.0
 *
 * A reading of the configuration and a look at a machine, filled in by hand: what the tests
 * of core/ that judge whole plans share. The machine is a Debian with PHP 8.2 on which
 * nothing is wrong; each test breaks the one thing it is about. plan_findings() holds the
 * rules for messages over every finding that any of these tests sees.
 */
#ifndef FPMP_TESTS_PLAN_H
#define FPMP_TESTS_PLAN_H

#include "../core/masters.h"

#include <apr_general.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define UNUSED __attribute__((unused))

#define SITE "/etc/apache2/sites-enabled/david.conf"
#define POOL_DIR "/etc/php/8.2/fpm/pool.d"
#define MAIN_FILE "/etc/php/8.2/fpm/php-fpm.conf"
#define SERVER "/run/apache2/apache2.pid"
#define OTHER_SERVER "/run/apache2-two/apache2.pid"
/* The end of a finding about the first, second and third FPMUser line. */
#define AT_10 " (FPMUser at " SITE ":10)\n"
#define AT_20 " (FPMUser at " SITE ":20)\n"
#define AT_30 " (FPMUser at " SITE ":30)\n"

#define MESSAGE_MAX_BYTES 299

static const fpmp_httpd_t httpd = {
    .user = "www-data", .group = "www-data", .uid = 33, .gid = 33, .server_id = SERVER
};

UNUSED static int setup(void **state)
{
    return apr_pool_create((apr_pool_t **)state, NULL) != APR_SUCCESS;
}

UNUSED static int teardown(void **state)
{
    apr_pool_destroy(*state);
    return 0;
}

#define plan_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNUSED static void expect_text(const char *title, const char *got, const char *want)
{
    if (strcmp(got, want) != 0) {
        fail_msg("%s:\n got '%s'\nwant '%s'", title, got, want);
    }
}

/* ---- the configuration ------------------------------------------------------------- */

/* One FPMUser line, or FPMDefaults with user 0. Words as httpd splits them. */
UNUSED static fpmp_line_t *line_read(apr_pool_t *p, const char *text, int user, int number)
{
    fpmp_line_t *line = apr_pcalloc(p, sizeof(*line));
    const char *why;
    char **argv;
    int argc = 0;

    line->where.file = SITE;
    line->where.line = number;
    line->where.directive = user ? "FPMUser" : "FPMDefaults";
    apr_tokenize_to_argv(text, &argv, p);
    while (argv[argc]) {
        argc++;
    }
    why = fpmp_line_parse(p, line, user, argc, argv);
    if (why) {
        fail_msg("'%s' is refused: %s", text, why);
    }
    return line;
}

/* The first line of a plan stands at :10, the next at :20. */
UNUSED static fpmp_line_t *plan_line(fpmp_plan_t *plan, const char *text)
{
    fpmp_line_t *line = line_read(plan->pool, text, 1, 10 * (plan->lines->nelts + 1));

    APR_ARRAY_PUSH(plan->lines, fpmp_line_t *) = line;
    return line;
}

UNUSED static fpmp_master_t *plan_master(fpmp_plan_t *plan, const char *name)
{
    fpmp_master_t *master = apr_pcalloc(plan->pool, sizeof(*master));
    const char *dir = apr_pstrcat(plan->pool, "/etc/php/", name, "/fpm", NULL);

    master->name = name;
    master->config_path = apr_pstrcat(plan->pool, dir, "/php-fpm.conf", NULL);
    master->binary_path = apr_pstrcat(plan->pool, "/usr/sbin/php-fpm", name, NULL);
    master->pid_path = apr_pstrcat(plan->pool, "/run/php/php", name, "-fpm.pid", NULL);
    master->pool_dir = apr_pstrcat(plan->pool, dir, "/pool.d", NULL);
    master->socket_dir = "/run/php";
    master->version = fpmp_version_number(name);
    APR_ARRAY_PUSH(plan->masters, fpmp_master_t *) = master;
    return master;
}

/* A plan with master 8.2 and these FPMUser lines (NULL: none), not derived yet. */
UNUSED static fpmp_plan_t *plan_of(apr_pool_t *p, const char *first, const char *second,
                                   const char *third)
{
    const char *texts[] = { first, second, third };
    fpmp_plan_t *plan = fpmp_plan_make(p);

    plan_master(plan, "8.2");
    for (size_t i = 0; i < COUNT(texts); i++) {
        if (texts[i]) {
            plan_line(plan, texts[i]);
        }
    }
    return plan;
}

UNUSED static fpmp_master_t *master_at(const fpmp_plan_t *plan, int i)
{
    assert_in_range(i, 0, plan->masters->nelts - 1);
    return APR_ARRAY_IDX(plan->masters, i, fpmp_master_t *);
}

UNUSED static fpmp_chain_t *chain_at(const fpmp_plan_t *plan, int i)
{
    if (i >= plan->chains->nelts) {
        fail_msg("there are %d chains, chain %d is asked for", plan->chains->nelts, i);
    }
    return APR_ARRAY_IDX(plan->chains, i, fpmp_chain_t *);
}

UNUSED static fpmp_line_t *line_at(const fpmp_plan_t *plan, int i)
{
    assert_in_range(i, 0, plan->lines->nelts - 1);
    return APR_ARRAY_IDX(plan->lines, i, fpmp_line_t *);
}

/* ---- httpd ------------------------------------------------------------------------ */

/* POSIX instead of httpd's regular expressions: the rows use what both know. */
UNUSED static int posix_matches(apr_pool_t *p, const char *regex, const char *text)
{
    regex_t compiled;
    int hit;

    (void)p;
    if (regcomp(&compiled, regex, REG_EXTENDED | REG_NOSUB) != 0) {
        fail_msg("'%s' is no regular expression", regex);
    }
    hit = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return hit;
}

/* ---- the machine ------------------------------------------------------------------- */

/* A user with a group of the same name; every user of the tests may have this uid. */
UNUSED static fpmp_user_facts_t user_found(const fpmp_chain_t *chain)
{
    fpmp_user_facts_t facts = {
        .user_lookup = FPMP_LOOKUP_FOUND, .group_lookup = FPMP_LOOKUP_FOUND,
        .uid = 1001, .gid = 1001, .primary_gid = 1001,
        .group = chain->group ? chain->group : chain->user,
    };

    return facts;
}

/* Derive, and find each user. */
UNUSED static void plan_derive(fpmp_plan_t *plan)
{
    fpmp_chains_derive(plan, &httpd);
    for (int i = 0; i < plan->chains->nelts; i++) {
        fpmp_user_facts_t facts = user_found(chain_at(plan, i));

        fpmp_drift_user(plan, chain_at(plan, i), &facts, &httpd);
    }
}

/* Each component of a directory of root's, mode 0755, "/" first. */
UNUSED static apr_array_header_t *dir_nodes(apr_pool_t *p, const char *path)
{
    apr_array_header_t *nodes = apr_array_make(p, 8, sizeof(fpmp_node_t));
    const fpmp_node_t root = {
        .path = "/", .lookup = FPMP_LOOKUP_FOUND, .kind = FPMP_NODE_DIR, .mode = 0755
    };

    APR_ARRAY_PUSH(nodes, fpmp_node_t) = root;
    for (const char *end = path; *end;) {
        fpmp_node_t node = root;

        end += 1 + strcspn(end + 1, "/");
        node.path = apr_pstrmemdup(p, path, (apr_size_t)(end - path));
        APR_ARRAY_PUSH(nodes, fpmp_node_t) = node;
    }
    return nodes;
}

UNUSED static fpmp_node_t *last_node(apr_array_header_t *nodes)
{
    return &APR_ARRAY_IDX(nodes, nodes->nelts - 1, fpmp_node_t);
}

UNUSED static fpmp_file_t *add_file(apr_pool_t *p, fpmp_master_facts_t *facts,
                                    const char *path, const char *text)
{
    fpmp_file_t *file = apr_pcalloc(p, sizeof(*file));

    file->node.path = path;
    file->node.lookup = FPMP_LOOKUP_FOUND;
    file->node.kind = FPMP_NODE_FILE;
    file->node.mode = 0644;
    file->text = text;
    file->len = text ? strlen(text) : 0;
    APR_ARRAY_PUSH(facts->files, fpmp_file_t *) = file;
    APR_ARRAY_PUSH(APR_ARRAY_IDX(facts->includes, 0, fpmp_include_t *)->files,
                   fpmp_file_t *) = file;
    apr_hash_set(facts->by_path, path, APR_HASH_KEY_STRING, file);
    return file;
}

/* A running master whose only file is the www.conf of the distribution. */
UNUSED static fpmp_master_facts_t *facts_of(apr_pool_t *p, const fpmp_master_t *master)
{
    fpmp_master_facts_t *facts = apr_pcalloc(p, sizeof(*facts));
    fpmp_include_t *include;

    facts->main.node.path = master->config_path;
    facts->main.node.lookup = FPMP_LOOKUP_FOUND;
    facts->main.node.kind = FPMP_NODE_FILE;
    facts->main.text = apr_psprintf(p,
                                    "[global]\npid = %s\nprocess_control_timeout = 5s\n"
                                    "include=%s/*.conf\n",
                                    master->pid_path, master->pool_dir);
    facts->main.len = strlen(facts->main.text);
    facts->binary.path = master->binary_path;
    facts->binary.lookup = FPMP_LOOKUP_FOUND;
    facts->binary.kind = FPMP_NODE_FILE;
    facts->pool_dir = dir_nodes(p, master->pool_dir);
    facts->socket_dir = dir_nodes(p, master->socket_dir);
    facts->includes = apr_array_make(p, 1, sizeof(fpmp_include_t *));
    include = apr_pcalloc(p, sizeof(*include));
    include->file = master->config_path;
    include->line = 4;
    include->depth = 1;
    include->pattern = apr_pstrcat(p, master->pool_dir, "/*.conf", NULL);
    include->resolved = include->pattern;
    include->files = apr_array_make(p, 4, sizeof(fpmp_file_t *));
    APR_ARRAY_PUSH(facts->includes, fpmp_include_t *) = include;
    facts->files = apr_array_make(p, 4, sizeof(fpmp_file_t *));
    facts->by_path = apr_hash_make(p);
    facts->run = FPMP_RUN_YES;
    facts->pid = 4711;
    facts->may_write = 1;
    add_file(p, facts, apr_pstrcat(p, master->pool_dir, "/www.conf", NULL),
             "[www]\nuser = www-data\nlisten = /run/php/php8.2-fpm.sock\npm = ondemand\n"
             "pm.max_children = 5\n");
    return facts;
}

/* The chain's own pool file, as this server writes it. */
UNUSED static fpmp_file_t *add_own_file(apr_pool_t *p, fpmp_master_facts_t *facts,
                                        const fpmp_chain_t *chain, const char *server)
{
    return add_file(p, facts, chain->pool_file_path, fpmp_pool_text_render(p, chain,
                                                                           server));
}

/* The same bytes with a line added behind, as an administrator's editor leaves them. */
UNUSED static void edit_file(apr_pool_t *p, fpmp_file_t *file)
{
    file->text = apr_pstrcat(p, file->text, "php_flag[display_errors] = on\n", NULL);
    file->len = strlen(file->text);
}

/* Read the files as PHP-FPM does, then judge. What pools of others name is not looked up
 * (test_foreign.c does). */
UNUSED static int judge_master(fpmp_plan_t *plan, const fpmp_master_t *master,
                               const fpmp_master_facts_t *facts, uid_t euid)
{
    const fpmp_view_t *view = fpmp_view_read(plan->pool, facts,
                                             fpmp_own_files(plan, master, facts, &httpd));

    return fpmp_drift_master(plan, master, facts, view, &httpd, euid);
}

/* ---- what pools of others name ------------------------------------------------------- */

/* The users and groups that the machine has; 'hidden' could not be looked up. */
static const struct {
    const char *name;
    fpmp_lookup_e lookup;
    unsigned int uid, gid;
} known_users[] = {
    { "root", FPMP_LOOKUP_FOUND, 0, 0 },
    { "0", FPMP_LOOKUP_FOUND, 0, 0 },
    { "toor", FPMP_LOOKUP_FOUND, 0, 50 },
    { "wheel", FPMP_LOOKUP_FOUND, 1009, 0 }, /* a user with root's group */
    { "www-data", FPMP_LOOKUP_FOUND, 33, 33 },
    { "33", FPMP_LOOKUP_FOUND, 33, 33 },
    { "zz", FPMP_LOOKUP_FOUND, 1005, 1005 },
    { "1005", FPMP_LOOKUP_FOUND, 1005, 1005 },
    { "staff", FPMP_LOOKUP_FOUND, 50, 50 },
    { "hidden", FPMP_LOOKUP_FAILED, -1, -1 },
};

/* Its places. real NULL: as it is written. */
static const struct {
    const char *path, *real;
    fpmp_lookup_e lookup;
    fpmp_node_e kind;
} known_places[] = {
    { "/", NULL, FPMP_LOOKUP_FOUND, FPMP_NODE_DIR },
    { "/run", NULL, FPMP_LOOKUP_FOUND, FPMP_NODE_DIR },
    { "/run/php", NULL, FPMP_LOOKUP_FOUND, FPMP_NODE_DIR },
    { "/var/run/php", "/run/php", FPMP_LOOKUP_FOUND, FPMP_NODE_DIR },
    { "/run/php/", "/run/php", FPMP_LOOKUP_FOUND, FPMP_NODE_DIR },
    { "/run/php/dir.sock", NULL, FPMP_LOOKUP_FOUND, FPMP_NODE_DIR },
    { "/run/php/old.sock", NULL, FPMP_LOOKUP_FOUND, FPMP_NODE_SOCKET },
    { "/srv", NULL, FPMP_LOOKUP_FOUND, FPMP_NODE_DIR },
    { "/srv/www", NULL, FPMP_LOOKUP_FOUND, FPMP_NODE_DIR },
    { "/srv/file", NULL, FPMP_LOOKUP_FOUND, FPMP_NODE_FILE },
    { "/locked", NULL, FPMP_LOOKUP_FAILED, FPMP_NODE_NONE },
};

UNUSED static fpmp_user_facts_t *known_user(apr_pool_t *p, const char *name)
{
    fpmp_user_facts_t *facts = apr_pcalloc(p, sizeof(*facts));

    facts->user_lookup = facts->group_lookup = FPMP_LOOKUP_MISSING;
    facts->uid = isdigit((unsigned char)*name) ? (uid_t)strtoul(name, NULL, 10) : (uid_t)-1;
    facts->gid = facts->primary_gid = (gid_t)-1;
    for (size_t i = 0; i < COUNT(known_users); i++) {
        if (strcmp(name, known_users[i].name) == 0) {
            facts->user_lookup = facts->group_lookup = known_users[i].lookup;
            facts->uid = known_users[i].uid;
            facts->gid = facts->primary_gid = known_users[i].gid;
        }
    }
    return facts;
}

UNUSED static fpmp_place_t *known_place(apr_pool_t *p, const char *path)
{
    fpmp_place_t *place = apr_pcalloc(p, sizeof(*place));

    place->node.path = path;
    place->node.lookup = FPMP_LOOKUP_MISSING;
    for (size_t i = 0; i < COUNT(known_places); i++) {
        if (strcmp(path, known_places[i].path) == 0) {
            place->node.lookup = known_places[i].lookup;
            place->node.kind = known_places[i].kind;
            place->real = known_places[i].lookup != FPMP_LOOKUP_FOUND ? NULL
                          : known_places[i].real                      ? known_places[i].real
                                                                      : path;
        }
    }
    return place;
}

/* What host/ would answer on this machine; limits and memory are not known. */
UNUSED static fpmp_asked_t *answers_of(fpmp_plan_t *plan, const fpmp_master_t *master,
                                       const fpmp_view_t *view)
{
    apr_pool_t *p = plan->pool;
    apr_array_header_t *sockets = apr_array_make(p, 2, sizeof(const char *));
    fpmp_asked_t *asked;
    apr_hash_index_t *at;

    for (int i = 0; i < plan->chains->nelts; i++) {
        if (chain_at(plan, i)->master == master && chain_at(plan, i)->socket_path) {
            APR_ARRAY_PUSH(sockets, const char *) = chain_at(plan, i)->socket_path;
        }
    }
    asked = fpmp_foreign_ask(p, view, sockets);
    for (at = apr_hash_first(p, asked->users); at; at = apr_hash_next(at)) {
        apr_hash_set(asked->users, apr_hash_this_key(at), APR_HASH_KEY_STRING,
                     known_user(p, apr_hash_this_key(at)));
    }
    for (at = apr_hash_first(p, asked->groups); at; at = apr_hash_next(at)) {
        apr_hash_set(asked->groups, apr_hash_this_key(at), APR_HASH_KEY_STRING,
                     known_user(p, apr_hash_this_key(at)));
    }
    for (at = apr_hash_first(p, asked->places); at; at = apr_hash_next(at)) {
        apr_hash_set(asked->places, apr_hash_this_key(at), APR_HASH_KEY_STRING,
                     known_place(p, apr_hash_this_key(at)));
    }
    return asked;
}

/* A plan of one chain on a machine on which nothing is wrong, with answers: its own file is
 * current, and the one other pool runs as 'zz'. */
typedef struct {
    fpmp_plan_t *plan;
    fpmp_master_t *master;
    fpmp_master_facts_t *facts;
    fpmp_view_t *view;
    fpmp_asked_t *asked; /* of view */
    int ends;            /* what fpmp_drift_master says */
} calm_t;

#define CALM_POOL                                                                          \
    "[www]\nuser = zz\nlisten = /run/php/www.sock\npm = ondemand\npm.max_children = 5\n"

/* line NULL: the master has no chain. */
UNUSED static calm_t calm_make(apr_pool_t *p, const char *line)
{
    calm_t scene = { .plan = plan_of(p, line, NULL, NULL) };
    fpmp_file_t *www;

    scene.master = master_at(scene.plan, 0);
    scene.facts = facts_of(p, scene.master);
    www = APR_ARRAY_IDX(scene.facts->files, 0, fpmp_file_t *);
    www->text = CALM_POOL;
    www->len = strlen(CALM_POOL);
    plan_derive(scene.plan);
    if (line) {
        add_own_file(p, scene.facts, chain_at(scene.plan, 0), SERVER);
    }
    return scene;
}

/* Read and answer; between this and calm_judge a test may change what is known. */
UNUSED static void calm_look(calm_t *scene)
{
    scene->view = fpmp_view_read(
        scene->plan->pool, scene->facts,
        fpmp_own_files(scene->plan, scene->master, scene->facts, &httpd));
    scene->view->asked = scene->asked =
        answers_of(scene->plan, scene->master, scene->view);
}

UNUSED static void calm_judge(calm_t *scene)
{
    scene->ends = fpmp_drift_master(scene->plan, scene->master, scene->facts, scene->view,
                                    &httpd, 0);
}

/* ---- the findings ------------------------------------------------------------------ */

/* What STYLE.md asks of every message. */
UNUSED static void hold_message_rules(const char *title, const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            fail_msg("%s: byte 0x%02x in the message '%s'", title, (unsigned char)*c, text);
        }
    }
    if (strlen(text) > MESSAGE_MAX_BYTES) {
        fail_msg("%s: %d bytes in the message '%s'", title, (int)strlen(text), text);
    }
    if (strstr(text, "(null)") || strstr(text, "; ;") || strstr(text, ";  ")) {
        fail_msg("%s: something is missing in the message '%s'", title, text);
    }
}

UNUSED static const char *finding_row(apr_pool_t *p, const char *title,
                                      const fpmp_finding_t *finding)
{
    static const char *const weights[] = {
        [FPMP_WEIGHT_NONE] = "NONE", [FPMP_BROKEN] = "BROKEN", [FPMP_PENDING] = "PENDING",
        [FPMP_NOTICE] = "NOTICE", [FPMP_UNKNOWN] = "UNKNOWN",
    };
    const char *text = fpmp_finding_text(p, finding);

    hold_message_rules(title, text);
    if (strncmp(finding->code, "FPMP", 4) != 0 || strlen(finding->code) != 8
        || strspn(finding->code + 4, "0123456789") != 4) {
        fail_msg("%s: '%s' is no code in '%s'", title, finding->code, text);
    }
    if (!*finding->seen || !*finding->mend || finding->link == FPMP_LINK_NONE) {
        fail_msg("%s: no link, no value seen or no mend in '%s'", title, text);
    }
    return apr_pstrcat(p, weights[finding->weight], " ", text, "\n", NULL);
}

/* "BROKEN FPMP0201: user: ...\n" for each finding, in order. */
UNUSED static const char *plan_findings(const fpmp_plan_t *plan, const char *title)
{
    const char *all = "";

    for (int i = 0; i < plan->findings->nelts; i++) {
        all = apr_pstrcat(plan->pool, all,
                          finding_row(plan->pool, title,
                                      APR_ARRAY_IDX(plan->findings, i, fpmp_finding_t *)),
                          NULL);
    }
    return all;
}

UNUSED static void expect_findings(const char *title, const fpmp_plan_t *plan,
                                   const char *want)
{
    expect_text(title, plan_findings(plan, title), want);
}

#endif
