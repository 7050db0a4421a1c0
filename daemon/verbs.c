#include "daemon/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "cache/cache.h"
#include "cache/collector.h"
#include "cache/index.h"
#include "daemon/call.h"
#include "daemon/control.h"
#include "daemon/engine.h"
#include "daemon/field.h"
#include "daemon/inquiry.h"
#include "daemon/inventory.h"
#include "daemon/listing.h"
#include "daemon/message.h"
#include "daemon/upkeep.h"

#define VERBS_STATISTICS_MAX 256
#define VERBS_HISTOGRAMS_MAX 8

typedef Dpucc__Wire__Outcome Outcome;
typedef Dpucc__Wire__Reply Reply;
typedef Dpucc__Wire__Request Request;

/* ---- get and wait: answered later --------------------------------------------------------- */

static void verbs_on_progress(const AskProgress *progress, void *userdata) {
        Dpucc__Wire__Progress message = DPUCC__WIRE__PROGRESS__INIT;
        Reply reply = DPUCC__WIRE__REPLY__INIT;

        message.phase = (char *) progress->phase;
        message.has_elapsed_ms = true;
        message.elapsed_ms = progress->elapsed_ms;
        message.has_queue_position = true;
        message.queue_position = progress->queue_position;
        message.has_left_ms = progress->left_ms >= 0;
        message.left_ms = (uint64_t) progress->left_ms;
        reply.progress = &message;
        (void) call_progress(userdata, &reply);
}

/* what every final reply to an ask has */
static void verbs_fill_result(const AskResult *result, Reply *ret) {
        ret->message = (char *) result->message;
        ret->hints = (char **) result->hints;
        ret->n_hints = result->n_hints;
        ret->has_again = ret->again = result->again;
}

static int verbs_dup(int fd) {
        return fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
}

/* what cannot be had of it is left out: the answer does not depend on it */
static void verbs_send_log(Call *call, int fd) {
        _cleanup_(bytes_cleanup) Bytes log = BYTES_INIT(CALL_LOG_MAX);

        if (fd >= 0 && file_read_fd(fd, &log) == 0)
                call_send_log(call, bytes_slice(&log));
}

static void verbs_on_got(const AskResult *result, void *userdata) {
        Dpucc__Wire__GetReply get = DPUCC__WIRE__GET_REPLY__INIT;
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        _cleanup_(unit_message_deinit) UnitMessage unit = {};
        const Problem none = {};
        BasisMessage basis;
        Call *call = userdata;
        int r = 0;

        call->ask = NULL;
        if (result->unit)
                r = message_from_unit(result->unit, &unit);
        if (r < 0) { /* an answer without it would be no answer */
                call_fail(call, r, &none);
                return;
        }
        verbs_send_log(call, result->log_fd);
        verbs_fill_result(result, &reply);
        if (result->unit) {
                message_from_basis(&result->basis, &basis);
                get.unit = &unit.unit;
                get.has_path = result->path != NULL;
                get.path = message_bytes(result->path);
                get.has_hit = true;
                get.hit = result->hit;
                get.basis = &basis.basis;
                get.notes = (char **) result->notes;
                get.n_notes = result->n_notes;
                reply.body_case = DPUCC__WIRE__REPLY__BODY_GET;
                reply.get = &get;
        }
        call_end(call, (Outcome) result->outcome, &reply, verbs_dup(result->artifact_fd));
}

static void verbs_on_waited(const AskResult *result, void *userdata) {
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        Call *call = userdata;

        call->ask = NULL;
        verbs_fill_result(result, &reply);
        call_end(call, (Outcome) result->outcome, &reply, -1);
}

static void verbs_on_event(const EventView *view, void *userdata) {
        _cleanup_(event_message_deinit) EventMessage message = {};
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        Call *call = userdata;

        if (message_from_event(view, &message) < 0) {
                call->n_left_out++;
                return;
        }
        message.event.has_n_left_out = call->n_left_out > 0;
        message.event.n_left_out = call->n_left_out;
        reply.event = &message.event;
        if (call_progress(call, &reply))
                call->n_left_out = 0;
        else
                call->n_left_out++;
}

/* the paths of a Get as strings */
typedef struct GetPaths {
        char *source;
        char *arch;
        char *output_dir;
        char *adopt;
} GetPaths;

static void verbs_free_paths(GetPaths *paths) {
        free(paths->source);
        free(paths->arch);
        free(paths->output_dir);
        free(paths->adopt);
}

