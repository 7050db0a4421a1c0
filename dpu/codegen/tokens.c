/*
 * Memory is looked at in blocks: an access to a part of one counts for all of it. That costs a wait
 * now and then, where a row ends and another tensor begins, and saves the bookkeeping for every
 * byte. Bank words are looked at one by one, but rarely: instructions come in flocks that touch
 * the same words (the filters of an output group, the output groups of some rows, those rows), and
 * the second of a flock needs nothing that the first did not, until another engine comes.
 */

#include "dpu/codegen/tokens.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define TOKENS_BLOCK 256u /* bytes */

#define TOKENS_SAVE ((unsigned) __builtin_ctz(ISA_ENGINE_SAVE))

/* how far each engine has certainly come: its instructions, counted from 1 */
typedef struct TokenClocks {
        uint32_t of[ISA_ENGINES];
} TokenClocks;

/* who touched a place last */
typedef struct TokenPlace {
        uint32_t read[ISA_ENGINES], written[ISA_ENGINES];
} TokenPlace;

#define TOKEN_FLOCKS 4u

/* An access to a bank that may come again; its clock may be ahead of what the places have. */
typedef struct TokenFlock {
        uint64_t first, n;
        bool writes, ahead;
        uint32_t clock;
} TokenFlock;

typedef struct TokenPlaces {
        TokenPlace *items; /* owned */
        uint64_t n;
        TokenFlock flocks[TOKEN_FLOCKS]; /* of one engine, since another one was here */
        unsigned n_flocks, engine;
} TokenPlaces;

typedef struct TokenPass {
        Stream *stream;
        TokenPlaces spaces[STREAM_BANK_SPACES + STREAM_REGIONS];
        TokenClocks known[ISA_ENGINES]; /* what each engine knew when its last one started */
        TokenClocks *finished;          /* owned; by instruction: what its end implies */
        size_t *by_clock[ISA_ENGINES];  /* owned; number of the engine's n-th instruction */
        uint32_t clocks[ISA_ENGINES];
} TokenPass;

static void token_pass_deinit(TokenPass *pass) {
        for (unsigned i = 0; i < STREAM_BANK_SPACES + STREAM_REGIONS; i++)
                free(pass->spaces[i].items);
        for (unsigned e = 0; e < ISA_ENGINES; e++)
                free(pass->by_clock[e]);
        free(pass->finished);
}

static int token_pass_init(TokenPass *pass, Stream *stream, const uint64_t *region_sizes) {
        pass->stream = stream;
        for (unsigned i = 0; i < STREAM_BANK_SPACES + STREAM_REGIONS; i++) {
                TokenPlaces *places = &pass->spaces[i];

                places->n = STREAM_BANK_DEPTH;
                if (i >= STREAM_BANK_SPACES)
                        places->n = (region_sizes[i - STREAM_BANK_SPACES] + TOKENS_BLOCK - 1) /
                                    TOKENS_BLOCK;
                places->items = calloc(places->n + 1, sizeof(*places->items));
                if (!places->items)
                        return -ENOMEM;
        }
        pass->finished = calloc(stream->n + 1, sizeof(*pass->finished));
        if (!pass->finished)
                return -ENOMEM;
        for (unsigned e = 0; e < ISA_ENGINES; e++) {
                pass->by_clock[e] = calloc(stream->n + 1, sizeof(*pass->by_clock[e]));
                if (!pass->by_clock[e])
                        return -ENOMEM;
        }
        return 0;
}

/* --- accesses -------------------------------------------------------------------------------- */

static void token_raise(TokenClocks *clocks, const uint32_t other[ISA_ENGINES]) {
        for (unsigned e = 0; e < ISA_ENGINES; e++)
                if (other[e] > clocks->of[e])
                        clocks->of[e] = other[e];
}

