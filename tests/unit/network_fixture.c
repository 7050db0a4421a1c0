#include "network_fixture.h"

#include "unit.h"

#include <assert.h>
#include <math.h>

#include "base/cleanup.h"
#include "source_fixture.h"
#include "tests/support/regenerate.h"
#include "whole_fixture.h"

#define NODES_MAX    NETWORK_NODES
#define WORK_MAX     ((int64_t) 1 << 21) /* multiplications of one node */
#define ELEMENTS_MAX ((int64_t) 1 << 17)
#define WEIGHTS_MAX  ((int64_t) 1 << 18)
#define CHANNEL_MAX  4200

#define DIMS SOURCE_DIMS

typedef enum Kind {
        KIND_NONE,
        KIND_CONV,
        KIND_DEPTHWISE,
        KIND_TRANSPOSED,
        KIND_TRANSPOSED_DEPTHWISE,
        KIND_MAXIMUM,
        KIND_AVERAGE,
        KIND_REDUCE,
        KIND_ADD,
        KIND_MULTIPLY,
        KIND_EXCITE, /* times one number for each channel, computed from the image */
        KIND_CONCAT,
        KIND_RESIZE,
        KIND_RESHAPE,
        KIND_MATMUL,
        KIND_SIGMOID,
        KIND_SWISH,
        KIND_SCALE,
        KIND_NORM,
        KIND_PAD,
        KIND_SLICE,
        KIND_SHUFFLE,
        KIND_ALONE, /* an activation, or another fix point */
        KIND_ROW,   /* an image of one row, of three dimensions, which these are for: */
        KIND_CONV_1D,
        KIND_MAXIMUM_1D,
        KIND_ROWS,    /* times a matrix */
        KIND_FOREIGN, /* what no engine does */
        KINDS,
} Kind;

/* the numbers of a node */
enum {
        P_KIND,
        P_FROM, /* how many values before the last one; so P_OTHER */
        P_OTHER,
        P_OUTPUTS,
        P_KERNEL_W,
        P_KERNEL_H,
        P_STRIDE_W,
        P_STRIDE_H,
        P_PAD_LEFT,
        P_PAD_RIGHT,
        P_PAD_TOP,
        P_PAD_BOTTOM,
        P_DILATION,
        P_ACTIVATION, /* none, relu, relu6, leaky relu, prelu */
        P_FIX_WEIGHTS,
        P_FIX_BIAS, /* 0: no bias */
        P_FIX_MORE, /* 4: as fits the numbers */
        P_COUNT,
};

static const int32_t node_least[P_COUNT] = {
        [P_OUTPUTS] = 1,  [P_KERNEL_W] = 1, [P_KERNEL_H] = 1,    [P_STRIDE_W] = 1,
        [P_STRIDE_H] = 1, [P_DILATION] = 1, [P_FIX_WEIGHTS] = 3,
};

enum { C_TARGET, C_HEIGHT, C_WIDTH, C_CHANNELS, C_FIX, C_PATTERN, C_COUNT };

static_assert(C_COUNT == NETWORK_NUMBERS && P_COUNT == NETWORK_NODE_NUMBERS, "network_fixture.h");
static_assert(KINDS == NETWORK_KINDS, "network_fixture.h");

static const int32_t network_least[C_COUNT] = {
        [C_HEIGHT] = 1, [C_WIDTH] = 1, [C_CHANNELS] = 1, [C_FIX] = 0
};

/* --- random numbers -------------------------------------------------------------------------- */

/* small ones often, large ones sometimes */
static int32_t pick(Random *random, int32_t most) {
        int32_t limit = most;

        for (uint64_t halvings = random_below(random, 8); halvings > 0 && limit > 3; halvings--)
                limit /= 2;
        return 1 + (int32_t) random_below(random, (uint64_t) limit);
}

static int32_t below(Random *random, int32_t limit) {
        return (int32_t) random_below(random, (uint64_t) limit);
}

static void node_draw(int32_t *p, Random *random) {
        bool odd = below(random, 3) == 0;

        p[P_KIND] = 1 + below(random, KINDS - 1);
        if (below(random, 3) == 0)
                p[P_KIND] = KIND_CONV;
        p[P_FROM] = below(random, 3) == 0 ? below(random, 4) : 0;
        p[P_OTHER] = below(random, 4);
        p[P_OUTPUTS] = pick(random, below(random, 12) == 0 ? CHANNEL_MAX : 80);
        for (size_t i = 0; i < 2; i++) {
                p[P_KERNEL_W + i] = pick(random, below(random, 10) == 0 ? 40 : 16);
                p[P_STRIDE_W + i] = odd ? pick(random, 9) : 1 + below(random, 2);
        }
        if (!odd) {
                p[P_KERNEL_H] = p[P_KERNEL_W];
                p[P_STRIDE_H] = p[P_STRIDE_W];
        }
        for (size_t i = 0; i < 4; i++) {
                int32_t kernel = p[i < 2 ? P_KERNEL_W : P_KERNEL_H];

                p[P_PAD_LEFT + i] = odd ? below(random, kernel + 1) : kernel / 2;
        }
        p[P_DILATION] = below(random, 5) == 0 ? 1 + below(random, 6) : 1;
        p[P_ACTIVATION] = below(random, 5);
        p[P_FIX_WEIGHTS] = 3 + below(random, 7);
        p[P_FIX_BIAS] = below(random, 5) == 0 ? 0 : 3 + below(random, 9);
        p[P_FIX_MORE] = below(random, 8) == 0 ? below(random, 24) - 8 : 2 + below(random, 5);
}

