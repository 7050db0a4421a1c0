#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "dpu/difference.h"
#include "tests/support/corpus.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/sample_graph.h"

static const Change *find(const Difference *difference, const char *what, const char *name) {
        for (size_t i = 0; i < difference->n; i++) {
                const Change *change = &difference->items[i];

                if (strcmp(change->what, what) == 0 &&
                    (name ? change->name && strstr(change->name, name) : !change->name))
                        return change;
        }
        return NULL;
}

static void assert_change(const Difference *difference, const char *what, const char *name,
                          const char *a, const char *b, bool effect) {
        const Change *change = find(difference, what, name);

        if (!change)
                fail_msg("no %s %s", what, name ?: "");
        assert_string_equal(change->a ?: "none", a);
        assert_string_equal(change->b ?: "none", b);
        assert_int_equal(change->effect, effect);
}

/* the same graph in other bytes, as another compile leaves it */
static Graph *recompiled(const Graph *graph, uint64_t seed) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT((size_t) 1 << 24);
        Graph *again;

        assert_int_equal(graph_write_shuffled(graph, seed, &bytes, NULL), 0);
        assert_int_equal(graph_read(&again, bytes_slice(&bytes), NULL), 0);
        return again;
}

static void recompiles_do_the_same(void **state) {
        _cleanup_(graph_freep) Graph *a = sample_graph_compiled();
        const AttrPair other = { .key = "/elsewhere/x.xmodel",
                                 .value = { .kind = ATTR_STRING, .string = "0" } };
        const Attr map = { .kind = ATTR_MAP_STRING_STRING, .n = 1, .pairs = &other };

        for (uint64_t seed = 1; seed < 20; seed++) {
                _cleanup_(graph_freep) Graph *b = recompiled(a, seed);
                Difference difference;

                assert_int_equal(graph_set_attr(b, &b->attrs, "files_md5sum", &map), 0);
                assert_int_equal(
                        graph_set_uint64(b, &graph_find_op(b, "conv")->subgraph->parent->attrs,
                                         "workload", 7),
                        0);
                assert_int_equal(difference_run(a, b, &difference), 0);
                assert_false(difference.effect);
                assert_change(&difference, "source", "/elsewhere/x.xmodel", "none", "0", false);
                assert_change(&difference, "source", "/somewhere/sample.xmodel",
                              "00112233445566778899aabbccddeeff", "none", false);
                assert_change(&difference, "attribute", "subgraph_conv: workload", "0", "7", false);
                assert_int_equal(difference.n, 3);
                difference_deinit(&difference);
        }
}

typedef void (*EditFn)(Graph *graph);

static Subgraph *dpu_of(Graph *graph) {
        return graph->root->children[1];
}

static void edit_code(Graph *graph) {
        assert_int_equal(
                graph_set_bytes(graph, &dpu_of(graph)->attrs, "mc_code", slice_of("edoc", 4)), 0);
}

static void edit_parameters(Graph *graph) {
        static const uint8_t parameters[8] = { 1, 2, 3, 5 };
        const AttrPair value = { .key = "REG_0",
                                 .value = { .kind = ATTR_BYTES,
                                            .bytes = { parameters, sizeof(parameters) } } };
        const Attr map = { .kind = ATTR_MAP_STRING_BYTES, .n = 1, .pairs = &value };

        assert_int_equal(
                graph_set_attr(graph, &dpu_of(graph)->attrs, "reg_id_to_parameter_value", &map), 0);
}

static void edit_fingerprint(Graph *graph) {
        assert_int_equal(graph_set_uint64(graph, &dpu_of(graph)->attrs, "dpu_fingerprint",
                                          UINT64_C(0x101000016010402)),
                         0);
}

static void edit_device(Graph *graph) {
        assert_int_equal(graph_set_string(graph, &dpu_of(graph)->attrs, "device", "CPU"), 0);
}

static void edit_softmax(Graph *graph) {
        assert_int_equal(graph_set_int32(graph, &graph_find_op(graph, "softmax")->attrs, "axis", 1),
                         0);
}

static void edit_type(Graph *graph) {
        graph_find_op(graph, "softmax")->type = "hard-softmax";
}

static void edit_input_fix_point(Graph *graph) {
        assert_int_equal(
                graph_set_int32(graph, &graph_find_op(graph, "in")->tensor.attrs, "fix_point", 5),
                0);
}

