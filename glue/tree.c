/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd's parsed configuration as values for core/: every directive with its place, and
 * every place where PHP runs as somebody with what else is in force there. Entry points:
 * fpmp_tree_read, fpmp_tree_sites.
 */
#include "glue.h"

#include <strings.h>

/* "*:80>" -> "*:80" */
static const char *args_of(apr_pool_t *p, const ap_directive_t *directive)
{
    const char *args = directive->args ? directive->args : "";
    apr_size_t len = strlen(args);

    return directive->directive[0] == '<' && len && args[len - 1] == '>'
               ? apr_pstrmemdup(p, args, len - 1)
               : args;
}

static apr_array_header_t *words_of(apr_pool_t *p, const char *args)
{
    apr_array_header_t *words = apr_array_make(p, 2, sizeof(const char *));
    const char *rest = args;

    while (*rest) {
        APR_ARRAY_PUSH(words, const char *) = ap_getword_conf(p, &rest);
    }
    return words;
}

const fpmp_conf_t *fpmp_conf_add(apr_array_header_t *out, const char *name,
                                 const char *args, fpmp_where_t where,
                                 const fpmp_conf_t *parent)
{
    fpmp_conf_t *conf = apr_pcalloc(out->pool, sizeof(*conf));

    conf->name = name;
    conf->args = args;
    conf->words = words_of(out->pool, args);
    conf->where = where;
    conf->parent = parent;
    conf->host = strcasecmp(name, "<VirtualHost") == 0 ? conf
                 : parent                              ? parent->host
                                                       : NULL;
    APR_ARRAY_PUSH(out, const fpmp_conf_t *) = conf;
    return conf;
}

/* @param part  of the arguments of each line that is wanted; of sections all are */
static void add_level(apr_array_header_t *out, const ap_directive_t *directive,
                      const fpmp_conf_t *parent, const char *part)
{
    for (; directive; directive = directive->next) {
        fpmp_where_t where = { directive->filename, directive->line_num,
                               directive->directive };

        if (*directive->directive == '<' ||
            strstr(directive->args ? directive->args : "", part)) {
            add_level(out, directive->first_child,
                      fpmp_conf_add(out, directive->directive,
                                    args_of(out->pool, directive), where, parent),
                      part);
        }
    }
}

apr_array_header_t *fpmp_tree_read(apr_pool_t *p, const char *part)
{
    apr_array_header_t *out = apr_array_make(p, 256, sizeof(const fpmp_conf_t *));

    add_level(out, ap_conftree, NULL, part);
    return out;
}

/* Does this <Directory section, a plain path, reach root? */
static int covers(const core_dir_config *section, const char *root)
{
    apr_size_t len = section->d ? strlen(section->d) : 0;

    if (!section->d || section->r || section->d_is_fnmatch) {
        return 0;
    }
    while (len > 0 && section->d[len - 1] == '/') {
        len--;
    }
    return strncmp(section->d, root, len) == 0 && (root[len] == '\0' || root[len] == '/');
}

/* What is in force in a directory of a host: its <Directory sections in httpd's order. A
 * section with wildcards is passed over. Only two modules are asked: merging all of them
 * would cost most of a configtest of 10,000 hosts. */
static const core_dir_config *config_at(apr_pool_t *p, server_rec *s, const char *root,
                                        const fpmp_dir_t **ours)
{
    core_server_config *server = ap_get_core_module_config(s->module_config);
    void *core = ap_get_core_module_config(s->lookup_defaults);
    void *dir = ap_get_module_config(s->lookup_defaults, &fpmpool_module);
    int i;

    for (i = 0; server->sec_dir && i < server->sec_dir->nelts; i++) {
        ap_conf_vector_t *section = APR_ARRAY_IDX(server->sec_dir, i, ap_conf_vector_t *);
        void *section_core = ap_get_core_module_config(section);
        void *section_dir = ap_get_module_config(section, &fpmpool_module);

        if (covers(section_core, root)) {
            core = core_module.merge_dir_config(p, core, section_core);
            dir = dir && section_dir ? fpmp_dir_merge(p, dir, section_dir)
                  : section_dir      ? section_dir
                                     : dir;
        }
    }
    *ours = dir;
    return core;
}

