#include "unit.h"

#include <errno.h>
#include <math.h>

#include "base/cleanup.h"
#include "dpu/sim/evaluator.h"
#include "dpu/sim/round.h"
#include "tests/support/fail_alloc.h"

/* --- graphs of one op ------------------------------------------------------------------------ */

/* The op of each test is added last, its inputs are constants: real() and fixed(). */
static Graph *graph;
static Op *op;
static int n_names;

static int setup(void **state) {
        n_names = 0;
        return graph_new(&graph, "test");
}

static int teardown(void **state) {
        graph = graph_free(graph);
        return 0;
}

#define NUMBERS(type, ...)                                                                         \
        (const type[]){ __VA_ARGS__ }, sizeof((const type[]){ __VA_ARGS__ }) / sizeof(type)
#define DIMS(...) NUMBERS(int32_t, __VA_ARGS__)

static Op *add(const char *type, const int32_t *dims, size_t n_dims) {
        char name[16];

        (void) snprintf(name, sizeof(name), "op%d", n_names++);
        assert_int_equal(graph_add_op(graph, name, type, &op), 0);
        assert_int_equal(graph_set_tensor(graph, op, name, DATA_TYPE_FLOAT, 32, dims, n_dims), 0);
        return op;
}

static Op *add_fixed(const char *type, int32_t fix_point, const int32_t *dims, size_t n_dims) {
        (void) add(type, dims, n_dims);
        assert_int_equal(graph_set_tensor(graph, op, op->name, DATA_TYPE_XINT, 8, dims, n_dims), 0);
        assert_int_equal(graph_set_int32(graph, &op->tensor.attrs, "fix_point", fix_point), 0);
        return op;
}

static Op *real(const int32_t *dims, size_t n_dims, const float *numbers, size_t n) {
        (void) add("const", dims, n_dims);
        assert_int_equal(graph_set_bytes(graph, &op->attrs, "data", slice_of(numbers, n * 4)), 0);
        return op;
}

static Op *fixed(int32_t fix_point, const int32_t *dims, size_t n_dims, const int8_t *numbers,
                 size_t n) {
        (void) add_fixed("const-fix", fix_point, dims, n_dims);
        assert_int_equal(graph_set_bytes(graph, &op->attrs, "data", slice_of(numbers, n)), 0);
        return op;
}

static void arg(const char *name, Op *input) {
        assert_int_equal(graph_add_arg(graph, op, name, input), 0);
}

static void ints(const char *name, const int32_t *numbers, size_t n) {
        assert_int_equal(graph_set_int32s(graph, &op->attrs, name, numbers, n), 0);
}

static void integer(const char *name, int32_t number) {
        assert_int_equal(graph_set_int32(graph, &op->attrs, name, number), 0);
}

static void boolean(const char *name, bool value) {
        assert_int_equal(graph_set_bool(graph, &op->attrs, name, value), 0);
}

static void string(const char *name, const char *value) {
        assert_int_equal(graph_set_string(graph, &op->attrs, name, value), 0);
}

static void decimal(const char *name, float number) {
        const Attr attr = { .kind = ATTR_FLOAT, .float32 = number };

        assert_int_equal(graph_set_attr(graph, &op->attrs, name, &attr), 0);
}

static int evaluate_with(const EvaluatorOptions *options, Evaluator **ret, Problem *problem) {
        graph_count_consumers(graph);
        assert_int_equal(evaluator_new(ret, graph, options), 0);
        evaluator_keep(*ret, op);
        return evaluator_run(*ret, NULL, NULL, problem);
}

static void expect_values(const Values *values, const double *numbers, size_t n) {
        assert_non_null(values);
        assert_int_equal(values->n, n);
        for (size_t i = 0; i < n; i++) {
                double number;

                values_read(values, i, 1, &number);
                if (fabs(number - numbers[i]) > 1e-9)
                        fail_msg("element %zu is %.17g, not %.17g", i, number, numbers[i]);
        }
}

/* the last op puts out these real numbers, whatever the number of threads */
static void expect(const double *numbers, size_t n) {
        for (unsigned n_threads = 1; n_threads <= 3; n_threads++) {
                const EvaluatorOptions options = { .n_threads = n_threads };
                _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;
                Problem problem = { "" };

                if (evaluate_with(&options, &evaluator, &problem) < 0)
                        fail_msg("%s", problem.text);
                expect_values(evaluator_values(evaluator, op), numbers, n);
        }
}

#define EXPECT(...) expect(NUMBERS(double, __VA_ARGS__))

static void expect_refused(int error, const char *text) {
        const EvaluatorOptions options = { 0 };
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;
        Problem problem = { "" };

        assert_int_equal(evaluate_with(&options, &evaluator, &problem), error);
        if (!strstr(problem.text, text))
                fail_msg("'%s' does not say '%s'", problem.text, text);
}

/* takes the last op, which was refused, out again */
static void drop(void) {
        graph->n_ops--;
}

/* --- rounding --------------------------------------------------------------------------------- */

