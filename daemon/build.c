/*
 * Callbacks record what happened and call build_run(), which alone goes on. While a worker is at
 * it, identity, picked, fields, record, path, outcome and detail are the worker's; state and known
 * are the loop's.
 */

#include "daemon/build.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "daemon/artifact.h"
#include "daemon/estimate.h"
#include "daemon/limits.h"
#include "daemon/options.h"
#include "daemon/publication.h"
#include "daemon/salvage.h"

/* how often a source may change under us before we say so */
#define BUILD_TRIES_MAX 5

typedef enum BuildState {
        BUILD_STATE_IDENTIFYING,
        BUILD_STATE_LOOKING,
        BUILD_STATE_FETCHING, /* from the remote caches; what they have is looked up again */
        BUILD_STATE_AT_GATE,  /* busy: it is the owner's turn */
        BUILD_STATE_MAKING,   /* queued, or the job runs */
        BUILD_STATE_SHOWING,  /* what it left gets a view */
        BUILD_STATE_OVER,     /* outcome and detail say how */
} BuildState;

/* What the owner may be told; a source that changes takes it back. */
typedef enum BuildKnown {
        BUILD_KNOWS_NOTHING,
        BUILD_KNOWS_IDENTITY,
        BUILD_KNOWS_KEY,
} BuildKnown;

struct Build {
        Core *core;
        BuildHandlers handlers;
        void *userdata;

        BuildState state;
        BuildKnown known;
        BuildPhase phase;
        bool busy; /* one operation is outstanding */
        bool cancelled;
        unsigned n_tries;

        char *source_path;
        int source_fd;
        int adopt_fd; /* -1: compile */
        char *adopt_path;
        Pair pair;
        Toolchains *toolchains; /* a reference */
        char *root, *toolchain_name;
        Toolchain *picked;    /* one of them; a worker's while one is under way */
        Toolchain *toolchain; /* the same, for the loop; NULL: not picked yet */
        bool verbatim;
        char *options;
        Priority priority;
        bool force; /* until its job was made */
        bool had_job;
        bool unread; /* source, toolchain, or what the job made: not for now */

        Work work;
        ToolchainQuestion question; /* may_ask: an engine is to be asked before the lookup */
        bool must_ask;              /* a worker's */
        bool asked;
        TiersWait *fetch; /* while FETCHING */
        bool fetched;     /* the remote caches were asked for this key */
        Ticket *ticket;   /* borrowed, while QUEUED and later */

        Identity identity;
        ToolchainIdentity toolchain_identity;
        Cost predicted; /* of a job */
        Key *fields;
        Digest key;
        Record *record; /* set by a lookup that found something */
        char *path;
        Salvage *salvage;

        BuildOutcome outcome;
        Problem detail;
};

static Build *build_free(Build *build) {
        if (!build)
                return NULL;

        assert(!build->busy && !build->ticket);
        free(build->source_path);
        closep(&build->source_fd);
        closep(&build->adopt_fd);
        free(build->adopt_path);
        pair_deinit(&build->pair);
        (void) toolchains_unref(build->toolchains);
        free(build->root);
        free(build->toolchain_name);
        free(build->options);
        (void) key_free(build->fields);
        (void) record_free(build->record);
        free(build->path);
        (void) salvage_unref(build->salvage);
        free(build);
        return NULL;
}

static inline void build_freep(Build **build) {
        (void) build_free(*build);
}

/* for workers, too */
static void build_judge(Build *build, BuildOutcome outcome, const Problem *detail) {
        build->outcome = outcome;
        build->detail = *detail;
}

static void build_judge_error(Build *build, BuildOutcome outcome, int r, const char *what) {
        if (build->detail.text[0] == '\0')
                (void) problem_set(&build->detail, r, "%s %s: %s", what, build->source_path,
                                   strerror(-r));
        build->outcome = outcome;
}

static void build_decide(Build *build, BuildOutcome outcome, const Problem *detail) {
        build_judge(build, outcome, detail);
        build->state = BUILD_STATE_OVER;
}

static void build_decide_error(Build *build, BuildOutcome outcome, int r, const char *what) {
        build_judge_error(build, outcome, r, what);
        build->state = BUILD_STATE_OVER;
}

static void build_run(Build *build);

