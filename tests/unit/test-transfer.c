/* LOAD and SAVE: pitches, wrapping addresses, zeros at both ends, lanes nobody fills, regions. */

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "tests/support/micro.h"

/* what LOAD brings, byte @at of pixel @i */
static uint8_t loaded(const IsaLoad *f, const uint8_t *constant, uint32_t lanes, uint32_t i,
                      uint32_t at) {
        int64_t in_stream = (int64_t) i * f->jump_read + at;
        int64_t words = (f->channel + lanes - 1) / lanes, first = f->length - 1 - f->pad_idx;

        if (in_stream < f->pad_start)
                return 0;
        if (f->pad_end > 0 && (int64_t) i >= first &&
            at >= words * lanes - f->pad_end - (i - first) * f->jump_read)
                return 0;
        return constant[f->ddr_addr + in_stream];
}

static IsaLoad make_load(Random *random, uint32_t lanes) {
        IsaLoad f = isa_blank(ISA_LOAD).load;

        f.bank_addr = micro_between(random, 0, 4095);
        f.bank_id = micro_between(random, 0, 7);
        f.length = micro_between(random, 1, 20);
        f.channel = micro_between(random, 1, 80);
        f.jump_read = micro_between(random, 1, 100);
        f.jump_write = (f.channel + lanes - 1) / lanes + micro_between(random, 0, 3);
        f.ddr_addr = micro_between(random, 0, 50);
        if (random_below(random, 2)) {
                f.pad_start = micro_between(random, 0, 31);
                f.pad_end = micro_between(random, 1, 31);
                f.pad_idx = micro_between(random, 0, f.length > 4 ? 4 : f.length - 1);
        }
        return f;
}

/* a LOAD, and a SAVE of the same words with other pitches */
static void random_transfers_are_right(void **state) {
        Random random = RANDOM_INIT(17);

        for (unsigned n = 0; n < 1500; n++) {
                _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(1 << 20);
                Instruction load = isa_blank(ISA_LOAD), save = isa_blank(ISA_SAVE);
                uint32_t pitch = micro_between(&random, 80, 100);
                Micro m;

                micro_init(&m, micro_targets[n % 8], 4096, 21 * 100);
                for (size_t i = 0; i < m.constant_size; i++)
                        m.constant[i] = (uint8_t) random_u64(&random);
                load.load = make_load(&random, m.program.target.input_channels);
                save.save.bank_addr = load.load.bank_addr;
                save.save.bank_id = load.load.bank_id;
                save.save.jump_read = load.load.jump_write;
                save.save.length = load.load.length;
                save.save.channel = load.load.channel;
                save.save.jump_write = pitch;
                save.save.ddr_addr = 3;
                save.save.reg_id = 1;
                micro_add(&m, load);
                micro_add(&m, save);
                micro_finish(&m);
                micro_run(&m, NULL, &out);
                for (uint32_t i = 0; i < load.load.length; i++)
                        for (uint32_t k = 0; k < load.load.channel; k++)
                                assert_int_equal(out.data[3 + i * pitch + k],
                                                 loaded(&load.load, m.constant,
                                                        m.program.target.input_channels, i, k));
                micro_deinit(&m);
        }
}

/* Bytes that zeros replace are not read: rows may hang over both ends of the region. */
static void padding_is_not_read(void **state) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(64);
        Instruction load = isa_blank(ISA_LOAD), save = isa_blank(ISA_SAVE);
        Micro m;

        micro_init(&m, MICRO_B4096, 4, 48);
        memset(m.constant, 7, 4);
        load.load.length = 3;
        load.load.channel = 4;
        load.load.jump_read = 1;
        load.load.pad_end = 13; /* of 16 lanes: pixel 1 keeps 3 bytes, pixel 2 keeps 2 */
        load.load.pad_idx = 1;
        micro_add(&m, load);
        save.save.length = 3;
        save.save.channel = save.save.jump_write = 4;
        save.save.reg_id = 1;
        micro_add(&m, save);
        micro_finish(&m);
        micro_run(&m, NULL, &out);
        assert_memory_equal(out.data, "\7\7\7\7\7\7\7\0\7\7\0\0", 12);
        micro_deinit(&m);
}

