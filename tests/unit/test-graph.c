#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "tests/support/fail_alloc.h"
#include "xmodel/graph.h"
#include "xmodel/opdef.h"

#define OUTPUT_MAX ((size_t) 16 << 20)

/* an attribute of every kind */
static const int32_t int32s[] = { -1, 0, INT32_MAX, INT32_MIN };
static const uint32_t uint32s[] = { 0, UINT32_MAX };
static const int64_t int64s[] = { INT64_MIN, -1, 5 };
static const uint64_t uint64s[] = { UINT64_MAX, 1 };
static const float floats[] = { -0.0f, 0.5f, 1e-40f };
static const double doubles[] = { 0.1, -2 };
static const bool booleans[] = { true, false, true };
static const char *const strings[] = { "", "b", "a" };
static const Slice byteses[] = { { NULL, 0 }, { (const uint8_t *) "\0\1", 2 } };

#define VECTOR(_kind, _member, _array)                                                             \
        { .kind = (_kind), .n = ARRAY_SIZE(_array), ._member = (_array) }

static const AttrPair int32_pairs[] = {
        { "REG_0", { .kind = ATTR_INT32, .int32 = 0 } },
        { "REG_1", { .kind = ATTR_INT32, .int32 = -7 } },
};
static const AttrPair uint32_pairs[] = { { "", { .kind = ATTR_UINT32, .uint32 = UINT32_MAX } } };
static const AttrPair int64_pairs[] = { { "k", { .kind = ATTR_INT64, .int64 = INT64_MIN } } };
static const AttrPair uint64_pairs[] = { { "k", { .kind = ATTR_UINT64, .uint64 = UINT64_MAX } } };
static const AttrPair string_pairs[] = {
        { "a", { .kind = ATTR_STRING, .string = "" } },
        { "b", { .kind = ATTR_STRING, .string = "x" } },
};
static const AttrPair bytes_pairs[] = {
        { "a", { .kind = ATTR_BYTES, .bytes = { NULL, 0 } } },
        { "b", { .kind = ATTR_BYTES, .bytes = { (const uint8_t *) "\0x", 2 } } },
};
static const AttrPair int32s_pairs[] = { { "k", VECTOR(ATTR_INT32_VEC, int32s, int32s) } };
static const AttrPair uint32s_pairs[] = { { "k", VECTOR(ATTR_UINT32_VEC, uint32s, uint32s) } };
static const AttrPair int64s_pairs[] = { { "k", VECTOR(ATTR_INT64_VEC, int64s, int64s) } };
static const AttrPair uint64s_pairs[] = { { "k", VECTOR(ATTR_UINT64_VEC, uint64s, uint64s) } };
static const AttrPair strings_pairs[] = {
        { "empty", { .kind = ATTR_STRING_VEC } },
        { "k", VECTOR(ATTR_STRING_VEC, strings, strings) },
};

