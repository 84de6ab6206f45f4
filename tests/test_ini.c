/* SPDX-License-Identifier: Apache-2.0
 *
 * The strict reader: what it understands, where it stops, and that it stops instead of
 * guessing. The expected values are what PHP 8.2's own ini scanner makes of the lines.
 */
/* links: core/ini.c */
#include "../core/core.h"

#include <apr_general.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

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

/* "section|name|subkey|value;" of each entry; '-' for NULL. */
static const char *entries_text(apr_pool_t *p, const fpmp_ini_t *ini)
{
    const char *text = "";
    int i;

    for (i = 0; i < ini->entries->nelts; i++) {
        const fpmp_ini_entry_t *entry = &APR_ARRAY_IDX(ini->entries, i, fpmp_ini_entry_t);

        text =
            apr_pstrcat(p, text, entry->section ? entry->section : "-", "|",
                        entry->name ? entry->name : "-", "|",
                        entry->subkey ? entry->subkey : "-", "|", entry->value, ";", NULL);
    }
    return text;
}

static const struct {
    const char *title, *text, *expected;
} plain[] = {
    { "an empty file", "", "" },
    { "blank lines and comments", " \n;x\n\t; y\n\r\n", "" },
    { "a comment with control characters", ";\x01\x7f\"'${\n", "" },
    { "a key", "user = david\n", "-|user|-|david;" },
    { "the last line needs no LF", "a=b", "-|a|-|b;" },
    { "an indented key, a tab after '='", " \tpm =\tstatic\n", "-|pm|-|static;" },
    { "CRLF", "[p]\r\na=b\r\n", "p|-|-|;p|a|-|b;" },
    { "a BOM at the start", "\xef\xbb\xbf[p]\n", "p|-|-|;" },
    { "a BOM at a later line",
      "a=b\n\xef\xbb\xbf"
      "c=d\n",
      "-|a|-|b;-|c|-|d;" },
    { "a section, a comment after it", "[p] ; x\n", "p|-|-|;" },
    { "a section in capitals", "[DAVID]\nUSER=anna\n", "DAVID|-|-|;DAVID|USER|-|anna;" },
    { "blanks belong to the section name", "[ p q ]\n", " p q |-|-|;" },
    { "the section lives on", "[a]\nx=1\n\n[b]\ny=2\n", "a|-|-|;a|x|-|1;b|-|-|;b|y|-|2;" },
    { "a section of bytes above 0x7f", "[\xc3\xa9]\n", "\xc3\xa9|-|-|;" },
    { "an array key", "env[APP_ENV] = prod\n", "-|env|APP_ENV|prod;" },
    { "an array key with '-' and '.'", "php_value[a.b-c]=1\n", "-|php_value|a.b-c|1;" },
    { "an array without key", "access.suppress_path[] = /p\n",
      "-|access.suppress_path||/p;" },
    { "no value", "a=\nb = \nc= ;x\n", "-|a|-|;-|b|-|;-|c|-|;" },
    { "an empty quoted value", "a=\"\"\n", "-|a|-|;" },
    { "trailing blanks, inner blanks", "a =  b  c \t\n", "-|a|-|b  c;" },
    { "a comment right behind a value", "a=b;c\n", "-|a|-|b;" },
    { "a comment after a quoted value", "a=\"b\"; c\n", "-|a|-|b;" },
    { "'#' is a byte like others", "a=b#c\n", "-|a|-|b#c;" },
    { "the bytes that stay themselves", "a=@#`?<>*+%,:/[]{}-_.\n",
      "-|a|-|@#`?<>*+%,:/[]{}-_.;" },
    { "numbers stay as written", "a=0660\nb=-1\nc=1 2\n",
      "-|a|-|0660;-|b|-|-1;-|c|-|1 2;" },
    { "magic words that mean 1", "a=true\nb=On\nc=YES\n", "-|a|-|1;-|b|-|1;-|c|-|1;" },
    { "magic words that mean nothing", "a=no\nb=Off\nc=none\nd=NULL\ne=false\n",
      "-|a|-|;-|b|-|;-|c|-|;-|d|-|;-|e|-|;" },
    { "a magic word with a blank behind", "a=no \n", "-|a|-|;" },
    { "a magic word within a word", "a=none.sock\nb=on,off\n",
      "-|a|-|none.sock;-|b|-|on,off;" },
    { "a magic word in quotes", "a=\"none\"\nb='no'\n", "-|a|-|none;-|b|-|no;" },
    { "UTC is no constant", "a=UTC\n", "-|a|-|UTC;" },
    { "capitals in a longer word", "a=PHP_OS,x\nb=256M\n", "-|a|-|PHP_OS,x;-|b|-|256M;" },
    { "capitals in quotes", "a=\"PHP_OS\"\n", "-|a|-|PHP_OS;" },
    { "'$' before a name", "a=$pool\nb=/x/$pool.sock\n",
      "-|a|-|$pool;-|b|-|/x/$pool.sock;" },
    { "'$' in double quotes", "a=\"$pool $\"\n", "-|a|-|$pool $;" },
    { "escapes in double quotes", "a=\"\\\"b\\\\c\\$d\"\n", "-|a|-|\"b\\c$d;" },
    { "an escaped '${'", "a=\"\\${x}\"\n", "-|a|-|${x};" },
    { "operators in quotes", "a=\"!=;&|^~()\"\nb='\"!;'\n", "-|a|-|!=;&|^~();-|b|-|\"!;;" },
    { "a backslash in single quotes", "a='\\'\n", "-|a|-|\\;" },
};

