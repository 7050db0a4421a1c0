#include "unit.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/random_graph.h"
#include "xmodel/walk.h"

/* A small graph with handles on its parts: "in" (data) -> "conv", with a weight "w" (const), all
 * listed by the root. */
typedef struct Small {
        Node *graph;
        Node *in;
        Node *w;
        Node *w_data;
        Node *w_dims;
        Node *conv;
        Node *conv_tensor;
        Node *conv_dims;
        Node *root;
} Small;

static Small small_new(void) {
        const uint64_t dims[] = { 2, 3 };
        Small s = { .graph = node_new() };

        (void) node_string(s.graph, 1, "Net");
        s.in = node_op(s.graph, "in", "data");
        (void) node_tensor(s.in, "in", dims, 2, 32);
        s.w = node_op(s.graph, "w", "const");
        s.w_dims = node_tensor(s.w, "w", dims, 2, 32)->children[1];
        s.w_data = node_bytes(node_message(node_attr(s.w, 3, "data"), 12), 1,
                              "0123456789abcdefghijklmn", 24);
        s.conv = node_op(s.graph, "conv", "conv2d");
        (void) node_arg(s.conv, "input", "in");
        (void) node_arg(s.conv, "weights", "w");
        s.conv_tensor = node_tensor(s.conv, "conv", dims, 2, 32);
        s.conv_dims = s.conv_tensor->children[1];
        s.root = node_message(s.graph, 10);
        (void) node_string(s.root, 1, "root");
        (void) node_string(s.root, 3, "in");
        (void) node_string(s.root, 3, "w");
        (void) node_string(s.root, 3, "conv");
        return s;
}

static void small_deinit(Small *s) {
        (void) node_free(s->graph);
}

static int walk_bytes(Slice file, Problem *problem) {
        _cleanup_(walk_freep) Walk *walk = NULL;

        return walk_new(&walk, file, problem);
}

/* -> the code, and one line that has @text in it */
static void assert_refused(Slice file, int code, const char *text) {
        Problem problem = {};
        int r = walk_bytes(file, &problem);

        if (r != code || !strstr(problem.text, text))
                print_error("%d instead of %d, \"%s\" instead of \"%s\"\n", r, code, problem.text,
                            text);
        assert_int_equal(r, code);
        assert_non_null(strstr(problem.text, text));
        assert_null(strchr(problem.text, '\n'));
        assert_int_equal(walk_bytes(file, NULL), code);
}

static void small_write(const Small *s, Bytes *ret) {
        node_write(s->graph, &(NodeStyle){}, ret);
}

static void assert_small(const Small *s, int code, const char *text) {
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
        Problem problem = {};

        small_write(s, &file);
        if (code < 0) {
                assert_refused(bytes_slice(&file), code, text);
        } else {
                assert_int_equal(walk_bytes(bytes_slice(&file), &problem), 0);
                assert_string_equal(problem.text, "");
        }
}

#define REFUSES(code, text, ...)                                                                   \
        do {                                                                                       \
                _cleanup_(small_deinit) Small s = small_new();                                     \
                __VA_ARGS__;                                                                       \
                assert_small(&s, code, text);                                                      \
        } while (0)

#define ACCEPTS(...) REFUSES(0, "", __VA_ARGS__)

#define REFUSES_BYTES(code, text, bytes)                                                           \
        assert_refused(slice_of(bytes, sizeof(bytes) - 1), code, text)

static void indexes_a_graph(void **state) {
        _cleanup_(small_deinit) Small s = small_new();
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
        _cleanup_(walk_freep) Walk *walk = NULL;
        WireField value;
        uint32_t op;

        small_write(&s, &file);
        assert_int_equal(walk_new(&walk, bytes_slice(&file), NULL), 0);
        assert_true(slice_is(walk->name, "Net"));
        assert_int_equal(walk->n_ops, 3);
        assert_true(walk->in_order);
        assert_int_equal(walk->n_inputs, 2);
        assert_true(slice_is(walk->ops[2].type, "conv2d"));
        assert_int_equal(walk->inputs[walk->ops[2].first_input], 0);
        assert_int_equal(walk->inputs[walk->ops[2].first_input + 1], 1);
        assert_int_equal(walk->ops[0].rank, 0);
        assert_int_equal(walk->ops[2].rank, 2);
        assert_int_equal(walk_find_op(walk, slice_of_string("w"), &op), 0);
        assert_int_equal(op, 1);
        assert_int_equal(walk_find_op(walk, slice_of_string("x"), &op), -ENOENT);
        for (uint32_t i = 0; i < 3; i++)
                assert_int_equal(walk_op_at(walk, walk->ops[i].body.data), i);
        assert_int_equal(walk->n_subgraphs, 1);
        assert_int_equal(walk->subgraphs[0].n_members, 3);
        assert_false(walk->subgraphs[0].has_device);
        assert_int_equal(walk_attr(walk->ops[1].body, WALK_OP_ATTRS, "data", &value), 0);
        assert_int_equal(value.number, 12);
        assert_int_equal(walk_attr(walk->ops[1].body, WALK_OP_ATTRS, "shape", &value), -ENOENT);
}

