/* SPDX-License-Identifier: Apache-2.0
 *
 * via=balancer: what a line with hosts= comes to. The group that it chooses, the directives of
 * mod_proxy_balancer that it stands for, which are both put in force and shown, and the pool as
 * it is on each machine. hosts.c has the group itself, ports.c the registry of ports.
 */
#include "hosts.h"
#include "via.h"

#include <string.h>

/* What a member has that the line does not give. A machine that takes no connection is known
 * within a second by a request, and within hcinterval without one. The check brings it back
 * too, so that retry= may stay long: no request is spent on a machine that is away. */
static const char *const member_defaults[] = { "connectiontimeout=1", "hcmethod=TCP",
                                               "hcinterval=5" };

/* ---- the group -------------------------------------------------------------------------- */

const fpmp_hosts_t *fpmp_hosts_choose(fpmp_plan_t *plan, fpmp_line_t *line)
{
    apr_pool_t *p = plan->pool;
    int i;

    for (i = 0; line->hosts && i < plan->ends.hosts->nelts; i++) {
        const fpmp_hosts_t *hosts = APR_ARRAY_IDX(plan->ends.hosts, i, const fpmp_hosts_t *);

        if (strcmp(hosts->name, line->hosts) == 0) {
            return hosts;
        }
    }
    if (!line->hosts) {
        fpmp_line_refuse(plan, line, "FPMP0680", FPMP_LINK_DIRECTIVE,
                         apr_psprintf(p, "via=balancer of user '%s' names no machines",
                                      line->user),
                         "write hosts=NAME, and FPMHosts NAME with their addresses");
        return NULL;
    }
    fpmp_line_refuse(plan, line, "FPMP0681", FPMP_LINK_DIRECTIVE,
                     apr_psprintf(p, "there is no group '%s' for hosts= of user '%s'",
                                  fpmp_value_shown(p, line->hosts), line->user),
                     apr_psprintf(p, "write 'FPMHosts %s ADDRESS... allow=ADDRESS,... "
                                     "export=DIR', or mend the name",
                                  fpmp_value_shown(p, line->hosts)));
    return NULL;
}

static const char *first_public(const apr_array_header_t *list)
{
    int i;

    for (i = 0; i < list->nelts; i++) {
        const char *address = APR_ARRAY_IDX(list, i, const char *);

        if (fpmp_address_kind(address) == FPMP_ADDRESS_PUBLIC) {
            return address;
        }
    }
    return NULL;
}

/* A user whose PHP runs on this server, of which allow= has the address; NULL: none. */
static const char *first_here(const fpmp_plan_t *plan)
{
    int i;

    for (i = 0; i < plan->chains->nelts; i++) {
        const fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, const fpmp_chain_t *);

        if (!chain->hosts) {
            return chain->user;
        }
    }
    return NULL;
}

void fpmp_hosts_judge(fpmp_plan_t *plan, const fpmp_hosts_t *hosts)
{
    const char *address = first_public(hosts->machines), *user = first_here(plan);

    address = address ? address : first_public(hosts->allow);
    if (user) {
        fpmp_finding_add(
            plan->findings, "FPMP0678", FPMP_LINK_SOCKET, FPMP_NOTICE, hosts->where,
            apr_psprintf(
                plan->pool,
                "PHP of '%s' runs on this server, and allow= of group '%s' lets it "
                "connect to its pools and be any of their users",
                user, hosts->name),
            "give him hosts= too, or have a firewall keep him from there");
    }
    if (address) {
        fpmp_finding_add(
            plan->findings, "FPMP0686", FPMP_LINK_SOCKET, FPMP_NOTICE, hosts->where,
            apr_psprintf(plan->pool,
                         "'%s' of group '%s' is a public address; FastCGI knows neither "
                         "password nor encryption",
                         address, hosts->name),
            "put web servers and machines into a private network or a tunnel");
    }
}

int fpmp_chain_remote(const fpmp_chain_t *chain)
{
    int i;

    for (i = 0; chain->hosts && i < chain->lines->nelts; i++) {
        if (APR_ARRAY_IDX(chain->lines, i, const fpmp_line_t *)->root != FPMP_ROOT_REMOTE) {
            return 0;
        }
    }
    return chain->hosts != NULL;
}

