/*
 * The simulator on any program, within a limit of work. Either it is refused with a reason, or the
 * vector and the portable inner loop compute the same, and another order of the engines finds
 * nothing wrong either.
 *
 * The first byte chooses target and form. In one form the rest is the code as it is; in the other
 * it is a kind and field values for each instruction, so that most of what the fuzzer makes up can
 * be decoded.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/support/micro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORK_MAX     (1u << 22)
#define REGION_SIZE  4096
#define INSTRUCTIONS 64

static void must(bool good) {
        if (!good)
                abort();
}

static int run(const Micro *m, const SimulatorOptions *options, Bytes *ret) {
        _cleanup_(simulator_freep) Simulator *s = NULL;
        ProgramTensor all = micro_workspace(m);
        Problem problem = { "" };
        int r;

        must(simulator_new(&s, &m->program, options, &problem) == 0);
        r = simulator_run(s, &problem);
        must(r == 0 || (r < 0 && problem.text[0] != '\0'));
        if (r == 0)
                must(simulator_read(s, &all, ret) == 0);
        return r;
}

/* @n bytes as an instruction: its kind, then its fields, two bytes each */
static size_t take(const uint8_t *data, size_t n, Instruction *ret) {
        IsaKind kind = (IsaKind) (data[0] % ISA_END); /* the first eight */
        const IsaDescription *d = isa_describe(kind);
        size_t used = 1;

        *ret = isa_blank(kind);
        for (size_t i = 2; i < d->n_fields && used + 2 <= n; i++, used += 2) {
                uint32_t value = (uint32_t) data[used] | (uint32_t) data[used + 1] << 8;

                if (d->fields[i].status == ISA_GUESSED)
                        continue;
                ret->values[i] += value & (UINT32_MAX >> (32 - d->fields[i].width));
        }
        return used;
}

static void build(Micro *m, const uint8_t *data, size_t size, bool chained) {
        for (size_t at = 0, n = 0; at < size && n < INSTRUCTIONS; n++) {
                Instruction instruction;

                at += take(data + at, size - at, &instruction);
                if (instruction.kind == ISA_SAVE)
                        instruction.save.reg_id = 1;
                if (chained)
                        micro_add(m, instruction);
                else
                        micro_add_as_is(m, instruction);
        }
        micro_finish(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Bytes out[2] = { BYTES_INIT(REGION_SIZE), BYTES_INIT(REGION_SIZE) };
        SimulatorOptions options = { .threads = 1, .work_max = WORK_MAX };
        Micro m;
        int r;

        if (size < 1)
                return 0;
        micro_init(&m, micro_targets[data[0] & 7], REGION_SIZE, REGION_SIZE);
        for (size_t i = 0; i < REGION_SIZE; i++)
                m.constant[i] = (uint8_t) (i * 37);
        if (data[0] & 8) {
                build(&m, data + 1, size - 1, data[0] & 16);
        } else {
                micro_finish(&m);
                m.program.code = slice_of(data + 1, size - 1);
        }
        r = run(&m, &options, &out[0]);
        options.portable = true;
        must(run(&m, &options, &out[1]) == r);
        must(slice_equal(bytes_slice(&out[0]), bytes_slice(&out[1])));
        if (r == 0) {
                out[1].size = 0;
                options.order = SIMULATOR_ORDER_RANDOM;
                options.seed = data[0];
                must(run(&m, &options, &out[1]) == 0);
        }
        bytes_deinit(&out[0]);
        bytes_deinit(&out[1]);
        micro_deinit(&m);
        return 0;
}
