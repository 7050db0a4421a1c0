#pragma once

/*
 * Bytes: a growable buffer with a mandatory maximum
 *
 * Whatever a peer or a file can grow passes through one of these. Going over the maximum is
 * -EFBIG and leaves the content as it was.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

typedef struct Bytes {
        uint8_t *data; /* owned; NULL until something is stored */
        size_t size;
        size_t capacity; /* never more than max */
        size_t max;
} Bytes;

#define BYTES_INIT(_max) ((Bytes){ .max = (_max) })

void bytes_deinit(Bytes *b); /* back to empty, same maximum */

/* All return 0, -EFBIG or -ENOMEM. */
int bytes_reserve(Bytes *b, size_t more); /* room for @more bytes after size */
int bytes_append(Bytes *b, const void *data, size_t n);
int bytes_append_string(Bytes *b, const char *string); /* without its terminator */
int bytes_printf(Bytes *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Ends the content with a NUL that does not count in size, and gives it away: the caller
 * frees it. NULL when out of memory or at the maximum; @b then is unchanged. */
char *bytes_take_string(Bytes *b);

static inline Slice bytes_slice(const Bytes *b) {
        return slice_of(b->data, b->size);
}

static inline void bytes_cleanup(Bytes *b) {
        bytes_deinit(b);
}
