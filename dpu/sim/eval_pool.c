/*
 * Pooling. Padding never is the greatest: max pooling ignores it. (What silicon does there with
 * negative inputs nobody here has seen; the public reference starts from about 0, which would make
 * max pooling of all-negative numbers wrong everywhere, so it cannot be meant.)
 *
 * Average pooling of the DPU multiplies the sum by N / 2^M instead of dividing it, and never counts
 * fewer places at the border (Xilinx/Vitis-AI src/vai_library/cpu_task/ops/pool-fix/pool-fix.cpp,
 * where the factors are from). The quantizer exports the difference between the two as a `mul`
 * behind avgpool2d.
 *
 * With pad_mode CEIL the last window may reach beyond the padding. What lies there counts as well,
 * unless count_include_invalid says no (as in PyTorch; .../cpu_task/ops/avg_pool.cpp).
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/sim/window.h"
#include "dpu/sim/workers.h"

typedef enum PoolKind {
        POOL_MAX,
        POOL_AVERAGE,     /* divides */
        POOL_AVERAGE_DPU, /* multiplies */
} PoolKind;

typedef struct Pool {
        Window window;
        const Values *input;
        PoolKind kind;
        double factor;       /* of the sum of a whole kernel */
        bool counts_padding; /* as if it were zeros; else the mean is of what there is */
        bool counts_beyond;  /* the same, of what is not even padding */
        Sink sink;
} Pool;

static void pool_deinit(Pool *pool) {
        window_deinit(&pool->window);
}

/* The best N / 2^M for 1 / @area with M below ceil(log2(128 * @area)); the smaller M wins. */
static double pool_best_factor(int64_t area) {
        double best = 0, distance = 1;
        int limit = 0;

        while (((int64_t) 1 << limit) < 128 * area)
                limit++;
        for (int m = 0; m < limit; m++) {
                double factor = round(ldexp(1, m) / (double) area) * ldexp(1, -m);

                if (fabs(factor - 1.0 / (double) area) < distance) {
                        best = factor;
                        distance = fabs(factor - 1.0 / (double) area);
                }
        }
        return best;
}

static double pool_dpu_factor(int32_t kernel_w, int32_t kernel_h) {
        static const struct {
                int32_t kernel, n, m;
        } known[] = { { 3, 7, 6 }, { 5, 10, 8 }, { 6, 7, 8 }, { 7, 21, 10 }, { 14, 21, 12 } };

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (kernel_w == known[i].kernel && kernel_h == known[i].kernel)
                        return known[i].n * ldexp(1, -known[i].m);
        return pool_best_factor((int64_t) kernel_w * kernel_h);
}

static int pool_kind(const EvalCall *call, PoolKind *ret) {
        const char *type = attrs_string(&call->op->attrs, "type");
        int32_t number;

        if (!eval_is_fixed_op(call)) {
                *ret = strncmp(call->op->type, "max", 3) == 0 ? POOL_MAX : POOL_AVERAGE;
                return 0;
        }
        if (!type && attrs_int32(&call->op->attrs, "type", &number) == 0) /* old releases */
                type = number == 0 ? "MAX" : number == 1 ? "AVG" : "?";
        if (type && strcmp(type, "MAX") == 0)
                *ret = POOL_MAX;
        else if (type && strcmp(type, "AVG") == 0)
                *ret = POOL_AVERAGE_DPU;
        else
                return eval_refuse(call, "type %s has no definition", type ? type : "(none)");
        return 0;
}

static int pool_init(Pool *pool, const EvalCall *call) {
        const Window *w = &pool->window;
        int r;

        r = window_init(&pool->window, call);
        if (r < 0)
                return r;
        if (w->channels != w->out_channels)
                return eval_refuse(call, "%d channels go in, %d come out", w->channels,
                                   w->out_channels);
        r = pool_kind(call, &pool->kind);
        if (r < 0)
                return r;
        pool->input = eval_input(call, 0);
        pool->counts_padding = pool->counts_beyond = true;
        if (pool->kind == POOL_AVERAGE) {
                (void) attrs_bool(&call->op->attrs, "count_include_pad", &pool->counts_padding);
                (void) attrs_bool(&call->op->attrs, "count_include_invalid", &pool->counts_beyond);
        }
        pool->factor = pool->kind == POOL_AVERAGE_DPU ? pool_dpu_factor(w->kernel_w, w->kernel_h)
                                                      : 1.0 / ((double) w->kernel_w * w->kernel_h);
        return sink_init(&pool->sink, call);
}

