/*
 * Compiled files against the rules of tests/support/rules.h: first the vendor's, which shows that
 * the rules are theirs, then ours. Every deviation is listed here with its reason, and in
 * docs/COMPILER.md; one that is not listed fails. And files in which one thing was changed, which
 * shows that the rules see it.
 */

#include "unit.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "dpu/models/network.h"
#include "dpu/where.h"
#include "tests/support/corpus.h"
#include "tests/support/regenerate.h"
#include "tests/support/rules.h"
#include "whole_fixture.h"

#define RELEASE_2_5 "as release 2.5 has it; ours are as 3.x has it"

static const RulesDeviation of_release_2_5[] = {
        { "alignment", "a constant at", RELEASE_2_5 },
        { "attributes", "mc_code", RELEASE_2_5 },
        { "constant-order", "", RELEASE_2_5 },
        { "leaf-order", "the bias comes before", RELEASE_2_5 },
        { "registers", "REG_0 has", RELEASE_2_5 },
        { "types", "a pool is called", RELEASE_2_5 },
        { "nonlinear", "its ", "transposed convolutions have no numbers of a hard sigmoid" },
        { "carried", "its ", "transposed convolutions lose attributes" },
        { NULL, NULL, NULL },
};

static const RulesDeviation of_the_vendor[] = {
        { "fix2float", "it should be quant_dense_sigmoid_sigmoid_fix", "a reshape was moved" },
        { "fix2float", "its tensor is quant_dense_sigmoid_sigmoid_fix", "a reshape was moved" },
        { "carried", "its scale", "a bilinear resize to 1/8 takes every eighth pixel" },
        { "cpu-ops", "resize became upsample-fix", "a bilinear resize is fixed-point on the CPU" },
        { NULL, NULL, NULL },
};

#define MIDDLE "a bilinear resize to 1/8 is a convolution, exactly"

static const RulesDeviation of_our_zerodce[] = {
        { "carried", "its ", MIDDLE },
        { "edges", "weights is", MIDDLE },
        { "const-names", "no constant of the source", MIDDLE },
        { NULL, NULL, NULL },
};

typedef struct Run {
        const char *name;
        const RulesDeviation *lists[2];
        size_t counts[RULES_MAX];
        size_t n_unlisted;
} Run;

static void broken(const Rule *rule, const char *where, const char *what, void *userdata) {
        Run *run = userdata;

        for (size_t i = 0; i < ARRAY_SIZE(run->lists); i++)
                if (rules_is_listed(run->lists[i], rule, what))
                        return;
        print_message("%s: %s: %s: %s\n", run->name, rule->name, where, what);
        run->n_unlisted++;
}

/* --- the corpus ------------------------------------------------------------------------------ */

static const struct {
        const char *source, *compiled;
} pairs[] = {
        { "mnist-cnn.xmodel", "mnist-cnn.B4096.xmodel" },
        { "voxelnet.xmodel", "voxelnet.B4096-2.5.xmodel" },
        { "voxelnet.xmodel", "voxelnet.B4096-3.0.xmodel" },
        { "zerodce.xmodel", "zerodce.B4096.xmodel" },
};

typedef struct Wanted {
        const char *name;
        Graph *graph;
} Wanted;

static void take_wanted(const char *name, const Bytes *content, void *userdata) {
        Wanted *wanted = userdata;

        if (strcmp(name, wanted->name) != 0)
                return;
        assert_int_equal(graph_read(&wanted->graph, bytes_slice(content), NULL), 0);
        graph_count_consumers(wanted->graph);
}

static Graph *read_model(const char *folder, const char *name) {
        Wanted wanted = { .name = name };

        assert_true(corpus_each(folder, take_wanted, &wanted) > 0);
        assert_non_null(wanted.graph);
        return wanted.graph;
}

static Graph *source_of(const char *compiled) {
        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
                if (strcmp(pairs[i].compiled, compiled) == 0)
                        return read_model("quantized", pairs[i].source);
        return NULL;
}

/* false: without a DPU that is understood */
static bool find_target(const Graph *graph, FingerprintInfo *ret) {
        uint64_t fingerprint = 0;

        for (size_t i = 0; i < graph->root->n_children; i++)
                (void) attrs_uint64(&graph->root->children[i]->attrs, "dpu_fingerprint",
                                    &fingerprint);
        return fingerprint_decode(fingerprint, ret, NULL) == 0 && ret->family == DPU_CZDX8G &&
               ret->isa == 1;
}

