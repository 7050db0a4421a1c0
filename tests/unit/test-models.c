/*
 * The made-up models: their size and structure, that they are quantized graphs as the exporter
 * writes them, and, by evaluating them in the plainest way, that numbers survive in them.
 */

#include "unit.h"

#include <errno.h>
#include <math.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "dpu/models/network.h"
#include "tests/support/fail_alloc.h"
#include "xmodel/canon.h"
#include "xmodel/classify.h"

#define OUTPUT_MAX ((size_t) 128 << 20)

static Graph *make(const char *name, const NetworkOptions *options) {
        Problem problem = { "" };
        Graph *graph = NULL;
        int r;

        assert_non_null(network_find(name));
        r = network_make(network_find(name), options, &graph, &problem);
        if (r < 0)
                fail_msg("%s: %s", name, problem.text);
        return graph;
}

static Graph *make_size(const char *name, int32_t size) {
        const NetworkOptions options = { .seed = 1, .size = size, .change_weight = UINT64_MAX };

        return make(name, &options);
}

static size_t count_type(const Graph *graph, const char *type) {
        size_t n = 0;

        for (size_t i = 0; i < graph->n_ops; i++)
                n += strcmp(graph->ops[i]->type, type) == 0;
        return n;
}

static uint64_t sum_macs(const Graph *graph) {
        uint64_t macs = 0;

        for (size_t i = 0; i < graph->n_ops; i++) {
                const Op *op = graph->ops[i];

                if (op_arg(op, "weights")) {
                        const Tensor *weights = &op_arg(op, "weights")->ops[0]->tensor;

                        macs += tensor_elements(&op->tensor) *
                                (tensor_elements(weights) /
                                 (uint64_t) weights->dims[strcmp(op->type, "conv2d") == 0 ? 0 : 3]);
                }
        }
        return macs;
}

static uint64_t sum_conv_weights(const Graph *graph) {
        uint64_t n = 0;

        for (size_t i = 0; i < graph->n_ops; i++)
                if (op_arg(graph->ops[i], "weights"))
                        n += tensor_elements(&op_arg(graph->ops[i], "weights")->ops[0]->tensor);
        return n;
}

static void unet_is_the_tutorials(void **state) {
        _cleanup_(graph_freep) Graph *graph = make_size("unet", 512);
        const Op *last = graph->ops[graph->n_ops - 1];

        assert_int_equal(count_type(graph, "conv2d"), 31);
        assert_int_equal(count_type(graph, "relu"), 27);
        assert_int_equal(count_type(graph, "add"), 8);
        assert_int_equal(count_type(graph, "maxpool2d"), 1);
        assert_int_equal(count_type(graph, "resize"), 5);
        assert_int_equal(count_type(graph, "concat"), 5);
        assert_int_equal(count_type(graph, "softmax"), 1);
        assert_int_equal(count_type(graph, "data"), 1);
        assert_int_equal(count_type(graph, "const"), 62);

        assert_int_equal(sum_macs(graph) / 10000000, 4962);      /* 49.62 GMAC */
        assert_int_equal(sum_conv_weights(graph) / 10000, 1982); /* 19.82 M */
        assert_string_equal(last->type, "softmax");
        assert_int_equal(last->tensor.dims[1], 512);
        assert_int_equal(last->tensor.dims[3], 7);
        assert_string_equal(graph->name, "Unet");
}

static void lenet_is_lenet(void **state) {
        _cleanup_(graph_freep) Graph *graph = make_size("lenet", 0);

        assert_int_equal(count_type(graph, "conv2d"), 2);
        assert_int_equal(count_type(graph, "matmul"), 3);
        assert_int_equal(count_type(graph, "reshape"), 1);
        assert_int_equal(count_type(graph, "relu"), 4);
        assert_int_equal(graph->ops[graph->n_ops - 1]->tensor.dims[1], 10);
        assert_int_equal(op_arg(graph_find_op(graph, "LeNet__LeNet_Conv2d_conv1__input_1"), "input")
                                 ->ops[0]
                                 ->tensor.dims[1],
                         28);
}

