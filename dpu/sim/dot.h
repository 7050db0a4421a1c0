#pragma once

/*
 * Dot products: the inner loop of convolutions and matrix products
 *
 * One row of inputs against up to DOT_ROWS rows of weights. Integers are added in 32 bits and
 * handed on as float64 before those could overflow: both ways are exact.
 */

#include <stddef.h>
#include <stdint.h>

#define DOT_ROWS 4

/* numbers of one tensor in the form that the loop wants */
typedef struct DotNumbers {
        const int16_t *integers; /* NULL: they are real */
        const double *reals;
} DotNumbers;

/* sums[i] += products of @n inputs from @x_at on with @n weights from @w_at + i * @w_stride on,
 * for i < @n_rows. Both are integers, or both real. */
void dot_add(const DotNumbers *x, size_t x_at, const DotNumbers *w, size_t w_at, size_t w_stride,
             size_t n_rows, size_t n, double sums[DOT_ROWS]);
