#pragma once

/*
 * Differences: what two compiled graphs do not have in common
 *
 * The bytes of two compiles of one model always differ: the vendor's library writes maps in
 * random order and the path of the source into the file. What counts is what the runtime reads.
 * Each change therefore says whether it has an effect: machine code, parameters, registers,
 * constants, everything outside of the DPU, and the tensors at its border do; where the file
 * came from, names inside the DPU and figures for people do not. Without a change that has one,
 * the two do the same.
 *
 * A Difference owns its texts and borrows nothing.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "xmodel/graph.h"

#define DIFFERENCE_CHANGES_MAX 512

typedef struct Change {
        const char *what; /* "op", "attribute" ...: docs/FORMATS.md, "Difference" */
        const char *name; /* of which one; NULL if there is only one */
        const char *a;    /* NULL: not there */
        const char *b;
        bool effect;
} Change;

typedef struct Difference {
        Arena arena;
        Change *items;
        size_t n;
        size_t n_more; /* for which there was no room */
        bool effect;   /* that of any change, those beyond items included */
} Difference;

int difference_run(Graph *a, Graph *b, Difference *ret); /* counts consumers anew; -ENOMEM */
void difference_deinit(Difference *difference);
