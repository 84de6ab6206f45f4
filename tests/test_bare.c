/* SPDX-License-Identifier: Apache-2.0
 *
 * Hosts without FPMUser on the files of host a.test, who has it. Each row is the document
 * root of such a host and one directive in it.
 */
/* links: core */
#include "scene.h"

static const struct {
    const char *title, *root, *directive;
    int said;
} table[] = {
    { "the same root", "/home/one/www", "Options None", 1 },
    { "a root in it", "/home/one/www/a/b", "Options None", 1 },
    { "a root above it", "/home", "Options None", 1 },
    { "the root of all", "/", "Options None", 1 },
    { "a root beside it", "/home/one/www2", "Options None", 0 },
    { "another root", "/srv", "Options None", 0 },
    { "a redirect of all", "/home/one/www", "Redirect permanent / https://a.test/", 0 },
    { "a redirect of all, in its section", "/home/one/www", "Redirect https://a.test/", 0 },
    { "a redirect of a part", "/home/one/www", "redirect /old https://a.test/", 1 },
    { "a redirect by pattern", "/home/one/www", "RedirectMatch ^ https://a.test/", 0 },
    { "another host by rewriting", "/home/one/www",
      "RewriteRule ^ https://%{SERVER_NAME}%{REQUEST_URI} [R]", 0 },
    { "the same host by rewriting", "/home/one/www", "RewriteRule ^ /index.php [L]", 1 },
    { "a proxy for all", "/home/one/www", "ProxyPass / http://127.0.0.1:3000/", 0 },
    { "a proxy for a part", "/home/one/www", "ProxyPass /app http://127.0.0.1:3000/", 1 },
    { "FPMUser in a section", "/home/one/www", "FPMUser anna", 0 },
    { "nobody is let in", "/home/one/www", "Require all denied", 0 },
    { "somebody is let in", "/home/one/www", "Require ip 127.0.0.1", 1 },
};

static fpmp_site_t *add_bare(scene_t *scene, int line, const char *root)
{
    fpmp_site_t *bare = apr_pcalloc(scene->plan->pool, sizeof(*bare));

    bare->host = "bare.test";
    bare->root = root;
    bare->host_file = SITE;
    bare->host_line = line;
    APR_ARRAY_PUSH(scene->bare, const fpmp_site_t *) = bare;
    return bare;
}

static void a_host_that_shows_files_of_a_fpmuser_is_said(void **state)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        scene_t scene = scene_of(*state, "anna", NULL);

        add_site(&scene, 0, "a.test", "/home/one/www");
        add_bare(&scene, 50, table[i].root);
        add_conf(&scene, table[i].directive, 52,
                 add_conf(&scene, "<VirtualHost *:80", 50, NULL));
        expect_text(
            table[i].title, judged(&scene, table[i].title),
            table[i].said
                ? "NOTICE FPMP0654: handler: host 'bare.test' has no FPMUser and shows '/home/one/www': PHP there is sent as "
                  "source or run by another handler; write FPMUser there too, with a user "
                  "or with 'off' (VirtualHost at " SITE ":50)\n"
                : "");
    }
}

static void a_directive_answers_for_its_own_host(void **state)
{
    scene_t scene = scene_of(*state, "anna", NULL);

    add_site(&scene, 0, "a.test", "/home/one/www");
    add_bare(&scene, 50, "/home/one/www");
    add_bare(&scene, 60, "/home/one/www");
    add_conf(&scene, "Redirect / https://a.test/", 71,
             add_conf(&scene, "<VirtualHost *:80", 70, NULL));
    add_conf(&scene, "Redirect / https://a.test/", 72, NULL);
    assert_non_null(strstr(judged(&scene, "two hosts"), "host 'bare.test' and 1 more has"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(a_host_that_shows_files_of_a_fpmuser_is_said),
        plan_test(a_directive_answers_for_its_own_host),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
