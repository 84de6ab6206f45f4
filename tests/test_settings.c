/* SPDX-License-Identifier: Apache-2.0
 *
 * Every row of the table of pool directives with a value that FPM takes, what is
 * stored for it, and how a wrong key is answered.
 */
/* links: core/settings.c core/value.c core/rules.c core/ini.c */
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

/* In the order of the pool file. Each line was given to php-fpm 8.2.36 -t and taken. */
static const struct {
    const char *arg;
    const char *line; /* as it stands in the pool file */
    int since;
} directives[] = {
    { "pm=Dynamic", "pm = dynamic", 0 },
    { "pm.max_children=20", "pm.max_children = 20", 0 },
    { "pm.start_servers=2", "pm.start_servers = 2", 0 },
    { "pm.min_spare_servers=1", "pm.min_spare_servers = 1", 0 },
    { "pm.max_spare_servers=3", "pm.max_spare_servers = 3", 0 },
    { "pm.max_spawn_rate=32", "pm.max_spawn_rate = 32", 801 },
    { "pm.process_idle_timeout=10s", "pm.process_idle_timeout = 10s", 0 },
    { "pm.max_requests=500", "pm.max_requests = 500", 0 },
    { "pm.status_path=/status", "pm.status_path = \"/status\"", 0 },
    { "ping.path=/ping", "ping.path = \"/ping\"", 0 },
    { "ping.response=pong", "ping.response = \"pong\"", 0 },
    { "request_terminate_timeout=1m", "request_terminate_timeout = 1m", 0 },
    { "request_terminate_timeout_track_finished=on",
      "request_terminate_timeout_track_finished = yes", 703 },
    { "request_slowlog_timeout=5", "request_slowlog_timeout = 5", 0 },
    { "request_slowlog_trace_depth=20", "request_slowlog_trace_depth = 20", 702 },
    { "slowlog=/dev/null", "slowlog = \"/dev/null\"", 0 },
    { "access.log=/dev/null", "access.log = \"/dev/null\"", 0 },
    { "access.format=%R %t", "access.format = \"%R %t\"", 0 },
    { "access.suppress_path[]=/ping", "access.suppress_path[] = \"/ping\"", 802 },
    { "process.priority=-5", "process.priority = -5", 0 },
    { "process.dumpable=no", "process.dumpable = no", 702 },
    { "apparmor_hat=hat", "apparmor_hat = \"hat\"", 0 },
    { "rlimit_files=1024", "rlimit_files = 1024", 0 },
    { "rlimit_core=unlimited", "rlimit_core = unlimited", 0 },
    { "chdir=/tmp", "chdir = \"/tmp\"", 0 },
    { "catch_workers_output=True", "catch_workers_output = yes", 0 },
    { "decorate_workers_output=0", "decorate_workers_output = no", 703 },
    { "clear_env=off", "clear_env = no", 0 },
    { "env[APP_ENV]=prod=1; x", "env[APP_ENV] = \"prod=1; x\"", 0 },
    { "php_value[error_reporting]=32767", "php_value[error_reporting] = \"32767\"", 0 },
    { "php_flag[display_errors]=On", "php_flag[display_errors] = yes", 0 },
    { "php_admin_value[memory_limit]=256M", "php_admin_value[memory_limit] = \"256M\"", 0 },
    { "php_admin_flag[x-y.log_errors]=FALSE", "php_admin_flag[x-y.log_errors] = no", 0 },
};

static const char *line_of(const fpmp_setting_t *setting)
{
    const char *quote = setting->quoted ? "\"" : "";

    return apr_pstrcat(pool, setting->name, setting->subkey ? "[" : "",
                       setting->subkey ? setting->subkey : "", setting->subkey ? "]" : "",
                       " = ", quote, setting->value, quote, NULL);
}