static void rounds_as_the_public_reference(void **state) {
        static const struct {
                double x, dpu, std, py3;
        } cases[] = {
                { 2.3, 2, 2, 2 },
                { 2.5, 3, 3, 2 },
                { -2.5, -2, -3, -2 },
                { -2.6, -3, -3, -3 },
                { 3.5, 4, 4, 4 },
                { -3.5, -3, -4, -4 },
                { 0.5, 1, 1, 0 },
                { -0.5, 0, -1, 0 },
                { 127.5, 128, 128, 128 },
                { 0.49999, 0, 0, 0 },
                /* what float64 loses in a division by 9 */
                { 2.5 - 1e-14, 3, 3, 2 },
                { -2.5 - 1e-14, -2, -3, -2 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_true(round_by(ROUND_DPU, cases[i].x) == cases[i].dpu);
                assert_true(round_by(ROUND_STD, cases[i].x) == cases[i].std);
                assert_true(round_by(ROUND_PY3, cases[i].x) == cases[i].py3);
        }
        assert_true(round_saturate(1e30, -128, 127) == 127);
        assert_true(round_saturate(-INFINITY, -128, 127) == -128);
        assert_true(round_saturate(NAN, 1, 127) == 0);
}

static void fix_op(const char *round_mode, int32_t fix_point, int32_t bits, bool is_signed) {
        Op *input = real(DIMS(6), NUMBERS(float, 1.25f, -1.25f, 0.75f, 100, -100, -0.25f));

        (void) add("fix", DIMS(6));
        arg("input", input);
        string("round_mode", round_mode);
        integer("fix_point", fix_point);
        integer("bit_width", bits);
        boolean("if_signed", is_signed);
}

static void fixes(void **state) {
        fix_op("DPU_ROUND", 1, 8, true);
        EXPECT(1.5, -1, 1, 63.5, -64, 0);
        fix_op("STD_ROUND", 1, 8, true);
        EXPECT(1.5, -1.5, 1, 63.5, -64, -0.5);
        fix_op("PY3_ROUND", 1, 8, true);
        EXPECT(1, -1, 1, 63.5, -64, 0);
        fix_op("DPU_ROUND", 1, 8, false);
        EXPECT(1.5, 0, 1, 100, 0, 0);
        fix_op("DPU_ROUND", 0, 4, true);
        EXPECT(1, -1, 1, 7, -8, 0);
        fix_op("DPU_ROUND", -2, 8, true);
        EXPECT(0, 0, 0, 100, -100, 0);
        fix_op("DPU_ROUND", 4, 16, true);
        EXPECT(1.25, -1.25, 0.75, 100, -100, -0.25);
        fix_op("UP_ROUND", 1, 8, true);
        expect_refused(-EINVAL, "UP_ROUND");
}

/* --- convolutions ------------------------------------------------------------------------------- */

static void window(int32_t kernel, int32_t stride, const int32_t *pad) {
        ints("kernel", DIMS(kernel, kernel));
        ints("stride", DIMS(stride, stride));
        ints("pad", pad, 4);
        string("pad_mode", "FLOOR");
}

static Op *picture(void) {
        return fixed(0, DIMS(1, 3, 3, 1), NUMBERS(int8_t, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

static void conv(const char *type, int32_t fix_point, Op *input, Op *weights, Op *bias,
                 const int32_t *dims, size_t n_dims) {
        (void) add_fixed(type, fix_point, dims, n_dims);
        arg("input", input);
        arg("weights", weights);
        if (bias)
                arg("bias", bias);
}

static void convolves(void **state) {
        Op *ones = fixed(0, DIMS(1, 2, 2, 1), NUMBERS(int8_t, 1, 1, 1, 1));
        Op *input = picture();

        conv("conv2d-fix", 0, input, ones, NULL, DIMS(1, 2, 2, 1));
        window(2, 1, (const int32_t[]){ 0, 0, 0, 0 });
        EXPECT(12, 16, 24, 28);

        /* left, right, top, bottom; stride 2 */
        conv("conv2d-fix", 0, input, ones, NULL, DIMS(1, 2, 2, 1));
        window(2, 2, (const int32_t[]){ 1, 0, 0, 1 });
        EXPECT(5, 16, 7, 17);

        /* a negative padding crops */
        conv("conv2d-fix", 0, input, ones, NULL, DIMS(1, 2, 1, 1));
        window(2, 1, (const int32_t[]){ -1, 0, 0, 0 });
        EXPECT(16, 28);

        conv("conv2d-fix", 0, input, ones, NULL, DIMS(1, 1, 1, 1));
        window(2, 1, (const int32_t[]){ 0, 0, 0, 0 });
        ints("dilation", DIMS(2, 2));
        EXPECT(1 + 3 + 7 + 9);

        /* SAME of a float op pads the smaller half before; of a fixed one it is only carried */
        conv("conv2d", 0, input, ones, NULL, DIMS(1, 3, 3, 1));
        window(2, 1, (const int32_t[]){ 0, 0, 0, 0 });
        string("pad_mode", "SAME");
        EXPECT(12, 16, 9, 24, 28, 15, 15, 17, 9);
        conv("conv2d-fix", 0, input, ones, NULL, DIMS(1, 1, 1, 1));
        window(2, 1, (const int32_t[]){ 1, 1, 1, 1 });
        string("pad_mode", "SAME");
        EXPECT(1);
}

static void convolves_in_groups(void **state) {
        Op *input = fixed(0, DIMS(1, 1, 1, 4), NUMBERS(int8_t, 1, 2, 3, 4));
        Op *weights = fixed(0, DIMS(2, 1, 1, 2), NUMBERS(int8_t, 10, 1, 1, 10));

        conv("conv2d", 0, input, weights, NULL, DIMS(1, 1, 1, 2));
        window(1, 1, (const int32_t[]){ 0, 0, 0, 0 });
        integer("group", 2);
        EXPECT(12, 43);
}

/* out = round(sum * 2^-(fp_in + fp_w - fp_out)), half up, saturated; bias on its own grid */
static void rounds_and_saturates_sums(void **state) {
        Op *input = fixed(2, DIMS(1, 1, 1, 1), NUMBERS(int8_t, -128));
        Op *weights = fixed(3, DIMS(4, 1, 1, 1), NUMBERS(int8_t, 1, 3, -128, 127));
        Op *bias = fixed(5, DIMS(4), NUMBERS(int8_t, 0, 8, 0, 0));
        Op *half = fixed(6, DIMS(4), NUMBERS(int8_t, 1, 1, 1, -1));

        conv("conv2d-fix", 1, input, weights, bias, DIMS(1, 1, 1, 4));
        window(1, 1, (const int32_t[]){ 0, 0, 0, 0 });
        EXPECT(-4, -11.5, 63.5, -64); /* -128 / 16, (-384 + 8) / 16 = -23.5 */

        /* one bit finer than the products: -128 + 0.5 */
        conv("conv2d-fix", 5, input, weights, half, DIMS(1, 1, 1, 4));
        window(1, 1, (const int32_t[]){ 0, 0, 0, 0 });
        EXPECT(-127.0 / 32, -4, 127.0 / 32, -4);
}

/* Stored shifted to half a product's step: the number 3 at fix point 9 means 3 * 2^-6 if the
 * products have 5. A float op takes it as it is. */
static void reads_fine_biases_as_compilers_store_them(void **state) {
        Op *input = fixed(2, DIMS(1, 1, 1, 1), NUMBERS(int8_t, 0));
        Op *weights = fixed(3, DIMS(1, 1, 1, 1), NUMBERS(int8_t, 0));
        Op *bias = fixed(9, DIMS(1), NUMBERS(int8_t, 4));

        conv("conv2d-fix", 6, input, weights, bias, DIMS(1, 1, 1, 1));
        window(1, 1, (const int32_t[]){ 0, 0, 0, 0 });
        EXPECT(4.0 / 64);
        (void) add("conv2d", DIMS(1, 1, 1, 1));
        arg("input", input), arg("weights", weights), arg("bias", bias);
        window(1, 1, (const int32_t[]){ 0, 0, 0, 0 });
        EXPECT(4.0 / 512);
}

static void fuses_activations(void **state) {
        static const struct {
                const char *nonlinear;
                double expected[2];
        } cases[] = { { "NONE", { -64, 64 } },
                      { "RELU", { 0, 64 } },
                      { "RELU6", { 0, 6 } },
                      { "LEAKYRELU", { -6.5, 64 } } }; /* -64 * 26 / 256 */

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Op *input = fixed(0, DIMS(1, 1, 1, 1), NUMBERS(int8_t, 32));
                Op *weights = fixed(0, DIMS(2, 1, 1, 1), NUMBERS(int8_t, -2, 2));

                conv("conv2d-fix", -1, input, weights, NULL, DIMS(1, 1, 1, 2));
                window(1, 1, (const int32_t[]){ 0, 0, 0, 0 });
                string("nonlinear", cases[i].nonlinear);
                if (i == 3) /* -6.5 steps of 2 are -3.25: -3 */
                        expect((const double[]){ -6, 64 }, 2);
                else
                        expect(cases[i].expected, 2);
        }
        string("nonlinear", "PRELU");
        expect_refused(-EINVAL, "PRELU");
}

static void convolves_reals(void **state) {
        Op *input = real(DIMS(1, 1, 2, 1), NUMBERS(float, 0.1f, 0.2f));
        Op *weights = real(DIMS(1, 1, 2, 1), NUMBERS(float, 3, 5));

        (void) add("conv2d", DIMS(1, 1, 1, 1));
        arg("input", input), arg("weights", weights);
        ints("kernel", DIMS(2, 1));
        ints("stride", DIMS(1, 1));
        EXPECT(0.1f * 3.0 + 0.2f * 5.0);
        input = real(DIMS(1, 2, 1), NUMBERS(float, 2, 3));
        weights = real(DIMS(1, 2, 1), NUMBERS(float, 10, 1));
        (void) add("conv1d", DIMS(1, 1, 1));
        arg("input", input), arg("weights", weights);
        ints("kernel", DIMS(2));
        ints("stride", DIMS(1));
        EXPECT(23);
}

static void convolves_transposed(void **state) {
        Op *input = fixed(0, DIMS(1, 2, 2, 1), NUMBERS(int8_t, 1, 2, 3, 4));
        Op *weights = fixed(0, DIMS(1, 2, 2, 1), NUMBERS(int8_t, 4, 3, 2, 1));

        /* stride = kernel: every pixel becomes the flipped kernel */
        conv("transposed-conv2d-fix", 0, input, weights, NULL, DIMS(1, 4, 4, 1));
        window(2, 2, (const int32_t[]){ 0, 0, 0, 0 });
        EXPECT(1, 2, 2, 4, 3, 4, 6, 8, 3, 6, 4, 8, 9, 12, 12, 16);
        /* a padding of 1 takes one line off each side */
        conv("transposed-conv2d-fix", 0, input, weights, NULL, DIMS(1, 2, 2, 1));
        window(2, 2, (const int32_t[]){ 1, 1, 1, 1 });
        EXPECT(4, 6, 6, 4);
        /* overlapping: stride 1 */
        conv("transposed-conv2d-fix", 0, input, weights, NULL, DIMS(1, 3, 3, 1));
        window(2, 1, (const int32_t[]){ 0, 0, 0, 0 });
        EXPECT(1, 4, 4, 6, 20, 16, 9, 24, 16);
}

static void convolves_by_channel(void **state) {
        Op *input = fixed(0, DIMS(1, 1, 2, 2), NUMBERS(int8_t, 1, 2, 3, 4));
        Op *weights = fixed(0, DIMS(1, 1, 2, 2), NUMBERS(int8_t, 1, 10, 2, 20));
        Op *twice = fixed(0, DIMS(2, 1, 1, 2), NUMBERS(int8_t, 1, 2, 3, 4));

        conv("depthwise-conv2d-fix", 0, input, weights, NULL, DIMS(1, 1, 1, 2));
        ints("kernel", DIMS(2, 1));
        ints("stride", DIMS(1, 1));
        string("nonlinear", "NONE");
        EXPECT(7, 100);
        conv("depthwise-conv2d", 0, input, twice, NULL, DIMS(1, 1, 2, 4));
        ints("kernel", DIMS(1, 1));
        ints("stride", DIMS(1, 1));
        EXPECT(1, 3, 4, 8, 3, 9, 8, 16);
        conv("transposed-depthwise-conv2d-fix", 0, input, weights, NULL, DIMS(1, 1, 4, 2));
        ints("kernel", DIMS(2, 1));
        ints("stride", DIMS(2, 1));
        EXPECT(2, 40, 1, 20, 6, 80, 3, 40);
}

/* 1024 products of -128 * -128 are 2^24: float32 would lose the bias */
static void adds_exactly(void **state) {
        enum { N = 4096 };
        static int8_t lowest[N];
        Op *input, *weights, *bias;

        memset(lowest, -128, sizeof(lowest));
        input = fixed(0, DIMS(1, 1, 1, N), lowest, N);
        weights = fixed(0, DIMS(1, 1, 1, N), lowest, N);
        bias = fixed(0, DIMS(1), NUMBERS(int8_t, 1));
        (void) add("conv2d", DIMS(1, 1, 1, 1));
        arg("input", input), arg("weights", weights), arg("bias", bias);
        ints("kernel", DIMS(1, 1));
        ints("stride", DIMS(1, 1));
        EXPECT(4096.0 * 16384 + 1);
}

static void refuses_windows_that_make_no_sense(void **state) {
        Op *input = picture(), *ones = fixed(0, DIMS(1, 2, 2, 1), NUMBERS(int8_t, 1, 1, 1, 1));

        conv("conv2d-fix", 0, input, ones, NULL, DIMS(1, 2, 2, 1));
        window(2, 0, (const int32_t[]){ 0, 0, 0, 0 });
        expect_refused(-EINVAL, "stride 0");
        window(3, 1, (const int32_t[]){ 0, 0, 0, 0 });
        expect_refused(-EINVAL, "shape of the weights");
        window(2, 1, (const int32_t[]){ INT32_MAX, 0, 0, 0 });
        expect_refused(-EINVAL, "padding");
        ints("kernel", DIMS(2, 2, 2));
        expect_refused(-EINVAL, "kernel is not 2 integers");
}

/* --- pooling ----------------------------------------------------------------------------------------- */

static void pool(const char *type, const char *kind, Op *input, const int32_t *dims, size_t n_dims,
                 int32_t kernel, const int32_t *pad) {
        (void) add_fixed(type, 0, dims, n_dims);
        arg("input", input);
        window(kernel, 1, pad);
        if (kind)
                string("type", kind);
}

static void pools(void **state) {
        Op *negative = fixed(0, DIMS(1, 1, 2, 1), NUMBERS(int8_t, -5, -7));
        Op *input = picture();

        /* padding never is the greatest */
        pool("pool-fix", "MAX", negative, DIMS(1, 1, 2, 1), 3, (const int32_t[]){ 1, 1, 1, 1 });
        EXPECT(-5, -5);
        pool("pool-fix", "MAX", input, DIMS(1, 2, 2, 1), 2, (const int32_t[]){ 0, 0, 0, 0 });
        EXPECT(5, 6, 8, 9);
        /* the DPU's average of 3 x 3 is * 7 / 64: 45 * 7 / 64 = 4.92; corner 12 * 7 / 64 = 1.3 */
        pool("pool-fix", "AVG", input, DIMS(1, 3, 3, 1), 3, (const int32_t[]){ 1, 1, 1, 1 });
        EXPECT(1, 2, 2, 3, 5, 4, 3, 4, 3);
        pool("pool-fix", "AVG", input, DIMS(1, 2, 2, 1), 2, (const int32_t[]){ 0, 0, 0, 0 });
        EXPECT(3, 4, 6, 7);
        pool("pool-fix", "MEDIAN", input, DIMS(1, 2, 2, 1), 2, (const int32_t[]){ 0, 0, 0, 0 });
        expect_refused(-EINVAL, "MEDIAN");
}

static void averages(void **state) {
        Op *input = real(DIMS(1, 1, 3, 1), NUMBERS(float, 3, 6, 12));

        (void) add("avgpool2d", DIMS(1, 1, 3, 1));
        arg("input", input);
        ints("kernel", DIMS(3, 1));
        ints("stride", DIMS(1, 1));
        ints("pad", DIMS(1, 1, 0, 0));
        EXPECT(3, 7, 6);
        boolean("count_include_pad", false);
        EXPECT(4.5, 7, 9);
        /* CEIL: the second window has one number, one of padding, and one place of nothing */
        (void) add("avgpool2d", DIMS(1, 1, 2, 1));
        arg("input", input);
        ints("kernel", DIMS(3, 1));
        ints("stride", DIMS(2, 1));
        ints("pad", DIMS(0, 1, 0, 0));
        string("pad_mode", "CEIL");
        EXPECT(7, 4);
        boolean("count_include_invalid", false);
        EXPECT(7, 6);
        boolean("count_include_pad", false);
        EXPECT(7, 12);
        (void) add("avgpool2d", DIMS(1, 1, 1, 1));
        arg("input", input);
        boolean("global", true);
        EXPECT(7);
        (void) add("maxpool2d", DIMS(1, 1, 1, 1));
        arg("input", input);
        boolean("global", true);
        EXPECT(12);
}

/* --- one and two operands ------------------------------------------------------------------------------ */

static void adds_on_different_grids(void **state) {
        Op *a = fixed(3, DIMS(1, 1, 1, 3), NUMBERS(int8_t, 1, 127, -128)); /* eighths */
        Op *b = fixed(1, DIMS(1, 1, 1, 3), NUMBERS(int8_t, 1, 127, -128)); /* halves */

        (void) add_fixed("eltwise-fix", 1, DIMS(1, 1, 1, 3));
        arg("input", a), arg("input", b);
        string("type", "ADD");
        EXPECT(0.5, 63.5, -64); /* 0.625 is 1.25 halves */
        (void) add_fixed("eltwise-fix", 4, DIMS(1, 1, 1, 3));
        arg("input", a), arg("input", b);
        string("type", "MUL");
        EXPECT(1.0 / 16, 127.0 / 16, 127.0 / 16);
        (void) add_fixed("eltwise-fix", 4, DIMS(1, 1, 1, 3));
        arg("input", a), arg("input", b);
        string("type", "DIV");
        expect_refused(-EINVAL, "DIV");
}

static void broadcasts(void **state) {
        Op *image = fixed(0, DIMS(1, 2, 1, 2), NUMBERS(int8_t, 1, 2, 3, 4));
        Op *row = fixed(0, DIMS(1, 1, 1, 2), NUMBERS(int8_t, 10, 20));
        Op *one = real(DIMS(1), NUMBERS(float, 0.5f));

        (void) add_fixed("depthwise-fix", 0, DIMS(1, 2, 1, 2));
        arg("input", image), arg("input", row);
        string("type", "MUL");
        EXPECT(10, 40, 30, 80);
        (void) add("sub", DIMS(1, 2, 1, 2));
        arg("input", row), arg("input", image), arg("input", one);
        EXPECT(8.5, 17.5, 6.5, 15.5);
        (void) add("div", DIMS(1, 2, 1, 2));
        arg("input", image), arg("input", one);
        EXPECT(2, 4, 6, 8);
        row = real(DIMS(2), NUMBERS(float, 2, 3));
        (void) add("max", DIMS(1, 2, 1, 2));
        arg("input", image), arg("input", row);
        EXPECT(2, 3, 3, 4);
        row = real(DIMS(3), NUMBERS(float, 1, 2, 3));
        (void) add("add", DIMS(1, 2, 1, 2));
        arg("input", image), arg("input", row);
        expect_refused(-EINVAL, "do not fit");
}

static void applies_functions(void **state) {
        static const struct {
                const char *type;
                double expected[4]; /* of -4, -1, 0.5, 7 */
        } cases[] = {
                { "relu", { 0, 0, 0.5, 7 } },
                { "relu6", { 0, 0, 0.5, 6 } },
                { "leaky-relu", { -1, -0.25, 0.5, 7 } },
                { "hard-sigmoid", { 0, 1.0 / 3, 3.5 / 6, 1 } },
                { "hard-swish", { 0, -1.0 / 3, 0.5 * 3.5 / 6, 7 } },
                { "hard-tanh", { -1, -1, 0.5, 1 } },
                { "neg", { 4, 1, -0.5, -7 } },
                { "tanh",
                  { -0.99932929973906704, -0.76159415595576489, 0.46211715726000976,
                    0.99999833694394469 } },
                { "sigmoid",
                  { 0.017986209962091559, 0.26894142136999512, 0.62245933120185459,
                    0.99908894880559940 } },
                { "swish",
                  { -0.071944839848366235, -0.26894142136999512, 0.31122966560092729,
                    6.9936226416391958 } },
                { "gelu",
                  { -0.00012668496733247, -0.15865525393145707, 0.34573123063700656,
                    6.9999999999910405 } },
                { "exp",
                  { 0.018315638888734179, 0.36787944117144233, 1.6487212707001282,
                    1096.6331584284585 } },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Op *input = real(DIMS(4), NUMBERS(float, -4, -1, 0.5f, 7));

                (void) add(cases[i].type, DIMS(4));
                arg("input", input);
                decimal("alpha", 0.25f);
                expect(cases[i].expected, 4);
        }
}

/* max(0, q * 2731 + 3 * 2731 * 2^fp) >> 14 + fp_in - fp_out */
static void computes_the_hard_sigmoid_of_the_dpu(void **state) {
        Op *input = fixed(4, DIMS(1, 1, 1, 4), NUMBERS(int8_t, -64, -48, 0, 127));

        (void) add_fixed("hard-sigmoid-fix", 7, DIMS(1, 1, 1, 4));
        arg("input", input);
        integer("hsigmoid_in", 4);
        integer("shift_hsigmoid", 14 + 4 - 7);
        EXPECT(0, 0, 64.0 / 128, 127.0 / 128);
}

static void has_a_slope_for_each_channel(void **state) {
        Op *input = fixed(4, DIMS(1, 1, 1, 4), NUMBERS(int8_t, -64, -48, 16, 32));
        Op *slopes = real(DIMS(4), NUMBERS(float, 0.5f, 1, 1, 2));

        (void) add("prelu", DIMS(1, 1, 1, 4));
        arg("input", input), arg("weight", slopes);
        EXPECT(-2, -3, 1, 2);
}

static void normalizes(void **state) {
        Op *input = real(DIMS(1, 1, 2, 2), NUMBERS(float, 1, 2, 3, 4));
        Op *scale = real(DIMS(2), NUMBERS(float, 10, 100));
        Op *bias = real(DIMS(2), NUMBERS(float, 1, 2));

        (void) add("scale", DIMS(1, 1, 2, 2));
        arg("input", input), arg("scale", scale), arg("bias", bias);
        EXPECT(11, 202, 31, 402);
        (void) add("batchnorm", DIMS(1, 1, 2, 2));
        arg("input", input), arg("gamma", scale), arg("beta", bias);
        arg("moving_mean", bias), arg("moving_var", bias);
        integer("axis", 3);
        decimal("epsilon", 2);
        EXPECT(1, 2, 1 + 20 / sqrt(3), 2 + 200 / sqrt(4));
        (void) add("softmax", DIMS(1, 1, 2, 2));
        arg("input", input);
        integer("axis", 3);
        EXPECT(1 / (1 + M_E), M_E / (1 + M_E), 1 / (1 + M_E), M_E / (1 + M_E));
        integer("axis", 2);
        EXPECT(1 / (1 + M_E * M_E), 1 / (1 + M_E * M_E), M_E * M_E / (1 + M_E * M_E),
               M_E * M_E / (1 + M_E * M_E));
        (void) add("instancenorm", DIMS(1, 1, 2, 2));
        arg("input", input), arg("weight", scale), arg("bias", bias);
        decimal("eps", 0);
        boolean("affine", true);
        EXPECT(-9, -98, 11, 102);
        (void) add("l2_normalize", DIMS(1, 1, 2, 2));
        arg("input", input);
        ints("axis", DIMS(-1));
        EXPECT(1 / sqrt(5), 2 / sqrt(5), 0.6, 0.8);
        (void) add("groupnorm", DIMS(1, 1, 2, 2));
        arg("input", input);
        integer("num_groups", 1);
        decimal("eps", 0);
        EXPECT(-1.5 / sqrt(1.25), -0.5 / sqrt(1.25), 0.5 / sqrt(1.25), 1.5 / sqrt(1.25));
}

/* --- shapes ------------------------------------------------------------------------------------------------ */

static Op *square(void) {
        return fixed(0, DIMS(1, 2, 2, 1), NUMBERS(int8_t, 1, 2, 3, 4));
}

static void moves(void **state) {
        Op *input = fixed(0, DIMS(2, 3), NUMBERS(int8_t, 1, 2, 3, 4, 5, 6));
        Op *other = fixed(1, DIMS(2, 1), NUMBERS(int8_t, 7, 9)); /* 3.5, 4.5 */

        (void) add("transpose", DIMS(3, 2));
        arg("input", input);
        ints("order", DIMS(1, 0));
        EXPECT(1, 4, 2, 5, 3, 6);
        ints("order", DIMS(1, 1));
        expect_refused(-EINVAL, "permutation");
        drop();
        (void) add("strided_slice", DIMS(1, 2));
        arg("input", input);
        ints("begin", DIMS(1, 0));
        ints("end", DIMS(2, 3));
        ints("strides", DIMS(1, 2));
        EXPECT(4, 6);
        ints("begin", DIMS(2, 0));
        expect_refused(-EINVAL, "outside");
        drop();
        (void) add("concat", DIMS(2, 4));
        arg("input", input), arg("input", other);
        integer("axis", -1);
        EXPECT(1, 2, 3, 3.5, 4, 5, 6, 4.5);
        (void) add_fixed("concat-fix", 0, DIMS(2, 4));
        arg("input", other), arg("input", input);
        integer("axis", 1);
        EXPECT(4, 1, 2, 3, 5, 4, 5, 6);
        (void) add("stack", DIMS(2, 2, 3));
        arg("input", input), arg("input", input);
        integer("axis", 1);
        EXPECT(1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6);
        (void) add("reshape", DIMS(3, 2));
        arg("input", input);
        EXPECT(1, 2, 3, 4, 5, 6);
        (void) add("flatten", DIMS(7));
        arg("input", input);
        expect_refused(-EINVAL, "6 elements go in, 7 come out");
}

static void shuffles(void **state) {
        Op *deep = fixed(0, DIMS(1, 1, 1, 8), NUMBERS(int8_t, 0, 1, 2, 3, 4, 5, 6, 7));
        Op *large = fixed(0, DIMS(1, 2, 2, 2), NUMBERS(int8_t, 0, 4, 1, 5, 2, 6, 3, 7));

        (void) add("pixel-shuffle", DIMS(1, 2, 2, 2));
        arg("input", deep);
        integer("scale", 2);
        boolean("upscale", true);
        EXPECT(0, 4, 1, 5, 2, 6, 3, 7);
        (void) add("pixel-shuffle", DIMS(1, 1, 1, 8));
        arg("input", large);
        integer("scale", 2);
        boolean("upscale", false);
        EXPECT(0, 1, 2, 3, 4, 5, 6, 7);
        (void) add_fixed("tile-fix", 0, DIMS(1, 2, 2, 2));
        arg("input", deep);
        integer("stride", 2);
        boolean("reverse", true);
        EXPECT(0, 1, 2, 3, 4, 5, 6, 7);
        (void) add_fixed("tile-fix", 0, DIMS(1, 1, 1, 8));
        arg("input", large);
        integer("stride", 2);
        boolean("reverse", false);
        EXPECT(0, 4, 1, 5, 2, 6, 3, 7);
        integer("stride", 3);
        expect_refused(-EINVAL, "do not fit");
}

static void pads(void **state) {
        static const struct {
                const char *mode;
                double expected[6]; /* of 1 2 3, two before and one after */
        } cases[] = { { "CONSTANT", { 0, 0, 1, 2, 3, 0 } },
                      { "SYMMETRIC", { 2, 1, 1, 2, 3, 3 } },
                      { "REFLECT", { 3, 2, 1, 2, 3, 2 } },
                      { "EDGE", { 1, 1, 1, 2, 3, 3 } } };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Op *input = fixed(0, DIMS(1, 3), NUMBERS(int8_t, 1, 2, 3));

                (void) add("pad", DIMS(1, 6));
                arg("input", input);
                ints("paddings", DIMS(0, 0, 2, 1));
                string("mode", cases[i].mode);
                expect(cases[i].expected, 6);
        }
}

static void resizes(void **state) {
        Op *input = square(), *row = fixed(0, DIMS(1, 1, 2, 1), NUMBERS(int8_t, 0, 4));

        (void) add("resize", DIMS(1, 4, 4, 1));
        arg("input", input);
        string("mode", "NEAREST");
        EXPECT(1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4);
        (void) add("resize", DIMS(1, 1, 4, 1));
        arg("input", row);
        string("mode", "BILINEAR");
        EXPECT(0, 2, 4, 4);
        boolean("half_pixel_centers", true);
        EXPECT(0, 1, 3, 4);
        boolean("half_pixel_centers", false);
        boolean("align_corners", true);
        EXPECT(0, 4.0 / 3, 8.0 / 3, 4);
        (void) add_fixed("upsample-fix", 0, DIMS(1, 1, 4, 1));
        arg("input", row);
        string("mode", "BILINEAR");
        boolean("align_corners", true);
        EXPECT(0, 1, 3, 4);
        string("mode", "BICUBIC");
        expect_refused(-EINVAL, "BICUBIC");
}

static void reduces(void **state) {
        Op *input = fixed(0, DIMS(1, 2, 2, 2), NUMBERS(int8_t, -1, 2, -3, 4, -5, 6, -7, 8));

        (void) add("reduction_max", DIMS(1, 2, 1, 2));
        arg("input", input);
        ints("axis", DIMS(2));
        EXPECT(-1, 4, -5, 8);
        (void) add("reduction_sum", DIMS(1, 1));
        arg("input", input);
        ints("axis", DIMS(1, 2, -1));
        EXPECT(4);
        (void) add("reduction_mean", DIMS(1, 2));
        arg("input", input);
        ints("axis", DIMS(1, 2));
        EXPECT(-4, 5);
        (void) add("reduction_product", DIMS(1, 2, 2));
        arg("input", input);
        ints("axis", DIMS(3));
        EXPECT(-2, -12, -30, -56);
        (void) add("argmax", DIMS(1, 2, 2));
        arg("input", input);
        integer("axis", 1);
        EXPECT(0, 1, 0, 1);
}

static void multiplies_matrices(void **state) {
        Op *a = fixed(0, DIMS(2, 3), NUMBERS(int8_t, 1, 2, 3, 4, 5, 6));
        Op *b = fixed(0, DIMS(3, 1), NUMBERS(int8_t, 1, 0, -1));
        Op *row = fixed(0, DIMS(1, 3), NUMBERS(int8_t, 1, 0, -1));
        Op *bias = real(DIMS(1), NUMBERS(float, 0.5f));

        (void) add("matmul", DIMS(2, 1));
        arg("input", a), arg("input", b), arg("bias", bias);
        EXPECT(-1.5, -1.5);
        (void) add("matmul", DIMS(2, 1));
        arg("input", a), arg("input", row);
        boolean("transpose_b", true);
        EXPECT(-2, -2);
        (void) add("matmul", DIMS(3, 3));
        arg("input", row), arg("input", row);
        boolean("transpose_a", true);
        EXPECT(1, 0, -1, 0, 0, 0, -1, 0, 1);
        (void) add("inner-product", DIMS(2, 1));
        arg("input", a), arg("weights", row);
        integer("axis", 1);
        EXPECT(-2, -2);
        (void) add("matmul", DIMS(2, 2));
        arg("input", a), arg("input", a);
        expect_refused(-EINVAL, "do not fit");
}

/* --- the walk ----------------------------------------------------------------------------------------------- */

static void refuses_what_it_cannot_do(void **state) {
        Op *input = picture(), *custom;

        custom = add("aten::mean", DIMS(1, 3));
        arg("input", input);
        expect_refused(-ENOSYS, "op1 (aten::mean): there is no definition of this op");
        assert_true(evaluator_is_substituted(custom));
        (void) add("data", DIMS(1));
        assert_false(evaluator_is_substituted(op));
}

static void refuses_other_widths(void **state) {
        Op *input = picture();

        (void) add_fixed("reshape-fix", 0, DIMS(9));
        arg("input", input);
        op->tensor.bit_width = 16;
        expect_refused(-EINVAL, "16 bits");
}

static void wants_its_inputs(void **state) {
        (void) add("data", DIMS(1, 2));
        expect_refused(-EINVAL, "input was not given");
}

static void substitutes_alike(void **state) {
        const EvaluatorOptions options = { .substitute = true, .seed = 5 };
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;
        Op *custom = add("Mylayer", DIMS(1, 64));
        const Values *values;
        double number;
        bool odd = false;

        (void) add("fix", DIMS(1, 64));
        arg("input", custom);
        string("round_mode", "DPU_ROUND");
        integer("fix_point", 3);
        integer("bit_width", 8);
        boolean("if_signed", true);
        assert_int_equal(evaluate_with(&options, &evaluator, NULL), 0);
        values = evaluator_values(evaluator, op);
        assert_int_equal(values->storage, VALUES_FIXED);
        for (size_t i = 0; i < values->n; i++) {
                values_read(values, i, 1, &number);
                assert_true(fabs(number) <= 16);
                odd = odd || values->fixed[i] % 2 != 0; /* on the grid of the fix, all of it */
        }
        assert_true(odd);
}

static void bounds_its_memory(void **state) {
        const EvaluatorOptions options = { .max_bytes = 1 << 20 };
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;
        Problem problem = { "" };
        Op *input = picture();

        (void) add("pad", DIMS(1, 3, 3, 100000));
        arg("input", input);
        ints("paddings", DIMS(0, 0, 0, 0, 0, 0, 0, 99999));
        string("mode", "CONSTANT");
        assert_int_equal(evaluate_with(&options, &evaluator, &problem), -EFBIG);
        assert_non_null(strstr(problem.text, "more than 1 MiB"));
}

static void bounds_its_work(void **state) {
        const EvaluatorOptions options = { .max_work = 1000 };
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;
        Problem problem = { "" };
        Op *a = fixed(0, DIMS(1, 40), NUMBERS(int8_t, [39] = 0));

        (void) add("matmul", DIMS(40, 40));
        arg("input", a), arg("input", a);
        boolean("transpose_a", true);
        assert_int_equal(evaluate_with(&options, &evaluator, &problem), -E2BIG);
        assert_non_null(strstr(problem.text, "multiplications"));
}

static int note_count(const Op *each, Values *values, void *userdata) {
        (*(size_t *) userdata)++;
        if (strcmp(each->type, "const-fix") == 0)
                values->fixed[0] = 9; /* consumers see that */
        return 0;
}

static void shows_every_op_and_frees_it(void **state) {
        const EvaluatorOptions options = { 0 };
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;
        Op *input = picture();
        size_t n = 0;

        (void) add("relu", DIMS(1, 3, 3, 1));
        arg("input", input);
        graph_count_consumers(graph);
        assert_int_equal(evaluator_new(&evaluator, graph, &options), 0);
        evaluator_keep(evaluator, op);
        assert_int_equal(evaluator_run(evaluator, note_count, &n, NULL), 0);
        assert_int_equal(n, 2);
        assert_null(evaluator_values(evaluator, input));
        expect_values(evaluator_values(evaluator, op), NUMBERS(double, 9, 2, 3, 4, 5, 6, 7, 8, 9));
}

/* --- constants of compiled files -------------------------------------------------------------------------------- */

static void place(Op *constant, int32_t address) {
        static const uint8_t bytes[] = { 99, 1, 2, 3 };
        const AttrPair pair = { .key = "REG_0",
                                .value = { .kind = ATTR_BYTES, .bytes = slice_of(bytes, 4) } };
        const Attr map = { .kind = ATTR_MAP_STRING_BYTES, .n = 1, .pairs = &pair };
        Subgraph *outer, *leaf;

        assert_int_equal(graph_add_subgraph(graph, graph->root, "dpu", &outer), 0);
        assert_int_equal(graph_set_attr(graph, &outer->attrs, "reg_id_to_parameter_value", &map),
                         0);
        assert_int_equal(graph_add_subgraph(graph, outer, "layer", &leaf), 0);
        assert_int_equal(graph_assign(graph, leaf, constant), 0);
        assert_int_equal(graph_set_int32(graph, &constant->tensor.attrs, "reg_id", 0), 0);
        assert_int_equal(graph_set_int32(graph, &constant->tensor.attrs, "ddr_addr", address), 0);
}

static void finds_constants_in_registers(void **state) {
        (void) fixed(1, DIMS(2), NULL, 0);
        place(op, 1);
        EXPECT(0.5, 1);
        assert_int_equal(graph_set_int32(graph, &op->tensor.attrs, "ddr_addr", 3), 0);
        expect_refused(-EINVAL, "1 bytes of data where the shape needs 2");
        assert_int_equal(graph_set_int32(graph, &op->tensor.attrs, "ddr_addr", 5), 0);
        expect_refused(-EINVAL, "outside its register");
}

static void knows_the_order_of_one_family_only(void **state) {
        (void) fixed(1, DIMS(2), NULL, 0);
        place(op, 1);
        assert_int_equal(graph_set_uint64(graph, &op->subgraph->parent->attrs, "dpu_fingerprint",
                                          UINT64_C(0x603000b56011861)),
                         0);
        expect_refused(-EINVAL, "is not known");
}

static int evaluate_once(void *userdata) {
        const EvaluatorOptions options = { .n_threads = 1 };
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;
        int r;

        r = evaluator_new(&evaluator, graph, &options);
        if (r < 0)
                return r;
        return evaluator_run(evaluator, NULL, NULL, NULL);
}

static void survives_without_memory(void **state) {
        Op *input = picture(), *ones = fixed(0, DIMS(1, 2, 2, 1), NUMBERS(int8_t, 1, 1, 1, 1));
        Op *result;

        conv("conv2d-fix", 0, input, ones, NULL, DIMS(1, 2, 2, 1));
        window(2, 1, (const int32_t[]){ 0, 0, 0, 0 });
        result = op;
        conv("depthwise-conv2d-fix", 0, result, ones, NULL, DIMS(1, 1, 1, 1));
        window(2, 1, (const int32_t[]){ 0, 0, 0, 0 });
        pool("pool-fix", "MAX", result, DIMS(1, 1, 1, 1), 2, (const int32_t[]){ 0, 0, 0, 0 });
        (void) add("resize", DIMS(1, 4, 4, 1));
        arg("input", result);
        string("mode", "NEAREST");
        (void) add("reduction_sum", DIMS(1, 1, 1, 1));
        arg("input", result);
        ints("axis", DIMS(1, 2));
        (void) add("matmul", DIMS(1, 2, 2, 2));
        arg("input", result), arg("input", ones);
        boolean("transpose_b", true);
        (void) add("add", DIMS(1, 2, 2, 1));
        arg("input", result), arg("input", ones);
        graph_count_consumers(graph);
        assert_true(fail_alloc_sweep(evaluate_once, NULL) > 10);
}

#define TEST(_name) cmocka_unit_test_setup_teardown(_name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(rounds_as_the_public_reference),
                TEST(fixes),
                TEST(convolves),
                TEST(convolves_in_groups),
                TEST(rounds_and_saturates_sums),
                TEST(reads_fine_biases_as_compilers_store_them),
                TEST(fuses_activations),
                TEST(convolves_reals),
                TEST(convolves_transposed),
                TEST(convolves_by_channel),
                TEST(adds_exactly),
                TEST(refuses_windows_that_make_no_sense),
                TEST(pools),
                TEST(averages),
                TEST(adds_on_different_grids),
                TEST(broadcasts),
                TEST(applies_functions),
                TEST(computes_the_hard_sigmoid_of_the_dpu),
                TEST(has_a_slope_for_each_channel),
                TEST(normalizes),
                TEST(moves),
                TEST(shuffles),
                TEST(pads),
                TEST(resizes),
                TEST(reduces),
                TEST(multiplies_matrices),
                TEST(refuses_what_it_cannot_do),
                TEST(refuses_other_widths),
                TEST(wants_its_inputs),
                TEST(substitutes_alike),
                TEST(bounds_its_memory),
                TEST(bounds_its_work),
                TEST(shows_every_op_and_frees_it),
                TEST(finds_constants_in_registers),
                TEST(knows_the_order_of_one_family_only),
                TEST(survives_without_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
