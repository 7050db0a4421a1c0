#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "xmodel/fingerprint.h"
#include "xmodel/target.h"

static FingerprintInfo decode(uint64_t fingerprint) {
        FingerprintInfo info;
        Problem problem = { "" };

        assert_int_equal(fingerprint_decode(fingerprint, &info, &problem), 0);
        assert_string_equal(problem.text, "");
        return info;
}

/* values from target_factory's DPUCZDX8G_ISA1_B512.prototxt of release 2.5 */
static void decodes_isa1(void **state) {
        FingerprintInfo info = decode(0x0101000016010200);

        assert_int_equal(info.family, DPU_CZDX8G);
        assert_int_equal(info.isa, 1);
        assert_true(info.decoded);
        assert_string_equal(info.name, "DPUCZDX8G_ISA1_B512");
        assert_string_equal(info.short_name, "b512");
        assert_int_equal(info.named->release, TARGET_RELEASE_2_5);
        assert_int_equal(info.pixels, 4);
        assert_int_equal(info.input_channels, 8);
        assert_int_equal(info.output_channels, 8);
        assert_int_equal(info.peak_ops, 512);
        assert_int_equal(info.batch, 1);
        assert_int_equal(info.image_banks, 2);
        assert_int_equal(info.alu_pixels, 2);
        assert_int_equal(info.eltwise_pixels, 2);
        assert_int_equal(info.conv_stride_out_h, 4);
        assert_int_equal(info.alu_stride_out_h, 4);
        assert_int_equal(info.features, DPU_CHANNEL_AUGMENTATION | DPU_CONV_LEAKY_RELU |
                                                DPU_CONV_RELU6 | DPU_DEPTHWISE |
                                                DPU_DEPTHWISE_RELU6 | DPU_HARD_SIGMOID |
                                                DPU_AVG_POOL | DPU_MAX_REDUCE | DPU_ELTWISE_MULT);
        assert_int_equal(decode(0x0101000056010200).features, info.features | DPU_ARGMAX);
        assert_int_equal(decode(0x0101000036010200).features, info.features | DPU_ALU_LEAKY_RELU);
}

static void decodes_every_size(void **state) {
        static const unsigned peaks[] = { 512,  800,  1024, 1152, 1600, 2304,
                                          3136, 4096, 128,  144,  256,  64 };

        for (size_t arch = 0; arch < ARRAY_SIZE(peaks); arch++)
                assert_int_equal(decode(0x0101000016010400 | arch).peak_ops, peaks[arch]);
}

static void decodes_isa0(void **state) {
        FingerprintInfo info = decode(0x01000020f6014407);

        assert_string_equal(info.name, "DPUCZDX8G_ISA0_B4096_MAX_BG2");
        assert_string_equal(info.short_name, "b4096");
        assert_int_equal(info.named->release, TARGET_RELEASE_EXPIRED);
        assert_int_equal(info.pool_pixels, 4);
        assert_int_equal(info.depthwise_pixels, 4);
        assert_int_equal(info.eltwise_pixels, 1);
        assert_int_equal(info.image_banks, 2);
        assert_int_equal(info.alu_pixels, 0);
        assert_int_equal(info.features, DPU_CHANNEL_AUGMENTATION | DPU_CONV_LEAKY_RELU |
                                                DPU_CONV_RELU6 | DPU_AVG_POOL | DPU_DEPTHWISE |
                                                DPU_DEPTHWISE_RELU6 | DPU_MAX_REDUCE);

        /* without a depthwise engine its relu6 bit says nothing; bit 36 is multiplication */
        info = decode(0x01000030f7010407);
        assert_false(info.features & (DPU_DEPTHWISE | DPU_DEPTHWISE_RELU6));
        assert_true(info.features & DPU_ELTWISE_MULT);
        assert_int_equal(info.image_banks, 3);
}

