/*
 * The rules of lowering, one by one, on small graphs: what comes of each, and that it computes the
 * same. What the engines' limits are is tested at their boundaries.
 */

#include "unit.h"

#include <math.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "dpu/compiler/lower_spec.h"
#include "lower_fixture.h"
#include "tests/support/fail_alloc.h"

#define DIMS(...) (const int32_t[]){ __VA_ARGS__ }, sizeof((const int32_t[]){ __VA_ARGS__ }) / 4

static Graph *graph;
static int n_names;

static int setup(void **state) {
        n_names = 0;
        return graph_new(&graph, "test");
}

static int teardown(void **state) {
        graph = graph_free(graph);
        return 0;
}

static Op *add(const char *type, const int32_t *dims, size_t n_dims) {
        char name[32];
        Op *op;

        (void) snprintf(name, sizeof(name), "op%d", n_names++);
        assert_int_equal(graph_add_op(graph, name, type, &op), 0);
        assert_int_equal(graph_set_tensor(graph, op, name, DATA_TYPE_FLOAT, 32, dims, n_dims), 0);
        return op;
}

static void arg(Op *op, const char *name, Op *input) {
        assert_int_equal(graph_add_arg(graph, op, name, input), 0);
}

static void ints(Op *op, const char *name, const int32_t *numbers, size_t n) {
        assert_int_equal(graph_set_int32s(graph, &op->attrs, name, numbers, n), 0);
}

static Op *fix(Op *from, int32_t fix_point) {
        char name[64];
        Op *op;

        (void) snprintf(name, sizeof(name), "%s_fix", from->name);
        assert_int_equal(graph_add_op(graph, name, "fix", &op), 0);
        assert_int_equal(graph_set_tensor(graph, op, name, DATA_TYPE_FLOAT, 32, from->tensor.dims,
                                          from->tensor.n_dims),
                         0);
        arg(op, "input", from);
        assert_int_equal(graph_set_int32(graph, &op->attrs, "fix_point", fix_point), 0);
        assert_int_equal(graph_set_int32(graph, &op->attrs, "bit_width", 8), 0);
        assert_int_equal(graph_set_bool(graph, &op->attrs, "if_signed", true), 0);
        assert_int_equal(graph_set_string(graph, &op->attrs, "round_mode", "DPU_ROUND"), 0);
        return op;
}

static Op *shaped(const char *type, const int32_t *dims, size_t n_dims) {
        Op *op = add(type, dims, n_dims);

        ints(op, "shape", dims, n_dims);
        assert_int_equal(graph_set_string(graph, &op->attrs, "data_type", "FLOAT32"), 0);
        return op;
}

static Op *input(int32_t fix_point, const int32_t *dims, size_t n_dims) {
        return fix(shaped("data", dims, n_dims), fix_point);
}

/* random numbers on the grid */
static Op *constant(int32_t fix_point, const int32_t *dims, size_t n_dims) {
        Op *op = shaped("const", dims, n_dims);
        size_t n = (size_t) tensor_elements(&op->tensor);
        _cleanup_(freep) float *numbers = calloc(n, sizeof(*numbers));
        Random random = RANDOM_INIT(n + (size_t) fix_point);

        assert_non_null(numbers);
        for (size_t i = 0; i < n; i++)
                numbers[i] = ldexpf((float) ((int) random_below(&random, 255) - 127), -fix_point);
        assert_int_equal(graph_set_bytes(graph, &op->attrs, "data", slice_of(numbers, n * 4)), 0);
        return fix(op, fix_point);
}

static Op *number(float x) {
        Op *op = shaped("const", DIMS(1));

        assert_int_equal(graph_set_bytes(graph, &op->attrs, "data", slice_of(&x, 4)), 0);
        return op;
}

static Op *unary(const char *type, Op *from) {
        Op *op = add(type, from->tensor.dims, from->tensor.n_dims);

        arg(op, "input", from);
        return op;
}

static Op *binary(const char *type, Op *a, Op *b) {
        Op *op = unary(type, a);

        arg(op, "input", b);
        return op;
}

static Op *window(Op *op, int32_t kernel, int32_t stride, int32_t pad) {
        ints(op, "kernel", DIMS(kernel, kernel));
        ints(op, "stride", DIMS(stride, stride));
        ints(op, "pad", DIMS(pad, pad, pad, pad));
        assert_int_equal(graph_set_string(graph, &op->attrs, "pad_mode", "FLOOR"), 0);
        return op;
}

