/* SPDX-License-Identifier: Apache-2.0
 *
 * One value, one rule: what may become a user, master, extension, path or value
 * of a chain, and what a file name asks of our handler. All of it is allow
 * lists, because a refused value with its reason is safer than an escaped one.
 * No entry point of its own: settings.c, line.c, chain.c and glue/ ask here.
 */
#include "core.h"
#include "status.h"

#include <apr_cstr.h>
#include <string.h>

#define NAME_MAX_BYTES 31   /* PHP-FPM's scoreboard cuts a pool's name here */
#define MASTER_MAX_BYTES 16 /* leaves the socket's path room for the user */
#define EXTENSION_MAX_BYTES 16
#define SOCKET_MAX_BYTES 107 /* sun_path of Linux, less its NUL */

/* ctype.h follows the locale; these names mean ASCII and nothing else. */
static int is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static int is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_alnum(char c)
{
    return is_lower(c) || is_upper(c) || is_digit(c);
}

/* ---- names -------------------------------------------------------------------- */

/* The reasons for which a name is refused, worded for a user or for a group. */
typedef struct {
    const char *empty;
    const char *capital;
    const char *digits;
    const char *first;
    const char *other;
    const char *dots;
    const char *length;
} name_reasons_t;

static const name_reasons_t user_reasons = {
    .empty = "is empty; write the name of a system user",
    .capital = "has capital letters; FPM reads section names without regard to case, so "
               "rename the user or use another one",
    .digits = "is all digits, which PHP-FPM reads as a uid; write the user's name",
    .first = "does not begin with a-z or '_'; rename the user or use another one",
    .other = "has a character other than a-z, 0-9, '_', '.' and '-'; rename the user or "
             "use another one",
    .dots = "ends with '.' or has '..'; it becomes part of file names, so rename the user "
            "or use another one",
    .length = "is longer than 31 bytes, where PHP-FPM cuts a pool's name; rename the user "
              "or use another one"
};

static const name_reasons_t group_reasons = {
    .empty = "is empty; write the name of a group, or leave out ':' for the user's own",
    .capital = "has capital letters; names in a pool file are lower case here, so rename "
               "the group or use another one",
    .digits = "is all digits, which PHP-FPM reads as a gid; write the group's name",
    .first = "does not begin with a-z or '_'; rename the group or use another one",
    .other = "has a character other than a-z, 0-9, '_', '.' and '-'; rename the group or "
             "use another one",
    .dots = "ends with '.' or has '..'; rename the group or use another one",
    .length = "is longer than 31 bytes; rename the group or use another one"
};

/* The first reason that holds, the one that tells most before the general ones. */
static const char *name_reason(const char *name, const name_reasons_t *why)
{
    size_t len = strlen(name);
    int capitals = 0, others = 0, digits = 0;

    for (const char *c = name; *c; c++) {
        capitals += is_upper(*c);
        digits += is_digit(*c);
        others += !is_alnum(*c) && !strchr("_.-", *c);
    }
    if (len == 0) {
        return why->empty;
    }
    if (others > 0) {
        return why->other;
    }
    if (capitals > 0) {
        return why->capital;
    }
    if ((size_t)digits == len) {
        return why->digits;
    }
    if (!is_lower(name[0]) && name[0] != '_') {
        return why->first;
    }
    if (name[len - 1] == '.' || strstr(name, "..")) {
        return why->dots;
    }
    return len > NAME_MAX_BYTES ? why->length : NULL;
}

const char *fpmp_rule_user_name(const char *name)
{
    const char *reason = name_reason(name, &user_reasons);

    if (!reason && strcmp(name, "global") == 0) {
        return "is the name of PHP-FPM's main section; rename the user or use another one";
    }
    return reason;
}

const char *fpmp_rule_group_name(const char *name)
{
    return name_reason(name, &group_reasons);
}

const char *fpmp_rule_master_name(const char *name)
{
    if (!*name) {
        return "is empty; write a name such as 8.2";
    }
    if (!is_alnum(name[0])) {
        return "does not begin with a letter or digit; write a name such as 8.2";
    }
    for (const char *c = name; *c; c++) {
        if (!is_alnum(*c) && !strchr("._-", *c)) {
            return "has a character other than A-Z, a-z, 0-9, '.', '_' and '-'; write a "
                   "name such as 8.2";
        }
    }
    if (strlen(name) > MASTER_MAX_BYTES) {
        return "is longer than 16 bytes; it is part of each socket's path, so write a "
               "shorter name";
    }
    return NULL;
}

const char *fpmp_rule_extension(const char *ext)
{
    if (!*ext) {
        return "is empty; write an extension without its dot, such as php";
    }
    if (ext[0] == '.') {
        return "begins with '.'; write the extension without its dot";
    }
    for (const char *c = ext; *c; c++) {
        if (*c == '.') {
            return "has a '.'; only what follows the last dot of a name is its extension";
        }
        if (!is_alnum(*c) && *c != '_' && *c != '-') {
            return "has a character other than A-Z, a-z, 0-9, '_' and '-'; write an "
                   "extension such as php";
        }
    }
    if (strlen(ext) > EXTENSION_MAX_BYTES) {
        return "is longer than 16 bytes; write an extension such as php";
    }
    return NULL;
}

/* ---- paths and values ----------------------------------------------------------- */

/* A byte as a reader of one log line can see it. */
static const char *byte_text(apr_pool_t *p, char c)
{
    unsigned char byte = (unsigned char)c;

    if (byte > 0x20 && byte < 0x7f) {
        return c == '\'' ? "a single quote" : apr_psprintf(p, "'%c'", c);
    }
    switch (byte) {
    case ' ':
        return "a blank";
    case '\t':
        return "a tab";
    case '\n':
        return "a line end";
    default:
        return apr_psprintf(p, "the byte 0x%02x", byte);
    }
}