static const Attr every_kind[] = {
        { .kind = ATTR_NONE },
        { .kind = ATTR_BOOL, .boolean = false },
        { .kind = ATTR_BOOL, .boolean = true },
        { .kind = ATTR_INT32, .int32 = -5 },
        { .kind = ATTR_INT32, .int32 = 0 },
        { .kind = ATTR_UINT32, .uint32 = UINT32_MAX },
        { .kind = ATTR_INT64, .int64 = INT64_MIN },
        { .kind = ATTR_UINT64, .uint64 = UINT64_MAX },
        { .kind = ATTR_FLOAT, .float32 = 0.1f },
        { .kind = ATTR_DOUBLE, .float64 = -0.1 },
        { .kind = ATTR_STRING, .string = "" },
        { .kind = ATTR_STRING, .string = "DPU_ROUND" },
        { .kind = ATTR_BYTES, .bytes = { NULL, 0 } },
        { .kind = ATTR_BYTES, .bytes = { (const uint8_t *) "\0\xff", 2 } },
        VECTOR(ATTR_BOOL_VEC, booleans, booleans),
        VECTOR(ATTR_INT32_VEC, int32s, int32s),
        VECTOR(ATTR_UINT32_VEC, uint32s, uint32s),
        VECTOR(ATTR_INT64_VEC, int64s, int64s),
        VECTOR(ATTR_UINT64_VEC, uint64s, uint64s),
        VECTOR(ATTR_FLOAT_VEC, floats, floats),
        VECTOR(ATTR_DOUBLE_VEC, doubles, doubles),
        VECTOR(ATTR_STRING_VEC, strings, strings),
        VECTOR(ATTR_BYTES_VEC, byteses, byteses),
        { .kind = ATTR_INT32_VEC },
        VECTOR(ATTR_MAP_STRING_INT32, pairs, int32_pairs),
        VECTOR(ATTR_MAP_STRING_UINT32, pairs, uint32_pairs),
        VECTOR(ATTR_MAP_STRING_INT64, pairs, int64_pairs),
        VECTOR(ATTR_MAP_STRING_UINT64, pairs, uint64_pairs),
        VECTOR(ATTR_MAP_STRING_STRING, pairs, string_pairs),
        VECTOR(ATTR_MAP_STRING_BYTES, pairs, bytes_pairs),
        VECTOR(ATTR_MAP_STRING_INT32_VEC, pairs, int32s_pairs),
        VECTOR(ATTR_MAP_STRING_UINT32_VEC, pairs, uint32s_pairs),
        VECTOR(ATTR_MAP_STRING_INT64_VEC, pairs, int64s_pairs),
        VECTOR(ATTR_MAP_STRING_UINT64_VEC, pairs, uint64s_pairs),
        VECTOR(ATTR_MAP_STRING_STRING_VEC, pairs, strings_pairs),
        { .kind = ATTR_MAP_STRING_STRING },
};

static void attr_name(size_t i, char name[static 16]) {
        (void) snprintf(name, 16, "kind_%02zu", i);
}

static int build_fix(Graph *graph, const char *name, Op *input, Op **ret) {
        Op *op;
        int r;

        r = graph_add_op(graph, name, "fix", &op);
        if (r == 0)
                r = graph_set_int32(graph, &op->attrs, "fix_point", 7);
        if (r == 0)
                r = graph_set_int32(graph, &op->attrs, "bit_width", 8);
        if (r == 0)
                r = graph_set_string(graph, &op->attrs, "round_mode", "DPU_ROUND");
        if (r == 0)
                r = graph_set_bool(graph, &op->attrs, "if_signed", true);
        if (r == 0)
                r = graph_add_arg(graph, op, "input", input);
        if (r == 0)
                r = graph_set_tensor(graph, op, name, DATA_TYPE_FLOAT, 32, input->tensor.dims,
                                     input->tensor.n_dims);
        if (r == 0)
                *ret = op;
        return r;
}

static int build_ops(Graph *graph) {
        static const int32_t dims[] = { 1, 2, -1, 3 };
        Op *data, *fix, *add, *resize;
        int r;

        r = graph_add_op(graph, "in", "data", &data);
        if (r == 0)
                r = graph_set_int32s(graph, &data->attrs, "shape", dims, ARRAY_SIZE(dims));
        if (r == 0)
                r = graph_set_string(graph, &data->attrs, "data_type", "FLOAT32");
        if (r == 0)
                r = graph_set_tensor(graph, data, "in", DATA_TYPE_FLOAT, 32, dims,
                                     ARRAY_SIZE(dims));
        if (r == 0)
                r = build_fix(graph, "in_fix", data, &fix);
        if (r == 0)
                r = graph_add_op(graph, "twice", "add", &add);
        if (r == 0)
                r = graph_add_arg(graph, add, "input", fix);
        if (r == 0)
                r = graph_add_arg(graph, add, "input", fix);
        if (r == 0)
                r = graph_add_op(graph, "up", "resize", &resize);
        if (r == 0)
                r = graph_add_arg(graph, resize, "input", add);
        if (r == 0)
                r = graph_add_arg(graph, resize, "size", NULL);
        if (r == 0)
                r = graph_set_string(graph, &resize->attrs, "mode", "NEAREST");
        return r;
}

