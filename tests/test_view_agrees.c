/* SPDX-License-Identifier: Apache-2.0
 *
 * Our reading of PHP-FPM's files beside PHP-FPM's own (php-fpm -n -tt): sets of files in a
 * scratch directory are read by both, and both must end with the same pools and values.
 * What we do not understand must be said and nothing be made of it. Runs as root, with
 * users that every Debian has.
 */
/* links: core host */
#include "../host/host.h"
#include "scratch.h"

#include <apr_file_info.h>
#include <ctype.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

typedef struct {
    apr_pool_t *p;
    char *dir;
    fpmp_master_t master; /* its main file is DIR/main.conf */
    int faults;
} bench_t;

/* Said, and the next set is tried: what differs is best seen side by side. */
#define FAULT(bench, ...) (print_error(__VA_ARGS__), print_error("\n"), (bench)->faults++)

static int set_up(void **state)
{
    bench_t *bench = calloc(1, sizeof(*bench));
    apr_array_header_t *found;

    apr_pool_create(&bench->p, NULL);
    *state = bench;
    found = fpmp_masters_find(bench->p, "");
    for (int i = 0; !bench->master.binary_path && i < found->nelts; i++) {
        bench->master.binary_path = APR_ARRAY_IDX(found, i, fpmp_master_t *)->binary_path;
    }
    if (!bench->master.binary_path) {
        print_error("no php-fpm is found on this machine; install php-fpm\n");
        return 1;
    }
    bench->master.name = "tt";
    return 0;
}

static int tear_down(void **state)
{
    bench_t *bench = *state;

    apr_pool_destroy(bench->p);
    free(bench);
    return 0;
}

/* ---- the files --------------------------------------------------------------------- */

static const char *with_dir(bench_t *bench, const char *text)
{
    const char *done = "", *at;

    while ((at = strstr(text, "@DIR@")) != NULL) {
        done = apr_pstrcat(bench->p, done, apr_pstrmemdup(bench->p, text, at - text),
                           bench->dir, NULL);
        text = at + strlen("@DIR@");
    }
    return apr_pstrcat(bench->p, done, text, NULL);
}

/* "a.conf": a pool file. "/a.inc": a file beside the main file. "a.conf/": a directory. */
static void put_named(bench_t *bench, const char *name, const char *text)
{
    const char *path =
        apr_pstrcat(bench->p, bench->dir, *name == '/' ? "" : "/pool.d/", name, NULL);

    if (name[strlen(name) - 1] == '/') {
        assert_int_equal(mkdir(path, 0755), 0);
        return;
    }
    put_text(path, with_dir(bench, text));
}

static void open_dir(bench_t *bench)
{
    bench->dir = scratch_make(bench->p);
    assert_int_equal(mkdir(in(bench->p, bench->dir, "pool.d"), 0755), 0);
    bench->master.config_path = in(bench->p, bench->dir, "main.conf");
}

