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
#include "source_fixture.h"
#include "tests/support/fail_alloc.h"
#include "whole_fixture.h"

#define DIMS SOURCE_DIMS

static Source s;

static int setup(void **state) {
        source_init(&s);
        return 0;
}

static int teardown(void **state) {
        source_deinit(&s);
        return 0;
}

/* lowers it all onto the DPU, proves that it computes the same and so do programs for it, gives the
 * op of that type */
static Graph *lowered;

static const Op *all_on_dpu(const char *type) {
        const Op *found;

        graph_count_consumers(s.graph);
        lowered = graph_free(lowered);
        lowered = lower_all(s.graph);
        found = lower_find(lowered, type);
        assert_non_null(found);
        return found;
}

static int group_teardown(void **state) {
        lowered = graph_free(lowered);
        return 0;
}

/* why the op of that type stays off the DPU */
static const char *reason_of(const char *type, uint64_t target) {
        graph_count_consumers(s.graph);
        lowered = graph_free(lowered);
        lowered = lower_for(s.graph, target);
        return lower_reason(lowered, type);
}

/* --- rules ----------------------------------------------------------------------------------- */

static void convolutions_take_activations(void **state) {
        static const char *const types[] = { "relu", "relu6", "leaky-relu" };
        static const char *const names[] = { "RELU", "RELU6", "LEAKYRELU" };
        Op *x = source_input(&s, 5, DIMS(1, 6, 5, 3));

        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                Op *op = source_conv(&s, x, 3, 4, 10);

                op = i == 2 ? source_leaky(&s, op) : source_unary(&s, types[i], op);

                (void) source_fix(&s, op, 5);
                assert_string_equal(attrs_string(&all_on_dpu("conv2d-fix")->attrs, "nonlinear"),
                                    names[i]);
        }
}

/* fp_in + fp_weights + 1 is the finest that is added: 5 + 7 + 1 */
static void fine_biases_are_shifted(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 3, 3, 2)), *op = source_conv(&s, x, 3, 2, 15);
        Slice data;

        /* multiples of 4, so that nothing is lost */
        assert_int_equal(
                attrs_bytes(&op_input(op_arg(op, "bias")->ops[0], 0)->attrs, "data", &data), 0);
        for (size_t i = 0; i < 2; i++)
                ((float *) data.data)[i] = ldexpf(i == 0 ? 12 : -20, -15);
        (void) source_fix(&s, op, 4);
        op = op_arg(all_on_dpu("conv2d-fix"), "bias")->ops[0];
        assert_int_equal(attrs_bytes(&op->attrs, "data", &data), 0);
        assert_int_equal((int8_t) data.data[0], 3);
        assert_int_equal((int8_t) data.data[1], -5);
}

/* what is dropped of a finer one cannot be seen, but through leaky-relu */
static void finer_biases_lose_bits(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 3, 3, 2));

        (void) source_fix(&s, source_unary(&s, "relu", source_conv(&s, x, 3, 2, 16)), 4);
        (void) all_on_dpu("conv2d-fix");
        (void) source_fix(&s, source_leaky(&s, source_conv(&s, x, 3, 2, 16)), 4);
        assert_non_null(strstr(reason_of("conv2d", LOWER_B4096), "finer"));
}

/* A kernel as large as the image moves over its padding; without any, its stride says nothing. */
static void strides_of_whole_kernels(void **state) {
        for (int32_t pad = 0; pad < 2; pad++) {
                Op *x = source_input(&s, 5, DIMS(1, 2, 2, 3));
                Op *weights = source_constant(&s, 7, DIMS(4, 2, 2, 3));
                Op *bias = source_constant(&s, 9, DIMS(4));
                Op *op = source_add(&s, "conv2d", DIMS(1, 1 + pad, 1 + pad, 4));

                op = source_window(&s, source_with_weights(&s, op, x, weights, bias), 2, 2, pad);
                (void) source_fix(&s, op, 4);
                assert_int_equal(attrs_find(&all_on_dpu("conv2d-fix")->attrs, "stride")->int32s[0],
                                 1 + pad);
        }
}

