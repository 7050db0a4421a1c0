/*
 * What the ALU does channel by channel: depthwise convolution, pooling, scaling by a vector, hard
 * sigmoid. What layers say, as stages.
 */

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/codegen/stage.h"

#define ALU_KERNEL_MAX    256u
#define ALU_PAD_MAX       15
#define ALU_AVERAGE_SHIFT 8 /* the shift of an average is stored this much larger */
#define ALU_SIGMOID_SHIFT 14
#define ALU_SHIFT_MAX     63
#define ALU_LEFT_MAX      7

/* who gets the stages */
typedef struct AluSink {
        Machine *machine;
        StageFn fn;
        void *userdata;
        Problem *problem;
} AluSink;

static Stage alu_stage(const Layer *layer, AluExec exec) {
        return (Stage){ .engine = STAGE_ALU,
                        .exec = exec,
                        .n_inputs = 1,
                        .w = { .in = layer->inputs[0], .out = layer->output },
                        .weights = layer->weights,
                        .bias = layer->bias };
}

static int alu_check(const Stage *work, Problem *problem) {
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

static int alu_give(Stage *work, const AluSink *sink) {
        int r;

        if (work->w.y.out == 1)
                work->w.y.stride = 1; /* never taken */
        if (work->w.x.out == 1)
                work->w.x.stride = 1;
        work->inputs[0] = work->w.in;
        work->in_groups = work->out_groups = machine_groups(sink->machine, work->w.in.channels);
        work->words = stage_has_weights(work) ? work->w.y.kernel * work->w.x.kernel : 0;
        r = alu_check(work, sink->problem);
        return r < 0 ? r : sink->fn(work, sink->machine, sink->userdata, sink->problem);
}

/* --- depthwise convolution ------------------------------------------------------------------- */

typedef struct AluPhase {
        const Stage *whole;
        const AluSink *sink;
} AluPhase;

static int alu_phase(const Window *part, void *userdata) {
        const AluPhase *phase = userdata;
        Stage work = *phase->whole;

        work.w = *part;
        return alu_give(&work, phase->sink);
}

int depthwise_layer(const Layer *layer, Machine *machine, StageFn fn, void *userdata,
                    Problem *problem) {
        bool transposed = strncmp(layer->op->type, "transposed", 10) == 0;
        const AluSink sink = { machine, fn, userdata, problem };
        Stage work = alu_stage(layer, layer->bias.present ? ALU_EXEC_DEPTHWISE : ALU_EXEC_SCALE);
        AluPhase phase = { .whole = &work, .sink = &sink };
        LayerAxes axes;
        int r;

        r = stage_set_weighted(&work, layer, machine, transposed, &axes, problem);
        if (r < 0)
                return r;
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

static int pool_average(Stage *work, const LayerAxes *axes, Problem *problem) {
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

static int pool_maximum(Stage *work, Problem *problem) {
        int32_t left = work->w.out.fix_point - work->w.in.fix_point;

        if (left < 0 || left > ALU_LEFT_MAX)
                return problem_set(problem, -EOPNOTSUPP,
                                   "the maximum changes its fix point from %d to %d",
                                   work->w.in.fix_point, work->w.out.fix_point);
        work->exec = ALU_EXEC_MAXIMUM;
        work->shifts.cut = (uint32_t) left;
        return 0;
}

int pool_layer(const Layer *layer, Machine *machine, StageFn fn, void *userdata, Problem *problem) {
        const char *type = attrs_string(&layer->op->attrs, "type");
        const AluSink sink = { machine, fn, userdata, problem };
        Stage work = alu_stage(layer, ALU_EXEC_MAXIMUM);
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
        if (axes.dilation_y != 1 || axes.dilation_x != 1)
                return problem_set(problem, -EOPNOTSUPP, "dilated pooling");
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
        return alu_give(&work, &sink);
}

/* --- by a vector, by nothing ----------------------------------------------------------------- */

static Axis alu_each(uint32_t n) {
        return (Axis){ .kernel = 1, .stride = 1, .in = n, .out = n };
}

/* An image times one number for each channel, which another layer computed. */
int scale_layer(const Layer *layer, Machine *machine, StageFn fn, void *userdata,
                Problem *problem) {
        const AluSink sink = { machine, fn, userdata, problem };
        Stage work = alu_stage(layer, ALU_EXEC_SCALE);
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
        work.weights = own.weights;
        work.w.weights = vector->address;
        work.w.step = work.w.row_step = work.w.in.channels;
        work.w.y = alu_each(work.w.in.height);
        work.w.x = alu_each(work.w.in.width);
        return alu_give(&work, &sink);
}

/* The attributes of the op repeat what follows from the fix points. */
int sigmoid_layer(const Layer *layer, Machine *machine, StageFn fn, void *userdata,
                  Problem *problem) {
        const AluSink sink = { machine, fn, userdata, problem };
        Stage work = alu_stage(layer, ALU_EXEC_SIGMOID);
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
        return alu_give(&work, &sink);
}
