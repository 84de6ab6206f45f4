/* SPDX-License-Identifier: Apache-2.0
 *
 * The arguments of FPMUser, FPMDefaults and FPMMaster: what each word fills in, and the
 * whole message where one is refused. What rules.c and settings.c refuse is theirs to
 * test; here stands how their reasons read behind the word they are about.
 */
/* links: core */
#include "plan.h"

#define WORDS_MAX 8

/* Words are parted by '|', so that one can hold a blank. */
static int split(apr_pool_t *p, const char *text, char *argv[WORDS_MAX])
{
    char *rest = apr_pstrdup(p, text);
    int argc = 0;

    while (rest && *text) {
        char *bar = strchr(rest, '|');

        assert_true(argc < WORDS_MAX);
        argv[argc++] = rest;
        if (bar) {
            *bar++ = '\0';
        }
        rest = bar;
    }
    return argc;
}

static const char *owner_word(fpmp_owner_e owner)
{
    static const char *const words[] = {
        [FPMP_OWNER_UNSET] = "-", [FPMP_OWNER_STRICT] = "strict", [FPMP_OWNER_ANY] = "any",
        [FPMP_OWNER_STRICT_DIR] = "strict-dir"
    };

    return words[owner];
}

/* All that a line holds, in one text. */
static const char *line_text(apr_pool_t *p, const fpmp_line_t *line)
{
    const char *text = apr_psprintf(
        p, "off=%d user=%s group=%s php=%s ext=%s owner=%s scan=%d timeout=%d%s", line->off,
        line->user ? line->user : "-", line->group ? line->group : "-",
        line->php ? line->php : "-", line->ext ? apr_array_pstrcat(p, line->ext, ',') : "-",
        owner_word(line->owner), line->scan, line->timeout_sec,
        line->buffer_bytes ? apr_psprintf(p, " buffer=%" APR_OFF_T_FMT, line->buffer_bytes) : "");

    for (int i = 0; i < line->settings->nelts; i++) {
        const fpmp_setting_t *s = &APR_ARRAY_IDX(line->settings, i, fpmp_setting_t);

        text = apr_psprintf(p, "%s %s%s%s%s=%s@%d", text, s->name, s->subkey ? "[" : "",
                            s->subkey ? s->subkey : "", s->subkey ? "]" : "", s->value,
                            s->where.line);
    }
    return text;
}

/* want: NULL = the line must pass and read as in filled, else the whole message. */
typedef struct {
    const char *title;
    const char *words;
    const char *want;
    const char *filled;
} line_row_t;

static void hold_line_row(apr_pool_t *p, const line_row_t *row, int with_user)
{
    fpmp_line_t *line = apr_pcalloc(p, sizeof(*line));
    char *argv[WORDS_MAX];
    int argc = split(p, row->words, argv);
    const char *why;

    line->where.file = SITE;
    line->where.line = 7;
    why = fpmp_line_parse(p, line, with_user, argc, argv);
    if (why) {
        hold_message_rules(row->title, why);
    }
    expect_text(row->title, why ? why : "(fine)", row->want ? row->want : "(fine)");
    if (!why) {
        expect_text(row->title, line_text(p, line), row->filled);
    }
}

