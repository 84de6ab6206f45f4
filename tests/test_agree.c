/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules that join several settings, fed with settings as the parser makes
 * them, and the order of the pool file.
 */
/* links: core/agree.c core/settings.c core/value.c core/rules.c core/ini.c */
#include "../core/core.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <apr_general.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static apr_pool_t *pool;

/* Settings from text, separated by blanks. */
static apr_array_header_t *settings_of(const char *text)
{
    apr_array_header_t *settings = apr_array_make(pool, 8, sizeof(fpmp_setting_t));
    char *rest, *word = apr_strtok(apr_pstrdup(pool, text), " ", &rest);

    for (; word; word = apr_strtok(NULL, " ", &rest)) {
        fpmp_setting_t setting = { 0 };
        const char *why = fpmp_setting_parse(pool, word, &setting);

        if (why) {
            fail_msg("'%s': %s", word, why);
        }
        APR_ARRAY_PUSH(settings, fpmp_setting_t) = setting;
    }
    return settings;
}

#define FIVE "pm.max_children=5 "
#define DYNAMIC FIVE "pm=dynamic "
#define SPARE(min, max) "pm.min_spare_servers=" #min " pm.max_spare_servers=" #max " "
#define ONDEMAND FIVE "pm=ondemand "

static void settings_of_a_pool_agree_as_fpm_wants(void **state)
{
    static const struct {
        const char *title, *settings, *why;
    } table[] = {
        { "nothing", "", "the process manager is missing" },
        { "no manager", FIVE, "the process manager is missing" },
        { "no children", "pm=static", "pm.max_children must be a positive value" },
        { "static", FIVE "pm=static", NULL },
        { "static cares for no spare servers", FIVE "pm=static " SPARE(9, 1), NULL },
        { "ondemand", ONDEMAND, NULL },
        { "ondemand cares for no start servers", ONDEMAND "pm.start_servers=9", NULL },
        { "dynamic without spare servers", DYNAMIC, "pm.min_spare_servers(0) must be" },
        { "dynamic without minimum", DYNAMIC "pm.max_spare_servers=3",
          "pm.min_spare_servers(0) must be" },
        { "dynamic without maximum", DYNAMIC "pm.min_spare_servers=1",
          "pm.max_spare_servers(0) must be" },
        { "dynamic with maximum 0", DYNAMIC SPARE(1, 0),
          "pm.max_spare_servers(0) must be" },
        { "dynamic, all of them spare", DYNAMIC SPARE(5, 5), NULL },
        { "dynamic, maximum above children", DYNAMIC SPARE(1, 6),
          "pm.min_spare_servers(1) and pm.max_spare_servers(6) cannot be greater than "
          "pm.max_children(5)" },
        { "dynamic, minimum above children", DYNAMIC SPARE(6, 5),
          "cannot be greater than pm.max_children(5)" },
        { "dynamic, maximum below minimum", DYNAMIC SPARE(3, 2),
          "pm.max_spare_servers(2) must not be less than pm.min_spare_servers(3)" },
        { "start at the minimum", DYNAMIC SPARE(2, 4) "pm.start_servers=2", NULL },
        { "start below it", DYNAMIC SPARE(2, 4) "pm.start_servers=1",
          "pm.start_servers(1) must not be less than pm.min_spare_servers(2)" },
        { "start at the maximum", DYNAMIC SPARE(2, 4) "pm.start_servers=4", NULL },
        { "start above it", DYNAMIC SPARE(2, 4) "pm.start_servers=5",
          "pm.start_servers(5) must not be" },
        { "start 0 lets FPM choose", DYNAMIC SPARE(2, 4) "pm.start_servers=0", NULL },
        { "idle time", ONDEMAND "pm.process_idle_timeout=1s", NULL },
        { "no idle time", ONDEMAND "pm.process_idle_timeout=0s",
          "pm.process_idle_timeout(0s) must be greater than 0s" },
        { "no idle time, not ondemand", FIVE "pm=static pm.process_idle_timeout=0", NULL },
        { "slow without slowlog", ONDEMAND "request_slowlog_timeout=5s",
          "'slowlog' must be specified for use with 'request_slowlog_timeout'" },
        { "slow 0 without slowlog", ONDEMAND "request_slowlog_timeout=0", NULL },
        { "slow with slowlog", ONDEMAND "request_slowlog_timeout=5s slowlog=/l", NULL },
        { "depth without slowlog", ONDEMAND "request_slowlog_trace_depth=5",
          "'slowlog' must be specified for use with 'request_slowlog_trace_depth'" },
        { "depth with slowlog", ONDEMAND "request_slowlog_trace_depth=5 slowlog=/l", NULL },
        { "slow as long as the end",
          ONDEMAND "slowlog=/l request_slowlog_timeout=60s request_terminate_timeout=1m",
          NULL },
        { "slow after the end",
          ONDEMAND "slowlog=/l request_slowlog_timeout=61 request_terminate_timeout=1m",
          "'request_slowlog_timeout' (61) can't be greater than "
          "'request_terminate_timeout' (60)" },
        { "no end", ONDEMAND "slowlog=/l request_slowlog_timeout=61 "
          "request_terminate_timeout=0", NULL },
        { "the later of two counts", FIVE "pm=dynamic pm=static", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        const char *why = fpmp_settings_agree(pool, settings_of(table[i].settings));

        if (!table[i].why != !why || (why && !strstr(why, table[i].why))) {
            fail_msg("%s: got '%s', wanted '%s'", table[i].title, why ? why : "(fine)",
                     table[i].why ? table[i].why : "(fine)");
        }
    }
}

static const char *text_of(const apr_array_header_t *settings)
{
    const char *text = "";

    for (int i = 0; i < settings->nelts; i++) {
        const fpmp_setting_t *one = &APR_ARRAY_IDX(settings, i, fpmp_setting_t);

        text = apr_pstrcat(pool, text, *text ? " " : "", one->name, one->subkey ? "[" : "",
                           one->subkey ? one->subkey : "", one->subkey ? "]" : "", "=",
                           one->value, NULL);
    }
    return text;
}

static void the_pool_file_has_one_order(void **state)
{
    static const struct {
        const char *title, *given, *sorted;
    } table[] = {
        { "nothing", "", "" },
        { "one", "pm=static", "pm=static" },
        { "by the table",
          "php_value[a]=1 env[A]=1 chdir=/ slowlog=/l pm.max_requests=1 pm=static",
          "pm=static pm.max_requests=1 slowlog=/l chdir=/ env[A]=1 php_value[a]=1" },
        { "the four php kinds",
          "php_admin_flag[a]=1 php_admin_value[a]=1 php_flag[a]=1 php_value[a]=1",
          "php_value[a]=1 php_flag[a]=yes php_admin_value[a]=1 php_admin_flag[a]=yes" },
        { "by subkey, bytewise", "env[b]=1 env[a]=1 env[B]=1 env[_]=1 env[a1]=1",
          "env[B]=1 env[_]=1 env[a]=1 env[a1]=1 env[b]=1" },
        { "a list keeps its order",
          "access.suppress_path[]=/b pm=static access.suppress_path[]=/a "
          "access.suppress_path[]=/c",
          "pm=static access.suppress_path[]=/b access.suppress_path[]=/a "
          "access.suppress_path[]=/c" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        apr_array_header_t *settings = settings_of(table[i].given);

        fpmp_settings_sort(settings);
        if (strcmp(text_of(settings), table[i].sorted) != 0) {
            fail_msg("%s: got '%s', wanted '%s'", table[i].title, text_of(settings),
                     table[i].sorted);
        }
    }
}

static void two_settings_are_the_same_key_or_not(void **state)
{
    static const struct {
        const char *title, *a, *b;
        int same;
    } table[] = {
        { "scalar, other value", "pm.max_children=2", "pm.max_children=3", 1 },
        { "two scalars", "pm.max_children=2", "pm.max_requests=2", 0 },
        { "same name in brackets", "env[A]=1", "env[A]=2", 1 },
        { "other name in brackets", "env[A]=1", "env[B]=1", 0 },
        { "list, same value", "access.suppress_path[]=/a", "access.suppress_path[]=/a", 1 },
        { "list, other value", "access.suppress_path[]=/a", "access.suppress_path[]=/b", 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_setting_t a = { 0 }, b = { 0 };

        assert_null(fpmp_setting_parse(pool, table[i].a, &a));
        assert_null(fpmp_setting_parse(pool, table[i].b, &b));
        if (fpmp_setting_same(&a, &b) != table[i].same) {
            fail_msg("%s: wanted %d", table[i].title, table[i].same);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_of_a_pool_agree_as_fpm_wants),
        cmocka_unit_test(the_pool_file_has_one_order),
        cmocka_unit_test(two_settings_are_the_same_key_or_not),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
