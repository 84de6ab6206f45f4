/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that PHP-FPM reads: of others, with our names in them; our own, current or not;
 * and those that nobody names any more. The weight follows from what a start may do.
 */
/* links: core */
#include "plan.h"

#define POOL_FILE POOL_DIR "/fpmpool-david.conf"
#define SOCKET "/run/php/fpmpool-8.2-david.sock"
#define LEFT_FILE POOL_DIR "/fpmpool-anna.conf"

static void judge(fpmp_plan_t *plan, const fpmp_master_facts_t *facts)
{
    judge_master(plan, master_at(plan, 0), facts, 0);
}

/* ---- who may write them ------------------------------------------------------------- */

static void a_file_that_others_may_write_is_not_read_as_root(void **state)
{
#define UNSAFE(why, what)                                                                  \
    "BROKEN FPMP0442: pool file: " why ", and PHP-FPM reads " what " as root; give it to " \
    "root and take write permission from group and others" AT_10
#define WRITABLE(file, mode)                                                               \
    UNSAFE("'" file "' (uid 0) is mode " mode ", group or others may write", "it")
#define ZZ POOL_DIR "/zz.conf"
    static const struct {
        const char *title;
        int own;
        uid_t uid;
        unsigned int mode;
        fpmp_node_e kind;
        const char *want;
    } table[] = {
        { "root's, 0644", 0, 0, 0644, FPMP_NODE_FILE, "" },
        { "root's, 0755", 0, 0, 0755, FPMP_NODE_FILE, "" },
        { "root's, 0600", 0, 0, 0600, FPMP_NODE_FILE, "" },
        { "group", 0, 0, 0664, FPMP_NODE_FILE, WRITABLE(ZZ, "0664") },
        { "others", 0, 0, 0646, FPMP_NODE_FILE, WRITABLE(ZZ, "0646") },
        { "a user's", 0, 1001, 0600, FPMP_NODE_FILE,
          UNSAFE("'" ZZ "' belongs to uid 1001 (mode 0600), wanted is uid 0", "it") },
        { "a link whose target nobody saw", 0, 1001, 0777, FPMP_NODE_LINK, "" },
        { "ours", 1, 0, 0644, FPMP_NODE_FILE, "" },
        { "ours, others", 1, 0, 0666, FPMP_NODE_FILE, WRITABLE(POOL_FILE, "0666") },
        { "ours, a user's", 1, 33, 0644, FPMP_NODE_FILE,
          UNSAFE("'" POOL_FILE "' belongs to uid 33 (mode 0644), wanted is uid 0", "it") },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_make(*state, "david");
        fpmp_file_t *file =
            table[i].own
                ? apr_hash_get(scene.facts->by_path, POOL_FILE, APR_HASH_KEY_STRING)
                : add_file(*state, scene.facts, ZZ, "; nothing\n");

        file->node.uid = table[i].uid;
        file->node.mode = table[i].mode;
        file->node.kind = table[i].kind;
        calm_look(&scene);
        calm_judge(&scene);
        expect_findings(table[i].title, scene.plan, table[i].want);
        assert_int_equal(scene.ends, *table[i].want != '\0');
        assert_null(chain_at(scene.plan, 0)->broken); /* it goes on with what it has read */
    }
}

