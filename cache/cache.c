#include "cache/cache.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hex.h"
#include "cache/fsck.h"
#include "cache/index.h"
#include "cache/layout.h"
#include "cache/lock.h"
#include "cache/names.h"
#include "cache/quarantine.h"
#include "cache/recent.h"
#include "cache/references.h"
#include "cache/state.h"
#include "cache/store.h"
#include "cache/survey.h"

static_assert(RECORD_OBJECTS_MAX <= STORE_SOURCES_MAX, "an artifact is put at once");

#define CACHE_RECENT_VIEWS 2048

struct Cache {
        char *root;
        State *state;
        Store *store;
        Index *index;           /* NULL: off from the beginning */
        Recent *views;          /* what a view is to show -> how it looked when it did */
        _Atomic CacheMode mode; /* written last: whoever sees it sees the index, too */
        _Atomic uint64_t hits;
        _Atomic uint64_t failure_hits;
        _Atomic uint64_t misses;
        _Atomic uint64_t incomplete;
        _Atomic uint64_t newer;
        _Atomic uint64_t evicted;
        _Atomic uint64_t published;
        _Atomic uint64_t publish_errors;
        _Atomic uint64_t quarantined; /* records */
        CacheHistograms histograms;
};

/* --- open -------------------------------------------------------------------------------- */

static bool cache_is_unwritable(int r) {
        return r == -EROFS || r == -EACCES || r == -EPERM;
}

static int cache_check_owner(int dirfd, const char *root, Problem *problem) {
        struct stat st;

        if (fstat(dirfd, &st) < 0)
                return error_from_errno();
        if (st.st_uid != geteuid())
                return problem_set(problem, -EPERM,
                                   "%s: belongs to user id %lu; choose another directory with "
                                   "DPUCC_CACHE_DIR",
                                   root, (unsigned long) st.st_uid);
        if (st.st_mode & 077 && fchmod(dirfd, 0700) < 0 && errno != EROFS)
                return error_from_errno();
        return 0;
}

/* Nobody writes while we have the exclusive lock; if somebody has it, his files are alive and
 * ours to remove another time. */
static int cache_remove_leftovers(const char *root) {
        _cleanup_(closep) int lock = -1;
        int r;

        r = lock_store_exclusive(root, 0, &lock);
        if (r != 0)
                return r == LOCK_BUSY ? 0 : r;
        (void) quarantine_trim(root, clock_real_ns());
        return layout_remove_temps(root);
}

/* @mode is what is wanted, and then what there can be. */
static int cache_prepare(const Cache *cache, CacheMode *mode, Problem *problem) {
        _cleanup_(closep) int fd = layout_open(cache->root, NULL, *mode == CACHE_NORMAL);
        int r;

        if (fd < 0 && !cache_is_unwritable(fd))
                return 0; /* a full disk may have room later; everything is tried again then */
        r = fd < 0 ? fd : cache_check_owner(fd, cache->root, problem);
        if (r < 0 && fd >= 0)
                return r;
        if (r == 0 && *mode == CACHE_NORMAL)
                r = cache_remove_leftovers(cache->root);
        if (cache_is_unwritable(r)) {
                *mode = CACHE_READ_ONLY;
                (void) problem_set(problem, 0,
                                   "%s: cannot be written (%s); artifacts found there are used, "
                                   "new ones are not kept",
                                   cache->root, strerror(-r));
        }
        return 0;
}

/* What is wrong with an index is nobody's business: it is made anew, or is in memory. */
static int cache_open_index(Cache *cache) {
        Problem problem = {};
        int r;

        if (cache->index)
                return 0;
        r = index_open(&cache->index, cache->root, &problem);
        return r < 0 ? r : 0;
}

int cache_set_mode(Cache *cache, CacheMode mode, Problem *problem) {
        int r = 0;

        if (mode != CACHE_OFF)
                r = cache_prepare(cache, &mode, problem);
        if (mode != CACHE_OFF && r == 0)
                r = cache_open_index(cache);
        if (r == 0)
                cache->mode = mode;
        return r;
}

