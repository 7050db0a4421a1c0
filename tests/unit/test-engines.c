/*
 * The limits of the engines, a number on each side of each: layers as lowering makes them, held
 * against dpu/compiler/engines.h. For B1024 (8 channels in parallel, no leaky-relu in its ALU),
 * unless it says otherwise; the channel limits are 256 times that.
 */

#include "unit.h"

#include "base/cleanup.h"
#include "dpu/compiler/engines.h"
#include "source_fixture.h"
#include "tests/support/regenerate.h"

#define DIMS SOURCE_DIMS

enum { B512 = 1, B800, B1024, B1152, B1600, B2304, B3136, B4096 };

typedef struct Layer {
        const char *type; /* without "-fix" */
        size_t target;    /* 0: B1024 */
        int32_t in, out;  /* channels; 0: 8 */
        int32_t kernel[2], stride[2], dilation[2], pad[4];
        int32_t size;             /* of the input; 0: 64 */
        int32_t fix_in, fix_out;  /* weights and bias have 0 */
        const char *word;         /* nonlinear, or the type of a pool or sum */
        int32_t fix_bias, number; /* number: a group, axis, scale or batch */
} Layer;

typedef struct Limit {
        Layer layer;
        bool fits;
} Limit;

static Source s;

static int setup(void **state) {
        source_init(&s);
        return 0;
}

static int teardown(void **state) {
        source_deinit(&s);
        return 0;
}

/* --- a layer --------------------------------------------------------------------------------- */

static Op *fixed(const char *type, const int32_t *dims, size_t n_dims, int32_t fix_point) {
        Op *op = source_add(&s, type, dims, n_dims);

        assert_int_equal(graph_set_tensor(s.graph, op, op->name, DATA_TYPE_XINT, 8, dims, n_dims),
                         0);
        assert_int_equal(graph_set_int32(s.graph, &op->tensor.attrs, "fix_point", fix_point), 0);
        return op;
}

static bool is(const Layer *layer, const char *word) {
        return strstr(layer->type, word) != NULL;
}

static int32_t or_one(int32_t number) {
        return number == 0 ? 1 : number;
}

static int32_t or_eight(int32_t number) {
        return number == 0 ? 8 : number;
}

static void add_weights(Op *op, const Layer *layer, Op *weights, Op *bias) {
        const Attr alpha = { .kind = ATTR_FLOAT, .float32 = 26.0F / 256 };

        source_arg(&s, op, "weights", weights);
        source_arg(&s, op, "bias", bias);
        source_word(&s, op, "nonlinear", layer->word ? layer->word : "NONE");
        assert_int_equal(graph_set_attr(s.graph, &op->attrs, "LEAKYRELU_alpha", &alpha), 0);
        assert_int_equal(graph_set_int32(s.graph, &op->attrs, "group", or_one(layer->number)), 0);
}

static void set_numbers(Op *op, const Layer *layer) {
        const float scale[] = { (float) layer->stride[0], (float) layer->stride[0] };

        source_ints(&s, op, "kernel", DIMS(or_one(layer->kernel[0]), or_one(layer->kernel[1])));
        source_ints(&s, op, "stride", DIMS(or_one(layer->stride[0]), or_one(layer->stride[1])));
        source_ints(&s, op, "dilation",
                    DIMS(or_one(layer->dilation[0]), or_one(layer->dilation[1])));
        source_ints(&s, op, "pad", layer->pad, 4);
        if (is(layer, "pool") || is(layer, "eltwise"))
                source_word(&s, op, "type",
                            layer->word         ? layer->word
                            : is(layer, "pool") ? "MAX"
                                                : "ADD");
        if (is(layer, "upsample"))
                source_floats(&s, op, "scale", scale, 2);
        if (is(layer, "concat"))
                assert_int_equal(graph_set_int32(s.graph, &op->attrs, "axis", layer->number), 0);
        if (is(layer, "slice"))
                source_ints(&s, op, "strides", DIMS(1, 1, 1, or_one(layer->number)));
}