/* What the real one says; exit status 0 or 78. */
static int ask_fpm(bench_t *bench, const char **said)
{
    char *argv[] = { (char *)bench->master.binary_path, "-n", "-tt", "-F", "-O", "-y",
                     (char *)bench->master.config_path, NULL };
    char *out = in(bench->p, bench->dir, "said");
    int status = run_program(argv, out);

    *said = get_text(bench->p, out);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---- both readings as text ---------------------------------------------------------- */

#define UNSET "undefined"

/* Keys whose values must be the same, and what PHP-FPM prints where nothing sets them. */
static const struct {
    const char *name, *unset;
    int of_use; /* 1: fpmp_view_parse_print takes it over */
} keys[] = {
    { "user", UNSET, 1 },
    { "group", UNSET, 1 },
    { "listen", UNSET, 1 },
    { "listen.owner", UNSET, 1 },
    { "listen.group", UNSET, 1 },
    { "listen.mode", UNSET, 1 },
    { "listen.acl_users", UNSET, 1 },
    { "prefix", UNSET, 1 },
    { "chroot", UNSET, 1 },
    { "chdir", UNSET, 1 },
    { "pm", UNSET, 1 },
    { "pm.max_children", "0", 1 },
    { "pm.max_spare_servers", "0", 1 },
    { "security.limit_extensions", ".php .phar", 0 },
};

static const char *const arrays[] = { "env[", "php_admin_value[" };

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "[a]\nuser = nobody\n...", arrays last and sorted. values: "user", "env[A]" -> value. */
static const char *pool_row(apr_pool_t *p, const char *name, apr_hash_t *values, int all)
{
    apr_array_header_t *rest = apr_array_make(p, 8, sizeof(const char *));
    const char *row = apr_psprintf(p, "[%s]\n", name);

    for (size_t i = 0; i < COUNT(keys); i++) {
        const char *value = apr_hash_get(values, keys[i].name, APR_HASH_KEY_STRING);

        if (all || keys[i].of_use) {
            row = apr_pstrcat(p, row, keys[i].name, " = ", value ? value : keys[i].unset,
                              "\n", NULL);
        }
    }
    for (apr_hash_index_t *at = apr_hash_first(p, values); at; at = apr_hash_next(at)) {
        const char *key = apr_hash_this_key(at);

        for (size_t i = 0; all && i < COUNT(arrays); i++) {
            if (strncmp(key, arrays[i], strlen(arrays[i])) == 0) {
                APR_ARRAY_PUSH(rest, const char *) =
                    apr_pstrcat(p, key, " = ", (char *)apr_hash_this_val(at), "\n", NULL);
            }
        }
    }
    qsort(rest->elts, (size_t)rest->nelts, sizeof(const char *), compare_texts);
    return apr_pstrcat(p, row, apr_array_pstrcat(p, rest, 0), NULL);
}

static const char *in_lower(apr_pool_t *p, const char *text)
{
    return fpmp_lower(p, text);
}

/* all 0: only what fpmp_view_parse_print takes over. */
static const char *pools_text(apr_pool_t *p, const apr_array_header_t *pools, int all)
{
    const char *text = "";

    for (int i = 0; i < pools->nelts; i++) {
        const fpmp_pool_t *pool = APR_ARRAY_IDX(pools, i, const fpmp_pool_t *);
        apr_hash_t *values = apr_hash_make(p);

        for (int k = 0; k < pool->keys->nelts; k++) {
            const fpmp_key_t *key = &APR_ARRAY_IDX(pool->keys, k, fpmp_key_t);
            const char *name = key->subkey
                                   ? apr_psprintf(p, "%s[%s]", key->name, key->subkey)
                                   : in_lower(p, key->name);

            apr_hash_set(values, name, APR_HASH_KEY_STRING,
                         strcmp(name, "pm") == 0 ? in_lower(p, key->value) : key->value);
        }
        if (strcmp(pool->name, "global") != 0) {
            text = apr_pstrcat(p, text, pool_row(p, pool->name, values, all), NULL);
        }
    }
    return text;
}

/* Pools that are hidden to us are added behind the others, so the order is no matter here.
 */
static const char *pools_by_name(apr_pool_t *p, const char *text)
{
    apr_array_header_t *rows = apr_array_make(p, 8, sizeof(const char *));

    for (const char *next; *text; text = next) {
        next = strstr(text, "\n[");
        next = next ? next + 1 : text + strlen(text);
        APR_ARRAY_PUSH(rows, const char *) = apr_pstrmemdup(p, text, next - text);
    }
    qsort(rows->elts, (size_t)rows->nelts, sizeof(const char *), compare_texts);
    return apr_array_pstrcat(p, rows, 0);
}

/* The same from php-fpm -tt. It prints arrays last one first, and the first one counts. */
static const char *said_text(apr_pool_t *p, const char *said, int all)
{
    static const char mark[] = "NOTICE: ";
    apr_hash_t *values = apr_hash_make(p);
    const char *text = "", *name = NULL;
    char *rest = apr_pstrdup(p, said), *line;

    while ((line = apr_strtok(rest, "\n", &rest)) != NULL) {
        char *at = strstr(line, mark), *equals;

        at = at ? at + strlen(mark) : line;
        equals = strstr(at, " = ");
        if (*at == '[' && at[strlen(at) - 1] == ']') {
            at[strlen(at) - 1] = '\0';
            name = at + 1;
            apr_hash_clear(values);
        }
        else if (*at == '\t' && equals) {
            *equals = '\0';
            apr_hash_set(values, at + 1, APR_HASH_KEY_STRING, equals + 3);
        }
        else if (strcmp(at, " ") == 0 && name) {
            if (strcmp(name, "global") != 0) {
                text = apr_pstrcat(p, text, pool_row(p, name, values, all), NULL);
            }
            name = NULL;
        }
    }
    return text;
}

/* "a.conf:3 b.conf:1", without the directory. */
static const char *opaque_text(bench_t *bench, const fpmp_view_t *view)
{
    const char *text = "";

    for (int i = 0; i < view->opaque->nelts; i++) {
        const fpmp_opaque_t *opaque = &APR_ARRAY_IDX(view->opaque, i, fpmp_opaque_t);

        assert_true(opaque->why && *opaque->why);
        text = apr_psprintf(bench->p, "%s%s%s:%d", text, i ? " " : "",
                            strrchr(opaque->file, '/') + 1, opaque->line);
    }
    return text;
}

/* No key comes from a line that was not understood, or from one behind it. */
static void hold_nothing_claimed(bench_t *bench, const char *title, const fpmp_view_t *view)
{
    for (int i = 0; i < view->pools->nelts; i++) {
        const fpmp_pool_t *pool = APR_ARRAY_IDX(view->pools, i, const fpmp_pool_t *);

        for (int k = 0; k < pool->keys->nelts; k++) {
            const fpmp_key_t *key = &APR_ARRAY_IDX(pool->keys, k, fpmp_key_t);

            for (int m = 0; m < view->opaque->nelts; m++) {
                const fpmp_opaque_t *opaque =
                    &APR_ARRAY_IDX(view->opaque, m, fpmp_opaque_t);

                if (!strstr(opaque->why, "left open") &&
                    strcmp(key->file, opaque->file) == 0 && key->line >= opaque->line) {
                    FAULT(bench,
                          "%s: [%s] has %s = '%s' from %s:%d, which is opaque from line %d "
                          "on",
                          title, pool->name, key->name, key->value, key->file, key->line,
                          opaque->line);
                }
            }
        }
    }
}

static void expect_text(bench_t *bench, const char *title, const char *got,
                        const char *want)
{
    if (strcmp(got, want) != 0) {
        FAULT(bench, "%s:\n we read\n%s\nPHP-FPM reads\n%s", title, got, want);
    }
}

/* ---- the sets ------------------------------------------------------------------------ */

#define KEYS "user = nobody\nlisten = @DIR@/$pool.sock\npm = static\npm.max_children = 2\n"
#define POOL(name) "[" name "]\n" KEYS
/* The copies are taken all the same; FPMP0422 says that. */
#define NO_DIRECTORY "Unable to globalize"
#define ALL "include=@DIR@/pool.d/*.conf\n"

static const struct {
    const char *title;
    const char *main; /* behind [global] and its error_log; NULL: ALL */
    struct {
        const char *name, *text;
    } files[5];
    const char *refused; /* part of PHP-FPM's complaint; NULL: it takes the files */
    const char *opaque;  /* what we do not understand; NULL: nothing */
} sets[] = {
    { "one pool", NULL, { { "a.conf", POOL("a") } }, NULL, NULL },
    { "pools in the main file",
      POOL("m") "group = daemon\n" ALL POOL("n"),
      { { "a.conf", POOL("a") } },
      NULL,
      NULL },
    { "several pools in one file",
      NULL,
      { { "a.conf", POOL("a") POOL("b") } },
      NULL,
      NULL },
    { "no pool at all", NULL, { { "a.conf", "; nothing\n" } }, "No pool defined", NULL },
    /* sections */
    { "a section in capitals adds to the first",
      NULL,
      { { "a.conf", POOL("a") }, { "b.conf", "[A]\nuser = daemon\n" POOL("c") } },
      NULL,
      NULL },
    { "the name is the first one written",
      NULL,
      { { "a.conf", POOL("WwW") }, { "b.conf", "[www]\nlisten = @DIR@/x-$pool\n" } },
      NULL,
      NULL },
    { "a section twice in one file",
      NULL,
      { { "a.conf", POOL("a") POOL("b") "[a]\ngroup = daemon\n" } },
      NULL,
      NULL },
    { "blanks belong to the name",
      NULL,
      { { "a.conf", "[ a ]\n" KEYS "[a]\n" KEYS "[a b]\n" KEYS } },
      NULL,
      NULL },
    { "a comment behind the section",
      NULL,
      { { "a.conf", "[a] ; [b]\n" KEYS "[c]\t\n" KEYS } },
      NULL,
      NULL },
    { "an indented section",
      NULL,
      { { "a.conf", POOL("a") " [b]\n" KEYS } },
      "syntax error",
      "a.conf:6" },
    { "a statement behind the section",
      NULL,
      { { "a.conf", "[a] user = daemon\n" KEYS }, { "b.conf", POOL("b") } },
      NULL,
      "a.conf:1" },
    { "magic words are no magic as names",
      NULL,
      { { "a.conf", POOL("no") POOL("E_ALL") POOL("null") } },
      NULL,
      NULL },
    /* values that are given twice */
    { "of a scalar the last counts",
      NULL,
      { { "a.conf", POOL("a") "user = daemon\nUSER = root\nlisten.mode = 0600\n"
                              "Listen.Mode = 0660\n" } },
      NULL,
      NULL },
    { "of an array the first counts",
      NULL,
      { { "a.conf", POOL("a") "env[A] = 1\nenv[B] = 2\nenv[A] = 3\n"
                              "php_admin_value[memory_limit] = 64M\n"
                              "php_admin_value[memory_limit] = 32M\n" },
        { "b.conf", "[A]\nenv[A] = 4\nphp_admin_value[memory_limit] = 8M\nenv[C] = 5\n" } },
      NULL,
      NULL },
    { "arrays differ by case",
      NULL,
      { { "a.conf", POOL("a") "env[x] = 1\nenv[X] = 2\n" } },
      NULL,
      NULL },
    { "an array in capitals",
      NULL,
      { { "a.conf", POOL("a") "ENV[x] = 1\n" } },
      "unknown directive 'ENV'",
      NULL },
    { "an empty subkey",
      NULL,
      { { "a.conf", POOL("a") "access.suppress_path[] = /x\n"
                              "access.suppress_path[] = /y\nuser = daemon\n" } },
      NULL,
      NULL },
    /* the section that a file leaves open */
    { "a file without section adds to the one before",
      NULL,
      { { "a.conf", POOL("a") },
        { "b.conf", "user = daemon\nenv[A] = 1\n" },
        { "c.conf", POOL("c") } },
      NULL,
      NULL },
    { "a file without section, first of all",
      NULL,
      { { "a.conf", "user = daemon\n" }, { "b.conf", POOL("b") } },
      "unknown entry 'user'",
      NULL },
    { "[global] in a pool file",
      NULL,
      { { "a.conf", POOL("a") },
        { "b.conf", "[global]\nprocess_control_timeout = 5s\n" },
        { "c.conf", POOL("c") } },
      NULL,
      NULL },
    { "[Global] in a pool file, and a file without section after it",
      NULL,
      { { "a.conf", POOL("a") },
        { "b.conf", "[Global]\nprocess_control_timeout = 5s\n" },
        { "c.conf", "process.max = 7\n" } },
      NULL,
      NULL },
    { "[global] in a pool file, and a key of pools after it",
      NULL,
      { { "a.conf", POOL("a") },
        { "b.conf", "[global]\nprocess_control_timeout = 5s\n" },
        { "c.conf", "user = daemon\n" } },
      "unknown entry 'user'",
      NULL },
    { "a key after the include falls into the last pool",
      ALL "user = daemon\n",
      { { "a.conf", POOL("a") }, { "b.conf", POOL("b") } },
      NULL,
      NULL },
    { "a global key after the include",
      ALL "process_control_timeout = 5s\n",
      { { "a.conf", POOL("a") } },
      "unknown entry 'process_control_timeout'",
      NULL },
    /* includes */
    { "an include within a section",
      NULL,
      { { "a.conf", "[a]\ninclude = @DIR@/common.inc\nuser = daemon\n" },
        { "b.conf", "[b]\ninclude = \"@DIR@/common.inc\" ; again\n" },
        { "/common.inc", KEYS } },
      NULL,
      NULL },
    { "an included file opens another section",
      NULL,
      { { "a.conf", "[a]\ninclude = @DIR@/b.inc\nuser = daemon\n" },
        { "b.conf", POOL("a") },
        { "/b.inc", POOL("b") } },
      NULL,
      NULL },
    { "a file that is included twice is read twice",
      ALL "include=@DIR@/pool.d/a.conf\nuser = root\n",
      { { "a.conf", POOL("a") },
        { "b.conf", "[a]\nuser = daemon\nlisten.mode = 0600\n" },
        { "c.conf", POOL("c") } },
      NULL,
      NULL },
    { "the fourth level of includes",
      NULL,
      { { "a.conf", POOL("a") "include = @DIR@/2.inc\n" },
        { "/2.inc", "include = @DIR@/3.inc\n" },
        { "/3.inc", "include = @DIR@/4.inc\n" },
        { "/4.inc", "user = daemon\n" } },
      NULL,
      NULL },
    { "the fifth level of includes",
      NULL,
      { { "a.conf", POOL("a") "include = @DIR@/2.inc\n" },
        { "/2.inc", "include = @DIR@/3.inc\n" },
        { "/3.inc", "include = @DIR@/4.inc\n" },
        { "/4.inc", "include = @DIR@/5.inc\n" },
        { "/5.inc", "user = daemon\n" } },
      "more than 5 files",
      NULL },
    { "a file that includes itself",
      NULL,
      { { "a.conf", POOL("a") "include = @DIR@/pool.d/a.conf\n" } },
      "more than 5 files",
      NULL },
    { "a pattern that matches nothing",
      ALL "include=@DIR@/none*.conf\n",
      { { "a.conf", POOL("a") } },
      NULL,
      NULL },
    { "a directory that is not there",
      ALL "include=@DIR@/gone/*.conf\n",
      { { "a.conf", POOL("a") } },
      NO_DIRECTORY,
      NULL },
    { "include in capitals",
      NULL,
      { { "a.conf", POOL("a") "INCLUDE = @DIR@/b.inc\n" }, { "/b.inc", POOL("b") } },
      "unknown entry 'INCLUDE'",
      NULL },
    { "files are read in the order of their bytes",
      NULL,
      { { "b.conf", "user = daemon\n" },
        { "B.conf", POOL("big") },
        { "_a.conf", POOL("bar") },
        { "10.conf", POOL("ten") },
        { "9.conf", "user = root\n" } },
      NULL,
      NULL },
    { "files that the pattern leaves out",
      NULL,
      { { "a.conf", POOL("a") },
        { ".b.conf", "[a]\nuser = daemon\n" },
        { "c.conf.bak", "[a]\nuser = root\n" },
        { "d.conf~", "nonsense\n" },
        { "e.conf/", NULL } },
      NULL,
      NULL },
    { "a blank in the name of a file",
      NULL,
      { { "a.conf", POOL("a") }, { "b copy.conf", "user = daemon\n" } },
      NULL,
      NULL },
    /* lines */
    { "lines end with CR LF",
      NULL,
      { { "a.conf", "[a]\r\nuser = nobody\r\nlisten = \"@DIR@/a.sock\"\r\n"
                    "group = ; none\r\npm = static\r\npm.max_children = 2\r\n\r\n"
                    "env[A] = x\r\n" } },
      NULL,
      NULL },
    { "a BOM at the beginning, and at that of another line",
      NULL,
      { { "a.conf", "\xef\xbb\xbf" POOL("a") "\xef\xbb\xbfuser = daemon\n" } },
      NULL,
      NULL },
    { "no LF at the end",
      NULL,
      { { "a.conf", POOL("a") "user = daemon" }, { "b.conf", "group = root" } },
      NULL,
      NULL },
    { "blanks, tabs and comments around everything",
      NULL,
      { { "a.conf", ";[x]\n\t ; y\n \n[a]\n \tuser\t =\t daemon \t; root\nlisten="
                    "@DIR@/a.sock;x\npm=static;\n  pm.max_children  =2\nenv[A]=x \t\n" } },
      NULL,
      NULL },
    { "a comment with #",
      NULL,
      { { "a.conf", POOL("a") "# user\nuser = daemon\n" } },
      "value is NULL",
      "a.conf:6" },
    { "a key alone", NULL, { { "a.conf", POOL("a") "clear_env\n" } }, "NULL", "a.conf:6" },
    { "a key that PHP-FPM does not know",
      NULL,
      { { "a.conf", POOL("a") "users = daemon\n" } },
      "unknown entry 'users'",
      NULL },
    { "a carriage return inside a line",
      NULL,
      { { "a.conf", POOL("a") "user = daemon\rgroup = root\n" }, { "b.conf", POOL("b") } },
      NULL,
      "a.conf:6" },
    /* values */
    { "keys in capitals",
      NULL,
      { { "a.conf", "[a]\nUSER = nobody\nListen = @DIR@/a\nPM = Static\n"
                    "PM.Max_Children = 3\n" } },
      NULL,
      NULL },
    { "empty values",
      NULL,
      { { "a.conf", POOL("a") "user =\ngroup = \"\"\nlisten.owner =  ; x\n"
                              "security.limit_extensions =\nphp_admin_value[x] =\n" } },
      NULL,
      NULL },
    { "an empty env", NULL, { { "a.conf", POOL("a") "env[A] =\n" } }, "empty value", NULL },
    { "an env that is empty by magic",
      NULL,
      { { "a.conf", POOL("a") "env[A] = none\n" } },
      "empty value",
      NULL },
    { "inner blanks",
      NULL,
      { { "a.conf", POOL("a") "security.limit_extensions = .php  .phtml .x \n"
                              "env[A] =  one  two   ; three\n" } },
      NULL,
      NULL },
    { "quotes",
      NULL,
      { { "a.conf", POOL("a") "user = \"daemon\" ; x\ngroup='root'\n"
                              "env[A] = \" a ; b = 'c' # (d) & !\"\n"
                              "env[B] = ' a ; b = \"c\" \\ $x & '\n"
                              "php_admin_value[x] = \"\"\n" } },
      NULL,
      NULL },
    { "escapes within double quotes",
      NULL,
      { { "a.conf",
          POOL("a") "env[A] = \"a\\\"b\\\\c\\$d$e\"\nenv[B] = \"\\$pool x\"\n" } },
      NULL,
      NULL },
    { "a backslash that is none of these",
      NULL,
      { { "a.conf", POOL("a") "env[A] = \"a\\nb\"\n" }, { "b.conf", POOL("b") } },
      NULL,
      "a.conf:6" },
    { "two strings side by side",
      NULL,
      { { "a.conf", POOL("a") "env[A] = 'a'\"b\"\nuser = daemon\n" } },
      NULL,
      "a.conf:6" },
    { "quotes that are not closed",
      NULL,
      { { "a.conf", POOL("a") "env[A] = \"a\n" } },
      "syntax error",
      "a.conf:6" },
    { "single quotes with nothing in them",
      NULL,
      { { "a.conf", POOL("a") "group = ''\n" } },
      "value is NULL",
      "a.conf:6" },
    { "magic words",
      NULL,
      { { "a.conf", POOL("a") "user = none\ngroup = No\nchdir = null\n"
                              "env[A] = yes\nenv[B] = TRUE\nenv[C] = On\n"
                              "php_admin_value[a] = off\nphp_admin_value[b] = False\n"
                              "php_admin_value[c] = \"no\"\nenv[D] = none.sock\n"
                              "env[E] = 'yes'\nenv[F] = nothing\n" } },
      NULL,
      NULL },
    { "a magic word that names the user, in quotes",
      NULL,
      { { "a.conf", POOL("a") "user = \"none\"\n" } },
      "cannot get uid for user 'none'",
      NULL },
    { "a magic word beside another",
      NULL,
      { { "a.conf", POOL("a") "php_admin_value[x] = no way\n" } },
      "syntax error",
      "a.conf:6" },
    { "a constant of PHP",
      NULL,
      { { "a.conf", POOL("a") "php_admin_value[error_reporting] = E_ALL\nuser = daemon\n" },
        { "b.conf", POOL("b") } },
      NULL,
      "a.conf:6" },
    { "words in capitals that are none",
      NULL,
      { { "a.conf", POOL("a") "php_admin_value[date.timezone] = UTC\nenv[A] = \"E_ALL\"\n"
                              "php_admin_value[memory_limit] = 64M\n" } },
      NULL,
      NULL },
    { "an ampersand",
      NULL,
      { { "a.conf", POOL("a") "env[A] = a&b\nuser = daemon\n" },
        { "b.conf", "pm = static" } },
      NULL,
      "a.conf:6 b.conf:1" },
    { "$pool",
      NULL,
      { { "a.conf", "[Site]\nuser = nobody\nlisten = @DIR@/$pool-$pool.sock\npm = static\n"
                    "pm.max_children = 2\nenv[A] = \"$pool\"\nenv[B] = x$poolx\n"
                    "chdir = /\ngroup = 'daemon'\nphp_admin_value[x] = $pools\n" } },
      NULL,
      NULL },
    { "$pool in the global section",
      "pid = @DIR@/$pool.pid\n" ALL,
      { { "a.conf", POOL("a") } },
      "$pool",
      NULL },
    { "an environment variable",
      NULL,
      { { "a.conf", POOL("a") "user = ${FPMT_NO_SUCH}daemon\ngroup = root\n" },
        { "b.conf", POOL("b") } },
      NULL,
      "a.conf:6" },
    { "an environment variable opens the way for a file without section",
      NULL,
      { { "a.conf", POOL("a") "[${FPMT_NO_SUCH}b]\n" KEYS },
        { "b.conf", "user = daemon\n[c]\n" KEYS } },
      NULL,
      "a.conf:6 b.conf:1" },
    { "the main file is opaque from a line on",
      "syslog.ident = ${FPMT_NO_SUCH}x\n" ALL,
      { { "a.conf", POOL("a") } },
      NULL,
      "main.conf:3" },
    /* what names a file that PHP-FPM would open */
    { "logs",
      "pid = @DIR@/fpm.pid ; x\n" ALL,
      { { "a.conf", POOL("a") "access.log = @DIR@/a.log\nslowlog = \"@DIR@/slow.log\"\n"
                              "request_slowlog_timeout = 5s\n" } },
      NULL,
      NULL },
    { "a slow log that is empty by magic",
      NULL,
      { { "a.conf", POOL("a") "slowlog = none\nrequest_slowlog_timeout = 5s\n" } },
      "'slowlog' must be specified",
      NULL },
    { "a pid file in a pool",
      NULL,
      { { "a.conf", POOL("a") "pid = @DIR@/fpm.pid\n" } },
      "unknown entry 'pid'",
      NULL },
    { "a level of the log that may be a constant",
      "log_level = NOTICE\n" ALL,
      { { "a.conf", POOL("a") } },
      NULL,
      "main.conf:3" },
    { "a time for the slow log that we do not understand",
      NULL,
      { { "a.conf", POOL("a") "request_slowlog_timeout = ${FPMT_NO_SUCH}0\n" } },
      NULL,
      "a.conf:6" },
    /* what only all files together show */
    { "a socket twice",
      NULL,
      { { "a.conf", POOL("a") }, { "b.conf", POOL("b") "listen = @DIR@/a.sock\n" } },
      "already used in another pool",
      NULL },
    { "root", NULL, { { "a.conf", POOL("a") "user = root\n" } }, NULL, NULL },
    { "a user that is not there",
      NULL,
      { { "a.conf", POOL("a") "user = fpmt_ghost\n" } },
      "cannot get uid for user 'fpmt_ghost'",
      NULL },
    { "no user",
      NULL,
      { { "a.conf", "[a]\nlisten = @DIR@/a\npm = static\npm.max_children = 1\n" } },
      "user has not been defined",
      NULL },
};

static void put_set(bench_t *bench, size_t i)
{
    open_dir(bench);
    put_text(bench->master.config_path,
             with_dir(bench, apr_pstrcat(bench->p, "[global]\nerror_log = /dev/null\n",
                                         sets[i].main ? sets[i].main : ALL, NULL)));
    for (size_t k = 0; k < COUNT(sets[i].files) && sets[i].files[k].name; k++) {
        put_named(bench, sets[i].files[k].name, sets[i].files[k].text);
    }
}

static fpmp_view_t *read_files(bench_t *bench, fpmp_master_facts_t **facts)
{
    *facts = fpmp_facts_master(bench->p, &bench->master);
    return fpmp_view_read(bench->p, *facts, NULL);
}

/* All that both say of one set. */
static void compare(bench_t *bench, const char *title, const char *refused,
                    const char *opaque)
{
    apr_array_header_t *no_names = apr_array_make(bench->p, 1, sizeof(const char *));
    fpmp_master_facts_t *facts;
    fpmp_view_t *view = read_files(bench, &facts);
    const char *said, *why, *seen = opaque_text(bench, view);
    int status = ask_fpm(bench, &said);

    if (strcmp(seen, opaque ? opaque : "") != 0) {
        FAULT(bench, "%s: opaque is '%s', wanted '%s'", title, seen, opaque ? opaque : "");
    }
    if (status != (refused ? 78 : 0)) {
        FAULT(bench, "%s: PHP-FPM ends with status %d: %s", title, status, said);
        return;
    }
    hold_nothing_claimed(bench, title, view);
    if (refused) {
        why = fpmp_complaint(bench->p, said, no_names);
        if (!why || !strstr(why, refused)) {
            FAULT(bench, "%s: '%s' is no part of the complaint '%s'", title, refused,
                  why ? why : "(none)");
        }
        return;
    }
    if (!opaque) {
        expect_text(bench, title, pools_text(bench->p, view->pools, 1),
                    said_text(bench->p, said, 1));
    }
    expect_text(bench, apr_pstrcat(bench->p, title, ", as printed", NULL),
                pools_text(bench->p, fpmp_view_parse_print(bench->p, said), 0),
                said_text(bench->p, said, 0));
    fpmp_view_add_print(bench->p, view, said);
    expect_text(bench, apr_pstrcat(bench->p, title, ", with what is printed", NULL),
                pools_by_name(bench->p, pools_text(bench->p, view->pools, 0)),
                pools_by_name(bench->p, said_text(bench->p, said, 0)));
}

static void our_reading_is_that_of_php_fpm(void **state)
{
    bench_t *bench = *state;

    for (size_t i = 0; i < COUNT(sets); i++) {
        put_set(bench, i);
        compare(bench, sets[i].title, sets[i].refused, sets[i].opaque);
        scratch_remove(bench->dir);
    }
    assert_int_equal(bench->faults, 0);
}

/* The copies that configtest shows to PHP-FPM mean what the files mean. */
static void copies_mean_what_the_files_mean(void **state)
{
    bench_t *bench = *state;

    for (size_t i = 0; i < COUNT(sets); i++) {
        const char *title = sets[i].title, *print = NULL, *why = NULL, *said;
        apr_array_header_t *changes = apr_array_make(bench->p, 1, sizeof(fpmp_change_t));
        fpmp_master_facts_t *facts;
        int err;

        if (sets[i].refused && strcmp(sets[i].refused, NO_DIRECTORY) == 0) {
            continue;
        }
        put_set(bench, i);
        read_files(bench, &facts);
        err = fpmp_master_print(bench->p, &bench->master, facts, changes, NULL, 20, &print,
                                &why);
        if (err != (sets[i].refused ? EINVAL : 0)) {
            FAULT(bench, "%s: %s: %s", title, strerror(err), why ? why : "(no reason)");
        }
        else if (err && !strstr(fpmp_stage_heard(bench->p, why), sets[i].refused)) {
            FAULT(bench, "%s: '%s' is no part of '%s'", title, sets[i].refused, why);
        }
        else if (err == 0) {
            ask_fpm(bench, &said);
            expect_text(bench, title, said_text(bench->p, print, 0),
                        said_text(bench->p, said, 0));
        }
        scratch_remove(bench->dir);
    }
    assert_int_equal(bench->faults, 0);
}

/* ---- every byte ------------------------------------------------------------------------
 */

/* Where a byte may stand: %s is replaced by it. */
static const char *const places[] = {
    "%sb",      "a%sb",     "ab%s", "a %s b", "\"%s\"",
    "\"a%sb\"", "\"ab%s\"", "'%s'", "'a%sb'", "%s",
};

/* The bytes that our reader takes at this place mean the same to PHP-FPM; what it refuses
 * is not tried. At least so many are taken. */
static void each_byte_that_we_read_means_the_same_to_php_fpm(void **state)
{
    bench_t *bench = *state;

    for (size_t k = 0; k < COUNT(places); k++) {
        const char *text = with_dir(bench, POOL("a"));
        int taken = 0;

        open_dir(bench);
        for (int c = 1; c < 256; c++) {
            const char byte[] = { (char)c, '\0' };
            const char *value = apr_psprintf(bench->p, places[k], byte);
            const char *line =
                apr_psprintf(bench->p, "php_admin_value[c%d] = %s\n", c, value);

            if (c != '\n' && !fpmp_ini_read(bench->p, line, strlen(line))->opaque_line) {
                text = apr_pstrcat(bench->p, text, line, NULL);
                taken++;
            }
        }
        assert_true(taken > 150);
        put_named(bench, "a.conf", text);
        put_text(bench->master.config_path,
                 with_dir(bench, "[global]\nerror_log = /dev/null\n" ALL));
        compare(bench, places[k], NULL, NULL);
        scratch_remove(bench->dir);
    }
    assert_int_equal(bench->faults, 0);
}

static void each_byte_of_a_section_means_the_same_to_php_fpm(void **state)
{
    bench_t *bench = *state;
    const char *text = "";
    int taken = 0;

    open_dir(bench);
    for (int c = 1; c < 256; c++) {
        const char *section = apr_psprintf(bench->p, "[%da%cb]\n", isalpha(c) ? 0 : c, c);

        if (isupper(c) || fpmp_ini_read(bench->p, section, strlen(section))->opaque_line) {
            continue; /* the small letter has that name already */
        }
        text = apr_psprintf(bench->p,
                            "%s%suser = nobody\nlisten = %s/%d\npm = static\n"
                            "pm.max_children = 1\n",
                            text, section, bench->dir, c);
        taken++;
    }
    assert_true(taken > 150);
    put_named(bench, "a.conf", text);
    put_text(bench->master.config_path,
             with_dir(bench, "[global]\nerror_log = /dev/null\n" ALL));
    compare(bench, "sections", NULL, NULL);
    scratch_remove(bench->dir);
    assert_int_equal(bench->faults, 0);
}

#define SEEDS "tests/fuzz/seeds/ini"

/* What we understand wholly, PHP-FPM reads too; and where it takes the file, both end with
 * the same pools. */
static void the_seeds_of_the_fuzzer_mean_the_same(void **state)
{
    bench_t *bench = *state;
    apr_dir_t *dir;
    apr_finfo_t entry;
    int understood = 0, opaque = 0;

    assert_int_equal(apr_dir_open(&dir, SEEDS, bench->p), APR_SUCCESS);
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        fpmp_master_facts_t *facts;
        fpmp_file_t seed = { 0 };
        const char *said;
        fpmp_view_t *view;
        int status;

        if (!strstr(entry.name, ".conf")) {
            continue;
        }
        open_dir(bench);
        fpmp_facts_file(bench->p, apr_pstrcat(bench->p, SEEDS "/", entry.name, NULL),
                        &seed);
        assert_non_null(seed.text);
        put_named(bench, "a.conf", seed.text);
        put_text(bench->master.config_path,
                 with_dir(bench, "[global]\nerror_log = /dev/null\n" ALL));
        view = read_files(bench, &facts);
        status = ask_fpm(bench, &said);
        understood += view->opaque->nelts == 0;
        opaque += view->opaque->nelts > 0;
        if (!view->opaque->nelts && strstr(said, "syntax error")) {
            FAULT(bench, "%s: understood, but PHP-FPM says: %s", entry.name, said);
        }
        if (!view->opaque->nelts && status == 0) {
            expect_text(bench, entry.name, pools_text(bench->p, view->pools, 1),
                        said_text(bench->p, said, 1));
        }
        scratch_remove(bench->dir);
    }
    apr_dir_close(dir);
    assert_true(understood >= 2 && opaque >= 1);
    assert_int_equal(bench->faults, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        ROW(our_reading_is_that_of_php_fpm),
        ROW(copies_mean_what_the_files_mean),
        ROW(each_byte_that_we_read_means_the_same_to_php_fpm),
        ROW(each_byte_of_a_section_means_the_same_to_php_fpm),
        ROW(the_seeds_of_the_fuzzer_mean_the_same),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
