#pragma once

/*
 * The inner loop of convolutions, in two ways that compute the same
 *
 * Integers only, and no sum can leave 32 bits (2048 words of 16 lanes of 128 * 128 are less than
 * 2^30), so the order of additions does not matter: both give equal bits on every machine.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KERNEL_OUTPUTS_MAX 16

/* the sums are laid out in rows of this many for @outputs output channels */
static inline unsigned kernel_outputs(unsigned outputs) {
        return outputs <= 8 ? 8 : KERNEL_OUTPUTS_MAX;
}

/* For each of @pixels, whose inputs begin at @input + pixel * @step and are 2 * @pairs long, and
 * for each output o below @outputs (8 or 16):
 *
 *      sums[pixel][o] += sum over i of input[2 i] * weights[i][o][0] + input[2 i + 1] * weights[i][o][1]
 */
typedef void (*Kernel)(int32_t *sums, const int16_t *input, size_t step, unsigned pixels,
                       const int16_t *weights, unsigned pairs, unsigned outputs);

void kernel_portable(int32_t *sums, const int16_t *input, size_t step, unsigned pixels,
                     const int16_t *weights, unsigned pairs, unsigned outputs);

/* the fastest that this processor can do; kernel_portable if @portable */
Kernel kernel_choose(bool portable);
