/* SPDX-License-Identifier: Apache-2.0
 *
 * Pools on other machines: their ports come from a registry, their pool files go to the
 * directory of export=, from where the administrator ships them. A start writes both;
 * configtest compares, and asks the pools over there. A port is never given to another user:
 * as long as a machine has the old pool file, his scripts would run as the former one.
 */
#include "glue.h"

#include "../core/hosts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

APLOG_USE_MODULE(fpmpool);

#define LOCK_WAIT_SEC 10
#define ASK_LIMIT_MS 2000 /* for all pools of all machines of a group together */

/* One group on its way through a start or configtest. */
typedef struct {
    fpmp_plan_t *plan;
    apr_pool_t *p;
    fpmp_hosts_t *hosts;
    const fpmp_httpd_t *httpd;
    int dir_fd;  /* of export=, locked; -1: nothing is written */
    int written, removed, differs;
    const char *first; /* path of the first pool file that differs */
} run_t;

static const char *path_in(const run_t *run, const char *name, const char *file)
{
    return apr_pstrcat(run->p, run->hosts->export_dir, "/", name, file ? "/" : NULL, file,
                       NULL);
}

static void say(run_t *run, const char *code, fpmp_weight_e weight, const char *seen,
                const char *mend)
{
    fpmp_finding_add(run->plan->findings, code, FPMP_LINK_POOL_FILE, weight,
                     run->hosts->where, seen, mend)
        ->master = run->hosts->master;
}

static fpmp_chain_t *chain_at(const run_t *run, int i)
{
    fpmp_chain_t *chain = APR_ARRAY_IDX(run->plan->chains, i, fpmp_chain_t *);

    return chain->hosts == run->hosts ? chain : NULL;
}

static const char *machine_at(const run_t *run, int i)
{
    return APR_ARRAY_IDX(run->hosts->machines, i, const char *);
}

static void each_group(fpmp_plan_t *plan, const fpmp_httpd_t *httpd, void (*visit)(run_t *run))
{
    int i;

    for (i = 0; i < plan->ends.hosts->nelts; i++) {
        run_t run = { .plan = plan, .p = plan->pool, .httpd = httpd, .dir_fd = -1,
                      .hosts = APR_ARRAY_IDX(plan->ends.hosts, i, fpmp_hosts_t *) };

        visit(&run);
    }
}

/* ---- the registry ------------------------------------------------------------------------ */

static int has_pool_files(const run_t *run)
{
    int i, found = 0;

    for (i = 0; i < run->hosts->machines->nelts && !found; i++) {
        found = fpmp_subdir_pools(run->p, path_in(run, machine_at(run, i), NULL))->nelts > 0;
    }
    return found;
}

/* NULL, or a phrase: why no port may be given. */
static const char *read_ports(const run_t *run, apr_hash_t *ports)
{
    fpmp_file_t file;

    fpmp_facts_file(run->p, path_in(run, FPMP_PORTS_NAME, NULL), &file);
    if (file.node.lookup == FPMP_LOOKUP_MISSING) {
        return has_pool_files(run) ? "is missing, but pool files are there" : NULL;
    }
    return file.text ? fpmp_ports_read(run->p, file.text, file.len, ports)
                     : apr_psprintf(run->p, "cannot be read: %s",
                                    file.node.why ? file.node.why : "it is no file");
}

static void break_all(run_t *run, const char *why)
{
    int i;

    say(run, "FPMP0685", FPMP_BROKEN,
        apr_psprintf(run->p, "'%s' %s", path_in(run, FPMP_PORTS_NAME, NULL), why),
        "restore it, or write each user with his port in the pool files and sha1=- into line 2");
    run->hosts->broken =
        APR_ARRAY_IDX(run->plan->findings, run->plan->findings->nelts - 1, fpmp_finding_t *);
    for (i = 0; i < run->plan->chains->nelts; i++) {
        fpmp_chain_t *chain = chain_at(run, i);

        if (chain && !chain->broken) {
            chain->broken = run->hosts->broken;
        }
    }
}

