/*
 * Convolutions with what follows them: conv2d, depthwise and transposed ones, and `scale`.
 *
 *      conv2d (+ relu | relu6 | leaky-relu) + fix  ->  conv2d-fix
 *
 * The attributes of the source stay (P16). Added: nonlinear, and the numbers -128 that say "no hard
 * sigmoid" (P17; no known program of this family has one fused). The padding becomes what the last
 * window needs, which is how the vendor writes FLOOR, CEIL and SAME alike (P14: right =
 * max(0, (OW - 1) * sw + (kw - 1) * dw + 1 - IW - left)); a transposed convolution keeps its own
 * (P13). Where the kernel covers the whole input, and padding leaves it no room to move, the stride
 * becomes 1 (P12).
 *
 * `scale` (an unfolded batch norm: one factor and one summand for each channel) is a depthwise
 * convolution with a kernel of 1 (seen in a pair of release 3.5).
 *
 * Evidence of the numbered rules: pairs of quantized and compiled models of releases 2.5 to 3.5,
 * among them the public ones of ZeroDCE, VoxelNet, CifarResNet20 and a CNN for MNIST.
 */

#include "dpu/compiler/lowering.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

bool lowering_takes_activation(const Op *activation) {
        static const char *const types[] = { "relu", "relu6", "leaky-relu" };

        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (strcmp(activation->type, types[i]) == 0)
                        return true;
        return false;
}

static const char *conv_nonlinear(const Op *activation) {
        if (!activation)
                return "NONE";
        if (strcmp(activation->type, "relu") == 0)
                return "RELU";
        return strcmp(activation->type, "relu6") == 0 ? "RELU6" : "LEAKYRELU";
}

int lowering_set_activation(Lowering *l, Op *op, const Match *match) {
        static const char *const unused[] = { "hsigmoid_in", "shift_hsigmoid", "shift_hswish" };
        const Attr *alpha;
        int r;

        r = graph_set_string(l->target, &op->attrs, "nonlinear", conv_nonlinear(match->activation));
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(unused); i++)
                r = graph_set_int32(l->target, &op->attrs, unused[i], -128);
        if (r < 0 || !match->activation)
                return r;
        alpha = attrs_find(&match->activation->attrs, "alpha");
        return alpha ? graph_set_attr(l->target, &op->attrs, "LEAKYRELU_alpha", alpha) : 0;
}

/* @n integers of an attribute; @otherwise where there is none */
static void conv_int32s(const Op *op, const char *name, size_t n, int32_t otherwise, int32_t *ret) {
        const Attr *attr = attrs_find(&op->attrs, name);
        bool fits = attr && attr->kind == ATTR_INT32_VEC && attr->n == n;

        for (size_t i = 0; i < n; i++)
                ret[i] = fits ? attr->int32s[i] : otherwise;
}

/* One axis, 0 for width: the padding in front, and the one behind that the last window needs. */
static void conv_pad_axis(const Op *core, size_t axis, int32_t *pad) {
        int32_t kernel[2], stride[2], dilation[2];
        int32_t in = op_input(core, 0)->tensor.dims[2 - axis], out = core->tensor.dims[2 - axis];
        const char *mode = attrs_string(&core->attrs, "pad_mode");
        int64_t need;

        conv_int32s(core, "kernel", 2, 1, kernel);
        conv_int32s(core, "stride", 2, 1, stride);
        conv_int32s(core, "dilation", 2, 1, dilation);
        need = ((int64_t) out - 1) * stride[axis] + ((int64_t) kernel[axis] - 1) * dilation[axis] +
               1 - in;
        if (mode && strcmp(mode, "SAME") == 0)
                pad[2 * axis] = (int32_t) (need > 0 ? need / 2 : 0);
        need -= pad[2 * axis];
        pad[2 * axis + 1] = (int32_t) (need > 0 ? need : 0);
}

int lowering_set_window(Lowering *l, Op *op, const Match *match) {
        const Op *core = match->core;
        const int32_t *in = op_input(core, 0)->tensor.dims, *out = core->tensor.dims;
        int32_t kernel[2], stride[2], pad[4];
        int r;

        conv_int32s(core, "kernel", 2, 1, kernel);
        conv_int32s(core, "stride", 2, 1, stride);
        conv_int32s(core, "pad", 4, 0, pad);
        conv_pad_axis(core, 0, pad);
        conv_pad_axis(core, 1, pad);
        if (kernel[0] == in[2] && kernel[1] == in[1] && out[2] == 1 && out[1] == 1)
                stride[0] = stride[1] = 1; /* never taken */

        r = graph_set_int32s(l->target, &op->attrs, "pad", pad, 4);
        return r < 0 ? r : graph_set_int32s(l->target, &op->attrs, "stride", stride, 2);
}

int lowering_set_plain(Lowering *l, Op *op, const Match *match, const int32_t *kernel) {
        static const int32_t ones[2] = { 1, 1 }, zeros[4] = { 0 };
        int r;

        r = graph_set_int32s(l->target, &op->attrs, "kernel", kernel, 2);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "stride", ones, 2);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "dilation", ones, 2);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "pad", zeros, 4);
        if (r == 0)
                r = graph_set_string(l->target, &op->attrs, "pad_mode", "FLOOR");
        return r < 0 ? r : lowering_set_activation(l, op, match);
}

/* --- operands -------------------------------------------------------------------------------- */

