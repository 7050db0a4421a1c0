/*
 * What is asked while there is no memory: any one allocation of it may fail, and then it is answered
 * all the same, exactly once, and the engine goes on as before. Teardown proves that nothing leaked
 * (handles and descriptors here, memory under ASan).
 */

#include "engine_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/support/fail_alloc.h"

#define MEMORY_ALLOCATIONS_MAX 20000 /* of one ask: more is a loop that does not end */

typedef int (*AskFn)(Fixture *f, Answer *answer);

/* Asks while allocation number @nth fails. True if it was reached. */
static bool ask_without(Fixture *f, AskFn fn, long nth, Answer *answer) {
        int r;

        *answer = (Answer){};
        fail_alloc_arm(nth);
        r = fn(f, answer);
        if (r == 0)
                WAIT_UNTIL(f, answer->done);
        if (!fail_alloc_disarm()) {
                assert_int_equal(r, 0);
                assert_int_equal(answer->outcome, ASK_DONE);
                return false;
        }
        if (r < 0)
                assert_int_equal(r, -ENOMEM);
        assert_int_equal(answer->n_done, r < 0 ? 0 : 1);
        return true;
}

/* Every allocation, or where a round is expensive, farther and farther apart. */
static void sweep(Fixture *f, AskFn fn, bool sparsely) {
        Answer answer;
        long nth = 0;

        while (ask_without(f, fn, nth, &answer)) {
                if (answer.done && answer.outcome != ASK_DONE)
                        assert_true(answer.message[0] != '\0');
                nth += sparsely ? 1 + nth / 6 : 1;
                assert_true(nth < MEMORY_ALLOCATIONS_MAX);
        }
        assert_true(nth > 5);
}

static int ask_get(Fixture *f, Answer *answer, int fd, bool force) {
        char path[512];
        const GetSpec spec = {
                .source_fd = fd,
                .source_path = path,
                .arch_fd = -1,
                .output_dir_fd = -1,
                .adopt_fd = -1,
                .umask = -1,
                .wait = true,
                .force = force,
                .options = "{'prefetch': 'true'}",
        };
        Problem problem = {};

        (void) snprintf(path, sizeof(path), "%s/Net_int.xmodel", f->root);
        return engine_get(f->engine, &spec, &engine_fixture_handlers, answer, &answer->ask,
                          &problem);
}

static int ask_for_hit(Fixture *f, Answer *answer) {
        return ask_get(f, answer, -1, false);
}

/* the file that had the name of the source before */
static int replaced_fd = -1;

/* Whose the descriptor is must not depend on how far it came: the caller's, if it failed. */
static int ask_for_replaced(Fixture *f, Answer *answer) {
        int fd = fcntl(replaced_fd, F_DUPFD_CLOEXEC, 3), r;

        assert_true(fd >= 0);
        r = ask_get(f, answer, fd, false);
        if (r < 0)
                assert_int_equal(close(fd), 0);
        return r;
}

static int ask_for_compile(Fixture *f, Answer *answer) {
        return ask_get(f, answer, -1, true);
}

static int ask_to_wait(Fixture *f, Answer *answer) {
        Problem problem = {};

        return engine_wait(f->engine, NULL, &engine_fixture_handlers, answer, &answer->ask,
                           &problem);
}

static int ask_the_doctor(Fixture *f, Answer *answer) {
        Problem problem = {};

        return engine_examine(f->engine, NULL, &engine_fixture_handlers, answer, &answer->ask,
                              &problem);
}

/* a workspace with one model that is compiled */
static void begin(Fixture *f) {
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_false(ask_without(f, ask_for_hit, MEMORY_ALLOCATIONS_MAX, &answer));
}

static void works_as_before(Fixture *f) {
        Answer answer;

        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_int_equal(wait_for_all(f), ASK_DONE);
}

