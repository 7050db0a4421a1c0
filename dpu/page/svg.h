#pragma once

/*
 * The drawing, as SVG
 */

#include <stdbool.h>

#include "dpu/page/facts.h"
#include "dpu/page/markup.h"

/* A document of its own, with its styles; light or dark as its viewer is. Without a drawing (the
 * graph is too large) it says so. */
void svg_document(const Facts *facts, Markup *m);

/* The element for an HTML page, whose styles it uses. Boxes have ids: "box0", "box1" ... */
void svg_element(const Facts *facts, Markup *m);
