#pragma once

/*
 * Workload: how many operations a layer takes, as the vendor's compiler counts them
 *
 * Once as the network has it, once rounded up to what the engines' parallelism makes of it. The
 * formulas are those that all layers of public compiled models agree with.
 */

#include <stdbool.h>
#include <stdint.h>

#include "xmodel/fingerprint.h"
#include "xmodel/graph.h"

typedef struct Workload {
        uint64_t plain, on_arch;
} Workload;

/* A first convolution of few channels, which are loaded with those of their neighbours: it counts
 * as one group of input channels for each row of the kernel, and carries channel_augmentation. */
bool workload_is_augmented(const Op *op, const FingerprintInfo *target);

/* false: an op that is counted as nothing, and has no such attributes */
bool workload_of(const Op *op, const FingerprintInfo *target, Workload *ret);
