#include "cache/collector.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/stat_id.h"
#include "cache/index.h"
#include "cache/layout.h"
#include "cache/lease.h"
#include "cache/lock.h"
#include "cache/names.h"
#include "cache/state.h"
#include "cache/survey.h"

/*
 * The order of locks: the index's transaction first, the store lock second and without waiting.
 * A publisher has the store lock, shared, and waits for the index: so we must not wait for him. The
 * store lock is had for one entry at a time, so whoever waits for it, which may be a client that
 * asked for a path, waits for a few unlinks. It is not had while the transaction is committed, for
 * a commit may write the journal back. Until that is done no other row can come in between: who
 * publishes meanwhile waits, with the store lock, and that ends the slice.
 *
 * Where others share the store lock all the time there is no moment to have it. So after a slice
 * that found it taken the next one waits for its turn, before the transaction begins, and has the
 * lock for its first entry already. Waiting keeps newcomers out (lock.h), clients with hits among
 * them: so it is for COLLECTOR_PATIENCE_MS at first, longer and longer if that is not enough (a
 * large artifact is being published), and for a tenth of the time at most.
 *
 * Of an entry the record goes first: from then on it is a miss. A crash after that leaves objects
 * that no record names and a row without a record, which is what survey and OBJECTS are for.
 */

#define COLLECTOR_REMOVED_MAX 32 /* of one entry */

#define COLLECTOR_CHUNK 2048 /* rows of the index that one step of planning reads */

#define COLLECTOR_PATIENCE_MS     10
#define COLLECTOR_PATIENCE_MAX_MS 640
#define COLLECTOR_REST            9 /* times the patience, after it was in vain */

typedef enum CollectorPhase {
        COLLECTOR_SURVEY,
        COLLECTOR_PLAN,
        COLLECTOR_EVICT,
        COLLECTOR_OBJECTS,
        COLLECTOR_VIEWS,
        COLLECTOR_DONE,
} CollectorPhase;

struct Collector {
        CollectorSpec spec;
        CollectorPhase phase;
        CollectorResult result;
        Survey survey;

        EvictionCandidate *candidates;
        size_t n, capacity, cursor;
        EvictionNeed need; /* what still has to go */

        int removed
                [COLLECTOR_REMOVED_MAX]; /* files without a name, to be closed without the lock */
        size_t n_removed;

        bool contended; /* somebody had the store lock */
        unsigned patience_ms;
        int64_t rest_until_ns;

        unsigned shard; /* of objects/ */
        Names names;    /* what is to be looked at, or to go */
        size_t name;    /* the next of them */
        bool listed;
        Names leased; /* objects that leased views show; sorted */
        bool has_leased;
};

static void collector_begin(Collector *collector) {
        collector->phase = COLLECTOR_SURVEY;
        survey_init(&collector->survey, collector->spec.root, collector->spec.index);
        collector->n = collector->cursor = 0;
        names_deinit(&collector->names);
        names_deinit(&collector->leased);
        collector->listed = collector->has_leased = false;
        collector->shard = 0;
}

int collector_new(Collector **ret, const CollectorSpec *spec) {
        Collector *collector = calloc(1, sizeof(*collector));

        if (!collector)
                return -ENOMEM;
        collector->spec = *spec;
        collector->patience_ms = COLLECTOR_PATIENCE_MS;
        collector_begin(collector);
        *ret = collector;
        return 0;
}

Collector *collector_free(Collector *collector) {
        if (!collector)
                return NULL;

        free(collector->candidates);
        names_deinit(&collector->names);
        names_deinit(&collector->leased);
        free(collector);
        return NULL;
}

const CollectorResult *collector_result(const Collector *collector) {
        return &collector->result;
}

/* --- SURVEY, PLAN ----------------------------------------------------------------------------- */

static uint64_t collector_free_bytes(const char *root) {
        struct statvfs fs;

        if (statvfs(root, &fs) < 0)
                return UINT64_MAX; /* nothing is known to be missing */
        return (uint64_t) fs.f_bavail * fs.f_frsize;
}

static EvictionNeed collector_need(const CollectorSpec *spec) {
        IndexTotals totals;

        (void) index_flush(spec->index);
        totals = index_totals(spec->index);
        return eviction_need(&spec->limits, totals.bytes, totals.entries,
                             collector_free_bytes(spec->root));
}

bool collector_is_due(const CollectorSpec *spec) {
        EvictionNeed need;

        index_follow(spec->index);
        need = collector_need(spec);
        return need.bytes > 0 || need.entries > 0 || survey_is_marked(spec->root) ||
               !index_is_complete(spec->index);
}

