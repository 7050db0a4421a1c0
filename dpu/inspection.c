#include "dpu/inspection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/model.h"

static int compare_types(const void *a, const void *b) {
        const InspectionCount *x = a, *y = b;

        return strcmp(x->type, y->type);
}

static int compare_counts(const void *a, const void *b) {
        const InspectionCount *x = a, *y = b;

        if (x->n != y->n)
                return x->n < y->n ? 1 : -1;
        return strcmp(x->type, y->type);
}

/* one entry per op first, then equal neighbours become one */
static int count_types(const Graph *graph, InspectionCount **ret, size_t *ret_n) {
        InspectionCount *counts = calloc(graph->n_ops + 1, sizeof(*counts));
        size_t n = 0;

        if (!counts)
                return -ENOMEM;
        for (size_t i = 0; i < graph->n_ops; i++)
                counts[i] = (InspectionCount){ graph->ops[i]->type, 1 };
        qsort(counts, graph->n_ops, sizeof(*counts), compare_types);
        for (size_t i = 0; i < graph->n_ops; i++)
                if (n > 0 && strcmp(counts[n - 1].type, counts[i].type) == 0)
                        counts[n - 1].n++;
                else
                        counts[n++] = counts[i];
        qsort(counts, n, sizeof(*counts), compare_counts);

        *ret = counts;
        *ret_n = n;
        return 0;
}

static int inspection_read(Inspection *inspection, Problem *problem) {
        Model model;
        int r;

        r = model_init(&model, inspection->path, problem);
        if (r < 0)
                return r;
        inspection->size = model.bytes.size;
        inspection->class = model.class;
        inspection->reason = model.reason;
        if (model.walk) {
                r = model_graph(&model, &inspection->graph, problem);
                if (r < 0 && problem && problem->text[0])
                        (void) problem_prefix(problem, r, "%s", inspection->path);
        } else
                r = problem_set(problem, -EBADMSG, "%s: %s", inspection->path, model.reason.text);
        model_deinit(&model);
        return r;
}

int inspection_init(Inspection *inspection, const char *path, Problem *problem) {
        Inspection made = { .path = path };
        int r;

        r = inspection_read(&made, problem);
        if (r < 0)
                return r;
        graph_count_consumers(made.graph);
        r = ports_init(&made.ports, made.graph);
        if (r == 0)
                r = count_types(made.graph, &made.counts, &made.n_counts);
        if (r < 0) {
                inspection_deinit(&made);
                return r;
        }

        *inspection = made;
        return 0;
}

void inspection_deinit(Inspection *inspection) {
        ports_deinit(&inspection->ports);
        free(inspection->counts);
        inspection->counts = NULL;
        inspection->graph = graph_free(inspection->graph);
}

bool inspection_fix_point(const Op *op, int32_t *ret) {
        return attrs_int32(&op->tensor.attrs, "fix_point", ret) == 0 ||
               (strcmp(op->type, "fix") == 0 && attrs_int32(&op->attrs, "fix_point", ret) == 0);
}

/* recursion bounded by GRAPH_DEPTH_MAX */
static void each_below(const Subgraph *subgraph,
                       void (*each)(const Subgraph *subgraph, void *userdata), void *userdata) {
        for (size_t i = 0; i < subgraph->n_children; i++) {
                each(subgraph->children[i], userdata);
                each_below(subgraph->children[i], each, userdata);
        }
}

void inspection_each_subgraph(const Inspection *inspection,
                              void (*each)(const Subgraph *subgraph, void *userdata),
                              void *userdata) {
        each_below(inspection->graph->root, each, userdata);
}
