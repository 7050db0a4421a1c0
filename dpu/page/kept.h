#pragma once

/*
 * Kept reports: what was known of a compile when it was made
 *
 * report.json (docs/FORMATS.md, "Report") is written beside an artifact, when the source and the
 * compiler's log are at hand. Later the compiled file alone no longer tells why a layer is off the
 * DPU and what it was called in the source; its report does.
 *
 * Strings are borrowed from the Kept.
 */

#include "base/json.h"
#include "base/problem.h"
#include "xmodel/graph.h"

typedef struct Kept {
        json_object *document; /* NULL: there is none */
} Kept;

typedef struct KeptLayer {
        const char *reason, *reason_from; /* each may be NULL */
        const char *source, *source_type;
} KeptLayer;

/* -EBADMSG: no report; -errno; with @problem */
int kept_load(const char *path, Kept *ret, Problem *problem);
void kept_deinit(Kept *kept);

/* What it says of the ops of @graph that it calls off the DPU, into @ret, by Op.index; those of
 * which it says nothing stay as they are. */
void kept_read_layers(const Kept *kept, const Graph *graph, KeptLayer *ret);

const char *kept_string(const Kept *kept, const char *member); /* NULL: it has none */
