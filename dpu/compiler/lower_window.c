/*
 * Windows: kernel, stride, dilation and padding of convolutions and pools, as the engines want them.
 *
 * The padding becomes what the last window needs, which is how the vendor writes FLOOR, CEIL and
 * SAME alike (P14: right = max(0, (OW - 1) * sw + (kw - 1) * dw + 1 - IW - left)); a transposed
 * convolution keeps its own (P13). Where the kernel covers the whole input, and padding leaves it no
 * room to move, the stride becomes 1 (P12). What has one dimension is an image of height 1.
 *
 * A `pad` with zeros in front becomes padding of the layer, where that computes the same: a
 * convolution and an average see zeros in both, a maximum does not, unless nothing is below zero.
 *
 * The engines have no words for windows that see nothing but padding. A kernel that has more places,
 * with weights of zero, sees more and computes the same; so it grows until it reaches the image. The
 * same helps a transposed convolution whose kernel is smaller than its stride, and a dilated one with
 * windows of which all that lies in the image falls between its places.
 */

#include "dpu/compiler/lowering.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

#define WINDOW_OUT_MAX 65536     /* of which this looks at each */
#define WINDOW_MAX     (1 << 20) /* of any number that a file gives; engines have far less */

/* --- from attributes ------------------------------------------------------------------------- */

/* the one or two integers of an attribute; @ret stays where there is none */
static void window_int32s(const Op *op, const char *name, size_t n, int32_t *ret) {
        const Attr *attr = attrs_find(&op->attrs, name);

        if (attr && attr->kind == ATTR_INT32_VEC && attr->n == n)
                memcpy(ret, attr->int32s, n * sizeof(*ret));
}

static bool window_is_transposed(const Op *core) {
        return strncmp(core->type, "transposed", strlen("transposed")) == 0;
}

/* the last place that the last window needs, counted from the first of the input; + 1 */
static int64_t window_end(const LowerWindow *w, size_t axis) {
        return ((int64_t) w->out[axis] - 1) * w->stride[axis] +
               ((int64_t) w->kernel[axis] - 1) * w->dilation[axis] + 1;
}

/* the padding behind: what the last window needs */
static void window_set_end(LowerWindow *w, size_t axis) {
        int64_t need = window_end(w, axis) - w->in[axis] - w->pad[2 * axis];

        if (!w->transposed)
                w->pad[2 * axis + 1] = (int32_t) (need > 0 ? need : 0);
}

static void window_apply_mode(const Op *core, LowerWindow *w, size_t axis) {
        const char *mode = attrs_string(&core->attrs, "pad_mode");
        int64_t need = w->transposed ? (int64_t) w->kernel[axis] - w->stride[axis]
                                     : window_end(w, axis) - w->in[axis];
        bool same = mode && strcmp(mode, "SAME") == 0;

        if (!same && (!mode || strcmp(mode, "VALID") != 0))
                return;
        if (!same || need < 0)
                need = 0;
        w->pad[2 * axis] = (int32_t) (need / 2);
        w->pad[2 * axis + 1] = (int32_t) (need - need / 2);
}

/* --- zeros in front -------------------------------------------------------------------------- */

bool lowering_pads_zeros(const Op *pad) {
        const Attr *constants = attrs_find(&pad->attrs, "constant_values");

        for (size_t i = 0; constants && i < constants->n; i++)
                if (constants->kind != ATTR_FLOAT_VEC || constants->floats[i] != 0)
                        return false;
        return true;
}