static void take_ports(run_t *run)
{
    apr_hash_t *ports = apr_hash_make(run->p);
    const char *why = NULL;
    int i, read = 0;

    for (i = 0; i < run->plan->chains->nelts && !why; i++) {
        fpmp_chain_t *chain = chain_at(run, i);

        if (!chain) {
            continue;
        }
        why = read++ ? NULL : read_ports(run, ports);
        chain->port = why ? 0
                          : fpmp_ports_take(run->p, ports, chain->user, run->hosts->port_from,
                                            run->hosts->port_to);
        if (!why && !chain->port && !chain->broken) {
            fpmp_chain_find(run->plan, chain, "FPMP0691", FPMP_LINK_SOCKET, FPMP_BROKEN,
                            apr_psprintf(run->p, "no port is left for user '%s' from %d to %d",
                                         chain->user, run->hosts->port_from,
                                         run->hosts->port_to),
                            "widen ports= on FPMHosts");
        }
    }
    if (why) {
        break_all(run, why);
    }
}

void fpmp_export_ports(fpmp_plan_t *plan)
{
    each_group(plan, NULL, take_ports);
    fpmp_balancer_check_ports(plan);
}

/* ---- a start writes ---------------------------------------------------------------------- */

/* Has everything that its pool file says. */
static int has_text(const fpmp_chain_t *chain)
{
    return !chain->broken && chain->port && (chain->group || fpmp_chain_remote(chain));
}

#define COPY_EXPORT "copy 'export=' from the web server that writes it"

/* Those whose port nobody knows but this start cannot serve: the next one may give it to
 * another user. */
static void lose_new(run_t *run, apr_hash_t *registered, const char *seen)
{
    int i;

    for (i = 0; i < run->plan->chains->nelts; i++) {
        fpmp_chain_t *chain = chain_at(run, i);

        if (chain && !chain->broken &&
            (apr_uintptr_t)apr_hash_get(registered, chain->user, APR_HASH_KEY_STRING) !=
                (apr_uintptr_t)chain->port) {
            fpmp_chain_find(
                run->plan, chain, "FPMP0692", FPMP_LINK_SOCKET, FPMP_BROKEN,
                apr_psprintf(run->p, "port %d of user '%s' could not be registered: %s",
                             chain->port, chain->user,
                             fpmp_text_shown(run->p, seen, FPMP_WHY_MAX_BYTES)),
                run->plan->sync == FPMP_SYNC_CHECK ? COPY_EXPORT ", then reload httpd"
                                                   : "mend that, then reload httpd");
        }
    }
}

/* The same where this run writes nothing: the registry is as it is. */
static void lose_unregistered(run_t *run, const char *seen)
{
    apr_hash_t *registered = apr_hash_make(run->p);

    read_ports(run, registered);
    lose_new(run, registered, seen);
}

/* Under the lock: another start may have been here since the ports were taken. 1: all of them
 * are registered. */
static int write_ports(run_t *run)
{
    apr_hash_t *ports = apr_hash_make(run->p), *registered;
    const char *why = read_ports(run, ports), *text;
    int i, err = 0;

    if (why) {
        lose_new(run, apr_hash_make(run->p), why);
        return 0;
    }
    registered = apr_hash_copy(run->p, ports);
    for (i = 0; i < run->plan->chains->nelts; i++) {
        fpmp_chain_t *chain = chain_at(run, i);

        if (chain && chain->port) {
            fpmp_ports_take(run->p, ports, chain->user, run->hosts->port_from,
                            run->hosts->port_to);
        }
    }
    text = fpmp_ports_text(run->p, ports);
    if (strcmp(fpmp_ports_text(run->p, registered), text) != 0) {
        err = fpmp_pool_write(run->p, run->dir_fd, FPMP_PORTS_NAME, text, &why);
    }
    lose_new(run, err ? registered : ports, err ? why : "another start gave it away");
    return !err;
}

