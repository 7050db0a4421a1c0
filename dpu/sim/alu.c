#include "dpu/sim/alu.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "dpu/sim/patch.h"

#define ALU_SHIFT_CUT_MAX    16 /* of depthwise convolution, as of convolution */
#define ALU_SHIFT_BIAS_MAX   17
#define ALU_AVERAGE_SHIFT    8  /* the shift of an average is stored this much larger */
#define ALU_MAXIMUM_LEFT_MAX 7  /* beyond that nothing is left of an int8 */
#define ALU_SIGMOID_IN_MAX   15 /* limit of the quantizer: fix point of hard sigmoid's input */
#define ALU_SIGMOID_CUT_MAX  30
#define ALU_SIGMOID_SLOPE    2731 /* 2^14 / 6, rounded */

/* --- ALUINIT --------------------------------------------------------------------------------- */

static int alu_refuse_shift(const Instruction *instruction, Problem *problem) {
        const IsaAluinit *f = &instruction->aluinit;

        return core_refuse(instruction, problem, -EINVAL,
                           "shift_cut %" PRIu32 " and shift_bias %" PRIu32
                           " with exec_mode %" PRIu32 ": not seen in programs",
                           f->shift_cut, f->shift_bias, f->exec_mode);
}

static int alu_check_mode(const Instruction *instruction, Problem *problem) {
        const IsaAluinit *f = &instruction->aluinit;
        bool good = false;

        switch (f->exec_mode) {
        case ALU_DEPTHWISE:
                good = f->shift_cut <= ALU_SHIFT_CUT_MAX && f->shift_bias <= ALU_SHIFT_BIAS_MAX;
                break;
        case ALU_AVERAGE:
                good = f->shift_cut >= ALU_AVERAGE_SHIFT;
                break;
        case ALU_MAXIMUM:
                good = f->shift_cut <= ALU_MAXIMUM_LEFT_MAX;
                break;
        case ALU_SCALE:
                good = f->shift_cut <= ALU_SHIFT_CUT_MAX;
                break;
        case ALU_HARD_SIGMOID:
                if (f->kernel_h != 1 || f->kernel_w != 1)
                        return core_refuse(instruction, problem, -EINVAL,
                                           "hard sigmoid with a kernel of %" PRIu32 "x%" PRIu32,
                                           f->kernel_w, f->kernel_h);
                good = f->shift_cut <= ALU_SIGMOID_CUT_MAX && f->shift_bias <= ALU_SIGMOID_IN_MAX;
                break;
        default: /* a number of the program's */
                return core_refuse(instruction, problem, -EINVAL,
                                   "exec_mode is %" PRIu32 "; programs have 0, 2, 3, 6 and 7",
                                   f->exec_mode);
        }
        return good ? 0 : alu_refuse_shift(instruction, problem);
}

int aluinit_execute(Core *core, const Instruction *instruction, Problem *problem) {
        const IsaAluinit *f = &instruction->aluinit;
        int r;

        r = alu_check_mode(instruction, problem);
        if (r < 0)
                return r;
        r = core_check_activation(core, instruction, f->act_type, DPU_ALU_LEAKY_RELU, problem);
        if (r < 0)
                return r;
        if (core->target.alu_stride_out_h > 0 && f->stride_out > core->target.alu_stride_out_h)
                return core_refuse(instruction, problem, -EINVAL,
                                   "stride_out is %" PRIu32 ", %s has up to %u", f->stride_out,
                                   core->target.name, core->target.alu_stride_out_h);
        core->aluinit = *f;
        core->has_aluinit = true;
        return 0;
}

/* --- weights --------------------------------------------------------------------------------- */

static bool alu_has_weights(const Core *core) {
        return core->aluinit.exec_mode == ALU_DEPTHWISE || core->aluinit.exec_mode == ALU_SCALE;
}

/* as [position of the kernel][group][BANK_LANES_MAX] */
static int alu_read_weights(Core *core, const Instruction *instruction, Problem *problem) {
        const IsaAluinit *init = &core->aluinit;
        uint32_t positions = init->kernel_h * init->kernel_w, groups = init->channel_group;
        uint64_t last = (uint64_t) (positions - 1) * init->jump_read_weights + groups - 1;
        int16_t *to;
        int r;

        if (last >= BANK_DEPTH || (uint64_t) positions * groups > BANK_DEPTH)
                return core_refuse(instruction, problem, -EINVAL,
                                   "weights reach over %" PRIu64 " words: the bank has %d",
                                   last + 1, BANK_DEPTH);
        r = array_reserve(&core->weights, &core->weights_capacity,
                          (size_t) positions * groups * BANK_LANES_MAX, sizeof(*core->weights));
        if (r < 0)
                return r;
        to = core->weights;
        for (uint32_t i = 0; i < positions; i++)
                for (uint32_t g = 0; g < groups; g++, to += BANK_LANES_MAX) {
                        uint32_t address = instruction->alu.bank_addr_weights +
                                           i * init->jump_read_weights + g;
                        const int8_t *word =
                                bank_word(&core->banks, core->banks.depthwise_weights, address);

                        hazards_read_word(&core->hazards, core->banks.depthwise_weights, address);
                        for (unsigned lane = 0; lane < BANK_LANES_MAX; lane++)
                                to[lane] = lane < core->banks.lanes ? word[lane] : 0;
                }
        return 0;
}