static void check_vendors(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *graph = NULL, *source = source_of(name);
        FingerprintInfo target;
        Run *run = userdata;

        assert_int_equal(graph_read(&graph, bytes_slice(content), NULL), 0);
        graph_count_consumers(graph);
        if (!find_target(graph, &target))
                return;
        run->name = name;
        run->lists[0] = of_the_vendor;
        run->lists[1] = target.fingerprint & FINGERPRINT_ARGMAX ? NULL : of_release_2_5;
        rules_check(&(RulesSpec){ source, graph, &target }, broken, run, run->counts);
}

static void vendors_files_keep_them(void **state) {
        Run run = { 0 };

        if (!corpus_present())
                skip();
        assert_true(corpus_each("compiled", check_vendors, &run) > 0);
        for (size_t i = 0; rules_at(i); i++)
                if (run.counts[i] == 0 && strcmp(rules_at(i)->name, "matmul") != 0)
                        fail_msg("nothing in the corpus is subject to rule %s", rules_at(i)->name);
        assert_int_equal(run.n_unlisted, 0);
}

/* --- ours -------------------------------------------------------------------------------------- */

static void check_ours(const char *name, const Graph *source, size_t target_number, Run *run) {
        const FingerprintInfo target = regenerate_target(target_number);
        _cleanup_(graph_freep) Graph *graph = NULL;
        Problem problem = { "" };

        if (whole_compile(source, &target, &graph, &problem) < 0)
                fail_msg("%s: %s", name, problem.text);
        run->name = name;
        run->lists[0] = rules_of_ours;
        rules_check(&(RulesSpec){ source, graph, &target }, broken, run, run->counts);
}

static void our_networks_keep_them(void **state) {
        Run run = { 0 };

        for (size_t i = 0; network_at(i); i++) {
                const Network *network = network_at(i);
                const NetworkOptions options = { .seed = 4,
                                                 .size = 2 * network->size_step,
                                                 .change_weight = UINT64_MAX };
                _cleanup_(graph_freep) Graph *source = NULL;

                assert_int_equal(network_make(network, &options, &source, NULL), 0);
                check_ours(network->name, source, i + 2, &run); /* another target for each */
        }
        assert_int_equal(run.n_unlisted, 0);
}

static void check_our_model(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *source = NULL;
        Run *run = userdata;

        run->lists[1] = strcmp(name, "zerodce.xmodel") == 0 ? of_our_zerodce : NULL;
        assert_int_equal(graph_read(&source, bytes_slice(content), NULL), 0);
        graph_count_consumers(source);
        check_ours(name, source, 2, userdata);
        check_ours(name, source, 7, userdata);
}

static void our_models_keep_them(void **state) {
        Run run = { 0 };

        if (!corpus_present())
                skip();
        assert_true(corpus_each("quantized", check_our_model, &run) > 0);
        assert_int_equal(run.n_unlisted, 0);
}

/* --- both: partition, borders, workloads ------------------------------------------------------- */

/* One bilinear resize stays float on the CPU here, the other is a convolution (test-lower-vendor.c).
 * What is beside one may have other borders. */
static const char *const bilinear[] = {
        "ZeroDCEQ__ZeroDCEQ_input_1",
        "ZeroDCEQ__ZeroDCEQ_UpsamplingBilinear2d_upsample__x_r",
        "ZeroDCEQ__ZeroDCEQ_input_fix_ZeroDCEQ__ZeroDCEQ_UpsamplingBilinear2d_upsample__x_r",
        "ZeroDCEQ__input_0",
};

/* Between two ops of the CPU the vendor fixes a value to the grid on which it is. */
#define NO_FIX "Max_max__voxel_features_sink_tranpose_0_fix"

static bool is_explained(const Op *op) {
        for (size_t i = 0; i < ARRAY_SIZE(bilinear); i++)
                if (strncmp(op->name, bilinear[i], strlen(bilinear[i])) == 0)
                        return true;
        return strstr(op->name, NO_FIX) != NULL;
}

