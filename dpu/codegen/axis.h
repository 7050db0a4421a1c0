#pragma once

/*
 * Axes: a convolution or pooling in one direction
 *
 * Output o looks at the input places o * stride - pad .. + kernel - 1. Places outside of the
 * input are padding; a negative pad crops. Everything here is the same for rows and columns.
 *
 * The engines know neither dilation nor transposed convolution. Both fall apart into phases, dense
 * convolutions on every n-th input or output: with dilation d, outputs whose windows begin at the
 * same place modulo d only ever see every d-th input; and output o of a transposed convolution
 * with stride s uses every s-th place of the kernel only, which ones depends on o modulo s.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Axis {
        uint32_t kernel, stride;
        int32_t pad; /* before the first input */
        uint32_t in, out;
} Axis;

/* what a run of outputs needs */
typedef struct Span {
        uint32_t first, n; /* inputs */
        uint32_t before;   /* places of the first window that are padding before them */
        uint32_t last;     /* the last place of the last window that is no padding */
} Span;

/* Does every window see something of the input? Else the engines have no words for it. */
bool axis_is_sound(const Axis *axis);

Span axis_span(const Axis *axis, uint32_t from, uint32_t n); /* of a sound axis */

/* A dense part: input number i is number in_first + i * in_step of the whole, and so on. */
typedef struct Phase {
        Axis axis;
        uint32_t in_first, in_step, out_first, out_step, kernel_first, kernel_step;
} Phase;

/* the number of phases; some of the last may have no output */
uint32_t axis_phases_dilated(const Axis *axis, uint32_t dilation);
uint32_t axis_phases_transposed(const Axis *axis);

/* Phase @index; axis.out is 0 where it has no output. What is not sound has in or kernel 0. */
Phase axis_phase_dilated(const Axis *axis, uint32_t dilation, uint32_t index);
Phase axis_phase_transposed(const Axis *axis, uint32_t index);
