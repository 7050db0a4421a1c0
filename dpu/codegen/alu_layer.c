/*
 * What the ALU does channel by channel: depthwise convolution, pooling, scaling by a vector, hard
 * sigmoid.
 *
 * Tiles are rows, columns and a chunk of channel groups; of the ways to cut, the one that loads
 * least is taken. A window that reaches over more rows than the start addresses of an instruction
 * can tell is laid out in taller row groups than its stride asks for, one output row at a time:
 * with a single row the stride field says nothing but the layout.
 */

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/codegen/window.h"

#define ALU_KERNEL_MAX    256u
#define ALU_PAD_MAX       15
#define ALU_LOAD_COST     20u
#define ALU_AVERAGE_SHIFT 8 /* the shift of an average is stored this much larger */
#define ALU_SIGMOID_SHIFT 14
#define ALU_SHIFT_MAX     63
#define ALU_LEFT_MAX      7

typedef enum AluExec {
        ALU_EXEC_DEPTHWISE = 0,
        ALU_EXEC_AVERAGE = 2,
        ALU_EXEC_MAXIMUM = 3,
        ALU_EXEC_SCALE = 6,
        ALU_EXEC_SIGMOID = 7,
} AluExec;

typedef struct AluWork {
        const Layer *layer;
        Window w; /* one filter for all channels */
        AluExec exec;
        uint32_t groups; /* of all channels */
        LayerShifts shifts;
        uint32_t activation, factor;
} AluWork;

typedef struct AluPlan {
        WindowPlan w;
        uint32_t groups; /* of a chunk */
} AluPlan;

static bool alu_has_weights(const AluWork *work) {
        return work->exec == ALU_EXEC_DEPTHWISE || work->exec == ALU_EXEC_SCALE;
}

/* --- plan ------------------------------------------------------------------------------------ */

static void alu_set_rows(const AluWork *work, const Machine *machine, WindowPlan *plan) {
        uint32_t most = MACHINE_WRAPS_MAX * machine->pixels;
        uint32_t reach = (work->w.y.kernel - 1) / work->w.y.stride;

        plan->layout = work->w.y.stride;
        plan->rows = 1;
        if (reach < most)
                plan->rows =
                        machine_least(machine_least(machine->pixels, work->w.y.out), most - reach);
        else
                plan->layout = machine_ceil(work->w.y.kernel, most);
        window_set_rounds(&work->w, machine, plan);
}

static uint64_t alu_cost(const AluWork *work, const AluPlan *plan) {
        uint64_t rows = (uint64_t) (plan->w.rows - 1) * work->w.y.stride + work->w.y.kernel;
        uint64_t words = (uint64_t) window_columns_in(&work->w, plan->w.columns) * plan->groups;

        return machine_ceil(work->w.y.out, plan->w.rows) *
               (uint64_t) machine_ceil(work->w.x.out, plan->w.columns) *
               machine_ceil(work->groups, plan->groups) * rows * (ALU_LOAD_COST + words);
}

static int alu_plan(const AluWork *work, const Machine *machine, AluPlan *ret, Problem *problem) {
        uint32_t kernel = alu_has_weights(work) ? work->w.y.kernel * work->w.x.kernel : 1;
        uint64_t best = UINT64_MAX;

        for (uint32_t depth = MACHINE_HALF; depth <= MACHINE_DEPTH && best == UINT64_MAX;
             depth *= 2)
                for (uint32_t parts = 1; parts <= work->groups; parts *= 2) {
                        AluPlan plan = { .groups = machine_ceil(work->groups, parts) };

                        if (plan.groups > MACHINE_GROUPS_MAX ||
                            (uint64_t) plan.groups * kernel > depth)
                                continue;
                        plan.w.words_in = plan.w.words_out = plan.groups;
                        alu_set_rows(work, machine, &plan.w);
                        if (!window_set_columns(&work->w, &plan.w, depth) ||
                            alu_cost(work, &plan) >= best)
                                continue;
                        best = alu_cost(work, &plan);
                        *ret = plan;
                }
        if (best == UINT64_MAX)
                return problem_set(problem, -EOPNOTSUPP,
                                   "a window of %ux%u does not fit into the banks",
                                   work->w.x.kernel, work->w.y.kernel);
        return 0;
}

/* --- loads ----------------------------------------------------------------------------------- */

typedef struct AluRun {
        const AluWork *work;
        AluPlan plan;
        Machine *machine;
        Problem *problem;
        bool has_init;
        IsaAluinit init;        /* the last one */
        uint32_t weights, bias; /* of the chunk */
        uint32_t chunk, groups; /* its first channel group, and how many */
} AluRun;

