#pragma once

/*
 * Rows: what the programs that measure tell
 *
 * One measurement is a line on stdout and, if DPUCC_BENCH_ROWS names a file, a line of JSON there,
 * which bench/run makes its table of: the number of the row (B1 and so on, docs/BENCHMARKS.md),
 * what was measured, of whom, and the value. rows.py is the same for Python.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

static inline int row_compare(const void *a, const void *b) {
        const int64_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

/* Sorts @ns. */
static inline double row_median_ms(int64_t *ns, size_t n) {
        qsort(ns, n, sizeof(*ns), row_compare);
        return (double) ns[n / 2] / (double) CLOCK_NS_PER_MS;
}

static inline FILE *row_file(void) {
        const char *path = getenv("DPUCC_BENCH_ROWS");

        return path ? fopen(path, "ae") : NULL;
}

/* Of @n durations: the median and the 99th centile. Sorts @ns. */
static inline void row_times(const char *row, const char *what, const char *who, int64_t *ns,
                             size_t n) {
        double median = row_median_ms(ns, n),
               p99 = (double) ns[(n * 99 + 99) / 100 - 1] / (double) CLOCK_NS_PER_MS;
        FILE *file = row_file();

        (void) printf("%-4s %-44s %-16s %10.3f ms  %10.3f ms p99\n", row, what, who, median, p99);
        (void) fflush(stdout);
        if (!file)
                return;
        (void) fprintf(file,
                       "{\"row\": \"%s\", \"what\": \"%s\", \"who\": \"%s\", \"unit\": \"ms\", "
                       "\"median\": %.6f, \"p99\": %.6f, \"n\": %zu}\n",
                       row, what, who, median, p99, n);
        (void) fclose(file);
}

static inline void row_value(const char *row, const char *what, const char *who, double value,
                             const char *unit) {
        FILE *file = row_file();

        (void) printf("%-4s %-44s %-16s %10.3f %s\n", row, what, who, value, unit);
        (void) fflush(stdout);
        if (!file)
                return;
        (void) fprintf(file,
                       "{\"row\": \"%s\", \"what\": \"%s\", \"who\": \"%s\", \"unit\": \"%s\", "
                       "\"value\": %.6f}\n",
                       row, what, who, unit, value);
        (void) fclose(file);
}
