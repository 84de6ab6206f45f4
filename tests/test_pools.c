/* SPDX-License-Identifier: Apache-2.0
 *
 * Pools seen and asked, with listeners of our own in the place of PHP-FPM: what the kernel
 * says of a queue, answers that are none, and one deadline for all however they behave.
 */
/* links: host core */
#include "../host/host.h"
#include "scratch.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

typedef struct {
    apr_pool_t *p;
    char *dir;
} bench_t;

static int set_up(void **state)
{
    bench_t *bench = calloc(1, sizeof(*bench));

    apr_pool_create(&bench->p, NULL);
    bench->dir = scratch_make(bench->p);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    bench_t *bench = *state;

    scratch_remove(bench->dir);
    apr_pool_destroy(bench->p);
    free(bench);
    return 0;
}

static int listen_at(const char *path, int backlog)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(name.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static int connect_to(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(name.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

/* ---- what the kernel says ------------------------------------------------------------------ */

static fpmp_status_seen_t *look(bench_t *bench, const char *path, fpmp_status_master_t *master)
{
    fpmp_status_seen_t *seen = apr_pcalloc(bench->p, sizeof(*seen));
    apr_array_header_t *masters =
        apr_array_make(bench->p, 1, sizeof(fpmp_status_master_t *));
    apr_array_header_t *pools = apr_array_make(bench->p, 1, sizeof(fpmp_status_seen_t *));

    seen->master = master;
    seen->pool = "fpmt_no_such_pool";
    seen->socket_path = path;
    seen->file_path = in(bench->p, bench->dir, "pool.conf");
    APR_ARRAY_PUSH(masters, fpmp_status_master_t *) = master;
    APR_ARRAY_PUSH(pools, fpmp_status_seen_t *) = seen;
    fpmp_pools_look(bench->p, masters, pools);
    return seen;
}

static void a_queue_is_counted_without_a_connection(void **state)
{
    bench_t *bench = *state;
    const char *path = in(bench->p, bench->dir, "a.sock");
    fpmp_master_t master = { .name = "8.2", .config_path = "/none/php-fpm.conf" };
    fpmp_status_master_t about = { .master = &master };
    int listener = listen_at(path, 7), conns[3], served;
    fpmp_status_seen_t *seen = look(bench, path, &about);

    assert_int_equal(seen->listens, FPMP_SEEN_YES);
    assert_int_equal(seen->queue_max, 7);
    assert_int_equal(seen->queue, 0);
    assert_int_equal(seen->connections, 0);
    assert_int_equal(about.runs, FPMP_SEEN_NO);
    assert_int_equal(seen->children, 0);
    for (size_t i = 0; i < COUNT(conns); i++) {
        conns[i] = connect_to(path);
    }
    seen = look(bench, path, &about);
    assert_int_equal(seen->queue, 3);
    assert_int_equal(seen->connections, 0);
    served = accept(listener, NULL, NULL);
    seen = look(bench, path, &about);
    assert_int_equal(seen->queue, 2);
    assert_int_equal(seen->connections, 1);
    close(conns[0]); /* the child that serves it has not seen that yet */
    assert_int_equal(look(bench, path, &about)->connections, 1);
    close(served);
    assert_int_equal(look(bench, path, &about)->connections, 0);
    close(conns[1]);
    close(conns[2]);
    close(listener);
    seen = look(bench, path, &about);
    assert_int_equal(seen->listens, FPMP_SEEN_NO);
    assert_int_equal(seen->queue, -1);
}

static void a_listener_elsewhere_is_not_ours(void **state)
{
    bench_t *bench = *state;
    const char *path = in(bench->p, bench->dir, "a.sock"), *aside;
    fpmp_master_t master = { .name = "8.2" };
    fpmp_status_master_t about = { .master = &master };
    int listener = listen_at(path, 7), other;

    aside = in(bench->p, bench->dir, "b.sock");
    assert_int_equal(rename(path, aside), 0);
    /* Another file of this name: its listener is bound by the name, and is another one. */
    assert_int_equal(look(bench, path, &about)->socket.lookup, FPMP_LOOKUP_MISSING);
    other = listen_at(path, 3);
    assert_int_equal(look(bench, path, &about)->queue_max, 3);
    close(other);
    assert_int_equal(look(bench, path, &about)->listens, FPMP_SEEN_NO);
    close(listener);
}

static void a_link_to_the_socket_is_followed(void **state)
{
    bench_t *bench = *state;
    const char *path = in(bench->p, bench->dir, "real/a.sock");
    const char *link = in(bench->p, bench->dir, "link/a.sock");
    fpmp_master_t master = { .name = "8.2" };
    fpmp_status_master_t about = { .master = &master };
    int listener;

    assert_int_equal(mkdir(in(bench->p, bench->dir, "real"), 0755), 0);
    assert_int_equal(symlink("real", in(bench->p, bench->dir, "link")), 0);
    listener = listen_at(path, 5);
    assert_int_equal(look(bench, link, &about)->queue_max, 5);
    close(listener);
}

static void a_pool_file_is_told_apart(void **state)
{
    bench_t *bench = *state;
    const char *path = in(bench->p, bench->dir, "a.sock");
    const char *file = in(bench->p, bench->dir, "pool.conf");
    fpmp_master_t master = { .name = "8.2",
                             .pid_path = in(bench->p, bench->dir, "fpm.pid") };
    fpmp_status_master_t about = { .master = &master };

    assert_int_equal(look(bench, path, &about)->file.lookup, FPMP_LOOKUP_MISSING);
    assert_true(about.loaded_ns == 0);
    put_text(file, "[x]\n");
    put_text(master.pid_path, "1\n"); /* lives, and is no PHP-FPM */
    assert_int_equal(look(bench, path, &about)->mark, FPMP_MARK_NONE);
    assert_true(look(bench, path, &about)->file_read);
    assert_true(about.loaded_ns > 0);
    assert_int_equal(about.runs, FPMP_SEEN_NO);
}

/* ---- asking ---------------------------------------------------------------------------------- */

#define STATUS_TEXT                                                                        \
    "Content-Type: text/plain\r\n\r\nstart since: 1\naccepted conn: 2\n"                    \
    "idle processes: 3\nactive processes: 4\nmax children reached: 5\nslow requests: 6\n"

static const char *record(apr_pool_t *p, int type, const char *text, apr_size_t len,
                          apr_size_t *out_len)
{
    char *out = apr_pcalloc(p, 8 + len);

    out[0] = 1;
    out[1] = (char)type;
    out[3] = 1;
    out[4] = (char)(len >> 8);
    out[5] = (char)len;
    memcpy(out + 8, text, len);
    *out_len = 8 + len;
    return out;
}

/* How a pool behaves. */
typedef enum { FINE, BYTEWISE, MUTE, GARBAGE, HANGS_UP, FLOODS, ENDS_EARLY, NO_NUMBERS } way_e;

static void say(int fd, const char *bytes, apr_size_t len, int bytewise)
{
    for (apr_size_t at = 0; at < len;) {
        ssize_t n = send(fd, bytes + at, bytewise ? 1 : len - at, MSG_NOSIGNAL);

        if (n < 0) {
            return;
        }
        at += n;
        if (bytewise) {
            usleep(200);
        }
    }
}

static void answer(apr_pool_t *p, int fd, way_e way)
{
    const char *text = way == NO_NUMBERS ? "Content-Type: text/plain\r\n\r\nhello" : STATUS_TEXT;
    apr_size_t out_len, end_len;
    const char *out = record(p, 6, text, strlen(text), &out_len);
    const char *end = record(p, 3, "\0\0\0\0\0\0\0\0", 8, &end_len);
    char request[4096];

    recv(fd, request, sizeof(request), 0);
    if (way == GARBAGE) {
        say(fd, "HTTP/1.1 200 OK\r\n\r\n", 19, 0);
    }
    else if (way == FLOODS) {
        for (int i = 0; i < 1000; i++) {
            say(fd, out, out_len, 0);
        }
    }
    else if (way != HANGS_UP) {
        say(fd, out, out_len, way == BYTEWISE);
        if (way != ENDS_EARLY) {
            say(fd, end, end_len, way == BYTEWISE);
        }
    }
}

/* A pool in a process of its own. */
static pid_t serve(bench_t *bench, const char *path, way_e way)
{
    int listener = listen_at(path, 8);
    pid_t pid = fork();

    if (pid == 0) {
        for (;;) {
            int fd = accept(listener, NULL, NULL);

            if (way == MUTE) {
                pause();
            }
            answer(bench->p, fd, way);
            close(fd);
        }
    }
    close(listener);
    return pid;
}

static fpmp_ask_t *add_ask(bench_t *bench, apr_array_header_t *asks, const char *path)
{
    fpmp_ask_t *ask = apr_pcalloc(bench->p, sizeof(*ask));

    ask->socket_path = path;
    ask->request = fpmp_status_request(bench->p, "/fpmpool-status", &ask->request_len);
    APR_ARRAY_PUSH(asks, fpmp_ask_t *) = ask;
    return ask;
}

static long ms_of(apr_pool_t *p, apr_array_header_t *asks, int limit_ms)
{
    struct timespec began, ended;

    clock_gettime(CLOCK_MONOTONIC, &began);
    fpmp_pools_ask(p, asks, limit_ms);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    return (ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000;
}

static void every_way_of_answering_is_told(void **state)
{
    static const struct {
        const char *title;
        way_e way;
        fpmp_ask_e want;
    } table[] = {
        { "fine", FINE, FPMP_ASK_ANSWERED },
        { "one byte at a time", BYTEWISE, FPMP_ASK_ANSWERED },
        { "mute", MUTE, FPMP_ASK_SILENT },
        { "not FastCGI", GARBAGE, FPMP_ASK_NO_STATUS },
        { "closed at once", HANGS_UP, FPMP_ASK_NO_STATUS },
        { "more than a status is", FLOODS, FPMP_ASK_NO_STATUS },
        { "no end", ENDS_EARLY, FPMP_ASK_NO_STATUS },
        { "no figures", NO_NUMBERS, FPMP_ASK_NO_STATUS },
    };
    bench_t *bench = *state;
    apr_array_header_t *asks = apr_array_make(bench->p, 8, sizeof(fpmp_ask_t *));
    pid_t pids[COUNT(table)];
    fpmp_ask_t *gone, *stale;
    const char *path;
    long took;

    for (size_t i = 0; i < COUNT(table); i++) {
        path = in(bench->p, bench->dir, apr_psprintf(bench->p, "%d.sock", (int)i));
        pids[i] = serve(bench, path, table[i].way);
        add_ask(bench, asks, path);
    }
    gone = add_ask(bench, asks, in(bench->p, bench->dir, "gone.sock"));
    path = in(bench->p, bench->dir, "stale.sock");
    close(listen_at(path, 1));
    stale = add_ask(bench, asks, path);
    took = ms_of(bench->p, asks, 600);
    for (size_t i = 0; i < COUNT(table); i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
        if (APR_ARRAY_IDX(asks, i, fpmp_ask_t *)->how != table[i].want) {
            fail_msg("%s: %d", table[i].title, APR_ARRAY_IDX(asks, i, fpmp_ask_t *)->how);
        }
    }
    assert_int_equal(APR_ARRAY_IDX(asks, 0, fpmp_ask_t *)->figures.slow, 6);
    assert_int_equal(APR_ARRAY_IDX(asks, 1, fpmp_ask_t *)->figures.requests, 2);
    assert_int_equal(gone->how, FPMP_ASK_REFUSED);
    assert_int_equal(gone->err, ENOENT);
    assert_int_equal(stale->err, ECONNREFUSED);
    assert_in_range(took, 590, 900); /* the mute one is waited for, once */
}

static void a_full_queue_is_silence_and_takes_no_time(void **state)
{
    bench_t *bench = *state;
    const char *path = in(bench->p, bench->dir, "full.sock");
    apr_array_header_t *asks = apr_array_make(bench->p, 1, sizeof(fpmp_ask_t *));
    int listener = listen_at(path, 0), conn = connect_to(path);
    fpmp_ask_t *ask = add_ask(bench, asks, path);

    assert_true(ms_of(bench->p, asks, 5000) < 1000);
    assert_int_equal(ask->how, FPMP_ASK_SILENT);
    close(conn);
    close(listener);
}

/* More than may be open at a time, one of them mute: the others have their turn. */
static void many_pools_have_one_deadline(void **state)
{
    bench_t *bench = *state;
    const char *path = in(bench->p, bench->dir, "fine.sock");
    const char *mute_path = in(bench->p, bench->dir, "mute.sock");
    apr_array_header_t *asks = apr_array_make(bench->p, 500, sizeof(fpmp_ask_t *));
    pid_t pid = serve(bench, path, FINE);
    int mute = listen_at(mute_path, 600), counts[8] = { 0 };
    long took;

    add_ask(bench, asks, mute_path);
    for (int i = 0; i < 500; i++) {
        add_ask(bench, asks, path);
    }
    took = ms_of(bench->p, asks, 3000);
    for (int i = 0; i < asks->nelts; i++) {
        counts[APR_ARRAY_IDX(asks, i, fpmp_ask_t *)->how]++;
    }
    assert_in_range(took, 2990, 3400);
    assert_int_equal(counts[FPMP_ASK_SILENT] > 0, 1);
    /* the listener's queue is short, so some were turned away: they are silent, not late */
    assert_int_equal(counts[FPMP_ASK_LATE], 0);
    assert_true(counts[FPMP_ASK_ANSWERED] > 0);
    /* all mute: the window is full to the end, the rest has no turn */
    for (int i = 0; i < asks->nelts; i++) {
        APR_ARRAY_IDX(asks, i, fpmp_ask_t *)->socket_path = mute_path;
    }
    memset(counts, 0, sizeof(counts));
    took = ms_of(bench->p, asks, 300);
    for (int i = 0; i < asks->nelts; i++) {
        counts[APR_ARRAY_IDX(asks, i, fpmp_ask_t *)->how]++;
    }
    assert_in_range(took, 290, 600);
    assert_int_equal(counts[FPMP_ASK_SILENT], 64);
    assert_int_equal(counts[FPMP_ASK_LATE], 437);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(mute);
}

#define bench_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(a_queue_is_counted_without_a_connection),
        bench_test(a_listener_elsewhere_is_not_ours),
        bench_test(a_link_to_the_socket_is_followed),
        bench_test(a_pool_file_is_told_apart),
        bench_test(every_way_of_answering_is_told),
        bench_test(a_full_queue_is_silence_and_takes_no_time),
        bench_test(many_pools_have_one_deadline),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