static void depthwise_transposed_and_scale(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 4, 4, 6)), *op;
        Op *depthwise = source_constant(&s, 7, DIMS(1, 3, 3, 6)),
           *bias = source_constant(&s, 9, DIMS(6));
        Op *transposed = source_constant(&s, 7, DIMS(5, 2, 2, 6)),
           *five = source_constant(&s, 6, DIMS(5));

        op = source_with_weights(&s, source_add(&s, "depthwise-conv2d", DIMS(1, 4, 4, 6)), x,
                                 depthwise, bias);
        x = source_fix(&s, source_unary(&s, "relu", source_window(&s, op, 3, 1, 1)), 5);
        op = source_with_weights(&s, source_add(&s, "transposed-conv2d", DIMS(1, 8, 8, 5)), x,
                                 transposed, five);
        x = source_fix(&s, source_window(&s, op, 2, 2, 0), 4);
        op = source_unary(&s, "scale", x);
        source_arg(&s, op, "scale", five);
        source_arg(&s, op, "bias", five);
        (void) source_fix(&s, op, 3);
        (void) all_on_dpu("transposed-conv2d-fix");
        assert_int_equal(all_on_dpu("depthwise-conv2d-fix")->tensor.dims[3], 5);
}

/* The kernel is the image, where kernels are as large. */
static void linear_layers_are_convolutions(void **state) {
        const int32_t sizes[] = { 4, 20 };

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                int32_t k = sizes[i] * sizes[i] * 2;
                Op *x = source_input(&s, 6, DIMS(1, sizes[i], sizes[i], 2));
                Op *weights = source_constant(&s, 7, DIMS(7, k)),
                   *bias = source_constant(&s, 10, DIMS(7));
                Op *flat = source_flatten(&s, x), *op = source_add(&s, "matmul", DIMS(1, 7));
                const Attr *kernel;

                source_arg(&s, op, "input", flat);
                source_arg(&s, op, "input", weights);
                source_arg(&s, op, "bias", bias);
                source_flag(&s, op, "transpose_a", false);
                source_flag(&s, op, "transpose_b", true);
                (void) source_fix(&s, source_unary(&s, "relu", op), 2);
                kernel = attrs_find(&all_on_dpu("conv2d-fix")->attrs, "kernel");
                assert_int_equal(kernel->int32s[0], i == 0 ? 4 : 1);
        }
}

static Op *matmul(Op *from, int32_t n) {
        Op *weights = source_constant(&s, 7, DIMS(n, from->tensor.dims[1]));
        Op *op = source_add(&s, "matmul", DIMS(1, n));

        source_arg(&s, op, "input", from);
        source_arg(&s, op, "input", weights);
        source_flag(&s, op, "transpose_a", false);
        source_flag(&s, op, "transpose_b", true);
        return source_fix(&s, op, 3);
}

static void linear_layers_share_an_input(void **state) {
        Op *flat = source_flatten(&s, source_input(&s, 6, DIMS(1, 20, 20, 1)));

        (void) matmul(flat, 5);
        (void) matmul(flat, 6);
        (void) all_on_dpu("reshape-fix");
}

static void averages_have_the_engines_factor(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 3, 3, 4)),
           *op = source_window(&s, source_unary(&s, "avgpool2d", x), 3, 3, 0);

        assert_int_equal(graph_set_tensor(s.graph, op, op->tensor.name, DATA_TYPE_FLOAT, 32,
                                          DIMS(1, 1, 1, 4)),
                         0);
        (void) source_fix(&s, source_binary(&s, "mul", op, source_number(&s, 7.0f * 9 / 64)), 6);
        assert_string_equal(attrs_string(&all_on_dpu("pool-fix")->attrs, "type"), "AVG");
}

