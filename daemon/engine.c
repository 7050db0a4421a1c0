/*
 * The engine owns everything and decides nothing: events go to workspaces (lookout.h), calls to
 * asks, and once per turn of the loop, before it sleeps, timers are set and waits are looked at.
 *
 * Stopping: no more events; asks and units are cancelled and end; then the lookout ends, and the
 * queue when its last child is gone; then the handles close, and with the last of them the engine
 * goes.
 */

#include "daemon/engine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cache/index.h"
#include "daemon/ask.h"
#include "daemon/audit.h"
#include "daemon/choice.h"
#include "daemon/config.h"
#include "daemon/core.h"
#include "daemon/doctor.h"
#include "daemon/get.h"
#include "daemon/hook.h"
#include "daemon/job.h"
#include "daemon/jobplace.h"
#include "daemon/jobs.h"
#include "daemon/keeper.h"
#include "daemon/lookout.h"
#include "daemon/monitor.h"
#include "daemon/reaper.h"
#include "daemon/succession.h"
#include "daemon/wait.h"
#include "daemon/workspace.h"
#include "daemon/workspaces.h"

#define ENGINE_RETRY_MS     3000
#define ENGINE_RETRY_MAX_MS (5 * 60 * 1000)

struct Engine {
        Core core;
        Asks asks;
        Workspaces workspaces;
        Reaper reaper;
        Succession succession; /* of core.tiers */
        char *conf_file, *conf_default;
        char *state_dir;
        CacheMode cache_mode; /* as last configured */
        int daemon_lock;
        char *scratch; /* NULL: there are better places; removed in the end */

        uv_prepare_t prepare;
        uv_timer_t settle_timer, retry_timer, stray_timer;
        bool forgets;      /* state.db could not be opened, and state_problem says so */
        uint64_t retry_ms; /* before units without a toolchain look again */
        unsigned n_handles;

        /* warnings that stay; "" if there is none */
        Problem cache_problem, state_problem, config_problem;

        Lookout *lookout; /* NULL: for one client, and once it has stopped */
        Keeper *keeper;   /* NULL once it has stopped */
        Hook *hook;       /* NULL: for one client */

        bool stopping, queue_stopped;
        EngineStoppedFn stopped;
        void *userdata;
};

/* --- opening and closing what is not on the loop ------------------------------------------------ */

static Engine *engine_free(Engine *engine) {
        if (!engine)
                return NULL;

        (void) keeper_free(engine->keeper);
        (void) hook_free(engine->hook);
        (void) lookout_free(engine->lookout);
        (void) settle_free(engine->core.settle);
        (void) toolchains_unref(engine->core.toolchains);
        (void) config_free(engine->core.config);
        (void) cache_close(engine->core.cache);
        closep(&engine->daemon_lock);
        (void) state_close(engine->core.state);
        workspaces_deinit(&engine->workspaces);
        free(engine->core.dpucc);
        free(engine->core.jobs);
        free(engine->core.spare_jobs);
        if (engine->scratch)
                (void) file_remove_tree(AT_FDCWD, engine->scratch);
        free(engine->scratch);
        free(engine->conf_file);
        free(engine->conf_default);
        free(engine->state_dir);
        free(engine);
        return NULL;
}

static inline void engine_freep(Engine **engine) {
        (void) engine_free(*engine);
}

static SettleTimes engine_settle_times(const Config *config) {
        SettleTimes times = settle_default_times;

        times.quiet_ns = (int64_t) config->settle_ms * CLOCK_NS_PER_MS;
        times.max_ns = (int64_t) config->settle_max_ms * CLOCK_NS_PER_MS;
        return times;
}

/* What is there is not only ours: three quarters of it. */
static Admission engine_admission(const Config *config) {
        uint64_t machine = uv_get_total_memory(), group = uv_get_constrained_memory();
        uint64_t there = group > 0 && group < machine ? group : machine;

        return (Admission){
                .running_max = config->concurrency,
                .memory_max = config->memory > 0 ? config->memory : there / 4 * 3,
        };
}

static int engine_new_settle(Engine *engine) {
        const SettleTimes times = engine_settle_times(engine->core.config);

        return settle_new(&engine->core.settle, &times);
}

