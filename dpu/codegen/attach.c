#include "dpu/codegen/attach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/codegen/workload.h"

#define ATTACH_NAME_MAX 8192

typedef struct Attach {
        const Codegen *codegen;
        const FingerprintInfo *target;
        Graph *graph;
        Subgraph *subgraph;
        bool *listed;             /* owned; by step: in a leaf already */
        const char **topological; /* owned; names of the leaves with layers */
        size_t n_topological;
        Workload sum;
} Attach;

static void attach_deinit(Attach *attach) {
        free(attach->listed);
        free(attach->topological);
}

static bool attach_is(const Op *op, const char *type) {
        return strcmp(op->type, type) == 0;
}

static Op *attach_op(const Attach *attach, size_t step) {
        return attach->graph->ops[attach->codegen->region.ops[step]->index];
}

/* --- tensors and ops ------------------------------------------------------------------------- */

/* distances of neighbours in each dimension, as the runtime counts them: elements */
static int attach_strides(const Attach *attach, Op *op, const View *view) {
        int32_t strides[16] = { 1 };
        uint64_t stride = 1;
        size_t n = op->tensor.n_dims;

        if (n > ARRAY_SIZE(strides))
                return -EINVAL;
        for (size_t i = n; i-- > 0;) {
                strides[i] = (int32_t) stride;
                /* from the pixels on, the image may be part of a larger one */
                stride = i == n - 1 ? view->pixel_pitch : stride * (uint64_t) op->tensor.dims[i];
        }
        return graph_set_int32s(attach->graph, &op->tensor.attrs, "stride", strides, n);
}

static int attach_tensor(const Attach *attach, size_t step) {
        const RegionTensor *t = &attach->codegen->region.tensors[step];
        Op *op = attach_op(attach, step);
        Attrs *attrs = &op->tensor.attrs;
        int r;

        if (attach_is(op, "download"))
                return 0; /* its input has the place */
        r = graph_set_int32(attach->graph, attrs, "reg_id", (int32_t) t->view.reg_id);
        if (r == 0)
                r = graph_set_int32(attach->graph, attrs, "ddr_addr", (int32_t) t->view.address);
        if (r == 0)
                r = graph_set_int32(attach->graph, attrs, "location", 1);
        if (r < 0)
                return r;
        if (t->constant)
                return graph_set_bytes(attach->graph, &op->attrs, "data", slice_of("", 0));
        return attach_strides(attach, op, &t->view);
}

static int attach_workload(const Attach *attach, Attrs *attrs, const Workload *workload) {
        int r = graph_set_uint64(attach->graph, attrs, "workload", workload->plain);

        if (r < 0)
                return r;
        return graph_set_uint64(attach->graph, attrs, "workload_on_arch", workload->on_arch);
}

/* --- leaves ---------------------------------------------------------------------------------- */

static int attach_list(const Attach *attach, Subgraph *leaf, size_t step) {
        Op *op = attach_op(attach, step);
        int r;

        if (attach->listed[step])
                return 0;
        attach->listed[step] = true;
        r = graph_assign(attach->graph, leaf, op);
        if (r < 0)
                return r;
        r = graph_set_string(attach->graph, &op->attrs, "device", "DPU");
        return r < 0 ? r : attach_tensor(attach, step);
}

/* the constants that nobody before it has read */
static int attach_list_constants(const Attach *attach, Subgraph *leaf, const Op *op) {
        const Region *region = &attach->codegen->region;

        for (size_t a = 0; a < op->n_args; a++)
                for (size_t i = 0; i < op->args[a].n_ops; i++) {
                        const RegionTensor *t = region_tensor(region, op->args[a].ops[i]);
                        int r;

                        if (!t || !t->constant)
                                continue;
                        r = attach_list(attach, leaf, (size_t) (t - region->tensors));
                        if (r < 0)
                                return r;
                }
        return 0;
}

static const char *attach_smallest(const Attach *attach, const Op *op) {
        const Region *region = &attach->codegen->region;
        const char *smallest = op->name;

        for (size_t a = 0; a < op->n_args; a++)
                for (size_t i = 0; i < op->args[a].n_ops; i++) {
                        const RegionTensor *t = region_tensor(region, op->args[a].ops[i]);

                        if (t && t->constant && !attach->listed[t - region->tensors] &&
                            strcmp(t->op->name, smallest) < 0)
                                smallest = t->op->name;
                }
        return smallest;
}

