#include "source_fixture.h"

#include "unit.h"

#include <math.h>

#include "base/cleanup.h"
#include "base/random.h"

void source_init(Source *s) {
        *s = (Source){};
        assert_int_equal(graph_new(&s->graph, "test"), 0);
}

void source_deinit(Source *s) {
        s->graph = graph_free(s->graph);
}

/* --- any op ---------------------------------------------------------------------------------- */

Op *source_add(Source *s, const char *type, const int32_t *dims, size_t n_dims) {
        char name[32];
        Op *op;

        (void) snprintf(name, sizeof(name), "op%d", s->n_names++);
        assert_int_equal(graph_add_op(s->graph, name, type, &op), 0);
        assert_int_equal(graph_set_tensor(s->graph, op, name, DATA_TYPE_FLOAT, 32, dims, n_dims),
                         0);
        return op;
}

void source_arg(Source *s, Op *op, const char *name, Op *input) {
        assert_int_equal(graph_add_arg(s->graph, op, name, input), 0);
}

void source_ints(Source *s, Op *op, const char *name, const int32_t *numbers, size_t n) {
        assert_int_equal(graph_set_int32s(s->graph, &op->attrs, name, numbers, n), 0);
}

void source_floats(Source *s, Op *op, const char *name, const float *numbers, size_t n) {
        const Attr attr = { .kind = ATTR_FLOAT_VEC, .n = n, .floats = numbers };

        assert_int_equal(graph_set_attr(s->graph, &op->attrs, name, &attr), 0);
}

void source_flag(Source *s, Op *op, const char *name, bool value) {
        assert_int_equal(graph_set_bool(s->graph, &op->attrs, name, value), 0);
}

void source_word(Source *s, Op *op, const char *name, const char *value) {
        assert_int_equal(graph_set_string(s->graph, &op->attrs, name, value), 0);
}

Op *source_fix(Source *s, Op *from, int32_t fix_point) {
        char name[64];

        (void) snprintf(name, sizeof(name), "%s_fix", from->name);
        if (graph_find_op(s->graph, name)) /* a second one of the same */
                (void) snprintf(name, sizeof(name), "%s_fix%d", from->name, s->n_names++);
        return source_fix_as(s, from, fix_point, name);
}

Op *source_fix_as(Source *s, Op *from, int32_t fix_point, const char *name) {
        Op *op;

        assert_int_equal(graph_add_op(s->graph, name, "fix", &op), 0);
        assert_int_equal(graph_set_tensor(s->graph, op, name, DATA_TYPE_FLOAT, 32,
                                          from->tensor.dims, from->tensor.n_dims),
                         0);
        source_arg(s, op, "input", from);
        assert_int_equal(graph_set_int32(s->graph, &op->attrs, "fix_point", fix_point), 0);
        assert_int_equal(graph_set_int32(s->graph, &op->attrs, "bit_width", 8), 0);
        source_flag(s, op, "if_signed", true);
        source_word(s, op, "round_mode", "DPU_ROUND");
        return op;
}

Op *source_unary(Source *s, const char *type, Op *from) {
        Op *op = source_add(s, type, from->tensor.dims, from->tensor.n_dims);

        source_arg(s, op, "input", from);
        return op;
}

Op *source_binary(Source *s, const char *type, Op *a, Op *b) {
        Op *op = source_unary(s, type, a);

        source_arg(s, op, "input", b);
        return op;
}

static Op *source_shaped(Source *s, const char *type, const int32_t *dims, size_t n_dims) {
        Op *op = source_add(s, type, dims, n_dims);

        source_ints(s, op, "shape", dims, n_dims);
        source_word(s, op, "data_type", "FLOAT32");
        return op;
}

Op *source_input(Source *s, int32_t fix_point, const int32_t *dims, size_t n_dims) {
        return source_fix(s, source_shaped(s, "data", dims, n_dims), fix_point);
}

/* --- constants ------------------------------------------------------------------------------- */

static void source_set_floats(Source *s, Op *op, const float *numbers, size_t n) {
        assert_int_equal(graph_set_bytes(s->graph, &op->attrs, "data", slice_of(numbers, n * 4)),
                         0);
}