/* DPUCVDX8G_ISA3_C32B1.prototxt and C64B1; RDEPTH 1, ALU stride limit 2 */
static void decodes_cvdx8g(void **state) {
        FingerprintInfo info = decode(0x0603000b16011811);

        assert_int_equal(info.pixels, 8);
        assert_int_equal(info.input_channels, 16);
        assert_int_equal(info.output_channels, 32);
        assert_int_equal(info.batch, 1);
        assert_int_equal(info.ram_depth, 1);
        assert_int_equal(info.alu_pixels, 8);
        assert_int_equal(info.conv_stride_out_h, 8);
        assert_int_equal(info.alu_stride_out_h, 2);
        assert_true(info.features & DPU_CONV_HARD);
        assert_string_equal(info.short_name, "c32b1");
        assert_int_equal(decode(0x0603000b16011812).output_channels, 64);

        info = decode(0x0602001036088231);
        assert_string_equal(info.name, "DPUCVDX8G_ISA2_C32B3");
        assert_int_equal(info.batch, 3);
        assert_int_equal(info.alu_pixels, 8);
        assert_true(info.features & DPU_ELTWISE_MULT);
        assert_false(decode(0x0602001036088031).features & DPU_DEPTHWISE);
}

static void decodes_cv2dx8g(void **state) {
        FingerprintInfo info = decode(0x0901400044000e44);

        assert_string_equal(info.name, "DPUCV2DX8G_ISA1_C20B14");
        assert_string_equal(info.short_name, "c20b14");
        assert_int_equal(info.pixels, 4);
        assert_int_equal(info.output_channels, 32);
        assert_int_equal(info.alu_pixels, 2);
        assert_int_equal(info.batch, 14);
        assert_true(info.features & DPU_ARGMAX);
}

