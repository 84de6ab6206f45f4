/* SPDX-License-Identifier: Apache-2.0
 *
 * The running master against its chains. Each row changes one thing of a machine on which
 * all is well: david's socket is there, httpd's alone, and PHP-FPM holds it.
 */
/* links: core */
#include "plan.h"

#define SOCKET "/run/php/fpmpool-8.2-david.sock"
#define ITSELF "; the next start or reload of httpd mends it"
#define AGAIN "; restart PHP-FPM (a reload does not mend it)"

typedef struct {
    fpmp_plan_t *plan;
    fpmp_master_facts_t *facts;
    fpmp_live_t live;
} scene_t;

static scene_t scene_of(apr_pool_t *p, const char *second)
{
    scene_t scene = { .plan = plan_of(p, "david", second, NULL) };
    int i;

    scene.facts = facts_of(p, master_at(scene.plan, 0));
    scene.live.sockets = apr_hash_make(p);
    scene.live.workers = apr_hash_make(p);
    scene.live.euid_known = 1;
    plan_derive(scene.plan);
    for (i = 0; i < scene.plan->chains->nelts; i++) {
        fpmp_live_socket_t *socket = apr_pcalloc(p, sizeof(*socket));

        socket->node = (fpmp_node_t){ .lookup = FPMP_LOOKUP_FOUND,
                                      .kind = FPMP_NODE_SOCKET,
                                      .uid = 33,
                                      .gid = 33,
                                      .mode = 0600 };
        socket->owner = socket->group = "www-data";
        socket->holder = FPMP_HOLDER_MASTER;
        apr_hash_set(scene.live.sockets, chain_at(scene.plan, i)->socket_path,
                     APR_HASH_KEY_STRING, socket);
    }
    return scene;
}

static fpmp_live_socket_t *socket_of(scene_t *scene, int chain)
{
    return apr_hash_get(scene->live.sockets, chain_at(scene->plan, chain)->socket_path,
                        APR_HASH_KEY_STRING);
}

static void judge(scene_t *scene)
{
    fpmp_drift_live(scene->plan, master_at(scene->plan, 0), scene->facts, &scene->live,
                    &httpd);
}