static size_t compare_ops(const Graph *a, const Graph *b, const char *whose) {
        size_t n = 0;

        for (size_t i = 0; i < a->n_ops; i++) {
                const Op *x = a->ops[i], *y = graph_find_op(b, x->name);

                if (y && strcmp(x->type, y->type) == 0 &&
                    strcmp(where_device(x), where_device(y)) == 0 &&
                    strcmp(x->tensor.name, y->tensor.name) == 0)
                        continue;
                if (is_explained(x))
                        continue;
                print_message("%s %s (%s) on %s, tensor %s: %s\n", whose, x->name, x->type,
                              where_device(x), x->tensor.name,
                              y ? y->tensor.name : "not in the other file");
                n++;
        }
        return n;
}

/* in the order of the file, as its devices stand; the ones that only borders begin are no parts */
static void compare_parts(const Graph *ours, const Graph *theirs) {
        for (size_t i = 0; i < theirs->root->n_children; i++) {
                const Subgraph *part = theirs->root->children[i];
                size_t n = 0;

                if (!where_runs_on(part, "DPU"))
                        continue;
                for (size_t k = 0; k < ours->root->n_children; k++)
                        n += strcmp(ours->root->children[k]->name, part->name) == 0 &&
                             where_runs_on(ours->root->children[k], "DPU");
                if (n != 1)
                        fail_msg("%s: we have %zu such", part->name, n);
        }
}

static size_t compare_workloads(const Graph *ours, const Graph *theirs) {
        static const char *const names[] = { "workload", "workload_on_arch" };
        size_t n = 0;

        for (size_t i = 0; i < theirs->n_ops; i++) {
                const Op *y = theirs->ops[i], *x = graph_find_op(ours, y->name);

                for (size_t k = 0; k < ARRAY_SIZE(names) && x && strcmp(x->type, y->type) == 0;
                     k++) {
                        const Attr *a = attrs_find(&x->attrs, names[k]);
                        const Attr *b = attrs_find(&y->attrs, names[k]);

                        if (!a != !b || (a && !attr_equal(a, b)))
                                fail_msg("%s: its %s is not the vendor's", x->name, names[k]);
                        n += a != NULL;
                }
        }
        return n;
}

static void compare_pair(const char *source_name, const char *compiled_name, size_t *n_workloads) {
        _cleanup_(graph_freep) Graph *source = read_model("quantized", source_name);
        _cleanup_(graph_freep) Graph *theirs = read_model("compiled", compiled_name);
        _cleanup_(graph_freep) Graph *ours = NULL;
        FingerprintInfo target;

        assert_true(find_target(theirs, &target));
        assert_int_equal(whole_compile(source, &target, &ours, NULL), 0);
        *n_workloads += compare_workloads(ours, theirs);
        if (!(target.fingerprint & FINGERPRINT_ARGMAX))
                return; /* names of release 2.5 are others */
        assert_int_equal(compare_ops(ours, theirs, "our") + compare_ops(theirs, ours, "their"), 0);
        if (strncmp(source_name, "zerodce", 7) != 0)
                compare_parts(ours, theirs);
}

static void pairs_are_alike(void **state) {
        size_t n_workloads = 0;

        if (!corpus_present())
                skip();
        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
                compare_pair(pairs[i].source, pairs[i].compiled, &n_workloads);
        assert_true(n_workloads > 100);
}

/* --- and the document -------------------------------------------------------------------------- */

static void every_rule_is_documented(void **state) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(1 << 20);

        assert_int_equal(file_read(AT_FDCWD, TEST_SOURCE_DIR "/docs/COMPILER.md", &text), 0);
        assert_int_equal(bytes_append(&text, "", 1), 0);
        for (size_t i = 0; rules_at(i); i++) {
                char row[128];
                const char *found;
                size_t n = 0;

                (void) snprintf(row, sizeof(row), "\n| `%s` | ", rules_at(i)->name);
                for (found = (const char *) text.data; (found = strstr(found, row)); found++)
                        n++;
                assert_int_equal(n, rules_is_listed(rules_of_ours, rules_at(i), NULL) ? 2 : 1);
        }
}

/* --- what the rules see ------------------------------------------------------------------------ */

typedef enum Owner {
        OF_GRAPH,
        OF_ROOT,
        OF_PART, /* for the DPU */
        OF_LEAF, /* the first with a layer */
        OF_OP,
        OF_TENSOR,
} Owner;

