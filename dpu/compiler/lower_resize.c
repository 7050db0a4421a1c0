/*
 * Images of another size.
 *
 *      resize NEAREST, larger    ->  upsample-fix, all attributes carried (P29; scale is copied)
 *      resize BILINEAR, larger   ->  pad-fix and transposed-depthwise-conv2d-fix
 *      resize, smaller           ->  strided_slice-fix, or depthwise-conv2d-fix
 *
 * By whole numbers only, and without aligned corners. In between two pixels lies a weighted mean of
 * both: a triangle as wide as two pixels, which slides over the input with zeros in between, is a
 * transposed convolution. Its weights are multiples of a power of two, so nothing is lost if they
 * are int8: 2, 4 and 8, with the centres of pixels in the middle 2 and 4, as in the vendor's
 * inspector. What lies outside of the image is its border (for the DPUCVDX8G the vendor does the same,
 * with these names).
 *
 * Smaller by n, output o looks at n * o, with centres in the middle at n * o + (n - 1) / 2: a pixel,
 * or the middle of four of them. (The vendor takes every n-th pixel there, too, ZeroDCE's; that is
 * not what the quantized model computes.)
 */

#include "dpu/compiler/lowering.h"

#include <errno.h>
#include <string.h>

#define RESIZE_MOST     256       /* times larger or smaller */
#define RESIZE_SIDE_MAX (1 << 24) /* pixels; more than there is memory for */

typedef struct Resize {
        int32_t up[2], down[2]; /* 0 is x; 1: not in this direction */
        bool linear, centres;
} Resize;

static bool resize_axis(Resize *resize, size_t axis, int32_t in, int32_t out) {
        resize->up[axis] = resize->down[axis] = 1;
        if (out % in == 0)
                resize->up[axis] = out / in;
        else if (in % out == 0)
                resize->down[axis] = in / out;
        else
                return false;
        return resize->up[axis] <= RESIZE_MOST && resize->down[axis] <= RESIZE_MOST;
}

static int resize_init(Lowering *l, const Op *core, Resize *ret, bool *ret_fits) {
        const Tensor *in = &op_input(core, 0)->tensor, *out = &core->tensor;
        const char *mode = attrs_string(&core->attrs, "mode");
        bool aligned = false, whole = in->n_dims == 4 && out->n_dims == 4;
        Resize resize = { .linear = mode && strcmp(mode, "BILINEAR") == 0 };

        if (!mode || (!resize.linear && strcmp(mode, "NEAREST") != 0))
                return lowering_refuse(l, core, "the engines resize NEAREST or BILINEAR, not %s",
                                       mode ?: "(nothing)");
        (void) attrs_bool(&core->attrs, "align_corners", &aligned);
        (void) attrs_bool(&core->attrs, "half_pixel_centers", &resize.centres);
        if (aligned)
                return lowering_refuse(l, core, "align_corners is not supported");
        for (size_t i = 0; whole && i < 2; i++)
                if (in->dims[2 - i] < 1 || out->dims[2 - i] < 1)
                        return lowering_refuse(l, core, "the size of its images is open");
        for (size_t i = 0; whole && i < 2; i++)
                whole = in->dims[2 - i] <= RESIZE_SIDE_MAX &&
                        resize_axis(&resize, i, in->dims[2 - i], out->dims[2 - i]);
        if (!whole || (resize.up[0] * resize.up[1] > 1 && resize.down[0] * resize.down[1] > 1))
                return lowering_refuse(l, core,
                                       "it is no image that gets larger, or smaller, by "
                                       "whole numbers");
        *ret = resize;
        *ret_fits = true;
        return 0;
}

/* --- to the nearest -------------------------------------------------------------------------- */

static int resize_nearest(Lowering *l, const Match *match, const Resize *resize, Op **ret) {
        const Op *core = match->core;
        const float floats[2] = { (float) resize->up[0], (float) resize->up[1] };
        const Attr scale = { .kind = ATTR_FLOAT_VEC, .n = 2, .floats = floats };
        Op *op;
        int r;

        r = lowering_add_unary(l, match, core->name, "upsample-fix", &op);
        if (r < 0 || !op)
                return r;
        if (op_arg(core, "size"))
                r = graph_add_arg(l->target, op, "size", NULL);
        if (r == 0)
                r = lowering_copy_attrs(l, &op->attrs, &core->attrs);
        if (r == 0)
                r = graph_set_attr(l->target, &op->attrs, "scale", &scale);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}

/* --- larger ---------------------------------------------------------------------------------- */

