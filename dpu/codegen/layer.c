#include "dpu/codegen/layer.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

#define LAYER_SHIFT_CUT_MAX  16 /* limits of the quantizer, and of the programs seen */
#define LAYER_SHIFT_BIAS_MAX 17
#define LAYER_FIX_POINT_MAX  127
#define LAYER_FILTERS_MAX    65536
#define LAYER_ROWS_MAX       (1u << 29) /* there is no more memory */

static const LayerType layer_types[] = {
        { "conv2d-fix", NULL, conv_layer },
        { "transposed-conv2d-fix", NULL, conv_layer },
        { "depthwise-conv2d-fix", NULL, depthwise_layer },
        { "transposed-depthwise-conv2d-fix", NULL, depthwise_layer },
        { "pool-fix", NULL, pool_layer },
        { "eltwise-fix", elew_layer, elew_layer_stages },
        { "depthwise-fix", NULL, scale_layer },
        { "hard-sigmoid-fix", NULL, sigmoid_layer },
        { "concat-fix", concat_layer, NULL },
        { "reshape-fix", reshape_layer, NULL },
        { "upsample-fix", upsample_layer, NULL },
        { "downsample-fix", downsample_layer, NULL },
        { "tile-fix", tile_layer, NULL },
        { "strided_slice-fix", slice_layer, NULL },
        { "pad-fix", pad_layer, NULL },
};

const LayerType *layer_find(const char *op_type) {
        for (size_t i = 0; i < ARRAY_SIZE(layer_types); i++)
                if (strcmp(layer_types[i].op_type, op_type) == 0)
                        return &layer_types[i];
        return NULL;
}

/* --- layers ---------------------------------------------------------------------------------- */

static int layer_constant(const Op *op, const char *name, LayerPlace place, void *userdata,
                          Constant *ret, Problem *problem) {
        const Arg *arg = op_arg(op, name);
        View view;
        int r;

        if (!arg || arg->n_ops == 0)
                return 0;
        if (strcmp(arg->ops[0]->type, "const-fix") != 0)
                return problem_set(problem, -EOPNOTSUPP, "its %s are computed", name);
        r = place(arg->ops[0], userdata, &view, problem);
        if (r < 0)
                return r;
        *ret = (Constant){ .present = true,
                           .reg_id = view.reg_id,
                           .address = view.address,
                           .fix_point = view.fix_point };
        return 0;
}

/* What a layer with weights relies on: as many of them as kernel and channels say. */
static int layer_check_constants(const Layer *layer, Problem *problem) {
        const Arg *weights = op_arg(layer->op, "weights"), *bias = op_arg(layer->op, "bias");
        bool depthwise = strstr(layer->op->type, "depthwise-conv2d") != NULL;
        int32_t kernel[2] = { 1, 1 };
        uint64_t n;
        int r;

        if (!weights || weights->n_ops == 0)
                return 0;
        r = layer_int32s(layer, "kernel", 2, kernel, problem);
        if (r < 0)
                return r;
        n = (uint64_t) kernel[0] * (uint64_t) kernel[1] * layer->inputs[0].channels;
        if (!depthwise)
                n *= layer->output.channels;
        if (tensor_elements(&weights->ops[0]->tensor) != n)
                return problem_set(problem, -EOPNOTSUPP,
                                   "its weights have another shape than kernel and channels");
        if (bias && bias->n_ops > 0 &&
            tensor_elements(&bias->ops[0]->tensor) != layer->output.channels)
                return problem_set(problem, -EOPNOTSUPP, "not one bias for each channel");
        return 0;
}

