#include "cache/eviction.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define EVICTION_MIB        (1024.0 * 1024.0)
#define EVICTION_MIB_MIN    (1.0 / 16.0)
#define EVICTION_SECOND_MIN 1.0
#define EVICTION_HOUR_NS    (3600.0 * (double) CLOCK_NS_PER_S)
#define EVICTION_SLACK      16 /* th part of a limit */

double eviction_worth(uint64_t build_ms, uint64_t bytes, int64_t idle_ns) {
        double seconds = (double) build_ms / 1000.0 + EVICTION_SECOND_MIN;
        double mib = (double) bytes / EVICTION_MIB + EVICTION_MIB_MIN;
        double hours = idle_ns > 0 ? (double) idle_ns / EVICTION_HOUR_NS : 0.0;

        return seconds / (mib * (hours + 1.0));
}

bool eviction_is_expired(const EvictionLimits *limits, int64_t idle_ns) {
        return limits->max_idle_s > 0 && idle_ns > 0 &&
               (uint64_t) (idle_ns / CLOCK_NS_PER_S) > limits->max_idle_s;
}

static int eviction_compare(const void *a, const void *b) {
        const EvictionCandidate *x = a, *y = b;

        if (x->expired != y->expired)
                return x->expired ? -1 : 1;
        if (x->worth < y->worth || x->worth > y->worth)
                return x->worth < y->worth ? -1 : 1;
        if (x->used_ns != y->used_ns)
                return x->used_ns < y->used_ns ? -1 : 1;
        return memcmp(x->key.bytes, y->key.bytes, DIGEST_SIZE);
}

void eviction_sort(EvictionCandidate *candidates, size_t n) {
        if (n > 0)
                qsort(candidates, n, sizeof(*candidates), eviction_compare);
}

static uint64_t eviction_excess(uint64_t used, uint64_t limit) {
        if (limit == 0 || used <= limit)
                return 0;
        return used - (limit - limit / EVICTION_SLACK);
}

EvictionNeed eviction_need(const EvictionLimits *limits, uint64_t bytes, uint64_t entries,
                           uint64_t free_bytes) {
        EvictionNeed need = {
                .bytes = eviction_excess(bytes, limits->max_bytes),
                .entries = eviction_excess(entries, limits->max_entries),
        };
        uint64_t missing = 0;

        if (free_bytes < limits->min_free_bytes)
                missing = limits->min_free_bytes - free_bytes +
                          limits->min_free_bytes / EVICTION_SLACK;
        if (missing > need.bytes)
                need.bytes = missing;
        return need;
}
