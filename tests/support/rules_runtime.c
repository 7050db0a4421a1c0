/*
 * What the vendor's runtime looks up, with the types that it reads (Xilinx/Vitis-AI src/vai_runtime:
 * vart/runner/src/dpu_runner.cpp, vart/dpu-runner/src/{graph_holder,dpu_kernel,
 * dpu_session_base_imp}.cpp, vart/util/src/zero_copy_helper.cpp, vart/dpu-controller/
 * runner-assistant/src/tensor_buffer_allocator_imp.cpp; src/vai_library/graph_runner). Where these
 * do not hold it throws or aborts.
 */

#include "tests/support/rules_impl.h"

#include "base/cleanup.h"

/* create_runner: a map with the mode "run". GraphHolder: a device below the root. */
static void expect_runner(Rules *rules, const Subgraph *part) {
        const Attr *runner = attrs_find(&part->attrs, "runner");

        rules_expect(rules, rules_has_kind(&part->attrs, "device", ATTR_STRING), part->name,
                     "no device");
        if (where_runs_on(part, "USER"))
                return;
        rules_expect(
                rules,
                runner && runner->kind == ATTR_MAP_STRING_STRING && attr_map_find(runner, "run"),
                part->name, "no runner for mode run");
}

static void check_runners(Rules *rules) {
        rules_each_part(rules, expect_runner);
}

/* DpuKernel: code, registers; bytes of every CONST, and room in DATA. The generator of registers
 * reads one digit behind "REG_". */
static void expect_kernel(Rules *rules, const Subgraph *part) {
        const Attr *types = attrs_find(&part->attrs, "reg_id_to_context_type");
        const Attr *sizes = attrs_find(&part->attrs, "reg_id_to_size");
        const Attr *values = attrs_find(&part->attrs, "reg_id_to_parameter_value");
        const Attr *code = attrs_find(&part->attrs, "mc_code");
        int64_t data = 0;

        rules_expect(rules, code && code->kind == ATTR_BYTES && code->bytes.size > 0, part->name,
                     "no mc_code");
        rules_expect(rules,
                     types && types->kind == ATTR_MAP_STRING_STRING && sizes &&
                             sizes->kind == ATTR_MAP_STRING_INT32,
                     part->name, "no registers");
        for (size_t i = 0; types && sizes && i < types->n; i++) {
                const char *name = types->pairs[i].key;
                const Attr *size = attr_map_find(sizes, name);
                const Attr *value = values ? attr_map_find(values, name) : NULL;

                rules_expect(rules,
                             strncmp(name, "REG_", 4) == 0 && name[4] >= '0' && name[4] <= '9' &&
                                     name[5] == '\0',
                             part->name, "a register called %s", name);
                rules_expect(rules, size && size->int32 > 0, part->name, "%s has no size", name);
                if (strcmp(types->pairs[i].value.string, "DATA") == 0)
                        data += size ? size->int32 : 0;
                else
                        rules_expect(rules,
                                     value && size && value->kind == ATTR_BYTES &&
                                             (int64_t) value->bytes.size == size->int32,
                                     part->name, "%s has not the bytes of its size", name);
        }
        rules_expect(rules, data > 0, part->name, "no room for data");
        rules_expect(rules, rules_has_kind(&part->attrs, "dpu_fingerprint", ATTR_UINT64),
                     part->name, "its fingerprint is no uint64");
}

static void check_kernels(Rules *rules) {
        rules_each_dpu_part(rules, expect_kernel);
}

/* --- the tensors of a session ------------------------------------------------------------------ */

static const Op *session_tensor(Rules *rules, const Subgraph *part, const Op *op) {
        const Op *upload = NULL;
        size_t n = 0;

        if (rules_is(op, "download"))
                return op_input(op, 0);
        if (where_is(op) == part && attrs_find(&op->tensor.attrs, "reg_id"))
                return op;
        for (size_t i = 0; i < rules->spec.compiled->n_ops; i++)
                if (where_is(rules->spec.compiled->ops[i]) == part &&
                    rules_reads(rules->spec.compiled->ops[i], op)) {
                        upload = rules->spec.compiled->ops[i];
                        n++;
                }
        rules_expect(rules, n == 1 && rules_is(upload, "upload"), op->name,
                     "%zu ops of %s read it, not one upload", n, part->name);
        return upload;
}

/* has_interface: some register of type INTERFACE holds it */
static void expect_port(Rules *rules, const Subgraph *part, const Op *op, const Op *held) {
        const Attrs *attrs = &held->tensor.attrs;
        const int32_t location = rules_int32(attrs, "location", -1);
        const Attr *sizes = attrs_find(&part->attrs, "reg_id_to_size");
        char name[32];

        rules_expect(rules,
                     rules_has_kind(attrs, "reg_id", ATTR_INT32) &&
                             rules_has_kind(attrs, "ddr_addr", ATTR_INT32) &&
                             rules_has_kind(attrs, "location", ATTR_INT32),
                     held->name, "reg_id, ddr_addr or location");
        (void) snprintf(name, sizeof(name), "REG_%d", rules_int32(attrs, "reg_id", -1));
        rules_expect(rules, location != 0 && sizes && attr_map_find(sizes, name), held->name,
                     "%s has no size", name);
        rules_expect(rules, op->tensor.n_dims > 0 && op->tensor.dims[0] == 1, op->name,
                     "its batch is not 1");
}

