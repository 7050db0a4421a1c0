#pragma once

/* What the programs that measure share. */

#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"

static inline int median_compare(const void *a, const void *b) {
        const int64_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

/* Sorts @ns. */
static inline double median_ms(int64_t *ns, size_t n) {
        qsort(ns, n, sizeof(*ns), median_compare);
        return (double) ns[n / 2] / (double) CLOCK_NS_PER_MS;
}
