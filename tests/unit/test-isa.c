/* The instruction table, and the decoder, encoder and disassembler that are made of it. */

#include "unit.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/random.h"
#include "dpu/isa/isa.h"

static Instruction decode_one(Slice code) {
        Problem problem = { "" };
        Instruction found;

        if (isa_decode(code, 0, &found, &problem) < 0)
                fail_msg("%s", problem.text);
        return found;
}

static uint32_t field_max(const IsaField *field) {
        return (UINT32_MAX >> (32 - field->width)) + (field->form == ISA_LESS_ONE ? 1 : 0);
}

/* fields overlap nowhere, and leave the opcode alone */
static void table_is_consistent(void **state) {
        unsigned seen = 0;

        for (int kind = 0; kind < ISA_KINDS; kind++) {
                const IsaDescription *d = isa_describe((IsaKind) kind);
                uint32_t used[ISA_WORDS_MAX] = { UINT32_C(0xf) << 28 };

                assert_false(seen & 1u << d->opcode);
                seen |= 1u << d->opcode;
                for (size_t i = 0; i < d->n_fields; i++) {
                        const IsaField *f = &d->fields[i];
                        uint32_t mask = (UINT32_MAX >> (32 - f->width)) << f->bit;

                        assert_true(f->word < d->words && f->bit + f->width <= 32);
                        assert_int_equal(used[f->word] & mask, 0);
                        used[f->word] |= mask;
                }
        }
}

/* every field alone at its largest value changes exactly its own bits and comes back */
static void every_field_round_trips(void **state) {
        for (int kind = 0; kind < ISA_KINDS; kind++) {
                const IsaDescription *d = isa_describe((IsaKind) kind);

                for (size_t i = 0; i < d->n_fields; i++) {
                        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(64);
                        Instruction in = isa_blank((IsaKind) kind), out;
                        uint32_t word;

                        in.values[i] = field_max(&d->fields[i]);
                        assert_int_equal(isa_encode(&in, &bytes, NULL), 0);
                        assert_int_equal(bytes.size, 4 * d->words);
                        memcpy(&word, bytes.data + 4 * d->fields[i].word, 4);
                        if (d->fields[i].word == 0)
                                word &= UINT32_C(0x0fffffff);
                        assert_int_equal(word, (UINT32_MAX >> (32 - d->fields[i].width))
                                                       << d->fields[i].bit);
                        out = decode_one(bytes_slice(&bytes));
                        assert_int_equal(out.kind, kind);
                        assert_memory_equal(out.values, in.values, 4 * d->n_fields);
                }
        }
}

static void random_instructions_round_trip(void **state) {
        Random random = RANDOM_INIT(7);

        for (int n = 0; n < 20000; n++) {
                _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(64);
                IsaKind kind = (IsaKind) random_below(&random, ISA_KINDS);
                const IsaDescription *d = isa_describe(kind);
                Instruction in = isa_blank(kind), out;

                for (size_t i = 0; i < d->n_fields; i++)
                        in.values[i] +=
                                (uint32_t) random_below(&random, UINT64_C(1) << d->fields[i].width);
                assert_int_equal(isa_encode(&in, &bytes, NULL), 0);
                out = decode_one(bytes_slice(&bytes));
                assert_memory_equal(out.values, in.values, 4 * d->n_fields);
        }
}

static void assert_refused(Slice code, uint32_t offset, const char *said) {
        Problem problem = { "" };
        Instruction found;

        assert_int_equal(isa_decode(code, offset, &found, &problem), -EBADMSG);
        if (!strstr(problem.text, said))
                fail_msg("'%s' does not say '%s'", problem.text, said);
}

static void what_is_no_instruction_is_refused(void **state) {
        static const uint8_t unknown[8] = { [7] = 0x30 };
        static const uint8_t end[4] = { [3] = 0x72, [2] = 0x20 };
        static const uint8_t odd[4] = { [3] = 0x70, [0] = 0x01 };

        assert_refused(slice_of(unknown, 8), 4, "offset 0x4: no instruction has opcode 0x3");
        assert_refused(slice_of(unknown, 8), 0, "ends in the middle of LOAD");
        assert_refused(slice_of(end, 3), 0, "middle of a word");
        assert_refused(slice_of(end, 4), 4, "middle of a word");
        assert_refused(slice_of(odd, 4), 0, "END has reserved bits set: 0x1 of word 0");
        assert_int_equal(decode_one(slice_of(end, 4)).tokens.dpdby, 2);
}