/* is_normal_stride(): of the tensors that cross */
static void expect_normal_stride(Rules *rules, const Op *op) {
        const Attr *stride = attrs_find(&op->tensor.attrs, "stride");
        int64_t dense = 1;

        for (size_t i = op->tensor.n_dims; stride && i-- > 0; dense *= op->tensor.dims[i])
                rules_expect(rules, i < stride->n && stride->int32s[i] == dense, op->name,
                             "it crosses with strides that are not dense");
}

static bool is_read_outside(const Rules *rules, const Subgraph *part, const Op *op) {
        for (size_t i = op->index + 1; i < rules->spec.compiled->n_ops; i++)
                if (where_is(rules->spec.compiled->ops[i]) != part &&
                    rules_reads(rules->spec.compiled->ops[i], op))
                        return true;
        return op->n_consumers == 0;
}

/* of every op: "illegal xmodel. op:X has no ddr info" */
static void expect_known(Rules *rules, const Op *op) {
        const Op *held = rules_is(op, "download") ? op_input(op, 0) : op;

        rules_expect(rules,
                     rules_has_kind(&held->tensor.attrs, "reg_id", ATTR_INT32) &&
                             rules_has_kind(&held->tensor.attrs, "ddr_addr", ATTR_INT32) &&
                             rules_has_kind(&held->tensor.attrs, "location", ATTR_INT32),
                     held->name, "reg_id, ddr_addr or location");
}

static void expect_session(Rules *rules, const Subgraph *part) {
        for (size_t i = 0; i < rules->spec.compiled->n_ops; i++) {
                const Op *op = rules->spec.compiled->ops[i], *held;
                bool crosses = where_is(op) == part && !rules_is_const(op) &&
                               is_read_outside(rules, part, op);

                for (size_t k = 0; k < rules->spec.compiled->n_ops && !crosses; k++)
                        crosses = where_is(op) != part &&
                                  where_is(rules->spec.compiled->ops[k]) == part &&
                                  rules_reads(rules->spec.compiled->ops[k], op);
                if (where_is(op) == part && !rules_is_const(op))
                        expect_known(rules, op);
                if (!crosses)
                        continue;
                held = session_tensor(rules, part, op);
                if (!held)
                        continue;
                expect_port(rules, part, op, held);
                expect_normal_stride(rules, op);
                expect_normal_stride(rules, held);
                /* xdputil */
                rules_expect(rules, rules_has_kind(&op->tensor.attrs, "fix_point", ATTR_INT32),
                             op->name, "no fix_point");
        }
}

static void check_sessions(Rules *rules) {
        rules_each_dpu_part(rules, expect_session);
}

/* The allocator: an INTERFACE register is that of some input or output. */
static void expect_interfaces(Rules *rules, const Subgraph *part) {
        const Attr *types = attrs_find(&part->attrs, "reg_id_to_context_type_v2");

        for (size_t i = 0; types && i < types->n; i++) {
                bool used = strcmp(types->pairs[i].value.string, "INTERFACE") != 0;
                const int32_t number = types->pairs[i].key[4] - '0';

                for (size_t k = 0; k < rules->spec.compiled->n_ops; k++) {
                        const Op *op = rules->spec.compiled->ops[k];
                        const Op *held = rules_is(op, "download") ? op_input(op, 0) : op;

                        used = used || (where_is(op) == part && rules_is_border(op) &&
                                        rules_int32(&held->tensor.attrs, "reg_id", -1) == number);
                }
                rules_expect(rules, used, part->name, "%s is for nothing", types->pairs[i].key);
        }
}

static void check_interfaces(Rules *rules) {
        rules_each_dpu_part(rules, expect_interfaces);
}

/* fix on the CPU rounds one way only */
static void expect_cpu_op(Rules *rules, const Op *op) {
        const char *mode = attrs_string(&op->attrs, "round_mode");

        if (rules_is(op, "fix") || rules_is(op, "float2fix"))
                rules_expect(rules, mode && strcmp(mode, "DPU_ROUND") == 0, op->name,
                             "round_mode %s", mode ?: "(none)");
}

static void check_cpu_ops(Rules *rules) {
        rules_each_op(rules, expect_cpu_op);
}

const Rule rules_of_runtime[] = {
        { "runtime-runners", "device below the root; runner with mode run but for USER",
          check_runners, false },
        { "runtime-kernel",
          "mc_code, registers REG_N with sizes, constants of that size, room for "
          "data, fingerprint as uint64",
          check_kernels, false },
        { "runtime-session",
          "inputs through one upload, outputs through a download; their tensors "
          "with int32 reg_id, ddr_addr, location, in memory, dense, batch 1",
          check_sessions, false },
        { "runtime-interfaces", "INTERFACE registers have an input or output", check_interfaces,
          false },
        { "runtime-rounding", "fix on the CPU has DPU_ROUND", check_cpu_ops, false },
        { NULL, NULL, NULL, false },
};
