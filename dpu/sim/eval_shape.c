/*
 * Ops that put numbers elsewhere. Most are one thing: read the input in another order, described
 * by dimensions and the distance in the input between neighbours of each. A transpose permutes
 * the distances, a slice changes them, a pixel shuffle splits dimensions first.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/sim/eval.h"

#define SHAPE_DIMS_MAX (2 * VALUES_DIMS_MAX)

/* an order in which to read the elements of an input; the last dimension runs fastest */
typedef struct Order {
        size_t n_dims;
        size_t dims[SHAPE_DIMS_MAX];
        int64_t strides[SHAPE_DIMS_MAX]; /* elements of the input; may be negative */
        int64_t base;
} Order;

static void order_add(Order *order, size_t dim, int64_t stride) {
        order->dims[order->n_dims] = dim;
        order->strides[order->n_dims++] = stride;
}

/* The strides of dense elements; @ret has room for one more than @n_dims: all elements. */
static void shape_strides(const Values *values, int64_t *ret) {
        int64_t stride = 1;

        for (size_t i = values->n_dims; i-- > 0;) {
                ret[i] = stride;
                stride *= values->dims[i];
        }
}

/* every place that it reads exists, and it gives the output's number of elements */
static bool order_fits(const Order *order, const Values *input, const Values *out) {
        int64_t lowest = order->base, highest = order->base;
        uint64_t n = 1;

        for (size_t i = 0; i < order->n_dims; i++) {
                int64_t reach = ((int64_t) order->dims[i] - 1) * order->strides[i];

                n *= order->dims[i];
                if (n > out->n)
                        return false;
                *(reach < 0 ? &lowest : &highest) += reach;
        }
        return n == out->n && (n == 0 || (lowest >= 0 && (uint64_t) highest < input->n));
}

static void order_read_row(const Values *input, int64_t at, size_t n, int64_t stride, double *ret) {
        if (stride == 1) {
                values_read(input, (size_t) at, n, ret);
                return;
        }
        for (size_t i = 0; i < n; i++, at += stride)
                values_read(input, (size_t) at, 1, &ret[i]);
}

/* Advances @index through all dimensions but the last; moves @at along. */
static void order_step(const Order *order, size_t *index, int64_t *at) {
        for (size_t i = order->n_dims - 1; i-- > 0;) {
                *at += order->strides[i];
                if (++index[i] < order->dims[i])
                        return;
                *at -= order->strides[i] * (int64_t) order->dims[i];
                index[i] = 0;
        }
}

static int shape_gather(const EvalCall *call, const Values *input, const Order *order) {
        size_t index[SHAPE_DIMS_MAX] = { 0 };
        _cleanup_(freep) double *row = NULL;
        int64_t at = order->base;
        size_t n;
        Sink sink;
        int r;

        if (order->n_dims == 0 || !order_fits(order, input, call->out))
                return eval_refuse(call, "the shapes do not fit");
        r = sink_init(&sink, call);
        if (r < 0)
                return r;
        n = order->dims[order->n_dims - 1];
        row = calloc(n + 1, sizeof(*row));
        if (!row)
                return -ENOMEM;

        for (size_t done = 0; done < call->out->n; done += n) {
                order_read_row(input, at, n, order->strides[order->n_dims - 1], row);
                sink_put(&sink, done, row, n);
                order_step(order, index, &at);
        }
        return 0;
}

/* --- the same order -------------------------------------------------------------------------- */

#define SHAPE_CHUNK 4096

int eval_copy(const EvalCall *call) {
        double numbers[SHAPE_CHUNK];
        const Values *input;
        Sink sink;
        int r;

        if (eval_n_inputs(call) != 1)
                return eval_refuse(call, "it has one input");
        input = eval_input(call, 0);
        if (input->n != call->out->n)
                return eval_refuse(call, "%zu elements go in, %zu come out", input->n,
                                   call->out->n);
        r = sink_init(&sink, call);
        if (r < 0)
                return r;
        for (size_t at = 0; at < input->n; at += SHAPE_CHUNK) {
                size_t n = input->n - at < SHAPE_CHUNK ? input->n - at : SHAPE_CHUNK;

                values_read(input, at, n, numbers);
                sink_put(&sink, at, numbers, n);
        }
        return 0;
}

/* --- another order ----------------------------------------------------------------------------- */

