/*
 * Convolution, dilated and transposed too, on the CONV engine.
 *
 * The output is cut into tiles of as many rows as the engine works on at once, and of columns; a
 * chunk of output channel groups is computed for each tile. Either the weights of a chunk stay in
 * their banks while all tiles pass, then every chunk loads the image anew; or the chunk is all
 * channels, and the weights pass for each tile. Both loads are known before, and the smaller sum
 * is taken (conv_plan).
 */

#include <errno.h>
#include <string.h>

#include "dpu/codegen/layer.h"

#define CONV_KERNEL_MAX 16u
#define CONV_STRIDE_MAX 8u
#define CONV_LOAD_COST  20u /* words that one more LOAD counts for, in choosing */

/* one dense convolution */
typedef struct Conv {
        const Layer *layer;
        View in, out;
        Axis y, x;
        /* weights: of output channel o, kernel place (h, w), from address + o * filter + h *
         * row_step + w * step on, one byte for each input channel */
        uint64_t weights, filter, row_step, step;
        uint32_t in_groups, out_groups, words; /* of the weights of one output group, per bank */
        LayerShifts shifts;
        uint32_t activation;
} Conv;

typedef struct ConvPlan {
        uint32_t rows, columns; /* of a tile */
        uint32_t groups;        /* of a chunk */
        bool resident;          /* the chunk's weights stay */
        uint32_t kept, wraps;   /* rows of a row group that are stored; rounds of the banks */
} ConvPlan;

/* --- plan ------------------------------------------------------------------------------------ */

static uint32_t conv_columns_in(const Conv *conv, uint32_t columns) {
        uint64_t n = (uint64_t) (columns - 1) * conv->x.stride + conv->x.kernel;

        return n < conv->x.in ? (uint32_t) n : conv->x.in;
}

static uint64_t conv_words_in(const Conv *conv, const ConvPlan *plan, uint32_t columns) {
        return (uint64_t) plan->wraps * plan->kept * conv_columns_in(conv, columns) *
               conv->in_groups;
}

static bool conv_fits(const Conv *conv, const ConvPlan *plan, uint32_t columns, uint32_t depth) {
        return conv_words_in(conv, plan, columns) <= depth &&
               (uint64_t) columns * plan->groups <= depth && columns <= MACHINE_COLUMNS &&
               conv_columns_in(conv, columns) <= MACHINE_COLUMNS;
}

/* the widest tile, cut evenly; false: not even one column */
static bool conv_set_columns(const Conv *conv, ConvPlan *plan, uint32_t depth) {
        uint32_t low = 0, high = conv->x.out;

        while (low < high) {
                uint32_t middle = low + (high - low + 1) / 2;

                if (conv_fits(conv, plan, middle, depth))
                        low = middle;
                else
                        high = middle - 1;
        }
        if (low == 0)
                return false;
        plan->columns = machine_ceil(conv->x.out, machine_ceil(conv->x.out, low));
        return true;
}

static bool conv_set_rows(const Conv *conv, const Machine *machine, ConvPlan *plan) {
        uint32_t reach = (conv->y.kernel - 1) / conv->y.stride; /* row groups below the first */
        uint32_t most = MACHINE_WRAPS_MAX * machine->pixels;

        if (reach >= most)
                return false;
        plan->rows = machine_least(machine_least(machine->pixels, conv->y.out), most - reach);
        plan->kept = machine_least(conv->y.stride, conv->y.kernel);
        plan->wraps = (plan->rows - 1 + reach) / machine->pixels + 1;
        return true;
}

/* words that are loaded, in all */
static uint64_t conv_cost(const Conv *conv, const Machine *machine, const ConvPlan *plan) {
        uint64_t down = machine_ceil(conv->y.out, plan->rows);
        uint64_t across = machine_ceil(conv->x.out, plan->columns);
        uint64_t chunks = machine_ceil(conv->out_groups, plan->groups);
        uint64_t rows = (uint64_t) (plan->rows - 1) * conv->y.stride + conv->y.kernel;
        uint64_t image = down * across * rows *
                         (CONV_LOAD_COST +
                          (uint64_t) conv_columns_in(conv, plan->columns) * conv->in_groups);
        uint64_t weights =
                (uint64_t) conv->out_groups * machine->lanes * (CONV_LOAD_COST + conv->words);

        return chunks * image + (plan->resident ? 1 : down * across) * weights;
}