/* One attribute of the first op of a type, or of what is around it, becomes another or goes. */
typedef struct Mutation {
        const char *rule; /* that sees it */
        const char *network;
        Owner owner;
        const char *op_type;
        const char *attr;
        Attr value; /* ATTR_NONE: goes */
} Mutation;

#define INT32(x)                                                                                   \
        { .kind = ATTR_INT32, .int32 = (x) }
#define UINT64(x)                                                                                  \
        { .kind = ATTR_UINT64, .uint64 = (x) }
#define STRING(x)                                                                                  \
        { .kind = ATTR_STRING, .string = (x) }
#define BYTES(x)                                                                                   \
        {                                                                                          \
                .kind = ATTR_BYTES, .bytes = {(const uint8_t *) (x), sizeof(x) - 1 }               \
        }
#define TRUE                                                                                       \
        { .kind = ATTR_BOOL, .boolean = true }
#define NOTHING                                                                                    \
        { .kind = ATTR_NONE }
#define INT32S(n_, ...)                                                                            \
        {                                                                                          \
                .kind = ATTR_INT32_VEC, .n = (n_), .int32s = (const int32_t[]) {                   \
                        __VA_ARGS__                                                                \
                }                                                                                  \
        }
#define MAP(kind_, ...)                                                                            \
        {                                                                                          \
                .kind = (kind_), .n = 1, .pairs = (const AttrPair[]) {                             \
                        { __VA_ARGS__ }                                                            \
                }                                                                                  \
        }

static const Mutation mutations[] = {
        { "devices", "lenet", OF_OP, "pool-fix", "device", STRING("CPU") },
        { "fix2float", "lenet", OF_OP, "fix2float", "fix_point", INT32(0) },
        { "children-sorted",
          "lenet",
          OF_PART,
          NULL,
          "children_topological_sort",
          { .kind = ATTR_STRING_VEC, .n = 1, .strings = (const char *const[]){ "x" } } },
        { "attributes", "lenet", OF_PART, NULL, "debug_mode", NOTHING },
        { "attributes",
          "lenet",
          OF_PART,
          NULL,
          "dpu_fingerprint",
          { .kind = ATTR_UINT32, .uint32 = 1 } },
        { "attributes", "lenet", OF_ROOT, NULL, "more", TRUE },
        { "values", "lenet", OF_PART, NULL, "dpu_name", STRING("DPUCZDX8G_ISA1_B4096") },
        { "values", "lenet", OF_PART, NULL, "mc_code_preload", BYTES("1234") },
        { "workload", "lenet", OF_OP, "conv2d-fix", "workload", UINT64(1) },
        { "workload", "lenet", OF_OP, "reshape-fix", "workload", UINT64(1) },
        { "workload-sums", "lenet", OF_ROOT, NULL, "workload_on_arch", UINT64(1) },
        { "workload-sums", "lenet", OF_LEAF, NULL, "workload", UINT64(1) },
        { "grids", "lenet", OF_TENSOR, "pool-fix", "if_signed", NOTHING },
        { "places", "lenet", OF_TENSOR, "pool-fix", "reg_id", UINT64(1) },
        { "places", "lenet", OF_TENSOR, "download", "reg_id", INT32(3) },
        { "constants", "lenet", OF_OP, "const-fix", "data", BYTES("x") },
        { "on-chip", "lenet", OF_TENSOR, "upload", "location", INT32(0) },
        { "strides", "lenet", OF_TENSOR, "upload", "stride", INT32S(4, 1, 1, 1, 2) },
        { "slices", "yolov5n", OF_TENSOR, "concat-fix", "ddr_addr", INT32(1 << 20) },
        { "concat-skipped", "yolov5n", OF_TENSOR, "concat-fix", "fix_point", INT32(-3) },
        { "reshapes", "lenet", OF_TENSOR, "reshape-fix", "ddr_addr", INT32(1 << 20) },
        { "skipped", "lenet", OF_LEAF, NULL, "skip_code_gen", TRUE },
        { "registers", "lenet", OF_PART, NULL, "reg_id_to_size",
          MAP(ATTR_MAP_STRING_INT32, "REG_1", { .kind = ATTR_INT32, .int32 = 1 << 20 }) },
        { "roles", "yolov5n", OF_TENSOR, "concat-fix", "reg_id", INT32(3) },
        { "alignment", "yolov5n", OF_TENSOR, "concat-fix", "ddr_addr", INT32(8) },
        { "constant-order", "lenet", OF_TENSOR, "const-fix", "ddr_addr", INT32(1 << 20) },
        { "lifetimes", "lenet", OF_TENSOR, "upload", "reg_id", INT32(3) },
        { "augmentation", "lenet", OF_OP, "conv2d-fix", "channel_augmentation", INT32(2) },
        { "runtime-runners", "lenet", OF_PART, NULL, "runner",
          MAP(ATTR_MAP_STRING_STRING, "ref", { .kind = ATTR_STRING, .string = "x" }) },
        { "runtime-kernel", "lenet", OF_PART, NULL, "mc_code", BYTES("") },
        { "runtime-kernel", "lenet", OF_PART, NULL, "reg_id_to_parameter_value", NOTHING },
        { "runtime-session", "lenet", OF_TENSOR, "upload", "ddr_addr", NOTHING },
        { "runtime-interfaces", "lenet", OF_TENSOR, "upload", "reg_id", INT32(1) },
        { "tensors", "lenet", OF_TENSOR, "conv2d-fix", "fix_point", INT32(-3) },
        { "windows", "lenet", OF_OP, "conv2d-fix", "pad", INT32S(4, 2, 2, 2, 1) },
        { "windows", "lenet", OF_OP, "pool-fix", "stride", INT32S(2, 1, 2) },
        { "nonlinear", "yolov5n", OF_OP, "conv2d-fix", "LEAKYRELU_alpha", NOTHING },
        { "nonlinear", "lenet", OF_OP, "conv2d-fix", "nonlinear", STRING("NONE") },
        { "carried", "lenet", OF_OP, "conv2d-fix", "in_dim", INT32(99) },
        { "carried", "yolov5n", OF_OP, "upsample-fix", "mode", STRING("BILINEAR") },
        { "types", "lenet", OF_OP, "pool-fix", "type", STRING("AVG") },
        { "const-names", "lenet", OF_OP, "const-fix", "data_type", STRING("FLOAT32") },
        { "const-bytes", "lenet", OF_TENSOR, "const-fix", "ddr_addr", INT32(0) },
        { "inputs", "lenet", OF_OP, "data-fix", "data_type", STRING("FLOAT32") },
        { "provenance", "lenet", OF_GRAPH, NULL, "files_md5sum", NOTHING },
};