/* 1.81 GMAC in convolutions at 224x224, and half a million in the last layer. */
static void resnet18_is_the_one(void **state) {
        _cleanup_(graph_freep) Graph *graph = make_size("resnet18", 0);

        assert_int_equal(count_type(graph, "conv2d"), 20);
        assert_int_equal(count_type(graph, "add"), 8);
        assert_int_equal(count_type(graph, "matmul"), 1);
        assert_int_equal(sum_macs(graph), 1813561344);
}

/* 300 million in convolutions, as the paper says, and 3.4 million parameters */
static void mobilenetv2_is_the_one(void **state) {
        _cleanup_(graph_freep) Graph *graph = make_size("mobilenetv2", 0);
        const Op *last = graph->ops[graph->n_ops - 1];

        assert_int_equal(count_type(graph, "conv2d"), 35);
        assert_int_equal(count_type(graph, "depthwise-conv2d"), 17);
        assert_int_equal(count_type(graph, "relu6"), 35);
        assert_int_equal(count_type(graph, "add"), 10);
        assert_int_equal(count_type(graph, "avgpool2d"), 1);
        assert_int_equal(sum_macs(graph) / 1000000, 299);
        assert_int_equal(sum_conv_weights(graph) / 1000, 2189);
        assert_string_equal(last->type, "fix");
        assert_int_equal(last->tensor.dims[1], 1000);
}

/* 1.87 million parameters; 4.5 GFLOP for 640x640 (that is, 2.2 GMAC) */
static void yolov5n_is_the_one(void **state) {
        _cleanup_(graph_freep) Graph *graph = make_size("yolov5n", 0);
        const Attr *returned = attrs_find(&graph->attrs, "return_ops");

        assert_int_equal(count_type(graph, "conv2d"), 60);
        assert_int_equal(count_type(graph, "leaky-relu"), 57);
        assert_int_equal(count_type(graph, "add"), 7);
        assert_int_equal(count_type(graph, "concat"), 13);
        assert_int_equal(count_type(graph, "maxpool2d"), 3);
        assert_int_equal(count_type(graph, "resize"), 2);
        assert_int_equal(sum_macs(graph) / 1000000, 2234);
        assert_int_equal(sum_conv_weights(graph) / 10000, 186);
        assert_int_equal(returned->n, 3);
        for (size_t i = 0; i < 3; i++) {
                const Op *op = graph_find_op(graph, returned->strings[i]);

                assert_string_equal(op->type, "fix");
                assert_int_equal(op->tensor.dims[1], 80 >> i);
                assert_int_equal(op->tensor.dims[3], 255);
        }
}

/* Blocks of 3, 4, 6 and 3: 4.09 GMAC in convolutions at 224x224, as the literature counts. */
static void resnet50_is_the_one(void **state) {
        _cleanup_(graph_freep) Graph *graph = make_size("resnet50", 0);
        const NetworkOptions options = { .size = 288, .change_weight = UINT64_MAX };
        Graph *other = NULL;
        Problem problem;

        assert_int_equal(graph_verify(graph, NULL), 0);
        assert_int_equal(count_type(graph, "conv2d"), 53);
        assert_int_equal(count_type(graph, "add"), 16);
        assert_int_equal(sum_macs(graph), 4087136256);
        assert_int_equal(network_make(network_find("resnet50"), &options, &other, &problem),
                         -EINVAL);
        assert_string_equal(problem.text, "an average over 9x9 is not supported");
}

/* --- form ---------------------------------------------------------------------------------------- */

static bool is_type(const Op *op, const char *type) {
        return strcmp(op->type, type) == 0;
}

/* what may feed what without a fix in between: fused groups, and what only gives a shape */
static bool is_fused(const Op *from, const Op *to) {
        if (is_type(to, "fix") || is_type(to, "stack"))
                return true;
        if (is_type(to, "relu") || is_type(to, "relu6") || is_type(to, "leaky-relu"))
                return is_type(from, "conv2d") || is_type(from, "matmul") || is_type(from, "add") ||
                       is_type(from, "depthwise-conv2d");
        if (is_type(to, "reshape"))
                return is_type(from, "stack");
        if (is_type(to, "concat"))
                return from->n_consumers == 1; /* the fix of the concat is its own */
        if (is_type(to, "mul"))
                return is_type(from, "avgpool2d") || is_type(from, "const");
        return is_type(to, "matmul") && is_type(from, "reshape");
}