void network_draw(Network *c, Random *random) {
        int32_t n = 1 + below(random, NODES_MAX);

        *c = (Network){};
        c->p[C_TARGET] = below(random, REGENERATE_TARGETS);
        c->p[C_HEIGHT] = pick(random, 90);
        c->p[C_WIDTH] = pick(random, below(random, 10) == 0 ? 2500 : 90);
        c->p[C_CHANNELS] = pick(random, below(random, 12) == 0 ? CHANNEL_MAX : 64);
        c->p[C_FIX] = 2 + below(random, 6);
        c->p[C_PATTERN] = below(random, PATTERN_COUNT);
        for (int32_t i = 0; i < n; i++)
                node_draw(c->nodes[i], random);
}

/* --- numbers of a fuzzer --------------------------------------------------------------------- */

/* 0 where there is nothing left */
static int32_t take(Slice *bytes) {
        int32_t ret = bytes->size > 0 ? bytes->data[0] : 0;

        if (bytes->size > 0)
                *bytes = slice_of(bytes->data + 1, bytes->size - 1);
        return ret;
}

/* 1 to @often, or, with the highest bit, to @most */
static int32_t take_size(Slice *bytes, int32_t often, int32_t most) {
        int32_t value = take(bytes) << 8 | take(bytes);

        return 1 + (value & 0x7fff) % (value & 0x8000 ? most : often);
}

static void node_read(int32_t *p, Slice *bytes) {
        int32_t more;

        p[P_KIND] = 1 + take(bytes) % (KINDS - 1);
        p[P_FROM] = take(bytes) % 4;
        p[P_OTHER] = take(bytes) % 4;
        p[P_OUTPUTS] = take_size(bytes, 80, CHANNEL_MAX);
        for (size_t i = 0; i < 2; i++) {
                p[P_KERNEL_W + i] = 1 + take(bytes) % 18;
                p[P_STRIDE_W + i] = 1 + take(bytes) % 9;
        }
        for (size_t i = 0; i < 4; i++)
                p[P_PAD_LEFT + i] = take(bytes) % (p[i < 2 ? P_KERNEL_W : P_KERNEL_H] + 1);
        more = take(bytes);
        p[P_DILATION] = more < 200 ? 1 : 1 + more % 6;
        p[P_ACTIVATION] = take(bytes) % 5;
        p[P_FIX_WEIGHTS] = 3 + take(bytes) % 7;
        more = take(bytes);
        p[P_FIX_BIAS] = more % 5 == 0 ? 0 : 3 + more % 9;
        more = take(bytes);
        p[P_FIX_MORE] = more < 224 ? 2 + more % 5 : more % 24 - 8;
}

void network_read(Network *c, Slice bytes) {
        *c = (Network){};
        c->p[C_TARGET] = take(&bytes) % REGENERATE_TARGETS;
        c->p[C_HEIGHT] = 1 + take(&bytes) % 90;
        c->p[C_WIDTH] = take_size(&bytes, 90, 2500);
        c->p[C_CHANNELS] = take_size(&bytes, 64, CHANNEL_MAX);
        c->p[C_FIX] = 2 + take(&bytes) % 6;
        c->p[C_PATTERN] = take(&bytes) % PATTERN_COUNT;
        for (size_t i = 0; i < NODES_MAX && bytes.size > 0; i++)
                node_read(c->nodes[i], &bytes);
}

/* --- graphs ---------------------------------------------------------------------------------- */

typedef struct Build {
        Source s;
        Op *values[NODES_MAX + 1]; /* each a `fix` */
        size_t n;
        const int32_t *p; /* of the node that is made */
} Build;

static int32_t dim(const Op *op, size_t i) {
        return op->tensor.dims[i];
}

static int32_t fix_point(const Op *fix) {
        int32_t ret;

        assert_int_equal(attrs_int32(&fix->attrs, "fix_point", &ret), 0);
        return ret;
}

static bool is_image(const Op *op) {
        return op->tensor.n_dims == 4;
}

static bool is_small(int64_t height, int64_t width, int64_t channels, int64_t work) {
        return height > 0 && width > 0 && height < ELEMENTS_MAX && width < ELEMENTS_MAX &&
               height * width <= ELEMENTS_MAX && height * width * channels <= ELEMENTS_MAX &&
               work <= WORK_MAX && height * width * channels * work <= WORK_MAX;
}

/* about the fix point that sums of @n products, at @products, need */
static int32_t fix_of_sums(const Build *b, int32_t products, int64_t n) {
        return products - 3 - (int32_t) (log2((double) n) / 2) - 4 + b->p[P_FIX_MORE];
}

static Op *activated(Build *b, Op *op) {
        Op *slopes, *prelu;

        switch (b->p[P_ACTIVATION]) {
        case 1:
                return source_unary(&b->s, "relu", op);
        case 2:
                return source_unary(&b->s, "relu6", op);
        case 3:
                return source_leaky(&b->s, op);
        case 4:
                slopes = source_number(&b->s, 26.0F / 256);
                prelu = source_unary(&b->s, "prelu", op);
                source_arg(&b->s, prelu, "weight", slopes);
                return prelu;
        default:
                return op;
        }
}

