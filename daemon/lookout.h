#pragma once

/*
 * Lookout: the watcher on the loop
 *
 * A Watch (watch.h) is a descriptor and a dispatch function; the lookout gives it its turns. What
 * it reports goes to the workspaces, and once nothing is left to be told, asks that wait for that
 * pass their barrier.
 *
 *      WAITING ──descriptor, mounts, timer, lookout_hurry()──> LOOKING ──a slice per turn──┐
 *         ▲                                                       ▲                        │
 *         └────────────────────nothing left to tell───────────────┴────────────────────────┘
 *
 * While it looks the loop does not sleep, but goes on with everything else between two slices.
 *
 * Owned by the engine of a daemon, whose core and asks it borrows; an engine for one client has
 * none. It owns the watcher. Stopping has two steps, because workspaces give their roots back in
 * between: lookout_rest(), and when none of them is left, lookout_stop(). Loop thread.
 *
 * Errors: without a poll handle for the descriptor or for the mounts it goes on, and looks when its
 * timer or an ask wants it to.
 */

#include "daemon/ask.h"
#include "daemon/core.h"

typedef struct Lookout Lookout;
typedef struct Watch Watch;

typedef void (*LookoutStoppedFn)(void *userdata);

int lookout_new(Lookout **ret, Core *core, Asks *asks); /* as watch_new() */
Lookout *lookout_free(Lookout *lookout);                /* one that was not started */
void lookout_start(Lookout *lookout);
void lookout_rest(Lookout *lookout); /* reports nothing from here on */
/* Closes its handles, frees it, and calls @stopped once, later. */
void lookout_stop(Lookout *lookout, LookoutStoppedFn stopped, void *userdata);

/* For the workspaces, to add their roots to. */
Watch *lookout_watch(Lookout *lookout);

/* There may be something to tell: looks before the loop sleeps. */
void lookout_hurry(Lookout *lookout);
/* What is at the roots is to be looked at, gone ones included (watch_doubt_roots()). */
void lookout_doubt_roots(Lookout *lookout);
