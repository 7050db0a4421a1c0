#pragma once

/*
 * Numbers: the elements of two factors in one form, for dot products
 *
 * Integers where both tensors are fixed-point, with the scale of a product; real numbers
 * otherwise. What is not in the wanted form is converted into a buffer that the Numbers own.
 */

#include "dpu/sim/dot.h"
#include "dpu/sim/values.h"

typedef struct Numbers {
        DotNumbers dot;
        void *buffer; /* owned; NULL: borrowed from the values */
} Numbers;

/* @a and @b must outlive both. -ENOMEM, with what was made to be freed. */
int numbers_init(Numbers *ret_a, Numbers *ret_b, double *ret_scale, const Values *a,
                 const Values *b);
void numbers_deinit(Numbers *numbers);
