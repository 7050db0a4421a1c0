#pragma once

/*
 * Levels: which box is in which rank, and the places of lines that skip ranks
 *
 * Vertices are the boxes, by their numbers, and then the bends. All long lines of a box share one
 * chain of bends, down to the rank above the lowest of those they lead to. Segments join vertices
 * of neighbouring ranks. Lines longer than reach are not among them: see levels_is_routed().
 *
 * The owner of a Levels may permute each rank's part of order; at keeps step with it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dpu/page/layout_spec.h"

typedef struct Segment {
        uint32_t upper, lower; /* vertices */
} Segment;

typedef struct Levels {
        size_t n_boxes, n; /* vertices in all */
        uint32_t n_ranks;
        uint32_t reach;  /* ranks that a routed line may span */
        uint32_t *rank;  /* by vertex */
        uint32_t *bends; /* by box: how many it has */
        uint32_t *chain; /* by box: the first of them */
        uint32_t *first; /* by rank: where it begins in order; one more */
        uint32_t *order; /* vertices, rank by rank, from left to right */
        uint32_t *at;    /* by vertex: its place in its rank */

        Segment *segments;
        size_t n_segments;
        uint32_t *above_first, *above; /* by vertex: segments that lead to it; one more */
        uint32_t *below_first, *below; /* likewise, that come from it */
} Levels;

int levels_init(Levels *ret, const LayoutSpec *spec); /* -ENOMEM */
void levels_deinit(Levels *levels);

static inline void levels_cleanup(Levels *levels) {
        levels_deinit(levels);
}

static inline uint32_t levels_size(const Levels *levels, uint32_t rank) {
        return levels->first[rank + 1] - levels->first[rank];
}

static inline bool levels_is_bend(const Levels *levels, uint32_t vertex) {
        return vertex >= levels->n_boxes;
}

static inline uint32_t levels_span(const Levels *levels, const LayoutEdge *edge) {
        return levels->rank[edge->to] - levels->rank[edge->from];
}

static inline bool levels_is_routed(const Levels *levels, const LayoutEdge *edge) {
        return levels_span(levels, edge) <= levels->reach;
}

/* Sets at from order. */
void levels_number(Levels *levels, uint32_t rank);
