#pragma once

/*
 * Patterns: numbers to feed a model with
 *
 * 8-bit numbers on a grid, the same for equal seeds and names on every machine. Which one finds
 * what: random uses every bit; natural looks like a picture, most numbers small, so that sums do
 * not saturate all the time; ramp shows where an element came from; max and min saturate.
 */

#include "base/slice.h"
#include "dpu/sim/values.h"

typedef enum Pattern {
        PATTERN_RANDOM,
        PATTERN_NATURAL,
        PATTERN_RAMP,
        PATTERN_MAX,
        PATTERN_MIN,
} Pattern;

#define PATTERN_COUNT 5

const char *pattern_name(Pattern pattern);
int pattern_find(const char *name, Pattern *ret); /* -ENOENT */

/* Fills @values; @name is that of the input. REAL ones get multiples of 2^-@fix_point. */
void pattern_fill(Pattern pattern, uint64_t seed, Slice name, int32_t fix_point, Values *values);

/* A number that follows from both, for seeding by name. */
uint64_t pattern_seed(uint64_t seed, Slice name);