static int do_change(run_t *run, int fd, const char *machine, const char *name,
                     const char *wanted)
{
    const char *path = path_in(run, machine, name), *why = NULL, *kept;
    fpmp_file_t file;
    fpmp_change_e change;
    int err = 0;

    fpmp_facts_file(run->p, path, &file);
    change = fpmp_export_change(run->p, file.text, wanted, run->httpd->server_id);
    if (fpmp_export_foreign(run->p, file.text, wanted, run->httpd->server_id)) {
        why = apr_psprintf(run->p, "'%s' is of somebody else, or of another httpd", path);
        err = EEXIST;
    }
    if (!err && (change == FPMP_CHANGE_WRITE_ASIDE || change == FPMP_CHANGE_REMOVE_ASIDE)) {
        err = fpmp_pool_keep_aside(run->p, fd, name, &kept, &why);
    }
    if (!err && (change == FPMP_CHANGE_WRITE || change == FPMP_CHANGE_WRITE_ASIDE)) {
        err = fpmp_pool_write(run->p, fd, name, wanted, &why);
        run->written += !err;
    }
    else if (!err && (change == FPMP_CHANGE_REMOVE || change == FPMP_CHANGE_REMOVE_ASIDE)) {
        err = fpmp_pool_remove(run->p, fd, name, &why);
        run->removed += !err;
    }
    if (err) {
        say(run, "FPMP0693", FPMP_BROKEN,
            apr_psprintf(run->p, "a pool file of machine '%s' cannot be written or removed: %s",
                         machine, fpmp_text_shown(run->p, why, FPMP_WHY_MAX_BYTES)),
            "mend that, then reload httpd");
    }
    return err;
}

static const char *file_name(const run_t *run, const fpmp_chain_t *chain)
{
    return apr_pstrcat(run->p, FPMP_FILE_PREFIX, chain->pool, ".conf", NULL);
}

static const char *text_for(const run_t *run, const fpmp_chain_t *chain, const char *machine)
{
    return fpmp_pool_text_render(run->p, fpmp_chain_there(run->p, chain, machine),
                                 run->httpd->server_id);
}

/* What is to stand in the folder of one machine: visit(run, name, text) for each file, text
 * NULL for one that no line names any more. The file of a user that nobody could look up
 * stays as it is. */
static int each_file(run_t *run, const char *machine, int fd,
                     int (*visit)(run_t *run, int fd, const char *machine, const char *name,
                                  const char *wanted))
{
    const apr_array_header_t *names =
        fpmp_subdir_pools(run->p, path_in(run, machine, NULL));
    apr_hash_t *keep = apr_hash_make(run->p);
    int i, err = 0;

    for (i = 0; i < run->plan->chains->nelts && !err; i++) {
        const fpmp_chain_t *chain = chain_at(run, i);

        if (chain && !chain->user_unfit) {
            apr_hash_set(keep, file_name(run, chain), APR_HASH_KEY_STRING, chain);
        }
        if (chain && has_text(chain)) {
            err = visit(run, fd, machine, file_name(run, chain), text_for(run, chain, machine));
        }
    }
    for (i = 0; i < names->nelts && !err; i++) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);

        if (!apr_hash_get(keep, name, APR_HASH_KEY_STRING)) {
            err = visit(run, fd, machine, name, NULL);
        }
    }
    return err;
}

static void write_machine(run_t *run, const char *machine)
{
    const char *why = NULL;
    int fd = -1;

    if (fpmp_subdir_open(run->p, run->dir_fd, machine, &fd, &why) != 0) {
        say(run, "FPMP0694", FPMP_BROKEN,
            apr_psprintf(run->p, "no pool file of machine '%s' can be written: %s", machine, why),
            "mend that, then reload httpd");
        return;
    }
    each_file(run, machine, fd, do_change);
    close(fd);
}

/* Why root may not write to export=. makes: all of it is there but the last component,
 * which a start makes. */
static const char *find_unsafe(const run_t *run, int *makes)
{
    const char *dir = run->hosts->export_dir;
    const apr_array_header_t *way = fpmp_facts_path(run->p, dir);

    *makes = fpmp_rule_makes_dir(run->p, way, dir, geteuid());
    return *makes ? NULL : fpmp_rule_safe_dir(run->p, way, geteuid());
}

