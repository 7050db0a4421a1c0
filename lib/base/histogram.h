#pragma once

/*
 * Histograms: how often values were how large
 *
 * Bucket i counts the values up to 2^i that no smaller bucket counts; the last counts all the rest.
 * Zero-initialised is empty. Any thread may add while another reads: a reader sees each bucket as it
 * was at some moment, not all of them at the same.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 48

typedef struct Histogram {
        _Atomic uint64_t counts[HISTOGRAM_BUCKETS];
        _Atomic uint64_t sum; /* of the values, modulo 2^64 */
} Histogram;

void histogram_add(Histogram *histogram, uint64_t value);

/* the largest value that bucket @i counts; UINT64_MAX for the last one */
uint64_t histogram_bound(size_t i);
