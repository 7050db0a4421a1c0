/*
 * Rules of lowering that bring layers into a form that the engines have: fewer dimensions, zeros
 * around images, slices, pixel shuffles, larger kernels, and what needs a layer of its own behind
 * another one. Each is held against its source, and its programs against both (lower_all).
 */

#include "unit.h"

#include "base/cleanup.h"
#include "dpu/compiler/lower_spec.h"
#include "lower_fixture.h"
#include "source_fixture.h"

#define DIMS SOURCE_DIMS

static Source s;
static Graph *lowered;

static int setup(void **state) {
        source_init(&s);
        return 0;
}

static int teardown(void **state) {
        lowered = graph_free(lowered);
        source_deinit(&s);
        return 0;
}

static const Op *all_on_dpu(const char *type) {
        const Op *found;

        graph_count_consumers(s.graph);
        lowered = graph_free(lowered);
        lowered = lower_all(s.graph);
        found = lower_find(lowered, type);
        assert_non_null(found);
        return found;
}

static size_t count(const char *type) {
        size_t n = 0;

        for (size_t i = 0; i < lowered->n_ops; i++)
                n += strcmp(lowered->ops[i]->type, type) == 0;
        return n;
}

static const char *reason_of(const char *type) {
        graph_count_consumers(s.graph);
        lowered = graph_free(lowered);
        lowered = lower_for(s.graph, LOWER_B4096);
        return lower_reason(lowered, type);
}

static const int32_t *numbers_of(const Op *op, const char *name) {
        return attrs_find(&op->attrs, name)->int32s;
}

/* --- one dimension --------------------------------------------------------------------------- */

static Op *conv1d(Op *from, int32_t kernel, int32_t stride, int32_t channels) {
        const int32_t *in = from->tensor.dims;
        Op *weights = source_constant(&s, 7, DIMS(channels, kernel, in[2]));
        Op *bias = source_constant(&s, 9, DIMS(channels));
        Op *op = source_add(&s, "conv1d", DIMS(1, (in[1] + 2 - kernel) / stride + 1, channels));

        (void) source_with_weights(&s, op, from, weights, bias);
        source_ints(&s, op, "kernel", DIMS(kernel));
        source_ints(&s, op, "stride", DIMS(stride));
        source_ints(&s, op, "pad", DIMS(1, 1));
        source_ints(&s, op, "dilation", DIMS(1));
        source_word(&s, op, "pad_mode", "FLOOR");
        return op;
}

/* a convolution, scale, a maximum and a product, as in networks for sound */
static void rows_are_images_of_height_one(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 24, 6)), *op, *factors;
        const Op *made;

        x = source_fix(&s, source_unary(&s, "relu", conv1d(x, 3, 2, 8)), 4);
        factors = source_constant(&s, 6, DIMS(8));
        op = source_unary(&s, "scale", x);
        source_arg(&s, op, "scale", factors);
        source_arg(&s, op, "bias", factors);
        x = source_fix(&s, op, 4);
        op = source_add(&s, "maxpool1d", DIMS(1, 6, 8));
        source_arg(&s, op, "input", x);
        source_ints(&s, op, "kernel", DIMS(2));
        source_ints(&s, op, "stride", DIMS(2));
        source_word(&s, op, "pad_mode", "FLOOR");
        x = source_fix(&s, op, 4);
        (void) source_fix(&s, source_binary(&s, "add", x, x), 3);
        made = all_on_dpu("conv2d-fix");
        assert_non_null(strstr(made->name, "_transfered_Conv2d"));
        assert_int_equal(made->tensor.dims[1], 1);
        assert_int_equal(numbers_of(made, "kernel")[0], 3);
        assert_int_equal(numbers_of(made, "kernel")[1], 1);
        assert_int_equal(numbers_of(lower_find(lowered, "pool-fix"), "stride")[0], 2);
        assert_non_null(strstr(lower_find(lowered, "pool-fix")->name,
                               "_transfered_MaxPool2d_inserted_fix"));
        assert_int_equal(count("reshape-fix"), 2); /* where it comes in, and where it goes out */
}