int cache_open(Cache **ret, const char *directory, State *state, CacheMode mode, Problem *problem) {
        _cleanup_(cache_closep) Cache *cache = calloc(1, sizeof(*cache));
        int r;

        if (!cache)
                return -ENOMEM;
        cache->mode = CACHE_OFF;
        cache->state = state;
        cache->root = strdup(directory);
        if (!cache->root)
                return -ENOMEM;
        r = store_new(&cache->store, cache->root, state);
        if (r == 0)
                r = recent_new(&cache->views, CACHE_RECENT_VIEWS, sizeof(Digest));
        if (r < 0)
                return r;
        r = cache_set_mode(cache, mode, problem);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(cache);
        return 0;
}

Cache *cache_close(Cache *cache) {
        if (!cache)
                return NULL;

        (void) index_close(cache->index);
        (void) store_free(cache->store);
        (void) recent_free(cache->views);
        free(cache->root);
        free(cache);
        return NULL;
}

CacheMode cache_mode(const Cache *cache) {
        return cache->mode;
}

const char *cache_directory(const Cache *cache) {
        return cache->root;
}

Index *cache_index(Cache *cache) {
        return cache->index;
}

/* --- locks ------------------------------------------------------------------------------- */

int cache_lock_daemon(Cache *cache, int *ret_fd, pid_t *ret_holder) {
        _cleanup_(closep) int fd = -1;
        pid_t holder = 0;
        int r;

        r = lock_daemon(cache->root, &fd, &holder);
        if (r == LOCK_BUSY)
                *ret_holder = holder;
        if (r != 0)
                return r == LOCK_BUSY ? CACHE_BUSY : r;

        store_forget_verified(cache->store);
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int cache_lock_key(Cache *cache, const Digest *key, bool wait, int *ret_fd) {
        int fd = -1, r = 0;

        if (cache->mode == CACHE_NORMAL)
                r = lock_key(cache->root, key, wait, &fd);
        if (r == LOCK_BUSY)
                return CACHE_BUSY;
        if (r < 0 && !cache_is_unwritable(r))
                return r;
        *ret_fd = fd;
        return 0;
}

/* --- lookup ------------------------------------------------------------------------------ */

static int cache_read(Cache *cache, const Digest *key, Record **ret) {
        int r;

        if (cache->mode == CACHE_OFF)
                return RECORD_MISSING;
        r = record_read(cache->root, key, ret);
        if (r == RECORD_DAMAGED)
                cache->quarantined++;
        return r;
}

int cache_load(Cache *cache, const Digest *key, Record **ret) {
        int r = cache_read(cache, key, ret);

        return r > 0 ? CACHE_MISS : r;
}

/* 0 if all objects of the record are there and good */
static int cache_check_objects(Cache *cache, const Record *record) {
        for (size_t i = 0; i < record->n_objects; i++) {
                int r = store_find(cache->store, &record->objects[i].digest,
                                   record->objects[i].size);

                if (r != 0)
                        return r == STORE_MISS ? CACHE_MISS : r;
        }
        return 0;
}

/* a miss for want of a record: would it have been a hit, had it not been evicted? */
static void cache_count_missing(Cache *cache, const Digest *key, int r) {
        if (r < 0)
                return;
        cache->misses++;
        if (r == RECORD_NEWER)
                cache->newer++;
        if (r == RECORD_MISSING && cache->index && index_was_evicted(cache->index, key))
                cache->evicted++;
}

int cache_lookup(Cache *cache, const Digest *key, Record **ret) {
        _cleanup_(record_freep) Record *record = NULL;
        int64_t before = clock_monotonic_ns();
        int r;

        r = cache_read(cache, key, &record);
        if (r != 0) {
                cache_count_missing(cache, key, r);
                return r > 0 ? CACHE_MISS : r;
        }
        r = cache_check_objects(cache, record);
        if (r != 0) {
                cache->incomplete += r > 0;
                cache->misses += r > 0;
                return r;
        }

        index_touch(cache->index, key, clock_real_ns());
        histogram_add(&cache->histograms.lookup_us,
                      (uint64_t) (clock_monotonic_ns() - before) / 1000);
        cache->hits++;
        cache->failure_hits += record->kind == RECORD_FAILURE;
        *ret = TAKE_PTR(record);
        return 0;
}

int cache_open_object(Cache *cache, const RecordObject *object, int *ret_fd) {
        int r;

        if (cache->mode == CACHE_OFF)
                return CACHE_MISS;
        r = store_get(cache->store, &object->digest, object->size, ret_fd);
        return r == STORE_MISS ? CACHE_MISS : r;
}

/* --- publish ----------------------------------------------------------------------------- */

static int cache_put_files(Cache *cache, const CacheFile *files, size_t n_files,
                           RecordObject *ret) {
        StoreSource sources[RECORD_OBJECTS_MAX];
        StoreObject objects[RECORD_OBJECTS_MAX];
        int r;

        for (size_t i = 0; i < n_files; i++)
                sources[i] = (StoreSource){ .fd = files[i].fd, .data = files[i].data };
        r = store_put(cache->store, sources, n_files, objects);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_files; i++)
                ret[i] = (RecordObject){
                        .role = files[i].role,
                        .digest = objects[i].digest,
                        .sha256 = objects[i].sha256,
                        .md5 = objects[i].md5,
                        .size = objects[i].size,
                        .mode = files[i].mode,
                };
        return 0;
}

