/*
 * Layers with random parameters for random targets, alone and in chains of up to four: what
 * codegen_accepts() accepts must come out of the simulator as the evaluator has it, with the
 * instructions in two legal orders. What does not is made smaller as long as it fails, and printed.
 *
 * In a chain, each layer reads the one before it; sums and products may also have an earlier one of
 * the same shape, and any output may be one of the program as well.
 *
 * CODEGEN_CASES=N tries more than the number for every day, CODEGEN_SEED=N others.
 */

#include "unit.h"

#include "base/cleanup.h"
#include "base/random.h"
#include "dpu/codegen/attach.h"
#include "dpu/sim/evaluator.h"
#include "dpu/sim/pattern.h"
#include "dpu/sim/simulator.h"
#include "tests/support/regenerate.h"

#define CASES       400
#define WORK_MAX    (UINT64_C(1) << 22) /* multiplications of one layer */
#define OUTPUT_MAX  ((size_t) 16 << 20)
#define CHANNEL_MAX 4200
#define LAYERS_MAX  4

typedef enum Kind {
        KIND_CONV,
        KIND_TRANSPOSED,
        KIND_DEPTHWISE,
        KIND_MAX,
        KIND_AVERAGE,
        KIND_ADD,
        KIND_MULTIPLY,
        KIND_SCALE,
        KIND_SIGMOID,
        KIND_CONCAT,
        KIND_UPSAMPLE,
        KIND_TILE,
        KINDS,
} Kind;

static const char *const kind_types[KINDS] = {
        [KIND_CONV] = "conv2d-fix",
        [KIND_TRANSPOSED] = "transposed-conv2d-fix",
        [KIND_DEPTHWISE] = "depthwise-conv2d-fix",
        [KIND_MAX] = "pool-fix",
        [KIND_AVERAGE] = "pool-fix",
        [KIND_ADD] = "eltwise-fix",
        [KIND_MULTIPLY] = "eltwise-fix",
        [KIND_SCALE] = "depthwise-fix",
        [KIND_SIGMOID] = "hard-sigmoid-fix",
        [KIND_CONCAT] = "concat-fix",
        [KIND_UPSAMPLE] = "upsample-fix",
        [KIND_TILE] = "tile-fix",
};

/* All numbers, so that they can be made smaller one by one. */
enum {
        P_KIND,
        P_TARGET,
        P_HEIGHT,
        P_WIDTH,
        P_CHANNELS,
        P_OUTPUTS,
        P_KERNEL_H,
        P_KERNEL_W,
        P_STRIDE_H,
        P_STRIDE_W,
        P_PAD_TOP,
        P_PAD_LEFT,
        P_DILATION,
        P_FIX_IN,
        P_FIX_WEIGHTS,
        P_FIX_BIAS, /* 0: no bias */
        P_FIX_OUT,
        P_ACTIVATION, /* none, ReLU, leaky ReLU */
        P_ALSO_OUT,   /* of a layer that others follow: 1, it is an output, too */
        P_OPERAND, /* of a layer that follows others: the second one is a new input, or a layer */
        P_SEED,
        P_COUNT,
};

typedef struct LayerCase {
        int32_t p[P_COUNT];
} LayerCase;

typedef struct Case {
        size_t n;
        LayerCase layers[LAYERS_MAX];
} Case;

static const int32_t case_least[P_COUNT] = {
        [P_HEIGHT] = 1,   [P_WIDTH] = 1,    [P_CHANNELS] = 1,    [P_OUTPUTS] = 1,
        [P_KERNEL_H] = 1, [P_KERNEL_W] = 1, [P_STRIDE_H] = 1,    [P_STRIDE_W] = 1,
        [P_DILATION] = 1, [P_FIX_IN] = 4,   [P_FIX_WEIGHTS] = 4,
};

static FingerprintInfo case_target(const Case *c) {
        return regenerate_target((size_t) c->layers[0].p[P_TARGET]);
}

