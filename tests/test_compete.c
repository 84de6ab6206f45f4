/* SPDX-License-Identifier: Apache-2.0
 *
 * What else in httpd wants the files of a FPMUser. Each row is one directive with the
 * sections around it, outermost first; "no" rows stand just outside what the rule means.
 */
/* links: core */
#include "scene.h"

static const char *code_of(apr_pool_t *p, const char *findings)
{
    const char *space = strchr(findings, ' ');

    return space
               ? apr_psprintf(p, "%.*s %.8s", (int)(space - findings), findings, space + 1)
               : "";
}

static void a_directive_is_named_where_it_claims_a_php_file(void **state)
{
    static const struct {
        const char *title;
        const char *sections[3]; /* NULL: none; all of host a.test unless "server" first */
        const char *directive, *want;
    } table[] = {
        { "SetHandler for all", { NULL }, "SetHandler php-script", "NOTICE FPMP0640" },
        { "SetHandler for the server", { "server" }, "SetHandler x", "NOTICE FPMP0640" },
        { "SetHandler none", { NULL }, "SetHandler None", "" },
        { "SetHandler default-handler", { NULL }, "SetHandler default-handler", "" },
        { "ours", { NULL }, "SetHandler fpmpool", "" },
        { "Files that match", { "<Files *.php" }, "SetHandler x", "NOTICE FPMP0640" },
        { "Files that do not", { "<Files *.phps" }, "SetHandler x", "" },
        { "Files by pattern", { "<Files ~ \\.php$" }, "SetHandler x", "NOTICE FPMP0640" },
        { "Files by another", { "<Files ~ \\.pl$" }, "SetHandler x", "" },
        { "FilesMatch",
          { "<FilesMatch \\.ph(p|tml)$" },
          "SetHandler x",
          "NOTICE FPMP0640" },
        { "FilesMatch not", { "<FilesMatch \\.phps$" }, "SetHandler x", "" },
        { "in If",
          { "<FilesMatch \\.php$", "<If true" },
          "SetHandler x",
          "NOTICE FPMP0640" },
        { "in If of others", { "<FilesMatch \\.pl$", "<If true" }, "SetHandler x", "" },
        { "Location /", { "<Location /" }, "SetHandler x", "NOTICE FPMP0640" },
        { "Location apart", { "<Location /status" }, "SetHandler x", "" },
        { "Location, half a name", { "<Location /index" }, "SetHandler x", "" },
        { "LocationMatch",
          { "<LocationMatch \\.php$" },
          "SetHandler x",
          "NOTICE FPMP0640" },
        { "LocationMatch apart", { "<LocationMatch ^/cgi/" }, "SetHandler x", "" },
        { "its directory",
          { "<Directory /home/anna/www" },
          "SetHandler x",
          "NOTICE FPMP0640" },
        { "above it", { "<Directory /home/" }, "SetHandler x", "NOTICE FPMP0640" },
        { "another", { "<Directory /home/ann" }, "SetHandler x", "" },
        { "by wildcard", { "<Directory /home/*/www" }, "SetHandler x", "NOTICE FPMP0640" },
        { "by another wildcard", { "<Directory /srv/*/www" }, "SetHandler x", "" },
        { "DirectoryMatch",
          { "<DirectoryMatch ^/home/[^/]+/www/" },
          "SetHandler x",
          "NOTICE FPMP0640" },
        { "a section not known", { "<Proxy *" }, "SetHandler x", "" },
        { "ForceType", { NULL }, "ForceType application/x-httpd-php", "NOTICE FPMP0641" },
        { "ForceType of others", { NULL }, "ForceType text/plain", "" },
        { "AddHandler", { NULL }, "AddHandler x .pl .PHP", "NOTICE FPMP0642" },
        { "AddHandler, no dot", { NULL }, "AddHandler x php", "NOTICE FPMP0642" },
        { "AddHandler of others", { NULL }, "AddHandler php .phps .ph", "" },
        { "AddType",
          { "server" },
          "AddType application/x-httpd-php .php",
          "NOTICE FPMP0643" },
        { "AddType of others", { NULL }, "AddType application/x-httpd-php .phps", "" },
        { "Action alone",
          { NULL },
          "Action application/x-httpd-php /php",
          "NOTICE FPMP0644" },
        { "Action of others", { NULL }, "Action image/gif /gif", "" },
        { "ProxyPass of all",
          { NULL },
          "ProxyPass / fcgi://127.0.0.1:9000/",
          "BROKEN FPMP0645" },
        { "ProxyPass for the server",
          { "server" },
          "ProxyPass / fcgi://127.0.0.1:9000/",
          "BROKEN FPMP0645" },
        { "ProxyPass by http",
          { NULL },
          "ProxyPass / http://127.0.0.1:3000/",
          "NOTICE FPMP0645" },
        { "ProxyPass apart", { NULL }, "ProxyPass /app fcgi://127.0.0.1:9000/", "" },
        { "ProxyPass of nothing", { NULL }, "ProxyPass / !", "" },
        { "ProxyPass in Location",
          { "<Location /" },
          "ProxyPass fcgi://127.0.0.1:9000/",
          "BROKEN FPMP0645" },
        { "ProxyPass in another",
          { "<Location /app" },
          "ProxyPass fcgi://127.0.0.1:9000/",
          "" },
        { "ProxyPassMatch",
          { NULL },
          "ProxyPassMatch ^/(.*\\.php)$ fcgi://h/$1",
          "BROKEN FPMP0646" },
        { "ProxyPassMatch apart", { NULL }, "ProxyPassMatch ^/app/(.*)$ fcgi://h/$1", "" },
        { "ProxyPassMatch of nothing", { NULL }, "ProxyPassMatch \\.php$ !", "" },
        { "RewriteRule P",
          { NULL },
          "RewriteRule ^/(.*\\.php)$ fcgi://h/$1 [P]",
          "BROKEN FPMP0647" },
        { "RewriteRule proxy",
          { NULL },
          "RewriteRule \\.php$ fcgi://h/$1 [L,proxy]",
          "BROKEN FPMP0647" },
        { "in a directory",
          { "<Directory /home/anna/www" },
          "RewriteRule ^index\\.php$ fcgi://h/ [P,L]",
          "BROKEN FPMP0647" },
        { "RewriteRule PT", { NULL }, "RewriteRule \\.php$ fcgi://h/ [PT]", "" },
        { "RewriteRule to http", { NULL }, "RewriteRule \\.php$ http://h/ [P]", "" },
        { "RewriteRule of others", { NULL }, "RewriteRule \\.pl$ fcgi://h/ [P]", "" },
        { "RewriteRule of the server is not inherited",
          { "server" },
          "RewriteRule \\.php$ fcgi://h/ [P]",
          "" },
    };
    unsigned int i, k;

    for (i = 0; i < COUNT(table); i++) {
        scene_t scene = scene_of(*state, "anna", NULL);
        int server = table[i].sections[0] && strcmp(table[i].sections[0], "server") == 0;
        const fpmp_conf_t *around =
            server ? NULL : add_conf(&scene, "<VirtualHost *:80", 5, NULL);

        add_site(&scene, 0, "a.test", "/home/anna/www");
        for (k = server; k < 3 && table[i].sections[k]; k++) {
            around = add_conf(&scene, table[i].sections[k], 6 + k, around);
        }
        add_conf(&scene, table[i].directive, 9, around);
        expect_text(table[i].title, code_of(*state, judged(&scene, table[i].title)),
                    table[i].want);
    }
}

