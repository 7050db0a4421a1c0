#include "dpu/sim/simulator.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "dpu/sim/capture.h"
#include "dpu/sim/engine.h"

struct Simulator {
        const Program *program; /* borrowed */
        SimulatorOptions options;
        Core core;
        Capture capture;
};

static unsigned simulator_threads(const SimulatorOptions *options) {
        long n = options->threads > 0 ? (long) options->threads : sysconf(_SC_NPROCESSORS_ONLN);

        return n < 1 ? 1 : n > SIMULATOR_THREADS_MAX ? SIMULATOR_THREADS_MAX : (unsigned) n;
}

/* --- construction ---------------------------------------------------------------------------- */

static int simulator_init_core(Simulator *s, Problem *problem) {
        Core *core = &s->core;
        unsigned threads = simulator_threads(&s->options);
        int r;

        r = program_check_target(&s->program->target, problem);
        if (r < 0)
                return r;
        core->target = s->program->target;
        core->random = RANDOM_INIT(s->options.seed);
        core->work_max = s->options.work_max > 0 ? s->options.work_max : SIMULATOR_WORK_MAX;
        core->kernel = kernel_choose(s->options.portable);
        r = banks_init(&core->banks, &core->target);
        if (r == -ENOTSUP)
                return problem_set(problem, r, "no banks are known for %s", core->target.name);
        if (r < 0)
                return r;
        r = memory_init(&core->memory, s->program->regions, &core->random);
        if (r == -EFBIG)
                return problem_set(problem, r, "the regions have more than %" PRIu64 " bytes",
                                   PROGRAM_MEMORY_MAX);
        if (r == -EINVAL)
                return problem_set(problem, r, "a constant region has not the size of its content");
        if (r < 0)
                return r;
        return threads > 1 ? crew_new(&core->crew, threads) : 0;
}

int simulator_new(Simulator **ret, const Program *program, const SimulatorOptions *options,
                  Problem *problem) {
        Simulator *s;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->program = program;
        if (options)
                s->options = *options;
        r = simulator_init_core(s, problem);
        if (r < 0) {
                (void) simulator_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

Simulator *simulator_free(Simulator *s) {
        if (!s)
                return NULL;
        (void) crew_free(s->core.crew);
        capture_deinit(&s->capture);
        memory_deinit(&s->core.memory);
        banks_deinit(&s->core.banks);
        free(s->core.patch);
        free(s->core.weights);
        free(s->core.sums);
        free(s->core.output);
        free(s);
        return NULL;
}

/* --- tensors --------------------------------------------------------------------------------- */

int simulator_write(Simulator *s, const ProgramTensor *tensor, Slice dense, Problem *problem) {
        const MemoryRegion *region = &s->core.memory.regions[tensor->reg_id];
        const char *name = tensor->op ? tensor->op->tensor.name : "a tensor";

        if (dense.size != tensor->elements)
                return problem_set(problem, -EINVAL, "%s has %" PRIu64 " elements, not %zu", name,
                                   tensor->elements, dense.size);
        if (!region->owned)
                return problem_set(problem, -EINVAL, "%s is constant", name);
        capture_scatter(tensor, dense.data, region->owned);
        return 0;
}

int simulator_read(const Simulator *s, const ProgramTensor *tensor, Bytes *ret) {
        int r;

        r = bytes_reserve(ret, tensor->elements);
        if (r < 0)
                return r;
        capture_gather(tensor, s->core.memory.regions[tensor->reg_id].data, ret->data + ret->size);
        ret->size += tensor->elements;
        return 0;
}

int simulator_capture(Simulator *s) {
        return s->capture.tensors ? 0 : capture_init(&s->capture, s->program);
}

int simulator_captured(const Simulator *s, const ProgramTensor *tensor, Slice *ret) {
        const CaptureTensor *t = &s->capture.tensors[tensor - s->program->tensors];

        if (!t->content)
                return -ENOENT;
        *ret = slice_of(t->content, tensor->elements);
        return 0;
}

/* --- running --------------------------------------------------------------------------------- */

static int simulator_done(void *userdata, const Instruction *instruction) {
        Simulator *s = userdata;

        if (instruction->kind != ISA_SAVE)
                return 0;
        return capture_saved(&s->capture, &s->core.memory, &instruction->save);
}

static void simulator_restart(Simulator *s) {
        Core *core = &s->core;

        core->work = 0;
        core->has_convinit = core->has_aluinit = false;
        for (unsigned i = 0; i < CORE_OPERANDS; i++)
                core->has_elewinit[i] = false;
        banks_fill_noise(&core->banks, &core->random);
        if (s->capture.tensors)
                capture_restart(&s->capture);
}

int simulator_run(Simulator *s, Problem *problem) {
        EngineRun run = { .core = &s->core,
                          .code = s->program->code,
                          .order = s->options.order,
                          .random = RANDOM_INIT(s->options.seed),
                          .done = simulator_done,
                          .userdata = s };
        int r;

        simulator_restart(s);
        r = hazards_init(&s->core.hazards, &s->core.banks, &s->core.memory, s->options.unchecked);
        if (r == -EFBIG)
                return problem_set(problem, r,
                                   "the regions are too large to look for unordered accesses");
        if (r < 0)
                return r;
        r = engine_run(&run, problem);
        hazards_deinit(&s->core.hazards);
        return r;
}
