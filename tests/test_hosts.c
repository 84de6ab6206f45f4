/* SPDX-License-Identifier: Apache-2.0
 *
 * Pools on other machines: the words of FPMHosts, what an address is, the registry of ports, the
 * directives and pool files that follow. t/balancer.t has them in force.
 */
/* links: core */
#include "plan.h"

#include "../core/hosts.h"
#include "../core/via.h"

#define WHOLE "apps 10.0.0.1 10.0.0.2 allow=10.0.0.8 export=/srv/pools"

static const char *parse(apr_pool_t *p, const char *text, fpmp_hosts_t **out)
{
    fpmp_hosts_t *hosts = apr_pcalloc(p, sizeof(*hosts));
    char **argv;
    int argc = 0;

    hosts->where.file = SITE;
    hosts->where.line = 3;
    hosts->where.directive = "FPMHosts";
    apr_tokenize_to_argv(text, &argv, p);
    while (argv[argc]) {
        argc++;
    }
    if (out) {
        *out = hosts;
    }
    return fpmp_hosts_parse(p, hosts, argc, argv);
}

static fpmp_hosts_t *group(apr_pool_t *p, const char *text)
{
    fpmp_hosts_t *hosts;
    const char *why = parse(p, text, &hosts);

    if (why) {
        fail_msg("%s: %s", text, why);
    }
    return hosts;
}

static void an_address_is_private_public_a_name_or_none(void **state)
{
    static const struct {
        const char *text;
        fpmp_address_e kind;
    } table[] = {
        { "9.255.255.255", FPMP_ADDRESS_PUBLIC }, { "10.0.0.0", FPMP_ADDRESS_PRIVATE },
        { "10.255.255.255", FPMP_ADDRESS_PRIVATE }, { "11.0.0.0", FPMP_ADDRESS_PUBLIC },
        { "172.15.0.1", FPMP_ADDRESS_PUBLIC }, { "172.16.0.1", FPMP_ADDRESS_PRIVATE },
        { "172.31.0.1", FPMP_ADDRESS_PRIVATE }, { "172.32.0.1", FPMP_ADDRESS_PUBLIC },
        { "192.168.1.1", FPMP_ADDRESS_PRIVATE }, { "192.169.1.1", FPMP_ADDRESS_PUBLIC },
        { "100.63.0.1", FPMP_ADDRESS_PUBLIC }, { "100.64.0.1", FPMP_ADDRESS_PRIVATE },
        { "100.127.0.1", FPMP_ADDRESS_PRIVATE }, { "100.128.0.1", FPMP_ADDRESS_PUBLIC },
        { "127.0.0.1", FPMP_ADDRESS_PRIVATE }, { "169.254.0.1", FPMP_ADDRESS_PRIVATE },
        { "223.255.255.255", FPMP_ADDRESS_PUBLIC }, { "224.0.0.1", FPMP_ADDRESS_NONE },
        { "0.0.0.0", FPMP_ADDRESS_NONE }, { "255.255.255.255", FPMP_ADDRESS_NONE },
        { "10.0.0", FPMP_ADDRESS_NONE }, { "10.0.0.256", FPMP_ADDRESS_NONE },
        { "10.0.0.01", FPMP_ADDRESS_NONE }, { "10.0.0.1.", FPMP_ADDRESS_NONE },
        { "::1", FPMP_ADDRESS_PRIVATE }, { "::", FPMP_ADDRESS_NONE },
        { "fbff::1", FPMP_ADDRESS_PUBLIC }, { "fc00::1", FPMP_ADDRESS_PRIVATE },
        { "fdff::1", FPMP_ADDRESS_PRIVATE }, { "fe00::1", FPMP_ADDRESS_PUBLIC },
        { "fe80::1", FPMP_ADDRESS_PRIVATE }, { "fec0::1", FPMP_ADDRESS_PUBLIC },
        { "ff02::1", FPMP_ADDRESS_NONE }, { "2001:db8::1", FPMP_ADDRESS_PUBLIC },
        { "1:2:3:4:5:6:7:8", FPMP_ADDRESS_PUBLIC }, { "1:2:3:4:5:6:7", FPMP_ADDRESS_NONE },
        { "1:2:3:4:5:6:7:8:9", FPMP_ADDRESS_NONE }, { "1::2::3", FPMP_ADDRESS_NONE },
        { "fd00:::1", FPMP_ADDRESS_NONE }, { "fd00::1:", FPMP_ADDRESS_NONE },
        { ":1", FPMP_ADDRESS_NONE }, { "12345::", FPMP_ADDRESS_NONE },
        { "fd00::", FPMP_ADDRESS_PRIVATE }, { "10.0.0.1:80", FPMP_ADDRESS_NONE },
        { "app1.internal", FPMP_ADDRESS_NAME }, { "app-1", FPMP_ADDRESS_NAME },
        { "-app", FPMP_ADDRESS_NONE }, { "app..x", FPMP_ADDRESS_NONE },
        { "app.", FPMP_ADDRESS_NONE }, { "app_1", FPMP_ADDRESS_NONE },
        { "a/b", FPMP_ADDRESS_NONE }, { "", FPMP_ADDRESS_NONE },
        { "a23456789012345678901234567890123456789012345678901234567890123",
          FPMP_ADDRESS_NAME },
        { "a234567890123456789012345678901234567890123456789012345678901234",
          FPMP_ADDRESS_NONE },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        if (fpmp_address_kind(table[i].text) != table[i].kind) {
            fail_msg("'%s' is kind %d", table[i].text, fpmp_address_kind(table[i].text));
        }
    }
}

