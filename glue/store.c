/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that have come and are not wanted yet: of a request body until its end is there, of
 * an answer until the client takes it. The first of them are in memory, the next ones in a
 * temporary file without a name, and the last ones in memory again: what is gathered for
 * the file, or what it cannot hold, with the word that no more should be added. In this
 * order they are taken.
 */
#include "glue.h"

#include <string.h>

#define GATHER_BYTES (60 * 1024) /* for one write: httpd's own pieces are of 8,000 */
#define VECS 64

void fpmp_store_open(fpmp_store_t *store, request_rec *r, apr_off_t memory_max,
                     apr_off_t file_max)
{
    memset(store, 0, sizeof(*store));
    store->r = r;
    store->memory_max = memory_max;
    store->file_max = file_max;
    store->head = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    store->tail = apr_brigade_create(r->pool, r->connection->bucket_alloc);
}

/* The name goes at once, so that the file goes with this process, come what may. */
static apr_status_t open_file(fpmp_store_t *store)
{
    apr_pool_t *p = store->r->pool;
    const core_dir_config *core = ap_get_core_module_config(store->r->per_dir_config);
    apr_int32_t sendfile =
        core->enable_sendfile == ENABLE_SENDFILE_ON ? APR_FOPEN_SENDFILE_ENABLED : 0;
    const char *dir = NULL;
    apr_status_t rv = apr_temp_dir_get(&dir, p);
    char *name;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    name = apr_pstrcat(p, dir, "/fpmpool.XXXXXX", NULL);
    store->at = 0;
    rv = apr_file_mktemp(&store->file, name,
                         APR_FOPEN_CREATE | APR_FOPEN_EXCL | APR_FOPEN_READ |
                             APR_FOPEN_WRITE | APR_FOPEN_BINARY | sendfile,
                         p);
    return rv == APR_SUCCESS ? apr_file_remove(name, p) : rv;
}

/* A call of the system only where reads and writes alternate. Where the file is then is
 * known again once the read or write went well. */
static apr_status_t go_to(fpmp_store_t *store, apr_off_t at)
{
    int there = store->at == at;

    store->at = -1;
    return there ? APR_SUCCESS : apr_file_seek(store->file, APR_SET, &at);
}

/* What was gathered, to the file. What could not be written is still in the tail. */
static apr_status_t spill(fpmp_store_t *store)
{
    apr_status_t rv = store->file ? APR_SUCCESS : open_file(store);

    while (rv == APR_SUCCESS && !APR_BRIGADE_EMPTY(store->tail)) {
        struct iovec vec[VECS];
        apr_size_t written = 0;
        int count = VECS;

        rv = apr_brigade_to_iovec(store->tail, vec, &count);
        if (rv == APR_SUCCESS) {
            rv = go_to(store, store->to);
        }
        if (rv == APR_SUCCESS) {
            rv = apr_file_writev_full(store->file, vec, (apr_size_t)count, &written);
        }
        if (rv == APR_SUCCESS) {
            store->to += written;
            store->at = store->to;
            store->tail_length -= written;
            while (count-- > 0) {
                apr_bucket_delete(APR_BRIGADE_FIRST(store->tail));
            }
        }
    }
    return rv;
}

/* Add a piece of data to a brigade; of the bucket that owns data, if there is one. */
static void add_to_memory(apr_bucket_brigade *bb, apr_bucket *bucket, const char *data,
                          const char *piece, apr_size_t len)
{
    apr_bucket *part;

    if (!bucket) {
        apr_brigade_write(bb, NULL, NULL, piece, len);
        return;
    }
    apr_bucket_copy(bucket, &part);
    part->start += piece - data;
    part->length = len;
    APR_BRIGADE_INSERT_TAIL(bb, part);
}

