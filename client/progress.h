#pragma once

/*
 * The live line: what the daemon is doing about a request, on stderr, if that is a terminal
 */

#include <stdbool.h>
#include <stdint.h>

#include "client/options.h"
#include "proto/dpucc.pb-c.h"

typedef struct Progress {
        bool shown;
        bool drawn; /* there is a line to be wiped out */
        char phase[64];
        uint32_t queue_position;
        int64_t since_ns; /* when the phase began */
        int64_t done_ns;  /* when it will be done, about; 0: nobody knows */
} Progress;

Progress progress_start(const Options *options);
void progress_update(Progress *progress, const Dpucc__Wire__Progress *report);
void progress_draw(Progress *progress);
void progress_end(Progress *progress); /* wipes the line out */

static inline bool progress_is_shown(const Progress *progress) {
        return progress->shown;
}