static Op *first_op(const Graph *graph, const char *type) {
        for (size_t i = 0; i < graph->n_ops; i++)
                if (strcmp(graph->ops[i]->type, type) == 0)
                        return graph->ops[i];
        fail_msg("no %s", type);
        return NULL;
}

static Attrs *attrs_of(Graph *graph, const Mutation *m) {
        switch (m->owner) {
        case OF_GRAPH:
                return &graph->attrs;
        case OF_ROOT:
                return &graph->root->attrs;
        case OF_PART:
                return &graph->root->children[1]->attrs;
        case OF_LEAF:
                return &first_op(graph, "conv2d-fix")->subgraph->attrs;
        case OF_OP:
                return &first_op(graph, m->op_type)->attrs;
        case OF_TENSOR:
                return &first_op(graph, m->op_type)->tensor.attrs;
        }
        return NULL;
}

typedef struct Seen {
        const char *rule;
        bool seen;
} Seen;

static void note(const Rule *rule, const char *where, const char *what, void *userdata) {
        Seen *seen = userdata;

        seen->seen = seen->seen || strcmp(rule->name, seen->rule) == 0;
}

static bool sees(const RulesSpec *spec, const char *rule) {
        size_t counts[RULES_MAX] = { 0 };
        Seen seen = { .rule = rule };

        rules_check(spec, note, &seen, counts);
        return seen.seen;
}

static void set(Graph *graph, Attrs *attrs, const char *name, const Attr *value) {
        if (value->kind == ATTR_NONE)
                (void) attrs_remove(attrs, name);
        else
                assert_int_equal(graph_set_attr(graph, attrs, name, value), 0);
}

