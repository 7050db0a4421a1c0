#include "cache_fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "cache/lock.h"
#include "overlapping_readers.h"

static void daemon_lock_is_one(void **state) {
        const UnitDir *dir = *state;
        int a = -1, b = -1;
        pid_t holder = 0;

        assert_int_equal(lock_daemon(dir->path, &a, &holder), 0);
        assert_int_equal(lock_daemon(dir->path, &b, &holder), LOCK_BUSY);
        assert_int_equal(holder, getpid());
        close(a);
        assert_int_equal(lock_daemon(dir->path, &b, &holder), 0);
        close(b);
}

static void store_lock_is_shared_or_exclusive(void **state) {
        const UnitDir *dir = *state;
        int a, b, c;

        assert_int_equal(lock_store_shared(dir->path, false, &a), 0);
        assert_int_equal(lock_store_shared(dir->path, true, &b), 0);
        assert_int_equal(lock_store_exclusive(dir->path, 0, &c), LOCK_BUSY);
        close(a);
        close(b);
        assert_int_equal(lock_store_exclusive(dir->path, 0, &c), 0);
        assert_int_equal(lock_store_shared(dir->path, false, &a), LOCK_BUSY);
        close(c);
}

/* who waits for all to be gone keeps those out who come later, and only as long as it waits */
static void a_turn_has_an_end(void **state) {
        const UnitDir *dir = *state;
        int a, b, c;

        assert_int_equal(lock_store_shared(dir->path, true, &a), 0);
        assert_int_equal(lock_store_exclusive(dir->path, 5, &c), LOCK_BUSY);
        assert_int_equal(lock_store_shared(dir->path, true, &b), 0);
        close(a);
        close(b);
        assert_int_equal(lock_store_exclusive(dir->path, 5, &c), 0);
        close(c);
}

static void readers_that_overlap_let_a_writer_in(void **state) {
        const UnitDir *dir = *state;
        Readers readers;
        int fd;

        readers_start(&readers, dir->path);
        for (unsigned turn = 0; turn < 5; turn++) {
                /* one turn is enough, however busy the machine is */
                assert_int_equal(lock_store_exclusive(dir->path, 60 * 1000, &fd), 0);
                assert_int_equal(readers.n_holding, 0);
                close(fd);
        }
        readers_stop(&readers);
}

static void key_locks_are_independent(void **state) {
        const UnitDir *dir = *state;
        const Digest k = digest_of("k", 1), l = digest_of("l", 1);
        Digest top = { .bytes = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
        int a, b, c;

        assert_int_equal(lock_key(dir->path, &k, false, &a), 0);
        assert_int_equal(lock_key(dir->path, &k, false, &b), LOCK_BUSY);
        assert_int_equal(lock_key(dir->path, &l, false, &b), 0);
        assert_int_equal(lock_key(dir->path, &top, true, &c), 0); /* the largest offset */
        close(c);
        close(a);
        assert_int_equal(lock_key(dir->path, &k, false, &a), 0);
        close(a);
        close(b);
}

/* the kernel gives back what a dead process held, and a waiter gets it */
static void a_waiter_gets_the_lock_of_the_dead(void **state) {
        const UnitDir *dir = *state;
        const Digest k = digest_of("k", 1);
        int held[2], status, fd;
        pid_t pid;
        char byte;

        assert_int_equal(pipe(held), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                close(held[0]);
                if (lock_key(dir->path, &k, true, &fd) != 0 || write(held[1], "x", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        close(held[1]);
        assert_int_equal(read(held[0], &byte, 1), 1);
        assert_int_equal(lock_key(dir->path, &k, false, &fd), LOCK_BUSY);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(lock_key(dir->path, &k, true, &fd), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        close(fd);
        close(held[0]);
}

/* a compiler that outlives us must not keep our lock */
static void children_do_not_inherit(void **state) {
        const UnitDir *dir = *state;
        const Digest k = digest_of("k", 1);
        int a, b, c;
        pid_t holder;

        assert_int_equal(lock_key(dir->path, &k, false, &a), 0);
        assert_int_equal(lock_store_shared(dir->path, false, &b), 0);
        assert_int_equal(lock_daemon(dir->path, &c, &holder), 0);
        assert_true(fcntl(a, F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(b, F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(c, F_GETFD) & FD_CLOEXEC);
        close(a);
        close(b);
        close(c);
}

/* the daemon is gone, a child of it that has not come to its exec is not */
static void what_a_dead_daemon_left_is_waited_for(void **state) {
        const UnitDir *dir = *state;
        pid_t daemon, holder = 0;
        int lock;

        daemon = fork();
        assert_true(daemon >= 0);
        if (daemon == 0) {
                if (lock_daemon(dir->path, &lock, &holder) != 0)
                        _exit(1);
                if (fork() == 0)
                        (void) poll(NULL, 0, 300);
                _exit(0);
        }
        assert_int_equal(waitpid(daemon, NULL, 0), daemon);
        assert_int_equal(lock_daemon(dir->path, &lock, &holder), 0);
        close(lock);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(daemon_lock_is_one, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(store_lock_is_shared_or_exclusive, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(a_turn_has_an_end, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(readers_that_overlap_let_a_writer_in,
                                                unit_dir_setup, unit_dir_teardown),
                cmocka_unit_test_setup_teardown(key_locks_are_independent, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(a_waiter_gets_the_lock_of_the_dead, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(what_a_dead_daemon_left_is_waited_for,
                                                unit_dir_setup, unit_dir_teardown),
                cmocka_unit_test_setup_teardown(children_do_not_inherit, unit_dir_setup,
                                                unit_dir_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
