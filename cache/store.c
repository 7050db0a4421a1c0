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
#include "cache/temp.h"

#define STORE_MODE 0444

/* outcomes of the inner functions */
#define STORE_BAD   3
#define STORE_THERE 4

#define STORE_CHUNK ((size_t) 64 * 1024)

struct Store {
        const char *root;
        State *state;
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
        *ret = store;
        return 0;
}

Store *store_free(Store *store) {
        free(store);
        return NULL;
}

void store_forget_verified(Store *store) {
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
        if (!store->distrustful && memo_find_verified(store->state, digest, &id) == 0)
                return 0;

        r = digest_fd(fd, &found, NULL, NULL, NULL);
        if (r < 0)
                return r == -EIO ? STORE_BAD : r;
        if (!digest_equal(&found, digest))
                return STORE_BAD;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return error_from_errno();

        store->verified++;
        (void) memo_store_verified(store->state, digest, &id);
        return 0;
}

static void store_quarantine(Store *store, const Digest *digest, int fd) {
        store->quarantined++;
        /* where nothing can be moved it stays, and is found bad again next time */
        (void) layout_quarantine(store->root, LAYOUT_OBJECTS, digest, fd);
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

static int store_open(Store *store, const Digest *digest, int *ret_fd) {
        _cleanup_(closep) int shard = -1, fd = -1;
        char leaf[LAYOUT_LEAF];
        int r;

        shard = layout_open_shard(store->root, LAYOUT_OBJECTS, digest, false, leaf);
        if (shard < 0)
                return shard == -ENOENT ? STORE_MISS : shard;
        fd = openat(shard, leaf, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
        if (fd < 0) {
                if (errno == ENOENT)
                        return STORE_MISS;
                if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
                        return error_from_errno();
                return store_discard(store, digest, shard, leaf);
        }

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

/* Links the file to its name. What has that name already is as good (STORE_THERE), or is moved
 * away. */
static int store_place(Store *store, Temp *temp, const StoreObject *object) {
        _cleanup_(closep) int there = -1;
        StatId id;
        int r;

        r = temp_place(temp, &object->digest, false);
        if (r == TEMP_EXISTS) {
                r = store_open(store, &object->digest, &there);
                if (r == 0) {
                        store->deduplicated++;
                        return STORE_THERE;
                }
                if (r == STORE_MISS)
                        r = temp_place(temp, &object->digest, false);
        }
        if (r == TEMP_EXISTS) /* bad, and cannot be moved away */
                return -EEXIST;
        if (r < 0)
                return r;

        store->written++;
        store->bytes_written += object->size;
        /* just digested, so it need not be read again before it is served; the identity is the
         * one that it keeps: removing the temporary name changes the ctime */
        temp_unlink(temp);
        if (file_stat_id_fd(temp->fd, &id) == 0)
                (void) memo_store_verified(store->state, &object->digest, &id);
        return 0;
}

static int store_finish(Store *store, Temp *temp, StoreObject *ret) {
        StoreObject object;
        int r;

        if (lseek(temp->fd, 0, SEEK_SET) < 0)
                return error_from_errno();
        r = digest_fd(temp->fd, &object.digest, &object.sha256, &object.md5, &object.size);
        if (r < 0)
                return r;
        r = store_place(store, temp, &object);
        if (r < 0)
                return r;

        *ret = object;
        return 0;
}

int store_put_fd(Store *store, int fd, StoreObject *ret) {
        _cleanup_(temp_deinit) Temp temp = TEMP_NULL;
        int r;

        r = temp_open(&temp, store->root, LAYOUT_OBJECTS, STORE_MODE);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return error_from_errno();
        r = file_copy_fd(fd, temp.fd, NULL);
        return r < 0 ? r : store_finish(store, &temp, ret);
}

int store_put_data(Store *store, Slice data, StoreObject *ret) {
        _cleanup_(temp_deinit) Temp temp = TEMP_NULL;
        int r;

        r = temp_open(&temp, store->root, LAYOUT_OBJECTS, STORE_MODE);
        if (r < 0)
                return r;
        r = file_write_all(temp.fd, data.data, data.size);
        return r < 0 ? r : store_finish(store, &temp, ret);
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

int store_put_stream(Store *store, int fd, const StoreObject *expected) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        _cleanup_(temp_deinit) Temp temp = TEMP_NULL;
        StoreObject found = { .size = expected->size };
        int r;

        r = temp_open(&temp, store->root, LAYOUT_OBJECTS, STORE_MODE);
        if (r == 0)
                r = hasher_new(&hasher, HASHER_XXH3 | HASHER_SHA256 | HASHER_MD5);
        if (r == 0)
                r = store_receive(fd, temp.fd, expected, hasher);
        if (r == 0)
                r = hasher_sha256(hasher, &found.sha256);
        if (r == 0)
                r = hasher_md5(hasher, &found.md5);
        if (r != 0)
                return r;
        hasher_xxh3(hasher, &found.digest);
        if (!store_is_same(&found, expected))
                return STORE_MISMATCH;

        r = store_place(store, &temp, &found);
        return r == STORE_THERE ? store_check(store, expected) : r;
}