static int build_rest(Graph *graph) {
        Subgraph *a, *b;
        char name[16];
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(every_kind); i++) {
                attr_name(i, name);
                r = graph_set_attr(graph, &graph->attrs, name, &every_kind[i]);
        }
        if (r == 0)
                r = graph_add_subgraph(graph, graph->root, "a", &a);
        if (r == 0)
                r = graph_add_subgraph(graph, graph->root, "b", &b);
        if (r == 0)
                r = graph_set_string(graph, &a->attrs, "device", "USER");
        if (r == 0)
                r = graph_assign(graph, a, graph->ops[0]);
        for (size_t i = 1; r == 0 && i < graph->n_ops; i++)
                r = graph_assign(graph, b, graph->ops[i]);
        return r;
}

static int build(Graph **ret) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        int r;

        r = graph_new(&graph, "Sample");
        if (r == 0)
                r = build_ops(graph);
        if (r == 0)
                r = build_rest(graph);
        if (r == 0)
                *ret = TAKE_PTR(graph);
        return r;
}

static void write_bytes(const Graph *graph, bool with_op_defs, Bytes *ret) {
        Problem problem = { "" };

        assert_int_equal(graph_write(graph, with_op_defs, ret, &problem), 0);
        assert_string_equal(problem.text, "");
}

static Graph *read_bytes(Slice bytes) {
        Problem problem = { "" };
        Graph *graph = NULL;
        int r;

        r = graph_read(&graph, bytes, &problem);
        if (r < 0)
                fail_msg("%s", problem.text);
        return graph;
}

static void assert_attr_equal(const Attr *a, const Attr *b);

static void assert_vectors_equal(const Attr *a, const Attr *b) {
        for (size_t i = 0; i < a->n; i++) {
                if (a->kind == ATTR_STRING_VEC)
                        assert_string_equal(a->strings[i], b->strings[i]);
                else if (a->kind == ATTR_BYTES_VEC)
                        assert_true(slice_equal(a->byteses[i], b->byteses[i]));
        }
        if (a->n > 0 && a->kind != ATTR_STRING_VEC && a->kind != ATTR_BYTES_VEC)
                assert_memory_equal(a->elements, b->elements, a->n * attr_kind_size(a->kind));
}

static void assert_scalars_equal(const Attr *a, const Attr *b) {
        if (a->kind == ATTR_STRING)
                assert_string_equal(a->string, b->string);
        else if (a->kind == ATTR_BYTES)
                assert_true(slice_equal(a->bytes, b->bytes));
        else if (a->kind == ATTR_BOOL)
                assert_int_equal(a->boolean, b->boolean);
        else if (a->kind == ATTR_INT64 || a->kind == ATTR_UINT64 || a->kind == ATTR_DOUBLE)
                assert_int_equal(a->uint64, b->uint64);
        else
                assert_int_equal(a->uint32, b->uint32);
}

static void assert_attr_equal(const Attr *a, const Attr *b) {
        assert_int_equal(a->kind, b->kind);
        assert_int_equal(a->n, b->n);
        switch (attr_kind_shape(a->kind)) {
        case ATTR_SHAPE_NONE:
                break;
        case ATTR_SHAPE_SCALAR:
                assert_scalars_equal(a, b);
                break;
        case ATTR_SHAPE_VECTOR:
                assert_vectors_equal(a, b);
                break;
        case ATTR_SHAPE_MAP:
                for (size_t i = 0; i < a->n; i++) {
                        assert_string_equal(a->pairs[i].key, b->pairs[i].key);
                        assert_attr_equal(&a->pairs[i].value, &b->pairs[i].value);
                }
                break;
        }
}

static void keeps_every_kind_of_attribute(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL, *again = NULL;
        char name[16];

        assert_int_equal(build(&graph), 0);
        write_bytes(graph, false, &bytes);
        again = read_bytes(bytes_slice(&bytes));
        assert_int_equal(again->attrs.n, ARRAY_SIZE(every_kind));
        for (size_t i = 0; i < ARRAY_SIZE(every_kind); i++) {
                const Attr *attr;

                attr_name(i, name);
                attr = attrs_find(&again->attrs, name);
                assert_non_null(attr);
                assert_attr_equal(&every_kind[i], attr);
        }
}