/* One direction of the triangle, in steps of 1 / @unit. */
typedef struct Triangle {
        int32_t kernel, pad, unit; /* pad: of the transposed convolution, in front */
        int32_t before, behind;    /* pixels around the input */
} Triangle;

static Triangle triangle_of(const Resize *resize, size_t axis) {
        int32_t n = resize->up[axis];

        if (n == 1)
                return (Triangle){ .kernel = 1, .unit = 1 };
        if (resize->centres)
                return (Triangle){
                        .kernel = 2 * n, .pad = n + n / 2, .unit = 2 * n, .before = 1, .behind = 1
                };
        return (Triangle){ .kernel = 2 * n - 1, .pad = n - 1, .unit = n, .behind = 1 };
}

/* The height at place @k, from one foot at -1 (or -1/2 of a place, with centres) to the other. */
static int32_t triangle_at(const Triangle *t, bool centres, int32_t k) {
        int32_t rise = centres ? 2 * k + 1 : k + 1;
        int32_t fall = centres ? 2 * (t->kernel - 1 - k) + 1 : t->kernel - k;

        if (t->kernel == 1)
                return 1;
        return rise < fall ? rise : fall;
}

static int32_t resize_log2(int32_t n) {
        int32_t log = 0;

        while (1 << log < n)
                log++;
        return 1 << log == n ? log : -1;
}

static int triangle_weights(Lowering *l, const Op *core, const Triangle t[2], bool centres,
                            Op **ret) {
        int32_t channels = core->tensor.dims[3];
        const int32_t dims[4] = { 1, t[1].kernel, t[0].kernel, channels };
        size_t n = (size_t) dims[1] * (size_t) dims[2], c = (size_t) channels;
        int8_t *data = l->trial ? NULL : arena_zalloc(&l->arena, n, c);
        LowerNumbers numbers = { .dims = dims, .n_dims = 4, .data = data };
        int r;

        if (!data && !l->trial)
                return -ENOMEM;
        numbers.fix_point = resize_log2(t[0].unit) + resize_log2(t[1].unit);
        for (size_t i = 0; data && i < n; i++) {
                int32_t weight = triangle_at(&t[1], centres, (int32_t) i / t[0].kernel) *
                                 triangle_at(&t[0], centres, (int32_t) i % t[0].kernel);

                memset(data + i * c, weight, c);
        }
        r = lowering_name(l, &numbers.name, "%s_transfered_DwDeConv_weights", core->name);
        return r < 0 ? r : lowering_add_numbers(l, &numbers, ret);
}

static bool triangle_fits(const Resize *resize, const Triangle t[2]) {
        int32_t most = resize->centres ? 4 : 8;

        for (size_t i = 0; i < 2; i++)
                if (resize_log2(t[i].unit) < 0 || resize->up[i] > most)
                        return false;
        return true;
}

/* the input with a border of itself */
static int resize_pad(Lowering *l, const Match *match, const Triangle t[2], Op *input, Op **ret) {
        const int32_t *in = input->tensor.dims;
        const int32_t dims[4] = { 1, in[1] + t[1].before + t[1].behind,
                                  in[2] + t[0].before + t[0].behind, in[3] };
        const int32_t paddings[8] = {
                0, 0, t[1].before, t[1].behind, t[0].before, t[0].behind, 0, 0
        };
        const char *name;
        bool good;
        Op *op;
        int r;

        r = lowering_name(l, &name, "%s_transfered_pad", match->core->name);
        if (r == 0)
                r = lowering_add(l, name, "pad-fix", &op);
        if (r == 0)
                r = graph_add_arg(l->target, op, "input", input);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "paddings", paddings, 8);
        if (r == 0)
                r = graph_set_string(l->target, &op->attrs, "mode", "SYMMETRIC");
        if (r == 0)
                r = lowering_set_fixed(l, op, name, lowering_fix_point(input), dims, 4);
        if (r == 0)
                r = lowering_middle(l, match, op, &good);
        if (r < 0)
                return r;
        *ret = good ? op : NULL;
        return 0;
}