static void every_directive_is_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(directives); i++) {
        fpmp_setting_t setting = { .where = { .file = "f", .line = 3 } };
        const char *why = fpmp_setting_parse(pool, directives[i].arg, &setting);

        if (why) {
            fail_msg("%s: refused: %s", directives[i].arg, why);
        }
        if (strcmp(line_of(&setting), directives[i].line) != 0) {
            fail_msg("%s: got '%s', wanted '%s'", directives[i].arg, line_of(&setting),
                     directives[i].line);
        }
        if (setting.rank != (int)i || setting.since != directives[i].since) {
            fail_msg("%s: rank %d, since %d", directives[i].arg, setting.rank,
                     setting.since);
        }
        if (setting.where.line != 3) {
            fail_msg("%s: the place is the caller's", directives[i].arg);
        }
    }
}

static void the_argument_is_only_borrowed(void **state)
{
    char arg[] = "env[NAME]=value";
    fpmp_setting_t setting = { 0 };

    (void)state;
    assert_null(fpmp_setting_parse(pool, arg, &setting));
    memset(arg, 'x', sizeof(arg) - 1);
    assert_string_equal(line_of(&setting), "env[NAME] = \"value\"");
}

static void a_refused_setting_changes_nothing(void **state)
{
    fpmp_setting_t setting = { .name = "kept", .rank = 77 };

    (void)state;
    assert_non_null(fpmp_setting_parse(pool, "pm.max_children=0", &setting));
    assert_string_equal(setting.name, "kept");
    assert_int_equal(setting.rank, 77);
}

typedef struct {
    const char *arg;
    const char *phrase; /* the whole of it */
} refusal_row_t;

static void check_refusals(const refusal_row_t *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fpmp_setting_t setting = { 0 };
        const char *why = fpmp_setting_parse(pool, rows[i].arg, &setting);

        if (!why || strcmp(why, rows[i].phrase) != 0) {
            fail_msg("%s: got\n'%s', wanted\n'%s'", rows[i].arg, why ? why : "(fine)",
                     rows[i].phrase);
        }
    }
}

#define NO(key) "'" key "' is no pool directive of PHP-FPM; "
#define MEANT(key, name) { key "=1", NO(key) "did you mean '" name "'?" }
#define PHP_INI(key, value, kind) \
    { key "=" value, \
      NO(key) "if it is a setting of php.ini, write php_admin_" kind "[" key "]=" value }
#define FORM "write KEY=VALUE, such as pm.max_children=20"

static void an_unknown_key_gets_the_nearest_name(void **state)
{
    static const refusal_row_t table[] = {
        MEANT("pm.max_childen", "pm.max_children"),
        MEANT("PM", "pm"),
        MEANT("Pm.Max_Children", "pm.max_children"),
        MEANT("pm_max_children", "pm.max_children"),
        MEANT("max_children", "pm.max_children"),
        MEANT("children", "pm.max_children"),
        MEANT("terminate_timeout", "request_terminate_timeout"),
        MEANT("limit_extensions", "security.limit_extensions"),
        MEANT("slow_log", "slowlog"),
        MEANT("slwolog", "slowlog"),
        MEANT("lister.mode", "listen.mode"),
        MEANT("usr", "user"),
        MEANT("onwer", "owner"),
        MEANT("timeuot", "timeout"),
        MEANT("PHP", "php"),
        MEANT("evn[A]", "env[A]"),
        MEANT("evn", "env[NAME]"),
        MEANT("php_admin_valu[memory_limit]", "php_admin_value[memory_limit]"),
        MEANT("access.suppress_paths", "access.suppress_path[]"),
        MEANT("chroott[x]", "chroot"),
        PHP_INI("memory_limit", "256M", "value"),
        PHP_INI("max_execution_time", "30", "value"),
        PHP_INI("display_errors", "on", "flag"),
        PHP_INI("opcache.enable", "1", "value"),
        PHP_INI("date.timezone", "Europe/Berlin", "value"),
        { "memory_limit[x]=1", NO("memory_limit[x]") FORM },
        { "=20", NO("") FORM },
        { "pm.max_children =20", NO("pm.max_children ") "did you mean 'pm.max_children'?" },
        { "a b c d e f g=1", NO("a b c d e f g") FORM },
        { "a\nb c d e f=1", NO("a?b c d e f") FORM },
    };

    (void)state;
    check_refusals(table, COUNT(table));
}