/* --- one word of one pixel ------------------------------------------------------------------- */

typedef struct AluPlace {
        uint32_t row, column; /* of the output */
        uint32_t group;
} AluPlace;

/* The part of the kernel that lies inside the image. */
typedef struct AluSpan {
        uint32_t first, end;
} AluSpan;

static AluSpan alu_span(uint32_t start, uint32_t kernel, uint32_t first, uint32_t end) {
        AluSpan span = { 0, kernel };

        if (start < first)
                span.first = first - start < kernel ? first - start : kernel;
        if (start + kernel > end)
                span.end = end > start ? end - start : 0;
        if (span.end < span.first)
                span.end = span.first;
        return span;
}

static void alu_multiply(const int16_t *in, const int16_t *weights, int32_t *sums) {
        for (unsigned lane = 0; lane < BANK_LANES_MAX; lane++)
                sums[lane] += in[lane] * weights[lane];
}

static void alu_add(const int16_t *in, int32_t *sums) {
        for (unsigned lane = 0; lane < BANK_LANES_MAX; lane++)
                sums[lane] += in[lane];
}

static void alu_maximum(const int16_t *in, int32_t *sums) {
        for (unsigned lane = 0; lane < BANK_LANES_MAX; lane++)
                sums[lane] = in[lane] > sums[lane] ? in[lane] : sums[lane];
}

/* Sums, or the maximum, over the kernel. Outside the image there is nothing to add, and nothing
 * that could be a maximum. */
static void alu_gather(const Core *core, const Patch *patch, const AluPlace *place,
                       int32_t sums[BANK_LANES_MAX]) {
        const IsaAluinit *init = &core->aluinit;
        uint32_t top = place->row * patch->step_h, left = place->column * patch->step_w;
        AluSpan rows = alu_span(top, init->kernel_h, patch->first_row, patch->end_row);
        AluSpan columns = alu_span(left, init->kernel_w, patch->first_column, patch->end_column);
        bool weights = alu_has_weights(core);

        for (unsigned lane = 0; lane < BANK_LANES_MAX; lane++)
                sums[lane] = init->exec_mode == ALU_MAXIMUM ? INT8_MIN : 0;
        for (uint32_t kh = rows.first; kh < rows.end; kh++)
                for (uint32_t kw = columns.first; kw < columns.end; kw++) {
                        const int16_t *in = patch->data +
                                            (top + kh - patch->first_row) * patch->row +
                                            (left + kw - patch->base_column) * patch->pixel +
                                            place->group * core->banks.lanes;

                        if (weights)
                                alu_multiply(in,
                                             core->weights + ((size_t) (kh * init->kernel_w + kw) *
                                                                      init->channel_group +
                                                              place->group) *
                                                                     BANK_LANES_MAX,
                                             sums);
                        else if (init->exec_mode == ALU_MAXIMUM)
                                alu_maximum(in, sums);
                        else
                                alu_add(in, sums);
                }
}

static int8_t alu_hard_sigmoid(const IsaAluinit *init, int32_t value) {
        int64_t line = (int64_t) value * ALU_SIGMOID_SLOPE +
                       (INT64_C(3) * ALU_SIGMOID_SLOPE << init->shift_bias);

        return core_saturate(core_round_shift(line > 0 ? line : 0, (int) init->shift_cut));
}

static int8_t alu_finish(const IsaAluinit *init, int32_t sum, int32_t bias) {
        CoreActivation activation = (CoreActivation) init->act_type;
        int shift = (int) init->shift_cut;

        switch ((AluMode) init->exec_mode) {
        case ALU_DEPTHWISE:
                return core_finish_sum(2 * (int64_t) sum + bias, shift + 1, activation);
        case ALU_SCALE:
                return core_finish_sum(sum, shift, activation);
        case ALU_AVERAGE:
                return core_finish_sum((int64_t) sum * init->multi_factor,
                                       shift - ALU_AVERAGE_SHIFT, activation);
        case ALU_MAXIMUM:
                return core_finish_sum(sum, -shift, activation);
        case ALU_HARD_SIGMOID:
                return alu_hard_sigmoid(init, sum);
        }
        return 0; /* alu_check_mode() lets no other pass */
}