static void the_way_to_a_file_elsewhere_counts(void **state)
{
    static const struct {
        const char *title;
        uid_t dir_uid;
        unsigned int file_mode;
        fpmp_node_e kind;
        const char *want;
    } table[] = {
        { "root's", 0, 0644, FPMP_NODE_FILE, "" },
        { "in a user's directory", 1001, 0644, FPMP_NODE_FILE,
          UNSAFE("'/srv/david' belongs to uid 1001 (mode 0755), wanted is uid 0", "'" ZZ "'") },
        { "a file that others may write", 0, 0666, FPMP_NODE_FILE,
          UNSAFE("'/srv/david/fpm' (uid 0) is mode 0666, group or others may write",
                 "'" ZZ "'") },
        { "/dev/null", 0, 0666, FPMP_NODE_OTHER, "" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_make(*state, "david");
        fpmp_file_t *file = add_file(*state, scene.facts, ZZ, "; nothing\n");

        file->node.kind = FPMP_NODE_LINK;
        file->node.mode = 0777;
        file->way = dir_nodes(*state, "/srv/david/fpm");
        APR_ARRAY_IDX(file->way, 2, fpmp_node_t).uid = table[i].dir_uid;
        last_node(file->way)->kind = table[i].kind;
        last_node(file->way)->mode = table[i].file_mode;
        calm_look(&scene);
        calm_judge(&scene);
        expect_findings(table[i].title, scene.plan, table[i].want);
    }
}

/* The new file is root's, mode 0644, unless nothing may be written. */
static void a_file_that_the_start_writes_anew_is_not_named(void **state)
{
    for (int check = 0; check < 2; check++) {
        calm_t scene = calm_make(*state, "david");
        fpmp_file_t *file =
            apr_hash_get(scene.facts->by_path, POOL_FILE, APR_HASH_KEY_STRING);

        scene.plan->sync = check ? FPMP_SYNC_CHECK : FPMP_SYNC_AUTO;
        file->node.mode = 0666;
        edit_file(*state, file);
        calm_look(&scene);
        calm_judge(&scene);
        if ((strstr(plan_findings(scene.plan, "edited"), "FPMP0442") != NULL) != check) {
            fail_msg("FPMSync %s: '%s'", check ? "check" : "auto",
                     plan_findings(scene.plan, "edited"));
        }
    }
}

/* ---- files of others --------------------------------------------------------------- */

static void files_of_others_are_read_for_our_names(void **state)
{
    static const struct {
        const char *title, *text, *want;
    } table[] = {
        { "a pool beside", "[davids]\nlisten = /run/php/fpmpool-8.2-davids.sock\n", "" },
        { "our name in a comment", "; [david]\n;listen = " SOCKET "\n", "" },
        { "our name", "[www]\nlisten = /run/x.sock\n[david]\nuser = anna\n",
          "BROKEN FPMP0404: pool: pool name 'david' is taken by section [david] at "
          POOL_DIR
          "/zz.conf:3, which is not ours, and PHP-FPM would merge the two; rename or "
          "remove that "
          "section" AT_10 },
        { "our name in capitals", "[DAVID]\n",
          "BROKEN FPMP0404: pool: pool name 'david' is taken by section [DAVID] at "
          POOL_DIR
          "/zz.conf:1, which is not ours, and PHP-FPM would merge the two; rename or "
          "remove that "
          "section" AT_10 },
        { "blanks belong to the name", "[ david ]\n", "" },
        { "our socket", "[www]\nlisten = " SOCKET "\n",
          "BROKEN FPMP0304: socket: '" SOCKET "' is taken by pool [www] at " POOL_DIR
          "/zz.conf:2, which is not ours; change listen there" AT_10 },
        { "our socket under a key in capitals", "[www]\nLISTEN = \"" SOCKET "\"\n",
          "BROKEN FPMP0304: socket: '" SOCKET "' is taken by pool [www] at " POOL_DIR
          "/zz.conf:2, which is not ours; change listen there" AT_10 },
        { "another key with our socket", "[www]\nslowlog = " SOCKET "\n", "" },
        { "our socket without section", "listen = " SOCKET "\n",
          "BROKEN FPMP0436: pool: 'listen' at " POOL_DIR "/zz.conf:1 stands before any "
          "section, so PHP-FPM gives it to pool [david] of '" POOL_FILE
          "'; write its [section] above it, or remove it" AT_10 },
        { "name and socket: the first is said", "[david]\nlisten = " SOCKET "\n",
          "BROKEN FPMP0404: pool: pool name 'david' is taken by section [david] at "
          POOL_DIR
          "/zz.conf:1, which is not ours, and PHP-FPM would merge the two; rename or "
          "remove that "
          "section" AT_10 },
        { "not plain, nothing of ours before", "[www]\n# no comment\n[david]\n",
          "UNKNOWN FPMP0406: pool file: '" POOL_DIR "/zz.conf' is not understood from "
                                                    "line 2 on: "
          "the line begins with neither a key, a section nor ';'; see whether it defines "
          "a pool "
          "of the same name or socket" AT_10 },
        { "not read", NULL,
          "UNKNOWN FPMP0405: pool file: '" POOL_DIR "/zz.conf' could not be read: "
                                                    "Permission "
          "denied; see whether it defines a pool of the same name or socket" AT_10 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
        fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

        plan_derive(plan);
        add_own_file(*state, facts, chain_at(plan, 0), SERVER);
        add_file(*state, facts, POOL_DIR "/zz.conf", table[i].text)->node.why =
            "Permission denied";
        judge(plan, facts);
        expect_findings(table[i].title, plan, table[i].want);
    }
}

static void a_file_of_others_that_is_no_file_has_a_reason(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

    plan_derive(plan);
    add_own_file(*state, facts, chain_at(plan, 0), SERVER);
    add_file(*state, facts, POOL_DIR "/zz.conf", NULL);
    judge(plan, facts);
    expect_findings("no reason", plan,
                    "UNKNOWN FPMP0405: pool file: '" POOL_DIR "/zz.conf' could not be "
                                                              "read: it is "
                    "no regular file; see whether it defines a pool of the same name or "
                    "socket" AT_10);
}

static void the_main_file_is_read_for_our_names_too(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

    plan_derive(plan);
    add_own_file(*state, facts, chain_at(plan, 0), SERVER);
    facts->main.text = "[global]\npid = /run/php/php8.2-fpm.pid\ninclude="
    POOL_DIR "/*.conf\n"
                       "[david]\nuser = anna\n";
    facts->main.len = strlen(facts->main.text);
    judge(plan, facts);
    plan_findings(plan, "main file");
    if (!chain_at(plan, 0)->broken) {
        fail_msg("[david] in '%s' is not seen", MAIN_FILE);
    }
}

static void files_of_others_are_judged_for_their_own_master_only(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david php=8.4", NULL, NULL);
    fpmp_master_t *second = plan_master(plan, "8.4");
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

    plan_derive(plan);
    assert_ptr_equal(chain_at(plan, 0)->master, second);
    add_file(*state, facts, POOL_DIR "/zz.conf", "[david]\n");
    judge(plan, facts);
    expect_findings("another master's", plan, "");
}

/* ---- our own files ----------------------------------------------------------------- */

typedef enum {
    ABSENT,      /* no file at its place */
    CURRENT,     /* as this server writes it */
    OLD,         /* ours, whole, and other settings */
    EDITED,      /* ours, and changed by hand */
    FOREIGN,     /* without marker */
    OTHER_SAME,  /* by another server, the same text */
    OTHER_ELSE,  /* by another server, other settings */
    A_LINK,      /* a symbolic link to a current file */
    UNREAD       /* a file that could not be read */
} own_file_e;

static void put_own_file(apr_pool_t *p, fpmp_plan_t *plan, fpmp_master_facts_t *facts,
                         own_file_e how)
{
    fpmp_plan_t *past = plan_of(p, "david pm=static", NULL, NULL);
    fpmp_chain_t *chain = chain_at(plan, 0);
    fpmp_file_t *file;

    plan_derive(past);
    switch (how) {
    case ABSENT:
        break;
    case CURRENT:
        add_own_file(p, facts, chain, SERVER);
        break;
    case OLD:
        add_own_file(p, facts, chain_at(past, 0), SERVER);
        break;
    case EDITED:
        edit_file(p, add_own_file(p, facts, chain, SERVER));
        break;
    case FOREIGN:
        add_file(p, facts, chain->pool_file_path, "[david]\nuser = anna\n");
        break;
    case OTHER_SAME:
        add_own_file(p, facts, chain, OTHER_SERVER);
        break;
    case OTHER_ELSE:
        add_own_file(p, facts, chain_at(past, 0), OTHER_SERVER);
        break;
    case A_LINK:
        add_own_file(p, facts, chain, SERVER)->node.kind = FPMP_NODE_LINK;
        break;
    case UNREAD:
        file = add_file(p, facts, chain->pool_file_path, NULL);
        file->node.why = "Permission denied";
        break;
    }
}

#define BY_ITSELF "the next start or reload of httpd "
#define CHECK_MEND "FPMSync check: have your own tool write it, or set FPMSync auto" AT_10

/* want[0]: FPMSync auto, write and not given; want[1]: check. */
static const struct {
    const char *title;
    own_file_e how;
    const char *want[2];
} own_rows[] = {
    { "current", CURRENT, { "", "" } },
    { "the same text by another server", OTHER_SAME, { "", "" } },
    { "not there", ABSENT,
      { "PENDING FPMP0407: pool file: '" POOL_FILE "' does not exist yet; " BY_ITSELF
        "writes it" AT_10,
        "BROKEN FPMP0407: pool file: '" POOL_FILE "' does not exist yet; " CHECK_MEND } },
    { "a link", A_LINK,
      { "BROKEN FPMP0408: pool file: '" POOL_FILE "' is no regular file that could be "
                                                  "read; move "
        "it out of the pool directory" AT_10,
        "BROKEN FPMP0408: pool file: '" POOL_FILE "' is no regular file that could be "
                                                  "read; move "
        "it out of the pool directory" AT_10 } },
    { "not ours", FOREIGN,
      { "BROKEN FPMP0409: pool file: '" POOL_FILE "' was not written by mod_fpmpool and "
                                                  "is never "
        "overwritten; move it out of the pool directory" AT_10,
        "BROKEN FPMP0409: pool file: '" POOL_FILE "' was not written by mod_fpmpool and "
                                                  "is never "
        "overwritten; move it out of the pool directory" AT_10 } },
    { "another server's with another text", OTHER_ELSE,
      { "BROKEN FPMP0410: pool file: '" POOL_FILE "' belongs to the httpd with pid file '"
        OTHER_SERVER "' and says something else; write the same FPMUser settings in both "
        "servers; if that one is gone, remove the file" AT_10,
        "BROKEN FPMP0410: pool file: '" POOL_FILE "' belongs to the httpd with pid file '"
        OTHER_SERVER "' and says something else; write the same FPMUser settings in both "
        "servers; if that one is gone, remove the file" AT_10 } },
    { "edited by hand", EDITED,
      { "PENDING FPMP0411: pool file: '" POOL_FILE "' was edited by hand; put the change "
                                                   "on "
        "FPMUser; " BY_ITSELF "keeps the edited file as '.edited' beside it and writes its "
        "own" AT_10,
        "BROKEN FPMP0411: pool file: '" POOL_FILE "' was edited by hand; " CHECK_MEND } },
    { "older", OLD,
      { "PENDING FPMP0412: pool file: '" POOL_FILE "' is older than the configuration; "
      BY_ITSELF
        "writes it anew" AT_10,
        "BROKEN FPMP0412: pool file: '" POOL_FILE "' is older than the configuration; "
        CHECK_MEND } },
};

static void our_file_is_judged_by_what_a_start_may_do(void **state)
{
    static const fpmp_sync_e syncs[] = { FPMP_SYNC_UNSET, FPMP_SYNC_AUTO, FPMP_SYNC_WRITE,
                                         FPMP_SYNC_CHECK };

    for (size_t i = 0; i < COUNT(own_rows); i++) {
        for (size_t k = 0; k < COUNT(syncs); k++) {
            fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
            fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));
            const char *title = apr_psprintf(*state, "%s, sync %d", own_rows[i].title,
                                             syncs[k]);

            plan->sync = syncs[k];
            plan_derive(plan);
            put_own_file(*state, plan, facts, own_rows[i].how);
            judge(plan, facts);
            expect_findings(title, plan, own_rows[i].want[syncs[k] == FPMP_SYNC_CHECK]);
        }
    }
}