static void other_averages_stay(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 3, 3, 4)),
           *op = source_window(&s, source_unary(&s, "avgpool2d", x), 3, 3, 0);

        assert_int_equal(graph_set_tensor(s.graph, op, op->tensor.name, DATA_TYPE_FLOAT, 32,
                                          DIMS(1, 1, 1, 4)),
                         0);
        (void) source_fix(&s, op, 6);
        assert_non_null(strstr(reason_of("avgpool2d", LOWER_B4096), "another factor"));
}

/* the last window of three reaches one place beyond an image of six */
static void averages_of_what_is_there_stay(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 6, 6, 4)),
           *op = source_add(&s, "avgpool2d", DIMS(1, 3, 3, 4));

        source_arg(&s, op, "input", x);
        (void) source_window(&s, op, 3, 2, 0);
        source_word(&s, op, "pad_mode", "CEIL");
        (void) source_fix(&s, source_binary(&s, "mul", op, source_number(&s, 9 * 7.0F / 64)), 5);
        (void) all_on_dpu("pool-fix");
        source_flag(&s, op, "count_include_invalid", false);
        assert_non_null(strstr(reason_of("avgpool2d", LOWER_B4096), "count padding"));
        source_ints(&s, op, "pad", DIMS(0, 1, 0, 1));
        (void) all_on_dpu("pool-fix");
}

static void hard_swish_is_two_ops(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 2, 3, 4)), *op;

        op = source_fix(&s,
                        source_binary(&s, "mul", source_unary(&s, "hard-sigmoid", x),
                                      source_number(&s, 6.0f * 2731 / 16384)),
                        7);
        (void) source_fix(&s, source_binary(&s, "mul", x, op), 5);
        (void) all_on_dpu("eltwise-fix");
        (void) all_on_dpu("hard-sigmoid-fix");
}

/* one input brings its fix, one is written with that of the concat */
static void concat_gives_its_fix(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 4, 4, 3)),
           *a = source_fix(&s, source_conv(&s, x, 1, 2, 10), 5);
        Op *b = source_unary(&s, "relu", source_conv(&s, x, 1, 3, 10)),
           *op = source_add(&s, "concat", DIMS(1, 4, 4, 5));
        const Op *made;
        int32_t fix_point;

        source_arg(&s, op, "input", a);
        source_arg(&s, op, "input", b);
        assert_int_equal(graph_set_int32(s.graph, &op->attrs, "axis", 3), 0);
        (void) source_fix(&s, op, 3);
        made = op_input(all_on_dpu("concat-fix"), 1);
        assert_int_equal(attrs_int32(&made->tensor.attrs, "fix_point", &fix_point), 0);
        assert_int_equal(fix_point, 3);
        assert_non_null(strstr(made->tensor.name, "_inserted_fix_0"));
}

/* sums of different grids, with relu; relu6 is that and a cut behind it */
static void sums_take_relu(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 4, 4, 3)),
           *a = source_fix(&s, source_conv(&s, x, 1, 3, 10), 3);

        (void) source_fix(&s, source_unary(&s, "relu", source_binary(&s, "add", a, x)), 4);
        assert_string_equal(attrs_string(&all_on_dpu("eltwise-fix")->attrs, "nonlinear"), "RELU");
        (void) source_fix(&s, source_unary(&s, "relu6", source_binary(&s, "add", a, x)), 4);
        assert_string_equal(attrs_string(&all_on_dpu("eltwise-fix")->attrs, "nonlinear"), "RELU");
        assert_non_null(lower_find(lowered, "depthwise-conv2d-fix"));
        (void) source_fix(&s, source_leaky(&s, source_binary(&s, "add", a, x)), 4);
        assert_non_null(strstr(reason_of("add", LOWER_B4096), "leaky-relu"));
}

