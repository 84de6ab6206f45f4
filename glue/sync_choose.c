/* SPDX-License-Identifier: Apache-2.0
 *
 * PHP-FPM judges a change before it is made, all of it at once. If it refuses, the pools
 * that it refuses are searched for by halves, so that one host's mistake does not keep the
 * others waiting: among the changes, and where it would end even without them, among the
 * files of ours that stay. Entry point: fpmp_sync_choose.
 */
#include "sync.h"

#include <errno.h>
#include <string.h>

APLOG_USE_MODULE(fpmpool);

#define TEST_LIMIT_SEC 30   /* of one run of php-fpm -t */
#define SEARCH_LIMIT_SEC 30 /* for all of them together; what is not tested then waits */

#define WHY_BYTES 150 /* of PHP-FPM's own words in a message */

/* What is chosen from: a change, or a file that may stay as it is. */
typedef struct item_t item_t;
struct item_t {
    fpmp_change_t change; /* of a file that stays: the removal that takes it out */
    int stands;
    int taken;       /* 1: PHP-FPM takes it together with all others that are taken */
    const char *why; /* NULL, or why it was refused */
    item_t *other;   /* the new text of this file, or the file of this new text; or NULL */
};

typedef struct {
    fpmp_sync_run_t *run;
    apr_array_header_t *items;   /* item_t *, changes first */
    apr_array_header_t *waiting; /* item_t * at which a test would not come to its end */
    int changes;                 /* so many items are changes */
    apr_time_t end;
    int late; /* 1: it was over before everything was tested */
} search_t;

static item_t *item_at(const search_t *search, int i)
{
    return APR_ARRAY_IDX(search->items, i, item_t *);
}

/* ---- testing --------------------------------------------------------------------------- */

/* A file that is not to stay goes, unless its new text takes its place. */
static int is_to_do(const item_t *item)
{
    return item->stands ? !item->taken && !(item->other && item->other->taken) : item->taken;
}

/* What is to be done if all that is taken now comes to be. */
static apr_array_header_t *gather(apr_pool_t *p, const search_t *search)
{
    const apr_array_header_t *const lists[] = { search->items, search->waiting };
    apr_array_header_t *changes = apr_array_make(p, 16, sizeof(fpmp_change_t));
    int i, k;

    for (k = 0; k < 2; k++) {
        for (i = 0; i < lists[k]->nelts; i++) {
            const item_t *item = APR_ARRAY_IDX(lists[k], i, const item_t *);

            if (is_to_do(item)) {
                APR_ARRAY_PUSH(changes, fpmp_change_t) = item->change;
            }
        }
    }
    return changes;
}

/* Does PHP-FPM take what is taken now? 0, or errno and why. */
static int test(const search_t *search, const char **why)
{
    fpmp_sync_run_t *run = search->run;
    apr_pool_t *p;
    const char *said = NULL;
    int err;

    apr_pool_create(&p, run->plan->pool);
    err = fpmp_master_test(p, run->master, run->facts, gather(p, search), TEST_LIMIT_SEC,
                           &said);
    *why = said ? apr_pstrdup(run->plan->pool, said) : NULL;
    apr_pool_destroy(p);
    return err;
}

/* ---- searching ------------------------------------------------------------------------- */

/* why: NULL: they are taken. */
static void settle(search_t *search, int first, int count, const char *why)
{
    int i;

    for (i = first; i < first + count; i++) {
        item_at(search, i)->taken = !why;
        item_at(search, i)->why = why;
    }
}

/* known: why PHP-FPM refuses just these; NULL: it was not asked yet. */
static void search_part(search_t *search, int first, int count, const char *known)
{
    int half = count / 2;

    if (count == 0) {
        return;
    }
    if (!known && apr_time_now() > search->end) {
        settle(search, first, count, "there was no time left to test it");
        search->late = 1;
        return;
    }
    if (!known) {
        settle(search, first, count, NULL);
        if (test(search, &known) == 0) {
            return;
        }
        known = known ? known : "it was not tested";
    }
    settle(search, first, count, known);
    if (count > 1) {
        search_part(search, first, half, NULL);
        search_part(search, first + half, count - half, NULL);
    }
}

static int count_refused(const search_t *search)
{
    int i, count = 0;

    for (i = 0; i < search->items->nelts; i++) {
        count += item_at(search, i)->why != NULL;
    }
    return count;
}