static void case_print(const Case *c) {
        print_message("on %s:\n", case_target(c).short_name);
        for (size_t i = 0; i < c->n; i++) {
                const int32_t *p = c->layers[i].p;

                print_message("  %s (%d): %dx%dx%d -> %d, kernel %dx%d, stride %dx%d, pad %d,%d, "
                              "dilation %d, fix points %d %d %d -> %d, activation %d, also out %d, "
                              "operand %d, seed %d\n",
                              kind_types[p[P_KIND]], p[P_KIND], p[P_WIDTH], p[P_HEIGHT],
                              p[P_CHANNELS], p[P_OUTPUTS], p[P_KERNEL_W], p[P_KERNEL_H],
                              p[P_STRIDE_W], p[P_STRIDE_H], p[P_PAD_LEFT], p[P_PAD_TOP],
                              p[P_DILATION], p[P_FIX_IN], p[P_FIX_WEIGHTS], p[P_FIX_BIAS],
                              p[P_FIX_OUT], p[P_ACTIVATION], p[P_ALSO_OUT], p[P_OPERAND],
                              p[P_SEED]);
        }
}

/* --- random parameters ----------------------------------------------------------------------- */

/* small ones often, large ones sometimes */
static int32_t pick(Random *random, int32_t most) {
        int32_t limit = most;

        for (uint64_t halvings = random_below(random, 8); halvings > 0 && limit > 4; halvings--)
                limit /= 2;
        return 1 + (int32_t) random_below(random, (uint64_t) limit);
}

static bool has_window(const LayerCase *c) {
        return c->p[P_KIND] <= KIND_AVERAGE;
}

/* of the output, in one direction; 0: there is none */
static int32_t size_out(const LayerCase *c, int32_t size, int32_t kernel, int32_t stride,
                        int32_t pad) {
        int32_t reach = (kernel - 1) * c->p[P_DILATION] + 1;

        switch ((Kind) c->p[P_KIND]) {
        case KIND_TRANSPOSED:
                return (size - 1) * stride + kernel - 2 * pad;
        case KIND_UPSAMPLE:
        case KIND_TILE:
                return size * stride;
        case KIND_CONV:
        case KIND_DEPTHWISE:
        case KIND_MAX:
        case KIND_AVERAGE:
                return size + 2 * pad < reach ? 0 : (size + 2 * pad - reach) / stride + 1;
        case KIND_ADD:
        case KIND_MULTIPLY:
        case KIND_SCALE:
        case KIND_SIGMOID:
        case KIND_CONCAT:
        case KINDS:
                break;
        }
        return size;
}

static int32_t height_out(const LayerCase *c) {
        return size_out(c, c->p[P_HEIGHT], c->p[P_KERNEL_H], c->p[P_STRIDE_H], c->p[P_PAD_TOP]);
}

static int32_t width_out(const LayerCase *c) {
        int32_t stride = c->p[c->p[P_KIND] == KIND_TILE ? P_STRIDE_H : P_STRIDE_W];

        return size_out(c, c->p[P_WIDTH], c->p[P_KERNEL_W], stride, c->p[P_PAD_LEFT]);
}

static int32_t channels_out(const LayerCase *c) {
        Kind kind = (Kind) c->p[P_KIND];

        if (kind == KIND_CONV || kind == KIND_TRANSPOSED)
                return c->p[P_OUTPUTS];
        return kind == KIND_CONCAT ? 2 * c->p[P_CHANNELS] : c->p[P_CHANNELS];
}

static int32_t channels_in(const LayerCase *c) {
        if (c->p[P_KIND] == KIND_TILE)
                return c->p[P_CHANNELS] * c->p[P_STRIDE_H] * c->p[P_STRIDE_H];
        return c->p[P_CHANNELS];
}

static bool layer_is_possible(const LayerCase *c) {
        int64_t in = (int64_t) c->p[P_HEIGHT] * c->p[P_WIDTH] * channels_in(c);
        int64_t out = (int64_t) height_out(c) * width_out(c) * channels_out(c);
        int64_t each = 1;

        if (height_out(c) < 1 || width_out(c) < 1)
                return false;
        if (has_window(c))
                each = (int64_t) c->p[P_KERNEL_H] * c->p[P_KERNEL_W];
        if (c->p[P_KIND] == KIND_CONV || c->p[P_KIND] == KIND_TRANSPOSED)
                each *= c->p[P_CHANNELS];
        return out * each <= (int64_t) WORK_MAX && in <= (int64_t) WORK_MAX;
}

