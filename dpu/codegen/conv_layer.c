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

#include "dpu/codegen/window.h"

#define CONV_KERNEL_MAX 16u
#define CONV_STRIDE_MAX 8u
#define CONV_PAD_MAX    31u /* bytes of padding of a LOAD, on either side */
#define CONV_LOAD_COST  20u /* words that one more LOAD counts for, in choosing */

/* one dense convolution; the weights of an output channel are @filter bytes behind those of the
 * one before it */
typedef struct Conv {
        const Layer *layer;
        Window w;
        uint64_t filter;
        uint32_t in_groups, out_groups, words; /* of the weights of one output group, per bank */
        LayerShifts shifts;
        uint32_t activation;
} Conv;

typedef struct ConvPlan {
        WindowPlan w;
        uint32_t groups; /* of a chunk */
        bool resident;   /* the chunk's weights stay */
} ConvPlan;

/* --- plan ------------------------------------------------------------------------------------ */

static bool conv_set_rows(const Conv *conv, const Machine *machine, WindowPlan *plan) {
        uint32_t reach = (conv->w.y.kernel - 1) / conv->w.y.stride;
        uint32_t most = MACHINE_WRAPS_MAX * machine->pixels;

        if (reach >= most)
                return false;
        plan->layout = conv->w.y.stride;
        plan->rows = machine_least(machine_least(machine->pixels, conv->w.y.out), most - reach);
        window_set_rounds(&conv->w, machine, plan);
        return true;
}

/* words that are loaded, in all */
static uint64_t conv_cost(const Conv *conv, const Machine *machine, const ConvPlan *plan) {
        uint64_t down = machine_ceil(conv->w.y.out, plan->w.rows);
        uint64_t across = machine_ceil(conv->w.x.out, plan->w.columns);
        uint64_t chunks = machine_ceil(conv->out_groups, plan->groups);
        uint64_t rows = (uint64_t) (plan->w.rows - 1) * conv->w.y.stride + conv->w.y.kernel;
        uint64_t image = down * across * rows *
                         (CONV_LOAD_COST + (uint64_t) window_columns_in(&conv->w, plan->w.columns) *
                                                   conv->in_groups);
        uint64_t weights =
                (uint64_t) conv->out_groups * machine->lanes * (CONV_LOAD_COST + conv->words);

        return chunks * image + (plan->resident ? 1 : down * across) * weights;
}

static bool conv_try(const Conv *conv, const Machine *machine, uint32_t groups, uint32_t depth,
                     ConvPlan *ret) {
        ConvPlan plan = { .w = { .words_in = conv->in_groups, .words_out = groups },
                          .groups = groups };

        plan.resident = (uint64_t) groups * conv->words <= MACHINE_DEPTH;
        if (!conv_set_rows(conv, machine, &plan.w) || !window_set_columns(&conv->w, &plan.w, depth))
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
                                   conv->w.x.kernel, conv->w.y.kernel, conv->w.in.channels);
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

        return machine_least(lanes, run->conv->w.out.channels - group * lanes);
}

