/* SPDX-License-Identifier: Apache-2.0
 *
 * The chains as derived against the facts as seen: one master, its main file, program,
 * directories and process; then its files, all together (drift_view.c) and our own
 * (drift_files.c). Users: drift_user.c. Only the first broken link of a chain is said.
 * Nothing is looked up or changed here: host/ fills the facts, changes.c says what a start
 * would do. Entry point: fpmp_drift_master.
 */
#include "drift.h"

#include <string.h>

void fpmp_look_find(fpmp_look_t *look, const char *code, fpmp_link_e link,
                    fpmp_weight_e weight, const char *seen, const char *mend)
{
    fpmp_plan_t *plan = look->plan;
    fpmp_finding_t *finding = NULL;
    int i;

    for (i = 0; i < plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(plan->chains, i, fpmp_chain_t *);

        if (chain->master != look->master) {
            continue;
        }
        if (!finding) {
            finding = fpmp_finding_add(
                plan->findings, code, link, weight,
                look->master->where.file ? look->master->where : chain->where, seen, mend);
            finding->master = look->master;
        }
        if (weight == FPMP_BROKEN && !chain->broken) {
            chain->broken = finding;
        }
    }
}

void fpmp_look_say(fpmp_look_t *look, const char *code, fpmp_link_e link,
                   fpmp_weight_e weight, const char *seen, const char *mend)
{
    const fpmp_where_t nowhere = { NULL, 0, NULL };
    const fpmp_where_t *where = look->master->where.file ? &look->master->where : &nowhere;
    fpmp_finding_t *finding;
    int i;

    look->ends |= weight == FPMP_BROKEN;
    for (i = 0; !where->file && i < look->plan->chains->nelts; i++) {
        const fpmp_chain_t *chain = APR_ARRAY_IDX(look->plan->chains, i, fpmp_chain_t *);

        where = chain->master == look->master ? &chain->where : where;
    }
    finding =
        fpmp_finding_add(look->plan->findings, code, link, weight, *where, seen, mend);
    finding->master = look->master;
}

const char *fpmp_look_place(fpmp_look_t *look, const fpmp_pool_t *pool,
                            const fpmp_key_t *key)
{
    const char *file = key && key->file ? key->file : pool->file;

    return file ? apr_psprintf(look->plan->pool, "%s:%d", file,
                               key && key->file ? key->line : pool->line)
                : apr_psprintf(look->plan->pool, "(a file of master '%s')",
                               look->master->name);
}

/* Is this directory, looked at component by component, there? If not, that is said. */
static int judge_there(fpmp_look_t *look, const apr_array_header_t *nodes, const char *code,
                       const char *failed_code, fpmp_link_e link, const char *what,
                       const char *dir)
{
    apr_pool_t *p = look->plan->pool;
    const fpmp_node_t *last =
        nodes->nelts ? &APR_ARRAY_IDX(nodes, nodes->nelts - 1, fpmp_node_t) : NULL;

    if (last && last->lookup == FPMP_LOOKUP_FOUND) {
        return 1;
    }
    if (last && last->lookup == FPMP_LOOKUP_FAILED) {
        fpmp_look_find(look, failed_code, link, FPMP_UNKNOWN,
                       apr_psprintf(p, "%s '%s' could not be looked at: '%s': %s", what,
                                    dir, last->path,
                                    last->why ? last->why : "no reason given"),
                       "run this command as root to have it checked");
        return 0;
    }
    fpmp_look_find(
        look, code, link, FPMP_BROKEN,
        apr_psprintf(p, "%s '%s' of master '%s' does not exist", what, dir,
                     look->master->name),
        link == FPMP_LINK_SOCKET
            ? apr_psprintf(p,
                           "create it with 'install -d -m 0755 %s', at each boot if it is "
                           "under /run",
                           dir)
            : apr_psprintf(p, "create it as root, mode 0755, or mend the include of '%s'",
                           look->master->config_path));
    return 0;
}

