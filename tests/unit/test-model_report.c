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

static json_object *report(Graph *graph, uint64_t fingerprint) {
        const ModelReportSpec spec = { .graph = graph,
                                       .fingerprint = fingerprint,
                                       .file_size = 1234 };
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(MODEL_REPORT_MAX);
        json_object *document;
        Problem problem;

        assert_int_equal(model_report_write(&spec, &out), 0);
        if (json_parse(bytes_slice(&out), &document, &problem) < 0)
                fail_msg("%s", problem.text);
        return document;
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
        const ModelReportSpec spec = { .graph = userdata, .fingerprint = 1 };
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(MODEL_REPORT_MAX);

        return model_report_write(&spec, &out);
}

static void every_allocation_may_fail(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();

        assert_true(fail_alloc_sweep(run_report, graph) > 10);
}

static void report_real_model(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        json_object *document;

        (void) name;
        assert_int_equal(graph_read(&graph, bytes_slice(content), NULL), 0);
        document = report(graph, 0);
        assert_true(json_object_array_length(member(document, "inputs")) > 0);
        assert_true(json_object_array_length(member(document, "outputs")) > 0);
        assert_false(json_object_get_boolean(member(document, "no_dpu_code")));
        json_object_put(document);
        (*(size_t *) userdata)++;
}

static void real_models_have_reports(void **state) {
        size_t n = 0;

        if (!corpus_present())
                skip();
        assert_true(corpus_each("compiled", report_real_model, &n) > 0);
        assert_true(n > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tells_what_the_graph_holds),
                cmocka_unit_test(says_when_there_is_no_dpu_code),
                cmocka_unit_test(knows_what_the_runtime_implements),
                cmocka_unit_test(knows_fix_only_with_dpu_round),
                cmocka_unit_test(strips_what_compilers_append),
                cmocka_unit_test(inputs_have_the_fix_point_of_their_reader),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test(real_models_have_reports),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
