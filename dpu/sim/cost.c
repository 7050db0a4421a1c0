#include "dpu/sim/cost.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "dpu/sim/engine.h"

/* The optimistic one is a lower bound: a word of a bank and the width of an AXI port in each
 * cycle, and latency hidden. The pessimistic one has half of the bandwidth, because DDR is shared
 * with processors and other cores, pays a round trip for each instruction, and has one port. */
const CostAssumptions cost_optimistic = { "optimistic", 16, 0, true };
const CostAssumptions cost_pessimistic = { "pessimistic", 8, 100, false };

/* --- one instruction ------------------------------------------------------------------------- */

static uint64_t cost_of_transfer(uint32_t length, uint32_t channel, const FingerprintInfo *target,
                                 const CostAssumptions *a) {
        uint64_t words = (uint64_t) length *
                         ((channel + target->input_channels - 1) / target->input_channels);
        uint64_t bytes = (uint64_t) length * channel;
        uint64_t beats = (bytes + a->bytes_per_cycle - 1) / a->bytes_per_cycle;

        return a->fixed + (words > beats ? words : beats);
}

uint64_t cost_of(const Instruction *instruction, const FingerprintInfo *target,
                 const CostAssumptions *assumptions, CostState *state) {
        const IsaElew *elew = &instruction->elew;

        switch (instruction->kind) {
        case ISA_LOAD:
                return cost_of_transfer(instruction->load.length, instruction->load.channel, target,
                                        assumptions);
        case ISA_SAVE:
                return cost_of_transfer(instruction->save.length, instruction->save.channel, target,
                                        assumptions);
        case ISA_CONVINIT:
                state->convinit = instruction->convinit;
                return 0;
        case ISA_ALUINIT:
                state->aluinit = instruction->aluinit;
                return 0;
        case ISA_CONV:
                return (uint64_t) instruction->conv.length * state->convinit.kernel_h *
                       state->convinit.kernel_w * instruction->conv.channel_group;
        case ISA_ALU:
                return (uint64_t) state->aluinit.length * state->aluinit.kernel_h *
                       state->aluinit.kernel_w * state->aluinit.channel_group;
        case ISA_ELEW:
                return (uint64_t) elew->length * elew->channel_group * elew->num;
        case ISA_ELEWINIT:
        case ISA_END:
        case ISA_POOLINIT: /* these four: no program has them */
        case ISA_POOL:
        case ISA_DWINIT:
        case ISA_DPTWISE:
        case ISA_KINDS:
                break;
        }
        return 0;
}

/* --- a program ------------------------------------------------------------------------------- */

/* when tokens were posted, from one engine to another */
typedef struct CostQueue {
        uint64_t *times;
        size_t first, n, capacity;
} CostQueue;

typedef struct CostRun {
        const FingerprintInfo *target;
        const CostAssumptions *assumptions;
        CostState state;
        CostQueue queues[ISA_ENGINES][ISA_ENGINES];
        uint64_t started[ISA_ENGINES], ended[ISA_ENGINES]; /* the last instruction of each */
        Cost cost;
        Problem *problem;
} CostRun;

static int cost_wait(CostRun *run, const Instruction *instruction, unsigned engine,
                     uint64_t *start) {
        for (unsigned from = 0; from < ISA_ENGINES; from++) {
                CostQueue *queue = &run->queues[from][engine];

                if (!(instruction->tokens.dpdon & 1u << from) || from == engine)
                        continue; /* the engine's own order is kept without tokens */
                if (queue->first == queue->n)
                        return problem_set(run->problem, -EDEADLK,
                                           "offset 0x%" PRIx32
                                           ": waits for a token that nothing before it posts",
                                           instruction->offset);
                if (queue->times[queue->first] > *start)
                        *start = queue->times[queue->first];
                queue->first++;
        }
        return 0;
}

static int cost_post(CostRun *run, const Instruction *instruction, unsigned engine) {
        for (unsigned to = 0; to < ISA_ENGINES; to++) {
                CostQueue *queue = &run->queues[engine][to];
                int r;

                if (!(instruction->tokens.dpdby & 1u << to) || to == engine)
                        continue;
                r = array_reserve(&queue->times, &queue->capacity, queue->n + 1,
                                  sizeof(*queue->times));
                if (r < 0)
                        return r;
                queue->times[queue->n++] = run->ended[engine];
        }
        return 0;
}

/* an instruction that does not wait for its engine's own token runs beside the one before it */
static bool cost_overlaps(const CostRun *run, const Instruction *instruction,
                          const IsaDescription *d) {
        return run->assumptions->ports_overlap && d->engine == ISA_ENGINE_SAVE &&
               !(instruction->tokens.dpdon & ISA_ENGINE_SAVE);
}

static int cost_step(void *userdata, const Instruction *instruction) {
        CostRun *run = userdata;
        const IsaDescription *d = isa_describe(instruction->kind);
        unsigned engine = (unsigned) __builtin_ctz(d->engine);
        uint64_t cycles = cost_of(instruction, run->target, run->assumptions, &run->state);
        uint64_t start = run->ended[engine];
        int r;

        if (cost_overlaps(run, instruction, d))
                start = run->started[engine];
        r = cost_wait(run, instruction, engine, &start);
        if (r < 0)
                return r;
        run->started[engine] = start;
        if (start + cycles > run->ended[engine]) {
                /* what overlaps keeps the engine busy once */
                run->cost.busy[engine] +=
                        start + cycles - (start > run->ended[engine] ? start : run->ended[engine]);
                run->ended[engine] = start + cycles;
        }
        if (run->ended[engine] > run->cost.cycles)
                run->cost.cycles = run->ended[engine];
        return cost_post(run, instruction, engine);
}

int cost_program(Slice code, const FingerprintInfo *target, const CostAssumptions *assumptions,
                 Cost *ret, Problem *problem) {
        CostRun run = { .target = target, .assumptions = assumptions, .problem = problem };
        int r;

        r = engine_scan(code, cost_step, &run, problem);
        for (unsigned from = 0; from < ISA_ENGINES; from++)
                for (unsigned to = 0; to < ISA_ENGINES; to++)
                        free(run.queues[from][to].times);
        if (r == 0)
                *ret = run.cost;
        return r;
}
