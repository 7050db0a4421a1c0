/*
 * Each system call of the watcher fails in turn, while it starts, scans and reads events. It may need
 * another dispatch or a poll for which it asks: then it knows what is there.
 */

#include "watch_fixture.h"

#include <errno.h>

#include "base/cleanup.h"
#include "tests/support/fail_io.h"

#define FAULTS_MAX 2000 /* more than there are: a sweep that does not end is a failure */
#define TRIES_MAX  10

/* until there is nothing more, or it fails in the same way forever */
static void dispatch(Fixture *f, int error) {
        unsigned n_failed = 0;
        int r;

        do {
                r = watch_dispatch(f->watch, sink, f, WATCH_BUDGET);
                if (r < 0) {
                        assert_int_equal(r, -error);
                        assert_true(++n_failed < TRIES_MAX);
                }
        } while (r != 0);
}

static bool begin(Fixture *f, int error) {
        int r = watch_new(&f->watch, WATCH_NODES_MAX);

        if (r == 0)
                r = watch_add_root(f->watch, f->top, &watch_fixture_filter, f, &f->root);
        if (r < 0) {
                assert_int_equal(r, -error);
                f->watch = watch_free(f->watch);
                return false;
        }
        return true;
}

static void change(Fixture *f) {
        make_dirs(at(f, "new/d"));
        save(at(f, "new/d/2.xmodel"), "1");
        save(at(f, "0.xmodel"), "22");
        move(at(f, "d"), at(f, "moved"));
        save(at(f, "new/3.xmodel"), "1");
        assert_int_equal(unlink(at(f, "old.xmodel")), 0);
        assert_int_equal(symlink("3.xmodel", at(f, "new/link.xmodel")), 0);
}

static void make_tree(Fixture *f) {
        save(at(f, "0.xmodel"), "1");
        save(at(f, "old.xmodel"), "1");
        make_dirs(at(f, "d/e"));
        save(at(f, "d/e/1.xmodel"), "1");
}

/* What it could not do it does at the next poll, if it has asked for one. */
static void expect_truth(Fixture *f) {
        for (unsigned i = 0; i < TRIES_MAX && watch_wants_poll(f->watch); i++) {
                watch_poll(f->watch);
                drain(f);
        }
        assert_false(watch_wants_poll(f->watch));
        compare_with_disk(f);
        assert_int_equal(watch_root_info(f->root).n_degraded, 0);
}

static void forget(Fixture *f) {
        Seen *s, *next;

        f->watch = watch_free(f->watch);
        HASH_ITER(hh, f->seen, s, next) {
                HASH_DEL(f->seen, s);
                free(s);
        }
        assert_int_equal(file_remove_tree(AT_FDCWD, f->top), 0);
}

typedef enum Phase {
        AT_START,
        WHILE_EVENTS_COME,
        WHILE_ALL_IS_READ_AGAIN,
} Phase;

/* True if call number @nth was reached. What this process does to the tree does not count. */
static bool watch_without(Fixture *f, Phase phase, long nth, int error) {
        bool begun;

        make_dirs(f->top);
        make_tree(f);
        fail_io_arm(phase == AT_START ? nth : -1, error);
        begun = begin(f, error);
        if (begun)
                dispatch(f, error);
        if (phase != AT_START) {
                (void) fail_io_disarm();
                change(f);
                if (phase == WHILE_ALL_IS_READ_AGAIN)
                        watch_rescan(f->watch, f->root);
                fail_io_arm(nth, error);
                dispatch(f, error);
        }
        bool reached = fail_io_disarm();

        if (begun) {
                expect_truth(f);
                save(at(f, "late.xmodel"), "1"); /* and it hears of what comes then */
                drain(f);
                compare_with_disk(f);
        }
        forget(f);
        return reached;
}

static void sweep(Fixture *f, Phase phase, int error) {
        long nth = 0;

        while (watch_without(f, phase, nth, error)) {
                nth++;
                assert_true(nth < FAULTS_MAX);
        }
        assert_true(nth > 10);
}

static void each_call_fails(void **state) {
        sweep(*state, AT_START, EIO);
        sweep(*state, WHILE_EVENTS_COME, EIO);
        sweep(*state, WHILE_ALL_IS_READ_AGAIN, EIO);
}

/* a round waits for the kernel to take an inotify instance apart: the other errors by and by only */
static void each_call_fails_otherwise(void **state) {
        static const int errors[] = { EMFILE, ENOMEM, ENOSPC, EINTR };

        for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
                sweep(*state, AT_START, errors[i]);
                if (!getenv("DPUCC_LONG"))
                        continue;
                sweep(*state, WHILE_EVENTS_COME, errors[i]);
                sweep(*state, WHILE_ALL_IS_READ_AGAIN, errors[i]);
        }
}

/* where what an entry is has to be asked for */
static void each_call_fails_without_types(void **state) {
        fail_io_hide_types(true);
        sweep(*state, AT_START, EIO);
        sweep(*state, WHILE_ALL_IS_READ_AGAIN, EIO);
        fail_io_hide_types(false);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                on_bare(each_call_fails),
                on_bare(each_call_fails_otherwise),
                on_bare(each_call_fails_without_types),
        };

        return watch_fixture_run(tests);
}