static Node *add_child(Node *in, const char *name, const char *device, const char *op) {
        Node *child = node_message(in, 10);

        (void) node_string(child, 1, name);
        if (device)
                (void) node_string(node_attr(child, 5, "device"), 11, device);
        if (op)
                (void) node_string(child, 3, op);
        return child;
}

static void indexes_subgraphs_before_their_children(void **state) {
        _cleanup_(small_deinit) Small s = small_new();
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
        _cleanup_(walk_freep) Walk *walk = NULL;
        Node *root, *dpu;

        s.root->number = 900; /* the one of small_new() becomes an unknown field */
        root = node_message(s.graph, 10);
        dpu = add_child(root, "d", "DPU", NULL);
        (void) add_child(dpu, "layer", NULL, "conv");
        (void) add_child(dpu, "upload", NULL, "w");
        (void) add_child(root, "u", "USER", "in");
        small_write(&s, &file);
        assert_int_equal(walk_new(&walk, bytes_slice(&file), NULL), 0);
        assert_int_equal(walk->n_subgraphs, 5);
        assert_true(slice_is(walk->subgraphs[1].device, "DPU"));
        assert_int_equal(walk->subgraphs[2].parent, 1);
        assert_int_equal(walk->subgraphs[3].depth, 2);
        assert_true(slice_is(walk->subgraphs[4].device, "USER"));
        assert_int_equal(walk->subgraphs[4].parent, 0);
        assert_int_equal(walk->subgraphs[1].rank, 1); /* order: in, w, conv */
        assert_int_equal(walk->subgraphs[2].rank, 2);
        assert_int_equal(walk->subgraphs[0].rank, 0);
        for (uint32_t i = 0; i < 5; i++)
                assert_int_equal(walk_subgraph_at(walk, walk->subgraphs[i].body.data), i);
}

static void knows_a_file_out_of_order(void **state) {
        _cleanup_(small_deinit) Small s = small_new();
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
        _cleanup_(walk_freep) Walk *walk = NULL;

        (void) node_arg(s.in, "late", "w");
        small_write(&s, &file);
        assert_int_equal(walk_new(&walk, bytes_slice(&file), NULL), 0);
        assert_false(walk->in_order);
        assert_int_equal(walk->order[0], 1);
}

static void refuses_names_that_do_not_resolve(void **state) {
        REFUSES(-EBADMSG, "two ops are named \"w\"", node_op(s.graph, "w", "data"));
        REFUSES(-EBADMSG, "argument \"nowhere\" is no op", node_arg(s.conv, "bias", "nowhere"));
        REFUSES(-EBADMSG, "depends on itself", node_arg(s.in, "input", "in"));
        REFUSES(-EBADMSG, "depends on itself", node_arg(s.in, "input", "conv"));
        REFUSES(-EBADMSG, "op_node 3 has no op_name", node_message(s.graph, 5));
        REFUSES(-EBADMSG, "has no op_type", node_string(node_message(s.graph, 5), 1, "x"));
        REFUSES(-EBADMSG, "names \"ghost\", which is no op", node_string(s.root, 3, "ghost"));
        REFUSES(-EBADMSG, "is in a subgraph already", node_string(s.root, 3, "w"));
        REFUSES(-EBADMSG, "both ops and subgraphs", add_child(s.root, "c", NULL, NULL),
                node_op(s.graph, "more", "data"),
                node_string(s.root->children[s.root->n_children - 1], 3, "more"));
        REFUSES(-EBADMSG, "neither ops nor subgraphs", add_child(s.root, "c", NULL, NULL));
}

