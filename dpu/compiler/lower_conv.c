/*
 * Convolutions with what follows them: conv2d, depthwise and transposed ones, and `scale`.
 *
 *      conv2d (+ relu | relu6 | leaky-relu | prelu) + fix  ->  conv2d-fix
 *
 * The attributes of the source stay (P16). Added: nonlinear, and the numbers -128 that say "no hard
 * sigmoid" (P17; no known program of this family has one fused). What becomes of kernel, stride and
 * padding is in lower_window.c. conv1d is a conv2d of height 1, as release 3.5 has it. prelu is
 * leaky-relu where all its slopes are the engines'.
 *
 * `scale` (an unfolded batch norm: one factor and one summand for each channel) is a depthwise
 * convolution with a kernel of 1 (seen in a pair of release 3.5).
 *
 * Evidence of the numbered rules: pairs of quantized and compiled models of releases 2.5 to 3.5,
 * among them the public ones of ZeroDCE, VoxelNet, CifarResNet20 and a CNN for MNIST.
 */

#include "dpu/compiler/lowering.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"

bool lowering_takes_activation(const Op *activation) {
        static const char *const types[] = { "relu", "relu6", "leaky-relu", "prelu" };

        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (strcmp(activation->type, types[i]) == 0)
                        return true;
        return false;
}

static const char *conv_nonlinear(const Match *match) {
        const Op *activation = match->activation;

        if (!activation)
                return "NONE";
        if (strcmp(activation->type, "relu") == 0 || lowering_is_cut(match))
                return "RELU";
        return strcmp(activation->type, "relu6") == 0 ? "RELU6" : "LEAKYRELU";
}

static bool conv_is_leaky(const Op *activation) {
        return activation && (strcmp(activation->type, "leaky-relu") == 0 ||
                              strcmp(activation->type, "prelu") == 0);
}

/* the slope of a prelu, if it has the same for all channels */
static bool conv_slope(const Op *prelu, double *ret) {
        const Arg *arg = op_arg(prelu, "weight");
        const Op *slopes = arg && arg->n_ops > 0 ? arg->ops[0] : NULL;
        int32_t unused;

        if (slopes && lowering_is_const(slopes, &unused))
                slopes = op_input(slopes, 0);
        return slopes && lowering_const_number(slopes, ret);
}

static int conv_set_slope(Lowering *l, Op *op, const Op *activation) {
        const Attr *alpha = attrs_find(&activation->attrs, "alpha");
        Attr slope = { .kind = ATTR_FLOAT };
        double number;

        if (strcmp(activation->type, "prelu") != 0)
                return alpha ? graph_set_attr(l->target, &op->attrs, "LEAKYRELU_alpha", alpha) : 0;
        if (!conv_slope(activation, &number)) /* engines.c knows the only slope there is */
                number = 0;
        slope.float32 = (float) number;
        return graph_set_attr(l->target, &op->attrs, "LEAKYRELU_alpha", &slope);
}

int lowering_set_activation(Lowering *l, Op *op, const Match *match) {
        static const char *const unused[] = { "hsigmoid_in", "shift_hsigmoid", "shift_hswish" };
        int r;

        r = graph_set_string(l->target, &op->attrs, "nonlinear", conv_nonlinear(match));
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(unused); i++)
                r = graph_set_int32(l->target, &op->attrs, unused[i], -128);
        return r < 0 || !match->activation ? r : conv_set_slope(l, op, match->activation);
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
        if (spec.shift > 0 && conv_is_leaky(activation) && !lowering_const_is_whole(&spec))
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

typedef struct ConvShape {
        LowerWindow window;
        LowerPick pick; /* of the weights, into a larger kernel */
        int32_t dims[4];
        bool wide, extended; /* was 1-D; has a larger kernel than the source */
} ConvShape;

/* the dimensions of the weights, with height, and where they are in those of the source */
static bool conv_weights(const Op *weights, ConvShape *shape) {
        const LowerWindow *w = &shape->window;
        int64_t stride = 1;

        if (weights->tensor.n_dims != (shape->wide ? 3 : 4))
                return false;
        (void) lowering_wide_dims(&weights->tensor, shape->pick.dims);
        for (size_t i = 4; i-- > 0;) {
                shape->pick.strides[i] = stride;
                stride *= shape->pick.dims[i];
                shape->dims[i] = shape->pick.dims[i];
        }
        for (size_t axis = 0; axis < 2; axis++) {
                int64_t more = (int64_t) w->before[axis] + w->behind[axis];
                int64_t own = (int64_t) shape->dims[2 - axis] - 1;

                if (own * (w->gaps[axis] + 1) + 1 + more != w->kernel[axis])
                        return false;
                shape->dims[2 - axis] = w->kernel[axis];
                shape->pick.begin[2 - axis] = -w->before[axis];
                shape->pick.gaps[2 - axis] = w->gaps[axis];
                shape->extended = shape->extended || w->gaps[axis] > 0 || more > 0;
        }
        return true;
}