static void assert_fix(const Op *op) {
        int32_t value;
        bool flag;

        assert_int_equal(op->attrs.n, 4);
        assert_int_equal(attrs_int32(&op->attrs, "fix_point", &value), 0);
        assert_int_equal(attrs_int32(&op->attrs, "bit_width", &value), 0);
        assert_int_equal(value, 8);
        assert_int_equal(attrs_bool(&op->attrs, "if_signed", &flag), 0);
        assert_true(flag);
        assert_string_equal(attrs_string(&op->attrs, "round_mode"), "DPU_ROUND");
        assert_int_equal(op->n_args, 1);
}

static void assert_form(const Op *op) {
        assert_int_equal(strspn(op->name, "0123456789abcdefghijklmnopqrstuvwxyz"
                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"),
                         strlen(op->name));
        assert_string_equal(op->tensor.name, op->name);
        assert_int_equal(op->tensor.data_type, DATA_TYPE_FLOAT);
        assert_int_equal(op->tensor.bit_width, 32);
        if (is_type(op, "fix"))
                assert_fix(op);
        for (size_t a = 0; a < op->n_args; a++)
                for (size_t k = 0; k < op->args[a].n_ops; k++)
                        if (!is_type(op->args[a].ops[k], "fix") &&
                            !is_fused(op->args[a].ops[k], op))
                                fail_msg("no fix between %s and %s", op->args[a].ops[k]->name,
                                         op->name);
}

static int32_t fix_point(const Op *fix) {
        int32_t value;

        assert_int_equal(attrs_int32(&fix->attrs, "fix_point", &value), 0);
        return value;
}

static void assert_on_grid(const Op *op) {
        const Op *source = op_input(op, 0);
        const float scale = ldexpf(1, fix_point(op));
        double sum = 0;
        float values;
        Slice data;

        if (!is_type(source, "const"))
                return;
        assert_int_equal(attrs_bytes(&source->attrs, "data", &data), 0);
        assert_int_equal(data.size, 4 * tensor_elements(&source->tensor));
        for (size_t i = 0; i < data.size; i += sizeof(values)) {
                memcpy(&values, data.data + i, sizeof(values));
                assert_true(values * scale == truncf(values * scale));
                assert_true(fabsf(values * scale) <= 127);
                sum += (double) (values * scale);
        }
        if (data.size > 4 * 1000)
                assert_true(fabs(sum / (double) (data.size / 4)) < 3);
}

/* the fix behind a group, or behind the concat that it writes into */
static const Op *end_of_group(const Graph *graph, const Op *op) {
        for (size_t i = op->index + 1; i < graph->n_ops; i++)
                for (size_t k = 0; op_input(graph->ops[i], k); k++)
                        if (op_input(graph->ops[i], k) == op)
                                return is_type(graph->ops[i], "fix")
                                               ? graph->ops[i]
                                               : end_of_group(graph, graph->ops[i]);
        fail_msg("nothing reads %s", op->name);
        return NULL;
}

/* the limits of the DPU, from the fix points of a layer, its inputs and its output */
static void assert_shifts(const Graph *graph, const Op *conv) {
        const int32_t in = fix_point(op_input(conv, 0));
        const int32_t w = fix_point(op_arg(conv, "weights")->ops[0]);
        const int32_t bias = fix_point(op_arg(conv, "bias")->ops[0]);
        const int32_t cut = in + w - fix_point(end_of_group(graph, conv));

        assert_in_range(cut, 0, 16);
        assert_true(in + w - bias <= 16 && in + w - bias >= (cut < 16 ? cut - 16 : 0));
}

static void check_form(const Network *network) {
        _cleanup_(graph_freep) Graph *graph =
                make_size(network->name, network->size_step > 0 ? network->size_step : 0);
        const Attr *returned = attrs_find(&graph->attrs, "return_ops");

        assert_int_equal(graph_verify(graph, NULL), 0);
        assert_non_null(returned);
        assert_string_equal(returned->strings[returned->n - 1], graph->ops[graph->n_ops - 1]->name);
        assert_string_equal(graph->root->name, "root");
        assert_int_equal(graph->root->n_children, 0);
        assert_int_equal(graph->root->n_ops, graph->n_ops);
        for (size_t i = 0; i < graph->n_ops; i++) {
                assert_ptr_equal(graph->root->ops[i], graph->ops[i]);
                assert_form(graph->ops[i]);
                if (is_type(graph->ops[i], "fix"))
                        assert_on_grid(graph->ops[i]);
                if (op_arg(graph->ops[i], "weights"))
                        assert_shifts(graph, graph->ops[i]);
        }
}

static void has_the_exporters_form(void **state) {
        for (size_t n = 0; network_at(n); n++)
                check_form(network_at(n));
}

/* --- numbers: every op in floating point, `fix` as the format defines it ------------------------- */

typedef struct Values {
        float *data;
        size_t n;
} Values;

static float at(const Values *v, const Tensor *t, int32_t y, int32_t x, int32_t c) {
        if (y < 0 || x < 0 || y >= t->dims[1] || x >= t->dims[2])
                return 0;
        return v->data[((size_t) y * (size_t) t->dims[2] + (size_t) x) * (size_t) t->dims[3] +
                       (size_t) c];
}

static int32_t window(const Op *op, const char *name) {
        return attrs_find(&op->attrs, name)->int32s[0];
}

/* the products of one input pixel, or of padding */
static float dot_pixel(const Values *v, const Tensor *t, int32_t y, int32_t x,
                       const float *weights) {
        const size_t n = (size_t) t->dims[3];
        const float *pixel;
        float sum = 0;

        if (y < 0 || x < 0 || y >= t->dims[1] || x >= t->dims[2])
                return 0;
        pixel = v->data + ((size_t) y * (size_t) t->dims[2] + (size_t) x) * n;
        for (size_t c = 0; c < n; c++)
                sum += pixel[c] * weights[c];
        return sum;
}

static void evaluate_conv2d(const Op *op, const Values *in, Values *out) {
        const Values *from = &in[op_input(op, 0)->index];
        const Values *w = &in[op_arg(op, "weights")->ops[0]->index];
        const Values *b = &in[op_arg(op, "bias")->ops[0]->index];
        const Tensor *t = &op_input(op, 0)->tensor;
        const int32_t k = window(op, "kernel"), s = window(op, "stride"), p = window(op, "pad");
        const int32_t n_out = op->tensor.dims[3];

        for (size_t i = 0; i < out->n; i++) {
                const int32_t pixel = (int32_t) (i / (size_t) n_out), o = (int32_t) i % n_out;
                const int32_t y = pixel / op->tensor.dims[2] * s - p;
                const int32_t x = pixel % op->tensor.dims[2] * s - p;
                const float *weights = w->data + (size_t) (o * k * k * t->dims[3]);

                out->data[i] = b->data[o];
                for (int32_t j = 0; j < k * k; j++)
                        out->data[i] += dot_pixel(from, t, y + j / k, x + j % k,
                                                  weights + (size_t) (j * t->dims[3]));
        }
}

static void evaluate_matmul(const Op *op, const Values *in, Values *out) {
        const Values *x = &in[op_input(op, 0)->index], *w = &in[op_input(op, 1)->index];
        const Values *b = &in[op_arg(op, "bias")->ops[0]->index];

        for (size_t o = 0; o < out->n; o++) {
                out->data[o] = b->data[o];
                for (size_t i = 0; i < x->n; i++)
                        out->data[o] += x->data[i] * w->data[o * x->n + i];
        }
}

static void evaluate_maxpool(const Op *op, const Values *in, Values *out) {
        const Tensor *t = &op_input(op, 0)->tensor;
        const int32_t k = window(op, "kernel"), s = window(op, "stride"), p = window(op, "pad");
        size_t i = 0;

        for (int32_t y = 0; y < op->tensor.dims[1]; y++)
                for (int32_t x = 0; x < op->tensor.dims[2]; x++)
                        for (int32_t c = 0; c < op->tensor.dims[3]; c++) {
                                float most = 0; /* behind a ReLU */

                                for (int32_t ky = 0; ky < k; ky++)
                                        for (int32_t kx = 0; kx < k; kx++)
                                                most = fmaxf(most,
                                                             at(&in[op_input(op, 0)->index], t,
                                                                y * s + ky - p, x * s + kx - p, c));
                                out->data[i++] = most;
                        }
}

static void evaluate_concat(const Op *op, const Values *in, Values *out) {
        const size_t pixels = (size_t) (op->tensor.dims[1] * op->tensor.dims[2]);
        float *to = out->data;

        for (size_t i = 0; i < pixels; i++)
                for (size_t k = 0; k < 2; k++) {
                        const Values *v = &in[op_input(op, k)->index];
                        const size_t n = v->n / pixels;

                        memcpy(to, v->data + i * n, n * sizeof(*to));
                        to += n;
                }
}

static void evaluate_resize(const Op *op, const Values *in, Values *out) {
        const Tensor *t = &op_input(op, 0)->tensor;
        size_t i = 0;

        for (int32_t y = 0; y < op->tensor.dims[1]; y++)
                for (int32_t x = 0; x < op->tensor.dims[2]; x++)
                        for (int32_t c = 0; c < op->tensor.dims[3]; c++)
                                out->data[i++] =
                                        at(&in[op_input(op, 0)->index], t, y / 2, x / 2, c);
}

/* an activation's fix: few values at the ends of the range, and the range is made use of */
static void assert_healthy(const Op *op, const Values *v, size_t n_saturated, float largest) {
        if (is_type(op_input(op, 0), "const") || v->n < 64)
                return;
        if (n_saturated * 20 > v->n)
                fail_msg("%s: %zu of %zu values saturated", op->name, n_saturated, v->n);
        if (largest < 16)
                fail_msg("%s: the largest value is %f steps", op->name, (double) largest);
}

static void evaluate_fix(const Op *op, const Values *in, Values *out) {
        const float scale = ldexpf(1, fix_point(op));
        size_t n_saturated = 0;
        float largest = 0;

        for (size_t i = 0; i < out->n; i++) {
                float q = floorf(in->data[i] * scale + 0.5f);

                n_saturated += q > 127 || q < -128;
                largest = fmaxf(largest, fabsf(q));
                out->data[i] = fminf(fmaxf(q, -128), 127) / scale;
        }
        assert_healthy(op, out, n_saturated, largest);
}

static void evaluate_elementwise(const Op *op, const Values *in, Values *out) {
        const float *a = op->n_args ? in[op_input(op, 0)->index].data : NULL;
        const float *b = is_type(op, "add") ? in[op_input(op, 1)->index].data : NULL;

        for (size_t i = 0; a && i < out->n; i++)
                out->data[i] = is_type(op, "relu") ? fmaxf(a[i], 0) : a[i] + (b ? b[i] : 0);
}

static void evaluate_op(const Op *op, Values *values, Random *random) {
        Values *out = &values[op->index];
        Slice data;

        if (is_type(op, "data"))
                for (size_t i = 0; i < out->n; i++)
                        out->data[i] = (float) random_bell(random, 32768) / 18919; /* variance 1 */
        else if (is_type(op, "const")) {
                assert_int_equal(attrs_bytes(&op->attrs, "data", &data), 0);
                memcpy(out->data, data.data, data.size);
        } else if (is_type(op, "conv2d"))
                evaluate_conv2d(op, values, out);
        else if (is_type(op, "matmul"))
                evaluate_matmul(op, values, out);
        else if (is_type(op, "maxpool2d"))
                evaluate_maxpool(op, values, out);
        else if (is_type(op, "concat"))
                evaluate_concat(op, values, out);
        else if (is_type(op, "resize"))
                evaluate_resize(op, values, out);
        else if (is_type(op, "fix"))
                evaluate_fix(op, &values[op_input(op, 0)->index], out);
        else if (is_type(op, "relu") || is_type(op, "add") || is_type(op, "reshape"))
                evaluate_elementwise(op, values, out);
}

static void activations_stay_alive(void **state) {
        static const char *const names[] = { "lenet", "unet" };

        for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
                const int32_t size = strcmp(names[n], "unet") == 0 ? 64 : 0;
                _cleanup_(graph_freep) Graph *graph = make_size(names[n], size);
                _cleanup_(arena_cleanup) Arena arena = ARENA_INIT;
                Values *values = arena_zalloc(&arena, graph->n_ops, sizeof(*values));
                Random random = RANDOM_INIT(5);

                assert_non_null(values);
                for (size_t i = 0; i < graph->n_ops; i++) {
                        values[i].n = (size_t) tensor_elements(&graph->ops[i]->tensor);
                        values[i].data = arena_zalloc(&arena, values[i].n, sizeof(float));
                        assert_non_null(values[i].data);
                        evaluate_op(graph->ops[i], values, &random);
                }
        }
}

