#pragma once

/*
 * Drawings: what of a compiled graph becomes a box, and what a line
 *
 * Layers become boxes. Constants do not, nor what is computed from constants alone: they are told
 * with the layer that reads them. A `fix` that quantizes a layer's result, and that alone, is told
 * with that layer. Boxes are numbered in the order of the graph.
 *
 * A Drawing borrows from the graph, whose consumers must be counted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dpu/page/layout.h"
#include "xmodel/graph.h"

#define DRAWING_NONE UINT32_MAX

/* pixels */
#define DRAWING_BOX_WIDTH  206
#define DRAWING_BOX_HEIGHT 54

typedef enum Side {
        SIDE_DPU,
        SIDE_CPU,
        SIDE_USER,
        SIDE_OTHER, /* a file may say anything, or nothing */
        SIDES,
} Side;

const char *side_name(Side side);  /* "DPU" */
const char *side_class(Side side); /* "dpu": as CSS class */
Side side_of(const char *device);  /* NULL: SIDE_OTHER */

typedef struct Box {
        const Op *op;
        const Op *fix; /* NULL: none is told with it */
        Side side;
} Box;

typedef struct Drawing {
        const Graph *graph;
        Box *boxes;
        size_t n_boxes;
        LayoutEdge *edges;
        size_t n_edges;
        uint32_t *box_of; /* by Op.index; DRAWING_NONE: a constant */
        bool too_large;   /* to be laid out: then layout is empty */
        Layout layout;
        size_t counts[SIDES]; /* boxes */
} Drawing;

int drawing_init(Drawing *ret, const Graph *graph); /* -ENOMEM */
void drawing_deinit(Drawing *drawing);

static inline void drawing_cleanup(Drawing *drawing) {
        drawing_deinit(drawing);
}

/* The op whose tensor a box hands on: that of the fix, if there is one. */
static inline const Op *box_result(const Box *box) {
        return box->fix ?: box->op;
}
