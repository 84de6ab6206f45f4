/* SPDX-License-Identifier: Apache-2.0
 *
 * Where mod_proxy would connect, and whether the server configuration names it.
 */
/* links: core */
#include "plan.h"

static const struct {
    const char *text, *socket, *name; /* NULL, NULL: neither */
} texts[] = {
    { "proxy:unix:/run/a.sock|fcgi://localhost", "/run/a.sock", "fcgi://localhost" },
    { "PROXY:Unix:/run/a.sock|FCGI://LocalHost/srv/x.php", "/run/a.sock",
      "fcgi://localhost" },
    { "unix:/run/a.sock|fcgi://x", "/run/a.sock", "fcgi://x" },
    { "unix:a.sock|http://x/", "a.sock", NULL },
    { "proxy:fcgi://127.0.0.1:9000/srv", NULL, "fcgi://127.0.0.1:9000" },
    { "proxy:fcgi:///srv", NULL, "fcgi://" },
    { "proxy:balancer://php/x", NULL, "balancer://php" },
    { "proxy:balancer://u@php/x", NULL, "balancer://php" },
    { "proxy:balancer://@PHP", NULL, "balancer://php" },
    { "proxy:balancer://a@b:c@php:80/x@y:1", NULL, "balancer://php" },
    { "balancer://php:80", NULL, "balancer://php" },
    { "balancer://php/u@x", NULL, "balancer://php" },
    { "balancer://u@", NULL, "balancer://" },
    { "proxy:fcgi://u@x:9000/y", NULL, "fcgi://u@x:9000" }, /* as it is written */
    { "proxy:http://x/fcgi://y", NULL, NULL },
    { "proxy:unix:/run/a.sock", NULL, NULL },
    { "fpmpool", NULL, NULL },
    { "", NULL, NULL },
};

static void a_target_is_read(void **state)
{
    for (size_t i = 0; i < COUNT(texts); i++) {
        fpmp_target_t target;
        int found = fpmp_target_read(*state, texts[i].text, &target);

        assert_int_equal(found, texts[i].socket || texts[i].name);
        expect_text(texts[i].text, target.socket ? target.socket : "-",
                    texts[i].socket ? texts[i].socket : "-");
        expect_text(texts[i].text, target.name ? target.name : "-",
                    texts[i].name ? texts[i].name : "-");
    }
}

/* ---- what the configuration names ------------------------------------------------------
 */

static const fpmp_conf_t *add(apr_array_header_t *conf, const fpmp_conf_t *parent,
                              const char *name, const char *first, const char *second)
{
    fpmp_conf_t *at = apr_pcalloc(conf->pool, sizeof(*at));
    const char *words[] = { first, second };

    at->name = name;
    at->words = apr_array_make(conf->pool, 2, sizeof(const char *));
    for (size_t i = 0; i < COUNT(words); i++) {
        if (words[i]) {
            APR_ARRAY_PUSH(at->words, const char *) = words[i];
        }
    }
    at->where.file = SITE;
    at->where.line = conf->nelts + 1;
    at->parent = parent;
    at->host = strcmp(name, "<VirtualHost") == 0 ? at : parent ? parent->host : NULL;
    APR_ARRAY_PUSH(conf, const fpmp_conf_t *) = at;
    return at;
}

static fpmp_targets_t *some_targets(apr_pool_t *p)
{
    apr_array_header_t *conf = apr_array_make(p, 8, sizeof(const fpmp_conf_t *));
    const fpmp_conf_t *host, *proxy;

    add(conf, NULL, "SetHandler", "proxy:unix:/run/www.sock|fcgi://localhost", NULL);
    proxy = add(conf, NULL, "<Proxy", "balancer://php", NULL);
    add(conf, proxy, "BalancerMember", "fcgi://10.0.0.1:9000", NULL);
    proxy = add(conf, NULL, "<Proxy", "balancer://app", NULL);
    add(conf, proxy, "BalancerMember", "http://10.0.0.1/", NULL);
    add(conf, NULL, "BalancerMember", "balancer://two", "fcgi://10.0.0.2:9000");
    host = add(conf, NULL, "<VirtualHost", "*:80", NULL); /* SITE:7 */
    add(conf, host, "ProxyPassMatch", "^/(.*)$", "fcgi://127.0.0.1:9001/srv/$1");
    add(conf, host, "RewriteRule", "^", "-");
    add(conf, host, "RewriteRule", "[H=proxy:unix:/run/h.sock|fcgi://h]", NULL);
    add(conf, host, "SetHandler", "proxy:unix:/run/%{ENV:NAME}.d/x.sock|fcgi://x[1]", NULL);
    return fpmp_targets_find(p, conf);
}

