#include "tests/support/double_engine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cache/cache.h"
#include "cache/collector.h"
#include "cache/state.h"
#include "daemon/work.h"

struct Ask {
        Engine *engine;
        AskHandlers handlers;
        void *userdata;
        bool cancelled;
        LIST_ENTRY(Ask) link;
};

struct Engine {
        DoubleEngine seen;
        WorkPool pool;
        uv_timer_t timer;            /* answers what is due */
        EngineCollectedFn collected; /* NULL: nobody waits for a pass */
        void *collected_userdata;
        LIST_HEAD(, Ask) asks;
        EngineStoppedFn stopped;
        void *userdata;

        /* of engine_new() only */
        State *state;
        Cache *cache;
        int owned_fd;
};

static UnitView double_unit(const Engine *engine) {
        return (UnitView){
                .net_name = "net",
                .target = "b1024",
                .root = "/w",
                .source_path = "/w/net.xmodel",
                .arch_path = "/w/arch.json",
                .state = UNIT_READY,
                .source_class = 0,
                .toolchain = "dpucc",
                .artifact_path = "/cache/views/k/net/net.xmodel",
                .fingerprint = 0x0101000016010407,
                .no_dpu_code = true,
                .key = engine->seen.key,
        };
}

static const RootView double_root = {
        .path = "/w",
        .state = "watching",
        .epoch = 3,
        .n_directories = 2,
        .n_sources = 1,
};

static void double_answer(Ask *ask) {
        static const Finding findings[] = {
                { "cache", "", FINDING_OK, "/cache" },
                { "toolchain box", "engine", FINDING_FAILED, "it is down: start it" },
        };
        static const char *const notes[] = { "holds no DPU code" };
        const AskProgress progress = { .phase = "compiling", .elapsed_ms = 12, .left_ms = 3000 };
        static const char *const hints[] = { "net@b1024", "net@b4096" };
        Engine *engine = ask->engine;
        const UnitView unit = double_unit(engine);
        const EventView event = { .kind = EVENT_UNIT, .time_ns = 1500000000, .unit = &unit };
        bool done = !ask->cancelled && engine->seen.outcome == ASK_DONE;
        const AskResult result = {
                .outcome = ask->cancelled ? ASK_FAILED : engine->seen.outcome,
                .message = ask->cancelled ? "cancelled"
                           : done         ? NULL
                                          : "the double says no",
                .hints = hints,
                .n_hints = done ? 0 : 2,
                .notes = notes,
                .n_notes = 1,
                .unit = &unit,
                .findings = findings,
                .n_findings = done ? ARRAY_SIZE(findings) : 0,
                .path = done ? unit.artifact_path : NULL,
                .artifact_fd = engine->seen.want_fd ? engine->seen.artifact_fd : -1,
                .log_fd = -1,
                .hit = true,
                .basis = { .target = "b1024", .toolchain_identity = "dpucc 0" },
        };

        if (result.artifact_fd >= 0) /* those who got it share its position */
                (void) lseek(result.artifact_fd, 0, SEEK_SET);
        LIST_REMOVE(ask, link);
        for (unsigned i = 0; i < engine->seen.n_progress && ask->handlers.progress; i++)
                ask->handlers.progress(&progress, ask->userdata);
        for (unsigned i = 0; i < engine->seen.n_progress && ask->handlers.event; i++)
                ask->handlers.event(&event, ask->userdata);
        ask->handlers.done(&result, ask->userdata);
        engine->seen.n_done++;
        free(ask);
}

static void double_on_closed(uv_handle_t *handle) {
        Engine *engine = handle->data;

        engine->stopped(engine->userdata);
        (void) cache_close(engine->cache);
        (void) state_close(engine->state);
        closep(&engine->owned_fd);
        free(engine);
}

static void double_collect(Engine *engine) {
        const CollectorResult result = { .evicted = 2, .freed_bytes = 1000, .satisfied = true };
        EngineCollectedFn collected = TAKE_PTR(engine->collected);

        if (collected)
                collected(0, &result, engine->collected_userdata);
}

static void double_on_timer(uv_timer_t *timer) {
        Engine *engine = timer->data;
        Ask *ask, *next;

        for (ask = LIST_FIRST(&engine->asks); ask; ask = next) {
                next = LIST_NEXT(ask, link);
                if (!engine->seen.hold || ask->cancelled)
                        double_answer(ask);
        }
        double_collect(engine);
        if (engine->stopped && work_pool_is_busy(&engine->pool))
                (void) uv_timer_start(timer, double_on_timer, 1, 0);
        else if (engine->stopped)
                uv_close((uv_handle_t *) timer, double_on_closed);
}

static void double_soon(Engine *engine) {
        (void) uv_timer_start(&engine->timer, double_on_timer, 0, 0);
}

Engine *double_engine_open(uv_loop_t *loop) {
        Engine *engine = calloc(1, sizeof(*engine));

        assert(engine);
        work_pool_init(&engine->pool, loop);
        (void) uv_timer_init(loop, &engine->timer);
        engine->timer.data = engine;
        engine->seen.artifact_fd = engine->owned_fd = -1;
        engine->seen.n_units = engine->seen.n_roots = engine->seen.n_jobs = 1;
        return engine;
}