static const char *engine_cache_dir(const Engine *engine, const EngineSpec *spec) {
        if (spec->cache_dir_is_given || !engine->core.config->cache_dir)
                return spec->cache_dir;
        return engine->core.config->cache_dir;
}

static int engine_lock(Engine *engine, Problem *problem) {
        char who[32] = ""; /* one that starts just now has not said it yet */
        pid_t holder = 0;
        int r;

        r = cache_lock_daemon(engine->core.cache, &engine->daemon_lock, &holder);
        if (holder > 0)
                (void) snprintf(who, sizeof(who), " (process %ld)", (long) holder);
        if (r == CACHE_BUSY)
                return problem_set(problem, -EBUSY, "another daemon%s works on the cache %s", who,
                                   cache_directory(engine->core.cache));
        if (r < 0)
                engine->daemon_lock = -1; /* a cache that cannot be written needs no lock */
        return 0;
}

static int engine_open(Engine *engine, const EngineSpec *spec, Problem *problem) {
        Core *core = &engine->core;
        int r;

        if (strings_dup(&core->dpucc, spec->dpucc) < 0 ||
            strings_dup(&engine->conf_file, spec->conf_file) < 0 ||
            strings_dup(&engine->conf_default, spec->conf_default) < 0 ||
            strings_dup(&engine->state_dir, spec->state_dir) < 0)
                return -ENOMEM;
        r = config_load(&core->config, engine->conf_default, engine->conf_file, problem);
        if (r < 0)
                return r;
        r = toolchains_new(&core->toolchains, core->config, core->dpucc);
        if (r == 0)
                r = engine_new_settle(engine);
        if (r == 0)
                r = state_open(&core->state, spec->state_dir, &engine->state_problem);
        engine->forgets = r == STATE_IN_MEMORY;
        if (r < 0)
                return engine->state_problem.text[0]
                               ? problem_set(problem, r, "%s", engine->state_problem.text)
                               : r;
        r = cache_open(&core->cache, engine_cache_dir(engine, spec), core->state,
                       core->config->cache_mode, &engine->cache_problem);
        if (r < 0)
                return problem_set(
                        problem, r, "%s",
                        engine->cache_problem.text[0] ? engine->cache_problem.text : strerror(-r));
        engine->cache_mode = core->config->cache_mode;
        r = core->once ? 0 : engine_lock(engine, problem);
        if (r == 0)
                r = jobplace_find(core, spec->state_dir, &engine->scratch);
        if (r == 0 && !core->once)
                r = lookout_new(&engine->lookout, core, &engine->asks);
        return r;
}

/* --- stopping ----------------------------------------------------------------------------------- */

static void engine_on_closed(uv_handle_t *handle) {
        Engine *engine = handle->data;
        EngineStoppedFn stopped = engine->stopped;
        void *userdata = engine->userdata;

        if (--engine->n_handles > 0)
                return;
        (void) engine_free(engine);
        if (stopped)
                stopped(userdata);
}

static void engine_close_handle(uv_handle_t *handle) {
        if (!uv_is_closing(handle))
                uv_close(handle, engine_on_closed);
}

static void engine_close_handles(Engine *engine) {
        succession_deinit(&engine->succession);
        engine_close_handle((uv_handle_t *) &engine->prepare);
        engine_close_handle((uv_handle_t *) &engine->settle_timer);
        engine_close_handle((uv_handle_t *) &engine->retry_timer);
        engine_close_handle((uv_handle_t *) &engine->stray_timer);
}

static void engine_on_warm_stopped(void *userdata) {
        Engine *engine = userdata;

        engine->core.warm = NULL;
}

static void engine_on_queue_stopped(void *userdata) {
        Engine *engine = userdata;

        engine->core.queue = NULL;
        if (engine->core.warm)
                warm_stop(engine->core.warm, engine_on_warm_stopped, engine);
        succession_stop(&engine->succession);
}

static void engine_on_lookout_stopped(void *userdata) {
        Engine *engine = userdata;

        engine->lookout = NULL;
}

static void engine_on_keeper_stopped(void *userdata) {
        Engine *engine = userdata;

        engine->keeper = NULL;
}

