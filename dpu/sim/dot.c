/*
 * The integer loop is the one place where evaluating spends its time. gcc makes multiply-add
 * instructions of it (pmaddwd), for the wide registers only where told so: hence the second copy
 * of the same function, taken where the processor has AVX2.
 */

#include "dpu/sim/dot.h"

#define DOT_EXACT 65536 /* products of int8 numbers: their sum fits in int32 */

#define DOT_INTEGERS_BODY                                                                          \
        int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;                                                    \
        for (size_t i = 0; i < n; i++) {                                                           \
                s0 += x[i] * w[0][i];                                                              \
                s1 += x[i] * w[1][i];                                                              \
                s2 += x[i] * w[2][i];                                                              \
                s3 += x[i] * w[3][i];                                                              \
        }                                                                                          \
        sums[0] += s0;                                                                             \
        sums[1] += s1;                                                                             \
        sums[2] += s2;                                                                             \
        sums[3] += s3;

static void dot_integers_portable(const int16_t *restrict x, const int16_t *const w[DOT_ROWS],
                                  size_t n, double sums[DOT_ROWS]) {
        DOT_INTEGERS_BODY
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void dot_integers_avx2(const int16_t *restrict x,
                                                              const int16_t *const w[DOT_ROWS],
                                                              size_t n, double sums[DOT_ROWS]) {
        DOT_INTEGERS_BODY
}

static void dot_integers(const int16_t *x, const int16_t *const w[DOT_ROWS], size_t n,
                         double sums[DOT_ROWS]) {
        if (__builtin_cpu_supports("avx2"))
                dot_integers_avx2(x, w, n, sums);
        else
                dot_integers_portable(x, w, n, sums);
}
#else
#define dot_integers dot_integers_portable
#endif

static void dot_reals(const double *x, const double *w, size_t w_stride, size_t n_rows, size_t n,
                      double sums[DOT_ROWS]) {
        for (size_t row = 0; row < n_rows; row++, w += w_stride) {
                double sum = 0;

                for (size_t i = 0; i < n; i++)
                        sum += x[i] * w[i];
                sums[row] += sum;
        }
}

void dot_add(const DotNumbers *x, size_t x_at, const DotNumbers *w, size_t w_at, size_t w_stride,
             size_t n_rows, size_t n, double sums[DOT_ROWS]) {
        const int16_t *rows[DOT_ROWS];

        if (!x->integers) {
                dot_reals(x->reals + x_at, w->reals + w_at, w_stride, n_rows, n, sums);
                return;
        }
        for (size_t done = 0; done < n; done += DOT_EXACT) {
                for (size_t i = 0; i < DOT_ROWS; i++) /* rows that are not there: the first again */
                        rows[i] = w->integers + w_at + (i < n_rows ? i : 0) * w_stride + done;
                dot_integers(x->integers + x_at + done, rows,
                             n - done < DOT_EXACT ? n - done : DOT_EXACT, sums);
        }
}
