#include "dpu/models/quantized.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/random.h"

#define BIAS_FIX_POINT 8
#define BIAS_SPREAD    30 /* steps: at most a quarter */
#define LEAKY_SLOPE    (26.0f / 256)
#define LEAKY_ENERGY   97 /* of what is negative, one part of so many stays: 1 / slope^2 */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "constant data is little-endian");

/* what is known of an op's values, by Op.index while the graph is being built */
typedef struct Estimate {
        uint64_t energy;
        uint64_t positive; /* what a ReLU leaves of it: half, or more where values lean that way */
        uint64_t peak;     /* the energy whose range the values still may have */
        int32_t fix_point; /* of a fix */
} Estimate;

typedef struct Weights {
        float *values;
        size_t n;
        int32_t fix_point;
} Weights;

typedef struct OpList {
        Op **ops;
        size_t n, capacity;
} OpList;

struct Quantized {
        Graph *graph;
        Random random;
        int error; /* the first one; 0 */
        Problem problem;
        uint32_t serial; /* of node names */
        Op *outputs[QUANTIZED_OUTPUTS_MAX];
        size_t n_outputs;

        Estimate *estimates;
        size_t n_estimates, estimates_capacity;
        Weights *weights;
        size_t n_weights, weights_capacity;

        /* where an op goes in the file */
        OpList helpers; /* constants that the exporter makes up */
        OpList inputs;
        OpList parameters; /* first layer first; written the other way round */
        OpList nodes;
};

int quantized_new(Quantized **ret, const char *name, uint64_t seed) {
        _cleanup_(quantized_freep) Quantized *q = NULL;
        int r;

        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        q->random = RANDOM_INIT(seed);
        r = graph_new(&q->graph, name);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(q);
        return 0;
}

Quantized *quantized_free(Quantized *q) {
        if (!q)
                return NULL;

        graph_free(q->graph);
        free(q->estimates);
        free(q->weights);
        free(q->helpers.ops);
        free(q->inputs.ops);
        free(q->parameters.ops);
        free(q->nodes.ops);
        free(q);
        return NULL;
}

static Op *fail(Quantized *q, int r) {
        if (q->error == 0)
                q->error = r;
        return NULL;
}

/* --- names and ops -------------------------------------------------------------------------- */