static void set_window(Build *b, Op *op, bool dilated) {
        const int32_t *p = b->p;
        int32_t dilation = dilated ? p[P_DILATION] : 1;

        source_ints(&b->s, op, "kernel", DIMS(p[P_KERNEL_W], p[P_KERNEL_H]));
        source_ints(&b->s, op, "stride", DIMS(p[P_STRIDE_W], p[P_STRIDE_H]));
        source_ints(&b->s, op, "pad", &p[P_PAD_LEFT], 4);
        if (dilated)
                source_ints(&b->s, op, "dilation", DIMS(dilation, dilation));
        source_word(&b->s, op, "pad_mode", "FLOOR");
}

/* along an axis, 0 for x */
static int64_t extent(const Build *b, const Op *from, size_t axis, bool dilated) {
        const int32_t *p = b->p;
        int64_t reach = ((int64_t) p[P_KERNEL_W + axis] - 1) * (dilated ? p[P_DILATION] : 1) + 1;
        int64_t in = (int64_t) dim(from, 2 - axis) + p[P_PAD_LEFT + 2 * axis] +
                     p[P_PAD_RIGHT + 2 * axis];

        return in < reach ? 0 : (in - reach) / p[P_STRIDE_W + axis] + 1;
}

static int64_t extent_transposed(const Build *b, const Op *from, size_t axis) {
        const int32_t *p = b->p;

        return ((int64_t) dim(from, 2 - axis) - 1) * p[P_STRIDE_W + axis] + p[P_KERNEL_W + axis] -
               p[P_PAD_LEFT + 2 * axis] - p[P_PAD_RIGHT + 2 * axis];
}

static Op *make_conv(Build *b, Op *from, bool depthwise, bool transposed) {
        const int32_t *p = b->p;
        int32_t in = dim(from, 3), out = depthwise ? in : p[P_OUTPUTS];
        int64_t width = transposed ? extent_transposed(b, from, 0) : extent(b, from, 0, true);
        int64_t height = transposed ? extent_transposed(b, from, 1) : extent(b, from, 1, true);
        int64_t each = (int64_t) p[P_KERNEL_W] * p[P_KERNEL_H] * (depthwise ? 1 : in);
        char type[64];
        Op *op, *weights, *bias = NULL;

        if (!is_small(height, width, out, each) || each * out > WEIGHTS_MAX)
                return NULL;
        (void) snprintf(type, sizeof(type), "%s%s", transposed ? "transposed-" : "",
                        depthwise ? "depthwise-conv2d" : "conv2d");
        weights = source_constant(&b->s, p[P_FIX_WEIGHTS],
                                  DIMS(depthwise ? 1 : out, p[P_KERNEL_H], p[P_KERNEL_W], in));
        if (p[P_FIX_BIAS] > 0)
                bias = source_constant(&b->s, p[P_FIX_BIAS], DIMS(out));
        op = source_add(&b->s, type, DIMS(1, (int32_t) height, (int32_t) width, out));
        (void) source_with_weights(&b->s, op, from, weights, bias);
        set_window(b, op, !transposed);
        return source_fix(&b->s, activated(b, op),
                          fix_of_sums(b, fix_point(from) + p[P_FIX_WEIGHTS], each));
}

static Op *scaled(Build *b, Op *op, float factor) {
        Op *number = source_number(&b->s, factor);

        return source_binary(&b->s, "mul", op, number);
}

/* N / 2^M that comes closest to 1 / area, times area: what the quantizer multiplies by */
static float correction(int32_t width, int32_t height) {
        static const double known[][2] = {
                { 3, 7.0 / 64 },    { 5, 10.0 / 256 },   { 6, 7.0 / 256 },
                { 7, 21.0 / 1024 }, { 14, 21.0 / 4096 },
        };
        double area = (double) width * height, best = 0;

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (width == (int32_t) known[i][0] && height == width)
                        return (float) (known[i][1] * area);
        for (int m = 0; ldexp(1, m) < 128 * area; m++) {
                double factor = ldexp(round(ldexp(1, m) / area), -m);

                if (m == 0 || fabs(factor - 1 / area) < fabs(best - 1 / area))
                        best = factor;
        }
        return (float) (best * area);
}

static Op *make_pool(Build *b, Op *from, bool average) {
        const int32_t *p = b->p;
        int64_t width = extent(b, from, 0, false), height = extent(b, from, 1, false);
        int64_t each = (int64_t) p[P_KERNEL_W] * p[P_KERNEL_H];
        Op *op;

        if (!is_small(height, width, dim(from, 3), each))
                return NULL;
        op = source_add(&b->s, average ? "avgpool2d" : "maxpool2d",
                        DIMS(1, (int32_t) height, (int32_t) width, dim(from, 3)));
        source_arg(&b->s, op, "input", from);
        set_window(b, op, false);
        if (average)
                op = scaled(b, op, correction(p[P_KERNEL_W], p[P_KERNEL_H]));
        return source_fix(&b->s, op, fix_point(from) + p[P_FIX_MORE] / 2 - 2);
}