static int collector_start_plan(Collector *collector) {
        const EvictionLimits *limits = &collector->spec.limits;

        collector->need = collector_need(&collector->spec);
        /* records of a later version may name anything, and so may what others enter into an index
         * that is not ours: nothing goes; with the latter collector_lock() would never go on */
        if (collector->survey.n_unknown > 0 || index_is_private(collector->spec.index)) {
                collector->result.satisfied =
                        collector->need.bytes == 0 && collector->need.entries == 0;
                collector->phase =
                        index_is_private(collector->spec.index) ? COLLECTOR_DONE : COLLECTOR_VIEWS;
        } else if (collector->need.bytes == 0 && collector->need.entries == 0 &&
                   limits->max_idle_s == 0) {
                collector->phase = COLLECTOR_EVICT; /* of no candidates */
        } else {
                collector->phase = COLLECTOR_PLAN;
        }
        return COLLECTOR_MORE;
}

static int collector_survey(Collector *collector) {
        int r = survey_step(&collector->survey);

        if (r == 0)
                return collector_start_plan(collector);
        return r == SURVEY_MORE ? COLLECTOR_MORE : r;
}

static int collector_add(const IndexEntry *entry, void *userdata) {
        Collector *collector = userdata;
        int64_t idle_ns = collector->spec.now_ns - entry->used_ns;
        int r;

        r = array_reserve(&collector->candidates, &collector->capacity, collector->n + 1,
                          sizeof(*collector->candidates));
        if (r < 0)
                return r;
        collector->candidates[collector->n++] = (EvictionCandidate){
                .key = entry->key,
                .used_ns = entry->used_ns,
                .expired = eviction_is_expired(&collector->spec.limits, idle_ns),
                .worth = eviction_worth(entry->build_ms, entry->bytes, idle_ns),
        };
        return 0;
}

static int collector_plan(Collector *collector) {
        size_t before = collector->n;
        Digest after;
        int r;

        if (before > 0)
                after = collector->candidates[before - 1].key;
        r = index_each_after(collector->spec.index, before > 0 ? &after : NULL, COLLECTOR_CHUNK,
                             collector_add, collector);
        if (r < 0)
                return r;
        if (collector->n - before < COLLECTOR_CHUNK) {
                eviction_sort(collector->candidates, collector->n);
                collector->phase = COLLECTOR_EVICT;
        }
        return COLLECTOR_MORE;
}

/* --- EVICT ------------------------------------------------------------------------------------ */

static bool collector_is_locked(const Collector *collector, const Digest *key) {
        _cleanup_(closep) int fd = -1;

        return lock_key(collector->spec.root, key, false, &fd) != 0;
}

static int collector_take_used(const IndexEntry *entry, void *userdata) {
        *(int64_t *) userdata = entry->used_ns;
        return 0;
}

/* Since it was planned: by this process or, as far as they have said so, by others. */
static bool collector_was_used(const Collector *collector, const EvictionCandidate *candidate) {
        int64_t used_ns = INT64_MAX; /* it is not there any more */

        return index_is_touched(collector->spec.index, &candidate->key) ||
               index_find(collector->spec.index, &candidate->key, collector_take_used, &used_ns) <
                       0 ||
               used_ns > candidate->used_ns;
}

/* false: it stays, and is counted */
static bool collector_may_go(Collector *collector, const EvictionCandidate *candidate) {
        const CollectorSpec *spec = &collector->spec;
        CollectorResult *result = &collector->result;

        if (state_is_pinned(spec->state, &candidate->key))
                result->pinned++;
        else if (lease_holds(spec->root, &candidate->key, spec->now_ns))
                result->leased++;
        else if (collector_was_used(collector, candidate) ||
                 collector_is_locked(collector, &candidate->key))
                result->in_use++;
        else
                return true;
        return false;
}

/* Removes a file and counts what it held. */
static int collector_unlink(Collector *collector, const char *directory, const Digest *name) {
        struct stat st;
        int fd = -1, r;

        r = names_stat(collector->spec.root, directory, name, &st);
        if (r == -ENOENT)
                return 0;
        if (r == 0)
                r = names_take(collector->spec.root, directory, name, &fd);
        if (r < 0)
                return r;
        if (fd >= 0 && collector->n_removed < COLLECTOR_REMOVED_MAX)
                collector->removed[collector->n_removed++] = fd;
        else
                closep(&fd);
        collector->result.freed_bytes += (uint64_t) st.st_size;
        return 0;
}

static int collector_remove_object(const Digest *object, void *userdata) {
        Collector *collector = userdata;

        if (collector_unlink(collector, LAYOUT_OBJECTS, object) < 0)
                collector->result.failed++; /* OBJECTS comes upon it again */
        return 0;
}

static uint64_t collector_less(uint64_t a, uint64_t b) {
        return a > b ? a - b : 0;
}

