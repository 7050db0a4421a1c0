#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hex.h"

static void encodes(void **state) {
        char text[9];

        hex_encode((const uint8_t *) "\x00\x7f\x80\xff", 4, text);
        assert_string_equal(text, "007f80ff");
        hex_encode(NULL, 0, text);
        assert_string_equal(text, "");
}

static void decodes(void **state) {
        static const char *const bad[] = { "",         "0",        "007f80f", "007f80fff",
                                           "007f80fg", "0x7f80ff", " 07f80ff" };
        uint8_t bytes[4] = { 1, 2, 3, 4 };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                assert_int_equal(hex_decode(bad[i], bytes, 4), -EINVAL);
                assert_memory_equal(bytes, "\1\2\3\4", 4);
        }
        assert_int_equal(hex_decode("007F80fF", bytes, 4), 0);
        assert_memory_equal(bytes, "\x00\x7f\x80\xff", 4);
}

static void parses_numbers(void **state) {
        static const struct {
                const char *text;
                int result;
                uint64_t value;
        } cases[] = {
                { "0", 0, 0 },
                { "0x0", 0, 0 },
                { "0X1f", 0, 31 },
                { "ffffffffffffffff", 0, UINT64_MAX },
                { "0x00000000000000000001", 0, 1 },
                { "0x10000000000000000", -ERANGE, 0 },
                { "", -EINVAL, 0 },
                { "0x", -EINVAL, 0 },
                { "x1", -EINVAL, 0 },
                { "0x1 ", -EINVAL, 0 },
                { "-1", -EINVAL, 0 },
                { "0x0x1", -EINVAL, 0 },
                { "0x10000000000000000g", -EINVAL, 0 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint64_t value = 77;

                assert_int_equal(hex_parse_u64(cases[i].text, &value), cases[i].result);
                assert_true(value == (cases[i].result == 0 ? cases[i].value : 77));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(encodes),
                cmocka_unit_test(decodes),
                cmocka_unit_test(parses_numbers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