/* over height, width or both; the mean of both only, as means of others are rarely exact */
static Op *make_reduce(Build *b, Op *from) {
        bool mean = b->p[P_ACTIVATION] % 2 == 0;
        int32_t axes[2] = { 1, 2 }, dims[4] = { 1, 1, 1, dim(from, 3) };
        size_t which = (size_t) b->p[P_OTHER] % 3, n = which == 2 ? 2 : 1;
        Op *op;

        if (which == 0)
                dims[2] = dim(from, 2);
        if (which == 1) {
                axes[0] = 2;
                dims[1] = dim(from, 1);
        }
        op = source_add(&b->s, mean ? "reduction_mean" : "reduction_max", dims, 4);
        source_arg(&b->s, op, "input", from);
        source_ints(&b->s, op, "axis", axes, n);
        source_flag(&b->s, op, "keep_dims", true);
        if (mean)
                op = scaled(
                        b, op,
                        correction(which == 0 ? 1 : dim(from, 2), which == 1 ? 1 : dim(from, 1)));
        return source_fix(&b->s, op, fix_point(from) + (mean ? b->p[P_FIX_MORE] / 2 - 1 : 0));
}

static Op *find_like(const Build *b, const Op *from) {
        for (size_t i = (size_t) b->p[P_OTHER] % b->n + 1; i-- > 0;)
                if (memcmp(b->values[i]->tensor.dims, from->tensor.dims,
                           from->tensor.n_dims * sizeof(int32_t)) == 0 &&
                    b->values[i]->tensor.n_dims == from->tensor.n_dims)
                        return b->values[i];
        return NULL;
}

static Op *make_eltwise(Build *b, Op *from, const char *type) {
        Op *other = find_like(b, from), *op;
        int32_t products, least;

        if (!other)
                return NULL;
        op = source_binary(&b->s, type, from, other);
        products = fix_point(from) + fix_point(other);
        least = fix_point(from) < fix_point(other) ? fix_point(from) : fix_point(other);
        if (b->p[P_ACTIVATION] % 3 > 0)
                op = source_unary(&b->s, b->p[P_ACTIVATION] == 1 ? "relu" : "relu6", op);
        return source_fix(&b->s, op,
                          (*type == 'a' ? least - 2 : products - 8) + b->p[P_FIX_MORE] / 2);
}

static Op *make_excite(Build *b, Op *from) {
        Op *op;

        if (dim(from, 1) * dim(from, 2) == 1)
                return NULL;
        op = source_add(&b->s, "reduction_max", DIMS(1, 1, 1, dim(from, 3)));
        source_arg(&b->s, op, "input", from);
        source_ints(&b->s, op, "axis", DIMS(1, 2));
        source_flag(&b->s, op, "keep_dims", true);
        op = source_fix(&b->s, op, fix_point(from));
        return source_fix(&b->s, source_binary(&b->s, "mul", from, op),
                          2 * fix_point(from) - 8 + b->p[P_FIX_MORE] / 2);
}

/* with an image of as many pixels, perhaps itself; one of both without a `fix` */
static Op *make_concat(Build *b, Op *from) {
        Op *other = b->values[(size_t) b->p[P_OTHER] % b->n], *op, *bare = NULL;

        if (!is_image(other) || dim(other, 1) != dim(from, 1) || dim(other, 2) != dim(from, 2) ||
            !is_small(dim(from, 1), dim(from, 2), dim(from, 3) + dim(other, 3), 1))
                return NULL;
        if (b->p[P_ACTIVATION] == 1 && is_small(dim(from, 1), dim(from, 2), 5, dim(from, 3)))
                bare = source_conv(&b->s, from, 1, 5, 7);
        op = source_add(
                &b->s, "concat",
                DIMS(1, dim(from, 1), dim(from, 2), dim(from, 3) + (bare ? 5 : dim(other, 3))));
        source_arg(&b->s, op, "input", from);
        source_arg(&b->s, op, "input", bare ? bare : other);
        assert_int_equal(graph_set_int32(b->s.graph, &op->attrs, "axis", 3), 0);
        return source_fix(&b->s, op, fix_point(from) + (b->p[P_FIX_MORE] == 2 ? 1 : 0));
}

static Op *make_resize(Build *b, Op *from) {
        int32_t x = b->p[P_STRIDE_W], y = b->p[P_STRIDE_H], height = dim(from, 1),
                width = dim(from, 2);
        bool larger = b->p[P_PAD_TOP] % 3 < 2;
        SourceResize resize = { .linear = b->p[P_OTHER] > 1, .centres = b->p[P_ACTIVATION] % 2 };

        if (!larger && (height % y != 0 || width % x != 0))
                return NULL;
        resize.height = larger ? height * y : height / y;
        resize.width = larger ? width * x : width / x;
        if (!is_small((int64_t) height * (larger ? y : 1), (int64_t) width * (larger ? x : 1),
                      dim(from, 3), 1))
                return NULL;
        return source_fix(&b->s, source_resize(&b->s, from, resize),
                          fix_point(from) + (b->p[P_FIX_MORE] == 2 ? -1 : 0));
}

static Op *make_reshape(Build *b, Op *from) {
        int32_t n = (int32_t) tensor_elements(&from->tensor), height = b->p[P_KERNEL_H];
        int32_t fix = fix_point(from) + (b->p[P_FIX_MORE] == 2 ? -1 : 0);

        if (b->p[P_ACTIVATION] == 0)
                return source_fix(&b->s, source_flatten(&b->s, from), fix);
        if (n % height != 0)
                return NULL;
        return source_fix(&b->s, source_reshape(&b->s, from, DIMS(1, height, 1, n / height)), fix);
}

