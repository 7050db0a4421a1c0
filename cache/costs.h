#pragma once

/*
 * Costs: what compiles took, to tell what the next one will take
 *
 * One row for each source, target and toolchain in the state's database, renewed with each compile
 * that ended well: time and memory of the next content of the same source are about those of the
 * last ones. For a source that was never compiled the one nearest in size stands in, of the same
 * toolchain, in proportion to the sizes.
 *
 * Nothing but order, admission and what people are told depends on it. Safe on any thread.
 */

#include <stdint.h>

#define COSTS_MAX 10000 /* rows; the oldest are dropped */

/* outcome */
enum {
        COSTS_UNKNOWN = 1,
};

typedef struct State State;

typedef struct Cost {
        uint64_t build_ms;    /* 0: not known */
        uint64_t peak_memory; /* bytes; 0: not known */
        uint64_t size;        /* of the source, in bytes */
} Cost;

/* The mean of what was known and what is new, in time, if both are known; in memory the larger one,
 * which fades. */
Cost cost_blend(const Cost *known, const Cost *latest);
/* What a source of @size bytes costs if one like @cost does. */
Cost cost_scale(const Cost *cost, uint64_t size);

/* @target may be NULL: the only one. 0, COSTS_UNKNOWN. */
int costs_find(State *state, const char *source, const char *target, const char *toolchain,
               uint64_t size, Cost *ret);
int costs_learn(State *state, const char *source, const char *target, const char *toolchain,
                const Cost *cost);
