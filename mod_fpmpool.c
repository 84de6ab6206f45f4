/* SPDX-License-Identifier: Apache-2.0
 *
 * mod_fpmpool: FPMUser david, and the PHP of this virtual host runs as david under PHP-FPM.
 * Module record, directives, hooks. The hook bodies read as the way through the house:
 * configuration -> chain -> check -> pool file -> reload (start), and request.
 */
#include "glue/glue.h"

#include "ap_mpm.h"
#include "mod_status.h"
#include "mpm_common.h"

#define ANYWHERE_BUT_HTACCESS (RSRC_CONF | ACCESS_CONF)

static const command_rec directives[] = {
    AP_INIT_TAKE_ARGV("FPMUser", fpmp_set_user, NULL, ANYWHERE_BUT_HTACCESS,
                      "USER[:GROUP] [KEY=VALUE]... : PHP here runs as USER; or off"),
    AP_INIT_TAKE_ARGV("FPMDefaults", fpmp_set_defaults, NULL, RSRC_CONF,
                      "KEY=VALUE... : pool settings that every FPMUser starts from"),
    AP_INIT_TAKE_ARGV(
        "FPMMaster", fpmp_set_master, NULL, RSRC_CONF,
        "NAME [config=|binary=|pid=|pool_dir=|socket_dir=PATH]... : a PHP-FPM"),
    AP_INIT_TAKE_ARGV("FPMHosts", fpmp_set_hosts, NULL, RSRC_CONF,
                      "NAME ADDRESS... allow=ADDRESS,... export=DIR [KEY=VALUE]... : machines "
                      "with the pools of hosts=NAME"),
    AP_INIT_TAKE1("FPMSocketDir", fpmp_set_socket_dir, NULL, RSRC_CONF,
                  "the directory of the sockets of all masters"),
    AP_INIT_TAKE1("FPMSync", fpmp_set_sync, NULL, RSRC_CONF,
                  "auto, write or check: what a start may do to pool files and PHP-FPM"),
    AP_INIT_FLAG("FPMStrict", fpmp_set_strict, NULL, RSRC_CONF,
                 "on: the first start fails if a chain is broken"),
    AP_INIT_FLAG("FPMIgnorePHPValue", fpmp_set_ignore_php_value, NULL, RSRC_CONF,
                 "on: php_value and php_flag in .htaccess are accepted without effect"),
    AP_INIT_TAKE2("php_value", fpmp_see_php_value, NULL, OR_ALL, "a setting of mod_php"),
    AP_INIT_TAKE2("php_flag", fpmp_see_php_value, NULL, OR_ALL, "a switch of mod_php"),
    AP_INIT_TAKE2("php_admin_value", fpmp_see_php_value, NULL, ANYWHERE_BUT_HTACCESS,
                  "a setting of mod_php"),
    AP_INIT_TAKE2("php_admin_flag", fpmp_see_php_value, NULL, ANYWHERE_BUT_HTACCESS,
                  "a switch of mod_php"),
    /* httpd gives a directive to every module that knows it: core's own one stays as it is. */
    AP_INIT_TAKE1("SetHandler", fpmp_see_handler, NULL, OR_FILEINFO, "a handler name"),
    AP_INIT_NO_ARGS(FPMP_LINKS, fpmp_links_make, NULL, RSRC_CONF,
                    "made by the module itself"),
    { .name = NULL }
};

static int is_first_pass(void)
{
    return ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG;
}

/* 1 in the second pass of a start: the first one has already said everything. */
static int is_second_pass(void)
{
    return !is_first_pass() && ap_state_query(AP_SQ_CONFIG_GEN) <= 1;
}

/* configtest ends after this hook, so all that can be wrong is said here and nothing is
 * changed. Every other run (start, stop, graceful) passes through too and must not be
 * stopped here. */