static void a_hit(void **state) {
        Fixture *f = *state;

        begin(f);
        sweep(f, ask_for_hit, false);
        works_as_before(f);
}

/* Whoever is told that all is done finds what was removed. */
static void a_wait_for_what_is_delivered_again(void **state) {
        Fixture *f = *state;
        bool reached = true;
        char delivered[300];
        Answer answer;

        write_text(f->root, "dpucc.json",
                   "{\"models\": [{\"xmodel\": \"Net_int.xmodel\", \"output_dir\": \"out\"}]}");
        begin(f);
        path_in(delivered, sizeof(delivered), f->root, "out/Net.xmodel");
        for (long nth = 0; reached; nth += 1 + nth / 40) {
                assert_true(nth < MEMORY_ALLOCATIONS_MAX);
                works_as_before(f);
                assert_int_equal(unlink(delivered), 0);
                reached = ask_without(f, ask_to_wait, nth, &answer);
                if (answer.done && answer.outcome == ASK_DONE)
                        assert_int_equal(access(delivered, R_OK), 0);
        }
}

/* Both files are known already, so that the request is at its build before it is accepted. */
static void a_hit_of_what_was_replaced(void **state) {
        Fixture *f = *state;
        char path[512], part[512];
        uint64_t hashes;
        Answer answer;

        begin(f);
        path_in(path, sizeof(path), f->root, "Net_int.xmodel");
        path_in(part, sizeof(part), f->root, "new.part");
        replaced_fd = open(path, O_RDONLY | O_CLOEXEC);
        save_model(f, "new.part", 2, false);
        assert_int_equal(rename(part, path), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE); /* nobody else is to be without memory */
        do {
                answer = (Answer){};
                hashes = statistic(f, "hashes");
                assert_int_equal(ask_for_replaced(f, &answer), 0);
                WAIT_UNTIL(f, answer.done);
        } while (statistic(f, "hashes") > hashes);
        sweep(f, ask_for_replaced, false);
        close(replaced_fd);
        works_as_before(f);
}

static void a_compile(void **state) {
        Fixture *f = *state;

        begin(f);
        sweep(f, ask_for_compile, true);
        works_as_before(f);
}

static void a_wait(void **state) {
        Fixture *f = *state;

        begin(f);
        for (long nth = 0; nth < 40; nth++) {
                Answer answer;

                (void) ask_without(f, ask_to_wait, nth, &answer);
        }
        works_as_before(f);
}

static void a_checkup(void **state) {
        Fixture *f = *state;

        begin(f);
        sweep(f, ask_the_doctor, true);
        works_as_before(f);
}

/* The watcher's turn: whatever fails while a save is noticed, identified and compiled, a get knows
 * the new model, and the unit comes to it. */
static void a_save(void **state) {
        Fixture *f = *state;
        Answer before, after;
        int32_t weight = 2;

        begin(f);
        get(f, &before, "Net_int.xmodel", NULL);
        for (long nth = 0; nth < 300; nth += 1 + nth / 6) {
                uint64_t runs = statistic(f, "compiler_runs");

                save_model(f, "Net_int.xmodel", weight++, false);
                fail_alloc_arm(nth);
                WAIT_UNTIL(f, fail_alloc_is_reached() || statistic(f, "compiler_runs") > runs);
                (void) fail_alloc_disarm();
                get(f, &after, "Net_int.xmodel", NULL);
                assert_int_equal(after.outcome, ASK_DONE);
                assert_string_not_equal(after.path, before.path);
                before = after;
        }
        works_as_before(f);
}

int main(void) {
#define TEST(_fn)                                                                                  \
        cmocka_unit_test_setup_teardown(_fn, engine_fixture_setup, engine_fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(a_hit),
                TEST(a_hit_of_what_was_replaced),
                TEST(a_compile),
                TEST(a_wait),
                TEST(a_checkup),
                TEST(a_save),
                TEST(a_wait_for_what_is_delivered_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
