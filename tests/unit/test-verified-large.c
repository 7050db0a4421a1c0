/*
 * The networks of mkmodel in their own sizes, and all quantized models of the corpus, for all
 * eight targets: as `dpucc verify --source --inputs all` judges them. It takes an hour or two;
 * VERIFIED_TARGETS (bits, 1 is B512) and VERIFIED_ONLY (a model) leave things out.
 * test-verified.c has small ones.
 */

#include "unit.h"

#include "verified_fixture.h"

/* Sanitizers cost ten times the time: they see small images and one target. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IMAGE_SIZE      64
#define DEFAULT_TARGETS 0x04u
#else
#define IMAGE_SIZE      0 /* its own */
#define DEFAULT_TARGETS VERIFIED_ALL_TARGETS
#endif

static unsigned targets(void) {
        const char *text = getenv("VERIFIED_TARGETS");

        return text ? (unsigned) strtoul(text, NULL, 0) : DEFAULT_TARGETS;
}

static void network(const char *name, unsigned n_orders) {
        const char *only = getenv("VERIFIED_ONLY");

        if (only && strcmp(only, name) != 0)
                skip();
        verified_network(name, IMAGE_SIZE, targets(), n_orders);
}

static void resnet18(void **state) {
        network("resnet18", 3);
}

static void mobilenetv2(void **state) {
        network("mobilenetv2", 3);
}

static void yolov5n(void **state) {
        network("yolov5n", 3);
}

static void resnet50(void **state) {
        network("resnet50", 1);
}

static void unet(void **state) {
        network("unet", 1);
}

static void model(const char *name) {
        const char *const names[] = { name, NULL }, *only = getenv("VERIFIED_ONLY");

        if (only && strcmp(only, name) != 0)
                skip();
        verified_corpus(names, targets(), 3);
}

static void cifar_resnet20(void **state) {
        model("cifar-resnet20.xmodel");
}

static void mnist_cnn(void **state) {
        model("mnist-cnn.xmodel");
}

static void voxelnet(void **state) {
        model("voxelnet.xmodel");
}

static void zerodce(void **state) {
        model("zerodce.xmodel");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(mnist_cnn), cmocka_unit_test(cifar_resnet20),
                cmocka_unit_test(resnet18),  cmocka_unit_test(mobilenetv2),
                cmocka_unit_test(yolov5n),   cmocka_unit_test(zerodce),
                cmocka_unit_test(voxelnet),  cmocka_unit_test(resnet50),
                cmocka_unit_test(unet),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
