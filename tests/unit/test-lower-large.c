/*
 * As test-lower-models.c, with the models of the corpus that take a minute.
 */

#include "unit.h"

#include "base/cleanup.h"
#include "lower_fixture.h"

static void models_of_the_corpus(void **state) {
        static const LowerExpected models[] = {
                { .name = "voxelnet.xmodel",
                  .kept = { "transpose", "PPScatterV2", "fix", "transpose" } },
                { .name = "zerodce.xmodel", .kept = { "resize" } },
        };

        lower_check_corpus(models, ARRAY_SIZE(models));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(models_of_the_corpus),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
