#include "tests/support/regenerate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/codegen/attach.h"
#include "dpu/sim/program.h"

/* --- what there is --------------------------------------------------------------------------- */

size_t regenerate_count(const Graph *graph) {
        size_t n = 0;

        for (size_t i = 0; i < graph->root->n_children; i++) {
                _cleanup_(program_cleanup) Program program = {};

                n += program_is_dpu(graph->root->children[i]) &&
                     program_load(graph->root->children[i], &program, NULL) == 0;
        }
        return n;
}

/* a subgraph below the root, before it goes */
typedef struct Part {
        const char *name, *device;
        const Op **ops; /* in graph order */
        size_t n;
} Part;

static int part_compare(const void *a, const void *b) {
        const Op *x = *(const Op *const *) a, *y = *(const Op *const *) b;

        return (x->index > y->index) - (x->index < y->index);
}

static int part_collect(Graph *graph, const Subgraph *subgraph, Part *part) {
        for (size_t i = 0; i < subgraph->n_ops; i++) {
                const Op **ops = arena_grow(&graph->arena, part->ops, part->n, sizeof(*ops));

                if (!ops)
                        return -ENOMEM;
                ops[part->n++] = subgraph->ops[i];
                part->ops = ops;
        }
        for (size_t i = 0; i < subgraph->n_children; i++)
                if (part_collect(graph, subgraph->children[i], part) < 0)
                        return -ENOMEM;
        if (part->n > 0)
                qsort(part->ops, part->n, sizeof(*part->ops), part_compare);
        return 0;
}

/* The content of constants goes back to where a compiler gets it from. */
static int part_restore_constants(Graph *graph, const Subgraph *subgraph) {
        _cleanup_(program_cleanup) Program program = {};
        int r;

        r = program_load(subgraph, &program, NULL);
        if (r < 0)
                return r;
        for (size_t i = 0; i < program.n_tensors; i++) {
                const ProgramTensor *t = &program.tensors[i];
                const ProgramRegion *region = &program.regions[t->reg_id];

                if (region->role != PROGRAM_CONST || strcmp(t->op->type, "const-fix") != 0)
                        continue;
                r = graph_set_bytes(graph, &graph->ops[t->op->index]->attrs, "data",
                                    slice_of(region->constant.data + t->address, t->elements));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- and what there will be ------------------------------------------------------------------ */

static int part_generate(Graph *graph, const Part *part, Subgraph *subgraph,
                         const FingerprintInfo *target, Problem *problem) {
        _cleanup_(codegen_cleanup) Codegen codegen = {};
        int r;

        r = codegen_run(part->ops, part->n, target, &codegen, problem);
        if (r < 0)
                return r;
        return attach_run(&codegen, target, graph, subgraph, problem);
}

static int part_rebuild(Graph *graph, const Part *part, const FingerprintInfo *target,
                        Problem *problem) {
        Subgraph *subgraph;
        int r;

        r = graph_add_subgraph(graph, graph->root, part->name, &subgraph);
        if (r < 0)
                return r;
        if (strcmp(part->device, "DPU") == 0)
                return part_generate(graph, part, subgraph, target, problem);
        r = graph_set_string(graph, &subgraph->attrs, "device", part->device);
        for (size_t i = 0; i < part->n && r == 0; i++)
                r = graph_assign(graph, subgraph, graph->ops[part->ops[i]->index]);
        return r;
}

int regenerate_run(Graph *graph, const FingerprintInfo *target, Problem *problem) {
        size_t n = graph->root->n_children;
        Part *parts = arena_zalloc(&graph->arena, n, sizeof(*parts));
        int r = 0;

        if (!parts)
                return -ENOMEM;
        graph_count_consumers(graph);
        for (size_t i = 0; i < n && r == 0; i++) {
                const Subgraph *child = graph->root->children[i];

                parts[i].name = child->name;
                parts[i].device = attrs_string(&child->attrs, "device");
                r = part_collect(graph, child, &parts[i]);
                if (r == 0 && strcmp(parts[i].device, "DPU") == 0)
                        r = part_restore_constants(graph, child);
        }
        if (r < 0)
                return r;
        graph_clear_subgraphs(graph);
        for (size_t i = 0; i < n && r == 0; i++)
                r = part_rebuild(graph, &parts[i], target, problem);
        return r;
}

/* --- targets --------------------------------------------------------------------------------- */

FingerprintInfo regenerate_target(size_t number) {
        static const char *const names[REGENERATE_TARGETS] = {
                "DPUCZDX8G_ISA1_B512",  "DPUCZDX8G_ISA1_B800",  "DPUCZDX8G_ISA1_B1024",
                "DPUCZDX8G_ISA1_B1152", "DPUCZDX8G_ISA1_B1600", "DPUCZDX8G_ISA1_B2304",
                "DPUCZDX8G_ISA1_B3136", "DPUCZDX8G_ISA1_B4096",
        };
        FingerprintInfo info = {};

        (void) fingerprint_decode(named_target_find(names[number])->fingerprint, &info, NULL);
        return info;
}
