#pragma once

/*
 * The core: the state that the engines share, and what every instruction's execution needs
 *
 * transfer.h, conv.h, alu.h and elew.h have one function for each instruction, all of the form
 *
 *      int NAME_execute(Core *core, const Instruction *instruction, Problem *problem);
 *
 * which checks every field before it touches anything and reports each bank word and memory byte
 * to the hazards. The tokens are not their business.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/random.h"
#include "dpu/isa/isa.h"
#include "dpu/sim/bank.h"
#include "dpu/sim/crew.h"
#include "dpu/sim/hazard.h"
#include "dpu/sim/kernel.h"
#include "dpu/sim/memory.h"

#define CORE_OPERANDS 4 /* of an element-wise operation */

typedef struct Core {
        FingerprintInfo target;
        Banks banks;
        Memory memory;
        Hazards hazards;
        Random random; /* noise for lanes that an instruction leaves open */

        /* what the INIT instructions set, each for the engine's next ones */
        bool has_convinit, has_aluinit, has_elewinit[CORE_OPERANDS];
        IsaConvinit convinit;
        IsaAluinit aluinit;
        IsaElewinit elewinit[CORE_OPERANDS];

        Kernel kernel;           /* the inner loop of convolutions */
        Crew *crew;              /* NULL: one thread */
        uint64_t work, work_max; /* multiplications and bytes moved so far, and at most */

        /* buffers that keep their size from instruction to instruction */
        int16_t *patch, *weights;
        size_t patch_capacity, weights_capacity;
        int32_t *sums;
        size_t sums_capacity;
        int8_t *output;
        size_t output_capacity;
} Core;

/* Says what is wrong with @instruction and where it is; returns @r. */
int core_refuse(const Instruction *instruction, Problem *problem, int r, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* Counts @n units of work before they are done. -E2BIG with @problem. */
int core_spend(Core *core, const Instruction *instruction, uint64_t n, Problem *problem);

/* Guessed fields must be as always, and the instruction one that the simulator knows: -EINVAL */
int core_check_known(const Instruction *instruction, Problem *problem);

/* --- arithmetic ------------------------------------------------------------------------------ */

/* value / 2^shift, rounded half up; a negative shift multiplies */
static inline int64_t core_round_shift(int64_t value, int shift) {
        if (shift <= 0)
                return value * (INT64_C(1) << -shift);
        return (value + (INT64_C(1) << (shift - 1))) >> shift;
}

static inline int8_t core_saturate(int64_t value) {
        return (int8_t) (value < INT8_MIN ? INT8_MIN : value > INT8_MAX ? INT8_MAX : value);
}

/* act_type, of CONVINIT and ALUINIT */
typedef enum CoreActivation {
        CORE_ACTIVATION_NONE = 0,
        CORE_ACTIVATION_RELU = 1,
        CORE_ACTIVATION_LEAKY_RELU = 3,
} CoreActivation;

#define CORE_LEAKY_NUMERATOR 26 /* of 256: the only slope there is */
#define CORE_LEAKY_SHIFT     8

static inline int8_t core_finish_sum(int64_t sum, int shift, CoreActivation activation) {
        if (sum < 0 && activation == CORE_ACTIVATION_RELU)
                return 0;
        if (sum < 0 && activation == CORE_ACTIVATION_LEAKY_RELU)
                return core_saturate(
                        core_round_shift(sum * CORE_LEAKY_NUMERATOR, shift + CORE_LEAKY_SHIFT));
        return core_saturate(core_round_shift(sum, shift));
}

/* an act_type that the target's engine has; @leaky is its feature for leaky ReLU. -EINVAL */
int core_check_activation(const Core *core, const Instruction *instruction, uint32_t act_type,
                          DpuFeature leaky, Problem *problem);
