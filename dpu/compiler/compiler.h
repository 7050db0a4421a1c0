#pragma once

/*
 * The open compiler: quantized graph in, compiled graph out
 *
 *      source ──lower──> graph ──partition──> parts ──plan──> sizes ──emit──> compiled graph
 *
 * Each pass is a file of its own, with what it takes, gives and promises in its header, and a
 * text dump. The compiler reads no files and writes none; the same source, target and compiler
 * give the same bytes.
 *
 * It accepts targets of the family DPUCZDX8G ISA1 only: that is the engine it is made for. It
 * generates no instructions yet, so the compiled graph is the same for all of them and has no
 * DPU subgraph; with another family it would be the same file, too, but nobody could tell when
 * that changed. What is asked of lower or partition alone is made for the target's engines;
 * everything up to plan and emit is made as long as no generator takes it, without them.
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

typedef struct CompilerSpec {
        const Graph *source;  /* borrowed for the call */
        uint64_t fingerprint; /* of the target */
        Md5 source_md5;       /* of the canonical form of the source */
        const char *compiler; /* version and build, written into the result */
        CompilerStage last;   /* stops after this pass */
} CompilerSpec;

typedef struct Compilation {
        Graph *graph; /* of lower; the compiled graph once emit has run */
        Partition *partition;
        Plan *plan;
} Compilation;

/* -EOPNOTSUPP: another family of targets; -EINVAL: the graph is not sound; -EOVERFLOW; all of
 * these with @problem; -ENOMEM. */
int compiler_run(const CompilerSpec *spec, Compilation **ret, Problem *problem);
Compilation *compilation_free(Compilation *compilation);

static inline void compilation_freep(Compilation **compilation) {
        (void) compilation_free(*compilation);
}

int compiler_stage_from_name(const char *name, CompilerStage *ret); /* "lower"...; -EINVAL */

/* The text dump of a pass that has run. -EINVAL for emit: its dump is the file. */
int compiler_dump(const Compilation *compilation, CompilerStage stage, Bytes *ret);