static void plain_lines_are_read_as_php_reads_them(void **state)
{
    apr_size_t i;

    for (i = 0; i < COUNT(plain); i++) {
        const fpmp_ini_t *ini = fpmp_ini_read(*state, plain[i].text, strlen(plain[i].text));
        const char *seen = entries_text(*state, ini);

        if (ini->opaque_line) {
            fail_msg("%s: opaque at line %d: %s", plain[i].title, ini->opaque_line,
                     ini->opaque_why);
        }
        if (strcmp(seen, plain[i].expected) != 0) {
            fail_msg("%s: '%s', expected '%s'", plain[i].title, seen, plain[i].expected);
        }
    }
}

/* One line each; why = part of the reason. */
static const struct {
    const char *title, *line, *why;
} opaque[] = {
    { "a '#' comment", "# hi", "neither a key, a section nor ';'" },
    { "a key alone", "daemonize", "no '=' follows the key 'daemonize'" },
    { "a key with a blank", "a b=c", "no '=' follows the key 'a'" },
    { "a key with '-'", "a-b=c", "no '=' follows the key 'a'" },
    { "a value alone", "=c", "neither a key" },
    { "a key that is a magic word", "no=x", "the key is the word 'no'" },
    { "an indented section", " [p]", "neither a key" },
    { "a section that is not closed", "[p", "no ']' at its end" },
    { "an empty section", "[]", "the section name is empty" },
    { "a statement after a section", "[p] user=x", "other than a comment follows" },
    { "a quote in a section", "[\"p\"]", "the section name has a \"" },
    { "a variable in a section", "[${x}]", "the section name has a $" },
    { "a tab in a section", "[p\tq]", "the section name has the byte 0x09" },
    { "a blank before the brackets", "a [b]=c", "no '=' follows the key 'a'" },
    { "a quoted array key", "a[\"b\"]=c", "the brackets after 'a'" },
    { "an array key that is not closed", "a[b=c", "the brackets after 'a'" },
    { "'=' in a value", "a=b=c", "the value has a =" },
    { "'!' in a value", "a=!b", "the value has a !" },
    { "'&' in a value", "a=a&b", "the value has a &" },
    { "'(' in a value", "a=(b", "the value has a (" },
    { "'~' in a value", "a=~b", "the value has a ~" },
    { "'\"' within a value", "a=b\"", "the value has a \"" },
    { "''' within a value", "a=b'c", "the value has a '" },
    { "'\\' in a value", "a=b\\c", "the value has a \\" },
    { "a control character in a value", "a=b\x01", "the value has the byte 0x01" },
    { "a tab in a value", "a=b\tc", "a tab outside quotes" },
    { "a variable", "a=${HOME}", "a '$' with no name" },
    { "'$' at the end", "a=b$", "a '$' with no name" },
    { "'$' before a comment", "a=b$;c", "a '$' with no name" },
    { "a constant", "a=PHP_VERSION", "the word 'PHP_VERSION'" },
    { "a constant with small letters", "a=STREAM_CRYPTO_PROTO_TLSv1_3",
      "the word 'STREAM" },
    { "a constant beside words", "a=x E_ALL", "the word 'E_ALL'" },
    { "a magic word beside words", "a=no way", "the word 'no' beside others" },
    { "a magic word behind words", "a=way no", "the word 'no' beside others" },
    { "a variable in double quotes", "a=\"${x}\"", "'${'" },
    { "double quotes that are not closed", "a=\"b", "no '\"' at its end" },
    { "double quotes closed by an escape", "a=\"b\\\"", "no '\"' at its end" },
    { "'\\\\' before the closing quote", "a=\"b\\\\\"", "a backslash that is not plain" },
    { "a backslash before a letter", "a=\"b\\n\"", "a backslash that is not plain" },
    { "a tab in double quotes", "a=\"b\tc\"", "a control character" },
    { "single quotes that are not closed", "a='b", "''" },
    { "empty single quotes", "a=''", "''" },
    { "a tab in single quotes", "a='b\tc'", "a control character" },
    { "two pieces side by side", "a=\"b\"'c'", "follows the quoted value" },
    { "a word behind a quoted value", "a='b' c", "follows the quoted value" },
    { "a carriage return inside", "user=a\rgroup=b", "a carriage return inside" },
    { "a carriage return in a comment", "; x\ruser=b", "a carriage return inside" },
};