static Op *product(Op *from, Op *weights, bool turned, const int32_t *dims, size_t n_dims) {
        Op *op = source_add(&s, "matmul", dims, n_dims);

        source_arg(&s, op, "input", from);
        source_arg(&s, op, "input", weights);
        source_flag(&s, op, "transpose_a", false);
        source_flag(&s, op, "transpose_b", !turned);
        return source_fix(&s, op, 2);
}

/* many rows; weights the other way round, of a vector and of an image */
static void products(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 7, 6)), *weights = source_constant(&s, 6, DIMS(9, 6));
        Op *turned = source_constant(&s, 6, DIMS(9, 5)), *image, *flat, *op;

        x = product(x, weights, false, DIMS(1, 7, 9));
        (void) product(x, turned, true, DIMS(1, 7, 5));
        image = source_input(&s, 5, DIMS(1, 3, 2, 4));
        turned = source_constant(&s, 6, DIMS(24, 5));
        flat = source_flatten(&s, image);
        (void) product(flat, turned, true, DIMS(1, 5));
        weights = source_constant(&s, 6, DIMS(5, 24));
        op = source_add(&s, "inner-product", DIMS(1, 5));
        source_arg(&s, op, "input", image);
        source_arg(&s, op, "weights", weights);
        assert_int_equal(graph_set_int32(s.graph, &op->attrs, "axis", 1), 0);
        (void) source_fix(&s, op, 2);
        (void) all_on_dpu("conv2d-fix");
        assert_int_equal(count("conv2d-fix"), 4);
}

static void products_of_two_results_stay(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 6)), *y = source_input(&s, 5, DIMS(6, 6));

        (void) product(x, y, false, DIMS(1, 6));
        assert_non_null(strstr(reason_of("matmul"), "no quantized constant"));
}

/* --- zeros around ---------------------------------------------------------------------------- */

static Op *pad(Op *from, const char *mode, int32_t n) {
        const int32_t *in = from->tensor.dims;
        Op *op = source_add(&s, "pad", DIMS(1, in[1] + 2 * n, in[2] + n, in[3]));

        source_arg(&s, op, "input", from);
        source_ints(&s, op, "paddings", DIMS(0, 0, n, n, n, 0, 0, 0));
        source_word(&s, op, "mode", mode);
        return op;
}

static Op *maximum(Op *from) {
        const int32_t *in = from->tensor.dims;
        Op *op = source_add(&s, "maxpool2d", DIMS(1, in[1] - 1, in[2] - 1, in[3]));

        source_arg(&s, op, "input", from);
        return source_window(&s, op, 2, 1, 0);
}

/* with a `fix` in between and without */
static void convolutions_take_zeros(void **state) {
        for (int i = 0; i < 2; i++) {
                Op *x = pad(source_input(&s, 5, DIMS(1, 5, 6, 3)), "CONSTANT", 1);
                const Op *made;

                if (i == 1)
                        x = source_fix(&s, x, 5);
                (void) source_fix(&s, source_conv(&s, x, 3, 4, 9), 3);
                made = all_on_dpu("conv2d-fix");
                assert_int_equal(numbers_of(made, "pad")[0], 1);
                assert_int_equal(numbers_of(made, "pad")[1], 0);
                assert_int_equal(numbers_of(made, "pad")[3], 1);
                assert_null(lower_find(lowered, "pad-fix"));
        }
}

/* but a maximum would see them, if all else were less */
static void maxima_take_zeros_of_what_is_positive(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 5, 6, 3)), *relu;

        (void) source_fix(&s, maximum(pad(x, "CONSTANT", 1)), 5);
        (void) all_on_dpu("pad-fix");
        relu = source_fix(&s, source_unary(&s, "relu", source_conv(&s, x, 1, 4, 9)), 4);
        (void) source_fix(&s, maximum(pad(relu, "CONSTANT", 1)), 4);
        (void) all_on_dpu("pool-fix");
        assert_int_equal(count("pad-fix"), 1);
}

