#pragma once

/*
 * ALUINIT and ALU: what looks at one channel at a time. Depthwise convolution with and without
 * bias, average and maximum pooling, hard sigmoid. All channels of up to ALU_PP rows.
 *
 * (Arithmetic: Xilinx/Vitis-AI, src/vai_library/cpu_task/ops; modes: AluType in
 * target_factory's target.proto; fields: docs/ISA.md.)
 */

#include "dpu/sim/core.h"

/* exec_mode, of those that programs have */
typedef enum AluMode {
        ALU_DEPTHWISE = 0,
        ALU_AVERAGE = 2,
        ALU_MAXIMUM = 3,
        ALU_SCALE = 6, /* depthwise without bias */
        ALU_HARD_SIGMOID = 7,
} AluMode;

int aluinit_execute(Core *core, const Instruction *instruction, Problem *problem);
int alu_execute(Core *core, const Instruction *instruction, Problem *problem);
