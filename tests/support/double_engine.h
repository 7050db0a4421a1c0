#pragma once

/*
 * A test double of the engine (daemon/engine.h)
 *
 * It has a workspace, a unit (or as many as the test wants, all alike) and no compiler; asks are answered at the loop's next turn, or,
 * held, when the test says so. It keeps what it was asked and counts.
 *
 * Linked with the daemon's main.c it makes a daemon, double-dpuccd, for tests of the client. Then
 * it takes what the test wants from the environment: DOUBLE_OUTCOME (a number), DOUBLE_HOLD,
 * DOUBLE_PROGRESS (a number), DOUBLE_ROOTS (a number), DOUBLE_ARTIFACT (a file).
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

        bool paused;

        /* what the test wants */
        bool hold;           /* asks stay until double_engine_release() */
        int refuse;          /* negative: engine_get() fails with it */
        AskOutcome outcome;  /* of asks that are not cancelled */
        unsigned n_units;    /* how many there are to be listed */
        unsigned n_roots;    /* likewise */
        unsigned n_jobs;     /* likewise, while asks are held */
        int artifact_fd;     /* borrowed */
        const Digest *key;   /* of the unit, NULL: none */
        struct Cache *cache; /* what engine_cache() gives */
        struct State *state; /* what engine_state() gives */
        unsigned n_progress; /* reports of progress before an answer */
} DoubleEngine;

Engine *double_engine_open(uv_loop_t *loop);
DoubleEngine *double_engine_of(Engine *engine);
void double_engine_release(Engine *engine);
