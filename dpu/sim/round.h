#pragma once

/*
 * Rounding: how a number becomes a fixed-point one
 *
 * A fixed-point element q with fix point fp stands for q * 2^-fp. The modes are those of the
 * quantizer's `fix` op (Xilinx/Vitis-AI src/vai_runtime/xir/src/xir/op/built_in_ops.cpp); the DPU
 * itself knows DPU_ROUND only (src/vai_library/cpu_task/ops/common/util.hpp), which is half up:
 * -2.5 becomes -2.
 *
 * What is rounded was computed in float64. Sums of products of 8-bit integers are exact there.
 * What went through a division (an average over 9, relu6(x) / 6) is not, by some 2^-46 at most,
 * and would then miss ties that the DPU, which multiplies by N / 2^M instead, hits exactly. So a
 * value less than ROUND_SLACK below a tie counts as the tie. Nothing is lost: the fraction of a
 * value that a DPU can make has far fewer than 30 bits.
 */

#include <math.h>
#include <stdint.h>

typedef enum Rounding {
        ROUND_DPU, /* half up */
        ROUND_STD, /* half away from zero */
        ROUND_PY3, /* half to even */
} Rounding;

#define ROUND_SLACK 0x1p-31

static inline double round_half_up(double x) {
        return floor(x + (0.5 + ROUND_SLACK));
}

static inline double round_half_even(double x) {
        double up = round_half_up(x);

        if (fabs(up - x - 0.5) <= ROUND_SLACK && fmod(up, 2) != 0)
                return up - 1;
        return up;
}

static inline double round_by(Rounding rounding, double x) {
        switch (rounding) {
        case ROUND_DPU:
                return round_half_up(x);
        case ROUND_STD:
                return x < 0 ? -round_half_up(-x) : round_half_up(x);
        case ROUND_PY3:
                return round_half_even(x);
        }
        return x;
}

/* What is no number becomes 0. */
static inline double round_saturate(double x, double min, double max) {
        if (!(x >= min))
                return isnan(x) ? 0 : min;
        return x > max ? max : x;
}