/* Depthwise and transposed, an engine has no activation; relu can wait, leaky-relu cannot. */
static bool conv_relu_is_tail(const Match *match) {
        return match->activation && !conv_is_leaky(match->activation) &&
               strcmp(match->core->type, "transposed-depthwise-conv2d") == 0;
}

static int conv_set_attrs(Lowering *l, const Match *match, const ConvShape *shape, Op *op) {
        const Op *core = match->core;
        const Match none = { .core = core };
        int r;

        r = lowering_copy_attrs(l, &op->attrs, &core->attrs);
        if (r == 0)
                r = lowering_set_activation(l, op, conv_relu_is_tail(match) ? &none : match);
        if (r == 0)
                r = lowering_set_window(l, op, &shape->window);
        if (r == 0 && (shape->wide || shape->extended))
                r = graph_set_int32s(l->target, &op->attrs, "dilation", shape->window.dilation, 2);
        return r;
}

static int conv_build(Lowering *l, const Match *match, const ConvShape *shape,
                      const LowerOperands *operands, Op **ret) {
        const Op *core = match->core;
        const LowerTail tail = { .fix_point = match->fix_point, .relu = conv_relu_is_tail(match) };
        const char *type, *name = core->name;
        Op *op;
        int r;

        r = lowering_text(l, &type, "%s-fix", shape->wide ? "conv2d" : core->type);
        if (r == 0 && shape->wide)
                r = lowering_name(l, &name, "%s_transfered_Conv2d", core->name);
        if (r == 0)
                r = lowering_add_layer(l, name, type, operands, &op);
        if (r == 0)
                r = conv_set_attrs(l, match, shape, op);
        return r < 0 ? r : lowering_give_tail(l, match, &tail, op, ret);
}

