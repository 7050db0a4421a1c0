#include "unit.h"

#include <stdalign.h>

#include "base/arena.h"
#include "base/cleanup.h"

static void keeps_what_was_put_in(void **state) {
        _cleanup_(arena_cleanup) Arena arena = ARENA_INIT;
        unsigned char *blocks[300];

        for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
                size_t size = i * i; /* small ones in chunks, the last ones on their own */

                blocks[i] = arena_alloc(&arena, size);
                assert_non_null(blocks[i]);
                assert_int_equal((uintptr_t) blocks[i] % alignof(max_align_t), 0);
                memset(blocks[i], (int) (i & 0xff), size);
        }
        for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
                for (size_t k = 0; k < i * i; k++)
                        assert_int_equal(blocks[i][k], i & 0xff);
}

static void grows_in_place_up_to_powers_of_two(void **state) {
        _cleanup_(arena_cleanup) Arena arena = ARENA_INIT;
        uint32_t *array = NULL;
        size_t moved = 0;

        for (uint32_t n = 0; n < 1000; n++) {
                uint32_t *old = array;

                array = arena_grow(&arena, array, n, sizeof(*array));
                assert_non_null(array);
                moved += array != old;
                array[n] = n;
        }
        assert_int_equal(moved, 9); /* at 0, 4, 8, ... 512 */
        for (uint32_t n = 0; n < 1000; n++)
                assert_int_equal(array[n], n);
}

static void copies(void **state) {
        _cleanup_(arena_cleanup) Arena arena = ARENA_INIT;
        uint64_t *zeros;

        assert_string_equal(arena_string(&arena, "abcdef", 3), "abc");
        assert_string_equal(arena_string(&arena, NULL, 0), "");
        assert_memory_equal(arena_copy(&arena, "a\0b", 3), "a\0b", 3);
        assert_non_null(arena_copy(&arena, NULL, 0));
        zeros = arena_zalloc(&arena, 100, sizeof(*zeros));
        for (size_t i = 0; i < 100; i++)
                assert_int_equal(zeros[i], 0);
}

static void refuses_impossible_sizes(void **state) {
        _cleanup_(arena_cleanup) Arena arena = ARENA_INIT;

        assert_null(arena_alloc(&arena, SIZE_MAX));
        assert_null(arena_alloc(&arena, SIZE_MAX - 64));
        assert_null(arena_zalloc(&arena, SIZE_MAX / 2, 4));
        assert_null(arena_string(&arena, "", SIZE_MAX));
        assert_non_null(arena_alloc(&arena, 1)); /* and goes on */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keeps_what_was_put_in),
                cmocka_unit_test(grows_in_place_up_to_powers_of_two),
                cmocka_unit_test(copies),
                cmocka_unit_test(refuses_impossible_sizes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
