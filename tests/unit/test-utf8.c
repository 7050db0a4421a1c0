#include "unit.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

static void lengths(void **state) {
        static const struct {
                const char *text;
                size_t length;
        } cases[] = {
                { "a", 1 },
                { "\xc3\xa9", 2 },
                { "\xe2\x82\xac", 3 },
                { "\xf0\x9f\x98\x80", 4 },
                { "\xf4\x8f\xbf\xbf", 4 }, /* U+10FFFF */
                { "\xed\x9f\xbf", 3 },     /* U+D7FF */
                { "\xc0\x80", 0 },         /* overlong NUL */
                { "\xe0\x9f\xbf", 0 },     /* overlong */
                { "\xf0\x8f\xbf\xbf", 0 }, /* overlong */
                { "\xed\xa0\x80", 0 },     /* surrogate */
                { "\xf4\x90\x80\x80", 0 }, /* beyond U+10FFFF */
                { "\xf5\x80\x80\x80", 0 },
                { "\x80", 0 },
                { "\xff", 0 },
                { "\xe2\x82", 0 }, /* cut */
                { "\xe2\x28\xa1", 0 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                size_t n = strlen(cases[i].text);

                assert_int_equal(utf8_length((const uint8_t *) cases[i].text, n), cases[i].length);
                assert_int_equal(utf8_valid(cases[i].text, n), cases[i].length == n);
        }
        assert_int_equal(utf8_length((const uint8_t *) "x", 0), 0);
        assert_true(utf8_valid(NULL, 0));
        assert_true(utf8_valid("a\0b", 3));
}

static void escapes(void **state) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                { "plain \xc3\xa9\\", "plain \xc3\xa9\\" },
                { "a\nb\tc\r", "a\\nb\\tc\\x0d" },
                { "\x1b[31m", "\\x1b[31m" },
                { "\x7f", "\\x7f" },
                { "\xc2\x9b"
                  "1m",
                  "\\xc2\\x9b1m" }, /* C1: a terminal may take it for ESC [ */
                { "\xe2\x80\xae"
                  "cod.exe",
                  "\\xe2\\x80\\xae"
                  "cod.exe" }, /* right to left */
                { "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },
                { "\xd8\x9c", "\\xd8\\x9c" }, /* right to left, too */
                { "\xd8\x9b", "\xd8\x9b" },
                { "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },
                { "\xe2\x80\xa7", "\xe2\x80\xa7" },
                { "x\xff\xfe", "x\\xff\\xfe" },
        };
        char text[64];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                size_t n = utf8_escape(cases[i].text, strlen(cases[i].text), text, sizeof(text));

                assert_string_equal(text, cases[i].expected);
                assert_int_equal(n, strlen(text));
        }
        assert_int_equal(utf8_escape("a\0b", 3, text, sizeof(text)), 6);
        assert_string_equal(text, "a\\x00b");
}

static void never_cuts_a_character(void **state) {
        static const char whole[] = "\xc3\xa9\xf0\x9f\x98\x80\x01z";
        char text[32];

        for (size_t room = 1; room < sizeof(text); room++) {
                size_t n;

                memset(text, 'X', sizeof(text));
                n = utf8_escape(whole, sizeof(whole) - 1, text, room);
                assert_true(n < room);
                assert_int_equal(text[n], '\0');
                assert_int_equal(strlen(text), n);
                assert_true(utf8_valid(text, n));
                assert_int_equal(text[room], 'X');
        }
}

static void counts_columns(void **state) {
        static const struct {
                const char *text;
                size_t columns;
        } cases[] = {
                { "", 0 },
                { "abc", 3 },
                { "gr\xc3\xb6\xc3\x9f"
                  "e",
                  5 },
                { "\xe6\xa8\xa1\xe5\x9e\x8b", 4 }, /* two ideographs */
                { "e\xcc\x81", 1 },                /* with a combining accent */
                { "\xf0\x9f\x98\x80", 2 },
                { "\xff", 1 },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                size_t n = strlen(cases[i].text);

                assert_int_equal(utf8_columns(cases[i].text, n), cases[i].columns);
                assert_int_equal(utf8_fit(cases[i].text, n, cases[i].columns), n);
        }
        assert_int_equal(utf8_fit("abc", 3, 2), 2);
        assert_int_equal(utf8_fit("a\xe6\xa8\xa1", 4, 2), 1); /* it is not cut in half */
        assert_int_equal(utf8_fit("e\xcc\x81x", 4, 1), 3);    /* the accent stays with it */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(counts_columns),
                cmocka_unit_test(lengths),
                cmocka_unit_test(escapes),
                cmocka_unit_test(never_cuts_a_character),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
