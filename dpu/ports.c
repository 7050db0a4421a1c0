#include "dpu/ports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dpu/compiler/partition.h"
#include "dpu/tensor_json.h"

static Slice ports_strip(Slice name, const char *suffix) {
        size_t n = strlen(suffix);

        if (name.size > n && memcmp(name.data + name.size - n, suffix, n) == 0)
                name.size -= n;
        return name;
}

/* "X_fix_", "X_fix", "X_" and "X" are one port */
Slice ports_base_name(const char *tensor_name) {
        return ports_strip(ports_strip(slice_of_string(tensor_name), "_"), "_fix");
}

static bool ports_moves_only(const Op *op) {
        static const char *const types[] = { "reshape", "flatten", "squeeze", "transpose" };

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                if (strcmp(op->type, types[i]) == 0)
                        return true;
        return false;
}

/* of the tensor itself: written on it by a compiler, or by the op that quantizes to it */
static bool ports_own_fix_point(const Op *op, int32_t *ret) {
        return attrs_int32(&op->tensor.attrs, "fix_point", ret) == 0 ||
               attrs_int32(&op->attrs, "fix_point", ret) == 0;
}

/* An input is quantized by the `fix` that reads it. */
static bool ports_input_fix_point(const Op *const *reader, const Op *op, int32_t *ret) {
        const Op *fix = reader[op->index];

        return ports_own_fix_point(op, ret) || (fix && ports_own_fix_point(fix, ret));
}

/* An output may be reshaped after it was quantized: that changes no value. */
bool ports_fix_point(const Op *op, int32_t *ret) {
        while (!ports_own_fix_point(op, ret)) {
                const Op *input = op_input(op, 0);

                if (!ports_moves_only(op) || !input)
                        return false;
                op = input;
        }
        return true;
}

/* for each op the `fix` op that reads it, if there is exactly one reader */
static const Op **ports_find_readers(const Graph *graph) {
        const Op **readers = calloc(graph->n_ops + 1, sizeof(*readers));

        if (!readers)
                return NULL;
        for (size_t i = 0; i < graph->n_ops; i++) {
                const Op *op = graph->ops[i];
                const Op *input = strcmp(op->type, "fix") == 0 ? op_input(op, 0) : NULL;

                if (input && input->n_consumers == 1)
                        readers[input->index] = op;
        }
        return readers;
}

static bool ports_is_output(const Op *op) {
        return op->n_consumers == 0 && op->n_args > 0;
}

static void ports_add(Port *ports, size_t *n, const Op *op) {
        ports[(*n)++] = (Port){ .op = op, .base = ports_base_name(op->tensor.name) };
}

static int ports_alloc(Ports *ports, const Graph *graph) {
        size_t n_inputs = 0, n_outputs = 0;

        for (size_t i = 0; i < graph->n_ops; i++) {
                n_inputs += partition_is_input(graph->ops[i]);
                n_outputs += ports_is_output(graph->ops[i]);
        }
        ports->inputs = calloc(n_inputs + 1, sizeof(*ports->inputs));
        ports->outputs = calloc(n_outputs + 1, sizeof(*ports->outputs));
        return ports->inputs && ports->outputs ? 0 : -ENOMEM;
}

int ports_init(Ports *ports, const Graph *graph) {
        const Op **readers;

        *ports = (Ports){ 0 };
        readers = ports_find_readers(graph);
        if (!readers)
                return -ENOMEM;
        if (ports_alloc(ports, graph) < 0) {
                ports_deinit(ports);
                free(readers);
                return -ENOMEM;
        }

        for (size_t i = 0; i < graph->n_ops; i++) {
                const Op *op = graph->ops[i];

                if (partition_is_input(op))
                        ports_add(ports->inputs, &ports->n_inputs, op);
                else if (ports_is_output(op))
                        ports_add(ports->outputs, &ports->n_outputs, op);
        }
        for (size_t i = 0; i < ports->n_inputs; i++) {
                Port *port = &ports->inputs[i];

                port->has_fix_point = ports_input_fix_point(readers, port->op, &port->fix_point);
        }
        for (size_t i = 0; i < ports->n_outputs; i++) {
                Port *port = &ports->outputs[i];

                port->has_fix_point = ports_fix_point(port->op, &port->fix_point);
        }
        free(readers);
        return 0;
}

void ports_deinit(Ports *ports) {
        free(ports->inputs);
        free(ports->outputs);
        *ports = (Ports){ 0 };
}

static void ports_write_port(const Port *port, JsonWriter *w, const char *key) {
        json_writer_object(w, key);
        tensor_json_members(&port->op->tensor, w);
        if (port->has_fix_point)
                json_writer_int64(w, "fix_point", port->fix_point);
        else
                json_writer_null(w, "fix_point");
        json_writer_end(w);
}

void ports_write_json(const Port *ports, size_t n, JsonWriter *w, const char *key) {
        json_writer_array(w, key);
        for (size_t i = 0; i < n; i++)
                ports_write_port(&ports[i], w, NULL);
        json_writer_end(w);
}

void ports_write_op(const Op *op, JsonWriter *w, const char *key) {
        Port port = { .op = op };

        port.has_fix_point = ports_fix_point(op, &port.fix_point);
        ports_write_port(&port, w, key);
}