int eval_transpose(const EvalCall *call) {
        int32_t axes[VALUES_DIMS_MAX] = { 0 };
        int64_t strides[VALUES_DIMS_MAX];
        bool seen[VALUES_DIMS_MAX] = { 0 };
        const Values *input;
        Order order = { 0 };

        if (eval_n_inputs(call) != 1)
                return eval_refuse(call, "it has one input");
        input = eval_input(call, 0);
        if (!attrs_find(&call->op->attrs, "order"))
                return eval_refuse(call, "no attribute order");
        if (eval_int32s(call, "order", input->n_dims, axes) < 0)
                return -EINVAL;
        shape_strides(input, strides);
        for (size_t i = 0; i < input->n_dims; i++) {
                if (axes[i] < 0 || (size_t) axes[i] >= input->n_dims || seen[axes[i]])
                        return eval_refuse(call, "order is no permutation");
                seen[axes[i]] = true;
                order_add(&order, (size_t) input->dims[axes[i]], strides[axes[i]]);
        }
        return shape_gather(call, input, &order);
}

int eval_slice(const EvalCall *call) {
        int32_t begin[VALUES_DIMS_MAX] = { 0 }, steps[VALUES_DIMS_MAX];
        int64_t strides[VALUES_DIMS_MAX];
        const Values *input, *out = call->out;
        Order order = { 0 };
        size_t n;

        if (eval_n_inputs(call) != 1)
                return eval_refuse(call, "it has one input");
        input = eval_input(call, 0);
        n = input->n_dims;
        for (size_t i = 0; i < n; i++)
                steps[i] = 1;
        if (eval_int32s(call, "begin", n, begin) < 0 || eval_int32s(call, "strides", n, steps) < 0)
                return -EINVAL;
        if (out->n_dims != n)
                return eval_refuse(call, "%zu dimensions go in, %zu come out", n, out->n_dims);

        shape_strides(input, strides); /* where it ends is in the output's shape */
        for (size_t i = 0; i < n; i++) {
                int64_t first = begin[i] < 0 ? (int64_t) begin[i] + input->dims[i] : begin[i];
                int64_t last = first + ((int64_t) out->dims[i] - 1) * steps[i];

                if (first < 0 || first >= input->dims[i] || last < 0 || last >= input->dims[i])
                        return eval_refuse(call, "dimension %zu ends outside the input", i);
                order.base += first * strides[i];
                order_add(&order, (size_t) out->dims[i], steps[i] * strides[i]);
        }
        return shape_gather(call, input, &order);
}

/* How the channels of @small pixels, each of which is @scale x @scale of @large, are numbered:
 * pixel-shuffle (c, i, j), tile-fix (i, j, c). reorg is YOLO's: over the image as if it were
 * [H, W, C] of another shape; see shuffle_reorg(). */
typedef struct Shuffle {
        int64_t scale;
        bool to_large;                   /* depth to space */
        int64_t height, width, channels; /* of the small image, with large's number of channels */
        int64_t batch;
} Shuffle;

static int shuffle_init(const EvalCall *call, Shuffle *ret) {
        static const char *const scales[] = { "scale", "stride" };
        static const char *const directions[] = { "upscale", "reverse" };
        const Values *input, *large, *small;
        int32_t scale = 0;
        bool to_large = false;

        if (eval_n_inputs(call) != 1 || eval_input(call, 0)->n_dims != 4 || call->out->n_dims != 4)
                return eval_refuse(call, "it has one input of four dimensions");
        for (size_t i = 0; i < 2; i++) {
                (void) attrs_int32(&call->op->attrs, scales[i], &scale);
                (void) attrs_bool(&call->op->attrs, directions[i], &to_large);
        }
        input = eval_input(call, 0);
        large = to_large ? call->out : input;
        small = to_large ? input : call->out;
        if (scale < 1 || small->dims[0] != large->dims[0] ||
            large->dims[1] != (int64_t) small->dims[1] * scale ||
            large->dims[2] != (int64_t) small->dims[2] * scale ||
            small->dims[3] != (int64_t) large->dims[3] * scale * scale)
                return eval_refuse(call, "the shapes do not fit");
        *ret = (Shuffle){ .scale = scale,
                          .to_large = to_large,
                          .batch = small->dims[0],
                          .height = small->dims[1],
                          .width = small->dims[2],
                          .channels = large->dims[3] };
        return 0;
}

/* Dimensions in the order n, h, i, w, j, c, which is that of the large image; @channel_first:
 * the small image numbers its channels c, i, j. */
static void shuffle_strides(const Shuffle *s, bool channel_first, int64_t large[6],
                            int64_t small[6]) {
        int64_t r = s->scale, c = s->channels, wide = s->width * r * c, deep = r * r * c;

        large[5] = 1, large[4] = c, large[3] = r * c;
        large[2] = wide, large[1] = r * wide, large[0] = s->height * r * wide;
        small[5] = channel_first ? r * r : 1;
        small[4] = channel_first ? 1 : c;
        small[2] = channel_first ? r : r * c;
        small[3] = deep, small[1] = s->width * deep, small[0] = s->height * s->width * deep;
}