/* As another user than root one may not know: that breaks no chain. */
static void our_file_that_may_not_be_read_is_unknown(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));
    const char *text;

    plan_derive(plan);
    put_own_file(*state, plan, facts, UNREAD);
    judge(plan, facts);
    text = plan_findings(plan, "unread");
    if (strncmp(text, "UNKNOWN ", 8) != 0 || !strstr(text, "Permission denied")) {
        fail_msg("got '%s'", text);
    }
}

/* A chain that is broken already, or whose user is not known now, does not speak of its
 * file. */
static void later_links_of_a_broken_chain_are_not_said(void **state)
{
    static const struct {
        const char *title, *line;
        fpmp_lookup_e user;
        const char *code;
    } table[] = {
        { "nothing broken", "david", FPMP_LOOKUP_FOUND, "FPMP0407" },
        { "its settings", "david pm=dynamic", FPMP_LOOKUP_FOUND, "FPMP0102" },
        { "its user", "david", FPMP_LOOKUP_MISSING, "FPMP0201" },
        { "a user that nobody knows now", "david", FPMP_LOOKUP_FAILED, "FPMP0202" },
        { "a user that nobody knows now, its group on the line", "david:staff",
          FPMP_LOOKUP_FAILED, "FPMP0202" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, table[i].line, NULL, NULL);
        fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));
        fpmp_user_facts_t user;

        fpmp_chains_derive(plan, &httpd);
        user = user_found(chain_at(plan, 0));
        user.user_lookup = table[i].user;
        fpmp_drift_user(plan, chain_at(plan, 0), &user, &httpd);
        judge(plan, facts);
        plan_findings(plan, table[i].title);
        assert_int_equal(plan->findings->nelts, 1);
        expect_text(table[i].title, APR_ARRAY_IDX(plan->findings, 0,
                                                  fpmp_finding_t *)->code,
                    table[i].code);
    }
}

