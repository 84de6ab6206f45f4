/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool file: byte for byte as in tests/golden/, read back to the settings it was made
 * of, and told from a file that somebody else wrote or changed.
 */
/* links: core/pool_text.c core/ini.c */
#include "../core/core.h"

#include <apr_general.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SERVER "/run/apache2/apache2.pid"

static int setup(void **state)
{
    return apr_pool_create((apr_pool_t **)state, NULL) != APR_SUCCESS;
}

static int teardown(void **state)
{
    apr_pool_destroy(*state);
    return 0;
}

/* One golden file and the chain that it is made of. */
static const struct {
    const char *golden, *user, *group, *socket, *server;
    int control_timeout_sec;      /* of the master */
    const char *ext[4];           /* ends with NULL */
    fpmp_setting_t settings[12];  /* ends with name NULL */
} cases[] = {
    { .golden = "david",
      .user = "david",
      .group = "david",
      .socket = "/run/php/fpmpool-8.2-david.sock",
      .server = SERVER,
      .ext = { "php" },
      .settings = { { .name = "pm", .value = "ondemand" },
                    { .name = "pm.max_children", .value = "10" } } },
    /* Names and values that PHP's scanner would replace outside quotes. */
    { .golden = "yes",
      .user = "yes",
      .group = "no",
      .socket = "/run/php/fpmpool-8.2-yes.sock",
      .server = "/srv/two servers/x.pid",
      .control_timeout_sec = 10,
      .ext = { "php", "phtml", "php5" },
      .settings = {
          { .name = "pm", .value = "dynamic" },
          { .name = "pm.max_children", .value = "20" },
          { .name = "pm.start_servers", .value = "2" },
          { .name = "pm.min_spare_servers", .value = "1" },
          { .name = "pm.max_spare_servers", .value = "3" },
          { .name = "request_terminate_timeout", .value = "30s" },
          { .name = "catch_workers_output", .value = "yes" },
          { .name = "env", .subkey = "APP_ENV", .value = "PROD", .quoted = 1 },
          { .name = "env", .subkey = "TITLE", .value = "a; b = 'c' & (d)!", .quoted = 1 },
          { .name = "php_value", .subkey = "error_log", .value = "none", .quoted = 1 },
          { .name = "php_value", .subkey = "memory_limit", .value = "1G", .quoted = 1 },
      } },
};

/* What the module itself puts first, in this order. */
static const struct {
    const char *name, *subkey, *value; /* value NULL: from the chain */
} derived[] = {
    { "user", NULL, NULL },
    { "group", NULL, NULL },
    { "listen", NULL, NULL },
    { "listen.owner", NULL, "www-data" },
    { "listen.group", NULL, "www-data" },
    { "listen.mode", NULL, "0600" },
    { "security.limit_extensions", NULL, NULL },
    { "php_admin_value", "opcache.validate_permission", "1" },
    { "php_admin_value", "cgi.fix_pathinfo", "1" },
};

static fpmp_chain_t *make_chain(apr_pool_t *p, apr_size_t row)
{
    fpmp_chain_t *chain = apr_pcalloc(p, sizeof(*chain));
    fpmp_master_t *master = apr_pcalloc(p, sizeof(*master));
    int i;

    master->control_timeout_sec = cases[row].control_timeout_sec;
    chain->master = master;
    chain->pool = cases[row].golden;
    chain->user = cases[row].user;
    chain->group = cases[row].group;
    chain->socket_path = cases[row].socket;
    chain->socket_owner = "www-data";
    chain->socket_group = "www-data";
    chain->ext = apr_array_make(p, 4, sizeof(const char *));
    chain->settings = apr_array_make(p, 12, sizeof(fpmp_setting_t));
    for (i = 0; cases[row].ext[i]; i++) {
        APR_ARRAY_PUSH(chain->ext, const char *) = cases[row].ext[i];
    }
    for (i = 0; cases[row].settings[i].name; i++) {
        APR_ARRAY_PUSH(chain->settings, fpmp_setting_t) = cases[row].settings[i];
    }
    return chain;
}

static const char *render(apr_pool_t *p, apr_size_t row)
{
    return fpmp_pool_text_render(p, make_chain(p, row), cases[row].server);
}

/* tests/golden/NAME.conf, which lies beside this file. */
static const char *read_golden(apr_pool_t *p, const char *name)
{
    const char *slash = strrchr(__FILE__, '/');
    const char *path = apr_psprintf(
        p, "%.*sgolden/%s.conf", slash ? (int)(slash + 1 - __FILE__) : 0, __FILE__, name);
    char *text = apr_pcalloc(p, 8192);
    FILE *file = fopen(path, "r");

    if (!file) {
        fail_msg("'%s' cannot be opened; run the tests at the top of the tree", path);
        return text;
    }
    assert_true(fread(text, 1, 8191, file) > 0);
    fclose(file);
    return text;
}

