#pragma once

/*
 * Where the ops of a compiled graph run
 *
 * The device is an attribute of the subgraphs below the root; ops belong to it through any
 * number of levels.
 */

#include <stdbool.h>
#include <stddef.h>

#include "xmodel/graph.h"

/* the subgraph below the root that holds @op; NULL if none does */
const Subgraph *where_is(const Op *op);

/* "DPU", "CPU", "USER" or what the file says; "" if it says nothing */
const char *where_device(const Op *op);

bool where_runs_on(const Subgraph *subgraph, const char *device);

/* ops of @subgraph and below */
size_t where_count_ops(const Subgraph *subgraph);
