/* SPDX-License-Identifier: Apache-2.0
 *
 * The three texts of the status page: byte for byte as in tests/golden/, for pools in
 * several states and with names that attack. Times of the machine are given, so that the
 * bytes are always the same. FPMT_GOLDEN=write writes them anew, to be looked at.
 */
/* links: core */
#include "../core/status.h"

#include "plan.h"
#include "scratch.h"

#define EVIL "x<img/src=x&onerror='alert(\"1\")'>\\\n\x01\x7f\xff\xc3\xa9.test"

static void append(void *baton, const char *text)
{
    APR_ARRAY_PUSH((apr_array_header_t *)baton, const char *) =
        apr_pstrdup(((apr_array_header_t *)baton)->pool, text);
}

static fpmp_status_row_t *add_row(apr_pool_t *p, fpmp_status_t *status,
                                  const fpmp_master_t *master, const char *user)
{
    fpmp_status_row_t *row = apr_array_push(status->rows);
    fpmp_chain_t *chain = apr_pcalloc(p, sizeof(*chain));

    row->user = chain->user = chain->pool = user;
    chain->master = master;
    chain->socket_path = apr_psprintf(p, "/run/php/fpmpool-%s-%s.sock", master->name, user);
    chain->pool_file_path = apr_psprintf(p, POOL_DIR "/fpmpool-%s.conf", user);
    row->chain = chain;
    row->where = (fpmp_where_t){ .file = SITE, .line = 10 * status->rows->nelts };
    row->hosts = apr_array_make(p, 4, sizeof(const char *));
    row->pm = "ondemand";
    row->children_max = 10;
    row->phase = FPMP_PHASE_READY;
    memset(&row->figures, 0xff, sizeof(row->figures));
    row->seen = apr_pcalloc(p, sizeof(*row->seen));
    row->seen->master = apr_pcalloc(p, sizeof(*row->seen->master));
    row->seen->master->master = master;
    row->seen->master->runs = FPMP_SEEN_YES;
    row->seen->pool = user;
    row->seen->socket_path = row->seen->socket.path = chain->socket_path;
    row->seen->file_path = row->seen->file.path = chain->pool_file_path;
    row->seen->socket.lookup = row->seen->file.lookup = FPMP_LOOKUP_FOUND;
    row->seen->file_read = 1;
    row->seen->mark = FPMP_MARK_WHOLE;
    row->seen->listens = FPMP_SEEN_YES;
    row->seen->queue_max = 4096;
    return row;
}

static void add_host(fpmp_status_row_t *row, const char *host)
{
    APR_ARRAY_PUSH(row->hosts, const char *) = host;
}

static fpmp_status_t *make(apr_pool_t *p)
{
    static const fpmp_master_t one = { .name = "8.2" };
    fpmp_status_t *status = apr_pcalloc(p, sizeof(*status));
    fpmp_status_row_t *row;

    status->rows = apr_array_make(p, 8, sizeof(fpmp_status_row_t));
    status->now_sec = 1700000000;
    status->date = "2023-11-14 22:13:20 UTC";
    status->limit_ms = 1000;
    status->took_us = 1234;
    status->local_only = 1;
    status->refresh_sec = 5;
    row = add_row(p, status, &one, "david");
    add_host(row, "david.example");
    row->seen->children = 3;
    row->seen->connections = 1;
    row->ask = FPMP_ASK_ANSWERED;
    row->figures = (fpmp_figures_t){ .since_sec = 61, .requests = 12, .idle = 1, .active = 2,
                                     .max_reached = 4, .slow = 5 };
    row->error = 616;
    row->error_at_sec = 1700000000 - 86400;
    row->errors = 7;
    row = add_row(p, status, &one, "anna");
    row->seen->children = row->seen->connections = row->children_max = 2;
    row->seen->queue = 3;
    add_host(row, EVIL);
    for (int i = 1; i <= 4; i++) {
        add_host(row, apr_psprintf(p, "shop%d.example", i));
    }
    row = add_row(p, status, &one, "bert"); /* idle */
    add_host(row, "a.example");
    add_host(row, "b.example");
    row = add_row(p, status, &one, "carl"); /* refused: no chain */
    row->chain = NULL;
    row->seen = NULL;
    row->phase = FPMP_PHASE_BROKEN;
    row->code = "FPMP0101";
    row->start_wrong = "'pm' is '<b>'";
    row->start_mend = "write \"one\"";
    fpmp_status_judge(p, status);
    return status;
}

static const char *text_of(apr_pool_t *p, const fpmp_status_t *status, int form)
{
    apr_array_header_t *parts = apr_array_make(p, 64, sizeof(const char *));

    fpmp_status_forms[form].write(p, status, append, parts);
    return apr_array_pstrcat(p, parts, 0);
}

