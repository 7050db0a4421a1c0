#pragma once

/*
 * Hazards: accesses that the tokens leave unordered
 *
 * Every instruction has a clock: its number among those of its engine, from 1. It also knows, for
 * each engine, up to which clock that engine has certainly finished when the instruction starts:
 * what the tokens that it waited for brought, and what the instruction before it knew. Two accesses
 * to one place, at least one of them a write, are ordered if the later knows that the earlier
 * has finished. (Lamport's happens-before, as race detectors for threads use it.)
 *
 * Places are bank words, and bytes of memory that can be written. What instructions run in which
 * order does not matter for what is found: only tokens do.
 *
 * An engine starts its instructions in order, but works on one only after the one before has
 * finished if the later waits for the engine's own token: programs let two SAVEs, one per
 * port, run side by side that way. An instruction that has finished implies that those before
 * it have.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dpu/isa/isa.h"
#include "dpu/sim/bank.h"
#include "dpu/sim/memory.h"

typedef struct Clocks {
        uint32_t of[ISA_ENGINES]; /* index: number of the engine's bit */
} Clocks;

typedef struct HazardWord HazardWord;
typedef struct HazardByte HazardByte;

/* the first conflict found */
typedef struct HazardFound {
        bool found;
        bool in_memory;   /* else in a bank */
        unsigned place;   /* bank, or register of the region */
        uint64_t address; /* word, or byte */
        unsigned engine;  /* of the earlier access, and its clock */
        uint32_t clock;
        bool earlier_wrote, later_writes;
} HazardFound;

typedef struct Hazards {
        bool off;        /* nothing is looked for */
        unsigned engine; /* of the instruction that runs now */
        uint32_t clock;
        Clocks known;
        HazardFound first;
        HazardWord *words;                  /* [banks][BANK_DEPTH] */
        HazardByte *bytes[PROGRAM_REGIONS]; /* of regions that can be written */
} Hazards;

#define HAZARD_MEMORY_MAX (UINT64_C(1) << 28) /* bytes that can be written; each costs eight here */

/* -EFBIG, -ENOMEM. With @off only the clocks are kept. */
int hazards_init(Hazards *hazards, const Banks *banks, const Memory *memory, bool off);
void hazards_deinit(Hazards *hazards);

/* the accesses of the instruction that runs now */
void hazards_read_word(Hazards *hazards, unsigned bank, uint32_t address);
void hazards_write_word(Hazards *hazards, unsigned bank, uint32_t address);
void hazards_read_bytes(Hazards *hazards, unsigned reg_id, uint64_t address, uint64_t n);
void hazards_write_bytes(Hazards *hazards, unsigned reg_id, uint64_t address, uint64_t n);
