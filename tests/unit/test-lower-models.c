/*
 * What is lowered computes what was quantized, bit by bit, in the reference evaluator: small models
 * of the corpus and networks of mkmodel. test-lower-large.c has the large ones.
 */

#include "unit.h"

#include "base/cleanup.h"
#include "dpu/models/network.h"
#include "lower_fixture.h"

static void models_of_the_corpus(void **state) {
        static const LowerExpected models[] = {
                { .name = "cifar-resnet20.xmodel" },
                { .name = "mnist-cnn.xmodel" },
        };

        lower_check_corpus(models, ARRAY_SIZE(models));
}

static void check_network(const char *name, int32_t size, const char *const *kept) {
        const NetworkOptions options = { .seed = 4, .size = size, .change_weight = UINT64_MAX };
        _cleanup_(graph_freep) Graph *source = NULL;
        Problem problem;

        assert_int_equal(network_make(network_find(name), &options, &source, &problem), 0);
        lower_check(source, LOWER_B4096, kept);
        lower_check(source, LOWER_B512, kept);
}

static void networks_of_mkmodel(void **state) {
        static const char *const none[] = { NULL }, *const softmax[] = { "softmax", NULL };

        check_network("lenet", 0, none);
        check_network("unet", 64, softmax);
        check_network("resnet50", 32, none);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(models_of_the_corpus),
                cmocka_unit_test(networks_of_mkmodel),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
