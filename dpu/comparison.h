#pragma once

/*
 * Comparison: does a compiled graph compute what its source does?
 *
 * Both are evaluated with the same inputs. A compiler keeps the names of the tensors that end in a
 * `fix`, so most of what happens inside can be compared by name, not only the outputs.
 *
 * A tensor that differs although all it is made of is equal is a *difference*: there the compiler
 * changed the arithmetic. What follows from it would hide further ones, so the compiled graph is
 * evaluated again with the source's values in its place, until nothing new turns up.
 *
 * Ops that have no definition are substituted alike in both (evaluator.h).
 */

#include "base/problem.h"
#include "dpu/sim/evaluator.h"
#include "dpu/sim/pattern.h"
#include "xmodel/graph.h"

#define COMPARISON_DIFFERENCES_MAX 16

typedef struct ComparisonDifference {
        const Op *op;        /* of the compiled graph */
        const Op *source_op; /* the one that puts out what was expected */
        size_t index;        /* of the first element that differs */
        double got, expected;
        size_t n_elements, n_different;
        double largest; /* difference, in steps of the compiled tensor */
} ComparisonDifference;

typedef struct Comparison {
        size_t n_compared;  /* tensors of both graphs */
        size_t n_different; /* of them, what only follows from others included */
        size_t n_outputs, n_outputs_different;
        size_t n_outputs_missing; /* outputs of the source that the compiled graph does not have */
        ComparisonDifference differences[COMPARISON_DIFFERENCES_MAX];
        size_t n_differences;
        bool complete; /* false: more differences than fit */
} Comparison;

typedef struct ComparisonOptions {
        EvaluatorOptions evaluator;
        bool source_constants; /* the compiled graph gets the source's (constants.h) */
} ComparisonOptions;

/* Gives the inputs of a graph to its evaluator. */
typedef int (*ComparisonFill)(Evaluator *evaluator, const Graph *graph, void *userdata,
                              Problem *problem);

/* Both graphs verified, consumers counted. -EINVAL with @problem: inputs or outputs that have no
 * counterpart, or what evaluator_run() says. */
int comparison_run(const Graph *source, const Graph *compiled, const ComparisonOptions *options,
                   ComparisonFill fill, void *userdata, Comparison *ret, Problem *problem);
