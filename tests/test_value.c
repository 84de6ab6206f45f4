/* SPDX-License-Identifier: Apache-2.0
 *
 * The types of values in core/value.c, each with its edges. What FPM itself says
 * to these was tried on 8.2.36; the rows here keep us on the same side.
 */
/* links: core/value.c core/rules.c core/ini.c */
#include "../core/core.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <apr_general.h>
#include <limits.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static apr_pool_t *pool;

/* stored: what goes into the file; NULL = refused, and why is a piece of the phrase */
typedef struct {
    const char *title;
    const char *input;
    const char *stored;
    const char *why;
} value_row_t;

static void check_rows(fpmp_value_rule_t rule, const value_row_t *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *stored = NULL;
        const char *why = fpmp_value_check(pool, &rule, rows[i].input, &stored);

        if (rows[i].stored && (why || strcmp(stored, rows[i].stored) != 0)) {
            fail_msg("%s: got '%s', wanted '%s'", rows[i].title, why ? why : stored,
                     rows[i].stored);
        }
        if (!rows[i].stored && (!why || !strstr(why, rows[i].why))) {
            fail_msg("%s: got '%s', wanted a phrase with '%s'", rows[i].title,
                     why ? why : "(fine)", rows[i].why);
        }
    }
}

static void a_whole_number_stays_in_its_range(void **state)
{
    static const value_row_t table[] = {
        { "lowest", "1", "1", NULL },
        { "below", "0", NULL, "is not a whole number from 1 to 20" },
        { "highest", "20", "20", NULL },
        { "above", "21", NULL, "from 1 to 20" },
        { "leading zero is decimal to FPM too", "010", "010", NULL },
        { "empty is 0 to FPM", "", NULL, "from 1 to 20" },
        { "minus", "-5", NULL, "from 1 to 20" },
        { "plus", "+5", NULL, "from 1 to 20" },
        { "blank", " 5", NULL, "from 1 to 20" },
        { "unit", "5s", NULL, "from 1 to 20" },
        { "hexadecimal", "0x5", NULL, "from 1 to 20" },
        { "wraps to 1 in 32 bits", "4294967297", NULL, "from 1 to 20" },
        { "wraps to 1 in 64 bits", "18446744073709551617", NULL, "from 1 to 20" },
    };

    (void)state;
    check_rows((fpmp_value_rule_t){ FPMP_VALUE_INT, 1, 20 }, table, COUNT(table));
}

static void a_whole_number_may_be_as_large_as_an_int(void **state)
{
    static const value_row_t table[] = {
        { "the largest", "2147483647", "2147483647", NULL },
        { "one more", "2147483648", NULL, "from 0 to 2147483647" },
    };

    (void)state;
    check_rows((fpmp_value_rule_t){ FPMP_VALUE_INT, 0, INT_MAX }, table, COUNT(table));
}

static void a_priority_may_be_negative(void **state)
{
    static const value_row_t table[] = {
        { "lowest", "-19", "-19", NULL }, { "below", "-20", NULL, "from -19 to 20" },
        { "zero", "0", "0", NULL },       { "minus alone", "-", NULL, "from -19 to 20" },
        { "highest", "20", "20", NULL },  { "two minus", "--1", NULL, "from -19 to 20" },
    };

    (void)state;
    check_rows((fpmp_value_rule_t){ FPMP_VALUE_INT, -19, 20 }, table, COUNT(table));
}

static void a_time_is_digits_and_a_unit(void **state)
{
    static const value_row_t table[] = {
        { "no unit", "30", "30", NULL },
        { "seconds", "30s", "30s", NULL },
        { "minutes", "5m", "5m", NULL },
        { "hours", "1h", "1h", NULL },
        { "days", "1d", "1d", NULL },
        { "zero", "0", "0", NULL },
        { "the longest", "2147483647s", "2147483647s", NULL },
        { "one second more", "2147483648s", NULL, "is not a time" },
        { "the most days", "24855d", "24855d", NULL },
        { "one day more", "24856d", NULL, "is not a time" },
        { "empty", "", NULL, "is not a time" },
        { "unit alone, 0 to FPM", "s", NULL, "is not a time" },
        { "words, 0 to FPM", "xxs", NULL, "is not a time" },
        { "milliseconds", "30ms", NULL, "is not a time" },
        { "capital", "30S", NULL, "is not a time" },
        { "week", "1w", NULL, "is not a time" },
        { "minus", "-1s", NULL, "is not a time" },
        { "fraction", "1.5s", NULL, "is not a time" },
        { "blank", "30 s", NULL, "is not a time" },
    };

    (void)state;
    check_rows((fpmp_value_rule_t){ .type = FPMP_VALUE_TIME }, table, COUNT(table));
}

