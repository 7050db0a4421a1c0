#include "tests/support/sample_graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define SAMPLE_FINGERPRINT UINT64_C(0x101000056010402)

static void must(int r) {
        if (r < 0)
                abort();
}

static Op *sample_op(Graph *graph, const char *name, const char *type, const char *tensor,
                     DataType data_type, int32_t bits, int32_t size, int32_t channels) {
        const int32_t dims[] = { 1, size, size, channels };
        Op *op;

        must(graph_add_op(graph, name, type, &op));
        must(graph_set_tensor(graph, op, tensor, data_type, bits, dims, ARRAY_SIZE(dims)));
        return op;
}

static void sample_shape(Graph *graph, Op *op, const char *data_type) {
        must(graph_set_int32s(graph, &op->attrs, "shape", op->tensor.dims, op->tensor.n_dims));
        must(graph_set_string(graph, &op->attrs, "data_type", data_type));
}

static void sample_quantization(Graph *graph, Attrs *attrs, int32_t fix_point) {
        must(graph_set_int32(graph, attrs, "fix_point", fix_point));
        must(graph_set_int32(graph, attrs, "bit_width", 8));
        must(graph_set_string(graph, attrs, "round_mode", "DPU_ROUND"));
        must(graph_set_bool(graph, attrs, "if_signed", true));
}

static Op *sample_fix(Graph *graph, const char *name, Op *input, int32_t fix_point) {
        Op *op = sample_op(graph, name, "fix", name, DATA_TYPE_FLOAT, 32, input->tensor.dims[1],
                           input->tensor.dims[3]);

        must(graph_add_arg(graph, op, "input", input));
        sample_quantization(graph, &op->attrs, fix_point);
        return op;
}

static void sample_conv(Graph *graph, Op *op, Op *input, Op *weights) {
        static const int32_t one[] = { 1, 1 };

        must(graph_add_arg(graph, op, "input", input));
        must(graph_add_arg(graph, op, "weights", weights));
        must(graph_set_int32s(graph, &op->attrs, "kernel", one, 2));
        must(graph_set_int32s(graph, &op->attrs, "stride", one, 2));
        must(graph_set_string(graph, &op->attrs, "pad_mode", "FLOOR"));
}

static Op *sample_softmax(Graph *graph, Op *input) {
        Op *op = sample_op(graph, "softmax", "softmax", "softmax", DATA_TYPE_FLOAT, 32, 4, 2);

        must(graph_add_arg(graph, op, "input", input));
        must(graph_set_int32(graph, &op->attrs, "axis", 3));
        return op;
}

Graph *sample_graph_quantized(void) {
        static const float weights[2 * 3] = { 0.5F, -0.25F, 1.0F, 0.125F, -1.0F, 0.0F };
        static const int32_t weight_dims[] = { 2, 1, 1, 3 };
        Graph *graph;
        Op *in, *w, *conv;

        must(graph_new(&graph, "sample"));
        in = sample_op(graph, "in", "data", "in", DATA_TYPE_FLOAT, 32, 4, 3);
        sample_shape(graph, in, "FLOAT32");
        w = sample_op(graph, "w", "const", "w", DATA_TYPE_FLOAT, 32, 1, 3);
        must(graph_set_tensor(graph, w, "w", DATA_TYPE_FLOAT, 32, weight_dims, 4));
        sample_shape(graph, w, "float32");
        must(graph_set_bytes(graph, &w->attrs, "data", slice_of(weights, sizeof(weights))));

        in = sample_fix(graph, "in_fix", in, 6);
        w = sample_fix(graph, "w_fix", w, 7);
        must(graph_set_tensor(graph, w, "w_fix", DATA_TYPE_FLOAT, 32, weight_dims, 4));
        conv = sample_op(graph, "conv", "conv2d", "conv", DATA_TYPE_FLOAT, 32, 4, 2);
        sample_conv(graph, conv, in, w);
        (void) sample_softmax(graph, sample_fix(graph, "conv_fix", conv, 3));
        graph_count_consumers(graph);
        return graph;
}

Graph *sample_graph_off_dpu(void) {
        Graph *graph;
        Op *in;

        must(graph_new(&graph, "sample"));
        in = sample_op(graph, "in", "data", "in", DATA_TYPE_FLOAT, 32, 4, 2);
        sample_shape(graph, in, "FLOAT32");
        (void) sample_softmax(graph, sample_fix(graph, "in_fix", in, 6));
        graph_count_consumers(graph);
        return graph;
}

static void sample_map(Graph *graph, Attrs *attrs, const char *name, AttrKind kind,
                       const AttrPair *pairs, size_t n) {
        const Attr map = { .kind = kind, .n = n, .pairs = pairs };

        must(graph_set_attr(graph, attrs, name, &map));
}

static AttrPair sample_text(const char *key, const char *value) {
        return (AttrPair){ .key = key, .value = { .kind = ATTR_STRING, .string = value } };
}

