#pragma once

/*
 * Circuit breaker: what is down is asked once, not by everybody
 *
 *      CLOSED ──BREAKER_FAILURES in a row, or one that cost a time-out──> OPEN
 *         ▲                                                               │ pause
 *         └────────────probe answered────────── PROBING <─────────────────┘
 *                                                  └──probe failed──> OPEN, twice the pause
 *
 * While it is not CLOSED nobody who waits is sent there. The probe is an extra question that
 * nobody waits for. A pure state machine: time is an argument, there is no randomness. One
 * thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define BREAKER_FAILURES     3
#define BREAKER_PAUSE_NS     (5 * CLOCK_NS_PER_S)
#define BREAKER_PAUSE_MAX_NS (300 * CLOCK_NS_PER_S)
#define BREAKER_NEVER        INT64_MAX

typedef enum BreakerState {
        BREAKER_CLOSED,
        BREAKER_OPEN,
        BREAKER_PROBING, /* half open */
} BreakerState;

typedef struct Breaker {
        BreakerState state; /* zero-initialised: closed */
        unsigned n_failures;
        int64_t pause_ns;
        int64_t until_ns;
        uint64_t n_opened; /* how often, for statistics */
} Breaker;

static inline bool breaker_allows(const Breaker *breaker) {
        return breaker->state == BREAKER_CLOSED;
}

/* When a probe is to be sent; BREAKER_NEVER unless it is OPEN. */
int64_t breaker_probe_ns(const Breaker *breaker);
/* From OPEN to PROBING if it is time. True: the caller sends the probe, and tells how it went. */
bool breaker_probe(Breaker *breaker, int64_t now_ns);

/* How a question went, the probe or another one. What was under way when the breaker opened
 * neither closes it nor makes the pause longer. @costly: somebody waited for a time-out. */
void breaker_succeed(Breaker *breaker);
void breaker_fail(Breaker *breaker, bool costly, int64_t now_ns);