/* of one constant that is fixed to two grids, each reader has its own */
static void constants_of_two_grids(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 4, 4, 3)), *bias = source_constant(&s, 6, DIMS(3));
        Op *weights = source_constant(&s, 7, DIMS(3, 1, 1, 3)), *other, *op;

        other = source_fix_as(&s, op_input(bias, 0), 4, "other");
        op = source_add(&s, "conv2d", DIMS(1, 4, 4, 3));
        (void) source_window(&s, source_with_weights(&s, op, x, weights, bias), 1, 1, 0);
        (void) source_fix(&s, op, 3);
        op = source_add(&s, "conv2d", DIMS(1, 4, 4, 3));
        (void) source_window(&s, source_with_weights(&s, op, x, weights, other), 1, 1, 0);
        (void) source_fix(&s, op, 3);
        assert_int_equal(op_arg(all_on_dpu("conv2d-fix"), "bias")->ops[0]->n_consumers, 1);
}

/* --- names ----------------------------------------------------------------------------------- */

/* what is flattened has no `fix` of that grid; the name that it would get is the other one's */
static void a_flattened_image_may_get_another_grid(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 4, 4, 3)),
           *a = source_fix(&s, source_conv(&s, x, 1, 3, 10), 4), *flat = source_flatten(&s, a);
        const Op *fix = source_fix(&s, flat, 2), *made = op_input(all_on_dpu("fix2float"), 0);
        size_t n = 0;

        assert_string_equal(made->tensor.name, fix->tensor.name);
        for (size_t i = 0; i < lowered->n_ops; i++)
                n += strcmp(lowered->ops[i]->tensor.name, fix->tensor.name) == 0;
        assert_int_equal(n, 1);
}

static void read_by(const char *name, Op *from) {
        Op *op;

        assert_int_equal(graph_add_op(s.graph, name, "tanh", &op), 0);
        assert_int_equal(graph_set_tensor(s.graph, op, name, DATA_TYPE_FLOAT, 32, from->tensor.dims,
                                          from->tensor.n_dims),
                         0);
        source_arg(&s, op, "input", from);
}

/* "a" for "b_c" and "a_b" for "c" */
static void borders_of_the_same_name_are_two(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 4, 4, 3));

        read_by("b_c", source_fix_as(&s, source_conv(&s, x, 1, 3, 10), 3, "a"));
        read_by("c", source_fix_as(&s, source_conv(&s, x, 1, 3, 10), 3, "a_b"));
        graph_count_consumers(s.graph);
        lowered = graph_free(lowered);
        lowered = lower_for(s.graph, LOWER_B4096);
        lower_compare(s.graph, lowered, PATTERN_RANDOM);
}

/* of what we put behind a layer: the source has them already, before or behind */
static void names_of_the_source_are_its_own(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 4, 4, 2)), *a;

        read_by("op3_cut_above", x);
        a = source_unary(&s, "relu6", source_conv(&s, x, 1, 3, 10));
        assert_string_equal(op_input(a, 0)->name, "op3");
        read_by("op3_cut", source_fix(&s, a, 3));
        graph_count_consumers(s.graph);
        lowered = graph_free(lowered);
        lowered = lower_for(s.graph, LOWER_B4096);
        assert_non_null(lower_find(lowered, "depthwise-conv2d-fix"));
        lower_compare(s.graph, lowered, PATTERN_RANDOM);
}

/* --- limits ---------------------------------------------------------------------------------------- */

typedef struct Limit {
        int32_t kernel, channels;
        bool fits;
} Limit;

/* Each op is looked at a few times, however many are behind each other: with the square of that the
 * test would end at its time limit. */