#define HOST_7 SITE ":7"
#define HOST_8 SITE ":8"

static const struct {
    const char *host;
    int inherited;
    const char *text;
    int has;
} rows[] = {
    { "", 1, "proxy:unix:/run/www.sock|fcgi://localhost/x", 1 },
    { HOST_8, 1, "proxy:unix:/run/www.sock|fcgi://localhost", 1 },
    { HOST_8, 0, "proxy:unix:/run/www.sock|fcgi://localhost", 0 },
    /* the socket and the name belong together */
    { "", 1, "proxy:unix:/run/other.sock|fcgi://localhost", 0 },
    { "", 1, "proxy:unix:/run/www.sock|fcgi://other", 0 },
    { "", 1, "proxy:fcgi://localhost", 0 },
    { HOST_7, 0, "fcgi://127.0.0.1:9001/srv/x.php", 1 },
    { HOST_7, 0, "fcgi://127.0.0.1:9002/srv/x.php", 0 },
    { HOST_8, 1, "fcgi://127.0.0.1:9001/srv/x.php", 0 },
    { HOST_7, 0, "proxy:unix:/run/h.sock|fcgi://h", 1 },
    /* a variable stands for any text, and nothing else does */
    { HOST_7, 0, "proxy:unix:/run/david.d/x.sock|fcgi://x[1]", 1 },
    { HOST_7, 0, "proxy:unix:/run/david.d/y.sock|fcgi://x[1]", 0 },
    { HOST_7, 0, "proxy:unix:/run/david.d/x.sock|fcgi://x1", 0 },
    { HOST_7, 1, "proxy:balancer://php", 1 },
    { HOST_7, 0, "proxy:balancer://php", 0 },
};

static void a_host_has_what_its_configuration_names(void **state)
{
    const fpmp_targets_t *targets = some_targets(*state);

    for (size_t i = 0; i < COUNT(rows); i++) {
        fpmp_target_t target;

        assert_true(fpmp_target_read(*state, rows[i].text, &target));
        if (fpmp_targets_has(targets, rows[i].host, rows[i].inherited, &target) !=
            rows[i].has) {
            fail_msg("%s of '%s', inherited %d: wanted %d", rows[i].text, rows[i].host,
                     rows[i].inherited, rows[i].has);
        }
    }
}

static void a_balancer_is_fastcgi_by_its_members(void **state)
{
    static const struct {
        const char *text;
        int fcgi;
    } balancers[] = { { "proxy:balancer://php/x", 1 },   { "proxy:Balancer://PHP/x", 1 },
                      { "proxy:balancer://two", 1 },     { "proxy:balancer://app", 0 },
                      { "proxy:balancer://none", 0 },    { "fcgi://x", 1 },
                      { "proxy:balancer://u@php", 1 },   { "proxy:balancer://php:80/x", 1 },
                      { "proxy:balancer://u@app", 0 },   { "proxy:balancer://@two", 1 },
                      { "unix:/run/a.sock|http://x", 0 } };
    const fpmp_targets_t *targets = some_targets(*state);

    for (size_t i = 0; i < COUNT(balancers); i++) {
        fpmp_target_t target;

        fpmp_target_read(*state, balancers[i].text, &target);
        if ((fpmp_targets_fcgi(targets, &target) != 0) != balancers[i].fcgi) {
            fail_msg("%s: wanted %d", balancers[i].text, balancers[i].fcgi);
        }
    }
}

static void the_main_server_has_an_empty_key(void **state)
{
    expect_text("main", fpmp_target_host(*state, NULL, 0), "");
    expect_text("host", fpmp_target_host(*state, SITE, 7), HOST_7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(a_target_is_read),
        plan_test(a_host_has_what_its_configuration_names),
        plan_test(a_balancer_is_fastcgi_by_its_members),
        plan_test(the_main_server_has_an_empty_key),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