/* of all kinds, wider than a kernel, and read twice */
static void padding_is_a_layer(void **state) {
        static const char *const modes[] = { "CONSTANT", "SYMMETRIC", "REFLECT", "EDGE" };
        Op *x = source_input(&s, 5, DIMS(1, 5, 6, 3)), *op;

        for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
                (void) source_fix(
                        &s, source_conv(&s, source_fix(&s, pad(x, modes[i], 4), 5), 3, 4, 9), 3);
        op = source_fix(&s, pad(x, "CONSTANT", 1), 5);
        (void) source_fix(&s, source_conv(&s, op, 3, 4, 9), 3);
        (void) source_fix(&s, source_conv(&s, op, 3, 4, 9), 3);
        (void) all_on_dpu("conv2d-fix");
        assert_int_equal(count("pad-fix"), 5);
}

static void other_padding_stays(void **state) {
        Op *op = pad(source_input(&s, 5, DIMS(1, 5, 6, 3)), "CONSTANT", 1);

        source_floats(&s, op, "constant_values", (const float[]){ 1 }, 1);
        (void) source_fix(&s, op, 5);
        assert_non_null(strstr(reason_of("pad"), "with zeros"));
}

/* --- windows that see nothing but padding ---------------------------------------------------- */

static Op *odd_conv(const char *type, const int32_t *out, int32_t kernel, int32_t stride,
                    int32_t side, int32_t dilation) {
        bool depthwise = strstr(type, "depthwise") != NULL;
        Op *x = source_input(&s, 5, DIMS(1, 4, 5, out[3]));
        Op *weights = source_constant(&s, 7, DIMS(depthwise ? 1 : out[3], kernel, kernel, out[3]));
        Op *bias = source_constant(&s, 6, DIMS(out[3]));
        Op *op = source_with_weights(&s, source_add(&s, type, out, 4), x, weights, bias);

        source_ints(&s, op, "dilation", DIMS(dilation, dilation));
        return source_fix(&s, source_window(&s, op, kernel, stride, side), 3);
}

static void kernels_grow(void **state) {
        (void) odd_conv("conv2d", (const int32_t[]){ 1, 8, 9, 3 }, 1, 1, 2, 1);
        assert_int_equal(numbers_of(all_on_dpu("conv2d-fix"), "kernel")[0], 5);
        (void) odd_conv("depthwise-conv2d", (const int32_t[]){ 1, 9, 10, 3 }, 2, 1, 3, 1);
        assert_int_equal(numbers_of(all_on_dpu("depthwise-conv2d-fix"), "kernel")[0], 6);
        (void) odd_conv("conv2d", (const int32_t[]){ 1, 4, 5, 3 }, 2, 1, 3, 6);
        assert_int_equal(numbers_of(all_on_dpu("conv2d-fix"), "kernel")[0], 7);
        (void) odd_conv("transposed-conv2d", (const int32_t[]){ 1, 11, 14, 3 }, 2, 3, 0, 1);
        assert_int_equal(numbers_of(all_on_dpu("transposed-conv2d-fix"), "kernel")[0], 3);
        (void) odd_conv("transposed-depthwise-conv2d", (const int32_t[]){ 1, 7, 9, 3 }, 1, 2, 0, 1);
        (void) all_on_dpu("transposed-depthwise-conv2d-fix");
}

/* --- slices and shuffles --------------------------------------------------------------------- */

static void slices(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 7, 9, 20)), *op;

        op = source_add(&s, "strided_slice", DIMS(1, 3, 4, 7));
        source_arg(&s, op, "input", x);
        source_ints(&s, op, "begin", DIMS(0, 1, -8, 6));
        source_ints(&s, op, "end", DIMS(1, 7, 9, 13));
        source_ints(&s, op, "strides", DIMS(1, 2, 2, 1));
        (void) source_fix(&s, op, 4);
        (void) all_on_dpu("strided_slice-fix");
        op = source_add(&s, "strided_slice", DIMS(1, 7, 9, 10));
        source_arg(&s, op, "input", x);
        source_ints(&s, op, "begin", DIMS(0, 0, 0, 0));
        source_ints(&s, op, "end", DIMS(1, 7, 9, 20));
        source_ints(&s, op, "strides", DIMS(1, 1, 1, 2));
        (void) source_fix(&s, op, 5);
        assert_null(reason_of("strided_slice-fix"));
        assert_non_null(strstr(reason_of("strided_slice"), "neighbouring channels"));
}

