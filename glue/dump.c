/* SPDX-License-Identifier: Apache-2.0
 *
 * The words that an administrator gives with -D: DUMP_FPMPOOL, DUMP_FPMPOOL=json,
 * FPMPOOL_SYNC. They belong to `apachectl -t`; here they are read, and what DUMP_FPMPOOL
 * shows is printed on standard output, so that a pipe gets nothing else.
 */
#include "glue.h"

#include "http_main.h"

APLOG_USE_MODULE(fpmpool);

const char *fpmp_define_value(const char *name)
{
    apr_size_t len = strlen(name);
    int i;

    for (i = 0; i < ap_server_config_defines->nelts; i++) {
        const char *word = APR_ARRAY_IDX(ap_server_config_defines, i, const char *);

        if (strncmp(word, name, len) == 0 && (word[len] == '\0' || word[len] == '=')) {
            return word[len] ? word + len + 1 : "";
        }
    }
    return NULL;
}

static int refuse(const char *text)
{
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, NULL, "%s", text);
    return HTTP_INTERNAL_SERVER_ERROR;
}

int fpmp_define_check(apr_pool_t *p, int testing)
{
    static const char *const words[] = { "DUMP_FPMPOOL", "FPMPOOL_SYNC", "FPMPOOL_LINT" };
    const char *form = fpmp_define_value("DUMP_FPMPOOL");
    apr_size_t i;

    for (i = 0; !testing && i < sizeof(words) / sizeof(words[0]); i++) {
        const char *value = fpmp_define_value(words[i]);

        if (value) {
            return refuse(apr_psprintf(
                p,
                "FPMP0113: directive: %s without -t would start a server; write "
                "'apachectl -t -D %s%s%s'",
                words[i], words[i], *value ? "=" : "", value));
        }
    }
    if (form && *form && strcmp(form, "json") != 0) {
        return refuse(apr_psprintf(
            p,
            "FPMP0114: directive: DUMP_FPMPOOL=%s is no form to print, wanted is json or "
            "none; write 'apachectl -t -D DUMP_FPMPOOL=json'",
            fpmp_value_shown(p, form)));
    }
    return OK;
}

static void print_text(apr_file_t *out, const fpmp_plan_t *plan, apr_pool_t *p,
                       const apr_array_header_t *sites)
{
    int i;

    for (i = 0; i < plan->chains->nelts; i++) {
        const fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, const fpmp_chain_t *);

        apr_file_printf(out, "%s\n", chain->pool);
        apr_file_puts(fpmp_report_chain(p, plan, chain, sites), out);
    }
    apr_file_puts(fpmp_report_rest(p, plan), out);
}

static void print_json(apr_file_t *out, const fpmp_plan_t *plan, apr_pool_t *p,
                       const apr_array_header_t *sites)
{
    int i;

    apr_file_puts("{\n  \"version\": \"" FPMP_VERSION "\",\n  \"chains\": [", out);
    for (i = 0; i < plan->chains->nelts; i++) {
        apr_file_puts(i ? ",\n    " : "\n    ", out);
        apr_file_puts(fpmp_json_chain(p, plan,
                                      APR_ARRAY_IDX(plan->chains, i, const fpmp_chain_t *),
                                      sites),
                      out);
    }
    apr_file_puts(plan->chains->nelts ? "\n  ],\n  " : "],\n  ", out);
    apr_file_puts(fpmp_json_rest(p, plan), out);
    apr_file_puts("\n}\n", out);
}

void fpmp_dump_print(const fpmp_plan_t *plan, apr_pool_t *p, server_rec *s)
{
    const char *form = fpmp_define_value("DUMP_FPMPOOL");
    const apr_array_header_t *bare;
    apr_file_t *out = NULL;

    if (!form || apr_file_open_stdout(&out, p) != APR_SUCCESS) {
        return;
    }
    (*form ? print_json : print_text)(out, plan, p, fpmp_tree_sites(p, s, &bare));
}
