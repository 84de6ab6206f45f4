/* SPDX-License-Identifier: Apache-2.0
 *
 * All files of a master together: includes that cannot be followed, files that cannot be
 * read, lines that fall into another pool, names and sockets that are taken. What a single
 * pool of others may be: test_foreign.c.
 */
/* links: core */
#include "plan.h"

#include <errno.h>

#define AA POOL_DIR "/aa.conf"
#define ZZ POOL_DIR "/zz.conf"
#define OURS POOL_DIR "/fpmpool-david.conf"
#define SOCKET "/run/php/fpmpool-8.2-david.sock"

/* A pool of others in which nothing is wrong. */
#define POOL(name, listen) "[" name "]\nuser = zz\nlisten = " listen "\n"

static void expect_scene(const char *title, calm_t *scene, const char *want)
{
    calm_judge(scene);
    expect_findings(title, scene->plan, want);
    if (scene->ends != (strstr(want, "BROKEN") && !chain_at(scene->plan, 0)->broken)) {
        fail_msg("%s: fpmp_drift_master returns %d", title, scene->ends);
    }
}

/* ---- what cannot be followed or read --------------------------------------------------- */

static void an_include_is_judged_by_what_php_fpm_does_there(void **state)
{
#define SEEN(code) code ": pool file: the include at " ZZ ":7 "
    static const struct {
        const char *title, *resolved;
        int depth, err;
        const char *want;
    } table[] = {
        { "followed", "/srv/*.inc", 2, 0, "" },
        { "the fourth level", "/srv/*.inc", 4, 0, "" },
        { "the fifth level", NULL, 5, 0,
          "BROKEN " SEEN("FPMP0421") "is the fifth level, and PHP-FPM ends at more than four "
          "levels of includes; include the files from a higher one" AT_10 },
        { "its own file", POOL_DIR "/z*.conf", 2, 0,
          "BROKEN " SEEN("FPMP0421") "reads its own file again, and PHP-FPM ends at more "
          "than four levels of includes; include the files from a higher one" AT_10 },
        { "files beside its own", POOL_DIR "/y*.conf", 2, 0, "" },
        { "no directory", "/gone/*.inc", 2, ENOENT,
          "BROKEN " SEEN("FPMP0422") "names a directory that does not exist, and PHP-FPM "
          "ends there; create it or remove the line" AT_10 },
        { "a file as directory", "/srv/file/*.inc", 2, ENOTDIR,
          "BROKEN " SEEN("FPMP0422") "names a directory that does not exist, and PHP-FPM "
          "ends there; create it or remove the line" AT_10 },
        { "a locked directory", "/locked/*.inc", 2, EACCES,
          "UNKNOWN " SEEN("FPMP0423") "could not be followed: Permission denied; run this "
          "command as root to have it checked" AT_10 },
        { "relative to what nobody knows", NULL, 2, 0,
          "UNKNOWN " SEEN("FPMP0424") "is relative to a prefix that is not known here, so its "
          "files are not checked; write an absolute path there" AT_10 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_make(*state, "david");
        fpmp_include_t *include = apr_pcalloc(*state, sizeof(*include));

        add_file(*state, scene.facts, ZZ, POOL("zz", "/run/php/zz.sock"));
        include->file = ZZ;
        include->line = 7;
        include->depth = table[i].depth;
        include->pattern = include->resolved = table[i].resolved;
        include->dir_errno = table[i].err;
        include->files = apr_array_make(*state, 1, sizeof(fpmp_file_t *));
        APR_ARRAY_PUSH(scene.facts->includes, fpmp_include_t *) = include;
        calm_look(&scene);
        expect_scene(table[i].title, &scene, table[i].want);
    }
}

static void a_file_that_is_not_read_is_judged_by_what_it_is(void **state)
{
    static const struct {
        const char *title;
        fpmp_node_e kind;
        fpmp_lookup_e lookup;
        int irregular;
        const char *why, *want;
    } table[] = {
        { "a link to nowhere", FPMP_NODE_LINK, FPMP_LOOKUP_MISSING, 0,
          "No such file or directory",
          "BROKEN FPMP0425: pool file: '" ZZ "' is a link to a file that does not exist, and "
          "PHP-FPM ends there; remove the link" AT_10 },
        { "a FIFO", FPMP_NODE_OTHER, FPMP_LOOKUP_FOUND, 1, "not a regular file",
          "BROKEN FPMP0426: pool file: '" ZZ "' is no regular file; PHP-FPM would end there, "
          "or wait for ever; move it out of the pool directory" AT_10 },
        { "a link to a FIFO", FPMP_NODE_LINK, FPMP_LOOKUP_FOUND, 1, "not a regular file",
          "BROKEN FPMP0426: pool file: '" ZZ "' is no regular file; PHP-FPM would end there, "
          "or wait for ever; move it out of the pool directory" AT_10 },
        { "a file that may not be read", FPMP_NODE_FILE, FPMP_LOOKUP_FOUND, 0,
          "Permission denied",
          "UNKNOWN FPMP0405: pool file: '" ZZ "' could not be read: Permission denied; see "
          "whether it defines a pool of the same name or socket" AT_10 },
        { "a link that may not be followed", FPMP_NODE_LINK, FPMP_LOOKUP_FOUND, 0,
          "Permission denied",
          "UNKNOWN FPMP0405: pool file: '" ZZ "' could not be read: Permission denied; see "
          "whether it defines a pool of the same name or socket" AT_10 },
        { "a file that is gone meanwhile", FPMP_NODE_NONE, FPMP_LOOKUP_MISSING, 0,
          "No such file or directory",
          "UNKNOWN FPMP0405: pool file: '" ZZ "' could not be read: No such file or "
          "directory; see whether it defines a pool of the same name or socket" AT_10 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_make(*state, "david");
        fpmp_file_t *file = add_file(*state, scene.facts, ZZ, NULL);

        file->node.kind = table[i].kind;
        file->node.lookup = table[i].lookup;
        file->node.irregular = table[i].irregular;
        file->node.why = table[i].why;
        calm_look(&scene);
        expect_scene(table[i].title, &scene, table[i].want);
    }
}

/* PHP-FPM's own word about such a file makes ours superfluous. */
static void an_opaque_file_is_said_where_php_fpm_was_not_asked(void **state)
{
    static const char opaque[] =
        "UNKNOWN FPMP0406: pool file: '" ZZ "' is not understood from line 4 on: the value "
        "has a & outside quotes, which PHP-FPM refuses or computes with; see whether it "
        "defines a pool of the same name or socket" AT_10;

    for (int asked = 0; asked < 3; asked++) {
        calm_t scene = calm_make(*state, "david");

        add_file(*state, scene.facts, ZZ, POOL("zz", "/run/php/zz") "env[A] = a&b\n");
        calm_look(&scene);
        if (asked == 1) {
            fpmp_view_add_print(*state, scene.view, "");
        }
        scene.view->complaint = asked == 2 ? "ERROR: [pool zz] nonsense" : NULL;
        calm_judge(&scene);
        if (asked == 2) {
            assert_int_equal(scene.plan->findings->nelts, 1);
            assert_null(strstr(plan_findings(scene.plan, "complaint"), "FPMP0406"));
        }
        else {
            expect_findings("opaque", scene.plan, asked ? "" : opaque);
        }
    }
}

/* ---- lines before any section ---------------------------------------------------------- */

#define STRAY(key, file, line, pool, of)                                                   \
    ": '" key "' at " file ":" line " stands before any section, so PHP-FPM gives it to "  \
    "pool [" pool "] of '" of "'; write its [section] above it"

/* Files that sort behind fpmpool-david.conf and, before it, www.conf. */
static void lines_before_any_section_belong_to_the_file_before(void **state)
{
    static const struct {
        const char *title;
        int ours_first;
        const char *first, *second;
        const char *want;
    } table[] = {
        { "with a section", 1, POOL("yy", "/run/php/yy"), NULL, "" },
        { "ours before it", 1, "user = zz\n", NULL,
          "BROKEN FPMP0436: pool" STRAY("user", AA, "1", "david", OURS) ", or remove "
          "it" AT_10 },
        { "an array", 1, "; x\nenv[A] = 1\n", NULL,
          "BROKEN FPMP0436: pool" STRAY("env[A]", AA, "2", "david", OURS) ", or remove "
          "it" AT_10 },
        { "two lines are one cause", 1, "user = zz\ngroup = zz\n", NULL,
          "BROKEN FPMP0436: pool" STRAY("user", AA, "1", "david", OURS) ", or remove "
          "it" AT_10 },
        { "two files hit one chain: the first is said", 1, "user = zz\n", "group = zz\n",
          "BROKEN FPMP0436: pool" STRAY("user", AA, "1", "david", OURS) ", or remove "
          "it" AT_10 },
        { "a pool of others before it", 0, "pm.max_requests = 1\n", NULL,
          "NOTICE FPMP0435: pool file" STRAY("pm.max_requests", AA, "1", "www",
                                             POOL_DIR "/www.conf") AT_10 },
        { "two files hit a pool of others: both are said", 0, "pm.max_requests = 1\n",
          "pm.max_requests = 2\n",
          "NOTICE FPMP0435: pool file" STRAY("pm.max_requests", AA, "1", "www",
                                             POOL_DIR "/www.conf") AT_10
          "NOTICE FPMP0435: pool file" STRAY("pm.max_requests", ZZ, "1", "www",
                                             POOL_DIR "/www.conf") AT_10 },
        { "the global section before it", 0, "[global]\n", "process.max = 9\n", "" },
        { "a file of comments", 1, "; user = zz\n\n", NULL, "" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_make(*state, "david");
        apr_array_header_t *files =
            APR_ARRAY_IDX(scene.facts->includes, 0, fpmp_include_t *)->files;

        if (!table[i].ours_first) { /* PHP-FPM reads them in the order of this array */
            fpmp_file_t *www = APR_ARRAY_IDX(files, 0, fpmp_file_t *);

            APR_ARRAY_IDX(files, 0, fpmp_file_t *) = APR_ARRAY_IDX(files, 1, fpmp_file_t *);
            APR_ARRAY_IDX(files, 1, fpmp_file_t *) = www;
        }
        add_file(*state, scene.facts, AA, table[i].first);
        if (table[i].second) {
            add_file(*state, scene.facts, ZZ, table[i].second);
        }
        calm_look(&scene);
        expect_scene(table[i].title, &scene, table[i].want);
    }
}

/* A chain that is broken already is not broken again. */
static void a_stray_line_in_a_broken_chain_is_not_said(void **state)
{
    calm_t scene = calm_make(*state, "david");

    add_file(*state, scene.facts, AA, "user = zz\n");
    add_file(*state, scene.facts, ZZ, "[DAVID]\n");
    calm_look(&scene);
    calm_judge(&scene);
    assert_int_equal(scene.plan->findings->nelts, 1);
    assert_string_equal(chain_at(scene.plan, 0)->broken->code, "FPMP0404");
}

/* ---- names and sockets that are taken --------------------------------------------------- */

static void a_name_of_ours_is_found_wherever_it_stands(void **state)
{
#define TAKEN(name, line)                                                                  \
    "BROKEN FPMP0404: pool: pool name 'david' is taken by section [" name "] at " ZZ ":"   \
    line ", which is not ours, and PHP-FPM would merge the two; rename or remove that "    \
    "section" AT_10
    static const struct {
        const char *title, *text;
        int before; /* 1: PHP-FPM reads it before ours */
        const char *want;
    } table[] = {
        { "behind", "[david]\n", 0, TAKEN("david", "1") },
        { "before", "[david]\n", 1, TAKEN("david", "1") },
        { "in capitals, behind", "; x\n[DaviD]\n", 0, TAKEN("DaviD", "2") },
        { "in capitals, before", "; x\n[DaviD]\n", 1, TAKEN("DaviD", "2") },
        { "a longer name", POOL("davids", "/run/php/x"), 0, "" },
        { "a shorter name", POOL("davi", "/run/php/x"), 1, "" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_make(*state, "david");
        apr_array_header_t *files =
            APR_ARRAY_IDX(scene.facts->includes, 0, fpmp_include_t *)->files;

        add_file(*state, scene.facts, ZZ, table[i].text);
        if (table[i].before) {
            APR_ARRAY_IDX(files, 2, fpmp_file_t *) = APR_ARRAY_IDX(files, 0, fpmp_file_t *);
            APR_ARRAY_IDX(files, 0, fpmp_file_t *) =
                APR_ARRAY_IDX(scene.facts->files, 2, fpmp_file_t *);
        }
        calm_look(&scene);
        expect_scene(table[i].title, &scene, table[i].want);
    }
}

static void a_socket_of_ours_is_found_under_every_name(void **state)
{
#define OUR_SOCKET(pool, line)                                                             \
    "BROKEN FPMP0304: socket: '" SOCKET "' is taken by pool [" pool "] at " ZZ ":" line    \
    ", which is not ours; change listen there" AT_10
    static const struct {
        const char *title, *text, *want;
    } table[] = {
        { "another", POOL("zz", "/run/php/zz"), "" },
        { "ours", POOL("zz", SOCKET), OUR_SOCKET("zz", "3") },
        { "ours by a link of the directory",
          POOL("zz", "/var/run/php/fpmpool-8.2-david.sock"), OUR_SOCKET("zz", "3") },
        { "ours with a slash too many", POOL("zz", "/run/php//fpmpool-8.2-david.sock"),
          OUR_SOCKET("zz", "3") },
        { "ours by $pool", POOL("8.2-david", "/run/php/fpmpool-$pool.sock"),
          OUR_SOCKET("8.2-david", "3") },
        { "ours by a prefix", POOL("zz", "fpmpool-8.2-david.sock") "prefix = /run/php\n",
          OUR_SOCKET("zz", "3") },
        { "ours, and the last line counts", POOL("zz", SOCKET) "listen = /run/php/zz\n", "" },
        { "ours, twice: the first is said", POOL("zz", SOCKET) POOL("yy", SOCKET),
          OUR_SOCKET("zz", "3") },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_make(*state, "david");

        add_file(*state, scene.facts, ZZ, table[i].text);
        calm_look(&scene);
        expect_scene(table[i].title, &scene, table[i].want);
    }
}

/* Sources: runs by us on 8.2.36, each pair. */
static void two_pools_of_others_do_not_share_an_address(void **state)
{
    static const struct {
        const char *first, *second, *same; /* NULL: they do not meet */
    } table[] = {
        { "/run/php/a", "/run/php/b", NULL },
        { "/run/php/a", "/run/php/a", "/run/php/a" },
        { "/run/php/a", "/var/run/php/a", "/run/php/a" },
        { "/run/php/a", "/gone/../run/php/a", NULL }, /* its directory is said */
        { "9000", "9001", NULL },
        { "9000", "9000", "*:9000" },
        { "9000", "0.0.0.0:9000", "*:9000" },
        { "9000", "*:9000", "*:9000" },
        { "9000", "127.0.0.1:9000", "127.0.0.1:9000" },
        { "127.0.0.1:9000", "9000", "*:9000" },
        { "127.0.0.1:9000", "127.0.0.1:9000", "127.0.0.1:9000" },
        { "127.0.0.1:9000", "127.0.0.2:9000", NULL },
        { "127.0.0.1:9000", "127.0.0.1:9001", NULL },
        { "[::1]:9000", "127.0.0.1:9000", NULL },
        { "[::1]:9000", "9000", NULL },
        { "9000", "[::1]:9000", NULL },
        { "[::1]:9000", "[::1]:9000", "[::1]:9000" },
        { "[::]:9000", "0.0.0.0:9000", "*:9000" },
        { "0.0.0.0:9000", "[::]:9000", "[::]:9000" },
        { "127.0.0.1:9000", "[::]:9000", "[::]:9000" },
        { "[::]:9000", "127.0.0.1:9000", "127.0.0.1:9000" },
        { "[::]:9000", "[::1]:9000", "[::1]:9000" },
        { "[::1]:9000", "[::]:9000", "[::]:9000" },
        { "[::]:9000", "[::]:9001", NULL },
        { "x.sock", "x.sock", "x.sock" }, /* below one prefix, whatever it is */
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_make(*state, "david");
        const char *title = apr_psprintf(*state, "'%s' and '%s'", table[i].first,
                                         table[i].second);
        const char *want =
            table[i].same
                ? apr_psprintf(*state,
                               "BROKEN FPMP0437: pool file: pool [a] at " ZZ
                               ":3 and pool [b] at " ZZ ":6 listen on the same '%s'; change "
                               "one of them; PHP-FPM ends at its next reload" AT_10,
                               table[i].same)
                : "";
        const char *got;

        add_file(*state, scene.facts, ZZ,
                 apr_psprintf(*state,
                              "[a]\nuser = zz\nlisten = \"%s\"\n[b]\nuser = zz\n"
                              "listen = \"%s\"\n",
                              table[i].first, table[i].second));
        calm_look(&scene);
        calm_judge(&scene);
        got = plan_findings(scene.plan, title);
        if (strstr(table[i].second, "gone") ? strstr(got, "FPMP0437") != NULL
                                            : strcmp(got, want) != 0) {
            fail_msg("%s:\n got '%s'\nwant '%s'", title, got, want);
        }
    }
}

/* ---- whose files are judged --------------------------------------------------------------- */

/* A file with our marker is ours to mend or to remove, whatever its user is; that of another
 * server is not. */
static void files_of_our_own_are_not_judged_as_those_of_others(void **state)
{
    static const struct {
        const char *title, *server;
        int judged;
    } table[] = { { "ours", SERVER, 0 }, { "another server's", OTHER_SERVER, 1 } };

    for (size_t i = 0; i < COUNT(table); i++) {
        calm_t scene = calm_make(*state, "david");
        fpmp_plan_t *past = plan_of(*state, "ghost", NULL, NULL);
        const char *text;

        plan_derive(past);
        add_own_file(*state, scene.facts, chain_at(past, 0), table[i].server);
        calm_look(&scene);
        calm_judge(&scene);
        text = plan_findings(scene.plan, table[i].title);
        if ((strstr(text, "FPMP0427") != NULL) != table[i].judged) {
            fail_msg("%s: got '%s'", table[i].title, text);
        }
    }
}

static void a_master_without_chains_is_not_judged(void **state)
{
    calm_t scene = calm_make(*state, NULL);

    add_file(*state, scene.facts, ZZ, "[zz]\nuser = ghost\nlisten = /gone/x\n");
    calm_look(&scene);
    calm_judge(&scene);
    expect_findings("nobody needs it", scene.plan, "");
    assert_int_equal(scene.ends, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(an_include_is_judged_by_what_php_fpm_does_there),
        plan_test(a_file_that_is_not_read_is_judged_by_what_it_is),
        plan_test(an_opaque_file_is_said_where_php_fpm_was_not_asked),
        plan_test(lines_before_any_section_belong_to_the_file_before),
        plan_test(a_stray_line_in_a_broken_chain_is_not_said),
        plan_test(a_name_of_ours_is_found_wherever_it_stands),
        plan_test(a_socket_of_ours_is_found_under_every_name),
        plan_test(two_pools_of_others_do_not_share_an_address),
        plan_test(files_of_our_own_are_not_judged_as_those_of_others),
        plan_test(a_master_without_chains_is_not_judged),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
