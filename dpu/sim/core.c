#include "dpu/sim/core.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

int core_refuse(const Instruction *instruction, Problem *problem, int r, const char *format, ...) {
        char text[PROBLEM_MAX];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        return problem_set(problem, r, "offset 0x%" PRIx32 ": %s: %s", instruction->offset,
                           isa_describe(instruction->kind)->name, text);
}

int core_spend(Core *core, const Instruction *instruction, uint64_t n, Problem *problem) {
        if (n > core->work_max - core->work)
                return core_refuse(instruction, problem, -E2BIG,
                                   "the program has more to do than the limit of %" PRIu64
                                   " operations",
                                   core->work_max);
        core->work += n;
        return 0;
}

int core_check_known(const Instruction *instruction, Problem *problem) {
        const IsaDescription *d = isa_describe(instruction->kind);

        if (d->status != ISA_PROVED)
                return core_refuse(instruction, problem, -EINVAL,
                                   "no program of ISA 1 has this instruction, and what it does "
                                   "is not known");
        for (size_t i = 0; i < d->n_fields; i++) {
                const IsaField *f = &d->fields[i];

                if (f->status == ISA_GUESSED && instruction->values[i] != 0)
                        return core_refuse(instruction, problem, -EINVAL,
                                           "%s is %" PRIu32
                                           "; programs have 0, what others mean is not known",
                                           f->name, instruction->values[i]);
        }
        return 0;
}

int core_check_activation(const Core *core, const Instruction *instruction, uint32_t act_type,
                          DpuFeature leaky, Problem *problem) {
        if (act_type == CORE_ACTIVATION_NONE || act_type == CORE_ACTIVATION_RELU)
                return 0;
        if (act_type != CORE_ACTIVATION_LEAKY_RELU)
                return core_refuse(instruction, problem, -EINVAL,
                                   "act_type is %" PRIu32
                                   "; known are 0 (none), 1 (relu) and 3 (leaky relu)",
                                   act_type);
        if (!(core->target.features & leaky))
                return core_refuse(instruction, problem, -EINVAL,
                                   "act_type is 3 (leaky relu), which %s does not have here",
                                   core->target.name);
        return 0;
}
