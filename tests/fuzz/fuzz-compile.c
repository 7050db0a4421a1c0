/*
 * The compiler, the report and the examination on any graph. What the compiler accepts must come
 * out as a compiled graph that the reader takes; that, and what is compiled already, must have a
 * report and a verdict.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "dpu/compiler/compiler.h"
#include "dpu/examine.h"
#include "dpu/model.h"
#include "dpu/model_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good) {
        if (!good)
                abort();
}

static void judge(Graph *graph, Graph *source, bool is_ours) {
        const Target target = { .fingerprint = UINT64_C(0x101000056010402) };
        const ExamineSource about = { .graph = source };
        const ExamineSpec examine = { .graph = graph,
                                      .target = &target,
                                      .source = source ? &about : NULL };
        const ModelReportSpec report = { .graph = graph, .file_size = 1 };
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(MODEL_REPORT_MAX);
        Examination e;

        must(examine_run(&examine, &e) == 0);
        must(!is_ours || e.board == BOARD_NO_DPU_CODE || e.board == BOARD_EQUAL);
        examination_deinit(&e);
        must(model_report_write(&report, &out) == 0);
}

static void compile(Graph *source) {
        const CompilerSpec spec = { .source = source,
                                    .fingerprint = UINT64_C(0x101000056010402),
                                    .compiler = "fuzz",
                                    .last = COMPILER_EMIT };
        _cleanup_(compilation_freep) Compilation *c = NULL;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(WALK_FILE_MAX);
        _cleanup_(walk_freep) Walk *walk = NULL;
        _cleanup_(graph_freep) Graph *again = NULL;
        XmodelClass class;
        Problem problem;

        if (compiler_run(&spec, &c, &problem) != 0)
                return; /* not sound (the reader is more tolerant than that), or too much for one
                         * program */
        must(graph_write(c->graph, false, &bytes, &problem) == 0);
        must(classify(bytes_slice(&bytes), &class, &walk, &problem) == 0);
        must(class == XMODEL_COMPILED && walk->in_order && walk->n_ops == c->graph->n_ops);
        must(graph_read(&again, bytes_slice(&bytes), &problem) == 0);
        judge(again, source, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        _cleanup_(graph_freep) Graph *graph = NULL;
        XmodelClass class;
        Problem problem;

        must(classify(slice_of(data, size), &class, &walk, &problem) == 0);
        if (!walk || graph_read(&graph, slice_of(data, size), &problem) < 0)
                return 0;
        if (class == XMODEL_COMPILED)
                judge(graph, NULL, false);
        else
                compile(graph);
        return 0;
}
