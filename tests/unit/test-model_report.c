#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "dpu/model_report.h"
#include "dpu/ports.h"
#include "dpu/runtime_op.h"
#include "tests/support/corpus.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/sample_graph.h"

static json_object *report_of(const ModelReportSpec *spec) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(MODEL_REPORT_MAX);
        json_object *document;
        Problem problem;

        assert_int_equal(model_report_write(spec, &out), 0);
        if (json_parse(bytes_slice(&out), &document, &problem) < 0)
                fail_msg("%s", problem.text);
        return document;
}

static json_object *report(Graph *graph, uint64_t fingerprint) {
        const ModelReportSpec spec = { .graph = graph,
                                       .fingerprint = fingerprint,
                                       .file_size = 1234 };

        return report_of(&spec);
}

static json_object *member(json_object *object, const char *key) {
        json_object *value;

        if (!json_object_object_get_ex(object, key, &value))
                fail_msg("no member %s", key);
        return value;
}

static const char *text(json_object *object, const char *key) {
        return json_object_get_string(member(object, key));
}

static void tells_what_the_graph_holds(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        json_object *document = report(graph, UINT64_C(0x101000056010402));
        json_object *dpu, *input, *off;

        assert_int_equal(json_object_get_int(member(document, "report")), 1);
        assert_string_equal(text(member(document, "target"), "name"), "DPUCZDX8G_ISA1_B1024");
        assert_false(json_object_get_boolean(member(document, "no_dpu_code")));
        assert_int_equal(json_object_get_int(member(member(document, "sizes"), "file_bytes")),
                         1234);

        assert_int_equal(json_object_array_length(member(document, "subgraphs")), 3);
        dpu = json_object_array_get_idx(member(document, "subgraphs"), 1);
        assert_string_equal(text(dpu, "device"), "DPU");
        assert_string_equal(text(dpu, "fingerprint"), "0x0101000056010402");
        assert_int_equal(json_object_get_int(member(dpu, "ops")), 2);
        assert_int_equal(json_object_get_int(member(dpu, "code_bytes")), 4);
        assert_int_equal(json_object_get_int(member(dpu, "parameter_bytes")), 8);

        input = json_object_array_get_idx(member(document, "inputs"), 0);
        assert_string_equal(text(input, "tensor"), "in_fix");
        assert_string_equal(text(input, "type"), "XINT8");
        assert_int_equal(json_object_get_int(member(input, "fix_point")), 6);

        assert_int_equal(json_object_array_length(member(document, "off_dpu")), 2);
        off = json_object_array_get_idx(member(document, "off_dpu"), 0);
        assert_string_equal(text(off, "op"), "conv_fix_softmax");
        assert_string_equal(text(off, "reason_from"), "type");
        assert_true(json_object_get_boolean(member(off, "runtime")));
        json_object_put(document);
}

static void says_when_there_is_no_dpu_code(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        Op *conv = graph_find_op(graph, "conv");
        json_object *document, *off;

        assert_int_equal(graph_set_string(graph, &graph->root->children[1]->attrs, "device", "CPU"),
                         0);
        assert_int_equal(graph_set_string(graph, &conv->attrs, "partition_msg", "because"), 0);
        document = report(graph, 0);
        assert_true(json_object_get_boolean(member(document, "no_dpu_code")));
        assert_null(member(document, "target"));
        off = json_object_array_get_idx(member(document, "off_dpu"), 0);
        assert_string_equal(text(off, "op"), "conv");
        assert_string_equal(text(off, "reason"), "because");
        assert_string_equal(text(off, "reason_from"), "compiler");
        json_object_put(document);
}

static CompilerLog *parse_log(const char *text) {
        CompilerLog *log;

        assert_int_equal(compiler_log_new(&log), 0);
        assert_int_equal(compiler_log_feed(log, slice_of_string(text)), 0);
        assert_int_equal(compiler_log_end(log), 0);
        return log;
}

/* The sample with its convolution on the CPU. */
static Graph *without_dpu(void) {
        Graph *graph = sample_graph_compiled();

        assert_int_equal(graph_set_string(graph, &graph->root->children[1]->attrs, "device", "CPU"),
                         0);
        return graph;
}