static int on_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                           server_rec *s)
{
    fpmp_plan_t *plan = fpmp_plan_of(pconf);
    int testing = ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST, broken;
    fpmp_lint_t *lint = NULL;

    (void)plog;
    if (!testing) {
        return is_first_pass() ? fpmp_define_check(ptemp, 0) : OK;
    }
    if (fpmp_define_check(ptemp, 1) != OK) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (fpmp_define_value("FPMPOOL_SYNC")) {
        fpmp_sync_all(plan, fpmp_plan_complete(plan, s), s);
    }
    else if (fpmp_define_value("FPMPOOL_LINT")) {
        lint = fpmp_lint_all(plan, fpmp_plan_complete(plan, s));
    }
    else {
        fpmp_check_all(plan, fpmp_plan_complete(plan, s), s);
    }
    broken = fpmp_plan_say(plan, s, 1);
    fpmp_dump_print(plan, ptemp, s);
    if (lint) {
        fpmp_lint_show(lint);
    }
    return broken ? HTTP_INTERNAL_SERVER_ERROR : OK;
}

/* A real start: make the machine as the configuration says, before any child is forked. A
 * restart has it made by a process of its own, since httpd serves nobody until this hook
 * ends. A failure here would end a running server, so only the first start may fail, and only
 * where FPMStrict asks for it. */
static int on_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                          server_rec *s)
{
    fpmp_plan_t *plan = fpmp_plan_of(pconf);
    int *untold = ap_retained_data_get("fpmpool untold"), broken = 0;

    (void)plog;
    if (plan->lines->nelts) {
        /* Each of them has a ':'. */
        plan->targets = fpmp_targets_find(pconf, fpmp_tree_read(ptemp, ":"));
    }
    plan->graceful = fpmp_sync_old_children(-1);
    fpmp_plan_derive(plan, s);
    if (fpmp_states_make(plan) != APR_SUCCESS) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (ap_state_query(AP_SQ_CONFIG_GEN) > 1 && fpmp_sync_apart(plan, s, 0) == APR_SUCCESS) {
        return OK;
    }
    untold = untold ? untold : ap_retained_data_create("fpmpool untold", sizeof(*untold));
    plan->untold = is_second_pass() && *untold;
    fpmp_plan_users(plan);
    fpmp_sync_all(plan, plan->httpd, s);
    *untold = plan->untold;
    if (!is_second_pass()) {
        broken = fpmp_plan_say(plan, s, 0);
    }
    return broken && plan->strict && is_first_pass() ? HTTP_INTERNAL_SERVER_ERROR : OK;
}

/* The last child of an older configuration has ended: what was kept for it may go. */
static void on_end_generation(server_rec *s, ap_generation_t gen)
{
    int state = 0;

    if (ap_mpm_query(AP_MPMQ_MPM_STATE, &state) == APR_SUCCESS && state == AP_MPMQ_RUNNING) {
        fpmp_sync_later(fpmp_plan_of(s->process->pconf), s, gen);
    }
}

static void register_hooks(apr_pool_t *p)
{
    static const char *const proxy[] = { "mod_proxy.c", NULL };

    (void)p;
    /* LAST: httpd's User and Group and the MPM's numbers are final. */
    ap_hook_check_config(on_check_config, NULL, NULL, APR_HOOK_LAST);
    ap_hook_post_config(on_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    /* In the parent, while it serves. */
    ap_hook_end_generation(on_end_generation, NULL, NULL, APR_HOOK_MIDDLE);
    /* After mod_rewrite's [H=] and mod_dir: the file name is final, and ours is the last
     * word. */
    ap_hook_fixups(fpmp_request_claim, NULL, NULL, APR_HOOK_REALLY_LAST);
    /* mod_proxy takes on what via=balancer hands over. */
    ap_hook_handler(fpmp_request_handle, NULL, proxy, APR_HOOK_FIRST);
    ap_hook_handler(fpmp_status_handle, NULL, NULL, APR_HOOK_MIDDLE);
    /* Where mod_status is not loaded, nobody calls it. */
    APR_OPTIONAL_HOOK(ap, status_hook, fpmp_status_extend, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(fpmpool) = {
    STANDARD20_MODULE_STUFF, fpmp_dir_create,    fpmp_dir_merge, NULL, NULL, directives,
    register_hooks,          AP_MODULE_FLAG_NONE
};