/* to the large image: its own order; to the small one: n, h, w, and its channels' */
static int shuffle_gather(const EvalCall *call, const Shuffle *s, bool channel_first) {
        static const size_t to_large[] = { 0, 1, 2, 3, 4, 5 };
        static const size_t to_channels_first[] = { 0, 1, 3, 5, 2, 4 };
        static const size_t to_channels_last[] = { 0, 1, 3, 2, 4, 5 };
        const int64_t dims[] = { s->batch, s->height, s->scale, s->width, s->scale, s->channels };
        const size_t *sequence = s->to_large     ? to_large
                                 : channel_first ? to_channels_first
                                                 : to_channels_last;
        int64_t large[6], small[6];
        Order order = { 0 };

        shuffle_strides(s, channel_first, large, small);
        for (size_t i = 0; i < 6; i++)
                order_add(&order, (size_t) dims[sequence[i]],
                          (s->to_large ? small : large)[sequence[i]]);
        return shape_gather(call, eval_input(call, 0), &order);
}

/* The small image [H, W, r * r * C] is filled block by block, r rows of r * C numbers each. Row h
 * of it takes rows h % r + (h / r) * r * r + i * r of the large one: the original goes over
 * groups of r rows. */
static int shuffle_reorg(const EvalCall *call, const Shuffle *s) {
        int64_t r = s->scale, wide = s->width * r * s->channels, deep = r * r * s->channels;
        Order order = { 0 };

        if (s->to_large || s->height % r != 0)
                return eval_refuse(call,
                                   "reorg is defined one way only, for heights that it divides");
        order_add(&order, (size_t) s->batch, s->height * r * wide);
        order_add(&order, (size_t) (s->height / r), r * r * wide);
        order_add(&order, (size_t) r, wide);
        order_add(&order, (size_t) s->width, r * s->channels);
        order_add(&order, (size_t) r, r * wide);
        order_add(&order, (size_t) (deep / r), 1);
        return shape_gather(call, eval_input(call, 0), &order);
}

int eval_shuffle(const EvalCall *call) {
        Shuffle shuffle;
        int r;

        r = shuffle_init(call, &shuffle);
        if (r < 0)
                return r;
        if (strncmp(call->op->type, "reorg", strlen("reorg")) == 0)
                return shuffle_reorg(call, &shuffle);
        return shuffle_gather(
                call, &shuffle,
                strncmp(call->op->type, "pixel-shuffle", strlen("pixel-shuffle")) == 0);
}

/* --- several inputs -------------------------------------------------------------------------------- */

/* Output = for each of @n_blocks, the next run of every input in turn. */
static int shape_interleave(const EvalCall *call, size_t n_blocks) {
        _cleanup_(freep) double *row = NULL;
        size_t done = 0, longest = 0, total = 0;
        Sink sink;
        int r;

        for (size_t i = 0; i < eval_n_inputs(call); i++) {
                size_t n = eval_input(call, i)->n;

                if (n_blocks == 0 || n % n_blocks != 0)
                        return eval_refuse(call, "input %zu does not fit", i);
                total += n;
                longest = n / n_blocks > longest ? n / n_blocks : longest;
        }
        if (total != call->out->n)
                return eval_refuse(call, "%zu elements go in, %zu come out", total, call->out->n);
        r = sink_init(&sink, call);
        if (r < 0)
                return r;
        row = calloc(longest + 1, sizeof(*row));
        if (!row)
                return -ENOMEM;

        for (size_t block = 0; block < n_blocks; block++) {
                for (size_t i = 0; i < eval_n_inputs(call); i++) {
                        size_t n = eval_input(call, i)->n / n_blocks;

                        values_read(eval_input(call, i), block * n, n, row);
                        sink_put(&sink, done, row, n);
                        done += n;
                }
        }
        return 0;
}

static size_t shape_blocks(const Values *values, size_t axis) {
        size_t n = 1;

        for (size_t i = 0; i < axis; i++)
                n *= (size_t) values->dims[i];
        return n;
}

int eval_concat(const EvalCall *call) {
        size_t axis;
        int r;

        r = eval_axis(call, call->out->n_dims, &axis);
        if (r < 0)
                return r;
        for (size_t i = 0; i < eval_n_inputs(call); i++) {
                const Values *input = eval_input(call, i);

                for (size_t k = 0; k < call->out->n_dims; k++)
                        if (input->n_dims != call->out->n_dims ||
                            (k != axis && input->dims[k] != call->out->dims[k]))
                                return eval_refuse(call, "input %zu does not fit", i);
        }
        return shape_interleave(call, shape_blocks(call->out, axis));
}

