#include "dpu/codegen/workload.h"

#include <string.h>

#include "dpu/codegen/layer.h"

static uint64_t workload_up(uint64_t value, uint64_t to) {
        return to > 0 ? (value + to - 1) / to * to : value;
}

static bool workload_is(const Op *op, const char *type) {
        return strcmp(op->type, type) == 0;
}

/* what all formulas are made of; sizes of files, so products may wrap: they are no promise */
typedef struct Counts {
        uint64_t rows, columns, channels, inputs; /* of the output; channels of the input */
        uint64_t kernel_w, kernel_h, stride_w, stride_h;
        uint64_t bias; /* 1 or 0 */
} Counts;

static bool workload_counts(const Op *op, Counts *ret) {
        const Op *input = op_input(op, 0);
        const Arg *bias = op_arg(op, "bias");
        const Attr *kernel = attrs_find(&op->attrs, "kernel");
        const Attr *stride = attrs_find(&op->attrs, "stride");
        Counts c = { .kernel_w = 1, .kernel_h = 1, .stride_w = 1, .stride_h = 1 };
        View in, out;

        if (!input || layer_image(input, &in, NULL) < 0 || layer_image(op, &out, NULL) < 0)
                return false;
        c.rows = out.height;
        c.columns = out.width;
        c.channels = out.channels;
        c.inputs = in.channels;
        c.bias = bias && bias->n_ops > 0;
        if (kernel && kernel->kind == ATTR_INT32_VEC && kernel->n == 2) {
                c.kernel_w = (uint64_t) kernel->int32s[0];
                c.kernel_h = (uint64_t) kernel->int32s[1];
        }
        if (stride && stride->kind == ATTR_INT32_VEC && stride->n == 2) {
                c.stride_w = (uint64_t) stride->int32s[0];
                c.stride_h = (uint64_t) stride->int32s[1];
        }
        *ret = c;
        return true;
}

bool workload_is_augmented(const Op *op, const FingerprintInfo *target) {
        Counts c;

        return workload_is(op, "conv2d-fix") && workload_counts(op, &c) &&
               workload_is(op_input(op, 0), "upload") && c.kernel_w > 1 &&
               c.kernel_w * c.inputs <= 2 * target->input_channels &&
               (target->features & DPU_CHANNEL_AUGMENTATION);
}

static Workload workload_conv(const Counts *c, const FingerprintInfo *target, bool augmented) {
        uint64_t lanes = target->input_channels, kernel = c->kernel_w * c->kernel_h;
        uint64_t products =
                augmented ? c->kernel_h * lanes : kernel * workload_up(c->inputs, lanes);

        return (Workload){
                .plain = c->rows * c->columns * c->channels * (2 * kernel * c->inputs + c->bias),
                .on_arch = workload_up(c->rows, target->pixels) * c->columns *
                           workload_up(c->channels, lanes) * (2 * products + c->bias),
        };
}

static Workload workload_transposed(const Counts *c, const FingerprintInfo *target) {
        uint64_t lanes = target->input_channels;
        uint64_t kernel = (c->kernel_w + c->stride_w - 1) / c->stride_w *
                          ((c->kernel_h + c->stride_h - 1) / c->stride_h);
        uint64_t rows = c->stride_h *
                        workload_up((c->rows + c->stride_h - 1) / c->stride_h, target->pixels);

        return (Workload){
                .plain = c->rows * c->columns * c->channels * (2 * kernel * c->inputs + c->bias),
                .on_arch = rows * c->columns * workload_up(c->channels, lanes) *
                           (2 * kernel * workload_up(c->inputs, lanes) + c->bias),
        };
}

/* of the ALU and the element-wise engine: @each for every element */
static Workload workload_each(const Counts *c, const FingerprintInfo *target, uint64_t each) {
        return (Workload){
                .plain = c->rows * c->columns * c->channels * each,
                .on_arch = workload_up(c->rows, target->alu_pixels) * c->columns *
                           workload_up(c->channels, target->input_channels) * each,
        };
}

bool workload_of(const Op *op, const FingerprintInfo *target, Workload *ret) {
        const char *type = attrs_string(&op->attrs, "type");
        Counts c;

        if (!workload_counts(op, &c) || c.stride_h == 0 || c.stride_w == 0)
                return false;
        if (workload_is(op, "conv2d-fix"))
                *ret = workload_conv(&c, target, workload_is_augmented(op, target));
        else if (workload_is(op, "transposed-conv2d-fix"))
                *ret = workload_transposed(&c, target);
        else if (workload_is(op, "depthwise-conv2d-fix"))
                *ret = workload_each(&c, target, 2 * c.kernel_w * c.kernel_h + c.bias);
        else if (workload_is(op, "pool-fix"))
                *ret = workload_each(
                        &c, target,
                        (type && strcmp(type, "AVG") == 0 ? 2 : 1) * c.kernel_w * c.kernel_h);
        else if (workload_is(op, "eltwise-fix"))
                *ret = workload_each(&c, target, op_arg(op, "input")->n_ops);
        else
                return false;
        return true;
}