static Op *with_weights(Op *op, Op *from, Op *weights, Op *bias) {
        arg(op, "input", from);
        arg(op, "weights", weights);
        arg(op, "bias", bias);
        ints(op, "dilation", DIMS(1, 1));
        return op;
}

static Op *conv(Op *from, int32_t kernel, int32_t channels, int32_t bias_fix) {
        const int32_t *in = from->tensor.dims;
        Op *weights = constant(7, DIMS(channels, kernel, kernel, in[3]));
        Op *bias = constant(bias_fix, DIMS(channels));
        Op *op = add("conv2d", DIMS(1, in[1] - kernel + 1, in[2] - kernel + 1, channels));

        return window(with_weights(op, from, weights, bias), kernel, 1, 0);
}

/* lowers it all onto the DPU, proves that it computes the same, gives the op of that type */
static Graph *lowered;

static const Op *all_on_dpu(const char *type) {
        static const char *const none[] = { NULL };
        const Op *found = NULL;

        graph_count_consumers(graph);
        lower_check(graph, LOWER_B4096, none);
        lowered = graph_free(lowered);
        lowered = lower_for(graph, LOWER_B4096);
        for (size_t i = 0; i < lowered->n_ops; i++)
                if (strcmp(lowered->ops[i]->type, type) == 0)
                        found = lowered->ops[i];
        assert_non_null(found);
        return found;
}

static int group_teardown(void **state) {
        lowered = graph_free(lowered);
        return 0;
}

/* why the op of that type stays off the DPU */
static const char *reason_of(const char *type, uint64_t target) {
        graph_count_consumers(graph);
        lowered = graph_free(lowered);
        lowered = lower_for(graph, target);
        for (size_t i = 0; i < lowered->n_ops; i++)
                if (strcmp(lowered->ops[i]->type, type) == 0)
                        return attrs_string(&lowered->ops[i]->attrs, LOWER_REASON_ATTR);
        return NULL;
}

/* --- rules ----------------------------------------------------------------------------------- */

static void convolutions_take_activations(void **state) {
        static const char *const types[] = { "relu", "relu6", "leaky-relu" };
        static const char *const names[] = { "RELU", "RELU6", "LEAKYRELU" };
        Op *x = input(5, DIMS(1, 6, 5, 3));

        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                Op *op = unary(types[i], conv(x, 3, 4, 10));
                const Attr alpha = { .kind = ATTR_FLOAT, .float32 = 26.0f / 256 };

                if (i == 2)
                        assert_int_equal(graph_set_attr(graph, &op->attrs, "alpha", &alpha), 0);
                (void) fix(op, 4);
                assert_string_equal(attrs_string(&all_on_dpu("conv2d-fix")->attrs, "nonlinear"),
                                    names[i]);
        }
}

/* fp_in + fp_weights + 1 is the finest that is added: 5 + 7 + 1 */
static void fine_biases_are_shifted(void **state) {
        Op *x = input(5, DIMS(1, 3, 3, 2)), *op = conv(x, 3, 2, 15);
        Slice data;

        /* multiples of 4, so that nothing is lost */
        assert_int_equal(
                attrs_bytes(&op_input(op_arg(op, "bias")->ops[0], 0)->attrs, "data", &data), 0);
        for (size_t i = 0; i < 2; i++)
                ((float *) data.data)[i] = ldexpf(i == 0 ? 12 : -20, -15);
        (void) fix(op, 4);
        op = op_arg(all_on_dpu("conv2d-fix"), "bias")->ops[0];
        assert_int_equal(attrs_bytes(&op->attrs, "data", &data), 0);
        assert_int_equal((int8_t) data.data[0], 3);
        assert_int_equal((int8_t) data.data[1], -5);
}

