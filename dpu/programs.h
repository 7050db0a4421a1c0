#pragma once

/*
 * The DPU programs of a compiled file, for the commands that show or run them
 */

#include <stddef.h>

#include "base/problem.h"
#include "dpu/sim/program.h"
#include "xmodel/graph.h"

typedef struct Programs {
        Graph *graph;   /* owned; NULL if somebody else's */
        Program *items; /* of its DPU subgraphs, in their order */
        size_t n;
} Programs;

/* -EBADMSG: not a compiled model; -ENOTSUP: without a DPU subgraph, or with one that is not for
 * DPUCZDX8G ISA 1; -errno; with @problem, which names the file. */
int programs_load(const char *path, Programs *ret, Problem *problem);
/* The same for a graph that is there, which must outlive @ret; there may be none in it. */
int programs_of_graph(const Graph *graph, Programs *ret, Problem *problem);
void programs_deinit(Programs *programs);

static inline void programs_cleanup(Programs *programs) {
        programs_deinit(programs);
}
