/*
 * Rules about the structure of a compiled file: subgraphs, names, their order, attributes.
 */

#include "tests/support/rules_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

/* --- subgraphs --------------------------------------------------------------------------------- */

static void check_root(Rules *rules) {
        const Subgraph *root = rules->spec.compiled->root;

        rules_expect(rules, strcmp(root->name, "root") == 0, root->name, "its name");
        rules_expect(rules, root->n_ops == 0, root->name, "it has ops of its own");
}

static void expect_in_leaf(Rules *rules, const Op *op) {
        rules_expect(rules, op->subgraph && op->subgraph->n_children == 0, op->name,
                     "it is in no leaf");
}

static void check_leaves(Rules *rules) {
        rules_each_op(rules, expect_in_leaf);
}

static void expect_topological(Rules *rules, const Op *op) {
        for (size_t a = 0; a < op->n_args; a++)
                for (size_t i = 0; i < op->args[a].n_ops; i++)
                        rules_expect(rules, op->args[a].ops[i]->index < op->index, op->name,
                                     "it reads %s, which comes later", op->args[a].ops[i]->name);
}

static void check_topological(Rules *rules) {
        rules_each_op(rules, expect_topological);
}

static void expect_device(Rules *rules, const Op *op) {
        const char *device = attrs_string(&op->attrs, "device");

        rules_expect(rules, device && strcmp(device, where_device(op)) == 0, op->name,
                     "device %s in a subgraph for %s", device ?: "(none)", where_device(op));
}

static void check_devices(Rules *rules) {
        rules_each_op(rules, expect_device);
}

static void expect_part_order(Rules *rules, const Op *op) {
        for (size_t a = 0; a < op->n_args; a++)
                for (size_t i = 0; i < op->args[a].n_ops; i++)
                        rules_expect(rules,
                                     rules_part_number(rules, op->args[a].ops[i]) <=
                                             rules_part_number(rules, op),
                                     op->name, "its subgraph comes before what it reads");
}

static void check_part_order(Rules *rules) {
        const Subgraph *root = rules->spec.compiled->root;

        for (size_t i = 1; i < root->n_children; i++)
                rules_expect(rules,
                             !where_runs_on(root->children[i], "USER") ||
                                     where_runs_on(root->children[i - 1], "USER"),
                             root->children[i]->name, "inputs come first");
        rules_each_op(rules, expect_part_order);
}

/* --- names ------------------------------------------------------------------------------------- */

static void expect_part_name(Rules *rules, const Subgraph *part) {
        const bool on_dpu = where_runs_on(part, "DPU");
        const char *smallest = NULL;

        for (size_t i = 0; i < rules->spec.compiled->n_ops; i++) {
                const Op *op = rules->spec.compiled->ops[i];

                if (where_is(op) == part && !(on_dpu && rules_is_border(op)) &&
                    (!smallest || strcmp(op->name, smallest) < 0))
                        smallest = op->name;
        }
        rules_expect(rules, smallest && rules_joins(part->name, "subgraph_", smallest), part->name,
                     "the smallest name in it is %s", smallest ?: "(none)");
}

static void check_part_names(Rules *rules) {
        rules_each_part(rules, expect_part_name);
}

static void expect_leaf_name(Rules *rules, const Subgraph *leaf) {
        const char *smallest = leaf->n_ops > 0 ? leaf->ops[0]->name : "";

        for (size_t i = 1; i < leaf->n_ops; i++)
                if (strcmp(leaf->ops[i]->name, smallest) < 0)
                        smallest = leaf->ops[i]->name;
        rules_expect(rules, rules_joins(leaf->name, "subgraph_", smallest), leaf->name,
                     "the smallest name in it is %s", smallest);
}

static void check_leaf_names(Rules *rules) {
        rules_each_leaf(rules, expect_leaf_name);
}

/* the number behind "_upload_", -1 if it is named otherwise */
static int upload_number(const char *name, const char *producer) {
        size_t n = strlen(producer);
        int number = -1, end = 0;

        if (strncmp(name, producer, n) != 0 || sscanf(name + n, "_upload_%d%n", &number, &end) != 1)
                return -1;
        return name[n + (size_t) end] == '\0' ? number : -1;
}

static void expect_upload_name(Rules *rules, const Op *op) {
        const Op *input = op_input(op, 0);

        if (!rules_is(op, "upload"))
                return;
        rules_expect(rules, upload_number(op->name, input->name) >= 0, op->name, "its input is %s",
                     input->name);
        rules_expect(rules,
                     upload_number(op->tensor.name, input->tensor.name) ==
                             upload_number(op->name, input->name),
                     op->name, "its tensor is %s", op->tensor.name);
}