static void layer_draw_window(LayerCase *c, Random *random) {
        bool pool = c->p[P_KIND] == KIND_MAX || c->p[P_KIND] == KIND_AVERAGE;

        c->p[P_KERNEL_H] = pick(random, pool && random_below(random, 8) == 0 ? 100 : 16);
        c->p[P_KERNEL_W] = pick(random, pool && random_below(random, 8) == 0 ? 100 : 16);
        c->p[P_STRIDE_H] = pick(random, 8);
        c->p[P_STRIDE_W] = pick(random, 8);
        c->p[P_DILATION] = 1;
        if (!pool && c->p[P_KIND] != KIND_TRANSPOSED && random_below(random, 4) == 0)
                c->p[P_DILATION] = pick(random, 6);
        c->p[P_PAD_TOP] = (int32_t) random_below(random, (uint64_t) c->p[P_KERNEL_H]);
        c->p[P_PAD_LEFT] = (int32_t) random_below(random, (uint64_t) c->p[P_KERNEL_W]);
}

static void layer_draw_sizes(LayerCase *c, Random *random) {
        c->p[P_TARGET] = (int32_t) random_below(random, REGENERATE_TARGETS);
        c->p[P_HEIGHT] = pick(random, 200);
        c->p[P_WIDTH] = pick(random, random_below(random, 8) == 0 ? 2500 : 200);
        c->p[P_CHANNELS] = pick(random, CHANNEL_MAX);
        c->p[P_OUTPUTS] = pick(random, CHANNEL_MAX);
        c->p[P_KERNEL_H] = c->p[P_KERNEL_W] = c->p[P_DILATION] = 1;
        c->p[P_STRIDE_H] = pick(random, 4);
        c->p[P_STRIDE_W] = pick(random, 4);
        if (has_window(c))
                layer_draw_window(c, random);
        c->p[P_FIX_IN] = 2 + (int32_t) random_below(random, 6);
        c->p[P_FIX_WEIGHTS] = 3 + (int32_t) random_below(random, 6);
        c->p[P_FIX_BIAS] = (int32_t) random_below(random, 12);
        c->p[P_FIX_OUT] = (int32_t) random_below(random, 8);
        if (c->p[P_KIND] == KIND_MAX) /* to the right it cannot shift */
                c->p[P_FIX_OUT] = c->p[P_FIX_IN] + (int32_t) random_below(random, 2);
        c->p[P_ACTIVATION] = (int32_t) random_below(random, 3);
        c->p[P_SEED] = (int32_t) random_below(random, 1000000);
}

/* What follows from the layer before. */
static void layer_settle(LayerCase *c, const LayerCase *before) {
        int32_t up = c->p[P_FIX_OUT] - c->p[P_FIX_IN];

        c->p[P_HEIGHT] = height_out(before);
        c->p[P_WIDTH] = width_out(before);
        c->p[P_CHANNELS] = channels_out(before);
        c->p[P_FIX_IN] = before->p[P_FIX_OUT];
        if (c->p[P_KIND] == KIND_MAX)
                c->p[P_FIX_OUT] = c->p[P_FIX_IN] + (up > 0);
}

/* A layer behind another one: windows as networks have them, mostly. */
static void layer_draw_behind(LayerCase *c, Random *random, const LayerCase *before, size_t i) {
        static const Kind kinds[] = { KIND_CONV, KIND_CONV, KIND_CONV, KIND_DEPTHWISE,
                                      KIND_MAX,  KIND_ADD,  KIND_ADD,  KIND_AVERAGE,
                                      KIND_ADD,  KIND_CONV, KIND_ADD,  KIND_MULTIPLY };

        layer_draw_sizes(c, random);
        c->p[P_KIND] = (int32_t) kinds[random_below(random, ARRAY_SIZE(kinds))];
        if (random_below(random, 12) == 0)
                c->p[P_KIND] = KIND_SIGMOID;
        c->p[P_KERNEL_H] = pick(random, random_below(random, 8) == 0 ? 16 : 5);
        c->p[P_KERNEL_W] = pick(random, random_below(random, 8) == 0 ? 16 : 5);
        c->p[P_STRIDE_H] = pick(random, 3);
        c->p[P_STRIDE_W] = pick(random, 3);
        if (random_below(random, 8) > 0)
                c->p[P_DILATION] = 1;
        c->p[P_PAD_TOP] = (int32_t) random_below(random, (uint64_t) c->p[P_KERNEL_H]);
        c->p[P_PAD_LEFT] = (int32_t) random_below(random, (uint64_t) c->p[P_KERNEL_W]);
        c->p[P_OUTPUTS] = pick(random, 200);
        c->p[P_OPERAND] = (int32_t) random_below(random, i + 1);
        layer_settle(c, before);
}