static int judge_main_file(fpmp_look_t *look)
{
    const fpmp_master_t *master = look->master;
    const fpmp_master_facts_t *facts = look->facts;
    apr_pool_t *p = look->plan->pool;

    if (!facts->main.text && facts->main.node.lookup != FPMP_LOOKUP_MISSING &&
        facts->main.node.lookup != FPMP_LOOKUP_UNASKED) {
        fpmp_look_find(
            look, "FPMP0505", FPMP_LINK_MASTER, FPMP_UNKNOWN,
            apr_psprintf(p, "main file '%s' of master '%s' could not be read: %s",
                         master->config_path, master->name,
                         facts->main.node.why ? facts->main.node.why : "no reason given"),
            "run this command as root to have it checked");
        return 0;
    }
    if (!facts->main.text) {
        fpmp_look_find(
            look, "FPMP0504", FPMP_LINK_MASTER, FPMP_BROKEN,
            apr_psprintf(p, "main file '%s' of master '%s' does not exist",
                         master->config_path ? master->config_path : "(none given)",
                         master->name),
            "install that PHP-FPM, or mend config= on FPMMaster");
        return 0;
    }
    if (master->trouble) {
        fpmp_look_find(look, "FPMP0506", FPMP_LINK_MASTER, FPMP_BROKEN,
                       apr_psprintf(p, "'%s': %s", master->name, master->trouble),
                       "then check again");
        return 0;
    }
    if (facts->binary.lookup == FPMP_LOOKUP_MISSING || !master->binary_path) {
        fpmp_look_find(
            look, "FPMP0507", FPMP_LINK_MASTER, FPMP_BROKEN,
            apr_psprintf(p, "program '%s' of master '%s' does not exist",
                         master->binary_path ? master->binary_path : "(none found)",
                         master->name),
            "install that PHP-FPM, or name its program with binary= on FPMMaster");
        return 0;
    }
    return 1;
}

/* What root runs and reads: whoever can change it is root after the next start. */
static int judge_safe(fpmp_look_t *look)
{
    const struct {
        const char *code, *what, *path, *use;
        const apr_array_header_t *way;
    } files[] = {
        { "FPMP0540", "program", look->master->binary_path, "run",
          look->facts->binary_way },
        { "FPMP0541", "main file", look->master->config_path, "read",
          look->facts->main_way },
        { "FPMP0542", "start program", look->master->start_command, "run",
          look->facts->start_way },
    };
    apr_pool_t *p = look->plan->pool;
    apr_size_t i;

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        const char *why = fpmp_rule_safe_file(p, files[i].way, look->euid);

        if (why) {
            fpmp_look_find(look, files[i].code, FPMP_LINK_MASTER, FPMP_BROKEN,
                           apr_psprintf(p, "%s '%s' is not safe to %s as root: %s",
                                        files[i].what, files[i].path, files[i].use, why),
                           "give it and the directories above it to root, mode 0755 or "
                           "stricter");
            look->ends = 1;
            return 0;
        }
    }
    return 1;
}

static int judge_way_to_sockets(fpmp_look_t *look)
{
    apr_pool_t *p = look->plan->pool;
    const apr_array_header_t *nodes = look->facts->socket_dir;
    int i;

    for (i = 0; i < nodes->nelts; i++) {
        const fpmp_node_t *node = &APR_ARRAY_IDX(nodes, i, fpmp_node_t);

        if (!fpmp_rule_may(look->httpd->uid, look->httpd->gid, look->httpd->groups, node,
                           01)) {
            fpmp_look_find(
                look, "FPMP0307", FPMP_LINK_SOCKET, FPMP_BROKEN,
                apr_psprintf(p,
                             "httpd's user '%s' cannot reach socket directory '%s': '%s' "
                             "is mode %04o, wanted is 0755",
                             look->httpd->user, look->master->socket_dir, node->path,
                             node->mode),
                apr_psprintf(p, "write 'chmod 0755 %s'", node->path));
            return 0;
        }
    }
    return 1;
}

/* Debian's /run/php is httpd's own: who breaks into httpd can put a socket of his own in
 * the place of a pool's, and be sent what visitors send. */
static void judge_socket_owner(fpmp_look_t *look)
{
    const apr_array_header_t *nodes = look->facts->socket_dir;
    const fpmp_node_t *last = &APR_ARRAY_IDX(nodes, nodes->nelts - 1, fpmp_node_t);

    if (look->euid == 0 && last->uid != 0) {
        fpmp_look_find(look, "FPMP0317", FPMP_LINK_SOCKET, FPMP_NOTICE,
                       apr_psprintf(look->plan->pool,
                                    "socket directory '%s' of master '%s' belongs to uid "
                                    "%lu, wanted is root",
                                    look->master->socket_dir, look->master->name,
                                    (unsigned long)last->uid),
                       "name a directory of root's, mode 0755, with FPMSocketDir");
    }
}

int fpmp_look_writes(const fpmp_look_t *look)
{
    return look->plan->sync != FPMP_SYNC_CHECK &&
           (!look->httpd->unprivileged || look->facts->may_write);
}

int fpmp_look_makes(const fpmp_look_t *look, const char *dir)
{
    return look->plan->sync != FPMP_SYNC_CHECK && look->facts->may_write &&
           look->master->socket_dir && strcmp(dir, look->master->socket_dir) == 0 &&
           fpmp_rule_makes_dir(look->plan->pool, look->facts->socket_dir, dir, look->euid);
}

