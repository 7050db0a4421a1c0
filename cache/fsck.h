#pragma once

/*
 * Fsck: is everything in the cache directory what it should be?
 *
 * Reads every record and every object, whatever is remembered about them, and compares: a record
 * with its name and its checksum, an object with its name (XXH3-128) and with the SHA-256 and size
 * that records give it, records with objects in both directions, the index with the records, views
 * with what they point to; modes; and what does not belong there. Daemons and builds go on
 * meanwhile: what may be their work is looked at again under a lock before it is reported.
 *
 * What it says is in defects.h. Without @repair it changes nothing. With it, problems are mended
 * and leftovers removed; what was wrong goes to quarantine/, so that a mended problem costs a
 * compile at most. What somebody uses just now stays for the next time.
 *
 * The work is done in slices of about FSCK_SLICE_MS, in memory that does not grow with the cache
 * (references.h). Blocks: pool threads. A Fsck belongs to one thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>

#include "cache/defects.h"
#include "cache/quarantine.h"

#define FSCK_MORE     1 /* outcome of fsck_step() */
#define FSCK_SLICE_MS 100

typedef struct Index Index;
typedef struct Fsck Fsck;

/* @root and @index outlive it. @references_max: REFERENCES_MAX, but in tests. */
int fsck_new(Fsck **ret, const char *root, Index *index, bool repair, size_t references_max);
Fsck *fsck_free(Fsck *fsck);

static inline void fsck_freep(Fsck **fsck) {
        (void) fsck_free(*fsck);
}

/* One slice. 0: all is done; FSCK_MORE; or an error that says nothing about the cache (-ENOMEM,
 * -EMFILE ...). */
int fsck_step(Fsck *fsck);

/* Between slices: what is being looked at ("objects", a literal), and how far that is. */
const char *fsck_phase(const Fsck *fsck);
unsigned fsck_percent(const Fsck *fsck);

typedef struct FsckTotals {
        uint64_t n_records, n_objects, n_views;
        uint64_t bytes; /* of objects, read */
        QuarantineUsage quarantine;
} FsckTotals;

FsckTotals fsck_totals(const Fsck *fsck);
const Defects *fsck_defects(const Fsck *fsck); /* borrowed */
