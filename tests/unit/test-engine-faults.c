/*
 * What is asked while the system fails: a system call that it does not have, or any one that fails.
 * Then it is answered all the same, exactly once, rightly or with the reason, and the engine goes on
 * as before. Teardown proves that nothing leaked (handles and descriptors here, memory under ASan).
 */

#include "engine_fixture.h"

#include <errno.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "tests/support/fail_io.h"

/* a workspace with one model that is compiled */
static void begin(Fixture *f) {
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
}

/* --- a call that there is not -------------------------------------------------------------------- */

typedef struct Diagnosed {
        Answer answer;
        bool failed; /* the finding about openat2() */
        char text[512];
} Diagnosed;

static void on_examined(const AskResult *result, void *userdata) {
        Diagnosed *diagnosed = userdata;

        engine_fixture_handlers.done(result, &diagnosed->answer);
        for (size_t i = 0; i < result->n_findings; i++) {
                const Finding *finding = &result->findings[i];

                if (strcmp(finding->subject, "openat2") != 0)
                        continue;
                diagnosed->failed = finding->state == FINDING_FAILED;
                (void) snprintf(diagnosed->text, sizeof(diagnosed->text), "%s", finding->text);
        }
}

static void examine(Fixture *f, Diagnosed *diagnosed) {
        static const AskHandlers handlers = { .done = on_examined };
        Problem problem = {};

        *diagnosed = (Diagnosed){};
        assert_int_equal(engine_examine(f->engine, NULL, &handlers, diagnosed,
                                        &diagnosed->answer.ask, &problem),
                         0);
        WAIT_UNTIL(f, diagnosed->answer.done);
        assert_int_equal(diagnosed->answer.outcome, ASK_DONE);
        assert_true(diagnosed->text[0] != '\0');
}

/* doctor says what is missing and what to do */
static void a_system_call_is_missing(void **state) {
        static const int errors[] = { ENOSYS, EPERM }; /* an old kernel, an old filter */
        Fixture *f = *state;
        Diagnosed diagnosed;

        for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
                fail_io_refuse(SYS_openat2, errors[i]);
                assert_int_equal(file_open_plain(f->dir->fd, "ws", O_RDONLY, 0), -ENOSYS);
                assert_int_equal(file_open_beneath(f->dir->fd, "ws", O_RDONLY, 0), -ENOSYS);
                examine(f, &diagnosed);
                assert_true(diagnosed.failed);
                assert_non_null(strstr(diagnosed.text, "openat2() is missing"));
                assert_non_null(strstr(diagnosed.text, "use Linux 5.6 or newer"));
        }
        fail_io_refuse(0, 0);
        examine(f, &diagnosed);
        assert_false(diagnosed.failed);
}

/* a compile says so before it starts */
static void a_compile_without_a_system_call(void **state) {
        Fixture *f = *state;
        Answer answer;

        begin(f);
        fail_io_refuse(SYS_openat2, ENOSYS);
        save_model(f, "Net_int.xmodel", 2, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        fail_io_refuse(0, 0);
        assert_int_equal(answer.outcome, ASK_FAILED);
        assert_non_null(strstr(answer.message, "openat2() is missing"));
        assert_int_equal(n_started(f), 1);
}

int main(void) {
#define TEST(_fn)                                                                                  \
        cmocka_unit_test_setup_teardown(_fn, engine_fixture_setup, engine_fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(a_system_call_is_missing),
                TEST(a_compile_without_a_system_call),
        };

        log_open(LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
