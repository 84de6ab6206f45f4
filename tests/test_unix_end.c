/* SPDX-License-Identifier: Apache-2.0
 *
 * The Unix end against listeners of our own: refusals by their errno, full queues and
 * silent peers within their time, and the system calls of one plain request.
 */
/* links: host/unix_end.c */
#include "../host/host.h"
#include "scratch.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define MANY_BYTES (8 * 1024 * 1024) /* more than any socket buffer holds */

typedef struct {
    apr_pool_t *p;
    char *dir;
    char *path;
    int listener;
} bench_t;

static int listen_at(const char *path, int backlog)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(name.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static int set_up(void **state)
{
    bench_t *bench = calloc(1, sizeof(*bench));

    apr_pool_create(&bench->p, NULL);
    bench->dir = scratch_make(bench->p);
    bench->path = in(bench->p, bench->dir, "pool.sock");
    bench->listener = listen_at(bench->path, 8);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    bench_t *bench = *state;

    close(bench->listener);
    scratch_remove(bench->dir);
    apr_pool_destroy(bench->p);
    free(bench);
    return 0;
}

/* A connected pair: our end, and the peer that the listener accepted. */
static int connect_pair(bench_t *bench, fpmp_conn_t *conn)
{
    int peer;

    assert_int_equal(fpmp_unix_end.open(conn, bench->path, 5), 0);
    peer = accept(bench->listener, NULL, NULL);
    assert_true(peer >= 0);
    return peer;
}

static int send_text(fpmp_conn_t *conn, const char *text, apr_size_t *sent)
{
    struct iovec vec = { .iov_base = (char *)text, .iov_len = strlen(text) };

    return fpmp_unix_end.send(conn, &vec, 1, sent);
}

/* Send until nothing fits any more; the errno that ended it. */
static int fill_up(fpmp_conn_t *conn, apr_size_t *total)
{
    char *text = malloc(MANY_BYTES + 1);
    apr_size_t sent;
    int err;

    memset(text, 'x', MANY_BYTES);
    text[MANY_BYTES] = '\0';
    *total = 0;
    while ((err = send_text(conn, text, &sent)) == 0) {
        assert_true(sent > 0 && sent < MANY_BYTES);
        *total += sent;
    }
    free(text);
    return err;
}

/* Wait for what is wanted; what came true, or -1 after limit_ms. */
static int watch(fpmp_conn_t *conn, int want, int client_fd, int limit_ms)
{
    fpmp_watch_t watch = {
        .want = want, .client_fd = client_fd, .limit_ms = limit_ms, .ready = -9
    };
    int err = fpmp_unix_end.wait(conn, &watch);

    assert_true(err == 0 || err == ETIMEDOUT);
    assert_int_equal(err == ETIMEDOUT, watch.ready == 0);
    return err ? -1 : watch.ready;
}

/* ---- open ------------------------------------------------------------------------- */

static void an_open_connection_is_private_to_the_process(void **state)
{
    bench_t *bench = *state;
    fpmp_conn_t conn;
    int peer = connect_pair(bench, &conn);

    assert_string_equal(fpmp_unix_end.name, "unix");
    assert_int_equal(fcntl(conn.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    fpmp_unix_end.close(&conn);
    assert_int_equal(conn.fd, -1);
    fpmp_unix_end.close(&conn); /* a second close is nothing */
    close(peer);
}

static void each_refusal_has_its_errno(void **state)
{
    bench_t *bench = *state;
    char *fits = apr_palloc(bench->p, 108), *too_long = apr_palloc(bench->p, 109);
    const struct {
        const char *title, *path;
        uid_t uid;
        int err;
    } cases[] = {
        { "no such path", in(bench->p, bench->dir, "none.sock"), 0, ENOENT },
        { "nobody listens", in(bench->p, bench->dir, "stale.sock"), 0, ECONNREFUSED },
        { "a regular file", in(bench->p, bench->dir, "file"), 0, ECONNREFUSED },
        { "mode 0600 of root", bench->path, 65534, EACCES },
        { "107 bytes, not there", fits, 0, ENOENT },
        { "108 bytes", too_long, 0, ENAMETOOLONG },
    };
    size_t i;

    memset(fits, 'a', 107);
    memset(too_long, 'a', 108);
    fits[0] = too_long[0] = '/';
    fits[107] = too_long[108] = '\0';
    close(listen_at(cases[1].path, 1));
    put_text(cases[2].path, "");
    assert_int_equal(chmod(bench->path, 0600), 0);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fpmp_conn_t conn = { .fd = 77 };
        int err;

        assert_int_equal(seteuid(cases[i].uid), 0);
        err = fpmp_unix_end.open(&conn, cases[i].path, 5);
        assert_int_equal(seteuid(0), 0);
        if (err != cases[i].err || conn.fd != -1) {
            fail_msg("%s: gave %d (%s), wanted %d; fd %d", cases[i].title, err,
                     strerror(err), cases[i].err, conn.fd);
        }
    }
}

static void a_path_of_107_bytes_is_reached(void **state)
{
    bench_t *bench = *state;
    size_t pad = 107 - strlen(bench->dir) - 1;
    char *name = apr_pcalloc(bench->p, pad + 1), *path;
    fpmp_conn_t conn;
    int listener;

    memset(name, 's', pad);
    path = in(bench->p, bench->dir, name);
    assert_int_equal(strlen(path), 107);
    listener = listen_at(path, 1);
    assert_int_equal(fpmp_unix_end.open(&conn, path, 5), 0);
    fpmp_unix_end.close(&conn);
    close(listener);
}

static void a_full_queue_gives_up_in_time(void **state)
{
    static const struct {
        const char *title;
        int wait_sec;
        double least, most;
    } cases[] = {
        { "one second", 1, 0.9, 5.0 },
        { "no time at all", 0, 0.0, 0.5 },
    };
    bench_t *bench = *state;
    char *path = in(bench->p, bench->dir, "full.sock");
    int listener = listen_at(path, 0), err;
    fpmp_conn_t first, second;
    size_t i;

    assert_int_equal(fpmp_unix_end.open(&first, path, 5), 0); /* the queue holds one */
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double start = now_sec(), took;

        err = fpmp_unix_end.open(&second, path, cases[i].wait_sec);
        took = now_sec() - start;
        if (err != EAGAIN || took < cases[i].least || took > cases[i].most) {
            fail_msg("%s: gave %d after %.2f s, wanted EAGAIN", cases[i].title, err, took);
        }
        assert_int_equal(second.fd, -1);
    }
    fpmp_unix_end.close(&first);
    close(listener);
}

/* ---- send and receive --------------------------------------------------------------- */

static void bytes_go_both_ways_and_the_end_is_zero(void **state)
{
    bench_t *bench = *state;
    struct iovec vec[2] = { { "hel", 3 }, { "lo", 2 } };
    char buf[16];
    apr_size_t n;
    fpmp_conn_t conn;
    int peer = connect_pair(bench, &conn);
    double start;

    assert_int_equal(fpmp_unix_end.send(&conn, vec, 2, &n), 0);
    assert_int_equal(n, 5);
    assert_int_equal(read(peer, buf, sizeof(buf)), 5);
    assert_memory_equal(buf, "hello", 5);
    start = now_sec();
    assert_int_equal(fpmp_unix_end.receive(&conn, buf, sizeof(buf), &n), EAGAIN);
    assert_true(now_sec() - start < 2.0); /* at once, not after the timeout of 5 s */
    assert_int_equal(n, 0);
    assert_int_equal(write(peer, "answer", 6), 6);
    assert_int_equal(fpmp_unix_end.receive(&conn, buf, 4, &n), 0);
    assert_int_equal(n, 4);
    assert_int_equal(fpmp_unix_end.receive(&conn, buf, sizeof(buf), &n), 0);
    assert_int_equal(n, 2);
    close(peer);
    assert_int_equal(fpmp_unix_end.receive(&conn, buf, sizeof(buf), &n), 0);
    assert_int_equal(n, 0);
    fpmp_unix_end.close(&conn);
}

static void a_closed_peer_is_an_error_for_sending_not_a_signal(void **state)
{
    bench_t *bench = *state;
    apr_size_t n = 9;
    fpmp_conn_t conn;
    int peer = connect_pair(bench, &conn);

    assert_int_equal(signal(SIGPIPE, SIG_DFL) == SIG_ERR, 0);
    close(peer);
    assert_int_equal(send_text(&conn, "x", &n), EPIPE);
    assert_int_equal(n, 0);
    fpmp_unix_end.close(&conn);
}

static void a_peer_that_closes_on_unread_bytes_is_a_reset(void **state)
{
    bench_t *bench = *state;
    char buf[16];
    apr_size_t n;
    fpmp_conn_t conn;
    int peer = connect_pair(bench, &conn);

    assert_int_equal(send_text(&conn, "unread", &n), 0);
    close(peer);
    assert_int_equal(fpmp_unix_end.receive(&conn, buf, sizeof(buf), &n), ECONNRESET);
    fpmp_unix_end.close(&conn);
}

static void what_does_not_fit_is_short_then_eagain(void **state)
{
    bench_t *bench = *state;
    apr_size_t total;
    fpmp_conn_t conn;
    int peer = connect_pair(bench, &conn);

    assert_int_equal(fill_up(&conn, &total), EAGAIN);
    assert_true(total > 0);
    fpmp_unix_end.close(&conn);
    close(peer);
}

/* ---- wait ---------------------------------------------------------------------------- */

static void waiting_tells_who_is_ready(void **state)
{
    bench_t *bench = *state;
    apr_size_t total;
    int client[2], both = FPMP_WATCH_POOL | FPMP_WATCH_SEND;
    fpmp_conn_t conn, to_client;
    int peer = connect_pair(bench, &conn);
    double start = now_sec();

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, client), 0);
    to_client.fd = client[0];
    assert_int_equal(watch(&conn, FPMP_WATCH_POOL, -1, 300), -1);
    assert_true(now_sec() - start >= 0.29 && now_sec() - start < 5.0);
    assert_int_equal(watch(&conn, both, -1, 5000), FPMP_WATCH_SEND);
    assert_int_equal(watch(&conn, FPMP_WATCH_POOL | FPMP_WATCH_CLIENT, client[0], 5000),
                     FPMP_WATCH_CLIENT);
    assert_int_equal(fill_up(&to_client, &total), EAGAIN);
    assert_int_equal(watch(&conn, FPMP_WATCH_CLIENT, client[0], 10), -1);
    assert_int_equal(fill_up(&conn, &total), EAGAIN);
    assert_int_equal(watch(&conn, both, client[0], 10), -1); /* the client is not asked */
    assert_int_equal(write(peer, "x", 1), 1);
    assert_int_equal(watch(&conn, both | FPMP_WATCH_CLIENT, client[0], 5000),
                     FPMP_WATCH_POOL);
    assert_int_equal(watch(&conn, FPMP_WATCH_SEND, -1, 10), -1);
    assert_int_equal(watch(&conn, FPMP_WATCH_CLIENT, client[0], 10), -1);
    close(client[1]);
    assert_int_equal(watch(&conn, FPMP_WATCH_CLIENT, client[0], 5000), FPMP_WATCH_CLIENT);
    close(client[0]);
    fpmp_unix_end.close(&conn);
    close(peer);
}

