#pragma once

/*
 * References: which objects the records name, in memory that has a bound
 *
 * For whoever holds all records against all objects. A References takes what records say about
 * the objects whose digests begin with the bytes @first to @last; when it is full it gives up the
 * upper half of that range, and its owner goes through the records once more for the rest. It
 * belongs to one thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "cache/record.h"

#define REFERENCES_MAX 262144 /* 20 MiB */

typedef enum ReferenceState {
        REFERENCE_UNSEEN, /* no such object was met */
        REFERENCE_GOOD,
        REFERENCE_BAD, /* damaged, or another one than is meant */
} ReferenceState;

typedef struct Reference {
        Digest object;
        Digest key;
        Sha256 sha256;
        uint64_t size;
        RecordRole role;
        ReferenceState state;
} Reference;

typedef struct References {
        Reference *items; /* owned */
        size_t n, capacity;
        size_t max; /* more only if a range of one byte needs it */
        unsigned first, last;
} References;

/* From now on for the objects from @first on. */
void references_begin(References *references, unsigned first, size_t max);
void references_deinit(References *references);

int references_add(References *references, const Record *record); /* -ENOMEM */

/* After all are in: those to @object are found together. NULL and 0: none. */
void references_sort(References *references);
Reference *references_find(References *references, const Digest *object, size_t *ret_n);