/* Nothing can be written: who has no port yet cannot be served. */
static void say_unwritable(run_t *run, const char *why)
{
    say(run, "FPMP0695", FPMP_BROKEN,
        apr_psprintf(run->p, "nothing can be written to 'export=%s': %s",
                     run->hosts->export_dir,
                     fpmp_text_shown(run->p, why, FPMP_WHY_MAX_BYTES)),
        "have all directories of that path there, root's, writable by nobody else; then "
        "reload httpd");
    lose_unregistered(run, "see FPMHosts");
}

/* Does a start look after export=? */
static int is_used(const run_t *run)
{
    int i, used = 0;

    for (i = 0; i < run->plan->chains->nelts && !used; i++) {
        used = chain_at(run, i) != NULL;
    }
    return !run->hosts->broken && (used || has_pool_files(run));
}

/* The directory of export=, safe and locked. NULL, or why not. */
static const char *open_dir(run_t *run, fpmp_lock_t *lock)
{
    const char *dir = run->hosts->export_dir, *why;
    int makes;

    why = find_unsafe(run, &makes);
    if (makes) {
        apr_dir_make(dir, APR_FPROT_OS_DEFAULT, run->p); /* what fails is said below */
        why = find_unsafe(run, &makes);
    }
    if (!why && fpmp_dir_lock(run->p, dir, LOCK_WAIT_SEC, lock, &why) == 0) {
        return NULL;
    }
    return why;
}

static void write_group(run_t *run)
{
    fpmp_lock_t lock;
    const char *why;
    int i;

    if (!is_used(run)) {
        return;
    }
    why = open_dir(run, &lock);
    if (why) {
        say_unwritable(run, why);
        return;
    }
    run->dir_fd = lock.dir_fd;
    if (write_ports(run)) {
        for (i = 0; i < run->hosts->machines->nelts; i++) {
            write_machine(run, machine_at(run, i));
        }
    }
    fpmp_dir_unlock(&lock);
    if (run->written || run->removed) {
        say(run, "FPMP0696", FPMP_NOTICE,
            apr_psprintf(run->p, "group '%s': pool files written: %d, removed: %d, below '%s'",
                         run->hosts->name, run->written, run->removed, run->hosts->export_dir),
            "ship them to the machines and reload PHP-FPM there");
    }
}

void fpmp_export_write(fpmp_plan_t *plan, const fpmp_httpd_t *httpd)
{
    each_group(plan, httpd, write_group);
}

static void settle_group(run_t *run)
{
    fpmp_states_settle(run->plan, run->hosts->master);
}

void fpmp_export_settle(fpmp_plan_t *plan)
{
    each_group(plan, NULL, settle_group);
}

/* ---- configtest compares ------------------------------------------------------------------ */

static int count_change(run_t *run, int fd, const char *machine, const char *name,
                        const char *wanted)
{
    fpmp_file_t file;

    (void)fd;
    fpmp_facts_file(run->p, path_in(run, machine, name), &file);
    if (fpmp_export_change(run->p, file.text, wanted, run->httpd->server_id) !=
            FPMP_CHANGE_NONE ||
        fpmp_export_foreign(run->p, file.text, wanted, run->httpd->server_id)) {
        run->differs++;
        run->first = run->first ? run->first : path_in(run, machine, name);
    }
    return 0;
}

static void compare_group(run_t *run)
{
    int check = run->plan->sync == FPMP_SYNC_CHECK, i, makes;
    const char *why;

    fpmp_hosts_judge(run->plan, run->hosts);
    if (run->hosts->broken) {
        return;
    }
    why = check || geteuid() != 0 || !is_used(run) ? NULL : find_unsafe(run, &makes);
    if (why) {
        say_unwritable(run, why);
        return;
    }
    for (i = 0; i < run->hosts->machines->nelts; i++) {
        each_file(run, machine_at(run, i), -1, count_change);
    }
    if (run->differs) {
        say(run, "FPMP0697", check ? FPMP_BROKEN : FPMP_PENDING,
            apr_psprintf(
                run->p,
                "group '%s': pool files that are not what FPMUser says: %d, first '%s'",
                run->hosts->name, run->differs,
                fpmp_text_shown(run->p, run->first, FPMP_WHY_MAX_BYTES)),
            check ? COPY_EXPORT ", with the same FPMHosts and FPMUser lines as there"
                  : "the next start or reload of httpd writes them; then ship them");
    }
    if (check) { /* a port that is in no registry may be another user's tomorrow */
        lose_unregistered(run, "FPMSync check writes nothing");
    }
}