static void build_enter(Build *build, BuildPhase phase) {
        build->phase = phase;
        if (build->handlers.phase)
                build->handlers.phase(build, build->userdata);
}

static int build_queue_work(Build *build, WorkClass class, WorkRunFn run, WorkDoneFn done) {
        int r;

        r = work_start(&build->core->pool, &build->work, class, run, done);
        if (r < 0)
                return r;
        if (build->priority.client)
                work_prefer(&build->work);
        build->busy = true;
        return 0;
}

static int build_nothing_work(Work *work) {
        (void) work;
        return 0;
}

static void build_on_nothing(Work *work, int r) {
        Build *build = container_of(work, Build, work);

        (void) r;
        build->busy = false;
        build_run(build);
}

/* What is decided in a call of the owner is told later, from the loop. */
static void build_run_later(Build *build) {
        (void) build_queue_work(build, WORK_QUICK, build_nothing_work, build_on_nothing);
}

/* --- IDENTIFYING ------------------------------------------------------------------------------ */

static int build_identify_work(Work *work) {
        Build *build = container_of(work, Build, work);
        _cleanup_(closep) int fd = identify_open(build->source_fd, build->source_path);

        return fd < 0 ? fd : identify_fd(build->core->state, fd, work, &build->identity);
}

static void build_on_identified(Work *work, int r) {
        Build *build = container_of(work, Build, work);

        build->busy = false;
        if (r < 0 && r != -ECANCELED) {
                build->unread = !error_is_of_file(r) && r != -EAGAIN;
                build_decide_error(build, build->unread ? BUILD_TRANSIENT : BUILD_UNREADABLE, r,
                                   "cannot read");
        } else if (r == 0) {
                build->known = BUILD_KNOWS_IDENTITY;
                build->state = BUILD_STATE_LOOKING;
                statistics_count(&build->core->statistics,
                                 build->identity.was_read ? STATISTIC_HASHES : STATISTIC_MEMO_HITS);
        }
        build_run(build);
}

/* --- LOOKING ---------------------------------------------------------------------------------- */

static const Digest *build_snapshot(const Build *build, SnapshotForm *ret_form) {
        *ret_form = build->verbatim ? SNAPSHOT_FORM_VERBATIM
                                    : snapshot_form_of(toolchain_form(build->picked));
        return identity_digest(&build->identity, *ret_form);
}

static int build_add_options(const Build *build, Key *key) {
        Options options = {};
        int r;

        r = options_parse(build->options, &options, NULL);
        for (size_t i = 0; r == 0 && i < options.n; i++)
                r = key_add_option(key, options.items[i].name, options.items[i].value);
        options_deinit(&options);
        return r;
}

static int build_make_key(Build *build) {
        _cleanup_(key_freep) Key *key = NULL;
        const Target *target = &build->pair.target;
        const Digest *snapshot;
        SnapshotForm form;
        int r;

        r = key_new(&key);
        if (r < 0)
                return r;
        snapshot = build_snapshot(build, &form);
        r = key_add_snapshot(key, snapshot_form_name(form), CANON_VERSION, snapshot);
        if (r == 0)
                r = target->fingerprint != 0 ? key_add_fingerprint(key, target->fingerprint)
                                             : key_add_target_name(key, target->name);
        if (r == 0)
                r = toolchain_add_to_key(build->picked, &build->toolchain_identity, key);
        if (r == 0)
                r = build_add_options(build, key);
        if (r == 0)
                r = key_finish(key, &build->key);
        if (r < 0)
                return r;

        (void) key_free(build->fields);
        build->fields = TAKE_PTR(key);
        return 0;
}

/* What a record that is there says. */
static int build_judge_record(Build *build, const Record *record) {
        Problem problem = {};
        int r;

        r = artifact_view(build->core->cache, record, build->pair.net_name, &build->path);
        if (r < 0)
                return r;
        if (record->kind == RECORD_FAILURE) {
                (void) problem_set(&problem, 0, "%s", record->failure);
                build_judge(build, BUILD_FAILED, &problem);
                return 0;
        }
        r = limits_check(&build->pair, record, &problem);
        if (r < 0)
                return r;
        build_judge(build, r == LIMITS_EXCEEDED ? BUILD_OVER_LIMIT : BUILD_READY, &problem);
        return 0;
}