Op *source_constant(Source *s, int32_t fix_point, const int32_t *dims, size_t n_dims) {
        Op *op = source_shaped(s, "const", dims, n_dims);
        size_t n = (size_t) tensor_elements(&op->tensor);
        _cleanup_(freep) float *numbers = calloc(n, sizeof(*numbers));
        Random random = RANDOM_INIT((uint64_t) s->n_names);

        assert_non_null(numbers);
        for (size_t i = 0; i < n; i++)
                numbers[i] = ldexpf((float) ((int) random_below(&random, 255) - 127), -fix_point);
        source_set_floats(s, op, numbers, n);
        return source_fix(s, op, fix_point);
}

void source_set_numbers(Source *s, Op *constant, const int *numbers) {
        Op *op = op_input(constant, 0);
        size_t n = (size_t) tensor_elements(&op->tensor);
        _cleanup_(freep) float *floats = calloc(n, sizeof(*floats));
        int32_t fix_point;

        assert_non_null(floats);
        assert_int_equal(attrs_int32(&constant->attrs, "fix_point", &fix_point), 0);
        for (size_t i = 0; i < n; i++)
                floats[i] = ldexpf((float) numbers[i], -fix_point);
        source_set_floats(s, op, floats, n);
}

Op *source_number(Source *s, float x) {
        Op *op = source_shaped(s, "const", SOURCE_DIMS(1));

        source_set_floats(s, op, &x, 1);
        return op;
}

/* --- layers ---------------------------------------------------------------------------------- */

Op *source_window(Source *s, Op *op, int32_t kernel, int32_t stride, int32_t pad) {
        source_ints(s, op, "kernel", SOURCE_DIMS(kernel, kernel));
        source_ints(s, op, "stride", SOURCE_DIMS(stride, stride));
        source_ints(s, op, "pad", SOURCE_DIMS(pad, pad, pad, pad));
        source_word(s, op, "pad_mode", "FLOOR");
        return op;
}

Op *source_with_weights(Source *s, Op *op, Op *from, Op *weights, Op *bias) {
        source_arg(s, op, "input", from);
        source_arg(s, op, "weights", weights);
        if (bias)
                source_arg(s, op, "bias", bias);
        source_ints(s, op, "dilation", SOURCE_DIMS(1, 1));
        return op;
}

Op *source_conv(Source *s, Op *from, int32_t kernel, int32_t channels, int32_t bias_fix) {
        const int32_t *in = from->tensor.dims;
        Op *weights = source_constant(s, 7, SOURCE_DIMS(channels, kernel, kernel, in[3]));
        Op *bias = source_constant(s, bias_fix, SOURCE_DIMS(channels));
        Op *op = source_add(s, "conv2d",
                            SOURCE_DIMS(1, in[1] - kernel + 1, in[2] - kernel + 1, channels));

        return source_window(s, source_with_weights(s, op, from, weights, bias), kernel, 1, 0);
}

Op *source_leaky(Source *s, Op *from) {
        const Attr alpha = { .kind = ATTR_FLOAT, .float32 = 26.0f / 256 };
        Op *op = source_unary(s, "leaky-relu", from);

        assert_int_equal(graph_set_attr(s->graph, &op->attrs, "alpha", &alpha), 0);
        return op;
}

Op *source_resize(Source *s, Op *from, SourceResize resize) {
        const int32_t *in = from->tensor.dims;
        const float scale[] = { (float) resize.width / (float) in[2],
                                (float) resize.height / (float) in[1] };
        Op *op = source_add(s, "resize", SOURCE_DIMS(1, resize.height, resize.width, in[3]));

        source_arg(s, op, "input", from);
        source_arg(s, op, "size", NULL);
        source_word(s, op, "mode", resize.linear ? "BILINEAR" : "NEAREST");
        source_flag(s, op, "align_corners", false);
        source_flag(s, op, "half_pixel_centers", resize.centres);
        source_floats(s, op, "scale", scale, 2);
        return op;
}

Op *source_flatten(Source *s, Op *from) {
        Op *op = source_add(s, "flatten", SOURCE_DIMS(1, (int32_t) tensor_elements(&from->tensor)));

        source_arg(s, op, "input", from);
        assert_int_equal(graph_set_int32(s->graph, &op->attrs, "start_axis", 1), 0);
        assert_int_equal(graph_set_int32(s->graph, &op->attrs, "end_axis",
                                         (int32_t) from->tensor.n_dims - 1),
                         0);
        return op;
}

Op *source_reshape(Source *s, Op *from, const int32_t *dims, size_t n_dims) {
        Op *op = source_shaped(s, "reshape", dims, n_dims);

        source_arg(s, op, "input", from);
        return op;
}
