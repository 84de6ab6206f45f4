/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a pool file, and how a file of ours is told from anybody else's: line 2 is
 * the marker with a hash of all that follows it. The bytes depend on the chain alone, so
 * comparing content is enough to know that nothing changed. Entry: fpmp_pool_text_render.
 */
#include "hosts.h"

#include <apr_sha1.h>
#include <string.h>

#define HEAD_LINE                                                                          \
    "; Written by mod_fpmpool: do not edit. Change the FPMUser line of httpd's "           \
    "configuration and reload httpd.\n"
#define MARK_START "; fpmpool 1 sha1="
#define MARK_SERVER " server="
#define TAIL_LINE "; end of fpmpool file\n"
#define HEX_DIGITS "0123456789abcdef"
#define HEX_BYTES (2 * APR_SHA1_DIGESTSIZE)

static void hash_text(char hex[HEX_BYTES + 1], const char *text, apr_size_t len)
{
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    apr_sha1_ctx_t sha1;
    int i;

    apr_sha1_init(&sha1);
    apr_sha1_update(&sha1, text, (unsigned int)len);
    apr_sha1_final(digest, &sha1);
    for (i = 0; i < APR_SHA1_DIGESTSIZE; i++) {
        hex[2 * i] = HEX_DIGITS[digest[i] >> 4];
        hex[2 * i + 1] = HEX_DIGITS[digest[i] & 15];
    }
    hex[HEX_BYTES] = '\0';
}

const char *fpmp_hash_text(apr_pool_t *p, const char *text, apr_size_t len)
{
    char *hex = apr_palloc(p, HEX_BYTES + 1);

    hash_text(hex, text, len);
    return hex;
}

const char *fpmp_pool_text_ext(apr_pool_t *p, const apr_array_header_t *ext)
{
    const char *text = "";
    int i;

    for (i = 0; i < ext->nelts; i++) {
        text = apr_pstrcat(p, text, i ? " ." : ".", APR_ARRAY_IDX(ext, i, const char *),
                           NULL);
    }
    return text;
}

static const char *setting_line(apr_pool_t *p, const fpmp_setting_t *setting)
{
    const char *name = setting->name;

    if (setting->subkey) {
        name = apr_pstrcat(p, name, "[", setting->subkey, "]", NULL);
    }
    return apr_psprintf(p, setting->quoted ? "%s = \"%s\"\n" : "%s = %s\n", name,
                        setting->value);
}

/*
 * FPM keeps the first of two array entries with one key: what the chain needs stands before
 * what was asked for. A comment closes the file, because a file cut short after its last
 * line would load in silence.
 */
const char *fpmp_pool_text_body(apr_pool_t *p, const fpmp_chain_t *chain)
{
    const struct {
        const char *name, *value;
    } derived[] = {
        { "user", chain->user },
        { "group", chain->group },
        { "listen", chain->socket_path },
        { "listen.owner", chain->socket_owner },
        { "listen.group", chain->socket_group },
        { "listen.mode", chain->hosts ? NULL : "0600" },
        { "listen.allowed_clients", chain->allowed },
        { "security.limit_extensions", fpmp_pool_text_ext(p, chain->ext) },
        { "php_admin_value[opcache.validate_permission]", "1" },
        { "php_admin_value[cgi.fix_pathinfo]", "1" },
    };
    apr_array_header_t *lines = apr_array_make(p, 32, sizeof(const char *));
    apr_size_t i;
    int j;

    if (chain->master->control_timeout_sec) {
        APR_ARRAY_PUSH(lines, const char *) =
            apr_psprintf(p, "[global]\nprocess_control_timeout = %d\n",
                         chain->master->control_timeout_sec);
    }
    APR_ARRAY_PUSH(lines, const char *) = apr_psprintf(p, "[%s]\n", chain->pool);
    for (i = 0; i < sizeof(derived) / sizeof(derived[0]); i++) {
        if (derived[i].value) {
            APR_ARRAY_PUSH(lines, const char *) =
                apr_psprintf(p, "%s = \"%s\"\n", derived[i].name, derived[i].value);
        }
    }
    for (j = 0; j < chain->settings->nelts; j++) {
        APR_ARRAY_PUSH(lines, const char *) =
            setting_line(p, &APR_ARRAY_IDX(chain->settings, j, fpmp_setting_t));
    }
    APR_ARRAY_PUSH(lines, const char *) = TAIL_LINE;
    return apr_array_pstrcat(p, lines, 0);
}

