/*
 * Convolutions over all channels: conv1d, conv2d, transposed-conv2d, and their fixed-point forms.
 *
 * out[y][x][o] = bias[o] + sum over taps (ky, iy), (kx, ix) and channels c of
 *                input[iy][ix][c] * weights[o][ky][kx][c]
 *
 * Where the input and the weights are int8 with fix points, the sum is one of integers, scaled
 * once at the end. With groups, output channel o sees only the input channels of its group.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/sim/dot.h"
#include "dpu/sim/numbers.h"
#include "dpu/sim/window.h"
#include "dpu/sim/workers.h"

typedef struct Conv {
        Window window;
        size_t group_in, group_out; /* channels of one group */
        Numbers input, weights;
        double scale;   /* of a sum */
        double *biases; /* owned */
        Sink sink;
} Conv;

static void conv_deinit(Conv *conv) {
        window_deinit(&conv->window);
        numbers_deinit(&conv->input);
        numbers_deinit(&conv->weights);
        free(conv->biases);
}

static int conv_check_weights(Conv *conv, const EvalCall *call, const Values *weights) {
        const Window *w = &conv->window;
        int32_t groups = 1, kernel_h;
        size_t n;

        if (!weights)
                return eval_refuse(call, "it has no weights");
        n = weights->n_dims;
        kernel_h = n == 4 ? weights->dims[1] : 1;
        (void) attrs_int32(&call->op->attrs, "group", &groups);
        if (groups < 1 || w->channels % groups != 0 || w->out_channels % groups != 0)
                return eval_refuse(call, "%d groups of %d channels", groups, w->channels);
        if ((n != 3 && n != 4) || weights->dims[0] != w->out_channels || kernel_h != w->kernel_h ||
            weights->dims[n - 2] != w->kernel_w || weights->dims[n - 1] != w->channels / groups)
                return eval_refuse(call, "the shape of the weights does not fit");
        conv->group_in = (size_t) (w->channels / groups);
        conv->group_out = (size_t) (w->out_channels / groups);
        return 0;
}

static int conv_init(Conv *conv, const EvalCall *call) {
        const Values *input, *weights = eval_arg(call, "weights");
        int r;

        r = window_init(&conv->window, call);
        if (r < 0)
                return r;
        r = conv_check_weights(conv, call, weights);
        if (r < 0)
                return r;
        input = eval_input(call, 0);
        r = numbers_init(&conv->input, &conv->weights, &conv->scale, input, weights);
        if (r < 0)
                return r;
        conv->biases = calloc((size_t) conv->window.out_channels + 1, sizeof(*conv->biases));
        if (!conv->biases)
                return -ENOMEM;
        r = window_read_bias(call, input->fix_point + weights->fix_point,
                             (size_t) conv->window.out_channels, conv->biases);
        if (r < 0)
                return r;
        return sink_init(&conv->sink, call);
}

/* The taps of one output place: @y and @x are of the kernel row and of the columns. */
static void conv_add_row(const Conv *conv, size_t image, Tap y, const Tap *x, size_t n_x,
                         size_t channel, size_t n_rows, double sums[DOT_ROWS]) {
        const Window *w = &conv->window;
        size_t group = channel / conv->group_out, n = conv->group_in,
               channels = (size_t) w->channels;
        size_t row = (image * (size_t) w->height + (size_t) y.input) * (size_t) w->width;
        size_t w_stride = (size_t) w->kernel_h * (size_t) w->kernel_w * n;
        size_t w_row = channel * w_stride + (size_t) y.kernel * (size_t) w->kernel_w * n;

        if (w->runs && n == channels && n_x > 0) {
                dot_add(&conv->input.dot, (row + (size_t) x[0].input) * channels,
                        &conv->weights.dot, w_row + (size_t) x[0].kernel * n, w_stride, n_rows,
                        n_x * n, sums);
                return;
        }
        for (size_t i = 0; i < n_x; i++)
                dot_add(&conv->input.dot, (row + (size_t) x[i].input) * channels + group * n,
                        &conv->weights.dot, w_row + (size_t) x[i].kernel * n, w_stride, n_rows, n,
                        sums);
}

/* Stride 1 in a run means that neighbours in the kernel are neighbours in the image, which
 * window.runs says; the stride of the convolution itself is between output places. */
static void conv_pixel(const Conv *conv, size_t image, size_t oy, size_t ox, double *ret) {
        const Taps *ys = &conv->window.y, *xs = &conv->window.x;
        size_t n_channels = (size_t) conv->window.out_channels, n_rows;

        for (size_t o = 0; o < n_channels; o += n_rows) {
                size_t left = conv->group_out - o % conv->group_out; /* not across groups */
                double sums[DOT_ROWS] = { 0 };

                n_rows = left < DOT_ROWS ? left : DOT_ROWS;
                for (size_t i = ys->first[oy]; i < ys->first[oy + 1]; i++)
                        conv_add_row(conv, image, ys->taps[i], xs->taps + xs->first[ox],
                                     xs->first[ox + 1] - xs->first[ox], o, n_rows, sums);
                for (size_t i = 0; i < n_rows; i++)
                        ret[o + i] = sums[i] * conv->scale + conv->biases[o + i];
        }
}

static int conv_part(size_t begin, size_t end, void *userdata) {
        const Conv *conv = userdata;
        const Window *w = &conv->window;
        size_t n = (size_t) w->out_channels;
        _cleanup_(freep) double *pixel = calloc(n + 1, sizeof(*pixel));

        if (!pixel)
                return -ENOMEM;
        for (size_t row = begin; row < end; row++) {
                size_t image = row / (size_t) w->out_height, oy = row % (size_t) w->out_height;

                for (size_t ox = 0; ox < (size_t) w->out_width; ox++) {
                        conv_pixel(conv, image, oy, ox, pixel);
                        sink_put(&conv->sink, (row * (size_t) w->out_width + ox) * n, pixel, n);
                }
        }
        return 0;
}

int eval_conv(const EvalCall *call) {
        _cleanup_(conv_deinit) Conv conv = { 0 };
        int r;

        r = conv_init(&conv, call);
        if (r < 0)
                return r;
        r = eval_spend(call, window_taps(&conv.window) * (double) conv.window.out_channels *
                                     (double) conv.group_in);
        if (r < 0)
                return r;
        return workers_run(call->n_threads,
                           (size_t) conv.window.batch * (size_t) conv.window.out_height, conv_part,
                           &conv);
}