static int verbs_read_paths(const Dpucc__Wire__Get *get, GetPaths *ret, Problem *problem) {
        int r;

        r = field_path(get->source_path, &ret->source, problem);
        if (r == 0)
                r = field_optional_path(get->has_arch_path, get->arch_path, &ret->arch, problem);
        if (r == 0)
                r = field_optional_path(get->has_output_dir, get->output_dir, &ret->output_dir,
                                        problem);
        if (r == 0)
                r = field_optional_path(get->has_adopt_path, get->adopt_path, &ret->adopt, problem);
        return r;
}

static int verbs_get_ask(Engine *engine, Call *call, const Dpucc__Wire__Get *get,
                         const GetPaths *paths, Frame *frame, Problem *problem) {
        static const AskHandlers handlers = { .progress = verbs_on_progress, .done = verbs_on_got };
        const GetSpec spec = {
                .source_fd = frame->fds[0],
                .source_path = paths->source,
                .arch_fd = get->has_arch_path ? frame->fds[1] : -1,
                .arch_path = paths->arch,
                .target = get->target,
                .toolchain = get->toolchain,
                .net_name = get->net_name,
                .output_dir = paths->output_dir,
                .output_dir_fd = get->has_output_dir ? frame->fds[1 + !!get->has_arch_path] : -1,
                .adopt_fd = get->has_adopt_path ? frame->fds[frame->n_fds - 1] : -1,
                .adopt_path = paths->adopt,
                .options = get->options,
                .umask = get->has_umask ? (int) (get->umask & 0777) : -1,
                .overwrite = get->has_overwrite && get->overwrite,
                .wait = get->has_wait && get->wait,
                .force = get->has_force && get->force,
                .want_fd = get->has_want_fd && get->want_fd,
                .want_log = get->has_want_log && get->want_log,
                .require_dpu = get->has_require_dpu && get->require_dpu,
        };
        int r;

        r = engine_get(engine, &spec, &handlers, call, &call->ask, problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < frame->n_fds; i++)
                (void) frame_take_fd(frame, i); /* the engine's now */
        return 0;
}

static void verbs_get(const Verbs *verbs, Call *call, const Dpucc__Wire__Get *get, Frame *frame) {
        _cleanup_(verbs_free_paths) GetPaths paths = {};
        Problem problem = {};
        int r;

        if (frame->n_fds != 1 + (size_t) !!get->has_arch_path + (size_t) !!get->has_output_dir +
                                    (size_t) !!get->has_adopt_path)
                r = problem_set(&problem, -EINVAL,
                                "the request has %zu descriptors instead of one for each file it "
                                "names",
                                frame->n_fds);
        else
                r = verbs_read_paths(get, &paths, &problem);
        if (r == 0)
                r = verbs_get_ask(verbs->engine, call, get, &paths, frame, &problem);
        if (r < 0)
                call_fail(call, r, &problem);
}

static void verbs_wait(const Verbs *verbs, Call *call, const Dpucc__Wire__WaitRequest *wait) {
        static const AskHandlers handlers = { .progress = verbs_on_progress,
                                              .done = verbs_on_waited };
        _cleanup_(freep) char *path = NULL;
        Problem problem = {};
        int r;

        r = field_optional_path(wait->has_path, wait->path, &path, &problem);
        if (r == 0 && !path && !wait->all)
                r = problem_set(&problem, -EINVAL, "wait needs a path, or all");
        if (r == 0)
                r = engine_wait(verbs->engine, wait->all ? NULL : path, &handlers, call, &call->ask,
                                &problem);
        if (r < 0)
                call_fail(call, r, &problem);
}

/* ---- doctor ------------------------------------------------------------------------------- */

static void verbs_end_examined(Call *call, const AskResult *result, FindingMessages *messages) {
        Dpucc__Wire__DoctorReply doctor = DPUCC__WIRE__DOCTOR_REPLY__INIT;
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        char version[] = DPUCC_VERSION;

        doctor.version = version;
        doctor.pid = (uint32_t) getpid();
        doctor.findings = messages->pointers;
        doctor.n_findings = result->n_findings;
        verbs_fill_result(result, &reply);
        reply.body_case = DPUCC__WIRE__REPLY__BODY_DOCTOR;
        reply.doctor = &doctor;
        call_end(call, (Outcome) result->outcome, &reply, -1);
}

