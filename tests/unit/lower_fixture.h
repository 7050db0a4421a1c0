#pragma once

/*
 * For tests of what was lowered: against what it was lowered from.
 */

#include <stdbool.h>

#include "dpu/sim/pattern.h"
#include "xmodel/graph.h"

#define LOWER_B4096 UINT64_C(0x101000056010407)
#define LOWER_B512  UINT64_C(0x101000056010400)

/* For the engines of a target; verified. */
Graph *lower_for(const Graph *source, uint64_t fingerprint);

/* Only its error: for allocations that fail. */
int lower_try(const Graph *source, uint64_t fingerprint);

/* Fails unless @lowered is @source bit by bit, with these inputs. */
void lower_compare(const Graph *source, const Graph *lowered, Pattern pattern);

/* Fails unless what is lowered is @source bit by bit, with all patterns of inputs, and exactly ops
 * of the types @kept (NULL ends them; borders and constants do not count) stay off the DPU, each
 * with a reason. */
void lower_check(const Graph *source, uint64_t fingerprint, const char *const *kept);

/* lower_check() with nothing kept and whole_check(); then the graph for B4096. Consumers must be counted. */
Graph *lower_all(const Graph *source);

const Op *lower_find(const Graph *lowered, const char *type); /* the last; NULL: there is none */

/* Why the first op of that type stays off the DPU; NULL: it does not. */
const char *lower_reason(const Graph *lowered, const char *type);

typedef struct LowerExpected {
        const char *name; /* of a file in the corpus's folder "quantized" */
        const char *kept[8];
} LowerExpected;

/* lower_check() of these files, or skips. */
void lower_check_corpus(const LowerExpected *models, size_t n);
