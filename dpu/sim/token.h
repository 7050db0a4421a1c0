#pragma once

/*
 * Tokens: what orders the engines
 *
 * There is a queue from every engine to every engine, itself included: the k-th wait takes what
 * the k-th post left. An engine's queue to itself begins with one token. A token carries what
 * its sender knew when it finished (hazard.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dpu/isa/isa.h"
#include "dpu/sim/hazard.h"

#define TOKEN_QUEUE_MAX 65536 /* tokens on their way from one engine to another */

typedef struct TokenQueue {
        Clocks *items; /* a ring of @capacity, a power of two */
        size_t head, n, capacity;
} TokenQueue;

typedef struct Tokens {
        TokenQueue queues[ISA_ENGINES][ISA_ENGINES]; /* [from][to]; numbers of the bits */
        Clocks start[ISA_ENGINES];    /* what the last instruction of each engine started with */
        Clocks finished[ISA_ENGINES]; /* and what is implied when it has finished */
} Tokens;

int tokens_init(Tokens *tokens); /* -ENOMEM */
void tokens_deinit(Tokens *tokens);

/* 0: an instruction of @engine with these tokens can start; else the bit of the first engine from
 * which it has none */
unsigned tokens_missing(const Tokens *tokens, unsigned engine, const IsaTokens *of);

/* Takes the tokens it waits for, which must be there; sets the clock of @hazards. */
void tokens_start(Tokens *tokens, unsigned engine, const IsaTokens *of, Hazards *hazards);

/* Posts. -ENOMEM, -EFBIG: more than TOKEN_QUEUE_MAX on the way */
int tokens_finish(Tokens *tokens, unsigned engine, const IsaTokens *of);

/* true: a token is left that nobody took; an engine may leave one for itself */
bool tokens_left(const Tokens *tokens, unsigned *ret_from, unsigned *ret_to);

/* the number of an engine: 0 for LOAD .. 3 for MISC */
static inline unsigned token_engine(IsaEngine bit) {
        return (unsigned) __builtin_ctz(bit);
}
