#pragma once

/*
 * For tests of the whole way: a quantized graph is lowered, cut into parts, given borders and a
 * program for a target; what comes out is held against the source in the evaluator, and the
 * programs against what came out in the simulator.
 */

#include "base/problem.h"
#include "dpu/sim/pattern.h"
#include "xmodel/fingerprint.h"
#include "xmodel/graph.h"

/* Verified, with code, and as the rules of compiled files have it (tests/support/rules.h). -errno with
 * @problem. Consumers of @source must be counted. */
int whole_compile(const Graph *source, const FingerprintInfo *target, Graph **ret,
                  Problem *problem);

typedef struct WholeTrial {
        Pattern pattern;    /* of the inputs */
        unsigned n_orders;  /* of instructions, besides the one in which they stand */
        unsigned n_threads; /* of the evaluator; 0: all cores */
} WholeTrial;

/* -EBADMSG with @problem: @compiled is not @source bit by bit, or a program does not do what its
 * graph says, in one of the orders. */
int whole_compare(const Graph *source, const Graph *compiled, const WholeTrial *trial,
                  Problem *problem);

/* Both, for B1024 and B4096 and with all patterns; fails unless all is well. */
void whole_check(const Graph *source);
