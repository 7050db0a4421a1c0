#pragma once

/*
 * Programs: what the DPU gets to run
 *
 * A DPU subgraph of a compiled model holds a program: instructions, the memory regions they
 * address by register number, the bytes of the constant ones, and where in them the tensors lie.
 * (Attribute names: Xilinx/Vitis-AI, src/vai_runtime/vart/dpu-runner/src/dpu_kernel.cpp and
 * dpu_session_base_imp.cpp; layout of tensors: docs/ISA.md.)
 *
 * The struct is open: a program can also be made by hand, for a test or by a compiler. Then
 * everything in it is the maker's; program_load() lends bytes and ops from the graph, which must
 * outlive the Program, and keeps the rest in the Program's arena.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/problem.h"
#include "base/slice.h"
#include "xmodel/fingerprint.h"
#include "xmodel/graph.h"

#define PROGRAM_REGIONS     8 /* a register number has three bits */
#define PROGRAM_TENSOR_DIMS 8
#define PROGRAM_CODE_MAX    (256u << 20)        /* bytes */
#define PROGRAM_MEMORY_MAX  (UINT64_C(1) << 30) /* bytes, all regions together */

typedef enum ProgramRole {
        PROGRAM_NO_REGION = 0,
        PROGRAM_CONST,     /* weights and biases; nothing may write there */
        PROGRAM_WORKSPACE, /* what layers hand on */
        PROGRAM_INTERFACE, /* inputs and outputs */
} ProgramRole;

/* one base register; its number is the index in Program.regions */
typedef struct ProgramRegion {
        ProgramRole role;
        uint64_t size;  /* bytes */
        Slice constant; /* of PROGRAM_CONST: its content, @size bytes */
} ProgramRegion;

/* A tensor in memory: int8 elements, element (i0, i1, ...) at address + sum of i * stride. */
typedef struct ProgramTensor {
        const Op *op; /* the one that makes it; its tensor has the name and the fix point.
                         NULL if the program was made by hand */
        unsigned reg_id;
        uint64_t address; /* in its region */
        size_t n_dims;
        uint32_t dims[PROGRAM_TENSOR_DIMS];
        uint64_t strides[PROGRAM_TENSOR_DIMS]; /* bytes */
        uint64_t elements;                     /* product of dims */
        bool is_input;                         /* one of the program's inputs */
} ProgramTensor;

/* An input or output of the subgraph. */
typedef struct ProgramPort {
        const ProgramTensor *tensor; /* where it lies */
        const Op *inside;  /* the op of the subgraph that has the public tensor: the upload, the
                              download, or where there is no such the op that makes the tensor */
        const Op *outside; /* of an input: the op that feeds it; NULL for an output */
} ProgramPort;

typedef struct Program {
        const Subgraph *subgraph; /* NULL if made by hand */
        FingerprintInfo target;   /* DPUCZDX8G, ISA 1 */
        Slice code;
        ProgramRegion regions[PROGRAM_REGIONS];
        ProgramTensor *tensors; /* all that have a place in memory, constants too, in the order
                                   of the graph; later ones may reuse the place of earlier ones */
        size_t n_tensors;
        ProgramPort *inputs, *outputs;
        size_t n_inputs, n_outputs;
        uint32_t *places; /* by index of op: number of its tensor, from 1; private */
        size_t n_places;
        Arena arena;
} Program;

/* true: a subgraph for the DPU (attribute `device`), whatever the target */
bool program_is_dpu(const Subgraph *subgraph);

/* Reads the program of a DPU subgraph and checks that every tensor lies inside its region.
 * -ENOTSUP: for a DPU that is not DPUCZDX8G ISA 1; -EBADMSG: attributes that are missing or
 * contradict each other; -EFBIG, -ENOMEM; always with @problem. */
int program_load(const Subgraph *subgraph, Program *ret, Problem *problem);
void program_deinit(Program *program);

/* The place of what @op makes; NULL if that is never in memory (it stays on the chip, or the op
 * is not of this subgraph). */
const ProgramTensor *program_place(const Program *program, const Op *op);

/* Refuses what is not DPUCZDX8G ISA 1 with decoded parallelism: -ENOTSUP with @problem. */
int program_check_target(const FingerprintInfo *target, Problem *problem);

static inline void program_cleanup(Program *program) {
        program_deinit(program);
}