static void depthwise_transposed_and_scale(void **state) {
        Op *x = input(5, DIMS(1, 4, 4, 6)), *op;
        Op *depthwise = constant(7, DIMS(1, 3, 3, 6)), *bias = constant(9, DIMS(6));
        Op *transposed = constant(7, DIMS(5, 2, 2, 6)), *five = constant(6, DIMS(5));

        op = with_weights(add("depthwise-conv2d", DIMS(1, 4, 4, 6)), x, depthwise, bias);
        x = fix(unary("relu", window(op, 3, 1, 1)), 5);
        op = with_weights(add("transposed-conv2d", DIMS(1, 8, 8, 5)), x, transposed, five);
        x = fix(window(op, 2, 2, 0), 4);
        op = unary("scale", x);
        arg(op, "scale", five);
        arg(op, "bias", five);
        (void) fix(op, 3);
        (void) all_on_dpu("transposed-conv2d-fix");
        assert_int_equal(all_on_dpu("depthwise-conv2d-fix")->tensor.dims[3], 5);
}

/* The kernel is the image, where kernels are as large. */
static void linear_layers_are_convolutions(void **state) {
        const int32_t sizes[] = { 4, 20 };

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                int32_t k = sizes[i] * sizes[i] * 2;
                Op *x = input(6, DIMS(1, sizes[i], sizes[i], 2));
                Op *weights = constant(7, DIMS(7, k)), *bias = constant(10, DIMS(7));
                Op *flat = add("flatten", DIMS(1, k)), *op = add("matmul", DIMS(1, 7));
                const Attr *kernel;

                arg(flat, "input", x);
                arg(op, "input", flat);
                arg(op, "input", weights);
                arg(op, "bias", bias);
                assert_int_equal(graph_set_int32(graph, &flat->attrs, "start_axis", 1), 0);
                assert_int_equal(graph_set_int32(graph, &flat->attrs, "end_axis", 3), 0);
                assert_int_equal(graph_set_bool(graph, &op->attrs, "transpose_a", false), 0);
                assert_int_equal(graph_set_bool(graph, &op->attrs, "transpose_b", true), 0);
                (void) fix(unary("relu", op), 2);
                kernel = attrs_find(&all_on_dpu("conv2d-fix")->attrs, "kernel");
                assert_int_equal(kernel->int32s[0], i == 0 ? 4 : 1);
        }
}

static void averages_have_the_engines_factor(void **state) {
        Op *x = input(5, DIMS(1, 3, 3, 4)), *op = window(unary("avgpool2d", x), 3, 3, 0);

        assert_int_equal(
                graph_set_tensor(graph, op, op->tensor.name, DATA_TYPE_FLOAT, 32, DIMS(1, 1, 1, 4)),
                0);
        (void) fix(binary("mul", op, number(7.0f * 9 / 64)), 6);
        assert_string_equal(attrs_string(&all_on_dpu("pool-fix")->attrs, "type"), "AVG");
}

static void other_averages_stay(void **state) {
        Op *x = input(5, DIMS(1, 3, 3, 4)), *op = window(unary("avgpool2d", x), 3, 3, 0);

        assert_int_equal(
                graph_set_tensor(graph, op, op->tensor.name, DATA_TYPE_FLOAT, 32, DIMS(1, 1, 1, 4)),
                0);
        (void) fix(op, 6);
        assert_non_null(strstr(reason_of("avgpool2d", LOWER_B4096), "another factor"));
}

static void hard_swish_is_two_ops(void **state) {
        Op *x = input(5, DIMS(1, 2, 3, 4)), *op;

        op = fix(binary("mul", unary("hard-sigmoid", x), number(6.0f * 2731 / 16384)), 7);
        (void) fix(binary("mul", x, op), 5);
        (void) all_on_dpu("eltwise-fix");
        (void) all_on_dpu("hard-sigmoid-fix");
}

/* one input brings its fix, one is written with that of the concat */
static void concat_gives_its_fix(void **state) {
        Op *x = input(5, DIMS(1, 4, 4, 3)), *a = fix(conv(x, 1, 2, 10), 5);
        Op *b = unary("relu", conv(x, 1, 3, 10)), *op = add("concat", DIMS(1, 4, 4, 5));
        const Op *made;
        int32_t fix_point;

        arg(op, "input", a);
        arg(op, "input", b);
        assert_int_equal(graph_set_int32(graph, &op->attrs, "axis", 3), 0);
        (void) fix(op, 3);
        made = op_input(all_on_dpu("concat-fix"), 1);
        assert_int_equal(attrs_int32(&made->tensor.attrs, "fix_point", &fix_point), 0);
        assert_int_equal(fix_point, 3);
        assert_non_null(strstr(made->tensor.name, "_inserted_fix_0"));
}