/* --- identity ------------------------------------------------------------------------------------- */

static void write_model(const Graph *graph, Bytes *ret) {
        assert_int_equal(graph_write(graph, true, ret, NULL), 0);
}

static Digest canonical_digest(const Bytes *bytes) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        XmodelClass class;
        Problem reason;
        Digest digest;

        assert_int_equal(classify(bytes_slice(bytes), &class, &walk, &reason), 0);
        assert_int_equal(class, XMODEL_QUANTIZED);
        assert_int_equal(canon_digest(walk, NULL, CANON_CANONICAL, &digest), 0);
        return digest;
}

/* Models are made by seed in scripts and tests: another result would be another model. */
static void bytes_never_change(void **state) {
        static const struct {
                const char *name;
                int32_t size;
                const char *bytes;
                const char *canonical;
        } golden[] = {
                { "lenet", 0, "efd36b57ca4a41fa9866439c35542250",
                  "7423cabd2e26a65f91d1ddd4d111d197" },
                { "unet", 64, "e8c6981260b01965096573fc9d684bd4",
                  "d6a4fbb0ee6cb4871f3ae84ee7bff0a2" },
                { "mobilenetv2", 32, "74efc5a1cef9efdb0d571aad4206f7b5",
                  "a7436f30aa4585634b7fdb9b8930d8b0" },
                { "yolov5n", 32, "945e9633f199f652711e3aca71466d1e",
                  "dacc3e16a9dcface137ffe30ae9813ae" },
                { "resnet18", 32, "b04866a8377c4cec40e4a83c7ee4aa8b",
                  "d0a1f23198aeef056ce79c595e50bf5b" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
                _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);
                _cleanup_(graph_freep) Graph *graph = make_size(golden[i].name, golden[i].size);
                char hex[DIGEST_HEX];
                Digest digest;

                write_model(graph, &bytes);
                digest = digest_of(bytes.data, bytes.size);
                digest_to_hex(&digest, hex);
                assert_string_equal(hex, golden[i].bytes);
                digest = canonical_digest(&bytes);
                digest_to_hex(&digest, hex);
                assert_string_equal(hex, golden[i].canonical);
        }
}