static void a_switch_is_stored_as_yes_or_no(void **state)
{
    static const value_row_t table[] = {
        { "yes", "yes", "yes", NULL },
        { "on", "on", "yes", NULL },
        { "true", "true", "yes", NULL },
        { "1", "1", "yes", NULL },
        { "no", "no", "no", NULL },
        { "off", "off", "no", NULL },
        { "false", "false", "no", NULL },
        { "0", "0", "no", NULL },
        { "On, which FPM refuses in quotes", "On", "yes", NULL },
        { "OFF", "OFF", "no", NULL },
        { "None, off to FPM", "None", NULL, "is no switch; write yes or no" },
        { "empty, off to FPM", "", NULL, "is no switch" },
        { "2", "2", NULL, "is no switch" },
        { "yes and a blank", "yes ", NULL, "is no switch" },
    };

    (void)state;
    check_rows((fpmp_value_rule_t){ .type = FPMP_VALUE_BOOL }, table, COUNT(table));
    check_rows((fpmp_value_rule_t){ .type = FPMP_VALUE_FLAG }, table, COUNT(table));
}

static void a_process_manager_is_one_of_three(void **state)
{
    static const value_row_t table[] = {
        { "static", "static", "static", NULL },
        { "dynamic", "dynamic", "dynamic", NULL },
        { "ondemand", "ondemand", "ondemand", NULL },
        { "any case, one spelling", "OnDemand", "ondemand", NULL },
        { "with a dash", "on-demand", NULL, "write static, dynamic or ondemand" },
        { "empty", "", NULL, "is no process manager" },
    };

    (void)state;
    check_rows((fpmp_value_rule_t){ .type = FPMP_VALUE_PM }, table, COUNT(table));
}

static void a_core_limit_is_a_number_or_unlimited(void **state)
{
    static const value_row_t table[] = {
        { "none", "0", "0", NULL },
        { "unlimited", "unlimited", "unlimited", NULL },
        { "capitals", "Unlimited", NULL, "from 0 to 2147483647, nor unlimited" },
        { "minus", "-1", NULL, "from 0 to 2147483647" },
        { "empty", "", NULL, "from 0 to 2147483647" },
    };

    (void)state;
    check_rows((fpmp_value_rule_t){ FPMP_VALUE_CORE, 0, INT_MAX }, table, COUNT(table));
}

static void a_status_path_is_a_plain_uri(void **state)
{
    static const value_row_t table[] = {
        { "plain", "/status", "/status", NULL },
        { "shortest", "/s", "/s", NULL },
        { "every character", "/aZ9_.~-/x", "/aZ9_.~-/x", NULL },
        { "not long enough", "/", NULL, "at least one character" },
        { "no slash", "status", NULL, "is not '/'" },
        { "empty", "", NULL, "is not '/'" },
        { "percent", "/s%20", NULL, "is not '/'" },
        { "question mark", "/s?x", NULL, "is not '/'" },
    };

    (void)state;
    check_rows((fpmp_value_rule_t){ .type = FPMP_VALUE_URI }, table, COUNT(table));
}

static void a_path_is_absolute(void **state)
{
    static const value_row_t file[] = {
        { "absolute", "/var/log/slow.log", "/var/log/slow.log", NULL },
        { "relative", "log/slow.log", NULL, "does not begin with '/'" },
        { "root", "/", NULL, "is the root directory" },
        { "empty", "", NULL, "is empty" },
        { "FPM's variable", "/var/log/$pool.log", NULL, "has '$'" },
    };
    static const value_row_t dir[] = {
        { "absolute", "/srv/david", "/srv/david", NULL },
        { "root", "/", "/", NULL },
        { "relative", "srv", NULL, "does not begin with '/'" },
        { "slash last", "/srv/", NULL, "ends with '/'" },
    };

    (void)state;
    check_rows((fpmp_value_rule_t){ .type = FPMP_VALUE_FILE }, file, COUNT(file));
    check_rows((fpmp_value_rule_t){ .type = FPMP_VALUE_DIR }, dir, COUNT(dir));
}