static Op *make_matmul(Build *b, Op *from) {
        int32_t n = (int32_t) tensor_elements(&from->tensor), outputs = b->p[P_OUTPUTS];
        Op *weights, *op, *flat = from, *bias = NULL;
        bool inner = b->p[P_OTHER] == 3;

        if ((int64_t) n * outputs > WEIGHTS_MAX)
                return NULL;
        if (from->tensor.n_dims != 2)
                flat = source_flatten(&b->s, from);
        weights = source_constant(&b->s, b->p[P_FIX_WEIGHTS], DIMS(outputs, n));
        if (b->p[P_FIX_BIAS] > 0)
                bias = source_constant(&b->s, b->p[P_FIX_BIAS], DIMS(outputs));
        op = source_add(&b->s, inner ? "inner-product" : "matmul", DIMS(1, outputs));
        source_arg(&b->s, op, "input", flat);
        source_arg(&b->s, op, inner ? "weights" : "input", weights);
        if (bias)
                source_arg(&b->s, op, "bias", bias);
        if (!inner) {
                source_flag(&b->s, op, "transpose_a", false);
                source_flag(&b->s, op, "transpose_b", true);
        } else {
                assert_int_equal(graph_set_int32(b->s.graph, &op->attrs, "axis", 1), 0);
        }
        return source_fix(&b->s, activated(b, op),
                          fix_of_sums(b, fix_point(from) + b->p[P_FIX_WEIGHTS], n));
}

static Op *make_hard(Build *b, Op *from, bool swish) {
        Op *op = scaled(b, source_unary(&b->s, "hard-sigmoid", from), 6.0F * 2731 / 16384);

        op = source_fix(&b->s, op, 7);
        if (!swish)
                return op;
        return source_fix(&b->s, source_binary(&b->s, "mul", from, op),
                          fix_point(from) + b->p[P_FIX_MORE] / 2 - 2);
}

static Op *make_scale(Build *b, Op *from) {
        int32_t n = dim(from, from->tensor.n_dims - 1);
        Op *factors = source_constant(&b->s, b->p[P_FIX_WEIGHTS], DIMS(n));
        Op *bias = source_constant(&b->s, 5, DIMS(n));
        Op *op = source_unary(&b->s, "scale", from);

        source_arg(&b->s, op, "scale", factors);
        source_arg(&b->s, op, "bias", bias);
        return source_fix(&b->s, activated(b, op),
                          fix_of_sums(b, fix_point(from) + b->p[P_FIX_WEIGHTS], 1));
}

static Op *channel_constant(Build *b, int32_t fix, int32_t n, bool ones) {
        Op *op = source_constant(&b->s, fix, DIMS(n));
        _cleanup_(freep) int *numbers = calloc((size_t) n, sizeof(*numbers));

        for (int32_t i = 0; ones && i < n; i++)
                numbers[i] = 1 << fix;
        if (ones)
                source_set_numbers(&b->s, op, numbers);
        return op;
}

/* with variances of 1, or of something else */
static Op *make_norm(Build *b, Op *from) {
        int32_t n = dim(from, from->tensor.n_dims - 1), fix = b->p[P_FIX_WEIGHTS];
        Op *gamma = channel_constant(b, fix, n, false), *beta = channel_constant(b, 5, n, true);
        Op *mean = channel_constant(b, 2, n, true);
        Op *variance = channel_constant(b, 3, n, b->p[P_OTHER] > 0);
        const Attr epsilon = { .kind = ATTR_FLOAT };
        Op *op = source_unary(&b->s, "batchnorm", from);

        source_arg(&b->s, op, "gamma", gamma);
        source_arg(&b->s, op, "beta", beta);
        source_arg(&b->s, op, "moving_mean", mean);
        source_arg(&b->s, op, "moving_var", variance);
        assert_int_equal(graph_set_attr(b->s.graph, &op->attrs, "epsilon", &epsilon), 0);
        assert_int_equal(graph_set_int32(b->s.graph, &op->attrs, "axis", -1), 0);
        return source_fix(&b->s, activated(b, op), fix_of_sums(b, fix_point(from) + fix, 1));
}

static Op *make_pad(Build *b, Op *from) {
        static const char *const modes[] = { "CONSTANT", "SYMMETRIC", "REFLECT", "EDGE" };
        const int32_t *p = &b->p[P_PAD_LEFT];
        size_t mode = b->p[P_ACTIVATION] > 1 ? 0 : (size_t) b->p[P_OTHER];
        Op *op;

        for (size_t i = 0; mode > 0 && i < 4; i++)
                if (p[i] >= dim(from, i < 2 ? 2 : 1))
                        return NULL;
        if (!is_small(dim(from, 1) + p[2] + p[3], dim(from, 2) + p[0] + p[1], dim(from, 3), 1))
                return NULL;
        op = source_add(
                &b->s, "pad",
                DIMS(1, dim(from, 1) + p[2] + p[3], dim(from, 2) + p[0] + p[1], dim(from, 3)));
        source_arg(&b->s, op, "input", from);
        source_ints(&b->s, op, "paddings", DIMS(0, 0, p[2], p[3], p[0], p[1], 0, 0));
        source_word(&b->s, op, "mode", modes[mode]);
        return source_fix(&b->s, op, fix_point(from) + (b->p[P_FIX_MORE] == 2 ? -1 : 0));
}

