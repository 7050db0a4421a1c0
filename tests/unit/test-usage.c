#include "unit.h"

#include "client/usage.h"

static const char text[] = "usage: dpucc-client thing [-q] [--all | PATH] --arch A XMODEL\n"
                           "       dpucc-client thing DIR\n"
                           "\n"
                           "Explains -x and --nothing in a sentence.\n"
                           "\n"
                           "  -a, --arch FILE        compile for this arch.json\n"
                           "      --target-name NAME is it?\n"
                           "  --json                 print one JSON object\n"
                           "  -o FILE                write a copy\n"
                           "  -q  quiet\n"
                           "  --fingerprint 0xN      a number\n"
                           "  --bare\n"
                           "  -\n";

static void reads_options(void **state) {
        static const UsageOption wanted[] = {
                { 'a', "--arch", "FILE", "compile for this arch.json" },
                { 0, "--target-name", "NAME", "is it?" },
                { 0, "--json", "", "print one JSON object" },
                { 'o', "", "FILE", "write a copy" },
                { 'q', "", "", "quiet" },
                { 0, "--fingerprint", "0xN", "a number" },
                { 0, "--bare", "", "" },
        };
        const char *at = text;
        UsageOption option;
        size_t n = 0;

        for (; usage_next_option(&at, &option); n++) {
                assert_true(n < sizeof(wanted) / sizeof(wanted[0]));
                assert_int_equal(option.letter, wanted[n].letter);
                assert_string_equal(option.name, wanted[n].name);
                assert_string_equal(option.value, wanted[n].value);
                assert_string_equal(option.text, wanted[n].text);
        }
        assert_int_equal(n, sizeof(wanted) / sizeof(wanted[0]));
}

static void finds_the_first_operand(void **state) {
        static const char *const cases[][2] = {
                { text, "PATH" },
                { "usage: dpucc-client get [OPTION...] XMODEL\n\nDIR\n", "XMODEL" },
                { "usage: dpucc check [--arch FILE | --n N]\n     [--json] FILE...\n\n", "FILE" },
                { "usage: dpucc check --arch FILE\n\nFILE\n", "" },
                { "usage: dpucc-client watch [--trust] DIR\n", "DIR" },
                { "usage: dpucc-client gc\n\nX\n", "" },
                { "", "" },
        };
        char operand[USAGE_WORD_MAX];

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                usage_operand(cases[i][0], operand);
                assert_string_equal(operand, cases[i][1]);
        }
}

static void long_words_are_cut(void **state) {
        char long_text[500] = "usage: ", operand[USAGE_WORD_MAX];
        const char *at = long_text;
        UsageOption option;

        usage_operand(long_text, operand);
        memset(long_text, 'A', sizeof(long_text) - 1);
        memcpy(long_text, "  --a", 5);
        usage_operand(long_text, operand);
        assert_string_equal(operand, "");
        assert_true(usage_next_option(&at, &option));
        assert_int_equal(strlen(option.name), USAGE_WORD_MAX - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_options),
                cmocka_unit_test(finds_the_first_operand),
                cmocka_unit_test(long_words_are_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
