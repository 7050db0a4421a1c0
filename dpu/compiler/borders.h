#pragma once

/*
 * Pass between partition and plan, borders: what crosses to the DPU and back
 *
 * In:  the lowered graph and its partition.
 * Out: a graph of its own, the same but for this: what a DPU part reads from another part goes
 *      through an `upload` of its own, what another part or the application reads from it through
 *      a `download`. And a partition of that graph, part by part the same.
 *
 * Invariants: ops[] is topological. The tensor of a download has the public name, its producer's
 * gets the suffix `_download_0`; uploads are numbered by producer, one for each part that reads it.
 * (That is how the vendor's compiled files have it; the runtime finds tensors by it: Xilinx/Vitis-AI
 * src/vai_runtime/vart/dpu-runner/src/dpu_session_base_imp.cpp.) A constant that two parts read is
 * copied: each has its own registers.
 *
 * Without DPU parts the result is a copy.
 */

#include "dpu/compiler/partition.h"

/* -ENOMEM; -EEXIST: the graph has ops of such names already. */
int borders_run(const Graph *lowered, const Partition *partition, Graph **ret_graph,
                Partition **ret_partition);
