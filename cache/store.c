#include "cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "cache/layout.h"
#include "cache/memo.h"
#include "cache/names.h"
#include "cache/quarantine.h"
#include "cache/recent.h"
#include "cache/temp.h"

#define STORE_MODE 0444

/* outcomes of the inner functions */
#define STORE_BAD 3

#define STORE_CHUNK  ((size_t) 64 * 1024)
#define STORE_RECENT 8192

struct Store {
        const char *root;
        State *state;
        Recent *verified_here;    /* object -> the identity with which it was found good */
        _Atomic bool distrustful; /* the memos could not be forgotten: do without them */
        _Atomic uint64_t verified;
        _Atomic uint64_t quarantined;
        _Atomic uint64_t written;
        _Atomic uint64_t bytes_written;
        _Atomic uint64_t deduplicated;
};

int store_new(Store **ret, const char *root, State *state) {
        Store *store = calloc(1, sizeof(*store));

        if (!store)
                return -ENOMEM;
        store->root = root;
        store->state = state;
        if (recent_new(&store->verified_here, STORE_RECENT, sizeof(StatId)) < 0) {
                free(store);
                return -ENOMEM;
        }
        *ret = store;
        return 0;
}

Store *store_free(Store *store) {
        if (!store)
                return NULL;

        (void) recent_free(store->verified_here);
        free(store);
        return NULL;
}

void store_forget_verified(Store *store) {
        recent_forget(store->verified_here);
        store->distrustful = memo_forget_verified(store->state) < 0;
}

void store_counters(Store *store, StoreCounters *ret) {
        *ret = (StoreCounters){
                .verified = store->verified,
                .quarantined = store->quarantined,
                .written = store->written,
                .bytes_written = store->bytes_written,
                .deduplicated = store->deduplicated,
        };
}

/* 0 if what @fd has open is the object, STORE_BAD if not, or an error of ours. An object that
 * the disk cannot read is a bad one. */
static int store_verify(Store *store, const Digest *digest, int fd) {
        struct stat st;
        Digest found;
        StatId id;
        int r;

        if (fstat(fd, &st) < 0)
                return error_from_errno();
        if (!S_ISREG(st.st_mode))
                return STORE_BAD;
        id = stat_id_of(&st);
        if (recent_is(store->verified_here, digest, &id))
                return 0;
        if (!store->distrustful && memo_find_verified(store->state, digest, &id) == 0) {
                recent_note(store->verified_here, digest, &id);
                return 0;
        }

        r = digest_fd(fd, &found, NULL, NULL, NULL);
        if (r < 0)
                return r == -EIO ? STORE_BAD : r;
        if (!digest_equal(&found, digest))
                return STORE_BAD;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return error_from_errno();

        store->verified++;
        recent_note(store->verified_here, digest, &id);
        (void) memo_store_verified(store->state, digest, &id);
        return 0;
}

static void store_quarantine(Store *store, const Digest *digest, int fd) {
        store->quarantined++;
        /* where nothing can be moved it stays, and is found bad again next time */
        (void) quarantine_take(store->root, LAYOUT_OBJECTS, digest, fd);
}

/* Something has the name and cannot be opened for reading: a symbolic link, a file without
 * permissions. */
