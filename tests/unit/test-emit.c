#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "dpu/compiler/compiler.h"
#include "dpu/model.h"
#include "tests/support/corpus.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/sample_graph.h"

#define FINGERPRINT UINT64_C(0x101000056010402)

/* @off_dpu: why all is on the CPU; NULL: it is not */
static int compile_for(const char *off_dpu, const Graph *source, const Md5 *md5, Bytes *ret) {
        const CompilerSpec spec = {
                .source = source,
                .fingerprint = FINGERPRINT,
                .source_md5 = *md5,
                .compiler = "test",
                .last = COMPILER_EMIT,
                .all_refused = off_dpu,
        };
        _cleanup_(compilation_freep) Compilation *c = NULL;
        int r;

        r = compiler_run(&spec, &c, NULL);
        return r < 0 ? r : graph_write(c->graph, false, ret, NULL);
}

static int compile(const Graph *source, const Md5 *md5, Bytes *ret) {
        return compile_for(NULL, source, md5, ret);
}

/* source as the quantizer would write it again, to file, to compiled bytes */
static void compile_export(const UnitDir *dir, const Graph *source, uint64_t seed, Bytes *ret) {
        _cleanup_(bytes_cleanup) Bytes export = BYTES_INIT(WALK_FILE_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL;
        char path[128];
        Problem problem;
        Md5 md5;

        assert_int_equal(graph_write_shuffled(source, seed, &export, NULL), 0);
        assert_int_equal(file_write_durable(dir->fd, "q.xmodel", export.data, export.size, 0600),
                         0);
        (void) snprintf(path, sizeof(path), "%s/q.xmodel", dir->path);
        if (model_load_source(path, &graph, &md5, &problem) < 0)
                fail_msg("%s", problem.text);
        assert_int_equal(compile(graph, &md5, ret), 0);
}

static void check_string(const Attrs *attrs, const char *name, const char *value) {
        const char *found = attrs_string(attrs, name);

        assert_non_null(found);
        assert_string_equal(found, value);
}

static void check_zero(const Attrs *attrs, const char *name) {
        const Attr *found = attrs_find(attrs, name);

        assert_non_null(found);
        assert_int_equal(found->kind, ATTR_UINT64);
        assert_int_equal(found->uint64, 0);
}

static void check_pair(const Attrs *attrs, const char *name, const char *key, const char *value) {
        const Attr *map = attrs_find(attrs, name);

        assert_non_null(map);
        assert_int_equal(map->kind, ATTR_MAP_STRING_STRING);
        for (size_t i = 0; i < map->n; i++)
                if (strcmp(map->pairs[i].key, key) == 0) {
                        assert_string_equal(map->pairs[i].value.string, value);
                        return;
                }
        fail_msg("%s has no %s", name, key);
}

static const Subgraph *check_child(const Graph *graph, size_t i, const char *name,
                                   const char *device) {
        const Subgraph *child;

        assert_true(i < graph->root->n_children);
        child = graph->root->children[i];
        assert_string_equal(child->name, name);
        check_string(&child->attrs, "device", device);
        return child;
}

static void check_cpu(const Subgraph *cpu) {
        check_zero(&cpu->attrs, "workload");
        check_zero(&cpu->attrs, "workload_on_arch");
        check_pair(&cpu->attrs, "runner", "ref", "libvart-cpu-runner.so");
        check_pair(&cpu->attrs, "runner", "run", "libvart-cpu-runner.so");
        check_pair(&cpu->attrs, "runner", "sim", "libvart-cpu-runner.so");
}

static void check_layer(const Graph *graph, const char *name, const char *type, const char *device,
                        bool has_reason) {
        const Op *op = graph_find_op(graph, name);

        assert_non_null(op);
        assert_string_equal(op->type, type);
        check_string(&op->attrs, "device", device);
        assert_int_equal(attrs_find(&op->attrs, "partition_msg") != NULL, has_reason);
}

/* What only DPU subgraphs have, test-codegen.c looks at. */
static void writes_what_the_runtime_reads(void **state) {
        _cleanup_(graph_freep) Graph *source = sample_graph_quantized(), *graph = NULL;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(WALK_FILE_MAX);
        const Md5 md5 = { { 0xab, 0xcd } };
        const Subgraph *user, *dpu;
        uint64_t workload, all;

        assert_int_equal(compile(source, &md5, &bytes), 0);
        assert_int_equal(graph_read(&graph, bytes_slice(&bytes), NULL), 0);
        assert_int_equal(graph_verify(graph, NULL), 0);
        assert_string_equal(graph->name, "sample");
        check_pair(&graph->attrs, "files_md5sum", "model.xmodel",
                   "abcd0000000000000000000000000000");
        check_pair(&graph->attrs, "libs_info", "dpucc", "test");

        assert_string_equal(graph->root->name, "root");
        assert_int_equal(graph->root->n_children, 3);
        user = check_child(graph, 0, "subgraph_in", "USER");
        check_zero(&user->attrs, "workload");
        assert_null(attrs_find(&user->attrs, "runner"));
        dpu = check_child(graph, 1, "subgraph_conv", "DPU");
        assert_int_equal(attrs_uint64(&dpu->attrs, "workload", &workload), 0);
        assert_int_equal(attrs_uint64(&graph->root->attrs, "workload", &all), 0);
        assert_int_equal(workload, 4 * 4 * 2 * 2 * 3);
        assert_int_equal(all, workload);
        check_cpu(check_child(graph, 2, "subgraph_conv_fix_softmax", "CPU"));

        check_layer(graph, "in", "data-fix", "USER", false);
        check_layer(graph, "w", "const-fix", "DPU", false);
        check_layer(graph, "conv", "conv2d-fix", "DPU", false);
        check_layer(graph, "conv_fix_softmax", "fix2float", "CPU", true);
        check_layer(graph, "softmax", "softmax", "CPU", true);
        assert_string_equal(graph_find_op(graph, "conv_download_0")->tensor.name, "conv_fix");
}

static void all_of_it_may_stay_on_the_cpu(void **state) {
        _cleanup_(graph_freep) Graph *source = sample_graph_quantized(), *graph = NULL;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(WALK_FILE_MAX);
        const Md5 md5 = { { 0 } };

        assert_int_equal(compile_for("so it is", source, &md5, &bytes), 0);
        assert_int_equal(graph_read(&graph, bytes_slice(&bytes), NULL), 0);
        assert_int_equal(graph_verify(graph, NULL), 0);
        assert_int_equal(graph->n_ops, source->n_ops);
        check_zero(&graph->root->attrs, "workload");
        assert_int_equal(graph->root->n_children, 2);
        (void) check_child(graph, 0, "subgraph_in", "USER");
        check_cpu(check_child(graph, 1, "subgraph_conv", "CPU"));
        check_layer(graph, "w", "const", "CPU", false);
        check_layer(graph, "conv", "conv2d", "CPU", true);
        check_string(&graph_find_op(graph, "conv")->attrs, "partition_msg", "so it is");
}

/* Where the file says it comes from does not survive, the rest does. */
static void keeps_attributes_but_not_provenance(void **state) {
        static const char *const returned[] = { "softmax" };
        _cleanup_(graph_freep) Graph *source = sample_graph_quantized(), *graph = NULL;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(WALK_FILE_MAX);
        const Md5 md5 = { { 0 } };

        assert_int_equal(graph_set_strings(source, &source->attrs, "return_ops", returned, 1), 0);
        assert_int_equal(graph_set_string(source, &source->attrs, "tools_commit_id", "x"), 0);
        assert_int_equal(graph_set_string(source, &source->attrs, "libs_info", "x"), 0);
        assert_int_equal(compile(source, &md5, &bytes), 0);
        assert_int_equal(graph_read(&graph, bytes_slice(&bytes), NULL), 0);
        assert_non_null(attrs_find(&graph->attrs, "return_ops"));
        assert_null(attrs_find(&graph->attrs, "tools_commit_id"));
        check_pair(&graph->attrs, "libs_info", "dpucc", "test");
}

/* A change of these bytes is a change of what every user's cache holds: intended, or a mistake.
 * Without programs: those get better from version to version. */
static void bytes_are_golden(void **state) {
        _cleanup_(graph_freep) Graph *source = sample_graph_quantized();
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(WALK_FILE_MAX);
        const Md5 md5 = { { 0 } };
        char hex[DIGEST_HEX];
        Digest digest;

        assert_int_equal(compile_for("it is golden", source, &md5, &bytes), 0);
        digest = digest_of(bytes.data, bytes.size);
        digest_to_hex(&digest, hex);
        assert_string_equal(hex, "8951b19bb6a79f8ef53caa106be2d682");
}

static void every_export_gives_the_same_bytes(void **state) {
        _cleanup_(graph_freep) Graph *source = sample_graph_quantized();
        _cleanup_(bytes_cleanup) Bytes first = BYTES_INIT(WALK_FILE_MAX);

        compile_export(*state, source, 1, &first);
        for (uint64_t seed = 2; seed < 20; seed++) {
                _cleanup_(bytes_cleanup) Bytes other = BYTES_INIT(WALK_FILE_MAX);

                compile_export(*state, source, seed, &other);
                assert_true(slice_equal(bytes_slice(&first), bytes_slice(&other)));
        }
}

static void refuses_other_families(void **state) {
        static const uint64_t others[] = {
                UINT64_C(0x01000020f6014407), /* DPUCZDX8G ISA0 */
                UINT64_C(0x0603000b56011861), /* DPUCVDX8G */
                UINT64_C(0x0901400044000e44), /* DPUCV2DX8G */
        };
        _cleanup_(graph_freep) Graph *source = sample_graph_quantized();

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                const CompilerSpec spec = { .source = source,
                                            .fingerprint = others[i],
                                            .compiler = "test",
                                            .last = COMPILER_EMIT };
                Compilation *c = NULL;
                Problem problem;

                assert_int_equal(compiler_run(&spec, &c, &problem), -EOPNOTSUPP);
                assert_non_null(strstr(problem.text, "DPUCZDX8G ISA1 only"));
                assert_null(c);
        }
}