/* First those who want something, then what works for them, and with it questions to the cache. */
static void engine_go_on_stopping(Engine *engine) {
        if (!reaper_is_over(&engine->reaper) || !workspaces_are_over(&engine->workspaces) ||
            !asks_are_over(&engine->asks))
                return;
        if (!engine->queue_stopped) {
                engine->queue_stopped = true;
                queue_stop(engine->core.queue, engine_on_queue_stopped, engine);
                if (engine->lookout)
                        lookout_stop(engine->lookout, engine_on_lookout_stopped, engine);
        }
        if (!engine->core.queue && succession_is_over(&engine->succession) && !engine->core.warm &&
            !engine->lookout && !engine->keeper && (!engine->hook || hook_is_idle(engine->hook)) &&
            !work_pool_is_busy(&engine->core.pool))
                engine_close_handles(engine);
}

void engine_stop(Engine *engine, bool again, EngineStoppedFn stopped, void *userdata) {
        assert(!engine->stopping);
        engine->stopping = true;
        engine->stopped = stopped;
        engine->userdata = userdata;

        if (engine->lookout)
                lookout_rest(engine->lookout);
        (void) uv_timer_stop(&engine->settle_timer);
        (void) uv_timer_stop(&engine->retry_timer);
        (void) uv_timer_stop(&engine->stray_timer);
        asks_stop(&engine->asks, again);
        workspaces_stop(&engine->workspaces);
        keeper_stop(engine->keeper, engine_on_keeper_stopped, engine);
        if (engine->hook)
                hook_stop(engine->hook);
}

/* --- once per turn of the loop ------------------------------------------------------------------ */

static void engine_on_settle_timer(uv_timer_t *timer) {
        Engine *engine = timer->data;
        Core *core = &engine->core;
        char *path;

        while (settle_take(core->settle, clock_monotonic_ns(), &path) == 1) {
                workspaces_settled(&engine->workspaces, path);
                free(path);
        }
}

static void engine_set_settle_timer(Engine *engine) {
        int64_t deadline = settle_deadline(engine->core.settle), delay;

        if (deadline == SETTLE_NEVER) {
                (void) uv_timer_stop(&engine->settle_timer);
                return;
        }
        delay = deadline - clock_monotonic_ns();
        uv_update_time(engine->core.loop);
        (void) uv_timer_start(&engine->settle_timer, engine_on_settle_timer,
                              delay > 0 ? (uint64_t) (delay / CLOCK_NS_PER_MS) + 1 : 0, 0);
}

/* The next interval is as before when nothing was unavailable for the length of one. */
static void engine_on_retry_timer(uv_timer_t *timer) {
        Engine *engine = timer->data;

        if (!engine->core.unavailable) {
                engine->retry_ms = ENGINE_RETRY_MS;
                return;
        }
        engine->core.unavailable = false;
        workspaces_retry(&engine->workspaces);
        if (engine->lookout) /* they may want to be scanned anew */
                lookout_hurry(engine->lookout);
        engine->retry_ms *= 2;
        if (engine->retry_ms > ENGINE_RETRY_MAX_MS)
                engine->retry_ms = ENGINE_RETRY_MAX_MS;
        (void) uv_timer_start(timer, engine_on_retry_timer, engine->retry_ms, 0);
}

static void engine_set_retry_timer(Engine *engine) {
        if (engine->core.unavailable && !uv_is_active((uv_handle_t *) &engine->retry_timer))
                (void) uv_timer_start(&engine->retry_timer, engine_on_retry_timer, engine->retry_ms,
                                      0);
}

static void engine_on_stray_timer(uv_timer_t *timer) {
        Engine *engine = timer->data;

        workspaces_check_strays(&engine->workspaces);
}

static void engine_set_stray_timer(Engine *engine) {
        if (workspaces_have_strays(&engine->workspaces) &&
            !uv_is_active((uv_handle_t *) &engine->stray_timer))
                (void) uv_timer_start(&engine->stray_timer, engine_on_stray_timer,
                                      WORKSPACES_STRAY_MS, 0);
}