static void a_pool_file_has_the_golden_bytes(void **state)
{
    apr_size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        const char *golden = read_golden(*state, cases[i].golden),
                   *seen = render(*state, i);

        if (strcmp(seen, golden) != 0) {
            fail_msg("%s: rendered\n%s\nexpected\n%s", cases[i].golden, seen, golden);
        }
    }
}

static void expect_entry(const fpmp_ini_t *ini, int at, const char *section,
                         const char *name, const char *subkey, const char *value)
{
    const fpmp_ini_entry_t *entry = &APR_ARRAY_IDX(ini->entries, at, fpmp_ini_entry_t);

    assert_true(at < ini->entries->nelts);
    if (strcmp(entry->section, section) != 0 || strcmp(entry->name, name) != 0
        || strcmp(entry->value, value) != 0
        || strcmp(entry->subkey ? entry->subkey : "-", subkey ? subkey : "-") != 0) {
        fail_msg("[%s] entry %d is %s[%s] = '%s', expected %s[%s] = '%s'", section, at,
                 entry->name, entry->subkey ? entry->subkey : "-", entry->value, name,
                 subkey ? subkey : "-", value);
    }
}

static void a_pool_file_is_read_back_to_the_same_settings(void **state)
{
    apr_size_t i, k;

    for (i = 0; i < COUNT(cases); i++) {
        const char *text = render(*state, i);
        const fpmp_ini_t *ini = fpmp_ini_read(*state, text, strlen(text));
        const fpmp_chain_t *chain = make_chain(*state, i);
        const char *own[COUNT(derived)] = { [0] = chain->user, [1] = chain->group,
                                            [2] = chain->socket_path,
                                            [6] = i ? ".php .phtml .php5" : ".php" };
        int at = 0;

        if (ini->opaque_line) {
            fail_msg("%s: line %d: %s", chain->pool, ini->opaque_line, ini->opaque_why);
        }
        if (cases[i].control_timeout_sec) {
            assert_string_equal(APR_ARRAY_IDX(ini->entries, at++, fpmp_ini_entry_t).section,
                                "global");
            expect_entry(ini, at++, "global", "process_control_timeout", NULL, "10");
        }
        assert_null(APR_ARRAY_IDX(ini->entries, at++, fpmp_ini_entry_t).name);
        for (k = 0; k < COUNT(derived); k++) {
            expect_entry(ini, at++, chain->pool, derived[k].name, derived[k].subkey,
                         derived[k].value ? derived[k].value : own[k]);
        }
        for (k = 0; k < (apr_size_t)chain->settings->nelts; k++) {
            const fpmp_setting_t *setting =
                &APR_ARRAY_IDX(chain->settings, k, fpmp_setting_t);

            /* The reader turns an unquoted yes into 1, as FPM does. */
            expect_entry(ini, at++, chain->pool, setting->name, setting->subkey,
                         strcmp(setting->value, "yes") == 0 ? "1" : setting->value);
        }
        assert_int_equal(at, ini->entries->nelts);
    }
}

static void a_value_is_that_of_the_last_line(void **state)
{
    static const char text[] = "[a]\nuser = \"anna\"\nenv[user] = x\nUSER = bert\n";

    assert_string_equal(fpmp_pool_text_value(*state, text, sizeof(text) - 1, "user"), "bert");
    assert_null(fpmp_pool_text_value(*state, text, sizeof(text) - 1, "listen"));
}

static void the_same_chain_gives_the_same_bytes(void **state)
{
    apr_size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        assert_string_equal(render(*state, i), render(*state, i));
    }
}

static void the_last_line_is_a_comment(void **state)
{
    const char *text = render(*state, 0), *last = "\n; end of fpmpool file\n";

    assert_string_equal(text + strlen(text) - strlen(last), last);
}

static void without_a_group_the_line_is_left_out(void **state)
{
    fpmp_chain_t *chain = make_chain(*state, 0);
    const char *text;

    chain->group = NULL;
    text = fpmp_pool_text_render(*state, chain, SERVER);
    assert_null(strstr(text, "\ngroup = "));
    assert_non_null(strstr(text, "user = \"david\"\nlisten = "));
}

/* ---- the marker ------------------------------------------------------------ */

