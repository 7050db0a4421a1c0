#pragma once

/*
 * The machine: a target's numbers, its banks as rings, and the transfers that all layers share
 *
 * Every kind of bank is a ring of words: what a tile needs is taken behind what the tile before it
 * had, and addresses wrap. So two tiles lie side by side where each needs half of a bank at most,
 * and the engines work on both, as far as the tokens let them.
 *
 * Image groups: 0 takes what is loaded, 1 what is computed.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "dpu/codegen/stream.h"
#include "dpu/codegen/view.h"
#include "xmodel/fingerprint.h"

#define MACHINE_DEPTH      STREAM_BANK_DEPTH
#define MACHINE_HALF       (MACHINE_DEPTH / 2)
#define MACHINE_GROUPS_MAX 256u   /* channel groups of one instruction */
#define MACHINE_COLUMNS    1024u  /* pixels of one LOAD, SAVE or CONV */
#define MACHINE_PITCH_MAX  65536u /* bytes from pixel to pixel */
#define MACHINE_WRAPS_MAX  4u     /* start addresses of an instruction that reads images */

typedef struct Machine {
        const FingerprintInfo *target;
        uint32_t lanes, pixels, alu_pixels;
        uint32_t bank_weights, bank_depthwise, bank_bias; /* numbers of the first of each */
        uint32_t heads[STREAM_BANK_SPACES];               /* of the rings */
        unsigned port; /* of the next SAVE that may run beside another */
        /* what the last INIT set, which need not be said again */
        bool has_convinit, has_aluinit;
        IsaConvinit convinit;
        IsaAluinit aluinit;
        Stream *stream;
} Machine;

/* -ENOTSUP with @problem: not DPUCZDX8G ISA 1 with two image groups */
int machine_init(Machine *machine, const FingerprintInfo *target, Stream *stream, Problem *problem);

/* The next @words of a ring. There is no giving back: the tokens see to it that nobody overwrites
 * what is still read. */
uint32_t machine_take(Machine *machine, Space space, uint32_t words);

static inline uint32_t machine_groups(const Machine *machine, uint32_t channels) {
        return (channels + machine->lanes - 1) / machine->lanes;
}

static inline uint32_t machine_address(uint32_t address) {
        return address % MACHINE_DEPTH;
}

static inline uint32_t machine_least(uint32_t a, uint32_t b) {
        return a < b ? a : b;
}

static inline uint32_t machine_ceil(uint32_t a, uint32_t b) {
        return (a + b - 1) / b;
}

/* Where a transfer ends or begins on the chip: @pitch words from pixel to pixel. */
typedef struct BankPlace {
        Space space;
        uint32_t bank, address, pitch;
} BankPlace;

/* pixels @column .. of a row, all channels of @view */
typedef struct RowPart {
        uint32_t row, column, n;
} RowPart;

/* -EINVAL with @problem: what no LOAD or SAVE can do; -EFBIG, -ENOMEM */
int machine_load(Machine *machine, const View *view, RowPart part, BankPlace to, Problem *problem);
int machine_save(Machine *machine, const View *view, RowPart part, BankPlace from,
                 Problem *problem);

/* the image group's banks */
static inline uint32_t machine_image_bank(const Machine *machine, Space space, uint32_t row) {
        return (space == SPACE_IMAGES_1 ? machine->pixels : 0) + row % machine->pixels;
}