/* left, right, top, bottom of what @op puts around images; false: it is no such `pad` */
static bool window_read_pad(const Op *op, int32_t *ret) {
        const Attr *paddings = attrs_find(&op->attrs, "paddings");
        const char *mode = attrs_string(&op->attrs, "mode");

        if (strcmp(op->type, "pad") != 0 || !lowering_pads_zeros(op) || op->tensor.n_dims != 4 ||
            !op_input(op, 0) || op_input(op, 0)->tensor.n_dims != 4 || !mode ||
            strcmp(mode, "CONSTANT") != 0 || !paddings || paddings->kind != ATTR_INT32_VEC ||
            paddings->n != 8)
                return false;
        for (size_t i = 0; i < 8; i++)
                if (paddings->int32s[i] < 0 || paddings->int32s[i] > WINDOW_MAX ||
                    ((i < 2 || i >= 6) && paddings->int32s[i] != 0))
                        return false;
        memcpy(ret, paddings->int32s + 4, 2 * sizeof(*ret));
        memcpy(ret + 2, paddings->int32s + 2, 2 * sizeof(*ret));
        return true;
}

static bool window_takes_pad(const Lowering *l, const Op *core, const Op *pad) {
        static const char *const types[] = { "conv2d", "depthwise-conv2d", "avgpool2d" };

        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (strcmp(core->type, types[i]) == 0)
                        return true;
        return strcmp(core->type, "maxpool2d") == 0 &&
               lowering_value(l, op_input(pad, 0))->is_positive;
}

static const Op *window_find_pad(const Lowering *l, const Op *core, int32_t *ret_sides) {
        const Op *pad = op_input(core, 0);
        int32_t fix_point;

        if (pad && lowering_is_fix(pad, &fix_point) && lowering_value(l, pad)->reader == core) {
                const LowerValue *before = lowering_value(l, op_input(pad, 0));

                if (!before->has_grid || before->grid != fix_point)
                        return NULL;
                pad = op_input(pad, 0);
        }
        if (!pad || pad->n_consumers != 1 || !window_read_pad(pad, ret_sides) ||
            !window_takes_pad(l, core, pad))
                return NULL;
        return pad;
}

/* The padding may be no longer than the kernel is, in the end; else the `pad` is a layer. */
const Op *lowering_before_pad(const Lowering *l, const Op *core, int32_t *ret_sides) {
        int32_t sides[4], kernel[2] = { 1, 1 }, dilation[2] = { 1, 1 }, own[4] = { 0 };
        const Op *pad = window_find_pad(l, core, sides);

        memset(ret_sides, 0, 4 * sizeof(*ret_sides));
        if (!pad)
                return op_input(core, 0);
        window_int32s(core, "kernel", 2, kernel);
        window_int32s(core, "dilation", 2, dilation);
        window_int32s(core, "pad", 4, own);
        for (size_t i = 0; i < 4; i++)
                if ((int64_t) sides[i] + own[i] > ((int64_t) kernel[i / 2] - 1) * dilation[i / 2])
                        return op_input(core, 0);
        memcpy(ret_sides, sides, sizeof(sides));
        return op_input(pad, 0);
}

bool lowering_pad_is_taken(const Lowering *l, const Op *pad) {
        const Op *reader = lowering_value(l, pad)->reader;
        int32_t sides[4], fix_point;

        if (reader && lowering_is_fix(reader, &fix_point))
                reader = lowering_value(l, reader)->reader;
        return reader && op_input(pad, 0) &&
               lowering_before_pad(l, reader, sides) == op_input(pad, 0) &&
               op_input(reader, 0) != op_input(pad, 0);
}

/* --- larger kernels -------------------------------------------------------------------------- */

/* Does a window see nothing but padding? */
static bool window_is_blind(const LowerWindow *w, size_t axis) {
        for (int64_t o = 0; o < w->out[axis] && o < WINDOW_OUT_MAX; o++) {
                int64_t start = o * w->stride[axis] - w->pad[2 * axis], k = 0;

                if (start < 0) /* the first place that is not before the image */
                        k = (w->dilation[axis] - 1 - start) / w->dilation[axis];
                if (k >= w->kernel[axis] || start + k * w->dilation[axis] >= w->in[axis])
                        return true;
        }
        return false;
}