static void check_upload_names(Rules *rules) {
        rules_each_op(rules, expect_upload_name);
}

static void expect_download_name(Rules *rules, const Op *op) {
        const Op *input = op_input(op, 0);

        if (!rules_is(op, "download"))
                return;
        rules_expect(rules, rules_joins(op->name, input->name, "_download_0"), op->name,
                     "its input is %s", input->name);
        rules_expect(rules, rules_joins(input->tensor.name, op->tensor.name, "_download_0"),
                     op->name, "its tensor is %s, that of its input %s", op->tensor.name,
                     input->tensor.name);
}

static void check_download_names(Rules *rules) {
        rules_each_op(rules, expect_download_name);
}

static const Op *only_reader(const Rules *rules, const Op *op) {
        const Op *reader = NULL;
        size_t n = 0;

        for (size_t i = op->index + 1; i < rules->spec.compiled->n_ops; i++)
                if (rules_reads(rules->spec.compiled->ops[i], op)) {
                        reader = rules->spec.compiled->ops[i];
                        n++;
                }
        return n == 1 ? reader : NULL;
}

static void expect_fix2float(Rules *rules, const Op *op) {
        static const char *const copied[] = { "fix_point", "bit_width", "round_mode", "if_signed" };
        const Op *input = op_input(op, 0), *reader = only_reader(rules, op);
        char name[1024];

        if (!rules_is(op, "fix2float"))
                return;
        (void) snprintf(name, sizeof(name), "%s_%s", input->tensor.name,
                        reader ? reader->name : "");
        rules_expect(rules, strcmp(name, op->name) == 0, op->name, "it should be %s", name);
        rules_expect(rules, strcmp(op->tensor.name, op->name) == 0, op->name, "its tensor is %s",
                     op->tensor.name);
        rules_expect(rules, op->tensor.attrs.n == 0, op->name, "its tensor has attributes");
        for (size_t i = 0; i < ARRAY_SIZE(copied); i++) {
                const Attr *a = attrs_find(&op->attrs, copied[i]);
                const Attr *b = attrs_find(&input->tensor.attrs, copied[i]);

                rules_expect(rules, a && b && attr_equal(a, b), op->name, "its %s", copied[i]);
        }
}

static void check_fix2float(Rules *rules) {
        rules_each_op(rules, expect_fix2float);
}

/* --- what is in a leaf ------------------------------------------------------------------------- */

static bool is_pair(const Op *first, const Op *second) {
        static const char *const types[] = { "depthwise-conv2d-fix", "pool-fix", "eltwise-fix",
                                             "tile-fix" };

        if (!rules_is(first, "conv2d-fix") || !rules_reads(second, first))
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (rules_is(second, types[i]))
                        return true;
        return false;
}

/* One op that is no constant, or a convolution and what is computed with it. */
static void expect_leaf_content(Rules *rules, const Subgraph *leaf) {
        const Op *ops[2] = { NULL };
        size_t n = 0;

        for (size_t i = 0; i < leaf->n_ops; i++)
                if (!rules_is_const(leaf->ops[i]) && n++ < ARRAY_SIZE(ops))
                        ops[n - 1] = leaf->ops[i];
        rules_expect(rules, n == 1 || (n == 2 && is_pair(ops[0], ops[1])), leaf->name,
                     "%zu ops that are no constants", n);
}

static void check_leaf_content(Rules *rules) {
        rules_each_leaf(rules, expect_leaf_content);
}

/* weights, bias, op; a constant input before its reader */
static void expect_leaf_order(Rules *rules, const Subgraph *leaf) {
        for (size_t i = 0; i < leaf->n_ops; i++) {
                const Op *op = leaf->ops[i], *weights = rules_arg(op, "weights");
                const Op *bias = rules_arg(op, "bias");

                for (size_t k = i + 1; k < leaf->n_ops; k++)
                        rules_expect(rules, !rules_reads(op, leaf->ops[k]), op->name,
                                     "%s, which it reads, comes later", leaf->ops[k]->name);
                for (size_t k = 0; weights && bias && k + 1 < i; k++)
                        rules_expect(rules, leaf->ops[k] != bias || leaf->ops[k + 1] != weights,
                                     op->name, "the bias comes before the weights");
        }
}

static void check_leaf_order(Rules *rules) {
        rules_each_leaf(rules, expect_leaf_order);
}

