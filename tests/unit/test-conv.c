/*
 * CONV against arithmetic written down here: images of random shape, laid out in the banks by the
 * rules, on every size of DPU. The layouts wrap around the banks and around their last word.
 */

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "dpu/sim/simulator.h"
#include "tests/support/micro.h"

/* One convolution, that fits one instruction. */
typedef struct Case {
        uint32_t c, oc; /* channels */
        uint32_t h, w;  /* of the input that is there */
        uint32_t kh, kw, sh, sw;
        uint32_t top, left;     /* padding */
        uint32_t rows, columns; /* of the output */
        uint32_t stride_out, offset_out;
        MicroImage in;
        uint32_t pitch_out, start_out;
        uint32_t act, shift_cut, shift_bias;
        int8_t *image, *weights, *bias;
} Case;

static int8_t *random_bytes(Random *random, size_t n) {
        int8_t *bytes = malloc(n + 1);
        bool extreme = random_below(random, 4) == 0;

        assert_non_null(bytes);
        for (size_t i = 0; i < n; i++)
                bytes[i] = extreme ? (random_below(random, 2) ? 127 : -128)
                                   : (int8_t) random_u64(random);
        return bytes;
}

static uint32_t groups(uint32_t channels, uint32_t lanes) {
        return (channels + lanes - 1) / lanes;
}

static void make_case(Random *random, const FingerprintInfo *target, Case *c) {
        uint32_t lanes = target->input_channels;

        c->c = micro_between(random, 1, 3 * lanes);
        c->oc = micro_between(random, 1, lanes);
        c->kh = micro_between(random, 1, 5);
        c->kw = micro_between(random, 1, 5);
        c->sh = micro_between(random, 1, 4);
        c->sw = micro_between(random, 1, 8);
        c->rows = micro_between(random, 1, target->pixels);
        c->columns = micro_between(random, 1, 12);
        c->top = micro_between(random, 0, c->kh - 1);
        c->left = micro_between(random, 0, c->kw - 1);
        /* what the windows need, less some padding at the end */
        c->h = (c->rows - 1) * c->sh + c->kh - c->top;
        c->h -= micro_between(random, 0, c->h > c->kh ? c->kh - 1 : 0);
        c->w = (c->columns - 1) * c->sw + c->kw - c->left;
        c->w -= micro_between(random, 0, c->w > c->kw ? c->kw - 1 : 0);
        c->stride_out = micro_between(random, 1, 2);
        c->offset_out = micro_between(random, 0, c->stride_out - 1);
        if ((c->offset_out + c->rows - 1) / c->stride_out >= target->pixels)
                c->offset_out = 0;
        c->in = (MicroImage){
                .height = c->h,
                .width = c->w,
                .channels = c->c,
                .group = micro_between(random, 0, 1),
                .stride = c->sh,
                .position = c->top + micro_between(random, 0, target->pixels * c->sh - 1),
                .start = micro_between(random, 0, 2047),
                .pixel_pitch = groups(c->c, lanes) + micro_between(random, 0, 2),
        };
        c->in.row_pitch = c->w * c->in.pixel_pitch + micro_between(random, 0, 3);
        c->pitch_out = micro_between(random, 1, 3);
        c->start_out = micro_between(random, 0, 4095);
        c->act = (uint32_t[]){ 0, 1, 3 }[random_below(random, 3)];
        c->shift_cut = micro_between(random, 0, 16);
        c->shift_bias = micro_between(random, 0, 17);
        c->image = random_bytes(random, (size_t) c->h * c->w * c->c);
        c->weights = random_bytes(random, (size_t) c->oc * c->kh * c->kw * c->c);
        c->bias = random_bytes(random, c->oc);
}

static void free_case(Case *c) {
        free(c->image);
        free(c->weights);
        free(c->bias);
}

/* --- the oracle ------------------------------------------------------------------------------ */

