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
        bool once;      /* serves one client: what concerns a daemon is refused, too */
        int (*reload)(Problem *problem, void *userdata);
        void (*shutdown)(void *userdata);
        void *userdata;
} Verbs;

/* Sees to it that @call ends. Takes what it needs of the descriptors in @frame. */
void verbs_start(const Verbs *verbs, Call *call, const Dpucc__Wire__Request *request, Frame *frame);

/* Ends @call because of @r, with @problem's text or, if that is empty, strerror(-@r). */
void verbs_fail(Call *call, int r, const Problem *problem);
