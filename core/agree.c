/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules that join several settings of one pool, and the order in which they
 * stand in the pool file. Here and not in settings.c because these see a whole
 * pool, defaults included, where settings.c sees one KEY=VALUE.
 * Entry points: fpmp_settings_agree, fpmp_settings_sort.
 */
#include "core.h"

#include <string.h>

/* The value of a scalar; NULL: not set. Of two the later one counts, as in FPM. */
static const char *value_of(const apr_array_header_t *settings, const char *name)
{
    for (int i = settings->nelts - 1; i >= 0; i--) {
        const fpmp_setting_t *setting = &APR_ARRAY_IDX(settings, i, fpmp_setting_t);

        if (strcmp(setting->name, name) == 0) {
            return setting->value;
        }
    }
    return NULL;
}

/* A number, or a time in seconds; 0 if not set, as FPM has it for all asked here. */
static int number_of(const apr_array_header_t *settings, const char *name)
{
    const char *value = value_of(settings, name);

    return value ? fpmp_ini_time_sec(value) : 0;
}

static const char *agree_dynamic(apr_pool_t *p, const apr_array_header_t *settings)
{
    int children = number_of(settings, "pm.max_children");
    int start = number_of(settings, "pm.start_servers");
    int min = number_of(settings, "pm.min_spare_servers");
    int max = number_of(settings, "pm.max_spare_servers");

    if (min < 1 || max < 1) {
        return apr_psprintf(p,
                            "pm.%s_spare_servers(0) must be a positive value with "
                            "pm=dynamic",
                            min < 1 ? "min" : "max");
    }
    if (min > children || max > children) {
        return apr_psprintf(p,
                            "pm.min_spare_servers(%d) and pm.max_spare_servers(%d) "
                            "cannot be greater than pm.max_children(%d)",
                            min, max, children);
    }
    if (max < min) {
        return apr_psprintf(p,
                            "pm.max_spare_servers(%d) must not be less than "
                            "pm.min_spare_servers(%d)",
                            max, min);
    }
    /* 0 is FPM's word for "choose one". */
    if (start != 0 && (start < min || start > max)) {
        return apr_psprintf(p,
                            "pm.start_servers(%d) must not be less than "
                            "pm.min_spare_servers(%d) and not greater than "
                            "pm.max_spare_servers(%d)",
                            start, min, max);
    }
    return NULL;
}

static const char *agree_manager(apr_pool_t *p, const apr_array_header_t *settings)
{
    const char *pm = value_of(settings, "pm");
    const char *idle = value_of(settings, "pm.process_idle_timeout");

    if (!pm) {
        return "the process manager is missing (pm=static, dynamic or ondemand)";
    }
    if (number_of(settings, "pm.max_children") < 1) {
        return "pm.max_children must be a positive value";
    }
    if (strcmp(pm, "dynamic") == 0) {
        return agree_dynamic(p, settings);
    }
    if (strcmp(pm, "ondemand") == 0 && idle && fpmp_ini_time_sec(idle) < 1) {
        return apr_psprintf(p,
                            "pm.process_idle_timeout(%s) must be greater than 0s with "
                            "pm=ondemand",
                            fpmp_value_shown(p, idle));
    }
    return NULL;
}

static const char *agree_slowlog(apr_pool_t *p, const apr_array_header_t *settings)
{
    int slow_sec = number_of(settings, "request_slowlog_timeout");
    int end_sec = number_of(settings, "request_terminate_timeout");
    int depth = number_of(settings, "request_slowlog_trace_depth");

    if ((slow_sec > 0 || depth > 0) && !value_of(settings, "slowlog")) {
        return apr_psprintf(p, "'slowlog' must be specified for use with '%s'",
                            slow_sec > 0 ? "request_slowlog_timeout"
                                         : "request_slowlog_trace_depth");
    }
    if (end_sec > 0 && slow_sec > end_sec) {
        return apr_psprintf(p,
                            "'request_slowlog_timeout' (%d) can't be greater than "
                            "'request_terminate_timeout' (%d)",
                            slow_sec, end_sec);
    }
    return NULL;
}

const char *fpmp_settings_agree(apr_pool_t *p, const apr_array_header_t *settings)
{
    const char *why = agree_manager(p, settings);

    return why ? why : agree_slowlog(p, settings);
}

const char *fpmp_setting_key(apr_pool_t *p, const fpmp_setting_t *setting)
{
    return setting->subkey ? apr_psprintf(p, "%s[%s]", setting->name, setting->subkey)
                           : setting->name;
}

int fpmp_setting_same(const fpmp_setting_t *a, const fpmp_setting_t *b)
{
    if (a->rank != b->rank || !a->subkey || !b->subkey) {
        return a->rank == b->rank;
    }
    return strcmp(a->subkey, b->subkey) == 0 &&
           (*a->subkey || strcmp(a->value, b->value) == 0);
}

static int in_order(const fpmp_setting_t *a, const fpmp_setting_t *b)
{
    if (a->rank != b->rank) {
        return a->rank < b->rank;
    }
    return strcmp(a->subkey ? a->subkey : "", b->subkey ? b->subkey : "") <= 0;
}

/* By insertion: qsort(3) is not stable, and equal keys keep the order they were read in. */
void fpmp_settings_sort(apr_array_header_t *settings)
{
    fpmp_setting_t *items = (fpmp_setting_t *)settings->elts;

    for (int i = 1; i < settings->nelts; i++) {
        fpmp_setting_t moving = items[i];
        int j = i;

        for (; j > 0 && !in_order(&items[j - 1], &moving); j--) {
            items[j] = items[j - 1];
        }
        items[j] = moving;
    }
}
