#pragma once

/*
 * The boxes of a daemon: kept while they are idle, and not for longer than configured
 *
 *              warm_take()                    warm_give()
 *   (none) ───────────────> with a job ─────────────────────> idle ──> ended: too long idle,
 *                             ▲   │ not as it was                │      or warm_stop()
 *                             │   └──────────────> ended         │
 *                             └──────────────────────────────────┘
 *
 * A box that fits is taken by one job at a time, the one that was last used first, so that what
 * is too many gets old. There never are more than jobs run at once. Off unless a toolchain has
 * "warm_idle_s".
 *
 * warm_take() and warm_give() block and are for pool threads, the rest for the loop thread.
 */

#include <uv.h>

#include "base/problem.h"
#include "daemon/box.h"
#include "daemon/toolchain.h"
#include "daemon/work.h"

typedef struct Warm Warm;

int warm_new(Warm **ret, WorkPool *pool);

/* *ret is a box for a compile with @toolchain, or NULL: it is not one that is kept warm. Errors as
 * toolchain_command(). */
int warm_take(Warm *warm, const Toolchain *toolchain, const Digest *identity, const char *jobs,
              Box **ret, Problem *problem);

/* Takes @box over, for the next if it can be kept. */
void warm_give(Warm *warm, Box *box, bool intact);

/* To be called after warm_give(): winds the clock. */
void warm_tend(Warm *warm);

/* Ends every box. Nothing may be with a job any more. @stopped is called once, later, and @warm
 * freed. */
void warm_stop(Warm *warm, void (*stopped)(void *userdata), void *userdata);