static void a_text_is_neither_empty_nor_special(void **state)
{
    static const value_row_t text[] = {
        { "plain", "x y;#'", "x y;#'", NULL },
        { "empty", "", NULL, "is empty" },
        { "dollar", "$HOME", NULL, "has '$'" },
    };
    static const value_row_t ini[] = {
        { "plain", "256M", "256M", NULL },
        { "empty is a value", "", "", NULL },
        { "double quote", "a\"", NULL, "has '\"'" },
    };
    static const value_row_t list[] = {
        { "path", "/ping", "/ping", NULL },
        { "slash alone", "/", "/", NULL },
        { "no slash", "ping", NULL, "does not begin with '/'" },
        { "empty", "", NULL, "does not begin with '/'" },
        { "dollar", "/$x", NULL, "has '$'" },
    };

    (void)state;
    check_rows((fpmp_value_rule_t){ .type = FPMP_VALUE_TEXT }, text, COUNT(text));
    check_rows((fpmp_value_rule_t){ .type = FPMP_VALUE_ENV }, text, COUNT(text));
    check_rows((fpmp_value_rule_t){ .type = FPMP_VALUE_INI }, ini, COUNT(ini));
    check_rows((fpmp_value_rule_t){ .type = FPMP_VALUE_LIST }, list, COUNT(list));
}

static void an_access_format_has_known_tokens(void **state)
{
    static const value_row_t table[] = {
        { "plain letters", "%C%M%P%Q%R%T%d%f%l%m%n%p%q%r%s%t%u%%", NULL, NULL },
        { "braces", "%{user}C %{HOME}e %{x}o %{%Y-%m}t", NULL, NULL },
        { "no token", "x", NULL, NULL },
        { "unknown letter", "%R %z", NULL, "has the token '%z'" },
        { "percent at the end", "50%", NULL, "has the token '%'" },
        { "e without braces", "%e", NULL, "has the token '%e'" },
        { "s with braces", "%{x}s", NULL, "has the token '%{x}s'" },
        { "braces that stay open", "%{x", NULL, "has the token '%{x'" },
        { "empty", "", NULL, "is empty" },
        { "FPM's own default has quotes", "\"%m\"", NULL, "has '\"'" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        value_row_t row = table[i];

        row.stored = row.why ? NULL : row.input;
        check_rows((fpmp_value_rule_t){ .type = FPMP_VALUE_FORMAT }, &row, 1);
    }
}

static void a_constant_is_no_number(void **state)
{
    static const value_row_t table[] = {
        { "number", "32767", "32767", NULL },
        { "all", "-1", "-1", NULL },
        { "constant", "E_ALL", NULL, "E_ALL is 32767" },
        { "expression", "E_ALL & ~E_NOTICE", NULL, "is no number" },
        { "numbers and operator", "32767&8", NULL, "is no number" },
        { "empty", "", NULL, "is no number" },
    };

    (void)state;
    check_rows((fpmp_value_rule_t){ .type = FPMP_VALUE_NUMBER }, table, COUNT(table));
}

static void what_is_derived_takes_no_value(void **state)
{
    static const value_row_t table[] = { { "any", "x", NULL, "cannot be set" } };

    (void)state;
    check_rows((fpmp_value_rule_t){ .type = FPMP_VALUE_NONE }, table, COUNT(table));
}

static void a_shown_text_is_one_short_line(void **state)
{
    char text[62];

    (void)state;
    memset(text, 'a', sizeof(text));
    text[60] = '\0';
    assert_string_equal(fpmp_value_shown(pool, text), text);
    text[60] = 'a';
    text[61] = '\0';
    assert_int_equal(strlen(fpmp_value_shown(pool, text)), 63);
    assert_string_equal(fpmp_value_shown(pool, text) + 59, "a...");
    assert_string_equal(fpmp_value_shown(pool, "a\nb\tc\x7f"), "a?b?c?");
    assert_string_equal(fpmp_value_shown(pool, "\xc3\xa4"), "\xc3\xa4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_number_stays_in_its_range),
        cmocka_unit_test(a_whole_number_may_be_as_large_as_an_int),
        cmocka_unit_test(a_priority_may_be_negative),
        cmocka_unit_test(a_time_is_digits_and_a_unit),
        cmocka_unit_test(a_switch_is_stored_as_yes_or_no),
        cmocka_unit_test(a_process_manager_is_one_of_three),
        cmocka_unit_test(a_core_limit_is_a_number_or_unlimited),
        cmocka_unit_test(a_status_path_is_a_plain_uri),
        cmocka_unit_test(a_path_is_absolute),
        cmocka_unit_test(a_text_is_neither_empty_nor_special),
        cmocka_unit_test(an_access_format_has_known_tokens),
        cmocka_unit_test(a_constant_is_no_number),
        cmocka_unit_test(what_is_derived_takes_no_value),
        cmocka_unit_test(a_shown_text_is_one_short_line),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
