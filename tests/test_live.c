/* SPDX-License-Identifier: Apache-2.0
 *
 * A look at what lives, without a server: this process is the master, it listens on sockets
 * in a scratch folder, and a child has the title of a worker.
 */
/* links: host core */
#include "scratch.h"

#include "../host/host.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

typedef struct {
    apr_pool_t *pool;
    char *dir;
} scratch_t;

static int set_up(void **state)
{
    apr_pool_t *p = NULL;
    scratch_t *s;

    apr_pool_create(&p, NULL);
    s = apr_pcalloc(p, sizeof(*s));
    s->pool = p;
    s->dir = scratch_make(p);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    scratch_t *s = *state;

    scratch_remove(s->dir);
    apr_pool_destroy(s->pool);
    return 0;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    apr_cpystrn(address.sun_path, path, sizeof(address.sun_path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static fpmp_live_t *look(apr_pool_t *p, pid_t pid, const char *path)
{
    apr_array_header_t *paths = apr_array_make(p, 1, sizeof(const char *));

    APR_ARRAY_PUSH(paths, const char *) = path;
    return fpmp_live_look(p, pid, paths);
}

static const fpmp_live_socket_t *socket_of(fpmp_live_t *live, const char *path)
{
    const fpmp_live_socket_t *socket =
        apr_hash_get(live->sockets, path, APR_HASH_KEY_STRING);

    assert_non_null(socket);
    return socket;
}

static void who_listens_is_known_without_connecting(void **state)
{
    scratch_t *s = *state;
    const char *path = in(s->pool, s->dir, "a.sock");
    int fd = listen_at(path), other;
    const fpmp_live_socket_t *socket = socket_of(look(s->pool, getpid(), path), path);

    assert_int_equal(socket->node.kind, FPMP_NODE_SOCKET);
    assert_int_equal(socket->holder, FPMP_HOLDER_MASTER);
    assert_string_equal(socket->owner, fpmp_facts_uid_name(s->pool, geteuid()));
    assert_int_equal(socket->named, 1);
    assert_int_equal(accept(fd, NULL, NULL), -1); /* nobody called */

    /* Another file of the same name: the listener lost it. */
    assert_int_equal(unlink(path), 0);
    other = listen_at(path);
    close(other);
    socket = socket_of(look(s->pool, getpid(), path), path);
    assert_int_equal(socket->holder, FPMP_HOLDER_NONE);
    assert_int_equal(socket->named, 1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(socket_of(look(s->pool, getpid(), path), path)->named, 1);
    close(fd);
    assert_int_equal(socket_of(look(s->pool, getpid(), path), path)->named, 0);
}

static void a_socket_of_another_process_is_not_the_masters(void **state)
{
    scratch_t *s = *state;
    const char *path = in(s->pool, s->dir, "b.sock");
    int fd = listen_at(path), ready[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        close(ready[0]);
        close(fd);
        (void)!write(ready[1], "x", 1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(socket_of(look(s->pool, child, path), path)->holder,
                     FPMP_HOLDER_OTHER);
    assert_int_equal(socket_of(look(s->pool, child, path), path)->named, 0);
    assert_int_equal(socket_of(look(s->pool, getpid(), path), path)->holder,
                     FPMP_HOLDER_MASTER);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(fd);
    close(ready[0]);
    close(ready[1]);
}

static void what_is_not_there_is_missing(void **state)
{
    scratch_t *s = *state;
    const char *path = in(s->pool, s->dir, "none.sock");

    assert_int_equal(socket_of(look(s->pool, getpid(), path), path)->node.lookup,
                     FPMP_LOOKUP_MISSING);
}

static void a_master_that_is_gone_has_nothing_to_show(void **state)
{
    scratch_t *s = *state;
    const char *path = in(s->pool, s->dir, "c.sock");
    int fd = listen_at(path);
    pid_t child = fork();
    fpmp_live_t *live;

    if (child == 0) {
        _exit(0);
    }
    waitpid(child, NULL, 0);
    live = look(s->pool, child, path);
    assert_non_null(live->why);
    assert_int_equal(live->euid_known, 0);
    assert_int_equal(socket_of(live, path)->holder, FPMP_HOLDER_UNKNOWN);
    close(fd);
}

/* The child has the title of a worker. Its user is ours, and a worker with the uid of the
 * master is one that has not changed its user yet: it is passed over. */
static void a_worker_that_is_not_ready_is_passed_over(void **state)
{
    scratch_t *s = *state;
    int ready[2];
    char byte;
    pid_t child;
    fpmp_live_t *live;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        execl("/bin/sleep", "php-fpm: pool david", "30", (char *)NULL);
        _exit(1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 0); /* closed by exec */
    live = look(s->pool, getpid(), "/none");
    assert_int_equal(live->euid_known, 1);
    assert_int_equal(live->euid, geteuid());
    assert_int_equal(live->replaced, 0);
    assert_null(apr_hash_get(live->workers, "david", APR_HASH_KEY_STRING));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        ROW(who_listens_is_known_without_connecting),
        ROW(a_socket_of_another_process_is_not_the_masters),
        ROW(what_is_not_there_is_missing),
        ROW(a_master_that_is_gone_has_nothing_to_show),
        ROW(a_worker_that_is_not_ready_is_passed_over),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
