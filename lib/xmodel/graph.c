#include "xmodel/graph.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"

/* one op's place in the name index; lies in the arena, the hash table itself does not */
typedef struct GraphIndex {
        Op *op;
        UT_hash_handle hh;
} GraphIndex;

static Subgraph *graph_new_subgraph(Graph *graph, Subgraph *parent, const char *name) {
        Subgraph *subgraph = arena_zalloc(&graph->arena, 1, sizeof(*subgraph));

        if (!subgraph)
                return NULL;
        subgraph->name = arena_string(&graph->arena, name, strlen(name));
        if (!subgraph->name)
                return NULL;

        subgraph->parent = parent;
        subgraph->depth = parent ? parent->depth + 1 : 0;
        return subgraph;
}

int graph_new(Graph **ret, const char *name) {
        _cleanup_(graph_freep) Graph *graph = NULL;

        graph = calloc(1, sizeof(*graph));
        if (!graph)
                return -ENOMEM;

        graph->name = arena_string(&graph->arena, name, strlen(name));
        graph->root = graph_new_subgraph(graph, NULL, "root");
        if (!graph->name || !graph->root)
                return -ENOMEM;

        *ret = TAKE_PTR(graph);
        return 0;
}

Graph *graph_free(Graph *graph) {
        if (!graph)
                return NULL;

        HASH_CLEAR(hh, graph->by_name);
        arena_deinit(&graph->arena);
        free(graph);
        return NULL;
}

/* --- ops ------------------------------------------------------------------------------------- */

static int graph_index_op(Graph *graph, Op *op) {
        GraphIndex *entry = arena_zalloc(&graph->arena, 1, sizeof(*entry));

        if (!entry)
                return -ENOMEM;
        entry->op = op;
        HASH_ADD_KEYPTR(hh, graph->by_name, op->name, strlen(op->name), entry);
        return map_failed(entry) ? -ENOMEM : 0;
}

int graph_add_op(Graph *graph, const char *name, const char *type, Op **ret) {
        Op **ops, *op;
        int r;

        if (graph_find_op(graph, name))
                return -EEXIST;

        ops = arena_grow(&graph->arena, graph->ops, graph->n_ops, sizeof(Op *));
        if (!ops)
                return -ENOMEM;
        graph->ops = ops;

        op = arena_zalloc(&graph->arena, 1, sizeof(*op));
        if (!op)
                return -ENOMEM;
        op->name = arena_string(&graph->arena, name, strlen(name));
        op->type = arena_string(&graph->arena, type, strlen(type));
        if (!op->name || !op->type)
                return -ENOMEM;
        op->tensor.name = op->name;
        op->index = graph->n_ops;
        r = graph_index_op(graph, op);
        if (r < 0)
                return r;

        graph->ops[graph->n_ops++] = op;
        *ret = op;
        return 0;
}

static int graph_find_or_add_arg(Graph *graph, Op *op, const char *name, Arg **ret) {
        Arg *args;

        for (size_t i = 0; i < op->n_args; i++)
                if (strcmp(op->args[i].name, name) == 0) {
                        *ret = &op->args[i];
                        return 0;
                }

        args = arena_grow(&graph->arena, op->args, op->n_args, sizeof(*args));
        if (!args)
                return -ENOMEM;
        op->args = args;
        args[op->n_args] = (Arg){ .name = arena_string(&graph->arena, name, strlen(name)) };
        if (!args[op->n_args].name)
                return -ENOMEM;

        *ret = &args[op->n_args++];
        return 0;
}

int graph_add_arg(Graph *graph, Op *op, const char *name, Op *input) {
        Arg *arg;
        Op **ops;
        int r;

        r = graph_find_or_add_arg(graph, op, name, &arg);
        if (r < 0 || !input)
                return r;

        ops = arena_grow(&graph->arena, arg->ops, arg->n_ops, sizeof(Op *));
        if (!ops)
                return -ENOMEM;
        arg->ops = ops;
        ops[arg->n_ops++] = input;
        input->n_consumers++;
        return 0;
}

int graph_set_tensor(Graph *graph, Op *op, const char *name, DataType type, int32_t bit_width,
                     const int32_t *dims, size_t n_dims) {
        Tensor *tensor = &op->tensor;
        const char *own_name = arena_string(&graph->arena, name, strlen(name));
        const int32_t *own_dims = arena_copy(&graph->arena, dims, n_dims * sizeof(*dims));

        if (!own_name || !own_dims)
                return -ENOMEM;

        tensor->name = own_name;
        tensor->dims = own_dims;
        tensor->n_dims = n_dims;
        tensor->data_type = (int32_t) type;
        tensor->bit_width = bit_width;
        return 0;
}

/* --- subgraphs ------------------------------------------------------------------------------- */

