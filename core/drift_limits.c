/* SPDX-License-Identifier: Apache-2.0
 *
 * What holds for a master as a whole: its version, its global section, and whether machine
 * and limits can carry all of its pools. Entry point: fpmp_drift_limits.
 */
#include "drift.h"

#include <stdlib.h>
#include <string.h>

#define SHM_POOL_BYTES 128 /* fpm_scoreboard.c 8.2: of a pool, and of each child */
#define SHM_CHILD_BYTES 1168
#define CHILD_BYTES (8 * 1024 * 1024) /* RSS after "hello world" is 9 MB (8.2.36) */
#define OWN_DESCRIPTORS 16            /* of an idle master without pools: 9 (8.2.36) */
/* A reload of 1,000 pools on demand takes 0.45 s, of 200 static children 3.4 s (8.2.36, two
 * cores); for longer than this many seconds it is said. */
#define RELOAD_POOL_SEC 0.00045
#define RELOAD_CHILD_SEC 0.017
#define RELOAD_SLOW_SEC 5

static int number(const char *value)
{
    return value ? atoi(value) : 0;
}

/* Children that are there before the first request. */
static double children_at_once(const fpmp_pool_t *pool)
{
    const char *pm = fpmp_pool_value(pool, "pm");
    int most = number(fpmp_pool_value(pool, "pm.max_children"));
    int spare = number(fpmp_pool_value(pool, "pm.max_spare_servers"));

    return !pm || strcasecmp(pm, "ondemand") == 0       ? 0
           : strcasecmp(pm, "static") == 0 || spare > most ? most
                                                           : spare;
}

/* The same of a chain, whose file is not parsed. */
static const char *setting_of(const fpmp_chain_t *chain, const char *name)
{
    int i;

    for (i = 0; i < chain->settings->nelts; i++) {
        const fpmp_setting_t *setting = &APR_ARRAY_IDX(chain->settings, i, fpmp_setting_t);

        if (!setting->subkey && strcmp(setting->name, name) == 0) {
            return setting->value;
        }
    }
    return NULL;
}

static fpmp_pool_t *pool_of_chain(apr_pool_t *p, const fpmp_chain_t *chain)
{
    static const char *const names[] = { "pm", "pm.max_children", "pm.max_spare_servers",
                                         "access.log" };
    fpmp_pool_t *pool = apr_pcalloc(p, sizeof(*pool));
    apr_size_t i;

    pool->keys = apr_array_make(p, 4, sizeof(fpmp_key_t));
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        fpmp_key_t *key = apr_array_push(pool->keys);

        memset(key, 0, sizeof(*key));
        key->name = names[i];
        key->value = setting_of(chain, names[i]);
    }
    return pool;
}

typedef struct {
    double pools, descriptors, shm_bytes, child_bytes;
} demand_t;

static void add_demand(demand_t *demand, const fpmp_pool_t *pool)
{
    const char *log = fpmp_pool_value(pool, "access.log");

    demand->pools++;
    demand->descriptors += 1 + (log && *log);
    demand->shm_bytes +=
        SHM_POOL_BYTES +
        (double)SHM_CHILD_BYTES * number(fpmp_pool_value(pool, "pm.max_children"));
    demand->child_bytes += children_at_once(pool) * CHILD_BYTES;
}

static demand_t sum_demand(fpmp_look_t *look)
{
    demand_t demand = { .descriptors = OWN_DESCRIPTORS };
    int i;

    for (i = 0; i < look->view->pools->nelts; i++) {
        const fpmp_pool_t *pool = APR_ARRAY_IDX(look->view->pools, i, const fpmp_pool_t *);

        add_demand(&demand,
                   pool->chain ? pool_of_chain(look->plan->pool, pool->chain) : pool);
    }
    return demand;
}