/* every so many of the rows and columns, and neighbouring channels */
static Op *make_slice(Build *b, Op *from) {
        int32_t begin[4] = { 0 }, end[4] = { 1 }, step[4] = { 1, 1, 1, 1 }, dims[4] = { 1 };
        Op *op;

        for (size_t i = 1; i < 4; i++) {
                begin[i] = b->p[P_PAD_LEFT + i] % dim(from, i);
                end[i] = dim(from, i);
                if (i < 3)
                        step[i] = b->p[P_STRIDE_W + i - 1];
                else
                        end[i] = begin[i] + 1 + b->p[P_OUTPUTS] % (end[i] - begin[i]);
                dims[i] = (end[i] - begin[i] + step[i] - 1) / step[i];
        }
        op = source_add(&b->s, "strided_slice", dims, 4);
        source_arg(&b->s, op, "input", from);
        source_ints(&b->s, op, "begin", begin, 4);
        source_ints(&b->s, op, "end", end, 4);
        source_ints(&b->s, op, "strides", step, 4);
        return source_fix(&b->s, op, fix_point(from) + (b->p[P_FIX_MORE] == 2 ? 1 : 0));
}

static Op *make_shuffle(Build *b, Op *from) {
        int32_t scale = b->p[P_STRIDE_H], deep = scale * scale, channels = dim(from, 3);
        int32_t height = dim(from, 1), width = dim(from, 2);
        bool up = b->p[P_ACTIVATION] > 1;
        Op *op;

        if (up ? channels % deep != 0 : height % scale != 0 || width % scale != 0)
                return NULL;
        if ((int64_t) height * width * channels * channels > WORK_MAX ||
            (!up && channels * deep > CHANNEL_MAX / 8))
                return NULL;
        op = up ? source_add(&b->s, "pixel-shuffle",
                             DIMS(1, height * scale, width * scale, channels / deep))
                : source_add(&b->s, "pixel-shuffle",
                             DIMS(1, height / scale, width / scale, channels * deep));
        source_arg(&b->s, op, "input", from);
        assert_int_equal(graph_set_int32(b->s.graph, &op->attrs, "scale", scale), 0);
        source_flag(&b->s, op, "upscale", up);
        return source_fix(&b->s, op, fix_point(from));
}

static Op *make_alone(Build *b, Op *from) {
        return source_fix(&b->s, activated(b, from), fix_point(from) + b->p[P_FIX_MORE] - 5);
}

static Op *make_row(Build *b, Op *from) {
        return source_fix(
                &b->s,
                source_reshape(&b->s, from, DIMS(1, dim(from, 1) * dim(from, 2), dim(from, 3))),
                fix_point(from));
}

static Op *make_conv_1d(Build *b, Op *from) {
        const int32_t *p = b->p;
        int32_t reach = (p[P_KERNEL_W] - 1) * p[P_DILATION] + 1, in = dim(from, 2);
        int32_t length = dim(from, 1) + p[P_PAD_LEFT] + p[P_PAD_RIGHT] - reach;
        Op *weights, *bias, *op;

        if (length < 0)
                return NULL;
        length = length / p[P_STRIDE_W] + 1;
        if (!is_small(length, 1, p[P_OUTPUTS], (int64_t) p[P_KERNEL_W] * in))
                return NULL;
        weights = source_constant(&b->s, p[P_FIX_WEIGHTS], DIMS(p[P_OUTPUTS], p[P_KERNEL_W], in));
        bias = source_constant(&b->s, 4, DIMS(p[P_OUTPUTS]));
        op = source_add(&b->s, "conv1d", DIMS(1, length, p[P_OUTPUTS]));
        (void) source_with_weights(&b->s, op, from, weights, bias);
        source_ints(&b->s, op, "kernel", &p[P_KERNEL_W], 1);
        source_ints(&b->s, op, "stride", &p[P_STRIDE_W], 1);
        source_ints(&b->s, op, "dilation", &p[P_DILATION], 1);
        source_ints(&b->s, op, "pad", &p[P_PAD_LEFT], 2);
        source_word(&b->s, op, "pad_mode", "FLOOR");
        return source_fix(
                &b->s, activated(b, op),
                fix_of_sums(b, fix_point(from) + p[P_FIX_WEIGHTS], (int64_t) in * p[P_KERNEL_W]));
}

static Op *make_maximum_1d(Build *b, Op *from) {
        const int32_t *p = b->p;
        int32_t length = dim(from, 1) + p[P_PAD_LEFT] + p[P_PAD_RIGHT] - p[P_KERNEL_W];
        Op *op;

        if (length < 0)
                return NULL;
        op = source_add(&b->s, "maxpool1d", DIMS(1, length / p[P_STRIDE_W] + 1, dim(from, 2)));
        source_arg(&b->s, op, "input", from);
        source_ints(&b->s, op, "kernel", &p[P_KERNEL_W], 1);
        source_ints(&b->s, op, "stride", &p[P_STRIDE_W], 1);
        source_ints(&b->s, op, "pad", &p[P_PAD_LEFT], 2);
        source_word(&b->s, op, "pad_mode", "FLOOR");
        return source_fix(&b->s, activated(b, op), fix_point(from) - b->p[P_FIX_MORE] / 4);
}

