#pragma once

/*
 * Inspections: what a model file holds, put together for showing
 *
 * Works for any file that is a graph: quantized, float or compiled. An Inspection owns all it
 * points to; the file's bytes are gone once it is made.
 */

#include "base/problem.h"
#include "dpu/ports.h"
#include "xmodel/classify.h"
#include "xmodel/graph.h"

/* how many ops of one type there are */
typedef struct InspectionCount {
        const char *type;
        size_t n;
} InspectionCount;

typedef struct Inspection {
        const char *path; /* borrowed */
        size_t size;      /* bytes of the file */
        XmodelClass class;
        Problem reason; /* why it is of that class */
        Graph *graph;
        Ports ports;
        InspectionCount *counts; /* the most frequent first, then by name */
        size_t n_counts;
} Inspection;

/* -EBADMSG: the file is no graph that can be read. @problem names the file. */
int inspection_init(Inspection *inspection, const char *path, Problem *problem);
void inspection_deinit(Inspection *inspection);

/* a fix op's, or what a compiler wrote on the tensor; false if the values are not on a grid */
bool inspection_fix_point(const Op *op, int32_t *ret);

/* Calls @each for every subgraph below the root, parents first. */
void inspection_each_subgraph(const Inspection *inspection,
                              void (*each)(const Subgraph *subgraph, void *userdata),
                              void *userdata);
