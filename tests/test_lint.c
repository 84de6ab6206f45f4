/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains written by hand: each row is a configuration and the pools of one PHP-FPM, and
 * what the lint finds and prints of it. "no" rows stand just outside what a rule means.
 */
/* links: core */
#include "../core/lint.h"
#include "plan.h"

#define FILE_NAME "/etc/apache2/site.conf"

/* ---- a configuration ------------------------------------------------------------------
 */

static apr_array_header_t *words_of(apr_pool_t *p, const char *args)
{
    apr_array_header_t *words = apr_array_make(p, 4, sizeof(const char *));

    while (*args) {
        char quote = *args == '"' ? *args++ : ' ';
        apr_size_t len = strcspn(args, quote == '"' ? "\"" : " ");

        APR_ARRAY_PUSH(words, const char *) = apr_pstrmemdup(p, args, len);
        args += len + (args[len] && quote == '"');
        args += strspn(args, " ");
    }
    return words;
}

/* One directive a line; "</" closes the innermost section. */
static apr_array_header_t *conf_of(apr_pool_t *p, const char *text)
{
    apr_array_header_t *conf = apr_array_make(p, 8, sizeof(const fpmp_conf_t *));
    const fpmp_conf_t *parent = NULL;
    char *rest = apr_pstrdup(p, text), *line;
    int number = 0;

    while ((line = apr_strtok(rest, "\n", &rest)) != NULL) {
        fpmp_conf_t *at = apr_pcalloc(p, sizeof(*at));
        char *blank = strchr(line, ' ');

        number++;
        if (strncmp(line, "</", 2) == 0) {
            parent = parent ? parent->parent : NULL;
            continue;
        }
        at->name = blank ? apr_pstrmemdup(p, line, (apr_size_t)(blank - line)) : line;
        at->args = blank ? blank + 1 : "";
        if (*line == '<') {
            at->args = apr_pstrmemdup(p, at->args, strlen(at->args) - 1);
        }
        at->words = words_of(p, at->args);
        at->where.file = FILE_NAME;
        at->where.line = number;
        at->where.directive = at->name;
        at->parent = parent;
        at->host = strcmp(at->name, "<VirtualHost") == 0 ? at
                   : parent                              ? parent->host
                                                         : NULL;
        parent = *at->name == '<' ? at : parent;
        APR_ARRAY_PUSH(conf, const fpmp_conf_t *) = at;
    }
    return conf;
}

/* ---- a machine --------------------------------------------------------------------------
 */

static const struct {
    const char *path, *owner;
    unsigned int uid, mode;
    fpmp_node_e kind;
} places[] = {
    { "/", "root", 0, 0755, FPMP_NODE_DIR },
    { "/run", "root", 0, 0755, FPMP_NODE_DIR },
    { "/run/php", "root", 0, 0755, FPMP_NODE_DIR },
    { "/run/closed", "root", 0, 0700, FPMP_NODE_DIR },
    { "/home/anna/www", "anna", 1001, 0755, FPMP_NODE_DIR },
    { "/home/anna/www/app", "anna", 1001, 0755, FPMP_NODE_DIR },
    { "/home/anna/www/taken", "anna", 1001, 0644, FPMP_NODE_FILE },
    { "/home/bert/www", "bert", 1002, 0755, FPMP_NODE_DIR },
    { "/srv", "root", 0, 0755, FPMP_NODE_DIR },
    { "/srv/www", "root", 0, 0755, FPMP_NODE_DIR },
    { "/cgi/real", "root", 0, 0755, FPMP_NODE_FILE },
};

