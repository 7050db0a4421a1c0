/*
 * Every op type has one function; checks that several share are small and set the reason
 * themselves. The numbers are those of the header's sources; where they contradict each other, what
 * compiled models do decides: products with one number for each channel run on the DPU (191 times
 * in 105 models) although no table has them.
 */

#include "dpu/compiler/engines.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

#define ENGINES_CONV_KERNEL_MAX    16
#define ENGINES_CONV_STRIDE_MAX    8
#define ENGINES_ALU_KERNEL_MAX     256
#define ENGINES_ALU_PAD_MAX        15  /* left, top */
#define ENGINES_ALU_PAD_END_MAX    255 /* right, bottom */
#define ENGINES_BANK_DEPTH         2048
#define ENGINES_CHANNELS_MAX       256 /* times channel_parallel */
#define ENGINES_SHIFT_CUT_MAX      16
#define ENGINES_SHIFT_BIAS_MAX     16
#define ENGINES_SHIFT_READ_MAX     15
#define ENGINES_SHIFT_WRITE_MAX    15
#define ENGINES_ELTWISE_INPUTS_MAX 4

typedef struct EnginesCall {
        const Engines *engines;
        const Op *op;
        Problem *reason;
        int32_t kernel[2], stride[2], dilation[2], pad[4]; /* x, y */
} EnginesCall;

void engines_init(Engines *engines, const FingerprintInfo *info) {
        *engines = (Engines){ .channel_parallel = (int32_t) info->input_channels,
                              .features = info->features };
}

/* --- what is asked for again and again --------------------------------------------------------- */

#define ENGINES_REFUSE(call, ...) (problem_set((call)->reason, -1, __VA_ARGS__), false)

static void engines_int32s(const Op *op, const char *name, size_t n, int32_t otherwise,
                           int32_t *ret) {
        const Attr *attr = attrs_find(&op->attrs, name);
        bool fits = attr && attr->kind == ATTR_INT32_VEC && attr->n == n;

        for (size_t i = 0; i < n; i++)
                ret[i] = fits ? attr->int32s[i] : otherwise;
}

static int32_t engines_fix_point(const Op *op) {
        int32_t fix_point = 0;

        (void) attrs_int32(&op->tensor.attrs, "fix_point", &fix_point);
        return fix_point;
}

static const Op *engines_arg(const Op *op, const char *name) {
        const Arg *arg = op_arg(op, name);

        return arg && arg->n_ops > 0 ? arg->ops[0] : NULL;
}

static bool engines_check_images(const EnginesCall *call) {
        const Tensor *in = &op_input(call->op, 0)->tensor, *out = &call->op->tensor;

        if (in->n_dims != 4 || out->n_dims != 4)
                return ENGINES_REFUSE(call, "it works on %zu dimensions, not on images",
                                      in->n_dims != 4 ? in->n_dims : out->n_dims);
        if (in->dims[0] != 1 || out->dims[0] != 1)
                return ENGINES_REFUSE(call, "a batch of %d is not supported", in->dims[0]);
        for (size_t i = 1; i < 4; i++)
                if (in->dims[i] < 1 || out->dims[i] < 1)
                        return ENGINES_REFUSE(call, "the size of its images is open");
        return true;
}

/* weights of four dimensions and a bias for each channel, if it has any */
static bool engines_check_weights(const EnginesCall *call) {
        const Op *weights = engines_arg(call->op, "weights"), *bias = engines_arg(call->op, "bias");

        if (weights && weights->tensor.n_dims != 4)
                return ENGINES_REFUSE(call, "its weights have %zu dimensions",
                                      weights->tensor.n_dims);
        if (bias && tensor_elements(&bias->tensor) != (uint64_t) call->op->tensor.dims[3])
                return ENGINES_REFUSE(call, "it has not one bias for each channel");
        return true;
}

static bool engines_check_channels(const EnginesCall *call, int32_t channels, const char *which) {
        int32_t most = ENGINES_CHANNELS_MAX * call->engines->channel_parallel;

        if (channels > most)
                return ENGINES_REFUSE(call, "%d %s channels; the engine takes %d", channels, which,
                                      most);
        return true;
}

