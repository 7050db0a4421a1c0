#pragma once

/*
 * Keeper: what the cache needs from time to time
 *
 *      IDLE ──timer──> LOOKING ──something to do──> COLLECTING ──slice by slice──┐
 *       ▲                 │                             ▲                        │
 *       └─────────────────┴─────────────────────────────┼────────────────────────┘
 *                                 keeper_collect() ─────┘
 *
 * A few seconds after something was used or published, and once an hour, it looks (on a pool
 * thread): uses are written to the index, and where a limit is exceeded, the disk is nearly full or
 * the index was lost, a pass of the collector (cache/collector.h) follows. Its slices run on a pool
 * thread, one at a time, with a pause in between. The first pass comes right after the start: it
 * tells the index of what happened while nobody looked, and rebuilds a lost one.
 *
 * While nothing is used nothing is done, but for the look once an hour. A Keeper that is not
 * automatic, that of an engine for one client, does only what it is asked for.
 *
 * keeper_collect() fails at once and never calls back, or calls @done exactly once, later, from
 * the loop, when a pass has ended that began after the call. Loop thread.
 */

#include <stdbool.h>

#include "base/problem.h"
#include "cache/collector.h"
#include "daemon/core.h"

typedef struct Keeper Keeper;

/* @r as collector_step(), or -ECANCELED. @result is borrowed. */
typedef void (*KeeperDoneFn)(int r, const CollectorResult *result, void *userdata);
typedef void (*KeeperStoppedFn)(void *userdata);

int keeper_new(Keeper **ret, Core *core, bool automatic); /* -ENOMEM */
Keeper *keeper_free(Keeper *keeper);                      /* one that was not started */
void keeper_start(Keeper *keeper);
/* Ends what goes on, frees it, and calls @stopped once, later. */
void keeper_stop(Keeper *keeper, KeeperStoppedFn stopped, void *userdata);

void keeper_turn(Keeper *keeper);  /* once in each turn of the loop */
void keeper_hurry(Keeper *keeper); /* the limits are others now: look at once */

/* -EROFS: the cache is not ours to remove anything from. */
int keeper_collect(Keeper *keeper, KeeperDoneFn done, void *userdata);

const CollectorResult *keeper_total(const Keeper *keeper); /* of all passes */
uint64_t keeper_n_passes(const Keeper *keeper);
const char *keeper_warning(const Keeper *keeper); /* "": all is well */