/* names the op that is in the circle, not one that hangs on it */
static void a_cycle_is_found_where_it_is(void **state) {
        REFUSES(-EBADMSG, "op \"in\" depends on itself", node_arg(s.in, "input", "in"));
        REFUSES(-EBADMSG, "op \"w\" depends on itself", node_arg(s.w, "input", "w"));
}

static void refuses_what_has_two_readings(void **state) {
        REFUSES(-EBADMSG, "graph_name: occurs twice", node_string(s.graph, 1, "Net"));
        REFUSES(-EBADMSG, "op_name: occurs twice", node_string(s.in, 1, "in"));
        REFUSES(-EBADMSG, "output_tensor: occurs twice", node_message(s.conv, 5));
        REFUSES(-EBADMSG, "subg_root: occurs twice", node_message(s.graph, 10));
        REFUSES(-EBADMSG, "op_attr has two entries \"data\"", node_attr(s.w, 3, "data"));
        REFUSES(-EBADMSG, "args has two entries \"input\"", node_arg(s.conv, "input", "w"));
        REFUSES(-EBADMSG, "another value too", {
                Node *value = node_attr(s.in, 3, "k");

                node_varint(value, 4, 0);
                node_varint(value, 5, 0);
        });
        REFUSES(-EBADMSG, "another value too", {
                Node *value = node_attr(s.in, 3, "k");

                node_varint(value, 5, 1);
                node_varint(value, 5, 1);
        });
        REFUSES(-EBADMSG, "a map entry with a field 3", node_varint(node_message(s.in, 3), 3, 0));
}

static void refuses_values_out_of_range(void **state) {
        REFUSES(-EBADMSG, "op_attr \"k\": value: int32_value: 0xffffffff is not in the range",
                node_varint(node_attr(s.in, 3, "k"), 5, UINT32_MAX));
        ACCEPTS(node_varint(node_attr(s.in, 3, "k"), 5, UINT64_MAX)); /* -1 */
        REFUSES(-EBADMSG, "range of int32",
                node_varint(node_attr(s.in, 3, "k"), 5, UINT64_C(0xffffffff7fffffff)));
        ACCEPTS(node_varint(node_attr(s.in, 3, "k"), 5, UINT64_C(0xffffffff80000000)));
        REFUSES(-EBADMSG, "range of uint32",
                node_varint(node_attr(s.in, 3, "k"), 6, UINT64_C(1) << 32));
        ACCEPTS(node_varint(node_attr(s.in, 3, "k"), 6, UINT32_MAX));
        REFUSES(-EBADMSG, "range of bool", node_varint(node_attr(s.in, 3, "k"), 4, 2));
        REFUSES(-EBADMSG, "range of bool",
                node_list(node_message(node_attr(s.in, 3, "k"), 13), 1,
                          (const uint64_t[]){ 1, 0, 2 }, 3));
        REFUSES(-EBADMSG, "no whole number of elements",
                node_bytes(node_message(node_attr(s.in, 3, "k"), 18), 1, "12345", 5));
        REFUSES(-EBADMSG, "no minimal varint",
                node_bytes(node_message(node_attr(s.in, 3, "k"), 14), 1, "\x80", 1));
        REFUSES(-EBADMSG, "element 1 is no minimal varint",
                node_bytes(node_message(node_attr(s.in, 3, "k"), 14), 1, "\x01\x80\x00", 3));
        REFUSES(-EBADMSG, "op_type: a NUL", node_bytes(node_message(s.graph, 5), 2, "a\0b", 3));
        REFUSES(-EBADMSG, "tensor_name: not UTF-8",
                node_bytes(node_message(node_op(s.graph, "x", "y"), 5), 1, "\xc3(", 2));
}

static void refuses_wrong_wire_types(void **state) {
        REFUSES(-EBADMSG, "graph_name: has wire type 0", s.graph->children[0]->kind = NODE_VARINT);
        REFUSES(-EBADMSG, "op_name: has wire type 0", node_varint(s.root, 3, 1));
        REFUSES(-EBADMSG, "data_type: has wire type 5",
                node_add(node_message(node_op(s.graph, "x", "y"), 5), 5, NODE_FIXED32));
        REFUSES(-EBADMSG, "op_attr: malformed at byte 0", /* an unknown group in an entry */
                node_bytes(s.in, 3, "\x1b\x1c", 2));
        REFUSES_BYTES(-EBADMSG, "malformed at byte 0", "\x0b\x0c");
        REFUSES_BYTES(-EBADMSG, "malformed at byte 3", "\x0a\x01N\x8a\x00\x00"); /* long tag */
        REFUSES_BYTES(-EBADMSG, "malformed at byte 0", "\x0a\x81\x00N");         /* long length */
        REFUSES_BYTES(-EBADMSG, "malformed at byte 0", "\x00\x00");              /* field 0 */
}