static void verbs_on_examined(const AskResult *result, void *userdata) {
        _cleanup_(finding_messages_deinit) FindingMessages messages = {};
        Problem problem = {};
        Call *call = userdata;
        int r;

        call->ask = NULL;
        r = message_from_findings(result->findings, result->n_findings, &messages);
        if (r < 0)
                call_fail(call, r, &problem);
        else
                verbs_end_examined(call, result, &messages);
}

static void verbs_doctor(const Verbs *verbs, Call *call,
                         const Dpucc__Wire__DoctorRequest *request) {
        static const AskHandlers handlers = { .progress = verbs_on_progress,
                                              .done = verbs_on_examined };
        Problem problem = {};
        int r;

        r = engine_examine(verbs->engine, request->toolchain, &handlers, call, &call->ask,
                           &problem);
        if (r < 0)
                call_fail(call, r, &problem);
}

static void verbs_monitor(const Verbs *verbs, Call *call,
                          const Dpucc__Wire__MonitorRequest *monitor) {
        static const AskHandlers handlers = { .event = verbs_on_event, .done = verbs_on_waited };
        _cleanup_(freep) char *path = NULL;
        Problem problem = {};
        int r;

        r = field_optional_path(monitor->has_path, monitor->path, &path, &problem);
        if (r == 0)
                r = engine_monitor(verbs->engine, path, &handlers, call, &call->ask, &problem);
        if (r < 0)
                call_fail(call, r, &problem);
}

/* ---- what there is ------------------------------------------------------------------------ */

static int verbs_collect(Engine *engine, Inventory *inventory) {
        int r;

        r = inventory_take_roots(inventory, engine);
        if (r == 0)
                r = inventory_take_units(inventory, engine);
        if (r == 0)
                r = inventory_take_jobs(inventory, engine);
        if (r == 0)
                r = inventory_take_warnings(inventory, engine);
        return r;
}

static void verbs_end_status(Engine *engine, Call *call, const Inventory *inventory) {
        Dpucc__Wire__StatusReply status = DPUCC__WIRE__STATUS_REPLY__INIT;
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        char version[] = DPUCC_VERSION;

        status.version = version;
        status.pid = (uint32_t) getpid();
        status.roots = inventory->roots;
        status.n_roots = inventory->n_roots;
        status.has_n_roots_left_out = true;
        status.n_roots_left_out = inventory->n_roots_left_out;
        status.units = inventory->units;
        status.n_units = inventory->n_units;
        status.jobs = inventory->jobs;
        status.n_jobs = inventory->n_jobs;
        status.has_n_jobs_left_out = status.has_paused = true;
        status.n_jobs_left_out = inventory->n_jobs_left_out;
        status.paused = engine_is_paused(engine);
        status.warnings = inventory->warnings;
        status.n_warnings = inventory->n_warnings;
        status.has_n_queued = status.has_n_running = status.has_n_units_left_out = true;
        status.n_queued = engine_n_queued(engine);
        status.n_running = engine_n_running(engine);
        status.n_units_left_out = inventory->n_units_left_out;
        reply.body_case = DPUCC__WIRE__REPLY__BODY_STATUS;
        reply.status = &status;
        call_end(call, DPUCC__WIRE__OUTCOME__DONE, &reply, -1);
}

static void verbs_status(const Verbs *verbs, Call *call,
                         const Dpucc__Wire__StatusRequest *request) {
        _cleanup_(inventory_deinit) Inventory inventory = {};
        _cleanup_(freep) char *path = NULL;
        Problem problem = {};
        int r;

        r = field_optional_path(request->has_path, request->path, &path, &problem);
        inventory.beneath = path;
        if (r == 0)
                r = verbs_collect(verbs->engine, &inventory);
        if (r < 0)
                call_fail(call, r, &problem);
        else
                verbs_end_status(verbs->engine, call, &inventory);
}

static void verbs_roots(const Verbs *verbs, Call *call) {
        _cleanup_(inventory_deinit) Inventory inventory = {};
        Dpucc__Wire__RootList list = DPUCC__WIRE__ROOT_LIST__INIT;
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        Problem problem = {};
        int r;

        r = inventory_take_roots(&inventory, verbs->engine);
        if (r < 0) {
                call_fail(call, r, &problem);
                return;
        }
        list.roots = inventory.roots;
        list.n_roots = inventory.n_roots;
        list.has_n_roots_left_out = true;
        list.n_roots_left_out = inventory.n_roots_left_out;
        reply.body_case = DPUCC__WIRE__REPLY__BODY_ROOTS;
        reply.roots = &list;
        call_end(call, DPUCC__WIRE__OUTCOME__DONE, &reply, -1);
}

