#pragma once

/*
 * Compiled models with other code: takes the vendor's program, places and constants off the DPU
 * subgraphs of a compiled model and has ours generated for the same ops, for any target.
 */

#include "base/problem.h"
#include "xmodel/fingerprint.h"
#include "xmodel/graph.h"

/* how many of the subgraphs of the model have a program that can be replaced */
size_t regenerate_count(const Graph *graph);

/* Replaces them. Subgraphs below the root keep their names, those further down are made anew.
 * Errors of codegen_run(), with @problem. */
int regenerate_run(Graph *graph, const FingerprintInfo *target, Problem *problem);

/* the eight sizes, B512 first; features as the newest release of the vendor's tools names them */
#define REGENERATE_TARGETS 8
FingerprintInfo regenerate_target(size_t number);
