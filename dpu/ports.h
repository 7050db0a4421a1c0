#pragma once

/*
 * Ports: what an application hands to a model and gets from it
 *
 * Inputs are the ops of type data and data-fix; outputs are the ops that nothing reads. The
 * compilers add "_fix" and "_" to tensor names at the borders of the DPU, so ports of a source
 * and of what was compiled from it are matched by base name.
 *
 * Everything borrows from the graph.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/json_writer.h"
#include "base/slice.h"
#include "xmodel/graph.h"

typedef struct Port {
        const Op *op;
        Slice base; /* of the tensor's name, without the suffixes above */
        bool has_fix_point;
        int32_t fix_point;
} Port;

typedef struct Ports {
        Port *inputs; /* owned array */
        size_t n_inputs;
        Port *outputs; /* owned array */
        size_t n_outputs;
} Ports;

/* @graph's consumers must be counted. -ENOMEM. */
int ports_init(Ports *ports, const Graph *graph);
void ports_deinit(Ports *ports);

Slice ports_base_name(const char *tensor_name);

/* an array of objects: tensor, shape, type, fix_point */
void ports_write_json(const Port *ports, size_t n, JsonWriter *w, const char *key);

/* of what any op puts out; false: none is known */
bool ports_fix_point(const Op *op, int32_t *ret);

/* the same object for what any op puts out */
void ports_write_op(const Op *op, JsonWriter *w, const char *key);
