/*
 * A program has no jumps, so each engine is a cursor that moves forward through the program and
 * stops at the next instruction of its own. In program order the four cursors are not needed: the
 * instruction at the lowest offset is the next one, and must be able to start.
 */

#include "dpu/sim/engine.h"

#include <errno.h>
#include <inttypes.h>

#include "dpu/sim/alu.h"
#include "dpu/sim/conv.h"
#include "dpu/sim/elew.h"
#include "dpu/sim/transfer.h"

/* --- the program ----------------------------------------------------------------------------- */

static uint32_t engine_size(const Instruction *instruction) {
        return 4 * isa_describe(instruction->kind)->words;
}

int engine_scan(Slice code, EngineDone each, void *userdata, Problem *problem) {
        Instruction instruction = { .kind = ISA_KINDS };

        for (uint32_t at = 0; at < code.size; at += engine_size(&instruction)) {
                int r;

                if (instruction.kind == ISA_END)
                        return problem_set(problem, -EBADMSG,
                                           "offset 0x%" PRIx32 ": more instructions after END", at);
                r = isa_decode(code, at, &instruction, problem);
                if (r < 0)
                        return r;
                r = each ? each(userdata, &instruction) : 0;
                if (r < 0)
                        return r;
        }
        if (instruction.kind != ISA_END)
                return problem_set(problem, -EBADMSG, "the program does not end with END");
        return 0;
}

/* --- one instruction ------------------------------------------------------------------------- */

static int engine_execute(Core *core, const Instruction *instruction, Problem *problem) {
        int r;

        r = core_check_known(instruction, problem);
        if (r < 0)
                return r;
        switch (instruction->kind) {
        case ISA_LOAD:
                return load_execute(core, instruction, problem);
        case ISA_SAVE:
                return save_execute(core, instruction, problem);
        case ISA_CONVINIT:
                return convinit_execute(core, instruction, problem);
        case ISA_CONV:
                return conv_execute(core, instruction, problem);
        case ISA_ALUINIT:
                return aluinit_execute(core, instruction, problem);
        case ISA_ALU:
                return alu_execute(core, instruction, problem);
        case ISA_ELEWINIT:
                return elewinit_execute(core, instruction, problem);
        case ISA_ELEW:
                return elew_execute(core, instruction, problem);
        case ISA_END:
        case ISA_POOLINIT: /* these four: not known, refused above */
        case ISA_POOL:
        case ISA_DWINIT:
        case ISA_DPTWISE:
        case ISA_KINDS:
                break;
        }
        return 0;
}

/* --- hazards --------------------------------------------------------------------------------- */

typedef struct EngineSearch {
        unsigned engine;
        uint32_t clock;
        Instruction found;
} EngineSearch;

/* the instruction that has that clock of that engine */
static int engine_search(void *userdata, const Instruction *instruction) {
        EngineSearch *search = userdata;

        if (token_engine(isa_describe(instruction->kind)->engine) != search->engine ||
            --search->clock > 0)
                return 0;
        search->found = *instruction;
        return -ECANCELED;
}

static int engine_refuse_hazard(const EngineRun *run, const Instruction *instruction,
                                Problem *problem) {
        const HazardFound *h = &run->core->hazards.first;
        EngineSearch search = { .engine = h->engine, .clock = h->clock };

        (void) engine_scan(run->code, engine_search, &search, NULL);
        return core_refuse(instruction, problem, -EBUSY,
                           "%s %s %" PRIu64 " of %s%u, which %s at offset 0x%" PRIx32
                           " %s; no token orders the two",
                           h->later_writes ? "writes" : "reads", h->in_memory ? "byte" : "word",
                           h->address, h->in_memory ? "REG_" : "bank ", h->place,
                           isa_describe(search.found.kind)->name, search.found.offset,
                           h->earlier_wrote ? "writes" : "reads");
}

/* --- running --------------------------------------------------------------------------------- */

static int engine_step(EngineRun *run, Tokens *tokens, const Instruction *instruction,
                       Problem *problem) {
        unsigned engine = token_engine(isa_describe(instruction->kind)->engine);
        int r;

        tokens_start(tokens, engine, &instruction->tokens, &run->core->hazards);
        r = engine_execute(run->core, instruction, problem);
        if (r < 0)
                return r;
        if (run->core->hazards.first.found)
                return engine_refuse_hazard(run, instruction, problem);
        r = tokens_finish(tokens, engine, &instruction->tokens);
        if (r == -EFBIG)
                return core_refuse(instruction, problem, -EDEADLK,
                                   "posts a token where %d wait to be taken", TOKEN_QUEUE_MAX);
        if (r < 0)
                return r;
        return run->done ? run->done(run->userdata, instruction) : 0;
}

static int engine_refuse_wait(const Instruction *instruction, unsigned missing, Problem *problem) {
        return core_refuse(instruction, problem, -EDEADLK,
                           "waits for a token from %s that nothing before it posts",
                           isa_engine_name((IsaEngine) missing));
}

