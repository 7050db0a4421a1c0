#pragma once

/*
 * Verbs: one function per request of the wire
 *
 * Each translates a request into calls of the engine (engine.h) and what comes of it into
 * replies. What only the process as a whole can do, reload and shutdown, is handed to whoever
 * filled in the Verbs.
 */

#include <stdbool.h>

#include "base/problem.h"
#include "proto/dpucc.pb-c.h"
#include "proto/frame.h"

typedef struct Call Call;
typedef struct Engine Engine;

typedef struct Verbs {
        Engine *engine; /* NULL once the daemon stops: everything is refused */
        bool again;     /* it stops, but another may come soon */
        bool once;      /* serves one client: what concerns a daemon is refused, too */
        int (*reload)(Problem *problem, void *userdata);
        void (*shutdown)(void *userdata);
        void *userdata;
} Verbs;

/* The CallHandler; @verbs is a Verbs, which outlives every call. */
void verbs_start(Call *call, const Dpucc__Wire__Request *request, Frame *frame, void *verbs);
