#pragma once

/*
 * Eviction: which entries go first, and how many
 *
 * Pure functions; who calls them has looked at index, disk and clock. docs/CACHE.md explains the
 * formula to people:
 *
 *                        build time in seconds + 1
 *      worth = ------------------------------------------------
 *              (size in MiB + 1/16) * (idle time in hours + 1)
 *
 * the seconds of compiling that a MiB of disk saves, worth half after an hour without use, a
 * tenth after nine. What is worth least goes first; of equals the one that was not used for
 * longer, then the one with the smaller key. The constants are what an entry costs or saves beyond
 * its numbers: a start of the compiler, a few inodes. Nothing but +, * and / of doubles is used, so
 * the order is the same on every machine.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

/* 0: no such limit */
typedef struct EvictionLimits {
        uint64_t max_bytes;
        uint64_t max_entries;
        uint64_t max_idle_s;     /* what was not used for longer goes in any case */
        uint64_t min_free_bytes; /* of the file system, for everybody */
} EvictionLimits;

typedef struct EvictionCandidate {
        Digest key;
        int64_t used_ns;
        bool expired; /* idle for longer than allowed */
        double worth;
} EvictionCandidate;

/* how much has to go */
typedef struct EvictionNeed {
        uint64_t bytes;
        uint64_t entries;
} EvictionNeed;

/* An idle time below 0 (the clock was set back) is none. */
double eviction_worth(uint64_t build_ms, uint64_t bytes, int64_t idle_ns);

bool eviction_is_expired(const EvictionLimits *limits, int64_t idle_ns);

/* Sorts: expired ones, then by worth. */
void eviction_sort(EvictionCandidate *candidates, size_t n);

/* Nothing as long as all limits are kept. Of a limit that is exceeded, or of too small a rest of
 * the disk, a sixteenth more goes than must, so that it does not begin again at the next
 * entry. @free_bytes: of the file system. */
EvictionNeed eviction_need(const EvictionLimits *limits, uint64_t bytes, uint64_t entries,
                           uint64_t free_bytes);
