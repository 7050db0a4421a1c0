#pragma once

/*
 * Stages: a dense layer, or a dense part of one, for one engine
 *
 * What conv_layer.c and alu_layer.c make of layers, and what cascades (cascade.h) run. A stage says
 * how rows of its output come from rows of its input when both are in maps, and which weights that
 * takes; where maps are, and in which order rows are made, it does not know.
 */

#include "dpu/codegen/map.h"
#include "dpu/codegen/window.h"

#define STAGE_INPUTS_MAX 4

typedef enum StageEngine {
        STAGE_CONV,
        STAGE_ALU,
        STAGE_ELEW,
} StageEngine;

/* exec_mode of ALUINIT */
typedef enum AluExec {
        ALU_EXEC_DEPTHWISE = 0,
        ALU_EXEC_AVERAGE = 2,
        ALU_EXEC_MAXIMUM = 3,
        ALU_EXEC_SCALE = 6,
        ALU_EXEC_SIGMOID = 7,
} AluExec;

struct Stage {
        StageEngine engine;
        View inputs[STAGE_INPUTS_MAX]; /* the first is w.in, but for augmentation */
        unsigned n_inputs;
        Window w;
        Constant weights, bias;
        uint64_t filter;    /* bytes from one filter of CONV to the next */
        uint32_t in_groups; /* channel groups */
        uint32_t out_groups;
        uint32_t words;     /* of weights, in a bank: of an output group (CONV), of a group (ALU) */
        LayerShifts shifts; /* CONV, ALU */
        uint32_t activation; /* act_type; of ELEW 1 or 0 */
        AluExec exec;
        uint32_t factor; /* of an average */
        bool product;    /* ELEW: else a sum */
        uint32_t shift_read[STAGE_INPUTS_MAX], shift_write;
};

/* A stage that runs: its maps, its weights, the output channel groups that are being made. For
 * ELEW the input that a stage before it makes is @linked, else that is 0. */
typedef struct StageRun {
        const Stage *stage;
        const Map *inputs[STAGE_INPUTS_MAX]; /* borrowed */
        Map *out;                            /* borrowed */
        Span x;                              /* of the columns that are made */
        uint32_t column, columns;            /* these, of the output */
        uint32_t group, n_groups;            /* the chunk; of ALU, of the input as well */
        uint32_t group_out;                  /* where it begins in a pixel of the output's map */
        bool resident;                       /* weights of the chunk stay on the chip */
        uint32_t n_loaded;                   /* groups of them that are there */
        uint32_t weights, bias;              /* addresses of the chunk's */
        bool has_bias;
} StageRun;

static inline bool stage_has_weights(const Stage *stage) {
        return stage->engine == STAGE_CONV ||
               (stage->engine == STAGE_ALU &&
                (stage->exec == ALU_EXEC_DEPTHWISE || stage->exec == ALU_EXEC_SCALE));
}

static inline bool stage_has_bias(const Stage *stage) {
        return stage->engine == STAGE_CONV ||
               (stage->engine == STAGE_ALU && stage->exec == ALU_EXEC_DEPTHWISE);
}

static inline Space stage_weights_space(const Stage *stage) {
        return stage->engine == STAGE_CONV ? SPACE_WEIGHTS : SPACE_DEPTHWISE;
}

/* rows that the engine makes at once, at most */
static inline uint32_t stage_rows_max(const Stage *stage, const Machine *machine) {
        return stage->engine == STAGE_CONV ? machine->pixels : machine->alu_pixels;
}

/* rows of a row group that the engine can write; it can also read them back */
uint32_t stage_layout_max(const Stage *stage, const Machine *machine);

/* How many rows one instruction can make from @row on: 0, none, as the maps are laid out. */
uint32_t stage_rows(const Stage *stage, const Machine *machine, const Map *in, const Map *out,
                    uint32_t row);

/* Loads the bias, and the weights of the chunk's first @n_groups groups, as far as they are not
 * there yet. */
int stage_need_bias(StageRun *run, Machine *machine, Problem *problem);
int stage_need_weights(StageRun *run, Machine *machine, uint32_t n_groups, Problem *problem);

/* Output rows @row to @row + @rows - 1, stage_rows() at most; the rows of the inputs that they need
 * are there. */
int stage_make(StageRun *run, Machine *machine, uint32_t row, uint32_t rows, Problem *problem);

/* Where the windows of output row @row, whose rows in the input are @y, lie in the first map. */
MapWindow stage_window(const StageRun *run, uint32_t row, const Span *y);

/* What a convolution and a depthwise one take alike from their layer: axes, shifts, activation, and
 * how weights follow each other. -EOPNOTSUPP with @problem. */
int stage_set_weighted(Stage *stage, const Layer *layer, const Machine *machine, bool transposed,
                       LayerAxes *ret_axes, Problem *problem);

/* --- the engines' files ---------------------------------------------------------------------- */

/* Loads thin images in another way, where that is better: a stage whose input is in memory. */
void conv_stage_augment(Stage *conv, const Machine *machine); /* conv_layer.c */
int conv_stage_weights(const StageRun *run, Machine *machine, uint32_t group, uint32_t address,
                       Problem *problem);
int conv_stage_make(StageRun *run, Machine *machine, uint32_t row, uint32_t rows, Problem *problem);
int alu_stage_weights(const StageRun *run, Machine *machine, Problem *problem);
int alu_stage_make(StageRun *run, Machine *machine, uint32_t row, uint32_t rows, Problem *problem);
int elew_stage_make(StageRun *run, Machine *machine, uint32_t row, uint32_t rows, Problem *problem);