static void names_what_is_not_registered(void **state) {
        static const struct {
                uint64_t fingerprint;
                const char *name, *short_name;
                bool decoded;
        } cases[] = {
                /* seen in a log of the vendor's compiler */
                { 0x01000020f6012203, "DPUCZDX8G_ISA0_B1152_01000020F6012203", "b1152", true },
                { 0x0101000002010208, "DPUCZDX8G_ISA1_B128_0101000002010208", "b128", true },
                { 0x0603000b16013831, "DPUCVDX8G_ISA3_C32B3_0603000B16013831", "c32b3", true },
                { 0x0901400044000244, "DPUCV2DX8G_ISA1_C20B2_0901400044000244", "c20b2", true },
                { 0x0601001036088111, "DPUCVDX8G_ISA1_0601001036088111", "cvdx8g-0601001036088111",
                  false },
                { 0x020200000010002b, "DPUCAHX8H_ISA2_DWC", "cahx8h-dwc", false },
                { 0x0700000000000000, "DPUCADF8H_ISA0", "cadf8h", false },
                { 0x0501000000160c2f, "DPUCVDX8H_ISA1_F2W4_6PE_aieDWC", "cvdx8h-f2w4-6pe-aiedwc",
                  false },
                { 0x080000000020c242, "V70_2x3_Overlay", "v70-2x3-overlay", false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                FingerprintInfo info = decode(cases[i].fingerprint);

                assert_string_equal(info.name, cases[i].name);
                assert_string_equal(info.short_name, cases[i].short_name);
                assert_int_equal(info.decoded, cases[i].decoded);
        }
}

static void refuses_what_no_hardware_has(void **state) {
        static const struct {
                uint64_t fingerprint;
                const char *complaint;
        } cases[] = {
                { 0x010100005601020c, "no DPU has architecture 12" },
                { 0x01000020f701220b, "no DPU has architecture 11" }, /* unchecked by the vendor */
                { 0x01000020f701220f, "no DPU has architecture 15" },
                { 0x0000000000040000, "no DPU has family 0" },
                { 0x0a01400044000e44, "no DPU has family 10" },
                { 0xff01400044000e44, "no DPU has family 255" },
                { 0x0603000b56011863, "no DPU has architecture 3" },
                { 0x0603000b56017861, "no DPU has memory depth 7" },
                { 0x0602001736088231, "no DPU has memory depth 7" },
                { 0x0602001036088331, "no DPU has ALU mode 3" },
                { 0x0901400044000e45, "no DPU has architecture 5" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                FingerprintInfo info = { .family = DPU_IPU };
                Problem problem;

                assert_int_equal(fingerprint_decode(cases[i].fingerprint, &info, &problem),
                                 -EINVAL);
                assert_non_null(strstr(problem.text, cases[i].complaint));
                assert_int_equal(info.family, DPU_IPU);
        }
}

static void table_is_consistent(void **state) {
        size_t n;
        const NamedTarget *rows = named_targets(&n);

        assert_true(n > 70);
        for (size_t i = 0; i < n; i++) {
                FingerprintInfo info = decode(rows[i].fingerprint);
                char size[FINGERPRINT_NAME_MAX + 1];

                assert_ptr_equal(info.named, &rows[i]); /* so no fingerprint comes twice */
                assert_string_equal(info.name, rows[i].name);
                assert_true(fingerprint_has_name(rows[i].fingerprint, rows[i].name));
                assert_non_null(target_release_name(rows[i].release));
                if (strncmp(rows[i].name, "DPU", 3) == 0)
                        assert_memory_equal(rows[i].name, dpu_family_name(info.family),
                                            strlen(dpu_family_name(info.family)));

                /* the size in the name is the size in the bits */
                (void) snprintf(size, sizeof(size), "_%s", info.short_name);
                if (info.decoded)
                        assert_non_null(strcasestr(rows[i].name, size));

                /* the newest generation comes first */
                for (size_t k = 0; k < i; k++)
                        if (strcmp(rows[k].name, rows[i].name) == 0)
                                assert_true(rows[k].release < rows[i].release);
                assert_true(named_target_find(rows[i].name)->release <= rows[i].release);
        }
}

static void generations_differ_in_one_bit(void **state) {
        assert_true(fingerprint_differs_in_argmax(0x0101000016010407, 0x0101000056010407));
        assert_false(fingerprint_differs_in_argmax(0x0101000056010407, 0x0101000056010407));
        assert_false(fingerprint_differs_in_argmax(0x0101000016010406, 0x0101000056010407));
        assert_true(fingerprint_has_name(0x0101000016010407, "DPUCZDX8G_ISA1_B4096"));
        assert_true(
                fingerprint_has_name(0x0101000016010407, "DPUCZDX8G_ISA1_B4096_0101000016010407"));
        assert_false(fingerprint_has_name(0x0101000016010407, "DPUCZDX8G_ISA1_B3136"));
        assert_null(named_target_find("DPUCZDX8G_ISA1_B4097"));
}

/* any bits: refused, or named so that the name leads back to them */
static void every_decoded_name_leads_back(void **state) {
        static const uint64_t families[] = { 0x0100, 0x0101, 0x0202, 0x0300, 0x0400, 0x0501, 0x0602,
                                             0x0603, 0x0601, 0x0700, 0x0800, 0x0900, 0x0901 };
        uint64_t random = 88172645463325252;
        unsigned decoded = 0;

        for (unsigned round = 0; round < 20000; round++) {
                uint64_t fingerprint;
                FingerprintInfo info;
                Target target;

                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                fingerprint = families[round % ARRAY_SIZE(families)] << 48 | random >> 16;
                if (fingerprint_decode(fingerprint, &info, NULL) < 0)
                        continue;
                assert_int_equal(info.fingerprint, fingerprint);
                if (!info.decoded)
                        continue;

                decoded++;
                assert_true(fingerprint_has_name(fingerprint, info.name));
                assert_int_equal(target_parse(info.name, &target, NULL), 0);
                if (!info.named)
                        assert_int_equal(target.fingerprint, fingerprint);
        }
        assert_true(decoded > 3000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(decodes_isa1),
                cmocka_unit_test(decodes_every_size),
                cmocka_unit_test(decodes_isa0),
                cmocka_unit_test(decodes_cvdx8g),
                cmocka_unit_test(decodes_cv2dx8g),
                cmocka_unit_test(names_what_is_not_registered),
                cmocka_unit_test(refuses_what_no_hardware_has),
                cmocka_unit_test(table_is_consistent),
                cmocka_unit_test(generations_differ_in_one_bit),
                cmocka_unit_test(every_decoded_name_leads_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