static void keeps_structure(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL, *again = NULL;
        const Op *op;

        assert_int_equal(build(&graph), 0);
        write_bytes(graph, false, &bytes);
        again = read_bytes(bytes_slice(&bytes));

        assert_string_equal(again->name, "Sample");
        assert_int_equal(again->n_ops, 4);
        op = graph_find_op(again, "twice");
        assert_ptr_equal(op, again->ops[2]);
        assert_int_equal(op->index, 2);
        assert_int_equal(op_arg(op, "input")->n_ops, 2);
        assert_ptr_equal(op_input(op, 1), again->ops[1]);
        assert_null(op_input(op, 2));
        assert_int_equal(again->ops[1]->n_consumers, 2);
        assert_int_equal(op_arg(graph_find_op(again, "up"), "size")->n_ops, 0);
        assert_int_equal(again->ops[0]->tensor.n_dims, 4);
        assert_int_equal(again->ops[0]->tensor.dims[2], -1);
        assert_int_equal(tensor_elements(&again->ops[0]->tensor), 6);
        assert_int_equal(again->root->n_children, 2);
        assert_string_equal(again->root->children[1]->name, "b");
        assert_ptr_equal(again->ops[3]->subgraph, again->root->children[1]);
        assert_string_equal(attrs_string(&again->root->children[0]->attrs, "device"), "USER");
        assert_null(graph_find_op(again, "nothing"));
}

static void writes_what_it_read(void **state) {
        _cleanup_(bytes_cleanup) Bytes first = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(bytes_cleanup) Bytes second = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL, *again = NULL;

        assert_int_equal(build(&graph), 0);
        write_bytes(graph, true, &first);
        again = read_bytes(bytes_slice(&first));
        write_bytes(again, true, &second);
        assert_true(slice_equal(bytes_slice(&first), bytes_slice(&second)));
}

static void shuffles_bytes_but_not_the_model(void **state) {
        _cleanup_(bytes_cleanup) Bytes plain = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL;

        assert_int_equal(build(&graph), 0);
        write_bytes(graph, true, &plain);
        for (uint64_t seed = 0; seed < 20; seed++) {
                _cleanup_(bytes_cleanup) Bytes one = BYTES_INIT(OUTPUT_MAX);
                _cleanup_(bytes_cleanup) Bytes two = BYTES_INIT(OUTPUT_MAX);
                _cleanup_(graph_freep) Graph *again = NULL;

                assert_int_equal(graph_write_shuffled(graph, seed, &one, NULL), 0);
                assert_int_equal(graph_write_shuffled(graph, seed, &two, NULL), 0);
                assert_true(slice_equal(bytes_slice(&one), bytes_slice(&two)));
                assert_false(slice_equal(bytes_slice(&one), bytes_slice(&plain)));
                assert_int_equal(one.size, plain.size);
                again = read_bytes(bytes_slice(&one));
                assert_int_equal(again->n_ops, graph->n_ops);
                assert_int_equal(graph_verify(again, NULL), 0);
        }
}

/* the vendor's library writes both fields of a map entry, whatever they hold */
static void writes_zeros_in_maps(void **state) {
        static const char entry[] = "\x0a\x05REG_0\x10\x00";
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL;

        assert_int_equal(build(&graph), 0);
        write_bytes(graph, false, &bytes);
        assert_non_null(memmem(bytes.data, bytes.size, entry, sizeof(entry) - 1));
}

static void appends_up_to_the_maximum(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(100);
        _cleanup_(graph_freep) Graph *graph = NULL;

        assert_int_equal(build(&graph), 0);
        assert_int_equal(bytes_append(&bytes, "kept", 4), 0);
        assert_int_equal(graph_write(graph, false, &bytes, NULL), -EFBIG);
        assert_int_equal(bytes.size, 4);
}