static bool case_is_possible(const Case *c) {
        for (size_t i = 0; i < c->n; i++)
                if (!layer_is_possible(&c->layers[i]))
                        return false;
        return true;
}

/* Every kind as often as it is meant to be, however seldom its sizes are possible. */
static void case_draw(Case *c, Random *random) {
        Kind kind = (Kind) random_below(random, KINDS);
        size_t n = random_below(random, 2) ? 1 : 2 + random_below(random, LAYERS_MAX - 1);

        if (random_below(random, 3) == 0)
                kind = KIND_CONV;
        do {
                *c = (Case){ .n = n };
                c->layers[0].p[P_KIND] = (int32_t) kind;
                layer_draw_sizes(&c->layers[0], random);
                for (size_t i = 1; i < n && layer_is_possible(&c->layers[i - 1]); i++) {
                        layer_draw_behind(&c->layers[i], random, &c->layers[i - 1], i);
                        c->layers[i - 1].p[P_ALSO_OUT] = random_below(random, 8) == 0;
                }
        } while (!case_is_possible(c));
}

/* --- the graph ------------------------------------------------------------------------------- */

static void set_tensor(Graph *g, Op *op, const int32_t dims[4], int32_t fix_point) {
        char name[64];

        (void) snprintf(name, sizeof(name), "%s_fix", op->name);
        assert_int_equal(graph_set_tensor(g, op, name, DATA_TYPE_XINT, 8, dims, 4), 0);
        assert_int_equal(graph_set_int32(g, &op->tensor.attrs, "fix_point", fix_point), 0);
        assert_int_equal(graph_set_int32(g, &op->tensor.attrs, "bit_width", 8), 0);
        assert_int_equal(graph_set_bool(g, &op->tensor.attrs, "if_signed", true), 0);
        assert_int_equal(graph_set_string(g, &op->tensor.attrs, "round_mode", "DPU_ROUND"), 0);
}

static Op *add_op(Graph *g, const char *name, const char *type, const int32_t dims[4],
                  int32_t fix_point) {
        Op *op;

        assert_int_equal(graph_add_op(g, name, type, &op), 0);
        set_tensor(g, op, dims, fix_point);
        if (strcmp(type, "data-fix") == 0 || strcmp(type, "const-fix") == 0) {
                assert_int_equal(graph_set_int32s(g, &op->attrs, "shape", dims, 4), 0);
                assert_int_equal(graph_set_string(g, &op->attrs, "data_type", "XINT8"), 0);
        }
        return op;
}

static Op *add_const(Graph *g, const char *name, const int32_t dims[4], int32_t fix_point,
                     int32_t seed) {
        Op *op = add_op(g, name, "const-fix", dims, fix_point);
        Random random = RANDOM_INIT((uint64_t) seed);
        size_t n = tensor_elements(&op->tensor);
        _cleanup_(freep) uint8_t *data = malloc(n);

        assert_non_null(data);
        for (size_t i = 0; i < n; i++)
                data[i] = (uint8_t) random_below(&random, 256);
        assert_int_equal(graph_set_bytes(g, &op->attrs, "data", slice_of(data, n)), 0);
        return op;
}

static Op *add_input(Graph *g, const char *name, const int32_t dims[4], int32_t fix_point) {
        char upload_name[64];
        Op *data = add_op(g, name, "data-fix", dims, fix_point), *upload;

        (void) snprintf(upload_name, sizeof(upload_name), "%s_upload_0", name);
        upload = add_op(g, upload_name, "upload", dims, fix_point);
        assert_int_equal(graph_add_arg(g, upload, "input", data), 0);
        return upload;
}

