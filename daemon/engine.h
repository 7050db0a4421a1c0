#pragma once

/*
 * The engine: workspaces in, artifacts out
 *
 * One Engine per daemon. It owns the workspaces (watched roots with their sources and arch
 * files), the units that pairing makes of them, the queue of jobs, the cache and the state
 * that outlives the process. It knows nothing of sockets, frames or signals: verbs.c turns
 * requests into the calls below, manager.c starts and stops it, the tests drive it directly.
 *
 *      save ──> Watch ──> Workspace ──> Source ──> Unit ──> Build ──┐
 *                          (pairing)                                ├──> Queue ──> Job ──> Cache
 *      get ──> Ask (pairs by itself) ─────────────────────> Build ──┘
 *
 * A Build looks into the cache before it goes to the queue, and again after its job; so an artifact
 * is found in one way only. Then its owner goes on: the unit delivers, the ask answers.
 *
 * Everything here runs on the loop thread. Hashing, copying and syncing run on pool threads
 * behind work.h, compilers as children behind proc.h.
 *
 * Asks follow the usual contract: engine_get() and engine_wait() fail synchronously and never
 * call back, or succeed and call @done exactly once, later, from the loop; ask_cancel() only
 * asks for -ECANCELED.
 *
 * An answer is never stale: it is valid at some instant after the ask arrived. A get does not ask
 * the units: it identifies the source, pairs it and looks its key up by itself, with a stat at least
 * of the source, the arch file, the project file and the toolchain, whatever the watcher believes.
 * With the units it shares the queue, and nothing that they believe.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/digest.h"
#include "base/histogram.h"
#include "base/problem.h"
#include "daemon/dialogue.h"
#include "daemon/view.h"
#include "xmodel/target.h"

typedef struct CollectorResult CollectorResult; /* cache/collector.h */
typedef struct Engine Engine;

typedef struct EngineSpec {
        uv_loop_t *loop;
        const char *cache_dir;   /* absolute */
        bool cache_dir_is_given; /* by option or environment: wins over the configuration */
        const char *state_dir;
        const char *dpucc;        /* absolute path of the dpucc program */
        const char *conf_file;    /* user's, may be missing */
        const char *conf_default; /* installed default, may be missing */
        mode_t umask;             /* for delivered files */
        bool once;                /* for one client, beside others: no roots, no lock */
} EngineSpec;

typedef void (*EngineStoppedFn)(void *userdata);

/* Opens cache and state, takes the daemon's lock (-EBUSY with a problem that names the holder),
 * reaps what a killed daemon left running, starts scanning the roots of the last run. An engine
 * for one client (`dpuccd --once`) has no lock and no roots and watches nothing: it works beside
 * a daemon and others of its kind, and a get that does not wait starts nothing. */
int engine_new(Engine **ret, const EngineSpec *spec, Problem *problem);

/* Cancels jobs and asks (-ECANCELED), ends children, closes every handle, then calls @stopped
 * once and frees the engine. @again: there may be another one soon, see AskResult. */
void engine_stop(Engine *engine, bool again, EngineStoppedFn stopped, void *userdata);

/* Reads the configuration again. On error the old one stays in force and @problem tells. */
int engine_reload(Engine *engine, Problem *problem);

int engine_get(Engine *engine, const GetSpec *spec, const AskHandlers *handlers, void *userdata,
               Ask **ret, Problem *problem);

/* Barrier: @done once every save made before the call is accounted for and nothing of it is
 * hashing, queued or compiling. ASK_COMPILE_FAILED if anything is not as the files say: a unit
 * failed, has no target or could not be delivered, or a project or arch file is wrong and the last
 * good one in force (hints name them).
 * @root NULL: all workspaces. */
int engine_wait(Engine *engine, const char *root, const AskHandlers *handlers, void *userdata,
                Ask **ret, Problem *problem);

/* Goes through everything that has to work: AskResult.findings. It may take minutes. @toolchain
 * NULL: all of them. -EINVAL with @problem: there is none of that name. */
int engine_examine(Engine *engine, const char *toolchain, const AskHandlers *handlers,
                   void *userdata, Ask **ret, Problem *problem);