/* A broken chain keeps its file, and nobody takes the file for one of others. */
static void the_file_of_a_broken_chain_is_nobody_elses(void **state)
{
    fpmp_plan_t *plan = plan_of(*state, "david pm=dynamic", NULL, NULL);
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

    plan_derive(plan);
    put_own_file(*state, plan, facts, OLD);
    judge(plan, facts);
    assert_int_equal(plan->findings->nelts, 1);
    assert_string_equal(chain_at(plan, 0)->broken->code, "FPMP0102");
}

/* Its user is gone, so a start removes its file; the broken link is the one cause. */
static void the_file_of_an_unfit_user_is_no_leftover(void **state)
{
    const fpmp_user_facts_t gone = { .user_lookup = FPMP_LOOKUP_MISSING };
    fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
    fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));
    fpmp_user_facts_t found;

    fpmp_chains_derive(plan, &httpd);
    found = user_found(chain_at(plan, 0));
    fpmp_drift_user(plan, chain_at(plan, 0), &found, &httpd);
    add_own_file(*state, facts, chain_at(plan, 0), SERVER);
    fpmp_drift_user(plan, chain_at(plan, 0), &gone, &httpd);
    judge(plan, facts);
    assert_int_equal(plan->findings->nelts, 1);
    assert_string_equal(chain_at(plan, 0)->broken->code, "FPMP0201");
}

