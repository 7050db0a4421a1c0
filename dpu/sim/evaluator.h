#pragma once

/*
 * Evaluator: what a model computes, by definition
 *
 * Runs a graph op by op on the host: the float and `fix` ops of quantized graphs and the
 * fixed-point ops of compiled ones. It is the judge of the simulator and of compilers, so it is
 * written from the definitions of the ops (Xilinx/Vitis-AI src/vai_runtime/xir op definitions and
 * src/vai_library/cpu_task/ops), knows nothing of instructions, banks or addresses, and shares no
 * code with the simulator. Its only ambition besides being right is to finish a network of tens
 * of GMAC within seconds. docs/EVALUATOR.md lists the ops and every rule of arithmetic.
 *
 * Every op is evaluated in float64 and rounded once, where its output is fixed-point (values.h,
 * round.h). The constants of compiled files lie in their DPU subgraph, and are found there.
 *
 * An op that it has no definition of (a user's own) either ends the run with a problem that names
 * it, or is substituted: it then puts out numbers that depend on the seed and its name only, on
 * the grid of the `fix` that reads them; likewise, if that is wanted, a float op that it would
 * refuse. A quantized graph and what was compiled from it then go on with the same numbers.
 *
 * Memory: values are freed after their last use unless they are kept, and bounded by max_bytes.
 * Time is bounded by max_work.
 * An Evaluator borrows its graph, belongs to one thread, and uses several while it runs.
 */

#include "base/problem.h"
#include "dpu/sim/values.h"
#include "xmodel/graph.h"

typedef struct Evaluator Evaluator;

typedef struct EvaluatorOptions {
        unsigned n_threads; /* 0: all cores */
        uint64_t max_bytes; /* of all values at one time; 0: EVALUATOR_BYTES_MAX */
        uint64_t max_work;  /* multiplications of one run; 0: EVALUATOR_WORK_MAX */
        bool substitute;
        bool substitute_refused; /* likewise float ops whose attributes have no definition */
        uint64_t seed;           /* of substitutes */
} EvaluatorOptions;

#define EVALUATOR_BYTES_MAX ((uint64_t) 6 << 30)
#define EVALUATOR_WORK_MAX  ((uint64_t) 1 << 44) /* 17 * 10^12: an hour or so */

/* Called after each op with what it put out, which may be changed in place (the consumers then
 * see that). Negative: the run ends with it. */
typedef int (*EvaluatorEach)(const Op *op, Values *values, void *userdata);

/* @graph must be verified (graph_verify) and its consumers counted. -ENOMEM. */
int evaluator_new(Evaluator **ret, const Graph *graph, const EvaluatorOptions *options);
Evaluator *evaluator_free(Evaluator *evaluator);

static inline void evaluator_freep(Evaluator **evaluator) {
        (void) evaluator_free(*evaluator);
}

/* What @op puts out in every run, instead of being evaluated: inputs, and overrides of any other
 * op. Takes @values over. */
void evaluator_set(Evaluator *evaluator, const Op *op, Values *values);

void evaluator_keep(Evaluator *evaluator, const Op *op); /* until the next run */

/* The storage and shape in which @op's values are expected, zeroed: for evaluator_set(). */
int evaluator_blank(Evaluator *evaluator, const Op *op, Values *ret, Problem *problem);

/* Evaluates all ops; @each may be NULL. Every `data` and `data-fix` op must have been set.
 * -EINVAL, -ENOSYS (an op without definition), -EFBIG (memory) and -E2BIG (work) with @problem;
 * -ENOMEM. */
int evaluator_run(Evaluator *evaluator, EvaluatorEach each, void *userdata, Problem *problem);

/* After a run: values of ops that were kept or set; NULL for others. */
const Values *evaluator_values(const Evaluator *evaluator, const Op *op);

bool evaluator_knows(const char *op_type);
bool evaluator_is_input(const Op *op);       /* data, data-fix */
bool evaluator_is_substituted(const Op *op); /* if options say so */

/* The fix point of the first `fix` behind @op, through ops that only move: multiples of 2^-that
 * lose nothing there. EVALUATOR_GRID where there is none. */
#define EVALUATOR_GRID 4
int32_t evaluator_grid_behind(const Graph *graph, const Op *op);
