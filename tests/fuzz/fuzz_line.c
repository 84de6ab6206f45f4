/* SPDX-License-Identifier: Apache-2.0
 *
 * The arguments of FPMUser, one a line: what is accepted gives a pool file that says just
 * that, and nothing else: one section, one user, each value as it was written.
 */
#include "fuzz.h"

static const fpmp_httpd_t httpd = {
    .user = "www-data", .group = "www-data", .uid = 33, .gid = 33, .server_id = "/run/pid"
};

static void count_entry(const fpmp_chain_t *chain, const fpmp_ini_entry_t *entry,
                        int *sections, int *users)
{
    if (!entry->name) {
        ++*sections;
        HOLDS(strcmp(entry->section, chain->pool) == 0);
    }
    else if (!entry->subkey && strcmp(entry->name, "user") == 0) {
        ++*users;
        HOLDS(strcmp(entry->value, chain->user) == 0);
    }
    else {
        HOLDS(strcmp(entry->name, "include") != 0);
    }
}

/* Is this setting in the file as it was given? */
static int has_setting(const fpmp_ini_t *ini, const fpmp_setting_t *setting)
{
    for (int i = 0; i < ini->entries->nelts; i++) {
        const fpmp_ini_entry_t *entry = &APR_ARRAY_IDX(ini->entries, i, fpmp_ini_entry_t);

        if (entry->name && strcmp(entry->name, setting->name) == 0 &&
            !entry->subkey == !setting->subkey &&
            (!entry->subkey || strcmp(entry->subkey, setting->subkey) == 0) &&
            (!setting->quoted || strcmp(entry->value, setting->value) == 0)) {
            return 1;
        }
    }
    return 0;
}

static void hold_file(apr_pool_t *p, const fpmp_chain_t *chain)
{
    const char *text = fpmp_pool_text_render(p, chain, httpd.server_id), *server;
    const fpmp_ini_t *ini = fpmp_ini_read(p, text, strlen(text));
    int sections = 0, users = 0;

    HOLDS(fpmp_pool_text_mark(p, text, strlen(text), &server) == FPMP_MARK_WHOLE);
    HOLDS(ini->opaque_line == 0);
    for (int i = 0; i < ini->entries->nelts; i++) {
        count_entry(chain, &APR_ARRAY_IDX(ini->entries, i, fpmp_ini_entry_t), &sections,
                    &users);
    }
    HOLDS(sections == 1 && users == 1);
    for (int i = 0; i < chain->settings->nelts; i++) {
        HOLDS(has_setting(ini, &APR_ARRAY_IDX(chain->settings, i, fpmp_setting_t)));
    }
    HOLDS(ini->entries->nelts == 1 + 9 + chain->settings->nelts);
}

static void hold_line(apr_pool_t *p, fpmp_line_t *line)
{
    fpmp_plan_t *plan = fpmp_plan_make(p);
    fpmp_master_t master = { .name = line->php ? line->php : "8.2",
                             .config_path = "/etc/php-fpm.conf",
                             .binary_path = "/usr/sbin/php-fpm",
                             .pid_path = "/run/php.pid",
                             .pool_dir = "/etc/pool.d",
                             .socket_dir = "/run/php",
                             .version = 804 };
    fpmp_chain_t *chain;

    APR_ARRAY_PUSH(plan->lines, fpmp_line_t *) = line;
    APR_ARRAY_PUSH(plan->masters, fpmp_master_t *) = &master;
    fpmp_chains_derive(plan, &httpd);
    chain = line->chain;
    if (chain && !chain->broken) {
        fpmp_user_facts_t facts = { .user_lookup = FPMP_LOOKUP_FOUND,
                                    .group_lookup = FPMP_LOOKUP_FOUND,
                                    .uid = 1001,
                                    .gid = 1001,
                                    .primary_gid = 1001,
                                    .group = chain->group ? chain->group : chain->user };

        fpmp_drift_user(plan, chain, &facts, &httpd);
        hold_file(p, chain);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = text_of(data, size), *words[WORDS_MAX];
    fpmp_line_t line = { .where = { "site.conf", 1, "FPMUser" } }, defaults = { 0 };
    fpmp_master_t master = { 0 };
    int count = words_of(text, words);
    const char *why;
    apr_pool_t *p;

    apr_pool_create(&p, NULL);
    why = fpmp_line_parse(p, &line, 1, count, words);
    for (const char *c = why ? why : ""; *c; c++) {
        HOLDS((unsigned char)*c >= 0x20 && *c != 0x7f);
    }
    if (!why && !line.off) {
        hold_line(p, &line);
    }
    fpmp_line_parse(p, &defaults, 0, count, words);
    fpmp_master_parse(p, &master, count, words);
    apr_pool_destroy(p);
    free(text);
    return 0;
}