static void expect_leaf_sequence(Rules *rules, const Subgraph *part) {
        bool computed = false;

        for (size_t i = 0; i < part->n_children; i++) {
                const Subgraph *leaf = part->children[i];
                const Op *op = leaf->n_ops > 0 ? leaf->ops[leaf->n_ops - 1] : NULL;

                if (rules_is(op, "upload")) {
                        rules_expect(rules, !computed, leaf->name, "uploads come first");
                        continue;
                }
                computed = true;
                if (rules_is(op, "download") && i > 0) {
                        const Subgraph *of = op_input(op, 0)->subgraph;

                        rules_expect(rules, part->children[i - 1] == of, leaf->name,
                                     "it should stand behind %s", of->name);
                }
        }
}

static void check_leaf_sequence(Rules *rules) {
        rules_each_dpu_part(rules, expect_leaf_sequence);
}

static void expect_children_sorted(Rules *rules, const Subgraph *part) {
        const Attr *sorted = attrs_find(&part->attrs, "children_topological_sort");
        size_t n = 0;

        for (size_t i = 0; i < part->n_children; i++) {
                const Subgraph *leaf = part->children[i];

                if (leaf->n_ops == 0 || rules_is_border(leaf->ops[leaf->n_ops - 1]))
                        continue;
                rules_expect(rules,
                             sorted && sorted->kind == ATTR_STRING_VEC && n < sorted->n &&
                                     strcmp(sorted->strings[n], leaf->name) == 0,
                             leaf->name, "it should be number %zu in children_topological_sort", n);
                n++;
        }
        rules_expect(rules, sorted && sorted->n == n, part->name,
                     "children_topological_sort has others");
}

static void check_children_sorted(Rules *rules) {
        rules_each_dpu_part(rules, expect_children_sorted);
}

/* A convolution with a depthwise convolution or pooling behind it, or an addition whose other
 * readers do not matter, is computed with it. */
static void expect_pair(Rules *rules, const Op *op) {
        const Op *reader = only_reader(rules, op);
        bool add = reader && rules_is(reader, "eltwise-fix") &&
                   attrs_string(&reader->attrs, "type") &&
                   strcmp(attrs_string(&reader->attrs, "type"), "ADD") == 0;

        if (!rules_is(op, "conv2d-fix") || !reader || where_is(reader) != where_is(op))
                return;
        if (rules_is(reader, "depthwise-conv2d-fix") || rules_is(reader, "pool-fix"))
                rules_expect(rules, reader->subgraph == op->subgraph, op->name,
                             "%s (%s) is not with it", reader->name, reader->type);
        else if (add)
                for (size_t i = 0; op_input(reader, i); i++)
                        if (op_input(reader, i)->subgraph == reader->subgraph)
                                return rules_expect(rules, true, op->name, "it is with it");
        if (add)
                rules_expect(rules, false, op->name, "%s (%s) is with none", reader->name,
                             reader->type);
}

static void check_pairs(Rules *rules) {
        rules_each_dpu_op(rules, expect_pair);
}

/* --- attributes -------------------------------------------------------------------------------- */

typedef struct Expected {
        const char *name;
        AttrKind kind;
        bool optional;
} Expected;

/* the optional ones in release 3.5 */
static const Expected of_root[] = { { "workload", ATTR_UINT64, false },
                                    { "workload_on_arch", ATTR_UINT64, false },
                                    { "aie_tile_fusion_type", ATTR_STRING_VEC, true },
                                    { "concat_skip_code_gen", ATTR_BOOL, true },
                                    { "enable_mt_fusion", ATTR_BOOL, true },
                                    { "fusion", ATTR_BOOL, true },
                                    { "hd_opt", ATTR_BOOL, true },
                                    { "inspector", ATTR_BOOL, true },
                                    { "preassign", ATTR_BOOL, true },
                                    { "prefetch", ATTR_BOOL, true },
                                    { "profile", ATTR_BOOL, true },
                                    { "reserve_const_data", ATTR_BOOL, true },
                                    { NULL, ATTR_NONE, false } };

static const Expected of_user[] = { { "device", ATTR_STRING, false },
                                    { "workload", ATTR_UINT64, false },
                                    { "workload_on_arch", ATTR_UINT64, false },
                                    { NULL, ATTR_NONE, false } };

static const Expected of_cpu[] = { { "device", ATTR_STRING, false },
                                   { "workload", ATTR_UINT64, false },
                                   { "workload_on_arch", ATTR_UINT64, false },
                                   { "runner", ATTR_MAP_STRING_STRING, false },
                                   { NULL, ATTR_NONE, false } };