/* What nothing was written to is noise, and other noise with another seed. */
static void open_lanes_are_noise(void **state) {
        Instruction load = isa_blank(ISA_LOAD), save = isa_blank(ISA_SAVE);
        Bytes out[2] = { BYTES_INIT(64), BYTES_INIT(64) };
        Micro m;

        micro_init(&m, MICRO_B4096, 16, 32);
        load.load.channel = 8;
        micro_add(&m, load);
        save.save.channel = 32; /* the word loaded, and the next, which nobody wrote */
        save.save.reg_id = 1;
        micro_add(&m, save);
        micro_finish(&m);
        for (unsigned i = 0; i < 2; i++) {
                const SimulatorOptions options = { .seed = i };

                micro_run(&m, &options, &out[i]);
                assert_memory_equal(out[i].data, "\0\0\0\0\0\0\0", 8);
        }
        assert_memory_not_equal(out[0].data + 8, out[1].data + 8, 8);
        assert_memory_not_equal(out[0].data + 16, out[1].data + 16, 16);
        bytes_deinit(&out[0]);
        bytes_deinit(&out[1]);
        micro_deinit(&m);
}

static void refuse(uint64_t target, const Instruction *instruction, const char *said) {
        Micro m;

        micro_init(&m, target, 64, 64);
        micro_add(&m, *instruction);
        micro_finish(&m);
        assert_true(micro_is_refused(&m, -EINVAL, said));
        micro_deinit(&m);
}

static void what_is_out_of_place_stops(void **state) {
        const Instruction load = isa_blank(ISA_LOAD), save = isa_blank(ISA_SAVE);
        const uint64_t no_augmentation = MICRO_B4096 & ~(UINT64_C(1) << 26);
        Instruction i = load;

        i.load.bank_id = 34;
        refuse(MICRO_B4096, &i, "offset 0x0: LOAD: bank 34 of 34");
        i = load;
        i.load.ddr_addr = 64;
        refuse(MICRO_B4096, &i, "bytes 64 to 64 of REG_0, which has 64");
        i = load;
        i.load.reg_id = 5;
        refuse(MICRO_B4096, &i, "there is no region REG_5");
        i = load;
        i.load.length = 129;
        i.load.channel = 256;
        refuse(MICRO_B4096, &i, "2064 words; a bank has 2048");
        i = load;
        i.load.pad_idx = 1;
        refuse(MICRO_B4096, &i, "pad_idx is 1");
        i = load;
        i.load.pad_start = 1;
        refuse(no_augmentation, &i, "without channel augmentation");
        i = load;
        i.load.broadcast = 1;
        refuse(MICRO_B4096, &i, "broadcast is 1; programs have 0, what others mean is not known");
        i = load;
        i.load.mode_avg = 1;
        refuse(MICRO_B4096, &i, "mode_avg is 1");
        i = load;
        i.load.const_value = 1;
        refuse(MICRO_B4096, &i, "const_value is 1");

        i = save;
        refuse(MICRO_B4096, &i, "REG_0 is constant");
        i.save.reg_id = 1;
        i.save.ddr_addr = 60;
        i.save.channel = 5;
        refuse(MICRO_B4096, &i, "bytes 60 to 64 of REG_1");
        i.save.ddr_addr = 0;
        i.save.bank_id = 16;
        refuse(MICRO_B4096, &i, "reads from bank 16");
        i.save.bank_id = 0;
        i.save.hp_id = 2;
        refuse(MICRO_B4096, &i, "port 2 of 2");
        i.save.hp_id = 0;
        i.save.const_en = 1;
        refuse(MICRO_B4096, &i, "const_en is 1");

        i = isa_blank(ISA_POOL);
        refuse(MICRO_B4096, &i, "POOL: no program of ISA 1 has this instruction");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(random_transfers_are_right),
                cmocka_unit_test(padding_is_not_read),
                cmocka_unit_test(open_lanes_are_noise),
                cmocka_unit_test(what_is_out_of_place_stops),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
