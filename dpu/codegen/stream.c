#include "dpu/codegen/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void stream_deinit(Stream *stream) {
        free(stream->items);
        free(stream->accesses);
        *stream = (Stream){};
}

static int stream_check(const Instruction *instruction, Problem *problem) {
        const IsaDescription *d = isa_describe(instruction->kind);

        for (size_t i = 0; i < d->n_fields; i++) {
                const IsaField *f = &d->fields[i];
                uint64_t value = instruction->values[i];

                if (f->form == ISA_LESS_ONE)
                        value--; /* 0 becomes too large for any field */
                if (value >> f->width != 0)
                        return problem_set(problem, -EINVAL, "%s.%s cannot be %u", d->name, f->name,
                                           instruction->values[i]);
        }
        return 0;
}

int stream_append(Stream *stream, const Instruction *instruction, const Access *accesses,
                  unsigned n_accesses, Problem *problem) {
        int r;

        r = stream_check(instruction, problem);
        if (r < 0)
                return r;
        if (stream->n == STREAM_INSTRUCTIONS_MAX)
                return problem_set(problem, -EFBIG, "more than %u instructions",
                                   STREAM_INSTRUCTIONS_MAX);
        if (stream->counts_only) {
                stream->n++;
                return 0;
        }
        r = array_reserve(&stream->items, &stream->capacity, stream->n + 1, sizeof(*stream->items));
        if (r < 0)
                return r;
        r = array_reserve(&stream->accesses, &stream->accesses_capacity,
                          stream->n_accesses + n_accesses, sizeof(*stream->accesses));
        if (r < 0)
                return r;

        stream->items[stream->n++] = (StreamItem){ .instruction = *instruction,
                                                   .first_access = stream->n_accesses,
                                                   .n_accesses = n_accesses };
        if (n_accesses > 0)
                memcpy(stream->accesses + stream->n_accesses, accesses,
                       n_accesses * sizeof(*accesses));
        stream->n_accesses += n_accesses;
        return 0;
}

int stream_encode(const Stream *stream, Bytes *ret, Problem *problem) {
        for (size_t i = 0; i < stream->n; i++) {
                int r = isa_encode(&stream->items[i].instruction, ret, problem);

                if (r < 0)
                        return r;
        }
        return 0;
}