static View alu_chunk_of(const AluRun *run, const View *view) {
        uint32_t first = run->chunk * run->machine->lanes;
        uint32_t n = run->groups * run->machine->lanes;

        return view_channels(*view, first, machine_least(n, view->channels - first));
}

static int alu_load_weights(AluRun *run) {
        const AluWork *work = run->work;
        const View whole = { .reg_id = work->layer->weights.reg_id,
                             .address = work->w.weights,
                             .row_pitch = work->w.row_step,
                             .pixel_pitch = work->w.step,
                             .channels = work->w.in.channels };
        const View view = alu_chunk_of(run, &whole);
        BankPlace to = { .space = SPACE_DEPTHWISE,
                         .bank = run->machine->bank_depthwise,
                         .pitch = run->groups };

        run->weights = machine_take(run->machine, SPACE_DEPTHWISE,
                                    work->w.y.kernel * work->w.x.kernel * run->groups);
        to.address = run->weights;
        for (uint32_t h = 0; h < work->w.y.kernel; h++) {
                int r = machine_load(run->machine, &view, (RowPart){ h, 0, work->w.x.kernel }, to,
                                     run->problem);

                if (r < 0)
                        return r;
                to.address += work->w.x.kernel * run->groups;
        }
        return 0;
}

static int alu_load_bias(AluRun *run) {
        const View whole = { .reg_id = run->work->layer->bias.reg_id,
                             .address = run->work->layer->bias.address,
                             .channels = run->work->w.in.channels };
        const View view = alu_chunk_of(run, &whole);
        BankPlace to = { .space = SPACE_BIAS, .bank = run->machine->bank_bias };

        run->bias = machine_take(run->machine, SPACE_BIAS, run->groups);
        to.address = run->bias;
        return machine_load(run->machine, &view, (RowPart){ 0, 0, 1 }, to, run->problem);
}

/* --- compute --------------------------------------------------------------------------------- */

static int alu_init(AluRun *run, const WindowTile *tile) {
        const AluWork *work = run->work;
        Instruction i = isa_blank(ISA_ALUINIT);

        i.aluinit.kernel_w = work->w.x.kernel;
        i.aluinit.kernel_h = work->w.y.kernel;
        i.aluinit.exec_mode = work->exec;
        i.aluinit.stride_w = work->w.x.stride;
        i.aluinit.stride_h = run->plan.w.layout;
        i.aluinit.length = tile->columns;
        i.aluinit.channel_group = run->groups;
        i.aluinit.shift_cut = work->shifts.cut;
        i.aluinit.shift_bias = work->shifts.bias;
        i.aluinit.act_type = work->activation;
        i.aluinit.jump_read_endl = run->plan.w.kept > 1 ? tile->row_words : 1;
        i.aluinit.jump_read = run->groups;
        i.aluinit.multi_factor = work->factor;
        i.aluinit.jump_write = run->groups;
        i.aluinit.jump_read_weights = alu_has_weights(work) ? run->groups : 0;
        if (run->has_init && memcmp(&run->init, &i.aluinit, sizeof(run->init)) == 0)
                return 0;
        run->init = i.aluinit;
        run->has_init = true;
        return stream_append(run->machine->stream, &i, NULL, 0, run->problem);
}

/* rows @first .. of the tile, one to a bank: row @first begins @first row groups down */
static Instruction alu_instruction(const AluRun *run, const WindowTile *tile, uint32_t first,
                                   uint32_t rows) {
        const Machine *machine = run->machine;
        Span y = axis_span(&run->work->w.y, tile->row + first, rows);
        const WindowPlan *plan = &run->plan.w;
        Instruction i = isa_blank(ISA_ALU);

        i.alu.valid_pp = rows;
        i.alu.bank_id_in = machine_image_bank(machine, SPACE_IMAGES_0, first);
        i.alu.bank_addr_in = window_start(plan, tile, 0);
        i.alu.bank_addr_in_1 = window_start(plan, tile, 1);
        i.alu.bank_addr_in_2 = window_start(plan, tile, 2);
        i.alu.bank_addr_in_3 = window_start(plan, tile, 3);
        i.alu.pad_top = y.before;
        i.alu.pad_left = tile->x.before;
        i.alu.pad_bottom = y.last;
        i.alu.pad_right = tile->x.last;
        i.alu.bank_addr_weights = machine_address(run->weights);
        i.alu.bank_addr_bias = machine_address(run->bias);
        i.alu.bank_id_out = machine_image_bank(machine, SPACE_IMAGES_1, first);
        i.alu.bank_addr_out = machine_address(tile->out);
        return i;
}

