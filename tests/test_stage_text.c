/* SPDX-License-Identifier: Apache-2.0
 *
 * The staged main file: include lines give way to lists of files, all else stays byte for
 * byte, and the lists mean the very files they name when PHP-FPM reads them.
 */
/* links: core/stage_text.c core/ini.c */
#include "../core/core.h"

#include <apr_general.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static int setup(void **state)
{
    return apr_pool_create((apr_pool_t **)state, NULL) != APR_SUCCESS;
}

static int teardown(void **state)
{
    apr_pool_destroy(*state);
    return 0;
}

/* "/two*" is two files, "/one*" one, all else none; asked collects the patterns. */
typedef struct {
    apr_pool_t *p;
    const char *asked;
} expansion_t;

static apr_array_header_t *expand(void *baton, const char *pattern)
{
    expansion_t *expansion = baton;
    apr_array_header_t *paths = apr_array_make(expansion->p, 2, sizeof(const char *));

    expansion->asked = apr_pstrcat(expansion->p, expansion->asked, pattern, "|", NULL);
    if (strcmp(pattern, "/two*") == 0) {
        APR_ARRAY_PUSH(paths, const char *) = "/two/a.conf";
        APR_ARRAY_PUSH(paths, const char *) = "/two/b-1_+@%,:.conf";
    }
    if (strcmp(pattern, "/one*") == 0) {
        APR_ARRAY_PUSH(paths, const char *) = "/one/h copy.conf";
    }
    return paths;
}

#define TWO "include=/two/a.conf\ninclude=/two/b-1_+@%,:.conf\n"
#define ONE "include=\"/one/h copy.conf\"\n"
#define NONE "; no file matches the include pattern of this line\n"

static const struct {
    const char *title, *text, *expected, *asked;
} stages[] = {
    { "an empty file", "", "", "" },
    { "no include", "[global]\r\n\tpid = /x ; y\n\n#\xff\n",
      "[global]\r\n\tpid = /x ; y\n\n#\xff\n", "" },
    { "no include, no LF at the end", "a=b", "a=b", "" },
    { "an include becomes its files", "a=b\ninclude=/two*\nc=d\n", "a=b\n" TWO "c=d\n",
      "/two*|" },
    { "an include at the very end", "a=b\ninclude=/two*", "a=b\n" TWO, "/two*|" },
    { "a path with a blank is quoted", "include=/one*\n", ONE, "/one*|" },
    { "no file: a comment", "a=b\ninclude=/none*\nc=d\n", "a=b\n" NONE "c=d\n", "/none*|" },
    { "several, side by side", "include=/two*\ninclude=/one*\n", TWO ONE, "/two*|/one*|" },
    { "quoted, indented, commented", "  include = \"/two*\" ; all\r\n", TWO, "/two*|" },
    { "in a pool section", "[p]\ninclude=/one*\nuser=x\n", "[p]\n" ONE "user=x\n",
      "/one*|" },
    { "after a line that is not plain", "a=${b}\ninclude=/one*\n", "a=${b}\n" ONE,
      "/one*|" },
    { "not plain itself", "include=${X}/*\n", "include=${X}/*\n", "" },
    { "a comment", ";include=/one*\n", ";include=/one*\n", "" },
    { "another case", "Include=/one*\n", "Include=/one*\n", "" },
    { "an array", "include[]=/one*\n", "include[]=/one*\n", "" },
    { "an empty pattern", "include=\n", "include=\n", "" },
    { "a longer key", "includes=/one*\n", "includes=/one*\n", "" },
};

static void include_lines_give_way_and_nothing_else_does(void **state)
{
    apr_size_t i;

    for (i = 0; i < COUNT(stages); i++) {
        expansion_t expansion = { .p = *state, .asked = "" };
        const char *seen = fpmp_stage_text(*state, stages[i].text, expand, &expansion);

        if (strcmp(seen, stages[i].expected) != 0) {
            fail_msg("%s: '%s', expected '%s'", stages[i].title, seen, stages[i].expected);
        }
        if (strcmp(expansion.asked, stages[i].asked) != 0) {
            fail_msg("%s: asked for '%s', expected '%s'", stages[i].title, expansion.asked,
                     stages[i].asked);
        }
    }
}