static void answer_places(apr_pool_t *p, apr_hash_t *hash)
{
    apr_hash_index_t *at;

    for (at = apr_hash_first(p, hash); at; at = apr_hash_next(at)) {
        const char *path = apr_hash_this_key(at);
        fpmp_place_t *place = apr_pcalloc(p, sizeof(*place));

        place->node.path = path;
        place->node.lookup = FPMP_LOOKUP_MISSING;
        for (size_t i = 0; i < COUNT(places); i++) {
            if (strcmp(path, places[i].path) == 0) {
                place->node.lookup = FPMP_LOOKUP_FOUND;
                place->node.uid = places[i].uid;
                place->node.mode = places[i].mode;
                place->node.kind = places[i].kind;
                place->owner = places[i].owner;
                place->real = path;
            }
        }
        apr_hash_set(hash, path, APR_HASH_KEY_STRING, place);
    }
}

static void answer_users(apr_pool_t *p, apr_hash_t *hash)
{
    static const struct {
        const char *name;
        unsigned int id;
    } users[] = {
        { "anna", 1001 }, { "bert", 1002 }, { "www-data", 33 }, { "1001", 1001 }
    };
    apr_hash_index_t *at;

    for (at = apr_hash_first(p, hash); at; at = apr_hash_next(at)) {
        const char *name = apr_hash_this_key(at);
        fpmp_user_facts_t *facts = apr_pcalloc(p, sizeof(*facts));

        facts->user_lookup = facts->group_lookup = FPMP_LOOKUP_MISSING;
        for (size_t i = 0; i < COUNT(users); i++) {
            if (strcmp(name, users[i].name) == 0) {
                facts->user_lookup = facts->group_lookup = FPMP_LOOKUP_FOUND;
                facts->uid = users[i].id;
                facts->gid = facts->primary_gid = users[i].id;
                facts->group = users[i].name;
            }
        }
        apr_hash_set(hash, name, APR_HASH_KEY_STRING, facts);
    }
}

/* ---- one run
 * ------------------------------------------------------------------------------ */

typedef struct {
    fpmp_plan_t *plan;
    fpmp_beside_t beside;
    fpmp_lint_t lint;
} scene_t;

static scene_t *scene_of(apr_pool_t *p, const char *conf, const char *pools)
{
    scene_t *scene = apr_pcalloc(p, sizeof(*scene));
    fpmp_lint_master_t *at;
    fpmp_master_facts_t *facts;
    fpmp_file_t *file;
    fpmp_asked_t *asked;

    scene->plan = plan_of(p, NULL, NULL, NULL);
    scene->beside.conf = conf_of(p, conf);
    scene->beside.matches = posix_matches;
    scene->lint.p = p;
    scene->lint.beside = &scene->beside;
    scene->lint.httpd = &httpd;
    scene->lint.server_root = "/etc/apache2";
    fpmp_lint_find(&scene->lint);
    answer_places(p, scene->lint.places);

    scene->lint.masters = apr_array_make(p, 1, sizeof(fpmp_lint_master_t));
    at = apr_array_push(scene->lint.masters);
    at->master = master_at(scene->plan, 0);
    facts = facts_of(p, at->master);
    file = APR_ARRAY_IDX(facts->files, 0, fpmp_file_t *);
    file->text = pools;
    file->len = strlen(pools);
    at->facts = facts;
    at->view = fpmp_view_read(p, facts, NULL);
    asked = fpmp_foreign_ask(p, at->view, apr_array_make(p, 1, sizeof(const char *)));
    answer_places(p, asked->places);
    answer_users(p, asked->users);
    answer_users(p, asked->groups);
    at->view->asked = asked;

    fpmp_lint_follow(&scene->lint);
    fpmp_lint_judge(scene->plan, &scene->lint);
    fpmp_lint_lines(scene->plan, &scene->lint);
    fpmp_lint_say_lines(scene->plan, &scene->lint);
    return scene;
}

