#include "dpu/model_report.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/ports.h"
#include "dpu/reasons.h"
#include "dpu/runtime_op.h"
#include "dpu/where.h"
#include "xmodel/fingerprint.h"

void model_report_string_map(const Attrs *attrs, const char *name, JsonWriter *w, const char *key) {
        const Attr *attr = attrs_find(attrs, name);

        json_writer_object(w, key);
        if (attr && attr->kind == ATTR_MAP_STRING_STRING)
                for (size_t i = 0; i < attr->n; i++)
                        json_writer_string(w, attr->pairs[i].key, attr->pairs[i].value.string);
        json_writer_end(w);
}

static void model_report_target(uint64_t fingerprint, JsonWriter *w) {
        FingerprintInfo info;

        if (fingerprint == 0 || fingerprint_decode(fingerprint, &info, NULL) < 0) {
                json_writer_null(w, "target");
                return;
        }
        json_writer_object(w, "target");
        json_writer_string(w, "name", info.name);
        json_writer_format(w, "fingerprint", "0x%016" PRIx64, fingerprint);
        json_writer_end(w);
}

static void model_report_workload(const Attrs *attrs, JsonWriter *w) {
        uint64_t workload;

        if (attrs_uint64(attrs, "workload", &workload) == 0)
                json_writer_uint64(w, "workload", workload);
        else
                json_writer_null(w, "workload");
}

uint64_t model_report_parameter_bytes(const Attrs *attrs) {
        const Attr *attr = attrs_find(attrs, "reg_id_to_parameter_value");
        uint64_t sum = 0;

        if (attr && attr->kind == ATTR_MAP_STRING_BYTES)
                for (size_t i = 0; i < attr->n; i++)
                        sum += attr->pairs[i].value.bytes.size;
        return sum;
}

static void model_report_dpu(const Attrs *attrs, JsonWriter *w) {
        const Attr *code = attrs_find(attrs, "mc_code");
        uint64_t fingerprint;

        json_writer_string(w, "dpu_name", attrs_string(attrs, "dpu_name"));
        if (attrs_uint64(attrs, "dpu_fingerprint", &fingerprint) == 0)
                json_writer_format(w, "fingerprint", "0x%016" PRIx64, fingerprint);
        else
                json_writer_null(w, "fingerprint");
        json_writer_uint64(w, "code_bytes",
                           code && code->kind == ATTR_BYTES ? code->bytes.size : 0);
        json_writer_uint64(w, "parameter_bytes", model_report_parameter_bytes(attrs));
}

static size_t model_report_subgraphs(const Graph *graph, JsonWriter *w) {
        size_t n_dpu = 0;

        json_writer_array(w, "subgraphs");
        for (size_t i = 0; i < graph->root->n_children; i++) {
                const Subgraph *subgraph = graph->root->children[i];
                bool dpu = where_runs_on(subgraph, "DPU");

                json_writer_object(w, NULL);
                json_writer_string(w, "name", subgraph->name);
                json_writer_string(w, "device", attrs_string(&subgraph->attrs, "device"));
                json_writer_uint64(w, "ops", where_count_ops(subgraph));
                model_report_workload(&subgraph->attrs, w);
                if (dpu)
                        model_report_dpu(&subgraph->attrs, w);
                json_writer_end(w);
                n_dpu += dpu;
        }
        json_writer_end(w);
        return n_dpu;
}

static void model_report_off_dpu(const Op *op, const Reason *reason, JsonWriter *w) {
        Problem why = { "" };
        bool implemented = runtime_op_is_implemented(op, &why);

        json_writer_object(w, NULL);
        json_writer_string(w, "op", op->name);
        json_writer_string(w, "type", op->type);
        json_writer_string(w, "source_op", reason->source ? reason->source->name : NULL);
        json_writer_string(w, "source_type", reason->source ? reason->source->type : NULL);
        json_writer_string(w, "reason", reason->text);
        json_writer_string(w, "reason_from", reason->from);
        ports_write_op(op, w, "output");
        json_writer_bool(w, "runtime", implemented);
        json_writer_string(w, "runtime_problem", implemented ? NULL : why.text);
        json_writer_end(w);
}

static void model_report_layers(const Graph *graph, const Reasons *reasons, JsonWriter *w) {
        json_writer_array(w, "off_dpu");
        for (size_t i = 0; i < graph->n_ops; i++)
                if (reasons_is_off_dpu(graph->ops[i]))
                        model_report_off_dpu(graph->ops[i], &reasons->items[i], w);
        json_writer_end(w);
}