static int alu_compute(const AluRun *run, const WindowTile *tile) {
        const AluWork *work = run->work;
        const Access accesses[] = {
                { .space = SPACE_IMAGES_0, .first = tile->in, .n = tile->words },
                { .space = SPACE_IMAGES_1, .writes = true, .first = tile->out, .n = tile->result },
                { .space = SPACE_DEPTHWISE,
                  .first = run->weights,
                  .n = alu_has_weights(work)
                               ? (uint64_t) work->w.y.kernel * work->w.x.kernel * run->groups
                               : 0 },
                { .space = SPACE_BIAS,
                  .first = run->bias,
                  .n = work->exec == ALU_EXEC_DEPTHWISE ? run->groups : 0 },
        };

        for (uint32_t first = 0; first < tile->rows; first += run->machine->alu_pixels) {
                uint32_t rows = machine_least(run->machine->alu_pixels, tile->rows - first);
                const Instruction i = alu_instruction(run, tile, first, rows);
                int r = stream_append(run->machine->stream, &i, accesses, 4, run->problem);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- tiles ----------------------------------------------------------------------------------- */

static int alu_tile(AluRun *run, uint32_t row, uint32_t column) {
        const Window *window = &run->work->w;
        const View in = alu_chunk_of(run, &window->in), out = alu_chunk_of(run, &window->out);
        const WindowTile tile = window_tile(window, &run->plan.w, run->machine, row, column);
        int r;

        r = window_load(&run->plan.w, &tile, run->machine, &in, run->problem);
        if (r == 0)
                r = alu_init(run, &tile);
        if (r == 0)
                r = alu_compute(run, &tile);
        if (r == 0)
                r = window_save(&run->plan.w, &tile, run->machine, &out, run->problem);
        return r;
}

static int alu_chunk(AluRun *run) {
        int r = 0;

        if (alu_has_weights(run->work))
                r = alu_load_weights(run);
        if (r == 0 && run->work->exec == ALU_EXEC_DEPTHWISE)
                r = alu_load_bias(run);
        for (uint32_t y = 0; y < run->work->w.y.out && r == 0; y += run->plan.w.rows)
                for (uint32_t x = 0; x < run->work->w.x.out && r == 0; x += run->plan.w.columns)
                        r = alu_tile(run, y, x);
        return r;
}

static int alu_check(const AluWork *work, Problem *problem) {
        if (work->w.in.channels != work->w.out.channels)
                return problem_set(problem, -EOPNOTSUPP, "%u channels go in, %u come out",
                                   work->w.in.channels, work->w.out.channels);
        if (!axis_is_sound(&work->w.y) || !axis_is_sound(&work->w.x))
                return problem_set(problem, -EOPNOTSUPP, "windows that see padding only");
        if (work->w.y.kernel > ALU_KERNEL_MAX || work->w.x.kernel > ALU_KERNEL_MAX ||
            work->w.y.stride > ALU_KERNEL_MAX || work->w.x.stride > ALU_KERNEL_MAX)
                return problem_set(problem, -EOPNOTSUPP, "kernel %ux%u or stride %ux%u above %u",
                                   work->w.x.kernel, work->w.y.kernel, work->w.x.stride,
                                   work->w.y.stride, ALU_KERNEL_MAX);
        if (work->w.y.pad > ALU_PAD_MAX || work->w.x.pad > ALU_PAD_MAX)
                return problem_set(problem, -EOPNOTSUPP, "padding of %d, %d is above %d",
                                   work->w.x.pad, work->w.y.pad, ALU_PAD_MAX);
        return 0;
}

static int alu_run(AluWork *work, Machine *machine, Problem *problem) {
        AluRun run = { .work = work, .machine = machine, .problem = problem };
        int r;

        if (work->w.y.out == 1)
                work->w.y.stride = 1; /* never taken */
        if (work->w.x.out == 1)
                work->w.x.stride = 1;
        work->groups = machine_groups(machine, work->w.in.channels);
        r = alu_check(work, problem);
        if (r < 0)
                return r;
        r = alu_plan(work, machine, &run.plan, problem);
        if (r < 0)
                return r;
        while (run.chunk < work->groups && r == 0) {
                run.groups = machine_least(run.plan.groups, work->groups - run.chunk);
                run.plan.w.words_in = run.plan.w.words_out = run.groups;
                r = alu_chunk(&run);
                run.chunk += run.groups;
        }
        return r;
}

/* --- depthwise convolution ------------------------------------------------------------------- */

typedef struct AluPhase {
        const AluWork *whole;
        Machine *machine;
        Problem *problem;
} AluPhase;

static int alu_phase(const Window *part, void *userdata) {
        const AluPhase *phase = userdata;
        AluWork work = *phase->whole;

        work.w = *part;
        return alu_run(&work, phase->machine, phase->problem);
}

int depthwise_layer(const Layer *layer, Machine *machine, Problem *problem) {
        bool transposed = strncmp(layer->op->type, "transposed", 10) == 0;
        AluWork work = { .layer = layer,
                         .w = { .in = layer->inputs[0], .out = layer->output },
                         .exec = layer->bias.present ? ALU_EXEC_DEPTHWISE : ALU_EXEC_SCALE };
        AluPhase phase = { .whole = &work, .machine = machine, .problem = problem };
        LayerAxes axes;
        int r;

        r = layer_axes(layer, &axes, problem);
        if (r == 0)
                r = layer_shifts(layer, &work.shifts, problem);
        if (r == 0)
                r = layer_activation(layer, machine, DPU_ALU_LEAKY_RELU, &work.activation, problem);
        if (r < 0)
                return r;
        if (transposed && (axes.dilation_y != 1 || axes.dilation_x != 1))
                return problem_set(problem, -EOPNOTSUPP, "transposed and dilated");
        if (!layer->weights.present)
                return problem_set(problem, -EOPNOTSUPP, "its weights are no constant");
        work.w.weights = layer->weights.address;
        work.w.step = work.w.in.channels;
        work.w.row_step = work.w.step * axes.x.kernel;
        return window_phases(&work.w, &axes, transposed, alu_phase, &phase);
}

/* --- pooling --------------------------------------------------------------------------------- */

/* The engine has no division: an average over @area is the sum times factor / 2^shift. Which pair
 * the vendor takes is public (Xilinx/Vitis-AI src/vai_library/cpu_task/ops/pool-fix/pool-fix.cpp):
 * for some kernels by a table, else the best one below 2^shift = 128 * area. */
typedef struct PoolFactor {
        uint32_t factor;
        int32_t shift;
} PoolFactor;

static PoolFactor pool_search(uint32_t area) {
        PoolFactor best = {};
        double distance = 1;

        for (int32_t shift = 0; ldexp(1, shift) < 128.0 * area; shift++) {
                double factor = round(ldexp(1, shift) / area);
                double off = fabs(ldexp(factor, -shift) - 1.0 / area);

                if (off >= distance)
                        continue;
                distance = off;
                best = (PoolFactor){ (uint32_t) factor, shift };
        }
        return best;
}

static PoolFactor pool_factor(uint32_t width, uint32_t height) {
        static const struct {
                uint32_t kernel;
                PoolFactor factor;
        } known[] = { { 3, { 7, 6 } },
                      { 5, { 10, 8 } },
                      { 6, { 7, 8 } },
                      { 7, { 21, 10 } },
                      { 14, { 21, 12 } } };

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (width == known[i].kernel && height == known[i].kernel)
                        return known[i].factor;
        return pool_search(width * height);
}

static int pool_average(AluWork *work, const LayerAxes *axes, Problem *problem) {
        PoolFactor f = pool_factor(axes->x.kernel, axes->y.kernel);
        int32_t shift = f.shift + work->w.in.fix_point - work->w.out.fix_point;

        if (shift < 0 || shift + ALU_AVERAGE_SHIFT > ALU_SHIFT_MAX)
                return problem_set(problem, -EOPNOTSUPP, "the average is shifted by %d bits",
                                   shift);
        work->exec = ALU_EXEC_AVERAGE;
        work->factor = f.factor;
        work->shifts.cut = (uint32_t) (shift + ALU_AVERAGE_SHIFT);
        return 0;
}

static int pool_maximum(AluWork *work, Problem *problem) {
        int32_t left = work->w.out.fix_point - work->w.in.fix_point;

        if (left < 0 || left > ALU_LEFT_MAX)
                return problem_set(problem, -EOPNOTSUPP,
                                   "the maximum changes its fix point from %d to %d",
                                   work->w.in.fix_point, work->w.out.fix_point);
        work->exec = ALU_EXEC_MAXIMUM;
        work->shifts.cut = (uint32_t) left;
        return 0;
}

int pool_layer(const Layer *layer, Machine *machine, Problem *problem) {
        const char *type = attrs_string(&layer->op->attrs, "type");
        AluWork work = { .layer = layer, .w = { .in = layer->inputs[0], .out = layer->output } };
        LayerAxes axes;
        int32_t number = -1;
        int r;

        if (!type && attrs_int32(&layer->op->attrs, "type", &number) == 0) /* old releases */
                type = number == 0 ? "MAX" : number == 1 ? "AVG" : NULL;
        r = layer_axes(layer, &axes, problem);
        if (r == 0)
                r = layer_activation(layer, machine, DPU_ALU_LEAKY_RELU, &work.activation, problem);
        if (r < 0)
                return r;
        if (type && strcmp(type, "MAX") == 0)
                r = pool_maximum(&work, problem);
        else if (type && strcmp(type, "AVG") == 0)
                r = pool_average(&work, &axes, problem);
        else
                r = problem_set(problem, -EOPNOTSUPP, "pooling of type %s", type ? type : "(none)");
        if (r < 0)
                return r;
        work.w.y = axes.y;
        work.w.x = axes.x;
        return alu_run(&work, machine, problem);
}

/* --- by a vector, by nothing ----------------------------------------------------------------- */

static Axis alu_each(uint32_t n) {
        return (Axis){ .kernel = 1, .stride = 1, .in = n, .out = n };
}

/* An image times one number for each channel, which another layer computed. */
int scale_layer(const Layer *layer, Machine *machine, Problem *problem) {
        AluWork work = { .layer = layer, .w = { .out = layer->output }, .exec = ALU_EXEC_SCALE };
        Layer own = *layer;
        const View *vector;
        size_t image = 0;
        int r;

        if (layer->n_inputs != 2)
                return problem_set(problem, -EOPNOTSUPP, "%zu inputs, not 2", layer->n_inputs);
        if (layer->inputs[0].height * layer->inputs[0].width == 1)
                image = 1;
        vector = &layer->inputs[1 - image];
        work.w.in = layer->inputs[image];
        if (vector->height != 1 || vector->width != 1 || vector->channels != work.w.in.channels ||
            work.w.in.height != work.w.out.height || work.w.in.width != work.w.out.width)
                return problem_set(problem, -EOPNOTSUPP,
                                   "it is no image and one number for each channel");
        own.weights = (Constant){ .present = true,
                                  .reg_id = vector->reg_id,
                                  .address = vector->address,
                                  .fix_point = vector->fix_point };
        own.inputs = &work.w.in;
        own.n_inputs = 1;
        r = layer_shifts(&own, &work.shifts, problem);
        if (r == 0)
                r = layer_activation(layer, machine, DPU_ALU_LEAKY_RELU, &work.activation, problem);
        if (r < 0)
                return r;
        work.layer = &own;
        work.w.weights = vector->address;
        work.w.step = work.w.row_step = work.w.in.channels;
        work.w.y = alu_each(work.w.in.height);
        work.w.x = alu_each(work.w.in.width);
        return alu_run(&work, machine, problem);
}

/* The attributes of the op repeat what follows from the fix points. */
int sigmoid_layer(const Layer *layer, Machine *machine, Problem *problem) {
        AluWork work = { .layer = layer,
                         .w = { .in = layer->inputs[0], .out = layer->output },
                         .exec = ALU_EXEC_SIGMOID };
        int32_t shift = ALU_SIGMOID_SHIFT + work.w.in.fix_point - work.w.out.fix_point;

        if (!(machine->target->features & DPU_HARD_SIGMOID))
                return problem_set(problem, -EOPNOTSUPP, "%s has no hard sigmoid",
                                   machine->target->name);
        if (work.w.in.fix_point < 0 || work.w.in.fix_point > 15 || shift < 0 || shift > 30)
                return problem_set(problem, -EOPNOTSUPP, "hard sigmoid from fix point %d to %d",
                                   work.w.in.fix_point, work.w.out.fix_point);
        if (work.w.in.height != work.w.out.height || work.w.in.width != work.w.out.width)
                return problem_set(problem, -EOPNOTSUPP, "the shapes do not fit");
        work.shifts =
                (LayerShifts){ .cut = (uint32_t) shift, .bias = (uint32_t) work.w.in.fix_point };
        work.w.y = alu_each(work.w.in.height);
        work.w.x = alu_each(work.w.in.width);
        return alu_run(&work, machine, problem);
}
