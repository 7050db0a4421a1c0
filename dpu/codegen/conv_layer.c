/*
 * Convolution, dilated and transposed too: what layers say, as stages of the CONV engine.
 */

#include <errno.h>
#include <string.h>

#include "dpu/codegen/stage.h"

#define CONV_KERNEL_MAX 16u
#define CONV_STRIDE_MAX 8u
#define CONV_PAD_MAX    31u /* bytes of padding of a LOAD, on either side */

static int conv_check(const Stage *conv, Problem *problem) {
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
static bool conv_can_augment(const Stage *conv, const Machine *machine) {
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

static void conv_set_words(Stage *conv, const Machine *machine) {
        conv->inputs[0] = conv->w.in;
        conv->in_groups = machine_groups(machine, conv->w.in.channels);
        conv->out_groups = machine_groups(machine, conv->w.out.channels);
        conv->words = conv->w.y.kernel * conv->w.x.kernel * conv->in_groups;
}

void conv_stage_augment(Stage *conv, const Machine *machine) {
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
        conv_set_words(conv, machine);
}

typedef struct ConvPhase {
        const Stage *whole;
        Machine *machine;
        StageFn fn;
        void *userdata;
        Problem *problem;
} ConvPhase;

/* a dense part */
static int conv_phase(const Window *part, void *userdata) {
        const ConvPhase *phase = userdata;
        const Machine *machine = phase->machine;
        Stage conv = *phase->whole;
        int r;

        conv.w = *part;
        conv_normalize(&conv.w.y);
        conv_normalize(&conv.w.x);
        if (conv.w.y.stride > CONV_STRIDE_MAX || conv.w.x.stride > CONV_STRIDE_MAX)
                return problem_set(phase->problem, -EOPNOTSUPP, "stride %ux%u is above %u",
                                   conv.w.x.stride, conv.w.y.stride, CONV_STRIDE_MAX);
        conv_set_words(&conv, machine);
        r = conv_check(&conv, phase->problem);
        return r < 0 ? r : phase->fn(&conv, phase->machine, phase->userdata, phase->problem);
}

int conv_layer(const Layer *layer, Machine *machine, StageFn fn, void *userdata, Problem *problem) {
        bool transposed = strncmp(layer->op->type, "transposed", 10) == 0;
        Stage conv = { .engine = STAGE_CONV,
                       .n_inputs = 1,
                       .w = { .in = layer->inputs[0], .out = layer->output },
                       .weights = layer->weights,
                       .bias = layer->bias };
        ConvPhase phase = { &conv, machine, fn, userdata, problem };
        LayerAxes axes;
        int r;

        r = stage_set_weighted(&conv, layer, machine, transposed, &axes, problem);
        if (r < 0)
                return r;
        conv.filter = conv.w.row_step * axes.y.kernel;
        return window_phases(&conv.w, &axes, transposed, conv_phase, &phase);
}