/* names are literals of the engine: borrowed */
typedef struct StatisticsReply {
        Dpucc__Wire__Statistic statistics[VERBS_STATISTICS_MAX];
        Dpucc__Wire__Statistic *pointers[VERBS_STATISTICS_MAX];
        size_t n;
} StatisticsReply;

static void verbs_add_statistic(const char *name, uint64_t value, void *userdata) {
        StatisticsReply *all = userdata;
        Dpucc__Wire__Statistic *statistic = &all->statistics[all->n];

        if (all->n == VERBS_STATISTICS_MAX)
                return;
        dpucc__wire__statistic__init(statistic);
        statistic->name = (char *) name;
        statistic->value = value;
        all->pointers[all->n++] = statistic;
}

typedef struct HistogramMessage {
        Dpucc__Wire__Histogram histogram;
        Dpucc__Wire__Bucket buckets[HISTOGRAM_BUCKETS];
        Dpucc__Wire__Bucket *pointers[HISTOGRAM_BUCKETS];
} HistogramMessage;

typedef struct HistogramsReply {
        HistogramMessage messages[VERBS_HISTOGRAMS_MAX];
        Dpucc__Wire__Histogram *pointers[VERBS_HISTOGRAMS_MAX];
        size_t n;
} HistogramsReply;

static void verbs_add_bucket(HistogramMessage *message, uint64_t up_to, uint64_t count) {
        Dpucc__Wire__Histogram *histogram = &message->histogram;
        Dpucc__Wire__Bucket *bucket = &message->buckets[histogram->n_buckets];

        if (count == 0)
                return;
        dpucc__wire__bucket__init(bucket);
        bucket->up_to = up_to;
        bucket->count = count;
        histogram->count += count;
        message->pointers[histogram->n_buckets++] = bucket;
}

static void verbs_add_histogram(const char *name, const Histogram *from, void *userdata) {
        HistogramsReply *all = userdata;
        HistogramMessage *message = &all->messages[all->n];

        if (all->n == VERBS_HISTOGRAMS_MAX)
                return;
        dpucc__wire__histogram__init(&message->histogram);
        message->histogram.name = (char *) name;
        message->histogram.sum = from->sum;
        message->histogram.buckets = message->pointers;
        for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
                verbs_add_bucket(message, histogram_bound(i), from->counts[i]);
        all->pointers[all->n++] = &message->histogram;
}

static void verbs_stats(const Verbs *verbs, Call *call) {
        Dpucc__Wire__StatisticList list = DPUCC__WIRE__STATISTIC_LIST__INIT;
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        HistogramsReply histograms;
        StatisticsReply all;

        all.n = histograms.n = 0;
        engine_each_statistic(verbs->engine, verbs_add_statistic, &all);
        list.statistics = all.pointers;
        list.n_statistics = all.n;
        engine_each_histogram(verbs->engine, verbs_add_histogram, &histograms);
        list.histograms = histograms.pointers;
        list.n_histograms = histograms.n;
        reply.body_case = DPUCC__WIRE__REPLY__BODY_STATS;
        reply.stats = &list;
        call_end(call, DPUCC__WIRE__OUTCOME__DONE, &reply, -1);
}

/* ---- workspaces --------------------------------------------------------------------------- */

static void verbs_watch(const Verbs *verbs, Call *call, const Dpucc__Wire__WatchRequest *watch) {
        Dpucc__Wire__Root root;
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        _cleanup_(freep) char *path = NULL;
        Problem problem = {};
        RootView view;
        int r;

        r = field_path(watch->path, &path, &problem);
        if (r == 0)
                r = engine_watch(verbs->engine, path, watch->has_trust && watch->trust, &view,
                                 &problem);
        if (r < 0) {
                call_fail(call, r, &problem);
                return;
        }
        message_from_root(&view, &root);
        reply.body_case = DPUCC__WIRE__REPLY__BODY_WATCH;
        reply.watch = &root;
        call_end(call, DPUCC__WIRE__OUTCOME__DONE, &reply, -1);
}

static void verbs_unwatch(const Verbs *verbs, Call *call,
                          const Dpucc__Wire__UnwatchRequest *unwatch) {
        _cleanup_(freep) char *path = NULL;
        Problem problem = {};
        int r;

        r = field_path(unwatch->path, &path, &problem);
        if (r == 0)
                r = engine_unwatch(verbs->engine, path, &problem);
        if (r < 0)
                call_fail(call, r, &problem);
        else
                call_end_with(call, DPUCC__WIRE__OUTCOME__DONE, NULL);
}

