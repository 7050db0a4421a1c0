#include "dpu/sim/window.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define WINDOW_KERNEL_MAX 4096
#define WINDOW_PAD_MAX    65536
#define WINDOW_TAPS_MAX   ((int64_t) 1 << 26)

/* one axis as the attributes give it */
typedef struct Axis {
        int32_t in, out;
        int32_t kernel, stride, dilation;
        int32_t pad, behind; /* before the first element, behind the last one */
        bool transposed;
} Axis;

/* The input place that kernel place @k looks at for output place @o; -1: none. */
static int64_t axis_place(const Axis *axis, int64_t o, int64_t k) {
        int64_t place;

        if (!axis->transposed) {
                place = o * axis->stride - axis->pad + k * axis->dilation;
        } else { /* stride 1 over an input with stride - 1 zeros after each element */
                place = o - ((int64_t) axis->kernel - 1 - axis->pad) + k * axis->dilation;
                if (place < 0 || place % axis->stride != 0)
                        return -1;
                place /= axis->stride;
        }
        return place >= 0 && place < axis->in ? place : -1;
}

static int taps_init(Taps *taps, const Axis *axis) {
        size_t n = 0;

        taps->first = calloc((size_t) axis->out + 1, sizeof(*taps->first));
        taps->taps = calloc((size_t) axis->out * (size_t) axis->kernel + 1, sizeof(*taps->taps));
        if (!taps->first || !taps->taps)
                return -ENOMEM;
        for (int32_t o = 0; o < axis->out; o++) {
                for (int32_t k = 0; k < axis->kernel; k++) {
                        int64_t place = axis_place(axis, o, k);

                        if (place >= 0)
                                taps->taps[n++] = (Tap){ .kernel = k, .input = (int32_t) place };
                }
                taps->first[o + 1] = n;
        }
        return 0;
}

static bool window_is_transposed(const EvalCall *call) {
        return strncmp(call->op->type, "transposed-", strlen("transposed-")) == 0;
}

bool eval_is_fixed_op(const EvalCall *call) {
        size_t n = strlen(call->op->type);

        return n > 4 && strcmp(call->op->type + n - 4, "-fix") == 0;
}

/* TensorFlow's rule: what is missing is padded, the smaller half before */
static int32_t axis_same_need(const Axis *axis) {
        int64_t span = ((int64_t) axis->kernel - 1) * axis->dilation + 1, need;

        if (axis->transposed)
                need = (int64_t) axis->kernel - axis->stride;
        else
                need = ((int64_t) axis->out - 1) * axis->stride + span - axis->in;
        return need > 0 ? (int32_t) need : 0;
}

/* Fixed-point ops carry the mode of their source, but their pad is what counts. */
static void axis_apply_mode(const EvalCall *call, Axis *axis) {
        const char *mode = attrs_string(&call->op->attrs, "pad_mode");

        if (!mode || eval_is_fixed_op(call))
                return;
        if (strcmp(mode, "SAME") == 0) {
                axis->behind = axis_same_need(axis);
                axis->pad = axis->behind / 2;
                axis->behind -= axis->pad;
        } else if (strcmp(mode, "VALID") == 0) {
                axis->pad = axis->behind = 0;
        }
}

static int axis_check(const EvalCall *call, const Axis *axis) {
        if (axis->kernel < 1 || axis->kernel > WINDOW_KERNEL_MAX || axis->stride < 1 ||
            axis->dilation < 1 || axis->dilation > WINDOW_KERNEL_MAX)
                return eval_refuse(call, "kernel %d, stride %d, dilation %d", axis->kernel,
                                   axis->stride, axis->dilation);
        if (axis->pad < -WINDOW_PAD_MAX || axis->pad > WINDOW_PAD_MAX)
                return eval_refuse(call, "padding %d", axis->pad);
        if ((int64_t) axis->out * axis->kernel > WINDOW_TAPS_MAX)
                return eval_refuse(call, "%d places of a kernel of %d", axis->out, axis->kernel);
        return 0;
}

