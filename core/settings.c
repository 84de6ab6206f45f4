/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of PHP-FPM's pool directives, and the reading of one KEY=VALUE by it:
 * which key is meant, do its brackets fit, who derives it if the module does. The
 * value itself is judged in value.c, several settings together in agree.c.
 * Entry point: fpmp_setting_parse.
 */
#include "core.h"

#include <limits.h>
#include <string.h>

#define NEAR_MAX_BYTES 48  /* a longer key has no nearest name */
#define CHILDREN_MAX 65535 /* FPM allocates for all at start, and ends if it cannot */

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* ---- 1. The table ------------------------------------------------------------------ */

typedef struct {
    const char *name;
    fpmp_value_rule_t rule; /* type NONE: the module derives it, why says what to do */
    int since;              /* as in fpmp_setting_t */
    const char *why;
} row_t;

#define INT(low, high) { FPMP_VALUE_INT, low, high }
#define SOCKET_WHY "belongs to the socket, which the module derives; leave it out"
#define OWNER_WHY "is derived: only httpd's User may open the socket; leave it out"

/* The order of the rows is the order in the pool file. */
static const row_t rows[] = {
    { .name = "pm", .rule = { .type = FPMP_VALUE_PM } },
    { .name = "pm.max_children", .rule = INT(1, CHILDREN_MAX) },
    { .name = "pm.start_servers", .rule = INT(0, CHILDREN_MAX) },
    { .name = "pm.min_spare_servers", .rule = INT(0, CHILDREN_MAX) },
    { .name = "pm.max_spare_servers", .rule = INT(0, CHILDREN_MAX) },
    { .name = "pm.max_spawn_rate", .rule = INT(1, INT_MAX), .since = 801 },
    { .name = "pm.process_idle_timeout", .rule = { .type = FPMP_VALUE_TIME } },
    { .name = "pm.max_requests", .rule = INT(0, INT_MAX) },
    { .name = "pm.status_path", .rule = { .type = FPMP_VALUE_URI } },
    { .name = "ping.path", .rule = { .type = FPMP_VALUE_URI } },
    { .name = "ping.response", .rule = { .type = FPMP_VALUE_TEXT } },
    { .name = "request_terminate_timeout", .rule = { .type = FPMP_VALUE_TIME } },
    { .name = "request_terminate_timeout_track_finished",
      .rule = { .type = FPMP_VALUE_BOOL }, .since = 703 },
    { .name = "request_slowlog_timeout", .rule = { .type = FPMP_VALUE_TIME } },
    { .name = "request_slowlog_trace_depth", .rule = INT(1, INT_MAX), .since = 702 },
    { .name = "slowlog", .rule = { .type = FPMP_VALUE_FILE } },
    { .name = "access.log", .rule = { .type = FPMP_VALUE_FILE } },
    { .name = "access.format", .rule = { .type = FPMP_VALUE_FORMAT } },
    { .name = "access.suppress_path", .rule = { .type = FPMP_VALUE_LIST }, .since = 802 },
    { .name = "process.priority", .rule = INT(-19, 20) },
    { .name = "process.dumpable", .rule = { .type = FPMP_VALUE_BOOL }, .since = 702 },
    { .name = "apparmor_hat", .rule = { .type = FPMP_VALUE_TEXT } },
    { .name = "rlimit_files", .rule = INT(0, INT_MAX) },
    { .name = "rlimit_core", .rule = { FPMP_VALUE_CORE, 0, INT_MAX } },
    { .name = "chdir", .rule = { .type = FPMP_VALUE_DIR } },
    { .name = "catch_workers_output", .rule = { .type = FPMP_VALUE_BOOL } },
    { .name = "decorate_workers_output",
      .rule = { .type = FPMP_VALUE_BOOL }, .since = 703 },
    { .name = "clear_env", .rule = { .type = FPMP_VALUE_BOOL } },
    { .name = "env", .rule = { .type = FPMP_VALUE_ENV } },
    { .name = "php_value", .rule = { .type = FPMP_VALUE_INI } },
    { .name = "php_flag", .rule = { .type = FPMP_VALUE_FLAG } },
    { .name = "php_admin_value", .rule = { .type = FPMP_VALUE_INI } },
    { .name = "php_admin_flag", .rule = { .type = FPMP_VALUE_FLAG } },
    /* Never in a setting, so the place of these means nothing. */
    { .name = "user", .why = "is the first argument of FPMUser; write FPMUser USER" },
    { .name = "group", .why = "stands in the first argument of FPMUser; write USER:GROUP" },
    { .name = "listen",
      .why = "is derived from the user; set the directory of all sockets by FPMSocketDir" },
    { .name = "listen.owner", .why = OWNER_WHY },
    { .name = "listen.group", .why = OWNER_WHY },
    { .name = "listen.mode", .why = OWNER_WHY },
    { .name = "listen.acl_users", .why = OWNER_WHY },
    { .name = "listen.acl_groups", .why = OWNER_WHY },
    { .name = "listen.allowed_clients", .why = SOCKET_WHY },
    { .name = "listen.backlog", .why = SOCKET_WHY },
    { .name = "listen.setfib", .why = SOCKET_WHY },
    { .name = "pm.status_listen",
      .why = "opens a second socket that runs scripts without the pool's php_admin_value; leave "
             "it out, or use pm.status_path" },
    { .name = "chroot",
      .why = "would hide the files under the paths that httpd knows; leave it out, the user is "
             "the border" },
    { .name = "prefix", .why = "does nothing where every path is absolute; leave it out" },
    { .name = "security.limit_extensions",
      .why = "is derived from ext; write the extensions as in ext=php,phtml" },
    { .name = "include",
      .why = "cannot stand in a pool file of ours; write the settings as KEY=VALUE" },
};
#define ROW_COUNT ((int)(sizeof(rows) / sizeof(rows[0])))