static int32_t pad_after(int32_t out, int32_t stride, int32_t kernel, int32_t dilation, int32_t in,
                         int32_t before) {
        int32_t needed = (out - 1) * stride + (kernel - 1) * dilation + 1 - in - before;

        return needed > 0 ? needed : 0;
}

static void set_window(Graph *g, Op *op, const LayerCase *c) {
        const int32_t *p = c->p;
        const int32_t kernel[] = { p[P_KERNEL_W], p[P_KERNEL_H] };
        const int32_t stride[] = { p[P_STRIDE_W], p[P_STRIDE_H] };
        const int32_t dilation[] = { p[P_DILATION], p[P_DILATION] };
        int32_t pad[] = { p[P_PAD_LEFT], p[P_PAD_LEFT], p[P_PAD_TOP], p[P_PAD_TOP] };

        if (p[P_KIND] != KIND_TRANSPOSED) {
                pad[1] = pad_after(width_out(c), p[P_STRIDE_W], p[P_KERNEL_W], p[P_DILATION],
                                   p[P_WIDTH], p[P_PAD_LEFT]);
                pad[3] = pad_after(height_out(c), p[P_STRIDE_H], p[P_KERNEL_H], p[P_DILATION],
                                   p[P_HEIGHT], p[P_PAD_TOP]);
        }
        assert_int_equal(graph_set_int32s(g, &op->attrs, "kernel", kernel, 2), 0);
        assert_int_equal(graph_set_int32s(g, &op->attrs, "stride", stride, 2), 0);
        assert_int_equal(graph_set_int32s(g, &op->attrs, "dilation", dilation, 2), 0);
        assert_int_equal(graph_set_int32s(g, &op->attrs, "pad", pad, 4), 0);
}

static void add_weights(Graph *g, Op *layer, const LayerCase *c, Op *weights, Op *bias) {
        static const char *const activations[] = { "NONE", "RELU", "LEAKYRELU" };
        const Attr alpha = { .kind = ATTR_FLOAT, .float32 = 0.1015625F };

        assert_int_equal(graph_add_arg(g, layer, "weights", weights), 0);
        if (bias)
                assert_int_equal(graph_add_arg(g, layer, "bias", bias), 0);
        assert_int_equal(
                graph_set_string(g, &layer->attrs, "nonlinear", activations[c->p[P_ACTIVATION]]),
                0);
        assert_int_equal(graph_set_attr(g, &layer->attrs, "LEAKYRELU_alpha", &alpha), 0);
}

static bool has_weights(Kind kind) {
        return kind == KIND_CONV || kind == KIND_TRANSPOSED || kind == KIND_DEPTHWISE;
}

static void set_attributes(Graph *g, Op *op, const LayerCase *c) {
        const float scale[] = { (float) c->p[P_STRIDE_W], (float) c->p[P_STRIDE_H] };
        const Attr scales = { .kind = ATTR_FLOAT_VEC, .n = 2, .floats = scale };
        Kind kind = (Kind) c->p[P_KIND];
        Attrs *attrs = &op->attrs;
        const char *type = kind == KIND_MAX                              ? "MAX"
                           : kind == KIND_AVERAGE                        ? "AVG"
                           : kind == KIND_MULTIPLY || kind == KIND_SCALE ? "MUL"
                           : kind == KIND_ADD                            ? "ADD"
                                                                         : NULL;

        if (has_window(c))
                set_window(g, op, c);
        if (type)
                assert_int_equal(graph_set_string(g, attrs, "type", type), 0);
        if (kind == KIND_ADD || kind == KIND_MULTIPLY)
                assert_int_equal(graph_set_string(g, attrs, "nonlinear",
                                                  c->p[P_ACTIVATION] ? "RELU" : "NONE"),
                                 0);
        assert_int_equal(graph_set_int32(g, attrs, "axis", 3), 0);
        assert_int_equal(graph_set_string(g, attrs, "mode", "NEAREST"), 0);
        assert_int_equal(graph_set_attr(g, attrs, "scale", &scales), 0);
        if (kind == KIND_TILE) {
                (void) attrs_remove(attrs, "scale");
                assert_int_equal(graph_set_bool(g, attrs, "reverse", true), 0);
                assert_int_equal(graph_set_int32(g, attrs, "stride", c->p[P_STRIDE_H]), 0);
        }
        if (kind == KIND_SIGMOID) {
                assert_int_equal(graph_set_int32(g, attrs, "hsigmoid_in", c->p[P_FIX_IN]), 0);
                assert_int_equal(graph_set_int32(g, attrs, "shift_hsigmoid",
                                                 14 + c->p[P_FIX_IN] - c->p[P_FIX_OUT]),
                                 0);
        }
}