static void what_is_not_plain_ends_the_reading_with_line_and_reason(void **state)
{
    apr_size_t i;

    for (i = 0; i < COUNT(opaque); i++) {
        const char *text =
            apr_pstrcat(*state, "[p]\n", opaque[i].line, "\nlater=1\n", NULL);
        const fpmp_ini_t *ini = fpmp_ini_read(*state, text, strlen(text));

        if (ini->opaque_line != 2 || !ini->opaque_why) {
            fail_msg("%s: opaque_line is %d, expected 2", opaque[i].title,
                     ini->opaque_line);
        }
        if (!strstr(ini->opaque_why, opaque[i].why)) {
            fail_msg("%s: '%s' has no '%s'", opaque[i].title, ini->opaque_why,
                     opaque[i].why);
        }
        if (ini->entries->nelts != 1) {
            fail_msg("%s: %d entries, expected the one before", opaque[i].title,
                     ini->entries->nelts);
        }
    }
}

static void a_nul_byte_is_not_plain(void **state)
{
    const fpmp_ini_t *ini = fpmp_ini_read(*state, "a=b\n;\0\nc=d\n", 12);

    assert_int_equal(ini->opaque_line, 2);
    assert_non_null(strstr(ini->opaque_why, "NUL byte"));
    assert_int_equal(ini->entries->nelts, 1);
}

static void the_length_ends_the_text(void **state)
{
    assert_string_equal(entries_text(*state, fpmp_ini_read(*state, "a=bc\n", 3)),
                        "-|a|-|b;");
}

static void entries_know_their_line(void **state)
{
    const char *text = "\n; x\n[p]\n\na=b\n";
    const fpmp_ini_t *ini = fpmp_ini_read(*state, text, strlen(text));

    assert_int_equal(ini->entries->nelts, 2);
    assert_int_equal(APR_ARRAY_IDX(ini->entries, 0, fpmp_ini_entry_t).line, 3);
    assert_int_equal(APR_ARRAY_IDX(ini->entries, 1, fpmp_ini_entry_t).line, 5);
}

static const struct {
    const char *title, *text, *pid, *includes;
    int timeout;
} mains[] = {
    { .title = "nothing", .text = "", .pid = "-", .includes = "" },
    { .title = "Debian's",
      .text = "[global]\npid = /run/php/php8.2-fpm.pid\nerror_log = /var/log/x.log\n"
              "include=/etc/php/8.2/fpm/pool.d/*.conf\n",
      .pid = "/run/php/php8.2-fpm.pid", .includes = "/etc/php/8.2/fpm/pool.d/*.conf;" },
    { .title = "before any section", .text = "pid=/a\nprocess_control_timeout=5s\n",
      .pid = "/a", .includes = "", .timeout = 5 },
    { .title = "[GLOBAL] in capitals", .text = "[GLOBAL]\npid=/a\n", .pid = "/a",
      .includes = "" },
    { .title = "global again after a pool", .text = "[p]\nuser=x\n[Global]\npid=/a\n",
      .pid = "/a", .includes = "" },
    { .title = "keys in any case", .text = "PID=/a\nProcess_Control_Timeout=1m\n",
      .pid = "/a", .includes = "", .timeout = 60 },
    { .title = "the last one wins",
      .text = "pid=/a\npid=/b\nprocess_control_timeout=1\nprocess_control_timeout=2\n",
      .pid = "/b", .includes = "", .timeout = 2 },
    { .title = "an empty pid is none", .text = "pid=/a\npid=\n", .pid = "-",
      .includes = "" },
    { .title = "what a pool says is not global",
      .text = "[p]\npid=/a\nprocess_control_timeout=5\n", .pid = "-", .includes = "" },
    { .title = "an include in a pool counts", .text = "include=/a\n[p]\ninclude=/b\n",
      .pid = "-", .includes = "/a;/b;" },
    { .title = "include has its case", .text = "Include=/a\n", .pid = "-", .includes = "" },
    { .title = "an array is no scalar", .text = "include[x]=/a\npid[]=/a\n", .pid = "-",
      .includes = "" },
    { .title = "an empty include", .text = "include=\n", .pid = "-", .includes = "" },
    { .title = "a timeout that is none", .text = "process_control_timeout=soon\n",
      .pid = "-", .includes = "" },
};

