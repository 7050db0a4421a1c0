#pragma once

/*
 * Memory: the regions outside the chip that a program addresses by register number
 *
 * Constant regions are borrowed from the program and may not be written. The others are ours and
 * hold noise until something is written.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "dpu/sim/program.h"

typedef struct MemoryRegion {
        const uint8_t *data; /* NULL: no such region, or an empty one */
        uint8_t *owned;      /* the same, where it may be written */
        uint64_t size;
} MemoryRegion;

typedef struct Memory {
        MemoryRegion regions[PROGRAM_REGIONS];
} Memory;

/* -EINVAL: a constant region with other content than its size says; -EFBIG: all together larger
 * than PROGRAM_MEMORY_MAX; -ENOMEM */
int memory_init(Memory *memory, const ProgramRegion regions[PROGRAM_REGIONS], Random *random);
void memory_deinit(Memory *memory);

/* @n bytes at @address lie in the region, and may be written if @write */
bool memory_has(const Memory *memory, unsigned reg_id, uint64_t address, uint64_t n, bool write);