static int attach_leaf_name(const Attach *attach, const Op *op, char **ret) {
        _cleanup_(bytes_cleanup) Bytes name = BYTES_INIT(ATTACH_NAME_MAX);
        int r = bytes_printf(&name, "subgraph_%s", attach_smallest(attach, op));

        if (r < 0)
                return r;
        *ret = bytes_take_string(&name);
        return *ret ? 0 : -ENOMEM;
}

/* the layer has no code of its own: its bytes are where they belong */
static bool attach_is_skipped(const Attach *attach, size_t step) {
        const Region *region = &attach->codegen->region;

        return !attach_is(region->ops[step], "download") && region_is_silent(region, step);
}

static int attach_op_workload(const Attach *attach, Op *op, Workload *ret) {
        int r = 0;

        if (!workload_of(op, attach->target, ret))
                return 0;
        if (workload_is_augmented(op, attach->target))
                r = graph_set_int32(attach->graph, &op->attrs, "channel_augmentation", 1);
        return r < 0 ? r : attach_workload(attach, &op->attrs, ret);
}

static int attach_leaf(Attach *attach, size_t step) {
        _cleanup_(freep) char *name = NULL;
        Op *op = attach_op(attach, step);
        Workload workload = {};
        Subgraph *leaf;
        int r;

        r = attach_leaf_name(attach, op, &name);
        if (r == 0)
                r = graph_add_subgraph(attach->graph, attach->subgraph, name, &leaf);
        if (r == 0)
                r = attach_list_constants(attach, leaf, op);
        if (r == 0)
                r = attach_list(attach, leaf, step);
        if (r < 0)
                return r;
        if (!region_is_border(op)) {
                attach->topological[attach->n_topological++] = leaf->name;
                r = attach_op_workload(attach, op, &workload);
                if (r < 0)
                        return r;
        }
        attach->sum.plain += workload.plain;
        attach->sum.on_arch += workload.on_arch;
        r = attach_workload(attach, &leaf->attrs, &workload);
        if (r == 0 && attach_is_skipped(attach, step))
                r = graph_set_bool(attach->graph, &leaf->attrs, "skip_code_gen", true);
        return r;
}

