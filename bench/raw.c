/* SPDX-License-Identifier: Apache-2.0
 *
 * The limit: FastCGI to a pool with no web server in between. Each client connects, writes
 * one request in one piece, reads until the end of the answer and closes, as often as it
 * can. Prints one line, as bench/load.lua does, and the processor time that it took itself.
 * Usage: raw SOCKET DOCUMENT-ROOT SCRIPT-NAME CLIENTS SECONDS [QUERY [BODY-FILE]]
 * With 0 clients it asks once and prints the answer.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RECORD_BYTES 65528 /* of content, the longest that needs no padding */
#define HEADER_BYTES 8
#define READ_BYTES 65536
#define END_REQUEST 3
#define STDOUT 6
#define CLIENTS_MAX 256

typedef struct {
    char *data;
    size_t len, room;
} text_t;

typedef struct {
    struct sockaddr_un address;
    text_t request;
    double until; /* seconds of the monotonic clock */
} job_t;

typedef struct {
    const job_t *job;
    pthread_t thread;
    unsigned *took_us;
    size_t count, room, errors;
} client_t;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *grown(void *old, size_t bytes)
{
    void *data = realloc(old, bytes);

    if (!data) {
        perror("raw");
        exit(1);
    }
    return data;
}

static void add(text_t *text, const void *data, size_t len)
{
    if (text->len + len > text->room) {
        text->room = 2 * (text->len + len);
        text->data = grown(text->data, text->room);
    }
    memcpy(text->data + text->len, data, len);
    text->len += len;
}

/* ---- the request ------------------------------------------------------------------ */

static void add_record(text_t *text, int type, const char *data, size_t len)
{
    unsigned char header[HEADER_BYTES] = { 1, (unsigned char)type, 0, 1 };

    header[4] = (unsigned char)(len >> 8);
    header[5] = (unsigned char)len;
    add(text, header, sizeof(header));
    if (len > 0) {
        add(text, data, len);
    }
}

static void add_length(text_t *text, size_t len)
{
    unsigned char bytes[4] = { (unsigned char)(0x80 | len >> 24),
                               (unsigned char)(len >> 16), (unsigned char)(len >> 8),
                               (unsigned char)len };

    add(text, len < 128 ? bytes + 3 : bytes, len < 128 ? 1 : 4);
}

static void add_pair(text_t *text, const char *name, const char *value)
{
    add_length(text, strlen(name));
    add_length(text, strlen(value));
    add(text, name, strlen(name));
    add(text, value, strlen(value));
}

/* What a web server sends for such a request. */
static void add_params(text_t *text, const char *root, const char *name, const char *query,
                       size_t body_len)
{
    char length[32], uri[1024], script[1024];
    text_t params = { 0 };

    snprintf(length, sizeof(length), "%zu", body_len);
    snprintf(script, sizeof(script), "%s%s", root, name);
    snprintf(uri, sizeof(uri), "%s%s%s", name, *query ? "?" : "", query);
    const char *const pairs[][2] = {
        { "SCRIPT_FILENAME", script },      { "SCRIPT_NAME", name },
        { "DOCUMENT_ROOT", root },          { "REQUEST_METHOD", body_len ? "POST" : "GET" },
        { "QUERY_STRING", query },          { "REQUEST_URI", uri },
        { "CONTENT_LENGTH", length },       { "CONTENT_TYPE", "application/octet-stream" },
        { "GATEWAY_INTERFACE", "CGI/1.1" }, { "SERVER_PROTOCOL", "HTTP/1.1" },
        { "SERVER_SOFTWARE", "raw" },       { "SERVER_NAME", "127.0.0.1" },
        { "SERVER_ADDR", "127.0.0.1" },     { "SERVER_PORT", "80" },
        { "REMOTE_ADDR", "127.0.0.1" },     { "REMOTE_PORT", "1024" },
        { "HTTP_HOST", "127.0.0.1" },
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        add_pair(&params, pairs[i][0], pairs[i][1]);
    }
    add_record(text, 4, params.data, params.len);
    free(params.data);
}

static void read_file(text_t *text, const char *path)
{
    char buf[READ_BYTES];
    size_t got;
    FILE *file = fopen(path, "rb");

    if (!file) {
        perror(path);
        exit(1);
    }
    while ((got = fread(buf, 1, sizeof(buf), file)) > 0) {
        add(text, buf, got);
    }
    fclose(file);
}

static void make_request(text_t *text, const char *root, const char *name,
                         const char *query, const char *path)
{
    static const char begin[8] = { 0, 1 }; /* responder, the pool closes */
    text_t body = { 0 };

    if (path) {
        read_file(&body, path);
    }
    add_record(text, 1, begin, sizeof(begin));
    add_params(text, root, name, query, body.len);
    add_record(text, 4, NULL, 0);
    for (size_t at = 0; at < body.len; at += RECORD_BYTES) {
        size_t left = body.len - at;

        add_record(text, 5, body.data + at, left < RECORD_BYTES ? left : RECORD_BYTES);
    }
    add_record(text, 5, NULL, 0);
    free(body.data);
}

