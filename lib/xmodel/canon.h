#pragma once

/*
 * The canonical form of a graph and its digest
 *
 * The vendor's library writes maps in random order and reorders ops when it loads and saves, so
 * equal models never have equal bytes. The canonical form does away with that; it is itself a
 * valid .xmodel, and what we hand to compilers is exactly what we hash. docs/FORMATS.md defines
 * it byte by byte.
 *
 * The digest is XXH3-128 over the form's bytes and nothing else: it is the byte digest of the
 * snapshot that canon_write() makes, and anybody can recompute it with `xxhsum -H2`. The version
 * of the definition and the form are therefore not in the digest; whoever stores a digest stores
 * them beside it (the cache key has a field for each).
 *
 * Everything is written as borrowed slices of the file: no second copy of the weights exists, and
 * of a Skeleton's file, none at all.
 */

#include "base/digest.h"
#include "xmodel/skeleton.h"
#include "xmodel/walk.h"

#define CANON_VERSION 1 /* a change of any byte of either form needs a new one */

typedef enum CanonForm {
        CANON_CANONICAL,  /* ops and subgraphs in canonical order */
        CANON_MAP_SORTED, /* ops and subgraphs as in the file; all else as in the canonical form */
} CanonForm;

const char *canon_form_name(CanonForm form); /* "canonical", "map-sorted" */

/* @skeleton: whose file @walk is of; NULL if it is of memory without holes. Both return 0, -ENOMEM,
 * -EFBIG when the form would be larger than WALK_FILE_MAX, or what skeleton_each() may fail with;
 * canon_write() also what write(2) and libcrypto may fail with. @ret_sha256 and @ret_size may be
 * NULL. A failed canon_write() leaves a partial file behind. */
int canon_digest(const Walk *walk, const Skeleton *skeleton, CanonForm form, Digest *ret);
int canon_write(const Walk *walk, const Skeleton *skeleton, CanonForm form, int fd, Digest *ret,
                Sha256 *ret_sha256, uint64_t *ret_size);
