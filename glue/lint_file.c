/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a configuration file of httpd without asking its modules what they understand, so
 * that the lines of a module that is not here can be judged. Follows Include and Define,
 * takes <IfModule as true. Entry point: fpmp_lint_read.
 */
#include "glue.h"

#include <glob.h>
#include <strings.h>

#define LINE_MAX_BYTES 65536
#define DEPTH_MAX 20 /* of Include, as httpd has it */

typedef struct {
    const char *name;        /* "<VirtualHost" */
    const fpmp_conf_t *conf; /* what stands around the lines in it */
    int passed_over;         /* 1: its condition is false, or it is a <Macro */
    const char *file;
    int line;
} frame_t;

typedef struct {
    fpmp_plan_t *plan;
    apr_array_header_t *out;
    apr_array_header_t *frames; /* frame_t, the innermost last */
    apr_hash_t *defined;
    apr_hash_t *modules; /* that the files load, or ask for by <IfModule */
    const char *server_root;
    const char *mod_php;
    int depth;
} reading_t;

static void read_file(reading_t *reading, const char *path, fpmp_where_t from);

static void say(reading_t *reading, const char *code, fpmp_weight_e weight,
                fpmp_where_t where, const char *seen, const char *mend)
{
    fpmp_finding_add(reading->plan->findings, code, FPMP_LINK_DIRECTIVE, weight, where,
                     seen, mend);
}

/* ---- values ------------------------------------------------------------------------- */

/* ${NAME}: of Define in these files, else as httpd has it. */
static const char *resolve(reading_t *reading, const char *text)
{
    apr_pool_t *p = reading->plan->pool;
    const char *done = "", *open, *close;

    while ((open = strstr(text, "${")) != NULL && (close = strchr(open, '}')) != NULL) {
        const char *name = apr_pstrmemdup(p, open + 2, close - open - 2);
        const char *value = apr_hash_get(reading->defined, name, APR_HASH_KEY_STRING);

        done = apr_pstrcat(p, done, apr_pstrmemdup(p, text, open - text),
                           value ? value : apr_pstrmemdup(p, open, close + 1 - open), NULL);
        text = close + 1;
    }
    return ap_resolve_env(p, apr_pstrcat(p, done, text, NULL));
}

static int is_defined(reading_t *reading, const char *name)
{
    return apr_hash_get(reading->defined, name, APR_HASH_KEY_STRING) ||
           ap_exists_config_define(name);
}

static int file_exists(reading_t *reading, const char *name)
{
    apr_finfo_t info;

    return apr_stat(&info,
                    apr_pstrcat(reading->plan->pool, *name == '/' ? "" : "/", name, NULL),
                    APR_FINFO_TYPE, reading->plan->pool) == APR_SUCCESS;
}

/* ---- Include --------------------------------------------------------------------------
 */

static void include(reading_t *reading, const char *pattern, fpmp_where_t where,
                    int optional)
{
    apr_pool_t *p = reading->plan->pool;
    const char *path =
        *pattern == '/' ? pattern : ap_make_full_path(p, reading->server_root, pattern);
    apr_finfo_t info;
    glob_t found;
    size_t i;

    if (reading->depth >= DEPTH_MAX) {
        say(reading, "FPMP0117", FPMP_BROKEN, where,
            apr_psprintf(p, "includes go deeper than %d files", DEPTH_MAX),
            "take out the one that includes itself");
        return;
    }
    if (apr_stat(&info, path, APR_FINFO_TYPE, p) == APR_SUCCESS &&
        info.filetype == APR_DIR) {
        path = apr_pstrcat(p, path, "/*", NULL);
        optional = 1;
    }
    if (glob(path, 0, NULL, &found) == 0) {
        for (i = 0; i < found.gl_pathc; i++) {
            const char *file = apr_pstrdup(p, found.gl_pathv[i]);

            if (apr_stat(&info, file, APR_FINFO_TYPE, p) == APR_SUCCESS &&
                info.filetype == APR_DIR) {
                reading->depth++;
                include(reading, file, where, 1);
                reading->depth--;
            }
            else {
                read_file(reading, file, where);
            }
        }
        globfree(&found);
    }
    else if (!optional && !strpbrk(path, "*?[")) {
        read_file(reading, path, where); /* says why it cannot be opened */
    }
}

/* ---- sections -------------------------------------------------------------------------
 */

static const frame_t *innermost(const reading_t *reading)
{
    return reading->frames->nelts
               ? &APR_ARRAY_IDX(reading->frames, reading->frames->nelts - 1, frame_t)
               : NULL;
}

