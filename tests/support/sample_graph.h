#pragma once

/*
 * Small graphs, made with the functions of graph.h: as the quantizer exports them, and one
 * as the vendor's compiler leaves it. Failing allocations abort: this is test code.
 */

#include "xmodel/graph.h"

/* in ──> in_fix ──> conv ──> conv_fix ──> softmax
 *        w ──> w_fix ──┘                          in: [1,4,4,3], fix point 6; conv_fix: 3 */
Graph *sample_graph_quantized(void);

/* in ──> in_fix ──> softmax: nothing for the DPU */
Graph *sample_graph_off_dpu(void);

/* What a compiler for the board 0x101000056010402 makes of it: "subgraph_in" (USER),
 * "subgraph_conv" (DPU, one level below the root), "subgraph_conv_fix_softmax" (CPU). */
Graph *sample_graph_compiled(void);