static void engine_on_prepare(uv_prepare_t *prepare) {
        Engine *engine = prepare->data;

        asks_check(&engine->asks);
        if (engine->stopping) {
                engine_go_on_stopping(engine);
                return;
        }
        keeper_turn(engine->keeper);
        if (asks_want_barrier(&engine->asks))
                lookout_hurry(engine->lookout);
        engine_set_settle_timer(engine);
        engine_set_retry_timer(engine);
        engine_set_stray_timer(engine);
}

/* --- starting ----------------------------------------------------------------------------------- */

static void engine_own(Engine *engine, uv_handle_t *handle) {
        handle->data = engine;
        engine->n_handles++;
}

static void engine_start_handles(Engine *engine) {
        uv_loop_t *loop = engine->core.loop;

        (void) uv_prepare_init(loop, &engine->prepare);
        engine_own(engine, (uv_handle_t *) &engine->prepare);
        (void) uv_timer_init(loop, &engine->settle_timer);
        engine_own(engine, (uv_handle_t *) &engine->settle_timer);
        (void) uv_timer_init(loop, &engine->retry_timer);
        engine_own(engine, (uv_handle_t *) &engine->retry_timer);
        (void) uv_timer_init(loop, &engine->stray_timer);
        engine_own(engine, (uv_handle_t *) &engine->stray_timer);
        engine->retry_ms = ENGINE_RETRY_MS;

        (void) uv_prepare_start(&engine->prepare, engine_on_prepare);
        if (engine->lookout)
                lookout_start(engine->lookout);
}

/* A new root is to be read: the loop must not sleep before. */
static void engine_start_configured(Engine *engine) {
        workspaces_start_configured(&engine->workspaces);
        lookout_hurry(engine->lookout);
}

static void engine_start_roots(Engine *engine) {
        engine->workspaces.watch = lookout_watch(engine->lookout);
        workspaces_start_remembered(&engine->workspaces);
        engine_start_configured(engine);
}

static void engine_on_queue_event(void *context, QueueEvent event, const QueueView *view,
                                  const JobResult *result) {
        jobs_emit(context, event, view, result);
}

int engine_new(Engine **ret, const EngineSpec *spec, Problem *problem) {
        _cleanup_(engine_freep) Engine *engine = NULL;
        Admission admission;
        QueueOps ops;
        int r;

        engine = calloc(1, sizeof(*engine));
        if (!engine)
                return -ENOMEM;
        engine->daemon_lock = -1;
        engine->core.loop = spec->loop;
        engine->core.umask = spec->umask;
        engine->core.once = spec->once;
        TAILQ_INIT(&engine->core.busy);
        work_pool_init(&engine->core.pool, spec->loop);
        events_init(&engine->core.events);
        asks_init(&engine->asks, &engine->core);
        reaper_init(&engine->reaper, &engine->core);
        succession_init(&engine->succession, &engine->core);
        workspaces_init(&engine->workspaces, &engine->core);
        engine->core.workspaces = &engine->workspaces;

        r = engine_open(engine, spec, problem);
        if (r < 0)
                return r;
        reaper_reap_jobs(&engine->reaper);

        r = keeper_new(&engine->keeper, &engine->core, !spec->once);
        if (r == 0 && !spec->once)
                r = hook_new(&engine->hook, &engine->core);
        if (r < 0)
                return r;
        ops = job_queue_ops(&engine->core);
        ops.tell = engine_on_queue_event;
        admission = engine_admission(engine->core.config);
        r = queue_new(&engine->core.queue, spec->loop, &ops, &admission, &engine->core.statistics);
        if (r < 0)
                return r;
        engine_start_handles(engine);
        keeper_start(engine->keeper);
        r = succession_follow(&engine->succession, engine->core.config);
        if (r < 0) /* without them everything can be compiled here */
                log_warning("remote caches are not used: %s", strerror(-r));
        if (!spec->once) {
                (void) warm_new(&engine->core.warm, &engine->core.pool); /* else nothing is warm */
                reaper_start(&engine->reaper);
                engine_start_roots(engine);
        }
        *ret = TAKE_PTR(engine);
        return 0;
}

