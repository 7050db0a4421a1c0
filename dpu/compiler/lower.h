#pragma once

/*
 * Pass 1, lower: from what the quantizer exported to what an engine can run
 *
 * In:  a quantized graph that graph_verify() accepts, and a function that says what the engines
 *      can do.
 * Out: a graph of its own, which the later passes extend. Groups of float ops that end in a `fix`
 *      became the fixed-point ops of the vendor's compiler; all others are as they were, and carry
 *      their reason. Its root has no attributes and no children: what the file said about
 *      partitions is gone, and so is its provenance (files_md5sum, libs_info, tools_commit_id),
 *      which belongs to the file it came from.
 *
 * Invariants: ops[] is topological. The graph computes what the source does, bit by bit. Tensors
 * that end in a `fix` keep their names, and so do the float ops; inputs and outputs keep their
 * base name (dpu/ports.h). Every op that is fixed-point (and no constant or input) was accepted.
 * Without engines the result is a copy of the source, op by op.
 *
 * Rules and their evidence are in lower_NOUN.c; what they share is in lowering.h.
 */

#include "base/bytes.h"
#include "base/problem.h"
#include "dpu/compiler/lower_spec.h"
#include "xmodel/graph.h"

/* -EINVAL with @problem: the source is not sound; -ENOMEM. */
int lower_run(const Graph *source, const LowerSpec *spec, Graph **ret, Problem *problem);

/* One line for each op: number, type, name, shape, fix point, inputs. -ENOMEM, -EFBIG. */
int lower_dump(const Graph *lowered, Bytes *ret);