/* Layer number @i of a chain: names that tell it. */
static const char *name_of(char buffer[16], const char *name, size_t i) {
        (void) snprintf(buffer, 16, "%s%zu", name, i);
        return buffer;
}

static bool is_elementwise(Kind kind) {
        return kind == KIND_ADD || kind == KIND_MULTIPLY;
}

/* The layer before number @i that is its second operand; NULL: none is, or can be. */
static Op *find_operand(const Graph *g, const Case *c, size_t i) {
        const LayerCase *layer = &c->layers[i];
        char name[16];
        const LayerCase *other;
        size_t number;

        if (!is_elementwise((Kind) layer->p[P_KIND]) || layer->p[P_OPERAND] < 1 ||
            (size_t) layer->p[P_OPERAND] > i)
                return NULL;
        number = (size_t) layer->p[P_OPERAND] - 1;
        other = &c->layers[number];
        if (height_out(other) != layer->p[P_HEIGHT] || width_out(other) != layer->p[P_WIDTH] ||
            channels_out(other) != layer->p[P_CHANNELS])
                return NULL;
        return graph_find_op(g, name_of(name, "y", number));
}

static Op *add_second(Graph *g, const Case *c, size_t i) {
        const int32_t *p = c->layers[i].p;
        const int32_t in[] = { 1, p[P_HEIGHT], p[P_WIDTH], channels_in(&c->layers[i]) };
        const int32_t vector[] = { 1, 1, 1, channels_in(&c->layers[i]) };
        Kind kind = (Kind) p[P_KIND];
        Op *operand = find_operand(g, c, i);
        char name[16];

        if (operand)
                return operand;
        if (is_elementwise(kind) || kind == KIND_CONCAT)
                return add_input(g, name_of(name, "b", i), in, p[P_FIX_WEIGHTS]);
        if (kind == KIND_SCALE)
                return add_input(g, name_of(name, "b", i), vector, p[P_FIX_WEIGHTS]);
        return NULL;
}

static Op *add_layer(Graph *g, const Case *c, size_t i, Op *first) {
        const LayerCase *layer_case = &c->layers[i];
        const int32_t *p = layer_case->p;
        Kind kind = (Kind) p[P_KIND];
        const int32_t out[] = { 1, height_out(layer_case), width_out(layer_case),
                                channels_out(layer_case) };
        const int32_t filters[] = { kind == KIND_DEPTHWISE ? 1 : p[P_OUTPUTS], p[P_KERNEL_H],
                                    p[P_KERNEL_W], p[P_CHANNELS] };
        const int32_t biases[] = { 1, 1, 1, channels_out(layer_case) };
        Op *second = add_second(g, c, i), *weights = NULL, *bias = NULL, *layer;
        char name[16];

        if (has_weights(kind))
                weights = add_const(g, name_of(name, "w", i), filters, p[P_FIX_WEIGHTS], p[P_SEED]);
        if (has_weights(kind) && p[P_FIX_BIAS] > 0)
                bias = add_const(g, name_of(name, "v", i), biases, p[P_FIX_BIAS], p[P_SEED] + 1);
        layer = add_op(g, name_of(name, "y", i), kind_types[kind], out, p[P_FIX_OUT]);
        assert_int_equal(graph_add_arg(g, layer, "input", first), 0);
        if (second)
                assert_int_equal(graph_add_arg(g, layer, "input", second), 0);
        if (weights)
                add_weights(g, layer, layer_case, weights, bias);
        set_attributes(g, layer, layer_case);
        return layer;
}

static void add_download(Graph *g, const Op *layer) {
        const int32_t *dims = layer->tensor.dims;
        int32_t fix_point = 0;
        char name[64];
        Op *download;

        (void) snprintf(name, sizeof(name), "%s_download_0", layer->name);
        assert_int_equal(attrs_int32(&layer->tensor.attrs, "fix_point", &fix_point), 0);
        download = add_op(g, name, "download", dims, fix_point);
        assert_int_equal(graph_add_arg(g, download, "input", (Op *) layer), 0);
}

