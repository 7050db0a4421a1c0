#include "dpu/inspect_json.h"

#include "dpu/attr_text.h"
#include "dpu/tensor_json.h"
#include "dpu/where.h"

static void write_tensor(const Op *op, JsonWriter *w) {
        int32_t fix_point;

        tensor_json_members(&op->tensor, w);
        if (inspection_fix_point(op, &fix_point))
                json_writer_int64(w, "fix_point", fix_point);
        else
                json_writer_null(w, "fix_point");
}

static void write_op_head(const Op *op, JsonWriter *w) {
        json_writer_string(w, "name", op->name);
        json_writer_string(w, "op_type", op->type);
        if (where_device(op)[0] != '\0')
                json_writer_string(w, "device", where_device(op));
        write_tensor(op, w);
}

static void write_op(const Op *op, JsonWriter *w) {
        json_writer_object(w, "op");
        write_op_head(op, w);
        json_writer_object(w, "arguments");
        for (size_t a = 0; a < op->n_args; a++) {
                json_writer_array(w, op->args[a].name);
                for (size_t i = 0; i < op->args[a].n_ops; i++)
                        json_writer_string(w, NULL, op->args[a].ops[i]->name);
                json_writer_end(w);
        }
        json_writer_end(w);
        attr_text_json(&op->attrs, w, "attributes");
        attr_text_json(&op->tensor.attrs, w, "tensor_attributes");
        json_writer_end(w);
}

static void write_subgraph(const Subgraph *subgraph, void *userdata) {
        JsonWriter *w = userdata;

        json_writer_object(w, NULL);
        json_writer_string(w, "name", subgraph->name);
        json_writer_string(w, "parent", subgraph->parent->name);
        json_writer_uint64(w, "depth", subgraph->depth);
        json_writer_string(w, "device", attrs_string(&subgraph->attrs, "device"));
        json_writer_uint64(w, "ops", where_count_ops(subgraph));
        attr_text_json(&subgraph->attrs, w, "attributes");
        json_writer_end(w);
}

static void write_counts(const Inspection *inspection, JsonWriter *w) {
        json_writer_object(w, "op_types");
        for (size_t i = 0; i < inspection->n_counts; i++)
                json_writer_uint64(w, inspection->counts[i].type, inspection->counts[i].n);
        json_writer_end(w);
}

static void write_ops(const Graph *graph, JsonWriter *w) {
        json_writer_array(w, "ops");
        for (size_t i = 0; i < graph->n_ops; i++) {
                json_writer_object(w, NULL);
                write_op_head(graph->ops[i], w);
                json_writer_end(w);
        }
        json_writer_end(w);
}

int inspect_json_write(const InspectJsonSpec *spec, Bytes *ret) {
        const Inspection *inspection = spec->inspection;
        const Graph *graph = inspection->graph;
        JsonWriter w = json_writer_begin(ret, JSON_WRITER_PRETTY);

        json_writer_object(&w, NULL);
        json_writer_string(&w, "file", inspection->path);
        json_writer_uint64(&w, "size", inspection->size);
        json_writer_string(&w, "class", xmodel_class_name(inspection->class));
        json_writer_string(&w, "graph", graph->name);
        json_writer_uint64(&w, "n_ops", graph->n_ops);
        write_counts(inspection, &w);
        ports_write_json(inspection->ports.inputs, inspection->ports.n_inputs, &w, "inputs");
        ports_write_json(inspection->ports.outputs, inspection->ports.n_outputs, &w, "outputs");
        attr_text_json(&graph->attrs, &w, "attributes");
        json_writer_array(&w, "subgraphs");
        inspection_each_subgraph(inspection, write_subgraph, &w);
        json_writer_end(&w);
        if (spec->with_ops)
                write_ops(graph, &w);
        if (spec->op)
                write_op(spec->op, &w);
        json_writer_end(&w);
        return json_writer_finish(&w);
}
