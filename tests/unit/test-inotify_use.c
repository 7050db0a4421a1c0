#include "unit.h"

#include <sys/inotify.h>

#include "base/cleanup.h"
#include "daemon/inotify_use.h"

/* Other processes of this user have instances, too, and change them meanwhile: what is certain is
 * that ours are counted. */
static void counts_what_this_process_has(void **state) {
        static const char *const places[] = { "/", "/proc", "/dev", "/etc", "/usr" };
        _cleanup_(closep) int one = inotify_init1(IN_CLOEXEC), two = inotify_init1(IN_CLOEXEC);
        InotifyUse use;

        assert_true(one >= 0 && two >= 0);
        for (size_t i = 0; i < ARRAY_SIZE(places); i++)
                assert_true(inotify_add_watch(one, places[i], IN_CREATE) >= 0);
        assert_true(inotify_add_watch(two, "/", IN_CREATE) >= 0);
        assert_int_equal(inotify_use_read(&use), 0);
        assert_true(use.instances >= 2);
        assert_true(use.watches >= ARRAY_SIZE(places) + 1);
        assert_true(use.instances <= use.instances_max);
        assert_true(use.watches <= use.watches_max);
}

static void leaves_nothing_open(void **state) {
        int before = unit_lowest_fd();
        InotifyUse use;

        assert_int_equal(inotify_use_read(&use), 0);
        assert_int_equal(unit_lowest_fd(), before);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(counts_what_this_process_has),
                cmocka_unit_test(leaves_nothing_open),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
