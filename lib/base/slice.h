#pragma once

/*
 * Slices: a borrowed run of bytes. No terminator, any content; the owner is documented where
 * the slice comes from.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Slice {
        const uint8_t *data; /* may be NULL if size is 0 */
        size_t size;
} Slice;

static inline Slice slice_of(const void *data, size_t size) {
        return (Slice){ .data = data, .size = size };
}

static inline Slice slice_of_string(const char *string) {
        return slice_of(string, strlen(string));
}

/* plain byte order, a prefix first: the order of every sorted thing in our formats */
static inline int slice_compare(Slice a, Slice b) {
        size_t n = a.size < b.size ? a.size : b.size;
        int r;

        if (n > 0 && a.data[0] != b.data[0]) /* most often, and cheaper than a call */
                return a.data[0] < b.data[0] ? -1 : 1;
        r = n > 0 ? memcmp(a.data, b.data, n) : 0;
        if (r != 0)
                return r;
        return (a.size > b.size) - (a.size < b.size);
}

static inline bool slice_equal(Slice a, Slice b) {
        return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool slice_is(Slice a, const char *string) {
        return slice_equal(a, slice_of_string(string));
}