/* TOOLCHAIN_UNKNOWN if an engine has to be asked first. */
static int build_find_toolchain(Build *build) {
        State *state = build->core->state;
        Toolchain *toolchain;
        int r;

        r = toolchains_find(build->toolchains, state, build->root, build->toolchain_name,
                            &build->question, &toolchain, &build->detail);
        if (r != 0)
                return r;
        build->picked = toolchain;
        return toolchain_answer(toolchain, state, &build->question, &build->toolchain_identity,
                                &build->detail);
}

/* What a compile would take, if anybody knows. */
static void build_predict(Build *build) {
        Cost cost = {};

        if (costs_find(build->core->state, build->source_path, build->pair.target_name,
                       toolchain_name(build->picked), build->identity.stat.size, &cost) == 0)
                build->predicted = cost;
        if (build->predicted.peak_memory == 0)
                build->predicted.peak_memory = toolchain_memory_expected(build->picked);
}

/* What failed here may have worked elsewhere; what was made long ago passed fewer checks. */
static bool build_is_made_again(const Build *build, const Record *record) {
        return (build->adopt_fd >= 0 && record->kind == RECORD_FAILURE) ||
               (!build->had_job && !publication_is_checked(record));
}

/* 0: there is an outcome, which may be that there is no toolchain; else CACHE_MISS, -errno. */
static int build_look(Build *build) {
        _cleanup_(record_freep) Record *record = NULL;
        int r;

        r = build_find_toolchain(build);
        build->must_ask = r == TOOLCHAIN_UNKNOWN;
        if (build->must_ask)
                return 0;
        if (r < 0) {
                build_judge_error(build, r == -ENOENT ? BUILD_INVALID : BUILD_TRANSIENT, r,
                                  "no toolchain for");
                return 0;
        }
        r = build_make_key(build);
        if (r < 0)
                return r;
        if (build->force)
                return CACHE_MISS;
        r = cache_lookup(build->core->cache, &build->key, &record);
        if (r == 0 && build_is_made_again(build, record)) {
                build->force = true;
                return CACHE_MISS;
        }
        if (r == 0)
                r = build_judge_record(build, record);
        if (r == 0)
                build->record = TAKE_PTR(record);
        return r;
}

static int build_look_work(Work *work) {
        Build *build = container_of(work, Build, work);
        int r;

        r = build_look(build);
        if (r != 0 && build->fields)
                build_predict(build);
        return r;
}

/* Whatever the engine says is remembered by the toolchain, and found there by the lookup, and by
 * those of all others who wait for this. One at a time: no engine that does not answer is asked by
 * each of a thousand units, and no lookup that has nothing to do with it waits. */
static int build_ask_work(Work *work) {
        Build *build = container_of(work, Build, work);

        build->question.cancelled = &work->cancelled;
        (void) build_find_toolchain(build);
        build->question.cancelled = NULL;
        return 0;
}

static void build_on_asked(Work *work, int r) {
        Build *build = container_of(work, Build, work);

        (void) r;
        build->busy = false;
        build->question.may_ask = false;
        build->asked = true;
        build->detail = (Problem){};
        build_run(build);
}

static void build_count_lookup(Build *build, bool found) {
        Statistics *statistics = &build->core->statistics;

        if (build->had_job)
                return;
        if (!found && build->force)
                statistics_count(statistics, STATISTIC_MISSES_FORCED);
        if (!found)
                statistics_count(statistics, STATISTIC_MISSES);
        else if (build->outcome == BUILD_FAILED)
                statistics_count(statistics, STATISTIC_DIAGNOSES_ANSWERED);
        else
                statistics_count(statistics, STATISTIC_HITS);
}

/* --- FETCHING --------------------------------------------------------------------------------- */

static void build_on_fetched(TiersAnswer answer, void *userdata) {
        Build *build = userdata;

        build->fetch = NULL;
        build->busy = false;
        build->state = answer == TIERS_NOT_FOUND ? BUILD_STATE_AT_GATE : BUILD_STATE_LOOKING;
        if (answer == TIERS_NOT_FOUND)
                build_count_lookup(build, false);
        else if (answer == TIERS_RETIRED)
                build->fetched = false;
        build_run(build);
}

