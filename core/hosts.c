/* SPDX-License-Identifier: Apache-2.0
 *
 * FPMHosts: a group of machines that run the same pools. Its arguments, read and checked word
 * by word, and what an address is. FastCGI knows no password: who may connect becomes the
 * pool's user, so a group without allowed clients is refused. Entry: fpmp_hosts_parse.
 */
#include "hosts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PORT_FROM 20000 /* below what Linux takes for outgoing connections (32768) */
#define PORT_TO 29999
#define PORT_MAX 65535
#define MACHINE_MAX_BYTES 63 /* mod_proxy: PROXY_WORKER_MAX_ROUTE_SIZE is 64 */

/* ---- addresses -------------------------------------------------------------------------- */

/* 1 and the four numbers, if text is an IPv4 address. */
static int read_ipv4(const char *text, unsigned int part[4])
{
    int i;

    for (i = 0; i < 4; i++) {
        apr_size_t digits = strspn(text, "0123456789");

        if (digits < 1 || digits > 3 || (digits > 1 && *text == '0')) {
            return 0;
        }
        part[i] = (unsigned int)atoi(text);
        text += digits;
        if (part[i] > 255 || *text != (i < 3 ? '.' : '\0')) {
            return 0;
        }
        text++;
    }
    return 1;
}

static fpmp_address_e kind_of_ipv4(const unsigned int part[4])
{
    static const struct {
        unsigned int first, low, high; /* of the second number */
    } private_nets[] = {
        { 10, 0, 255 }, { 172, 16, 31 }, { 192, 168, 168 }, /* RFC 1918 */
        { 100, 64, 127 },                                   /* RFC 6598 */
        { 127, 0, 255 }, { 169, 254, 254 },                 /* loopback, link */
    };
    apr_size_t i;

    if (part[0] == 0 || part[0] >= 224) {
        return FPMP_ADDRESS_NONE; /* any, multicast, broadcast: no machine */
    }
    for (i = 0; i < sizeof(private_nets) / sizeof(private_nets[0]); i++) {
        if (part[0] == private_nets[i].first && part[1] >= private_nets[i].low &&
            part[1] <= private_nets[i].high) {
            return FPMP_ADDRESS_PRIVATE;
        }
    }
    return FPMP_ADDRESS_PUBLIC;
}

static int at_gap(const char *gap, const char *text)
{
    return gap && (text == gap || text == gap + 1);
}

/* Hex groups of at most four digits, eight of them or fewer with one "::". */
static int is_ipv6(const char *text)
{
    const char *gap = strstr(text, "::");
    int groups = 0;

    if (gap && strstr(gap + 1, "::")) {
        return 0;
    }
    while (*text) {
        apr_size_t digits = strspn(text, "0123456789abcdef");

        if (digits > 4 || (digits == 0 && !at_gap(gap, text))) {
            return 0;
        }
        groups += digits > 0;
        text += digits;
        if (*text && *text != ':') {
            return 0;
        }
        if (*text == ':' && !text[1] && !at_gap(gap, text)) {
            return 0;
        }
        text += *text == ':';
    }
    return gap ? groups < 8 : groups == 8;
}

static fpmp_address_e kind_of_ipv6(const char *text)
{
    unsigned long first = strtoul(text, NULL, 16);

    if (strcmp(text, "::") == 0 || first >= 0xff00) {
        return FPMP_ADDRESS_NONE;
    }
    return strcmp(text, "::1") == 0 || (first & 0xfe00) == 0xfc00 ||
                   (first & 0xffc0) == 0xfe80
               ? FPMP_ADDRESS_PRIVATE
               : FPMP_ADDRESS_PUBLIC;
}

/* A name of letters, digits, '-' and '.', and not of digits and dots alone. */
static int is_name(const char *text)
{
    return isalnum((unsigned char)*text) && !strstr(text, "..") &&
           text[strlen(text) - 1] != '.' && strspn(text, "0123456789.") != strlen(text) &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(text);
}

fpmp_address_e fpmp_address_kind(const char *text)
{
    unsigned int part[4];

    if (strlen(text) > MACHINE_MAX_BYTES) {
        return FPMP_ADDRESS_NONE;
    }
    if (strchr(text, ':')) {
        return is_ipv6(text) ? kind_of_ipv6(text) : FPMP_ADDRESS_NONE;
    }
    if (read_ipv4(text, part)) {
        return kind_of_ipv4(part);
    }
    return *text && is_name(text) ? FPMP_ADDRESS_NAME : FPMP_ADDRESS_NONE;
}

const char *fpmp_address_port(apr_pool_t *p, const char *machine, int port)
{
    return apr_psprintf(p, strchr(machine, ':') ? "[%s]:%d" : "%s:%d", machine, port);
}

/* ---- the arguments ---------------------------------------------------------------------- */

static int holds(const apr_array_header_t *list, const char *text)
{
    int i;

    for (i = 0; i < list->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(list, i, const char *), text) == 0) {
            return 1;
        }
    }
    return 0;
}

