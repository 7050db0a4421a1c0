#pragma once

/*
 * Scale: how large the numbers of a made-up network are, and which grids hold them
 *
 * A layer with n inputs per output and weights of variance v multiplies the mean square by n * v.
 * v follows from the wanted gain; the weights' fix point is the one that puts the standard
 * deviation at 16 to 32 steps of the grid, which leaves the largest of them (twice the bell's
 * spread, 3.5 standard deviations) below 112. The fix point of an activation leaves room for three
 * standard deviations of what came out before a ReLU cut it.
 *
 * Energies are mean squares in units of 1/4096. They are estimates: the inputs are taken to be
 * independent, which in a network they are not. Pure functions of integers: the same everywhere.
 */

#include <stdbool.h>
#include <stdint.h>

#define SCALE_ENERGY_ONE    4096 /* a mean square of 1 */
#define SCALE_BIT_WIDTH     8
#define SCALE_FIX_POINT_MAX 12

/* What a convolution or linear layer does to the mean square of what goes through it. */
typedef enum ScaleGain {
        SCALE_GAIN_HALF,   /* the residual branch of an add */
        SCALE_GAIN_KEEP,   /* no ReLU behind it */
        SCALE_GAIN_DOUBLE, /* a ReLU behind it, which halves it again */
        /* the same, whatever goes in: a batch normalisation is folded into it */
        SCALE_GAIN_TO_ONE,
        SCALE_GAIN_TO_TWO,
} ScaleGain;

/* the mean square behind a layer, of one of @energy before it */
uint64_t scale_apply_gain(uint64_t energy, ScaleGain gain);

typedef struct ScaleWeights {
        int32_t fix_point;
        uint32_t spread; /* of the bell, in steps */
} ScaleWeights;

/* the weights of a layer where @fan_in products make one output of @energy * @gain */
ScaleWeights scale_weights(uint64_t energy, ScaleGain gain, uint64_t fan_in);

/* the finest grid that holds three standard deviations: 3 * sqrt(@peak) <= 2^(7 - fix_point) */
int32_t scale_fix_point(uint64_t peak);

/* Are the shifts of a layer with weights within what the quantizer itself keeps (isa: shift_cut,
 * shift_bias)? Of fix points. */
bool scale_shifts_are_good(int32_t in, int32_t weights, int32_t bias, int32_t out);

/* what the engines multiply a sum over @size x @size places by (numerator, bits), times the places:
 * Xilinx/Vitis-AI src/vai_library/cpu_task/ops/pool-fix; 0 where that is not known here */
float scale_average(int32_t size);