static int engine_take_config(Engine *engine, Config *config) {
        Core *core = &engine->core;
        Toolchains *toolchains;
        int r;

        r = toolchains_new(&toolchains, config, core->dpucc);
        if (r < 0)
                return r;
        r = succession_follow(&engine->succession, config);
        if (r < 0) {
                (void) toolchains_unref(toolchains);
                return r;
        }
        (void) toolchains_unref(core->toolchains);
        core->toolchains = toolchains;
        (void) config_free(core->config);
        core->config = config;
        return 0;
}

/* Its directory is taken from the configuration at the start only. */
static void engine_follow_cache_config(Engine *engine) {
        Core *core = &engine->core;
        int r;

        if (core->config->cache_mode != engine->cache_mode) {
                engine->cache_problem.text[0] = '\0';
                r = cache_set_mode(core->cache, core->config->cache_mode, &engine->cache_problem);
                if (r < 0 && engine->cache_problem.text[0] == '\0')
                        (void) problem_set(&engine->cache_problem, r,
                                           "the cache cannot be used: %s", strerror(-r));
                engine->cache_mode = core->config->cache_mode;
        }
        keeper_hurry(engine->keeper);
}

int engine_reload(Engine *engine, Problem *problem) {
        Core *core = &engine->core;
        Admission admission;
        SettleTimes times;
        Config *config;
        int r;

        if (engine->stopping)
                return problem_set(problem, -ESHUTDOWN, "the daemon is stopping");
        r = config_load(&config, engine->conf_default, engine->conf_file, problem);
        if (r == 0) {
                r = engine_take_config(engine, config);
                if (r < 0)
                        (void) config_free(config);
        }
        if (r < 0) {
                engine->config_problem = *problem;
                return r;
        }
        engine->config_problem.text[0] = '\0';
        admission = engine_admission(core->config);
        queue_set_admission(core->queue, &admission);
        times = engine_settle_times(core->config);
        settle_set_times(core->settle, &times);
        engine_follow_cache_config(engine);
        if (engine->lookout)
                engine_start_configured(engine);
        workspaces_reconsider(&engine->workspaces);
        events_emit(&core->events, (EventView){ .kind = EVENT_RELOADED });
        return 0;
}

/* --- asks ----------------------------------------------------------------------------------------- */

int engine_get(Engine *engine, const GetSpec *spec, const AskHandlers *handlers, void *userdata,
               Ask **ret, Problem *problem) {
        if (engine->stopping)
                return problem_set(problem, -ESHUTDOWN, "the daemon is stopping");
        return get_start(&engine->asks, spec, handlers, userdata, ret, problem);
}

/* for what only a daemon can do */
static int engine_refuse(const Engine *engine, Problem *problem) {
        if (engine->stopping)
                return problem_set(problem, -ESHUTDOWN, "the daemon is stopping");
        if (!engine->lookout)
                return problem_set(
                        problem, -EINVAL,
                        "only a daemon watches: start dpuccd, and leave out --no-daemon");
        return 0;
}

int engine_wait(Engine *engine, const char *root, const AskHandlers *handlers, void *userdata,
                Ask **ret, Problem *problem) {
        const Workspace *workspace;
        int r;

        r = engine_refuse(engine, problem);
        if (r < 0)
                return r;
        workspace = root ? workspaces_containing(&engine->workspaces, root) : NULL;
        if (root && !workspace)
                return problem_set(problem, -ENOENT, "%s is in no watched workspace", root);
        lookout_doubt_roots(engine->lookout); /* one that is gone may be back since the last poll */
        return wait_start(&engine->asks, workspace ? workspace_root(workspace) : NULL, handlers,
                          userdata, ret);
}

/* It remembers again. */
static void engine_review_state(Engine *engine) {
        if (engine->forgets && !state_is_in_memory(engine->core.state))
                engine->state_problem.text[0] = '\0';
}

int engine_examine(Engine *engine, const char *toolchain, const AskHandlers *handlers,
                   void *userdata, Ask **ret, Problem *problem) {
        const DoctorSpec spec = {
                .toolchain = toolchain,
                .conf_file = engine->conf_file,
                .conf_default = engine->conf_default,
                .state_dir = engine->state_dir,
                .config_problem = &engine->config_problem,
                .cache_problem = &engine->cache_problem,
                .state_problem = &engine->state_problem,
        };

        if (engine->stopping)
                return problem_set(problem, -ESHUTDOWN, "the daemon is stopping");
        engine_review_state(engine);
        return doctor_start(&engine->asks, &spec, handlers, userdata, ret, problem);
}