/* Pool directory and socket directory: there, and safe to write into as root? */
static int judge_directories(fpmp_look_t *look)
{
    static const char mend[] =
        "give it to root and take write permission from group and others";
    apr_pool_t *p = look->plan->pool;
    const fpmp_master_t *master = look->master;
    const char *why;

    if (!judge_there(look, look->facts->pool_dir, "FPMP0401", "FPMP0419",
                     FPMP_LINK_POOL_FILE, "pool directory", master->pool_dir)) {
        return 0;
    }
    why = fpmp_rule_safe_dir(p, look->facts->pool_dir, look->euid);
    if (why) {
        fpmp_look_find(
            look, "FPMP0402", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
            apr_psprintf(p, "pool directory '%s' is not safe: %s", master->pool_dir, why),
            mend);
        return 0;
    }
    if (fpmp_look_makes(look, master->socket_dir)) {
        fpmp_look_find(look, "FPMP0321", FPMP_LINK_SOCKET, FPMP_PENDING,
                       apr_psprintf(p, "socket directory '%s' of master '%s' does not exist",
                                    master->socket_dir, master->name),
                       "the next start or reload of httpd makes it; have it made at each "
                       "boot, before PHP-FPM starts (tmpfiles.d)");
        return 1;
    }
    if (!judge_there(look, look->facts->socket_dir, "FPMP0302", "FPMP0306",
                     FPMP_LINK_SOCKET, "socket directory", master->socket_dir)) {
        return 0;
    }
    why = fpmp_rule_safe_dir(p, look->facts->socket_dir, look->httpd->uid);
    if (why) {
        fpmp_look_find(look, "FPMP0303", FPMP_LINK_SOCKET, FPMP_BROKEN,
                       apr_psprintf(p, "socket directory '%s' is not safe: %s",
                                    master->socket_dir, why),
                       mend);
        return 0;
    }
    judge_socket_owner(look);
    return judge_way_to_sockets(look);
}

/* The pool file of a user or group that is gone: PHP-FPM does not start over it. */
static const char *file_of_nobody(const fpmp_look_t *look)
{
    int i;

    for (i = 0; i < look->plan->chains->nelts; i++) {
        const fpmp_chain_t *chain =
            APR_ARRAY_IDX(look->plan->chains, i, const fpmp_chain_t *);

        if (chain->master == look->master && chain->broken &&
            chain->broken->link == FPMP_LINK_USER && chain->pool_file_path &&
            apr_hash_get(look->facts->by_path, chain->pool_file_path,
                         APR_HASH_KEY_STRING)) {
            return chain->pool_file_path;
        }
    }
    return NULL;
}

static const char *mend_stopped(const fpmp_look_t *look)
{
    apr_pool_t *p = look->plan->pool;
    const char *path = file_of_nobody(look);

    return path ? apr_psprintf(p,
                               "reload httpd or run fpmpool-orphans, which take out '%s', "
                               "then start it",
                               path)
                : apr_psprintf(p, "start it%s; it reads the pool files then",
                               fpmp_master_how(p, look->master));
}

static void judge_process(fpmp_look_t *look)
{
    apr_pool_t *p = look->plan->pool;
    const char *why = look->facts->run_why ? look->facts->run_why : "no reason given";

    if (look->facts->run == FPMP_RUN_NO) {
        fpmp_look_find(look, "FPMP0508", FPMP_LINK_MASTER, FPMP_NOTICE,
                       apr_psprintf(p, "PHP-FPM of master '%s' does not run: %s",
                                    look->master->name, why),
                       mend_stopped(look));
    }
    else if (look->facts->run == FPMP_RUN_OTHER) {
        fpmp_look_find(
            look, "FPMP0509", FPMP_LINK_MASTER, FPMP_NOTICE,
            apr_psprintf(p, "pid file '%s' of master '%s' names another process: %s",
                         look->master->pid_path, look->master->name, why),
            "start PHP-FPM, or mend pid=, binary= or config= on FPMMaster; that process is "
            "never signalled");
    }
    else if (look->facts->run == FPMP_RUN_UNKNOWN) {
        fpmp_look_find(
            look, "FPMP0510", FPMP_LINK_MASTER, FPMP_NOTICE,
            apr_psprintf(p, "nobody can say whether master '%s' runs: %s",
                         look->master->name, why),
            "see to the pid line of its main file, or reload PHP-FPM by hand after each "
            "change");
    }
}

int fpmp_drift_master(fpmp_plan_t *plan, const fpmp_master_t *master,
                      const fpmp_master_facts_t *facts, const fpmp_view_t *view,
                      const fpmp_httpd_t *httpd, uid_t euid)
{
    fpmp_look_t look = { .plan = plan,
                         .master = master,
                         .facts = facts,
                         .httpd = httpd,
                         .euid = euid,
                         .view = view };

    if (judge_main_file(&look) && judge_safe(&look) && judge_directories(&look)) {
        fpmp_drift_view(&look);
        fpmp_drift_files(&look);
        judge_process(&look);
    }
    return look.ends;
}
