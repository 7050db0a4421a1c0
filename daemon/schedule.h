#pragma once

/*
 * Schedules: the jobs of a queue in the order in which they end up running, and when each is done
 *
 * Those that run, in the order they came; those that wait, by priority; then those that rest before
 * another try. Pure values and functions.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/priority.h"

typedef enum ScheduleState {
        SCHEDULE_RUNNING,
        SCHEDULE_WAITING,
        SCHEDULE_RESTING,
} ScheduleState;

typedef struct ScheduleEntry {
        /* to be filled in */
        ScheduleState state;
        Priority priority;
        uint64_t predicted_ms; /* of the whole job; 0: not known */
        uint64_t elapsed_ms;   /* since it runs */
        void *job;             /* the caller's */

        /* made */
        size_t arrived;    /* the place in which it was given */
        uint32_t position; /* among those that do not run, from 1; 0: it runs */
        uint64_t left_ms;  /* until it is done; ESTIMATE_UNKNOWN */
} ScheduleEntry;

/* Sorts @entries, which are given in the order of arrival, and fills in the rest; nothing starts
 * while it is @paused. -ENOMEM: sorted, with nothing known of the times. */
int schedule_make(ScheduleEntry *entries, size_t n, unsigned n_slots, bool paused);
