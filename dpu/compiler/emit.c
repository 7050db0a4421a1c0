#include "dpu/compiler/emit.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "dpu/codegen/attach.h"
#include "dpu/codegen/workload.h"
#include "dpu/compiler/lower_spec.h"

#define EMIT_NAME_MAX   8192 /* bytes of a subgraph's name; op names are shorter than the half */
#define EMIT_CPU_RUNNER "libvart-cpu-runner.so"

static int emit_string_map(Graph *graph, Attrs *attrs, const char *name, const AttrPair *pairs,
                           size_t n) {
        Attr map = { .kind = ATTR_MAP_STRING_STRING, .n = n, .pairs = pairs };

        return graph_set_attr(graph, attrs, name, &map);
}

static AttrPair emit_pair(const char *key, const char *value) {
        return (AttrPair){ .key = key, .value = { .kind = ATTR_STRING, .string = value } };
}

/* both workloads, on every subgraph and the root */
static int emit_workload(Graph *graph, Attrs *attrs, const Workload *workload) {
        int r;

        r = graph_set_uint64(graph, attrs, "workload", workload->plain);
        if (r < 0)
                return r;
        return graph_set_uint64(graph, attrs, "workload_on_arch", workload->on_arch);
}

/* the library that runs a subgraph, for each mode of the vendor's runtime */
static int emit_cpu_runner(Graph *graph, Attrs *attrs) {
        const AttrPair pairs[] = {
                emit_pair("ref", EMIT_CPU_RUNNER),
                emit_pair("run", EMIT_CPU_RUNNER),
                emit_pair("sim", EMIT_CPU_RUNNER),
        };

        return emit_string_map(graph, attrs, "runner", pairs, ARRAY_SIZE(pairs));
}

static int emit_new_subgraph(Graph *graph, const Part *part, Subgraph **ret) {
        _cleanup_(bytes_cleanup) Bytes name = BYTES_INIT(EMIT_NAME_MAX);
        _cleanup_(freep) char *text = NULL;
        int r;

        r = bytes_printf(&name, "subgraph_%s", part->smallest);
        if (r < 0)
                return r;
        text = bytes_take_string(&name);
        if (!text)
                return -ENOMEM;
        return graph_add_subgraph(graph, graph->root, text, ret);
}

static int emit_ops(Graph *graph, const Partition *partition, const Part *part,
                    Subgraph *subgraph) {
        int r;

        for (size_t i = 0; i < part->n_ops; i++) {
                Op *op = graph->ops[part->ops[i]->index];
                const char *reason = partition->placements[op->index].reason;

                r = graph_assign(graph, subgraph, op);
                if (r < 0)
                        return r;
                r = graph_set_string(graph, &op->attrs, "device", device_name(part->device));
                if (r < 0)
                        return r;
                if (!reason)
                        continue;
                r = graph_set_string(graph, &op->attrs, LOWER_REASON_ATTR, reason);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int emit_program(const EmitSpec *spec, Graph *graph, const Part *part, Subgraph *subgraph,
                        Workload *workload, Problem *problem) {
        _cleanup_(codegen_cleanup) Codegen codegen = {};
        int r;

        r = codegen_run(part->ops, part->n_ops, spec->target, &codegen, problem);
        if (r < 0)
                return r;
        r = attach_run(&codegen, spec->target, graph, subgraph, problem);
        if (r == 0)
                r = attrs_uint64(&subgraph->attrs, "workload", &workload->plain);
        return r < 0 ? r : attrs_uint64(&subgraph->attrs, "workload_on_arch", &workload->on_arch);
}

static int emit_part(const EmitSpec *spec, Graph *graph, const Partition *partition,
                     const Part *part, Workload *workload, Problem *problem) {
        Subgraph *subgraph;
        int r;

        r = emit_new_subgraph(graph, part, &subgraph);
        if (r < 0)
                return r;
        if (part->device == DEVICE_DPU)
                return emit_program(spec, graph, part, subgraph, workload, problem);
        r = graph_set_string(graph, &subgraph->attrs, "device", device_name(part->device));
        if (r < 0)
                return r;
        r = emit_workload(graph, &subgraph->attrs, workload);
        if (r < 0)
                return r;
        if (part->device == DEVICE_CPU) {
                r = emit_cpu_runner(graph, &subgraph->attrs);
                if (r < 0)
                        return r;
        }
        return emit_ops(graph, partition, part, subgraph);
}

static int emit_provenance(Graph *graph, const EmitSpec *spec) {
        char md5[MD5_HEX];
        AttrPair pair;
        int r;

        md5_to_hex(&spec->source_md5, md5);
        pair = emit_pair(EMIT_SOURCE_NAME, md5);
        r = emit_string_map(graph, &graph->attrs, "files_md5sum", &pair, 1);
        if (r < 0)
                return r;
        pair = emit_pair("dpucc", spec->compiler);
        return emit_string_map(graph, &graph->attrs, "libs_info", &pair, 1);
}

int emit_run(const EmitSpec *spec, const Partition *partition, const Plan *plan, Graph *graph,
             const Part **ret_failed, Problem *problem) {
        Workload sum = {};
        int r;

        *ret_failed = NULL;
        for (size_t i = 0; i < partition->n_parts; i++) {
                Workload part = { .plain = plan->parts[i].workload };

                r = emit_part(spec, graph, partition, &partition->parts[i], &part, problem);
                if (r < 0) {
                        if (partition->parts[i].device == DEVICE_DPU)
                                *ret_failed = &partition->parts[i];
                        return r;
                }
                sum.plain += part.plain;
                sum.on_arch += part.on_arch;
        }
        r = emit_workload(graph, &graph->root->attrs, &sum);
        if (r < 0)
                return r;
        return emit_provenance(graph, spec);
}