static bool same_order(const Graph *a, const Graph *b) {
        for (size_t i = 0; i < a->n_ops; i++)
                if (strcmp(a->ops[i]->name, b->ops[i]->name) != 0)
                        return false;
        return true;
}

/* every seed gives another order of ops, and all of them are valid */
static void shuffling_reorders_ops(void **state) {
        _cleanup_(graph_freep) Graph *graph = make_size("lenet", 0), *previous = NULL;

        for (uint64_t seed = 0; seed < 4; seed++) {
                _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);
                Graph *shuffled = NULL;

                assert_int_equal(graph_write_shuffled(graph, seed, &bytes, NULL), 0);
                assert_int_equal(graph_read(&shuffled, bytes_slice(&bytes), NULL), 0);
                assert_int_equal(graph_verify(shuffled, NULL), 0);
                assert_false(same_order(graph, shuffled));
                assert_false(previous && same_order(previous, shuffled));
                graph_free(previous);
                previous = shuffled;
        }
}

static void shuffled_is_the_same_model(void **state) {
        _cleanup_(bytes_cleanup) Bytes plain = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(graph_freep) Graph *graph = make_size("lenet", 0);
        Digest digest;

        write_model(graph, &plain);
        digest = canonical_digest(&plain);
        for (uint64_t seed = 0; seed < 10; seed++) {
                _cleanup_(bytes_cleanup) Bytes other = BYTES_INIT(OUTPUT_MAX);
                Digest of_other;

                assert_int_equal(graph_write_shuffled(graph, seed, &other, NULL), 0);
                assert_false(slice_equal(bytes_slice(&plain), bytes_slice(&other)));
                of_other = canonical_digest(&other);
                assert_true(digest_equal(&digest, &of_other));
        }
}