static int collector_evict_one(Collector *collector, const EvictionCandidate *candidate) {
        const CollectorSpec *spec = &collector->spec;
        uint64_t before = collector->result.freed_bytes;
        int r;

        if (!collector_may_go(collector, candidate))
                return 0;
        r = collector_unlink(collector, LAYOUT_RECORDS, &candidate->key);
        if (r < 0) {
                collector->result.failed++;
                return 0;
        }
        (void) lease_remove_views(spec->root, &candidate->key); /* VIEWS comes upon them again */
        r = index_remove(spec->index, &candidate->key, true, collector_remove_object, collector);
        if (r < 0)
                return r;

        collector->result.evicted++;
        collector->result.expired += candidate->expired;
        collector->need.entries = collector_less(collector->need.entries, 1);
        collector->need.bytes =
                collector_less(collector->need.bytes, collector->result.freed_bytes - before);
        return 0;
}

static bool collector_has_next(const Collector *collector) {
        if (collector->cursor == collector->n)
                return false;
        return collector->candidates[collector->cursor].expired || collector->need.bytes > 0 ||
               collector->need.entries > 0;
}

static int collector_evict_next(Collector *collector) {
        return collector_evict_one(collector, &collector->candidates[collector->cursor++]);
}

/* The lock for the first entry of a slice, if it has to be waited for: else -1 is left in @ret_lock. */
static int collector_wait_turn(Collector *collector, int *ret_lock) {
        unsigned patience_ms = collector->patience_ms;
        int r;

        if (!collector->contended || clock_monotonic_ns() < collector->rest_until_ns)
                return 0;
        r = lock_store_exclusive(collector->spec.root, patience_ms, ret_lock);
        if (r != LOCK_BUSY)
                return r;
        collector->rest_until_ns =
                clock_monotonic_ns() + COLLECTOR_REST * patience_ms * CLOCK_NS_PER_MS;
        if (patience_ms < COLLECTOR_PATIENCE_MAX_MS)
                collector->patience_ms *= 2;
        return COLLECTOR_BUSY;
}

static int collector_try_lock(Collector *collector, int *ret_lock) {
        int r = lock_store_exclusive(collector->spec.root, 0, ret_lock);

        collector->contended = r == LOCK_BUSY;
        return r == LOCK_BUSY ? COLLECTOR_BUSY : r;
}

/* Under the exclusive lock, which is had for one entry only (@turn, if that is one): calls @one,
 * unless there may be records that we do not know of. Then it all begins anew. */
static int collector_lock(Collector *collector, int turn, int (*one)(Collector *collector)) {
        _cleanup_(closep) int lock = turn;
        int r;

        r = lock < 0 ? collector_try_lock(collector, &lock) : 0;
        if (r != 0)
                return r;
        index_follow(collector->spec.index);
        if (!survey_is_marked(collector->spec.root) && index_is_complete(collector->spec.index) &&
            !index_is_private(collector->spec.index))
                return one(collector);
        collector_begin(collector);
        return COLLECTOR_MORE;
}

static void collector_close_removed(Collector *collector) {
        while (collector->n_removed > 0)
                close(collector->removed[--collector->n_removed]);
}

/* One slice, in one transaction: one after the other, until the time is up or somebody else wants
 * the lock. COLLECTOR_BUSY if he has it before we have done anything. */
static int collector_slice(Collector *collector, bool (*has_next)(const Collector *collector),
                           int (*one)(Collector *collector)) {
        _cleanup_(closep) int turn = -1;
        bool done_any = false;
        int64_t deadline;
        int outcome, r;

        r = collector_wait_turn(collector, &turn);
        if (r == 0)
                r = index_begin(collector->spec.index);
        if (r != 0)
                return r;
        deadline = clock_monotonic_ns() + COLLECTOR_SLICE_NS;
        do {
                r = collector_lock(collector, TAKE_FD(turn), one);
                collector_close_removed(collector);
                done_any |= r == 0;
        } while (r == 0 && has_next(collector) && clock_monotonic_ns() < deadline);
        outcome = r == COLLECTOR_BUSY && !done_any ? COLLECTOR_BUSY : COLLECTOR_MORE;
        r = index_end(collector->spec.index, r < 0 ? r : 0);
        return r < 0 ? r : outcome;
}

static int collector_evict(Collector *collector) {
        if (collector_has_next(collector))
                return collector_slice(collector, collector_has_next, collector_evict_next);
        collector->result.satisfied = collector->need.bytes == 0 && collector->need.entries == 0;
        collector->phase = COLLECTOR_OBJECTS;
        return COLLECTOR_MORE;
}

/* --- OBJECTS, VIEWS --------------------------------------------------------------------------- */

