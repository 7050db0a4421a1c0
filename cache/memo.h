#pragma once

/*
 * Memos: what need not be computed twice
 *
 *   stat identity -> byte digest       so that an unchanged file is not read again
 *   byte digest   -> class, digests    so that a known content is not walked again
 *   object + stat identity: verified   so that an object is not read again before serving
 *
 * The first rests on the racy-timestamp rule. A file system stamps times from a clock that
 * ticks: on Linux every 1 to 10 ms, on some file systems every 2 s. A write within the tick of
 * the time of our stat leaves the identity as it was. So an identity stands for a content only
 * if, when it was taken, both mtime and ctime were older than one tick; we take
 * MEMO_SLACK_FINE_NS, and MEMO_SLACK_COARSE_NS where the ctime is a whole number of
 * milliseconds (no nanosecond clock made it). Younger files are read each time they are asked
 * for, until they have aged; files from the future always are. The same rule holds at look-up,
 * against the time of that stat: after the clock was set back, no memo of a file from the
 * "future" is trusted. mtime can be set at will, ctime cannot, hence both.
 *
 * What the rule cannot see: a process that keeps writing through a shared mapping (times change
 * at the first write after each write-back), and a clock set back to the very nanosecond of an
 * earlier change of equal size.
 *
 * They are in the state database, and the last few thousand in memory, too.
 *
 * Time is an argument (clock_real_ns() taken BEFORE the stat), so that all of this is testable
 * without waiting. Everything is safe on any thread. A memo that cannot be read is a miss, one
 * that cannot be stored is forgotten: callers may ignore errors of the store functions.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/problem.h"
#include "base/stat_id.h"

#define MEMO_SLACK_FINE_NS   (50 * CLOCK_NS_PER_MS)
#define MEMO_SLACK_COARSE_NS (2100 * CLOCK_NS_PER_MS)

#define MEMO_FILES_MAX    200000 /* rows; the oldest are dropped */
#define MEMO_MODELS_MAX   50000
#define MEMO_VERIFIED_MAX 200000

/* outcomes */
enum {
        MEMO_MISS = 1,
        MEMO_RACY = 2, /* not stored: too young */
};

typedef struct State State;

/* true if @id, taken at @observed_ns, may not stand for a content */
bool memo_is_racy(const StatId *id, int64_t observed_ns);

int memo_find_file(State *state, const StatId *id, int64_t observed_ns, Digest *ret);
int memo_store_file(State *state, const StatId *id, int64_t observed_ns, const Digest *digest);

/* The byte digest of an open file, by memo or by reading all of it (from offset 0; the position
 * afterwards is undefined), and the identity it belongs to. -EAGAIN: it changed while it was
 * read; ask again when it has settled. */
int memo_digest_fd(State *state, int fd, Digest *ret, StatId *ret_id);

/* The same by path; what is known is not opened. -EINVAL, -EISDIR: not a regular file. */
int memo_digest(State *state, const char *path, Digest *ret, StatId *ret_id);

/* What the walker said about a content. */
typedef struct MemoModel {
        int model_class; /* XmodelClass */
        bool has_canonical;
        bool has_map_sorted;
        Digest canonical;
        Digest map_sorted;
        char reason[PROBLEM_MAX]; /* for people; "" if none */
} MemoModel;

/* @version is that of the code which classifies and digests: another one is a miss. */
int memo_find_model(State *state, const Digest *bytes, uint32_t version, MemoModel *ret);
int memo_store_model(State *state, const Digest *bytes, uint32_t version, const MemoModel *model);

/* Both at once, of a source that was asked for a moment ago: never waits for the disk. */
int memo_recall(State *state, const StatId *id, int64_t observed_ns, uint32_t version,
                Digest *ret_bytes, MemoModel *ret);

/* Objects are not racy: nobody writes to them after they have their name. */
int memo_find_verified(State *state, const Digest *object, const StatId *id); /* 0 or MEMO_MISS */
int memo_store_verified(State *state, const Digest *object, const StatId *id);
/* All is to be verified again: a daemon starts. */
int memo_forget_verified(State *state);