/* ---- the cache ---------------------------------------------------------------------------- */

/* who waits for a pass of eviction */
typedef struct Collecting {
        Engine *engine;
        Call *call;
} Collecting;

static void verbs_on_collected(int r, const CollectorResult *result, void *userdata) {
        Dpucc__Wire__GcReply gc = DPUCC__WIRE__GC_REPLY__INIT;
        _cleanup_(freep) Collecting *collecting = userdata;
        const Index *index = cache_index(engine_cache(collecting->engine));
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        Problem problem = {};

        if (r < 0) {
                (void) problem_set(&problem, r, "nothing more can be removed: %s", strerror(-r));
                call_fail(collecting->call, r, &problem);
                return;
        }
        gc.has_evicted = gc.has_expired = gc.has_freed_bytes = gc.has_orphans = true;
        gc.has_pinned = gc.has_leased = gc.has_in_use = gc.has_failed = gc.has_satisfied = true;
        gc.has_entries = gc.has_bytes = true;
        gc.evicted = result->evicted;
        gc.expired = result->expired;
        gc.freed_bytes = result->freed_bytes;
        gc.orphans = result->orphans;
        gc.pinned = result->pinned;
        gc.leased = result->leased;
        gc.in_use = result->in_use;
        gc.failed = result->failed;
        gc.satisfied = result->satisfied;
        gc.entries = index_totals(index).entries;
        gc.bytes = index_totals(index).bytes;
        reply.body_case = DPUCC__WIRE__REPLY__BODY_GC;
        reply.gc = &gc;
        call_end(collecting->call, DPUCC__WIRE__OUTCOME__DONE, &reply, -1);
}

static void verbs_gc(const Verbs *verbs, Call *call) {
        Collecting *collecting = malloc(sizeof(*collecting));
        Problem problem = {};
        int r = -ENOMEM;

        if (collecting) {
                *collecting = (Collecting){ .engine = verbs->engine, .call = call };
                r = engine_collect(verbs->engine, verbs_on_collected, collecting, &problem);
        }
        if (r < 0) {
                free(collecting);
                call_fail(call, r, &problem);
        }
}

/* ---- the daemon itself -------------------------------------------------------------------- */

static void verbs_reload(const Verbs *verbs, Call *call) {
        Problem problem = {};
        int r;

        r = verbs->reload(&problem, verbs->userdata);
        if (r < 0)
                call_fail(call, r, &problem);
        else
                call_end_with(call, DPUCC__WIRE__OUTCOME__DONE, NULL);
}

/* the reply goes out while the daemon drains */
static void verbs_shutdown(const Verbs *verbs, Call *call) {
        call_end_with(call, DPUCC__WIRE__OUTCOME__DONE, NULL);
        verbs->shutdown(verbs->userdata);
}

/* Both calls end: this one now, the other one when the engine has let go of it. */
static void verbs_cancel(Call *call, uint32_t id) {
        Call *other = call->calls ? calls_find(call->calls, id) : NULL;

        if (!other || !other->ask) {
                call_end_with(call, DPUCC__WIRE__OUTCOME__NOT_FOUND,
                              "no such request is being worked on");
                return;
        }
        ask_cancel(other->ask);
        call_end_with(call, DPUCC__WIRE__OUTCOME__DONE, NULL);
}

static bool verbs_is_for_daemon(const Request *request) {
        static const Dpucc__Wire__Request__BodyCase bodies[] = {
                DPUCC__WIRE__REQUEST__BODY_STATUS,      DPUCC__WIRE__REQUEST__BODY_ROOTS,
                DPUCC__WIRE__REQUEST__BODY_WATCH,       DPUCC__WIRE__REQUEST__BODY_UNWATCH,
                DPUCC__WIRE__REQUEST__BODY_WAIT,        DPUCC__WIRE__REQUEST__BODY_STATS,
                DPUCC__WIRE__REQUEST__BODY_RELOAD,      DPUCC__WIRE__REQUEST__BODY_SHUTDOWN,
                DPUCC__WIRE__REQUEST__BODY_PAUSE,       DPUCC__WIRE__REQUEST__BODY_RESUME,
                DPUCC__WIRE__REQUEST__BODY_CANCEL_JOBS, DPUCC__WIRE__REQUEST__BODY_MONITOR,
        };

        for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
                if (bodies[i] == request->body_case)
                        return true;
        return false;
}

