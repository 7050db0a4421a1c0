#pragma once

/*
 * The open compiler: quantized graph in, compiled graph out
 *
 *      source ──lower──> graph ──partition──> parts ──borders──> graph, parts ──plan──> sizes
 *             ──emit──> compiled graph
 *
 * Each pass is a file of its own, with what it takes, gives and promises in its header, and a
 * text dump. The compiler reads no files and writes none; the same source, target and compiler
 * give the same bytes.
 *
 * It accepts targets of the family DPUCZDX8G ISA1 only: that is the engine it is made for. A layer
 * is on the DPU if a rule lowers it, the engines can do it and the generator has code for it;
 * everything else is on the CPU, with its reason. Whether the code is right is not for the compiler
 * to say: dpu/attempts.h compares it with the graph before a file is written, and compiles again
 * without what went wrong.
 */

#include "base/bytes.h"
#include "base/digest.h"
#include "base/problem.h"
#include "dpu/compiler/partition.h"
#include "dpu/compiler/plan.h"
#include "xmodel/fingerprint.h"
#include "xmodel/graph.h"

typedef enum CompilerStage {
        COMPILER_LOWER,
        COMPILER_PARTITION,
        COMPILER_PLAN,
        COMPILER_EMIT,
} CompilerStage;

/* called before each pass */
typedef void (*CompilerProgress)(CompilerStage stage, void *userdata);

typedef struct CompilerSpec {
        const Graph *source;  /* borrowed for the call */
        uint64_t fingerprint; /* of the target */
        Md5 source_md5;       /* of the canonical form of the source */
        const char *compiler; /* version and build, written into the result */
        CompilerStage last;   /* stops after this pass */

        const char *const *refused; /* as LowerSpec has it; NULL: none */
        const char *all_refused;    /* why nothing may be on the DPU; NULL: it may */

        CompilerProgress progress; /* NULL: nobody wants to know */
        void *userdata;
} CompilerSpec;

typedef struct Compilation {
        Graph *graph; /* of lower; the compiled graph once emit has run */
        Partition *partition;
        Plan *plan;
        const Part *failed; /* the generator refuses it as a whole; NULL: all is well */
} Compilation;

#define COMPILER_PART_REFUSED 1

/* COMPILER_PART_REFUSED: no result but for its parts, with @problem: each layer of `failed` can be
 * generated, all together cannot. -EOPNOTSUPP: another family of targets; -EINVAL: the graph is not
 * sound; -EEXIST: names that we make up are taken; -EOVERFLOW; all of these with @problem;
 * -ENOMEM. */
int compiler_run(const CompilerSpec *spec, Compilation **ret, Problem *problem);
Compilation *compilation_free(Compilation *compilation);

static inline void compilation_freep(Compilation **compilation) {
        (void) compilation_free(*compilation);
}

const char *compiler_stage_name(CompilerStage stage);
int compiler_stage_from_name(const char *name, CompilerStage *ret); /* "lower"...; -EINVAL */

/* The text dump of a pass that has run. -EINVAL for emit: its dump is the file; -ENOMEM, -EFBIG;
 * with @problem what the generator refuses. */
int compiler_dump(const Compilation *compilation, CompilerStage stage, Bytes *ret,
                  Problem *problem);
