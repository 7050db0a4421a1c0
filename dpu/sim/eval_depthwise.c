/*
 * Convolutions channel by channel: depthwise-conv2d, transposed-depthwise-conv2d, and their
 * fixed-point forms.
 *
 * out[y][x][c * m + q] = bias + sum over taps of input[iy][ix][c] * weights[q][ky][kx][c], with m
 * the channel multiplier, the first dimension of the weights.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/sim/window.h"
#include "dpu/sim/workers.h"

typedef struct Depthwise {
        Window window;
        const Values *input;
        size_t multiplier;
        double *weights, *biases; /* owned */
        Sink sink;
} Depthwise;

static void depthwise_deinit(Depthwise *d) {
        window_deinit(&d->window);
        free(d->weights);
        free(d->biases);
}

static int depthwise_init(Depthwise *d, const EvalCall *call) {
        const Values *weights = eval_arg(call, "weights");
        const Window *w = &d->window;
        int r;

        r = window_init(&d->window, call);
        if (r < 0)
                return r;
        if (!weights || weights->n_dims != 4 || weights->dims[1] != w->kernel_h ||
            weights->dims[2] != w->kernel_w || weights->dims[3] != w->channels ||
            (int64_t) weights->dims[0] * w->channels != w->out_channels)
                return eval_refuse(call, "the shape of the weights does not fit");
        d->input = eval_input(call, 0);
        d->multiplier = (size_t) weights->dims[0];
        d->weights = calloc(weights->n + 1, sizeof(*d->weights));
        d->biases = calloc((size_t) w->out_channels + 1, sizeof(*d->biases));
        if (!d->weights || !d->biases)
                return -ENOMEM;
        values_read(weights, 0, weights->n, d->weights);
        r = window_read_bias(call, d->input->fix_point + weights->fix_point,
                             (size_t) w->out_channels, d->biases);
        if (r < 0)
                return r;
        return sink_init(&d->sink, call);
}

/* adds what one tap gives to all channels; @pixel is scratch */
static void depthwise_add_tap(const Depthwise *d, size_t image, Tap y, Tap x, double *pixel,
                              double *sums) {
        const Window *w = &d->window;
        size_t n = (size_t) w->channels;
        size_t place = (image * (size_t) w->height + (size_t) y.input) * (size_t) w->width +
                       (size_t) x.input;

        values_read(d->input, place * n, n, pixel);
        for (size_t q = 0; q < d->multiplier; q++) {
                const double *weights =
                        d->weights +
                        ((q * (size_t) w->kernel_h + (size_t) y.kernel) * (size_t) w->kernel_w +
                         (size_t) x.kernel) *
                                n;

                for (size_t c = 0; c < n; c++)
                        sums[c * d->multiplier + q] += pixel[c] * weights[c];
        }
}

static void depthwise_pixel(const Depthwise *d, size_t row, size_t ox, double *pixel,
                            double *sums) {
        const Taps *ys = &d->window.y, *xs = &d->window.x;
        size_t image = row / (size_t) d->window.out_height;
        size_t oy = row % (size_t) d->window.out_height;

        memcpy(sums, d->biases, (size_t) d->window.out_channels * sizeof(*sums));
        for (size_t i = ys->first[oy]; i < ys->first[oy + 1]; i++)
                for (size_t k = xs->first[ox]; k < xs->first[ox + 1]; k++)
                        depthwise_add_tap(d, image, ys->taps[i], xs->taps[k], pixel, sums);
}

static int depthwise_part(size_t begin, size_t end, void *userdata) {
        const Depthwise *d = userdata;
        size_t n = (size_t) d->window.out_channels, width = (size_t) d->window.out_width;
        _cleanup_(freep) double *pixel = calloc((size_t) d->window.channels + 1, sizeof(*pixel));
        _cleanup_(freep) double *sums = calloc(n + 1, sizeof(*sums));

        if (!pixel || !sums)
                return -ENOMEM;
        for (size_t row = begin; row < end; row++) {
                for (size_t ox = 0; ox < width; ox++) {
                        depthwise_pixel(d, row, ox, pixel, sums);
                        sink_put(&d->sink, (row * width + ox) * n, sums, n);
                }
        }
        return 0;
}

int eval_depthwise(const EvalCall *call) {
        _cleanup_(depthwise_deinit) Depthwise d = { 0 };
        int r;

        r = depthwise_init(&d, call);
        if (r < 0)
                return r;
        return workers_run(call->n_threads, (size_t) d.window.batch * (size_t) d.window.out_height,
                           depthwise_part, &d);
}
