/* SPDX-License-Identifier: Apache-2.0
 *
 * PHP-FPM judges a change before it is made, all of it at once. If it refuses, the pools
 * that it refuses are searched for by halves, so that one host's mistake does not keep the
 * others waiting. Entry point: fpmp_sync_choose.
 */
#include "sync.h"

#include <errno.h>

APLOG_USE_MODULE(fpmpool);

#define TEST_LIMIT_SEC 30   /* of one run of php-fpm -t */
#define SEARCH_LIMIT_SEC 30 /* for all of them together; what is not tested then waits */

#define WHY_BYTES 150 /* of PHP-FPM's own words in a message */

typedef struct {
    fpmp_sync_run_t *run;
    const apr_array_header_t *all; /* fpmp_change_t */
    apr_array_header_t *taken;     /* fpmp_change_t that PHP-FPM takes together */
    apr_array_header_t *refused;   /* int, places in all */
    const char **why;              /* per place in all: why it was refused */
    apr_time_t end;
} search_t;

/* Does PHP-FPM take what was taken so far, and count more from first on? */
static int test_more(search_t *search, int first, int count, const char **why)
{
    fpmp_sync_run_t *run = search->run;
    apr_pool_t *p;
    apr_array_header_t *tried;
    const char *said = NULL;
    int i, err;

    apr_pool_create(&p, run->plan->pool);
    tried = apr_array_copy(p, search->taken);
    for (i = first; i < first + count; i++) {
        APR_ARRAY_PUSH(tried, fpmp_change_t) = APR_ARRAY_IDX(search->all, i, fpmp_change_t);
    }
    err = fpmp_master_test(p, run->master, run->facts, tried, TEST_LIMIT_SEC, &said);
    *why = said ? apr_pstrdup(run->plan->pool, said) : NULL;
    apr_pool_destroy(p);
    return err;
}

static void refuse(search_t *search, int first, int count, const char *why)
{
    int i;

    for (i = first; i < first + count; i++) {
        APR_ARRAY_PUSH(search->refused, int) = i;
        search->why[i] = why;
    }
}

static void take(search_t *search, int first, int count)
{
    int i;

    for (i = first; i < first + count; i++) {
        APR_ARRAY_PUSH(search->taken, fpmp_change_t) =
            APR_ARRAY_IDX(search->all, i, fpmp_change_t);
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
        refuse(search, first, count, "there was no time left to test it");
        return;
    }
    if (!known && test_more(search, first, count, &known) == 0) {
        take(search, first, count);
        return;
    }
    if (count == 1) {
        refuse(search, first, 1, known);
        return;
    }
    search_part(search, first, half, NULL);
    search_part(search, first + half, count - half, NULL);
}

/* One pool may be refused for what another one, taken later, has mended. */
static void search_again(search_t *search)
{
    int before;

    do {
        const apr_array_header_t *refused = search->refused;
        int i;

        before = refused->nelts;
        search->refused =
            apr_array_make(search->run->plan->pool, before + 1, sizeof(int));
        for (i = 0; i < before; i++) {
            search_part(search, APR_ARRAY_IDX(refused, i, int), 1, NULL);
        }
    } while (search->refused->nelts > 0 && search->refused->nelts < before);
}

static void say_refused(search_t *search)
{
    fpmp_sync_run_t *run = search->run;
    int i;

    for (i = 0; i < search->refused->nelts; i++) {
        int at = APR_ARRAY_IDX(search->refused, i, int);
        const fpmp_change_t *change = &APR_ARRAY_IDX(search->all, at, fpmp_change_t);
        int had = change->chain && fpmp_sync_had(run, change->chain);
        fpmp_finding_t *finding;

        finding = fpmp_sync_say(
            run, change->chain, "FPMP0523", FPMP_LINK_POOL_FILE, FPMP_BROKEN,
            apr_psprintf(run->plan->pool, "PHP-FPM of master '%s' refuses '%s': %s",
                         run->master->name, change->path,
                         fpmp_text_shown(run->plan->pool, search->why[at], WHY_BYTES)),
            had ? "mend that and reload httpd; the old file stays, and its pool goes on"
                : "mend that and reload httpd; its PHP answers 503 until then");
        if (change->chain && !had) {
            change->chain->broken = finding;
        }
    }
}

/* Files that stay as they are would be refused as well: no choice among the changes helps. */
static int is_hopeless(search_t *search, const char *why)
{
    const char *bare = NULL;

    return test_more(search, 0, 0, &bare) != 0 && bare && strcmp(bare, why) == 0;
}

int fpmp_sync_choose(fpmp_sync_run_t *run)
{
    apr_pool_t *p = run->plan->pool;
    const apr_array_header_t *all = run->changes;
    const char *why = NULL;
    search_t search = { .run = run, .all = all };
    int err;

    search.taken = apr_array_make(p, all->nelts + 1, sizeof(fpmp_change_t));
    err = run->plan->untold ? ETIMEDOUT : test_more(&search, 0, all->nelts, &why);
    if (err == 0) {
        return 0;
    }
    run->plan->untold |= err == ETIMEDOUT;
    if (err != EINVAL || is_hopeless(&search, why)) {
        fpmp_sync_failed(
            run, "FPMP0511", FPMP_LINK_MASTER,
            apr_psprintf(p, "PHP-FPM of master '%s' would not take the change: %s",
                         run->master->name,
                         why ? fpmp_text_shown(p, why, WHY_BYTES)
                             : "it did not end in the first pass of this start"),
            "mend that and reload httpd; nothing was changed");
        return err;
    }
    search.refused = apr_array_make(p, 4, sizeof(int));
    search.why = apr_pcalloc(p, (apr_size_t)all->nelts * sizeof(*search.why));
    search.end = apr_time_now() + apr_time_from_sec(SEARCH_LIMIT_SEC);
    search_part(&search, 0, all->nelts, why);
    search_again(&search);
    say_refused(&search);
    run->changes = search.taken;
    return 0;
}
