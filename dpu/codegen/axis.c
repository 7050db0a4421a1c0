#include "dpu/codegen/axis.h"

bool axis_is_sound(const Axis *axis) {
        int64_t last = (int64_t) (axis->out - 1) * axis->stride - axis->pad;

        if (axis->kernel < 1 || axis->stride < 1 || axis->in < 1 || axis->out < 1)
                return false;
        return axis->pad < (int64_t) axis->kernel && last < (int64_t) axis->in;
}

Span axis_span(const Axis *axis, uint32_t from, uint32_t n) {
        int64_t start = (int64_t) from * axis->stride - axis->pad;
        int64_t last = start + (int64_t) (n - 1) * axis->stride;
        int64_t first = start > 0 ? start : 0;
        int64_t end = last + axis->kernel;

        if (end > axis->in)
                end = axis->in;
        return (Span){ .first = (uint32_t) first,
                       .n = (uint32_t) (end - first),
                       .before = (uint32_t) (first - start),
                       .last = (uint32_t) (end - 1 - last) };
}

static uint32_t axis_gcd(uint32_t a, uint32_t b) {
        while (b != 0) {
                uint32_t rest = a % b;

                a = b;
                b = rest;
        }
        return a;
}

/* how many of 0 .. @n - 1 are @first modulo @step */
static uint32_t axis_count(uint32_t n, uint32_t first, uint32_t step) {
        return n > first ? (n - first + step - 1) / step : 0;
}

uint32_t axis_phases_dilated(const Axis *axis, uint32_t dilation) {
        return dilation / axis_gcd(dilation, axis->stride);
}

Phase axis_phase_dilated(const Axis *axis, uint32_t dilation, uint32_t index) {
        uint32_t step = axis_phases_dilated(axis, dilation);
        int64_t start = (int64_t) index * axis->stride - axis->pad;
        int64_t rest = (start % dilation + dilation) % dilation;

        return (Phase){
                .axis = { .kernel = axis->kernel,
                          .stride = (uint32_t) ((uint64_t) step * axis->stride / dilation),
                          .pad = (int32_t) ((rest - start) / dilation),
                          .in = axis_count(axis->in, (uint32_t) rest, dilation),
                          .out = axis_count(axis->out, index, step) },
                .in_first = (uint32_t) rest,
                .in_step = dilation,
                .out_first = index,
                .out_step = step,
                .kernel_first = 0,
                .kernel_step = 1,
        };
}

uint32_t axis_phases_transposed(const Axis *axis) {
        return axis->stride;
}

/* Over the input with zeros between its places, the kernel begins at o - (kernel - 1 - pad). */
Phase axis_phase_transposed(const Axis *axis, uint32_t index) {
        int64_t stride = axis->stride, reach = (int64_t) axis->kernel - 1 - axis->pad;
        int64_t first = ((reach - index) % stride + stride) % stride;

        return (Phase){
                .axis = { .kernel = axis_count(axis->kernel, (uint32_t) first, axis->stride),
                          .stride = 1,
                          .pad = (int32_t) ((reach - index - first) / stride),
                          .in = axis->in,
                          .out = axis_count(axis->out, index, axis->stride) },
                .in_first = 0,
                .in_step = 1,
                .out_first = index,
                .out_step = axis->stride,
                .kernel_first = (uint32_t) first,
                .kernel_step = axis->stride,
        };
}
