#pragma once

/*
 * Pseudo-random numbers that are the same everywhere
 *
 * For made-up models, shuffles and property tests: the sequence of a seed never changes, on no
 * machine and in no release. Never for secrets. The generator is SplitMix64 (Steele, Lea,
 * Flood: "Fast Splittable Pseudorandom Number Generators", 2014): a counter with an odd
 * increment, through a 64-bit mixing function. Integers only, so that nothing depends on a
 * mathematics library.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct Random {
        uint64_t state;
} Random;

#define RANDOM_INIT(_seed) ((Random){ .state = (_seed) })

uint64_t random_u64(Random *random);
uint64_t random_below(Random *random, uint64_t bound); /* 0 .. bound - 1, unbiased; 0 for 0 */

/* The sum of four uniform numbers: bell-shaped about 0, never beyond +-2 * @spread; the standard
 * deviation is @spread / sqrt(3). */
int64_t random_bell(Random *random, uint32_t spread);

/* Puts @n elements of @size bytes each (at most 64) in a random order, every one equally likely. */
void random_shuffle(Random *random, void *array, size_t n, size_t size);
