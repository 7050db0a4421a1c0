#pragma once

/*
 * Pass 1, lower: from what the quantizer exported to what an engine can run
 *
 * In:  a quantized graph that graph_verify() accepts.
 * Out: a graph of its own, which the later passes extend. Its root has no attributes and no
 *      children: what the file said about partitions is gone, and so is its provenance
 *      (files_md5sum, libs_info, tools_commit_id), which belongs to the file it came from.
 *
 * Invariants: ops[] is topological and in the order of the source. Op names and tensor names
 * are those of the source: tensor names are an interface.
 *
 * There is no DPU code yet, so every op stays the float op it was: a rewrite to fixed point
 * makes sense only together with the engine that runs it.
 */

#include "base/bytes.h"
#include "base/problem.h"
#include "xmodel/graph.h"

int lower_run(const Graph *source, Graph **ret, Problem *problem); /* -ENOMEM, -EINVAL */

/* One line for each op: number, type, name, shape, inputs. -ENOMEM, -EFBIG. */
int lower_dump(const Graph *lowered, Bytes *ret);