static void pixels_are_shuffled(void **state) {
        for (int i = 0; i < 3; i++) {
                Op *x = source_input(&s, 5,
                                     i == 2 ? (const int32_t[]){ 1, 4, 6, 3 }
                                            : (const int32_t[]){ 1, 3, 2, i == 0 ? 4 : 36 },
                                     4);
                Op *op = i == 0   ? source_add(&s, "pixel-shuffle", DIMS(1, 6, 4, 1))
                         : i == 1 ? source_add(&s, "pixel-shuffle", DIMS(1, 9, 6, 4))
                                  : source_add(&s, "pixel-shuffle", DIMS(1, 2, 3, 12));

                source_arg(&s, op, "input", x);
                assert_int_equal(graph_set_int32(s.graph, &op->attrs, "scale", i == 1 ? 3 : 2), 0);
                source_flag(&s, op, "upscale", i < 2);
                (void) source_fix(&s, op, 5);
                (void) all_on_dpu("tile-fix");
                assert_int_equal(count("conv2d-fix"), i); /* the first has one channel */
        }
}

/* twice, four and eight times as large; what lies in the middle is a multiple of 1/256 at eight */
static void bilinear_is_transposed(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 3, 4, 5));

        for (int32_t n = 2; n <= 8; n *= 2) {
                (void) source_fix(
                        &s, source_resize(&s, x, (SourceResize){ 3 * n, 4 * n, true, false }), 5);
                if (n < 8)
                        (void) source_fix(
                                &s, source_resize(&s, x, (SourceResize){ 3 * n, 4, true, true }),
                                4);
        }
        (void) all_on_dpu("transposed-depthwise-conv2d-fix");
        assert_int_equal(count("pad-fix"), 5);
        (void) source_fix(&s, source_resize(&s, x, (SourceResize){ 24, 32, true, true }), 5);
        graph_count_consumers(s.graph);
        lowered = graph_free(lowered);
        lowered = lower_for(s.graph, LOWER_B4096);
        assert_non_null(strstr(
                attrs_string(&lower_find(lowered, "resize")->attrs, LOWER_REASON_ATTR), "no int8"));
}

static void smaller_images(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 16, 9, 5));

        for (int i = 0; i < 4; i++)
                (void) source_fix(
                        &s, source_resize(&s, x, (SourceResize){ 2, 3, i % 2 == 1, i / 2 == 1 }),
                        5);
        (void) all_on_dpu("strided_slice-fix");
        assert_int_equal(count("strided_slice-fix"), 3);
        assert_int_equal(count("depthwise-conv2d-fix"), 1);
}

/* --- a layer behind another one -------------------------------------------------------------- */

/* to a coarser grid, to a finer one, and with relu */
static void maxima_change_their_grid(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 5, 6, 3));

        (void) source_fix(&s, maximum(x), 3);
        (void) all_on_dpu("eltwise-fix");
        assert_int_equal(count("eltwise-fix"), 1);
        (void) source_fix(&s, maximum(x), 7);
        (void) source_fix(&s, source_unary(&s, "relu", maximum(x)), 4);
        (void) all_on_dpu("pool-fix");
        assert_int_equal(count("eltwise-fix"), 2);
}

/* 6 is 96 of 16ths, 3 of halves and a half that is rounded up of 12ths */
static void relu6_cuts(void **state) {
        static const int32_t grids[] = { 4, -1, -4 };

        for (size_t i = 0; i < ARRAY_SIZE(grids); i++) {
                Op *x = source_input(&s, grids[i] > 0 ? 3 : -4, DIMS(1, 5, 6, 3));

                (void) source_fix(&s, source_unary(&s, "relu6", source_conv(&s, x, 3, 4, 2)),
                                  grids[i]);
                (void) all_on_dpu("conv2d-fix");
                assert_int_equal(count("depthwise-conv2d-fix"), 2 * i + 2);
        }
}