/* One pool may be refused for what another one, taken later, has mended. */
static void search_again(search_t *search)
{
    int before, i, now = count_refused(search);

    do {
        before = now;
        for (i = 0; i < search->items->nelts; i++) {
            if (item_at(search, i)->why) {
                search_part(search, i, 1, NULL);
            }
        }
        now = count_refused(search);
    } while (now > 0 && now < before);
}

/* All of them were refused: which? 0, or errno and why it is none of these alone. */
static int search_all(search_t *search, const char **why)
{
    apr_pool_t *p = search->run->plan->pool;
    const char *all_why = *why;
    int err;

    /* None of the changes: are they what is wrong? */
    settle(search, 0, search->changes, all_why);
    err = test(search, why);
    if (err == 0) {
        search_part(search, 0, search->changes, all_why);
        search_again(search);
        return 0;
    }
    /* And no file of ours either: then it is somebody else's. */
    settle(search, 0, search->items->nelts, all_why);
    if (err == EINVAL && fpmp_changes_leave_pool(p, search->run->facts, gather(p, search))) {
        err = test(search, why);
    }
    else if (err == EINVAL) {
        err = 0; /* a test without any pool says nothing */
    }
    if (err) {
        return err;
    }
    search_part(search, 0, search->items->nelts, all_why);
    search_again(search);
    return search->late ? EINVAL : 0; /* a file that was not tested is not taken out */
}

/* ---- what a test would wait at ---------------------------------------------------------- */

/* Whoever may write the directory of a log can put a FIFO there. Those under /dev and /proc
 * belong to the machine. NULL: there is none. */
static const char *waits_at(apr_pool_t *p, const char *text, apr_size_t len)
{
    static const char *const logs[] = { "slowlog", "access.log" };
    fpmp_node_t node;
    apr_size_t i;

    for (i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
        const char *path = fpmp_pool_text_value(p, text, len, logs[i]);

        if (path && *path == '/' && strncmp(path, "/dev/", 5) != 0 &&
            strncmp(path, "/proc/", 6) != 0) {
            fpmp_facts_target(p, path, &node);
            if (node.lookup == FPMP_LOOKUP_FOUND && node.kind == FPMP_NODE_FIFO) {
                return apr_psprintf(p, "%s = '%s' is a FIFO, at which it would wait", logs[i],
                                    path);
            }
        }
    }
    return NULL;
}

static item_t *add_item(search_t *search, const fpmp_change_t *change, int stands)
{
    const fpmp_sync_run_t *run = search->run;
    apr_pool_t *p = run->plan->pool;
    const fpmp_file_t *file =
        stands ? apr_hash_get(run->facts->by_path, change->path, APR_HASH_KEY_STRING) : NULL;
    item_t *item = apr_pcalloc(p, sizeof(*item));

    item->change = *change;
    item->stands = stands;
    item->why = stands         ? waits_at(p, file->text, file->len)
                : change->text ? waits_at(p, change->text, strlen(change->text))
                               : NULL;
    item->taken = !item->why;
    APR_ARRAY_PUSH(item->why ? search->waiting : search->items, item_t *) = item;
    return item;
}

static void list_items(search_t *search)
{
    fpmp_sync_run_t *run = search->run;
    apr_pool_t *p = run->plan->pool;
    const apr_array_header_t *standing =
        fpmp_changes_standing(p, run->facts, run->httpd, run->changes);
    apr_hash_t *texts = apr_hash_make(p); /* path -> item_t */
    int i;

    search->items =
        apr_array_make(p, run->changes->nelts + standing->nelts, sizeof(item_t *));
    search->waiting = apr_array_make(p, 4, sizeof(item_t *));
    for (i = 0; i < run->changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(run->changes, i, fpmp_change_t);

        if (fpmp_sync_touches(change)) {
            apr_hash_set(texts, change->path, APR_HASH_KEY_STRING,
                         add_item(search, change, 0));
        }
    }
    search->changes = search->items->nelts;
    for (i = 0; i < standing->nelts; i++) {
        item_t *item = add_item(search, &APR_ARRAY_IDX(standing, i, fpmp_change_t), 1);

        item->other = apr_hash_get(texts, item->change.path, APR_HASH_KEY_STRING);
        if (item->other) {
            item->other->other = item;
        }
    }
}

/* ---- saying ---------------------------------------------------------------------------- */