static const char *read_machine(apr_pool_t *p, fpmp_hosts_t *hosts, const char *arg)
{
    const char *machine = fpmp_lower(p, arg);

    if (fpmp_address_kind(machine) == FPMP_ADDRESS_NONE ||
        strcmp(machine, FPMP_PORTS_NAME) == 0) { /* its folder would stand where that is */
        return apr_psprintf(p,
                            "'%s' is no address or name of a machine; write one such as "
                            "10.0.0.1, fd00::1 or app1.internal, without a port",
                            fpmp_value_shown(p, arg));
    }
    if (holds(hosts->machines, machine)) {
        return apr_psprintf(p, "machine '%s' is given twice; keep one of the two", machine);
    }
    APR_ARRAY_PUSH(hosts->machines, const char *) = machine;
    return NULL;
}

static const char *read_allow(apr_pool_t *p, fpmp_hosts_t *hosts, const char *value)
{
    char *rest = apr_pstrdup(p, fpmp_lower(p, value)), *word;

    while ((word = apr_strtok(rest, ",", &rest)) != NULL) {
        fpmp_address_e kind = fpmp_address_kind(word);

        if (kind != FPMP_ADDRESS_PRIVATE && kind != FPMP_ADDRESS_PUBLIC) {
            return apr_psprintf(p,
                                "'%s' in 'allow=' is no address; write those of the web "
                                "servers in numbers, as in allow=10.0.0.8,10.0.0.9",
                                fpmp_value_shown(p, word));
        }
        APR_ARRAY_PUSH(hosts->allow, const char *) = word;
    }
    return NULL;
}

static const char *read_export(apr_pool_t *p, fpmp_hosts_t *hosts, const char *value)
{
    const char *why = fpmp_rule_path(p, value);

    hosts->export_dir = value;
    return why ? apr_psprintf(p, "directory '%s' in 'export=' %s", fpmp_value_shown(p, value),
                              why)
               : NULL;
}

static const char *read_ports(apr_pool_t *p, fpmp_hosts_t *hosts, const char *value)
{
    apr_size_t digits = strspn(value, "0123456789");
    const char *to = value + digits + 1;

    hosts->port_from = atoi(value);
    if (digits < 1 || digits > 5 || value[digits] != '-' ||
        strspn(to, "0123456789") != strlen(to) || strlen(to) > 5 ||
        (hosts->port_to = atoi(to)) > PORT_MAX || hosts->port_from < 1024 ||
        hosts->port_from > hosts->port_to) {
        return apr_psprintf(p,
                            "'ports=%s' is no range of ports from 1024 to %d; write two "
                            "numbers, as in ports=%d-%d",
                            fpmp_value_shown(p, value), PORT_MAX, PORT_FROM, PORT_TO);
    }
    return NULL;
}

static const char *read_own(apr_pool_t *p, fpmp_hosts_t *hosts, const char *key,
                            const char *value)
{
    static const struct {
        const char *key;
        const char *(*read)(apr_pool_t *p, fpmp_hosts_t *hosts, const char *value);
    } keys[] = {
        { "allow", read_allow }, { "export", read_export }, { "ports", read_ports },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(key, keys[i].key) == 0) {
            const char *why = keys[i].read(p, hosts, value);

            return why ? why : "";
        }
    }
    return NULL;
}

/* mod_proxy's own names. It judges their values itself when the balancer is made. */
static apr_array_header_t *params_of(const fpmp_hosts_t *hosts, const char *key)
{
    static const struct {
        const char *key;
        int of_balancer;
    } keys[] = {
        { "acquire", 0 },        { "connectiontimeout", 0 }, { "failonstatus", 1 },
        { "failontimeout", 1 },  { "flushpackets", 0 },      { "flushwait", 0 },
        { "forcerecovery", 1 },  { "growth", 1 },            { "hcfails", 0 },
        { "hcinterval", 0 },     { "hcmethod", 0 },          { "hcpasses", 0 },
        { "hctemplate", 0 },     { "keepalive", 0 },         { "lbmethod", 1 },
        { "max", 0 },            { "maxattempts", 1 },       { "nofailover", 1 },
        { "retry", 0 },          { "scolonpathdelim", 1 },   { "stickysession", 1 },
        { "stickysessionsep", 1 }, { "timeout", 0 },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(key, keys[i].key) == 0) {
            return keys[i].of_balancer ? hosts->balancer : hosts->member;
        }
    }
    return NULL;
}

static const char *read_param(apr_pool_t *p, fpmp_hosts_t *hosts, const char *key,
                              const char *arg)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-.,:|+";
    const char *value = arg + strlen(key) + 1;
    apr_array_header_t *params = params_of(hosts, key);

    if (!params) {
        return apr_psprintf(p,
                            "'%s' is no key of FPMHosts; write allow=, export=, ports=, or a "
                            "parameter of mod_proxy's BalancerMember or balancer, such as "
                            "timeout=, retry=, hcinterval=, lbmethod= or stickysession=",
                            fpmp_value_shown(p, key));
    }
    if (!*value || strspn(value, plain) != strlen(value)) {
        return apr_psprintf(p,
                            "'%s' has a value that is empty or has other characters than "
                            "letters, digits and '_-.,:|+'; write one without these",
                            fpmp_value_shown(p, arg));
    }
    APR_ARRAY_PUSH(params, const char *) = arg;
    return NULL;
}

