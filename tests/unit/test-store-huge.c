#include "cache_fixture.h"

#include <sys/stat.h>

#include "cache/store.h"

/* An object of more than 4 GiB, almost all of it a hole: costs no disk, but half a minute of
 * digesting. (What copying is made of is in test-file.c, and quick.) */
static void keeps_what_is_beyond_4_gib(void **state) {
        const UnitDir *dir = *state;
        const off_t size = ((off_t) 4 << 30) + (1 << 20);
        _cleanup_(closep) int fd = -1, copy = -1;
        State *memory = memory_state();
        StoreCounters counters;
        StoreObject object;
        char text[4] = "";
        struct stat st;
        Store *store;

        assert_int_equal(store_new(&store, dir->path, memory), 0);
        fd = open(below(dir, "sparse"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(ftruncate(fd, size), 0);
        assert_int_equal(pwrite(fd, "end", 3, size - 3), 3);
        assert_int_equal(store_put(store, &(StoreSource){ .fd = fd }, 1, &object), 0);
        assert_int_equal(object.size, size);

        /* a hit reads nothing, whatever the size */
        assert_int_equal(store_get(store, &object.digest, object.size, &copy), 0);
        store_counters(store, &counters);
        assert_int_equal(counters.verified, 0);
        assert_int_equal(fstat(copy, &st), 0);
        assert_int_equal(st.st_size, size);
        assert_in_range(st.st_blocks, 1, 2048); /* of 512 bytes */
        assert_int_equal(pread(copy, text, 3, size - 3), 3);
        assert_string_equal(text, "end");

        (void) store_free(store);
        (void) state_close(memory);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(keeps_what_is_beyond_4_gib, unit_dir_setup,
                                                unit_dir_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