int engine_audit(Engine *engine, bool repair, const AskHandlers *handlers, void *userdata,
                 Ask **ret, Problem *problem) {
        if (engine->stopping)
                return problem_set(problem, -ESHUTDOWN, "the daemon is stopping");
        return audit_start(&engine->asks, repair, handlers, userdata, ret, problem);
}

int engine_monitor(Engine *engine, const char *beneath, const AskHandlers *handlers, void *userdata,
                   Ask **ret, Problem *problem) {
        int r;

        r = engine_refuse(engine, problem);
        return r < 0 ? r : monitor_start(&engine->asks, beneath, handlers, userdata, ret);
}

/* --- workspaces --------------------------------------------------------------------------------- */

int engine_watch(Engine *engine, const char *path, bool trust, RootView *ret, Problem *problem) {
        int r;

        r = engine_refuse(engine, problem);
        if (r < 0)
                return r;
        lookout_hurry(engine->lookout);
        return workspaces_add(&engine->workspaces, path, trust, ret, problem);
}

int engine_unwatch(Engine *engine, const char *path, Problem *problem) {
        int r;

        r = engine_refuse(engine, problem);
        return r < 0 ? r : workspaces_remove(&engine->workspaces, path, problem);
}

int engine_each_root(Engine *engine, RootViewFn fn, void *userdata) {
        return workspaces_each_root(&engine->workspaces, fn, userdata);
}

int engine_each_unit(Engine *engine, UnitViewFn fn, void *userdata) {
        return workspaces_each_unit(&engine->workspaces, fn, userdata);
}

int engine_find_unit(Engine *engine, const char *text, const char *path, UnitView *ret,
                     Problem *problem) {
        if (engine->core.once) /* there are none */
                return problem_set(problem, -ENOENT,
                                   "nothing in the cache is called %s: name the source or a key "
                                   "('dpucc-client --no-daemon list'), or ask the daemon, which "
                                   "knows the units of its workspaces",
                                   text);
        return workspaces_find_unit(&engine->workspaces, text, path, ret, problem);
}

int engine_find_target(Engine *engine, const char *source_path, const char *name, Target *ret) {
        return choice_target(&engine->core, source_path, name, ret);
}

int engine_delivered_key(Engine *engine, const char *path, Digest *ret) {
        Digest content;

        return state_get_delivery(engine->core.state, path, &content, ret);
}

/* --- the queue ---------------------------------------------------------------------------------- */

int engine_each_job(Engine *engine, JobViewFn fn, void *userdata) {
        return jobs_each(&engine->core, fn, userdata);
}

int engine_cancel(Engine *engine, const char *text, const char *path, JobViewFn fn, void *userdata,
                  Problem *problem) {
        return jobs_cancel(&engine->core, text, path, fn, userdata, problem);
}

void engine_pause(Engine *engine, bool pause) {
        if (pause == queue_is_paused(engine->core.queue))
                return;
        log_notice("compiling is %s", pause ? "paused: nothing starts" : "resumed");
        queue_pause(engine->core.queue, pause);
        events_emit(&engine->core.events,
                    (EventView){ .kind = pause ? EVENT_PAUSED : EVENT_RESUMED });
}

bool engine_is_paused(const Engine *engine) {
        return queue_is_paused(engine->core.queue);
}

/* --- the rest ----------------------------------------------------------------------------------- */

/* What only the cache knows: its hits and misses include its own second looks, so they are not
 * those that people mean. */
static void engine_each_keeper_statistic(const Keeper *keeper, EngineStatFn fn, void *userdata) {
        const CollectorResult *total = keeper_total(keeper);

        fn("gc_passes", keeper_n_passes(keeper), userdata);
        fn("evicted", total->evicted, userdata);
        fn("evicted_for_age", total->expired, userdata);
        fn("evicted_bytes", total->freed_bytes, userdata);
        fn("orphans_removed", total->orphans, userdata);
        fn("eviction_failures", total->failed, userdata);
}

