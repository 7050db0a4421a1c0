#pragma once

/*
 * Regions: the ops of one DPU subgraph, and whose bytes their tensors share
 *
 * A region is a run of fixed-point ops in the form that the vendor's compiler writes: `upload` for
 * what comes in, `const-fix` for weights and biases, layers, `download` behind what goes out.
 *
 * Some tensors need no memory of their own. A reshape has the bytes of what it reshapes. What is
 * concatenated along the channels is written into its slice of the concatenation right away, where
 * nothing stands against that: it has the same fix point, is computed here, goes into one
 * concatenation once, and nothing needs it to be without gaps.
 *
 * A Region borrows the ops.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "dpu/codegen/view.h"
#include "xmodel/graph.h"

#define REGION_OPS_MAX (1u << 20)

/* How a tensor comes to those who read it (chain.h). */
typedef enum RegionLink {
        REGION_MEMORY,  /* to whoever comes */
        REGION_WHOLE,   /* to the next layer, all rows at once */
        REGION_PASSING, /* to the next layer, some rows at a time */
} RegionLink;

/* What an op makes. Steps count the ops of the region. */
typedef struct RegionTensor {
        const Op *op;
        View view;      /* its shape and fix point; places.h adds where it lies */
        uint64_t bytes; /* without gaps */
        bool constant, input, output;
        size_t root;        /* number of the tensor in whose memory it lies; often its own */
        bool slice;         /* of the channels of its root, */
        uint32_t channel;   /* from this one on */
        bool shared;        /* others have it as root */
        size_t first, last; /* of a root: steps from the first write to the last read */
        RegionLink link;
        size_t next;      /* linked: the step that it goes to, */
        uint32_t layout;  /* whose row groups have so many rows */
        bool saved;       /* linked, but others read it, too */
        bool follows;     /* the layer itself has its input from one that is linked to it, */
        unsigned operand; /* so many inputs before it */
} RegionTensor;

typedef struct Region {
        const Op *const *ops;  /* borrowed; ascending index in the graph */
        RegionTensor *tensors; /* owned; of ops[i]. That of a download is not used */
        size_t n;
} Region;

/* true: upload, download and const-fix, which are no layers */
bool region_is_border(const Op *op);

/* -EINVAL with @problem: ops that read what is not in the region, or are not sound; -EOPNOTSUPP:
 * tensors that no engine works on; -EFBIG, -ENOMEM. */
int region_init(Region *region, const Op *const *ops, size_t n, Problem *problem);
void region_deinit(Region *region);

/* The layer at @step has no code of its own: its bytes are where they belong. Borders have none. */
bool region_is_silent(const Region *region, size_t step);

/* Memory of @t is in use at @step. */
void region_use(Region *region, const RegionTensor *t, size_t step);

/* The tensor never is in memory, though it has a place there, as such tensors have in the vendor's
 * files: whoever walks over a compiled graph finds all of them in one way. */
static inline bool region_is_on_chip(const RegionTensor *t) {
        return t->link != REGION_MEMORY && !t->saved;
}

RegionTensor *region_tensor(const Region *region, const Op *op); /* NULL: not in the region */

static inline void region_cleanup(Region *region) {
        region_deinit(region);
}
