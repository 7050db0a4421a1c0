#pragma once

/*
 * What is to be laid out (layout.h), and the bounds of that
 */

#include <stddef.h>
#include <stdint.h>

#define LAYOUT_BOXES_MAX  20000
#define LAYOUT_EDGES_MAX  200000
#define LAYOUT_RANK_MAX   24      /* boxes side by side; more of them make another rank */
#define LAYOUT_BENDS_MAX  60000   /* places of lines that skip ranks */
#define LAYOUT_POINTS_MAX 400000  /* of all lines */
#define LAYOUT_STEPS_MAX  1000000 /* likewise: from rank to rank */

typedef struct LayoutEdge {
        uint32_t from, to; /* boxes; from < to */
} LayoutEdge;

typedef struct LayoutSpec {
        size_t n_boxes;
        const LayoutEdge *edges; /* ascending by `to`; none twice */
        size_t n_edges;
        int32_t box_width, box_height; /* the width must be even */
        int32_t gap_x, gap_y;          /* between boxes; gap_x must be even */
        int32_t lane;                  /* between lines that run side by side; even, too */
        int32_t shape;                 /* width / height that is aimed at, in percent */
} LayoutSpec;