static int resize_larger(Lowering *l, const Match *match, const Resize *resize, Op **ret) {
        const Op *core = match->core;
        const Match none = { .core = core };
        const Triangle t[2] = { triangle_of(resize, 0), triangle_of(resize, 1) };
        const int32_t kernel[2] = { t[0].kernel, t[1].kernel };
        const int32_t pad[4] = { t[0].pad, t[0].pad + !resize->centres, t[1].pad,
                                 t[1].pad + !resize->centres };
        LowerOperands operands = { 0 };
        const char *name;
        Op *op;
        int r;

        if (!triangle_fits(resize, t))
                return lowering_refuse(l, core, "means of pixels %dx%d times apart are no int8",
                                       resize->up[0], resize->up[1]);
        r = lowering_wide(l, op_input(core, 0), core, &operands.input);
        if (r < 0 || !operands.input)
                return r;
        r = resize_pad(l, match, t, operands.input, &operands.input);
        if (r < 0 || !operands.input)
                return r;
        r = triangle_weights(l, core, t, resize->centres, &operands.weights);
        if (r == 0)
                r = lowering_name(l, &name, "%s_transfered_DwDeConv", core->name);
        if (r == 0)
                r = lowering_add_layer(l, name, "transposed-depthwise-conv2d-fix", &operands, &op);
        if (r == 0)
                r = lowering_set_plain(l, op, &none, kernel);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "stride", resize->up, 2);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "pad", pad, 4);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}

/* --- smaller --------------------------------------------------------------------------------- */

/* one pixel of each block */
static int resize_pick(Lowering *l, const Match *match, const Resize *resize, Op **ret) {
        const int32_t *in = op_input(match->core, 0)->tensor.dims;
        const int32_t *down = resize->down;
        const int32_t begin[4] = { 0, resize->centres ? down[1] / 2 : 0,
                                   resize->centres ? down[0] / 2 : 0, 0 };
        const int32_t strides[4] = { 1, down[1], down[0], 1 };
        Op *op;
        int r;

        r = lowering_add_unary(l, match, match->core->name, "strided_slice-fix", &op);
        if (r < 0 || !op)
                return r;
        r = graph_set_int32s(l->target, &op->attrs, "begin", begin, 4);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "end", in, 4);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "strides", strides, 4);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}

/* In one direction: the mean of two where @n is even. They are the last places of the kernel. */
static int32_t resize_reach(int32_t n) {
        return n == 1 ? 1 : n / 2 + 1;
}

static int middle_weights(Lowering *l, const Op *core, const int32_t *down, Op **ret) {
        int32_t channels = core->tensor.dims[3];
        const int32_t dims[4] = { 1, resize_reach(down[1]), resize_reach(down[0]), channels };
        size_t n = (size_t) dims[1] * (size_t) dims[2], c = (size_t) channels;
        int8_t *data = l->trial ? NULL : arena_zalloc(&l->arena, n, c);
        LowerNumbers numbers = { .dims = dims, .n_dims = 4, .data = data };
        int32_t rows = down[1] % 2 == 0 ? 2 : 1, columns = down[0] % 2 == 0 ? 2 : 1;
        int r;

        if (!data && !l->trial)
                return -ENOMEM;
        numbers.fix_point = rows + columns - 2;
        for (size_t i = 0; data && i < n; i++)
                if ((int32_t) i / dims[2] >= dims[1] - rows &&
                    (int32_t) i % dims[2] >= dims[2] - columns)
                        memset(data + i * c, 1, c);
        r = lowering_name(l, &numbers.name, "%s_weights", core->name);
        return r < 0 ? r : lowering_add_numbers(l, &numbers, ret);
}

static int resize_middle(Lowering *l, const Match *match, const Resize *resize, Op **ret) {
        const Match none = { .core = match->core };
        const int32_t kernel[2] = { resize_reach(resize->down[0]), resize_reach(resize->down[1]) };
        LowerOperands operands = { 0 };
        Op *op;
        int r;

        r = lowering_wide(l, op_input(match->core, 0), match->core, &operands.input);
        if (r < 0 || !operands.input)
                return r;
        r = middle_weights(l, match->core, resize->down, &operands.weights);
        if (r == 0)
                r = lowering_add_layer(l, match->core->name, "depthwise-conv2d-fix", &operands,
                                       &op);
        if (r == 0)
                r = lowering_set_plain(l, op, &none, kernel);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "stride", resize->down, 2);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}

int lower_resize(Lowering *l, const Match *match, Op **ret) {
        bool fits = false, even;
        Resize resize;
        int r;

        r = resize_init(l, match->core, &resize, &fits);
        if (r < 0 || !fits)
                return r;
        even = resize.down[0] % 2 == 0 || resize.down[1] % 2 == 0;
        if (resize.down[0] > 1 || resize.down[1] > 1)
                return resize.linear && resize.centres && even
                               ? resize_middle(l, match, &resize, ret)
                               : resize_pick(l, match, &resize, ret);
        return resize.linear && resize.up[0] * resize.up[1] > 1
                       ? resize_larger(l, match, &resize, ret)
                       : resize_nearest(l, match, &resize, ret);
}