static const Expected of_dpu[] = { { "device", ATTR_STRING, false },
                                   { "dpu_name", ATTR_STRING, false },
                                   { "dpu_fingerprint", ATTR_UINT64, false },
                                   { "mc_code", ATTR_BYTES, false },
                                   { "mc_code_preload", ATTR_BYTES, false },
                                   { "workload", ATTR_UINT64, false },
                                   { "workload_on_arch", ATTR_UINT64, false },
                                   { "debug_mode", ATTR_STRING, false },
                                   { "if_prefetch", ATTR_BOOL, false },
                                   { "children_topological_sort", ATTR_STRING_VEC, false },
                                   { "runner", ATTR_MAP_STRING_STRING, false },
                                   { "reg_id_to_context_type", ATTR_MAP_STRING_STRING, false },
                                   { "reg_id_to_context_type_v2", ATTR_MAP_STRING_STRING, false },
                                   { "reg_id_to_hw_segment", ATTR_MAP_STRING_STRING, false },
                                   { "reg_id_to_size", ATTR_MAP_STRING_INT32, false },
                                   { "reg_id_to_parameter_value", ATTR_MAP_STRING_BYTES, true },
                                   { NULL, ATTR_NONE, false } };

static const Expected of_leaf[] = { { "workload", ATTR_UINT64, false },
                                    { "workload_on_arch", ATTR_UINT64, false },
                                    { "skip_code_gen", ATTR_BOOL, true },
                                    { NULL, ATTR_NONE, false } };

static const Expected *find_expected(const Expected *list, const char *name) {
        while (list->name && strcmp(list->name, name) != 0)
                list++;
        return list->name ? list : NULL;
}

static void expect_attrs(Rules *rules, const Subgraph *subgraph, const Expected *list) {
        for (const Expected *e = list; e->name; e++) {
                const Attr *attr = attrs_find(&subgraph->attrs, e->name);

                rules_expect(rules, attr || e->optional, subgraph->name, "no attribute %s",
                             e->name);
                rules_expect(rules, !attr || attr->kind == e->kind, subgraph->name,
                             "%s has another type", e->name);
        }
        for (size_t i = 0; i < subgraph->attrs.n; i++)
                rules_expect(rules, find_expected(list, subgraph->attrs.items[i].name) != NULL,
                             subgraph->name, "%s is not in the vendor's files",
                             subgraph->attrs.items[i].name);
}

static void expect_attrs_of(Rules *rules, const Subgraph *part) {
        expect_attrs(rules, part,
                     where_runs_on(part, "DPU")   ? of_dpu
                     : where_runs_on(part, "CPU") ? of_cpu
                                                  : of_user);
}

static void expect_attrs_of_leaf(Rules *rules, const Subgraph *leaf) {
        expect_attrs(rules, leaf, of_leaf);
}

static void check_attrs(Rules *rules) {
        expect_attrs(rules, rules->spec.compiled->root, of_root);
        rules_each_part(rules, expect_attrs_of);
        rules_each_leaf(rules, expect_attrs_of_leaf);
}

static bool has_pair(const Attr *map, const char *key, const char *value) {
        const Attr *found = map ? attr_map_find(map, key) : NULL;

        return found && strcmp(found->string, value) == 0;
}

static void expect_values(Rules *rules, const Subgraph *part) {
        const Attr *runner = attrs_find(&part->attrs, "runner");
        const char *cpu = "libvart-cpu-runner.so", *name = attrs_string(&part->attrs, "dpu_name");
        const bool on_dpu = where_runs_on(part, "DPU");
        uint64_t fingerprint = 0;

        if (where_runs_on(part, "USER"))
                return;
        rules_expect(rules, has_pair(runner, "ref", cpu), part->name, "runner ref");
        rules_expect(rules, has_pair(runner, "sim", on_dpu ? "libvart-sim-runner.so" : cpu),
                     part->name, "runner sim");
        rules_expect(rules, has_pair(runner, "run", on_dpu ? "libvart-dpu-runner.so" : cpu),
                     part->name, "runner run");
        if (!on_dpu)
                return;
        (void) attrs_uint64(&part->attrs, "dpu_fingerprint", &fingerprint);
        rules_expect(rules, fingerprint == rules->spec.target->fingerprint, part->name,
                     "its fingerprint");
        rules_expect(rules, name && fingerprint_has_name(fingerprint, name), part->name,
                     "dpu_name %s", name ?: "(none)");
        rules_expect(rules,
                     attrs_find(&part->attrs, "mc_code_preload") &&
                             attrs_find(&part->attrs, "mc_code_preload")->bytes.size == 0,
                     part->name, "mc_code_preload is not empty");
}