/* ---- configtest asks ----------------------------------------------------------------------- */

static fpmp_ask_t *ask_of(run_t *run, const fpmp_chain_t *chain, const char *machine)
{
    fpmp_ask_t *ask = apr_pcalloc(run->p, sizeof(*ask));

    ask->socket_path = fpmp_address_port(run->p, machine, chain->port);
    ask->open = fpmp_tcp_open;
    ask->pool = chain->pool;
    ask->request = fpmp_status_request(run->p, chain->status_path, &ask->request_len);
    return ask;
}

static const char *answer_words(apr_pool_t *p, const fpmp_ask_t *ask)
{
    apr_status_t rv = APR_FROM_OS_ERROR(ask->err);

    return ask->how == FPMP_ASK_REFUSED ? apr_psprintf(p, "%pm", &rv)
           : ask->how == FPMP_ASK_OTHER
               ? apr_psprintf(p, "the pool of another user, who would run what is for '%s'",
                              ask->pool)
           : ask->how == FPMP_ASK_NO_STATUS
               ? "no pool of ours, or this server is not in its allow="
               : "no answer in time";
}

static void say_asked(run_t *run, const char *machine, const apr_array_header_t *asks)
{
    const fpmp_ask_t *first = NULL;
    int i, silent = 0, late = 0;

    for (i = 0; i < asks->nelts; i++) {
        const fpmp_ask_t *ask = APR_ARRAY_IDX(asks, i, const fpmp_ask_t *);

        late += ask->how == FPMP_ASK_LATE;
        if (ask->how != FPMP_ASK_ANSWERED && ask->how != FPMP_ASK_LATE) {
            if (!first || (ask->how == FPMP_ASK_OTHER && first->how != FPMP_ASK_OTHER)) {
                first = ask;
            }
            silent++;
        }
    }
    if (first) {
        say(run, "FPMP0698", FPMP_NOTICE,
            apr_psprintf(run->p,
                         "machine '%s' of group '%s': pools that do not answer: %d of "
                         "%d%s, first that at %s: %s",
                         machine, run->hosts->name, silent, asks->nelts - late,
                         late ? " that were asked" : "", first->socket_path,
                         answer_words(run->p, first)),
            "ship its pool files and reload PHP-FPM there");
    }
}

static void ask_machine(run_t *run, const char *machine, int limit_ms)
{
    apr_array_header_t *asks = apr_array_make(run->p, 16, sizeof(fpmp_ask_t *));
    int i;

    for (i = 0; i < run->plan->chains->nelts; i++) {
        const fpmp_chain_t *chain = chain_at(run, i);

        if (chain && has_text(chain) && chain->status_path) {
            APR_ARRAY_PUSH(asks, fpmp_ask_t *) = ask_of(run, chain, machine);
        }
    }
    fpmp_pools_ask(run->p, asks, limit_ms);
    say_asked(run, machine, asks);
}

/* Each machine has its share of what is left: one that is away costs the others nothing. */
static void ask_group(run_t *run)
{
    apr_time_t end = apr_time_now() + apr_time_from_msec(ASK_LIMIT_MS);
    int i, machines = run->hosts->machines->nelts;

    for (i = 0; i < machines; i++) {
        apr_time_t left = end - apr_time_now();

        ask_machine(run, machine_at(run, i), (int)apr_time_as_msec(left) / (machines - i));
    }
}

void fpmp_export_check(fpmp_plan_t *plan, const fpmp_httpd_t *httpd)
{
    each_group(plan, httpd, compare_group);
    each_group(plan, httpd, ask_group);
}