void fpmp_balancer_check(fpmp_plan_t *plan, fpmp_chain_t *chain, apr_hash_t *taken)
{
    const fpmp_chain_t *other = apr_hash_get(taken, chain->balancer, APR_HASH_KEY_STRING);

    if (other) {
        fpmp_chain_find(plan, chain, "FPMP0684", FPMP_LINK_HANDLER, FPMP_BROKEN,
                        apr_psprintf(plan->pool,
                                     "'%s' of user '%s' with hosts=%s is already that of hosts=%s "
                                     "at %s:%d",
                                     chain->balancer, chain->user, chain->hosts->name,
                                     other->hosts->name, other->where.file, other->where.line),
                        "write one hosts= for the user, or another user");
        return;
    }
    apr_hash_set(taken, chain->balancer, APR_HASH_KEY_STRING, chain);
}

static const char *address_at(apr_pool_t *p, const fpmp_chain_t *chain, int i)
{
    return fpmp_address_port(p, APR_ARRAY_IDX(chain->hosts->machines, i, const char *),
                             chain->port);
}

/* Who has an address of this chain already, and the first such; NULL: nobody. */
static const fpmp_chain_t *who_has(apr_pool_t *p, const fpmp_chain_t *chain,
                                   apr_hash_t *taken, const char **address)
{
    const fpmp_chain_t *other = NULL;
    int i;

    for (i = 0; i < chain->hosts->machines->nelts && !other; i++) {
        *address = address_at(p, chain, i);
        other = apr_hash_get(taken, *address, APR_HASH_KEY_STRING);
    }
    return other;
}

static void take_addresses(apr_pool_t *p, const fpmp_chain_t *chain, apr_hash_t *taken)
{
    int i;

    for (i = 0; i < chain->hosts->machines->nelts; i++) {
        apr_hash_set(taken, address_at(p, chain, i), APR_HASH_KEY_STRING, chain);
    }
}

static void give_up_port(fpmp_plan_t *plan, fpmp_chain_t *chain, const char *address,
                         const fpmp_chain_t *other)
{
    fpmp_chain_find(
        plan, chain, "FPMP0679", FPMP_LINK_SOCKET, FPMP_BROKEN,
        apr_psprintf(
            plan->pool, "'%s' of user '%s' in group '%s' is that of '%s' in group '%s'",
            address, chain->user, chain->hosts->name, other->user, other->hosts->name),
        apr_psprintf(plan->pool,
                     "write another port for him in '%s/" FPMP_PORTS_NAME
                     "', and sha1=- into line 2",
                     chain->hosts->export_dir));
    chain->port = 0;
}

/* Two groups may have a machine in common, with ports= apart: but who has a port keeps it,
 * whatever ports= is now. */
void fpmp_balancer_check_ports(fpmp_plan_t *plan)
{
    apr_hash_t *taken = apr_hash_make(plan->pool);
    int i;

    for (i = 0; i < plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, fpmp_chain_t *);
        const fpmp_chain_t *other;
        const char *address;

        if (!chain->port || chain->broken) {
            continue;
        }
        other = who_has(plan->pool, chain, taken, &address);
        if (other) {
            give_up_port(plan, chain, address, other);
        }
        else {
            take_addresses(plan->pool, chain, taken);
        }
    }
}

/* ---- the directives --------------------------------------------------------------------- */

static int gives(const apr_array_header_t *params, const char *param)
{
    apr_size_t key = strcspn(param, "=") + 1;
    int i;

    for (i = 0; i < params->nelts; i++) {
        if (strncmp(APR_ARRAY_IDX(params, i, const char *), param, key) == 0) {
            return 1;
        }
    }
    return 0;
}

/* "retry=5 hcmethod=TCP ..." */
static const char *member_params(apr_pool_t *p, const fpmp_hosts_t *hosts)
{
    apr_array_header_t *params = apr_array_copy(p, hosts->member);
    apr_size_t i;

    for (i = 0; i < sizeof(member_defaults) / sizeof(member_defaults[0]); i++) {
        if (!gives(hosts->member, member_defaults[i])) {
            APR_ARRAY_PUSH(params, const char *) = member_defaults[i];
        }
    }
    return apr_array_pstrcat(p, params, ' ');
}

/* The end of a session's cookie: a '.' would end it too early. */
static const char *route_of(apr_pool_t *p, const char *machine)
{
    char *route = apr_pstrdup(p, machine), *at;

    for (at = route; *at; at++) {
        *at = *at == '.' || *at == ':' ? '-' : *at;
    }
    return route;
}

const char *fpmp_balancer_method(const fpmp_hosts_t *hosts)
{
    static const char key[] = "lbmethod=";
    int i;

    for (i = 0; i < hosts->balancer->nelts; i++) {
        const char *param = APR_ARRAY_IDX(hosts->balancer, i, const char *);

        if (strncmp(param, key, strlen(key)) == 0) {
            return param + strlen(key);
        }
    }
    return "byrequests";
}