static size_t differing_steps(const Graph *a, const Graph *b) {
        size_t n = 0;

        assert_int_equal(a->n_ops, b->n_ops);
        for (size_t i = 0; i < a->n_ops; i++) {
                Slice x, y;

                if (attrs_bytes(&a->ops[i]->attrs, "data", &x) < 0 ||
                    !is_type(a->ops[i + 1], "fix"))
                        continue;
                assert_int_equal(attrs_bytes(&b->ops[i]->attrs, "data", &y), 0);
                for (size_t k = 0; k < x.size; k += sizeof(float)) {
                        float scale = ldexpf(1, fix_point(a->ops[i + 1])), u, v;

                        memcpy(&u, x.data + k, sizeof(u));
                        memcpy(&v, y.data + k, sizeof(v));
                        if (u == v)
                                continue;
                        assert_true(fabsf(u - v) * scale == 1);
                        assert_non_null(strstr(a->ops[i]->name, "_weight"));
                        n++;
                }
        }
        return n;
}

static void changes_one_weight(void **state) {
        static const uint64_t elements[] = { 0, 149, 150, 60000 };
        _cleanup_(graph_freep) Graph *graph = make_size("lenet", 0);
        NetworkOptions options = { .seed = 1, .change_weight = 0 };
        Problem problem = { "" };
        Graph *none = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(elements); i++) {
                _cleanup_(graph_freep) Graph *changed = NULL;

                options.change_weight = elements[i];
                changed = make("lenet", &options);
                assert_int_equal(differing_steps(graph, changed), 1);
        }

        options.change_weight = 10000000;
        assert_int_equal(network_make(network_find("lenet"), &options, &none, &problem), -ERANGE);
        assert_string_equal(problem.text, "the model has no weight of this number");
}