static void long_chains_are_short_work(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 1, 1, 2)), *from, *pad;

        x = source_fix(&s, source_unary(&s, "relu", source_conv(&s, x, 1, 2, 10)), 4);
        from = x;
        for (size_t i = 0; i < 30000; i++)
                from = source_fix(&s, source_reshape(&s, from, DIMS(1, 1, 1, 2)), 4);
        from = x;
        for (size_t i = 0; i < 20000; i++) {
                from = source_window(&s, source_unary(&s, "maxpool2d", from), 1, 1, 0);
                from = source_fix(&s, from, 4);
        }
        for (size_t i = 0; i < 20000; i++) {
                pad = source_add(&s, "pad", DIMS(1, 3, 3, 2));
                source_arg(&s, pad, "input", from);
                source_ints(&s, pad, "paddings", DIMS(0, 0, 1, 1, 1, 1, 0, 0));
                source_word(&s, pad, "mode", "CONSTANT");
                pad = source_fix(&s, pad, 4);
                x = source_window(&s, source_add(&s, "maxpool2d", DIMS(1, 1, 1, 2)), 3, 1, 0);
                source_arg(&s, x, "input", pad);
                (void) source_fix(&s, x, 4);
        }
        graph_count_consumers(s.graph);
        lowered = graph_free(lowered);
        lowered = lower_for(s.graph, LOWER_B4096);
        assert_null(lower_find(lowered, "pad-fix"));
        assert_null(lower_find(lowered, "pad"));
}

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
                (void) source_fix(
                        &s,
                        source_conv(&s,
                                    source_input(&s, 5, DIMS(1, k + 1, k + 1, limits[i].channels)),
                                    k, 1, 10),
                        1);
                assert_int_equal(reason_of("conv2d", LOWER_B512) == NULL, limits[i].fits);
        }
}

/* An op is called as what it puts out; that may be called nothing. */
static void tensors_may_have_no_name(void **state) {
        Op *pool = source_unary(&s, "maxpool2d", source_input(&s, 5, DIMS(1, 4, 4, 2))), *fix;

        fix = source_fix(&s, source_window(&s, pool, 1, 1, 0), 5);
        fix->tensor.name = "";
        (void) source_fix(&s, source_conv(&s, fix, 1, 2, 10), 4);
        assert_string_equal(all_on_dpu("pool-fix")->name, pool->name);
}

/* Files may say anything. */
static void shapes_that_do_not_fit_stay(void **state) {
        Op *flat = source_input(&s, 5, DIMS(4, 4, 3)),
           *open = source_input(&s, 5, DIMS(1, 0, 4, 3)), *op;
        Op *weights = source_constant(&s, 7, DIMS(7, 5)), *x = source_input(&s, 5, DIMS(1, 4));

        (void) source_fix(&s, source_window(&s, source_unary(&s, "maxpool2d", flat), 2, 1, 0), 5);
        assert_non_null(strstr(reason_of("maxpool2d", LOWER_B4096), "does not pool images"));
        (void) source_resize(&s, open, (SourceResize){ 0, 8, false, false });
        assert_non_null(strstr(reason_of("resize", LOWER_B4096), "open"));
        op = source_add(&s, "matmul", DIMS(1, 7));
        source_arg(&s, op, "input", x);
        source_arg(&s, op, "input", weights);
        source_flag(&s, op, "transpose_a", false);
        source_flag(&s, op, "transpose_b", true);
        (void) source_fix(&s, op, 2);
        assert_non_null(strstr(reason_of("matmul", LOWER_B4096), "do not fit"));
}

/* No rule looks at their dimensions, of which it has room for four. */
static void what_is_no_image_stays(void **state) {
        static const int32_t ones[] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
        static const size_t counts[] = { 0, 1, 5, 9, ARRAY_SIZE(ones) };
        Op *x = source_fix(&s, source_conv(&s, source_input(&s, 5, DIMS(1, 1, 1, 3)), 1, 1, 10), 4);

        for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
                Op *from = source_fix(&s, source_reshape(&s, x, ones, counts[i]), 4);
                Op *op = source_binary(&s, "add", from, from);
                Op *leaky = source_add(&s, "leaky-relu", DIMS(1, 1, 1, 1));
                const Attr alpha = { .kind = ATTR_FLOAT, .float32 = 26.0F / 256 };
                const char *reason;

                (void) source_fix(&s, source_unary(&s, "relu6", op), 3);
                source_arg(&s, leaky, "input", from);
                assert_int_equal(graph_set_attr(s.graph, &leaky->attrs, "alpha", &alpha), 0);
                (void) source_fix(&s, leaky, 3);
                (void) reason_of("add", LOWER_B4096);
                reason = attrs_string(&graph_find_op(lowered, op->name)->attrs, LOWER_REASON_ATTR);
                assert_non_null(strstr(reason, "images, and what becomes one, have 2 to 4"));
        }
}

