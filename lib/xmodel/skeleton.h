#pragma once

/*
 * Skeleton: a model file in memory, without its weights
 *
 * Nearly all of a model is weights, and who wants to know what a file is looks at everything but
 * them. A Skeleton is memory of the file's size in which large contents that the schema says
 * nothing about (bytes, packed numbers of fixed size, fields it does not know) are holes: zeros
 * that take no memory. Its offsets are the file's, so it is walked and classified as the file
 * would be, with the same result to the last word. Who needs true bytes (canon.h) takes them from
 * skeleton_each(), which reads the holes from the file again, a piece at a time.
 *
 * The file may change between the two readings. If skeleton_read() was asked for the digest of the
 * file's bytes, it noted one for each hole as well, and skeleton_each() does not let other bytes
 * pass: what is made of the Skeleton then belongs to that digest, whatever happens to the file.
 * Without it the caller compares the file's stat identity before and after.
 *
 * Nothing is mapped but anonymous memory. Constant once made: any thread may read it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/slice.h"

#define SKELETON_GRAIN ((size_t) 32 * 1024) /* what all but tests take */

typedef struct SkeletonSpec {
        int fd;       /* a regular file, borrowed for the life of the Skeleton */
        size_t grain; /* bytes: the file is read in these, and only what is larger is left out */
        bool (*go_on)(const void *userdata); /* asked between pieces; NULL: always */
        const void *userdata;
} SkeletonSpec;

typedef struct SkeletonHole {
        Slice place;   /* in the file */
        Digest digest; /* of its bytes, if has_digests */
} SkeletonHole;

typedef struct Skeleton {
        SkeletonSpec spec;
        Slice file;          /* all of it, with holes */
        SkeletonHole *holes; /* in the order of the file */
        size_t n_holes;
        bool has_digests;
} Skeleton;

/*
 * @ret_bytes: the digest of the whole file; NULL: holes are passed over unread.
 *   -EFBIG      more than WALK_FILE_MAX
 *   -ESTALE     the file became shorter meanwhile
 *   -ECANCELED  go_on said no
 *   -ENOMEM, or what reading failed with
 */
int skeleton_read(Skeleton *ret, const SkeletonSpec *spec, Digest *ret_bytes);
void skeleton_deinit(Skeleton *skeleton);

/* Hands the bytes of @slice, in the file or elsewhere, to @take in order, until it returns
 * negative. -ESTALE: they are not what they were. */
int skeleton_each(const Skeleton *skeleton, Slice slice,
                  int (*take)(void *userdata, const void *data, size_t n), void *userdata);
