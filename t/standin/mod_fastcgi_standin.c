/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests only, in the place of mod_fastcgi, which no distribution has any more: so much
 * of it as via=fastcgi needs, by its documented rules and as the source of 2.4.7 was read.
 *   FastCgiExternalServer PATH -socket PATH [-idle-timeout SEC]    server configuration
 *   FastCgiWrapper On|Off                                          before all of these
 * One list for the whole server. A path that is listed, or lies below one that is, is an error
 * ("redefinition"). The path need not exist. A request whose file name is listed, as a whole or
 * up to a '/', gets the handler fastcgi-script in fixups, whatever it had. What has the handler
 * and is not listed would be a program to start: 404 where there is none, else 403 here. With a
 * wrapper each server belongs to a user, and a request finds only those of its SuexecUserGroup,
 * so none. The variables are those of httpd with their names as in an environment ('_' for what
 * is no letter or digit), the script PHP-FPM is asked for is PATH_TRANSLATED, a pair has one
 * record, of whose length 16 bits count. A chunked body is 411. Nothing is buffered beyond one
 * record.
 */
#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "util_script.h"

#include "apr_strings.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LIST_KEY "standin servers"
#define HANDLER "fastcgi-script"
#define HEADER_BYTES 8

enum { BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, STDERR = 7 };

typedef struct {
    const char *path, *socket;
    int idle_sec;
} server_t;

static int has_wrapper; /* until httpd loads the module again */

APLOG_USE_MODULE(fastcgi);

/* ---- configuration ---- */

/* Lives and ends with one reading of the configuration. */
static apr_array_header_t *servers_of(apr_pool_t *pconf)
{
    void *list = NULL;

    apr_pool_userdata_get(&list, LIST_KEY, pconf);
    if (!list) {
        list = apr_array_make(pconf, 4, sizeof(server_t));
        apr_pool_userdata_setn(list, LIST_KEY, NULL, pconf);
    }
    return list;
}

static const server_t *find(const apr_array_header_t *servers, const char *name)
{
    char path[4096];
    int i;

    apr_cpystrn(path, name, sizeof(path));
    ap_no2slash(path);
    for (i = 0; i < servers->nelts; i++) {
        const server_t *server = &APR_ARRAY_IDX(servers, i, server_t);
        size_t len = strlen(server->path);

        if (strncmp(server->path, path, len) == 0 && (!path[len] || path[len] == '/')) {
            return server;
        }
    }
    return NULL;
}

static const char *set_external(cmd_parms *cmd, void *dir, const char *args)
{
    server_t server = { .idle_sec = 30 };
    const char *name = cmd->cmd->name, *given = ap_getword_conf(cmd->pool, &args);
    const char *err = ap_check_cmd_context(cmd, NOT_IN_LIMIT | NOT_IN_DIR_LOC_FILE);
    char *path;

    (void)dir;
    if (err) {
        return err;
    }
    if (!*given) {
        return apr_psprintf(cmd->pool, "%s requires a path and either a -socket or -host option", name);
    }
    if (apr_filepath_merge(&path, "", given, 0, cmd->pool) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "%s %s: invalid filepath", name, given);
    }
    path = ap_server_root_relative(cmd->pool, path);
    ap_getparents(path);
    ap_no2slash(path);
    server.path = path;
    if (find(servers_of(cmd->pool), server.path)) {
        return apr_psprintf(cmd->pool, "%s: redefinition of previously defined class \"%s\"", name,
                            server.path);
    }
    while (*args) {
        const char *option = ap_getword_conf(cmd->pool, &args);

        if (strcasecmp(option, "-socket") == 0) {
            server.socket = ap_getword_conf(cmd->pool, &args);
        }
        else if (strcasecmp(option, "-idle-timeout") == 0) {
            server.idle_sec = atoi(ap_getword_conf(cmd->pool, &args));
            if (server.idle_sec < 1) {
                return apr_psprintf(cmd->pool, "%s %s: invalid value for %s: \"%d\" must be >= 1", name,
                                    server.path, option, server.idle_sec);
            }
        }
        else {
            return apr_psprintf(cmd->pool, "%s %s: invalid option: %s", name, server.path, option);
        }
    }
    if (!server.socket || !*server.socket) {
        return apr_psprintf(cmd->pool, "%s %s: -socket or -host option missing", name, server.path);
    }
    APR_ARRAY_PUSH(servers_of(cmd->pool), server_t) = server;
    return NULL;
}