DoubleEngine *double_engine_of(Engine *engine) {
        return &engine->seen;
}

void double_engine_release(Engine *engine) {
        engine->seen.hold = false;
        double_soon(engine);
}

static unsigned double_setting(const char *name) {
        const char *value = getenv(name);

        return value ? (unsigned) strtoul(value, NULL, 10) : 0;
}

int engine_new(Engine **ret, const EngineSpec *spec, Problem *problem) {
        const char *artifact = getenv("DOUBLE_ARTIFACT");
        Engine *engine = double_engine_open(spec->loop);
        DoubleEngine *seen = &engine->seen;

        seen->outcome = (AskOutcome) double_setting("DOUBLE_OUTCOME");
        seen->hold = double_setting("DOUBLE_HOLD") > 0;
        seen->n_progress = double_setting("DOUBLE_PROGRESS");
        if (getenv("DOUBLE_ROOTS"))
                seen->n_roots = double_setting("DOUBLE_ROOTS");
        if (artifact)
                engine->owned_fd = seen->artifact_fd = open(artifact, O_RDONLY | O_CLOEXEC);
        if (state_open(&engine->state, NULL, problem) < 0 ||
            cache_open(&engine->cache, spec->cache_dir, engine->state, CACHE_NORMAL, problem) < 0)
                abort();
        seen->cache = engine->cache;
        *ret = engine;
        return 0;
}

void engine_stop(Engine *engine, bool again, EngineStoppedFn stopped, void *userdata) {
        Ask *ask;

        engine->stopped = stopped;
        engine->userdata = userdata;
        (void) again;
        LIST_FOREACH(ask, &engine->asks, link)
        ask->cancelled = true;
        double_soon(engine);
}

int engine_reload(Engine *engine, Problem *problem) {
        engine->seen.n_reloads++;
        return engine->seen.refuse < 0
                       ? problem_set(problem, engine->seen.refuse, "dpuccd.json: refused")
                       : 0;
}

static int double_ask(Engine *engine, const AskHandlers *handlers, void *userdata, Ask **ret) {
        Ask *ask = calloc(1, sizeof(*ask));

        if (!ask)
                return -ENOMEM;
        ask->engine = engine;
        ask->handlers = *handlers;
        ask->userdata = userdata;
        LIST_INSERT_HEAD(&engine->asks, ask, link);
        if (!engine->seen.hold)
                double_soon(engine);
        *ret = ask;
        return 0;
}

static void double_read(int fd, char *ret, size_t room) {
        ssize_t n = fd >= 0 ? pread(fd, ret, room - 1, 0) : 0;

        ret[n > 0 ? n : 0] = '\0';
        closep(&fd);
}

int engine_get(Engine *engine, const GetSpec *spec, const AskHandlers *handlers, void *userdata,
               Ask **ret, Problem *problem) {
        DoubleEngine *seen = &engine->seen;
        const char *replace = getenv("DOUBLE_REPLACE"); /* by this file, once */
        int r;

        seen->n_gets++;
        if (replace)
                seen->outcome = rename(replace, spec->source_path) == 0 ? ASK_NOT_FOUND : ASK_DONE;
        if (seen->refuse < 0)
                return problem_set(problem, seen->refuse, "refused");
        r = double_ask(engine, handlers, userdata, ret);
        if (r < 0)
                return r;

        (void) snprintf(seen->source_path, sizeof(seen->source_path), "%s", spec->source_path);
        double_read(spec->source_fd, seen->source_content, sizeof(seen->source_content));
        double_read(spec->arch_fd, seen->arch_content, sizeof(seen->arch_content));
        if (spec->adopt_fd >= 0)
                close(spec->adopt_fd);
        if (spec->output_dir_fd >= 0)
                close(spec->output_dir_fd);
        seen->force = spec->force;
        seen->wait = spec->wait;
        seen->want_fd = spec->want_fd;
        return 0;
}

int engine_wait(Engine *engine, const char *root, const AskHandlers *handlers, void *userdata,
                Ask **ret, Problem *problem) {
        (void) root;
        (void) problem;
        engine->seen.n_waits++;
        return double_ask(engine, handlers, userdata, ret);
}

int engine_monitor(Engine *engine, const char *beneath, const AskHandlers *handlers, void *userdata,
                   Ask **ret, Problem *problem) {
        (void) beneath;
        (void) problem;
        return double_ask(engine, handlers, userdata, ret);
}

int engine_examine(Engine *engine, const char *toolchain, const AskHandlers *handlers,
                   void *userdata, Ask **ret, Problem *problem) {
        if (toolchain)
                return problem_set(problem, -EINVAL, "there is no toolchain '%s'", toolchain);
        return double_ask(engine, handlers, userdata, ret);
}

int engine_audit(Engine *engine, bool repair, const AskHandlers *handlers, void *userdata,
                 Ask **ret, Problem *problem) {
        if (repair)
                return problem_set(problem, -EROFS, "not to be written");
        return double_ask(engine, handlers, userdata, ret);
}

