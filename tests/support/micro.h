#pragma once

/*
 * Programs made by hand, for tests of the simulator. Failing allocations abort: this is test code.
 *
 * Instructions run one after the other: every one waits for the one before it, unless the test
 * sets tokens itself (micro_add_as_is). Region 0 is constant, region 1 can be written; both are
 * filled by the test before micro_finish().
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/random.h"
#include "dpu/isa/isa.h"
#include "dpu/sim/program.h"
#include "dpu/sim/simulator.h"

#define MICRO_B512  UINT64_C(0x0101000056010200)
#define MICRO_B1024 UINT64_C(0x0101000056010402)
#define MICRO_B4096 UINT64_C(0x0101000056010407)

typedef struct Micro {
        Program program;
        uint8_t *constant; /* of region 0 */
        size_t constant_size, workspace_size;
        Instruction *items;
        size_t n_items, capacity;
        Bytes code;
} Micro;

/* every named target of ISA 1: a short one for tests that go through all sizes */
extern const uint64_t micro_targets[8];

void micro_init(Micro *micro, uint64_t fingerprint, size_t constant_size, size_t workspace_size);
void micro_deinit(Micro *micro);

void micro_add(Micro *micro, Instruction instruction);
void micro_add_as_is(Micro *micro, Instruction instruction);
void micro_finish(Micro *micro); /* adds END, encodes; micro->program is ready */

/* --- images in banks --- */

/* Rows lie in the banks of a group in row groups of @stride; row 0 is the one at @position in that
 * order, and what would be before the first is never read. */
typedef struct MicroImage {
        uint32_t height, width, channels;
        uint32_t group, stride, position, start;
        uint32_t pixel_pitch, row_pitch;
} MicroImage;

/* an image's rows fit their banks without overlapping */
bool micro_fits(const Micro *micro, const MicroImage *image);

/* LOADs all rows from @address, dense, of region 0. */
void micro_load(Micro *micro, const MicroImage *image, uint32_t address);

/* What a reader of windows that begin at row -@top and column -@left needs. */
typedef struct MicroWindow {
        uint32_t bank, offset;
        uint32_t address[4];
} MicroWindow;
MicroWindow micro_window(const Micro *micro, const MicroImage *image, uint32_t top, uint32_t left);

/* --- running --- */

/* Runs the program and appends region 1 to @ret. Aborts with the problem if that fails. */
void micro_run(const Micro *micro, const SimulatorOptions *options, Bytes *ret);

/* The program is refused with @error and words that contain @said; else false, after saying so. */
bool micro_is_refused(const Micro *micro, int error, const char *said);

/* a number from @low to @high */
uint32_t micro_between(Random *random, uint32_t low, uint32_t high);

/* (value / by), rounded half up, saturated to int8: written without shifts */
int8_t micro_divide(int64_t value, int64_t by);

/* all of region 1 */
ProgramTensor micro_workspace(const Micro *micro);