static bool engines_check_range(const EnginesCall *call, const char *what, const int32_t *xy,
                                int32_t most) {
        if (xy[0] < 1 || xy[1] < 1 || xy[0] > most || xy[1] > most)
                return ENGINES_REFUSE(call, "%s %dx%d; the engine takes 1 to %d", what, xy[0],
                                      xy[1], most);
        return true;
}

static bool engines_check_shift(const EnginesCall *call, const char *what, int32_t shift,
                                int32_t least, int32_t most) {
        if (shift < least || shift > most)
                return ENGINES_REFUSE(call, "a shift of %s by %d; the engine takes %d to %d", what,
                                      shift, least, most);
        return true;
}

/* of layers with weights: the result's, and that of the bias, as the quantizer bounds them */
static bool engines_check_shifts(const EnginesCall *call) {
        const Op *bias = engines_arg(call->op, "bias");
        int32_t products = engines_fix_point(op_input(call->op, 0)) +
                           engines_fix_point(engines_arg(call->op, "weights"));
        int32_t cut = products - engines_fix_point(call->op);

        if (!engines_check_shift(call, "sums", cut, 0, ENGINES_SHIFT_CUT_MAX))
                return false;
        return !bias || engines_check_shift(call, "biases", products - engines_fix_point(bias),
                                            cut - ENGINES_SHIFT_CUT_MAX, ENGINES_SHIFT_BIAS_MAX);
}

static bool engines_check_activation(const EnginesCall *call, unsigned leaky) {
        const char *name = attrs_string(&call->op->attrs, "nonlinear");
        const Attr *alpha = attrs_find(&call->op->attrs, "LEAKYRELU_alpha");

        if (!name || strcmp(name, "LEAKYRELU") != 0)
                return true;
        if (!(call->engines->features & leaky))
                return ENGINES_REFUSE(call, "this DPU has no leaky-relu there");
        if (!alpha || alpha->kind != ATTR_FLOAT || alpha->float32 != 26.0f / 256)
                return ENGINES_REFUSE(call, "leaky-relu has a slope of 26/256 on the DPU");
        return true;
}

static bool engines_check_pads(const EnginesCall *call) {
        for (size_t i = 0; i < 4; i++) {
                int64_t most = (call->kernel[i / 2] - 1) * (int64_t) call->dilation[i / 2] + 1;

                if (call->pad[i] < 0 || call->pad[i] > most)
                        return ENGINES_REFUSE(call, "padding of %d with a kernel of %d",
                                              call->pad[i], call->kernel[i / 2]);
        }
        return true;
}

static bool engines_check_alu_pads(const EnginesCall *call) {
        for (size_t i = 0; i < 4; i++) {
                int32_t most = i % 2 == 0 ? ENGINES_ALU_PAD_MAX : ENGINES_ALU_PAD_END_MAX;

                if (call->pad[i] < 0 || call->pad[i] > most)
                        return ENGINES_REFUSE(call, "padding of %d; the engine takes 0 to %d",
                                              call->pad[i], most);
        }
        return true;
}

/* --- layers with weights ------------------------------------------------------------------------ */

