#pragma once

/*
 * The canonical order of ops: topological, and of the ops that are ready the one with the
 * smallest name first. It depends on names and arguments only, not on the file's order.
 */

#include <stdint.h>

#include "xmodel/walk.h"

/* Fills @ret_order (room for walk->n_ops op numbers) and @ret_n with the ops placed: fewer than
 * all if arguments run in a circle. Needs the ops, their inputs and by_name. 0 or -ENOMEM. */
int order_ops(const Walk *walk, uint32_t *ret_order, uint32_t *ret_n);
