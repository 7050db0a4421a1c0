#include "tests/support/micro.h"

#include <stdlib.h>

#include "base/array.h"

const uint64_t micro_targets[8] = {
        UINT64_C(0x0101000056010200), UINT64_C(0x0101000056010201), UINT64_C(0x0101000056010402),
        UINT64_C(0x0101000056010203), UINT64_C(0x0101000056010404), UINT64_C(0x0101000056010405),
        UINT64_C(0x0101000056010406), UINT64_C(0x0101000056010407),
};

static void must(bool good) {
        if (!good)
                abort();
}

void micro_init(Micro *micro, uint64_t fingerprint, size_t constant_size, size_t workspace_size) {
        *micro = (Micro){ .constant_size = constant_size,
                          .workspace_size = workspace_size,
                          .code = BYTES_INIT(1 << 26) };
        micro->constant = calloc(constant_size + 1, 1);
        must(micro->constant != NULL);
        must(fingerprint_decode(fingerprint, &micro->program.target, NULL) == 0);
}

void micro_deinit(Micro *micro) {
        free(micro->constant);
        free(micro->items);
        bytes_deinit(&micro->code);
        *micro = (Micro){};
}

void micro_add_as_is(Micro *micro, Instruction instruction) {
        must(array_reserve(&micro->items, &micro->capacity, micro->n_items + 1,
                           sizeof(*micro->items)) == 0);
        micro->items[micro->n_items++] = instruction;
}

void micro_add(Micro *micro, Instruction instruction) {
        IsaEngine engine = isa_describe(instruction.kind)->engine;

        instruction.tokens.dpdon = instruction.tokens.dpdby = engine;
        if (micro->n_items > 0) {
                Instruction *before = &micro->items[micro->n_items - 1];
                IsaEngine other = isa_describe(before->kind)->engine;

                if (other != engine) {
                        before->tokens.dpdby |= engine;
                        instruction.tokens.dpdon |= other;
                }
        }
        micro_add_as_is(micro, instruction);
}

void micro_finish(Micro *micro) {
        if (micro->n_items == 0 || micro->items[micro->n_items - 1].kind != ISA_END)
                micro_add(micro, isa_blank(ISA_END));
        micro->code.size = 0;
        for (size_t i = 0; i < micro->n_items; i++)
                must(isa_encode(&micro->items[i], &micro->code, NULL) == 0);
        micro->program.code = bytes_slice(&micro->code);
        micro->program.regions[0] =
                (ProgramRegion){ .role = PROGRAM_CONST,
                                 .size = micro->constant_size,
                                 .constant = slice_of(micro->constant, micro->constant_size) };
        micro->program.regions[1] =
                (ProgramRegion){ .role = PROGRAM_WORKSPACE, .size = micro->workspace_size };
}

ProgramTensor micro_workspace(const Micro *micro) {
        return (ProgramTensor){ .reg_id = 1,
                                .n_dims = 1,
                                .dims = { (uint32_t) micro->workspace_size },
                                .strides = { 1 },
                                .elements = micro->workspace_size };
}
