#include "dpu/programs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/model.h"

static int programs_load_graph(const char *path, Graph **ret, Problem *problem) {
        Model model;
        int r;

        r = model_init(&model, path, problem);
        if (r < 0)
                return r;
        if (model.class == XMODEL_COMPILED)
                r = model_graph(&model, ret, problem);
        else
                r = problem_set(problem, -EBADMSG, "not a compiled model: %s", model.reason.text);
        model_deinit(&model);
        return r < 0 ? problem_prefix(problem, r, "%s", path) : 0;
}

int programs_of_graph(const Graph *graph, Programs *ret, Problem *problem) {
        const Subgraph *root = graph->root;
        Programs programs = {};

        programs.items = calloc(root->n_children + 1, sizeof(*programs.items));
        if (!programs.items)
                return -ENOMEM;
        for (size_t i = 0; i < root->n_children; i++) {
                int r;

                if (!program_is_dpu(root->children[i]))
                        continue;
                r = program_load(root->children[i], &programs.items[programs.n], problem);
                if (r < 0) {
                        programs_deinit(&programs);
                        return r;
                }
                programs.n++;
        }
        *ret = programs;
        return 0;
}

int programs_load(const char *path, Programs *ret, Problem *problem) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        Programs programs;
        int r;

        r = programs_load_graph(path, &graph, problem);
        if (r < 0)
                return r;
        r = programs_of_graph(graph, &programs, problem);
        if (r < 0)
                return problem_prefix(problem, r, "%s", path);
        if (programs.n == 0) {
                programs_deinit(&programs);
                return problem_set(problem, -ENOTSUP, "%s: no part of it runs on a DPU", path);
        }
        programs.graph = TAKE_PTR(graph);
        *ret = programs;
        return 0;
}

void programs_deinit(Programs *programs) {
        for (size_t i = 0; i < programs->n; i++)
                program_deinit(&programs->items[i]);
        free(programs->items);
        programs->graph = graph_free(programs->graph);
        *programs = (Programs){};
}