static void judge_limits(fpmp_look_t *look)
{
    apr_pool_t *p = look->plan->pool;
    const fpmp_asked_t *asked = look->view->asked;
    const fpmp_key_t *limit_key = fpmp_pool_key(look->view->global, "rlimit_files");
    int own = number(limit_key ? limit_key->value : NULL);
    int limit = own > 0 ? own : asked->descriptors;
    double memory = (double)asked->memory_bytes;
    demand_t demand = sum_demand(look);
    double children = demand.child_bytes / CHILD_BYTES;
    double reload_sec = demand.pools * RELOAD_POOL_SEC + children * RELOAD_CHILD_SEC;

    if (own && asked->descriptors_most > 0 &&
        (own < 0 || own > asked->descriptors_most)) {
        fpmp_look_say(look, "FPMP0560", FPMP_LINK_MASTER, FPMP_BROKEN,
                      apr_psprintf(p,
                                   "rlimit_files = %s at %s:%d is more than the %d open "
                                   "files that the kernel gives, and PHP-FPM does not start",
                                   fpmp_value_shown(p, limit_key->value), limit_key->file,
                                   limit_key->line, asked->descriptors_most),
                      "write a lower number there, or raise fs.nr_open");
    }
    else if (limit > 0 && demand.descriptors > limit) {
        fpmp_look_say(look, "FPMP0516", FPMP_LINK_MASTER, FPMP_BROKEN,
                      apr_psprintf(p,
                                   "the %.0f pools of master '%s' need about %.0f open "
                                   "files, it may have %d and ends at its next reload",
                                   demand.pools, look->master->name, demand.descriptors,
                                   limit),
                      apr_psprintf(p,
                                   "write rlimit_files = %.0f into the [global] section "
                                   "of '%s'",
                                   demand.descriptors * 2, look->master->config_path));
    }
    else if (memory > 0 && demand.shm_bytes > memory) {
        fpmp_look_say(look, "FPMP0517", FPMP_LINK_MASTER, FPMP_BROKEN,
                      apr_psprintf(p,
                                   "pm.max_children of all pools of master '%s' asks for "
                                   "%.0f MB of shared memory, the machine has %.0f MB",
                                   look->master->name, demand.shm_bytes / 1e6,
                                   memory / 1e6),
                      "lower pm.max_children; PHP-FPM ends at its next reload");
    }
    else if (memory > 0 && demand.child_bytes > memory) {
        fpmp_look_say(look, "FPMP0518", FPMP_LINK_MASTER, FPMP_NOTICE,
                      apr_psprintf(p,
                                   "the pools of master '%s' start children at once that "
                                   "need %.0f MB or more, the machine has %.0f MB",
                                   look->master->name, demand.child_bytes / 1e6,
                                   memory / 1e6),
                      "use pm=ondemand, or lower pm.max_children");
    }
    else if (memory > 0 && reload_sec > RELOAD_SLOW_SEC) {
        fpmp_look_say(look, "FPMP0544", FPMP_LINK_MASTER, FPMP_NOTICE,
                      apr_psprintf(p,
                                   "a reload of master '%s' with its %.0f pools and %.0f "
                                   "children at once takes about %.0f s, and its sites wait "
                                   "so long",
                                   look->master->name, demand.pools, children, reload_sec),
                      "use pm=ondemand, or spread the hosts over several masters with php=");
    }
}

static void judge_global(fpmp_look_t *look)
{
    apr_pool_t *p = look->plan->pool;
    const fpmp_key_t *pid = fpmp_pool_key(look->view->global, "pid");
    const fpmp_key_t *timeout =
        fpmp_pool_key(look->view->global, "process_control_timeout");

    if (pid && *pid->value == '/' && look->master->pid_path &&
        strcmp(pid->value, look->master->pid_path) != 0) {
        fpmp_look_say(look, "FPMP0519", FPMP_LINK_MASTER, FPMP_BROKEN,
                      apr_psprintf(p, "master '%s' writes pid file '%s' (%s:%d), not '%s'",
                                   look->master->name, pid->value, pid->file, pid->line,
                                   look->master->pid_path),
                      "write one of the two only, or name it with pid= on FPMMaster");
    }
    if (look->view->control_timeout_sec == 0 && !look->master->control_timeout_sec &&
        timeout && look->facts->main.text) {
        fpmp_look_say(look, "FPMP0515", FPMP_LINK_MASTER, FPMP_NOTICE,
                      apr_psprintf(p,
                                   "process_control_timeout of master '%s' is 0 by %s:%d, "
                                   "which PHP-FPM reads behind the module's pool files, so "
                                   "each reload ends the requests that run",
                                   look->master->name, timeout->file, timeout->line),
                      "remove that line, or give it a time such as 10s");
    }
}

/* The name of the master is all that is known without running the program. */
static void judge_version(fpmp_look_t *look)
{
    apr_pool_t *p = look->plan->pool;
    const char *why = fpmp_rule_version(p, look->master->version);

    if (why) {
        fpmp_look_say(look, "FPMP0543", FPMP_LINK_MASTER, FPMP_NOTICE,
                      apr_psprintf(p, "'%s' is PHP %s by its name, where %s",
                                   look->master->name,
                                   fpmp_version_text(p, look->master->version), why),
                      "choose a PHP that is maintained, or see that its package has the "
                      "mend");
    }
}

void fpmp_drift_limits(fpmp_look_t *look)
{
    judge_version(look);
    judge_global(look);
    if (look->view->asked) {
        judge_limits(look);
    }
}