static const char conv_log[] =
        "[UNILOG][INFO] Target architecture: T\n"
        "[UNILOG][WARNING] xir::Op{name = conv_fix, type = conv2d-fix} has been assigned to CPU: "
        "[too wide].\n"
        "[UNILOG][WARNING] xir::Op{name = gone, type = relu} has been assigned to CPU.\n"
        "[UNILOG][WARNING] xir::Op{name = p, type = pool-fix}'s input and output is unchanged, so "
        "it will be removed.\n";

static void takes_reasons_from_the_log(void **state) {
        _cleanup_(graph_freep) Graph *graph = without_dpu();
        _cleanup_(compiler_log_freep) CompilerLog *log = parse_log(conv_log);
        const ModelReportSpec spec = { .graph = graph, .log = compiler_log_facts(log) };
        json_object *document = report_of(&spec), *off, *said;

        off = json_object_array_get_idx(member(document, "off_dpu"), 0);
        assert_string_equal(text(off, "op"), "conv");
        assert_string_equal(text(off, "reason"), "too wide");
        assert_string_equal(text(off, "reason_from"), "log");
        assert_null(member(off, "source_op"));
        assert_int_equal(json_object_get_int(member(member(off, "output"), "fix_point")), 3);
        off = json_object_array_get_idx(member(document, "off_dpu"), 1);
        assert_string_equal(text(off, "reason_from"), "type");

        said = member(document, "log");
        assert_string_equal(text(said, "target"), "T");
        assert_int_equal(json_object_array_length(member(said, "unmatched")), 1);
        assert_string_equal(text(json_object_array_get_idx(member(said, "unmatched"), 0), "op"),
                            "gone");
        assert_int_equal(json_object_array_length(member(said, "removed")), 1);
        assert_int_equal(json_object_array_length(member(said, "custom")), 0);
        json_object_put(document);
}

/* what the compiler wrote into the file is nearer to the truth than what it printed */
static void the_file_knows_better_than_the_log(void **state) {
        _cleanup_(graph_freep) Graph *graph = without_dpu();
        _cleanup_(compiler_log_freep) CompilerLog *log = parse_log(conv_log);
        const ModelReportSpec spec = { .graph = graph, .log = compiler_log_facts(log) };
        json_object *document, *off;

        assert_int_equal(graph_set_string(graph, &graph_find_op(graph, "conv")->attrs,
                                          "partition_msg", "because"),
                         0);
        document = report_of(&spec);
        off = json_object_array_get_idx(member(document, "off_dpu"), 0);
        assert_string_equal(text(off, "reason"), "because");
        assert_int_equal(json_object_array_length(member(member(document, "log"), "unmatched")), 1);
        json_object_put(document);
}

/* An op on the CPU that the compiler made from "conv" and gave a name of its own. */
static void add_moved(Graph *graph) {
        static const int32_t dims[] = { 1, 4, 4, 2 };
        Op *moved;

        assert_int_equal(graph_add_op(graph, "conv(Moved)_i0", "relu", &moved), 0);
        assert_int_equal(graph_set_tensor(graph, moved, "conv(Moved)_i0", DATA_TYPE_XINT, 8, dims,
                                          ARRAY_SIZE(dims)),
                         0);
        assert_int_equal(graph_add_arg(graph, moved, "input", graph_find_op(graph, "conv")), 0);
        assert_int_equal(graph_assign(graph, graph->root->children[2], moved), 0);
}

/* The compiler renamed an op after it had complained: they meet in the source. */
static void names_layers_as_in_the_source(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        _cleanup_(graph_freep) Graph *source = sample_graph_quantized();
        _cleanup_(compiler_log_freep) CompilerLog *log = parse_log(conv_log);
        const ModelReportSpec spec = { .graph = graph,
                                       .source = source,
                                       .log = compiler_log_facts(log) };
        json_object *document, *off;

        add_moved(graph);
        document = report_of(&spec);
        off = json_object_array_get_idx(member(document, "off_dpu"), 0);
        assert_string_equal(text(off, "op"), "conv_fix_softmax");
        assert_string_equal(text(off, "source_op"), "conv");
        assert_string_equal(text(off, "reason_from"), "type");
        off = json_object_array_get_idx(member(document, "off_dpu"), 2);
        assert_string_equal(text(off, "op"), "conv(Moved)_i0");
        assert_string_equal(text(off, "source_op"), "conv");
        assert_string_equal(text(off, "source_type"), "conv2d");
        assert_string_equal(text(off, "reason"), "too wide");
        assert_string_equal(text(off, "reason_from"), "log");
        json_object_put(document);
}