static Op *make_rows(Build *b, Op *from) {
        bool turned = b->p[P_OTHER] % 2 == 1;
        int32_t n = dim(from, 2), outputs = b->p[P_OUTPUTS];
        Op *weights, *op;

        if (!is_small(dim(from, 1), 1, outputs, n))
                return NULL;
        weights = turned ? source_constant(&b->s, b->p[P_FIX_WEIGHTS], DIMS(n, outputs))
                         : source_constant(&b->s, b->p[P_FIX_WEIGHTS], DIMS(outputs, n));
        op = source_add(&b->s, "matmul", DIMS(1, dim(from, 1), outputs));
        source_arg(&b->s, op, "input", from);
        source_arg(&b->s, op, "input", weights);
        source_flag(&b->s, op, "transpose_a", false);
        source_flag(&b->s, op, "transpose_b", !turned);
        return source_fix(&b->s, activated(b, op),
                          fix_of_sums(b, fix_point(from) + b->p[P_FIX_WEIGHTS], n));
}

typedef struct Maker {
        const char *name;
        Op *(*make)(Build *b, Op *from); /* NULL: it is not possible */
        size_t n_dims;                   /* 0: any */
} Maker;

static Op *make_dense(Build *b, Op *from) {
        return make_conv(b, from, false, false);
}

static Op *make_depthwise(Build *b, Op *from) {
        return make_conv(b, from, true, false);
}

static Op *make_transposed(Build *b, Op *from) {
        return make_conv(b, from, false, true);
}

static Op *make_transposed_depthwise(Build *b, Op *from) {
        return make_conv(b, from, true, true);
}

static Op *make_maximum(Build *b, Op *from) {
        return make_pool(b, from, false);
}

static Op *make_average(Build *b, Op *from) {
        return make_pool(b, from, true);
}

static Op *make_add(Build *b, Op *from) {
        return make_eltwise(b, from, "add");
}

static Op *make_multiply(Build *b, Op *from) {
        return make_eltwise(b, from, "mul");
}

static Op *make_sigmoid(Build *b, Op *from) {
        return make_hard(b, from, false);
}

static Op *make_swish(Build *b, Op *from) {
        return make_hard(b, from, true);
}

static Op *make_foreign(Build *b, Op *from) {
        return source_fix(&b->s, source_unary(&b->s, "tanh", from), 7);
}

static const Maker makers[KINDS] = {
        [KIND_CONV] = { "conv", make_dense, 4 },
        [KIND_DEPTHWISE] = { "depthwise", make_depthwise, 4 },
        [KIND_TRANSPOSED] = { "transposed", make_transposed, 4 },
        [KIND_TRANSPOSED_DEPTHWISE] = { "transposed depthwise", make_transposed_depthwise, 4 },
        [KIND_MAXIMUM] = { "maximum", make_maximum, 4 },
        [KIND_AVERAGE] = { "average", make_average, 4 },
        [KIND_REDUCE] = { "reduce", make_reduce, 4 },
        [KIND_ADD] = { "add", make_add, 0 },
        [KIND_MULTIPLY] = { "multiply", make_multiply, 0 },
        [KIND_EXCITE] = { "excite", make_excite, 4 },
        [KIND_CONCAT] = { "concat", make_concat, 4 },
        [KIND_RESIZE] = { "resize", make_resize, 4 },
        [KIND_RESHAPE] = { "reshape", make_reshape, 0 },
        [KIND_MATMUL] = { "matmul", make_matmul, 0 },
        [KIND_SIGMOID] = { "sigmoid", make_sigmoid, 0 },
        [KIND_SWISH] = { "swish", make_swish, 0 },
        [KIND_SCALE] = { "scale", make_scale, 0 },
        [KIND_NORM] = { "norm", make_norm, 0 },
        [KIND_PAD] = { "pad", make_pad, 4 },
        [KIND_SLICE] = { "slice", make_slice, 4 },
        [KIND_SHUFFLE] = { "shuffle", make_shuffle, 4 },
        [KIND_ALONE] = { "alone", make_alone, 0 },
        [KIND_ROW] = { "row", make_row, 4 },
        [KIND_CONV_1D] = { "conv 1d", make_conv_1d, 3 },
        [KIND_MAXIMUM_1D] = { "maximum 1d", make_maximum_1d, 3 },
        [KIND_ROWS] = { "rows", make_rows, 3 },
        [KIND_FOREIGN] = { "foreign", make_foreign, 0 },
};

static Op *make_node(Build *b, const Maker **ret_maker) {
        Op *from = b->values[b->n - 1 - (size_t) b->p[P_FROM] % b->n];
        const Maker *maker = &makers[b->p[P_KIND]];

        if (maker->n_dims == 4 && from->tensor.n_dims == 3) /* what fits is rare otherwise */
                maker = &makers[KIND_CONV_1D + b->p[P_KIND] % (KIND_ROWS - KIND_CONV_1D + 1)];
        if (!maker->make || (maker->n_dims > 0 && maker->n_dims != from->tensor.n_dims))
                return NULL;
        *ret_maker = maker;
        return maker->make(b, from);
}

static void build(Build *b, const Network *c, uint64_t made[KINDS]) {
        *b = (Build){ .n = 1 };
        source_init(&b->s);
        b->values[0] = source_input(&b->s, c->p[C_FIX],
                                    DIMS(1, c->p[C_HEIGHT], c->p[C_WIDTH], c->p[C_CHANNELS]));
        for (size_t i = 0; i < NODES_MAX; i++) {
                const Maker *maker;
                Op *op;

                b->p = c->nodes[i];
                op = make_node(b, &maker);
                if (!op)
                        continue;
                b->values[b->n++] = op;
                made[maker - makers]++;
        }
        graph_count_consumers(b->s.graph);
}