static void seeds_and_sizes_matter(void **state) {
        const NetworkOptions other_seed = { .seed = 2, .change_weight = UINT64_MAX };
        NetworkOptions options = { .size = 100, .change_weight = UINT64_MAX };
        _cleanup_(graph_freep) Graph *a = make_size("lenet", 28), *b = make("lenet", &other_seed);
        Problem problem = { "" };
        Graph *none = NULL;
        Slice x, y;

        assert_int_equal(attrs_bytes(&graph_find_op(a, "LeNet__conv1_weight")->attrs, "data", &x),
                         0);
        assert_int_equal(attrs_bytes(&graph_find_op(b, "LeNet__conv1_weight")->attrs, "data", &y),
                         0);
        assert_false(slice_equal(x, y));

        assert_int_equal(network_make(network_find("unet"), &options, &none, &problem), -EINVAL);
        assert_string_equal(problem.text,
                            "unet takes sizes that are multiples of 32 up to 4096, not 100");
        options.size = 32;
        assert_int_equal(network_make(network_find("lenet"), &options, &none, &problem), -EINVAL);
        assert_string_equal(problem.text, "lenet has the one size 28, not 32");
        assert_null(network_find("alexnet"));
        assert_null(network_at(6));
}

static int make_lenet(void *userdata) {
        const NetworkOptions options = NETWORK_OPTIONS_INIT;
        Graph *graph = NULL;
        int r;

        r = network_make(network_find("lenet"), &options, &graph, NULL);
        graph_free(graph);
        return r;
}

static void every_allocation_may_fail(void **state) {
        assert_true(fail_alloc_sweep(make_lenet, NULL) > 20);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(unet_is_the_tutorials),
                cmocka_unit_test(lenet_is_lenet),
                cmocka_unit_test(resnet18_is_the_one),
                cmocka_unit_test(resnet50_is_the_one),
                cmocka_unit_test(mobilenetv2_is_the_one),
                cmocka_unit_test(yolov5n_is_the_one),
                cmocka_unit_test(has_the_exporters_form),
                cmocka_unit_test(activations_stay_alive),
                cmocka_unit_test(bytes_never_change),
                cmocka_unit_test(shuffling_reorders_ops),
                cmocka_unit_test(shuffled_is_the_same_model),
                cmocka_unit_test(changes_one_weight),
                cmocka_unit_test(seeds_and_sizes_matter),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
