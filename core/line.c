/* SPDX-License-Identifier: Apache-2.0
 *
 * The arguments of FPMUser, FPMDefaults and FPMMaster, read and checked word by word.
 * What is wrong is refused here, at its own line, with the value, the rule and the mend;
 * glue only adds the name of the directive.
 */
#include "core.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MAX_SEC 86400
#define BUFFER_MAX_BYTES ((apr_int64_t)1 << 40)

/* 1 and the value if arg is "KEY=value". */
static int key_is(const char *arg, const char *key, const char **value)
{
    apr_size_t len = strlen(key);

    if (strncmp(arg, key, len) != 0 || arg[len] != '=') {
        return 0;
    }
    *value = arg + len + 1;
    return 1;
}

static const char *given_twice(apr_pool_t *p, const char *key)
{
    return apr_psprintf(p, "'%s' is given twice; keep one of the two",
                        fpmp_value_shown(p, key));
}

static const char *read_ext(apr_pool_t *p, fpmp_line_t *line, const char *value)
{
    char *rest = apr_pstrdup(p, value), *word;

    if (line->ext) {
        return given_twice(p, "ext");
    }
    line->ext = apr_array_make(p, 2, sizeof(const char *));
    if (!*value || *value == ',' || value[strlen(value) - 1] == ',' ||
        strstr(value, ",,")) {
        return apr_psprintf(p,
                            "'ext=%s' has an empty extension; write a list such as "
                            "ext=php,phtml",
                            fpmp_value_shown(p, value));
    }
    while ((word = apr_strtok(rest, ",", &rest)) != NULL) {
        const char *why = fpmp_rule_extension(word);

        if (why) {
            return apr_psprintf(p, "extension '%s' in 'ext=%s' %s",
                                fpmp_value_shown(p, word), fpmp_value_shown(p, value), why);
        }
        APR_ARRAY_PUSH(line->ext, const char *) = word;
    }
    return NULL;
}

/* One of some words: *out becomes 1 for the first, as the enums of these keys have it. */
static const char *read_word(apr_pool_t *p, const char *key, const char *value,
                             const char *const *words, const char *list, int *out)
{
    int i;

    if (*out) {
        return given_twice(p, key);
    }
    for (i = 0; words[i]; i++) {
        if (strcmp(value, words[i]) == 0) {
            *out = i + 1;
            return NULL;
        }
    }
    return apr_psprintf(p, "'%s=%s' is %s", key, fpmp_value_shown(p, value), list);
}

static const char *read_owner(apr_pool_t *p, fpmp_line_t *line, const char *value)
{
    static const char *const words[] = { "strict", "any", "strict-dir", NULL };
    int word = line->owner;
    const char *why = read_word(p, "owner", value, words,
                                "none of 'strict', 'any' and 'strict-dir'; write one of "
                                "these",
                                &word);

    line->owner = word;
    return why;
}

static const char *read_scan(apr_pool_t *p, fpmp_line_t *line, const char *value)
{
    static const char *const words[] = { "on", "off", NULL };
    int word = line->scan;
    const char *why = read_word(p, "scan", value, words,
                                "neither 'on' nor 'off'; write one of the two", &word);

    line->scan = word;
    return why;
}

static const char *read_via(apr_pool_t *p, fpmp_line_t *line, const char *value)
{
    static const char *const words[] = { "native", "fastcgi", "balancer", NULL };
    int word = line->via;
    const char *why = read_word(p, "via", value, words,
                                "none of 'native', 'fastcgi' and 'balancer'; write one of "
                                "these",
                                &word);

    line->via = word;
    return why;
}

static const char *read_root(apr_pool_t *p, fpmp_line_t *line, const char *value)
{
    static const char *const words[] = { "local", "remote", NULL };
    int word = line->root;
    const char *why = read_word(p, "root", value, words,
                                "neither 'local' nor 'remote'; write one of the two", &word);

    line->root = word;
    return why;
}