static void refuses_impossible_tensors(void **state) {
        REFUSES(-EBADMSG, "op \"w\": tensor_dim[1] is 2147483648",
                s.w_dims->values[1] = UINT64_C(1) << 31);
        REFUSES(-EBADMSG, "tensor_dim[0] is 4294967294", s.w_dims->values[0] = 4294967294);
        ACCEPTS(s.w_dims->values[0] = 4294967295); /* -1: then the data cannot be held to it */
        REFUSES(-EFBIG, "its tensor has over",
                node_list(s.conv_tensor, 2, (const uint64_t[]){ 1 << 20, 1 << 20 }, 2));
        REFUSES(-EFBIG, "its tensor has over", /* 2^64, which 64 bits take for 0 */
                s.conv_dims->values[0] = 1 << 20, s.conv_dims->values[1] = 1 << 20,
                node_list(s.conv_tensor, 2, (const uint64_t[]){ 1 << 24 }, 1));
        REFUSES(-EBADMSG, "op \"w\": 24 bytes of data, but its tensor takes 32",
                s.w_dims->values[0] = 2, s.w_dims->values[1] = 4);
        REFUSES(-EBADMSG, "0 bytes of data", bytes_deinit(&s.w_data->data));
        ACCEPTS(node_set_string(s.w->children[1], "const-fix"), bytes_deinit(&s.w_data->data));
        REFUSES(-EBADMSG, "1 bytes of data", node_set_string(s.w->children[1], "const-fix"),
                node_set_string(s.w_data, "x"));
        REFUSES(-EFBIG, "tensor_dim: more than 32", {
                for (unsigned i = 0; i < 32; i++)
                        node_list(s.conv_tensor, 2, (const uint64_t[]){ 1 }, 1);
        });
}

static void limits_hold(void **state) {
        char name[SCHEMA_NAME_MAX + 2];

        memset(name, 'x', sizeof(name));
        name[sizeof(name) - 1] = '\0';
        REFUSES(-EFBIG, "op_name: 4097 bytes, more than 4096", node_op(s.graph, name, "data"));
        ACCEPTS(node_op(s.graph, name + 1, "data"));
        REFUSES(-EFBIG, "more than 256 unknown fields", {
                for (unsigned i = 0; i < 257; i++)
                        node_varint(s.conv, 77, i);
        });
        REFUSES(-EFBIG, "op_attr: more than 16384", {
                for (unsigned i = 0; i <= SCHEMA_ATTRS_MAX; i++) {
                        (void) snprintf(name, sizeof(name), "%u", i);
                        node_attr(s.conv, 3, name);
                }
        });
        REFUSES(-EFBIG, "string_vec: more than 524288 fields in one message", {
                Node *vec = node_message(node_attr(s.conv, 3, "k"), 20);

                for (unsigned i = 0; i <= SCHEMA_OCCURRENCES_MAX; i++)
                        node_varint(vec, 1, 0)->kind = NODE_BYTES;
        });
        assert_refused(slice_of("", WALK_FILE_MAX + 1), -EFBIG, "more than protobuf's");
}

static void put_length(Bytes *bytes, uint32_t number, Slice content) {
        uint8_t head[2 * WIRE_VARINT_MAX];
        size_t n = wire_varint_put(wire_tag(number, WIRE_BYTES), head);

        n += wire_varint_put(content.size, head + n);
        assert_int_equal(bytes_append(bytes, head, n), 0);
        assert_int_equal(bytes_append(bytes, content.data, content.size), 0);
}

/* @levels subgraphs in each other, the innermost with the one op */
static void write_nested(unsigned levels, Bytes *ret) {
        _cleanup_(bytes_cleanup) Bytes inner = BYTES_INIT(WALK_FILE_MAX);

        put_length(&inner, 3, slice_of_string("x"));
        for (unsigned i = 1; i < levels; i++) {
                Bytes outer = BYTES_INIT(WALK_FILE_MAX);

                put_length(&outer, 10, bytes_slice(&inner));
                bytes_deinit(&inner);
                inner = outer;
        }
        put_length(ret, 5, slice_of_string("\x0a\x01x\x12\x01y"));
        put_length(ret, 10, bytes_slice(&inner));
}

