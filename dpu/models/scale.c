#include "dpu/models/scale.h"

#define SPREAD_2 768 /* smallest square of the weights' spread: 27.7 steps, 16 * sqrt(3) */

uint64_t scale_apply_gain(uint64_t energy, ScaleGain gain) {
        switch (gain) {
        case SCALE_GAIN_HALF:
                return energy / 2;
        case SCALE_GAIN_KEEP:
                return energy;
        case SCALE_GAIN_DOUBLE:
                return 2 * energy;
        case SCALE_GAIN_TO_ONE:
                return SCALE_ENERGY_ONE;
        case SCALE_GAIN_TO_TWO:
                return 2 * SCALE_ENERGY_ONE;
        }
        return energy;
}

/* what the weights multiply the mean square by, in units of 1/4096 */
static uint64_t gain_factor(uint64_t energy, ScaleGain gain) {
        bool absolute = gain == SCALE_GAIN_TO_ONE || gain == SCALE_GAIN_TO_TWO;

        if (!absolute)
                return scale_apply_gain(SCALE_ENERGY_ONE, gain);
        return energy > 0 ? scale_apply_gain(energy, gain) * SCALE_ENERGY_ONE / energy
                          : SCALE_ENERGY_ONE;
}

static uint32_t square_root(uint64_t value) {
        uint32_t root = 0;

        for (uint32_t bit = 1u << 31; bit > 0; bit >>= 1)
                if ((uint64_t) (root | bit) * (root | bit) <= value)
                        root |= bit;
        return root;
}

ScaleWeights scale_weights(uint64_t energy, ScaleGain gain, uint64_t fan_in) {
        const uint64_t wanted = 3 * gain_factor(energy, gain); /* variance = spread^2 / 3 */
        int32_t fix_point = 0;

        while (fix_point < SCALE_FIX_POINT_MAX &&
               (wanted << (2 * fix_point)) / fan_in < (uint64_t) SPREAD_2 * SCALE_ENERGY_ONE)
                fix_point++;
        return (ScaleWeights){
                .fix_point = fix_point,
                .spread = square_root((wanted << (2 * fix_point)) / fan_in / SCALE_ENERGY_ONE),
        };
}

int32_t scale_fix_point(uint64_t peak) {
        int32_t fix_point = SCALE_BIT_WIDTH - 1;

        while (fix_point > -SCALE_FIX_POINT_MAX &&
               9 * peak > (uint64_t) SCALE_ENERGY_ONE << (2 * (SCALE_BIT_WIDTH - 1 - fix_point)))
                fix_point--;
        return fix_point;
}

bool scale_shifts_are_good(int32_t in, int32_t weights, int32_t bias, int32_t out) {
        int32_t cut = in + weights - out, shift_bias = in + weights - bias;
        int32_t lowest = -(24 - (8 + cut));

        return cut >= 0 && cut <= 16 && shift_bias <= 16 && shift_bias >= (lowest < 0 ? lowest : 0);
}

float scale_average(int32_t size) {
        switch (size) {
        case 3:
                return 7.0f * 9 / 64;
        case 5:
                return 10.0f * 25 / 256;
        case 6:
                return 7.0f * 36 / 256;
        case 7:
                return 21.0f * 49 / 1024;
        default:
                return size > 0 && (size & (size - 1)) == 0 ? 1 : 0;
        }
}
