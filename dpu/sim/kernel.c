#include "dpu/sim/kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>
#endif

void kernel_portable(int32_t *sums, const int16_t *input, size_t step, unsigned pixels,
                     const int16_t *weights, unsigned pairs, unsigned outputs) {
        for (unsigned p = 0; p < pixels; p++) {
                const int16_t *in = input + p * step;
                int32_t *to = sums + (size_t) p * outputs;

                for (unsigned i = 0; i < pairs; i++) {
                        const int16_t *w = weights + (size_t) 2 * i * outputs;
                        int32_t a = in[2 * i], b = in[2 * i + 1];

                        for (unsigned o = 0; o < outputs; o++)
                                to[o] += a * w[2 * o] + b * w[2 * o + 1];
                }
        }
}

#if defined(__x86_64__)

/*
 * AVX2: eight outputs are one vector of 32-bit sums. A pair of inputs, broadcast, times the pairs
 * of weights of eight outputs, added in pairs, is one instruction (vpmaddwd). Several pixels go
 * side by side so that each vector of weights is loaded once for all of them.
 */

#define KERNEL_BLOCK 4 /* pixels: with two vectors each, half of the registers */

/* two int16 that lie together, as one int32 */
static inline int32_t kernel_pair(const int16_t *at) {
        int32_t pair;

        memcpy(&pair, at, sizeof(pair));
        return pair;
}

/* @pixels and @vectors are constants where this is called, and the loops over them vanish */
static inline __attribute__((always_inline, target("avx2"))) void
kernel_block(int32_t *sums, const int16_t *input, size_t step, const int16_t *weights,
             unsigned pairs, const unsigned pixels, const unsigned vectors) {
        __m256i acc[2 * KERNEL_BLOCK][2];

#pragma GCC unroll 8
        for (unsigned p = 0; p < pixels; p++)
#pragma GCC unroll 2
                for (unsigned v = 0; v < vectors; v++)
                        acc[p][v] = _mm256_loadu_si256(
                                (const __m256i *) (sums + (p * vectors + v) * 8));

        for (unsigned i = 0; i < pairs; i++) {
                const __m256i *w = (const __m256i *) (weights + (size_t) 16 * vectors * i);

#pragma GCC unroll 8
                for (unsigned p = 0; p < pixels; p++) {
                        __m256i in = _mm256_set1_epi32(kernel_pair(input + p * step + 2 * i));

#pragma GCC unroll 2
                        for (unsigned v = 0; v < vectors; v++)
                                acc[p][v] = _mm256_add_epi32(
                                        acc[p][v],
                                        _mm256_madd_epi16(in, _mm256_loadu_si256(w + v)));
                }
        }

#pragma GCC unroll 8
        for (unsigned p = 0; p < pixels; p++)
#pragma GCC unroll 2
                for (unsigned v = 0; v < vectors; v++)
                        _mm256_storeu_si256((__m256i *) (sums + (p * vectors + v) * 8), acc[p][v]);
}

static __attribute__((target("avx2"))) void kernel_avx2(int32_t *sums, const int16_t *input,
                                                        size_t step, unsigned pixels,
                                                        const int16_t *weights, unsigned pairs,
                                                        unsigned outputs) {
        const unsigned block = outputs == 8 ? 2 * KERNEL_BLOCK : KERNEL_BLOCK;
        unsigned p = 0;

        for (; p + block <= pixels; p += block) {
                if (outputs == 8)
                        kernel_block(sums + (size_t) p * 8, input + p * step, step, weights, pairs,
                                     2 * KERNEL_BLOCK, 1);
                else
                        kernel_block(sums + (size_t) p * 16, input + p * step, step, weights, pairs,
                                     KERNEL_BLOCK, 2);
        }
        for (; p < pixels; p++) {
                if (outputs == 8)
                        kernel_block(sums + (size_t) p * 8, input + p * step, step, weights, pairs,
                                     1, 1);
                else
                        kernel_block(sums + (size_t) p * 16, input + p * step, step, weights, pairs,
                                     1, 2);
        }
}

Kernel kernel_choose(bool portable) {
        return !portable && __builtin_cpu_supports("avx2") ? kernel_avx2 : kernel_portable;
}

#else

Kernel kernel_choose(bool portable) {
        (void) portable;
        return kernel_portable;
}

#endif