/* The keys that line.c reads itself: a slip of the pen may have meant one of them. */
static const char *const own_keys[] = { "php", "ext", "owner", "timeout", "scan", "buffer",
                                         "via", "hosts", "root" };
#define OWN_COUNT ((int)(sizeof(own_keys) / sizeof(own_keys[0])))

static const row_t *row_find(const char *name)
{
    for (int i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* How the brackets of this directive are written; "" for a scalar. */
static const char *bracket_form(const row_t *row)
{
    switch (row->rule.type) {
    case FPMP_VALUE_LIST:
        return "[]";
    case FPMP_VALUE_ENV:
    case FPMP_VALUE_INI:
    case FPMP_VALUE_FLAG:
        return "[NAME]";
    default:
        return "";
    }
}

static int only_has(const char *text, const char *set)
{
    return *text && text[strspn(text, set)] == '\0';
}

/* ---- 2. The nearest name ----------------------------------------------------------- */

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Edit distance where two swapped neighbours are one slip. Both <= NEAR_MAX_BYTES. */
static int slips(const char *a, const char *b)
{
    unsigned char d[NEAR_MAX_BYTES + 1][NEAR_MAX_BYTES + 1];
    int la = (int)strlen(a), lb = (int)strlen(b);

    for (int i = 0; i <= la; i++) {
        d[i][0] = (unsigned char)i;
    }
    for (int j = 0; j <= lb; j++) {
        d[0][j] = (unsigned char)j;
    }
    for (int i = 1; i <= la; i++) {
        for (int j = 1; j <= lb; j++) {
            int n = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

            n = least(n, least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                n = least(n, d[i - 2][j - 2] + 1);
            }
            d[i][j] = (unsigned char)n;
        }
    }
    return d[la][lb];
}

/* Is name the last words of known, as max_children is of pm.max_children? */
static int is_short_for(const char *name, const char *known)
{
    size_t n = strlen(name), k = strlen(known);

    return n >= 4 && k > n && strcmp(known + k - n, name) == 0
           && strchr("._", known[k - n - 1]);
}

/* The known name that was meant; NULL if none is near. The last words of a name come
 * first, because they were not mistyped. */
static const char *name_nearest(apr_pool_t *p, const char *name)
{
    size_t len = strlen(name);
    char *lower = apr_pstrdup(p, name);
    const char *nearest = NULL;
    int fewest = len < 6 ? 2 : len < 9 ? 3 : 4; /* one more slip than is forgiven */

    if (len == 0 || len > NEAR_MAX_BYTES) {
        return NULL;
    }
    for (char *c = lower; *c; c++) {
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
    }
    for (int i = 0; i < ROW_COUNT; i++) {
        if (is_short_for(lower, rows[i].name)) {
            return rows[i].name;
        }
    }
    for (int i = 0; i < ROW_COUNT + OWN_COUNT; i++) {
        const char *known = i < ROW_COUNT ? rows[i].name : own_keys[i - ROW_COUNT];
        int n = slips(lower, known);

        if (n < fewest) {
            fewest = n;
            nearest = known;
        }
    }
    return nearest;
}

/* ---- 3. One KEY=VALUE ---------------------------------------------------------------- */

typedef struct {
    const char *key;
    const char *key_shown;
    const char *name;   /* NULL: the brackets do not close */
    const char *subkey; /* NULL: no brackets */
    const char *value;  /* NULL: no '=' */
} parts_t;

static void parts_split(apr_pool_t *p, const char *arg, parts_t *out)
{
    const char *equals = strchr(arg, '=');
    size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
    const char *open;

    out->key = apr_pstrndup(p, arg, len);
    out->key_shown = fpmp_value_shown(p, out->key);
    out->value = equals ? equals + 1 : NULL;
    out->name = out->key;
    out->subkey = NULL;
    open = strchr(out->key, '[');
    if (open) {
        size_t at = (size_t)(open - out->key);
        int closes = out->key[len - 1] == ']';

        out->name = closes ? apr_pstrndup(p, out->key, at) : NULL;
        out->subkey = closes ? apr_pstrndup(p, open + 1, len - at - 2) : NULL;
    }
}

static const char *no_equals(apr_pool_t *p, const parts_t *parts)
{
    const row_t *row = parts->name ? row_find(parts->name) : NULL;

    return apr_psprintf(p, "'%s' has no '='; write %s%s=VALUE without blanks around '='",
                        parts->key_shown, row ? row->name : "KEY",
                        row ? bracket_form(row) : "");
}

static const char *unknown_name(apr_pool_t *p, const parts_t *parts)
{
    static const fpmp_value_rule_t flag_rule = { .type = FPMP_VALUE_BOOL };
    const char *nearest = name_nearest(p, parts->name);
    const char *text = apr_psprintf(p, "'%s' is no pool directive of PHP-FPM;",
                                    parts->key_shown);
    const char *form, *stored, *kind = "flag";

    if (nearest) {
        const row_t *row = row_find(nearest);

        form = row ? bracket_form(row) : "";
        if (*form && parts->subkey) {
            form = apr_psprintf(p, "[%s]", fpmp_value_shown(p, parts->subkey));
        }
        return apr_psprintf(p, "%s did you mean '%s%s'?", text, nearest, form);
    }
    if (parts->subkey || !only_has(parts->name, LETTERS DIGITS "_.")) {
        return apr_psprintf(p, "%s write KEY=VALUE, such as pm.max_children=20", text);
    }
    if (only_has(parts->value, DIGITS)
        || fpmp_value_check(p, &flag_rule, parts->value, &stored)) {
        kind = "value";
    }
    return apr_psprintf(p, "%s if it is a setting of php.ini, write php_admin_%s[%s]=%s",
                        text, kind, parts->key_shown, fpmp_value_shown(p, parts->value));
}

/* The whole phrase if the brackets do not fit the directive. */
static const char *check_brackets(apr_pool_t *p, const row_t *row, const parts_t *parts)
{
    const char *subkey = parts->subkey, *form = bracket_form(row);
    int is_list = row->rule.type == FPMP_VALUE_LIST;

    if (!*form) {
        return !subkey ? NULL
                       : apr_psprintf(p, "'%s' takes no brackets; write %s=VALUE",
                                      parts->key_shown, row->name);
    }
    if (!subkey || is_list != (*subkey == '\0')) {
        return apr_psprintf(p, "'%s' is not of the form %s%s; write %s%s=VALUE",
                            parts->key_shown, row->name, form, row->name, form);
    }
    if (row->rule.type == FPMP_VALUE_ENV) {
        return !strchr(DIGITS, subkey[0]) && only_has(subkey, LETTERS DIGITS "_")
                   ? NULL
                   : apr_psprintf(p, "'%s' names no environment variable; write A-Z, a-z, "
                                     "0-9 and '_', no digit first", parts->key_shown);
    }
    if (!is_list && !only_has(subkey, LETTERS DIGITS "_.-")) {
        return apr_psprintf(p, "'%s' names no php.ini setting; write A-Z, a-z, 0-9, '_', "
                               "'.' and '-' between the brackets", parts->key_shown);
    }
    if (strcmp(subkey, "opcache.validate_permission") == 0) {
        return apr_psprintf(p, "'%s' is derived: it is 1 in every pool, or one user could "
                               "read another's scripts; leave it out", parts->key_shown);
    }
    return NULL;
}

/* The rule for this key: error_reporting is the one php.ini setting known for constants. */
static fpmp_value_rule_t rule_of(const row_t *row, const char *subkey)
{
    fpmp_value_rule_t rule = row->rule;

    if (rule.type == FPMP_VALUE_INI && strcmp(subkey, "error_reporting") == 0) {
        rule.type = FPMP_VALUE_NUMBER;
    }
    return rule;
}

const char *fpmp_setting_parse(apr_pool_t *p, const char *arg, fpmp_setting_t *out)
{
    const char *why, *stored;
    fpmp_value_rule_t rule;
    const row_t *row;
    parts_t parts;

    parts_split(p, arg, &parts);
    if (!parts.value) {
        return no_equals(p, &parts);
    }
    if (!parts.name) {
        return apr_psprintf(p, "'%s' has '[' and does not end with ']'; write "
                               "KEY[NAME]=VALUE", parts.key_shown);
    }
    row = row_find(parts.name);
    if (!row) {
        return unknown_name(p, &parts);
    }
    if (row->rule.type == FPMP_VALUE_NONE) {
        return apr_psprintf(p, "'%s' %s", parts.key_shown, row->why);
    }
    why = check_brackets(p, row, &parts);
    if (why) {
        return why;
    }
    rule = rule_of(row, parts.subkey);
    why = fpmp_value_check(p, &rule, parts.value, &stored);
    if (why) {
        return apr_psprintf(p, "%s '%s' %s", parts.key_shown,
                            fpmp_value_shown(p, parts.value), why);
    }
    out->name = row->name;
    out->subkey = parts.subkey;
    out->value = apr_pstrdup(p, stored);
    out->rank = (int)(row - rows);
    out->quoted = rule.type >= FPMP_VALUE_QUOTED_FROM;
    out->since = row->since;
    return NULL;
}