static void a_closed_peer_ends_each_wait_for_it(void **state)
{
    bench_t *bench = *state;
    int client[2];
    fpmp_conn_t conn, to_client;
    int peer = connect_pair(bench, &conn);
    apr_size_t total;

    assert_int_equal(fill_up(&conn, &total), EAGAIN);
    close(peer);
    assert_int_equal(watch(&conn, FPMP_WATCH_POOL, -1, 5000), FPMP_WATCH_POOL);
    assert_int_equal(watch(&conn, FPMP_WATCH_SEND, -1, 5000), FPMP_WATCH_SEND);
    assert_int_equal(watch(&conn, FPMP_WATCH_CLIENT, conn.fd, 5000), FPMP_WATCH_CLIENT);
    /* Who is not watched ends no wait. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, client), 0);
    to_client.fd = client[0];
    assert_int_equal(fill_up(&to_client, &total), EAGAIN);
    assert_int_equal(watch(&conn, FPMP_WATCH_CLIENT, client[0], 10), -1);
    close(client[0]);
    close(client[1]);
    fpmp_unix_end.close(&conn);
}

/* ---- signals and cost ------------------------------------------------------------------
 */

static void ignore_alarm(int signo)
{
    (void)signo;
}

/* A handler without SA_RESTART ends system calls with EINTR: nobody may see that. */
static void a_signal_does_not_end_a_call(void **state)
{
    bench_t *bench = *state;
    struct sigaction action = { .sa_handler = ignore_alarm }, old;
    struct itimerval every = { { 0, 100000 }, { 0, 100000 } }, off = { { 0, 0 }, { 0, 0 } };
    char *path = in(bench->p, bench->dir, "full.sock");
    int listener = listen_at(path, 0), ready, err;
    fpmp_conn_t conn, first, second;
    int peer = connect_pair(bench, &conn);
    pid_t pid;

    assert_int_equal(fpmp_unix_end.open(&first, path, 5), 0); /* the queue holds one */
    assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
    pid = fork();
    if (pid == 0) { /* a timer is not inherited: each of these comes after three alarms of ours */
        const struct timespec later = { .tv_nsec = 350000000 };

        nanosleep(&later, NULL);
        ready = write(peer, "x", 1) == 1;
        nanosleep(&later, NULL);
        _exit(!ready || accept(listener, NULL, NULL) < 0);
    }
    ready = watch(&conn, FPMP_WATCH_POOL, -1, 5000);
    err = fpmp_unix_end.open(&second, path, 5);
    setitimer(ITIMER_REAL, &off, NULL);
    sigaction(SIGALRM, &old, NULL);
    waitpid(pid, NULL, 0);
    assert_int_equal(ready, FPMP_WATCH_POOL);
    assert_int_equal(err, 0);
    assert_true(fcntl(second.fd, F_GETFL) & O_NONBLOCK); /* after the queue too */
    fpmp_unix_end.close(&conn);
    fpmp_unix_end.close(&first);
    fpmp_unix_end.close(&second);
    close(peer);
    close(listener);
}

/* What a handler does for a plain GET, run by the helper mode. */
static int get_once(const char *path)
{
    char buf[64];
    apr_size_t n = 0;
    fpmp_conn_t conn;
    int err = fpmp_unix_end.open(&conn, path, 5);

    if (err == 0) {
        err = send_text(&conn, "request", &n);
    }
    if (err == 0 && watch(&conn, FPMP_WATCH_POOL, -1, 5000) != FPMP_WATCH_POOL) {
        err = ETIMEDOUT;
    }
    if (err == 0) {
        err = fpmp_unix_end.receive(&conn, buf, sizeof(buf), &n);
    }
    fpmp_unix_end.close(&conn);
    _exit(err);
}

/* The names of the system calls from socket to close, one blank between. */
static char *calls_of(apr_pool_t *p, const char *trace)
{
    const char *line = strstr(trace, "socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK");
    char *calls = "", *name = "";

    while (line && *line && strcmp(name, "close") != 0) {
        name = apr_pstrmemdup(p, line, strcspn(line, "(\n"));
        calls = apr_pstrcat(p, calls, *calls ? " " : "", name, NULL);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return calls;
}

static void a_plain_request_costs_six_system_calls(void **state)
{
    bench_t *bench = *state;
    char *out = in(bench->p, bench->dir, "trace");
    char *argv[] = { "strace", "-qq",       "-o", out, self_path(bench->p),
                     "--get",  bench->path, NULL };
    int status, peer;
    pid_t pid = fork();

    if (pid == 0) { /* the pool: take the request, answer; ended where none comes */
        char buf[16];

        alarm(30);
        peer = accept(bench->listener, NULL, NULL);
        _exit(read(peer, buf, sizeof(buf)) != 7 || write(peer, "answer", 6) != 6);
    }
    status = run_program(argv, NULL);
    assert_int_equal(status, 0);
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_string_equal(calls_of(bench->p, get_text(bench->p, out)),
                        "socket connect sendmsg poll recvfrom close");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        ROW(an_open_connection_is_private_to_the_process),
        ROW(each_refusal_has_its_errno),
        ROW(a_path_of_107_bytes_is_reached),
        ROW(a_full_queue_gives_up_in_time),
        ROW(bytes_go_both_ways_and_the_end_is_zero),
        ROW(a_closed_peer_is_an_error_for_sending_not_a_signal),
        ROW(a_peer_that_closes_on_unread_bytes_is_a_reset),
        ROW(what_does_not_fit_is_short_then_eagain),
        ROW(waiting_tells_who_is_ready),
        ROW(a_closed_peer_ends_each_wait_for_it),
        ROW(a_signal_does_not_end_a_call),
        ROW(a_plain_request_costs_six_system_calls),
    };

    if (argc == 3 && strcmp(argv[1], "--get") == 0) {
        return get_once(argv[2]);
    }
    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
