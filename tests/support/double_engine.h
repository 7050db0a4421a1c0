#pragma once

/*
 * A test double of the engine (daemon/engine.h)
 *
 * It has one workspace, one unit, no compiler and no cache; asks are answered at the loop's next
 * turn, or, held, when the test says so. It keeps what it was asked and counts.
 */

#include <uv.h>

#include "daemon/engine.h"

typedef struct DoubleEngine {
        unsigned n_gets;
        unsigned n_waits;
        unsigned n_cancels;
        unsigned n_done; /* asks that were answered */
        unsigned n_reloads;

        /* of the last get */
        char source_path[256];
        char source_content[64];
        char arch_content[64];
        bool force, wait, want_fd;

        /* what the test wants */
        bool hold;           /* asks stay until double_engine_release() */
        int refuse;          /* negative: engine_get() fails with it */
        AskOutcome outcome;  /* of asks that are not cancelled */
        unsigned n_units;    /* how many there are to be listed */
        int artifact_fd;     /* borrowed */
        unsigned n_progress; /* reports of progress before an answer */
} DoubleEngine;

Engine *double_engine_open(uv_loop_t *loop);
DoubleEngine *double_engine_of(Engine *engine);
void double_engine_release(Engine *engine);
