#pragma once

/*
 * The bytes of a graph as Nodes (random_graph.h), to be written again in another style or with a
 * change. What each field is says the table of the schema (xmodel/schema.h); fields that it does
 * not know, or knows as something else, are kept as the wire has them.
 *
 * Nodes know their freedom: what a style may move or leave out without a change of meaning by
 * docs/FORMATS.md. So all styles of a tree whose bytes the walker accepts are the same model.
 */

#include "tests/support/random_graph.h"

/* NULL: these are no fields at all, or they are nested too deep. Borrows nothing of @file. */
Node *graph_tree_new(Slice file);