/* 0 if the remote caches are asked: once for each key, unless others take their place meanwhile, and
 * not for what is to be made anew. */
static int build_fetch(Build *build) {
        FetchSpec spec = {
                .key = build->key,
                .source_fd = build->source_fd,
                .source_path = build->source_path,
                .first = build->priority.client,
        };
        int r;

        if (build->fetched || build->force || build->adopt_fd >= 0)
                return -ENOENT;
        spec.snapshot = *build_snapshot(build, &spec.form);
        r = tiers_fetch(build->core->tiers, &spec, build_on_fetched, build, &build->fetch);
        if (r < 0)
                return r;
        build->fetched = true;
        build->busy = true;
        build->state = BUILD_STATE_FETCHING;
        build_enter(build, BUILD_FETCHING);
        return 0;
}

/* --- after the lookup ------------------------------------------------------------------------- */

/* A job has made it, and it is not found. */
static void build_miss_artifact(Build *build, int r) {
        build->unread = r < 0;
        build_decide_error(build, BUILD_TRANSIENT, r < 0 ? r : -EIO,
                           r < 0 ? "reading the artifact of" : "the cache lost the artifact of");
}

/* A cache that is far over its limits may evict what nobody had the time to ask for. */
static bool build_makes_it_again(Build *build, int r) {
        if ((r < 0 && r != -ENOENT) || ++build->n_tries >= BUILD_TRIES_MAX)
                return false;
        build->had_job = false;
        return true;
}

/* An error of the cache is a miss: no caching, but never no compile. */
static void build_on_looked(Work *work, int r) {
        Build *build = container_of(work, Build, work);

        build->busy = false;
        if (build->must_ask && r == 0) {
                build->question.may_ask = true;
                build_run(build);
                return;
        }
        build->asked = false;
        build->toolchain = build->picked;
        if (build->fields)
                build->known = BUILD_KNOWS_KEY;
        if (r == 0)
                build->state = BUILD_STATE_OVER;
        else if (r < 0 && r != -ECANCELED && !build->fields)
                build_decide_error(build, BUILD_TRANSIENT, r, "no key for");
        else if (r != -ECANCELED && build->had_job && !build_makes_it_again(build, r))
                build_miss_artifact(build, r);
        else if (r != -ECANCELED && (build->cancelled || build_fetch(build) < 0))
                build->state = BUILD_STATE_AT_GATE;
        if (build->record || build->state == BUILD_STATE_AT_GATE)
                build_count_lookup(build, build->record);
        build_run(build);
}

/* --- the job ---------------------------------------------------------------------------------- */

static int build_fill_order(Build *build, Order *order) {
        char arch[TARGET_ARCH_MAX];
        const char *name = build->pair.target.name;

        order->key = build->key;
        order->fields = TAKE_PTR(build->fields);
        order->snapshot = *build_snapshot(build, &order->form);
        order->toolchain = toolchain_ref(build->picked);
        order->toolchain_identity = build->toolchain_identity.digest;
        order->fingerprint = build->pair.target.fingerprint;
        order->force = build->force;
        order->size = build->identity.stat.size;
        order->predicted = build->predicted;
        if (build->source_fd >= 0) {
                order->source_fd = fcntl(build->source_fd, F_DUPFD_CLOEXEC, 0);
                if (order->source_fd < 0)
                        return error_from_errno();
        }
        if (build->adopt_fd >= 0) {
                order->adopt_fd = fcntl(build->adopt_fd, F_DUPFD_CLOEXEC, 0);
                if (order->adopt_fd < 0)
                        return error_from_errno();
        }
        target_render_arch(&build->pair.target, arch);
        order->source_path = strdup(build->source_path);
        order->arch_text = strdup(arch);
        order->target_name = name[0] ? strdup(name) : NULL;
        order->options = strdup(build->options ?: "");
        order->net_name = strdup(build->pair.net_name);
        if (strings_dup(&order->unit_target, build->pair.target_name) < 0)
                return -ENOMEM;
        order->adopt_path = build->adopt_path ? strdup(build->adopt_path) : NULL;
        if (build->adopt_path && !order->adopt_path)
                return -ENOMEM;
        if (!order->source_path || !order->arch_text || !order->options || !order->net_name ||
            (name[0] && !order->target_name))
                return -ENOMEM;
        return 0;
}

