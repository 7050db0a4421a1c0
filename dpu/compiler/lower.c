#include "dpu/compiler/lower.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

static bool lower_is_provenance(const char *name) {
        return strcmp(name, "files_md5sum") == 0 || strcmp(name, "libs_info") == 0 ||
               strcmp(name, "tools_commit_id") == 0;
}

static int lower_attrs(Graph *graph, Attrs *to, const Attrs *from) {
        int r;

        for (size_t i = 0; i < from->n; i++) {
                r = graph_set_attr(graph, to, from->items[i].name, &from->items[i].value);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int lower_graph_attrs(Graph *graph, const Graph *source) {
        int r;

        for (size_t i = 0; i < source->attrs.n; i++) {
                const NamedAttr *attr = &source->attrs.items[i];

                if (lower_is_provenance(attr->name))
                        continue;
                r = graph_set_attr(graph, &graph->attrs, attr->name, &attr->value);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int lower_arg(Graph *graph, Op *op, const Arg *from) {
        int r;

        r = graph_add_arg(graph, op, from->name, NULL); /* it may have no ops */
        for (size_t i = 0; r == 0 && i < from->n_ops; i++)
                r = graph_add_arg(graph, op, from->name, graph->ops[from->ops[i]->index]);
        return r;
}

/* all inputs of @from were lowered before it, to the same positions */
static int lower_op(Graph *graph, const Op *from) {
        const Tensor *tensor = &from->tensor;
        Op *op;
        int r;

        r = graph_add_op(graph, from->name, from->type, &op);
        if (r < 0)
                return r;
        r = lower_attrs(graph, &op->attrs, &from->attrs);
        if (r < 0)
                return r;

        for (size_t i = 0; i < from->n_args; i++) {
                r = lower_arg(graph, op, &from->args[i]);
                if (r < 0)
                        return r;
        }
        r = graph_set_tensor(graph, op, tensor->name, (DataType) tensor->data_type,
                             tensor->bit_width, tensor->dims, tensor->n_dims);
        if (r < 0)
                return r;
        return lower_attrs(graph, &op->tensor.attrs, &tensor->attrs);
}

int lower_run(const Graph *source, Graph **ret, Problem *problem) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        int r;

        r = graph_verify(source, problem);
        if (r < 0)
                return r;
        r = graph_new(&graph, source->name);
        if (r < 0)
                return r;
        r = lower_graph_attrs(graph, source);
        if (r < 0)
                return r;
        for (size_t i = 0; i < source->n_ops; i++) {
                r = lower_op(graph, source->ops[i]);
                if (r < 0)
                        return r;
        }
        graph_count_consumers(graph);

        *ret = TAKE_PTR(graph);
        return 0;
}

static int lower_dump_op(const Op *op, Bytes *ret) {
        int r;

        r = bytes_printf(ret, "%zu %s %s [", op->index, op->type, op->name);
        for (size_t i = 0; r == 0 && i < op->tensor.n_dims; i++)
                r = bytes_printf(ret, "%s%d", i > 0 ? "," : "", op->tensor.dims[i]);
        if (r == 0)
                r = bytes_printf(ret, "]");
        for (size_t i = 0; r == 0 && i < op->n_args; i++) {
                r = bytes_printf(ret, " %s=", op->args[i].name);
                for (size_t k = 0; r == 0 && k < op->args[i].n_ops; k++)
                        r = bytes_printf(ret, "%s%zu", k > 0 ? "," : "", op->args[i].ops[k]->index);
        }
        return r < 0 ? r : bytes_printf(ret, "\n");
}

int lower_dump(const Graph *lowered, Bytes *ret) {
        int r;

        for (size_t i = 0; i < lowered->n_ops; i++) {
                r = lower_dump_op(lowered->ops[i], ret);
                if (r < 0)
                        return r;
        }
        return 0;
}
