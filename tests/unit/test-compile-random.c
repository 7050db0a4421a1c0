/*
 * Random networks (network_fixture.h), the whole way, for all sizes of the DPU and with all ops that
 * the compiler has rules for. One that goes wrong is made smaller as long as it goes wrong, and
 * printed.
 *
 * COMPILE_CASES=N tries more than the number for every day, COMPILE_SEED=N others.
 */

#include "unit.h"

#include "network_fixture.h"

#define CASES 500

static uint64_t number_of(const char *variable, uint64_t otherwise) {
        const char *text = getenv(variable);

        return text ? strtoull(text, NULL, 10) : otherwise;
}

static void tally_print(const NetworkTally *tally) {
        for (size_t k = 1; k < NETWORK_KINDS; k++)
                print_message("%-28s %llu\n", network_kind(k), (unsigned long long) tally->made[k]);
        for (size_t i = 0; i < NETWORK_TYPES; i++)
                print_message("op %-25s %llu\n", network_type(i),
                              (unsigned long long) tally->types[i]);
        for (size_t i = 0; i < REGENERATE_TARGETS; i++)
                print_message("%-28s %llu\n", regenerate_target(i).short_name,
                              (unsigned long long) tally->targets[i]);
        print_message("%llu layers, %llu of them on the DPU\n", (unsigned long long) tally->n_ops,
                      (unsigned long long) tally->n_on_dpu);
}

static void graphs_are_right(void **state) {
        uint64_t cases = number_of("COMPILE_CASES", CASES), seed = number_of("COMPILE_SEED", 1);
        Problem problem = { "" };
        NetworkTally tally = {};

        for (uint64_t i = 0; i < cases; i++) {
                Random random = RANDOM_INIT(seed + i);
                Network c;

                network_draw(&c, &random);
                if (network_try(&c, &tally, &problem) == 0)
                        continue;
                print_message("case %llu: %s\n", (unsigned long long) (seed + i), problem.text);
                network_print(&c);
                network_shrink(&c);
                (void) network_try(&c, &tally, &problem);
                print_message("smaller: %s\n", problem.text);
                network_print(&c);
                fail();
        }
        tally_print(&tally);
        if (cases < CASES)
                return;
        for (size_t k = 1; k < NETWORK_KINDS; k++)
                assert_true(tally.made[k] > 0);
        for (size_t i = 0; i < NETWORK_TYPES; i++)
                assert_true(tally.types[i] > 0);
        for (size_t i = 0; i < REGENERATE_TARGETS; i++)
                assert_true(tally.targets[i] > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(graphs_are_right),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
