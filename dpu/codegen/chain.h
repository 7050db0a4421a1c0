#pragma once

/*
 * Chains: which layers hand their output on on the chip
 *
 * Goes over a region's layers in their order. A layer whose first consumer is the layer right behind
 * it may be linked to it: the rows stay in banks, in a map that is as high as the image, where that
 * fits, else in one that they pass through (cascade.h). Only if somebody else reads the output, too,
 * is it saved. The alternatives are known before, so what fits is what is taken, in this order:
 * whole, passing, memory.
 *
 * A whole image is better than a passing one, because the weights of both layers need not be there
 * at once; both are better than memory, because nothing is moved.
 */

#include "base/problem.h"
#include "dpu/codegen/region.h"
#include "xmodel/fingerprint.h"

/* Sets the links of @region's tensors, and what follows for how long they are in memory. -EOPNOTSUPP
 * with @problem: a layer that no engine does; -ENOMEM. */
int chain_plan(Region *region, const FingerprintInfo *target, Problem *problem);
