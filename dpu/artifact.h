#pragma once

/*
 * The files that a compile leaves in its output directory
 *
 *      NET.xmodel   the compiled graph
 *      meta.json    library, file name, DPU subgraphs, target: as vai_c_xir writes it
 *      md5sum.txt   of NET.xmodel, 32 digits and a newline: likewise
 *      report.json  see model_report.h
 *
 * Every file is replaced as a whole (temporary name, fsync, rename), the .xmodel last: whoever
 * waits for it finds the others.
 */

#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/problem.h"
#include "dpu/model_report.h"
#include "xmodel/graph.h"

typedef struct ArtifactSpec {
        Graph *graph; /* compiled */
        uint64_t fingerprint;
        const char *output_dir;        /* made if it is missing */
        const char *net_name;          /* one plain path component */
        const ModelReportProof *proof; /* NULL: not known */
} ArtifactSpec;

int artifact_write(const ArtifactSpec *spec, Md5 *ret_md5, Problem *problem);

/* The same without the .xmodel, which is there already: @xmodel is its content. */
int artifact_write_companions(const ArtifactSpec *spec, const Bytes *xmodel, Md5 *ret_md5,
                              Problem *problem);