/* "fastcgi" of "mod_fastcgi.c" and of "fastcgi_module". */
static const char *module_name(apr_pool_t *p, const char *word)
{
    apr_size_t len = strlen(word);

    if (len > 6 && strncmp(word, "mod_", 4) == 0 && strcmp(word + len - 2, ".c") == 0) {
        return apr_pstrmemdup(p, word + 4, len - 6);
    }
    return len > 7 && strcmp(word + len - 7, "_module") == 0
               ? apr_pstrmemdup(p, word, len - 7)
               : word;
}

/* Which modules that machine has is not known here, and its lines are what is judged: one
 * that is asked for is there, one that is asked to be missing is not, unless the files
 * load it or asked for it before. */
static int if_module(reading_t *reading, const char *word, int not )
{
    const char *name = module_name(reading->plan->pool, word);

    if (not ) {
        return apr_hash_get(reading->modules, name, APR_HASH_KEY_STRING) == NULL;
    }
    apr_hash_set(reading->modules, name, APR_HASH_KEY_STRING, name);
    return 1;
}

/* A section that httpd itself decides on while it reads: -1 for any other, else its truth.
 */
static int condition(reading_t *reading, const char *name, const char *args)
{
    const char *word = *args == '!' ? args + 1 : args;
    int not = *args == '!';

    if (strcasecmp(name, "<IfDefine") == 0) {
        return is_defined(reading, word) != not ;
    }
    if (strcasecmp(name, "<IfFile") == 0) {
        return file_exists(reading, word) != not ;
    }
    if (strcasecmp(name, "<Macro") == 0) {
        return 0;
    }
    if (strcasecmp(name, "<IfModule") == 0) {
        return if_module(reading, word, not );
    }
    return strcasecmp(name, "<IfDirective") == 0 || strcasecmp(name, "<IfSection") == 0 ||
                   strcasecmp(name, "<IfVersion") == 0
               ? !not
               : -1;
}

static void open_section(reading_t *reading, const char *name, const char *args,
                         fpmp_where_t where)
{
    const frame_t *around = innermost(reading);
    const fpmp_conf_t *parent = around ? around->conf : NULL;
    int over = around && around->passed_over,
        truth = over ? 0 : condition(reading, name, args);
    frame_t *frame = apr_array_push(reading->frames);

    frame->name = name;
    frame->file = where.file;
    frame->line = where.line;
    frame->passed_over = truth == 0;
    frame->conf =
        truth == -1 ? fpmp_conf_add(reading->out, name, args, where, parent) : parent;
}

static void close_section(reading_t *reading, const char *name, fpmp_where_t where)
{
    apr_pool_t *p = reading->plan->pool;
    const frame_t *frame = innermost(reading);

    if (frame && strncasecmp(name + 2, frame->name + 1, strlen(frame->name) - 1) == 0) {
        apr_array_pop(reading->frames);
        return;
    }
    say(reading, "FPMP0116", FPMP_BROKEN, where,
        frame
            ? apr_psprintf(p, "'%s' closes %s> of %s:%d", fpmp_value_shown(p, name),
                           frame->name, frame->file, frame->line)
            : apr_psprintf(p, "'%s' closes what no line opened", fpmp_value_shown(p, name)),
        "close each section with its own name");
}

/* ---- lines ----------------------------------------------------------------------------
 */

/* What changes the reading itself. Returns 1 if that was all. */
static int read_own(reading_t *reading, const char *name, const char *args,
                    fpmp_where_t where)
{
    apr_pool_t *p = reading->plan->pool;
    int optional = strcasecmp(name, "IncludeOptional") == 0;

    if (optional || strcasecmp(name, "Include") == 0) {
        const char *pattern = ap_getword_conf(p, &args);

        reading->depth++;
        if (*pattern) {
            include(reading, pattern, where, optional);
        }
        reading->depth--;
        return 1;
    }
    if (strcasecmp(name, "Define") == 0 || strcasecmp(name, "UnDefine") == 0) {
        const char *word = ap_getword_conf(p, &args);

        apr_hash_set(reading->defined, word, APR_HASH_KEY_STRING,
                     *name == 'U' || *name == 'u' ? NULL : ap_getword_conf(p, &args));
        return 1;
    }
    if (strcasecmp(name, "Use") == 0) {
        say(reading, "FPMP0118", FPMP_UNKNOWN, where,
            apr_psprintf(p, "what macro '%s' makes is not followed",
                         fpmp_value_shown(p, ap_getword_conf(p, &args))),
            "write its lines out, or use 'apachectl -t -D FPMPOOL_LINT'");
        return 1;
    }
    if (strcasecmp(name, "ServerRoot") == 0) {
        reading->server_root = ap_getword_conf(p, &args);
    }
    if (strcasecmp(name, "LoadModule") == 0) {
        const char *module = ap_getword_conf(p, &args);

        apr_hash_set(reading->modules, module_name(p, module), APR_HASH_KEY_STRING, module);
        reading->mod_php =
            strncasecmp(module, "php", 3) == 0 ? "mod_php" : reading->mod_php;
    }
    return 0;
}