/* "FPMP0120:6 " of each finding, then "[FPMUser ...]" of each chain that has a line. */
static const char *seen_of(scene_t *scene, const char *title)
{
    apr_pool_t *p = scene->plan->pool;
    const char *seen = "";

    plan_findings(scene->plan, title);
    for (int i = 0; i < scene->plan->findings->nelts; i++) {
        const fpmp_finding_t *finding =
            APR_ARRAY_IDX(scene->plan->findings, i, fpmp_finding_t *);

        seen = apr_psprintf(p, "%s%s:%d ", seen, finding->code, finding->where.line);
    }
    for (int i = 0; i < scene->lint.hands->nelts; i++) {
        const fpmp_hand_t *hand = APR_ARRAY_IDX(scene->lint.hands, i, fpmp_hand_t *);

        seen = apr_psprintf(p, "%s[%s]", seen, hand->text ? hand->text : "");
    }
    return seen;
}

#define ANNA                                                                               \
    "[anna]\nuser = anna\nlisten = /run/php/anna.sock\nlisten.owner = www-data\n"          \
    "pm = ondemand\npm.max_children = 5\n"
#define BERT                                                                               \
    "[bert]\nuser = bert\nlisten = /run/php/bert.sock\nlisten.owner = www-data\n"          \
    "pm = ondemand\npm.max_children = 5\n"
#define LINE "FPMUser anna pm=ondemand pm.max_children=5 pm.max_requests=0"
#define LINE_30 "FPMUser anna timeout=30 pm=ondemand pm.max_children=5 pm.max_requests=0"
#define HOST "<VirtualHost *:80>\nServerName a\nDocumentRoot /home/anna/www\n"
#define FAST                                                                               \
    "AddType x/php .php\nAction x/php /php\nAlias /php /cgi/php\n"                         \
    "FastCgiExternalServer /cgi/php -socket /run/php/anna.sock\n"
#define PROXY "SetHandler proxy:unix:/run/php/anna.sock|fcgi://anna\n"
#define FILES "<FilesMatch \\.php$>\n"