static void the_words_of_fpmuser_fill_a_line(void **state)
{
    static const line_row_t table[] = {
        { "user alone", "david", NULL,
          "off=0 user=david group=- php=- ext=- owner=- scan=0 timeout=0" },
        { "user and group", "david:staff", NULL,
          "off=0 user=david group=staff php=- ext=- owner=- scan=0 timeout=0" },
        { "off", "off", NULL, "off=1 user=- group=- php=- ext=- owner=- scan=0 timeout=0" },
        { "off in capitals, as On and Off of httpd", "OFF", NULL,
          "off=1 user=- group=- php=- ext=- owner=- scan=0 timeout=0" },
        { "a user whose name begins so", "offer", NULL,
          "off=0 user=offer group=- php=- ext=- owner=- scan=0 timeout=0" },
        { "all keys of our own", "david|php=8.2|ext=php,phtml|owner=any|scan=on|timeout=30",
          NULL,
          "off=0 user=david group=- php=8.2 ext=php,phtml owner=any scan=1 timeout=30" },
        { "scan off", "david|scan=off", NULL,
          "off=0 user=david group=- php=- ext=- owner=- scan=2 timeout=0" },
        { "owner strict-dir", "david|owner=strict-dir", NULL,
          "off=0 user=david group=- php=- ext=- owner=strict-dir scan=0 timeout=0" },
        { "owner strict", "david|owner=strict", NULL,
          "off=0 user=david group=- php=- ext=- owner=strict scan=0 timeout=0" },
        { "the shortest time", "david|timeout=1", NULL,
          "off=0 user=david group=- php=- ext=- owner=- scan=0 timeout=1" },
        { "the longest time", "david|timeout=86400", NULL,
          "off=0 user=david group=- php=- ext=- owner=- scan=0 timeout=86400" },
        { "buffer in bytes", "david|buffer=1", NULL,
          "off=0 user=david group=- php=- ext=- owner=- scan=0 timeout=0 buffer=1" },
        { "buffer in K", "david|buffer=64K", NULL,
          "off=0 user=david group=- php=- ext=- owner=- scan=0 timeout=0 buffer=65536" },
        { "the largest buffer", "david|buffer=1024G", NULL,
          "off=0 user=david group=- php=- ext=- owner=- scan=0 timeout=0 buffer=1099511627776" },
        { "the same in bytes", "david|buffer=1099511627776", NULL,
          "off=0 user=david group=- php=- ext=- owner=- scan=0 timeout=0 buffer=1099511627776" },
        { "no buffer", "david|buffer=0M", NULL,
          "off=0 user=david group=- php=- ext=- owner=- scan=0 timeout=0 buffer=-1" },
        { "settings in the order written",
          "david|pm.max_children=20|pm=static|php_admin_value[memory_limit]=256M", NULL,
          "off=0 user=david group=- php=- ext=- owner=- scan=0 timeout=0 pm.max_children=20@7 "
          "pm=static@7 php_admin_value[memory_limit]=256M@7" },
        { "a value with a blank", "david|env[NAME]=one two", NULL,
          "off=0 user=david group=- php=- ext=- owner=- scan=0 timeout=0 env[NAME]=one two@7" },
        { "a value with '='", "david|env[QUERY]=a=b", NULL,
          "off=0 user=david group=- php=- ext=- owner=- scan=0 timeout=0 env[QUERY]=a=b@7" },
        { "one name in two directives",
          "david|php_value[memory_limit]=1M|php_admin_value[memory_limit]=2M", NULL,
          "off=0 user=david group=- php=- ext=- owner=- scan=0 timeout=0 "
          "php_value[memory_limit]=1M@7 php_admin_value[memory_limit]=2M@7" },
        { "two names in one directive", "david|env[A]=1|env[B]=2", NULL,
          "off=0 user=david group=- php=- ext=- owner=- scan=0 timeout=0 env[A]=1@7 env[B]=2@7" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        hold_line_row(*state, &table[i], 1);
    }
}

static void a_word_that_is_no_user_is_refused(void **state)
{
    static const line_row_t table[] = {
        { "nothing", "",
          "the user is missing; write 'FPMUser USER[:GROUP] [KEY=VALUE]...' or 'FPMUser "
          "off'",
          NULL },
        { "a key first", "pm=static|david",
          "'pm=static' stands where the user belongs; write 'FPMUser USER[:GROUP] "
          "[KEY=VALUE]...'",
          NULL },
        { "capitals", "David",
          "user 'David' has capital letters; FPM reads section names without regard to "
          "case, "
          "so rename the user or use another one",
          NULL },
        { "a group without user", ":staff",
          "user '' is empty; write the name of a system user", NULL },
        { "a colon without group", "david:",
          "group '' is empty; write the name of a group, or leave out ':' for the user's "
          "own",
          NULL },
        { "two groups", "david:a:b",
          "group 'a:b' has a character other than a-z, 0-9, '_', '.' and '-'; rename the "
          "group "
          "or use another one",
          NULL },
        { "something behind off", "off|pm=static",
          "'off' takes nothing behind it, but 'pm=static' is there; remove it", NULL },
        { "off behind a user", "david|off",
          "'off' has no '='; write KEY=VALUE without blanks around '='", NULL },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        hold_line_row(*state, &table[i], 1);
    }
}

static void a_key_of_our_own_is_refused_with_its_rule(void **state)
{
    static const line_row_t table[] = {
        { "no extension", "david|ext=",
          "'ext=' has an empty extension; write a list such as ext=php,phtml", NULL },
        { "comma first", "david|ext=,php",
          "'ext=,php' has an empty extension; write a list such as ext=php,phtml", NULL },
        { "comma last", "david|ext=php,",
          "'ext=php,' has an empty extension; write a list such as ext=php,phtml", NULL },
        { "two commas", "david|ext=php,,phtml",
          "'ext=php,,phtml' has an empty extension; write a list such as ext=php,phtml",
          NULL },
        { "with its dot", "david|ext=php,.phtml",
          "extension '.phtml' in 'ext=php,.phtml' begins with '.'; write the extension "
          "without "
          "its dot",
          NULL },
        { "no such end", "david|via=proxy",
          "'via=proxy' is none of 'native', 'fastcgi' and 'balancer'; write one of these", NULL },
        { "neither owner", "david|owner=Strict",
          "'owner=Strict' is none of 'strict', 'any' and 'strict-dir'; write one of these", NULL },
        { "no owner", "david|owner=",
          "'owner=' is none of 'strict', 'any' and 'strict-dir'; write one of these", NULL },
        { "no size", "david|buffer=",
          "'buffer=' is no size from 0 to 1024G; write digits, with K, M or G behind them", NULL },
        { "a word", "david|buffer=all",
          "'buffer=all' is no size from 0 to 1024G; write digits, with K, M or G behind them", NULL },
        { "a negative size", "david|buffer=-1",
          "'buffer=-1' is no size from 0 to 1024G; write digits, with K, M or G behind them", NULL },
        { "an unknown unit", "david|buffer=1T",
          "'buffer=1T' is no size from 0 to 1024G; write digits, with K, M or G behind them", NULL },
        { "a unit of two letters", "david|buffer=1MB",
          "'buffer=1MB' is no size from 0 to 1024G; write digits, with K, M or G behind them", NULL },
        { "a unit alone", "david|buffer=M",
          "'buffer=M' is no size from 0 to 1024G; write digits, with K, M or G behind them", NULL },
        { "more than the largest", "david|buffer=1025G",
          "'buffer=1025G' is no size from 0 to 1024G; write digits, with K, M or G behind them", NULL },
        { "one byte more", "david|buffer=1099511627777",
          "'buffer=1099511627777' is no size from 0 to 1024G; write digits, with K, M or G behind them", NULL },
        { "more than 64 bits", "david|buffer=99999999999999999999G",
          "'buffer=99999999999999999999G' is no size from 0 to 1024G; write digits, with K, M or G behind them", NULL },
        { "no time at all", "david|timeout=0",
          "'timeout=0' is no number of seconds from 1 to 86400; write one, without a unit",
          NULL },
        { "a second too many", "david|timeout=86401",
          "'timeout=86401' is no number of seconds from 1 to 86400; write one, without a "
          "unit",
          NULL },
        { "more than an int", "david|timeout=4294967297",
          "'timeout=4294967297' is no number of seconds from 1 to 86400; write one, "
          "without a "
          "unit",
          NULL },
        { "below zero", "david|timeout=-1",
          "'timeout=-1' is no number of seconds from 1 to 86400; write one, without a unit",
          NULL },
        { "a unit", "david|timeout=30s",
          "'timeout=30s' is no number of seconds from 1 to 86400; write one, without a "
          "unit",
          NULL },
        { "no time given", "david|timeout=",
          "'timeout=' is no number of seconds from 1 to 86400; write one, without a unit",
          NULL },
        { "no master", "david|php=", "master in 'php=' is empty; write a name such as 8.2",
          NULL },
        { "a path for a master", "david|php=/usr",
          "master in 'php=/usr' does not begin with a letter or digit; write a name such "
          "as 8.2",
          NULL },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        hold_line_row(*state, &table[i], 1);
    }
}

static void a_key_given_twice_is_refused(void **state)
{
    static const line_row_t table[] = {
        { "php", "david|php=8.2|php=8.2", "'php' is given twice; keep one of the two",
          NULL },
        { "ext", "david|ext=php|ext=php", "'ext' is given twice; keep one of the two",
          NULL },
        { "owner", "david|owner=any|owner=any",
          "'owner' is given twice; keep one of the "
          "two",
          NULL },
        { "via", "david|via=native|via=fastcgi", "'via' is given twice; keep one of the two",
          NULL },
        { "timeout", "david|timeout=1|timeout=2",
          "'timeout' is given twice; keep one of the two", NULL },
        { "a setting", "david|pm=static|pm=static",
          "'pm' is given twice; keep one of the "
          "two",
          NULL },
        { "a setting with a name", "david|env[A]=1|env[B]=1|env[A]=2",
          "'env[A]' is given twice; keep one of the two", NULL },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        hold_line_row(*state, &table[i], 1);
    }
}

static void the_reason_of_a_setting_is_the_message(void **state)
{
    static const line_row_t table[] = {
        { "no key", "david|static",
          "'static' has no '='; write KEY=VALUE without blanks "
          "around '='",
          NULL },
        { "derived", "david|user=x",
          "'user' is the first argument of FPMUser; write "
          "FPMUser "
          "USER",
          NULL },
        { "beside its range", "david|pm.max_children=0",
          "pm.max_children '0' is not a whole number from 1 to 65535", NULL },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        hold_line_row(*state, &table[i], 1);
    }
}

static void the_words_of_fpmdefaults_fill_a_line(void **state)
{
    static const line_row_t table[] = {
        { "nothing", "",
          "nothing is given; write KEY=VALUE, for example pm.max_children=20", NULL },
        { "all kinds", "pm=static|php=8.2|ext=phtml|owner=any|timeout=5", NULL,
          "off=0 user=- group=- php=8.2 ext=phtml owner=any scan=0 timeout=5 pm=static@7" },
        { "a user", "david",
          "'david' has no '='; write KEY=VALUE without blanks around "
          "'='",
          NULL },
        { "off", "off", "'off' has no '='; write KEY=VALUE without blanks around '='",
          NULL },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        hold_line_row(*state, &table[i], 0);
    }
}

static void a_second_fpmdefaults_line_adds_to_the_first(void **state)
{
    fpmp_line_t *line = line_read(*state, "pm=static ext=php", 0, 3);
    char *more[] = { "pm.max_children=5" }, *again[] = { "ext=phtml" };

    line->where.line = 4;
    assert_null(fpmp_line_parse(*state, line, 0, 1, more));
    expect_text("both", line_text(*state, line),
                "off=0 user=- group=- php=- ext=php owner=- scan=0 timeout=0 pm=static@3 "
                "pm.max_children=5@4");
    expect_text("again", fpmp_line_parse(*state, line, 0, 1, again),
                "'ext' is given twice; keep one of the two");
}

/* FPM takes access.suppress_path[] as often as it is written. */
static void a_list_may_have_several_entries(void **state)
{
    static const line_row_t row = {
        "two entries", "david|access.suppress_path[]=/ping|access.suppress_path[]=/status",
        NULL,
        "off=0 user=david group=- php=- ext=- owner=- scan=0 timeout=0 "
        "access.suppress_path[]=/ping@7 access.suppress_path[]=/status@7"
    };

    hold_line_row(*state, &row, 1);
}

static void a_message_shows_no_control_character_and_no_endless_text(void **state)
{
#define TEN "aaaaaaaaaa"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define THREE_HUNDRED SIXTY SIXTY SIXTY SIXTY SIXTY
    static const char *const words[] = {
        "da\tvid",
        "david:st\taff",
        "da\tvid=x",
        "off|a\tb",
        "david|ext=p\thp",
        "david|ext=,\t",
        "david|owner=\t",
        "david|timeout=\t",
        "david|php=8\t2",
        "david|p\tm=static",
        THREE_HUNDRED,
        "d:" THREE_HUNDRED,
        "off|" THREE_HUNDRED,
        "david|ext=" THREE_HUNDRED,
        "david|owner=" THREE_HUNDRED,
        "david|timeout=" THREE_HUNDRED,
        "david|php=" THREE_HUNDRED,
        THREE_HUNDRED "=x",
    };

    for (size_t i = 0; i < COUNT(words); i++) {
        fpmp_line_t *line = apr_pcalloc(*state, sizeof(*line));
        char *argv[WORDS_MAX];
        int argc = split(*state, words[i], argv);
        const char *why = fpmp_line_parse(*state, line, 1, argc, argv);

        if (!why) {
            fail_msg("'%s' is taken", words[i]);
        }
        hold_message_rules(words[i], why);
    }
}

static const char *path_text(const char *path)
{
    return path ? path : "-";
}

static void the_words_of_fpmmaster_fill_a_master(void **state)
{
    static const line_row_t table[] = {
        { "nothing", "",
          "the name is missing; write 'FPMMaster NAME "
          "config=/path/php-fpm.conf'",
          NULL },
        { "a name", "8.2", NULL, "8.2 - - - - -" },
        { "all", "eight|config=/a/b|binary=/c|pid=/d|pool_dir=/e|socket_dir=/f", NULL,
          "eight /a/b /c /d /e /f" },
        { "a key first", "config=/a",
          "name 'config=/a' has a character other than A-Z, a-z, 0-9, '.', '_' and '-'; "
          "write a "
          "name such as 8.2",
          NULL },
        { "unknown key", "8.2|conf=/a",
          "'conf=/a' is none of config=, binary=, pid=, pool_dir=, socket_dir= and start=; write "
          "one of "
          "these with an absolute path",
          NULL },
        { "no value", "8.2|config",
          "'config' is none of config=, binary=, pid=, pool_dir=, socket_dir= and start=; write "
          "one of "
          "these with an absolute path",
          NULL },
        { "empty", "8.2|pid=", "path in 'pid=' is empty; write an absolute path", NULL },
        { "relative", "8.2|pid=run/x",
          "path in 'pid=run/x' does not begin with '/'; write an absolute path", NULL },
        { "twice", "8.2|pid=/a|config=/b|pid=/c",
          "'pid' is given twice; keep one of the "
          "two",
          NULL },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_master_t master = { 0 };
        char *argv[WORDS_MAX];
        int argc = split(*state, table[i].words, argv);
        const char *why = fpmp_master_parse(*state, &master, argc, argv);

        expect_text(table[i].title, why ? why : "(fine)",
                    table[i].want ? table[i].want : "(fine)");
        if (!why) {
            expect_text(table[i].title,
                        apr_psprintf(*state, "%s %s %s %s %s %s", master.name,
                                     path_text(master.config_path),
                                     path_text(master.binary_path),
                                     path_text(master.pid_path), path_text(master.pool_dir),
                                     path_text(master.socket_dir)),
                        table[i].filled);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(the_words_of_fpmuser_fill_a_line),
        plan_test(a_word_that_is_no_user_is_refused),
        plan_test(a_key_of_our_own_is_refused_with_its_rule),
        plan_test(a_key_given_twice_is_refused),
        plan_test(the_reason_of_a_setting_is_the_message),
        plan_test(the_words_of_fpmdefaults_fill_a_line),
        plan_test(a_second_fpmdefaults_line_adds_to_the_first),
        plan_test(a_list_may_have_several_entries),
        plan_test(a_message_shows_no_control_character_and_no_endless_text),
        plan_test(the_words_of_fpmmaster_fill_a_master),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