static void build_on_job_phase(JobPhase phase, void *userdata) {
        static const BuildPhase phases[] = {
                [JOB_PHASE_QUEUED] = BUILD_QUEUED,       [JOB_PHASE_SNAPSHOT] = BUILD_COMPILING,
                [JOB_PHASE_COMPILING] = BUILD_COMPILING, [JOB_PHASE_WRITING] = BUILD_WRITING,
                [JOB_PHASE_CHECKING] = BUILD_CHECKING,   [JOB_PHASE_STORING] = BUILD_STORING,
        };

        build_enter(userdata, phases[phase]);
}

static int build_salvage_work(Work *work) {
        Build *build = container_of(work, Build, work);

        return salvage_view(build->salvage, build->pair.net_name, &build->path);
}

static void build_on_salvaged(Work *work, int r) {
        Build *build = container_of(work, Build, work);

        build->busy = false;
        if (r < 0)
                build_decide_error(build, BUILD_TRANSIENT, r,
                                   "the cache cannot take the artifact of");
        else
                build_decide(build, BUILD_READY, &build->detail);
        build_run(build);
}

static void build_take_salvage(Build *build, const JobResult *result) {
        int r;

        build->salvage = salvage_ref(result->salvage);
        build->detail = result->diagnosis;
        build->state = BUILD_STATE_SHOWING;
        r = build_queue_work(build, WORK_STORE, build_salvage_work, build_on_salvaged);
        if (r < 0)
                build_decide_error(build, BUILD_TRANSIENT, r, "cannot show the artifact of");
}

/* The view of a diagnosis shows the log, under the name of this net. Without it the diagnosis is
 * as good. */
static int build_show_failure_work(Work *work) {
        Build *build = container_of(work, Build, work);
        _cleanup_(record_freep) Record *record = NULL;

        if (cache_load(build->core->cache, &build->key, &record) == 0 &&
            record->kind == RECORD_FAILURE)
                (void) artifact_view(build->core->cache, record, build->pair.net_name,
                                     &build->path);
        return 0;
}

static void build_on_failure_shown(Work *work, int r) {
        Build *build = container_of(work, Build, work);

        (void) r;
        build->busy = false;
        build->state = BUILD_STATE_OVER;
        build_run(build);
}

static void build_take_failure(Build *build, const JobResult *result) {
        build_judge(build, BUILD_FAILED, &result->diagnosis);
        build->state = build_queue_work(build, WORK_STORE, build_show_failure_work,
                                        build_on_failure_shown) < 0
                               ? BUILD_STATE_OVER
                               : BUILD_STATE_SHOWING;
}

static void build_again(Build *build, const JobResult *result) {
        if (++build->n_tries >= BUILD_TRIES_MAX) {
                Problem problem = {};

                (void) problem_set(&problem, 0, "%s does not stop changing%s%s", build->source_path,
                                   result->diagnosis.text[0] ? ": " : "", result->diagnosis.text);
                build_decide(build, BUILD_TRANSIENT, &problem);
                return;
        }
        build->known = BUILD_KNOWS_NOTHING;
        build->fetched = false;
        build->state = BUILD_STATE_IDENTIFYING;
}

static void build_on_job(const JobResult *result, void *userdata) {
        Build *build = userdata;

        build->busy = false;
        build->ticket = NULL;
        switch (result->outcome) {
        case JOB_MADE:
                build->force = false;
                build->had_job = true;
                build->known = BUILD_KNOWS_IDENTITY;
                build->state = BUILD_STATE_LOOKING;
                break;
        case JOB_FAILED:
                build->had_job = true;
                build_take_failure(build, result);
                break;
        case JOB_UNSTORED:
                build->had_job = true;
                build_take_salvage(build, result);
                break;
        case JOB_TRANSIENT:
        case JOB_BUSY:
        case JOB_STOPPED:
                build->unread = result->unread;
                build_decide(build, BUILD_TRANSIENT, &result->diagnosis);
                break;
        case JOB_REFUSED:
                if (build->adopt_fd >= 0) {
                        build_decide(build, BUILD_NOT_RIGHT, &result->diagnosis);
                        break;
                }
                build_again(build, result); /* that was somebody else's file: compile */
                break;
        case JOB_STALE:
                build_again(build, result);
                break;
        case JOB_CANCELLED:
                build->cancelled = true;
                break;
        }
        build_run(build);
}