/* sums of different grids, with relu; a relu6 behind one stays off the DPU with it */
static void sums_take_relu_only(void **state) {
        Op *x = input(5, DIMS(1, 4, 4, 3)), *a = fix(conv(x, 1, 3, 10), 3);

        (void) fix(unary("relu", binary("add", a, x)), 4);
        assert_string_equal(attrs_string(&all_on_dpu("eltwise-fix")->attrs, "nonlinear"), "RELU");
        (void) fix(unary("relu6", binary("add", a, x)), 4);
        assert_non_null(strstr(reason_of("add", LOWER_B4096), "relu6"));
}

/* --- limits ---------------------------------------------------------------------------------------- */

typedef struct Limit {
        int32_t kernel, channels;
        bool fits;
} Limit;

/* of B512, whose 8 channels in parallel are those of B1024 */
static void weights_and_channels_have_limits(void **state) {
        static const Limit limits[] = {
                { 3, 1816, true }, { 3, 1817, false }, { 1, 2048, true }, { 1, 2049, false },
                { 16, 64, true },  { 16, 65, false },  { 17, 1, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
                int32_t k = limits[i].kernel;

                (void) teardown(NULL);
                (void) setup(NULL);
                (void) fix(conv(input(5, DIMS(1, k + 1, k + 1, limits[i].channels)), k, 1, 10), 1);
                assert_int_equal(reason_of("conv2d", LOWER_B512) == NULL, limits[i].fits);
        }
}

/* Files may say anything. */
static void shapes_that_do_not_fit_stay(void **state) {
        Op *flat = input(5, DIMS(4, 4, 3)), *open = input(5, DIMS(1, 0, 4, 3)), *op;
        Op *weights = constant(7, DIMS(7, 5)), *x = input(5, DIMS(1, 4));

        (void) fix(window(unary("maxpool2d", flat), 2, 1, 0), 5);
        assert_non_null(strstr(reason_of("maxpool2d", LOWER_B4096), "does not pool images"));
        op = unary("resize", open);
        arg(op, "size", NULL);
        assert_int_equal(graph_set_string(graph, &op->attrs, "mode", "NEAREST"), 0);
        assert_int_equal(graph_set_bool(graph, &op->attrs, "align_corners", false), 0);
        assert_int_equal(graph_set_bool(graph, &op->attrs, "half_pixel_centers", false), 0);
        assert_int_equal(
                graph_set_attr(
                        graph, &op->attrs, "scale",
                        &(Attr){ .kind = ATTR_FLOAT_VEC, .n = 2, .floats = (float[]){ 2, 2 } }),
                0);
        assert_non_null(strstr(reason_of("resize", LOWER_B4096), "open"));
        op = add("matmul", DIMS(1, 7));
        arg(op, "input", x);
        arg(op, "input", weights);
        assert_int_equal(graph_set_bool(graph, &op->attrs, "transpose_a", false), 0);
        assert_int_equal(graph_set_bool(graph, &op->attrs, "transpose_b", true), 0);
        (void) fix(op, 2);
        assert_non_null(strstr(reason_of("matmul", LOWER_B4096), "do not fit"));
}

static int lower_it(void *userdata) {
        return lower_try(userdata, LOWER_B4096);
}

static void every_allocation_may_fail(void **state) {
        Op *x = input(5, DIMS(1, 4, 4, 3)), *a = fix(conv(x, 1, 3, 10), 3);

        (void) fix(unary("relu", binary("add", a, x)), 4);
        (void) unary("softmax", a);
        graph_count_consumers(graph);
        assert_int_equal(graph_set_int32(graph, &graph->ops[graph->n_ops - 1]->attrs, "axis", 3),
                         0);
        assert_true(fail_alloc_sweep(lower_it, graph) > 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(convolutions_take_activations),
                TEST(fine_biases_are_shifted),
                TEST(depthwise_transposed_and_scale),
                TEST(linear_layers_are_convolutions),
                TEST(averages_have_the_engines_factor),
                TEST(other_averages_stay),
                TEST(hard_swish_is_two_ops),
                TEST(concat_gives_its_fix),
                TEST(sums_take_relu_only),
                TEST(weights_and_channels_have_limits),
                TEST(shapes_that_do_not_fit_stay),
                TEST(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, group_teardown);
}
