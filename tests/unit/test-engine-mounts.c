/* What is mounted over a root, where we may mount. */

#include "engine_fixture.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>

#include "base/log.h"

static void what_is_mounted_over_a_root_is_seen(void **state) {
        Fixture *f = *state;

        watch_root(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        if (mount("tmpfs", f->root, "tmpfs", 0, NULL) < 0) {
                print_message("nothing can be mounted here (%s)\n", strerror(errno));
                skip();
        }
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_READY));

        save_model(f, "Other_int.xmodel", 2, false); /* it is watched from then on */
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Other_int.xmodel", UNIT_READY));
        assert_int_equal(umount(f->root), 0);
        WAIT_UNTIL(f, look(f, "Net_int.xmodel", NULL).n == 0);
}

static bool write_to(const char *path, const char *text) {
        FILE *file = fopen(path, "we");
        bool good;

        if (!file)
                return false;
        good = fputs(text, file) >= 0;
        return fclose(file) == 0 && good;
}

static bool write_map(const char *path, unsigned id) {
        char map[32];

        (void) snprintf(map, sizeof(map), "0 %u 1", id);
        return write_to(path, map);
}

/* Our own mounts: as we are, or as root of a namespace of users. */
static bool may_mount(void) {
        unsigned uid = getuid(), gid = getgid();

        if (uid == 0 && unshare(CLONE_NEWNS) == 0)
                return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
        return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
               write_to("/proc/self/setgroups", "deny") && write_map("/proc/self/uid_map", uid) &&
               write_map("/proc/self/gid_map", gid);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_is_mounted_over_a_root_is_seen,
                                                engine_fixture_setup, engine_fixture_teardown),
        };

        if (!may_mount()) {
                (void) fprintf(stderr, "skipped: nothing can be mounted here (%s)\n",
                               strerror(errno));
                return 77;
        }
        log_open(LOG_LEVEL_ERROR);
        (void) signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