int layer_init(Layer *layer, const Op *op, LayerPlace place, void *userdata, LayerViews *views,
               Problem *problem) {
        const Arg *inputs = op_arg(op, "input");
        Layer made = { .op = op, .inputs = views->items };
        int r;

        if (!layer_find(op->type))
                return problem_set(problem, -EOPNOTSUPP, "no engine does %s", op->type);
        if (!inputs || inputs->n_ops == 0 || inputs->n_ops > LAYER_INPUTS_MAX)
                return problem_set(problem, -EOPNOTSUPP, "it has 1 to %d inputs", LAYER_INPUTS_MAX);
        made.n_inputs = inputs->n_ops;
        for (size_t i = 0; i < inputs->n_ops; i++) {
                r = place(inputs->ops[i], userdata, &views->items[i], problem);
                if (r < 0)
                        return r;
        }
        r = place(op, userdata, &made.output, problem);
        if (r == 0)
                r = layer_constant(op, "weights", place, userdata, &made.weights, problem);
        if (r == 0)
                r = layer_constant(op, "bias", place, userdata, &made.bias, problem);
        if (r == 0)
                r = layer_check_constants(&made, problem);
        if (r < 0)
                return r;
        *layer = made;
        return 0;
}

/* --- attributes and shapes ------------------------------------------------------------------- */

int layer_int32s(const Layer *layer, const char *name, size_t n, int32_t *ret, Problem *problem) {
        const Attr *attr = attrs_find(&layer->op->attrs, name);

        if (!attr)
                return 0;
        if (attr->kind != ATTR_INT32_VEC || attr->n != n)
                return problem_set(problem, -EOPNOTSUPP, "attribute %s is not %zu numbers", name,
                                   n);
        memcpy(ret, attr->int32s, n * sizeof(*ret));
        return 0;
}

static int layer_dims(const Op *op, uint64_t dims[3], Problem *problem) {
        const Tensor *tensor = &op->tensor;
        bool constant = strcmp(op->type, "const-fix") == 0;

        for (size_t i = 0; i < tensor->n_dims; i++) {
                size_t from_last = tensor->n_dims - 1 - i;

                if (tensor->dims[i] < 1)
                        return problem_set(problem, -EOPNOTSUPP, "%s has a dimension of %d",
                                           tensor->name, tensor->dims[i]);
                if (from_last < 3)
                        dims[2 - from_last] *= (uint64_t) tensor->dims[i];
                else if (tensor->dims[i] != 1 && !constant)
                        return problem_set(problem, -EOPNOTSUPP, "%s is a batch of %d images",
                                           tensor->name, tensor->dims[i]);
                else if (tensor->dims[i] > LAYER_FILTERS_MAX)
                        return problem_set(problem, -EOPNOTSUPP, "%s has %d filters", tensor->name,
                                           tensor->dims[i]);
                else
                        dims[0] *= (uint64_t) tensor->dims[i];
                if (dims[0] > LAYER_ROWS_MAX)
                        return problem_set(problem, -EOPNOTSUPP, "%s has more than %u rows",
                                           tensor->name, LAYER_ROWS_MAX);
        }
        return 0;
}

int layer_image(const Op *op, View *ret, Problem *problem) {
        const Tensor *tensor = &op->tensor;
        uint64_t dims[3] = { 1, 1, 1 };
        View view = {};
        int r;

        if (tensor->bit_width != 8)
                return problem_set(problem, -EOPNOTSUPP, "%s has elements of %d bits, not 8",
                                   tensor->name, tensor->bit_width);
        if (attrs_int32(&tensor->attrs, "fix_point", &view.fix_point) < 0 ||
            view.fix_point > LAYER_FIX_POINT_MAX || view.fix_point < -LAYER_FIX_POINT_MAX)
                return problem_set(problem, -EOPNOTSUPP, "%s has no sensible fix point",
                                   tensor->name);
        r = layer_dims(op, dims, problem);
        if (r < 0)
                return r;
        view.height = (uint32_t) dims[0];
        view.width = (uint32_t) dims[1];
        view.channels = (uint32_t) dims[2];
        view.pixel_pitch = view.channels;
        view.row_pitch = view.pixel_pitch * view.width;
        *ret = view;
        return 0;
}