/* A file may say of each op what it likes; nothing is read that is not there. */
static void constants_that_are_too_short_stay(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 4, 4, 2)),
           *weights = source_constant(&s, 7, DIMS(2, 9));
        Op *op = source_add(&s, "conv2d", DIMS(1, 4, 4, 100)), *bias, *flat;

        assert_int_equal(graph_set_tensor(s.graph, weights, weights->tensor.name, DATA_TYPE_FLOAT,
                                          32, DIMS(100, 1, 1, 2)),
                         0);
        (void) source_window(&s, source_with_weights(&s, op, x, weights, NULL), 1, 1, 0);
        (void) source_fix(&s, op, 3);
        assert_non_null(strstr(reason_of("conv2d", LOWER_B4096), "not as many numbers"));

        weights = source_constant(&s, 7, DIMS(100, 1, 1, 2));
        bias = source_constant(&s, 7, DIMS(3));
        assert_int_equal(
                graph_set_tensor(s.graph, bias, bias->tensor.name, DATA_TYPE_FLOAT, 32, DIMS(100)),
                0);
        op = source_add(&s, "depthwise-conv2d", DIMS(1, 4, 4, 100));
        (void) source_window(&s, source_with_weights(&s, op, x, weights, bias), 1, 1, 0);
        (void) source_fix(&s, op, 3);
        assert_non_null(strstr(reason_of("depthwise-conv2d", LOWER_B4096), "not as "));

        flat = source_fix(&s, source_reshape(&s, x, DIMS(1, 3)), 5); /* of 32 numbers */
        weights = source_constant(&s, 7, DIMS(7, 3));
        op = source_add(&s, "matmul", DIMS(1, 7));
        source_arg(&s, op, "input", flat);
        source_arg(&s, op, "input", weights);
        source_flag(&s, op, "transpose_a", false);
        source_flag(&s, op, "transpose_b", true);
        (void) source_fix(&s, op, 2);
        assert_non_null(strstr(reason_of("matmul", LOWER_B4096), "do not fit"));
}

static int lower_it(void *userdata) {
        return lower_try(userdata, LOWER_B4096);
}

static void every_allocation_may_fail(void **state) {
        Op *x = source_input(&s, 5, DIMS(1, 4, 4, 3)),
           *a = source_fix(&s, source_conv(&s, x, 1, 3, 10), 3);

        (void) source_fix(&s, source_unary(&s, "relu", source_binary(&s, "add", a, x)), 4);
        (void) source_unary(&s, "softmax", a);
        graph_count_consumers(s.graph);
        assert_int_equal(
                graph_set_int32(s.graph, &s.graph->ops[s.graph->n_ops - 1]->attrs, "axis", 3), 0);
        assert_true(fail_alloc_sweep(lower_it, s.graph) > 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(convolutions_take_activations),
                TEST(fine_biases_are_shifted),
                TEST(finer_biases_lose_bits),
                TEST(strides_of_whole_kernels),
                TEST(depthwise_transposed_and_scale),
                TEST(linear_layers_are_convolutions),
                TEST(linear_layers_share_an_input),
                TEST(averages_have_the_engines_factor),
                TEST(other_averages_stay),
                TEST(averages_of_what_is_there_stay),
                TEST(hard_swish_is_two_ops),
                TEST(concat_gives_its_fix),
                TEST(sums_take_relu),
                TEST(constants_of_two_grids),
                TEST(a_flattened_image_may_get_another_grid),
                TEST(borders_of_the_same_name_are_two),
                TEST(names_of_the_source_are_its_own),
                TEST(weights_and_channels_have_limits),
                TEST(long_chains_are_short_work),
                TEST(tensors_may_have_no_name),
                TEST(shapes_that_do_not_fit_stay),
                TEST(what_is_no_image_stays),
                TEST(constants_that_are_too_short_stay),
                TEST(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, group_teardown);
}