static void a_file_of_ours_is_whole_and_names_its_server(void **state)
{
    apr_size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        const char *text = render(*state, i), *server = NULL;

        assert_int_equal(fpmp_pool_text_mark(*state, text, strlen(text), &server),
                         FPMP_MARK_WHOLE);
        assert_string_equal(server, cases[i].server);
        assert_int_equal(fpmp_pool_text_mark(*state, text, strlen(text), NULL),
                         FPMP_MARK_WHOLE);
    }
}

static apr_size_t marker_end(const char *text)
{
    return (apr_size_t)(strchr(strchr(text, '\n') + 1, '\n') + 1 - text);
}

static void one_byte_changed_anywhere_after_the_marker_is_an_edit(void **state)
{
    char *text = apr_pstrdup(*state, render(*state, 1));
    apr_size_t len = strlen(text), at;
    const char *server;

    for (at = marker_end(text); at < len; at++) {
        text[at] ^= 1;
        if (fpmp_pool_text_mark(*state, text, len, &server) != FPMP_MARK_EDITED) {
            fail_msg("byte %d of %d changed and not seen", (int)at, (int)len);
        }
        assert_string_equal(server, cases[1].server);
        text[at] ^= 1;
        if (fpmp_pool_text_mark(*state, text, at, NULL) != FPMP_MARK_EDITED) {
            fail_msg("cut after byte %d of %d and not seen", (int)at, (int)len);
        }
    }
    assert_int_equal(fpmp_pool_text_mark(*state, text, len + 1, NULL), FPMP_MARK_EDITED);
    assert_int_equal(fpmp_pool_text_mark(*state, text, len, NULL), FPMP_MARK_WHOLE);
}

/* In the first two lines only the digits of the hash and the server may differ. */
static void one_byte_changed_in_the_marker_is_seen(void **state)
{
    char *text = apr_pstrdup(*state, render(*state, 0));
    apr_size_t len = strlen(text), at;
    apr_size_t hash = (apr_size_t)(strstr(text, "sha1=") + 5 - text);
    apr_size_t server = (apr_size_t)(strstr(text, "server=") + 7 - text);
    const char *seen;

    for (at = 0; at < server; at++) {
        fpmp_mark_e want = at >= hash && at < hash + 40 ? FPMP_MARK_EDITED : FPMP_MARK_NONE;
        char kept = text[at];

        text[at] = kept == '0' ? '1' : '0';
        seen = "left over";
        if (fpmp_pool_text_mark(*state, text, len, &seen) != want) {
            fail_msg("byte %d of the marker changed: not %s", (int)at,
                     want == FPMP_MARK_NONE ? "foreign" : "edited");
        }
        assert_true(want == FPMP_MARK_NONE ? seen == NULL : strcmp(seen, SERVER) == 0);
        text[at] = kept;
    }
    for (at = 0; at < marker_end(text); at++) {
        if (fpmp_pool_text_mark(*state, text, at, NULL) != FPMP_MARK_NONE) {
            fail_msg("cut after byte %d of the marker, and not foreign", (int)at);
        }
    }
}

#define HEAD                                                                               \
    "; Written by mod_fpmpool: do not edit. Change the FPMUser line of httpd's "           \
    "configuration and reload httpd.\n"
#define ZEROS "0000000000000000000000000000000000000000"
#define NOTHING_SHA1 "da39a3ee5e6b4b0d3255bfef95601890afd80709" /* of no bytes */

static const struct {
    const char *title, *text;
    fpmp_mark_e mark;
} marks[] = {
    { "an empty file", "", FPMP_MARK_NONE },
    { "a pool by hand", "[david]\nuser = david\n", FPMP_MARK_NONE },
    { "ours, cut to the marker", HEAD "; fpmpool 1 sha1=" ZEROS " server=/x\n",
      FPMP_MARK_EDITED },
    { "the hash of nothing", HEAD "; fpmpool 1 sha1=" NOTHING_SHA1 " server=/x\n",
      FPMP_MARK_WHOLE },
    { "a line above", "\n" HEAD "; fpmpool 1 sha1=" NOTHING_SHA1 " server=/x\n",
      FPMP_MARK_NONE },
    { "a line between", HEAD ";\n; fpmpool 1 sha1=" NOTHING_SHA1 " server=/x\n",
      FPMP_MARK_NONE },
    { "another form", HEAD "; fpmpool 2 sha1=" NOTHING_SHA1 " server=/x\n",
      FPMP_MARK_NONE },
    { "capitals in the hash",
      HEAD "; fpmpool 1 sha1=DA39A3EE5E6B4B0D3255BFEF95601890AFD80709 server=/x\n",
      FPMP_MARK_NONE },
    { "39 digits",
      HEAD "; fpmpool 1 sha1=000000000000000000000000000000000000000 server=/x\n",
      FPMP_MARK_NONE },
    { "41 digits", HEAD "; fpmpool 1 sha1=0" ZEROS " server=/x\n", FPMP_MARK_NONE },
    { "no server", HEAD "; fpmpool 1 sha1=" NOTHING_SHA1 " server=\n", FPMP_MARK_NONE },
    { "no LF", HEAD "; fpmpool 1 sha1=" NOTHING_SHA1 " server=/x", FPMP_MARK_NONE },
    { "CRLF", HEAD "; fpmpool 1 sha1=" NOTHING_SHA1 " server=/x\r\n", FPMP_MARK_NONE },
};

