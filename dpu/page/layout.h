#pragma once

/*
 * Layouts: where the boxes and lines of a layered drawing go
 *
 * Boxes of one size stand in ranks, and lines go down from rank to rank. A line that skips ranks has
 * a place of its own in each of them, so that it passes between the boxes (the scheme of Sugiyama,
 * Tagawa and Toda, 1981): levels.h finds ranks and places, crossings.h orders them, straighten.h
 * gives them abscissas. Networks are long and narrow; therefore fold.h cuts the drawing into
 * columns, which stand side by side, top to bottom, left to right, until its outline is about that
 * of a screen.
 *
 * A pure function: equal input gives equal output on every machine (integers only). Time and
 * memory are bounded by the maxima below, whatever the graph looks like: lines that there is no room
 * for among the boxes go straight, behind them.
 *
 * Coordinates are pixels, y downwards, the drawing begins at 0, 0. A Layout owns its arrays.
 */

#include <stddef.h>
#include <stdint.h>

#include "dpu/page/layout_spec.h"

typedef struct LayoutBox {
        int32_t x, y; /* of the upper left corner */
        uint32_t rank, column;
} LayoutBox;

/* how one gets to a point from the one before */
typedef enum LayoutStep {
        LAYOUT_START,
        LAYOUT_LINE,   /* straight down */
        LAYOUT_CURVE,  /* down, with upright tangents at both ends */
        LAYOUT_CORNER, /* straight; the line turns here by a right angle */
        LAYOUT_JUMP,   /* straight, wherever it is: a line without a way of its own */
} LayoutStep;

typedef struct LayoutPoint {
        int32_t x, y;
        LayoutStep step;
} LayoutPoint;

typedef struct LayoutRoute {
        size_t first, n; /* points */
} LayoutRoute;

typedef struct Layout {
        int32_t width, height;
        LayoutBox *boxes;    /* as many as in the spec, and in that order */
        LayoutRoute *routes; /* likewise, of the edges */
        LayoutPoint *points;
        size_t n_points;
        uint32_t n_ranks, n_columns;
        size_t n_crossings; /* of lines between neighbouring ranks */
} Layout;

/* -EINVAL: an edge does not lead from an earlier box to a later one; -EFBIG: above a maximum;
 * -ENOMEM. */
int layout_run(const LayoutSpec *spec, Layout *ret);
void layout_deinit(Layout *layout);

static inline void layout_cleanup(Layout *layout) {
        layout_deinit(layout);
}