static bool engines_conv(const EnginesCall *call) {
        const int32_t *in = op_input(call->op, 0)->tensor.dims;
        int32_t parallel = call->engines->channel_parallel, group = 1;
        bool whole = call->kernel[0] == in[2] && call->kernel[1] == in[1];
        int64_t depth;

        (void) attrs_int32(&call->op->attrs, "group", &group);
        if (group != 1)
                return ENGINES_REFUSE(call, "a convolution of %d groups is not supported", group);
        if (!engines_check_range(call, "kernel", call->kernel, ENGINES_CONV_KERNEL_MAX) ||
            (!whole &&
             !engines_check_range(call, "stride", call->stride, ENGINES_CONV_STRIDE_MAX)) ||
            !engines_check_pads(call) || !engines_check_channels(call, in[3], "input") ||
            !engines_check_channels(call, call->op->tensor.dims[3], "output"))
                return false;
        depth = (int64_t) call->kernel[0] * call->kernel[1] * ((in[3] + parallel - 1) / parallel);
        if (depth > ENGINES_BANK_DEPTH)
                return ENGINES_REFUSE(call, "its weights fill %lld lines of %d", (long long) depth,
                                      ENGINES_BANK_DEPTH);
        if (call->dilation[0] != 1 || call->dilation[1] != 1) {
                int32_t most = call->dilation[0] > call->dilation[1] ? call->dilation[0]
                                                                     : call->dilation[1];

                if ((int64_t) most * in[3] > (int64_t) ENGINES_CHANNELS_MAX * parallel)
                        return ENGINES_REFUSE(call, "dilation %d of %d channels", most, in[3]);
        }
        return engines_check_activation(call, DPU_CONV_LEAKY_RELU) && engines_check_shifts(call);
}

static bool engines_depthwise(const EnginesCall *call) {
        const int32_t *in = op_input(call->op, 0)->tensor.dims;

        if (call->op->tensor.dims[3] != in[3])
                return ENGINES_REFUSE(call, "%d channels for each input channel",
                                      call->op->tensor.dims[3] / in[3]);
        if (!engines_check_range(call, "kernel", call->kernel, ENGINES_ALU_KERNEL_MAX) ||
            !engines_check_range(call, "stride", call->stride, ENGINES_ALU_KERNEL_MAX) ||
            !engines_check_alu_pads(call) || !engines_check_channels(call, in[3], "input"))
                return false;
        if (call->dilation[0] != call->dilation[1])
                return ENGINES_REFUSE(call, "dilation %dx%d is not square", call->dilation[0],
                                      call->dilation[1]);
        if ((int64_t) call->kernel[0] * call->kernel[1] > ENGINES_BANK_DEPTH)
                return ENGINES_REFUSE(call, "its weights fill more than %d lines",
                                      ENGINES_BANK_DEPTH);
        return engines_check_activation(call, DPU_ALU_LEAKY_RELU) && engines_check_shifts(call);
}

/* The engine runs it as dense ones with kernels of k / s, or one more. */
static bool engines_transposed(const EnginesCall *call) {
        const int32_t *in = op_input(call->op, 0)->tensor.dims;
        int32_t parallel = call->engines->channel_parallel;

        for (size_t i = 0; i < 2; i++) {
                int32_t k = call->kernel[i], s = call->stride[i];

                if (s < 1 || k < s || (k + s - 1) / s > ENGINES_CONV_KERNEL_MAX)
                        return ENGINES_REFUSE(call, "kernel %d with stride %d", k, s);
        }
        if (!engines_check_channels(call, in[3], "input"))
                return false;
        if ((int64_t) call->kernel[0] * call->kernel[1] * ((in[3] + parallel - 1) / parallel) >
            ENGINES_BANK_DEPTH)
                return ENGINES_REFUSE(call, "its weights fill more than %d lines",
                                      ENGINES_BANK_DEPTH);
        return engines_check_pads(call) &&
               engines_check_channels(call, call->op->tensor.dims[3], "output") &&
               engines_check_activation(call, DPU_CONV_LEAKY_RELU) && engines_check_shifts(call);
}

static bool engines_transposed_depthwise(const EnginesCall *call) {
        const char *name = attrs_string(&call->op->attrs, "nonlinear");

        if (name && strcmp(name, "NONE") != 0)
                return ENGINES_REFUSE(call, "the engine has no %s behind it", name);
        if (call->op->tensor.dims[3] != op_input(call->op, 0)->tensor.dims[3])
                return ENGINES_REFUSE(call, "several channels for each input channel");
        return engines_check_range(call, "kernel", call->kernel, ENGINES_ALU_KERNEL_MAX) &&
               engines_check_alu_pads(call) &&
               engines_check_channels(call, call->op->tensor.dims[3], "input") &&
               engines_check_shifts(call);
}

