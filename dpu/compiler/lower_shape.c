/*
 * Ops that move numbers. Reshapes have no rule of their own: lowering_value.c makes them where
 * something reads them.
 *
 *      concat + fix             ->  concat-fix, inputs in source order (P28). An input without a
 *                                   `fix` of its own was written with that of the concat (P07, P08)
 *      strided_slice [+ fix]    ->  strided_slice-fix
 *      pad [+ fix]              ->  pad-fix, unless it becomes padding of the layer behind it
 *                                   (lower_window.c)
 *      pixel-shuffle [+ fix]    ->  tile-fix, with a convolution that orders the channels
 *
 * A pixel shuffle numbers the channels of a block (channel, row, column), a tile-fix (row, column,
 * channel). Where the large image has more than one channel, a convolution with a kernel and weights
 * of 1 puts them into the other order, before or behind.
 */

#include "dpu/compiler/lowering.h"

#include <errno.h>
#include <string.h>

/* of an image: dimensions of size 1 come behind the batch */
static int32_t shape_wide_axis(const Op *core) {
        int32_t n = (int32_t) core->tensor.n_dims, axis = -1;

        (void) attrs_int32(&core->attrs, "axis", &axis);
        if (axis < 0)
                axis += n;
        return axis <= 0 || axis >= n ? 0 : axis + 4 - n;
}

int lower_concat(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        const Arg *arg = op_arg(core, "input");
        Op *op;
        int r;

        for (size_t i = 0; arg && i < arg->n_ops; i++) {
                Op *input;

                r = lowering_wide(l, arg->ops[i], core, &input);
                if (r < 0 || !input)
                        return r;
        }
        r = lowering_add(l, core->name, "concat-fix", &op);
        if (r == 0)
                r = lowering_add_inputs(l, core, op);
        if (r == 0)
                r = lowering_copy_attrs(l, &op->attrs, &core->attrs);
        if (r == 0 && core->tensor.n_dims < 4) /* the channels of what has become an image */
                r = graph_set_int32(l->target, &op->attrs, "axis", shape_wide_axis(core));
        return r < 0 ? r : lowering_give(l, match, op, ret);
}

/* --- slices and padding ---------------------------------------------------------------------- */

/* @list of an attribute has as many places as an image; those of what had fewer are moved there */
static void shape_widen(const Op *core, const char *name, int32_t otherwise, int32_t ret[4]) {
        const Attr *attr = attrs_find(&core->attrs, name);
        size_t n = core->tensor.n_dims, more = 4 - n;

        for (size_t i = 0; i < 4; i++) {
                bool there = attr && attr->kind == ATTR_INT32_VEC && attr->n == n &&
                             (i == 0 || i > more);

                ret[i] = there ? attr->int32s[i == 0 ? 0 : i - more] : otherwise;
        }
}

int lower_slice(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        int32_t begin[4], end[4], strides[4];
        Op *op;
        int r;

        if (core->tensor.n_dims < 2 || core->tensor.n_dims > 4)
                return lowering_refuse(l, core, "it is no slice of an image");
        shape_widen(core, "begin", 0, begin);
        shape_widen(core, "end", 1, end);
        shape_widen(core, "strides", 1, strides);
        r = lowering_add_unary(l, match, core->name, "strided_slice-fix", &op);
        if (r < 0 || !op)
                return r;
        r = graph_set_int32s(l->target, &op->attrs, "begin", begin, 4);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "end", end, 4);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "strides", strides, 4);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}

int lower_pad(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        Op *op;
        int r;

        if (lowering_pad_is_taken(l, core))
                return lowering_refuse(l, core, "it is padding of the layer behind it");
        if (core->tensor.n_dims != 4 || !lowering_pads_zeros(core))
                return lowering_refuse(l, core, "the engines pad images, with zeros");
        r = lowering_add_unary(l, match, core->name, "pad-fix", &op);
        if (r < 0 || !op)
                return r;
        r = lowering_copy_attrs(l, &op->attrs, &core->attrs);
        if (r < 0)
                return r;
        (void) attrs_remove(&op->attrs, "constant_values"); /* of another type there; zeros */
        return lowering_give(l, match, op, ret);
}

/* --- pixel shuffle --------------------------------------------------------------------------- */

/* Which channel of the deep image a pixel shuffle counts as number @i of tile-fix. */
static size_t shuffle_channel(size_t i, size_t blocks, size_t channels) {
        return i % channels * blocks + i / channels;
}