static void knows_what_the_runtime_implements(void **state) {
        static const struct {
                const char *type;
                bool implemented;
        } rows[] = {
                { "softmax", true },   { "aten::sin", true }, { "reshape", true },
                { "conv2d", false },   { "relu", false },     { "PPScatterV2", false },
                { "softmax2", false }, { "softma", false },   { "fix", true },
        };
        Problem why;

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const Op op = { .name = "x", .type = rows[i].type };

                why.text[0] = '\0';
                assert_int_equal(runtime_op_is_implemented(&op, &why), rows[i].implemented);
                assert_int_equal(why.text[0] == '\0', rows[i].implemented);
        }
}

static void knows_fix_only_with_dpu_round(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_quantized();
        Op *fix = graph_find_op(graph, "in_fix");
        Problem why;

        assert_true(runtime_op_is_implemented(fix, &why));
        assert_int_equal(graph_set_string(graph, &fix->attrs, "round_mode", "PY3_ROUND"), 0);
        assert_false(runtime_op_is_implemented(fix, &why));
        assert_non_null(strstr(why.text, "PY3_ROUND"));
}

static void strips_what_compilers_append(void **state) {
        static const char *const rows[][2] = {
                { "X_fix_", "X" },  { "X_fix", "X" }, { "X_", "X" }, { "X", "X" },
                { "_fix", "_fix" }, { "_", "_" },     { "", "" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                assert_true(slice_is(ports_base_name(rows[i][0]), rows[i][1]));
}

/* One `fix` that is the only reader quantizes an input; with two readers nothing is certain. */
static void inputs_have_the_fix_point_of_their_reader(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_quantized();
        Ports ports;

        assert_int_equal(ports_init(&ports, graph), 0);
        assert_true(ports.inputs[0].has_fix_point);
        assert_int_equal(ports.inputs[0].fix_point, 6);
        ports_deinit(&ports);

        assert_int_equal(graph_add_arg(graph, graph_find_op(graph, "softmax"), "input",
                                       graph_find_op(graph, "in")),
                         0);
        graph_count_consumers(graph);
        assert_int_equal(ports_init(&ports, graph), 0);
        assert_false(ports.inputs[0].has_fix_point);
        ports_deinit(&ports);
}

static int run_report(void *userdata) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(MODEL_REPORT_MAX);

        return model_report_write(userdata, &out);
}

static void every_allocation_may_fail(void **state) {
        _cleanup_(graph_freep) Graph *graph = without_dpu();
        _cleanup_(graph_freep) Graph *source = sample_graph_quantized();
        _cleanup_(compiler_log_freep) CompilerLog *log = parse_log(conv_log);
        ModelReportSpec spec = { .graph = graph, .source = source, .log = compiler_log_facts(log) };

        assert_true(fail_alloc_sweep(run_report, &spec) > 10);
}

/* Counted in the files by hand, and the devices by the vendor's library, which agrees. */
static const struct {
        const char *file;
        size_t user, dpu, cpu;
        size_t code_bytes, parameter_bytes;
        size_t unimplemented; /* ops that the board's runtime cannot run */
        const char *off_dpu;  /* TYPE:NUMBER, by type */
} golden[] = {
        /* clang-format off */
        { "cifar-resnet20.VCK190.xmodel", 1, 1, 1, 5688, 272768, 0,
          "fix2float:1" },
        { "densebox.B3136.xmodel", 1, 1, 2, 153164, 523168, 0,
          "fix2float:2" },
        { "dpu-mnist.B4096.xmodel", 1, 1, 1, 4572, 712704, 0,
          "fix2float:1 softmax:1" },
        { "fruit-yolov5.B4096.xmodel", 1, 1, 3, 303160, 1769989, 0,
          "fix:3 fix2float:6 float2fix:3 reshape-fix:3 transpose:6" },
        { "gan.B1600.xmodel", 1, 1, 2, 41412, 540353, 0,
          "fix2float:1 reshape-fix:1" },
        { "hand-sign.B4096.xmodel", 1, 1, 1, 8920, 67510, 0,
          "fix2float:1" },
        { "mnist-cnn.B4096.xmodel", 1, 1, 1, 3364, 65536, 0,
          "fix2float:1" },
        { "mnist-cnn.U50.xmodel", 1, 1, 1, 1240, 40970, 0,
          "fix2float:1" },
        { "mnist-cnn.VCK190.xmodel", 1, 1, 1, 1128, 39680, 0,
          "fix2float:1" },
        { "plate-detect.B3136.xmodel", 1, 1, 2, 59936, 556192, 0,
          "fix2float:2" },
        { "tf2-custom-op.B4096-1.4.xmodel", 1, 2, 2, 3264, 105642, 1,
          "Mylayer:1 fix2float:2 float2fix:1 hard-sigmoid-fix:1 reshape-fix:1" },
        { "tf2-custom-op.B4096-2.5.xmodel", 1, 2, 2, 4040, 105642, 1,
          "Mylayer:1 fix2float:2 float2fix:1" },
        { "tf2-custom-op.B4096-3.0.xmodel", 1, 2, 2, 4040, 131072, 1,
          "Mylayer:1 fix2float:2 float2fix:1" },
        { "tf2-custom-op.VEK280.xmodel", 1, 2, 2, 1624, 118016, 1,
          "Mylayer:1 fix2float:2 float2fix:1" },
        { "voxelnet.B4096-2.5.xmodel", 2, 2, 4, 1067540, 395016, 1,
          "PPScatterV2:1 fix:2 fix2float:4 float2fix:1 transpose:2" },
        { "voxelnet.B4096-3.0.xmodel", 2, 2, 4, 1067540, 528384, 1,
          "PPScatterV2:1 fix:2 fix2float:4 float2fix:1 transpose:2" },
        { "voxelnet.V70.xmodel", 2, 2, 4, 1088960, 415232, 1,
          "PPScatterV2:1 fix:2 fix2float:4 float2fix:1 transpose:2" },
        { "voxelnet.VCK5000.xmodel", 2, 2, 4, 632688, 1436544, 1,
          "PPScatterV2:1 fix:2 fix2float:4 float2fix:1 pool-fix:1 transpose:2" },
        { "zerodce.B4096.xmodel", 1, 2, 2, 208440, 925696, 0,
          "fix2float:1 upsample-fix:1" },
        /* clang-format on */
};

static size_t count_subgraphs(json_object *document, const char *device) {
        json_object *subgraphs = member(document, "subgraphs");
        size_t n = 0;

        for (size_t i = 0; i < json_object_array_length(subgraphs); i++)
                n += strcmp(text(json_object_array_get_idx(subgraphs, i), "device"), device) == 0;
        return n;
}

static size_t sum_dpu(json_object *document, const char *key) {
        json_object *subgraphs = member(document, "subgraphs"), *value;
        size_t sum = 0;

        for (size_t i = 0; i < json_object_array_length(subgraphs); i++)
                if (json_object_object_get_ex(json_object_array_get_idx(subgraphs, i), key, &value))
                        sum += (size_t) json_object_get_int64(value);
        return sum;
}

static size_t count_type(json_object *off, const char *type, size_t n) {
        size_t found = 0;

        for (size_t i = 0; i < json_object_array_length(off); i++) {
                const char *other = text(json_object_array_get_idx(off, i), "type");

                found += strlen(other) == n && strncmp(other, type, n) == 0;
        }
        return found;
}

static void compare_off_dpu(json_object *off, const char *expected) {
        size_t total = 0;

        for (const char *type = expected; *type;) {
                const char *colon = strchr(type, ':');
                char *end;
                size_t wanted = strtoul(colon + 1, &end, 10);

                assert_int_equal(count_type(off, type, (size_t) (colon - type)), wanted);
                total += wanted;
                type = *end == ' ' ? end + 1 : end;
        }
        assert_int_equal(json_object_array_length(off), total);
}

static size_t count_unimplemented(json_object *off) {
        size_t n = 0;

        for (size_t i = 0; i < json_object_array_length(off); i++)
                n += !json_object_get_boolean(member(json_object_array_get_idx(off, i), "runtime"));
        return n;
}

static void compare_golden(json_object *document, size_t row) {
        assert_int_equal(count_subgraphs(document, "USER"), golden[row].user);
        assert_int_equal(count_subgraphs(document, "DPU"), golden[row].dpu);
        assert_int_equal(count_subgraphs(document, "CPU"), golden[row].cpu);
        assert_int_equal(sum_dpu(document, "code_bytes"), golden[row].code_bytes);
        assert_int_equal(sum_dpu(document, "parameter_bytes"), golden[row].parameter_bytes);
        assert_int_equal(count_unimplemented(member(document, "off_dpu")),
                         golden[row].unimplemented);
        compare_off_dpu(member(document, "off_dpu"), golden[row].off_dpu);
}

static void report_real_model(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        json_object *document;
        size_t *n = userdata;

        assert_int_equal(graph_read(&graph, bytes_slice(content), NULL), 0);
        document = report(graph, 0);
        assert_true(json_object_array_length(member(document, "inputs")) > 0);
        assert_true(json_object_array_length(member(document, "outputs")) > 0);
        assert_false(json_object_get_boolean(member(document, "no_dpu_code")));
        for (size_t i = 0; i < ARRAY_SIZE(golden); i++)
                if (strcmp(golden[i].file, name) == 0) {
                        compare_golden(document, i);
                        (*n)++;
                }
        json_object_put(document);
}

static void real_models_have_reports(void **state) {
        size_t n = 0;

        if (!corpus_present())
                skip();
        assert_int_equal(corpus_each("compiled", report_real_model, &n), ARRAY_SIZE(golden));
        assert_int_equal(n, ARRAY_SIZE(golden));
}

/* two files of the corpus that belong together */
typedef struct Wanted {
        const char *file;
        Graph *graph;
} Wanted;

static void read_wanted(const char *name, const Bytes *content, void *userdata) {
        Wanted *wanted = userdata;

        if (strcmp(name, wanted->file) == 0)
                assert_int_equal(graph_read(&wanted->graph, bytes_slice(content), NULL), 0);
}

static Graph *corpus_graph(const char *folder, const char *file) {
        Wanted wanted = { .file = file };

        assert_true(corpus_each(folder, read_wanted, &wanted) > 0);
        assert_non_null(wanted.graph);
        return wanted.graph;
}

/* Every layer off the DPU is found in the source, under the name that the user gave it. */
static void real_layers_are_found_in_their_source(void **state) {
        static const struct {
                const char *source, *compiled;
                const char *op, *source_type;
        } rows[] = {
                { "cifar-resnet20.xmodel", "cifar-resnet20.VCK190.xmodel", NULL, NULL },
                { "mnist-cnn.xmodel", "mnist-cnn.B4096.xmodel", NULL, NULL },
                { "voxelnet.xmodel", "voxelnet.B4096-2.5.xmodel", "VoxelNet__VoxelNet_input_4",
                  "PPScatterV2" },
                { "zerodce.xmodel", "zerodce.B4096.xmodel",
                  "ZeroDCEQ__ZeroDCEQ_UpsamplingBilinear2d_upsample__x_r", "resize" },
        };

        if (!corpus_present())
                skip();
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(graph_freep) Graph *source = corpus_graph("quantized", rows[i].source);
                _cleanup_(graph_freep) Graph *graph = corpus_graph("compiled", rows[i].compiled);
                const ModelReportSpec spec = { .graph = graph, .source = source };
                json_object *document = report_of(&spec), *off = member(document, "off_dpu");

                for (size_t j = 0; j < json_object_array_length(off); j++) {
                        json_object *layer = json_object_array_get_idx(off, j);

                        assert_non_null(member(layer, "source_op"));
                        if (rows[i].op && strcmp(text(layer, "op"), rows[i].op) == 0)
                                assert_string_equal(text(layer, "source_type"),
                                                    rows[i].source_type);
                }
                json_object_put(document);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tells_what_the_graph_holds),
                cmocka_unit_test(says_when_there_is_no_dpu_code),
                cmocka_unit_test(takes_reasons_from_the_log),
                cmocka_unit_test(the_file_knows_better_than_the_log),
                cmocka_unit_test(names_layers_as_in_the_source),
                cmocka_unit_test(knows_what_the_runtime_implements),
                cmocka_unit_test(knows_fix_only_with_dpu_round),
                cmocka_unit_test(strips_what_compilers_append),
                cmocka_unit_test(inputs_have_the_fix_point_of_their_reader),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test(real_models_have_reports),
                cmocka_unit_test(real_layers_are_found_in_their_source),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
