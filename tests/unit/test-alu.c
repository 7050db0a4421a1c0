/*
 * ALU in all its modes against arithmetic written down here, on images of random shape in random
 * layouts; on every size of DPU.
 */

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "dpu/sim/alu.h"
#include "tests/support/micro.h"

typedef struct Case {
        AluMode mode;
        MicroImage in;
        uint32_t kh, kw, sh, sw, top, left, rows, columns;
        uint32_t act, shift_cut, shift_bias, factor;
        int8_t *image, *weights, *bias; /* weights as [kh][kw][channels] */
} Case;

static int8_t *random_bytes(Random *random, size_t n) {
        int8_t *bytes = malloc(n + 1);

        assert_non_null(bytes);
        for (size_t i = 0; i < n; i++)
                bytes[i] = random_below(random, 5) == 0 ? -128 : (int8_t) random_u64(random);
        return bytes;
}

static void make_numbers(Random *random, Case *c) {
        const AluMode modes[] = { ALU_DEPTHWISE, ALU_AVERAGE, ALU_MAXIMUM, ALU_SCALE,
                                  ALU_HARD_SIGMOID };

        c->mode = modes[random_below(random, ARRAY_SIZE(modes))];
        c->act = (uint32_t[]){ 0, 1, 3 }[random_below(random, 3)];
        c->shift_cut = micro_between(random, 0, 16);
        c->shift_bias = micro_between(random, 0, 17);
        c->factor = micro_between(random, 1, 255);
        if (c->mode == ALU_AVERAGE)
                c->shift_cut = micro_between(random, 8, 30);
        if (c->mode == ALU_MAXIMUM)
                c->shift_cut = micro_between(random, 0, 2);
        if (c->mode == ALU_HARD_SIGMOID) {
                c->shift_cut = micro_between(random, 7, 24);
                c->shift_bias = micro_between(random, 0, 15);
                c->kh = c->kw = 1;
                c->act = 0;
        }
}

static void make_case(Random *random, const FingerprintInfo *target, Case *c) {
        uint32_t lanes = target->input_channels;

        *c = (Case){ .kh = micro_between(random, 1, 6), .kw = micro_between(random, 1, 6) };
        make_numbers(random, c);
        c->sh = micro_between(random, 1, 5);
        c->sw = micro_between(random, 1, 5);
        c->rows = micro_between(random, 1, target->alu_pixels);
        c->columns = micro_between(random, 1, 10);
        c->top = micro_between(random, 0, c->kh - 1);
        c->left = micro_between(random, 0, c->kw - 1);
        c->in = (MicroImage){
                .height = (c->rows - 1) * c->sh + c->kh - c->top,
                .width = (c->columns - 1) * c->sw + c->kw - c->left,
                .channels = micro_between(random, 1, 3 * lanes),
                .group = micro_between(random, 0, 1),
                .stride = c->sh,
                .position = c->top + micro_between(random, 0, target->pixels * c->sh - 1),
                .start = micro_between(random, 0, 2047),
        };
        c->in.height -= micro_between(random, 0, c->in.height > c->kh ? c->kh - 1 : 0);
        c->in.width -= micro_between(random, 0, c->in.width > c->kw ? c->kw - 1 : 0);
        c->in.pixel_pitch = (c->in.channels + lanes - 1) / lanes + micro_between(random, 0, 2);
        c->in.row_pitch = c->in.width * c->in.pixel_pitch + micro_between(random, 0, 3);
        c->image = random_bytes(random, (size_t) c->in.height * c->in.width * c->in.channels);
        c->weights = random_bytes(random, (size_t) c->kh * c->kw * c->in.channels);
        c->bias = random_bytes(random, c->in.channels);
}

static void free_case(Case *c) {
        free(c->image);
        free(c->weights);
        free(c->bias);
}

/* --- the oracle ------------------------------------------------------------------------------ */

static int8_t activated(const Case *c, int64_t value, int64_t by) {
        if (value < 0 && c->act == 1)
                return 0;
        if (value < 0 && c->act == 3)
                return micro_divide(value * 26, by * 256);
        return micro_divide(value, by);
}

static int8_t finished(const Case *c, int64_t sum, int64_t largest, uint32_t channel) {
        int64_t by = INT64_C(1) << c->shift_cut, line;

        switch (c->mode) {
        case ALU_DEPTHWISE:
                return activated(c, 2 * sum + c->bias[channel] * (INT64_C(1) << c->shift_bias),
                                 2 * by);
        case ALU_SCALE:
                return activated(c, sum, by);
        case ALU_AVERAGE:
                return activated(c, sum * c->factor, by / 256);
        case ALU_MAXIMUM:
                return activated(c, largest * by, 1);
        case ALU_HARD_SIGMOID:
                line = sum * 2731 + 3 * 2731 * (INT64_C(1) << c->shift_bias);
                return micro_divide(line > 0 ? line : 0, by);
        }
        return 0;
}

