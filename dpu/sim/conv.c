#include "dpu/sim/conv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "dpu/sim/patch.h"

#define CONV_STRIDE_MAX     8  /* target_factory: conv stride 1-8 */
#define CONV_SHIFT_CUT_MAX  16 /* limits of the quantizer (vai_q_onnx, refine.py) */
#define CONV_SHIFT_BIAS_MAX 17

/* below this, waking another thread costs more than it helps */
#define CONV_PARALLEL_MIN (UINT64_C(1) << 20) /* multiplications */

int convinit_execute(Core *core, const Instruction *instruction, Problem *problem) {
        const IsaConvinit *f = &instruction->convinit;
        int r;

        r = core_check_activation(core, instruction, f->act_type, DPU_CONV_LEAKY_RELU, problem);
        if (r < 0)
                return r;
        if (f->stride_h > CONV_STRIDE_MAX || f->stride_w > CONV_STRIDE_MAX)
                return core_refuse(instruction, problem, -EINVAL,
                                   "stride %" PRIu32 "x%" PRIu32 " is above %d", f->stride_w,
                                   f->stride_h, CONV_STRIDE_MAX);
        if (f->shift_cut > CONV_SHIFT_CUT_MAX || f->shift_bias > CONV_SHIFT_BIAS_MAX)
                return core_refuse(
                        instruction, problem, -EINVAL,
                        "shift_cut %" PRIu32 " and shift_bias %" PRIu32 ": at most %d and %d",
                        f->shift_cut, f->shift_bias, CONV_SHIFT_CUT_MAX, CONV_SHIFT_BIAS_MAX);
        if (f->valid_pp > core->banks.pixels)
                return core_refuse(instruction, problem, -EINVAL,
                                   "valid_pp is %" PRIu32 ", %s has %u", f->valid_pp,
                                   core->target.name, core->banks.pixels);
        if (core->target.conv_stride_out_h > 0 && f->stride_out > core->target.conv_stride_out_h)
                return core_refuse(instruction, problem, -EINVAL,
                                   "stride_out is %" PRIu32 ", %s has up to %u", f->stride_out,
                                   core->target.name, core->target.conv_stride_out_h);
        core->convinit = *f;
        core->has_convinit = true;
        return 0;
}

/* --- weights --------------------------------------------------------------------------------- */

/* Lays the weights out as the kernel wants them (kernel.h): for every pair of inputs in the order
 * of the window, the pairs of weights of all outputs. */
static int conv_read_weights(Core *core, const Instruction *instruction, Problem *problem) {
        const IsaConvinit *init = &core->convinit;
        const IsaConv *f = &instruction->conv;
        uint32_t words = init->kernel_h * init->kernel_w * f->channel_group;
        unsigned lanes = core->banks.lanes, outputs = kernel_outputs(lanes);
        int r;

        if (words > BANK_DEPTH)
                return core_refuse(instruction, problem, -EINVAL,
                                   "weights of %" PRIu32 " words: a bank has %d", words,
                                   BANK_DEPTH);
        r = array_reserve(&core->weights, &core->weights_capacity, (size_t) words * lanes * outputs,
                          sizeof(*core->weights));
        if (r < 0)
                return r;
        for (uint32_t w = 0; w < words; w++) {
                int16_t *to = core->weights + (size_t) w * lanes * outputs;

                for (unsigned o = 0; o < lanes; o++) {
                        uint32_t address = f->bank_addr_weights + w;
                        const int8_t *word =
                                bank_word(&core->banks, core->banks.weights + o, address);

                        hazards_read_word(&core->hazards, core->banks.weights + o, address);
                        for (unsigned lane = 0; lane < lanes; lane++)
                                to[lane / 2 * 2 * outputs + 2 * o + lane % 2] = word[lane];
                }
                for (unsigned o = lanes; o < outputs; o++)
                        for (unsigned lane = 0; lane < lanes; lane++)
                                to[lane / 2 * 2 * outputs + 2 * o + lane % 2] = 0;
        }
        return 0;
}

static void conv_read_bias(Core *core, const IsaConv *f, int32_t bias[BANK_LANES_MAX]) {
        const int8_t *word = bank_word(&core->banks, core->banks.bias, f->bank_addr_bias);

        hazards_read_word(&core->hazards, core->banks.bias, f->bank_addr_bias);
        for (unsigned o = 0; o < core->banks.lanes; o++)
                bias[o] = word[o] * (1 << core->convinit.shift_bias);
}

/* --- the work, in parts that threads can take ------------------------------------------------ */

typedef struct ConvWork {
        const Core *core;
        const Patch *patch;
        uint32_t rows, length, chunks; /* a part is one chunk of the columns of one row */
        int32_t bias[BANK_LANES_MAX];
} ConvWork;

static void conv_finish(const ConvWork *work, const int32_t *sums, int8_t *to) {
        const IsaConvinit *init = &work->core->convinit;
        unsigned lanes = work->core->banks.lanes;

        for (unsigned o = 0; o < lanes; o++)
                to[o] = core_finish_sum(2 * (int64_t) sums[o] + work->bias[o],
                                        (int) init->shift_cut + 1, (CoreActivation) init->act_type);
}

