#pragma once

/*
 * Random quantized graphs for random targets, compiled and held against themselves: what comes out
 * must be the source bit by bit, and the programs must do what it says (whole_fixture.h).
 *
 * A Network is numbers only, and all of them can be changed: a node that is not possible with its
 * numbers (a kernel larger than the image, no other image of the same size to add) is left out. So
 * one that goes wrong can be made smaller, and a fuzzer can make up its own.
 */

#include "base/problem.h"
#include "base/random.h"
#include "base/slice.h"
#include "tests/support/regenerate.h"

#define NETWORK_NODES        9
#define NETWORK_NUMBERS      6  /* of the whole */
#define NETWORK_NODE_NUMBERS 17 /* of a node */
#define NETWORK_KINDS        28 /* of nodes; 0: none */
#define NETWORK_TYPES        28 /* of ops that the compiler has rules for */

typedef struct Network {
        int32_t p[NETWORK_NUMBERS];
        int32_t nodes[NETWORK_NODES][NETWORK_NODE_NUMBERS];
} Network;

/* what was tried so far */
typedef struct NetworkTally {
        uint64_t made[NETWORK_KINDS];
        uint64_t types[NETWORK_TYPES]; /* ops of sources that were compiled */
        uint64_t targets[REGENERATE_TARGETS];
        uint64_t n_ops, n_on_dpu;
} NetworkTally;

void network_draw(Network *ret, Random *random);
void network_read(Network *ret, Slice bytes); /* any bytes are one */

/* 0, or an error and in @problem what is wrong. Adds to @tally. */
int network_try(const Network *c, NetworkTally *tally, Problem *problem);

/* Smaller as long as it goes wrong. */
void network_shrink(Network *c);
void network_print(const Network *c);

const char *network_kind(size_t kind);
const char *network_type(size_t i);