static void a_key_of_any_length_is_answered(void **state)
{
    char arg[301];
    fpmp_setting_t setting = { 0 };

    (void)state;
    for (size_t len = 1; len < 300; len++) {
        const char *why;

        memset(arg, 'q', len);
        strcpy(arg + len - 1, "=1");
        why = fpmp_setting_parse(pool, arg, &setting);
        assert_non_null(why);
        assert_true(strlen(why) < 250);
    }
}

#define DERIVED(key, why) { key "=x", "'" key "' " why }
#define OF_HTTPD "is derived: only httpd's User may open the socket; leave it out"
#define OF_SOCKET "belongs to the socket, which the module derives; leave it out"

static void what_belongs_to_the_chain_is_refused(void **state)
{
    static const refusal_row_t table[] = {
        DERIVED("user", "is the first argument of FPMUser; write FPMUser USER"),
        DERIVED("group", "stands in the first argument of FPMUser; write USER:GROUP"),
        DERIVED("listen", "is derived from the user; set the directory of all sockets by "
                          "FPMSocketDir"),
        DERIVED("listen.owner", OF_HTTPD),
        DERIVED("listen.group", OF_HTTPD),
        DERIVED("listen.mode", OF_HTTPD),
        DERIVED("listen.acl_users", OF_HTTPD),
        DERIVED("listen.acl_groups", OF_HTTPD),
        DERIVED("listen.allowed_clients", OF_SOCKET),
        DERIVED("listen.backlog", OF_SOCKET),
        DERIVED("listen.setfib", OF_SOCKET),
        DERIVED("pm.status_listen", "opens a second socket that runs scripts without the pool's "
                                    "php_admin_value; leave it out, or use pm.status_path"),
        DERIVED("chroot", "would hide the files under the paths that httpd knows; leave it out, "
                          "the user is the border"),
        DERIVED("prefix", "does nothing where every path is absolute; leave it out"),
        DERIVED("security.limit_extensions",
                "is derived from ext; write the extensions as in ext=php,phtml"),
        DERIVED("include",
                "cannot stand in a pool file of ours; write the settings as KEY=VALUE"),
    };
    static const char *const kinds[] = { "php_value", "php_admin_value", "php_flag",
                                         "php_admin_flag" };

    (void)state;
    check_refusals(table, COUNT(table));
    for (size_t i = 0; i < COUNT(kinds); i++) {
        refusal_row_t row = {
            apr_pstrcat(pool, kinds[i], "[opcache.validate_permission]=0", NULL),
            apr_pstrcat(pool, "'", kinds[i], "[opcache.validate_permission]' is derived: "
                        "it is 1 in every pool, or one user could read another's scripts; "
                        "leave it out", NULL)
        };

        check_refusals(&row, 1);
    }
}

#define NO_EQUALS(key, form) \
    { key, "'" key "' has no '='; write " form "=VALUE without blanks around '='" }
#define SCALAR(key, name) \
    { key "=1", "'" key "' takes no brackets; write " name "=VALUE" }
#define ARRAY(key, form) \
    { key "=1", "'" key "' is not of the form " form "; write " form "=VALUE" }
#define INI_NAME(key) \
    { key "=1", "'" key "' names no php.ini setting; write A-Z, a-z, 0-9, '_', '.' and " \
                "'-' between the brackets" }
#define ENV_NAME(key) \
    { key "=1", "'" key "' names no environment variable; write A-Z, a-z, 0-9 and '_', " \
                "no digit first" }