static int build_join(Build *build) {
        static const TicketHandlers handlers = {
                .phase = build_on_job_phase,
                .done = build_on_job,
        };
        _cleanup_(order_unrefp) Order *order = NULL;
        int r;

        r = order_new(&order);
        if (r < 0)
                return r;
        r = build_fill_order(build, order);
        if (r < 0)
                return r;
        r = queue_join(build->core->queue, order, build->priority, &handlers, build,
                       &build->ticket);
        if (r < 0)
                return r;
        build->busy = true;
        build_on_job_phase(ticket_phase(build->ticket), build); /* the job may be on its way */
        return 0;
}

/* --- the machine ------------------------------------------------------------------------------ */

static const Identity *build_identity(const Build *build) {
        return build->known >= BUILD_KNOWS_IDENTITY ? &build->identity : NULL;
}

static void build_finish(Build *build) {
        SnapshotForm form;
        const Record *record = build->record;
        BuildResult result = {
                .outcome = build->state == BUILD_STATE_OVER ? build->outcome : BUILD_CANCELLED,
                .detail = build->detail,
                .identity = build_identity(build),
                .key = build_key(build),
                .toolchain = build_toolchain(build),
                .toolchain_identity = build->toolchain_identity.digest,
                .snapshot = build_identity(build) && build->toolchain ? build_snapshot(build, &form)
                                                                      : NULL,
                .path = build->path,
                .hit = record && !build->had_job,
                .unread = build->unread,
                .salvage = build->salvage,
        };

        if (record && record->kind == RECORD_SUCCESS) {
                result.fingerprint = record->facts.has_fingerprint ? record->facts.fingerprint : 0;
                result.no_dpu_code = record->facts.no_dpu_code;
                result.warning = artifact_warning(record);
                result.adopted = record_provenance(record, ARTIFACT_ADOPTED_TAG);
        }
        build->handlers.done(build, &result, build->userdata);
        (void) build_free(build);
}

static int build_start_looking(Build *build) {
        if (build->identity.class != XMODEL_QUANTIZED) {
                build_decide(build, BUILD_NOT_SOURCE, &build->identity.reason);
                return 0;
        }
        if (build->question.may_ask)
                return build_queue_work(build, WORK_ENGINE, build_ask_work, build_on_asked);
        if (!build->asked)
                build->question.since_ns = clock_monotonic_ns();
        build_enter(build, BUILD_LOOKING);
        return build_queue_work(build, WORK_QUICK, build_look_work, build_on_looked);
}

static int build_step(Build *build) {
        switch (build->state) {
        case BUILD_STATE_IDENTIFYING:
                build_enter(build, BUILD_HASHING);
                return build_queue_work(build, WORK_HASH, build_identify_work, build_on_identified);
        case BUILD_STATE_LOOKING:
                return build_start_looking(build);
        case BUILD_STATE_AT_GATE:
                build->busy = true;
                build_enter(build, BUILD_AT_GATE);
                build->handlers.gate(build, build->userdata); /* it may be on its way already */
                return 0;
        case BUILD_STATE_FETCHING: /* busy until that is over */
        case BUILD_STATE_MAKING:   /* busy until the job is done */
        case BUILD_STATE_SHOWING:  /* and then with that */
        case BUILD_STATE_OVER:
                break;
        }
        return 0;
}

static void build_run(Build *build) {
        int r;

        while (!build->busy && build->state != BUILD_STATE_OVER && !build->cancelled) {
                r = build_step(build);
                if (r < 0)
                        build_decide_error(build, BUILD_TRANSIENT, r, "cannot work on");
        }
        if (!build->busy)
                build_finish(build);
}

void build_go(Build *build) {
        int r;

        if (!build_is_at_gate(build))
                return;
        build->state = BUILD_STATE_MAKING;
        build->phase = BUILD_QUEUED;
        r = build_join(build);
        if (r < 0) {
                build_decide_error(build, BUILD_TRANSIENT, r, "cannot queue");
                build_run_later(build);
        }
}