static void check_values(Rules *rules) {
        rules_each_part(rules, expect_values);
}

/* --- workloads: what each layer counts as, by the target's parallelism ------------------------- */

static uint64_t up(uint64_t value, uint64_t to) {
        return (value + to - 1) / to * to;
}

typedef struct Load {
        uint64_t plain, on_arch;
} Load;

/* @rows: of which the engine does how many at a time; @each: for a pixel and channel, with @of
 * input channels each */
static Load load_of(const Rules *rules, const Op *op, uint64_t rows, uint64_t kernel, uint64_t of) {
        const uint64_t cp = rules->spec.target->input_channels;
        const uint64_t w = (uint64_t) op->tensor.dims[2], c = (uint64_t) op->tensor.dims[3];
        const uint64_t h = (uint64_t) op->tensor.dims[1], bias = rules_arg(op, "bias") != NULL;

        return (Load){ h * w * c * (kernel * of + bias),
                       rows * w * up(c, cp) * (kernel * (of > 1 ? up(of, cp) : 1) + bias) };
}

static bool find_window(const Op *op, int32_t kernel[2], int32_t stride[2]) {
        kernel[0] = kernel[1] = stride[0] = stride[1] = 1;
        (void) rules_int32s(&op->attrs, "kernel", 2, kernel);
        (void) rules_int32s(&op->attrs, "stride", 2, stride);
        return op->tensor.n_dims == 4 && stride[0] > 0 && stride[1] > 0;
}

static Load load_of_conv(const Rules *rules, const Op *op, const int32_t *kernel) {
        const uint64_t cp = rules->spec.target->input_channels;
        const uint64_t in = (uint64_t) op_input(op, 0)->tensor.dims[3];
        const uint64_t rows = up((uint64_t) op->tensor.dims[1], rules->spec.target->pixels);
        const uint64_t height = (uint64_t) kernel[1], area = height * (uint64_t) kernel[0];
        const uint64_t bias = rules_arg(op, "bias") != NULL;
        const uint64_t products =
                attrs_find(&op->attrs, "channel_augmentation") ? height * cp : area * up(in, cp);
        Load load = load_of(rules, op, rows, 2 * area, in);

        load.on_arch = rows * (uint64_t) op->tensor.dims[2] *
                       up((uint64_t) op->tensor.dims[3], cp) * (2 * products + bias);
        return load;
}

static Load load_of_transposed(const Rules *rules, const Op *op, const int32_t *kernel,
                               const int32_t *stride) {
        const uint64_t sw = (uint64_t) stride[0], sh = (uint64_t) stride[1];
        const uint64_t area =
                up((uint64_t) kernel[0], sw) / sw * (up((uint64_t) kernel[1], sh) / sh);
        const uint64_t rows =
                sh * up(up((uint64_t) op->tensor.dims[1], sh) / sh, rules->spec.target->pixels);
        const uint64_t cp = rules->spec.target->input_channels;
        const uint64_t in = (uint64_t) op_input(op, 0)->tensor.dims[3];
        Load load = load_of(rules, op, rows, 2 * area, in);

        load.on_arch = rows * (uint64_t) op->tensor.dims[2] *
                       up((uint64_t) op->tensor.dims[3], cp) *
                       (2 * area * up(in, cp) + (rules_arg(op, "bias") != NULL));
        return load;
}

static bool find_load(const Rules *rules, const Op *op, Load *ret) {
        const char *type = attrs_string(&op->attrs, "type");
        int32_t kernel[2], stride[2];
        uint64_t rows, area;

        if (!find_window(op, kernel, stride))
                return false;
        area = (uint64_t) kernel[0] * (uint64_t) kernel[1];
        rows = up((uint64_t) op->tensor.dims[1], rules->spec.target->alu_pixels);
        if (rules_is(op, "conv2d-fix"))
                *ret = load_of_conv(rules, op, kernel);
        else if (rules_is(op, "transposed-conv2d-fix"))
                *ret = load_of_transposed(rules, op, kernel, stride);
        else if (rules_is(op, "depthwise-conv2d-fix"))
                *ret = load_of(rules, op, rows, 2 * area, 1);
        else if (rules_is(op, "pool-fix"))
                *ret = load_of(rules, op, rows, (type && type[0] == 'A' ? 2 : 1) * area, 1);
        else if (rules_is(op, "eltwise-fix"))
                *ret = load_of(rules, op, rows, op_arg(op, "input")->n_ops, 1);
        else
                return false;
        return true;
}