static int8_t expected(const Case *c, uint32_t row, uint32_t column, uint32_t o) {
        int64_t sum = 0, by = INT64_C(1) << (c->shift_cut + 1);

        for (uint32_t y = 0; y < c->kh; y++)
                for (uint32_t x = 0; x < c->kw; x++)
                        for (uint32_t i = 0; i < c->c; i++) {
                                int64_t iy = (int64_t) row * c->sh + y - c->top;
                                int64_t ix = (int64_t) column * c->sw + x - c->left;

                                if (iy < 0 || iy >= c->h || ix < 0 || ix >= c->w)
                                        continue;
                                sum += c->image[((size_t) iy * c->w + (size_t) ix) * c->c + i] *
                                       c->weights[((o * c->kh + y) * c->kw + x) * c->c + i];
                        }
        sum = 2 * sum + c->bias[o] * (INT64_C(1) << c->shift_bias);
        if (sum < 0 && c->act == 1)
                sum = 0;
        if (sum < 0 && c->act == 3)
                return micro_divide(sum * 26, by * 256);
        return micro_divide(sum, by);
}

/* --- the program ----------------------------------------------------------------------------- */

typedef struct Layout {
        uint32_t pixels, lanes, cg;
        uint32_t weights_at, bias_at; /* in region 0, behind the image */
} Layout;

static void add_loads(Micro *m, const Case *c, const Layout *l) {
        Instruction load = isa_blank(ISA_LOAD);

        micro_load(m, &c->in, 0);
        for (uint32_t o = 0; o < c->oc; o++) {
                load.load.bank_id = 2 * l->pixels + o;
                load.load.bank_addr = 2040; /* most of them wrap */
                load.load.jump_write = l->cg;
                load.load.jump_read = load.load.channel = c->c;
                load.load.length = c->kh * c->kw;
                load.load.ddr_addr = l->weights_at + o * c->kh * c->kw * c->c;
                micro_add(m, load);
        }
        load = isa_blank(ISA_LOAD);
        load.load.bank_id = 2 * l->pixels + l->lanes + 1;
        load.load.bank_addr = 77;
        load.load.channel = c->oc;
        load.load.ddr_addr = l->bias_at;
        micro_add(m, load);
}

static void add_conv(Micro *m, const Case *c, const Layout *l) {
        Instruction init = isa_blank(ISA_CONVINIT), conv = isa_blank(ISA_CONV);
        MicroWindow window = micro_window(m, &c->in, c->top, c->left);
        uint32_t last_row = c->h + c->top - 1 - (c->rows - 1) * c->sh;
        uint32_t last_column = c->w + c->left - 1 - (c->columns - 1) * c->sw;

        init.convinit.kernel_h = c->kh;
        init.convinit.kernel_w = c->kw;
        init.convinit.stride_h = c->sh;
        init.convinit.stride_w = c->sw;
        init.convinit.stride_offset_in = window.offset;
        init.convinit.stride_out = c->stride_out;
        init.convinit.stride_offset_out = c->offset_out;
        init.convinit.valid_pp = c->rows;
        init.convinit.jump_read = c->in.pixel_pitch;
        init.convinit.jump_read_endl = c->in.row_pitch;
        init.convinit.jump_write = c->pitch_out;
        init.convinit.jump_write_endl = c->pitch_out * c->columns;
        init.convinit.act_type = c->act;
        init.convinit.shift_cut = c->shift_cut;
        init.convinit.shift_bias = c->shift_bias;
        micro_add(m, init);

        conv.conv.bank_id_in = window.bank;
        conv.conv.bank_addr_in = window.address[0];
        conv.conv.bank_addr_in_1 = window.address[1];
        conv.conv.bank_addr_in_2 = window.address[2];
        conv.conv.bank_addr_in_3 = window.address[3];
        conv.conv.pad_top = c->top;
        conv.conv.pad_left = c->left;
        conv.conv.pad_bottom = last_row < 15 ? last_row : 15;
        conv.conv.pad_right = last_column < 15 ? last_column : 15;
        conv.conv.channel_group = l->cg;
        conv.conv.channel_offset = l->cg * l->lanes - c->c;
        conv.conv.length = c->columns;
        conv.conv.bank_addr_weights = 2040;
        conv.conv.bank_addr_bias = 77;
        conv.conv.bank_id_out = (1 - c->in.group) * l->pixels;
        conv.conv.bank_addr_out = c->start_out;
        micro_add(m, conv);
}