static bool conv_try(const Conv *conv, const Machine *machine, uint32_t groups, uint32_t depth,
                     ConvPlan *ret) {
        ConvPlan plan = { .groups = groups };

        plan.resident = (uint64_t) groups * conv->words <= MACHINE_DEPTH;
        if (!conv_set_rows(conv, machine, &plan) || !conv_set_columns(conv, &plan, depth))
                return false;
        *ret = plan;
        return true;
}

static int conv_plan(const Conv *conv, const Machine *machine, ConvPlan *ret, Problem *problem) {
        const uint32_t candidates[] = { conv->out_groups, MACHINE_DEPTH / conv->words,
                                        MACHINE_HALF / conv->words, 1 };
        const uint32_t depths[] = { MACHINE_HALF, MACHINE_DEPTH };
        uint64_t best = UINT64_MAX;

        for (size_t d = 0; d < 2 && best == UINT64_MAX; d++)
                for (size_t i = 0; i < 4; i++) {
                        uint32_t groups = machine_least(candidates[i], conv->out_groups);
                        ConvPlan plan;

                        if (groups == 0 || !conv_try(conv, machine, groups, depths[d], &plan))
                                continue;
                        if (conv_cost(conv, machine, &plan) < best) {
                                best = conv_cost(conv, machine, &plan);
                                *ret = plan;
                        }
                }
        if (best == UINT64_MAX)
                return problem_set(problem, -EOPNOTSUPP,
                                   "a window of %ux%ux%u does not fit into the banks",
                                   conv->x.kernel, conv->y.kernel, conv->in.channels);
        return 0;
}

/* --- loads ----------------------------------------------------------------------------------- */

typedef struct ConvRun {
        const Conv *conv;
        ConvPlan plan;
        Machine *machine;
        Problem *problem;
        bool has_init;
        IsaConvinit init;         /* the last one */
        uint32_t weights, bias;   /* of the chunk, in their banks */
        uint32_t chunk, n_groups; /* its first output group, and how many */
} ConvRun;

static uint32_t conv_lanes(const ConvRun *run, uint32_t group) {
        uint32_t lanes = run->machine->lanes;

        return machine_least(lanes, run->conv->out.channels - group * lanes);
}

/* one filter: a LOAD for all of it where its places follow each other, else one for each row */
static int conv_load_filter(const ConvRun *run, uint32_t channel, uint32_t address) {
        const Conv *conv = run->conv;
        View view = { .reg_id = conv->layer->weights.reg_id,
                      .address = conv->weights + channel * conv->filter,
                      .row_pitch = conv->row_step,
                      .pixel_pitch = conv->step,
                      .height = conv->y.kernel,
                      .width = conv->x.kernel,
                      .channels = conv->in.channels };
        BankPlace to = { .space = SPACE_WEIGHTS,
                         .bank = run->machine->bank_weights + channel % run->machine->lanes,
                         .address = address,
                         .pitch = conv->in_groups };

        if (conv->row_step == conv->step * conv->x.kernel) {
                view.width *= view.height;
                view.height = 1;
        }
        for (uint32_t h = 0; h < view.height; h++) {
                int r = machine_load(run->machine, &view, (RowPart){ h, 0, view.width }, to,
                                     run->problem);

                if (r < 0)
                        return r;
                to.address += view.width * conv->in_groups;
        }
        return 0;
}