/* a kernel without dilation, with zeros in between */
static void window_fill(LowerWindow *w, size_t axis) {
        int64_t reach = ((int64_t) w->kernel[axis] - 1) * w->dilation[axis] + 1;

        if (w->transposed || w->dilation[axis] == 1 || reach > INT16_MAX ||
            !window_is_blind(w, axis))
                return;
        w->gaps[axis] = w->dilation[axis] - 1;
        w->kernel[axis] = (int32_t) reach;
        w->dilation[axis] = 1;
}

static void window_extend_axis(LowerWindow *w, size_t axis) {
        int64_t before = 0, behind = (int64_t) w->pad[2 * axis] - w->kernel[axis] + 1;
        int64_t last = ((int64_t) w->out[axis] - 1) * w->stride[axis] - w->pad[2 * axis];

        if (w->transposed)
                behind = (int64_t) w->stride[axis] - w->kernel[axis];
        else if (w->dilation[axis] != 1)
                return;
        else
                before = last - (w->in[axis] - 1);
        w->before[axis] = before > 0 && before < INT16_MAX ? (int32_t) before : 0;
        w->behind[axis] = behind > 0 && behind < INT16_MAX ? (int32_t) behind : 0;
        w->kernel[axis] += w->before[axis] + w->behind[axis];
        w->pad[2 * axis] += w->transposed ? w->behind[axis] : w->before[axis];
}

void lowering_window_extend(LowerWindow *w) {
        for (size_t axis = 0; axis < 2; axis++) {
                window_fill(w, axis);
                window_extend_axis(w, axis);
                window_set_end(w, axis);
        }
}

static bool window_is_sane(const int32_t *numbers, size_t n, int32_t least) {
        for (size_t i = 0; i < n; i++)
                if (numbers[i] < least || numbers[i] > WINDOW_MAX)
                        return false;
        return true;
}

/* --- all of it ------------------------------------------------------------------------------- */

bool lowering_window(const Lowering *l, const Op *core, LowerWindow *ret) {
        const Tensor *in = &op_input(core, 0)->tensor, *out = &core->tensor;
        LowerWindow w = { .kernel = { 1, 1 },
                          .stride = { 1, 1 },
                          .dilation = { 1, 1 },
                          .transposed = window_is_transposed(core) };
        size_t n = in->n_dims - 2; /* directions */
        int32_t sides[4];
        bool global = false;

        if ((n != 1 && n != 2) || out->n_dims != in->n_dims)
                return false;
        (void) attrs_bool(&core->attrs, "global", &global);
        window_int32s(core, "kernel", n, w.kernel);
        window_int32s(core, "stride", n, w.stride);
        window_int32s(core, "dilation", n, w.dilation);
        window_int32s(core, "pad", 2 * n, w.pad);
        if (!window_is_sane(w.kernel, 2, 1) || !window_is_sane(w.stride, 2, 1) ||
            !window_is_sane(w.dilation, 2, 1) || !window_is_sane(w.pad, 4, -WINDOW_MAX))
                return false;
        (void) lowering_before_pad(l, core, sides);
        for (size_t i = 0; i < 2; i++) {
                w.in[i] = i < n ? in->dims[n - i] : 1;
                w.out[i] = i < n ? out->dims[n - i] : 1;
                if (global)
                        w.kernel[i] = w.in[i];
                window_apply_mode(core, &w, i);
                w.in[i] -= sides[2 * i] + sides[2 * i + 1];
                w.pad[2 * i] += sides[2 * i];
                window_set_end(&w, i);
        }
        if (!w.transposed && w.kernel[0] == w.in[0] && w.kernel[1] == w.in[1] && w.out[0] == 1 &&
            w.out[1] == 1)
                w.stride[0] = w.stride[1] = 1; /* never taken */
        *ret = w;
        return true;
}

int lowering_set_window(Lowering *l, Op *op, const LowerWindow *w) {
        int r;

        r = graph_set_int32s(l->target, &op->attrs, "kernel", w->kernel, 2);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "stride", w->stride, 2);
        return r < 0 ? r : graph_set_int32s(l->target, &op->attrs, "pad", w->pad, 4);
}
