#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/hex.h"
#include "dpu/examine.h"
#include "dpu/model.h"
#include "tests/support/corpus.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/sample_graph.h"

#define FINGERPRINT UINT64_C(0x101000056010402)

static void examine(const ExamineSpec *spec, Examination *ret) {
        assert_int_equal(examine_run(spec, ret), 0);
}

static bool found(const ExamineFindings *findings, const char *text) {
        for (size_t i = 0; i < findings->n; i++)
                if (strstr(findings->items[i], text))
                        return true;
        return false;
}

static void accepts_what_a_compiler_writes(void **state) {
        const Target target = { .fingerprint = FINGERPRINT };
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        const ExamineSpec spec = { .graph = graph, .target = &target, .require_dpu = true };
        Examination e;

        examine(&spec, &e);
        assert_true(examination_is_right(&e));
        assert_int_equal(e.notes.n, 0);
        assert_int_equal(e.n_user, 1);
        assert_int_equal(e.n_dpu, 1);
        assert_int_equal(e.n_cpu, 1);
        assert_true(e.has_fingerprint);
        assert_int_equal(e.fingerprint, FINGERPRINT);
        assert_int_equal(e.board, BOARD_EQUAL);
        assert_int_equal(e.source, SOURCE_NOT_ASKED);
        examination_deinit(&e);
}

static void set_number_map(Graph *graph, Attrs *attrs, const char *name) {
        const AttrPair pair = { .key = "REG_9", .value = { .kind = ATTR_INT32, .int32 = 4 } };
        const Attr map = { .kind = ATTR_MAP_STRING_INT32, .n = 1, .pairs = &pair };

        assert_int_equal(graph_set_attr(graph, attrs, name, &map), 0);
}

static void set_text_map(Graph *graph, Attrs *attrs, const char *name) {
        const AttrPair pair = { .key = "REG_9",
                                .value = { .kind = ATTR_STRING, .string = "CONST" } };
        const Attr map = { .kind = ATTR_MAP_STRING_STRING, .n = 1, .pairs = &pair };

        assert_int_equal(graph_set_attr(graph, attrs, name, &map), 0);
}

static void no_code(Graph *graph, Attrs *attrs) {
        assert_int_equal(graph_set_bytes(graph, attrs, "mc_code", slice_of(NULL, 0)), 0);
}

static void odd_code(Graph *graph, Attrs *attrs) {
        assert_int_equal(graph_set_bytes(graph, attrs, "mc_code", slice_of("12345", 5)), 0);
}

static void code_as_text(Graph *graph, Attrs *attrs) {
        assert_int_equal(graph_set_string(graph, attrs, "mc_code", "code"), 0);
}

static void runner_without_run(Graph *graph, Attrs *attrs) {
        set_text_map(graph, attrs, "runner");
}

static void size_of_another_register(Graph *graph, Attrs *attrs) {
        set_number_map(graph, attrs, "reg_id_to_size");
}

static void constants_of_another_register(Graph *graph, Attrs *attrs) {
        set_text_map(graph, attrs, "reg_id_to_context_type");
}

static void fingerprint_as_text(Graph *graph, Attrs *attrs) {
        assert_int_equal(graph_set_string(graph, attrs, "dpu_fingerprint", "0x1"), 0);
}

static void unknown_device(Graph *graph, Attrs *attrs) {
        assert_int_equal(graph_set_string(graph, attrs, "device", "GPU"), 0);
}

