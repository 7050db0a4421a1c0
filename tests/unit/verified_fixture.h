#pragma once

/*
 * For tests of compiled models: the graph against the quantized one in the evaluator, the programs
 * against the graph in the simulator (dpu/comparison.h, dpu/trial.h), with all patterns of inputs.
 */

#include "xmodel/graph.h"

#define VERIFIED_ALL_TARGETS 0xffu /* bit number of regenerate_target() */

typedef struct VerifiedSpec {
        const char *name;
        const Graph *source; /* consumers counted */
        unsigned targets;    /* bits */
        unsigned n_orders;   /* of instructions, besides theirs; with random inputs */
        size_t n_programs;   /* that a file has; 0: any number */
} VerifiedSpec;

/* Fails at the first difference. Prints a line for each target: what was equal, and how long it
 * took, in one order. */
void verified_check(const VerifiedSpec *spec);

/* Of a network of mkmodel. */
void verified_network(const char *network, int32_t size, unsigned targets, unsigned n_orders);

/* Of the quantized models of the corpus whose names are in @names (NULL ends them). Skips. */
void verified_corpus(const char *const *names, unsigned targets, unsigned n_orders);
