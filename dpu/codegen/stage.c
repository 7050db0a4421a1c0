#include "dpu/codegen/stage.h"

#include <errno.h>

uint32_t stage_layout_max(const Stage *stage, const Machine *machine) {
        switch (stage->engine) {
        case STAGE_CONV:
                return machine->target->conv_stride_out_h;
        case STAGE_ALU:
                return machine->target->alu_stride_out_h;
        case STAGE_ELEW:
                break;
        }
        return 1;
}

/* Rows go to one bank after the other, and never on to the first one again. */
static uint32_t stage_rows_written(const Stage *stage, const Machine *machine, const Map *out,
                                   uint32_t row, uint32_t rows) {
        MapRow at = map_row(out, machine, (int32_t) row);
        uint32_t banks = machine->pixels - at.bank % machine->pixels;

        rows = machine_least(rows, banks * out->layout - at.offset);
        if (stage->engine == STAGE_ALU && row + rows < stage->w.y.out)
                rows -= rows % out->layout; /* it knows no stride_offset_out */
        return rows;
}

/* There are so many start addresses for the banks that a window reaches over. */
static uint32_t stage_rows_read(const Stage *stage, const Machine *machine, const Map *in,
                                uint32_t row, uint32_t rows) {
        const Axis *y = &stage->w.y;
        MapRow at = map_row(in, machine, (int32_t) (row * y->stride) - y->pad);
        uint32_t banks = MACHINE_WRAPS_MAX * machine->pixels - at.bank % machine->pixels;
        uint32_t reach = at.offset + y->kernel - 1; /* rows from the first bank's row group on */

        if (in->layout != y->stride) /* taller: with a single row, the stride says nothing else */
                rows = machine_least(rows, 1);
        while (rows > 0 && (reach + (rows - 1) * y->stride) / in->layout >= banks)
                rows--;
        return rows;
}

uint32_t stage_rows(const Stage *stage, const Machine *machine, const Map *in, const Map *out,
                    uint32_t row) {
        uint32_t rows = machine_least(stage_rows_max(stage, machine), stage->w.y.out - row);

        rows = stage_rows_written(stage, machine, out, row, rows);
        return stage_rows_read(stage, machine, in, row, rows);
}

/* --- weights --------------------------------------------------------------------------------- */

int stage_need_bias(StageRun *run, Machine *machine, Problem *problem) {
        const Stage *stage = run->stage;
        uint32_t first = run->group * machine->lanes;
        uint32_t n = machine_least(run->n_groups * machine->lanes, stage->w.out.channels - first);
        const View view = { .reg_id = stage->bias.reg_id,
                            .address = stage->bias.address + first,
                            .channels = n };
        BankPlace to = { .space = SPACE_BIAS, .bank = machine->bank_bias };

        if (!stage_has_bias(stage) || run->has_bias)
                return 0;
        run->has_bias = true;
        run->bias = machine_take(machine, SPACE_BIAS, run->n_groups);
        to.address = run->bias;
        return machine_load(machine, &view, (RowPart){ 0, 0, 1 }, to, problem);
}

/* Of the ALU, weights come for all groups at once. */
int stage_need_weights(StageRun *run, Machine *machine, uint32_t n_groups, Problem *problem) {
        const Stage *stage = run->stage;
        int r = 0;

        if (!stage_has_weights(stage) || !run->resident || run->n_loaded >= n_groups)
                return 0;
        if (run->n_loaded == 0)
                run->weights = machine_take(machine, stage_weights_space(stage),
                                            run->n_groups * stage->words);
        if (stage->engine == STAGE_ALU) {
                run->n_loaded = run->n_groups;
                return alu_stage_weights(run, machine, problem);
        }
        for (; run->n_loaded < n_groups && r == 0; run->n_loaded++)
                r = conv_stage_weights(run, machine, run->group + run->n_loaded,
                                       run->weights + run->n_loaded * stage->words, problem);
        return r;
}

int stage_make(StageRun *run, Machine *machine, uint32_t row, uint32_t rows, Problem *problem) {
        int r = stage_need_bias(run, machine, problem);

        if (r < 0)
                return r;
        switch (run->stage->engine) {
        case STAGE_CONV:
                return conv_stage_make(run, machine, row, rows, problem);
        case STAGE_ALU:
                r = stage_need_weights(run, machine, run->n_groups, problem);
                return r < 0 ? r : alu_stage_make(run, machine, row, rows, problem);
        case STAGE_ELEW:
                break;
        }
        return elew_stage_make(run, machine, row, rows, problem);
}

MapWindow stage_window(const StageRun *run, uint32_t row, const Span *y) {
        const Axis *axis = &run->stage->w.y;

        return (MapWindow){ .row = (int32_t) (row * axis->stride) - axis->pad,
                            .first = y->first,
                            .last = y->first + y->n - 1,
                            .column = run->x.first,
                            .before = run->x.before };
}

int stage_set_weighted(Stage *stage, const Layer *layer, const Machine *machine, bool transposed,
                       LayerAxes *ret_axes, Problem *problem) {
        DpuFeature leaky = stage->engine == STAGE_CONV ? DPU_CONV_LEAKY_RELU : DPU_ALU_LEAKY_RELU;
        int r;

        r = layer_axes(layer, ret_axes, problem);
        if (r == 0)
                r = layer_shifts(layer, &stage->shifts, problem);
        if (r == 0)
                r = layer_activation(layer, machine, leaky, &stage->activation, problem);
        if (r < 0)
                return r;
        if (transposed && (ret_axes->dilation_y != 1 || ret_axes->dilation_x != 1))
                return problem_set(problem, -EOPNOTSUPP, "transposed and dilated");
        if (!layer->weights.present)
                return problem_set(problem, -EOPNOTSUPP, "its weights are no constant");
        stage->w.weights = layer->weights.address;
        stage->w.step = stage->w.in.channels;
        stage->w.row_step = stage->w.step * ret_axes->x.kernel;
        return 0;
}
