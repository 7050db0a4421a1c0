#pragma once

/*
 * Windows: what convolution and the ALU have in common, a dense window that moves over an image
 *
 * Where it is dilated or transposed, it is several: its phases (axis.h).
 */

#include "dpu/codegen/layer.h"

typedef struct Window {
        View in, out;
        Axis y, x;
        /* weights: of kernel place (h, w) from address + h * row_step + w * step on */
        uint64_t weights, row_step, step;
} Window;

/* Calls @fn for each dense part that has outputs. Ends with its first error. */
typedef int (*WindowFn)(const Window *part, void *userdata);
int window_phases(const Window *whole, const LayerAxes *axes, bool transposed, WindowFn fn,
                  void *userdata);
