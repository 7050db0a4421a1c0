#include "dpu/sim/patch.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/array.h"

/* --- one axis -------------------------------------------------------------------------------- */

/* The positions of an axis that outputs need, numbered without gaps. */
typedef struct PatchAxis {
        uint32_t kernel, stride, step;
        uint32_t n; /* positions, those outside included */
        uint32_t first, end;
} PatchAxis;

/* the position of the axis that number @i stands for */
static uint32_t patch_position(const PatchAxis *axis, uint32_t i) {
        return axis->stride <= axis->kernel ? i
                                            : i / axis->kernel * axis->stride + i % axis->kernel;
}

static PatchAxis patch_axis(uint32_t outputs, uint32_t kernel, uint32_t stride, uint32_t pad,
                            uint32_t last) {
        PatchAxis axis = { .kernel = kernel,
                           .stride = stride,
                           .step = stride < kernel ? stride : kernel };

        axis.n = (outputs - 1) * axis.step + kernel;
        while (axis.first < axis.n && patch_position(&axis, axis.first) < pad)
                axis.first++;
        axis.end = axis.n;
        while (axis.end > axis.first &&
               patch_position(&axis, axis.end - 1) > (outputs - 1) * stride + last)
                axis.end--;
        return axis;
}

/* --- rows in banks --------------------------------------------------------------------------- */

static int patch_row_place(const Core *core, const Instruction *instruction, const PatchSpec *spec,
                           uint32_t row, OutputRow *ret, Problem *problem) {
        uint32_t in_order = spec->offset + row;
        uint32_t bank = spec->bank % core->banks.pixels + in_order / spec->stride_h;
        uint32_t wraps = bank / core->banks.pixels;

        if (wraps >= PATCH_STARTS)
                return core_refuse(instruction, problem, -EINVAL,
                                   "window row %" PRIu32 " is %" PRIu32
                                   " rounds of the banks away; there are "
                                   "start addresses for %d",
                                   row, wraps, PATCH_STARTS);
        ret->bank =
                spec->bank / core->banks.pixels * core->banks.pixels + bank % core->banks.pixels;
        ret->address = spec->address[wraps] + in_order % spec->stride_h * spec->row_pitch;
        return 0;
}

static int patch_check(const Core *core, const Instruction *instruction, const PatchSpec *spec,
                       Problem *problem) {
        if (spec->bank >= core->banks.weights)
                return core_refuse(instruction, problem, -EINVAL,
                                   "reads from bank %" PRIu32 ", which holds no feature maps",
                                   spec->bank);
        if (spec->offset >= spec->stride_h)
                return core_refuse(instruction, problem, -EINVAL,
                                   "stride_offset_in is %" PRIu32 " with stride_h %" PRIu32,
                                   spec->offset, spec->stride_h);
        return 0;
}

/* --- patches --------------------------------------------------------------------------------- */

static void patch_read_pixel(Core *core, const PatchSpec *spec, OutputRow place, uint32_t column,
                             int16_t *to) {
        uint32_t address = place.address + column * spec->pixel_pitch;
        unsigned lanes = core->banks.lanes;

        for (uint32_t g = 0; g < spec->groups; g++) {
                const int8_t *word = bank_word(&core->banks, place.bank, address + g);

                hazards_read_word(&core->hazards, place.bank, address + g);
                for (unsigned lane = 0; lane < lanes; lane++)
                        *to++ = word[lane];
        }
        if (spec->unused_lanes > 0)
                memset(to - spec->unused_lanes, 0, spec->unused_lanes * sizeof(*to));
}

static int patch_read_rows(Core *core, const Instruction *instruction, const PatchSpec *spec,
                           const PatchAxis *rows, const PatchAxis *columns, const Patch *patch,
                           Problem *problem) {
        int16_t *to = core->patch;

        for (uint32_t i = rows->first; i < rows->end; i++) {
                OutputRow place;
                int r;

                r = patch_row_place(core, instruction, spec, patch_position(rows, i), &place,
                                    problem);
                if (r < 0)
                        return r;
                for (uint32_t k = columns->first; k < columns->end; k++)
                        patch_read_pixel(core, spec, place, patch_position(columns, k),
                                         to + (k - patch->base_column) * patch->pixel);
                to += patch->row;
        }
        return 0;
}

/* what lies behind the last number may be read, but not used, by loops over whole vectors */
#define PATCH_SLACK BANK_LANES_MAX

int patch_read(Core *core, const Instruction *instruction, const PatchSpec *spec, Patch *ret,
               Problem *problem) {
        PatchAxis rows = patch_axis(spec->rows, spec->kernel_h, spec->stride_h, spec->pad_top,
                                    spec->last_row);
        PatchAxis columns = patch_axis(spec->length, spec->kernel_w, spec->stride_w, spec->pad_left,
                                       spec->last_column);
        Patch patch = { .step_h = rows.step,
                        .step_w = columns.step,
                        .first_row = rows.first,
                        .end_row = rows.end,
                        .first_column = columns.first,
                        .end_column = columns.end };
        uint64_t words;
        size_t size;
        int r;

        r = patch_check(core, instruction, spec, problem);
        if (r < 0)
                return r;
        words = (uint64_t) (rows.end - rows.first) * (columns.end - columns.first) * spec->groups;
        if (words > (uint64_t) core->banks.pixels * BANK_DEPTH)
                return core_refuse(instruction, problem, -EINVAL,
                                   "reads %" PRIu64 " words, more than a group of banks has",
                                   words);

        patch.pixel = (size_t) spec->groups * core->banks.lanes;
        patch.base_column = spec->padded ? 0 : columns.first;
        patch.row = ((spec->padded ? columns.n : columns.end) - patch.base_column) * patch.pixel;
        size = patch.row * (rows.end - rows.first) + PATCH_SLACK;
        r = array_reserve(&core->patch, &core->patch_capacity, size, sizeof(*core->patch));
        if (r < 0)
                return r;
        if (spec->padded)
                memset(core->patch, 0, size * sizeof(*core->patch));
        r = patch_read_rows(core, instruction, spec, &rows, &columns, &patch, problem);
        if (r < 0)
                return r;
        patch.data = core->patch;
        *ret = patch;
        return 0;
}

/* --- outputs --------------------------------------------------------------------------------- */

int output_check(const Core *core, const Instruction *instruction, const OutputSpec *spec,
                 Problem *problem) {
        uint32_t last = (spec->offset + spec->rows - 1) / spec->stride_out;

        if (spec->bank >= core->banks.weights)
                return core_refuse(instruction, problem, -EINVAL,
                                   "writes to bank %" PRIu32 ", which holds no feature maps",
                                   spec->bank);
        if (spec->offset >= spec->stride_out)
                return core_refuse(instruction, problem, -EINVAL,
                                   "stride_offset_out is %" PRIu32 " with stride_out %" PRIu32,
                                   spec->offset, spec->stride_out);
        if (spec->bank % core->banks.pixels + last >= core->banks.pixels)
                return core_refuse(instruction, problem, -EINVAL,
                                   "%" PRIu32 " rows from bank %" PRIu32
                                   " reach beyond the last bank of the group; no program does "
                                   "that, and where they would go is not known",
                                   spec->rows, spec->bank);
        return 0;
}

OutputRow output_row(const OutputSpec *spec, uint32_t row) {
        uint32_t in_order = spec->offset + row;

        return (OutputRow){ .bank = spec->bank + in_order / spec->stride_out,
                            .address =
                                    spec->address + in_order % spec->stride_out * spec->row_pitch };
}
