#pragma once

/*
 * Cascades: stages that hand rows on to each other on the chip
 *
 * The last stage makes its rows from top to bottom. Each stage has those before it make the rows
 * that it needs next, and no more; the first loads them. What lies between two stages is a map
 * (map.h) that holds a few rounds of rows, and never goes to memory. A layer alone is a cascade of
 * one stage.
 *
 * A cascade may also begin with a map that the one before it left on the chip as a whole, and leave
 * its own output so: that takes more room, and no weights of other layers.
 *
 * Weights: of several stages all lie on the chip at once. One stage alone may take its output
 * channels in chunks, or let its weights pass for every round of rows.
 */

#include "dpu/codegen/stage.h"

#define CASCADE_STAGES_MAX 8u

typedef struct CascadeStage {
        const Stage *stage; /* borrowed */
        unsigned linked;    /* the input that comes from the stage before, or from @in */
        bool saved;         /* its output goes to memory */
} CascadeStage;

typedef struct CascadeSpec {
        CascadeStage stages[CASCADE_STAGES_MAX];
        unsigned n;
        const Map *in;        /* borrowed; NULL: the first stage loads all its inputs */
        uint32_t keep_layout; /* the output stays as a whole, so laid out; 0: it does not */
} CascadeSpec;

/* How it is done. */
typedef struct CascadePlan {
        uint32_t columns; /* of a stripe of the output */
        uint32_t groups;  /* of a chunk */
        bool resident;    /* its weights stay */
        bool whole;       /* the input stays, too, for all chunks */
        bool restart;     /* the input's map begins anew with every block of rows, */
        uint32_t layout;  /* so laid out */
        uint32_t slots_in[CASCADE_STAGES_MAX][STAGE_INPUTS_MAX], slots_out[CASCADE_STAGES_MAX];
} CascadePlan;

/* Appends a stage. What begins a cascade with an image in memory may load it in another way, and
 * @stage is changed so. */
void cascade_add(CascadeSpec *spec, Stage *stage, unsigned linked, bool saved,
                 const Machine *machine);

/* -EOPNOTSUPP with @problem: it does not fit into the banks. */
int cascade_plan(const CascadeSpec *spec, const Machine *machine, CascadePlan *ret,
                 Problem *problem);

/* Appends it. @kept: the map that stays, where the spec says so. As stream_append(). */
int cascade_run(const CascadeSpec *spec, const CascadePlan *plan, Machine *machine, Map *kept,
                Problem *problem);

/* one stage, from memory to memory */
int cascade_run_one(const Stage *stage, Machine *machine, Problem *problem);

/* --- shared by cascade_plan.c and cascade.c -------------------------------------------------- */

typedef struct CascadeMaps {
        Map in[CASCADE_STAGES_MAX][STAGE_INPUTS_MAX]; /* of inputs that are loaded */
        Map out[CASCADE_STAGES_MAX];
        Span x[CASCADE_STAGES_MAX];
        uint32_t column[CASCADE_STAGES_MAX], columns[CASCADE_STAGES_MAX]; /* of outputs */
} CascadeMaps;

/* The maps of a stripe and a chunk of @groups groups, without addresses. */
void cascade_shape(const CascadeSpec *spec, const CascadePlan *plan, uint32_t column,
                   uint32_t groups, CascadeMaps *ret);

void cascade_shape_largest(const CascadeSpec *spec, const CascadePlan *plan, CascadeMaps *ret);

/* the map of input @k of stage @i, on the chip or loaded */
const Map *cascade_input(const CascadeSpec *spec, const CascadeMaps *maps, unsigned i, unsigned k);

/* stage_rows() of stage @i: what one instruction makes from @row on */
uint32_t cascade_rows(const CascadeSpec *spec, const CascadePlan *plan, const Machine *machine,
                      const CascadeMaps *maps, unsigned i, uint32_t row);

/* the row of the image, or before it, that the window of output @row begins with */
static inline int32_t cascade_window(const Stage *stage, uint32_t row) {
        return (int32_t) (row * stage->w.y.stride) - stage->w.y.pad;
}

/* the row behind the last that any window sees */
static inline uint32_t cascade_limit(const Stage *stage) {
        const Span last = axis_span(&stage->w.y, stage->w.y.out - 1, 1);

        return last.first + last.n;
}

static inline bool cascade_is_loaded(const CascadeSpec *spec, unsigned i, unsigned k) {
        return k != spec->stages[i].linked || (i == 0 && !spec->in);
}