/* raises @needed by what must have finished before, and notes the access */
static void token_touch(TokenPlaces *places, uint64_t first, uint64_t n, bool writes,
                        unsigned engine, uint32_t clock, TokenClocks *needed) {
        for (uint64_t i = first; i < first + n; i++) {
                TokenPlace *place = &places->items[i];

                uint32_t *mine = writes ? &place->written[engine] : &place->read[engine];

                token_raise(needed, place->written);
                if (writes)
                        token_raise(needed, place->read);
                if (clock > *mine) /* the end of a flock may be older */
                        *mine = clock;
        }
}

/* the same for words of a bank, which is a ring */
static void token_touch_ring(TokenPlaces *places, uint64_t first, uint64_t n, bool writes,
                             unsigned engine, uint32_t clock, TokenClocks *needed) {
        uint64_t end = first + n;

        if (end > STREAM_BANK_DEPTH) {
                token_touch(places, 0, end - STREAM_BANK_DEPTH, writes, engine, clock, needed);
                end = STREAM_BANK_DEPTH;
        }
        token_touch(places, first, end - first, writes, engine, clock, needed);
}

static void token_end_flocks(TokenPlaces *places) {
        TokenClocks ignored = {};

        for (unsigned i = 0; i < places->n_flocks; i++) {
                const TokenFlock *flock = &places->flocks[i];

                if (flock->ahead)
                        token_touch_ring(places, flock->first, flock->n, flock->writes,
                                         places->engine, flock->clock, &ignored);
        }
        places->n_flocks = 0;
}

static TokenFlock *token_find_flock(TokenPlaces *places, uint64_t first, const Access *access) {
        for (unsigned i = 0; i < places->n_flocks; i++) {
                TokenFlock *flock = &places->flocks[i];

                if (flock->first == first && flock->n == access->n &&
                    flock->writes == access->writes)
                        return flock;
        }
        return NULL;
}

static void token_touch_bank(TokenPlaces *places, const Access *access, unsigned engine,
                             uint32_t clock, TokenClocks *needed) {
        uint64_t first = access->first % STREAM_BANK_DEPTH;
        TokenFlock *flock;

        if (places->engine != engine)
                token_end_flocks(places);
        places->engine = engine;
        flock = token_find_flock(places, first, access);
        if (flock) {
                flock->clock = clock;
                flock->ahead = true;
                return;
        }
        if (places->n_flocks == TOKEN_FLOCKS)
                token_end_flocks(places);
        token_touch_ring(places, first, access->n, access->writes, engine, clock, needed);
        places->flocks[places->n_flocks++] = (TokenFlock){
                .first = first, .n = access->n, .writes = access->writes, .clock = clock
        };
}

static int token_access(TokenPass *pass, const Access *access, unsigned engine, uint32_t clock,
                        TokenClocks *needed, Problem *problem) {
        TokenPlaces *places = &pass->spaces[access->space];
        uint64_t first, end;

        if (access->n == 0)
                return 0;
        if (access->space < STREAM_BANK_SPACES) {
                if (access->n > STREAM_BANK_DEPTH)
                        return problem_set(problem, -EINVAL,
                                           "an instruction wants more than a bank");
                token_touch_bank(places, access, engine, clock, needed);
                return 0;
        }
        first = access->first / TOKENS_BLOCK;
        end = (access->first + access->n - 1) / TOKENS_BLOCK + 1;
        if (places->n == 0 && !access->writes)
                return 0; /* constants */
        if (end > places->n)
                return problem_set(problem, -EINVAL, "an instruction leaves REG_%u",
                                   access->space - STREAM_BANK_SPACES);
        token_touch(places, first, end - first, access->writes, engine, clock, needed);
        return 0;
}

/* --- waits ----------------------------------------------------------------------------------- */

static const TokenClocks *token_sender(const TokenPass *pass, unsigned from, uint32_t clock) {
        return &pass->finished[pass->by_clock[from][clock]];
}