/* ---- leftovers --------------------------------------------------------------------- */

/* A pool file of anna, whom no line names any more. */
static fpmp_file_t *leave_over(apr_pool_t *p, fpmp_master_facts_t *facts,
                               const char *server)
{
    fpmp_plan_t *past = plan_of(p, "anna", NULL, NULL);

    plan_derive(past);
    return add_own_file(p, facts, chain_at(past, 0), server);
}

static void a_file_that_no_line_names_is_a_leftover(void **state)
{
    static const struct {
        const char *title;
        fpmp_sync_e sync;
        const char *server, *want;
    } table[] = {
        { "auto", FPMP_SYNC_AUTO, SERVER,
          "PENDING FPMP0413: pool file: '" LEFT_FILE "' is ours, but no FPMUser that can "
                                                     "serve "
          "names its user; the next start or reload of httpd removes it, and a host that lost "
          "its line sends PHP files as source (FPMSync at "
          "/etc/apache2/apache2.conf:3)\n" },
        { "write", FPMP_SYNC_WRITE, SERVER,
          "PENDING FPMP0413: pool file: '" LEFT_FILE "' is ours, but no FPMUser that can "
                                                     "serve "
          "names its user; the next start or reload of httpd removes it, and a host that lost "
          "its line sends PHP files as source (FPMSync at "
          "/etc/apache2/apache2.conf:3)\n" },
        { "check", FPMP_SYNC_CHECK, SERVER,
          "BROKEN FPMP0413: pool file: '" LEFT_FILE "' is ours, but no FPMUser that can "
                                                    "serve "
          "names its user; remove it (FPMSync at /etc/apache2/apache2.conf:3)\n" },
        { "not given", FPMP_SYNC_UNSET, SERVER,
          "PENDING FPMP0413: pool file: '" LEFT_FILE "' is ours, but no FPMUser that can "
                                                     "serve "
          "names its user; the next start or reload of httpd removes it, and a host that lost "
          "its line sends PHP files as source\n" },
        { "another server's", FPMP_SYNC_CHECK, OTHER_SERVER, "" },
    };
    const fpmp_where_t where = { "/etc/apache2/apache2.conf", 3, "FPMSync" };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, "david", NULL, NULL);
        fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

        plan->sync = table[i].sync;
        if (plan->sync != FPMP_SYNC_UNSET) {
            plan->sync_where = where;
        }
        plan_derive(plan);
        add_own_file(*state, facts, chain_at(plan, 0), SERVER);
        leave_over(*state, facts, table[i].server);
        judge(plan, facts);
        expect_findings(table[i].title, plan, table[i].want);
        assert_null(chain_at(plan, 0)->broken);
    }
}