static int conv_load_weights(const ConvRun *run, uint32_t group, uint32_t address) {
        for (uint32_t o = 0; o < conv_lanes(run, group); o++) {
                int r = conv_load_filter(run, group * run->machine->lanes + o, address);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int conv_load_bias(ConvRun *run) {
        const Layer *layer = run->conv->layer;
        uint32_t first = run->chunk * run->machine->lanes;
        uint32_t n =
                machine_least(run->n_groups * run->machine->lanes, run->conv->out.channels - first);
        const View view = { .reg_id = layer->bias.reg_id,
                            .address = layer->bias.address + first,
                            .channels = n };
        BankPlace to = { .space = SPACE_BIAS, .bank = run->machine->bank_bias };

        run->bias = machine_take(run->machine, SPACE_BIAS, run->n_groups);
        to.address = run->bias;
        return machine_load(run->machine, &view, (RowPart){ 0, 0, 1 }, to, run->problem);
}

/* what a tile needs of the input, from @address on in every bank */
typedef struct ConvTile {
        uint32_t row, rows, column, columns; /* of the output */
        Span y, x;
        uint32_t in, out;   /* addresses */
        uint32_t row_words; /* of the input */
} ConvTile;

static int conv_load_image(const ConvRun *run, const ConvTile *tile) {
        const Conv *conv = run->conv;
        uint32_t pixels = run->machine->pixels, stride = conv->y.stride;

        for (uint32_t i = 0; i < tile->y.n; i++) {
                uint32_t place = tile->y.before + i; /* in the window rows of the tile */
                uint32_t group = place / stride, within = place % stride;
                BankPlace to = { .space = SPACE_IMAGES_0,
                                 .bank = machine_image_bank(run->machine, SPACE_IMAGES_0, group),
                                 .pitch = conv->in_groups };
                int r;

                if (within >= run->plan.kept)
                        continue; /* between the windows */
                to.address =
                        tile->in + (group / pixels * run->plan.kept + within) * tile->row_words;
                r = machine_load(run->machine, &conv->in,
                                 (RowPart){ tile->y.first + i, tile->x.first, tile->x.n }, to,
                                 run->problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- compute --------------------------------------------------------------------------------- */

static int conv_init(ConvRun *run, const ConvTile *tile) {
        const Conv *conv = run->conv;
        Instruction i = isa_blank(ISA_CONVINIT);

        i.convinit.jump_read = conv->in_groups;
        i.convinit.jump_read_endl = run->plan.kept > 1 ? tile->row_words : 1;
        i.convinit.jump_write = run->n_groups;
        i.convinit.kernel_h = conv->y.kernel;
        i.convinit.kernel_w = conv->x.kernel;
        i.convinit.stride_h = conv->y.stride;
        i.convinit.stride_w = conv->x.stride;
        i.convinit.valid_pp = tile->rows;
        i.convinit.shift_cut = conv->shifts.cut;
        i.convinit.shift_bias = conv->shifts.bias;
        i.convinit.act_type = conv->activation;
        if (run->has_init && memcmp(&run->init, &i.convinit, sizeof(run->init)) == 0)
                return 0;
        run->init = i.convinit;
        run->has_init = true;
        return stream_append(run->machine->stream, &i, NULL, 0, run->problem);
}

static Instruction conv_instruction(const ConvRun *run, const ConvTile *tile, uint32_t group,
                                    uint32_t weights) {
        const Conv *conv = run->conv;
        uint32_t start = tile->in + MACHINE_DEPTH * conv->in_groups -
                         tile->x.before * conv->in_groups; /* of column 0 of the window */
        uint32_t round = run->plan.kept * tile->row_words;
        Instruction i = isa_blank(ISA_CONV);

        i.conv.bank_id_in = machine_image_bank(run->machine, SPACE_IMAGES_0, 0);
        i.conv.bank_addr_in = machine_address(start);
        if (run->plan.wraps > 1)
                i.conv.bank_addr_in_1 = machine_address(start + round);
        if (run->plan.wraps > 2)
                i.conv.bank_addr_in_2 = machine_address(start + 2 * round);
        if (run->plan.wraps > 3)
                i.conv.bank_addr_in_3 = machine_address(start + 3 * round);
        i.conv.pad_top = tile->y.before;
        i.conv.pad_left = tile->x.before;
        i.conv.pad_bottom = tile->y.last;
        i.conv.pad_right = tile->x.last;
        i.conv.channel_group = conv->in_groups;
        i.conv.channel_offset = conv->in_groups * run->machine->lanes - conv->in.channels;
        i.conv.length = tile->columns;
        i.conv.bank_addr_weights = machine_address(weights);
        i.conv.bank_addr_bias = machine_address(run->bias + group - run->chunk);
        i.conv.bank_id_out = machine_image_bank(run->machine, SPACE_IMAGES_1, 0);
        i.conv.bank_addr_out = machine_address(tile->out + group - run->chunk);
        return i;
}

static int conv_compute(ConvRun *run, const ConvTile *tile, uint32_t group, uint32_t weights) {
        const Conv *conv = run->conv;
        const Instruction i = conv_instruction(run, tile, group, weights);
        const Access accesses[] = {
                { .space = SPACE_IMAGES_0,
                  .first = tile->in,
                  .n = (uint64_t) run->plan.wraps * run->plan.kept * tile->row_words },
                { .space = SPACE_IMAGES_1,
                  .writes = true,
                  .first = tile->out,
                  .n = (uint64_t) tile->columns * run->n_groups },
                { .space = SPACE_WEIGHTS, .first = weights, .n = conv->words },
                { .space = SPACE_BIAS, .first = run->bias + group - run->chunk, .n = 1 },
        };

        return stream_append(run->machine->stream, &i, accesses, 4, run->problem);
}

static int conv_compute_groups(ConvRun *run, const ConvTile *tile) {
        int r;

        for (uint32_t g = 0; g < run->n_groups; g++) {
                uint32_t weights = run->weights + g * run->conv->words;

                if (!run->plan.resident) {
                        weights = machine_take(run->machine, SPACE_WEIGHTS, run->conv->words);
                        r = conv_load_weights(run, run->chunk + g, weights);
                        if (r < 0)
                                return r;
                }
                r = conv_compute(run, tile, run->chunk + g, weights);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int conv_save(const ConvRun *run, const ConvTile *tile) {
        uint32_t first = run->chunk * run->machine->lanes;
        uint32_t n =
                machine_least(run->n_groups * run->machine->lanes, run->conv->out.channels - first);
        const View view = view_channels(run->conv->out, first, n);

        for (uint32_t i = 0; i < tile->rows; i++) {
                const BankPlace from = { .space = SPACE_IMAGES_1,
                                         .bank = machine_image_bank(run->machine, SPACE_IMAGES_1,
                                                                    i),
                                         .address = tile->out,
                                         .pitch = run->n_groups };
                int r = machine_save(run->machine, &view,
                                     (RowPart){ tile->row + i, tile->column, tile->columns }, from,
                                     run->problem);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- tiles ----------------------------------------------------------------------------------- */

static int conv_tile(ConvRun *run, uint32_t row, uint32_t column) {
        const Conv *conv = run->conv;
        ConvTile tile = { .row = row,
                          .rows = machine_least(run->plan.rows, conv->y.out - row),
                          .column = column,
                          .columns = machine_least(run->plan.columns, conv->x.out - column) };
        int r;

        tile.y = axis_span(&conv->y, tile.row, tile.rows);
        tile.x = axis_span(&conv->x, tile.column, tile.columns);
        tile.row_words = tile.x.n * conv->in_groups;
        tile.in = machine_take(run->machine, SPACE_IMAGES_0,
                               run->plan.wraps * run->plan.kept * tile.row_words);
        tile.out = machine_take(run->machine, SPACE_IMAGES_1, tile.columns * run->n_groups);
        r = conv_load_image(run, &tile);
        if (r == 0)
                r = conv_init(run, &tile);
        if (r == 0)
                r = conv_compute_groups(run, &tile);
        if (r == 0)
                r = conv_save(run, &tile);
        return r;
}

static int conv_chunk(ConvRun *run) {
        const Conv *conv = run->conv;
        int r;

        r = conv_load_bias(run);
        if (r < 0)
                return r;
        if (run->plan.resident) {
                run->weights =
                        machine_take(run->machine, SPACE_WEIGHTS, run->n_groups * conv->words);
                for (uint32_t g = 0; g < run->n_groups && r == 0; g++)
                        r = conv_load_weights(run, run->chunk + g, run->weights + g * conv->words);
        }
        for (uint32_t y = 0; y < conv->y.out && r == 0; y += run->plan.rows)
                for (uint32_t x = 0; x < conv->x.out && r == 0; x += run->plan.columns)
                        r = conv_tile(run, y, x);
        return r;
}

static int conv_check(const Conv *conv, Problem *problem) {
        if (!axis_is_sound(&conv->y) || !axis_is_sound(&conv->x))
                return problem_set(problem, -EOPNOTSUPP, "windows that see padding only");
        if (conv->y.kernel > CONV_KERNEL_MAX || conv->x.kernel > CONV_KERNEL_MAX)
                return problem_set(problem, -EOPNOTSUPP, "kernel %ux%u is above %u", conv->x.kernel,
                                   conv->y.kernel, CONV_KERNEL_MAX);
        if (conv->in_groups > MACHINE_GROUPS_MAX || conv->words > MACHINE_DEPTH)
                return problem_set(problem, -EOPNOTSUPP,
                                   "weights of %ux%ux%u are more than a bank holds", conv->x.kernel,
                                   conv->y.kernel, conv->in.channels);
        return 0;
}

/* A stride that is never taken has no limit. */
static void conv_normalize(Axis *axis) {
        if (axis->out == 1)
                axis->stride = 1;
}

static int conv_dense(Conv *conv, Machine *machine, Problem *problem) {
        ConvRun run = { .conv = conv, .machine = machine, .problem = problem };
        int r;

        conv_normalize(&conv->y);
        conv_normalize(&conv->x);
        if (conv->y.stride > CONV_STRIDE_MAX || conv->x.stride > CONV_STRIDE_MAX)
                return problem_set(problem, -EOPNOTSUPP, "stride %ux%u is above %u", conv->x.stride,
                                   conv->y.stride, CONV_STRIDE_MAX);
        conv->in_groups = machine_groups(machine, conv->in.channels);
        conv->out_groups = machine_groups(machine, conv->out.channels);
        conv->words = conv->y.kernel * conv->x.kernel * conv->in_groups;
        r = conv_check(conv, problem);
        if (r < 0)
                return r;
        r = conv_plan(conv, machine, &run.plan, problem);
        if (r < 0)
                return r;
        while (run.chunk < conv->out_groups && r == 0) {
                run.n_groups = machine_least(run.plan.groups, conv->out_groups - run.chunk);
                r = conv_chunk(&run);
                run.chunk += run.n_groups;
        }
        return r;
}

/* --- phases ---------------------------------------------------------------------------------- */

static int conv_phase(const Conv *whole, const Phase *y, const Phase *x, Machine *machine,
                      Problem *problem) {
        Conv conv = *whole;

        if (y->axis.out == 0 || x->axis.out == 0)
                return 0;
        conv.y = y->axis;
        conv.x = x->axis;
        conv.in = view_rows(conv.in, y->in_first, y->in_step, y->axis.in);
        conv.in = view_columns(conv.in, x->in_first, x->in_step, x->axis.in);
        conv.out = view_rows(conv.out, y->out_first, y->out_step, y->axis.out);
        conv.out = view_columns(conv.out, x->out_first, x->out_step, x->axis.out);
        conv.weights += y->kernel_first * conv.row_step + x->kernel_first * conv.step;
        conv.row_step *= y->kernel_step;
        conv.step *= x->kernel_step;
        return conv_dense(&conv, machine, problem);
}

static int conv_phases(const Conv *whole, const LayerAxes *axes, bool transposed, Machine *machine,
                       Problem *problem) {
        uint32_t n_y = transposed ? axis_phases_transposed(&axes->y)
                                  : axis_phases_dilated(&axes->y, axes->dilation_y);
        uint32_t n_x = transposed ? axis_phases_transposed(&axes->x)
                                  : axis_phases_dilated(&axes->x, axes->dilation_x);

        for (uint32_t i = 0; i < n_y; i++)
                for (uint32_t k = 0; k < n_x; k++) {
                        Phase y = transposed ? axis_phase_transposed(&axes->y, i)
                                             : axis_phase_dilated(&axes->y, axes->dilation_y, i);
                        Phase x = transposed ? axis_phase_transposed(&axes->x, k)
                                             : axis_phase_dilated(&axes->x, axes->dilation_x, k);
                        int r = conv_phase(whole, &y, &x, machine, problem);

                        if (r < 0)
                                return r;
                }
        return 0;
}

int conv_layer(const Layer *layer, Machine *machine, Problem *problem) {
        bool transposed = strncmp(layer->op->type, "transposed", 10) == 0;
        Conv conv = { .layer = layer, .in = layer->inputs[0], .out = layer->output };
        LayerAxes axes;
        int r;

        r = layer_axes(layer, &axes, problem);
        if (r == 0)
                r = layer_shifts(layer, &conv.shifts, problem);
        if (r == 0)
                r = layer_activation(layer, machine, DPU_CONV_LEAKY_RELU, &conv.activation,
                                     problem);
        if (r < 0)
                return r;
        if (transposed && (axes.dilation_y != 1 || axes.dilation_x != 1))
                return problem_set(problem, -EOPNOTSUPP, "transposed and dilated");
        if (!layer->weights.present)
                return problem_set(problem, -EOPNOTSUPP, "its weights are no constant");
        conv.weights = layer->weights.address;
        conv.step = conv.in.channels;
        conv.row_step = conv.step * axes.x.kernel;
        conv.filter = conv.row_step * axes.y.kernel;
        return conv_phases(&conv, &axes, transposed, machine, problem);
}