static void edit_shape(Graph *graph) {
        static const int32_t dims[] = { 1, 4, 4, 1 };

        assert_int_equal(graph_set_tensor(graph, graph_find_op(graph, "softmax"), "softmax",
                                          DATA_TYPE_FLOAT, 32, dims, 4),
                         0);
}

static void edit_border(Graph *graph) {
        assert_int_equal(
                graph_set_int32(graph, &graph_find_op(graph, "conv")->tensor.attrs, "ddr_addr", 64),
                0);
}

static void edit_arguments(Graph *graph) {
        assert_int_equal(graph_add_arg(graph, graph_find_op(graph, "softmax"), "input",
                                       graph_find_op(graph, "in")),
                         0);
}

static void edit_new_op(Graph *graph) {
        static const int32_t dims[] = { 1 };
        Op *op;

        assert_int_equal(graph_add_op(graph, "more", "data", &op), 0);
        assert_int_equal(graph_set_tensor(graph, op, "more", DATA_TYPE_FLOAT, 32, dims, 1), 0);
        assert_int_equal(graph_assign(graph, graph->root->children[0], op), 0);
}

static void names_every_change_with_an_effect(void **state) {
        static const struct {
                EditFn edit;
                const char *what, *name, *a, *b;
        } rows[] = {
                { edit_code, "attribute", "subgraph_conv: mc_code", "4 bytes", "other content" },
                { edit_parameters, "attribute", "subgraph_conv: reg_id_to_parameter_value",
                  "{REG_0: 8 bytes}", "other content" },
                { edit_fingerprint, "attribute", "subgraph_conv: dpu_fingerprint",
                  "0x0101000056010402", "0x0101000016010402" },
                { edit_device, "op", "conv", "DPU conv2d-fix", "CPU conv2d-fix" },
                { edit_device, "subgraphs", "DPU", "1", "0" },
                { edit_device, "subgraph", "subgraph_conv", "DPU", "CPU" },
                { edit_softmax, "attribute", "softmax: axis", "3", "1" },
                { edit_type, "type", "softmax", "softmax", "hard-softmax" },
                { edit_input_fix_point, "input", "in_fix", "fix point 6", "fix point 5" },
                { edit_shape, "output", "softmax", "FLOAT32 [1, 4, 4, 2]", "FLOAT32 [1, 4, 4, 1]" },
                { edit_border, "attribute", "conv_fix: ddr_addr", "none", "64" },
                { edit_arguments, "inputs", "softmax", "its own", "others" },
                { edit_new_op, "op", "more", "none", "USER data" },
                { edit_new_op, "input", "more", "none", "there" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(graph_freep) Graph *a = sample_graph_compiled();
                _cleanup_(graph_freep) Graph *b = sample_graph_compiled();
                Difference difference;

                rows[i].edit(b);
                assert_int_equal(difference_run(a, b, &difference), 0);
                assert_true(difference.effect);
                assert_change(&difference, rows[i].what, rows[i].name, rows[i].a, rows[i].b, true);
                difference_deinit(&difference);
        }
}

static void keeps_a_bounded_number_of_changes(void **state) {
        _cleanup_(graph_freep) Graph *a = sample_graph_compiled();
        _cleanup_(graph_freep) Graph *b = sample_graph_compiled();
        static const int32_t dims[] = { 1 };
        Difference difference;
        char name[32];
        Op *op;

        for (int i = 0; i < DIFFERENCE_CHANGES_MAX + 10; i++) {
                (void) snprintf(name, sizeof(name), "op%d", i);
                assert_int_equal(graph_add_op(b, name, "const", &op), 0);
                assert_int_equal(graph_set_tensor(b, op, name, DATA_TYPE_FLOAT, 32, dims, 1), 0);
        }
        assert_int_equal(difference_run(a, b, &difference), 0);
        assert_int_equal(difference.n, DIFFERENCE_CHANGES_MAX);
        assert_true(difference.n_more >= 10);
        difference_deinit(&difference);
}

static int run_difference(void *userdata) {
        Graph **graphs = userdata;
        Difference difference;
        int r;

        r = difference_run(graphs[0], graphs[1], &difference);
        if (r == 0)
                difference_deinit(&difference);
        return r;
}

static void every_allocation_may_fail(void **state) {
        Graph *graphs[] = { sample_graph_compiled(), sample_graph_compiled() };

        edit_parameters(graphs[1]);
        edit_shape(graphs[1]);
        edit_new_op(graphs[1]);
        assert_true(fail_alloc_sweep(run_difference, graphs) > 5);
        (void) graph_free(graphs[0]);
        (void) graph_free(graphs[1]);
}

/* --- real files ----------------------------------------------------------------------------- */

typedef struct Pair {
        const char *names[2];
        Graph *graphs[2];
} Pair;

static void read_pair(const char *name, const Bytes *content, void *userdata) {
        Pair *pair = userdata;

        for (size_t i = 0; i < 2; i++)
                if (strcmp(pair->names[i], name) == 0)
                        assert_int_equal(graph_read(&pair->graphs[i], bytes_slice(content), NULL),
                                         0);
}

static void compare_pair(const char *a, const char *b, Difference *ret) {
        Pair pair = { .names = { a, b } };

        assert_true(corpus_each("compiled", read_pair, &pair) > 0);
        assert_non_null(pair.graphs[0]);
        assert_non_null(pair.graphs[1]);
        assert_int_equal(difference_run(pair.graphs[0], pair.graphs[1], ret), 0);
        (void) graph_free(pair.graphs[0]);
        (void) graph_free(pair.graphs[1]);
}

/* Release 2.5 put on the DPU what 1.4 left on the CPU, and builds for another ISA. */
static void compares_releases_1_4_and_2_5(void **state) {
        Difference difference;

        if (!corpus_present())
                skip();
        compare_pair("tf2-custom-op.B4096-1.4.xmodel", "tf2-custom-op.B4096-2.5.xmodel",
                     &difference);
        assert_true(difference.effect);
        assert_change(&difference, "op", "quant_dense_sigmoid_sigmoid(MoveReshape)",
                      "CPU hard-sigmoid-fix", "DPU hard-sigmoid-fix", true);
        assert_change(&difference, "bytes", "machine code", "3264", "4040", true);
        assert_change(&difference, "attribute", "subgraph_quant_conv2d: dpu_fingerprint",
                      "0x01000020f6014407", "0x0101000016010407", true);
        assert_null(find(&difference, "subgraphs", "DPU"));
        assert_null(find(&difference, "bytes", "parameters"));
        difference_deinit(&difference);
}

/* Release 3.0 lays parameters out in another way and saves argmax (bit 30); no layer moved. */
static void compares_releases_2_5_and_3_0(void **state) {
        static const struct {
                const char *a, *b;
                const char *parameters[2];
        } rows[] = {
                { "tf2-custom-op.B4096-2.5.xmodel",
                  "tf2-custom-op.B4096-3.0.xmodel",
                  { "105642", "131072" } },
                { "voxelnet.B4096-2.5.xmodel",
                  "voxelnet.B4096-3.0.xmodel",
                  { "395016", "528384" } },
        };

        if (!corpus_present())
                skip();
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Difference difference;

                compare_pair(rows[i].a, rows[i].b, &difference);
                assert_true(difference.effect);
                assert_change(&difference, "bytes", "parameters", rows[i].parameters[0],
                              rows[i].parameters[1], true);
                assert_change(&difference, "attribute", "dpu_fingerprint", "0x0101000016010407",
                              "0x0101000056010407", true);
                assert_change(&difference, "attribute", "debug_mode", "'function'", "'null'",
                              false);
                assert_null(find(&difference, "op", ""));
                assert_null(find(&difference, "inputs", ""));
                assert_null(find(&difference, "output", ""));
                assert_non_null(find(&difference, "compiler", "xcompiler.3.0.0"));
                difference_deinit(&difference);
        }
}

static void compare_with_itself(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(graph_freep) Graph *again = NULL;
        Difference difference;

        (void) name;
        (void) userdata;
        assert_int_equal(graph_read(&graph, bytes_slice(content), NULL), 0);
        again = recompiled(graph, 42);
        assert_int_equal(difference_run(graph, again, &difference), 0);
        assert_int_equal(difference.n, 0);
        difference_deinit(&difference);
}

static void real_models_equal_themselves_in_other_bytes(void **state) {
        if (!corpus_present())
                skip();
        assert_true(corpus_each("compiled", compare_with_itself, NULL) > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(recompiles_do_the_same),
                cmocka_unit_test(names_every_change_with_an_effect),
                cmocka_unit_test(keeps_a_bounded_number_of_changes),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test(compares_releases_1_4_and_2_5),
                cmocka_unit_test(compares_releases_2_5_and_3_0),
                cmocka_unit_test(real_models_equal_themselves_in_other_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