static void deep_nesting_is_bounded(void **state) {
        const unsigned levels[] = { SCHEMA_DEPTH_MAX + 1, 10000 };

        for (size_t i = 0; i < 2; i++) {
                _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);

                write_nested(levels[i], &file);
                assert_refused(bytes_slice(&file), -EFBIG, "nested more than 64 deep");
        }
        for (unsigned n = SCHEMA_DEPTH_MAX - 1; n <= SCHEMA_DEPTH_MAX; n++) {
                _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);

                write_nested(n, &file);
                assert_int_equal(walk_bytes(bytes_slice(&file), NULL), 0);
        }
}

static void length_bombs_are_harmless(void **state) {
        /* at the top level a length may be honest and the file cut */
        REFUSES_BYTES(-ENODATA, "ends in the middle", "\x2a\xff\xff\xff\xff\x07");
        REFUSES_BYTES(-EBADMSG, "malformed at byte 0", "\x2a\xff\xff\xff\xff\x0f");
        REFUSES_BYTES(-EBADMSG, "malformed at byte 0",
                      "\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
        /* inside a message it cannot be */
        REFUSES_BYTES(-EBADMSG, "op_node: malformed at byte 0", "\x2a\x06\x0a\xff\xff\xff\xff\x07");
        REFUSES_BYTES(-EBADMSG, "op_node \"x\": malformed at byte 3", "\x2a\x05\x0a\x01x\x12\x02");
}

static void every_cut_is_told_from_malformed(void **state) {
        _cleanup_(small_deinit) Small s = small_new();
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
        unsigned n_whole = 0;

        small_write(&s, &file);
        for (size_t n = 0; n < file.size; n++) {
                Problem problem = {};
                int r = walk_bytes(slice_of(file.data, n), &problem);

                if (r == 0)
                        n_whole++; /* cut between two fields */
                else
                        assert_int_equal(r, -ENODATA);
        }
        assert_int_equal(n_whole, 5); /* before the name, each of the ops, and the root */
}

/* no byte sequence near a good file does worse than be refused */
static void damage_is_survived(void **state) {
        for (uint64_t seed = 1; seed <= 40; seed++) {
                _cleanup_(random_graph_freep) RandomGraph *g = random_graph_new(seed, 10);
                _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
                Random random = { .state = seed };

                node_write(g->root, &(NodeStyle){}, &file);
                for (unsigned i = 0; i < 200; i++) {
                        size_t at = random_below(&random, file.size);
                        uint8_t kept = file.data[at];
                        Problem problem = {};
                        int r;

                        file.data[at] = (uint8_t) random_u64(&random);
                        r = walk_bytes(bytes_slice(&file), &problem);
                        assert_true(r == 0 || r == -EBADMSG || r == -ENODATA || r == -EFBIG);
                        assert_int_equal(r == 0, problem.text[0] == '\0');
                        file.data[at] = kept;
                }
        }
}

/* the text of names goes to terminals */
static void problems_are_escaped(void **state) {
        REFUSES(-EBADMSG, "\"\\x1b[2J\\nroot\"", node_arg(s.conv, "bias", "\x1b[2J\nroot"));
}

static int walk_once(void *userdata) {
        const Bytes *file = userdata;

        return walk_bytes(bytes_slice(file), NULL);
}

static void every_allocation_may_fail(void **state) {
        _cleanup_(random_graph_freep) RandomGraph *g = random_graph_new(2, 200);
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);

        node_write(g->root, &(NodeStyle){}, &file);
        assert_true(fail_alloc_sweep(walk_once, &file) > 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(indexes_a_graph),
                cmocka_unit_test(indexes_subgraphs_before_their_children),
                cmocka_unit_test(knows_a_file_out_of_order),
                cmocka_unit_test(refuses_names_that_do_not_resolve),
                cmocka_unit_test(a_cycle_is_found_where_it_is),
                cmocka_unit_test(refuses_what_has_two_readings),
                cmocka_unit_test(refuses_values_out_of_range),
                cmocka_unit_test(refuses_wrong_wire_types),
                cmocka_unit_test(refuses_impossible_tensors),
                cmocka_unit_test(limits_hold),
                cmocka_unit_test(deep_nesting_is_bounded),
                cmocka_unit_test(length_bombs_are_harmless),
                cmocka_unit_test(every_cut_is_told_from_malformed),
                cmocka_unit_test(damage_is_survived),
                cmocka_unit_test(problems_are_escaped),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
