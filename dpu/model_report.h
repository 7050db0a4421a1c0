#pragma once

/*
 * The report: what a compiled graph holds
 *
 * Read from the compiled graph itself. A log adds reasons, no more: logs do not name every layer
 * that is off the DPU. The source adds the names that the user knows. It works on files of any compiler. The schema is in docs/FORMATS.md, "Report".
 */

#include "base/bytes.h"
#include "base/json_writer.h"
#include "dpu/proof.h"
#include "xmodel/compiler_log.h"
#include "xmodel/graph.h"

#define MODEL_REPORT_VERSION 1
#define MODEL_REPORT_MAX     ((size_t) 256 << 20) /* bytes of one report */

/* what the compiler did to prove its code; only it knows */
typedef struct ModelReportProof {
        const char *asked;    /* "none", "small", "full" */
        const Proof *made;    /* without findings; NULL: none was made */
        const char *left_out; /* why not; NULL: it was made, or there is nothing to prove */
        size_t n_internal_errors;
} ModelReportProof;

typedef struct ModelReportSpec {
        Graph *graph;         /* compiled; its consumers are counted anew */
        uint64_t fingerprint; /* of what it was compiled for; 0: not known */
        uint64_t file_size;   /* bytes of the .xmodel */

        const Graph *source;           /* what it was compiled from; NULL: not at hand */
        const CompilerLogFacts *log;   /* of the compile; NULL: not at hand */
        const ModelReportProof *proof; /* NULL: not known */
} ModelReportSpec;

int model_report_write(const ModelReportSpec *spec, Bytes *ret); /* -ENOMEM, -EFBIG */

uint64_t model_report_parameter_bytes(const Attrs *attrs); /* of a DPU subgraph, all registers */
uint64_t model_report_constant_bytes(const Graph *graph);  /* in the ops */

/* pieces that `dpucc check --json` has in common with it */
void model_report_string_map(const Attrs *attrs, const char *name, JsonWriter *w, const char *key);
