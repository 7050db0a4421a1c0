#pragma once

/*
 * Folding: ranks in columns
 *
 * A column ends where few lines pass, near where it should end. Lines to the next column leave
 * below the last rank, go up between the two columns, and come in above the first rank; each
 * vertex has one lane there, and lanes are nested, so that they do not cross each other.
 */

#include "dpu/page/levels.h"

typedef struct Column {
        uint32_t begin, end; /* ranks; end is the next column's begin */
        int32_t x;           /* is added to the abscissas of its vertices */
        int32_t gutter;      /* where the lanes to the next column begin */
        uint32_t n_lanes_in, n_lanes_out;
} Column;

typedef struct Fold {
        Column *columns;
        uint32_t n_columns;
        uint32_t *column; /* by rank */
        uint32_t *lane;   /* by vertex of a last rank that leads on: 0 is the innermost */
        int32_t head;     /* room above all columns for the lanes that come in */
        int32_t width, height;
} Fold;

/* @x: centres of the vertices. -ENOMEM. */
int fold_run(const Levels *levels, const LayoutSpec *spec, const int32_t *x, Fold *ret);
void fold_deinit(Fold *fold);

static inline void fold_cleanup(Fold *fold) {
        fold_deinit(fold);
}

int32_t fold_rank_top(const Fold *fold, const LayoutSpec *spec, uint32_t rank);

/* the way of a lane: below the column, between the columns, above the next one */
int32_t fold_lane_below(const Fold *fold, const LayoutSpec *spec, uint32_t column, uint32_t lane);
int32_t fold_lane_between(const Fold *fold, const LayoutSpec *spec, uint32_t column, uint32_t lane);
int32_t fold_lane_above(const Fold *fold, const LayoutSpec *spec, uint32_t lane);