/* one filter: a LOAD for all of it where its places follow each other, else one for each row */
static int conv_load_filter(const ConvRun *run, uint32_t channel, uint32_t address) {
        const Conv *conv = run->conv;
        View view = { .reg_id = conv->layer->weights.reg_id,
                      .address = conv->w.weights + channel * conv->filter,
                      .row_pitch = conv->w.row_step,
                      .pixel_pitch = conv->w.step,
                      .height = conv->w.y.kernel,
                      .width = conv->w.x.kernel,
                      .channels = conv->w.in.channels };
        BankPlace to = { .space = SPACE_WEIGHTS,
                         .bank = run->machine->bank_weights + channel % run->machine->lanes,
                         .address = address,
                         .pitch = conv->in_groups };

        if (conv->w.row_step == conv->w.step * conv->w.x.kernel) {
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
        uint32_t n = machine_least(run->n_groups * run->machine->lanes,
                                   run->conv->w.out.channels - first);
        const View view = { .reg_id = layer->bias.reg_id,
                            .address = layer->bias.address + first,
                            .channels = n };
        BankPlace to = { .space = SPACE_BIAS, .bank = run->machine->bank_bias };

        run->bias = machine_take(run->machine, SPACE_BIAS, run->n_groups);
        to.address = run->bias;
        return machine_load(run->machine, &view, (RowPart){ 0, 0, 1 }, to, run->problem);
}

/* --- compute --------------------------------------------------------------------------------- */

static int conv_init(ConvRun *run, const WindowTile *tile) {
        const Conv *conv = run->conv;
        Instruction i = isa_blank(ISA_CONVINIT);

        i.convinit.jump_read = conv->in_groups;
        i.convinit.jump_read_endl = run->plan.w.kept > 1 ? tile->row_words : 1;
        i.convinit.jump_write = run->n_groups;
        i.convinit.kernel_h = conv->w.y.kernel;
        i.convinit.kernel_w = conv->w.x.kernel;
        i.convinit.stride_h = conv->w.y.stride;
        i.convinit.stride_w = conv->w.x.stride;
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

static Instruction conv_instruction(const ConvRun *run, const WindowTile *tile, uint32_t group,
                                    uint32_t weights) {
        const Conv *conv = run->conv;
        const WindowPlan *plan = &run->plan.w;
        Instruction i = isa_blank(ISA_CONV);

        i.conv.bank_id_in = machine_image_bank(run->machine, SPACE_IMAGES_0, 0);
        i.conv.bank_addr_in = window_start(plan, tile, 0);
        i.conv.bank_addr_in_1 = window_start(plan, tile, 1);
        i.conv.bank_addr_in_2 = window_start(plan, tile, 2);
        i.conv.bank_addr_in_3 = window_start(plan, tile, 3);
        i.conv.pad_top = tile->y.before;
        i.conv.pad_left = tile->x.before;
        i.conv.pad_bottom = tile->y.last;
        i.conv.pad_right = tile->x.last;
        i.conv.channel_group = conv->in_groups;
        i.conv.channel_offset = conv->in_groups * run->machine->lanes - conv->w.in.channels;
        i.conv.length = tile->columns;
        i.conv.bank_addr_weights = machine_address(weights);
        i.conv.bank_addr_bias = machine_address(run->bias + group - run->chunk);
        i.conv.bank_id_out = machine_image_bank(run->machine, SPACE_IMAGES_1, 0);
        i.conv.bank_addr_out = machine_address(tile->out + group - run->chunk);
        return i;
}

static int conv_compute(ConvRun *run, const WindowTile *tile, uint32_t group, uint32_t weights) {
        const Conv *conv = run->conv;
        const Instruction i = conv_instruction(run, tile, group, weights);
        const Access accesses[] = {
                { .space = SPACE_IMAGES_0, .first = tile->in, .n = tile->words },
                { .space = SPACE_IMAGES_1, .writes = true, .first = tile->out, .n = tile->result },
                { .space = SPACE_WEIGHTS, .first = weights, .n = conv->words },
                { .space = SPACE_BIAS, .first = run->bias + group - run->chunk, .n = 1 },
        };

        return stream_append(run->machine->stream, &i, accesses, 4, run->problem);
}

static int conv_compute_groups(ConvRun *run, const WindowTile *tile) {
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

static int conv_save(const ConvRun *run, const WindowTile *tile) {
        uint32_t first = run->chunk * run->machine->lanes;
        uint32_t n = machine_least(run->n_groups * run->machine->lanes,
                                   run->conv->w.out.channels - first);
        const View view = view_channels(run->conv->w.out, first, n);

        return window_save(&run->plan.w, tile, run->machine, &view, run->problem);
}

/* --- tiles ----------------------------------------------------------------------------------- */

static int conv_tile(ConvRun *run, uint32_t row, uint32_t column) {
        const Window *window = &run->conv->w;
        const WindowTile tile = window_tile(window, &run->plan.w, run->machine, row, column);
        int r;

        r = window_load(&run->plan.w, &tile, run->machine, &window->in, run->problem);
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
        for (uint32_t y = 0; y < conv->w.y.out && r == 0; y += run->plan.w.rows)
                for (uint32_t x = 0; x < conv->w.x.out && r == 0; x += run->plan.w.columns)
                        r = conv_tile(run, y, x);
        return r;
}

static int conv_check(const Conv *conv, Problem *problem) {
        if (!axis_is_sound(&conv->w.y) || !axis_is_sound(&conv->w.x))
                return problem_set(problem, -EOPNOTSUPP, "windows that see padding only");
        if (conv->w.y.kernel > CONV_KERNEL_MAX || conv->w.x.kernel > CONV_KERNEL_MAX)
                return problem_set(problem, -EOPNOTSUPP, "kernel %ux%u is above %u",
                                   conv->w.x.kernel, conv->w.y.kernel, CONV_KERNEL_MAX);
        if (conv->in_groups > MACHINE_GROUPS_MAX || conv->words > MACHINE_DEPTH)
                return problem_set(problem, -EOPNOTSUPP,
                                   "weights of %ux%ux%u are more than a bank holds",
                                   conv->w.x.kernel, conv->w.y.kernel, conv->w.in.channels);
        return 0;
}

/* A stride that is never taken has no limit. */
static void conv_normalize(Axis *axis) {
        if (axis->out == 1)
                axis->stride = 1;
}

/* Channel augmentation: a thin image, whose pixels leave most lanes of a word idle, is loaded such
 * that a row of the window is one pixel, a pixel for every column of the output; then the kernel is
 * one pixel wide. Which bytes of it are padding the LOAD knows, as far as its fields reach. */
static bool conv_can_augment(const Conv *conv, const Machine *machine) {
        const View *in = &conv->w.in;
        const Axis *x = &conv->w.x;
        uint64_t pixel = (uint64_t) x->kernel * in->channels;
        uint32_t groups = (uint32_t) ((pixel + machine->lanes - 1) / machine->lanes);
        Span last;

        if (!(machine->target->features & DPU_CHANNEL_AUGMENTATION) || groups > 2 ||
            groups >= x->kernel * machine_groups(machine, in->channels) ||
            in->pixel_pitch != in->channels || conv->w.step != in->channels || !axis_is_sound(x) ||
            x->pad < 0 || x->pad * in->channels > CONV_PAD_MAX ||
            in->address < x->pad * in->channels)
                return false;
        last = axis_span(x, x->out - 1, 1);
        return (x->kernel - 1 - last.last) * in->channels + groups * machine->lanes - pixel <=
               CONV_PAD_MAX;
}

static void conv_augment(Conv *conv, const Machine *machine) {
        View *in = &conv->w.in;
        Axis *x = &conv->w.x;

        if (!conv_can_augment(conv, machine))
                return;
        in->begin = (uint32_t) x->pad * in->channels;
        in->end = in->begin + in->width * in->channels;
        in->address -= in->begin;
        in->pixel_pitch = (uint64_t) x->stride * in->channels;
        in->channels *= x->kernel;
        in->width = x->out;
        conv->w.step = in->channels;
        *x = (Axis){ .kernel = 1, .stride = 1, .in = x->out, .out = x->out };
}

static int conv_dense(Conv *conv, Machine *machine, Problem *problem) {
        ConvRun run = { .conv = conv, .machine = machine, .problem = problem };
        int r;

        conv_normalize(&conv->w.y);
        conv_normalize(&conv->w.x);
        if (conv->w.y.stride > CONV_STRIDE_MAX || conv->w.x.stride > CONV_STRIDE_MAX)
                return problem_set(problem, -EOPNOTSUPP, "stride %ux%u is above %u",
                                   conv->w.x.stride, conv->w.y.stride, CONV_STRIDE_MAX);
        conv_augment(conv, machine);
        conv->in_groups = machine_groups(machine, conv->w.in.channels);
        conv->out_groups = machine_groups(machine, conv->w.out.channels);
        conv->words = conv->w.y.kernel * conv->w.x.kernel * conv->in_groups;
        r = conv_check(conv, problem);
        if (r < 0)
                return r;
        r = conv_plan(conv, machine, &run.plan, problem);
        if (r < 0)
                return r;
        while (run.chunk < conv->out_groups && r == 0) {
                run.n_groups = machine_least(run.plan.groups, conv->out_groups - run.chunk);
                run.plan.w.words_out = run.n_groups;
                r = conv_chunk(&run);
                run.chunk += run.n_groups;
        }
        return r;
}

/* --- layers ---------------------------------------------------------------------------------- */

typedef struct ConvPhase {
        const Conv *whole;
        Machine *machine;
        Problem *problem;
} ConvPhase;

static int conv_phase(const Window *part, void *userdata) {
        const ConvPhase *phase = userdata;
        Conv conv = *phase->whole;

        conv.w = *part;
        return conv_dense(&conv, phase->machine, phase->problem);
}

int conv_layer(const Layer *layer, Machine *machine, Problem *problem) {
        bool transposed = strncmp(layer->op->type, "transposed", 10) == 0;
        Conv conv = { .layer = layer, .w = { .in = layer->inputs[0], .out = layer->output } };
        ConvPhase phase = { .whole = &conv, .machine = machine, .problem = problem };
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
        conv.w.weights = layer->weights.address;
        conv.w.step = conv.w.in.channels;
        conv.w.row_step = conv.w.step * axes.x.kernel;
        conv.filter = conv.w.row_step * axes.y.kernel;
        return window_phases(&conv.w, &axes, transposed, conv_phase, &phase);
}