static bool is_plain(char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Joins and cleans as the exporter does. NULL when out of memory. */
static char *make_name(Quantized *q, const char *path, const char *last) {
        const char *graph = q->graph->name;
        char *name = NULL;
        int n;

        n = *path ? asprintf(&name, "%s::%s/%s/%s", graph, graph, path, last)
                  : asprintf(&name, "%s::%s/%s", graph, graph, last);
        if (n < 0)
                return NULL;
        for (char *c = name; *c; c++)
                if (!is_plain(*c))
                        *c = '_';
        return name;
}

/* parameters and inputs: no module path, but "layer1.0.conv1.weight" */
static char *make_parameter_name(Quantized *q, const char *parameter, const char *last) {
        char *name = NULL;

        if (asprintf(&name, "%s::%s%s", q->graph->name, parameter, last) < 0)
                return NULL;
        for (char *c = name; *c; c++)
                if (!is_plain(*c))
                        *c = '_';
        return name;
}

static char *make_node_name(Quantized *q, const char *path, const char *prefix) {
        char last[32];

        (void) snprintf(last, sizeof(last), "%s%u", prefix, ++q->serial);
        return make_name(q, path, last);
}

static Estimate *estimate(Quantized *q, const Op *op) {
        assert(op->index < q->n_estimates);
        return &q->estimates[op->index];
}

/* A new op in @list, with a FLOAT32 tensor of its name. Takes @name, which may be NULL. */
static Op *add_op(Quantized *q, OpList *list, char *name, const char *type, const int32_t *dims,
                  size_t n_dims) {
        _cleanup_(freep) char *own = name;
        Op *op;
        int r;

        if (q->error < 0)
                return NULL;
        if (!own || array_reserve(&list->ops, &list->capacity, list->n + 1, sizeof(Op *)) < 0 ||
            array_reserve(&q->estimates, &q->estimates_capacity, q->n_estimates + 1,
                          sizeof(Estimate)) < 0)
                return fail(q, -ENOMEM);

        r = graph_add_op(q->graph, own, type, &op);
        if (r < 0)
                return fail(q, r);
        q->estimates[q->n_estimates++] = (Estimate){ 0 };
        r = graph_set_tensor(q->graph, op, own, DATA_TYPE_FLOAT, 32, dims, n_dims);
        if (r < 0)
                return fail(q, r);
        list->ops[list->n++] = op;
        return op;
}

/* The setters below keep the first error; an op that is NULL means that there was one. */
static void set_arg(Quantized *q, Op *op, const char *arg, Op *input) {
        int r = op && q->error == 0 ? graph_add_arg(q->graph, op, arg, input) : 0;

        if (r < 0)
                (void) fail(q, r);
}

static void set_attr(Quantized *q, Op *op, const char *name, const Attr *attr) {
        int r = op && q->error == 0 ? graph_set_attr(q->graph, &op->attrs, name, attr) : 0;

        if (r < 0)
                (void) fail(q, r);
}

static void set_int32(Quantized *q, Op *op, const char *name, int32_t value) {
        set_attr(q, op, name, &(Attr){ .kind = ATTR_INT32, .int32 = value });
}

static void set_bool(Quantized *q, Op *op, const char *name, bool value) {
        set_attr(q, op, name, &(Attr){ .kind = ATTR_BOOL, .boolean = value });
}

static void set_string(Quantized *q, Op *op, const char *name, const char *value) {
        set_attr(q, op, name, &(Attr){ .kind = ATTR_STRING, .string = value });
}

static void set_int32s(Quantized *q, Op *op, const char *name, const int32_t *values, size_t n) {
        set_attr(q, op, name, &(Attr){ .kind = ATTR_INT32_VEC, .n = n, .int32s = values });
}

static Op *finish_op(Quantized *q, Op *op, uint64_t energy, uint64_t positive, uint64_t peak) {
        if (!op || q->error < 0)
                return NULL;
        *estimate(q, op) = (Estimate){ .energy = energy, .positive = positive, .peak = peak };
        return op;
}

/* symmetric about zero: what comes out of weights */
static Op *finish_symmetric(Quantized *q, Op *op, uint64_t energy) {
        return finish_op(q, op, energy, energy / 2, energy);
}

/* the same numbers, perhaps in other places */
static Op *finish_like(Quantized *q, Op *op, const Op *input) {
        const Estimate *e = op && q->error == 0 ? estimate(q, input) : NULL;

        return e ? finish_op(q, op, e->energy, e->positive, e->peak) : NULL;
}

/* a node with the shape of its input */
static Op *add_unary(Quantized *q, Op *input, const char *type, const char *path) {
        Op *op;

        if (!input)
                return NULL;
        op = add_op(q, &q->nodes, make_node_name(q, path, ""), type, input->tensor.dims,
                    input->tensor.n_dims);
        set_arg(q, op, "input", input);
        return op;
}

/* --- fix ------------------------------------------------------------------------------------- */

static Op *add_fix(Quantized *q, OpList *list, Op *input, int32_t fix_point) {
        char *name = NULL;
        Op *op;

        if (!input || q->error < 0)
                return NULL;
        if (asprintf(&name, "%s_fix", input->name) < 0)
                return fail(q, -ENOMEM);

        op = add_op(q, list, name, "fix", input->tensor.dims, input->tensor.n_dims);
        set_arg(q, op, "input", input);
        set_int32(q, op, "fix_point", fix_point);
        set_int32(q, op, "bit_width", SCALE_BIT_WIDTH);
        set_string(q, op, "round_mode", "DPU_ROUND");
        set_bool(q, op, "if_signed", true);
        op = finish_like(q, op, input);
        if (op)
                estimate(q, op)->fix_point = fix_point;
        return op;
}

static bool is_activation(const Op *op) {
        return strcmp(op->type, "relu") == 0 || strcmp(op->type, "relu6") == 0 ||
               strcmp(op->type, "leaky-relu") == 0;
}

static const Op *weighted_op_of(const Op *group) {
        while (group && !op_arg(group, "weights") && !op_arg(group, "bias"))
                group = is_activation(group) ? op_input(group, 0) : NULL;
        return group;
}

/* Checked when the group's fix is made, because only then the output's grid is known. */
static void check_shifts(Quantized *q, const Op *group, int32_t out) {
        const Op *op = weighted_op_of(group), *weights, *input;

        if (!op)
                return;
        input = op_input(op, 0);
        weights = op_arg(op, "weights") ? op_arg(op, "weights")->ops[0] : op_input(op, 1);
        if (strcmp(input->type, "reshape") == 0)
                input = op_input(input, 0);
        if (!scale_shifts_are_good(estimate(q, input)->fix_point, estimate(q, weights)->fix_point,
                                   BIAS_FIX_POINT, out))
                (void) fail(q, problem_set(&q->problem, -ERANGE,
                                           "the shifts of '%s' are out of range", op->name));
}

Op *quantized_fix(Quantized *q, Op *op) {
        const Arg *inputs = op ? op_arg(op, "input") : NULL;
        int32_t fix_point;

        if (!op || q->error < 0)
                return NULL;
        fix_point = scale_fix_point(estimate(q, op)->peak);
        check_shifts(q, op, fix_point);
        for (size_t i = 0; strcmp(op->type, "concat") == 0 && i < inputs->n_ops; i++)
                check_shifts(q, inputs->ops[i], fix_point);
        return add_fix(q, &q->nodes, op, fix_point);
}

Op *quantized_input(Quantized *q, int32_t height, int32_t width, int32_t channels) {
        const int32_t dims[] = { 1, height, width, channels };
        Op *op;

        op = add_op(q, &q->inputs, make_parameter_name(q, "input_0", ""), "data", dims,
                    ARRAY_SIZE(dims));
        set_int32s(q, op, "shape", dims, ARRAY_SIZE(dims));
        set_string(q, op, "data_type", "FLOAT32");
        op = finish_symmetric(q, op, SCALE_ENERGY_ONE);
        return op ? add_fix(q, &q->inputs, op, scale_fix_point(SCALE_ENERGY_ONE)) : NULL;
}

/* --- parameters ------------------------------------------------------------------------------- */

static Op *add_const(Quantized *q, OpList *list, char *name, const int32_t *dims, size_t n_dims,
                     float **ret_values, size_t *ret_n) {
        Op *op = add_op(q, list, name, "const", dims, n_dims);
        float *values;
        size_t n;
        int r;

        if (!op)
                return NULL;
        n = (size_t) tensor_elements(&op->tensor);
        values = arena_alloc(&q->graph->arena, n * sizeof(*values));
        if (!values)
                return fail(q, -ENOMEM);

        set_int32s(q, op, "shape", dims, n_dims);
        set_string(q, op, "data_type", "float32");
        r = attrs_lend_bytes(&op->attrs, &q->graph->arena, "data",
                             slice_of(values, n * sizeof(*values)));
        if (r < 0)
                return fail(q, r);
        *ret_values = values;
        *ret_n = n;
        return op;
}

static void fill(Quantized *q, float *values, size_t n, int32_t fix_point, uint32_t spread) {
        const float step = 1.0f / (float) (1u << fix_point);

        for (size_t i = 0; i < n; i++)
                values[i] = (float) random_bell(&q->random, spread) * step;
}

static int remember_weights(Quantized *q, float *values, size_t n, int32_t fix_point) {
        int r;

        r = array_reserve(&q->weights, &q->weights_capacity, q->n_weights + 1, sizeof(Weights));
        if (r < 0)
                return r;
        q->weights[q->n_weights++] = (Weights){ values, n, fix_point };
        return 0;
}

/* the weights of a layer behind @input where @fan_in products make one output */
static Op *add_weights(Quantized *q, const char *parameter, const int32_t *dims, size_t n_dims,
                       const Op *input, uint64_t fan_in, ScaleGain gain) {
        const ScaleWeights scale = scale_weights(estimate(q, input)->energy, gain, fan_in);
        size_t n = 0;
        float *values;
        Op *op;
        int r;

        op = add_const(q, &q->parameters, make_parameter_name(q, parameter, ".weight"), dims,
                       n_dims, &values, &n);
        if (!op)
                return NULL;

        fill(q, values, n, scale.fix_point, scale.spread);
        r = remember_weights(q, values, n, scale.fix_point);
        return r < 0 ? fail(q, r) : add_fix(q, &q->parameters, op, scale.fix_point);
}

static Op *add_bias(Quantized *q, const char *parameter, int32_t channels) {
        size_t n = 0;
        float *values;
        Op *op;

        op = add_const(q, &q->parameters, make_parameter_name(q, parameter, ".bias"), &channels, 1,
                       &values, &n);
        if (!op)
                return NULL;
        fill(q, values, n, BIAS_FIX_POINT, BIAS_SPREAD);
        return add_fix(q, &q->parameters, op, BIAS_FIX_POINT);
}

/* --- layers ------------------------------------------------------------------------------------ */

static int32_t window_count(int32_t in, int32_t kernel, int32_t stride, int32_t pad) {
        return (in + 2 * pad - kernel) / stride + 1;
}

static void set_window(Quantized *q, Op *op, int32_t kernel, int32_t stride, int32_t pad) {
        const int32_t pads[] = { pad, pad, pad, pad };

        set_int32s(q, op, "kernel", (int32_t[]){ kernel, kernel }, 2);
        set_int32s(q, op, "stride", (int32_t[]){ stride, stride }, 2);
        set_int32s(q, op, "pad", pads, ARRAY_SIZE(pads));
        set_string(q, op, "pad_mode", "FLOOR");
}

static Op *add_conv(Quantized *q, Op *input, const QuantizedConv *conv, bool depthwise) {
        const int32_t *in = input ? input->tensor.dims : NULL;
        Op *op, *weights, *bias;
        uint64_t energy;

        if (!input || q->error < 0)
                return NULL;
        const int32_t filters = depthwise ? 1 : conv->channels, area = conv->kernel * conv->kernel;
        const int32_t weight_dims[] = { filters, conv->kernel, conv->kernel, in[3] };
        const int32_t dims[] = { in[0], window_count(in[1], conv->kernel, conv->stride, conv->pad),
                                 window_count(in[2], conv->kernel, conv->stride, conv->pad),
                                 conv->channels };

        energy = estimate(q, input)->energy;
        weights = add_weights(q, conv->parameter, weight_dims, ARRAY_SIZE(weight_dims), input,
                              (uint64_t) (depthwise ? area : area * in[3]), conv->gain);
        bias = add_bias(q, conv->parameter, conv->channels);
        op = add_op(q, &q->nodes, make_node_name(q, conv->path, "input."),
                    depthwise ? "depthwise-conv2d" : "conv2d", dims, ARRAY_SIZE(dims));
        set_arg(q, op, "input", input);
        set_arg(q, op, "weights", weights);
        set_arg(q, op, "bias", bias);
        set_window(q, op, conv->kernel, conv->stride, conv->pad);
        set_int32s(q, op, "dilation", (int32_t[]){ 1, 1 }, 2);
        set_int32(q, op, "group", depthwise ? in[3] : 1);
        set_int32(q, op, "in_dim", in[3]);
        set_int32(q, op, "out_dim", conv->channels);
        set_bool(q, op, "bias_term", true);
        return finish_symmetric(q, op, scale_apply_gain(energy, conv->gain));
}

Op *quantized_conv2d(Quantized *q, Op *input, const QuantizedConv *conv) {
        return add_conv(q, input, conv, false);
}

Op *quantized_depthwise(Quantized *q, Op *input, const QuantizedConv *conv) {
        if (input && q->error == 0 && input->tensor.dims[3] != conv->channels)
                return fail(q, problem_set(&q->problem, -EINVAL, "'%s' has %d channels, not %d",
                                           input->name, input->tensor.dims[3], conv->channels));
        return add_conv(q, input, conv, true);
}

Op *quantized_linear(Quantized *q, Op *input, const QuantizedLinear *linear) {
        const int32_t *in = input ? input->tensor.dims : NULL;
        Op *op, *weights, *bias;

        if (!input || q->error < 0)
                return NULL;
        const int32_t weight_dims[] = { linear->features, in[1] };
        const int32_t dims[] = { in[0], linear->features };

        weights = add_weights(q, linear->parameter, weight_dims, ARRAY_SIZE(weight_dims), input,
                              (uint64_t) in[1], linear->gain);
        bias = add_bias(q, linear->parameter, linear->features);
        op = add_op(q, &q->nodes, make_node_name(q, linear->path, "input."), "matmul", dims,
                    ARRAY_SIZE(dims));
        set_arg(q, op, "input", input);
        set_arg(q, op, "input", weights);
        set_arg(q, op, "bias", bias);
        set_bool(q, op, "transpose_a", false);
        set_bool(q, op, "transpose_b", true);
        return finish_symmetric(q, op, scale_apply_gain(estimate(q, input)->energy, linear->gain));
}

Op *quantized_relu(Quantized *q, Op *input, const char *path) {
        Op *op = add_unary(q, input, "relu", path);
        const Estimate *e = op ? estimate(q, input) : NULL;

        return e ? finish_op(q, op, e->positive, e->positive, e->peak) : NULL;
}

Op *quantized_relu6(Quantized *q, Op *input, const char *path) {
        const uint64_t most = (uint64_t) SCALE_ENERGY_ONE * 16 / 9; /* three times its root is 4 */
        Op *op = add_unary(q, input, "relu6", path);
        const Estimate *e = op ? estimate(q, input) : NULL;

        return e ? finish_op(q, op, e->positive, e->positive, e->peak < most ? e->peak : most)
                 : NULL;
}

Op *quantized_leaky_relu(Quantized *q, Op *input, const char *path) {
        Op *op = add_unary(q, input, "leaky-relu", path);
        const Estimate *e = op ? estimate(q, input) : NULL;

        set_attr(q, op, "alpha", &(Attr){ .kind = ATTR_FLOAT, .float32 = LEAKY_SLOPE });
        return e ? finish_op(q, op, e->positive + (e->energy - e->positive) / LEAKY_ENERGY,
                             e->positive, e->peak)
                 : NULL;
}

Op *quantized_add(Quantized *q, Op *a, Op *b, const char *path) {
        Op *op = b ? add_unary(q, a, "add", path) : NULL;
        uint64_t energy, positive;

        if (!op)
                return NULL;
        set_arg(q, op, "input", b);
        energy = estimate(q, a)->energy + estimate(q, b)->energy;
        positive = estimate(q, a)->positive + estimate(q, b)->positive;
        return finish_op(q, op, energy, positive, energy);
}

/* The largest of a window has some four times the mean square (of nine independent half-normal
 * numbers it would be 5.1), and never more than the input's range. */
Op *quantized_maxpool(Quantized *q, Op *input, int32_t kernel, int32_t stride, int32_t pad,
                      const char *path) {
        const int32_t *in = input ? input->tensor.dims : NULL;
        Op *op;

        if (!input || q->error < 0)
                return NULL;
        const int32_t dims[] = { in[0], window_count(in[1], kernel, stride, pad),
                                 window_count(in[2], kernel, stride, pad), in[3] };

        op = add_op(q, &q->nodes, make_node_name(q, path, "input."), "maxpool2d", dims,
                    ARRAY_SIZE(dims));
        set_arg(q, op, "input", input);
        set_window(q, op, kernel, stride, pad);
        set_bool(q, op, "global", false);
        return finish_op(q, op, 4 * estimate(q, input)->energy, 4 * estimate(q, input)->positive,
                         estimate(q, input)->peak);
}

static Op *add_average(Quantized *q, Op *input, const char *base, const int32_t *dims) {
        char *name = NULL;
        Op *op;

        if (asprintf(&name, "%s_i0", base) < 0)
                return fail(q, -ENOMEM);
        op = add_op(q, &q->nodes, name, "avgpool2d", dims, 4);
        set_arg(q, op, "input", input);
        set_window(q, op, input->tensor.dims[1], input->tensor.dims[1], 0);
        set_bool(q, op, "global", true);
        set_bool(q, op, "count_include_pad", true);
        set_bool(q, op, "count_include_invalid", true);
        return op;
}

static Op *add_number(Quantized *q, const char *base, float number) {
        const int32_t one = 1;
        char *name = NULL;
        float *value;
        size_t n;
        Op *op;

        if (asprintf(&name, "%s_i1", base) < 0)
                return fail(q, -ENOMEM);
        op = add_const(q, &q->helpers, name, &one, 1, &value, &n);
        if (op)
                value[0] = number;
        return op;
}

Op *quantized_global_avgpool(Quantized *q, Op *input, const char *path) {
        const int32_t *in = input ? input->tensor.dims : NULL;
        _cleanup_(freep) char *base = NULL;
        float correction;
        Op *op, *mul;

        if (!input || q->error < 0)
                return NULL;
        const int32_t dims[] = { in[0], 1, 1, in[3] };

        correction = in[1] == in[2] ? scale_average(in[1]) : 0;
        if (correction == 0)
                return fail(q, problem_set(&q->problem, -EINVAL,
                                           "an average over %dx%d is not supported", in[1], in[2]));
        base = make_node_name(q, path, "");
        if (!base)
                return fail(q, -ENOMEM);
        op = add_average(q, input, base, dims);
        mul = add_op(q, &q->nodes, strdup(base), "mul", dims, ARRAY_SIZE(dims));
        set_arg(q, mul, "input", op);
        set_arg(q, mul, "input", add_number(q, base, correction));
        return finish_like(q, mul, input);
}

Op *quantized_upsample(Quantized *q, Op *input, int32_t scale, const char *path) {
        const float scales[] = { (float) scale, (float) scale };
        const int32_t *in = input ? input->tensor.dims : NULL;
        Op *op;

        if (!input || q->error < 0)
                return NULL;
        const int32_t dims[] = { in[0], scale * in[1], scale * in[2], in[3] };

        op = add_op(q, &q->nodes, make_node_name(q, path, ""), "resize", dims, ARRAY_SIZE(dims));
        set_arg(q, op, "input", input);
        set_arg(q, op, "size", NULL);
        set_string(q, op, "mode", "NEAREST");
        set_bool(q, op, "align_corners", false);
        set_bool(q, op, "half_pixel_centers", false);
        set_attr(q, op, "scale", &(Attr){ .kind = ATTR_FLOAT_VEC, .n = 2, .floats = scales });
        return finish_like(q, op, input);
}

/* estimates of a concatenation: means, weighted by channels */
static Op *finish_concat(Quantized *q, Op *op) {
        const Arg *arg = op_arg(op, "input");
        uint64_t energy = 0, positive = 0, peak = 0, n = (uint64_t) op->tensor.dims[3];

        for (size_t i = 0; i < arg->n_ops; i++) {
                const Estimate *e = estimate(q, arg->ops[i]);
                const uint64_t channels = (uint64_t) arg->ops[i]->tensor.dims[3];

                energy += e->energy * channels;
                positive += e->positive * channels;
                peak = e->peak > peak ? e->peak : peak;
        }
        return finish_op(q, op, energy / n, positive / n, peak);
}

Op *quantized_concat(Quantized *q, Op *const *inputs, size_t n, const char *path) {
        int32_t channels = 0;
        Op *op;

        for (size_t i = 0; i < n; i++) {
                if (!inputs[i] || q->error < 0)
                        return NULL;
                channels += inputs[i]->tensor.dims[3];
        }
        const int32_t *in = inputs[0]->tensor.dims, dims[] = { in[0], in[1], in[2], channels };

        op = add_op(q, &q->nodes, make_node_name(q, path, "input."), "concat", dims,
                    ARRAY_SIZE(dims));
        for (size_t i = 0; i < n; i++)
                set_arg(q, op, "input", inputs[i]);
        set_int32(q, op, "axis", 3);
        return op && q->error == 0 ? finish_concat(q, op) : NULL;
}

/* The exporter gives the new shape as an argument: one constant per dimension, stacked. */
Op *quantized_flatten(Quantized *q, Op *input, const char *path) {
        _cleanup_(freep) char *base = NULL;
        const int32_t one = 1, stacked[] = { 2, 1 }, placeholder = 0;
        Op *parts[2] = { NULL }, *stack, *op;
        float *value;
        size_t n;

        if (!input || q->error < 0)
                return NULL;
        const int32_t dims[] = { input->tensor.dims[0], (int32_t) tensor_elements(&input->tensor) /
                                                                input->tensor.dims[0] };

        base = make_node_name(q, path, "");
        if (!base)
                return fail(q, -ENOMEM);
        for (unsigned i = ARRAY_SIZE(parts); i-- > 0;) {
                char *name = NULL;

                if (asprintf(&name, "%s_shape_attr_%u_", base, i) < 0)
                        return fail(q, -ENOMEM);
                parts[i] = add_const(q, &q->helpers, name, &one, 1, &value, &n);
                if (!parts[i])
                        return NULL;
                value[0] = (float) dims[i];
        }

        char *stack_name = NULL;
        if (asprintf(&stack_name, "%s_shape_i0", base) < 0)
                return fail(q, -ENOMEM);
        stack = add_op(q, &q->helpers, stack_name, "stack", stacked, ARRAY_SIZE(stacked));
        set_arg(q, stack, "input", parts[0]);
        set_arg(q, stack, "input", parts[1]);
        set_int32(q, stack, "axis", 0);
        if (stack && q->error == 0 &&
            graph_set_int32s(q->graph, &stack->tensor.attrs, "shape_info", dims, 2) < 0)
                return fail(q, -ENOMEM);

        op = add_op(q, &q->nodes, TAKE_PTR(base), "reshape", dims, ARRAY_SIZE(dims));
        set_arg(q, op, "input", input);
        set_arg(q, op, "shape", stack);
        set_int32s(q, op, "shape", &placeholder, 1);
        return finish_like(q, op, input);
}

Op *quantized_softmax(Quantized *q, Op *input, const char *path) {
        Op *op = add_unary(q, input, "softmax", path);

        if (!op)
                return NULL;
        set_int32(q, op, "axis", (int32_t) input->tensor.n_dims - 1);
        return finish_op(q, op, 0, 0, 0);
}

/* --- the end ------------------------------------------------------------------------------------ */

/* towards zero if it is at the end of its range, else up */
static int change_weight(Quantized *q, uint64_t element) {
        for (size_t i = 0; i < q->n_weights; i++) {
                const Weights *w = &q->weights[i];
                const float step = 1.0f / (float) (1u << w->fix_point);

                if (element < w->n) {
                        float *value = &w->values[element];

                        *value += *value >= 127 * step ? -step : step;
                        return 0;
                }
                element -= w->n;
        }
        return problem_set(&q->problem, -ERANGE, "the model has no weight of this number");
}

static void place_all(Op **at, const OpList *list, size_t *n) {
        for (size_t i = 0; i < list->n; i++)
                at[(*n)++] = list->ops[i];
}

/* Puts the ops in the exporter's order. The list of parameters ends up reversed: bias before
 * weights, the last layer first, but every const before its fix. */
static void order_ops(Quantized *q) {
        Op **ops = q->graph->ops;
        size_t n = 0;

        place_all(ops, &q->helpers, &n);
        place_all(ops, &q->inputs, &n);
        for (size_t i = q->parameters.n; i >= 2; i -= 2) {
                ops[n++] = q->parameters.ops[i - 2];
                ops[n++] = q->parameters.ops[i - 1];
        }
        place_all(ops, &q->nodes, &n);
        assert(n == q->graph->n_ops);
        graph_count_consumers(q->graph);
}

void quantized_return(Quantized *q, Op *op) {
        if (!op || q->error < 0)
                return;
        assert(q->n_outputs < ARRAY_SIZE(q->outputs));
        q->outputs[q->n_outputs++] = op;
}

static int finish_graph(Quantized *q) {
        const char *names[QUANTIZED_OUTPUTS_MAX];
        Graph *graph = q->graph;
        int r;

        order_ops(q);
        for (size_t i = 0; i < q->n_outputs; i++)
                names[i] = q->outputs[i]->name;
        r = graph_set_strings(graph, &graph->attrs, "return_ops", names, q->n_outputs);
        for (size_t i = 0; r == 0 && i < graph->n_ops; i++)
                r = graph_assign(graph, graph->root, graph->ops[i]);
        return r < 0 ? r : graph_verify(graph, &q->problem);
}

int quantized_finish(Quantized *q, uint64_t changed, Graph **ret, Problem *problem) {
        int r = q->error;

        if (r == 0 && changed != UINT64_MAX)
                r = change_weight(q, changed);
        if (r == 0)
                r = finish_graph(q);
        if (r < 0)
                return q->problem.text[0] ? problem_set(problem, r, "%s", q->problem.text) : r;

        *ret = TAKE_PTR(q->graph);
        return 0;
}
