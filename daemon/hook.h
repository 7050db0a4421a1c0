#pragma once

/*
 * The hook: a command of the user's that is run when a compile is over
 *
 * "notify" of the user's configuration, an argv, is run for each result of a unit that is news: an
 * artifact that was compiled, a failure. What happened is in its environment (DPUCC_EVENT,
 * DPUCC_UNIT, DPUCC_SOURCE, DPUCC_ARTIFACT, DPUCC_OUTPUT, DPUCC_DETAIL); a project file has no say
 * in it. One runs at a time, HOOK_WAITING_MAX wait, the oldest of more is left out; one that takes
 * longer than HOOK_TIMEOUT_S is ended. What it does changes nothing here.
 *
 * Owned by the engine; loop thread.
 */

#include <stdbool.h>

#include "daemon/core.h"

#define HOOK_WAITING_MAX 16
#define HOOK_TIMEOUT_S   30

typedef struct Hook Hook;

int hook_new(Hook **ret, Core *core);
/* Listens no more, ends what runs; free when hook_is_idle(). */
void hook_stop(Hook *hook);
bool hook_is_idle(const Hook *hook);
Hook *hook_free(Hook *hook); /* takes NULL, returns NULL */
