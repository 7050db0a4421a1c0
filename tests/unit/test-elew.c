/* ELEW against arithmetic written down here: sums and products of one to four images. */

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "tests/support/micro.h"

typedef struct Case {
        uint32_t n, rows, columns, channels, groups;
        bool multiply, relu;
        uint32_t shift_read[4], shift_write;
        uint32_t jump_bank, jump_read; /* of the first operand */
        int8_t *images;                /* [n][rows * jump_bank][columns][channels] */
} Case;

static void make_case(Random *random, const FingerprintInfo *target, Case *c) {
        size_t size;

        *c = (Case){ .n = micro_between(random, 1, 4),
                     .rows = micro_between(random, 1, target->alu_pixels),
                     .columns = micro_between(random, 1, 20),
                     .channels = micro_between(random, 1, 3 * target->input_channels),
                     .multiply = random_below(random, 3) == 0,
                     .relu = random_below(random, 2) == 0,
                     .jump_bank = micro_between(random, 1, 2),
                     .jump_read = micro_between(random, 0, 5) };
        c->groups = (c->channels + target->input_channels - 1) / target->input_channels;
        for (uint32_t i = 0; !c->multiply && i < c->n; i++)
                c->shift_read[i] = micro_between(random, 0, 15);
        /* products can be large, sums not: most of it should not saturate */
        c->shift_write = random_below(random, 2) ? 0x10 | micro_between(random, 0, 15)
                                                 : micro_between(random, 0, 3);
        size = (size_t) c->n * 2 * c->rows * c->columns * c->channels;
        c->images = malloc(size + 1);
        assert_non_null(c->images);
        for (size_t i = 0; i < size; i++)
                c->images[i] = (int8_t) random_u64(random);
}

/* the row of operand @i that belongs to output row @row, pixel @x */
static const int8_t *pixel_of(const Case *c, uint32_t i, uint32_t row, uint32_t x) {
        uint32_t from = row * (i == 0 ? c->jump_bank : 1);

        return c->images + ((size_t) (i * 2 * c->rows + from) * c->columns + x) * c->channels;
}

static int8_t expected(const Case *c, uint32_t row, uint32_t x, uint32_t channel) {
        int64_t total = c->multiply ? 1 : 0, by = c->multiply ? 1 : 1 << 15;

        for (uint32_t i = 0; i < c->n; i++) {
                int64_t value = pixel_of(c, i, row, x)[channel];

                if (c->multiply)
                        total *= value;
                else
                        total += value * (1 << 15 >> c->shift_read[i]);
        }
        if (c->relu && total < 0)
                return 0;
        if (c->shift_write & 0x10)
                by <<= c->shift_write & 15;
        else
                total *= 1 << c->shift_write;
        return micro_divide(total, by);
}

/* Operand i lies in group i % 2, at its own addresses; the result in group 1 behind them. */
static void build(Micro *m, uint64_t target, const Case *c) {
        size_t row_bytes = (size_t) c->columns * c->channels;
        uint32_t pitch = c->groups + c->jump_read, words;
        Instruction load = isa_blank(ISA_LOAD), elew = isa_blank(ISA_ELEW), save;

        micro_init(m, target, (size_t) c->n * 2 * c->rows * row_bytes, c->rows * row_bytes);
        words = c->columns * pitch;
        memcpy(m->constant, c->images, m->constant_size);
        for (uint32_t i = 0; i < c->n; i++) {
                Instruction init = isa_blank(ISA_ELEWINIT);
                uint32_t jump = i == 0 ? c->jump_bank : 1;

                for (uint32_t row = 0; row < c->rows * jump && row < m->program.target.pixels;
                     row++) {
                        load.load.bank_id = i % 2 * m->program.target.pixels + row;
                        load.load.bank_addr = i * words;
                        load.load.jump_write = pitch;
                        load.load.length = c->columns;
                        load.load.channel = load.load.jump_read = c->channels;
                        load.load.ddr_addr = (uint32_t) ((i * 2 * c->rows + row) * row_bytes);
                        micro_add(m, load);
                }
                init.elewinit.id = i;
                init.elewinit.bank_id_in = i % 2 * m->program.target.pixels;
                init.elewinit.bank_addr_in = i * words;
                init.elewinit.jump_read = pitch;
                init.elewinit.jump_bank = jump;
                init.elewinit.shift_read = c->shift_read[i];
                micro_add(m, init);
        }
        elew.elew.length = c->columns;
        elew.elew.channel_group = c->groups;
        elew.elew.num = c->n;
        elew.elew.valid_pp = c->rows;
        elew.elew.elew_type = c->multiply;
        elew.elew.act_type = c->relu;
        elew.elew.shift_write = c->shift_write;
        elew.elew.bank_id_out = m->program.target.pixels;
        elew.elew.bank_addr_out = 16384 - 5; /* modulo the depth: 2043 */
        elew.elew.jump_write = c->groups;
        micro_add(m, elew);
        for (uint32_t row = 0; row < c->rows; row++) {
                save = isa_blank(ISA_SAVE);
                save.save.bank_id = m->program.target.pixels + row;
                save.save.bank_addr = 2043;
                save.save.jump_read = c->groups;
                save.save.length = c->columns;
                save.save.channel = save.save.jump_write = c->channels;
                save.save.reg_id = 1;
                save.save.ddr_addr = (uint32_t) (row * row_bytes);
                save.save.hp_id = row % 2;
                micro_add(m, save);
        }
        micro_finish(m);
}

