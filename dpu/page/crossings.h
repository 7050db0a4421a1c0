#pragma once

/*
 * Crossings: in which order the vertices of a rank stand
 *
 * Ranks are sorted by where their neighbours stand, downwards and upwards in turns, while that
 * helps; the best order seen is kept. Then neighbours within a rank change places where that
 * alone takes crossings away. Finding the fewest is NP-hard; networks need no more than this.
 */

#include "dpu/page/levels.h"

int crossings_reduce(Levels *levels); /* -ENOMEM */

/* Of all segments, counted as pairs. -ENOMEM. */
int crossings_count(const Levels *levels, size_t *ret);
