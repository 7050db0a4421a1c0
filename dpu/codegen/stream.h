#pragma once

/*
 * Streams: instructions in the making
 *
 * Generators append instructions in the order in which the program means them, without tokens, and
 * say which memory each reads and writes. tokens.h then lets the engines overlap.
 *
 * Accesses are ranges. The banks of an image group count as one space, as do those of the weights:
 * a tile has the same words in all of them, and what one row waits for the others do, too.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/problem.h"
#include "dpu/isa/isa.h"

#define STREAM_INSTRUCTIONS_MAX (1u << 23)
#define STREAM_BANK_DEPTH       2048u
#define STREAM_REGIONS          8

typedef enum Space {
        SPACE_IMAGES_0, /* image groups; more than two no target has */
        SPACE_IMAGES_1,
        SPACE_WEIGHTS,
        SPACE_DEPTHWISE,
        SPACE_BIAS,
        SPACE_MEMORY, /* + number of the register */
} Space;

#define STREAM_BANK_SPACES ((unsigned) SPACE_MEMORY)

typedef struct Access {
        unsigned space; /* Space, or SPACE_MEMORY + register */
        bool writes;
        uint64_t first, n; /* words, modulo the depth of a bank; or bytes */
} Access;

typedef struct StreamItem {
        Instruction instruction;
        size_t first_access;
        unsigned n_accesses;
        bool beside; /* may run beside the one of its engine before it: SAVEs on two ports */
} StreamItem;

typedef struct Stream {
        StreamItem *items; /* owned */
        size_t n, capacity;
        Access *accesses; /* owned */
        size_t n_accesses, accesses_capacity;
        bool counts_only; /* checks instructions and forgets them: to find out what is possible */
} Stream;

void stream_deinit(Stream *stream);

/* Appends. -EINVAL with @problem: a value that its field cannot hold; -EFBIG: too many
 * instructions; -ENOMEM. */
int stream_append(Stream *stream, const Instruction *instruction, const Access *accesses,
                  unsigned n_accesses, Problem *problem);

/* the bytes of all instructions. As stream_append(). */
int stream_encode(const Stream *stream, Bytes *ret, Problem *problem);

static inline void stream_cleanup(Stream *stream) {
        stream_deinit(stream);
}
