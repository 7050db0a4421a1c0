/* Programs of graphs: what DPU subgraphs must say, and what happens if they do not. */

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/micro.h"

/* in (USER) -> upload -> conv -> download, with weights in region 0 */
typedef struct Sample {
        Graph *graph;
        Subgraph *dpu;
        Op *upload, *weights, *conv;
        uint8_t constant[64];
} Sample;

static void set_map(Sample *s, const char *name, AttrKind kind, const AttrPair *pairs, size_t n) {
        const Attr map = { .kind = kind, .n = n, .pairs = pairs };

        assert_int_equal(graph_set_attr(s->graph, &s->dpu->attrs, name, &map), 0);
}

static void set_types(Sample *s, const char *first, const char *second) {
        const AttrPair types[] = {
                { "REG_0", { .kind = ATTR_STRING, .string = first } },
                { "REG_1", { .kind = ATTR_STRING, .string = second } },
        };

        set_map(s, "reg_id_to_context_type_v2", ATTR_MAP_STRING_STRING, types, 2);
}

static void set_sizes(Sample *s, int32_t first, int32_t second) {
        const AttrPair sizes[] = {
                { "REG_0", { .kind = ATTR_INT32, .int32 = first } },
                { "REG_1", { .kind = ATTR_INT32, .int32 = second } },
        };

        set_map(s, "reg_id_to_size", ATTR_MAP_STRING_INT32, sizes, 2);
}

static void set_place(Sample *s, Op *op, int32_t reg_id, int32_t address) {
        assert_int_equal(graph_set_int32(s->graph, &op->tensor.attrs, "reg_id", reg_id), 0);
        assert_int_equal(graph_set_int32(s->graph, &op->tensor.attrs, "ddr_addr", address), 0);
        assert_int_equal(graph_set_int32(s->graph, &op->tensor.attrs, "location", 1), 0);
}

static Op *add_op(Sample *s, const char *name, const char *type, Op *input, int32_t channels) {
        const int32_t dims[] = { 1, 2, 2, channels };
        Op *op;

        assert_int_equal(graph_add_op(s->graph, name, type, &op), 0);
        assert_int_equal(graph_set_tensor(s->graph, op, name, DATA_TYPE_XINT, 8, dims, 4), 0);
        if (input)
                assert_int_equal(graph_add_arg(s->graph, op, "input", input), 0);
        return op;
}

static void make_ops(Sample *s) {
        Subgraph *user;
        Op *in, *download;

        assert_int_equal(graph_add_subgraph(s->graph, s->graph->root, "user", &user), 0);
        assert_int_equal(graph_add_subgraph(s->graph, s->graph->root, "dpu", &s->dpu), 0);
        in = add_op(s, "in", "data-fix", NULL, 3);
        s->upload = add_op(s, "in_upload_0", "upload", in, 3);
        s->weights = add_op(s, "w", "const-fix", NULL, 3);
        s->conv = add_op(s, "conv", "conv2d-fix", s->upload, 5);
        assert_int_equal(graph_add_arg(s->graph, s->conv, "weights", s->weights), 0);
        download = add_op(s, "conv_download_0", "download", s->conv, 5);
        assert_int_equal(graph_assign(s->graph, user, in), 0);
        for (Op **op = (Op *[]){ s->upload, s->weights, s->conv, download, NULL }; *op; op++)
                assert_int_equal(graph_assign(s->graph, s->dpu, *op), 0);
        set_place(s, s->upload, 1, 0);
        set_place(s, s->weights, 0, 0);
        set_place(s, s->conv, 1, 12);
}

static void make(Sample *s) {
        static const uint8_t end[4] = { [3] = 0x72, [2] = 0x20 };
        const AttrPair values[] = {
                { "REG_0", { .kind = ATTR_BYTES, .bytes = slice_of(s->constant, 12) } },
        };
        Attrs *attrs;

        *s = (Sample){};
        assert_int_equal(graph_new(&s->graph, "sample"), 0);
        make_ops(s);
        attrs = &s->dpu->attrs;
        assert_int_equal(graph_set_string(s->graph, attrs, "device", "DPU"), 0);
        assert_int_equal(graph_set_uint64(s->graph, attrs, "dpu_fingerprint", MICRO_B4096), 0);
        assert_int_equal(graph_set_bytes(s->graph, attrs, "mc_code", slice_of(end, 4)), 0);
        set_types(s, "CONST", "WORKSPACE");
        set_sizes(s, 12, 32);
        set_map(s, "reg_id_to_parameter_value", ATTR_MAP_STRING_BYTES, values, 1);
}

static void unmake(Sample *s) {
        s->graph = graph_free(s->graph);
}