static void conv_part(void *userdata, unsigned part) {
        const ConvWork *work = userdata;
        const Core *core = work->core;
        const Patch *patch = work->patch;
        const IsaConvinit *init = &core->convinit;
        uint32_t row = part / work->chunks, chunk = part % work->chunks;
        uint32_t first = (uint32_t) ((uint64_t) work->length * chunk / work->chunks);
        uint32_t end = (uint32_t) ((uint64_t) work->length * (chunk + 1) / work->chunks);
        unsigned outputs = kernel_outputs(core->banks.lanes);
        size_t numbers = init->kernel_w * patch->pixel; /* of one row of the window */
        int32_t *sums = core->sums + ((size_t) row * work->length + first) * outputs;
        int8_t *to = core->output + ((size_t) row * work->length + first) * core->banks.lanes;

        memset(sums, 0, (size_t) (end - first) * outputs * sizeof(*sums));
        for (uint32_t kh = 0; kh < init->kernel_h; kh++) {
                uint32_t from = row * patch->step_h + kh;

                if (from < patch->first_row || from >= patch->end_row)
                        continue;
                core->kernel(sums,
                             patch->data + (from - patch->first_row) * patch->row +
                                     first * patch->step_w * patch->pixel,
                             patch->step_w * patch->pixel, end - first,
                             core->weights + kh * numbers * outputs, (unsigned) (numbers / 2),
                             outputs);
        }
        for (uint32_t x = 0; x < end - first; x++)
                conv_finish(work, sums + (size_t) x * outputs, to + x * core->banks.lanes);
}

static int conv_compute(Core *core, const Instruction *instruction, const Patch *patch,
                        uint64_t multiplications) {
        const IsaConv *f = &instruction->conv;
        ConvWork work = { .core = core,
                          .patch = patch,
                          .rows = core->convinit.valid_pp,
                          .length = f->length,
                          .chunks = 1 };
        size_t pixels = (size_t) work.rows * work.length;
        int r;

        r = array_reserve(&core->sums, &core->sums_capacity,
                          pixels * kernel_outputs(core->banks.lanes), sizeof(*core->sums));
        if (r < 0)
                return r;
        r = array_reserve(&core->output, &core->output_capacity, pixels * core->banks.lanes,
                          sizeof(*core->output));
        if (r < 0)
                return r;
        conv_read_bias(core, f, work.bias);
        if (core->crew && multiplications >= CONV_PARALLEL_MIN) {
                work.chunks = work.rows > 1 || work.length < 2 ? 1 : 2;
                crew_run(core->crew, conv_part, &work, work.rows * work.chunks);
        } else {
                for (uint32_t row = 0; row < work.rows; row++)
                        conv_part(&work, row);
        }
        return 0;
}

static void conv_write(Core *core, const Instruction *instruction, const OutputSpec *spec) {
        const int8_t *from = core->output;
        unsigned lanes = core->banks.lanes;

        for (uint32_t row = 0; row < spec->rows; row++) {
                OutputRow place = output_row(spec, row);

                for (uint32_t x = 0; x < instruction->conv.length; x++) {
                        uint32_t address = place.address + x * core->convinit.jump_write;

                        hazards_write_word(&core->hazards, place.bank, address);
                        memcpy(bank_word(&core->banks, place.bank, address), from, lanes);
                        from += lanes;
                }
        }
}

/* --- CONV ------------------------------------------------------------------------------------ */

static PatchSpec conv_patch_spec(const IsaConvinit *init, const IsaConv *f) {
        return (PatchSpec){
                .bank = f->bank_id_in,
                .address = { f->bank_addr_in, f->bank_addr_in_1, f->bank_addr_in_2,
                             f->bank_addr_in_3 },
                .rows = init->valid_pp,
                .length = f->length,
                .kernel_h = init->kernel_h,
                .kernel_w = init->kernel_w,
                .stride_h = init->stride_h,
                .stride_w = init->stride_w,
                .offset = init->stride_offset_in,
                .row_pitch = init->jump_read_endl,
                .pixel_pitch = init->jump_read,
                .groups = f->channel_group,
                .pad_top = f->pad_top,
                .pad_left = f->pad_left,
                .last_row = f->pad_bottom,
                .last_column = f->pad_right,
                .unused_lanes = f->channel_offset,
                .padded = true,
        };
}

int conv_execute(Core *core, const Instruction *instruction, Problem *problem) {
        const IsaConvinit *init = &core->convinit;
        const IsaConv *f = &instruction->conv;
        const PatchSpec in = conv_patch_spec(init, f);
        const OutputSpec out = { .bank = f->bank_id_out,
                                 .address = f->bank_addr_out,
                                 .rows = init->valid_pp,
                                 .stride_out = init->stride_out,
                                 .offset = init->stride_offset_out,
                                 .row_pitch = init->jump_write_endl };
        uint64_t multiplications;
        Patch patch;
        int r;

        if (!core->has_convinit)
                return core_refuse(instruction, problem, -EINVAL, "no CONVINIT before it");
        if (f->channel_offset >= core->banks.lanes)
                return core_refuse(instruction, problem, -EINVAL,
                                   "channel_offset is %" PRIu32 " of %u lanes", f->channel_offset,
                                   core->banks.lanes);
        r = output_check(core, instruction, &out, problem);
        if (r < 0)
                return r;
        multiplications = (uint64_t) init->valid_pp * f->length * init->kernel_h * init->kernel_w *
                          f->channel_group * core->banks.lanes * core->banks.lanes;
        r = core_spend(core, instruction, multiplications, problem);
        if (r < 0)
                return r;
        r = conv_read_weights(core, instruction, problem);
        if (r < 0)
                return r;
        r = patch_read(core, instruction, &in, &patch, problem);
        if (r < 0)
                return r;
        r = conv_compute(core, instruction, &patch, multiplications);
        if (r < 0)
                return r;
        conv_write(core, instruction, &out);
        return 0;
}