static void pool_add_tap(const Pool *pool, size_t image, Tap y, Tap x, bool first, double *pixel,
                         double *result) {
        const Window *w = &pool->window;
        size_t n = (size_t) w->channels;
        size_t place = (image * (size_t) w->height + (size_t) y.input) * (size_t) w->width +
                       (size_t) x.input;

        values_read(pool->input, place * n, n, pixel);
        for (size_t c = 0; c < n; c++) {
                if (first)
                        result[c] = pixel[c];
                else if (pool->kind != POOL_MAX)
                        result[c] += pixel[c];
                else if (pixel[c] > result[c])
                        result[c] = pixel[c];
        }
}

/* how many of the @kernel places of window @o are within @padded */
static int64_t pool_within(size_t o, int32_t stride, int32_t kernel, int64_t padded) {
        int64_t n = padded - (int64_t) o * stride;

        return n < 1 || n > kernel ? kernel : n;
}

static double pool_factor(const Pool *pool, size_t oy, size_t ox, size_t n_taps) {
        const Window *w = &pool->window;

        if (!pool->counts_padding && n_taps > 0)
                return 1.0 / (double) n_taps;
        if (pool->counts_beyond)
                return pool->factor;
        return 1.0 / (double) (pool_within(ox, w->stride_w, w->kernel_w, w->padded_w) *
                               pool_within(oy, w->stride_h, w->kernel_h, w->padded_h));
}

static void pool_pixel(const Pool *pool, size_t row, size_t ox, double *pixel, double *result) {
        const Taps *ys = &pool->window.y, *xs = &pool->window.x;
        size_t oy = row % (size_t) pool->window.out_height, n_taps = 0;
        size_t image = row / (size_t) pool->window.out_height, n = (size_t) pool->window.channels;
        double factor;

        memset(result, 0, n * sizeof(*result));
        for (size_t i = ys->first[oy]; i < ys->first[oy + 1]; i++)
                for (size_t k = xs->first[ox]; k < xs->first[ox + 1]; k++)
                        pool_add_tap(pool, image, ys->taps[i], xs->taps[k], n_taps++ == 0, pixel,
                                     result);
        if (pool->kind == POOL_MAX)
                return;
        factor = pool_factor(pool, oy, ox, n_taps);
        for (size_t c = 0; c < n; c++)
                result[c] *= factor;
}

static int pool_part(size_t begin, size_t end, void *userdata) {
        const Pool *pool = userdata;
        size_t n = (size_t) pool->window.channels, width = (size_t) pool->window.out_width;
        _cleanup_(freep) double *pixel = calloc(n + 1, sizeof(*pixel));
        _cleanup_(freep) double *result = calloc(n + 1, sizeof(*result));

        if (!pixel || !result)
                return -ENOMEM;
        for (size_t row = begin; row < end; row++) {
                for (size_t ox = 0; ox < width; ox++) {
                        pool_pixel(pool, row, ox, pixel, result);
                        sink_put(&pool->sink, (row * width + ox) * n, result, n);
                }
        }
        return 0;
}

int eval_pool(const EvalCall *call) {
        _cleanup_(pool_deinit) Pool pool = { 0 };
        int r;

        r = pool_init(&pool, call);
        if (r < 0)
                return r;
        r = eval_spend(call, window_taps(&pool.window) * (double) pool.window.channels);
        if (r < 0)
                return r;
        return workers_run(call->n_threads,
                           (size_t) pool.window.batch * (size_t) pool.window.out_height, pool_part,
                           &pool);
}