static void add_saves(Micro *m, const Case *c, const Layout *l) {
        for (uint32_t row = 0; row < c->rows; row++) {
                Instruction save = isa_blank(ISA_SAVE);
                uint32_t in_order = c->offset_out + row;

                save.save.bank_id = (1 - c->in.group) * l->pixels + in_order / c->stride_out;
                save.save.bank_addr =
                        (c->start_out + in_order % c->stride_out * c->pitch_out * c->columns) %
                        4096;
                save.save.jump_read = c->pitch_out;
                save.save.jump_write = save.save.channel = c->oc;
                save.save.length = c->columns;
                save.save.reg_id = 1;
                save.save.ddr_addr = row * c->columns * c->oc;
                micro_add(m, save);
        }
}

static bool build(Micro *m, uint64_t target, const Case *c) {
        size_t image = (size_t) c->h * c->w * c->c;
        size_t weights = (size_t) c->oc * c->kh * c->kw * c->c;
        Layout l;

        micro_init(m, target, image + weights + c->oc, (size_t) c->rows * c->columns * c->oc);
        l = (Layout){ .pixels = m->program.target.pixels,
                      .lanes = m->program.target.input_channels,
                      .weights_at = (uint32_t) image,
                      .bias_at = (uint32_t) (image + weights) };
        l.cg = groups(c->c, l.lanes);
        memcpy(m->constant, c->image, image);
        memcpy(m->constant + image, c->weights, weights);
        memcpy(m->constant + image + weights, c->bias, c->oc);
        if (!micro_fits(m, &c->in))
                return false;
        add_loads(m, c, &l);
        add_conv(m, c, &l);
        add_saves(m, c, &l);
        micro_finish(m);
        return true;
}

static void check(const Micro *m, const Case *c, const SimulatorOptions *options) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(1 << 20);

        micro_run(m, options, &out);
        for (uint32_t i = 0; i < out.size; i++) {
                uint32_t o = i % c->oc, x = i / c->oc % c->columns, row = i / c->oc / c->columns;

                if ((int8_t) out.data[i] != expected(c, row, x, o))
                        fail_msg("row %u column %u channel %u: %d, expected %d", row, x, o,
                                 (int8_t) out.data[i], expected(c, row, x, o));
        }
}

/* every size of DPU, both inner loops */
static void random_convolutions_are_right(void **state) {
        Random random = RANDOM_INIT(11);
        unsigned done = 0;

        for (unsigned n = 0; n < 800; n++) {
                const SimulatorOptions options = { .seed = n, .portable = n & 1, .threads = 1 };
                FingerprintInfo target;
                Case c;
                Micro m;

                assert_int_equal(fingerprint_decode(micro_targets[n % 8], &target, NULL), 0);
                make_case(&random, &target, &c);
                if (build(&m, micro_targets[n % 8], &c)) {
                        check(&m, &c, &options);
                        done++;
                }
                micro_deinit(&m);
                free_case(&c);
        }
        assert_true(done > 500);
}

/* one that threads share */
static void threads_agree(void **state) {
        Random random = RANDOM_INIT(5);
        const SimulatorOptions options = { .threads = 3 };
        FingerprintInfo target;
        Micro m;
        Case c;

        assert_int_equal(fingerprint_decode(MICRO_B4096, &target, NULL), 0);
        make_case(&random, &target, &c);
        free_case(&c);
        c.c = 96;
        c.oc = 16;
        c.kh = c.kw = 3;
        c.sh = c.sw = 1;
        c.top = c.left = 1;
        c.rows = 8;
        c.columns = 16;
        c.h = 8;
        c.w = 16;
        c.stride_out = 1;
        c.offset_out = 0;
        c.in = (MicroImage){ .height = 8,
                             .width = 16,
                             .channels = 96,
                             .stride = 1,
                             .position = 1,
                             .pixel_pitch = 6,
                             .row_pitch = 96 };
        c.image = random_bytes(&random, (size_t) 8 * 16 * 96);
        c.weights = random_bytes(&random, (size_t) 16 * 9 * 96);
        c.bias = random_bytes(&random, 16);
        assert_true(build(&m, MICRO_B4096, &c));
        check(&m, &c, &options);
        micro_deinit(&m);
        free_case(&c);
}

