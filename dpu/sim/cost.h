#pragma once

/*
 * The cycle model
 *
 * What an instruction takes, and what a program takes when its engines overlap as far as its
 * tokens allow. Two kinds of rows:
 *
 *   facts        CONV, ALU and ELEW: output columns * kernel * channel groups, as the
 *                workload_on_arch attribute of the vendor's compiler counts them (it agrees for
 *                nearly all layers of public models; docs/SIMULATOR.md has the numbers)
 *   assumptions  LOAD and SAVE: nothing public says how long they take. Therefore there are two
 *                sets of assumptions, and whoever compares programs looks at both.
 *
 * Frozen: what a version gives for a program never changes. A change of any constant or rule is a
 * new COST_MODEL_VERSION.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/slice.h"
#include "dpu/isa/isa.h"
#include "xmodel/fingerprint.h"

#define COST_MODEL_VERSION 1
#define COST_CLOCK_DEFAULT 300 /* MHz; the vendor's reference designs */

typedef struct CostAssumptions {
        const char *name;
        unsigned bytes_per_cycle; /* of one port */
        unsigned fixed;           /* cycles of every LOAD and SAVE, besides its data */
        bool ports_overlap;       /* two SAVEs that are not chained run side by side */
} CostAssumptions;

extern const CostAssumptions cost_optimistic, cost_pessimistic;

typedef struct Cost {
        uint64_t cycles;            /* from the first instruction's start to the last one's end */
        uint64_t busy[ISA_ENGINES]; /* of them, per engine (number of its bit) */
} Cost;

/* what CONV and ALU need to know from the INIT before them */
typedef struct CostState {
        IsaConvinit convinit;
        IsaAluinit aluinit;
} CostState;

/* Cycles of one instruction. Instructions come in program order; INITs change @state, which begins
 * zeroed. */
uint64_t cost_of(const Instruction *instruction, const FingerprintInfo *target,
                 const CostAssumptions *assumptions, CostState *state);

/* -EBADMSG, -EDEADLK with @problem: the program does not decode, or waits for a token that does
 * not come. -ENOMEM. */
int cost_program(Slice code, const FingerprintInfo *target, const CostAssumptions *assumptions,
                 Cost *ret, Problem *problem);
