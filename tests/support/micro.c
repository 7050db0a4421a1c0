#include "tests/support/micro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

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

/* --- images in banks --- */

static uint32_t micro_row(const Micro *micro, const MicroImage *image, uint32_t position,
                          uint32_t *ret_bank) {
        uint32_t pixels = micro->program.target.pixels, q = position / image->stride;

        *ret_bank = image->group * pixels + q % pixels;
        return image->start +
               (q / pixels * image->stride + position % image->stride) * image->row_pitch;
}

bool micro_fits(const Micro *micro, const MicroImage *image) {
        uint32_t rounds =
                (image->position + image->height) / (image->stride * micro->program.target.pixels) +
                1;

        return rounds * image->stride * image->row_pitch <= 2048;
}

void micro_load(Micro *micro, const MicroImage *image, uint32_t address) {
        Instruction load = isa_blank(ISA_LOAD);

        load.load.jump_write = image->pixel_pitch;
        load.load.jump_read = load.load.channel = image->channels;
        load.load.length = image->width;
        for (uint32_t y = 0; y < image->height; y++) {
                load.load.bank_addr =
                        micro_row(micro, image, image->position + y, &load.load.bank_id) % 4096;
                load.load.ddr_addr = address + y * image->width * image->channels;
                micro_add(micro, load);
        }
}

MicroWindow micro_window(const Micro *micro, const MicroImage *image, uint32_t top, uint32_t left) {
        uint32_t round = image->stride * micro->program.target.pixels, bank;
        uint32_t first = image->position - top;
        MicroWindow window = { .offset = first % image->stride };

        (void) micro_row(micro, image, first, &window.bank);
        for (uint32_t k = 0; k < 4; k++)
                window.address[k] = (micro_row(micro, image, (first / round + k) * round, &bank) -
                                     left * image->pixel_pitch) %
                                    4096;
        return window;
}

/* --- running --- */

void micro_run(const Micro *micro, const SimulatorOptions *options, Bytes *ret) {
        _cleanup_(simulator_freep) Simulator *s = NULL;
        ProgramTensor all = micro_workspace(micro);
        Problem problem = { "" };

        if (simulator_new(&s, &micro->program, options, &problem) < 0 ||
            simulator_run(s, &problem) < 0) {
                (void) fprintf(stderr, "%s\n", problem.text);
                abort();
        }
        must(simulator_read(s, &all, ret) == 0);
}

bool micro_is_refused(const Micro *micro, int error, const char *said) {
        _cleanup_(simulator_freep) Simulator *s = NULL;
        Problem problem = { "" };
        int r;

        must(simulator_new(&s, &micro->program, NULL, &problem) == 0);
        r = simulator_run(s, &problem);
        if (r == error && strstr(problem.text, said))
                return true;
        (void) fprintf(stderr, "%d '%s', not %d '%s'\n", r, problem.text, error, said);
        return false;
}

uint32_t micro_between(Random *random, uint32_t low, uint32_t high) {
        return low + (uint32_t) random_below(random, high - low + 1);
}

int8_t micro_divide(int64_t value, int64_t by) {
        int64_t twice = 2 * value + by;
        int64_t result = twice >= 0 ? twice / (2 * by) : -((-twice + 2 * by - 1) / (2 * by));

        return (int8_t) (result > 127 ? 127 : result < -128 ? -128 : result);
}
