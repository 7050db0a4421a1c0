#pragma once

/*
 * The chart: cycles of each layer that computes with weights, in the order in which they run
 *
 * A bar is as high as the layer's cycles are many; its lower, full part is what its
 * multiplications would take if the engine were used to the full.
 */

#include "dpu/page/facts.h"
#include "dpu/page/markup.h"

void chart_element(const Facts *facts, Markup *m); /* nothing, if there is nothing to show */