const char *fpmp_balancer_text(apr_pool_t *p, const fpmp_chain_t *chain)
{
    const fpmp_hosts_t *hosts = chain->hosts;
    const char *params = member_params(p, hosts);
    apr_array_header_t *lines = apr_array_make(p, 8, sizeof(const char *));
    int i;

    APR_ARRAY_PUSH(lines, const char *) = apr_psprintf(p, "<Proxy %s>\n", chain->balancer);
    for (i = 0; i < hosts->machines->nelts; i++) {
        const char *machine = APR_ARRAY_IDX(hosts->machines, i, const char *);

        APR_ARRAY_PUSH(lines, const char *) = apr_psprintf(
            p, "    BalancerMember fcgi://%s route=%s %s\n",
            fpmp_address_port(p, machine, chain->port), route_of(p, machine), params);
    }
    if (hosts->balancer->nelts) {
        APR_ARRAY_PUSH(lines, const char *) =
            apr_psprintf(p, "    ProxySet %s\n", apr_array_pstrcat(p, hosts->balancer, ' '));
    }
    APR_ARRAY_PUSH(lines, const char *) = "</Proxy>\n";
    return apr_array_pstrcat(p, lines, 0);
}

const char *fpmp_balancer_members(apr_pool_t *p, const fpmp_chain_t *chain)
{
    const char *text = "";
    int i;

    for (i = 0; i < chain->hosts->machines->nelts; i++) {
        text = apr_pstrcat(p, text, i ? ", " : "", address_at(p, chain, i), NULL);
    }
    return text;
}

/* ---- the pool there ---------------------------------------------------------------------- */

const fpmp_chain_t *fpmp_chain_there(apr_pool_t *p, const fpmp_chain_t *chain,
                                     const char *machine)
{
    fpmp_chain_t *there = apr_pmemdup(p, chain, sizeof(*chain));

    there->socket_path = fpmp_address_port(p, machine, chain->port);
    return there;
}

/* The mark of a file of this very server; NONE: it is somebody else's. */
static fpmp_mark_e own_mark(apr_pool_t *p, const char *text, const char *server_id)
{
    const char *server = NULL;
    fpmp_mark_e mark = fpmp_pool_text_mark(p, text, strlen(text), &server);

    return server && strcmp(server, server_id) == 0 ? mark : FPMP_MARK_NONE;
}

fpmp_change_e fpmp_export_change(apr_pool_t *p, const char *text, const char *wanted,
                                 const char *server_id)
{
    fpmp_mark_e mark = text ? own_mark(p, text, server_id) : FPMP_MARK_NONE;

    if (mark == FPMP_MARK_NONE) {
        return !text && wanted ? FPMP_CHANGE_WRITE : FPMP_CHANGE_NONE;
    }
    if (wanted && strcmp(text, wanted) == 0) {
        return FPMP_CHANGE_NONE;
    }
    return mark == FPMP_MARK_EDITED
               ? (wanted ? FPMP_CHANGE_WRITE_ASIDE : FPMP_CHANGE_REMOVE_ASIDE)
               : (wanted ? FPMP_CHANGE_WRITE : FPMP_CHANGE_REMOVE);
}

int fpmp_export_foreign(apr_pool_t *p, const char *text, const char *wanted,
                        const char *server_id)
{
    return text && wanted && own_mark(p, text, server_id) == FPMP_MARK_NONE &&
           !fpmp_pool_text_same(text, wanted);
}

/* ---- a script that is only there ---------------------------------------------------------- */

const char *fpmp_remote_script(apr_pool_t *p, const char *path, const char *root,
                               const apr_array_header_t *ext, const char **rest)
{
    apr_size_t len = strlen(root);
    char *script, *name, *end;

    while (len > 0 && root[len - 1] == '/') {
        len--;
    }
    if (strncmp(path, root, len) != 0 || path[len] != '/' || strstr(path, "/../") ||
        strstr(path, "/./")) {
        return NULL;
    }
    script = apr_pstrdup(p, path);
    for (name = script + len + 1;; name = end + 1) {
        end = strchr(name, '/');
        if (end) {
            *end = '\0';
        }
        if (fpmp_rule_claim(name, ext) != FPMP_CLAIM_NONE) {
            *rest = end ? path + (end - script) : "";
            return script;
        }
        if (!end) {
            return NULL;
        }
        *end = '/';
    }
}