#define NO_ACCESS "access.log = /dev/null\r" FPMP_STAGE_ACCESS_LOG " = "
#define NO_SLOW "slowlog = /dev/null\r" FPMP_STAGE_SLOWLOG " = "
#define NO_ERROR "error_log = /dev/null\r" FPMP_STAGE_ERROR_LOG " = "
static const struct {
    const char *title, *text, *expected;
} silences[] = {
    { "nothing to silence", "[a]\nuser = x\n", "[a]\nuser = x\n" },
    { "a log file", "[a]\naccess.log = /x ; y\nuser = x\n",
      "[a]\n" NO_ACCESS " /x ; y\nuser = x\n" },
    { "no LF at the end", "slowlog=/x", NO_SLOW "/x\n" },
    { "indented, in capitals, CRLF", "\t Slowlog =/x\r\n", NO_SLOW "/x\n" },
    { "after a byte order mark", "\xef\xbb\xbf" "error_log = x\n", NO_ERROR " x\n" },
    { "not plain", "access.log = \"${X}\"$.\n", NO_ACCESS " \"${X}\"$.\n" },
    { "no value", "access.log =\nslowlog = \t\r\n", "access.log =\nslowlog = \t\r\n" },
    { "the pid file makes room", "pid = /x\n", "SYSLOG.ident =  /x\n" },
    { "a longer key", "access.logs = /x\n", "access.logs = /x\n" },
    { "a setting of PHP", "php_value[error_log] = /x\n", "php_value[error_log] = /x\n" },
    { "a second statement in the value", "slowlog = a\raccess.log = /x\n",
      "slowl0g = a\raccess.l0g = /x\n" },
    { "a statement behind a section", "[a] slowlog = /x\n", "[a] slowl0g = /x\n" },
};

static void no_log_file_is_left_to_open(void **state)
{
    apr_size_t i;

    for (i = 0; i < COUNT(silences); i++) {
        const char *seen = fpmp_stage_silent(*state, silences[i].text);

        if (strcmp(seen, silences[i].expected) != 0) {
            fail_msg("%s: '%s', expected '%s'", silences[i].title, seen,
                     silences[i].expected);
        }
    }
}

static void a_line_ends_for_php_fpm_at_its_nul_byte(void **state)
{
    static const char text[] = "a\0b\n\0\nc=d\0";

    assert_string_equal(fpmp_stage_whole(*state, text, sizeof(text) - 1), "a\n\nc=d");
    assert_string_equal(fpmp_stage_whole(*state, "a\nb", 3), "a\nb");
    assert_string_equal(fpmp_stage_whole(*state, "", 0), "");
}

static apr_array_header_t *expand_to(void *baton, const char *pattern)
{
    apr_array_header_t *paths =
        apr_array_make(((expansion_t *)baton)->p, 1, sizeof(char *));

    (void)pattern;
    APR_ARRAY_PUSH(paths, const char *) = ((expansion_t *)baton)->asked;
    return paths;
}

static const char *const hard_names[] = {
    "a.conf",        "h copy.conf",      "star*.conf",     "what?.conf",
    "set[ab].conf",  "back\\slash.conf", "a\"b.conf",      "$pool.conf",
    "${X}.conf",     "semi;.conf",       "it's.conf",      "e=f!(g)~.conf",
    "\xc3\xa9.conf", "tab\t.conf",       "line\nend.conf", "#x#.conf",
};

/* Written, read by the strict reader, matched by glob(3) as FPM does: that file again. */
static void a_staged_line_names_its_file_and_no_other(void **state)
{
    const char *dir = mkdtemp(apr_pstrdup(*state, "/tmp/fpmt_stage.XXXXXX")), *decoys[2];
    apr_size_t i;
    FILE *file;

    assert_non_null(dir);
    /* What the hard names would match if their bytes were taken for wildcards. */
    decoys[0] = apr_pstrcat(*state, dir, "/starling.conf", NULL);
    decoys[1] = apr_pstrcat(*state, dir, "/seta.conf", NULL);
    for (i = 0; i < 2; i++) {
        file = fopen(decoys[i], "w");
        assert_non_null(file);
        fclose(file);
    }
    for (i = 0; i < COUNT(hard_names); i++) {
        const char *path = apr_pstrcat(*state, dir, "/", hard_names[i], NULL);
        expansion_t expansion = { .p = *state, .asked = path };
        const char *text = fpmp_stage_text(*state, "include=x\n", expand_to, &expansion);
        const fpmp_main_t *main =
            fpmp_main_pick(*state, fpmp_ini_read(*state, text, strlen(text)));
        glob_t found;

        file = fopen(path, "w");
        assert_non_null(file);
        fclose(file);
        if (main->includes->nelts != 1) {
            fail_msg("%s: '%s' is no include line", hard_names[i], text);
        }
        if (glob(APR_ARRAY_IDX(main->includes, 0, const char *), GLOB_ERR | GLOB_MARK, NULL,
                 &found) != 0) {
            fail_msg("%s: '%s' matches nothing", hard_names[i], text);
        }
        if (found.gl_pathc != 1 || strcmp(found.gl_pathv[0], path) != 0) {
            fail_msg("%s: '%s' matches %d files, the first is '%s'", hard_names[i], text,
                     (int)found.gl_pathc, found.gl_pathv[0]);
        }
        globfree(&found);
        unlink(path);
    }
    unlink(decoys[0]);
    unlink(decoys[1]);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(include_lines_give_way_and_nothing_else_does, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_log_file_is_left_to_open, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_ends_for_php_fpm_at_its_nul_byte, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_staged_line_names_its_file_and_no_other, setup,
                                        teardown),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
