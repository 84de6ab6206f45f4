/* SPDX-License-Identifier: Apache-2.0
 *
 * The CGI variables of one request. httpd's own functions compute them; here is only what
 * PHP-FPM needs differently and what must never reach it. docs/variables.md has the table.
 */
#include "glue.h"

#include "util_script.h"

#include "apr_lib.h"

#include <string.h>

APLOG_USE_MODULE(fpmpool);

/* Computed by the server: a value of the same name from SetEnv or RewriteRule is dropped
 * first, so that a variable this request does not have is absent, not forged. */
static const char *const computed[] = {
    "AUTH_TYPE",
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "CONTEXT_DOCUMENT_ROOT",
    "CONTEXT_PREFIX",
    "DOCUMENT_ROOT",
    "DOCUMENT_URI",
    "GATEWAY_INTERFACE",
    "ORIG_PATH_INFO",
    "ORIG_PATH_TRANSLATED",
    "ORIG_SCRIPT_FILENAME",
    "ORIG_SCRIPT_NAME",
    "PATH_INFO",
    "PATH_TRANSLATED",
    "QUERY_STRING",
    "REDIRECT_QUERY_STRING",
    "REDIRECT_URL",
    "REMOTE_ADDR",
    "REMOTE_HOST",
    "REMOTE_IDENT",
    "REMOTE_PORT",
    "REMOTE_USER",
    "REQUEST_METHOD",
    "REQUEST_SCHEME",
    "REQUEST_URI",
    "SCRIPT_FILENAME",
    "SCRIPT_NAME",
    "SERVER_ADDR",
    "SERVER_ADMIN",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "SERVER_SIGNATURE",
    "SERVER_SOFTWARE",
};

/* Would change the settings of the pool, and for later requests of the same worker too
 * (fpm_main.c), or the proxy of the script's own requests (CVE-2016-5385). */
static const char *const forbidden[] = {
    "PHP_VALUE",  "PHP_ADMIN_VALUE", "REDIRECT_PHP_VALUE", "REDIRECT_PHP_ADMIN_VALUE",
    "HTTP_PROXY",
};

/* Would this variable be read under that name? mod_fastcgi makes an environment of them: '_' for
 * all that is no letter or digit, and the name ends at '='. PHP has '_' for ' ', '.' and '[' in a
 * name, leaves out blanks before it, and takes "NAME[x]" as part of an array NAME. */
static int reads_as(const char *key, const char *name)
{
    for (key += strspn(key, " "); *name; key++, name++) {
        if (apr_tolower(*key) != apr_tolower(*name) &&
            (*name != '_' || !*key || apr_isalnum(*key))) {
            return 0;
        }
    }
    return strchr("=[", *key) != NULL; /* or it ends too */
}

static int reads_as_one_of(const char *key, const char *const *names, apr_size_t count)
{
    apr_size_t i;

    for (i = 0; i < count; i++) {
        if (reads_as(key, names[i])) {
            return 1;
        }
    }
    return 0;
}

void fpmp_params_clean(request_rec *r)
{
    const apr_array_header_t *env = apr_table_elts(r->subprocess_env);
    int i = 0;

    while (i < env->nelts) { /* mostly there is none */
        const char *key = APR_ARRAY_IDX(env, i, apr_table_entry_t).key;

        if (reads_as_one_of(key, computed, sizeof(computed) / sizeof(computed[0])) ||
            reads_as_one_of(key, forbidden, sizeof(forbidden) / sizeof(forbidden[0]))) {
            apr_table_unset(r->subprocess_env, key); /* the next one moves up */
        }
        else {
            i++;
        }
    }
}

/* Passed on unless httpd itself checked it: then the password is httpd's business. */
void fpmp_params_authorize(request_rec *r, apr_table_t *env)
{
    const char *authorization = apr_table_get(r->headers_in, "Authorization");

    if (authorization && !r->ap_auth_type && !r->user &&
        !apr_table_get(env, "HTTP_AUTHORIZATION")) {
        apr_table_setn(env, "HTTP_AUTHORIZATION", authorization);
    }
}

static void add_script(request_rec *r, apr_table_t *env)
{
    if (!strchr(r->filename, '?')) {
        apr_table_setn(env, "SCRIPT_FILENAME",
                       apr_pstrcat(r->pool, FPMP_SCRIPT_PREFIX, r->filename, NULL));
        return;
    }
    /* Behind the prefix FPM would cut the name at '?'. Without it, it must not see that
     * there was an internal redirect, or it takes PATH_TRANSLATED for the script and drops
     * PATH_INFO. */
    apr_table_setn(env, "SCRIPT_FILENAME", r->filename);
    apr_table_unset(env, "REDIRECT_URL");
}

apr_table_t *fpmp_params_make(request_rec *r, const fpmp_body_t *body)
{
    apr_table_t *env;

    fpmp_params_clean(r);
    ap_add_common_vars(r);
    ap_add_cgi_vars(r);
    env = apr_table_copy(r->pool, r->subprocess_env);
    if (apr_table_get(r->headers_in, "Proxy")) { /* httpd before 2.4.25 makes it a variable */
        apr_table_unset(env, "HTTP_PROXY");
    }
    fpmp_params_authorize(r, env);
    add_script(r, env);
    if (body->length > 0) {
        apr_table_setn(env, "CONTENT_LENGTH", apr_off_t_toa(r->pool, body->length));
    }
    return env;
}