static void finds_what_the_runtime_would_refuse(void **state) {
        static const struct {
                void (*damage)(Graph *graph, Attrs *attrs);
                const char *says;
        } rows[] = {
                { no_code, "its code has 0 bytes" },
                { odd_code, "its code has 5 bytes" },
                { code_as_text, "mc_code has another type" },
                { runner_without_run, "no mode 'run'" },
                { size_of_another_register, "REG_2 has no size" },
                { constants_of_another_register, "the constants of REG_9 are missing" },
                { constants_of_another_register, "no room for data" },
                { fingerprint_as_text, "its fingerprint is no number" },
                { unknown_device, "no device" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
                const ExamineSpec spec = { .graph = graph };
                Examination e;

                rows[i].damage(graph, &graph->root->children[1]->attrs);
                examine(&spec, &e);
                if (!found(&e.problems, rows[i].says))
                        fail_msg("%s: %s", rows[i].says,
                                 e.problems.n ? e.problems.items[0] : "nothing found");
                examination_deinit(&e);
        }
}

static void tells_boards_apart(void **state) {
        static const struct {
                Target target;
                BoardMatch match;
                const char *says;
        } rows[] = {
                { { .fingerprint = FINGERPRINT }, BOARD_EQUAL, NULL },
                { { .fingerprint = FINGERPRINT ^ FINGERPRINT_ARGMAX },
                  BOARD_ARGMAX_DIFFERS,
                  "only in bit 30 (argmax save)" },
                { { .fingerprint = UINT64_C(0x101000056010407) }, BOARD_OTHER, "the board has" },
                { { .name = "DPUCZDX8G_ISA1_B1024" }, BOARD_EQUAL, NULL },
                { { .name = "DPUCZDX8G_ISA1_B4096" }, BOARD_OTHER, "not for DPUCZDX8G_ISA1_B4096" },
        };
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const ExamineSpec spec = { .graph = graph, .target = &rows[i].target };
                Examination e;

                examine(&spec, &e);
                assert_int_equal(e.board, rows[i].match);
                assert_int_equal(examination_is_right(&e), rows[i].says == NULL);
                if (rows[i].says)
                        assert_true(found(&e.problems, rows[i].says));
                examination_deinit(&e);
        }
}

static void no_dpu_code_is_a_note_unless_it_is_required(void **state) {
        const Target target = { .fingerprint = FINGERPRINT };
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        Attrs *attrs = &graph->root->children[1]->attrs;

        assert_int_equal(graph_set_string(graph, attrs, "device", "CPU"), 0);
        for (int required = 0; required < 2; required++) {
                const ExamineSpec spec = { .graph = graph,
                                           .target = &target,
                                           .require_dpu = required != 0 };
                Examination e;

                examine(&spec, &e);
                assert_int_equal(e.board, BOARD_NO_DPU_CODE);
                assert_int_equal(examination_is_right(&e), !required);
                assert_true(found(required ? &e.problems : &e.notes, "no DPU code"));
                assert_true(found(&e.notes, "names no target"));
                examination_deinit(&e);
        }
}

static void sees_two_fingerprints(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        const ExamineSpec spec = { .graph = graph };
        Subgraph *other;
        Examination e;

        assert_int_equal(graph_add_subgraph(graph, graph->root, "subgraph_b", &other), 0);
        assert_int_equal(graph_set_string(graph, &other->attrs, "device", "DPU"), 0);
        assert_int_equal(graph_set_uint64(graph, &other->attrs, "dpu_fingerprint", 1), 0);
        examine(&spec, &e);
        assert_false(e.has_fingerprint);
        assert_true(found(&e.problems, "different fingerprints"));
        examination_deinit(&e);
}

static Md5 md5_of(const char *hex) {
        Md5 md5;

        assert_int_equal(hex_decode(hex, md5.bytes, MD5_SIZE), 0);
        return md5;
}

static void compares_the_recorded_source(void **state) {
        const Md5 right = md5_of("00112233445566778899aabbccddeeff"), wrong = { { 0 } };
        const struct {
                ExamineSource source;
                SourceMatch match;
        } rows[] = {
                { { .bytes = right }, SOURCE_SAME_BYTES },
                { { .bytes = wrong, .map_sorted = right, .has_forms = true },
                  SOURCE_SAME_MAP_SORTED },
                { { .bytes = wrong, .canonical = right, .has_forms = true },
                  SOURCE_SAME_CANONICAL },
                { { .bytes = wrong, .canonical = right }, SOURCE_DIFFERS },
                { { .bytes = wrong, .has_forms = true }, SOURCE_DIFFERS },
        };
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const ExamineSpec spec = { .graph = graph, .source = &rows[i].source };
                Examination e;

                examine(&spec, &e);
                assert_int_equal(e.source, rows[i].match);
                assert_int_equal(examination_is_right(&e), rows[i].match != SOURCE_DIFFERS);
                examination_deinit(&e);
        }
}

