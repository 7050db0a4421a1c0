#pragma once

/*
 * ELEWINIT and ELEW: sums and products of up to four images, element by element; copies and
 * changes of fix point are sums of one
 *
 * Nothing is rounded but the result: what shift_read takes from an operand is kept as a
 * fraction until then. (Arithmetic: Xilinx/Vitis-AI, src/vai_library/cpu_task/ops; whether
 * silicon cuts earlier is not known. Fields: docs/ISA.md.)
 */

#include "dpu/sim/core.h"

int elewinit_execute(Core *core, const Instruction *instruction, Problem *problem);
int elew_execute(Core *core, const Instruction *instruction, Problem *problem);