static Op *make(const Layer *layer) {
        int32_t size = layer->size > 0 ? layer->size : 64, out = or_eight(layer->out);
        int32_t larger = is(layer, "upsample") ? layer->stride[0] : 1;
        int32_t batch = is(layer, "reshape") ? or_one(layer->number) : 1;
        bool sum = is(layer, "eltwise") || is(layer, "concat");
        Op *input = fixed("upload", DIMS(1, size, size, or_eight(layer->in)), layer->fix_in);
        Op *other = sum ? fixed("upload", DIMS(1, size, size, or_eight(layer->in)), 0) : NULL;
        Op *weights = fixed("const-fix",
                            DIMS(is(layer, "depthwise") ? 1 : out, or_one(layer->kernel[1]),
                                 or_one(layer->kernel[0]), or_eight(layer->in)),
                            0);
        Op *bias = fixed("const-fix", DIMS(out), layer->fix_bias), *op;
        char type[64];

        (void) snprintf(type, sizeof(type), "%s-fix", layer->type);
        op = fixed(type, DIMS(batch, size * larger, size * larger, out), layer->fix_out);
        source_arg(&s, op, "input", input);
        if (other)
                source_arg(&s, op, "input", other);
        if (is(layer, "conv2d"))
                add_weights(op, layer, weights, bias);
        set_numbers(op, layer);
        return op;
}

static void check(const Limit *limits, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const FingerprintInfo target =
                        regenerate_target((limits[i].layer.target ?: B1024) - 1);
                Problem reason = { "" };
                Engines engines;
                bool fits;

                engines_init(&engines, &target);
                fits = engines_accept(make(&limits[i].layer), &engines, &reason);
                if (fits != limits[i].fits)
                        fail_msg("%s number %zu: %s", limits[i].layer.type, i, reason.text);
                assert_int_equal(fits, reason.text[0] == '\0'); /* a word for each refusal */
        }
}

#define CHECK(_limits) check(_limits, ARRAY_SIZE(_limits))

/* --- limits ---------------------------------------------------------------------------------- */

#define CONV(...)                                                                                  \
        { .type = "conv2d", __VA_ARGS__ }
#define DEPTHWISE(...)                                                                             \
        { .type = "depthwise-conv2d", __VA_ARGS__ }
#define TRANSPOSED(...)                                                                            \
        { .type = "transposed-conv2d", __VA_ARGS__ }
#define POOL(...)                                                                                  \
        { .type = "pool", __VA_ARGS__ }
#define SUM(...)                                                                                   \
        { .type = "eltwise", __VA_ARGS__ }
#define OTHER(_type, ...)                                                                          \
        { .type = _type, __VA_ARGS__ }

/* the filters of one output channel fill 2048 words of a bank at most */
static void convolutions_of_many_channels(void **state) {
        static const Limit limits[] = {
                { CONV(.kernel = { 3, 3 }, .in = 1816), true },
                { CONV(.kernel = { 3, 3 }, .in = 1817), false },
                { CONV(.in = 2048), true },
                { CONV(.in = 2049), false },
                { CONV(.out = 2048), true },
                { CONV(.out = 2049), false },
                { CONV(.kernel = { 16, 16 }, .in = 64), true },
                { CONV(.kernel = { 16, 16 }, .in = 65), false },
                { CONV(.target = B512, .in = 2048), true },
                { CONV(.target = B512, .in = 2049), false },
                { CONV(.target = B800, .in = 2560), true },
                { CONV(.target = B800, .in = 2561), false },
                { CONV(.target = B1152, .in = 3072), true },
                { CONV(.target = B1152, .in = 3073), false },
                { CONV(.target = B1600, .in = 2560), true },
                { CONV(.target = B1600, .in = 2561), false },
                { CONV(.target = B2304, .in = 3072), true }, /* seen in the field */
                { CONV(.target = B2304, .in = 3073), false },
                { CONV(.target = B3136, .in = 3584), true },
                { CONV(.target = B3136, .in = 3585), false },
                { CONV(.target = B4096, .in = 4096), true },
                { CONV(.target = B4096, .in = 4097), false },
                { CONV(.target = B4096, .kernel = { 3, 3 }, .in = 3632), true },
                { CONV(.target = B4096, .kernel = { 3, 3 }, .in = 3633), false },
        };

        CHECK(limits);
}