/* another token that is needed anyway brings the news of @from as well */
static bool token_is_implied(const TokenPass *pass, unsigned engine, unsigned from,
                             const TokenClocks *needed) {
        const TokenClocks *known = &pass->known[engine];

        for (unsigned other = 0; other < ISA_ENGINES; other++) {
                if (other == engine || other == from || needed->of[other] <= known->of[other])
                        continue;
                if (token_sender(pass, other, needed->of[other])->of[from] >= needed->of[from])
                        return true;
        }
        return false;
}

static void token_wait(TokenPass *pass, size_t number, unsigned engine, TokenClocks *needed) {
        StreamItem *items = pass->stream->items;
        TokenClocks known = pass->known[engine];

        for (unsigned from = 0; from < ISA_ENGINES; from++) {
                if (from == engine || needed->of[from] <= pass->known[engine].of[from] ||
                    token_is_implied(pass, engine, from, needed))
                        continue;
                items[pass->by_clock[from][needed->of[from]]].instruction.tokens.dpdby |= 1u
                                                                                          << engine;
                items[number].instruction.tokens.dpdon |= 1u << from;
                token_raise(&known, token_sender(pass, from, needed->of[from])->of);
        }
        pass->known[engine] = known;
}

/* Chains the instruction to the one of its engine before it, or lets both run at once. */
static void token_chain(TokenPass *pass, size_t number, unsigned engine) {
        StreamItem *item = &pass->stream->items[number];
        IsaTokens *tokens = &item->instruction.tokens;

        tokens->dpdby |= 1u << engine;
        if (!item->beside) {
                tokens->dpdon |= 1u << engine;
                pass->known[engine].of[engine] = pass->clocks[engine] - 1;
                return;
        }
        pass->stream->items[pass->by_clock[engine][pass->clocks[engine] - 1]]
                .instruction.tokens.dpdby &= ~(1u << engine);
}

/* Exactly, not in blocks; of banks, none that is written is told apart. */
static bool token_overlap(const Access *a, const Access *b) {
        if (a->space != b->space || !(a->writes || b->writes) || a->n == 0 || b->n == 0)
                return false;
        if (a->space < STREAM_BANK_SPACES)
                return true;
        return a->first < b->first + b->n && b->first < a->first + a->n;
}

/* Do two instructions of one engine touch the same bytes? Rows that follow each other often share
 * a block and nothing else. */
static bool token_collide(const TokenPass *pass, const StreamItem *one, const StreamItem *other) {
        const Access *accesses = pass->stream->accesses;

        for (unsigned i = 0; i < one->n_accesses; i++)
                for (unsigned k = 0; k < other->n_accesses; k++)
                        if (token_overlap(&accesses[one->first_access + i],
                                          &accesses[other->first_access + k]))
                                return true;
        return false;
}

static int token_step(TokenPass *pass, size_t number, Problem *problem) {
        StreamItem *item = &pass->stream->items[number];
        unsigned engine = (unsigned) __builtin_ctz(isa_describe(item->instruction.kind)->engine);
        uint32_t clock = ++pass->clocks[engine];
        TokenClocks needed = {};

        pass->by_clock[engine][clock] = number;
        for (unsigned i = 0; i < item->n_accesses; i++) {
                int r = token_access(pass, &pass->stream->accesses[item->first_access + i], engine,
                                     clock, &needed, problem);

                if (r < 0)
                        return r;
        }
        if (item->beside &&
            token_collide(pass, item, &pass->stream->items[pass->by_clock[engine][clock - 1]]))
                item->beside = false; /* it does need the one before it */
        token_chain(pass, number, engine);
        token_wait(pass, number, engine, &needed);
        pass->finished[number] = pass->known[engine];
        pass->finished[number].of[engine] = clock;
        return 0;
}

int tokens_run(Stream *stream, const uint64_t region_sizes[STREAM_REGIONS], Problem *problem) {
        _cleanup_(token_pass_deinit) TokenPass pass = {};
        int r;

        r = token_pass_init(&pass, stream, region_sizes);
        if (r < 0)
                return r;
        for (size_t i = 0; i < stream->n; i++) {
                r = token_step(&pass, i, problem);
                if (r < 0)
                        return r;
        }
        return 0;
}
