#pragma once

/*
 * Proof: does a compilation compute what the quantized model does?
 *
 * For each pattern of inputs the compiled graph is held against the source, tensor by tensor, in
 * the evaluator (dpu/comparison.h), and each DPU program against the compiled graph, in the
 * simulator (dpu/trial.h), which also stops at accesses that no token orders. Numbers, not logic:
 * it shows that these inputs give the same bits, and no board has been asked.
 *
 * A Proof borrows the graphs.
 */

#include <stdbool.h>

#include "base/problem.h"
#include "dpu/sim/pattern.h"
#include "xmodel/graph.h"

#define PROOF_FINDINGS_MAX 64

/* what is wrong; one of both, or both, are known */
typedef struct ProofFinding {
        const Op *op;             /* of the compiled graph: the first that differs */
        const Subgraph *subgraph; /* its program is wrong; NULL: the graph is */
        Problem what;
} ProofFinding;

typedef struct Proof {
        size_t n_programs;
        size_t n_patterns; /* that were tried: patterns 0 to this */
        ProofFinding findings[PROOF_FINDINGS_MAX];
        size_t n_findings; /* 0: all is equal */
} Proof;

/* called before each pattern */
typedef void (*ProofProgress)(Pattern pattern, void *userdata);

typedef struct ProofSpec {
        const Graph *source; /* verified */
        Graph *compiled;
        uint64_t max_work;      /* as EvaluatorOptions has it */
        ProofProgress progress; /* may be NULL */
        void *userdata;
} ProofSpec;

/* The patterns in turn, up to the first with findings. With @problem: -EFBIG, -E2BIG: too large for
 * the evaluator, and nothing was found before that; all others: there are graphs or programs that
 * are not even sound. -ENOMEM. */
int proof_run(const ProofSpec *spec, Proof *ret, Problem *problem);

/* Multiplications and the like that the DPU has to do for one input, as the file says. */
uint64_t proof_work(const Graph *compiled);