/* @leave_out may be NULL */
static void model_report_log_ops(const CompilerLogOps *ops, const bool *leave_out, JsonWriter *w,
                                 const char *key) {
        json_writer_array(w, key);
        for (size_t i = 0; i < ops->n; i++) {
                if (leave_out && leave_out[i])
                        continue;
                json_writer_object(w, NULL);
                json_writer_string(w, "op", ops->items[i].name);
                json_writer_string(w, "type", ops->items[i].type);
                json_writer_string(w, "reason", ops->items[i].reason);
                json_writer_end(w);
        }
        json_writer_end(w);
}

static void model_report_log(const CompilerLogFacts *log, const Reasons *reasons, JsonWriter *w) {
        if (!log) {
                json_writer_null(w, "log");
                return;
        }
        json_writer_object(w, "log");
        json_writer_string(w, "target", log->target);
        json_writer_string(w, "graph", log->graph);
        json_writer_string(w, "md5", log->md5);
        model_report_log_ops(&log->cpu, reasons->used, w, "unmatched");
        model_report_log_ops(&log->removed, NULL, w, "removed");
        model_report_log_ops(&log->custom, NULL, w, "custom");
        json_writer_end(w);
}

uint64_t model_report_constant_bytes(const Graph *graph) {
        uint64_t sum = 0;
        Slice data;

        for (size_t i = 0; i < graph->n_ops; i++)
                if (attrs_bytes(&graph->ops[i]->attrs, "data", &data) == 0)
                        sum += data.size;
        return sum;
}

static void model_report_sizes(const ModelReportSpec *spec, JsonWriter *w) {
        json_writer_object(w, "sizes");
        json_writer_uint64(w, "file_bytes", spec->file_size);
        json_writer_uint64(w, "ops", spec->graph->n_ops);
        json_writer_uint64(w, "constant_bytes", model_report_constant_bytes(spec->graph));
        json_writer_end(w);
}

static void model_report_proof(const ModelReportProof *proof, JsonWriter *w) {
        json_writer_string(w, "proved", proof && proof->made ? "simulator" : "none");
        if (!proof) {
                json_writer_null(w, "verification");
                return;
        }
        json_writer_object(w, "verification");
        json_writer_string(w, "asked", proof->asked);
        json_writer_uint64(w, "programs", proof->made ? proof->made->n_programs : 0);
        json_writer_array(w, "inputs");
        for (size_t i = 0; proof->made && i < proof->made->n_patterns; i++)
                json_writer_string(w, NULL, pattern_name((Pattern) i));
        json_writer_end(w);
        json_writer_string(w, "left_out", proof->left_out);
        json_writer_uint64(w, "internal_errors", proof->n_internal_errors);
        json_writer_end(w);
}

static void model_report_document(const ModelReportSpec *spec, const Ports *ports,
                                  const Reasons *reasons, JsonWriter *w) {
        const Graph *graph = spec->graph;
        size_t n_dpu;

        json_writer_object(w, NULL);
        json_writer_int64(w, "report", MODEL_REPORT_VERSION);
        json_writer_string(w, "graph", graph->name);
        model_report_target(spec->fingerprint, w);
        model_report_string_map(&graph->attrs, "libs_info", w, "compiler");
        model_report_string_map(&graph->attrs, "files_md5sum", w, "sources");
        ports_write_json(ports->inputs, ports->n_inputs, w, "inputs");
        ports_write_json(ports->outputs, ports->n_outputs, w, "outputs");
        model_report_sizes(spec, w);
        model_report_workload(&graph->root->attrs, w);
        n_dpu = model_report_subgraphs(graph, w);
        model_report_layers(graph, reasons, w);
        model_report_log(spec->log, reasons, w);
        json_writer_bool(w, "no_dpu_code", n_dpu == 0);
        model_report_proof(spec->proof, w);
        json_writer_end(w);
}

int model_report_write(const ModelReportSpec *spec, Bytes *ret) {
        _cleanup_(reasons_deinit) Reasons reasons = { 0 };
        _cleanup_(ports_deinit) Ports ports = { 0 };
        JsonWriter w = json_writer_begin(ret, JSON_WRITER_PRETTY);
        int r;

        graph_count_consumers(spec->graph);
        r = reasons_init(&reasons, spec->graph, spec->source, spec->log);
        if (r < 0)
                return r;
        r = ports_init(&ports, spec->graph);
        if (r < 0)
                return r;
        model_report_document(spec, &ports, &reasons, &w);
        return json_writer_finish(&w);
}
