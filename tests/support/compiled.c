#include "tests/support/compiled.h"

#include "base/cleanup.h"
#include "dpu/codegen/codegen.h"
#include "dpu/compiler/borders.h"
#include "dpu/compiler/emit.h"
#include "dpu/compiler/engines.h"
#include "dpu/compiler/lower.h"

typedef struct Target {
        const FingerprintInfo *info;
        Engines engines;
} Target;

static bool target_accepts(const Op *op, const void *userdata, Problem *reason) {
        const Target *target = userdata;

        return engines_accept(op, &target->engines, reason) &&
               codegen_accepts(op, target->info, reason) == 0;
}

int compiled_make(const Graph *source, const FingerprintInfo *target, Graph **ret,
                  Problem *problem) {
        Target accepting = { .info = target };
        const LowerSpec spec = { .accepts = target_accepts, .userdata = &accepting };
        const EmitSpec emit = { .compiler = "test", .target = target };
        _cleanup_(partition_freep) Partition *first = NULL, *partition = NULL;
        _cleanup_(graph_freep) Graph *lowered = NULL, *graph = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        engines_init(&accepting.engines, target);
        r = lower_run(source, &spec, &lowered, problem);
        if (r == 0)
                r = partition_run(lowered, &first);
        if (r == 0)
                r = borders_run(lowered, first, &graph, &partition);
        if (r == 0)
                r = plan_run(graph, partition, &plan, problem);
        if (r == 0)
                r = emit_run(&emit, partition, plan, graph, problem);
        if (r == 0)
                r = graph_verify(graph, problem);
        if (r < 0)
                return r;

        graph_count_consumers(graph);
        *ret = TAKE_PTR(graph);
        return 0;
}