static int8_t expected(const Case *c, uint32_t row, uint32_t column, uint32_t channel) {
        bool weighted = c->mode == ALU_DEPTHWISE || c->mode == ALU_SCALE;
        int64_t sum = 0, largest = -128;

        for (uint32_t y = 0; y < c->kh; y++)
                for (uint32_t x = 0; x < c->kw; x++) {
                        int64_t iy = (int64_t) row * c->sh + y - c->top;
                        int64_t ix = (int64_t) column * c->sw + x - c->left;
                        int64_t value;

                        if (iy < 0 || iy >= c->in.height || ix < 0 || ix >= c->in.width)
                                continue;
                        value = c->image[((size_t) iy * c->in.width + (size_t) ix) *
                                                 c->in.channels +
                                         channel];
                        largest = value > largest ? value : largest;
                        if (weighted)
                                value *= c->weights[(y * c->kw + x) * c->in.channels + channel];
                        sum += value;
                }
        return finished(c, sum, largest, channel);
}

/* --- the program ----------------------------------------------------------------------------- */

static void add_parameters(Micro *m, const Case *c, uint32_t groups, uint32_t at) {
        Instruction load = isa_blank(ISA_LOAD);
        uint32_t lanes = m->program.target.input_channels;

        load.load.bank_id = 2 * m->program.target.pixels + lanes;
        load.load.bank_addr = 2045; /* wraps */
        load.load.jump_write = groups + 1;
        load.load.length = c->kh * c->kw;
        load.load.channel = load.load.jump_read = c->in.channels;
        load.load.ddr_addr = at;
        micro_add(m, load);
        load.load.bank_id++;
        load.load.bank_addr = 7;
        load.load.length = 1;
        load.load.ddr_addr = at + c->kh * c->kw * c->in.channels;
        micro_add(m, load);
}

static Instruction aluinit_of(const Case *c, uint32_t groups) {
        Instruction init = isa_blank(ISA_ALUINIT);
        IsaAluinit *f = &init.aluinit;

        f->exec_mode = c->mode;
        f->kernel_h = c->kh;
        f->kernel_w = c->kw;
        f->stride_h = c->sh;
        f->stride_w = c->sw;
        f->length = c->columns;
        f->channel_group = groups;
        f->jump_read = c->in.pixel_pitch;
        f->jump_read_endl = c->in.row_pitch;
        f->jump_write = groups;
        f->jump_write_endl = c->columns * groups;
        f->jump_read_weights = groups + 1;
        f->act_type = c->act;
        f->shift_cut = c->shift_cut;
        f->shift_bias = c->shift_bias;
        f->multi_factor = c->factor;
        return init;
}

static void add_alu(Micro *m, const Case *c, uint32_t groups) {
        MicroWindow window = micro_window(m, &c->in, c->top, c->left);
        Instruction init = aluinit_of(c, groups), alu = isa_blank(ISA_ALU);

        init.aluinit.stride_offset_in = window.offset;
        micro_add(m, init);
        alu.alu.bank_id_in = window.bank;
        alu.alu.bank_addr_in = window.address[0];
        alu.alu.bank_addr_in_1 = window.address[1];
        alu.alu.bank_addr_in_2 = window.address[2];
        alu.alu.bank_addr_in_3 = window.address[3];
        alu.alu.pad_top = c->top;
        alu.alu.pad_left = c->left;
        alu.alu.pad_bottom = c->in.height + c->top - 1 - (c->rows - 1) * c->sh;
        alu.alu.pad_right = c->in.width + c->left - 1 - (c->columns - 1) * c->sw;
        alu.alu.valid_pp = c->rows;
        alu.alu.bank_addr_weights = 2045;
        alu.alu.bank_addr_bias = 7;
        alu.alu.bank_id_out = (1 - c->in.group) * m->program.target.pixels;
        alu.alu.bank_addr_out = 2030;
        micro_add(m, alu);
}

