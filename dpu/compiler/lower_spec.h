#pragma once

/*
 * What the lowering is told, and what it tells the later passes in attributes of ops
 */

#include "base/problem.h"
#include "xmodel/graph.h"

/* why an op is not on the DPU: op attribute, string, named as the vendor's inspector names it */
#define LOWER_REASON_ATTR "partition_msg"

/* "DPU" on every op that the engines accepted: op attribute, string, as the vendor writes it */
#define LOWER_DEVICE_ATTR "device"

/* Can the engines run @op, a fixed-point op with all its inputs and attributes? 0: yes;
 * -EOPNOTSUPP: no, and @reason has a short text; -ENOMEM. Constants have no data yet. */
typedef int (*LowerAccepts)(const Op *op, const void *userdata, Problem *reason);

typedef struct LowerSpec {
        LowerAccepts accepts; /* NULL: nothing is lowered */
        const void *userdata;
        const char *const *refused; /* by index of the source's ops: why it must stay off the DPU,
                                       NULL for the others; NULL: none */
        const char *reason;         /* of all layers, where nothing is lowered; may be NULL */
} LowerSpec;