static const char *read_hosts(apr_pool_t *p, fpmp_line_t *line, const char *value)
{
    const char *why = fpmp_rule_master_name(value);

    if (line->hosts) {
        return given_twice(p, "hosts");
    }
    if (why) {
        return apr_psprintf(p, "group in 'hosts=%s' %s", fpmp_value_shown(p, value), why);
    }
    line->hosts = value;
    return NULL;
}

static const char *read_timeout(apr_pool_t *p, fpmp_line_t *line, const char *value)
{
    if (line->timeout_sec) {
        return given_twice(p, "timeout");
    }
    if (!*value || strspn(value, "0123456789") != strlen(value) || strlen(value) > 5 ||
        atoi(value) < 1 || atoi(value) > TIMEOUT_MAX_SEC) {
        return apr_psprintf(p,
                            "'timeout=%s' is no number of seconds from 1 to %d; write one, "
                            "without a unit",
                            fpmp_value_shown(p, value), TIMEOUT_MAX_SEC);
    }
    line->timeout_sec = atoi(value);
    return NULL;
}

static const char *read_buffer(apr_pool_t *p, fpmp_line_t *line, const char *value)
{
    static const char units[] = "KMG";
    apr_size_t digits = strspn(value, "0123456789");
    const char *unit = value[digits] ? strchr(units, value[digits]) : NULL;
    int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    apr_int64_t count = digits > 0 && digits <= 13 ? apr_atoi64(value) : -1;

    if (line->buffer_bytes) {
        return given_twice(p, "buffer");
    }
    if (count < 0 || count > BUFFER_MAX_BYTES >> shift ||
        (value[digits] && (!unit || value[digits + 1]))) {
        return apr_psprintf(p,
                            "'buffer=%s' is no size from 0 to 1024G; write digits, with K, M "
                            "or G behind them",
                            fpmp_value_shown(p, value));
    }
    line->buffer_bytes = count > 0 ? (apr_off_t)count << shift : -1;
    return NULL;
}

static const char *read_php(apr_pool_t *p, fpmp_line_t *line, const char *value)
{
    const char *why = fpmp_rule_master_name(value);

    if (line->php) {
        return given_twice(p, "php");
    }
    if (why) {
        return apr_psprintf(p, "master in 'php=%s' %s", fpmp_value_shown(p, value), why);
    }
    line->php = value;
    return NULL;
}

/* The module's own keys; every other key is a pool directive of PHP-FPM. */
static const struct {
    const char *key;
    const char *(*read)(apr_pool_t *p, fpmp_line_t *line, const char *value);
} own_keys[] = {
    { "php", read_php },   { "ext", read_ext },         { "owner", read_owner },
    { "scan", read_scan }, { "timeout", read_timeout }, { "buffer", read_buffer },
    { "via", read_via },   { "hosts", read_hosts },     { "root", read_root },
};

static const char *read_setting(apr_pool_t *p, fpmp_line_t *line, const char *arg)
{
    fpmp_setting_t setting = { .where = line->where };
    const char *why = fpmp_setting_parse(p, arg, &setting);
    int i;

    if (why) {
        return why;
    }
    for (i = 0; i < line->settings->nelts; i++) {
        if (fpmp_setting_same(&APR_ARRAY_IDX(line->settings, i, fpmp_setting_t),
                              &setting)) {
            return given_twice(p, apr_pstrndup(p, arg, strcspn(arg, "=")));
        }
    }
    APR_ARRAY_PUSH(line->settings, fpmp_setting_t) = setting;
    return NULL;
}

static const char *read_key(apr_pool_t *p, fpmp_line_t *line, const char *arg)
{
    apr_size_t i;

    for (i = 0; i < sizeof(own_keys) / sizeof(own_keys[0]); i++) {
        const char *value;

        if (key_is(arg, own_keys[i].key, &value)) {
            return own_keys[i].read(p, line, apr_pstrdup(p, value));
        }
    }
    return read_setting(p, line, arg);
}