static void lends_weights_from_the_message(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL, *again = NULL;
        _cleanup_(freep) uint8_t *weights = calloc(1, 4 << 20);

        assert_non_null(weights);
        assert_int_equal(graph_new(&graph, "g"), 0);
        assert_int_equal(
                attrs_lend_bytes(&graph->attrs, &graph->arena, "data", slice_of(weights, 4 << 20)),
                0);
        write_bytes(graph, false, &bytes);
        again = read_bytes(bytes_slice(&bytes));
        assert_true(again->arena.total < (5 << 20));
}

static void building_refuses(void **state) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        Subgraph *at, *leaf;
        Op *op;

        assert_int_equal(build(&graph), 0);
        assert_int_equal(graph_add_op(graph, "in", "data", &op), -EEXIST);
        leaf = graph->root->children[0];
        assert_int_equal(graph_add_subgraph(graph, leaf, "c", &at), -EINVAL);
        assert_int_equal(graph_assign(graph, graph->root, graph->ops[0]), -EINVAL);
        assert_int_equal(graph_assign(graph, leaf, graph->ops[1]), -EEXIST);

        graph_clear_subgraphs(graph);
        assert_int_equal(graph_assign(graph, graph->root, graph->ops[1]), 0);
        graph_clear_subgraphs(graph);
        at = graph->root;
        for (size_t depth = 1; depth < GRAPH_DEPTH_MAX; depth++)
                assert_int_equal(graph_add_subgraph(graph, at, "deeper", &at), 0);
        assert_int_equal(graph_add_subgraph(graph, at, "too deep", &at), -ELOOP);
}

static void writing_refuses_wrong_order(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL;
        Problem problem = { "" };
        Op *op;

        assert_int_equal(build(&graph), 0);
        op = graph->ops[1];
        graph->ops[1] = graph->ops[2];
        graph->ops[2] = op;
        graph_count_consumers(graph);
        assert_int_equal(graph_write(graph, false, &bytes, &problem), -EINVAL);
        assert_string_equal(problem.text, "op 'twice' does not come after its input 'in_fix'");
        assert_int_equal(bytes.size, 0);
        assert_int_equal(graph_verify(graph, &problem), -EINVAL);
}

static void verify_knows_definitions(void **state) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        Problem problem = { "" };
        Op *op;

        assert_int_equal(build(&graph), 0);
        assert_int_equal(graph_verify(graph, &problem), 0);

        assert_true(attrs_remove(&graph->ops[1]->attrs, "fix_point"));
        assert_int_equal(graph_verify(graph, &problem), -EINVAL);
        assert_string_equal(problem.text,
                            "op 'in_fix': type 'fix' needs the attribute 'fix_point'");
        assert_int_equal(graph_set_int32(graph, &graph->ops[1]->attrs, "fix_point", 1), 0);

        assert_int_equal(graph_add_arg(graph, graph->ops[1], "weights", graph->ops[0]), 0);
        assert_int_equal(graph_verify(graph, &problem), -EINVAL);
        assert_string_equal(problem.text, "op 'in_fix': type 'fix' has no argument 'weights'");
        graph->ops[1]->n_args--;

        assert_int_equal(graph_add_arg(graph, graph->ops[1], "input", graph->ops[0]), 0);
        assert_int_equal(graph_verify(graph, &problem), -EINVAL);
        assert_string_equal(problem.text, "op 'in_fix': type 'fix' takes one op as argument "
                                          "'input', here are 2");
        graph->ops[1]->args[0].n_ops--;

        assert_int_equal(graph_add_op(graph, "mine", "Mylayer", &op), 0);
        assert_int_equal(graph_verify(graph, &problem), -EINVAL);
        assert_string_equal(problem.text, "op 'mine': type 'Mylayer' needs the attribute 'shape'");
}

/* --- bytes that are not a graph ---------------------------------------------------------------- */