static const char *set_wrapper(cmd_parms *cmd, void *dir, int on)
{
    (void)dir;
    if (servers_of(cmd->pool)->nelts) {
        return "The FastCgiWrapper command must preceed static FastCGI server definitions";
    }
    has_wrapper = on;
    return ap_check_cmd_context(cmd, GLOBAL_ONLY);
}

/* ---- FastCGI ---- */

typedef struct {
    request_rec *r;
    const server_t *server;
    int fd;
} link_t;

static int fault(const link_t *link, const char *what)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, link->r, "FastCGI: comm with server \"%s\" aborted: %s",
                  link->server->path, what);
    return HTTP_INTERNAL_SERVER_ERROR;
}

static int send_all(const link_t *link, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(link->fd, data, len, MSG_NOSIGNAL);

        if (n <= 0) {
            return fault(link, "write failed");
        }
        data += n;
        len -= (size_t)n;
    }
    return OK;
}

static int send_record(const link_t *link, int type, const char *data, size_t len)
{
    unsigned char header[HEADER_BYTES] = { 1, (unsigned char)type, 0, 1, (unsigned char)(len >> 8),
                                           (unsigned char)len, 0, 0 };
    int status = send_all(link, (char *)header, sizeof(header));

    return status == OK && len ? send_all(link, data, len) : status;
}

/* One to four bytes, as many as it needs. */
static size_t put_length(char *at, size_t len)
{
    if (len < 0x80) {
        *at = (char)len;
        return 1;
    }
    at[0] = (char)(0x80 | (len >> 24));
    at[1] = (char)(len >> 16);
    at[2] = (char)(len >> 8);
    at[3] = (char)len;
    return 4;
}

static int send_pair(const link_t *link, const char *pair)
{
    const char *value = strchr(pair, '=') + 1;
    size_t name_len = (size_t)(value - pair) - 1, value_len = strlen(value);
    char *text = apr_palloc(link->r->pool, 8 + name_len + value_len);
    size_t len = put_length(text, name_len);

    len += put_length(text + len, value_len);
    memcpy(text + len, pair, name_len);
    memcpy(text + len + name_len, value, value_len);
    return send_record(link, PARAMS, text, len + name_len + value_len);
}

static int send_variables(const link_t *link)
{
    char **pair = ap_create_environment(link->r->pool, link->r->subprocess_env);
    int status = OK;

    for (; *pair && status == OK; pair++) {
        status = send_pair(link, *pair);
    }
    return status == OK ? send_record(link, PARAMS, NULL, 0) : status;
}

static int send_body(const link_t *link)
{
    char buf[8192];
    long n;
    int status = OK;

    if (ap_should_client_block(link->r)) {
        while (status == OK && (n = ap_get_client_block(link->r, buf, sizeof(buf))) > 0) {
            status = send_record(link, STDIN, buf, (size_t)n);
        }
    }
    return status == OK ? send_record(link, STDIN, NULL, 0) : status;
}

static int receive(const link_t *link, char *data, size_t len)
{
    while (len > 0) {
        struct pollfd fd = { .fd = link->fd, .events = POLLIN };
        ssize_t n;

        if (poll(&fd, 1, link->server->idle_sec * 1000) == 0) {
            return fault(link, "idle timeout");
        }
        n = recv(link->fd, data, len, 0);
        if (n <= 0) {
            return fault(link, "read failed");
        }
        data += n;
        len -= (size_t)n;
    }
    return OK;
}