static void what_is_there_is_found(void **state) {
        _cleanup_(program_cleanup) Program program = {};
        Problem problem = { "" };
        Sample s;

        make(&s);
        assert_true(program_is_dpu(s.dpu));
        if (program_load(s.dpu, &program, &problem) < 0)
                fail_msg("%s", problem.text);
        assert_int_equal(program.n_tensors, 3);
        assert_int_equal(program.n_inputs, 1);
        assert_int_equal(program.n_outputs, 1);
        assert_string_equal(program.inputs[0].outside->name, "in");
        assert_ptr_equal(program.inputs[0].inside, s.upload);
        assert_ptr_equal(program.inputs[0].tensor->op, s.upload);
        assert_string_equal(program.outputs[0].inside->name, "conv_download_0");
        assert_ptr_equal(program.outputs[0].tensor->op, s.conv);
        assert_int_equal(program.outputs[0].tensor->address, 12);
        assert_int_equal(program.outputs[0].tensor->strides[1], 10);
        assert_int_equal(program.regions[0].role, PROGRAM_CONST);
        assert_int_equal(program.regions[1].size, 32);
        assert_null(program_place(&program, program.outputs[0].inside));
        unmake(&s);
}

/* --- what is missing or wrong ---------------------------------------------------------------- */

static void assert_refused(Sample *s, int error, const char *said) {
        Program program = {};
        Problem problem = { "" };

        assert_int_equal(program_load(s->dpu, &program, &problem), error);
        if (!strstr(problem.text, said) || strncmp(problem.text, "dpu: ", 5) != 0)
                fail_msg("'%s' does not say '%s'", problem.text, said);
        unmake(s);
        make(s);
}

static void what_is_missing_is_named(void **state) {
        static const char *const names[] = { "dpu_fingerprint", "mc_code",
                                             "reg_id_to_context_type" };
        Sample s;

        make(&s);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                (void) attrs_remove(&s.dpu->attrs, "reg_id_to_context_type_v2");
                set_types(&s, "CONST", "WORKSPACE");
                if (i == 2)
                        (void) attrs_remove(&s.dpu->attrs, "reg_id_to_context_type_v2");
                (void) attrs_remove(&s.dpu->attrs, names[i]);
                assert_refused(&s, -EBADMSG, names[i]);
        }
        (void) attrs_remove(&s.dpu->attrs, "reg_id_to_size");
        assert_refused(&s, -EBADMSG, "REG_0 has no size");
        (void) attrs_remove(&s.dpu->attrs, "reg_id_to_parameter_value");
        assert_refused(&s, -EBADMSG, "REG_0 is constant, but has no content");
        unmake(&s);
}

static void what_is_wrong_is_named(void **state) {
        static const uint8_t three[3] = { 0 };
        Sample s;

        make(&s);
        set_types(&s, "CONST", "CODE");
        assert_refused(&s, -EBADMSG, "REG_1 is of unknown type 'CODE'");
        set_sizes(&s, 13, 32);
        assert_refused(&s, -EBADMSG, "REG_0 has 13 bytes and 12 of content");
        set_sizes(&s, 12, -1);
        assert_refused(&s, -EBADMSG, "REG_1 has no size");
        set_sizes(&s, 12, 31);
        assert_refused(&s, -EBADMSG, "tensor conv reaches byte 31 of REG_1, which has 31");
        set_sizes(&s, 12, INT32_MAX);
        assert_refused(&s, -EFBIG, "bytes of memory");
        set_place(&s, s.conv, 8, 0);
        assert_refused(&s, -EBADMSG, "tensor conv lies at REG_8 0");
        set_place(&s, s.conv, 1, -1);
        assert_refused(&s, -EBADMSG, "tensor conv lies at REG_1 -1");
        (void) attrs_remove(&s.upload->tensor.attrs, "reg_id");
        assert_refused(&s, -EBADMSG, "input in has no place in memory");
        (void) attrs_remove(&s.conv->tensor.attrs, "reg_id");
        assert_refused(&s, -EBADMSG, "output conv_download_0 has no place in memory");
        assert_int_equal(graph_set_bytes(s.graph, &s.dpu->attrs, "mc_code", slice_of(three, 3)), 0);
        assert_refused(&s, -EBADMSG, "mc_code has 3 bytes: no whole words");
        assert_int_equal(graph_set_uint64(s.graph, &s.dpu->attrs, "dpu_fingerprint",
                                          UINT64_C(0x01000020f6014407)),
                         0);
        assert_refused(&s, -ENOTSUP, "only DPUCZDX8G with ISA 1 is understood");
        unmake(&s);
}

static int load(void *userdata) {
        _cleanup_(program_cleanup) Program program = {};
        Sample *s = userdata;

        return program_load(s->dpu, &program, NULL);
}

static void failing_allocations_fail_cleanly(void **state) {
        Sample s;

        make(&s);
        assert_true(fail_alloc_sweep(load, &s) > 0);
        unmake(&s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_there_is_found),
                cmocka_unit_test(what_is_missing_is_named),
                cmocka_unit_test(what_is_wrong_is_named),
                cmocka_unit_test(failing_allocations_fail_cleanly),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
