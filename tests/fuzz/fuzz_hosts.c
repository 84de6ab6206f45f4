/* SPDX-License-Identifier: Apache-2.0
 *
 * What pools on other machines are made of, and what comes back from them: the arguments of
 * FPMHosts, the registry of ports, a URL of a script that only they have, and what a pool
 * says of itself, which its user could write.
 */
#include "fuzz.h"

#include "../../core/hosts.h"
#include "../../core/status.h"

#include <arpa/inet.h>

/* What we take for an address is one to the machine too, and the other way round. */
static void hold_address(const char *text)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    fpmp_address_e kind = fpmp_address_kind(text);
    int is_one =
        inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;

    HOLDS(is_one || (kind != FPMP_ADDRESS_PRIVATE && kind != FPMP_ADDRESS_PUBLIC));
    HOLDS(!is_one || kind != FPMP_ADDRESS_NAME);
}

static void hold_arguments(apr_pool_t *p, char *text)
{
    char *words[WORDS_MAX];
    fpmp_hosts_t hosts = { .where = { "site.conf", 1, "FPMHosts" } };
    int count = words_of(text, words);
    const char *why = fpmp_hosts_parse(p, &hosts, count, words);

    for (const char *c = why ? why : ""; *c; c++) {
        HOLDS((unsigned char)*c >= 0x20 && *c != 0x7f);
    }
    if (why) {
        return;
    }
    HOLDS(hosts.machines->nelts > 0 && hosts.allow->nelts > 0 &&
          hosts.export_dir[0] == '/');
    HOLDS(hosts.port_from >= 1024 && hosts.port_from <= hosts.port_to &&
          hosts.port_to <= 65535);
    for (int i = 0; i < hosts.machines->nelts; i++) {
        HOLDS(!strchr(APR_ARRAY_IDX(hosts.machines, i, const char *),
                      '/')); /* a folder's name */
    }
}

static void hold_distinct(apr_pool_t *p, apr_hash_t *ports)
{
    char taken[65536] = { 0 };

    for (apr_hash_index_t *at = apr_hash_first(p, ports); at; at = apr_hash_next(at)) {
        void *value;
        apr_uintptr_t port;

        apr_hash_this(at, NULL, NULL, &value);
        port = (apr_uintptr_t)value;
        HOLDS(port > 0 && port < sizeof(taken) && !taken[port]);
        taken[port] = 1;
    }
}

/* No two users have one port, nor does a user who comes later, and what is written is read.
 */
static void hold_ports(apr_pool_t *p, const char *text, size_t size)
{
    apr_hash_t *ports = apr_hash_make(p), *again = apr_hash_make(p);
    const char *written;

    if (fpmp_ports_read(p, text, size, ports)) {
        return;
    }
    fpmp_ports_take(p, ports, "newcomer", 20000, 20003);
    hold_distinct(p, ports);
    written = fpmp_ports_text(p, ports);
    HOLDS(!fpmp_ports_read(p, written, strlen(written), again));
    HOLDS(apr_hash_count(again) == apr_hash_count(ports));
    HOLDS(strcmp(fpmp_ports_text(p, again), written) == 0);
}

static void hold_script(apr_pool_t *p, const char *url)
{
    apr_array_header_t *ext = apr_array_make(p, 1, sizeof(const char *));
    const char *path = apr_pstrcat(p, "/srv/www/", url, NULL), *rest = NULL, *script;

    APR_ARRAY_PUSH(ext, const char *) = "php";
    script = fpmp_remote_script(p, path, "/srv/www/", ext, &rest);
    if (script) {
        HOLDS(strcmp(apr_pstrcat(p, script, rest, NULL), path) == 0);
        HOLDS(!*rest || *rest == '/');
        HOLDS(fpmp_rule_claim(script, ext) != FPMP_CLAIM_NONE);
        HOLDS(!strstr(script, "/../"));
    }
}

static void hold_figures(const uint8_t *data, size_t size)
{
    char *exact = malloc(size ? size : 1); /* just that much */
    fpmp_figures_t seen;
    int whole;

    memcpy(exact, data, size);
    whole = fpmp_status_read(exact, size, &seen);
    HOLDS(!fpmp_status_names(exact, size, "david") || size > strlen("pool:david\n"));
    HOLDS(seen.active >= -1 && seen.idle >= -1 && seen.requests >= -1 && seen.slow >= -1);
    HOLDS(!whole || (seen.active >= 0 && seen.idle >= 0 && seen.max_reached >= 0));
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = text_of(data, size);
    apr_pool_t *p;

    apr_pool_create(&p, NULL);
    hold_address(text);
    hold_ports(p, text, size);
    hold_script(p, text);
    hold_figures(data, size);
    hold_arguments(p, text);
    apr_pool_destroy(p);
    free(text);
    return 0;
}
