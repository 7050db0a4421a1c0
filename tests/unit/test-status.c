#include "unit.h"

#include <string.h>

#include "daemon/engine.h"
#include "daemon/status.h"

/* An engine that is nothing but these numbers. */
struct Engine {
        uint64_t n_started;
        uint32_t n_running, n_queued;
        size_t n_roots;
        bool paused;
        const char *net_name;
        unsigned n_looks; /* at its jobs */
};

uint64_t engine_n_started(const Engine *engine) {
        return engine->n_started;
}

uint32_t engine_n_running(const Engine *engine) {
        return engine->n_running;
}

uint32_t engine_n_queued(const Engine *engine) {
        return engine->n_queued;
}

size_t engine_n_roots(const Engine *engine) {
        return engine->n_roots;
}

bool engine_is_paused(const Engine *engine) {
        return engine->paused;
}

int engine_each_job(Engine *engine, JobViewFn fn, void *userdata) {
        const JobView job = { .net_name = engine->net_name,
                              .target = "b1024",
                              .running = engine->n_running > 0 };

        engine->n_looks++;
        return fn(&job, userdata);
}

static void expect(Status *status, Engine *engine, const char *wanted) {
        char line[2 * STATUS_NAME_MAX];

        status_write(status, engine, line, sizeof(line));
        assert_string_equal(line, wanted);
}

static void it_says_what_compiles(void **state) {
        Engine engine = { .net_name = "unet" };
        Status status = {};

        (void) state;
        expect(&status, &engine, "Idle; 0 workspaces");
        engine.n_roots = 1;
        engine.n_queued = 3;
        expect(&status, &engine, "Idle; 1 workspace, 3 waiting");
        engine.paused = true;
        expect(&status, &engine, "Paused; 1 workspace, 3 waiting");
        engine.paused = false;
        engine.n_started = engine.n_running = 1;
        engine.n_queued = 0;
        expect(&status, &engine, "Compiling unet@b1024");
        engine.n_started = engine.n_running = 2;
        engine.n_queued = 7;
        expect(&status, &engine, "Compiling unet@b1024 and 1 more, 7 waiting");
}

/* Many turns of the loop pass while one thing compiles. */
static void it_looks_at_the_queue_when_jobs_change(void **state) {
        Engine engine = { .net_name = "a", .n_started = 1, .n_running = 1 };
        Status status = {};

        (void) state;
        for (unsigned i = 0; i < 100; i++) {
                engine.n_queued = i;
                (void) status_write(&status, &engine, (char[256]){ 0 }, 256);
        }
        assert_int_equal(engine.n_looks, 1);
        engine.n_queued = 0;
        engine.n_started = 2; /* one ended, another began */
        engine.net_name = "b";
        expect(&status, &engine, "Compiling b@b1024");
}

/* The service manager takes each line for a statement. */
static void names_cannot_forge_statements(void **state) {
        Engine engine = { .net_name = "a\nMAINPID=1\n", .n_started = 1, .n_running = 1 };
        char longest[4096], line[2 * STATUS_NAME_MAX];
        Status status = {};

        (void) state;
        expect(&status, &engine, "Compiling a\\nMAINPID=1\\n@b1024");
        memset(longest, 'x', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        engine.net_name = longest;
        engine.n_started = 2;
        status_write(&status, &engine, line, sizeof(line));
        assert_int_equal(strlen(line), strlen("Compiling ") + STATUS_NAME_MAX - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_says_what_compiles),
                cmocka_unit_test(it_looks_at_the_queue_when_jobs_change),
                cmocka_unit_test(names_cannot_forge_statements),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
