#pragma once

/*
 * Settling: when has a file been quiet for long enough to start something expensive on it?
 *
 * Hashing and cache hits happen at once; only a cold compile waits for its source to settle.
 * The rules, for one path:
 *
 *   saved, then nothing for quiet_ns            settled
 *   saved again and again                       settled max_ns after the first of these saves
 *   being written (saved or not)                not settled, however long it takes
 *   being written, then nothing for open_ns     settled: the writer keeps the file open (or
 *                                               linked it in place without ever closing it)
 *
 * A burst ends when its path is taken; the next save begins a new one. A path is not forgotten
 * before, whoever has lost interest in it: others may wait for the same file.
 *
 * Pure: time comes in with each call (clock_monotonic_ns(); it must not run backwards, and a
 * step back counts as no time passed). One timer serves all paths: settle_deadline().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Settle Settle;

typedef struct SettleTimes {
        int64_t quiet_ns;
        int64_t max_ns;
        int64_t open_ns;
        size_t paths_max; /* unsettled at one time */
} SettleTimes;

/* 30 ms, 2 s, 5 s */
extern const SettleTimes settle_default_times;

#define SETTLE_NEVER INT64_MAX

int settle_new(Settle **ret, const SettleTimes *times);
Settle *settle_free(Settle *settle);

/* From the next save or write on; what is waiting keeps its time. */
void settle_set_times(Settle *settle, const SettleTimes *times);

/* The file was saved, or is being written. -ENOMEM, or -ENOSPC when paths_max are unsettled:
 * the path then is as it was before the call, and one that was not known counts as settled. */
int settle_saved(Settle *settle, const char *path, int64_t now);
int settle_writing(Settle *settle, const char *path, int64_t now);

/* Neither a save nor a write of it is waiting to be taken. */
bool settle_is_settled(const Settle *settle, const char *path);

/* When settle_take() will next return something: SETTLE_NEVER if nothing is waiting. */
int64_t settle_deadline(const Settle *settle);

/* 1 and one path that is settled at @now, the one due first, which is forgotten: the caller
 * frees it. 0 if there is none; -ENOMEM. Call until it is not 1. */
int settle_take(Settle *settle, int64_t now, char **ret);