void build_cancel(Build *build) {
        if (build->cancelled)
                return;
        build->cancelled = true;
        if (build->ticket)
                ticket_cancel(build->ticket);
        else if (build->state == BUILD_STATE_AT_GATE)
                build_run_later(build);
        else if (build->fetch) {
                tiers_leave(TAKE_PTR(build->fetch));
                build_run_later(build);
        } else
                work_cancel(&build->work);
}

void build_hurry(Build *build) {
        if (build->ticket)
                ticket_hurry(build->ticket);
}

void build_prefer(Build *build) {
        build->priority.client = true;
        work_prefer(&build->work);
        if (build->ticket)
                ticket_prefer(build->ticket);
        if (build->fetch)
                tiers_prefer(build->fetch);
}

bool build_is_at_gate(const Build *build) {
        return build->state == BUILD_STATE_AT_GATE && build->busy && !build->cancelled;
}

bool build_is_cancelled(const Build *build) {
        return build->cancelled;
}

static int build_copy(Build *build, const BuildSpec *spec) {
        if (strings_dup(&build->source_path, spec->source_path) < 0 ||
            strings_dup(&build->options, spec->options) < 0 ||
            strings_dup(&build->root, spec->root) < 0 ||
            strings_dup(&build->toolchain_name, spec->toolchain) < 0 ||
            strings_dup(&build->adopt_path, spec->adopt_path) < 0)
                return -ENOMEM;
        return pair_copy(&build->pair, spec->pair);
}

int build_start(Build **ret, Core *core, const BuildSpec *spec, const BuildHandlers *handlers,
                void *userdata) {
        _cleanup_(build_freep) Build *build = NULL;
        int r;

        if (spec->identity && spec->identity->class != XMODEL_QUANTIZED)
                return -EINVAL;
        build = calloc(1, sizeof(*build));
        if (!build)
                return -ENOMEM;
        build->core = core;
        build->handlers = *handlers;
        build->userdata = userdata;
        build->source_fd = build->adopt_fd = -1;
        build->toolchains = toolchains_ref(core->toolchains);
        build->verbatim = spec->verbatim;
        build->priority = spec->priority;
        build->force = spec->force;
        r = build_copy(build, spec);
        if (r < 0)
                return r;
        if (spec->identity) {
                build->identity = *spec->identity;
                build->known = BUILD_KNOWS_IDENTITY;
                build->state = BUILD_STATE_LOOKING;
        }

        build->source_fd = spec->source_fd;
        build->adopt_fd = spec->adopt_fd;
        r = build_step(build);
        if (r < 0) {
                build->source_fd = build->adopt_fd = -1;
                return r;
        }
        *ret = TAKE_PTR(build);
        return 0;
}

BuildPhase build_phase(const Build *build) {
        return build->phase;
}

const char *build_phase_name(BuildPhase phase) {
        switch (phase) {
        case BUILD_HASHING:
                return "hashing";
        case BUILD_LOOKING:
                return "looking up";
        case BUILD_FETCHING:
                return "fetching";
        case BUILD_AT_GATE:
                return "settling";
        case BUILD_QUEUED:
                return queue_phase_name(JOB_PHASE_QUEUED);
        case BUILD_COMPILING:
                return queue_phase_name(JOB_PHASE_COMPILING);
        case BUILD_WRITING:
                return queue_phase_name(JOB_PHASE_WRITING);
        case BUILD_CHECKING:
                return queue_phase_name(JOB_PHASE_CHECKING);
        case BUILD_STORING:
                return queue_phase_name(JOB_PHASE_STORING);
        }
        return "";
}

uint32_t build_position(const Build *build) {
        return build->ticket ? ticket_position(build->ticket) : 0;
}

int64_t build_left_ms(const Build *build) {
        uint64_t left = build->ticket ? ticket_left_ms(build->ticket) : ESTIMATE_UNKNOWN;

        return left == ESTIMATE_UNKNOWN ? -1 : (int64_t) left;
}

const Digest *build_key(const Build *build) {
        return build->known == BUILD_KNOWS_KEY ? &build->key : NULL;
}

const char *build_toolchain(const Build *build) {
        return build->toolchain ? toolchain_name(build->toolchain) : NULL;
}