const char *fpmp_pool_text_render(apr_pool_t *p, const fpmp_chain_t *chain,
                                  const char *server_id)
{
    const char *body = fpmp_pool_text_body(p, chain);
    char hex[HEX_BYTES + 1];

    hash_text(hex, body, strlen(body));
    return apr_pstrcat(p, HEAD_LINE MARK_START, hex, MARK_SERVER, server_id, "\n", body,
                       NULL);
}

/* Step over text if it stands at *at. */
static int take(const char **at, const char *end, const char *text)
{
    apr_size_t len = strlen(text);

    if ((apr_size_t)(end - *at) < len || memcmp(*at, text, len) != 0) {
        return 0;
    }
    *at += len;
    return 1;
}

static int take_hex(const char **at, const char *end)
{
    int i;

    for (i = 0; i < HEX_BYTES; i++, (*at)++) {
        if (*at == end || !**at || !strchr(HEX_DIGITS, **at)) {
            return 0;
        }
    }
    return 1;
}

fpmp_mark_e fpmp_pool_text_mark(apr_pool_t *p, const char *text, apr_size_t len,
                                const char **server_id)
{
    const char *at = text, *end = text + len, *hash, *server, *stop;
    char hex[HEX_BYTES + 1];

    if (server_id) {
        *server_id = NULL;
    }
    if (!take(&at, end, HEAD_LINE) || !take(&at, end, MARK_START)) {
        return FPMP_MARK_NONE;
    }
    hash = at;
    if (!take_hex(&at, end) || !take(&at, end, MARK_SERVER)) {
        return FPMP_MARK_NONE;
    }
    server = at;
    stop = memchr(server, '\n', end - server);
    if (!stop || stop == server || stop[-1] == '\r') {
        return FPMP_MARK_NONE;
    }
    if (server_id) {
        *server_id = apr_pstrmemdup(p, server, stop - server);
    }
    hash_text(hex, stop + 1, end - (stop + 1));
    return memcmp(hash, hex, HEX_BYTES) == 0 ? FPMP_MARK_WHOLE : FPMP_MARK_EDITED;
}

const char *fpmp_pool_text_value(apr_pool_t *p, const char *text, apr_size_t len,
                                 const char *name)
{
    const fpmp_ini_t *ini = fpmp_ini_read(p, text, len);
    const char *value = NULL;
    int i;

    for (i = 0; i < ini->entries->nelts; i++) {
        const fpmp_ini_entry_t *entry = &APR_ARRAY_IDX(ini->entries, i, fpmp_ini_entry_t);

        if (entry->name && !entry->subkey && strcasecmp(entry->name, name) == 0) {
            value = entry->value;
        }
    }
    return value;
}

/* What follows line 2; NULL if there are no two lines. */
static const char *after_marker(const char *text)
{
    const char *first = strchr(text, '\n');
    const char *second = first ? strchr(first + 1, '\n') : NULL;

    return second ? second + 1 : NULL;
}

int fpmp_pool_text_same(const char *a, const char *b)
{
    const char *body_a = after_marker(a), *body_b = after_marker(b);

    return body_a && body_b && strcmp(body_a, body_b) == 0;
}

const char *fpmp_pool_text_moved(apr_pool_t *p, const char *text, const char *from,
                                 const char *to)
{
    fpmp_mark_e mark = fpmp_pool_text_mark(p, text, strlen(text), NULL);
    const char *line = apr_pstrcat(p, "\nlisten = \"", from, "\"\n", NULL), *body;
    const char *at = mark == FPMP_MARK_NONE ? NULL : strstr(text, line);
    char *moved, hex[HEX_BYTES + 1];

    if (!at) {
        return NULL;
    }
    moved = apr_pstrcat(p, apr_pstrmemdup(p, text, at - text), "\nlisten = \"", to, "\"\n",
                        at + strlen(line), NULL);
    if (mark == FPMP_MARK_WHOLE) {
        body = after_marker(moved);
        hash_text(hex, body, strlen(body));
        memcpy(moved + strlen(HEAD_LINE MARK_START), hex, HEX_BYTES);
    }
    return moved;
}
