#pragma once

/*
 * Trial: does the code of a compiled model compute what its graph says?
 *
 * The graph is evaluated (sim/evaluator.h), each DPU program is run in the simulator with the
 * inputs that its subgraph has there, and its outputs are held against the evaluator's. Where an
 * output differs, the tensors inside are compared in the order of the graph, to name the first
 * layer that went wrong. A program that the simulator stops is as wrong as one that computes
 * something else.
 *
 * Programs are run in the order in which they stand and, if asked for, in others that their tokens
 * allow: the result must be the same.
 */

#include "base/problem.h"
#include "dpu/feed.h"
#include "dpu/sim/evaluator.h"
#include "dpu/sim/program.h"
#include "xmodel/graph.h"

/* what came of one program in all its orders */
typedef struct TrialProgram {
        const Subgraph *subgraph;
        size_t n_runs;                       /* orders tried; stops at the first that is wrong */
        size_t n_outputs, n_outputs_wrong;   /* of the last run */
        size_t n_inside, n_inside_different; /* tensors that could be seen when they were made */
        Problem stopped;                     /* why the simulator stopped; "" if it did not */
        const Op *first;                     /* the first that differs; NULL if nothing does */
        size_t index;                        /* in it, with both numbers, as stored */
        int8_t got, expected;
} TrialProgram;

typedef struct Trial {
        TrialProgram *programs; /* owned */
        size_t n_programs;
        bool right;
} Trial;

typedef struct TrialOptions {
        EvaluatorOptions evaluator;
        uint64_t seed;   /* of noise and orders */
        size_t n_orders; /* besides that of the program */
} TrialOptions;

/* @graph: compiled, verified, consumers counted. @programs are of its DPU subgraphs. -errno with
 * @problem where nothing can be said: inputs that do not fit, an op that fails to evaluate. */
int trial_run(const Graph *graph, const Program *programs, size_t n_programs, Feed *feed,
              const TrialOptions *options, Trial *ret, Problem *problem);
void trial_deinit(Trial *trial);
