#pragma once

/*
 * Quarantine: what was found damaged, for whoever wants to know why
 *
 * A bad object or record is moved to `quarantine/DIRECTORY-DIGITS.RANDOM` and is a miss from then
 * on. What lies there is of no use to us, so it is bounded: by number, bytes and age, the oldest
 * goes first. What alone is over the limit goes at once. Nothing else is put there, and what
 * somebody else put there counts, and goes, like ours.
 *
 * Safe on any thread and beside other processes. Format: docs/FORMATS.md, "Store layout".
 */

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

#define QUARANTINE_FILES_MAX 256
#define QUARANTINE_BYTES_MAX (UINT64_C(1024) * 1024 * 1024)
#define QUARANTINE_AGE_MAX_S (30 * 24 * 3600)

/* Moves a bad file of LAYOUT_OBJECTS or LAYOUT_RECORDS there. Only if what is there now is what
 * @fd has open: a good one may have taken its place. 0 also when it was not there. */
int quarantine_take(const char *root, const char *directory, const Digest *digest, int fd);

/* Removes what is over the limits, by the time @now_ns. */
int quarantine_trim(const char *root, int64_t now_ns);

typedef struct QuarantineUsage {
        uint64_t n_files;
        uint64_t bytes;
} QuarantineUsage;

int quarantine_usage(const char *root, QuarantineUsage *ret);
