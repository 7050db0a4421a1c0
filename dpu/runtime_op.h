#pragma once

/*
 * What the board's runtime can run on the CPU
 *
 * The vendor's CPU runner loads libvart_op_imp_<type>.so for every op of a CPU subgraph and
 * fails when there is none. It ships implementations of some types (Xilinx/Vitis-AI
 * src/vai_library/cpu_task/CMakeLists.txt, release 3.5); for all others the user writes one.
 */

#include <stdbool.h>

#include "base/problem.h"
#include "xmodel/graph.h"

/* false: it has none, or none that takes this op's attributes; @ret_why then says so. */
bool runtime_op_is_implemented(const Op *op, Problem *ret_why);