static AttrPair sample_number(const char *key, int32_t value) {
        return (AttrPair){ .key = key, .value = { .kind = ATTR_INT32, .int32 = value } };
}

static void sample_runner(Graph *graph, Attrs *attrs, const char *run) {
        const AttrPair pairs[] = { sample_text("ref", "libvart-cpu-runner.so"),
                                   sample_text("run", run) };

        sample_map(graph, attrs, "runner", ATTR_MAP_STRING_STRING, pairs, ARRAY_SIZE(pairs));
}

static Subgraph *sample_subgraph(Graph *graph, const char *name, const char *device) {
        Subgraph *subgraph;

        must(graph_add_subgraph(graph, graph->root, name, &subgraph));
        must(graph_set_string(graph, &subgraph->attrs, "device", device));
        must(graph_set_uint64(graph, &subgraph->attrs, "workload", 0));
        return subgraph;
}

static void sample_registers(Graph *graph, Attrs *attrs) {
        static const uint8_t parameters[8] = { 1, 2, 3, 4 };
        const AttrPair types[] = { sample_text("REG_0", "CONST"), sample_text("REG_2", "DATA") };
        const AttrPair sizes[] = { sample_number("REG_0", sizeof(parameters)),
                                   sample_number("REG_2", 64) };
        const AttrPair value = { .key = "REG_0",
                                 .value = { .kind = ATTR_BYTES,
                                            .bytes = { parameters, sizeof(parameters) } } };

        sample_map(graph, attrs, "reg_id_to_context_type", ATTR_MAP_STRING_STRING, types, 2);
        sample_map(graph, attrs, "reg_id_to_size", ATTR_MAP_STRING_INT32, sizes, 2);
        sample_map(graph, attrs, "reg_id_to_parameter_value", ATTR_MAP_STRING_BYTES, &value, 1);
}

static Subgraph *sample_dpu(Graph *graph) {
        Subgraph *dpu = sample_subgraph(graph, "subgraph_conv", "DPU");
        Subgraph *layer;

        must(graph_set_string(graph, &dpu->attrs, "dpu_name", "DPUCZDX8G_ISA1_B1024"));
        must(graph_set_uint64(graph, &dpu->attrs, "dpu_fingerprint", SAMPLE_FINGERPRINT));
        must(graph_set_bytes(graph, &dpu->attrs, "mc_code", slice_of("code", 4)));
        sample_runner(graph, &dpu->attrs, "libvart-dpu-runner.so");
        sample_registers(graph, &dpu->attrs);
        must(graph_add_subgraph(graph, dpu, "subgraph_layer", &layer));
        return layer;
}

static Op *sample_fixed(Graph *graph, const char *name, const char *type, const char *tensor,
                        int32_t channels, int32_t fix_point) {
        Op *op = sample_op(graph, name, type, tensor, DATA_TYPE_XINT, 8, 4, channels);

        sample_quantization(graph, &op->tensor.attrs, fix_point);
        return op;
}

Graph *sample_graph_compiled(void) {
        static const int32_t weight_dims[] = { 2, 1, 1, 3 };
        const AttrPair source =
                sample_text("/somewhere/sample.xmodel", "00112233445566778899aabbccddeeff");
        Graph *graph;
        Subgraph *user, *dpu, *cpu;
        Op *in, *w, *conv, *to_float;

        must(graph_new(&graph, "sample"));
        sample_map(graph, &graph->attrs, "files_md5sum", ATTR_MAP_STRING_STRING, &source, 1);
        user = sample_subgraph(graph, "subgraph_in", "USER");
        dpu = sample_dpu(graph);
        cpu = sample_subgraph(graph, "subgraph_conv_fix_softmax", "CPU");
        sample_runner(graph, &cpu->attrs, "libvart-cpu-runner.so");

        in = sample_fixed(graph, "in", "data-fix", "in_fix", 3, 6);
        sample_shape(graph, in, "XINT8");
        w = sample_fixed(graph, "w", "const-fix", "w_fix", 3, 7);
        must(graph_set_tensor(graph, w, "w_fix", DATA_TYPE_XINT, 8, weight_dims, 4));
        sample_shape(graph, w, "XINT8");
        must(graph_set_bytes(graph, &w->attrs, "data", slice_of(NULL, 0)));
        conv = sample_fixed(graph, "conv", "conv2d-fix", "conv_fix", 2, 3);
        sample_conv(graph, conv, in, w);
        to_float = sample_op(graph, "conv_fix_softmax", "fix2float", "conv_fix_softmax",
                             DATA_TYPE_FLOAT, 32, 4, 2);
        must(graph_add_arg(graph, to_float, "input", conv));
        sample_quantization(graph, &to_float->attrs, 3);

        must(graph_assign(graph, user, in));
        must(graph_assign(graph, dpu, w));
        must(graph_assign(graph, dpu, conv));
        must(graph_assign(graph, cpu, to_float));
        must(graph_assign(graph, cpu, sample_softmax(graph, to_float)));
        graph_count_consumers(graph);
        return graph;
}