/* inputs first, then everything else in the order of the graph */
static int attach_leaves(Attach *attach) {
        const Region *region = &attach->codegen->region;

        for (size_t i = 0; i < 2 * region->n; i++) {
                const RegionTensor *t = &region->tensors[i % region->n];
                int r;

                if (t->constant || t->input != (i < region->n))
                        continue;
                r = attach_leaf(attach, i % region->n);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- registers ------------------------------------------------------------------------------- */

static const struct {
        const char *name, *type, *type_v2, *segment;
} attach_registers[PLACES_REGISTERS] = {
        [PLACES_CONSTANTS] = { "REG_0", "CONST", "CONST", "W0" },
        [PLACES_WORKSPACE] = { "REG_1", "DATA", "WORKSPACE", "D0" },
        [PLACES_INPUTS] = { "REG_2", "DATA", "INTERFACE", "D0" },
        [PLACES_OUTPUTS] = { "REG_3", "DATA", "INTERFACE", "D0" },
};

static AttrPair attach_string_pair(const char *key, const char *value) {
        return (AttrPair){ .key = key, .value = { .kind = ATTR_STRING, .string = value } };
}

static int attach_map(const Attach *attach, const char *name, AttrKind kind, const AttrPair *pairs,
                      size_t n) {
        const Attr map = { .kind = kind, .n = n, .pairs = pairs };

        return graph_set_attr(attach->graph, &attach->subgraph->attrs, name, &map);
}

static int attach_register_maps(const Attach *attach) {
        const Places *places = &attach->codegen->places;
        AttrPair sizes[PLACES_REGISTERS], types[PLACES_REGISTERS], types_v2[PLACES_REGISTERS],
                segments[PLACES_REGISTERS];
        size_t n = 0;
        int r;

        for (unsigned i = 0; i < PLACES_REGISTERS; i++) {
                const char *name = attach_registers[i].name;

                if (places->sizes[i] == 0)
                        continue;
                sizes[n] = (AttrPair){ .key = name,
                                       .value = { .kind = ATTR_INT32,
                                                  .int32 = (int32_t) places->sizes[i] } };
                types[n] = attach_string_pair(name, attach_registers[i].type);
                types_v2[n] = attach_string_pair(name, attach_registers[i].type_v2);
                segments[n++] = attach_string_pair(name, attach_registers[i].segment);
        }
        r = attach_map(attach, "reg_id_to_size", ATTR_MAP_STRING_INT32, sizes, n);
        if (r == 0)
                r = attach_map(attach, "reg_id_to_context_type", ATTR_MAP_STRING_STRING, types, n);
        if (r == 0)
                r = attach_map(attach, "reg_id_to_context_type_v2", ATTR_MAP_STRING_STRING,
                               types_v2, n);
        if (r == 0)
                r = attach_map(attach, "reg_id_to_hw_segment", ATTR_MAP_STRING_STRING, segments, n);
        return r;
}

static int attach_parameters(const Attach *attach) {
        const AttrPair pair = {
                .key = attach_registers[PLACES_CONSTANTS].name,
                .value = { .kind = ATTR_BYTES,
                           .bytes = bytes_slice(&attach->codegen->places.constants) },
        };

        if (pair.value.bytes.size == 0)
                return 0;
        return attach_map(attach, "reg_id_to_parameter_value", ATTR_MAP_STRING_BYTES, &pair, 1);
}

/* --- the subgraph ---------------------------------------------------------------------------- */

static int attach_names(const Attach *attach) {
        const AttrPair runner[] = {
                attach_string_pair("ref", "libvart-cpu-runner.so"),
                attach_string_pair("run", "libvart-dpu-runner.so"),
                attach_string_pair("sim", "libvart-sim-runner.so"),
        };
        Graph *graph = attach->graph;
        Attrs *attrs = &attach->subgraph->attrs;
        int r;

        r = attach_map(attach, "runner", ATTR_MAP_STRING_STRING, runner, ARRAY_SIZE(runner));
        if (r == 0)
                r = graph_set_string(graph, attrs, "device", "DPU");
        if (r == 0)
                r = graph_set_string(graph, attrs, "dpu_name", attach->target->name);
        if (r == 0)
                r = graph_set_uint64(graph, attrs, "dpu_fingerprint", attach->target->fingerprint);
        if (r == 0)
                r = graph_set_string(graph, attrs, "debug_mode", "null");
        if (r == 0)
                r = graph_set_bool(graph, attrs, "if_prefetch", false);
        return r;
}

static int attach_code(const Attach *attach) {
        Graph *graph = attach->graph;
        Attrs *attrs = &attach->subgraph->attrs;
        int r;

        r = graph_set_bytes(graph, attrs, "mc_code", bytes_slice(&attach->codegen->code));
        if (r == 0)
                r = graph_set_bytes(graph, attrs, "mc_code_preload", slice_of("", 0));
        if (r == 0)
                r = graph_set_strings(graph, attrs, "children_topological_sort",
                                      attach->topological, attach->n_topological);
        if (r == 0)
                r = attach_workload(attach, attrs, &attach->sum);
        if (r == 0)
                r = attach_register_maps(attach);
        return r < 0 ? r : attach_parameters(attach);
}

int attach_run(const Codegen *codegen, const FingerprintInfo *target, Graph *graph,
               Subgraph *subgraph, Problem *problem) {
        _cleanup_(attach_deinit) Attach attach = {
                .codegen = codegen, .target = target, .graph = graph, .subgraph = subgraph
        };
        int r;

        if (subgraph->n_ops > 0 || subgraph->n_children > 0)
                return problem_set(problem, -EINVAL, "%s is not empty", subgraph->name);
        attach.listed = calloc(codegen->region.n + 1, sizeof(*attach.listed));
        attach.topological = calloc(codegen->region.n + 1, sizeof(*attach.topological));
        if (!attach.listed || !attach.topological)
                return -ENOMEM;
        r = attach_leaves(&attach);
        if (r == 0)
                r = attach_names(&attach);
        return r < 0 ? r : attach_code(&attach);
}