static void another_host_has_its_own_directives(void **state)
{
    scene_t scene = scene_of(*state, "anna", "bert");
    const fpmp_conf_t *host = add_conf(&scene, "<VirtualHost *:80", 15, NULL);

    add_site(&scene, 0, "a.test", "/home/anna/www");
    add_site(&scene, 1, "b.test", "/home/bert/www");
    add_conf(&scene, "ProxyPass / fcgi://h/", 16, host);
    expect_findings("of the second host", scene.plan, "");
    expect_text("of the second host", judged(&scene, "of the second host"),
                "BROKEN FPMP0645: handler: ProxyPass '/ fcgi://h/' at " SITE
                ":16 claims .php of host 'b.test'; these requests go to another pool: take "
                "that line out" AT_20);
    assert_null(chain_at(scene.plan, 0)->broken);
    assert_non_null(chain_at(scene.plan, 1)->broken);
}

static void a_chain_has_one_broken_link(void **state)
{
    scene_t scene = scene_of(*state, "anna", NULL);
    const fpmp_conf_t *host = add_conf(&scene, "<VirtualHost *:80", 5, NULL);

    add_site(&scene, 0, "a.test", "/home/anna/www");
    add_conf(&scene, "ProxyPass / fcgi://h/", 6, host);
    add_conf(&scene, "ProxyPassMatch \\.php$ fcgi://h/", 7, host);
    expect_text("two ways to another pool",
                code_of(*state, judged(&scene, "two ways to another pool")),
                "BROKEN FPMP0645");
    assert_int_equal(scene.plan->findings->nelts, 1);
}

