#pragma once

/*
 * Roots and units, as people see them in `status`, `roots`, `watch` and `show`
 */

#include "client/output.h"
#include "proto/dpucc.pb-c.h"

/* one line, and one more with the remedy if something is wrong */
void describe_root(const Dpucc__Wire__Root *root);

/* one line, if there are any: lists are capped */
void describe_roots_left_out(uint32_t n);

/* "ready", and the colour for it */
const char *describe_state(Dpucc__Wire__UnitState state);
OutputColour describe_state_colour(Dpucc__Wire__UnitState state);