static void the_last_pool_of_a_master_stays(void **state)
{
    static const struct {
        const char *title;
        int with_www, files;
        const char *want;
    } table[] = {
        { "the last", 0, 1,
          "NOTICE FPMP0414: pool file: no FPMUser names the user of '"
          LEFT_FILE "' any more, but "
          "master '8.2' has no other pool and does not start without one, so it stays; "
          "stop "
          "PHP-FPM and remove the file, or give the master another pool\n" },
        { "the last three", 0, 3,
          "NOTICE FPMP0414: pool file: no FPMUser names the user of '" LEFT_FILE
          "' and 2 more any more, but master '8.2' has no other pool and does not start "
          "without one, so it stays; stop PHP-FPM and remove the file, or give the master "
          "another pool\n" },
        { "one of two", 1, 1,
          "PENDING FPMP0413: pool file: '" LEFT_FILE "' is ours, but no FPMUser that can "
                                                     "serve "
          "names its user; the next start or reload of httpd removes it, and a host that lost "
          "its line sends PHP files as source\n" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, NULL, NULL, NULL);
        fpmp_master_facts_t *facts = facts_of(*state, master_at(plan, 0));

        if (!table[i].with_www) {
            facts->files->nelts = 0;
            facts->by_path = apr_hash_make(*state);
        }
        plan_derive(plan);
        for (int n = 0; n < table[i].files; n++) {
            leave_over(*state, facts, SERVER);
        }
        judge(plan, facts);
        expect_findings(table[i].title, plan, table[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(a_file_that_others_may_write_is_not_read_as_root),
        plan_test(the_way_to_a_file_elsewhere_counts),
        plan_test(a_file_that_the_start_writes_anew_is_not_named),
        plan_test(files_of_others_are_read_for_our_names),
        plan_test(a_file_of_others_that_is_no_file_has_a_reason),
        plan_test(the_main_file_is_read_for_our_names_too),
        plan_test(files_of_others_are_judged_for_their_own_master_only),
        plan_test(our_file_is_judged_by_what_a_start_may_do),
        plan_test(our_file_that_may_not_be_read_is_unknown),
        plan_test(later_links_of_a_broken_chain_are_not_said),
        plan_test(the_file_of_a_broken_chain_is_nobody_elses),
        plan_test(the_file_of_an_unfit_user_is_no_leftover),
        plan_test(a_file_that_no_line_names_is_a_leftover),
        plan_test(the_last_pool_of_a_master_stays),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
