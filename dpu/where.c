#include "dpu/where.h"

#include <string.h>

const Subgraph *where_is(const Op *op) {
        const Subgraph *subgraph = op->subgraph;

        while (subgraph && subgraph->parent && subgraph->parent->parent)
                subgraph = subgraph->parent;
        return subgraph && subgraph->parent ? subgraph : NULL;
}

const char *where_device(const Op *op) {
        const Subgraph *subgraph = where_is(op);
        const char *device = subgraph ? attrs_string(&subgraph->attrs, "device") : NULL;

        return device ? device : "";
}

bool where_runs_on(const Subgraph *subgraph, const char *device) {
        const char *found = attrs_string(&subgraph->attrs, "device");

        return found && strcmp(found, device) == 0;
}

/* the depth is at most GRAPH_DEPTH_MAX */
size_t where_count_ops(const Subgraph *subgraph) {
        size_t n = subgraph->n_ops;

        for (size_t i = 0; i < subgraph->n_children; i++)
                n += where_count_ops(subgraph->children[i]);
        return n;
}