/* One that is young may belong to a record that is still on its way from another machine. */
static bool collector_is_orphan(const Collector *collector, const Digest *object) {
        int64_t grace = COLLECTOR_GRACE_S * CLOCK_NS_PER_S;
        struct stat st;

        return !names_contain(&collector->leased, object) &&
               !index_names_object(collector->spec.index, object) &&
               names_stat(collector->spec.root, LAYOUT_OBJECTS, object, &st) == 0 &&
               collector->spec.now_ns - stat_id_of(&st).ctime_ns > grace;
}

static bool collector_is_stray(const Collector *collector, const Digest *key) {
        struct stat st;

        return names_stat(collector->spec.root, LAYOUT_RECORDS, key, &st) == -ENOENT &&
               !lease_holds(collector->spec.root, key, collector->spec.now_ns);
}

static bool collector_has_name(const Collector *collector) {
        return collector->name < collector->names.n;
}

static int collector_remove_orphan(Collector *collector) {
        const Digest *object = &collector->names.items[collector->name++];

        if (!collector_is_orphan(collector, object))
                return 0;
        if (collector_unlink(collector, LAYOUT_OBJECTS, object) < 0)
                collector->result.failed++;
        else
                collector->result.orphans++;
        return 0;
}

static int collector_remove_stray(Collector *collector) {
        const Digest *key = &collector->names.items[collector->name++];

        if (collector_is_stray(collector, key) && lease_remove_views(collector->spec.root, key) < 0)
                collector->result.failed++;
        return 0;
}

/* leaves of what was listed only what @goes; it is asked again under the lock */
static void collector_keep(Collector *collector,
                           bool (*goes)(const Collector *collector, const Digest *name)) {
        Names *names = &collector->names;
        size_t n = 0;

        for (size_t i = 0; i < names->n; i++)
                if (goes(collector, &names->items[i]))
                        names->items[n++] = names->items[i];
        names->n = n;
        collector->name = 0;
        collector->listed = true;
}

static int collector_list_views(const Collector *collector, Names *ret) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        Digest key;
        int fd, r = 0;

        fd = layout_open(collector->spec.root, LAYOUT_VIEWS, false);
        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        r = file_list(fd, &dir);
        if (r < 0)
                return r;
        while (r == 0 && (entry = readdir(dir)))
                if (digest_from_hex(entry->d_name, &key) == 0)
                        r = names_add(ret, &key);
        return r;
}

/* Their record may have been replaced, and name them no more: somebody was told of the view. */
static int collector_list_leased(Collector *collector) {
        _cleanup_(names_cleanup) Names views = {};
        const CollectorSpec *spec = &collector->spec;
        int r;

        r = collector_list_views(collector, &views);
        for (size_t i = 0; r == 0 && i < views.n; i++)
                r = lease_add_objects(spec->root, &views.items[i], spec->now_ns,
                                      &collector->leased);
        names_sort(&collector->leased);
        collector->has_leased = r == 0;
        return r < 0 ? r : COLLECTOR_MORE;
}

static int collector_objects(Collector *collector) {
        int r;

        if (!collector->has_leased)
                return collector_list_leased(collector);
        if (collector->listed && collector_has_name(collector))
                return collector_slice(collector, collector_has_name, collector_remove_orphan);
        names_deinit(&collector->names);
        collector->listed = false;
        if (collector->shard == NAMES_SHARDS) {
                collector->phase = COLLECTOR_VIEWS;
                return COLLECTOR_MORE;
        }
        r = names_list(collector->spec.root, LAYOUT_OBJECTS, (uint8_t) collector->shard,
                       &collector->names);
        if (r < 0)
                return r;
        collector->shard++;
        collector_keep(collector, collector_is_orphan);
        return COLLECTOR_MORE;
}

static int collector_views(Collector *collector) {
        int r;

        if (!collector->listed) {
                r = collector_list_views(collector, &collector->names);
                if (r < 0)
                        return r;
                collector_keep(collector, collector_is_stray);
        }
        if (collector_has_name(collector))
                return collector_slice(collector, collector_has_name, collector_remove_stray);
        collector->phase = COLLECTOR_DONE;
        return 0;
}

/* --- the machine ------------------------------------------------------------------------------ */

int collector_step(Collector *collector) {
        switch (collector->phase) {
        case COLLECTOR_SURVEY:
                return collector_survey(collector);
        case COLLECTOR_PLAN:
                return collector_plan(collector);
        case COLLECTOR_EVICT:
                return collector_evict(collector);
        case COLLECTOR_OBJECTS:
                return collector_objects(collector);
        case COLLECTOR_VIEWS:
                return collector_views(collector);
        case COLLECTOR_DONE:
                break;
        }
        return 0;
}