/* --- what is refused ------------------------------------------------------------------------- */

static void refuse_init(uint64_t target, const IsaConvinit *fields, const char *said) {
        Instruction init = isa_blank(ISA_CONVINIT);
        Micro m;

        micro_init(&m, target, 16, 16);
        init.convinit = *fields;
        micro_add(&m, init);
        micro_finish(&m);
        assert_true(micro_is_refused(&m, -EINVAL, said));
        micro_deinit(&m);
}

static void what_nobody_has_seen_stops(void **state) {
        IsaConvinit f = isa_blank(ISA_CONVINIT).convinit;
        const uint64_t no_leaky = MICRO_B4096 & ~(UINT64_C(1) << 28);

        for (f.act_type = 2; f.act_type < 16; f.act_type++)
                if (f.act_type != 3)
                        refuse_init(MICRO_B4096, &f, "act_type is");
        f.act_type = 3;
        refuse_init(no_leaky, &f, "leaky relu");
        f.act_type = 0;
        f.stride_h = 9;
        refuse_init(MICRO_B4096, &f, "offset 0x0: CONVINIT: stride 1x9 is above 8");
        f.stride_h = 1;
        f.shift_cut = 17;
        refuse_init(MICRO_B4096, &f, "shift_cut 17");
        f.shift_cut = 0;
        f.shift_bias = 18;
        refuse_init(MICRO_B4096, &f, "shift_bias 18");
        f.shift_bias = 0;
        f.valid_pp = 5;
        refuse_init(MICRO_B512, &f, "valid_pp is 5");
        f.valid_pp = 1;
        f.stride_out = 5;
        refuse_init(MICRO_B4096, &f, "stride_out is 5");
}

static void refuse_conv(const IsaConvinit *init_fields, const IsaConv *fields, const char *said) {
        Instruction init = isa_blank(ISA_CONVINIT), conv = isa_blank(ISA_CONV);
        Micro m;

        micro_init(&m, MICRO_B4096, 16, 16);
        conv.conv = *fields;
        if (init_fields) {
                init.convinit = *init_fields;
                micro_add(&m, init);
        }
        micro_add(&m, conv);
        micro_finish(&m);
        assert_true(micro_is_refused(&m, -EINVAL, said));
        micro_deinit(&m);
}

static void layouts_that_do_not_exist_stop(void **state) {
        const IsaConvinit plain = isa_blank(ISA_CONVINIT).convinit;
        const IsaConv conv = isa_blank(ISA_CONV).conv;
        IsaConvinit init = plain;
        IsaConv f = conv;

        refuse_conv(NULL, &f, "no CONVINIT before it");
        f.channel_offset = 16;
        refuse_conv(&plain, &f, "channel_offset is 16 of 16 lanes");
        f = conv;
        f.bank_id_in = 16;
        refuse_conv(&plain, &f, "reads from bank 16, which holds no feature maps");
        f = conv;
        f.bank_id_out = 33;
        refuse_conv(&plain, &f, "writes to bank 33");
        f = conv;
        f.bank_id_out = 7;
        init.valid_pp = 2;
        refuse_conv(&init, &f, "reach beyond the last bank");
        init = plain;
        init.stride_offset_in = 1;
        refuse_conv(&init, &conv, "stride_offset_in is 1 with stride_h 1");
        init = plain;
        init.stride_offset_out = 1;
        refuse_conv(&init, &conv, "stride_offset_out is 1 with stride_out 1");
        init = plain;
        init.kernel_h = init.kernel_w = 16;
        f = conv;
        f.channel_group = 9;
        refuse_conv(&init, &f, "weights of 2304 words");
        init = plain;
        f = conv;
        f.channel_group = 256;
        f.length = 128;
        f.pad_right = 15;
        refuse_conv(&init, &f, "more than a group of banks has");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(random_convolutions_are_right),
                cmocka_unit_test(threads_agree),
                cmocka_unit_test(what_nobody_has_seen_stops),
                cmocka_unit_test(layouts_that_do_not_exist_stop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
