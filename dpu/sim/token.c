#include "dpu/sim/token.h"

#include <errno.h>
#include <stdlib.h>

static void clocks_join(Clocks *into, const Clocks *other) {
        for (unsigned i = 0; i < ISA_ENGINES; i++)
                if (other->of[i] > into->of[i])
                        into->of[i] = other->of[i];
}

static int token_queue_grow(TokenQueue *queue) {
        size_t capacity = queue->capacity ? 2 * queue->capacity : 4;
        Clocks *items;

        if (queue->n == TOKEN_QUEUE_MAX)
                return -EFBIG;
        items = malloc(capacity * sizeof(*items));
        if (!items)
                return -ENOMEM;
        for (size_t i = 0; i < queue->n; i++)
                items[i] = queue->items[(queue->head + i) % queue->capacity];
        free(queue->items);
        queue->items = items;
        queue->capacity = capacity;
        queue->head = 0;
        return 0;
}

static int token_queue_put(TokenQueue *queue, const Clocks *token) {
        if (queue->n == queue->capacity) {
                int r = token_queue_grow(queue);

                if (r < 0)
                        return r;
        }
        queue->items[(queue->head + queue->n++) % queue->capacity] = *token;
        return 0;
}

int tokens_init(Tokens *tokens) {
        const Clocks before = {};
        Tokens t = {};

        for (unsigned e = 0; e < ISA_ENGINES; e++)
                if (token_queue_put(&t.queues[e][e], &before) < 0) {
                        tokens_deinit(&t);
                        return -ENOMEM;
                }
        *tokens = t;
        return 0;
}

void tokens_deinit(Tokens *tokens) {
        for (unsigned from = 0; from < ISA_ENGINES; from++)
                for (unsigned to = 0; to < ISA_ENGINES; to++)
                        free(tokens->queues[from][to].items);
        *tokens = (Tokens){};
}

unsigned tokens_missing(const Tokens *tokens, unsigned engine, const IsaTokens *of) {
        for (unsigned from = 0; from < ISA_ENGINES; from++)
                if (of->dpdon & 1u << from && tokens->queues[from][engine].n == 0)
                        return 1u << from;
        return 0;
}

void tokens_start(Tokens *tokens, unsigned engine, const IsaTokens *of, Hazards *hazards) {
        Clocks *start = &tokens->start[engine];

        for (unsigned from = 0; from < ISA_ENGINES; from++) {
                TokenQueue *queue = &tokens->queues[from][engine];

                if (!(of->dpdon & 1u << from))
                        continue;
                clocks_join(start, &queue->items[queue->head]);
                queue->head = (queue->head + 1) % queue->capacity;
                queue->n--;
        }
        hazards->engine = engine;
        hazards->clock = tokens->finished[engine].of[engine] + 1;
        hazards->known = *start;
}

int tokens_finish(Tokens *tokens, unsigned engine, const IsaTokens *of) {
        Clocks *finished = &tokens->finished[engine];

        clocks_join(finished, &tokens->start[engine]);
        finished->of[engine]++;
        for (unsigned to = 0; to < ISA_ENGINES; to++) {
                int r;

                if (!(of->dpdby & 1u << to))
                        continue;
                r = token_queue_put(&tokens->queues[engine][to], finished);
                if (r < 0)
                        return r;
        }
        return 0;
}

bool tokens_left(const Tokens *tokens, unsigned *ret_from, unsigned *ret_to) {
        for (unsigned from = 0; from < ISA_ENGINES; from++)
                for (unsigned to = 0; to < ISA_ENGINES; to++)
                        if (tokens->queues[from][to].n > (from == to ? 1 : 0)) {
                                *ret_from = from;
                                *ret_to = to;
                                return true;
                        }
        return false;
}
