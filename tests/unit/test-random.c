#include "unit.h"

#include "base/cleanup.h"
#include "base/random.h"

/* the first outputs for seed 1234567, as published with the reference implementation of
 * SplitMix64 (Rosetta Code, "Pseudo-random numbers/Splitmix64") */
static void is_splitmix64(void **state) {
        static const uint64_t expected[] = {
                UINT64_C(6457827717110365317),  UINT64_C(3203168211198807973),
                UINT64_C(9817491932198370423),  UINT64_C(4593380528125082431),
                UINT64_C(16408922859458223821),
        };
        Random random = RANDOM_INIT(1234567);

        for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
                assert_int_equal(random_u64(&random), expected[i]);
}

static void stays_in_range_and_reaches_all(void **state) {
        Random random = RANDOM_INIT(1);
        unsigned seen[7] = { 0 };

        for (size_t i = 0; i < 7000; i++)
                seen[random_below(&random, 7)]++;
        for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
                assert_in_range(seen[i], 850, 1150);
        assert_int_equal(random_below(&random, 0), 0);
        assert_int_equal(random_below(&random, 1), 0);
}

static void bell_is_centred(void **state) {
        Random random = RANDOM_INIT(2);
        int64_t sum = 0, squares = 0;

        for (size_t i = 0; i < 30000; i++) {
                int64_t value = random_bell(&random, 300);

                assert_true(value >= -600 && value <= 600);
                sum += value;
                squares += value * value;
        }
        assert_in_range(sum / 30000 + 10, 0, 20);
        assert_in_range(squares / 30000, 28000, 32000); /* 300^2 / 3 */
}

static void shuffle_permutes(void **state) {
        Random random = RANDOM_INIT(3);
        unsigned first[4] = { 0 };

        for (size_t round = 0; round < 4000; round++) {
                uint16_t items[4] = { 0, 1, 2, 3 };
                unsigned seen = 0;

                random_shuffle(&random, items, ARRAY_SIZE(items), sizeof(items[0]));
                for (size_t i = 0; i < ARRAY_SIZE(items); i++)
                        seen |= 1u << items[i];
                assert_int_equal(seen, 0xf);
                first[items[0]]++;
        }
        for (size_t i = 0; i < ARRAY_SIZE(first); i++)
                assert_in_range(first[i], 850, 1150);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(is_splitmix64),
                cmocka_unit_test(stays_in_range_and_reaches_all),
                cmocka_unit_test(bell_is_centred),
                cmocka_unit_test(shuffle_permutes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