static void compares_inputs_and_outputs(void **state) {
        static const int32_t other_dims[] = { 1, 8, 8, 3 };
        const Md5 md5 = md5_of("00112233445566778899aabbccddeeff");
        static const char *const says[] = { NULL, "input in has another shape",
                                            "input in has fix point 6, in the source it is 5",
                                            "output softmax is missing",
                                            "output softmax is not in the source" };

        for (size_t i = 0; i < ARRAY_SIZE(says); i++) {
                _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
                _cleanup_(graph_freep) Graph *source = sample_graph_quantized();
                const ExamineSource about = { .bytes = md5, .graph = source };
                const ExamineSpec spec = { .graph = graph, .source = &about };
                Op *in = graph_find_op(source, "in"), *out = graph_find_op(source, "softmax");
                Examination e;

                if (i == 1)
                        assert_int_equal(graph_set_tensor(source, in, "in", DATA_TYPE_FLOAT, 32,
                                                          other_dims, 4),
                                         0);
                if (i == 2)
                        assert_int_equal(
                                graph_set_int32(source, &graph_find_op(source, "in_fix")->attrs,
                                                "fix_point", 5),
                                0);
                if (i == 3)
                        graph_find_op(graph, "softmax")->tensor.name = "other";
                if (i == 4)
                        out->tensor.name = "other";
                examine(&spec, &e);
                assert_int_equal(examination_is_right(&e), says[i] == NULL);
                if (says[i] && !found(&e.problems, says[i]))
                        fail_msg("%s: %s", says[i], e.problems.items[0]);
                examination_deinit(&e);
        }
}

static void findings_are_capped(void **state) {
        ExamineFindings findings = { 0 };

        for (int i = 0; i < EXAMINE_FINDINGS_MAX + 5; i++)
                assert_int_equal(examine_findings_add(&findings, "finding %d\x1b", i), 0);
        assert_int_equal(findings.n, EXAMINE_FINDINGS_MAX);
        assert_int_equal(findings.n_more, 5);
        assert_string_equal(findings.items[3], "finding 3\\x1b");
        examine_findings_deinit(&findings);
}

static int run_examine(void *userdata) {
        const Target target = { .fingerprint = 1 };
        const ExamineSource source = { .graph = ((Graph **) userdata)[1] };
        const ExamineSpec spec = { .graph = ((Graph **) userdata)[0],
                                   .target = &target,
                                   .source = &source };
        Examination e;
        int r;

        r = examine_run(&spec, &e);
        if (r < 0)
                return r;
        examination_deinit(&e);
        return 0;
}

static void every_allocation_may_fail(void **state) {
        Graph *graphs[] = { sample_graph_compiled(), sample_graph_quantized() };

        assert_true(fail_alloc_sweep(run_examine, graphs) > 5);
        (void) graph_free(graphs[0]);
        (void) graph_free(graphs[1]);
}