static bool build(Micro *m, uint64_t target, const Case *c) {
        size_t image = (size_t) c->in.height * c->in.width * c->in.channels;
        size_t weights = (size_t) c->kh * c->kw * c->in.channels;
        uint32_t groups;

        micro_init(m, target, image + weights + c->in.channels,
                   (size_t) c->rows * c->columns * c->in.channels);
        if (!micro_fits(m, &c->in))
                return false;
        groups = (c->in.channels + m->program.target.input_channels - 1) /
                 m->program.target.input_channels;
        memcpy(m->constant, c->image, image);
        memcpy(m->constant + image, c->weights, weights);
        memcpy(m->constant + image + weights, c->bias, c->in.channels);
        micro_load(m, &c->in, 0);
        add_parameters(m, c, groups, (uint32_t) image);
        add_alu(m, c, groups);
        for (uint32_t row = 0; row < c->rows; row++) {
                Instruction save = isa_blank(ISA_SAVE);

                save.save.bank_id = (1 - c->in.group) * m->program.target.pixels + row;
                save.save.bank_addr = 2030;
                save.save.jump_read = groups;
                save.save.jump_write = save.save.channel = c->in.channels;
                save.save.length = c->columns;
                save.save.reg_id = 1;
                save.save.ddr_addr = row * c->columns * c->in.channels;
                micro_add(m, save);
        }
        micro_finish(m);
        return true;
}

static void check(const Micro *m, const Case *c) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(1 << 20);

        micro_run(m, NULL, &out);
        for (uint32_t i = 0; i < out.size; i++) {
                uint32_t k = i % c->in.channels, x = i / c->in.channels % c->columns;
                uint32_t row = i / c->in.channels / c->columns;

                if ((int8_t) out.data[i] != expected(c, row, x, k))
                        fail_msg("mode %u, row %u column %u channel %u: %d, expected %d", c->mode,
                                 row, x, k, (int8_t) out.data[i], expected(c, row, x, k));
        }
}

static void random_operations_are_right(void **state) {
        Random random = RANDOM_INIT(3);
        unsigned done = 0;

        for (unsigned n = 0; n < 1200; n++) {
                /* all eight have leaky relu in CONV only: here it is switched on for the ALU */
                uint64_t fingerprint = micro_targets[n % 8] | UINT64_C(1) << 29;
                FingerprintInfo target;
                Case c;
                Micro m;

                assert_int_equal(fingerprint_decode(fingerprint, &target, NULL), 0);
                make_case(&random, &target, &c);
                if (build(&m, fingerprint, &c)) {
                        check(&m, &c);
                        done++;
                }
                micro_deinit(&m);
                free_case(&c);
        }
        assert_true(done > 900);
}

/* --- what is refused ------------------------------------------------------------------------- */

static void refuse(const IsaAluinit *init_fields, const IsaAlu *fields, const char *said) {
        Instruction init = isa_blank(ISA_ALUINIT), alu = isa_blank(ISA_ALU);
        Micro m;

        micro_init(&m, MICRO_B4096, 16, 16);
        init.aluinit = *init_fields;
        micro_add(&m, init);
        alu.alu = *fields;
        micro_add(&m, alu);
        micro_finish(&m);
        assert_true(micro_is_refused(&m, -EINVAL, said));
        micro_deinit(&m);
}

static void what_nobody_has_seen_stops(void **state) {
        static const uint32_t unknown[] = { 1, 4, 5, 8, 9, 15 };
        const IsaAluinit plain = isa_blank(ISA_ALUINIT).aluinit;
        const IsaAlu alu = isa_blank(ISA_ALU).alu;
        IsaAluinit f = plain;
        IsaAlu a = alu;

        for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
                f.exec_mode = unknown[i];
                refuse(&f, &a, "exec_mode is");
        }
        f = plain;
        f.shift_prelu_n = 1;
        refuse(&f, &a, "shift_prelu_n is 1; programs have 0");
        f = plain;
        f.stride_offset_out = 1;
        refuse(&f, &a, "stride_offset_out is 1");
        f = plain;
        f.act_type = 3; /* this fingerprint has no leaky relu in the ALU */
        refuse(&f, &a, "leaky relu");
        f = plain;
        f.exec_mode = ALU_AVERAGE;
        f.shift_cut = 7;
        refuse(&f, &a, "shift_cut 7");
        f.exec_mode = ALU_MAXIMUM;
        f.shift_cut = 8;
        refuse(&f, &a, "shift_cut 8");
        f.exec_mode = ALU_HARD_SIGMOID;
        f.kernel_w = 2;
        refuse(&f, &a, "hard sigmoid with a kernel of 2x1");
        a.kernel_d = 1;
        refuse(&plain, &a, "kernel_d is 1");
        a = alu;
        a.valid_pp = 5;
        refuse(&plain, &a, "valid_pp is 5, the ALU of DPUCZDX8G_ISA1_B4096 has 4");
        f = plain;
        f.kernel_h = 256;
        f.kernel_w = 9;
        f.jump_read_weights = 1;
        refuse(&f, &alu, "weights reach over 2304 words");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(random_operations_are_right),
                cmocka_unit_test(what_nobody_has_seen_stops),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