int lower_conv(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        const Arg *weights = op_arg(core, "weights");
        LowerConst spec = { .op = weights && weights->n_ops > 0 ? weights->ops[0] : NULL };
        ConvShape shape = { .wide = strcmp(core->type, "conv1d") == 0 };
        LowerOperands operands = { 0 };
        int32_t sides[4];
        Op *input;
        int r;

        if (!spec.op || core->tensor.n_dims != (shape.wide ? 3 : 4) ||
            !lowering_window(l, core, &shape.window))
                return lowering_refuse(l, core, "it is no convolution of images");
        lowering_window_extend(&shape.window);
        if (!conv_weights(spec.op, &shape))
                return lowering_refuse(l, core, "its weights are not as large as its kernel");
        r = lowering_wide(l, lowering_before_pad(l, core, sides), core, &input);
        if (r < 0 || !input)
                return r;
        if (shape.wide || shape.extended) {
                spec.suffix = shape.wide ? "_transfered_Conv2d_weights" : "_extended";
                spec.pick = shape.extended ? &shape.pick : NULL;
                spec.dims = shape.dims;
                spec.n_dims = 4;
        }
        r = lowering_operands(l, match, input, &spec, &operands);
        if (r < 0 || !operands.complete)
                return r;
        return conv_build(l, match, &shape, &operands, ret);
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
        size_t n = core->tensor.n_dims;
        int32_t axis = -1, dims[4] = { 1, 1, 1, 0 };
        LowerConst spec = { .dims = dims, .n_dims = 4, .suffix = "(reshaped)" };
        LowerOperands operands = { 0 };
        const char *name;
        Op *input, *op;
        int r;

        (void) attrs_int32(&core->attrs, "axis", &axis);
        if (!factors || factors->n_ops == 0 || n < 2 || n > 4 ||
            (axis != -1 && axis != (int32_t) n - 1))
                return lowering_refuse(l, core, "it does not scale channels of images");
        spec.op = factors->ops[0];
        dims[3] = core->tensor.dims[n - 1];
        if (tensor_elements(&spec.op->tensor) != (uint64_t) dims[3])
                return lowering_refuse(l, core, "it has not one factor for each channel");
        r = lowering_wide(l, op_input(core, 0), core, &input);
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

/* --- batchnorm ------------------------------------------------------------------------------------ */

#define NORM_CHANNELS_MAX 65536 /* more than any engine has */

/* what a batchnorm does to one channel, in the order in which the quantized model computes it */
typedef struct BatchNorm {
        size_t channels;
        double *factors, *summands; /* of the arena */
} BatchNorm;

/* an argument with one number for each channel, or one for all, as it is on its grid */
static bool norm_read(const Op *core, const char *name, size_t n, double *ret) {
        const Arg *arg = op_arg(core, name);
        const Op *op = arg && arg->n_ops == 1 ? arg->ops[0] : NULL;
        int32_t fix_point = 0;
        bool fixed = op && lowering_is_const(op, &fix_point);
        Slice floats;
        size_t given;

        if (!op || !lowering_const_floats(fixed ? op_input(op, 0) : op, &floats))
                return false;
        given = floats.size / sizeof(float);
        if (given != n && given != 1)
                return false;
        for (size_t i = 0; i < n; i++) {
                float x;

                memcpy(&x, floats.data + (given == 1 ? 0 : i) * sizeof(x), sizeof(x));
                ret[i] = (double) x;
                if (fixed)
                        ret[i] = ldexp(lowering_quantize(ret[i], fix_point), -fix_point);
        }
        return true;
}

static int norm_init(Lowering *l, const Op *core, BatchNorm *norm, bool *ret_good) {
        size_t n = norm->channels;
        double *means = arena_zalloc(&l->arena, n, sizeof(double));
        double *variances = arena_zalloc(&l->arena, n, sizeof(double));
        const Attr *epsilon = attrs_find(&core->attrs, "epsilon");
        double more;

        norm->factors = arena_zalloc(&l->arena, n, sizeof(double));
        norm->summands = arena_zalloc(&l->arena, n, sizeof(double));
        if (!means || !variances || !norm->factors || !norm->summands)
                return -ENOMEM;
        *ret_good = epsilon && (epsilon->kind == ATTR_FLOAT || epsilon->kind == ATTR_DOUBLE) &&
                    norm_read(core, "gamma", n, norm->factors) &&
                    norm_read(core, "beta", n, norm->summands) &&
                    norm_read(core, "moving_mean", n, means) &&
                    norm_read(core, "moving_var", n, variances);
        if (!*ret_good)
                return 0;
        more = epsilon->kind == ATTR_FLOAT ? (double) epsilon->float32 : epsilon->float64;
        for (size_t i = 0; i < n; i++) {
                norm->factors[i] /= sqrt(variances[i] + more);
                norm->summands[i] -= means[i] * norm->factors[i];
        }
        return 0;
}

/* The coarsest grid, up to @finest, on which all @numbers are int8; false: there is none. */
static bool norm_grid(const double *numbers, size_t n, int32_t finest, int8_t *ret,
                      int32_t *ret_fix_point) {
        for (int32_t fix_point = 0; fix_point <= finest; fix_point++) {
                size_t i;

                for (i = 0; i < n; i++) {
                        double q = ldexp(numbers[i], fix_point);

                        if (!(q >= INT8_MIN && q <= INT8_MAX && q == floor(q)))
                                break;
                        ret[i] = (int8_t) q;
                }
                *ret_fix_point = fix_point;
                if (i == n)
                        return true;
        }
        return false;
}

static int norm_operands(Lowering *l, const Op *core, const BatchNorm *norm, LowerOperands *o) {
        const int32_t dims[4] = { 1, 1, 1, (int32_t) norm->channels };
        int8_t *factors = arena_zalloc(&l->arena, norm->channels, 1);
        int8_t *summands = arena_zalloc(&l->arena, norm->channels, 1);
        LowerNumbers weights = { .dims = dims, .n_dims = 4, .data = factors };
        LowerNumbers bias = { .dims = dims + 3, .n_dims = 1, .data = summands };
        int r;

        if (!factors || !summands)
                return -ENOMEM;
        if (!norm_grid(norm->factors, norm->channels, 30, factors, &weights.fix_point) ||
            !norm_grid(norm->summands, norm->channels,
                       lowering_fix_point(o->input) + weights.fix_point + 1, summands,
                       &bias.fix_point))
                return lowering_refuse(l, core,
                                       "its factors, or summands, are no int8 numbers with a fix "
                                       "point; fold it before quantizing");
        r = lowering_name(l, &weights.name, "%s_weights", core->name);
        if (r == 0)
                r = lowering_name(l, &bias.name, "%s_bias", core->name);
        if (r == 0)
                r = lowering_add_numbers(l, &weights, &o->weights);
        if (r == 0)
                r = lowering_add_numbers(l, &bias, &o->bias);
        o->complete = r == 0;
        return r;
}

int lower_batchnorm(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        size_t n = core->tensor.n_dims;
        LowerOperands operands = { 0 };
        BatchNorm norm = { 0 };
        int32_t axis = -1;
        bool good = false;
        const char *name;
        Op *op;
        int r;

        (void) attrs_int32(&core->attrs, "axis", &axis);
        if (n < 2 || n > 4 || core->tensor.dims[n - 1] < 1 ||
            core->tensor.dims[n - 1] > NORM_CHANNELS_MAX || (axis != -1 && axis != (int32_t) n - 1))
                return lowering_refuse(l, core, "it does not scale channels of images");
        norm.channels = (size_t) core->tensor.dims[n - 1];
        r = norm_init(l, core, &norm, &good);
        if (r == 0 && !good)
                return lowering_refuse(l, core, "it is not given by constants");
        if (r == 0)
                r = lowering_wide(l, op_input(core, 0), core, &operands.input);
        if (r == 0 && operands.input)
                r = norm_operands(l, core, &norm, &operands);
        if (r < 0 || !operands.complete)
                return r;
        r = lowering_name(l, &name, "%s_transfer_to_depthwise_conv2d", core->name);
        if (r == 0)
                r = lowering_add_layer(l, name, "depthwise-conv2d-fix", &operands, &op);
        return r < 0 ? r : scale_finish(l, match, op, ret);
}