/* behind what has an activation already, and with slopes */
static void activations_stand_alone(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 5, 6, 3)), *slopes, *op;

        x = source_fix(&s, source_unary(&s, "relu", source_conv(&s, x, 3, 4, 9)), 4);
        (void) source_fix(&s, source_unary(&s, "relu6", x), 4);
        (void) source_fix(&s, source_unary(&s, "relu", x), 2);
        (void) source_fix(&s, x, 1);
        slopes = source_constant(&s, 7, DIMS(4));
        source_set_numbers(&s, slopes, (const int[]){ 13, 13, 13, 13 });
        op = source_unary(&s, "prelu", source_conv(&s, x, 3, 4, 9));
        source_arg(&s, op, "weight", slopes);
        (void) source_fix(&s, op, 3);
        (void) all_on_dpu("conv2d-fix");
        assert_string_equal(attrs_string(&lower_find(lowered, "conv2d-fix")->attrs, "nonlinear"),
                            "LEAKYRELU");
        assert_int_equal(count("eltwise-fix"), 3);
}

static void other_slopes_stay(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 5, 6, 3)), *slopes = source_constant(&s, 7, DIMS(4));
        Op *op = source_unary(&s, "prelu", source_conv(&s, x, 3, 4, 9));

        source_arg(&s, op, "weight", slopes);
        (void) source_fix(&s, op, 3);
        assert_non_null(strstr(reason_of("conv2d"), "26/256"));
}

static void hard_swish_of_one_rounding_stays(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 5, 6, 3));

        x = source_conv(&s, x, 1, 4, 9);
        (void) source_fix(&s, source_unary(&s, "hard-swish", x), 4);
        assert_non_null(strstr(reason_of("hard-swish"), "rounds once"));
        assert_non_null(strstr(reason_of("conv2d"), "before it goes into hard-swish"));
}

static Op *norm(Op *from, const int *variances) {
        const Attr epsilon = { .kind = ATTR_FLOAT };
        Op *gamma = source_constant(&s, 5, DIMS(3)), *beta = source_constant(&s, 5, DIMS(3));
        Op *mean = source_constant(&s, 2, DIMS(3)), *variance = source_constant(&s, 2, DIMS(3));
        Op *op = source_unary(&s, "batchnorm", from);

        source_set_numbers(&s, gamma, (const int[]){ 16, -20, 7 });
        source_set_numbers(&s, beta, (const int[]){ 3, 20, -9 });
        source_set_numbers(&s, mean, (const int[]){ 1, 0, 4 });
        source_set_numbers(&s, variance, variances);
        source_arg(&s, op, "gamma", gamma);
        source_arg(&s, op, "beta", beta);
        source_arg(&s, op, "moving_mean", mean);
        source_arg(&s, op, "moving_var", variance);
        assert_int_equal(graph_set_attr(s.graph, &op->attrs, "epsilon", &epsilon), 0);
        assert_int_equal(graph_set_int32(s.graph, &op->attrs, "axis", -1), 0);
        return op;
}

/* variances of 1, 4 and 16; of 2 there is no int8 root */
static void norms_of_int8(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 5, 6, 3));

        (void) source_fix(&s, source_unary(&s, "relu", norm(x, (const int[]){ 4, 16, 64 })), 4);
        (void) all_on_dpu("depthwise-conv2d-fix");
        (void) source_fix(&s, norm(x, (const int[]){ 4, 8, 64 }), 4);
        assert_non_null(strstr(reason_of("batchnorm"), "fold it"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(rows_are_images_of_height_one),
                TEST(products),
                TEST(products_of_two_results_stay),
                TEST(convolutions_take_zeros),
                TEST(maxima_take_zeros_of_what_is_positive),
                TEST(padding_is_a_layer),
                TEST(other_padding_stays),
                TEST(kernels_grow),
                TEST(slices),
                TEST(pixels_are_shuffled),
                TEST(bilinear_is_transposed),
                TEST(smaller_images),
                TEST(maxima_change_their_grid),
                TEST(relu6_cuts),
                TEST(activations_stand_alone),
                TEST(other_slopes_stay),
                TEST(hard_swish_of_one_rounding_stays),
                TEST(norms_of_int8),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