static void a_whole_line_is_read(void **state)
{
    fpmp_hosts_t *hosts = group(*state, "apps App1.Internal FD00::1 allow=10.0.0.8,10.0.0.9 "
                                        "export=/srv/pools ports=3000-3009 retry=1 "
                                        "lbmethod=bybusyness stickysession=A|b");

    expect_text("name", hosts->name, "apps");
    expect_text("machines", apr_array_pstrcat(*state, hosts->machines, ' '),
                "app1.internal fd00::1");
    expect_text("allow", apr_array_pstrcat(*state, hosts->allow, ' '), "10.0.0.8 10.0.0.9");
    expect_text("member", apr_array_pstrcat(*state, hosts->member, ' '), "retry=1");
    expect_text("balancer", apr_array_pstrcat(*state, hosts->balancer, ' '),
                "lbmethod=bybusyness stickysession=A|b");
    assert_int_equal(hosts->port_from, 3000);
    assert_int_equal(hosts->port_to, 3009);
    hosts = group(*state, WHOLE);
    assert_int_equal(hosts->port_from, 20000);
    assert_int_equal(hosts->port_to, 29999);
}

static void a_word_that_is_wrong_is_refused(void **state)
{
    static const struct {
        const char *text, *why; /* the beginning of it */
    } table[] = {
        { "", "the name is missing" },
        { "a/b 10.0.0.1", "name 'a/b' " },
        { "apps allow=10.0.0.8 export=/srv", "group 'apps' has no machine" },
        { "apps 10.0.0.1 export=/srv", "group 'apps' allows no client" },
        { "apps 10.0.0.1 allow= export=/srv", "group 'apps' allows no client" },
        { "apps 10.0.0.1 allow=10.0.0.8", "group 'apps' has no directory" },
        { "apps 10.0.0.1 10.0.0.1 allow=10.0.0.8 export=/srv",
          "machine '10.0.0.1' is given twice" },
        { "apps 10.0.0.1:9000 allow=10.0.0.8 export=/srv",
          "'10.0.0.1:9000' is no address or name of a machine" },
        { "apps Ports allow=10.0.0.8 export=/srv",
          "'Ports' is no address or name of a machine" },
        { "apps 10.0.0.1 allow=web1 export=/srv", "'web1' in 'allow=' is no address" },
        { "apps 10.0.0.1 allow=any export=/srv", "'any' in 'allow=' is no address" },
        { "apps 10.0.0.1 allow=10.0.0.8 export=srv", "directory 'srv' in 'export=' " },
        { WHOLE " export=/srv", "'export' is given twice" },
        { WHOLE " ports=1023-2000", "'ports=1023-2000' is no range" },
        { WHOLE " ports=1024-65536", "'ports=1024-65536' is no range" },
        { WHOLE " ports=3000-2999", "'ports=3000-2999' is no range" },
        { WHOLE " ports=3000", "'ports=3000' is no range" },
        { WHOLE " ports=3000-", "'ports=3000-' is no range" },
        { WHOLE " enablereuse=on", "'enablereuse' is no key of FPMHosts" },
        { WHOLE " secret=x", "'secret' is no key of FPMHosts" },
        { WHOLE " =x", "'' is no key of FPMHosts" },
        { WHOLE " retry=", "'retry=' has a value that is empty" },
        { WHOLE " \"retry=1 secret=x\"", "'retry=1 secret=x' has a value that" },
        { WHOLE " retry=1 retry=2", "'retry' is given twice" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        const char *why = parse(*state, table[i].text, NULL);

        if (!why || strncmp(why, table[i].why, strlen(table[i].why)) != 0) {
            fail_msg("%s: %s", table[i].text, why ? why : "taken");
        }
    }
}

static void two_groups_have_nothing_in_common(void **state)
{
    static const struct {
        const char *text, *why; /* a part of it; NULL: none */
    } table[] = {
        { "web 10.0.1.1 allow=10.0.0.8 export=/srv/web", NULL },
        { "apps 10.0.1.1 allow=10.0.0.8 export=/srv/web", "group 'apps' was already given" },
        { "web 10.0.1.1 allow=10.0.0.8 export=/srv/pools", "is already that of group 'apps'" },
        { "web 10.0.0.2 allow=10.0.0.8 export=/srv/web", "machine '10.0.0.2' is also in" },
        { "web 10.0.0.2 allow=10.0.0.8 export=/srv/web ports=29999-30000", "10.0.0.2" },
        { "web 10.0.0.2 allow=10.0.0.8 export=/srv/web ports=30000-30001", NULL },
        { "web 10.0.0.2 allow=10.0.0.8 export=/srv/web ports=19000-19999", NULL },
    };
    apr_array_header_t *before = apr_array_make(*state, 1, sizeof(fpmp_hosts_t *));

    APR_ARRAY_PUSH(before, fpmp_hosts_t *) = group(*state, WHOLE);
    for (size_t i = 0; i < COUNT(table); i++) {
        const char *why =
            fpmp_hosts_beside(*state, group(*state, table[i].text), before);

        if (!why != !table[i].why || (why && !strstr(why, table[i].why))) {
            fail_msg("%s: %s", table[i].text, why ? why : "taken");
        }
    }
}

/* ---- the chain --------------------------------------------------------------------------- */

static fpmp_plan_t *derived(apr_pool_t *p, const char *defaults, const char *first,
                            const char *second)
{
    fpmp_plan_t *plan = plan_of(p, first, second, NULL);

    plan->defaults = defaults ? line_read(p, defaults, 0, 5) : NULL;
    plan->httpd = &httpd;
    APR_ARRAY_PUSH(plan->ends.hosts, fpmp_hosts_t *) = group(p, WHOLE);
    APR_ARRAY_PUSH(plan->ends.hosts, fpmp_hosts_t *) =
        group(p, "web 10.0.1.1 allow=10.0.0.8 export=/srv/web retry=1 lbmethod=bytraffic");
    APR_ARRAY_PUSH(plan->ends.hosts, fpmp_hosts_t *) =
        group(p, "both 10.0.1.1 10.0.0.2 allow=10.0.0.8 export=/srv/both ports=19000-19999");
    fpmp_chains_derive(plan, plan->httpd);
    return plan;
}

static void a_line_with_hosts_goes_to_them(void **state)
{
    static const struct {
        const char *title, *defaults, *first, *second, *findings;
    } table[] = {
        { "a group", NULL, "david hosts=apps", "anna", "" },
        { "of the defaults", "hosts=apps", "david", "anna hosts=web", "" },
        { "native beside", "hosts=apps", "david", "anna via=native", "" },
        { "the user here and there", NULL, "david hosts=apps", "david", "" },
        { "no group of that name", NULL, "david hosts=none", "anna",
          "BROKEN FPMP0681: directive: there is no group 'none' for hosts= of user 'david'; write "
          "'FPMHosts none ADDRESS... allow=ADDRESS,... export=DIR', or mend the name" AT_10 },
        { "none at all", NULL, "david via=balancer", "anna",
          "BROKEN FPMP0680: directive: via=balancer of user 'david' names no machines; write "
          "hosts=NAME, and FPMHosts NAME with their addresses" AT_10 },
        { "two groups", NULL, "david hosts=apps", "david hosts=web",
          "BROKEN FPMP0684: handler: 'balancer://fpmpool-david' of user 'david' with hosts=web "
          "is already that of hosts=apps at " SITE ":10; write one hosts= for "
          "the user, or another user" AT_20 },
        { "another end", NULL, "david via=native hosts=apps", "anna",
          "BROKEN FPMP0671: directive: 'hosts=' of user 'david' has no effect with via=native; "
          "remove it, or write via=balancer" AT_10 },
        { "root without hosts", NULL, "david root=remote", "anna",
          "BROKEN FPMP0671: directive: 'root=' of user 'david' has no effect with via=native; "
          "remove it, or write via=balancer" AT_10 },
        { "a timeout", "timeout=9", "david hosts=apps timeout=9", "anna hosts=apps",
          "BROKEN FPMP0671: directive: 'timeout=' of user 'david' has no effect with "
          "via=balancer; remove it; timeouts of mod_proxy stand on FPMHosts" AT_10 },
        { "a PHP-FPM of this machine", NULL, "david hosts=apps php=8.2", "anna",
          "BROKEN FPMP0671: directive: 'php=' of user 'david' has no effect with via=balancer; "
          "remove it; timeouts of mod_proxy stand on FPMHosts" AT_10 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan =
            derived(*state, table[i].defaults, table[i].first, table[i].second);

        expect_findings(table[i].title, plan, table[i].findings);
    }
}

static void the_directives_are_those_of_mod_proxy(void **state)
{
    fpmp_plan_t *plan = derived(*state, NULL, "david hosts=apps", "anna hosts=web");
    fpmp_chain_t *david = chain_at(plan, 0), *anna = chain_at(plan, 1);

    assert_null(fpmp_links_in_force(*state, plan, david)); /* no port yet */
    david->port = 20000;
    anna->port = 20001;
    expect_text("by default", fpmp_links_in_force(*state, plan, david),
                "<Proxy balancer://fpmpool-david>\n"
                "    BalancerMember fcgi://10.0.0.1:20000 route=10-0-0-1 connectiontimeout=1 "
                "hcmethod=TCP hcinterval=5\n"
                "    BalancerMember fcgi://10.0.0.2:20000 route=10-0-0-2 connectiontimeout=1 "
                "hcmethod=TCP hcinterval=5\n"
                "</Proxy>\n");
    expect_text("as given", fpmp_links_in_force(*state, plan, anna),
                "<Proxy balancer://fpmpool-anna>\n"
                "    BalancerMember fcgi://10.0.1.1:20001 route=10-0-1-1 retry=1 "
                "connectiontimeout=1 hcmethod=TCP hcinterval=5\n"
                "    ProxySet lbmethod=bytraffic\n"
                "</Proxy>\n");
    expect_text("method", fpmp_balancer_method(david->hosts), "byrequests");
    expect_text("method", fpmp_balancer_method(anna->hosts), "bytraffic");
    expect_text("IPv6", fpmp_address_port(*state, "fd00::1", 20000), "[fd00::1]:20000");
}

static void a_port_of_a_machine_is_one_chain_s(void **state)
{
    static const struct {
        const char *title, *first, *second;
        int port; /* of the second */
        const char *findings;
    } table[] = {
        { "another port", "david hosts=apps", "anna hosts=both", 19000, "" },
        { "another machine", "david hosts=apps", "anna hosts=web", 20000, "" },
        { "the same of one machine", "david hosts=apps", "anna hosts=both", 20000,
          "BROKEN FPMP0679: socket: '10.0.0.2:20000' of user 'anna' in group 'both' is that of "
          "'david' in group 'apps'; write another port for him in '/srv/both/ports', and sha1=- "
          "into line 2" AT_20 },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = derived(*state, NULL, table[i].first, table[i].second);

        chain_at(plan, 0)->port = 20000;
        chain_at(plan, 1)->port = table[i].port;
        fpmp_balancer_check_ports(plan);
        expect_findings(table[i].title, plan, table[i].findings);
        assert_int_equal(chain_at(plan, 0)->port, 20000);
        assert_int_equal(chain_at(plan, 1)->port, *table[i].findings ? 0 : table[i].port);
    }
}

static void the_pool_file_is_for_one_machine(void **state)
{
    fpmp_plan_t *plan = derived(*state, NULL, "david:staff hosts=apps", "anna");
    const char *text, *other;

    chain_at(plan, 0)->port = 20000;
    text = fpmp_pool_text_render(*state, fpmp_chain_there(*state, chain_at(plan, 0), "10.0.0.2"),
                                 SERVER);
    assert_non_null(strstr(text, "[david]\nuser = \"david\"\ngroup = \"staff\"\n"
                                 "listen = \"10.0.0.2:20000\"\n"
                                 "listen.allowed_clients = \"10.0.0.8\"\n"
                                 "security.limit_extensions = \".php\"\n"));
    other = apr_pstrcat(*state, text, "; more\n", NULL);
    assert_int_equal(fpmp_export_change(*state, NULL, text, SERVER), FPMP_CHANGE_WRITE);
    assert_int_equal(fpmp_export_change(*state, text, text, SERVER), FPMP_CHANGE_NONE);
    assert_int_equal(fpmp_export_change(*state, other, text, SERVER), FPMP_CHANGE_WRITE_ASIDE);
    assert_int_equal(fpmp_export_change(*state, text, other, SERVER), FPMP_CHANGE_WRITE);
    assert_int_equal(fpmp_export_change(*state, text, NULL, SERVER), FPMP_CHANGE_REMOVE);
    assert_int_equal(fpmp_export_change(*state, other, NULL, SERVER), FPMP_CHANGE_REMOVE_ASIDE);
    assert_int_equal(fpmp_export_change(*state, "[david]\n", text, SERVER), FPMP_CHANGE_NONE);
    assert_int_equal(fpmp_export_change(*state, "[david]\n", NULL, SERVER), FPMP_CHANGE_NONE);
    assert_int_equal(fpmp_export_change(*state, NULL, NULL, SERVER), FPMP_CHANGE_NONE);
    assert_true(fpmp_export_foreign(*state, "[david]\n", text, SERVER));
    assert_false(fpmp_export_foreign(*state, "[david]\n", NULL, SERVER));
    assert_false(fpmp_export_foreign(*state, other, text, SERVER));
    assert_false(fpmp_export_foreign(*state, NULL, text, SERVER));
    /* of another httpd: never touched, and in the way if it says something else */
    assert_int_equal(fpmp_export_change(*state, text, other, OTHER_SERVER), FPMP_CHANGE_NONE);
    assert_int_equal(fpmp_export_change(*state, text, NULL, OTHER_SERVER), FPMP_CHANGE_NONE);
    assert_true(fpmp_export_foreign(*state, text, other, OTHER_SERVER));
    assert_false(fpmp_export_foreign(*state, text, text, OTHER_SERVER));
}

static void a_user_that_only_the_machines_know_is_left_to_them(void **state)
{
    static const struct {
        const char *title, *first, *second, *findings;
    } table[] = {
        { "remote", "david hosts=apps root=remote", "david hosts=apps root=remote", "" },
        { "local in one host", "david hosts=apps root=remote", "david hosts=apps",
          "BROKEN FPMP0201: user: 'david' does not exist on this machine; create it with 'useradd "
          "david', or mend or remove the line" AT_10 },
    };
    static const fpmp_user_facts_t missing = { .user_lookup = FPMP_LOOKUP_MISSING };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = derived(*state, NULL, table[i].first, table[i].second);

        fpmp_drift_user(plan, chain_at(plan, 0), &missing, &httpd);
        expect_findings(table[i].title, plan, table[i].findings);
    }
}

static void a_public_address_is_said(void **state)
{
    static const struct {
        const char *text, *address; /* NULL: nothing is said */
    } table[] = {
        { WHOLE, NULL },
        { "apps app1 allow=10.0.0.8 export=/srv", NULL },
        { "apps 10.0.0.1 8.8.8.8 allow=10.0.0.8 export=/srv", "8.8.8.8" },
        { "apps 10.0.0.1 allow=10.0.0.8,8.8.4.4 export=/srv", "8.8.4.4" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = plan_of(*state, "anna", NULL, NULL);

        fpmp_hosts_judge(plan, group(*state, table[i].text));
        expect_findings(
            table[i].text, plan,
            table[i].address
                ? apr_psprintf(*state, "NOTICE FPMP0686: socket: '%s' of group 'apps' is a "
                                       "public address; FastCGI knows neither password nor "
                                       "encryption; put web servers and machines into a "
                                       "private network or a tunnel (FPMHosts at " SITE ":3)\n",
                               table[i].address)
                : "");
    }
}

static void php_on_a_web_server_is_said(void **state)
{
    static const struct {
        const char *title, *first, *second, *user; /* NULL: nothing is said */
    } table[] = {
        { "all on machines", "anna hosts=apps", "bert hosts=apps", NULL },
        { "one here", "anna hosts=apps", "bert", "bert" },
        { "the same user on both", "anna", "anna hosts=apps", "anna" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_plan_t *plan = derived(*state, NULL, table[i].first, table[i].second);

        fpmp_hosts_judge(plan, APR_ARRAY_IDX(plan->ends.hosts, 0, fpmp_hosts_t *));
        expect_findings(
            table[i].title, plan,
            table[i].user
                ? apr_psprintf(
                      *state,
                      "NOTICE FPMP0678: socket: PHP of '%s' runs on this server, and "
                      "allow= of group 'apps' lets it connect to its pools and be any "
                      "of their users; give him hosts= too, or have a firewall keep "
                      "him from there (FPMHosts at " SITE ":3)\n",
                      table[i].user)
                : "");
    }
}

/* ---- the registry ------------------------------------------------------------------------ */

static void a_port_stays_its_users(void **state)
{
    apr_hash_t *ports = apr_hash_make(*state), *again = apr_hash_make(*state);
    const char *text;

    assert_int_equal(fpmp_ports_take(*state, ports, "david", 3000, 3002), 3000);
    assert_int_equal(fpmp_ports_take(*state, ports, "anna", 3000, 3002), 3001);
    assert_int_equal(fpmp_ports_take(*state, ports, "david", 3000, 3002), 3000);
    assert_int_equal(fpmp_ports_take(*state, ports, "david", 4000, 4002), 3000);
    assert_int_equal(fpmp_ports_take(*state, ports, "bert", 3000, 3002), 3002);
    assert_int_equal(fpmp_ports_take(*state, ports, "carl", 3000, 3002), 0);
    assert_int_equal(fpmp_ports_take(*state, ports, "carl", 3000, 3003), 3003);
    text = fpmp_ports_text(*state, ports);
    assert_null(fpmp_ports_read(*state, text, strlen(text), again));
    expect_text("read back", fpmp_ports_text(*state, again), text);
    assert_non_null(strstr(text, "\ndavid 3000\nanna 3001\nbert 3002\ncarl 3003\n"));
}

static void a_registry_that_is_not_whole_is_not_used(void **state)
{
    static const struct {
        const char *body, *why; /* a part of it; NULL: taken */
    } table[] = {
        { "david 3000\nanna 3001\n", NULL },
        { "", NULL },
        { "david 3000\ndavid 3001\n", "names 'david' twice" },
        { "david 3000\nanna 3000\n", "gives port 3000 to 'david' and to 'anna'" },
        { "david\n", "has the line 'david'" },
        { "david 0\n", "has the line 'david 0'" },
        { "david 65536\n", "has the line 'david 65536'" },
        { "david 3000x\n", "has the line 'david 3000x'" },
        { "global 3000\n", "whose user name cannot be one" },
    };
    apr_hash_t *ports = apr_hash_make(*state);
    const char *whole, *hand;
    size_t i;

    fpmp_ports_take(*state, ports, "david", 3000, 3002);
    whole = fpmp_ports_text(*state, ports);
    for (i = 0; i < strlen(whole); i++) { /* cut short anywhere */
        const char *cut = apr_pstrndup(*state, whole, i);

        assert_non_null(fpmp_ports_read(*state, cut, i, apr_hash_make(*state)));
    }
    for (i = 0; i < strlen(whole); i++) { /* one byte is another one */
        char *other = apr_pstrdup(*state, whole);

        other[i] ^= 1;
        assert_non_null(fpmp_ports_read(*state, other, strlen(other), apr_hash_make(*state)));
    }
    hand = apr_pstrcat(*state, apr_pstrmemdup(*state, whole, strstr(whole, "ports 1 sha1=") - whole),
                       "ports 1 sha1=-\n", NULL);
    for (i = 0; i < COUNT(table); i++) {
        const char *text = apr_pstrcat(*state, hand, table[i].body, NULL);
        const char *why =
            fpmp_ports_read(*state, text, strlen(text), apr_hash_make(*state));

        if (!why != !table[i].why || (why && !strstr(why, table[i].why))) {
            fail_msg("%s: %s", table[i].body, why ? why : "taken");
        }
    }
    assert_non_null(fpmp_ports_read(*state, whole, strlen(whole) + 1, ports));
}

/* ---- a script that is only there ----------------------------------------------------------- */

static void a_script_is_found_by_its_name(void **state)
{
    static const struct {
        const char *path, *script, *rest; /* NULL: none */
    } table[] = {
        { "/srv/david/x.php", "/srv/david/x.php", "" },
        { "/srv/david/a/x.php/more/y.php", "/srv/david/a/x.php", "/more/y.php" },
        { "/srv/david/x.php/", "/srv/david/x.php", "/" },
        { "/srv/david/x.txt", NULL, NULL },
        { "/srv/david/", NULL, NULL },
        { "/srv/david", NULL, NULL },
        { "/srv/david2/x.php", NULL, NULL },
        { "/srv/x.php", NULL, NULL },
        { "/srv/david/../anna/x.php", NULL, NULL },
        { "/srv/david/./x.php", NULL, NULL },
        { "/srv/david/x.phtml", "/srv/david/x.phtml", "" }, /* refused, never source */
    };
    apr_array_header_t *ext = apr_array_make(*state, 1, sizeof(const char *));
    size_t i, slash;

    APR_ARRAY_PUSH(ext, const char *) = "php";
    for (i = 0; i < COUNT(table); i++) {
        for (slash = 0; slash < 2; slash++) {
            const char *rest = NULL;
            const char *script =
                fpmp_remote_script(*state, table[i].path, slash ? "/srv/david/" : "/srv/david",
                                   ext, &rest);

            expect_text(table[i].path, script ? script : "-",
                        table[i].script ? table[i].script : "-");
            expect_text(table[i].path, rest ? rest : "-", table[i].rest ? table[i].rest : "-");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(an_address_is_private_public_a_name_or_none),
        plan_test(a_whole_line_is_read),
        plan_test(a_word_that_is_wrong_is_refused),
        plan_test(two_groups_have_nothing_in_common),
        plan_test(a_line_with_hosts_goes_to_them),
        plan_test(the_directives_are_those_of_mod_proxy),
        plan_test(a_port_of_a_machine_is_one_chain_s),
        plan_test(the_pool_file_is_for_one_machine),
        plan_test(a_user_that_only_the_machines_know_is_left_to_them),
        plan_test(a_public_address_is_said),
        plan_test(php_on_a_web_server_is_said),
        plan_test(a_port_stays_its_users),
        plan_test(a_registry_that_is_not_whole_is_not_used),
        plan_test(a_script_is_found_by_its_name),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