/* The caller holds the shared lock. First into the index: whoever removes objects must know of all
 * records that name them (survey.h). */
static int cache_write_record(Cache *cache, const Record *record, Slice file) {
        struct stat st;
        int r = 0;

        index_follow(cache->index); /* where the others look */
        /* Until it is replaced the old record holds, and so it may after a crash, without its rows:
         * what it names is not to be taken for unused then. */
        if (names_stat(cache->root, LAYOUT_RECORDS, &record->key, &st) != -ENOENT)
                r = survey_mark(cache->root);
        if (r < 0)
                return r;
        r = index_add(cache->index, record, file.size, record->created_ns);
        if (r < 0 || index_is_private(cache->index))
                r = survey_mark(cache->root);
        return r < 0 ? r : record_write(cache->root, &record->key, file);
}

static int cache_put_all(Cache *cache, const Record *draft, const CacheFile *files, size_t n_files,
                         Record **ret) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(RECORD_BYTES_MAX);
        _cleanup_(record_freep) Record *stored = NULL;
        _cleanup_(closep) int lock = -1;
        RecordObject objects[RECORD_OBJECTS_MAX];
        Record record = *draft;
        int r;

        if (n_files > RECORD_OBJECTS_MAX)
                return -EINVAL;
        r = lock_store_shared(cache->root, true, &lock);
        if (r == 0)
                r = cache_put_files(cache, files, n_files, objects);
        if (r < 0)
                return r;

        record.created_ns = clock_real_ns();
        record.objects = objects;
        record.n_objects = n_files;
        r = record_encode(&record, &bytes);
        if (r < 0)
                return r;
        r = record_decode(bytes_slice(&bytes), &stored);
        if (r != 0)
                return r < 0 ? r : -EINVAL;
        r = cache_write_record(cache, stored, bytes_slice(&bytes));
        if (r < 0)
                return r;

        *ret = TAKE_PTR(stored);
        return 0;
}

static void cache_count_published(Cache *cache, const Record *record) {
        const RecordObject *xmodel = record_object(record, RECORD_ROLE_XMODEL);

        cache->published++;
        histogram_add(&cache->histograms.build_ms, record->build_ms);
        if (xmodel)
                histogram_add(&cache->histograms.artifact_bytes, xmodel->size);
}

int cache_publish(Cache *cache, const Record *draft, const CacheFile *files, size_t n_files,
                  Record **ret) {
        int r;

        if (cache->mode != CACHE_NORMAL)
                return -EROFS;
        r = cache_put_all(cache, draft, files, n_files, ret);
        if (r == 0)
                cache_count_published(cache, *ret);
        else
                cache->publish_errors++;
        return r;
}

/* --- import ------------------------------------------------------------------------------ */

static StoreObject cache_expected(const RecordObject *object) {
        return (StoreObject){
                .digest = object->digest,
                .sha256 = object->sha256,
                .md5 = object->md5,
                .size = object->size,
        };
}

static int cache_from_store(int r) {
        if (r == STORE_MISS)
                return CACHE_MISS;
        return r == STORE_MISMATCH ? CACHE_REFUSED : r;
}