static void windows_of_convolutions(void **state) {
        static const Limit limits[] = {
                { CONV(.kernel = { 16, 1 }), true },
                { CONV(.kernel = { 17, 1 }), false },
                { CONV(.kernel = { 1, 16 }), true },
                { CONV(.kernel = { 1, 17 }), false },
                { CONV(.stride = { 8, 8 }), true },
                { CONV(.stride = { 9, 8 }), false },
                { CONV(.stride = { 8, 9 }), false },
                { CONV(.kernel = { 10, 10 }, .stride = { 9, 9 }, .size = 10), true }, /* one */
                { CONV(.kernel = { 3, 3 }, .pad = { 3, 3, 3, 3 }), true },
                { CONV(.kernel = { 3, 3 }, .pad = { 4, 0, 0, 0 }), false },
                { CONV(.kernel = { 3, 3 }, .pad = { 0, 0, 0, -1 }), false },
                { CONV(.kernel = { 3, 3 }, .dilation = { 2, 2 }, .pad = { 5, 0, 0, 0 }), true },
                { CONV(.kernel = { 3, 3 }, .dilation = { 2, 2 }, .pad = { 6, 0, 0, 0 }), false },
                { CONV(.in = 128, .dilation = { 16, 16 }), true },
                { CONV(.in = 128, .dilation = { 17, 16 }), false },
                { CONV(.number = 2), false },
        };

        CHECK(limits);
}

static void windows_of_the_alu(void **state) {
        static const Limit limits[] = {
                { DEPTHWISE(.kernel = { 256, 1 }), true },
                { DEPTHWISE(.kernel = { 257, 1 }), false },
                { DEPTHWISE(.kernel = { 64, 32 }), true },
                { DEPTHWISE(.kernel = { 64, 33 }), false },
                { DEPTHWISE(.stride = { 256, 256 }), true },
                { DEPTHWISE(.stride = { 257, 1 }), false },
                { DEPTHWISE(.kernel = { 16, 16 }, .pad = { 15, 16, 15, 16 }), true },
                { DEPTHWISE(.kernel = { 17, 17 }, .pad = { 16, 0, 0, 0 }), false },
                { DEPTHWISE(.kernel = { 17, 17 }, .pad = { 0, 0, 16, 0 }), false },
                { DEPTHWISE(.kernel = { 256, 1 }, .pad = { 0, 255, 0, 0 }), true },
                { DEPTHWISE(.kernel = { 256, 1 }, .pad = { 0, 256, 0, 0 }), false },
                { DEPTHWISE(.kernel = { 3, 3 }, .dilation = { 2, 2 }), true },
                { DEPTHWISE(.kernel = { 3, 3 }, .dilation = { 2, 3 }), false },
                { DEPTHWISE(.in = 2048, .out = 2048), true },
                { DEPTHWISE(.in = 2049, .out = 2049), false },
                { DEPTHWISE(.in = 8, .out = 16), false },
                { POOL(.kernel = { 256, 256 }), true },
                { POOL(.kernel = { 256, 257 }), false },
                { POOL(.stride = { 256, 256 }), true },
                { POOL(.stride = { 256, 257 }), false },
                { POOL(.in = 8, .out = 9), false },
                { POOL(.kernel = { 16, 16 }, .pad = { 15, 15, 15, 15 }), true },
                { POOL(.kernel = { 32, 32 }, .pad = { 16, 0, 0, 0 }), false },
                { POOL(.in = 2048, .out = 2048), true },
                { POOL(.in = 2049, .out = 2049), false },
        };

        CHECK(limits);
}

static void transposed_convolutions(void **state) {
        static const Limit limits[] = {
                { TRANSPOSED(.kernel = { 2, 2 }, .stride = { 2, 2 }), true },
                { TRANSPOSED(.kernel = { 2, 2 }, .stride = { 3, 2 }), false },
                { TRANSPOSED(.kernel = { 32, 8 }, .stride = { 2, 2 }), true },
                { TRANSPOSED(.kernel = { 33, 8 }, .stride = { 2, 2 }), false },
                { TRANSPOSED(.kernel = { 4, 4 }, .stride = { 2, 2 }, .in = 1024), true },
                { TRANSPOSED(.kernel = { 4, 4 }, .stride = { 2, 2 }, .in = 1025), false },
                { TRANSPOSED(.kernel = { 2, 2 }, .stride = { 2, 2 }, .out = 2048), true },
                { TRANSPOSED(.kernel = { 2, 2 }, .stride = { 2, 2 }, .out = 2049), false },
                { TRANSPOSED(.kernel = { 4, 4 }, .stride = { 2, 2 }, .pad = { 4, 4, 4, 4 }), true },
                { TRANSPOSED(.kernel = { 4, 4 }, .stride = { 2, 2 }, .pad = { 5, 0, 0, 0 }),
                  false },
        };

        CHECK(limits);
}