/* The chain whose pool file this is; NULL: no line names it any more. */
static fpmp_chain_t *chain_of(const fpmp_sync_run_t *run, const char *path)
{
    int i;

    for (i = 0; i < run->plan->chains->nelts; i++) {
        fpmp_chain_t *chain = APR_ARRAY_IDX(run->plan->chains, i, fpmp_chain_t *);

        if (chain->pool_file_path && strcmp(chain->pool_file_path, path) == 0) {
            return chain;
        }
    }
    return NULL;
}

static void say_item(fpmp_sync_run_t *run, const item_t *item)
{
    apr_pool_t *p = run->plan->pool;
    fpmp_chain_t *chain = chain_of(run, item->change.path);
    const char *why = fpmp_text_shown(p, item->why, WHY_BYTES);
    int goes_on = !item->stands && item->other && !item->other->why;
    fpmp_finding_t *finding;

    if (item->stands) {
        finding = fpmp_sync_say(
            run, chain, "FPMP0529", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
            apr_psprintf(p, "PHP-FPM of master '%s' does not take '%s' as it stands, so it "
                            "was taken out: %s",
                         run->master->name, item->change.path, why),
            "mend that and reload httpd; its PHP answers 503 until then");
    }
    else {
        finding = fpmp_sync_say(
            run, chain, "FPMP0523", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
            apr_psprintf(p, "PHP-FPM of master '%s' refuses '%s': %s", run->master->name,
                         item->change.path, why),
            goes_on ? "mend that and reload httpd; the old file stays, and its pool goes on"
                    : "mend that and reload httpd; its PHP answers 503 until then");
    }
    if (chain && !goes_on) {
        chain->broken = finding;
    }
}

/* Of a new text and its old file that are both refused, the old file's line says all. */
static void say_all(const search_t *search, const apr_array_header_t *items)
{
    int i;

    for (i = 0; i < items->nelts; i++) {
        const item_t *item = APR_ARRAY_IDX(items, i, const item_t *);

        if (item->why && (item->stands ? is_to_do(item) : !item->other || !item->other->why)) {
            say_item(search->run, item);
        }
    }
}

static int fail(fpmp_sync_run_t *run, int err, const char *why)
{
    apr_pool_t *p = run->plan->pool;

    fpmp_sync_failed(run, "FPMP0511", FPMP_LINK_MASTER,
                     apr_psprintf(p, "PHP-FPM of master '%s' would not take the change: %s",
                                  run->master->name,
                                  why ? fpmp_text_shown(p, why, WHY_BYTES)
                                      : "it did not end in the first pass of this start"),
                     "mend that and reload httpd; nothing was changed");
    return err;
}

/* ---- choosing -------------------------------------------------------------------------- */

/* What is left to be done: what was taken, and files that only need to be read. */
static apr_array_header_t *chosen(const search_t *search)
{
    const apr_array_header_t *changes = search->run->changes;
    apr_array_header_t *left = gather(search->run->plan->pool, search);
    int i;

    for (i = 0; i < changes->nelts; i++) {
        const fpmp_change_t *change = &APR_ARRAY_IDX(changes, i, fpmp_change_t);

        if (change->kind == FPMP_CHANGE_LOAD && !change->chain->broken) {
            APR_ARRAY_PUSH(left, fpmp_change_t) = *change;
        }
    }
    return left;
}

int fpmp_sync_choose(fpmp_sync_run_t *run)
{
    search_t search = { .run = run };
    const char *why = NULL;
    int err;

    list_items(&search);
    err = run->plan->untold ? ETIMEDOUT : test(&search, &why);
    run->plan->untold |= err == ETIMEDOUT;
    if (err == EINVAL) {
        search.end = apr_time_now() + apr_time_from_sec(SEARCH_LIMIT_SEC);
        err = search_all(&search, &why);
    }
    if (!err && !fpmp_changes_leave_pool(run->plan->pool, run->facts,
                                         gather(run->plan->pool, &search))) {
        err = EINVAL; /* the last pool stays, or PHP-FPM could not start */
        why = search.waiting->nelts ? APR_ARRAY_IDX(search.waiting, 0, item_t *)->why : why;
    }
    if (err) {
        return fail(run, err, why);
    }
    say_all(&search, search.waiting);
    say_all(&search, search.items);
    run->changes = chosen(&search);
    return 0;
}