void ask_cancel(Ask *ask) {
        ask->engine->seen.n_cancels++;
        ask->cancelled = true;
        double_soon(ask->engine);
}

int engine_watch(Engine *engine, const char *path, bool trust, RootView *ret, Problem *problem) {
        (void) engine;
        (void) problem;
        *ret = double_root;
        ret->path = path;
        ret->trusted = trust;
        return 0;
}

int engine_unwatch(Engine *engine, const char *path, Problem *problem) {
        (void) engine;
        return strcmp(path, double_root.path) == 0
                       ? 0
                       : problem_set(problem, -ENOENT, "%s is not watched", path);
}

int engine_each_root(Engine *engine, RootViewFn fn, void *userdata) {
        int r = 0;

        for (unsigned i = 0; r == 0 && i < engine->seen.n_roots; i++)
                r = fn(&double_root, userdata);
        return r;
}

int engine_each_unit(Engine *engine, UnitViewFn fn, void *userdata) {
        const UnitView unit = double_unit(engine);
        int r = 0;

        for (unsigned i = 0; r == 0 && i < engine->seen.n_units; i++)
                r = fn(&unit, userdata);
        return r;
}

int engine_find_unit(Engine *engine, const char *text, const char *path, UnitView *ret,
                     Problem *problem) {
        (void) path;
        if (strcmp(text, "net@b1024") != 0)
                return problem_set(problem, -ENOENT, "%s: no such unit", text);
        *ret = double_unit(engine);
        return 0;
}

static JobView double_job(const Engine *engine) {
        static const Digest key = { .bytes = { 0xab, 0xcd } };
        const UnitView unit = double_unit(engine);

        return (JobView){
                .net_name = unit.net_name,
                .target = unit.target,
                .source_path = unit.source_path,
                .toolchain = unit.toolchain,
                .key = &key,
                .phase = "compiling",
                .running = true,
                .n_clients = 1,
                .elapsed_ms = 1500,
                .predicted_ms = 4000,
                .left_ms = 2500,
        };
}

int engine_each_job(Engine *engine, JobViewFn fn, void *userdata) {
        const JobView job = double_job(engine);
        int r = 0;

        for (unsigned i = 0; engine->seen.hold && r == 0 && i < engine->seen.n_jobs; i++)
                r = fn(&job, userdata);
        return r;
}

int engine_cancel(Engine *engine, const char *text, const char *path, JobViewFn fn, void *userdata,
                  Problem *problem) {
        const JobView job = double_job(engine);

        (void) path;
        if (strcmp(text, "net@b1024") != 0)
                return problem_set(problem, -ENOENT, "no compile of %s runs or waits", text);
        engine->seen.n_cancels++;
        return fn(&job, userdata);
}

void engine_pause(Engine *engine, bool pause) {
        engine->seen.paused = pause;
}

bool engine_is_paused(const Engine *engine) {
        return engine->seen.paused;
}

void engine_each_statistic(Engine *engine, EngineStatFn fn, void *userdata) {
        fn("gets", engine->seen.n_gets, userdata);
        fn("waits", engine->seen.n_waits, userdata);
        fn("reloads", engine->seen.n_reloads, userdata);
        fn("compiles", 0, userdata);
}

void engine_each_histogram(Engine *engine, EngineHistogramFn fn, void *userdata) {
        Histogram h = {};

        (void) engine;
        histogram_add(&h, 3);
        histogram_add(&h, 4);
        histogram_add(&h, 1000);
        fn("cache_lookup_us", &h, userdata);
}

uint32_t engine_n_queued(const Engine *engine) {
        return engine->seen.hold ? 1 : 0;
}

uint64_t engine_n_started(const Engine *engine) {
        (void) engine;
        return 0;
}

size_t engine_n_roots(const Engine *engine) {
        (void) engine;
        return 0;
}

uint32_t engine_n_running(const Engine *engine) {
        (void) engine;
        return 0;
}

int engine_each_warning(Engine *engine, int (*fn)(const char *text, void *userdata),
                        void *userdata) {
        (void) engine;
        return fn("caching is off: no space left on device", userdata);
}

int engine_find_target(Engine *engine, const char *source_path, const char *name, Target *ret) {
        (void) engine;
        if (strcmp(source_path, "/models/net_int.xmodel") != 0 || strcmp(name, "leopard") != 0)
                return -ENOENT;
        return target_parse("0x101000056010402", ret, NULL);
}

int engine_delivered_key(Engine *engine, const char *path, Digest *ret) {
        (void) engine;
        (void) path;
        (void) ret;
        return -ENOENT;
}

int engine_collect(Engine *engine, EngineCollectedFn done, void *userdata, Problem *problem) {
        if (engine->seen.refuse < 0)
                return problem_set(problem, engine->seen.refuse, "refused");
        engine->collected = done;
        engine->collected_userdata = userdata;
        double_soon(engine);
        return 0;
}

struct WorkPool *engine_pool(Engine *engine) {
        return &engine->pool;
}

struct Cache *engine_cache(Engine *engine) {
        return engine->seen.cache;
}

struct State *engine_state(Engine *engine) {
        return engine->state ?: engine->seen.state;
}