static void the_main_file_says_pid_includes_and_timeout(void **state)
{
    apr_size_t i;
    int k;

    for (i = 0; i < COUNT(mains); i++) {
        const fpmp_main_t *main = fpmp_main_pick(
            *state, fpmp_ini_read(*state, mains[i].text, strlen(mains[i].text)));
        const char *includes = "", *pid = main->pid ? main->pid : "-";

        for (k = 0; k < main->includes->nelts; k++) {
            includes =
                apr_pstrcat(*state, includes,
                            APR_ARRAY_IDX(main->includes, k, const char *), ";", NULL);
        }
        if (strcmp(pid, mains[i].pid) != 0 || strcmp(includes, mains[i].includes) != 0
            || main->control_timeout_sec != mains[i].timeout) {
            fail_msg("%s: pid '%s', includes '%s', timeout %d", mains[i].title, pid,
                     includes, main->control_timeout_sec);
        }
    }
}

static const struct {
    const char *value;
    int sec;
} times[] = {
    { "0", 0 },     { "10", 10 },   { "10s", 10 },          { "2m", 120 },
    { "1h", 3600 }, { "1d", 86400 }, { "2147483647", 2147483647 }, { "2147483648", -1 },
    { "", -1 },     { "s", -1 },    { "xxs", -1 },          { "24855d", 2147472000 },
    { "-1", -1 },   { "10S", -1 },  { "10ss", -1 },         { "24856d", -1 },
    { "10 s", -1 }, { " 10", -1 },  { "99999999999999999999", -1 },
};

static void times_are_read_in_seconds(void **state)
{
    apr_size_t i;

    (void)state;
    for (i = 0; i < COUNT(times); i++) {
        if (fpmp_ini_time_sec(times[i].value) != times[i].sec) {
            fail_msg("'%s' is %d, expected %d", times[i].value,
                     fpmp_ini_time_sec(times[i].value), times[i].sec);
        }
    }
}

/*
 * Rows of the tables with bytes changed and cut, the seed is fixed. Each text has memory of
 * its own size, so that ASan sees a read behind its end.
 */
static void no_bytes_upset_the_reader(void **state)
{
    unsigned int seed = 20241, round;

    for (round = 0; round < 20000; round++) {
        const char *base = rand_r(&seed) % 2
                               ? plain[(unsigned int)rand_r(&seed) % COUNT(plain)].text
                               : opaque[(unsigned int)rand_r(&seed) % COUNT(opaque)].line;
        apr_size_t len = strlen(base), cut;
        char text[256], *exact;
        const fpmp_ini_t *ini;
        apr_pool_t *p;
        int changes = rand_r(&seed) % 4, i, line = 0;

        apr_pool_create(&p, *state);
        assert_true(len < sizeof(text));
        memcpy(text, base, len);
        while (len && changes--) {
            text[(unsigned int)rand_r(&seed) % len] =
                rand_r(&seed) % 2 ? (char)rand_r(&seed)
                                  : "\n\r=\"'\\$;[]"[rand_r(&seed) % 10];
        }
        cut = rand_r(&seed) % 2 ? len : (unsigned int)rand_r(&seed) % (len + 1);
        exact = malloc(cut ? cut : 1);
        memcpy(exact, text, cut);
        ini = fpmp_ini_read(p, exact, cut);
        assert_int_equal(!ini->opaque_line, !ini->opaque_why);
        for (i = 0; i < ini->entries->nelts; i++) {
            const fpmp_ini_entry_t *entry =
                &APR_ARRAY_IDX(ini->entries, i, fpmp_ini_entry_t);

            assert_true(entry->line > line && strlen(entry->value) <= cut);
            assert_true(entry->name || entry->section);
            line = entry->line;
        }
        assert_true(!ini->opaque_line || ini->opaque_line > line);
        fpmp_main_pick(p, ini);
        apr_pool_destroy(p);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_lines_are_read_as_php_reads_them, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            what_is_not_plain_ends_the_reading_with_line_and_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(a_nul_byte_is_not_plain, setup, teardown),
        cmocka_unit_test_setup_teardown(the_length_ends_the_text, setup, teardown),
        cmocka_unit_test_setup_teardown(entries_know_their_line, setup, teardown),
        cmocka_unit_test_setup_teardown(the_main_file_says_pid_includes_and_timeout, setup,
                                        teardown),
        cmocka_unit_test(times_are_read_in_seconds),
        cmocka_unit_test_setup_teardown(no_bytes_upset_the_reader, setup, teardown),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