static void brackets_fit_the_directive(void **state)
{
    static const refusal_row_t table[] = {
        NO_EQUALS("pm.max_children", "pm.max_children"),
        NO_EQUALS("env[A]", "env[NAME]"),
        NO_EQUALS("access.suppress_path", "access.suppress_path[]"),
        NO_EQUALS("david2", "KEY"),
        NO_EQUALS("", "KEY"),
        NO_EQUALS("env[A", "KEY"),
        SCALAR("pm.max_children[a]", "pm.max_children"),
        SCALAR("chdir[]", "chdir"),
        ARRAY("env", "env[NAME]"),
        ARRAY("env[]", "env[NAME]"),
        ARRAY("php_admin_value", "php_admin_value[NAME]"),
        ARRAY("php_flag[]", "php_flag[NAME]"),
        ARRAY("access.suppress_path", "access.suppress_path[]"),
        ARRAY("access.suppress_path[a]", "access.suppress_path[]"),
        ENV_NAME("env[1A]"),
        ENV_NAME("env[A-B]"),
        ENV_NAME("env[A B]"),
        INI_NAME("php_value[memory limit]"),
        INI_NAME("php_admin_value[a\"b]"),
        INI_NAME("php_admin_value[a]b]"),
        { "env[A=1", "'env[A' has '[' and does not end with ']'; write KEY[NAME]=VALUE" },
        { "env[A]x=1",
          "'env[A]x' has '[' and does not end with ']'; write KEY[NAME]=VALUE" },
        { "[=1", "'[' has '[' and does not end with ']'; write KEY[NAME]=VALUE" },
        { "[]=1", NO("[]") FORM },
    };

    (void)state;
    check_refusals(table, COUNT(table));
}

static void a_refused_value_is_named_with_its_key(void **state)
{
    static const refusal_row_t table[] = {
        { "pm.max_children=0",
          "pm.max_children '0' is not a whole number from 1 to 65535" },
        { "pm.max_children=65536",
          "pm.max_children '65536' is not a whole number from 1 to 65535" },
        { "pm.max_children=",
          "pm.max_children '' is not a whole number from 1 to 65535" },
        { "process.priority=21",
          "process.priority '21' is not a whole number from -19 to 20" },
        { "pm=none", "pm 'none' is no process manager; write static, dynamic or ondemand" },
        { "clear_env=maybe", "clear_env 'maybe' is no switch; write yes or no" },
        { "php_flag[display_errors]=stderr",
          "php_flag[display_errors] 'stderr' is no switch; write yes or no" },
        { "chdir=srv", "chdir 'srv' does not begin with '/'; write an absolute path" },
        { "env[A]=", "env[A] '' is empty; write a value, or leave the setting out for "
                     "PHP-FPM's default" },
        { "env[A]=$B", "env[A] '$B' has '$' at byte 1, which does not mean itself between "
                       "double quotes in a pool file; leave it out" },
        { "php_value[error_reporting]=E_ALL",
          "php_value[error_reporting] 'E_ALL' is no number, and PHP-FPM hands a constant "
          "on as 0; write the number, E_ALL is 32767" },
        { "php_admin_value[error_reporting]=E_ALL & ~8",
          "php_admin_value[error_reporting] 'E_ALL & ~8' is no number, and PHP-FPM hands a "
          "constant on as 0; write the number, E_ALL is 32767" },
    };

    (void)state;
    check_refusals(table, COUNT(table));
}

static void only_error_reporting_must_be_a_number(void **state)
{
    fpmp_setting_t setting = { 0 };

    (void)state;
    assert_null(fpmp_setting_parse(pool, "php_value[error_log]=E_ALL", &setting));
    assert_null(fpmp_setting_parse(pool, "php_value[error_reporting]=-1", &setting));
    assert_string_equal(line_of(&setting), "php_value[error_reporting] = \"-1\"");
    assert_null(fpmp_setting_parse(pool, "php_admin_value[mail.log]=", &setting));
    assert_string_equal(line_of(&setting), "php_admin_value[mail.log] = \"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_directive_is_known),
        cmocka_unit_test(the_argument_is_only_borrowed),
        cmocka_unit_test(a_refused_setting_changes_nothing),
        cmocka_unit_test(an_unknown_key_gets_the_nearest_name),
        cmocka_unit_test(a_key_of_any_length_is_answered),
        cmocka_unit_test(what_belongs_to_the_chain_is_refused),
        cmocka_unit_test(brackets_fit_the_directive),
        cmocka_unit_test(a_refused_value_is_named_with_its_key),
        cmocka_unit_test(only_error_reporting_must_be_a_number),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