static void a_socket_is_judged_link_by_link(void **state)
{
    static const struct {
        const char *title;
        fpmp_live_socket_t socket;
        const char *want;
    } table[] = {
#define NODE(...) { .lookup = FPMP_LOOKUP_FOUND, .kind = FPMP_NODE_SOCKET, __VA_ARGS__ }
        { "all is well",
          { NODE(.uid = 33, .gid = 33, .mode = 0600), "www-data", "www-data",
            FPMP_HOLDER_MASTER, 0 },
          "" },
        { "nobody could say who listens",
          { NODE(.uid = 33, .gid = 33, .mode = 0600), "www-data", "www-data",
            FPMP_HOLDER_UNKNOWN, 0 },
          "" },
        { "not to be seen",
          { { .lookup = FPMP_LOOKUP_FAILED, .why = "Permission denied" }, NULL, NULL, 0, 0 },
          "UNKNOWN FPMP0310: socket: '" SOCKET "' could not be looked at: Permission "
          "denied; run this command as root to have it checked" AT_10 },
        { "missing",
          { { .lookup = FPMP_LOOKUP_MISSING }, NULL, NULL, 0, 0 },
          "PENDING FPMP0311: socket: '" SOCKET "' does not exist, though PHP-FPM has read "
          "its pool file" ITSELF AT_10 },
        { "a file",
          { { .lookup = FPMP_LOOKUP_FOUND, .kind = FPMP_NODE_FILE }, "root", "root", 0, 0 },
          "BROKEN FPMP0312: socket: '" SOCKET "' is no socket; remove it and restart "
          "PHP-FPM" AT_10 },
        { "nobody listens",
          { NODE(.uid = 33, .gid = 33, .mode = 0600), "www-data", "www-data",
            FPMP_HOLDER_NONE, 0 },
          "PENDING FPMP0313: socket: no process listens on '" SOCKET "'" ITSELF AT_10 },
        { "somebody else listens",
          { NODE(.uid = 33, .gid = 33, .mode = 0600), "www-data", "www-data",
            FPMP_HOLDER_OTHER, 0 },
          "BROKEN FPMP0314: socket: another process than PHP-FPM 4321 listens on '" SOCKET
          "'; find it with 'ss -xlp', end it, and restart PHP-FPM" AT_10 },
        { "one bit too many",
          { NODE(.uid = 33, .gid = 33, .mode = 0602), "www-data", "www-data",
            FPMP_HOLDER_MASTER, 0 },
          "PENDING FPMP0315: socket: '" SOCKET "' is mode 0602 owner 'www-data' group "
          "'www-data', wanted is 0600 'www-data' 'www-data': others may run PHP as its "
          "user" ITSELF AT_10 },
        { "one bit too few",
          { NODE(.uid = 33, .gid = 33, .mode = 0400), "www-data", "www-data",
            FPMP_HOLDER_MASTER, 0 },
          "PENDING FPMP0315: socket: '" SOCKET "' is mode 0400 owner 'www-data' group "
          "'www-data', wanted is 0600 'www-data' 'www-data': httpd cannot connect" ITSELF
              AT_10 },
        { "another owner",
          { NODE(.uid = 34, .gid = 33, .mode = 0600), "backup", "www-data",
            FPMP_HOLDER_MASTER, 0 },
          "PENDING FPMP0315: socket: '" SOCKET "' is mode 0600 owner 'backup' group "
          "'www-data', wanted is 0600 'www-data' 'www-data': httpd cannot connect" ITSELF
              AT_10 },
        { "another group",
          { NODE(.uid = 33, .gid = 34, .mode = 0600), "www-data", "backup",
            FPMP_HOLDER_MASTER, 0 },
          "PENDING FPMP0315: socket: '" SOCKET "' is mode 0600 owner 'www-data' group "
          "'backup', wanted is 0600 'www-data' 'www-data': others may run PHP as its "
          "user" ITSELF AT_10 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        scene_t scene = scene_of(*state, NULL);

        scene.facts->pid = 4321;
        *socket_of(&scene, 0) = table[i].socket;
        judge(&scene);
        expect_findings(table[i].title, scene.plan, table[i].want);
        assert_int_equal(chain_at(scene.plan, 0)->broken != NULL,
                         strncmp(table[i].want, "BROKEN", 6) == 0);
    }
}

static void a_worker_runs_as_its_user(void **state)
{
    static const struct {
        const char *title, *pool;
        int more; /* than the uid of david */
        const char *want;
    } table[] = {
        { "its own", "david", 0, "" },
        { "another's", "david", 1,
          "BROKEN FPMP0316: user: worker 77 of pool [david] runs as 'anna', wanted is "
          "'david'; restart PHP-FPM, which forks its workers anew" AT_10 },
        { "of another pool", "www", 1, "" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        scene_t scene = scene_of(*state, NULL);
        fpmp_live_worker_t worker = { .pid = 77, .pool = table[i].pool, .user = "anna" };

        worker.uid = chain_at(scene.plan, 0)->uid + (uid_t)table[i].more;
        apr_hash_set(scene.live.workers, worker.pool, APR_HASH_KEY_STRING, &worker);
        judge(&scene);
        expect_findings(table[i].title, scene.plan, table[i].want);
    }
}

static void one_cause_is_one_line(void **state)
{
    scene_t scene = scene_of(*state, "anna");

    socket_of(&scene, 0)->node.lookup = FPMP_LOOKUP_MISSING;
    socket_of(&scene, 1)->node.lookup = FPMP_LOOKUP_MISSING;
    judge(&scene);
    expect_findings("two sockets", scene.plan,
                    "PENDING FPMP0311: socket: '" SOCKET "' does not exist, though PHP-FPM "
                    "has read its pool file, and 1 more like it" ITSELF AT_10);
    assert_null(chain_at(scene.plan, 0)->broken);
}

static void a_socket_that_no_start_mends_is_broken(void **state)
{
    static const struct {
        const char *title;
        fpmp_sync_e sync;
        int unprivileged, may_write, broken;
    } table[] = {
        { "auto", FPMP_SYNC_AUTO, 0, 0, 0 },
        { "write", FPMP_SYNC_WRITE, 0, 0, 1 },
        { "check", FPMP_SYNC_CHECK, 0, 0, 1 },
        { "nobody may write the files", FPMP_SYNC_AUTO, 1, 0, 1 },
        { "a user of his own files", FPMP_SYNC_AUTO, 1, 1, 0 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        scene_t scene = scene_of(*state, "anna");
        fpmp_httpd_t us = httpd;

        us.unprivileged = table[i].unprivileged;
        scene.facts->may_write = table[i].may_write;
        scene.plan->sync = table[i].sync;
        socket_of(&scene, 0)->node.lookup = FPMP_LOOKUP_MISSING;
        socket_of(&scene, 1)->node.lookup = FPMP_LOOKUP_MISSING;
        fpmp_drift_live(scene.plan, master_at(scene.plan, 0), scene.facts, &scene.live,
                        &us);
        expect_findings(table[i].title, scene.plan,
                        apr_pstrcat(*state, table[i].broken ? "BROKEN" : "PENDING",
                                    " FPMP0311: socket: '" SOCKET
                                    "' does not exist, though PHP-FPM has read its pool "
                                    "file, and 1 more like it",
                                    table[i].broken ? AGAIN : ITSELF, AT_10, NULL));
        assert_int_equal(chain_at(scene.plan, 1)->broken != NULL, table[i].broken);
    }
}

/* What hangs on an earlier link is not said: a file that is not loaded has no socket yet.
 */
static void only_loaded_chains_are_judged(void **state)
{
    static const struct {
        const char *title;
        fpmp_link_e link;
        fpmp_weight_e weight;
        int judged;
    } table[] = {
        { "a broken user", FPMP_LINK_USER, FPMP_BROKEN, 0 },
        { "a file to be written", FPMP_LINK_POOL_FILE, FPMP_PENDING, 0 },
        { "a file that is not loaded", FPMP_LINK_POOL_FILE, FPMP_NOTICE, 0 },
        { "a notice about the handler", FPMP_LINK_HANDLER, FPMP_NOTICE, 1 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        scene_t scene = scene_of(*state, NULL);

        socket_of(&scene, 0)->node.lookup = FPMP_LOOKUP_MISSING;
        fpmp_chain_find(scene.plan, chain_at(scene.plan, 0), "FPMP9999", table[i].link,
                        table[i].weight, "seen", "mend");
        judge(&scene);
        if (scene.plan->findings->nelts != 1 + table[i].judged) {
            fail_msg("%s: %d findings", table[i].title, scene.plan->findings->nelts);
        }
    }
}

static void the_master_can_change_its_user(void **state)
{
    scene_t scene = scene_of(*state, NULL);

    scene.live.euid = chain_at(scene.plan, 0)->uid;
    scene.live.user = "david";
    judge(&scene);
    expect_findings("a master of the user himself", scene.plan, "");
    scene.live.euid++;
    scene.live.user = "web";
    scene.facts->pid = 4321;
    socket_of(&scene, 0)->node.lookup = FPMP_LOOKUP_MISSING;
    judge(&scene);
    expect_findings("another user's", scene.plan,
                    "BROKEN FPMP0530: master: PHP-FPM 4321 of master '8.2' runs as 'web', "
                    "so it cannot run a pool as 'david'; start PHP-FPM as root" AT_10);
}

static void what_could_not_be_looked_at_is_said(void **state)
{
    scene_t scene = scene_of(*state, NULL);

    scene.live.replaced = 1;
    scene.live.why = "who listens on its sockets: Permission denied";
    socket_of(&scene, 0)->holder = FPMP_HOLDER_UNKNOWN;
    judge(&scene);
    expect_findings("both", scene.plan,
                    "NOTICE FPMP0531: master: the program '/usr/sbin/php-fpm8.2' of the "
                    "running master '8.2' was replaced since it started; restart PHP-FPM, "
                    "so that the new one runs" AT_10
                    "UNKNOWN FPMP0532: master: of master '8.2' could not be looked at who "
                    "listens on its sockets: Permission denied; run this command as root "
                    "to have it checked" AT_10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(a_socket_is_judged_link_by_link),
        plan_test(a_worker_runs_as_its_user),
        plan_test(one_cause_is_one_line),
        plan_test(a_socket_that_no_start_mends_is_broken),
        plan_test(only_loaded_chains_are_judged),
        plan_test(the_master_can_change_its_user),
        plan_test(what_could_not_be_looked_at_is_said),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
