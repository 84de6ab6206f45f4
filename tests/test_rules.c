/* SPDX-License-Identifier: Apache-2.0
 *
 * Every rule of core/rules.c with a case on each side of its edge. A refusal is
 * checked by a piece of its phrase, so that it is refused for the right reason.
 */
/* links: core/rules.c core/safe.c */
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

/* why: NULL = must pass, else a piece of the phrase */
typedef struct {
    const char *title;
    const char *input;
    const char *why;
} rule_row_t;

static void expect(const char *title, const char *got, const char *want)
{
    if (!want && got) {
        fail_msg("%s: refused: %s", title, got);
    }
    if (want && (!got || !strstr(got, want))) {
        fail_msg("%s: got '%s', wanted a phrase with '%s'", title, got ? got : "(fine)",
                 want);
    }
}

#define LETTERS_30 "abcdefghijklmnopqrstuvwxyzabcd"

static void a_user_name_is_a_section_a_file_and_a_socket(void **state)
{
    static const rule_row_t table[] = {
        { "plain user", "david", NULL },
        { "one letter", "d", NULL },
        { "underscore first", "_www", NULL },
        { "all kinds", "a_b.c-d9", NULL },
        { "31 bytes", LETTERS_30 "e", NULL },
        { "32 bytes", LETTERS_30 "ef", "longer than 31 bytes" },
        { "empty", "", "is empty" },
        { "FPM's own section", "global", "main section" },
        { "FPM ignores case there", "Global", "capital letters" },
        { "longer than FPM's own section", "globals", NULL },
        { "capitals", "David", "capital letters; FPM reads section names" },
        { "a uid", "1000", "all digits" },
        { "digit first", "1david", "does not begin" },
        { "dash first", "-david", "does not begin" },
        { "dot first", ".david", "does not begin" },
        { "dot last", "david.", "ends with '.'" },
        { "two dots", "da..vid", "ends with '.' or has '..'" },
        { "dots only", "..", "does not begin" },
        { "slash", "../david", "a character other than" },
        { "dollar", "david$", "a character other than" },
        { "blank", "da vid", "a character other than" },
        { "bracket", "da]vid", "a character other than" },
        { "line end", "david\n", "a character other than" },
        { "UTF-8", "d\xc3\xa4vid", "a character other than" },
        { "FPM's word for nothing", "none", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        expect(table[i].title, fpmp_rule_user_name(table[i].input), table[i].why);
    }
}

static void a_group_name_has_the_alphabet_of_a_user(void **state)
{
    static const rule_row_t table[] = {
        { "plain group", "www-data", NULL },
        { "no section is named by it", "global", NULL },
        { "31 bytes", LETTERS_30 "e", NULL },
        { "32 bytes", LETTERS_30 "ef", "longer than 31 bytes; rename the group" },
        { "empty", "", "is empty; write the name of a group" },
        { "capitals", "Staff", "rename the group" },
        { "a gid", "33", "reads as a gid" },
        { "blank", "domain users", "a character other than" },
        { "dot last", "staff.", "ends with '.'" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        expect(table[i].title, fpmp_rule_group_name(table[i].input), table[i].why);
    }
}

static void a_master_name_is_part_of_a_socket(void **state)
{
    static const rule_row_t table[] = {
        { "version", "8.2", NULL },
        { "capitals", "Remi-82_x", NULL },
        { "16 bytes", "abcdefghijklmnop", NULL },
        { "17 bytes", "abcdefghijklmnopq", "longer than 16 bytes" },
        { "empty", "", "is empty" },
        { "dot first", ".8", "does not begin" },
        { "dash first", "-8", "does not begin" },
        { "slash", "8/2", "a character other than" },
        { "star", "8*", "a character other than" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        expect(table[i].title, fpmp_rule_master_name(table[i].input), table[i].why);
    }
}

static void an_extension_is_one_word_without_dot(void **state)
{
    static const rule_row_t table[] = {
        { "php", "php", NULL },
        { "capitals are another extension", "PHP", NULL },
        { "digit, dash, underscore", "php_8-x", NULL },
        { "16 bytes", "abcdefghijklmnop", NULL },
        { "17 bytes", "abcdefghijklmnopq", "longer than 16 bytes" },
        { "empty", "", "is empty" },
        { "with its dot", ".php", "begins with '.'" },
        { "two extensions", "php.en", "has a '.'" },
        { "blank makes two of it", "php phtml", "a character other than" },
        { "quote", "php\"", "a character other than" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        expect(table[i].title, fpmp_rule_extension(table[i].input), table[i].why);
    }
}

static void a_path_is_absolute_and_plain(void **state)
{
    static const rule_row_t table[] = {
        { "plain", "/run/php", NULL },
        { "every character", "/aZ09_./x+@%-", NULL },
        { "hidden", "/.ssh", NULL },
        { "dots in a name", "/a..b/...", NULL },
        { "empty", "", "is empty" },
        { "relative", "run/php", "does not begin with '/'" },
        { "root", "/", "is the root directory" },
        { "slash last", "/run/", "ends with '/'" },
        { "two slashes", "/run//php", "has '//'" },
        { "two slashes first", "//run", "has '//'" },
        { "dot", "/run/./php", "'.' or '..'" },
        { "dot last", "/run/.", "'.' or '..'" },
        { "dots", "/run/../php", "'.' or '..'" },
        { "dots last", "/run/..", "'.' or '..'" },
        { "blank", "/run/p p", "has a blank" },
        { "tab", "/run/p\tp", "has a tab" },
        { "line end", "/run/p\np", "has a line end" },
        { "dollar", "/run/$pool", "has '$'" },
        { "comma", "/run/a,b", "has ','" },
        { "quote", "/run/a\"b", "has '\"'" },
        { "single quote", "/run/a'b", "has a single quote" },
        { "UTF-8", "/run/\xc3\xa4", "the byte 0xc3" },
        { "star", "/run/*.conf", "has '*'" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        expect(table[i].title, fpmp_rule_path(pool, table[i].input), table[i].why);
    }
}

static void a_socket_path_has_at_most_107_bytes(void **state)
{
    char path[109];

    (void)state;
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[107] = '\0';
    expect("107 bytes", fpmp_rule_socket_path(pool, path), NULL);
    path[107] = 'a';
    path[108] = '\0';
    expect("108 bytes", fpmp_rule_socket_path(pool, path), "is 108 bytes");
}

static void a_socket_path_survives_a_reload(void **state)
{
    static const rule_row_t table[] = {
        { "plain", "/run/php/fpmpool-8.2-david.sock", NULL },
        { "comma", "/run/a,b.sock", "has ',', at which PHP-FPM cuts" },
        { "equals", "/run/a=b.sock", "has '=', at which PHP-FPM cuts" },
        { "colon", "/run/a:b.sock", "listens on TCP" },
        { "port", "9000", "does not begin with '/'" },
        { "two slashes", "/run//a.sock", "has '//'" },
        { "blank", "/run/a b.sock", "has a blank" },
        { "empty", "", "is empty" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        expect(table[i].title, fpmp_rule_socket_path(pool, table[i].input), table[i].why);
    }
}

static void a_value_means_itself_between_double_quotes(void **state)
{
    static const rule_row_t table[] = {
        { "empty", "", NULL },
        { "all harmless ASCII", " !#%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~", NULL },
        { "UTF-8", "Gr\xc3\xbc\xc3\x9f", NULL },
        { "0x80 and 0xff", "\x80\xff", NULL },
        { "double quote", "a\"b", "has '\"' at byte 2" },
        { "backslash", "a\\", "has '\\' at byte 2" },
        { "dollar", "$pool", "has '$' at byte 1" },
        { "environment", "a${HOME}", "has '$' at byte 2" },
        { "tab", "a\tb", "has a tab at byte 2" },
        { "line end", "ab\n", "has a line end at byte 3" },
        { "carriage return", "ab\r", "has the byte 0x0d at byte 3" },
        { "0x1f", "\x1f", "has the byte 0x1f" },
        { "0x7f", "\x7f", "has the byte 0x7f" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        expect(table[i].title, fpmp_rule_value(pool, table[i].input), table[i].why);
    }
}

#define SEEN(name, what, owner, bits) \
    { .path = name, .lookup = FPMP_LOOKUP_FOUND, .kind = what, .uid = owner, .mode = bits }
#define DIR(name, owner, bits) SEEN(name, FPMP_NODE_DIR, owner, bits)
#define ROOT_DIR DIR("/", 0, 0755)

static void a_path_info_has_no_control_character(void **state)
{
    static const rule_row_t table[] = {
        { "empty", "", NULL },
        { "plain", "/a/b", NULL },
        { "blank, the last before it", "/a b", NULL },
        { "0x1f", "/a\x1f", "control character 0x1f at byte 3" },
        { "0x01", "\x01/a", "control character 0x01 at byte 1" },
        { "newline at the end", "/a\n", "control character 0x0a at byte 3" },
        { "return", "/a\rb", "control character 0x0d" },
        { "tab", "/a\tb", "control character 0x09" },
        { "tilde, the last before it", "/a~", NULL },
        { "0x7f", "/a\x7f", "control character 0x7f at byte 3" },
        { "0x80", "/a\x80", NULL },
        { "UTF-8", "/m\xc3\xbc", NULL },
        { "what a pool file may not have", "/\"$\\", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        expect(table[i].title, fpmp_rule_path_info(pool, table[i].input), table[i].why);
    }
}

static void a_directory_is_as_safe_as_each_part_of_it(void **state)
{
    static const struct {
        const char *title;
        fpmp_node_t upper, last;
        uid_t euid;
        const char *why;
    } table[] = {
        { "all of root", ROOT_DIR, ROOT_DIR, 0, NULL },
        { "of ourselves", ROOT_DIR, DIR("/d", 33, 0755), 33, NULL },
        { "of somebody else", ROOT_DIR,
          DIR("/d", 33, 0755), 0,
          "'/d' belongs to uid 33 (mode 0755), wanted is uid 0" },
        { "somebody else's, seen by a user", ROOT_DIR,
          DIR("/d", 34, 0755), 33,
          "wanted is uid 0 or 33" },
        { "above it somebody else's",
          DIR("/u", 7, 0755), ROOT_DIR, 0,
          "'/u' belongs to uid 7" },
        { "group may write", ROOT_DIR,
          DIR("/d", 0, 0775), 0,
          "'/d' (uid 0) is mode 0775" },
        { "others may write", ROOT_DIR,
          DIR("/d", 0, 0702), 0, "mode 0702" },
        { "above it like /tmp", DIR("/t", 0, 01777), ROOT_DIR, 0, NULL },
        { "itself like /tmp", ROOT_DIR,
          DIR("/t", 0, 01777), 0, "mode 1777" },
        { "above it open without sticky bit",
          DIR("/t", 0, 0777), ROOT_DIR, 0,
          "mode 0777" },
        { "setgid is harmless", ROOT_DIR, DIR("/d", 0, 02755), 0, NULL },
        { "a link", ROOT_DIR,
          SEEN("/l", FPMP_NODE_LINK, 0, 0777), 0,
          "no directory but a symbolic link" },
        { "a file", ROOT_DIR,
          SEEN("/f", FPMP_NODE_FILE, 0, 0644), 0,
          "'/f' (uid 0, mode 0644) is no directory" },
        { "missing", ROOT_DIR, { .path = "/m", .lookup = FPMP_LOOKUP_MISSING }, 0,
          "'/m' does not exist" },
        { "not readable", ROOT_DIR,
          { .path = "/m", .lookup = FPMP_LOOKUP_FAILED, .why = "Permission denied" }, 0,
          "could not be looked at (Permission denied)" },
        { "not asked", ROOT_DIR, { .path = "/m" }, 0, "could not be looked at" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        apr_array_header_t *nodes = apr_array_make(pool, 2, sizeof(fpmp_node_t));

        APR_ARRAY_PUSH(nodes, fpmp_node_t) = table[i].upper;
        APR_ARRAY_PUSH(nodes, fpmp_node_t) = table[i].last;
        expect(table[i].title, fpmp_rule_safe_dir(pool, nodes, table[i].euid),
               table[i].why);
    }
}

static void a_directory_that_nobody_looked_at_is_not_safe(void **state)
{
    (void)state;
    expect("no nodes",
           fpmp_rule_safe_dir(pool, apr_array_make(pool, 1, sizeof(fpmp_node_t)), 0),
           "nobody looked");
}

#define FILE_OF(name, owner, bits) SEEN(name, FPMP_NODE_FILE, owner, bits)
#define LINK_OF(name, owner) SEEN(name, FPMP_NODE_LINK, owner, 0777)

static void a_way_is_the_users_own_as_far_as_it_is_asked(void **state)
{
    static const struct {
        const char *title;
        fpmp_node_t way[6]; /* no path: the end */
        const char *links, *all; /* the node that others may use; NULL: none */
    } table[] = {
        { "of root and of the user",
          { ROOT_DIR, DIR("/u", 7, 0755), FILE_OF("/u/f", 7, 0644) }, NULL, NULL },
        { "of somebody else's", { ROOT_DIR, DIR("/o", 8, 0755), FILE_OF("/o/f", 7, 0644) },
          "/o", "/o" },
        { "others may write", { ROOT_DIR, DIR("/u", 7, 0757), FILE_OF("/u/f", 7, 0644) },
          "/u", "/u" },
        { "a group may write", { ROOT_DIR, DIR("/u", 7, 0775), FILE_OF("/u/f", 7, 0644) },
          "/u", "/u" },
        { "in /tmp", { ROOT_DIR, DIR("/t", 0, 01777), FILE_OF("/t/f", 7, 0644) }, "/t", "/t" },
        { "below /tmp",
          { ROOT_DIR, DIR("/t", 0, 01777), DIR("/t/u", 7, 0755), FILE_OF("/t/u/f", 7, 0644) },
          NULL, NULL },
        { "above it others may write",
          { ROOT_DIR, DIR("/o", 0, 0777), DIR("/o/u", 7, 0755), FILE_OF("/o/u/f", 7, 0644) },
          NULL, "/o" },
        { "above it is somebody else's",
          { ROOT_DIR, DIR("/o", 8, 0755), DIR("/o/u", 7, 0755), FILE_OF("/o/u/f", 7, 0644) },
          NULL, "/o" },
        { "a link lies where others may write",
          { ROOT_DIR, DIR("/o", 7, 0777), LINK_OF("/o/l", 7), ROOT_DIR,
            FILE_OF("/f", 7, 0644) }, "/o", "/o" },
        { "a link in a safe place, whoever made it",
          { ROOT_DIR, DIR("/u", 7, 0755), LINK_OF("/u/l", 8), ROOT_DIR,
            FILE_OF("/f", 7, 0644) }, NULL, NULL },
        { "missing", { ROOT_DIR, { .path = "/m", .lookup = FPMP_LOOKUP_MISSING } }, "/m", "/m" },
        { "not seen", { ROOT_DIR, { .path = "/m", .lookup = FPMP_LOOKUP_FAILED } }, "/m", "/m" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        apr_array_header_t *way = apr_array_make(pool, 6, sizeof(fpmp_node_t));

        for (int k = 0; k < 6 && table[i].way[k].path; k++) {
            APR_ARRAY_PUSH(way, fpmp_node_t) = table[i].way[k];
        }
        for (int all = 0; all < 2; all++) {
            const fpmp_node_t *node = fpmp_rule_own_way(way, 7, all);

            expect(table[i].title, node ? node->path : NULL,
                   all ? table[i].all : table[i].links);
        }
    }
}

static void a_file_is_as_safe_as_it_and_each_part_of_the_way(void **state)
{
    static const struct {
        const char *title;
        fpmp_node_t upper, last;
        uid_t euid;
        const char *why;
    } table[] = {
        { "all of root", ROOT_DIR, FILE_OF("/f", 0, 0755), 0, NULL },
        { "of ourselves", ROOT_DIR, FILE_OF("/f", 33, 0755), 33, NULL },
        { "of somebody else", ROOT_DIR, FILE_OF("/f", 7, 0755), 0, "'/f' belongs to uid 7" },
        { "in a directory of somebody else's", DIR("/u", 7, 0755), FILE_OF("/u/f", 0, 0755), 0,
          "'/u' belongs to uid 7" },
        { "group may write", ROOT_DIR, FILE_OF("/f", 0, 0664), 0, "'/f' (uid 0) is mode 0664" },
        { "others may, sticky or not", ROOT_DIR, FILE_OF("/f", 0, 01646), 0, "mode 1646" },
        { "below /tmp", DIR("/t", 0, 01777), FILE_OF("/t/f", 0, 0644), 0, NULL },
        { "a directory", ROOT_DIR, DIR("/d", 0, 0755), 0, "'/d' (uid 0, mode 0755) is no "
                                                          "regular file" },
        { "missing", ROOT_DIR, { .path = "/m", .lookup = FPMP_LOOKUP_MISSING }, 0, NULL },
        { "not readable", ROOT_DIR, { .path = "/m", .lookup = FPMP_LOOKUP_FAILED }, 0, NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        apr_array_header_t *nodes = apr_array_make(pool, 2, sizeof(fpmp_node_t));

        APR_ARRAY_PUSH(nodes, fpmp_node_t) = table[i].upper;
        APR_ARRAY_PUSH(nodes, fpmp_node_t) = table[i].last;
        expect(table[i].title, fpmp_rule_safe_file(pool, nodes, table[i].euid),
               table[i].why);
    }
    expect("nobody looked", fpmp_rule_safe_file(pool, NULL, 0), NULL);
}

static apr_array_header_t *list_of(const char *words)
{
    apr_array_header_t *list;
    char *rest, *word;

    if (!words) {
        return NULL;
    }
    list = apr_array_make(pool, 4, sizeof(const char *));
    word = apr_strtok(apr_pstrdup(pool, words), ",", &rest);
    for (; word; word = apr_strtok(NULL, ",", &rest)) {
        APR_ARRAY_PUSH(list, const char *) = word;
    }
    return list;
}

static void a_php_file_is_run_or_refused_never_left_over(void **state)
{
    static const struct {
        const char *title, *name, *ext;
        fpmp_claim_e claim;
    } table[] = {
        { "a script", "/srv/a/index.php", "php", FPMP_CLAIM_RUN },
        { "without directory", "index.php", "php", FPMP_CLAIM_RUN },
        { "one character", "/srv/x.php", "php", FPMP_CLAIM_RUN },
        { "second in the list", "x.phtml", "php,phtml", FPMP_CLAIM_RUN },
        { "an extension of the site's own", "x.inc", "php,inc", FPMP_CLAIM_RUN },
        { "no PHP file", "/srv/logo.png", "php", FPMP_CLAIM_NONE },
        { "begins like one", "photo.pn", "php", FPMP_CLAIM_NONE },
        { "inc is nobody's", "x.inc", "php", FPMP_CLAIM_NONE },
        { "no extension", "/srv/README", "php", FPMP_CLAIM_NONE },
        { "dot in the directory only", "/srv/x.php/README", "php", FPMP_CLAIM_NONE },
        { "a directory's name", "/srv/x.php/", "php", FPMP_CLAIM_NONE },
        { "the last extension counts", "x.php.txt", "php", FPMP_CLAIM_NONE },
        { "and it is run", "x.txt.php", "php", FPMP_CLAIM_RUN },
        { "longer word", "x.phpx", "php", FPMP_CLAIM_NONE },
        { "shorter word", "x.ph", "php", FPMP_CLAIM_NONE },
        { "empty name", "", "php", FPMP_CLAIM_NONE },
        { "dots only", "..", "php", FPMP_CLAIM_NONE },
        { "the word itself", "php", "php", FPMP_CLAIM_NONE },
        { "known, not in ext", "x.phtml", "php", FPMP_CLAIM_REFUSE },
        { "source display", "x.phps", "php", FPMP_CLAIM_REFUSE },
        { "archive", "x.phar", "php", FPMP_CLAIM_REFUSE },
        { "pht", "x.pht", "php", FPMP_CLAIM_REFUSE },
        { "oldest number", "x.php3", "php", FPMP_CLAIM_REFUSE },
        { "newest number", "x.php8", "php", FPMP_CLAIM_REFUSE },
        { "number before the oldest", "x.php2", "php", FPMP_CLAIM_NONE },
        { "number after the newest", "x.php9", "php", FPMP_CLAIM_NONE },
        { "capitals", "x.PHP", "php", FPMP_CLAIM_REFUSE },
        { "mixed", "x.pHp", "php", FPMP_CLAIM_REFUSE },
        { "capitals that are wanted", "x.PHP", "php,PHP", FPMP_CLAIM_RUN },
        { "own extension in capitals", "x.INC", "inc", FPMP_CLAIM_REFUSE },
        { "nothing before the dot", "/srv/.php", "php", FPMP_CLAIM_REFUSE },
        { "nothing before the dot, capitals", ".PHP", "php", FPMP_CLAIM_REFUSE },
        { "nothing before the dot, own extension", ".inc", "inc", FPMP_CLAIM_REFUSE },
        { "hidden script", ".x.php", "php", FPMP_CLAIM_RUN },
        { "trailing dot", "x.php.", "php", FPMP_CLAIM_REFUSE },
        { "trailing dots", "x.php...", "php", FPMP_CLAIM_REFUSE },
        { "trailing blank", "x.php ", "php", FPMP_CLAIM_REFUSE },
        { "trailing line end", "x.php\n", "php", FPMP_CLAIM_REFUSE },
        { "trailing mix", "x.PHP . .", "php", FPMP_CLAIM_REFUSE },
        { "trailing dot, own extension", "x.inc.", "inc", FPMP_CLAIM_REFUSE },
        { "trailing dot, no PHP file", "x.png.", "php", FPMP_CLAIM_NONE },
        { "blank before the extension", "x. php", "php", FPMP_CLAIM_NONE },
        { "off: a script", "x.php", NULL, FPMP_CLAIM_REFUSE },
        { "off: capitals", "x.Phtml", NULL, FPMP_CLAIM_REFUSE },
        { "off: no PHP file", "x.html", NULL, FPMP_CLAIM_NONE },
        { "off: no name", "", NULL, FPMP_CLAIM_NONE },
        { "html as PHP takes no .php away", "x.php", "html", FPMP_CLAIM_REFUSE },
        { "html as PHP", "x.html", "html", FPMP_CLAIM_RUN },
        { "an empty list", "x.php", "", FPMP_CLAIM_REFUSE },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_claim_e claim = fpmp_rule_claim(table[i].name, list_of(table[i].ext));

        if (claim != table[i].claim) {
            fail_msg("%s: '%s' is %d, wanted %d", table[i].title, table[i].name, (int)claim,
                     (int)table[i].claim);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_name_is_a_section_a_file_and_a_socket),
        cmocka_unit_test(a_group_name_has_the_alphabet_of_a_user),
        cmocka_unit_test(a_master_name_is_part_of_a_socket),
        cmocka_unit_test(an_extension_is_one_word_without_dot),
        cmocka_unit_test(a_path_is_absolute_and_plain),
        cmocka_unit_test(a_socket_path_has_at_most_107_bytes),
        cmocka_unit_test(a_socket_path_survives_a_reload),
        cmocka_unit_test(a_value_means_itself_between_double_quotes),
        cmocka_unit_test(a_path_info_has_no_control_character),
        cmocka_unit_test(a_directory_is_as_safe_as_each_part_of_it),
        cmocka_unit_test(a_directory_that_nobody_looked_at_is_not_safe),
        cmocka_unit_test(a_way_is_the_users_own_as_far_as_it_is_asked),
        cmocka_unit_test(a_file_is_as_safe_as_it_and_each_part_of_the_way),
        cmocka_unit_test(a_php_file_is_run_or_refused_never_left_over),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