static void assert_refused(const char *bytes, size_t size, const char *reason) {
        Problem problem = { "" };
        Graph *graph = NULL;

        assert_int_equal(graph_read(&graph, slice_of(bytes, size), &problem), -EBADMSG);
        assert_null(graph);
        if (!strstr(problem.text, reason))
                fail_msg("'%s' does not say '%s'", problem.text, reason);
}

#define REFUSED(_literal, _reason) assert_refused((_literal), sizeof(_literal) - 1, (_reason))

/* an op "n" of type "t" whose tensor is "n"; @more has room for more fields of it */
#define OP(_size, _more) "\x2a" _size "\x0a\x01n\x12\x01t" _more "\x2a\x03\x0a\x01n"

static void reading_refuses(void **state) {
        _cleanup_(graph_freep) Graph *graph = NULL;

        graph = read_bytes(slice_of_string(OP("\x0b", "")));
        assert_string_equal(graph->ops[0]->type, "t");

        REFUSED("\x7f garbage", "");
        REFUSED("\x12\x01x", "Graph has field 2");
        REFUSED(OP("\x0d", "\x30\x01"), "op 'n': OPNode has field 6");
        /* kind 40 of AttrValue */
        REFUSED(OP("\x15", "\x1a\x08\x0a\x01k\x12\x03\xc0\x02\x01"), "attribute 'k'");
        REFUSED("\x2a\x06\x0a\x01n\x12\x01t", "op 'n': no output tensor");
}

/* "n" reads "m", which the file has behind it */
static void reading_puts_ops_in_order(void **state) {
        static const char file[] =
                "\x2a\x14\x0a\x01n\x12\x01t\x22\x07\x0a\x02in\x12\x01m\x2a\x03\x0a\x01n"
                "\x2a\x0b\x0a\x01m\x12\x01t\x2a\x03\x0a\x01m";
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL;

        graph = read_bytes(slice_of(file, sizeof(file) - 1));
        assert_string_equal(graph->ops[0]->name, "m");
        assert_string_equal(graph->ops[1]->name, "n");
        assert_ptr_equal(op_arg(graph->ops[1], "in")->ops[0], graph->ops[0]);
        write_bytes(graph, false, &bytes);
}

static void reading_survives_cuts_and_flips(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL;

        assert_int_equal(build(&graph), 0);
        write_bytes(graph, false, &bytes);
        for (size_t size = 0; size < bytes.size; size++) {
                Graph *cut = NULL;

                (void) graph_read(&cut, slice_of(bytes.data, size), NULL);
                graph_free(cut);
        }
        for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
                Graph *flipped = NULL;

                bytes.data[bit / 8] ^= (uint8_t) (1u << bit % 8);
                (void) graph_read(&flipped, bytes_slice(&bytes), NULL);
                graph_free(flipped);
                bytes.data[bit / 8] ^= (uint8_t) (1u << bit % 8);
        }
}

/* --- memory ------------------------------------------------------------------------------------- */

static int build_write_read(void *userdata) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL, *again = NULL;
        int r;

        (void) userdata;
        r = build(&graph);
        if (r == 0)
                r = graph_write(graph, true, &bytes, NULL);
        if (r == 0)
                r = graph_read(&again, bytes_slice(&bytes), NULL);
        if (r == 0)
                r = graph_verify(again, NULL);
        return r;
}

static void every_allocation_may_fail(void **state) {
        assert_true(fail_alloc_sweep(build_write_read, NULL) > 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keeps_every_kind_of_attribute),
                cmocka_unit_test(keeps_structure),
                cmocka_unit_test(writes_what_it_read),
                cmocka_unit_test(shuffles_bytes_but_not_the_model),
                cmocka_unit_test(writes_zeros_in_maps),
                cmocka_unit_test(appends_up_to_the_maximum),
                cmocka_unit_test(lends_weights_from_the_message),
                cmocka_unit_test(building_refuses),
                cmocka_unit_test(writing_refuses_wrong_order),
                cmocka_unit_test(verify_knows_definitions),
                cmocka_unit_test(reading_refuses),
                cmocka_unit_test(reading_puts_ops_in_order),
                cmocka_unit_test(reading_survives_cuts_and_flips),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
