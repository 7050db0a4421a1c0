#pragma once

/*
 * Pace: how long to wait between rounds of work that nobody limits
 *
 * What cannot be watched is polled, and tens of thousands of directories take longer to read than
 * the time between two polls would be. So the wait after a round grows with what the round took:
 * rounds get about a tenth of the time, until the longest wait is reached.
 *
 * Pure: time comes in with each call (clock_monotonic_ns()).
 */

#include <stdbool.h>
#include <stdint.h>

#define PACE_WAIT_MAX_MS 60000

typedef struct Pace {
        unsigned least_ms; /* the wait after a round that took no time */
        unsigned wait_ms;
        int64_t began;
        bool running;
} Pace;

void pace_init(Pace *pace, unsigned least_ms);

/* A round begins, a round is over; repeated calls of either do nothing. */
void pace_begin(Pace *pace, int64_t now);
void pace_end(Pace *pace, int64_t now);

/* From the end of the last round to the beginning of the next one. */
unsigned pace_wait_ms(const Pace *pace);
