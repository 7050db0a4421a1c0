#pragma once

/*
 * Limits: what a project demands of a compiled model (docs/CONFIGURATION.md, `models[].limits`)
 *
 *   max_dpu_subgraphs   the model must not be cut into more pieces than that
 *   cpu_ops             these op types may stay off the DPU, and no others
 *
 * Judged by the facts that the check of the compiled graph left in the record.
 */

#include "base/problem.h"
#include "cache/record.h"
#include "daemon/pairing.h"

/* in the record's provenance: op types on the CPU, separated by commas */
#define LIMITS_CPU_OPS_TAG "cpu_ops"

/* outcomes */
enum {
        LIMITS_EXCEEDED = 1, /* @problem says which, and how it is */
};

/* 0, LIMITS_EXCEEDED or -ENOMEM */
int limits_check(const Pair *pair, const Record *record, Problem *problem);