/* The weights of a convolution that puts channels into the other order. */
static int shuffle_weights(Lowering *l, const Op *core, size_t blocks, size_t deep, bool inverse,
                           Op **ret) {
        const int32_t dims[4] = { (int32_t) deep, 1, 1, (int32_t) deep };
        LowerNumbers numbers = { .dims = dims, .n_dims = 4 };
        int8_t *data = NULL;
        int r;

        if (!l->trial) {
                data = arena_zalloc(&l->arena, deep, deep);
                if (!data)
                        return -ENOMEM;
        }
        for (size_t i = 0; data && i < deep; i++) {
                size_t from = shuffle_channel(i, blocks, deep / blocks);

                data[inverse ? from * deep + i : i * deep + from] = 1;
        }
        numbers.data = data;
        r = lowering_name(l, &numbers.name, "%s_order_weights", core->name);
        return r < 0 ? r : lowering_add_numbers(l, &numbers, ret);
}

typedef struct Shuffle {
        size_t blocks, deep; /* pixels of one; channels of the deep image */
        bool to_large;
        int32_t scale;
} Shuffle;

static int shuffle_add_order(Lowering *l, const Match *match, const Shuffle *s, Op *input,
                             Op **ret) {
        static const int32_t kernel[2] = { 1, 1 };
        const Match none = { .core = match->core };
        LowerOperands operands = { .input = input };
        const char *name;
        int r;

        r = shuffle_weights(l, match->core, s->blocks, s->deep, !s->to_large, &operands.weights);
        if (r == 0)
                r = lowering_name(l, &name, "%s_order", match->core->name);
        if (r == 0)
                r = lowering_add_layer(l, name, "conv2d-fix", &operands, ret);
        if (r == 0)
                r = graph_set_int32(l->target, &(*ret)->attrs, "group", 1);
        return r < 0 ? r : lowering_set_plain(l, *ret, &none, kernel);
}

static int shuffle_add_tile(Lowering *l, const Match *match, const Shuffle *s, Op *input,
                            Op **ret) {
        const char *name;
        int r;

        r = lowering_name(l, &name, "%s_convert_to_tile", match->core->name);
        if (r == 0)
                r = lowering_add(l, name, "tile-fix", ret);
        if (r == 0)
                r = graph_add_arg(l->target, *ret, "input", input);
        if (r == 0)
                r = graph_set_bool(l->target, &(*ret)->attrs, "reverse", s->to_large);
        return r < 0 ? r : graph_set_int32(l->target, &(*ret)->attrs, "stride", s->scale);
}

/* the first of two layers: of the input's fix point */
static int shuffle_close(Lowering *l, const Match *match, const int32_t *dims, Op *input, Op *op,
                         bool *ret_good) {
        const char *name;
        int r;

        r = lowering_name(l, &name, "%s_inserted_fix_%zu", op->name, l->n_inserted++);
        if (r == 0)
                r = lowering_set_fixed(l, op, name, lowering_fix_point(input), dims, 4);
        return r < 0 ? r : lowering_middle(l, match, op, ret_good);
}

static bool shuffle_init(const Op *core, Shuffle *ret) {
        const Tensor *in = &op_input(core, 0)->tensor, *out = &core->tensor;
        Shuffle s = { .scale = 0 };
        const Tensor *deep, *large;

        (void) attrs_int32(&core->attrs, "scale", &s.scale);
        (void) attrs_bool(&core->attrs, "upscale", &s.to_large);
        if (in->n_dims != 4 || out->n_dims != 4 || s.scale < 1 || s.scale > UINT8_MAX)
                return false;
        deep = s.to_large ? in : out;
        large = s.to_large ? out : in;
        s.blocks = (size_t) s.scale * (size_t) s.scale;
        if (large->dims[3] < 1 || deep->dims[3] != (int64_t) large->dims[3] * s.scale * s.scale ||
            deep->dims[3] > UINT16_MAX)
                return false;
        s.deep = (size_t) deep->dims[3];
        *ret = s;
        return true;
}

int lower_shuffle(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        bool good = true;
        Op *input, *op;
        Shuffle s;
        int r;

        if (!shuffle_init(core, &s))
                return lowering_refuse(l, core, "its shapes do not fit");
        r = lowering_wide(l, op_input(core, 0), core, &input);
        if (r < 0 || !input)
                return r;
        if (s.deep == s.blocks) { /* one channel: both number it alike */
                r = shuffle_add_tile(l, match, &s, input, &op);
                return r < 0 ? r : lowering_give(l, match, op, ret);
        }
        r = s.to_large ? shuffle_add_order(l, match, &s, input, &op)
                       : shuffle_add_tile(l, match, &s, input, &op);
        if (r == 0)
                r = shuffle_close(l, match,
                                  s.to_large ? op_input(core, 0)->tensor.dims : core->tensor.dims,
                                  input, op, &good);
        if (r < 0 || !good)
                return r;
        r = s.to_large ? shuffle_add_tile(l, match, &s, op, &op)
                       : shuffle_add_order(l, match, &s, op, &op);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}
