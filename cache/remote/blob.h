#pragma once

/*
 * Blobs: where bytes come from that are sent, and where those go that come
 *
 * Both sides of a transfer hold one buffer and never the whole. A Sink is a descriptor (a pipe to
 * the daemon) or, for what is small, memory; it takes no more than its maximum.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"

typedef struct Source {
        int fd;     /* borrowed; -1: data */
        Slice data; /* borrowed */
        uint64_t size;
        uint64_t at;
        Sha256 sha256; /* of all of it */
} Source;

/* The next at most @n bytes: how many, 0 at the end. -EIO: the file is shorter than it was said
 * to be, or what pread(2) says. */
int source_read(Source *source, void *ret, size_t n, size_t *ret_n);

typedef struct Sink {
        int fd; /* borrowed; -1: bytes */
        Bytes bytes;
        uint64_t max;
        uint64_t n; /* taken so far */
} Sink;

/* -EFBIG: more than the maximum. -EPIPE: nobody wants it any more. */
int sink_write(Sink *sink, const void *data, size_t n);
