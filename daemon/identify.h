#pragma once

/*
 * Identity of a source: what it is, and the digests that stand for it
 *
 * identify_fd() first asks the memos (stat identity -> byte digest -> class and digests); only
 * what they do not know is read, never mapped, its weights a piece at a time (xmodel/skeleton.h).
 * If the file changed while it was read, it is read again, a few times at most.
 *
 * Blocks: pool threads, as a Work, whose cancellation is noticed between chunks and steps. The
 * result is a plain value.
 */

#include <stdbool.h>

#include "base/digest.h"
#include "base/problem.h"
#include "base/stat_id.h"
#include "cache/state.h"
#include "daemon/work.h"
#include "xmodel/canon.h"
#include "xmodel/classify.h"

/* what a compiler is given, and what is hashed for the key */
typedef enum SnapshotForm {
        SNAPSHOT_FORM_CANONICAL,
        SNAPSHOT_FORM_MAP_SORTED,
        SNAPSHOT_FORM_VERBATIM, /* the bytes as they are */
} SnapshotForm;

SnapshotForm snapshot_form_of(CanonForm form);
const char *snapshot_form_name(SnapshotForm form); /* as keyed */

typedef struct Identity {
        StatId stat; /* what the rest belongs to */
        Digest bytes;
        XmodelClass class;
        Digest canonical; /* valid for XMODEL_QUANTIZED */
        Digest map_sorted;
        Problem reason; /* for people: what it is if not a source */
        bool was_read;  /* the memo did not know it */
} Identity;

/* Opens the source for reading: what @fd is, else (-1) what is at @path now. -errno. */
int identify_open(int fd, const char *path);

/* What is in @fd, or (-1) at @path, if it is a source that was identified a moment ago and looks as
 * it did then: one stat, on any thread. false: ask identify_fd(). */
bool identify_known(State *state, int fd, const char *path, Identity *ret);

/* -EAGAIN: it does not stop changing. -ECANCELED: @work was. -EINVAL, -EIO ...: it cannot be
 * read. */
int identify_fd(State *state, int fd, const Work *work, Identity *ret);

const Digest *identity_digest(const Identity *identity, SnapshotForm form);

/* Writes the snapshot of what @fd holds now to @to. Returns -ESTALE if it has not the digest
 * @expected (or is no graph any more). */
int identify_snapshot(int fd, SnapshotForm form, const Digest *expected, int to, Sha256 *ret_sha256,
                      uint64_t *ret_size);