/* A check of the whole cache, with @repair to mend it: AskResult.fsck. ASK_FAILED if problems remain.
 * It may take minutes. -EROFS with @problem: it cannot be written. */
int engine_audit(Engine *engine, bool repair, const AskHandlers *handlers, void *userdata,
                 Ask **ret, Problem *problem);

/* Handlers are told what happens at @beneath (NULL: everywhere), EVENT_MONITORING first, until
 * ask_cancel(); then @done is called. */
int engine_monitor(Engine *engine, const char *beneath, const AskHandlers *handlers, void *userdata,
                   Ask **ret, Problem *problem);

/* --- the cache ---------------------------------------------------------------------------- */

typedef void (*EngineCollectedFn)(int r, const CollectorResult *result, void *userdata);

/* A pass of eviction that begins now; @done as keeper_collect() says. -EROFS with @problem: nothing
 * may be removed there. */
int engine_collect(Engine *engine, EngineCollectedFn done, void *userdata, Problem *problem);

/* For questions that wait for the disk: work on this pool may use cache and state, for the engine
 * does not end before it. */
struct WorkPool *engine_pool(Engine *engine);
struct Cache *engine_cache(Engine *engine);
struct State *engine_state(Engine *engine);

/* --- workspaces ------------------------------------------------------------------------- */

int engine_watch(Engine *engine, const char *path, bool trust, RootView *ret, Problem *problem);
int engine_unwatch(Engine *engine, const char *path, Problem *problem); /* -ENOENT */

/* Calls @fn for each; stops early when it returns non-zero and returns that. Units come in
 * order of root, source path, target. */
int engine_each_root(Engine *engine, RootViewFn fn, void *userdata);
int engine_each_unit(Engine *engine, UnitViewFn fn, void *userdata);

/* The unit that @text means (source path, delivered file, NET@TARGET). -ENOENT, or -ENOTUNIQ
 * with the candidates in @problem. @path is @text made absolute, or NULL. */
int engine_find_unit(Engine *engine, const char *text, const char *path, UnitView *ret,
                     Problem *problem);

/* What target of @source_path people call @name, by the project file or the arch files near it.
 * -ENOENT. */
int engine_find_target(Engine *engine, const char *source_path, const char *name, Target *ret);

/* The key of what was delivered as the file @path. -ENOENT. */
int engine_delivered_key(Engine *engine, const char *path, Digest *ret);

/* --- the queue --------------------------------------------------------------------------- */

/* Those that run, those that wait in their order; as engine_each_unit(). -ENOMEM */
int engine_each_job(Engine *engine, JobViewFn fn, void *userdata);
/* Ends the compiles of what @text means (as engine_find_unit(), or a key), for everybody who wants
 * them, and tells @fn of each before. -ENOENT with @problem. */
int engine_cancel(Engine *engine, const char *text, const char *path, JobViewFn fn, void *userdata,
                  Problem *problem);
/* What runs goes on, nothing starts; until it is resumed or the daemon ends. */
void engine_pause(Engine *engine, bool pause);
bool engine_is_paused(const Engine *engine);

/* --- what the daemon counted: names are stable, tests rely on them ---------------------- */

typedef void (*EngineStatFn)(const char *name, uint64_t value, void *userdata);
void engine_each_statistic(Engine *engine, EngineStatFn fn, void *userdata);
/* Names end in the unit: "_us", "_ms", "_bytes". */
typedef void (*EngineHistogramFn)(const char *name, const Histogram *histogram, void *userdata);
void engine_each_histogram(Engine *engine, EngineHistogramFn fn, void *userdata);
uint32_t engine_n_queued(const Engine *engine);
uint32_t engine_n_running(const Engine *engine);
uint64_t engine_n_started(const Engine *engine); /* jobs, so far */
size_t engine_n_roots(const Engine *engine);

/* Warnings that stay until their cause is gone ("caching is off: no space left on device"). */
int engine_each_warning(Engine *engine, int (*fn)(const char *text, void *userdata),
                        void *userdata);
