#include "dpu/compiler/compiler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/codegen/codegen.h"
#include "dpu/compiler/borders.h"
#include "dpu/compiler/emit.h"
#include "dpu/compiler/engines.h"
#include "dpu/compiler/lower.h"

static const char *const compiler_stages[] = {
        [COMPILER_LOWER] = "lower",
        [COMPILER_PARTITION] = "partition",
        [COMPILER_PLAN] = "plan",
        [COMPILER_EMIT] = "emit",
};

const char *compiler_stage_name(CompilerStage stage) {
        return compiler_stages[stage];
}

int compiler_stage_from_name(const char *name, CompilerStage *ret) {
        for (size_t i = 0; i < ARRAY_SIZE(compiler_stages); i++)
                if (strcmp(compiler_stages[i], name) == 0) {
                        *ret = (CompilerStage) i;
                        return 0;
                }
        return -EINVAL;
}

/* what a layer must be to get onto the DPU */
typedef struct CompilerTarget {
        FingerprintInfo info;
        Engines engines;
} CompilerTarget;

/* The engines can do it, and the generator has code for it. */
static int compiler_accepts(const Op *op, const void *userdata, Problem *reason) {
        const CompilerTarget *target = userdata;

        return engines_accept(op, &target->engines, reason)
                       ? codegen_accepts(op, &target->info, reason)
                       : -EOPNOTSUPP;
}

static int compiler_find_target(uint64_t fingerprint, CompilerTarget *ret, Problem *problem) {
        int r;

        r = fingerprint_decode(fingerprint, &ret->info, problem);
        if (r < 0)
                return r;
        if (ret->info.family != DPU_CZDX8G || ret->info.isa != 1)
                return problem_set(problem, -EOPNOTSUPP,
                                   "target %s: this compiler is for DPUCZDX8G ISA1 only; the "
                                   "vendor's vai_c_xir compiles for the others",
                                   ret->info.name);
        engines_init(&ret->engines, &ret->info);
        return 0;
}

static int compiler_borders(Compilation *c) {
        _cleanup_(partition_freep) Partition *first = TAKE_PTR(c->partition);
        _cleanup_(graph_freep) Graph *lowered = TAKE_PTR(c->graph);

        return borders_run(lowered, first, &c->graph, &c->partition);
}

static int compiler_lower(const CompilerSpec *spec, const CompilerTarget *target, Compilation *c,
                          Problem *problem) {
        const LowerSpec lower = {
                .accepts = spec->all_refused ? NULL : compiler_accepts,
                .userdata = target,
                .refused = spec->refused,
                .reason = spec->all_refused,
        };

        return lower_run(spec->source, &lower, &c->graph, problem);
}

static int compiler_plan(Compilation *c, Problem *problem) {
        int r = compiler_borders(c);

        if (r < 0)
                return problem_set(problem, r, "the borders of the DPU: %s", strerror(-r));
        return plan_run(c->graph, c->partition, &c->plan, problem);
}

static int compiler_emit(const CompilerSpec *spec, const CompilerTarget *target, Compilation *c,
                         Problem *problem) {
        const EmitSpec emit = { .source_md5 = spec->source_md5,
                                .compiler = spec->compiler,
                                .target = &target->info };

        return emit_run(&emit, c->partition, c->plan, c->graph, &c->failed, problem);
}

static int compiler_pass(const CompilerSpec *spec, CompilerStage stage,
                         const CompilerTarget *target, Compilation *c, Problem *problem) {
        switch (stage) {
        case COMPILER_LOWER:
                return compiler_lower(spec, target, c, problem);
        case COMPILER_PARTITION:
                return partition_run(c->graph, &c->partition);
        case COMPILER_PLAN:
                return compiler_plan(c, problem);
        case COMPILER_EMIT:
                return compiler_emit(spec, target, c, problem);
        }
        return -EINVAL;
}

static int compiler_passes(const CompilerSpec *spec, const CompilerTarget *target, Compilation *c,
                           Problem *problem) {
        int r = 0;

        for (int stage = COMPILER_LOWER; r == 0 && stage <= (int) spec->last; stage++) {
                if (spec->progress)
                        spec->progress((CompilerStage) stage, spec->userdata);
                r = compiler_pass(spec, (CompilerStage) stage, target, c, problem);
        }
        return r;
}

int compiler_run(const CompilerSpec *spec, Compilation **ret, Problem *problem) {
        _cleanup_(compilation_freep) Compilation *c = NULL;
        CompilerTarget target;
        int r;

        r = compiler_find_target(spec->fingerprint, &target, problem);
        if (r < 0)
                return r;
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        r = compiler_passes(spec, &target, c, problem);
        if (r < 0 && (!c->failed || r == -ENOMEM))
                return r;

        *ret = TAKE_PTR(c);
        return r < 0 ? COMPILER_PART_REFUSED : 0;
}

Compilation *compilation_free(Compilation *compilation) {
        if (!compilation)
                return NULL;
        (void) plan_free(compilation->plan);
        (void) partition_free(compilation->partition);
        (void) graph_free(compilation->graph);
        free(compilation);
        return NULL;
}

/* where the tensors of each program lie */
static int compiler_dump_places(const Part *part, Bytes *ret, Problem *problem) {
        _cleanup_(region_cleanup) Region region = {};
        _cleanup_(places_cleanup) Places places = {};
        int r;

        r = region_init(&region, part->ops, part->n_ops, problem);
        if (r == 0)
                r = places_init(&places, &region, problem);
        if (r == 0)
                r = bytes_printf(ret, "subgraph_%s\n", part->smallest);
        return r < 0 ? r : places_dump(&places, &region, ret);
}

static int compiler_dump_plan(const Compilation *compilation, Bytes *ret, Problem *problem) {
        const Partition *partition = compilation->partition;
        int r;

        r = plan_dump(compilation->plan, partition, ret);
        for (size_t i = 0; r == 0 && i < partition->n_parts; i++)
                if (partition->parts[i].device == DEVICE_DPU)
                        r = compiler_dump_places(&partition->parts[i], ret, problem);
        return r;
}

int compiler_dump(const Compilation *compilation, CompilerStage stage, Bytes *ret,
                  Problem *problem) {
        switch (stage) {
        case COMPILER_LOWER:
                return lower_dump(compilation->graph, ret);
        case COMPILER_PARTITION:
                return partition_dump(compilation->partition, ret);
        case COMPILER_PLAN:
                return compiler_dump_plan(compilation, ret, problem);
        case COMPILER_EMIT:
                break;
        }
        return -EINVAL;
}