static Graph *make_graph(const Case *c) {
        const int32_t *p = c->layers[0].p;
        const int32_t in[] = { 1, p[P_HEIGHT], p[P_WIDTH], channels_in(&c->layers[0]) };
        Op *layer;
        Graph *g;

        assert_int_equal(graph_new(&g, "layers"), 0);
        layer = add_input(g, "a", in, p[P_FIX_IN]);
        for (size_t i = 0; i < c->n; i++) {
                layer = add_layer(g, c, i, layer);
                if (i + 1 == c->n || c->layers[i].p[P_ALSO_OUT])
                        add_download(g, layer);
        }
        graph_count_consumers(g);
        return g;
}

/* --- one case -------------------------------------------------------------------------------- */

typedef enum Outcome {
        REFUSED,
        RIGHT,
        WRONG,
} Outcome;

static Evaluator *evaluate(const Case *c, const Graph *g) {
        const EvaluatorOptions options = { .n_threads = 1 };
        Evaluator *evaluator;
        Problem problem = { "" };

        assert_int_equal(evaluator_new(&evaluator, g, &options), 0);
        for (size_t i = 0; i < g->n_ops; i++) {
                Values values;

                if (!evaluator_is_input(g->ops[i])) {
                        evaluator_keep(evaluator, g->ops[i]);
                        continue;
                }
                assert_int_equal(evaluator_blank(evaluator, g->ops[i], &values, NULL), 0);
                pattern_fill(PATTERN_RANDOM, (uint64_t) c->layers[0].p[P_SEED],
                             slice_of_string(g->ops[i]->name), EVALUATOR_GRID, &values);
                evaluator_set(evaluator, g->ops[i], &values);
        }
        if (evaluator_run(evaluator, NULL, NULL, &problem) < 0) {
                case_print(c);
                fail_msg("%s", problem.text);
        }
        return evaluator;
}

static bool compare(const Simulator *s, const ProgramTensor *tensor, const Evaluator *evaluator,
                    const Graph *g) {
        const Values *values = evaluator_values(evaluator, graph_find_op(g, tensor->op->name));
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);

        assert_int_equal(simulator_read(s, tensor, &bytes), 0);
        assert_int_equal(bytes.size, values->n);
        return memcmp(bytes.data, values->fixed, values->n) == 0;
}

static Outcome simulate(const Evaluator *evaluator, const Graph *g, const Program *program,
                        SimulatorOrder order) {
        const SimulatorOptions options = { .order = order, .threads = 1 };
        _cleanup_(simulator_freep) Simulator *s = NULL;
        Problem problem = { "" };

        assert_int_equal(simulator_new(&s, program, &options, &problem), 0);
        for (size_t i = 0; i < program->n_inputs; i++) {
                const Values *in = evaluator_values(evaluator, program->inputs[i].outside);

                assert_int_equal(simulator_write(s, program->inputs[i].tensor,
                                                 slice_of(in->fixed, in->n), NULL),
                                 0);
        }
        if (simulator_run(s, &problem) < 0) {
                print_message("%s\n", problem.text);
                return WRONG;
        }
        for (size_t i = 0; i < program->n_outputs; i++)
                if (!compare(s, program->outputs[i].tensor, evaluator, g))
                        return WRONG;
        return RIGHT;
}

static Subgraph *generate(Graph *g, const FingerprintInfo *target) {
        _cleanup_(codegen_cleanup) Codegen codegen = {};
        const Op *ops[8 * LAYERS_MAX];
        Problem problem = { "" };
        Subgraph *subgraph;
        size_t n = 0;

        for (size_t i = 0; i < g->n_ops; i++)
                if (!evaluator_is_input(g->ops[i]))
                        ops[n++] = g->ops[i];
        assert_int_equal(graph_add_subgraph(g, g->root, "subgraph_y", &subgraph), 0);
        if (codegen_run(ops, n, target, &codegen, &problem) < 0 ||
            attach_run(&codegen, target, g, subgraph, &problem) < 0) {
                print_message("%s\n", problem.text);
                return NULL;
        }
        return subgraph;
}