static int run_compiler(void *userdata) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(WALK_FILE_MAX);
        const Md5 md5 = { { 0 } };

        return compile(userdata, &md5, &bytes);
}

static void every_allocation_may_fail(void **state) {
        _cleanup_(graph_freep) Graph *source = sample_graph_quantized();

        assert_true(fail_alloc_sweep(run_compiler, source) > 10);
}

static void check_subgraphs(const Graph *graph) {
        const Subgraph *root = graph->root;
        bool dpu = false;

        for (size_t i = 0; i < root->n_children; i++)
                dpu = dpu || strcmp(attrs_string(&root->children[i]->attrs, "device"), "DPU") == 0;
        assert_true(dpu);
}

static void compile_real_model(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(bytes_cleanup) Bytes one = BYTES_INIT(WALK_FILE_MAX);
        _cleanup_(bytes_cleanup) Bytes two = BYTES_INIT(WALK_FILE_MAX);
        _cleanup_(graph_freep) Graph *source = NULL, *graph = NULL;
        _cleanup_(walk_freep) Walk *walk = NULL;
        XmodelClass class;
        Problem problem;

        assert_int_equal(graph_read(&source, bytes_slice(content), &problem), 0);
        compile_export(userdata, source, 1, &one);
        compile_export(userdata, source, 2, &two);
        assert_true(slice_equal(bytes_slice(&one), bytes_slice(&two)));

        assert_int_equal(classify(bytes_slice(&one), &class, &walk, &problem), 0);
        assert_int_equal(class, XMODEL_COMPILED);
        assert_true(walk->in_order);
        assert_int_equal(graph_read(&graph, bytes_slice(&one), &problem), 0);
        if (graph_verify(graph, &problem) < 0)
                fail_msg("%s: %s", name, problem.text);
        check_subgraphs(graph);
}

static void real_models_compile_and_read_back(void **state) {
        if (!corpus_present())
                skip();
        assert_true(corpus_each("quantized", compile_real_model, *state) > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(writes_what_the_runtime_reads),
                cmocka_unit_test(all_of_it_may_stay_on_the_cpu),
                cmocka_unit_test(keeps_attributes_but_not_provenance),
                cmocka_unit_test(bytes_are_golden),
                cmocka_unit_test_setup_teardown(every_export_gives_the_same_bytes, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test(refuses_other_families),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test_setup_teardown(real_models_compile_and_read_back, unit_dir_setup,
                                                unit_dir_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