static int store_discard(Store *store, const Digest *digest, int shard, const char *leaf) {
        _cleanup_(closep) int fd = openat(shard, leaf, O_PATH | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return errno == ENOENT ? STORE_MISS : error_from_errno();
        store_quarantine(store, digest, fd);
        return STORE_MISS;
}

/* What has the name, whatever it is. */
static int store_open_name(Store *store, const Digest *digest, int *ret_fd) {
        _cleanup_(closep) int shard = -1,
                              fd = layout_open_file(store->root, LAYOUT_OBJECTS, digest);
        char leaf[LAYOUT_LEAF];

        if (fd >= 0) {
                *ret_fd = TAKE_FD(fd);
                return 0;
        }
        shard = layout_open_shard(store->root, LAYOUT_OBJECTS, digest, false, leaf);
        if (shard < 0)
                return shard == -ENOENT ? STORE_MISS : shard;
        fd = openat(shard, leaf, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
        if (fd < 0) {
                if (errno == ENOENT)
                        return STORE_MISS;
                if (error_is_shortage(-errno))
                        return -errno;
                return store_discard(store, digest, shard, leaf);
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int store_open(Store *store, const Digest *digest, int *ret_fd) {
        _cleanup_(closep) int fd = -1;
        int r;

        r = store_open_name(store, digest, &fd);
        if (r != 0)
                return r;
        r = store_verify(store, digest, fd);
        if (r == STORE_BAD) {
                store_quarantine(store, digest, fd);
                return STORE_MISS;
        }
        if (r == 0)
                *ret_fd = TAKE_FD(fd);
        return r;
}

int store_get(Store *store, const Digest *digest, uint64_t size, int *ret_fd) {
        _cleanup_(closep) int fd = -1;
        struct stat st;
        int r;

        r = store_open(store, digest, &fd);
        if (r != 0)
                return r;
        if (fstat(fd, &st) < 0)
                return error_from_errno();
        if ((uint64_t) st.st_size != size)
                return STORE_MISS; /* the object is good, so it is not the one that was meant */
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int store_find(Store *store, const Digest *digest, uint64_t size) {
        _cleanup_(closep) int fd = -1;
        struct stat st;
        StatId id;

        if (names_stat(store->root, LAYOUT_OBJECTS, digest, &st) == 0) {
                id = stat_id_of(&st);
                if (id.size == size && recent_is(store->verified_here, digest, &id))
                        return 0;
        }
        return store_get(store, digest, size, &fd);
}

/* --- putting ----------------------------------------------------------------------------- */

/* one object on its way */
typedef struct StoreItem {
        Temp temp;
        StoreObject object;
        bool there; /* the store had it */
} StoreItem;

typedef struct StoreBatch {
        StoreItem items[STORE_SOURCES_MAX];
        size_t n;
} StoreBatch;

static void store_batch_deinit(StoreBatch *batch) {
        for (size_t i = 0; i < batch->n; i++)
                temp_deinit(&batch->items[i].temp);
}

static int store_write(const StoreSource *source, const Temp *temp) {
        if (source->fd < 0)
                return file_write_all(temp->fd, source->data.data, source->data.size);
        if (lseek(source->fd, 0, SEEK_SET) < 0)
                return error_from_errno();
        return file_copy_fd(source->fd, temp->fd, NULL);
}

/* The disk writes while we digest. */
static int store_fill(const Store *store, const StoreSource *source, StoreItem *item) {
        StoreObject *object = &item->object;
        int r;

        r = temp_open(&item->temp, store->root, LAYOUT_OBJECTS, STORE_MODE);
        if (r == 0)
                r = store_write(source, &item->temp);
        if (r < 0)
                return r;
        temp_start(&item->temp);
        if (lseek(item->temp.fd, 0, SEEK_SET) < 0)
                return error_from_errno();
        return digest_fd(item->temp.fd, &object->digest, &object->sha256, &object->md5,
                         &object->size);
}

static bool store_has(Store *store, const StoreObject *object) {
        _cleanup_(closep) int fd = -1;

        return store_get(store, &object->digest, object->size, &fd) == 0;
}

/* What need not be written again need not be synced either, only its name. */
static int store_sync_item(Store *store, StoreItem *item) {
        item->there = store_has(store, &item->object);
        return item->there ? 0 : temp_sync(&item->temp);
}

/* Links the file to its name. What has that name already is as good, or is moved away. */
static int store_place(Store *store, StoreItem *item) {
        int r;

        r = temp_aim(&item->temp, &item->object.digest);
        if (r < 0 || item->there)
                return r;
        r = temp_link(&item->temp);
        if (r == TEMP_EXISTS) {
                item->there = store_has(store, &item->object);
                r = item->there ? 0 : temp_link(&item->temp);
        }
        return r == TEMP_EXISTS ? -EEXIST : r; /* bad, and cannot be moved away */
}

/* Just digested, it need not be read again before it is served. The identity is the one that it
 * keeps: removing the temporary name changes the ctime. */
static void store_count(Store *store, StoreItem *item) {
        StatId id;

        if (item->there) {
                store->deduplicated++;
                return;
        }
        store->written++;
        store->bytes_written += item->object.size;
        temp_unlink(&item->temp);
        if (file_stat_id_fd(item->temp.fd, &id) == 0)
                (void) memo_store_verified(store->state, &item->object.digest, &id);
}

/* Gives all of them their names. */
static int store_settle(Store *store, StoreBatch *batch) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < batch->n; i++)
                r = store_sync_item(store, &batch->items[i]);
        for (size_t i = 0; r == 0 && i < batch->n; i++)
                r = store_place(store, &batch->items[i]);
        for (size_t i = 0; r == 0 && i < batch->n; i++)
                r = temp_sync_name(&batch->items[i].temp);
        for (size_t i = 0; r == 0 && i < batch->n; i++)
                store_count(store, &batch->items[i]);
        return r;
}

int store_put(Store *store, const StoreSource *sources, size_t n, StoreObject *ret) {
        _cleanup_(store_batch_deinit) StoreBatch batch = {};
        int r = 0;

        if (n > STORE_SOURCES_MAX)
                return -EINVAL;
        while (batch.n < n)
                batch.items[batch.n++].temp = TEMP_NULL;
        for (size_t i = 0; r == 0 && i < n; i++)
                r = store_fill(store, &sources[i], &batch.items[i]);
        if (r == 0)
                r = store_settle(store, &batch);
        for (size_t i = 0; r == 0 && i < n; i++)
                ret[i] = batch.items[i].object;
        return r;
}

/* --- from others ------------------------------------------------------------------------- */

static bool store_is_same(const StoreObject *a, const StoreObject *b) {
        return a->size == b->size && digest_equal(&a->digest, &b->digest) &&
               memcmp(&a->sha256, &b->sha256, sizeof(a->sha256)) == 0 &&
               memcmp(&a->md5, &b->md5, sizeof(a->md5)) == 0;
}

int store_check(Store *store, const StoreObject *expected) {
        _cleanup_(closep) int fd = -1;
        StoreObject found;
        int r;

        r = store_open(store, &expected->digest, &fd);
        if (r == 0)
                r = digest_fd(fd, &found.digest, &found.sha256, &found.md5, &found.size);
        if (r != 0)
                return r;
        return store_is_same(&found, expected) ? 0 : STORE_MISMATCH;
}

/* Copies the stream, as far as it may be what is expected. */
static int store_receive(int from, int to, const StoreObject *expected, Hasher *hasher) {
        _cleanup_(freep) void *chunk = malloc(STORE_CHUNK);
        uint64_t left = expected->size;
        int r = 0;

        if (!chunk)
                return -ENOMEM;
        for (;;) {
                ssize_t n = read(from, chunk, STORE_CHUNK);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_from_errno();
                if (n == 0)
                        return left == 0 ? 0 : STORE_MISMATCH;
                if ((uint64_t) n > left)
                        return STORE_MISMATCH;
                left -= (uint64_t) n;
                r = hasher_update(hasher, chunk, (size_t) n);
                if (r == 0)
                        r = file_write_all(to, chunk, (size_t) n);
                if (r < 0)
                        return r;
        }
}

static int store_fill_from(const Store *store, int fd, const StoreObject *expected,
                           StoreItem *item) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        StoreObject *object = &item->object;
        int r;

        r = temp_open(&item->temp, store->root, LAYOUT_OBJECTS, STORE_MODE);
        if (r == 0)
                r = hasher_new(&hasher, HASHER_XXH3 | HASHER_SHA256 | HASHER_MD5);
        if (r == 0)
                r = store_receive(fd, item->temp.fd, expected, hasher);
        if (r == 0)
                r = hasher_sha256(hasher, &object->sha256);
        if (r == 0)
                r = hasher_md5(hasher, &object->md5);
        if (r != 0)
                return r;
        hasher_xxh3(hasher, &object->digest);
        object->size = expected->size;
        return store_is_same(object, expected) ? 0 : STORE_MISMATCH;
}

int store_put_stream(Store *store, int fd, const StoreObject *expected) {
        _cleanup_(store_batch_deinit) StoreBatch batch = { .n = 1 };
        StoreItem *item = &batch.items[0];
        int r;

        item->temp = TEMP_NULL;
        r = store_fill_from(store, fd, expected, item);
        if (r == 0)
                r = store_settle(store, &batch);
        if (r != 0)
                return r;
        return item->there ? store_check(store, expected) : 0;
}
