#pragma once

/*
 * Straightening: abscissas for the vertices of ordered ranks
 *
 * Ulrik Brandes and Boris Köpf, "Fast and Simple Horizontal Coordinate Assignment" (2001): each
 * vertex is lined up with its median neighbour where no other line is in the way, from above and
 * from below, leaning to the left and to the right; of the four drawings the mean of the two
 * middle ones is taken. Chains of bends come out upright. Blocks of what is lined up are put side
 * by side along the longest path of a graph of blocks, because the paper's own compaction places
 * some of them wrongly (Brandes, Walter and Zink, 2020).
 */

#include "dpu/page/levels.h"

/* Centres, in @ret, by vertex. Neighbours of a rank are as far apart as @spec demands. -ENOMEM. */
int straighten(const Levels *levels, const LayoutSpec *spec, int32_t *ret);