static void an_action_belongs_to_its_type(void **state)
{
    scene_t scene = scene_of(*state, "anna", NULL);
    const fpmp_conf_t *host = add_conf(&scene, "<VirtualHost *:80", 5, NULL);

    add_site(&scene, 0, "a.test", "/home/anna/www");
    add_conf(&scene, "Action Application/x-httpd-php /php", 6, host);
    add_conf(&scene, "AddType application/x-httpd-php .php", 7, host);
    expect_text("both", code_of(*state, judged(&scene, "both")), "NOTICE FPMP0643");
    assert_int_equal(scene.plan->findings->nelts, 1);
}

static void ten_lines_of_a_kind_are_named_and_the_rest_counted(void **state)
{
    int many, i;

    for (many = 10; many <= 12; many++) {
        scene_t scene = scene_of(*state, "anna", NULL);
        const fpmp_conf_t *host = add_conf(&scene, "<VirtualHost *:80", 5, NULL);
        const char *text;

        add_site(&scene, 0, "a.test", "/home/anna/www");
        for (i = 0; i < many; i++) {
            add_conf(&scene, "AddHandler x .php", 6 + i, host);
        }
        text = judged(&scene, "many");
        assert_int_equal(scene.plan->findings->nelts, many > 10 ? 11 : 10);
        assert_int_equal(strstr(text, apr_psprintf(*state, "FPMP0651: handler: %d more",
                                                   many - 10)) != NULL,
                         many > 10);
    }
}

static void ways_around_fpmuser_are_said_once(void **state)
{
    static const struct {
        const char *title, *second;
        int handler, links, proxy_fcgi;
        const char *mod_php, *want;
    } table[] = {
        { "nothing", "bert", 0, 0, 1, "mod_php", "" },
        { "mod_proxy_fcgi", "bert", 1, 0, 1, NULL, "NOTICE FPMP0649" },
        { "mod_proxy_fcgi is not loaded", "bert", 1, 0, 0, NULL, "" },
        { "mod_php", "bert", 1, 0, 0, "mod_php", "NOTICE FPMP0648" },
        { "links", "bert", 0, 1, 1, NULL, "NOTICE FPMP0650" },
        { "links of one user", "anna", 0, 1, 1, NULL, "" },
    };
    unsigned int i;

    for (i = 0; i < COUNT(table); i++) {
        scene_t scene = scene_of(*state, "anna", table[i].second);
        int k;

        for (k = 0; k < 2; k++) {
            fpmp_site_t *site = add_site(&scene, k, k ? "b.test" : "a.test",
                                         k ? "/home/two/www" : "/home/one/www");

            site->allow_handler = table[i].handler;
            site->follow_links = table[i].links;
        }
        scene.beside.proxy_fcgi = table[i].proxy_fcgi;
        scene.beside.mod_php = table[i].mod_php;
        expect_text(table[i].title, code_of(*state, judged(&scene, table[i].title)),
                    table[i].want);
        assert_int_equal(scene.plan->findings->nelts, *table[i].want != '\0');
        if (*table[i].want) {
            assert_non_null(strstr(judged(&scene, ""), "in '/home/one/www' and 1 more;"));
        }
    }
}

