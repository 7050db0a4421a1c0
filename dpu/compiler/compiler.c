#include "dpu/compiler/compiler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/compiler/emit.h"
#include "dpu/compiler/engines.h"
#include "dpu/compiler/lower.h"

static const char *const compiler_stages[] = {
        [COMPILER_LOWER] = "lower",
        [COMPILER_PARTITION] = "partition",
        [COMPILER_PLAN] = "plan",
        [COMPILER_EMIT] = "emit",
};

int compiler_stage_from_name(const char *name, CompilerStage *ret) {
        for (size_t i = 0; i < ARRAY_SIZE(compiler_stages); i++)
                if (strcmp(compiler_stages[i], name) == 0) {
                        *ret = (CompilerStage) i;
                        return 0;
                }
        return -EINVAL;
}

static int compiler_find_engines(uint64_t fingerprint, Engines *ret, Problem *problem) {
        FingerprintInfo info;
        int r;

        r = fingerprint_decode(fingerprint, &info, problem);
        if (r < 0)
                return r;
        if (info.family != DPU_CZDX8G || info.isa != 1)
                return problem_set(problem, -EOPNOTSUPP,
                                   "target %s: this compiler is for DPUCZDX8G ISA1 only; the "
                                   "vendor's vai_c_xir compiles for the others",
                                   info.name);
        engines_init(ret, &info);
        return 0;
}

/* A file that is to be written must run as it is: while nothing generates code, its ops stay what
 * the runtime's CPU has names for. */
static bool compiler_wants_engines(CompilerStage last) {
        return last == COMPILER_LOWER || last == COMPILER_PARTITION;
}

static int compiler_passes(const CompilerSpec *spec, const Engines *engines, Compilation *c,
                           Problem *problem) {
        const LowerSpec lower = {
                .accepts = compiler_wants_engines(spec->last) ? engines_accept : NULL,
                .userdata = engines,
        };
        const EmitSpec emit = { .source_md5 = spec->source_md5, .compiler = spec->compiler };
        int r;

        r = lower_run(spec->source, &lower, &c->graph, problem);
        if (r < 0 || spec->last == COMPILER_LOWER)
                return r;
        r = partition_run(c->graph, &c->partition);
        if (r < 0 || spec->last == COMPILER_PARTITION)
                return r;
        r = plan_run(c->graph, c->partition, &c->plan, problem);
        if (r < 0 || spec->last == COMPILER_PLAN)
                return r;
        return emit_run(&emit, c->partition, c->plan, c->graph, problem);
}

int compiler_run(const CompilerSpec *spec, Compilation **ret, Problem *problem) {
        _cleanup_(compilation_freep) Compilation *c = NULL;
        Engines engines;
        int r;

        r = compiler_find_engines(spec->fingerprint, &engines, problem);
        if (r < 0)
                return r;
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        r = compiler_passes(spec, &engines, c, problem);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(c);
        return 0;
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

int compiler_dump(const Compilation *compilation, CompilerStage stage, Bytes *ret) {
        switch (stage) {
        case COMPILER_LOWER:
                return lower_dump(compilation->graph, ret);
        case COMPILER_PARTITION:
                return partition_dump(compilation->partition, ret);
        case COMPILER_PLAN:
                return plan_dump(compilation->plan, compilation->partition, ret);
        case COMPILER_EMIT:
                break;
        }
        return -EINVAL;
}
