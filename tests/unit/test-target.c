#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "xmodel/target.h"

static Target parse(const char *text) {
        Problem problem = { "" };
        Target target;
        int r;

        r = target_parse_arch(slice_of_string(text), &target, &problem);
        if (r < 0)
                fail_msg("%s: %s", text, problem.text);
        return target;
}

static void assert_refused(const char *text, const char *expected) {
        Target target = { .fingerprint = 7 };
        Problem problem = { "" };

        assert_true(target_parse_arch(slice_of_string(text), &target, &problem) < 0);
        if (!strstr(problem.text, expected))
                fail_msg("%s: \"%s\" has no \"%s\"", text, problem.text, expected);
        assert_null(strchr(problem.text, '\n'));
        assert_int_equal(target.fingerprint, 7);
}

static void reads_fingerprints(void **state) {
        static const struct {
                const char *text;
                uint64_t fingerprint;
        } cases[] = {
                { "{\"fingerprint\":\"0x101000016010407\"}", 0x0101000016010407 },
                { "{\"fingerprint\":\"0x0101000016010407\"}", 0x0101000016010407 },
                { "{\"fingerprint\":\"0x00000101000016010407\"}", 0x0101000016010407 },
                { "{\"fingerprint\":\"0X1000020F6014407\"}", 0x01000020f6014407 },
                { "{\"fingerprint\":\"1000020f6014407\"}", 0x01000020f6014407 },
                { "{\r\n    \"fingerprint\":\"0x1000020F6014407\"\r\n}\r\n\r\n",
                  0x01000020f6014407 },
                { "\xef\xbb\xbf{\"fingerprint\" : \"0x101000056010407\", \"comment\":\"For "
                  "B4096\"}",
                  0x0101000056010407 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Target target = parse(cases[i].text);

                assert_int_equal(target.fingerprint, cases[i].fingerprint);
                assert_string_equal(target.name, "");
        }
}

static void reads_names(void **state) {
        Target target = parse("{\"target\": \"DPUCZDX8G_ISA1_B4096\"}");

        assert_int_equal(target.fingerprint, 0);
        assert_string_equal(target.name, "DPUCZDX8G_ISA1_B4096");

        target = parse("{\"target\":\"DPUCZDX8G_ISA0_B4096_MAX_BG2\",\"dcf\":\"./dpu.dcf\","
                       "\"cpu_arch\":\"arm64\"}");
        assert_int_equal(target.fingerprint, 0);

        /* a toolchain may know what we do not */
        target = parse("{\"target\": \"DPUCZDX8G_ISA2_B9999\"}");
        assert_string_equal(target.name, "DPUCZDX8G_ISA2_B9999");

        /* the names that compilers make up contain the fingerprint */
        target = parse("{\"target\": \"DPUCZDX8G_ISA1_B4096_0101000016010407\"}");
        assert_int_equal(target.fingerprint, 0x0101000016010407);
        target = parse("{\"target\": \"DPUCZDX8G_ISA1_B3136_0101000016010407\"}");
        assert_int_equal(target.fingerprint, 0);
}

static void the_fingerprint_wins_where_a_release_agrees(void **state) {
        static const char *const agreeing[] = {
                "{\"target\":\"DPUCZDX8G_ISA1_B1024\",\"fingerprint\":\"0x101000056010402\"}",
                "{\"target\":\"DPUCZDX8G_ISA1_B1024\",\"fingerprint\":\"0x101000016010402\"}",
                "{\"target\":\"DPUCZDX8G_ISA0_B4096_MAX_BG2\","
                "\"fingerprint\":\"0x1000020F6014407\"}",
                "{\"target\":\"DPUCZDX8G_ISA1_B4096_0101000016010407\","
                "\"fingerprint\":\"0x101000016010407\"}",
                "{\"target\":\"DPUCAHX8H_ISA2\",\"fingerprint\":\"0x20200000000002a\"}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(agreeing); i++) {
                Target target = parse(agreeing[i]);

                assert_true(target.fingerprint != 0);
                assert_true(target.name[0] != '\0');
        }
}

static void contradictions_name_both(void **state) {
        assert_refused(
                "{\"target\":\"DPUCZDX8G_ISA1_B4096\",\"fingerprint\":\"0x101000056010406\"}",
                "fingerprint 0x0101000056010406 (DPUCZDX8G_ISA1_B3136) and target "
                "\"DPUCZDX8G_ISA1_B4096\" (which is 0x0101000056010407 in 3.0 and 3.5) "
                "contradict each other");
        assert_refused(
                "{\"target\":\"DPUCZDX8G_ISA2_B9999\",\"fingerprint\":\"0x101000056010406\"}",
                "\"DPUCZDX8G_ISA2_B9999\" (which no release knows)");
}

static void dnndk_forms_are_explained(void **state) {
        assert_refused("{\"target\":\"dpuv2\",\"dcf\":\"Ultra96.dcf\",\"cpu_arch\":\"arm64\"}",
                       "target \"dpuv2\" is the DNNDK form");
        assert_refused("{\"target\":\"DPUCZDX8G\",\"dcf\":\"dpu.dcf\"}",
                       "keeps the architecture in");
        assert_refused("{\"target\":\"DPUCAHX8H\"}", "`xdputil query`");
}

static void bad_files_get_one_line(void **state) {
        assert_refused("", "the file is empty");
        assert_refused(" \n", "line 2, column 1");
        assert_refused("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 41\n",
                       "git lfs pull");
        assert_refused("{\"fingerprint\":\"0x10100", "line 1, column 24");
        assert_refused("[]", "the document: an object expected, not an array");
        assert_refused("null", "the document: an object expected, not null");
        assert_refused("{}", "neither \"fingerprint\" nor \"target\"");
        assert_refused("{\"fingerprint\":72339073309606919}",
                       "fingerprint: a string expected, not 72339073309606919");
        assert_refused("{\"fingerprint\":0x101000016010407}", "hexadecimal ones as strings");
        assert_refused("{\"fingerprint\":\"0x0\"}", "fingerprint 0 is no DPU");
        assert_refused("{\"fingerprint\":\"\"}", "is not hexadecimal");
        assert_refused("{\"fingerprint\":\"0x\"}", "is not hexadecimal");
        assert_refused("{\"fingerprint\":\" 0x1\"}", "is not hexadecimal");
        assert_refused("{\"fingerprint\":\"0x10101000016010407\"}", "more than the 16 digits");
        assert_refused("{\"fingerprint\":\"0x40000\"}", "no DPU has family 0");
        assert_refused("{\"fingerprint\":null}", "a string expected, not null");
        assert_refused("{\"target\":\"\"}", "is not the name of a DPU target");
        assert_refused("{\"target\":\"ZCU102\"}", "names look like");
        assert_refused("{\"target\":\"DPUCZDX8G_ISA1_../../x\"}", "is not the name");
        assert_refused("{\"target\":\"dpuczdx8g_isa1_b4096\"}",
                       "did you mean \"DPUCZDX8G_ISA1_B4096\"?");
        assert_refused("{\"target\":\"DPUCZDX8G_ISA1_B4096_0101000016010407_"
                       "0101000016010407_0101000016010407\"}",
                       "is not the name");
        assert_refused("{\"target\":\"\\u001b[2J\"}", "\"\\x1b[2J\"");
        assert_refused(
                "{\"fingerprint\":\"0x101000056010407\",\"fingerprint\":\"0x101000016010407\"}",
                "a second member \"fingerprint\"");
}

static void large_files_are_refused(void **state) {
        char *text = malloc(TARGET_FILE_MAX + 1);
        Problem problem;
        Target target;

        assert_non_null(text);
        memset(text, ' ', TARGET_FILE_MAX + 1);
        assert_int_equal(target_parse_arch(slice_of(text, TARGET_FILE_MAX + 1), &target, &problem),
                         -EBADMSG);
        assert_string_equal(problem.text, "larger than 64 KiB: not an arch.json");
        free(text);
}

static void identity_and_rendering(void **state) {
        Target by_fingerprint = parse("{\"fingerprint\":\"0x1000020F6014407\"}");
        Target by_name = parse("{\"target\":\"DPUCZDX8G_ISA1_B4096\"}");
        Target both = parse("{\"target\":\"DPUCZDX8G_ISA0_B4096_MAX_BG2\","
                            "\"fingerprint\":\"0x1000020F6014407\"}");
        char text[TARGET_ARCH_MAX], identity[FINGERPRINT_NAME_MAX];

        target_identity(&by_fingerprint, identity);
        assert_string_equal(identity, "0x01000020f6014407");
        target_render_arch(&by_fingerprint, text);
        assert_string_equal(text, "{\"fingerprint\":\"0x1000020f6014407\"}\n");
        target_identity(&both, identity);
        assert_string_equal(identity, "0x01000020f6014407");
        target_identity(&by_name, identity);
        assert_string_equal(identity, "DPUCZDX8G_ISA1_B4096");
        target_render_arch(&by_name, text);
        assert_string_equal(text, "{\"target\":\"DPUCZDX8G_ISA1_B4096\"}\n");

        assert_true(target_equal(&by_fingerprint, &both));
        assert_false(target_equal(&by_fingerprint, &by_name));
        assert_true(target_equal(&by_name, &by_name));
}

/* what we hand to a compiler reads back as the same target, for every row of the table */
static void every_rendering_reads_back(void **state) {
        size_t n;
        const NamedTarget *rows = named_targets(&n);

        for (size_t i = 0; i < n; i++) {
                Target by_fingerprint = { .fingerprint = rows[i].fingerprint };
                Target by_name = {}, again;
                char text[TARGET_ARCH_MAX], a[FINGERPRINT_NAME_MAX], b[FINGERPRINT_NAME_MAX];

                target_render_arch(&by_fingerprint, text);
                again = parse(text);
                assert_true(target_equal(&by_fingerprint, &again));

                assert_int_equal(target_parse(rows[i].name, &by_name, NULL), 0);
                target_render_arch(&by_name, text);
                again = parse(text);
                assert_true(target_equal(&by_name, &again));

                target_short_name(&by_fingerprint, a);
                target_short_name(&by_name, b);
                assert_string_equal(a, b);
        }
}

static void resolves_to_the_newest(void **state) {
        Target target = parse("{\"target\":\"DPUCZDX8G_ISA1_B4096\"}");
        Problem problem;
        uint64_t fingerprint = 0;
        char name[FINGERPRINT_NAME_MAX];

        assert_int_equal(target_resolve(&target, &fingerprint, &problem), 0);
        assert_int_equal(fingerprint, 0x0101000056010407);

        target = parse("{\"target\":\"DPUCZDX8G_ISA2_B9999\"}");
        assert_int_equal(target_resolve(&target, &fingerprint, &problem), -ENOENT);
        assert_non_null(strstr(problem.text, "DPUCZDX8G_ISA2_B9999"));
        target_short_name(&target, name);
        assert_string_equal(name, "czdx8g-b9999");
}

static void arguments(void **state) {
        Problem problem;
        Target target;

        assert_int_equal(target_parse("0x101000016010407", &target, &problem), 0);
        assert_int_equal(target.fingerprint, 0x0101000016010407);
        assert_int_equal(target_parse("DPUCV2DX8G_ISA1_C20B1", &target, &problem), 0);
        assert_int_equal(target.fingerprint, 0);
        assert_int_equal(target_parse("arch.json", &target, &problem), -EINVAL);
        assert_int_equal(target_parse("0xzz", &target, &problem), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_fingerprints),
                cmocka_unit_test(reads_names),
                cmocka_unit_test(the_fingerprint_wins_where_a_release_agrees),
                cmocka_unit_test(contradictions_name_both),
                cmocka_unit_test(dnndk_forms_are_explained),
                cmocka_unit_test(bad_files_get_one_line),
                cmocka_unit_test(large_files_are_refused),
                cmocka_unit_test(identity_and_rendering),
                cmocka_unit_test(every_rendering_reads_back),
                cmocka_unit_test(resolves_to_the_newest),
                cmocka_unit_test(arguments),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
