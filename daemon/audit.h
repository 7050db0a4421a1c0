#pragma once

/*
 * An audit: a check of the whole cache (cache/fsck.h) as an ask
 *
 * Runs on a pool thread, a slice at a time, so that others get in between and a cancelled one ends
 * soon. What it found is with the result, as long as the call lasts. Contract: engine.h.
 */

#include "base/problem.h"
#include "daemon/ask.h"

/* -EROFS with @problem: there is no cache, or with @repair, one that cannot be written. */
int audit_start(Asks *asks, bool repair, const AskHandlers *handlers, void *userdata, Ask **ret,
                Problem *problem);
