#pragma once

/*
 * Code generation: a region of fixed-point ops becomes a DPU program
 *
 *      ops ──region──> tensors ──places──> addresses ──layers──> stream ──tokens──> code
 *
 * Each step is a file of its own. Layers are generated one after the other; each reads its inputs
 * from memory and writes its output there. How a layer uses banks and engines is in its file
 * (layer.h); docs/CODEGEN.md has the whole.
 *
 * Nothing is generated that is not understood: what an engine, or this generator, cannot do is
 * refused with a reason. The same ops and target give the same bytes.
 */

#include "base/bytes.h"
#include "base/problem.h"
#include "dpu/codegen/places.h"
#include "dpu/codegen/region.h"
#include "xmodel/fingerprint.h"
#include "xmodel/graph.h"

#define CODEGEN_CODE_MAX ((size_t) 256 << 20)

/* Can @op be part of a region for @target? It decides by generating the layer and looking whether
 * that goes well, so it is as good as the generator. -EOPNOTSUPP with @reason: no; -ENOMEM. */
int codegen_accepts(const Op *op, const FingerprintInfo *target, Problem *reason);

typedef struct Codegen {
        Region region;
        Places places;
        Bytes code;
} Codegen;

/* The program of a region (region.h), which borrows @ops. As codegen_accepts() and region_init(),
 * with the op in @problem; -EFBIG. */
int codegen_run(const Op *const *ops, size_t n, const FingerprintInfo *target, Codegen *ret,
                Problem *problem);
void codegen_deinit(Codegen *codegen);

static inline void codegen_cleanup(Codegen *codegen) {
        codegen_deinit(codegen);
}