/* Facts of the corpus: its INDEX.tsv, and the md5 of the sources. */
static const struct {
        const char *name;
        uint64_t fingerprint;
        size_t n_dpu;
        const char *source; /* of the corpus, if it is there */
} real_models[] = {
        { "cifar-resnet20.VCK190.xmodel", 0x0603000b56011861, 1, "cifar-resnet20.xmodel" },
        { "densebox.B3136.xmodel", 0x0101000016010406, 1, NULL },
        { "dpu-mnist.B4096.xmodel", 0x0101000056010407, 1, NULL },
        { "fruit-yolov5.B4096.xmodel", 0x0101000016010407, 1, NULL },
        { "gan.B1600.xmodel", 0x0101000016010404, 1, NULL },
        { "hand-sign.B4096.xmodel", 0x0101000016010407, 1, NULL },
        { "mnist-cnn.B4096.xmodel", 0x0101000056010407, 1, "mnist-cnn.xmodel" },
        { "mnist-cnn.U50.xmodel", 0x020200000010002a, 1, "mnist-cnn.xmodel" },
        { "mnist-cnn.VCK190.xmodel", 0x0603000b56011861, 1, "mnist-cnn.xmodel" },
        { "plate-detect.B3136.xmodel", 0x0101000016010406, 1, NULL },
        { "tf2-custom-op.B4096-1.4.xmodel", 0x01000020f6014407, 2, NULL },
        { "tf2-custom-op.B4096-2.5.xmodel", 0x0101000016010407, 2, NULL },
        { "tf2-custom-op.B4096-3.0.xmodel", 0x0101000056010407, 2, NULL },
        { "tf2-custom-op.VEK280.xmodel", 0x0901400044000e44, 2, NULL },
        { "voxelnet.B4096-2.5.xmodel", 0x0101000016010407, 2, "voxelnet.xmodel" },
        { "voxelnet.B4096-3.0.xmodel", 0x0101000056010407, 2, "voxelnet.xmodel" },
        { "voxelnet.V70.xmodel", 0x0901400044000e44, 2, "voxelnet.xmodel" },
        { "voxelnet.VCK5000.xmodel", 0x0501000000140fee, 2, "voxelnet.xmodel" },
        { "zerodce.B4096.xmodel", 0x0101000056010407, 2, "zerodce.xmodel" },
};

typedef struct RealSource {
        const char *wanted;
        Md5 md5;
        Graph *graph;
} RealSource;

static Md5 md5_of_bytes(const Bytes *bytes) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        Md5 md5;

        assert_int_equal(hasher_new(&hasher, HASHER_MD5), 0);
        assert_int_equal(hasher_update(hasher, bytes->data, bytes->size), 0);
        assert_int_equal(hasher_md5(hasher, &md5), 0);
        return md5;
}

static void take_source(const char *name, const Bytes *content, void *userdata) {
        RealSource *source = userdata;

        if (strcmp(name, source->wanted) != 0)
                return;
        assert_int_equal(graph_read(&source->graph, bytes_slice(content), NULL), 0);
        source->md5 = md5_of_bytes(content);
}

static void examine_real_model(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        RealSource source = { 0 };
        Examination e;

        assert_int_equal(graph_read(&graph, bytes_slice(content), NULL), 0);
        for (size_t i = 0; i < ARRAY_SIZE(real_models); i++) {
                const Target target = { .fingerprint = real_models[i].fingerprint };
                ExamineSource about;
                ExamineSpec spec = { .graph = graph, .target = &target, .require_dpu = true };

                if (strcmp(name, real_models[i].name) != 0)
                        continue;
                source.wanted = real_models[i].source;
                if (source.wanted) {
                        assert_true(corpus_each("quantized", take_source, &source) > 0);
                        about = (ExamineSource){ .bytes = source.md5, .graph = source.graph };
                        spec.source = &about;
                }
                examine(&spec, &e);
                if (!examination_is_right(&e))
                        fail_msg("%s: %s", name, e.problems.items[0]);
                assert_int_equal(e.n_dpu, real_models[i].n_dpu);
                assert_int_equal(e.source, source.wanted ? SOURCE_SAME_BYTES : SOURCE_NOT_ASKED);
                examination_deinit(&e);
                (*(size_t *) userdata)++;
        }
        (void) graph_free(source.graph);
}

static void real_models_are_what_the_index_says(void **state) {
        size_t n = 0;

        if (!corpus_present())
                skip();
        assert_true(corpus_each("compiled", examine_real_model, &n) > 0);
        assert_int_equal(n, ARRAY_SIZE(real_models));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(accepts_what_a_compiler_writes),
                cmocka_unit_test(finds_what_the_runtime_would_refuse),
                cmocka_unit_test(tells_boards_apart),
                cmocka_unit_test(no_dpu_code_is_a_note_unless_it_is_required),
                cmocka_unit_test(sees_two_fingerprints),
                cmocka_unit_test(compares_the_recorded_source),
                cmocka_unit_test(compares_inputs_and_outputs),
                cmocka_unit_test(findings_are_capped),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test(real_models_are_what_the_index_says),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