int cache_check_object(Cache *cache, const RecordObject *object) {
        const StoreObject expected = cache_expected(object);

        if (cache->mode == CACHE_OFF)
                return CACHE_MISS;
        return cache_from_store(store_check(cache->store, &expected));
}

int cache_receive_object(Cache *cache, const RecordObject *object, int fd) {
        const StoreObject expected = cache_expected(object);
        _cleanup_(closep) int lock = -1;
        int r;

        if (cache->mode != CACHE_NORMAL)
                return -EROFS;
        r = lock_store_shared(cache->root, true, &lock);
        return r < 0 ? r : cache_from_store(store_put_stream(cache->store, fd, &expected));
}

int cache_import(Cache *cache, const Record *record) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(RECORD_BYTES_MAX);
        _cleanup_(closep) int lock = -1;
        struct stat st;
        int r;

        if (cache->mode != CACHE_NORMAL)
                return -EROFS;
        r = record_encode(record, &bytes);
        if (r == 0)
                r = lock_store_shared(cache->root, true, &lock);
        for (size_t i = 0; i < record->n_objects && r == 0; i++)
                r = names_stat(cache->root, LAYOUT_OBJECTS, &record->objects[i].digest, &st);
        if (r < 0) /* nobody named it yet, so it may have been removed since it was received */
                return r == -ENOENT ? CACHE_MISS : r;
        return cache_write_record(cache, record, bytes_slice(&bytes));
}

/* A record that was looked up may have been evicted since: a view of nothing is not shown. While
 * the shared lock is held, and after that as long as the lease, nothing is evicted. */
static int cache_check_linked(const Cache *cache, const Digest *key, const ViewFile *files,
                              size_t n_files) {
        struct stat st;
        int r;

        r = names_stat(cache->root, LAYOUT_RECORDS, key, &st); /* its objects may be others', too */

        for (size_t i = 0; i < n_files && r == 0; i++)
                if (files[i].object)
                        r = names_stat(cache->root, LAYOUT_OBJECTS, files[i].object, &st);
        return r;
}

/* Long before the end of its lease nobody is about to evict what the view shows, so no lock is
 * needed to make the lease longer. */
static bool cache_lease_is_young(int64_t used_ns) {
        int64_t age_ns = clock_real_ns() - used_ns;

        return age_ns >= 0 && age_ns < VIEW_LEASE_S * CLOCK_NS_PER_S / 2;
}

int cache_view_again(Cache *cache, const Digest *key, const char *net_name, const ViewFile *files,
                     size_t n_files, char **ret) {
        Digest meaning = view_meaning(key, net_name, files, n_files), right, looks;
        int64_t used_ns;

        if (!recent_find(cache->views, &meaning, &right) ||
            view_look(cache->root, key, net_name, files, n_files, &looks, &used_ns) != 0 ||
            !digest_equal(&looks, &right) || !cache_lease_is_young(used_ns))
                return CACHE_MISS;
        return view_renew(cache->root, key, net_name, ret);
}

int cache_view(Cache *cache, const Digest *key, const char *net_name, const ViewFile *files,
               size_t n_files, char **ret) {
        _cleanup_(closep) int lock = -1;
        Digest meaning, looks;
        int64_t used_ns;
        int r, sure;

        /* where the lock cannot be had nobody removes anything, and a whole view is still a view */
        r = lock_store_shared(cache->root, true, &lock);
        if (r < 0 && !cache_is_unwritable(r))
                return r;
        r = cache_check_linked(cache, key, files, n_files);
        if (r < 0)
                return r;
        /* before its files are read: what is mended or changed from now on looks otherwise */
        sure = view_look(cache->root, key, net_name, files, n_files, &looks, &used_ns);
        r = view_make(cache->root, key, net_name, files, n_files, ret);
        if (r == 0 && sure == 0) {
                meaning = view_meaning(key, net_name, files, n_files);
                recent_note(cache->views, &meaning, &looks);
        }
        return r;
}

