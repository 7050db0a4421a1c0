#pragma once

/*
 * Pass 4, emit: the compiled graph
 *
 * In:  the lowered graph, its partition and plan, and where all of it came from.
 * Out: the same graph, now with subgraphs, devices, DPU programs (dpu/codegen) and provenance,
 *      ready for graph_write(). The partition stays valid.
 *
 * Invariants: what comes out depends on nothing but what goes in (no time, path, locale,
 * address). Every attribute has the type that the vendor's runtime reads it with
 * (Xilinx/Vitis-AI src/vai_runtime: a uint64 read from a uint32 throws there).
 */

#include "base/digest.h"
#include "dpu/compiler/partition.h"
#include "dpu/compiler/plan.h"
#include "xmodel/fingerprint.h"
#include "xmodel/graph.h"

/* The name that a compiled graph has for its source in `files_md5sum`. The vendor's compiler
 * writes the absolute path there; ours must be the same everywhere. */
#define EMIT_SOURCE_NAME "model.xmodel"

typedef struct EmitSpec {
        Md5 source_md5;                /* of the canonical form of the source */
        const char *compiler;          /* version and build of this program, for `libs_info` */
        const FingerprintInfo *target; /* of the programs of DPU parts; may be NULL without such */
} EmitSpec;

/* -ENOMEM; with @problem what codegen_run() refuses: @ret_failed is that part then, else NULL */
int emit_run(const EmitSpec *spec, const Partition *partition, const Plan *plan, Graph *graph,
             const Part **ret_failed, Problem *problem);