static const struct {
    const char *title, *conf, *pools, *want;
} rows[] = {
    { "nothing by hand", HOST "</\n", ANNA, "" },

    /* the type: which line httpd takes */
    { "mod_fastcgi, whole", HOST FAST "</\n", ANNA, "[" LINE_30 "]" },
    { "the type without case",
      HOST "AddType X/PHP PHP\nAction x/php /php\nAlias /php /cgi/php\n"
           "FastCgiExternalServer /cgi/php -socket /run/php/anna.sock\n</\n",
      ANNA, "[" LINE_30 "]" },
    { "the last AddType counts", HOST FAST "AddType x/other .php\n</\n", ANNA,
      "FPMP0120:5 [" LINE_30 "]" },
    { "a handler beats a type", HOST FAST "AddHandler x/other .php\n</\n", ANNA,
      "FPMP0120:5 [" LINE_30 "]" },
    { "of another extension it does not", HOST FAST "AddHandler x/other .cgi\n</\n", ANNA,
      "[" LINE_30 "]" },
    { "the host beats the server", "AddType x/other .php\n" HOST FAST "</\n", ANNA,
      "[" LINE_30 "]" },
    { "a section beats what stands after it",
      HOST "<Files index.php>\nAddType x/other .php\n</\n" FAST "</\n", ANNA,
      "FPMP0120:8 [" LINE_30 "]" },
    { "a section beats the host",
      HOST FAST "<Files index.php>\nForceType x/other\n</\n</\n", ANNA,
      "FPMP0120:5 [" LINE_30 "]" },
    { "SetHandler none is none", HOST FAST FILES "SetHandler none\n</\n</\n", ANNA,
      "FPMP0120:5 [" LINE_30 "]" },
    { "a section of other files", HOST FAST "<Files x.cgi>\nForceType x/other\n</\n</\n",
      ANNA, "[" LINE_30 "]" },
    { "a directory elsewhere", HOST FAST "<Directory /srv>\nForceType x/other\n</\n</\n",
      ANNA, "[" LINE_30 "]" },
    { "a chain in a directory",
      HOST
      "<Directory /home/anna/www/app>\nAddType x/php .php\n</\nAction x/php /php\n"
      "Alias /php /cgi/php\nFastCgiExternalServer /cgi/php -socket /run/php/anna.sock\n</\n",
      ANNA, "[" LINE_30 "]" },
    { "an Action that a later one replaces", HOST "Action x/php /old\n" FAST "</\n", ANNA,
      "[" LINE_30 "]" },
    { "a type alone", HOST "AddType application/x-httpd-php .php\n</\n", ANNA,
      "FPMP0120:4 []" },
    { "a type that is not PHP's", HOST "AddType text/plain .php\n</\n", ANNA, "" },
    { "an Action that is not PHP's", HOST "AddType x/perl .pl\nAction x/perl /cgi\n</\n",
      ANNA, "" },

    /* the extension */
    { "two extensions, one refused",
      HOST
      "AddType x/php .phtml .php\nAction x/php /php\n"
      "Alias /php /cgi/php\nFastCgiExternalServer /cgi/php -socket /run/php/anna.sock\n</\n",
      ANNA,
      "FPMP0133:7 [FPMUser anna ext=php,phtml timeout=30 pm=ondemand pm.max_children=5 "
      "pm.max_requests=0]" },
    { "two extensions, both taken",
      HOST
      "AddType x/php .phtml .php\nAction x/php /php\n"
      "Alias /php /cgi/php\nFastCgiExternalServer /cgi/php -socket /run/php/anna.sock\n</\n",
      ANNA "security.limit_extensions = .php .phtml\n",
      "[FPMUser anna ext=php,phtml timeout=30 pm=ondemand pm.max_children=5 pm.max_requests=0]" },
    { "an empty list takes all",
      HOST
      "AddType x/php .phtml .php\nAction x/php /php\n"
      "Alias /php /cgi/php\nFastCgiExternalServer /cgi/php -socket /run/php/anna.sock\n</\n",
      ANNA "security.limit_extensions =\n",
      "[FPMUser anna ext=php,phtml timeout=30 pm=ondemand pm.max_children=5 pm.max_requests=0]" },
    { "another extension",
      HOST "AddType x/php .hpp\nAction x/php /php\nAlias /php /cgi/php\n"
           "FastCgiExternalServer /cgi/php -socket /run/php/anna.sock\n</\n",
      ANNA,
      "FPMP0121:5 [FPMUser anna ext=hpp timeout=30 pm=ondemand pm.max_children=5 "
      "pm.max_requests=0]" },

    /* URL and file */
    { "no Alias, the file in the root",
      HOST "AddType x/php .php\nAction x/php /php\n"
           "FastCgiExternalServer /home/anna/www/php -socket /run/php/anna.sock\n</\n",
      ANNA, "[" LINE_30 "]" },
    { "a prefix with slashes",
      HOST "AddType x/php .php\nAction x/php /f/php\nAlias /f/ /cgi/\n"
           "FastCgiExternalServer /cgi/php/ -socket /run/php/anna.sock\n</\n",
      ANNA, "[" LINE_30 "]" },
    { "an Alias that is no prefix of a name",
      HOST "AddType x/php .php\nAction x/php /php-a\nAlias /php /cgi/php\n"
           "FastCgiExternalServer /cgi/php -socket /run/php/anna.sock\n</\n",
      ANNA, "FPMP0123:5 []" },
    { "the first Alias counts", HOST "Alias /php /cgi/other\n" FAST "</\n", ANNA,
      "FPMP0125:4 []" },
    { "the host's Alias before the server's", "Alias /php /cgi/other\n" HOST FAST "</\n",
      ANNA, "[" LINE_30 "]" },
    { "the server's Alias",
      "Alias /php /cgi/php\n" HOST "AddType x/php .php\nAction x/php /php\n"
      "FastCgiExternalServer /cgi/php -socket /run/php/anna.sock\n</\n",
      ANNA, "[" LINE_30 "]" },
    { "an Alias in a <Location",
      HOST "AddType x/php .php\nAction x/php /php\n<Location /php>\nAlias /cgi/php\n</\n"
           "FastCgiExternalServer /cgi/php -socket /run/php/anna.sock\n</\n",
      ANNA, "[" LINE_30 "]" },
    { "the URL is a file's",
      HOST
      "AddType x/php .php\nAction x/php /taken\n"
      "Alias /taken /cgi/php\nFastCgiExternalServer /cgi/php -socket /run/php/anna.sock\n</\n",
      ANNA, "FPMP0124:5 [" LINE_30 "]" },
    { "the name is a file's",
      HOST
      "AddType x/php .php\nAction x/php /php\n"
      "Alias /php /cgi/real\nFastCgiExternalServer /cgi/real -socket /run/php/anna.sock\n</\n",
      ANNA, "FPMP0127:7 [" LINE_30 "]" },
    { "the server stands in another host",
      HOST "AddType x/php .php\nAction x/php /php\n"
           "Alias /php /cgi/php\n</\n<VirtualHost *:81>\nServerName b\n"
           "FastCgiExternalServer /cgi/php -socket /run/php/anna.sock\n</\n",
      ANNA, "[" LINE_30 "]" },
    { "a name of the server's root",
      HOST
      "AddType x/php .php\nAction x/php /php\n"
      "Alias /php /etc/apache2/php\nFastCgiExternalServer php -socket /run/php/anna.sock\n</\n",
      ANNA, "[" LINE_30 "]" },
    { "no socket behind it",
      HOST "AddType x/php .php\nAction x/php /php\nAlias /php /cgi/php\n"
           "FastCgiExternalServer /cgi/php -flush\n</\n",
      ANNA, "FPMP0125:7 []" },
    { "the option is the last word",
      HOST "AddType x/php .php\nAction x/php /php\n"
           "Alias /php /cgi/php\nFastCgiExternalServer /cgi/php -socket\n</\n",
      ANNA, "FPMP0136:5 []" },
    { "its own deadline", HOST FAST "</\nFastCgiExternalServer /cgi/x -socket /x\n", ANNA,
      "[" LINE_30 "]" },
    { "words are missing",
      HOST "Action\nAddType\nAlias\nSetHandler\nProxyPass\n"
           "FastCgiExternalServer\nProxyPassMatch\nAddHandler\n</\n",
      ANNA, "" },

    /* mod_proxy_fcgi */
    { "SetHandler for .php", HOST FILES PROXY "</\n</\n", ANNA, "[" LINE "]" },
    { "for all files", HOST PROXY "</\n", ANNA, "FPMP0122:4 [" LINE "]" },
    { "for the wrong files", HOST "<FilesMatch \\.hpp$>\n" PROXY "</\n</\n", ANNA,
      "FPMP0121:5 [" LINE "]" },
    { "for a status page", HOST "<Location /status>\n" PROXY "</\n</\n", ANNA, "" },
    { "ProxyPassMatch",
      HOST "ProxyPassMatch ^/.*\\.php$ "
           "unix:/run/php/anna.sock|fcgi://anna/home/anna/www\n</\n",
      ANNA, "[" LINE "]" },
    { "of another directory",
      HOST "ProxyPassMatch ^/.*\\.php$ "
           "unix:/run/php/anna.sock|fcgi://anna/home/anna/web\n</\n",
      ANNA, "FPMP0128:4 [" LINE "]" },
    { "of the directory above",
      HOST
      "ProxyPassMatch ^/.*\\.php$ unix:/run/php/anna.sock|fcgi://anna/home/anna/\n</\n",
      ANNA, "FPMP0128:4 [" LINE "]" },
    { "of a directory that begins alike",
      HOST "ProxyPassMatch ^/.*\\.php$ "
           "unix:/run/php/anna.sock|fcgi://anna/home/anna/www2/\n</\n",
      ANNA, "FPMP0128:4 [" LINE "]" },
    { "ProxyPass to http", HOST "ProxyPass / http://127.0.0.1/\n</\n", ANNA, "" },
    { "a balancer", HOST FILES "SetHandler proxy:balancer://x\n</\n</\n", ANNA,
      "FPMP0136:5 []" },
    { "one that another replaces",
      HOST FILES PROXY "</\n" FILES
                       "SetHandler proxy:unix:/run/php/none.sock|fcgi://x\n</\n</\n",
      ANNA, "FPMP0129:8 []" },
    { "the worker of another socket",
      "<Proxy unix:/run/php/bert.sock|fcgi://anna>\n</\n" HOST FILES PROXY "</\n</\n", ANNA,
      "FPMP0140:7 [" LINE "]" },
    { "the worker of the same socket",
      "<Proxy unix:/run/php/anna.sock|fcgi://anna/>\n</\n" HOST FILES PROXY "</\n</\n",
      ANNA, "[" LINE "]" },

    /* the socket */
    { "a port", HOST FILES "SetHandler proxy:fcgi://localhost:9000\n</\n</\n",
      "[anna]\nuser = anna\nlisten = 127.0.0.1:9000\npm = ondemand\npm.max_children = 5\n",
      "[" LINE "]" },
    { "a port of all addresses",
      HOST FILES "SetHandler proxy:fcgi://10.0.0.1:9000\n</\n</\n",
      "[anna]\nuser = anna\nlisten = 9000\npm = ondemand\npm.max_children = 5\n",
      "[" LINE "]" },
    { "mod_proxy's own port", HOST FILES "SetHandler proxy:fcgi://127.0.0.1\n</\n</\n",
      "[anna]\nuser = anna\nlisten = 127.0.0.1:8000\npm = ondemand\npm.max_children = 5\n",
      "[" LINE "]" },
    { "a port of another address",
      HOST FILES "SetHandler proxy:fcgi://127.0.0.1:9000\n</\n</\n",
      "[anna]\nuser = anna\nlisten = 127.0.0.2:9000\npm = ondemand\npm.max_children = 5\n",
      "FPMP0129:5 []" },
    { "IPv6 is not IPv4", HOST FILES "SetHandler proxy:fcgi://127.0.0.1:9000\n</\n</\n",
      "[anna]\nuser = anna\nlisten = [::1]:9000\npm = ondemand\npm.max_children = 5\n",
      "FPMP0129:5 []" },
    { "no pool listens", HOST FILES PROXY "</\n</\n", BERT, "FPMP0129:5 []" },
    { "a pool file that is not plain", HOST FILES PROXY "</\n</\n", BERT "x = ${\n",
      "FPMP0137:5 []" },
    { "two pools listen", HOST FILES PROXY "</\n</\n",
      ANNA "[again]\nuser = bert\nlisten = /run/php/anna.sock\n", "FPMP0130:5 [" LINE "]" },
    { "the directory is missing",
      HOST FILES "SetHandler proxy:unix:/none/a.sock|fcgi://a\n</\n</\n",
      "[anna]\nuser = anna\nlisten = /none/a.sock\n",
      "FPMP0132:5 [FPMUser anna pm.max_requests=0]" },
    { "the directory is closed",
      HOST FILES "SetHandler proxy:unix:/run/closed/a.sock|fcgi://a\n</\n</\n",
      "[anna]\nuser = anna\nlisten = /run/closed/a.sock\nlisten.owner = www-data\n",
      "FPMP0134:5 [FPMUser anna pm.max_requests=0]" },
    { "nobody is let in", HOST FILES PROXY "</\n</\n",
      "[anna]\nuser = anna\nlisten = /run/php/anna.sock\n",
      "FPMP0134:5 [FPMUser anna pm.max_requests=0]" },
    { "httpd's group is", HOST FILES PROXY "</\n</\n",
      "[anna]\nuser = anna\nlisten = /run/php/anna.sock\nlisten.group = www-data\n",
      "[FPMUser anna pm.max_requests=0]" },
    { "its group may read only", HOST FILES PROXY "</\n</\n",
      "[anna]\nuser = anna\nlisten = /run/php/anna.sock\nlisten.group = www-data\n"
      "listen.mode = 0640\n",
      "FPMP0134:5 [FPMUser anna pm.max_requests=0]" },
    { "everybody is", HOST FILES PROXY "</\n</\n",
      "[anna]\nuser = anna\nlisten = /run/php/anna.sock\nlisten.mode = 0666\n",
      "[FPMUser anna pm.max_requests=0]" },

    /* the user */
    { "the pool's user does not exist", HOST FILES PROXY "</\n</\n",
      "[anna]\nuser = nemo\nlisten = /run/php/anna.sock\nlisten.owner = www-data\n",
      "FPMP0427:5 [FPMUser nemo pm.max_requests=0]" },
    { "the pool runs as another",
      HOST FILES "SetHandler proxy:unix:/run/php/bert.sock|fcgi://b\n"
                 "</\n</\n",
      BERT, "FPMP0135:5 []" },
    { "root's files are anybody's",
      "<VirtualHost *:80>\nServerName a\nDocumentRoot /srv/www\n" FILES PROXY "</\n</\n",
      ANNA, "[" LINE "]" },
    { "two hosts of two users",
      HOST FILES PROXY "</\n</\n<VirtualHost *:80>\nServerName b\n"
                       "DocumentRoot /home/bert/www\n" FILES PROXY "</\n</\n",
      ANNA "[x]\nuser = bert\n"
           "listen = /x\n",
      "FPMP0131:12 [" LINE "][]" },
    { "a chain for the whole server",
      "DocumentRoot /srv/www\n" FILES PROXY "</\n" HOST "</\n", ANNA, "[" LINE "]" },
    { "for a host of another user too",
      "DocumentRoot /srv/www\n" FILES PROXY "</\n" HOST "</\n"
      "<VirtualHost *:81>\nServerName b\nDocumentRoot /home/bert/www\n</\n",
      ANNA, "FPMP0135:3 []" },
    { "beside FPMUser", HOST "FPMUser anna\n" FILES PROXY "</\n</\n", ANNA, "" },
    { "FPMUser for the server", "FPMUser anna\n" HOST FILES PROXY "</\n</\n", ANNA, "" },
    { "the server begins, the hosts complete",
      "DocumentRoot /srv/www\nAddType x/php .php\nAction x/php /php\n" HOST
      "Alias /php /cgi/php\nFastCgiExternalServer /cgi/php -socket /run/php/anna.sock\n</\n",
      ANNA, "[" LINE_30 "]" },

    /* the line */
    { "a group of its own", HOST FILES PROXY "</\n</\n", ANNA "group = bert\n",
      "[FPMUser anna:bert pm=ondemand pm.max_children=5 pm.max_requests=0]" },
    { "the user's own group", HOST FILES PROXY "</\n</\n", ANNA "group = anna\n",
      "[" LINE "]" },
    { "a number for a user", HOST FILES PROXY "</\n</\n",
      "[anna]\nuser = 1001\nlisten = /run/php/anna.sock\nlisten.owner = www-data\ngroup = anna\n",
      "FPMP0138:5 []" },
    { "values with blanks", HOST FILES PROXY "</\n</\n",
      ANNA "php_admin_value[sendmail_path] = \"/s -t # x\"\npm.max_requests = 7\n",
      "[FPMUser anna pm=ondemand pm.max_children=5 "
      "\"php_admin_value[sendmail_path]=/s -t # x\" pm.max_requests=7]" },
    { "the status path that the module gives", HOST FILES PROXY "</\n</\n",
      ANNA "pm.status_path = /fpmpool-status\n", "[" LINE "]" },
    { "another status path", HOST FILES PROXY "</\n</\n", ANNA "pm.status_path = /s\n",
      "[FPMUser anna pm=ondemand pm.max_children=5 pm.status_path=/s pm.max_requests=0]" },
    { "switches", HOST FILES PROXY "</\n</\n",
      ANNA "catch_workers_output = yes\nclear_env = no\nphp_admin_flag[log_errors] = off\n",
      "[FPMUser anna pm=ondemand pm.max_children=5 catch_workers_output=yes clear_env=no "
      "php_admin_flag[log_errors]=no pm.max_requests=0]" },
    { "$pool", HOST FILES PROXY "</\n</\n", ANNA "env[A] = $pool-x\n",
      "[FPMUser anna pm=ondemand pm.max_children=5 env[A]=anna-x pm.max_requests=0]" },
    { "what has no equal", HOST FILES PROXY "</\n</\n", ANNA "chroot = /srv\n",
      "FPMP0139:5 [" LINE "]" },
    { "what the module derives", HOST FILES PROXY "</\n</\n",
      ANNA "php_admin_value[opcache.validate_permission] = 1\nlisten.backlog = 9\n",
      "[" LINE "]" },
    { "what it derives, with another value", HOST FILES PROXY "</\n</\n",
      ANNA "php_admin_value[opcache.validate_permission] = 0\n", "FPMP0139:5 [" LINE "]" },
};