int cache_pin(Cache *cache, const Digest *key) {
        _cleanup_(closep) int lock = -1;
        struct stat st;
        int r;

        r = lock_store_shared(cache->root, true, &lock);
        if (r < 0 && !cache_is_unwritable(r))
                return r;
        r = names_stat(cache->root, LAYOUT_RECORDS, key, &st);
        if (r < 0)
                return r == -ENOENT ? CACHE_MISS : r;
        return state_pin(cache->state, key);
}

/* --- keys -------------------------------------------------------------------------------- */

/* Calls @fn for each record of one shard. 0 if there is no such shard. */
static int cache_each_in_shard(Cache *cache, uint8_t shard, CacheKeyFn fn, void *userdata) {
        _cleanup_(names_cleanup) Names keys = {};
        int r;

        r = names_list(cache->root, LAYOUT_RECORDS, shard, &keys);
        for (size_t i = 0; i < keys.n && r == 0; i++)
                r = fn(&keys.items[i], userdata);
        return r;
}

typedef struct CacheEach {
        size_t left;
        CacheKeyFn fn;
        void *userdata;
        int result;
} CacheEach;

static int cache_each_bounded(const Digest *key, void *userdata) {
        CacheEach *each = userdata;

        if (each->left == 0)
                return 1;
        each->left--;
        each->result = each->fn(key, each->userdata);
        return each->result != 0;
}

int cache_each(Cache *cache, size_t max, CacheKeyFn fn, void *userdata) {
        CacheEach each = { .left = max, .fn = fn, .userdata = userdata };
        int r = 0;

        if (cache->mode == CACHE_OFF)
                return 0;
        for (unsigned shard = 0; shard < NAMES_SHARDS && r == 0; shard++)
                r = cache_each_in_shard(cache, (uint8_t) shard, cache_each_bounded, &each);
        return r < 0 ? r : each.result;
}

typedef struct CacheFind {
        char prefix[DIGEST_HEX]; /* lower case */
        Digest key;
        unsigned n;
} CacheFind;

static int cache_find_one(const Digest *key, void *userdata) {
        CacheFind *find = userdata;
        char hex[DIGEST_HEX];

        digest_to_hex(key, hex);
        if (strncmp(hex, find->prefix, strlen(find->prefix)) != 0)
                return 0;
        find->key = *key;
        return ++find->n > 1 ? CACHE_AMBIGUOUS : 0;
}

int cache_find(Cache *cache, const char *prefix, Digest *ret) {
        size_t n = strlen(prefix);
        CacheFind find = { .n = 0 };
        char shard[3] = "";
        uint64_t first = 0;
        int r;

        if (n < CACHE_PREFIX_MIN || n >= DIGEST_HEX ||
            strspn(prefix, "0123456789abcdefABCDEF") != n)
                return -EINVAL;
        if (cache->mode == CACHE_OFF)
                return CACHE_MISS;
        for (size_t i = 0; i < n; i++)
                find.prefix[i] = (char) tolower((unsigned char) prefix[i]);

        memcpy(shard, find.prefix, 2);
        (void) hex_parse_u64(shard, &first);
        r = cache_each_in_shard(cache, (uint8_t) first, cache_find_one, &find);
        if (r != 0)
                return r;
        if (find.n == 0)
                return CACHE_MISS;
        *ret = find.key;
        return 0;
}

int cache_fsck(Cache *cache, bool repair, Fsck **ret) {
        if (cache->mode == CACHE_OFF || (repair && cache->mode != CACHE_NORMAL))
                return -EROFS;
        return fsck_new(ret, cache->root, cache->index, repair, REFERENCES_MAX);
}

void cache_counters(Cache *cache, CacheCounters *ret) {
        StoreCounters store;

        store_counters(cache->store, &store);
        *ret = (CacheCounters){
                .hits = cache->hits,
                .failure_hits = cache->failure_hits,
                .misses = cache->misses,
                .incomplete = cache->incomplete,
                .newer = cache->newer,
                .evicted = cache->evicted,
                .published = cache->published,
                .publish_errors = cache->publish_errors,
                .quarantined = cache->quarantined + store.quarantined,
                .verified = store.verified,
                .deduplicated = store.deduplicated,
                .bytes_written = store.bytes_written,
        };
}

const CacheHistograms *cache_histograms(const Cache *cache) {
        return &cache->histograms;
}
