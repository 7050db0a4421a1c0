#include "base/histogram.h"

void histogram_add(Histogram *histogram, uint64_t value) {
        size_t i = value <= 1 ? 0 : 64 - (size_t) __builtin_clzll(value - 1);

        histogram->counts[i < HISTOGRAM_BUCKETS ? i : HISTOGRAM_BUCKETS - 1]++;
        histogram->sum += value;
}

uint64_t histogram_bound(size_t i) {
        return i < HISTOGRAM_BUCKETS - 1 ? UINT64_C(1) << i : UINT64_MAX;
}