static void expect_load(Rules *rules, const Op *op) {
        uint64_t plain = 0, on_arch = 0;
        Load load;

        if (!find_load(rules, op, &load)) {
                rules_expect(rules, !attrs_find(&op->attrs, "workload"), op->name,
                             "%s has no workload", op->type);
                return;
        }
        rules_expect(rules,
                     rules_has_kind(&op->attrs, "workload", ATTR_UINT64) &&
                             rules_has_kind(&op->attrs, "workload_on_arch", ATTR_UINT64),
                     op->name, "its workloads are no uint64");
        (void) attrs_uint64(&op->attrs, "workload", &plain);
        (void) attrs_uint64(&op->attrs, "workload_on_arch", &on_arch);
        rules_expect(rules, plain == load.plain && on_arch == load.on_arch, op->name,
                     "workload %" PRIu64 ", %" PRIu64 " instead of %" PRIu64 ", %" PRIu64, plain,
                     on_arch, load.plain, load.on_arch);
}

static void check_loads(Rules *rules) {
        rules_each_dpu_op(rules, expect_load);
}

static void expect_sum(Rules *rules, const Subgraph *subgraph, const char *name) {
        uint64_t sum = 0, found = 0;

        for (size_t i = 0; i < subgraph->n_children; i++) {
                uint64_t part = 0;

                (void) attrs_uint64(&subgraph->children[i]->attrs, name, &part);
                sum += part;
        }
        for (size_t i = 0; i < subgraph->n_ops && subgraph->depth > 1; i++) {
                uint64_t part = 0;

                (void) attrs_uint64(&subgraph->ops[i]->attrs, name, &part);
                sum += part;
        }
        (void) attrs_uint64(&subgraph->attrs, name, &found);
        rules_expect(rules, found == sum, subgraph->name, "%s is %" PRIu64 ", the sum %" PRIu64,
                     name, found, sum);
}

static void expect_sums(Rules *rules, const Subgraph *subgraph) {
        expect_sum(rules, subgraph, "workload");
        expect_sum(rules, subgraph, "workload_on_arch");
}

static void check_sums(Rules *rules) {
        expect_sums(rules, rules->spec.compiled->root);
        rules_each_dpu_part(rules, expect_sums);
        rules_each_leaf(rules, expect_sums);
}

const Rule rules_of_files[] = {
        { "root", "the root is called root and has no ops of its own", check_root, false },
        { "leaves", "every op is in a leaf", check_leaves, false },
        { "topological", "ops stand behind what they read", check_topological, false },
        { "devices", "every op has the device of its subgraph below the root", check_devices,
          false },
        { "part-order", "below the root inputs come first, everything else behind what it reads",
          check_part_order, false },
        { "part-names",
          "below the root: subgraph_ and the smallest op name, borders of the DPU left out",
          check_part_names, false },
        { "leaf-names", "further below: subgraph_ and the smallest op name", check_leaf_names,
          false },
        { "upload-names", "upload and its tensor: those of what it reads and _upload_N",
          check_upload_names, false },
        { "download-names", "download: its input's name and _download_0; it has the public tensor",
          check_download_names, false },
        { "fix2float", "its name is its input's tensor, _, its reader; its grid the tensor's",
          check_fix2float, false },
        { "leaf-content", "one op, or a conv2d with depthwise, pool, eltwise or tile",
          check_leaf_content, false },
        { "leaf-order", "in a leaf: weights, bias, op; constant inputs before their reader",
          check_leaf_order, false },
        { "leaf-sequence", "uploads first; a download right behind what it downloads",
          check_leaf_sequence, false },
        { "children-sorted", "children_topological_sort: leaves in order, without borders",
          check_children_sorted, false },
        { "pairs", "conv2d with its only reader, if that is depthwise, pool or add", check_pairs,
          false },
        { "attributes", "those of root, USER, CPU, DPU and leaves, with their types, and no others",
          check_attrs, false },
        { "values", "runner, dpu_name, dpu_fingerprint, mc_code_preload", check_values, false },
        { "workload", "of a layer: by its shape and the target's parallelism", check_loads, false },
        { "workload-sums", "of a leaf, a part, the root: the sum of what is in it", check_sums,
          false },
        { NULL, NULL, NULL, false },
};
