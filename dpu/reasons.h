#pragma once

/*
 * Reasons: why layers are not on the DPU, and what they were in the source
 *
 * Three may know the reason. The open compiler writes it into the file; the vendor's prints it,
 * for some of the layers; of a few types it is always the same. Ops of the log, of the compiled
 * graph and of the source are told apart by name (origin.h).
 *
 * Everything borrows from the graphs and from the log.
 */

#include <stdbool.h>
#include <stddef.h>

#include "xmodel/compiler_log.h"
#include "xmodel/graph.h"

typedef struct Reason {
        const char *text; /* NULL: not known */
        const char *from; /* "compiler", "log", "type"; NULL if there is no text */
        const Op *source; /* NULL: not asked, or an op of the compiler's own */
} Reason;

typedef struct Reasons {
        size_t n;
        Reason *items;             /* owned; by Op.index of the compiled graph */
        const CompilerLogOps *log; /* NULL: no log */
        bool *used;                /* owned; which of log's ops are off the DPU in the graph */
} Reasons;

bool reasons_is_off_dpu(const Op *op); /* on the CPU, and no constant */

/* @source and @log may be NULL. -ENOMEM. */
int reasons_init(Reasons *reasons, const Graph *graph, const Graph *source,
                 const CompilerLogFacts *log);
void reasons_deinit(Reasons *reasons);