static void programs_that_a_htaccess_runs_as_httpd_are_said_once(void **state)
{
    static const struct {
        const char *title, *want, *mod_cgi, *suexec; /* suexec: where SuexecUserGroup is */
        int handler, exec, lua;
        const char *wrapper;
    } table[] = {
        { "CGI", "NOTICE FPMP0652", "mod_cgid", NULL, .handler = 1, .exec = 1 },
        { "CGI is not loaded", "", NULL, NULL, .handler = 1, .exec = 1 },
        { "CGI without ExecCGI", "", "mod_cgid", NULL, .handler = 1 },
        { "CGI without FileInfo", "", "mod_cgid", NULL, .exec = 1 },
        { "suexec of no user", "NOTICE FPMP0652", "mod_cgi", "", .handler = 1, .exec = 1 },
        { "suexec", "", "mod_cgi", "server", .handler = 1, .exec = 1 },
        { "suexec of another host", "NOTICE FPMP0652", "mod_cgi", "<VirtualHost *:80",
          .handler = 1, .exec = 1 },
        { "suexec beside mod_fastcgi", "NOTICE FPMP0652", "mod_fastcgi", "server", .handler = 1,
          .exec = 1 },
        { "mod_fastcgi without its wrapper", "NOTICE FPMP0652", "mod_fastcgi", "server",
          .handler = 1, .exec = 1, .wrapper = "FastCgiWrapper Off" },
        { "mod_fastcgi with its wrapper", "", "mod_fastcgi", "server", .handler = 1, .exec = 1,
          .wrapper = "FastCgiWrapper On" },
        { "mod_lua", "NOTICE FPMP0653", NULL, NULL, .handler = 1, .lua = 1 },
        { "mod_lua without FileInfo", "", NULL, NULL, .exec = 1, .lua = 1 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        scene_t scene = scene_of(*state, "anna", "bert");

        for (int k = 0; k < 2; k++) {
            fpmp_site_t *site = add_site(&scene, k, k ? "b.test" : "a.test",
                                         k ? "/home/two/www" : "/home/one/www");

            site->allow_handler = table[i].handler;
            site->allow_exec = table[i].exec;
        }
        scene.beside.mod_cgi = table[i].mod_cgi;
        scene.beside.mod_lua = table[i].lua;
        scene.beside.suexec = table[i].suexec != NULL;
        if (table[i].suexec && *table[i].suexec) {
            add_conf(&scene, "SuexecUserGroup u g", 3,
                     *table[i].suexec == '<' ? add_conf(&scene, table[i].suexec, 999, NULL)
                                             : NULL);
        }
        if (table[i].wrapper) {
            add_conf(&scene, table[i].wrapper, 2, NULL);
        }
        expect_text(table[i].title, code_of(*state, judged(&scene, table[i].title)),
                    table[i].want);
        assert_int_equal(scene.plan->findings->nelts, *table[i].want != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(a_directive_is_named_where_it_claims_a_php_file),
        plan_test(another_host_has_its_own_directives),
        plan_test(a_chain_has_one_broken_link),
        plan_test(an_action_belongs_to_its_type),
        plan_test(ten_lines_of_a_kind_are_named_and_the_rest_counted),
        plan_test(ways_around_fpmuser_are_said_once),
        plan_test(programs_that_a_htaccess_runs_as_httpd_are_said_once),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