static const Op *conv_bias(const Op *core) {
        const Arg *arg = op_arg(core, "bias");

        return arg && arg->n_ops > 0 ? arg->ops[0] : NULL;
}

/* the bias, so far to the right that it has one bit more than the products at most */
static int conv_add_bias(Lowering *l, const Match *match, LowerOperands *o) {
        const Op *core = match->core, *activation = match->activation;
        LowerConst spec = { .op = conv_bias(core) };
        int32_t fix_point = 0, finest;

        if (!spec.op)
                return 0;
        (void) lowering_is_fix(spec.op, &fix_point);
        finest = lowering_fix_point(o->input) + lowering_fix_point(o->weights) + 1;
        spec.shift = fix_point > finest ? fix_point - finest : 0;
        if (spec.shift > 0 && activation && strcmp(activation->type, "leaky-relu") == 0 &&
            !lowering_const_is_whole(&spec))
                return lowering_refuse(l, core,
                                       "its bias is finer than what the engine adds, which shows "
                                       "behind leaky-relu");
        return lowering_const(l, &spec, core, &o->bias);
}

int lowering_operands(Lowering *l, const Match *match, Op *input, const LowerConst *weights,
                      LowerOperands *ret) {
        const Op *core = match->core;
        LowerOperands o = { .input = input };
        int r;

        r = lowering_const(l, weights, core, &o.weights);
        if (r < 0 || !o.weights)
                return r;
        r = conv_add_bias(l, match, &o);
        if (r < 0 || (conv_bias(core) && !o.bias))
                return r;
        o.complete = true;
        *ret = o;
        return 0;
}

int lowering_add_layer(Lowering *l, const char *name, const char *type,
                       const LowerOperands *operands, Op **ret) {
        Op *op;
        int r;

        r = lowering_add(l, name, type, &op);
        if (r < 0)
                return r;
        r = graph_add_arg(l->target, op, "input", operands->input);
        if (r == 0)
                r = graph_add_arg(l->target, op, "weights", operands->weights);
        if (r == 0 && operands->bias)
                r = graph_add_arg(l->target, op, "bias", operands->bias);
        if (r < 0)
                return r;
        *ret = op;
        return 0;
}

/* --- conv2d and its kin ------------------------------------------------------------------------ */

static bool conv_is_image(const Op *op) {
        return op && op->tensor.n_dims == 4;
}

static bool conv_is_transposed(const Op *core) {
        return strncmp(core->type, "transposed", strlen("transposed")) == 0;
}

static int conv_finish(Lowering *l, const Match *match, Op *op, Op **ret) {
        const Op *core = match->core;
        int r;

        r = lowering_copy_attrs(l, &op->attrs, &core->attrs);
        if (r == 0)
                r = lowering_set_activation(l, op, match);
        if (r == 0 && !conv_is_transposed(core))
                r = lowering_set_window(l, op, match);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}

int lower_conv(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        const Arg *weights = op_arg(core, "weights");
        LowerConst spec = { .op = weights && weights->n_ops > 0 ? weights->ops[0] : NULL };
        LowerOperands operands = { 0 };
        const char *type;
        Op *input, *op;
        int r;

        if (!spec.op || !conv_is_image(core) || !conv_is_image(op_input(core, 0)))
                return lowering_refuse(l, core, "it is no convolution of images");
        r = lowering_fixed(l, op_input(core, 0), core, &input);
        if (r < 0 || !input)
                return r;
        r = lowering_operands(l, match, input, &spec, &operands);
        if (r < 0 || !operands.complete)
                return r;
        r = lowering_name(l, &type, "%s-fix", core->type);
        if (r < 0)
                return r;
        r = lowering_add_layer(l, core->name, type, &operands, &op);
        if (r < 0)
                return r;
        return conv_finish(l, match, op, ret);
}

/* --- scale --------------------------------------------------------------------------------------- */

static int scale_finish(Lowering *l, const Match *match, Op *op, Op **ret) {
        static const int32_t kernel[2] = { 1, 1 };
        int r;

        r = lowering_set_plain(l, op, match, kernel);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}

int lower_scale(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        const Arg *factors = op_arg(core, "scale");
        int32_t axis = -1, dims[4] = { 1, 1, 1, 0 };
        LowerConst spec = { .dims = dims, .n_dims = 4, .suffix = "(reshaped)" };
        LowerOperands operands = { 0 };
        const char *name;
        Op *input, *op;
        int r;

        (void) attrs_int32(&core->attrs, "axis", &axis);
        if (!factors || factors->n_ops == 0 || !conv_is_image(core) || (axis != -1 && axis != 3))
                return lowering_refuse(l, core, "it does not scale channels of images");
        spec.op = factors->ops[0];
        dims[3] = core->tensor.dims[3];
        if (tensor_elements(&spec.op->tensor) != (uint64_t) dims[3])
                return lowering_refuse(l, core, "it has not one factor for each channel");
        r = lowering_fixed(l, op_input(core, 0), core, &input);
        if (r < 0 || !input)
                return r;
        r = lowering_operands(l, match, input, &spec, &operands);
        if (r < 0 || !operands.complete)
                return r;
        r = lowering_name(l, &name, "%s_transfer_to_depthwise_conv2d", core->name);
        if (r < 0)
                return r;
        r = lowering_add_layer(l, name, "depthwise-conv2d-fix", &operands, &op);
        if (r < 0)
                return r;
        return scale_finish(l, match, op, ret);
}