static Outcome case_try(const Case *c) {
        const FingerprintInfo target = case_target(c);
        _cleanup_(graph_freep) Graph *g = make_graph(c);
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;
        _cleanup_(program_cleanup) Program program = {};
        Outcome outcome;
        Subgraph *subgraph;
        char name[16];

        for (size_t i = 0; i < c->n; i++)
                if (codegen_accepts(graph_find_op(g, name_of(name, "y", i)), &target, NULL) < 0)
                        return REFUSED;
        evaluator = evaluate(c, g);
        subgraph = generate(g, &target);
        if (!subgraph)
                return WRONG;
        assert_int_equal(program_load(subgraph, &program, NULL), 0);
        outcome = simulate(evaluator, g, &program, SIMULATOR_ORDER_PROGRAM);
        if (outcome == RIGHT)
                outcome = simulate(evaluator, g, &program, SIMULATOR_ORDER_EAGER_LOAD);
        return outcome;
}

/* --- all ------------------------------------------------------------------------------------- */

/* as it is with one layer less at the end or, @front, at the beginning */
static Case case_cut(const Case *c, bool front) {
        Case other = *c;

        other.n--;
        if (front) {
                memmove(other.layers, other.layers + 1, other.n * sizeof(*other.layers));
                other.layers[0].p[P_TARGET] = c->layers[0].p[P_TARGET];
        }
        return other;
}

/* Takes @other for @c if it is still wrong. */
static bool case_accept(Case *c, Case *other) {
        for (size_t i = 1; i < other->n; i++)
                layer_settle(&other->layers[i], &other->layers[i - 1]);
        if (memcmp(c, other, sizeof(*c)) == 0 || !case_is_possible(other) ||
            case_try(other) != WRONG)
                return false;
        *c = *other;
        return true;
}

static bool case_shrink_number(Case *c, size_t layer, size_t i) {
        bool smaller = false;

        for (int32_t by = 2; by > 0; by--) {
                Case other = *c;
                int32_t *p = &other.layers[layer].p[i];

                *p = by == 2 ? *p / 2 : *p - 1;
                if (*p >= case_least[i] && *p != c->layers[layer].p[i])
                        smaller = case_accept(c, &other) || smaller;
        }
        return smaller;
}

/* Takes layers away, halves numbers, or takes one off, as long as the case stays wrong. */
static void case_shrink(Case *c) {
        bool smaller = true;

        while (smaller) {
                smaller = false;
                for (int front = 0; front < 2 && c->n > 1; front++) {
                        Case other = case_cut(c, front);

                        smaller = case_accept(c, &other) || smaller;
                }
                for (size_t layer = 0; layer < c->n; layer++)
                        for (size_t i = P_HEIGHT; i < P_SEED; i++)
                                smaller = case_shrink_number(c, layer, i) || smaller;
        }
}

static uint64_t number_of(const char *variable, uint64_t otherwise) {
        const char *text = getenv(variable);

        return text ? strtoull(text, NULL, 10) : otherwise;
}

static void layers_are_right(void **state) {
        Random random = RANDOM_INIT(number_of("CODEGEN_SEED", 1));
        uint64_t cases = number_of("CODEGEN_CASES", CASES), right[KINDS] = {}, refused[KINDS] = {},
                 chains = 0;

        for (uint64_t i = 0; i < cases; i++) {
                Outcome outcome;
                Case c;

                case_draw(&c, &random);
                outcome = case_try(&c);
                if (outcome == WRONG) {
                        case_print(&c);
                        case_shrink(&c);
                        case_print(&c);
                        fail();
                }
                for (size_t k = 0; k < c.n; k++)
                        (outcome == RIGHT ? right : refused)[c.layers[k].p[P_KIND]]++;
                chains += outcome == RIGHT && c.n > 1;
        }
        for (size_t k = 0; k < KINDS; k++)
                print_message("%2zu %-24s %3llu right, %llu refused\n", k, kind_types[k],
                              (unsigned long long) right[k], (unsigned long long) refused[k]);
        print_message("%llu chains right\n", (unsigned long long) chains);
        for (size_t k = 0; cases >= CASES && k < KINDS; k++)
                assert_true(right[k] > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(layers_are_right),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