int eval_stack(const EvalCall *call) {
        size_t axis;
        int r;

        r = eval_axis(call, call->out->n_dims, &axis);
        if (r < 0)
                return r;
        return shape_interleave(call, shape_blocks(call->out, axis));
}

/* --- pad ---------------------------------------------------------------------------------------------- */

typedef enum PadMode {
        PAD_CONSTANT,
        PAD_SYMMETRIC, /* the border element again */
        PAD_REFLECT,   /* without it */
        PAD_EDGE,      /* only it */
} PadMode;

typedef struct Pad {
        PadMode mode;
        int32_t paddings[2 * VALUES_DIMS_MAX]; /* before and after, for each dimension */
        double constant;
        int64_t strides[VALUES_DIMS_MAX]; /* of the input */
} Pad;

/* where in 0 .. @n - 1 the place @i comes from; -1: from nowhere */
static int64_t pad_source(PadMode mode, int64_t i, int64_t n) {
        if (i >= 0 && i < n)
                return i;
        switch (mode) {
        case PAD_CONSTANT:
                return -1;
        case PAD_SYMMETRIC:
                i = i < 0 ? -1 - i : 2 * n - 1 - i;
                break;
        case PAD_REFLECT:
                i = i < 0 ? -i : 2 * n - 2 - i;
                break;
        case PAD_EDGE:
                break;
        }
        return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static int pad_init(const EvalCall *call, const Values *input, Pad *pad) {
        static const char *const modes[] = { "CONSTANT", "SYMMETRIC", "REFLECT", "EDGE" };
        const Attr *constants = attrs_find(&call->op->attrs, "constant_values");
        const char *mode = attrs_string(&call->op->attrs, "mode");
        size_t i;

        if (eval_int32s(call, "paddings", 2 * input->n_dims, pad->paddings) < 0)
                return -EINVAL;
        for (i = 0; i < ARRAY_SIZE(modes); i++)
                if (mode && strcmp(mode, modes[i]) == 0)
                        break;
        if (i == ARRAY_SIZE(modes))
                return eval_refuse(call, "mode %s has no definition", mode ? mode : "(none)");
        pad->mode = (PadMode) i;
        if (constants && constants->kind == ATTR_FLOAT_VEC && constants->n > 0)
                pad->constant = constants->floats[0];
        for (i = 0; constants && constants->kind == ATTR_FLOAT_VEC && i < constants->n; i++)
                if (constants->floats[i] != constants->floats[0])
                        return eval_refuse(call, "several constant_values have no definition");
        shape_strides(input, pad->strides);
        return 0;
}

/* the element of @input that @index of the output has */
static double pad_element(const Pad *pad, const Values *input, const size_t *index) {
        int64_t at = 0;
        double number;

        for (size_t i = 0; i < input->n_dims; i++) {
                int64_t place = pad_source(pad->mode, (int64_t) index[i] - pad->paddings[2 * i],
                                           input->dims[i]);

                if (place < 0)
                        return pad->constant;
                at += place * pad->strides[i];
        }
        values_read(input, (size_t) at, 1, &number);
        return number;
}

int eval_pad(const EvalCall *call) {
        size_t index[VALUES_DIMS_MAX] = { 0 };
        const Values *input, *out = call->out;
        Pad pad = { 0 };
        Sink sink;
        int r;

        if (eval_n_inputs(call) != 1 || eval_input(call, 0)->n_dims != out->n_dims)
                return eval_refuse(call, "it has one input of as many dimensions");
        input = eval_input(call, 0);
        r = pad_init(call, input, &pad);
        if (r < 0)
                return r;
        for (size_t i = 0; i < out->n_dims; i++)
                if (out->dims[i] != (int64_t) input->dims[i] + pad.paddings[2 * i] +
                                            pad.paddings[2 * i + 1] ||
                    input->dims[i] == 0)
                        return eval_refuse(call, "the shapes do not fit");
        r = sink_init(&sink, call);
        if (r < 0)
                return r;

        for (size_t at = 0; at < out->n; at++) {
                double number = pad_element(&pad, input, index);

                sink_put(&sink, at, &number, 1);
                for (size_t i = out->n_dims; i-- > 0;) {
                        if (++index[i] < (size_t) out->dims[i])
                                break;
                        index[i] = 0;
                }
        }
        return 0;
}