/* Is this component "." or ".."? */
static int is_dots(const char *part, size_t len)
{
    return (len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.');
}

const char *fpmp_rule_path(apr_pool_t *p, const char *path)
{
    size_t len = strlen(path);

    if (path[0] != '/') {
        return len == 0 ? "is empty; write an absolute path"
                        : "does not begin with '/'; write an absolute path";
    }
    for (const char *c = path; *c; c++) {
        if (!is_alnum(*c) && !strchr("_./+@%-", *c)) {
            return apr_psprintf(p,
                                "has %s; a path here may have A-Z, a-z, 0-9 and "
                                "_./+@%%- only, so use another one",
                                byte_text(p, *c));
        }
    }
    if (len > 1 && strstr(path, "//")) {
        return "has '//'; write each '/' once";
    }
    if (path[len - 1] == '/') {
        return len == 1 ? "is the root directory; name something below it"
                        : "ends with '/'; leave that out";
    }
    for (const char *part = path; part; part = strchr(part, '/')) {
        part++;
        if (is_dots(part, strcspn(part, "/"))) {
            return "has '.' or '..' as a component; write the path without it";
        }
    }
    return NULL;
}

const char *fpmp_rule_socket_path(apr_pool_t *p, const char *path)
{
    size_t len = strlen(path);
    const char *bad = strpbrk(path, ",=:");

    if (bad && *bad == ':') {
        return "has ':', and PHP-FPM listens on TCP then";
    }
    if (bad) {
        return apr_psprintf(p,
                            "has '%c', at which PHP-FPM cuts the path when it reloads, "
                            "and dies",
                            *bad);
    }
    if (len > SOCKET_MAX_BYTES) {
        return apr_psprintf(p, "is %" APR_SIZE_T_FMT " bytes, a Unix socket may have %d",
                            len, SOCKET_MAX_BYTES);
    }
    return fpmp_rule_path(p, path);
}

const char *fpmp_rule_value(apr_pool_t *p, const char *value)
{
    for (const char *c = value; *c; c++) {
        unsigned char byte = (unsigned char)*c;

        if (byte < 0x20 || byte == 0x7f || strchr("\"\\$", *c)) {
            return apr_psprintf(p,
                                "has %s at byte %d, which does not mean itself between "
                                "double quotes in a pool file; leave it out",
                                byte_text(p, *c), (int)(c - value) + 1);
        }
    }
    return NULL;
}

const char *fpmp_rule_path_info(apr_pool_t *p, const char *path_info)
{
    for (const char *c = path_info; *c; c++) {
        unsigned char byte = (unsigned char)*c;

        if (byte < 0x20 || byte == 0x7f) {
            return apr_psprintf(p, "has the control character 0x%02x at byte %d", byte,
                                (int)(c - path_info) + 1);
        }
    }
    return NULL;
}

/* ---- what a file name asks of the handler -------------------------------------------- */

/* Extensions that distributions give to PHP: never shown as source. Not "inc": a file of
 * that name is no script to httpd anywhere. */
static const char *const php_extensions[] = { "php",  "phtml", "phar", "pht",
                                              "phps", "php3",  "php4", "php5",
                                              "php6", "php7",  "php8" };

static int same_text(const char *want, const char *have, size_t len, int with_case)
{
    if (strlen(want) != len) {
        return 0;
    }
    return (with_case ? memcmp(want, have, len) : apr_cstr_casecmpn(want, have, len)) == 0;
}

static int listed(const apr_array_header_t *ext, const char *have, size_t len,
                  int with_case)
{
    for (int i = 0; ext && i < ext->nelts; i++) {
        if (same_text(APR_ARRAY_IDX(ext, i, const char *), have, len, with_case)) {
            return 1;
        }
    }
    return 0;
}

static int is_php_extension(const char *have, size_t len)
{
    /* Every one of them begins with p: most files of a site end the search here. */
    if (len < 3 || (have[0] | 0x20) != 'p') {
        return 0;
    }
    for (size_t i = 0; i < sizeof(php_extensions) / sizeof(php_extensions[0]); i++) {
        if (same_text(php_extensions[i], have, len, 0)) {
            return 1;
        }
    }
    return 0;
}

/* Some readers of a name drop these from its end, so that "x.php." is x.php to them. */
static int is_tail(char c)
{
    return c == '.' || c == ' ' || (c >= '\t' && c <= '\r');
}

fpmp_claim_e fpmp_rule_claim(const char *name, const apr_array_header_t *ext)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    const char *whole_end = base + strlen(base);
    const char *end = whole_end;
    const char *dot;
    size_t len;

    while (end > base && is_tail(end[-1])) {
        end--;
    }
    for (dot = end; dot > base && dot[-1] != '.'; dot--) {
    }
    if (dot == base || dot == end) {
        return FPMP_CLAIM_NONE;
    }
    len = (size_t)(end - dot); /* dot is just behind the dot: base + 1 is ".php" itself */
    if (end == whole_end && dot > base + 1 && listed(ext, dot, len, 1)) {
        return FPMP_CLAIM_RUN;
    }
    if (is_php_extension(dot, len) || listed(ext, dot, len, 0)) {
        return FPMP_CLAIM_REFUSE;
    }
    return FPMP_CLAIM_NONE;
}

int fpmp_rule_loopback(const char *ip)
{
    ip = strncasecmp(ip, "::ffff:", 7) == 0 ? ip + 7 : ip; /* IPv4 on a socket of IPv6 */
    return strncmp(ip, "127.", 4) == 0 || strcmp(ip, "::1") == 0;
}