/* images as they are, rows of numbers as images of height one */
static int window_shape(Window *window, const EvalCall *call) {
        const Values *input = eval_input(call, 0), *out = call->out;
        size_t n = input->n_dims;

        if (n != out->n_dims || (n != 3 && n != 4) || input->dims[0] != out->dims[0])
                return eval_refuse(call, "input and output must be images of one batch");
        window->batch = input->dims[0];
        window->height = n == 4 ? input->dims[1] : 1;
        window->out_height = n == 4 ? out->dims[1] : 1;
        window->width = input->dims[n - 2];
        window->out_width = out->dims[n - 2];
        window->channels = input->dims[n - 1];
        window->out_channels = out->dims[n - 1];
        return 0;
}

/* axes[0] is x, axes[1] is y */
static int window_axes(const Window *window, const EvalCall *call, Axis axes[2]) {
        size_t n = eval_input(call, 0)->n_dims - 2; /* 1 or 2 */
        int32_t kernel[2] = { 1, 1 }, stride[2] = { 1, 1 }, dilation[2] = { 1, 1 };
        int32_t pad[4] = { 0 };
        bool global = false;
        int r;

        if (eval_int32s(call, "kernel", n, kernel) < 0 ||
            eval_int32s(call, "stride", n, stride) < 0 ||
            eval_int32s(call, "dilation", n, dilation) < 0 ||
            eval_int32s(call, "pad", 2 * n, pad) < 0)
                return -EINVAL;
        (void) attrs_bool(&call->op->attrs, "global", &global);
        for (size_t i = 0; i < 2; i++) {
                axes[i] = (Axis){
                        .in = i == 0 ? window->width : window->height,
                        .out = i == 0 ? window->out_width : window->out_height,
                        .kernel = kernel[i],
                        .stride = stride[i],
                        .dilation = dilation[i],
                        .pad = pad[2 * i],
                        .behind = pad[2 * i + 1],
                        .transposed = window_is_transposed(call),
                };
                if (global)
                        axes[i].kernel = axes[i].in;
                axis_apply_mode(call, &axes[i]);
                r = axis_check(call, &axes[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

int window_init(Window *window, const EvalCall *call) {
        _cleanup_(window_cleanup) Window w = { 0 };
        Axis axes[2];
        int r;

        if (eval_n_inputs(call) != 1)
                return eval_refuse(call, "it has one input");
        r = window_shape(&w, call);
        if (r < 0)
                return r;
        r = window_axes(&w, call, axes);
        if (r < 0)
                return r;
        w.kernel_w = axes[0].kernel;
        w.kernel_h = axes[1].kernel;
        w.stride_w = axes[0].stride;
        w.stride_h = axes[1].stride;
        w.padded_w = (int64_t) axes[0].pad + axes[0].in + axes[0].behind;
        w.padded_h = (int64_t) axes[1].pad + axes[1].in + axes[1].behind;
        w.runs = !axes[0].transposed && axes[0].dilation == 1;
        r = taps_init(&w.x, &axes[0]);
        if (r < 0)
                return r;
        r = taps_init(&w.y, &axes[1]);
        if (r < 0)
                return r;

        *window = w;
        w = (Window){ 0 };
        return 0;
}

void window_deinit(Window *window) {
        free(window->x.taps);
        free(window->x.first);
        free(window->y.taps);
        free(window->y.first);
        *window = (Window){ 0 };
}

double window_taps(const Window *window) {
        return (double) window->batch * (double) window->x.first[window->out_width] *
               (double) window->y.first[window->out_height];
}

int window_read_bias(const EvalCall *call, int32_t fix_point, size_t n, double *ret) {
        const Values *bias = eval_arg(call, "bias");
        Values stored;

        memset(ret, 0, n * sizeof(*ret));
        if (!bias)
                return 0;
        if (bias->n != n)
                return eval_refuse(call, "%zu biases for %zu channels", bias->n, n);
        stored = *bias; /* borrowed */

        /* The engines add a bias with one bit more than the products. Compilers shift what is
         * finer than that to the right before they store it, and leave the fix point as it was
         *: seen in every pair of source and compiled file. */
        if (eval_is_fixed_op(call) && stored.storage == VALUES_FIXED &&
            stored.fix_point > fix_point + 1)
                stored.fix_point = fix_point + 1;
        values_read(&stored, 0, n, ret);
        return 0;
}