static void read_line(reading_t *reading, const char *text, fpmp_where_t where)
{
    apr_pool_t *p = reading->plan->pool;
    const frame_t *around = innermost(reading);
    const char *args = resolve(reading, text), *name = ap_getword_conf(p, &args);
    apr_size_t len = strlen(args);

    where.directive = name;
    if (*name == '<' && name[1] == '/') {
        close_section(reading, name, where);
        return;
    }
    if (*name == '<') {
        if (strchr(name, '>')) { /* <Else> */
            name = apr_pstrmemdup(p, name, strchr(name, '>') - name);
        }
        args = len && args[len - 1] == '>' ? apr_pstrmemdup(p, args, len - 1) : args;
        where.directive = name;
        open_section(reading, name, args, where);
        return;
    }
    if (!(around && around->passed_over) && !read_own(reading, name, args, where)) {
        fpmp_conf_add(reading->out, name, args, where, around ? around->conf : NULL);
    }
}

/* A FIFO or device would be waited for. */
static apr_status_t open_file(apr_pool_t *p, const char *path, ap_configfile_t **file)
{
    apr_finfo_t info;
    apr_status_t status = apr_stat(&info, path, APR_FINFO_TYPE, p);

    if (status == APR_SUCCESS && info.filetype != APR_REG) {
        return APR_EBADPATH;
    }
    return status == APR_SUCCESS ? ap_pcfg_openfile(file, p, path) : status;
}

static const char *why_unread(apr_pool_t *p, apr_status_t status)
{
    char why[120];

    return status == APR_EBADPATH ? "it is no regular file"
           : status == APR_ENOSPC ? "a line is too long"
                                  : apr_pstrdup(p, apr_strerror(status, why, sizeof(why)));
}

/* A section ends where its file does. */
static void close_all(reading_t *reading, int open, fpmp_where_t where)
{
    apr_pool_t *p = reading->plan->pool;

    while (reading->frames->nelts > open) {
        const frame_t *frame = innermost(reading);

        where.line = frame->line;
        where.directive = frame->name;
        if (reading->frames->nelts == open + 1) {
            say(reading, "FPMP0119", FPMP_BROKEN, where,
                apr_psprintf(p, "%s> is not closed in its file", frame->name),
                apr_psprintf(p, "write '</%s>' behind its last line", frame->name + 1));
        }
        apr_array_pop(reading->frames);
    }
}

static void read_file(reading_t *reading, const char *path, fpmp_where_t from)
{
    apr_pool_t *p = reading->plan->pool;
    char *line = apr_palloc(p, LINE_MAX_BYTES);
    fpmp_where_t where = { apr_pstrdup(p, path), 0, NULL };
    ap_configfile_t *file;
    apr_status_t status = open_file(p, path, &file);
    int open = reading->frames->nelts;

    if (status == APR_SUCCESS) {
        while ((status = ap_cfg_getline(line, LINE_MAX_BYTES, file)) == APR_SUCCESS) {
            where.line = (int)file->line_number;
            if (*line && *line != '#') {
                read_line(reading, line, where);
            }
        }
        ap_cfg_closefile(file);
    }
    if (status != APR_EOF) {
        say(reading, "FPMP0115", FPMP_BROKEN, from,
            apr_psprintf(p, "file '%s' could not be read%s: %s",
                         fpmp_text_shown(p, path, 100),
                         where.line ? apr_psprintf(p, " after line %d", where.line) : "",
                         why_unread(p, status)),
            "name a file that httpd could read");
    }
    close_all(reading, open, where);
}

apr_array_header_t *fpmp_lint_read(fpmp_plan_t *plan, const char *file,
                                   const char **server_root, const char **mod_php)
{
    const fpmp_where_t nowhere = { NULL, 0, NULL };
    reading_t reading = { .plan = plan, .server_root = *server_root };
    char *path = NULL;

    reading.out = apr_array_make(plan->pool, 64, sizeof(const fpmp_conf_t *));
    reading.frames = apr_array_make(plan->pool, 8, sizeof(frame_t));
    reading.defined = apr_hash_make(plan->pool);
    reading.modules = apr_hash_make(plan->pool);
    /* Relative to where the command was given, as a shell completes it. */
    if (apr_filepath_merge(&path, NULL, file, 0, plan->pool) != APR_SUCCESS) {
        path = apr_pstrdup(plan->pool, file);
    }
    read_file(&reading, path, nowhere);
    *server_root = reading.server_root;
    *mod_php = reading.mod_php;
    return reading.out;
}