/* a reserved bit set in any word of any instruction */
static void reserved_bits_are_seen(void **state) {
        for (int kind = 0; kind < ISA_KINDS; kind++) {
                const IsaDescription *d = isa_describe((IsaKind) kind);
                Instruction blank = isa_blank((IsaKind) kind), found;

                for (unsigned bit = 0; bit < 32 * d->words; bit++) {
                        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(64);
                        bool known = bit >= 28 && bit < 32;

                        for (size_t i = 0; i < d->n_fields; i++)
                                known |= d->fields[i].word == bit / 32 &&
                                         d->fields[i].bit <= bit % 32 &&
                                         bit % 32 < d->fields[i].bit + d->fields[i].width;
                        if (known)
                                continue;
                        assert_int_equal(isa_encode(&blank, &bytes, NULL), 0);
                        bytes.data[bit / 8] |= (uint8_t) (1u << bit % 8);
                        assert_int_equal(isa_decode(bytes_slice(&bytes), 0, &found, NULL),
                                         -EBADMSG);
                }
        }
}

static void values_too_large_are_not_encoded(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(64);
        Instruction load = isa_blank(ISA_LOAD);
        Problem problem = { "" };

        load.load.length = 1025;
        assert_int_equal(isa_encode(&load, &bytes, &problem), -EINVAL);
        assert_string_equal(problem.text,
                            "LOAD cannot have length = 1025: 10 bits, stored less one");
        load.load.length = 0; /* stored less one: would be all ones */
        assert_int_equal(isa_encode(&load, &bytes, NULL), -EINVAL);
        load.load.length = 1;
        load.load.bank_id = 64;
        assert_int_equal(isa_encode(&load, &bytes, NULL), -EINVAL);
        assert_int_equal(bytes.size, 0);
}

static void text_names_what_is_set(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(1024);
        Instruction conv = isa_blank(ISA_CONV);

        conv.conv.dpdon = ISA_ENGINE_LOAD | ISA_ENGINE_CONV;
        conv.conv.dpdby = ISA_ENGINE_SAVE;
        conv.conv.length = 13;
        assert_int_equal(isa_disassemble(&conv, &bytes), 0);
        assert_true(slice_is(bytes_slice(&bytes), "CONV     wait=LC post=S length=13"));
}

/* the rows of docs/ISA.md are those of the table */
static void the_document_is_true(void **state) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(1 << 20);
        _cleanup_(freep) char *all = NULL;

        assert_int_equal(file_read(AT_FDCWD, TEST_SOURCE_DIR "/docs/ISA.md", &text), 0);
        all = bytes_take_string(&text);
        assert_non_null(all);
        for (int kind = 0; kind < ISA_KINDS; kind++) {
                const IsaDescription *d = isa_describe((IsaKind) kind);
                char row[128];
                const char *at;

                if (d->status != ISA_PROVED)
                        continue;
                (void) snprintf(row, sizeof(row), "### %s: opcode 0x%x, %u words, engine %s",
                                d->name, d->opcode, d->words, isa_engine_name(d->engine));
                at = strstr(all, row);
                for (size_t i = 2; at && i < d->n_fields; i++) {
                        const IsaField *f = &d->fields[i];

                        (void) snprintf(row, sizeof(row), "| %s | %u:%u-%u | %s | %s |", f->name,
                                        f->word, f->bit, f->bit + f->width - 1,
                                        f->form == ISA_LESS_ONE ? "less 1" : "as it is",
                                        isa_status_name(f->status));
                        at = strstr(at, row);
                }
                if (!at)
                        fail_msg("docs/ISA.md does not have: %s %s", d->name, row);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(table_is_consistent),
                cmocka_unit_test(every_field_round_trips),
                cmocka_unit_test(random_instructions_round_trip),
                cmocka_unit_test(what_is_no_instruction_is_refused),
                cmocka_unit_test(reserved_bits_are_seen),
                cmocka_unit_test(values_too_large_are_not_encoded),
                cmocka_unit_test(text_names_what_is_set),
                cmocka_unit_test(the_document_is_true),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