static void finds(void **state)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        scene_t *scene = scene_of(*state, rows[i].conf, rows[i].pools);

        expect_text(rows[i].title, seen_of(scene, rows[i].title), rows[i].want);
    }
}

static void defaults_change_it(void **state)
{
    scene_t *scene = scene_of(*state, HOST FILES PROXY "</\n</\n", ANNA);
    fpmp_hand_t *hand = APR_ARRAY_IDX(scene->lint.hands, 0, fpmp_hand_t *);

    assert_int_equal(hand->lost->nelts, 0);
    scene->plan->defaults = line_read(*state, "pm.max_children=9 rlimit_files=7", 0, 3);
    fpmp_lint_lines(scene->plan, &scene->lint);
    assert_int_equal(hand->lost->nelts, 1);
    expect_text("FPMDefaults", APR_ARRAY_IDX(hand->lost, 0, const char *),
                SITE ":3: FPMDefaults adds rlimit_files=7");
}

static void reports(void **state)
{
    scene_t *scene =
        scene_of(*state, HOST FAST "<Location /php>\nRequire env X\n</\n</\n", ANNA);

    expect_text("a chain", fpmp_lint_text(&scene->lint),
                "a, /home/anna/www\n"
                "  AddType                x/php .php (" FILE_NAME ":4)\n"
                "  Action                 x/php /php (" FILE_NAME ":5)\n"
                "  Alias                  /php /cgi/php (" FILE_NAME ":6)\n"
                "  FastCgiExternalServer  /cgi/php -socket /run/php/anna.sock (" FILE_NAME
                ":7)\n"
                "  pool                   [anna] of master 8.2 (" POOL_DIR "/www.conf:1)\n"
                "  state                  every link holds\n"
                "  write                  " LINE_30 "\n"
                "  instead of             " FILE_NAME ":4 AddType\n"
                "  instead of             " FILE_NAME ":5 Action\n"
                "  instead of             " FILE_NAME ":6 Alias\n"
                "  instead of             " FILE_NAME ":7 FastCgiExternalServer\n"
                "  instead of             " FILE_NAME ":8 <Location /php>, all of it\n"
                "  instead of             " POOL_DIR "/www.conf, the whole file: [anna]\n");
    scene =
        scene_of(*state, HOST "<Files index.php>\n" PROXY "Require all granted\n</\n</\n",
                 ANNA BERT);
    expect_text("a section that holds more",
                strstr(fpmp_lint_text(&scene->lint), "  instead"),
                "  instead of             " FILE_NAME ":5 SetHandler\n"
                "  instead of             " POOL_DIR "/www.conf, the section [anna]\n");
    scene = scene_of(*state, HOST "</\n", ANNA);
    expect_text("none", fpmp_lint_text(&scene->lint),
                "there is no chain written by hand\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(finds),
        plan_test(defaults_change_it),
        plan_test(reports),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
