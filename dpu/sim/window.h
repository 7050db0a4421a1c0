#pragma once

/*
 * Windows: which elements of an image a convolution or pooling looks at
 *
 * Per axis and output place a list of taps: pairs of a place in the kernel and one in the input.
 * What lies in the padding is not in the list. A negative padding crops. Strides, dilation and the
 * zeros that a transposed convolution puts between pixels are all in the lists, so the loops over
 * them need to know nothing of those.
 *
 * Axes are those of XIR: kernel, stride and dilation are [w, h], pad is [left, right, top, bottom]
 * (Xilinx/Vitis-AI src/vai_runtime/xir op definitions). Ops of one dimension are images of height
 * one.
 */

#include "dpu/sim/eval.h"

typedef struct Tap {
        int32_t kernel, input;
} Tap;

typedef struct Taps {
        Tap *taps;     /* owned */
        size_t *first; /* owned; those of place i are first[i] to first[i + 1] - 1 */
} Taps;

typedef struct Window {
        int32_t batch;
        int32_t height, width, channels;             /* of the input */
        int32_t out_height, out_width, out_channels; /* of the output */
        int32_t kernel_w, kernel_h;
        int32_t stride_w, stride_h;
        int64_t padded_w, padded_h; /* the input with what is before and behind it */
        bool runs;                  /* taps of a row are neighbours in kernel and input alike */
        Taps x, y;
} Window;

/* From the call's attributes, first input and output. -EINVAL with the problem: attributes that
 * make no sense; -ENOMEM. */
int window_init(Window *window, const EvalCall *call);
void window_deinit(Window *window);

static inline void window_cleanup(Window *window) {
        window_deinit(window);
}

/* How often a tap is looked at for one output channel, in the whole batch. */
double window_taps(const Window *window);

bool eval_is_fixed_op(const EvalCall *call); /* "...-fix": of a compiled graph */

/* The bias of @n channels as real numbers; zeros if the op has none. @fix_point is
 * that of the products, meaningful for fixed-point ops only. */
int window_read_bias(const EvalCall *call, int32_t fix_point, size_t n, double *ret);