static void verbs_refuse(const Verbs *verbs, Call *call) {
        Reply reply = DPUCC__WIRE__REPLY__INIT;
        char message[] = "the daemon is stopping";

        reply.message = message;
        reply.has_again = reply.again = verbs->again;
        call_end(call, DPUCC__WIRE__OUTCOME__FAILED, &reply, -1);
}

void verbs_start(Call *call, const Request *request, Frame *frame, void *userdata) {
        const Verbs *verbs = userdata;

        if (!verbs->engine) {
                verbs_refuse(verbs, call);
                return;
        }
        if (verbs->once && verbs_is_for_daemon(request)) {
                call_end_with(call, DPUCC__WIRE__OUTCOME__USAGE,
                              "this is about the daemon: leave out --no-daemon");
                return;
        }

        switch (request->body_case) {
        case DPUCC__WIRE__REQUEST__BODY_GET:
                verbs_get(verbs, call, request->get, frame);
                return;
        case DPUCC__WIRE__REQUEST__BODY_WAIT:
                verbs_wait(verbs, call, request->wait);
                return;
        case DPUCC__WIRE__REQUEST__BODY_STATUS:
                verbs_status(verbs, call, request->status);
                return;
        case DPUCC__WIRE__REQUEST__BODY_ROOTS:
                verbs_roots(verbs, call);
                return;
        case DPUCC__WIRE__REQUEST__BODY_STATS:
                verbs_stats(verbs, call);
                return;
        case DPUCC__WIRE__REQUEST__BODY_WATCH:
                verbs_watch(verbs, call, request->watch);
                return;
        case DPUCC__WIRE__REQUEST__BODY_UNWATCH:
                verbs_unwatch(verbs, call, request->unwatch);
                return;
        case DPUCC__WIRE__REQUEST__BODY_LIST:
                listing_send(verbs->engine, call, request->list);
                return;
        case DPUCC__WIRE__REQUEST__BODY_SHOW:
                inquiry_show(verbs->engine, call, request->show->selector);
                return;
        case DPUCC__WIRE__REQUEST__BODY_LOG:
                inquiry_log(verbs->engine, call, request->log->selector);
                return;
        case DPUCC__WIRE__REQUEST__BODY_WHY:
                inquiry_why(verbs->engine, call, request->why->selector);
                return;
        case DPUCC__WIRE__REQUEST__BODY_OPEN:
                inquiry_open(verbs->engine, call, request->open->selector);
                return;
        case DPUCC__WIRE__REQUEST__BODY_RELOAD:
                verbs_reload(verbs, call);
                return;
        case DPUCC__WIRE__REQUEST__BODY_SHUTDOWN:
                verbs_shutdown(verbs, call);
                return;
        case DPUCC__WIRE__REQUEST__BODY_MONITOR:
                verbs_monitor(verbs, call, request->monitor);
                return;
        case DPUCC__WIRE__REQUEST__BODY_CANCEL_JOBS:
                control_cancel(verbs->engine, call, request->cancel_jobs);
                return;
        case DPUCC__WIRE__REQUEST__BODY_PAUSE:
                control_pause(verbs->engine, call, true);
                return;
        case DPUCC__WIRE__REQUEST__BODY_RESUME:
                control_pause(verbs->engine, call, false);
                return;
        case DPUCC__WIRE__REQUEST__BODY_CANCEL:
                verbs_cancel(call, request->cancel);
                return;
        case DPUCC__WIRE__REQUEST__BODY_GC:
                verbs_gc(verbs, call);
                return;
        case DPUCC__WIRE__REQUEST__BODY_PIN:
                inquiry_pin(verbs->engine, call, request->pin);
                return;
        case DPUCC__WIRE__REQUEST__BODY_DOCTOR:
                verbs_doctor(verbs, call, request->doctor);
                return;
        case DPUCC__WIRE__REQUEST__BODY_FSCK:
                upkeep_fsck(verbs->engine, call, request->fsck);
                return;
        case DPUCC__WIRE__REQUEST__BODY__NOT_SET:
        case _DPUCC__WIRE__REQUEST__BODY__CASE_IS_INT_SIZE:
                break;
        }
        call_end_with(call, DPUCC__WIRE__OUTCOME__USAGE,
                      "this daemon does not know that request: is it older than the client?");
}
