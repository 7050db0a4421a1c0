#pragma once

/*
 * The simulator: a DPUCZDX8G core of ISA 1 that executes a Program
 *
 * It has the banks, the memory regions and the four engines of the target that the program names,
 * and does exactly what the instructions say; docs/SIMULATOR.md has the machine model and what it
 * rests on. No silicon was available: it agrees with real compiled programs, not with a board.
 *
 * Strict on purpose. It stops, with the offset of the instruction, at field values that nobody
 * has seen real programs use, at addresses outside their region, at a wait that nothing posts
 * for, and (unless told not to check) at two accesses to one bank word or one byte of memory that
 * the tokens do not order. Bank words and memory that nothing wrote hold noise.
 *
 * Bounded: a program ends with its last instruction, there are no loops; what one instruction
 * may cost is limited by the banks, and what all may cost by work_max.
 *
 * A Simulator borrows its Program and belongs to one thread; it uses threads of its own inside
 * simulator_run() only.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/problem.h"
#include "base/slice.h"
#include "dpu/sim/order.h"
#include "dpu/sim/program.h"

typedef struct Simulator Simulator;

#define SIMULATOR_WORK_MAX    (UINT64_C(1) << 44) /* default of work_max: 17 * 10^12 */
#define SIMULATOR_THREADS_MAX 16

typedef struct SimulatorOptions {
        uint64_t seed; /* of the noise, and of the order */
        SimulatorOrder order;
        unsigned threads;  /* 0: as many as there are processors */
        bool portable;     /* no vector instructions, even if the processor has them */
        bool unchecked;    /* do not look for unordered accesses */
        uint64_t work_max; /* multiplications and bytes moved; 0: SIMULATOR_WORK_MAX */
} SimulatorOptions;

/* @options may be NULL: all zero. -EINVAL, -EFBIG: the program's regions; -ENOTSUP: its target;
 * with @problem. -ENOMEM. */
int simulator_new(Simulator **ret, const Program *program, const SimulatorOptions *options,
                  Problem *problem);
Simulator *simulator_free(Simulator *simulator);

/* Puts the elements of a tensor, dense and row-major, into memory. -EINVAL with @problem: another
 * number of bytes than the tensor has elements. */
int simulator_write(Simulator *simulator, const ProgramTensor *tensor, Slice dense,
                    Problem *problem);

/* Runs the program once. Banks start as noise each time; memory stays as it was left, except
 * that it is noise before the first run where nothing was written. Errors as above: -EBADMSG
 * (not an instruction), -EINVAL (illegal, guessed, out of its region), -EDEADLK (tokens),
 * -EBUSY (unordered accesses), -E2BIG (work_max), each with @problem naming the offset. */
int simulator_run(Simulator *simulator, Problem *problem);

/* Appends the elements of a tensor as they lie in memory now, dense and row-major. For a tensor
 * inside the network that may already be what a later one left in the same place. */
int simulator_read(const Simulator *simulator, const ProgramTensor *tensor, Bytes *ret);

/* The same for the moment at which the program had written the last byte of the tensor: for
 * finding the first layer that differs. Only after simulator_capture(), called before the run.
 * -ENOENT: the program did not save all of it. Many a layer's result is handed on inside the chip
 * and never reaches the place in memory that the graph names for it. */
int simulator_capture(Simulator *simulator);
int simulator_captured(const Simulator *simulator, const ProgramTensor *tensor, Slice *ret);

static inline void simulator_freep(Simulator **simulator) {
        (void) simulator_free(*simulator);
}