static int may_override(const core_dir_config *core, int group, const char *directive)
{
    return (core->override & group) != 0 ||
           (core->override_list && apr_table_get(core->override_list, directive));
}

static int allows_exec(const core_dir_config *core)
{
    int exec = OPT_EXECCGI;

    exec |= ap_find_linked_module("mod_include.c") ? OPT_INC_WITH_EXEC : 0;
    return (core->opts & exec) ||
           (may_override(core, OR_OPTIONS, "Options") && (core->override_opts & exec));
}

typedef struct {
    apr_array_header_t *with, *bare; /* const fpmp_site_t * */
    apr_hash_t *known;
    apr_pool_t *scratch; /* for one place */
} places_t;

static fpmp_site_t *push_site(apr_array_header_t *out, server_rec *s, const char *root,
                              const fpmp_line_t *line)
{
    fpmp_site_t *site = apr_pcalloc(out->pool, sizeof(*site));

    site->line = line;
    site->host = s->server_hostname;
    site->root = apr_pstrdup(out->pool, root);
    site->host_file = s->defn_name;
    site->host_line = s->defn_line_number;
    APR_ARRAY_PUSH(out, const fpmp_site_t *) = site;
    return site;
}

static void add_site(places_t *places, server_rec *s, const char *path)
{
    apr_pool_t *scratch = places->scratch;
    char *root = apr_pstrdup(scratch, path);
    const core_dir_config *core;
    const fpmp_dir_t *dir;
    const char *key;
    fpmp_site_t *site;
    apr_size_t len;

    for (len = strlen(root); len > 1 && root[len - 1] == '/'; len--) {
        root[len - 1] = '\0';
    }
    core = config_at(scratch, s, root, &dir);
    if (!dir || !dir->line) {
        push_site(places->bare, s, root, NULL);
        return;
    }
    key = apr_psprintf(scratch, "%pp %s", (const void *)dir->line, root);
    if (!dir->line->chain || apr_hash_get(places->known, key, APR_HASH_KEY_STRING)) {
        return;
    }
    site = push_site(places->with, s, root, dir->line);
    site->follow_links = (core->opts & OPT_SYM_LINKS) && !(core->opts & OPT_SYM_OWNER);
    site->allow_handler = may_override(core, OR_FILEINFO, "SetHandler");
    site->allow_exec = allows_exec(core);
    apr_hash_set(places->known, apr_pstrdup(places->with->pool, key), APR_HASH_KEY_STRING,
                 site);
}

static void add_host(places_t *places, server_rec *s)
{
    core_server_config *core = ap_get_core_module_config(s->module_config);
    int i;

    if (core->ap_document_root) {
        add_site(places, s, core->ap_document_root);
    }
    for (i = 0; core->sec_dir && i < core->sec_dir->nelts; i++) {
        ap_conf_vector_t *section = APR_ARRAY_IDX(core->sec_dir, i, ap_conf_vector_t *);
        const core_dir_config *place = ap_get_core_module_config(section);
        const fpmp_dir_t *dir = ap_get_module_config(section, &fpmpool_module);

        if (dir && dir->line && place->d && !place->r && !place->d_is_fnmatch) {
            add_site(places, s, place->d);
        }
    }
    apr_pool_clear(places->scratch);
}

apr_array_header_t *fpmp_tree_sites(apr_pool_t *p, server_rec *s,
                                    const apr_array_header_t **bare)
{
    places_t places = { .with = apr_array_make(p, 16, sizeof(const fpmp_site_t *)),
                        .bare = apr_array_make(p, 4, sizeof(const fpmp_site_t *)),
                        .known = apr_hash_make(p) };
    apr_array_header_t *hosts = apr_array_make(p, 16, sizeof(server_rec *));
    server_rec *host;
    int i;

    apr_pool_create(&places.scratch, p);
    /* httpd lists the virtual hosts last one first. */
    add_host(&places, s);
    apr_array_clear(places.bare); /* the virtual hosts take most of its requests, or all */
    for (host = s->next; host; host = host->next) {
        APR_ARRAY_PUSH(hosts, server_rec *) = host;
    }
    for (i = hosts->nelts - 1; i >= 0; i--) {
        add_host(&places, APR_ARRAY_IDX(hosts, i, server_rec *));
    }
    apr_pool_destroy(places.scratch);
    *bare = places.bare;
    return places.with;
}
