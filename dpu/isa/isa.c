#include "dpu/isa/isa.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

#define ISA_ROW(_name, _word, _bit, _width, _form, _status)                                        \
        { .name = #_name,                                                                          \
          .word = (_word),                                                                         \
          .bit = (_bit),                                                                           \
          .width = (_width),                                                                       \
          .form = ISA_##_form,                                                                     \
          .status = ISA_##_status },
#define ISA_ROWS(name, member, opcode, words, engine, status)                                      \
        static const IsaField isa_##member##_fields[] = { ISA_##name##_FIELDS(ISA_ROW) };          \
        _Static_assert(ARRAY_SIZE(isa_##member##_fields) <= ISA_FIELDS_MAX, #name);                \
        _Static_assert((words) <= ISA_WORDS_MAX, #name);
ISA_INSTRUCTIONS(ISA_ROWS)

#define ISA_DESCRIPTION(_name, _member, _opcode, _words, _engine, _status)                         \
        [ISA_##_name] = { .name = #_name,                                                          \
                          .opcode = (_opcode),                                                     \
                          .words = (_words),                                                       \
                          .engine = ISA_ENGINE_##_engine,                                          \
                          .status = ISA_##_status,                                                 \
                          .fields = isa_##_member##_fields,                                        \
                          .n_fields = ARRAY_SIZE(isa_##_member##_fields) },
static const IsaDescription isa_descriptions[] = { ISA_INSTRUCTIONS(ISA_DESCRIPTION) };

const IsaDescription *isa_describe(IsaKind kind) {
        return &isa_descriptions[kind];
}

const char *isa_engine_name(IsaEngine engine) {
        switch (engine) {
        case ISA_ENGINE_LOAD:
                return "LOAD";
        case ISA_ENGINE_SAVE:
                return "SAVE";
        case ISA_ENGINE_CONV:
                return "CONV";
        case ISA_ENGINE_MISC:
                return "MISC";
        }
        return "?";
}

const char *isa_status_name(IsaStatus status) {
        switch (status) {
        case ISA_PROVED:
                return "proved";
        case ISA_CHECKED:
                return "checked";
        case ISA_DOCUMENTED:
                return "documented";
        case ISA_GUESSED:
                return "guessed";
        }
        return "?";
}

/* --- words ----------------------------------------------------------------------------------- */

static uint32_t isa_word(Slice code, size_t offset) {
        const uint8_t *p = code.data + offset;

        return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 |
               (uint32_t) p[3] << 24;
}

static uint32_t isa_field_mask(const IsaField *field) {
        return (UINT32_MAX >> (32 - field->width)) << field->bit;
}

static const IsaDescription *isa_find_opcode(uint32_t opcode) {
        for (size_t i = 0; i < ARRAY_SIZE(isa_descriptions); i++)
                if (isa_descriptions[i].opcode == opcode)
                        return &isa_descriptions[i];
        return NULL;
}

/* the bits of word @word that no field has */
static uint32_t isa_reserved(const IsaDescription *d, unsigned word) {
        uint32_t mask = word == 0 ? UINT32_C(0xf) << 28 : 0;

        for (size_t i = 0; i < d->n_fields; i++)
                if (d->fields[i].word == word)
                        mask |= isa_field_mask(&d->fields[i]);
        return ~mask;
}

int isa_decode(Slice code, uint32_t offset, Instruction *ret, Problem *problem) {
        uint32_t words[ISA_WORDS_MAX];
        const IsaDescription *d;
        Instruction found = { .offset = offset };

        if (offset > code.size || code.size - offset < 4)
                return problem_set(problem, -EBADMSG,
                                   "offset 0x%" PRIx32 ": the program ends in the middle of a word",
                                   offset);
        d = isa_find_opcode(isa_word(code, offset) >> 28);
        if (!d)
                return problem_set(problem, -EBADMSG,
                                   "offset 0x%" PRIx32 ": no instruction has opcode 0x%" PRIx32,
                                   offset, isa_word(code, offset) >> 28);
        if (code.size - offset < 4 * (size_t) d->words)
                return problem_set(problem, -EBADMSG,
                                   "offset 0x%" PRIx32 ": the program ends in the middle of %s",
                                   offset, d->name);

        for (unsigned w = 0; w < d->words; w++) {
                uint32_t odd;

                words[w] = isa_word(code, offset + 4 * (size_t) w);
                odd = words[w] & isa_reserved(d, w);
                if (odd != 0)
                        return problem_set(problem, -EBADMSG,
                                           "offset 0x%" PRIx32
                                           ": %s has reserved bits set: 0x%" PRIx32 " of word %u",
                                           offset, d->name, odd, w);
        }
        found.kind = (IsaKind) (d - isa_descriptions);
        for (size_t i = 0; i < d->n_fields; i++) {
                const IsaField *f = &d->fields[i];

                found.values[i] = ((words[f->word] & isa_field_mask(f)) >> f->bit) +
                                  (f->form == ISA_LESS_ONE ? 1 : 0);
        }
        *ret = found;
        return 0;
}

int isa_encode(const Instruction *instruction, Bytes *ret, Problem *problem) {
        const IsaDescription *d = isa_describe(instruction->kind);
        uint32_t words[ISA_WORDS_MAX] = { d->opcode << 28 };
        uint8_t bytes[4 * ISA_WORDS_MAX];

        for (size_t i = 0; i < d->n_fields; i++) {
                const IsaField *f = &d->fields[i];
                uint32_t stored = instruction->values[i] - (f->form == ISA_LESS_ONE ? 1 : 0);

                if (stored > isa_field_mask(f) >> f->bit)
                        return problem_set(problem, -EINVAL,
                                           "%s cannot have %s = %" PRId32 ": %u bits%s", d->name,
                                           f->name, (int32_t) instruction->values[i], f->width,
                                           f->form == ISA_LESS_ONE ? ", stored less one" : "");
                words[f->word] |= stored << f->bit;
        }
        for (unsigned i = 0; i < 4 * d->words; i++)
                bytes[i] = (uint8_t) (words[i / 4] >> 8 * (i % 4));
        return bytes_append(ret, bytes, 4 * (size_t) d->words);
}

Instruction isa_blank(IsaKind kind) {
        const IsaDescription *d = isa_describe(kind);
        Instruction blank = { .kind = kind };

        for (size_t i = 0; i < d->n_fields; i++)
                blank.values[i] = d->fields[i].form == ISA_LESS_ONE ? 1 : 0;
        return blank;
}

/* --- text ------------------------------------------------------------------------------------ */

static int isa_disassemble_tokens(const char *label, uint32_t engines, Bytes *ret) {
        char letters[ISA_ENGINES + 1] = "";
        size_t n = 0;

        if (engines == 0)
                return 0;
        for (unsigned i = 0; i < ISA_ENGINES; i++)
                if (engines & 1u << i)
                        letters[n++] = *isa_engine_name((IsaEngine) (1u << i));
        return bytes_printf(ret, " %s=%s", label, letters);
}

int isa_disassemble(const Instruction *instruction, Bytes *ret) {
        const IsaDescription *d = isa_describe(instruction->kind);
        int r;

        r = bytes_printf(ret, "%-8s", d->name);
        if (r < 0)
                return r;
        r = isa_disassemble_tokens("wait", instruction->tokens.dpdon, ret);
        if (r < 0)
                return r;
        r = isa_disassemble_tokens("post", instruction->tokens.dpdby, ret);
        for (size_t i = 2; r == 0 && i < d->n_fields; i++) {
                const IsaField *f = &d->fields[i];

                if (instruction->values[i] != (f->form == ISA_LESS_ONE ? 1 : 0))
                        r = bytes_printf(ret, " %s=%" PRIu32, f->name, instruction->values[i]);
        }
        return r;
}