static void each_form_has_the_golden_bytes(void **state)
{
    static const char *const files[] = { "status.html", "status.json", "status.prom" };
    fpmp_status_t *status = make(*state);
    const char *slash = strrchr(__FILE__, '/');

    for (int i = 0; i < 3; i++) {
        const char *path = apr_psprintf(*state, "%.*sgolden/%s",
                                        slash ? (int)(slash + 1 - __FILE__) : 0, __FILE__,
                                        files[i]);
        const char *got = text_of(*state, status, i);

        if (getenv("FPMT_GOLDEN")) {
            put_text(path, got);
        }
        expect_text(files[i], got, get_text(*state, path));
    }
    assert_null(fpmp_status_forms[3].name);
}

static void nothing_that_was_given_is_markup(void **state)
{
    fpmp_status_t *status = make(*state);
    const char *html = text_of(*state, status, 0);

    assert_null(strstr(html, "<img"));
    assert_null(strstr(html, "<b>'"));
    assert_null(strchr(html, '\x01'));
    assert_null(strchr(html, '\x7f'));
    assert_null(strchr(html, '\xff'));
    assert_non_null(strstr(html, "\xc3\xa9.test"));
}

static void a_label_is_escaped(void **state)
{
    static const fpmp_master_t odd = { .name = "8\"2\\\n\xff\xc3\xa9" };
    fpmp_status_t *status = apr_pcalloc(*state, sizeof(*status));

    status->rows = apr_array_make(*state, 1, sizeof(fpmp_status_row_t));
    add_row(*state, status, &odd, "david");
    fpmp_status_judge(*state, status);
    assert_non_null(strstr(text_of(*state, status, 2),
                           "\nfpmpool_pool_up{pool=\"david\",master=\"8\\\"2\\\\\\n\xef\xbf\xbd"
                           "\xc3\xa9\"} 1\n"));
}

static void many_hosts_fold_and_end(void **state)
{
    fpmp_status_t *status = apr_pcalloc(*state, sizeof(*status));
    static const fpmp_master_t one = { .name = "8.2" };
    fpmp_status_row_t *row;
    const char *html;

    status->rows = apr_array_make(*state, 1, sizeof(fpmp_status_row_t));
    row = add_row(*state, status, &one, "david");
    for (int i = 1; i <= 1000; i++) {
        add_host(row, apr_psprintf(*state, "h%d.example", i));
    }
    fpmp_status_judge(*state, status);
    html = text_of(*state, status, 0);
    assert_non_null(strstr(html, "h3.example <details><summary>and 997 more</summary>h4.exa"));
    assert_non_null(strstr(html, "h200.example, and 800 more in JSON</details>"));
    assert_null(strstr(html, "h201.example"));
    assert_non_null(strstr(html, "<p>1 pool, looked at"));
    assert_non_null(strstr(text_of(*state, status, 1), "\"h1000.example\""));
}

static void a_page_without_pools_is_a_page(void **state)
{
    fpmp_status_t *status = apr_pcalloc(*state, sizeof(*status));

    status->rows = apr_array_make(*state, 1, sizeof(fpmp_status_row_t));
    assert_non_null(strstr(text_of(*state, status, 0), "There is no FPMUser line."));
    assert_null(strstr(text_of(*state, status, 0), "<table"));
    assert_non_null(strstr(text_of(*state, status, 1), "\"pools\": []"));
    assert_non_null(strstr(text_of(*state, status, 2), "fpmpool_pools{state=\"ok\"} 0\n"));
}

static void the_clock_has_one_unit(void **state)
{
    static const struct {
        int ago;
        const char *want;
    } table[] = {
        { -5, ", 0 s ago" },      { 0, ", 0 s ago" },      { 119, ", 119 s ago" },
        { 120, ", 2 min ago" },   { 7199, ", 119 min ago" }, { 7200, ", 2 h ago" },
        { 172799, ", 47 h ago" }, { 172800, ", 2 d ago" },
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        fpmp_status_t *status = make(*state);
        fpmp_status_row_t *row = &APR_ARRAY_IDX(status->rows, 0, fpmp_status_row_t);

        row->error = 613;
        row->error_at_sec = status->now_sec - table[i].ago;
        if (!strstr(text_of(*state, status, 0), table[i].want)) {
            fail_msg("%d s are not shown as '%s'", table[i].ago, table[i].want);
        }
    }
}

static void every_field_is_shown_or_told(void **state)
{
    const fpmp_status_field_t *field = fpmp_status_fields;

    (void)state;
    assert_string_equal(field->label, "State"); /* status_html.c shows the first as a badge */
    for (; field->text || field->number; field++) {
        assert_true(field->label || field->key || field->metric);
        assert_true((field->kind == FPMP_FIELD_NUMBER) == (field->number != NULL));
        assert_true(!field->metric || (field->number && field->type && field->help));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(each_form_has_the_golden_bytes),
        plan_test(nothing_that_was_given_is_markup),
        plan_test(a_label_is_escaped),
        plan_test(many_hosts_fold_and_end),
        plan_test(a_page_without_pools_is_a_page),
        plan_test(the_clock_has_one_unit),
        plan_test(every_field_is_shown_or_told),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