static const char *read_user(apr_pool_t *p, fpmp_line_t *line, const char *arg)
{
    const char *colon = strchr(arg, ':'), *why;

    if (strchr(arg, '=')) {
        return apr_psprintf(
            p,
            "'%s' stands where the user belongs; write 'FPMUser USER[:GROUP] "
            "[KEY=VALUE]...'",
            fpmp_value_shown(p, arg));
    }
    line->user = colon ? apr_pstrndup(p, arg, colon - arg) : apr_pstrdup(p, arg);
    why = fpmp_rule_user_name(line->user);
    if (why) {
        return apr_psprintf(p, "user '%s' %s", fpmp_value_shown(p, line->user), why);
    }
    if (colon) {
        line->group = apr_pstrdup(p, colon + 1);
        why = fpmp_rule_group_name(line->group);
        if (why) {
            return apr_psprintf(p, "group '%s' %s", fpmp_value_shown(p, line->group), why);
        }
    }
    return NULL;
}

const char *fpmp_line_parse(apr_pool_t *p, fpmp_line_t *line, int with_user, int argc,
                            char *const argv[])
{
    int i = 0;

    if (!line->settings) {
        line->settings = apr_array_make(p, argc > 1 ? argc - 1 : 1, sizeof(fpmp_setting_t));
    }
    if (argc < 1) {
        return with_user
                   ? "the user is missing; write 'FPMUser USER[:GROUP] [KEY=VALUE]...' or "
                     "'FPMUser off'"
                   : "nothing is given; write KEY=VALUE, for example pm.max_children=20";
    }
    if (with_user && strcasecmp(argv[0], "off") == 0) {
        line->off = 1;
        return argc == 1 ? NULL
                         : apr_psprintf(p,
                                        "'off' takes nothing behind it, but '%s' is there; "
                                        "remove it",
                                        fpmp_value_shown(p, argv[1]));
    }
    if (with_user) {
        const char *why = read_user(p, line, argv[i++]);

        if (why) {
            return why;
        }
    }
    for (; i < argc; i++) {
        const char *why = read_key(p, line, argv[i]);

        if (why) {
            return why;
        }
    }
    return NULL;
}

const char *fpmp_master_parse(apr_pool_t *p, fpmp_master_t *master, int argc,
                              char *const argv[])
{
    const struct {
        const char *key;
        const char **path;
    } keys[] = {
        { "config", &master->config_path },    { "binary", &master->binary_path },
        { "pid", &master->pid_path },          { "pool_dir", &master->pool_dir },
        { "socket_dir", &master->socket_dir },
        { "start", &master->start_command }, /* its first word is a path */
    };
    const char *why;
    int i;

    if (argc < 1) {
        return "the name is missing; write 'FPMMaster NAME config=/path/php-fpm.conf'";
    }
    master->name = apr_pstrdup(p, argv[0]);
    why = fpmp_rule_master_name(master->name);
    if (why) {
        return apr_psprintf(p, "name '%s' %s", fpmp_value_shown(p, master->name), why);
    }
    for (i = 1; i < argc; i++) {
        const char *value = NULL;
        apr_size_t k;

        for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
            if (key_is(argv[i], keys[k].key, &value)) {
                break;
            }
        }
        if (!value) {
            return apr_psprintf(p,
                                "'%s' is none of config=, binary=, pid=, pool_dir=, "
                                "socket_dir= and start=; write one of these with an "
                                "absolute path",
                                fpmp_value_shown(p, argv[i]));
        }
        if (*keys[k].path) {
            return given_twice(p, keys[k].key);
        }
        why = fpmp_rule_path(p, keys[k].path == &master->start_command
                                    ? apr_pstrndup(p, value, strcspn(value, " "))
                                    : value);
        if (why) {
            return apr_psprintf(p, "path in '%s' %s", fpmp_value_shown(p, argv[i]), why);
        }
        *keys[k].path = apr_pstrdup(p, value);
    }
    return NULL;
}