static int engine_run_in_order(EngineRun *run, Tokens *tokens, Problem *problem) {
        Instruction instruction;

        for (uint32_t at = 0; at < run->code.size; at += engine_size(&instruction)) {
                unsigned missing;
                int r;

                r = isa_decode(run->code, at, &instruction, problem);
                if (r < 0)
                        return r;
                missing =
                        tokens_missing(tokens, token_engine(isa_describe(instruction.kind)->engine),
                                       &instruction.tokens);
                if (missing)
                        return engine_refuse_wait(&instruction, missing, problem);
                r = engine_step(run, tokens, &instruction, problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- other orders ---------------------------------------------------------------------------- */

typedef struct EngineCursor {
        uint32_t at; /* offset behind the instruction */
        bool has;    /* there is one left */
        Instruction next;
} EngineCursor;

static int engine_advance(const EngineRun *run, EngineCursor *cursor, unsigned engine) {
        cursor->has = false;
        while (!cursor->has && cursor->at < run->code.size) {
                int r = isa_decode(run->code, cursor->at, &cursor->next, NULL);

                if (r < 0)
                        return r; /* not after engine_scan() */
                cursor->at += engine_size(&cursor->next);
                cursor->has = token_engine(isa_describe(cursor->next.kind)->engine) == engine;
        }
        return 0;
}

/* the engines, the one to be asked first first */
static void engine_preference(EngineRun *run, unsigned ret[ISA_ENGINES]) {
        static const unsigned eager[ISA_ENGINES] = { 0, 2, 3, 1 }; /* SAVE last */

        for (unsigned e = 0; e < ISA_ENGINES; e++)
                ret[e] = run->order == SIMULATOR_ORDER_EAGER_LOAD ? eager[e] : e;
        if (run->order == SIMULATOR_ORDER_EAGER_LOAD)
                return;
        random_shuffle(&run->random, ret, ISA_ENGINES, sizeof(*ret));
}

static EngineCursor *engine_pick(const Tokens *tokens, EngineCursor cursors[ISA_ENGINES],
                                 const unsigned preference[ISA_ENGINES]) {
        for (unsigned i = 0; i < ISA_ENGINES; i++) {
                EngineCursor *cursor = &cursors[preference[i]];

                if (cursor->has && tokens_missing(tokens, preference[i], &cursor->next.tokens) == 0)
                        return cursor;
        }
        return NULL;
}

static int engine_refuse_deadlock(const Tokens *tokens, EngineCursor cursors[ISA_ENGINES],
                                  Problem *problem) {
        for (unsigned e = 0; e < ISA_ENGINES; e++)
                if (cursors[e].has)
                        return engine_refuse_wait(
                                &cursors[e].next,
                                tokens_missing(tokens, e, &cursors[e].next.tokens), problem);
        return 0; /* all have run to their ends */
}

static int engine_run_reordered(EngineRun *run, Tokens *tokens, Problem *problem) {
        EngineCursor cursors[ISA_ENGINES] = {};
        unsigned preference[ISA_ENGINES];
        EngineCursor *cursor;
        int r;

        for (unsigned e = 0; e < ISA_ENGINES; e++) {
                r = engine_advance(run, &cursors[e], e);
                if (r < 0)
                        return r;
        }
        engine_preference(run, preference);
        while ((cursor = engine_pick(tokens, cursors, preference))) {
                r = engine_step(run, tokens, &cursor->next, problem);
                if (r < 0)
                        return r;
                r = engine_advance(run, cursor, (unsigned) (cursor - cursors));
                if (r < 0)
                        return r;
                if (run->order == SIMULATOR_ORDER_RANDOM)
                        engine_preference(run, preference);
        }
        return engine_refuse_deadlock(tokens, cursors, problem);
}

static int engine_run_with(EngineRun *run, Tokens *tokens, Problem *problem) {
        unsigned from, to;
        int r;

        if (run->order == SIMULATOR_ORDER_PROGRAM)
                r = engine_run_in_order(run, tokens, problem);
        else
                r = engine_run_reordered(run, tokens, problem);
        if (r < 0)
                return r;
        if (tokens_left(tokens, &from, &to))
                return problem_set(problem, -EDEADLK,
                                   "a token from %s to %s is left over at the end",
                                   isa_engine_name((IsaEngine) (1u << from)),
                                   isa_engine_name((IsaEngine) (1u << to)));
        return 0;
}

int engine_run(EngineRun *run, Problem *problem) {
        Tokens tokens;
        int r;

        r = engine_scan(run->code, NULL, NULL, problem);
        if (r < 0)
                return r;
        r = tokens_init(&tokens);
        if (r < 0)
                return r;
        r = engine_run_with(run, &tokens, problem);
        tokens_deinit(&tokens);
        return r;
}