static const char *read_arg(apr_pool_t *p, fpmp_hosts_t *hosts, apr_hash_t *given,
                            const char *arg)
{
    const char *equals = strchr(arg, '='), *key, *why;

    if (!equals) {
        return read_machine(p, hosts, arg);
    }
    key = apr_pstrmemdup(p, arg, equals - arg);
    if (apr_hash_get(given, key, APR_HASH_KEY_STRING)) {
        return apr_psprintf(p, "'%s' is given twice; keep one of the two",
                            fpmp_value_shown(p, key));
    }
    apr_hash_set(given, key, APR_HASH_KEY_STRING, arg);
    why = read_own(p, hosts, key, equals + 1);
    return why ? (*why ? why : NULL) : read_param(p, hosts, key, arg);
}

/* What a group cannot do without. */
static const char *incomplete(apr_pool_t *p, const fpmp_hosts_t *hosts)
{
    if (hosts->machines->nelts == 0) {
        return apr_psprintf(p, "group '%s' has no machine; write its addresses behind the name",
                            hosts->name);
    }
    if (hosts->allow->nelts == 0) {
        return apr_psprintf(p,
                            "group '%s' allows no client, and whoever reaches a pool over TCP "
                            "becomes its user; write the addresses of the web servers, as in "
                            "allow=10.0.0.8,10.0.0.9", hosts->name);
    }
    return hosts->export_dir
               ? NULL
               : apr_psprintf(p,
                              "group '%s' has no directory for its pool files and ports; write "
                              "export=/DIR", hosts->name);
}

const char *fpmp_hosts_parse(apr_pool_t *p, fpmp_hosts_t *hosts, int argc,
                             char *const argv[])
{
    apr_hash_t *given = apr_hash_make(p);
    const char *why;
    int i;

    if (argc < 1) {
        return "the name is missing; write 'FPMHosts NAME ADDRESS... allow=ADDRESS,... "
               "export=DIR'";
    }
    hosts->name = apr_pstrdup(p, argv[0]);
    hosts->machines = apr_array_make(p, 4, sizeof(const char *));
    hosts->allow = apr_array_make(p, 4, sizeof(const char *));
    hosts->member = apr_array_make(p, 4, sizeof(const char *));
    hosts->balancer = apr_array_make(p, 4, sizeof(const char *));
    hosts->port_from = PORT_FROM;
    hosts->port_to = PORT_TO;
    why = fpmp_rule_master_name(hosts->name);
    if (why) {
        return apr_psprintf(p, "name '%s' %s", fpmp_value_shown(p, hosts->name), why);
    }
    for (i = 1; i < argc && !why; i++) {
        why = read_arg(p, hosts, given, apr_pstrdup(p, argv[i]));
    }
    hosts->master = apr_pcalloc(p, sizeof(*hosts->master));
    hosts->master->name = hosts->name;
    hosts->master->where = hosts->where;
    return why ? why : incomplete(p, hosts);
}

/* ---- beside others ---------------------------------------------------------------------- */

static const char *beside_one(apr_pool_t *p, const fpmp_hosts_t *hosts,
                              const fpmp_hosts_t *old)
{
    int i;

    if (strcmp(old->name, hosts->name) == 0) {
        return apr_psprintf(p, "group '%s' was already given at %s:%d; write all machines in one "
                               "line", old->name, old->where.file, old->where.line);
    }
    if (strcmp(old->export_dir, hosts->export_dir) == 0) {
        return apr_psprintf(p, "'export=%s' is already that of group '%s' at %s:%d; give each "
                               "its own", old->export_dir, old->name, old->where.file,
                            old->where.line);
    }
    for (i = 0; i < hosts->machines->nelts; i++) {
        const char *machine = APR_ARRAY_IDX(hosts->machines, i, const char *);

        if (holds(old->machines, machine) && hosts->port_from <= old->port_to &&
            old->port_from <= hosts->port_to) {
            return apr_psprintf(p, "machine '%s' is also in group '%s' at %s:%d, with the same "
                                   "ports; give each group its own with ports=",
                                machine, old->name, old->where.file, old->where.line);
        }
    }
    return NULL;
}

const char *fpmp_hosts_beside(apr_pool_t *p, const fpmp_hosts_t *hosts,
                              const apr_array_header_t *before)
{
    const char *why = NULL;
    int i;

    for (i = 0; i < before->nelts && !why; i++) {
        why = beside_one(p, hosts, APR_ARRAY_IDX(before, i, const fpmp_hosts_t *));
    }
    return why;
}
