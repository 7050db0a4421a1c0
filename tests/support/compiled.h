#pragma once

/*
 * Compiled graphs: what the open compiler makes of quantized ones for a target of the DPU
 */

#include "base/problem.h"
#include "xmodel/fingerprint.h"
#include "xmodel/graph.h"

/* Verified, consumers counted. The error of the pass that fails, with @problem. */
int compiled_make(const Graph *source, const FingerprintInfo *target, Graph **ret,
                  Problem *problem);
