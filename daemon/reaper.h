#pragma once

/*
 * Reaper: ends what a daemon before this one left running
 *
 * A daemon that was killed leaves children, their job directories, and containers. The first two are
 * ended before anything of ours starts (jobdir.h); containers beside everything else, for those who
 * run them may take their time to answer.
 *
 * Owned by the engine, whose core it borrows. What it ends is counted and told in the log; a failure
 * keeps nothing from starting. Loop thread.
 */

#include <stdbool.h>

#include "daemon/core.h"

typedef struct Reaper {
        Core *core;
        Work work;
        Toolchains *toolchains; /* a reference meanwhile */
        unsigned n_containers;
} Reaper;

void reaper_init(Reaper *reaper, Core *core);

/* In the directories for jobs, now. */
void reaper_reap_jobs(Reaper *reaper);
/* Of the toolchains that there are now, from now on. */
void reaper_start(Reaper *reaper);
bool reaper_is_over(const Reaper *reaper);
