#pragma once

/*
 * Pass 3, plan: sizes, and what crosses between parts
 *
 * In:  the lowered graph and its partition.
 * Out: the bytes of every tensor; for each part what it reads from other parts, what others (or
 *      the application) read from it, and its workload.
 *
 * Invariants: inputs and outputs are in graph order, each once. An op that nobody reads is an
 * output of its part unless it is a constant. Workload counts operations on the DPU, as the
 * vendor counts them, so parts of other devices have 0.
 *
 * A Plan borrows ops; the graph must outlive it.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/problem.h"
#include "dpu/compiler/partition.h"
#include "xmodel/graph.h"

typedef struct PlanPart {
        const Op **inputs; /* owned array */
        size_t n_inputs;
        const Op **outputs; /* owned array */
        size_t n_outputs;
        uint64_t constant_bytes;
        uint64_t tensor_bytes; /* of all tensors that are no constants */
        uint64_t workload;
} PlanPart;

typedef struct Plan {
        uint64_t *tensor_bytes; /* by Op.index; an open dimension counts as 1 */
        PlanPart *parts;        /* as Partition.parts */
        size_t n_parts;
} Plan;

/* -ENOMEM; -EOVERFLOW: the model's tensors do not fit into 64 bits of size. */
int plan_run(const Graph *lowered, const Partition *partition, Plan **ret, Problem *problem);
Plan *plan_free(Plan *plan);

static inline void plan_freep(Plan **plan) {
        (void) plan_free(*plan);
}

/* One line for each part, one for everything that crosses. -ENOMEM, -EFBIG. */
int plan_dump(const Plan *plan, const Partition *partition, Bytes *ret);