/* and undoes it */
static void check_mutation(const RulesSpec *spec, Graph *graph, const Mutation *m) {
        Attrs *attrs = attrs_of(graph, m);
        const Attr *found = attrs_find(attrs, m->attr);
        const Attr before = found ? *found : (Attr){ .kind = ATTR_NONE };

        set(graph, attrs, m->attr, &m->value);
        if (!sees(spec, m->rule))
                fail_msg("rule %s does not see another %s", m->rule, m->attr);
        set(graph, attrs, m->attr, &before);
}

static void check_network_mutations(const char *network, int32_t size) {
        const NetworkOptions options = { .size = size, .change_weight = UINT64_MAX };
        const FingerprintInfo target = regenerate_target(2);
        _cleanup_(graph_freep) Graph *source = NULL, *graph = NULL;
        RulesSpec spec = { .target = &target };

        assert_int_equal(network_make(network_find(network), &options, &source, NULL), 0);
        assert_int_equal(whole_compile(source, &target, &graph, NULL), 0);
        spec.source = source;
        spec.compiled = graph;
        for (size_t i = 0; i < ARRAY_SIZE(mutations); i++)
                if (strcmp(mutations[i].network, network) == 0)
                        check_mutation(&spec, graph, &mutations[i]);
        for (size_t i = 0; rules_at(i); i++)
                assert_true(rules_is_listed(rules_of_ours, rules_at(i), NULL) ||
                            !sees(&spec, rules_at(i)->name));
}

static void changed_attributes_are_seen(void **state) {
        check_network_mutations("lenet", 0);
        check_network_mutations("yolov5n", 32);
}

static void swap_subgraphs(Subgraph *parent, size_t a, size_t b) {
        Subgraph *first = parent->children[a];

        parent->children[a] = parent->children[b];
        parent->children[b] = first;
}

static void changed_structure_is_seen(void **state) {
        const NetworkOptions options = NETWORK_OPTIONS_INIT;
        const FingerprintInfo target = regenerate_target(2);
        _cleanup_(graph_freep) Graph *source = NULL, *graph = NULL;
        RulesSpec spec = { .target = &target };
        Subgraph *part, *leaf;
        const char *name;
        Op *op, *other;

        assert_int_equal(network_make(network_find("lenet"), &options, &source, NULL), 0);
        assert_int_equal(whole_compile(source, &target, &graph, NULL), 0);
        spec.source = source;
        spec.compiled = graph;
        part = graph->root->children[1];

        swap_subgraphs(graph->root, 0, 1);
        assert_true(sees(&spec, "part-order"));
        swap_subgraphs(graph->root, 0, 1);
        swap_subgraphs(part, 0, 1);
        assert_true(sees(&spec, "leaf-sequence"));
        swap_subgraphs(part, 0, 1);

        name = part->name;
        part->name = "subgraph";
        assert_true(sees(&spec, "part-names"));
        part->name = name;
        leaf = part->children[1];
        name = leaf->name;
        leaf->name = "subgraph_";
        assert_true(sees(&spec, "leaf-names"));
        leaf->name = name;

        op = first_op(graph, "upload");
        name = op->name;
        op->name = "upload_0";
        assert_true(sees(&spec, "upload-names"));
        op->name = name;
        op = first_op(graph, "download");
        name = op->tensor.name;
        op->tensor.name = "public";
        assert_true(sees(&spec, "download-names"));
        op->tensor.name = name;
        op = first_op(graph, "fix2float");
        name = op->name;
        op->name = "output";
        assert_true(sees(&spec, "fix2float"));
        op->name = name;

        op = first_op(graph, "conv2d-fix");
        other = op_arg(op, "weights")->ops[0];
        op_arg(op, "weights")->ops[0] = op_arg(op, "bias")->ops[0];
        assert_true(sees(&spec, "edges"));
        op_arg(op, "weights")->ops[0] = other;
        op->subgraph = NULL;
        assert_true(sees(&spec, "leaves"));
        op->subgraph = leaf;
        op->index = 0;
        assert_true(sees(&spec, "topological"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(vendors_files_keep_them),
                cmocka_unit_test(our_networks_keep_them),
                cmocka_unit_test(our_models_keep_them),
                cmocka_unit_test(pairs_are_alike),
                cmocka_unit_test(every_rule_is_documented),
                cmocka_unit_test(changed_attributes_are_seen),
                cmocka_unit_test(changed_structure_is_seen),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
