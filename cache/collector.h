#pragma once

/*
 * Collector: one pass of eviction, in slices
 *
 *      SURVEY ──> PLAN ──> EVICT ──> OBJECTS ──> VIEWS ──> done
 *        ▲                   │
 *        └── index was lost ─┘
 *
 *   SURVEY   the index is brought into agreement with the records (survey.h)
 *   PLAN     what there is, in the order of eviction.h, and how much of it has to go
 *   EVICT    entries go until the limits are kept: views, record, objects that no other record
 *            names. Never one that is pinned, leased (lease.h), in use (somebody compiles that key,
 *            or it was used since it was planned to go)
 *   OBJECTS  contents that no record names, of publishers that died, older than COLLECTOR_GRACE_S
 *   VIEWS    views whose record is gone and whose lease has ended
 *
 * Removing happens under the exclusive store lock, which keeps publishers and view makers out, for
 * one entry at a time; whoever waits has his turn before the next. A step ends when somebody does,
 * or after COLLECTOR_SLICE_NS. Where the lock cannot be had the step ends with COLLECTOR_BUSY; the
 * next may wait for it, for a while, so that a pass gets on however many others there are. So it may
 * go on beside a daemon's clients and any number of `--once` runs. A reader that has a file open
 * keeps it.
 *
 * Every step may be the last one: what a kill leaves is found by the next pass.
 *
 * A Collector belongs to one thread at a time; a step blocks on the disk.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "cache/eviction.h"

#define COLLECTOR_SLICE_NS (2 * CLOCK_NS_PER_MS)
#define COLLECTOR_GRACE_S  3600

/* outcomes of collector_step() */
enum {
        COLLECTOR_MORE = 1,
        COLLECTOR_BUSY = 2, /* try again a little later */
};

typedef struct Index Index;
typedef struct State State;
typedef struct Collector Collector;

typedef struct CollectorResult {
        uint64_t evicted;     /* entries */
        uint64_t expired;     /* ... of these, because of their age */
        uint64_t freed_bytes; /* of everything removed */
        uint64_t orphans;     /* objects that no record named */
        uint64_t pinned;      /* left alone, though it would have been their turn */
        uint64_t leased;
        uint64_t in_use;
        uint64_t failed; /* could not be removed */
        bool satisfied;  /* all limits are kept now */
} CollectorResult;

typedef struct CollectorSpec {
        const char *root; /* borrowed, like index and state */
        Index *index;
        State *state; /* has the pins */
        EvictionLimits limits;
        int64_t now_ns; /* real time, of the whole pass */
} CollectorSpec;

/* Writes the uses to the index, and says whether a pass would have something to do. It does not look
 * at the age of entries: that is for the clock to say. */
bool collector_is_due(const CollectorSpec *spec);

int collector_new(Collector **ret, const CollectorSpec *spec); /* -ENOMEM */
Collector *collector_free(Collector *collector);               /* in any state */

static inline void collector_freep(Collector **collector) {
        (void) collector_free(*collector);
}

/* 0: the pass is over; COLLECTOR_MORE, COLLECTOR_BUSY; or an error, which ends it. */
int collector_step(Collector *collector);

const CollectorResult *collector_result(const Collector *collector);