static void engine_each_cache_statistic(const Engine *engine, EngineStatFn fn, void *userdata) {
        Index *index = cache_index(engine->core.cache);
        CacheCounters counters;

        cache_counters(engine->core.cache, &counters);
        fn("cache_published", counters.published, userdata);
        fn("cache_publish_errors", counters.publish_errors, userdata);
        fn("cache_bytes_written", counters.bytes_written, userdata);
        fn("cache_deduplicated", counters.deduplicated, userdata);
        fn("cache_verified", counters.verified, userdata);
        fn("cache_incomplete", counters.incomplete, userdata);
        fn("cache_newer", counters.newer, userdata);
        fn("cache_quarantined", counters.quarantined, userdata);
        fn("cache_misses_evicted", counters.evicted, userdata);
        fn("cache_misses_absent",
           counters.misses - counters.incomplete - counters.newer - counters.evicted, userdata);
        if (index) {
                fn("cache_entries", index_totals(index).entries, userdata);
                fn("cache_bytes", index_totals(index).bytes, userdata);
                fn("index_recreated", index_recreated(index), userdata);
        }
        if (engine->keeper)
                engine_each_keeper_statistic(engine->keeper, fn, userdata);
        fn("state_recreated", state_recreated(engine->core.state), userdata);
}

void engine_each_statistic(Engine *engine, EngineStatFn fn, void *userdata) {
        for (size_t i = 0; i < _STATISTIC_MAX; i++)
                fn(statistic_text((StatisticName) i), engine->core.statistics.counts[i], userdata);
        engine_each_cache_statistic(engine, fn, userdata);
        tiers_each_statistic(engine->core.tiers, fn, userdata);
}

void engine_each_histogram(Engine *engine, EngineHistogramFn fn, void *userdata) {
        const CacheHistograms *histograms = cache_histograms(engine->core.cache);

        fn("cache_lookup_us", &histograms->lookup_us, userdata);
        fn("cache_build_ms", &histograms->build_ms, userdata);
        fn("cache_artifact_bytes", &histograms->artifact_bytes, userdata);
}

uint32_t engine_n_queued(const Engine *engine) {
        return engine->core.queue ? queue_n_waiting(engine->core.queue) : 0;
}

uint64_t engine_n_started(const Engine *engine) {
        return engine->core.statistics.counts[STATISTIC_JOBS_STARTED];
}

size_t engine_n_roots(const Engine *engine) {
        return engine->workspaces.n;
}

uint32_t engine_n_running(const Engine *engine) {
        return engine->core.queue ? queue_n_running(engine->core.queue) : 0;
}

int engine_each_warning(Engine *engine, int (*fn)(const char *text, void *userdata),
                        void *userdata) {
        const Problem *problems[] = { &engine->cache_problem, &engine->core.uncached,
                                      &engine->state_problem, &engine->config_problem };
        int r = 0;

        engine_review_state(engine);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(problems); i++)
                if (problems[i]->text[0] != '\0')
                        r = fn(problems[i]->text, userdata);
        if (r == 0 && engine->keeper && keeper_warning(engine->keeper)[0] != '\0')
                r = fn(keeper_warning(engine->keeper), userdata);
        if (r == 0)
                r = tiers_each_warning(engine->core.tiers, fn, userdata);
        return r != 0 ? r : workspaces_each_problem(&engine->workspaces, fn, userdata);
}

/* --- the cache ----------------------------------------------------------------------------------- */

int engine_collect(Engine *engine, EngineCollectedFn done, void *userdata, Problem *problem) {
        int r;

        if (engine->stopping)
                return problem_set(problem, -ESHUTDOWN, "the daemon is stopping");
        r = keeper_collect(engine->keeper, done, userdata);
        if (r == -EROFS)
                return problem_set(problem, r,
                                   "%s: the cache is off or read-only, nothing is removed there",
                                   cache_directory(engine->core.cache));
        return r;
}

WorkPool *engine_pool(Engine *engine) {
        return &engine->core.pool;
}

Cache *engine_cache(Engine *engine) {
        return engine->core.cache;
}

State *engine_state(Engine *engine) {
        return engine->core.state;
}