int graph_add_subgraph(Graph *graph, Subgraph *parent, const char *name, Subgraph **ret) {
        Subgraph **children, *subgraph;

        if (parent->n_ops > 0)
                return -EINVAL;
        if (parent->depth + 1 >= GRAPH_DEPTH_MAX)
                return -ELOOP;

        children =
                arena_grow(&graph->arena, parent->children, parent->n_children, sizeof(Subgraph *));
        if (!children)
                return -ENOMEM;
        parent->children = children;

        subgraph = graph_new_subgraph(graph, parent, name);
        if (!subgraph)
                return -ENOMEM;

        children[parent->n_children++] = subgraph;
        *ret = subgraph;
        return 0;
}

int graph_assign(Graph *graph, Subgraph *leaf, Op *op) {
        Op **ops;

        if (leaf->n_children > 0)
                return -EINVAL;
        if (op->subgraph)
                return -EEXIST;

        ops = arena_grow(&graph->arena, leaf->ops, leaf->n_ops, sizeof(Op *));
        if (!ops)
                return -ENOMEM;
        leaf->ops = ops;
        ops[leaf->n_ops++] = op;
        op->subgraph = leaf;
        return 0;
}

void graph_clear_subgraphs(Graph *graph) {
        Subgraph *root = graph->root;

        for (size_t i = 0; i < graph->n_ops; i++)
                graph->ops[i]->subgraph = NULL;
        root->children = NULL;
        root->n_children = 0;
        root->ops = NULL;
        root->n_ops = 0;
}

/* --- attributes ------------------------------------------------------------------------------ */

int graph_set_attr(Graph *graph, Attrs *attrs, const char *name, const Attr *value) {
        return attrs_set(attrs, &graph->arena, name, value);
}

int graph_set_string(Graph *graph, Attrs *attrs, const char *name, const char *value) {
        const Attr attr = { .kind = ATTR_STRING, .string = value };

        return attrs_set(attrs, &graph->arena, name, &attr);
}

int graph_set_strings(Graph *graph, Attrs *attrs, const char *name, const char *const *values,
                      size_t n) {
        const Attr attr = { .kind = ATTR_STRING_VEC, .n = n, .strings = values };

        return attrs_set(attrs, &graph->arena, name, &attr);
}

int graph_set_int32(Graph *graph, Attrs *attrs, const char *name, int32_t value) {
        const Attr attr = { .kind = ATTR_INT32, .int32 = value };

        return attrs_set(attrs, &graph->arena, name, &attr);
}

int graph_set_uint64(Graph *graph, Attrs *attrs, const char *name, uint64_t value) {
        const Attr attr = { .kind = ATTR_UINT64, .uint64 = value };

        return attrs_set(attrs, &graph->arena, name, &attr);
}

int graph_set_bool(Graph *graph, Attrs *attrs, const char *name, bool value) {
        const Attr attr = { .kind = ATTR_BOOL, .boolean = value };

        return attrs_set(attrs, &graph->arena, name, &attr);
}

int graph_set_int32s(Graph *graph, Attrs *attrs, const char *name, const int32_t *v, size_t n) {
        const Attr attr = { .kind = ATTR_INT32_VEC, .n = n, .int32s = v };

        return attrs_set(attrs, &graph->arena, name, &attr);
}

int graph_set_bytes(Graph *graph, Attrs *attrs, const char *name, Slice value) {
        const Attr attr = { .kind = ATTR_BYTES, .bytes = value };

        return attrs_set(attrs, &graph->arena, name, &attr);
}

/* --- asking ---------------------------------------------------------------------------------- */

Op *graph_find_op(const Graph *graph, const char *name) {
        GraphIndex *entry;

        HASH_FIND(hh, graph->by_name, name, strlen(name), entry);
        return entry ? entry->op : NULL;
}

const Arg *op_arg(const Op *op, const char *name) {
        for (size_t i = 0; i < op->n_args; i++)
                if (strcmp(op->args[i].name, name) == 0)
                        return &op->args[i];
        return NULL;
}

Op *op_input(const Op *op, size_t index) {
        const Arg *arg = op_arg(op, "input");

        return arg && index < arg->n_ops ? arg->ops[index] : NULL;
}

uint64_t tensor_elements(const Tensor *tensor) {
        uint64_t n = 1;

        for (size_t i = 0; i < tensor->n_dims; i++)
                if (tensor->dims[i] >= 0 &&
                    __builtin_mul_overflow(n, (uint64_t) tensor->dims[i], &n))
                        return UINT64_MAX;
        return n;
}

const char *data_type_name(int32_t data_type) {
        static const char *const names[] = { "INT",   "UINT",   "XINT",   "XUINT",
                                             "FLOAT", "BFLOAT", "UNKNOWN" };

        if (data_type < 0 || (size_t) data_type >= ARRAY_SIZE(names))
                return "?";
        return names[data_type];
}

void graph_count_consumers(Graph *graph) {
        for (size_t i = 0; i < graph->n_ops; i++) {
                graph->ops[i]->index = i;
                graph->ops[i]->n_consumers = 0;
        }
        for (size_t i = 0; i < graph->n_ops; i++)
                for (size_t a = 0; a < graph->ops[i]->n_args; a++)
                        for (size_t k = 0; k < graph->ops[i]->args[a].n_ops; k++)
                                graph->ops[i]->args[a].ops[k]->n_consumers++;
}
