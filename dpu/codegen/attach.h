#pragma once

/*
 * Attaching: a generated program becomes a DPU subgraph
 *
 * Gives the subgraph, its children (one for each layer, as the vendor's compiler has them), ops and
 * tensors the attributes that the vendor's runtime looks up, with the types that it reads them with
 * (Xilinx/Vitis-AI src/vai_runtime/vart/dpu-runner: dpu_kernel.cpp, dpu_session_base_imp.cpp;
 * docs/FORMATS.md). The content of constants moves from their ops to the registers' values.
 */

#include "dpu/codegen/codegen.h"

/* @subgraph is a child of the root without ops and children.
 * -EINVAL: it is not; -ENOMEM. */
int attach_run(const Codegen *codegen, const FingerprintInfo *target, Graph *graph,
               Subgraph *subgraph, Problem *problem);
