#pragma once

/*
 * CONVINIT and CONV: convolution of up to PP rows, for as many output channels as there are
 * weight banks, over all input channels
 *
 *      out = act((2 * sum + (bias << shift_bias)) / 2^(shift_cut + 1)), rounded half up, saturated
 *
 * (Arithmetic: Xilinx/Vitis-AI, src/vai_library/cpu_task/ops; fields: docs/ISA.md.)
 */

#include "dpu/sim/core.h"

int convinit_execute(Core *core, const Instruction *instruction, Problem *problem);
int conv_execute(Core *core, const Instruction *instruction, Problem *problem);