static int receive_answer(const link_t *link, apr_bucket_brigade *bb)
{
    unsigned char header[HEADER_BYTES];
    int status = OK;

    while (status == OK && (status = receive(link, (char *)header, sizeof(header))) == OK) {
        size_t len = (size_t)header[4] << 8 | header[5], padding = header[6];
        char *data = apr_palloc(link->r->pool, len + padding + 1);

        status = receive(link, data, len + padding);
        data[len] = '\0';
        if (status != OK || header[1] == END) {
            break;
        }
        if (header[1] == STDOUT) {
            apr_brigade_write(bb, NULL, NULL, data, len);
        }
        else if (header[1] == STDERR) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, link->r, "FastCGI: server \"%s\" stderr: %s",
                          link->server->path, data);
        }
    }
    return status;
}

static int open_link(link_t *link)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };

    apr_cpystrn(name.sun_path, link->server->socket, sizeof(name.sun_path));
    link->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return link->fd >= 0 && connect(link->fd, (struct sockaddr *)&name, sizeof(name)) == 0
               ? OK
               : fault(link, apr_psprintf(link->r->pool, "connect() failed: %s", strerror(errno)));
}

static int exchange(link_t *link, apr_bucket_brigade *bb)
{
    static const char begin[HEADER_BYTES] = { 0, 1, 0, 0, 0, 0, 0, 0 };
    int status = open_link(link);

    ap_add_common_vars(link->r);
    ap_add_cgi_vars(link->r);
    if (status == OK && (status = send_record(link, BEGIN, begin, sizeof(begin))) == OK) {
        status = send_variables(link);
        status = status == OK ? send_body(link) : status;
    }
    if (status == OK) {
        status = receive_answer(link, bb);
    }
    if (link->fd >= 0) {
        close(link->fd);
    }
    return status;
}

/* ---- the handler ---- */

static int pass_on(request_rec *r, apr_bucket_brigade *bb)
{
    int status = ap_scan_script_header_err_brigade(r, bb, NULL);
    const char *location;

    if (status != OK) {
        return status;
    }
    location = apr_table_get(r->headers_out, "Location");
    if (location && *location == '/' && r->status == HTTP_OK) {
        r->method = "GET";
        r->method_number = M_GET;
        apr_table_unset(r->headers_in, "Content-Length");
        ap_internal_redirect_handler(location, r);
        return OK;
    }
    if (location && r->status == HTTP_OK) {
        return HTTP_MOVED_TEMPORARILY;
    }
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(r->connection->bucket_alloc));
    ap_pass_brigade(r->output_filters, bb);
    return OK;
}

static const server_t *server_for(const request_rec *r)
{
    return has_wrapper ? NULL : find(servers_of(r->server->process->pconf), r->filename);
}

/* Where the real one starts a program, this one does not. */
static int start_program(request_rec *r)
{
    struct stat file;

    if (stat(r->filename, &file) != 0) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "FastCGI: stat() of \"%s\" failed", r->filename);
        return HTTP_NOT_FOUND;
    }
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "FastCGI: invalid (dynamic) server \"%s\"", r->filename);
    return HTTP_FORBIDDEN;
}

static int on_fixups(request_rec *r)
{
    if (!server_for(r)) {
        return DECLINED;
    }
    r->handler = HANDLER;
    return OK;
}

static int on_handler(request_rec *r)
{
    link_t link = { .r = r, .fd = -1 };
    apr_bucket_brigade *bb;
    int status;

    if (strcmp(r->handler, HANDLER) != 0) {
        return DECLINED;
    }
    link.server = server_for(r);
    if (!link.server) {
        return start_program(r);
    }
    status = ap_setup_client_block(r, REQUEST_CHUNKED_ERROR);
    if (status != OK) {
        return status;
    }
    bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    status = exchange(&link, bb);
    return status == OK ? pass_on(r, bb) : status;
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_fixups(on_fixups, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(on_handler, NULL, NULL, APR_HOOK_MIDDLE);
}

static const command_rec commands[] = {
    AP_INIT_RAW_ARGS("FastCgiExternalServer", set_external, NULL, RSRC_CONF, "PATH -socket PATH"),
    AP_INIT_FLAG("FastCgiWrapper", set_wrapper, NULL, RSRC_CONF, "On or Off"),
    { .name = NULL }
};

module AP_MODULE_DECLARE_DATA fastcgi_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, commands, register_hooks, AP_MODULE_FLAG_NONE
};
