/*
 * Small networks and models, from quantized graphs to programs, as `dpucc verify --source
 * --inputs all --orders 1` judges them. Each has other targets, so that all eight are among them;
 * test-verified-large.c has everything.
 */

#include "unit.h"

#include "verified_fixture.h"

static void lenet(void **state) {
        verified_network("lenet", 0, 0xff, 2);
}

static void unet(void **state) {
        verified_network("unet", 32, 0x04, 1);
}

static void mobilenetv2(void **state) {
        verified_network("mobilenetv2", 32, 0x04, 1);
}

static void yolov5n(void **state) {
        verified_network("yolov5n", 32, 0x0a, 1);
}

static void models_of_the_corpus(void **state) {
        static const char *const small[] = { "mnist-cnn.xmodel", NULL };
        static const char *const larger[] = { "cifar-resnet20.xmodel", NULL };

        verified_corpus(small, 0xff, 1);
        verified_corpus(larger, 0x20, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lenet),
                cmocka_unit_test(unet),
                cmocka_unit_test(mobilenetv2),
                cmocka_unit_test(yolov5n),
                cmocka_unit_test(models_of_the_corpus),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