int layer_activation(const Layer *layer, const Machine *machine, DpuFeature leaky, uint32_t *ret,
                     Problem *problem) {
        const char *name = attrs_string(&layer->op->attrs, "nonlinear");

        if (!name || strcmp(name, "NONE") == 0 || strcmp(name, "") == 0)
                *ret = 0;
        else if (strcmp(name, "RELU") == 0)
                *ret = 1;
        else if (strcmp(name, "RELU6") == 0 && layer->output.fix_point >= 5)
                *ret = 1; /* 6 is more than the greatest number: saturation cuts before it */
        else if (strcmp(name, "LEAKYRELU") == 0 && machine->target->features & leaky)
                *ret = 3;
        else
                return problem_set(problem, -EOPNOTSUPP, "activation %s: not on this target", name);
        return 0;
}

static int layer_set_axis(Axis *axis, int32_t kernel, int32_t stride, int32_t pad,
                          Problem *problem) {
        if (kernel < 1 || kernel > INT16_MAX || stride < 1 || stride > INT16_MAX ||
            pad > INT16_MAX || pad < -INT16_MAX)
                return problem_set(problem, -EOPNOTSUPP, "kernel %d, stride %d, padding %d", kernel,
                                   stride, pad);
        axis->kernel = (uint32_t) kernel;
        axis->stride = (uint32_t) stride;
        axis->pad = pad;
        return 0;
}

int layer_axes(const Layer *layer, LayerAxes *ret, Problem *problem) {
        int32_t kernel[2] = { 1, 1 }, stride[2] = { 1, 1 }, dilation[2] = { 1, 1 }, pad[4] = { 0 };
        LayerAxes axes = { .y = { .in = layer->inputs[0].height, .out = layer->output.height },
                           .x = { .in = layer->inputs[0].width, .out = layer->output.width } };
        int r;

        r = layer_int32s(layer, "kernel", 2, kernel, problem);
        if (r == 0)
                r = layer_int32s(layer, "stride", 2, stride, problem);
        if (r == 0)
                r = layer_int32s(layer, "dilation", 2, dilation, problem);
        if (r == 0)
                r = layer_int32s(layer, "pad", 4, pad, problem);
        if (r == 0)
                r = layer_set_axis(&axes.x, kernel[0], stride[0], pad[0], problem);
        if (r == 0)
                r = layer_set_axis(&axes.y, kernel[1], stride[1], pad[2], problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < 2; i++)
                if (dilation[i] < 1 || dilation[i] > INT16_MAX)
                        return problem_set(problem, -EOPNOTSUPP, "dilation %d", dilation[i]);
        axes.dilation_x = (uint32_t) dilation[0];
        axes.dilation_y = (uint32_t) dilation[1];
        *ret = axes;
        return 0;
}

int layer_shifts(const Layer *layer, LayerShifts *ret, Problem *problem) {
        int32_t products = layer->inputs[0].fix_point + layer->weights.fix_point;
        int32_t cut = products - layer->output.fix_point;
        int32_t bias = layer->bias.present ? products - layer->bias.fix_point + 1 : 0;

        if (cut < 0 || cut > LAYER_SHIFT_CUT_MAX)
                return problem_set(problem, -EOPNOTSUPP,
                                   "products are shifted by %d bits to the output; the engine "
                                   "does 0 to %d",
                                   cut, LAYER_SHIFT_CUT_MAX);
        if (bias > LAYER_SHIFT_BIAS_MAX)
                return problem_set(problem, -EOPNOTSUPP,
                                   "the bias is shifted by %d bits; the engine does up to %d", bias,
                                   LAYER_SHIFT_BIAS_MAX);
        ret->cut = (uint32_t) cut;
        ret->bias = bias > 0 ? (uint32_t) bias : 0; /* finer ones were shifted by lowering */
        return 0;
}