/* --- ALU ------------------------------------------------------------------------------------- */

static void alu_read_bias(Core *core, const IsaAlu *f, int32_t (*bias)[BANK_LANES_MAX]) {
        for (uint32_t g = 0; g < core->aluinit.channel_group; g++) {
                const int8_t *word =
                        bank_word(&core->banks, core->banks.bias, f->bank_addr_bias + g);

                hazards_read_word(&core->hazards, core->banks.bias, f->bank_addr_bias + g);
                for (unsigned lane = 0; lane < core->banks.lanes; lane++)
                        bias[g][lane] = word[lane] * (1 << core->aluinit.shift_bias);
        }
}

#define ALU_GROUPS_MAX 256 /* eight bits, stored less one */

static void alu_compute(Core *core, const Instruction *instruction, const Patch *patch,
                        const OutputSpec *out) {
        const IsaAluinit *init = &core->aluinit;
        int32_t bias[ALU_GROUPS_MAX][BANK_LANES_MAX] = { 0 };

        if (init->exec_mode == ALU_DEPTHWISE)
                alu_read_bias(core, &instruction->alu, bias);
        for (uint32_t row = 0; row < out->rows; row++) {
                OutputRow to = output_row(out, row);

                for (uint32_t x = 0; x < init->length; x++)
                        for (uint32_t g = 0; g < init->channel_group; g++) {
                                const AluPlace place = { row, x, g };
                                uint32_t address = to.address + x * init->jump_write + g;
                                int8_t *word = bank_word(&core->banks, to.bank, address);
                                int32_t sums[BANK_LANES_MAX];

                                alu_gather(core, patch, &place, sums);
                                hazards_write_word(&core->hazards, to.bank, address);
                                for (unsigned lane = 0; lane < core->banks.lanes; lane++)
                                        word[lane] = alu_finish(init, sums[lane], bias[g][lane]);
                        }
        }
}

static int alu_check(Core *core, const Instruction *instruction, const OutputSpec *out,
                     Problem *problem) {
        const IsaAluinit *init = &core->aluinit;
        const IsaAlu *f = &instruction->alu;
        uint64_t outputs = (uint64_t) init->length * init->channel_group;
        int r;

        if (f->valid_pp > core->target.alu_pixels || f->valid_pp > core->banks.pixels)
                return core_refuse(instruction, problem, -EINVAL,
                                   "valid_pp is %" PRIu32 ", the ALU of %s has %u", f->valid_pp,
                                   core->target.name, core->target.alu_pixels);
        r = output_check(core, instruction, out, problem);
        if (r < 0)
                return r;
        if (outputs > BANK_DEPTH)
                return core_refuse(instruction, problem, -EINVAL,
                                   "writes %" PRIu64 " words of one row: a bank has %d", outputs,
                                   BANK_DEPTH);
        return core_spend(
                core, instruction,
                outputs * f->valid_pp * init->kernel_h * init->kernel_w * core->banks.lanes,
                problem);
}

int alu_execute(Core *core, const Instruction *instruction, Problem *problem) {
        const IsaAluinit *init = &core->aluinit;
        const IsaAlu *f = &instruction->alu;
        const PatchSpec in = {
                .bank = f->bank_id_in,
                .address = { f->bank_addr_in, f->bank_addr_in_1, f->bank_addr_in_2,
                             f->bank_addr_in_3 },
                .rows = f->valid_pp,
                .length = init->length,
                .kernel_h = init->kernel_h,
                .kernel_w = init->kernel_w,
                .stride_h = init->stride_h,
                .stride_w = init->stride_w,
                .offset = init->stride_offset_in,
                .row_pitch = init->jump_read_endl,
                .pixel_pitch = init->jump_read,
                .groups = init->channel_group,
                .pad_top = f->pad_top,
                .pad_left = f->pad_left,
                .last_row = f->pad_bottom,
                .last_column = f->pad_right,
        };
        const OutputSpec out = { .bank = f->bank_id_out,
                                 .address = f->bank_addr_out,
                                 .rows = f->valid_pp,
                                 .stride_out = init->stride_out,
                                 .offset = init->stride_offset_out,
                                 .row_pitch = init->jump_write_endl };
        Patch patch;
        int r;

        if (!core->has_aluinit)
                return core_refuse(instruction, problem, -EINVAL, "no ALUINIT before it");
        r = alu_check(core, instruction, &out, problem);
        if (r < 0)
                return r;
        if (alu_has_weights(core)) {
                r = alu_read_weights(core, instruction, problem);
                if (r < 0)
                        return r;
        }
        r = patch_read(core, instruction, &in, &patch, problem);
        if (r < 0)
                return r;
        alu_compute(core, instruction, &patch, &out);
        return 0;
}