apr_status_t fpmp_store_add(fpmp_store_t *store, apr_bucket *bucket, const char *data,
                            const char *piece, apr_size_t len)
{
    apr_status_t rv = APR_SUCCESS;

    store->length += len;
    if (store->from == store->to && APR_BRIGADE_EMPTY(store->tail) &&
        store->length <= store->memory_max) {
        add_to_memory(store->head, bucket, data, piece, len);
        return APR_SUCCESS;
    }
    add_to_memory(store->tail, bucket, data, piece, len);
    store->tail_length += len;
    store->full |= store->to + store->tail_length > store->file_max;
    if (!store->full && store->tail_length >= GATHER_BYTES) {
        rv = spill(store);
        store->full = rv != APR_SUCCESS;
    }
    return rv;
}

/* The first bytes of from, max at most, to the end of out. */
static apr_off_t move(apr_bucket_brigade *from, apr_bucket_brigade *out, apr_off_t max)
{
    apr_off_t moved = 0;

    while (moved < max && !APR_BRIGADE_EMPTY(from)) {
        apr_bucket *b = APR_BRIGADE_FIRST(from);

        if ((apr_off_t)b->length > max - moved) {
            apr_bucket_split(b, (apr_size_t)(max - moved)); /* heap buckets always can */
        }
        moved += b->length;
        APR_BUCKET_REMOVE(b);
        APR_BRIGADE_INSERT_TAIL(out, b);
    }
    return moved;
}

static apr_status_t read_file(fpmp_store_t *store, apr_bucket_brigade *out, apr_off_t max,
                              apr_size_t *got)
{
    apr_off_t there = store->to - store->from;
    apr_size_t len = (apr_size_t)(there < max ? there : max);
    apr_bucket_alloc_t *alloc = out->bucket_alloc;
    char *data = apr_bucket_alloc(len, alloc);
    apr_status_t rv = go_to(store, store->from);

    if (rv == APR_SUCCESS) {
        rv = apr_file_read_full(store->file, data, len, NULL);
    }
    if (rv != APR_SUCCESS) {
        apr_bucket_free(data);
        return rv;
    }
    APR_BRIGADE_INSERT_TAIL(out, apr_bucket_heap_create(data, len, apr_bucket_free, alloc));
    store->from += len;
    store->at = store->from;
    *got = len;
    return APR_SUCCESS;
}

apr_status_t fpmp_store_take(fpmp_store_t *store, apr_bucket_brigade *out, apr_off_t max)
{
    apr_size_t got = 0;
    apr_status_t rv = APR_SUCCESS;

    if (!APR_BRIGADE_EMPTY(store->head)) {
        store->length -= move(store->head, out, max);
    }
    else if (store->from < store->to) {
        rv = read_file(store, out, max, &got);
        store->length -= got;
    }
    else {
        apr_off_t moved = move(store->tail, out, max);

        store->tail_length -= moved;
        store->length -= moved;
    }
    if (store->length == 0 && rv == APR_SUCCESS) {
        store->full = 0;
        store->from = store->to = 0; /* the next bytes go to its beginning */
    }
    return rv;
}

void fpmp_store_drop(fpmp_store_t *store)
{
    apr_brigade_cleanup(store->head);
    apr_brigade_cleanup(store->tail);
    store->length = store->tail_length = store->from = store->to = 0;
    store->full = 0;
}

void fpmp_store_take_all(fpmp_store_t *store, apr_bucket_brigade *out)
{
    const core_dir_config *core = ap_get_core_module_config(store->r->per_dir_config);

    APR_BRIGADE_CONCAT(out, store->head);
    if (store->from < store->to) {
        apr_bucket *b = apr_brigade_insert_file(out, store->file, store->from,
                                                store->to - store->from, store->r->pool);

        if (core->enable_mmap == ENABLE_MMAP_OFF) {
            apr_bucket_file_enable_mmap(b, 0);
        }
        store->file = NULL; /* it is the bucket's now */
        store->from = store->to = 0;
    }
    APR_BRIGADE_CONCAT(out, store->tail);
    store->length = store->tail_length = 0;
}
