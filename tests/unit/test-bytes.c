#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "tests/support/fail_alloc.h"

static void grows_to_its_maximum_and_no_further(void **state) {
        static const size_t maxima[] = { 0, 1, 10, 255, 256, 257, 1000, 4096 };

        for (size_t i = 0; i < ARRAY_SIZE(maxima); i++) {
                _cleanup_(bytes_cleanup) Bytes b = BYTES_INIT(maxima[i]);

                for (size_t n = 0; n < maxima[i]; n++) {
                        const uint8_t byte = (uint8_t) n;

                        assert_int_equal(bytes_append(&b, &byte, 1), 0);
                        assert_true(b.capacity <= maxima[i]);
                }
                assert_int_equal(bytes_append(&b, "x", 1), -EFBIG);
                assert_int_equal(bytes_append(&b, NULL, 0), 0);
                assert_int_equal(b.size, maxima[i]);
                for (size_t n = 0; n < maxima[i]; n++)
                        assert_int_equal(b.data[n], (uint8_t) n);
                bytes_deinit(&b);
                assert_int_equal(b.max, maxima[i]);
                assert_null(b.data);
        }
}

static void huge_requests_do_not_wrap(void **state) {
        _cleanup_(bytes_cleanup) Bytes b = BYTES_INIT(SIZE_MAX / 2);

        assert_int_equal(bytes_append(&b, "abc", 3), 0);
        assert_int_equal(bytes_reserve(&b, SIZE_MAX), -EFBIG);
        fail_alloc_arm(0);
        assert_int_equal(bytes_reserve(&b, 1000), -ENOMEM);
        assert_true(fail_alloc_disarm());
        assert_int_equal(b.size, 3);
        assert_memory_equal(b.data, "abc", 3);
}

static void prints_and_gives_strings_away(void **state) {
        _cleanup_(bytes_cleanup) Bytes b = BYTES_INIT(8);
        char *string;

        assert_int_equal(bytes_printf(&b, "%d-%s", 12, "ab"), 0);
        assert_int_equal(bytes_append_string(&b, "cde"), 0);
        assert_int_equal(b.size, 8);
        assert_null(bytes_take_string(&b)); /* no room for the NUL */
        assert_int_equal(b.size, 8);
        assert_int_equal(bytes_printf(&b, "%s", "x"), -EFBIG);

        b.size = 5;
        string = bytes_take_string(&b);
        assert_string_equal(string, "12-ab");
        assert_null(b.data);
        assert_int_equal(b.size, 0);
        free(string);

        string = bytes_take_string(&b);
        assert_string_equal(string, "");
        free(string);
}

static void slices_compare(void **state) {
        assert_true(slice_compare(slice_of_string("a"), slice_of_string("b")) < 0);
        assert_true(slice_compare(slice_of_string("ab"), slice_of_string("b")) < 0);
        assert_true(slice_compare(slice_of_string("a"), slice_of_string("ab")) < 0);
        assert_true(slice_compare(slice_of_string("\xff"), slice_of_string("a")) > 0);
        assert_int_equal(slice_compare(slice_of(NULL, 0), slice_of("x", 0)), 0);
        assert_true(slice_equal(slice_of(NULL, 0), slice_of("x", 0)));
        assert_true(slice_is(slice_of("abc", 2), "ab"));
        assert_false(slice_is(slice_of("abc", 3), "ab"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(grows_to_its_maximum_and_no_further),
                cmocka_unit_test(huge_requests_do_not_wrap),
                cmocka_unit_test(prints_and_gives_strings_away),
                cmocka_unit_test(slices_compare),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
