/* SPDX-License-Identifier: Apache-2.0
 *
 * One value of one pool directive, read as PHP-FPM's own parsers read it, and
 * narrower where they accept in silence what they then read as something else.
 * Apart from settings.c so that the table there stays a table.
 * Entry point: fpmp_value_check.
 */
#include "core.h"

#include <apr_cstr.h>
#include <limits.h>
#include <string.h>

#define SHOWN_MAX_BYTES 60 /* of a key or value in a phrase: a message is one line */

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

const char *fpmp_text_shown(apr_pool_t *p, const char *text, apr_size_t max)
{
    int cut = strlen(text) > max;
    char *copy = apr_pstrndup(p, text, max);

    for (char *c = copy; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
    return cut ? apr_pstrcat(p, copy, "...", NULL) : copy;
}

const char *fpmp_value_shown(apr_pool_t *p, const char *text)
{
    return fpmp_text_shown(p, text, SHOWN_MAX_BYTES);
}

static int only_has(const char *text, const char *set)
{
    return *text && text[strspn(text, set)] == '\0';
}

/* ---- numbers and times ------------------------------------------------------------- */

/* Decimal digits as a number; stops above INT_MAX, where FPM's atoi wraps in silence. */
static apr_int64_t digits_number(const char *digits, size_t len)
{
    apr_int64_t number = 0;

    for (size_t i = 0; i < len && number <= INT_MAX; i++) {
        number = number * 10 + (digits[i] - '0');
    }
    return number;
}

static const char *check_int(apr_pool_t *p, const fpmp_value_rule_t *rule,
                             const char *value)
{
    int minus = rule->min < 0 && value[0] == '-';
    const char *digits = value + minus;

    if (only_has(digits, DIGITS)) {
        apr_int64_t number = digits_number(digits, strlen(digits));

        number = minus ? -number : number;
        if (number >= rule->min && number <= rule->max) {
            return NULL;
        }
    }
    return apr_psprintf(p, "is not a whole number from %d to %d", rule->min, rule->max);
}

static const char *check_time(const char *value)
{
    if (fpmp_ini_time_sec(value) < 0) {
        return "is not a time of at most 2147483647 seconds; write digits and s, m, h or "
               "d, such as 30s";
    }
    return NULL;
}

/* "unlimited" in lower case only, as FPM compares it. */
static const char *check_core(apr_pool_t *p, const fpmp_value_rule_t *rule,
                              const char *value)
{
    const char *why = strcmp(value, "unlimited") == 0 ? NULL : check_int(p, rule, value);

    return why ? apr_pstrcat(p, why, ", nor unlimited", NULL) : NULL;
}

/* ---- words ------------------------------------------------------------------------- */

/* FPM takes "On" unquoted and refuses it quoted, so one spelling goes into the file. */
static const char *check_bool(const char *value, const char **stored)
{
    static const char *const words[][2] = {
        { "yes", "no" }, { "on", "off" }, { "true", "false" }, { "1", "0" }
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (int no = 0; no < 2; no++) {
            if (apr_cstr_casecmp(value, words[i][no]) == 0) {
                *stored = words[0][no];
                return NULL;
            }
        }
    }
    return "is no switch; write yes or no";
}

static const char *check_pm(const char *value, const char **stored)
{
    static const char *const managers[] = { "static", "dynamic", "ondemand" };

    for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++) {
        if (apr_cstr_casecmp(value, managers[i]) == 0) {
            *stored = managers[i];
            return NULL;
        }
    }
    return "is no process manager; write static, dynamic or ondemand";
}

/* ---- texts ------------------------------------------------------------------------- */

static const char *check_text(apr_pool_t *p, const char *value)
{
    if (!*value) {
        return "is empty; write a value, or leave the setting out for PHP-FPM's default";
    }
    return fpmp_rule_value(p, value);
}

static const char *check_uri(const char *value)
{
    if (value[0] != '/' || !value[1] || !only_has(value, LETTERS DIGITS "/_.~-")) {
        return "is not '/' and at least one character of A-Z, a-z, 0-9 and /_-.~; write a "
               "path such as /status";
    }
    return NULL;
}

/* The status socket runs scripts too, on 8.2.36 even without the pool's php_admin_value, so
 * it must not be a TCP port: every local user reaches that. */
/* Source: fpm_log_write, each letter tried by us on 8.2.36. What a brace holds is left to
 * FPM's own test. */
static const char *check_format(apr_pool_t *p, const char *value)
{
    for (const char *c = strchr(value, '%'); c; c = strchr(c + 1, '%')) {
        const char *letters = "%CMPQRTdflmnpqrstu";
        const char *token = c++;

        if (*c == '{') {
            letters = "CMTdeot";
            c += strcspn(c, "}");
            c += *c == '}';
        }
        if (!*c || !strchr(letters, *c)) {
            token = apr_pstrndup(p, token, (size_t)(c - token) + (*c != '\0'));
            return apr_psprintf(p,
                                "has the token '%s', which PHP-FPM does not know; write "
                                "'%%%%' for a percent sign",
                                fpmp_value_shown(p, token));
        }
    }
    return check_text(p, value);
}

static const char *check_number(const char *value)
{
    if (!only_has(value + (value[0] == '-'), DIGITS)) {
        return "is no number, and PHP-FPM hands a constant on as 0; write the number, "
               "E_ALL is 32767";
    }
    return NULL;
}

const char *fpmp_value_check(apr_pool_t *p, const fpmp_value_rule_t *rule,
                             const char *value, const char **stored)
{
    *stored = value;
    switch (rule->type) {
    case FPMP_VALUE_INT:
        return check_int(p, rule, value);
    case FPMP_VALUE_TIME:
        return check_time(value);
    case FPMP_VALUE_BOOL:
    case FPMP_VALUE_FLAG:
        return check_bool(value, stored);
    case FPMP_VALUE_PM:
        return check_pm(value, stored);
    case FPMP_VALUE_CORE:
        return check_core(p, rule, value);
    case FPMP_VALUE_URI:
        return check_uri(value);
    case FPMP_VALUE_FILE:
        return fpmp_rule_path(p, value);
    case FPMP_VALUE_DIR:
        return strcmp(value, "/") == 0 ? NULL : fpmp_rule_path(p, value);
    case FPMP_VALUE_FORMAT:
        return check_format(p, value);
    case FPMP_VALUE_LIST:
        return value[0] == '/' ? fpmp_rule_value(p, value)
                               : "does not begin with '/'; write a path such as /ping";
    case FPMP_VALUE_NUMBER:
        return check_number(value);
    case FPMP_VALUE_INI:
        return fpmp_rule_value(p, value);
    case FPMP_VALUE_TEXT:
    case FPMP_VALUE_ENV:
        return check_text(p, value);
    case FPMP_VALUE_NONE:
        break;
    }
    return "cannot be set here";
}