static void only_the_exact_marker_makes_a_file_ours(void **state)
{
    apr_size_t i;

    for (i = 0; i < COUNT(marks); i++) {
        fpmp_mark_e mark =
            fpmp_pool_text_mark(*state, marks[i].text, strlen(marks[i].text), NULL);

        if (mark != marks[i].mark) {
            fail_msg("%s: %d, expected %d", marks[i].title, (int)mark, (int)marks[i].mark);
        }
    }
}

static const struct {
    const char *title, *a, *b;
    int same;
} pairs[] = {
    { "equal", "1\n2\nx\n", "1\n2\nx\n", 1 },
    { "other marker lines", "1\n2\nx\n", "3\n4\nx\n", 1 },
    { "nothing after the marker", "1\n2\n", "3\n4\n", 1 },
    { "one byte", "1\n2\nx\n", "1\n2\ny\n", 0 },
    { "one is longer", "1\n2\nx\n", "1\n2\nx\n;\n", 0 },
    { "one has no marker lines", "1\n2\n", "1\n", 0 },
    { "neither has", "x", "x", 0 },
};

static void files_are_the_same_if_all_but_the_marker_is(void **state)
{
    apr_size_t i;

    (void)state;
    for (i = 0; i < COUNT(pairs); i++) {
        if (fpmp_pool_text_same(pairs[i].a, pairs[i].b) != pairs[i].same
            || fpmp_pool_text_same(pairs[i].b, pairs[i].a) != pairs[i].same) {
            fail_msg("%s: not %d", pairs[i].title, pairs[i].same);
        }
    }
}

static void another_server_changes_the_marker_only(void **state)
{
    const fpmp_chain_t *chain = make_chain(*state, 0);
    const char *a = fpmp_pool_text_render(*state, chain, "/a.pid");
    const char *b = fpmp_pool_text_render(*state, chain, "/b.pid");

    assert_string_not_equal(a, b);
    assert_true(fpmp_pool_text_same(a, b));
}

static void a_pool_goes_to_another_socket_and_back(void **state)
{
    apr_size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        fpmp_chain_t *chain = make_chain(*state, i);
        const char *text = render(*state, i), *edited, *moved;

        moved = fpmp_pool_text_moved(*state, text, cases[i].socket, "/x.moved");
        chain->socket_path = "/x.moved";
        assert_string_equal(moved,
                            fpmp_pool_text_render(*state, chain, cases[i].server));
        assert_string_equal(
            fpmp_pool_text_moved(*state, moved, "/x.moved", cases[i].socket), text);
        assert_null(fpmp_pool_text_moved(*state, text, "/y.sock", "/x.moved"));

        edited = apr_pstrcat(*state, text, "; edited\n", NULL);
        moved = fpmp_pool_text_moved(*state, edited, cases[i].socket, "/x.moved");
        assert_int_equal(fpmp_pool_text_mark(*state, moved, strlen(moved), NULL),
                         FPMP_MARK_EDITED);
        assert_string_equal(
            fpmp_pool_text_moved(*state, moved, "/x.moved", cases[i].socket), edited);
    }
    assert_null(fpmp_pool_text_moved(*state, "[x]\nlisten = \"/a\"\n", "/a", "/b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pool_file_has_the_golden_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pool_file_is_read_back_to_the_same_settings,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_value_is_that_of_the_last_line, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_chain_gives_the_same_bytes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_last_line_is_a_comment, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_group_the_line_is_left_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_file_of_ours_is_whole_and_names_its_server, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            one_byte_changed_anywhere_after_the_marker_is_an_edit, setup, teardown),
        cmocka_unit_test_setup_teardown(one_byte_changed_in_the_marker_is_seen, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(only_the_exact_marker_makes_a_file_ours, setup,
                                        teardown),
        cmocka_unit_test(files_are_the_same_if_all_but_the_marker_is),
        cmocka_unit_test_setup_teardown(another_server_changes_the_marker_only, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_pool_goes_to_another_socket_and_back, setup,
                                        teardown),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
