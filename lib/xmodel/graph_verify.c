/*
 * What the vendor's library does with a graph that breaks a rule is abort, or crash without a
 * word (xir serialize_v2.cpp, op_imp.cpp, graph_imp.cpp). Everything that we write passes
 * through here first.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "xmodel/graph.h"
#include "xmodel/opdef.h"

static int verify_inputs(const Graph *graph, const Op *op, Problem *problem) {
        for (size_t a = 0; a < op->n_args; a++)
                for (size_t k = 0; k < op->args[a].n_ops; k++) {
                        const Op *input = op->args[a].ops[k];

                        if (graph_find_op(graph, input->name) != input)
                                return problem_set(problem, -EINVAL,
                                                   "its input '%s' is not in the graph",
                                                   input->name);
                        if (input->index >= op->index)
                                return problem_set(problem, -EINVAL,
                                                   "it does not come after its input '%s'",
                                                   input->name);
                }
        return 0;
}

static int verify_arg(const Op *op, const OpDefArg *def, Problem *problem) {
        const Arg *arg = op_arg(op, def->name);
        size_t n = arg ? arg->n_ops : 0;

        if (n == 0 && (def->occurs == OPDEF_REQUIRED || def->occurs == OPDEF_REQUIRED_AND_REPEATED))
                return problem_set(problem, -EINVAL, "type '%s' needs the argument '%s'", op->type,
                                   def->name);
        if (n > 1 && (def->occurs == OPDEF_REQUIRED || def->occurs == OPDEF_OPTIONAL))
                return problem_set(problem, -EINVAL,
                                   "type '%s' takes one op as argument '%s', here are %zu",
                                   op->type, def->name, n);
        return 0;
}

static int verify_definition(const Op *op, const OpDef *def, Problem *problem) {
        int r;

        for (size_t a = 0; a < op->n_args; a++)
                if (!opdef_arg(def, op->args[a].name))
                        return problem_set(problem, -EINVAL, "type '%s' has no argument '%s'",
                                           op->type, op->args[a].name);
        for (size_t a = 0; a < def->n_args; a++) {
                r = verify_arg(op, &def->args[a], problem);
                if (r < 0)
                        return r;
        }
        for (size_t a = 0; a < def->n_attrs; a++)
                if (def->attrs[a].occurs == OPDEF_REQUIRED &&
                    !attrs_find(&op->attrs, def->attrs[a].name))
                        return problem_set(problem, -EINVAL, "type '%s' needs the attribute '%s'",
                                           op->type, def->attrs[a].name);
        return 0;
}

static int verify_op(const Graph *graph, OpDefs *defs, const Op *op, Problem *problem) {
        const OpDef *def;
        int r;

        if (op->name[0] == '\0' || op->type[0] == '\0')
                return problem_set(problem, -EINVAL, "op without a name or type");
        if (graph_find_op(graph, op->name) != op)
                return problem_set(problem, -EINVAL, "two ops of this name");

        r = opdefs_find(defs, op->type, &def);
        if (r == 0)
                r = verify_inputs(graph, op, problem);
        if (r == 0)
                r = verify_definition(op, def, problem);
        return r;
}

/* recursion bounded by GRAPH_DEPTH_MAX */
static int verify_subgraph(const Graph *graph, const Subgraph *subgraph, Problem *problem) {
        int r;

        if (subgraph->parent && (subgraph->n_ops > 0) == (subgraph->n_children > 0))
                return problem_set(problem, -EINVAL,
                                   "subgraph '%s' must have either ops or children",
                                   subgraph->name);
        for (size_t i = 0; i < subgraph->n_ops; i++)
                if (subgraph->ops[i]->subgraph != subgraph ||
                    graph_find_op(graph, subgraph->ops[i]->name) != subgraph->ops[i])
                        return problem_set(problem, -EINVAL,
                                           "subgraph '%s' lists the op '%s' of another place",
                                           subgraph->name, subgraph->ops[i]->name);
        for (size_t i = 0; i < subgraph->n_children; i++) {
                r = verify_subgraph(graph, subgraph->children[i], problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

int graph_verify(const Graph *graph, Problem *problem) {
        _cleanup_(opdefs_freep) OpDefs *defs = NULL;
        int r;

        r = opdefs_new(&defs);
        if (r < 0)
                return r;
        for (size_t i = 0; i < graph->n_ops; i++) {
                r = graph->ops[i]->index == i ? verify_op(graph, defs, graph->ops[i], problem)
                                              : problem_set(problem, -EINVAL, "its index is wrong");
                if (r < 0)
                        return problem_prefix(problem, r, "op '%s'", graph->ops[i]->name);
        }
        return verify_subgraph(graph, graph->root, problem);
}
