#pragma once

/*
 * Origins: which op of the source an op of a compiled graph was made from
 *
 * The vendor's compiler keeps the name of an op and appends what it did to it, more than once:
 * "fc(TransferMatMulToConv2d)_inserted_fix_1_reshaped_download_0" is a part of "fc". So names
 * are compared after what was appended has been cut off, piece by piece from the end, until an
 * op of that name is found (suffixes seen in files of releases 1.4 to 3.0).
 */

#include <stdbool.h>

#include "xmodel/graph.h"

/* Shortens @name by one piece; false if there is none to cut. */
bool origin_cut(char *name);

/* *ret is the op of @graph with that name, or with the longest name that cutting leads to; NULL
 * if there is none. -ENOMEM. */
int origin_find(const Graph *graph, const char *name, const Op **ret);

/* The op that does the work: what a `fix` quantizes, instead of the `fix`. */
const Op *origin_layer(const Op *op);