/* --- others ---------------------------------------------------------------------------------------- */

static bool engines_pool(const EnginesCall *call) {
        const int32_t *in = op_input(call->op, 0)->tensor.dims;
        const char *type = attrs_string(&call->op->attrs, "type");
        bool whole = call->kernel[0] == in[2] && call->kernel[1] == in[1];
        int32_t shift = engines_fix_point(op_input(call->op, 0)) - engines_fix_point(call->op);

        if (call->op->tensor.dims[3] != in[3])
                return ENGINES_REFUSE(call, "it pools %d channels to %d", in[3],
                                      call->op->tensor.dims[3]);
        if (type && strcmp(type, "MAX") == 0 && shift > 0)
                return ENGINES_REFUSE(call, "a maximum is not shifted to the right");
        return engines_check_range(call, "kernel", call->kernel, ENGINES_ALU_KERNEL_MAX) &&
               (whole ||
                engines_check_range(call, "stride", call->stride, ENGINES_ALU_KERNEL_MAX)) &&
               engines_check_alu_pads(call) && engines_check_channels(call, in[3], "input") &&
               engines_check_shift(call, "results", shift, -ENGINES_SHIFT_WRITE_MAX,
                                   ENGINES_SHIFT_WRITE_MAX);
}

static bool engines_same_shape(const Tensor *a, const Tensor *b) {
        return a->n_dims == b->n_dims &&
               memcmp(a->dims, b->dims, a->n_dims * sizeof(*a->dims)) == 0;
}

/* sums are made at the coarsest of the inputs' fix points, products at their sum */
static bool engines_eltwise_shifts(const EnginesCall *call, const Arg *arg) {
        const char *type = attrs_string(&call->op->attrs, "type");
        bool product = type && strcmp(type, "MUL") == 0;
        int32_t least = engines_fix_point(arg->ops[0]), most = least, sum = least;

        for (size_t i = 1; i < arg->n_ops; i++) {
                int32_t fix_point = engines_fix_point(arg->ops[i]);

                least = fix_point < least ? fix_point : least;
                most = fix_point > most ? fix_point : most;
                sum += fix_point;
        }
        if (!product &&
            !engines_check_shift(call, "an input", most - least, 0, ENGINES_SHIFT_READ_MAX))
                return false;
        return engines_check_shift(call, "results",
                                   (product ? sum : least) - engines_fix_point(call->op),
                                   -ENGINES_SHIFT_WRITE_MAX, ENGINES_SHIFT_WRITE_MAX);
}

static bool engines_eltwise(const EnginesCall *call) {
        const Arg *arg = op_arg(call->op, "input");
        const char *type = attrs_string(&call->op->attrs, "type");
        bool product = type && strcmp(type, "MUL") == 0;

        if (arg->n_ops < (product ? 2 : 1) ||
            arg->n_ops > (product ? 2 : ENGINES_ELTWISE_INPUTS_MAX))
                return ENGINES_REFUSE(call, "%zu inputs", arg->n_ops);
        for (size_t i = 0; i < arg->n_ops; i++)
                if (!engines_same_shape(&arg->ops[i]->tensor, &call->op->tensor))
                        return ENGINES_REFUSE(call, "inputs of different shapes");
        return engines_eltwise_shifts(call, arg);
}

static bool engines_depthwise_fix(const EnginesCall *call) {
        return engines_eltwise_shifts(call, op_arg(call->op, "input"));
}

static bool engines_hard_sigmoid(const EnginesCall *call) {
        return engines_check_shift(call, "its input", engines_fix_point(op_input(call->op, 0)), 0,
                                   15);
}

static bool engines_concat(const EnginesCall *call) {
        int32_t axis = -1;

        (void) attrs_int32(&call->op->attrs, "axis", &axis);
        if (axis < -3 || axis > 3 || axis == 0)
                return ENGINES_REFUSE(call, "it concatenates along axis %d, not within images",
                                      axis);
        return true;
}

