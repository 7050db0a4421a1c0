#pragma once

/*
 * Engines: what a DPU of the family DPUCZDX8G ISA 1 can run, op by op
 *
 * The limits of kernels, strides, paddings, channels, dilation, weights, shifts and activations, by
 * the numbers of the target. Facts: the vendor's inspector (pytorch_nndct/hardware/dpu_op_filter.py,
 * without its known slips), UG1414 3.5 "Currently Supported Operators", the target definitions of
 * Xilinx/Vitis-AI src/vai_runtime/target_factory, and what 105 public compiled models do.
 *
 * What an engine can do and a code generator cannot is the generator's to say.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "xmodel/fingerprint.h"
#include "xmodel/graph.h"

typedef struct Engines {
        int32_t channel_parallel;
        unsigned features; /* DpuFeature */
} Engines;

void engines_init(Engines *engines, const FingerprintInfo *info);

/* false: no, with @reason. @op is fixed-point, and so is all that it reads. */
bool engines_accept(const Op *op, const Engines *engines, Problem *reason);
