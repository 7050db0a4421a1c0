#include "unit.h"

#include "dpu/models/scale.h"

static void gains_are_of_the_mean_square(void **state) {
        assert_int_equal(scale_apply_gain(1000, SCALE_GAIN_HALF), 500);
        assert_int_equal(scale_apply_gain(1000, SCALE_GAIN_KEEP), 1000);
        assert_int_equal(scale_apply_gain(1000, SCALE_GAIN_DOUBLE), 2000);
        assert_int_equal(scale_apply_gain(1000, SCALE_GAIN_TO_ONE), SCALE_ENERGY_ONE);
        assert_int_equal(scale_apply_gain(1000, SCALE_GAIN_TO_TWO), 2 * SCALE_ENERGY_ONE);
}

/* n products with weights of variance spread^2 / 3 steps^2 give the gain that was wanted, and the
 * weights use their grid well */
static void weights_make_the_gain(void **state) {
        for (uint64_t fan_in = 9; fan_in <= 9 * 2048; fan_in *= 2) {
                for (ScaleGain gain = SCALE_GAIN_HALF; gain <= SCALE_GAIN_DOUBLE; gain++) {
                        const ScaleWeights w = scale_weights(SCALE_ENERGY_ONE, gain, fan_in);
                        const double steps = (double) (UINT64_C(1) << w.fix_point);
                        const double made =
                                (double) fan_in * w.spread * w.spread / 3 / (steps * steps);
                        const double wanted = (double) scale_apply_gain(SCALE_ENERGY_ONE, gain) /
                                              SCALE_ENERGY_ONE;

                        assert_true(made <= wanted && made > 0.9 * wanted);
                        assert_in_range(w.spread, 27, 56);
                }
        }
}

/* whatever went in, the same comes out: there is more to do where less went in */
static void absolute_gains_do_not_depend_on_what_goes_in(void **state) {
        const ScaleWeights quiet = scale_weights(SCALE_ENERGY_ONE / 16, SCALE_GAIN_TO_ONE, 64);
        const ScaleWeights loud = scale_weights(SCALE_ENERGY_ONE, SCALE_GAIN_TO_ONE, 64);
        const ScaleWeights nothing = scale_weights(0, SCALE_GAIN_TO_ONE, 64);

        assert_int_equal(quiet.spread, loud.spread);
        assert_int_equal(quiet.fix_point, loud.fix_point - 2); /* 4 times the weights */
        assert_int_equal(nothing.fix_point, loud.fix_point);
}

static void grids_hold_three_deviations(void **state) {
        assert_int_equal(scale_fix_point(0), 7);
        assert_int_equal(scale_fix_point(SCALE_ENERGY_ONE), 5);          /* 3 <= 4 */
        assert_int_equal(scale_fix_point(SCALE_ENERGY_ONE * 16 / 9), 5); /* 4 <= 4 */
        assert_int_equal(scale_fix_point(SCALE_ENERGY_ONE * 16 / 9 + 1), 4);
        assert_int_equal(scale_fix_point(UINT64_MAX / 16), -SCALE_FIX_POINT_MAX);
}

static void shifts_have_bounds(void **state) {
        assert_true(scale_shifts_are_good(5, 8, 8, 5));
        assert_true(scale_shifts_are_good(8, 8, 8, 0)); /* cut 16 */
        assert_false(scale_shifts_are_good(8, 9, 8, 0));
        assert_true(scale_shifts_are_good(4, 4, 8, 8)); /* cut 0 */
        assert_false(scale_shifts_are_good(4, 3, 8, 8));
        assert_false(scale_shifts_are_good(12, 13, 8, 12)); /* shift_bias 17 */
}

/* the engines' own numbers are near 1, and 1 where the division is a shift */
static void averages_are_what_the_engines_do(void **state) {
        for (int32_t size = 1; size <= 8; size++) {
                const float average = scale_average(size);

                assert_true(average > 0.96f && average < 1.04f);
                assert_int_equal(average == 1.0f, (size & (size - 1)) == 0);
        }
        assert_true(scale_average(9) == 0);
        assert_true(scale_average(0) == 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(gains_are_of_the_mean_square),
                cmocka_unit_test(weights_make_the_gain),
                cmocka_unit_test(absolute_gains_do_not_depend_on_what_goes_in),
                cmocka_unit_test(grids_hold_three_deviations),
                cmocka_unit_test(shifts_have_bounds),
                cmocka_unit_test(averages_are_what_the_engines_do),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