static bool engines_check_change(const EnginesCall *call) {
        return engines_check_shift(
                call, "results",
                engines_fix_point(op_input(call->op, 0)) - engines_fix_point(call->op),
                -ENGINES_SHIFT_WRITE_MAX, ENGINES_SHIFT_WRITE_MAX);
}

static bool engines_upsample(const EnginesCall *call) {
        const int32_t *in = op_input(call->op, 0)->tensor.dims, *out = call->op->tensor.dims;
        const Attr *scale = attrs_find(&call->op->attrs, "scale");
        bool corners = false;

        (void) attrs_bool(&call->op->attrs, "align_corners", &corners);
        if (corners)
                return ENGINES_REFUSE(call, "align_corners is not supported");
        for (size_t i = 0; i < 2; i++)
                if (out[2 - i] % in[2 - i] != 0 ||
                    (float) (out[2 - i] / in[2 - i]) != scale->floats[i])
                        return ENGINES_REFUSE(call, "a scale of %g is not supported",
                                              (double) scale->floats[i]);
        return engines_check_change(call) && engines_check_channels(call, in[3], "input");
}

/* a copy, with another fix point perhaps */
static bool engines_copy(const EnginesCall *call) {
        return engines_check_change(call) &&
               engines_check_channels(call, call->op->tensor.dims[3], "output");
}

static bool engines_slice(const EnginesCall *call) {
        int32_t steps[4];

        engines_int32s(call->op, "strides", 4, 1, steps);
        if (steps[0] != 1 || steps[3] != 1)
                return ENGINES_REFUSE(call, "it takes every %d channels, not neighbouring channels",
                                      steps[3]);
        return engines_copy(call);
}

static bool engines_reshape(const EnginesCall *call) {
        const Tensor *in = &op_input(call->op, 0)->tensor, *out = &call->op->tensor;

        if (in->n_dims == 0 || out->n_dims == 0 || in->dims[0] != out->dims[0])
                return ENGINES_REFUSE(call, "it changes the batch");
        if (tensor_elements(in) != tensor_elements(out))
                return ENGINES_REFUSE(call, "it changes the number of elements");
        return true;
}

/* --- the table ---------------------------------------------------------------------------------- */

typedef struct EnginesEntry {
        const char *op_type;
        bool (*check)(const EnginesCall *call);
        bool images; /* [1,H,W,C] in, [1,H,W,C] out */
} EnginesEntry;

static const EnginesEntry engines_table[] = {
        { "concat-fix", engines_concat, true },
        { "conv2d-fix", engines_conv, true },
        { "depthwise-conv2d-fix", engines_depthwise, true },
        { "depthwise-fix", engines_depthwise_fix, true },
        { "eltwise-fix", engines_eltwise, true },
        { "hard-sigmoid-fix", engines_hard_sigmoid, true },
        { "pad-fix", engines_copy, true },
        { "pool-fix", engines_pool, true },
        { "reshape-fix", engines_reshape, false },
        { "strided_slice-fix", engines_slice, true },
        { "tile-fix", engines_copy, true },
        { "transposed-conv2d-fix", engines_transposed, true },
        { "transposed-depthwise-conv2d-fix", engines_transposed_depthwise, true },
        { "upsample-fix", engines_upsample, true },
};

bool engines_accept(const Op *op, const Engines *engines, Problem *reason) {
        EnginesCall call = { .engines = engines, .op = op, .reason = reason };

        for (size_t i = 0; i < ARRAY_SIZE(engines_table); i++) {
                if (strcmp(engines_table[i].op_type, op->type) != 0)
                        continue;
                engines_int32s(op, "kernel", 2, 1, call.kernel);
                engines_int32s(op, "stride", 2, 1, call.stride);
                engines_int32s(op, "dilation", 2, 1, call.dilation);
                engines_int32s(op, "pad", 4, 0, call.pad);
                return (!engines_table[i].images ||
                        (engines_check_images(&call) && engines_check_weights(&call))) &&
                       engines_table[i].check(&call);
        }
        return ENGINES_REFUSE(&call, "there is no engine for %s", op->type);
}