/* --- one network----------------------------------------------------------------------------- */

void network_print(const Network *c) {
        print_message("%s, input %dx%dx%d, fix point %d, %s\n",
                      regenerate_target((size_t) c->p[C_TARGET]).short_name, c->p[C_WIDTH],
                      c->p[C_HEIGHT], c->p[C_CHANNELS], c->p[C_FIX],
                      pattern_name((Pattern) c->p[C_PATTERN]));
        for (size_t i = 0; i < NODES_MAX; i++) {
                const int32_t *p = c->nodes[i];

                if (p[P_KIND] == KIND_NONE)
                        continue;
                print_message("  %zu %s: from %d, %d back, %d outputs, kernel %dx%d, stride %dx%d, "
                              "pad %d,%d,%d,%d, dilation %d, activation %d, fix points %d %d %d\n",
                              i, makers[p[P_KIND]].name, p[P_FROM], p[P_OTHER], p[P_OUTPUTS],
                              p[P_KERNEL_W], p[P_KERNEL_H], p[P_STRIDE_W], p[P_STRIDE_H],
                              p[P_PAD_LEFT], p[P_PAD_RIGHT], p[P_PAD_TOP], p[P_PAD_BOTTOM],
                              p[P_DILATION], p[P_ACTIVATION], p[P_FIX_WEIGHTS], p[P_FIX_BIAS],
                              p[P_FIX_MORE]);
        }
}

/* what lower.c has a rule for */
static const char *const accepted[NETWORK_TYPES] = {
        "add",
        "avgpool2d",
        "batchnorm",
        "concat",
        "conv1d",
        "conv2d",
        "depthwise-conv2d",
        "fix",
        "hard-sigmoid",
        "inner-product",
        "leaky-relu",
        "matmul",
        "maxpool1d",
        "maxpool2d",
        "mul",
        "pad",
        "pixel-shuffle",
        "prelu",
        "reduction_max",
        "reduction_mean",
        "relu",
        "relu6",
        "reshape",
        "resize",
        "scale",
        "strided_slice",
        "transposed-conv2d",
        "transposed-depthwise-conv2d",
};

const char *network_type(size_t i) {
        return accepted[i];
}

const char *network_kind(size_t kind) {
        return makers[kind].name;
}

static void tally_count_types(NetworkTally *tally, const Graph *source) {
        for (size_t i = 0; i < source->n_ops; i++)
                for (size_t t = 0; t < NETWORK_TYPES; t++)
                        tally->types[t] += strcmp(source->ops[i]->type, accepted[t]) == 0;
}

static void tally_count(NetworkTally *tally, const Graph *compiled) {
        for (size_t i = 0; i < compiled->n_ops; i++) {
                const char *device = attrs_string(&compiled->ops[i]->attrs, "device");
                const char *type = compiled->ops[i]->type;

                if (strncmp(type, "const", 5) == 0 || strncmp(type, "data", 4) == 0 ||
                    strcmp(type, "fix2float") == 0 || strcmp(type, "float2fix") == 0)
                        continue;
                tally->n_ops++;
                tally->n_on_dpu += device && strcmp(device, "DPU") == 0;
        }
}

int network_try(const Network *c, NetworkTally *tally, Problem *problem) {
        const FingerprintInfo target = regenerate_target((size_t) c->p[C_TARGET]);
        _cleanup_(graph_freep) Graph *compiled = NULL;
        Build b;
        int r = 0;

        if ((int64_t) c->p[C_HEIGHT] * c->p[C_WIDTH] * c->p[C_CHANNELS] > ELEMENTS_MAX)
                return 0;
        build(&b, c, tally->made);
        if (b.n > 1)
                r = whole_compile(b.s.graph, &target, &compiled, problem);
        if (r == 0 && compiled) {
                tally->targets[c->p[C_TARGET]]++;
                tally_count_types(tally, b.s.graph);
                tally_count(tally, compiled);
                r = whole_compare(b.s.graph, compiled,
                                  &(WholeTrial){ (Pattern) c->p[C_PATTERN], 1, 1 }, problem);
        }
        compiled = graph_free(compiled);
        source_deinit(&b.s);
        return r;
}

static bool network_is_wrong(const Network *c) {
        Problem problem = { "" };
        NetworkTally tally = {};

        return network_try(c, &tally, &problem) < 0;
}

/* Halves a number, takes one off, or sets the least. */
static bool number_shrink(Network *c, int32_t *number, int32_t least) {
        const int32_t before = *number;
        const int32_t tries[] = { least, before / 2, before - 1 };

        for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
                if (tries[i] < least || tries[i] >= before)
                        continue;
                *number = tries[i];
                if (network_is_wrong(c))
                        return true;
        }
        *number = before;
        return false;
}

void network_shrink(Network *c) {
        bool smaller = true;

        while (smaller) {
                smaller = false;
                for (size_t n = 0; n < NODES_MAX; n++)
                        for (size_t i = 0; i < P_COUNT; i++)
                                if (c->nodes[n][P_KIND] != KIND_NONE)
                                        smaller |= number_shrink(c, &c->nodes[n][i], node_least[i]);
                for (size_t i = C_HEIGHT; i < C_COUNT; i++)
                        smaller |= number_shrink(c, &c->p[i], network_least[i]);
        }
}