static void random_operations_are_right(void **state) {
        Random random = RANDOM_INIT(23);

        for (unsigned n = 0; n < 800; n++) {
                _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(1 << 20);
                FingerprintInfo target;
                Case c;
                Micro m;

                assert_int_equal(fingerprint_decode(micro_targets[n % 8], &target, NULL), 0);
                make_case(&random, &target, &c);
                build(&m, micro_targets[n % 8], &c);
                micro_run(&m, NULL, &out);
                for (uint32_t i = 0; i < out.size; i++) {
                        uint32_t k = i % c.channels, x = i / c.channels % c.columns;
                        uint32_t row = i / c.channels / c.columns;

                        if ((int8_t) out.data[i] != expected(&c, row, x, k))
                                fail_msg("case %u row %u column %u channel %u: %d, expected %d", n,
                                         row, x, k, (int8_t) out.data[i], expected(&c, row, x, k));
                }
                micro_deinit(&m);
                free(c.images);
        }
}

static void refuse(const IsaElewinit *init_fields, const IsaElew *fields, const char *said) {
        Instruction init = isa_blank(ISA_ELEWINIT), elew = isa_blank(ISA_ELEW);
        Micro m;

        micro_init(&m, MICRO_B4096, 16, 16);
        init.elewinit = *init_fields;
        micro_add(&m, init);
        elew.elew = *fields;
        micro_add(&m, elew);
        micro_finish(&m);
        assert_true(micro_is_refused(&m, -EINVAL, said));
        micro_deinit(&m);
}

static void what_nobody_has_seen_stops(void **state) {
        const IsaElewinit plain = isa_blank(ISA_ELEWINIT).elewinit;
        const IsaElew elew = isa_blank(ISA_ELEW).elew;
        IsaElewinit f = plain;
        IsaElew e = elew;

        f.share_pp = 1;
        refuse(&f, &e, "share_pp is 1");
        f = plain;
        f.jump_read_endl = 1;
        refuse(&f, &e, "jump_read_endl is 1");
        f = plain;
        f.bank_id_in = 16;
        refuse(&f, &e, "reads from bank 16");
        e.elew_type = 2;
        refuse(&plain, &e, "elew_type is 2");
        e = elew;
        e.jump_write_endl = 1;
        refuse(&plain, &e, "jump_write_endl is 1");
        e = elew;
        e.num = 2;
        refuse(&plain, &e, "no ELEWINIT for operand 1");
        e = elew;
        e.valid_pp = 5;
        refuse(&plain, &e, "valid_pp is 5");
        e = elew;
        e.valid_pp = 4;
        e.bank_id_out = 5;
        refuse(&plain, &e, "reach beyond the last bank");
        e = elew;
        e.elew_type = 1;
        f = plain;
        f.shift_read = 1;
        refuse(&f, &e, "a product with shift_read 1");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(random_operations_are_right),
                cmocka_unit_test(what_nobody_has_seen_stops),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
