#pragma once

/*
 * Constants: a source's parameters for the graph that was compiled from it
 *
 * In compiled files for most DPU families the weights lie in an order that is not known here. The
 * graph says what the layers do, and the source has the same numbers: a constant keeps its name
 * (but for what compilers add to it), its fix point and the order of its elements. So the graph
 * of such a file can be held against its source, though not the weights in it.
 */

#include "base/problem.h"
#include "dpu/sim/evaluator.h"
#include "xmodel/graph.h"

/* Keeps the parameters of @source in its next run. */
void constants_keep(Evaluator *source_run, const Graph *source);

/* After that run: sets the constants of @compiled that have a counterpart. Those without stay what
 * they are. -EINVAL with @problem: one of another size or fix point; -ENOMEM. */
int constants_set(const Evaluator *source_run, const Graph *source, Evaluator *compiled_run,
                  const Graph *compiled, Problem *problem);