/* sums to the right by 0 to 16; a bias by at most 16 to the left, and not too far to the right */
static void shifts(void **state) {
        static const Limit limits[] = {
                { CONV(.fix_in = 16, .fix_bias = 8), true },
                { CONV(.fix_in = 17, .fix_bias = 8), false },
                { CONV(.fix_out = 1), false },
                { CONV(.fix_in = 16, .fix_out = 8), true },
                { CONV(.fix_in = 17, .fix_out = 8), false },
                { CONV(.fix_in = 4, .fix_out = 4, .fix_bias = 20), true },
                { CONV(.fix_in = 4, .fix_out = 4, .fix_bias = 21), false },
                { SUM(.fix_in = 15), true },
                { SUM(.fix_in = 16), false },
                { SUM(.fix_out = 15), true },
                { SUM(.fix_out = 16), false },
                { SUM(.fix_out = -15), true },
                { SUM(.fix_out = -16), false },
                { SUM(.word = "MUL", .fix_in = 15), true },
                { SUM(.word = "MUL", .fix_in = 16), false },
                { POOL(.fix_in = 0, .fix_out = 7), true },
                { POOL(.fix_in = 1, .fix_out = 0), false },
                { POOL(.word = "AVG", .fix_in = 1, .fix_out = 0), true },
        };

        CHECK(limits);
}

static void activations(void **state) {
        static const Limit limits[] = {
                { CONV(.word = "RELU"), true },
                { CONV(.word = "LEAKYRELU"), true },
                { TRANSPOSED(.kernel = { 2, 2 }, .stride = { 2, 2 }, .word = "LEAKYRELU"), true },
                { DEPTHWISE(.word = "RELU"), true },
                { DEPTHWISE(.word = "LEAKYRELU"), false }, /* no released IP has it */
                { OTHER("transposed-depthwise-conv2d", .kernel = { 2, 2 }, .word = "RELU"), false },
                { OTHER("transposed-depthwise-conv2d", .kernel = { 2, 2 }), true },
        };

        CHECK(limits);
}

static void what_moves_numbers(void **state) {
        static const Limit limits[] = {
                { OTHER("concat", .number = 3, .out = 16), true },
                { OTHER("concat", .number = 2), true },
                { OTHER("concat", .number = 0), false },
                { OTHER("upsample", .stride = { 2, 2 }), true },
                { OTHER("upsample", .stride = { 2, 2 }, .in = 2048, .out = 2048), true },
                { OTHER("upsample", .stride = { 2, 2 }, .in = 2049, .out = 2049), false },
                { OTHER("upsample", .stride = { 2, 2 }, .fix_in = 15), true },
                { OTHER("upsample", .stride = { 2, 2 }, .fix_in = 16), false },
                { OTHER("strided_slice", .number = 1), true },
                { OTHER("strided_slice", .number = 2), false },
                { OTHER("pad", .in = 2048, .out = 2048), true },
                { OTHER("pad", .in = 2049, .out = 2049), false },
                { OTHER("reshape", .number = 1), true },
                { OTHER("reshape", .number = 2), false }, /* it changes the batch */
                { OTHER("reshape", .number = 1, .out = 9), false },
                { OTHER("hard-sigmoid", .fix_in = 15, .fix_out = 7), true },
                { OTHER("hard-sigmoid", .fix_in = 16, .fix_out = 7), false },
                { OTHER("softmax", .number = 1), false },
        };

        CHECK(limits);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(convolutions_of_many_channels),
                TEST(windows_of_convolutions),
                TEST(windows_of_the_alu),
                TEST(transposed_convolutions),
                TEST(shifts),
                TEST(activations),
                TEST(what_moves_numbers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
