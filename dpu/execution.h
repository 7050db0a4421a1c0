#pragma once

/*
 * Executions: a compiled graph whose DPU subgraphs are run by the simulator
 *
 * An Execution goes along with an evaluation of the graph. Ops on the CPU are evaluated; as soon as
 * the inputs of a DPU program are there it is simulated, and what it puts out takes the place of
 * what the evaluator made of those ops. So the outputs of the graph are what the code computes.
 */

#include "base/problem.h"
#include "dpu/sim/evaluator.h"
#include "dpu/sim/program.h"

typedef struct Execution Execution;

/* @programs are of the DPU subgraphs of @graph, which @evaluator evaluates; all must outlive the
 * Execution. @seed is that of the noise in memory. -ENOMEM. */
int execution_new(Execution **ret, const Program *programs, size_t n_programs, const Graph *graph,
                  Evaluator *evaluator, uint64_t seed);
Execution *execution_free(Execution *execution);

static inline void execution_freep(Execution **execution) {
        (void) execution_free(*execution);
}

/* evaluator_run() with the programs in their places. Errors as of that, and of simulator_run(),
 * with @problem. */
int execution_run(Execution *execution, Problem *problem);
