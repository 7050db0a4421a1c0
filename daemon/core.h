#pragma once

/*
 * What the engine's parts share. The engine owns all of it and outlives them; the parts borrow
 * it. Loop thread, except cache and state, which are safe on any.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <uv.h>

#include "base/problem.h"
#include "cache/cache.h"
#include "cache/state.h"
#include "daemon/events.h"
#include "daemon/queue.h"
#include "daemon/settle.h"
#include "daemon/statistics.h"
#include "daemon/tiers.h"
#include "daemon/toolchains.h"
#include "daemon/warm.h"
#include "daemon/work.h"

typedef struct Source Source;
typedef struct Unit Unit;
typedef struct Workspaces Workspaces;

TAILQ_HEAD(SourceList, Source);
LIST_HEAD(UnitList, Unit);

typedef struct Core {
        uv_loop_t *loop;
        WorkPool pool;
        Cache *cache;
        State *state;
        Queue *queue;
        Warm *warm; /* NULL: every compile has a container of its own */
        Statistics statistics;
        Events events;
        char *dpucc;      /* absolute path of the dpucc program */
        char *jobs;       /* directory for job directories */
        char *spare_jobs; /* where there is no room in that; NULL: nowhere else */
        Problem uncached; /* why the cache does not take what is compiled; "": it does */
        mode_t umask;     /* of what is delivered */
        bool once;        /* nobody goes on with what a client does not wait for */

        Config *config;
        Toolchains *toolchains;
        Tiers *tiers; /* NULL: no remote caches */
        Settle *settle;
        Workspaces *workspaces;
        bool unavailable;       /* a source could not be read, or a unit has no toolchain: later */
        uint64_t event;         /* number of the latest event of the watcher */
        struct SourceList busy; /* sources with something under way, the longest first */
        struct UnitList rivals; /* units that do not deliver: another one has the same file */
} Core;