/* ---- the answer ------------------------------------------------------------------- */

static int write_all(int fd, const text_t *text)
{
    size_t at = 0;

    while (at < text->len) {
        ssize_t put = send(fd, text->data + at, text->len - at, MSG_NOSIGNAL);

        if (put < 0 && errno != EINTR) {
            return 0;
        }
        at += put > 0 ? (size_t)put : 0;
    }
    return 1;
}

/* Walks the records as they come. Good: output, no Status line first, and its end. */
static int read_answer(int fd, FILE *copy)
{
    unsigned char buf[READ_BYTES];
    size_t have = 0, skip = 0;
    int output = 0;

    for (;;) {
        ssize_t got = recv(fd, buf + have, sizeof(buf) - have, 0);
        size_t at = 0;

        if (got <= 0) {
            return 0;
        }
        if (copy) {
            fwrite(buf + have, 1, (size_t)got, copy);
        }
        have += (size_t)got;
        for (;;) {
            size_t step = skip < have - at ? skip : have - at;

            at += step;
            skip -= step;
            if (skip > 0 || have - at < HEADER_BYTES) {
                break;
            }
            if (buf[at + 1] == END_REQUEST) {
                return output;
            }
            if (buf[at + 1] == STDOUT && !output) {
                if (have - at < HEADER_BYTES + 7) {
                    break;
                }
                if (memcmp(buf + at + HEADER_BYTES, "Status:", 7) == 0) {
                    return 0;
                }
                output = 1;
            }
            skip = HEADER_BYTES + ((size_t)buf[at + 4] << 8 | buf[at + 5]) + buf[at + 6];
        }
        memmove(buf, buf + at, have - at);
        have -= at;
    }
}

static int request_once(const job_t *job, FILE *copy)
{
    const struct sockaddr *address = (const struct sockaddr *)&job->address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int good = fd >= 0 && connect(fd, address, sizeof(job->address)) == 0 &&
               write_all(fd, &job->request) && read_answer(fd, copy);

    if (fd >= 0) {
        close(fd);
    }
    return good;
}

/* ---- the clients ------------------------------------------------------------------ */

static void *client_run(void *data)
{
    client_t *client = data;
    double start = now(), end;

    while (start < client->job->until) {
        client->errors += !request_once(client->job, NULL);
        end = now();
        if (client->count == client->room) {
            client->room = client->room ? 2 * client->room : 4096;
            client->took_us =
                grown(client->took_us, client->room * sizeof(*client->took_us));
        }
        client->took_us[client->count++] = (unsigned)((end - start) * 1e6);
        start = end;
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

    return (x > y) - (x < y);
}

static void report(const client_t *clients, int count, double took)
{
    struct rusage used;
    size_t all = 0, errors = 0;
    unsigned *sorted = NULL;

    getrusage(RUSAGE_SELF, &used);
    for (int i = 0; i < count; i++) {
        sorted = grown(sorted, (all + clients[i].count + 1) * sizeof(*sorted));
        memcpy(sorted + all, clients[i].took_us, clients[i].count * sizeof(*sorted));
        all += clients[i].count;
        errors += clients[i].errors;
    }
    qsort(sorted, all, sizeof(*sorted), by_size);
    printf("requests=%zu duration_us=%.0f errors=%zu p50_us=%u p99_us=%u cpu_us=%.0f\n",
           all, took * 1e6, errors, all ? sorted[all / 2] : 0,
           all ? sorted[all * 99 / 100] : 0,
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec));
    free(sorted);
}

int main(int argc, char **argv)
{
    static client_t clients[CLIENTS_MAX];
    job_t job = { .address = { .sun_family = AF_UNIX } };
    int count = argc > 4 ? atoi(argv[4]) : 0;
    double start;

    if (argc < 6 || count < 0 || count > CLIENTS_MAX || argv[3][0] != '/' ||
        strlen(argv[1]) >= sizeof(job.address.sun_path)) {
        fputs("usage: raw SOCKET DOCUMENT-ROOT SCRIPT-NAME CLIENTS SECONDS [QUERY "
              "[BODY-FILE]]\n",
              stderr);
        return 2;
    }
    strcpy(job.address.sun_path, argv[1]);
    make_request(&job.request, argv[2], argv[3], argc > 6 ? argv[6] : "",
                 argc > 7 ? argv[7] : NULL);
    if (count == 0) {
        return !request_once(&job, stdout);
    }
    start = now();
    job.until = start + atof(argv[5]);
    for (int i = 0; i < count; i++) {
        clients[i].job = &job;
        if (pthread_create(&clients[i].thread, NULL, client_run, &clients[i]) != 0) {
            perror("raw: thread");
            return 1;
        }
    }
    for (int i = 0; i < count; i++) {
        pthread_join(clients[i].thread, NULL);
    }
    report(clients, count, now() - start);
    for (int i = 0; i < count; i++) {
        free(clients[i].took_us);
    }
    free(job.request.data);
    return 0;
}
