#include "daemon/settle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/map.h"

/*
 * The paths are in a map, to find them, and in a binary heap by due time, for the one timer. A
 * checkout of ten thousand files asks for the deadline after each of them, so looking through
 * all of them each time would not do.
 */

typedef struct SettleEntry {
        UT_hash_handle hh;
        size_t at; /* place in the heap */
        int64_t due;
        int64_t first_saved; /* in this burst; meaningless unless saved */
        bool saved;
        bool writing;
        char path[];
} SettleEntry;

struct Settle {
        SettleTimes times;
        SettleEntry *entries; /* uthash, owns them */
        SettleEntry **heap;
        size_t n_heap;
        size_t capacity;
        int64_t now; /* the latest seen */
};

const SettleTimes settle_default_times = {
        .quiet_ns = 30 * CLOCK_NS_PER_MS,
        .max_ns = 2 * CLOCK_NS_PER_S,
        .open_ns = 5 * CLOCK_NS_PER_S,
        .paths_max = 256 * 1024,
};

int settle_new(Settle **ret, const SettleTimes *times) {
        Settle *settle;

        settle = calloc(1, sizeof(*settle));
        if (!settle)
                return -ENOMEM;

        settle->times = *times;
        settle->now = INT64_MIN;
        *ret = settle;
        return 0;
}

Settle *settle_free(Settle *settle) {
        SettleEntry *entry, *next;

        if (!settle)
                return NULL;

        HASH_ITER(hh, settle->entries, entry, next) {
                HASH_DEL(settle->entries, entry);
                free(entry);
        }
        free(settle->heap);
        free(settle);
        return NULL;
}

void settle_set_times(Settle *settle, const SettleTimes *times) {
        settle->times = *times;
}

/* ---- the heap: heap[i] is due no later than heap[2i+1] and heap[2i+2] ---------------------- */

static void settle_place(Settle *settle, size_t at, SettleEntry *entry) {
        settle->heap[at] = entry;
        entry->at = at;
}

static void settle_rise(Settle *settle, SettleEntry *entry) {
        size_t at = entry->at;

        for (; at > 0; at = (at - 1) / 2) {
                SettleEntry *above = settle->heap[(at - 1) / 2];

                if (above->due <= entry->due)
                        break;
                settle_place(settle, at, above);
        }
        settle_place(settle, at, entry);
}

static void settle_sink(Settle *settle, SettleEntry *entry) {
        size_t at = entry->at;

        for (size_t child; (child = 2 * at + 1) < settle->n_heap; at = child) {
                if (child + 1 < settle->n_heap &&
                    settle->heap[child + 1]->due < settle->heap[child]->due)
                        child++;
                if (entry->due <= settle->heap[child]->due)
                        break;
                settle_place(settle, at, settle->heap[child]);
        }
        settle_place(settle, at, entry);
}

static void settle_move(Settle *settle, SettleEntry *entry) {
        settle_rise(settle, entry);
        settle_sink(settle, entry);
}

/* ---- entries -------------------------------------------------------------------------------- */

static SettleEntry *settle_find(const Settle *settle, const char *path) {
        SettleEntry *entry;

        HASH_FIND_STR(settle->entries, path, entry);
        return entry;
}

/* a new entry that is not due yet, or NULL when out of memory */
static SettleEntry *settle_new_entry(Settle *settle, const char *path) {
        size_t n = strlen(path);
        SettleEntry *entry;

        if (array_reserve(&settle->heap, &settle->capacity, settle->n_heap + 1,
                          sizeof(SettleEntry *)) < 0)
                return NULL;

        entry = calloc(1, sizeof(*entry) + n + 1);
        if (!entry)
                return NULL;

        memcpy(entry->path, path, n);
        HASH_ADD_STR(settle->entries, path, entry);
        if (map_failed(entry)) {
                free(entry);
                return NULL;
        }
        entry->due = SETTLE_NEVER;
        settle_place(settle, settle->n_heap++, entry);
        return entry;
}

static void settle_remove(Settle *settle, SettleEntry *entry) {
        SettleEntry *last = settle->heap[--settle->n_heap];

        if (last != entry) {
                settle_place(settle, entry->at, last);
                settle_move(settle, last);
        }
        HASH_DEL(settle->entries, entry);
        free(entry);
}

static int64_t settle_after(int64_t time, int64_t wait) {
        return time > INT64_MAX - 1 - wait ? INT64_MAX - 1 : time + wait;
}

static int64_t settle_due(const Settle *settle, const SettleEntry *entry) {
        int64_t quiet, limit;

        if (entry->writing)
                return settle_after(settle->now, settle->times.open_ns);

        quiet = settle_after(settle->now, settle->times.quiet_ns);
        limit = settle_after(entry->first_saved, settle->times.max_ns);
        return quiet < limit ? quiet : limit;
}

static void settle_advance(Settle *settle, int64_t now) {
        if (now > settle->now)
                settle->now = now;
}

static int settle_note(Settle *settle, const char *path, int64_t now, bool writing) {
        SettleEntry *entry = settle_find(settle, path);

        settle_advance(settle, now);
        if (!entry && settle->n_heap >= settle->times.paths_max)
                return -ENOSPC;
        if (!entry)
                entry = settle_new_entry(settle, path);
        if (!entry)
                return -ENOMEM;

        if (!writing && !entry->saved) {
                entry->saved = true;
                entry->first_saved = settle->now;
        }
        entry->writing = writing;
        entry->due = settle_due(settle, entry);
        settle_move(settle, entry);
        return 0;
}

int settle_saved(Settle *settle, const char *path, int64_t now) {
        return settle_note(settle, path, now, false);
}

int settle_writing(Settle *settle, const char *path, int64_t now) {
        return settle_note(settle, path, now, true);
}

bool settle_is_settled(const Settle *settle, const char *path) {
        return !settle_find(settle, path);
}

int64_t settle_deadline(const Settle *settle) {
        return settle->n_heap > 0 ? settle->heap[0]->due : SETTLE_NEVER;
}

int settle_take(Settle *settle, int64_t now, char **ret) {
        char *path;

        settle_advance(settle, now);
        if (settle_deadline(settle) > settle->now)
                return 0;

        path = strdup(settle->heap[0]->path);
        if (!path)
                return -ENOMEM;

        settle_remove(settle, settle->heap[0]);
        *ret = path;
        return 1;
}
